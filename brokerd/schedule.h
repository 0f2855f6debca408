/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule: the 18 delay levels. A delayed message is stored in SCHEDULE_TOPIC_XXXX, queue
 * level - 1, with its topic and queue in REAL_TOPIC and REAL_QID and the time it is due as tags
 * code. When due it is stored again where it belongs.
 *
 *	level = schedule_level(m.properties);
 *	if (level > 0)
 *		tags_code = schedule_redirect(&m, level, clock_wall_ms(), &props);
 *	store_append(...);
 *
 * and the arrival callback of the store calls schedule_arrival() for that topic. A level whose
 * queue is read to its end has no timer. What is due is appended; the turn of the loop commits
 * it. Progress is kept in metadb, never ahead of what the log has synced; what a crash leaves
 * delivered and not noted is found by redo.h.
 */
#ifndef TDMQ_SCHEDULE_H
#define TDMQ_SCHEDULE_H

#include "buf.h"
#include "message.h"
#include "metadb.h"
#include "names.h"
#include "store/store.h"

#define SCHEDULE_TOPIC NAMES_SCHEDULE
#define SCHEDULE_LEVELS 18

struct event_base;
struct schedule;
struct marks;

int64_t schedule_delay_ms(int level); /* 1..18 */
const char *schedule_level_name(int level); /* "1s" ... "2h" */

/* Level that the property DELAY asks for: 0 for none or nonsense, at most 18. */
int schedule_level(struct str properties);
/*
 * Points m into the schedule topic; its new properties are built in props (cleared first),
 * which must live as long as m. Returns the tags code: when it is due.
 */
int64_t schedule_redirect(struct message *m, int level, int64_t now_ms, struct buf *props);

struct schedule_opts {
	struct event_base *base;
	struct store *store;
	struct metadb *db;
	/* False: the topic is gone, its message is dropped. May be NULL. */
	bool (*wanted)(void *arg, struct str topic);
	/* A message was put back, `bytes` long. May be NULL. */
	void (*delivered)(void *arg, struct str topic, int64_t bytes);
	void *arg;
	/* By level - 1, may be NULL: what is before was delivered: redo.h. */
	const int64_t *already;
	struct marks *marks; /* what was cancelled; may be NULL */
};
/* Loads the progress; before metadb_start(). */
int schedule_open(const struct schedule_opts *o, struct schedule **out, struct err *e) MUST_USE;
/* Looks at all levels, arms the timer. */
void schedule_start(struct schedule *s);
/* What the timer does: delivers what is due. */
void schedule_run(struct schedule *s);
void schedule_free(struct schedule *s); /* does not flush */
/* A unit of the schedule topic: its queue is level - 1, its tags code the time it is due. */
void schedule_arrival(struct schedule *s, int queue, int64_t due_ms);
/* Saves the progress that is safe; each second and before metadb_close(). */
void schedule_flush(struct schedule *s);
/* Copies made before this offset of the log are in the saved progress; INT64_MAX: all are. */
int64_t schedule_noted(const struct schedule *s);
/* Next offset to deliver of a level, 1..18 (45, 28). */
int64_t schedule_progress(const struct schedule *s, int level);

#endif
