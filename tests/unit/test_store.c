/* SPDX-License-Identifier: Apache-2.0 */
/* store: what goes in comes out, in Apache's formats, from whatever state the directory is in. */
#include "store_kit.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "hex.h"
#include "log.h"

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

TestSuite(store, .init = set_up, .fini = tear_down);

Test(store, gives_back_what_it_got)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_at a, b, c;
	struct store_batch batch;
	struct message m;

	a = kit_send(s, "orders", 0, "one", "TAGS\001red");
	b = kit_send(s, "orders", 1, "two", "");
	c = kit_send(s, "orders", 0, "three", "");
	cr_expect_eq(a.phys_off, 0);
	cr_expect_eq(a.queue_off, 0);
	cr_expect_eq(b.queue_off, 0);
	cr_expect_eq(c.queue_off, 1);
	cr_expect_eq(b.phys_off, a.end_off);
	cr_expect_eq(store_appended(s), c.end_off);
	cr_expect_eq(store_durable(s), c.end_off);
	cr_assert_eq(kit_read(s, "orders", 0, 0, &batch), STORE_FOUND);
	cr_assert_eq(batch.n, 2);
	cr_expect_eq(batch.next_off, 2);
	m = kit_decode(batch.slices[0].bytes);
	cr_expect(str_is(m.body, "one"));
	cr_expect(str_is(m.properties, "TAGS\001red"));
	cr_expect_eq(m.store_ms, 1700000001000);
	cr_expect_eq(m.store.port, 10911u);
	store_batch_release(&batch);
	kit_close(s);
}

/* Formats 1.2, 1.7, 1.10 and 1.11 of the store's description, by hand. */
Test(store, writes_apaches_files_byte_for_byte)
{
	static const char record[] =
		"0000007e daa320a7 20e809f1 00000001 00000000 0000000000000000 0000000000000000 00000000"
		"000001a20617ceeb 7f0000010000e730 000001a20617cf0b 7f000001000051af"
		"00000000 0000000000000000 00000007 68656c6c6f2030 06 546f70696341 0016"
		"4b455953 01 6b657930206b32 02 54414753 01 54616741";
	static const char unit[] = "0000000000000000 0000007e 000000000027a807";
	/* two keys, "TopicA#key0" 641858178 in slot 2 and "TopicA#k2" */
	static const char head[] =
		"000001a20617cf0b 000001a20617cf0b 0000000000000000 0000000000000000"
		"00000002 00000003";
	static const char entry1[] = "2641fa82 0000000000000000 00000000 00000000";
	static const char times[] = "000001a20617cf0b 000001a20617cf0b 0000000000000000";
	struct message m =
		kit_message("TopicA", 1, STR("hello 0"), "KEYS\001key0 k2\002TAGS\001TagA");
	struct store_put p = { .m = &m, .tags_code = 2598919 };
	struct err e = ERR_INIT;
	struct store_at at;
	struct store *s;
	struct dirent *d;
	struct buf got;
	char *want, *path, *name = NULL;
	size_t n;
	DIR *h;

	clock_test_set(0x1a20617cf0b);
	cr_assert_eq(host_parse(STR("127.0.0.1:20911"), &opts.host, &e), 0);
	cr_assert_eq(host_parse(STR("127.0.0.1:59184"), &m.born, &e), 0);
	m.born_ms = 0x1a20617ceeb;
	s = kit_open(&opts, NULL);
	cr_expect(kit_exists(dir, "abort"));
	cr_assert_eq(store_append(s, &p, &at, &e), 0);
	cr_assert_eq(store_commit(s, &e), 0);
	kit_close(s);
	cr_expect_not(kit_exists(dir, "abort"));

	want = unhex(record, &n);
	kit_read_file(dir, LOG0, &got);
	cr_assert_eq(got.n, 4096u);
	cr_expect_arr_eq(got.p, want, n);
	while (n < got.n && !got.p[n])
		n++;
	cr_expect_eq(n, got.n, "zeros behind the record");
	buf_release(&got);
	free(want);

	want = unhex(unit, &n);
	kit_read_file(dir, "consumequeue/TopicA/1/00000000000000000000", &got);
	cr_assert_eq(got.n, 16u * 20);
	cr_expect_arr_eq(got.p, want, n);
	buf_release(&got);
	free(want);

	path = kit_path(dir, "index");
	h = opendir(path);
	mem_free(path);
	while ((d = readdir(h)))
		if (d->d_name[0] != '.')
			name = mem_fmt("index/%s", d->d_name);
	closedir(h);
	cr_assert_not_null(name);
	cr_expect_eq(strlen(name), 6u + 17);
	kit_read_file(dir, name, &got);
	mem_free(name);
	cr_assert_eq(got.n, 40u + 4 * 32 + 20 * 20);
	want = unhex(head, &n);
	cr_expect_arr_eq(got.p, want, n);
	free(want);
	cr_expect_eq(get_be32(got.p + 40 + 4 * (641858178 % 32)), 1u);
	want = unhex(entry1, &n);
	cr_expect_arr_eq(got.p + 40 + 4 * 32 + 20, want, n);
	free(want);
	buf_release(&got);

	want = unhex(times, &n);
	kit_read_file(dir, "checkpoint", &got);
	cr_assert_eq(got.n, 4096u);
	cr_expect_arr_eq(got.p, want, n);
	free(want);
	buf_release(&got);

	kit_read_file(dir, "lock", &got);
	cr_expect(str_is(buf_str(&got), "lock"));
	buf_release(&got);
}

/* n messages of 900 bytes, "0 ", "1 " ... in front, so that four fill a file. */
static void send_big(struct store *s, const char *topic, int from, int n)
{
	char body[900];
	int i;

	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	for (i = from; i < from + n; i++) {
		int len = snprintf(body, sizeof(body), "%d", i);

		body[len] = 'x';
		kit_send(s, topic, i % 2, body, "KEYS\001k");
	}
}

/* The leading number of each message of the queue must count up by two. */
static void expect_big(struct store *s, const char *topic, int queue, int from, int to)
{
	struct store_batch b;
	int64_t off = 0, min, max;
	int i, next = from;

	store_queue_bounds(s, str_of(topic), queue, &min, &max);
	for (off = min; off < max; off = b.next_off) {
		cr_assert_eq(kit_read(s, topic, queue, off, &b), STORE_FOUND);
		for (i = 0; i < b.n; i++, next += 2) {
			struct message m = kit_decode(b.slices[i].bytes);

			cr_assert_eq(strtol(m.body.p, NULL, 10), next);
			cr_assert_eq(m.queue_off, next / 2);
		}
		store_batch_release(&b);
	}
	cr_assert_eq(next, to);
}

Test(store, rolls_to_new_files_that_end_in_a_blank)
{
	struct store *s = kit_open(&opts, NULL);
	struct buf got;
	int i;

	send_big(s, "t", 0, 40);
	expect_big(s, "t", 0, 0, 40);
	expect_big(s, "t", 1, 1, 41);
	kit_close(s);
	for (i = 0; i < 9; i++) {
		char *name = mem_fmt("commitlog/%020d", i * 4096);
		uint32_t at = 0;

		kit_read_file(dir, name, &got);
		cr_assert_eq(got.n, 4096u);
		while (get_be32(got.p + at + 4) == MESSAGE_MAGIC)
			at += get_be32(got.p + at);
		cr_expect_eq(get_be32(got.p + at + 4), MESSAGE_BLANK);
		cr_expect_eq(get_be32(got.p + at), 4096 - at);
		buf_release(&got);
		mem_free(name);
	}
	cr_expect(
		kit_exists(dir, "consumequeue/t/0/00000000000000000320"), "second queue file");
	s = kit_open(&opts, NULL);
	expect_big(s, "t", 0, 0, 40);
	kit_close(s);
}

Test(store, opens_fast_after_a_clean_stop_and_goes_on)
{
	struct store_recovery found;
	struct store *s = kit_open(&opts, &found);
	struct store_at at;

	cr_expect(found.clean);
	kit_send(s, "a", 0, "one", "");
	kit_close(s);
	s = kit_open(&opts, &found);
	cr_expect(found.clean);
	cr_expect_eq(found.records, 0);
	at = kit_send(s, "a", 0, "two", "");
	cr_expect_eq(at.queue_off, 1);
	kit_close(s);
	s = kit_open(&opts, NULL);
	kit_expect(s, "a", 0, "one two ");
	kit_close(s);
}

Test(store, keeps_the_file_lengths_it_finds)
{
	struct store *s = kit_open(&opts, NULL);

	send_big(s, "t", 0, 10);
	kit_close(s);
	opts.commitlog_file_bytes = 1 << 20;
	opts.queue_file_units = 1000;
	s = kit_open(&opts, NULL);
	send_big(s, "t", 10, 30);
	expect_big(s, "t", 0, 0, 40);
	kit_close(s);
	s = kit_open(&opts, NULL);
	expect_big(s, "t", 1, 1, 41);
	kit_close(s);
}

/* As kill -9 leaves it: copies nothing, just forgets the process. */
static void crash(struct store *s)
{
	struct err e = ERR_INIT;
	struct buf synced;
	bool had = kit_exists(dir, "synced");

	if (had)
		kit_read_file(dir, "synced", &synced);
	store_tick(s, -1); /* units reach their files now and then */
	cr_assert_eq(store_close(s, &e), 0);
	kit_touch(dir, "abort");
	if (had) {
		kit_poke(dir, "synced", 0, synced.p, synced.n);
		buf_release(&synced);
	}
}

Test(store, rebuilds_queues_and_index_that_were_deleted)
{
	static const char *const what[] = { "consumequeue", "index", "consumequeue/t/1",
		"consumequeue/t/0/00000000000000000000", "checkpoint", "synced", "abort" };
	size_t i;
	int crashed;

	for (crashed = 0; crashed < 2; crashed++) {
		for (i = 0; i < ARRAY_LEN(what); i++) {
			struct store *s = kit_open(&opts, NULL);
			struct err e = ERR_INIT;
			int64_t phys[64], ms, last;

			send_big(s, "t", 0, 40);
			if (crashed)
				crash(s);
			else
				cr_assert_eq(store_close(s, &e), 0, "%s", e.msg);
			kit_remove(dir, what[i]);
			s = kit_open(&opts, NULL);
			expect_big(s, "t", 0, 0, 40);
			expect_big(s, "t", 1, 1, 41);
			cr_expect_eq(store_query_key(s, STR("t"), STR("k"), 64, 0, INT64_MAX,
					     phys, &ms, &last),
				40, "%s, crashed %d", what[i], crashed);
			kit_close(s);
			tear_down();
			set_up();
		}
	}
}

Test(store, skips_a_flipped_byte_and_serves_the_rest)
{
	struct store *s;
	struct store_recovery found;
	struct store_batch b;
	int crashed, at;

	for (crashed = 0; crashed < 2; crashed++) {
		for (at = 0; at < 988; at += 13) { /* anywhere in the third record */
			struct buf log;
			int64_t off = 0;
			int n = 0, i;
			char c;

			s = kit_open(&opts, NULL);
			send_big(s, "t", 0, 8);
			store_tick(s, -1);
			if (crashed)
				crash(s);
			else
				kit_close(s);
			kit_read_file(dir, LOG0, &log);
			n = (int)get_be32(log.p) * 2;
			c = (char)(log.p[n + at] ^ 0x10);
			kit_poke(dir, LOG0, n + at, &c, 1);
			s = kit_open(&opts, &found);
			for (n = 0; off < 4; off = b.next_off) {
				enum store_read_status st = kit_read(s, "t", 0, off, &b);

				cr_assert(st == STORE_FOUND || st == STORE_REMOVED, "%d",
					(int)st);
				for (i = 0; i < b.n; i++)
					n += b.slices[i].bytes.p[88] !=
					     '2'; /* first of the body */
				store_batch_release(&b);
			}
			cr_expect_eq(
				n, 3, "byte %d, crashed %d: %d of queue 0", at, crashed, n);
			expect_big(s, "t", 1, 1, 9);
			cr_expect_eq(kit_send(s, "t", 0, "next", "").queue_off, 4);
			kit_close(s);
			buf_release(&log);
			tear_down();
			set_up();
		}
	}
}

Test(store, cuts_a_torn_tail_and_clears_it)
{
	struct store_recovery found;
	struct store *s;
	struct buf log;
	int keep;

	for (keep = 0; keep < 110; keep += 7) {
		struct store_at at;
		char zero[128] = { 0 };

		s = kit_open(&opts, NULL);
		kit_send(s, "t", 0, "safe", "");
		store_tick(s, -1);
		at = kit_send(s, "t", 0, "torn torn torn torn", "");
		crash(s);
		kit_poke(dir, LOG0, at.phys_off + keep, zero, at.size - (uint32_t)keep);
		s = kit_open(&opts, &found);
		cr_expect_not(found.clean);
		cr_expect_eq(found.cut_at, at.phys_off);
		cr_expect_eq(found.quarantined, 0);
		kit_expect(s, "t", 0, "safe ");
		cr_expect_eq(kit_send(s, "t", 0, "x", "").queue_off, 1);
		kit_close(s);
		kit_read_file(dir, LOG0, &log);
		cr_expect_eq(get_be32(log.p + at.phys_off), 91u + 1 + 1, "%u",
			get_be32(log.p + at.phys_off));
		for (int i = (int)at.phys_off + 93; i < 4096; i++)
			cr_assert_eq(log.p[i], 0);
		buf_release(&log);
		tear_down();
		set_up();
	}
}

Test(store, answers_reads_as_apache_does)
{
	static const struct {
		const char *why;
		int64_t offset;
		enum store_read_status status;
		int64_t next;
	} cases[] = {
		{ "below the first", -1, STORE_TOO_SMALL, 0 },
		{ "the first", 0, STORE_FOUND, 3 },
		{ "the last", 2, STORE_FOUND, 3 },
		{ "just behind", 3, STORE_AT_END, 3 },
		{ "far behind", 9, STORE_BEYOND, 3 },
	};
	struct store *s = kit_open(&opts, NULL);
	struct store_batch b;
	size_t i;

	cr_expect_eq(kit_read(s, "t", 0, 0, &b), STORE_EMPTY_QUEUE);
	cr_expect_eq(kit_read(s, "t", 0, 7, &b), STORE_EMPTY_QUEUE);
	for (i = 0; i < 3; i++)
		kit_send(s, "t", 0, "x", "");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		cr_expect_eq(kit_read(s, "t", 0, cases[i].offset, &b), cases[i].status, "%s",
			cases[i].why);
		cr_expect_eq(b.next_off, cases[i].next, "%s", cases[i].why);
		cr_expect_eq(b.min_off, 0);
		cr_expect_eq(b.max_off, 3);
		store_batch_release(&b);
	}
	cr_expect_str_eq(store_read_status_name(STORE_BEYOND), "OFFSET_OVERFLOW_BADLY");
	kit_close(s);
}

static bool only_red(void *arg, int64_t tags_code, struct str record)
{
	(*(int *)arg)++;
	return record.n || tags_code == message_tags_code(STR("red"));
}

Test(store, filters_by_unit_and_bounds_a_batch)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_query q = { .topic = STR("t"), .max = 2, .max_bytes = 1 << 20 };
	struct store_batch b;
	int i, calls = 0;

	for (i = 0; i < 12; i++)
		kit_send(s, "t", 0, "x", i % 3 ? "TAGS\001blue" : "TAGS\001red");
	q.match = only_red;
	q.match_arg = &calls;
	store_read(s, &q, &b);
	cr_expect_eq(b.n, 2);
	cr_expect_eq(b.next_off, 4);
	cr_expect_eq(calls, 4 + 2);
	store_batch_release(&b);
	q.offset = 10;
	store_read(s, &q, &b);
	cr_expect_eq(b.status, STORE_NO_MATCH);
	cr_expect_eq(b.next_off, 12);
	q.offset = 0;
	q.match = NULL;
	q.max_bytes = 1;
	store_read(s, &q, &b);
	cr_expect_eq(b.n, 1, "one message always fits");
	store_batch_release(&b);
	kit_close(s);
}

Test(store, searches_by_time_as_apache_rounds)
{
	static const struct {
		const char *why;
		int64_t ms, off;
	} cases[] = {
		{ "before all: the first", 0, 0 },
		{ "exact", 1700000001000, 0 },
		{ "nearer to the left", 1700000001040, 0 },
		{ "tie goes left", 1700000001050, 0 },
		{ "nearer to the right", 1700000001051, 1 },
		{ "exact, second", 1700000001100, 1 },
		{ "in the second file, before its first", 1700000002580, 16 },
		{ "exact in the second file", 1700000002700, 17 },
		{ "after all: the last, not behind it", 1700009999999, 39 },
	};
	struct store *s = kit_open(&opts, NULL);
	size_t i;

	cr_expect_eq(store_offset_by_time(s, STR("t"), 0, 5), 0);
	for (i = 0; i < 40; i++) {
		clock_test_set(1700000001000 + (int64_t)i * 100);
		kit_send(s, "t", 0, "x", "");
	}
	for (i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(store_offset_by_time(s, STR("t"), 0, cases[i].ms), cases[i].off,
			"%s", cases[i].why);
	cr_expect_eq(store_time_at(s, STR("t"), 0, 3), 1700000001300);
	cr_expect_eq(store_time_at(s, STR("t"), 0, 40), -1);
	kit_close(s);
}

Test(store, never_lets_store_time_go_back)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_at a, b;

	a = kit_send(s, "t", 0, "x", "");
	clock_test_set(1600000000000);
	b = kit_send(s, "t", 0, "x", "");
	cr_expect_geq(b.store_ms, a.store_ms);
	kit_close(s);
	s = kit_open(&opts, NULL);
	b = kit_send(s, "t", 0, "x", "");
	cr_expect_geq(b.store_ms, a.store_ms);
	kit_close(s);
}

Test(store, finds_keys_over_many_index_files)
{
	struct store *s = kit_open(&opts, NULL);
	int64_t phys[64], ms, last, first = -1;
	struct store_slice sl;
	struct err e = ERR_INIT;
	char props[64];
	int i;

	for (i = 0; i < 50; i++) {
		struct store_at at;

		clock_test_set(1700000001000 + (int64_t)i * 1000);
		snprintf(props, sizeof(props), "UNIQ_KEY\001u%d\002KEYS\001even  odd%d", i,
			i % 2);
		at = kit_send(s, "t", 0, "x", props);
		if (i == 7)
			first = at.phys_off;
	}
	cr_expect_eq(
		store_query_key(s, STR("t"), STR("u7"), 32, 0, INT64_MAX, phys, &ms, &last), 1);
	cr_expect_eq(phys[0], first);
	cr_assert_eq(store_get(s, phys[0], &sl, &e), 0);
	cr_expect_eq(kit_decode(sl.bytes).queue_off, 7);
	store_slice_unref(sl.segment);
	cr_expect_eq(
		store_query_key(s, STR("t"), STR("odd1"), 64, 0, INT64_MAX, phys, &ms, &last),
		25);
	for (i = 1; i < 25; i++)
		cr_expect_lt(phys[i - 1], phys[i]);
	cr_expect_eq(ms, 1700000050000);
	cr_expect_eq(
		store_query_key(s, STR("t"), STR("even"), 10, 0, INT64_MAX, phys, &ms, &last),
		10);
	cr_expect_eq(store_query_key(s, STR("t"), STR("even"), 64, 1700000011000, 1700000020000,
			     phys, &ms, &last),
		10, "between two times");
	cr_expect_eq(
		store_query_key(s, STR("t2"), STR("even"), 64, 0, INT64_MAX, phys, &ms, &last),
		0);
	kit_close(s);
	s = kit_open(&opts, NULL);
	cr_expect_eq(
		store_query_key(s, STR("t"), STR("even"), 64, 0, INT64_MAX, phys, &ms, &last),
		50);
	crash(s);
	s = kit_open(&opts, NULL);
	cr_expect_eq(
		store_query_key(s, STR("t"), STR("even"), 64, 0, INT64_MAX, phys, &ms, &last),
		50);
	kit_close(s);
}

Test(store, gets_by_offset_only_where_a_record_begins)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_slice sl;
	struct err e = ERR_INIT;
	struct store_at at;
	int64_t off;

	kit_send(s, "t", 0, "one", "");
	at = kit_send(s, "t", 0, "two", "");
	for (off = -5; off < 300; off++) {
		int rc = store_get(s, off, &sl, &e);

		cr_expect_eq(rc, off == 0 || off == at.phys_off ? 0 : TQ_ENOTFOUND);
		if (!rc)
			store_slice_unref(sl.segment);
	}
	kit_close(s);
}

Test(store, forgets_a_deleted_topic_for_good)
{
	struct store *s = kit_open(&opts, NULL);
	struct err e = ERR_INIT;
	int64_t min, max;
	int round;

	kit_send(s, "keep", 0, "k", "");
	for (round = 0; round < 3; round++) {
		kit_send(s, "t", 0, "old", "");
		kit_send(s, "t", 3, "old", "");
		cr_assert_eq(store_delete_topic(s, STR("t"), &e), 0, "%s", e.msg);
		store_queue_bounds(s, STR("t"), 0, &min, &max);
		cr_expect_eq(max, 0);
		cr_expect_not(kit_exists(dir, "consumequeue/t"));
		if (round == 1)
			crash(s);
		else
			kit_close(s);
		if (round == 2)
			kit_remove(dir, "consumequeue");
		s = kit_open(&opts, NULL);
		store_queue_bounds(s, STR("t"), 0, &min, &max);
		cr_expect_eq(max, 0, "round %d", round);
	}
	cr_expect_eq(kit_send(s, "t", 0, "new", "").queue_off, 0);
	crash(s);
	kit_remove(dir, "consumequeue");
	s = kit_open(&opts, NULL);
	kit_expect(s, "t", 0, "new ");
	kit_expect(s, "keep", 0, "k ");
	cr_expect_eq(store_delete_topic(s, STR("../x"), &e), TQ_EINVAL);
	kit_close(s);
}

Test(store, gives_half_and_rollback_records_no_unit)
{
	struct message m = kit_message("t", 0, STR("x"), "");
	struct store_put p = { .m = &m };
	struct store *s = kit_open(&opts, NULL);
	struct store_at at;
	struct err e = ERR_INIT;
	int64_t min, max;

	m.sysflag = SYSFLAG_TX_PREPARED;
	cr_assert_eq(store_append(s, &p, &at, &e), 0);
	m.sysflag = SYSFLAG_TX_ROLLBACK;
	cr_assert_eq(store_append(s, &p, &at, &e), 0);
	m.sysflag = SYSFLAG_TX_COMMIT;
	cr_assert_eq(store_append(s, &p, &at, &e), 0);
	cr_expect_eq(at.queue_off, 0);
	cr_assert_eq(store_commit(s, &e), 0);
	store_queue_bounds(s, STR("t"), 0, &min, &max);
	cr_expect_eq(max, 1);
	crash(s);
	kit_remove(dir, "consumequeue");
	s = kit_open(&opts, NULL);
	store_queue_bounds(s, STR("t"), 0, &min, &max);
	cr_expect_eq(max, 1);
	kit_close(s);
}

Test(store, keeps_a_batch_together_and_shows_a_turn_at_once)
{
	struct message m = kit_message("t", 0, STR("x"), "");
	struct store_put p[3] = { { .m = &m }, { .m = &m }, { .m = &m } };
	struct store *s = kit_open(&opts, NULL);
	struct store_at at[3];
	struct err e = ERR_INIT;
	int64_t min, max;
	char body[1000];

	memset(body, 'b', sizeof(body));
	m.body = (struct str){ body, sizeof(body) };
	kit_send(s, "t", 0, "first", "");
	kit_append(s, "t", 0, m.body, "", &at[0], &e);
	cr_assert_eq(store_append_batch(s, p, 3, at, &e), 0, "%s", e.msg);
	cr_expect_eq(at[0].phys_off, 4096, "all of it moves to the next file");
	cr_expect_eq(at[1].queue_off, at[0].queue_off + 1);
	cr_expect_eq(at[2].phys_off, at[1].end_off);
	store_queue_bounds(s, STR("t"), 0, &min, &max);
	cr_expect_eq(max, 1, "not before the commit");
	cr_assert_eq(store_commit(s, &e), 0);
	store_queue_bounds(s, STR("t"), 0, &min, &max);
	cr_expect_eq(max, 5);
	m.body.n = 900;
	p[0].m = &(struct message){ .topic = STR("a/b") };
	cr_expect_eq(store_append(s, p, at, &e), TQ_EMSGILLEGAL);
	kit_close(s);
}

Test(store, excludes_a_second_process)
{
	struct store *s = kit_open(&opts, NULL), *other;
	struct store_recovery found;
	struct err e = ERR_INIT;
	pid_t pid;
	int st;

	kit_send(s, "t", 0, "x", "");
	pid = fork();
	if (!pid) {
		int rc = store_open(&opts, &other, &found, &e);

		_exit(rc == TQ_EPRECOND ? 0 : 1);
	}
	cr_assert_eq(waitpid(pid, &st, 0), pid);
	cr_expect_eq(st, 0);
	kit_close(s);
}

Test(store, tolerates_strangers_and_refuses_nonsense_clearly)
{
	struct store_recovery found;
	struct store *s = kit_open(&opts, NULL);
	struct err e = ERR_INIT;
	char *path;

	send_big(s, "t", 0, 10);
	kit_close(s);
	kit_touch(dir, "commitlog/.hidden");
	kit_touch(dir, "commitlog/notes.txt");
	kit_touch(dir, "consumequeue/t/0/notes.txt");
	path = kit_path(dir, "consumequeue/t/x");
	mkdir(path, 0700);
	mem_free(path);
	kit_touch(dir, "index/junk");
	s = kit_open(&opts, &found);
	expect_big(s, "t", 0, 0, 10);
	kit_close(s);
	kit_touch(dir, "commitlog/00000000000000000001");
	path = kit_path(dir, "commitlog/00000000000000000001");
	cr_assert_eq(truncate(path, 4096), 0);
	mem_free(path);
	cr_expect_eq(store_open(&opts, &s, &found, &e), TQ_EFORMAT);
	cr_expect(strstr(e.msg, "00000000000000000001"), "%s", e.msg);
}

Test(store, lets_go_of_old_files_but_not_of_numbering)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_batch held, b;
	int64_t min, max;
	struct store_stats st;

	send_big(s, "t", 0, 40);
	cr_assert_eq(kit_read(s, "t", 0, 0, &held), STORE_FOUND);
	clock_test_off();
	clock_test_set(clock_wall_ms());
	clock_test_advance(3600 * 1000);
	store_tick(s, 7200 * 1000);
	cr_expect_eq(store_min_phys(s), 0);
	clock_test_advance(11000);
	store_tick(s, 1800 * 1000);
	cr_expect_gt(store_min_phys(s), 0);
	cr_expect_not(kit_exists(dir, LOG0));
	cr_expect_eq(kit_decode(held.slices[0].bytes).queue_off, 0, "a reader keeps its file");
	store_batch_release(&held);
	store_stats(s, &st);
	cr_expect_eq(st.earliest_ms, 1700000001000);
	store_queue_bounds(s, STR("t"), 0, &min, &max);
	cr_expect_eq(max, 20);
	cr_expect_gt(min, 0);
	cr_expect_eq(kit_read(s, "t", 0, 0, &b), STORE_TOO_SMALL);
	cr_expect_eq(b.next_off, min);
	cr_expect_eq(kit_read(s, "t", 0, min, &b), STORE_FOUND);
	store_batch_release(&b);
	cr_expect_not(kit_exists(dir, "consumequeue/t/0/00000000000000000000"));
	kit_close(s);
	s = kit_open(&opts, NULL);
	cr_expect_eq(kit_send(s, "t", 0, "x", "").queue_off, 20);
	kit_close(s);
}

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

Test(store, refuses_on_a_full_disk_and_resumes)
{
	struct store_stats st;
	struct store_at at;
	struct err e = ERR_INIT;
	struct store *s;
	int i, sent = 0, rc = 0;

	use_odd_disk();
	s = kit_open(&opts, NULL);
	send_big(s, "t", 0, 2);
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
	expect_big(s, "t", 0, 0, sent * 2 + 2);
	store_tick(s, -1);
	cr_expect_eq(kit_append(s, "t", 0, STR("x"), "", &at, &e), TQ_ENOSPACE);
	no_room = false;
	clock_test_advance(1000);
	store_tick(s, -1);
	store_stats(s, &st);
	cr_expect_not(st.disk_full);
	send_big(s, "t", sent * 2 + 2, 1);
	expect_big(s, "t", 0, 0, sent * 2 + 4);
	kit_close(s);
	s = kit_open(&opts, NULL);
	expect_big(s, "t", 0, 0, sent * 2 + 4);
	kit_close(s);
	vfs_set(NULL);
}

Test(store, works_where_blocks_cannot_be_reserved)
{
	struct store *s;

	no_fallocate = true;
	use_odd_disk();
	s = kit_open(&opts, NULL);
	send_big(s, "t", 0, 20);
	crash(s);
	s = kit_open(&opts, NULL);
	expect_big(s, "t", 0, 0, 20);
	send_big(s, "t", 20, 20);
	kit_close(s);
	s = kit_open(&opts, NULL);
	expect_big(s, "t", 1, 1, 41);
	kit_close(s);
	vfs_set(NULL);
}

Test(store, is_read_only_for_good_after_a_failed_sync)
{
	struct store_stats st;
	struct store_at at;
	struct err e = ERR_INIT;
	struct store *s;
	int64_t durable;

	use_odd_disk();
	s = kit_open(&opts, NULL);
	send_big(s, "t", 0, 2);
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
	expect_big(s, "t", 0, 0, 4);
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
		(void)store_offset_by_time(s, STR("t"), q, 1700000001500);
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

Test(store, opens_or_refuses_whatever_is_in_its_files)
{
	static const char *const files[] = { LOG0, "commitlog/00000000000000004096", "synced",
		"checkpoint", "deleted", "consumequeue/t/0/00000000000000000000", "index/0" };
	char *good = mem_fmt("%s.good", dir);
	struct store *s = kit_open(&opts, NULL);
	struct err e = ERR_INIT;
	size_t i, at;
	int crashed;

	log_set_level(LOG_ERROR_ - 1);
	send_big(s, "t", 0, 6);
	cr_assert_eq(store_delete_topic(s, STR("other"), &e), 0);
	send_big(s, "t", 6, 4);
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

Test(store, syncs_and_indexes_on_its_threads)
{
	run_threaded(STORE_FLUSH_SYNC);
}

Test(store, syncs_now_and_then_when_asked_to)
{
	run_threaded(STORE_FLUSH_ASYNC);
}
