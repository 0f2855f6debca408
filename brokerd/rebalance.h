/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance: who of a group has which queue is worked out by the clients; the broker tells them
 * when to look again (40), and keeps the locks by which orderly consumers make sure (41, 42).
 *
 * A lock is (group, topic, broker, queue) -> client id. It lasts 60 s (queue-lock) from its last renewal;
 * then, or after an unlock, anybody may take it. It survives the owner's connection, not a
 * restart. Times are monotonic.
 */
#ifndef TDMQ_REBALANCE_H
#define TDMQ_REBALANCE_H

#include "err.h"
#include "str.h"

struct conn;
struct rebalance;

#define REBALANCE_LOCK_MS 60000 /* unless set otherwise */

/* Sends 40 for the group to a member: the registry's notify. */
void rebalance_notify(void *broker, struct conn *c, struct str group);

struct rebalance *rebalance_new(void);
void rebalance_free(struct rebalance *r);
void rebalance_set_lock(struct rebalance *r, int64_t ms); /* of locks from now on */

struct queue_name {
	struct str topic, broker;
	int queue;
};
/* True: client holds it from now on for 60 s. False: somebody else does. */
bool rebalance_lock(struct rebalance *r, struct str group, const struct queue_name *q,
	struct str client_id, int64_t now_ms);
void rebalance_unlock(struct rebalance *r, struct str group, const struct queue_name *q,
	struct str client_id);
/* The client left the group: its locks there are free. One whose connection broke may be back. */
void rebalance_leave(struct rebalance *r, struct str group, struct str client_id);
void rebalance_tick(struct rebalance *r, int64_t now_ms); /* forgets what expired; each 10 s */

#endif
