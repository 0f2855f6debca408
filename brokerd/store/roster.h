/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster: all queues in one file, so that a start need not look into ten thousands of directories,
 * nor a stop make ten thousands of files. Small stores do without.
 *
 *	"TDMQque2" 8 | queues 4 | kind 4 | queued 8 | boot id 36 | digest of the topics' names 8 |
 *	queues * (topic 1+n | id 4 | made 1 | first 8 | from 8 | max 8 | units 20 * (max - from)) |
 *	CRC of all before 4
 *
 * Three kinds, by when it was written:
 *
 *	WHOLE	at a clean stop; from is max
 *	CARRIED	at a clean stop; the files are right below from, the units behind it are here only
 *	RUNNING	at a checkpoint; the files have what they have below from, which is max
 *
 * The first two count after a clean stop, with the digest of `synced` and while consumequeue/ holds
 * the same topics. All of them help after a kill: whoever reads the log from `queued` on finds
 * the units that are missing. That is so as long as the machine runs: pages that were written but
 * not synced are still there, and no queue knows more than the log does. A machine that went down
 * has another boot id, and the directories are looked at.
 */
#ifndef TDMQ_STORE_ROSTER_H
#define TDMQ_STORE_ROSTER_H

#include "buf.h"
#include "err.h"
#include "brokerd/store/consumequeue.h"

#define ROSTER_MIN 1000 /* queues */
#define ROSTER_CARRY_MIN 256 /* queues with units to write: fewer are written */

enum roster_kind { ROSTER_WHOLE, ROSTER_CARRIED, ROSTER_RUNNING };

/* Whether it is worth it, and whether the stop should carry rather than write. */
bool roster_wanted(const struct cq *c);
bool roster_should_carry(const struct cq *c);
/* out is initialised here, the caller's; too many queues fail it. */
void roster_print(struct cq *c, enum roster_kind kind, int64_t queued, struct buf *out);
/* After a clean stop. False: there is none that can be used, and c is as it was. */
bool roster_read(struct cq *c, const char *path, uint64_t digest);
/* After a kill: units are known to be there but for those of records from *queued on. */
bool roster_resume(struct cq *c, const char *path, int64_t *queued);

#endif
