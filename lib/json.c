/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading is two passes. The first checks the text strictly: grammar, depth, UTF-8, and knows
 * where it stands, so errors name line and column. In loose mode it writes a standard form of the
 * text as it goes, bare keys quoted; an object key inside an object key is refused, so no byte is
 * quoted twice and the work stays linear. The second pass is cJSON's.
 *
 * cJSON's numbers are doubles. Whole numbers a double cannot hold are noted by the first pass and
 * put back as raw nodes; the tree is walked in the order of the text.
 */
#include "json.h"

#include <ctype.h>

#include "mem.h"
#include "strv.h"

#define NUMBER_MAX 63 /* cJSON looks at so many bytes of a number */

struct scan {
	const char *p;
	size_t n, i;
	int depth;
	bool loose, in_key;
	struct buf *out; /* loose: the standard form */
	struct strv big; /* whole numbers beyond a double, as written */
	struct err *e;
};

/* "line 3, column 7: " and the message; columns are characters. */
static int fail(struct scan *s, const char *expected)
{
	size_t line = 1, column = 1;
	char found[32];

	for (size_t i = 0; i < s->i; i++) {
		if (s->p[i] == '\n') {
			line++;
			column = 1;
		} else {
			column += ((unsigned char)s->p[i] & 0xc0) != 0x80;
		}
	}
	if (s->i >= s->n)
		snprintf(found, sizeof(found), "the end of the text");
	else if (isprint((unsigned char)s->p[s->i]))
		snprintf(found, sizeof(found), "'%c'", s->p[s->i]);
	else
		snprintf(found, sizeof(found), "byte 0x%02x", (unsigned char)s->p[s->i]);
	return err_set(s->e, TQ_EFORMAT, "line %zu, column %zu: expected %s, found %s", line,
		column, expected, found);
}

static int peek(const struct scan *s)
{
	return s->i < s->n ? (unsigned char)s->p[s->i] : -1;
}

static void skip_blanks(struct scan *s)
{
	int c;

	while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r')
		s->i++;
}

/* Copies n bytes of the text to the standard form. */
static void keep(struct scan *s, size_t n)
{
	if (s->out)
		buf_add(s->out, s->p + s->i, n);
	s->i += n;
}

static int hex4(const struct scan *s, size_t at)
{
	int v = 0;

	if (at + 4 > s->n)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		int c = tolower((unsigned char)s->p[i]);

		if (!isxdigit(c))
			return -1;
		v = v * 16 + (isdigit(c) ? c - '0' : c - 'a' + 10);
	}
	return v;
}

/* \uXXXX, twice for surrogates. Halves without their other half are repaired in loose mode. */
static int scan_unicode(struct scan *s)
{
	int v = hex4(s, s->i + 2), low;

	if (v < 0)
		return fail(s, "four hexadecimal digits after \\u");
	if (!v)
		return fail(s, "no \\u0000 in a string");
	if (v < 0xd800 || v > 0xdfff) {
		keep(s, 6);
		return 0;
	}
	low = s->i + 8 <= s->n && s->p[s->i + 6] == '\\' && s->p[s->i + 7] == 'u'
		      ? hex4(s, s->i + 8)
		      : -1;
	if (v < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) {
		keep(s, 12);
		return 0;
	}
	if (!s->loose)
		return fail(s, "a surrogate pair");
	buf_puts(s->out, "\\ufffd");
	s->i += 6;
	return 0;
}

static int scan_escape(struct scan *s)
{
	int c = s->i + 1 < s->n ? (unsigned char)s->p[s->i + 1] : -1;

	if (c == 'u')
		return scan_unicode(s);
	if (c < 0 || !strchr("\"\\/bfnrt", c))
		return fail(s, "an escape such as \\n or \\u00e9");
	keep(s, 2);
	return 0;
}

/* A run of bytes above 127: as it is if it is UTF-8. */
static int scan_high(struct scan *s)
{
	size_t n = 0;

	while (s->i + n < s->n && (unsigned char)s->p[s->i + n] >= 0x80)
		n++;
	if (str_is_utf8((struct str){ s->p + s->i, n })) {
		keep(s, n);
		return 0;
	}
	if (!s->loose)
		return fail(s, "UTF-8");
	for (size_t i = 0; i < n; i++)
		buf_puts(s->out, "\xef\xbf\xbd");
	s->i += n;
	return 0;
}

static int scan_string(struct scan *s)
{
	int c, rc = 0;

	keep(s, 1);
	while (!rc && (c = peek(s)) != '"') {
		size_t n = 0;

		while (s->i + n < s->n && (c = (unsigned char)s->p[s->i + n]) >= 0x20 &&
			c < 0x80 && c != '"' && c != '\\')
			n++;
		keep(s, n);
		c = peek(s);
		if (c == '\\')
			rc = scan_escape(s);
		else if (c >= 0x80)
			rc = scan_high(s);
		else if (c != '"')
			rc = fail(s, "'\"' at the end of a string");
	}
	if (!rc)
		keep(s, 1);
	return rc;
}

static size_t digits(const struct scan *s, size_t at)
{
	size_t n = 0;

	while (at + n < s->n && isdigit((unsigned char)s->p[at + n]))
		n++;
	return n;
}

static int scan_number(struct scan *s)
{
	size_t n = peek(s) == '-', whole = digits(s, s->i + n), part;
	bool is_whole = true;

	if (!whole || (whole > 1 && s->p[s->i + n] == '0'))
		return fail(s, "a value");
	n += whole;
	if (s->i + n < s->n && s->p[s->i + n] == '.') {
		part = digits(s, s->i + n + 1);
		is_whole = false;
		if (!part)
			return fail(s, "a number with digits after the point");
		n += 1 + part;
	}
	if (s->i + n < s->n && (s->p[s->i + n] | 32) == 'e') {
		size_t sign = s->i + n + 1 < s->n && strchr("+-", s->p[s->i + n + 1]) &&
			      s->p[s->i + n + 1];

		part = digits(s, s->i + n + 1 + sign);
		is_whole = false;
		if (!part)
			return fail(s, "a number with digits in its exponent");
		n += 1 + sign + part;
	}
	if (n > NUMBER_MAX)
		return fail(s, "a number of less than 64 characters");
	if (is_whole && whole > 15)
		strv_add(&s->big, (struct str){ s->p + s->i, n });
	keep(s, n);
	return 0;
}

static int scan_word(struct scan *s)
{
	static const struct str words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };
	struct str rest = { s->p + s->i, s->n - s->i };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!str_starts(rest, words[i]))
			continue;
		keep(s, words[i].n);
		return 0;
	}
	return fail(s, "a value");
}

static int scan_value(struct scan *s);

static int scan_array(struct scan *s)
{
	int rc = 0;

	keep(s, 1);
	skip_blanks(s);
	while (!rc && peek(s) != ']') {
		rc = scan_value(s);
		skip_blanks(s);
		if (rc || peek(s) == ']')
			break;
		if (peek(s) != ',')
			return fail(s, "',' or ']'");
		keep(s, 1);
		skip_blanks(s);
		if (peek(s) == ']')
			return fail(s, "a value");
	}
	if (!rc)
		keep(s, 1);
	return rc;
}

/* The object just written from `start` on becomes a string. */
static void quote_from(struct buf *out, size_t start)
{
	size_t n = out->n - start;
	char *text = mem_strn(out->p + start, n);

	out->n = start;
	json_quote(out, (struct str){ text, n });
	mem_free(text);
}

static int scan_loose_key(struct scan *s)
{
	size_t start = s->out->n, big = s->big.n, n;
	int rc;

	if (peek(s) == '{' && !s->in_key) {
		s->in_key = true;
		rc = scan_value(s);
		s->in_key = false;
		while (s->big.n > big) /* no number of the tree */
			mem_free(s->big.v[--s->big.n]);
		if (!rc)
			quote_from(s->out, start);
		return rc;
	}
	n = peek(s) == '-';
	if (!digits(s, s->i + n) || digits(s, s->i + n) > 20)
		return fail(s, "a key");
	buf_putc(s->out, '"');
	keep(s, n + digits(s, s->i + n));
	buf_putc(s->out, '"');
	return 0;
}

static int scan_member(struct scan *s)
{
	int rc;

	if (peek(s) == '"')
		rc = scan_string(s);
	else if (s->loose)
		rc = scan_loose_key(s);
	else
		rc = fail(s, "'\"' at the start of a key");
	if (rc)
		return rc;
	skip_blanks(s);
	if (peek(s) != ':')
		return fail(s, "':'");
	keep(s, 1);
	return scan_value(s);
}

static int scan_object(struct scan *s)
{
	int rc = 0;

	keep(s, 1);
	skip_blanks(s);
	while (!rc && peek(s) != '}') {
		rc = scan_member(s);
		skip_blanks(s);
		if (rc || peek(s) == '}')
			break;
		if (peek(s) != ',')
			return fail(s, "',' or '}'");
		keep(s, 1);
		skip_blanks(s);
		if (peek(s) == '}')
			return fail(s, "a key");
	}
	if (!rc)
		keep(s, 1);
	return rc;
}

static int scan_value(struct scan *s)
{
	int c, rc;

	skip_blanks(s);
	c = peek(s);
	if (c == '"')
		return scan_string(s);
	if (c == '-' || isdigit(c))
		return scan_number(s);
	if (c != '{' && c != '[')
		return scan_word(s);
	if (s->depth == JSON_MAX_DEPTH)
		return fail(s, "no more than 64 levels");
	s->depth++;
	rc = c == '{' ? scan_object(s) : scan_array(s);
	s->depth--;
	return rc;
}

static int scan_text(struct scan *s)
{
	int rc;

	if (str_starts((struct str){ s->p, s->n }, STR("\xef\xbb\xbf")))
		s->i = 3;
	rc = scan_value(s);
	skip_blanks(s);
	if (!rc && s->i < s->n)
		rc = fail(s, "the end of the text");
	return rc;
}

/* Puts the noted numbers back; *at counts those used up. */
static void restore_big(cJSON *node, const struct strv *big, size_t *at)
{
	cJSON *child;

	cJSON_ArrayForEach (child, node)
		restore_big(child, big, at);
	if (!cJSON_IsNumber(node) || *at == big->n ||
		strtod(big->v[*at], NULL) != node->valuedouble)
		return;
	if (node->valuedouble >= 1e15 || node->valuedouble <= -1e15) {
		node->type = (node->type & ~0xff) | cJSON_Raw;
		node->valuestring = cJSON_malloc(strlen(big->v[*at]) + 1);
		if (!node->valuestring)
			BUG_ON("out of memory");
		memcpy(node->valuestring, big->v[*at], strlen(big->v[*at]) + 1);
	}
	++*at;
}

int json_parse(struct str text, enum json_mode mode, cJSON **out, struct err *e)
{
	struct scan s = { .p = text.p ? text.p : "", .n = text.n, .e = e };
	struct buf standard;
	size_t at = 0;
	cJSON *doc = NULL;
	int rc;

	buf_init(&standard, text.n > SIZE_MAX / 8 ? 0 : text.n * 3 + 64);
	s.loose = mode == JSON_LOOSE;
	s.out = s.loose ? &standard : NULL;
	rc = scan_text(&s);
	if (!rc && buf_err(&standard))
		rc = err_set(e, TQ_ETOOBIG, "%zu bytes of JSON are too many", text.n);
	if (!rc) {
		struct str t = s.loose ? buf_str(&standard) : text;

		doc = cJSON_ParseWithLength(t.p, t.n);
		if (!doc)
			rc = err_set(e, TQ_EFORMAT, "%zu bytes of JSON cannot be read", text.n);
	}
	if (doc && s.big.n)
		restore_big(doc, &s.big, &at);
	if (!rc)
		*out = doc;
	strv_release(&s.big);
	buf_release(&standard);
	return rc;
}

/* The last of several members of one name, as Java's readers have it. */
static const cJSON *member(const cJSON *o, const char *key)
{
	const cJSON *child, *found = NULL;

	if (!cJSON_IsObject(o))
		return NULL;
	cJSON_ArrayForEach (child, o)
		if (child->string && !strcmp(child->string, key))
			found = child;
	return found;
}

const char *json_text(const cJSON *o, const char *key, const char *absent)
{
	const cJSON *m = member(o, key);

	return cJSON_IsString(m) && m->valuestring ? m->valuestring : absent;
}

bool json_node_int(const cJSON *node, int64_t *out)
{
	double d;

	if (cJSON_IsString(node) || cJSON_IsRaw(node))
		return node->valuestring && !str_to_i64(str_trim(str_of(node->valuestring)),
						    INT64_MIN, INT64_MAX, out, "", NULL);
	if (!cJSON_IsNumber(node))
		return false;
	d = node->valuedouble;
	if (!(d >= -0x1p63 && d < 0x1p63) || d != (double)(int64_t)d)
		return false;
	*out = (int64_t)d;
	return true;
}

int64_t json_int(const cJSON *o, const char *key, int64_t absent)
{
	int64_t v;

	return json_node_int(member(o, key), &v) ? v : absent;
}

bool json_bool(const cJSON *o, const char *key, bool absent)
{
	const cJSON *m = member(o, key);

	if (cJSON_IsBool(m))
		return cJSON_IsTrue(m);
	if (cJSON_IsString(m) && !strcmp(m->valuestring, "true"))
		return true;
	if (cJSON_IsString(m) && !strcmp(m->valuestring, "false"))
		return false;
	return absent;
}

static const char *type_name(const cJSON *node)
{
	if (!node)
		return "missing";
	if (cJSON_IsNull(node))
		return "null";
	if (cJSON_IsBool(node))
		return "a boolean";
	if (cJSON_IsNumber(node) || cJSON_IsRaw(node))
		return "a number";
	if (cJSON_IsString(node))
		return "text";
	return cJSON_IsArray(node) ? "an array" : "an object";
}

static int wrong(const char *key, const char *wanted, const cJSON *found, struct err *e)
{
	if (!found)
		return err_set(e, TQ_EFORMAT, "'%s' is missing", key);
	return err_set(e, TQ_EFORMAT, "'%s' is %s, not %s", key, type_name(found), wanted);
}

int json_need_object(const cJSON *o, const char *key, const cJSON **out, struct err *e)
{
	const cJSON *m = member(o, key);

	if (!cJSON_IsObject(m))
		return wrong(key, "an object", m, e);
	*out = m;
	return 0;
}

int json_need_array(const cJSON *o, const char *key, const cJSON **out, struct err *e)
{
	const cJSON *m = member(o, key);

	if (!cJSON_IsArray(m))
		return wrong(key, "an array", m, e);
	*out = m;
	return 0;
}

int json_need_int(
	const cJSON *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *e)
{
	const cJSON *m = member(o, key);
	int64_t v;

	if (!json_node_int(m, &v))
		return wrong(key, "a whole number", m, e);
	if (v < min || v > max)
		return err_set(e, TQ_EFORMAT, "'%s' is %lld, not between %lld and %lld", key,
			(long long)v, (long long)min, (long long)max);
	*out = v;
	return 0;
}

static cJSON *add(cJSON *o, const char *key, cJSON *node)
{
	BUG_ON(!node);
	if (cJSON_IsArray(o))
		BUG_ON(!cJSON_AddItemToArray(o, node));
	else
		BUG_ON(!cJSON_AddItemToObject(o, key, node));
	return node;
}

cJSON *json_add_i64(cJSON *o, const char *key, int64_t v)
{
	char digits_[24];

	if (v > -1000000000000000 && v < 1000000000000000)
		return add(o, key, cJSON_CreateNumber((double)v));
	snprintf(digits_, sizeof(digits_), "%lld", (long long)v); /* cJSON would write 1e+15 */
	return add(o, key, cJSON_CreateRaw(digits_));
}

/* Every byte above 127 becomes U+FFFD: what is not UTF-8 has no characters to keep. */
static void add_repaired(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			buf_puts(b, "\xef\xbf\xbd");
		else
			buf_putc(b, s.p[i]);
}

cJSON *json_add_str(cJSON *o, const char *key, struct str s)
{
	struct buf b;
	cJSON *node;

	buf_init(&b, s.n * 3 + 1);
	if (str_is_utf8(s))
		buf_add_str(&b, s);
	else
		add_repaired(&b, s);
	buf_add(&b, "", 0);
	node = add(o, key, cJSON_CreateString(b.p));
	buf_release(&b);
	return node;
}

static void quote_byte(struct buf *b, unsigned char c)
{
	static const char names[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char *at = c ? strchr(names, c) : NULL;

	if (at)
		buf_addf(b, "\\%c", letters[at - names]);
	else
		buf_addf(b, "\\u%04X", c);
}

static void quote_utf8(struct buf *b, struct str s)
{
	size_t from = 0;

	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_add(b, s.p + from, i - from);
		quote_byte(b, c);
		from = i + 1;
	}
	buf_add(b, s.p + from, s.n - from);
	buf_putc(b, '"');
}

void json_quote(struct buf *b, struct str s)
{
	struct buf repaired;

	if (!s.p)
		s = STR("");
	if (str_is_utf8(s)) {
		quote_utf8(b, s);
		return;
	}
	buf_init(&repaired, s.n * 3);
	add_repaired(&repaired, s);
	quote_utf8(b, buf_str(&repaired));
	buf_release(&repaired);
}
