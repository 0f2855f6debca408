/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollback: takes back what a task created, and nothing else: not what it found or changed, not
 * what has been used or changed since, not a namespace that others have moved into.
 *
 *	struct rollback rb;
 *
 *	rollback_init(&rb);
 *	rc = rollback_look(&rb, &task, &target, &holdings, force, e);
 *	... rb.items, at the places of the task's: what would become of each ...
 *	rc = rollback_run(&rb, &task, &target, &journal, &hooks, e);
 *	rollback_release(&rb);
 *
 * Killed on the way, it is run again: what is gone already counts as removed.
 */
#ifndef TDMQ_ROLLBACK_H
#define TDMQ_ROLLBACK_H

#include "task.h"

enum back {
	BACK_NONE, /* not made by this task */
	BACK_REMOVE,
	BACK_GONE, /* somebody removed it before */
	BACK_KEEP, /* used or changed since */
	BACKS
};
extern const char *const back_names[]; /* none remove gone keep NULL */

struct rollback_item {
	enum back back;
	const char *detail; /* why, "" if there is nothing to say */
};

struct rollback {
	struct plan plan; /* the task's items, for the target */
	struct rollback_item *items; /* owned array, as many as the task has */
	size_t n;
	bool force;
};

void rollback_init(struct rollback *rb);
void rollback_release(struct rollback *rb);
/* force: what was used or changed since goes too. Settles what a killed run left open, see task_again(). */
int rollback_look(struct rollback *rb, struct task *t, struct target *tg,
	const struct holdings *have, bool force, struct err *e) MUST_USE;
size_t rollback_count(const struct rollback *rb, enum back b);
/* Groups, then topics, then namespaces. rb tells afterwards what could not be removed: BACK_KEEP. */
int rollback_run(struct rollback *rb, struct task *t, struct target *tg, struct journal *j,
	const struct task_hooks *hooks, struct err *e) MUST_USE;

#endif
