/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flush: the thread that syncs the commit log. It is told which files got bytes and up to where
 * they count; when a sync is done the durable watermark is where the log ended as the sync began.
 * What comes in meanwhile waits for the next one: that is the whole of group commit. With an
 * interval, it waits that long between two syncs, unless somebody is in a hurry.
 *
 * A failed sync is final: the watermark never moves again (the kernel may have dropped the pages,
 * a second fdatasync would lie).
 */
#ifndef TDMQ_STORE_FLUSH_H
#define TDMQ_STORE_FLUSH_H

#include <pthread.h>

#include "err.h"
#include "brokerd/store/segment.h"

struct flush {
	const char *root, *log_dir; /* borrowed */
	int interval_ms; /* 0: at once */
	void (*done)(void *arg); /* on the flush thread: durable moved, or failed */
	void *arg;
	pthread_t thread;
	bool running, rooted;
	pthread_mutex_t lock; /* of what follows, down to the atomics */
	pthread_cond_t wake;
	struct segment **dirty; /* owned, referenced */
	int n, cap;
	int64_t want;
	bool waiting, hurry, stop;
	char reason[200]; /* of failed; written before it */
	_Atomic int64_t durable;
	_Atomic int failed;
};

void flush_init(struct flush *f, const char *root, const char *log_dir, int interval_ms,
	int64_t durable);
int flush_start(struct flush *f, struct err *e) MUST_USE; /* without: flush_now() only */
/* Ends the thread; what is dirty stays so. */
void flush_stop(struct flush *f);
void flush_release(struct flush *f);

void flush_note(struct flush *f, struct segment *g); /* got bytes */
void flush_want(struct flush *f, int64_t off); /* all of them count up to off */
void flush_hurry(struct flush *f); /* this once without waiting for the interval */
/* Syncs here and now what is dirty; not while the thread runs. */
int flush_now(struct flush *f, struct err *e);

#endif
