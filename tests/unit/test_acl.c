/* SPDX-License-Identifier: Apache-2.0 */
/* Roles without a broker: what they may, whose a request is, and that all of it lasts. */
#include "brokerd/acl.h"
#include "clock.h"
#include "meta.h"
#include "mem.h"
#include "sign.h"

#define SECRET "0123456789abcdef"

struct box {
	struct meta_box meta;
	struct acl *a;
	uint32_t lost;
	int n_lost;
	bool lost_old;
};

static void on_lost(void *arg, uint32_t role, bool old_only)
{
	struct box *b = arg;

	b->lost = role;
	b->lost_old = old_only;
	b->n_lost++;
}

static void open_acl(struct box *b)
{
	struct acl_opts o = { true, SECRET, 3, on_lost, b };
	struct err e = ERR_INIT;

	cr_assert_eq(acl_open(b->meta.db, &o, &b->a, &e), 0, "%s", e.msg);
}

static void open_box(struct box *b)
{
	memset(b, 0, sizeof(*b));
	meta_box_init(&b->meta);
	open_acl(b);
}

static void reopen(struct box *b)
{
	meta_box_close(&b->meta);
	acl_free(b->a);
	meta_box_open(&b->meta);
	open_acl(b);
}

static void close_box(struct box *b)
{
	meta_box_close(&b->meta);
	acl_free(b->a);
	meta_box_release(&b->meta);
}

static int last;

static void note(void *arg UNUSED, int rc, const struct err *e UNUSED)
{
	last = rc;
}

/* The result of a change, once it is through. */
static int through(struct box *b, int rc)
{
	last = 0;
	if (!rc)
		meta_settle(&b->meta);
	return rc ? rc : last;
}

static int create(struct box *b, const char *name)
{
	struct acl_role r = { .name = name, .remark = "note" };

	return through(b, acl_create(b->a, &r, note, NULL, NULL));
}

static int grant(
	struct box *b, const char *role, enum acl_kind kind, const char *name, int bits)
{
	struct acl_grant g = { kind, name, bits };

	return through(b, acl_grant(b->a, str_of(role), &g, note, NULL, NULL));
}

static int take(struct box *b, const char *role, enum acl_kind kind, const char *name, int bits)
{
	struct acl_grant g = { kind, name, bits };

	return through(b, acl_revoke(b->a, str_of(role), &g, note, NULL, NULL));
}

static const struct acl_role *role(struct box *b, const char *name)
{
	return acl_role(b->a, str_of(name));
}

/* --- what they may --- */

static const struct {
	const char *why;
	enum acl_kind kind;
	const char *name;
	int bits;
	bool may;
} asked[] = {
	{ "what was granted", ACL_TOPIC, "shop%orders", ACL_PRODUCE, true },
	{ "the other verb", ACL_TOPIC, "shop%orders", ACL_CONSUME, false },
	{ "either", ACL_TOPIC, "shop%orders", ACL_EITHER, true },
	{ "another namespace", ACL_TOPIC, "bank%orders", ACL_PRODUCE, false },
	{ "the namespace without a name", ACL_TOPIC, "orders", ACL_PRODUCE, false },
	{ "a namespace that begins so", ACL_TOPIC, "shop2%orders", ACL_PRODUCE, false },
	{ "a namespace in capitals", ACL_TOPIC, "SHOP%orders", ACL_PRODUCE, false },
	{ "a namespace within", ACL_TOPIC, "bank%shop%orders", ACL_PRODUCE, false },
	{ "a group", ACL_GROUP, "shop%g", ACL_PRODUCE, true },
	{ "a retry topic is its group's", ACL_TOPIC, "%RETRY%shop%g", ACL_PRODUCE, true },
	{ "a dead letter topic too", ACL_TOPIC, "%DLQ%shop%g", ACL_PRODUCE, true },
	{ "of another namespace", ACL_TOPIC, "%RETRY%bank%g", ACL_PRODUCE, false },
	{ "a retry topic of a retry topic", ACL_TOPIC, "%RETRY%%RETRY%shop%g", ACL_PRODUCE,
		false },
	{ "no namespace at all", ACL_TOPIC, "%shop%g", ACL_PRODUCE, false },
	{ "a topic of its own", ACL_TOPIC, "bank%payments", ACL_CONSUME, true },
	{ "goes before its namespace", ACL_TOPIC, "shop%secret", ACL_PRODUCE, false },
	{ "a group of that name is none", ACL_GROUP, "bank%payments", ACL_CONSUME, false },
	{ "a group of its own", ACL_GROUP, "bank%readers", ACL_CONSUME, true },
	{ "its retry topic", ACL_TOPIC, "%RETRY%bank%readers", ACL_CONSUME, true },
};

Test(acl, the_nearest_grant_decides)
{
	char rule[ACL_RULE_TEXT];
	struct box b;

	open_box(&b);
	cr_assert_eq(create(&b, "app"), 0);
	cr_assert_eq(grant(&b, "app", ACL_NAMESPACE, "shop", ACL_PRODUCE), 0);
	cr_assert_eq(grant(&b, "app", ACL_TOPIC, "bank%payments", ACL_CONSUME), 0);
	cr_assert_eq(grant(&b, "app", ACL_GROUP, "bank%readers", ACL_CONSUME), 0);
	cr_assert_eq(grant(&b, "app", ACL_TOPIC, "shop%secret", ACL_DENY), 0);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ARRAY_LEN(asked); i++)
			cr_assert_eq(acl_may(role(&b, "app"), asked[i].bits, asked[i].kind,
					     str_of(asked[i].name), rule),
				asked[i].may, "%s: %s", asked[i].why, rule);
		reopen(&b);
	}
	cr_assert(acl_namespace_used(b.a, STR("shop")));
	cr_assert(acl_namespace_used(b.a, STR("bank")), "by a topic");
	cr_assert_not(acl_namespace_used(b.a, STR("other")));
	close_box(&b);
}

Test(acl, without_a_grant_nothing)
{
	struct box b;

	open_box(&b);
	cr_assert_eq(create(&b, "app"), 0);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++)
		cr_assert_not(acl_may(role(&b, "app"), ACL_EITHER, asked[i].kind,
			str_of(asked[i].name), NULL));
	close_box(&b);
}

Test(acl, grants_add_up_and_are_taken_one_by_one)
{
	struct acl_grant more[] = { { ACL_NAMESPACE, "shop", ACL_PRODUCE },
		{ ACL_NAMESPACE, "shop", ACL_CONSUME } };
	struct box b;

	open_box(&b);
	cr_assert_eq(create(&b, "app"), 0);
	for (int i = 0; i < 2; i++) /* both under way at once */
		cr_assert_eq(acl_grant(b.a, STR("app"), &more[i], note, NULL, NULL), 0);
	meta_settle(&b.meta);
	cr_assert_eq(role(&b, "app")->n_grants, 1);
	cr_assert_eq(role(&b, "app")->grants[0].bits, ACL_EITHER);
	cr_assert_eq(b.n_lost, 0, "more is no loss");
	cr_assert_eq(take(&b, "app", ACL_NAMESPACE, "shop", ACL_PRODUCE), 0);
	cr_assert_eq(b.lost, role(&b, "app")->id);
	reopen(&b);
	cr_assert_eq(role(&b, "app")->grants[0].bits, ACL_CONSUME);
	cr_assert_eq(take(&b, "app", ACL_NAMESPACE, "shop", ACL_EITHER), 0);
	cr_assert_eq(role(&b, "app")->n_grants, 0);
	reopen(&b);
	cr_assert_eq(role(&b, "app")->n_grants, 0);
	cr_assert_eq(grant(&b, "none", ACL_NAMESPACE, "shop", ACL_PRODUCE), TQ_ENOTFOUND);
	close_box(&b);
}

/* --- roles --- */

static const struct {
	const char *why, *name, *remark, *from;
	int rc;
} fresh[] = {
	{ "a role", "a", "", "10.0.0.0/8", 0 },
	{ "the same again", "a", "", "", TQ_EEXIST },
	{ "no name", "", "", "", TQ_EINVAL },
	{ "33 letters", "abcdefghijklmnopqrstuvwxyzabcdefg", "", "", TQ_EINVAL },
	{ "32 letters", "abcdefghijklmnopqrstuvwxyzabcdef", "", "", 0 },
	{ "a path", "../x", "", "", TQ_EINVAL },
	{ "a percent sign", "a%b", "", "", TQ_EINVAL },
	{ "a control byte", "a\033b", "", "", TQ_EINVAL },
	{ "the administrator", "admin", "", "", TQ_EINVAL },
	{ "a long note", "b",
		"1234567890123456789012345678901234567890123456789012345678901234567890"
		"1234567890123456789012345678901",
		"", TQ_EINVAL },
	{ "a note that is no UTF-8", "b", "\xff", "", TQ_EINVAL },
	{ "an address that is none", "b", "", "host", TQ_EINVAL },
	{ "the last that has room", "b", "", "", 0 },
	{ "one too many", "c", "", "", TQ_ELIMIT },
};

Test(acl, roles_keep_the_rules_of_names)
{
	struct box b;

	open_box(&b);
	for (size_t i = 0; i < ARRAY_LEN(fresh); i++) {
		struct acl_role r = { .name = fresh[i].name,
			.remark = fresh[i].remark,
			.allow_from = fresh[i].from };
		struct err e = ERR_INIT;

		cr_assert_eq(through(&b, acl_create(b.a, &r, note, NULL, &e)), fresh[i].rc,
			"%s: %s", fresh[i].why, e.msg);
	}
	reopen(&b);
	cr_assert_str_eq(role(&b, "a")->allow_from, "10.0.0.0/8");
	close_box(&b);
}

Test(acl, a_role_with_grants_is_not_deleted_by_mistake)
{
	uint32_t id;
	struct box b;

	open_box(&b);
	cr_assert_eq(create(&b, "app"), 0);
	cr_assert_eq(grant(&b, "app", ACL_NAMESPACE, "shop", ACL_PRODUCE), 0);
	id = role(&b, "app")->id;
	cr_assert_eq(
		through(&b, acl_delete(b.a, STR("app"), false, note, NULL, NULL)), TQ_EPRECOND);
	cr_assert_eq(through(&b, acl_delete(b.a, STR("app"), true, note, NULL, NULL)), 0);
	cr_assert_null(role(&b, "app"));
	cr_assert_eq(b.lost, id);
	cr_assert_eq(create(&b, "app"), 0);
	cr_assert_eq(role(&b, "app")->n_grants, 0, "a new one starts without");
	reopen(&b);
	cr_assert_eq(role(&b, "app")->n_grants, 0);
	close_box(&b);
}

/* --- whose request --- */

static int identify(struct box *b, const char *key, const char *secret, const char *from,
	struct acl_who *who)
{
	char text[SIGN_TEXT];
	struct command c;
	struct err e = ERR_INIT;
	struct host h;
	bool many;
	int rc;

	cr_assert_eq(host_parse(str_of(from), &h, &e), 0);
	command_init(&c, REQ_GET_MAX_OFFSET);
	command_add(&c, "topic", STR("T1"));
	c.body = STR("hello");
	if (key)
		command_add(&c, "AccessKey", str_of(key));
	if (secret)
		sign_request(&c, str_of(secret), text);
	if (secret)
		command_add(&c, "Signature", str_of(text));
	rc = acl_identify(b->a, &c, &h, who, &many, &e);
	cr_assert_eq(rc, e.code);
	if (rc)
		cr_assert_null(key && strlen(key) > 10 ? strstr(e.msg, key) : NULL,
			"a token is in the text: %s", e.msg);
	return rc;
}

static char *token(struct box *b, const char *name)
{
	return mem_str(role(b, name)->key);
}

Test(acl, knows_whose_a_request_is)
{
	struct acl_role bound = { .name = "bound", .allow_from = "10.0.0.0/8" };
	struct acl_who who;
	char *app, *other;
	struct box b;

	open_box(&b);
	cr_assert_eq(create(&b, "app"), 0);
	cr_assert_eq(through(&b, acl_create(b.a, &bound, note, NULL, NULL)), 0);
	app = token(&b, "app");
	other = token(&b, "bound");
	cr_assert_eq(identify(&b, app, "app", "1.1.1.1", &who), 0);
	cr_assert_eq(who.class, ACL_ROLE);
	cr_assert_eq(who.role, role(&b, "app"));
	cr_assert_gt(who.role->used_ms, 0);
	cr_assert_eq(identify(&b, app, "bound", "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, app, NULL, "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, app, "", "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, NULL, NULL, "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, "", "app", "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, "app", "app", "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, other, "bound", "10.2.3.4", &who), 0);
	cr_assert_eq(identify(&b, other, "bound", "11.2.3.4", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, "admin", SECRET, "1.1.1.1", &who), 0);
	cr_assert_eq(who.class, ACL_ADMIN);
	cr_assert_eq(identify(&b, "admin", "admin", "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, "admin", "", "1.1.1.1", &who), TQ_EDENIED);
	mem_free(app);
	mem_free(other);
	close_box(&b);
}

Test(acl, an_old_token_ends_with_its_grace)
{
	struct acl_who who;
	char *old, *now;
	struct box b;

	open_box(&b);
	cr_assert_eq(create(&b, "app"), 0);
	old = token(&b, "app");
	cr_assert_eq(through(&b, acl_rotate(b.a, STR("app"), 3600000, note, NULL, NULL)), 0);
	now = token(&b, "app");
	cr_assert_str_neq(old, now);
	cr_assert_eq(b.n_lost, 0);
	for (int pass = 0; pass < 2; pass++) {
		cr_assert_eq(identify(&b, old, "app", "1.1.1.1", &who), 0);
		cr_assert(who.old_key);
		cr_assert_eq(identify(&b, now, "app", "1.1.1.1", &who), 0);
		cr_assert_not(who.old_key);
		reopen(&b);
	}
	mem_free(old);
	old = now;
	cr_assert_eq(through(&b, acl_rotate(b.a, STR("app"), 1, note, NULL, NULL)), 0);
	usleep(5000);
	cr_assert_eq(identify(&b, old, "app", "1.1.1.1", &who), TQ_EDENIED);
	acl_tick(b.a);
	cr_assert(b.lost_old, "and its connections go");
	cr_assert_eq(identify(&b, old, "app", "1.1.1.1", &who), TQ_EDENIED);
	mem_free(old);
	old = token(&b, "app");
	cr_assert_eq(through(&b, acl_rotate(b.a, STR("app"), 0, note, NULL, NULL)), 0);
	cr_assert_eq(identify(&b, old, "app", "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(b.lost, role(&b, "app")->id);
	cr_assert_not(b.lost_old);
	mem_free(old);
	close_box(&b);
}

Test(acl, accounts_are_apaches)
{
	struct acl_grant perms[] = { { ACL_ALL_TOPICS, "", ACL_CONSUME },
		{ ACL_TOPIC, "T1", ACL_EITHER }, { ACL_TOPIC, "T2", ACL_DENY } };
	struct acl_role r = {
		.name = "rocketmq2", .key = "rocketmq2", .grants = perms, .n_grants = 3
	};
	unsigned kinds = 1u << ACL_ALL_TOPICS | 1u << ACL_TOPIC;
	struct acl_who who;
	struct err e = ERR_INIT;
	struct box b;

	open_box(&b);
	cr_assert_eq(acl_put_account(b.a, &r, kinds, note, NULL, &e), TQ_EINVAL, "no secret");
	r.secret = "short";
	cr_assert_eq(acl_put_account(b.a, &r, kinds, note, NULL, &e), TQ_EINVAL);
	r.secret = "12345678";
	cr_assert_eq(
		through(&b, acl_put_account(b.a, &r, kinds, note, NULL, &e)), 0, "%s", e.msg);
	cr_assert_eq(identify(&b, "rocketmq2", "12345678", "1.1.1.1", &who), 0);
	cr_assert(acl_may(who.role, ACL_PRODUCE, ACL_TOPIC, STR("T1"), NULL));
	cr_assert_not(acl_may(who.role, ACL_CONSUME, ACL_TOPIC, STR("T2"), NULL));
	cr_assert(acl_may(who.role, ACL_CONSUME, ACL_TOPIC, STR("T3"), NULL));
	cr_assert_not(acl_may(who.role, ACL_CONSUME, ACL_GROUP, STR("G"), NULL));
	r.secret = NULL;
	r.n_grants = 0;
	cr_assert_eq(through(&b, acl_put_account(b.a, &r, 0, note, NULL, &e)), 0);
	cr_assert_eq(role(&b, "rocketmq2")->n_grants, 3, "what was not given stays");
	cr_assert_neq(b.lost, 0);
	r.secret = "abcdefgh";
	cr_assert_eq(through(&b, acl_put_account(b.a, &r, 1u << ACL_TOPIC, note, NULL, &e)), 0);
	reopen(&b);
	cr_assert_eq(role(&b, "rocketmq2")->n_grants, 1);
	cr_assert_eq(identify(&b, "rocketmq2", "12345678", "1.1.1.1", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, "rocketmq2", "abcdefgh", "1.1.1.1", &who), 0);
	cr_assert_eq(acl_rotate(b.a, STR("rocketmq2"), 0, note, NULL, &e), TQ_EPRECOND);
	r.admin = true;
	cr_assert_eq(through(&b, acl_put_account(b.a, &r, 0, note, NULL, &e)), 0);
	cr_assert_eq(identify(&b, "rocketmq2", "abcdefgh", "1.1.1.1", &who), 0);
	cr_assert_eq(who.class, ACL_ADMIN);
	close_box(&b);
}

Test(acl, an_account_takes_nobodys_token)
{
	struct acl_role r = { .secret = "12345678" };
	struct err e = ERR_INIT;
	char *app;
	struct box b;

	open_box(&b);
	cr_assert_eq(create(&b, "app-role"), 0);
	app = token(&b, "app-role");
	r.name = r.key = "app-role";
	cr_assert_eq(acl_put_account(b.a, &r, 0, note, NULL, &e), TQ_EEXIST, "the name");
	r.name = "another1";
	r.key = app;
	cr_assert_eq(acl_put_account(b.a, &r, 0, note, NULL, &e), TQ_EEXIST, "the token");
	mem_free(app);
	close_box(&b);
}

Test(acl, listed_addresses_need_not_sign)
{
	struct acl_who who;
	int64_t counter, ms;
	struct box b;

	open_box(&b);
	cr_assert_eq(
		through(&b, acl_set_allow_list(b.a, STR("10.0.0.*"), note, NULL, NULL)), 0);
	cr_assert_eq(b.lost, ACL_LISTED_ID);
	reopen(&b);
	cr_assert_str_eq(acl_allow_list(b.a), "10.0.0.*");
	cr_assert_eq(identify(&b, NULL, NULL, "10.0.0.9", &who), 0);
	cr_assert_eq(who.class, ACL_LISTED);
	cr_assert_eq(identify(&b, NULL, NULL, "10.0.1.9", &who), TQ_EDENIED);
	cr_assert_eq(identify(&b, "admin", SECRET, "10.0.0.9", &who), 0);
	cr_assert_eq(who.class, ACL_ADMIN, "who signs is who he is");
	cr_assert_eq(acl_set_allow_list(b.a, STR("10.0.0"), note, NULL, NULL), TQ_EINVAL);
	acl_version(b.a, &counter, &ms);
	cr_assert_eq(counter, 1);
	cr_assert_gt(ms, 0);
	close_box(&b);
}

/* S11 */
Test(acl, an_address_that_always_fails_is_told_apart)
{
	struct host bad = { .ip = { 1, 1, 1, 1 } }, good = { .ip = { 1, 1, 1, 2 } };
	int n_many = 0;
	struct acl_who who;
	struct command c;
	struct err e;
	struct box b;
	bool many;

	open_box(&b);
	command_init(&c, REQ_GET_MAX_OFFSET);
	for (int i = 0; i < 1000; i++) {
		bad.port = (uint32_t)i;
		err_clear(&e);
		cr_assert_eq(acl_identify(b.a, &c, &bad, &who, &many, &e), TQ_EDENIED);
		n_many += many;
	}
	cr_assert_geq(n_many, 900);
	cr_assert_eq(acl_identify(b.a, &c, &good, &who, &many, &e), TQ_EDENIED);
	cr_assert_not(many, "it is another address");
	for (uint32_t i = 0; i < 5000; i++) { /* the memory has an end */
		memcpy(bad.ip, &i, sizeof(i));
		acl_identify(b.a, &c, &bad, &who, &many, &e);
	}
	close_box(&b);
}
