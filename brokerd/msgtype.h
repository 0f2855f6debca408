/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msgtype: which type a message is of, by its properties, whether its topic takes it, and how
 * many calls it counts as.
 *
 *	struct msgtype_marks marks = { .delayed = true };
 *	int type = msgtype_of(&marks);
 *
 *	rc = msgtype_check(topic, type, queue >= 0, &rq->err);
 *	calls = msgtype_calls(topic->type, type, body.n);
 *
 * A topic of a type takes messages of that type only; a mixed one takes all, and so do retry,
 * dead letter and system topics, which are mixed. Senders of ordered messages mark them with a
 * sharding key, or choose the queue themselves, which the broker cannot tell from any other
 * choice: a fifo topic takes both, and refuses only what leaves the queue to the broker.
 */
#ifndef TDMQ_MSGTYPE_H
#define TDMQ_MSGTYPE_H

#include "model.h"

struct msgtype_marks {
	bool transaction; /* TRAN_MSG */
	bool delayed; /* a level above 0, or a time of its own */
	bool keyed; /* a sharding key */
};

int msgtype_of(const struct msgtype_marks *m); /* enum topic_type, never TOPIC_MIXED */

/* TQ_EMSGILLEGAL, naming the topic, its type and the message's. */
int msgtype_check(const struct topic *t, int type, bool queue_chosen, struct err *e);

#define MSGTYPE_CALL_BYTES 4096 /* a call for each such part of a message */
#define MSGTYPE_SPECIAL_CALLS 5 /* times as many, if it is not general */

/* What a message counts as; the type of its topic counts where the message shows none. */
int64_t msgtype_calls(int topic_type, int type, size_t bytes);

#endif
