/* SPDX-License-Identifier: Apache-2.0 */
/* positions: the time a topic goes over by, what would come twice, and snapshots that lie. */
#include <criterion/criterion.h>

#include "migrate/positions.h"

static const struct {
	const char *why;
	struct {
		bool left;
		int64_t ms;
	} q[3];
	int64_t since_ms;
} times[] = {
	{ "nothing was ever consumed", { { false, 0 }, { false, 0 }, { false, 0 } }, 0 },
	{ "all is consumed: behind the last", { { false, 50 }, { false, 90 }, { false, 0 } },
		91 },
	{ "the oldest that is left", { { true, 70 }, { true, 60 }, { true, 80 } }, 60 },
	{ "what is consumed does not count then",
		{ { false, 10 }, { true, 60 }, { false, 90 } }, 60 },
	{ "nor behind it", { { true, 60 }, { false, 10 }, { false, 90 } }, 60 },
};

Test(positions, a_topic_goes_by_its_oldest_message)
{
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct topic_time t = { 0 };

		for (size_t k = 0; k < 3; k++)
			topic_time_add(&t, times[i].q[k].left, times[i].q[k].ms);
		cr_expect_eq(t.since_ms, times[i].since_ms, "%s: %lld", times[i].why,
			(long long)t.since_ms);
	}
}

static const struct {
	const char *why;
	int64_t now, min, max, to, replayed, skipped;
} moves[] = {
	{ "no position: what is there is passed over", -1, 10, 100, 30, 0, 20 },
	{ "no position, the first", -1, 10, 100, 10, 0, 0 },
	{ "back", 80, 10, 100, 30, 50, 0 },
	{ "forth", 30, 10, 100, 80, 0, 50 },
	{ "a position behind the end", 200, 10, 100, 30, 70, 0 },
	{ "a position whose messages are gone", 5, 10, 100, 30, 0, 20 },
};

Test(positions, counts_what_comes_twice_and_what_is_passed_over)
{
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		struct position p = { .now = moves[i].now,
			.min = moves[i].min,
			.max = moves[i].max,
			.to = moves[i].to };

		cr_expect_eq(position_replayed(&p), moves[i].replayed, "%s", moves[i].why);
		cr_expect_eq(position_skipped(&p), moves[i].skipped, "%s", moves[i].why);
	}
}

static int read_snapshot(const char *text, struct positions *p, struct arena *mem)
{
	struct err e = ERR_INIT;
	cJSON *doc = NULL;
	int rc = json_parse(str_of(text), JSON_STRICT, &doc, &e);

	positions_init(p, NULL);
	if (!rc)
		rc = positions_from_snapshot(p, doc, mem, &e);
	cJSON_Delete(doc);
	cr_expect(!rc || e.msg[0]);
	return rc;
}

Test(positions, a_snapshot_puts_back_what_was)
{
	struct position v[] = {
		{ { "orders", "broker-a", 0 }, "127.0.0.1:1", 7, 2, 100, 40, 1000 },
		{ { "orders", "broker-a", 1 }, "127.0.0.1:1", -1, 3, 100, 50, 1000 },
	};
	struct positions p = { .group = "pay-svc", .v = v, .n = 2 }, back;
	cJSON *doc = positions_snapshot(&p, "mq:9876", 5);
	struct arena mem;
	struct buf b;

	arena_init(&mem);
	buf_init(&b, 1 << 16);
	json_print(&b, doc, 0, 0);
	buf_putc(&b, '\0');
	cr_assert_str_eq(positions_snapshot_cluster(doc), "mq:9876");
	cr_assert_eq(read_snapshot(b.p, &back, &mem), 0);
	cr_assert_eq(back.n, 2);
	cr_expect_str_eq(back.group, "pay-svc");
	cr_expect_str_eq(back.v[1].q.broker, "broker-a");
	cr_expect_eq(back.v[0].now, 40);
	cr_expect_eq(back.v[0].to, 7);
	cr_expect_eq(back.v[1].to, 3, "the first message, where there was no position");
	positions_release(&back);
	cJSON_Delete(doc);
	buf_release(&b);
	arena_release(&mem);
}

Test(positions, refuses_a_snapshot_that_is_none)
{
#define HEAD "{\"format\":\"tdmqctl-positions/1\",\"group\":\"g\",\"queues\":"
	static const char *const lies[] = { "{}", "[]", "{\"format\":\"tdmqctl-positions/2\"}",
		"{\"format\":\"tdmqctl-positions/1\"}", HEAD "{}}", HEAD "[{}]}", HEAD "[1]}",
		HEAD "[{\"topic\":\"t\",\"broker\":\"b\",\"queue\":-1,\"before\":1,\"set\":1,"
		     "\"min\":0}]}",
		HEAD "[{\"topic\":\"t\",\"broker\":\"b\",\"queue\":1,\"before\":-2,\"set\":1,"
		     "\"min\":0}]}" };
	struct positions p;
	struct arena mem;

	arena_init(&mem);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		cr_expect_eq(read_snapshot(lies[i], &p, &mem), TQ_EFORMAT, "%s", lies[i]);
		positions_release(&p);
	}
	arena_release(&mem);
}
