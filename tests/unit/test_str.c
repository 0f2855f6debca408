/* SPDX-License-Identifier: Apache-2.0 */
/* str: slices, bounded numbers, units, globs, and Java's hash. */
#include <criterion/criterion.h>

#include "str.h"

Test(str, compares_bytes_not_terminators)
{
	cr_assert(str_eq(STR("a\0b"), STR("a\0b")));
	cr_assert(!str_eq(STR("a\0b"), STR("a\0c")));
	cr_assert(!str_eq(STR("a"), STR("ab")));
	cr_assert(str_eq(STR_NONE, STR("")));
	cr_assert(str_is(STR("abc"), "abc"));
	cr_assert(!str_is(STR("abc"), "ab"));
	cr_assert(str_starts(STR("abc"), STR("ab")));
	cr_assert(!str_starts(STR("ab"), STR("abc")));
	cr_assert(str_starts(STR_NONE, STR("")));
	cr_assert(str_ends(STR("abc"), STR("bc")));
	cr_assert(!str_ends(STR("c"), STR("bc")));
	cr_assert_lt(str_cmp(STR("ab"), STR("abc")), 0);
	cr_assert_gt(str_cmp(STR("b"), STR("abc")), 0);
	cr_assert_gt(str_cmp(STR("\xff"), STR("a")), 0, "bytes are unsigned");
	cr_assert_eq(str_cmp(STR_NONE, STR("")), 0);
}

Test(str, skips_no_further_than_its_end)
{
	cr_assert(str_is(str_skip(STR("abc"), 1), "bc"));
	cr_assert_eq(str_skip(STR("abc"), 3).n, 0);
	cr_assert_eq(str_skip(STR("abc"), 99).n, 0);
}

static const struct {
	const char *text, *parts;
} cuts[] = {
	{ "a,b,c", "<a><b><c>" },
	{ "a", "<a>" },
	{ "", "<>" },
	{ ",", "<><>" },
	{ "a,", "<a><>" },
	{ ",,b", "<><><b>" },
};

Test(str, cuts_at_each_separator)
{
	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		struct str rest = str_of(cuts[i].text), head;
		char got[64] = "";
		size_t n = 0;

		while (str_cut(&rest, ',', &head))
			n += (size_t)snprintf(
				got + n, sizeof(got) - n, "<" STR_FMT ">", STR_ARG(head));
		cr_expect_str_eq(got, cuts[i].parts, "'%s'", cuts[i].text);
	}
}

Test(str, trims_both_ends)
{
	cr_assert(str_is(str_trim(STR(" \t a b\r\n")), "a b"));
	cr_assert_eq(str_trim(STR("  ")).n, 0);
	cr_assert_eq(str_trim(STR("")).n, 0);
}

static const struct {
	const char *pattern, *text;
	bool hit;
} globs[] = {
	{ "*", "", true },
	{ "a*", "abc", true },
	{ "a?c", "abc", true },
	{ "[a-c]x", "bx", true },
	{ "[a-c]x", "dx", false },
	{ "a", "ab", false },
	{ "a*", ".a", false },
	{ "*a", ".a", true },
	{ "*", "a/b", true },
};

Test(str, globs_match_the_whole)
{
	for (size_t i = 0; i < ARRAY_LEN(globs); i++)
		cr_expect_eq(str_glob(globs[i].pattern, str_of(globs[i].text)), globs[i].hit,
			"%s on %s", globs[i].pattern, globs[i].text);
}

static const struct {
	const char *text;
	int64_t min, max, value;
	bool good;
} numbers[] = {
	{ "0", 0, 10, 0, true },
	{ "10", 0, 10, 10, true },
	{ "11", 0, 10, 0, false },
	{ "-1", 0, 10, 0, false },
	{ "-1", -1, 10, -1, true },
	{ "+5", 0, 10, 5, true },
	{ "007", 0, 10, 7, true },
	{ "9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX, true },
	{ "-9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN, true },
	{ "9223372036854775808", INT64_MIN, INT64_MAX, 0, false },
	{ "-9223372036854775809", INT64_MIN, INT64_MAX, 0, false },
	{ "99999999999999999999999", INT64_MIN, INT64_MAX, 0, false },
	{ "", 0, 10, 0, false },
	{ "-", 0, 10, 0, false },
	{ "--1", -10, 10, 0, false },
	{ " 1", 0, 10, 0, false },
	{ "1 ", 0, 10, 0, false },
	{ "1x", 0, 10, 0, false },
	{ "0x1", 0, 10, 0, false },
	{ "1.0", 0, 10, 0, false },
};

Test(str, numbers_have_bounds)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct err e = ERR_INIT;
		int64_t v = 42;
		int rc = str_to_i64(str_of(numbers[i].text), numbers[i].min, numbers[i].max, &v,
			"count", &e);

		cr_expect_eq(rc, numbers[i].good ? 0 : TQ_EINVAL, "'%s'", numbers[i].text);
		cr_expect_eq(
			v, numbers[i].good ? numbers[i].value : 42, "'%s'", numbers[i].text);
		if (!numbers[i].good)
			cr_expect(!strncmp(e.msg, "count", 5), "it names the thing: %s", e.msg);
	}
}

typedef int (*unit_reader)(struct str, int64_t *, struct err *);

static const struct {
	unit_reader read;
	const char *text;
	int64_t value; /* -1: refused */
} units[] = {
	{ str_to_ms, "500ms", 500 },
	{ str_to_ms, "37s", 37000 },
	{ str_to_ms, "2m10s", 130000 },
	{ str_to_ms, "1d12h", 129600000 },
	{ str_to_ms, "1w", 604800000 },
	{ str_to_ms, "0s", 0 },
	{ str_to_ms, "5", -1 },
	{ str_to_ms, "", -1 },
	{ str_to_ms, "s", -1 },
	{ str_to_ms, "5x", -1 },
	{ str_to_ms, "-5s", -1 },
	{ str_to_ms, "5s ", -1 },
	{ str_to_ms, "9223372036854775807d", -1 },
	{ str_to_ms, "9223372036854775807ms1ms", -1 },
	{ str_to_bytes, "512", 512 },
	{ str_to_bytes, "512B", 512 },
	{ str_to_bytes, "4k", 4000 },
	{ str_to_bytes, "64Ki", 65536 },
	{ str_to_bytes, "64KiB", 65536 },
	{ str_to_bytes, "2MB", 2000000 },
	{ str_to_bytes, "1GiB", 1073741824 },
	{ str_to_bytes, "1G1", -1 },
	{ str_to_bytes, "1kk", -1 },
	{ str_to_bytes, "1KiBs", -1 },
	{ str_to_bytes, "", -1 },
	{ str_to_bytes, "-1", -1 },
	{ str_to_bytes, "9223372036854775807k", -1 },
};

Test(str, quantities_have_units)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct err e = ERR_INIT;
		int64_t v = -1;
		int rc = units[i].read(str_of(units[i].text), &v, &e);

		cr_expect_eq(rc, units[i].value < 0 ? TQ_EINVAL : 0, "'%s'", units[i].text);
		cr_expect_eq(v, units[i].value, "'%s'", units[i].text);
	}
}

Test(str, hashes_malformed_text_as_java_would_have_decoded_it)
{
	const int32_t bad = 0xfffd;

	cr_assert_eq(str_java_hash(STR("\xff")), bad);
	cr_assert_eq(str_java_hash(STR("\xc3")), bad);
	cr_assert_eq(str_java_hash(STR("\xc3"
				       "A")),
		bad * 31 + 'A');
	cr_assert_eq(str_java_hash(STR("\xc0\xaf")), bad * 31 + bad, "overlong");
}

static const struct {
	const char *why, *text;
	bool good;
} utf8[] = {
	{ "ASCII", "abc", true },
	{ "empty", "", true },
	{ "two to four bytes", "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", true },
	{ "the last rune", "\xf4\x8f\xbf\xbf", true },
	{ "beyond the last", "\xf4\x90\x80\x80", false },
	{ "a surrogate", "\xed\xa0\x80", false },
	{ "overlong", "\xe0\x80\xaf", false },
	{ "a continuation first", "\x80", false },
	{ "cut", "\xe4\xb8", false },
	{ "0xff", "\xff", false },
};

Test(str, knows_utf8)
{
	for (size_t i = 0; i < ARRAY_LEN(utf8); i++)
		cr_expect_eq(
			str_is_utf8(str_of(utf8[i].text)), utf8[i].good, "%s", utf8[i].why);
}

Test(str, table_hashes_depend_on_every_byte_and_the_length)
{
	char s[40] = { 0 };
	uint64_t h = str_hash((struct str){ s, sizeof(s) });

	for (size_t bit = 0; bit < sizeof(s) * 8; bit++) {
		s[bit / 8] ^= (char)(1 << bit % 8);
		cr_expect_neq(str_hash((struct str){ s, sizeof(s) }), h, "bit %zu", bit);
		s[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t n = 0; n < sizeof(s); n++)
		cr_expect_neq(str_hash((struct str){ s, n }), h, "%zu zeros", n);
	cr_assert_eq(str_hash((struct str){ s, sizeof(s) }), h);
}

/* As ten thousand topics are named; a table that stops growing is a list. */
Test(str, table_hashes_of_names_that_count_up_fill_a_table)
{
	static int buckets[128];
	char name[32];
	int most = 0;

	for (int i = 0; i < 1280; i++) {
		int *b;

		snprintf(name, sizeof(name), "topic-%d", i);
		b = &buckets[str_hash(str_of(name)) % ARRAY_LEN(buckets)];
		++*b;
		most = MAX(most, *b);
	}
	cr_expect_lt(most, 40, "ten in each were right, there are %d", most);
}
