/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store, with a disk that fails: a scripted day is run once for every call it makes to the disk,
 * failing that call or stopping the world at it. Afterwards a store is opened on what is left and
 * held to its ledger: every acknowledged message is at its queue offset, once and whole; offsets
 * have no holes; what was not acknowledged is whole or absent.
 *
 * A power cut takes back, file by file, what was written after the last sync, and the names whose
 * directory was not synced.
 */
#include <errno.h>
#include <sys/mman.h>

#include "log.h"
#include "store_kit.h"

enum kind { KILL, CUT, FAIL, FAIL_CUT, FULL, SHORT, KINDS };
static const char *const kind_names[] = { "kill", "power cut", "EIO", "EIO, then power cut",
	"disk full", "short write" };

/* ---- the disk ---- */

struct image { /* of a file, when it was synced last */
	struct image *next;
	dev_t dev;
	ino_t ino;
	struct buf bytes;
};
struct name { /* made, its directory not synced since */
	struct name *next;
	char *path;
};

static struct {
	enum kind kind;
	int64_t calls, at;
	bool tripped, stopped;
	struct image *images;
	struct name *names;
} disk;

static struct image *image_of(const struct stat *st, bool make)
{
	struct image *i;

	for (i = disk.images; i; i = i->next)
		if (i->ino == st->st_ino && i->dev == st->st_dev)
			return i;
	if (!make)
		return NULL;
	i = mem_alloc(sizeof(*i));
	i->dev = st->st_dev;
	i->ino = st->st_ino;
	buf_init(&i->bytes, 64 << 20);
	i->next = disk.images;
	disk.images = i;
	return i;
}

static void remember(int of)
{
	char path[64];
	struct stat st;
	struct image *i;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d",
		of); /* it may be open for writing only */
	fd = open(path, O_RDONLY);
	cr_assert_eq(fstat(fd, &st), 0);
	i = image_of(&st, true);
	buf_clear(&i->bytes);
	if (st.st_size)
		cr_assert_not_null(buf_reserve(&i->bytes, (size_t)st.st_size));
	cr_assert_eq(pread(fd, i->bytes.p, (size_t)st.st_size, 0), st.st_size);
	i->bytes.n = (size_t)st.st_size;
	close(fd);
}

static void remember_name(const char *path)
{
	struct name *n = mem_alloc(sizeof(*n));

	n->path = mem_str(path);
	n->next = disk.names;
	disk.names = n;
}

static void names_synced(const char *dir)
{
	struct name **p = &disk.names, *n;
	size_t len = strlen(dir);

	while ((n = *p)) {
		if (!strncmp(n->path, dir, len) && n->path[len] == '/' &&
			!strchr(n->path + len + 1, '/')) {
			*p = n->next;
			mem_free(n->path);
			mem_free(n);
		} else {
			p = &n->next;
		}
	}
}

static void forget_disk(void)
{
	while (disk.images) {
		struct image *i = disk.images;

		disk.images = i->next;
		buf_release(&i->bytes);
		mem_free(i);
	}
	while (disk.names) {
		struct name *n = disk.names;

		disk.names = n->next;
		mem_free(n->path);
		mem_free(n);
	}
}

/* True: the call must fail with errno. */
static bool trip(void)
{
	if (disk.stopped) {
		errno = EIO;
		return true;
	}
	if (++disk.calls != disk.at)
		return false;
	disk.tripped = true;
	if (disk.kind == SHORT)
		return false;
	disk.stopped = disk.kind == KILL || disk.kind == CUT;
	errno = disk.kind == FULL ? ENOSPC : EIO;
	return true;
}

static int f_open(const char *path, int flags, mode_t mode)
{
	bool fresh = (flags & O_CREAT) && access(path, F_OK);
	int fd;

	if ((flags & O_CREAT) && trip())
		return -1;
	fd = open(path, flags, mode);
	if (fd >= 0 && fresh)
		remember_name(path);
	return fd;
}

static ssize_t f_pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	bool armed = disk.calls + 1 == disk.at && !disk.stopped;

	if (trip()) {
		/* torn: the first half got there, also when the world stops */
		if (armed && disk.kind != FULL && iov[0].iov_len > 1)
			(void)!pwrite(fd, iov[0].iov_base, iov[0].iov_len / 2, off);
		return -1;
	}
	if (armed && disk.kind == SHORT && iov[0].iov_len > 1)
		return pwrite(fd, iov[0].iov_base, iov[0].iov_len / 2, off);
	return pwritev(fd, iov, n, off);
}

static int f_fdatasync(int fd)
{
	if (trip())
		return -1;
	remember(fd);
	return 0;
}

static int f_fallocate(int fd, int mode, off_t off, off_t len)
{
	return trip() ? -1 : fallocate(fd, mode, off, len);
}

static int f_ftruncate(int fd, off_t len)
{
	return trip() ? -1 : ftruncate(fd, len);
}

static int f_rename(const char *from, const char *to)
{
	if (trip())
		return -1;
	return rename(from, to);
}

static int f_unlink(const char *path)
{
	return trip() ? -1 : unlink(path);
}

static int f_mkdir(const char *path, mode_t mode)
{
	int r;

	if (access(path, F_OK) == 0) {
		errno = EEXIST;
		return -1;
	}
	if (trip())
		return -1;
	r = mkdir(path, mode);
	if (!r)
		remember_name(path);
	return r;
}

static int f_rmdir(const char *path)
{
	return trip() ? -1 : rmdir(path);
}

static int f_fsync_dir(const char *path)
{
	if (trip())
		return -1;
	names_synced(path);
	return 0;
}

static void *f_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	if (!disk.stopped && trip())
		return MAP_FAILED;
	return mmap(at, n, prot, flags, fd, off);
}

/* What a power cut leaves: each file as it was synced, or zeros. */
static void take_back(const char *path)
{
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && (d = readdir(h))) {
		char *sub = mem_fmt("%s/%s", path, d->d_name);
		struct stat st;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || lstat(sub, &st)) {
			;
		} else if (S_ISDIR(st.st_mode)) {
			take_back(sub);
		} else {
			struct image *i = image_of(&st, false);
			int fd = open(sub, O_WRONLY);

			cr_assert_eq(ftruncate(fd, 0), 0);
			cr_assert_eq(ftruncate(fd, i ? (off_t)i->bytes.n : st.st_size), 0);
			if (i)
				cr_assert_eq(pwrite(fd, i->bytes.p, i->bytes.n, 0),
					(ssize_t)i->bytes.n);
			close(fd);
		}
		mem_free(sub);
	}
	if (h)
		closedir(h);
}

static void cut_power(const char *dir, bool names_too)
{
	struct name *n;

	take_back(dir);
	for (n = disk.names; names_too && n; n = n->next) {
		kit_remove_tree(n->path);
		unlink(n->path);
	}
}

/* ---- the ledger ---- */

#define SENT_MAX 400
#define TOPICS 3
#define QUEUES 2

static const char *const topics[TOPICS] = { "alpha", "beta", "gone" };

static struct {
	int n; /* messages tried; the number is in the body */
	struct sent {
		int topic, queue;
		int64_t queue_off, phys;
		bool acked;
	} sent[SENT_MAX];
	bool deleted; /* "gone", with an OK */
} ledger;

static void body_of(int seq, char *body, size_t n)
{
	size_t len;

	memset(body, 'a' + seq % 26, n);
	len = (size_t)snprintf(body, n, "m%d", seq);
	body[len] = ':';
}

static int append(struct store *s, int topic, int queue, size_t bytes, struct err *e)
{
	int seq = ledger.n++, rc;
	struct sent *t = &ledger.sent[seq];
	char body[1200], props[64];
	struct store_at at;

	BUG_ON(ledger.n >= SENT_MAX || bytes > sizeof(body));
	body_of(seq, body, bytes);
	snprintf(props, sizeof(props), "UNIQ_KEY\001k%d\002TAGS\001x", seq);
	rc = kit_append(s, topics[topic], queue, (struct str){ body, bytes }, props, &at, e);
	*t = (struct sent){ .topic = topic, .queue = queue, .queue_off = -1 };
	if (!rc) {
		t->queue_off = at.queue_off;
		t->phys = at.phys_off;
	}
	return rc;
}

/* What brokerd does at the end of a turn with flush sync. */
static void commit(struct store *s, int from)
{
	struct err e = ERR_INIT;
	int rc = store_commit(s, &e), i;

	for (i = from; i < ledger.n; i++)
		if (!rc && ledger.sent[i].queue_off >= 0 &&
			ledger.sent[i].phys < store_durable(s))
			ledger.sent[i].acked = true;
}

static void send_some(struct store *s, int n, size_t bytes)
{
	while (n--) {
		struct err e = ERR_INIT;
		int from = ledger.n, i;

		for (i = 0; i < 1 + n % 3; i++)
			(void)append(s, i % 2, n % QUEUES, bytes, &e);
		commit(s, from);
	}
}

static void tick(struct store *s, int64_t ms, int64_t retention_ms)
{
	clock_test_advance(ms);
	store_tick(s, retention_ms);
}

static struct store *open_or_not(const struct store_opts *o)
{
	struct store_recovery found;
	struct store *s = NULL;
	struct err e = ERR_INIT;

	return store_open(o, &s, &found, &e) ? NULL : s;
}

static void close_any(struct store *s)
{
	struct err e = ERR_INIT;
	int rc = store_close(s, &e);

	(void)rc;
}

static void morning(struct store *s)
{
	struct err e = ERR_INIT;
	int from;

	send_some(s, 4, 300);
	tick(s, 1000, -1);
	from = ledger.n;
	(void)append(s, 2, 0, 100, &e);
	(void)append(s, 2, 1, 100, &e);
	commit(s, from);
	send_some(s, 6, 700);
	tick(s, 11000, -1);
	send_some(s, 3, 1100);
	ledger.deleted = store_delete_topic(s, STR("gone"), &e) == 0;
	tick(s, 1000, -1);
	send_some(s, 2, 200);
	tick(s, 11000, -1);
	tick(s, 1000, -1);
}

static void evening(struct store *s)
{
	send_some(s, 4, 500);
	tick(s, 11000, 1800 * 1000);
	clock_test_advance(3600 * 1000);
	tick(s, 11000, 1800 * 1000);
	send_some(s, 3, 400);
	tick(s, 11000, 1800 * 1000);
	tick(s, 1000, 1800 * 1000);
}

static void check_ledger(struct store *s, const char *what);

static void day(const struct store_opts *o)
{
	struct store *s = open_or_not(o);
	struct store_stats st;

	if (s) {
		morning(s);
		store_stats(s, &st);
		if (!st.read_only && !disk.stopped)
			check_ledger(s, "the same process");
		close_any(s);
	}
	s = open_or_not(o);
	if (s) {
		evening(s);
		close_any(s);
	}
}

static int seq_of(const struct message *m)
{
	char want[1200];
	long seq = strtol(m->body.p + 1, NULL, 10);

	cr_assert(seq >= 0 && seq < ledger.n);
	body_of((int)seq, want, m->body.n);
	cr_assert_eq(memcmp(want, m->body.p, m->body.n), 0);
	return (int)seq;
}

static char context[200];

static bool expired(struct store *s, int topic, int queue, int64_t off)
{
	int64_t phys, tags;
	uint32_t size;

	return store_unit(s, str_of(topics[topic]), queue, off, &phys, &size, &tags) &&
	       phys < store_min_phys(s);
}

/* Every offset of the queue that retention left holds one whole message, and none twice. */
static void check_queue(struct store *s, int topic, int queue, bool *seen)
{
	struct store_batch b;
	int64_t off, min, max;
	int i;

	store_queue_bounds(s, str_of(topics[topic]), queue, &min, &max);
	for (off = min; off < max; off = b.next_off) {
		enum store_read_status st = kit_read(s, topics[topic], queue, off, &b);

		if (st == STORE_REMOVED && expired(s, topic, queue, b.next_off - 1))
			continue;
		cr_assert_eq(st, STORE_FOUND, "%s: %s/%d at %lld of %lld-%lld: %s", context,
			topics[topic], queue, (long long)off, (long long)min, (long long)max,
			store_read_status_name(st));
		for (i = 0; i < b.n; i++) {
			struct message m = kit_decode(b.slices[i].bytes);
			int seq = seq_of(&m);

			cr_assert_eq(m.queue_off, off + i, "%s: a hole", context);
			cr_assert_not(seen[seq], "%s: message %d twice", context, seq);
			seen[seq] = true;
			if (ledger.sent[seq].acked)
				cr_assert_eq(ledger.sent[seq].queue_off, off + i);
		}
		store_batch_release(&b);
	}
}

static void check_keys(struct store *s, int seq)
{
	int64_t phys[8], ms, last;
	char key[16];
	int n, i;

	snprintf(key, sizeof(key), "k%d", seq);
	n = store_query_key(s, str_of(topics[ledger.sent[seq].topic]), str_of(key), 8, 0,
		INT64_MAX, phys, &ms, &last);
	for (i = 0; i < n && phys[i] != ledger.sent[seq].phys; i++)
		;
	cr_assert_lt(i, n, "%s: key %s is lost", context, key);
}

static void check_ledger(struct store *s, const char *what)
{
	static const char *const note = "%s, call %lld: %s";
	bool seen[SENT_MAX] = { false };
	int t, q, i;

	snprintf(context, sizeof(context), note, kind_names[disk.kind], (long long)disk.at,
		what);
	for (t = 0; t < TOPICS; t++)
		for (q = 0; q < QUEUES; q++)
			check_queue(s, t, q, seen);
	for (i = 0; i < ledger.n; i++) {
		const struct sent *m = &ledger.sent[i];

		if (!m->acked || m->phys < store_min_phys(s))
			continue;
		if (m->topic == 2) {
			cr_assert(!ledger.deleted || !seen[i], "%s: message %d rose again",
				context, i);
			continue;
		}
		cr_assert(seen[i], "%s: message %d of %d at offset %lld is lost", context, i,
			ledger.n, (long long)m->phys);
		if (i % 5 == 0)
			check_keys(s, i);
	}
}

static void check_after(const struct store_opts *o)
{
	struct store_recovery found;
	struct store *s;
	struct err e = ERR_INIT;
	int rc;

	vfs_set(NULL);
	rc = store_open(o, &s, &found, &e);
	cr_assert_eq(
		rc, 0, "%s, call %lld: %s", kind_names[disk.kind], (long long)disk.at, e.msg);
	check_ledger(s, "after the start");
	cr_assert_eq(found.quarantined, 0, "%s", context);
	send_some(s, 2, 300);
	cr_assert(ledger.sent[ledger.n - 1].acked, "%s: %s", context, e.msg);
	kit_close(s);
	s = kit_open(o, &found);
	cr_assert(found.clean, "%s", context);
	check_ledger(s, "after a clean stop");
	kit_close(s);
}

static void use_disk(enum kind kind, int64_t at)
{
	static struct vfs faulty;

	faulty = vfs_system;
	faulty.open = f_open;
	faulty.pwritev = f_pwritev;
	faulty.fdatasync = f_fdatasync;
	faulty.fallocate = f_fallocate;
	faulty.ftruncate = f_ftruncate;
	faulty.rename = f_rename;
	faulty.unlink = f_unlink;
	faulty.mkdir = f_mkdir;
	faulty.rmdir = f_rmdir;
	faulty.fsync_dir = f_fsync_dir;
	faulty.mmap = f_mmap;
	vfs_set(&faulty);
	forget_disk();
	memset(&disk, 0, sizeof(disk));
	disk.kind = kind;
	disk.at = at;
}

static void begin_day(enum kind kind, int64_t at)
{
	memset(&ledger, 0, sizeof(ledger));
	use_disk(kind, at);
	clock_test_off();
	clock_test_set(clock_wall_ms());
}

/* False when call number `at` was never made. */
static bool run_one(enum kind kind, int64_t at)
{
	char *dir = kit_dir();
	struct store_opts o = kit_opts(dir);
	bool tripped;

	begin_day(kind, at);
	day(&o);
	tripped = disk.tripped;
	if (kind == CUT || kind == FAIL_CUT)
		cut_power(dir, at % 2);
	check_after(&o);
	forget_disk();
	kit_remove_tree(dir);
	mem_free(dir);
	return tripped;
}

/* All that is there now is on the disk. */
static void remember_tree(const char *path)
{
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && (d = readdir(h))) {
		char *sub = kit_path(path, d->d_name);
		int fd = -1;

		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..")) {
			remember_tree(sub);
			fd = open(sub, O_RDONLY);
		}
		if (fd >= 0) {
			struct stat st;

			if (!fstat(fd, &st) && S_ISREG(st.st_mode))
				remember(fd);
			close(fd);
		}
		mem_free(sub);
	}
	if (h)
		closedir(h);
}

/* The power goes at call `at` of the day, then at call `again` of the start after it. */
static bool run_twice(int64_t at, int64_t again)
{
	char *dir = kit_dir();
	struct store_opts o = kit_opts(dir);
	struct store *s;
	bool tripped;

	begin_day(CUT, at);
	day(&o);
	cut_power(dir, again % 2);
	use_disk(CUT, again);
	remember_tree(dir);
	s = open_or_not(&o);
	tripped = disk.tripped;
	disk.stopped = true;
	if (s)
		close_any(s);
	cut_power(dir, again / 2 % 2);
	disk.at = at * 1000 + again;
	check_after(&o);
	forget_disk();
	kit_remove_tree(dir);
	mem_free(dir);
	return tripped;
}

static void sweep(enum kind kind)
{
	int64_t at;

	log_set_level(LOG_ERROR_ - 1);
	for (at = 1; run_one(kind, at); at++)
		;
	cr_assert_gt(at, 100, "only %lld calls", (long long)at);
	fprintf(stderr, "%s: %lld calls\n", kind_names[kind], (long long)at - 1);
}

Test(store_faults, survives_a_kill_at_every_call)
{
	sweep(KILL);
}

Test(store_faults, survives_a_power_cut_at_every_call)
{
	sweep(CUT);
}

Test(store_faults, survives_an_error_of_every_call)
{
	sweep(FAIL);
}

Test(store_faults, survives_an_error_of_every_call_and_a_power_cut)
{
	sweep(FAIL_CUT);
}

Test(store_faults, survives_a_full_disk_at_every_call)
{
	sweep(FULL);
}

Test(store_faults, survives_a_short_write_at_every_call)
{
	sweep(SHORT);
}

Test(store_faults, survives_a_power_cut_at_every_call_of_a_recovery)
{
	static const int64_t days[] = { 40, 90, 120, 150, 175, 200, 240 };
	int64_t again, calls = 0;
	size_t i;

	log_set_level(LOG_ERROR_ - 1);
	for (i = 0; i < ARRAY_LEN(days); i++)
		for (again = 1; run_twice(days[i], again); again++)
			calls++;
	cr_assert_gt(calls, 50, "only %lld calls", (long long)calls);
}
