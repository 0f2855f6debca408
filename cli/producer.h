/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer: sends messages as a producer does, many in flight, spread over the write queues of a
 * topic's route.
 *
 *	struct producer *p;
 *
 *	rc = producer_new(cx, "shop%orders", &p);
 *	for (...)
 *		rc = producer_send(p, &out, on_sent, arg);
 *	producer_wait(p);
 *	producer_free(p);
 */
#ifndef TDMQCTL_PRODUCER_H
#define TDMQCTL_PRODUCER_H

#include "ctx.h"
#include "message.h"

/* "tdmqctl" in the namespace of the topic, so that a role that produces there may be it. */
const char *producer_group(struct ctx *cx, const char *topic);

struct producer;

struct outgoing {
	struct str body,
		properties; /* properties without the unique id, which is added if absent */
	const char *order_key; /* one key, one queue; NULL: in turn */
	const char *queue; /* "BROKER/QUEUE" or "QUEUE"; NULL: in turn */
	int sysflag, flag, reconsume_times;
	int64_t born_ms; /* 0: now */
	bool oneway;
};

struct sent {
	char id[MESSAGE_ID_MAX];
	char offset_id[MESSAGE_ID_MAX]; /* "" for one-way */
	const char *broker;
	int queue;
	int64_t offset; /* -1 for one-way */
	int64_t us; /* from hand-over to answer */
};

/* rc 0 or why it failed; called from producer_send() or producer_wait(). */
typedef void (*producer_done)(void *arg, int rc, const struct sent *s, const struct err *e);

int producer_new(struct ctx *cx, const char *topic, struct producer **out) MUST_USE;
void producer_free(struct producer *p); /* after producer_wait() */
/* Blocks while too many are in flight. An error here means it was not sent, done is not called. */
int producer_send(
	struct producer *p, const struct outgoing *o, producer_done done, void *arg) MUST_USE;
void producer_wait(struct producer *p);

#endif
