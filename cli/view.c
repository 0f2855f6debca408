/* SPDX-License-Identifier: Apache-2.0 */
/* view: columns and JSON of the kinds. */
#include "migrate_more.h"
#include "migrate_work.h"
#include "msg.h"
#include "names.h"
#include "store_offline.h"
#include "view.h"
#include "when.h"

static const struct col namespace_cols[] = {
	{ "name", "metadata.name" },
	{ "topics", "status.topics", COL_COUNT },
	{ "groups", "status.groups", COL_COUNT },
	{ "retention", "spec.retentionMs", COL_MS },
	{ "max-topics", "spec.maxTopics", COL_COUNT, COL_WIDE },
	{ "max-groups", "spec.maxGroups", COL_COUNT, COL_WIDE },
	{ "created", "metadata.createdMs", COL_TIME, COL_OPTIONAL },
	{ "description", "spec.description", COL_TEXT, COL_OPTIONAL },
	COL_END,
};

static const struct col topic_cols[] = {
	{ "namespace", "metadata.namespace" },
	{ "name", "metadata.name" },
	{ "type", "spec.type" },
	{ "queues", "spec.queues", COL_NUMBER },
	{ "perm", "spec.perm" },
	{ "write-queues", "spec.writeQueues", COL_NUMBER, COL_WIDE },
	{ "brokers", "status.brokers", COL_TEXT, COL_WIDE },
	{ "messages", "status.messages", COL_COUNT, COL_ONE },
	{ "last-write", "status.lastWriteMs", COL_TIME, COL_ONE },
	{ "groups", "status.groups", COL_TEXT, COL_ONE },
	{ "created", "metadata.createdMs", COL_TIME, COL_WIDE },
	{ "remark", "spec.remark", COL_TEXT, COL_OPTIONAL },
	COL_END,
};

static const struct col group_cols[] = {
	{ "namespace", "metadata.namespace" },
	{ "name", "metadata.name" },
	{ "consumption", "spec.consumption", COL_BOOL },
	{ "broadcast", "spec.broadcast", COL_BOOL },
	{ "retry-max", "spec.retryMax", COL_NUMBER },
	{ "retry-queues", "spec.retryQueues", COL_NUMBER, COL_WIDE },
	{ "lag", "status.lag", COL_COUNT, COL_ONE },
	{ "members", "status.members", COL_NUMBER, COL_ONE },
	{ "mode", "status.mode", COL_TEXT, COL_ONE },
	{ "topics", "status.topics", COL_TEXT, COL_ONE },
	{ "rate", "status.rate", COL_NUMBER, COL_ONE },
	{ "dead-letters", "status.deadLetters", COL_COUNT, COL_ONE },
	{ "created", "metadata.createdMs", COL_TIME, COL_WIDE },
	{ "remark", "spec.remark", COL_TEXT, COL_OPTIONAL },
	COL_END,
};

static const struct col cluster_cols[] = {
	{ "name", "name" },
	{ "id", "id", COL_TEXT, COL_WIDE },
	{ "server", "server" },
	{ "health", "health", COL_TEXT, COL_STATE },
	{ "masters", "masters", COL_NUMBER },
	{ "slaves", "slaves", COL_NUMBER, COL_OPTIONAL },
	{ "in", "inRate", COL_NUMBER },
	{ "out", "outRate", COL_NUMBER },
	{ "topics", "topics", COL_NUMBER, COL_ONE },
	{ "groups", "groups", COL_NUMBER, COL_ONE },
	{ "kind", "kind", COL_TEXT, COL_ONE },
	{ "retention", "retentionMs", COL_MS, COL_ONE },
	{ "description", "description", COL_TEXT, COL_ONE },
	{ "labels", "labels", COL_TEXT, COL_ONE },
	{ "in-today", "inToday", COL_COUNT, COL_WIDE },
	{ "out-today", "outToday", COL_COUNT, COL_WIDE },
	{ "disk", "diskPercent", COL_PERCENT, COL_OPTIONAL },
	{ "brokers", "brokers", COL_TEXT, COL_WIDE },
	{ "nameservers", "nameservers", COL_TEXT, COL_WIDE },
	COL_END,
};

static const struct col broker_cols[] = {
	{ "name", "name" },
	{ "cluster", "cluster", COL_TEXT, COL_OPTIONAL },
	{ "role", "role" },
	{ "address", "address" },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "version", "version" },
	{ "in", "inRate", COL_NUMBER },
	{ "out", "outRate", COL_NUMBER },
	{ "disk", "diskPercent", COL_PERCENT },
	{ "started", "startedMs", COL_TIME, COL_WIDE },
	{ "uptime", "uptimeMs", COL_MS },
	COL_END,
};

static const struct col quota_cols[] = {
	{ "limit", "limit" },
	{ "used", "used", COL_COUNT },
	{ "of", "of", COL_COUNT },
	COL_END,
};

static const struct col stat_cols[] = {
	{ "part", "part" },
	{ "name", "name" },
	{ "value", "shown" },
	COL_END,
};

static const struct col broker_lag_cols[] = {
	{ "namespace", "namespace", COL_TEXT, COL_WIDE },
	{ "group", "group" },
	{ "topic", "topic" },
	{ "lag", "lag", COL_COUNT },
	{ "last-consumed", "lastConsumedMs", COL_TIME },
	COL_END,
};

static const struct col setting_cols[] = {
	{ "server", "server" },
	{ "name", "name" },
	{ "value", "value" },
	COL_END,
};

static const struct col nameserver_cols[] = {
	{ "address", "address" },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "took", "tookMs", COL_MS },
	{ "brokers", "brokers", COL_NUMBER },
	COL_END,
};

static const struct col text_cols[] = {
	{ "key", "key" },
	{ "value", "value" },
	COL_END,
};

static const struct col queue_stat_cols[] = {
	{ "broker", "broker" },
	{ "queue", "queue", COL_NUMBER },
	{ "min", "minOffset", COL_NUMBER },
	{ "max", "maxOffset", COL_NUMBER },
	{ "messages", "messages", COL_COUNT },
	{ "last-write", "lastWriteMs", COL_TIME },
	COL_END,
};

static const struct col route_cols[] = {
	{ "broker", "broker" },
	{ "address", "address" },
	{ "read-queues", "readQueues", COL_NUMBER },
	{ "write-queues", "writeQueues", COL_NUMBER },
	{ "perm", "perm" },
	{ "cluster", "cluster", COL_TEXT, COL_WIDE },
	{ "slaves", "slaves", COL_TEXT, COL_WIDE },
	COL_END,
};

static const struct col lag_cols[] = {
	{ "topic", "topic" },
	{ "broker", "broker" },
	{ "queue", "queue", COL_NUMBER },
	{ "position", "position", COL_NUMBER },
	{ "end", "end", COL_NUMBER },
	{ "lag", "lag", COL_COUNT },
	{ "behind", "behindMs", COL_MS },
	{ "last-consumed", "lastConsumedMs", COL_TIME, COL_WIDE },
	COL_END,
};

static const struct col lag_group_cols[] = {
	{ "namespace", "namespace" },
	{ "group", "group" },
	{ "topic", "topic" },
	{ "queues", "queues", COL_NUMBER },
	{ "lag", "lag", COL_COUNT },
	{ "behind", "behindMs", COL_MS },
	{ "rate", "rate", COL_NUMBER, COL_WIDE },
	COL_END,
};

static const struct col member_cols[] = {
	{ "client", "client" },
	{ "address", "address" },
	{ "language", "language" },
	{ "version", "version" },
	{ "mode", "mode", COL_TEXT, COL_WIDE },
	{ "topics", "topics", COL_TEXT, COL_WIDE },
	COL_END,
};

static const struct col offset_cols[] = {
	{ "topic", "topic" },
	{ "broker", "broker" },
	{ "queue", "queue", COL_NUMBER },
	{ "offset", "offset", COL_NUMBER },
	{ "end", "end", COL_NUMBER, COL_WIDE },
	COL_END,
};

static const struct col role_cols[] = {
	{ "name", "metadata.name" },
	{ "grants", "spec.grants" },
	{ "last-used", "status.lastUsedMs", COL_TIME, COL_OPTIONAL },
	{ "access-key", "accessKey", COL_TEXT, COL_ONE },
	{ "secret-key", "secretKey", COL_TEXT, COL_ONE },
	{ "allow-from", "spec.allowFrom", COL_TEXT, COL_OPTIONAL },
	{ "old-token-until", "status.oldTokenUntilMs", COL_TIME, COL_ONE },
	{ "admin", "spec.admin", COL_BOOL, COL_WIDE },
	{ "created", "metadata.createdMs", COL_TIME, COL_WIDE },
	{ "description", "spec.description", COL_TEXT, COL_OPTIONAL },
	COL_END,
};

static const struct col acl_state_cols[] = {
	{ "broker", "broker" },
	{ "address", "address" },
	{ "version", "version", COL_NUMBER },
	{ "changed", "changedMs", COL_TIME },
	{ "state", "state", COL_TEXT, COL_STATE },
	COL_END,
};

static const struct col acl_can_cols[] = {
	{ "allowed", "allowed", COL_BOOL },
	{ "role", "role" },
	{ "action", "action" },
	{ "topic", "topic" },
	{ "group", "group" },
	{ "rule", "rule" },
	COL_END,
};

static const struct col address_cols[] = {
	{ "address", "address" },
	COL_END,
};

const struct view view_namespace = { "Namespace", "metadata.name", namespace_cols };
const struct view view_topic = { "Topic", "metadata.name", topic_cols };
const struct view view_group = { "Group", "metadata.name", group_cols };
const struct view view_cluster = { "Cluster", "name", cluster_cols };
const struct view view_broker = { "Broker", "name", broker_cols };
const struct view view_quota = { "Quota", "limit", quota_cols };
const struct view view_stat = { "BrokerStat", "name", stat_cols };
const struct view view_broker_lag = { "BrokerLag", "group", broker_lag_cols };
const struct view view_setting = { "Setting", "name", setting_cols };
const struct view view_nameserver = { "NameServer", "address", nameserver_cols };
const struct view view_text = { "Text", "key", text_cols };
const struct view view_queue_stat = { "QueueStats", "queue", queue_stat_cols };
const struct view view_route = { "Route", "broker", route_cols };
const struct view view_lag = { "QueueLag", "topic", lag_cols };
const struct view view_lag_group = { "GroupLag", "group", lag_group_cols };
const struct view view_member = { "Client", "client", member_cols };
const struct view view_offset = { "Offset", "topic", offset_cols };
const struct view view_role = { "Role", "metadata.name", role_cols };
const struct view view_acl_state = { "AclState", "broker", acl_state_cols };
const struct view view_acl_can = { "AclDecision", "rule", acl_can_cols };
const struct view view_address = { "Address", "address", address_cols };

/* The same without their first column, the namespace. */
static const struct view topics_here = { "Topic", "metadata.name", topic_cols + 1 };
static const struct view groups_here = { "Group", "metadata.name", group_cols + 1 };
static const struct view lags_here = { "GroupLag", "group", lag_group_cols + 1 };

const struct view *const views[] = { &view_namespace, &view_topic, &view_group, &view_cluster,
	&view_broker, &view_stat, &view_broker_lag, &view_setting, &view_nameserver, &view_text,
	&view_quota, &view_queue_stat, &view_route, &view_lag, &view_lag_group, &view_member,
	&view_offset, &message_view, &view_dlq, &view_sent, &view_message_id, &view_version,
	&view_store_part, &view_store_finding, &view_store_finding_plan, &view_handover,
	&view_delay, &view_transaction, &view_context, &view_position, &view_verify,
	&view_switch, &view_switch_event, &view_switch_group, &view_switch_client, &view_role,
	&view_acl_state, &view_acl_can, &view_address, NULL };

const struct view *view_topics(const struct ctx *cx)
{
	return cx->set.all_namespaces ? &view_topic : &topics_here;
}

const struct view *view_groups(const struct ctx *cx)
{
	return cx->set.all_namespaces ? &view_group : &groups_here;
}

const struct view *view_lags(const struct ctx *cx)
{
	return cx->set.all_namespaces ? &view_lag_group : &lags_here;
}

void view_add_int(cJSON *o, const char *key, int64_t v, bool known)
{
	if (known)
		json_add_i64(o, key, v);
	else
		cJSON_AddNullToObject(o, key);
}

void view_add_text(cJSON *o, const char *key, const char *s)
{
	if (s)
		json_add_str(o, key, str_of(s));
	else
		cJSON_AddNullToObject(o, key);
}

void view_add_time(struct ctx *cx, cJSON *o, const char *key, int64_t ms)
{
	char twin[64];
	struct buf b;

	snprintf(twin, sizeof(twin), "%sMs", key);
	buf_init(&b, 128);
	if (ms)
		when_rfc3339(&b, ms, cx->set.out.utc);
	view_add_text(o, key, ms ? b.p : NULL);
	view_add_int(o, twin, ms, ms != 0);
	buf_release(&b);
}

static cJSON *metadata(struct ctx *cx, cJSON *o, const char *wire, int64_t created_ms)
{
	cJSON *meta = cJSON_AddObjectToObject(o, "metadata");

	view_add_text(meta, "name", ctx_name(cx, wire));
	view_add_text(meta, "namespace", ctx_namespace_of(cx, wire));
	view_add_time(cx, meta, "created", created_ms);
	return meta;
}

cJSON *view_namespace_json(struct ctx *cx, const struct namespace *n)
{
	cJSON *o = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(o, "metadata");
	cJSON *spec = cJSON_AddObjectToObject(o, "spec");
	cJSON *status = cJSON_AddObjectToObject(o, "status");

	view_add_text(meta, "name", n->name);
	view_add_time(cx, meta, "created", n->created_ms);
	json_add_i64(spec, "retentionMs", n->retention_ms);
	view_add_int(spec, "maxTopics", n->max_topics, n->max_topics > 0);
	view_add_int(spec, "maxGroups", n->max_groups, n->max_groups > 0);
	view_add_text(spec, "description", n->remark);
	json_add_i64(status, "topics", n->topics);
	json_add_i64(status, "groups", n->groups);
	return o;
}

static void add_grants(cJSON *spec, const struct role *r)
{
	cJSON *list = cJSON_AddArrayToObject(spec, "grants");

	for (size_t i = 0; i < r->n_grants; i++) {
		const struct role_grant *g = &r->grants[i];
		const char *may = g->produce   ? g->consume ? "produce, consume" : "produce"
				  : g->consume ? "consume"
					       : "nothing";
		char *text = mem_fmt("%s%s%s: %s", g->on, *g->name ? " " : "", g->name, may);

		cJSON_AddItemToArray(list, cJSON_CreateString(text));
		mem_free(text);
	}
}

cJSON *view_role_json(struct ctx *cx, const struct role *r)
{
	cJSON *o = cJSON_CreateObject(), *meta = cJSON_AddObjectToObject(o, "metadata");
	cJSON *spec = cJSON_AddObjectToObject(o, "spec");
	cJSON *status = cJSON_AddObjectToObject(o, "status");

	view_add_text(meta, "name", r->name);
	view_add_time(cx, meta, "created", r->created_ms);
	add_grants(spec, r);
	view_add_text(spec, "allowFrom", *r->allow_from ? r->allow_from : NULL);
	cJSON_AddBoolToObject(spec, "admin", r->admin);
	view_add_text(spec, "description", *r->remark ? r->remark : NULL);
	view_add_time(cx, status, "lastUsed", r->used_ms);
	view_add_time(cx, status, "oldTokenUntil", r->old_until_ms);
	if (r->access_key)
		view_add_text(o, "accessKey", r->access_key);
	if (r->secret_key)
		view_add_text(o, "secretKey", r->secret_key);
	return o;
}

cJSON *view_setting_json(const char *server, struct kv kv)
{
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "server", server);
	json_add_str(o, "name", kv.key);
	json_add_str(o, "value", kv.value);
	return o;
}

cJSON *view_topic_json(struct ctx *cx, const struct topic_info *t)
{
	cJSON *o = cJSON_CreateObject(), *spec, *status, *brokers;
	char perm[4];

	metadata(cx, o, t->t.name, t->t.created_ms);
	spec = cJSON_AddObjectToObject(o, "spec");
	view_add_text(spec, "type", topic_type_names[t->t.type]);
	json_add_i64(spec, "queues", t->t.read_queues);
	json_add_i64(spec, "writeQueues", t->t.write_queues);
	view_add_text(spec, "perm", perm_text(t->t.perm, perm));
	view_add_text(spec, "remark", t->t.remark);
	status = cJSON_AddObjectToObject(o, "status");
	brokers = cJSON_AddArrayToObject(status, "brokers");
	for (size_t i = 0; i < t->n_at; i++)
		cJSON_AddItemToArray(brokers, cJSON_CreateString(t->at[i].broker));
	return o;
}

cJSON *view_group_json(struct ctx *cx, const struct group *g)
{
	cJSON *o = cJSON_CreateObject(), *spec;

	metadata(cx, o, g->name, g->created_ms);
	spec = cJSON_AddObjectToObject(o, "spec");
	cJSON_AddBoolToObject(spec, "consumption", g->consume);
	cJSON_AddBoolToObject(spec, "broadcast", g->broadcast);
	json_add_i64(spec, "retryMax", g->retry_max);
	json_add_i64(spec, "retryQueues", g->retry_queues);
	view_add_text(spec, "remark", g->remark);
	cJSON_AddObjectToObject(o, "status");
	return o;
}
