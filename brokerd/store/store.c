/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: what comes in through store.h is put together here from the parts.
 *
 *	append --> turn buffer of the commit log, offsets given, unit pending
 *	commit --> one write --> units of the queues --> arrivals --> flush thread --> durable
 *	                                                        `--> index, now and then
 *
 * Invariants: 1. A unit enters a queue only after its record was handed to the kernel. 2. queue
 * `next` runs ahead of `max` only within a turn. 3. Once read_only, nothing is written any more
 * except what was accepted before.
 */
#include "brokerd/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "props.h"
#include "brokerd/store/impl.h"
#include "brokerd/store/roster.h"

#define DISK_RETRY_MS 200
#define QUEUES_A_BATCH 2048
#define INDEX_LAG (1 << 20) /* bytes: a job for the index at the latest then */
#define INDEX_STEP 512 /* records under one hold of its lock */
#define QUERY_CATCH_UP_MS 20
#define CLOSE_INDEX_MS 2000
#define TOPIC_MAX 127

/* ---- the way from helper threads to the loop ---- */

/*
 * At most one letter is under way. It may arrive after the store is gone: then s is NULL and the
 * letter is freed by who comes last.
 */
struct notice {
	struct store *s; /* loop */
	_Atomic bool posted;
	_Atomic int refs;
};

static void notice_unref(struct notice *n)
{
	if (atomic_fetch_sub(&n->refs, 1) == 1)
		mem_free(n);
}

static void take_flush_result(struct store *s)
{
	if (s->flush.failed && !s->read_only)
		store_set_read_only(s, s->flush.reason);
}

static void notice_arrives(void *arg)
{
	struct notice *n = arg;
	struct store *s = n->s;

	n->posted = false;
	if (s) {
		take_flush_result(s);
		if (s->o.on_durable)
			s->o.on_durable(s->o.on_durable_arg);
	}
	notice_unref(n);
}

/* On the flush thread. */
static void flush_done(void *arg)
{
	struct store *s = arg;
	struct notice *n = s->notice;

	if (!s->o.post || atomic_exchange(&n->posted, true))
		return;
	atomic_fetch_add(&n->refs, 1);
	s->o.post(s->o.loop, notice_arrives, n);
}

static void log_written(void *arg, struct segment *g)
{
	struct store *s = arg;

	flush_note(&s->flush, g);
}

/* ---- open and close ---- */

void store_set_read_only(struct store *s, const char *reason)
{
	s->read_only = true;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
	retention_forget_roster(s); /* what was written and is in doubt */
	log_error("store", "read-only until restart: %s", reason);
}

static char *path_in(const struct store *s, const char *name)
{
	return mem_fmt("%s/%s", s->dir, name);
}

static int take_lock(struct store *s, struct err *e)
{
	static const char text[] = "lock";
	struct iovec v = { (void *)(uintptr_t)text, 4 };
	char *path = path_in(s, "lock");
	int rc;

	rc = fsio_lock(path, &s->lock_fd, e);
	if (!rc)
		rc = fsio_write_full(s->lock_fd, &v, 1, 0, path, e);
	mem_free(path);
	return rc;
}

static void set_opts(struct store *s, const struct store_opts *o)
{
	s->o = *o;
	s->dir = mem_str(o->dir);
	s->o.dir = s->dir;
	s->lock_fd = s->ckpt.fd = s->ckpt.synced_fd = -1;
	s->notice = mem_alloc(sizeof(*s->notice));
	s->notice->s = s;
	s->notice->refs = 1;
	work_init(&s->work);
}

static int open_parts(struct store *s, bool *aborted, bool *have_synced, struct err *e)
{
	char *log_dir = path_in(s, "commitlog"), *queue_dir = path_in(s, "consumequeue");
	int rc;

	(void)((rc = fsio_mkdirs(s->dir, 0750, e)) || (rc = take_lock(s, e)) ||
		(rc = checkpoint_open(
			 &s->ckpt, s->dir, aborted, have_synced, &s->synced, &s->times, e)) ||
		(rc = commitlog_open(&s->log, log_dir, s->o.commitlog_file_bytes, e)));
	s->log.on_write = log_written;
	s->log.on_write_arg = s;
	cq_init(&s->cq, queue_dir, s->o.queue_file_units);
	if (s->synced.queue_file_bytes > 0)
		s->cq.file_bytes = s->synced.queue_file_bytes;
	mem_free(log_dir);
	mem_free(queue_dir);
	return rc;
}

static int open_index(struct store *s, bool have_synced, bool clean, struct err *e)
{
	const struct index_safe *safe = &s->synced.index;
	char *dir = path_in(s, "index");
	bool usable = have_synced && safe->phys <= commitlog_appended(&s->log);
	int rc;

	rc = index_open(&s->index, dir, s->o.index_slots, s->o.index_entries, clean,
		usable ? safe : NULL, usable ? 0 : s->times.index_ms, commitlog_min(&s->log),
		e);
	mem_free(dir);
	return rc;
}

static int start_threads(struct store *s, struct err *e)
{
	int rc = 0;

	s->flush.done = flush_done;
	s->flush.arg = s;
	if (!s->o.inline_io)
		(void)((rc = flush_start(&s->flush, e)) || (rc = work_start(&s->work, e)));
	return rc;
}

/* From here on a crash is a crash. */
static int begin(struct store *s, struct err *e)
{
	bool carried = s->synced.carried;
	int rc;

	s->synced.clean = s->synced.carried = false;
	s->synced.has_digest &= !carried; /* it was of what is in the files and the roster */
	s->synced.watermark = store_durable(s);
	(void)((rc = checkpoint_set_abort(&s->ckpt, e)) ||
		(rc = checkpoint_write_synced(&s->ckpt, &s->synced, e)));
	return rc || !carried ? rc : checkpoint_sync(&s->ckpt, e);
}

static void store_free(struct store *s)
{
	retention_release(s);
	aging_release(s);
	index_close(&s->index);
	cq_release(&s->cq);
	flush_release(&s->flush);
	commitlog_close(&s->log);
	checkpoint_close(&s->ckpt);
	if (s->lock_fd >= 0)
		vfs()->close(s->lock_fd);
	s->notice->s = NULL;
	notice_unref(s->notice);
	mem_free(s->pending);
	mem_free(s->dir);
	mem_free(s);
}

int store_open(const struct store_opts *o, struct store **out, struct store_recovery *found,
	struct err *e)
{
	int64_t start = clock_mono_ms();
	struct store *s = mem_alloc(sizeof(*s));
	bool aborted = false, have_synced = false;
	int rc;

	memset(found, 0, sizeof(*found));
	set_opts(s, o);
	rc = open_parts(s, &aborted, &have_synced, e);
	if (!rc)
		rc = recovery_run(s, aborted, have_synced, found, e);
	flush_init(&s->flush, s->dir, s->log.dir,
		o->flush == STORE_FLUSH_ASYNC ? MAX(1, o->flush_interval_ms) : 0,
		commitlog_appended(&s->log));
	if (!rc)
		(void)((rc = open_index(s, have_synced, found->clean, e)) ||
			(rc = begin(s, e)) || (rc = start_threads(s, e)));
	if (rc) {
		flush_stop(&s->flush);
		work_stop(&s->work);
		store_free(s);
		return err_wrap(e, "store '%s'", o->dir);
	}
	for (int i = 0; i < STORE_KEEPERS; i++)
		s->keep[i] = INT64_MAX;
	s->keep_young = INT64_MAX;
	aging_init(s);
	retention_look_at_disk(s);
	retention_remove_tree(s, path_in(s, "trash")); /* what a crash left there */
	store_index_soon(s); /* what a crash left to do */
	s->checkpoint_at_ms = s->retention_at_ms = clock_mono_ms();
	found->took_ms = clock_mono_ms() - start;
	*out = s;
	return 0;
}

static void index_rest(struct store *s)
{
	int64_t deadline = clock_mono_ms() + CLOSE_INDEX_MS;

	s->index.stop = false;
	while (index_build(&s->index, &s->log, commitlog_appended(&s->log), INDEX_STEP))
		if (clock_mono_ms() >= deadline)
			break;
}

/* All units are in their files. */
static int finish_queues(struct store *s, struct err *e)
{
	char *path = retention_roster_path(s);
	struct buf b;
	int rc = 0;

	if (s->synced.queued != commitlog_appended(&s->log) || !s->synced.has_digest ||
		s->synced.index.phys != s->index.indexed)
		rc = retention_checkpoint(s, true, true, e);
	if (!roster_wanted(&s->cq)) {
		(void)vfs()->unlink(path);
	} else if (!rc) {
		roster_print(&s->cq, ROSTER_WHOLE, commitlog_appended(&s->log), &b);
		rc = buf_err(&b) ? err_set(e, TQ_ETOOBIG, "too many queues")
				 : fsio_replace(path, buf_str(&b), 0640, e);
		buf_release(&b);
	}
	mem_free(path);
	return rc;
}

/* Everything that makes the next start a quick one. */
static int close_clean(struct store *s, struct err *e)
{
	int rc = s->read_only ? err_set(e, TQ_EUNAVAILABLE, "%s", s->reason) : 0;
	bool carried = false;

	if (rc)
		return rc;
	(void)((rc = store_commit(s, e)) || (rc = flush_now(&s->flush, e)));
	if (rc)
		return rc;
	index_rest(s);
	if (!s->o.scan_all)
		rc = retention_carry(s, &carried, e);
	if (!rc && !carried)
		rc = finish_queues(s, e);
	if (rc)
		return rc;
	s->synced.clean = true;
	s->synced.watermark = commitlog_appended(&s->log);
	rc = checkpoint_write_synced(&s->ckpt, &s->synced, e);
	return rc || carried ? rc : checkpoint_clear_abort(&s->ckpt, e);
}

int store_sync(struct store *s, struct err *e)
{
	int rc;

	cold_stop(s);
	flush_stop(&s->flush);
	take_flush_result(s);
	if (s->read_only)
		return err_set(e, TQ_EUNAVAILABLE, "%s", s->reason);
	(void)((rc = store_commit(s, e)) || (rc = flush_now(&s->flush, e)));
	take_flush_result(s);
	return rc;
}

int store_close(struct store *s, struct err *e)
{
	int rc;

	if (!s)
		return 0;
	cold_stop(s);
	flush_stop(&s->flush);
	s->index.stop = true;
	(void)cq_batch_collect(&s->cq, true, NULL); /* its outcome is kept in s->cq */
	work_stop(&s->work);
	take_flush_result(s);
	rc = close_clean(s, e);
	store_free(s);
	return rc;
}

/* ---- append ---- */

int store_check_writable(struct store *s, struct err *e)
{
	if (UNLIKELY(s->read_only))
		return err_set(e, TQ_EUNAVAILABLE, "the store is read-only: %s", s->reason);
	if (LIKELY(!s->disk_full && !s->disk_refuses))
		return 0;
	if (s->disk_refuses)
		return err_set(e, TQ_ENOSPACE,
			"the disk of '%s' is beyond its mark: %d %% used", s->dir,
			(int)(s->disk_ratio * 100));
	if (clock_mono_ms() < s->disk_retry_ms || (s->cq.full && cq_write_out(&s->cq, 64, e))) {
		s->disk_retry_ms = MAX(s->disk_retry_ms, clock_mono_ms() + DISK_RETRY_MS / 2);
		return err_set(e, TQ_ENOSPACE, "no space left in '%s'", s->dir);
	}
	return 0;
}

static int note_full(struct store *s, int rc)
{
	if (rc == TQ_ENOSPACE) {
		if (!s->disk_full)
			log_error("store",
				"'%s' is full: messages are refused until there is room",
				s->dir);
		s->disk_full = true;
		s->disk_retry_ms = clock_mono_ms() + DISK_RETRY_MS;
	} else if (s->log.failed && !s->read_only) {
		store_set_read_only(s, "a write to the commit log failed");
	}
	return rc;
}

bool store_topic_is_safe(struct str t)
{
	return t.n && t.n <= TOPIC_MAX && t.p[0] != '.' && !memchr(t.p, '/', t.n) &&
	       !memchr(t.p, '\0', t.n);
}

static bool has_unit(const struct message *m)
{
	int tx = m->sysflag & SYSFLAG_TX_MASK;

	return tx != SYSFLAG_TX_PREPARED && tx != SYSFLAG_TX_ROLLBACK;
}

static void add_pending(
	struct store *s, struct queue *q, const struct message *m, uint32_t size, int64_t tags)
{
	if (s->n_pending == s->cap_pending) {
		s->cap_pending = s->cap_pending ? s->cap_pending * 2 : 16;
		s->pending = mem_grow(s->pending, s->cap_pending * sizeof(*s->pending));
	}
	s->pending[s->n_pending++] =
		(struct pending){ q, m->queue_off, { m->phys_off, size, tags } };
	q->next++;
}

static void write_record(struct store *s, const struct store_put *p, uint32_t size, char *to,
	struct store_at *at)
{
	struct message m = *p->m;
	struct queue *q = NULL;

	if (!p->keep_store_host)
		m.store = s->o.host;
	if (!s->turn_ms)
		s->turn_ms = s->last_ms = MAX(s->last_ms, clock_wall_ms());
	if (p->not_before_ms > s->turn_ms)
		s->turn_ms = s->last_ms = p->not_before_ms;
	m.store_ms = s->turn_ms;
	m.phys_off = s->log.end;
	m.queue_off = 0;
	if (has_unit(&m)) {
		q = cq_get(&s->cq, m.topic, m.queue_id);
		m.queue_off = q->next;
		add_pending(s, q, &m, size, p->tags_code);
	}
	message_write(to, &m);
	if (p->looked)
		index_note(&s->index, &m, size, p->unique, p->keys);
	s->log.end += size;
	s->dirty = true;
	*at = (struct store_at){ m.phys_off, m.queue_off, m.store_ms, size, m.phys_off + size };
}

/* Length of the record, with the store host it will get. */
static int put_size(const struct store *s, const struct store_put *p, size_t *n, struct err *e)
{
	struct message m = *p->m;

	if (!store_topic_is_safe(m.topic) || m.queue_id < 0)
		return err_set(e, TQ_EMSGILLEGAL, "a topic or queue that cannot be stored");
	if (!p->keep_store_host)
		m.store = s->o.host;
	*n = message_size(&m);
	if (*n > RECORD_MAX || m.properties.n > MESSAGE_MAX_PROPERTIES)
		return err_set(e, TQ_EMSGILLEGAL, "a message of %zu bytes is too large", *n);
	return 0;
}

int store_append_batch(struct store *s, const struct store_put *p, size_t n,
	struct store_at *at, struct err *e)
{
	size_t i, size = 0, total = 0;
	char *to;
	int rc;

	rc = store_check_writable(s, e);
	for (i = 0; !rc && i < n; i++) {
		rc = put_size(s, &p[i], &size, e);
		at[i].size = (uint32_t)size;
		total += size;
	}
	if (rc)
		return rc;
	rc = commitlog_room(&s->log, total, &to, e);
	if (UNLIKELY(rc))
		return note_full(s, rc);
	for (i = 0; i < n; i++) {
		write_record(s, &p[i], at[i].size, to, &at[i]);
		to += at[i].size;
	}
	return 0;
}

int store_append(struct store *s, const struct store_put *p, struct store_at *at, struct err *e)
{
	size_t size = 0;
	char *to;
	int rc;

	(void)((rc = store_check_writable(s, e)) || (rc = put_size(s, p, &size, e)));
	if (rc)
		return rc;
	rc = commitlog_room(&s->log, size, &to, e);
	if (UNLIKELY(rc))
		return note_full(s, rc);
	write_record(s, p, (uint32_t)size, to, at);
	return 0;
}

static void forget_turn(struct store *s)
{
	size_t i;

	for (i = 0; i < s->n_pending; i++)
		s->pending[i].q->next = s->pending[i].q->max;
	s->n_pending = 0;
	s->dirty = false;
	s->turn_ms = 0;
}

/* The callbacks may append: they see an empty turn. */
static void publish(struct store *s)
{
	struct pending *p = s->pending;
	size_t i, n = s->n_pending, cap = s->cap_pending;

	s->pending = NULL;
	s->n_pending = s->cap_pending = 0;
	s->dirty = false;
	s->turn_ms = 0;
	for (i = 0; i < n; i++)
		cq_put(&s->cq, p[i].q, &p[i].unit);
	for (i = 0; s->arrival && i < n; i++)
		s->arrival(s->arrival_arg, queue_topic(p[i].q), p[i].q->id, p[i].off,
			p[i].unit.tags);
	if (s->pending) {
		mem_free(p);
		return;
	}
	s->pending = p;
	s->cap_pending = cap;
}

static void note_queues(struct store *s)
{
	if (UNLIKELY(s->cq.failed) && !s->read_only)
		store_set_read_only(s, "a write to a consume queue failed");
	if (UNLIKELY(s->cq.full))
		note_full(s, TQ_ENOSPACE);
}

int store_commit(struct store *s, struct err *e)
{
	int rc;

	if (!s->dirty)
		return 0;
	rc = commitlog_commit(&s->log, e);
	if (UNLIKELY(rc)) {
		forget_turn(s);
		note_full(s, s->log.failed);
		return rc;
	}
	if (s->disk_full && !s->cq.full) {
		log_info("store", "'%s' has room again", s->dir);
		s->disk_full = false;
	}
	publish(s);
	note_queues(s);
	flush_want(&s->flush, commitlog_appended(&s->log));
	if (s->o.inline_io && s->o.flush == STORE_FLUSH_SYNC) {
		rc = flush_now(&s->flush, e);
		take_flush_result(s);
		if (s->o.on_durable)
			s->o.on_durable(s->o.on_durable_arg);
	}
	if (commitlog_appended(&s->log) - s->index.indexed > INDEX_LAG)
		store_index_soon(s);
	return rc;
}

bool store_dirty(const struct store *s)
{
	return s->dirty;
}

int64_t store_appended(const struct store *s)
{
	return commitlog_appended(&s->log);
}

int64_t store_durable(const struct store *s)
{
	return s->flush.durable;
}

void store_sync_soon(struct store *s)
{
	flush_hurry(&s->flush);
}

int64_t store_min_phys(const struct store *s)
{
	return commitlog_min(&s->log);
}

void store_on_arrival(struct store *s, store_arrival fn, void *arg)
{
	s->arrival = fn;
	s->arrival_arg = arg;
}

/* ---- the index, behind ---- */

static void index_job(void *arg)
{
	struct store *s = arg;

	while (index_build(&s->index, &s->log, commitlog_appended(&s->log), INDEX_STEP))
		;
	s->indexing = false;
}

void store_index_soon(struct store *s)
{
	if (s->index.indexed >= commitlog_appended(&s->log) ||
		atomic_exchange(&s->indexing, true))
		return;
	work_post(&s->work, index_job, s);
}

int store_query_key(struct store *s, struct str topic, struct str key, int max,
	int64_t begin_ms, int64_t end_ms, int64_t *phys, int64_t *index_last_ms,
	int64_t *index_last_phys)
{
	int64_t deadline = clock_mono_ms() + QUERY_CATCH_UP_MS;

	while (index_build(&s->index, &s->log, commitlog_appended(&s->log), INDEX_STEP))
		if (clock_mono_ms() >= deadline)
			break;
	return index_query(&s->index, topic, key, max, begin_ms, end_ms, phys, index_last_ms,
		index_last_phys);
}

/* ---- administration ---- */

/*
 * The tomb is durable before anything goes, so a crash cannot bring back half of the topic. Its
 * directory is moved out of the way at once and emptied by the helper.
 */
int store_delete_topic(struct store *s, struct str topic, struct err *e)
{
	int rc;

	if (!store_topic_is_safe(topic))
		return err_set(e, TQ_EINVAL, "'" STR_FMT "' is no topic", STR_ARG(topic));
	(void)((rc = store_commit(s, e)) ||
		(rc = checkpoint_add_tomb(&s->ckpt, topic, commitlog_appended(&s->log),
			 commitlog_min(&s->log), e)) ||
		(rc = retention_drop_topic(s, topic, e)) ||
		(rc = checkpoint_write_synced(&s->ckpt, &s->synced, e)));
	return rc;
}

static int64_t earliest_ms(struct store *s)
{
	const struct segment *g = s->log.n ? s->log.segs[0] : NULL;
	struct message m;

	if (!g || record_at(g, g->base, commitlog_appended(&s->log), false, &m) != RECORD_GOOD)
		return -1;
	return m.store_ms;
}

void store_stats(struct store *s, struct store_stats *out)
{
	memset(out, 0, sizeof(*out));
	out->min_phys = commitlog_min(&s->log);
	out->appended = commitlog_appended(&s->log);
	out->durable = store_durable(s);
	out->indexed = s->index.indexed;
	out->earliest_ms = earliest_ms(s);
	out->disk_ratio = s->disk_ratio;
	out->disk_total = s->disk_total;
	out->disk_free = s->disk_free;
	out->read_only = s->read_only;
	out->disk_full = s->disk_full || s->disk_refuses;
	memcpy(out->reason, s->reason, sizeof(out->reason));
	out->damaged = s->damaged;
	out->unreadable = s->unreadable;
	out->cold = s->n_cold;
}

void store_keep(struct store *s, enum store_keeper who, int64_t phys_off)
{
	s->keep[who] = phys_off;
}

void store_keep_young(struct store *s, int64_t phys_off)
{
	s->keep_young = phys_off;
}

void store_set_disk_marks(struct store *s, const struct store_disk_marks *m)
{
	s->marks = *m;
	retention_look_at_disk(s);
}

int64_t store_held_back(const struct store *s)
{
	return s->held_back;
}

/* Thousands of queues may wait, each with a file to be opened or even made: nobody else does. */
bool store_write_queues(struct store *s)
{
	struct err e = ERR_INIT;
	struct cq_batch *b;
	int rc;

	if (s->read_only)
		return false;
	rc = cq_batch_collect(&s->cq, false, &e);
	b = rc || s->cq.batch ? NULL : cq_batch_begin(&s->cq, QUEUES_A_BATCH);
	if (b) {
		work_post(&s->work, cq_batch_run, b);
		rc = s->o.inline_io ? cq_batch_collect(&s->cq, false, &e) : rc;
	}
	if (rc)
		log_every(5, LOG_ERROR_, "store", "%s", e.msg);
	note_queues(s);
	return !rc && s->cq.dirty;
}

void store_tick(struct store *s, int64_t retention_ms)
{
	struct err e = ERR_INIT;
	char *p;

	take_flush_result(s);
	retention_look_at_disk(s);
	store_write_queues(s);
	if (!s->read_only) {
		if (s->disk_full && !s->cq.full && s->log.n &&
			!commitlog_room(&s->log, RECORD_MIN, &p, &e))
			s->disk_full = false;
	}
	if (s->o.inline_io && !s->read_only && flush_now(&s->flush, &e))
		take_flush_result(s);
	cq_trim_memory(&s->cq, 200);
	commitlog_trim_memory(&s->log);
	store_index_soon(s);
	retention_tick(s, clock_mono_ms(), retention_ms);
}
