/* SPDX-License-Identifier: Apache-2.0 */
/* store: reads of what is on the disk alone, and of what the disk does not give. */
#include <errno.h>
#include <sys/mman.h>

#include "log.h"
#include "thread.h"
#include "store_kit.h"

#define LOG0 "commitlog/00000000000000000000"
#define MESSAGES 40

static char *dir;
static struct store_opts opts;
static bool cold; /* nothing is in memory, says the kernel */

static int odd_mincore(void *at, size_t n, unsigned char *pages)
{
	int r = vfs_system.mincore(at, n, pages);

	if (cold)
		memset(pages, 0, (n + 4095) / 4096);
	return r;
}

static ssize_t odd_pread_nowait(int fd, void *p, size_t n, off_t off)
{
	errno = EAGAIN;
	return cold ? -1 : vfs_system.pread_nowait(fd, p, n, off);
}

static void set_up(void)
{
	static struct vfs odd;

	dir = kit_dir();
	opts = kit_opts(dir);
	opts.commitlog_file_bytes = 16 << 10;
	log_set_level(LOG_ERROR_ - 1);
	odd = vfs_system;
	odd.mincore = odd_mincore;
	odd.pread_nowait = odd_pread_nowait;
	vfs_set(&odd);
}

static void tear_down(void)
{
	vfs_set(NULL);
	kit_remove_tree(dir);
	mem_free(dir);
}

TestSuite(store_cold, .init = set_up, .fini = tear_down);

static struct store *filled(void)
{
	struct store *s = kit_open(&opts, NULL);

	kit_send_big(s, "t", 0, MESSAGES);
	kit_close(s);
	return kit_open(
		&opts, NULL); /* what this process wrote itself is taken to be in memory */
}

static struct store_query query(int64_t off)
{
	return (struct store_query){ .topic = STR("t"),
		.offset = off,
		.max = 32,
		.max_bytes = 64 << 10,
		.no_wait = true };
}

static struct {
	int calls, rc;
	struct err err;
} warm;

static void warmed(void *arg, int rc, const struct err *e)
{
	cr_expect_eq(arg, &warm);
	warm.calls++;
	warm.rc = rc;
	warm.err = *e;
	cold = false;
}

static void warm_up(struct store *s, const struct store_query *q)
{
	struct err e = ERR_INIT;

	memset(&warm, 0, sizeof(warm));
	cr_assert_eq(store_warm(s, q, warmed, &warm, &e), 0, "%s", e.msg);
}

Test(store_cold, a_read_that_would_wait_says_so_and_finds_all_when_warm)
{
	struct store_query q = query(3);
	struct store *s = filled();
	struct store_batch b;

	cold = true;
	store_read(s, &q, &b);
	cr_assert_eq(b.status, STORE_COLD);
	cr_expect_eq(b.n, 0);
	cr_expect_eq(b.next_off, 3);
	warm_up(s, &q);
	cr_expect_eq(warm.calls, 1);
	cr_expect_eq(warm.rc, 0);
	store_read(s, &q, &b);
	cr_assert_eq(b.status, STORE_FOUND);
	cr_expect_eq(b.n, 16 - 3, "up to the end of the queue file");
	store_batch_release(&b);
	kit_close(s);
}

Test(store_cold, records_and_the_search_by_time_ask_before_they_wait)
{
	int64_t phys[2] = { 0, 997 * 4 };
	struct store *s = filled();
	struct store_slice slice;
	struct store_cold at;
	struct err e = ERR_INIT;
	int64_t off, ms = store_time_at(s, STR("t"), 0, 2);
	int trips = 0;

	cold = true;
	cr_expect_not(store_is_near(s, 0));
	cr_expect(store_is_near(s, 1 << 30), "nothing is there");
	memset(&warm, 0, sizeof(warm));
	cr_assert_eq(store_warm_records(s, phys, 2, warmed, &warm, &e), 0, "%s", e.msg);
	cr_expect_eq(warm.calls, 1);
	cr_expect_eq(warm.rc, 0);
	cr_expect(store_is_near(s, 0));
	cr_assert_eq(store_get(s, 0, &slice, &e), 0);
	store_slice_unref(slice.segment);
	for (cold = true;
		trips < 2 && (off = store_offset_by_time(s, STR("t"), 0, ms, &at)) < 0;
		trips++) {
		struct store_query q = query(at.unit);

		cr_assert((at.unit < 0) != (at.phys < 0));
		memset(&warm, 0, sizeof(warm));
		if (at.unit < 0)
			cr_assert_eq(store_warm_records(s, &at.phys, 1, warmed, &warm, &e), 0);
		else
			warm_up(s, &q);
		cr_expect_eq(warm.rc, 0);
	}
	cr_expect_eq(trips, 1, "what was fetched is not cold");
	cold = true;
	cr_expect_eq(off, store_offset_by_time(s, STR("t"), 0, ms, NULL));
	kit_close(s);
}

Test(store_cold, who_can_wait_is_not_told_to_come_again)
{
	struct store *s = filled();

	cold = true;
	kit_expect_big(s, "t", 0, 0, MESSAGES);
	kit_close(s);
}

Test(store_cold, what_was_just_written_is_never_cold)
{
	struct store_query q = query(MESSAGES / 2);
	struct store *s = filled();
	struct store_batch b;

	kit_send_big(s, "t", MESSAGES, 2);
	cold = true;
	store_read(s, &q, &b);
	cr_expect_eq(b.status, STORE_FOUND);
	store_batch_release(&b);
	kit_close(s);
}

/* D4: the map is longer than the file, which is a SIGBUS for whoever touches it. */
Test(store_cold, a_file_cut_short_fails_the_reads_of_what_is_gone_and_nothing_else)
{
	struct store_query q = query(0);
	struct store *s = filled();
	char *path = kit_path(dir, LOG0);
	struct store_stats st;
	struct store_slice slice;
	struct store_batch b;
	struct err e = ERR_INIT;

	cr_assert_eq(truncate(path, 4096), 0);
	store_read(s, &q, &b);
	cr_assert_eq(b.status, STORE_COLD, "%s", store_read_status_name(b.status));
	warm_up(s, &q);
	cr_expect_eq(warm.rc, TQ_EIO);
	cr_expect_not_null(strstr(warm.err.msg, LOG0), "%s", warm.err.msg);
	cr_expect_eq(store_get(s, 8192, &slice, &e), TQ_ENOTFOUND);
	q.no_wait = false;
	store_read(s, &q, &b);
	cr_expect_eq(b.status, STORE_FOUND, "the first page is there");
	store_batch_release(&b);
	q = query(MESSAGES / 2 - 2);
	store_read(s, &q, &b);
	cr_expect_eq(b.status, STORE_FOUND, "later files are whole");
	store_batch_release(&b);
	store_stats(s, &st);
	cr_expect_eq(st.unreadable, 1);
	cr_expect_not(st.read_only);
	kit_send_big(s, "t", MESSAGES, 2);
	kit_close(s);
	mem_free(path);
}

/* An index file that is cut short costs hits, not the process. */
Test(store_cold, an_index_file_cut_short_costs_hits)
{
	int64_t phys[64], last_ms, last_phys;
	struct store *s = filled();
	char *index = kit_path(dir, "index"), *path = NULL;
	DIR *h = opendir(index);
	struct dirent *d;

	cr_assert_gt(store_query_key(s, STR("t"), STR("k"), 64, 0, INT64_MAX, phys, &last_ms,
			     &last_phys),
		0);
	cr_assert_not_null(h);
	while ((d = readdir(h))) {
		if (d->d_name[0] == '.')
			continue;
		path = mem_fmt("%s/%s", index, d->d_name);
		cr_assert_eq(truncate(path, 0), 0);
		mem_free(path);
	}
	closedir(h);
	mem_free(index);
	cr_expect_eq(store_query_key(s, STR("t"), STR("k"), 64, 0, INT64_MAX, phys, &last_ms,
			     &last_phys),
		0);
	kit_send_big(s, "t", MESSAGES, 2);
	(void)store_query_key(
		s, STR("t"), STR("k"), 64, 0, INT64_MAX, phys, &last_ms, &last_phys);
	store_tick(s, -1);
	kit_expect_big(s, "t", 0, 0, MESSAGES + 2);
	kit_crash(dir, s);
	s = kit_open(&opts, NULL);
	cr_expect_gt(store_query_key(s, STR("t"), STR("k"), 64, 0, INT64_MAX, phys, &last_ms,
			     &last_phys),
		0, "made again");
	kit_close(s);
}

static struct mailbox *mail;

static void mail_post(void *loop, void (*fn)(void *arg), void *arg)
{
	(void)loop;
	post(mail, fn, arg);
}

Test(store_cold, reading_threads_answer_on_the_loop_and_before_the_end)
{
	int64_t deadline = clock_mono_ms() + 10000;
	struct store_query q = query(0);
	struct err e = ERR_INIT;
	struct store *s;
	int i;

	cr_assert_eq(mailbox_new(&mail, &e), 0);
	opts.inline_io = false;
	opts.post = mail_post;
	s = filled();
	warm_up(s, &q);
	while (!warm.calls && clock_mono_ms() < deadline)
		if (!mailbox_run(mail))
			usleep(1000);
	cr_assert_eq(warm.calls, 1);
	cr_expect_eq(warm.rc, 0);
	for (i = 0; i < 1000; i++)
		cr_assert_eq(store_warm(s, &q, warmed, &warm, &e), 0, "%s", e.msg);
	cr_expect_eq(store_warm(s, &q, warmed, &warm, &e), TQ_EBUSY, "there is a bound");
	kit_close(s);
	cr_expect_eq(warm.calls, 1001);
	cr_expect_eq(warm.rc, TQ_EUNAVAILABLE);
	mailbox_run(mail); /* letters that outlive the store */
	mailbox_free(mail);
}

/* Units read once serve what follows, until the queue goes. */
Test(store_cold, units_read_ahead_go_with_their_queue)
{
	struct store *s = filled();
	struct store_query q = query(0);
	struct store_batch b;
	struct err e = ERR_INIT;

	q.max = 4;
	store_read(s, &q, &b);
	cr_assert_eq(b.status, STORE_FOUND);
	q.offset = b.next_off;
	store_batch_release(&b);
	cold = true; /* nothing is asked for: the units are there, the log was found in memory */
	store_read(s, &q, &b);
	cr_expect_eq(b.status, STORE_FOUND);
	store_batch_release(&b);
	cold = false;
	cr_assert_eq(store_delete_topic(s, STR("t"), &e), 0, "%s", e.msg);
	kit_send(s, "t", 0, "new", "");
	q.offset = 0;
	store_read(s, &q, &b);
	cr_assert_eq(b.status, STORE_FOUND);
	cr_expect_eq(b.n, 1);
	cr_expect(str_is(kit_decode(b.slices[0].bytes).body, "new"));
	store_batch_release(&b);
	kit_close(s);
}
