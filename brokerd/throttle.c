/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bucket is one number: the time at which all that was taken will have been worth its time.
 * Taking moves it ahead by cost / rate; how far it is ahead of now is how long the taker waits
 * (the generic cell rate algorithm). An idle bucket lies at most BURST behind now.
 *
 * There are three for each of calls and bytes: one of all, and one of half the rate for each
 * side. What the common bucket or the own one lets through may go, so that neither side can
 * starve the other, and one that is alone has everything. The own one is brought back to wait_ms
 * before each charge: a side pays for what it has used lately, not for all its life.
 */
#include "brokerd/throttle.h"

#include <utlist.h>

#include "brokerd/server.h"
#include "mem.h"

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL
#define BURST_NS (NS_PER_S / 5)

struct bucket {
	int64_t at_ns;
};

struct meter {
	int64_t rate; /* per second; 0: any */
	struct bucket all, own[THROTTLE_SIDES];
};

struct late {
	struct throttle *t;
	struct timer *timer; /* owned */
	void (*fn)(void *arg);
	void *arg;
	struct late *next, *prev;
};

struct throttle {
	struct server *server; /* borrowed */
	struct meter calls, bytes;
	int64_t wait_ns;
	struct late *late;
	int n_late;
	bool draining;
};

struct throttle *throttle_new(struct server *s)
{
	struct throttle *t = mem_alloc(sizeof(*t));

	t->server = s;
	return t;
}

void throttle_free(struct throttle *t)
{
	if (!t)
		return;
	BUG_ON(t->late);
	mem_free(t);
}

void throttle_set(struct throttle *t, const struct throttle_rates *r)
{
	t->calls.rate = r->calls;
	t->bytes.rate = r->bytes;
	t->wait_ns = r->wait_ms * NS_PER_MS;
}

bool throttle_on(const struct throttle *t)
{
	return t->calls.rate || t->bytes.rate;
}

static int64_t ahead(const struct bucket *b, int64_t now_ns)
{
	return MAX(b->at_ns - now_ns, 0);
}

static int64_t wait_of(const struct meter *m, enum throttle_side side, int64_t now_ns)
{
	if (!m->rate)
		return 0;
	return MIN(ahead(&m->all, now_ns), ahead(&m->own[side], now_ns));
}

static void put(struct bucket *b, int64_t cost_ns, int64_t now_ns)
{
	b->at_ns = MAX(b->at_ns, now_ns - BURST_NS) + cost_ns;
}

static void charge(
	struct meter *m, enum throttle_side side, int64_t n, int64_t wait_ns, int64_t now_ns)
{
	struct bucket *own = &m->own[side];
	int64_t cost_ns;

	if (!m->rate)
		return;
	cost_ns = (int64_t)((double)n * NS_PER_S / (double)m->rate);
	put(&m->all, cost_ns, now_ns);
	own->at_ns = MIN(own->at_ns, now_ns + wait_ns);
	put(own, cost_ns * 2, now_ns);
}

int64_t throttle_take(struct throttle *t, enum throttle_side side, int64_t calls, int64_t bytes,
	int64_t now_ns)
{
	int64_t wait_ns =
		MAX(wait_of(&t->calls, side, now_ns), wait_of(&t->bytes, side, now_ns));

	if (wait_ns && wait_ns >= t->wait_ns)
		return -1;
	charge(&t->calls, side, calls, t->wait_ns, now_ns);
	charge(&t->bytes, side, bytes, t->wait_ns, now_ns);
	return (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
}

/* --- what is late --- */

static void late_due(void *arg)
{
	struct late *l = arg;
	void (*fn)(void *arg) = l->fn;
	void *fn_arg = l->arg;

	DL_DELETE(l->t->late, l);
	l->t->n_late--;
	timer_free(l->timer);
	mem_free(l);
	fn(fn_arg);
}

bool throttle_later(struct throttle *t, int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct late *l;

	if (t->n_late >= THROTTLE_LATE_MAX || t->draining)
		return false;
	l = mem_alloc(sizeof(*l));
	*l = (struct late){ .t = t, .fn = fn, .arg = arg };
	l->timer = timer_new(t->server, late_due, l);
	timer_set(l->timer, ms);
	DL_APPEND(t->late, l);
	t->n_late++;
	return true;
}

void throttle_drain(struct throttle *t)
{
	t->draining = true;
	while (t->late)
		late_due(t->late);
}
