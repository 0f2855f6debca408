/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads that would wait for the disk. The loop asks the kernel first (near the end of the log it
 * need not, and an answer holds for WARM_MS and all of a part of the log), and where something is
 * missing a reading thread touches it in the map, so that the pages are there, for the loop too,
 * when the read is tried again:
 *
 *	loop	store_read(no_wait) = STORE_COLD, store_warm() ----.        .--> done(): read again
 *	reader	                                    touch, touch --`--------`
 *
 * What the disk cannot give is the error of that read alone. The threads start with the first cold
 * read; what waits for them is bounded by COLD_MAX.
 */
#include <fcntl.h>
#include <unistd.h>
#include <utlist.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "thread.h"
#include "brokerd/store/impl.h"

#define COLD_MAX 1000
#define READERS 2
#define PIECES_MAX STORE_WARM_MAX /* a record is one piece at most */
#define PIECE_GAP (64 << 10) /* closer ones are read as one */
#define GUESS (64 << 10) /* of a record whose length is not in memory */
#define HEAD 64 /* of a record, with its length */
#define AHEAD (1 << 20) /* behind a read that goes through the log without gaps */
#define RECENT (8 << 20) /* written by this process, so long ago at most: still in memory */
#define PART (1 << 20) /* what the kernel is asked for at once */
#define WARM_MS 1000

struct piece {
	struct segment *g; /* referenced */
	int64_t off, n;
};

/* The loop's, but for rc and err while a reader has it. */
struct cold {
	struct store *s; /* NULL: it was answered for already */
	struct cold *prev, *next;
	store_warmed done;
	void *arg;
	int rc;
	struct err err;
	int n;
	bool dense;
	char *queue_path; /* owned: or else this file, not the log */
	int64_t queue_off;
	struct piece pieces[PIECES_MAX];
};

/* ---- asking ---- */

/* The same of a whole part, as far as it is written. */
static bool part_is_near(
	struct store *s, const struct segment *g, int64_t part, int64_t now, struct near *known)
{
	struct warm *w = &s->warm[part % WARM_SLOTS];
	int64_t from = MAX(part * PART, g->base),
		to = MIN((part + 1) * PART, g->base + g->size);

	if (w->base != g->base || w->part != part || now >= w->until_ms) {
		if (!segment_resident(g, from, MIN(to, commitlog_appended(&s->log)) - from))
			return false;
		*w = (struct warm){ g->base, part, now + WARM_MS };
	}
	*known = (struct near){ from, to };
	return true;
}

bool cold_is_near(
	struct store *s, const struct segment *g, int64_t off, int64_t n, struct near *known)
{
	int64_t recent = MAX(commitlog_appended(&s->log) - RECENT, s->crc_below), now;

	if (off >= recent) {
		*known = (struct near){ recent, INT64_MAX };
		return true;
	}
	now = clock_mono_ms();
	for (int64_t part = off / PART; part <= (off + n - 1) / PART; part++)
		if (!part_is_near(s, g, part, now, known))
			return segment_resident(g, off, n);
	return true;
}

/* Length of the record as far as memory knows: 0, there is none; -1, unknown. */
static int64_t near_size(struct store *s, const struct segment *g, int64_t off)
{
	int64_t head = MIN(HEAD, g->base + g->size - off);
	struct near known;

	return cold_is_near(s, g, off, head, &known)
		       ? (int64_t)record_peek(g, off, commitlog_appended(&s->log))
		       : -1;
}

bool store_is_near(struct store *s, int64_t phys_off)
{
	const struct segment *g = phys_off < 0 ? NULL : commitlog_find(&s->log, phys_off);
	int64_t n = g ? near_size(s, g, phys_off) : 0;
	struct near known;

	return !n || (n > 0 && cold_is_near(s, g, phys_off, n, &known));
}

void store_will_need(struct store *s, int64_t phys_off)
{
	const struct segment *g = phys_off < 0 ? NULL : commitlog_find(&s->log, phys_off);

	if (g && !store_is_near(s, phys_off))
		segment_will_need(g, phys_off, MIN(GUESS, g->base + g->size - phys_off));
}

/* ---- on a reading thread ---- */

static int read_pieces(struct cold *c)
{
	int i;

	for (i = 0; i < c->n; i++)
		segment_will_need(c->pieces[i].g, c->pieces[i].off,
			c->pieces[i].n + (c->dense && i == c->n - 1 ? AHEAD : 0));
	for (i = 0; i < c->n; i++) {
		const struct piece *p = &c->pieces[i];

		if (!segment_touch(p->g, p->off, p->n))
			return err_set(&c->err, TQ_EIO,
				"'%s' cannot be read at offset %lld: cut short, or a bad disk",
				p->g->path, (long long)p->off);
	}
	return 0;
}

static int read_queue_file(struct cold *c)
{
	char units[CQ_READ_UNITS * CQ_UNIT];
	int fd = vfs()->open(c->queue_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0), rc = 0;

	if (fd < 0)
		return 0; /* it went meanwhile; the read will say so */
	if (vfs()->pread(fd, units, sizeof(units), c->queue_off) < 0)
		rc = err_sys(&c->err, TQ_EIO, "cannot read '%s'", c->queue_path);
	vfs()->close(fd);
	return rc;
}

static void cold_free(struct cold *c)
{
	for (int i = 0; i < c->n; i++)
		segment_unref(c->pieces[i].g);
	mem_free(c->queue_path);
	mem_free(c);
}

/* On the loop. */
static void finish(struct cold *c)
{
	struct store *s = c->s;

	if (s) {
		DL_DELETE(s->colds, c);
		s->n_cold--;
		if (c->rc) {
			s->unreadable++;
			log_every(5, LOG_ERROR_, "store", "%s", c->err.msg);
		}
		c->done(c->arg, c->rc, &c->err);
	}
	cold_free(c);
}

static void arrives(void *arg)
{
	finish(arg);
}

static void run(void *arg)
{
	struct cold *c = arg;
	struct store *s = c->s; /* lives until its readers have ended */

	c->rc = c->queue_path ? read_queue_file(c) : read_pieces(c);
	if (s->o.post)
		s->o.post(s->o.loop, arrives, c);
	else
		finish(c);
}

/* ---- what is needed ---- */

static void add_record(struct store *s, struct cold *c, const struct cq_unit *u)
{
	struct piece *p = c->n ? &c->pieces[c->n - 1] : NULL;
	struct segment *g;

	if (p && u->phys >= p->off && u->phys < p->g->base + p->g->size &&
		u->phys - (p->off + p->n) <= PIECE_GAP) {
		p->n = MAX(p->n, u->phys + u->size - p->off);
		return;
	}
	g = c->n < PIECES_MAX ? commitlog_segment(&s->log, u->phys) : NULL;
	if (g)
		c->pieces[c->n++] = (struct piece){ g, u->phys, u->size };
}

/* The records a read would look at, as far as the units alone can tell. */
static void add_units(
	struct store *s, const struct store_query *q, const char *units, int n, struct cold *c)
{
	int64_t bytes = 0, first = -1, last = 0;
	int i, got = 0;

	for (i = 0; i < n && got < q->max; i++) {
		struct cq_unit u = cq_unit_at(units + i * CQ_UNIT);

		if (u.size == CQ_FILLER || u.phys < 0 ||
			(u.tags >= INT32_MIN && q->match &&
				!q->match(q->match_arg, u.tags, STR_NONE)))
			continue;
		if (got++ && bytes + u.size > (int64_t)q->max_bytes)
			break;
		bytes += u.size;
		first = first < 0 ? u.phys : first;
		last = u.phys + u.size;
		add_record(s, c, &u);
	}
	c->dense = last - first <= bytes * 4;
}

static int start(struct store *s, struct err *e)
{
	if (s->n_cold >= COLD_MAX)
		return err_set(e, TQ_EBUSY, "%d reads wait for the disk already", COLD_MAX);
	if (s->readers || s->o.inline_io)
		return 0;
	return worker_start(&on_work, READERS, &s->readers, e);
}

static int cold_new(
	struct store *s, store_warmed done, void *arg, struct cold **out, struct err *e)
{
	int rc = start(s, e);

	if (rc)
		return rc;
	*out = mem_alloc(sizeof(**out));
	(*out)->s = s;
	(*out)->done = done;
	(*out)->arg = arg;
	return 0;
}

static void hand_over(struct cold *c)
{
	struct store *s = c->s;

	DL_APPEND(s->colds, c);
	s->n_cold++;
	if (s->readers)
		post(worker_mail(s->readers), run, c);
	else
		run(c);
}

int store_warm(struct store *s, const struct store_query *q, store_warmed done, void *arg,
	struct err *e)
{
	struct queue *cq = cq_find(&s->cq, q->topic, q->queue);
	const char *units;
	struct cold *c;
	int n, rc = cold_new(s, done, arg, &c, e);

	if (rc)
		return rc;
	if (cq && !cq_resident(&s->cq, cq, q->offset))
		c->queue_path = cq_path(&s->cq, cq, q->offset, &c->queue_off);
	else if (cq && (units = cq_units(&s->cq, cq, q->offset, CQ_READ_UNITS, &n)))
		add_units(s, q, units, n, c);
	hand_over(c);
	return 0;
}

int store_warm_records(struct store *s, const int64_t *phys, int n, store_warmed done,
	void *arg, struct err *e)
{
	struct cold *c;
	int i, rc = cold_new(s, done, arg, &c, e);

	if (rc)
		return rc;
	for (i = 0; i < n && c->n < PIECES_MAX; i++) {
		struct segment *g = phys[i] < 0 ? NULL : commitlog_segment(&s->log, phys[i]);
		int64_t size = g ? near_size(s, g, phys[i]) : 0;

		if (size < 0)
			size = GUESS;
		if (!size) {
			segment_unref(g);
			continue;
		}
		size = MIN(size, g->base + g->size - phys[i]);
		c->pieces[c->n++] = (struct piece){ g, phys[i], size };
	}
	hand_over(c);
	return 0;
}

void cold_stop(struct store *s)
{
	struct cold *c, *tmp;

	worker_stop(s->readers);
	s->readers = NULL;
	/* They are read; their letters are on the way to a loop that may not run any more. */
	DL_FOREACH_SAFE (s->colds, c, tmp) {
		DL_DELETE(s->colds, c);
		s->n_cold--;
		c->s = NULL;
		err_set(&c->err, TQ_EUNAVAILABLE, "the broker is stopping");
		c->done(c->arg, TQ_EUNAVAILABLE, &c->err);
	}
}
