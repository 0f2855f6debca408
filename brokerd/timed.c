/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timed: the log has the messages, a table of meta.db has when each is due, and only what is due
 * soon is in memory:
 *
 *	rmq_sys_timer ──follow──▶ timers(due, seq, phys) ──refill──▶ heap ──▶ real topic
 *	      ▲                          │      ▲                              │
 *	      └────────────roll──────────┘      └────────── delete ◀── done ◀──┘
 *
 * seq is the queue offset in rmq_sys_timer that the message was accepted at. All changes of the
 * table happen in rounds: one job for metadb that inserts what was followed, together with the
 * position, deletes what was delivered, and reads what comes next. One round is under way at
 * most, so what collects meanwhile is the next batch.
 *
 * Invariants:
 *	1. Rows up to `edge` are in the heap or in done; rows behind it are in the table only.
 *	2. Followed is only what is durable; deleted is only what has a durable copy.
 *	3. Rolled are only rows behind `edge`, and it does not move past them until the copy is
 *	   in the table. A copy replaces the record of its row and never makes one, so a crash
 *	   between the two costs nothing but the copy.
 *	4. store_keep() gets the lowest record of any row, or that is not followed yet.
 *
 * Many that are due at once: what was delivered leaves `done` only when it is durable, so a batch
 * that waits for that asks the store not to wait for its interval.
 *
 * Memory: the heap, done and one round have fixed limits, whatever waits. The event is added only
 * while something waits, and never further than a minute ahead, so that a clock that was put
 * forward is noticed.
 */
#include "timed.h"

#include <event2/event.h>
#include <utlist.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "parked.h"
#include "props.h"
#include "timedheap.h"
#include "when.h"

#define PROP_TIMER_SEQ "TIMER_SEQ" /* of a copy: seq of its row */
#define SEQ_ROOM 32 /* bytes of that */

#define NEAR_MS 120000 /* what is due within this time goes to the heap */
#define AHEAD_MAX_MS 60000 /* of the event */
#define AGAIN_MS 1000 /* after a store or metadb that refused */
#define BATCH 8192 /* rows that one round inserts, or that are worth one that deletes */
#define MOST 32768 /* rows that one round deletes, reads: what a sync costs is shared by many */
#define TURN_MAX 512 /* deliveries or copies of a turn, so that clients get their turn */
#define TURN_BYTES (4 << 20)
#define DONE_MAX (2 * MOST)
#define PROGRESS_KEY 0 /* in `delays`: the levels are 1 to 18 */

#define NEVER INT64_MAX

struct done {
	struct timed_item it;
	int64_t phys_off, end_off; /* of the copy in the log; 0: dropped */
};

/* On its way to metadb: not delivered meanwhile. */
struct cancel {
	struct timed *t;
	struct timed_item it;
	meta_done done;
	void *arg;
	struct cancel *next;
};

enum roll { ROLL_OFF, ROLL_WANTED, ROLL_SELECTING, ROLL_COPIED };

struct timed {
	struct timed_opts o;
	struct parked_out out;
	struct event *event;
	struct timedheap heap;
	struct timed_item edge; /* its due and seq */
	int64_t beyond; /* when the first row behind the edge is due, or NEVER */
	int64_t lowest; /* phys of any row, or NEVER */
	int64_t pending; /* rows */

	int64_t followed; /* queue offset up to which the table knows all */
	int64_t end; /* of the queue */
	int64_t start_end; /* the same at the start: nothing is delivered before that is known */

	struct done done[DONE_MAX + TURN_MAX]; /* in the order of end_off */
	size_t n_done;
	bool flush; /* the next round deletes also a few */
	struct round *round; /* owned by metadb while it runs */

	enum roll roll;
	int64_t roll_due; /* rows due later may be rolled */
	int64_t roll_end; /* queue offset behind the copies */

	struct cancel *cancels;
	int64_t again_ms;
	bool stopping;
};

struct followed {
	struct timed_item it;
	bool copy; /* its row is there already */
};

struct round {
	struct timed *t;
	struct followed *in; /* owned, as the other arrays */
	struct timed_item *del, *got, *rolled;
	size_t n_in, n_del, n_got, n_rolled;
	int64_t followed;
	bool refill;
	struct timed_item edge; /* in: the old one; out: the new one */
	int64_t horizon; /* refill up to this time */
	int64_t roll_below, roll_due; /* roll_below 0: none */
	int64_t beyond, lowest;
};

/* ---- into the timer topic ---- */

int timed_due(
	struct str value, int64_t now_ms, int64_t max_delay_ms, int64_t *due_ms, struct err *e)
{
	struct buf limit;
	int64_t at;

	*due_ms = 0;
	if (str_to_i64(value, INT64_MIN, INT64_MAX, &at, PROP_START_DELIVER, NULL))
		return err_set(e, TQ_EMSGILLEGAL,
			PROP_START_DELIVER " is not a number of milliseconds: '" STR_FMT "'",
			(int)MIN(value.n, 40), value.p);
	if (at <= now_ms)
		return 0;
	if (at - now_ms <= max_delay_ms) {
		*due_ms = at;
		return 0;
	}
	buf_init(&limit, 64);
	when_span_exact(&limit, max_delay_ms);
	err_set(e, TQ_EMSGILLEGAL,
		PROP_START_DELIVER " is %lld ms ahead, the limit is " STR_FMT,
		(long long)(at - now_ms), STR_ARG(buf_str(&limit)));
	buf_release(&limit);
	return TQ_EMSGILLEGAL;
}

int timed_redirect(struct message *m, struct buf *props, struct err *e)
{
	parked_wrap(m, STR(TIMED_TOPIC), 0, props);
	if (!buf_err(props) && m->properties.n + SEQ_ROOM <= MESSAGE_MAX_PROPERTIES)
		return 0;
	return err_set(e, TQ_EMSGILLEGAL,
		"the properties of a message that waits are at most %d bytes less its topic's "
		"name",
		MESSAGE_MAX_PROPERTIES - 80);
}

int64_t timed_tags_code(const struct message *m)
{
	int64_t at;

	if (str_to_i64(props_get(m->properties, PROP_START_DELIVER), INT64_MIN, INT64_MAX, &at,
		    PROP_START_DELIVER, NULL))
		return 0;
	return at;
}

/* ---- records ---- */

/* Seq of a record of the timer topic: its own offset, or that of what it is a copy of. */
bool timed_seq(const struct message *m, int64_t *seq)
{
	struct str text = props_get(m->properties, PROP_TIMER_SEQ);

	*seq = m->queue_off;
	return !text.n || !str_to_i64(text, 0, INT64_MAX, seq, PROP_TIMER_SEQ, NULL);
}

/* The record of a row; *slice is to be given back. False: it is not there, or not this one. */
static bool row_record(struct timed *t, const struct timed_item *it, struct store_slice *slice,
	struct message *m)
{
	int64_t seq;

	if (!store_get(t->o.store, it->phys, slice, NULL)) {
		if (!parked_decode(slice->bytes, m, NULL) && str_is(m->topic, TIMED_TOPIC) &&
			timed_seq(m, &seq) && seq == it->seq)
			return true;
		store_slice_unref(slice->segment);
	}
	log_every(10, LOG_ERROR_, "timed",
		"message at %lld, due at %lld, is unreadable: dropped", (long long)it->phys,
		(long long)it->due);
	return false;
}

static void add_done(struct timed *t, const struct timed_item *it, const struct store_at *at)
{
	BUG_ON(t->n_done == ARRAY_LEN(t->done));
	t->done[t->n_done++] = (struct done){ *it, at->phys_off, at->end_off };
}

/* ---- out of it ---- */

/* False: not now. */
static bool deliver_one(struct timed *t, const struct timed_item *it, int64_t *bytes)
{
	struct store_at at = { 0 };
	struct store_slice slice;
	enum parked what;
	struct message m;

	if (!row_record(t, it, &slice, &m)) {
		add_done(t, it, &at);
		return true;
	}
	what = parked_deliver(&t->out, &m, &at);
	store_slice_unref(slice.segment);
	if (what == PARKED_AGAIN)
		return false;
	*bytes += at.size;
	add_done(t, it, &at);
	return true;
}

static bool is_cancelled(const struct timed *t, const struct timed_item *it)
{
	const struct cancel *c;

	LL_FOREACH (t->cancels, c)
		if (!timed_item_cmp(&c->it, it))
			return true;
	return false;
}

static void deliver(struct timed *t, int64_t now_ms)
{
	int64_t bytes = 0;

	for (int n = 0; n < TURN_MAX && bytes < TURN_BYTES; n++) {
		if (!t->heap.n || t->heap.v[0].due > now_ms || t->n_done >= DONE_MAX)
			return;
		if (!is_cancelled(t, &t->heap.v[0]) && !deliver_one(t, &t->heap.v[0], &bytes)) {
			t->again_ms = now_ms + AGAIN_MS;
			return;
		}
		timedheap_pop(&t->heap);
	}
}

/* ---- rolling: what the store wants to let go of, once more at the end of the log ---- */

/* False: not now. */
static bool copy_one(struct timed *t, const struct timed_item *it, struct store_at *at)
{
	struct store_slice slice;
	struct err e = ERR_INIT;
	struct message m;
	struct store_put put = { .m = &m, .tags_code = it->due, .keep_store_host = true };
	struct buf props;
	char seq[24];
	int rc;

	if (!row_record(t, it, &slice, &m)) {
		add_done(t, it, &(struct store_at){ 0 });
		return true;
	}
	snprintf(seq, sizeof(seq), "%lld", (long long)it->seq);
	buf_init(&props, MESSAGE_MAX_PROPERTIES);
	props_set(&props, m.properties, PROP_TIMER_SEQ, str_of(seq));
	BUG_ON(buf_err(&props)); /* timed_redirect() kept room */
	m.properties = buf_str(&props);
	rc = store_append(t->o.store, &put, at, &e);
	if (rc)
		log_every(10, LOG_WARN_, "timed", "cannot keep what waits: %s", e.msg);
	buf_release(&props);
	store_slice_unref(slice.segment);
	return !rc;
}

static void copy_rolled(struct timed *t, const struct round *r)
{
	struct store_at at = { 0 };
	int64_t bytes = 0;

	t->roll = ROLL_OFF; /* until the next tick */
	for (size_t i = 0; i < r->n_rolled && bytes < TURN_BYTES; i++) {
		at.size = 0;
		if (t->stopping || !copy_one(t, &r->rolled[i], &at))
			return;
		if (!at.size)
			continue;
		bytes += at.size;
		t->roll = ROLL_COPIED;
		t->roll_end = at.queue_off + 1;
	}
}

/* The copies are in the table: go on if there is more. */
static void roll_step(struct timed *t)
{
	if (t->roll == ROLL_COPIED && t->followed >= t->roll_end)
		t->roll = store_held_back(t->o.store) > t->lowest ? ROLL_WANTED : ROLL_OFF;
}

/* ---- a round, on the meta thread ---- */

struct rows {
	struct timed_item *v;
	size_t n;
};

static int take_row(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct rows *r = arg;

	r->v[r->n].due = meta_col_int(m, 0);
	r->v[r->n].seq = meta_col_int(m, 1);
	r->v[r->n++].phys = meta_col_int(m, 2);
	return 0;
}

static int take_int(void *arg, struct meta *m, struct err *e UNUSED)
{
	*(int64_t *)arg = meta_col_int(m, 0);
	return 0;
}

/*
 * Rows that follow each other, of one time and with no number left out, go by one statement. The
 * numbers between are all deleted, so no other row can be hit.
 */
static int delete_rows(struct meta *m, const struct timed_item *v, size_t n, struct err *e)
{
	int rc = 0;

	for (size_t i = 0, first; !rc && i < n; i++) {
		for (first = i; i + 1 < n && v[i + 1].due == v[first].due &&
				v[i + 1].seq == v[i].seq + 1;)
			i++;
		rc = meta_exec(
			m, STMT_TIMERS_DELETE, e, "iii", v[first].due, v[first].seq, v[i].seq);
	}
	return rc;
}

static int write_rows(struct meta *m, const struct round *r, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < r->n_in; i++) {
		const struct timed_item *it = &r->in[i].it;

		rc = meta_exec(m, r->in[i].copy ? STMT_TIMER_MOVE : STMT_TIMER_ADD, e, "iii",
			it->due, it->seq, it->phys);
	}
	if (!rc && r->followed >= 0)
		rc = meta_exec(m, STMT_DELAY_PUT, e, "di", PROGRESS_KEY, r->followed);
	return rc ? rc : delete_rows(m, r->del, r->n_del, e);
}

static int refill(struct meta *m, struct round *r, struct err *e)
{
	struct rows rows = { r->got, 0 };
	int rc = meta_each(m, STMT_TIMERS_DUE, take_row, &rows, e, "iiid", r->edge.due,
		r->edge.seq, r->horizon, MOST);

	r->n_got = rows.n;
	if (rows.n == MOST)
		r->edge = rows.v[rows.n - 1];
	else if (r->horizon > r->edge.due)
		r->edge = (struct timed_item){ .due = r->horizon, .seq = INT64_MAX };
	return rc;
}

static int read_rows(struct meta *m, struct round *r, struct err *e)
{
	struct rows rows = { r->rolled, 0 };
	int rc = 0;

	r->beyond = r->lowest = NEVER;
	if (r->refill)
		rc = refill(m, r, e);
	if (!rc && r->roll_below)
		rc = meta_each(m, STMT_TIMERS_BELOW, take_row, &rows, e, "iid", r->roll_below,
			r->roll_due, TURN_MAX);
	r->n_rolled = rows.n;
	(void)(rc ||
		(rc = meta_each(m, STMT_TIMER_NEXT, take_int, &r->beyond, e, "ii", r->edge.due,
			 r->edge.seq)) ||
		(rc = meta_each(m, STMT_TIMER_LOWEST, take_int, &r->lowest, e, "")));
	return rc;
}

static int run_round(struct meta *m, void *arg, struct err *e)
{
	struct round *r = arg;
	int rc = write_rows(m, r, e);

	return rc ? rc : read_rows(m, r, e);
}

/* ---- a round, on the loop ---- */

static void round_free(struct round *r)
{
	mem_free(r->in);
	mem_free(r->del);
	mem_free(r->got);
	mem_free(r->rolled);
	mem_free(r);
}

/* Everything from `dropped` on is in the table only, again. */
static void put_into_heap(struct timed *t, const struct timed_item *it)
{
	struct timed_item dropped;

	if (timed_item_cmp(it, &t->edge) > 0 || !timedheap_push(&t->heap, it, &dropped))
		return;
	t->edge = dropped;
	t->edge.seq--;
	t->beyond = dropped.due;
}

static void take_round(struct timed *t, struct round *r)
{
	struct timed_item old = t->edge;

	t->edge = r->edge;
	t->beyond = r->beyond;
	t->lowest = r->lowest;
	if (r->followed >= 0)
		t->followed = r->followed;
	for (size_t i = 0; i < r->n_in; i++) {
		t->pending += !r->in[i].copy;
		if (!r->in[i].copy && timed_item_cmp(&r->in[i].it, &old) <= 0)
			put_into_heap(t, &r->in[i].it);
	}
	for (size_t i = 0; i < r->n_got; i++) {
		put_into_heap(t, &r->got[i]);
		store_will_need(t->o.store, r->got[i].phys); /* written long ago, as a rule */
	}
	t->n_done -= r->n_del;
	t->pending -= (int64_t)r->n_del;
	memmove(t->done, t->done + r->n_del, t->n_done * sizeof(*t->done));
	if (r->roll_below)
		copy_rolled(t, r);
	roll_step(t);
}

static void round_done(void *arg, int rc, const struct err *e)
{
	struct round *r = arg;
	struct timed *t = r->t;

	t->round = NULL;
	if (!rc) {
		take_round(t, r);
	} else {
		log_every(10, LOG_ERROR_, "timed", "progress not stored: %s", e->msg);
		t->again_ms = clock_wall_ms() + AGAIN_MS;
		if (t->roll == ROLL_SELECTING)
			t->roll = ROLL_OFF;
	}
	round_free(r);
	if (!rc || !t->stopping)
		timed_run(t);
}

static void follow_one(struct timed *t, struct round *r, int64_t off, int64_t phys, int64_t due)
{
	struct followed *f = &r->in[r->n_in];
	struct store_slice slice;
	struct message m;
	struct rd rd;

	f->it = (struct timed_item){ due, off, phys };
	if (store_get(t->o.store, phys, &slice, NULL)) {
		log_every(10, LOG_ERROR_, "timed", "message at %lld is unreadable: dropped",
			(long long)phys);
		return;
	}
	rd = rd_init(slice.bytes);
	if (!message_decode(&rd, &m, NULL) && timed_seq(&m, &f->it.seq)) {
		f->copy = f->it.seq != off;
		r->n_in++;
	}
	store_slice_unref(slice.segment);
}

static void follow(struct timed *t, struct round *r)
{
	int64_t off = t->followed, durable = store_durable(t->o.store), phys, due;
	size_t most = (size_t)MIN(BATCH, MAX(0, t->end - off));
	uint32_t size;

	r->followed = -1;
	if (!most)
		return;
	r->in = mem_array(most, sizeof(*r->in));
	for (; r->n_in < most && off < t->end; off++) {
		if (!store_unit(t->o.store, STR(TIMED_TOPIC), 0, off, &phys, &size, &due)) {
			log_every(10, LOG_ERROR_, "timed", "nothing at offset %lld: skipped",
				(long long)off);
			continue;
		}
		if (phys + size > durable)
			break;
		follow_one(t, r, off, phys, due);
	}
	if (off > t->followed)
		r->followed = off;
}

static void take_deletes(struct timed *t, struct round *r)
{
	int64_t durable = store_durable(t->o.store);
	size_t n = 0;

	while (n < MIN(t->n_done, MOST) && t->done[n].end_off <= durable)
		n++;
	if (n < BATCH && t->n_done >= BATCH)
		store_sync_soon(t->o.store);
	if (!n || (!t->flush && !t->stopping && n < BATCH))
		return;
	r->del = mem_array(n, sizeof(*r->del));
	for (r->n_del = 0; r->n_del < n; r->n_del++)
		r->del[r->n_del] = t->done[r->n_del].it;
	t->flush = t->n_done > n;
}

/* When the heap should get more; NEVER: not before something else has happened. */
static int64_t refill_at(const struct timed *t)
{
	if (t->followed < t->start_end || t->heap.n >= MOST || t->beyond == NEVER ||
		(t->roll >= ROLL_SELECTING && t->beyond > t->roll_due))
		return NEVER;
	return t->beyond - NEAR_MS / 2;
}

static void take_refill(struct timed *t, struct round *r, int64_t now_ms)
{
	if (refill_at(t) > now_ms)
		return;
	r->refill = true;
	r->horizon = now_ms + NEAR_MS;
	if (t->roll >= ROLL_SELECTING)
		r->horizon = MIN(r->horizon, t->roll_due);
	r->got = mem_array(MOST, sizeof(*r->got));
}

static void take_roll(struct timed *t, struct round *r, int64_t now_ms)
{
	if (t->roll != ROLL_WANTED || t->n_done >= DONE_MAX || t->followed < t->start_end)
		return;
	t->roll = ROLL_SELECTING;
	t->roll_due = r->roll_due = MAX(now_ms + 2 * NEAR_MS, t->edge.due);
	r->roll_below = store_held_back(t->o.store);
	r->rolled = mem_array(TURN_MAX, sizeof(*r->rolled));
}

static void start_round(struct timed *t, int64_t now_ms)
{
	struct round *r;

	if (t->round || now_ms < t->again_ms)
		return;
	r = mem_alloc(sizeof(*r));
	r->t = t;
	r->followed = -1;
	take_deletes(t, r);
	r->edge = t->edge;
	if (!t->stopping) {
		follow(t, r);
		take_roll(t, r, now_ms);
		take_refill(t, r, now_ms);
	}
	if (!r->n_del && r->followed < 0 && !r->refill && !r->roll_below) {
		round_free(r);
		return;
	}
	t->round = r;
	metadb_submit(t->o.db, run_round, round_done, r);
}

/* ---- cancelling ---- */

static int delete_row(struct meta *m, void *arg, struct err *e)
{
	const struct cancel *c = arg;
	int rc = meta_exec(m, STMT_TIMER_DELETE, e, "ii", c->it.due, c->it.seq);

	if (!rc && !meta_changes(m))
		rc = err_set(e, TQ_ENOTFOUND, "the message was delivered or cancelled already");
	return rc;
}

/* What read the row before it went has been taken in by now: jobs end in their order. */
static void row_deleted(void *arg, int rc, const struct err *e)
{
	struct cancel *c = arg;
	struct timed *t = c->t;

	LL_DELETE(t->cancels, c);
	if (!rc) {
		timedheap_remove(&t->heap, &c->it);
		t->pending--;
	} else if (rc != TQ_ENOTFOUND) {
		timedheap_remove(&t->heap, &c->it);
		put_into_heap(t, &c->it); /* its time may have come meanwhile */
	}
	c->done(c->arg, rc, e);
	mem_free(c);
	if (!t->stopping)
		timed_run(t);
}

int64_t timed_followed(const struct timed *t)
{
	return t->followed;
}

bool timed_is_done(const struct timed *t, int64_t due, int64_t seq)
{
	for (size_t i = 0; i < t->n_done; i++)
		if (t->done[i].it.due == due && t->done[i].it.seq == seq)
			return true;
	return false;
}

int timed_cancel(
	struct timed *t, const struct message *m, meta_done done, void *arg, struct err *e)
{
	struct timed_item it = { timed_tags_code(m), 0, m->phys_off };
	struct cancel *c;

	if (!timed_seq(m, &it.seq) || timed_is_done(t, it.due, it.seq) || is_cancelled(t, &it))
		return err_set(
			e, TQ_ENOTFOUND, "the message was delivered or cancelled already");
	if (it.seq >= t->followed)
		return err_set(e, TQ_EBUSY, "the message was accepted just now, try again");
	c = mem_alloc(sizeof(*c));
	*c = (struct cancel){ t, it, done, arg, NULL };
	LL_PREPEND(t->cancels, c);
	metadb_submit(t->o.db, delete_row, row_deleted, c);
	return 0;
}

/* ---- when ---- */

static void arm(struct timed *t, int64_t now_ms)
{
	int64_t first = NEVER, wait;
	struct timeval tv;

	if (t->heap.n && t->n_done < DONE_MAX)
		first = t->heap.v[0].due;
	if (!t->round)
		first = MIN(first, refill_at(t));
	if (now_ms < t->again_ms && (first != NEVER || t->followed < t->end))
		first = MAX(first == NEVER ? 0 : first, t->again_ms);
	if (first == NEVER) {
		evtimer_del(t->event);
		return;
	}
	wait = MAX(0, MIN(first - now_ms, AHEAD_MAX_MS));
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	evtimer_add(t->event, &tv);
}

void timed_run(struct timed *t)
{
	int64_t now_ms = clock_wall_ms();

	if (!t->stopping && now_ms >= t->again_ms)
		deliver(t, now_ms);
	start_round(t, now_ms);
	if (!t->stopping)
		arm(t, now_ms);
}

static void fire(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct timed *t = arg;

	timed_run(t);
}

void timed_arrival(struct timed *t, int64_t queue_off)
{
	t->end = queue_off + 1;
}

/* Lowest record somebody waits for. */
static int64_t needed(struct timed *t)
{
	int64_t phys, due;
	uint32_t size;

	if (t->followed < t->end &&
		store_unit(t->o.store, STR(TIMED_TOPIC), 0, t->followed, &phys, &size, &due))
		return MIN(phys, t->lowest);
	return t->lowest;
}

void timed_tick(struct timed *t)
{
	t->flush = t->n_done;
	if (t->roll == ROLL_OFF && store_held_back(t->o.store) > t->lowest)
		t->roll = ROLL_WANTED;
	timed_run(t);
	store_keep(t->o.store, STORE_KEEP_TIMED, needed(t));
}

void timed_stop(struct timed *t)
{
	t->stopping = true;
	t->again_ms = 0;
	evtimer_del(t->event);
}

int64_t timed_noted(const struct timed *t)
{
	for (size_t i = 0; i < t->n_done; i++)
		if (t->done[i].end_off)
			return t->done[i].phys_off;
	return INT64_MAX;
}

int64_t timed_pending(const struct timed *t)
{
	return t->pending;
}

/* ---- life ---- */

static int take_progress(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct timed *t = arg;

	if (meta_col_int(m, 0) == PROGRESS_KEY)
		t->followed = meta_col_int(m, 1);
	return 0;
}

static int load(struct meta *m, void *arg, struct err *e)
{
	struct timed *t = arg;
	int rc;

	(void)((rc = meta_each(m, STMT_DELAYS, take_progress, t, e, "")) ||
		(rc = meta_each(m, STMT_TIMER_NEXT, take_int, &t->beyond, e, "ii", t->edge.due,
			 t->edge.seq)) ||
		(rc = meta_each(m, STMT_TIMER_LOWEST, take_int, &t->lowest, e, "")) ||
		(rc = meta_each(m, STMT_TIMER_COUNT, take_int, &t->pending, e, "")));
	return rc;
}

/* The queue may have lost its end with the page cache, or its beginning by hand. */
static void find_place(struct timed *t)
{
	int64_t min, place;

	store_queue_bounds(t->o.store, STR(TIMED_TOPIC), 0, &min, &t->end);
	place = MAX(min, MIN(t->followed, t->end));
	if (place != t->followed)
		log_warn("timed", "stands at %lld, outside %lld to %lld: corrected",
			(long long)t->followed, (long long)min, (long long)t->end);
	t->followed = place;
	t->start_end = t->end;
}

int timed_open(const struct timed_opts *o, struct timed **out, struct err *e)
{
	struct timed *t = mem_alloc(sizeof(*t));
	int rc;

	t->o = *o;
	t->out = (struct parked_out){ o->store, "timed", o->wanted, o->delivered, o->arg };
	t->edge.due = t->edge.seq = INT64_MIN;
	t->beyond = t->lowest = NEVER;
	rc = metadb_run(o->db, load, t, e);
	if (rc) {
		mem_free(t);
		return err_wrap(e, "loading what is to be delivered at a time");
	}
	find_place(t);
	t->event = evtimer_new(o->base, fire, t);
	BUG_ON(!t->event);
	*out = t;
	return 0;
}

void timed_start(struct timed *t)
{
	store_keep(t->o.store, STORE_KEEP_TIMED, needed(t));
	timed_run(t);
}

void timed_free(struct timed *t)
{
	if (!t)
		return;
	event_free(t->event);
	timedheap_release(&t->heap);
	mem_free(t);
}
