/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_more: the commands of `migrate` that look at two clusters, each in a file of its own, for
 * the table in cmd_migrate.c. And what `offset undo` takes back.
 */
#ifndef TDMQCTL_MIGRATE_MORE_H
#define TDMQCTL_MIGRATE_MORE_H

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

/* Puts back what a snapshot says; id NULL: the newest one. */
int offsets_undo(struct ctx *cx, const char *id);

extern const struct view view_position;

#endif
