/* SPDX-License-Identifier: Apache-2.0 */
/* store: what goes in comes out, in Apache's formats, from whatever state the directory is in. */
#include "store_kit.h"

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
