/* SPDX-License-Identifier: Apache-2.0 */
/* admin: positions of groups, and the bounds of queues. */
#include "admin_int.h"

static int ask_offset(
	struct admin *a, const char *addr, struct command *rq, int64_t *out, struct err *e)
{
	struct reply *r;
	int rc = admin_call(a, addr, rq, &r, e);

	if (!rc)
		rc = str_to_i64(command_ext(&r->cmd, "offset"), INT64_MIN, INT64_MAX, out,
			"offset in the answer", e);
	reply_free(r);
	return rc;
}

struct offset_rq {
	struct command rq;
	char queue[16], value[24];
};

static void offset_rq(struct offset_rq *o, int code, const char *topic, int queue)
{
	snprintf(o->queue, sizeof(o->queue), "%d", queue);
	command_init(&o->rq, code);
	command_add(&o->rq, "topic", str_of(topic));
	command_add(&o->rq, "queueId", str_of(o->queue));
}

static void offset_value(struct offset_rq *o, const char *key, int64_t v)
{
	snprintf(o->value, sizeof(o->value), "%lld", (long long)v);
	command_add(&o->rq, key, str_of(o->value));
}

int admin_offset_get(struct admin *a, const char *addr, const char *group, const char *topic,
	int queue, int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_QUERY_CONSUMER_OFFSET, topic, queue);
	command_add(&o.rq, "consumerGroup", str_of(group));
	command_add(&o.rq, "setZeroIfNotFound", STR("false"));
	return ask_offset(a, addr, &o.rq, out, e);
}

int admin_offset_set(struct admin *a, const char *addr, const char *group, const char *topic,
	int queue, int64_t off, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_UPDATE_CONSUMER_OFFSET, topic, queue);
	command_add(&o.rq, "consumerGroup", str_of(group));
	offset_value(&o, "commitOffset", off);
	return admin_call(a, addr, &o.rq, NULL, e);
}

int admin_offset_max(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_GET_MAX_OFFSET, topic, queue);
	return ask_offset(a, addr, &o.rq, out, e);
}

int admin_offset_min(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_GET_MIN_OFFSET, topic, queue);
	return ask_offset(a, addr, &o.rq, out, e);
}

int admin_offset_at(struct admin *a, const char *addr, const char *topic, int queue, int64_t ms,
	int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_SEARCH_OFFSET_BY_TIMESTAMP, topic, queue);
	offset_value(&o, "timestamp", ms);
	return ask_offset(a, addr, &o.rq, out, e);
}
