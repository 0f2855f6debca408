/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redo: what a crash left half done. A waiting message is delivered by storing it again where it
 * belongs; that it was is noted a moment later: the place of a level, the row of a timer, the note
 * of a half message. A crash between the two would deliver it once more.
 *
 * So each copy names the record it was made of (the record's prepared offset), and metadb has an
 * offset of the log before which everything is noted. At start the log is read from there on,
 * a few megabytes, and what was copied counts as delivered:
 *
 *	rc = redo_open(store, db, &r, e);	the store is open, metadb not yet started
 *	... schedule, timed, tx open: they are told ...
 *	redo_flush(r, safe);			each second, and before metadb_close()
 */
#ifndef TDMQ_REDO_H
#define TDMQ_REDO_H

#include "brokerd/metadb.h"
#include "brokerd/schedule.h"
#include "brokerd/store/store.h"

struct redo;

/* Reads the log, forgets timers that went off. */
int redo_open(struct store *s, struct metadb *db, struct redo **out, struct err *e) MUST_USE;
/* By level - 1: everything before this offset was delivered. */
const int64_t *redo_levels(const struct redo *r);
/* Half messages, by queue offset, that were ended. */
const int64_t *redo_ended(const struct redo *r, size_t *n);
/* Every copy made before this offset of the log is noted. */
void redo_flush(struct redo *r, int64_t safe);
void redo_free(struct redo *r); /* after metadb_close() */

#endif
