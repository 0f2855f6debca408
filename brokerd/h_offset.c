/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_offset: what groups have consumed (14, 15), and what queues hold (29 to 32). No topic, group
 * or queue need exist: an unknown queue is one without messages. Apache's clients take any failure
 * of 14 for "nothing was ever committed", so there is none but 22, and every role is told: one
 * that lost its grant for an hour must not begin anew.
 */
#include <unistd.h>

#include "brokerd/broker.h"
#include "brokerd/dispatch.h"
#include "brokerd/offsets.h"
#include "brokerd/store/store.h"

#define YOUNG_PERCENT 40 /* of the machine's memory: a queue whose begin is as near is young */

struct offset {
	struct str group, topic;
	int queue;
	int64_t commit_offset, timestamp;
	bool zero_if_not_found;
};

static const struct field query_fields[] = { FIELD_GROUP("consumerGroup", struct offset, group,
						     REQUIRED),
	FIELD_TOPIC("topic", struct offset, topic, REQUIRED),
	FIELD_I32("queueId", struct offset, queue, REQUIRED),
	FIELD_BOOL_OR("setZeroIfNotFound", struct offset, zero_if_not_found, true), FIELD_END };

static const struct field update_fields[] = { FIELD_GROUP("consumerGroup", struct offset, group,
						      REQUIRED),
	FIELD_TOPIC("topic", struct offset, topic, REQUIRED),
	FIELD_I32("queueId", struct offset, queue, REQUIRED),
	FIELD_I64("commitOffset", struct offset, commit_offset, REQUIRED), FIELD_END };

static const struct field queue_fields[] = { FIELD_TOPIC(
						     "topic", struct offset, topic, REQUIRED),
	FIELD_I32("queueId", struct offset, queue, REQUIRED), FIELD_END };

static const struct field search_fields[] = { FIELD_TOPIC(
						      "topic", struct offset, topic, REQUIRED),
	FIELD_I32("queueId", struct offset, queue, REQUIRED),
	FIELD_I64("timestamp", struct offset, timestamp, REQUIRED), FIELD_END };

/* A queue whose first message is still near: a new group starts there, wherever it asked to. */
static bool queue_is_young(struct store *s, struct str topic, int queue)
{
	int64_t min, max, phys, tags_code, memory;
	uint32_t size;

	store_queue_bounds(s, topic, queue, &min, &max);
	if (min > 0)
		return false;
	if (!store_unit(s, topic, queue, 0, &phys, &size, &tags_code))
		return true;
	memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	return store_appended(s) - phys <= memory / 100 * YOUNG_PERCENT;
}

static int query_offset(struct request *rq, const void *fields)
{
	const struct offset *f = fields;
	int64_t off = offsets_get(rq->broker->offsets, f->group, f->topic, f->queue);

	if (off < 0 && f->zero_if_not_found &&
		queue_is_young(rq->broker->store, f->topic, f->queue))
		off = 0;
	if (off < 0)
		return err_set(&rq->err, TQ_ENOTFOUND,
			"Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first");
	reply_i64(rq, "offset", off);
	return 0;
}

static int update_offset(struct request *rq, const void *fields)
{
	const struct offset *f = fields;

	return offsets_set(
		rq->broker->offsets, f->group, f->topic, f->queue, f->commit_offset, &rq->err);
}

static int search_offset(struct request *rq, const void *fields)
{
	const struct offset *f = fields;

	reply_i64(rq, "offset",
		store_offset_by_time(rq->broker->store, f->topic, f->queue, f->timestamp));
	return 0;
}

static int max_offset(struct request *rq, const void *fields)
{
	const struct offset *f = fields;
	int64_t min, max;

	store_queue_bounds(rq->broker->store, f->topic, f->queue, &min, &max);
	reply_i64(rq, "offset", max);
	return 0;
}

static int min_offset(struct request *rq, const void *fields)
{
	const struct offset *f = fields;
	int64_t min, max;

	store_queue_bounds(rq->broker->store, f->topic, f->queue, &min, &max);
	reply_i64(rq, "offset", min);
	return 0;
}

static int earliest_time(struct request *rq, const void *fields)
{
	const struct offset *f = fields;
	int64_t min, max;

	store_queue_bounds(rq->broker->store, f->topic, f->queue, &min, &max);
	reply_i64(rq, "timestamp", store_time_at(rq->broker->store, f->topic, f->queue, min));
	return 0;
}

const struct handler h_offset[] = { { REQ_QUERY_CONSUMER_OFFSET, query_fields,
					    sizeof(struct offset), query_offset, NEED_ROLE },
	{ REQ_UPDATE_CONSUMER_OFFSET, update_fields, sizeof(struct offset), update_offset,
		NEED_SUB },
	{ REQ_SEARCH_OFFSET_BY_TIMESTAMP, search_fields, sizeof(struct offset), search_offset,
		NEED_READ },
	{ REQ_GET_MAX_OFFSET, queue_fields, sizeof(struct offset), max_offset, NEED_READ },
	{ REQ_GET_MIN_OFFSET, queue_fields, sizeof(struct offset), min_offset, NEED_READ },
	{ REQ_GET_EARLIEST_MSG_STORETIME, queue_fields, sizeof(struct offset), earliest_time,
		NEED_READ },
	HANDLER_END };
