/* SPDX-License-Identifier: Apache-2.0 */
/* codes: numbers and names agree, each once. */
#include <criterion/criterion.h>

#include "codes.h"

struct row {
	int code;
	const char *name;
};

static const struct row requests[] = {
#define REQUEST(num, name) { num, #name },
#include "codes.def"
};

static const struct row responses[] = {
#define RESPONSE(num, name) { num, #name },
#include "codes.def"
};

static const struct row languages[] = {
#define LANGUAGE(num, name) { num, #name },
#include "codes.def"
};

static void rows_are_unique_and_named(
	const struct row *rows, size_t n, const char *(*name)(int))
{
	for (size_t i = 0; i < n; i++) {
		cr_expect_str_eq(name(rows[i].code), rows[i].name);
		for (size_t j = 0; j < i; j++) {
			cr_expect_neq(rows[i].code, rows[j].code, "%s and %s", rows[i].name,
				rows[j].name);
			cr_expect_str_neq(rows[i].name, rows[j].name);
		}
	}
}

Test(codes, each_number_and_each_name_stands_once)
{
	rows_are_unique_and_named(requests, ARRAY_LEN(requests), request_name);
	rows_are_unique_and_named(responses, ARRAY_LEN(responses), response_name);
	rows_are_unique_and_named(languages, ARRAY_LEN(languages), language_name);
}

Test(codes, requests_fit_the_binary_header)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		cr_expect(requests[i].code > 0 && requests[i].code <= INT16_MAX, "%s",
			requests[i].name);
}

Test(codes, unknown_ones_have_no_name)
{
	cr_assert_null(request_name(-1));
	cr_assert_null(request_name(32767));
	cr_assert_null(response_name(9999));
	cr_assert_str_eq(language_name(-1), "OTHER");
	cr_assert_str_eq(language_name(127), "OTHER");
}

Test(codes, languages_are_found_by_name)
{
	for (size_t i = 0; i < ARRAY_LEN(languages); i++)
		cr_expect_eq(language_from_name(languages[i].name, strlen(languages[i].name)),
			languages[i].code);
	cr_assert_eq(language_from_name("JAVA!", 5), LANG_OTHER);
	cr_assert_eq(language_from_name("JAV", 3), LANG_OTHER);
	cr_assert_eq(language_from_name("java", 4), LANG_OTHER);
	cr_assert_eq(language_from_name("", 0), LANG_OTHER);
}

Test(codes, versions_have_the_names_of_releases)
{
	static const struct row cases[] = {
		{ 232, "V4_1_0_SNAPSHOT" },
		{ 273, "V4_3_0" },
		{ 317, "V4_5_2" },
		{ 333, "V4_6_0" },
		{ 401, "V4_9_4" },
		{ TDMQ_WIRE_VERSION, "V4_9_8" },
		{ 413, "V5_0_0" },
		{ 412, "V5_0_0_SNAPSHOT" },
		{ 613, "HIGHER" },
		{ INT32_MAX, "HIGHER" },
		{ 121, "V3" },
		{ 0, "V3" },
		{ INT32_MIN, "V3" },
	};
	char room[24];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_str_eq(version_name(cases[i].code, room), cases[i].name);
}
