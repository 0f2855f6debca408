/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_send: messages from clients (10, 310, 320). The checks and their order are Apache's
 * (broker/.../processor/SendMessageProcessor.java), since clients act on the code they get:
 *
 *	 2 busy				the disk is far behind
 *	 1 topic illegal		decoder
 *	16 topic not for clients	RMQ_SYS_..., SCHEDULE_TOPIC_XXXX
 *	26 %RETRY%G, no group G
 *	17 topic unknown		and not to be made
 *	 1 queue id too large
 *	13 message illegal		too large, too far ahead, a batch that is delayed
 *	14 store refuses
 *
 * The topic's own write permission is not asked for: routes hide such topics, and what is under
 * way while it changes is welcome. A retry that came too often goes to the dead letter topic.
 *
 * Properties are walked once. What reaches the log has CLUSTER and, unless it is a batch or parked,
 * lacks WAIT; the rest is kept byte for byte.
 *
 * A batch is what says so in its header, also with `1` for true as C++ does: Apache takes that
 * for false and stores the batch as one unreadable message.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/catalog.h"
#include "brokerd/dispatch.h"
#include "brokerd/hold.h"
#include "brokerd/msgtype.h"
#include "brokerd/retry.h"
#include "brokerd/schedule.h"
#include "brokerd/senders.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "brokerd/throttle.h"
#include "brokerd/timed.h"
#include "brokerd/tx.h"
#include "brokerd/parked.h"
#include "clock.h"
#include "log.h"
#include "message.h"
#include "names.h"
#include "props.h"
#include "str.h"

#define VERSION_RETRY_MAX 121 /* since then clients say how often they want to retry */

struct send {
	struct str topic, default_topic, properties;
	int default_queues, queue, sysflag, flag, reconsume_times, max_reconsume;
	int64_t born_ms;
	bool batch;
};

static const struct field send_fields[] = { FIELD_TOPIC("topic", struct send, topic, REQUIRED),
	FIELD_STR("defaultTopic", struct send, default_topic, 0),
	FIELD_I32("defaultTopicQueueNums", struct send, default_queues, 0),
	FIELD_I32("queueId", struct send, queue, REQUIRED),
	FIELD_I32("sysFlag", struct send, sysflag, REQUIRED),
	FIELD_I64("bornTimestamp", struct send, born_ms, REQUIRED),
	FIELD_I32("flag", struct send, flag, REQUIRED),
	FIELD_STR("properties", struct send, properties, 0),
	FIELD_I32("reconsumeTimes", struct send, reconsume_times, 0),
	FIELD_I32_OR("maxReconsumeTimes", struct send, max_reconsume, -1),
	FIELD_BOOL("batch", struct send, batch, 0), FIELD_END };

static const struct field send_v2_fields[] = { FIELD_TOPIC("b", struct send, topic, REQUIRED),
	FIELD_STR("c", struct send, default_topic, 0),
	FIELD_I32("d", struct send, default_queues, 0),
	FIELD_I32("e", struct send, queue, REQUIRED),
	FIELD_I32("f", struct send, sysflag, REQUIRED),
	FIELD_I64("g", struct send, born_ms, REQUIRED),
	FIELD_I32("h", struct send, flag, REQUIRED), FIELD_STR("i", struct send, properties, 0),
	FIELD_I32("j", struct send, reconsume_times, 0),
	FIELD_I32_OR("l", struct send, max_reconsume, -1),
	FIELD_BOOL("m", struct send, batch, 0), FIELD_END };

/* --- where to --- */

/* %RETRY%G: to G's dead letters when it was tried often enough. */
static int target_retry(
	struct request *rq, const struct send *f, const struct topic **out, struct str *topic)
{
	struct catalog *c = rq->broker->catalog;
	struct str group = names_group_of(f->topic);
	const struct group *g;
	int max;

	if (catalog_ensure_group(c, group, &g, NULL))
		return err_set(&rq->err, TQ_ENOGROUP, "subscription group not exist, " STR_FMT,
			STR_ARG(group));
	max = rq->version >= VERSION_RETRY_MAX ? f->max_reconsume : -1;
	if (!retry_is_exhausted(g, f->reconsume_times, max)) {
		*topic = f->topic;
		return catalog_ensure_retry_topic(c, group, out, &rq->err);
	}
	*topic = str_of(arena_fmt(rq->arena, "%s" STR_FMT, NAMES_DLQ, STR_ARG(group)));
	return catalog_ensure_dlq_topic(c, group, out, &rq->err);
}

static int target_topic(
	struct request *rq, const struct send *f, const struct topic **out, struct str *topic)
{
	struct catalog *c = rq->broker->catalog;
	int rc;

	*topic = f->topic;
	*out = catalog_topic(c, f->topic);
	if (*out)
		return 0;
	rc = catalog_ensure_topic(
		c, f->topic, f->default_topic, f->default_queues, out, &rq->err);
	if (rc == TQ_ENOTOPIC)
		err_set(&rq->err, rc, "topic[" STR_FMT "] not exist, apply first please!",
			STR_ARG(f->topic));
	return rc;
}

struct target {
	const struct topic *t; /* borrowed */
	struct str topic;
	int queue; /* < 0: pick_queue() */
	bool dead; /* a dead letter: not delayed */
};

static int pick_target(struct request *rq, const struct send *f, struct target *out)
{
	int rc;

	if (names_is_not_sendable(f->topic))
		return err_set(&rq->err, TQ_EDENIED,
			"Sending message to topic[" STR_FMT "] is forbidden.",
			STR_ARG(f->topic));
	if (names_is_retry(f->topic))
		rc = target_retry(rq, f, &out->t, &out->topic);
	else
		rc = target_topic(rq, f, &out->t, &out->topic);
	if (rc)
		return rc;
	out->dead = out->topic.p != f->topic.p;
	out->queue = out->dead ? 0 : f->queue;
	if (out->queue >= MAX(out->t->read_queues, out->t->write_queues))
		return err_set(&rq->err, TQ_EINVAL, "request queueId[%d] is illegal, %s",
			out->queue, out->t->name);
	return 0;
}

/* --- what --- */

struct seen {
	struct str tags, unique, keys;
	struct str start_deliver; /* ms since 1970, when the client wants it delivered */
	struct str sharding_key;
	bool delayed, transaction, rebuild;
};

/* One walk over the properties: what the broker acts on. */
static void look(struct str text, struct seen *seen)
{
	struct prop p;

	memset(seen, 0, sizeof(*seen));
	while (props_next(&text, &p)) {
		switch (p.name.n) {
		case 4:
			if (str_is(p.name, PROP_TAGS))
				seen->tags = p.value;
			else if (str_is(p.name, PROP_KEYS))
				seen->keys = p.value;
			else if (str_is(p.name, PROP_WAIT))
				seen->rebuild = true;
			break;
		case 5:
			if (str_is(p.name, PROP_DELAY))
				seen->delayed = true;
			break;
		case 7:
			if (str_is(p.name, PROP_CLUSTER))
				seen->rebuild = true;
			break;
		case 8:
			if (str_is(p.name, PROP_UNIQ_KEY))
				seen->unique = p.value;
			else if (str_is(p.name, PROP_TRAN_MSG))
				seen->transaction = str_is(p.value, "true");
			break;
		case sizeof(PROP_SHARDING_KEY) - 1:
			if (str_is(p.name, PROP_SHARDING_KEY))
				seen->sharding_key = p.value;
			break;
		case sizeof(PROP_START_DELIVER) - 1:
			if (str_is(p.name, PROP_START_DELIVER))
				seen->start_deliver = p.value;
			break;
		default:
			break;
		}
	}
}

/* As Apache: a message that is parked keeps its WAIT. */
static bool is_left_out(struct str name, bool parked, bool dead)
{
	return (!parked && str_is(name, PROP_WAIT)) || str_is(name, PROP_CLUSTER) ||
	       (dead && str_is(name, PROP_DELAY));
}

/* Appends the properties as they are stored to the scratch buffer; *at is where they begin. */
static void store_properties(
	struct request *rq, struct str text, const struct seen *seen, bool dead, size_t *at)
{
	bool parked = seen->transaction || (seen->delayed && !dead && schedule_level(text) > 0);
	struct buf *b = rq->scratch;
	struct prop p;

	*at = b->n;
	if (!seen->rebuild && !(dead && seen->delayed))
		buf_add_str(b, text);
	else
		while (props_next(&text, &p))
			if (!is_left_out(p.name, parked, dead))
				props_copy(b, *at, &p);
	props_add(b, *at, PROP_CLUSTER, str_of(rq->broker->cfg->cluster));
}

static int check_sizes(struct request *rq, struct str body, struct str properties)
{
	int64_t max = rq->broker->cfg->max_message_size;

	if ((int64_t)body.n > max)
		return err_set(&rq->err, TQ_EMSGILLEGAL,
			"the message is illegal, maybe msg body or properties length not matched. "
			"msg body length limit %lldB, here %zuB",
			(long long)max, body.n);
	if (properties.n > MESSAGE_MAX_PROPERTIES)
		return err_set(&rq->err, TQ_EMSGILLEGAL,
			"the message is illegal, maybe msg body or properties length not matched. "
			"msg properties length limit %dB, here %zuB",
			MESSAGE_MAX_PROPERTIES, properties.n);
	return 0;
}

/* The message's type, by what look() has seen; properties are where its level stands. */
static int type_of(const struct seen *seen, struct str properties)
{
	struct msgtype_marks m = {
		.transaction = seen->transaction,
		.delayed = seen->start_deliver.n ||
			   (seen->delayed && schedule_level(properties) > 0),
		.keyed = seen->sharding_key.n > 0,
	};

	return msgtype_of(&m);
}

static int check_type(struct request *rq, const struct target *t, int type)
{
	if (LIKELY(t->t->type == TOPIC_MIXED) || !rq->broker->cfg->enforce_topic_types)
		return 0;
	return msgtype_check(t->t, type, t->queue >= 0, &rq->err);
}

/* A topic has so many producers: connections that have sent to it. */
static int check_producers(struct request *rq, const struct target *t)
{
	struct broker *b = rq->broker;
	int64_t max = b->quota.producers;

	if (LIKELY(!max) || catalog_is_system_topic(b->catalog, t->topic) ||
		senders_admit(b->senders, t->topic, rq->conn->id, max))
		return 0;
	err_set(&rq->err, TQ_ELIMIT,
		"topic '%s' has %lld producers, its limit: see max-producers", t->t->name,
		(long long)max);
	rq->err.response = RESP_MESSAGE_ILLEGAL; /* trying again is of no use */
	return TQ_ELIMIT;
}

/*
 * What the message counts as is taken from the cluster's rates. A send that must wait for them is
 * done, and answered later; one that would have to wait too long is refused with the one code that
 * clients of Java try again for.
 */
static int charge(
	struct request *rq, const struct target *t, int64_t calls, size_t bytes, int64_t n)
{
	struct broker *b = rq->broker;
	int64_t ms;

	stats_add(b->stats, STAT_CALLS, calls);
	if (LIKELY(!throttle_on(b->throttle)) || catalog_is_system_topic(b->catalog, t->topic))
		return 0;
	ms = throttle_take(
		b->throttle, THROTTLE_IN, calls, (int64_t)bytes, clock_mono_us() * 1000);
	rq->late_ms = ms < 0 ? THROTTLE_REFUSED_MS : ms;
	if (ms > 0)
		stats_add(b->stats, STAT_PUT_SLOWED, n);
	if (ms >= 0)
		return 0;
	stats_add(b->stats, STAT_PUT_THROTTLED, n);
	err_set(&rq->err, TQ_EBUSY,
		"[THROTTLED]the cluster takes %lld calls and %lld Mbit a second, in and out: "
		"send more slowly",
		(long long)b->quota.calls, (long long)(b->quota.bits / 1000000));
	rq->err.response = RESP_SERVICE_NOT_AVAILABLE;
	log_every(10, LOG_WARN_, "send", "refused: %s", rq->err.msg);
	return TQ_EBUSY;
}

/* The sender leaves the queue to us: equal sharding keys go to one, what has none anywhere. */
static void pick_queue(struct target *t, const struct seen *seen)
{
	int n = MAX(t->t->write_queues, 1);

	if (t->queue >= 0)
		return;
	if (seen->sharding_key.n)
		t->queue = (int)((uint32_t)(str_java_hash(seen->sharding_key) & INT32_MAX) %
				 (uint32_t)n);
	else
		t->queue = (int)arc4random_uniform((uint32_t)n);
}

/* What cannot be kept is refused: never delivered otherwise than promised. */
static int check_kind(struct request *rq, const struct send *f, const struct seen *seen)
{
	int tx = f->sysflag & SYSFLAG_TX_MASK;
	struct str group;

	if (f->batch && (seen->transaction || tx))
		return err_set(&rq->err, TQ_EMSGILLEGAL,
			"messages of a batch cannot be transactional");
	if (tx && !seen->transaction)
		return err_set(&rq->err, TQ_EMSGILLEGAL,
			"a transactional message needs the property TRAN_MSG");
	if (!seen->transaction)
		return 0;
	group = props_get(f->properties, PROP_PGROUP);
	if (!group.n)
		return err_set(&rq->err, TQ_EMSGILLEGAL,
			"a transactional message needs its producer group, the property PGROUP");
	/* Its members are asked, and decide. */
	return request_permit_group(
		rq, NEED_PUB, body_name(rq, arena_strn(rq->arena, group.p, group.n)));
}

static void fill(struct message *m, const struct request *rq, const struct send *f,
	const struct target *t)
{
	memset(m, 0, sizeof(*m));
	m->queue_id = t->queue;
	m->topic = t->topic;
	m->flag = f->flag;
	m->sysflag = f->sysflag;
	m->born_ms = f->born_ms;
	m->born = rq->conn->remote;
	m->reconsume_times = f->reconsume_times;
}

/* What the store would have to look for in the properties. */
static void put_seen(struct store_put *put, const struct message *m, const struct seen *seen)
{
	put->m = m;
	put->tags_code = message_tags_code(seen->tags);
	put->looked = true;
	put->unique = seen->unique;
	put->keys = seen->keys;
}

static void answer(struct request *rq, struct str ids, int queue, const struct store_at *first,
	const struct store_at *last)
{
	reply_str(rq, "msgId", ids);
	reply_i64(rq, "queueId", queue);
	reply_i64(rq, "queueOffset", first->queue_off);
	reply_after(rq, last->end_off);
}

/* A half message; what it has of a delay counts from its commit. */
static int park_half(
	struct request *rq, const struct seen *seen, struct message *m, struct buf *props)
{
	int64_t due;
	int rc = 0;

	if (seen->start_deliver.n)
		rc = timed_due(seen->start_deliver, clock_wall_ms(), rq->broker->cfg->max_delay,
			&due, &rq->err);
	if (rc)
		return rc;
	m->sysflag &= ~SYSFLAG_TX_MASK;
	parked_wrap(m, STR(TX_HALF_TOPIC), 0, props);
	if (m->properties.n > TX_PROPERTIES_MAX)
		return err_set(&rq->err, TQ_EMSGILLEGAL,
			"the message is illegal, msg properties of a transaction limit %dB, here "
			"%zuB",
			TX_PROPERTIES_MAX, m->properties.n);
	return 0;
}

/* Points m where it waits, if it is to; at once otherwise. A level goes before a time. */
static int park(struct request *rq, const struct seen *seen, struct store_put *put,
	struct message *m, struct buf *props)
{
	int64_t now_ms, due = 0;
	int rc = 0, level = seen->delayed ? schedule_level(m->properties) : 0;

	if (seen->transaction)
		return park_half(rq, seen, m, props);
	if (level <= 0 && !seen->start_deliver.n)
		return 0;
	now_ms = clock_wall_ms();
	if (level > 0)
		put->tags_code = schedule_redirect(m, level, now_ms, props);
	else if (seen->start_deliver.n)
		rc = timed_due(seen->start_deliver, now_ms, rq->broker->cfg->max_delay, &due,
			&rq->err);
	if (rc || !due)
		return rc;
	put->tags_code = due;
	return timed_redirect(m, props, &rq->err);
}

static int send_one(struct request *rq, const struct send *f, struct target *t)
{
	char id[MESSAGE_ID_MAX];
	struct store_put put = { 0 };
	struct store_at at;
	struct message m;
	struct seen seen;
	struct buf delayed;
	size_t start;
	int rc, type;

	look(f->properties, &seen);
	type = type_of(&seen, f->properties);
	(void)((rc = check_kind(rq, f, &seen)) ||
		(rc = check_sizes(rq, rq->cmd->body, f->properties)) ||
		(rc = check_type(rq, t, type)) ||
		(rc = charge(rq, t,
			 msgtype_calls(t->t->type, type, rq->cmd->body.n + f->properties.n),
			 rq->cmd->body.n + f->properties.n, 1)));
	if (rc)
		return rc;
	pick_queue(t, &seen);
	fill(&m, rq, f, t);
	store_properties(rq, f->properties, &seen, t->dead, &start);
	m.properties = (struct str){ rq->scratch->p + start, rq->scratch->n - start };
	m.body = rq->cmd->body;
	put_seen(&put, &m, &seen);
	buf_init(&delayed, MESSAGE_MAX_PROPERTIES + 4096);
	if (!t->dead || seen.transaction)
		rc = park(rq, &seen, &put, &m, &delayed);
	if (!rc)
		rc = check_sizes(rq, m.body, m.properties);
	if (!rc)
		rc = store_append(rq->broker->store, &put, &at, &rq->err);
	buf_release(&delayed);
	if (rc)
		return rc;
	message_offset_id(id, &rq->broker->host, at.phys_off);
	answer(rq, str_of(id), t->queue, &at, &at); /* also of a delayed one */
	stats_put(rq->broker->stats, seen.transaction ? m.topic : t->topic, m.queue_id, 1,
		at.size);
	return 0;
}

/* --- batches --- */

struct batch {
	struct store_put *puts;
	struct message *messages;
	struct store_at *at;
	size_t *starts; /* of properties in the scratch buffer */
	size_t n;
	int64_t calls;
	bool keyed; /* by the properties of the request, which are those of all */
};

static int batch_read(struct request *rq, struct batch *b)
{
	struct rd r = rd_init(rq->cmd->body);
	struct batch_item it;
	int rc;

	while (rd_left(&r)) {
		rc = batch_next(&r, &it, &rq->err);
		if (rc) {
			rq->err.response = RESP_MESSAGE_ILLEGAL;
			return rc;
		}
		b->n++;
	}
	if (!b->n)
		return err_set(&rq->err, TQ_EMSGILLEGAL, "the batch is empty");
	b->puts = arena_alloc(rq->arena, b->n * sizeof(*b->puts));
	b->messages = arena_alloc(rq->arena, b->n * sizeof(*b->messages));
	b->at = arena_alloc(rq->arena, b->n * sizeof(*b->at));
	b->starts = arena_alloc(rq->arena, (b->n + 1) * sizeof(*b->starts));
	return 0;
}

/* A member keeps its own properties as they are; those of the request stand behind them. */
static void batch_properties(struct request *rq, struct str own, struct str common, size_t *at)
{
	struct buf *b = rq->scratch;
	struct prop p;

	*at = b->n;
	buf_add_str(b, own);
	props_add(b, *at, PROP_CLUSTER, str_of(rq->broker->cfg->cluster));
	while (props_next(&common, &p))
		if (!str_is(p.name, PROP_CLUSTER))
			props_copy(b, *at, &p);
}

static int batch_item(struct request *rq, const struct send *f, struct target *t,
	struct batch *b, size_t i, struct rd *r)
{
	struct message *m = &b->messages[i];
	struct batch_item it;
	struct seen seen;
	int rc;

	rc = batch_next(r, &it, &rq->err);
	if (rc)
		return rc;
	look(it.properties, &seen);
	if (seen.delayed || seen.start_deliver.n)
		return err_set(
			&rq->err, TQ_EMSGILLEGAL, "messages of a batch cannot be delayed");
	rc = check_kind(rq, f, &seen);
	if (!rc)
		rc = check_type(rq, t, type_of(&seen, it.properties));
	if (rc)
		return rc;
	b->calls += msgtype_calls(t->t->type, TOPIC_NORMAL, it.body.n + it.properties.n);
	pick_queue(t, &seen); /* the first says where they all go */
	fill(m, rq, f, t);
	m->flag = it.flag;
	m->body = it.body;
	batch_properties(rq, it.properties, f->properties, &b->starts[i]);
	put_seen(&b->puts[i], m, &seen);
	b->puts[i].looked = !b->keyed;
	return 0;
}

/* The scratch buffer has stopped growing: now its addresses hold. */
static int batch_settle(struct request *rq, struct batch *b)
{
	int rc = 0;

	b->starts[b->n] = rq->scratch->n;
	for (size_t i = 0; !rc && i < b->n; i++) {
		struct message *m = &b->messages[i];

		m->properties = (struct str){ rq->scratch->p + b->starts[i],
			b->starts[i + 1] - b->starts[i] };
		rc = check_sizes(rq, m->body, m->properties);
	}
	return rc;
}

static void batch_answer(struct request *rq, const struct batch *b, const struct target *t)
{
	char id[MESSAGE_ID_MAX];
	int64_t bytes = 0;

	buf_clear(rq->scratch);
	for (size_t i = 0; i < b->n; i++) {
		message_offset_id(id, &rq->broker->host, b->at[i].phys_off);
		if (i)
			buf_putc(rq->scratch, ',');
		buf_puts(rq->scratch, id);
		bytes += b->at[i].size;
	}
	answer(rq, buf_str(rq->scratch), t->queue, &b->at[0], &b->at[b->n - 1]);
	stats_put(rq->broker->stats, t->topic, t->queue, (int64_t)b->n, bytes);
}

static int send_batch(struct request *rq, const struct send *f, struct target *t)
{
	struct rd r = rd_init(rq->cmd->body);
	struct batch b = { 0 };
	struct seen common;
	int rc;

	look(f->properties, &common);
	b.keyed = common.unique.n || common.keys.n;
	if (names_is_retry(f->topic))
		return err_set(
			&rq->err, TQ_EMSGILLEGAL, "batch request does not support retry group");
	rc = check_sizes(rq, rq->cmd->body, STR_NONE);
	if (!rc)
		rc = batch_read(rq, &b);
	for (size_t i = 0; !rc && i < b.n; i++)
		rc = batch_item(rq, f, t, &b, i, &r);
	if (!rc && buf_err(rq->scratch))
		rc = err_set(&rq->err, TQ_EMSGILLEGAL, "the batch is too large");
	if (!rc)
		rc = batch_settle(rq, &b);
	if (!rc)
		rc = charge(rq, t, b.calls, rq->cmd->body.n, (int64_t)b.n);
	if (!rc)
		rc = store_append_batch(rq->broker->store, b.puts, b.n, b.at, &rq->err);
	if (rc)
		return rc;
	batch_answer(rq, &b, t);
	return 0;
}

static int send_message(struct request *rq, const void *fields)
{
	const struct send *f = fields;
	struct target t;
	int rc;

	reply_lit(rq, "MSG_REGION", "DefaultRegion");
	reply_bool(rq, "TRACE_ON", true);
	rc = hold_check_room(rq->broker->hold, &rq->err);
	if (!rc)
		rc = pick_target(rq, f, &t);
	if (!rc)
		rc = check_producers(rq, &t);
	if (!rc)
		rc = f->batch ? send_batch(rq, f, &t) : send_one(rq, f, &t);
	if (rc)
		stats_add(rq->broker->stats, STAT_PUT_FAILED, 1);
	return rc;
}

const struct handler h_send[] = { { REQ_SEND_MESSAGE, send_fields, sizeof(struct send),
					  send_message, NEED_PUB },
	{ REQ_SEND_MESSAGE_V2, send_v2_fields, sizeof(struct send), send_message, NEED_PUB },
	{ REQ_SEND_BATCH_MESSAGE, send_v2_fields, sizeof(struct send), send_message, NEED_PUB },
	HANDLER_END };
