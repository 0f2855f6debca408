/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is true after a start. Three numbers of earlier runs help, all of them cautious:
 *
 *	0 ....... queued ............ watermark ........ end of file
 *	  queues       read again:         synced below:    above: a torn
 *	  are right    queues follow       damage is bit    tail is cut
 *	               the log             rot: skipped
 *
 * After a clean stop nothing is read: the log ends at the watermark, the queues' digest agrees.
 * Otherwise every record from `queued` on is checked (magic, lengths, own offset, CRC) and its
 * unit written again; units that pointed there are dropped first. If a queue turns out to lack
 * units from before, or the digest disagrees, the same is done from the beginning of the log.
 *
 * With thousands of queues the roster has them as they were at a moment, after a kill too; see
 * there.
 *
 * Stores that Apache's broker left have no `synced`: the checkpoint's times, or the last three
 * files, take the place of `queued`, and the newest file that holds records that of the watermark.
 *
 * Damaged bytes are copied to DIR/quarantine/OFFSET. Nothing here believes a length before it lies
 * inside its file, and a start that is killed leaves what the next one needs.
 */
#include <dirent.h>
#include <errno.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "props.h"
#include "brokerd/store/impl.h"
#include "brokerd/store/roster.h"

#define APACHE_FILES 3 /* it reads so many on a clean start */
#define APACHE_MARGIN_MS 3000 /* that its times may be ahead */
#define GAP_MAX (1 << 20) /* units; a larger gap is a lie, not a loss */
#define TORN_LOOK (8 << 20)
#define CLOCK_SLACK_MS 10000
#define CHECKPOINT_TRUST_MS (366 * 86400000LL)
/* Topic of the records that take a damaged one's place; a short one has a piece of it. */
#define PLACEHOLDER STR("DAMAGED")
#define PLACEHOLDER_MAX (1 << 20)

/* A record whose queue offset is not the next one of its queue, until the queue's next record. */
struct suspect {
	struct queue *q;
	int64_t off;
	struct cq_unit unit;
	struct suspect *next;
};

/* A damaged place; what is there is replaced when all of the log was looked at. */
struct damage {
	struct segment *g;
	int64_t off, end;
	struct damage *next;
};

struct scan {
	struct store *s;
	struct store_recovery *found;
	int64_t watermark;
	bool rebuilding; /* the whole log is read: what is missing is missing */
	bool resumed; /* the queues are those of the roster, and may know records that are scanned */
	bool behind; /* a queue lacks units from before the scan */
	bool lost; /* records of this log are known to be lost */
	int64_t ignored;
	struct suspect *suspects; /* owned */
	struct damage *damages; /* owned */
};

static int64_t log_limit(const struct store *s)
{
	const struct segment *g = s->log.n ? s->log.segs[s->log.n - 1] : NULL;

	return g ? g->base + g->size : 0;
}

/*
 * ---- queues follow the log ----
 *
 * Offsets of a queue are dense, and no checksum covers them. A record that breaks the row has a
 * damaged offset, or follows a lost one, or begins the second life of a topic that was deleted.
 * The queue's next record tells which.
 */

static void put_gap(struct scan *sc, struct queue *q, int64_t off, const struct cq_unit *u)
{
	if (q->first >= 0 && off - q->max > GAP_MAX) {
		sc->ignored++;
		return;
	}
	cq_skip_to(&sc->s->cq, q, off, u->phys);
	cq_put(&sc->s->cq, q, u);
}

/* What the suspect said of itself was true. */
static int believe(struct scan *sc, const struct suspect *c, struct err *e)
{
	int rc = 0;

	if (c->off > c->q->max)
		put_gap(sc, c->q, c->off, &c->unit);
	else if (c->off > 0 && c->q->max > c->q->first)
		sc->ignored++; /* its place is taken */
	else if (!(rc = cq_reset(&sc->s->cq, c->q, e)))
		put_gap(sc, c->q, c->off, &c->unit);
	return rc;
}

static struct suspect *take_suspect(struct scan *sc, const struct queue *q)
{
	struct suspect **p, *c;

	for (p = &sc->suspects; (c = *p); p = &c->next) {
		if (c->q == q) {
			*p = c->next;
			return c;
		}
	}
	return NULL;
}

/* The next record of its queue has offset `off`. */
static int judge(struct scan *sc, struct queue *q, int64_t off, struct err *e)
{
	struct suspect *c = take_suspect(sc, q);
	int rc = 0;

	if (!c)
		return 0;
	if (off == q->max + 1)
		cq_put(&sc->s->cq, q, &c->unit);
	else if (off == c->off + 1)
		rc = believe(sc, c, e);
	else
		sc->ignored++;
	mem_free(c);
	return rc;
}

static int judge_rest(struct scan *sc, struct err *e)
{
	struct suspect *c;
	int rc = 0;

	while ((c = sc->suspects)) {
		sc->suspects = c->next;
		if (!rc && c->off > c->q->max && (sc->lost || commitlog_min(&sc->s->log) > 0))
			rc = believe(sc, c, e);
		else if (!rc)
			cq_put(&sc->s->cq, c->q, &c->unit);
		mem_free(c);
	}
	return rc;
}

static void suspect(struct scan *sc, struct queue *q, int64_t off, const struct cq_unit *u)
{
	struct suspect *c = mem_alloc(sizeof(*c));

	*c = (struct suspect){ q, off, *u, sc->suspects };
	sc->suspects = c;
}

static bool scan_unit(struct scan *sc, const struct message *m, struct err *e)
{
	struct store *s = sc->s;
	int64_t tags = s->o.tags_code ? s->o.tags_code(m)
				      : message_tags_code(props_get(m->properties, PROP_TAGS));
	struct cq_unit u = { m->phys_off, m->size, tags };
	struct queue *q = cq_get(&s->cq, m->topic, m->queue_id);

	if (sc->resumed && m->queue_off < q->synced)
		return true;
	if (sc->suspects && judge(sc, q, m->queue_off, e))
		return false;
	if (m->queue_off == q->max) {
		cq_put(&s->cq, q, &u);
	} else if (!sc->rebuilding && !sc->lost) {
		sc->behind = true;
		return false;
	} else if (q->first < 0 && commitlog_min(&s->log) > 0) {
		put_gap(sc, q, m->queue_off, &u); /* what was before it has gone */
	} else {
		suspect(sc, q, m->queue_off, &u);
	}
	return true;
}

/* False: stop the scan, because of *e or sc->behind. */
static bool scan_record(struct scan *sc, const struct message *m, struct err *e)
{
	struct store *s = sc->s;
	int tx = m->sysflag & SYSFLAG_TX_MASK;

	sc->found->records++;
	s->last_ms = MAX(s->last_ms, m->store_ms);
	if (tx == SYSFLAG_TX_ROLLBACK && m->topic.n && str_starts(PLACEHOLDER, m->topic))
		sc->lost = true;
	if (tx == SYSFLAG_TX_PREPARED || tx == SYSFLAG_TX_ROLLBACK)
		return true;
	if (!store_topic_is_safe(m->topic) || m->queue_id < 0 || m->queue_off < 0) {
		sc->ignored++;
		return true;
	}
	if (m->phys_off < checkpoint_deleted(&s->ckpt, m->topic))
		return true;
	if (!scan_unit(sc, m, e))
		return false;
	if (s->cq.failed || s->cq.full) {
		err_set(e, s->cq.full ? TQ_ENOSPACE : s->cq.failed,
			"cannot write the consume queues");
		return false;
	}
	return true;
}

/* ---- the log ---- */

/* Where sound records go on after the bad place at off; -1: nowhere, the log ends at off. */
static int64_t after_damage(struct scan *sc, const struct segment *g, int64_t off)
{
	int64_t end = g->base + g->size, next;
	const struct segment *later;

	if (off >= sc->watermark)
		return -1;
	next = record_resync(g, off + 1, end);
	if (next < end)
		return next;
	later = commitlog_after(&sc->s->log, off);
	return later && later->base < sc->watermark ? later->base : -1;
}

static int save_damage(
	const struct store *s, const struct segment *g, int64_t off, int64_t end, struct err *e)
{
	char *dir = mem_fmt("%s/quarantine", s->dir), *path;
	int64_t n = MIN(end, g->base + g->data) - off;
	int rc;

	path = mem_fmt("%s/%020lld", dir, (long long)off);
	rc = fsio_mkdirs(dir, 0750, e);
	if (!rc)
		rc = fsio_replace(path,
			(struct str){ g->map + (off - g->base), (size_t)MAX(0, n) }, 0640, e);
	mem_free(path);
	mem_free(dir);
	return rc;
}

static int write_placeholder(
	const struct store *s, const struct segment *g, int64_t off, size_t n, struct err *e)
{
	struct message m = { .phys_off = off, .sysflag = SYSFLAG_TX_ROLLBACK };
	struct iovec v = { NULL, n };
	int rc;

	m.born_ms = m.store_ms = s->last_ms;
	m.topic = PLACEHOLDER;
	m.topic.n = MIN(m.topic.n, n - MESSAGE_FIXED);
	m.body = (struct str){ mem_alloc(n), n - MESSAGE_FIXED - m.topic.n };
	v.iov_base = mem_alloc(n);
	message_write(v.iov_base, &m);
	mem_free((void *)(uintptr_t)m.body.p);
	m.body.p = v.iov_base;
	rc = fsio_write_full(g->fd, &v, 1, off - g->base, g->path, e);
	mem_free((void *)(uintptr_t)m.body.p);
	return rc;
}

/*
 * The damaged bytes are kept aside and records that stand for nothing take their place, so that
 * the log is sound again, for Apache's broker too, which loses all that follows a bad record.
 */
static int fill_damage(
	const struct store *s, struct segment *g, int64_t off, int64_t end, struct err *e)
{
	char blank[8];
	struct iovec v = { blank, sizeof(blank) };
	int rc;

	(void)((rc = save_damage(s, g, off, end, e)) || (rc = segment_writable(g, e)));
	if (!rc && end == g->base + g->size && end - off >= 8) {
		put_be32(blank, (uint32_t)(end - off));
		put_be32(blank + 4, MESSAGE_BLANK);
		return fsio_write_full(g->fd, &v, 1, off - g->base, g->path, e);
	}
	while (!rc && end - off >= RECORD_MIN) {
		int64_t n = end - off;

		if (n > PLACEHOLDER_MAX) /* what is left must do for another one */
			n = MIN(PLACEHOLDER_MAX, n - RECORD_MIN);
		rc = write_placeholder(s, g, off, (size_t)n, e);
		off += n;
	}
	return rc;
}

static int64_t skip_damage(struct scan *sc, struct segment *g, int64_t off)
{
	int64_t next = after_damage(sc, g, off);
	struct damage *d;

	if (next < 0)
		return -1;
	sc->found->quarantined++;
	sc->found->lost_bytes += next - off;
	sc->lost = true;
	log_error("store", "'%s': damaged at offset %lld: %lld bytes are skipped", g->path,
		(long long)off, (long long)(next - off));
	d = mem_alloc(sizeof(*d));
	*d = (struct damage){ g, off, MIN(next, g->base + g->size), sc->damages };
	sc->damages = d;
	return next;
}

static void fill_damages(struct scan *sc, bool really)
{
	struct damage *d;

	while ((d = sc->damages)) {
		struct err e = ERR_INIT;

		sc->damages = d->next;
		if (really && fill_damage(sc->s, d->g, d->off, d->end, &e))
			log_error("store", "the damage stays as it is: %s", e.msg);
		mem_free(d);
	}
}

/*
 * Reads from `off` to the end of the log, which is *end then. 0, or an error; sc->behind stops it
 * early without one.
 */
static int scan_log(struct scan *sc, int64_t off, int64_t *end, struct err *e)
{
	struct store *s = sc->s;
	struct segment *g = NULL, *next;
	struct message m;

	for (;;) {
		int64_t limit = log_limit(s);

		if (!g || off >= g->base + g->size) {
			g = commitlog_find(&s->log, off);
			next = commitlog_after(&s->log, off);
			if (!g && !next)
				break;
			if (!g) { /* files are missing */
				off = next->base;
				g = next;
			}
		}
		switch (record_at(g, off, limit, true, &m)) {
		case RECORD_GOOD:
			if (!scan_record(sc, &m, e))
				return e->code;
			sc->found->scanned_bytes += m.size;
			off += m.size;
			continue;
		case RECORD_BLANK:
			next = commitlog_after(&s->log, off);
			if (next) {
				off = next->base;
				continue;
			}
			off = g->base + g->size;
			break;
		default: {
			int64_t to = skip_damage(sc, g, off);

			if (to >= 0) {
				off = to;
				continue;
			}
		}
		}
		break;
	}
	*end = off;
	return judge_rest(sc, e);
}

/* How much there is behind the end that is not zero, as far as one looks. */
static int64_t torn_bytes(const struct store *s, int64_t end)
{
	const struct segment *g = commitlog_find(&s->log, end);
	int64_t n = g ? MIN(g->base + g->data - end, TORN_LOOK) : 0;

	if (n > 0 && !segment_touch(g, end, n))
		return n;
	while (n > 0 && !g->map[end - g->base + n - 1])
		n--;
	return n;
}

static int sync_from(struct store *s, int64_t off, struct err *e)
{
	int rc = 0, i;

	for (i = 0; !rc && i < s->log.n; i++) {
		struct segment *g = s->log.segs[i];

		if (g->base + g->size <= off)
			continue;
		rc = segment_writable(g, e);
		if (!rc && vfs()->fdatasync(g->fd))
			rc = err_sys(e, TQ_EIO, "cannot sync '%s'", g->path);
		if (i < s->log.n - 1) {
			vfs()->close(g->fd);
			g->fd = -1;
		}
	}
	return rc;
}

/* ---- where to begin ---- */

/* The newest file that certainly begins before what Apache's times vouch for. */
static int64_t begin_by_times(const struct store *s)
{
	int64_t t = MIN(s->times.log_ms, s->times.queue_ms) - APACHE_MARGIN_MS;
	struct message m;
	int i;

	for (i = s->log.n - 1; i > 0; i--) {
		const struct segment *g = s->log.segs[i];

		if (record_at(g, g->base, g->base + g->size, false, &m) == RECORD_GOOD &&
			m.store_ms > 0 && m.store_ms <= t)
			return g->base;
	}
	return commitlog_min(&s->log);
}

static int64_t newest_with_records(const struct store *s)
{
	struct message m;
	int i;

	for (i = s->log.n - 1; i > 0; i--) {
		const struct segment *g = s->log.segs[i];

		if (record_at(g, g->base, g->base + g->size, false, &m) == RECORD_GOOD)
			return g->base;
	}
	return commitlog_min(&s->log);
}

/*
 * Store time of the newest record that is not scanned. The checkpoint has no checksum: what it says
 * must fit the first record of the newest file.
 */
static int64_t last_record_ms(const struct store *s)
{
	int64_t ms = MAX(s->times.log_ms, s->times.queue_ms), off = newest_with_records(s);
	const struct segment *g = commitlog_find(&s->log, off);
	int64_t first = g && record_peek(g, off, log_limit(s))
				? record_store_ms(g->map + (off - g->base))
				: 0;

	return first > 0 && (ms < first || ms - first > CHECKPOINT_TRUST_MS) ? first : ms;
}

static int64_t begin_of_scan(const struct store *s, bool aborted, bool have_synced)
{
	int64_t off = s->synced.queued;
	const struct segment *g;
	struct message m;

	if (!s->log.n) /* somebody took it away; the queues keep their numbering */
		return off;
	if (s->log.mended)
		return commitlog_min(&s->log);
	if (!have_synced) {
		if (aborted)
			return begin_by_times(s);
		return s->log.n > APACHE_FILES ? s->log.segs[s->log.n - APACHE_FILES]->base
					       : commitlog_min(&s->log);
	}
	g = commitlog_find(&s->log, off);
	if (g && off != g->base && off < s->synced.watermark &&
		record_at(g, off, log_limit(s), false, &m) == RECORD_BAD)
		return g->base;
	return off < commitlog_min(&s->log) || off > log_limit(s) ? commitlog_min(&s->log)
								  : off;
}

/* ---- a clean stop ---- */

static bool ends_at(const struct store *s, int64_t end)
{
	const struct segment *g = commitlog_find(&s->log, end);
	struct message m;

	if (!g)
		return end == log_limit(s) || !s->log.n;
	return record_at(g, end, g->base + g->size, false, &m) == RECORD_END &&
	       !commitlog_after(&s->log, end);
}

static int load_queues(struct store *s, int64_t limit, bool clear, struct err *e)
{
	char *dir = mem_str(s->cq.dir);
	int64_t units = cq_file_units(&s->cq);
	int rc;

	cq_release(&s->cq);
	cq_init(&s->cq, dir, units);
	mem_free(dir);
	rc = cq_load(&s->cq, limit, clear, e);
	return rc;
}

static bool digest_agrees(const struct store *s)
{
	return !s->cq.lost && (!s->synced.has_digest || s->cq.digest == s->synced.digest);
}

static int try_clean(struct store *s, bool *clean, struct err *e)
{
	int64_t end = s->synced.watermark;
	char *path;
	bool known;
	int rc = 0;

	if (!ends_at(s, end))
		return 0;
	path = retention_roster_path(s);
	known = s->synced.has_digest && roster_read(&s->cq, path, s->synced.digest);
	mem_free(path);
	if (!known && s->synced.carried)
		return 0;
	if (!known)
		rc = load_queues(s, end, false, e);
	if (rc || !digest_agrees(s))
		return rc;
	*clean = true;
	commitlog_at_end(&s->log, end);
	s->last_ms = last_record_ms(s);
	s->crc_below = end;
	return 0;
}

/* ---- the other stops ---- */

/* Queues of topics deleted just before the crash, whose directory is still there. */
static bool is_dead(struct store *s, const struct tomb *t, struct str topic)
{
	struct queue *q, *tmp;
	struct cq_unit u;
	bool any = false;

	map_foreach (s->cq.map, q, tmp) {
		if (!str_eq(queue_topic(q), topic))
			continue;
		any = true;
		if (q->max > 0 && cq_one(&s->cq, q, q->max - 1, &u) && u.phys >= t->end)
			return false;
	}
	return any;
}

static int bury(struct store *s, struct err *e)
{
	struct tomb *t, *tmp;
	int rc = 0;

	map_foreach (s->ckpt.tombs, t, tmp) {
		struct str topic = { t->topic, t->n };

		if (!rc && is_dead(s, t, topic))
			rc = retention_drop_topic(s, topic, e);
	}
	return rc;
}

static void drop_suspects(struct scan *sc)
{
	struct suspect *c;

	while ((c = sc->suspects)) {
		sc->suspects = c->next;
		mem_free(c);
	}
}

static int scan_from(struct scan *sc, int64_t from, int64_t *end, struct err *e)
{
	struct store *s = sc->s;
	int rc;

	drop_suspects(sc);
	fill_damages(sc, false);
	sc->behind = false;
	sc->found->quarantined = sc->found->lost_bytes = 0;
	sc->ignored = 0;
	sc->found->records = sc->found->scanned_bytes = 0;
	sc->rebuilding = s->log.n > 0 && from <= commitlog_min(&s->log);
	sc->found->rebuilt = sc->rebuilding;
	(void)((rc = sc->resumed ? 0 : load_queues(s, from, true, e)) || (rc = bury(s, e)));
	if (rc)
		return rc;
	if (!sc->rebuilding && !sc->resumed && from == s->synced.queued && !digest_agrees(s)) {
		sc->behind = true;
		return 0;
	}
	return scan_log(sc, from, end, e);
}

/* After a kill: the queues as the roster has them, and where the log must be read from. */
static bool resume(struct scan *sc, int64_t *from)
{
	struct store *s = sc->s;
	char *path = retention_roster_path(s);
	int64_t queued = -1;
	struct message m;
	bool known;

	known = roster_resume(&s->cq, path, &queued);
	mem_free(path);
	if (!known)
		return false;
	if (queued >= s->synced.queued && queued <= log_limit(s) &&
		queued >= commitlog_min(&s->log) &&
		(!commitlog_find(&s->log, queued) ||
			record_at(commitlog_find(&s->log, queued), queued, log_limit(s), false,
				&m) != RECORD_BAD)) {
		*from = queued;
		s->cq.sync_all = true;
		return true;
	}
	cq_forget_all(&s->cq);
	return false;
}

/* We stopped cleanly at the watermark, and somebody else wrote behind it. */
static bool went_on(const struct store *s)
{
	const struct segment *g = commitlog_find(&s->log, s->synced.watermark);
	struct message m;

	return s->synced.clean && g &&
	       record_at(g, s->synced.watermark, log_limit(s), true, &m) == RECORD_GOOD;
}

/* Damage is contained, but who lost a whole file or a disk should know before anything is changed. */
static int check_loss(const struct store *s, const struct store_recovery *found, struct err *e)
{
	if (!s->o.max_loss || found->lost_bytes <= s->o.max_loss)
		return 0;
	err_set(e, TQ_EPRECOND, "%lld bytes of messages that were safe are missing or damaged",
		(long long)found->lost_bytes);
	err_why(e, "the lines before this one name the files and places; nothing was changed");
	return err_hint(e,
		"put the files back, or start once with --max-loss=%lld to go on without them",
		(long long)found->lost_bytes);
}

static int recover(struct store *s, bool aborted, bool have_synced,
	struct store_recovery *found, struct err *e)
{
	struct scan sc = { .s = s, .found = found };
	int64_t from =
		s->o.scan_all ? commitlog_min(&s->log) : begin_of_scan(s, aborted, have_synced);
	int64_t queued = from, end = 0;
	int rc;

	s->synced.has_digest &= !s->synced.carried;
	s->last_ms = last_record_ms(s);
	sc.resumed = aborted && have_synced && s->log.n && !s->o.scan_all && !s->log.mended &&
		     resume(&sc, &from);
	sc.watermark = have_synced ? s->synced.watermark : newest_with_records(s);
	if (!aborted && (!have_synced || went_on(s)))
		sc.watermark = log_limit(s); /* Apache stopped cleanly */
	rc = scan_from(&sc, from, &end, e);
	if (!rc && sc.behind && sc.resumed) {
		sc.resumed = false;
		from = queued;
		rc = scan_from(&sc, from, &end, e);
	}
	if (!rc && sc.behind) {
		log_warn("store", "queue entries are missing: made again from the whole log");
		from = commitlog_min(&s->log);
		rc = scan_from(&sc, from, &end, e);
	}
	found->lost_bytes += s->log.missing;
	if (have_synced) /* that the log ends early is a loss where it is known to have gone on */
		found->lost_bytes +=
			s->log.n ? MAX(0, s->synced.watermark - end) : s->synced.watermark;
	if (!rc)
		rc = check_loss(s, found, e);
	fill_damages(&sc, !rc);
	if (rc) {
		drop_suspects(&sc);
		return rc;
	}
	if (!s->log.n && have_synced)
		end = (s->synced.watermark + s->log.file_bytes - 1) / s->log.file_bytes *
		      s->log.file_bytes;
	found->cut_at = end;
	found->cut_bytes = torn_bytes(s, end);
	if (sc.ignored)
		log_warn("store", "%lld records had no place in their queue",
			(long long)sc.ignored);
	(void)((rc = commitlog_set_end(&s->log, end, e)) ||
		(rc = sync_from(s, MIN(queued, from), e)));
	s->crc_below = from;
	s->synced.queued = MIN(MIN(queued, from), end);
	s->synced.has_digest = false;
	return rc;
}

static void log_found(const struct store *s, const struct store_recovery *f)
{
	int64_t behind = s->last_ms - clock_wall_ms();

	if (behind > CLOCK_SLACK_MS)
		log_warn("store",
			"the clock is %lld s behind the newest message, whose time messages get until it has caught up",
			(long long)behind / 1000);
	if (f->clean && f->lost_bytes)
		log_error(
			"store", "%lld bytes of the log are missing", (long long)f->lost_bytes);
	if (f->clean)
		return;
	log_info("store", "recovered: %lld records in %lld bytes read, end at %lld",
		(long long)f->records, (long long)f->scanned_bytes, (long long)s->log.end);
	if (f->cut_bytes)
		log_warn("store", "a torn end of %lld bytes was cut at offset %lld",
			(long long)f->cut_bytes, (long long)f->cut_at);
	if (f->lost_bytes)
		log_error("store",
			"%lld bytes that were safe are lost, in %lld damaged places and missing files",
			(long long)f->lost_bytes, (long long)f->quarantined);
}

int recovery_run(struct store *s, bool aborted, bool have_synced, struct store_recovery *found,
	struct err *e)
{
	int rc = 0;

	if (aborted == s->synced.carried && have_synced && s->synced.clean && !s->o.scan_all &&
		!s->log.mended)
		rc = try_clean(s, &found->clean, e);
	if (!rc && !found->clean && !aborted && !have_synced && !s->log.n && !s->cq.map)
		found->clean = true; /* an empty directory */
	else if (!rc && !found->clean)
		rc = recover(s, aborted, have_synced, found, e);
	if (!rc && found->clean) {
		found->lost_bytes = s->log.missing + (s->log.n ? 0 : s->synced.watermark);
		rc = check_loss(s, found, e);
	}
	if (!rc)
		log_found(s, found);
	return rc;
}
