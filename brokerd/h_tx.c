/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_tx: the end of transactions (37) and a new beginning for those that were set aside (323).
 * Producers send 37 one-way. "Unknown" changes nothing and is not answered at all, as with
 * Apache: the broker asks again. One that was begun anew already is not begun once more: Apache
 * does, and both may be committed.
 *
 * 30032 LIST_TRANSACTIONS	ext topic, before (ms since 1970: stored earlier), max
 *	-> 0 {"more":false,"transactions":[{"checks":2,"group":"P","state":"open", ... waitrow.h}]}
 *	state "open": its producer has not ended it; "aside": it was asked about for the last time.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/marks.h"
#include "brokerd/parked.h"
#include "brokerd/tx.h"
#include "brokerd/waitrow.h"
#include "log.h"
#include "props.h"

struct end {
	struct str group;
	int64_t queue_off, phys_off;
	int what;
};

static const struct field end_fields[] = { FIELD_GROUP("producerGroup", struct end, group,
						   REQUIRED),
	FIELD_I64("tranStateTableOffset", struct end, queue_off, REQUIRED),
	FIELD_I64("commitLogOffset", struct end, phys_off, REQUIRED),
	FIELD_I32("commitOrRollback", struct end, what, REQUIRED), FIELD_END };

static int end_transaction(struct request *rq, const void *fields)
{
	const struct end *f = fields;
	struct tx_ending x = { f->group, f->queue_off, f->phys_off,
		f->what == SYSFLAG_TX_COMMIT };
	int64_t end_off = 0;
	int rc;

	if (f->what != SYSFLAG_TX_COMMIT && f->what != SYSFLAG_TX_ROLLBACK) {
		rq->oneway = true;
		return 0;
	}
	rc = tx_end(rq->broker->tx, &x, &end_off, &rq->err);
	if (!rc)
		reply_after(rq, end_off);
	return rc;
}

struct resume {
	struct str id;
};

static const struct field resume_fields[] = { FIELD_STR("msgId", struct resume, id, REQUIRED),
	FIELD_END };

/* -1: no record that was set aside. */
static int64_t aside_off(struct request *rq, int64_t phys_off)
{
	struct store_slice record;
	struct message m;
	int64_t off = -1;

	if (store_get(rq->broker->store, phys_off, &record, NULL))
		return -1;
	if (!parked_decode(record.bytes, &m, NULL) && str_is(m.topic, TX_ASIDE_TOPIC))
		off = m.queue_off;
	store_slice_unref(record.segment);
	return off;
}

static void marked(void *arg UNUSED, int rc, const struct err *e)
{
	if (rc)
		log_warn("tx", "a transaction that was begun anew is not marked: %s", e->msg);
}

static int resume_check(struct request *rq, const void *fields)
{
	const struct resume *f = fields;
	struct marks *marks = rq->broker->marks;
	int64_t phys_off, off, end_off = 0;
	struct host host;
	int rc = message_offset_id_parse(f->id, &host, &phys_off, &rq->err);

	if (rc)
		return rc;
	off = aside_off(rq, phys_off);
	if (off >= 0 && marks_has(marks, MARK_RESUMED, off) != MARK_NONE)
		return err_set(&rq->err, TQ_EFAIL, "the transaction was begun anew already");
	rc = tx_resume(rq->broker->tx, phys_off, &end_off, &rq->err);
	if (!rc)
		rc = marks_add(marks, MARK_RESUMED, off, marked, NULL, &rq->err);
	if (!rc)
		reply_after(rq, end_off);
	return rc;
}

/* ---- 30032 ---- */

#define LOOK_MAX 50000 /* records that one list looks at */

struct tx_ask {
	struct str topic;
	int64_t before;
	int max;
};

static const struct field list_fields[] = { FIELD_TOPIC("topic", struct tx_ask, topic, 0),
	FIELD_I64("before", struct tx_ask, before, 0), FIELD_U32("max", struct tx_ask, max, 0),
	FIELD_END };

struct tx_rows {
	const struct tx_ask *ask;
	struct jw w;
	int rows, max, looked;
	bool more;
};

/* What is passed over was looked at, too. False: no more is looked at. */
static bool pass_over(struct tx_rows *r)
{
	r->more = r->looked++ == LOOK_MAX;
	return !r->more;
}

/* False: no room for more. */
static bool put_tx(struct tx_rows *r, const struct message *m, const char *state)
{
	struct str checks = props_get(m->properties, TX_PROP_CHECKS);
	int64_t n = 0;

	if (r->rows == r->max || r->looked++ == LOOK_MAX) {
		r->more = true;
		return false;
	}
	if ((r->ask->topic.n && !str_eq(wait_topic(m), r->ask->topic)) ||
		(r->ask->before && m->born_ms >= r->ask->before))
		return true;
	if (checks.n)
		(void)str_to_i64(checks, 0, INT32_MAX, &n, TX_PROP_CHECKS, NULL);
	jw_object(&r->w);
	wait_row(&r->w, m);
	jw_kv_int(&r->w, "checks", n);
	jw_kv_str(&r->w, "group", props_get(m->properties, PROP_PGROUP));
	jw_kv_text(&r->w, "state", state);
	jw_end(&r->w);
	r->rows++;
	return true;
}

static bool put_open(void *arg, const struct message *m)
{
	return put_tx(arg, m, "open");
}

static void put_aside(struct request *rq, struct tx_rows *r)
{
	struct store *s = rq->broker->store;
	struct store_slice record;
	int64_t min, max, phys, code;
	struct message m;
	uint32_t size;
	bool go = true;

	store_queue_bounds(s, STR(TX_ASIDE_TOPIC), 0, &min, &max);
	for (int64_t off = min; go && off < max; off++) {
		if (marks_has(rq->broker->marks, MARK_RESUMED, off) != MARK_NONE ||
			!store_unit(s, STR(TX_ASIDE_TOPIC), 0, off, &phys, &size, &code) ||
			store_get(s, phys, &record, NULL)) {
			go = pass_over(r);
			continue;
		}
		go = parked_decode(record.bytes, &m, NULL) || put_tx(r, &m, "aside");
		store_slice_unref(record.segment);
	}
}

static int list_transactions(struct request *rq, const void *fields)
{
	const struct tx_ask *f = fields;
	struct tx_rows r = { .ask = f, .max = f->max ? MIN(f->max, WAIT_ROWS) : WAIT_ROWS };
	struct buf b;

	r.w = body_begin(&b);
	jw_key(&r.w, "transactions");
	jw_array(&r.w);
	put_aside(rq, &r);
	if (!r.more)
		tx_list(rq->broker->tx, 0, put_open, &r);
	jw_array_end(&r.w);
	jw_kv_bool(&r.w, "more", r.more);
	body_send(rq, &r.w);
	return 0;
}

const struct handler h_tx[] = { { REQ_END_TRANSACTION, end_fields, sizeof(struct end),
					end_transaction, NEED_PUB },
	{ REQ_RESUME_CHECK_HALF_MESSAGE, resume_fields, sizeof(struct resume), resume_check,
		NEED_ADMIN },
	{ REQ_LIST_TRANSACTIONS, list_fields, sizeof(struct tx_ask), list_transactions,
		NEED_READ },
	HANDLER_END };
