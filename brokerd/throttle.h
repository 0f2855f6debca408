/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle: how fast the cluster may be used: calls and bytes per second, in and out together.
 *
 *	ms = throttle_take(t, THROTTLE_IN, calls, bytes, now_ns);
 *	if (ms < 0)
 *		... refused, nothing was taken ...
 *	else if (ms)
 *		... taken, but the answer is to leave in so many milliseconds ...
 *
 * A client that waits for its answer slows down by that alone, in every language and version;
 * none has to understand a code. Only what would have to wait longer than wait_ms is refused.
 * When senders and consumers together want more than there is, each side has half.
 *
 * With no rate set nothing is counted: look at throttle_on() first. On the loop.
 */
#ifndef TDMQ_THROTTLE_H
#define TDMQ_THROTTLE_H

#include "base.h"

struct server;
struct throttle;

enum throttle_side { THROTTLE_IN, THROTTLE_OUT, THROTTLE_SIDES };

struct throttle_rates {
	int64_t calls, bytes; /* per second, 0: any */
	int64_t wait_ms;
};

struct throttle *throttle_new(struct server *s);
/* Nothing is late any more: see throttle_drain(). NULL is fine. */
void throttle_free(struct throttle *t);
void throttle_set(struct throttle *t, const struct throttle_rates *r);
bool throttle_on(const struct throttle *t);
int64_t throttle_take(struct throttle *t, enum throttle_side side, int64_t calls, int64_t bytes,
	int64_t now_ns);

/* How long refusals wait, so that a client that tries again at once does not do it in a storm. */
#define THROTTLE_REFUSED_MS 500

/*
 * Calls fn(arg) once, ms from now, or from throttle_drain(). False when too much is late already,
 * and after the drain: nothing will be called.
 */
bool throttle_later(struct throttle *t, int64_t ms, void (*fn)(void *arg), void *arg);
void throttle_drain(struct throttle *t);
#define THROTTLE_LATE_MAX 50000

#endif
