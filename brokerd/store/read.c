/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading side of the door. Nothing is copied: what is found is a slice of a mapped file, held
 * by a reference. A unit that leads nowhere (its file has gone, its record is damaged) is passed
 * over and never stops a reader.
 */
#include "brokerd/store/store.h"

#include "log.h"
#include "props.h"
#include "brokerd/store/impl.h"

static const char *const status_names[] = {
	[STORE_FOUND] = "FOUND",
	[STORE_NO_MATCH] = "NO_MATCHED_MESSAGE",
	[STORE_REMOVED] = "MESSAGE_WAS_REMOVING",
	[STORE_EMPTY_QUEUE] = "NO_MESSAGE_IN_QUEUE",
	[STORE_TOO_SMALL] = "OFFSET_TOO_SMALL",
	[STORE_AT_END] = "OFFSET_OVERFLOW_ONE",
	[STORE_BEYOND] = "OFFSET_OVERFLOW_BADLY",
	[STORE_HOLE] = "OFFSET_FOUND_NULL",
	[STORE_COLD] = "COLD",
};

const char *store_read_status_name(enum store_read_status st)
{
	return (size_t)st < ARRAY_LEN(status_names) ? status_names[st] : "UNKNOWN";
}

static void report_damage(struct store *s, const struct segment *g, int64_t phys)
{
	s->damaged++;
	log_every(5, LOG_ERROR_, "store",
		"'%s': the record at offset %lld is damaged and skipped", g->path,
		(long long)phys);
}

/*
 * The record at phys of g, or STR_NONE. What an earlier process wrote is checked whole: its bytes
 * have been on a disk since.
 */
static struct str record_of(struct store *s, const struct segment *g, int64_t phys)
{
	int64_t end = commitlog_appended(&s->log);
	uint32_t size = record_peek(g, phys, end);
	struct message m;

	if (size && phys < s->crc_below && record_at(g, phys, end, true, &m) != RECORD_GOOD) {
		report_damage(s, g, phys);
		return STR_NONE;
	}
	return size ? (struct str){ g->map + (phys - g->base), size } : STR_NONE;
}

struct reading {
	struct segment *g; /* of the last record, borrowed */
	int64_t skip_below; /* units that point below lead nowhere */
	bool removed;
	bool no_wait, cold; /* the record is on the disk only: it was not looked at */
	struct near near;
};

static bool is_near(struct store *s, struct reading *rd, int64_t off, int64_t n)
{
	return (off >= rd->near.from && off + n <= rd->near.to) ||
	       cold_is_near(s, rd->g, off, n, &rd->near);
}

/* The record of a unit; STR_NONE: it is gone. */
static struct str follow(struct store *s, struct reading *rd, const struct cq_unit *u)
{
	struct str rec = STR_NONE;

	if (u->phys < rd->skip_below || u->size == CQ_FILLER || !u->size)
		goto out;
	if (!rd->g || u->phys < rd->g->base || u->phys >= rd->g->base + rd->g->size)
		rd->g = commitlog_find(&s->log, u->phys);
	if (rd->g && rd->no_wait && !is_near(s, rd, u->phys, u->size)) {
		rd->cold = true;
		return STR_NONE;
	}
	if (rd->g) {
		rec = record_of(s, rd->g, u->phys);
	} else {
		struct segment *next = commitlog_after(&s->log, u->phys);

		rd->skip_below = MAX(rd->skip_below, next ? next->base : 0);
	}
	if (rec.n != u->size)
		rec = STR_NONE;
out:
	if (!rec.n)
		rd->removed = true;
	return rec;
}

/* A tags code that is the address of an extension we do not keep: look into the record. */
static int64_t true_tags(struct str record, int64_t tags)
{
	struct rd r = rd_init(record);
	struct message m;

	if (message_decode(&r, &m, NULL))
		return tags;
	return message_tags_code(props_get(m.properties, PROP_TAGS));
}

/* First message of q that can be read. What a whole log took with it leaves a queue its last number. */
static int64_t queue_min(struct store *s, struct queue *q)
{
	int64_t floor = aging_floor(s, q);

	return cq_min(&s->cq, q, floor, floor > commitlog_min(&s->log));
}

static bool wanted(struct store *s, const struct store_query *q, struct reading *rd,
	struct cq_unit *u, struct str *rec)
{
	if (u->tags < INT32_MIN) {
		*rec = follow(s, rd, u);
		if (!rec->n)
			return false;
		u->tags = true_tags(*rec, u->tags);
	}
	if (q->match && !q->match(q->match_arg, u->tags, STR_NONE))
		return false;
	if (!rec->n)
		*rec = follow(s, rd, u);
	return rec->n && (!q->match || q->match(q->match_arg, u->tags, *rec));
}

/* A read that met something cold gives back nothing. */
static void scan(struct store *s, const struct store_query *q, int64_t floor, const char *units,
	int n, struct store_batch *out)
{
	struct reading rd = { .no_wait = q->no_wait, .skip_below = floor };
	int i, max = MIN(q->max, STORE_BATCH_MAX);

	for (i = 0; i < n && out->n < max; i++) {
		struct cq_unit u = cq_unit_at(units + i * CQ_UNIT);
		struct str rec = STR_NONE;

		if (out->n && out->bytes + u.size > q->max_bytes && u.size != CQ_FILLER)
			break;
		if (!wanted(s, q, &rd, &u, &rec)) {
			if (rd.cold)
				break;
			continue;
		}
		out->slices[out->n++] = (struct store_slice){ rec, segment_ref(rd.g) };
		out->bytes += rec.n;
	}
	out->next_off = q->offset + i;
	out->status = out->n ? STORE_FOUND : rd.removed ? STORE_REMOVED : STORE_NO_MATCH;
	if (rd.cold) { /* all of it together, rather than a piece now */
		store_batch_release(out);
		out->bytes = 0;
		out->next_off = q->offset;
		out->status = STORE_COLD;
	}
}

void store_read(struct store *s, const struct store_query *q, struct store_batch *out)
{
	struct queue *cq = cq_find(&s->cq, q->topic, q->queue);
	const char *units;
	int n;

	out->n = 0;
	out->bytes = 0;
	out->next_off = out->min_off = out->max_off = 0;
	out->status = STORE_EMPTY_QUEUE;
	if (!cq || !cq->max)
		return;
	out->min_off = queue_min(s, cq);
	out->max_off = cq->max;
	out->next_off = q->offset;
	if (q->offset < out->min_off) {
		out->status = STORE_TOO_SMALL;
		out->next_off = out->min_off;
	} else if (q->offset == cq->max) {
		out->status = STORE_AT_END;
	} else if (q->offset > cq->max) {
		out->status = STORE_BEYOND;
		out->next_off = cq->max;
	} else if (q->no_wait && !cq_resident(&s->cq, cq, q->offset)) {
		out->status = STORE_COLD;
	} else if (!(units = cq_units(&s->cq, cq, q->offset, CQ_READ_UNITS, &n))) {
		int64_t fu = cq_file_units(&s->cq);

		out->status = STORE_HOLE;
		out->next_off = q->offset + fu - q->offset % fu;
	} else {
		scan(s, q, aging_floor(s, cq), units, n, out);
	}
}

void store_slice_unref(struct segment *seg)
{
	segment_unref(seg);
}

void store_batch_release(struct store_batch *b)
{
	int i;

	for (i = 0; i < b->n; i++) {
		segment_unref(b->slices[i].segment);
		b->slices[i].segment = NULL;
	}
	b->n = 0;
}

void store_queue_bounds(
	struct store *s, struct str topic, int queue, int64_t *min, int64_t *max)
{
	struct queue *q = cq_find(&s->cq, topic, queue);

	*min = q ? queue_min(s, q) : 0;
	*max = q ? q->max : 0;
}

/* Store time of what a unit stands for; -1. */
static int64_t unit_ms(struct store *s, const struct cq_unit *u)
{
	struct segment *g = u->size == CQ_FILLER ? NULL : commitlog_find(&s->log, u->phys);

	if (!g || !record_peek(g, u->phys, commitlog_appended(&s->log)))
		return -1;
	return record_store_ms(g->map + (u->phys - g->base));
}

int64_t store_time_at(struct store *s, struct str topic, int queue, int64_t queue_off)
{
	struct queue *q = cq_find(&s->cq, topic, queue);
	struct cq_unit u;

	return q && cq_one(&s->cq, q, queue_off, &u) ? unit_ms(s, &u) : -1;
}

/* Looks at messages of one queue, by number. */
struct probe {
	struct store *s;
	struct queue *q;
	struct store_cold *cold; /* NULL: may wait for the disk */
	bool is_cold;
};

static bool probe_unit(struct probe *p, int64_t off, struct cq_unit *u)
{
	if (p->cold && !cq_resident(&p->s->cq, p->q, off)) {
		p->cold->unit = off;
		p->is_cold = true;
		return false;
	}
	return cq_one(&p->s->cq, p->q, off, u);
}

/* -1 also when it is cold. */
static int64_t probe_ms(struct probe *p, const struct cq_unit *u)
{
	if (p->cold && u->size != CQ_FILLER && !store_is_near(p->s, u->phys)) {
		p->cold->phys = u->phys;
		p->is_cold = true;
		return -1;
	}
	return unit_ms(p->s, u);
}

/*
 * Apache chooses the first file modified at or after ms; the time of a file's last message says
 * the same and survives copying.
 */
static void choose_file(struct probe *p, int64_t ms, int64_t *from, int64_t *to)
{
	int64_t fu = cq_file_units(&p->s->cq), f;
	struct cq_unit u;

	for (f = p->q->first;; f += fu) {
		*from = f;
		*to = MIN(f + fu, p->q->max);
		if (*to == p->q->max || (probe_unit(p, *to - 1, &u) && probe_ms(p, &u) >= ms) ||
			p->is_cold)
			return;
	}
}

/* The nearest of [lo, hi), each other file was ruled out. 0 where there is nothing to go by. */
static int64_t search_time(struct probe *p, int64_t lo, int64_t hi, int64_t ms)
{
	int64_t left = -1, right = -1, left_ms = -1, right_ms = -1;

	for (hi--; lo <= hi;) {
		int64_t mid = lo + (hi - lo) / 2, t;
		struct cq_unit u;

		if (!probe_unit(p, mid, &u))
			return 0;
		if (u.phys < commitlog_min(&p->s->log) || u.size == CQ_FILLER) {
			left = mid;
			lo = mid + 1;
			continue;
		}
		t = probe_ms(p, &u);
		if (t < 0)
			return 0;
		if (t == ms)
			return mid;
		if (t > ms) {
			hi = mid - 1;
			right = mid;
			right_ms = t;
		} else {
			lo = mid + 1;
			left = mid;
			left_ms = t;
		}
	}
	if (left_ms < 0)
		return MAX(right, 0);
	if (right_ms < 0)
		return left;
	return ms - left_ms > right_ms - ms ? right : left;
}

int64_t store_offset_by_time(
	struct store *s, struct str topic, int queue, int64_t ms, struct store_cold *cold)
{
	struct probe p = { .s = s, .q = cq_find(&s->cq, topic, queue), .cold = cold };
	int64_t lo, hi, off = 0;

	if (!p.q || !p.q->max || p.q->first < 0)
		return 0;
	if (cold)
		*cold = (struct store_cold){ -1, -1 };
	choose_file(&p, ms, &lo, &hi);
	if (!p.is_cold)
		off = search_time(&p, MAX(lo, queue_min(s, p.q)), hi, ms);
	return p.is_cold ? -1 : off;
}

/* Messages of its topic are kept for less than this one is old. */
static bool outlived(struct store *s, struct str record, int64_t phys)
{
	struct rd r = rd_init(record);
	struct queue *q;
	struct message m;

	if (!s->n_floors || message_decode(&r, &m, NULL))
		return false;
	q = cq_find(&s->cq, m.topic, m.queue_id);
	return q && phys < aging_floor(s, q);
}

void store_walk(struct store *s, int64_t phys_off, store_each fn, void *arg)
{
	int64_t off = MAX(phys_off, commitlog_min(&s->log));
	int64_t end = commitlog_appended(&s->log);
	struct message m;

	while (off < end) {
		struct segment *g = commitlog_find(&s->log, off);

		if (!g) {
			g = commitlog_after(&s->log, off);
			if (!g)
				return;
			off = g->base;
		}
		switch (record_at(g, off, end, false, &m)) {
		case RECORD_GOOD:
			if (!fn(arg, &m))
				return;
			off += m.size;
			break;
		case RECORD_BLANK:
			off = g->base + g->size;
			break;
		default:
			off = record_resync(g, off, end);
		}
	}
}

int store_get(struct store *s, int64_t phys_off, struct store_slice *out, struct err *e)
{
	struct segment *g = phys_off < 0 ? NULL : commitlog_find(&s->log, phys_off);
	struct str rec = g ? record_of(s, g, phys_off) : STR_NONE;

	if (!rec.n || outlived(s, rec, phys_off))
		return err_set(
			e, TQ_ENOTFOUND, "no message at offset %lld", (long long)phys_off);
	*out = (struct store_slice){ rec, segment_ref(g) };
	return 0;
}

bool store_unit(struct store *s, struct str topic, int queue, int64_t queue_off, int64_t *phys,
	uint32_t *size, int64_t *tags_code)
{
	struct queue *q = cq_find(&s->cq, topic, queue);
	struct cq_unit u;

	if (!q || !cq_one(&s->cq, q, queue_off, &u) || u.size == CQ_FILLER)
		return false;
	*phys = u.phys;
	*size = u.size;
	*tags_code = u.tags;
	return true;
}
