/* SPDX-License-Identifier: Apache-2.0 */
/* report: inventories, plans and tasks as rows and objects of out.h: table, JSON, YAML, CSV. */
#ifndef TDMQ_REPORT_H
#define TDMQ_REPORT_H

#include "plan.h"
#include "task.h"

struct out;

struct report_filter {
	bool failed_only;
	const char *state; /* verdict or item state, NULL: all */
	const char *reason; /* NULL: all */
};

int report_inventory(struct out *o, const struct inventory *inv, struct err *e);
int report_plan(
	struct out *o, const struct plan *p, const struct report_filter *f, struct err *e);
int report_task(
	struct out *o, const struct task *t, const struct report_filter *f, struct err *e);
int report_tasks(struct out *o, const struct task *tasks, size_t n, struct err *e);
/* "212 to create, 3 exist, 14 skipped, 1 refused": one line without a line end. */
void report_plan_summary(struct buf *b, const struct plan *p);
void report_task_summary(struct buf *b, const struct task *t);

#endif
