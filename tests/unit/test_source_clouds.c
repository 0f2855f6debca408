/* SPDX-License-Identifier: Apache-2.0 */
/* source: exports of Huawei Cloud and Alibaba ONS, and our own envelope around them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "migrate.h"
#include "migrate/mapping.h"

#define EXPORT(format, body) \
	"{\"format\":\"tdmqctl-export/" format "\",\"exportTime\":5," body "}"
#define HUAWEI_LISTS \
	"\"topics\":[{\"name\":\"pay-events\",\"total_read_queue_num\":6," \
	"\"total_write_queue_num\":6.0,\"permission\":\"all\",\"message_type\":\"FIFO\"," \
	"\"brokers\":[{\"broker_name\":\"broker-0\",\"write_queue_num\":3}," \
	"{\"broker_name\":\"broker-1\",\"write_queue_num\":3}]}," \
	"{\"name\":\"ns1%audit\",\"permission\":\"sub\",\"brokers\":[{\"broker_name\":\"b\"," \
	"\"read_queue_num\":\"3,\",\"write_queue_num\":\"3,\"}]}]," \
	"\"groups\":[{\"name\":\"GID-pay\",\"group_desc\":\"workers\",\"enabled\":false," \
	"\"broadcast\":false,\"retry_max_time\":15}]"

Test(source_clouds, huawei_lists_in_an_answer_and_in_an_export)
{
	static const char *const texts[] = { "{" HUAWEI_LISTS ",\"total\":2}",
		EXPORT("1", "\"huawei\":{" HUAWEI_LISTS "}") };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err e = ERR_INIT;
		struct inventory inv;
		const struct found *f;

		cr_assert(zero(int, test_inventory(&inv, texts[i], &e)), "%s", e.msg);
		cr_assert(eq(sz, inv.n, 3));
		cr_expect(eq(int, inv.masters, 2));
		f = test_found(&inv, "pay-events");
		cr_expect(eq(int, f->topic.write_queues, 6));
		cr_expect(eq(int, f->topic.type, TOPIC_FIFO));
		cr_expect(zero(u64, f->warnings));
		f = test_found(&inv, "ns1%audit");
		cr_expect(eq(int, f->topic.write_queues, 3));
		cr_expect(eq(int, f->topic.perm, PERM_READ));
		cr_expect(ne(u64, f->warnings & WARN_BIT(WARN_TYPE_GUESSED), 0));
		f = test_found(&inv, "GID-pay");
		cr_expect(eq(int, f->group.retry_max, 15));
		cr_expect(not(f->group.consume));
		cr_expect(not(f->group.broadcast));
		cr_expect(zero(int, strcmp(f->group.remark, "workers")));
		inventory_release(&inv);
	}
}

Test(source_clouds, huawei_metadata_export)
{
	struct err e = ERR_INIT;
	struct inventory inv;

	cr_assert(
		zero(int,
			test_inventory(&inv,
				"{\"export_time\":9,\"topic_config_table\":{\"a1\":{\"topic_name\":\"a1\","
				"\"order\":true,\"perm\":2,\"write_queue_nums\":4,\"read_queue_nums\":4,"
				"\"attributes\":{\"message.type\":\"DELAY\"}}},\"subscription_group_table\":"
				"{\"g1\":{\"group_name\":\"g1\",\"consume_broadcast_enable\":false,"
				"\"retry_max_times\":3}}}",
				&e)),
		"%s", e.msg);
	cr_expect(eq(i64, inv.exported_ms, 9));
	cr_expect(eq(int, test_found(&inv, "a1")->topic.write_queues, 4));
	cr_expect(eq(int, test_found(&inv, "a1")->topic.type, TOPIC_DELAY));
	cr_expect(eq(int, test_found(&inv, "a1")->topic.perm, PERM_WRITE));
	cr_expect(eq(int, test_found(&inv, "g1")->group.retry_max, 3));
	cr_expect(not(test_found(&inv, "g1")->group.broadcast));
	inventory_release(&inv);
}

#define ONS_ID "MQ_INST_1234567890123456_BAexamp1"
#define ONS_TOPICS \
	"[{\"Topic\":\"pay-events\",\"MessageType\":1,\"Relation\":4,\"Remark\":\"payments\"}," \
	"{\"Topic\":\"one\",\"MessageType\":2},{\"Topic\":\"odd\",\"MessageType\":9}]"

static void expect_ons(const char *instance_name, const char *space)
{
	char *text = mem_fmt(
		EXPORT("1.2",
			"\"incomplete\":[{\"what\":\"groups of x\",\"message\":\"refused\"}],"
			"\"ons\":{\"instances\":[{\"instance\":{\"InstanceId\":\"" ONS_ID "\","
			"\"InstanceName\":\"%s\",\"IndependentNaming\":true},\"topics\":" ONS_TOPICS
			",\"groups\":[{\"GroupId\":\"GID-pay\",\"GroupType\":\"tcp\"}],\"groupSubs\":"
			"{\"GID-pay\":{\"MessageModel\":\"CLUSTERING\"}}}]}"),
		instance_name);
	struct mapping m = { NULL };
	struct err e = ERR_INIT;
	struct target_name to;
	struct inventory inv;
	const struct found *f;

	cr_assert(zero(int, test_inventory(&inv, text, &e)), "%s", e.msg);
	cr_assert(eq(sz, inv.n, 4));
	cr_expect(eq(i64, inv.exported_ms, 5));
	cr_assert(eq(sz, inv.n_notes, 1));
	cr_expect(zero(int, strcmp(inv.notes[0], "the export lacks groups of x: refused")));
	f = test_found(&inv, ONS_ID "%pay-events");
	cr_expect(eq(int, f->topic.type, TOPIC_FIFO));
	cr_expect(eq(int, f->topic.write_queues, 8));
	cr_expect(eq(int, f->topic.perm, PERM_RW));
	cr_expect(ne(u64, f->warnings & WARN_BIT(WARN_QUEUES_DEFAULTED), 0));
	cr_expect(eq(int, test_found(&inv, ONS_ID "%one")->topic.write_queues, 1));
	cr_expect(ne(ptr, (void *)test_found(&inv, ONS_ID "%odd")->bad, NULL));
	cr_expect(not(test_found(&inv, ONS_ID "%GID-pay")->group.broadcast));
	m.spaces = inv.spaces;
	m.n_spaces = inv.n_spaces;
	cr_assert(zero(int, mapping_apply(&m, OBJ_TOPIC, f->name, &to, &e)), "%s", e.msg);
	cr_expect(zero(int, strcmp(to.ns, space)), "%s", to.ns);
	cr_expect(zero(int, strcmp(to.name, "pay-events")));
	inventory_release(&inv);
	mem_free(text);
}

Test(source_clouds, ons_instances_become_namespaces)
{
	expect_ons("shop", "shop");
	expect_ons("a name with blanks", "ali-BAexamp1");
}

Test(source_clouds, ons_answers)
{
	struct err e = ERR_INIT;
	struct inventory inv;

	cr_assert(
		zero(int,
			test_inventory(&inv,
				"{\"Data\":{\"PublishInfoDo\":[{\"Topic\":\"audit\",\"MessageType\":\"5\","
				"\"InstanceId\":\"" ONS_ID "\",\"IndependentNaming\":true},"
				"{\"Topic\":\"old\",\"MessageType\":0,\"InstanceId\":\"I\","
				"\"IndependentNaming\":false}]}}",
				&e)),
		"%s", e.msg);
	cr_expect(eq(int, test_found(&inv, ONS_ID "%audit")->topic.type, TOPIC_DELAY));
	cr_expect(eq(int, test_found(&inv, "old")->topic.type, TOPIC_NORMAL));
	cr_expect(eq(sz, inv.n_spaces, 1));
	inventory_release(&inv);
}

Test(source_clouds, refuses_with_the_place)
{
	static const struct {
		const char *text, *place;
	} cases[] = {
		{ EXPORT("2", "\"ons\":{}"), "made by a newer tdmqctl" },
		{ EXPORT("x", "\"ons\":{}"), "format" },
		{ EXPORT("1", "\"kafka\":{}"), "no metadata that can be read" },
		{ EXPORT("1", "\"huawei\":{\"topics\":{}}"), "'topics': expected a list" },
		{ EXPORT("1", "\"huawei\":{\"groups\":[{\"name\":\"g\"},{}]}"),
			"'groups[1]': 'name' is missing" },
		{ EXPORT("1", "\"ons\":{\"instances\":[{\"topics\":[7]}]}"),
			"'instances[0]': 'topics[0]': expected an object" },
		{ "{\"topic_config_table\":{\"a\":{\"perm\":\"rw\"}}}",
			"'topic_config_table.a': 'perm': expected a whole number" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		struct inventory inv;

		cr_expect(eq(int, test_inventory(&inv, cases[i].text, &e), TQ_EFORMAT), "%s",
			cases[i].text);
		cr_expect(ne(ptr, strstr(e.msg, cases[i].place), NULL), "%s: %s",
			cases[i].place, e.msg);
		inventory_release(&inv);
	}
}
