/* SPDX-License-Identifier: Apache-2.0 */
/*
 * positions: where a group stands in another cluster. Queues of two clusters have nothing in common
 * but time, so positions go over by it, topic by topic:
 *
 *	old cluster				new cluster
 *	queue 0  ....x|ooo			queue 0  ........|...
 *	queue 1  ......xx|o  ── time of ──▶	queue 1  ......|.....
 *	queue 2  ..xx|oo     the first o	queue 2  ..........|.
 *
 * The time is that of the oldest message that is not consumed, of all queues of the topic: what
 * was stored later is delivered, some of it again. A group that has consumed all stands behind
 * its last one. Retry topics stay: what waits in them is consumed where it is.
 */
#ifndef TDMQ_POSITIONS_H
#define TDMQ_POSITIONS_H

#include "admin.h"

struct position {
	struct queue_id q; /* in the new cluster */
	const char *addr; /* of its master */
	int64_t now; /* -1: the group has none there */
	int64_t min, max; /* of the queue */
	int64_t to;
	int64_t since_ms; /* the time; 0: from the first */
};

struct positions {
	const char *group; /* in the new cluster */
	struct position *v; /* owned */
	size_t n, cap;
	struct strv missing; /* topics of the old cluster that the new one does not have */
};

void positions_init(struct positions *p, const char *group);
void positions_release(struct positions *p);

/* Names in the new cluster, NULL: none. */
typedef const char *(*position_name)(void *arg, const char *wire);

/*
 * Of `group` in the cluster `from`, as p->group in `to`; texts are put into mem. topic (of the
 * old cluster) NULL: all it has. A group without positions gives none.
 */
int positions_by_time(struct positions *p, struct admin *from, const char *group,
	const char *topic, struct admin *to, position_name name, void *arg, struct arena *mem,
	struct err *e) MUST_USE;

/* What rows of one topic come to; ms is asked for queues with something left, in their order. */
struct topic_time {
	int64_t since_ms; /* 0: nothing was ever consumed */
	bool left; /* something is not consumed */
};
void topic_time_add(struct topic_time *t, bool left, int64_t ms);

int64_t position_replayed(const struct position *p); /* messages that come again */
int64_t position_skipped(const struct position *p); /* messages that are passed over */

/* Sets them, asks them back; TQ_EPARTIAL says how many did not take. */
int positions_set(struct admin *to, const struct positions *p, struct err *e) MUST_USE;

/*
 * A snapshot is what was before, and what was set: {"format":"tdmqctl-positions/1", ...}. One that
 * has another form is TQ_EFORMAT.
 */
cJSON *positions_snapshot(const struct positions *p, const char *cluster, int64_t at_ms);
/* p->v[i].now is what was set then, .to what was before; a queue that had none goes to its min. */
int positions_from_snapshot(
	struct positions *p, const cJSON *doc, struct arena *mem, struct err *e) MUST_USE;
const char *positions_snapshot_cluster(const cJSON *doc);

#endif
