/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent into a tree of nodes, at most FILTER_DEPTH deep. Values are turned into
 * numbers once, when the filter is made.
 */
#include "rowfilter.h"

#include <ctype.h>
#include <regex.h>

#include "clock.h"
#include "mem.h"
#include "opt.h"
#include "when.h"

#define FILTER_DEPTH 32
#define FILTER_LONGEST 4096

enum op { OP_OR, OP_AND, OP_NOT, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_LIKE, OP_UNLIKE };

struct rowfilter {
	enum op op;
	struct rowfilter *left, *right; /* owned; of OP_OR, OP_AND, OP_NOT */
	const struct col *col; /* borrowed */
	char *text; /* owned: the value as written */
	double number;
	bool is_number, has_regex, utc;
	regex_t regex;
};

struct parse {
	const char *all;
	struct str rest;
	const struct col *cols; /* NULL: only the syntax counts */
	bool utc;
	int depth;
	struct err *e;
};

const cJSON *row_at(const cJSON *item, const char *path)
{
	struct str rest = str_of(path), name;

	while (item && str_cut(&rest, '.', &name)) {
		const cJSON *child;

		if (!cJSON_IsObject(item))
			return NULL;
		cJSON_ArrayForEach (child, item)
			if (child->string && str_is(name, child->string))
				break;
		item = child;
	}
	return item;
}

void rowfilter_free(struct rowfilter *f)
{
	if (!f)
		return;
	rowfilter_free(f->left);
	rowfilter_free(f->right);
	if (f->has_regex)
		regfree(&f->regex);
	mem_free(f->text);
	mem_free(f);
}

static int fail(struct parse *p, const char *what)
{
	size_t at = strlen(p->all) - p->rest.n + 1;

	err_set(p->e, TQ_EUSAGE, "filter '%s': expected %s at character %zu", p->all, what, at);
	err_hint(p->e, "write it like lag>1000 && name~^order");
	return TQ_EUSAGE;
}

static bool take(struct parse *p, const char *token)
{
	p->rest = str_trim(p->rest);
	if (!p->rest.p || !str_starts(p->rest, str_of(token)))
		return false;
	p->rest = str_skip(p->rest, strlen(token));
	return true;
}

static bool take_op(struct parse *p, enum op *op)
{
	/* longer ones first */
	static const struct {
		const char *token;
		enum op op;
	} ops[] = { { "==", OP_EQ }, { "!=", OP_NE }, { "!~", OP_UNLIKE }, { "<=", OP_LE },
		{ ">=", OP_GE }, { "=", OP_EQ }, { "<", OP_LT }, { ">", OP_GT },
		{ "~", OP_LIKE } };

	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (take(p, ops[i].token)) {
			*op = ops[i].op;
			return true;
		}
	return false;
}

/* Up to a blank, && or ||, or a parenthesis it did not open itself. */
static size_t bare_value(struct str s)
{
	size_t n = 0;
	int open = 0;

	for (; n < s.n && !isspace((unsigned char)s.p[n]); n++) {
		char c = s.p[n];

		if (n + 1 < s.n && (c == '&' || c == '|') && s.p[n + 1] == c)
			break;
		if (c == ')' && open-- == 0)
			break;
		open += c == '(';
	}
	return n;
}

static int take_value(struct parse *p, char **out)
{
	const char *end;
	size_t n;

	p->rest = str_trim(p->rest);
	if (p->rest.n && (p->rest.p[0] == '"' || p->rest.p[0] == '\'')) {
		end = memchr(p->rest.p + 1, p->rest.p[0], p->rest.n - 1);
		if (!end)
			return fail(p, "the closing quote");
		n = (size_t)(end - p->rest.p);
		*out = mem_strn(p->rest.p + 1, n - 1);
		p->rest = str_skip(p->rest, n + 1);
		return 0;
	}
	n = bare_value(p->rest);
	if (!n)
		return fail(p, "a value");
	*out = mem_strn(p->rest.p, n);
	p->rest = str_skip(p->rest, n);
	return 0;
}

static int find_col(struct parse *p, struct str name, struct rowfilter *f)
{
	const struct col *c = p->cols;
	struct buf b;

	for (; c && c->name; c++)
		if (str_is(name, c->name) || str_is(name, c->path)) {
			f->col = c;
			return 0;
		}
	if (!p->cols)
		return 0;
	err_set(p->e, TQ_EUSAGE, "filter '%s': no column '" STR_FMT "'", p->all, STR_ARG(name));
	buf_init(&b, 200);
	for (c = p->cols; c->name; c++)
		buf_addf(&b, "%s%s", c == p->cols ? "" : " ", c->name);
	err_hint(p->e, "columns are: %s", buf_err(&b) ? "see -o wide" : b.p);
	buf_release(&b);
	return TQ_EUSAGE;
}

static bool number_of(struct str s, double *out)
{
	char text[64], *end;

	if (!s.n || s.n >= sizeof(text) || isspace((unsigned char)s.p[0]))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*out = strtod(text, &end);
	return !*end;
}

/* 10k, 4MiB, 2m, 12%, a time: as the column shows. */
static bool value_of(enum col_format format, struct str s, bool utc, double *out)
{
	int64_t v;

	if (format == COL_TIME) {
		if (when_parse(s, clock_wall_ms(), utc, &v, NULL))
			return false;
		*out = (double)v;
		return true;
	}
	if (number_of(s, out))
		return true;
	if (format == COL_PERCENT && s.n && s.p[s.n - 1] == '%')
		return number_of((struct str){ s.p, s.n - 1 }, out);
	if ((format == COL_COUNT || format == COL_BYTES || format == COL_NUMBER) &&
		!str_to_bytes(s, &v, NULL)) {
		*out = (double)v;
		return true;
	}
	if (format == COL_MS && !str_to_ms(s, &v, NULL)) {
		*out = (double)v;
		return true;
	}
	return false;
}

static bool is_text(enum col_format format)
{
	return format == COL_TEXT || format == COL_BOOL;
}

static int prepare(struct parse *p, struct rowfilter *f)
{
	int flags = REG_EXTENDED | REG_NOSUB;

	f->utc = p->utc;
	if (f->op == OP_LIKE || f->op == OP_UNLIKE) {
		f->has_regex = !regcomp(&f->regex, f->text, flags);
		return f->has_regex ? 0
				    : err_set(p->e, TQ_EUSAGE,
					      "filter '%s': '%s' is not a regular expression",
					      p->all, f->text);
	}
	if (!f->col)
		return 0;
	f->is_number = value_of(f->col->format, str_of(f->text), p->utc, &f->number);
	if (!f->is_number && !is_text(f->col->format))
		return err_set(p->e, TQ_EUSAGE, "filter '%s': '%s' is no value for column '%s'",
			p->all, f->text, f->col->name);
	return 0;
}

static int parse_or(struct parse *p, struct rowfilter **out);

static int parse_comparison(struct parse *p, struct rowfilter *f)
{
	size_t n = 0;
	struct str name;
	int rc;

	while (n < p->rest.n &&
		(isalnum((unsigned char)p->rest.p[n]) || strchr("_-.", p->rest.p[n])))
		n++;
	if (!n)
		return fail(p, "a column");
	name = (struct str){ p->rest.p, n };
	rc = find_col(p, name, f);
	if (rc)
		return rc;
	p->rest = str_skip(p->rest, n);
	if (!take_op(p, &f->op))
		return fail(p, "one of == != < <= > >= ~ !~");
	rc = take_value(p, &f->text);
	return rc ? rc : prepare(p, f);
}

static int parse_term(struct parse *p, struct rowfilter **out)
{
	struct rowfilter *f;
	int rc;

	if (p->depth == FILTER_DEPTH)
		return fail(p, "less nesting");
	if (take(p, "(")) {
		p->depth++;
		rc = parse_or(p, out);
		p->depth--;
		return rc || take(p, ")") ? rc : fail(p, "')'");
	}
	f = mem_alloc(sizeof(*f));
	*out = f;
	if (take(p, "!")) {
		f->op = OP_NOT;
		p->depth++;
		rc = parse_term(p, &f->left);
		p->depth--;
		return rc;
	}
	return parse_comparison(p, f);
}

static int parse_list(struct parse *p, enum op op, const char *token,
	int (*part)(struct parse *, struct rowfilter **), struct rowfilter **out)
{
	int rc = part(p, out);

	while (!rc && take(p, token)) {
		struct rowfilter *f = mem_alloc(sizeof(*f));

		f->op = op;
		f->left = *out;
		*out = f;
		rc = part(p, &f->right);
	}
	return rc;
}

static int parse_and(struct parse *p, struct rowfilter **out)
{
	return parse_list(p, OP_AND, "&&", parse_term, out);
}

static int parse_or(struct parse *p, struct rowfilter **out)
{
	return parse_list(p, OP_OR, "||", parse_and, out);
}

int rowfilter_new(const char *text, const struct col *cols, bool utc, struct rowfilter **out,
	struct err *e)
{
	struct parse p = {
		.all = text, .rest = str_of(text), .cols = cols, .utc = utc, .e = e
	};
	struct rowfilter *f = NULL;
	int rc;

	if (p.rest.n > FILTER_LONGEST)
		return err_set(e, TQ_EUSAGE, "filter of more than %d bytes", FILTER_LONGEST);
	rc = parse_or(&p, &f);
	p.rest = str_trim(p.rest);
	if (!rc && p.rest.n)
		rc = fail(&p, "&& or ||");
	if (rc)
		rowfilter_free(f);
	else
		*out = f;
	return rc;
}

int rowfilter_check(const char *text, struct err *e)
{
	struct rowfilter *f = NULL;
	int rc = rowfilter_new(text, NULL, false, &f, e);

	if (!rc)
		rowfilter_free(f);
	return rc;
}

/* Text of a scalar, for comparing; false for null, maps and lists. */
static bool scalar_text(const cJSON *node, struct buf *b)
{
	if (cJSON_IsString(node))
		buf_puts(b, node->valuestring);
	else if (cJSON_IsBool(node))
		buf_puts(b, cJSON_IsTrue(node) ? "true" : "false");
	else if (cJSON_IsNumber(node) || cJSON_IsRaw(node))
		json_print(b, node, 0, 0);
	else if (cJSON_IsArray(node))
		json_print(b, node, 0, 0);
	else
		return false;
	buf_add(b, "", 0);
	return true;
}

static bool node_number(const struct rowfilter *f, const cJSON *node, double *out)
{
	int64_t v;

	if (cJSON_IsNumber(node)) {
		*out = node->valuedouble;
		return true;
	}
	if (json_node_int(node, &v)) {
		*out = (double)v;
		return true;
	}
	return cJSON_IsString(node) && !is_text(f->col->format) &&
	       value_of(f->col->format, str_of(node->valuestring), f->utc, out);
}

static bool holds(enum op op, int order)
{
	switch (op) {
	case OP_EQ:
		return order == 0;
	case OP_NE:
		return order != 0;
	case OP_LT:
		return order < 0;
	case OP_LE:
		return order <= 0;
	case OP_GT:
		return order > 0;
	default:
		return order >= 0;
	}
}

/* yes, on and 1 are true; no, off and 0 are false. */
static const char *bool_word(const char *s)
{
	static const char *const yes[] = { "yes", "on", "1" }, *const no[] = { "no", "off",
		"0" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (!strcmp(s, yes[i]))
			return "true";
		if (!strcmp(s, no[i]))
			return "false";
	}
	return s;
}

static bool compare_text(const struct rowfilter *f, const char *text, bool is_bool)
{
	if (f->has_regex)
		return !regexec(&f->regex, text, 0, NULL, 0) == (f->op == OP_LIKE);
	return holds(f->op, strcmp(text, is_bool ? bool_word(f->text) : f->text));
}

static bool compare(const struct rowfilter *f, const cJSON *item)
{
	const cJSON *node = row_at(item, f->col->path);
	bool hit = f->op == OP_NE || f->op == OP_UNLIKE;
	struct buf b;
	double v;

	if (!f->has_regex && f->is_number && node_number(f, node, &v))
		return holds(f->op, (v > f->number) - (v < f->number));
	buf_init(&b, 1 << 20);
	if (scalar_text(node, &b) && !buf_err(&b))
		hit = compare_text(f, b.p, cJSON_IsBool(node));
	buf_release(&b);
	return hit;
}

bool rowfilter_match(const struct rowfilter *f, const cJSON *item)
{
	switch (f->op) {
	case OP_OR:
		return rowfilter_match(f->left, item) || rowfilter_match(f->right, item);
	case OP_AND:
		return rowfilter_match(f->left, item) && rowfilter_match(f->right, item);
	case OP_NOT:
		return !rowfilter_match(f->left, item);
	default:
		return compare(f, item);
	}
}
