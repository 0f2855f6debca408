/* SPDX-License-Identifier: Apache-2.0 */
/* verify: see verify.h. */
#include "verify.h"

const char *const verify_state_names[] = { "same", "differs", "missing", "left out", NULL };

enum verify_state verify_item(const struct plan_item *it)
{
	switch (it->verdict) {
	case VERDICT_EXISTS:
		return VERIFY_SAME;
	case VERDICT_ADJUST:
	case VERDICT_CONFLICT:
		return VERIFY_DIFFERS;
	case VERDICT_CREATE:
	case VERDICT_REFUSED:
		return VERIFY_MISSING;
	default:
		return VERIFY_LEFT;
	}
}

void verify_count(const struct plan *p, size_t counts[VERIFY_STATES])
{
	memset(counts, 0, VERIFY_STATES * sizeof(counts[0]));
	for (size_t i = 0; i < p->n; i++)
		counts[verify_item(&p->items[i])]++;
}

static bool is_expected(const struct task_item *it)
{
	return it->verdict != VERDICT_REFUSED && it->state != ITEM_SKIPPED &&
	       it->state != ITEM_REMOVED;
}

void verify_task(struct task *t, struct plan *p, const struct holdings *have)
{
	task_again(t, p, have, 0);
	for (size_t i = 0; i < t->n; i++) {
		p->items[i].reason = REASON_NONE;
		if (is_expected(&t->items[i]))
			p->items[i].verdict = VERDICT_CREATE;
		else
			p->items[i].reason = t->items[i].reason;
	}
	plan_review(p, ON_CONFLICT_FAIL, have);
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].verdict == VERDICT_REFUSED) {
			p->items[i].verdict = VERDICT_REFUSED;
			p->items[i].reason = t->items[i].reason;
		}
	plan_count(p);
}

static bool has_item(const struct task *t, const struct plan_item *x)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct task_item *it = &t->items[i];

		if (it->kind == x->kind && is_expected(it) && !strcmp(it->source, x->source))
			return true;
	}
	return false;
}

void verify_select(struct plan *p, const struct task *t)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].kind != OBJ_NAMESPACE && !has_item(t, &p->items[i])) {
			p->items[i].verdict = VERDICT_SKIPPED;
			p->items[i].reason = REASON_FILTERED;
		}
	plan_count(p);
}
