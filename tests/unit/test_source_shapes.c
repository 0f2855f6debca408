/* SPDX-License-Identifier: Apache-2.0 */
/* source: our own exports, brokers brought together, pages, rows, sheets; several files as one. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "migrate.h"

#define APACHE(body) \
	"{\"format\":\"tdmqctl-export/1\",\"exportTime\":7,\"source\":{\"kind\":\"apache\"," \
	"\"cluster\":\"Main\"},\"apache\":{" body "}}"
#define TOPIC(name, queues, perm) \
	"\"" name "\":{\"topicName\":\"" name "\",\"readQueueNums\":" queues \
	",\"writeQueueNums\":" queues ",\"perm\":" perm "}"
#define BROKER(name, topics, groups) \
	"\"" name "\":{\"topicConfigTable\":{" topics "},\"subscriptionGroupTable\":{" groups \
	"}}"

static void must(struct inventory *inv, const char *text)
{
	struct err e = ERR_INIT;

	cr_assert(zero(int, test_inventory(inv, text, &e)), "%s", e.msg);
}

static size_t count(const struct inventory *inv, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < inv->n; i++)
		n += !strcmp(inv->items[i].name, name);
	return n;
}

Test(source_shapes, brings_brokers_together)
{
	struct inventory inv;
	const struct found *f;

	must(&inv,
		APACHE("\"brokers\":{" BROKER("a",
			TOPIC("t1", "8", "6") "," TOPIC("t2", "4", "6"),
			"\"g1\":{\"groupName\":\"g1\",\"retryMaxTimes\":3}") "," BROKER("b",
			TOPIC("t1", "8", "6"),
			"\"g1\":{\"groupName\":\"g1\",\"retryMaxTimes\":5}") "," BROKER("c",
			TOPIC("t1", "4", "4"),
			"\"g1\":{\"groupName\":\"g1\",\"retryMaxTimes\":5}") "},"
									     "\"orderConf\":{\"t2\":\"a:4\"},\"systemTopics\":[\"own\"],"
									     "\"consumerTopics\":{\"g1\":[\"t1\",\"t2\"]}"));
	cr_expect(eq(sz, inv.n, 3));
	cr_expect(eq(int, inv.masters, 3));
	cr_expect(eq(i64, inv.exported_ms, 7));
	f = test_found(&inv, "t1");
	cr_expect(eq(int, f->topic.write_queues, 20));
	cr_expect(eq(int, f->topic.read_queues, 20));
	cr_expect(eq(int, f->topic.perm, 6));
	cr_expect(eq(u64, f->warnings, WARN_BIT(WARN_BROKERS_DIFFER)));
	f = test_found(&inv, "t2");
	cr_expect(eq(int, f->topic.write_queues, 4));
	cr_expect(eq(int, f->topic.type, TOPIC_FIFO));
	cr_expect(eq(u64, f->warnings, 0));
	cr_expect(eq(int, test_found(&inv, "g1")->group.retry_max, 5));
	cr_assert(eq(sz, inv.n_notes, 4), "queues twice, permission, retries");
	cr_expect(strstr(inv.notes[2], "permission: rw at a, r at c") != NULL, "%s",
		inv.notes[2]);
	cr_expect(strstr(inv.notes[3], "retries: 5 at b, 3 at a") != NULL, "%s", inv.notes[3]);
	cr_assert(eq(sz, inv.n_reads, 2));
	cr_expect(zero(int, strcmp(inv.reads[1].topic, "t2")));
	for (const char *const *s = (const char *const[]){ "a", "b", "c", "Main",
		     "Main_REPLY_TOPIC", "own", NULL };
		*s; s++)
		cr_expect(inventory_is_system(&inv, *s), "%s", *s);
	inventory_release(&inv);
}

Test(source_shapes, tables_summed_already_stay_as_they_are)
{
	struct inventory inv;

	must(&inv, APACHE("\"mergedQueues\":true,\"masterCount\":2,\"brokers\":{" BROKER(
			   "all", TOPIC("t1", "16", "6"), "") "}"));
	cr_expect(eq(int, inv.masters, 2));
	cr_expect(eq(int, test_found(&inv, "t1")->topic.write_queues, 16));
	inventory_release(&inv);
}

Test(source_shapes, differences_are_told_up_to_ten)
{
	struct inventory inv;
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_puts(&b, "{\"format\":\"tdmqctl-export/1\",\"apache\":{\"brokers\":{");
	for (int broker = 0; broker < 2; broker++) {
		buf_addf(&b, "%s\"b%d\":{\"topicConfigTable\":{", broker ? "," : "", broker);
		for (int i = 0; i < 30; i++)
			buf_addf(
				&b, "%s\"t%d\":{\"perm\":%d}", i ? "," : "", i, 4 + 2 * broker);
		buf_puts(&b, "}}");
	}
	buf_puts(&b, "}}}");
	must(&inv, b.p);
	cr_expect(eq(sz, inv.n, 30));
	cr_assert(eq(sz, inv.n_notes, 11));
	cr_expect(strstr(inv.notes[10], "20 more") != NULL, "%s", inv.notes[10]);
	inventory_release(&inv);
	buf_release(&b);
}

/* Two masters of a real cluster, folder by folder. */
Test(source_shapes, folders_of_several_brokers_are_one_cluster)
{
	static const char *const paths[] = { "tests/data/apache/two-masters/store/broker-a",
		"tests/data/apache/two-masters/store/broker-b",
		"tests/data/apache/two-masters/store/broker-a" };
	struct err e = ERR_INIT;
	struct inventory inv, whole;

	inventory_init(&inv);
	inventory_init(&whole);
	cr_assert(zero(int, inventory_read_all(&inv, paths, 3, &e)), "%s", e.msg);
	cr_assert(zero(int, inventory_read(&whole, "tests/data/apache/two-masters", &e)), "%s",
		e.msg);
	cr_expect(eq(int, inv.masters, 2));
	for (size_t i = 0; i < whole.n; i++) {
		const struct found *w = &whole.items[i], *f = test_found(&inv, w->name);

		cr_assert(f != NULL, "%s", w->name);
		cr_expect(eq(sz, count(&inv, w->name), 1));
		if (w->kind == OBJ_TOPIC)
			cr_expect(eq(int, f->topic.write_queues, w->topic.write_queues), "%s",
				w->name);
	}
	inventory_release(&inv);
	inventory_release(&whole);
}

Test(source_shapes, pages_and_lines_and_lists)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{ "{\"topics\":[{\"name\":\"t1\",\"total_write_queue_num\":3}],\"total\":2}\n"
		  "{\"topics\":[{\"name\":\"t2\",\"total_write_queue_num\":\"3,\"}],\"total\":2}\n",
			2 },
		{ "[{\"topics\":[{\"name\":\"t1\",\"total_write_queue_num\":3}]},\n"
		  "{\"groups\":[{\"name\":\"t2\",\"retry_max_time\":3}]}]",
			2 },
		{ "[{\"name\":\"t1\",\"total_write_queue_num\":3},"
		  "{\"name\":\"t2\",\"retry_max_time\":3}]",
			2 },
		{ "{\"topicName\":\"t1\",\"perm\":6}\n\n{\"groupName\":\"t2\"}\r\n", 2 },
		{ "{\"Topic\":\"t1\",\"MessageType\":0}{\"GroupId\":\"t2\",\"GroupType\":\"tcp\"}",
			2 },
		{ "{\"Response\":{\"Topics\":[{\"Name\":\"t1\",\"Type\":\"Normal\"}]}}"
		  "{\"Response\":{\"Groups\":[{\"Name\":\"t2\"}],\"TotalCount\":1}}",
			2 },
		{ "{\"Name\":\"t1\",\"PartitionNum\":3}\n{\"Name\":\"t2\",\"ReadEnabled\":true}",
			2 },
		{ "[main] INFO read\n{0} is not JSON\n{\"topicConfigTable\":{" TOPIC(
			  "t1", "8", "6") "," TOPIC("t2", "8", "6") "}}",
			2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct inventory inv;

		must(&inv, cases[i].text);
		cr_expect(eq(sz, inv.n, cases[i].n), "%s", cases[i].text);
		cr_expect(
			test_found(&inv, "t1") && test_found(&inv, "t2"), "%s", cases[i].text);
		inventory_release(&inv);
	}
}

Test(source_shapes, lists_of_tencent_cloud)
{
	struct inventory inv;
	const struct found *f;

	must(&inv,
		"{\"Response\":{\"Topics\":["
		"{\"Name\":\"pay\",\"Type\":\"GlobalOrder\",\"PartitionNum\":1,\"Namespace\":\"rocketmq-x|shop\","
		"\"Remark\":\"r\"},"
		"{\"Name\":\"GID\",\"Type\":\"Retry\",\"PartitionNum\":1,\"Namespace\":\"shop\"},"
		"{\"Name\":\"%DLQ%GID\",\"Type\":\"DeadLetter\",\"PartitionNum\":1},"
		"{\"Name\":\"later\",\"Type\":\"DelayScheduled\",\"PartitionNum\":3},"
		"{\"Name\":\"odd\",\"Type\":\"Else\",\"PartitionNum\":3}]}}"
		"{\"Response\":{\"Groups\":[{\"Name\":\"GID\",\"Namespace\":\"shop\",\"ReadEnabled\":false,"
		"\"BroadcastEnabled\":\"true\",\"RetryMaxTimes\":7,\"GroupType\":\"HTTP\"}]}}");
	f = test_found(&inv, "shop%pay");
	cr_assert(f != NULL);
	cr_expect(eq(int, f->topic.type, TOPIC_FIFO));
	cr_expect(eq(int, f->topic.write_queues, 1));
	cr_expect(zero(int, strcmp(f->topic.remark, "r")));
	cr_expect(test_found(&inv, "%RETRY%shop%GID") != NULL);
	cr_expect(test_found(&inv, "%DLQ%GID") != NULL);
	cr_expect(eq(int, test_found(&inv, "later")->topic.type, TOPIC_DELAY));
	cr_expect(eq(u64, test_found(&inv, "odd")->warnings, WARN_BIT(WARN_TYPE_GUESSED)));
	f = test_found(&inv, "shop%GID");
	cr_expect(eq(int, f->group.retry_max, 7));
	cr_expect(not(f->group.consume));
	cr_expect(f->group.broadcast);
	inventory_release(&inv);
}

Test(source_shapes, positions_tell_who_reads_what)
{
	struct inventory inv;

	must(&inv, "{\"offsetTable\":{\"shop%t@shop%g\":{0:123,1:98},\"u@h\":{0:1}}}");
	cr_expect(eq(sz, inv.n, 0));
	cr_assert(eq(sz, inv.n_reads, 2));
	cr_expect(zero(int, strcmp(inv.reads[1].topic, "shop%t")));
	cr_expect(zero(int, strcmp(inv.reads[1].group, "shop%g")));
	inventory_release(&inv);
}

static void must_csv(struct inventory *inv, const char *columns, const char *text)
{
	struct err e = ERR_INIT;

	inventory_init(inv);
	inv->csv_columns = columns;
	cr_assert(zero(int, inventory_read_text(inv, "m.csv", str_of(text), &e)), "%s", e.msg);
}

Test(source_shapes, sheets)
{
	struct inventory inv;
	const struct found *f;

	must_csv(&inv, "topic=Topic Name,queues=Queues,type=Kind,namespace=Space",
		"\xef\xbb\xbfTopic Name;Kind;Queues;Space\r\n\"pay; \"\"now\"\"\";PartitionedOrder;4;shop\r\n"
		";;;\r\naudit;5;;\r\n");
	f = test_found(&inv, "shop%pay; \"now\"");
	cr_assert(f != NULL);
	cr_expect(eq(int, f->topic.write_queues, 4));
	cr_expect(eq(int, f->topic.type, TOPIC_FIFO));
	f = test_found(&inv, "audit");
	cr_assert(f != NULL);
	cr_expect(eq(int, f->topic.type, TOPIC_DELAY));
	cr_expect(eq(u64, f->warnings, WARN_BIT(WARN_QUEUES_DEFAULTED)));
	inventory_release(&inv);

	must_csv(&inv, NULL,
		"ConsumerGroupId,ConsumerGroupType,Remark\nGID-pay,TCP,\"two\nlines\"\nGID-web,HTTP,\n");
	cr_expect(eq(sz, inv.n, 2));
	cr_expect(zero(int, strcmp(test_found(&inv, "GID-pay")->group.remark, "two\nlines")));
	cr_expect(eq(u64, test_found(&inv, "GID-web")->warnings,
		WARN_BIT(WARN_ATTRIBUTE_NOT_CARRIED)));
	inventory_release(&inv);

	must_csv(&inv, NULL,
		"ConsumerGroupId\tDeliveryOrderType\tMaxRetryTimes\tRemark\nGID\tOrderly\t20\t-\n");
	cr_expect(eq(int, test_found(&inv, "GID")->group.retry_max, 20));
	inventory_release(&inv);
}

Test(source_shapes, refuses_with_the_place)
{
	static const struct {
		const char *columns, *text, *place;
		int rc;
	} cases[] = {
		{ NULL, APACHE("\"masters\":[]"),
			"'apache.brokers': expected an object, found nothing", TQ_EFORMAT },
		{ NULL, APACHE("\"brokers\":{\"a\":7}"),
			"'apache.brokers.a': expected an object", TQ_EFORMAT },
		{ NULL, APACHE("\"brokers\":{\"a\":{\"topicConfigTable\":{\"t\":{\"perm\":\"rw\"}}}}"),
			"'apache.brokers.a': 'topicConfigTable.t': 'perm'", TQ_EFORMAT },
		{ NULL, "{\"topicName\":\"t1\"}\n\n{\"topicName\":\"t2\",\"perm\":[]}",
			"document 2, from line 3: 'perm': expected a whole number",
			TQ_EFORMAT },
		{ NULL, "{\"topicName\":\"t1\"}\n{\"topicName\":", "document 2, from line 2",
			TQ_EFORMAT },
		{ NULL, "[{\"topicName\":\"t1\"},{}]", "'[1]': no metadata", TQ_EFORMAT },
		{ NULL, "{\"offsetTable\":{\"orders\":{}}}", "expected TOPIC@GROUP",
			TQ_EFORMAT },
		{ NULL, "{\"Response\":{\"Error\":{\"Code\":\"AuthFailure\",\"Message\":\"no\"}}}",
			"AuthFailure: no", TQ_EFORMAT },
		{ NULL, "{\"Response\":{\"Topics\":[{}]}}",
			"'Response.Topics[0]': 'Name' is missing", TQ_EFORMAT },
		{ "topic=T", "A,B\n", "no heading 'T'", TQ_EFORMAT },
		{ "top=A", "A,B\n", "--csv-columns 'top'", TQ_EUSAGE },
		{ "queues=B", "A,B\n", "which is the topic", TQ_EUSAGE },
		{ "topic=A,queues=B", "A,B\nt,1\nu,many\n", "line 3", TQ_EFORMAT },
		{ "topic=A", "A,B\n,1\n", "line 2: neither", TQ_EFORMAT },
		{ "topic=A", "A,B\n\"t,1\n", "line 1: a quote", TQ_EFORMAT },
		{ "topic=A", "A,B\n\xff,1\n", "UTF-8", TQ_EFORMAT },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		struct inventory inv;

		inventory_init(&inv);
		inv.csv_columns = cases[i].columns;
		cr_expect(eq(int, inventory_read_text(&inv, "m.x", str_of(cases[i].text), &e),
				  cases[i].rc),
			"%s: %s", cases[i].text, e.msg);
		cr_expect(strstr(e.msg, "m.x") && strstr(e.msg, cases[i].place), "%s: %s",
			cases[i].place, e.msg);
		inventory_release(&inv);
	}
}

/* Every cut of every kind of text: an answer or an error, never a crash. */
Test(source_shapes, survives_cuts)
{
	static const char *const texts[] = {
		APACHE("\"brokers\":{" BROKER("a", TOPIC("t", "8", "6"),
			"\"g\":{}") "},"
				    "\"orderConf\":{\"t\":\"a:8\"},\"consumerTopics\":{\"g\":[\"t\"]}"),
		"{\"Response\":{\"Topics\":[{\"Name\":\"t\",\"Type\":\"Normal\"}]}}\n{\"Name\":\"g\",\"Type\":1}",
		"ConsumerGroupId,Remark\n\"G\"\"\",\"x\ny\"\n",
	};
	struct err e = ERR_INIT;
	struct inventory inv;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		for (size_t n = 0; n < strlen(texts[i]); n++) {
			char *cut = mem_strn(texts[i], n);

			(void)!test_inventory(&inv, cut, &e);
			inventory_release(&inv);
			mem_free(cut);
		}
}
