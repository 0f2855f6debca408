/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "brokerd/catalog.h"
#include "meta.h"
#include "names.h"

struct box {
	struct meta_box meta;
	struct catalog *c;
	struct arena mem;
};

static const struct catalog_opts plain = {
	.cluster = "C1", .broker = "bk-a", .template_queues = 8
};
static const struct catalog_opts easy = { .cluster = "C1",
	.broker = "bk-a",
	.template_queues = 8,
	.auto_create_topic = true,
	.auto_create_group = true };

static void open_catalog(struct box *b, const struct catalog_opts *o)
{
	struct err e = ERR_INIT;

	cr_assert_eq(catalog_open(b->meta.db, o, &b->c, &e), 0, "%s", e.msg);
}

static void open_box(struct box *b, const struct catalog_opts *o)
{
	arena_init(&b->mem);
	meta_box_init(&b->meta);
	open_catalog(b, o);
}

static void reopen(struct box *b, const struct catalog_opts *o)
{
	meta_box_close(&b->meta);
	catalog_free(b->c);
	meta_box_open(&b->meta);
	open_catalog(b, o);
}

static void close_box(struct box *b)
{
	meta_box_close(&b->meta);
	catalog_free(b->c);
	meta_box_release(&b->meta);
	arena_release(&b->mem);
}

/* What a change came to. */
struct result {
	int calls, rc;
};

static void note(void *arg, int rc, const struct err *e UNUSED)
{
	struct result *r = arg;

	r->calls++;
	r->rc = rc;
}

static struct topic topic_named(const char *name)
{
	struct topic t = topic_defaults();

	t.name = name;
	return t;
}

static int put_topic_how(struct box *b, const char *name, enum catalog_how how, struct err *e)
{
	struct topic t = topic_named(name);
	struct result r = { 0 };
	int rc = catalog_put_topic(b->c, &t, how, note, &r, e);

	cr_assert_eq(r.calls, 0, "done never comes from inside the call");
	meta_settle(&b->meta);
	cr_assert_eq(r.calls, !rc);
	return rc ? rc : r.rc;
}

static int put_topic(struct box *b, const char *name)
{
	return put_topic_how(b, name, CATALOG_PUT, NULL);
}

static int put_group(struct box *b, const char *name)
{
	struct group g = group_defaults();
	struct result r = { 0 };
	int rc;

	g.name = name;
	rc = catalog_put_group(b->c, &g, CATALOG_PUT, note, &r, NULL);
	meta_settle(&b->meta);
	return rc ? rc : r.rc;
}

static int put_namespace(struct box *b, const char *name, enum catalog_how how)
{
	struct namespace n = { .name = name, .retention_ms = 1000 };
	struct result r = { 0 };
	int rc = catalog_put_namespace(b->c, &n, how, note, &r, NULL);

	meta_settle(&b->meta);
	return rc ? rc : r.rc;
}

static int delete_namespace(struct box *b, const char *name)
{
	struct result r = { 0 };
	int rc = catalog_delete_namespace(b->c, str_of(name), note, &r, NULL);

	meta_settle(&b->meta);
	return rc ? rc : r.rc;
}

static bool has_topic(struct box *b, const char *name)
{
	return catalog_topic(b->c, str_of(name));
}

Test(catalog, starts_with_what_the_system_needs)
{
	static const struct {
		const char *name;
		int queues, perm;
	} there[] = {
		{ "C1", 16, 7 },
		{ "bk-a", 1, 7 },
		{ "C1_REPLY_TOPIC", 1, 6 },
		{ "SCHEDULE_TOPIC_XXXX", 18, 6 },
		{ "SELF_TEST_TOPIC", 1, 6 },
		{ "BenchmarkTest", 1024, 6 },
		{ "OFFSET_MOVED_EVENT", 1, 6 },
	};
	struct box b;

	open_box(&b, &plain);
	for (size_t i = 0; i < ARRAY_LEN(there); i++) {
		const struct topic *t = catalog_topic(b.c, str_of(there[i].name));

		cr_expect(t, "%s", there[i].name);
		cr_expect(t && t->write_queues == there[i].queues, "%s", there[i].name);
		cr_expect(t && t->perm == there[i].perm, "%s", there[i].name);
		cr_expect(catalog_is_system_topic(b.c, str_of(there[i].name)));
	}
	cr_assert_not(has_topic(&b, "TBW102"), "auto-creation is off");
	cr_assert(catalog_group(b.c, STR("TOOLS_CONSUMER")));
	cr_assert(catalog_namespace(b.c, STR("default")));
	cr_assert(str_starts(str_of(catalog_cluster_id(b.c)), STR("rocketmq-")));
	cr_assert_eq(strlen(catalog_cluster_id(b.c)), 21);
	close_box(&b);
}

Test(catalog, keeps_everything_over_a_restart)
{
	struct topic t = topic_named("shop%orders");
	struct group g = group_defaults();
	const struct topic *got;
	const struct group *group;
	char id[32];
	struct box b;
	int64_t version;

	open_box(&b, &plain);
	snprintf(id, sizeof(id), "%s", catalog_cluster_id(b.c));
	t.type = TOPIC_FIFO;
	t.read_queues = 5;
	t.write_queues = 4;
	t.perm = PERM_READ;
	t.order = t.multi_tag = true;
	t.remark = "\xe5\xa4\x87\xe6\xb3\xa8";
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, NULL, NULL, NULL), 0);
	g.name = "shop%billing";
	g.retry_max = 3;
	g.broadcast = false;
	g.remark = "note";
	cr_assert_eq(catalog_put_group(b.c, &g, CATALOG_PUT, NULL, NULL, NULL), 0);
	meta_settle(&b.meta);
	version = catalog_topics_version(b.c).counter;
	reopen(&b, &plain);
	cr_assert_str_eq(catalog_cluster_id(b.c), id);
	cr_assert_eq(catalog_topics_version(b.c).counter, version);
	got = catalog_topic(b.c, STR("shop%orders"));
	cr_assert(got);
	cr_assert_eq(got->type, TOPIC_FIFO);
	cr_assert_eq(got->read_queues, 5);
	cr_assert_eq(got->write_queues, 4);
	cr_assert_eq(got->perm, PERM_READ);
	cr_assert(got->order && got->multi_tag);
	cr_assert_str_eq(got->remark, t.remark);
	cr_assert_gt(got->created_ms, 0);
	group = catalog_group(b.c, STR("shop%billing"));
	cr_assert(group);
	cr_assert_eq(group->retry_max, 3);
	cr_assert_not(group->broadcast);
	cr_assert_str_eq(group->remark, "note");
	cr_assert(catalog_namespace(b.c, STR("shop")), "it came with the topic");
	close_box(&b);
}

Test(catalog, shows_a_change_when_it_is_durable)
{
	struct topic t = topic_named("orders");
	struct result r = { 0 };
	struct box b;

	open_box(&b, &plain);
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, note, &r, NULL), 0);
	cr_assert_not(has_topic(&b, "orders"));
	meta_settle(&b.meta);
	cr_assert(has_topic(&b, "orders"));
	cr_assert_eq(r.calls, 1);
	t.perm = PERM_WRITE;
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_UPDATE, note, &r, NULL), 0);
	cr_assert_eq(catalog_delete_topic(b.c, STR("orders"), note, &r, NULL), 0);
	cr_assert(has_topic(&b, "orders"));
	meta_settle(&b.meta);
	cr_assert_not(has_topic(&b, "orders"), "changes take effect in their order");
	cr_assert_eq(r.calls, 3);
	close_box(&b);
}

static const struct {
	const char *why, *name;
	enum catalog_how how;
	int rc;
} puts_[] = {
	{ "new", "one", CATALOG_CREATE, 0 },
	{ "again", "one", CATALOG_CREATE, TQ_EEXIST },
	{ "change", "one", CATALOG_UPDATE, 0 },
	{ "change of nothing", "two", CATALOG_UPDATE, TQ_ENOTOPIC },
	{ "either", "two", CATALOG_PUT, 0 },
	{ "namespaced", "shop%two", CATALOG_CREATE, 0 },
	{ "retry topic, as mqadmin may", "%RETRY%shop%g", CATALOG_PUT, 0 },
	{ "system topic", "TBW102", CATALOG_PUT, TQ_EDENIED },
	{ "topic of the cluster", "C1", CATALOG_PUT, TQ_EDENIED },
	{ "a path", "../etc", CATALOG_PUT, TQ_EINVAL },
	{ "empty", "", CATALOG_PUT, TQ_EINVAL },
	{ "no name behind the namespace", "shop%", CATALOG_PUT, TQ_EINVAL },
	{ "no name behind a new namespace", "shop2%", CATALOG_PUT, TQ_EINVAL },
	{ "namespace too short", "a%t", CATALOG_PUT, TQ_EINVAL },
	{ "empty namespace", "%t", CATALOG_PUT, TQ_EINVAL },
	{ "namespace with a bar", "a|b|c%t", CATALOG_PUT, TQ_EINVAL },
};

Test(catalog, checks_names_and_presence)
{
	struct box b;

	open_box(&b, &plain);
	for (size_t i = 0; i < ARRAY_LEN(puts_); i++) {
		struct err e = ERR_INIT;

		cr_expect_eq(put_topic_how(&b, puts_[i].name, puts_[i].how, &e), puts_[i].rc,
			"%s: %s", puts_[i].why, e.msg);
		cr_expect_eq(!e.msg[0], !puts_[i].rc, "%s", puts_[i].why);
	}
	close_box(&b);
}

static const struct {
	const char *why;
	int read, write, perm;
	const char *remark;
	int rc;
} shapes[] = {
	{ "as usual", 3, 3, 6, "", 0 },
	{ "draining: no write queues", 4, 0, 4, "", 0 },
	{ "as large as imported ones", 1024, 1024, 6, "", 0 },
	{ "too many", 1025, 4, 6, "", TQ_EINVAL },
	{ "negative", 4, -1, 6, "", TQ_EINVAL },
	{ "perm", 4, 4, 16, "", TQ_EINVAL },
	{ "longest remark", 4, 4, 6,
		"1234567890123456789012345678901234567890123456789012345678901234"
		"1234567890123456789012345678901234567890123456789012345678901234",
		0 },
	{ "remark too long", 4, 4, 6,
		"1234567890123456789012345678901234567890123456789012345678901234"
		"12345678901234567890123456789012345678901234567890123456789012345",
		TQ_EINVAL },
	{ "remark that is no text", 4, 4, 6, "\xff\xfe", TQ_EINVAL },
};

Test(catalog, checks_the_shape_of_a_topic)
{
	struct box b;

	open_box(&b, &plain);
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		struct topic t = topic_named("orders");

		t.read_queues = shapes[i].read;
		t.write_queues = shapes[i].write;
		t.perm = shapes[i].perm;
		t.remark = shapes[i].remark;
		cr_expect_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, NULL, NULL, NULL),
			shapes[i].rc, "%s", shapes[i].why);
	}
	close_box(&b);
}

Test(catalog, limits_count_what_is_on_its_way)
{
	struct catalog_opts o = plain;
	struct topic t = topic_named("t1");
	struct err e = ERR_INIT;
	struct box b;

	o.max_topics = 2;
	o.max_groups = 1;
	o.max_namespaces = 2; /* with default */
	open_box(&b, &o);
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, NULL, NULL, NULL), 0);
	t.name = "shop%t2";
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, NULL, NULL, NULL), 0);
	t.name = "t3";
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, NULL, NULL, &e), TQ_ELIMIT);
	cr_assert(strstr(e.msg, "2 topics"), "%s", e.msg);
	t.name = "bank%t3";
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, NULL, NULL, &e), TQ_ELIMIT);
	cr_assert(strstr(e.msg, "2 namespaces"), "%s", e.msg);
	meta_settle(&b.meta);
	cr_assert_eq(put_topic(&b, "t1"), 0, "a change is not a new one");
	cr_assert_eq(put_topic(&b, "%RETRY%g"), 0, "retry topics do not count");
	cr_assert_eq(put_group(&b, "shop%g"), 0);
	cr_assert_eq(put_group(&b, "shop%h"), TQ_ELIMIT);
	cr_assert_eq(catalog_delete_topic(b.c, STR("t1"), NULL, NULL, NULL), 0);
	meta_settle(&b.meta);
	cr_assert_eq(put_topic(&b, "t3"), 0, "room again");
	cr_assert_eq(put_namespace(&b, "bank", CATALOG_CREATE), TQ_ELIMIT);
	close_box(&b);
}

Test(catalog, a_namespace_with_something_in_it_stays)
{
	struct box b;

	open_box(&b, &plain);
	cr_assert_eq(put_namespace(&b, "shop", CATALOG_CREATE), 0);
	cr_assert_eq(put_namespace(&b, "shop", CATALOG_CREATE), TQ_EEXIST);
	cr_assert_eq(put_namespace(&b, "bank", CATALOG_UPDATE), TQ_ENOTFOUND);
	cr_assert_eq(put_namespace(&b, "no such thing", CATALOG_CREATE), TQ_EINVAL);
	cr_assert_eq(put_topic(&b, "shop%t"), 0);
	cr_assert_eq(put_group(&b, "shop%g"), 0);
	cr_assert_eq(catalog_namespace(b.c, STR("shop"))->topics, 1);
	cr_assert_eq(catalog_namespace(b.c, STR("shop"))->groups, 1);
	cr_assert_eq(delete_namespace(&b, "shop"), TQ_EPRECOND);
	catalog_delete_topic(b.c, STR("shop%t"), NULL, NULL, NULL);
	meta_settle(&b.meta);
	cr_assert_eq(delete_namespace(&b, "shop"), TQ_EPRECOND);
	catalog_delete_group(b.c, STR("shop%g"), NULL, NULL, NULL);
	meta_settle(&b.meta);
	cr_assert_eq(delete_namespace(&b, "shop"), 0);
	cr_assert_null(catalog_namespace(b.c, STR("shop")));
	cr_assert_eq(delete_namespace(&b, "shop"), TQ_ENOTFOUND);
	cr_assert_eq(delete_namespace(&b, "default"), TQ_EDENIED);
	reopen(&b, &plain);
	cr_assert_null(catalog_namespace(b.c, STR("shop")));
	close_box(&b);
}

Test(catalog, a_namespace_on_its_way_out_comes_back_with_a_topic)
{
	struct topic t = topic_named("shop%t");
	struct box b;

	open_box(&b, &plain);
	cr_assert_eq(put_namespace(&b, "shop", CATALOG_CREATE), 0);
	cr_assert_eq(catalog_delete_namespace(b.c, STR("shop"), NULL, NULL, NULL), 0);
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, NULL, NULL, NULL), 0);
	cr_assert_eq(catalog_delete_namespace(b.c, STR("shop"), NULL, NULL, NULL), TQ_EPRECOND);
	meta_settle(&b.meta);
	cr_assert(catalog_namespace(b.c, STR("shop")));
	reopen(&b, &plain);
	cr_assert(catalog_namespace(b.c, STR("shop")));
	cr_assert(has_topic(&b, "shop%t"));
	close_box(&b);
}

static const struct {
	const char *why, *name, *like;
	int queues, rc, got;
} ensured[] = {
	{ "as clients ask", "new", "TBW102", 4, 0, 4 },
	{ "bounded by the template", "more", "TBW102", 100, 0, 8 },
	{ "below zero", "none", "TBW102", -3, 0, 0 },
	{ "template that is not there", "x1", "NOPE", 4, TQ_ENOTOPIC, 0 },
	{ "template without inherit", "x2", "SELF_TEST_TOPIC", 4, TQ_ENOTOPIC, 0 },
	{ "retry topics come with groups", "%RETRY%g", "TBW102", 4, TQ_ENOTOPIC, 0 },
	{ "system topics come by themselves", "RMQ_SYS_TRANS_HALF_TOPIC", "TBW102", 4,
		TQ_ENOTOPIC, 0 },
	{ "hostile name", "../../x", "TBW102", 4, TQ_EINVAL, 0 },
	{ "namespaced", "shop%new", "TBW102", 4, 0, 4 },
};

Test(catalog, makes_topics_on_first_use)
{
	struct box b;

	open_box(&b, &easy);
	for (size_t i = 0; i < ARRAY_LEN(ensured); i++) {
		const struct topic *t;
		int rc = catalog_ensure_topic(b.c, str_of(ensured[i].name),
			str_of(ensured[i].like), ensured[i].queues, &t, NULL);

		cr_expect_eq(rc, ensured[i].rc, "%s", ensured[i].why);
		if (rc)
			continue;
		cr_expect_eq(t->write_queues, ensured[i].got, "%s", ensured[i].why);
		cr_expect_eq(t->perm, PERM_RW, "%s: the inherit bit is not inherited",
			ensured[i].why);
		cr_expect(has_topic(&b, ensured[i].name), "%s: usable at once", ensured[i].why);
	}
	reopen(&b, &plain);
	cr_assert(has_topic(&b, "new"), "and durable");
	cr_assert(catalog_namespace(b.c, STR("shop")));
	close_box(&b);
}

Test(catalog, makes_nothing_on_first_use_when_that_is_off)
{
	const struct topic *t;
	const struct group *g;
	struct box b;

	open_box(&b, &plain);
	cr_assert_eq(
		catalog_ensure_topic(b.c, STR("t"), STR("TBW102"), 4, &t, NULL), TQ_ENOTOPIC);
	cr_assert_eq(catalog_ensure_topic(b.c, STR("t"), STR("C1"), 4, &t, NULL), TQ_ENOTOPIC);
	cr_assert_eq(catalog_ensure_group(b.c, STR("g"), &g, NULL), TQ_ENOGROUP);
	cr_assert_eq(catalog_ensure_group(b.c, STR("CID_RMQ_SYS_TRANS"), &g, NULL), 0);
	catalog_set_auto_create(b.c, true, true);
	cr_assert_eq(catalog_ensure_topic(b.c, STR("t"), STR("TBW102"), 4, &t, NULL), 0);
	cr_assert_eq(catalog_ensure_group(b.c, STR("g"), &g, NULL), 0);
	catalog_set_auto_create(b.c, false, false);
	cr_assert_not(has_topic(&b, "TBW102"));
	close_box(&b);
}

Test(catalog, retry_topics_have_the_queues_of_their_group)
{
	struct group g = group_defaults();
	const struct topic *t;
	char longest[WIRE_TOPIC_MAX + 1];
	struct box b;

	open_box(&b, &plain);
	g.name = "shop%g";
	g.retry_queues = 3;
	catalog_put_group(b.c, &g, CATALOG_PUT, NULL, NULL, NULL);
	meta_settle(&b.meta);
	cr_assert_eq(catalog_ensure_retry_topic(b.c, STR("shop%g"), &t, NULL), 0);
	cr_assert_str_eq(t->name, "%RETRY%shop%g");
	cr_assert_eq(t->read_queues, 3);
	cr_assert_eq(t->perm, PERM_RW);
	cr_assert_eq(catalog_ensure_retry_topic(b.c, STR("unknown"), &t, NULL), 0);
	cr_assert_eq(t->read_queues, 1);
	cr_assert_eq(catalog_ensure_dlq_topic(b.c, STR("shop%g"), &t, NULL), 0);
	cr_assert_str_eq(t->name, "%DLQ%shop%g");
	cr_assert_eq(t->read_queues, 1);
	memset(longest, 'g', sizeof(longest));
	cr_assert_eq(catalog_ensure_retry_topic(b.c, (struct str){ longest, 121 }, &t, NULL),
		TQ_EINVAL);
	reopen(&b, &plain);
	cr_assert(has_topic(&b, "%RETRY%shop%g"));
	cr_assert(has_topic(&b, "%DLQ%shop%g"));
	close_box(&b);
}

Test(catalog, lists_by_name)
{
	const struct namespace **spaces;
	const struct topic **topics;
	struct box b;
	size_t n;

	open_box(&b, &plain);
	cr_assert_eq(put_topic(&b, "zzz"), 0);
	cr_assert_eq(put_topic(&b, "aaa%t"), 0);
	n = catalog_topics(b.c, &b.mem, &topics);
	cr_assert_eq((int)n, catalog_topic_count(b.c));
	for (size_t i = 1; i < n; i++)
		cr_assert_lt(strcmp(topics[i - 1]->name, topics[i]->name), 0);
	cr_assert_str_eq(topics[n - 1]->name, "zzz");
	cr_assert_eq(catalog_namespaces(b.c, &b.mem, &spaces), 2);
	cr_assert_str_eq(spaces[0]->name, "aaa");
	close_box(&b);
}

Test(catalog, a_failed_commit_changes_nothing)
{
	struct topic t = topic_named("shop%t");
	struct result r = { 0 };
	sqlite3 *other;
	struct box b;

	open_box(&b, &plain);
	cr_assert_eq(sqlite3_open(b.meta.path, &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	metadb_set_patience(b.meta.db, 10);
	cr_assert_eq(catalog_put_topic(b.c, &t, CATALOG_PUT, note, &r, NULL), 0);
	meta_settle(&b.meta);
	cr_assert_neq(r.rc, 0);
	cr_assert_not(has_topic(&b, "shop%t"));
	cr_assert_null(catalog_namespace(b.c, STR("shop")));
	sqlite3_close(other);
	cr_assert_eq(put_topic(&b, "shop%t"), 0);
	cr_assert_eq(catalog_namespace(b.c, STR("shop"))->topics, 1);
	close_box(&b);
}

Test(catalog, keeps_small_texts)
{
	struct catalog_kv *rows;
	struct box b;

	open_box(&b, &plain);
	catalog_kv_put(b.c, STR("NS"), STR("b"), STR("2"), NULL, NULL, NULL);
	catalog_kv_put(b.c, STR("NS"), STR("a"), STR("1"), NULL, NULL, NULL);
	catalog_kv_put(b.c, STR("N"), STR("Sa"), STR("other"), NULL, NULL, NULL);
	catalog_kv_put(b.c, STR("NS"), STR("b"), STR("3"), NULL, NULL, NULL);
	reopen(&b, &plain);
	cr_assert(str_is(catalog_kv_get(b.c, STR("NS"), STR("b")), "3"));
	cr_assert_eq(catalog_kv_list(b.c, STR("NS"), &b.mem, &rows), 2);
	cr_assert(str_is(rows[0].key, "a"));
	catalog_kv_put(b.c, STR("NS"), STR("b"), STR_NONE, NULL, NULL, NULL);
	reopen(&b, &plain);
	cr_assert_null(catalog_kv_get(b.c, STR("NS"), STR("b")).p);
	cr_assert_eq(
		catalog_kv_put(b.c, STR(""), STR("b"), STR("x"), NULL, NULL, NULL), TQ_EINVAL);
	close_box(&b);
}
