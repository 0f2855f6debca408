/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: what goes, when, and what must not (D7, K1). A life of some weeks under a clock of the
 * test's own is held to a ledger of everything sent: who is younger than his time is there, who is
 * older cannot be read any more.
 */
#include <stdlib.h>

#include "log.h"
#include "store_kit.h"

#define HOURS(n) ((n)*INT64_C(3600000))
#define RETENTION HOURS(72)
#define FILE_BYTES 4096
#define SENT_MAX 4000
#define SLACK HOURS(2) /* between looks */

static char *dir;
static struct store_opts opts;

static const struct {
	const char *topic;
	int64_t keep_ms;
} topics[] = { { "long", -1 }, { "day", HOURS(24) }, { "hours", HOURS(6) } };

static int64_t keep_ms(void *arg, struct str topic)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		if (str_is(topic, topics[i].topic))
			return topics[i].keep_ms;
	return -1;
}

static struct {
	int n;
	struct sent {
		int topic;
		int64_t queue_off, phys, at_ms; /* true time, whatever the clock said */
	} sent[SENT_MAX];
	int64_t now_ms, kept; /* true time; lowest record somebody waits for */
} life;

static void set_up(void)
{
	dir = kit_dir();
	opts = kit_opts(dir);
	opts.keep_ms = keep_ms;
	log_set_level(LOG_ERROR_);
	clock_test_off();
	clock_test_set(clock_wall_ms()); /* the files' own times are real */
	memset(&life, 0, sizeof(life));
	life.kept = INT64_MAX;
}

static void tear_down(void)
{
	clock_test_off();
	kit_remove_tree(dir);
	mem_free(dir);
}

TestSuite(store_retention, .init = set_up, .fini = tear_down);

static void pass(struct store *s, int64_t ms)
{
	clock_test_advance(ms);
	life.now_ms += ms;
	store_tick(s, RETENTION);
}

static void send(struct store *s, int topic)
{
	char body[400];
	struct store_at at;

	BUG_ON(life.n == SENT_MAX);
	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	at = kit_send(s, topics[topic].topic, 0, body, "");
	life.sent[life.n++] = (struct sent){ topic, at.queue_off, at.phys_off, life.now_ms };
}

static int64_t keep_of(int topic)
{
	return topics[topic].keep_ms < 0 ? RETENTION : topics[topic].keep_ms;
}

/* Nothing young is gone; with `old_too`, nothing old is left. */
static void check(struct store *s, bool old_too)
{
	int64_t min[ARRAY_LEN(topics)], max;
	struct store_batch b;

	cr_assert_eq(store_min_phys(s) % FILE_BYTES, 0, "whole files");
	cr_assert_leq(store_min_phys(s), life.kept, "somebody waits for that");
	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		store_queue_bounds(s, str_of(topics[i].topic), 0, &min[i], &max);
	for (int i = 0; i < life.n; i++) {
		const struct sent *m = &life.sent[i];
		int64_t age = life.now_ms - m->at_ms, keep = keep_of(m->topic);

		if (age < keep - keep / 50)
			cr_assert(m->queue_off >= min[m->topic] && m->phys >= store_min_phys(s),
				"'%s' %lld went after %lld minutes", topics[m->topic].topic,
				(long long)m->queue_off, (long long)age / 60000);
		if (old_too && topics[m->topic].keep_ms > 0 && age > keep + SLACK)
			cr_assert_lt(m->queue_off, min[m->topic],
				"'%s' %lld is there after %lld minutes", topics[m->topic].topic,
				(long long)m->queue_off, (long long)age / 60000);
	}
	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		enum store_read_status st = kit_read(s, topics[i].topic, 0, min[i], &b);

		cr_assert(st == STORE_FOUND || st == STORE_AT_END || st == STORE_EMPTY_QUEUE,
			"'%s' at its minimum: %s", topics[i].topic, store_read_status_name(st));
		store_batch_release(&b);
	}
}

static struct store *restart(struct store *s)
{
	kit_close(s);
	s = kit_open(&opts, NULL);
	store_keep(s, STORE_KEEP_DELAYED, life.kept);
	return s;
}

/* Some hours of it: now and then something long delayed is sent, and delivered days later. */
static struct store *some_hours(struct store *s, unsigned *seed, int hours)
{
	for (int i = 0; i < hours; i++) {
		int n = rand_r(seed) % 3;

		while (n--)
			send(s, rand_r(seed) % (int)ARRAY_LEN(topics));
		if (life.n && life.kept == INT64_MAX && rand_r(seed) % 40 == 0)
			life.kept = life.sent[life.n - 1].phys;
		else if (rand_r(seed) % 90 == 0)
			life.kept = INT64_MAX;
		store_keep(s, STORE_KEEP_DELAYED, life.kept);
		for (int k = 0; k < 4; k++)
			pass(s, HOURS(1) / 4);
		if (rand_r(seed) % 100 == 0)
			s = restart(s);
	}
	return s;
}

Test(store_retention, each_message_lives_as_long_as_its_topic_says)
{
	struct store *s = kit_open(&opts, NULL);
	unsigned seed = 7;

	for (int day = 0; day < 40; day++) {
		s = some_hours(s, &seed, 24);
		check(s, false);
		pass(s, 11000); /* a start forgets what was too old for a moment */
		pass(s, 11000);
		check(s, true);
	}
	cr_expect_gt(store_min_phys(s), 0);
	cr_expect_gt(life.n, 500);
	kit_close(s);
}

Test(store_retention, a_clock_that_jumps_deletes_nothing_young)
{
	static const int64_t jumps[] = { -HOURS(1), HOURS(1), -HOURS(24), HOURS(24), HOURS(24),
		HOURS(24 * 60), -HOURS(24 * 61) };
	struct store *s = kit_open(&opts, NULL);
	unsigned seed = 3;
	size_t i;

	s = some_hours(s, &seed, 10);
	for (i = 0; i <= ARRAY_LEN(jumps); i++) {
		int64_t was = clock_wall_ms(), to = 1000; /* 1970 */

		if (i < ARRAY_LEN(jumps))
			to = was + jumps[i];
		clock_test_set(to);
		for (int k = 0; k < 5; k++) {
			pass(s, 11000);
			check(s, false);
			send(s, k % (int)ARRAY_LEN(topics));
		}
		pass(s, HOURS(1));
		check(s, false);
		if (i % 2)
			clock_test_set(was + HOURS(1));
		pass(s, 11000);
		check(s, false);
	}
	cr_expect_eq(store_min_phys(s), 0, "all of it is young");
	kit_close(s);
}

Test(store_retention, files_written_while_the_clock_was_in_1970_are_as_young_as_they_are)
{
	int64_t now = clock_wall_ms();
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct store *s = kit_open(&opts, NULL);

	for (int i = 0; i < 20; i++)
		send(s, 0);
	clock_test_set(1000);
	for (int i = 0; i < 20; i++)
		send(s, 0);
	for (int i = 0; i < life.n; i++) {
		char *path = mem_fmt("%s/commitlog/%020lld", dir,
			(long long)(life.sent[i].phys / FILE_BYTES * FILE_BYTES));

		cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
		mem_free(path);
	}
	clock_test_set(now);
	s = restart(s);
	pass(s, 11000);
	check(s, false);
	cr_expect_eq(store_min_phys(s), 0);
	kit_close(s);
}

Test(store_retention, a_disk_beyond_its_mark_loses_the_oldest_files_only)
{
	struct store_disk_marks full = { .clean_below = INT64_MAX }, none = { 0 };
	struct store *s = kit_open(&opts, NULL);
	int64_t kept;

	for (int i = 0; i < 200; i++)
		send(s, 0);
	pass(s, 11000); /* queue entries are durable then */
	pass(s, 1000);
	kept = life.kept = life.sent[150].phys;
	store_keep(s, STORE_KEEP_HALF, kept);
	store_set_disk_marks(s, &full);
	pass(s, 1000);
	cr_expect_eq(store_min_phys(s), 10 * FILE_BYTES, "so many a second");
	pass(s, 1000);
	pass(s, 1000);
	pass(s, 1000);
	cr_expect_eq(
		store_min_phys(s), kept / FILE_BYTES * FILE_BYTES, "up to who is waited for");
	cr_expect_gt(store_held_back(s), kept);
	store_keep(s, STORE_KEEP_HALF, INT64_MAX);
	for (int i = 0; i < 10; i++)
		pass(s, 1000);
	cr_expect_eq(store_min_phys(s), store_appended(s) / FILE_BYTES * FILE_BYTES,
		"the newest stays");
	store_set_disk_marks(s, &none);
	send(s, 0);
	kit_close(s);
}

Test(store_retention, beyond_the_second_mark_nothing_is_taken_in_but_all_is_read)
{
	struct store_disk_marks full = { .refuse_below = INT64_MAX }, none = { 0 };
	struct store *s = kit_open(&opts, NULL);
	struct store_stats st;
	struct store_at at;
	struct store_batch b;
	struct err e = ERR_INIT;

	send(s, 0);
	store_set_disk_marks(s, &full);
	cr_expect_eq(kit_append(s, "long", 0, STR("x"), "", &at, &e), TQ_ENOSPACE);
	store_stats(s, &st);
	cr_expect(st.disk_full);
	cr_expect_not(st.read_only);
	cr_expect_eq(kit_read(s, "long", 0, 0, &b), STORE_FOUND);
	store_batch_release(&b);
	store_set_disk_marks(s, &none);
	send(s, 0);
	kit_close(s);
}
