/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_reply: the way back of request and reply (324, 325). The request is an ordinary message that
 * names its sender (REPLY_TO_CLIENT, CORRELATION_ID, TTL); who consumes it sends a reply to
 * <cluster>_REPLY_TOPIC, and the broker hands that to the requester (326), which has to be a
 * producer connected here. The replier is answered when the requester has answered, 10 s at most.
 *
 * With store-reply-messages a reply is kept as well, also one that reached nobody, so that it can
 * be looked for. That it cannot be kept is no reason not to deliver it. (Apache 4.9.8,
 * broker/.../processor/ReplyMessageProcessor.java. Differing: it stores the reply after it was
 * delivered, and forgets that its body is compressed.)
 */
#include "brokerd/broker.h"
#include "brokerd/catalog.h"
#include "brokerd/dispatch.h"
#include "brokerd/hold.h"
#include "brokerd/registry.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "clock.h"
#include "log.h"
#include "names.h"
#include "props.h"

#define PUSH_MS 10000
#define PROP_REPLY_TO "REPLY_TO_CLIENT"
#define PROP_PUSH_TIME "PUSH_REPLY_TIME"

struct reply {
	struct str group, topic, default_topic, properties, unit;
	int default_queues, queue, sysflag, flag, reconsume_times;
	int64_t born_ms;
};

static const struct field reply_fields[] = { FIELD_STR("producerGroup", struct reply, group, 0),
	FIELD_TOPIC("topic", struct reply, topic, REQUIRED),
	FIELD_STR("defaultTopic", struct reply, default_topic, 0),
	FIELD_I32("defaultTopicQueueNums", struct reply, default_queues, 0),
	FIELD_I32("queueId", struct reply, queue, REQUIRED),
	FIELD_I32("sysFlag", struct reply, sysflag, REQUIRED),
	FIELD_I64("bornTimestamp", struct reply, born_ms, REQUIRED),
	FIELD_I32("flag", struct reply, flag, REQUIRED),
	FIELD_STR("properties", struct reply, properties, 0),
	FIELD_I32("reconsumeTimes", struct reply, reconsume_times, 0),
	FIELD_STR("unitMode", struct reply, unit, 0), FIELD_END };

static const struct field reply_v2_fields[] = { FIELD_STR("a", struct reply, group, 0),
	FIELD_TOPIC("b", struct reply, topic, REQUIRED),
	FIELD_STR("c", struct reply, default_topic, 0),
	FIELD_I32("d", struct reply, default_queues, 0),
	FIELD_I32("e", struct reply, queue, REQUIRED),
	FIELD_I32("f", struct reply, sysflag, REQUIRED),
	FIELD_I64("g", struct reply, born_ms, REQUIRED),
	FIELD_I32("h", struct reply, flag, REQUIRED),
	FIELD_STR("i", struct reply, properties, 0),
	FIELD_I32("j", struct reply, reconsume_times, 0), FIELD_STR("k", struct reply, unit, 0),
	FIELD_END };

/* --- what and where to --- */

static int check(struct request *rq, const struct reply *f, int *queue)
{
	int64_t max = rq->broker->cfg->max_message_size;
	const struct topic *t;
	int rc;

	if (names_is_not_sendable(f->topic) || names_is_retry(f->topic))
		return err_set(&rq->err, TQ_EDENIED,
			"Sending message to topic[" STR_FMT "] is forbidden.",
			STR_ARG(f->topic));
	rc = catalog_ensure_topic(rq->broker->catalog, f->topic, f->default_topic,
		f->default_queues, &t, &rq->err);
	if (rc == TQ_ENOTOPIC)
		return err_set(&rq->err, rc,
			"topic[" STR_FMT "] not exist, apply first please!", STR_ARG(f->topic));
	if (rc)
		return rc;
	if ((int64_t)rq->cmd->body.n > max || f->properties.n > MESSAGE_MAX_PROPERTIES)
		return err_set(&rq->err, TQ_EMSGILLEGAL,
			"the message is illegal, its body is at most %lldB, its properties %dB",
			(long long)max, MESSAGE_MAX_PROPERTIES);
	*queue = f->queue >= 0 ? f->queue : 0;
	if (*queue >= MAX(t->read_queues, t->write_queues))
		return err_set(&rq->err, TQ_EINVAL, "request queueId[%d] is illegal, %s",
			f->queue, t->name);
	return 0;
}

/* Puts the fields of an answer that is a success, whatever comes of the store. */
static void keep(
	struct request *rq, const struct reply *f, struct str body, int queue, int64_t *end_off)
{
	char id[MESSAGE_ID_MAX] = "0";
	struct message m = {
		.topic = f->topic,
		.queue_id = queue,
		.flag = f->flag,
		.sysflag = f->sysflag & ~SYSFLAG_TX_MASK,
		.properties = f->properties,
		.body = body,
		.born_ms = f->born_ms,
		.born = rq->conn->remote,
		.reconsume_times = f->reconsume_times,
	};
	struct store_put put = { .m = &m };
	struct store_at at = { 0 };
	struct err e = ERR_INIT;

	if (rq->broker->cfg->store_reply_messages) {
		put.tags_code = message_tags_code(props_get(f->properties, PROP_TAGS));
		if (store_append(rq->broker->store, &put, &at, &e))
			log_every(10, LOG_WARN_, "reply", "a reply is not kept: %s", e.msg);
		else
			message_offset_id(id, &rq->broker->host, at.phys_off);
	}
	if (at.size)
		stats_put(rq->broker->stats, f->topic, queue, 1, at.size);
	*end_off = at.end_off;
	reply_str(rq, "msgId", str_of(id));
	reply_i64(rq, "queueId", queue);
	reply_i64(rq, "queueOffset", at.queue_off);
}

/* --- to the requester --- */

struct push {
	struct request *rq; /* parked */
	const char *to; /* client id, in the request's arena */
	int64_t end_off; /* of the log behind what was kept */
};

static void pushed(void *arg, int rc, const struct command *answer)
{
	const struct push *p = arg;
	struct request *rq = p->rq;

	if (rc || answer->code)
		err_set(&rq->err, TQ_EFAIL, "push reply message to %sfail.", p->to);
	else if (p->end_off)
		reply_after(rq, p->end_off);
	request_finish(rq, rq->err.code);
}

static struct str number(struct request *rq, int64_t n)
{
	return str_of(arena_fmt(rq->arena, "%lld", (long long)n));
}

static void push(
	struct request *rq, const struct reply *f, const struct member *to, struct push *p)
{
	char born[HOST_TEXT];
	struct str now = number(rq, clock_wall_ms());
	struct command out;
	struct buf props;

	buf_init(&props, MESSAGE_MAX_PROPERTIES + 64);
	props_set(&props, f->properties, PROP_PUSH_TIME, now);
	command_init(&out, REQ_PUSH_REPLY_MESSAGE_TO_CLIENT);
	command_add(&out, "producerGroup", f->group);
	command_add(&out, "topic", f->topic);
	command_add(&out, "defaultTopic", f->default_topic);
	command_add(&out, "defaultTopicQueueNums", number(rq, f->default_queues));
	command_add(&out, "queueId", number(rq, f->queue));
	command_add(&out, "sysFlag", number(rq, f->sysflag));
	command_add(&out, "bornTimestamp", number(rq, f->born_ms));
	command_add(&out, "flag", number(rq, f->flag));
	command_add(&out, "properties", buf_str(&props));
	command_add(&out, "reconsumeTimes", number(rq, f->reconsume_times));
	command_add(&out, "unitMode", f->unit.n ? f->unit : STR("false"));
	command_add(&out, "bornHost", str_of(conn_peer(rq->conn, born)));
	command_add(&out, "storeHost", str_of(broker_address(rq->broker)));
	command_add(&out, "storeTimestamp", now);
	out.body = rq->cmd->body;
	conn_call(to->conn, &out, PUSH_MS, pushed, p);
	buf_release(&props);
}

static void region(struct request *rq)
{
	reply_lit(rq, "MSG_REGION", "DefaultRegion");
	reply_bool(rq, "TRACE_ON", true);
}

static int park(struct request *rq, const struct reply *f, const struct member *to, int queue)
{
	struct request *parked = request_park(rq);
	struct push *p = arena_alloc(parked->arena, sizeof(*p));

	p->rq = parked;
	p->to = arena_str(parked->arena, to->client_id);
	region(parked);
	keep(parked, f, rq->cmd->body, queue, &p->end_off);
	push(rq, f, to, p);
	return 0;
}

static int send_reply(struct request *rq, const void *fields)
{
	const struct reply *f = fields;
	struct str client = props_get(f->properties, PROP_REPLY_TO);
	const struct member *to;
	int64_t end_off;
	int queue = 0, rc;

	rc = hold_check_room(rq->broker->hold, &rq->err);
	if (!rc)
		rc = check(rq, f, &queue);
	if (rc) {
		region(rq);
		return rc;
	}
	to = client.n ? registry_producer_by_id(rq->broker->registry, client) : NULL;
	if (to)
		return park(rq, f, to, queue);
	region(rq);
	keep(rq, f, rq->cmd->body, queue, &end_off);
	if (!client.n)
		return err_set(&rq->err, TQ_EFAIL,
			"reply message properties[" PROP_REPLY_TO "] is null");
	return err_set(&rq->err, TQ_EFAIL,
		"push reply message fail, channel of <" STR_FMT "> not found.",
		STR_ARG(client));
}

const struct handler h_reply[] = { { REQ_SEND_REPLY_MESSAGE, reply_fields, sizeof(struct reply),
					   send_reply, NEED_PUB },
	{ REQ_SEND_REPLY_MESSAGE_V2, reply_v2_fields, sizeof(struct reply), send_reply,
		NEED_PUB },
	HANDLER_END };
