/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is mapped for writing, so every page written must have its block before: slots when the
 * file is made, entries in steps of RESERVE_STEP. No room: nothing is indexed until there is
 * (index_build says false), queries see what is in.
 *
 * Only entries below a synced count are sure after a power cut; slots are not, and need not be:
 * they are made again from the entries (mend).
 */
#include "brokerd/store/index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "props.h"
#include "brokerd/store/guard.h"

#define HEADER 40
#define SLOT 4
#define ENTRY 20
#define RESERVE_STEP (4 << 20)
#define NAME_DIGITS 17
#define RETRY_MS 1000

struct index_file {
	int64_t name, bytes, reserved;
	int fd;
	char *map;
	char path[];
};

enum header {
	BEGIN_MS = 0,
	END_MS = 8,
	BEGIN_PHYS = 16,
	END_PHYS = 24,
	SLOTS_USED = 32,
	COUNT = 36
};

static int64_t head64(const struct index_file *f, enum header at)
{
	return (int64_t)get_be64(f->map + at);
}

static void set64(struct index_file *f, enum header at, int64_t v)
{
	put_be64(f->map + at, (uint64_t)v);
}

static int32_t file_count(const struct index *ix, const struct index_file *f)
{
	int32_t n = (int32_t)get_be32(f->map + COUNT);

	return n < 1 ? 1 : MIN(n, ix->entries);
}

static char *slot_at(const struct index_file *f, int32_t slot)
{
	return f->map + HEADER + (int64_t)slot * SLOT;
}

static char *entry_at(const struct index *ix, const struct index_file *f, int32_t k)
{
	return f->map + HEADER + (int64_t)ix->slots * SLOT + (int64_t)k * ENTRY;
}

static void file_free(struct index_file *f)
{
	if (!f)
		return;
	if (f->map)
		vfs()->munmap(f->map, (size_t)f->bytes);
	if (f->fd >= 0)
		vfs()->close(f->fd);
	mem_free(f);
}

/*
 * Whether the bytes are there: a file that was cut short or a disk that fails must cost answers,
 * not the process.
 */
static bool file_has(const struct index_file *f, const char *p, size_t n)
{
	if (guard_touch(p, n))
		return true;
	log_every(5, LOG_ERROR_, "store",
		"'%s' cannot be read at %lld: cut short, or a bad disk", f->path,
		(long long)(p - f->map));
	return false;
}

/* Blocks up to byte `upto`. Without fallocate, zeros are written where nothing was yet. */
static int file_reserve(struct index_file *f, int64_t upto, struct err *e)
{
	static const char zeros[16384];
	int64_t step;
	int rc = 0;

	upto = MIN(upto, f->bytes);
	if (upto <= f->reserved)
		return 0;
	for (step = RESERVE_STEP;; step = 0) {
		int64_t end = MIN(upto + step, f->bytes);

		if (!vfs()->fallocate(f->fd, 0, 0, end)) { /* from 0: Apache's have holes */
			f->reserved = end;
			return 0;
		}
		if (!step || fsio_err_code(errno) != TQ_ENOSPACE)
			break;
	}
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return err_sys(e, fsio_err_code(errno), "cannot reserve room in '%s'", f->path);
	while (!rc && f->reserved < upto) {
		int64_t n = MIN(upto - f->reserved, (int64_t)sizeof(zeros));
		struct iovec v = { (void *)(uintptr_t)zeros, (size_t)n };

		rc = fsio_write_full(f->fd, &v, 1, f->reserved, f->path, e);
		if (!rc)
			f->reserved += n;
	}
	return rc;
}

static int file_open(const struct index *ix, int64_t name, bool create, struct index_file **out,
	struct err *e)
{
	char *path = mem_fmt("%s/%017lld", ix->dir, (long long)name);
	struct index_file *f = mem_alloc(sizeof(*f) + strlen(path) + 1);
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT | O_EXCL : 0);
	struct stat st;
	int rc = 0;
	void *p;

	memcpy(f->path, path, strlen(path) + 1);
	mem_free(path);
	f->name = name;
	f->bytes = HEADER + (int64_t)ix->slots * SLOT + (int64_t)ix->entries * ENTRY;
	f->fd = vfs()->open(f->path, flags, 0640);
	if (f->fd < 0) {
		rc = err_sys(e, fsio_err_code(errno), "cannot open '%s'", f->path);
	} else if (create ? vfs()->ftruncate(f->fd, f->bytes) : vfs()->fstat(f->fd, &st)) {
		rc = err_sys(e, fsio_err_code(errno), "cannot size '%s'", f->path);
	} else if (!create && st.st_size != f->bytes) {
		rc = err_set(e, TQ_EFORMAT, "'%s' has %lld bytes, not %lld", f->path,
			(long long)st.st_size, (long long)f->bytes);
	} else {
		p = vfs()->mmap(
			NULL, (size_t)f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
		if (p == MAP_FAILED)
			rc = err_sys(e, TQ_EIO, "cannot map '%s'", f->path);
		else
			f->map = p;
	}
	if (!rc && !create)
		f->reserved = entry_at(ix, f, file_count(ix, f)) - f->map;
	if (!rc && create)
		rc = file_reserve(f, HEADER + (int64_t)ix->slots * SLOT, e);
	if (rc) {
		if (create && f->fd >= 0)
			vfs()->unlink(f->path);
		file_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

static void list_add(struct index *ix, struct index_file *f)
{
	int i;

	if (ix->n == ix->cap) {
		ix->cap = ix->cap ? ix->cap * 2 : 4;
		ix->files = mem_grow(ix->files, (size_t)ix->cap * sizeof(struct index_file *));
	}
	for (i = ix->n++; i > 0 && ix->files[i - 1]->name > f->name; i--)
		ix->files[i] = ix->files[i - 1];
	ix->files[i] = f;
}

static void list_drop(struct index *ix, int i, bool unlink)
{
	struct index_file *f = ix->files[i];

	if (unlink && vfs()->unlink(f->path))
		log_warn("store", "cannot remove '%s': %s", f->path, strerror(errno));
	memmove(ix->files + i, ix->files + i + 1,
		(size_t)(--ix->n - i) * sizeof(struct index_file *));
	file_free(f);
}

static void remove_file(const struct index *ix, const char *name)
{
	char *path = mem_fmt("%s/%s", ix->dir, name);

	if (vfs()->unlink(path))
		log_warn("store", "cannot remove '%s': %s", path, strerror(errno));
	mem_free(path);
}

static int load(struct index *ix, struct err *e)
{
	DIR *h = opendir(ix->dir);
	struct index_file *f;
	struct dirent *d;
	int64_t name;
	int rc = 0;

	if (!h)
		return errno == ENOENT ? 0 : err_sys(e, TQ_EIO, "cannot read '%s'", ix->dir);
	while (!rc && (d = readdir(h))) {
		struct str s = str_of(d->d_name);

		if (s.n != NAME_DIGITS || str_to_i64(s, 1, INT64_MAX, &name, "name", NULL))
			continue;
		rc = file_open(ix, name, false, &f, e);
		if (rc == TQ_EFORMAT) {
			log_warn("store", "%s: removed, keys in it are indexed again", e->msg);
			rc = 0;
			f = NULL;
			remove_file(ix, d->d_name);
		}
		if (!rc && f)
			list_add(ix, f);
	}
	closedir(h);
	return rc;
}

/*
 * Forgets entries of the newest file from number mend_to on and makes the slots from what is left.
 * Left to the helper thread: it reads and writes all of the file.
 */
static int mend(struct index *ix, struct err *e)
{
	struct index_file *f = ix->n ? ix->files[ix->n - 1] : NULL;
	int32_t k, used = 0, count = ix->mend_to;
	char *last;
	int rc;

	if (!count || !f)
		return 0;
	last = entry_at(ix, f, count - 1);
	rc = file_reserve(f, last + ENTRY - f->map, e);
	if (rc)
		return rc;
	memset(slot_at(f, 0), 0, (size_t)ix->slots * SLOT);
	for (k = 1; k < count; k++) {
		uint32_t hash = get_be32(entry_at(ix, f, k));
		char *slot = slot_at(f, (int32_t)(hash % (uint32_t)ix->slots));

		used += !get_be32(slot);
		put_be32(slot, (uint32_t)k);
	}
	put_be32(f->map + SLOTS_USED, (uint32_t)used);
	put_be32(f->map + COUNT, (uint32_t)count);
	if (count > 1) {
		set64(f, END_PHYS, (int64_t)get_be64(last + 4));
		set64(f, END_MS,
			head64(f, BEGIN_MS) + (int64_t)get_be32(last + 12) * 1000 + 999);
	}
	ix->mend_to = 0;
	return 0;
}

/* Newest file covered by `safe`; everything newer goes. False: it is not there. */
static bool apply_safe(struct index *ix, const struct index_safe *safe)
{
	struct index_file *f;

	while (ix->n && ix->files[ix->n - 1]->name > safe->name)
		list_drop(ix, ix->n - 1, true);
	f = ix->n ? ix->files[ix->n - 1] : NULL;
	if (!f || f->name != safe->name)
		return !safe->name && !ix->n;
	if (file_count(ix, f) < safe->count)
		return false;
	if (safe->count < 1 || file_count(ix, f) == safe->count)
		return true;
	ix->mend_to = safe->count;
	return true;
}

/* Behind the newest entry, or the beginning of the log. The newest record's keys are all in. */
static int64_t behind_newest(const struct index *ix, int64_t log_min)
{
	int i;

	for (i = ix->n - 1; i >= 0; i--)
		if (file_count(ix, ix->files[i]) > 1)
			return MAX(log_min, head64(ix->files[i], END_PHYS) + 1);
	return log_min;
}

int index_open(struct index *ix, const char *dir, int32_t slots, int32_t entries, bool clean,
	const struct index_safe *safe, int64_t trusted_ms, int64_t log_min, struct err *e)
{
	int rc;

	memset(ix, 0, sizeof(*ix));
	pthread_mutex_init(&ix->lock, NULL);
	keynotes_init(&ix->notes);
	ix->dir = mem_str(dir);
	ix->slots = slots;
	ix->entries = entries;
	rc = load(ix, e);
	if (rc)
		return rc;
	if (safe && apply_safe(ix, safe)) {
		ix->indexed = MAX(log_min, safe->phys);
		return 0;
	}
	while (!clean && ix->n && (safe || head64(ix->files[ix->n - 1], END_MS) > trusted_ms))
		list_drop(ix, ix->n - 1, true);
	ix->indexed = behind_newest(ix, log_min);
	return 0;
}

void index_close(struct index *ix)
{
	while (ix->n)
		list_drop(ix, ix->n - 1, false);
	mem_free(ix->files);
	mem_free(ix->dir);
	keynotes_release(&ix->notes);
	pthread_mutex_destroy(&ix->lock);
}

static int64_t name_now(const struct index *ix)
{
	int64_t ms = clock_wall_ms(), name;
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	name = tm.tm_year + 1900;
	name = name * 100 + tm.tm_mon + 1;
	name = name * 100 + tm.tm_mday;
	name = name * 100 + tm.tm_hour;
	name = name * 100 + tm.tm_min;
	name = name * 100 + tm.tm_sec;
	name = name * 1000 + ms % 1000;
	return ix->n && ix->files[ix->n - 1]->name >= name ? ix->files[ix->n - 1]->name + 1
							   : name;
}

/* The file to put the next entry into. */
static int current(struct index *ix, struct index_file **out, struct err *e)
{
	struct index_file *last = ix->n ? ix->files[ix->n - 1] : NULL, *f;
	int rc;

	if (last && file_count(ix, last) < ix->entries) {
		*out = last;
		return 0;
	}
	rc = fsio_mkdirs(ix->dir, 0750, e);
	if (!rc && last && vfs()->fdatasync(last->fd))
		rc = err_sys(e, TQ_EIO, "cannot sync '%s'", last->path);
	if (!rc)
		rc = file_open(ix, name_now(ix), true, &f, e);
	if (rc)
		return rc;
	put_be32(f->map + COUNT, 1);
	if (last) {
		ix->sealed_ms = head64(last, END_MS);
		set64(f, BEGIN_MS, head64(last, END_MS));
		set64(f, END_MS, head64(last, END_MS));
		set64(f, BEGIN_PHYS, head64(last, END_PHYS));
		set64(f, END_PHYS, head64(last, END_PHYS));
	}
	list_add(ix, f);
	*out = f;
	return 0;
}

/* Of "topic#key". */
static uint32_t key_hash(struct str topic, struct str key)
{
	char text[512], *p = text;
	size_t n = topic.n + 1 + key.n;
	int32_t h;

	if (UNLIKELY(n > sizeof(text)))
		p = mem_alloc(n);
	memcpy(p, topic.p, topic.n);
	p[topic.n] = '#';
	memcpy(p + topic.n + 1, key.p, key.n);
	h = str_java_hash((struct str){ p, n });
	if (UNLIKELY(p != text))
		mem_free(p);
	return h == INT32_MIN ? 0 : (uint32_t)(h < 0 ? -h : h);
}

static int put(struct index *ix, uint32_t hash, int64_t phys, int64_t ms, struct err *e)
{
	struct index_file *f;
	int32_t count, prev;
	int64_t sec;
	char *slot, *p;
	int rc;

	f = ix->n ? ix->files[ix->n - 1] : NULL;
	if (f && !file_has(f, f->map, HEADER))
		return err_set(e, TQ_EIO, "'%s' cannot be read", f->path);
	rc = current(ix, &f, e);
	if (rc)
		return rc;
	count = file_count(ix, f);
	p = entry_at(ix, f, count);
	rc = file_reserve(f, p + ENTRY - f->map, e);
	if (rc)
		return rc;
	slot = slot_at(f, (int32_t)(hash % (uint32_t)ix->slots));
	if (!file_has(f, slot, SLOT) || !file_has(f, p, ENTRY))
		return err_set(e, TQ_EIO, "'%s' cannot be written", f->path);
	prev = (int32_t)get_be32(slot);
	if (prev <= 0 || prev > count)
		prev = 0;
	sec = head64(f, BEGIN_MS) > 0 ? (ms - head64(f, BEGIN_MS)) / 1000 : 0;
	put_be32(p, hash);
	put_be64(p + 4, (uint64_t)phys);
	put_be32(p + 12, (uint32_t)MAX(0, MIN(sec, INT32_MAX)));
	put_be32(p + 16, (uint32_t)prev);
	put_be32(slot, (uint32_t)count);
	if (count == 1) {
		set64(f, BEGIN_PHYS, phys);
		set64(f, BEGIN_MS, ms);
	}
	if (!prev)
		put_be32(f->map + SLOTS_USED, get_be32(f->map + SLOTS_USED) + 1);
	put_be32(f->map + COUNT, (uint32_t)count + 1);
	set64(f, END_PHYS, phys);
	set64(f, END_MS, ms);
	return 0;
}

static bool has_keys(const struct message *m)
{
	return (m->sysflag & SYSFLAG_TX_MASK) != SYSFLAG_TX_ROLLBACK;
}

void index_note(struct index *ix, const struct message *m, uint32_t size, struct str unique,
	struct str keys)
{
	struct keynote n = { .phys = m->phys_off, .store_ms = m->store_ms, .size = size };
	struct str key;

	if (unique.n && has_keys(m))
		n.hash[n.n++] = key_hash(m->topic, unique);
	while (keys.n && has_keys(m) && str_cut(&keys, ' ', &key)) {
		if (!key.n)
			continue;
		if (n.n == KEYNOTE_HASHES)
			return;
		n.hash[n.n++] = key_hash(m->topic, key);
	}
	keynotes_add(&ix->notes, &n);
}

static int put_note(struct index *ix, const struct keynote *n, struct err *e)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < n->n; i++)
		rc = put(ix, n->hash[i], n->phys, n->store_ms, e);
	return rc;
}

static int put_message(struct index *ix, const struct message *m, struct err *e)
{
	struct str rest = m->properties, unique = STR_NONE, keys = STR_NONE, key;
	struct prop p;
	int rc = 0;

	if (!has_keys(m))
		return 0;
	while (props_next(&rest, &p)) {
		if (str_is(p.name, PROP_UNIQ_KEY))
			unique = p.value;
		else if (str_is(p.name, PROP_KEYS))
			keys = p.value;
	}
	if (unique.n)
		rc = put(ix, key_hash(m->topic, unique), m->phys_off, m->store_ms, e);
	while (!rc && keys.n && str_cut(&keys, ' ', &key))
		if (key.n)
			rc = put(ix, key_hash(m->topic, key), m->phys_off, m->store_ms, e);
	return rc;
}

static void pause_for_room(struct index *ix, const struct err *e)
{
	log_every(60, LOG_WARN_, "store", "keys are not indexed for now: %s", e->msg);
	ix->retry_ms = clock_mono_ms() + RETRY_MS;
}

/* Where index_build() goes on after what stands at `at`; -1 when it cannot now. */
static int64_t step(struct index *ix, const struct segment *g, int64_t at, int64_t until)
{
	struct err e = ERR_INIT;
	struct message m;

	switch (record_at(g, at, until, false, &m)) {
	case RECORD_GOOD:
		if (!put_message(ix, &m, &e))
			return at + m.size;
		pause_for_room(ix, &e);
		return -1;
	case RECORD_BAD:
		return record_resync(g, at + 1, until);
	default:
		return MIN(g->base + g->size, until);
	}
}

/* The same by the loop's note; 0: there is none. */
static int64_t step_noted(struct index *ix, int64_t at, int64_t until)
{
	const struct keynote *n = keynotes_at(&ix->notes, at);
	struct err e = ERR_INIT;

	if (!n || at + n->size > until)
		return 0;
	if (!put_note(ix, n, &e))
		return at + n->size;
	pause_for_room(ix, &e);
	return -1;
}

bool index_build(struct index *ix, struct commitlog *cl, int64_t until, int max)
{
	struct segment *g = NULL;
	struct err e = ERR_INIT;
	int64_t at, next = 0;
	bool more;

	pthread_mutex_lock(&ix->lock);
	at = ix->indexed;
	if (ix->retry_ms && clock_mono_ms() < ix->retry_ms)
		max = 0;
	else
		ix->retry_ms = 0;
	if (max && mend(ix, &e)) {
		pause_for_room(ix, &e);
		max = 0;
	}
	more = max > 0;
	while (at < until && max-- > 0 && next >= 0 && !ix->stop) {
		next = step_noted(ix, at, until);
		if (!next && (!g || at < g->base || at >= g->base + g->size)) {
			segment_unref(g);
			g = commitlog_segment_from(cl, at);
			if (!g) {
				more = false;
				break;
			}
			at = MAX(at, g->base);
		}
		if (!next)
			next = step(ix, g, at, until);
		if (next > at)
			ix->indexed = at = next;
	}
	more = more && at < until && next >= 0 && !ix->stop;
	pthread_mutex_unlock(&ix->lock);
	segment_unref(g);
	return more;
}

int index_sync(struct index *ix, struct index_safe *safe, struct err *e)
{
	struct index_file *f;
	int rc = 0, fd = -1;

	pthread_mutex_lock(&ix->lock);
	rc = mend(ix, e);
	f = ix->n && !rc ? ix->files[ix->n - 1] : NULL;
	if (f && !file_has(f, f->map, HEADER))
		*safe = (struct index_safe){
			0
		}; /* all of it is made again at the next start */
	else
		*safe = (struct index_safe){ ix->indexed, f ? f->name : 0,
			f ? file_count(ix, f) : 0 };
	if (f)
		fd = vfs()->open(f->path, O_RDWR | O_CLOEXEC, 0);
	pthread_mutex_unlock(&ix->lock);
	if (!f)
		return rc;
	if (fd < 0 || vfs()->fdatasync(fd) || vfs()->fsync_dir(ix->dir))
		rc = err_sys(e, TQ_EIO, "cannot sync the index in '%s'", ix->dir);
	if (fd >= 0)
		vfs()->close(fd);
	return rc;
}

/* Follows one chain. Seconds are whole ones, rounded down: compare them as such. */
static int chain(const struct index *ix, const struct index_file *f, uint32_t hash, int max,
	int64_t begin_ms, int64_t end_ms, int64_t *phys)
{
	const char *slot = slot_at(f, (int32_t)(hash % (uint32_t)ix->slots)), *p;
	int32_t count = file_count(ix, f), k, prev, sec;
	int found = 0;
	int64_t ms;

	if (!file_has(f, slot, SLOT))
		return 0;
	k = (int32_t)get_be32(slot);
	if (count <= 1 || k <= 0 || k >= count)
		return 0;
	for (; found < max; k = prev) {
		p = entry_at(ix, f, k);
		if (!file_has(f, p, ENTRY))
			break;
		sec = (int32_t)get_be32(p + 12);
		ms = head64(f, BEGIN_MS) + (int64_t)sec * 1000;
		if (sec < 0)
			break;
		if (get_be32(p) == hash && ms + 999 >= begin_ms && ms <= end_ms)
			phys[found++] = (int64_t)get_be64(p + 4);
		prev = (int32_t)get_be32(p + 16);
		if (prev <= 0 || prev >= k || ms + 999 < begin_ms)
			break;
	}
	return found;
}

static int by_offset(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int index_query(struct index *ix, struct str topic, struct str key, int max, int64_t begin_ms,
	int64_t end_ms, int64_t *phys, int64_t *last_ms, int64_t *last_phys)
{
	int i, found = 0;
	uint32_t hash;

	pthread_mutex_lock(&ix->lock);
	hash = key_hash(topic, key);
	*last_ms = *last_phys = 0;
	if (ix->n && file_has(ix->files[ix->n - 1], ix->files[ix->n - 1]->map, HEADER)) {
		*last_ms = head64(ix->files[ix->n - 1], END_MS);
		*last_phys = head64(ix->files[ix->n - 1], END_PHYS);
	}
	for (i = ix->n - 1; i >= 0 && found < max && !ix->mend_to; i--) {
		const struct index_file *f = ix->files[i];

		if (!file_has(f, f->map, HEADER))
			continue;
		if (begin_ms <= head64(f, END_MS) + 999 && end_ms >= head64(f, BEGIN_MS))
			found +=
				chain(ix, f, hash, max - found, begin_ms, end_ms, phys + found);
		if (head64(f, BEGIN_MS) < begin_ms)
			break;
	}
	pthread_mutex_unlock(&ix->lock);
	qsort(phys, (size_t)found, sizeof(*phys), by_offset);
	return found;
}

void index_expire(struct index *ix, int64_t min_phys)
{
	pthread_mutex_lock(&ix->lock);
	while (ix->n > 1 && file_has(ix->files[0], ix->files[0]->map, HEADER) &&
		head64(ix->files[0], END_PHYS) < min_phys)
		list_drop(ix, 0, true);
	pthread_mutex_unlock(&ix->lock);
}
