/* SPDX-License-Identifier: Apache-2.0 */
/* store: what goes in comes out, in Apache's formats, from whatever state the directory is in. */
#include "store_kit.h"

#include <sys/wait.h>

#include "hex.h"

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

Test(store, rolls_to_new_files_that_end_in_a_blank)
{
	struct store *s = kit_open(&opts, NULL);
	struct buf got;
	int i;

	kit_send_big(s, "t", 0, 40);
	kit_expect_big(s, "t", 0, 0, 40);
	kit_expect_big(s, "t", 1, 1, 41);
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
	kit_expect_big(s, "t", 0, 0, 40);
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

	kit_send_big(s, "t", 0, 10);
	kit_close(s);
	opts.commitlog_file_bytes = 1 << 20;
	opts.queue_file_units = 1000;
	s = kit_open(&opts, NULL);
	kit_send_big(s, "t", 10, 30);
	kit_expect_big(s, "t", 0, 0, 40);
	kit_close(s);
	s = kit_open(&opts, NULL);
	kit_expect_big(s, "t", 1, 1, 41);
	kit_close(s);
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

			kit_send_big(s, "t", 0, 40);
			if (crashed)
				kit_crash(dir, s);
			else
				cr_assert_eq(store_close(s, &e), 0, "%s", e.msg);
			kit_remove(dir, what[i]);
			s = kit_open(&opts, NULL);
			kit_expect_big(s, "t", 0, 0, 40);
			kit_expect_big(s, "t", 1, 1, 41);
			cr_expect_eq(store_query_key(s, STR("t"), STR("k"), 64, 0, INT64_MAX,
					     phys, &ms, &last),
				40, "%s, crashed %d", what[i], crashed);
			kit_close(s);
			tear_down();
			set_up();
		}
	}
}

/* What Apache's broker needs to read on: record after record with good CRCs, then a blank. */
static void expect_sound_log(int flipped)
{
	struct buf log;
	struct rd r;

	kit_read_file(dir, LOG0, &log);
	r = rd_init(buf_str(&log));
	while (r.off < log.n && get_be32(log.p + r.off + 4) != MESSAGE_BLANK) {
		struct err e = ERR_INIT;
		struct message m;
		int64_t at = (int64_t)r.off;

		cr_assert_eq(message_decode(&r, &m, &e), 0, "byte %d: %s", flipped, e.msg);
		cr_assert(message_crc_ok(&m));
		cr_assert_eq(m.phys_off, at);
	}
	cr_assert_lt(r.off, log.n);
	buf_release(&log);
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
			char c, aside[40];

			s = kit_open(&opts, NULL);
			kit_send_big(s, "t", 0, 8);
			store_tick(s, -1);
			if (crashed)
				kit_crash(dir, s);
			else
				kit_close(s);
			kit_read_file(dir, LOG0, &log);
			n = (int)get_be32(log.p) * 2;
			c = (char)(log.p[n + at] ^ 0x10);
			kit_poke(dir, LOG0, n + at, &c, 1);
			snprintf(aside, sizeof(aside), "quarantine/%020d", n);
			s = kit_open(&opts, &found);
			cr_expect_eq(kit_exists(dir, aside), found.quarantined > 0);
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
			kit_expect_big(s, "t", 1, 1, 9);
			cr_expect_eq(kit_send(s, "t", 0, "next", "").queue_off, 4);
			kit_close(s);
			if (crashed)
				expect_sound_log(at);
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
		kit_crash(dir, s);
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

	cr_expect_eq(store_offset_by_time(s, STR("t"), 0, 5, NULL), 0);
	for (i = 0; i < 40; i++) {
		clock_test_set(1700000001000 + (int64_t)i * 100);
		kit_send(s, "t", 0, "x", "");
	}
	for (i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(store_offset_by_time(s, STR("t"), 0, cases[i].ms, NULL),
			cases[i].off, "%s", cases[i].why);
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
	kit_crash(dir, s);
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
			kit_crash(dir, s);
		else
			kit_close(s);
		if (round == 2)
			kit_remove(dir, "consumequeue");
		s = kit_open(&opts, NULL);
		store_queue_bounds(s, STR("t"), 0, &min, &max);
		cr_expect_eq(max, 0, "round %d", round);
	}
	cr_expect_eq(kit_send(s, "t", 0, "new", "").queue_off, 0);
	kit_crash(dir, s);
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
	kit_crash(dir, s);
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

	kit_send_big(s, "t", 0, 10);
	kit_close(s);
	kit_touch(dir, "commitlog/.hidden");
	kit_touch(dir, "commitlog/notes.txt");
	kit_touch(dir, "consumequeue/t/0/notes.txt");
	path = kit_path(dir, "consumequeue/t/x");
	mkdir(path, 0700);
	mem_free(path);
	kit_touch(dir, "index/junk");
	s = kit_open(&opts, &found);
	kit_expect_big(s, "t", 0, 0, 10);
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

	kit_send_big(s, "t", 0, 40);
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

/* One more message in every `step`th of 1,200 queues; its offset there is `off`. */
static void send_to_many(struct store *s, int step, int64_t off)
{
	struct err e = ERR_INIT;
	struct store_at at;
	char topic[16];
	int i;

	for (i = 0; i < 1200; i += step) {
		snprintf(topic, sizeof(topic), "t%d", i / 2);
		cr_assert_eq(kit_append(s, topic, i % 2, STR("x"), "", &at, &e), 0);
		cr_assert_eq(at.queue_off, off, "%s %d", topic, i % 2);
	}
	cr_assert_eq(store_commit(s, &e), 0);
}

/* Each of 1,200 queues has n messages, every `step`th one more, and all can be read. */
static void check_many(struct store *s, int step, int64_t n)
{
	struct store_batch b;
	char topic[16];
	int i;

	for (i = 0; i < 1200; i++) {
		int64_t want = n + (step && i % step == 0);

		snprintf(topic, sizeof(topic), "t%d", i / 2);
		cr_assert_eq(
			kit_read(s, topic, i % 2, 0, &b), STORE_FOUND, "%s %d", topic, i % 2);
		cr_expect_eq(
			b.n, want, "%s %d: %d, not %lld", topic, i % 2, b.n, (long long)want);
		store_batch_release(&b);
	}
}

static void write_queues(struct store *s)
{
	while (store_write_queues(s))
		;
}

Test(store, starts_many_queues_from_their_roster)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_recovery found;
	char byte = 'x';
	int round;

	send_to_many(s, 1, 0);
	write_queues(s);
	kit_close(s);
	cr_expect(kit_exists(dir, "queues"));
	cr_expect_not(kit_exists(dir, "abort"));
	for (round = 0; round < 3; round++) {
		s = kit_open(&opts, &found);
		cr_expect_eq(found.clean, round != 1, "round %d", round);
		send_to_many(s, 100, round + 1);
		write_queues(s);
		kit_close(s);
		if (round == 0)
			kit_remove(dir, "consumequeue/t50"); /* noticed: made again */
		else
			kit_poke(dir, "queues", 500, &byte, 1); /* not believed */
	}
}

Test(store, carries_what_thousands_of_queues_have_not_written)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_recovery found;
	char byte = 'x';

	send_to_many(s, 1, 0);
	kit_close(s);
	cr_expect_not(kit_exists(dir, "consumequeue/t50"), "a stop does not make files");
	cr_expect(kit_exists(dir, "abort"), "Apache must look at the log");
	s = kit_open(&opts, &found);
	cr_expect(found.clean);
	check_many(s, 0, 1);
	write_queues(s); /* and once more, half of it written but not synced */
	send_to_many(s, 2, 1);
	kit_close(s);
	s = kit_open(&opts, &found);
	cr_expect(found.clean);
	check_many(s, 2, 1);
	send_to_many(s, 100, 2);
	kit_crash(dir, s);
	s = kit_open(&opts, &found);
	cr_expect_not(found.clean);
	cr_expect_eq(found.records, 12, "what came after the stop, not %lld",
		(long long)found.records);
	kit_close(s);
	kit_poke(dir, "queues", 500, &byte, 1);
	s = kit_open(&opts, &found);
	cr_expect_not(found.clean);
	cr_expect_eq(found.records, 1812, "from the last checkpoint on, not %lld",
		(long long)found.records);
	send_to_many(s, 100, 3);
	kit_close(s);
}

Test(store, resumes_many_queues_after_a_kill)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_recovery found;
	int round;

	send_to_many(s, 1, 0);
	write_queues(s);
	clock_test_set(clock_wall_ms());
	for (round = 0; round < 3; round++) {
		clock_test_advance(11000);
		store_tick(s, -1); /* a checkpoint, and the roster of the moment */
		send_to_many(s, 100, round + 1);
		if (round == 1)
			write_queues(s);
		kit_crash(dir, s);
		if (round == 2)
			kit_remove(dir, "consumequeue/t50"); /* noticed */
		s = kit_open(&opts, &found);
		cr_expect_not(found.clean);
		cr_expect_eq(found.records == 12, round < 2, "round %d: %lld", round,
			(long long)found.records);
		write_queues(s);
	}
	send_to_many(s, 100, 4);
	kit_close(s);
}

/* A topic that went and came again is not what the roster knows. */
Test(store, forgets_the_roster_when_a_topic_goes)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_recovery found;
	struct err e = ERR_INIT;

	send_to_many(s, 1, 0);
	write_queues(s);
	clock_test_set(clock_wall_ms());
	clock_test_advance(11000);
	store_tick(s, -1);
	cr_expect(kit_exists(dir, "queues"));
	cr_assert_eq(store_delete_topic(s, STR("t0"), &e), 0);
	cr_expect_not(kit_exists(dir, "queues"));
	kit_send(s, "t0", 0, "again", "");
	kit_crash(dir, s);
	s = kit_open(&opts, &found);
	kit_expect(s, "t0", 0, "again ");
	kit_expect(s, "t0", 1, "");
	kit_expect(s, "t1", 1, "x ");
	kit_close(s);
}

/* Whoever cannot read the roster gets all entries in files. */
Test(store, writes_all_queues_for_others)
{
	struct store *s = kit_open(&opts, NULL);
	struct store_recovery found;

	send_to_many(s, 1, 0);
	kit_close(s);
	opts.scan_all = true;
	s = kit_open(&opts, &found);
	kit_close(s);
	cr_expect_not(kit_exists(dir, "abort"));
	cr_expect(kit_exists(dir, "consumequeue/t599/1/00000000000000000000"));
	opts.scan_all = false;
	kit_remove(dir, "queues");
	s = kit_open(&opts, &found);
	cr_expect(found.clean);
	check_many(s, 0, 1);
	kit_close(s);
}
