/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: reads files and finds the source that knows their shape.
 *
 *	path ─┬─ file, "-" ──▶ load ─▶ whose keys are these? ─▶ source.scan ─▶ inventory
 *	      └─ directory ──▶ its best set of known files, each of them as above
 *
 * The bytes are bounded before they are read, the values before they are parsed, the nesting
 * by the parser. People paste terminal output: a byte order mark and log lines in front of the
 * first '{' are blanked out, not cut off, so that line numbers in errors stay true.
 */
#include "base.h"

#include <stdarg.h>

#include "fsio.h"
#include "source.h"

const char *const object_kind_names[] = { "namespace", "topic", "group", NULL };

#define SOURCE(id) extern const struct source source_##id;
#include "sources.def"

const struct source *const sources[] = {
#define SOURCE(id) &source_##id,
#include "sources.def"
	NULL
};

void inventory_init(struct inventory *inv)
{
	*inv = (struct inventory){ .masters = 1 };
	arena_init(&inv->mem);
}

void inventory_release(struct inventory *inv)
{
	mem_free(inv->items);
	mem_free(inv->system);
	mem_free(inv->notes);
	mem_free(inv->spaces);
	arena_release(&inv->mem);
	*inv = (struct inventory){ 0 };
}

struct found *inventory_add(struct inventory *inv, enum object_kind kind, const char *name)
{
	struct found *f;

	if (inv->n == inv->cap) {
		inv->cap = inv->cap ? 2 * inv->cap : 64;
		inv->items = mem_grow(inv->items, inv->cap * sizeof(*inv->items));
	}
	f = &inv->items[inv->n++];
	*f = (struct found){ .kind = kind, .name = arena_str(&inv->mem, name) };
	return f;
}

/* Both lists are short: a handful of brokers, a handful of remarks. */
static void list_add(const char ***list, size_t *n, const char *s)
{
	*list = mem_grow(*list, (*n + 1) * sizeof(**list));
	(*list)[(*n)++] = s;
}

void inventory_add_system(struct inventory *inv, const char *topic)
{
	if (!inventory_is_system(inv, topic))
		list_add(&inv->system, &inv->n_system, arena_str(&inv->mem, topic));
}

bool inventory_is_system(const struct inventory *inv, const char *topic)
{
	for (size_t i = 0; i < inv->n_system; i++)
		if (!strcmp(inv->system[i], topic))
			return true;
	return false;
}

void inventory_add_space(struct inventory *inv, const char *from, const char *to)
{
	struct arena *mem = &inv->mem;

	for (size_t i = 0; i < inv->n_spaces; i++)
		if (!strcmp(inv->spaces[i].from, from))
			return;
	inv->spaces = mem_grow(inv->spaces, (inv->n_spaces + 1) * sizeof(*inv->spaces));
	inv->spaces[inv->n_spaces++] =
		(struct ns_pair){ arena_str(mem, from), arena_str(mem, to) };
}

void inventory_note(struct inventory *inv, const char *fmt, ...)
{
	char text[500];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	list_add(&inv->notes, &inv->n_notes, arena_str(&inv->mem, text));
}

/* Blanks everything before the line on which JSON begins; line ends stay. */
static void blank_preamble(struct buf *b)
{
	size_t line = 0, i;

	if (b->n >= 3 && !memcmp(b->p, "\xef\xbb\xbf", 3))
		memset(b->p, ' ', 3);
	while (line < b->n) {
		for (i = line; i < b->n && (b->p[i] == ' ' || b->p[i] == '\t'); i++)
			;
		if (i < b->n && (b->p[i] == '{' || b->p[i] == '['))
			break;
		while (i < b->n && b->p[i] != '\n')
			i++;
		line = i + 1;
	}
	if (line >= b->n)
		return; /* nothing that looks like JSON: the parser says so */
	for (i = 0; i < line; i++)
		if (b->p[i] != '\n')
			b->p[i] = ' ';
}

/* A tree of values is many times as large as its text: [[],[],[],... */
static int check_size(struct str s, struct err *e)
{
	size_t values = 1;

	for (size_t i = 0; i < s.n; i++)
		values += s.p[i] == ',' || s.p[i] == '[' || s.p[i] == '{';
	if (values > SOURCE_MAX_VALUES)
		return err_set(e, TQ_ETOOBIG, "more than %d values", SOURCE_MAX_VALUES);
	return 0;
}

static int parse_text(struct buf *b, cJSON **doc, struct err *e)
{
	int rc;

	if (b->n >= 2 && !memcmp(b->p, "PK", 2)) {
		err_set(e, TQ_EFORMAT, "a spreadsheet or archive, not JSON");
		return err_hint(e, "export the metadata as JSON");
	}
	if (!str_trim(buf_str(b)).n)
		return err_set(e, TQ_EFORMAT, "empty");
	blank_preamble(b);
	rc = check_size(buf_str(b), e);
	return rc ? rc : json_parse(buf_str(b), JSON_LOOSE, doc, e);
}

static int parse(struct buf *b, const char *path, cJSON **doc, struct err *e)
{
	int rc = parse_text(b, doc, e);

	return rc ? err_wrap(e, "file '%s'", path) : 0;
}

static int too_big(const char *path, int64_t bytes, struct err *e)
{
	err_set(e, TQ_ETOOBIG, "file '%s' has %lld MiB, at most %u are read", path,
		(long long)(bytes >> 20), SOURCE_MAX_BYTES >> 20);
	return err_hint(
		e, "metadata of 10,000 topics has about 3 MiB: is this the right file?");
}

static int load(const char *path, cJSON **doc, struct err *e)
{
	struct stat st;
	struct buf b;
	int rc;

	if (strcmp(path, "-") && !stat(path, &st) && st.st_size > (off_t)SOURCE_MAX_BYTES)
		return too_big(path, st.st_size, e);
	buf_init(&b, SOURCE_MAX_BYTES + 1);
	rc = fsio_read_file(path, SOURCE_MAX_BYTES, &b, e);
	if (!rc)
		rc = parse(&b, path, doc, e);
	buf_release(&b);
	return rc;
}

static int unknown_shape(const char *path, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 240);
	for (int i = 0; sources[i]; i++)
		buf_addf(&b, "%s%s", i ? "; " : "", sources[i]->text);
	rc = err_set(e, TQ_EFORMAT, "file '%s': no metadata that can be read is in it", path);
	err_hint(e, "what can be read: " STR_FMT, STR_ARG(buf_str(&b)));
	buf_release(&b);
	return rc;
}

bool source_is_export(const cJSON *doc)
{
	return str_starts(str_of(json_text(doc, "format", "")), STR(SOURCE_EXPORT_FORMAT));
}

/* A file of ours says when it was made, and whether this program is too old for it. */
static int check_export(struct inventory *inv, const cJSON *doc, struct err *e)
{
	struct str version = str_of(json_text(doc, "format", "")), major;
	int64_t n = 0;

	version = str_skip(version, strlen(SOURCE_EXPORT_FORMAT));
	str_cut(&version, '.', &major);
	if (str_to_i64(major, 1, INT32_MAX, &n, "", NULL))
		return err_set(e, TQ_EFORMAT, "'format' is not " SOURCE_EXPORT_FORMAT "%d",
			SOURCE_EXPORT_MAJOR);
	if (n > SOURCE_EXPORT_MAJOR) {
		err_set(e, TQ_EFORMAT, "made by a newer tdmqctl, in format %lld", (long long)n);
		return err_hint(e, "this one reads up to " SOURCE_EXPORT_FORMAT "%d",
			SOURCE_EXPORT_MAJOR);
	}
	inv->exported_ms = json_int(doc, "exportTime", 0);
	return 0;
}

/* What an export could not read is not in it, and whoever plans with it should know. */
static void note_incomplete(struct inventory *inv, const cJSON *doc)
{
	const cJSON *part;

	cJSON_ArrayForEach (part, cJSON_GetObjectItemCaseSensitive(doc, "incomplete"))
		inventory_note(inv, "the export lacks %s: %s",
			json_text(part, "what", "a part"),
			json_text(part, "message", json_text(part, "reason", "unknown")));
}

static int scan_doc(struct inventory *inv, const char *path, cJSON *doc, struct err *e)
{
	bool export = cJSON_IsObject(doc) && source_is_export(doc);
	int rc = export ? check_export(inv, doc, e) : 0;

	if (rc)
		return err_wrap(e, "file '%s'", path);
	if (export)
		note_incomplete(inv, doc);
	for (int i = 0; sources[i]; i++) {
		const char *shape = sources[i]->fits(doc);

		if (!shape)
			continue;
		inv->source = sources[i]->name;
		inv->shape = shape;
		rc = sources[i]->scan(inv, doc, e);
		return rc ? err_wrap(e, "file '%s'", path) : 0;
	}
	return unknown_shape(path, e);
}

/*
 * Brokers keep the version before next to every file as .bak. It steps in when the file itself
 * is empty or broken, as it does for the broker.
 */
static int read_file(struct inventory *inv, const char *path, struct err *e)
{
	cJSON *doc = NULL;
	struct err second = ERR_INIT;
	char *bak = NULL;
	int rc = load(path, &doc, e);

	if (rc == TQ_EFORMAT && strcmp(path, "-")) {
		bak = mem_fmt("%s.bak", path);
		if (!load(bak, &doc, &second)) {
			inventory_note(
				inv, "%s; read '%s' in its place", e ? e->msg : path, bak);
			err_clear(e);
			rc = 0;
		}
	}
	if (!rc)
		rc = scan_doc(inv, path, doc, e);
	mem_free(bak);
	cJSON_Delete(doc);
	return rc;
}

static bool exists(const char *path)
{
	struct stat st;

	return !stat(path, &st);
}

static int read_set(struct inventory *inv, const char *dir, const char *const *set, int *n_read,
	struct err *e)
{
	int rc = 0;

	for (; !rc && *set; set++) {
		char *path = mem_fmt("%s/%s", dir, *set);
		char *bak = mem_fmt("%s.bak", path);

		if (exists(path) || exists(bak)) {
			rc = read_file(inv, path, e);
			++*n_read;
		}
		mem_free(path);
		mem_free(bak);
	}
	return rc;
}

static int read_dir(struct inventory *inv, const char *dir, struct err *e)
{
	int n_read = 0, rc = 0;

	for (int i = 0; sources[i]; i++)
		for (int k = 0; !rc && !n_read && sources[i]->sets && sources[i]->sets[k]; k++)
			rc = read_set(inv, dir, sources[i]->sets[k], &n_read, e);
	if (rc || n_read)
		return rc;
	err_set(e, TQ_ENOTFOUND, "directory '%s': no metadata file in it", dir);
	return err_hint(e,
		"looked for rocketmq-metadata-export.json, metadata.json, topics.json "
		"and others; or give the file itself");
}

int inventory_read(struct inventory *inv, const char *path, struct err *e)
{
	struct stat st;

	inv->path = arena_str(&inv->mem, path);
	if (strcmp(path, "-") && !stat(path, &st) && S_ISDIR(st.st_mode))
		return read_dir(inv, path, e);
	return read_file(inv, path, e);
}

int inventory_read_text(struct inventory *inv, const char *name, struct str text, struct err *e)
{
	cJSON *doc = NULL;
	struct buf b;
	int rc;

	inv->path = arena_str(&inv->mem, name);
	buf_init(&b, SOURCE_MAX_BYTES + 1);
	buf_add_str(&b, text);
	rc = buf_err(&b) ? too_big(name, (int64_t)text.n, e) : parse(&b, name, &doc, e);
	if (!rc)
		rc = scan_doc(inv, name, doc, e);
	cJSON_Delete(doc);
	buf_release(&b);
	return rc;
}
