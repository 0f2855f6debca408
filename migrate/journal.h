/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal: where tasks are kept so that they survive the process that runs them. Two kinds:
 * brokerd keeps tasks in its metadata (request codes 30010-30013), visible to everyone; for other
 * targets there is a directory with one append-only file a task.
 *
 *	journal_dir(&j, "/home/u/.local/state/tdmqctl/tasks");
 *	rc = j.ops->create(&j, task, e);		// gives task->id
 *	rc = j.ops->update(&j, task, changed, n, e);	// durable when it returns
 *
 * A file is JSON lines: the task with all its items as planned, then one line per batch of results,
 * at last one with the final state. A torn last line is a batch that was not acknowledged: dropped.
 */
#ifndef TDMQ_JOURNAL_H
#define TDMQ_JOURNAL_H

#include "task.h"

struct journal;

struct journal_ops {
	const char *name; /* "brokerd", "directory" */
	/* Stores the task with all its items, and numbers it. */
	int (*create)(struct journal *j, struct task *t, struct err *e);
	/* A stored task goes on: its head and all its items are written again. */
	int (*reopen)(struct journal *j, struct task *t, struct err *e);
	/* Whether somebody asked that it stops; asks it. */
	int (*cancelled)(struct journal *j, int64_t id, bool *yes, struct err *e);
	int (*cancel)(struct journal *j, int64_t id, struct err *e);
	/* Stores the task's head and the items with these indices; its state, unless running. */
	int (*update)(struct journal *j, const struct task *t, const size_t *changed, size_t n,
		struct err *e);
	/* All tasks, oldest first, without items; strings in mem, *out a mem_free array. */
	int (*list)(struct journal *j, struct arena *mem, struct task **out, size_t *n,
		struct err *e);
	/* One with its items: TQ_ENOTFOUND. */
	int (*load)(struct journal *j, int64_t id, struct task *out, struct err *e);
};

struct admin;

struct journal {
	const struct journal_ops *ops;
	const char *dir; /* borrowed */
	struct admin *admin; /* borrowed */
	int fd; /* of the task being run */
	off_t end;
};

void journal_dir(struct journal *j, const char *dir);
void journal_brokerd(struct journal *j, struct admin *a);
void journal_release(struct journal *j);

#endif
