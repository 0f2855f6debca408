/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/quota.h"

static const struct {
	const char *why;
	const char *set[8]; /* key, value, ... */
	struct quota want;
} cases[] = {
	{ "a virtual cluster, which is the default", { NULL },
		{ "virtual", 10, 150, 1500, 32, 4000, 40000000, 1000, 500 } },
	{ "the smallest exclusive one", { "cluster-kind", "exclusive" },
		{ "exclusive", 10, 200, 2000, 32, 4000, 80000000, 1000, 500 } },
	{ "the largest",
		{ "cluster-kind", "exclusive", "cluster-spec", "advanced2", "cluster-nodes",
			"20" },
		{ "exclusive", 10, 500, 5000, 32, 360000, 800000000, 1000, 500 } },
	{ "none", { "unlimited", "on" }, { "unlimited", 0, 0, 0, 0, 0, 0, 0, 0 } },
	{ "what was said counts, of any kind",
		{ "unlimited", "on", "max-topics", "1000", "max-calls", "7" },
		{ "unlimited", 0, 1000, 0, 0, 7, 0, 0, 0 } },
	{ "0 is any", { "max-bandwidth", "0", "max-groups", "0" },
		{ "virtual", 10, 150, 0, 32, 4000, 0, 1000, 500 } },
};

Test(quota, comes_from_the_kind_and_what_was_said)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const *s = cases[i].set;
		struct err e = ERR_INIT;
		struct config cfg;
		struct conf conf;
		struct quota q;

		conf_init(&conf, config_keys, &cfg, NULL);
		for (; s < cases[i].set + 8 && *s; s += 2)
			cr_assert_eq(conf_set(&conf, s[0], s[1], &e), 0, "%s", e.msg);
		quota_of(&q, &cfg);
		cr_expect_str_eq(q.kind, cases[i].want.kind, "%s", cases[i].why);
		q.kind = cases[i].want.kind;
		cr_expect_arr_eq(&q, &cases[i].want, sizeof(q), "%s", cases[i].why);
		conf_release(&conf);
	}
}
