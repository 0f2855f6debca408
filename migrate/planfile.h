/* SPDX-License-Identifier: Apache-2.0 */
/*
 * planfile: a plan as a file, to be looked through, changed by hand and run later.
 *
 *	{"format":"tdmqctl-plan/1","createdMs":...,"source":"m.json","mode":"cluster",
 *	 "target":{"kind":"brokerd","description":"brokerd at ...","id":"rocketmq-..."},
 *	 "onConflict":"fail","items":[{"kind":"topic","verdict":"create","source":"shop%orders",
 *	 "namespace":"shop","name":"orders","object":{...}}, ...]}
 *
 * Items may be taken out, and their verdict may be made "skipped". What else a plan was made on
 * (names, settings) stands in it whole: the source file is not needed any more.
 */
#ifndef TDMQ_PLANFILE_H
#define TDMQ_PLANFILE_H

#include "plan.h"

#define PLANFILE_FORMAT "tdmqctl-plan/1"

struct planfile {
	const char *source, *mode;
	const char *target_kind, *target, *target_id; /* NULL: made offline */
	int64_t created_ms;
	enum on_conflict on_conflict;
};

int planfile_write(const struct plan *p, const struct planfile *head, const char *path,
	struct err *e) MUST_USE;
/* Whether the file looks like one; false also when it cannot be read. "-" is never one. */
bool planfile_is(const char *path);
/* Texts live in p->mem. The file is checked as what comes from a stranger. */
int planfile_read(
	struct plan *p, struct planfile *head, const char *path, struct err *e) MUST_USE;
int planfile_read_text(struct plan *p, struct planfile *head, const char *path, struct str text,
	struct err *e) MUST_USE;
/*
 * Verdicts against what the target holds now. TQ_ECHANGED when something would be done that the
 * file does not say; what was to be made and is there by now is fine, and counted in *by_now.
 */
int planfile_review(struct plan *p, enum on_conflict on_conflict, const struct holdings *have,
	int *by_now, struct err *e) MUST_USE;

#endif
