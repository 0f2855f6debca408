/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_topic: topics: create, change, delete, list, and what is known about one.
 *
 * 17 takes what 4.9 sends, and `attributes` as 5.x has it ("+message.type=FIFO,-other") and
 * `remark`; type and remark stay as they are when they are not mentioned, so that an mqadmin
 * that only knows permissions does not reset them.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/hold.h"
#include "brokerd/later.h"
#include "brokerd/offsets.h"
#include "brokerd/registry.h"
#include "brokerd/senders.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "clock.h"
#include "log.h"

struct topic_name {
	struct str topic;
};

static const struct field topic_name_fields[] = {
	FIELD_TOPIC("topic", struct topic_name, topic, REQUIRED), FIELD_END
};

/* Apache answers refusals about topics with code 1, and its tools print the remark. */
static int refused(struct request *rq, int rc)
{
	if (rc && rc != TQ_ELIMIT)
		rq->err.response = RESP_SYSTEM_ERROR;
	return rc;
}

/* ---- 17 ---- */

struct put_topic {
	struct str topic, filter_type, attributes, remark;
	int read_queues, write_queues, perm, sysflag;
	bool order;
};

static const struct field put_topic_fields[] = { FIELD_TOPIC("topic", struct put_topic, topic,
							 REQUIRED),
	FIELD_U32("readQueueNums", struct put_topic, read_queues, REQUIRED),
	FIELD_U32("writeQueueNums", struct put_topic, write_queues, REQUIRED),
	FIELD_U32("perm", struct put_topic, perm, REQUIRED),
	FIELD_STR("topicFilterType", struct put_topic, filter_type, 0),
	FIELD_I32("topicSysFlag", struct put_topic, sysflag, 0),
	FIELD_BOOL("order", struct put_topic, order, 0),
	FIELD_STR("attributes", struct put_topic, attributes, 0),
	FIELD_STR("remark", struct put_topic, remark, 0), FIELD_END };

/* "+message.type=FIFO": the type; "-message.type": it takes all. */
static int type_from(struct arena *a, struct str attributes, int type)
{
	struct str item, key;

	while (str_cut(&attributes, ',', &item)) {
		item = str_trim(item);
		str_cut(&item, '=', &key);
		if (str_is(key, "-message.type"))
			type = TOPIC_MIXED;
		else if (str_is(key, "+message.type") && item.p)
			type = topic_type_from_wire(arena_strn(a, item.p, item.n), type);
	}
	return type;
}

static int put_topic(struct request *rq, const void *fields)
{
	const struct put_topic *f = fields;
	struct catalog *c = rq->broker->catalog;
	const struct topic *old = catalog_topic(c, f->topic);
	struct topic t = old ? *old : topic_defaults();
	struct later *l = later_new(rq, NULL, NULL);

	t.name = arena_strn(rq->arena, f->topic.p, f->topic.n);
	t.read_queues = f->read_queues;
	t.write_queues = f->write_queues;
	t.perm = f->perm;
	t.sysflag = f->sysflag;
	t.order = f->order;
	t.multi_tag = str_is(f->filter_type, "MULTI_TAG");
	t.type = type_from(rq->arena, f->attributes, old ? t.type : TOPIC_MIXED);
	if (f->remark.p)
		t.remark = arena_strn(rq->arena, f->remark.p, f->remark.n);
	return refused(rq, later_started(l, catalog_put_topic(c, &t, CATALOG_PUT,
						    later_done_told, l, &rq->err)));
}

/* ---- 215 ---- */

/* Its messages and what was consumed of them go with it. */
static int topic_gone(struct request *rq, void *arg)
{
	struct str name = str_of(arg);
	struct err e = ERR_INIT;

	offsets_delete_topic(rq->broker->offsets, name);
	hold_wake_topic(rq->broker->hold, name);
	stats_forget_topic(rq->broker->stats, name);
	senders_forget_topic(rq->broker->senders, name);
	if (store_delete_topic(rq->broker->store, name, &e))
		log_err("topic", &e);
	log_info("topic", "topic '%s' deleted", (char *)arg);
	return 0;
}

static int delete_topic(struct request *rq, const void *fields)
{
	const struct topic_name *f = fields;
	struct later *l = later_new(rq, topic_gone, NULL);

	later_set_arg(l, arena_strn(later_arena(l), f->topic.p, f->topic.n));
	return refused(rq, later_started(l, catalog_delete_topic(rq->broker->catalog, f->topic,
						    later_done, l, &rq->err)));
}

/* ---- 21 ---- */

static int all_topics(struct request *rq, const void *fields UNUSED)
{
	struct catalog *c = rq->broker->catalog;
	const struct topic **topics;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = catalog_topics(c, rq->arena, &topics);

	jw_key(&w, "dataVersion");
	data_version_to_json(&w, catalog_topics_version(c));
	jw_key(&w, "topicConfigTable");
	jw_object(&w);
	for (size_t i = 0; i < n; i++) {
		if (!request_sees_topic(rq, str_of(topics[i]->name)))
			continue;
		jw_key(&w, topics[i]->name);
		topic_to_json(&w, topics[i]);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

/* ---- 202, 300, 303 ---- */

static const struct topic *need_topic(struct request *rq, struct str name)
{
	const struct topic *t = catalog_topic(rq->broker->catalog, name);

	if (!t)
		err_set(&rq->err, TQ_ENOTOPIC, "topic[" STR_FMT "] not exist", STR_ARG(name));
	return t;
}

static int topic_stats(struct request *rq, const void *fields)
{
	const struct topic_name *f = fields;
	const struct topic *t = need_topic(rq, f->topic);
	struct store *s = rq->broker->store;
	int64_t min, max, last;
	struct buf b;
	struct jw w;

	if (!t)
		return rq->err.code;
	w = body_begin(&b);
	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (int q = 0; q < t->write_queues; q++) {
		store_queue_bounds(s, f->topic, q, &min, &max);
		last = max > min ? store_time_at(s, f->topic, q, max - 1) : 0;
		body_queue_key(&w, rq, f->topic, q);
		jw_object(&w);
		jw_kv_int(&w, "lastUpdateTimestamp", MAX(last, 0));
		jw_kv_int(&w, "maxOffset", max);
		jw_kv_int(&w, "minOffset", min);
		jw_end(&w);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

/* Groups that subscribe now, then those that have consumed and are away. */
static int groups_of_topic(struct request *rq, const void *fields)
{
	const struct topic_name *f = fields;
	const struct subscription *sub;
	struct offset_pair *pairs;
	struct str *online;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n;

	jw_key(&w, "groupList");
	jw_array(&w);
	n = registry_groups_of_topic(rq->broker->registry, f->topic, rq->arena, &online);
	for (size_t i = 0; i < n; i++)
		jw_str(&w, online[i]);
	n = offsets_list(rq->broker->offsets, f->topic, STR_NONE, rq->arena, &pairs);
	for (size_t i = 0; i < n; i++) {
		sub = registry_subscription(
			rq->broker->registry, pairs[i].group, f->topic, NULL);
		if (!sub)
			jw_str(&w, pairs[i].group);
	}
	jw_array_end(&w);
	body_send(rq, &w);
	return 0;
}

struct time_span {
	struct str topic, group;
};

static const struct field time_span_fields[] = { FIELD_TOPIC("topic", struct time_span, topic,
							 REQUIRED),
	FIELD_GROUP("group", struct time_span, group, REQUIRED), FIELD_END };

/* As Java's tools print times; members come in the order of their names. */
static void put_time(struct jw *w, const char *key, const char *text_key, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char day[32], text[48];

	localtime_r(&t, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d#%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s:%03d", day, (int)(ms % 1000));
	jw_kv_int(w, key, ms);
	jw_kv_text(w, text_key, text);
}

static int64_t time_at(struct store *s, struct str topic, int queue, int64_t off)
{
	return MAX(store_time_at(s, topic, queue, off), 0);
}

static void put_span(struct jw *w, struct request *rq, const struct time_span *f, int queue)
{
	struct store *s = rq->broker->store;
	int64_t done = offsets_get(rq->broker->offsets, f->group, f->topic, queue);
	int64_t min, max, first, next, delay = 0;

	store_queue_bounds(s, f->topic, queue, &min, &max);
	first = time_at(s, f->topic, queue, min);
	if (MAX(done, 0) < max) {
		next = time_at(s, f->topic, queue, MAX(done, min));
		delay = next ? clock_wall_ms() - next : 0;
	}
	jw_object(w);
	put_time(w, "consumeTimeStamp", "consumeTimeStampStr",
		done > 0 ? time_at(s, f->topic, queue, done - 1) : first);
	jw_kv_int(w, "delayTime", delay);
	put_time(w, "maxTimeStamp", "maxTimeStampStr", time_at(s, f->topic, queue, max - 1));
	jw_key(w, "messageQueue");
	body_queue(w, f->topic, str_of(rq->broker->cfg->broker), queue);
	put_time(w, "minTimeStamp", "minTimeStampStr", first);
	jw_end(w);
}

static int consume_time_span(struct request *rq, const void *fields)
{
	const struct time_span *f = fields;
	const struct topic *t = need_topic(rq, f->topic);
	struct buf b;
	struct jw w;

	if (!t)
		return rq->err.code;
	w = body_begin(&b);
	jw_key(&w, "consumeTimeSpanSet");
	jw_array(&w);
	for (int q = 0; q < t->write_queues; q++)
		put_span(&w, rq, f, q);
	jw_array_end(&w);
	body_send(rq, &w);
	return 0;
}

const struct handler h_topic[] = { { REQ_UPDATE_AND_CREATE_TOPIC, put_topic_fields,
					   sizeof(struct put_topic), put_topic, NEED_ADMIN },
	{ REQ_DELETE_TOPIC_IN_BROKER, topic_name_fields, sizeof(struct topic_name),
		delete_topic, NEED_ADMIN },
	{ REQ_GET_ALL_TOPIC_CONFIG, NULL, 0, all_topics, NEED_ROLE },
	{ REQ_GET_TOPIC_STATS_INFO, topic_name_fields, sizeof(struct topic_name), topic_stats,
		NEED_READ },
	{ REQ_QUERY_TOPIC_CONSUME_BY_WHO, topic_name_fields, sizeof(struct topic_name),
		groups_of_topic, NEED_READ },
	{ REQ_QUERY_CONSUME_TIME_SPAN, time_span_fields, sizeof(struct time_span),
		consume_time_span, NEED_READ },
	HANDLER_END };
