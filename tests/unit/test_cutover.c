/* SPDX-License-Identifier: Apache-2.0 */
/* cutover: what is safe, what is done and what loses messages, for what can be seen of two clusters. */
#include <criterion/criterion.h>

#include "migrate/cutover.h"

/* One group, as it is seen. */
struct seen {
	int old, new; /* members */
	int64_t left;
	bool placed;
};

struct row {
	const char *why;
	struct seen g[2]; /* of the second, all zero: it is not used anywhere */
	int sends_old, sends_new;
	int64_t delayed, undecided;
	bool missing;
	int next; /* enum cutover_step */
	const char *safe; /* a letter a step: y n */
	size_t dangers;
	const char
		*says; /* in a danger, a caution, or in the reason of the step behind `next` */
};

static const struct row rows[] = {
	{ "nothing has begun", { { 2, 0, 5, false } }, 1, 0, 0, 0, true, STEP_METADATA,
		"ynnnnn", 0, "topic 'orders'" },
	{ "the topics are there", { { 2, 0, 5, false } }, 1, 0, 0, 0, false,
		STEP_SOME_CONSUMERS, "yynnnn", 0, "lost to it" },
	{ "one of two groups has a member", { { 1, 1, 0, false }, { 1, 0, 0, true } }, 1, 0, 0,
		0, false, STEP_SOME_CONSUMERS, "yynnnn", 0, "'other' consumes" },
	{ "both have", { { 1, 1, 0, false }, { 1, 1, 0, false } }, 1, 0, 0, 0, false,
		STEP_SOME_PRODUCERS, "yyyynn", 0, NULL },
	{ "a producer went before the consumers", { { 2, 0, 0, false } }, 1, 1, 0, 0, false,
		STEP_SOME_CONSUMERS, "yynnnn", 1, "lost to it" },
	{ "but the group has positions", { { 2, 0, 0, true } }, 1, 1, 0, 0, false,
		STEP_SOME_CONSUMERS, "yynnnn", 1, "waits" },
	{ "first producers", { { 1, 1, 3, true } }, 1, 1, 0, 0, false, STEP_ALL_PRODUCERS,
		"yyyynn", 0, "producers that still send to the old cluster: 1" },
	{ "with transactions open", { { 1, 1, 3, true } }, 1, 1, 0, 2, false,
		STEP_ALL_PRODUCERS, "yyyynn", 0,
		"transactional messages in the old cluster: 2" },
	{ "all producers, not drained", { { 1, 1, 3, true } }, 0, 2, 0, 0, false, STEP_DRAINED,
		"yyyyyn", 0, "unread in the old cluster: 3" },
	{ "a delayed one is left", { { 1, 1, 0, true } }, 0, 2, 1, 0, false, STEP_DRAINED,
		"yyyyyn", 0, "waiting for their time in the old cluster: 1" },
	{ "an undecided one is left", { { 1, 1, 0, true } }, 0, 2, 0, 1, false, STEP_DRAINED,
		"yyyyyn", 0, "transactional messages in the old cluster: 1" },
	{ "drained", { { 1, 1, 0, true } }, 0, 2, 0, 0, false, STEP_ALL_CONSUMERS, "yyyyyy", 0,
		NULL },
	{ "done", { { 0, 2, 0, true } }, 0, 2, 0, 0, false, CUTOVER_STEPS, "yyyyyy", 0, NULL },
	{ "consumers left with messages unread", { { 0, 2, 7, true } }, 0, 2, 0, 0, false,
		STEP_DRAINED, "yyyyyn", 1, "unread there: 7" },
	{ "consumers left while producers send", { { 0, 2, 0, true } }, 1, 1, 0, 0, false,
		STEP_ALL_PRODUCERS, "yyyynn", 1, "producers still send there: 1" },
	{ "consumers left what waits for its time", { { 0, 2, 0, true } }, 0, 2, 4, 0, false,
		STEP_DRAINED, "yyyyyn", 1, "decision: 4" },
	{ "nobody consumes anywhere", { { 0, 0, 9, false } }, 1, 0, 0, 0, false,
		STEP_SOME_CONSUMERS, "yynnnn", 0, "connected nowhere" },
};

static void see(struct cutover *c, const struct row *r)
{
	static const char *const names[] = { "pay-svc", "other" };

	c->topics = 1;
	if (r->missing)
		strv_add(&c->missing, STR("orders"));
	for (int i = 0; i < 2; i++) {
		struct cutover_group *g = cutover_add_group(c, names[i]);

		g->members[SIDE_OLD] = r->g[i].old;
		g->members[SIDE_NEW] = r->g[i].new;
		g->left = r->g[i].left;
		g->placed = r->g[i].placed;
		g->used = r->g[i].old || r->g[i].new || r->g[i].left;
	}
	for (int i = 0; i < r->sends_old + r->sends_new; i++)
		cutover_add_client(c,
			(struct cutover_client){ true, i < r->sends_old ? SIDE_OLD : SIDE_NEW,
				"p", "p@1", "127.0.0.1:1" });
	c->delayed = r->delayed;
	c->undecided = r->undecided;
}

static bool is_said(const struct cutover_verdict *v, const char *text)
{
	for (size_t i = 0; i < v->dangers.n; i++)
		if (strstr(v->dangers.v[i], text))
			return true;
	for (size_t i = 0; i < v->cautions.n; i++)
		if (strstr(v->cautions.v[i], text))
			return true;
	for (int i = v->next; i < CUTOVER_STEPS && i < (int)v->next + 2; i++)
		if (v->step[i].why && strstr(v->step[i].why, text))
			return true;
	return false;
}

Test(cutover, judges_what_it_sees)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		struct cutover_verdict v;
		char safe[CUTOVER_STEPS + 1] = "";
		struct cutover c;

		cutover_init(&c);
		see(&c, r);
		cutover_judge(&c, &v);
		for (int k = 0; k < CUTOVER_STEPS; k++)
			safe[k] = v.step[k].safe ? 'y' : 'n';
		cr_expect_eq((int)v.next, r->next, "%s: next is %d", r->why, (int)v.next);
		cr_expect_str_eq(safe, r->safe, "%s: safe are %s", r->why, safe);
		cr_expect_eq(v.dangers.n, r->dangers, "%s: %zu dangers", r->why, v.dangers.n);
		cr_expect(!r->says || is_said(&v, r->says), "%s: does not say '%s'", r->why,
			r->says);
		cutover_release(&c);
	}
}

/* Whatever is seen: a step that is not safe has a reason, and nothing is safe behind a danger. */
Test(cutover, a_refusal_has_a_reason)
{
	for (unsigned bits = 0; bits < 1u << 9; bits++) {
		struct row r = {
			.g = { { bits & 1, bits >> 1 & 1, bits >> 2 & 1, bits >> 3 & 1 } },
			.sends_old = bits >> 4 & 1,
			.sends_new = bits >> 5 & 1,
			.delayed = bits >> 6 & 1,
			.undecided = bits >> 7 & 1,
			.missing = bits >> 8 & 1
		};
		struct cutover_verdict v;
		struct cutover c;

		cutover_init(&c);
		see(&c, &r);
		cutover_judge(&c, &v);
		for (int k = 0; k < CUTOVER_STEPS; k++) {
			cr_expect_eq(v.step[k].safe, !v.step[k].why, "%u: step %d", bits, k);
			cr_expect(v.step[k].detail, "%u: step %d says nothing", bits, k);
			cr_expect(!v.dangers.n || !cutover_may(&v, (enum cutover_step)k),
				"%u: step %d in danger", bits, k);
		}
		cutover_release(&c);
	}
}
