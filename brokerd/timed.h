/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timed: messages with a time of their own, property __STARTDELIVERTIME (ms since 1970). Such a
 * message is stored in rmq_sys_timer with its topic and queue in REAL_TOPIC and REAL_QID, and
 * that is what its sender is told; when due it is stored again where it belongs.
 *
 *	rc = timed_due(value, clock_wall_ms(), cfg->max_delay, &due, e);
 *	if (!rc && due)
 *		rc = timed_redirect(&m, &props, e);
 *	put.tags_code = due;
 *	store_append(...);
 *
 * The arrival callback of the store calls timed_arrival() for that topic, and the one of the
 * durable watermark timed_run(). Delivery is in order of time, what is due in the same
 * millisecond in order of acceptance. A crash repeats nothing (redo.h) and loses nothing.
 *
 * What waits may be older than the log is kept: timed_tick() tells the store what is still needed,
 * and copies it to the end of the log when the store would rather let go of it. With flush async
 * a message is seen when it is on disk, so flush-interval adds to the delay.
 */
#ifndef TDMQ_TIMED_H
#define TDMQ_TIMED_H

#include "buf.h"
#include "message.h"
#include "metadb.h"
#include "store/store.h"

#define TIMED_TOPIC "rmq_sys_timer"

struct event_base;
struct timed;

/*
 * When a message that has this property value is due; 0: at once. TQ_EMSGILLEGAL for no number
 * and for a time further away than max_delay_ms.
 */
int timed_due(struct str value, int64_t now_ms, int64_t max_delay_ms, int64_t *due_ms,
	struct err *e) MUST_USE;
/* Points m into the timer topic; its new properties are built in props, see parked_wrap(). */
int timed_redirect(struct message *m, struct buf *props, struct err *e) MUST_USE;
/* Tags code of the unit of a record of the timer topic: for recovery. */
int64_t timed_tags_code(const struct message *m);
/* Which of those that are due at the same time a record of the timer topic is. */
bool timed_seq(const struct message *m, int64_t *seq);

struct timed_opts {
	struct event_base *base;
	struct store *store;
	struct metadb *db;
	/* False: the topic is gone, its message is dropped. May be NULL. */
	bool (*wanted)(void *arg, struct str topic);
	/* A message was put back, `bytes` long. May be NULL. */
	void (*delivered)(void *arg, struct str topic, int64_t bytes);
	void *arg;
};
/* Loads where it was; before metadb_start(). */
int timed_open(const struct timed_opts *o, struct timed **out, struct err *e) MUST_USE;
void timed_start(struct timed *t);
/* What its own timer does, and what is to be done when the durable watermark moved. */
void timed_run(struct timed *t);
/* A unit of the timer topic. */
void timed_arrival(struct timed *t, int64_t queue_off);
/* Each second, before store_tick(): saves what was delivered, calls store_keep(). */
void timed_tick(struct timed *t);
/*
 * Before store_sync(): nothing is delivered any more. After it, and before metadb_close(), one
 * timed_run() saves what was.
 */
void timed_stop(struct timed *t);
/*
 * The message of this record of the timer topic shall not be delivered: done once that is durable.
 * TQ_ENOTFOUND, here or there: it was delivered or cancelled; TQ_EBUSY: accepted just now, ask again.
 */
int timed_cancel(struct timed *t, const struct message *m, meta_done done, void *arg,
	struct err *e) MUST_USE;
/* Queue offset in the timer topic: what was accepted before it is in the table. */
int64_t timed_followed(const struct timed *t);
/* A row of the table whose message was delivered, though the row is there yet. */
bool timed_is_done(const struct timed *t, int64_t due, int64_t seq);
/* Copies made before this offset of the log are gone from the table; INT64_MAX: all are. */
int64_t timed_noted(const struct timed *t);
void timed_free(struct timed *t); /* after metadb_close() */
int64_t timed_pending(const struct timed *t); /* accepted and not known to be delivered */

#endif
