/* SPDX-License-Identifier: Apache-2.0 */
/* admin: messages that wait: for their time, for the end of their transaction. */
#include "admin_int.h"

static int call(struct admin *a, struct command *rq, struct reply **out, struct err *e)
{
	int rc = admin_call_master(a, rq, out, e);

	if (rc != TQ_EUNSUPPORTED)
		return rc;
	err_set(e, rc, "this server does not tell which messages wait");
	return err_why(e, "Apache RocketMQ keeps them in topics of its own");
}

static const char *text(const cJSON *o, const char *key, struct arena *mem)
{
	return arena_str(mem, json_text(o, key, ""));
}

static void read_one(struct waiting *w, const cJSON *o, struct arena *mem)
{
	*w = (struct waiting){
		.id = text(o, "id", mem),
		.unique_id = text(o, "unique_id", mem),
		.topic = text(o, "topic", mem),
		.key = text(o, "key", mem),
		.tag = text(o, "tag", mem),
		.group = text(o, "group", mem),
		.state = text(o, "state", mem),
		.queue = (int)json_int(o, "queue", 0),
		.level = (int)json_int(o, "level", 0),
		.checks = (int)json_int(o, "checks", 0),
		.size = json_int(o, "size", 0),
		.due_ms = json_int(o, "due_ms", 0),
		.born_ms = json_int(o, "born_ms", 0),
		.stored_ms = json_int(o, "stored_ms", 0),
	};
}

static int list(struct admin *a, struct command *rq, const char *key, struct arena *mem,
	struct waitings *out, struct err *e)
{
	const cJSON *rows, *row;
	cJSON *doc = NULL;
	struct reply *r;
	int rc;

	*out = (struct waitings){ 0 };
	rc = call(a, rq, &r, e);
	if (rc)
		return rc;
	rc = json_parse(r->cmd.body, JSON_STRICT, &doc, e);
	if (!rc)
		rc = json_need_array(doc, key, &rows, e);
	if (!rc) {
		out->v = arena_alloc(mem, (size_t)cJSON_GetArraySize(rows) * sizeof(*out->v));
		cJSON_ArrayForEach (row, rows)
			read_one(&out->v[out->n++], row, mem);
		out->more = json_bool(doc, "more", false);
	} else {
		err_wrap(e, "list of %s", key);
	}
	cJSON_Delete(doc);
	reply_free(r);
	return rc;
}

int admin_waiting(struct admin *a, const char *topic, int64_t until_ms, int max,
	struct arena *mem, struct waitings *out, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_LIST_WAITING);
	command_add(&rq, "topic", str_of(topic));
	if (until_ms)
		command_add(&rq, "until", text_of_number(mem, until_ms));
	command_add(&rq, "max", text_of_number(mem, max));
	return list(a, &rq, "messages", mem, out, e);
}

int admin_transactions(struct admin *a, const char *topic, int64_t before_ms, int max,
	struct arena *mem, struct waitings *out, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_LIST_TRANSACTIONS);
	command_add(&rq, "topic", str_of(topic));
	if (before_ms)
		command_add(&rq, "before", text_of_number(mem, before_ms));
	command_add(&rq, "max", text_of_number(mem, max));
	return list(a, &rq, "transactions", mem, out, e);
}

int admin_waiting_cancel(struct admin *a, const char *id, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_CANCEL_WAITING);
	command_add(&rq, "msgId", str_of(id));
	return call(a, &rq, NULL, e);
}

int admin_transaction_resume(struct admin *a, const char *id, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_RESUME_CHECK_HALF_MESSAGE);
	command_add(&rq, "msgId", str_of(id));
	return admin_call_master(a, &rq, NULL, e);
}
