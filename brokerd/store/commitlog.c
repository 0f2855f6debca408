/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn of the loop gathers its records in `turn` and hands them to the kernel in one write.
 * A turn that grows beyond TURN_WRITE, or that crosses into the next file, is written in pieces;
 * `appended` still moves only at commitlog_commit(), so readers and acknowledgements see all of a
 * turn or nothing.
 *
 * Invariants: 1. written <= end, turn holds exactly the difference, all in one file.
 * 2. Bytes are written only where segment_reserve() succeeded. 3. After a failed write nothing
 * is written any more: `failed` stays until the process restarts and recovery has looked.
 */
#include "brokerd/store/commitlog.h"

#include <dirent.h>
#include <errno.h>

#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "rd.h"
#include "brokerd/store/guard.h"

#define TURN_WRITE (256 << 10)
#define TURN_KEEP (16 << 10)
#define NAME_DIGITS 20

static void list_insert(struct commitlog *cl, struct segment *g)
{
	int i;

	pthread_mutex_lock(&cl->lock);
	if (cl->n == cl->cap) {
		cl->cap = cl->cap ? cl->cap * 2 : 8;
		cl->segs = mem_grow(cl->segs, (size_t)cl->cap * sizeof(*cl->segs));
	}
	for (i = cl->n++; i > 0 && cl->segs[i - 1]->base > g->base; i--)
		cl->segs[i] = cl->segs[i - 1];
	cl->segs[i] = g;
	pthread_mutex_unlock(&cl->lock);
}

static struct segment *list_remove(struct commitlog *cl, int i)
{
	struct segment *g;

	pthread_mutex_lock(&cl->lock);
	g = cl->segs[i];
	memmove(cl->segs + i, cl->segs + i + 1, (size_t)(--cl->n - i) * sizeof(*cl->segs));
	pthread_mutex_unlock(&cl->lock);
	return g;
}

/* Index of the last file that begins at or before off; -1. */
static int list_search(const struct commitlog *cl, int64_t off)
{
	int lo = 0, hi = cl->n;

	while (lo < hi) {
		int mid = (lo + hi) / 2;

		if (cl->segs[mid]->base <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

struct segment *commitlog_find(const struct commitlog *cl, int64_t off)
{
	int i = list_search(cl, off);

	return i >= 0 && off - cl->segs[i]->base < cl->segs[i]->size ? cl->segs[i] : NULL;
}

struct segment *commitlog_after(const struct commitlog *cl, int64_t off)
{
	int i = list_search(cl, off) + 1;

	return i < cl->n ? cl->segs[i] : NULL;
}

struct segment *commitlog_segment(struct commitlog *cl, int64_t off)
{
	struct segment *g;

	pthread_mutex_lock(&cl->lock);
	g = commitlog_find(cl, off);
	if (g)
		segment_ref(g);
	pthread_mutex_unlock(&cl->lock);
	return g;
}

struct segment *commitlog_segment_from(struct commitlog *cl, int64_t off)
{
	struct segment *g;

	pthread_mutex_lock(&cl->lock);
	g = commitlog_find(cl, off);
	if (!g)
		g = commitlog_after(cl, off);
	if (g)
		segment_ref(g);
	pthread_mutex_unlock(&cl->lock);
	return g;
}

struct segment *commitlog_shift(struct commitlog *cl)
{
	return cl->n ? list_remove(cl, 0) : NULL;
}

static int open_one(struct commitlog *cl, const char *name, struct err *e)
{
	struct str s = str_of(name);
	struct segment *g;
	int64_t base;
	char *path;
	int rc;

	if (s.n != NAME_DIGITS || str_to_i64(s, 0, INT64_MAX, &base, "file name", NULL)) {
		log_warn("store", "'%s/%s' is no commit log file: left alone", cl->dir, name);
		return 0;
	}
	path = mem_fmt("%s/%s", cl->dir, name);
	rc = segment_open(path, base, &g, e);
	if (rc == TQ_EFORMAT && !vfs()->unlink(path)) {
		log_warn("store", "'%s' was empty and is removed", path);
		rc = 0;
	} else if (!rc) {
		list_insert(cl, g);
	}
	mem_free(path);
	return rc;
}

/* An existing log keeps its own file length: that of its longest, as files are cut, not grown. */
static int64_t length_of_files(const struct commitlog *cl)
{
	int64_t most = 0;

	for (int i = 0; i < cl->n; i++)
		most = MAX(most, cl->segs[i]->size);
	return most;
}

static int check_lengths(struct commitlog *cl, struct err *e)
{
	int i;

	if (!cl->n)
		return 0;
	cl->file_bytes = length_of_files(cl);
	for (i = 0; i < cl->n; i++) {
		struct segment *g = cl->segs[i];
		int64_t gap = i ? g->base - cl->segs[i - 1]->base - cl->file_bytes : 0;

		if (g->base % cl->file_bytes)
			return err_set(e, TQ_EFORMAT,
				"'%s' has %lld bytes, the commit log's files have %lld",
				g->path, (long long)g->size, (long long)cl->file_bytes);
		if (gap)
			log_error("store", "commit log: %lld bytes are missing before '%s'",
				(long long)gap, g->path);
		cl->missing += gap;
	}
	return 0;
}

/*
 * A crash between creating a file and giving it its length leaves a short one at the end; a short
 * one elsewhere lost what it had.
 */
static int mend(struct commitlog *cl, int i, struct err *e)
{
	struct segment *g = cl->segs[i], *longer;
	int rc;

	if (g->size == cl->file_bytes)
		return 0;
	log_warn("store", "'%s' is short: filled up with zeros", g->path);
	cl->mended = true;
	rc = segment_writable(g, e);
	if (!rc && vfs()->ftruncate(g->fd, cl->file_bytes))
		rc = err_sys(e, fsio_err_code(errno), "cannot size '%s'", g->path);
	if (!rc)
		rc = segment_open(g->path, g->base, &longer, e);
	if (rc)
		return rc;
	cl->segs[i] = longer;
	segment_unref(g);
	return 0;
}

static int mend_all(struct commitlog *cl, struct err *e)
{
	int i, rc = 0;

	for (i = 0; !rc && i < cl->n; i++)
		rc = mend(cl, i, e);
	return rc;
}

int commitlog_open(struct commitlog *cl, const char *dir, int64_t file_bytes, struct err *e)
{
	struct dirent *d;
	DIR *h;
	int rc;

	memset(cl, 0, sizeof(*cl));
	pthread_mutex_init(&cl->lock, NULL);
	cl->dir = mem_str(dir);
	cl->file_bytes = file_bytes;
	rc = fsio_mkdirs(dir, 0750, e);
	if (rc)
		return rc;
	h = opendir(dir);
	if (!h)
		return err_sys(e, TQ_EIO, "cannot read '%s'", dir);
	while (!rc && (d = readdir(h)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			rc = open_one(cl, d->d_name, e);
	closedir(h);
	(void)(rc || (rc = check_lengths(cl, e)) || (rc = mend_all(cl, e)));
	return rc;
}

void commitlog_close(struct commitlog *cl)
{
	while (cl->n)
		segment_unref(list_remove(cl, cl->n - 1));
	mem_free(cl->segs);
	mem_free(cl->turn);
	mem_free(cl->dir);
	pthread_mutex_destroy(&cl->lock);
}

void commitlog_at_end(struct commitlog *cl, int64_t off)
{
	struct segment *g = cl->n ? cl->segs[cl->n - 1] : NULL;

	cl->end = cl->written = off;
	cl->appended = off;
	if (g) { /* what is appended now is data */
		g->reserved = MAX(0, MIN(off - g->base, g->size));
		g->data = g->size;
	}
}

static int drop_last(struct commitlog *cl, struct err *e)
{
	struct segment *g = cl->segs[cl->n - 1];

	if (vfs()->unlink(g->path) && errno != ENOENT)
		return err_sys(e, TQ_EIO, "cannot remove '%s'", g->path);
	segment_unref(list_remove(cl, cl->n - 1));
	return 0;
}

int commitlog_set_end(struct commitlog *cl, int64_t off, struct err *e)
{
	struct segment *g;
	int rc = 0;

	while (!rc && cl->n && cl->segs[cl->n - 1]->base >= off && cl->n > 1)
		rc = drop_last(cl, e);
	if (rc)
		return rc;
	g = cl->n ? cl->segs[cl->n - 1] : NULL;
	if (g && off < g->base + g->size) {
		rc = segment_zero_from(g, MAX(0, off - g->base), e);
		if (!rc && vfs()->fdatasync(g->fd))
			rc = err_sys(e, TQ_EIO, "cannot sync '%s'", g->path);
		if (!rc && vfs()->fsync_dir(cl->dir))
			rc = err_sys(e, TQ_EIO, "cannot sync '%s'", cl->dir);
	}
	commitlog_at_end(cl, off);
	return rc;
}

/* Invariant 3. */
static int broken(struct commitlog *cl, struct err *e)
{
	return err_set(e, TQ_EUNAVAILABLE,
		"the store is read-only after a failed write to '%s'", cl->dir);
}

/*
 * The last write to a file seals it: not before it is done, since the flush thread closes what is
 * sealed, and before on_write(), so that it looks at the file once more.
 */
static int write_turn_and(struct commitlog *cl, bool seal, struct err *e)
{
	struct segment *g;
	struct iovec v;
	int rc;

	if (cl->failed)
		return broken(cl, e);
	if (cl->written == cl->end && !seal)
		return 0;
	g = cl->segs[cl->n - 1];
	v = (struct iovec){ cl->turn, (size_t)(cl->end - cl->written) };
	rc = fsio_write_full(g->fd, &v, 1, cl->written - g->base, g->path, e);
	if (rc) {
		log_error("store", "write to '%s' failed: %s", g->path, strerror(errno));
		cl->failed = rc;
		return rc;
	}
	if (seal)
		g->sealed = true;
	cl->turn_peak = MAX(cl->turn_peak, (size_t)(cl->end - cl->written));
	cl->written = cl->end;
	cl->on_write(cl->on_write_arg, g);
	return 0;
}

static int write_turn(struct commitlog *cl, struct err *e)
{
	return write_turn_and(cl, false, e);
}

static char *turn_space(struct commitlog *cl, size_t n)
{
	size_t used = (size_t)(cl->end - cl->written), cap = MAX(cl->turn_cap, 4096);

	while (cap < used + n)
		cap *= 2;
	if (cap > cl->turn_cap) {
		cl->turn = mem_grow(cl->turn, cap);
		cl->turn_cap = cap;
	}
	return cl->turn + used;
}

static int new_file(struct commitlog *cl, int64_t base, size_t first, struct err *e)
{
	char *path = mem_fmt("%s/%020lld", cl->dir, (long long)base);
	struct segment *g;
	int rc;

	rc = segment_create(path, base, cl->file_bytes, &g, e);
	if (!rc) {
		rc = segment_reserve(g, (int64_t)first, e);
		if (rc) {
			vfs()->unlink(path);
			segment_unref(g);
		} else {
			list_insert(cl, g);
		}
	}
	mem_free(path);
	return rc;
}

/* The filler of the current file and the next file, or nothing at all. */
static int roll(struct commitlog *cl, size_t n, struct err *e)
{
	struct segment *g = cl->segs[cl->n - 1];
	int64_t at = cl->end - g->base, left = g->size - at;
	int rc;
	char *p;

	if (left <=
		0) { /* nothing of this turn is pending: record and filler always leave room */
		cl->end += (cl->file_bytes - cl->end % cl->file_bytes) % cl->file_bytes;
		cl->written = cl->end;
		return new_file(cl, cl->end, n, e);
	}
	(void)((rc = segment_writable(g, e)) ||
		(rc = segment_reserve(g, MIN(at + 8, g->size), e)) ||
		(rc = new_file(cl, g->base + g->size, n, e)));
	if (rc)
		return rc;
	/* The new file is last on the list already; the filler goes to the one before. */
	if (left >= 8) {
		p = turn_space(cl, 8);
		put_be32(p, (uint32_t)left);
		put_be32(p + 4, MESSAGE_BLANK);
		cl->end += 8;
	}
	g = list_remove(cl, cl->n - 1);
	rc = write_turn_and(cl, true, e);
	list_insert(cl, g);
	if (!rc)
		cl->end = cl->written = g->base;
	return rc;
}

/* Where there are none, any more: it begins with a record, or nobody finds that. */
static int first_file(struct commitlog *cl, size_t n, struct err *e)
{
	int64_t fb = cl->file_bytes;

	cl->end = cl->written = (cl->end + fb - 1) / fb * fb;
	return new_file(cl, cl->end, n, e);
}

static bool fits(const struct commitlog *cl, size_t n)
{
	const struct segment *g = cl->segs[cl->n - 1];

	return cl->end + (int64_t)n + 8 <= g->base + g->size;
}

int commitlog_room(struct commitlog *cl, size_t n, char **p, struct err *e)
{
	struct segment *g;
	int rc = 0;

	if (UNLIKELY(cl->failed))
		return broken(cl, e);
	if ((int64_t)n + 8 > cl->file_bytes)
		return err_set(e, TQ_ETOOBIG,
			"%zu bytes do not fit into a commit log file of %lld", n,
			(long long)cl->file_bytes);
	if (UNLIKELY(!cl->n))
		rc = first_file(cl, n, e);
	else if (!fits(cl, n))
		rc = roll(cl, n, e);
	else if (cl->end - cl->written >= TURN_WRITE)
		rc = write_turn(cl, e);
	if (rc)
		return rc;
	g = cl->segs[cl->n - 1];
	(void)((rc = segment_writable(g, e)) ||
		(rc = segment_reserve(g, cl->end - g->base + (int64_t)n, e)));
	if (!rc)
		*p = turn_space(cl, n);
	return rc;
}

int commitlog_commit(struct commitlog *cl, struct err *e)
{
	int rc = write_turn(cl, e);

	if (!rc)
		cl->appended = cl->end;
	return rc;
}

void commitlog_trim_memory(struct commitlog *cl)
{
	if (cl->written == cl->end && cl->turn_cap > TURN_KEEP &&
		cl->turn_peak < cl->turn_cap / 4) {
		mem_free(cl->turn);
		cl->turn = NULL;
		cl->turn_cap = 0;
	}
	cl->turn_peak = 0;
}

uint32_t record_peek(const struct segment *g, int64_t off, int64_t limit)
{
	const char *p = g->map + (off - g->base);
	int64_t room = MIN(limit, g->base + g->data) - off;
	uint32_t size, magic;

	if (off < g->base || room < RECORD_MIN || !segment_touch(g, off, RECORD_MIN))
		return 0;
	size = get_be32(p);
	magic = get_be32(p + 4);
	if ((magic != MESSAGE_MAGIC && magic != MESSAGE_MAGIC_V2) || size < RECORD_MIN ||
		size > room || size > RECORD_MAX || (int64_t)get_be64(p + 28) != off ||
		!segment_touch(g, off + RECORD_MIN, size - RECORD_MIN))
		return 0;
	return size;
}

int64_t record_store_ms(const char *record)
{
	bool v6 = get_be32(record + 36) & SYSFLAG_BORN_V6;

	return (int64_t)get_be64(record + (v6 ? 68 : 56));
}

static enum record_kind record_other(const char *p, int64_t room)
{
	if (room >= 8 && get_be32(p + 4) == MESSAGE_BLANK)
		return RECORD_BLANK;
	if (room < 8 || (!get_be32(p) && !get_be32(p + 4)))
		return RECORD_END;
	return RECORD_BAD;
}

enum record_kind record_at(
	const struct segment *g, int64_t off, int64_t limit, bool crc, struct message *m)
{
	int64_t room = MIN(limit, g->base + g->data) - off;
	const char *p = g->map + (off - g->base);
	uint32_t size = record_peek(g, off, limit);
	struct rd r;

	if (!size && room >= 8 && !segment_touch(g, off, 8))
		return RECORD_BAD;
	if (!size)
		return record_other(p, room);
	r = rd_init((struct str){ p, size });
	if (message_decode(&r, m, NULL) || r.off != size || (crc && !message_crc_ok(m)))
		return RECORD_BAD;
	return RECORD_GOOD;
}

/* Where a magic number may begin in [p, end), pages that cannot be read left out; NULL. */
static const char *next_magic(const char *p, const char *end)
{
	while (p < end) {
		size_t n =
			(size_t)MIN(GUARD_PAGE - (int64_t)((uintptr_t)p % GUARD_PAGE), end - p);
		const char *hit = guard_touch(p, n) ? memchr(p, MESSAGE_MAGIC >> 24, n) : NULL;

		if (hit)
			return hit;
		p += n;
	}
	return NULL;
}

int64_t record_resync(const struct segment *g, int64_t off, int64_t limit)
{
	int64_t none = MIN(limit, g->base + g->size), end = MIN(limit, g->base + g->data);
	struct message m;

	while (off < end - 8) {
		const char *p = g->map + (off + 4 - g->base);
		const char *hit = next_magic(p, p + (end - off - 8));

		if (!hit)
			break;
		off += hit - p;
		if (record_at(g, off, limit, true, &m) == RECORD_GOOD)
			return off;
		off++;
	}
	return none;
}
