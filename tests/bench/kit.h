/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kit: what the load generators share: numbers of options, sockets, histograms, and sends encoded
 * beforehand, in which only digits change from one request to the next. All give up on errors.
 */
#ifndef TDMQ_BENCH_KIT_H
#define TDMQ_BENCH_KIT_H

#include "base.h"
#include "err.h"
#include "remoting.h"

void kit_init(const char *program); /* the name that messages begin with */
NORETURN void give_up(const char *what, const struct err *e);
int64_t number(const char *text, const char *what, int64_t min, int64_t max);
int64_t span_ms(const char *text);
int dial(const char *addr); /* host:port; blocking, without Nagle's delay */
void raise_limit(int64_t files);

/* ---- what was measured: buckets of 1/64 of each power of two, in microseconds ---- */

#define HIST_SUB_BITS 6
#define HIST_BUCKETS (40 << HIST_SUB_BITS)

struct hist {
	int64_t n, max, bucket[HIST_BUCKETS];
};

void hist_add(struct hist *h, int64_t us);
int64_t hist_at(const struct hist *h, double part);
void hist_print(const struct hist *h); /* "p50_us":..,"p99_us":..,"p999_us":..,"max_us":.. */

/* ---- sends ---- */

#define OPAQUE_BASE 1000000000
#define OPAQUE_DIGITS 10
#define KEY_DIGITS 16 /* of a UNIQ_KEY's 32, counted up */
#define STAMP_DIGITS 16 /* at the front of a body: microseconds */

struct send_opts {
	const char *topic;
	int64_t queue, size, batch;
	int64_t level, due_ms; /* 0: at once */
	bool oneway;
};

struct frame {
	char *p; /* owned */
	size_t n, opaque_at, body_at;
	size_t *key_at; /* owned; where the digits of each UNIQ_KEY begin */
	size_t keys;
};

void frame_make(struct frame *f, const struct send_opts *o);
/* The first half of all UNIQ_KEYs of this process. */
const char *frame_key_prefix(void);
void put_digits(char *p, uint64_t v, int n);
void put_hex(char *p, uint64_t v, int n);

#endif
