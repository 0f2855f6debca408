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

/* Records that were found, until they can be read without waiting for the disk. */
struct found {
	struct request *parked; /* NULL: of this turn */
	int64_t phys[QUERY_MAX];
	int n, trips;
	bool by_offset;
	int64_t last_ms, last_phys; /* of the index */
};

#define TRIPS 2 /* to the length of a record, then to all of it */

static void batch_add_slice(struct store_batch *b, const struct store_slice *s)
{
	b->slices[b->n++] = *s;
	b->bytes += s->bytes.n;
}

static int answer(struct request *rq, const struct found *f)
{
	struct store_batch *b = arena_alloc(rq->arena, sizeof(*b));
	struct store_slice s;

	for (int i = 0; i < f->n && b->bytes < BYTES_MAX; i++)
		if (!store_get(rq->broker->store, f->phys[i], &s, NULL))
			batch_add_slice(b, &s);
	if (f->by_offset && !b->n)
		return err_set(&rq->err, TQ_EFAIL, "can not find message by the offset, %lld",
			(long long)f->phys[0]);
	if (!f->by_offset) {
		reply_i64(rq, "indexLastUpdateTimestamp", f->n ? f->last_ms : 0);
		reply_i64(rq, "indexLastUpdatePhyoffset", f->n ? f->last_phys : 0);
	}
	if (!b->n)
		return err_set(&rq->err, TQ_ENOTFOUND,
			"can not find message, maybe time range not correct");
	reply_batch(rq, b);
	return 0;
}

static bool is_near(const struct request *rq, const struct found *f)
{
	for (int i = 0; i < f->n; i++)
		if (!store_is_near(rq->broker->store, f->phys[i]))
			return false;
	return true;
}

static void go_on(void *arg, int rc, const struct err *e)
{
	struct found *f = arg;
	struct request *rq = f->parked;

	if (rc) {
		rq->err = *e;
	} else if (f->trips++ < TRIPS && !is_near(rq, f)) {
		rc = store_warm_records(rq->broker->store, f->phys, f->n, go_on, f, &rq->err);
		if (!rc)
			return;
	} else {
		rc = answer(rq, f);
	}
	request_finish(rq, rc);
}

static int answer_when_near(struct request *rq, const struct found *f)
{
	struct request *parked;
	struct found *own;

	if (is_near(rq, f))
		return answer(rq, f);
	parked = request_park(rq);
	own = arena_alloc(parked->arena, sizeof(*own));
	*own = *f;
	own->parked = parked;
	go_on(own, 0, NULL);
	return 0;
}

struct view {
	int64_t offset;
};

static const struct field view_fields[] = { FIELD_I64("offset", struct view, offset, REQUIRED),
	FIELD_END };

/* Whose it is says the record alone: for a role it is read at once, from wherever it is. */
static int view_message(struct request *rq, const void *fields)
{
	const struct view *f = fields;
	struct found one = { .n = 1, .phys = { f->offset }, .by_offset = true };
	int rc = request_permit_record(rq, NEED_SUB, f->offset);

	return rc ? rc : answer_when_near(rq, &one);
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
	int max = f->unique ? UNIQUE_MAX : MIN(MAX(f->max, 1), QUERY_MAX);
	struct found found = { 0 };

	found.n = store_query_key(rq->broker->store, f->topic, f->key, max, f->begin_ms,
		f->end_ms, found.phys, &found.last_ms, &found.last_phys);
	return answer_when_near(rq, &found);
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
