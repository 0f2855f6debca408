/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadb: everything durable that is not a message, in SQLite (DIR/meta.db: WAL,
 * synchronous=FULL). One thread, `meta`, owns the handle once it runs; the loop sends it jobs:
 *
 *	static int put_topic(struct meta *m, void *arg, struct err *e)	 (on meta)
 *	{
 *		struct put *p = arg;
 *
 *		return meta_exec(m, STMT_TOPIC_PUT, "ssi", p->name, p->remark, p->queues, e);
 *	}
 *	static void put_done(void *arg, int rc, const struct err *e)	 (on loop)
 *
 *	metadb_submit(db, put_topic, put_done, p);
 *
 * All jobs that wait are run in order and committed in ONE transaction (group commit), each in
 * its own savepoint, so a job that fails takes nothing else with it. Its `done` runs on the
 * loop after the commit: what it then answers is on disk. A failed commit fails every job of
 * the batch.
 */
#ifndef TDMQ_METADB_H
#define TDMQ_METADB_H

#include "err.h"
#include "str.h"

struct metadb;
struct meta; /* the open handle, as a job sees it */

/* stmts.def: every SQL statement by name. */
enum meta_stmt {
#define STMT(name, sql) STMT_##name,
#include "stmts.def"
	STMT_COUNT
};

struct event_base;

struct metadb_opts {
	const char *path; /* of meta.db; ":memory:" for tests */
	struct event_base *base; /* where completions run; NULL: call metadb_deliver() */
};

/* Opens or creates, migrates the schema. No thread yet: metadb_run() may be used to load. */
int metadb_open(const struct metadb_opts *o, struct metadb **out, struct err *e) MUST_USE;
/* From here on the handle belongs to the meta thread. */
int metadb_start(struct metadb *db, struct err *e) MUST_USE;
/*
 * Runs what was submitted and what its completions submit, all completions with it; closes.
 * NULL is fine.
 */
void metadb_close(struct metadb *db);

typedef int (*meta_run)(struct meta *m, void *arg, struct err *e);
typedef void (*meta_done)(void *arg, int rc, const struct err *e);

/* On the loop. done may be NULL; it is called exactly once, never from inside this call. */
void metadb_submit(struct metadb *db, meta_run run, meta_done done, void *arg);
/* Before metadb_start(): runs a job here and now, in a transaction. */
int metadb_run(struct metadb *db, meta_run run, void *arg, struct err *e) MUST_USE;
/* How long a statement waits for another process that has the file open; 5 s unless set. */
void metadb_set_patience(struct metadb *db, int ms);
/* Runs the completions that are there; returns how many. */
size_t metadb_deliver(struct metadb *db);

/*
 * Inside a job. `types` has a letter per bound value: s struct str (NULL p: SQL NULL), t const
 * char *, i int64_t, d int (widened). Slices need to live for the call only.
 */
int meta_exec(struct meta *m, enum meta_stmt st, struct err *e, const char *types, ...);
int64_t meta_changes(struct meta *m); /* rows the last meta_exec touched */
int64_t meta_last_id(struct meta *m); /* number the last insert gave */
/* Calls row() for each row; it returns 0 to go on, else the walk stops with its value. */
typedef int (*meta_row)(void *arg, struct meta *m, struct err *e);
int meta_each(struct meta *m, enum meta_stmt st, meta_row row, void *arg, struct err *e,
	const char *types, ...);
/* Columns of the current row, from 0; text is borrowed until row() returns. */
int64_t meta_col_int(struct meta *m, int col);
struct str meta_col_str(struct meta *m, int col);

#endif
