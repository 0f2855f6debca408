/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members are written in the order of their names, as Apache's writers do. What its formats have
 * no member for goes into "attributes", a table of texts that 5.x knows and 4.9 passes over; it
 * is left out where it would be empty, so that an ordinary topic looks as an Apache one.
 */
#include "model.h"

#include "names.h"

#define APACHE_QUEUES 16
#define QUEUES_READ_MAX 65536 /* in a table from elsewhere; our own rule is TOPIC_QUEUES_MAX */

const char *const topic_type_names[] = {
	[TOPIC_NORMAL] = "normal",
	[TOPIC_FIFO] = "fifo",
	[TOPIC_DELAY] = "delay",
	[TOPIC_TRANSACTION] = "transaction",
	[TOPIC_MIXED] = "mixed",
	[TOPIC_TYPES] = NULL,
};

static const char *const wire_types[] = {
	[TOPIC_NORMAL] = "NORMAL",
	[TOPIC_FIFO] = "FIFO",
	[TOPIC_DELAY] = "DELAY",
	[TOPIC_TRANSACTION] = "TRANSACTION",
	[TOPIC_MIXED] = "MIXED",
	[TOPIC_TYPES] = NULL,
};

const char *topic_type_wire(int type)
{
	BUG_ON(type < 0 || type >= TOPIC_TYPES);
	return wire_types[type];
}

int topic_type_from_wire(const char *s, int absent)
{
	int i = str_index(str_of(s), wire_types);

	return i >= 0 ? i : absent;
}

struct topic topic_defaults(void)
{
	return (struct topic){
		.type = TOPIC_NORMAL,
		.read_queues = TOPIC_QUEUES,
		.write_queues = TOPIC_QUEUES,
		.perm = PERM_RW,
	};
}

struct group group_defaults(void)
{
	return (struct group){
		.consume = true,
		.consume_from_min = true,
		.broadcast = true,
		.notify_changed = true,
		.retry_queues = GROUP_RETRY_QUEUES,
		.retry_max = GROUP_RETRIES,
		.slow_broker_id = 1,
	};
}

const char *perm_text(int perm, char out[4])
{
	int n = 0;

	if (perm & PERM_READ)
		out[n++] = 'r';
	if (perm & PERM_WRITE)
		out[n++] = 'w';
	if (perm & PERM_INHERIT)
		out[n++] = 'i';
	out[n] = '\0';
	return n ? out : "none";
}

/* ---- rules ---- */

static int check_range(const char *what, int64_t v, int64_t min, int64_t max, struct err *e)
{
	if (v >= min && v <= max)
		return 0;
	return err_set(e, TQ_EINVAL, "%s: %lld is not between %lld and %lld", what,
		(long long)v, (long long)min, (long long)max);
}

static int check_remark(const char *remark, struct err *e)
{
	struct str s = str_of(remark);
	int64_t chars = 0;

	if (!str_is_utf8(s))
		return err_set(e, TQ_EINVAL, "remark: not UTF-8");
	for (size_t i = 0; i < s.n; i++)
		chars += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	if (chars > REMARK_MAX)
		return err_set(e, TQ_EINVAL, "remark: %lld characters, more than %d",
			(long long)chars, REMARK_MAX);
	return 0;
}

int topic_validate(const struct topic *t, struct err *e)
{
	int rc;

	if ((rc = names_check_wire_topic(str_of(t->name), e)) ||
		(rc = check_remark(t->remark, e)) ||
		(rc = check_range("type", t->type, 0, TOPIC_TYPES - 1, e)) ||
		(rc = check_range("read queues", t->read_queues, 1, TOPIC_QUEUES_MAX, e)) ||
		(rc = check_range("write queues", t->write_queues, 1, TOPIC_QUEUES_MAX, e)) ||
		(rc = check_range("permission", t->perm, 0, PERM_RW | PERM_INHERIT, e)))
		return rc;
	return 0;
}

int group_validate(const struct group *g, struct err *e)
{
	int rc;

	if ((rc = names_check_wire_group(str_of(g->name), e)) ||
		(rc = check_remark(g->remark, e)) ||
		(rc = check_range("retry queues", g->retry_queues, 0, TOPIC_QUEUES_MAX, e)) ||
		(rc = check_range("retries", g->retry_max, 0, GROUP_RETRIES_MAX, e)))
		return rc;
	return 0;
}

/* ---- reading ---- */

/* Reads an int member; outside of the bounds it is an error of the whole object. */
static int read_int(const cJSON *o, const char *key, int min, int max, int *v, struct err *e)
{
	int64_t got = json_int(o, key, *v);

	if (got < min || got > max)
		return err_set(e, TQ_EFORMAT, "%s: %lld is not between %d and %d", key,
			(long long)got, min, max);
	*v = (int)got;
	return 0;
}

static int need_object(const cJSON *o, const char *what, struct err *e)
{
	return cJSON_IsObject(o) ? 0 : err_set(e, TQ_EFORMAT, "%s: not an object", what);
}

/* Requests of 5.x put a sign in front of the name of an attribute. */
static const char *message_type(const cJSON *attributes)
{
	return json_text(
		attributes, "message.type", json_text(attributes, "+message.type", NULL));
}

int topic_from_json(struct topic *t, const cJSON *o, struct err *e)
{
	const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(o, "attributes");
	int rc = need_object(o, "topic", e);

	if (rc)
		return rc;
	*t = topic_defaults();
	t->read_queues = t->write_queues = APACHE_QUEUES;
	t->name = json_text(o, "topicName", NULL);
	t->order = json_bool(o, "order", false);
	t->multi_tag = str_is(str_of(json_text(o, "topicFilterType", "")), "MULTI_TAG");
	t->type = topic_type_from_wire(message_type(attributes), TOPIC_MIXED);
	t->remark = json_text(attributes, "remark", NULL);
	t->created_ms = json_int(attributes, "created", 0);
	if ((rc = read_int(o, "readQueueNums", 0, QUEUES_READ_MAX, &t->read_queues, e)) ||
		(rc = read_int(o, "writeQueueNums", 0, QUEUES_READ_MAX, &t->write_queues, e)) ||
		(rc = read_int(o, "perm", 0, 15, &t->perm, e)) ||
		(rc = read_int(o, "topicSysFlag", 0, INT32_MAX, &t->sysflag, e)))
		return err_wrap(e, "topic '%s'", t->name ? t->name : "");
	return 0;
}

int group_from_json(struct group *g, const cJSON *o, struct err *e)
{
	const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(o, "attributes");
	int rc = need_object(o, "group", e);

	if (rc)
		return rc;
	*g = group_defaults();
	g->name = json_text(o, "groupName", NULL);
	g->consume = json_bool(o, "consumeEnable", g->consume);
	g->consume_from_min = json_bool(o, "consumeFromMinEnable", g->consume_from_min);
	g->broadcast = json_bool(o, "consumeBroadcastEnable", g->broadcast);
	g->notify_changed = json_bool(o, "notifyConsumerIdsChangedEnable", g->notify_changed);
	g->broker_id = json_int(o, "brokerId", g->broker_id);
	g->slow_broker_id = json_int(o, "whichBrokerWhenConsumeSlowly", g->slow_broker_id);
	g->remark = json_text(attributes, "remark", NULL);
	g->created_ms = json_int(attributes, "created", 0);
	if ((rc = read_int(o, "retryQueueNums", 0, QUEUES_READ_MAX, &g->retry_queues, e)) ||
		(rc = read_int(o, "retryMaxTimes", INT32_MIN, INT32_MAX, &g->retry_max, e)))
		return err_wrap(e, "group '%s'", g->name ? g->name : "");
	return 0;
}

int namespace_from_json(struct namespace *n, const cJSON *o, struct err *e)
{
	int rc = need_object(o, "namespace", e);

	if (rc)
		return rc;
	*n = (struct namespace){
		.name = json_text(o, "name", NULL),
		.remark = json_text(o, "remark", NULL),
		.retention_ms = json_int(o, "retentionMs", 0),
		.created_ms = json_int(o, "createdMs", 0),
	};
	if ((rc = read_int(o, "maxTopics", 0, INT32_MAX, &n->max_topics, e)) ||
		(rc = read_int(o, "maxGroups", 0, INT32_MAX, &n->max_groups, e)) ||
		(rc = read_int(o, "topics", 0, INT32_MAX, &n->topics, e)) ||
		(rc = read_int(o, "groups", 0, INT32_MAX, &n->groups, e)))
		return err_wrap(e, "namespace '%s'", n->name ? n->name : "");
	return 0;
}

/* ---- writing ---- */

/* type NULL: there is none to tell. */
static void write_attributes(
	struct jw *w, int64_t created_ms, const char *type, const char *remark)
{
	char digits[24];

	if (!created_ms && !type && !remark)
		return;
	jw_key(w, "attributes");
	jw_object(w);
	if (created_ms) { /* all attributes are texts */
		snprintf(digits, sizeof(digits), "%lld", (long long)created_ms);
		jw_kv_text(w, "created", digits);
	}
	if (type)
		jw_kv_text(w, "message.type", type);
	if (remark)
		jw_kv_text(w, "remark", remark);
	jw_end(w);
}

void topic_to_json(struct jw *w, const struct topic *t)
{
	jw_object(w);
	write_attributes(w, t->created_ms,
		t->type == TOPIC_MIXED ? NULL : topic_type_wire(t->type), t->remark);
	jw_kv_bool(w, "order", t->order);
	jw_kv_int(w, "perm", t->perm);
	jw_kv_int(w, "readQueueNums", t->read_queues);
	jw_kv_text(w, "topicFilterType", t->multi_tag ? "MULTI_TAG" : "SINGLE_TAG");
	jw_kv_text(w, "topicName", t->name);
	jw_kv_int(w, "topicSysFlag", t->sysflag);
	jw_kv_int(w, "writeQueueNums", t->write_queues);
	jw_end(w);
}

void group_to_json(struct jw *w, const struct group *g)
{
	jw_object(w);
	write_attributes(w, g->created_ms, NULL, g->remark);
	jw_kv_int(w, "brokerId", g->broker_id);
	jw_kv_bool(w, "consumeBroadcastEnable", g->broadcast);
	jw_kv_bool(w, "consumeEnable", g->consume);
	jw_kv_bool(w, "consumeFromMinEnable", g->consume_from_min);
	jw_kv_text(w, "groupName", g->name);
	jw_kv_bool(w, "notifyConsumerIdsChangedEnable", g->notify_changed);
	jw_kv_int(w, "retryMaxTimes", g->retry_max);
	jw_kv_int(w, "retryQueueNums", g->retry_queues);
	jw_kv_int(w, "whichBrokerWhenConsumeSlowly", g->slow_broker_id);
	jw_end(w);
}

void namespace_to_json(struct jw *w, const struct namespace *n)
{
	jw_object(w);
	jw_kv_int(w, "createdMs", n->created_ms);
	jw_kv_int(w, "groups", n->groups);
	jw_kv_int(w, "maxGroups", n->max_groups);
	jw_kv_int(w, "maxTopics", n->max_topics);
	jw_kv_text(w, "name", n->name);
	if (n->remark)
		jw_kv_text(w, "remark", n->remark);
	jw_kv_int(w, "retentionMs", n->retention_ms);
	jw_kv_int(w, "topics", n->topics);
	jw_end(w);
}
