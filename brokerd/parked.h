/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parked: a message that waits in a topic of the broker's own. Its topic and queue are kept in
 * REAL_TOPIC and REAL_QID, as Apache keeps them:
 *
 *	parked_wrap(&m, STR(SCHEDULE_TOPIC), level - 1, &props);	in
 *
 *	if (!parked_decode(record, &m, e))				and out again
 *		what = parked_deliver(&out, &m, &at);
 */
#ifndef TDMQ_PARKED_H
#define TDMQ_PARKED_H

#include "buf.h"
#include "message.h"
#include "store/store.h"

/* Points m into a topic of the broker's; its new properties are built in props (cleared first). */
void parked_wrap(struct message *m, struct str topic, int queue, struct buf *props);
/* Makes m, a record of a topic of the broker's, the message it was; false if that cannot be. */
bool parked_unwrap(struct message *m);
/* Reads a record and checks it: TQ_EFORMAT for one that is damaged. Borrows from it. */
int parked_decode(struct str record, struct message *m, struct err *e);

struct parked_out {
	struct store *store;
	const char *who; /* for the log */
	/* False: the topic is gone, its message is dropped. May be NULL. */
	bool (*wanted)(void *arg, struct str topic);
	/* A message was put back, `bytes` long. May be NULL. */
	void (*delivered)(void *arg, struct str topic, int64_t bytes);
	void *arg;
};

enum parked {
	PARKED_DELIVERED,
	PARKED_DROPPED, /* never can be */
	PARKED_AGAIN, /* the store refuses, for now */
};
/* Appends m, a record that parked_decode() read, where it belongs. `at` is set if delivered. */
enum parked parked_deliver(
	const struct parked_out *o, struct message *m, struct store_at *at) MUST_USE;

#endif
