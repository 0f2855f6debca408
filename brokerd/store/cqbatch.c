/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing queue units out on another thread. A queue file costs a few system calls, and with ten
 * thousands of queues there is always one more to make: nobody should wait for that.
 *
 *	loop	take from the list of dirty queues --.          .--> written, or back to its front
 *	helper	                       mkdir, open, write, close
 *
 * A batch has copies of the units; the queues keep theirs, so that reading goes on. What a queue gets
 * meanwhile puts it on the dirty list again, behind. Before the loop takes queues away it stops the
 * batch, which waits for one file at most: a batch that has not begun is left alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <utlist.h>

#include "fsio.h"
#include "brokerd/store/consumequeue.h"

struct entry {
	struct queue *q; /* the loop's */
	const char *dir; /* of the queue */
	int64_t from, to, phys;
	char *units;
	bool made, fresh; /* fresh: files or directories were made now */
};

struct cq_batch {
	struct arena mem;
	int64_t file_bytes, oldest;
	struct entry *entries;
	int n;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t ended;
	enum { WAITS, RUNS, ENDED } state;
	bool stop;
	int refs, n_done, rc;
	struct err err;
};

/* ---- on the helper thread ---- */

static int open_for(const struct cq_batch *b, struct entry *en, const char *path, struct err *e)
{
	int fd = vfs()->open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	struct stat st;

	if (fd < 0) {
		err_sys(e, fsio_err_code(errno), "cannot open '%s'", path);
		return -1;
	}
	if (vfs()->fstat(fd, &st) ||
		(st.st_size < b->file_bytes && vfs()->ftruncate(fd, b->file_bytes))) {
		err_sys(e, fsio_err_code(errno), "cannot size '%s'", path);
		vfs()->close(fd);
		return -1;
	}
	en->fresh |= !st.st_size;
	return fd;
}

static int write_file(
	const struct cq_batch *b, struct entry *en, int64_t from, int64_t to, struct err *e)
{
	int64_t fu = b->file_bytes / CQ_UNIT, file = from / fu;
	char *path = mem_fmt("%s/%020lld", en->dir, (long long)(file * b->file_bytes));
	struct iovec v = { en->units + (from - en->from) * CQ_UNIT,
		(size_t)(to - from) * CQ_UNIT };
	int fd = open_for(b, en, path, e), rc = e->code;

	if (fd >= 0) {
		rc = fsio_write_full(fd, &v, 1, from % fu * CQ_UNIT, path, e);
		vfs()->close(fd);
	}
	mem_free(path);
	return rc;
}

static int write_entry(const struct cq_batch *b, struct entry *en, struct err *e)
{
	int64_t fu = b->file_bytes / CQ_UNIT, at;
	int rc = 0;

	if (!en->made) {
		if (vfs()->mkdir(en->dir, 0750) && errno != EEXIST)
			rc = fsio_mkdirs(en->dir, 0750, e);
		en->fresh = true;
	}
	for (at = en->from; !rc && at < en->to;) {
		int64_t to = MIN(en->to, (at / fu + 1) * fu);

		rc = write_file(b, en, at, to, e);
		at = to;
	}
	return rc;
}

static void unref(struct cq_batch *b)
{
	bool last;

	pthread_mutex_lock(&b->lock);
	last = !--b->refs;
	pthread_mutex_unlock(&b->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->ended);
	arena_release(&b->mem);
	mem_free(b);
}

static bool go_on(struct cq_batch *b)
{
	bool yes;

	pthread_mutex_lock(&b->lock);
	yes = !b->stop && !b->rc && b->n_done < b->n;
	pthread_mutex_unlock(&b->lock);
	return yes;
}

void cq_batch_run(void *arg)
{
	struct cq_batch *b = arg;
	struct err e = ERR_INIT;
	int rc;

	pthread_mutex_lock(&b->lock);
	if (b->state == WAITS)
		b->state = RUNS;
	pthread_mutex_unlock(&b->lock);
	while (b->state == RUNS && go_on(b)) {
		rc = write_entry(b, &b->entries[b->n_done], &e);
		pthread_mutex_lock(&b->lock);
		b->n_done += !rc;
		b->rc = rc;
		b->err = e;
		pthread_mutex_unlock(&b->lock);
	}
	pthread_mutex_lock(&b->lock);
	b->state = ENDED;
	pthread_cond_signal(&b->ended);
	pthread_mutex_unlock(&b->lock);
	unref(b);
}

/* ---- on the loop ---- */

static void take(struct cq *c, struct cq_batch *b, struct entry *en)
{
	struct queue *q = c->dirty;
	size_t n = (size_t)(q->max - q->written) * CQ_UNIT;

	*en = (struct entry){
		.q = q, .from = q->written, .to = q->max, .phys = q->dirty_phys, .made = q->made
	};
	en->dir = arena_fmt(&b->mem, "%s/%.*s/%d", c->dir, q->topic_n, q->key, (int)q->id);
	en->units = arena_alloc(&b->mem, n);
	memcpy(en->units, q->tail + (q->written - q->tail_at) * CQ_UNIT, n);
	DL_DELETE2(c->dirty, q, prev, next_dirty);
	q->prev = NULL;
	q->writing = true;
}

struct cq_batch *cq_batch_begin(struct cq *c, int max)
{
	struct cq_batch *b;

	BUG_ON(c->batch);
	if (!c->dirty)
		return NULL;
	b = mem_alloc(sizeof(*b));
	arena_init(&b->mem);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->ended, NULL);
	b->refs = 2;
	b->file_bytes = c->file_bytes;
	b->oldest = c->dirty->dirty_phys;
	b->entries = arena_alloc(&b->mem, (size_t)max * sizeof(*b->entries));
	while (c->dirty && b->n < max)
		take(c, b, &b->entries[b->n++]);
	c->batch = b;
	return b;
}

int64_t cq_batch_oldest(const struct cq_batch *b)
{
	return b->oldest;
}

static void written(struct cq *c, const struct entry *en)
{
	struct queue *q = en->q;

	q->writing = false;
	q->made = true;
	q->fresh |= en->fresh;
	q->written = en->to;
	if (!q->prev_unsynced)
		DL_APPEND2(c->unsynced, q, prev_unsynced, next_unsynced);
}

/* It waits on, where it was: before all that came later. */
static void put_back(struct cq *c, const struct entry *en)
{
	struct queue *q = en->q;

	q->writing = false;
	if (q->prev)
		DL_DELETE2(c->dirty, q, prev, next_dirty);
	q->dirty_phys = en->phys;
	DL_PREPEND2(c->dirty, q, prev, next_dirty);
}

int cq_batch_collect(struct cq *c, bool stop, struct err *e)
{
	struct cq_batch *b = c->batch;
	int i, rc;

	if (!b)
		return 0;
	pthread_mutex_lock(&b->lock);
	b->stop |= stop;
	if (stop && b->state == WAITS)
		b->state = ENDED;
	while (stop && b->state != ENDED)
		pthread_cond_wait(&b->ended, &b->lock);
	i = b->state == ENDED;
	pthread_mutex_unlock(&b->lock);
	if (!i)
		return 0;
	c->batch = NULL;
	for (i = 0; i < b->n_done; i++)
		written(c, &b->entries[i]);
	for (i = b->n; i-- > b->n_done;)
		put_back(c, &b->entries[i]);
	rc = b->rc;
	c->full = rc == TQ_ENOSPACE;
	if (rc && rc != TQ_ENOSPACE && rc != TQ_EBUSY) /* those may be tried again */
		c->failed = rc;
	if (rc && e)
		*e = b->err;
	unref(b);
	return rc;
}
