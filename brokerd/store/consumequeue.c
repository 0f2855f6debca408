/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picture of one queue, in units:
 *
 *	first        min            tail_at    written      max      next
 *	  |-- filler --|---- files only ----|-- both --|-- memory --|- this turn -|
 *
 * Files are sparse and grow by pwrite, whose errors are errors: a full disk leaves units in memory.
 * Descriptors sit in a small direct-mapped table.
 *
 * Invariants: 1. tail_at <= written <= max where there is a tail; without one written == max.
 * 2. A queue is on the dirty list exactly while it has units that are neither written nor in the
 * batch, and the list is in order of dirty_phys, behind what the batch has. 3. digest is the sum
 * of queue digests times (max + DIGEST_FIRST * (first + 1)).
 */
#include "brokerd/store/consumequeue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <utlist.h>

#include "buf.h"
#include "fsio.h"
#include "log.h"

#define TAIL_MIN 8
#define TAIL_MAX 256
#define TAIL_KEEP 64
#define TAIL_HUGE 16384 /* of a queue whose writing does not end */
#define PATH_BYTES 4096
#define DIGEST_FIRST 0x9e3779b97f4a7c15u

/* FNV-1a; str_hash has another seed in each process. */
uint64_t cq_name_digest(const char *p, size_t n)
{
	uint64_t h = 14695981039346656037u;

	while (n--)
		h = (h ^ (uint8_t)*p++) * 1099511628211u;
	return h;
}

static void set_max(struct cq *c, struct queue *q, int64_t max)
{
	c->digest += q->digest * (uint64_t)(max - q->max);
	q->max = max;
}

static void set_first(struct cq *c, struct queue *q, int64_t first)
{
	c->digest += q->digest * DIGEST_FIRST * (uint64_t)(first - q->first);
	q->first = first;
}

void cq_init(struct cq *c, const char *dir, int64_t file_units)
{
	size_t i;

	memset(c, 0, sizeof(*c));
	c->dir = mem_str(dir);
	c->file_bytes = file_units * CQ_UNIT;
	for (i = 0; i < CQ_FDS; i++)
		c->fds[i].fd = -1;
}

static void fds_forget(struct cq *c, const struct queue *q)
{
	size_t i;

	for (i = 0; i < CQ_FDS; i++) {
		struct cq_fd *f = &c->fds[i];

		if (f->fd < 0 || (q && f->q != q))
			continue;
		vfs()->close(f->fd);
		f->fd = -1;
		f->q = NULL;
	}
}

static void list_dirty(struct cq *c, struct queue *q, int64_t phys)
{
	if (q->prev)
		return;
	q->dirty_phys = phys;
	DL_APPEND2(c->dirty, q, prev, next_dirty);
}

static void list_clean(struct cq *c, struct queue *q)
{
	if (q->prev)
		DL_DELETE2(c->dirty, q, prev, next_dirty);
	q->prev = NULL;
}

static void drop_tail(struct cq *c, struct queue *q)
{
	if (q->prev_warm)
		DL_DELETE2(c->warm, q, prev_warm, next_warm);
	q->prev_warm = NULL;
	mem_free(q->tail);
	q->tail = NULL;
	q->tail_cap = 0;
}

static void reads_forget(struct cq *c, const struct queue *q)
{
	for (int i = 0; c->reads && i < CQ_READS; i++)
		if (c->reads[i].q == q)
			c->reads[i].q = NULL;
}

static void queue_forget(struct cq *c, struct queue *q)
{
	fds_forget(c, q);
	reads_forget(c, q);
	list_clean(c, q);
	if (q->prev_unsynced)
		DL_DELETE2(c->unsynced, q, prev_unsynced, next_unsynced);
	q->prev_unsynced = NULL;
	drop_tail(c, q);
	set_max(c, q, 0);
	q->next = q->written = q->synced = q->min = q->min_for = q->tail_at = 0;
	set_first(c, q, -1);
}

static void queue_free(struct cq *c, struct queue *q)
{
	queue_forget(c, q);
	HASH_DEL(c->map, q);
	mem_free(q);
}

void cq_forget_all(struct cq *c)
{
	struct queue *q, *tmp;

	(void)cq_batch_collect(c, true, NULL);
	map_foreach (c->map, q, tmp)
		queue_free(c, q);
}

void cq_release(struct cq *c)
{
	cq_forget_all(c);
	fds_forget(c, NULL);
	mem_free(c->reads);
	mem_free(c->dir);
}

#define KEY_MAX (255 + 4)
#define CQ_REUSE 256 /* units: all that a pull without a filter can take */

static size_t make_key(char *key, struct str topic, int id)
{
	memcpy(key, topic.p, topic.n);
	put_be32(key + topic.n, (uint32_t)id);
	return topic.n + 4;
}

struct queue *cq_find(struct cq *c, struct str topic, int id)
{
	struct queue *q = NULL;
	char key[KEY_MAX];

	if (topic.n && topic.n <= 255)
		HASH_FIND(hh, c->map, key, make_key(key, topic, id), q);
	return q;
}

static struct queue *queue_add(struct cq *c, struct str topic, int id)
{
	size_t n = topic.n + 4;
	struct queue *q = mem_alloc(sizeof(*q) + n);

	make_key(q->key, topic, id);
	q->topic_n = (uint8_t)topic.n;
	q->id = id;
	q->first = -1;
	q->digest = cq_name_digest(q->key, n);
	HASH_ADD_KEYPTR(hh, c->map, q->key, n, q);
	return q;
}

struct queue *cq_get(struct cq *c, struct str topic, int id)
{
	struct queue *q = cq_find(c, topic, id);

	return q ? q : queue_add(c, topic, id);
}

static void queue_dir(const struct cq *c, const struct queue *q, char *path)
{
	snprintf(path, PATH_BYTES, "%s/%.*s/%d", c->dir, q->topic_n, q->key, (int)q->id);
}

static void file_path(const struct cq *c, const struct queue *q, int64_t file, char *path)
{
	snprintf(path, PATH_BYTES, "%s/%.*s/%d/%020lld", c->dir, q->topic_n, q->key, (int)q->id,
		(long long)(file * c->file_bytes));
}

static int make_dirs(struct cq *c, struct queue *q, struct err *e)
{
	char path[PATH_BYTES];
	int rc;

	if (q->made)
		return 0;
	queue_dir(c, q, path);
	rc = fsio_mkdirs(path, 0750, e);
	if (!rc)
		q->made = q->fresh = true;
	return rc;
}

/* A descriptor of file number `file`, borrowed; -1 and errno. */
static int open_file(struct cq *c, struct queue *q, int64_t file, bool create)
{
	struct cq_fd *f = &c->fds[((uintptr_t)q / 64 + (uintptr_t)file) % CQ_FDS];
	char path[PATH_BYTES];
	struct stat st;
	int fd;

	if (f->fd >= 0 && f->q == q && f->file == file)
		return f->fd;
	file_path(c, q, file, path);
	fd = vfs()->open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0 && errno == ENOENT && create) {
		fd = vfs()->open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
		q->fresh = true;
	}
	if (fd < 0)
		return -1;
	if (create && (vfs()->fstat(fd, &st) || (st.st_size < c->file_bytes &&
							vfs()->ftruncate(fd, c->file_bytes)))) {
		int saved = errno;

		vfs()->close(fd);
		errno = saved;
		return -1;
	}
	if (f->fd >= 0)
		vfs()->close(f->fd);
	*f = (struct cq_fd){ q, file, fd };
	return fd;
}

static int write_range(struct cq *c, struct queue *q, int64_t from, int64_t to, struct err *e)
{
	int64_t fu = cq_file_units(c), file = from / fu;
	struct iovec v = { q->tail + (from - q->tail_at) * CQ_UNIT,
		(size_t)(to - from) * CQ_UNIT };
	char path[PATH_BYTES];
	int fd = open_file(c, q, file, true);

	file_path(c, q, file, path);
	if (fd < 0)
		return err_sys(e, fsio_err_code(errno), "cannot open '%s'", path);
	return fsio_write_full(fd, &v, 1, from % fu * CQ_UNIT, path, e);
}

static int write_queue(struct cq *c, struct queue *q, struct err *e)
{
	int64_t fu = cq_file_units(c);
	int rc = make_dirs(c, q, e);

	while (!rc && q->written < q->max) {
		int64_t to = MIN(q->max, (q->written / fu + 1) * fu);

		rc = write_range(c, q, q->written, to, e);
		if (!rc)
			q->written = to;
	}
	c->full = rc == TQ_ENOSPACE;
	if (rc && rc != TQ_ENOSPACE && rc != TQ_EBUSY) /* those may be tried again */
		c->failed = rc;
	if (rc)
		return rc;
	list_clean(c, q);
	if (!q->prev_unsynced)
		DL_APPEND2(c->unsynced, q, prev_unsynced, next_unsynced);
	return 0;
}

int cq_write_out(struct cq *c, int max, struct err *e)
{
	int rc = cq_batch_collect(c, true, e);

	while (!rc && c->dirty && max-- > 0)
		rc = write_queue(c, c->dirty, e);
	return rc;
}

int64_t cq_written_phys(const struct cq *c, int64_t end)
{
	if (c->batch)
		return cq_batch_oldest(c->batch);
	return c->dirty ? c->dirty->dirty_phys : end;
}

/* Room for one more unit in the tail. */
static void tail_room(struct cq *c, struct queue *q)
{
	int64_t n = q->tail ? q->max - q->tail_at : 0;

	if (!q->tail) {
		q->tail_at = q->max;
		DL_APPEND2(c->warm, q, prev_warm, next_warm);
	}
	if (n < q->tail_cap)
		return;
	if (q->writing && n >= TAIL_HUGE)
		(void)cq_batch_collect(c, true, NULL);
	if (n >= TAIL_MAX && q->written < q->max && !q->writing) {
		struct err e = ERR_INIT;

		if (write_queue(c, q, &e))
			log_every(5, LOG_ERROR_, "store", "queue entries wait in memory: %s",
				e.msg);
	}
	if (n >= TAIL_MAX && q->written == q->max) {
		memmove(q->tail, q->tail + (n - TAIL_KEEP) * CQ_UNIT, TAIL_KEEP * CQ_UNIT);
		q->tail_at = q->max - TAIL_KEEP;
		return;
	}
	q->tail_cap = MAX(TAIL_MIN, q->tail_cap * 2);
	q->tail = mem_grow(q->tail, (size_t)q->tail_cap * CQ_UNIT);
}

void cq_put(struct cq *c, struct queue *q, const struct cq_unit *u)
{
	char *p;

	if (UNLIKELY(q->first < 0)) {
		set_first(c, q, q->max - q->max % cq_file_units(c));
		q->written = q->synced = q->min = q->max;
	}
	tail_room(c, q);
	p = q->tail + (q->max - q->tail_at) * CQ_UNIT;
	put_be64(p, (uint64_t)u->phys);
	put_be32(p + 8, u->size);
	put_be64(p + 12, (uint64_t)u->tags);
	list_dirty(c, q, u->phys);
	set_max(c, q, q->max + 1);
	q->next = MAX(q->next, q->max);
}

void cq_skip_to(struct cq *c, struct queue *q, int64_t off, int64_t phys)
{
	struct cq_unit filler = { phys, CQ_FILLER, 0 };

	if (q->first < 0) { /* its first file begins with filler, as Apache's */
		set_max(c, q, off - off % cq_file_units(c));
		q->next = q->max;
		filler.phys = 0;
	}
	while (q->max < off)
		cq_put(c, q, &filler);
}

/* What must be synced for one queue. */
static void list_unsynced(struct cq *c, struct queue *q, struct strv *files, struct strv *dirs)
{
	int64_t fu = cq_file_units(c), f;
	char path[PATH_BYTES];

	for (f = q->synced / fu; f * fu < q->written; f++) {
		file_path(c, q, f, path);
		strv_add(files, str_of(path));
	}
	if (!q->fresh)
		return;
	queue_dir(c, q, path);
	strv_add(dirs, str_of(path));
	*strrchr(path, '/') = '\0';
	strv_add(dirs, str_of(path));
}

bool cq_take_unsynced(struct cq *c, size_t max, struct strv *files, struct strv *dirs)
{
	bool all = c->sync_all;
	struct queue *q;

	while ((q = c->unsynced)) {
		all |= files->n + dirs->n > max;
		if (!all)
			list_unsynced(c, q, files, dirs);
		q->fresh = false;
		q->synced = q->written;
		DL_DELETE2(c->unsynced, q, prev_unsynced, next_unsynced);
		q->prev_unsynced = NULL;
	}
	c->sync_all = false;
	return !all;
}

void cq_trim_memory(struct cq *c, int max)
{
	while (max-- > 0 && c->warm) {
		struct queue *q = c->warm;

		if (q->written == q->max) {
			drop_tail(c, q);
			continue;
		}
		DL_DELETE2(c->warm, q, prev_warm, next_warm);
		DL_APPEND2(c->warm, q, prev_warm, next_warm);
	}
}

struct cq_unit cq_unit_at(const char *p)
{
	return (struct cq_unit){ (int64_t)get_be64(p), get_be32(p + 8),
		(int64_t)get_be64(p + 12) };
}

/* Reads n units of one file into c->read; a short file reads as zeros. */
static bool read_units(struct cq *c, struct queue *q, int64_t off, int n)
{
	int64_t fu = cq_file_units(c);
	size_t want = (size_t)n * CQ_UNIT;
	int fd = open_file(c, q, off / fu, false);
	ssize_t r;

	if (fd < 0)
		return false;
	do
		r = vfs()->pread(fd, c->read, want, off % fu * CQ_UNIT);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return false;
	memset(c->read + r, 0, want - (size_t)r);
	return true;
}

/* Behind the last unit from off on that lies in the same file. */
static int64_t end_in_file(const struct cq *c, const struct queue *q, int64_t off)
{
	int64_t fu = cq_file_units(c), end = MIN(q->max, (off / fu + 1) * fu);

	return q->tail ? MIN(end, q->tail_at) : end;
}

/* What was read and has off, and behind it as much as a pull may want or the file has; NULL. */
static const struct cq_read *read_already(
	const struct cq *c, const struct queue *q, int64_t off, int64_t end)
{
	int64_t wanted = MIN(off + CQ_REUSE, end);

	for (int i = 0; c->reads && i < CQ_READS; i++) {
		const struct cq_read *r = &c->reads[i];

		if (r->q == q && off >= r->at && wanted <= r->at + r->n)
			return r;
	}
	return NULL;
}

const char *cq_units(struct cq *c, struct queue *q, int64_t off, int n, int *got)
{
	const struct cq_read *r;
	int64_t fu = cq_file_units(c), end;

	*got = 0;
	if (off >= q->max || off < MAX(q->first, 0)) /* whatever a client calls an offset */
		return NULL;
	if (q->tail && off >= q->tail_at) {
		*got = (int)MIN(MIN(q->max, (off / fu + 1) * fu) - off, n);
		return q->tail + (off - q->tail_at) * CQ_UNIT;
	}
	end = end_in_file(c, q, off);
	r = read_already(c, q, off, end);
	if (r) {
		*got = (int)MIN(r->at + r->n - off, n);
		return r->units + (off - r->at) * CQ_UNIT;
	}
	n = (int)MIN(MIN(end - off, n), CQ_READ_UNITS);
	if (!read_units(c, q, off, n))
		return NULL;
	*got = n;
	return c->read;
}

bool cq_resident(struct cq *c, struct queue *q, int64_t off)
{
	int64_t fu = cq_file_units(c), end;
	struct cq_read *r;
	ssize_t want;
	int fd;

	if (off >= q->max || off < MAX(q->first, 0) || (q->tail && off >= q->tail_at))
		return true;
	end = end_in_file(c, q, off);
	if (read_already(c, q, off, end))
		return true;
	fd = open_file(c, q, off / fu, false);
	if (fd < 0)
		return true;
	if (!c->reads)
		c->reads = mem_array(CQ_READS, sizeof(*c->reads));
	r = &c->reads[c->reads_turn++ % CQ_READS];
	r->q = NULL;
	r->at = off;
	r->n = (int)MIN(end - off, CQ_READ_UNITS);
	want = (ssize_t)r->n * CQ_UNIT;
	if (vfs()->pread_nowait(fd, r->units, (size_t)want, off % fu * CQ_UNIT) != want)
		return false;
	r->q = q;
	return true;
}

char *cq_path(const struct cq *c, const struct queue *q, int64_t off, int64_t *at)
{
	int64_t fu = cq_file_units(c);
	char path[PATH_BYTES];

	*at = off % fu * CQ_UNIT;
	file_path(c, q, off / fu, path);
	return mem_str(path);
}

bool cq_one(struct cq *c, struct queue *q, int64_t off, struct cq_unit *out)
{
	int got;
	const char *p = cq_units(c, q, off, 1, &got);

	if (!p)
		return false;
	*out = cq_unit_at(p);
	return out->size != 0;
}

static bool is_at_least(struct cq *c, struct queue *q, int64_t off, int64_t min_phys)
{
	struct cq_unit u;

	return cq_one(c, q, off, &u) && u.phys >= min_phys && !(u.size == CQ_FILLER && !u.phys);
}

int64_t cq_min(struct cq *c, struct queue *q, int64_t min_phys, bool may_end)
{
	int64_t lo, hi, step = 1;

	if (q->min_for == min_phys + 1 || q->first < 0)
		return q->min;
	lo = MAX(q->first, q->min);
	hi = lo; /* it is near as a rule */
	while (hi < q->max && !is_at_least(c, q, hi, min_phys)) {
		lo = hi + 1;
		hi = MIN(q->max, hi + step);
		step *= 2;
	}
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (is_at_least(c, q, mid, min_phys))
			hi = mid;
		else
			lo = mid + 1;
	}
	if (lo < q->max || may_end)
		q->min = lo;
	else
		q->min = MAX(q->min, q->first);
	if (q->max > q->first)
		q->min_for = min_phys + 1;
	return q->min;
}

void cq_expire(struct cq *c, struct queue *q, int64_t min_phys)
{
	int64_t fu = cq_file_units(c);
	char path[PATH_BYTES];
	struct cq_unit u;

	while (q->first >= 0 && q->first + fu < q->max) {
		if (cq_one(c, q, q->first + fu - 1, &u) && u.phys >= min_phys)
			break;
		fds_forget(c, q);
		file_path(c, q, q->first / fu, path);
		if (vfs()->unlink(path) && errno != ENOENT) {
			log_every(60, LOG_WARN_, "store", "cannot remove '%s': %s", path,
				strerror(errno));
			break;
		}
		set_first(c, q, q->first + fu);
		q->min = MAX(q->min, q->first);
	}
}

int cq_drop_topic(struct cq *c, struct str topic, const char *to, struct err *e)
{
	char path[PATH_BYTES];
	struct queue *q, *tmp;

	(void)cq_batch_collect(c, true, NULL);
	map_foreach (c->map, q, tmp)
		if (str_eq(queue_topic(q), topic))
			queue_free(c, q);
	snprintf(path, sizeof(path), "%s/" STR_FMT, c->dir, STR_ARG(topic));
	if (vfs()->rename(path, to) && errno != ENOENT)
		return err_sys(e, TQ_EIO, "cannot move '%s' away", path);
	return 0;
}

/* Cuts the files behind q->max and clears the rest of the one it is in. */
static int clear_behind(struct cq *c, struct queue *q, int64_t last_file, struct err *e)
{
	int64_t fu = cq_file_units(c), f;
	char path[PATH_BYTES];
	int fd;

	for (f = last_file; f >= 0 && f * fu >= q->max && f * fu > q->first; f--) {
		file_path(c, q, f, path);
		if (vfs()->unlink(path) && errno != ENOENT)
			return err_sys(e, TQ_EIO, "cannot remove '%s'", path);
	}
	fds_forget(c, q);
	f = MAX(f, 0);
	file_path(c, q, f, path);
	fd = open_file(c, q, f, false);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, TQ_EIO, "cannot open '%s'", path);
	if (vfs()->ftruncate(fd, (q->max - f * fu) * CQ_UNIT) ||
		vfs()->ftruncate(fd, c->file_bytes))
		return err_sys(e, fsio_err_code(errno), "cannot cut '%s'", path);
	q->synced = MAX(q->first, MIN(q->synced, q->max - 1));
	if (!q->prev_unsynced)
		DL_APPEND2(c->unsynced, q, prev_unsynced, next_unsynced);
	return 0;
}

int cq_reset(struct cq *c, struct queue *q, struct err *e)
{
	int64_t last = q->max / cq_file_units(c);

	queue_forget(c, q);
	return clear_behind(c, q, last, e);
}

static bool counts(const char *p, int64_t limit)
{
	struct cq_unit u = cq_unit_at(p);

	return u.phys >= 0 && u.size && u.size <= CQ_FILLER && u.phys < limit;
}

/*
 * First unit of [lo, hi) that does not stand for a record below limit. Files are sparse and few
 * units are usual, so the end of the data is tried first and the rest done in one read.
 */
static int64_t search_end(struct cq *c, struct queue *q, int64_t lo, int64_t hi, int64_t limit)
{
	int64_t fu = cq_file_units(c), mid = hi - CQ_READ_UNITS;

	while (hi - lo > CQ_READ_UNITS || (lo < hi && lo / fu != (hi - 1) / fu)) {
		if (mid <= lo || mid >= hi)
			mid = lo + (hi - lo) / 2;
		if (read_units(c, q, mid, 1) && counts(c->read, limit))
			lo = mid + 1;
		else
			hi = mid;
		mid = lo + (hi - lo) / 2;
	}
	if (lo >= hi || !read_units(c, q, lo, (int)(hi - lo)))
		return lo;
	for (mid = 0; mid < hi - lo && counts(c->read + mid * CQ_UNIT, limit); mid++)
		;
	return lo + mid;
}

/* Where the data of a file ends, in units; all of it where the filesystem cannot tell. */
static int64_t data_end(struct cq *c, struct queue *q, int64_t file, bool *more)
{
	int fd = open_file(c, q, file, false);
	off_t hole = fd < 0 ? 0 : lseek(fd, 0, SEEK_HOLE);

	*more = hole < 0 || (fd >= 0 && lseek(fd, hole, SEEK_DATA) >= 0);
	if (hole < 0)
		return cq_file_units(c);
	return MIN((hole + CQ_UNIT - 1) / CQ_UNIT, cq_file_units(c));
}

/* Whether [from, to) of a file are zeros; a guess to the safe side when they are many. */
static bool empty_between(struct cq *c, struct queue *q, int64_t from, int64_t to)
{
	size_t i, n = (size_t)(to - from) * CQ_UNIT;

	if (from >= to)
		return true;
	if (to - from > CQ_READ_UNITS || !read_units(c, q, from, (int)(to - from)))
		return false;
	for (i = 0; i < n && !c->read[i]; i++)
		;
	return i == n;
}

/* The numbers of the first and last file, and how many there are. */
static int scan_dir(
	struct cq *c, const char *path, int64_t *first, int64_t *last, struct err *e)
{
	DIR *h = opendir(path);
	struct dirent *d;
	int n = 0;

	*first = INT64_MAX;
	*last = -1;
	if (!h)
		return err_sys(e, TQ_EIO, "cannot read '%s'", path);
	while ((d = readdir(h))) {
		struct str s = str_of(d->d_name);
		int64_t off;

		if (s.n != 20 || str_to_i64(s, 0, INT64_MAX, &off, "file name", NULL) ||
			off % c->file_bytes) {
			if (s.p[0] != '.')
				log_warn("store", "'%s/%s' is no queue file: left alone", path,
					s.p);
			continue;
		}
		*first = MIN(*first, off / c->file_bytes);
		*last = MAX(*last, off / c->file_bytes);
		n++;
	}
	closedir(h);
	if (n && *last - *first + 1 != n) {
		log_error("store", "'%s': files are missing", path);
		c->lost++;
	}
	return 0;
}

static int load_queue(
	struct cq *c, struct str topic, int id, int64_t limit, bool clear, struct err *e)
{
	struct queue *q = cq_get(c, topic, id);
	int64_t fu = cq_file_units(c), first, last, end;
	char path[PATH_BYTES];
	bool more;
	int rc;

	q->made = true;
	queue_dir(c, q, path);
	rc = scan_dir(c, path, &first, &last, e);
	if (rc || last < 0)
		return rc;
	set_first(c, q, first * fu);
	q->min = q->first;
	end = last * fu + data_end(c, q, last, &more);
	set_max(c, q, search_end(c, q, q->first, end, limit));
	q->next = q->written = q->synced = q->max;
	if (clear && (more || q->max < last * fu || !empty_between(c, q, q->max, end)))
		rc = clear_behind(c, q, last, e);
	return rc;
}

static void load_units(struct cq *c, struct queue *q, const struct cq_known *k)
{
	q->tail_at = k->from;
	q->tail_cap = (int)(k->max - k->from);
	q->tail = mem_array((size_t)q->tail_cap, CQ_UNIT);
	memcpy(q->tail, k->units, (size_t)q->tail_cap * CQ_UNIT);
	DL_APPEND2(c->warm, q, prev_warm, next_warm);
	list_dirty(c, q, cq_unit_at(k->units).phys);
}

void cq_load_known(struct cq *c, struct str topic, const struct cq_known *k)
{
	struct queue *q = queue_add(c, topic, k->id);

	q->made = k->made;
	set_first(c, q, k->first);
	q->min = MAX(k->first, 0);
	set_max(c, q, k->max);
	q->next = k->max;
	q->written = q->synced = k->from;
	if (k->from < k->max)
		load_units(c, q, k);
}

static int by_dirty_phys(const struct queue *a, const struct queue *b)
{
	return (a->dirty_phys > b->dirty_phys) - (a->dirty_phys < b->dirty_phys);
}

void cq_load_done(struct cq *c)
{
	DL_SORT2(c->dirty, by_dirty_phys, prev, next_dirty);
}

static int load_topic(struct cq *c, const char *topic, int64_t limit, bool clear, struct err *e)
{
	char path[PATH_BYTES];
	struct dirent *d;
	int64_t id;
	int rc = 0;
	DIR *h;

	snprintf(path, sizeof(path), "%s/%s", c->dir, topic);
	h = opendir(path);
	if (!h)
		return errno == ENOTDIR ? 0 : err_sys(e, TQ_EIO, "cannot read '%s'", path);
	while (!rc && (d = readdir(h)))
		if (!str_to_i64(str_of(d->d_name), 0, INT32_MAX, &id, "queue", NULL))
			rc = load_queue(c, str_of(topic), (int)id, limit, clear, e);
	closedir(h);
	return rc;
}

/* Length of the first queue file met: an existing store keeps its own. */
static int64_t measure(const char *dir, int depth)
{
	DIR *h = opendir(dir);
	struct dirent *d;
	int64_t n = 0;

	while (h && !n && (d = readdir(h))) {
		char path[PATH_BYTES];
		struct stat st;

		if (d->d_name[0] == '.' ||
			snprintf(path, sizeof(path), "%s/%s", dir, d->d_name) >=
				(int)sizeof(path) ||
			stat(path, &st))
			continue;
		if (depth < 2 && S_ISDIR(st.st_mode))
			n = measure(path, depth + 1);
		else if (depth == 2 && S_ISREG(st.st_mode) && st.st_size % CQ_UNIT == 0)
			n = st.st_size;
	}
	if (h)
		closedir(h);
	return n;
}

int cq_load(struct cq *c, int64_t limit, bool clear, struct err *e)
{
	int64_t bytes = measure(c->dir, 0);
	struct dirent *d;
	int rc = 0;
	DIR *h;

	if (bytes)
		c->file_bytes = bytes;
	h = opendir(c->dir);
	if (!h)
		return errno == ENOENT ? 0 : err_sys(e, TQ_EIO, "cannot read '%s'", c->dir);
	while (!rc && (d = readdir(h)))
		if (d->d_name[0] != '.' && strlen(d->d_name) <= 255)
			rc = load_topic(c, d->d_name, limit, clear, e);
	closedir(h);
	return rc;
}
