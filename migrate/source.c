/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: reads files and finds the source that knows their shape.
 *
 *	path ─┬─ file, "-" ──▶ load ─▶ whose keys are these? ─▶ source.scan ─▶ inventory
 *	      └─ directory ──▶ its best set of known files, each of them as above
 *
 * A file may be a page of several documents, or rows: each is looked at by itself. At the end the
 * inventory is settled (settle.c).
 *
 * The bytes are bounded before they are read, the values before they are parsed, the nesting
 * by the parser. People paste terminal output: a byte order mark and log lines in front of the
 * first '{' are blanked out, not cut off, so that line numbers in errors stay true.
 */
#include "base.h"

#include <stdarg.h>

#include "fsio.h"
#include "map.h"
#include "names.h"
#include "source.h"

struct names_seen {
	const char *name; /* borrowed from the inventory */
	UT_hash_handle hh;
};

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
	mem_free(inv->reads);
	mem_free(inv->ordered);
	HASH_CLEAR(hh, inv->system_set);
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

/* Grows by one: lists are a handful, or as long as a file of 64 MiB makes them. */
static void list_add(const char ***list, size_t *n, const char *s)
{
	if (!(*n & (*n - 1)))
		*list = mem_grow(*list, (*n ? 2 * *n : 1) * sizeof(**list));
	(*list)[(*n)++] = s;
}

void inventory_add_system(struct inventory *inv, const char *topic)
{
	struct names_seen *s;

	if (inventory_is_system(inv, topic))
		return;
	s = arena_alloc(&inv->mem, sizeof(*s));
	s->name = arena_str(&inv->mem, topic);
	HASH_ADD_KEYPTR(hh, inv->system_set, s->name, strlen(s->name), s);
	list_add(&inv->system, &inv->n_system, s->name);
}

bool inventory_is_system(const struct inventory *inv, const char *topic)
{
	struct names_seen *s;

	HASH_FIND_STR(inv->system_set, topic, s);
	return s != NULL;
}

bool inventory_is_own(const struct inventory *inv, const struct found *f)
{
	struct str name = str_of(f->name);

	if (f->kind == OBJ_GROUP)
		return names_is_system_group(name);
	return inventory_is_system(inv, f->name) || names_is_system_topic(name) ||
	       names_is_retry(name) || names_is_dlq(name);
}

void inventory_add_read(struct inventory *inv, const char *group, const char *topic)
{
	size_t n = inv->n_reads;

	if (!(n & (n - 1)))
		inv->reads = mem_grow(inv->reads, (n ? 2 * n : 1) * sizeof(*inv->reads));
	inv->reads[inv->n_reads++] =
		(struct reads){ arena_str(&inv->mem, group), arena_str(&inv->mem, topic) };
}

void inventory_add_ordered(struct inventory *inv, const char *topic)
{
	list_add(&inv->ordered, &inv->n_ordered, arena_str(&inv->mem, topic));
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

/* 0:"10.0.0.5:10911" */
static bool is_bare_key(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n && str_trim(str_skip(s, n)).n && str_trim(str_skip(s, n)).p[0] == ':';
}

/* Whether JSON begins on this line: "[main] INFO" and "{0} of {1}" are what programs say. */
static bool begins_json(struct str line)
{
	struct str s = str_trim(line);
	char open = s.n ? s.p[0] : 0, next;

	if (open != '{' && open != '[')
		return false;
	s = str_trim(str_skip(s, 1));
	next = s.n ? s.p[0] : 0;
	return !next || next == '{' || (open == '[' && strchr("[]", next)) ||
	       (open == '{' && (strchr("\"}", next) || is_bare_key(s)));
}

/* Blanks everything before the line on which JSON begins; line ends stay. */
static void blank_preamble(struct buf *b)
{
	struct str rest = buf_str(b), line;
	size_t end = 0;

	while (str_cut(&rest, '\n', &line) && !begins_json(line))
		end = (size_t)(line.p - b->p) + line.n + 1;
	if (end >= b->n)
		return; /* nothing that looks like JSON: the parser says so */
	for (size_t i = 0; i < end; i++)
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

#define TOO_BIG_HINT "metadata of 10,000 topics has about 3 MiB: is this the right file?"

static int too_big(const char *path, int64_t bytes, struct err *e)
{
	err_set(e, TQ_ETOOBIG, "file '%s' has %lld MiB, at most %u are read", path,
		(long long)(bytes >> 20), SOURCE_MAX_BYTES >> 20);
	return err_hint(e, TOO_BIG_HINT);
}

static int load(const char *path, struct buf *b, struct err *e)
{
	struct stat st;
	int rc;

	if (strcmp(path, "-") && !stat(path, &st) && st.st_size > (off_t)SOURCE_MAX_BYTES)
		return too_big(path, st.st_size, e);
	rc = fsio_read_file(path, SOURCE_MAX_BYTES, b, e);
	if (rc == TQ_ETOOBIG)
		err_hint(e, TOO_BIG_HINT);
	return rc;
}

static int unknown_shape(struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, 400);
	for (int i = 0; sources[i]; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", sources[i]->name);
	rc = err_set(e, TQ_EFORMAT, "no metadata that can be read is in it");
	err_hint(e, "what can be read, as tdmqctl-migrate(7) has it: " STR_FMT,
		STR_ARG(buf_str(&b)));
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

/* What all of it is called: pages and files of one kind have one name. */
static void name_shape(struct inventory *inv, const struct source *src, const char *shape)
{
	bool other = inv->shape && strcmp(inv->shape, shape) != 0;

	inv->source = !inv->source || inv->source == src->name ? src->name : "several";
	inv->shape = other ? "documents of several shapes" : shape;
}

static int scan_doc(struct inventory *inv, cJSON *doc, struct err *e)
{
	bool export = cJSON_IsObject(doc) && source_is_export(doc);
	int rc = export ? check_export(inv, doc, e) : 0;

	if (rc)
		return rc;
	if (export)
		note_incomplete(inv, doc);
	for (int i = 0; sources[i]; i++) {
		const struct source *s = sources[i];
		const char *shape = s->fits ? s->fits(doc) : NULL;

		if (shape) {
			name_shape(inv, s, shape);
			return s->scan(inv, doc, e);
		}
	}
	for (int i = 0; cJSON_IsObject(doc) && sources[i]; i++) {
		const struct source *s = sources[i];
		const char *shape = s->fits_row ? s->fits_row(doc) : NULL;

		if (shape) {
			name_shape(inv, s, shape);
			return s->scan_row(inv, doc, e);
		}
	}
	return unknown_shape(e);
}

/* A list of documents or of rows; lists within are nothing we know. */
static int scan_value(struct inventory *inv, cJSON *doc, struct err *e)
{
	cJSON *entry;
	int n = 0;

	if (!cJSON_IsArray(doc) || !doc->child)
		return scan_doc(inv, doc, e);
	cJSON_ArrayForEach (entry, doc) {
		if (scan_doc(inv, entry, e))
			return err_wrap(e, "'[%d]'", n);
		n++;
	}
	return 0;
}

/* How many bytes the value takes that s begins with: to the bracket that closes its first one. */
static size_t value_length(struct str s)
{
	bool text = false;
	int depth = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (text && c == '\\')
			i++;
		else if (c == '"')
			text = !text;
		else if (!text && (c == '{' || c == '['))
			depth++;
		else if (!text && (c == '}' || c == ']') && --depth <= 0)
			return i + 1;
	}
	return s.n;
}

static size_t count_lines(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static int scan_text(struct inventory *inv, struct str text, struct err *e)
{
	cJSON *doc = NULL;
	int rc = json_parse(text, JSON_LOOSE, &doc, e);

	if (!rc)
		rc = scan_value(inv, doc, e);
	cJSON_Delete(doc);
	return rc;
}

/*
 * Documents that follow each other, as in JSON lines or pages saved one after the other. What
 * follows the first and is none is for the parser to find, in all of the text.
 */
static int scan_values(struct inventory *inv, struct str text, struct err *e)
{
	size_t at = 0, line = 1;
	struct str rest = text;

	while (at < text.n && strchr(" \t\r\n", text.p[at]))
		at++;
	at += value_length(str_skip(text, at));
	rest = str_trim(str_skip(text, at));
	if (!rest.n || (rest.p[0] != '{' && rest.p[0] != '['))
		return scan_text(inv, text, e);
	rest = str_trim(text);
	line += count_lines((struct str){ text.p, (size_t)(rest.p - text.p) });
	for (int n = 1; rest.n; n++) {
		struct str value = str_trim(rest); /* its end is no blank, so this is quick */

		line += count_lines((struct str){ rest.p, (size_t)(value.p - rest.p) });
		value.n = value_length(value);
		if (scan_text(inv, value, e))
			return err_wrap(e, "document %d, from line %zu", n, line);
		line += count_lines(value);
		rest = str_skip(rest, (size_t)(value.p - rest.p) + value.n);
	}
	return 0;
}

/* Whether JSON begins on any line. */
static bool has_json(struct str text)
{
	struct str line;

	while (str_cut(&text, '\n', &line))
		if (begins_json(line))
			return true;
	return false;
}

static int scan_bytes(struct inventory *inv, struct buf *b, struct err *e)
{
	struct str text;
	int rc;

	if (b->n >= 2 && !memcmp(b->p, "PK", 2)) {
		err_set(e, TQ_EFORMAT, "a spreadsheet or archive, not JSON");
		return err_hint(e,
			"save the sheet as CSV and say what its columns are: --csv-columns "
			"topic=HEADING,queues=HEADING");
	}
	if (b->n >= 3 && !memcmp(b->p, "\xef\xbb\xbf", 3))
		memset(b->p, ' ', 3);
	text = str_trim(buf_str(b));
	if (!text.n)
		return err_set(e, TQ_EFORMAT, "empty");
	for (int i = 0; sources[i]; i++) {
		const struct source *s = sources[i];

		if (!s->fits_text || (!inv->csv_columns && has_json(text)) ||
			!s->fits_text(inv, text))
			continue;
		name_shape(inv, s, s->fits_text(inv, text));
		return s->scan_text(inv, text, e);
	}
	blank_preamble(b);
	rc = check_size(buf_str(b), e);
	return rc ? rc : scan_values(inv, buf_str(b), e);
}

/* What stands in a file, or in a text under its name. */
static int scan_file(struct inventory *inv, const char *path, struct buf *b, struct err *e)
{
	int rc;

	inv->broker = arena_str(&inv->mem, path);
	rc = scan_bytes(inv, b, e);
	inv->broker = NULL;
	return rc ? err_wrap(e, "file '%s'", path) : 0;
}

static bool is_whole(struct str text)
{
	cJSON *doc = NULL;
	int rc = json_parse(text, JSON_LOOSE, &doc, NULL);

	cJSON_Delete(doc);
	return !rc;
}

/*
 * Brokers keep the version before next to every file as .bak. It steps in when the file itself
 * is empty or broken, as it does for the broker.
 */
static bool step_in(struct inventory *inv, const char *path, struct buf *b, struct err *e)
{
	char *bak = mem_fmt("%s.bak", path);
	struct err second = ERR_INIT;
	struct buf other;
	bool ok;

	buf_init(&other, SOURCE_MAX_BYTES + 1);
	ok = !load(bak, &other, &second) && is_whole(buf_str(&other));
	if (ok) {
		inventory_note(inv, "%s; read '%s' in its place", e ? e->msg : path, bak);
		err_clear(e);
		buf_clear(b);
		buf_add_str(b, buf_str(&other));
	}
	buf_release(&other);
	mem_free(bak);
	return ok;
}

static int read_file(struct inventory *inv, const char *path, struct err *e)
{
	size_t had = inv->n;
	struct buf b;
	bool broken;
	int rc;

	buf_init(&b, SOURCE_MAX_BYTES + 1);
	rc = load(path, &b, e);
	if (!rc)
		rc = scan_file(inv, path, &b, e);
	broken = rc == TQ_ENOTFOUND || (rc == TQ_EFORMAT && !is_whole(buf_str(&b)));
	if (broken && inv->n == had && strcmp(path, "-") && step_in(inv, path, &b, e))
		rc = scan_file(inv, path, &b, e);
	buf_release(&b);
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

static int read_path(struct inventory *inv, const char *path, struct err *e)
{
	struct stat st;

	if (strcmp(path, "-") && !stat(path, &st) && S_ISDIR(st.st_mode))
		return read_dir(inv, path, e);
	return read_file(inv, path, e);
}

static bool is_among(const char *path, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(paths[i], path))
			return true;
	return false;
}

int inventory_read_all(struct inventory *inv, const char *const *paths, size_t n, struct err *e)
{
	int rc = 0;

	inv->path = arena_str(&inv->mem, n ? paths[0] : "");
	for (size_t i = 0; !rc && i < n; i++) {
		if (is_among(paths[i], paths, i))
			inventory_note(inv, "'%.300s' is given twice: read once", paths[i]);
		else
			rc = read_path(inv, paths[i], e);
	}
	if (!rc && !inv->n && inv->n_reads) {
		rc = err_set(e, TQ_EFORMAT,
			"file '%s': who reads what, but no topics or groups", inv->path);
		err_hint(e, "name it beside the file of export.sh, or beside topics.json");
	}
	if (!rc)
		inventory_settle(inv);
	return rc;
}

int inventory_read(struct inventory *inv, const char *path, struct err *e)
{
	return inventory_read_all(inv, &path, 1, e);
}

int inventory_read_text(struct inventory *inv, const char *name, struct str text, struct err *e)
{
	struct buf b;
	int rc;

	inv->path = arena_str(&inv->mem, name);
	buf_init(&b, SOURCE_MAX_BYTES + 1);
	buf_add_str(&b, text);
	rc = buf_err(&b) ? too_big(name, (int64_t)text.n, e) : scan_file(inv, name, &b, e);
	if (!rc)
		inventory_settle(inv);
	buf_release(&b);
	return rc;
}
