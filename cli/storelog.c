/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record is sound when its magic, its lengths, its own offset and its CRC agree. After one that
 * is not, the next sound one is looked for byte by byte; a record carries its own offset, so chance
 * does not make one.
 *
 * All reading is pread(2) into the window: a file that is cut short or on a failing disk is an
 * error and not a signal.
 */
#include "storelog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WINDOW (8 << 20)
#define RECORD_MAX (MESSAGE_MAX_BODY + (64 << 10) + 1024)
#define BLANK_BYTES 8
#define BASE_MAX (INT64_MAX / 4) /* so that ends can be reckoned with */

/* ---- the files ---- */

int64_t storelog_name(const char *name)
{
	int64_t v = 0;
	int i;

	for (i = 0; name[i] >= '0' && name[i] <= '9' && i < 20; i++) {
		if (v > (BASE_MAX - 9) / 10)
			return -1;
		v = v * 10 + (name[i] - '0');
	}
	return i == 20 && !name[i] ? v : -1;
}

static void add_file(struct storelog *l, char *path, int64_t base, const struct stat *st)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 16;
		l->files = mem_grow(l->files, l->cap * sizeof(*l->files));
	}
	l->files[l->n++] = (struct storelog_file){ path, base, st->st_size,
		(int64_t)st->st_mtim.tv_sec * 1000 };
}

static void add_stranger(struct storelog *l, char *path)
{
	l->strangers = mem_grow(l->strangers, (l->n_strangers + 1) * sizeof(char *));
	l->strangers[l->n_strangers++] = path;
}

static int by_base(const void *a, const void *b)
{
	const struct storelog_file *x = a, *y = b;

	return (x->base > y->base) - (x->base < y->base);
}

static int list(struct storelog *l, struct err *e)
{
	DIR *h = opendir(l->dir);
	struct dirent *d;

	if (!h && errno == ENOENT)
		return 0;
	if (!h)
		return err_sys(e, TQ_EIO, "cannot read '%s'", l->dir);
	while ((d = readdir(h))) {
		char *path = mem_fmt("%s/%s", l->dir, d->d_name);
		int64_t base = storelog_name(d->d_name);
		struct stat st;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			mem_free(path);
		else if (base < 0 || stat(path, &st) || !S_ISREG(st.st_mode) || !st.st_size)
			add_stranger(l, path);
		else
			add_file(l, path, base, &st);
	}
	closedir(h);
	if (l->n)
		qsort(l->files, l->n, sizeof(*l->files), by_base);
	return 0;
}

int storelog_open(struct storelog *l, const char *dir, struct err *e)
{
	struct stat st;
	int rc;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	if (stat(dir, &st))
		return err_sys(
			e, errno == ENOENT ? TQ_ENOTFOUND : TQ_EIO, "cannot open '%s'", dir);
	l->dir = mem_fmt("%s/" STORE_LOG_DIR, dir);
	rc = list(l, e);
	l->at = storelog_min(l);
	l->window = mem_alloc(WINDOW + RECORD_MAX);
	return rc;
}

void storelog_close(struct storelog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	for (size_t i = 0; i < l->n; i++)
		mem_free(l->files[i].path);
	for (size_t i = 0; i < l->n_strangers; i++)
		mem_free(l->strangers[i]);
	mem_free(l->files);
	mem_free(l->strangers);
	mem_free(l->window);
	mem_free(l->dir);
	memset(l, 0, sizeof(*l));
	l->fd = -1;
}

int64_t storelog_min(const struct storelog *l)
{
	return l->n ? l->files[0].base : 0;
}

int64_t storelog_bytes(const struct storelog *l)
{
	int64_t sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += l->files[i].size;
	return sum;
}

/* ---- the window ---- */

static int64_t file_end(const struct storelog *l)
{
	return l->files[l->i].base + l->files[l->i].size;
}

static bool holds(const struct storelog_file *f, int64_t off)
{
	return off >= f->base && off < f->base + f->size;
}

static int go_to_file(struct storelog *l, size_t i, struct err *e)
{
	if (l->fd >= 0 && l->i == i)
		return 0;
	if (l->fd >= 0)
		close(l->fd);
	l->i = i;
	l->window_n = 0;
	l->fd = open(l->files[i].path, O_RDONLY | O_CLOEXEC);
	return l->fd < 0 ? err_sys(e, TQ_EIO, "cannot open '%s'", l->files[i].path) : 0;
}

static int fill(struct storelog *l, int64_t off, struct err *e)
{
	const struct storelog_file *f = &l->files[l->i];
	size_t want = (size_t)MIN((int64_t)(WINDOW + RECORD_MAX), file_end(l) - off), got = 0;

	l->window_at = off;
	l->window_n = 0;
	while (got < want) {
		ssize_t n =
			pread(l->fd, l->window + got, want - got, off - f->base + (int64_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, TQ_EIO, "cannot read '%s'", f->path);
		if (!n)
			break;
		got += (size_t)n;
	}
	l->window_n = got;
	return 0;
}

/* The bytes from off on, as many as a record may need, or as the file has. */
static int look(struct storelog *l, int64_t off, struct str *out, struct err *e)
{
	int64_t left = file_end(l) - off;
	bool inside =
		l->window_n && off >= l->window_at &&
		off + MIN(left, (int64_t)RECORD_MAX) <= l->window_at + (int64_t)l->window_n;
	int rc = inside ? 0 : fill(l, off, e);

	if (rc)
		return rc;
	out->p = l->window + (off - l->window_at);
	out->n = (size_t)(l->window_at + (int64_t)l->window_n - off);
	return 0;
}

/* ---- one record ---- */

/* NULL: it is sound; else what is wrong with it. */
static const char *judge(struct str s, int64_t off, struct message *m)
{
	uint32_t size, magic;
	struct rd r;

	if (s.n < MESSAGE_FIXED)
		return "no room for a record";
	size = get_be32(s.p);
	magic = get_be32(s.p + 4);
	if (magic != MESSAGE_MAGIC && magic != MESSAGE_MAGIC_V2)
		return "no record begins here";
	if (size < MESSAGE_FIXED || size > s.n || size > RECORD_MAX)
		return "a length that cannot be";
	r = rd_init((struct str){ s.p, size });
	if (message_decode(&r, m, NULL) || m->size != size)
		return "fields that do not fit the length";
	if (m->phys_off != off)
		return "another place's record";
	return message_crc_ok(m) ? NULL : "a body that does not fit its CRC";
}

static bool is_zero(struct str s)
{
	return !s.n || (!s.p[0] && !memcmp(s.p, s.p + 1, s.n - 1));
}

/* Where this file has data again at or after off; its end if nowhere. Holes cost nothing. */
static int64_t next_data(struct storelog *l, int64_t off)
{
	const struct storelog_file *f = &l->files[l->i];
	off_t at = lseek(l->fd, off - f->base, SEEK_DATA);

	if (at < 0)
		return errno == ENXIO ? file_end(l) : off;
	return f->base + at;
}

/* The first byte from off on that is not zero; the file's end if there is none. */
static int64_t skip_zeros(struct storelog *l, int64_t off, struct err *e)
{
	while (off < file_end(l) && !e->code) {
		struct str s;
		size_t i = 0;

		off = next_data(l, off);
		if (off >= file_end(l) || look(l, off, &s, e))
			break;
		s.n = MIN(s.n, (size_t)WINDOW);
		if (!is_zero(s)) {
			while (!s.p[i])
				i++;
			return off + (int64_t)i;
		}
		off += (int64_t)MAX(s.n, (size_t)1);
	}
	return MIN(off, file_end(l));
}

/* Behind the last byte from off on that is not zero. */
static int64_t after_data(struct storelog *l, int64_t off, struct err *e)
{
	int64_t last = off;

	while ((off = skip_zeros(l, off, e)) < file_end(l) && !e->code) {
		struct str s;
		size_t n;

		if (look(l, off, &s, e))
			break;
		for (n = MIN(s.n, (size_t)WINDOW); n && !s.p[n - 1]; n--)
			;
		last = off + (int64_t)n;
		off += (int64_t)MIN(s.n, (size_t)WINDOW);
	}
	return last;
}

/* The next sound record of this file from off on; its end if there is none. */
static int64_t resync(struct storelog *l, int64_t off, struct err *e)
{
	static const char magic[] = { (char)0xDA, (char)0xA3, 0x20 };
	struct message m;

	while (off < file_end(l) && !e->code) {
		const char *hit;
		struct str s;
		size_t n;

		off = next_data(l, off);
		if (off >= file_end(l) || look(l, off, &s, e))
			break;
		n = MIN(s.n, (size_t)WINDOW);
		hit = n > 8 ? memmem(s.p + 4, n - 4, magic, sizeof(magic)) : NULL;
		if (!hit) {
			off += (int64_t)MAX(n > 8 ? n - 7 : n, (size_t)1);
			continue;
		}
		off += hit - 4 - s.p;
		if (look(l, off, &s, e))
			break;
		if (!judge(s, off, &m))
			return off;
		off++;
	}
	return file_end(l);
}

/* ---- the walk ---- */

static bool anything_after(struct storelog *l)
{
	struct err e = ERR_INIT;
	struct message m;
	struct str s;
	size_t i;

	for (i = l->i + 1; i < l->n; i++) {
		if (go_to_file(l, i, &e) || look(l, l->files[i].base, &s, &e))
			return true; /* cannot be read: nothing is known of it */
		if (!judge(s, l->files[i].base, &m) ||
			resync(l, l->files[i].base, &e) < file_end(l))
			return true;
	}
	return false;
}

static bool finish(struct storelog *l, int64_t end)
{
	l->i = l->n;
	l->at = end;
	return false;
}

/* What is no record, at l->at in file l->i. */
static bool take_damage(
	struct storelog *l, struct storelog_item *it, const char *why, struct err *e)
{
	size_t file = l->i;
	int64_t off = l->at, data = skip_zeros(l, off, e), next, end = file_end(l);

	if (e->code)
		return false;
	it->off = off;
	it->path = l->files[file].path;
	it->why = why;
	next = data < end ? resync(l, off + 1, e) : end;
	if (e->code)
		return false;
	if (next < end) {
		it->kind = STORELOG_DAMAGE;
		it->bytes = next - off;
		l->at = next;
		return true;
	}
	if (anything_after(l)) {
		it->kind = data < end ? STORELOG_DAMAGE : STORELOG_UNMARKED;
		it->bytes = end - off;
		it->why = data < end ? why : "the records that were here are gone";
		l->at = end;
		l->marked = true; /* it was said */
		return !go_to_file(l, file, e);
	}
	if (go_to_file(l, file, e))
		return false;
	if (data >= end) /* zeros to the end: it ends here, as it should */
		return finish(l, off);
	it->kind = STORELOG_TORN;
	it->bytes = after_data(l, data, e) - off;
	finish(l, off);
	return true;
}

/* Over the end of a file. True: something is to be said of what lies between. */
static bool cross(struct storelog *l, struct storelog_item *it, struct err *e)
{
	const struct storelog_file *f;

	if (go_to_file(l, l->i + 1, e))
		return false;
	f = &l->files[l->i];
	it->path = f->path;
	it->off = l->at;
	it->bytes = f->base - l->at;
	l->at = f->base;
	if (it->bytes) {
		it->kind = STORELOG_HOLE;
		it->why = "files are missing before it";
	} else {
		it->kind = STORELOG_UNMARKED;
		it->why = "the file before it has no end mark: Apache's broker stops there";
	}
	return it->bytes || !l->marked;
}

bool storelog_next(struct storelog *l, struct storelog_item *it, struct err *e)
{
	const char *why;
	struct str s;

	memset(it, 0, sizeof(*it));
	if (l->i >= l->n || (l->fd < 0 && go_to_file(l, l->i, e)))
		return false;
	for (;;) {
		if (!holds(&l->files[l->i], l->at)) {
			if (l->i + 1 >= l->n)
				return finish(l, l->at);
			if (cross(l, it, e))
				return true;
			if (e->code)
				return false;
			memset(it, 0, sizeof(*it));
		}
		if (look(l, l->at, &s, e))
			return false;
		l->marked = s.n >= BLANK_BYTES && get_be32(s.p + 4) == MESSAGE_BLANK;
		if (!l->marked)
			break;
		l->at = file_end(l);
	}
	why = judge(s, l->at, &it->m);
	if (why)
		return take_damage(l, it, why, e);
	it->kind = STORELOG_RECORD;
	it->off = l->at;
	it->bytes = it->m.size;
	it->path = l->files[l->i].path;
	l->at += it->m.size;
	return true;
}

bool storelog_get(struct storelog *l, int64_t off, struct message *m)
{
	struct err e = ERR_INIT;
	struct str s;

	for (size_t i = 0; i < l->n; i++)
		if (holds(&l->files[i], off))
			return !go_to_file(l, i, &e) && !look(l, off, &s, &e) &&
			       !judge(s, off, m);
	return false;
}

/* Sizes only: a record whose CRC is wrong still says where the next one is. */
int64_t storelog_end(struct storelog *l)
{
	struct err e = ERR_INIT;
	int64_t off;
	struct str s;
	size_t i;

	for (i = l->n; i-- > 0;) { /* prepared files hold nothing yet */
		if (go_to_file(l, i, &e) || look(l, l->files[i].base, &s, &e))
			return file_end(l);
		if (!i || (s.n >= BLANK_BYTES && get_be32(s.p + 4)))
			break;
	}
	for (off = l->n ? l->files[l->i].base : 0; l->n && off < file_end(l);) {
		uint32_t size, magic;

		if (look(l, off, &s, &e) || s.n < BLANK_BYTES)
			break;
		size = get_be32(s.p);
		magic = get_be32(s.p + 4);
		if (magic == MESSAGE_BLANK)
			return file_end(l);
		if ((magic != MESSAGE_MAGIC && magic != MESSAGE_MAGIC_V2) ||
			size < MESSAGE_FIXED || size > s.n)
			break;
		off += size;
	}
	return off;
}
