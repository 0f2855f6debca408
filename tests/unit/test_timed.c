/* SPDX-License-Identifier: Apache-2.0 */
/* timed over a real store and a real meta.db: what waits, when it comes, what a crash costs. */
#include <event2/event.h>
#include <time.h>

#include "brokerd/timed.h"
#include "brokerd/timedheap.h"
#include "meta.h"
#include "store_kit.h"

#define SECOND 1000LL
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)

struct box {
	char *dir;
	struct store_opts store_opts;
	struct store *store;
	struct meta_box meta;
	struct event_base *base;
	struct timed *t;
	int64_t start_ms;
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

static void arrival(
	void *arg, struct str topic, int queue UNUSED, int64_t off, int64_t code UNUSED)
{
	struct box *b = arg;

	if (str_is(topic, TIMED_TOPIC))
		timed_arrival(b->t, off);
}

/* As the broker finds the unit of a record again that had reached no queue. */
static int64_t tags_code(const struct message *m)
{
	return str_is(m->topic, TIMED_TOPIC) ? timed_tags_code(m) : 0;
}

/* Turns of the loop until nothing more happens by itself. */
static void settle(struct box *b)
{
	struct err e = ERR_INIT;

	for (int idle = 0; idle < 2; idle++) {
		cr_assert_eq(store_commit(b->store, &e), 0, "%s", e.msg);
		timed_run(b->t);
		if (metadb_deliver(b->meta.db) || store_dirty(b->store))
			idle = -1;
	}
}

static void open_parts(struct box *b)
{
	struct timed_opts o = { .wanted = wanted, .delivered = delivered, .arg = b };
	struct err e = ERR_INIT;

	b->store = kit_open(&b->store_opts, NULL);
	b->base = event_base_new();
	o.base = b->base;
	o.store = b->store;
	o.db = b->meta.db;
	cr_assert_eq(timed_open(&o, &b->t, &e), 0, "%s", e.msg);
	store_on_arrival(b->store, arrival, b);
	timed_start(b->t);
	settle(b);
}

static void open_box(struct box *b)
{
	memset(b, 0, sizeof(*b));
	b->start_ms = time(NULL) * SECOND; /* files have their times from the system's clock */
	clock_test_set(b->start_ms);
	b->dir = kit_dir();
	b->store_opts = kit_opts(b->dir);
	b->store_opts.tags_code = tags_code;
	meta_box_init(&b->meta);
	open_parts(b);
}

static void free_parts(struct box *b)
{
	meta_box_close(&b->meta);
	timed_free(b->t);
	event_base_free(b->base);
}

/* As kill -9: what was not submitted to metadb by now has not happened. */
static void crash(struct box *b)
{
	timed_stop(b->t);
	free_parts(b);
	kit_crash(b->dir, b->store);
	meta_box_open(&b->meta);
	open_parts(b);
}

static void close_parts(struct box *b)
{
	struct err e = ERR_INIT;

	timed_stop(b->t);
	cr_assert_eq(store_sync(b->store, &e), 0, "%s", e.msg);
	timed_run(b->t);
	free_parts(b);
	kit_close(b->store);
}

static void restart(struct box *b)
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

static void append_timed(struct box *b, int64_t due_ms, const char *body)
{
	char *text = mem_fmt(
		"TAGS\001a\002KEYS\001k\002" PROP_START_DELIVER "\001%lld", (long long)due_ms);
	struct message m = kit_message("t", 3, str_of(body), text);
	struct store_put p = { .m = &m };
	struct err e = ERR_INIT;
	struct store_at at;
	struct buf props;

	cr_assert_eq(timed_due(props_get(m.properties, PROP_START_DELIVER), clock_wall_ms(),
			     40 * DAY, &p.tags_code, &e),
		0, "%s", e.msg);
	buf_init(&props, 4096);
	cr_assert_eq(timed_redirect(&m, &props, &e), 0, "%s", e.msg);
	cr_assert_eq(store_append(b->store, &p, &at, &e), 0, "%s", e.msg);
	buf_release(&props);
	mem_free(text);
}

/* Due `after` the start, whatever the time is now. */
static void send_timed(struct box *b, int64_t after_ms, const char *body)
{
	append_timed(b, b->start_ms + after_ms, body);
	settle(b);
}

static void pass(struct box *b, int64_t ms)
{
	clock_test_advance(ms);
	settle(b);
}

/* What the broker does each second. */
static void tick(struct box *b, int64_t retention_ms)
{
	timed_tick(b->t);
	settle(b);
	timed_tick(b->t);
	store_tick(b->store, retention_ms);
	settle(b);
}

static void expect(struct box *b, const char *bodies)
{
	kit_expect(b->store, "t", 3, bodies);
}

static int events(struct box *b)
{
	return event_base_get_num_events(b->base, EVENT_BASE_COUNT_ADDED);
}

/* ---- what is asked for ---- */

static const struct {
	const char *why, *value;
	int64_t due; /* -1: refused */
} values[] = {
	{ "long ago", "1", 0 },
	{ "before 1970", "-5", 0 },
	{ "now", "1000000", 0 },
	{ "in a millisecond", "1000001", 1000001 },
	{ "the most that may be", "1060000", 1060000 },
	{ "one more", "1060001", -1 },
	{ "as far as numbers go", "9223372036854775807", -1 },
	{ "further", "9223372036854775808", -1 },
	{ "no number", "tomorrow", -1 },
	{ "not quite a number", "1000001x", -1 },
	{ "a fraction", "1000001.5", -1 },
};

Test(timed, takes_times_up_to_the_limit)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct err e = ERR_INIT;
		int64_t due = 77;
		int rc = timed_due(str_of(values[i].value), 1000000, 60000, &due, &e);

		cr_expect_eq(rc, values[i].due < 0 ? TQ_EMSGILLEGAL : 0, "%s", values[i].why);
		if (!rc)
			cr_expect_eq(due, values[i].due, "%s", values[i].why);
	}
}

Test(timed, names_the_limit)
{
	struct err e = ERR_INIT;
	int64_t due;

	cr_assert(timed_due(STR("9000000000000"), 1000000, 40 * DAY, &due, &e));
	cr_assert(strstr(e.msg, "40d"), "%s", e.msg);
}

Test(timed, properties_keep_room_for_its_own)
{
	struct message m = kit_message("t", 0, STR("x"), "");
	struct err e = ERR_INIT;
	struct buf props;
	char *text = mem_alloc(MESSAGE_MAX_PROPERTIES + 1);

	memset(text, 'x', MESSAGE_MAX_PROPERTIES - 40);
	text[1] = '\001';
	m.properties = str_of(text);
	buf_init(&props, MESSAGE_MAX_PROPERTIES + 4096);
	cr_assert_eq(timed_redirect(&m, &props, &e), TQ_EMSGILLEGAL);
	buf_release(&props);
	mem_free(text);
}

/* ---- when it comes ---- */

Test(timed, comes_when_due_and_as_it_was)
{
	struct store_batch got;
	struct message m;
	struct box b;

	open_box(&b);
	send_timed(&b, 37 * SECOND, "body");
	pass(&b, 37 * SECOND - 1);
	expect(&b, "");
	pass(&b, 1);
	cr_assert_eq(kit_read(b.store, "t", 3, 0, &got), STORE_FOUND);
	m = kit_decode(got.slices[0].bytes);
	cr_expect(str_is(m.body, "body"));
	cr_expect_eq(m.queue_id, 3);
	cr_expect_eq(m.born_ms, 1700000000000);
	cr_expect(str_is(props_get(m.properties, PROP_TAGS), "a"));
	cr_expect(str_is(props_get(m.properties, PROP_KEYS), "k"));
	cr_expect_eq(timed_tags_code(&m), b.start_ms + 37 * SECOND, "the property is kept");
	store_batch_release(&got);
	cr_expect_eq(b.delivered, 1);
	tick(&b, -1);
	cr_expect_eq(timed_pending(b.t), 0);
	close_box(&b);
}

Test(timed, comes_in_order_of_time_then_of_acceptance)
{
	struct box b;

	open_box(&b);
	send_timed(&b, 30 * DAY, "month");
	send_timed(&b, 5 * SECOND, "5a");
	send_timed(&b, HOUR, "hour");
	send_timed(&b, 5 * SECOND, "5b");
	send_timed(&b, 2 * SECOND, "2");
	send_timed(&b, 5 * SECOND, "5c");
	pass(&b, 4 * SECOND);
	expect(&b, "2 ");
	pass(&b, SECOND);
	expect(&b, "2 5a 5b 5c ");
	pass(&b, DAY);
	expect(&b, "2 5a 5b 5c hour ");
	pass(&b, 29 * DAY);
	expect(&b, "2 5a 5b 5c hour month ");
	close_box(&b);
}

Test(timed, wakes_only_while_something_waits)
{
	struct box b;

	open_box(&b);
	cr_assert_eq(events(&b), 0);
	send_timed(&b, DAY, "x");
	cr_assert_eq(events(&b), 1);
	pass(&b, DAY);
	tick(&b, -1);
	expect(&b, "x ");
	cr_assert_eq(events(&b), 0);
	close_box(&b);
}

Test(timed, what_nobody_wants_any_more_is_dropped)
{
	struct box b;

	open_box(&b);
	send_timed(&b, SECOND, "x");
	b.unwanted = true;
	pass(&b, SECOND);
	tick(&b, -1);
	expect(&b, "");
	cr_assert_eq(timed_pending(b.t), 0);
	close_box(&b);
}

/* ---- restarts and crashes ---- */

Test(timed, survives_a_restart)
{
	struct box b;

	open_box(&b);
	send_timed(&b, 10 * DAY, "later");
	send_timed(&b, SECOND, "soon");
	send_timed(&b, HOUR, "overdue2");
	send_timed(&b, HOUR - 1, "overdue1");
	pass(&b, SECOND);
	expect(&b, "soon ");
	close_parts(&b);
	clock_test_advance(DAY);
	meta_box_open(&b.meta);
	open_parts(&b);
	expect(&b, "soon overdue1 overdue2 ");
	restart(&b);
	cr_assert_eq(timed_pending(b.t), 1);
	pass(&b, 10 * DAY);
	expect(&b, "soon overdue1 overdue2 later ");
	close_box(&b);
}

Test(timed, accepted_and_not_yet_in_the_table_survives_a_crash)
{
	struct box b;

	open_box(&b);
	send_timed(&b, 2 * SECOND, "known");
	append_timed(&b, b.start_ms + SECOND, "new");
	cr_assert_eq(store_commit(b.store, NULL), 0);
	crash(&b);
	cr_assert_eq(timed_pending(b.t), 2);
	pass(&b, 2 * SECOND);
	expect(&b, "new known ");
	close_box(&b);
}

Test(timed, a_crash_between_delivery_and_its_record_repeats_that)
{
	struct box b;

	open_box(&b);
	send_timed(&b, SECOND, "saved");
	send_timed(&b, 3 * SECOND, "again");
	pass(&b, SECOND);
	tick(&b, -1);
	pass(&b, 2 * SECOND);
	expect(&b, "saved again ");
	crash(&b);
	expect(&b, "saved again again ");
	tick(&b, -1);
	crash(&b);
	expect(&b, "saved again again ");
	close_box(&b);
}

static int add_row(struct meta *m, void *arg, struct err *e)
{
	const struct timed_item *it = arg;

	return meta_exec(m, STMT_TIMER_ADD, e, "iii", it->due, it->seq, it->phys);
}

Test(timed, a_row_without_its_record_stops_nobody)
{
	static const char *const why[] = { "no record", "another's record" };
	struct box b;

	for (int i = 0; i < 2; i++) {
		struct timed_item it = { .seq = 500 };
		struct err e = ERR_INIT;

		open_box(&b);
		send_timed(&b, SECOND, "x");
		it.phys = i ? 0 : 12345;
		it.due = b.start_ms + 1;
		close_parts(&b);
		meta_box_open(&b.meta);
		cr_assert_eq(metadb_run(b.meta.db, add_row, &it, &e), 0, "%s", e.msg);
		open_parts(&b);
		cr_expect_eq(timed_pending(b.t), 2, "%s", why[i]);
		pass(&b, SECOND);
		tick(&b, -1);
		expect(&b, "x ");
		cr_expect_eq(timed_pending(b.t), 0, "%s", why[i]);
		close_box(&b);
	}
}

Test(timed, a_damaged_message_is_not_passed_on_as_a_good_one)
{
	struct store_at at;
	struct box b;

	open_box(&b);
	at = kit_send(b.store, "u", 0, "x", "");
	send_timed(&b, SECOND, "damaged");
	send_timed(&b, SECOND, "good");
	close_parts(&b);
	kit_poke(b.dir, "commitlog/00000000000000000000", at.end_off + 88, "#", 1);
	meta_box_open(&b.meta);
	open_parts(&b);
	pass(&b, SECOND);
	expect(&b, "good ");
	close_box(&b);
}

/* ---- longer than the log ---- */

static bool first_file_is_there(struct box *b)
{
	return kit_exists(b->dir, "commitlog/00000000000000000000");
}

/* Three that wait among what nobody needs, in files of four kilobytes. */
static void fill(struct box *b, int64_t due)
{
	kit_send_big(b->store, "other", 0, 1);
	send_timed(b, due + 2, "c");
	send_timed(b, due, "a");
	send_timed(b, due + 1, "b");
	kit_send_big(b->store, "other", 1, 12);
	tick(b, -1);
}

Test(timed, outlives_the_retention_of_the_log)
{
	struct box b;

	open_box(&b);
	fill(&b, 10 * DAY);
	for (int i = 0; i < 6 && first_file_is_there(&b); i++) {
		clock_test_advance(i ? 10 * SECOND : 4 * DAY);
		tick(&b, 3 * DAY);
	}
	cr_assert_not(first_file_is_there(&b), "the log does not grow for ever");
	cr_assert_gt(store_min_phys(b.store), 0);
	cr_assert_eq(timed_pending(b.t), 3);
	restart(&b);
	expect(&b, "");
	clock_test_set(b.start_ms + 10 * DAY + 5);
	settle(&b);
	expect(&b, "a b c ");
	tick(&b, -1);
	cr_assert_eq(timed_pending(b.t), 0);
	close_box(&b);
}

Test(timed, holds_the_log_for_what_is_due_soon_and_then_lets_go)
{
	struct box b;

	open_box(&b);
	fill(&b, 4 * DAY + 60 * SECOND);
	clock_test_advance(4 * DAY);
	tick(&b, 3 * DAY);
	clock_test_advance(10 * SECOND);
	tick(&b, 3 * DAY);
	cr_assert(first_file_is_there(&b));
	cr_assert_gt(store_held_back(b.store), 0);
	pass(&b, 60 * SECOND);
	expect(&b, "a b c ");
	tick(&b, 3 * DAY);
	clock_test_advance(10 * SECOND);
	tick(&b, 3 * DAY);
	cr_assert_not(first_file_is_there(&b));
	close_box(&b);
}

Test(timed, a_crash_while_it_is_rolled_costs_only_the_copy)
{
	struct box b;
	int64_t min, max;

	open_box(&b);
	fill(&b, 10 * DAY);
	clock_test_advance(4 * DAY);
	timed_tick(b.t);
	for (int i = 0; i < 6 && !store_held_back(b.store); i++) {
		clock_test_advance(10 * SECOND);
		store_tick(b.store, 3 * DAY);
	}
	timed_tick(b.t); /* selects */
	cr_assert(metadb_deliver(b.meta.db)); /* copies */
	cr_assert_eq(store_commit(b.store, NULL), 0);
	store_queue_bounds(b.store, STR(TIMED_TOPIC), 0, &min, &max);
	cr_assert_gt(max, 3);
	cr_assert(first_file_is_there(&b), "until the table knows");
	crash(&b);
	cr_assert_eq(timed_pending(b.t), 3);
	clock_test_set(b.start_ms + 10 * DAY + 5);
	settle(&b);
	expect(&b, "a b c ");
	close_box(&b);
}

/* ---- many ---- */

Test(timed, many_at_once_come_each_once_and_in_order)
{
	enum { N = 3 * TIMEDHEAP_MAX };
	char body[16], was[16] = "";
	struct store_batch got;
	int64_t off, n = 0;
	struct box b;

	open_box(&b);
	close_parts(&b);
	kit_remove_tree(b.dir);
	cr_assert_eq(mkdir(b.dir, 0700), 0);
	b.store_opts.commitlog_file_bytes = 64 << 20;
	b.store_opts.queue_file_units = 60000;
	b.store_opts.index_slots = 50000;
	b.store_opts.index_entries = 200000;
	meta_box_open(&b.meta);
	open_parts(&b);
	for (int i = 0; i < N; i++) {
		/* the latest first, six of each millisecond */
		snprintf(body, sizeof(body), "%06d.%06d", (N - 1 - i) / 6, i);
		append_timed(&b, b.start_ms + SECOND + (N - 1 - i) / 6, body);
		if (i % 1000 == 0)
			settle(&b);
	}
	settle(&b);
	cr_assert_eq(timed_pending(b.t), N);
	for (int i = 0; i < 40; i++) {
		pass(&b, SECOND);
		for (int k = 0; k < 8; k++)
			tick(&b, -1);
	}
	cr_assert_eq(timed_pending(b.t), 0);
	for (off = 0; kit_read(b.store, "t", 3, off, &got) == STORE_FOUND; off = got.next_off) {
		for (int i = 0; i < got.n; i++, n++) {
			struct str text = kit_decode(got.slices[i].bytes).body;

			snprintf(body, sizeof(body), STR_FMT, STR_ARG(text));
			cr_assert_lt(strcmp(was, body), 0, "%s after %s", body, was);
			memcpy(was, body, sizeof(was));
		}
		store_batch_release(&got);
	}
	cr_assert_eq(n, N);
	close_box(&b);
}

Test(timed, the_heap_drops_what_is_furthest)
{
	struct timed_item it = { 0 }, dropped = { 0 }, last = { 0 };
	struct timedheap h = { 0 };
	uint32_t x = 1;

	for (int i = 0; i < TIMEDHEAP_MAX; i++) {
		x = x * 1664525 + 1013904223;
		it.due = 10 + x % 1000;
		it.seq = i;
		cr_assert_not(timedheap_push(&h, &it, &dropped));
	}
	it.due = 1;
	cr_assert(timedheap_push(&h, &it, &dropped));
	cr_assert_eq(h.n, TIMEDHEAP_MAX / 2 + 1);
	it.due = 2000;
	for (; h.n; timedheap_pop(&h)) {
		cr_assert_lt(timed_item_cmp(&last, &h.v[0]), 0);
		cr_assert_lt(timed_item_cmp(&h.v[0], &dropped), 0);
		last = h.v[0];
	}
	timedheap_release(&h);
}
