/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "strv.h"

Test(strv, ends_with_null_and_copies)
{
	struct strv v = STRV_INIT;
	char text[] = "one";

	cr_expect_null(v.v);
	strv_add(&v, str_of(text));
	text[0] = 'X';
	for (int i = 0; i < 100; i++)
		strv_add(&v, STR("more"));
	cr_expect_eq(v.n, 101);
	cr_expect_str_eq(v.v[0], "one");
	cr_expect_null(v.v[101]);
	strv_release(&v);
	cr_expect_eq(v.n, 0);
	strv_add(&v, STR("again"));
	cr_expect_str_eq(v.v[0], "again");
	strv_release(&v);
}

Test(strv, splits_trims_and_leaves_empty_pieces_out)
{
	struct arena a;
	struct strv v;

	arena_init(&a);
	v = strv_in(&a);
	strv_split(&v, STR(" b ,, a,\tc\n,"), ',');
	strv_split(&v, STR_NONE, ',');
	cr_expect_eq(v.n, 3);
	cr_expect_str_eq(v.v[0], "b");
	cr_expect(strv_has(&v, STR("c")) && !strv_has(&v, STR("d")));
	strv_sort(&v);
	cr_expect_str_eq(v.v[0], "a");
	cr_expect_str_eq(v.v[2], "c");
	arena_release(&a);
}
