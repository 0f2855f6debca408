/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schedule: a level is a queue in which everything waits equally long, so only its head
 * matters.
 *
 *	next ─▶ [due 12:00:01] [due 12:00:03] [due ...]		one per level
 *
 * One timer is set for the earliest head. When it fires, each level delivers what is due and
 * remembers when its new head will be; at the end of a queue it remembers nothing and its next
 * arrival starts it again. The timer is never set further than a minute ahead, so a clock that
 * was put forward is noticed.
 *
 * Invariant: progress on disk is never ahead of the synced log. A flush saves the position that
 * was reached when the durable watermark had passed all copies made until then.
 *
 * (Apache 4.9.8, store/.../schedule/ScheduleMessageService.java. Differing: no polling;
 * progress is not lost with the file; half messages and topics that are gone are dropped.)
 */
#include "schedule.h"

#include <event2/event.h>

#include "brokerd/marks.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "parked.h"
#include "props.h"

#define TURN_MAX 512 /* deliveries of one timer, so that clients get their turn */
#define LOOK_AHEAD 32 /* messages */
#define AHEAD_MAX_MS 60000 /* of the timer */
#define AGAIN_MS 1000 /* after a store that refused */
#define MARK_MS 10 /* a cancellation is on its way to the disk */
#define IDLE (-1)

#define SECONDS(n) ((n)*1000LL)
#define MINUTES(n) SECONDS((n)*60)

static const struct level {
	const char *name;
	int64_t delay_ms;
} levels[SCHEDULE_LEVELS] = {
	{ "1s", SECONDS(1) },
	{ "5s", SECONDS(5) },
	{ "10s", SECONDS(10) },
	{ "30s", SECONDS(30) },
	{ "1m", MINUTES(1) },
	{ "2m", MINUTES(2) },
	{ "3m", MINUTES(3) },
	{ "4m", MINUTES(4) },
	{ "5m", MINUTES(5) },
	{ "6m", MINUTES(6) },
	{ "7m", MINUTES(7) },
	{ "8m", MINUTES(8) },
	{ "9m", MINUTES(9) },
	{ "10m", MINUTES(10) },
	{ "20m", MINUTES(20) },
	{ "30m", MINUTES(30) },
	{ "1h", MINUTES(60) },
	{ "2h", MINUTES(120) },
};

struct queue {
	int64_t next; /* offset to deliver */
	int64_t head_ms; /* when it is due; IDLE: nothing is known to wait */
	int64_t end_off; /* of the log behind the last copy made */
	int64_t mark, mark_end; /* next and end_off at the last flush */
	int64_t saved; /* in metadb, or on its way; -1: never */
	int64_t noted, noted_end; /* in metadb for sure; the end of the log behind its copies */
};

struct schedule {
	struct schedule_opts o;
	struct parked_out out;
	struct event *timer;
	struct queue q[SCHEDULE_LEVELS];
};

/* ---- into the schedule topic ---- */

int64_t schedule_delay_ms(int level)
{
	return levels[level - 1].delay_ms;
}

const char *schedule_level_name(int level)
{
	return levels[level - 1].name;
}

int schedule_level(struct str properties)
{
	struct str text = props_get(properties, PROP_DELAY);
	int64_t level = 0;

	if (!text.n || str_to_i64(text, INT32_MIN, INT32_MAX, &level, PROP_DELAY, NULL))
		return 0;
	return (int)MAX(0, MIN(level, SCHEDULE_LEVELS));
}

int64_t schedule_redirect(struct message *m, int level, int64_t now_ms, struct buf *props)
{
	parked_wrap(m, STR(SCHEDULE_TOPIC), level - 1, props);
	return now_ms + schedule_delay_ms(level);
}

/* ---- out of it ---- */

static enum parked deliver(struct schedule *s, struct queue *q, int64_t phys)
{
	enum parked what = PARKED_DROPPED;
	struct store_slice slice;
	struct err e = ERR_INIT;
	struct store_at at;
	struct message m;

	if (store_get(s->o.store, phys, &slice, &e)) {
		log_every(10, LOG_WARN_, "schedule", "message at %lld is unreadable: skipped",
			(long long)phys);
		return PARKED_DROPPED;
	}
	if (parked_decode(slice.bytes, &m, &e))
		log_every(10, LOG_ERROR_, "schedule", "message at %lld is damaged: skipped: %s",
			(long long)phys, e.msg);
	else
		what = parked_deliver(&s->out, &m, &at);
	store_slice_unref(slice.segment);
	if (what == PARKED_DELIVERED)
		q->end_off = at.end_off;
	return what;
}

/* The unit at q->next; false at the end of the queue. Steps over what retention took. */
static bool head(struct schedule *s, struct queue *q, int64_t *phys, int64_t *due_ms)
{
	int level = (int)(q - s->q);
	int64_t min, max;
	uint32_t size;

	if (store_unit(s->o.store, STR(SCHEDULE_TOPIC), level, q->next, phys, &size, due_ms))
		return true;
	store_queue_bounds(s->o.store, STR(SCHEDULE_TOPIC), level, &min, &max);
	if (q->next >= min && q->next <= max)
		return false;
	log_warn("schedule", "level %d stands at %lld, outside %lld to %lld: corrected",
		level + 1, (long long)q->next, (long long)min, (long long)max);
	q->next = q->next < min ? min : max;
	return store_unit(s->o.store, STR(SCHEDULE_TOPIC), level, q->next, phys, &size, due_ms);
}

/* What comes next may lie on the disk for as long as it waits: it is asked for before it is due. */
static void look_ahead(struct schedule *s, struct queue *q)
{
	int level = (int)(q - s->q);
	int64_t phys, due;
	uint32_t size;

	for (int i = 0; i < LOOK_AHEAD; i++) {
		if (!store_unit(s->o.store, STR(SCHEDULE_TOPIC), level, q->next + i, &phys,
			    &size, &due))
			return;
		store_will_need(s->o.store, phys);
	}
}

/* Delivers what is due, at most *budget, and sets head_ms. */
static void run_level(struct schedule *s, struct queue *q, int64_t now_ms, int *budget)
{
	int64_t most = now_ms + levels[q - s->q].delay_ms, phys, due;
	int level = (int)(q - s->q) + 1;
	enum mark cancelled;

	q->head_ms = IDLE;
	while (head(s, q, &phys, &due)) {
		if (due > most) /* the clock was put back */
			due = now_ms;
		if (due > now_ms || !*budget) {
			q->head_ms = due;
			look_ahead(s, q);
			return;
		}
		cancelled = marks_has(s->o.marks, level, q->next);
		if (cancelled == MARK_COMING) {
			q->head_ms = now_ms + MARK_MS;
			return;
		}
		if (cancelled == MARK_NONE && deliver(s, q, phys) == PARKED_AGAIN) {
			q->head_ms = now_ms + AGAIN_MS;
			return;
		}
		if (++q->next % LOOK_AHEAD == 0)
			look_ahead(s, q);
		--*budget;
	}
}

static void arm(struct schedule *s, int64_t now_ms)
{
	int64_t first = INT64_MAX, wait;
	struct timeval tv;

	for (int i = 0; i < SCHEDULE_LEVELS; i++)
		if (s->q[i].head_ms != IDLE)
			first = MIN(first, s->q[i].head_ms);
	if (first == INT64_MAX) {
		evtimer_del(s->timer);
		return;
	}
	wait = MAX(0, MIN(first - now_ms, AHEAD_MAX_MS));
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	evtimer_add(s->timer, &tv);
}

static void fire(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct schedule *s = arg;

	schedule_run(s);
}

void schedule_run(struct schedule *s)
{
	int64_t now_ms = clock_wall_ms();
	int budget = TURN_MAX;

	for (int i = 0; i < SCHEDULE_LEVELS; i++)
		if (s->q[i].head_ms != IDLE)
			run_level(s, &s->q[i], now_ms, &budget);
	arm(s, now_ms);
}

void schedule_arrival(struct schedule *s, int queue, int64_t due_ms)
{
	if (queue < 0 || queue >= SCHEDULE_LEVELS || s->q[queue].head_ms != IDLE)
		return;
	s->q[queue].head_ms = due_ms;
	arm(s, clock_wall_ms());
}

/* ---- progress ---- */

struct save {
	struct schedule *s;
	int64_t off[SCHEDULE_LEVELS], end_off[SCHEDULE_LEVELS]; /* -1: unchanged */
};

static int write_progress(struct meta *m, void *arg, struct err *e)
{
	const struct save *save = arg;
	int rc = 0;

	for (int i = 0; !rc && i < SCHEDULE_LEVELS; i++)
		if (save->off[i] >= 0)
			rc = meta_exec(m, STMT_DELAY_PUT, e, "di", i + 1, save->off[i]);
	return rc;
}

static void progress_written(void *arg, int rc, const struct err *e)
{
	struct save *save = arg;

	for (int i = 0; i < SCHEDULE_LEVELS; i++) {
		struct queue *q = &save->s->q[i];

		if (save->off[i] < 0)
			continue;
		if (rc) {
			q->saved = -1; /* the next flush tries again */
		} else {
			marks_drop(save->s->o.marks, i + 1, save->off[i]);
			q->noted = save->off[i];
			q->noted_end = save->end_off[i];
		}
	}
	if (rc)
		log_every(10, LOG_ERROR_, "schedule", "progress not stored: %s", e->msg);
	mem_free(save);
}

/* The position that may be saved now; -1 if there is nothing new. */
static int64_t safe_position(struct queue *q, int64_t durable, int64_t *end_off)
{
	int64_t safe = -1;

	if (q->end_off <= durable) {
		safe = q->next;
		*end_off = q->end_off;
	} else if (q->mark_end <= durable) {
		safe = q->mark;
		*end_off = q->mark_end;
	}
	if (q->mark_end <= durable) {
		q->mark = q->next;
		q->mark_end = q->end_off;
	}
	return safe == q->saved ? -1 : safe;
}

/* Lowest record that waits. */
static int64_t needed(struct schedule *s)
{
	int64_t first = INT64_MAX, phys, due;
	uint32_t size;

	for (int i = 0; i < SCHEDULE_LEVELS; i++)
		if (store_unit(s->o.store, STR(SCHEDULE_TOPIC), i, s->q[i].next, &phys, &size,
			    &due))
			first = MIN(first, phys);
	return first;
}

void schedule_flush(struct schedule *s)
{
	int64_t durable = store_durable(s->o.store);
	struct save *save = mem_alloc(sizeof(*save));
	bool any = false;

	store_keep(s->o.store, STORE_KEEP_DELAYED, needed(s));
	save->s = s;
	for (int i = 0; i < SCHEDULE_LEVELS; i++) {
		save->off[i] = safe_position(&s->q[i], durable, &save->end_off[i]);
		if (save->off[i] < 0)
			continue;
		s->q[i].saved = save->off[i];
		any = true;
	}
	if (any)
		metadb_submit(s->o.db, write_progress, progress_written, save);
	else
		mem_free(save);
}

int64_t schedule_noted(const struct schedule *s)
{
	int64_t noted = INT64_MAX;

	for (int i = 0; i < SCHEDULE_LEVELS; i++)
		if (s->q[i].next != s->q[i].noted)
			noted = MIN(noted, s->q[i].noted_end);
	return noted;
}

int64_t schedule_progress(const struct schedule *s, int level)
{
	return s->q[level - 1].next;
}

/* ---- life ---- */

static int load_level(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct schedule *s = arg;
	int64_t level = meta_col_int(m, 0);

	if (level < 1 || level > SCHEDULE_LEVELS)
		return 0;
	s->q[level - 1].next = s->q[level - 1].mark = s->q[level - 1].saved =
		s->q[level - 1].noted = meta_col_int(m, 1);
	return 0;
}

static int load(struct meta *m, void *arg, struct err *e)
{
	return meta_each(m, STMT_DELAYS, load_level, arg, e, "");
}

int schedule_open(const struct schedule_opts *o, struct schedule **out, struct err *e)
{
	struct schedule *s = mem_alloc(sizeof(*s));
	int rc;

	s->o = *o;
	s->out = (struct parked_out){ o->store, "schedule", o->wanted, o->delivered, o->arg };
	for (int i = 0; i < SCHEDULE_LEVELS; i++)
		s->q[i].head_ms = IDLE;
	rc = metadb_run(o->db, load, s, e);
	if (rc) {
		mem_free(s);
		return err_wrap(e, "loading the progress of delayed messages");
	}
	for (int i = 0; o->already && i < SCHEDULE_LEVELS; i++)
		s->q[i].next = s->q[i].mark = MAX(s->q[i].next, o->already[i]);
	s->timer = evtimer_new(o->base, fire, s);
	BUG_ON(!s->timer);
	*out = s;
	return 0;
}

void schedule_start(struct schedule *s)
{
	for (int i = 0; i < SCHEDULE_LEVELS; i++)
		s->q[i].head_ms = 0; /* look at it */
	schedule_run(s);
}

void schedule_free(struct schedule *s)
{
	if (!s)
		return;
	event_free(s->timer);
	mem_free(s);
}
