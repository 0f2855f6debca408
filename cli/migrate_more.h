/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_more: the commands of `migrate` that look at two clusters, each in a file of its own, for
 * the table in cmd_migrate.c. And what `offset undo` takes back.
 */
#ifndef TDMQCTL_MIGRATE_MORE_H
#define TDMQCTL_MIGRATE_MORE_H

#include "migrate/cutover.h"
#include "pair.h"

struct offsets_args {
	struct pair_args pair;
	const char *group, *topic;
	int by;
	bool all, execute;
};
extern const struct opt migrate_offsets_opts[];
int migrate_offsets(struct ctx *cx, const void *args);

#define MIGRATE_OFFSETS \
	{ \
		"offsets", "positions of groups, by time, from another cluster", { ARG_END }, \
			migrate_offsets_opts, sizeof(struct offsets_args), migrate_offsets, 0, \
			"migrate offsets --from-context old --group pay-svc", \
			MIGRATE_OFFSETS_MORE \
	}
#define MIGRATE_OFFSETS_MORE \
	"Shows what would be set; --execute sets it. The time of a topic is that of the " \
	"oldest message the group has not consumed in the old cluster. Do it before the " \
	"first consumer of the group is on the new side: members that are connected keep " \
	"positions of their own. What was before is kept: tdmqctl offset undo."

struct switch_args {
	struct pair_args pair;
	const char *action, *step;
	struct strv groups, producers;
	int show;
	int64_t wait_ms, interval_ms;
};
extern const struct opt migrate_switch_opts[];
extern const char *const switch_actions[]; /* status watch NULL */
int migrate_switch(struct ctx *cx, const void *args);

#define MIGRATE_SWITCH \
	{ \
		"switch", "how far producers and consumers are on their way", \
			{ ARG_CHOICE(ARG_ONE, switch_actions, "ACTION", struct switch_args, \
				  action), \
				ARG_CHOICE(ARG_OPTIONAL, cutover_step_names, "STEP", \
					struct switch_args, step), \
				ARG_END }, \
			migrate_switch_opts, sizeof(struct switch_args), migrate_switch, 0, \
			"migrate switch status --from-context old\n" \
			"migrate switch status all-consumers --from-context old", \
			MIGRATE_SWITCH_MORE \
	}
#define MIGRATE_SWITCH_MORE \
	"The steps, in order: metadata, some-consumers, some-producers, all-producers, " \
	"drained, all-consumers. status exits 0 if STEP (or the next one) loses no message now, 9 if " \
	"it does or if messages are being lost already; with --wait it blocks until the step " \
	"is done, 8 if that takes too long. watch tells each change until all is done."

/* Puts back what a snapshot says; id NULL: the newest one. */
int offsets_undo(struct ctx *cx, const char *id);

extern const struct view view_position, view_switch, view_switch_event, view_switch_group,
	view_switch_client;

#endif
