/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename: entries of a file in a hash by "t" or "g" and source name, rules in a list. The file is CSV
 * as spreadsheets write it: fields may be quoted, lines end in LF or CRLF, a first line that begins
 * with "kind" is a heading.
 */
#include "base.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <regex.h>

#include "fsio.h"
#include "map.h"
#include "rename.h"

#define FILE_MAX (8 << 20)
#define ENTRIES_MAX SOURCE_MAX_ITEMS
#define GROUPS 10
#define NAME_MAX_BYTES 64
#define SPACE_MAX_BYTES 32
#define HASH_TAIL 9 /* "-" and 8 hex digits */

struct rename_entry {
	const char *key, *ns, *name; /* NULL: as it was */
	UT_hash_handle hh;
};

struct rename_rule {
	regex_t re;
	const char *to;
	struct rename_rule *next;
};

void rename_init(struct rename *rn)
{
	*rn = (struct rename){ 0 };
	arena_init(&rn->mem);
}

void rename_release(struct rename *rn)
{
	for (struct rename_rule *r = rn->rules; r; r = r->next)
		regfree(&r->re);
	HASH_CLEAR(hh, rn->entries);
	arena_release(&rn->mem);
	*rn = (struct rename){ 0 };
}

/* ---- rules ---- */

int rename_rule(struct rename *rn, const char *text, struct err *e)
{
	struct rename_rule *r, **last = &rn->rules;
	struct str to = str_of(text), re;
	char why[120];
	int rc;

	if (!strcmp(text, "auto")) {
		rn->clean = true;
		return 0;
	}
	if (!strchr(text, '=') || *text == '=')
		return err_set(e, TQ_EUSAGE, "'%s': expected RE=S or auto", text);
	str_cut(&to, '=', &re);
	r = arena_alloc(&rn->mem, sizeof(*r));
	rc = regcomp(&r->re, arena_fmt(&rn->mem, "^(" STR_FMT ")$", STR_ARG(re)), REG_EXTENDED);
	if (rc) {
		regerror(rc, &r->re, why, sizeof(why));
		return err_set(e, TQ_EUSAGE, "'%s': %s", text, why);
	}
	r->to = arena_strn(&rn->mem, to.p, to.n);
	r->next = NULL;
	while (*last)
		last = &(*last)->next;
	*last = r;
	return 0;
}

/* \0 is the whole name; the parentheses of the user count from 1, behind those of rename_rule(). */
static void expand(const char *to, const char *name, const regmatch_t *m, struct buf *out)
{
	for (; *to; to++) {
		int k = *to == '\\' && isdigit((unsigned char)to[1]) ? to[1] - '0' : -1;

		if (k < 0) {
			buf_putc(out, *to);
			continue;
		}
		to++;
		k += k > 0;
		if (m[k].rm_so >= 0)
			buf_add(out, name + m[k].rm_so, (size_t)(m[k].rm_eo - m[k].rm_so));
	}
}

bool rename_match(const struct rename *rn, struct str name, struct buf *out)
{
	regmatch_t m[GROUPS + 1];
	char text[256];

	if (name.n >= sizeof(text) || memchr(name.p, '\0', name.n))
		return false;
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	for (const struct rename_rule *r = rn->rules; r; r = r->next)
		if (!regexec(&r->re, text, GROUPS + 1, m, 0)) {
			expand(r->to, text, m, out);
			return true;
		}
	return false;
}

/* ---- the file ---- */

/* One field off the line, its quotes taken away; false at a quote that never ends. */
static bool take_field(struct str *line, struct buf *out)
{
	buf_clear(out);
	if (!line->n || *line->p != '"') {
		struct str field = STR_NONE;

		str_cut(line, ',', &field);
		buf_add_str(out, str_trim(field));
		return true;
	}
	for (*line = str_skip(*line, 1); line->n; *line = str_skip(*line, 1)) {
		if (*line->p != '"') {
			buf_putc(out, *line->p);
		} else if (line->n > 1 && line->p[1] == '"') {
			buf_putc(out, '"');
			*line = str_skip(*line, 1);
		} else {
			*line = str_skip(*line, 1);
			if (line->n && *line->p == ',')
				*line = str_skip(*line, 1);
			return true;
		}
	}
	return false;
}

enum { F_KIND, F_SOURCE, F_NS, F_NAME, FIELDS };

static int add_entry(struct rename *rn, const char *const f[FIELDS], struct err *e)
{
	int kind = str_index(str_of(f[F_KIND]), object_kind_names);
	struct rename_entry *en;
	const char *key;

	if (kind != OBJ_TOPIC && kind != OBJ_GROUP)
		return err_set(
			e, TQ_EFORMAT, "kind '%.40s': expected topic or group", f[F_KIND]);
	if (!*f[F_SOURCE] || (!*f[F_NAME] && !*f[F_NS]))
		return err_set(e, TQ_EFORMAT, "expected kind,source,namespace,name");
	if (HASH_COUNT(rn->entries) >= ENTRIES_MAX)
		return err_set(e, TQ_ETOOBIG, "more than %d names", ENTRIES_MAX);
	key = arena_fmt(&rn->mem, "%c%s", *f[F_KIND], f[F_SOURCE]);
	HASH_FIND_STR(rn->entries, key, en);
	if (en)
		return err_set(
			e, TQ_EFORMAT, "%s '%.80s' stands here twice", f[F_KIND], f[F_SOURCE]);
	en = arena_alloc(&rn->mem, sizeof(*en));
	*en = (struct rename_entry){ .key = key,
		.ns = *f[F_NS] ? f[F_NS] : NULL,
		.name = *f[F_NAME] ? f[F_NAME] : NULL };
	HASH_ADD_KEYPTR(hh, rn->entries, en->key, strlen(en->key), en);
	return 0;
}

static int read_line(struct rename *rn, struct str line, bool first, struct err *e)
{
	const char *f[FIELDS];
	struct buf field;
	int rc = 0;

	buf_init(&field, 4096);
	for (int i = 0; !rc && i < FIELDS; i++) {
		if (!take_field(&line, &field) || buf_err(&field))
			rc = err_set(e, TQ_EFORMAT, "a field that does not end");
		else
			f[i] = arena_strn(&rn->mem, buf_str(&field).p, field.n);
	}
	buf_release(&field);
	if (rc || (first && !strcmp(f[F_KIND], "kind")))
		return rc;
	return add_entry(rn, f, e);
}

int rename_text(struct rename *rn, const char *path, struct str text, struct err *e)
{
	struct str line;
	int n = 0, rc = 0;

	if (str_starts(text, STR("\xef\xbb\xbf")))
		text = str_skip(text, 3);
	while (!rc && text.n) {
		str_cut(&text, '\n', &line);
		n++;
		line = str_trim(line);
		if (line.n && *line.p != '#')
			rc = read_line(rn, line, n == 1, e);
	}
	return rc ? err_wrap(e, "file '%s', line %d", path, n) : 0;
}

int rename_file(struct rename *rn, const char *path, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, FILE_MAX + 1);
	rc = fsio_read_file(path, FILE_MAX, &b, e);
	if (!rc)
		rc = rename_text(rn, path, buf_str(&b), e);
	buf_release(&b);
	return rc;
}

bool rename_lookup(const struct rename *rn, enum object_kind kind, const char *source,
	const char **ns, const char **name)
{
	struct rename_entry *en;
	char key[260];

	if (!rn->entries || strlen(source) > 255)
		return false;
	snprintf(key, sizeof(key), "%c%s", object_kind_names[kind][0], source);
	HASH_FIND_STR(rn->entries, key, en);
	if (!en)
		return false;
	*ns = en->ns;
	*name = en->name;
	return true;
}

/* ---- cleaning ---- */

static void put_hash(struct str name, struct buf *out)
{
	unsigned char raw[32];

	BUG_ON(!EVP_Q_digest(NULL, "SHA256", NULL, name.n ? name.p : "", name.n, raw, NULL));
	buf_addf(out, "-%02x%02x%02x%02x", raw[0], raw[1], raw[2], raw[3]);
}

void rename_clean(enum object_kind kind, struct str name, struct buf *out)
{
	size_t max = kind == OBJ_NAMESPACE ? SPACE_MAX_BYTES : NAME_MAX_BYTES;
	size_t keep = name.n > max ? max - HASH_TAIL : name.n, start = out->n;

	if (name.n < 3 && kind != OBJ_NAMESPACE)
		buf_puts(out, kind == OBJ_TOPIC ? "t-" : "g-");
	for (size_t i = 0; i < keep; i++) {
		char c = name.p[i];

		if (!isascii((unsigned char)c) || (!isalnum((unsigned char)c) && c != '_'))
			c = c == '|' ? '_' : '-';
		buf_putc(out, c);
	}
	if (keep < name.n)
		put_hash(name, out);
	while (out->n - start < 3)
		buf_putc(out, '0');
}

void rename_put_field(struct buf *b, const char *text)
{
	if (!strpbrk(text, "\",\r\n#") && *text && *text != ' ') {
		buf_puts(b, text);
		return;
	}
	buf_putc(b, '"');
	for (; *text; text++)
		buf_addf(b, *text == '"' ? "\"\"" : "%c", *text);
	buf_putc(b, '"');
}
