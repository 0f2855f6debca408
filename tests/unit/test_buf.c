/* SPDX-License-Identifier: Apache-2.0 */
/* buf: grows, stops at its ceiling, and never shows half of anything. */
#include <criterion/criterion.h>

#include "buf.h"
#include "mem.h"

Test(buf, holds_what_was_added_in_order)
{
	struct buf b;

	buf_init(&b, 1000);
	cr_assert_str_eq(buf_str(&b).p, "", "nothing yet is an empty string");
	buf_puts(&b, "a");
	buf_putc(&b, 'b');
	buf_add(&b, "c\0d", 3);
	buf_add_str(&b, STR("e"));
	buf_add_str(&b, STR_NONE);
	buf_addf(&b, "%s-%d", "f", 7);
	cr_assert(str_eq(buf_str(&b), STR("abc\0def-7")));
	cr_assert_eq(b.p[b.n], '\0');
	buf_release(&b);
}

Test(buf, writes_integers_as_java_does)
{
	struct buf b;

	buf_init(&b, 1000);
	buf_u8(&b, 0xfe);
	buf_be16(&b, 0x0102);
	buf_be32(&b, 0x03040506);
	buf_be64(&b, 0x0708090a0b0c0d0eu);
	cr_assert(str_eq(buf_str(&b), STR("\xfe\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e")));
	cr_assert_eq(get_be16(b.p + 1), 0x0102);
	cr_assert_eq(get_be32(b.p + 3), 0x03040506);
	cr_assert_eq(get_be64(b.p + 7), 0x0708090a0b0c0d0eu);
	buf_release(&b);
}

Test(buf, writes_numbers_as_text)
{
	static const struct {
		int64_t v;
		const char *text;
	} cases[] = { { 0, "0" }, { -1, "-1" }, { 1234567890123, "1234567890123" },
		{ INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;

		buf_init(&b, 100);
		buf_i64(&b, cases[i].v);
		cr_expect_str_eq(b.p, cases[i].text);
		buf_release(&b);
	}
}

Test(buf, writes_hex_in_upper_case)
{
	struct buf b;

	buf_init(&b, 8);
	buf_hex(&b, "\x00\xab\x7f\xff", 4);
	cr_assert_str_eq(b.p, "00AB7FFF");
	buf_hex(&b, "", 0);
	cr_assert(!buf_err(&b));
	buf_hex(&b, "x", 1);
	cr_assert(buf_err(&b));
	buf_release(&b);
}

Test(buf, stops_at_its_ceiling)
{
	for (size_t max = 0; max < 200; max++) {
		struct buf b;

		buf_init(&b, max);
		for (size_t i = 0; i < max; i++)
			buf_putc(&b, 'x');
		cr_assert(!buf_err(&b), "%zu bytes fit", max);
		cr_assert_eq(b.n, max);
		buf_putc(&b, 'x');
		cr_assert(buf_err(&b));
		cr_assert_eq(b.n, 0, "nothing is left of it");
		buf_release(&b);
	}
}

Test(buf, stays_failed_until_it_is_cleared)
{
	struct buf b;

	buf_init(&b, 4);
	buf_puts(&b, "12345");
	buf_puts(&b, "1");
	cr_assert(buf_err(&b));
	cr_assert_eq(buf_str(&b).n, 0);
	cr_assert_null(buf_reserve(&b, 0));
	buf_clear(&b);
	buf_puts(&b, "1");
	cr_assert(!buf_err(&b));
	cr_assert_str_eq(b.p, "1");
	buf_release(&b);
}

Test(buf, a_length_that_wraps_is_refused)
{
	struct buf b;

	buf_init(&b, 100);
	buf_puts(&b, "12");
	cr_assert_null(buf_reserve(&b, SIZE_MAX));
	buf_clear(&b);
	buf_puts(&b, "12");
	cr_assert_null(buf_reserve(&b, SIZE_MAX - 1));
	buf_release(&b);
}

Test(buf, reserved_room_is_counted_in_by_the_caller)
{
	struct buf b;
	char *p;

	buf_init(&b, 1000);
	p = buf_reserve(&b, 500);
	memset(p, 'r', 500);
	cr_assert_eq(b.n, 0);
	b.n += 3;
	buf_putc(&b, '!');
	cr_assert(str_is(buf_str(&b), "rrr!"));
	buf_release(&b);
}

Test(buf, gives_its_bytes_away)
{
	struct buf b;
	size_t n;
	char *p;

	buf_init(&b, 100);
	buf_puts(&b, "mine");
	p = buf_take(&b, &n);
	cr_assert_eq(n, 4);
	cr_assert_str_eq(p, "mine");
	cr_assert_eq(b.n, 0);
	mem_free(p);
	p = buf_take(&b, NULL);
	cr_assert_str_eq(p, "", "even without any");
	mem_free(p);
	buf_puts(&b, "again");
	cr_assert_str_eq(b.p, "again");
	buf_release(&b);
}

Test(buf, drops_from_the_front)
{
	struct buf b;

	buf_init(&b, 100);
	buf_puts(&b, "abcdef");
	buf_drop(&b, 0);
	buf_drop(&b, 2);
	cr_assert_str_eq(b.p, "cdef");
	buf_drop(&b, 4);
	cr_assert_eq(b.n, 0);
	cr_assert_str_eq(b.p, "");
	buf_release(&b);
}
