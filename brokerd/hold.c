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
 * A pull that waits is one allocation of some 150 bytes: what its answer needs of the request,
 * what its filter needs of the pull, and its places in three structures: a list per topic and
 * queue, a list per connection, and a heap of deadlines with one timer.
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
	struct hold *hold; /* borrowed */
	struct hold_entry *entries;
	int refs; /* entries, woken ones too */
	UT_hash_handle hh;
	unsigned key_n;
	char key[KEY_MAX]; /* queue id, topic */
};

struct hold_entry {
	struct hold_queue *queue;
	struct request_left rq;
	int64_t queue_off, until_ms; /* monotonic */
	bool (*match)(const void *arg, int64_t tags_code);
	void (*wake)(struct request *rq, const struct held *h);
	struct hold_entry *next, *prev; /* of its queue, or woken */
	struct hold_entry *conn_next, *conn_prev;
	uint32_t at; /* in the heap; NOWHERE: woken */
	_Alignas(8) char arg[];
};

#define NOWHERE UINT32_MAX

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
	struct hold_entry **heap; /* owned; by deadline, the first one at 0 */
	uint32_t n_heap, heap_cap;
	struct timer *timer; /* owned; set for the first deadline */
	int64_t timer_ms; /* for when it is set; 0: it is not */
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
	q->hold = h;
	q->key_n = key_make(q->key, topic, queue);
	HASH_ADD(hh, h->queues, key, q->key_n, q);
	return q;
}

/* ---- deadlines ---- */

static void heap_put(struct hold *h, uint32_t i, struct hold_entry *w)
{
	h->heap[i] = w;
	w->at = i;
}

static void heap_up(struct hold *h, uint32_t i, struct hold_entry *w)
{
	for (; i && w->until_ms < h->heap[(i - 1) / 2]->until_ms; i = (i - 1) / 2)
		heap_put(h, i, h->heap[(i - 1) / 2]);
	heap_put(h, i, w);
}

static void heap_down(struct hold *h, uint32_t i, struct hold_entry *w)
{
	uint32_t child;

	while ((child = 2 * i + 1) < h->n_heap) {
		if (child + 1 < h->n_heap &&
			h->heap[child + 1]->until_ms < h->heap[child]->until_ms)
			child++;
		if (w->until_ms <= h->heap[child]->until_ms)
			break;
		heap_put(h, i, h->heap[child]);
		i = child;
	}
	heap_put(h, i, w);
}

static void heap_add(struct hold *h, struct hold_entry *w)
{
	if (h->n_heap == h->heap_cap) {
		h->heap_cap = h->heap_cap ? 2 * h->heap_cap : 64;
		h->heap = mem_grow(h->heap, h->heap_cap * sizeof(struct hold_entry *));
	}
	heap_up(h, h->n_heap++, w);
}

static void heap_remove(struct hold *h, struct hold_entry *w)
{
	uint32_t i = w->at;
	struct hold_entry *last = h->heap[--h->n_heap];

	w->at = NOWHERE;
	if (last == w)
		return;
	if (i && last->until_ms < h->heap[(i - 1) / 2]->until_ms)
		heap_up(h, i, last);
	else
		heap_down(h, i, last);
}

/* Never later than the first deadline; a little early costs one look. */
static void arm(struct hold *h)
{
	int64_t first = h->n_heap ? h->heap[0]->until_ms : 0;

	if (!first || (h->timer_ms && h->timer_ms <= first))
		return;
	h->timer_ms = first;
	timer_set(h->timer, MAX(0, first - clock_mono_ms()));
}

/* ---- entries ---- */

static void entry_wake(struct hold_entry *w)
{
	struct hold *h = w->queue->hold;

	heap_remove(h, w);
	DL_DELETE(w->queue->entries, w);
	DL_APPEND(h->woken, w);
}

/* Takes the entry out of everything; its queue goes with the last one. */
static void entry_free(struct hold_entry *w)
{
	struct hold_queue *q = w->queue;
	struct hold *h = q->hold;

	if (w->at == NOWHERE) {
		DL_DELETE(h->woken, w);
	} else {
		heap_remove(h, w);
		DL_DELETE(q->entries, w);
	}
	DL_DELETE2(w->rq.conn->held, w, conn_prev, conn_next);
	h->pulls--;
	if (!--q->refs) {
		HASH_DEL(h->queues, q);
		mem_free(q);
	}
	mem_free(w);
}

static void deadline(void *arg)
{
	struct hold *h = arg;
	int64_t now = clock_mono_ms();

	h->timer_ms = 0;
	while (h->n_heap && h->heap[0]->until_ms <= now)
		entry_wake(h->heap[0]);
	arm(h);
}

void hold_add(struct hold *h, struct request *rq, const struct hold_wait *w)
{
	struct hold_entry *n = mem_alloc(sizeof(*n) + w->arg_n);

	n->rq = request_leave(rq);
	n->queue_off = w->queue_off;
	n->until_ms = clock_mono_ms() + w->ms;
	n->match = w->match;
	n->wake = w->wake;
	memcpy(n->arg, w->arg, w->arg_n);
	n->queue = queue_get(h, w->topic, w->queue);
	n->queue->refs++;
	DL_APPEND(n->queue->entries, n);
	DL_APPEND2(n->rq.conn->held, n, conn_prev, conn_next);
	heap_add(h, n);
	if (++h->pulls > PULLS_MAX)
		entry_wake(n);
	arm(h);
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
		if (queue_off >= w->queue_off && w->match(w->arg, tags_code))
			entry_wake(w);
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

static void run_one(struct hold *h, struct hold_entry *w)
{
	struct request *rq = request_again(h->broker, &w->rq);
	int queue;

	memcpy(&queue, w->queue->key, sizeof(queue));
	struct held held = { { w->queue->key + sizeof(queue), w->queue->key_n - sizeof(queue) },
		queue, w->queue_off, w->arg };

	/* Out of the list first: what wake() does may look at it. */
	DL_DELETE(h->woken, w);
	DL_DELETE2(w->rq.conn->held, w, conn_prev, conn_next);
	h->pulls--;
	w->wake(rq, &held);
	if (!--w->queue->refs) {
		HASH_DEL(h->queues, w->queue);
		mem_free(w->queue);
	}
	mem_free(w);
}

void hold_run_woken(struct hold *h)
{
	while (h->woken)
		run_one(h, h->woken);
}

static void drop_entry(struct hold_entry *w)
{
	struct request_left rq = w->rq;

	entry_free(w);
	request_drop(&rq);
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
	h->timer = timer_new(b->server, deadline, h);
	server_on_close(b->server, conn_gone, h);
	return h;
}

void hold_free(struct hold *h)
{
	if (!h)
		return;
	BUG_ON(h->pulls || hold_acks(h));
	timer_free(h->timer);
	mem_free(h->heap);
	buf_release(&h->acks);
	buf_release(&h->bytes);
	mem_free(h);
}
