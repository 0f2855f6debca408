/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold: pulls that wait for a message. By (topic, queue); an arrival whose unit passes the
 * filter, or the deadline, ends the wait.
 */
#ifndef TDMQ_HOLD_H
#define TDMQ_HOLD_H

#include "brokerd/dispatch.h"

struct hold;
struct broker;

struct hold *hold_new(struct broker *b);
void hold_free(struct hold *h);

/*
 * Holds rq (parked here, owned by hold until then) at most ms. On arrival of a unit at or behind
 * queue_off that match accepts, or at the deadline, wake(rq, arg) is called once, after the
 * turn's store_commit, and has to finish rq. When the connection goes, rq is finished without it and `drop` frees arg.
 */
typedef void (*hold_wake)(struct request *rq, void *arg);
struct hold_wait {
	struct str topic; /* copied */
	int queue;
	int64_t queue_off, ms;
	bool (*match)(void *arg, int64_t tags_code);
	hold_wake wake;
	void *arg; /* lives in rq->arena, as a rule */
};
void hold_add(struct hold *h, struct request *rq, const struct hold_wait *w);
/* A topic's pulls are answered now: its settings changed or it is gone. */
void hold_wake_topic(struct hold *h, struct str topic);
int hold_count(const struct hold *h);

#endif
