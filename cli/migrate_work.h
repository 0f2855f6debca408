/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_work: what cmd_migrate.c, which makes tasks, and migrate_task.c, which works with those
 * that are there, have in common. brokerd keeps the tasks itself; for other targets they are in
 * the state folder, so all commands look where the current cluster's tasks are.
 */
#ifndef TDMQCTL_MIGRATE_WORK_H
#define TDMQCTL_MIGRATE_WORK_H

#include "ctx.h"
#include "migrate/journal.h"
#include "migrate/report.h"
#include "migrate_to.h"

/* Where the tasks of the current cluster are, or those of the cloud: enum to_kind. */
int migrate_journal(struct ctx *cx, int to, struct journal *j) MUST_USE;
/* Runs the task, reports it, and says what became of it, as an exit status too. */
int migrate_carry_out(struct ctx *cx, struct task *t, const struct plan *p, struct target *tg,
	struct journal *j, const struct report_filter *f) MUST_USE;

/* migrate verify: whether the word is the number of a task, and what to do with one or a plan. */
bool migrate_names_task(const char *text);
int migrate_load_task(struct ctx *cx, const char *text, int to, struct task *t) MUST_USE;
int migrate_verify_task(
	struct ctx *cx, const char *id, const struct to_args *to, bool failed_only) MUST_USE;
int migrate_verify_plan(struct ctx *cx, const struct plan *p, bool failed_only) MUST_USE;
extern const struct view view_verify;

struct task_args {
	const char *id;
	bool failed, watch, force;
	const char *state, *reason, *report;
	struct to_args to;
};

int migrate_list(struct ctx *cx, const void *args);
int migrate_status(struct ctx *cx, const void *args);
int migrate_resume(struct ctx *cx, const void *args);
int migrate_retry(struct ctx *cx, const void *args);
int migrate_cancel(struct ctx *cx, const void *args);
int migrate_rollback(struct ctx *cx, const void *args);

extern const struct opt migrate_list_opts[], migrate_status_opts[], migrate_retry_opts[],
	migrate_resume_opts[], migrate_rollback_opts[];

/* Their lines in the command table. */
#define MIGRATE_TASK_ARG \
	{ \
		ARG(ARG_ONE, NAMES_TASK, "TASK", struct task_args, id), ARG_END \
	}
#define MIGRATE_TASK_CMDS \
	{ "list", "tasks and how they ended", { ARG_END }, migrate_list_opts, \
		sizeof(struct task_args), migrate_list, 0, "migrate list", NULL }, \
		{ "status", "a task item by item", MIGRATE_TASK_ARG, migrate_status_opts, \
			sizeof(struct task_args), migrate_status, 0, \
			"migrate status 12 --failed", NULL }, \
		{ "resume", "go on with a task that was killed or stopped", MIGRATE_TASK_ARG, \
			migrate_resume_opts, sizeof(struct task_args), migrate_resume, \
			CMD_WRITES, "migrate resume 12", \
			"Does what was not reached. The source file is not needed. What the dead " \
			"run made but could not note is found and counts as created." }, \
		{ "retry", "do again what failed", MIGRATE_TASK_ARG, migrate_retry_opts, \
			sizeof(struct task_args), migrate_retry, CMD_WRITES, \
			"migrate retry 12 --failed", \
			"Items that failed or are in conflict are compared with the target as it " \
			"is now, and those not reached too. What the plan refused for its name " \
			"or values stays refused." }, \
		{ "cancel", "stop a running task", MIGRATE_TASK_ARG, migrate_list_opts, \
			sizeof(struct task_args), migrate_cancel, CMD_WRITES, \
			"migrate cancel 12", \
			"It stops after the items on their way; 'migrate resume' goes on." }, \
	{ \
		"rollback", "remove what a task created", MIGRATE_TASK_ARG, \
			migrate_rollback_opts, sizeof(struct task_args), migrate_rollback, \
			CMD_WRITES | CMD_DESTROYS, "migrate rollback 12 --dry-run", \
			"Only what the task created goes, shown before it asks. What has " \
			"messages, positions or consumers by now, or other settings, stays " \
			"unless --force is given. Exit status 3 when something stayed." \
	}

#endif
