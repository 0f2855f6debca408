/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets: how far each group has consumed each queue. In memory; changed rows go to metadb
 * once a second and at stop, so a crash repeats at most the last second of consumption, and
 * loses none.
 *
 * Any value is taken, lower ones too, and no topic or group need exist: as Apache. On the loop.
 */
#ifndef TDMQ_OFFSETS_H
#define TDMQ_OFFSETS_H

#include "mem.h"
#include "metadb.h"

struct offsets;

/* Loads; before metadb_start(). */
int offsets_open(struct metadb *db, struct offsets **out, struct err *e) MUST_USE;
void offsets_free(struct offsets *o); /* does not flush */

/* -1: nothing committed. */
int64_t offsets_get(const struct offsets *o, struct str group, struct str topic, int queue);
/* TQ_EINVAL for names or queues no topic can have, TQ_ELIMIT when the table is full. */
int offsets_set(struct offsets *o, struct str group, struct str topic, int queue, int64_t off,
	struct err *e);
void offsets_delete_group(struct offsets *o, struct str group);
void offsets_delete_topic(struct offsets *o, struct str topic);
/* Sends the changed rows to metadb; call each second and before metadb_close(). */
void offsets_flush(struct offsets *o);

/* One (topic, group) pair with its queues, ascending. */
struct offset_queue {
	int queue;
	int64_t off;
};
struct offset_pair {
	struct str topic, group; /* borrowed until the next change */
	const struct offset_queue *queues;
	size_t n;
};
/* Pairs of a topic, of a group, of both, or all (STR_NONE: any), by topic, then group. */
size_t offsets_list(const struct offsets *o, struct str topic, struct str group,
	struct arena *a, struct offset_pair **out);

#endif
