/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consume: a member of a consumer group, as a push consumer of the Java client is one: it
 * heartbeats, shares the queues of the topic and of the group's retry topic with the other members,
 * pulls with long polling, and acknowledges or sends back message by message.
 */
#ifndef TDMQCTL_CONSUME_H
#define TDMQCTL_CONSUME_H

#include "ctx.h"
#include "message.h"

enum consume_verdict {
	CONSUME_ACK,
	CONSUME_RETRY, /* later, by the group's intervals */
	CONSUME_DEAD, /* to the dead letter queue, now */
};

struct consume {
	const char *group, *topic; /* wire names */
	const char *tags; /* subscription; NULL: "*" */
	bool earliest; /* where a group without positions begins */
	int64_t count; /* stop after so many; 0: no bound */
	int64_t wait_ms; /* stop after so long without a message; 0: never */
	enum consume_verdict verdict;
};

/* m is borrowed for the call; it is acknowledged (or sent back) after the call returned 0. */
typedef int (*consume_fn)(void *arg, const struct message *m, const char *broker);

/* Joins, consumes, commits, leaves. *done counts the messages that were dealt with. */
int consume_run(
	struct ctx *cx, const struct consume *c, consume_fn fn, void *arg, int64_t *done);

#endif
