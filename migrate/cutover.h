/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutover: how far producers and consumers are on their way from one cluster to another, and what
 * may be done next without losing a message. Steps, each of which ends before the next:
 *
 *	metadata	the new cluster has the topics and groups
 *	some-consumers	each group has a member there, so that what will be sent is heard
 *	some-producers	the first producers send there
 *	all-producers	nobody sends to the old cluster any more
 *	drained		nothing is left there: unread, delayed or undecided
 *	all-consumers	the last consumers leave it
 *
 * cutover_judge() is a function of what was seen, and nothing else:
 *
 *	cutover_init(&c);
 *	rc = cutover_observe(&c, from, to, &scope, e);
 *	cutover_judge(&c, &v);
 *	... v.step[v.next].safe, v.dangers ...
 *	cutover_release(&c);
 */
#ifndef TDMQ_CUTOVER_H
#define TDMQ_CUTOVER_H

#include "mem.h"
#include "strv.h"

enum cutover_side { SIDE_OLD, SIDE_NEW, SIDES };
extern const char *const cutover_side_names[]; /* old new NULL */

enum cutover_step {
	STEP_METADATA,
	STEP_SOME_CONSUMERS,
	STEP_SOME_PRODUCERS,
	STEP_ALL_PRODUCERS,
	STEP_DRAINED,
	STEP_ALL_CONSUMERS,
	CUTOVER_STEPS
};
extern const char *const cutover_step_names[]; /* metadata some-consumers ... NULL */

/* A consumer group of the old cluster. Names are those of the new one. */
struct cutover_group {
	const char *name;
	int members[SIDES];
	int64_t left; /* messages it has not consumed in the old cluster, retries too */
	bool used; /* it has members or positions in the old cluster */
	bool missing; /* the new cluster does not have it */
	bool placed; /* it has positions in the new cluster */
	bool broadcast; /* its members keep their positions themselves */
};

struct cutover_client {
	bool producer;
	enum cutover_side side;
	const char *group, *id, *addr;
};

struct cutover {
	struct arena mem;
	struct cutover_group *groups; /* owned */
	struct cutover_client *clients; /* owned */
	size_t n_groups, n_clients, cap_groups, cap_clients;
	int producers[SIDES]; /* clients that send */
	int topics; /* of the old cluster */
	struct strv missing; /* of them, the new one does not have; in mem */
	int64_t delayed; /* in the old cluster: messages that wait for their time */
	int64_t undecided; /* transactional ones that are neither committed nor rolled back */
};

void cutover_init(struct cutover *c);
void cutover_release(struct cutover *c);
/* For observers: zeroed, borrowed until the next one. */
struct cutover_group *cutover_add_group(struct cutover *c, const char *name);
void cutover_add_client(struct cutover *c, struct cutover_client client); /* counts producers */

/* ---- what to make of it ---- */

struct cutover_state {
	bool done;
	bool safe; /* to do it now, or to go on with it */
	const char *detail; /* how far it is */
	const char *why; /* it is not safe; NULL */
};

struct cutover_verdict {
	struct cutover_state step[CUTOVER_STEPS];
	enum cutover_step next; /* the first that is not done; CUTOVER_STEPS: all are */
	struct strv dangers; /* what loses messages as things stand; in the cutover's mem */
	struct strv cautions; /* what to know before the next step */
};

/* Texts live as long as c. */
void cutover_judge(struct cutover *c, struct cutover_verdict *v);
/* Whether a step can be taken, and no danger is there already. */
bool cutover_may(const struct cutover_verdict *v, enum cutover_step step);

/* ---- look ---- */

struct admin;

struct cutover_scope {
	/* Name in the new cluster of one of the old one; NULL: out of scope. */
	const char *(*to_name)(void *arg, const char *wire);
	bool (*is_system)(void *arg, const char *topic); /* of the old cluster */
	void *arg;
	const struct strv *groups; /* consumer groups, names of the new cluster; empty: all */
	const struct strv *producers; /* producer groups; empty: all */
};

int cutover_observe(struct cutover *c, struct admin *from, struct admin *to,
	const struct cutover_scope *s, struct err *e) MUST_USE;

#endif
