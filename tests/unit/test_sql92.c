/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "mem.h"
#include "buf.h"
#include "sql92.h"

/* The property `a` has the value under test, `b` is "2", `t` is "true"; nothing else is there. */
static struct str look_up(void *arg, struct str name)
{
	const char *a = arg;

	if (str_is(name, "a"))
		return a ? str_of(a) : STR_NONE;
	if (str_is(name, "b"))
		return STR("2");
	return str_is(name, "t") ? STR("true") : STR_NONE;
}

static const char *const truths[] = { "false", "true", "null", "error" };

static void check(const char *expression, const char *a, enum sql_truth want)
{
	struct err e = ERR_INIT;
	enum sql_truth got;
	struct sql *q;

	cr_assert_eq(sql_parse(str_of(expression), &q, &e), 0, "%s: %s", expression, e.msg);
	got = sql_eval(q, look_up, (void *)(uintptr_t)a);
	cr_expect_eq(got, want, "%s with a=%s is %s, not %s", expression, a ? a : "(absent)",
		truths[got], truths[want]);
	sql_free(q);
}

Test(sql92, compares_text_with_numbers_as_java_reads_them)
{
	static const struct {
		const char *a;
		enum sql_truth eq1, gt1, gt1f, eq1f, ne1;
	} rows[] = {
		{ "1", SQL_TRUE, SQL_FALSE, SQL_FALSE, SQL_TRUE, SQL_FALSE },
		{ "01", SQL_TRUE, SQL_FALSE, SQL_FALSE, SQL_TRUE, SQL_FALSE },
		{ "+1", SQL_TRUE, SQL_FALSE, SQL_FALSE, SQL_TRUE, SQL_FALSE },
		{ "1.0", SQL_ERROR, SQL_ERROR, SQL_FALSE, SQL_TRUE, SQL_ERROR },
		{ "1.5", SQL_ERROR, SQL_ERROR, SQL_TRUE, SQL_FALSE, SQL_ERROR },
		{ " 1", SQL_ERROR, SQL_ERROR, SQL_FALSE, SQL_TRUE, SQL_ERROR },
		{ "abc", SQL_ERROR, SQL_ERROR, SQL_ERROR, SQL_ERROR, SQL_ERROR },
		{ "", SQL_ERROR, SQL_ERROR, SQL_ERROR, SQL_ERROR, SQL_ERROR },
		{ "2147483648", SQL_ERROR, SQL_ERROR, SQL_TRUE, SQL_FALSE, SQL_ERROR },
		{ "0x1p0", SQL_ERROR, SQL_ERROR, SQL_FALSE, SQL_TRUE, SQL_ERROR },
		{ "1d", SQL_ERROR, SQL_ERROR, SQL_FALSE, SQL_TRUE, SQL_ERROR },
		{ "inf", SQL_ERROR, SQL_ERROR, SQL_ERROR, SQL_ERROR, SQL_ERROR },
		{ "Infinity", SQL_ERROR, SQL_ERROR, SQL_TRUE, SQL_FALSE, SQL_ERROR },
		{ "NaN", SQL_ERROR, SQL_ERROR, SQL_TRUE, SQL_FALSE, SQL_ERROR },
		{ NULL, SQL_NULL, SQL_NULL, SQL_NULL, SQL_NULL, SQL_NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		check("a = 1", rows[i].a, rows[i].eq1);
		check("a > 1", rows[i].a, rows[i].gt1);
		check("a > 1.0", rows[i].a, rows[i].gt1f);
		check("a = 1.0", rows[i].a, rows[i].eq1f);
		check("a <> 1", rows[i].a, rows[i].ne1);
	}
}

Test(sql92, evaluates_with_three_values)
{
	static const struct {
		const char *expression, *a;
		enum sql_truth want;
		const char *why;
	} cases[] = {
		{ "a = 'x'", "x", SQL_TRUE, "text equals text" },
		{ "a = '1'", "01", SQL_FALSE, "text is compared as text" },
		{ "a = 'it''s'", "it's", SQL_TRUE, "a doubled quote is one" },
		{ "'x' = a", "x", SQL_TRUE, "either side" },
		{ "a = TRUE", "TRUE", SQL_TRUE, "text reads as a boolean, in any case" },
		{ "a = TRUE", "yes", SQL_FALSE, "everything else is false" },
		{ "TRUE = a", "true", SQL_ERROR, "but not on the right" },
		{ "a IS NULL", NULL, SQL_TRUE, "absent" },
		{ "a IS NULL", "x", SQL_FALSE, "present" },
		{ "a IS NOT NULL", "x", SQL_TRUE, "present" },
		{ "a IS NOT NULL", NULL, SQL_FALSE, "never null itself" },
		{ "a = z", NULL, SQL_TRUE, "both absent" },
		{ "a = z", "x", SQL_FALSE, "only the right one absent" },
		{ "z = a", "x", SQL_NULL, "only the left one absent" },
		{ "a IN ('x', 'y')", "y", SQL_TRUE, "a member" },
		{ "a IN ('x', 'y')", "z", SQL_FALSE, "no member" },
		{ "a NOT IN ('x', 'y')", "z", SQL_TRUE, "no member, negated" },
		{ "a IN ('x')", NULL, SQL_NULL, "absent" },
		{ "a NOT IN ('x')", NULL, SQL_NULL, "absent, negated" },
		{ "a BETWEEN 1 AND 3", "3", SQL_TRUE, "bounds belong to it" },
		{ "a BETWEEN 1 AND 3", "4", SQL_FALSE, "outside" },
		{ "a NOT BETWEEN 1 AND 3", "4", SQL_TRUE, "outside, negated" },
		{ "a BETWEEN b AND 5", "2", SQL_TRUE, "names as bounds: text as doubles" },
		{ "a < b", "1.5", SQL_TRUE, "text against text is ordered as doubles" },
		{ "a < b", "x", SQL_ERROR, "or not at all" },
		{ "a = 1 AND z = 1", "2", SQL_FALSE, "false and null" },
		{ "z = 1 AND a = 1", "2", SQL_FALSE, "null and false" },
		{ "z = 1 AND a = 1", "1", SQL_NULL, "null and true" },
		{ "z = 1 OR a = 1", "1", SQL_TRUE, "null or true" },
		{ "z = 1 OR a = 1", "2", SQL_NULL, "null or false" },
		{ "a = 1 OR b = 2", "x", SQL_ERROR, "an error voids other branches" },
		{ "b = 2 OR a = 1", "x", SQL_TRUE, "unless they are not reached" },
		{ "b = 3 AND a = 1", "x", SQL_FALSE, "likewise" },
		{ "NOT (a = 1)", "2", SQL_TRUE, "negation" },
		{ "NOT (a = 1)", NULL, SQL_NULL, "of null" },
		{ "NOT a = 1", "2", SQL_FALSE, "is (NOT a) = 1: a condition against a number" },
		{ "a", "true", SQL_FALSE, "a name alone is never true" },
		{ "a", NULL, SQL_NULL, "or null" },
		{ "a = TRUE AND t = TRUE", "true", SQL_TRUE, "both" },
		{ "a > -3", "-2", SQL_TRUE, "a negative number" },
		{ "a = - - 3", "3", SQL_TRUE, "signs add up" },
		{ "a = +3", "3", SQL_TRUE, "a plus changes nothing" },
		{ "-a = 1", "1", SQL_NULL, "text has no negative" },
		{ "a = 9223372036854775807", "9223372036854775807", SQL_TRUE,
			"the largest number" },
		{ "a > 2147483647", "2147483648", SQL_ERROR, "read as what the constant is" },
		{ "a > 2147483648", "2147483649", SQL_TRUE, "a long" },
		{ "1 < 2", NULL, SQL_TRUE, "constants" },
		{ "TRUE", NULL, SQL_TRUE, "a constant alone" },
		{ "NULL", NULL, SQL_NULL, "another" },
		{ "a = 1 = TRUE", "1", SQL_TRUE, "equality is left-associative" },
		{ "a = 1 OR a = 2 AND b = 3", "1", SQL_TRUE, "AND binds first" },
		{ "(a = 1 OR a = 2) AND b = 3", "1", SQL_FALSE, "unless told otherwise" },
		{ "A = 1", "1", SQL_NULL, "names mind their case" },
		{ "a between 1 and 2 or FALSE", "1", SQL_TRUE, "keywords do not" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(cases[i].expression, cases[i].a, cases[i].want);
}

Test(sql92, ends_where_an_expression_ends)
{
	static const struct {
		const char *expression;
		size_t tail;
		const char *a;
		enum sql_truth want;
	} cases[] = {
		{ "a > 1 garbage", 6, "2", SQL_TRUE },
		{ "a = 1)", 5, "1", SQL_TRUE },
		{ "a CONTAINS 'x'", 2, "x", SQL_FALSE },
		{ "a LIKE 'x'", 2, "x", SQL_FALSE },
		{ "a-b = 1", 1, "1", SQL_FALSE },
		{ "a = 007", 5, "0", SQL_TRUE },
		{ "a = 1 + 1", 6, "1", SQL_TRUE },
		{ "a = 1 NOT b", 6, "1", SQL_TRUE },
		{ "a = 1 -- x", 6, "1", SQL_TRUE },
		{ "a = 1 /* and */ AND -- or\n b = 2", 32, "1", SQL_TRUE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		struct sql *q;

		cr_assert_eq(sql_parse(str_of(cases[i].expression), &q, &e), 0, "%s",
			cases[i].expression);
		cr_expect_eq(sql_tail(q), cases[i].tail, "%s: tail at %zu", cases[i].expression,
			sql_tail(q));
		sql_free(q);
		check(cases[i].expression, cases[i].a, cases[i].want);
	}
}

Test(sql92, refuses_with_reason_and_place)
{
	static const struct {
		const char *expression, *place, *why;
	} cases[] = {
		{ "", "column 1", "empty" },
		{ "a.b = 1", "column 2", "a point in a name" },
		{ "a != 1", "column 3", "not an operator here" },
		{ "a = 1;", "column 6", "no such character" },
		{ "a = 'x", "column 5", "a string without end" },
		{ "a == 1", "column 4", "two operators" },
		{ "(a > 1", "column 7", "no ')'" },
		{ "a = 1 AND", "column 10", "nothing behind AND" },
		{ "a IN ()", "column 7", "an empty list" },
		{ "a IN (1,2)", "column 7", "numbers in a list" },
		{ "1", "column 1", "a number is no condition" },
		{ "'x'", "column 1", "nor is a string" },
		{ "a > '5'", "column 3", "order of strings" },
		{ "a > TRUE", "column 3", "order of booleans" },
		{ "a > 1 > 2", "column 7", "order of conditions" },
		{ "a BETWEEN 'a' AND 'b'", "column 3", "order of strings" },
		{ "a BETWEEN 5 AND 1", "column 3", "bounds the wrong way round" },
		{ "a = NULL", "column 3", "NULL compared" },
		{ "TRUE = 1", "column 6", "a boolean against a number" },
		{ "1 IN ('1')", "column 3", "a number in a list" },
		{ "a = 0.0", "column 5", "not a float of theirs" },
		{ "a = 3.4e400", "column 5", "too large a float" },
		{ "a = 9223372036854775808", "column 5", "too large a number" },
		{ "a = -9223372036854775808", "column 6", "the sign comes later" },
		{ "a = 1\n AND\n b ! 2", "line 3, column 4", "lines are counted" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		struct sql *q = NULL;

		cr_expect_eq(sql_parse(str_of(cases[i].expression), &q, &e), TQ_EFILTER,
			"'%s' was accepted: %s", cases[i].expression, cases[i].why);
		cr_expect(strstr(e.msg, cases[i].place), "'%s': '%s' names no %s",
			cases[i].expression, e.msg, cases[i].place);
	}
}

Test(sql92, has_limits)
{
	struct err e = ERR_INIT;
	struct sql *q = NULL;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < SQL_DEPTH_MAX + 1; i++)
		buf_putc(&b, '(');
	cr_expect_eq(sql_parse(buf_str(&b), &q, &e), TQ_EFILTER);
	cr_expect(strstr(e.msg, "deep"), "%s", e.msg);

	buf_clear(&b);
	for (int i = 0; i < SQL_TEXT_MAX + 1; i++)
		buf_putc(&b, ' ');
	cr_expect_eq(sql_parse(buf_str(&b), &q, &e), TQ_EFILTER);

	buf_clear(&b);
	for (int i = 0; i < SQL_NODES_MAX; i++)
		buf_puts(&b, "a or ");
	buf_puts(&b, "a");
	cr_expect_eq(sql_parse(buf_str(&b), &q, &e), TQ_EFILTER);
	cr_expect(strstr(e.msg, "terms"), "%s", e.msg);
	buf_release(&b);
}

/* Every prefix and every flipped bit is either refused or evaluates; the sanitizers watch. */
Test(sql92, survives_damage)
{
	static const char sample[] =
		"(a >= 1.5e3 OR NOT b BETWEEN -1 AND 10L) AND c IN ('x','it''s') /* c */ OR d IS NOT NULL";
	char text[sizeof(sample)];
	struct sql *q;

	for (size_t n = 0; n < sizeof(sample); n++)
		if (!sql_parse((struct str){ sample, n }, &q, NULL)) {
			sql_eval(q, look_up, NULL);
			sql_free(q);
		}
	for (size_t bit = 0; bit < (sizeof(sample) - 1) * 8; bit++) {
		memcpy(text, sample, sizeof(sample));
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		if (!sql_parse((struct str){ text, sizeof(text) - 1 }, &q, NULL)) {
			sql_eval(q, look_up, NULL);
			sql_free(q);
		}
	}
}
