/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One loop: heartbeat and rebalance when due, run the client until an answer is there, deal with
 * the messages of that answer one by one.
 *
 *	queue:  IDLE --pull--> PULLING --answer--> READY --messages dealt with--> IDLE
 *
 * A queue that is lost in a rebalance is dropped with what it holds; nothing of it was
 * acknowledged, so the next owner gets it. Positions are committed after each answer has been
 * dealt with and when leaving. Allocation is the default of all clients: sorted queues cut into
 * as many runs as there are sorted members.
 */
#include "consume.h"

#include <unistd.h>
#include <utlist.h>

#include "clock.h"
#include "names.h"
#include "props.h"

#define HEARTBEAT_MS 30000
#define REBALANCE_MS 20000
#define SUSPEND_MS 5000
#define RETRY_PULL_MS 1000
#define PULL_BATCH 32

enum queue_state { QUEUE_IDLE, QUEUE_PULLING, QUEUE_READY };

struct queue {
	struct member_state *me;
	const char *topic, *broker, *addr;
	int id;
	int64_t off; /* next to pull */
	enum queue_state state;
	int64_t not_before_ms; /* of the next pull, after a failure */
	struct reply *got; /* READY: owned */
	bool mine, dropped;
	struct queue *next;
};

struct member_state {
	struct ctx *cx;
	const struct consume *c;
	const char *retry_topic, *id;
	struct queue *queues; /* all of both topics, by (topic, broker, id) */
	const char **brokers; /* addresses */
	size_t n_brokers;
	int64_t sub_version, next_heartbeat_ms, next_rebalance_ms, last_message_ms;
	int64_t done;
	consume_fn fn;
	void *arg;
	struct arena scratch; /* texts of the request under way */
	bool ready; /* some queue is READY */
	struct err refused; /* a pull was, and will be */
};

/* ---- membership ---- */

static void add_subscription(
	struct member_state *s, struct jw *w, const char *topic, const char *tags)
{
	struct str rest = str_of(tags), one;

	jw_object(w);
	jw_kv_bool(w, "classFilterMode", false);
	jw_key(w, "codeSet");
	jw_array(w);
	for (rest = str_of(tags); strcmp(tags, "*") && str_cut(&rest, '|', &one);)
		if (str_trim(one).n)
			jw_int(w, str_java_hash(str_trim(one)));
	jw_array_end(w);
	jw_kv_text(w, "expressionType", "TAG");
	jw_kv_text(w, "subString", tags);
	jw_kv_int(w, "subVersion", s->sub_version);
	jw_key(w, "tagsSet");
	jw_array(w);
	for (rest = str_of(tags); strcmp(tags, "*") && str_cut(&rest, '|', &one);)
		if (str_trim(one).n)
			jw_str(w, str_trim(one));
	jw_array_end(w);
	jw_kv_text(w, "topic", topic);
	jw_end(w);
}

static void heartbeat_body(struct member_state *s, struct buf *b)
{
	struct jw w = jw_init(b);

	jw_object(&w);
	jw_kv_text(&w, "clientID", s->id);
	jw_key(&w, "consumerDataSet");
	jw_array(&w);
	jw_object(&w);
	jw_kv_text(&w, "consumeFromWhere",
		s->c->earliest ? "CONSUME_FROM_FIRST_OFFSET" : "CONSUME_FROM_LAST_OFFSET");
	jw_kv_text(&w, "consumeType", "CONSUME_PASSIVELY");
	jw_kv_text(&w, "groupName", s->c->group);
	jw_kv_text(&w, "messageModel", "CLUSTERING");
	jw_key(&w, "subscriptionDataSet");
	jw_array(&w);
	add_subscription(s, &w, s->c->topic, s->c->tags ? s->c->tags : "*");
	add_subscription(s, &w, s->retry_topic, "*");
	jw_array_end(&w);
	jw_kv_bool(&w, "unitMode", false);
	jw_end(&w);
	jw_array_end(&w);
	jw_key(&w, "producerDataSet");
	jw_array(&w);
	jw_array_end(&w);
	jw_end(&w);
}

static int heartbeat(struct member_state *s)
{
	struct ctx *cx = s->cx;
	struct buf body;
	int rc = 0;

	buf_init(&body, 1 << 20);
	heartbeat_body(s, &body);
	for (size_t i = 0; i < s->n_brokers && !rc; i++) {
		struct command rq;

		command_init(&rq, REQ_HEART_BEAT);
		rq.body = buf_str(&body);
		rc = admin_call(cx->admin, s->brokers[i], &rq, NULL, &cx->err);
	}
	buf_release(&body);
	s->next_heartbeat_ms = clock_mono_ms() + HEARTBEAT_MS;
	return rc;
}

static void leave(struct member_state *s)
{
	for (size_t i = 0; i < s->n_brokers; i++) {
		struct command rq;

		command_init(&rq, REQ_UNREGISTER_CLIENT);
		command_add(&rq, "clientID", str_of(s->id));
		command_add(&rq, "consumerGroup", str_of(s->c->group));
		if (admin_call(s->cx->admin, s->brokers[i], &rq, NULL, NULL))
			continue; /* the connection's end says the same */
	}
}

static void add_broker(struct member_state *s, const char *addr)
{
	for (size_t i = 0; i < s->n_brokers; i++)
		if (!strcmp(s->brokers[i], addr))
			return;
	s->brokers[s->n_brokers++] = addr;
}

static int by_place(struct queue *a, struct queue *b)
{
	int c = strcmp(a->topic, b->topic);

	c = c ? c : strcmp(a->broker, b->broker);
	return c ? c : a->id - b->id;
}

static int add_queues(struct member_state *s, const char *topic)
{
	struct ctx *cx = s->cx;
	struct route route;
	int rc = admin_route(cx->admin, topic, &cx->mem, &route, &cx->err);

	if (rc)
		return rc;
	s->brokers = memcpy(
		arena_alloc(&cx->mem, (s->n_brokers + route.n_queues + 1) * sizeof(char *)),
		s->brokers ? (const void *)s->brokers : "", s->n_brokers * sizeof(char *));
	for (size_t i = 0; i < route.n_queues; i++) {
		const struct route_queue *rq = &route.queues[i];
		const char *addr = route_addr(&route, rq->broker);

		if (!addr || !(rq->perm & PERM_READ))
			continue;
		add_broker(s, addr);
		for (int id = 0; id < rq->read_queues; id++) {
			struct queue *q = arena_alloc(&cx->mem, sizeof(*q));

			*q = (struct queue){ .me = s,
				.topic = topic,
				.broker = rq->broker,
				.addr = addr,
				.id = id };
			LL_PREPEND(s->queues, q);
		}
	}
	LL_SORT(s->queues, by_place);
	return 0;
}

/* ---- positions ---- */

static int commit(struct queue *q, int64_t off)
{
	struct ctx *cx = q->me->cx;

	return admin_offset_set(
		cx->admin, q->addr, q->me->c->group, q->topic, q->id, off, &cx->err);
}

/* Where a queue that became ours begins. */
static int settle_offset(struct queue *q)
{
	struct member_state *s = q->me;
	struct ctx *cx = s->cx;
	int rc = admin_offset_get(
		cx->admin, q->addr, s->c->group, q->topic, q->id, &q->off, &cx->err);

	if (rc != TQ_ENOTFOUND)
		return rc;
	err_clear(&cx->err);
	if (s->c->earliest || names_is_retry(str_of(q->topic)))
		return admin_offset_min(cx->admin, q->addr, q->topic, q->id, &q->off, &cx->err);
	rc = admin_offset_max(cx->admin, q->addr, q->topic, q->id, &q->off, &cx->err);
	/* What is sent between this run and the next is the group's. */
	return rc ? rc : commit(q, q->off);
}

/* ---- rebalance ---- */

/* Our place among the members, and how many there are; 0 of 1 when we are not listed yet. */
static int find_place(struct member_state *s, size_t *place, size_t *members)
{
	struct ctx *cx = s->cx;
	const cJSON *ids = NULL, *one;
	cJSON *doc = NULL;
	struct reply *rp = NULL;
	struct command rq;
	struct strv v = STRV_INIT;
	int rc;

	command_init(&rq, REQ_GET_CONSUMER_LIST_BY_GROUP);
	command_add(&rq, "consumerGroup", str_of(s->c->group));
	rc = admin_call(cx->admin, s->brokers[0], &rq, &rp, &cx->err);
	if (!rc)
		rc = json_parse(rp->cmd.body, JSON_LOOSE, &doc, &cx->err);
	if (!rc)
		rc = json_need_array(doc, "consumerIdList", &ids, &cx->err);
	if (rc)
		goto out;
	cJSON_ArrayForEach (one, ids)
		if (cJSON_IsString(one))
			strv_add(&v, str_of(one->valuestring));
	strv_sort(&v);
	*place = 0;
	*members = MAX(v.n, 1);
	for (size_t i = 0; i < v.n; i++)
		if (!strcmp(v.v[i], s->id))
			*place = i;
out:
	strv_release(&v);
	cJSON_Delete(doc);
	reply_free(rp);
	return rc;
}

/* Member `place` of `members` gets a run of the topic's n queues, the first ones one more each. */
static void share(struct member_state *s, const char *topic, size_t place, size_t members)
{
	size_t n = 0, i = 0, each, more, first, count;
	struct queue *q;

	LL_FOREACH (s->queues, q)
		n += !strcmp(q->topic, topic);
	each = n / members;
	more = n % members;
	count = each + (place < more);
	first = place * each + MIN(place, more);
	LL_FOREACH (s->queues, q) {
		bool mine;

		if (strcmp(q->topic, topic))
			continue;
		mine = i >= first && i < first + count;
		i++;
		if (mine && !q->mine && q->state == QUEUE_IDLE && !settle_offset(q))
			q->mine = true;
		else if (!mine)
			q->mine = false;
		q->dropped = !q->mine;
	}
}

static int rebalance(struct member_state *s)
{
	size_t place, members;
	int rc = find_place(s, &place, &members);

	s->next_rebalance_ms = clock_mono_ms() + (rc ? RETRY_PULL_MS : REBALANCE_MS);
	if (rc)
		return rc;
	share(s, s->c->topic, place, members);
	share(s, s->retry_topic, place, members);
	return 0;
}

static void on_request(
	void *arg, const char *addr UNUSED, const struct command *rq, struct command *answer)
{
	struct member_state *s = arg;

	if (rq->code == REQ_NOTIFY_CONSUMER_IDS_CHANGED)
		s->next_rebalance_ms = 0;
	else
		answer->code = RESP_REQUEST_CODE_NOT_SUPPORTED;
}

/* ---- pulling ---- */

/* A group whose consumption is off, a topic that may not be read: not an empty one. */
static void refuse(struct member_state *s, const struct queue *q, const struct command *answer)
{
	struct ctx *cx = s->cx;

	admin_reply_err(answer, q->broker, &s->refused);
	if (answer->code == RESP_NO_PERMISSION)
		err_hint(&s->refused,
			"see whether consumption is on: tdmqctl group describe %s; whether the "
			"topic may be read: tdmqctl topic describe %s",
			ctx_name(cx, s->c->group), ctx_name(cx, s->c->topic));
	client_stop(admin_client(cx->admin));
}

static void on_pulled(void *arg, int rc, struct reply *rp, const struct err *e UNUSED)
{
	struct queue *q = arg;
	struct member_state *s = q->me;
	int64_t next;

	q->state = QUEUE_IDLE;
	if (rc || q->dropped) {
		q->not_before_ms = clock_mono_ms() + RETRY_PULL_MS;
	} else if (rp->cmd.code == RESP_SUCCESS) {
		q->got = rp;
		rp = NULL;
		q->state = QUEUE_READY;
		s->ready = true;
		client_stop(admin_client(s->cx->admin));
	} else if (rp->cmd.code == RESP_PULL_RETRY_IMMEDIATELY ||
		   rp->cmd.code == RESP_PULL_OFFSET_MOVED) {
		if (!str_to_i64(command_ext(&rp->cmd, "nextBeginOffset"), 0, INT64_MAX, &next,
			    "nextBeginOffset", NULL))
			q->off = next;
	} else if (rp->cmd.code == RESP_NO_PERMISSION ||
		   rp->cmd.code == RESP_SUBSCRIPTION_GROUP_NOT_EXIST) {
		refuse(s, q, &rp->cmd);
	} else if (rp->cmd.code != RESP_PULL_NOT_FOUND) {
		q->not_before_ms = clock_mono_ms() + RETRY_PULL_MS;
	}
	reply_free(rp);
}

static int pull(struct queue *q)
{
	struct member_state *s = q->me;
	struct ctx *cx = s->cx;
	struct pull p = { .group = s->c->group,
		.topic = q->topic,
		.queue = q->id,
		.queue_off = q->off,
		.max = s->c->count ? (int)MIN(s->c->count - s->done, PULL_BATCH) : PULL_BATCH,
		.hold_ms = SUSPEND_MS,
		.sub_version = s->sub_version };
	struct command rq;
	int rc;

	admin_pull_request(&rq, &p, &s->scratch);
	q->state = QUEUE_PULLING;
	rc = client_submit(admin_client(cx->admin), q->addr, &rq,
		admin_timeout(cx->admin) + SUSPEND_MS, on_pulled, q, &cx->err);
	arena_clear(&s->scratch);
	return rc;
}

static int send_back(struct queue *q, const struct message *m)
{
	struct member_state *s = q->me;
	struct str origin = props_get(m->properties, PROP_RETRY_TOPIC);
	char off[24], id[MESSAGE_ID_MAX];
	struct command rq;

	snprintf(off, sizeof(off), "%lld", (long long)m->phys_off);
	message_offset_id(id, &m->store, m->phys_off);
	command_init(&rq, REQ_CONSUMER_SEND_MSG_BACK);
	command_add(&rq, "offset", str_of(off));
	command_add(&rq, "group", str_of(s->c->group));
	command_add(&rq, "delayLevel", s->c->verdict == CONSUME_DEAD ? STR("-1") : STR("0"));
	command_add(&rq, "originMsgId", str_of(id));
	command_add(&rq, "originTopic", origin.n ? origin : m->topic);
	command_add(&rq, "unitMode", STR("false"));
	return admin_call(s->cx->admin, q->addr, &rq, NULL, &s->cx->err);
}

/* Whether the tag is really subscribed: the broker compares hashes only. */
static bool is_subscribed(const struct member_state *s, const struct message *m)
{
	struct str rest = str_of(s->c->tags), one, tag = props_get(m->properties, PROP_TAGS);

	if (!s->c->tags || !strcmp(s->c->tags, "*") || names_is_retry(m->topic))
		return true;
	while (str_cut(&rest, '|', &one))
		if (str_trim(one).n && str_eq(str_trim(one), tag))
			return true;
	return false;
}

static bool is_enough(const struct member_state *s)
{
	return s->c->count && s->done >= s->c->count;
}

/* Deals with one answer; what is left over when we have enough stays unacknowledged. */
static int deal_with(struct queue *q)
{
	struct member_state *s = q->me;
	struct rd r = rd_init(q->got->cmd.body);
	int64_t from = q->off;
	struct message m;
	int rc = 0;

	while (!rc && rd_left(&r) && !is_enough(s)) {
		rc = message_decode(&r, &m, &s->cx->err);
		if (!rc && m.queue_off >= q->off && is_subscribed(s, &m)) {
			rc = s->fn(s->arg, &m, q->broker);
			if (!rc && s->c->verdict != CONSUME_ACK)
				rc = send_back(q, &m);
			s->done += !rc;
			s->last_message_ms = clock_mono_ms();
		}
		if (!rc)
			q->off = m.queue_off + 1;
	}
	if (!rd_left(&r) && !rc)
		str_to_i64(command_ext(&q->got->cmd, "nextBeginOffset"), q->off, INT64_MAX,
			&q->off, "nextBeginOffset", NULL);
	reply_free(q->got);
	q->got = NULL;
	q->state = QUEUE_IDLE;
	if (q->off == from)
		return rc;
	return commit(q, q->off) ? (rc ? rc : s->cx->err.code) : rc;
}

static int step(struct member_state *s)
{
	int64_t now = clock_mono_ms();
	struct queue *q;
	int rc = 0;

	if (now >= s->next_heartbeat_ms)
		rc = heartbeat(s);
	if (!rc && now >= s->next_rebalance_ms && rebalance(s))
		err_clear(&s->cx->err); /* tried again soon */
	LL_FOREACH (s->queues, q)
		if (!rc && q->mine && q->state == QUEUE_IDLE && now >= q->not_before_ms)
			rc = pull(q);
	if (!rc && !s->ready)
		client_run(admin_client(s->cx->admin), 200);
	if (!rc && s->refused.code) {
		s->cx->err = s->refused;
		return s->refused.code;
	}
	s->ready = false;
	LL_FOREACH (s->queues, q)
		if (!rc && q->state == QUEUE_READY && !is_enough(s))
			rc = deal_with(q);
	return rc;
}

/* The heartbeat made it; where it did not, the server knows no such group and makes none. */
static int join_retry_topic(struct member_state *s)
{
	struct ctx *cx = s->cx;
	int rc = add_queues(s, s->retry_topic);

	if (rc != TQ_ENOTOPIC)
		return rc;
	rc = err_set(&cx->err, TQ_ENOGROUP, "no group '%s'", ctx_name(cx, s->c->group));
	err_hint(&cx->err, "create it: tdmqctl group create %s --namespace %s",
		ctx_name(cx, s->c->group), ctx_namespace_of(cx, s->c->group));
	return rc;
}

/* The state lives in the arena: pulls that are still parked at a broker may be answered later. */
int consume_run(
	struct ctx *cx, const struct consume *c, consume_fn fn, void *arg, int64_t *done)
{
	struct member_state *s = arena_alloc(&cx->mem, sizeof(*s));
	struct queue *q;
	int rc;

	*s = (struct member_state){ .cx = cx, .c = c, .fn = fn, .arg = arg };
	s->sub_version = clock_wall_ms();
	s->id = arena_fmt(
		&cx->mem, "127.0.0.1@%d#%lld", (int)getpid(), (long long)clock_mono_us());
	s->retry_topic = arena_fmt(&cx->mem, "%s%s", NAMES_RETRY, c->group);
	rc = add_queues(s, c->topic);
	if (!rc && !s->queues) {
		rc = err_set(&cx->err, TQ_EDENIED, "topic '%s' may not be read",
			ctx_name(cx, c->topic));
		err_hint(&cx->err, "give it the permission: tdmqctl topic update %s --perm rw",
			ctx_name(cx, c->topic));
	}
	if (!rc)
		rc = heartbeat(s); /* makes the retry topic */
	if (!rc)
		rc = join_retry_topic(s);
	client_on_request(admin_client(cx->admin), on_request, s);
	s->last_message_ms = clock_mono_ms();
	while (!rc && !is_enough(s) &&
		!(c->wait_ms && clock_mono_ms() - s->last_message_ms >= c->wait_ms))
		rc = step(s);
	LL_FOREACH (s->queues, q)
		q->dropped = true;
	client_on_request(admin_client(cx->admin), NULL, NULL);
	leave(s);
	LL_FOREACH (s->queues, q)
		reply_free(q->got);
	arena_release(&s->scratch);
	*done = s->done;
	return rc;
}
