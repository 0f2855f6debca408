/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task: the runner. Three passes over the plan (namespaces, topics, groups), each drained before
 * the next begins, since a later one needs what an earlier one made. Within a pass as many
 * requests overlap as the target's window allows.
 *
 *	submit ─▶ in flight ─▶ done(): final state ─▶ changed[] ─▶ journal, BATCH at a time
 *
 * Each write into the journal also moves the mark `reached` BATCH items ahead of the next one: up
 * to there the journal need not be asked before a request leaves.
 *
 * When a target stops answering, each item would wait for its own timeout: after GIVE_UP
 * silent answers in a row the rest fails at once, with that reason.
 */
#include "base.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "journal.h"
#include "map.h"
#include "task.h"

#define BATCH 128
#define GIVE_UP 16
#define WAIT_MS 200

const char *const task_state_names[] = { "pending", "running", "succeeded", "some failed",
	"all failed", "cancelled", "rolled back", NULL };
const char *const item_state_names[] = { "pending", "created", "exists", "updated", "skipped",
	"conflict", "failed", "removed", NULL };

struct run {
	struct task *t;
	const struct plan *p;
	struct target *tg;
	struct journal *j;
	const struct task_hooks *hooks;
	size_t *changed; /* owned; items whose state is not in the journal yet */
	size_t n_changed;
	size_t next; /* the item whose turn it is */
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

/* Names and settings of an item, in the task's memory. */
static void copy_object(struct task *t, struct task_item *it, const struct plan_item *from)
{
	struct arena *mem = &t->mem;

	it->kind = from->kind;
	it->verdict = from->verdict;
	it->ns = arena_str(mem, from->ns);
	it->name = arena_str(mem, from->name);
	if (from->kind == OBJ_NAMESPACE) {
		it->namespace = from->namespace;
		it->namespace.name = it->ns;
		it->namespace.remark = arena_str(mem, from->namespace.remark);
	} else if (from->kind == OBJ_TOPIC) {
		it->topic = from->topic;
		it->topic.name = arena_str(mem, from->topic.name);
		it->topic.remark = arena_str(mem, from->topic.remark);
	} else {
		it->group = from->group;
		it->group.name = arena_str(mem, from->group.name);
		it->group.remark = arena_str(mem, from->group.remark);
	}
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

		copy_object(t, it, from);
		it->state = planned_state(from->verdict);
		it->reason = from->reason;
		it->warnings = from->warnings;
		it->source = arena_str(&t->mem, from->source);
		it->detail = arena_str(&t->mem, from->detail);
		it->at_ms = it->state == ITEM_PENDING ? 0 : now;
	}
	task_count(t);
}

/* ---- going on ---- */

static void to_plan_item(const struct task_item *it, struct plan_item *out)
{
	out->verdict = it->verdict;
	out->reason = it->reason;
	out->warnings = it->warnings;
	out->source = it->source;
	out->ns = it->ns;
	out->name = it->name;
	out->detail = it->detail;
	if (it->kind == OBJ_NAMESPACE)
		out->namespace = it->namespace;
	else if (it->kind == OBJ_TOPIC)
		out->topic = it->topic;
	else
		out->group = it->group;
}

/* Whether an item is to be done again. What the plan refused for good is not. */
static bool is_again(const struct task_item *it, unsigned which)
{
	if (it->state == ITEM_PENDING)
		return which & AGAIN_PENDING;
	if (!item_state_is_failure(it->state) || !(which & AGAIN_FAILED))
		return false;
	return it->verdict != VERDICT_REFUSED || it->reason == REASON_QUOTA_EXCEEDED ||
	       it->reason == REASON_NO_NAMESPACE;
}

/* What the target has now, and whether this task may have made it, decide what is left to do. */
static void judge_again(struct task *t, size_t i, struct plan_item *now)
{
	struct task_item *it = &t->items[i];
	bool tried = it->tried || (it->state == ITEM_PENDING && i < t->reached);
	bool adjust = it->verdict == VERDICT_ADJUST;

	it->state = planned_state(now->verdict);
	it->reason = now->reason;
	it->detail = arena_str(&t->mem, now->detail);
	if (tried && now->same) {
		it->state = adjust ? ITEM_UPDATED : ITEM_CREATED;
		it->reason = REASON_NONE;
		it->detail = "done by a run that was cut short";
	} else if (it->state != ITEM_PENDING || !tried || adjust) {
		it->verdict = now->verdict;
	} /* else it stays one to be created: some brokers may have it already, from this task */
	now->verdict = it->verdict;
	it->tried = tried && it->state == ITEM_PENDING;
	it->at_ms = it->state == ITEM_PENDING ? 0 : clock_wall_ms();
}

void task_again(struct task *t, struct plan *p, const struct holdings *have, unsigned which)
{
	for (size_t i = 0; i < t->n; i++) {
		struct plan_item *out = plan_add(p, t->items[i].kind);

		to_plan_item(&t->items[i], out);
		if (!is_again(&t->items[i], which))
			out->verdict = VERDICT_SKIPPED; /* not to be looked at */
	}
	plan_review(p, t->on_conflict, have);
	for (size_t i = 0; i < t->n; i++)
		if (is_again(&t->items[i], which))
			judge_again(t, i, &p->items[i]);
	task_count(t);
}

size_t task_pending(const struct task *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->items[i].state == ITEM_PENDING;
	return n;
}

/* ---- the process ---- */

/* When a process began, in ticks since the machine did: tells it from a later one of its number. */
static int64_t process_start(int64_t pid)
{
	struct str text, field = STR_NONE;
	char path[40];
	struct buf b;
	int64_t n = 0;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	buf_init(&b, 4096);
	if (!fsio_read_file(path, 4096, &b, NULL)) {
		const char *end = b.n ? memrchr(b.p, ')', b.n) : NULL; /* names hold blanks */

		text = buf_str(&b);
		if (end)
			text = str_skip(text, (size_t)(end - b.p) + 2);
		for (int i = 3; i <= 22; i++)
			str_cut(&text, ' ', &field);
		if (str_to_i64(field, 0, INT64_MAX, &n, "", NULL))
			n = 0;
	}
	buf_release(&b);
	return n;
}

static const char *host_name(char out[256])
{
	if (gethostname(out, 256))
		out[0] = '\0';
	out[255] = '\0';
	return out;
}

static void sign(struct task *t)
{
	char host[256];

	t->host = arena_str(&t->mem, host_name(host));
	t->pid = getpid();
	t->pid_start = process_start(t->pid);
}

bool task_is_alive(const struct task *t)
{
	char host[256];

	if (t->state != TASK_RUNNING || !t->host)
		return false;
	if (strcmp(t->host, host_name(host)))
		return true;
	if (t->pid <= 0 || t->pid == getpid() || (kill((pid_t)t->pid, 0) && errno == ESRCH))
		return false;
	return process_start(t->pid) == t->pid_start;
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

/* Answers come in while the journal is asked: changed[] is read when the body is written, at once. */
static int flush(struct run *r, struct err *e)
{
	bool cancelled = false;
	size_t n;
	int rc;

	if (!r->j) {
		r->n_changed = 0;
		return 0;
	}
	rc = r->j->ops->cancelled(r->j, r->t->id, &cancelled, e);
	r->stopped |= cancelled;
	n = r->n_changed;
	r->n_changed = 0;
	r->t->reached = MAX(r->t->reached, r->next + BATCH);
	return rc ? rc : r->j->ops->update(r->j, r->t, r->changed, n, e);
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
	bool adjust = r->t->items[i].verdict == VERDICT_ADJUST;
	enum reason why = reason_of(e->code);

	/* Without an answer it may be there all the same. */
	r->t->items[i].tried =
		e->code == TQ_EUNREACHABLE || e->code == TQ_ETIMEDOUT || e->code == TQ_EPARTIAL;
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
	else if (e->code == TQ_EDIFFERS)
		set_state(r, i, ITEM_CONFLICT, REASON_CONFLICT, e->msg);
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
		r->next = i;
		if ((r->j && i >= r->t->reached) || r->n_changed >= BATCH)
			rc = flush(r, e);
		if (rc || r->stopped)
			break;
		submit(r, i);
		rc = drain(r, r->tg->window - 1, e);
	}
	last = drain(r, 0, rc ? NULL : e);
	return rc ? rc : last;
}

static int finish(struct run *r, int rc, struct err *e)
{
	struct task *t = r->t;

	task_count(t);
	t->state = (r->stopped && task_pending(t)) || rc ? TASK_CANCELLED : task_outcome(t);
	t->finished_ms = clock_wall_ms();
	if (!rc)
		rc = flush(r, e);
	if (rc || t->state != TASK_CANCELLED)
		return rc;
	err_set(e, TQ_EINTERRUPTED, "stopped after %zu of %zu items", r->done, r->total);
	if (t->id)
		return err_hint(e, "go on: tdmqctl migrate resume %lld", (long long)t->id);
	return TQ_EINTERRUPTED;
}

/* Into the journal before the first request, with the mark far enough for a start. */
static int begin(struct run *r, struct err *e)
{
	struct task *t = r->t;

	t->state = TASK_RUNNING;
	t->finished_ms = 0;
	t->reached = BATCH;
	sign(t);
	if (!r->j)
		return 0;
	return t->id ? r->j->ops->reopen(r->j, t, e) : r->j->ops->create(r->j, t, e);
}

int task_run(struct task *t, const struct plan *p, struct target *tg, struct journal *j,
	const struct task_hooks *hooks, struct err *e)
{
	struct run r = { .t = t, .p = p, .tg = tg, .j = j, .hooks = hooks };
	int rc;

	BUG_ON(t->n != p->n || tg->window < 1);
	r.changed = mem_array(t->n + 1, sizeof(*r.changed));
	r.total = task_pending(t);
	rc = begin(&r, e);
	if (!rc) {
		for (int kind = 0; !rc && kind < OBJ_KINDS; kind++)
			rc = pass(&r, (enum object_kind)kind, e);
		progress(&r);
		rc = finish(&r, rc, e);
	}
	mem_free(r.changed);
	return rc;
}
