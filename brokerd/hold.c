/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers wait in one queue for all connections, in the order of the log: a number, the
 * watermark, releases its front.
 *
 *	acks   [ conn, end, len | conn, end, len | ... ]	ring by drop from the front
 *	bytes  [ frame          | frame          | ... ]
 *
 * With flush async the watermark passes all of them at the end of the turn that made them, and
 * both start again empty.
 *
 * Pulls wait in a list per topic and queue. Who is woken moves to the woken list and runs after
 * the commit that made the message readable: never inside it.
 */
#include "brokerd/hold.h"

#include <utlist.h>

#include "brokerd/broker.h"
#include "brokerd/conn_impl.h"
#include "brokerd/server.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "brokerd/throttle.h"
#include "clock.h"
#include "map.h"

#define PULLS_MAX 200000 /* beyond, a pull is answered instead of held */
#define ACK_BYTES_MAX (1u << 30)
#define ACK_LIMITS \
	16 /* times output-limit: answers that may wait for the disk, of all clients */
#define KEY_MAX (255 + sizeof(int))
#define COMPACT_MIN 65536

struct hold_queue {
	struct hold_entry *entries;
	UT_hash_handle hh;
	unsigned key_n;
	char key[KEY_MAX]; /* queue id, topic */
};

struct hold_entry {
	struct hold *hold; /* borrowed */
	struct hold_queue *queue; /* NULL: woken */
	struct request *rq; /* owned */
	struct timer *timer; /* owned */
	int64_t queue_off;
	bool (*match)(void *arg, int64_t tags_code);
	hold_wake wake;
	void *arg;
	struct hold_entry *next, *prev; /* of its queue, or woken */
	struct hold_entry *conn_next, *conn_prev;
};

struct ack {
	struct conn *conn; /* referenced */
	int64_t end_off;
	int64_t at_ms; /* clock_mono_ms() of the turn that made it */
	uint32_t len;
	int32_t opaque;
	enum header_type type;
};

struct hold {
	struct broker *broker; /* borrowed */
	struct hold_queue *queues;
	struct hold_entry *woken;
	int pulls;
	struct buf acks; /* of struct ack */
	struct buf bytes;
	size_t acks_off, bytes_off; /* what was released already */
	int64_t turn_ms; /* this turn began to wait; 0: nothing came yet */
};

/* --- pulls --- */

static unsigned key_make(char *key, struct str topic, int queue)
{
	memcpy(key, &queue, sizeof(queue));
	memcpy(key + sizeof(queue), topic.p, topic.n);
	return (unsigned)(sizeof(queue) + topic.n);
}

static struct hold_queue *queue_find(struct hold *h, struct str topic, int queue)
{
	struct hold_queue *q = NULL;
	char key[KEY_MAX];

	if (topic.n <= KEY_MAX - sizeof(queue))
		HASH_FIND(hh, h->queues, key, key_make(key, topic, queue), q);
	return q;
}

static struct hold_queue *queue_get(struct hold *h, struct str topic, int queue)
{
	struct hold_queue *q = queue_find(h, topic, queue);

	if (q)
		return q;
	BUG_ON(topic.n > KEY_MAX - sizeof(queue));
	q = mem_alloc(sizeof(*q));
	q->key_n = key_make(q->key, topic, queue);
	HASH_ADD(hh, h->queues, key, q->key_n, q);
	return q;
}

/* Out of its queue, which goes with its last entry. */
static void entry_leave(struct hold_entry *w)
{
	struct hold *h = w->hold;

	if (!w->queue) {
		DL_DELETE(h->woken, w);
		return;
	}
	DL_DELETE(w->queue->entries, w);
	if (!w->queue->entries) {
		HASH_DEL(h->queues, w->queue);
		mem_free(w->queue);
	}
	w->queue = NULL;
}

static void entry_wake(struct hold_entry *w)
{
	entry_leave(w);
	timer_set(w->timer, -1);
	DL_APPEND(w->hold->woken, w);
}

/* Takes the entry apart; the request is the caller's. */
static struct request *entry_take(struct hold_entry *w)
{
	struct request *rq = w->rq;

	entry_leave(w);
	DL_DELETE2(rq->conn->held, w, conn_prev, conn_next);
	timer_free(w->timer);
	w->hold->pulls--;
	mem_free(w);
	return rq;
}

static void deadline(void *arg)
{
	entry_wake(arg);
}

void hold_add(struct hold *h, struct request *rq, const struct hold_wait *w)
{
	struct hold_entry *n = mem_alloc(sizeof(*n));

	n->hold = h;
	n->rq = rq;
	n->queue_off = w->queue_off;
	n->match = w->match;
	n->wake = w->wake;
	n->arg = w->arg;
	n->queue = queue_get(h, w->topic, w->queue);
	DL_APPEND(n->queue->entries, n);
	DL_APPEND2(rq->conn->held, n, conn_prev, conn_next);
	n->timer = timer_new(h->broker->server, deadline, n);
	if (++h->pulls > PULLS_MAX)
		entry_wake(n);
	else
		timer_set(n->timer, w->ms);
}

void hold_arrival(void *arg, struct str topic, int queue, int64_t queue_off, int64_t tags_code)
{
	struct hold *h = arg;
	struct hold_entry *w, *tmp;
	struct hold_queue *q;

	if (!h->queues)
		return;
	q = queue_find(h, topic, queue);
	if (!q)
		return;
	DL_FOREACH_SAFE (q->entries, w, tmp) {
		if (queue_off >= w->queue_off && (!w->match || w->match(w->arg, tags_code)))
			entry_wake(w); /* q goes with its last entry */
	}
}

void hold_wake_topic(struct hold *h, struct str topic)
{
	struct hold_queue *q, *next;
	struct hold_entry *w, *tmp;

	map_foreach (h->queues, q, next) {
		struct str of = { q->key + sizeof(int), q->key_n - sizeof(int) };
		struct hold_entry *entries = str_eq(of, topic) ? q->entries : NULL;

		DL_FOREACH_SAFE (entries, w, tmp)
			entry_wake(w);
	}
}

void hold_run_woken(struct hold *h)
{
	while (h->woken) {
		hold_wake wake = h->woken->wake;
		void *arg = h->woken->arg;

		wake(entry_take(h->woken), arg);
	}
}

static void drop_entry(struct hold_entry *w)
{
	request_finish(entry_take(w), 0);
}

static void conn_gone(void *arg UNUSED, struct conn *c)
{
	while (c->held)
		drop_entry(c->held);
}

void hold_drop_pulls(struct hold *h)
{
	struct hold_queue *q, *next;

	map_foreach (h->queues, q, next) {
		struct hold_entry *w, *tmp;

		DL_FOREACH_SAFE (q->entries, w, tmp)
			entry_wake(w);
	}
	hold_run_woken(h);
}

int hold_count(const struct hold *h)
{
	return h->pulls;
}

/* --- answers --- */

int hold_check_room(const struct hold *h, struct err *e)
{
	size_t limit = (size_t)h->broker->cfg->output_limit * ACK_LIMITS;
	int n = hold_acks(h);

	if (LIKELY(n < HOLD_ACKS_MAX &&
		    h->bytes.n - h->bytes_off <= MIN(limit, ACK_BYTES_MAX / 2)))
		return 0;
	return err_set(e, TQ_EBUSY, "[OVERLOAD]system busy, %d sends wait for the disk", n);
}

void hold_ack(struct hold *h, const struct request *rq, struct str frame)
{
	struct ack a = { conn_ref(rq->conn), rq->after, 0, (uint32_t)frame.n, rq->opaque,
		rq->type };

	if (!h->turn_ms)
		h->turn_ms = clock_mono_ms();
	a.at_ms = h->turn_ms;

	buf_add(&h->acks, &a, sizeof(a));
	buf_add_str(&h->bytes, frame);
	BUG_ON(buf_err(&h->acks) || buf_err(&h->bytes));
}

struct late_answer {
	struct hold *hold;
	struct ack ack;
	char frame[];
};

static void late_answer_due(void *arg)
{
	struct late_answer *l = arg;

	l->ack.at_ms = clock_mono_ms();
	if (l->ack.end_off) {
		buf_add(&l->hold->acks, &l->ack, sizeof(l->ack));
		buf_add(&l->hold->bytes, l->frame, l->ack.len);
		BUG_ON(buf_err(&l->hold->acks) || buf_err(&l->hold->bytes));
	} else {
		conn_write(l->ack.conn, l->frame, l->ack.len);
		conn_unref(l->ack.conn);
	}
	mem_free(l);
}

bool hold_late(struct hold *h, const struct request *rq, struct str frame)
{
	struct late_answer *l = mem_alloc(sizeof(*l) + frame.n);

	l->hold = h;
	l->ack =
		(struct ack){ rq->conn, rq->after, 0, (uint32_t)frame.n, rq->opaque, rq->type };
	memcpy(l->frame, frame.p, frame.n);
	if (throttle_later(h->broker->throttle, rq->late_ms, late_answer_due, l)) {
		conn_ref(rq->conn);
		return true;
	}
	mem_free(l);
	return false;
}

static bool ack_first(const struct hold *h, struct ack *a)
{
	if (h->acks_off == h->acks.n)
		return false;
	memcpy(a, h->acks.p + h->acks_off, sizeof(*a));
	return true;
}

static void ack_pop(struct hold *h, const struct ack *a)
{
	h->acks_off += sizeof(*a);
	h->bytes_off += a->len;
	conn_unref(a->conn);
}

/* The released front goes when it is most of it; all of the memory when there was much. */
static void compact(struct hold *h)
{
	if (h->acks_off == h->acks.n) {
		buf_clear(&h->acks);
		buf_clear(&h->bytes);
		h->acks_off = h->bytes_off = 0;
		if (h->bytes.cap > COMPACT_MIN * 16)
			buf_release(&h->bytes);
	} else if (h->bytes_off > COMPACT_MIN && h->bytes_off > h->bytes.n / 2) {
		buf_drop(&h->acks, h->acks_off);
		buf_drop(&h->bytes, h->bytes_off);
		h->acks_off = h->bytes_off = 0;
	}
}

void hold_release_acks(struct hold *h)
{
	struct store *s = h->broker->store;
	bool sync = h->broker->cfg->flush == STORE_FLUSH_SYNC;
	int64_t safe, now;
	struct ack a;

	h->turn_ms = 0;
	if (h->acks_off == h->acks.n)
		return;
	safe = sync ? store_durable(s) : store_appended(s);
	now = clock_mono_ms();
	while (ack_first(h, &a) && a.end_off <= safe) {
		conn_write(a.conn, h->bytes.p + h->bytes_off, a.len);
		stats_put_took(h->broker->stats, now - a.at_ms, 1);
		ack_pop(h, &a);
	}
	compact(h);
}

static void write_failure(const struct ack *a, const struct err *why)
{
	struct command c;
	struct buf out;

	command_init(&c, RESP_SERVICE_NOT_AVAILABLE);
	c.type = a->type;
	c.flag = FLAG_RESPONSE;
	c.opaque = a->opaque;
	c.remark = str_of(why->msg);
	buf_init(&out, FRAME_MAX);
	command_encode(&out, &c);
	conn_write(a->conn, out.p, out.n);
	buf_release(&out);
}

/* What is at or below `from` stays, in order; the rest leaves as errors. */
void hold_fail_acks(struct hold *h, int64_t from, const struct err *why)
{
	size_t first = h->acks_off, first_byte = h->bytes_off;
	size_t acks = first, bytes = first_byte;
	struct ack a;

	while (ack_first(h, &a)) {
		if (a.end_off <= from) {
			memmove(h->acks.p + acks, &a, sizeof(a));
			memmove(h->bytes.p + bytes, h->bytes.p + h->bytes_off, a.len);
			acks += sizeof(a);
			bytes += a.len;
			conn_ref(a.conn);
		} else {
			write_failure(&a, why);
		}
		ack_pop(h, &a);
	}
	h->acks.n = acks;
	h->bytes.n = bytes;
	h->acks_off = first;
	h->bytes_off = first_byte;
	compact(h);
}

int64_t hold_acks_ms(const struct hold *h)
{
	struct ack a;

	return ack_first(h, &a) ? clock_mono_ms() - a.at_ms : 0;
}

int hold_acks(const struct hold *h)
{
	return (int)((h->acks.n - h->acks_off) / sizeof(struct ack));
}

/* --- life --- */

struct hold *hold_new(struct broker *b)
{
	struct hold *h = mem_alloc(sizeof(*h));

	h->broker = b;
	buf_init(&h->acks, ACK_BYTES_MAX);
	buf_init(&h->bytes, ACK_BYTES_MAX);
	server_on_close(b->server, conn_gone, h);
	return h;
}

void hold_free(struct hold *h)
{
	if (!h)
		return;
	BUG_ON(h->pulls || hold_acks(h));
	buf_release(&h->acks);
	buf_release(&h->bytes);
	mem_free(h);
}
