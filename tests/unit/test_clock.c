/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "clock.h"

Test(clock, runs_by_itself)
{
	int64_t us = clock_mono_us();

	cr_expect_gt(clock_wall_ms(), 1700000000000);
	cr_expect_leq(us / 1000, clock_mono_ms());
	cr_expect_leq(us, clock_mono_us());
}

Test(clock, stands_still_under_a_test)
{
	clock_test_set(1000);
	cr_expect_eq(clock_wall_ms(), 1000);
	cr_expect_eq(clock_mono_us(), clock_mono_ms() * 1000);
	clock_test_advance(5);
	cr_expect_eq(clock_wall_ms(), 1005);
	clock_test_set(500); /* the wall clock was set back: monotonic time does not follow */
	cr_expect_eq(clock_wall_ms(), 500);
	cr_expect_eq(clock_mono_ms(), 1005);
	clock_test_off();
	cr_expect_gt(clock_wall_ms(), 1700000000000);
}
