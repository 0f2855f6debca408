/* SPDX-License-Identifier: Apache-2.0 */
/* admin: stored messages, by place and by key. */
#include "admin_int.h"
#include "names.h"

void admin_pull_request(struct command *rq, const struct pull *p, struct arena *mem)
{
	unsigned flags = (p->hold_ms ? PULL_SUSPEND : 0) | (p->all ? PULL_SUBSCRIPTION : 0);

	command_init(rq, REQ_PULL_MESSAGE);
	command_add(rq, "consumerGroup", str_of(p->group));
	command_add(rq, "topic", str_of(p->topic));
	command_add(rq, "queueId", text_of_number(mem, p->queue));
	command_add(rq, "queueOffset", text_of_number(mem, p->queue_off));
	command_add(rq, "maxMsgNums", text_of_number(mem, p->max));
	command_add(rq, "sysFlag", text_of_number(mem, flags));
	command_add(rq, "commitOffset", STR("0"));
	command_add(rq, "suspendTimeoutMillis", text_of_number(mem, p->hold_ms));
	command_add(rq, "subVersion", text_of_number(mem, p->sub_version));
	command_add(rq, "expressionType", STR("TAG"));
	if (p->all)
		command_add(rq, "subscription", STR("*"));
}

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

/* ---- one message of a queue ---- */

#define STORED_TRIES 4 /* the offset moved, or the queue was being cut: again, from there */

static int first_stored(const struct reply *rp, int64_t *ms, struct err *e)
{
	struct rd r = rd_init(rp->cmd.body);
	struct message m;
	int rc = message_decode(&r, &m, e);

	if (!rc)
		*ms = m.store_ms;
	return rc;
}

/* Whether the answer says where to go on; *off is there then. */
static bool moved(const struct command *answer, int64_t *off)
{
	int64_t next;

	if (answer->code != RESP_PULL_OFFSET_MOVED &&
		answer->code != RESP_PULL_RETRY_IMMEDIATELY)
		return false;
	if (str_to_i64(command_ext(answer, "nextBeginOffset"), 0, INT64_MAX, &next, "offset",
		    NULL) ||
		next <= *off)
		return false;
	*off = next;
	return true;
}

int admin_stored_at(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t off, int64_t *ms, struct err *e)
{
	struct pull p = { .group = NAMES_TOOLS_GROUP,
		.topic = topic,
		.queue = queue,
		.queue_off = off,
		.max = 1,
		.all = true };
	struct command rq;
	struct arena mem;
	struct reply *r;
	bool again = true;
	int rc = 0;

	arena_init(&mem);
	for (int i = 0; again && i < STORED_TRIES; i++) {
		admin_pull_request(&rq, &p, &mem);
		rc = client_call(a->client, addr, &rq, a->timeout_ms, &r, e);
		if (rc)
			break;
		again = moved(&r->cmd, &p.queue_off);
		if (r->cmd.code == RESP_SUCCESS)
			rc = first_stored(r, ms, e);
		else if (r->cmd.code == RESP_PULL_NOT_FOUND || again ||
			 r->cmd.code == RESP_PULL_OFFSET_MOVED ||
			 r->cmd.code == RESP_PULL_RETRY_IMMEDIATELY)
			rc = err_set(e, TQ_ENOTFOUND, "queue %d of '%s' has no message at %lld",
				queue, topic, (long long)off);
		else
			rc = admin_reply_err(&r->cmd, addr, e);
		reply_free(r);
	}
	arena_release(&mem);
	return rc;
}
