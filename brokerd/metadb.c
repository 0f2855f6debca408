/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadb: jobs are letters to the meta thread. It runs them in a transaction that it commits
 * when no further letter waits:
 *
 *	loop: submit ─▶ meta: BEGIN job job job COMMIT (one sync) ─▶ letters ─▶ loop: done()
 *
 * While one commit waits for the disk the next batch collects: the sync in progress is the
 * batching window. Invariants:
 *	1. A job's done() is called after the commit that contains it, in order of submission.
 *	2. A job that fails leaves no trace: it ran in a savepoint.
 *	3. After a failed commit every job of its batch reports it, and none is applied.
 *
 * Before the thread runs, and after it has stopped, a job runs where it is submitted, with a
 * transaction of its own; its done() still waits for the next look into the mailbox.
 */
#include "metadb.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>

#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "thread.h"

#define PATIENCE_MS 5000
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
	bool io_failed; /* a read, write or sync, ever */
};

struct job {
	struct metadb *db;
	struct job *next; /* in the batch */
	meta_run run;
	meta_done done;
	void *arg;
	int rc;
	struct err err; /* of rc; empty when it is 0 */
};

struct metadb {
	struct meta m; /* the meta thread's, while it runs */
	char *path; /* owned */
	struct worker *worker; /* NULL: not started, or stopped */
	struct mailbox *back; /* completions, to the loop */
	struct event *ev; /* of back; NULL in tests */

	/* meta: the batch in the open transaction. */
	struct job *head, **tail;
	size_t n;
	int rc; /* of its BEGIN */
	struct err err;
	bool broken; /* takes no more changes */
};

/* ---- SQLite ---- */

static int fail(struct meta *m, struct err *e)
{
	int code = sqlite3_errcode(m->db) & 0xff;
	int tq = code == SQLITE_FULL	     ? TQ_ENOSPACE
		 : code == SQLITE_CONSTRAINT ? TQ_EEXIST
					     : TQ_EIO;

	if (code == SQLITE_IOERR)
		m->io_failed = true;
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

static int bind_all(struct meta *m, enum meta_stmt which, sqlite3_stmt **out, const char *types,
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
	rc = bind_all(m, which, &st, types, ap, e);
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
	rc = bind_all(m, which, &st, types, ap, e);
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

static int take_steps(struct meta *m, int have, struct err *e)
{
	char set[48];
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_LEN(steps); i++) {
		if (steps[i].n <= have)
			continue;
		snprintf(set, sizeof(set), "PRAGMA user_version = %d", steps[i].n);
		(void)((rc = run_sql(m, steps[i].sql, e)) || (rc = run_sql(m, set, e)));
		if (rc)
			err_wrap(e, "schema step %d", steps[i].n);
	}
	return rc;
}

/* All in one transaction, which a start waits for once. */
static int migrate(struct meta *m, struct err *e)
{
	int last = steps[ARRAY_LEN(steps) - 1].n, have = 0;
	int rc = version_of(m, &have, e);

	if (!rc && have > last)
		return err_set(e, TQ_EPRECOND,
			"metadata '%s' was written by a newer brokerd (schema %d, known is %d)",
			m->path, have, last);
	if (rc || have == last)
		return rc;
	(void)((rc = run_sql(m, "BEGIN IMMEDIATE", e)) || (rc = take_steps(m, have, e)) ||
		(rc = run_sql(m, "COMMIT", e)));
	if (rc)
		sqlite3_exec(m->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* Tokens are in it. SQLite gives the files beside it the same mode. */
static int make_private(const char *path, struct err *e)
{
	int rc = 0, fd;

	if (!strcmp(path, ":memory:"))
		return 0;
	fd = vfs()->open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchmod(fd, 0600))
		rc = err_sys(e, fd < 0 ? fsio_err_code(errno) : TQ_EIO, "metadata '%s'", path);
	if (fd >= 0)
		vfs()->close(fd);
	return rc;
}

static int open_handle(struct meta *m, const char *path, struct err *e)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int rc;

	m->path = path;
	rc = make_private(path, e);
	if (rc)
		return rc;
	if (sqlite3_open_v2(path, &m->db, flags, NULL) != SQLITE_OK)
		return m->db ? fail(m, e)
			     : err_set(e, TQ_EIO, "metadata '%s': no memory", path);
	sqlite3_busy_timeout(m->db, PATIENCE_MS);
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

static void mail_ready(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	metadb_deliver(arg);
}

static int open_back(struct metadb *db, struct event_base *base, struct err *e)
{
	int rc = mailbox_new(&db->back, e);

	if (rc || !base)
		return rc;
	db->ev = event_new(base, mailbox_fd(db->back), EV_READ | EV_PERSIST, mail_ready, db);
	BUG_ON(!db->ev);
	event_add(db->ev, NULL);
	return 0;
}

int metadb_open(const struct metadb_opts *o, struct metadb **out, struct err *e)
{
	struct metadb *db = mem_alloc(sizeof(*db));
	int rc;

	db->path = mem_str(o->path);
	db->tail = &db->head;
	(void)((rc = open_back(db, o->base, e)) || (rc = open_handle(&db->m, db->path, e)));
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

	BUG_ON(db->worker);
	rc = run_sql(&db->m, "BEGIN IMMEDIATE", e);
	if (rc)
		return rc;
	rc = run_job(&db->m, run, arg, e);
	if (!rc)
		return commit(&db->m, e);
	sqlite3_exec(db->m.db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

/* ---- batches ---- */

/* On the loop. */
static void finish_job(void *arg)
{
	struct job *j = arg;

	if (j->done)
		j->done(j->arg, j->rc, &j->err);
	mem_free(j);
}

/*
 * After a failed write or sync nobody knows what is on the disk, and trying again would only
 * look like success: nothing is changed any more until the next start.
 */
static void note_damage(struct metadb *db)
{
	if (db->broken || !db->m.io_failed)
		return;
	db->broken = true;
	log_error("metadb", "'%s' takes no more changes until brokerd is restarted", db->path);
}

static void begin_batch(struct metadb *db)
{
	err_clear(&db->err);
	if (db->broken)
		db->rc = err_set(&db->err, TQ_EUNAVAILABLE,
			"metadata '%s' takes no changes since a write failed", db->path);
	else
		db->rc = run_sql(&db->m, "BEGIN IMMEDIATE", &db->err);
}

static void end_batch(struct metadb *db)
{
	struct job *j, *next;

	if (!db->rc)
		db->rc = commit(&db->m, &db->err);
	if (db->rc && !db->broken)
		log_err("metadb", &db->err);
	note_damage(db);
	for (j = db->head; j; j = next) {
		next = j->next;
		if (db->rc && !j->rc) {
			j->rc = db->rc;
			j->err = db->err;
		}
		post(db->back, finish_job, j);
	}
	db->head = NULL;
	db->tail = &db->head;
	db->n = 0;
}

static void add_to_batch(struct metadb *db, struct job *j)
{
	if (!db->n++)
		begin_batch(db);
	if (!db->rc)
		j->rc = run_job(&db->m, j->run, j->arg, &j->err);
	*db->tail = j;
	db->tail = &j->next;
}

/* On the meta thread. */
static void take_job(void *arg)
{
	struct job *j = arg;
	struct metadb *db = j->db;

	add_to_batch(db, j);
	if (db->n == BATCH_MAX || !mailbox_waiting(worker_mail(db->worker)))
		end_batch(db);
}

void metadb_submit(struct metadb *db, meta_run run, meta_done done, void *arg)
{
	struct job *j = mem_alloc(sizeof(*j));

	j->db = db;
	j->run = run;
	j->done = done;
	j->arg = arg;
	if (db->worker) {
		post(worker_mail(db->worker), take_job, j);
		return;
	}
	add_to_batch(db, j);
	end_batch(db);
}

void metadb_set_patience(struct metadb *db, int ms)
{
	BUG_ON(db->worker);
	sqlite3_busy_timeout(db->m.db, ms);
}

size_t metadb_deliver(struct metadb *db)
{
	return mailbox_run(db->back);
}

int metadb_start(struct metadb *db, struct err *e)
{
	return worker_start(&on_meta, 1, &db->worker, e);
}

void metadb_close(struct metadb *db)
{
	struct worker *worker;

	if (!db)
		return;
	worker = db->worker;
	if (worker)
		worker_stop(worker);
	db->worker = NULL;
	while (db->back && metadb_deliver(db))
		; /* a completion may have submitted more */
	if (db->m.db)
		close_handle(&db->m);
	if (db->ev)
		event_free(db->ev);
	if (db->back)
		mailbox_free(db->back);
	mem_free(db->path);
	mem_free(db);
}
