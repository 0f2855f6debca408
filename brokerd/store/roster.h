/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster: all queues in one file, written at a clean stop, so that a start need not look into
 * ten thousands of directories. It counts only together with the digest of `synced`, and only
 * while consumequeue/ holds the same topics. Small stores do without.
 *
 *	"TDMQque1" 8 | queues 4 | digest of the topics' names 8 |
 *	queues * (topic 1+n | id 4 | first 8 | max 8) | CRC of all before 4
 */
#ifndef TDMQ_STORE_ROSTER_H
#define TDMQ_STORE_ROSTER_H

#include "err.h"
#include "brokerd/store/consumequeue.h"

#define ROSTER_MIN 1000 /* queues */

int roster_write(struct cq *c, const char *path, struct err *e);
/* False: there is none that can be used, and c is as it was. */
bool roster_read(struct cq *c, const char *path, uint64_t digest);

#endif
