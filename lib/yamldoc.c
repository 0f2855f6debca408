/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libyaml's events become cJSON nodes one by one; a stack of open maps and lists takes the place
 * of recursion. Beside the tree a table from node to place keeps line, column and the text of
 * scalars. Without aliases the tree is never larger than the text.
 */
#include "yamldoc.h"

#include <ctype.h>
#include <yaml.h>

#include "fsio.h"
#include "map.h"

struct place {
	const cJSON *node; /* key; borrowed from the tree */
	size_t line, column; /* from 1 */
	const char *text; /* arena; NULL for maps and lists */
	UT_hash_handle hh;
};

struct yamldoc {
	const char *name; /* arena */
	cJSON *roots; /* owned: an array, one element a document */
	struct place *places; /* arena; by node */
	struct arena mem;
};

struct build {
	struct yamldoc *doc;
	cJSON *open[YAMLDOC_MAX_DEPTH];
	size_t depth;
	char *key; /* owned; of the map that is open, waiting for its value */
	yaml_mark_t mark; /* of the event under way */
	struct err *e;
};

static int fail(struct build *b, const char *what, const char *subject)
{
	return err_set(b->e, TQ_EFORMAT, "%s:%zu:%zu: %s%s%s%s", b->doc->name, b->mark.line + 1,
		b->mark.column + 1, what, subject ? " '" : "", subject ? subject : "",
		subject ? "'" : "");
}

static struct place *find_place(const struct yamldoc *d, const cJSON *node)
{
	struct place *p = NULL;

	HASH_FIND_PTR(d->places, &node, p);
	return p;
}

static void note_place(struct build *b, const cJSON *node, const char *text)
{
	struct place *p = arena_alloc(&b->doc->mem, sizeof(*p));

	p->node = node;
	p->line = b->mark.line + 1;
	p->column = b->mark.column + 1;
	p->text = arena_str(&b->doc->mem, text);
	HASH_ADD_PTR(b->doc->places, node, p);
}

/* Puts a finished node where it belongs; the tree owns it from here on. */
static int place_node(struct build *b, cJSON *node, const char *text)
{
	cJSON *parent = b->depth ? b->open[b->depth - 1] : b->doc->roots;
	bool added;

	BUG_ON(!node);
	note_place(b, node, text);
	if (cJSON_IsObject(parent))
		added = cJSON_AddItemToObject(parent, b->key, node);
	else
		added = cJSON_AddItemToArray(parent, node);
	BUG_ON(!added);
	mem_free(b->key);
	b->key = NULL;
	return 0;
}

static bool is_word(struct str s, const char *lower, const char *title, const char *upper)
{
	return str_is(s, lower) || str_is(s, title) || str_is(s, upper);
}

static size_t count_digits(const char *s)
{
	size_t n = 0;

	while (isdigit((unsigned char)s[n]))
		n++;
	return n;
}

/* [-+]? ( .5 | 5 | 5.5 ) ( e [-+]? 5 )?  and nothing behind it */
static bool is_decimal(const char *s, bool *whole)
{
	size_t left, right = 0;

	s += *s == '-' || *s == '+';
	left = count_digits(s);
	s += left;
	*whole = *s != '.' && (*s | 32) != 'e';
	if (*s == '.') {
		right = count_digits(++s);
		s += right;
	}
	if (!left && !right)
		return false;
	if ((*s | 32) == 'e') {
		s++;
		s += *s == '-' || *s == '+';
		left = count_digits(s);
		s += left;
		if (!left)
			return false;
	}
	return !*s;
}

static bool from_base(const char *s, int base, int64_t *out)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		int digit = isdigit((unsigned char)*s) ? *s - '0' : (*s | 32) - 'a' + 10;

		if (!isxdigit((unsigned char)*s) || digit >= base || v > INT64_MAX / 16)
			return false;
		v = v * (uint64_t)base + (uint64_t)digit;
	}
	*out = (int64_t)v;
	return true;
}

/* What a plain scalar means; NULL: it is text. The result is attached to no tree yet. */
static cJSON *plain_value(const char *text)
{
	struct str s = str_of(text);
	bool whole = false;
	int64_t v;

	if (!s.n || str_is(s, "~") || is_word(s, "null", "Null", "NULL"))
		return cJSON_CreateNull();
	if (is_word(s, "true", "True", "TRUE"))
		return cJSON_CreateTrue();
	if (is_word(s, "false", "False", "FALSE"))
		return cJSON_CreateFalse();
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o') &&
		from_base(text + 2, text[1] == 'x' ? 16 : 8, &v))
		return cJSON_CreateNumber((double)v);
	if (s.n > 63 || !is_decimal(text, &whole))
		return NULL;
	if (whole && !str_to_i64(s, INT64_MIN, INT64_MAX, &v, "", NULL) &&
		(v >= 1000000000000000 || v <= -1000000000000000)) {
		char digits[24];

		snprintf(digits, sizeof(digits), "%lld", (long long)v);
		return cJSON_CreateRaw(digits);
	}
	return cJSON_CreateNumber(strtod(text, NULL));
}

static int take_key(struct build *b, const char *text)
{
	cJSON *map = b->open[b->depth - 1];

	if (cJSON_GetObjectItemCaseSensitive(map, text))
		return fail(b, "key twice:", text);
	b->key = mem_str(text);
	return 0;
}

static bool wants_key(const struct build *b)
{
	return b->depth && cJSON_IsObject(b->open[b->depth - 1]) && !b->key;
}

static int on_scalar(struct build *b, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	const char *tag = (const char *)ev->data.scalar.tag;
	bool is_text = tag && !strcmp(tag, YAML_STR_TAG);
	cJSON *node = NULL;

	if (ev->data.scalar.anchor)
		return fail(b, "anchors are not accepted", NULL);
	if (tag && !is_text && strcmp(tag, "!"))
		return fail(b, "tag is not accepted:", tag);
	if (strlen(text) != ev->data.scalar.length)
		return fail(b, "a NUL byte in text", NULL);
	if (wants_key(b))
		return take_key(b, text);
	if (!tag && ev->data.scalar.plain_implicit &&
		ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		node = plain_value(text);
	return place_node(b, node ? node : cJSON_CreateString(text), text);
}

static int on_open(struct build *b, cJSON *node, const void *anchor, const void *tag)
{
	int rc = 0;

	if (anchor)
		rc = fail(b, "anchors are not accepted", NULL);
	else if (tag && strcmp(tag, YAML_MAP_TAG) && strcmp(tag, YAML_SEQ_TAG))
		rc = fail(b, "tag is not accepted:", tag);
	else if (wants_key(b))
		rc = fail(b, "a key must be text", NULL);
	else if (b->depth == YAMLDOC_MAX_DEPTH)
		rc = fail(b, "nested too deeply", NULL);
	if (rc) {
		cJSON_Delete(node);
		return rc;
	}
	place_node(b, node, NULL);
	b->open[b->depth++] = node;
	return 0;
}

static int on_event(struct build *b, const yaml_event_t *ev)
{
	b->mark = ev->start_mark;
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, cJSON_CreateObject(), ev->data.mapping_start.anchor,
			ev->data.mapping_start.tag);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, cJSON_CreateArray(), ev->data.sequence_start.anchor,
			ev->data.sequence_start.tag);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		b->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return fail(b, "aliases are not accepted", NULL);
	default:
		return 0;
	}
}

static int syntax_error(struct build *b, const yaml_parser_t *p)
{
	b->mark = p->problem_mark;
	if (p->error == YAML_READER_ERROR)
		return err_set(b->e, TQ_EFORMAT, "%s: %s at byte %zu", b->doc->name,
			p->problem ? p->problem : "cannot be read", p->problem_offset);
	return fail(b, p->problem ? p->problem : "not YAML", NULL);
}

static int read_events(struct build *b, yaml_parser_t *p)
{
	bool more = true;
	int rc = 0;

	while (!rc && more) {
		yaml_event_t ev;

		if (!yaml_parser_parse(p, &ev))
			return syntax_error(b, p);
		rc = on_event(b, &ev);
		more = ev.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&ev);
	}
	return rc;
}

int yamldoc_parse(struct str text, const char *name, struct yamldoc **out, struct err *e)
{
	struct yamldoc *d = mem_alloc(sizeof(*d));
	struct build b = { .doc = d, .e = e };
	yaml_parser_t parser;
	int rc;

	arena_init(&d->mem);
	d->name = arena_str(&d->mem, name);
	d->roots = cJSON_CreateArray();
	BUG_ON(!yaml_parser_initialize(&parser));
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
	rc = read_events(&b, &parser);
	yaml_parser_delete(&parser);
	mem_free(b.key);
	if (rc)
		yamldoc_free(d);
	else
		*out = d;
	return rc;
}

int yamldoc_load(const char *path, size_t max, struct yamldoc **out, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, max);
	rc = fsio_read_file(path, max, &b, e);
	if (!rc)
		rc = yamldoc_parse(
			buf_str(&b), strcmp(path, "-") ? path : "standard input", out, e);
	buf_release(&b);
	return rc;
}

void yamldoc_free(struct yamldoc *d)
{
	if (!d)
		return;
	HASH_CLEAR(hh, d->places);
	cJSON_Delete(d->roots);
	arena_release(&d->mem);
	mem_free(d);
}

size_t yamldoc_count(const struct yamldoc *d)
{
	return (size_t)cJSON_GetArraySize(d->roots);
}

const cJSON *yamldoc_root(const struct yamldoc *d, size_t i)
{
	const cJSON *node = cJSON_GetArrayItem(d->roots, (int)i);

	return cJSON_IsNull(node) ? NULL : node;
}

int yamldoc_wrap(const struct yamldoc *d, const cJSON *node, struct err *e)
{
	const struct place *p = find_place(d, node);

	if (!p)
		return err_wrap(e, "%s", d->name);
	return err_wrap(e, "%s:%zu:%zu", d->name, p->line, p->column);
}

const char *yamldoc_text(const struct yamldoc *d, const cJSON *node)
{
	const struct place *p = find_place(d, node);

	return p ? p->text : NULL;
}

static int append(void *buf, unsigned char *p, size_t n)
{
	buf_add(buf, p, n);
	return !buf_err(buf);
}

/* Readers of YAML 1.1 take these for something else; ours do so for the first few. */
static bool needs_quotes(const char *s)
{
	static const char *const words[] = { "~", "null", "true", "false", "yes", "no", "on",
		"off", "y", "n", "=", "<<", ".inf", "+.inf", "-.inf", ".nan" };
	const char *digits = s + (*s == '-' || *s == '+');

	if (!*s)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcasecmp(s, words[i]))
			return true;
	if (!strchr("0123456789+-.", *s))
		return false;
	if (digits[0] == '0' && digits[1] && strchr("xXoObB", digits[1]))
		return true;
	/* numbers, and the times and dates of 1.1 */
	return !s[strspn(s, "0123456789_+-.:eETtZz ")];
}

static bool emit_text(yaml_emitter_t *em, const char *text)
{
	bool quoted = needs_quotes(text);
	yaml_scalar_style_t style = quoted		 ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
				    : strchr(text, '\n') ? YAML_LITERAL_SCALAR_STYLE
							 : YAML_ANY_SCALAR_STYLE;
	yaml_event_t ev;

	return yaml_scalar_event_initialize(&ev, NULL, NULL, (const yaml_char_t *)(text),
		       (int)strlen(text), !quoted, 1, style) &&
	       yaml_emitter_emit(em, &ev);
}

static bool emit_number(yaml_emitter_t *em, const cJSON *node)
{
	yaml_event_t ev;
	struct buf b;
	bool ok;

	buf_init(&b, 4096);
	json_print(&b, node, 0, 0);
	ok = !buf_err(&b) &&
	     yaml_scalar_event_initialize(&ev, NULL, NULL, (const yaml_char_t *)b.p, (int)b.n,
		     1, 0, YAML_PLAIN_SCALAR_STYLE) &&
	     yaml_emitter_emit(em, &ev);
	buf_release(&b);
	return ok;
}

static bool emit_node(yaml_emitter_t *em, const cJSON *node);

static bool emit_map(yaml_emitter_t *em, const cJSON *node)
{
	const cJSON *child;
	yaml_event_t ev;

	if (!yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1,
		    node->child ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE) ||
		!yaml_emitter_emit(em, &ev))
		return false;
	cJSON_ArrayForEach (child, node)
		if (!emit_text(em, child->string ? child->string : "") || !emit_node(em, child))
			return false;
	return yaml_mapping_end_event_initialize(&ev) && yaml_emitter_emit(em, &ev);
}

static bool emit_list(yaml_emitter_t *em, const cJSON *node)
{
	const cJSON *child;
	yaml_event_t ev;

	if (!yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1,
		    node->child ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE) ||
		!yaml_emitter_emit(em, &ev))
		return false;
	cJSON_ArrayForEach (child, node)
		if (!emit_node(em, child))
			return false;
	return yaml_sequence_end_event_initialize(&ev) && yaml_emitter_emit(em, &ev);
}

static bool emit_node(yaml_emitter_t *em, const cJSON *node)
{
	if (cJSON_IsObject(node))
		return emit_map(em, node);
	if (cJSON_IsArray(node))
		return emit_list(em, node);
	if (cJSON_IsString(node))
		return emit_text(em, node->valuestring);
	return emit_number(em, node); /* null, true and false print as numbers do */
}

static bool emit_document(yaml_emitter_t *em, const cJSON *node, bool first)
{
	yaml_event_t ev;

	return yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING) &&
	       yaml_emitter_emit(em, &ev) &&
	       yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, first) &&
	       yaml_emitter_emit(em, &ev) && emit_node(em, node) &&
	       yaml_document_end_event_initialize(&ev, 1) && yaml_emitter_emit(em, &ev) &&
	       yaml_stream_end_event_initialize(&ev) && yaml_emitter_emit(em, &ev);
}

int yamldoc_write(struct buf *out, const cJSON *node, bool first, struct err *e)
{
	yaml_emitter_t em;
	int rc = 0;

	BUG_ON(!yaml_emitter_initialize(&em));
	yaml_emitter_set_output(&em, append, out);
	yaml_emitter_set_unicode(&em, 1);
	yaml_emitter_set_width(&em, -1);
	yaml_emitter_set_indent(&em, 2);
	if (!emit_document(&em, node, first))
		rc = err_set(e, TQ_EFORMAT, "cannot write YAML: %s",
			em.problem ? em.problem : "text that is not UTF-8");
	yaml_emitter_delete(&em);
	return rc;
}
