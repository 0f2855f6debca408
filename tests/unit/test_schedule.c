/* SPDX-License-Identifier: Apache-2.0 */
/* schedule and retry over a real store: what waits, when it comes, and what it is then. */
#include <event2/event.h>

#include "brokerd/retry.h"
#include "brokerd/schedule.h"
#include "meta.h"
#include "store_kit.h"

#define START_MS 1700000000000

struct box {
	char *dir;
	struct store_opts store_opts;
	struct store *store;
	struct meta_box meta;
	struct event_base *base;
	struct schedule *s;
	struct catalog *c;
	bool unwanted;
	int delivered;
};

static bool wanted(void *arg, struct str topic UNUSED)
{
	struct box *b = arg;

	return !b->unwanted;
}

static void delivered(void *arg, struct str topic UNUSED, int64_t bytes)
{
	struct box *b = arg;

	cr_assert_gt(bytes, 0);
	b->delivered++;
}

static void arrival(void *arg, struct str topic, int queue, int64_t off UNUSED, int64_t code)
{
	struct box *b = arg;

	if (str_is(topic, SCHEDULE_TOPIC))
		schedule_arrival(b->s, queue, code);
}

static void open_parts(struct box *b)
{
	struct schedule_opts o = {
		.store = NULL, .wanted = wanted, .delivered = delivered, .arg = b
	};
	static const struct catalog_opts co = {
		.cluster = "C1", .broker = "bk-a", .template_queues = 8
	};
	struct err e = ERR_INIT;

	b->store = kit_open(&b->store_opts, NULL);
	b->base = event_base_new();
	o.base = b->base;
	o.store = b->store;
	o.db = b->meta.db;
	cr_assert_eq(schedule_open(&o, &b->s, &e), 0, "%s", e.msg);
	cr_assert_eq(catalog_open(b->meta.db, &co, &b->c, &e), 0, "%s", e.msg);
	store_on_arrival(b->store, arrival, b);
	schedule_start(b->s);
}

static void close_parts(struct box *b)
{
	meta_box_close(&b->meta);
	schedule_free(b->s);
	catalog_free(b->c);
	event_base_free(b->base);
	kit_close(b->store);
}

static void open_box(struct box *b)
{
	memset(b, 0, sizeof(*b));
	clock_test_set(START_MS);
	b->dir = kit_dir();
	b->store_opts = kit_opts(b->dir);
	meta_box_init(&b->meta);
	open_parts(b);
}

static void reopen(struct box *b)
{
	close_parts(b);
	meta_box_open(&b->meta);
	open_parts(b);
}

static void close_box(struct box *b)
{
	close_parts(b);
	meta_box_release(&b->meta);
	kit_remove_tree(b->dir);
	mem_free(b->dir);
	clock_test_off();
}

/* As produce() does it. */
static struct store_at send_delayed(
	struct box *b, const char *topic, int queue, const char *body, const char *properties)
{
	struct message m = kit_message(topic, queue, str_of(body), properties);
	struct store_put p = { .m = &m };
	struct err e = ERR_INIT;
	struct store_at at;
	struct buf props;

	buf_init(&props, 4096);
	p.tags_code =
		schedule_redirect(&m, schedule_level(m.properties), clock_wall_ms(), &props);
	cr_assert_eq(store_append(b->store, &p, &at, &e), 0, "%s", e.msg);
	cr_assert_eq(store_commit(b->store, &e), 0, "%s", e.msg);
	buf_release(&props);
	return at;
}

/* Time passes, the timer fires, the turn ends. */
static void pass(struct box *b, int64_t ms)
{
	struct err e = ERR_INIT;

	clock_test_advance(ms);
	schedule_run(b->s);
	cr_assert_eq(store_commit(b->store, &e), 0, "%s", e.msg);
}

static int64_t count(struct box *b, const char *topic, int queue)
{
	int64_t min, max;

	store_queue_bounds(b->store, str_of(topic), queue, &min, &max);
	return max;
}

/* The newest message of a queue; its slice is given back by the caller. */
static struct message newest(
	struct box *b, const char *topic, int queue, struct store_slice *rec)
{
	struct err e = ERR_INIT;
	int64_t phys, code;
	uint32_t size;

	cr_assert(store_unit(b->store, str_of(topic), queue, count(b, topic, queue) - 1, &phys,
		&size, &code));
	cr_assert_eq(store_get(b->store, phys, rec, &e), 0, "%s", e.msg);
	return kit_decode(rec->bytes);
}

static const struct {
	const char *why, *props;
	int level;
} asked[] = {
	{ "none", "", 0 },
	{ "three",
		"DELAY\x01"
		"3\x02",
		3 },
	{ "more than there are",
		"DELAY\x01"
		"99",
		18 },
	{ "far more",
		"DELAY\x01"
		"99999999999999999999",
		0 },
	{ "negative", "DELAY\x01-1", 0 },
	{ "nonsense", "DELAY\x01soon", 0 },
	{ "zero",
		"DELAY\x01"
		"0",
		0 },
};

Test(schedule, reads_the_level)
{
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		cr_expect_eq(schedule_level(str_of(asked[i].props)), asked[i].level, "%s",
			asked[i].why);
	cr_assert_eq(schedule_delay_ms(1), 1000);
	cr_assert_eq(schedule_delay_ms(18), 7200000);
	cr_assert_str_eq(schedule_level_name(4), "30s");
}

Test(schedule, delivers_when_due_and_not_before)
{
	struct store_slice rec;
	struct message m;
	struct box b;

	open_box(&b);
	send_delayed(&b, "t", 2, "later",
		"TAGS\x01"
		"a\x02"
		"DELAY\x01"
		"2\x02");
	cr_assert_eq(count(&b, "t", 2), 0);
	cr_assert_eq(count(&b, SCHEDULE_TOPIC, 1), 1);
	pass(&b, 4999);
	cr_assert_eq(count(&b, "t", 2), 0);
	pass(&b, 1);
	cr_assert_eq(count(&b, "t", 2), 1);
	cr_assert_eq(b.delivered, 1);
	m = newest(&b, "t", 2, &rec);
	cr_assert(str_is(m.body, "later"));
	cr_assert(str_is(m.topic, "t"));
	cr_assert(str_is(props_get(m.properties, "REAL_TOPIC"), "t"), "as Apache leaves it");
	cr_assert_eq(m.born_ms, 1700000000000);
	store_slice_unref(rec.segment);
	pass(&b, 100000);
	cr_assert_eq(count(&b, "t", 2), 1, "once");
	close_box(&b);
}

Test(schedule, each_level_keeps_its_order_and_its_own_time)
{
	struct box b;

	open_box(&b);
	send_delayed(&b, "t", 0, "5s",
		"DELAY\x01"
		"2");
	send_delayed(&b, "u", 0, "1s",
		"DELAY\x01"
		"1");
	clock_test_advance(500);
	send_delayed(&b, "u", 0, "1s later",
		"DELAY\x01"
		"1");
	pass(&b, 500);
	cr_assert_eq(count(&b, "u", 0), 1);
	pass(&b, 500);
	cr_assert_eq(count(&b, "u", 0), 2);
	cr_assert_eq(count(&b, "t", 0), 0);
	pass(&b, 3500);
	cr_assert_eq(count(&b, "t", 0), 1);
	close_box(&b);
}

Test(schedule, its_timer_runs_only_while_something_waits)
{
	struct box b;

	open_box(&b);
	cr_assert_eq(event_base_get_num_events(b.base, EVENT_BASE_COUNT_ADDED), 0);
	send_delayed(&b, "t", 0, "x",
		"DELAY\x01"
		"1");
	cr_assert_eq(event_base_get_num_events(b.base, EVENT_BASE_COUNT_ADDED), 1);
	pass(&b, 1000);
	cr_assert_eq(event_base_get_num_events(b.base, EVENT_BASE_COUNT_ADDED), 0);
	close_box(&b);
}

Test(schedule, goes_on_after_a_restart_where_it_was)
{
	struct box b;

	open_box(&b);
	send_delayed(&b, "t", 0, "first",
		"DELAY\x01"
		"1");
	send_delayed(&b, "t", 0, "second",
		"DELAY\x01"
		"1");
	send_delayed(&b, "t", 0, "overdue at start",
		"DELAY\x01"
		"2");
	pass(&b, 1000);
	cr_assert_eq(count(&b, "t", 0), 2);
	schedule_flush(b.s);
	cr_assert_eq(schedule_progress(b.s, 1), 2);
	reopen(&b);
	cr_assert_eq(schedule_progress(b.s, 1), 2);
	pass(&b, 10000);
	cr_assert_eq(count(&b, "t", 0), 3, "nothing twice, nothing forgotten");
	close_box(&b);
}

Test(schedule, without_saved_progress_it_repeats_and_loses_nothing)
{
	struct box b;

	open_box(&b);
	send_delayed(&b, "t", 0, "x",
		"DELAY\x01"
		"1");
	pass(&b, 1000);
	reopen(&b);
	pass(&b, 0);
	cr_assert_eq(count(&b, "t", 0), 2);
	close_box(&b);
}

Test(schedule, a_clock_put_back_does_not_stop_it)
{
	struct box b;

	open_box(&b);
	send_delayed(&b, "t", 0, "x",
		"DELAY\x01"
		"1");
	clock_test_set(START_MS - 86400000);
	pass(&b, 0);
	cr_assert_eq(count(&b, "t", 0), 1);
	close_box(&b);
}

Test(schedule, what_nobody_wants_any_more_is_dropped)
{
	struct box b;

	open_box(&b);
	send_delayed(&b, "t", 0, "x",
		"DELAY\x01"
		"1");
	b.unwanted = true;
	pass(&b, 1000);
	cr_assert_eq(count(&b, "t", 0), 0);
	b.unwanted = false;
	send_delayed(&b, "t", 0, "y",
		"DELAY\x01"
		"1");
	pass(&b, 1000);
	cr_assert_eq(count(&b, "t", 0), 1, "the level goes on");
	send_delayed(&b, "RMQ_SYS_TRANS_HALF_TOPIC", 0, "half",
		"DELAY\x01"
		"1");
	pass(&b, 1000);
	cr_assert_eq(count(&b, "RMQ_SYS_TRANS_HALF_TOPIC", 0), 0);
	close_box(&b);
}

/* ---- retry ---- */

static void make_group(struct box *b, const char *name, int retries, int queues)
{
	struct group g = group_defaults();

	g.name = name;
	g.retry_max = retries;
	g.retry_queues = queues;
	cr_assert_eq(catalog_put_group(b->c, &g, CATALOG_PUT, NULL, NULL, NULL), 0);
	meta_settle(&b->meta);
}

static int send_back(struct box *b, const struct retry_ask *ask, struct retry_result *out)
{
	struct err e = ERR_INIT;
	int rc = retry_send_back(b->c, b->store, ask, out, &e);

	cr_assert_eq(rc, e.code);
	cr_assert_eq(store_commit(b->store, NULL), 0);
	return rc;
}

Test(retry, pauses_grow_with_the_attempt)
{
	cr_assert_eq(retry_level(0), 1);
	cr_assert_eq(retry_level(1), 2);
	cr_assert_eq(retry_level(17), 18);
	cr_assert_eq(retry_level(100), 18);
	cr_assert_eq(retry_level(-5), 1);
	cr_assert_eq(retry_level(INT32_MAX), 18);
}

Test(retry, comes_back_until_the_group_gives_up)
{
	struct retry_ask ask = { .group = STR("g"), .max_reconsume = -1 };
	struct retry_result got;
	struct store_slice rec;
	struct message m;
	char first_id[MESSAGE_ID_MAX];
	struct box b;

	open_box(&b);
	make_group(&b, "g", 2, 1);
	ask.phys_off = kit_send(b.store, "t", 1, "body",
		"TAGS\x01"
		"a\x02"
		"UNIQ_KEY\x01"
		"u\x02")
			       .phys_off;
	message_offset_id(first_id, &b.store_opts.host, ask.phys_off);
	for (int attempt = 1; attempt <= 2; attempt++) {
		cr_assert_eq(send_back(&b, &ask, &got), 0);
		cr_assert_not(got.dead);
		cr_assert_str_eq(got.origin_topic, "t");
		cr_assert_eq(count(&b, "%RETRY%g", 0), attempt - 1);
		pass(&b, schedule_delay_ms(attempt));
		cr_assert_eq(count(&b, "%RETRY%g", 0), attempt);
		m = newest(&b, "%RETRY%g", 0, &rec);
		cr_assert_eq(m.reconsume_times, attempt);
		cr_assert(str_is(m.body, "body"));
		cr_assert(str_is(props_get(m.properties, "RETRY_TOPIC"), "t"));
		cr_assert(str_is(props_get(m.properties, "ORIGIN_MESSAGE_ID"), first_id));
		cr_assert(str_is(props_get(m.properties, "UNIQ_KEY"), "u"));
		cr_assert(str_is(props_get(m.properties, "WAIT"), "false"));
		ask.phys_off = m.phys_off;
		store_slice_unref(rec.segment);
	}
	cr_assert_eq(send_back(&b, &ask, &got), 0);
	cr_assert(got.dead);
	cr_assert_eq(count(&b, "%DLQ%g", 0), 1, "at once, whatever delay it had");
	m = newest(&b, "%DLQ%g", 0, &rec);
	cr_assert(str_is(props_get(m.properties, "RETRY_TOPIC"), "t"));
	cr_assert(str_is(props_get(m.properties, "ORIGIN_MESSAGE_ID"), first_id));
	store_slice_unref(rec.segment);
	close_box(&b);
}

/* A producer may write any number of attempts into its message. */
Test(retry, counts_no_further_than_a_number_goes)
{
	struct message m = {
		.topic = STR("t"), .body = STR("x"), .reconsume_times = INT32_MAX
	};
	struct retry_ask ask = { .group = STR("g"), .max_reconsume = -1 };
	struct store_put put = { .m = &m };
	struct err e = ERR_INIT;
	struct retry_result got;
	struct store_slice rec;
	struct store_at at;
	struct box b;

	open_box(&b);
	make_group(&b, "g", 2, 1);
	kit_send(b.store, "t", 0, "first", "");
	cr_assert_eq(store_append(b.store, &put, &at, &e), 0, "%s", e.msg);
	cr_assert_eq(store_commit(b.store, &e), 0);
	ask.phys_off = at.phys_off;
	cr_assert_eq(send_back(&b, &ask, &got), 0);
	cr_assert(got.dead);
	m = newest(&b, "%DLQ%g", 0, &rec);
	cr_assert_eq(m.reconsume_times, INT32_MAX);
	store_slice_unref(rec.segment);
	close_box(&b);
}

static const struct {
	const char *why;
	int delay_level, max_reconsume;
	const char *topic; /* where the record goes */
	int queue;
} ways[] = {
	{ "first attempt: 1 s", 0, -1, SCHEDULE_TOPIC, 0 },
	{ "as the consumer asks", 5, -1, SCHEDULE_TOPIC, 4 },
	{ "beyond the table", 40, -1, SCHEDULE_TOPIC, 17 },
	{ "straight to the dead letters", -1, -1, "%DLQ%g", 0 },
	{ "the consumer's own maximum", 0, 0, "%DLQ%g", 0 },
	{ "the consumer's larger maximum", 0, 100, SCHEDULE_TOPIC, 0 },
};

Test(retry, goes_where_the_consumer_says)
{
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct retry_ask ask = { .group = STR("g"),
			.delay_level = ways[i].delay_level,
			.max_reconsume = ways[i].max_reconsume };
		struct retry_result got;
		struct box b;

		open_box(&b);
		make_group(&b, "g", 16, 1);
		ask.phys_off = kit_send(b.store, "t", 0, "x", "").phys_off;
		cr_expect_eq(send_back(&b, &ask, &got), 0, "%s", ways[i].why);
		cr_expect_eq(count(&b, ways[i].topic, ways[i].queue), 1, "%s", ways[i].why);
		close_box(&b);
	}
}

Test(retry, refuses_what_it_cannot_find)
{
	struct retry_ask ask = { .group = STR("nobody"), .max_reconsume = -1 };
	struct retry_result got;
	struct box b;

	open_box(&b);
	cr_assert_eq(send_back(&b, &ask, &got), TQ_ENOGROUP);
	make_group(&b, "g", 16, 1);
	ask.group = STR("g");
	ask.phys_off = 12345;
	cr_assert_eq(send_back(&b, &ask, &got), TQ_EFAIL);
	make_group(&b, "none", 16, 0);
	ask.group = STR("none");
	cr_assert_eq(send_back(&b, &ask, &got), 0);
	cr_assert(got.dropped);
	close_box(&b);
}
