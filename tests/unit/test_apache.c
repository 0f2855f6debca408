/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <unistd.h>

#include "apache.h"
#include "store_kit.h"

static const char real_offsets[] =
	"{\n\t\"offsetTable\":{\n\t\t\"%RETRY%shop%pay-svc@shop%pay-svc\":{"
	"0:0,1:7\n\t\t},\n\t\t\"heartbeat@legacy\":{0:2\n\t\t}\n\t}\n}";

static void parse(struct apache_config *c, enum apache_file f, const char *text)
{
	struct err e = ERR_INIT;

	cr_assert_eq(apache_parse(c, f, str_of(text), &e), 0, "%s", e.msg);
}

Test(apache, reads_and_prints_offsets_byte_for_byte)
{
	struct apache_config c;
	struct buf out;

	apache_init(&c);
	buf_init(&out, 1 << 20);
	parse(&c, APACHE_OFFSETS, real_offsets);
	cr_assert_eq(c.n_offsets, 3);
	cr_expect_str_eq(c.offsets[1].topic, "%RETRY%shop%pay-svc");
	cr_expect_str_eq(c.offsets[1].group, "shop%pay-svc");
	cr_expect_eq(c.offsets[1].queue, 1);
	cr_expect_eq(c.offsets[1].off, 7);
	apache_print(&c, APACHE_OFFSETS, &out);
	cr_expect_str_eq(out.p, real_offsets);
	buf_release(&out);
	apache_release(&c);
}

Test(apache, prints_topics_as_apache_does)
{
	static const char want[] =
		"{\n\t\"dataVersion\":{\n\t\t\"counter\":3,\n\t\t\"timestamp\":17\n\t},\n"
		"\t\"topicConfigTable\":{\n\t\t\"orders\":{\n\t\t\t\"order\":false,\n"
		"\t\t\t\"perm\":6,\n\t\t\t\"readQueueNums\":4,\n"
		"\t\t\t\"topicFilterType\":\"SINGLE_TAG\",\n\t\t\t\"topicName\":\"orders\",\n"
		"\t\t\t\"topicSysFlag\":0,\n\t\t\t\"writeQueueNums\":4\n\t\t}\n\t}\n}";
	struct topic t = topic_defaults();
	struct apache_config c;
	struct buf out;

	apache_init(&c);
	buf_init(&out, 1 << 20);
	t.name = "orders";
	t.type = TOPIC_MIXED;
	t.read_queues = t.write_queues = 4;
	apache_add_topic(&c, &t);
	c.topics_version = (struct apache_version){ 3, 17 };
	apache_print(&c, APACHE_TOPICS, &out);
	cr_expect_str_eq(out.p, want);
	buf_release(&out);
	apache_release(&c);
}

Test(apache, counts_what_no_table_can_hold)
{
	struct apache_config c;

	apache_init(&c);
	parse(&c, APACHE_OFFSETS,
		"{\"offsetTable\":{\"a@b\":{-1:2,70000:1,3:-4,4:5},\"none\":{0:1},\"@g\":{0:1}}}");
	cr_expect_eq(c.n_offsets, 1);
	cr_expect_eq(c.refused, 5);
	cr_expect(c.why[0]);
	parse(&c, APACHE_TOPICS, "{\"topicConfigTable\":{\"../x\":{},\"ok\":{}}}");
	cr_expect_eq(c.n_topics, 1);
	cr_expect_eq(c.topics[0].read_queues, 16);
	parse(&c, APACHE_DELAYS, "{\"offsetTable\":{1:5,99:1,0:1}}");
	cr_expect_eq(c.delays[0], 5);
	cr_expect_eq(c.refused, 8);
	apache_release(&c);
}

Test(apache, refuses_text_that_is_no_table_at_each_cut)
{
	struct err e = ERR_INIT;
	struct apache_config c;

	for (size_t n = 0; n < sizeof(real_offsets) - 1; n++) {
		struct str part = { real_offsets, n };

		apache_init(&c);
		cr_expect_neq(apache_parse(&c, APACHE_OFFSETS, part, &e), 0, "at %zu", n);
		apache_release(&c);
	}
}

static void write_in(const char *dir, const char *name, const char *text)
{
	char *path = kit_path(dir, name);
	struct err e = ERR_INIT;

	cr_assert_eq(fsio_replace(path, str_of(text), 0600, &e), 0, "%s", e.msg);
	mem_free(path);
}

Test(apache, takes_the_backup_of_a_file_that_is_empty_or_torn)
{
	static const char *const damaged[] = { "", " \n",
		"{\"offsetTable\":{\"a@b\":{0:", NULL };
	char *dir = kit_dir(), *config = kit_path(dir, "config");
	struct err e = ERR_INIT;
	struct apache_config c;

	cr_assert_eq(fsio_mkdirs(config, 0700, &e), 0);
	write_in(dir, "config/consumerOffset.json.bak", real_offsets);
	for (int i = 0; damaged[i]; i++) {
		write_in(dir, "config/consumerOffset.json", damaged[i]);
		apache_init(&c);
		cr_assert_eq(apache_load(&c, dir, &e), 0, "%s", e.msg);
		cr_expect_eq(c.n_offsets, 3);
		cr_expect(!c.there[APACHE_TOPICS]);
		apache_release(&c);
	}
	write_in(dir, "config/consumerOffset.json.bak", "{");
	apache_init(&c);
	cr_expect_eq(apache_load(&c, dir, &e), TQ_EFORMAT);
	apache_release(&c);
	kit_remove_tree(dir);
	mem_free(config);
	mem_free(dir);
}

Test(apache, keeps_what_was_there_as_backup_and_reads_its_own_files)
{
	char *dir = kit_dir();
	struct err e = ERR_INIT;
	struct apache_config c, again;
	struct buf text;

	apache_init(&c);
	parse(&c, APACHE_OFFSETS, real_offsets);
	c.delays[17] = 40;
	cr_assert_eq(apache_save(&c, dir, &e), 0, "%s", e.msg);
	cr_expect(!kit_exists(dir, "config/consumerOffset.json.bak"));
	apache_add_offset(&c, STR("x"), STR("y"), 0, 1);
	cr_assert_eq(apache_save(&c, dir, &e), 0, "%s", e.msg);
	kit_read_file(dir, "config/consumerOffset.json.bak", &text);
	cr_expect_str_eq(text.p, real_offsets);
	apache_init(&again);
	cr_assert_eq(apache_load(&again, dir, &e), 0, "%s", e.msg);
	cr_expect_eq(again.n_offsets, 4);
	cr_expect_eq(again.delays[17], 40);
	cr_expect_eq(again.digest, c.digest);
	apache_release(&again);
	apache_release(&c);
	buf_release(&text);
	kit_remove_tree(dir);
	mem_free(dir);
}
