/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can no longer be read though its file is still there: messages of a topic that are kept for
 * less than the log is. Store times ascend in the log, so for each length of time there is one
 * offset, its floor, below which everything is too old:
 *
 *	files	|--------|--------|--------|---
 *	72 h	^ min		(goes with its files)
 *	12 h	         ^ floor of 12 h
 *	1 h	                      ^ floor of 1 h
 *
 * The helper thread looks for the floors now and then. A queue finds its own when it is asked for,
 * so ten thousands of them cost nothing meanwhile.
 */
#include <stdatomic.h>

#include "clock.h"
#include "mem.h"
#include "brokerd/store/impl.h"

#define NEAR (64 << 10) /* so near, records are walked */
#define CATCH_UP 64 /* part of the time that passes */

struct floor_job {
	struct store *s; /* borrowed: the helper reads the log through it */
	int64_t now_ms, end;
	int n;
	struct floor floors[FLOORS_MAX];
	_Atomic bool done;
};

int64_t aging_now(struct store *s)
{
	int64_t boot = clock_boot_ms(), passed = boot - s->aged_boot_ms;

	s->aged_ms = MIN(clock_wall_ms(), s->aged_ms + passed + passed / CATCH_UP);
	s->aged_boot_ms = boot;
	return s->aged_ms;
}

void aging_init(struct store *s)
{
	s->aged_ms = clock_wall_ms();
	s->aged_boot_ms = clock_boot_ms();
	s->floor_turn = 1;
}

/* ---- on the helper thread ---- */

static int64_t ms_at(const struct segment *g, int64_t off, int64_t end)
{
	return record_peek(g, off, end) ? record_store_ms(g->map + (off - g->base)) : -1;
}

/* First record of g in [lo, hi) stored after ms; hi. lo is a record that is not. */
static int64_t search_file(const struct segment *g, int64_t lo, int64_t hi, int64_t ms)
{
	struct message m;

	for (int64_t top = hi; top - lo > NEAR;) {
		int64_t mid = lo + (top - lo) / 2, at = record_resync(g, mid, top);

		if (at < top && ms_at(g, at, hi) <= ms)
			lo = at;
		else
			top = mid;
	}
	while (lo < hi) {
		switch (record_at(g, lo, hi, false, &m)) {
		case RECORD_GOOD:
			if (m.store_ms > ms)
				return lo;
			lo += m.size;
			continue;
		case RECORD_BAD:
			lo = record_resync(g, lo + 1, hi);
			continue;
		default:
			return hi;
		}
	}
	return hi;
}

static int64_t search(struct commitlog *cl, int64_t from, int64_t end, int64_t ms)
{
	struct segment *g = commitlog_segment_from(cl, from), *next;
	int64_t at = end;

	while (g && g->base < end) {
		int64_t lo = MAX(from, g->base), hi = MIN(g->base + g->size, end), t;

		t = ms_at(g, lo, end);
		if (t > ms) {
			at = lo;
			break;
		}
		next = commitlog_segment_from(cl, g->base + g->size);
		if (!next || next->base >= end || ms_at(next, next->base, end) > ms) {
			at = search_file(g, lo, hi, ms);
			if (at == hi && next)
				at = MIN(next->base, end);
			segment_unref(next);
			break;
		}
		segment_unref(g);
		g = next;
	}
	segment_unref(g);
	return at;
}

static void run(void *arg)
{
	struct floor_job *j = arg;
	int i;

	for (i = 0; i < j->n; i++) {
		struct floor *f = &j->floors[i];

		f->phys = search(&j->s->log, f->phys, j->end, j->now_ms - f->keep_ms);
	}
	j->done = true;
}

/* ---- on the loop ---- */

static void finish(struct store *s)
{
	struct floor_job *j = s->floor_job;
	int i;

	if (!j || !j->done)
		return;
	for (i = 0; i < j->n; i++)
		s->floors[i].phys = MAX(s->floors[i].phys, j->floors[i].phys);
	s->floor_job = NULL;
	mem_free(j);
}

void aging_tick(struct store *s, bool due)
{
	int64_t now_ms = aging_now(s);
	struct floor_job *j;

	finish(s);
	s->floor_turn += due; /* queues ask again what they are kept for */
	if (s->floor_job || !s->n_floors || (!due && s->n_searched == s->n_floors))
		return;
	j = mem_alloc(sizeof(*j));
	j->s = s;
	j->now_ms = now_ms;
	j->end = commitlog_appended(&s->log);
	j->n = s->n_searched = s->n_floors;
	memcpy(j->floors, s->floors, sizeof(j->floors));
	s->floor_job = j;
	work_post(&s->work, run, j);
	finish(s);
}

void aging_release(struct store *s)
{
	mem_free(s->floor_job);
	s->floor_job = NULL;
}

/* Number of the floor, from 1. Where there are too many, the next higher time; 0: the log's own. */
static uint16_t floor_for(struct store *s, int64_t keep_ms)
{
	uint16_t best = 0;
	int i;

	if (keep_ms < 0)
		return 0;
	for (i = 0; i < s->n_floors; i++) {
		if (s->floors[i].keep_ms == keep_ms)
			return (uint16_t)(i + 1);
		if (s->floors[i].keep_ms > keep_ms &&
			(!best || s->floors[i].keep_ms < s->floors[best - 1].keep_ms))
			best = (uint16_t)(i + 1);
	}
	if (s->n_floors == FLOORS_MAX)
		return best;
	s->floors[s->n_floors] = (struct floor){ keep_ms, best ? s->floors[best - 1].phys : 0 };
	return (uint16_t)++s->n_floors;
}

int64_t aging_floor(struct store *s, struct queue *q)
{
	int64_t min = commitlog_min(&s->log);

	if (!s->o.keep_ms)
		return min;
	if (q->floor_turn != s->floor_turn) {
		q->floor = floor_for(s, s->o.keep_ms(s->o.keep_arg, queue_topic(q)));
		q->floor_turn = s->floor_turn;
	}
	return q->floor ? MAX(min, s->floors[q->floor - 1].phys) : min;
}
