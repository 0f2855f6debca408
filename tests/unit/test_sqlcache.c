/* SPDX-License-Identifier: Apache-2.0 */
/* sqlcache: the same filter for the same text, bounded; and what a filter costs at most (F4). */
#include <criterion/criterion.h>

#include "brokerd/sqlcache.h"
#include "buf.h"
#include "clock.h"
#include "mem.h"

Test(sqlcache, gives_the_same_filter_for_the_same_text)
{
	struct sqlcache *c = sqlcache_new();
	const struct sql *a, *b;
	struct err e = ERR_INIT;

	cr_assert_eq(sqlcache_get(c, STR("a = 1"), &a, &e), 0);
	cr_assert_eq(sqlcache_get(c, STR("a = 2"), &b, &e), 0);
	cr_assert_neq(a, b);
	cr_assert_eq(sqlcache_get(c, STR("a = 1"), &b, &e), 0);
	cr_assert_eq(a, b);
	cr_assert_eq(sqlcache_count(c), 2);
	sqlcache_free(c);
}

Test(sqlcache, is_bounded_and_keeps_what_is_used)
{
	struct sqlcache *c = sqlcache_new();
	const struct sql *used, *q;
	struct err e = ERR_INIT;
	char text[32];

	for (int i = 0; i < 10 * SQLCACHE_MAX; i++) {
		cr_assert_eq(sqlcache_get(c, STR("used > 1"), &used, &e), 0);
		snprintf(text, sizeof(text), "a = %d", i);
		cr_assert_eq(sqlcache_get(c, str_of(text), &q, &e), 0);
	}
	cr_assert_eq(sqlcache_count(c), SQLCACHE_MAX);
	cr_assert_eq(sqlcache_get(c, STR("used > 1"), &q, &e), 0);
	cr_assert_eq(q, used);
	sqlcache_free(c);
}

Test(sqlcache, does_not_keep_what_cannot_be_read)
{
	struct sqlcache *c = sqlcache_new();
	const struct sql *q;
	struct err e = ERR_INIT;

	cr_assert_eq(sqlcache_get(c, STR("a >"), &q, &e), TQ_EFILTER);
	cr_assert(strstr(e.msg, "line 1, column"), "%s", e.msg);
	cr_assert_eq(sqlcache_count(c), 0);
	sqlcache_free(c);
}

static struct str value(void *arg, struct str name UNUSED)
{
	return *(struct str *)arg;
}

/* The best of some tries, in microseconds: the machine may be busy. */
static int64_t cost(const char *text, struct str property, struct err *e)
{
	struct sql *q = NULL;
	int64_t best = INT64_MAX;

	if (sql_parse(str_of(text), &q, e))
		return -1;
	for (int i = 0; i < 20; i++) {
		int64_t start = clock_mono_us();

		(void)sql_eval(q, value, &property);
		best = MIN(best, clock_mono_us() - start);
	}
	sql_free(q);
	return best;
}

/* n times `unit`, with `between`. */
static char *repeat(const char *before, const char *unit, const char *between, int n)
{
	struct buf b;
	size_t len;

	buf_init(&b, 1 << 20);
	buf_puts(&b, before);
	for (int i = 0; i < n; i++) {
		if (i)
			buf_puts(&b, between);
		buf_puts(&b, unit);
	}
	return buf_take(&b, &len);
}

Test(filter_cost, an_evaluation_is_at_most_a_millisecond)
{
	static const struct {
		const char *before, *unit, *between;
		int most; /* of them in 8 KiB and 1024 nodes */
	} shapes[] = {
		{ "", "a=1", " OR ", 250 },
		{ "", "a='x'", " AND ", 250 },
		{ "", "a BETWEEN 1 AND 2", " OR ", 140 },
		{ "", "a>1.5", " OR ", 250 },
		{ "NOT ", "a IS NULL", " OR ", 250 },
	};
	char *big = mem_alloc(30000);
	struct err e = ERR_INIT;

	memset(big, '7', 30000);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		char *text = repeat(
			shapes[i].before, shapes[i].unit, shapes[i].between, shapes[i].most);
		int64_t us = cost(text, (struct str){ big, 30000 }, &e);

		cr_expect_geq(us, 0, "%s: %s", shapes[i].unit, e.msg);
		cr_expect_leq(us, 1000, "%s: %lld us", shapes[i].unit, (long long)us);
		mem_free(text);
	}
	mem_free(big);
}

Test(filter_cost, depth_and_size_have_a_limit_that_is_named)
{
	static const struct {
		const char *before, *unit, *between;
		int n;
	} shapes[] = {
		{ "", "(", "", 5000 },
		{ "a = ", "-", "", 5000 },
		{ "", "NOT ", "", 1500 },
		{ "", "a=1", " OR ", 1000 },
		{ "", "a=1", " OR ", 5000 },
	};
	struct err e = ERR_INIT;
	struct sql *q;

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		char *text = repeat(
			shapes[i].before, shapes[i].unit, shapes[i].between, shapes[i].n);

		err_clear(&e);
		cr_expect_eq(sql_parse(str_of(text), &q, &e), TQ_EFILTER, "%s", shapes[i].unit);
		cr_expect(*e.msg, "%s", shapes[i].unit);
		mem_free(text);
	}
}
