/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: files that are not what they were. Bits flip, tails are torn, files go; a start makes the
 * best of it and says so. TDMQ_LONG=1 tries every place instead of some.
 */
#include <stdlib.h>

#include "log.h"
#include "store_kit.h"

#define LOG0 "commitlog/00000000000000000000"
#define SENT 60

static char *dir, *image;
static struct store_opts opts;
static struct store_at sent[SENT];

static void set_up(void)
{
	dir = kit_dir();
	image = mem_fmt("%s.image", dir);
	opts = kit_opts(dir);
	opts.commitlog_file_bytes = 64 << 10;
	opts.queue_file_units = 100;
	clock_test_set(1700000001000);
	log_set_level(LOG_ERROR_ - 1);
}

static void tear_down(void)
{
	clock_test_off();
	kit_remove_tree(dir);
	kit_remove_tree(image);
	mem_free(dir);
	mem_free(image);
}

TestSuite(store_damage, .init = set_up, .fini = tear_down, .timeout = 600);

static bool is_long(void)
{
	return getenv("TDMQ_LONG") != NULL;
}

static void copy_tree(const char *from, const char *to)
{
	DIR *h = opendir(from);
	struct dirent *d;
	struct err e = ERR_INIT;

	mkdir(to, 0700);
	while ((d = readdir(h))) {
		char *a = kit_path(from, d->d_name), *b = kit_path(to, d->d_name);
		struct stat st;
		struct buf x;

		if (d->d_name[0] != '.' && !stat(a, &st) && S_ISDIR(st.st_mode)) {
			copy_tree(a, b);
		} else if (d->d_name[0] != '.') {
			buf_init(&x, 64 << 20);
			cr_assert_eq(fsio_read_file(a, 64 << 20, &x, &e), 0, "%s", e.msg);
			cr_assert_eq(fsio_replace(b, buf_str(&x), 0600, &e), 0, "%s", e.msg);
			buf_release(&x);
		}
		mem_free(a);
		mem_free(b);
	}
	closedir(h);
}

static void restore(void)
{
	kit_remove_tree(dir);
	copy_tree(image, dir);
}

static void send_from(struct store *s, int from, int to)
{
	char body[700];

	for (int i = from; i < to; i++) {
		memset(body, 'a' + i % 26, sizeof(body));
		body[sizeof(body) - 1 - i * 7] = '\0';
		snprintf(body, 8, "%d", i);
		body[strlen(body)] = ':';
		sent[i] = kit_send(s, "t", i % 2, body, "KEYS\001k");
	}
}

/* Reads both queues from their minimum; every message is one that was sent, whole, at its place. */
static int count_whole(struct store *s, bool *seen)
{
	struct store_batch b;
	int64_t min, max;
	int n = 0;

	memset(seen, 0, SENT * sizeof(*seen));
	for (int q = 0; q < 2; q++) {
		store_queue_bounds(s, STR("t"), q, &min, &max);
		for (int64_t off = min; off < max; off = b.next_off) {
			enum store_read_status st = kit_read(s, "t", q, off, &b);

			cr_assert(st == STORE_FOUND || st == STORE_REMOVED, "%s",
				store_read_status_name(st));
			cr_assert_gt(b.next_off, off);
			for (int i = 0; i < b.n; i++) {
				struct message m = kit_decode(b.slices[i].bytes);
				long seq = strtol(m.body.p, NULL, 10);

				cr_assert(seq >= 0 && seq < SENT && seq % 2 == q);
				cr_assert_not(seen[seq], "%ld twice", seq);
				cr_assert_eq(m.phys_off, sent[seq].phys_off);
				seen[seq] = true;
				n++;
			}
			store_batch_release(&b);
		}
	}
	return n;
}

/* ---- C5: the part that was not synced ---- */

enum tail_damage { ZEROS, GARBAGE, NO_PAGE, PAGES_SWAPPED, TAIL_DAMAGES };

static void damage_tail(enum tail_damage what, char *log, int64_t at, int64_t end)
{
	char page[4096];
	int64_t n = MIN(end - at, 4096);

	switch (what) {
	case ZEROS:
		memset(log + at, 0, (size_t)(end - at));
		break;
	case GARBAGE:
		for (int64_t i = at; i < end; i++)
			log[i] = (char)(log[i] ^ (i * 31 + 7));
		break;
	case NO_PAGE:
		memset(log + at, 0, (size_t)n);
		break;
	default:
		n = MIN(n, (end - at) / 2);
		memcpy(page, log + at, (size_t)n);
		memmove(log + at, log + at + n, (size_t)n);
		memcpy(log + at + n, page, (size_t)n);
	}
}

static void check_tail(int safe, enum tail_damage what, int64_t at)
{
	struct store_recovery found;
	struct store *s = kit_open(&opts, &found);
	bool seen[SENT];
	int64_t min, max;
	int i;

	count_whole(s, seen);
	for (i = 0; i < SENT; i++)
		if (i < safe || sent[i].end_off <= at)
			cr_assert(
				seen[i], "%d at %lld: message %d", (int)what, (long long)at, i);
	cr_assert_eq(found.quarantined, 0);
	cr_assert_eq(found.lost_bytes, 0);
	store_queue_bounds(s, STR("t"), 1, &min, &max);
	cr_assert_eq(kit_send(s, "t", 1, "0:next", "").queue_off, max);
	kit_close(s);
}

Test(store_damage, a_torn_tail_takes_only_itself)
{
	int64_t at, end, step = is_long() ? 64 : 448;
	int what, safe = 15;
	struct store *s;
	struct buf log;

	opts.flush = STORE_FLUSH_ASYNC;
	s = kit_open(&opts, NULL);
	send_from(s, 0, safe);
	clock_test_advance(1000);
	store_tick(s, -1); /* synced up to here */
	send_from(s, safe, SENT);
	copy_tree(dir, image);
	kit_close(s);
	kit_read_file(image, LOG0, &log);
	end = sent[SENT - 1].end_off;
	for (at = sent[safe].phys_off; at < end; at += step) {
		for (what = 0; what < TAIL_DAMAGES; what++) {
			struct buf bad;

			buf_init(&bad, 1 << 20);
			buf_add_str(&bad, buf_str(&log));
			damage_tail((enum tail_damage)what, bad.p, at, end);
			restore();
			kit_poke(dir, LOG0, 0, bad.p, bad.n);
			buf_release(&bad);
			check_tail(safe, (enum tail_damage)what, at);
		}
	}
	buf_release(&log);
}

/* ---- C6: a bit that flips in what was safe ---- */

static void make_image(bool crashed)
{
	struct store *s;

	kit_remove_tree(dir);
	kit_remove_tree(image);
	s = kit_open(&opts, NULL);
	send_from(s, 0, SENT);
	clock_test_advance(11000);
	store_tick(s, -1); /* what was sent is known to be safe */
	store_tick(s, -1);
	if (crashed)
		kit_crash(dir, s);
	else
		kit_close(s);
	copy_tree(dir, image);
}

Test(store_damage, a_flipped_bit_costs_one_message_at_most)
{
	int i, flips = is_long() ? 5000 : 250, lost = 0;
	unsigned seed = 11;
	bool seen[SENT];
	struct buf log;

	for (int crashed = 0; crashed < 2; crashed++) {
		make_image(crashed);
		kit_read_file(image, LOG0, &log);
		for (i = 0; i < flips; i++) {
			int64_t end = sent[SENT - 1].end_off;
			int64_t at = (int64_t)rand_r(&seed) % end;
			char c = (char)(log.p[at] ^ 1 << i % 8);
			struct store *s;
			int n;

			restore();
			kit_poke(dir, LOG0, at, &c, 1);
			s = kit_open(&opts, NULL);
			n = count_whole(s, seen);
			cr_assert_geq(n, SENT - 1, "bit %d of %lld: %d left", i % 8,
				(long long)at, n);
			lost += SENT - n;
			kit_close(s);
		}
		buf_release(&log);
	}
	cr_expect_gt(lost, flips / 4, "damage is noticed");
}

/* ---- C7: files that go ---- */

enum file_damage { GONE, EMPTY, HALF, NOISE, FILE_DAMAGES };

static void damage_file(enum file_damage what, const char *name)
{
	char *path = kit_path(dir, name), noise[512];
	struct stat st;

	cr_assert_eq(stat(path, &st), 0, "%s", path);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 97 + 13);
	if (what == GONE)
		cr_assert_eq(unlink(path), 0);
	else if (what == NOISE)
		kit_poke(dir, name, st.st_size / 3, noise, sizeof(noise));
	else
		cr_assert_eq(truncate(path, what == HALF ? st.st_size / 2 : 0), 0);
	mem_free(path);
}

static char *first_index(void)
{
	char *path = kit_path(image, "index"), *name = NULL;
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && !name && (d = readdir(h)))
		if (d->d_name[0] != '.')
			name = mem_fmt("index/%s", d->d_name);
	if (h)
		closedir(h);
	mem_free(path);
	cr_assert_not_null(name);
	return name;
}

/* Of the log: what was in the file may be lost, and nothing else. Else everything is there. */
static void check_file(enum file_damage what, const char *name, int64_t from, int64_t to)
{
	struct store_recovery found;
	struct store *s;
	bool seen[SENT];
	int i;

	restore();
	damage_file(what, name);
	s = kit_open(&opts, &found);
	count_whole(s, seen);
	for (i = 0; i < SENT; i++)
		if (sent[i].phys_off < from || sent[i].phys_off >= to)
			cr_assert(seen[i], "'%s', damage %d: message %d", name, (int)what, i);
	if (from < to && what != NOISE)
		cr_assert_gt(found.lost_bytes, 0, "'%s', damage %d: silent", name, (int)what);
	kit_send(s, "t", 0, "0:next", "");
	kit_close(s);
	s = kit_open(&opts, &found);
	cr_assert(found.clean);
	kit_close(s);
}

Test(store_damage, any_file_may_go_and_the_rest_is_served)
{
	static const char *const files[] = { "checkpoint", "synced", "lock",
		"consumequeue/t/0/00000000000000000000",
		"consumequeue/t/1/00000000000000000000" };
	int64_t bytes = opts.commitlog_file_bytes = 8 << 10, at;
	int what, crashed;
	size_t i;

	for (crashed = 0; crashed < 2; crashed++) {
		char *index, log[64];

		make_image(crashed);
		index = first_index();
		for (what = 0; what < FILE_DAMAGES; what++) {
			for (i = 0; i < ARRAY_LEN(files); i++)
				if (strcmp(files[i], "lock") || what != NOISE)
					check_file((enum file_damage)what, files[i], 0, 0);
			check_file((enum file_damage)what, index, 0, 0);
			for (at = 0; at < sent[SENT - 1].phys_off; at += bytes) {
				bool last = at + bytes > sent[SENT - 1].phys_off;

				if (!at && what <= EMPTY)
					continue; /* as retention leaves it */
				snprintf(log, sizeof(log), "commitlog/%020lld", (long long)at);
				/* Apache's blank at the end of the file before may go with it */
				check_file((enum file_damage)what, log, at,
					last ? INT64_MAX : at + bytes);
			}
		}
		if (crashed)
			check_file(GONE, "abort", 0, 0);
		mem_free(index);
	}
}

/* ---- G8, K2 ---- */

Test(store_damage, a_start_that_would_lose_much_is_refused_and_changes_nothing)
{
	struct store_recovery found;
	struct store *s = NULL;
	struct err e = ERR_INIT;
	struct buf before, after;
	int crashed;

	opts.commitlog_file_bytes = 8 << 10;
	for (crashed = 0; crashed < 2; crashed++) {
		make_image(crashed);
		kit_remove(dir, "commitlog/00000000000000008192");
		kit_poke(dir, LOG0, 2000, "rot", 3);
		kit_read_file(dir, LOG0, &before);
		opts.max_loss = 4000;
		cr_assert_eq(store_open(&opts, &s, &found, &e), TQ_EPRECOND);
		cr_expect_not_null(strstr(e.hint, "--max-loss="), "%s", e.hint);
		kit_read_file(dir, LOG0, &after);
		cr_expect(str_eq(buf_str(&before), buf_str(&after)));
		opts.max_loss = 20000;
		s = kit_open(&opts, &found);
		cr_expect_geq(found.lost_bytes, 8192);
		kit_close(s);
		buf_release(&before);
		buf_release(&after);
	}
}

Test(store_damage, a_clock_behind_the_newest_message_changes_nothing)
{
	struct store *s;
	bool seen[SENT];

	for (int crashed = 0; crashed < 2; crashed++) {
		make_image(crashed);
		clock_test_set(1000000000000);
		s = kit_open(&opts, NULL);
		cr_expect_eq(count_whole(s, seen), SENT);
		cr_expect_geq(kit_send(s, "t", 0, "0:x", "").store_ms, sent[SENT - 1].store_ms);
		kit_close(s);
		clock_test_set(1700000001000);
	}
}
