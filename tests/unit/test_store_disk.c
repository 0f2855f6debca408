/* SPDX-License-Identifier: Apache-2.0 */
/* store: disks that are full, odd or broken; files full of garbage; the threads that serve it. */
#include <errno.h>
#include <pthread.h>

#include "log.h"
#include "store_kit.h"

#define LOG0 "commitlog/00000000000000000000"

static char *dir;
static struct store_opts opts;

static void set_up(void)
{
	dir = kit_dir();
	opts = kit_opts(dir);
	clock_test_set(1700000001000);
}

static void tear_down(void)
{
	clock_test_off();
	kit_remove_tree(dir);
	mem_free(dir);
}

TestSuite(store_disk, .init = set_up, .fini = tear_down);

/* ---- a disk that is full, odd or broken ---- */

static bool no_room, no_fallocate, no_sync;

static int odd_fallocate(int fd, int mode, off_t off, off_t len)
{
	errno = no_room ? ENOSPC : EOPNOTSUPP;
	return no_room || no_fallocate ? -1 : vfs_system.fallocate(fd, mode, off, len);
}

static ssize_t odd_pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	struct stat st;

	/* Blocks that are there can be written; a queue file's are not. */
	if (no_room && !fstat(fd, &st) && st.st_size == 16 * 20) {
		errno = ENOSPC;
		return -1;
	}
	return vfs_system.pwritev(fd, iov, n, off);
}

static int odd_fdatasync(int fd)
{
	errno = EIO;
	return no_sync ? -1 : vfs_system.fdatasync(fd);
}

static void use_odd_disk(void)
{
	static struct vfs odd;

	odd = vfs_system;
	odd.fallocate = odd_fallocate;
	odd.pwritev = odd_pwritev;
	odd.fdatasync = odd_fdatasync;
	vfs_set(&odd);
}

Test(store_disk, refuses_on_a_full_disk_and_resumes)
{
	struct store_stats st;
	struct store_at at;
	struct err e = ERR_INIT;
	struct store *s;
	int i, sent = 0, rc = 0;

	use_odd_disk();
	s = kit_open(&opts, NULL);
	kit_send_big(s, "t", 0, 2);
	no_room = true;
	for (i = 0; i < 100; i++) {
		char body[32];

		snprintf(body, sizeof(body), "%dx", i * 2 + 2);
		rc = kit_append(s, "t", 0, str_of(body), "", &at, &e);
		if (!rc)
			rc = store_commit(s, &e);
		if (rc)
			break;
		sent++;
		clock_test_advance(50);
	}
	cr_expect_eq(rc, TQ_ENOSPACE);
	cr_expect_geq(sent, 10, "what is reserved can be used");
	store_stats(s, &st);
	cr_expect(st.disk_full);
	cr_expect_not(st.read_only);
	kit_expect_big(s, "t", 0, 0, sent * 2 + 2);
	store_tick(s, -1);
	cr_expect_eq(kit_append(s, "t", 0, STR("x"), "", &at, &e), TQ_ENOSPACE);
	no_room = false;
	clock_test_advance(1000);
	store_tick(s, -1);
	store_stats(s, &st);
	cr_expect_not(st.disk_full);
	kit_send_big(s, "t", sent * 2 + 2, 1);
	kit_expect_big(s, "t", 0, 0, sent * 2 + 4);
	kit_close(s);
	s = kit_open(&opts, NULL);
	kit_expect_big(s, "t", 0, 0, sent * 2 + 4);
	kit_close(s);
	vfs_set(NULL);
}

Test(store_disk, works_where_blocks_cannot_be_reserved)
{
	struct store *s;

	no_fallocate = true;
	use_odd_disk();
	s = kit_open(&opts, NULL);
	kit_send_big(s, "t", 0, 20);
	kit_crash(dir, s);
	s = kit_open(&opts, NULL);
	kit_expect_big(s, "t", 0, 0, 20);
	kit_send_big(s, "t", 20, 20);
	kit_close(s);
	s = kit_open(&opts, NULL);
	kit_expect_big(s, "t", 1, 1, 41);
	kit_close(s);
	vfs_set(NULL);
}

Test(store_disk, is_read_only_for_good_after_a_failed_sync)
{
	struct store_stats st;
	struct store_at at;
	struct err e = ERR_INIT;
	struct store *s;
	int64_t durable;

	use_odd_disk();
	s = kit_open(&opts, NULL);
	kit_send_big(s, "t", 0, 2);
	durable = store_durable(s);
	no_sync = true;
	cr_assert_eq(kit_append(s, "t", 0, STR("2x"), "", &at, &e), 0);
	cr_expect_neq(store_commit(s, &e), 0);
	no_sync = false;
	clock_test_advance(100000);
	store_tick(s, -1);
	cr_expect_eq(kit_append(s, "t", 0, STR("4x"), "", &at, &e), TQ_EUNAVAILABLE);
	store_stats(s, &st);
	cr_expect(st.read_only);
	cr_expect(strstr(st.reason, "sync"), "%s", st.reason);
	cr_expect_eq(store_durable(s), durable);
	kit_expect_big(s, "t", 0, 0, 4);
	cr_expect_neq(store_close(s, &e), 0);
	cr_expect(kit_exists(dir, "abort"));
	s = kit_open(&opts, NULL);
	kit_close(s);
	vfs_set(NULL);
}

/* ---- garbage ---- */

/* Opens and walks whatever is there: an error or a store, never a crash, never a wrong record. */
static void walk(const char *what, size_t at)
{
	struct store_recovery found;
	int64_t phys[32], ms, last, off, min, max;
	struct store_batch b;
	struct store *s = NULL;
	struct err e = ERR_INIT;
	int q, i;

	if (store_open(&opts, &s, &found, &e)) {
		cr_assert(e.msg[0], "%s at %zu", what, at);
		return;
	}
	for (q = 0; q < 2; q++) {
		store_queue_bounds(s, STR("t"), q, &min, &max);
		cr_assert_leq(max - min, 3000000, "%s at %zu", what, at);
		for (off = min, i = 0; off < max && i < 100; off = b.next_off, i++) {
			(void)kit_read(s, "t", q, off, &b);
			cr_assert_gt(b.next_off, off, "%s at %zu", what, at);
			store_batch_release(&b);
		}
		(void)store_offset_by_time(s, STR("t"), q, 1700000001500, NULL);
	}
	(void)store_query_key(s, STR("t"), STR("k"), 32, 0, INT64_MAX, phys, &ms, &last);
	(void)kit_send(s, "t", 0, "x", "");
	cr_assert_eq(store_close(s, &e), 0, "%s at %zu: %s", what, at, e.msg);
}

static void copy_file(const char *from, const char *to, off_t n)
{
	char *p = mem_alloc((size_t)n + 1);
	int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY, 0600);

	cr_assert_eq(pread(in, p, (size_t)n, 0), n);
	cr_assert_eq(pwrite(out, p, (size_t)n, 0), n);
	close(in);
	close(out);
	mem_free(p);
}

static void copy_tree(const char *from, const char *to)
{
	DIR *h = opendir(from);
	struct dirent *d;

	cr_assert_not_null(h);
	mkdir(to, 0700);
	while ((d = readdir(h))) {
		char *a = kit_path(from, d->d_name), *b = kit_path(to, d->d_name);
		struct stat st;

		if (d->d_name[0] != '.' && !stat(a, &st)) {
			if (S_ISDIR(st.st_mode))
				copy_tree(a, b);
			else
				copy_file(a, b, st.st_size);
		}
		mem_free(a);
		mem_free(b);
	}
	closedir(h);
}

Test(store_disk, opens_or_refuses_whatever_is_in_its_files)
{
	static const char *const files[] = { LOG0, "commitlog/00000000000000004096", "synced",
		"checkpoint", "deleted", "consumequeue/t/0/00000000000000000000", "index/0" };
	char *good = mem_fmt("%s.good", dir);
	struct store *s = kit_open(&opts, NULL);
	struct err e = ERR_INIT;
	size_t i, at;
	int crashed;

	log_set_level(LOG_ERROR_ - 1);
	kit_send_big(s, "t", 0, 6);
	cr_assert_eq(store_delete_topic(s, STR("other"), &e), 0);
	kit_send_big(s, "t", 6, 4);
	kit_close(s);
	copy_tree(dir, good);
	for (crashed = 0; crashed < 2; crashed++) {
		for (i = 0; i < ARRAY_LEN(files); i++) {
			struct buf was;
			size_t step;

			if (!kit_exists(dir, files[i]))
				continue;
			kit_read_file(dir, files[i], &was);
			step = MAX(1, was.n / 40);
			for (at = 0; at < was.n; at += step) {
				char bad = (char)(was.p[at] ^ (1 << at % 8)), *path;

				kit_remove_tree(dir);
				copy_tree(good, dir);
				path = kit_path(dir, files[i]);
				if (at % 3)
					kit_poke(dir, files[i], (off_t)at, &bad, 1);
				else
					cr_assert_eq(truncate(path, (off_t)at), 0);
				mem_free(path);
				if (crashed)
					kit_touch(dir, "abort");
				walk(files[i], at);
			}
			buf_release(&was);
		}
	}
	kit_remove_tree(good);
	mem_free(good);
}

/* ---- with its threads ---- */

static struct {
	pthread_mutex_t lock;
	void (*fn)(void *arg);
	void *arg;
	int durable_calls;
} mail = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void mail_post(void *loop, void (*fn)(void *arg), void *arg)
{
	(void)loop;
	pthread_mutex_lock(&mail.lock);
	BUG_ON(mail.fn);
	mail.fn = fn;
	mail.arg = arg;
	pthread_mutex_unlock(&mail.lock);
}

static void mail_run(void)
{
	void (*fn)(void *arg);
	void *arg;

	pthread_mutex_lock(&mail.lock);
	fn = mail.fn;
	arg = mail.arg;
	mail.fn = NULL;
	pthread_mutex_unlock(&mail.lock);
	if (fn)
		fn(arg);
}

static void count_durable(void *arg)
{
	(void)arg;
	mail.durable_calls++;
}

static int arrivals;

static void count_arrival(
	void *arg, struct str topic, int queue, int64_t queue_off, int64_t tags)
{
	(void)arg;
	(void)queue;
	(void)tags;
	cr_assert(str_is(topic, "t"));
	cr_assert_eq(queue_off, arrivals / 2);
	arrivals++;
}

static void run_threaded(enum store_flush flush)
{
	int64_t phys[4], ms, last, deadline;
	struct store *s;
	char key[16];
	int i;

	clock_test_off();
	opts.inline_io = false;
	opts.flush = flush;
	opts.flush_interval_ms = 20;
	opts.index_entries = 1000;
	opts.post = mail_post;
	opts.on_durable = count_durable;
	s = kit_open(&opts, NULL);
	store_on_arrival(s, count_arrival, NULL);
	for (i = 0; i < 600; i++) {
		struct store_at at;
		struct err e = ERR_INIT;
		char props[32];

		snprintf(props, sizeof(props), "KEYS\001k%d", i);
		cr_assert_eq(
			kit_append(s, "t", i % 2, STR("body"), props, &at, &e), 0, "%s", e.msg);
		if (i % 3 == 0)
			cr_assert_eq(store_commit(s, &e), 0, "%s", e.msg);
		mail_run();
		if (i % 50 == 49) {
			store_tick(s, -1);
			cr_assert_eq(store_commit(s, &e), 0);
			snprintf(key, sizeof(key), "k%d", i);
			cr_expect_eq(store_query_key(s, STR("t"), str_of(key), 4, 0, INT64_MAX,
					     phys, &ms, &last),
				1, "%s", key);
		}
	}
	cr_expect_eq(arrivals, 600);
	deadline = clock_mono_ms() + 10000;
	while (store_durable(s) < store_appended(s) && clock_mono_ms() < deadline) {
		usleep(1000);
		mail_run();
	}
	cr_expect_eq(store_durable(s), store_appended(s));
	mail_run();
	cr_expect_gt(mail.durable_calls, 0);
	kit_close(s);
	mail_run(); /* a letter that outlives the store */
	s = kit_open(&opts, NULL);
	cr_expect_eq(
		store_query_key(s, STR("t"), STR("k17"), 4, 0, INT64_MAX, phys, &ms, &last), 1);
	kit_close(s);
	mail_run();
}

Test(store_disk, syncs_and_indexes_on_its_threads)
{
	run_threaded(STORE_FLUSH_SYNC);
}

Test(store_disk, syncs_now_and_then_when_asked_to)
{
	run_threaded(STORE_FLUSH_ASYNC);
}
