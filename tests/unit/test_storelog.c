/* SPDX-License-Identifier: Apache-2.0 */
/* Stores of the broker's own store module, read by the offline tools of tdmqctl. */
#include "store_kit.h"

#include "cli/storeindex.h"
#include "cli/storelog.h"
#include "cli/storequeue.h"

#define N 40

static int64_t made_end;

/* Files of 4 KiB, four records each, two queues, one key and an index of Apache's proportion. */
static char *make_store(void)
{
	char *dir = kit_dir();
	struct store_opts o = kit_opts(dir);
	struct store *s;

	o.index_slots = 8;
	o.index_entries = 32;
	s = kit_open(&o, NULL);
	kit_send_big(s, "orders", 0, N);
	made_end = store_appended(s);
	kit_close(s);
	return dir;
}

static void drop_store(char *dir)
{
	kit_remove_tree(dir);
	mem_free(dir);
}

struct count {
	int records, damage, torn, holes, unmarked;
	int64_t end, first_off, first_bytes; /* of what is no record */
};

static struct count walk(const char *dir)
{
	struct count c = { .first_off = -1 };
	struct storelog_item it;
	struct storelog l;
	struct err e = ERR_INIT;

	cr_assert_eq(storelog_open(&l, dir, &e), 0, "%s", e.msg);
	while (storelog_next(&l, &it, &e)) {
		c.records += it.kind == STORELOG_RECORD;
		c.damage += it.kind == STORELOG_DAMAGE;
		c.torn += it.kind == STORELOG_TORN;
		c.holes += it.kind == STORELOG_HOLE;
		c.unmarked += it.kind == STORELOG_UNMARKED;
		if (it.kind != STORELOG_RECORD && c.first_off < 0) {
			c.first_off = it.off;
			c.first_bytes = it.bytes;
		}
	}
	cr_assert_eq(e.code, 0, "%s", e.msg);
	c.end = l.at;
	storelog_close(&l);
	return c;
}

Test(storelog, finds_every_record_and_the_end)
{
	char *dir = make_store();
	struct count c = walk(dir);
	struct storelog l;
	struct err e = ERR_INIT;

	cr_expect_eq(c.records, N);
	cr_expect_eq(c.damage + c.torn + c.holes + c.unmarked, 0);
	cr_expect_eq(c.end, made_end);
	cr_assert_eq(storelog_open(&l, dir, &e), 0);
	cr_expect_eq(storelog_end(&l), made_end);
	cr_expect_eq(l.n, 10);
	cr_expect_eq(l.n_strangers, 0);
	storelog_close(&l);
	drop_store(dir);
}

/* Whatever byte is changed, one record at most is lost, and the rest is found. */
Test(storelog, a_changed_byte_costs_one_record)
{
	char *dir = make_store();

	for (int off = 0; off < 4096; off += 13) {
		struct buf was;
		char c;

		kit_read_file(dir, "commitlog/00000000000000004096", &was);
		c = (char)(was.p[off] ^ 0x10);
		kit_poke(dir, "commitlog/00000000000000004096", off, &c, 1);
		{
			struct count n = walk(dir);

			cr_expect_geq(n.records, N - 1, "at %d", off);
			cr_expect_eq(n.damage + n.unmarked, n.first_off >= 0, "at %d", off);
			cr_expect_eq(n.torn, 0);
			cr_expect_eq(n.end, made_end);
		}
		kit_poke(dir, "commitlog/00000000000000004096", off, was.p + off, 1);
		buf_release(&was);
	}
	drop_store(dir);
}

Test(storelog, tells_a_torn_tail_from_damage)
{
	char *dir = make_store(), name[64];
	int64_t base = made_end / 4096 * 4096;
	struct count c;

	if (made_end == base)
		base -= 4096;
	snprintf(name, sizeof(name), "commitlog/%020lld", (long long)base);
	kit_poke(dir, name, made_end - base, "garbage", 7);
	c = walk(dir);
	cr_expect_eq(c.records, N);
	cr_expect_eq(c.torn, 1);
	cr_expect_eq(c.first_off, made_end);
	cr_expect_eq(c.first_bytes, 7);
	cr_expect_eq(c.end, made_end);
	drop_store(dir);
}

Test(storelog, sees_files_that_are_missing_emptied_or_strange)
{
	char *dir = make_store();
	struct storelog l;
	struct err e = ERR_INIT;
	struct count c;

	kit_remove(dir, "commitlog/00000000000000008192");
	c = walk(dir);
	cr_expect_eq(c.holes, 1);
	cr_expect_eq(c.first_off, 8192);
	cr_expect_eq(c.first_bytes, 4096);
	cr_expect_eq(c.records, N - 4);
	kit_touch(dir, "commitlog/.swp");
	kit_touch(dir, "commitlog/00000000000000008192"); /* of no length */
	cr_assert_eq(storelog_open(&l, dir, &e), 0);
	cr_expect_eq(l.n_strangers, 2);
	storelog_close(&l);
	cr_expect_eq(storelog_open(&l, "/nonexistent", &e), TQ_ENOTFOUND);
	storelog_close(&l);
	drop_store(dir);
}

Test(storelog, a_file_of_zeros_between_others_is_damage)
{
	static const char zeros[4096];
	char *dir = make_store();
	struct count c;

	kit_poke(dir, "commitlog/00000000000000012288", 0, zeros, sizeof(zeros));
	c = walk(dir);
	cr_expect_eq(c.unmarked, 1);
	cr_expect_eq(c.first_off, 12288);
	cr_expect_eq(c.first_bytes, 4096);
	cr_expect_eq(c.records, N - 4);
	drop_store(dir);
}

Test(storelog, cut_at_any_place_it_ends)
{
	char *dir = make_store(), *path = kit_path(dir, "commitlog/00000000000000036864");

	for (int n = 4095; n > 0; n -= 101) {
		cr_assert_eq(truncate(path, n), 0);
		cr_expect_geq(walk(dir).records, N - 4);
	}
	mem_free(path);
	drop_store(dir);
}

Test(storequeue, units_are_those_of_the_records)
{
	struct storequeue_unit u = { 0 };
	char *dir = make_store();
	struct storequeues qs;
	struct storequeue *q, **all;
	struct err e = ERR_INIT;

	cr_assert_eq(storequeues_open(&qs, dir, &e), 0, "%s", e.msg);
	cr_assert_eq(qs.n, 2);
	all = storequeues_sorted(&qs);
	cr_expect_str_eq(all[0]->id, "orders/0");
	cr_expect_str_eq(all[1]->id, "orders/1");
	mem_free(all);
	q = storequeues_find(&qs, STR("orders"), 1);
	cr_assert_not_null(q);
	cr_expect_eq(q->first, 0);
	cr_expect_eq(q->max, N / 2);
	cr_expect(!q->odd);
	cr_expect(storequeue_unit(&qs, q, 0, &u));
	cr_expect_eq(storequeue_from(&qs, q, u.phys + 1), 1);
	cr_expect(!storequeue_unit(&qs, q, N / 2, &u));
	cr_expect(!storequeue_unit(&qs, q, -1, &u));
	cr_expect_null(storequeues_find(&qs, STR("orders"), 2));
	cr_expect_eq(storequeues_get(&qs, STR("orders"), 2)->max, 0);
	storequeues_close(&qs);
	drop_store(dir);
}

static void compare(const char *dir, struct storeindex *ix)
{
	struct storelog_item it;
	struct storelog l;
	struct err e = ERR_INIT;

	cr_assert_eq(storelog_open(&l, dir, &e), 0, "%s", e.msg);
	cr_assert_eq(storeindex_open(ix, dir, &e), 0, "%s", e.msg);
	while (storelog_next(&l, &it, &e))
		if (it.kind == STORELOG_RECORD)
			storeindex_record(ix, &it.m);
	storeindex_finish(ix, storelog_min(&l));
	storelog_close(&l);
}

static char *index_name(const char *dir)
{
	char *path = kit_path(dir, "index"), *name = NULL;
	DIR *h = opendir(path);
	struct dirent *d;

	while ((d = readdir(h)))
		if (d->d_name[0] != '.' && (!name || strcmp(d->d_name, name + 6) < 0)) {
			mem_free(name);
			name = mem_fmt("index/%s", d->d_name);
		}
	closedir(h);
	mem_free(path);
	return name;
}

Test(storeindex, each_key_has_its_entry_and_the_chains_hold)
{
	char *dir = make_store(), *name = index_name(dir);
	struct storeindex ix;
	static const int places[] = { 40 + 32 + 20, 40 + 32 + 24, 40 + 32 + 36 };

	compare(dir, &ix);
	cr_expect_eq(ix.n, 2);
	cr_expect_eq(ix.matched, N);
	cr_expect_eq(ix.missing + ix.extra + ix.chains, 0);
	storeindex_close(&ix);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct buf was;
		char c;

		kit_read_file(dir, name, &was);
		for (int b = 0; b < 4; b++) {
			c = (char)(was.p[places[i] + b] ^ 1);
			kit_poke(dir, name, places[i] + b, &c, 1);
		}
		compare(dir, &ix);
		cr_expect_gt(ix.missing + ix.extra + ix.chains, 0, "at %d", places[i]);
		storeindex_close(&ix);
		kit_poke(dir, name, 0, was.p, was.n);
		buf_release(&was);
	}
	mem_free(name);
	drop_store(dir);
}

Test(storeindex, a_header_that_lies_is_told)
{
	char *dir = make_store(), *name = index_name(dir);
	struct storeindex ix;

	kit_poke(dir, name, 36, "\x7f\xff\xff\xff", 4);
	compare(dir, &ix);
	cr_expect_not_null(ix.files[0].bad);
	storeindex_close(&ix);
	kit_poke(dir, name, 36, "\xff\xff\xff\xff", 4);
	compare(dir, &ix);
	storeindex_close(&ix);
	mem_free(name);
	drop_store(dir);
}
