/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_client: who is there. Heartbeats and goodbyes, the members of a group, queue locks,
 * messages that come back, and the lists of connections for administrators.
 *
 * A heartbeat is answered with 0 whatever is wrong with a part of it, as Apache does: the
 * clients would only send it again. What cannot be registered is logged. What the role may not
 * do is refused, and the rest registered all the same: one heartbeat is of all a process has.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/hold.h"
#include "brokerd/registry.h"
#include "brokerd/retry.h"
#include "brokerd/sqlcache.h"
#include "brokerd/stats.h"
#include "clock.h"
#include "log.h"
#include "names.h"

/* ---- 34, 35 ---- */

static int read_sub(struct request *rq, const cJSON *o, struct subscription *s, struct err *e)
{
	struct str topic = body_name(rq, json_text(o, "topic", ""));
	int rc = names_check_wire_topic(topic, e);

	if (rc)
		return rc;
	return subscription_parse(s, rq->arena, topic, str_of(json_text(o, "subString", "")),
		str_of(json_text(o, "expressionType", NULL)), json_int(o, "subVersion", 0), e);
}

static void read_subs(struct request *rq, const cJSON *list, struct heartbeat_consumer *c)
{
	struct err e = ERR_INIT;
	struct subscription *subs;
	const cJSON *o;

	subs = arena_alloc(rq->arena, (size_t)(cJSON_GetArraySize(list) + 1) * sizeof(*subs));
	cJSON_ArrayForEach (o, list) {
		if (!read_sub(rq, o, &subs[c->n_subs], &e))
			c->n_subs += !request_permit_topic(rq, NEED_SUB, subs[c->n_subs].topic);
		else
			log_every(10, LOG_WARN_, "client",
				"group '" STR_FMT "': subscription ignored: %s",
				STR_ARG(c->group), e.msg);
	}
	c->subs = subs;
}

/*
 * The group and its retry topic, made where that is allowed. Tells if members want to be told.
 */
static bool meet_group(struct request *rq, struct str name)
{
	const struct group *g;
	const struct topic *retry;
	struct err e = ERR_INIT;

	if (catalog_ensure_group(rq->broker->catalog, name, &g, &e)) {
		log_every(10, LOG_WARN_, "client", "consumers of a group that is not there: %s",
			e.msg);
		return true;
	}
	if (catalog_ensure_retry_topic(rq->broker->catalog, name, &retry, &e))
		log_every(10, LOG_WARN_, "client", "no retry topic: %s", e.msg);
	return g->notify_changed;
}

static bool may_join(struct str group)
{
	struct err e = ERR_INIT;

	if (!group.n || names_check_wire_group(group, &e))
		log_every(
			10, LOG_WARN_, "client", "heartbeat without a usable group: %s", e.msg);
	return group.n && !e.code;
}

static size_t consumers_of(struct request *rq, struct str topic)
{
	struct consumers c;
	struct str *groups;
	size_t sum = 0, n;

	n = registry_groups_of_topic(rq->broker->registry, topic, rq->arena, &groups);
	for (size_t i = 0; i < n; i++)
		if (registry_consumers(rq->broker->registry, groups[i], &c))
			sum += c.n_members;
	return sum;
}

static bool is_member(struct request *rq, struct str group)
{
	struct consumers c;
	bool found = false;

	if (registry_consumers(rq->broker->registry, group, &c))
		for (size_t i = 0; !found && i < c.n_members; i++)
			found = c.members[i]->conn == rq->conn;
	return found;
}

/* A topic has so many consumers; who is one already stays. The heartbeat's answer says so. */
static int check_consumers(struct request *rq, const struct heartbeat_consumer *c)
{
	int64_t max = rq->broker->quota.consumers;

	if (!max || is_member(rq, c->group))
		return 0;
	for (size_t i = 0; i < c->n_subs; i++) {
		struct str topic = c->subs[i].topic;

		if (!names_is_retry(topic) && consumers_of(rq, topic) >= (size_t)max)
			return err_set(&rq->err, TQ_ELIMIT,
				"topic '" STR_FMT
				"' has %lld consumers, its limit: see max-consumers",
				STR_ARG(topic), (long long)max);
	}
	return 0;
}

static void beat_consumer(struct request *rq, const struct heartbeat_from *from, const cJSON *o)
{
	struct heartbeat_consumer c = {
		.group = body_name(rq, json_text(o, "groupName", NULL)),
		.type = body_enum(o, "consumeType", consume_type_names, CONSUME_PASSIVELY),
		.model = body_enum(o, "messageModel", message_model_names, MODEL_CLUSTERING),
		.from_where = body_enum(o, "consumeFromWhere", consume_from_names, 0),
	};
	struct err e = ERR_INIT;

	if (!may_join(c.group) || request_permit_group(rq, NEED_SUB, c.group))
		return;
	read_subs(rq, cJSON_GetObjectItemCaseSensitive(o, "subscriptionDataSet"), &c);
	if (check_consumers(rq, &c)) {
		log_every(10, LOG_WARN_, "client", "consumer not registered: %s", rq->err.msg);
		return;
	}
	c.notify = meet_group(rq, c.group);
	if (registry_consumer(rq->broker->registry, from, &c, &e))
		log_every(10, LOG_WARN_, "client", "consumer not registered: %s", e.msg);
}

static void beat_producer(struct request *rq, const struct heartbeat_from *from, const cJSON *o)
{
	struct str group = body_name(rq, json_text(o, "groupName", NULL));
	struct err e = ERR_INIT;

	if (!may_join(group) || request_permit_group(rq, NEED_PUB, group))
		return;
	if (registry_producer(rq->broker->registry, from, group, &e))
		log_every(10, LOG_WARN_, "client", "producer not registered: %s", e.msg);
}

static int heart_beat(struct request *rq, const void *fields UNUSED)
{
	char addr[HOST_TEXT];
	struct heartbeat_from from;
	const cJSON *o;
	cJSON *doc;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	from = (struct heartbeat_from){
		.conn = rq->conn,
		.client_id = str_of(json_text(doc, "clientID", "")),
		.addr = str_of(conn_peer(rq->conn, addr)),
		.language = rq->language,
		.version = rq->version,
	};
	cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(doc, "consumerDataSet"))
		beat_consumer(rq, &from, o);
	cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(doc, "producerDataSet"))
		beat_producer(rq, &from, o);
	cJSON_Delete(doc);
	return rq->err.code;
}

struct unregister {
	struct str producer_group, consumer_group, client_id;
};

static const struct field unregister_fields[] = { FIELD_GROUP("producerGroup",
							  struct unregister, producer_group, 0),
	FIELD_GROUP("consumerGroup", struct unregister, consumer_group, 0),
	FIELD_STR("clientID", struct unregister, client_id, 0), FIELD_END };

static int unregister_client(struct request *rq, const void *fields)
{
	const struct unregister *f = fields;
	const struct group *g = catalog_group(rq->broker->catalog, f->consumer_group);
	const struct member *m =
		registry_consumer_member(rq->broker->registry, f->consumer_group, f->client_id);

	if (m && m->conn == rq->conn)
		rebalance_leave(rq->broker->rebalance, f->consumer_group, f->client_id);
	registry_unregister(rq->broker->registry, rq->conn, f->producer_group,
		f->consumer_group, !g || g->notify_changed);
	return 0;
}

/* ---- 38, 46 ---- */

struct consumer_group {
	struct str group;
};

static const struct field consumer_group_fields[] = {
	FIELD_GROUP("consumerGroup", struct consumer_group, group, REQUIRED), FIELD_END
};

static int by_id(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int consumer_list(struct request *rq, const void *fields)
{
	const struct consumer_group *f = fields;
	const char **ids;
	struct consumers c;
	struct buf b;
	struct jw w;

	if (!registry_consumers(rq->broker->registry, f->group, &c))
		return err_set(&rq->err, TQ_EFAIL, "no consumer for this group, " STR_FMT,
			STR_ARG(f->group));
	ids = arena_alloc(rq->arena, c.n_members * sizeof(*ids));
	for (size_t i = 0; i < c.n_members; i++)
		ids[i] = c.members[i]->client_id;
	qsort(ids, c.n_members, sizeof(*ids), by_id);
	w = body_begin(&b);
	jw_key(&w, "consumerIdList");
	jw_array(&w);
	/* A client that reconnects may be a member twice for a while: its id counts once. */
	for (size_t i = 0; i < c.n_members; i++)
		if (!i || strcmp(ids[i], ids[i - 1]))
			jw_text(&w, ids[i]);
	jw_array_end(&w);
	body_send(rq, &w);
	return 0;
}

static int check_config(struct request *rq, const void *fields UNUSED)
{
	const struct sql *filter;
	struct subscription s;
	cJSON *doc;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	rc = read_sub(
		rq, cJSON_GetObjectItemCaseSensitive(doc, "subscriptionData"), &s, &rq->err);
	cJSON_Delete(doc);
	if (!rc && s.kind == SUB_SQL)
		rc = sqlcache_get(rq->broker->filters, s.text, &filter, &rq->err);
	return rc;
}

/* ---- 41, 42 ---- */

struct lock_call {
	struct request *rq;
	struct str group, client_id;
	struct jw *locked; /* NULL: unlock */
};

/* A queue that is locked is named as it was asked for: the client looks for its own spelling. */
static void lock_one(const struct lock_call *call, const cJSON *o)
{
	struct rebalance *r = call->rq->broker->rebalance;
	struct queue_name q = {
		.topic = body_name(call->rq, json_text(o, "topic", "")),
		.broker = str_of(json_text(o, "brokerName", "")),
		.queue = (int)json_int(o, "queueId", 0),
	};

	if (!call->locked)
		rebalance_unlock(r, call->group, &q, call->client_id);
	else if (rebalance_lock(r, call->group, &q, call->client_id, clock_mono_ms()))
		body_queue(call->locked, str_of(json_text(o, "topic", "")), q.broker, q.queue);
}

static int lock_queues(struct request *rq, struct jw *locked)
{
	struct lock_call call = { .rq = rq, .locked = locked };
	const cJSON *o;
	cJSON *doc;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	call.group = body_name(rq, json_text(doc, "consumerGroup", ""));
	call.client_id = str_of(json_text(doc, "clientId", ""));
	rc = request_permit_group(rq, NEED_SUB, call.group);
	if (!rc)
		cJSON_ArrayForEach (o, cJSON_GetObjectItemCaseSensitive(doc, "mqSet"))
			lock_one(&call, o);
	cJSON_Delete(doc);
	return rc;
}

static int lock_batch(struct request *rq, const void *fields UNUSED)
{
	struct buf b;
	struct jw w = body_begin(&b);
	int rc;

	jw_key(&w, "lockOKMQSet");
	jw_array(&w);
	rc = lock_queues(rq, &w);
	jw_array_end(&w);
	body_send(rq, &w);
	return rc;
}

static int unlock_batch(struct request *rq, const void *fields UNUSED)
{
	return lock_queues(rq, NULL);
}

/* ---- 36 ---- */

struct send_back {
	struct str group;
	int64_t offset;
	int delay_level, max_reconsume;
};

static const struct field send_back_fields[] = { FIELD_GROUP("group", struct send_back, group,
							 REQUIRED),
	FIELD_I64("offset", struct send_back, offset, REQUIRED),
	FIELD_I32("delayLevel", struct send_back, delay_level, REQUIRED),
	FIELD_I32_OR("maxReconsumeTimes", struct send_back, max_reconsume, -1), FIELD_END };

#define V3_4_9 121 /* older clients mean nothing by maxReconsumeTimes */

static int send_back(struct request *rq, const void *fields)
{
	const struct send_back *f = fields;
	struct broker *b = rq->broker;
	struct retry_ask ask = {
		.group = f->group,
		.phys_off = f->offset,
		.delay_level = f->delay_level,
		.max_reconsume = rq->version >= V3_4_9 ? f->max_reconsume : -1,
	};
	struct retry_result got;
	int rc = hold_check_room(b->hold, &rq->err);

	if (!rc) /* not a way to read what another namespace has */
		rc = request_permit_record(rq, NEED_SUB, f->offset);
	if (!rc)
		rc = retry_send_back(b->catalog, b->store, &ask, &got, &rq->err);
	if (rc || got.dropped)
		return rc;
	stats_add(b->stats, STAT_SEND_BACK, 1);
	stats_send_back(b->stats, str_of(got.origin_topic), f->group);
	reply_after(rq, got.at.end_off);
	return 0;
}

/* ---- 203, 204, 328 ---- */

static void put_connection(struct jw *w, const struct member *m)
{
	jw_object(w);
	jw_kv_text(w, "clientAddr", m->addr);
	jw_kv_text(w, "clientId", m->client_id);
	jw_kv_text(w, "language", language_name(m->language));
	jw_kv_int(w, "version", m->version);
	jw_end(w);
}

static void put_connections(struct jw *w, const struct member *const *members, size_t n)
{
	jw_key(w, "connectionSet");
	jw_array(w);
	for (size_t i = 0; i < n; i++)
		put_connection(w, members[i]);
	jw_array_end(w);
}

static int consumer_connections(struct request *rq, const void *fields)
{
	const struct consumer_group *f = fields;
	const struct subscription **subs;
	struct consumers c;
	struct buf b;
	struct jw w;
	size_t n;

	if (!registry_consumers(rq->broker->registry, f->group, &c))
		return err_set(&rq->err, TQ_EOFFLINE,
			"the consumer group[" STR_FMT "] not online", STR_ARG(f->group));
	w = body_begin(&b);
	put_connections(&w, c.members, c.n_members);
	jw_kv_text(&w, "consumeFromWhere", consume_from_names[c.from_where]);
	jw_kv_text(&w, "consumeType", consume_type_names[c.type]);
	jw_kv_text(&w, "messageModel", message_model_names[c.model]);
	jw_key(&w, "subscriptionTable");
	jw_object(&w);
	n = registry_subscriptions(rq->broker->registry, f->group, rq->arena, &subs);
	for (size_t i = 0; i < n; i++) {
		jw_key_str(&w, subs[i]->topic);
		subscription_to_json(&w, subs[i]);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

struct producer_group {
	struct str group;
};

static const struct field producer_group_fields[] = {
	FIELD_GROUP("producerGroup", struct producer_group, group, REQUIRED), FIELD_END
};

static int producer_connections(struct request *rq, const void *fields)
{
	const struct producer_group *f = fields;
	const struct member *const *members;
	struct buf b;
	struct jw w;
	size_t n = registry_producers(rq->broker->registry, f->group, &members);

	if (!n)
		return err_set(&rq->err, TQ_EFAIL, "the producer group[" STR_FMT "] not exist",
			STR_ARG(f->group));
	w = body_begin(&b);
	put_connections(&w, members, n);
	body_send(rq, &w);
	return 0;
}

static void put_producer(struct jw *w, const struct member *m)
{
	char ip[HOST_TEXT + 1];

	snprintf(ip, sizeof(ip), "/%s", m->addr);
	jw_object(w);
	jw_kv_text(w, "clientId", m->client_id);
	jw_kv_text(w, "language", language_name(m->language));
	jw_kv_int(w, "lastUpdateTimestamp", m->seen_ms);
	jw_kv_text(w, "remoteIP", ip);
	jw_kv_int(w, "version", m->version);
	jw_end(w);
}

static int all_producers(struct request *rq, const void *fields UNUSED)
{
	const struct member *const *members;
	struct str *groups;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = registry_producer_groups(rq->broker->registry, rq->arena, &groups);

	jw_key(&w, "data");
	jw_object(&w);
	for (size_t i = 0; i < n; i++) {
		size_t n_members =
			registry_producers(rq->broker->registry, groups[i], &members);

		jw_key_str(&w, groups[i]);
		jw_array(&w);
		for (size_t k = 0; k < n_members; k++)
			put_producer(&w, members[k]);
		jw_array_end(&w);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

const struct handler h_client[] = { { REQ_HEART_BEAT, NULL, 0, heart_beat, NEED_ROLE },
	{ REQ_UNREGISTER_CLIENT, unregister_fields, sizeof(struct unregister),
		unregister_client, NEED_ROLE },
	{ REQ_GET_CONSUMER_LIST_BY_GROUP, consumer_group_fields, sizeof(struct consumer_group),
		consumer_list, NEED_SUB },
	{ REQ_CHECK_CLIENT_CONFIG, NULL, 0, check_config, NEED_ROLE },
	{ REQ_LOCK_BATCH_MQ, NULL, 0, lock_batch, NEED_ROLE },
	{ REQ_UNLOCK_BATCH_MQ, NULL, 0, unlock_batch, NEED_ROLE },
	{ REQ_CONSUMER_SEND_MSG_BACK, send_back_fields, sizeof(struct send_back), send_back,
		NEED_SUB },
	{ REQ_GET_CONSUMER_CONNECTION_LIST, consumer_group_fields,
		sizeof(struct consumer_group), consumer_connections, NEED_READ },
	{ REQ_GET_PRODUCER_CONNECTION_LIST, producer_group_fields,
		sizeof(struct producer_group), producer_connections, NEED_READ },
	{ REQ_GET_ALL_PRODUCER_INFO, NULL, 0, all_producers, NEED_READ }, HANDLER_END };
