/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: whether a cluster still has what a file or a task says, item by item. It is a plan that
 * nobody runs: what would be created is missing, what would be changed differs.
 */
#ifndef TDMQ_VERIFY_H
#define TDMQ_VERIFY_H

#include "task.h"

enum verify_state {
	VERIFY_SAME,
	VERIFY_DIFFERS,
	VERIFY_MISSING,
	VERIFY_LEFT, /* it is not to be there: a system topic, taken back, not selected */
	VERIFY_STATES
};
extern const char *const verify_state_names[]; /* same differs missing "left out" NULL */

enum verify_state verify_item(const struct plan_item *it);
/* How many items of each state. */
void verify_count(const struct plan *p, size_t counts[VERIFY_STATES]);
/*
 * A task's items against what the target holds now; p borrows their texts. What failed, or was not
 * reached, is compared too: somebody may have made it since.
 */
void verify_task(struct task *t, struct plan *p, const struct holdings *have);
/* Leaves out what the task does not have, of a plan made from its source as it is today. */
void verify_select(struct plan *p, const struct task *t);

#endif
