/* SPDX-License-Identifier: Apache-2.0 */
/* tx over a real store: what is seen when, who is asked, and what a restart knows. */
#include <event2/event.h>
#include <sys/time.h>

#include "brokerd/parked.h"
#include "brokerd/schedule.h"
#include "brokerd/timed.h"
#include "brokerd/tx.h"
#include "brokerd/txmap.h"
#include "meta.h"
#include "store_kit.h"

#define START_MS 1700000000000
#define PLAIN "TRAN_MSG\001true\002PGROUP\001p\002UNIQ_KEY\001u"

struct box {
	char *dir;
	struct store_opts store_opts;
	struct store *store;
	struct meta_box meta;
	struct event_base *base;
	struct offsets *offsets;
	struct tx *t;
	bool unwanted;
	int asked;
	int64_t half, phys; /* of the last 39 */
	char body[4096];
	size_t body_n;
};

static bool wanted(void *arg, struct str topic UNUSED)
{
	struct box *b = arg;

	return !b->unwanted;
}

static void ask(void *arg, struct str group, struct command *rq)
{
	struct box *b = arg;

	cr_assert(str_is(group, "p"));
	cr_assert_eq(rq->code, REQ_CHECK_TRANSACTION_STATE);
	cr_assert(str_is(command_ext(rq, "msgId"), "u"));
	cr_assert(str_is(command_ext(rq, "transactionId"), "u"));
	cr_assert_eq(str_to_i64(command_ext(rq, "tranStateTableOffset"), 0, INT64_MAX, &b->half,
			     "", NULL),
		0);
	cr_assert_eq(str_to_i64(command_ext(rq, "commitLogOffset"), 0, INT64_MAX, &b->phys, "",
			     NULL),
		0);
	cr_assert_leq(rq->body.n, sizeof(b->body));
	memcpy(b->body, rq->body.p, rq->body.n);
	b->body_n = rq->body.n;
	b->asked++;
}

static int due(void *arg UNUSED, struct str value, int64_t *due_ms, struct err *e)
{
	return timed_due(value, clock_wall_ms(), 86400000, due_ms, e);
}

static void arrival(
	void *arg, struct str topic, int queue UNUSED, int64_t off, int64_t code UNUSED)
{
	struct box *b = arg;

	if (str_is(topic, TX_HALF_TOPIC))
		tx_arrival(b->t, off);
}

static void open_parts(struct box *b)
{
	static const struct tx_limits limits = { 6000, 60000, 72 * 3600000, 3 };
	struct tx_opts o = { .wanted = wanted, .ask = ask, .due = due, .arg = b };
	struct err e = ERR_INIT;

	b->store = kit_open(&b->store_opts, NULL);
	b->base = event_base_new();
	cr_assert_eq(offsets_open(b->meta.db, &b->offsets, &e), 0, "%s", e.msg);
	o.base = b->base;
	o.store = b->store;
	o.offsets = b->offsets;
	o.host = b->store_opts.host;
	o.cluster_id = STR("rocketmq-x");
	b->t = tx_open(&o, &limits);
	store_on_arrival(b->store, arrival, b);
}

static void close_parts(struct box *b)
{
	tx_free(b->t);
	event_base_free(b->base);
	meta_box_close(&b->meta);
	offsets_free(b->offsets);
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

/* As after kill -9 when flushed is false: what was not yet saved is not known any more. */
static void reopen(struct box *b, bool flushed)
{
	if (flushed) {
		cr_assert_eq(store_sync(b->store, NULL), 0);
		tx_flush(b->t);
		offsets_flush(b->offsets);
		meta_settle(&b->meta);
	}
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

static struct store_at send_half(struct box *b, const char *body, const char *properties)
{
	struct message m = kit_message("t", 1, str_of(body), properties);
	struct store_put p = { .m = &m };
	struct err e = ERR_INIT;
	struct store_at at;
	struct buf props;

	m.born_ms = clock_wall_ms();
	buf_init(&props, 4096);
	parked_wrap(&m, STR(TX_HALF_TOPIC), 0, &props);
	cr_assert_eq(store_append(b->store, &p, &at, &e), 0, "%s", e.msg);
	cr_assert_eq(store_commit(b->store, &e), 0, "%s", e.msg);
	buf_release(&props);
	return at;
}

static int end(struct box *b, int64_t half, int64_t phys, bool commit)
{
	struct tx_ending x = { STR("p"), half, phys, commit };
	struct err e = ERR_INIT;
	int64_t end_off;
	int rc = tx_end(b->t, &x, &end_off, &e);

	cr_assert_eq(rc, e.code);
	cr_assert_eq(store_commit(b->store, &e), 0, "%s", e.msg);
	return rc;
}

/* Time passes, the timer fires, the turn ends. */
static void pass(struct box *b, int64_t ms)
{
	struct err e = ERR_INIT;

	clock_test_advance(ms);
	tx_run(b->t);
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

static int timers(const struct box *b)
{
	return event_base_get_num_events(b->base, EVENT_BASE_COUNT_ADDED);
}

Test(tx, a_commit_delivers_the_message_as_apache_does)
{
	struct store_slice rec;
	struct store_at at;
	struct message m;
	struct box b;

	open_box(&b);
	at = send_half(&b, "money", PLAIN);
	cr_assert_eq(count(&b, "t", 1), 0, "nobody sees it");
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	m = newest(&b, "t", 1, &rec);
	cr_assert(str_is(m.body, "money"));
	cr_assert_eq(m.sysflag & SYSFLAG_TX_MASK, SYSFLAG_TX_COMMIT);
	cr_assert_eq(m.prepared_off, at.phys_off);
	cr_assert(str_is(props_get(m.properties, "TRAN_MSG"), "true"));
	cr_assert(str_is(props_get(m.properties, "REAL_TOPIC"), "t"));
	store_slice_unref(rec.segment);
	m = newest(&b, TX_OP_TOPIC, 0, &rec);
	cr_assert(str_is(m.body, "0"));
	cr_assert(str_is(props_get(m.properties, "TAGS"), "d"));
	store_slice_unref(rec.segment);
	cr_assert_eq(tx_pending(b.t), 0);
	close_box(&b);
}

Test(tx, an_end_counts_once)
{
	struct store_at at;
	struct box b;

	open_box(&b);
	at = send_half(&b, "a", PLAIN);
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, false), 0);
	cr_assert_eq(count(&b, "t", 1), 1);
	at = send_half(&b, "b", PLAIN);
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, false), 0);
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	cr_assert_eq(count(&b, "t", 1), 1, "rolled back is rolled back");
	pass(&b, 3600000);
	cr_assert_eq(b.asked, 0);
	close_box(&b);
}

static const struct {
	const char *why, *group;
	int64_t half, phys; /* added to the right ones */
} wrong[] = {
	{ "another group", "q", 0, 0 },
	{ "another queue offset", "p", 1, 0 },
	{ "not where a record begins", "p", 0, 1 },
	{ "behind the end", "p", 0, 1 << 20 },
};

Test(tx, refuses_an_end_that_does_not_fit)
{
	struct store_at at, other;
	struct err e = ERR_INIT;
	int64_t end_off;
	struct box b;

	open_box(&b);
	at = send_half(&b, "a", PLAIN);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct tx_ending x = { str_of(wrong[i].group), at.queue_off + wrong[i].half,
			at.phys_off + wrong[i].phys, true };

		cr_expect_eq(tx_end(b.t, &x, &end_off, &e), TQ_EFAIL, "%s", wrong[i].why);
	}
	other = kit_send(b.store, "t", 0, "plain", "PGROUP\001p");
	cr_expect_eq(end(&b, other.queue_off, other.phys_off, true), TQ_EFAIL);
	b.unwanted = true;
	cr_expect_eq(end(&b, at.queue_off, at.phys_off, true), TQ_ENOTOPIC);
	cr_expect_eq(tx_pending(b.t), 1, "still open");
	cr_expect_eq(count(&b, "t", 1), 0);
	close_box(&b);
}

Test(tx, asks_when_it_is_time_and_takes_the_answer)
{
	struct store_slice rec;
	struct message m;
	struct box b;

	open_box(&b);
	send_half(&b, "a", PLAIN);
	pass(&b, 5999);
	cr_assert_eq(b.asked, 0);
	pass(&b, 1);
	cr_assert_eq(b.asked, 1);
	m = kit_decode((struct str){ b.body, b.body_n });
	cr_assert(str_is(m.topic, "t"));
	cr_assert_eq(m.queue_id, 1);
	cr_assert_eq(m.queue_off, b.half);
	cr_assert_eq(m.phys_off, b.phys);
	cr_assert(str_is(props_get(m.properties, "PGROUP"), "p"));
	m = newest(&b, TX_HALF_TOPIC, 0, &rec);
	cr_assert(str_is(props_get(m.properties, "TRANSACTION_CHECK_TIMES"), "1"));
	store_slice_unref(rec.segment);
	cr_assert_eq(tx_pending(b.t), 1);
	cr_assert_eq(end(&b, b.half, b.phys, true), 0);
	kit_expect(b.store, "t", 1, "a ");
	pass(&b, 60000);
	cr_assert_eq(b.asked, 1);
	close_box(&b);
}

Test(tx, a_producer_that_takes_long_may_end_the_first_copy)
{
	struct store_at at;
	struct box b;

	open_box(&b);
	at = send_half(&b, "a", PLAIN);
	pass(&b, 6000);
	pass(&b, 60000);
	cr_assert_eq(b.asked, 2);
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	kit_expect(b.store, "t", 1, "a ");
	cr_assert_eq(tx_pending(b.t), 0);
	cr_assert_eq(end(&b, b.half, b.phys, true), 0);
	kit_expect(b.store, "t", 1, "a ");
	close_box(&b);
}

Test(tx, immunity_is_the_producers_choice)
{
	struct box b;

	open_box(&b);
	send_half(&b, "slow", PLAIN "\002CHECK_IMMUNITY_TIME_IN_SECONDS\001100");
	send_half(&b, "nonsense", PLAIN "\002CHECK_IMMUNITY_TIME_IN_SECONDS\001soon");
	pass(&b, 6000);
	cr_assert_eq(b.asked, 1);
	pass(&b, 94000);
	cr_assert_eq(b.asked, 3);
	close_box(&b);
}

Test(tx, sets_aside_after_the_last_check_and_begins_anew_when_told)
{
	struct store_slice rec;
	struct err e = ERR_INIT;
	struct message m;
	int64_t end_off;
	struct box b;

	open_box(&b);
	send_half(&b, "a", PLAIN);
	for (int i = 0; i < 10; i++)
		pass(&b, 60000);
	cr_assert_eq(b.asked, 3);
	cr_assert_eq(tx_pending(b.t), 0);
	kit_expect(b.store, TX_ASIDE_TOPIC, 0, "a ");
	cr_assert_eq(count(&b, "t", 1), 0);
	m = newest(&b, TX_ASIDE_TOPIC, 0, &rec);
	cr_assert_eq(tx_resume(b.t, m.phys_off, &end_off, &e), 0, "%s", e.msg);
	cr_assert_eq(store_commit(b.store, &e), 0);
	store_slice_unref(rec.segment);
	pass(&b, 6000);
	cr_assert_eq(b.asked, 4);
	cr_assert_eq(tx_resume(b.t, b.phys, &end_off, &e), TQ_EFAIL, "it is not aside");
	cr_assert_eq(end(&b, b.half, b.phys, true), 0);
	kit_expect(b.store, "t", 1, "a ");
	close_box(&b);
}

Test(tx, its_timer_runs_only_while_something_is_open)
{
	struct store_at at;
	struct box b;

	open_box(&b);
	cr_assert_eq(timers(&b), 0);
	at = send_half(&b, "a", PLAIN);
	cr_assert_eq(timers(&b), 1);
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	reopen(&b, true);
	cr_assert_eq(timers(&b), 0);
	at = send_half(&b, "b", PLAIN);
	reopen(&b, true);
	cr_assert_eq(timers(&b), 1);
	close_box(&b);
}

static int seconds_to_go(
	const struct event_base *base UNUSED, const struct event *ev, void *arg)
{
	struct timeval at, now;

	gettimeofday(&now, NULL);
	if (event_pending(ev, EV_TIMEOUT, &at))
		*(int64_t *)arg = at.tv_sec - now.tv_sec;
	return 0;
}

/* A shorter pace does not begin behind the wait that was under way. */
Test(tx, new_limits_hold_for_the_wait_under_way)
{
	static const struct tx_limits quick = { 6000, 10, 72 * 3600000, 3 };
	int64_t wait = 0;
	struct box b;

	open_box(&b);
	send_half(&b, "one", PLAIN);
	pass(&b, 1000); /* too young: looked at again in a minute */
	event_base_foreach_event(b.base, seconds_to_go, &wait);
	cr_assert_gt(wait, 30);
	tx_set_limits(b.t, &quick);
	event_base_foreach_event(b.base, seconds_to_go, &wait);
	cr_assert_leq(wait, 1);
	close_box(&b);
}

Test(tx, a_restart_knows_what_is_ended_and_what_is_open)
{
	for (int flushed = 0; flushed < 2; flushed++) {
		struct store_at at[4];
		struct box b;

		open_box(&b);
		for (int i = 0; i < 4; i++)
			at[i] = send_half(&b, "x", PLAIN);
		cr_assert_eq(end(&b, at[0].queue_off, at[0].phys_off, true), 0);
		cr_assert_eq(end(&b, at[3].queue_off, at[3].phys_off, false), 0);
		cr_assert_eq(end(&b, at[1].queue_off, at[1].phys_off, true), 0);
		reopen(&b, flushed);
		cr_assert_eq(tx_pending(b.t), 1);
		cr_assert_eq(timers(&b), 1);
		cr_assert_eq(offsets_get(b.offsets, STR(TX_GROUP), STR(TX_HALF_TOPIC), 0),
			flushed ? 2 : -1);
		pass(&b, 6000);
		cr_assert_eq(b.asked, 1);
		cr_assert_eq(end(&b, b.half, b.phys, true), 0);
		cr_assert_eq(end(&b, at[0].queue_off, at[0].phys_off, true), 0);
		cr_assert_eq(count(&b, "t", 1), 3, "each once");
		reopen(&b, true);
		cr_assert_eq(tx_pending(b.t), 0);
		cr_assert_eq(offsets_get(b.offsets, STR(TX_GROUP), STR(TX_HALF_TOPIC), 0), 5);
		cr_assert_eq(offsets_get(b.offsets, STR(TX_GROUP), STR(TX_OP_TOPIC), 0), 5);
		close_box(&b);
	}
}

Test(tx, a_delay_begins_with_the_commit)
{
	struct store_at at;
	struct box b;

	open_box(&b);
	at = send_half(&b, "a", PLAIN "\002DELAY\0013");
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	cr_assert_eq(count(&b, SCHEDULE_TOPIC, 2), 1);
	at = send_half(&b, "b", PLAIN "\002__STARTDELIVERTIME\0011700000060000");
	cr_assert_eq(end(&b, at.queue_off, at.phys_off, true), 0);
	cr_assert_eq(count(&b, TIMED_TOPIC, 0), 1);
	cr_assert_eq(count(&b, "t", 1), 0);
	close_box(&b);
}

Test(txmap, goes_over_what_is_ended)
{
	struct txmap *m = txmap_new(1000);

	cr_assert(txmap_is_ended(m, 999));
	cr_assert_not(txmap_is_ended(m, 1000));
	cr_assert_not(txmap_end(m, 5), "before the first");
	for (int64_t i = 1001; i < 100000; i++)
		cr_assert(txmap_end(m, i));
	cr_assert_not(txmap_end(m, 50000), "again");
	cr_assert_eq(txmap_first(m), 1000);
	cr_assert_eq(txmap_next(m, 1001), 100000);
	cr_assert(txmap_end(m, 1000));
	cr_assert_eq(txmap_first(m), 100000);
	cr_assert(txmap_end(m, 100001));
	cr_assert_eq(txmap_next(m, 100001), 100002);
	cr_assert_not(txmap_end(m, INT64_MAX / 2), "too far");
	txmap_free(m);
}
