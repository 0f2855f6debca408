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
 *	pending -> running -> succeeded | some failed | all failed | cancelled -> rolled back
 *
 * Items run independently: one that fails stops no other, except what needs a namespace that could
 * not be made. Namespaces go first, then topics, then groups, many requests in flight. The journal
 * holds the plan before the first request leaves, results in batches behind the work, and a mark
 * before it: no item from `reached` on has been sent. A run that was killed goes on by task_again(),
 * which knows what the dead run may have made from what somebody else did.
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
	TASK_ROLLED_BACK,
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
	ITEM_REMOVED, /* created, and taken back by a rollback */
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
	enum verdict verdict; /* what was to be done */
	bool tried; /* a request left, and no answer said that it changed nothing */
	union { /* as in struct plan_item; of what was never to be written: empty */
		struct namespace namespace;
		struct topic topic;
		struct group group;
	};
};

struct task {
	struct arena mem;
	int64_t id; /* 0: not stored */
	const char *name, *mode, *source, *target;
	enum task_state state;
	int64_t created_ms, finished_ms;
	enum on_conflict on_conflict;
	size_t reached; /* while it runs: no item from here on has been sent */
	const char *host; /* where it runs, or ran last; NULL: unknown */
	int64_t pid, pid_start; /* the process there, and when it began */
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
/* Whether the process that runs it is alive; what runs on another host counts as alive. */
bool task_is_alive(const struct task *t);

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
	/* For target.h: what is there, and the end of it. */
	int (*holdings)(struct target *t, struct holdings *h, struct err *e);
	void (*release)(struct target *t);
	/*
	 * Both may be NULL: no rollback there. in_use: TQ_EPRECOND with the sentence when messages
	 * or positions have arrived, TQ_ENOTFOUND when it is gone. remove_item waits for the answer.
	 */
	int (*in_use)(struct target *t, const struct plan_item *it, struct err *e);
	int (*remove_item)(struct target *t, const struct plan_item *it, struct err *e);
	const char
		*id; /* tells one from another: a cluster id, names of brokers; NULL: unknown */
};

struct task_hooks {
	void (*progress)(void *arg, size_t done, size_t total, size_t failed); /* may be NULL */
	bool (*stop)(void *arg); /* asked between requests; may be NULL */
	void *arg;
};

struct journal;

/*
 * Makes a task from the journal ready to go on: p gets its items, at the same places, and each that
 * is still to be done (pending; with `failed` also failed and in conflict) gets the verdict that
 * `have` gives it now. What a killed run made but did not note is "created". Then task_run().
 */
enum task_again { AGAIN_PENDING = 1, AGAIN_FAILED = 2 };
void task_again(struct task *t, struct plan *p, const struct holdings *have, unsigned which);
/* Items that task_run() would send. */
size_t task_pending(const struct task *t);

/*
 * journal may be NULL (nothing is kept). A task that has an id goes on; one without is created
 * there. Errors are those of the journal and of the target as a
 * whole; failed items are not an error: look at t->state. A stopped task is TQ_EINTERRUPTED.
 */
int task_run(struct task *t, const struct plan *p, struct target *tg, struct journal *j,
	const struct task_hooks *hooks, struct err *e) MUST_USE;

#endif
