/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/stats.h"
#include "clock.h"

Test(stats, totals_only_grow)
{
	struct stats *s = stats_new();

	stats_add(s, STAT_PUT, 3);
	stats_add(s, STAT_PUT, 4);
	cr_assert_eq(stats_total(s, STAT_PUT), 7);
	cr_assert_eq(stats_total(s, STAT_GET), 0);
	stats_free(s);
}

Test(stats, rates_look_back_as_far_as_asked)
{
	struct stats *s = stats_new();

	cr_assert_eq(stats_rate(s, STAT_PUT, 10), 0.0, "no second has passed");
	for (int i = 0; i < 100; i++) {
		stats_tick(s);
		stats_add(s, STAT_PUT, i < 90 ? 10 : 100);
	}
	cr_assert_float_eq(stats_rate(s, STAT_PUT, 10), 100.0, 0.001);
	cr_assert_float_eq(stats_rate(s, STAT_PUT, 20), 55.0, 0.001);
	cr_assert_float_eq(stats_rate(s, STAT_PUT, 600), 19.0, 0.001, "only 100 s are there");
	for (int i = 0; i < 2000; i++)
		stats_tick(s);
	cr_assert_eq(stats_rate(s, STAT_PUT, 600), 0.0);
	stats_free(s);
}

Test(stats, keys_are_apart)
{
	struct stats *s = stats_new();
	char long_name[600];

	memset(long_name, 'x', sizeof(long_name));
	stats_key_add(s, STAT_TOPIC_PUT, STR("t"), STR_NONE, 2);
	stats_key_add(s, STAT_GROUP_GET, STR("t"), STR("g"), 5);
	stats_key_add(s, STAT_GROUP_GET, (struct str){ long_name, 600 }, STR("g"), 1);
	cr_assert_eq(stats_key_total(s, STAT_TOPIC_PUT, STR("t"), STR_NONE), 2);
	cr_assert_eq(stats_key_total(s, STAT_GROUP_GET, STR("t"), STR("g")), 5);
	cr_assert_eq(stats_key_total(s, STAT_GROUP_GET, STR("t"), STR("h")), 0);
	for (int i = 0; i < 60; i++)
		stats_tick(s);
	cr_assert_float_eq(
		stats_key_rate(s, STAT_GROUP_GET, STR("t"), STR("g")), 5 / 60.0, 0.001);
	for (int i = 0; i < 30; i++)
		stats_tick(s);
	cr_assert_eq(stats_key_rate(s, STAT_GROUP_GET, STR("t"), STR("g")), 0.0);
	stats_free(s);
}

Test(stats, mornings_are_the_totals_at_midnight)
{
	struct stats *s;

	setenv("TZ", "UTC", 1);
	tzset();
	clock_test_set(1700000000000); /* 22:13:20 */
	s = stats_new();
	stats_add(s, STAT_PUT, 5);
	stats_tick(s);
	cr_assert_eq(stats_morning(s, STAT_PUT, 0), 0, "it was not there this morning");
	clock_test_advance(2 * 3600000);
	stats_tick(s);
	stats_add(s, STAT_PUT, 7);
	cr_assert_eq(stats_morning(s, STAT_PUT, 0), 5);
	cr_assert_eq(stats_morning(s, STAT_PUT, 1), 0);
	clock_test_advance(24 * 3600000);
	stats_tick(s);
	cr_assert_eq(stats_morning(s, STAT_PUT, 0), 12);
	cr_assert_eq(stats_morning(s, STAT_PUT, 1), 5);
	stats_free(s);
	clock_test_off();
}
