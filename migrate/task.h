/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task: runs a plan and accounts for every item.
 *
 *	struct task t;
 *
 *	task_init(&t);
 *	task_from_plan(&t, &plan);
 *	rc = task_run(&t, &plan, &target, &journal, &hooks, e);
 *	... t.state, t.items ...
 *	task_release(&t);
 *
 *	pending -> running -> succeeded | some failed | all failed | cancelled
 *
 * Items run independently: one that fails stops no other, except what needs a namespace that could
 * not be made. Namespaces go first, then topics, then groups, many requests in flight. The journal
 * holds the plan before the first request leaves, and results in batches behind the work: what a
 * killed run did but did not note shows as "exists" the next time.
 */
#ifndef TDMQ_TASK_H
#define TDMQ_TASK_H

#include "plan.h"

enum task_state {
	TASK_PENDING,
	TASK_RUNNING,
	TASK_SUCCEEDED,
	TASK_SOME_FAILED,
	TASK_ALL_FAILED,
	TASK_CANCELLED,
	TASK_STATES
};
extern const char
	*const task_state_names[]; /* pending running succeeded "some failed" ... NULL */

enum item_state {
	ITEM_PENDING,
	ITEM_CREATED,
	ITEM_EXISTS,
	ITEM_UPDATED,
	ITEM_SKIPPED,
	ITEM_CONFLICT,
	ITEM_FAILED,
	ITEM_STATES
};
extern const char
	*const item_state_names[]; /* pending created exists updated skipped ... NULL */
/* Conflict and failed. */
bool item_state_is_failure(enum item_state s);

struct task_item {
	enum object_kind kind;
	enum item_state state;
	enum reason reason;
	unsigned long long warnings;
	const char *source, *ns, *name; /* as in struct plan_item */
	const char *detail;
	int64_t at_ms; /* when its state was reached; 0: not yet */
};

struct task {
	struct arena mem;
	int64_t id; /* 0: not stored */
	const char *name, *mode, *source, *target;
	enum task_state state;
	int64_t created_ms, finished_ms;
	struct task_item *items; /* owned array; NULL in listings */
	size_t n;
	int counts[OBJ_KINDS][ITEM_STATES];
};

void task_init(struct task *t);
void task_release(struct task *t);
/* Items as planned: what is not to be written has its final state at once. Copies. */
void task_from_plan(struct task *t, const struct plan *p);
void task_count(struct task *t); /* counts[] from items */
enum task_state task_outcome(const struct task *t); /* of a task that ran to its end */
int task_failures(const struct task *t);

/*
 * Where a plan is carried out. submit() may answer before it returns or from run(); done is
 * called exactly once for each submit that returned 0.
 */
typedef void (*target_done)(void *arg, size_t item, const struct err *e); /* e->code 0: made */
struct target {
	const char *kind; /* "brokerd", "apache" */
	const char *description; /* "brokerd at 127.0.0.1:9876" */
	int (*submit)(struct target *t, const struct plan_item *it, size_t item,
		target_done done, void *arg, struct err *e);
	/* Waits until something was answered; at most wait_ms. */
	void (*run)(struct target *t, int wait_ms);
	int window; /* requests in flight at most */
};

struct task_hooks {
	void (*progress)(void *arg, size_t done, size_t total, size_t failed); /* may be NULL */
	bool (*stop)(void *arg); /* asked between requests; may be NULL */
	void *arg;
};

struct journal;

/*
 * journal may be NULL (nothing is kept). Errors are those of the journal and of the target as a
 * whole; failed items are not an error: look at t->state. A stopped task is TQ_EINTERRUPTED.
 */
int task_run(struct task *t, const struct plan *p, struct target *tg, struct journal *j,
	const struct task_hooks *hooks, struct err *e) MUST_USE;

#endif
