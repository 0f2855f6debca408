/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks: single messages of a queue that something was decided about: a delayed one that was
 * cancelled, a transaction that was set aside and begun anew. A queue cannot be changed, so this
 * stands beside it, in memory and in metadb. There are few: operators make them by hand.
 *
 *	rc = marks_add(m, level, off, later_done, l, &rq->err);
 *	if (marks_has(m, level, off) == MARK_SET)
 */
#ifndef TDMQ_MARKS_H
#define TDMQ_MARKS_H

#include "brokerd/metadb.h"

struct marks;

#define MARK_RESUMED 19 /* kinds: 1 to 18 are delay levels, cancelled */
#define MARKS_MAX 100000

enum mark { MARK_NONE, MARK_COMING, MARK_SET }; /* coming: not in metadb yet, and may fail */

/* Loads; before metadb_start(). */
int marks_open(struct metadb *db, struct marks **out, struct err *e) MUST_USE;
void marks_free(struct marks *m); /* after metadb_close() */
enum mark marks_has(const struct marks *m, int kind, int64_t off);
/* done when it is durable. TQ_EEXIST: it is there or coming; TQ_ELIMIT. */
int marks_add(struct marks *m, int kind, int64_t off, meta_done done, void *arg,
	struct err *e) MUST_USE;
/* Nobody asks for what is before off any more. */
void marks_drop(struct marks *m, int kind, int64_t off);

#endif
