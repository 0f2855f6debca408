/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue is a row of units in files of equal length; what was not written is zero, so its end is
 * found by halving the last file. Units are read some at a time, as whoever compares a queue with
 * the log asks for them in order.
 */
#include "storequeue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "fsio.h"
#include "storelog.h"

#define AHEAD_BYTES (32 << 20) /* of all queues together, about */
#define AHEAD_MIN 16
#define GRAVES_MAX (64 << 20)
#define AHEAD_MAX 1024
#define QUEUE_MAX 65535

static struct storequeue_unit decode(const char *p)
{
	return (struct storequeue_unit){ (int64_t)get_be64(p), get_be32(p + 8),
		(int64_t)get_be64(p + 12) };
}

/* ---- the list ---- */

static struct storequeue *add(struct storequeues *s, struct str topic, int number)
{
	struct storequeue *q = mem_alloc(sizeof(*q));

	q->id = mem_fmt(STR_FMT "/%d", STR_ARG(topic), number);
	q->topic = (struct str){ q->id, topic.n };
	q->number = number;
	q->ahead_at = q->wrong_at = q->missing_at = -1;
	HASH_ADD_KEYPTR(hh, s->map, q->id, strlen(q->id), q);
	s->n++;
	return q;
}

struct storequeue *storequeues_find(struct storequeues *s, struct str topic, int number)
{
	char id[256 + 16];
	struct storequeue *q;
	int n = snprintf(id, sizeof(id), STR_FMT "/%d", STR_ARG(topic), number);

	if (n < 0 || (size_t)n >= sizeof(id))
		return NULL;
	HASH_FIND(hh, s->map, id, (size_t)n, q);
	return q;
}

struct storequeue *storequeues_get(struct storequeues *s, struct str topic, int number)
{
	struct storequeue *q = storequeues_find(s, topic, number);

	return q ? q : add(s, topic, number);
}

static char *file_path(const struct storequeues *s, const struct storequeue *q, int64_t base)
{
	return mem_fmt("%s/%s/%020lld", s->dir, q->id, (long long)base);
}

/* ---- one queue ---- */

static int pread_units(struct storequeues *s, struct storequeue *q, int64_t off, int n)
{
	int64_t at = off * STORE_UNIT, base = at / q->file_bytes * q->file_bytes;
	char *path = file_path(s, q, base);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	n = (int)MIN((int64_t)n, (base + q->file_bytes - at) / STORE_UNIT);
	if (!q->ahead)
		q->ahead = mem_array((size_t)s->read_ahead, STORE_UNIT);
	if (fd >= 0) {
		got = pread(fd, q->ahead, (size_t)n * STORE_UNIT, at - base);
		close(fd);
	}
	mem_free(path);
	q->ahead_at = off;
	q->ahead_n = got < 0 ? 0 : (int)(got / STORE_UNIT);
	return q->ahead_n;
}

static bool unit_at(struct storequeues *s, struct storequeue *q, int64_t off, int n,
	struct storequeue_unit *u)
{
	if (q->ahead_at < 0 || off < q->ahead_at || off >= q->ahead_at + q->ahead_n)
		if (!pread_units(s, q, off, n))
			return false;
	*u = decode(q->ahead + (off - q->ahead_at) * STORE_UNIT);
	return true;
}

bool storequeue_unit(
	struct storequeues *s, struct storequeue *q, int64_t off, struct storequeue_unit *u)
{
	return off >= q->first && off < q->max && unit_at(s, q, off, s->read_ahead, u);
}

/* Units are not zero up to the end: the last file is halved. */
static int64_t find_end(struct storequeues *s, struct storequeue *q, int64_t base)
{
	int64_t lo = base / STORE_UNIT, hi = lo + q->file_bytes / STORE_UNIT;
	struct storequeue_unit u;

	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (unit_at(s, q, mid, 1, &u) && u.size && u.phys >= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	q->ahead_at = -1;
	return lo;
}

int64_t storequeue_from(struct storequeues *s, struct storequeue *q, int64_t phys)
{
	int64_t lo = q->first, hi = q->max;
	struct storequeue_unit u;

	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (unit_at(s, q, mid, 1, &u) && u.phys < phys)
			lo = mid + 1;
		else
			hi = mid;
	}
	q->ahead_at = -1;
	return lo;
}

static void load_queue(struct storequeues *s, struct str topic, int number, const char *path)
{
	struct storequeue *q = add(s, topic, number);
	int64_t low = INT64_MAX, high = -1;
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && (d = readdir(h))) {
		char *sub = mem_fmt("%s/%s", path, d->d_name);
		int64_t base = storelog_name(d->d_name);
		bool dot = !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..");
		struct stat st;

		if (!dot && (base < 0 || stat(sub, &st) || !S_ISREG(st.st_mode))) {
			q->odd = true;
		} else if (!dot) {
			q->odd |= !st.st_size || (q->file_bytes && st.st_size != q->file_bytes);
			q->file_bytes = st.st_size;
			q->bytes += st.st_size;
			q->n_files++;
			low = MIN(low, base);
			high = MAX(high, base);
		}
		mem_free(sub);
	}
	if (h)
		closedir(h);
	if (!q->n_files || q->file_bytes < STORE_UNIT)
		return;
	q->odd |= high - low != (q->n_files - 1) * q->file_bytes || low % q->file_bytes;
	q->first = low / STORE_UNIT;
	q->max = find_end(s, q, high);
}

static void load_topic(struct storequeues *s, const char *name, const char *path)
{
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && (d = readdir(h))) {
		char *sub = mem_fmt("%s/%s", path, d->d_name);
		int64_t number;

		if (!str_to_i64(str_of(d->d_name), 0, QUEUE_MAX, &number, "queue", NULL))
			load_queue(s, str_of(name), (int)number, sub);
		mem_free(sub);
	}
	if (h)
		closedir(h);
}

/* The fewer there are, the more each may read at a time. */
static void read_more_ahead(struct storequeues *s)
{
	struct storequeue *q, *next;
	size_t fit = AHEAD_BYTES / STORE_UNIT / MAX(s->n, (size_t)1);

	s->read_ahead = (int)MAX((size_t)AHEAD_MIN, MIN(fit, (size_t)AHEAD_MAX));
	map_foreach (s->map, q, next) {
		mem_free(q->ahead);
		q->ahead = NULL;
		q->ahead_at = -1;
	}
}

static void load_grave(struct storequeues *s, struct str line)
{
	struct storegrave *g;
	struct str end;
	int64_t at;

	if (!str_cut(&line, ' ', &end) || !line.n ||
		str_to_i64(end, 0, INT64_MAX, &at, "offset", NULL))
		return;
	HASH_FIND(hh, s->graves, line.p, line.n, g);
	if (!g) {
		g = mem_alloc(sizeof(*g) + line.n);
		memcpy(g->topic, line.p, line.n);
		g->n = line.n;
		HASH_ADD_KEYPTR(hh, s->graves, g->topic, g->n, g);
	}
	g->end = at;
}

/* As a start of brokerd reads it: a line it cannot read does not count. */
static int load_graves(struct storequeues *s, const char *dir, struct err *e)
{
	char *path = mem_fmt("%s/deleted", dir);
	struct str rest, line;
	struct buf b;
	int rc = 0;

	buf_init(&b, GRAVES_MAX);
	if (!access(path, F_OK))
		rc = fsio_read_file(path, GRAVES_MAX, &b, e);
	for (rest = buf_str(&b); !rc && str_cut(&rest, '\n', &line);)
		load_grave(s, line);
	buf_release(&b);
	mem_free(path);
	return rc;
}

int64_t storequeues_deleted(const struct storequeues *s, struct str topic)
{
	struct storegrave *g;

	HASH_FIND(hh, s->graves, topic.p, topic.n, g);
	return g ? g->end : -1;
}

int storequeues_open(struct storequeues *s, const char *dir, struct err *e)
{
	DIR *h;
	struct dirent *d;
	int rc;

	memset(s, 0, sizeof(*s));
	s->read_ahead = AHEAD_MIN;
	s->dir = mem_fmt("%s/" STORE_QUEUE_DIR, dir);
	rc = load_graves(s, dir, e);
	if (rc)
		return rc;
	h = opendir(s->dir);
	if (!h)
		return errno == ENOENT ? 0 : err_sys(e, TQ_EIO, "cannot read '%s'", s->dir);
	while ((d = readdir(h))) {
		char *path;

		if (d->d_name[0] == '.' || strlen(d->d_name) > 250)
			continue;
		path = mem_fmt("%s/%s", s->dir, d->d_name);
		load_topic(s, d->d_name, path);
		mem_free(path);
	}
	closedir(h);
	read_more_ahead(s);
	return 0;
}

void storequeues_close(struct storequeues *s)
{
	struct storequeue *q, *next;
	struct storegrave *g, *after;

	map_foreach (s->graves, g, after) {
		HASH_DEL(s->graves, g);
		mem_free(g);
	}
	map_foreach (s->map, q, next) {
		HASH_DEL(s->map, q);
		mem_free(q->ahead);
		mem_free(q->id);
		mem_free(q);
	}
	mem_free(s->dir);
	memset(s, 0, sizeof(*s));
}

static int by_name(const void *a, const void *b)
{
	const struct storequeue *x = *(struct storequeue *const *)a;
	const struct storequeue *y = *(struct storequeue *const *)b;
	int order = str_cmp(x->topic, y->topic);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

struct storequeue **storequeues_sorted(const struct storequeues *s)
{
	struct storequeue **v = mem_array(s->n + 1, sizeof(struct storequeue *)), *q, *next;
	size_t n = 0;

	map_foreach (s->map, q, next)
		v[n++] = q;
	if (n)
		qsort(v, n, sizeof(struct storequeue *), by_name);
	return v;
}
