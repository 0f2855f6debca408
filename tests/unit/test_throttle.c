/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/throttle.h"

#define MS 1000000LL
#define SECOND (1000 * MS)

static struct throttle *with(int64_t calls, int64_t bytes, int64_t wait_ms)
{
	struct throttle_rates r = { calls, bytes, wait_ms };
	struct throttle *t = throttle_new(NULL);

	throttle_set(t, &r);
	return t;
}

/* What goes through in `ms` when one side asks for a call each tick. */
static int64_t passed(struct throttle *t, enum throttle_side side, int64_t from, int64_t ms)
{
	int64_t n = 0;

	for (int64_t now = from; now < from + ms * MS; now += MS / 10)
		n += throttle_take(t, side, 1, 0, now) >= 0;
	return n;
}

Test(throttle, is_off_without_a_rate)
{
	struct throttle *t = with(0, 0, 1000);

	cr_expect_not(throttle_on(t));
	cr_expect_eq(throttle_take(t, THROTTLE_IN, 1 << 30, 1LL << 40, SECOND), 0);
	throttle_free(t);
}

Test(throttle, lets_a_burst_go_then_makes_each_wait_longer)
{
	struct throttle *t = with(100, 0, 1000);

	for (int i = 0; i < 20; i++)
		cr_expect_eq(throttle_take(t, THROTTLE_IN, 1, 0, SECOND), 0, "%d", i);
	cr_expect_eq(throttle_take(t, THROTTLE_IN, 1, 0, SECOND), 0, "its answer is due now");
	cr_expect_eq(throttle_take(t, THROTTLE_IN, 5, 0, SECOND), 10);
	cr_expect_eq(throttle_take(t, THROTTLE_IN, 1, 0, SECOND), 60);
	cr_expect_eq(throttle_take(t, THROTTLE_IN, 1, 0, SECOND + 70 * MS), 0);
	throttle_free(t);
}

Test(throttle, refuses_what_would_wait_too_long_and_takes_nothing_for_it)
{
	struct throttle *t = with(10, 0, 1000);

	while (throttle_take(t, THROTTLE_IN, 1, 0, SECOND) >= 0)
		;
	for (int i = 0; i < 1000; i++)
		cr_expect_lt(throttle_take(t, THROTTLE_IN, 1, 0, SECOND), 0);
	cr_expect_gt(throttle_take(t, THROTTLE_IN, 1, 0, SECOND + 150 * MS), 0);
	throttle_free(t);
}

Test(throttle, never_refuses_the_first_however_large)
{
	struct throttle *t = with(0, 1000, 1000);

	cr_expect_eq(throttle_take(t, THROTTLE_IN, 1, 100000, SECOND), 0);
	cr_expect_lt(throttle_take(t, THROTTLE_IN, 1, 1, 2 * SECOND), 0);
	throttle_free(t);
}

Test(throttle, the_rate_is_kept_in_the_long_run)
{
	struct throttle *t = with(1000, 0, 100);
	int64_t n = passed(t, THROTTLE_OUT, SECOND, 10000);

	cr_expect(n >= 10000 && n <= 10000 + 200 + 101, "%lld", (long long)n);
	throttle_free(t);
}

Test(throttle, two_that_want_too_much_have_half_each)
{
	struct throttle *t = with(1000, 0, 100);
	int64_t n[THROTTLE_SIDES] = { 0, 0 };

	passed(t, THROTTLE_IN, SECOND, 5000); /* it was alone for a while */
	for (int64_t now = 6 * SECOND; now < 16 * SECOND; now += MS / 10) {
		/* one of them asks ten times as often */
		for (int i = 0; i < 10; i++)
			n[THROTTLE_IN] += throttle_take(t, THROTTLE_IN, 1, 0, now) >= 0;
		n[THROTTLE_OUT] += throttle_take(t, THROTTLE_OUT, 1, 0, now) >= 0;
	}
	cr_expect(n[THROTTLE_OUT] > 4500, "out %lld", (long long)n[THROTTLE_OUT]);
	cr_expect(n[THROTTLE_IN] > 4500, "in %lld", (long long)n[THROTTLE_IN]);
	cr_expect(n[THROTTLE_IN] + n[THROTTLE_OUT] < 10000 * 12 / 10, "%lld and %lld",
		(long long)n[THROTTLE_IN], (long long)n[THROTTLE_OUT]);
	throttle_free(t);
}

Test(throttle, calls_and_bytes_both_count)
{
	struct throttle *t = with(1000, 1000, 10000);

	cr_expect_eq(throttle_take(t, THROTTLE_IN, 1, 1200, SECOND), 0);
	cr_expect_eq(throttle_take(t, THROTTLE_IN, 2200, 0, SECOND), 1000);
	cr_expect_eq(throttle_take(t, THROTTLE_IN, 1, 0, SECOND), 2001);
	throttle_free(t);
}
