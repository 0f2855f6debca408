/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_offset: what groups have consumed (14, 15, 308, 314), and what queues hold (29 to 32). No topic, group
 * or queue need exist: an unknown queue is one without messages. Apache's clients take any failure
 * of 14 for "nothing was ever committed", so there is none but 22, and every role is told: one
 * that lost its grant for an hour must not begin anew.
 */
#include <unistd.h>

#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/offsets.h"
#include "brokerd/registry.h"
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

/* ---- by time: what the search looks at may be on the disk only ---- */

#define SEARCH_TRIPS 100 /* afterwards it waits: a store that forgets faster than it reads */

struct search {
	struct request *parked;
	struct str topic;
	int queue, trips;
	int64_t ms;
};

static void search_on(void *arg, int rc, const struct err *e);

static int64_t look(struct request *rq, const struct search *w, struct store_cold *cold)
{
	return store_offset_by_time(rq->broker->store, w->topic, w->queue, w->ms,
		w->trips < SEARCH_TRIPS ? cold : NULL);
}

static int fetch(struct search *w, const struct store_cold *cold)
{
	struct request *rq = w->parked;
	struct store_query q = {
		.topic = w->topic, .queue = w->queue, .offset = cold->unit, .max = 1
	};

	w->trips++;
	if (cold->phys >= 0)
		return store_warm_records(
			rq->broker->store, &cold->phys, 1, search_on, w, &rq->err);
	return store_warm(rq->broker->store, &q, search_on, w, &rq->err);
}

static void search_on(void *arg, int rc, const struct err *e)
{
	struct search *w = arg;
	struct request *rq = w->parked;
	struct store_cold cold;
	int64_t off;

	if (rc) {
		rq->err = *e;
		request_finish(rq, rc);
		return;
	}
	off = look(rq, w, &cold);
	if (off < 0 && !(rc = fetch(w, &cold)))
		return;
	if (!rc)
		reply_i64(rq, "offset", off);
	request_finish(rq, rc);
}

static int search_offset(struct request *rq, const void *fields)
{
	const struct offset *f = fields;
	struct search first = { .topic = f->topic, .queue = f->queue, .ms = f->timestamp }, *w;
	struct store_cold cold;
	int64_t off = look(rq, &first, &cold);

	if (off >= 0) {
		reply_i64(rq, "offset", off);
		return 0;
	}
	first.parked = request_park(rq);
	w = arena_alloc(first.parked->arena, sizeof(*w));
	*w = first;
	w->topic.p = arena_strn(w->parked->arena, f->topic.p, f->topic.n);
	search_on(w, 0, NULL);
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

/* ---- 308: how far a topic is consumed by everybody ---- */

struct correction {
	struct str topic, group, without;
};

static const struct field correction_fields[] = { FIELD_TOPIC("topic", struct correction, topic,
							  REQUIRED),
	FIELD_GROUP("compareGroup", struct correction, group, REQUIRED),
	FIELD_STR("filterGroups", struct correction, without, 0), FIELD_END };

static bool is_listed(struct request *rq, struct str list, struct str group)
{
	struct str one;

	while (str_cut(&list, ',', &one)) {
		const char *name = arena_strn(rq->arena, one.p, one.n);

		if (str_eq(body_name(rq, name), group))
			return true;
	}
	return false;
}

/*
 * The least offset of any group; what the compared group is past of is nothing to correct.
 * Apache forgets the offsets of the groups that are left out.
 */
static int correction(struct request *rq, const void *fields)
{
	const struct correction *f = fields;
	const struct topic *t = catalog_topic(rq->broker->catalog, f->topic);
	struct offset_pair *pairs;
	int64_t min, max, least, own;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = offsets_list(rq->broker->offsets, f->topic, STR_NONE, rq->arena, &pairs),
	       kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!is_listed(rq, f->without, pairs[i].group))
			pairs[kept++] = pairs[i];
	jw_key(&w, "correctionOffsets");
	jw_object(&w);
	for (int q = 0; t && q < MAX(t->read_queues, t->write_queues); q++) {
		store_queue_bounds(rq->broker->store, f->topic, q, &min, &max);
		least = INT64_MAX;
		for (size_t i = 0; i < kept; i++) {
			own = offsets_get(rq->broker->offsets, pairs[i].group, f->topic, q);
			if (own >= min && own >= 0)
				least = MIN(least, own);
		}
		own = offsets_get(rq->broker->offsets, f->group, f->topic, q);
		if (least == INT64_MAX)
			continue;
		jw_key_int(&w, q);
		jw_int(&w, own >= 0 && least > own ? INT64_MAX : least);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

/* ---- 314 ---- */

struct clone {
	struct str from, to, topic;
	bool offline;
};

static const struct field clone_fields[] = { FIELD_GROUP(
						     "srcGroup", struct clone, from, REQUIRED),
	FIELD_GROUP("destGroup", struct clone, to, REQUIRED),
	FIELD_TOPIC("topic", struct clone, topic, 0),
	FIELD_BOOL("offline", struct clone, offline, 0), FIELD_END };

/* A group that is online and does not subscribe to the topic has nothing to give away. */
static bool is_cloned(struct request *rq, const struct clone *f, struct str topic)
{
	bool online;

	return catalog_topic(rq->broker->catalog, topic) &&
	       (f->offline ||
		       registry_subscription(rq->broker->registry, f->from, topic, &online) ||
		       !online);
}

static int clone_offsets(struct request *rq, const void *fields)
{
	const struct clone *f = fields;
	struct offset_pair *pairs;
	size_t n = offsets_list(rq->broker->offsets, f->topic.n ? f->topic : STR_NONE, f->from,
		rq->arena, &pairs);
	int rc = 0;

	for (size_t i = 0; i < n; i++) {
		/* Borrowed until the next change, so the queues are copied first. */
		size_t bytes = pairs[i].n * sizeof(*pairs[i].queues);
		struct offset_queue *queues = arena_alloc(rq->arena, bytes + 1);

		memcpy(queues, pairs[i].queues, bytes);
		pairs[i].queues = queues;
		pairs[i].topic =
			(struct str){ arena_strn(rq->arena, pairs[i].topic.p, pairs[i].topic.n),
				pairs[i].topic.n };
	}
	for (size_t i = 0; i < n && !rc; i++) {
		for (size_t k = 0; k < pairs[i].n && !rc && is_cloned(rq, f, pairs[i].topic);
			k++)
			rc = offsets_set(rq->broker->offsets, f->to, pairs[i].topic,
				pairs[i].queues[k].queue, pairs[i].queues[k].off, &rq->err);
	}
	return rc;
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
	{ REQ_QUERY_CORRECTION_OFFSET, correction_fields, sizeof(struct correction), correction,
		NEED_READ },
	{ REQ_CLONE_GROUP_OFFSET, clone_fields, sizeof(struct clone), clone_offsets,
		NEED_ADMIN },
	HANDLER_END };
