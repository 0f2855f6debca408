/* SPDX-License-Identifier: Apache-2.0 */
/* export: the envelope, the formats of others, and what never gets into either. */
#include <criterion/criterion.h>
#include <sys/stat.h>

#include "migrate.h"
#include "migrate/export.h"

#define TOPICS \
	"[{\"name\":\"shop%orders\",\"total_write_queue_num\":6,\"total_read_queue_num\":6," \
	"\"message_type\":\"FIFO\",\"brokers\":[{\"broker_name\":\"a\"},{\"broker_name\":\"b\"}]," \
	"\"note\":{\"Secret_Key\":\"canary\",\"secretEnabled\":true,\"userPassword\":\"canary\"}}]"
#define GROUPS "[{\"name\":\"shop%pay\",\"group_desc\":\"\\u00e4\",\"retry_max_time\":5}]"

static void make(struct export *x)
{
	struct err e = ERR_INIT;
	cJSON *list = NULL;

	export_init(x, "huawei");
	export_source(x, "region", "cn-east-3");
	export_source(x, "projectId", NULL);
	cr_assert_eq(json_parse(STR(TOPICS), JSON_STRICT, &list, &e), 0, "%s", e.msg);
	cJSON_AddItemToObject(x->body, "topics", list);
	cr_assert_eq(json_parse(STR(GROUPS), JSON_STRICT, &list, &e), 0, "%s", e.msg);
	cJSON_AddItemToObject(x->body, "groups", list);
	x->topics = x->groups = 1;
}

Test(export, keeps_everything_but_secrets)
{
	struct err e = ERR_INIT;
	struct inventory inv;
	struct export x;
	struct buf text;

	make(&x);
	export_incomplete(&x, "users", "PERMISSION_DENIED", "no");
	buf_init(&text, 1 << 20);
	cr_assert_eq(export_text(&x, EXPORT_OWN, &text, &e), 0, "%s", e.msg);
	cr_expect_null(strstr(text.p, "canary"));
	cr_expect_not_null(strstr(text.p, "\"secretEnabled\": true"));
	cr_expect_not_null(strstr(text.p, "\"format\": \"tdmqctl-export/1\""));
	cr_expect_not_null(strstr(text.p, "\"kind\": \"huawei\""));
	cr_expect_null(strstr(text.p, "projectId"));
	inventory_init(&inv);
	cr_assert_eq(inventory_read_text(&inv, "x", buf_str(&text), &e), 0, "%s", e.msg);
	cr_expect_eq(inv.n, 2);
	cr_expect_eq(inv.n_notes, 1);
	inventory_release(&inv);
	buf_release(&text);
	export_release(&x);
}

Test(export, other_formats_say_the_same)
{
	for (int f = EXPORT_MQADMIN; f <= EXPORT_HUAWEI; f++) {
		struct err e = ERR_INIT;
		const struct found *t;
		struct inventory inv;
		struct export x;
		struct buf text;

		make(&x);
		buf_init(&text, 1 << 20);
		cr_assert_eq(export_text(&x, (enum export_format)f, &text, &e), 0, "%s", e.msg);
		cr_assert_eq(test_inventory(&inv, text.p, &e), 0, "%d: %s", f, e.msg);
		cr_assert_eq(inv.n, 2);
		t = test_found(&inv, "shop%orders");
		cr_assert_not_null(t);
		/* The last one has numbers per broker. */
		cr_expect_eq(t->topic.write_queues, f == EXPORT_HUAWEI ? 3 : 6);
		cr_expect_eq(t->topic.type, TOPIC_FIFO);
		cr_expect_eq(test_found(&inv, "shop%pay")->group.retry_max, 5);
		inventory_release(&inv);
		buf_release(&text);
		export_release(&x);
	}
}

Test(export, own_format_needs_the_sources_words)
{
	struct err e = ERR_INIT;
	struct inventory inv;
	struct buf text;

	inventory_init(&inv);
	buf_init(&text, 100);
	cr_expect_eq(export_inventory(&inv, EXPORT_OWN, &text, &e), TQ_EUNSUPPORTED);
	cr_expect_eq(export_inventory(&inv, EXPORT_COMBINED, &text, &e), TQ_ETOOBIG);
	inventory_release(&inv);
	buf_release(&text);
}

Test(export, writes_a_file_for_its_owner_alone)
{
	char *dir = test_dir(), *path = mem_fmt("%s/x.json", dir);
	struct err e = ERR_INIT;
	struct stat st;

	test_write(dir, "x.json", "what was there");
	cr_expect_eq(export_write(path, STR("{}\n"), &e), 0, "%s", e.msg);
	cr_expect_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	cr_expect_eq(st.st_size, 3);
	mem_free(path);
	test_dir_remove(dir);
}
