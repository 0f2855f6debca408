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

static void pass(struct stats *s, int seconds)
{
	for (int i = 0; i < seconds; i++)
		stats_tick(s);
}

static bool view(struct stats *s, const char *name, const char *key, struct stats_sum *spans)
{
	return stats_view(s, str_of(name), str_of(key), spans);
}

Test(stats, series_are_known_by_apaches_names_and_keys)
{
	static const struct {
		const char *name, *key;
		int64_t sum, times;
	} cases[] = {
		{ "TOPIC_PUT_NUMS", "t", 5, 2 },
		{ "TOPIC_PUT_SIZE", "t", 500, 2 },
		{ "QUEUE_PUT_NUMS", "t@1", 3, 1 },
		{ "QUEUE_PUT_SIZE", "t@0", 200, 1 },
		{ "GROUP_GET_NUMS", "t@g", 7, 1 },
		{ "GROUP_GET_SIZE", "t@g", 700, 1 },
		{ "QUEUE_GET_NUMS", "t@2@g", 7, 1 },
		{ "QUEUE_GET_SIZE", "t@2@g", 700, 1 },
		{ "GROUP_GET_LATENCY", "2@t@g", 30, 1 },
		{ "SNDBCK_PUT_NUMS", "t@g", 1, 1 },
		{ "BROKER_PUT_NUMS", "", 5, 2 },
		{ "BROKER_GET_NUMS", "", 7, 1 },
	};
	static const struct {
		const char *name, *key;
	} none[] = {
		{ "TOPIC_PUT_NUMS", "u" },
		{ "QUEUE_PUT_NUMS", "t" },
		{ "QUEUE_PUT_NUMS", "t@7" },
		{ "QUEUE_PUT_NUMS", "t@x" },
		{ "QUEUE_PUT_NUMS", "t@99999999999999999999" },
		{ "GROUP_GET_NUMS", "t" },
		{ "GROUP_GET_NUMS", "t@h" },
		{ "QUEUE_GET_NUMS", "t@g" },
		{ "GROUP_GET_LATENCY", "t@2@g" },
		{ "NO_SUCH_NAME", "t" },
	};
	struct stats_sum spans[STATS_SPANS];
	struct stats *s = stats_new();

	stats_put(s, STR("t"), 0, 2, 200);
	stats_put(s, STR("t"), 1, 3, 300);
	stats_get(s, &(struct stats_got){ STR("t"), STR("g"), 2, 7, 700, 30 });
	stats_send_back(s, STR("t"), STR("g"));
	cr_assert_eq(stats_total(s, STAT_PUT), 5);
	cr_assert_eq(stats_total(s, STAT_PUT_BYTES), 500);
	pass(s, 10);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert(view(s, cases[i].name, cases[i].key, spans), "%s %s", cases[i].name,
			cases[i].key);
		cr_expect_eq(spans[STATS_MINUTE].sum, cases[i].sum, "%s", cases[i].name);
		cr_expect_eq(spans[STATS_MINUTE].times, cases[i].times, "%s", cases[i].name);
	}
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		cr_expect(!view(s, none[i].name, none[i].key, spans), "%s %s", none[i].name,
			none[i].key);
	stats_forget_group(s, STR("g"));
	cr_expect(!view(s, "GROUP_GET_NUMS", "t@g", spans));
	stats_forget_topic(s, STR("t"));
	cr_expect(!view(s, "TOPIC_PUT_NUMS", "t", spans));
	cr_expect(view(s, "BROKER_PUT_NUMS", "", spans), "the broker is still there");
	stats_free(s);
}

Test(stats, sums_cover_whole_intervals_of_a_minute_an_hour_and_a_day)
{
	struct stats_sum spans[STATS_SPANS];
	struct stats *s = stats_new();

	stats_put(s, STR("t"), 0, 4, 1);
	cr_assert(view(s, "TOPIC_PUT_NUMS", "t", spans));
	cr_expect_eq(spans[STATS_MINUTE].seconds, 0, "no interval has ended");
	cr_expect_eq(spans[STATS_MINUTE].sum, 0);
	pass(s, 10);
	view(s, "TOPIC_PUT_NUMS", "t", spans);
	cr_expect_eq(spans[STATS_MINUTE].sum, 4);
	cr_expect_eq(spans[STATS_MINUTE].seconds, 10);
	cr_expect_eq(spans[STATS_HOUR].seconds, 0);
	pass(s, 50);
	stats_put(s, STR("t"), 0, 100, 1);
	view(s, "TOPIC_PUT_NUMS", "t", spans);
	cr_expect_eq(spans[STATS_MINUTE].sum, 4, "what is under way does not count");
	cr_expect_eq(spans[STATS_MINUTE].seconds, 60);
	pass(s, 10);
	view(s, "TOPIC_PUT_NUMS", "t", spans);
	cr_expect_eq(spans[STATS_MINUTE].sum, 100, "the first interval is out of the window");
	pass(s, 60);
	view(s, "TOPIC_PUT_NUMS", "t", spans);
	cr_expect_eq(spans[STATS_MINUTE].sum, 0);
	pass(s, 600);
	view(s, "TOPIC_PUT_NUMS", "t", spans);
	cr_expect_eq(spans[STATS_HOUR].sum, 104);
	cr_expect_eq(spans[STATS_HOUR].times, 2);
	cr_expect_eq(spans[STATS_DAY].seconds, 0);
	pass(s, 2 * 3600);
	view(s, "TOPIC_PUT_NUMS", "t", spans);
	cr_expect_eq(spans[STATS_HOUR].sum, 0);
	cr_expect_eq(spans[STATS_DAY].sum, 104);
	cr_expect_eq(spans[STATS_DAY].seconds, 2 * 3600);
	pass(s, 25 * 3600);
	view(s, "TOPIC_PUT_NUMS", "t", spans);
	cr_expect_eq(spans[STATS_DAY].sum, 0, "a day later nothing is left");
	cr_expect_eq(spans[STATS_DAY].seconds, 24 * 3600);
	stats_free(s);
}

Test(stats, names_and_queues_beyond_all_bounds_are_not_counted)
{
	struct stats_sum spans[STATS_SPANS];
	struct stats *s = stats_new();
	char long_name[600];

	memset(long_name, 'x', sizeof(long_name));
	stats_put(s, (struct str){ long_name, 600 }, 0, 1, 1);
	stats_get(s, &(struct stats_got){ { long_name, 300 }, { long_name, 300 }, 0, 1, 1, 0 });
	stats_put(s, STR("t"), INT32_MAX, 1, 1);
	stats_put(s, STR("t"), -1, 1, 1);
	cr_expect(view(s, "TOPIC_PUT_NUMS", "t", spans));
	cr_expect(!view(s, "QUEUE_PUT_NUMS", "t@2147483647", spans));
	cr_expect_float_eq(stats_get_tps(s, STR("t"), STR("g")), 0, 0.001);
	stats_free(s);
}

Test(stats, how_long_sends_took_is_told_of_the_last_full_minute)
{
	struct stats *s = stats_new();
	int64_t n;

	stats_put_took(s, 0, 980);
	stats_put_took(s, 30, 15);
	stats_put_took(s, 60000, 5);
	cr_assert_str_eq(stats_put_took_band(s, 0, &n), "[<=0ms]");
	cr_expect_eq(n, 0, "the minute is not over");
	pass(s, 60);
	stats_put_took_band(s, 0, &n);
	cr_expect_eq(n, 980);
	stats_put_took_band(s, 2, &n);
	cr_expect_eq(n, 15);
	cr_assert_str_eq(stats_put_took_band(s, 12, &n), "[10s~]");
	cr_expect_eq(n, 5);
	cr_expect_null(stats_put_took_band(s, 13, &n));
	cr_expect_eq(stats_put_took_max(s), 60000);
	cr_expect_float_eq(stats_put_took_part(s, 0.5), 0, 0.001);
	cr_expect_float_eq(stats_put_took_part(s, 0.99), 10 + 40 * 10 / 15.0, 0.01);
	cr_expect_float_eq(stats_put_took_part(s, 0.999), 10000, 0.001);
	pass(s, 60);
	stats_put_took_band(s, 0, &n);
	cr_expect_eq(n, 0);
	cr_expect_eq(stats_put_took_max(s), 60000, "since the start");
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
