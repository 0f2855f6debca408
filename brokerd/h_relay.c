/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_relay: what only a consumer itself can tell or do: its running state (307), one message now
 * (309), where it stands (223 asks with 221), where to go on (222 tells with 220).
 *
 * The administrator's request is parked until the client answers, 10 s at most (5 s for 221); its
 * header fields go on as they came, but for what signs them. Several clients are asked at the
 * same time. (Apache 4.9.8, broker/.../client/net/Broker2Client.java. Differing: each member gets
 * the new offsets in the form its own language reads, not the administrator's, and the broker's
 * own table is changed as well.)
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/offsets.h"
#include "brokerd/registry.h"
#include "brokerd/store/store.h"
#include "log.h"
#include "sign.h"

#define CALL_MS 10000
#define STATUS_MS 5000
#define V3_0_7 28 /* versions: clients know 220 and 221 since then */
#define V3_1_8 62 /* and 307, 309 */
#define BODY_MAX (FRAME_MAX - 65536)

/* ---- 307, 309 ---- */

struct relay {
	struct request *rq; /* parked */
	const char *group, *client; /* the request's arena */
};

struct to_client {
	struct str group, client, id;
};

static const struct field to_client_fields[] = { FIELD_GROUP("consumerGroup", struct to_client,
							 group, REQUIRED),
	FIELD_STR("clientId", struct to_client, client, 0),
	FIELD_STR("msgId", struct to_client, id, 0), FIELD_END };

/* The client's answer is the administrator's, code and all. */
static void pass_on(struct request *rq, const struct command *answer)
{
	struct buf body;

	reply_code(rq, answer->code);
	if (answer->remark.p)
		rq->remark =
			(struct str){ arena_strn(rq->arena, answer->remark.p, answer->remark.n),
				answer->remark.n };
	for (int i = 0; i < MIN(answer->n_ext, REPLY_MAX_EXT); i++) {
		const struct ext *x = &answer->ext[i];

		reply_ext_copy(rq,
			(struct str){ arena_strn(rq->arena, x->key.p, x->key.n), x->key.n },
			x->value);
	}
	buf_init(&body, BODY_MAX);
	buf_add_str(&body, answer->body);
	reply_body(rq, &body);
	buf_release(&body);
}

static void answered(void *arg, int rc, const struct command *answer)
{
	const struct relay *r = arg;
	struct request *rq = r->rq;

	if (!rc)
		pass_on(rq, answer);
	else if (rc == TQ_ETIMEDOUT)
		err_set(&rq->err, rc, "consumer <%s> <%s> Timeout: no answer in %d s", r->group,
			r->client, CALL_MS / 1000);
	else if (rc == TQ_EBUSY)
		err_set(&rq->err, rc, "consumer <%s> <%s> does not read what it is sent",
			r->group, r->client);
	else
		err_set(&rq->err, TQ_EFAIL,
			"invoke consumer <%s> <%s> Exception: its connection was closed",
			r->group, r->client);
	request_finish(rq, rq->err.code);
}

static int call_client(struct request *rq, const struct to_client *f, struct str body)
{
	const struct member *m =
		registry_consumer_member(rq->broker->registry, f->group, f->client);
	struct request *parked;
	struct command ask;
	struct relay *r;

	if (!m)
		return err_set(&rq->err, TQ_EFAIL,
			"The Consumer <" STR_FMT "> <" STR_FMT "> not online",
			STR_ARG(f->group), STR_ARG(f->client));
	if (m->version < V3_1_8)
		return err_set(&rq->err, TQ_EFAIL,
			"The Consumer <" STR_FMT "> Version <%d> too low to finish, please "
			"upgrade it to V3_1_8_SNAPSHOT",
			STR_ARG(f->client), m->version);
	command_init(&ask, rq->code);
	for (int i = 0; i < MIN(rq->cmd->n_ext, COMMAND_MAX_EXT - 1); i++) {
		const struct ext *x = &rq->cmd->ext[i];

		if (!sign_is_field(x->key) && !str_is(x->key, "brokerName"))
			ask.ext[ask.n_ext++] = *x;
	}
	if (rq->code == REQ_CONSUME_MESSAGE_DIRECTLY)
		command_add(&ask, "brokerName", str_of(rq->broker->cfg->broker));
	else if (!command_ext(rq->cmd, "jstackEnable").n)
		command_add(&ask, "jstackEnable", STR("false"));
	ask.body = body;
	parked = request_park(rq);
	r = arena_alloc(parked->arena, sizeof(*r));
	r->rq = parked;
	r->group = arena_strn(parked->arena, f->group.p, f->group.n);
	r->client = arena_strn(parked->arena, f->client.p, f->client.n);
	conn_call(m->conn, &ask, CALL_MS, answered, r);
	return 0;
}

static int running_info(struct request *rq, const void *fields)
{
	return call_client(rq, fields, STR_NONE);
}

static int consume_directly(struct request *rq, const void *fields)
{
	const struct to_client *f = fields;
	struct store_slice record;
	struct host host;
	int64_t phys;
	int rc;

	rc = message_offset_id_parse(f->id, &host, &phys, &rq->err);
	if (rc)
		return rc;
	rc = store_get(rq->broker->store, phys, &record, &rq->err);
	if (rc)
		return rc;
	rc = call_client(rq, f, record.bytes);
	store_slice_unref(record.segment);
	return rc;
}

/* ---- 223 ---- */

struct status {
	struct request *rq; /* parked; this and what follows are in its arena */
	size_t waiting; /* for so many answers, and one for who asks */
	struct buf body;
	struct jw w;
};

struct status_of {
	struct status *all;
	char *client;
};

struct where {
	struct str topic, group, client;
};

static const struct field where_fields[] = { FIELD_TOPIC(
						     "topic", struct where, topic, REQUIRED),
	FIELD_GROUP("group", struct where, group, REQUIRED),
	FIELD_STR("clientAddr", struct where, client, 0), FIELD_END };

static void status_end(struct status *s)
{
	struct request *rq = s->rq;

	if (--s->waiting)
		return;
	jw_end(&s->w);
	jw_key(&s->w, "messageQueueTable");
	jw_object(&s->w);
	jw_end(&s->w);
	jw_end(&s->w);
	reply_body(rq, &s->body);
	buf_release(&s->body);
	request_finish(rq, 0);
}

/* A key of the client's table, which is an object itself. */
static void put_status_row(struct jw *w, const cJSON *row)
{
	cJSON *q;
	int64_t off;

	if (!json_node_int(row, &off) || json_parse(str_of(row->string), JSON_STRICT, &q, NULL))
		return;
	if (cJSON_IsObject(q)) {
		body_queue(w, str_of(json_text(q, "topic", "")),
			str_of(json_text(q, "brokerName", "")), (int)json_int(q, "queueId", 0));
		jw_key_done(w);
		jw_int(w, off);
	}
	cJSON_Delete(q);
}

static void status_came(void *arg, int rc, const struct command *answer)
{
	struct status_of *of = arg;
	struct status *s = of->all;
	const cJSON *row;
	cJSON *doc;

	if (!rc && !answer->code && !json_parse(answer->body, JSON_LOOSE, &doc, NULL)) {
		jw_key(&s->w, of->client);
		jw_object(&s->w);
		cJSON_ArrayForEach (
			row, cJSON_GetObjectItemCaseSensitive(doc, "messageQueueTable"))
			put_status_row(&s->w, row);
		jw_end(&s->w);
		cJSON_Delete(doc);
	}
	status_end(s);
}

static void ask_status(struct status *s, const struct member *m, const struct where *f)
{
	struct status_of *of = arena_alloc(s->rq->arena, sizeof(*of));
	struct command ask;

	of->all = s;
	of->client = arena_str(s->rq->arena, m->client_id);
	command_init(&ask, REQ_GET_CONSUMER_STATUS_FROM_CLIENT);
	command_add(&ask, "topic", f->topic);
	command_add(&ask, "group", f->group);
	s->waiting++;
	conn_call(m->conn, &ask, STATUS_MS, status_came, of);
}

static int client_too_old(struct request *rq, const struct consumers *c)
{
	for (size_t i = 0; i < c->n_members; i++) {
		if (c->members[i]->version < V3_0_7)
			return err_set(&rq->err, TQ_EFAIL,
				"the client does not support this feature. version=%d",
				c->members[i]->version);
	}
	return 0;
}

static int consumer_status(struct request *rq, const void *fields)
{
	const struct where *f = fields;
	struct consumers c;
	struct request *parked;
	struct status *s;
	int rc;

	if (!registry_consumers(rq->broker->registry, f->group, &c))
		return err_set(&rq->err, TQ_EFAIL,
			"No Any Consumer online in the consumer group: [" STR_FMT "]",
			STR_ARG(f->group));
	rc = client_too_old(rq, &c);
	if (rc)
		return rc;
	parked = request_park(rq);
	s = arena_alloc(parked->arena, sizeof(*s));
	s->rq = parked;
	s->waiting = 1;
	s->w = body_begin(&s->body);
	jw_key(&s->w, "consumerTable");
	jw_object(&s->w);
	for (size_t i = 0; i < c.n_members; i++) {
		if (!f->client.n || str_is(f->client, c.members[i]->client_id))
			ask_status(s, c.members[i], f);
	}
	status_end(s);
	return 0;
}

/* ---- 222 ---- */

struct reset {
	struct str topic, group;
	int64_t at_ms;
	bool force;
};

static const struct field reset_fields[] = { FIELD_TOPIC(
						     "topic", struct reset, topic, REQUIRED),
	FIELD_GROUP("group", struct reset, group, REQUIRED),
	FIELD_I64("timestamp", struct reset, at_ms, REQUIRED),
	FIELD_BOOL("isForce", struct reset, force, 0), FIELD_END };

static int64_t reset_target(struct request *rq, const struct reset *f, int queue, int64_t now)
{
	struct store *s = rq->broker->store;
	int64_t min, max, to;

	store_queue_bounds(s, f->topic, queue, &min, &max);
	to = f->at_ms == -1 ? max : store_offset_by_time(s, f->topic, queue, f->at_ms, NULL);
	return f->force ? MAX(to, 0) : MIN(MAX(to, 0), now);
}

static int reset_targets(
	struct request *rq, const struct reset *f, const struct topic *t, int64_t *to)
{
	for (int q = 0; q < t->write_queues; q++) {
		int64_t now = offsets_get(rq->broker->offsets, f->group, f->topic, q);

		if (now < 0)
			return err_set(&rq->err, TQ_EFAIL,
				"THe consumer group <" STR_FMT "> not exist",
				STR_ARG(f->group));
		to[q] = reset_target(rq, f, q, now);
	}
	return 0;
}

/* The rows of a reset: objects as keys for fastjson, a list for C++. */
static void put_offsets(
	struct buf *b, struct request *rq, const struct topic *t, const int64_t *to, bool list)
{
	struct jw w = body_begin(b);

	jw_key(&w, "offsetTable");
	if (list)
		jw_array(&w);
	else
		jw_object(&w);
	for (int q = 0; q < t->write_queues; q++) {
		if (list) {
			jw_object(&w);
			jw_kv_text(&w, "brokerName", rq->broker->cfg->broker);
			jw_kv_int(&w, "offset", to[q]);
			jw_kv_int(&w, "queueId", q);
			jw_kv_text(&w, "topic", t->name);
			jw_end(&w);
		} else {
			body_queue_key(&w, rq, str_of(t->name), q);
			jw_int(&w, to[q]);
		}
	}
	if (list)
		jw_array_end(&w);
	else
		jw_end(&w);
	jw_end(&w);
}

/* Python and .NET clients of this protocol are the C++ library under another name. */
static bool reads_lists(const struct member *m)
{
	return m->language == LANG_CPP || m->language == LANG_PYTHON ||
	       m->language == LANG_DOTNET;
}

static void tell_member(struct request *rq, const struct member *m, const struct reset *f,
	const struct topic *t, const int64_t *to)
{
	char at[24];
	struct command tell;
	struct buf body;

	snprintf(at, sizeof(at), "%lld", (long long)f->at_ms);
	put_offsets(&body, rq, t, to, reads_lists(m));
	command_init(&tell, REQ_RESET_CONSUMER_CLIENT_OFFSET);
	command_add(&tell, "topic", f->topic);
	command_add(&tell, "group", f->group);
	command_add(&tell, "timestamp", str_of(at));
	command_add(&tell, "isForce", f->force ? STR("true") : STR("false"));
	tell.body = buf_str(&body);
	conn_notify(m->conn, &tell);
	buf_release(&body);
}

static int check_members(struct request *rq, const struct reset *f, struct consumers *c)
{
	if (!registry_consumers(rq->broker->registry, f->group, c))
		return err_set(&rq->err, TQ_EOFFLINE,
			"Consumer not online, so can not reset offset, Group: " STR_FMT
			" Topic: " STR_FMT " Timestamp: %lld",
			STR_ARG(f->group), STR_ARG(f->topic), (long long)f->at_ms);
	if (c->model == MODEL_BROADCASTING)
		return err_set(&rq->err, TQ_EFAIL,
			"the consumer group[" STR_FMT
			"] consumes by broadcast: each client keeps "
			"offsets of its own, and the broker cannot reset them",
			STR_ARG(f->group));
	return client_too_old(rq, c);
}

static int reset_offsets(struct request *rq, const void *fields)
{
	const struct reset *f = fields;
	const struct topic *t = catalog_topic(rq->broker->catalog, f->topic);
	struct consumers c;
	struct buf body;
	int64_t *to;
	int rc;

	if (!t)
		return err_set(&rq->err, TQ_EFAIL,
			"[reset-offset] reset offset failed, no topic in this broker. topic=" STR_FMT,
			STR_ARG(f->topic));
	to = arena_alloc(rq->arena, (size_t)MAX(t->write_queues, 1) * sizeof(*to));
	if (registry_consumers(rq->broker->registry, f->group, &c) &&
		c.model == MODEL_BROADCASTING)
		return check_members(rq, f, &c);
	(void)((rc = reset_targets(rq, f, t, to)) || (rc = check_members(rq, f, &c)));
	for (int q = 0; !rc && q < t->write_queues; q++)
		rc = offsets_set(rq->broker->offsets, f->group, f->topic, q, to[q], &rq->err);
	if (rc)
		return rc;
	for (size_t i = 0; i < c.n_members; i++)
		tell_member(rq, c.members[i], f, t, to);
	log_info("group", "offsets of group '" STR_FMT "' on topic '" STR_FMT "' were reset",
		STR_ARG(f->group), STR_ARG(f->topic));
	put_offsets(&body, rq, t, to, false);
	reply_body(rq, &body);
	buf_release(&body);
	return 0;
}

const struct handler h_relay[] = { { REQ_GET_CONSUMER_RUNNING_INFO, to_client_fields,
					   sizeof(struct to_client), running_info, NEED_ADMIN },
	{ REQ_CONSUME_MESSAGE_DIRECTLY, to_client_fields, sizeof(struct to_client),
		consume_directly, NEED_ADMIN },
	{ REQ_INVOKE_BROKER_TO_GET_CONSUMER_STATUS, where_fields, sizeof(struct where),
		consumer_status, NEED_READ },
	{ REQ_INVOKE_BROKER_TO_RESET_OFFSET, reset_fields, sizeof(struct reset), reset_offsets,
		NEED_ADMIN },
	HANDLER_END };
