/* SPDX-License-Identifier: Apache-2.0 */
/* admin: positions, messages, namespaces. */
#include "admin_int.h"

/* ---- positions ---- */

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

/* ---- messages ---- */

/* The records of a body, which is copied, so that their slices stay good. */
static int read_messages(
	struct str body, struct arena *mem, struct messages *out, struct err *e)
{
	struct str copy = { body.n ? arena_strn(mem, body.p, body.n) : NULL, body.n };
	struct rd r = rd_init(copy);
	size_t cap = out->n;
	int rc = 0;

	while (!rc && rd_left(&r)) {
		if (out->n == cap) {
			cap = cap ? 2 * cap : 16;
			out->v = arena_more(mem, out->v, out->n, cap, sizeof(*out->v));
		}
		rc = message_decode(&r, &out->v[out->n], e);
		out->n += !rc;
	}
	return rc;
}

int admin_message_view(struct admin *a, const char *addr, int64_t phys_off, struct arena *mem,
	struct message *out, struct err *e)
{
	struct messages got = { NULL, 0 };
	struct reply *r;
	struct command rq;
	char off[24];
	int rc;

	snprintf(off, sizeof(off), "%lld", (long long)phys_off);
	command_init(&rq, REQ_VIEW_MESSAGE_BY_ID);
	command_add(&rq, "offset", str_of(off));
	rc = admin_call(a, addr, &rq, &r, e);
	if (rc == TQ_EFAIL) { /* what servers answer for "not there": code 1 */
		rc = TQ_ENOTFOUND;
		if (e)
			e->code = rc;
	}
	if (!rc)
		rc = read_messages(r->cmd.body, mem, &got, e);
	if (!rc && !got.n)
		rc = err_set(e, TQ_ENOTFOUND, "no message at offset %s of '%s'", off, addr);
	if (!rc)
		*out = got.v[0];
	reply_free(r);
	return rc;
}

int admin_message_query(struct admin *a, const char *topic, const char *key, bool unique,
	int max, int64_t begin_ms, int64_t end_ms, struct arena *mem, struct messages *out,
	struct err *e)
{
	struct command rq;
	struct fan f;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_QUERY_MESSAGE);
	command_add(&rq, "topic", str_of(topic));
	command_add(&rq, "key", str_of(key));
	command_add(&rq, "maxNum", text_of_number(mem, max));
	command_add(&rq, "beginTimestamp", text_of_number(mem, begin_ms));
	command_add(&rq, "endTimestamp", text_of_number(mem, end_ms));
	if (unique)
		command_add(&rq, "_UNIQUE_KEY_QUERY", STR("true"));
	rc = fan_route(a, topic, &rq, TQ_ENOTFOUND, mem, &f, e);
	if (rc == TQ_ENOTFOUND && e) /* nothing found is an answer */
		err_clear(e);
	if (rc == TQ_ENOTFOUND)
		rc = 0;
	for (size_t i = 0; !rc && i < f.n; i++)
		if (f.v[i].reply)
			rc = read_messages(f.v[i].reply->cmd.body, mem, out, e);
	fan_release(&f);
	return rc;
}

/* ---- namespaces ---- */

/* Namespaces are brokerd's: its first master is asked. */
static int call_master(struct admin *a, struct command *rq, struct reply **out, struct err *e)
{
	const struct cluster *cl;
	int rc = admin_cluster(a, &cl, e);

	if (out)
		*out = NULL;
	if (rc)
		return rc;
	for (size_t i = 0; i < cl->n; i++)
		if (cl->v[i].addr) {
			rc = admin_call(a, cl->v[i].addr, rq, out, e);
			if (rc == TQ_EUNSUPPORTED) {
				err_set(e, rc, "this server has no namespaces of its own");
				err_why(e,
					"Apache RocketMQ knows them only as a prefix of names");
				err_hint(e,
					"use names with a prefix: -N NS works with every server");
			}
			return rc;
		}
	return err_set(e, TQ_EUNREACHABLE, "the name server knows no broker");
}

static int by_namespace_name(const void *x, const void *y)
{
	return strcmp(((const struct namespace *)x)->name, ((const struct namespace *)y)->name);
}

static int read_namespaces(
	const cJSON *list, struct arena *mem, struct namespaces *out, struct err *e)
{
	const cJSON *j;
	int rc = 0;

	out->v = arena_alloc(mem, (size_t)cJSON_GetArraySize(list) * sizeof(*out->v));
	cJSON_ArrayForEach (j, list) {
		struct namespace *n = &out->v[out->n];

		rc = namespace_from_json(n, j, e);
		if (rc)
			return rc;
		n->name = arena_str(mem, n->name);
		n->remark = arena_str(mem, n->remark);
		out->n++;
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_namespace_name);
	return 0;
}

int admin_namespaces(struct admin *a, struct arena *mem, struct namespaces *out, struct err *e)
{
	const cJSON *list;
	struct reply *r;
	struct command rq;
	cJSON *doc = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_LIST_NAMESPACES);
	rc = call_master(a, &rq, &r, e);
	if (rc)
		return rc;
	rc = json_parse(r->cmd.body, JSON_STRICT, &doc, e);
	if (!rc)
		rc = json_need_array(doc, "namespaces", &list, e);
	if (!rc)
		rc = read_namespaces(list, mem, out, e);
	if (rc)
		err_wrap(e, "list of namespaces");
	cJSON_Delete(doc);
	reply_free(r);
	return rc;
}

static int save_namespace(struct admin *a, int code, const struct namespace *n, struct err *e)
{
	struct command rq;
	struct arena mem;
	int rc;

	arena_init(&mem);
	admin_namespace_request(&rq, n, &mem);
	rq.code = code;
	rc = call_master(a, &rq, NULL, e);
	arena_release(&mem);
	return rc;
}

int admin_namespace_create(struct admin *a, const struct namespace *n, struct err *e)
{
	return save_namespace(a, REQ_CREATE_NAMESPACE, n, e);
}

int admin_namespace_update(struct admin *a, const struct namespace *n, struct err *e)
{
	return save_namespace(a, REQ_UPDATE_NAMESPACE, n, e);
}

int admin_namespace_delete(struct admin *a, const char *name, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_DELETE_NAMESPACE);
	command_add(&rq, "namespace", str_of(name));
	return call_master(a, &rq, NULL, e);
}
