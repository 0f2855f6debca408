/* SPDX-License-Identifier: Apache-2.0 */
/* source: what Apache's files hold, told apart by their keys, and what is refused, with its place. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "migrate.h"

#define DATA "tests/data/apache/"
#define TOPIC(name) \
	"\"" name "\":{\"order\":false,\"perm\":6,\"readQueueNums\":8,\"topicName\":\"" name \
	"\",\"writeQueueNums\":8}"
#define GROUP(name) "\"" name "\":{\"groupName\":\"" name "\",\"retryMaxTimes\":5}"
#define TABLES(topics, groups) \
	"\"topicConfigTable\":{" topics "},\"subscriptionGroupTable\":{" groups "}"

Test(source, tells_shapes_apart_by_their_keys)
{
	static const struct {
		const char *text, *shape;
		int64_t exported_ms;
	} cases[] = {
		{ "{\"metadata\":{" TABLES(TOPIC("a1"), GROUP("g1")) ",\"exportTime\":7}}",
			"file of Apache's export.sh", 7 },
		{ "{" TABLES(TOPIC("a1"), GROUP("g1")) ",\"exportTime\":\"8\"}",
			"file of mqadmin exportMetadata", 8 },
		{ "{\"dataVersion\":{\"counter\":1}," TABLES(TOPIC("a1"), GROUP("g1")) "}",
			"configuration file of a broker", 0 },
		{ "\xef\xbb\xbf\n{" TABLES(TOPIC("a1"), GROUP("g1")) "}",
			"configuration file of a broker", 0 },
		{ "OpenJDK warning: {0}\nload config ok\n  {" TABLES(
			  TOPIC("a1"), GROUP("g1")) "}",
			"configuration file of a broker", 0 },
		{ "{\"offsetTable\":{\"a@b\":{0:1}}," TABLES(TOPIC("a1"), GROUP("g1")) "}",
			"configuration file of a broker", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		struct inventory inv;

		cr_assert(zero(int, test_inventory(&inv, cases[i].text, &e)), "%s", e.msg);
		cr_expect(zero(int, strcmp(inv.shape, cases[i].shape)));
		cr_expect(eq(i64, inv.exported_ms, cases[i].exported_ms));
		cr_assert(eq(sz, inv.n, 2));
		cr_expect(eq(int, test_found(&inv, "a1")->topic.write_queues, 8));
		cr_expect(eq(int, test_found(&inv, "g1")->group.retry_max, 5));
		inventory_release(&inv);
	}
}

Test(source, refuses_with_file_and_place)
{
	static const struct {
		const char *why, *text, *place;
		int rc;
	} cases[] = {
		{ "nothing", "", "empty", TQ_EFORMAT },
		{ "blanks", " \n ", "empty", TQ_EFORMAT },
		{ "a spreadsheet", "PK\3\4 rest", "spreadsheet", TQ_EFORMAT },
		{ "no JSON", "topics: orders\n", "line 1, column 1", TQ_EFORMAT },
		{ "cut off", "{\n" TABLES(TOPIC("a1"), GROUP("g1")), "line 2", TQ_EFORMAT },
		{ "log lines keep line numbers", "log\nlog\n{\"topicConfigTable\":{]}",
			"line 3", TQ_EFORMAT },
		{ "a list", "[1,2]", "no metadata", TQ_EFORMAT },
		{ "another file", "{\"filterDataByTopic\":{}}", "no metadata", TQ_EFORMAT },
		{ "half an export", "{\"configs\":{},\"metadata\":{},\"metrics\":{}}",
			"'metadata'", TQ_EFORMAT },
		{ "table is a list", "{\"topicConfigTable\":[]}", "'topicConfigTable'",
			TQ_EFORMAT },
		{ "entry is a number", "{\"topicConfigTable\":{\"a1\":5}}",
			"'topicConfigTable.a1': expected an object, found a number",
			TQ_EFORMAT },
		{ "member is a list", "{\"topicConfigTable\":{\"a1\":{\"perm\":[6]}}}",
			"'topicConfigTable.a1': 'perm': expected a whole number, found a list",
			TQ_EFORMAT },
		{ "member is a fraction",
			"{\"topicConfigTable\":{\"a1\":{\"readQueueNums\":1.5}}}",
			"'readQueueNums'", TQ_EFORMAT },
		{ "group member", "{\"subscriptionGroupTable\":{\"g1\":{\"consumeEnable\":7}}}",
			"'subscriptionGroupTable.g1': 'consumeEnable'", TQ_EFORMAT },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		struct inventory inv;

		cr_expect(eq(int, test_inventory(&inv, cases[i].text, &e), cases[i].rc), "%s",
			cases[i].why);
		cr_expect(strstr(e.msg, "m.json") && strstr(e.msg, cases[i].place), "%s: %s",
			cases[i].why, e.msg);
		inventory_release(&inv);
	}
}

Test(source, refuses_deep_nesting_and_endless_lists)
{
	struct buf deep, wide;
	struct err e = ERR_INIT;
	struct inventory inv;

	buf_init(&deep, 1 << 20);
	buf_init(&wide, 16 << 20);
	buf_puts(&deep, "{\"topicConfigTable\":");
	for (int i = 0; i < 100000; i++)
		buf_puts(&deep, "[");
	cr_expect(eq(int, test_inventory(&inv, deep.p, &e), TQ_EFORMAT));
	inventory_release(&inv);
	buf_puts(&wide, "{\"topicConfigTable\":[");
	for (int i = 0; i < SOURCE_MAX_VALUES; i++)
		buf_puts(&wide, "[],");
	cr_expect(eq(int, test_inventory(&inv, wide.p, &e), TQ_ETOOBIG));
	inventory_release(&inv);
	buf_clear(&wide);
	buf_puts(&wide, "{\"topicConfigTable\":{");
	for (int i = 0; i <= SOURCE_MAX_ITEMS; i++)
		buf_addf(&wide, "%s\"t%d\":{}", i ? "," : "", i);
	buf_puts(&wide, "}}");
	cr_expect(eq(int, test_inventory(&inv, wide.p, &e), TQ_ETOOBIG));
	inventory_release(&inv);
	buf_release(&deep);
	buf_release(&wide);
}

Test(source, refuses_a_huge_file_before_reading_it)
{
	char *dir = test_dir(), *path = mem_fmt("%s/huge.json", dir);
	struct err e = ERR_INIT;
	struct inventory inv;

	test_write(dir, "huge.json", "{");
	cr_assert(zero(int, truncate(path, 200 << 20)));
	inventory_init(&inv);
	cr_expect(eq(int, inventory_read(&inv, path, &e), TQ_ETOOBIG));
	cr_expect(strstr(e.msg, "huge.json") && strstr(e.msg, "200 MiB"), "%s", e.msg);
	inventory_release(&inv);
	mem_free(path);
	test_dir_remove(dir);
}

Test(source, keeps_an_entry_it_cannot_use_for_the_report)
{
	struct err e = ERR_INIT;
	struct inventory inv;

	cr_assert(zero(int,
		test_inventory(&inv,
			"{\"topicConfigTable\":{\"a1\":{\"topicName\":\"b1\"},\"c1\":{\"perm\":-4},"
			"\"\":{},\"d1\":{\"topicName\":null}}}",
			&e)));
	cr_assert(eq(sz, inv.n, 4));
	cr_expect(strstr(test_found(&inv, "a1")->bad, "differ") != NULL);
	cr_expect(strstr(test_found(&inv, "c1")->bad, "perm") != NULL);
	cr_expect(test_found(&inv, "")->bad == NULL);
	inventory_release(&inv);
}

Test(source, reads_types_from_attributes_and_order)
{
	struct err e = ERR_INIT;
	struct inventory inv;

	cr_assert(zero(int,
		test_inventory(&inv,
			"{\"topicConfigTable\":{\"a1\":{\"order\":true},"
			"\"b1\":{\"attributes\":{\"+message.type\":\"DELAY\"}},"
			"\"c1\":{\"attributes\":{\"message.type\":\"ODD\",\"cleanup.policy\":\"X\"}},"
			"\"d1\":{\"attributes\":{\"message.type\":\"NORMAL\"},\"order\":true}}}",
			&e)));
	cr_expect(eq(int, test_found(&inv, "a1")->topic.type, TOPIC_MIXED));
	cr_expect(eq(int, test_found(&inv, "b1")->topic.type, TOPIC_DELAY));
	cr_expect(eq(int, test_found(&inv, "c1")->topic.type, TOPIC_MIXED));
	cr_expect(eq(int, test_found(&inv, "d1")->topic.type, TOPIC_NORMAL));
	cr_expect(test_found(&inv, "c1")->warnings ==
		  (WARN_BIT(WARN_TYPE_GUESSED) | WARN_BIT(WARN_ATTRIBUTE_NOT_CARRIED)));
	inventory_release(&inv);
}

Test(source, takes_the_file_before_when_one_is_broken)
{
	char *dir = test_dir(), *path = mem_fmt("%s/topics.json", dir);
	struct err e = ERR_INIT;
	struct inventory inv;

	test_write(dir, "topics.json", "");
	test_write(dir, "topics.json.bak",
		"{\"dataVersion\":{},\"topicConfigTable\":{" TOPIC("a1") "}}");
	inventory_init(&inv);
	cr_assert(zero(int, inventory_read(&inv, path, &e)), "%s", e.msg);
	cr_expect(eq(sz, inv.n, 1));
	cr_assert(eq(sz, inv.n_notes, 1));
	cr_expect(strstr(inv.notes[0], "topics.json.bak") != NULL);
	inventory_release(&inv);
	mem_free(path);
	test_dir_remove(dir);
}

Test(source, says_what_a_directory_lacks)
{
	char *dir = test_dir();
	struct err e = ERR_INIT;
	struct inventory inv;

	inventory_init(&inv);
	cr_expect(eq(int, inventory_read(&inv, dir, &e), TQ_ENOTFOUND));
	cr_expect(strstr(e.msg, dir) != NULL);
	cr_expect(eq(int, inventory_read(&inv, "/nonexistent/file", &e), TQ_ENOTFOUND));
	inventory_release(&inv);
	test_dir_remove(dir);
}

/* Real exports: see tests/data/apache/README.md. */
Test(source, reads_what_apache_wrote)
{
	static const struct {
		const char *path;
		size_t topics, groups;
		int masters;
		const char *system; /* one that must be known as the deployment's own */
	} cases[] = {
		{ DATA "shop/rocketmq-metadata-export.json", 18, 11, 1, "broker-a" },
		{ DATA "shop", 18, 11, 1, "DefaultCluster" },
		{ DATA "shop/metadata.json", 18, 11, 1, NULL },
		{ DATA "shop/topic.json", 18, 0, 1, NULL },
		{ DATA "shop/subscriptionGroup.json", 0, 11, 1, NULL },
		{ DATA "shop/broker", 18, 11, 1, NULL },
		{ DATA "odd", 32, 8, 1, "DefaultCluster_REPLY_TOPIC" },
		{ DATA "two-masters", 4, 2, 2, "broker-b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		size_t n[OBJ_KINDS] = { 0 };
		struct inventory inv;

		inventory_init(&inv);
		cr_assert(zero(int, inventory_read(&inv, cases[i].path, &e)), "%s", e.msg);
		for (size_t k = 0; k < inv.n; k++) {
			n[inv.items[k].kind]++;
			cr_expect(inv.items[k].bad == NULL, "%s", inv.items[k].bad);
		}
		cr_expect(eq(sz, n[OBJ_TOPIC], cases[i].topics), "%s", cases[i].path);
		cr_expect(eq(sz, n[OBJ_GROUP], cases[i].groups), "%s", cases[i].path);
		cr_expect(eq(int, inv.masters, cases[i].masters));
		if (cases[i].system)
			cr_expect(inventory_is_system(&inv, cases[i].system), "%s",
				cases[i].path);
		inventory_release(&inv);
	}
}

Test(source, knows_a_brokers_own_topics_in_its_store)
{
	static const char *const own[] = { "broker-a", "DefaultCluster",
		"DefaultCluster_REPLY_TOPIC" };
	struct err e = ERR_INIT;
	struct inventory inv;

	inventory_init(&inv);
	cr_assert(zero(int, inventory_read(&inv, DATA "odd/store/broker-a", &e)), "%s", e.msg);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		cr_expect(inventory_is_system(&inv, own[i]), "%s", own[i]);
	cr_expect(not(inventory_is_system(&inv, "shop%perm-7")));
	cr_expect(eq(sz, inv.n_system, ARRAY_LEN(own)));
	inventory_release(&inv);
}

/* Every cut and every flipped bit of a small file: an answer or an error, never a crash. */
Test(source, survives_cuts_and_flips)
{
	static const char text[] =
		"{\"dataVersion\":{\"counter\":1},\"topicConfigTable\":{\"a%b\":"
		"{\"order\":true,\"perm\":6,\"attributes\":{\"x\":\"y\"}}},"
		"\"subscriptionGroupTable\":{\"g\":{\"retryMaxTimes\":3}}}";
	struct err e = ERR_INIT;
	struct inventory inv;
	struct buf b;

	buf_init(&b, 1024);
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		buf_clear(&b);
		buf_add(&b, text, n);
		cr_expect(eq(int, test_inventory(&inv, b.p ? b.p : "", &e), TQ_EFORMAT));
		inventory_release(&inv);
		for (int bit = 0; bit < 8; bit++) {
			buf_clear(&b);
			buf_add(&b, text, sizeof(text) - 1);
			b.p[n] ^= (char)(1 << bit);
			(void)!test_inventory(&inv, b.p, &e);
			inventory_release(&inv);
		}
	}
	buf_release(&b);
}
