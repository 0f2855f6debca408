/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include "brokerd/store/bridge.h"
#include "brokerd/store/consumequeue.h"

static struct cq_unit unit_in(const struct buf *b, int i)
{
	return cq_unit_at(b->p + i * CQ_UNIT);
}

static void poke_filler(const char *dir, const char *name, int i, int64_t phys)
{
	char unit[CQ_UNIT] = { 0 };

	put_be64(unit, (uint64_t)phys);
	put_be32(unit + 8, CQ_FILLER);
	kit_poke(dir, name, i * CQ_UNIT, unit, CQ_UNIT);
}

/* A lost place points where the next message is, at the end of the queue where the last is. */
Test(bridge, lost_places_lead_to_their_neighbours)
{
	static const char name[] = "consumequeue/t/0/00000000000000000000";
	char *dir = kit_dir();
	struct store_opts o = kit_opts(dir);
	struct store *s = kit_open(&o, NULL);
	struct cq_unit want[20];
	struct err e = ERR_INIT;
	struct buf was, now;
	int64_t n = 0;

	for (int i = 0; i < 20; i++)
		kit_send(s, "t", 0, "body", "");
	kit_close(s);
	kit_read_file(dir, name, &was);
	for (int i = 0; i < 16; i++)
		want[i] = unit_in(&was, i);
	cr_assert_eq(bridge_queues(dir, 0, &n, &e), 0, "%s", e.msg);
	cr_expect_eq(n, 0);
	poke_filler(dir, name, 0, 0);
	poke_filler(dir, name, 7, want[9].phys);
	poke_filler(dir, name, 8, want[9].phys);
	poke_filler(dir, "consumequeue/t/0/00000000000000000320", 3, 5);
	cr_assert_eq(bridge_queues(dir, 0, &n, &e), 0, "%s", e.msg);
	cr_expect_eq(n, 4);
	kit_read_file(dir, name, &now);
	cr_expect_eq(unit_in(&now, 0).phys, want[1].phys);
	cr_expect_eq(unit_in(&now, 7).phys, want[9].phys);
	cr_expect_eq(unit_in(&now, 8).size, want[9].size);
	cr_expect_eq(unit_in(&now, 6).phys, want[6].phys);
	buf_release(&now);
	kit_read_file(dir, "consumequeue/t/0/00000000000000000320", &now);
	cr_expect_eq(unit_in(&now, 3).phys, unit_in(&now, 2).phys);
	cr_expect_eq(unit_in(&now, 4).size, 0); /* nothing there, nothing made */
	/* The filler Apache itself writes, where the log begins later, stays. */
	poke_filler(dir, name, 0, 0);
	cr_assert_eq(bridge_queues(dir, 4096, &n, &e), 0, "%s", e.msg);
	cr_expect_eq(n, 0);
	buf_release(&now);
	buf_release(&was);
	kit_remove_tree(dir);
	mem_free(dir);
}

/* As long as the files of a default store are, with one message and a lost place at its end. */
Test(bridge, a_long_file_takes_one_pass, .timeout = 20)
{
	static const char name[] = "consumequeue/t/0/00000000000000000000";
	char *dir = kit_dir(), path[PATH_MAX];
	struct store_opts o = kit_opts(dir);
	struct store *s = kit_open(&o, NULL);
	struct err e = ERR_INIT;
	int64_t n = 0;

	kit_send(s, "t", 0, "body", "");
	kit_close(s);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	cr_assert_eq(truncate(path, 300000 * CQ_UNIT), 0);
	cr_assert_eq(bridge_queues(dir, 0, &n, &e), 0, "%s", e.msg);
	cr_expect_eq(n, 0);
	poke_filler(dir, name, 299999, 5);
	cr_assert_eq(bridge_queues(dir, 0, &n, &e), 0, "%s", e.msg);
	cr_expect_eq(n, 1);
	kit_remove_tree(dir);
	mem_free(dir);
}
