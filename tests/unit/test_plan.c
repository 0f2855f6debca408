/* SPDX-License-Identifier: Apache-2.0 */
/* plan: a verdict and a reason for every item, alone, against a target, and of real exports. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "migrate.h"
#include "migrate/plan.h"

#define DATA "tests/data/apache/"

/* One plan with what it stands on. */
struct made {
	struct inventory inv;
	struct plan p;
};

static void topic(struct inventory *inv, const char *name, int read, int write, int perm)
{
	struct found *f = inventory_add(inv, OBJ_TOPIC, name);

	f->topic = topic_defaults();
	f->topic.name = f->name;
	f->topic.read_queues = read;
	f->topic.write_queues = write;
	f->topic.perm = perm;
}

static void group(struct inventory *inv, const char *name, int retry_max)
{
	struct found *f = inventory_add(inv, OBJ_GROUP, name);

	f->group = group_defaults();
	f->group.name = f->name;
	f->group.retry_max = retry_max;
}

static void make(struct made *m, const struct plan_opts *o, const struct holdings *have)
{
	struct err e = ERR_INIT;

	plan_init(&m->p);
	cr_assert(zero(int, plan_build(&m->p, &m->inv, o, have, &e)), "%s", e.msg);
}

static void release(struct made *m)
{
	plan_release(&m->p);
	inventory_release(&m->inv);
}

static const struct plan_item *item(
	const struct made *m, enum object_kind kind, const char *source)
{
	for (size_t i = 0; i < m->p.n; i++)
		if (m->p.items[i].kind == kind && !strcmp(m->p.items[i].source, source))
			return &m->p.items[i];
	cr_fatal("'%s' is not in the plan", source);
}

static const struct plan_item *space(const struct made *m, const char *ns)
{
	for (size_t i = 0; i < m->p.n; i++)
		if (m->p.items[i].kind == OBJ_NAMESPACE && !strcmp(m->p.items[i].ns, ns))
			return &m->p.items[i];
	return NULL;
}

static void expect(const struct made *m, enum object_kind kind, const char *source,
	enum verdict v, enum reason r)
{
	const struct plan_item *it = item(m, kind, source);

	cr_expect(eq(int, (int)it->verdict, (int)v), "'%s' is %s (%s)", source,
		verdict_names[it->verdict], it->detail);
	cr_expect(zero(int, strcmp(reason_name(it->reason), reason_name(r))), "'%s'", source);
	cr_expect(it->reason == REASON_NONE || it->detail[0], "'%s' has no sentence", source);
}

Test(plan, makes_namespaces_then_topics_then_groups)
{
	struct plan_opts o = { 0 };
	struct made m;

	inventory_init(&m.inv);
	group(&m.inv, "shop%pay-svc", 16);
	topic(&m.inv, "shop%orders", 8, 8, 6);
	topic(&m.inv, "audit", 4, 4, 6);
	make(&m, &o, NULL);
	/* "default" is everywhere, but nobody looked: an offline plan says nothing about it */
	cr_assert(eq(sz, m.p.n, 4));
	cr_expect(zero(int, strcmp(m.p.items[0].ns, "shop")));
	cr_expect(eq(int, (int)m.p.items[0].verdict, VERDICT_CREATE));
	cr_expect(zero(int, strcmp(m.p.items[1].topic.name, "shop%orders")));
	cr_expect(zero(int, strcmp(m.p.items[2].topic.name, "audit")));
	cr_expect(zero(int, strcmp(m.p.items[3].group.name, "shop%pay-svc")));
	cr_expect(eq(int, plan_writes(&m.p), 4));
	cr_expect(eq(int, m.p.offline, 1));
	release(&m);
}

Test(plan, skips_what_every_broker_makes_itself)
{
	static const struct {
		const char *topic;
		enum reason reason;
	} cases[] = {
		{ "TBW102", REASON_SYSTEM_TOPIC },
		{ "SCHEDULE_TOPIC_XXXX", REASON_SYSTEM_TOPIC },
		{ "RMQ_SYS_TRACE_TOPIC", REASON_SYSTEM_TOPIC },
		{ "rmq_sys_wheel_timer", REASON_SYSTEM_TOPIC },
		{ "broker-a", REASON_SYSTEM_TOPIC },
		{ "%RETRY%shop%pay-svc", REASON_RETRY_TOPIC },
		{ "%DLQ%pay-svc", REASON_DLQ_TOPIC },
		{ "%LMQ%x", REASON_LMQ_TOPIC },
	};
	struct plan_opts o = { 0 };
	struct made m;

	inventory_init(&m.inv);
	inventory_add_system(&m.inv, "broker-a");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		topic(&m.inv, cases[i].topic, 1, 1, 6);
	topic(&m.inv, "%RETRY%gone", 1, 1, 6);
	group(&m.inv, "shop%pay-svc", 16);
	group(&m.inv, "CID_RMQ_SYS_TRANS", 16);
	make(&m, &o, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect(&m, OBJ_TOPIC, cases[i].topic, VERDICT_SKIPPED, cases[i].reason);
	expect(&m, OBJ_GROUP, "CID_RMQ_SYS_TRANS", VERDICT_SKIPPED, REASON_SYSTEM_GROUP);
	cr_expect(eq(u64, item(&m, OBJ_TOPIC, "%RETRY%shop%pay-svc")->warnings, 0));
	cr_expect(eq(u64, item(&m, OBJ_TOPIC, "%RETRY%gone")->warnings,
		WARN_BIT(WARN_RETRY_WITHOUT_GROUP)));
	release(&m);
}

Test(plan, takes_a_thousand_of_each_and_refuses_the_others_one_by_one)
{
	struct plan_opts o = { 0 };
	struct made m;
	char name[32];

	inventory_init(&m.inv);
	topic(&m.inv, "TBW102", 8, 8, 7); /* what is skipped takes nobody's place */
	topic(&m.inv, "x", 8, 8, 6);
	for (int i = 0; i < 1003; i++) {
		snprintf(name, sizeof(name), "t-%04d", i);
		topic(&m.inv, name, 4, 4, 6);
		snprintf(name, sizeof(name), "g-%04d", i);
		group(&m.inv, name, 16);
	}
	make(&m, &o, NULL);
	cr_expect(eq(int, m.p.counts[OBJ_TOPIC][VERDICT_CREATE], 1000));
	cr_expect(eq(int, m.p.counts[OBJ_GROUP][VERDICT_CREATE], 1000));
	expect(&m, OBJ_TOPIC, "t-0999", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_TOPIC, "t-1000", VERDICT_REFUSED, REASON_TASK_LIMIT);
	expect(&m, OBJ_GROUP, "g-1002", VERDICT_REFUSED, REASON_TASK_LIMIT);
	release(&m);
}

Test(plan, refuses_names_that_collide_and_counts_doubles_once)
{
	struct plan_opts o = { .map.ns = "shop" };
	struct made m;

	inventory_init(&m.inv);
	topic(&m.inv, "a%orders", 4, 4, 6);
	topic(&m.inv, "b%orders", 4, 4, 6);
	topic(&m.inv, "twice", 4, 4, 6);
	topic(&m.inv, "twice", 9, 9, 6);
	topic(&m.inv, "ORDERS", 4, 4, 6);
	group(&m.inv, "orders", 16);
	make(&m, &o, NULL);
	expect(&m, OBJ_TOPIC, "a%orders", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_TOPIC, "b%orders", VERDICT_REFUSED, REASON_NAME_COLLISION);
	cr_expect(strstr(item(&m, OBJ_TOPIC, "b%orders")->detail, "a%orders") != NULL);
	expect(&m, OBJ_TOPIC, "twice", VERDICT_SKIPPED, REASON_DUPLICATE);
	cr_expect(eq(int, m.p.counts[OBJ_TOPIC][VERDICT_CREATE], 3));
	cr_expect(eq(u64, item(&m, OBJ_TOPIC, "ORDERS")->warnings, WARN_BIT(WARN_CASE_TWIN)));
	expect(&m, OBJ_GROUP, "orders", VERDICT_CREATE, REASON_NONE);
	cr_expect(eq(u64, item(&m, OBJ_GROUP, "orders")->warnings,
		WARN_BIT(WARN_TOPIC_GROUP_SAME_NAME)));
	release(&m);
}

Test(plan, takes_only_what_is_selected)
{
	const char *const select[] = { "shop%order*", "audit", "stock-*", NULL };
	struct plan_opts o = { .select = select };
	struct made m;

	inventory_init(&m.inv);
	topic(&m.inv, "shop%orders", 4, 4, 6);
	topic(&m.inv, "b%orders", 4, 4, 6);
	topic(&m.inv, "audit", 4, 4, 6);
	topic(&m.inv, "audit-2", 4, 4, 6);
	topic(&m.inv, "shop%stock-in", 4, 4, 6);
	make(&m, &o, NULL);
	expect(&m, OBJ_TOPIC, "shop%orders", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_TOPIC, "b%orders", VERDICT_SKIPPED, REASON_FILTERED);
	expect(&m, OBJ_TOPIC, "audit", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_TOPIC, "audit-2", VERDICT_SKIPPED, REASON_FILTERED);
	expect(&m, OBJ_TOPIC, "shop%stock-in", VERDICT_CREATE, REASON_NONE);
	release(&m);
}

Test(plan, judges_values)
{
	static const struct {
		const char *name;
		int read, write, perm;
		enum verdict verdict;
		enum reason reason;
		unsigned long long warnings;
		int queues;
	} cases[] = {
		{ "plain", 8, 8, 6, VERDICT_CREATE, 0, 0, 8 },
		{ "inherits", 8, 8, 7, VERDICT_CREATE, 0, WARN_BIT(WARN_PERM_NOT_CARRIED), 8 },
		{ "read-only", 8, 8, 4, VERDICT_CREATE, 0, 0, 8 },
		{ "grown", 4, 8, 6, VERDICT_CREATE, 0, WARN_BIT(WARN_QUEUES_DIFFER), 8 },
		{ "drained", 4, 0, 6, VERDICT_CREATE, 0, WARN_BIT(WARN_QUEUES_DIFFER), 4 },
		{ "no-queues", 0, 0, 6, VERDICT_REFUSED, REASON_INVALID_VALUE, 0, 0 },
		{ "no-perm", 8, 8, 0, VERDICT_SKIPPED, REASON_UNSUPPORTED_PERM, 0, 0 },
		{ "inherit-only", 8, 8, 1, VERDICT_SKIPPED, REASON_UNSUPPORTED_PERM, 0, 0 },
		{ "priority", 8, 8, 14, VERDICT_SKIPPED, REASON_UNSUPPORTED_PERM, 0, 0 },
		{ "widest", 32, 32, 6, VERDICT_CREATE, 0, 0, 32 },
		{ "too-wide", 33, 33, 6, VERDICT_REFUSED, REASON_INVALID_VALUE, 0, 0 },
	};
	struct plan_opts o = { 0 };
	struct made m;

	inventory_init(&m.inv);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		topic(&m.inv, cases[i].name, cases[i].read, cases[i].write, cases[i].perm);
	group(&m.inv, "never", 0);
	group(&m.inv, "often", 1001);
	group(&m.inv, "minus", -1);
	make(&m, &o, NULL);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct plan_item *it = item(&m, OBJ_TOPIC, cases[i].name);

		expect(&m, OBJ_TOPIC, cases[i].name, cases[i].verdict, cases[i].reason);
		if (it->verdict != VERDICT_CREATE)
			continue;
		cr_expect(eq(u64, it->warnings, cases[i].warnings), "%s", cases[i].name);
		cr_expect(eq(int, it->topic.write_queues, cases[i].queues));
		cr_expect(eq(int, it->topic.read_queues, cases[i].queues));
		cr_expect(eq(int, it->topic.perm, cases[i].perm & 6));
	}
	expect(&m, OBJ_GROUP, "never", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_GROUP, "often", VERDICT_REFUSED, REASON_INVALID_VALUE);
	expect(&m, OBJ_GROUP, "minus", VERDICT_REFUSED, REASON_INVALID_VALUE);
	release(&m);
}

Test(plan, spreads_summed_queues_over_the_targets_brokers)
{
	static const struct {
		int queues, brokers, total, want;
	} cases[] = {
		{ QUEUES_SCALE, 1, 16, 16 },
		{ QUEUES_SCALE, 2, 16, 8 },
		{ QUEUES_SCALE, 3, 16, 6 },
		{ QUEUES_SCALE, 4, 3, 1 },
		{ QUEUES_KEEP, 2, 16, 16 },
		{ 5, 2, 16, 5 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct plan_opts o = { .queues = cases[i].queues };
		struct holdings h;
		struct made m;

		holdings_init(&h);
		h.brokers = cases[i].brokers;
		inventory_init(&m.inv);
		m.inv.masters = 2;
		topic(&m.inv, "orders", cases[i].total, cases[i].total, 6);
		make(&m, &o, &h);
		cr_expect(eq(int, item(&m, OBJ_TOPIC, "orders")->topic.write_queues,
				  cases[i].want),
			"case %zu", i);
		release(&m);
		holdings_release(&h);
	}
}

/* A target with topics "same" (8 queues, rw), "small" (4), "sealed" (8, r), "fifo"; group "same". */
static void fill(struct holdings *h)
{
	static const struct held_topic topics[] = {
		{ { .name = "same", .read_queues = 8, .write_queues = 8, .perm = 6 }, 1 },
		{ { .name = "small", .read_queues = 4, .write_queues = 4, .perm = 6 }, 1 },
		{ { .name = "wide", .read_queues = 9, .write_queues = 9, .perm = 6 }, 1 },
		{ { .name = "sealed", .read_queues = 8, .write_queues = 8, .perm = 4 }, 1 },
		{ { .name = "fifo",
			  .type = TOPIC_FIFO,
			  .read_queues = 8,
			  .write_queues = 8,
			  .perm = 6 },
			1 },
	};

	holdings_init(h);
	h->has_types = h->has_namespaces = true;
	h->n_topics = ARRAY_LEN(topics);
	h->topics = mem_array(h->n_topics, sizeof(*h->topics));
	memcpy(h->topics, topics, sizeof(topics));
	h->n_groups = 1;
	h->groups = mem_array(1, sizeof(*h->groups));
	h->groups[0] = (struct held_group){ group_defaults(), 1 };
	h->groups[0].g.name = "same-group";
	h->n_namespaces = 1;
	h->namespaces = mem_array(1, sizeof(*h->namespaces));
	h->namespaces[0].name = "default";
}

Test(plan, compares_with_what_the_target_has)
{
	static const struct {
		const char *name;
		enum verdict fail, skip, update;
	} cases[] = {
		{ "same", VERDICT_EXISTS, VERDICT_EXISTS, VERDICT_EXISTS },
		{ "small", VERDICT_CONFLICT, VERDICT_EXISTS, VERDICT_ADJUST },
		{ "wide", VERDICT_CONFLICT, VERDICT_EXISTS, VERDICT_CONFLICT },
		{ "sealed", VERDICT_CONFLICT, VERDICT_EXISTS, VERDICT_ADJUST },
		{ "fifo", VERDICT_CONFLICT, VERDICT_EXISTS, VERDICT_CONFLICT },
		{ "new", VERDICT_CREATE, VERDICT_CREATE, VERDICT_CREATE },
	};

	for (int mode = ON_CONFLICT_FAIL; mode <= ON_CONFLICT_UPDATE; mode++) {
		struct plan_opts o = { .on_conflict = (enum on_conflict)mode };
		struct holdings h;
		struct made m;

		fill(&h);
		inventory_init(&m.inv);
		for (size_t i = 0; i < ARRAY_LEN(cases); i++)
			topic(&m.inv, cases[i].name, 8, 8, 6);
		group(&m.inv, "same-group", 16);
		make(&m, &o, &h);
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			const struct plan_item *it = item(&m, OBJ_TOPIC, cases[i].name);
			enum verdict want[] = { cases[i].fail, cases[i].skip, cases[i].update };

			cr_expect(eq(int, (int)it->verdict, (int)want[mode]), "%s, %s: %s (%s)",
				cases[i].name, on_conflict_names[mode],
				verdict_names[it->verdict], it->detail);
		}
		expect(&m, OBJ_GROUP, "same-group", VERDICT_EXISTS, REASON_ALREADY_EXISTS);
		cr_expect(eq(int, (int)space(&m, "default")->verdict, VERDICT_EXISTS));
		release(&m);
		holdings_release(&h);
	}
}

Test(plan, says_what_differs)
{
	struct plan_opts o = { 0 };
	struct holdings h;
	struct made m;

	fill(&h);
	inventory_init(&m.inv);
	topic(&m.inv, "small", 8, 8, 4);
	group(&m.inv, "same-group", 3);
	make(&m, &o, &h);
	cr_expect(zero(int, strcmp(item(&m, OBJ_TOPIC, "small")->detail,
				    "queues 4 there, 8 here; permission rw there, r here")));
	cr_expect(zero(int,
		strcmp(item(&m, OBJ_GROUP, "same-group")->detail, "retries 16 there, 3 here")));
	release(&m);
	holdings_release(&h);
}

Test(plan, completes_what_only_some_brokers_have)
{
	struct plan_opts o = { 0 };
	struct holdings h;
	struct made m;

	fill(&h);
	h.brokers = 2;
	inventory_init(&m.inv);
	topic(&m.inv, "same", 16, 16, 6);
	topic(&m.inv, "sealed", 16, 16, 6);
	group(&m.inv, "same-group", 16);
	make(&m, &o, &h);
	expect(&m, OBJ_TOPIC, "same", VERDICT_ADJUST, REASON_NONE);
	expect(&m, OBJ_TOPIC, "sealed", VERDICT_CONFLICT, REASON_CONFLICT);
	expect(&m, OBJ_GROUP, "same-group", VERDICT_ADJUST, REASON_NONE);
	release(&m);
	holdings_release(&h);
}

Test(plan, knows_the_targets_quotas_beforehand)
{
	struct namespace spaces[] = { { .name = "default" },
		{ .name = "shop", .max_groups = 1, .groups = 0 } };
	struct plan_opts o = { 0 };
	struct holdings h;
	struct made m;

	holdings_init(&h);
	h.has_namespaces = true;
	h.namespaces = mem_array(2, sizeof(spaces[0]));
	memcpy(h.namespaces, spaces, sizeof(spaces));
	h.n_namespaces = 2;
	h.limit[OBJ_NAMESPACE] = h.used[OBJ_NAMESPACE] = 2;
	h.limit[OBJ_TOPIC] = 12;
	h.used[OBJ_TOPIC] = 11;
	inventory_init(&m.inv);
	topic(&m.inv, "shop%one", 8, 8, 6);
	topic(&m.inv, "shop%two", 8, 8, 6);
	topic(&m.inv, "new%three", 8, 8, 6);
	group(&m.inv, "shop%four", 16);
	group(&m.inv, "shop%five", 16);
	group(&m.inv, "six-svc", 16);
	make(&m, &o, &h);
	expect(&m, OBJ_TOPIC, "shop%one", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_TOPIC, "shop%two", VERDICT_REFUSED, REASON_QUOTA_EXCEEDED);
	expect(&m, OBJ_TOPIC, "new%three", VERDICT_REFUSED, REASON_NO_NAMESPACE);
	expect(&m, OBJ_GROUP, "shop%four", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_GROUP, "shop%five", VERDICT_REFUSED, REASON_QUOTA_EXCEEDED);
	expect(&m, OBJ_GROUP, "six-svc", VERDICT_CREATE, REASON_NONE);
	cr_expect(eq(int, (int)space(&m, "new")->reason, REASON_QUOTA_EXCEEDED));
	h.limit[OBJ_TOPIC] = h.limit[OBJ_NAMESPACE] = 0; /* there is room now */
	plan_review(&m.p, ON_CONFLICT_FAIL, &h);
	expect(&m, OBJ_TOPIC, "shop%two", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_TOPIC, "new%three", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_GROUP, "shop%five", VERDICT_REFUSED, REASON_QUOTA_EXCEEDED);
	release(&m);
	holdings_release(&h);
}

Test(plan, makes_no_namespaces_where_they_are_only_prefixes)
{
	struct plan_opts o = { .map.wire_names = true };
	struct holdings h;
	struct made m;

	holdings_init(&h);
	inventory_init(&m.inv);
	topic(&m.inv, "s%a%b", 16, 16, 6);
	make(&m, &o, &h);
	expect(&m, OBJ_TOPIC, "s%a%b", VERDICT_CREATE, REASON_NONE);
	cr_expect(zero(int, strcmp(item(&m, OBJ_TOPIC, "s%a%b")->topic.name, "s%a%b")));
	cr_expect(space(&m, "s") == NULL);
	release(&m);
	holdings_release(&h);
}

static void plan_data(struct made *m, const char *path)
{
	struct plan_opts o = { 0 };
	struct err e = ERR_INIT;

	inventory_init(&m->inv);
	cr_assert(zero(int, inventory_read(&m->inv, path, &e)), "%s", e.msg);
	make(m, &o, NULL);
}

Test(plan, takes_all_of_an_ordinary_export)
{
	struct made m;

	plan_data(&m, DATA "shop");
	cr_expect(eq(int, m.p.counts[OBJ_TOPIC][VERDICT_CREATE], 18));
	cr_expect(eq(int, m.p.counts[OBJ_GROUP][VERDICT_CREATE], 11));
	cr_expect(eq(int, m.p.counts[OBJ_NAMESPACE][VERDICT_CREATE], 3));
	cr_expect(eq(
		int, (int)item(&m, OBJ_TOPIC, "shop%order-events")->topic.type, TOPIC_MIXED));
	release(&m);
	/* The broker's own file has more in it and gives the same plan. */
	plan_data(&m, DATA "shop/store/broker-a");
	cr_expect(eq(int, m.p.counts[OBJ_TOPIC][VERDICT_CREATE], 18));
	cr_expect(eq(int, m.p.counts[OBJ_GROUP][VERDICT_CREATE], 11));
	cr_expect(eq(int, m.p.counts[OBJ_TOPIC][VERDICT_REFUSED], 0));
	cr_expect(gt(int, m.p.counts[OBJ_TOPIC][VERDICT_SKIPPED], 10));
	release(&m);
}

Test(plan, has_an_answer_to_everything_odd)
{
	struct made m;

	plan_data(&m, DATA "odd");
	expect(&m, OBJ_TOPIC, "shop%a%b", VERDICT_REFUSED, REASON_INVALID_NAME);
	expect(&m, OBJ_TOPIC, "%leading-percent", VERDICT_REFUSED, REASON_INVALID_NAME);
	expect(&m, OBJ_TOPIC, "trailing-percent%", VERDICT_REFUSED, REASON_INVALID_NAME);
	expect(&m, OBJ_TOPIC, "s%t-in-short-namespace", VERDICT_REFUSED,
		REASON_INVALID_NAMESPACE);
	expect(&m, OBJ_TOPIC, "shop%wide", VERDICT_REFUSED, REASON_INVALID_VALUE);
	expect(&m, OBJ_TOPIC, "shop%perm-0", VERDICT_SKIPPED, REASON_UNSUPPORTED_PERM);
	expect(&m, OBJ_TOPIC, "shop%perm-7", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_TOPIC, "rocketmq-abcdefghijkl|shop%piped", VERDICT_CREATE, REASON_NONE);
	expect(&m, OBJ_GROUP, "shop%group with blanks", VERDICT_REFUSED, REASON_INVALID_NAME);
	expect(&m, OBJ_GROUP, "shop%-1-retries", VERDICT_REFUSED, REASON_INVALID_VALUE);
	/* default%in-default and in-default are one name. */
	cr_expect(eq(int,
		item(&m, OBJ_TOPIC, "in-default")->reason == REASON_NAME_COLLISION ||
			item(&m, OBJ_TOPIC, "default%in-default")->reason ==
				REASON_NAME_COLLISION,
		1));
	release(&m);
}
