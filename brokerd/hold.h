/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold: what waits. Pulls wait for a message, by topic and queue; answers wait for the log to be
 * as safe as they promise.
 */
#ifndef TDMQ_HOLD_H
#define TDMQ_HOLD_H

#include "brokerd/dispatch.h"

struct hold;
struct broker;

struct hold *hold_new(struct broker *b);
/* Nothing waits any more: see hold_drop_pulls() and hold_fail_acks(). NULL is fine. */
void hold_free(struct hold *h);

/* --- pulls --- */

/*
 * Holds rq at most ms; request_leave() is called on it. On arrival of a unit at or behind queue_off
 * that match accepts, or at the deadline, it is parked again and wake() called once, after the
 * turn's store_commit; that ends it with request_finish(). When the connection goes, it is dropped.
 * There may be a hundred thousand: what match and wake need is a few bytes, copied from arg.
 */
struct held {
	struct str topic;
	int queue;
	int64_t queue_off;
	const void *arg; /* the copy; no pointers into the request */
};
struct hold_wait {
	struct str topic; /* copied */
	int queue;
	int64_t queue_off, ms;
	bool (*match)(const void *arg, int64_t tags_code);
	void (*wake)(struct request *rq, const struct held *h); /* h is valid for the call */
	const void *arg;
	size_t arg_n;
};
void hold_add(struct hold *h, struct request *rq, const struct hold_wait *w);
/* All pulls of a topic look again at the end of the turn: its settings changed or it is gone. */
void hold_wake_topic(struct hold *h, struct str topic);
int hold_count(const struct hold *h);
/* The store's arrival callback: arg is the hold. */
void hold_arrival(void *arg, struct str topic, int queue, int64_t queue_off, int64_t tags_code);
void hold_run_woken(struct hold *h);
void hold_drop_pulls(struct hold *h);

/* --- answers --- */

/* TQ_EBUSY when answers pile up behind a slow disk: asked before anything is appended. */
int hold_check_room(const struct hold *h, struct err *e) MUST_USE;
/* frame, the encoded answer to rq, leaves when the log is safe up to rq->after. */
void hold_ack(struct hold *h, const struct request *rq, struct str frame);
/* The same, in rq->late_ms at the earliest. False when too many are late: it is to go now. */
bool hold_late(struct hold *h, const struct request *rq, struct str frame) MUST_USE;
void hold_release_acks(struct hold *h);
/* Answers that promise more than `from` become errors. */
void hold_fail_acks(struct hold *h, int64_t from, const struct err *why);
int hold_acks(const struct hold *h);
int64_t hold_acks_ms(const struct hold *h); /* how long the oldest of them has waited */
#define HOLD_ACKS_MAX 200000 /* with as many waiting for the disk, sends are refused */

#endif
