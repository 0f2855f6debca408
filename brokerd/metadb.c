/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadb: a queue of jobs, a thread that runs them, SQLite behind it.
 *
 *	loop: submit ──▶ queue ──▶ meta: BEGIN  job job job  COMMIT (one sync) ──▶ done list ──▶ loop: done()
 *
 * While one commit waits for the disk the next batch collects: the sync in progress is the batching
 * window. Invariants:
 *	1. A job's done() is called after the commit that contains it, in order of submission.
 *	2. A job that fails leaves no trace: it ran in a savepoint.
 *	3. After a failed commit every job of its batch reports that failure, and none is applied.
 *
 * The lock guards the two lists and nothing else.
 */
#include "metadb.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>

#include "clock.h"
#include "log.h"
#include "mem.h"

#define BATCH_MAX 4096 /* jobs of one transaction, so that no answer waits for ever */

static const char *const sql[STMT_COUNT] = {
#define STMT(name, text) [STMT_##name] = text,
#include "stmts.def"
};

static const struct step {
	int n;
	const char *sql;
} steps[] = {
#define SCHEMA(n, sql) { n, sql },
#include "schema.def"
};

struct meta {
	sqlite3 *db;
	sqlite3_stmt *stmts[STMT_COUNT]; /* prepared at first use */
	sqlite3_stmt *row; /* of the meta_each() that runs */
	const char *path; /* borrowed from metadb */
};

struct job {
	struct job *next;
	meta_run run;
	meta_done done;
	void *arg;
	int rc;
	struct err err; /* of rc; empty when it is 0 */
};

struct job_list {
	struct job *head, **tail;
	size_t n;
};

struct metadb {
	struct meta m; /* the meta thread's, once it runs */
	char *path; /* owned */
	void (*post)(void *loop, void (*fn)(void *arg), void *arg);
	void *loop;
	int waiting; /* loop */

	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job_list queue, finished; /* under lock, as the two below */
	bool stop, posted;
};

/* ---- lists ---- */

static void list_init(struct job_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
	l->n = 0;
}

static void list_add(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->tail = j;
	l->tail = &j->next;
	l->n++;
}

/* Moves at most max jobs from the front of `from` to the empty list `to`. */
static void list_move(struct job_list *to, struct job_list *from, size_t max)
{
	struct job *j;

	list_init(to);
	while (to->n < max && (j = from->head)) {
		from->head = j->next;
		from->n--;
		list_add(to, j);
	}
	if (!from->head)
		from->tail = &from->head;
}

/* ---- SQLite ---- */

static int fail(struct meta *m, struct err *e)
{
	int code = sqlite3_errcode(m->db);
	int tq = code == SQLITE_FULL	     ? TQ_ENOSPACE
		 : code == SQLITE_CONSTRAINT ? TQ_EEXIST
					     : TQ_EIO;

	return err_set(e, tq, "metadata '%s': %s", m->path, sqlite3_errmsg(m->db));
}

static int run_sql(struct meta *m, const char *text, struct err *e)
{
	return sqlite3_exec(m->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(m, e);
}

static int bind_str(sqlite3_stmt *st, int i, struct str s)
{
	if (!s.p)
		return sqlite3_bind_null(st, i);
	return sqlite3_bind_text64(st, i, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind(struct meta *m, enum meta_stmt which, sqlite3_stmt **out, const char *types,
	va_list ap, struct err *e)
{
	sqlite3_stmt *st = m->stmts[which];
	int rc = SQLITE_OK;

	if (!st && sqlite3_prepare_v3(m->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
			   &m->stmts[which], NULL) != SQLITE_OK)
		return fail(m, e);
	st = m->stmts[which];
	sqlite3_clear_bindings(st);
	for (int i = 1; rc == SQLITE_OK && types[i - 1]; i++) {
		switch (types[i - 1]) {
		case 's':
			rc = bind_str(st, i, va_arg(ap, struct str));
			break;
		case 't':
			rc = bind_str(st, i, str_of(va_arg(ap, const char *)));
			break;
		case 'i':
			rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
			break;
		case 'd':
			rc = sqlite3_bind_int64(st, i, va_arg(ap, int));
			break;
		default:
			BUG_ON("unknown letter in types");
		}
	}
	*out = st;
	return rc == SQLITE_OK ? 0 : fail(m, e);
}

int meta_exec(struct meta *m, enum meta_stmt which, struct err *e, const char *types, ...)
{
	sqlite3_stmt *st = NULL;
	va_list ap;
	int rc;

	va_start(ap, types);
	rc = bind(m, which, &st, types, ap, e);
	va_end(ap);
	if (rc)
		return rc;
	if (sqlite3_step(st) != SQLITE_DONE)
		rc = fail(m, e);
	sqlite3_reset(st);
	return rc;
}

int64_t meta_changes(struct meta *m)
{
	return sqlite3_changes(m->db);
}

int64_t meta_last_id(struct meta *m)
{
	return sqlite3_last_insert_rowid(m->db);
}

int meta_each(struct meta *m, enum meta_stmt which, meta_row row, void *arg, struct err *e,
	const char *types, ...)
{
	sqlite3_stmt *st = NULL, *outer = m->row;
	va_list ap;
	int rc, got;

	va_start(ap, types);
	rc = bind(m, which, &st, types, ap, e);
	va_end(ap);
	if (rc)
		return rc;
	while (!rc && (got = sqlite3_step(st)) != SQLITE_DONE) {
		if (got != SQLITE_ROW) {
			rc = fail(m, e);
			break;
		}
		m->row = st;
		rc = row(arg, m, e);
	}
	m->row = outer;
	sqlite3_reset(st);
	return rc;
}

int64_t meta_col_int(struct meta *m, int col)
{
	return sqlite3_column_int64(m->row, col);
}

struct str meta_col_str(struct meta *m, int col)
{
	const char *p = (const char *)sqlite3_column_text(m->row, col);

	return p ? (struct str){ p, (size_t)sqlite3_column_bytes(m->row, col) } : STR_NONE;
}

/* ---- open: pragmas and schema ---- */

static int version_of(struct meta *m, int *out, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc = 0;

	if (sqlite3_prepare_v2(m->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK ||
		sqlite3_step(st) != SQLITE_ROW)
		rc = fail(m, e);
	else
		*out = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return rc;
}

static int take_step(struct meta *m, const struct step *s, struct err *e)
{
	char set[48];
	int rc;

	snprintf(set, sizeof(set), "PRAGMA user_version = %d", s->n);
	(void)((rc = run_sql(m, "BEGIN IMMEDIATE", e)) || (rc = run_sql(m, s->sql, e)) ||
		(rc = run_sql(m, set, e)) || (rc = run_sql(m, "COMMIT", e)));
	if (rc)
		sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
	return rc ? err_wrap(e, "schema step %d", s->n) : 0;
}

static int migrate(struct meta *m, struct err *e)
{
	int have = 0;
	int rc = version_of(m, &have, e);

	if (!rc && have > steps[ARRAY_LEN(steps) - 1].n)
		return err_set(e, TQ_EPRECOND,
			"metadata '%s' was written by a newer brokerd (schema %d, known is %d)",
			m->path, have, steps[ARRAY_LEN(steps) - 1].n);
	for (size_t i = 0; !rc && i < ARRAY_LEN(steps); i++)
		if (steps[i].n > have)
			rc = take_step(m, &steps[i], e);
	return rc;
}

static int open_handle(struct meta *m, const char *path, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int rc;

	m->path = path;
	if (sqlite3_open_v2(path, &m->db, flags, NULL) != SQLITE_OK)
		return m->db ? fail(m, e)
			     : err_set(e, TQ_EIO, "metadata '%s': no memory", path);
	sqlite3_busy_timeout(m->db, 5000);
	/* A small cache: the catalog is the loop's cache, this one only holds b-tree tops. */
	(void)((rc = run_sql(m, "PRAGMA journal_mode = WAL", e)) ||
		(rc = run_sql(m, "PRAGMA synchronous = FULL", e)) ||
		(rc = run_sql(m, "PRAGMA cache_size = -512", e)) ||
		(rc = run_sql(m, "PRAGMA temp_store = MEMORY", e)) || (rc = migrate(m, e)));
	return rc;
}

static void close_handle(struct meta *m)
{
	for (int i = 0; i < STMT_COUNT; i++)
		sqlite3_finalize(m->stmts[i]);
	if (sqlite3_close(m->db) != SQLITE_OK)
		log_warn("metadb", "closing '%s': %s", m->path, sqlite3_errmsg(m->db));
}

int metadb_open(const struct metadb_opts *o, struct metadb **out, struct err *e)
{
	struct metadb *db = mem_alloc(sizeof(*db));
	int rc;

	db->path = mem_str(o->path);
	db->post = o->post;
	db->loop = o->loop;
	list_init(&db->queue);
	list_init(&db->finished);
	pthread_mutex_init(&db->lock, NULL);
	pthread_cond_init(&db->wake, NULL);
	rc = open_handle(&db->m, db->path, e);
	if (rc) {
		metadb_close(db);
		return rc;
	}
	*out = db;
	return 0;
}

/* ---- transactions ---- */

static int run_job(struct meta *m, meta_run run, void *arg, struct err *e)
{
	int rc = run_sql(m, "SAVEPOINT job", e);

	if (rc)
		return rc;
	rc = run(m, arg, e);
	if (rc)
		sqlite3_exec(m->db, "ROLLBACK TO job", NULL, NULL, NULL);
	if (sqlite3_exec(m->db, "RELEASE job", NULL, NULL, NULL) != SQLITE_OK && !rc)
		rc = fail(m, e);
	return rc;
}

static int commit(struct meta *m, struct err *e)
{
	int rc = run_sql(m, "COMMIT", e);

	if (rc && !sqlite3_get_autocommit(m->db))
		sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int metadb_run(struct metadb *db, meta_run run, void *arg, struct err *e)
{
	int rc;

	BUG_ON(db->running);
	rc = run_sql(&db->m, "BEGIN IMMEDIATE", e);
	if (rc)
		return rc;
	rc = run_job(&db->m, run, arg, e);
	if (!rc)
		return commit(&db->m, e);
	sqlite3_exec(db->m.db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

static void run_batch(struct meta *m, struct job_list *batch)
{
	struct err e = ERR_INIT;
	int rc = run_sql(m, "BEGIN IMMEDIATE", &e);

	for (struct job *j = batch->head; !rc && j; j = j->next)
		j->rc = run_job(m, j->run, j->arg, &j->err);
	if (!rc)
		rc = commit(m, &e);
	if (!rc)
		return;
	log_err("metadb", &e);
	for (struct job *j = batch->head; j; j = j->next) {
		if (j->rc)
			continue;
		j->rc = rc;
		j->err = e;
	}
}

/* ---- between the threads ---- */

/* On the loop. */
static void deliver(void *arg)
{
	struct metadb *db = arg;
	struct job_list done;
	struct job *j;

	pthread_mutex_lock(&db->lock);
	db->posted = false;
	list_move(&done, &db->finished, SIZE_MAX);
	pthread_mutex_unlock(&db->lock);
	while ((j = done.head)) {
		done.head = j->next;
		db->waiting--;
		if (j->done)
			j->done(j->arg, j->rc, &j->err);
		mem_free(j);
	}
}

static void hand_back(struct metadb *db, struct job_list *batch)
{
	bool post;

	pthread_mutex_lock(&db->lock);
	*db->finished.tail = batch->head;
	db->finished.tail = batch->tail;
	db->finished.n += batch->n;
	post = !db->posted;
	db->posted = true;
	pthread_mutex_unlock(&db->lock);
	if (post)
		db->post(db->loop, deliver, db);
}

static void *meta_thread(void *arg)
{
	struct metadb *db = arg;
	struct job_list batch;

	for (;;) {
		pthread_mutex_lock(&db->lock);
		while (!db->queue.head && !db->stop)
			pthread_cond_wait(&db->wake, &db->lock);
		list_move(&batch, &db->queue, BATCH_MAX);
		pthread_mutex_unlock(&db->lock);
		if (!batch.n)
			return NULL;
		run_batch(&db->m, &batch);
		hand_back(db, &batch);
	}
}

int metadb_start(struct metadb *db, struct err *e)
{
	int rc = pthread_create(&db->thread, NULL, meta_thread, db);

	if (rc)
		return err_set(e, TQ_EFAIL, "cannot start the meta thread: %s", strerror(rc));
	pthread_setname_np(db->thread, "meta");
	db->running = true;
	return 0;
}

void metadb_submit(struct metadb *db, meta_run run, meta_done done, void *arg)
{
	struct job *j = mem_alloc(sizeof(*j));
	bool idle;

	j->run = run;
	j->done = done;
	j->arg = arg;
	db->waiting++;
	pthread_mutex_lock(&db->lock);
	idle = !db->queue.head;
	list_add(&db->queue, j);
	pthread_mutex_unlock(&db->lock);
	if (idle)
		pthread_cond_signal(&db->wake);
}

int metadb_waiting(const struct metadb *db)
{
	return db->waiting;
}

void metadb_close(struct metadb *db)
{
	if (!db)
		return;
	if (db->running) {
		pthread_mutex_lock(&db->lock);
		db->stop = true;
		pthread_mutex_unlock(&db->lock);
		pthread_cond_signal(&db->wake);
		pthread_join(db->thread, NULL);
	}
	/* What done() submits from here on would never run. */
	deliver(db);
	BUG_ON(db->running && db->queue.head);
	close_handle(&db->m);
	pthread_mutex_destroy(&db->lock);
	pthread_cond_destroy(&db->wake);
	mem_free(db->path);
	mem_free(db);
}
