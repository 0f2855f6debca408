/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rollback: looks at everything first, then removes one by one. Each item is looked at once more
 * right before it goes, since messages may arrive in between; namespaces only then, when their
 * topics and groups are gone.
 */
#include "base.h"

#include "clock.h"
#include "journal.h"
#include "rollback.h"

#define BATCH 64 /* removed items between two writes into the journal */

const char *const back_names[] = { "none", "remove", "gone", "keep", NULL };

void rollback_init(struct rollback *rb)
{
	*rb = (struct rollback){ 0 };
	plan_init(&rb->plan);
}

void rollback_release(struct rollback *rb)
{
	plan_release(&rb->plan);
	mem_free(rb->items);
	*rb = (struct rollback){ 0 };
}

size_t rollback_count(const struct rollback *rb, enum back b)
{
	size_t n = 0;

	for (size_t i = 0; i < rb->n; i++)
		n += rb->items[i].back == b;
	return n;
}

static void settle(struct rollback *rb, size_t i, enum back b, const char *detail)
{
	rb->items[i] = (struct rollback_item){ b, arena_str(&rb->plan.mem, detail) };
}

/* Whether something speaks against removing it now. Errors are those of the target as a whole. */
static int check_use(struct rollback *rb, size_t i, struct target *tg, struct err *e)
{
	struct err why = ERR_INIT;
	int rc = tg->in_use(tg, &rb->plan.items[i], &why);

	if (rc == TQ_ENOTFOUND)
		settle(rb, i, BACK_GONE, "");
	else if (rc == TQ_EPRECOND && (!rb->force || rb->plan.items[i].kind == OBJ_NAMESPACE))
		settle(rb, i, BACK_KEEP, why.msg);
	else if (rc == TQ_EPRECOND)
		settle(rb, i, BACK_REMOVE, why.msg);
	else if (rc && e)
		*e = why;
	return rc == TQ_ENOTFOUND || rc == TQ_EPRECOND ? 0 : rc;
}

static int look_at(
	struct rollback *rb, const struct task *t, size_t i, struct target *tg, struct err *e)
{
	const struct plan_item *now = &rb->plan.items[i];

	if (t->items[i].state != ITEM_CREATED) {
		settle(rb, i, BACK_NONE,
			t->items[i].state == ITEM_UPDATED ? "changed by the task, not made"
							  : "");
		return 0;
	}
	if (now->verdict == VERDICT_CREATE) {
		settle(rb, i, BACK_GONE, "");
		return 0;
	}
	settle(rb, i, BACK_REMOVE, now->kind == OBJ_NAMESPACE ? "if it is empty by then" : "");
	if (now->kind == OBJ_NAMESPACE)
		return 0;
	if (!now->same && !rb->force) {
		settle(rb, i, BACK_KEEP,
			arena_fmt(&rb->plan.mem, "changed since: %s", now->detail));
		return 0;
	}
	return check_use(rb, i, tg, e);
}

int rollback_look(struct rollback *rb, struct task *t, struct target *tg,
	const struct holdings *have, bool force, struct err *e)
{
	struct plan open;
	int rc = 0;

	if (!tg->in_use || !tg->remove_item)
		return err_set(
			e, TQ_EUNSUPPORTED, "%s: nothing can be taken back there", tg->kind);
	plan_init(&open); /* what a killed run left open is settled first */
	task_again(t, &open, have, AGAIN_PENDING);
	plan_release(&open);
	task_again(t, &rb->plan, have, 0);
	rb->force = force;
	rb->n = t->n;
	rb->items = mem_array(t->n + 1, sizeof(*rb->items));
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].state == ITEM_CREATED)
			rb->plan.items[i].verdict = VERDICT_CREATE;
	plan_review(&rb->plan, ON_CONFLICT_FAIL, have);
	for (size_t i = 0; !rc && i < t->n; i++)
		rc = look_at(rb, t, i, tg, e);
	return rc ? err_wrap(e, "look at the target") : 0;
}

/* ---- removing ---- */

struct removal {
	struct rollback *rb;
	struct task *t;
	struct target *tg;
	struct journal *j;
	const struct task_hooks *hooks;
	size_t *changed; /* owned */
	size_t n_changed, done, total, failed;
};

static int flush(struct removal *r, struct err *e)
{
	size_t n = r->n_changed;

	r->n_changed = 0;
	return r->j && n ? r->j->ops->update(r->j, r->t, r->changed, n, e) : 0;
}

static int remove_one(struct removal *r, size_t i, struct err *e)
{
	struct rollback_item *back = &r->rb->items[i];
	struct task_item *it = &r->t->items[i];
	struct err why = ERR_INIT;
	int rc = back->back == BACK_REMOVE ? check_use(r->rb, i, r->tg, e) : 0;

	if (rc)
		return rc;
	if (back->back == BACK_REMOVE && r->tg->remove_item(r->tg, &r->rb->plan.items[i], &why))
		settle(r->rb, i, BACK_KEEP, why.msg);
	r->done++;
	if (back->back == BACK_KEEP) {
		r->failed++;
		return 0;
	}
	it->state = ITEM_REMOVED;
	it->reason = REASON_NONE;
	it->detail = back->back == BACK_GONE ? "was gone already" : "";
	it->at_ms = clock_wall_ms();
	r->changed[r->n_changed++] = i;
	return r->n_changed < BATCH ? 0 : flush(r, e);
}

static int remove_all(struct removal *r, bool *stopped, struct err *e)
{
	int rc = 0;

	for (int kind = OBJ_KINDS - 1; kind >= 0; kind--)
		for (size_t i = 0; !rc && !*stopped && i < r->t->n; i++) {
			enum back b = r->rb->items[i].back;

			if ((int)r->t->items[i].kind != kind ||
				(b != BACK_REMOVE && b != BACK_GONE))
				continue;
			rc = remove_one(r, i, e);
			if (r->hooks && r->hooks->progress)
				r->hooks->progress(r->hooks->arg, r->done, r->total, r->failed);
			*stopped = r->hooks && r->hooks->stop && r->hooks->stop(r->hooks->arg);
		}
	return rc;
}

int rollback_run(struct rollback *rb, struct task *t, struct target *tg, struct journal *j,
	const struct task_hooks *hooks, struct err *e)
{
	struct removal r = { .rb = rb, .t = t, .tg = tg, .j = j, .hooks = hooks };
	bool stopped = false;
	int rc, last;

	if (t->state == TASK_RUNNING || t->state == TASK_PENDING) /* its process is dead */
		t->state = TASK_CANCELLED;
	r.total = rollback_count(rb, BACK_REMOVE) + rollback_count(rb, BACK_GONE);
	r.changed = mem_array(t->n + 1, sizeof(*r.changed));
	rc = j ? j->ops->reopen(j, t, e) : 0;
	if (!rc) {
		rc = remove_all(&r, &stopped, e);
		task_count(t);
		if (!rc && !stopped && !rollback_count(rb, BACK_KEEP))
			t->state = TASK_ROLLED_BACK;
		r.changed[r.n_changed] = 0;
		last = j ? j->ops->update(j, t, r.changed, r.n_changed, rc ? NULL : e) : 0;
		rc = rc ? rc : last;
	}
	mem_free(r.changed);
	if (rc || !stopped)
		return rc;
	err_set(e, TQ_EINTERRUPTED, "stopped after %zu of %zu items", r.done, r.total);
	return err_hint(e, "go on: tdmqctl migrate rollback %lld", (long long)t->id);
}
