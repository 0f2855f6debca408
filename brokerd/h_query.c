/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_query: single messages, by where they lie (33) or by a key (12), and the units of a queue
 * (321). Keys are found by hash; clients compare the keys themselves, as they do with Apache.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/registry.h"
#include "brokerd/store/store.h"

#define QUERY_MAX 64
#define UNIQUE_MAX 32
#define BYTES_MAX (8u << 20) /* of one answer; what is left of a frame takes one more message */

struct view {
	int64_t offset;
};

static const struct field view_fields[] = { FIELD_I64("offset", struct view, offset, REQUIRED),
	FIELD_END };

static void batch_add_slice(struct store_batch *b, const struct store_slice *s)
{
	b->slices[b->n++] = *s;
	b->bytes += s->bytes.n;
}

static int view_message(struct request *rq, const void *fields)
{
	const struct view *f = fields;
	struct store_batch *b = arena_alloc(rq->arena, sizeof(*b));
	struct store_slice s;
	int rc = request_permit_record(rq, NEED_SUB, f->offset);

	if (rc)
		return rc;
	if (f->offset < 0 || store_get(rq->broker->store, f->offset, &s, NULL))
		return err_set(&rq->err, TQ_EFAIL, "can not find message by the offset, %lld",
			(long long)f->offset);
	batch_add_slice(b, &s);
	reply_batch(rq, b);
	return 0;
}

struct query {
	struct str topic, key;
	int max;
	int64_t begin_ms, end_ms;
	bool unique;
};

static const struct field query_fields[] = { FIELD_TOPIC(
						     "topic", struct query, topic, REQUIRED),
	FIELD_STR("key", struct query, key, REQUIRED),
	FIELD_I32("maxNum", struct query, max, REQUIRED),
	FIELD_I64("beginTimestamp", struct query, begin_ms, REQUIRED),
	FIELD_I64("endTimestamp", struct query, end_ms, REQUIRED),
	FIELD_BOOL("_UNIQUE_KEY_QUERY", struct query, unique, 0), FIELD_END };

static int query_message(struct request *rq, const void *fields)
{
	const struct query *f = fields;
	struct store_batch *b = arena_alloc(rq->arena, sizeof(*b));
	int64_t phys[QUERY_MAX], last_ms = 0, last_phys = 0;
	int max = f->unique ? UNIQUE_MAX : MIN(MAX(f->max, 1), QUERY_MAX), n;
	struct store_slice s;

	n = store_query_key(rq->broker->store, f->topic, f->key, max, f->begin_ms, f->end_ms,
		phys, &last_ms, &last_phys);
	for (int i = 0; i < n && b->bytes < BYTES_MAX; i++) {
		if (!store_get(rq->broker->store, phys[i], &s, NULL))
			batch_add_slice(b, &s);
	}
	reply_i64(rq, "indexLastUpdateTimestamp", n ? last_ms : 0);
	reply_i64(rq, "indexLastUpdatePhyoffset", n ? last_phys : 0);
	if (!b->n)
		return err_set(&rq->err, TQ_ENOTFOUND,
			"can not find message, maybe time range not correct");
	reply_batch(rq, b);
	return 0;
}

/* ---- 321 ---- */

#define UNITS_MAX 10000 /* of one answer */

struct units {
	struct str topic, group;
	int queue, count;
	int64_t index;
};

static const struct field units_fields[] = { FIELD_TOPIC(
						     "topic", struct units, topic, REQUIRED),
	FIELD_I32("queueId", struct units, queue, REQUIRED),
	FIELD_I64("index", struct units, index, REQUIRED),
	FIELD_I32("count", struct units, count, REQUIRED),
	FIELD_GROUP("consumerGroup", struct units, group, 0), FIELD_END };

/* Apache's filter data is a bloom filter that brokerd has not: null, as there without SQL92. */
static const struct subscription *put_filter(
	struct jw *w, const struct request *rq, const struct units *f)
{
	const struct subscription *sub;

	if (!f->group.n)
		return NULL;
	sub = registry_subscription(rq->broker->registry, f->group, f->topic, NULL);
	jw_kv_text(w, "filterData",
		sub ? "null"
		    : arena_fmt(rq->arena, STR_FMT "@" STR_FMT " is not online!",
			      STR_ARG(f->group), STR_ARG(f->topic)));
	return sub;
}

static void put_units(struct jw *w, const struct request *rq, const struct units *f)
{
	int64_t phys, tags_code;
	uint32_t size;

	jw_key(w, "queueData");
	jw_array(w);
	for (int i = 0; i < MIN(f->count, UNITS_MAX); i++) {
		if (!store_unit(rq->broker->store, f->topic, f->queue, f->index + i, &phys,
			    &size, &tags_code))
			break;
		jw_object(w);
		jw_kv_bool(w, "eval", false);
		jw_kv_int(w, "physicOffset", phys);
		jw_kv_int(w, "physicSize", size);
		jw_kv_int(w, "tagsCode", tags_code);
		jw_end(w);
	}
	jw_array_end(w);
}

/* An index outside the queue is answered with 0, a remark and no body: Apache's tools know it. */
static int query_units(struct request *rq, const void *fields)
{
	const struct units *f = fields;
	const struct topic *t = catalog_topic(rq->broker->catalog, f->topic);
	const struct subscription *sub;
	int64_t min, max;
	struct buf b;
	struct jw w;

	if (!t || f->queue < 0 || f->queue >= MAX(t->read_queues, t->write_queues))
		return err_set(&rq->err, TQ_EFAIL, "%d@" STR_FMT " is not exist!", f->queue,
			STR_ARG(f->topic));
	store_queue_bounds(rq->broker->store, f->topic, f->queue, &min, &max);
	if (f->index < min || f->index >= max) {
		reply_remark(rq, "Index %lld of %d@" STR_FMT " is not exist!",
			(long long)f->index, f->queue, STR_ARG(f->topic));
		return 0;
	}
	w = body_begin(&b);
	sub = put_filter(&w, rq, f);
	jw_kv_int(&w, "maxQueueIndex", max);
	jw_kv_int(&w, "minQueueIndex", min);
	put_units(&w, rq, f);
	if (sub) {
		jw_key(&w, "subscriptionData");
		subscription_to_json(&w, sub);
	}
	body_send(rq, &w);
	return 0;
}

const struct handler h_query[] = { { REQ_VIEW_MESSAGE_BY_ID, view_fields, sizeof(struct view),
					   view_message, NEED_ROLE },
	{ REQ_QUERY_MESSAGE, query_fields, sizeof(struct query), query_message, NEED_SUB },
	{ REQ_QUERY_CONSUME_QUEUE, units_fields, sizeof(struct units), query_units, NEED_READ },
	HANDLER_END };
