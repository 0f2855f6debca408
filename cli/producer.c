/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request carries its queue and its unique id, made here as the Java client makes them. The
 * window keeps at most IN_FLIGHT requests open over all brokers. A send that failed is not sent
 * again: it may be stored, and the answer says so.
 */
#include "producer.h"

#include <limits.h>
#include <stdlib.h>

#include "clock.h"
#include "names.h"
#include "props.h"
#include "queue.h"

#define DEFAULT_QUEUES 4 /* of a topic that the first message makes */
#define DEFAULT_QUEUES_TEXT "4"
#define IN_FLIGHT 64

struct target {
	const char *broker, *addr;
	int queue;
};

struct producer {
	struct ctx *cx;
	const char *topic, *group;
	struct target *queues; /* writable ones, in cx->mem */
	size_t n, turn;
};

struct flight {
	struct producer *p;
	producer_done done;
	void *arg;
	struct sent sent;
	int64_t start_us;
};

const char *producer_group(struct ctx *cx, const char *topic)
{
	struct str ns, name;
	const char *group;
	struct buf b;

	names_split(names_group_of(str_of(topic)), &ns, &name);
	buf_init(&b, WIRE_GROUP_MAX + 1);
	names_join(&b, ns, STR("tdmqctl"));
	group = arena_strn(&cx->mem, b.p, b.n);
	buf_release(&b);
	return group;
}

/*
 * A topic that is not there is sent to where new ones are made, as all clients do: the first
 * message makes it, with as many queues as it asks for at most. Where nothing makes topics there is
 * no route to the template either.
 */
static int find_route(struct ctx *cx, const char *topic, struct route *out, int *most)
{
	int rc = admin_route(cx->admin, topic, &cx->mem, out, &cx->err);

	*most = INT_MAX;
	if (rc != TQ_ENOTOPIC || admin_route(cx->admin, NAMES_TEMPLATE, &cx->mem, out, NULL))
		return rc;
	err_clear(&cx->err);
	*most = DEFAULT_QUEUES;
	return 0;
}

int producer_new(struct ctx *cx, const char *topic, struct producer **out)
{
	struct producer *p;
	struct route route;
	size_t total = 0;
	int most, rc;

	rc = find_route(cx, topic, &route, &most);
	if (rc)
		return rc;
	p = mem_alloc(sizeof(*p));
	p->cx = cx;
	p->topic = topic;
	p->group = producer_group(cx, topic);
	for (size_t i = 0; i < route.n_queues; i++)
		total += (size_t)MAX(route.queues[i].write_queues, 0);
	p->queues = arena_alloc(&cx->mem, (total + 1) * sizeof(*p->queues));
	for (size_t i = 0; i < route.n_queues; i++) {
		const struct route_queue *q = &route.queues[i];
		const char *addr = route_addr(&route, q->broker);

		for (int id = 0;
			addr && q->perm & PERM_WRITE && id < MIN(q->write_queues, most); id++)
			p->queues[p->n++] = (struct target){ q->broker, addr, id };
	}
	if (!p->n) {
		mem_free(p);
		err_set(&cx->err, TQ_EDENIED, "topic '%s' has no queue that may be written to",
			ctx_name(cx, topic));
		return err_hint(&cx->err, "its permissions, and whether its broker is drained: "
					  "tdmqctl topic route TOPIC");
	}
	p->turn = arc4random_uniform((uint32_t)p->n); /* not each first message to one queue */
	*out = p;
	return 0;
}

void producer_free(struct producer *p)
{
	mem_free(p);
}

static const struct target *choose(struct producer *p, const struct outgoing *o)
{
	if (o->order_key)
		return &p->queues[(uint32_t)(str_java_hash(str_of(o->order_key)) & INT32_MAX) %
				  p->n];
	if (!o->queue)
		return &p->queues[p->turn++ % p->n];
	for (size_t i = 0; i < p->n; i++)
		if (queue_is(o->queue, p->queues[i].broker, p->queues[i].queue))
			return &p->queues[i];
	return NULL;
}

static void on_answer(void *arg, int rc, struct reply *rp, const struct err *e)
{
	struct flight *f = arg;
	struct err refused = ERR_INIT;
	int64_t n;

	f->sent.us = clock_mono_us() - f->start_us;
	if (!rc) {
		const struct command *c = &rp->cmd;

		rc = admin_reply_err(c, f->sent.broker, &refused);
		e = &refused;
		snprintf(f->sent.offset_id, MESSAGE_ID_MAX, STR_FMT,
			STR_ARG(command_ext(c, "msgId")));
		if (!rc && !str_to_i64(command_ext(c, "queueOffset"), 0, INT64_MAX, &n,
				   "offset", NULL))
			f->sent.offset = n;
		if (!rc &&
			!str_to_i64(command_ext(c, "queueId"), 0, INT32_MAX, &n, "queue", NULL))
			f->sent.queue = (int)n;
	}
	reply_free(rp);
	f->done(f->arg, rc, &f->sent, e);
	mem_free(f);
}

int producer_send(struct producer *p, const struct outgoing *o, producer_done done, void *arg)
{
	struct client *client = admin_client(p->cx->admin);
	const struct target *to = choose(p, o);
	char queue[12], sysflag[12], born[24], flag[12], times[12];
	struct str unique = props_get(o->properties, PROP_UNIQ_KEY);
	int timeout = admin_timeout(p->cx->admin);
	struct command rq;
	struct flight *f;
	struct buf props;
	int rc;

	if (!to)
		return err_set(&p->cx->err, TQ_ENOTFOUND,
			"topic '%s' has no writable queue '%s'", ctx_name(p->cx, p->topic),
			o->queue);
	while (client_pending(client) >= IN_FLIGHT)
		client_run(client, 1);
	f = mem_alloc(sizeof(*f));
	*f = (struct flight){ p, done, arg,
		{ .broker = to->broker, .queue = to->queue, .offset = -1 }, clock_mono_us() };
	if (unique.n && unique.n < MESSAGE_ID_MAX)
		snprintf(f->sent.id, MESSAGE_ID_MAX, STR_FMT, STR_ARG(unique));
	else
		message_unique_id(f->sent.id);
	buf_init(&props, MESSAGE_MAX_PROPERTIES * 2);
	buf_add_str(&props, o->properties);
	if (!unique.n)
		props_add(&props, 0, PROP_UNIQ_KEY, str_of(f->sent.id));
	snprintf(queue, sizeof(queue), "%d", to->queue);
	snprintf(sysflag, sizeof(sysflag), "%d", o->sysflag);
	snprintf(flag, sizeof(flag), "%d", o->flag);
	snprintf(times, sizeof(times), "%d", o->reconsume_times);
	snprintf(born, sizeof(born), "%lld",
		(long long)(o->born_ms ? o->born_ms : clock_wall_ms()));
	command_init(&rq, REQ_SEND_MESSAGE_V2);
	command_add(&rq, "a", str_of(p->group));
	command_add(&rq, "b", str_of(p->topic));
	command_add(&rq, "c", STR(NAMES_TEMPLATE));
	command_add(&rq, "d", STR(DEFAULT_QUEUES_TEXT));
	command_add(&rq, "e", str_of(queue));
	command_add(&rq, "f", str_of(sysflag));
	command_add(&rq, "g", str_of(born));
	command_add(&rq, "h", str_of(flag));
	command_add(&rq, "i", buf_str(&props));
	command_add(&rq, "j", str_of(times));
	command_add(&rq, "k", STR("false"));
	rq.body = o->body;
	if (o->oneway) {
		rc = client_oneway(client, to->addr, &rq, timeout, &p->cx->err);
		if (!rc)
			done(arg, 0, &f->sent, NULL);
		mem_free(f);
	} else {
		rc = client_submit(client, to->addr, &rq, timeout, on_answer, f, &p->cx->err);
		if (rc)
			mem_free(f);
	}
	buf_release(&props);
	return rc;
}

void producer_wait(struct producer *p)
{
	client_run(admin_client(p->cx->admin), -1);
}
