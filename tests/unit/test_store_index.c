/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/store/keynotes.h"
#include "tests/unit/store_kit.h"

TestSuite(store_index);

#define MESSAGES 60

/* What a message of the test has: its own unique id, and keys by its number. */
static const char *const keys_of[] = { "", "a", "a b", "a b c", " b  c " };

static void append(struct store *s, int i, bool looked)
{
	const char *keys = keys_of[i % (int)ARRAY_LEN(keys_of)];
	char *id = mem_fmt("u%d", i);
	char *text = mem_fmt("UNIQ_KEY\001%s\002KEYS\001%s", id, keys);
	struct message m = kit_message("t", i % 3, STR("body"), text);
	struct store_put p = { .m = &m, .looked = looked };
	struct err e = ERR_INIT;
	struct store_at at;

	p.unique = looked ? str_of(id) : STR_NONE;
	p.keys = looked ? str_of(keys) : STR_NONE;
	cr_assert_eq(store_append(s, &p, &at, &e), 0, "%s", e.msg);
	if (i % 4 == 3)
		cr_assert_eq(store_commit(s, &e), 0, "%s", e.msg);
	mem_free(text);
	mem_free(id);
}

/* What the index says of a store whose messages are noted when `noted` says so. */
static void fill(bool (*noted)(int i), int64_t hits[][MESSAGES], int *n)
{
	static const char *const asked[] = { "u0", "u7", "u59", "a", "b", "c", "" };
	char *dir = kit_dir();
	struct store_opts o = kit_opts(dir);
	struct store *s = kit_open(&o, NULL);
	int64_t ms, last;

	for (int i = 0; i < MESSAGES; i++)
		append(s, i, noted(i));
	for (size_t k = 0; k < ARRAY_LEN(asked); k++)
		n[k] = store_query_key(s, STR("t"), str_of(asked[k]), MESSAGES, 0, INT64_MAX,
			hits[k], &ms, &last);
	cr_expect_eq(n[0], 1);
	cr_expect_eq(n[3], MESSAGES * 3 / 5);
	kit_close(s);
	kit_remove_tree(dir);
	mem_free(dir);
}

static bool none(int i UNUSED)
{
	return false;
}

static bool all(int i UNUSED)
{
	return true;
}

static bool every_third(int i)
{
	return i % 3 == 1;
}

/* Several files of the log, with fillers between, and several of the index. */
Test(store_index, notes_and_records_say_the_same)
{
	static int64_t read[8][MESSAGES], noted[8][MESSAGES], mixed[8][MESSAGES];
	static int n[3][8];

	fill(none, read, n[0]);
	fill(all, noted, n[1]);
	fill(every_third, mixed, n[2]);
	cr_expect_arr_eq(n[0], n[1], sizeof(n[0]));
	cr_expect_arr_eq(n[0], n[2], sizeof(n[0]));
	cr_expect_arr_eq(read, noted, sizeof(read));
	cr_expect_arr_eq(read, mixed, sizeof(read));
}

Test(store_index, a_full_ring_forgets_the_newest_notes_only)
{
	struct keynotes k;
	int64_t known = 0;

	keynotes_init(&k);
	cr_expect_null(keynotes_at(&k, 0));
	for (int64_t i = 0; i < 10000; i++)
		keynotes_add(&k, &(struct keynote){ .phys = i * 100, .size = 100 });
	for (; keynotes_at(&k, known * 100); known++)
		cr_assert_eq(keynotes_at(&k, known * 100)->phys, known * 100);
	cr_expect(known > 100 && known < 10000, "%d", (int)known);
	cr_expect_null(keynotes_at(&k, 9999 * 100));
	keynotes_add(&k, &(struct keynote){ .phys = 2000000, .size = 100 });
	cr_expect_null(keynotes_at(&k, 1000000));
	cr_expect_not_null(keynotes_at(&k, 2000000));
	keynotes_release(&k);
}
