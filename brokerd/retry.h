/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry: what becomes of a message that a consumer could not use: it goes to %RETRY%group after
 * a pause that grows with the attempt (1 s, 5 s, 10 s, 30 s ... 2 h), and after the last one to
 * %DLQ%group. The body and everything about its birth stay; RETRY_TOPIC keeps the first topic,
 * ORIGIN_MESSAGE_ID the first id.
 */
#ifndef TDMQ_RETRY_H
#define TDMQ_RETRY_H

#include "catalog.h"
#include "store/store.h"

/* Code 36. */
struct retry_ask {
	struct str group;
	int64_t phys_off;
	int delay_level; /* 0: by the number of attempts; < 0: dead letter at once */
	int max_reconsume; /* the consumer's own maximum; -1: the group's */
};

/* Where it went, for statistics and the acknowledgement. */
struct retry_result {
	bool dropped; /* the group has no retry queues: nothing was stored */
	bool dead;
	struct store_at at;
	char origin_topic[128];
};

/*
 * Appends (the caller commits with its turn). TQ_ENOGROUP, TQ_EDENIED, TQ_EFAIL with Apache's
 * remarks.
 */
int retry_send_back(struct catalog *c, struct store *s, const struct retry_ask *ask,
	struct retry_result *out, struct err *e);

/* Delay level of the attempt that follows `reconsume_times` attempts. */
int retry_level(int reconsume_times);
/*
 * A client's own send to %RETRY%group is due for the dead letter topic: max_reconsume -1 is
 * absent.
 */
bool retry_is_exhausted(const struct group *g, int reconsume_times, int max_reconsume);

#endif
