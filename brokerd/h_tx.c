/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_tx: the end of transactions (37) and a new beginning for those that were set aside (323).
 * Producers send 37 one-way. "Unknown" changes nothing and is not answered at all, as with
 * Apache: the broker asks again.
 */
#include "brokerd/broker.h"
#include "brokerd/dispatch.h"
#include "brokerd/tx.h"

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

static int resume_check(struct request *rq, const void *fields)
{
	const struct resume *f = fields;
	int64_t phys_off, end_off = 0;
	struct host host;
	int rc = message_offset_id_parse(f->id, &host, &phys_off, &rq->err);

	if (!rc)
		rc = tx_resume(rq->broker->tx, phys_off, &end_off, &rq->err);
	if (!rc)
		reply_after(rq, end_off);
	return rc;
}

const struct handler h_tx[] = { { REQ_END_TRANSACTION, end_fields, sizeof(struct end),
					end_transaction, NEED_PUB },
	{ REQ_RESUME_CHECK_HALF_MESSAGE, resume_fields, sizeof(struct resume), resume_check,
		NEED_ADMIN },
	HANDLER_END };
