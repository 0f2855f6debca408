/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: inventories, plans and tasks as rows and objects of out.h. JSON and YAML have one
 * document with everything in it; the other formats have one row an item, and what is said about
 * the whole comes as a sentence, for the caller to show.
 */
#ifndef TDMQ_REPORT_H
#define TDMQ_REPORT_H

#include "out.h"
#include "plan.h"
#include "rollback.h"
#include "task.h"

/* What the rows show; a zeroed one shows all. */
struct report_filter {
	bool failed_only;
	const char *state; /* verdict or item state, NULL: all */
	const char *reason; /* NULL: all */
	const char *page; /* of tasks: file to write an HTML page to as well; NULL: none */
};

/* p: an offline plan of all of inv, which knows what is odd. */
int report_inventory(struct out *o, const struct inventory *inv, const struct plan *p,
	struct err *e) MUST_USE;
int report_plan(struct out *o, const struct plan *p, const struct report_filter *f,
	struct err *e) MUST_USE;
int report_task(struct out *o, const struct task *t, const struct report_filter *f,
	struct err *e) MUST_USE;
/* What the task created, and what a rollback does to it. */
int report_rollback(
	struct out *o, const struct rollback *rb, const struct task *t, struct err *e) MUST_USE;
int report_tasks(struct out *o, const struct task *tasks, size_t n, struct err *e) MUST_USE;

/* What they are shown by, NULL at the end: for the test that walks tables. */
extern const struct view *const report_views[];

/* "12 topics and 3 groups to create, 1 refused": no line end. */
void report_plan_summary(struct buf *b, const struct plan *p);
void report_task_summary(struct buf *b, const struct task *t);

#endif
