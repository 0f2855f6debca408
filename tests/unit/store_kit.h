/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share: a directory of their own, small files, short messages. */
#ifndef TDMQ_TEST_STORE_KIT_H
#define TDMQ_TEST_STORE_KIT_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "mem.h"
#include "props.h"
#include "brokerd/store/store.h"

static inline char *kit_dir(void)
{
	const char *base = getenv("TMPDIR");
	char *dir;

	if (!base)
		base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	dir = mem_fmt("%s/store-XXXXXX", base);
	cr_assert_not_null(mkdtemp(dir));
	return dir;
}

static inline void kit_remove_tree(const char *path)
{
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && (d = readdir(h))) {
		char *sub = mem_fmt("%s/%s", path, d->d_name);
		struct stat st;

		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") && !lstat(sub, &st)) {
			if (S_ISDIR(st.st_mode))
				kit_remove_tree(sub);
			else
				unlink(sub);
		}
		mem_free(sub);
	}
	if (h)
		closedir(h);
	rmdir(path);
}

static inline struct store_opts kit_opts(const char *dir)
{
	struct store_opts o = {
		.dir = dir, .commitlog_file_bytes = 4096, .queue_file_units = 16
	};
	struct err e = ERR_INIT;

	o.index_slots = 32;
	o.index_entries = 20;
	o.flush = STORE_FLUSH_SYNC;
	o.flush_interval_ms = 200;
	o.inline_io = true;
	cr_assert_eq(host_parse(STR("10.0.0.9:10911"), &o.host, &e), 0);
	return o;
}

static inline struct store *kit_open(const struct store_opts *o, struct store_recovery *found)
{
	struct store_recovery mine;
	struct store *s = NULL;
	struct err e = ERR_INIT;

	cr_assert_eq(store_open(o, &s, found ? found : &mine, &e), 0, "%s", e.msg);
	return s;
}

static inline void kit_close(struct store *s)
{
	struct err e = ERR_INIT;

	cr_assert_eq(store_close(s, &e), 0, "%s", e.msg);
}

/* The message that tests send: its body says what it is. */
static inline struct message kit_message(
	const char *topic, int queue, struct str body, const char *properties)
{
	struct message m = { .queue_id = queue, .topic = str_of(topic), .body = body };
	struct err e = ERR_INIT;

	m.born_ms = 1700000000000;
	m.properties = str_of(properties);
	(void)host_parse(STR("10.0.0.1:5000"), &m.born, &e);
	return m;
}

static inline int kit_append(struct store *s, const char *topic, int queue, struct str body,
	const char *properties, struct store_at *at, struct err *e)
{
	struct message m = kit_message(topic, queue, body, properties);
	struct store_put p = { .m = &m };

	p.tags_code = message_tags_code(props_get(m.properties, PROP_TAGS));
	return store_append(s, &p, at, e);
}

/* Appends and commits one; returns where. */
static inline struct store_at kit_send(
	struct store *s, const char *topic, int queue, const char *body, const char *properties)
{
	struct store_at at = { 0 };
	struct err e = ERR_INIT;

	cr_assert_eq(
		kit_append(s, topic, queue, str_of(body), properties, &at, &e), 0, "%s", e.msg);
	cr_assert_eq(store_commit(s, &e), 0, "%s", e.msg);
	return at;
}

static inline struct message kit_decode(struct str record)
{
	struct rd r = rd_init(record);
	struct err e = ERR_INIT;
	struct message m;

	cr_assert_eq(message_decode(&r, &m, &e), 0, "%s", e.msg);
	cr_assert(message_crc_ok(&m));
	return m;
}

static inline enum store_read_status kit_read(
	struct store *s, const char *topic, int queue, int64_t off, struct store_batch *b)
{
	struct store_query q = { .topic = str_of(topic), .queue = queue, .offset = off };

	q.max = 32;
	q.max_bytes = 256 << 10;
	store_read(s, &q, b);
	return b->status;
}

/* All bodies of a queue from off on, each followed by a space. */
static inline char *kit_bodies(struct store *s, const char *topic, int queue, int64_t off)
{
	struct store_batch b;
	struct buf out;
	size_t n;
	int i;

	buf_init(&out, 1 << 20);
	buf_puts(&out, "");
	for (;; off = b.next_off) {
		enum store_read_status st = kit_read(s, topic, queue, off, &b);

		for (i = 0; i < b.n; i++) {
			buf_add_str(&out, kit_decode(b.slices[i].bytes).body);
			buf_putc(&out, ' ');
		}
		store_batch_release(&b);
		if (st != STORE_FOUND && st != STORE_NO_MATCH && st != STORE_REMOVED)
			break;
	}
	return buf_take(&out, &n);
}

static inline void kit_expect(struct store *s, const char *topic, int queue, const char *bodies)
{
	char *got = kit_bodies(s, topic, queue, 0);

	cr_expect_str_eq(got, bodies);
	mem_free(got);
}

static inline char *kit_path(const char *dir, const char *name)
{
	return mem_fmt("%s/%s", dir, name);
}

static inline void kit_read_file(const char *dir, const char *name, struct buf *out)
{
	char *path = kit_path(dir, name);
	struct err e = ERR_INIT;

	buf_init(out, 64 << 20);
	cr_assert_eq(fsio_read_file(path, 64 << 20, out, &e), 0, "%s", e.msg);
	mem_free(path);
}

/* Overwrites n bytes of a file. */
static inline void kit_poke(
	const char *dir, const char *name, off_t off, const void *p, size_t n)
{
	char *path = kit_path(dir, name);
	int fd = open(path, O_WRONLY);

	cr_assert_geq(fd, 0, "%s", path);
	cr_assert_eq(pwrite(fd, p, n, off), (ssize_t)n);
	close(fd);
	mem_free(path);
}

static inline bool kit_exists(const char *dir, const char *name)
{
	char *path = kit_path(dir, name);
	bool there = access(path, F_OK) == 0;

	mem_free(path);
	return there;
}

static inline void kit_touch(const char *dir, const char *name)
{
	char *path = kit_path(dir, name);

	close(open(path, O_CREAT | O_WRONLY, 0600));
	mem_free(path);
}

static inline void kit_remove(const char *dir, const char *name)
{
	char *path = kit_path(dir, name);

	kit_remove_tree(path);
	unlink(path);
	mem_free(path);
}

/* n messages of 900 bytes, "0 ", "1 " ... in front, so that four fill a file. */
static inline void kit_send_big(struct store *s, const char *topic, int from, int n)
{
	char body[900];
	int i;

	memset(body, 'x', sizeof(body));
	body[sizeof(body) - 1] = '\0';
	for (i = from; i < from + n; i++) {
		int len = snprintf(body, sizeof(body), "%d", i);

		body[len] = 'x';
		kit_send(s, topic, i % 2, body, "KEYS\001k");
	}
}

/* The leading number of each message of the queue must count up by two. */
static inline void kit_expect_big(
	struct store *s, const char *topic, int queue, int from, int to)
{
	struct store_batch b;
	int64_t off = 0, min, max;
	int i, next = from;

	store_queue_bounds(s, str_of(topic), queue, &min, &max);
	for (off = min; off < max; off = b.next_off) {
		cr_assert_eq(kit_read(s, topic, queue, off, &b), STORE_FOUND);
		for (i = 0; i < b.n; i++, next += 2) {
			struct message m = kit_decode(b.slices[i].bytes);

			cr_assert_eq(strtol(m.body.p, NULL, 10), next);
			cr_assert_eq(m.queue_off, next / 2);
		}
		store_batch_release(&b);
	}
	cr_assert_eq(next, to);
}

/* A file as it was before something, and again behind it. */
struct kit_kept {
	const char *name;
	bool had;
	struct buf was;
};

static inline struct kit_kept kit_keep(const char *dir, const char *name)
{
	struct kit_kept k = { .name = name, .had = kit_exists(dir, name) };

	if (k.had)
		kit_read_file(dir, name, &k.was);
	return k;
}

static inline void kit_put_back(const char *dir, struct kit_kept *k)
{
	if (!k->had)
		return;
	kit_remove(dir, k->name);
	kit_touch(dir, k->name);
	kit_poke(dir, k->name, 0, k->was.p, k->was.n);
	buf_release(&k->was);
}

/* As kill -9 leaves it: copies nothing, just forgets the process. */
static inline void kit_crash(const char *dir, struct store *s)
{
	struct kit_kept synced = kit_keep(dir, "synced"), queues;
	struct err e = ERR_INIT;

	store_tick(s, -1); /* units reach their files now and then */
	queues = kit_keep(dir, "queues");
	cr_assert_eq(store_close(s, &e), 0);
	kit_touch(dir, "abort");
	kit_put_back(dir, &synced);
	kit_put_back(dir, &queues);
}

#endif
