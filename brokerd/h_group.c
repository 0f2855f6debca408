/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_group: consumer groups: create, change, delete, list, what they have consumed and what they
 * have yet to. (Apache 4.9.8, broker/.../processor/AdminBrokerProcessor.java.)
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/hold.h"
#include "brokerd/later.h"
#include "brokerd/offsets.h"
#include "brokerd/registry.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "log.h"
#include "names.h"

/* ---- 200, 207, 201, 43 ---- */

/* What its members wait for is looked at again, so that a change shows at once. */
static void wake_group(struct request *rq, struct str group)
{
	const struct subscription **subs;
	size_t n = registry_subscriptions(rq->broker->registry, group, rq->arena, &subs);

	for (size_t i = 0; i < n; i++)
		hold_wake_topic(rq->broker->hold, subs[i]->topic);
}

static int group_put(struct request *rq, void *arg)
{
	wake_group(rq, str_of(arg));
	return 0;
}

static int put_group(struct request *rq, const void *fields UNUSED)
{
	struct later *l;
	struct str name;
	struct group g;
	cJSON *doc;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	rc = group_from_json(&g, doc, &rq->err);
	if (!rc) {
		l = later_new(rq, group_put, NULL);
		name = body_name(rq, g.name ? g.name : "");
		later_set_arg(l, arena_strn(later_arena(l), name.p, name.n));
		g.name = name.p;
		rc = later_started(l, catalog_put_group(rq->broker->catalog, &g, CATALOG_PUT,
					      later_done, l, &rq->err));
	}
	cJSON_Delete(doc);
	if (rc && rc != TQ_ELIMIT)
		rq->err.response = RESP_SYSTEM_ERROR;
	return rc;
}

struct delete_group {
	struct str group;
	bool offsets;
};

static const struct field delete_group_fields[] = {
	FIELD_GROUP("groupName", struct delete_group, group, REQUIRED),
	FIELD_BOOL("removeOffset", struct delete_group, offsets, 0), FIELD_END
};

struct gone {
	char *name;
	bool offsets;
};

/* Consumers of a group that is gone are none: their pulls are refused from now on. */
static void drop_members(struct request *rq, struct str group)
{
	struct registry *r = rq->broker->registry;
	struct consumers c;

	wake_group(rq, group);
	while (registry_consumers(r, group, &c))
		registry_unregister(r, c.members[0]->conn, STR_NONE, group, false);
}

static int group_gone(struct request *rq, void *arg)
{
	const struct gone *gone = arg;

	if (!catalog_group(rq->broker->catalog, str_of(gone->name)))
		drop_members(rq, str_of(gone->name));

	if (gone->offsets)
		offsets_delete_group(rq->broker->offsets, str_of(gone->name));
	stats_forget_group(rq->broker->stats, str_of(gone->name));
	log_info("group", "group '%s' deleted", gone->name);
	return 0;
}

static int delete_group(struct request *rq, const void *fields)
{
	const struct delete_group *f = fields;
	struct later *l = later_new(rq, group_gone, NULL);
	struct gone *gone = arena_alloc(later_arena(l), sizeof(*gone));
	int rc;

	gone->name = arena_strn(later_arena(l), f->group.p, f->group.n);
	gone->offsets = f->offsets;
	later_set_arg(l, gone);
	rc = later_started(l,
		catalog_delete_group(rq->broker->catalog, f->group, later_done, l, &rq->err));
	if (rc && rc != TQ_ELIMIT)
		rq->err.response = RESP_SYSTEM_ERROR;
	return rc;
}

static int all_groups(struct request *rq, const void *fields UNUSED)
{
	struct catalog *c = rq->broker->catalog;
	const struct group **groups;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = catalog_groups(c, rq->arena, &groups);

	jw_key(&w, "dataVersion");
	data_version_to_json(&w, catalog_groups_version(c));
	jw_key(&w, "subscriptionGroupTable");
	jw_object(&w);
	for (size_t i = 0; i < n; i++) {
		if (!request_sees_group(rq, str_of(groups[i]->name)))
			continue;
		jw_key(&w, groups[i]->name);
		group_to_json(&w, groups[i]);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

static void put_pair(struct jw *w, const struct offset_pair *p, struct arena *a)
{
	jw_key(w, arena_fmt(a, STR_FMT "@" STR_FMT, STR_ARG(p->topic), STR_ARG(p->group)));
	jw_object(w);
	for (size_t i = 0; i < p->n; i++) {
		jw_key_int(w, p->queues[i].queue);
		jw_int(w, p->queues[i].off);
	}
	jw_end(w);
}

static int all_offsets(struct request *rq, const void *fields UNUSED)
{
	struct offset_pair *pairs;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = offsets_list(rq->broker->offsets, STR_NONE, STR_NONE, rq->arena, &pairs);

	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (size_t i = 0; i < n; i++)
		put_pair(&w, &pairs[i], rq->arena);
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

/* ---- 208, 317 ---- */

/* An online group that does not subscribe to the topic any more is not behind on it. */
static bool is_counted(struct request *rq, struct str group, struct str topic)
{
	bool online;
	const struct subscription *s;

	s = registry_subscription(rq->broker->registry, group, topic, &online);
	return s || !online;
}

/* A client may commit any number: the sum stays at its end instead of coming out at the other. */
static void add_behind(int64_t *behind, int64_t max, int64_t done)
{
	int64_t left = max - done; /* neither is negative */

	if (__builtin_add_overflow(*behind, left, behind))
		*behind = left < 0 ? INT64_MIN : INT64_MAX;
}

/* A row for each read queue; *behind grows by what is left to consume. */
static void put_rows(struct jw *w, struct request *rq, struct str group, const struct topic *t,
	int64_t *behind)
{
	struct store *s = rq->broker->store;
	struct str topic = str_of(t->name);
	int64_t min, max, done, last;

	for (int q = 0; q < t->read_queues; q++) {
		store_queue_bounds(s, topic, q, &min, &max);
		done = MAX(offsets_get(rq->broker->offsets, group, topic, q), 0);
		last = done > 0 ? store_time_at(s, topic, q, done - 1) : 0;
		body_queue_key(w, rq, topic, q);
		jw_object(w);
		jw_kv_int(w, "brokerOffset", max);
		jw_kv_int(w, "consumerOffset", done);
		jw_kv_int(w, "lastTimestamp", MAX(last, 0));
		jw_end(w);
		add_behind(behind, max, done);
	}
}

/* Topics of which the group has positions. */
static size_t topics_of(struct request *rq, struct str group, const struct topic ***out)
{
	const struct catalog *c = rq->broker->catalog;
	struct offset_pair *pairs;
	const struct topic *t;
	size_t n, found = 0;

	n = offsets_list(rq->broker->offsets, STR_NONE, group, rq->arena, &pairs);
	*out = arena_alloc(rq->arena, (n + 1) * sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		t = catalog_topic(c, pairs[i].topic);
		if (t && is_counted(rq, group, pairs[i].topic))
			(*out)[found++] = t;
	}
	return found;
}

static double consume_tps(struct request *rq, struct str group, const struct topic *t)
{
	return stats_get_tps(rq->broker->stats, str_of(t->name), group);
}

struct consume_stats {
	struct str group, topic;
};

static const struct field consume_stats_fields[] = {
	FIELD_GROUP("consumerGroup", struct consume_stats, group, REQUIRED),
	FIELD_TOPIC("topic", struct consume_stats, topic, 0), FIELD_END
};

static int consume_stats(struct request *rq, const void *fields)
{
	const struct consume_stats *f = fields;
	const struct topic **topics, *one;
	int64_t behind = 0;
	double tps = 0;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n;

	if (f->topic.n) {
		one = catalog_topic(rq->broker->catalog, f->topic);
		topics = &one;
		n = one && is_counted(rq, f->group, f->topic);
	} else {
		n = topics_of(rq, f->group, &topics);
	}
	for (size_t i = 0; i < n; i++)
		tps += consume_tps(rq, f->group, topics[i]);
	jw_kv_double(&w, "consumeTps", tps);
	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (size_t i = 0; i < n; i++)
		put_rows(&w, rq, f->group, topics[i], &behind);
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

struct broker_stats {
	bool ordered;
};

static const struct field broker_stats_fields[] = {
	FIELD_BOOL("isOrder", struct broker_stats, ordered, 0), FIELD_END
};

static void put_group_stats(
	struct jw *w, struct request *rq, const char *group, bool ordered, int64_t *behind)
{
	const struct topic **topics;
	size_t n = topics_of(rq, str_of(group), &topics);

	jw_object(w);
	jw_key(w, group);
	jw_array(w);
	for (size_t i = 0; i < n; i++) {
		if (ordered && !topics[i]->order)
			continue;
		jw_object(w);
		jw_kv_double(w, "consumeTps", consume_tps(rq, str_of(group), topics[i]));
		jw_key(w, "offsetTable");
		jw_object(w);
		put_rows(w, rq, str_of(group), topics[i], behind);
		jw_end(w);
		jw_end(w);
	}
	jw_array_end(w);
	jw_end(w);
}

static int broker_consume_stats(struct request *rq, const void *fields)
{
	const struct broker_stats *f = fields;
	const struct group **groups;
	int64_t behind = 0;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = catalog_groups(rq->broker->catalog, rq->arena, &groups);

	jw_kv_text(&w, "brokerAddr", broker_address(rq->broker));
	jw_key(&w, "consumeStatsList");
	jw_array(&w);
	for (size_t i = 0; i < n; i++)
		put_group_stats(&w, rq, groups[i]->name, f->ordered, &behind);
	jw_array_end(&w);
	jw_kv_int(&w, "totalDiff", behind);
	body_send(rq, &w);
	return 0;
}

const struct handler h_group[] = { { REQ_UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, NULL, 0,
					   put_group, NEED_ADMIN },
	{ REQ_DELETE_SUBSCRIPTIONGROUP, delete_group_fields, sizeof(struct delete_group),
		delete_group, NEED_ADMIN },
	{ REQ_GET_ALL_SUBSCRIPTIONGROUP_CONFIG, NULL, 0, all_groups, NEED_ROLE },
	{ REQ_GET_ALL_CONSUMER_OFFSET, NULL, 0, all_offsets, NEED_READ },
	{ REQ_GET_CONSUME_STATS, consume_stats_fields, sizeof(struct consume_stats),
		consume_stats, NEED_READ },
	{ REQ_GET_BROKER_CONSUME_STATS, broker_stats_fields, sizeof(struct broker_stats),
		broker_consume_stats, NEED_READ },
	HANDLER_END };
