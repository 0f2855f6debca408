/* SPDX-License-Identifier: Apache-2.0 */
#include "brokerd/offsets.h"
#include "meta.h"

static struct offsets *open_offsets(struct meta_box *b)
{
	struct offsets *o = NULL;
	struct err e = ERR_INIT;

	cr_assert_eq(offsets_open(b->db, &o, &e), 0, "%s", e.msg);
	return o;
}

static void set(struct offsets *o, const char *group, const char *topic, int queue, int64_t off)
{
	struct err e = ERR_INIT;

	cr_assert_eq(
		offsets_set(o, str_of(group), str_of(topic), queue, off, &e), 0, "%s", e.msg);
}

static int64_t get(const struct offsets *o, const char *group, const char *topic, int queue)
{
	return offsets_get(o, str_of(group), str_of(topic), queue);
}

/* Everything as it is after a restart. */
static struct offsets *reopen(struct meta_box *b, struct offsets *o)
{
	offsets_flush(o);
	meta_box_close(b);
	offsets_free(o);
	meta_box_open(b);
	return open_offsets(b);
}

Test(offsets, takes_any_value_and_knows_what_was_never_set)
{
	struct meta_box b;
	struct offsets *o;

	meta_box_init(&b);
	o = open_offsets(&b);
	cr_assert_eq(get(o, "g", "t", 0), -1);
	set(o, "g", "t", 0, 7);
	set(o, "g", "t", 0, 3);
	cr_assert_eq(get(o, "g", "t", 0), 3, "lower values are taken");
	cr_assert_eq(get(o, "g", "t", 1), -1);
	cr_assert_eq(get(o, "t", "g", 0), -1);
	meta_box_close(&b);
	offsets_free(o);
	meta_box_release(&b);
}

Test(offsets, are_there_after_a_restart)
{
	struct meta_box b;
	struct offsets *o;

	meta_box_init(&b);
	o = open_offsets(&b);
	for (int q = 40; q >= 0; q--)
		set(o, "ns%g", "%RETRY%ns%g", q, q * 10);
	set(o, "h", "t", 0, 1);
	o = reopen(&b, o);
	for (int q = 0; q <= 40; q++)
		cr_assert_eq(get(o, "ns%g", "%RETRY%ns%g", q), q * 10);
	set(o, "h", "t", 0, 2);
	o = reopen(&b, o);
	cr_assert_eq(get(o, "h", "t", 0), 2);
	meta_box_close(&b);
	offsets_free(o);
	meta_box_release(&b);
}

Test(offsets, deleted_ones_stay_deleted)
{
	struct meta_box b;
	struct offsets *o;

	meta_box_init(&b);
	o = open_offsets(&b);
	set(o, "g", "t", 0, 1);
	set(o, "g", "u", 0, 2);
	set(o, "h", "t", 0, 3);
	o = reopen(&b, o);
	set(o, "g", "t", 0, 9); /* changed, not flushed */
	offsets_delete_group(o, STR("g"));
	cr_assert_eq(get(o, "g", "t", 0), -1);
	o = reopen(&b, o);
	cr_assert_eq(get(o, "g", "t", 0), -1);
	cr_assert_eq(get(o, "g", "u", 0), -1);
	cr_assert_eq(get(o, "h", "t", 0), 3);
	offsets_delete_topic(o, STR("t"));
	o = reopen(&b, o);
	cr_assert_eq(get(o, "h", "t", 0), -1);
	meta_box_close(&b);
	offsets_free(o);
	meta_box_release(&b);
}

Test(offsets, what_was_set_again_after_a_delete_is_kept)
{
	struct meta_box b;
	struct offsets *o;

	meta_box_init(&b);
	o = open_offsets(&b);
	set(o, "g", "t", 0, 1);
	offsets_flush(o);
	offsets_delete_topic(o, STR("t"));
	set(o, "g", "t", 0, 5);
	o = reopen(&b, o);
	cr_assert_eq(get(o, "g", "t", 0), 5);
	meta_box_close(&b);
	offsets_free(o);
	meta_box_release(&b);
}

Test(offsets, lists_by_topic_group_or_both)
{
	struct offset_pair *rows;
	struct meta_box b;
	struct offsets *o;
	struct arena a;

	arena_init(&a);
	meta_box_init(&b);
	o = open_offsets(&b);
	set(o, "g", "u", 3, 1);
	set(o, "g", "t", 1, 8);
	set(o, "g", "t", 0, 7);
	set(o, "a", "t", 0, 2);
	cr_assert_eq(offsets_list(o, STR_NONE, STR_NONE, &a, &rows), 3);
	cr_assert(str_is(rows[0].topic, "t"));
	cr_assert(str_is(rows[0].group, "a"));
	cr_assert_eq(rows[1].n, 2);
	cr_assert_eq(rows[1].queues[0].queue, 0);
	cr_assert_eq(rows[1].queues[1].off, 8);
	cr_assert_eq(offsets_list(o, STR("t"), STR_NONE, &a, &rows), 2);
	cr_assert_eq(offsets_list(o, STR_NONE, STR("g"), &a, &rows), 2);
	cr_assert_eq(offsets_list(o, STR("u"), STR("g"), &a, &rows), 1);
	cr_assert_eq(rows[0].queues[0].queue, 3);
	cr_assert_eq(offsets_list(o, STR("u"), STR("a"), &a, &rows), 0);
	meta_box_close(&b);
	offsets_free(o);
	meta_box_release(&b);
	arena_release(&a);
}

static const struct {
	const char *why, *group, *topic;
	int queue;
} lies[] = {
	{ "no group", "", "t", 0 },
	{ "no topic", "g", "", 0 },
	{ "a group that would look like another pair", "g@h", "t", 0 },
	{ "a topic that would look like another pair", "g", "t@g", 0 },
	{ "queue below 0", "g", "t", -1 },
	{ "queue above all", "g", "t", 1 << 20 },
};

Test(offsets, refuses_names_that_cannot_be)
{
	struct meta_box b;
	struct offsets *o;

	meta_box_init(&b);
	o = open_offsets(&b);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++)
		cr_expect_eq(offsets_set(o, str_of(lies[i].group), str_of(lies[i].topic),
				     lies[i].queue, 1, NULL),
			TQ_EINVAL, "%s", lies[i].why);
	meta_box_close(&b);
	offsets_free(o);
	meta_box_release(&b);
}

Test(offsets, one_pair_cannot_have_queues_without_end)
{
	struct meta_box b;
	struct offsets *o;
	int rc = 0, q = 0;

	meta_box_init(&b);
	o = open_offsets(&b);
	for (; !rc && q < 60000; q++)
		rc = offsets_set(o, STR("g"), STR("t"), q, 1, NULL);
	cr_assert_eq(rc, TQ_EINVAL);
	meta_box_close(&b);
	offsets_free(o);
	meta_box_release(&b);
}
