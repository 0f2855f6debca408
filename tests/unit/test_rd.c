/* SPDX-License-Identifier: Apache-2.0 */
/* rd: reads what is there, and remembers that something was not. */
#include <criterion/criterion.h>

#include "rd.h"

Test(rd, reads_in_order_and_borrows)
{
	struct str s = STR("\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
			   "name");
	struct rd r = rd_init(s);
	struct str name;

	cr_assert_eq(rd_u8(&r), 1);
	cr_assert_eq(rd_be16(&r), 0x0203);
	cr_assert_eq(rd_be32(&r), 0x04050607);
	cr_assert_eq(rd_be64(&r), 0x08090a0b0c0d0e0fu);
	cr_assert_eq(rd_left(&r), 4);
	name = rd_bytes(&r, 4);
	cr_assert_eq(name.p, s.p + 15);
	cr_assert(str_is(name, "name"));
	cr_assert_eq(rd_left(&r), 0);
	cr_assert_eq(rd_bytes(&r, 0).n, 0);
	cr_assert_eq(rd_end(&r, "all", NULL), 0);
}

Test(rd, a_short_read_poisons_all_that_follow)
{
	struct rd r = rd_init(STR("\1\2\3"));
	struct err e = ERR_INIT;

	cr_assert_eq(rd_be16(&r), 0x0102);
	cr_assert_eq(rd_be32(&r), 0);
	cr_assert_eq(rd_u8(&r), 0, "though a byte is left");
	cr_assert_eq(rd_left(&r), 0, "so that loops end");
	cr_assert_null(rd_bytes(&r, 0).p);
	cr_assert_eq(rd_end(&r, "thing", &e), TQ_EFORMAT);
	cr_assert_not_null(strstr(e.msg, "thing"));
	cr_assert_not_null(strstr(e.msg, "byte 2 of 3"));
}

Test(rd, a_length_that_wraps_is_short)
{
	struct rd r = rd_init(STR("abc"));

	rd_u8(&r);
	cr_assert_null(rd_bytes(&r, SIZE_MAX).p);
	cr_assert_eq(rd_end(&r, "x", NULL), TQ_EFORMAT);
}

Test(rd, every_width_needs_all_its_bytes)
{
	for (size_t n = 0; n < 8; n++) {
		struct rd r = rd_init((struct str){ "\1\1\1\1\1\1\1", n });

		cr_assert_eq(rd_be64(&r), 0);
		cr_assert(r.bad);
		r = rd_init((struct str){ "\1\1\1\1\1\1\1", n });
		cr_assert_eq(rd_be32(&r), n < 4 ? 0 : 0x01010101);
		cr_assert_eq(r.bad, n < 4);
		r = rd_init((struct str){ "\1\1\1\1\1\1\1", n });
		cr_assert_eq(rd_be16(&r), n < 2 ? 0 : 0x0101);
		cr_assert_eq(r.bad, n < 2);
	}
}

Test(rd, a_parser_can_refuse)
{
	struct rd r = rd_init(STR("abc"));

	rd_poison(&r);
	cr_assert_eq(rd_u8(&r), 0);
	cr_assert_eq(rd_end(&r, "x", NULL), TQ_EFORMAT);
}

Test(rd, nothing_reads_as_nothing)
{
	struct rd r = rd_init(STR_NONE);

	cr_assert_eq(rd_left(&r), 0);
	cr_assert_eq(rd_bytes(&r, 0).n, 0);
	cr_assert_eq(rd_end(&r, "x", NULL), 0);
	rd_u8(&r);
	cr_assert(r.bad);
}
