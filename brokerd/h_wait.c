/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_wait: messages that wait for their time, to look at and to call off. Both kinds together, the
 * delay levels and those with a time of their own:
 *
 * 30030 LIST_WAITING	ext topic, until (ms since 1970), max; all may be absent
 *	-> 0 {"messages":[{"due_ms":..,"level":3, ... waitrow.h}, ...],"more":false}
 *	By time. level 0 has a time of its own. "more": there are others besides. Retries are
 *	listed only when their topic is named.
 * 30031 CANCEL_WAITING	ext msgId, the id from the list or of the answer to the send
 *	-> 0 when it is durable that the message is never delivered
 *	22: it was delivered or cancelled already; 2: accepted just now, ask again
 *
 * A level's queue says itself when each of its messages is due; of the others meta.db does.
 */
#include <stdlib.h>

#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/later.h"
#include "brokerd/marks.h"
#include "brokerd/metadb.h"
#include "brokerd/parked.h"
#include "brokerd/schedule.h"
#include "brokerd/timed.h"
#include "brokerd/waitrow.h"
#include "log.h"
#include "names.h"

#define LEVEL_SCAN 2000 /* units of a level, rows of the table, that one list looks at */
#define TABLE_SCAN 20000

struct list {
	struct str topic;
	int64_t until;
	int max;
};

static const struct field list_fields[] = { FIELD_TOPIC("topic", struct list, topic, 0),
	FIELD_I64("until", struct list, until, 0), FIELD_U32("max", struct list, max, 0),
	FIELD_END };

struct waiting {
	int64_t due, seq, phys;
	int level;
};

struct listing {
	struct broker *broker;
	struct later *later;
	struct list ask;
	struct waiting *v; /* owned */
	size_t n;
	bool more;
};

static void add(struct listing *l, int level, int64_t due, int64_t seq, int64_t phys)
{
	l->v[l->n++] = (struct waiting){ due, seq, phys, level };
}

static void add_level(struct listing *l, int level)
{
	struct broker *b = l->broker;
	int64_t off = schedule_progress(b->schedule, level), phys, due;
	uint32_t size;

	for (int i = 0;
		store_unit(b->store, STR(SCHEDULE_TOPIC), level - 1, off, &phys, &size, &due);
		i++, off++) {
		if (due > l->ask.until)
			return;
		if (i == LEVEL_SCAN) {
			l->more = true;
			return;
		}
		if (marks_has(b->marks, level, off) == MARK_NONE)
			add(l, level, due, off, phys);
	}
}

/* Accepted, and not in the table yet. */
static void add_newest(struct listing *l)
{
	struct broker *b = l->broker;
	int64_t off = timed_followed(b->timed), phys, due, seq;
	struct store_slice record;
	struct message m;
	uint32_t size;

	for (int i = 0; i < LEVEL_SCAN &&
			store_unit(b->store, STR(TIMED_TOPIC), 0, off, &phys, &size, &due);
		i++, off++) {
		if (due > l->ask.until || store_get(b->store, phys, &record, NULL))
			continue;
		if (!parked_decode(record.bytes, &m, NULL) && timed_seq(&m, &seq) && seq == off)
			add(l, 0, due, off, phys);
		store_slice_unref(record.segment);
	}
}

static int take_row(void *arg, struct meta *m, struct err *e UNUSED)
{
	add(arg, 0, meta_col_int(m, 0), meta_col_int(m, 1), meta_col_int(m, 2));
	return 0;
}

static int read_table(struct meta *m, void *arg, struct err *e)
{
	struct listing *l = arg;
	size_t before = l->n;
	int rc = meta_each(m, STMT_TIMERS_DUE, take_row, l, e, "iiid", INT64_MIN, INT64_MIN,
		l->ask.until, TABLE_SCAN);

	l->more = l->more || l->n - before == TABLE_SCAN;
	return rc;
}

static int by_time(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	if (x->due != y->due)
		return x->due < y->due ? -1 : 1;
	return x->phys < y->phys ? -1 : x->phys > y->phys;
}

static bool is_shown(const struct listing *l, const struct message *m)
{
	struct str topic = wait_topic(m);

	return l->ask.topic.n ? str_eq(topic, l->ask.topic) : topic.n && !names_is_retry(topic);
}

/* True: it is a row. */
static bool put_row(struct jw *w, const struct listing *l, const struct waiting *it)
{
	struct store_slice record;
	struct message m;
	bool shown;

	if (store_get(l->broker->store, it->phys, &record, NULL))
		return false;
	shown = !parked_decode(record.bytes, &m, NULL) && is_shown(l, &m);
	if (shown) {
		jw_object(w);
		wait_row(w, &m);
		jw_kv_int(w, "due_ms", it->due);
		jw_kv_int(w, "level", it->level);
		jw_end(w);
	}
	store_slice_unref(record.segment);
	return shown;
}

static int answer(struct request *rq, void *arg)
{
	struct listing *l = arg;
	struct buf b;
	struct jw w = body_begin(&b);
	int rows = 0;

	qsort(l->v, l->n, sizeof(*l->v), by_time);
	jw_key(&w, "messages");
	jw_array(&w);
	for (size_t i = 0; i < l->n; i++) {
		if (i && !by_time(&l->v[i], &l->v[i - 1]))
			continue; /* it came to the table while we asked */
		if (rows == l->ask.max) {
			l->more = true;
			break;
		}
		rows += l->v[i].level || !timed_is_done(
						 l->broker->timed, l->v[i].due, l->v[i].seq)
				? put_row(&w, l, &l->v[i])
				: 0;
	}
	jw_array_end(&w);
	jw_kv_bool(&w, "more", l->more);
	body_send(rq, &w);
	return 0;
}

static void listed(void *arg, int rc, const struct err *e)
{
	struct listing *l = arg;
	struct waiting *v = l->v;

	later_done(l->later, rc, e); /* l is in its arena */
	mem_free(v);
}

static int list_waiting(struct request *rq, const void *fields)
{
	const struct list *f = fields;
	struct later *later = later_new(rq, answer, NULL);
	struct listing *l = arena_alloc(later_arena(later), sizeof(*l));

	l->broker = rq->broker;
	l->later = later;
	l->ask = *f;
	l->ask.topic.p = arena_strn(later_arena(later), f->topic.p, f->topic.n);
	l->ask.max = f->max ? MIN(f->max, WAIT_ROWS) : WAIT_ROWS;
	l->ask.until = f->until ? f->until : INT64_MAX;
	l->v = mem_array(TABLE_SCAN + LEVEL_SCAN * (SCHEDULE_LEVELS + 1), sizeof(*l->v));
	later_set_arg(later, l);
	for (int level = 1; level <= SCHEDULE_LEVELS; level++)
		add_level(l, level);
	add_newest(l);
	metadb_submit(rq->broker->metadb, read_table, listed, l);
	return later_started(later, 0);
}

/* ---- 30031 ---- */

struct cancel {
	struct str id;
};

static const struct field cancel_fields[] = { FIELD_STR("msgId", struct cancel, id, REQUIRED),
	FIELD_END };

static int cancel_level(struct request *rq, const struct message *m, struct later *l)
{
	struct broker *b = rq->broker;
	int level = m->queue_id + 1;

	if (level < 1 || level > SCHEDULE_LEVELS)
		return err_set(&rq->err, TQ_EINVAL, "there is no delay level %d", level);
	if (m->queue_off < schedule_progress(b->schedule, level) ||
		marks_has(b->marks, level, m->queue_off) != MARK_NONE)
		return err_set(&rq->err, TQ_ENOTFOUND,
			"the message was delivered or cancelled already");
	return marks_add(b->marks, level, m->queue_off, later_done, l, &rq->err);
}

static int cancel_record(struct request *rq, const struct message *m)
{
	struct later *l = later_new(rq, NULL, NULL);
	int rc;

	if (str_is(m->topic, SCHEDULE_TOPIC))
		rc = cancel_level(rq, m, l);
	else if (str_is(m->topic, TIMED_TOPIC))
		rc = timed_cancel(rq->broker->timed, m, later_done, l, &rq->err);
	else
		rc = err_set(&rq->err, TQ_EINVAL,
			"the message of topic '" STR_FMT "' does not wait for its time",
			STR_ARG(m->topic));
	if (!rc)
		log_info("wait", "message for topic '" STR_FMT "' cancelled",
			STR_ARG(wait_topic(m)));
	return later_started(l, rc);
}

static int cancel_waiting(struct request *rq, const void *fields)
{
	const struct cancel *f = fields;
	struct store_slice record;
	struct host host;
	struct message m;
	int64_t phys;
	int rc;

	(void)((rc = message_offset_id_parse(f->id, &host, &phys, &rq->err)) ||
		(rc = store_get(rq->broker->store, phys, &record, &rq->err)));
	if (rc)
		return rc;
	rc = parked_decode(record.bytes, &m, &rq->err);
	if (!rc)
		rc = cancel_record(rq, &m);
	store_slice_unref(record.segment);
	return rc;
}

const struct handler h_wait[] = { { REQ_LIST_WAITING, list_fields, sizeof(struct list),
					  list_waiting, NEED_READ },
	{ REQ_CANCEL_WAITING, cancel_fields, sizeof(struct cancel), cancel_waiting,
		NEED_ADMIN },
	HANDLER_END };
