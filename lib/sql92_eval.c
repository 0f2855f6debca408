/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation with Java's conversions: a text compared with a number is parsed as that type, and one
 * that cannot be parsed makes the whole expression an error, whatever its other branches say. Text
 * against text is compared as text by `=`, as doubles by `<` and its kin.
 */
#include "sql92_impl.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

struct evaluation {
	const struct sql *q;
	sql_lookup look_up;
	void *arg;
	bool failed; /* the value of everything is void then */
};

static struct sql_value eval(struct evaluation *v, int i);

static const struct sql_value null_value = { .kind = VALUE_NULL };

static struct sql_value truth(bool b)
{
	return (struct sql_value){ .kind = VALUE_BOOL, .b = b };
}

static struct sql_value failure(struct evaluation *v)
{
	v->failed = true;
	return null_value;
}

/* ---- Java's readings of text ---- */

static bool read_integer(struct str s, int64_t min, int64_t max, int64_t *out)
{
	return !str_to_i64(s, min, max, out, "number", NULL);
}

/* Double.valueOf(): blanks around, decimal or hexadecimal (with p), NaN, Infinity, a suffix d or f. */
static bool read_double(struct str s, double *out)
{
	char z[128], *p = z, *end;
	bool hex;

	s = str_trim(s);
	if (!s.n || s.n >= sizeof(z) || memchr(s.p, 0, s.n))
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	p += *p == '+' || *p == '-';
	if (!strcmp(p, "NaN") || !strcmp(p, "Infinity")) {
		*out = *p == 'N' ? NAN : *z == '-' ? -INFINITY : INFINITY;
		return true;
	}
	hex = !strncasecmp(p, "0x", 2);
	if ((!isdigit((unsigned char)*p) && *p != '.') || (hex && !strpbrk(p, "pP")))
		return false;
	*out = strtod(z, &end);
	if (end > z && strchr("dDfF", *end) && *end)
		end++;
	return end > p && !*end;
}

int sql_compare_doubles(double a, double b)
{
	if (isnan(a) || isnan(b))
		return !!isnan(a) - !!isnan(b);
	if (a == 0 && b == 0)
		return !!signbit(b) - !!signbit(a);
	return (a > b) - (a < b);
}

/* ---- comparison ---- */

static bool is_number(enum sql_kind kind)
{
	return kind == VALUE_INT || kind == VALUE_LONG || kind == VALUE_DOUBLE;
}

static int compare_integers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_numbers(const struct sql_value *a, const struct sql_value *b)
{
	if (a->kind != VALUE_DOUBLE && b->kind != VALUE_DOUBLE)
		return compare_integers(a->i, b->i);
	return sql_compare_doubles(a->kind == VALUE_DOUBLE ? a->d : (double)a->i,
		b->kind == VALUE_DOUBLE ? b->d : (double)b->i);
}

/* The text as a value of that kind; false if it cannot be read as one. */
static bool convert(struct str s, enum sql_kind kind, struct sql_value *out)
{
	out->kind = kind;
	switch (kind) {
	case VALUE_INT:
		return read_integer(s, INT32_MIN, INT32_MAX, &out->i);
	case VALUE_LONG:
		return read_integer(s, INT64_MIN, INT64_MAX, &out->i);
	case VALUE_DOUBLE:
		return read_double(s, &out->d);
	case VALUE_BOOL:
		out->b = s.n == 4 && !strncasecmp(s.p, "true", 4);
		return true;
	default:
		return false;
	}
}

/* -1, 0, 1 as compareTo(); neither is null. */
static int compare(struct evaluation *v, struct sql_value a, struct sql_value b)
{
	struct sql_value converted;

	if (a.kind == VALUE_TEXT && b.kind == VALUE_TEXT) {
		int c = str_cmp(a.s, b.s);

		return (c > 0) - (c < 0);
	}
	if (a.kind == VALUE_TEXT || b.kind == VALUE_TEXT) {
		bool left = a.kind == VALUE_TEXT;

		/* Apache knows how to read the left side as a boolean, not the right one. */
		if ((!left && a.kind == VALUE_BOOL) ||
			!convert(left ? a.s : b.s, left ? b.kind : a.kind, &converted)) {
			v->failed = true;
			return 0;
		}
		*(left ? &a : &b) = converted;
	}
	if (a.kind == VALUE_BOOL && b.kind == VALUE_BOOL)
		return a.b - b.b;
	if (is_number(a.kind) && is_number(b.kind))
		return compare_numbers(&a, &b);
	return -1;
}

static struct sql_value eval_equal(struct evaluation *v, const struct sql_node *n)
{
	struct sql_value a = eval(v, n->left), b = eval(v, n->right);

	if (v->failed)
		return null_value;
	if (a.kind == VALUE_NULL && b.kind == VALUE_NULL)
		return truth(true);
	if (a.kind == VALUE_NULL)
		return null_value;
	if (b.kind == VALUE_NULL)
		return truth(false);
	return truth(!compare(v, a, b));
}

static bool holds(enum sql_op op, int c)
{
	switch (op) {
	case OP_GREATER:
		return c > 0;
	case OP_GREATER_EQUAL:
		return c >= 0;
	case OP_LESS:
		return c < 0;
	default:
		return c <= 0;
	}
}

static struct sql_value eval_order(struct evaluation *v, const struct sql_node *n)
{
	struct sql_value a = eval(v, n->left), b = eval(v, n->right), x, y;

	if (v->failed || a.kind == VALUE_NULL || b.kind == VALUE_NULL)
		return null_value;
	if (a.kind == VALUE_TEXT && b.kind == VALUE_TEXT) {
		if (!convert(a.s, VALUE_DOUBLE, &x) || !convert(b.s, VALUE_DOUBLE, &y))
			return failure(v);
		a = x;
		b = y;
	}
	return truth(holds(n->op, compare(v, a, b)));
}

/* ---- logic ---- */

/* AND ends at the first FALSE, OR at the first TRUE; else NULL if one side is. */
static struct sql_value eval_logic(struct evaluation *v, const struct sql_node *n)
{
	bool decides = n->op == OP_OR;
	struct sql_value a = eval(v, n->left), b;

	if (v->failed || (a.kind == VALUE_BOOL && a.b == decides))
		return a;
	b = eval(v, n->right);
	if (v->failed || (b.kind == VALUE_BOOL && b.b == decides))
		return b;
	return a.kind == VALUE_NULL || b.kind == VALUE_NULL ? null_value : truth(!decides);
}

static struct sql_value eval_not(struct evaluation *v, const struct sql_node *n)
{
	struct sql_value a = eval(v, n->left);

	return a.kind == VALUE_BOOL ? truth(!a.b) : null_value;
}

static struct sql_value eval_negate(struct evaluation *v, const struct sql_node *n)
{
	struct sql_value a = eval(v, n->left);

	if (a.kind == VALUE_DOUBLE)
		a.d = -a.d;
	else if (a.kind == VALUE_INT || a.kind == VALUE_LONG)
		a.i = (int64_t)(0 - (uint64_t)a.i);
	else
		return null_value;
	if (a.kind == VALUE_INT && a.i > INT32_MAX)
		a.kind = VALUE_LONG;
	return a;
}

static struct sql_value eval_in(struct evaluation *v, const struct sql_node *n)
{
	struct sql_value a = eval(v, n->left);

	if (a.kind != VALUE_TEXT)
		return null_value;
	for (int i = n->right; i >= 0; i = v->q->nodes[i].right)
		if (str_eq(a.s, v->q->nodes[i].value.s))
			return truth(true);
	return truth(false);
}

static struct sql_value eval_name(struct evaluation *v, const struct sql_node *n)
{
	struct str s = v->look_up(v->arg, n->value.s);

	return s.p ? (struct sql_value){ .kind = VALUE_TEXT, .s = s } : null_value;
}

/* A name as a condition: text is never true. */
static struct sql_value eval_cast(struct evaluation *v, const struct sql_node *n)
{
	return eval(v, n->left).kind == VALUE_NULL ? null_value : truth(false);
}

static struct sql_value eval(struct evaluation *v, int i)
{
	const struct sql_node *n = &v->q->nodes[i];

	if (v->failed)
		return null_value;
	switch (n->op) {
	case OP_NAME:
		return eval_name(v, n);
	case OP_NEGATE:
		return eval_negate(v, n);
	case OP_CAST:
		return eval_cast(v, n);
	case OP_NOT:
		return eval_not(v, n);
	case OP_AND:
	case OP_OR:
		return eval_logic(v, n);
	case OP_EQUAL:
		return eval_equal(v, n);
	case OP_GREATER:
	case OP_GREATER_EQUAL:
	case OP_LESS:
	case OP_LESS_EQUAL:
		return eval_order(v, n);
	case OP_IN:
		return eval_in(v, n);
	case OP_CONSTANT:
	case OP_ITEM:
		break;
	}
	return n->value;
}

enum sql_truth sql_eval(const struct sql *q, sql_lookup look_up, void *arg)
{
	struct evaluation v = { q, look_up, arg, false };
	struct sql_value result = eval(&v, q->root);

	if (v.failed)
		return SQL_ERROR;
	if (result.kind != VALUE_BOOL)
		return SQL_NULL;
	return result.b ? SQL_TRUE : SQL_FALSE;
}
