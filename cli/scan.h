/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan: reads the messages of a topic, queue by queue and all queues at the same time, without
 * joining a group and without moving any position.
 *
 *	rc = scan_topic(cx, &(struct scan){ .topic = wire, .since_ms = t }, on_message, arg);
 *
 * Within a queue messages come in order; between queues they come as they arrive. A broker that
 * fails is reported through ctx_failed() and the rest is read.
 */
#ifndef TDMQCTL_SCAN_H
#define TDMQCTL_SCAN_H

#include "ctx.h"
#include "message.h"

struct scan {
	const char *topic; /* wire name */
	const char *only; /* "BROKER/QUEUE" or "QUEUE"; NULL: all */
	int64_t since_ms; /* store time, inclusive; 0: from the oldest */
	int64_t until_ms; /* exclusive; 0: to the end at the moment of asking */
	int64_t newest; /* at most so many from the end of each queue; 0: all */
	bool at_offset; /* with `only`: start at `offset`, wherever the rest says */
	int64_t offset;
	bool follow; /* never ends: waits for more */
	bool from_end; /* start behind the newest */
};

/* m is borrowed for the call. false: enough, stop. */
typedef bool (*scan_fn)(void *arg, const struct message *m, const char *broker);

int scan_topic(struct ctx *cx, const struct scan *s, scan_fn fn, void *arg);

/* What messages are wanted. NULL and empty members do not filter. */
struct match {
	const char *id, *key, *tag, *grep, *origin_topic;
	struct strv props; /* "name=value" */
	/* private */
	struct match_regex *regex;
};
/* Compiles grep; TQ_EUSAGE says what is wrong with it. */
int match_init(struct match *f, struct err *e);
void match_release(struct match *f);
bool match_message(struct ctx *cx, const struct match *f, const struct message *m);

/*
 * The newest `limit` messages that were added, in order of store time.
 */
struct newest {
	struct kept *v; /* owned */
	size_t n, cap, limit, dropped;
};
struct kept {
	struct message m; /* points into bytes */
	char *bytes; /* owned */
	const char *broker;
};
void newest_init(struct newest *k, size_t limit);
void newest_release(struct newest *k);
void newest_add(struct newest *k, const struct message *m, const char *broker); /* copies m */
void newest_sort(struct newest *k); /* and cuts to the limit */

#endif
