/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_task: list, status, resume, retry, cancel, rollback: what can be done with a task that is
 * in the journal. None of it needs the file the task came from: its items are complete there.
 */
#include "cmd.h"

#include <unistd.h>

#include "clock.h"
#include "ctx.h"
#include "migrate/html.h"
#include "migrate/rollback.h"
#include "migrate/target.h"
#include "migrate_work.h"
#include "progress.h"
#include "state.h"

#define CANCEL_WAIT_MS 15000
#define WATCH_MS 500

int migrate_journal(struct ctx *cx, int to, struct journal *j)
{
	const struct cluster *c = NULL;
	const char *dir;
	int rc = to == TO_CLUSTER ? admin_cluster(cx->admin, &c, &cx->err) : 0;

	if (rc)
		return rc;
	if (c && c->brokerd) {
		journal_brokerd(j, cx->admin);
		return 0;
	}
	dir = state_path(&cx->mem, "tasks");
	if (!dir) {
		err_set(&cx->err, TQ_EPRECOND, "no folder to keep tasks in");
		return err_hint(&cx->err, "set HOME or XDG_STATE_HOME");
	}
	journal_dir(j, dir);
	return 0;
}

/* ---- running ---- */

static void on_progress(void *arg, size_t done, size_t total, size_t failed)
{
	progress_show(arg, done, total, failed);
}

static bool on_stop(void *arg UNUSED)
{
	return stop_asked();
}

/* What became of it, as an exit status; the report has said the rest. */
static int result(struct ctx *cx, const struct task *t)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, 1024);
	report_task_summary(&b, t);
	ctx_done(cx, "task %lld %s: %s", (long long)t->id, task_state_names[t->state], b.p);
	buf_release(&b);
	if (t->state == TASK_SOME_FAILED)
		rc = err_set(&cx->err, TQ_EPARTIAL, "%d of %zu items failed", task_failures(t),
			t->n);
	else if (t->state == TASK_ALL_FAILED)
		rc = err_set(&cx->err, TQ_EFAIL, "all items failed");
	if (rc)
		err_hint(&cx->err, "see which and why: tdmqctl migrate status %lld --failed",
			(long long)t->id);
	return rc;
}

static int show(
	struct ctx *cx, const struct task *t, const struct report_filter *f, struct err *e)
{
	int rc = report_task(cx->out, t, f, e);

	ctx_note_dropped(cx);
	if (rc || !f->page)
		return rc;
	rc = html_task_file(f->page, t, f, e);
	if (!rc)
		ctx_done(cx, "report written to '%s'", f->page);
	return rc;
}

int migrate_carry_out(struct ctx *cx, struct task *t, const struct plan *p, struct target *tg,
	struct journal *j, const struct report_filter *f)
{
	struct progress bar = progress_start(cx, "migrate-run");
	struct task_hooks hooks = { on_progress, on_stop, &bar };
	int rc, shown;

	stop_watch();
	rc = task_run(t, p, tg, j, &hooks, &cx->err);
	progress_end(&bar);
	if (t->id && (!rc || rc == TQ_EINTERRUPTED)) {
		shown = show(cx, t, f, rc ? NULL : &cx->err);
		rc = rc ? rc : shown;
	}
	return rc ? rc : result(cx, t);
}

/* ---- list, status ---- */

int migrate_list(struct ctx *cx, const void *args)
{
	const struct task_args *a = args;
	struct task *tasks = NULL;
	struct journal j;
	size_t n = 0;
	int rc = migrate_journal(cx, a->to.kind, &j);

	if (!rc)
		rc = j.ops->list(&j, &cx->mem, &tasks, &n, &cx->err);
	if (!rc)
		rc = report_tasks(cx->out, tasks, n, &cx->err);
	if (!rc)
		ctx_note_dropped(cx);
	mem_free(tasks);
	return rc;
}

static int check_filter(struct ctx *cx, const struct task_args *a)
{
	int state;

	if (a->state && opt_choose(item_state_names, str_of(a->state), &state, &cx->err)) {
		err_wrap(&cx->err, "--state");
		return cx->err.code = TQ_EUSAGE;
	}
	if (a->reason && !reason_from(a->reason))
		return err_set(&cx->err, TQ_EUSAGE, "--reason '%s': no such reason", a->reason);
	return 0;
}

/* The journal and the task named on the command line; on failure both are released. */
static int open_task(
	struct ctx *cx, const struct task_args *a, struct journal *j, struct task *t)
{
	int64_t id;
	int rc;

	if (str_to_i64(str_of(a->id), 1, INT64_MAX / 2, &id, "task", &cx->err))
		return err_set(&cx->err, TQ_EUSAGE, "'%s' is not the number of a task", a->id);
	rc = migrate_journal(cx, a->to.kind, j);
	if (rc)
		return rc;
	task_init(t);
	rc = j->ops->load(j, id, t, &cx->err);
	if (rc) {
		task_release(t);
		journal_release(j);
	}
	return rc;
}

static void close_task(struct journal *j, struct task *t)
{
	task_release(t);
	journal_release(j);
}

static int reload(struct ctx *cx, struct journal *j, struct task *t)
{
	int64_t id = t->id;

	task_release(t);
	task_init(t);
	return j->ops->load(j, id, t, &cx->err);
}

/* Until the task has ended, its process died, or the user has seen enough. */
static int watch(struct ctx *cx, struct journal *j, struct task *t)
{
	struct progress bar = progress_start(cx, "migrate-status");
	int rc = 0;

	stop_watch();
	while (!rc && task_is_alive(t) && !stop_asked()) {
		progress_show(&bar, t->n - task_pending(t), t->n, (size_t)task_failures(t));
		usleep(WATCH_MS * 1000);
		rc = reload(cx, j, t);
	}
	progress_end(&bar);
	return rc;
}

static void say_state(struct ctx *cx, const struct task *t)
{
	struct buf b;

	buf_init(&b, 1024);
	report_task_summary(&b, t);
	ctx_note(cx, "task %lld '%s' %s: %s", (long long)t->id, t->name ? t->name : "",
		task_state_names[t->state], b.p);
	buf_release(&b);
	if (t->state == TASK_RUNNING && !task_is_alive(t))
		ctx_warn(cx, "nobody runs it any more; go on: tdmqctl migrate resume %lld",
			(long long)t->id);
}

int migrate_status(struct ctx *cx, const void *args)
{
	const struct task_args *a = args;
	struct report_filter f = { a->failed, a->state, a->reason, a->report };
	struct journal j;
	struct task t;
	int rc = check_filter(cx, a);

	if (!rc)
		rc = open_task(cx, a, &j, &t);
	if (rc)
		return rc;
	if (a->watch)
		rc = watch(cx, &j, &t);
	if (!rc)
		rc = show(cx, &t, &f, &cx->err);
	if (!rc)
		say_state(cx, &t);
	close_task(&j, &t);
	return rc;
}

/* ---- resume, retry ---- */

static int check_alive(struct ctx *cx, const struct task *t, bool force)
{
	if (!task_is_alive(t) || force)
		return 0;
	err_set(&cx->err, TQ_EPRECOND, "task %lld is being run by process %lld on %s",
		(long long)t->id, (long long)t->pid, t->host);
	return err_hint(&cx->err,
		"stop it: tdmqctl migrate cancel %lld; if that host is gone, "
		"take the task over: --force",
		(long long)t->id);
}

/* A task of one target must not go on in another. */
static int check_target(struct ctx *cx, const struct task *t, const struct target *tg)
{
	const char *there = t->target ? t->target : "";
	bool cloud = !strncmp(there, "tdmq ", 5), is = !strcmp(tg->kind, "tdmq");

	if (cloud == is && (!is || !strcmp(there, tg->description)))
		return 0;
	err_set(&cx->err, TQ_EPRECOND, "task %lld went to '%s', this is '%s'", (long long)t->id,
		there, tg->description);
	return err_hint(&cx->err, "--to, --cluster-id and --region as when it was run");
}

static int go_on(struct ctx *cx, const struct to_args *to, struct task *t, struct journal *j,
	unsigned which)
{
	struct report_filter all = { .failed_only = false };
	struct target *tg = NULL;
	struct holdings have;
	struct plan p;
	int rc;

	holdings_init(&have);
	plan_init(&p);
	rc = migrate_target(cx, to, &tg);
	if (!rc)
		rc = check_target(cx, t, tg);
	if (!rc)
		rc = target_holdings(tg, &have, &cx->err);
	if (!rc)
		task_again(t, &p, &have, which);
	if (!rc && ctx_dry_run(cx, "%zu items would be made or changed", task_pending(t)))
		rc = report_task(cx->out, t, &all, &cx->err);
	else if (!rc)
		rc = migrate_carry_out(cx, t, &p, tg, j, &all);
	target_free(tg);
	plan_release(&p);
	holdings_release(&have);
	return rc;
}

static int again(struct ctx *cx, const struct task_args *a, unsigned which)
{
	struct journal j;
	struct task t;
	int rc = open_task(cx, a, &j, &t);

	if (rc)
		return rc;
	rc = check_alive(cx, &t, a->force);
	if (!rc && t.state == TASK_ROLLED_BACK) {
		rc = err_set(
			&cx->err, TQ_EPRECOND, "task %lld was rolled back", (long long)t.id);
		err_hint(&cx->err, "run its file again");
	}
	if (!rc)
		rc = go_on(cx, &a->to, &t, &j, which);
	close_task(&j, &t);
	return rc;
}

int migrate_resume(struct ctx *cx, const void *args)
{
	return again(cx, args, AGAIN_PENDING);
}

int migrate_retry(struct ctx *cx, const void *args)
{
	const struct task_args *a = args;

	return again(cx, a, a->failed ? AGAIN_FAILED : AGAIN_FAILED | AGAIN_PENDING);
}

/* ---- cancel ---- */

/* Its process ends it; it looks into the journal between batches. */
static int cancel_living(struct ctx *cx, struct journal *j, struct task *t)
{
	int64_t until = clock_mono_us() + CANCEL_WAIT_MS * 1000ll;
	int rc = j->ops->cancel(j, t->id, &cx->err);

	while (!rc && clock_mono_us() < until) {
		rc = reload(cx, j, t);
		if (!rc && (t->state != TASK_RUNNING && t->finished_ms))
			return 0;
		usleep(20000);
	}
	return rc ? rc
		  : err_set(&cx->err, TQ_ETIMEDOUT,
			    "task %lld was asked to stop and has "
			    "not yet",
			    (long long)t->id);
}

static int cancel_dead(struct ctx *cx, struct journal *j, struct task *t)
{
	size_t none = 0;
	int rc;

	t->state = TASK_CANCELLED;
	t->finished_ms = clock_wall_ms();
	rc = j->ops->reopen(j, t, &cx->err);
	return rc ? rc : j->ops->update(j, t, &none, 0, &cx->err);
}

int migrate_cancel(struct ctx *cx, const void *args)
{
	const struct task_args *a = args;
	struct journal j;
	struct task t;
	int rc = open_task(cx, a, &j, &t);

	if (rc)
		return rc;
	if (t.state != TASK_RUNNING && t.state != TASK_PENDING)
		rc = err_set(&cx->err, TQ_EPRECOND, "task %lld does not run: it is %s",
			(long long)t.id, task_state_names[t.state]);
	else if (!ctx_dry_run(cx, "task %lld would be cancelled", (long long)t.id))
		rc = task_is_alive(&t) ? cancel_living(cx, &j, &t) : cancel_dead(cx, &j, &t);
	if (!rc)
		say_state(cx, &t);
	close_task(&j, &t);
	return rc;
}

/* ---- rollback ---- */

static int preview(struct ctx *cx, const struct rollback *rb, const struct task *t)
{
	int rc = report_rollback(cx->out, rb, t, &cx->err);

	if (!rc)
		ctx_note_dropped(cx);
	return rc;
}

/* After the fact: what stayed is a failure in part. */
static int rolled_back(struct ctx *cx, const struct rollback *rb, const struct task *t)
{
	size_t kept = rollback_count(rb, BACK_KEEP);

	ctx_done(cx, "task %lld: %zu items removed, %zu were gone, %zu stay", (long long)t->id,
		rollback_count(rb, BACK_REMOVE), rollback_count(rb, BACK_GONE), kept);
	if (!kept)
		return 0;
	err_set(&cx->err, TQ_EPARTIAL, "%zu items stay", kept);
	return err_hint(&cx->err, "what is in use or was changed goes with --force; namespaces "
				  "only when they are empty");
}

static int take_back(struct ctx *cx, struct rollback *rb, struct task *t, struct target *tg,
	struct journal *j)
{
	struct progress bar = progress_start(cx, "migrate-rollback");
	struct task_hooks hooks = { on_progress, on_stop, &bar };
	int rc;

	stop_watch();
	rc = rollback_run(rb, t, tg, j, &hooks, &cx->err);
	progress_end(&bar);
	return rc;
}

static int roll_back(struct ctx *cx, struct task *t, struct target *tg, struct journal *j,
	struct rollback *rb)
{
	size_t n = rollback_count(rb, BACK_REMOVE);
	bool page = !ctx_wants_object(cx);
	int rc = page || cx->set.dry_run ? preview(cx, rb, t) : 0;

	if (rc || ctx_dry_run(cx, "%zu items would be removed, %zu would stay", n,
			  rollback_count(rb, BACK_KEEP)))
		return rc;
	if (n)
		rc = ctx_confirm(
			cx, "remove %zu items that task %lld created?", n, (long long)t->id);
	if (!rc)
		rc = take_back(cx, rb, t, tg, j);
	if (!rc && !page)
		rc = preview(cx, rb, t);
	return rc ? rc : rolled_back(cx, rb, t);
}

int migrate_rollback(struct ctx *cx, const void *args)
{
	const struct task_args *a = args;
	struct target *tg = NULL;
	struct holdings have;
	struct rollback rb;
	struct journal j;
	struct task t;
	int rc = open_task(cx, a, &j, &t);

	if (rc)
		return rc;
	holdings_init(&have);
	rollback_init(&rb);
	rc = check_alive(cx, &t, false);
	if (!rc)
		rc = migrate_target(cx, &a->to, &tg);
	if (!rc)
		rc = check_target(cx, &t, tg);
	if (!rc)
		rc = target_holdings(tg, &have, &cx->err);
	if (!rc)
		rc = rollback_look(&rb, &t, tg, &have, a->force, &cx->err);
	if (!rc)
		rc = roll_back(cx, &t, tg, &j, &rb);
	rollback_release(&rb);
	holdings_release(&have);
	target_free(tg);
	close_task(&j, &t);
	return rc;
}

/* ---- options ---- */

const struct opt migrate_list_opts[] = { TO_KIND_OPT(struct task_args), OPT_END };

const struct opt migrate_status_opts[] = {
	TO_KIND_OPT(struct task_args),
	OPT_BOOL(0, "failed", struct task_args, failed, "only items that failed or conflict"),
	OPT_STR(0, "state", "state", struct task_args, state, "only items in this state"),
	OPT_STR(0, "reason", "reason", struct task_args, reason, "only items with this reason"),
	OPT_BOOL(0, "watch", struct task_args, watch, "wait until it has ended"),
	OPT_NAME(0, "report", "file", struct task_args, report, NAMES_FILE,
		"also write it as an HTML page that can be mailed"),
	OPT_END,
};

#define FORCE_ALIVE \
	OPT_BOOL(0, "force", struct task_args, force, \
		"also when another process seems to run it")

const struct opt migrate_resume_opts[] = {
	TO_OPTS(struct task_args),
	FORCE_ALIVE,
	OPT_END,
};

const struct opt migrate_retry_opts[] = {
	TO_OPTS(struct task_args),
	OPT_BOOL(0, "failed", struct task_args, failed,
		"only what failed, not what was not reached"),
	FORCE_ALIVE,
	OPT_END,
};

const struct opt migrate_rollback_opts[] = {
	TO_OPTS(struct task_args),
	OPT_BOOL(0, "force", struct task_args, force, "also what was used or changed since"),
	OPT_END,
};
