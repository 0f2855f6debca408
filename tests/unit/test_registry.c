/* SPDX-License-Identifier: Apache-2.0 */
/* registry, and the queue locks of rebalance: who is there, who is told, who owns a queue. */
#include <criterion/criterion.h>

#include "brokerd/rebalance.h"
#include "brokerd/registry.h"
#include "buf.h"
#include "clock.h"

/* Connections are addresses only. */
static char conns[8];

#define CONN(i) ((struct conn *)(void *)&conns[i])

struct told {
	int times[ARRAY_LEN(conns)];
	int all;
};

static void tell(void *arg, struct conn *c, struct str group UNUSED)
{
	struct told *t = arg;

	t->times[(char *)c - conns]++;
	t->all++;
}

struct box {
	struct registry *r;
	struct told told;
	struct arena mem;
};

static void open_box(struct box *b)
{
	struct registry_opts o = { tell, &b->told };

	memset(b, 0, sizeof(*b));
	clock_test_set(1700000000000);
	arena_init(&b->mem);
	b->r = registry_new(&o);
}

static void close_box(struct box *b)
{
	registry_free(b->r);
	arena_release(&b->mem);
	clock_test_off();
}

struct want {
	const char *topic, *text;
	int64_t version;
};

static void beat(struct box *b, int conn, const char *id, const char *group,
	const struct want *wants, size_t n)
{
	struct heartbeat_from from = { CONN(conn), str_of(id), STR("10.0.0.1:5000"), 0, 409 };
	struct heartbeat_consumer c = { .group = str_of(group),
		.type = CONSUME_PASSIVELY,
		.model = MODEL_CLUSTERING,
		.notify = true };
	struct subscription subs[4];
	struct err e = ERR_INIT;

	for (size_t i = 0; i < n; i++)
		cr_assert_eq(subscription_parse(&subs[i], &b->mem, str_of(wants[i].topic),
				     str_of(wants[i].text), STR_NONE, wants[i].version, &e),
			0);
	c.subs = subs;
	c.n_subs = n;
	cr_assert_eq(registry_consumer(b->r, &from, &c, &e), 0, "%s", e.msg);
}

static const struct want one[] = { { "t", "*", 1 } };

Test(registry, a_new_member_is_told_with_the_others_and_a_beat_is_not)
{
	struct consumers c;
	struct box b;

	open_box(&b);
	beat(&b, 0, "a", "g", one, 1);
	cr_assert_eq(b.told.times[0], 1, "the first member starts at once");
	beat(&b, 1, "b", "g", one, 1);
	cr_assert_eq(b.told.times[0], 2);
	cr_assert_eq(b.told.times[1], 1);
	beat(&b, 0, "a", "g", one, 1);
	beat(&b, 1, "b", "g", one, 1);
	cr_assert_eq(b.told.all, 3, "heartbeats alone tell nobody");
	cr_assert(registry_consumers(b.r, STR("g"), &c));
	cr_assert_eq(c.n_members, 2);
	cr_assert_str_eq(c.members[0]->client_id, "a");
	cr_assert_str_eq(c.members[1]->client_id, "b");
	cr_assert_not(registry_consumers(b.r, STR("other"), &c));
	close_box(&b);
}

static const struct {
	const char *why;
	struct want before, after[2];
	size_t n_after;
	bool told;
	const char *text; /* of topic t afterwards; NULL: gone */
} changes[] = {
	{ "same", { "t", "a", 5 }, { { "t", "a", 5 } }, 1, false, "a" },
	{ "newer expression", { "t", "a", 5 }, { { "t", "b", 6 } }, 1, false, "b" },
	{ "older expression", { "t", "a", 5 }, { { "t", "b", 4 } }, 1, false, "a" },
	{ "beyond 32 bits", { "t", "a", 1700000000000 }, { { "t", "b", 1700000000001 } }, 1,
		false, "b" },
	{ "one more topic", { "t", "a", 5 }, { { "t", "a", 5 }, { "u", "*", 1 } }, 2, true,
		"a" },
	{ "another topic", { "t", "a", 5 }, { { "u", "*", 5 } }, 1, true, NULL },
	{ "no topic", { "t", "a", 5 }, { { NULL, NULL, 0 } }, 0, true, NULL },
};

Test(registry, only_a_new_set_of_topics_makes_a_group_look_again)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		const struct subscription *s;
		struct box b;
		bool online;

		open_box(&b);
		beat(&b, 0, "a", "g", &changes[i].before, 1);
		b.told.all = 0;
		beat(&b, 0, "a", "g", changes[i].after, changes[i].n_after);
		cr_expect_eq(b.told.all, changes[i].told, "%s", changes[i].why);
		s = registry_subscription(b.r, STR("g"), STR("t"), &online);
		cr_expect(online, "%s", changes[i].why);
		cr_expect_eq(s != NULL, changes[i].text != NULL, "%s", changes[i].why);
		if (s)
			cr_expect(str_is(s->text, changes[i].text), "%s", changes[i].why);
		close_box(&b);
	}
}

Test(registry, leaving_tells_the_rest_and_the_last_one_closes_the_group)
{
	struct consumers c;
	struct box b;
	bool online;

	open_box(&b);
	beat(&b, 0, "a", "g", one, 1);
	beat(&b, 1, "b", "g", one, 1);
	beat(&b, 2, "c", "g", one, 1);
	memset(&b.told, 0, sizeof(b.told));
	registry_unregister(b.r, CONN(1), STR(""), STR("g"), true);
	cr_assert_eq(b.told.all, 2);
	cr_assert_eq(b.told.times[1], 0);
	registry_conn_closed(b.r, CONN(0));
	cr_assert_eq(b.told.times[2], 2);
	cr_assert(registry_consumers(b.r, STR("g"), &c));
	cr_assert_eq(c.n_members, 1);
	registry_conn_closed(b.r, CONN(2));
	registry_conn_closed(b.r, CONN(2));
	cr_assert_not(registry_consumers(b.r, STR("g"), &c));
	cr_assert_null(registry_subscription(b.r, STR("g"), STR("t"), &online));
	cr_assert_not(online);
	close_box(&b);
}

Test(registry, a_member_without_heartbeats_goes_after_two_minutes)
{
	struct consumers c;
	struct box b;

	open_box(&b);
	beat(&b, 0, "a", "g", one, 1);
	clock_test_advance(REGISTRY_EXPIRE_MS - 1000);
	beat(&b, 1, "b", "g", one, 1);
	clock_test_advance(1000);
	registry_tick(b.r, clock_mono_ms());
	cr_assert(registry_consumers(b.r, STR("g"), &c));
	cr_assert_eq(c.n_members, 2, "exactly 120 s is in time");
	b.told.all = 0;
	clock_test_advance(1);
	registry_tick(b.r, clock_mono_ms());
	cr_assert(registry_consumers(b.r, STR("g"), &c));
	cr_assert_eq(c.n_members, 1);
	cr_assert_str_eq(c.members[0]->client_id, "b");
	cr_assert_eq(b.told.all, 1);
	registry_tick(b.r, clock_mono_ms());
	cr_assert_eq(b.told.all, 1, "once for each member that goes");
	close_box(&b);
}

Test(registry, producers_come_and_go_by_group_and_connection)
{
	struct heartbeat_from from = { CONN(3), STR("p"), STR("10.0.0.1:5000"), 9, 409 };
	const struct member *const *members;
	struct err e = ERR_INIT;
	struct str *groups;
	struct box b;

	open_box(&b);
	cr_assert_eq(registry_producer(b.r, &from, STR("pg2"), &e), 0);
	cr_assert_eq(registry_producer(b.r, &from, STR("pg1"), &e), 0);
	cr_assert_eq(registry_producers(b.r, STR("pg1"), &members), 1);
	cr_assert_str_eq(members[0]->client_id, "p");
	cr_assert_eq(registry_producer_groups(b.r, &b.mem, &groups), 2);
	cr_assert(str_is(groups[0], "pg1"));
	cr_assert(registry_producer_by_id(b.r, STR("p")));
	registry_unregister(b.r, CONN(3), STR("pg1"), STR(""), true);
	cr_assert_eq(registry_producers(b.r, STR("pg1"), &members), 0);
	registry_conn_closed(b.r, CONN(3));
	cr_assert_null(registry_producer_by_id(b.r, STR("p")));
	close_box(&b);
}

Test(registry, names_the_groups_of_a_topic)
{
	static const struct want two[] = { { "t", "*", 1 }, { "u", "*", 1 } };
	struct str *groups;
	struct box b;

	open_box(&b);
	beat(&b, 0, "a", "z", one, 1);
	beat(&b, 1, "b", "g", two, 2);
	cr_assert_eq(registry_groups_of_topic(b.r, STR("t"), &b.mem, &groups), 2);
	cr_assert(str_is(groups[0], "g"));
	cr_assert(str_is(groups[1], "z"));
	cr_assert_eq(registry_groups_of_topic(b.r, STR("u"), &b.mem, &groups), 1);
	cr_assert_eq(registry_groups_of_topic(b.r, STR("none"), &b.mem, &groups), 0);
	close_box(&b);
}

Test(registry, one_connection_cannot_fill_it)
{
	struct heartbeat_from from = { CONN(0), STR("a"), STR("x"), 0, 409 };
	struct err e = ERR_INIT;
	struct box b;
	char name[32];
	int rc = 0, n = 0;

	open_box(&b);
	for (; !rc && n < 100000; n++) {
		snprintf(name, sizeof(name), "g%d", n);
		rc = registry_producer(b.r, &from, str_of(name), &e);
	}
	cr_assert_eq(rc, TQ_ELIMIT);
	registry_conn_closed(b.r, CONN(0));
	cr_assert_eq(registry_producer(b.r, &from, STR("g"), &e), 0);
	close_box(&b);
}

static const struct {
	const char *why, *text, *type;
	int rc;
	size_t tags;
	bool all, sql;
} expressions[] = {
	{ "everything", "*", NULL, 0, 0, true, false },
	{ "empty is everything", "", NULL, 0, 0, true, false },
	{ "one tag", "a", "TAG", 0, 1, false, false },
	{ "two tags", "a || b", "TAG", 0, 2, false, false },
	{ "without blanks", "a||b", NULL, 0, 2, false, false },
	{ "double tags count once", "a || a || b", NULL, 0, 2, false, false },
	{ "empty parts are nothing", "|| a ||", NULL, 0, 1, false, false },
	{ "one bar is part of a tag", "a | b", NULL, 0, 1, false, false },
	{ "only bars", "||", NULL, TQ_EFILTER, 0, false, false },
	{ "blanks", "   ", NULL, TQ_EFILTER, 0, false, false },
	{ "SQL", "a > 1", "SQL92", 0, 0, false, true },
	{ "empty SQL", "", "SQL92", TQ_EFILTER, 0, false, true },
	{ "unknown language", "a", "XPATH", TQ_EFILTER, 0, false, true },
};

Test(registry, reads_expressions)
{
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
		struct subscription s;
		struct err e = ERR_INIT;
		int rc = subscription_parse(&s, &a, STR("t"), str_of(expressions[i].text),
			str_of(expressions[i].type), 7, &e);

		cr_expect_eq(rc, expressions[i].rc, "%s", expressions[i].why);
		cr_expect_eq(s.kind == SUB_SQL, expressions[i].sql, "%s", expressions[i].why);
		if (rc)
			continue;
		cr_expect_eq(s.n_tags, expressions[i].tags, "%s", expressions[i].why);
		cr_expect_eq(s.all, expressions[i].all, "%s", expressions[i].why);
	}
	arena_release(&a);
}

Test(registry, matches_by_the_hash_of_the_tag)
{
	struct subscription s;
	struct arena a;

	arena_init(&a);
	cr_assert_eq(subscription_parse(&s, &a, STR("t"), STR("TagA || \xe4\xb8\xad"),
			     STR("TAG"), 1, NULL),
		0);
	cr_assert(subscription_matches_code(&s, str_java_hash(STR("TagA"))));
	cr_assert(subscription_matches_code(&s, 0x4e2d), "one UTF-16 unit is its own hash");
	cr_assert_not(subscription_matches_code(&s, str_java_hash(STR("TagB"))));
	cr_assert_not(subscription_matches_code(&s, 0), "a message without tag");
	arena_release(&a);
}

Test(registry, writes_subscriptions_as_apache_does)
{
	struct subscription s;
	struct arena a;
	struct buf b;
	struct jw w;

	arena_init(&a);
	buf_init(&b, 4096);
	w = jw_init(&b);
	cr_assert_eq(subscription_parse(
			     &s, &a, STR("T1"), STR("A || B"), STR("TAG"), 1700000000000, NULL),
		0);
	subscription_to_json(&w, &s);
	cr_assert_str_eq(b.p,
		"{\"classFilterMode\":false,\"codeSet\":[65,66],\"expressionType\":\"TAG\","
		"\"subString\":\"A || B\",\"subVersion\":1700000000000,\"tagsSet\":[\"A\",\"B\"],"
		"\"topic\":\"T1\"}");
	buf_release(&b);
	arena_release(&a);
}

/* ---- locks ---- */

static const struct queue_name q0 = { { "t", 1 }, { "b", 1 }, 0 },
			       q1 = { { "t", 1 }, { "b", 1 }, 1 };

Test(rebalance, a_queue_has_one_owner_until_its_time_is_over)
{
	struct rebalance *r = rebalance_new();
	struct str g = STR("g"), a = STR("a"), b = STR("b");

	cr_assert(rebalance_lock(r, g, &q0, a, 1000));
	cr_assert_not(rebalance_lock(r, g, &q0, b, 1000));
	cr_assert(rebalance_lock(r, g, &q1, b, 1000), "another queue");
	cr_assert(rebalance_lock(r, STR("h"), &q0, b, 1000), "another group");
	cr_assert(rebalance_lock(r, g, &q0, a, 20000), "the owner renews");
	cr_assert_not(rebalance_lock(r, g, &q0, b, 20000 + REBALANCE_LOCK_MS));
	cr_assert(rebalance_lock(r, g, &q0, b, 20001 + REBALANCE_LOCK_MS));
	cr_assert_not(rebalance_lock(r, g, &q0, a, 20001 + REBALANCE_LOCK_MS));
	rebalance_free(r);
}

Test(rebalance, only_the_owner_unlocks)
{
	struct rebalance *r = rebalance_new();
	struct str g = STR("g"), a = STR("a"), b = STR("b");

	rebalance_lock(r, g, &q0, a, 0);
	rebalance_unlock(r, g, &q0, b);
	cr_assert_not(rebalance_lock(r, g, &q0, b, 0));
	rebalance_unlock(r, g, &q0, a);
	cr_assert(rebalance_lock(r, g, &q0, b, 0));
	rebalance_free(r);
}

Test(rebalance, the_tick_forgets_only_what_is_over)
{
	struct rebalance *r = rebalance_new();
	struct str g = STR("g"), a = STR("a"), b = STR("b");

	rebalance_lock(r, g, &q0, a, 0);
	rebalance_lock(r, g, &q1, a, 50000);
	rebalance_tick(r, REBALANCE_LOCK_MS + 1);
	cr_assert(rebalance_lock(r, g, &q0, b, 50000));
	cr_assert_not(rebalance_lock(r, g, &q1, b, 50000));
	rebalance_free(r);
}

Test(registry, refuses_what_would_fill_the_memory)
{
	static char big[2 << 20];
	struct heartbeat_from from = { CONN(0), { big, sizeof(big) }, STR("x"), 0, 409 };
	struct heartbeat_consumer c = { .group = STR("g"), .n_subs = 1 };
	struct subscription s = {
		.topic = STR("t"), .text = { big, sizeof(big) }, .all = true
	};
	struct err e = ERR_INIT;
	struct box b;
	char name[32];
	int rc = 0, n = 0;

	memset(big, 'x', sizeof(big));
	open_box(&b);
	c.subs = &s;
	cr_assert_eq(registry_consumer(b.r, &from, &c, &e), TQ_EINVAL, "a huge client id");
	from.client_id = STR("c");
	for (; !rc && n < 1000; n++) {
		snprintf(name, sizeof(name), "g%d", n);
		c.group = str_of(name);
		rc = registry_consumer(b.r, &from, &c, &e);
	}
	cr_assert_eq(rc, TQ_ELIMIT, "huge expressions in many groups");
	registry_conn_closed(b.r, CONN(0));
	cr_assert_eq(registry_consumer(b.r, &from, &c, &e), 0, "room again when they are gone");
	close_box(&b);
}
