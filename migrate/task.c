/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task: the runner. Three passes over the plan (namespaces, topics, groups), each drained before
 * the next begins, since a later one needs what an earlier one made. Within a pass as many
 * requests overlap as the target's window allows.
 *
 *	submit ─▶ in flight ─▶ done(): final state ─▶ changed[] ─▶ journal, BATCH at a time
 *
 * When a target stops answering, each item would wait for its own timeout: after GIVE_UP
 * silent answers in a row the rest fails at once, with that reason.
 */
#include "base.h"

#include "clock.h"
#include "journal.h"
#include "map.h"
#include "task.h"

#define BATCH 128
#define GIVE_UP 16
#define WAIT_MS 200

const char *const task_state_names[] = { "pending", "running", "succeeded", "some failed",
	"all failed", "cancelled", NULL };
const char *const item_state_names[] = { "pending", "created", "exists", "updated", "skipped",
	"conflict", "failed", NULL };

struct run {
	struct task *t;
	const struct plan *p;
	struct target *tg;
	struct journal *j;
	const struct task_hooks *hooks;
	size_t *changed; /* owned; items whose state is not in the journal yet */
	size_t n_changed;
	size_t done, total, failed;
	int in_flight, silent;
	bool stopped;
};

void task_init(struct task *t)
{
	*t = (struct task){ 0 };
	arena_init(&t->mem);
}

void task_release(struct task *t)
{
	mem_free(t->items);
	arena_release(&t->mem);
	*t = (struct task){ 0 };
}

bool item_state_is_failure(enum item_state s)
{
	return s == ITEM_CONFLICT || s == ITEM_FAILED;
}

static enum item_state planned_state(enum verdict v)
{
	switch (v) {
	case VERDICT_CREATE:
	case VERDICT_ADJUST:
		return ITEM_PENDING;
	case VERDICT_EXISTS:
		return ITEM_EXISTS;
	case VERDICT_CONFLICT:
		return ITEM_CONFLICT;
	case VERDICT_REFUSED:
		return ITEM_FAILED;
	case VERDICT_SKIPPED:
	case VERDICTS:
		break;
	}
	return ITEM_SKIPPED;
}

void task_from_plan(struct task *t, const struct plan *p)
{
	int64_t now = clock_wall_ms();

	t->created_ms = now;
	t->n = p->n;
	t->items = mem_array(p->n + 1, sizeof(*t->items));
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_item *from = &p->items[i];
		struct task_item *it = &t->items[i];

		it->kind = from->kind;
		it->state = planned_state(from->verdict);
		it->reason = from->reason;
		it->warnings = from->warnings;
		it->source = arena_str(&t->mem, from->source);
		it->ns = arena_str(&t->mem, from->ns);
		it->name = arena_str(&t->mem, from->name);
		it->detail = arena_str(&t->mem, from->detail);
		it->at_ms = it->state == ITEM_PENDING ? 0 : now;
	}
	task_count(t);
}

void task_count(struct task *t)
{
	memset(t->counts, 0, sizeof(t->counts));
	for (size_t i = 0; i < t->n; i++)
		t->counts[t->items[i].kind][t->items[i].state]++;
}

static int count_state(const struct task *t, enum item_state s)
{
	int n = 0;

	for (int k = 0; k < OBJ_KINDS; k++)
		n += t->counts[k][s];
	return n;
}

int task_failures(const struct task *t)
{
	return count_state(t, ITEM_CONFLICT) + count_state(t, ITEM_FAILED);
}

enum task_state task_outcome(const struct task *t)
{
	int good = 0;

	/* Namespaces are means: a task that only made one has achieved nothing. */
	for (int k = OBJ_TOPIC; k < OBJ_KINDS; k++)
		good += t->counts[k][ITEM_CREATED] + t->counts[k][ITEM_EXISTS] +
			t->counts[k][ITEM_UPDATED];
	if (!task_failures(t))
		return TASK_SUCCEEDED;
	return good ? TASK_SOME_FAILED : TASK_ALL_FAILED;
}

/* ---- the journal ---- */

static int flush(struct run *r, struct err *e)
{
	size_t n = r->n_changed;

	r->n_changed = 0;
	if (!r->j)
		return 0;
	return r->j->ops->update(r->j, r->t, r->changed, n, e);
}

static void set_state(
	struct run *r, size_t i, enum item_state s, enum reason why, const char *detail)
{
	struct task_item *it = &r->t->items[i];

	it->state = s;
	it->reason = why;
	it->detail = arena_str(&r->t->mem, detail ? detail : reason_text(why));
	it->at_ms = clock_wall_ms();
	r->changed[r->n_changed++] = i;
	r->done++;
	r->failed += item_state_is_failure(s);
}

/* ---- results ---- */

static enum reason reason_of(int code)
{
	switch (code) {
	case TQ_ELIMIT:
	case TQ_ENOSPACE:
		return REASON_QUOTA_EXCEEDED;
	case TQ_EDENIED:
		return REASON_PERMISSION_DENIED;
	case TQ_EUNREACHABLE:
	case TQ_ETIMEDOUT:
	case TQ_EBUSY:
	case TQ_EUNAVAILABLE:
		return REASON_TARGET_UNAVAILABLE;
	case TQ_EUNSUPPORTED:
		return REASON_UNSUPPORTED;
	case TQ_EINVAL:
		return REASON_INVALID_VALUE;
	default:
		return REASON_FAILED;
	}
}

static void item_done(void *arg, size_t i, const struct err *e)
{
	struct run *r = arg;
	bool adjust = r->p->items[i].verdict == VERDICT_ADJUST;
	enum reason why = reason_of(e->code);

	r->in_flight--;
	if (e->code == TQ_EUNREACHABLE || e->code == TQ_ETIMEDOUT)
		r->silent++;
	else
		r->silent = 0;
	if (!e->code)
		set_state(r, i, adjust ? ITEM_UPDATED : ITEM_CREATED, REASON_NONE,
			r->p->items[i].detail);
	else if (e->code == TQ_EEXIST)
		set_state(r, i, ITEM_EXISTS, REASON_ALREADY_EXISTS, NULL);
	else
		set_state(r, i, ITEM_FAILED, why, e->msg);
}

static void progress(struct run *r)
{
	if (r->hooks && r->hooks->progress)
		r->hooks->progress(r->hooks->arg, r->done, r->total, r->failed);
}

static bool asked_to_stop(struct run *r)
{
	if (!r->stopped && r->hooks && r->hooks->stop)
		r->stopped = r->hooks->stop(r->hooks->arg);
	return r->stopped;
}

/* ---- passes ---- */

static bool namespace_failed(struct run *r, const char *ns)
{
	for (size_t i = 0; ns && i < r->t->n && r->t->items[i].kind == OBJ_NAMESPACE; i++)
		if (!strcmp(r->t->items[i].ns, ns))
			return item_state_is_failure(r->t->items[i].state);
	return false;
}

/* Answers come in; what piled up goes into the journal. */
static int drain(struct run *r, int until, struct err *e)
{
	int rc = 0;

	while (r->in_flight > until) {
		r->tg->run(r->tg, WAIT_MS);
		progress(r);
		asked_to_stop(r);
		if (!rc && r->n_changed >= BATCH)
			rc = flush(r, e);
	}
	return rc;
}

static void submit(struct run *r, size_t i)
{
	struct err why = ERR_INIT;

	if (namespace_failed(r, r->t->items[i].ns) && r->t->items[i].kind != OBJ_NAMESPACE) {
		set_state(r, i, ITEM_FAILED, REASON_NO_NAMESPACE, NULL);
		return;
	}
	if (r->silent >= GIVE_UP) {
		set_state(r, i, ITEM_FAILED, REASON_TARGET_UNAVAILABLE,
			"not tried: the target had stopped answering");
		return;
	}
	r->in_flight++;
	if (r->tg->submit(r->tg, &r->p->items[i], i, item_done, r, &why))
		item_done(r, i, &why);
}

static int pass(struct run *r, enum object_kind kind, struct err *e)
{
	int rc = 0, last;

	for (size_t i = 0; !rc && i < r->t->n && !asked_to_stop(r); i++) {
		if (r->t->items[i].kind != kind || r->t->items[i].state != ITEM_PENDING)
			continue;
		submit(r, i);
		rc = drain(r, r->tg->window - 1, e);
		if (!rc && r->n_changed >= BATCH)
			rc = flush(r, e);
	}
	last = drain(r, 0, rc ? NULL : e);
	return rc ? rc : last;
}

static int finish(struct run *r, int rc, struct err *e)
{
	struct task *t = r->t;

	task_count(t);
	t->state = r->stopped || rc ? TASK_CANCELLED : task_outcome(t);
	t->finished_ms = clock_wall_ms();
	if (!rc)
		rc = flush(r, e);
	if (rc || !r->stopped)
		return rc;
	err_set(e, TQ_EINTERRUPTED, "stopped after %zu of %zu items", r->done, r->total);
	return err_hint(e, "run the same command again: what is made is found as existing");
}

int task_run(struct task *t, const struct plan *p, struct target *tg, struct journal *j,
	const struct task_hooks *hooks, struct err *e)
{
	struct run r = { .t = t, .p = p, .tg = tg, .j = j, .hooks = hooks };
	int rc = 0;

	BUG_ON(t->n != p->n || tg->window < 1);
	r.changed = mem_array(t->n + 1, sizeof(*r.changed));
	r.total = (size_t)plan_writes(p);
	t->state = TASK_RUNNING;
	if (j)
		rc = j->ops->create(j, t, e);
	if (!rc) {
		for (int kind = 0; !rc && kind < OBJ_KINDS; kind++)
			rc = pass(&r, (enum object_kind)kind, e);
		progress(&r);
		rc = finish(&r, rc, e);
	}
	mem_free(r.changed);
	return rc;
}
