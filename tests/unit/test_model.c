/* SPDX-License-Identifier: Apache-2.0 */
/* model: Apache's tables read and written back byte for byte, and the rules. */
#include <criterion/criterion.h>

#include "model.h"
#include "names.h"

static cJSON *parse(const char *text)
{
	struct err e = ERR_INIT;
	cJSON *doc;

	cr_assert_eq(json_parse(str_of(text), JSON_STRICT, &doc, &e), 0, "%s: %s", text, e.msg);
	return doc;
}

static const char *const topics[] = {
	"{\"order\":false,\"perm\":6,\"readQueueNums\":4,\"topicFilterType\":\"SINGLE_TAG\","
	"\"topicName\":\"T1\",\"topicSysFlag\":0,\"writeQueueNums\":4}",
	"{\"attributes\":{\"message.type\":\"FIFO\"},\"order\":true,\"perm\":7,\"readQueueNums\":8,"
	"\"topicFilterType\":\"MULTI_TAG\",\"topicName\":\"audit-log\",\"topicSysFlag\":2,"
	"\"writeQueueNums\":1}",
	"{\"attributes\":{\"created\":\"1700000000000\",\"message.type\":\"TRANSACTION\","
	"\"remark\":\"say \\\"hi\\\"\"},\"order\":false,\"perm\":0,\"readQueueNums\":0,"
	"\"topicFilterType\":\"SINGLE_TAG\",\"topicName\":\"ns%t\",\"topicSysFlag\":0,"
	"\"writeQueueNums\":0}",
};

Test(model, topics_survive_reading_and_writing)
{
	for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
		cJSON *doc = parse(topics[i]);
		struct err e = ERR_INIT;
		struct topic t;
		struct buf b;
		struct jw w;

		cr_assert_eq(topic_from_json(&t, doc, &e), 0, "%s", e.msg);
		buf_init(&b, 1000);
		w = jw_init(&b);
		topic_to_json(&w, &t);
		cr_expect(str_is(buf_str(&b), topics[i]), "%s", b.p);
		buf_release(&b);
		cJSON_Delete(doc);
	}
}

static const char *const groups[] = {
	"{\"brokerId\":0,\"consumeBroadcastEnable\":true,\"consumeEnable\":true,"
	"\"consumeFromMinEnable\":true,\"groupName\":\"G1\",\"notifyConsumerIdsChangedEnable\":true,"
	"\"retryMaxTimes\":16,\"retryQueueNums\":1,\"whichBrokerWhenConsumeSlowly\":1}",
	"{\"attributes\":{\"created\":\"5\",\"remark\":\"r\"},\"brokerId\":9007199254740993,"
	"\"consumeBroadcastEnable\":false,\"consumeEnable\":false,\"consumeFromMinEnable\":false,"
	"\"groupName\":\"ns%g\",\"notifyConsumerIdsChangedEnable\":false,\"retryMaxTimes\":-1,"
	"\"retryQueueNums\":0,\"whichBrokerWhenConsumeSlowly\":-2}",
};

Test(model, groups_survive_reading_and_writing)
{
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		cJSON *doc = parse(groups[i]);
		struct err e = ERR_INIT;
		struct group g;
		struct buf b;
		struct jw w;

		cr_assert_eq(group_from_json(&g, doc, &e), 0, "%s", e.msg);
		buf_init(&b, 1000);
		w = jw_init(&b);
		group_to_json(&w, &g);
		cr_expect(str_is(buf_str(&b), groups[i]), "%s", b.p);
		buf_release(&b);
		cJSON_Delete(doc);
	}
}

Test(model, namespaces_survive_reading_and_writing)
{
	static const char text[] =
		"{\"createdMs\":1700000000000,\"groups\":2,\"maxGroups\":7,\"maxTopics\":5,"
		"\"name\":\"shop\","
		"\"remark\":\"r\",\"retentionMs\":259200000,\"topics\":3}";
	cJSON *doc = parse(text);
	struct namespace n;
	struct buf b;
	struct jw w;

	cr_assert_eq(namespace_from_json(&n, doc, NULL), 0);
	cr_assert_eq(n.groups, 2);
	cr_assert_eq(n.topics, 3);
	buf_init(&b, 1000);
	w = jw_init(&b);
	namespace_to_json(&w, &n);
	cr_assert_str_eq(b.p, text);
	buf_release(&b);
	cJSON_Delete(doc);
}

Test(model, absent_members_are_apaches_defaults)
{
	cJSON *doc = parse("{}");
	struct topic t;
	struct group g;

	cr_assert_eq(topic_from_json(&t, doc, NULL), 0);
	cr_assert_null(t.name);
	cr_assert_null(t.remark);
	cr_assert_eq(t.read_queues, 16);
	cr_assert_eq(t.write_queues, 16);
	cr_assert_eq(t.perm, PERM_RW);
	cr_assert_eq(t.type, TOPIC_MIXED, "any message may be in a topic nobody gave a type");
	cr_assert(!t.order && !t.multi_tag && !t.sysflag);
	cr_assert_eq(group_from_json(&g, doc, NULL), 0);
	cr_assert(g.consume && g.consume_from_min && g.broadcast && g.notify_changed);
	cr_assert_eq(g.retry_queues, 1);
	cr_assert_eq(g.retry_max, 16);
	cr_assert_eq(g.slow_broker_id, 1);
	cJSON_Delete(doc);
}

static const struct {
	const char *why, *text;
	int topic, group; /* what reading it as either gives */
} odd[] = {
	{ "no object", "[]", TQ_EFORMAT, TQ_EFORMAT },
	{ "null", "null", TQ_EFORMAT, TQ_EFORMAT },
	{ "negative queues", "{\"readQueueNums\":-1}", TQ_EFORMAT, 0 },
	{ "queues beyond reason", "{\"writeQueueNums\":5000000000}", TQ_EFORMAT, 0 },
	{ "permission beyond its bits", "{\"perm\":16}", TQ_EFORMAT, 0 },
	{ "retries beyond 32 bits", "{\"retryMaxTimes\":2147483648}", 0, TQ_EFORMAT },
	{ "negative retry queues", "{\"retryQueueNums\":-1}", 0, TQ_EFORMAT },
	{ "members unknown to us", "{\"x\":{\"y\":[1]}}", 0, 0 },
	{ "attributes of another type", "{\"attributes\":5}", 0, 0 },
};

Test(model, refuses_what_no_table_holds)
{
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		cJSON *doc = parse(odd[i].text);
		struct err e = ERR_INIT;
		struct topic t;
		struct group g;

		cr_expect_eq(topic_from_json(&t, doc, &e), odd[i].topic, "%s", odd[i].why);
		cr_expect_eq(!e.msg[0], !odd[i].topic, "%s", odd[i].why);
		err_clear(&e);
		cr_expect_eq(group_from_json(&g, doc, &e), odd[i].group, "%s", odd[i].why);
		cr_expect_eq(!e.msg[0], !odd[i].group, "%s", odd[i].why);
		cJSON_Delete(doc);
	}
}

Test(model, types_have_names_on_both_sides)
{
	for (int i = 0; i < TOPIC_TYPES; i++) {
		cr_assert_not_null(topic_type_names[i]);
		cr_assert_eq(strcasecmp(topic_type_names[i], topic_type_wire(i)), 0);
		cr_assert_eq(topic_type_from_wire(topic_type_wire(i), -1), i);
	}
	cr_assert_null(topic_type_names[TOPIC_TYPES]);
	cr_assert_eq(topic_type_from_wire("UNSPECIFIED", -1), -1);
	cr_assert_eq(topic_type_from_wire(NULL, 7), 7);
}

Test(model, an_attribute_of_a_request_has_a_sign)
{
	cJSON *doc = parse("{\"attributes\":{\"+message.type\":\"DELAY\"}}");
	struct topic t;

	cr_assert_eq(topic_from_json(&t, doc, NULL), 0);
	cr_assert_eq(t.type, TOPIC_DELAY);
	cJSON_Delete(doc);
}

Test(model, permissions_read_like_a_word)
{
	static const char *const words[] = { "none", "i", "w", "wi", "r", "ri", "rw", "rwi" };
	char room[4];

	for (int i = 0; i < 8; i++)
		cr_expect_str_eq(perm_text(i, room), words[i]);
}

static const struct {
	const char *why;
	struct topic t;
	bool good;
} topic_rules[] = {
	{ "ordinary", { .name = "t", .read_queues = 3, .write_queues = 3, .perm = 6 }, true },
	{ "most queues", { .name = "t", .read_queues = 32, .write_queues = 32, .perm = 6 },
		true },
	{ "a queue more", { .name = "t", .read_queues = 33, .write_queues = 3, .perm = 6 },
		false },
	{ "no queue", { .name = "t", .read_queues = 3, .write_queues = 0, .perm = 6 }, false },
	{ "unknown bit", { .name = "t", .read_queues = 3, .write_queues = 3, .perm = 8 },
		false },
	{ "no name", { .read_queues = 3, .write_queues = 3, .perm = 6 }, false },
	{ "bad name", { .name = "a b", .read_queues = 3, .write_queues = 3, .perm = 6 },
		false },
	{ "type", { .name = "t", .type = TOPIC_TYPES, .read_queues = 3, .write_queues = 3 },
		false },
	{ "remark not UTF-8",
		{ .name = "t", .remark = "\xff", .read_queues = 3, .write_queues = 3 }, false },
};

Test(model, topics_keep_the_rules)
{
	struct topic t = topic_defaults();
	char remark[2 * REMARK_MAX + 3] = "";

	for (size_t i = 0; i < ARRAY_LEN(topic_rules); i++) {
		struct err e = ERR_INIT;
		int rc = topic_validate(&topic_rules[i].t, &e);

		cr_expect_eq(rc, topic_rules[i].good ? 0 : TQ_EINVAL, "%s", topic_rules[i].why);
		cr_expect_eq(!e.msg[0], topic_rules[i].good, "%s", topic_rules[i].why);
	}
	for (int i = 0; i < REMARK_MAX; i++) /* characters, not bytes */
		memcpy(remark + 2 * i, "\xc3\xa9", 2);
	t.name = "t";
	t.remark = remark;
	cr_assert_eq(topic_validate(&t, NULL), 0);
	remark[2 * REMARK_MAX] = 'x';
	cr_assert_eq(topic_validate(&t, NULL), TQ_EINVAL);
}

Test(model, groups_keep_the_rules)
{
	struct group g = group_defaults();

	cr_assert_eq(group_validate(&g, NULL), TQ_EINVAL, "no name");
	g.name = "ns%g";
	cr_assert_eq(group_validate(&g, NULL), 0);
	g.retry_max = -1;
	cr_assert_eq(group_validate(&g, NULL), TQ_EINVAL);
	g.retry_max = 0;
	cr_assert_eq(group_validate(&g, NULL), 0);
	g.retry_queues = TOPIC_QUEUES_MAX + 1;
	cr_assert_eq(group_validate(&g, NULL), TQ_EINVAL);
}
