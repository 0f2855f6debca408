/* SPDX-License-Identifier: Apache-2.0 */
/* names: what may be chosen, what may arrive, and that all spellings lead to one resource. */
#include <criterion/criterion.h>

#include "names.h"

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

typedef int (*checker)(struct str, struct err *);

static const struct {
	const char *why;
	checker check;
	const char *name;
	bool good;
} checked[] = {
	{ "shortest topic", names_check_topic, "a-1", true },
	{ "longest topic", names_check_topic, SIXTY "abcd", true },
	{ "too long a topic", names_check_topic, SIXTY "abcde", false },
	{ "too short a topic", names_check_topic, "ab", false },
	{ "empty topic", names_check_topic, "", false },
	{ "topic with a namespace", names_check_topic, "ns%topic", false },
	{ "topic with a blank", names_check_topic, "a topic", false },
	{ "topic beyond ASCII", names_check_topic, "th\xc3\xa9me", false },
	{ "group", names_check_group, "My_Group-1", true },
	{ "group with a dot", names_check_group, "my.group", false },
	{ "longest group", names_check_group, SIXTY "abcd", true },
	{ "longest namespace", names_check_namespace, TEN TEN TEN "ab", true },
	{ "too long a namespace", names_check_namespace, TEN TEN TEN "abc", false },
	{ "too short a namespace", names_check_namespace, "ns", false },
	{ "wire topic", names_check_wire_topic, "%RETRY%ns%g|x_-", true },
	{ "one byte", names_check_wire_topic, "a", true },
	{ "empty wire topic", names_check_wire_topic, "", false },
	{ "longest wire topic", names_check_wire_topic, SIXTY SIXTY "1234567", true },
	{ "too long a wire topic", names_check_wire_topic, SIXTY SIXTY "12345678", false },
	{ "wire topic with @", names_check_wire_topic, "t@g", false },
	{ "wire topic with /", names_check_wire_topic, "../t", false },
	{ "longest wire group", names_check_wire_group, SIXTY SIXTY, true },
	{ "a group whose retry topic is too long", names_check_wire_group, SIXTY SIXTY "1",
		false },
};

Test(names, checks_what_a_name_may_be)
{
	for (size_t i = 0; i < ARRAY_LEN(checked); i++) {
		struct err e = ERR_INIT;
		int rc = checked[i].check(str_of(checked[i].name), &e);

		cr_expect_eq(rc, checked[i].good ? 0 : TQ_EINVAL, "%s", checked[i].why);
		cr_expect_eq(!e.msg[0], checked[i].good, "%s", checked[i].why);
	}
	cr_expect_eq(names_check_topic(STR("abc\0d"), NULL), TQ_EINVAL, "NUL");
	cr_expect_eq(names_check_wire_topic(STR("\0"), NULL), TQ_EINVAL, "NUL");
}

Test(names, retry_and_dead_letter_topics_belong_to_groups)
{
	cr_assert(names_is_retry(STR("%RETRY%g")));
	cr_assert(!names_is_retry(STR("%RETRY")));
	cr_assert(!names_is_retry(STR("a%RETRY%g")));
	cr_assert(names_is_dlq(STR("%DLQ%g")));
	cr_assert(!names_is_dlq(STR("%RETRY%g")));
	cr_assert(str_is(names_group_of(STR("%RETRY%ns%g")), "ns%g"));
	cr_assert(str_is(names_group_of(STR("%DLQ%g")), "g"));
	cr_assert(str_is(names_group_of(STR("plain")), "plain"));
}

static const struct {
	const char *name;
	bool topic, group, not_sendable;
} reserved[] = {
	{ "TBW102", true, false, false },
	{ "BenchmarkTest", true, false, false },
	{ "SELF_TEST_TOPIC", true, false, true },
	{ "OFFSET_MOVED_EVENT", true, false, true },
	{ "SCHEDULE_TOPIC_XXXX", true, false, true },
	{ "RMQ_SYS_TRACE_TOPIC", true, false, false },
	{ "RMQ_SYS_TRANS_HALF_TOPIC", true, false, true },
	{ "RMQ_SYS_TRANS_OP_HALF_TOPIC", true, false, true },
	{ "TRANS_CHECK_MAX_TIME_TOPIC", true, false, true },
	{ "rmq_sys_timer", true, false, true },
	{ "rmq_sys_anything", true, false, false },
	{ "TBW1024", false, false, false },
	{ "%RETRY%g", false, false, false },
	{ "orders", false, false, false },
	{ "TOOLS_CONSUMER", false, true, false },
	{ "CID_ONSAPI_PULL", false, true, false },
	{ "CID_RMQ_SYS_TRANS", false, true, false },
	{ "CID_ONS-HTTP-PROXY", false, true, false },
	{ "CLIENT_INNER_PRODUCER", false, true, false },
	{ "SCHEDULE_CONSUMER", false, true, false },
	{ "CID_MINE", false, false, false },
};

Test(names, knows_the_names_that_are_taken)
{
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
		struct str name = str_of(reserved[i].name);

		cr_expect_eq(names_is_system_topic(name), reserved[i].topic, "%s", name.p);
		cr_expect_eq(names_is_system_group(name), reserved[i].group, "%s", name.p);
		cr_expect_eq(
			names_is_not_sendable(name), reserved[i].not_sendable, "%s", name.p);
	}
}

static const struct {
	const char *wire, *ns, *name, *joined;
} split[] = {
	{ "shop%orders", "shop", "orders", "shop%orders" },
	{ "orders", "default", "orders", "orders" },
	{ "default%orders", "default", "orders", "orders" },
	{ "a%b%c", "a", "b%c", "a%b%c" },
	{ "%x", "", "x", "x" },
	{ "x%", "x", "", "x%" },
	{ "", "default", "", "" },
};

Test(names, splits_and_joins)
{
	for (size_t i = 0; i < ARRAY_LEN(split); i++) {
		struct str ns, name;
		struct buf b;

		names_split(str_of(split[i].wire), &ns, &name);
		cr_expect(str_is(ns, split[i].ns), "namespace of '%s'", split[i].wire);
		cr_expect(str_is(name, split[i].name), "name of '%s'", split[i].wire);
		buf_init(&b, 100);
		names_join(&b, ns, name);
		cr_expect(str_is(buf_str(&b), split[i].joined), "'%s' joined", split[i].wire);
		buf_release(&b);
	}
}

static const struct {
	const char *why, *wire, *canonical;
} aliases[] = {
	{ "nothing to change", "shop%orders", "shop%orders" },
	{ "no namespace", "orders", "orders" },
	{ "cluster id", "rocketmq-abc|shop%orders", "shop%orders" },
	{ "cluster id, no namespace", "rocketmq-abc|orders", "orders" },
	{ "instance", "MQ_INST_rocketmqabc_shop%orders", "shop%orders" },
	{ "namespace with underscores", "MQ_INST_rocketmqabc_my_shop%orders",
		"my_shop%orders" },
	{ "retry", "%RETRY%rocketmq-abc|shop%g", "%RETRY%shop%g" },
	{ "dead letters", "%DLQ%MQ_INST_rocketmqabc_shop%g", "%DLQ%shop%g" },
	{ "retry without alias", "%RETRY%shop%g", "%RETRY%shop%g" },
	{ "the default namespace by name", "default%orders", "orders" },
	{ "both", "rocketmq-abc|default%orders", "orders" },
	{ "retry in the default namespace", "%RETRY%default%g", "%RETRY%g" },
	{ "another cluster", "rocketmq-abd|shop%orders", "rocketmq-abd|shop%orders" },
	{ "another instance", "MQ_INST_rocketmqabd_shop%x", "MQ_INST_rocketmqabd_shop%x" },
	{ "a longer id", "rocketmq-abcd|shop%orders", "rocketmq-abcd|shop%orders" },
	{ "id with its dash", "MQ_INST_rocketmq-abc_shop%x", "MQ_INST_rocketmq-abc_shop%x" },
	{ "id alone", "rocketmq-abc", "rocketmq-abc" },
	{ "instance alone", "MQ_INST_rocketmqabc", "MQ_INST_rocketmqabc" },
	{ "empty", "", "" },
};

Test(names, all_spellings_become_one)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		struct str got;
		struct buf b;

		buf_init(&b, 200);
		buf_puts(&b, "front");
		got = names_canonical(str_of(aliases[i].wire), STR("rocketmq-abc"), &b);
		cr_expect(str_is(got, aliases[i].canonical), "%s: " STR_FMT, aliases[i].why,
			STR_ARG(got));
		buf_release(&b);
	}
}

Test(names, without_a_cluster_id_no_alias_is_taken_off)
{
	struct buf b;

	buf_init(&b, 100);
	cr_assert(str_is(names_canonical(STR("|a%b"), STR(""), &b), "|a%b"));
	cr_assert(str_is(names_canonical(STR("MQ_INST__a%b"), STR_NONE, &b), "MQ_INST__a%b"));
	buf_release(&b);
}
