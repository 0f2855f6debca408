/* SPDX-License-Identifier: Apache-2.0 */
/* mapping: where a source name goes, and which names go nowhere. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "migrate/mapping.h"

#define X20 "xxxxxxxxxxxxxxxxxxxx"

struct map_case {
	const char *source, *ns, *name;
	enum reason reason;
};

static void check(const struct mapping *m, const struct map_case *c, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct err e = ERR_INIT;
		struct target_name to = { "", "" };
		enum reason r = mapping_apply(m, OBJ_TOPIC, c[i].source, &to, &e);

		cr_expect(eq(int, (int)r, (int)c[i].reason), "'%s': %s", c[i].source, e.msg);
		cr_expect(eq(int, r == REASON_NONE, !e.msg[0]), "'%s'", c[i].source);
		if (r != REASON_NONE || c[i].reason)
			continue;
		cr_expect(zero(int, strcmp(to.ns, c[i].ns)), "'%s'", c[i].source);
		cr_expect(zero(int, strcmp(to.name, c[i].name)), "'%s'", c[i].source);
	}
}

Test(mapping, splits_at_the_first_percent)
{
	static const struct map_case cases[] = {
		{ "orders", "default", "orders", 0 },
		{ "shop%orders", "shop", "orders", 0 },
		{ "default%orders", "default", "orders", 0 },
		{ "rocketmq-abc|shop%orders", "shop", "orders", 0 },
		{ "rocketmq-abc|orders", "default", "orders", 0 },
		{ "shop%a%b", NULL, NULL, REASON_INVALID_NAME },
		{ "%orders", NULL, NULL, REASON_INVALID_NAME },
		{ "shop%", NULL, NULL, REASON_INVALID_NAME },
		{ "%", NULL, NULL, REASON_INVALID_NAME },
		{ "", NULL, NULL, REASON_INVALID_NAME },
		{ "ab", NULL, NULL, REASON_INVALID_NAME },
		{ "s%orders", NULL, NULL, REASON_INVALID_NAMESPACE },
		{ X20 "yyyyyyyyyyyyy%orders", NULL, NULL, REASON_INVALID_NAMESPACE },
		{ X20 "yyyyyyyyyyyy%orders", X20 "yyyyyyyyyyyy", "orders", 0 },
		{ X20 X20 X20 "yyyy", "default", X20 X20 X20 "yyyy", 0 },
		{ X20 X20 X20 "yyyyy", NULL, NULL, REASON_INVALID_NAME },
		{ "../../etc/passwd", NULL, NULL, REASON_INVALID_NAME },
		{ "shop%../x", NULL, NULL, REASON_INVALID_NAME },
		{ "a\"b'c", NULL, NULL, REASON_INVALID_NAME },
		{ "a\nb\x1b[31m", NULL, NULL, REASON_INVALID_NAME },
		{ "\xe6\x94\xaf\xe4\xbb\x98", NULL, NULL, REASON_INVALID_NAME },
		{ "other|shop%orders", NULL, NULL, REASON_INVALID_NAMESPACE },
	};
	struct mapping m = { 0 };

	check(&m, cases, ARRAY_LEN(cases));
}

Test(mapping, puts_everything_into_a_specified_namespace)
{
	static const struct map_case cases[] = {
		{ "orders", "shop", "orders", 0 },
		{ "other%orders", "shop", "orders", 0 },
		{ "s%orders", "shop", "orders", 0 },
		{ "shop%a%b", NULL, NULL, REASON_INVALID_NAME },
	};
	struct mapping m = { .ns = "shop" };

	check(&m, cases, ARRAY_LEN(cases));
}

Test(mapping, renames_namespaces)
{
	static const struct map_case cases[] = {
		{ "MQ_INST_1234567890123456_BAexamp1%orders", "shop", "orders", 0 },
		{ "orders", "main", "orders", 0 },
		{ "other%orders", "other", "orders", 0 },
	};
	static const struct ns_pair pairs[] = {
		{ "MQ_INST_1234567890123456_BAexamp1", "shop" },
		{ "default", "main" },
	};
	struct mapping m = { .pairs = pairs, .n_pairs = 2 };

	check(&m, cases, ARRAY_LEN(cases));
}

Test(mapping, lets_apache_have_its_names)
{
	static const struct map_case cases[] = {
		{ "a", "default", "a", 0 },
		{ "s%a%b", "s", "a%b", 0 },
		{ "a b", NULL, NULL, REASON_INVALID_NAME },
		{ X20 X20 X20 X20 X20 X20 "1234567", "default",
			X20 X20 X20 X20 X20 X20 "1234567", 0 },
		{ X20 X20 X20 X20 X20 X20 "12345678", NULL, NULL, REASON_INVALID_NAME },
		{ X20 X20 X20 "%" X20 X20 X20 "123456", X20 X20 X20, X20 X20 X20 "123456", 0 },
	};
	struct mapping m = { .wire_names = true };

	check(&m, cases, ARRAY_LEN(cases));
}

Test(mapping, refuses_names_of_any_length)
{
	struct mapping m = { .wire_names = true };
	struct target_name to;
	struct err e = ERR_INIT;
	char name[10241];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_expect(eq(int, (int)mapping_apply(&m, OBJ_GROUP, name, &to, &e),
		(int)REASON_INVALID_NAME));
	cr_expect(strstr(e.msg, "10240") != NULL);
}

Test(mapping, reads_pairs)
{
	static const struct {
		const char *text;
		int rc;
	} cases[] = {
		{ "a=shop", 0 },
		{ "default=shop", 0 },
		{ "shop", TQ_EUSAGE },
		{ "=shop", TQ_EUSAGE },
		{ "a=", TQ_EUSAGE },
		{ "a=b", TQ_EINVAL },
		{ "a=b=c", TQ_EINVAL },
	};
	struct arena mem;

	arena_init(&mem);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ns_pair pair;

		cr_expect(eq(int, mapping_parse_pair(cases[i].text, &mem, &pair, NULL),
				  cases[i].rc),
			"%s", cases[i].text);
	}
	arena_release(&mem);
}
