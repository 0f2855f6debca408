/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recursive descent over one token of look-ahead. Nodes are numbered as they are made, so an
 * operand has a lower number than its operator. Apache checks operands when it builds an operator;
 * so do we, with its rules, because a filter that is accepted there must be accepted here and the
 * other way round.
 */
#include "sql92_impl.h"

#include <float.h>
#include <math.h>

#include "mem.h"

struct parser {
	struct sql *q;
	struct str text;
	struct sql_token token; /* next one */
	size_t at; /* behind it */
	int depth;
	struct err *e;
	int rc; /* first failure; the rest is skipped then */
};

static int parse_or(struct parser *p);
static int parse_unary(struct parser *p);

static int fail(struct parser *p, size_t at, const char *what)
{
	int line = 1, column = 1;

	if (p->rc)
		return -1;
	for (size_t i = 0; i < at && i < p->text.n; i++) {
		column = p->text.p[i] == '\n' ? 1 : column + 1;
		line += p->text.p[i] == '\n';
	}
	p->rc = err_set(p->e, TQ_EFILTER, "line %d, column %d: %s", line, column, what);
	return -1;
}

static void advance(struct parser *p)
{
	p->token = sql_lex(p->text, &p->at);
	if (p->token.kind == TOKEN_BAD)
		fail(p, p->token.at,
			*p->token.text.p == '\'' ? "the string has no end"
						 : "no such character here");
}

static bool take(struct parser *p, enum sql_token_kind kind)
{
	if (p->rc || p->token.kind != kind)
		return false;
	advance(p);
	return !p->rc;
}

static bool expect(struct parser *p, enum sql_token_kind kind, const char *what)
{
	if (!take(p, kind))
		fail(p, p->token.at, what);
	return !p->rc;
}

static struct sql_node *node(const struct parser *p, int i)
{
	return &p->q->nodes[i];
}

static int add(struct parser *p, enum sql_op op, int left, int right)
{
	struct sql *q = p->q;

	if (p->rc)
		return -1;
	if (q->n == SQL_NODES_MAX)
		return fail(p, p->token.at, "the expression has too many terms");
	if (q->n == q->cap) {
		q->cap = q->cap ? q->cap * 2 : 16;
		q->nodes = mem_grow(q->nodes, (size_t)q->cap * sizeof(*q->nodes));
	}
	q->nodes[q->n] = (struct sql_node){ .op = op, .left = left, .right = right };
	return q->n++;
}

static int add_constant(struct parser *p, struct sql_value v)
{
	int i = add(p, OP_CONSTANT, -1, -1);

	if (i >= 0)
		node(p, i)->value = v;
	return i;
}

/* ---- the rules of operands ---- */

static bool is_constant(const struct parser *p, int i)
{
	return node(p, i)->op == OP_CONSTANT;
}

static bool is_number(enum sql_kind kind)
{
	return kind == VALUE_INT || kind == VALUE_LONG || kind == VALUE_DOUBLE;
}

/* Yields true, false or null, and nothing else. */
static bool is_condition(const struct parser *p, int i)
{
	const struct sql_node *n = node(p, i);

	switch (n->op) {
	case OP_CONSTANT:
		return n->value.kind == VALUE_BOOL || n->value.kind == VALUE_NULL;
	case OP_NAME:
	case OP_NEGATE:
	case OP_ITEM:
		return false;
	default:
		return true;
	}
}

static int as_condition(struct parser *p, int i, size_t at)
{
	if (p->rc || is_condition(p, i))
		return i;
	if (node(p, i)->op == OP_NAME)
		return add(p, OP_CAST, i, -1);
	return fail(p, at, "a condition is due here, not a value");
}

static int add_equal(struct parser *p, int left, int right, size_t at)
{
	if (p->rc)
		return -1;
	if ((is_constant(p, left) && node(p, left)->value.kind == VALUE_NULL) ||
		(is_constant(p, right) && node(p, right)->value.kind == VALUE_NULL))
		return fail(p, at, "NULL cannot be compared; use IS NULL");
	if (is_constant(p, left) && is_constant(p, right) && is_condition(p, left) &&
		!is_condition(p, right))
		return fail(p, at, "TRUE or FALSE cannot be compared with another type");
	return add(p, OP_EQUAL, left, right);
}

static int add_order(struct parser *p, enum sql_op op, int left, int right, size_t at)
{
	const int sides[] = { left, right };

	for (size_t i = 0; i < ARRAY_LEN(sides) && !p->rc; i++) {
		if (is_constant(p, sides[i]) && !is_number(node(p, sides[i])->value.kind))
			return fail(p, at, "only numbers have an order");
		if (!is_constant(p, sides[i]) && is_condition(p, sides[i]))
			return fail(p, at, "a condition has no order");
	}
	return add(p, op, left, right);
}

static double as_double(const struct sql_value *v)
{
	return v->kind == VALUE_DOUBLE ? v->d : (double)v->i;
}

/* Two constant bounds: neither null, and the first not above the second. */
static bool are_bounds(struct parser *p, int low, int high, size_t at)
{
	const struct sql_value *a, *b;

	if (p->rc || !is_constant(p, low) || !is_constant(p, high))
		return !p->rc;
	a = &node(p, low)->value;
	b = &node(p, high)->value;
	if (a->kind == VALUE_NULL || b->kind == VALUE_NULL)
		fail(p, at, "a bound of BETWEEN is NULL");
	else if (is_number(a->kind) && is_number(b->kind) && as_double(a) > as_double(b))
		fail(p, at, "the first bound of BETWEEN is above the second");
	return !p->rc;
}

/* ---- constants ---- */

static int parse_integer(struct parser *p)
{
	struct str digits = p->token.text;
	int64_t v;

	if (digits.p[digits.n - 1] == 'l' || digits.p[digits.n - 1] == 'L')
		digits.n--;
	if (str_to_i64(digits, 0, INT64_MAX, &v, "number", NULL))
		return fail(p, p->token.at, "the number is too large");
	advance(p);
	return add_constant(p,
		(struct sql_value){ .kind = v <= INT32_MAX ? VALUE_INT : VALUE_LONG, .i = v });
}

static int parse_float(struct parser *p)
{
	char *z = mem_strn(p->token.text.p, p->token.text.n);
	double d = strtod(z, NULL);

	mem_free(z);
	if (!(d >= DBL_TRUE_MIN && d <= DBL_MAX))
		return fail(
			p, p->token.at, "the number is out of range (0.0 is, too: write 0)");
	advance(p);
	return add_constant(p, (struct sql_value){ .kind = VALUE_DOUBLE, .d = d });
}

/* Without its quotes; doubled ones are undone in place, in our copy of the text. */
static struct str unquote(struct parser *p)
{
	char *from = p->q->text + p->token.at + 1, *end = from + p->token.text.n - 2,
	     *to = from;
	char *start = from;

	while (from < end) {
		*to++ = *from;
		from += *from == '\'' ? 2 : 1;
	}
	return (struct str){ start, (size_t)(to - start) };
}

/* ---- the grammar ---- */

static int parse_nested(struct parser *p)
{
	int i;

	advance(p);
	i = parse_or(p);
	return expect(p, TOKEN_CLOSE, "')' is missing") ? i : -1;
}

static int parse_primary(struct parser *p)
{
	struct sql_value v = { .kind = VALUE_NULL };
	int i;

	switch (p->token.kind) {
	case TOKEN_INTEGER:
		return parse_integer(p);
	case TOKEN_FLOAT:
		return parse_float(p);
	case TOKEN_OPEN:
		return parse_nested(p);
	case TOKEN_TRUE:
	case TOKEN_FALSE:
		v = (struct sql_value){ .kind = VALUE_BOOL, .b = p->token.kind == TOKEN_TRUE };
		break;
	case TOKEN_NULL:
		break;
	case TOKEN_STRING:
		v = (struct sql_value){ .kind = VALUE_TEXT, .s = unquote(p) };
		break;
	case TOKEN_NAME:
		i = add(p, OP_NAME, -1, -1);
		if (i >= 0)
			node(p, i)->value =
				(struct sql_value){ .kind = VALUE_TEXT, .s = p->token.text };
		advance(p);
		return p->rc ? -1 : i;
	default:
		return fail(p, p->token.at, "a name, a value or '(' is due here");
	}
	advance(p);
	return add_constant(p, v);
}

static int parse_signed(struct parser *p)
{
	size_t at = p->token.at;
	int i;

	if (take(p, TOKEN_PLUS))
		return parse_unary(p);
	if (take(p, TOKEN_MINUS)) {
		i = parse_unary(p);
		return add(p, OP_NEGATE, i, -1);
	}
	if (take(p, TOKEN_NOT)) {
		i = as_condition(p, parse_unary(p), at);
		return add(p, OP_NOT, i, -1);
	}
	return parse_primary(p);
}

static int parse_unary(struct parser *p)
{
	int i;

	if (p->rc)
		return -1;
	if (p->depth == SQL_DEPTH_MAX)
		return fail(p, p->token.at, "the expression is nested too deep");
	p->depth++;
	i = parse_signed(p);
	p->depth--;
	return i;
}

static int parse_between(struct parser *p, int value, bool negated, size_t at)
{
	int low, high;

	low = parse_unary(p);
	if (!expect(p, TOKEN_AND, "AND of BETWEEN is missing"))
		return -1;
	high = parse_unary(p);
	if (!are_bounds(p, low, high, at))
		return -1;
	low = add_order(p, negated ? OP_LESS : OP_GREATER_EQUAL, value, low, at);
	high = add_order(p, negated ? OP_GREATER : OP_LESS_EQUAL, value, high, at);
	return add(p, negated ? OP_OR : OP_AND, low, high);
}

static int parse_in(struct parser *p, int left, bool negated, size_t at)
{
	int first = -1, last = -1, item, in;

	if (!p->rc && node(p, left)->op != OP_NAME)
		return fail(p, at, "IN has a name on its left");
	expect(p, TOKEN_OPEN, "'(' of IN is missing");
	do {
		if (p->rc || p->token.kind != TOKEN_STRING)
			return fail(p, p->token.at, "IN takes strings");
		item = add(p, OP_ITEM, -1, -1);
		if (item < 0)
			return -1;
		node(p, item)->value =
			(struct sql_value){ .kind = VALUE_TEXT, .s = unquote(p) };
		if (last >= 0)
			node(p, last)->right = item;
		else
			first = item;
		last = item;
		advance(p);
	} while (take(p, TOKEN_COMMA));
	expect(p, TOKEN_CLOSE, "')' of IN is missing");
	in = add(p, OP_IN, left, first);
	return negated ? add(p, OP_NOT, in, -1) : in;
}

static bool is_order(enum sql_token_kind kind, enum sql_op *op)
{
	switch (kind) {
	case TOKEN_GREATER:
		*op = OP_GREATER;
		return true;
	case TOKEN_GREATER_EQUAL:
		*op = OP_GREATER_EQUAL;
		return true;
	case TOKEN_LESS:
		*op = OP_LESS;
		return true;
	case TOKEN_LESS_EQUAL:
		*op = OP_LESS_EQUAL;
		return true;
	default:
		return false;
	}
}

/* NOT belongs to what is on its left only before BETWEEN and IN; otherwise the expression ends there. */
static bool is_negated(struct parser *p)
{
	size_t at = p->at;
	enum sql_token_kind next;

	if (p->rc || p->token.kind != TOKEN_NOT)
		return false;
	next = sql_lex(p->text, &at).kind;
	return next == TOKEN_BETWEEN || next == TOKEN_IN;
}

static int parse_comparison(struct parser *p)
{
	int left = parse_unary(p);
	enum sql_op op;

	while (!p->rc) {
		size_t at = p->token.at;
		bool negated = is_negated(p);

		if (negated)
			advance(p);
		if (is_order(p->token.kind, &op)) {
			advance(p);
			left = add_order(p, op, left, parse_unary(p), at);
		} else if (take(p, TOKEN_BETWEEN)) {
			left = parse_between(p, left, negated, at);
		} else if (take(p, TOKEN_IN)) {
			left = parse_in(p, left, negated, at);
		} else {
			break;
		}
	}
	return left;
}

/* IS NULL is the one comparison with NULL that is allowed. */
static int parse_is(struct parser *p, int left)
{
	bool negated = take(p, TOKEN_NOT);
	int i;

	if (!expect(p, TOKEN_NULL, "NULL of IS NULL is missing"))
		return -1;
	i = add_constant(p, (struct sql_value){ .kind = VALUE_NULL });
	i = add(p, OP_EQUAL, left, i);
	return negated ? add(p, OP_NOT, i, -1) : i;
}

static int parse_equality(struct parser *p)
{
	int left = parse_comparison(p);

	while (!p->rc) {
		size_t at = p->token.at;

		if (take(p, TOKEN_EQUAL)) {
			left = add_equal(p, left, parse_comparison(p), at);
		} else if (take(p, TOKEN_NOT_EQUAL)) {
			left = add_equal(p, left, parse_comparison(p), at);
			left = add(p, OP_NOT, left, -1);
		} else if (take(p, TOKEN_IS)) {
			left = parse_is(p, left);
		} else {
			break;
		}
	}
	return left;
}

static int parse_and(struct parser *p)
{
	size_t at = p->token.at;
	int left = parse_equality(p);

	while (!p->rc && p->token.kind == TOKEN_AND) {
		size_t right_at = p->at;
		int right;

		advance(p);
		right = parse_equality(p);
		left = as_condition(p, left, at);
		left = add(p, OP_AND, left, as_condition(p, right, right_at));
	}
	return left;
}

static int parse_or(struct parser *p)
{
	size_t at = p->token.at;
	int left = parse_and(p);

	while (!p->rc && p->token.kind == TOKEN_OR) {
		size_t right_at = p->at;
		int right;

		advance(p);
		right = parse_and(p);
		left = as_condition(p, left, at);
		left = add(p, OP_OR, left, as_condition(p, right, right_at));
	}
	return left;
}

int sql_parse(struct str text, struct sql **out, struct err *e)
{
	struct parser p = { .e = e };

	if (text.n > SQL_TEXT_MAX)
		return err_set(e, TQ_EFILTER,
			"line 1, column 1: the expression is over %d bytes", SQL_TEXT_MAX);
	p.q = mem_alloc(sizeof(*p.q));
	p.q->text = mem_strn(text.p, text.n);
	p.q->n_text = text.n;
	p.text = (struct str){ p.q->text, text.n };
	advance(&p);
	p.q->root = as_condition(&p, parse_or(&p), 0);
	if (p.rc) {
		sql_free(p.q);
		return p.rc;
	}
	p.q->tail = p.token.at;
	*out = p.q;
	return 0;
}

void sql_free(struct sql *q)
{
	if (!q)
		return;
	mem_free(q->nodes);
	mem_free(q->text);
	mem_free(q);
}

size_t sql_tail(const struct sql *q)
{
	return q->tail;
}
