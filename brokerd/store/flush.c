/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of dirty files is taken whole before a sync, so a file written meanwhile is on the new
 * list. Order that makes a crash safe: bytes are written (flush_note), then they count
 * (flush_want), so `want` read together with the list covers nothing that the list does not.
 *
 * The first sync of a process also syncs the root directory, so that whenever data of this run is
 * on disk, so is the `abort` file that says it must be looked at.
 */
#include "brokerd/store/flush.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <time.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"

#define STACK_BYTES (128 << 10)

void flush_init(struct flush *f, const char *root, const char *log_dir, int interval_ms,
	int64_t durable)
{
	pthread_condattr_t a;

	memset(f, 0, sizeof(*f));
	f->root = root;
	f->log_dir = log_dir;
	f->interval_ms = interval_ms;
	f->want = durable;
	f->durable = durable;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&a);
	pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &a);
	pthread_condattr_destroy(&a);
}

void flush_note(struct flush *f, struct segment *g)
{
	pthread_mutex_lock(&f->lock);
	if (!f->n || f->dirty[f->n - 1] != g) {
		if (f->n == f->cap) {
			f->cap = f->cap ? f->cap * 2 : 4;
			f->dirty = mem_grow(f->dirty, (size_t)f->cap * sizeof(*f->dirty));
		}
		f->dirty[f->n++] = segment_ref(g);
	}
	pthread_mutex_unlock(&f->lock);
}

void flush_want(struct flush *f, int64_t off)
{
	bool wake;

	pthread_mutex_lock(&f->lock);
	f->want = off;
	wake = f->waiting;
	f->waiting = false;
	pthread_mutex_unlock(&f->lock);
	if (wake)
		pthread_cond_signal(&f->wake);
}

void flush_hurry(struct flush *f)
{
	bool tell;

	pthread_mutex_lock(&f->lock);
	tell = !f->hurry && f->want != f->durable;
	f->hurry |= tell;
	pthread_mutex_unlock(&f->lock);
	if (tell)
		pthread_cond_signal(&f->wake);
}

static int sync_segment(struct flush *f, struct segment *g)
{
	bool sealed = g->sealed;

	if (g->fd >= 0 && vfs()->fdatasync(g->fd))
		return -1;
	if (g->fresh && vfs()->fsync_dir(f->log_dir))
		return -1;
	g->fresh = false;
	if (sealed && g->fd >= 0) {
		vfs()->close(g->fd);
		g->fd = -1;
	}
	return 0;
}

static void fail(struct flush *f, const char *path)
{
	int sys = errno;

	snprintf(f->reason, sizeof(f->reason), "sync of '%s' failed: %s", path, strerror(sys));
	log_error("store", "%s", f->reason);
	f->failed = TQ_EIO;
}

/* Syncs and lets go of the files taken from the list; then all up to `want` is durable. */
static void sync_all(struct flush *f, struct segment **segs, int n, int64_t want)
{
	int i;

	if (!f->failed && !f->rooted) {
		if (vfs()->fsync_dir(f->root))
			fail(f, f->root);
		else
			f->rooted = true;
	}
	for (i = 0; i < n; i++) {
		if (!f->failed && sync_segment(f, segs[i]))
			fail(f, segs[i]->path);
		segment_unref(segs[i]);
	}
	mem_free(segs);
	if (!f->failed)
		f->durable = want;
}

static struct segment **take(struct flush *f, int *n, int64_t *want)
{
	struct segment **segs = f->dirty;

	*n = f->n;
	*want = f->want;
	f->dirty = NULL;
	f->n = f->cap = 0;
	return segs;
}

static void wait_until(struct flush *f, int64_t at_us)
{
	struct timespec ts = { at_us / 1000000, at_us % 1000000 * 1000 };

	while (!f->stop && !f->hurry && clock_mono_us() < at_us)
		if (pthread_cond_timedwait(&f->wake, &f->lock, &ts) == ETIMEDOUT)
			break;
}

static void *run(void *arg)
{
	struct flush *f = arg;
	int64_t last_us = 0, want;
	struct segment **segs;
	int n;

	pthread_mutex_lock(&f->lock);
	while (!f->stop && !f->failed) {
		if (f->want == f->durable) {
			f->waiting = true;
			pthread_cond_wait(&f->wake, &f->lock);
			continue;
		}
		f->waiting = false;
		if (f->interval_ms)
			wait_until(f, last_us + f->interval_ms * INT64_C(1000));
		if (f->stop)
			break;
		f->hurry = false;
		segs = take(f, &n, &want);
		pthread_mutex_unlock(&f->lock);
		sync_all(f, segs, n, want);
		last_us = clock_mono_us();
		f->done(f->arg);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int flush_start(struct flush *f, struct err *e)
{
	pthread_attr_t a;
	int r;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, MAX(STACK_BYTES, PTHREAD_STACK_MIN));
	r = pthread_create(&f->thread, &a, run, f);
	pthread_attr_destroy(&a);
	if (r) {
		errno = r;
		return err_sys(e, TQ_EFAIL, "cannot start the flush thread");
	}
	f->running = true;
	return 0;
}

void flush_stop(struct flush *f)
{
	if (!f->running)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_mutex_unlock(&f->lock);
	pthread_cond_signal(&f->wake);
	pthread_join(f->thread, NULL);
	f->running = false;
}

int flush_now(struct flush *f, struct err *e)
{
	struct segment **segs;
	int64_t want;
	int n;

	pthread_mutex_lock(&f->lock);
	segs = take(f, &n, &want);
	pthread_mutex_unlock(&f->lock);
	if (n || want != f->durable)
		sync_all(f, segs, n, want);
	return f->failed ? err_set(e, f->failed, "%s", f->reason) : 0;
}

void flush_release(struct flush *f)
{
	while (f->n)
		segment_unref(f->dirty[--f->n]);
	mem_free(f->dirty);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
}
