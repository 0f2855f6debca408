/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment is mapped whole once and never written through the map: a store to a mapped hole of
 * a full disk is a SIGBUS, a pwrite to it is an errno.
 *
 * Reservation goes in steps of RESERVE_STEP with fallocate(2). Where the disk has less than a step
 * left, what is needed now is tried before it is called full. A filesystem without fallocate gets
 * zeros written instead, in smaller steps, as they cost real writes.
 */
#include "brokerd/store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fsio.h"
#include "mem.h"
#include "brokerd/store/guard.h"

#define RESERVE_STEP (16 << 20)
#define ZERO_STEP (1 << 20)
#define RESIDENT_STEP (1 << 20)

static struct segment *segment_alloc(const char *path, int64_t base, int64_t size, int fd)
{
	size_t n = strlen(path) + 1;
	struct segment *g = mem_alloc(sizeof(*g) + n);

	g->base = base;
	g->size = g->data = size;
	g->fd = fd;
	g->refs = 1;
	memcpy(g->path, path, n);
	return g;
}

static int segment_map(struct segment *g, int fd, struct err *e)
{
	void *p = vfs()->mmap(NULL, (size_t)g->size, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return err_sys(e, TQ_EIO, "cannot map '%s'", g->path);
	g->map = p;
	return 0;
}

/* Where the last hole of the file begins; its length where the filesystem cannot tell. */
static int64_t data_end(int fd, int64_t size)
{
	off_t hole = 0, data;

	while ((data = lseek(fd, hole, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return size;
	}
	return errno == ENXIO ? MIN((int64_t)hole, size) : size;
}

int segment_open(const char *path, int64_t base, struct segment **out, struct err *e)
{
	struct segment *g = NULL;
	struct stat st;
	int fd, rc;

	fd = vfs()->open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, TQ_EIO, "cannot open '%s'", path);
	if (vfs()->fstat(fd, &st)) {
		rc = err_sys(e, TQ_EIO, "cannot look at '%s'", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode) || st.st_size <= 0) {
		rc = err_set(e, TQ_EFORMAT, "'%s' is not a commit log file", path);
		goto out;
	}
	g = segment_alloc(path, base, st.st_size, -1);
	g->data = data_end(fd, st.st_size);
	rc = segment_map(g, fd, e);
	if (rc)
		goto out;
	*out = g;
	g = NULL;
out:
	vfs()->close(fd);
	segment_unref(g);
	return rc;
}

int segment_create(
	const char *path, int64_t base, int64_t size, struct segment **out, struct err *e)
{
	struct segment *g = NULL;
	int fd, rc;

	fd = vfs()->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_sys(e, fsio_err_code(errno), "cannot create '%s'", path);
	g = segment_alloc(path, base, size, fd);
	g->fresh = true;
	if (vfs()->ftruncate(fd, size))
		rc = err_sys(e, fsio_err_code(errno), "cannot size '%s'", path);
	else
		rc = segment_map(g, fd, e);
	if (rc) {
		vfs()->unlink(path);
		segment_unref(g);
		return rc;
	}
	*out = g;
	return 0;
}

int segment_writable(struct segment *g, struct err *e)
{
	if (g->fd >= 0)
		return 0;
	g->fd = vfs()->open(g->path, O_RDWR | O_CLOEXEC, 0);
	if (g->fd < 0)
		return err_sys(e, TQ_EIO, "cannot open '%s' for writing", g->path);
	return 0;
}

static int write_zeros(struct segment *g, int64_t from, int64_t to, struct err *e)
{
	static const char zeros[16384];
	int rc = 0;

	while (!rc && from < to) {
		int64_t n = MIN(to - from, (int64_t)sizeof(zeros));
		struct iovec v = { (void *)(uintptr_t)zeros, (size_t)n };

		rc = fsio_write_full(g->fd, &v, 1, from, g->path, e);
		from += n;
	}
	return rc;
}

/* No fallocate here: zeros from what is reserved on. Only ever beyond the last record. */
static int reserve_by_writing(struct segment *g, int64_t upto, struct err *e)
{
	int64_t end = MIN(g->size, (upto / ZERO_STEP + 1) * ZERO_STEP);
	int rc = write_zeros(g, g->reserved, end, e);

	if (!rc)
		g->reserved = end;
	return rc;
}

int segment_reserve(struct segment *g, int64_t upto, struct err *e)
{
	int64_t step;

	if (upto <= g->reserved)
		return 0;
	for (step = RESERVE_STEP;; step = 4096) {
		int64_t end = MIN(g->size, (upto / step + 1) * step);
		int r = vfs()->fallocate(g->fd, 0, g->reserved, end - g->reserved);

		if (!r) {
			g->reserved = end;
			return 0;
		}
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return reserve_by_writing(g, upto, e);
		if (errno == EINTR)
			continue;
		if (step == 4096 || fsio_err_code(errno) != TQ_ENOSPACE)
			return err_sys(e, fsio_err_code(errno), "cannot reserve room in '%s'",
				g->path);
	}
}

int segment_zero_from(struct segment *g, int64_t from, struct err *e)
{
	int rc = segment_writable(g, e);

	if (rc || from >= g->size)
		return rc;
	if (vfs()->ftruncate(g->fd, from) || vfs()->ftruncate(g->fd, g->size))
		return err_sys(
			e, fsio_err_code(errno), "cannot clear the end of '%s'", g->path);
	g->reserved = MIN(g->reserved, from);
	return 0;
}

/* The part of [off, off + n) that the file has, down to a whole page; its length. */
static int64_t pages_of(const struct segment *g, int64_t off, int64_t n, const char **p)
{
	int64_t at = MAX(off - g->base, 0), end = MIN(off + n - g->base, g->size);

	at -= at % GUARD_PAGE;
	*p = g->map + at;
	return MAX(end - at, 0);
}

bool segment_touch(const struct segment *g, int64_t off, int64_t n)
{
	const char *p;

	n = pages_of(g, off, n, &p);
	return guard_touch(p, (size_t)n);
}

bool segment_resident(const struct segment *g, int64_t off, int64_t n)
{
	unsigned char pages[RESIDENT_STEP / GUARD_PAGE];
	const char *p;

	for (n = pages_of(g, off, n, &p); n > 0; n -= RESIDENT_STEP, p += RESIDENT_STEP) {
		size_t len = (size_t)MIN(n, RESIDENT_STEP);

		if (vfs()->mincore((void *)(uintptr_t)p, len, pages))
			return true;
		for (size_t i = 0; i * GUARD_PAGE < len; i++)
			if (!(pages[i] & 1))
				return false;
	}
	return true;
}

void segment_will_need(const struct segment *g, int64_t off, int64_t n)
{
	const char *p;

	n = pages_of(g, off, n, &p);
	if (n)
		(void)madvise((void *)(uintptr_t)p, (size_t)n, MADV_WILLNEED);
}

struct segment *segment_ref(struct segment *g)
{
	atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
	return g;
}

void segment_unref(struct segment *g)
{
	if (!g || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (g->map)
		vfs()->munmap((void *)(uintptr_t)g->map, (size_t)g->size);
	if (g->fd >= 0)
		vfs()->close(g->fd);
	mem_free(g);
}
