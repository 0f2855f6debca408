/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: a remoting cluster, brokerd or Apache RocketMQ, as the place where a plan is carried
 * out. Creating a topic or group goes to every master; an item is made when all of them said so.
 *
 *	struct target *tg = target_remoting_new(admin, e);
 *
 *	rc = target_holdings(tg, &have, e);
 */
#ifndef TDMQ_TARGET_H
#define TDMQ_TARGET_H

#include "task.h"

struct admin;

/* Finds the masters and whether the target is a brokerd. admin is borrowed. */
int target_remoting_new(struct admin *a, struct target **out, struct err *e) MUST_USE;
void target_free(struct target *tg);
int target_holdings(struct target *tg, struct holdings *h, struct err *e) MUST_USE;

#endif
