/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "mem.h"
#include "meta.h"

/* A job that puts one fact, or fails after putting it. */
struct put {
	const char *key, *value;
	int fail;
	int done, rc;
	int order, *next_order;
};

static int put(struct meta *m, void *arg, struct err *e)
{
	struct put *p = arg;
	int rc = meta_exec(m, STMT_FACT_PUT, e, "tt", p->key, p->value);

	return !rc && p->fail ? err_set(e, p->fail, "as asked") : rc;
}

static void done(void *arg, int rc, const struct err *e)
{
	struct put *p = arg;

	p->done++;
	p->rc = rc;
	if (p->next_order)
		p->order = (*p->next_order)++;
	cr_assert_eq(rc, e->code);
}

static int find(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct put *p = arg;

	if (str_is(meta_col_str(m, 0), p->key))
		p->done = str_is(meta_col_str(m, 1), p->value);
	return 0;
}

static int look(struct meta *m, void *arg, struct err *e)
{
	return meta_each(m, STMT_FACTS, find, arg, e, "");
}

static bool has(struct metadb *db, const char *key, const char *value)
{
	struct put p = { .key = key, .value = value };
	struct err e = ERR_INIT;

	cr_assert_eq(metadb_run(db, look, &p, &e), 0, "%s", e.msg);
	return p.done;
}

Test(metadb, tells_the_caller_only_when_it_looks)
{
	struct put p = { .key = "k", .value = "v" };
	struct meta_box b;

	meta_box_init(&b);
	metadb_submit(b.db, put, done, &p);
	cr_assert_eq(p.done, 0);
	meta_settle(&b);
	cr_assert_eq(p.done, 1);
	cr_assert_eq(p.rc, 0);
	meta_box_release(&b);
}

Test(metadb, keeps_what_was_committed_over_a_restart)
{
	struct put p = { .key = "k", .value = "v" };
	struct meta_box b;

	meta_box_init(&b);
	metadb_submit(b.db, put, done, &p);
	meta_box_close(&b);
	cr_assert_eq(p.done, 1, "closing runs the completions");
	meta_box_open(&b);
	cr_assert(has(b.db, "k", "v"));
	meta_box_release(&b);
}

Test(metadb, a_job_that_fails_leaves_no_trace_and_takes_none_with_it)
{
	struct put good = { .key = "a", .value = "1" }, bad = { .key = "b", .value = "1" },
		   last = { .key = "c", .value = "1" };
	struct err e = ERR_INIT;
	struct meta_box b;

	bad.fail = TQ_EPRECOND;
	meta_box_init(&b);
	cr_assert_eq(metadb_start(b.db, &e), 0);
	metadb_submit(b.db, put, done, &good);
	metadb_submit(b.db, put, done, &bad);
	metadb_submit(b.db, put, done, &last);
	meta_box_close(&b);
	cr_assert_eq(good.rc, 0);
	cr_assert_eq(bad.rc, TQ_EPRECOND);
	cr_assert_eq(last.rc, 0);
	meta_box_open(&b);
	cr_assert(has(b.db, "a", "1"));
	cr_assert_not(has(b.db, "b", "1"));
	cr_assert(has(b.db, "c", "1"));
	meta_box_release(&b);
}

Test(metadb, completions_come_once_and_in_order)
{
	static struct put puts[5000];
	struct err e = ERR_INIT;
	struct meta_box b;
	int order = 0;

	meta_box_init(&b);
	cr_assert_eq(metadb_start(b.db, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(puts); i++) {
		puts[i] = (struct put){ .key = "k", .value = "v", .next_order = &order };
		metadb_submit(b.db, put, done, &puts[i]);
	}
	meta_box_close(&b);
	for (size_t i = 0; i < ARRAY_LEN(puts); i++) {
		cr_assert_eq(puts[i].done, 1);
		cr_assert_eq(puts[i].order, (int)i);
	}
	meta_box_release(&b);
}

static void submit_next(void *arg, int rc, const struct err *e)
{
	void **db_and_put = arg;

	cr_assert_eq(rc, 0, "%s", e->msg);
	metadb_submit(db_and_put[0], put, done, db_and_put[1]);
}

static int nothing(struct meta *m UNUSED, void *arg UNUSED, struct err *e UNUSED)
{
	return 0;
}

Test(metadb, closing_runs_what_completions_submit)
{
	struct put late = { .key = "late", .value = "1" };
	struct err e = ERR_INIT;
	struct meta_box b;
	void *arg[2];

	meta_box_init(&b);
	cr_assert_eq(metadb_start(b.db, &e), 0);
	arg[0] = b.db;
	arg[1] = &late;
	metadb_submit(b.db, nothing, submit_next, arg);
	meta_box_close(&b);
	cr_assert_eq(late.done, 1);
	meta_box_open(&b);
	cr_assert(has(b.db, "late", "1"));
	meta_box_release(&b);
}

/* A second connection that holds the write lock makes BEGIN fail, hence the whole batch. */
Test(metadb, a_failed_transaction_fails_each_of_its_jobs)
{
	struct put p = { .key = "k", .value = "v" };
	struct meta_box b;
	sqlite3 *other;

	meta_box_init(&b);
	cr_assert_eq(sqlite3_open(b.path, &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	metadb_set_patience(b.db, 10);
	metadb_submit(b.db, put, done, &p);
	meta_settle(&b);
	cr_assert_eq(p.rc, TQ_EIO);
	sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(other);
	metadb_submit(b.db, put, done, &p);
	meta_settle(&b);
	cr_assert_eq(p.rc, 0, "the next transaction works again");
	meta_box_release(&b);
}

/* ---- a disk that fails ---- */

static bool disk_fails;
static sqlite3_io_methods methods[32]; /* one for each file opened: they differ */
static size_t n_methods;
static int (*real_sync)(sqlite3_file *, int);
static sqlite3_vfs *real_vfs;

static int sync_or_fail(sqlite3_file *f, int flags)
{
	return disk_fails ? SQLITE_IOERR_FSYNC : real_sync(f, flags);
}

static int open_and_wrap(
	sqlite3_vfs *v UNUSED, const char *name, sqlite3_file *f, int flags, int *out)
{
	int rc = real_vfs->xOpen(real_vfs, name, f, flags, out);

	if (rc == SQLITE_OK && f->pMethods) {
		sqlite3_io_methods *m = &methods[n_methods++ % ARRAY_LEN(methods)];

		*m = *f->pMethods;
		real_sync = m->xSync;
		m->xSync = sync_or_fail;
		f->pMethods = m;
	}
	return rc;
}

Test(metadb, believes_a_disk_no_more_that_failed_to_sync)
{
	struct put first = { .key = "a", .value = "1" }, lost = { .key = "b", .value = "1" },
		   refused = { .key = "c", .value = "1" };
	static sqlite3_vfs vfs;
	struct meta_box b;

	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = "failing";
	vfs.xOpen = open_and_wrap;
	sqlite3_vfs_register(&vfs, 1);
	meta_box_init(&b);
	metadb_submit(b.db, put, done, &first);
	disk_fails = true;
	metadb_submit(b.db, put, done, &lost);
	disk_fails = false;
	metadb_submit(b.db, put, done, &refused);
	meta_settle(&b);
	cr_assert_eq(first.rc, 0);
	cr_assert_eq(lost.rc, TQ_EIO);
	cr_assert_eq(refused.rc, TQ_EUNAVAILABLE, "a second sync that works proves nothing");
	meta_box_close(&b);
	meta_box_open(&b);
	cr_assert(has(b.db, "a", "1"));
	cr_assert_not(has(b.db, "c", "1"));
	metadb_submit(b.db, put, done, &refused);
	meta_settle(&b);
	cr_assert_eq(refused.rc, 0, "a restart begins anew");
	meta_box_release(&b);
}

Test(metadb, says_what_is_wrong_with_the_file)
{
	struct err e = ERR_INIT;
	struct meta_box b;
	struct metadb_opts o;
	struct metadb *db;
	FILE *f;

	meta_box_init(&b);
	meta_box_close(&b);
	f = fopen(b.path, "w");
	cr_assert(f);
	fputs("this is no database, whatever its name says; far from it, and long enough", f);
	fclose(f);
	o = (struct metadb_opts){ b.path, NULL };
	cr_assert_eq(metadb_open(&o, &db, &e), TQ_EIO);
	cr_assert(strstr(e.msg, b.path), "%s", e.msg);
	meta_box_release(&b);
}

Test(metadb, refuses_a_schema_from_the_future)
{
	struct err e = ERR_INIT;
	struct metadb_opts o;
	struct meta_box b;
	struct metadb *db;
	sqlite3 *raw;

	meta_box_init(&b);
	meta_box_close(&b);
	sqlite3_open(b.path, &raw);
	sqlite3_exec(raw, "PRAGMA user_version = 999", NULL, NULL, NULL);
	sqlite3_close(raw);
	o = (struct metadb_opts){ b.path, NULL };
	cr_assert_eq(metadb_open(&o, &db, &e), TQ_EPRECOND);
	cr_assert(strstr(e.msg, "newer"), "%s", e.msg);
	meta_box_release(&b);
}

/* Every statement prepares against the schema: a typing error in stmts.def ends here. */
Test(metadb, knows_every_statement)
{
	static const char *const texts[] = {
#define STMT(name, sql) sql,
#include "brokerd/stmts.def"
	};
	struct meta_box b;
	sqlite3_stmt *st;
	sqlite3 *raw;

	meta_box_init(&b);
	cr_assert_eq(sqlite3_open(b.path, &raw), SQLITE_OK);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cr_expect_eq(sqlite3_prepare_v2(raw, texts[i], -1, &st, NULL), SQLITE_OK,
			"%s: %s", texts[i], sqlite3_errmsg(raw));
		sqlite3_finalize(st);
	}
	sqlite3_close(raw);
	meta_box_release(&b);
}
