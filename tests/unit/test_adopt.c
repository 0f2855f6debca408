/* SPDX-License-Identifier: Apache-2.0 */
/* A directory goes to Apache and comes back, the messages aside: tests/interop has the real broker. */
#include <criterion/criterion.h>

#include "apache.h"
#include "brokerd/acl.h"
#include "brokerd/adopt.h"
#include "brokerd/adopt_acl.h"
#include "brokerd/catalog.h"
#include "brokerd/handover.h"
#include "brokerd/offsets.h"
#include "clock.h"
#include "store_kit.h"
#include "thread.h"

struct box {
	char *dir;
	struct metadb *db;
	struct catalog *catalog;
	struct offsets *offsets;
	struct config cfg;
	struct conf conf;
};

static void box_init(struct box *b)
{
	struct err e = ERR_INIT;

	memset(b, 0, sizeof(*b));
	thread_become(&on_loop);
	b->dir = kit_dir();
	conf_init(&b->conf, config_keys, &b->cfg, "BROKERD_TEST_");
	cr_assert_eq(conf_set(&b->conf, "data", b->dir, &e), 0, "%s", e.msg);
	cr_assert_eq(conf_set(&b->conf, "dev", "true", &e), 0, "%s", e.msg);
	cr_assert_eq(conf_set(&b->conf, "commitlog-file-size", "16Mi", &e), 0, "%s", e.msg);
}

static void box_release(struct box *b)
{
	conf_release(&b->conf);
	kit_remove_tree(b->dir);
	mem_free(b->dir);
}

static void box_open(struct box *b)
{
	char *path = kit_path(b->dir, "meta.db");
	struct metadb_opts mo = { path, NULL };
	struct catalog_opts co = { .cluster = "DefaultCluster", .broker = "brokerd" };
	struct err e = ERR_INIT;

	cr_assert_eq(metadb_open(&mo, &b->db, &e), 0, "%s", e.msg);
	cr_assert_eq(catalog_open(b->db, &co, &b->catalog, &e), 0, "%s", e.msg);
	cr_assert_eq(offsets_open(b->db, &b->offsets, &e), 0, "%s", e.msg);
	mem_free(path);
}

static void box_close(struct box *b)
{
	offsets_flush(b->offsets);
	metadb_close(b->db);
	offsets_free(b->offsets);
	catalog_free(b->catalog);
}

static void done(void *arg UNUSED, int rc, const struct err *e)
{
	cr_assert_eq(rc, 0, "%s", e->msg);
}

static void put_topic(struct box *b, const char *name, int queues, int type, const char *remark)
{
	struct topic t = topic_defaults();
	struct err e = ERR_INIT;

	t.name = name;
	t.read_queues = t.write_queues = queues;
	t.type = type;
	t.remark = remark;
	cr_assert_eq(
		catalog_put_topic(b->catalog, &t, CATALOG_PUT, done, NULL, &e), 0, "%s", e.msg);
	while (metadb_deliver(b->db))
		;
}

struct said {
	char left[512];
	int64_t topics;
};

static void hear(void *arg, const struct handover_line *l)
{
	struct said *s = arg;
	size_t n = strlen(s->left);

	if (l->left)
		snprintf(s->left + n, sizeof(s->left) - n, "%s %lld\n", l->object,
			(long long)l->left);
	if (!strcmp(l->object, "topics"))
		s->topics = l->taken;
}

static int hand(struct box *b, bool dry, struct said *s)
{
	struct err e = ERR_INIT;

	memset(s, 0, sizeof(*s));
	return handover(&b->cfg, dry, hear, s, &e);
}

static void take(struct box *b, struct adopt_report *r)
{
	struct err e = ERR_INIT;

	cr_assert_eq(adopt(b->dir, r, &e), 0, "%s", e.msg);
}

/* What Apache's broker does at its end: its tables are written anew. */
static void as_apache(struct box *b, void (*change)(struct apache_config *c))
{
	struct apache_config c;
	struct err e = ERR_INIT;

	apache_init(&c);
	cr_assert_eq(apache_load(&c, b->dir, &e), 0, "%s", e.msg);
	for (size_t i = 0; i < c.n_topics; i++) { /* it knows no attributes */
		c.topics[i].remark = NULL;
		c.topics[i].type = TOPIC_MIXED;
		c.topics[i].created_ms = 0;
	}
	change(&c);
	cr_assert_eq(apache_save(&c, b->dir, &e), 0, "%s", e.msg);
	apache_release(&c);
}

static void one_day(struct apache_config *c)
{
	struct topic t = topic_defaults();

	for (size_t i = 0; i < c->n_topics; i++)
		if (!strcmp(c->topics[i].name, "orders"))
			c->topics[i].read_queues = 8;
	for (size_t i = 0; i < c->n_topics; i++) /* deleted */
		if (!strcmp(c->topics[i].name, "old"))
			c->topics[i] = c->topics[--c->n_topics];
	t.type = TOPIC_MIXED;
	t.name = "shop%new";
	apache_add_topic(c, &t);
	t.name = "broker-a";
	t.perm = PERM_RW | PERM_INHERIT;
	apache_add_topic(c, &t);
	for (size_t i = 0; i < c->n_offsets; i++)
		if (!strcmp(c->offsets[i].group, "svc"))
			c->offsets[i].off = 42;
	c->delays[2] = 9;
}

static void nothing(struct apache_config *c UNUSED)
{
}

Test(adopt, takes_back_what_apache_changed_and_keeps_what_it_cannot_say)
{
	const struct topic *t;
	struct adopt_report r;
	struct err e = ERR_INIT;
	struct said said;
	struct box b;

	box_init(&b);
	box_open(&b);
	put_topic(&b, "orders", 4, TOPIC_FIFO, "of the shop");
	put_topic(&b, "old", 1, TOPIC_MIXED, "");
	cr_assert_eq(offsets_set(b.offsets, STR("svc"), STR("orders"), 1, 7, &e), 0);
	box_close(&b);

	cr_expect_eq(hand(&b, true, &said), TQ_EPARTIAL);
	cr_expect(!kit_exists(b.dir, "config"));
	cr_expect_eq(hand(&b, false, &said), TQ_EPARTIAL);
	cr_expect_str_eq(said.left, "types-and-remarks 1\n");
	cr_expect(kit_exists(b.dir, "broker.conf"));
	cr_expect_eq(adopt_check(b.dir, &e), 0, "%s", e.msg);
	take(&b, &r);
	cr_expect(r.fresh); /* nobody wrote since */

	as_apache(&b, one_day);
	cr_expect_eq(adopt_check(b.dir, &e), TQ_EPRECOND);
	take(&b, &r);
	cr_expect(r.back && !r.fresh);
	cr_expect_eq(r.gone, 1);
	cr_expect_eq(adopt_check(b.dir, &e), 0, "%s", e.msg);
	box_open(&b);
	t = catalog_topic(b.catalog, STR("orders"));
	cr_assert_not_null(t);
	cr_expect_eq(t->read_queues, 8);
	cr_expect_eq(t->type, TOPIC_FIFO);
	cr_expect_str_eq(t->remark, "of the shop");
	cr_expect_null(catalog_topic(b.catalog, STR("old")));
	cr_expect_null(catalog_topic(b.catalog, STR("broker-a")));
	cr_expect_not_null(catalog_topic(b.catalog, STR("shop%new")));
	cr_expect_not_null(catalog_namespace(b.catalog, STR("shop")));
	cr_expect_eq(offsets_get(b.offsets, STR("svc"), STR("orders"), 1), 42);
	/* Ours goes on: its offsets are newer than the files, which were taken. */
	cr_assert_eq(offsets_set(b.offsets, STR("svc"), STR("orders"), 1, 50, &e), 0);
	box_close(&b);
	take(&b, &r);
	cr_expect(r.fresh);
	box_open(&b);
	cr_expect_eq(offsets_get(b.offsets, STR("svc"), STR("orders"), 1), 50);
	box_close(&b);
	box_release(&b);
}

Test(adopt, a_first_adoption_adds_and_a_second_does_nothing)
{
	struct adopt_report r;
	struct said said;
	struct box b;

	box_init(&b);
	box_open(&b);
	put_topic(&b, "mine", 2, TOPIC_MIXED, "");
	box_close(&b);
	as_apache(&b, one_day);
	take(&b, &r);
	cr_expect(!r.back && !r.fresh);
	cr_expect_eq(r.topics, 1);
	cr_expect_eq(r.own, 1);
	cr_expect_eq(r.levels, 1);
	take(&b, &r);
	cr_expect(r.fresh);
	as_apache(&b, nothing); /* the same texts */
	take(&b, &r);
	cr_expect(r.fresh);
	box_open(&b);
	cr_expect_not_null(catalog_topic(b.catalog, STR("mine")));
	box_close(&b);
	cr_expect_eq(hand(&b, false, &said), 0);
	box_release(&b);
}

Test(adopt, refuses_what_is_no_store_of_its_kind)
{
	struct adopt_report r;
	struct err e = ERR_INIT;
	struct box b;
	char *sub;

	box_init(&b);
	cr_expect_eq(adopt(b.dir, &r, &e), TQ_ENOTFOUND);
	cr_expect(!kit_exists(b.dir, "meta.db"));
	sub = kit_path(b.dir, "commitlog");
	cr_assert_eq(fsio_mkdirs(sub, 0700, &e), 0);
	kit_touch(b.dir, "dledger-n0");
	cr_expect_eq(adopt(b.dir, &r, &e), TQ_EUNSUPPORTED);
	kit_remove(b.dir, "dledger-n0");
	cr_expect_eq(adopt(b.dir, &r, &e), 0, "%s", e.msg);
	mem_free(sub);
	box_release(&b);
}

Test(handover, refuses_a_directory_that_is_not_ours)
{
	struct said said;
	struct box b;

	box_init(&b);
	cr_expect_eq(hand(&b, false, &said), TQ_ENOTFOUND);
	cr_expect(!kit_exists(b.dir, "commitlog"));
	box_open(&b);
	box_close(&b);
	cr_expect_eq(hand(&b, false, &said), 0);
	box_release(&b);
}

static void acl_step(void *arg UNUSED, int rc, const struct err *e)
{
	cr_assert_eq(rc, 0, "%s", e->msg);
}

static void make_role(struct box *b, struct acl *a, const char *name, const char *ns, int bits)
{
	struct acl_role r = { .name = name, .remark = "", .allow_from = "" };
	struct acl_grant g = { ACL_NAMESPACE, ns, bits };
	struct err e = ERR_INIT;

	cr_assert_eq(acl_create(a, &r, acl_step, NULL, &e), 0, "%s", e.msg);
	while (metadb_deliver(b->db))
		;
	cr_assert_eq(acl_grant(a, str_of(name), &g, acl_step, NULL, &e), 0, "%s", e.msg);
	while (metadb_deliver(b->db))
		;
}

/* Apache does not start with a file that holds one account it refuses. */
Test(handover, roles_become_accounts_and_those_apache_refuses_are_left)
{
	struct acl_opts ao = { .required = true };
	struct adopt_acl_report r;
	struct err e = ERR_INIT;
	struct said said;
	struct acl *a;
	struct stat st;
	struct buf text;
	struct box b;
	char *path;

	box_init(&b);
	box_open(&b);
	put_topic(&b, "shop%orders", 2, TOPIC_MIXED, "");
	put_topic(&b, "bank%cheques", 2, TOPIC_MIXED, "");
	cr_assert_eq(acl_open(b.db, &ao, &a, &e), 0, "%s", e.msg);
	make_role(&b, a, "orders-app", "shop", ACL_PRODUCE);
	make_role(&b, a, "tiny", "shop", ACL_CONSUME);
	acl_free(a);
	box_close(&b);
	cr_expect_eq(hand(&b, false, &said), TQ_EPARTIAL);
	cr_expect_str_eq(said.left, "accounts 1\n");
	kit_read_file(b.dir, "plain_acl.yml", &text);
	cr_expect_not_null(strstr(text.p, "  secretKey: \"orders-app\"\n"));
	cr_expect_not_null(
		strstr(text.p, "  topicPerms:\n  - \"shop%orders=PUB\"\n"), "%s", text.p);
	cr_expect_null(strstr(text.p, "cheques"));
	cr_expect_null(strstr(text.p, "tiny"));
	path = kit_path(b.dir, "plain_acl.yml");
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600);
	/* Back again: it is a role, and stays one. */
	cr_assert_eq(adopt_acl(b.dir, path, &r, &e), 0, "%s", e.msg);
	cr_expect_eq(r.own, 1);
	cr_expect_eq(r.taken + r.refused, 0);
	mem_free(path);
	buf_release(&text);
	box_release(&b);
}

Test(adopt, takes_accounts_once_and_passes_over_those_it_cannot)
{
	static const char yaml[] =
		"globalWhiteRemoteAddresses:\n- 10.1.2.*\naccounts:\n"
		"- accessKey: RocketMQ\n  secretKey: 12345678\n  admin: false\n"
		"  defaultTopicPerm: DENY\n  defaultGroupPerm: SUB\n"
		"  topicPerms:\n  - topicA=DENY\n  - topicB=PUB|SUB\n"
		"- accessKey: rocketmq2\n  secretKey: \"12345678\"\n"
		"  whiteRemoteAddress: 192.168.1.*\n"
		"- accessKey: short\n  secretKey: \"12345678\"\n";
	struct acl_opts ao = { .required = true };
	struct adopt_acl_report r;
	const struct acl_role *role;
	struct err e = ERR_INIT;
	struct acl *a;
	struct box b;
	char *path;

	box_init(&b);
	path = kit_path(b.dir, "plain_acl.yml");
	cr_assert_eq(fsio_replace(path, str_of(yaml), 0600, &e), 0, "%s", e.msg);
	cr_assert_eq(adopt_acl(b.dir, path, &r, &e), 0, "%s", e.msg);
	cr_expect_eq(r.taken, 1, "%s", r.why);
	cr_expect_eq(r.refused, 2);
	cr_expect_null(strstr(r.why, "12345678"));
	cr_assert_eq(adopt_acl(b.dir, path, &r, &e), 0, "%s", e.msg);
	cr_expect(r.fresh);
	box_open(&b);
	cr_assert_eq(acl_open(b.db, &ao, &a, &e), 0, "%s", e.msg);
	role = acl_role(a, STR("RocketMQ"));
	cr_assert_not_null(role);
	cr_expect_str_eq(role->secret, "12345678");
	cr_expect(acl_may(role, ACL_PRODUCE, ACL_TOPIC, STR("topicB"), NULL));
	cr_expect(!acl_may(role, ACL_EITHER, ACL_TOPIC, STR("topicA"), NULL));
	cr_expect(acl_may(role, ACL_CONSUME, ACL_GROUP, STR("any-group"), NULL));
	cr_expect_str_eq(acl_allow_list(a), "10.1.2.*");
	acl_free(a);
	box_close(&b);
	cr_expect_eq(adopt_acl(b.dir, "/nonexistent", &r, &e), TQ_ENOTFOUND);
	mem_free(path);
	box_release(&b);
}
