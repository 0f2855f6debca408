/* SPDX-License-Identifier: Apache-2.0 */
/* crc: the well-known values, and zlib's at every length and alignment. */
#include <criterion/criterion.h>
#include <zlib.h>

#include "crc.h"

static unsigned char data[1 << 17];

static void fill(void)
{
	uint32_t v = 1;

	for (size_t i = 0; i < sizeof(data); i++) {
		v = v * 1664525 + 1013904223;
		data[i] = (unsigned char)(v >> 24);
	}
}

Test(crc, has_the_check_value_of_its_kind)
{
	cr_assert_eq(crc_32("123456789", 9), 0xcbf43926);
	cr_assert_eq(crc_32("", 0), 0);
	cr_assert_eq(crc_32("hello 0", 7), 2699561457);
}

Test(crc, is_zlibs_at_every_length_and_alignment)
{
	fill();
	for (size_t n = 0; n < 700; n++)
		for (size_t at = 0; at < 17; at++)
			cr_assert_eq(crc_32(data + at, n), crc32(0, data + at, (uInt)n),
				"%zu bytes at %zu", n, at);
	for (size_t n = 700; n < sizeof(data); n = n * 5 / 4 + 3)
		cr_assert_eq(crc_32(data, n), crc32(0, data, (uInt)n), "%zu bytes", n);
}

Test(crc, tells_every_flipped_bit)
{
	uint32_t was;

	fill();
	was = crc_32(data, 333);
	for (size_t bit = 0; bit < 333 * 8; bit++) {
		data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		cr_assert_neq(crc_32(data, 333), was, "bit %zu", bit);
		data[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

Test(crc, reads_nothing_beyond_its_bytes)
{
	fill();
	for (size_t n = 1; n < 300; n++) {
		unsigned char *p = malloc(n); /* a sanitizer watches its end */

		memcpy(p, data, n);
		cr_assert_eq(crc_32(p, n), crc32(0, p, (uInt)n));
		free(p);
	}
}
