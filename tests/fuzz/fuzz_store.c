/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a store, as a start finds them (F7). The input says what is done to a sound one:
 *
 *	flags 1 (bit 0: as after a crash) | file 1 | offset 2 | length 1 | bytes ... | file 1 | ...
 *
 * and a length of 255 cuts the file there. The start may refuse; if it does not, all is read.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "brokerd/store/store.h"
#include "fsio.h"
#include "fuzz.h"
#include "log.h"
#include "mem.h"

#define MESSAGES 12
#define CUT 255

static const char *const files[] = { "commitlog/00000000000000000000",
	"commitlog/00000000000000004096", "consumequeue/t/0/00000000000000000000",
	"consumequeue/t/1/00000000000000000000", "checkpoint", "synced", "deleted", "queues" };

static struct sound { /* as a clean stop left it */
	bool there;
	struct buf bytes;
} sound[ARRAY_LEN(files)];
static char dir[64];
static struct store_opts opts;

static void remove_tree(const char *path)
{
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && (d = readdir(h))) {
		char *sub = mem_fmt("%s/%s", path, d->d_name);

		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") && unlink(sub))
			remove_tree(sub);
		mem_free(sub);
	}
	if (h)
		closedir(h);
	rmdir(path);
}

static void at_exit(void)
{
	remove_tree(dir);
}

static bool send_fails(struct store *s, int i)
{
	struct message m = { .queue_id = i % 2, .topic = STR("t"), .born_ms = 1 };
	struct store_put p = { .m = &m };
	struct err e = ERR_INIT;
	struct store_at at;
	char body[500];

	memset(body, 'a' + i, sizeof(body));
	m.body = (struct str){ body, sizeof(body) };
	m.properties = STR("KEYS\001k");
	return store_append(s, &p, &at, &e) || store_commit(s, &e);
}

static void make_sound(void)
{
	struct store_recovery found;
	struct err e = ERR_INIT;
	struct store *s;

	snprintf(dir, sizeof(dir), "%s/fuzz-store-XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	BUG_ON(!mkdtemp(dir));
	atexit(at_exit);
	log_set_level(LOG_ERROR_ - 1);
	opts = (struct store_opts){ .dir = dir,
		.commitlog_file_bytes = 4096,
		.queue_file_units = 16,
		.index_slots = 32,
		.index_entries = 20,
		.flush = STORE_FLUSH_SYNC,
		.inline_io = true };
	BUG_ON(host_parse(STR("10.0.0.9:10911"), &opts.host, &e));
	BUG_ON(store_open(&opts, &s, &found, &e));
	for (int i = 0; i < MESSAGES; i++)
		BUG_ON(send_fails(s, i));
	BUG_ON(store_close(s, &e));
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char *path = mem_fmt("%s/%s", dir, files[i]);

		buf_init(&sound[i].bytes, 1 << 20);
		sound[i].there = !access(path, F_OK);
		BUG_ON(sound[i].there && fsio_read_file(path, 1 << 20, &sound[i].bytes, &e));
		mem_free(path);
	}
}

static void restore(void)
{
	static const char *const dirs[] = { "commitlog", "consumequeue/t/0",
		"consumequeue/t/1" };
	struct err e = ERR_INIT;

	remove_tree(dir);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char *path = mem_fmt("%s/%s", dir, dirs[i]);

		BUG_ON(fsio_mkdirs(path, 0700, &e));
		mem_free(path);
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		char *path = mem_fmt("%s/%s", dir, files[i]);
		int fd = sound[i].there ? open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;
		struct str b = buf_str(&sound[i].bytes);

		if (fd >= 0) {
			BUG_ON(write(fd, b.p, b.n) != (ssize_t)b.n);
			close(fd);
		}
		mem_free(path);
	}
}

static void damage(struct rd *r)
{
	size_t file = rd_u8(r) % ARRAY_LEN(files);
	uint16_t off = rd_be16(r);
	uint8_t n = rd_u8(r);
	char *path = mem_fmt("%s/%s", dir, files[file]);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct str b = n == CUT ? STR_NONE : rd_bytes(r, MIN(n, rd_left(r)));

	BUG_ON(fd < 0);
	if (n == CUT)
		BUG_ON(ftruncate(fd, off));
	else if (b.n)
		BUG_ON(pwrite(fd, b.p, b.n, off) != (ssize_t)b.n);
	close(fd);
	mem_free(path);
}

static void read_all(struct store *s)
{
	struct store_batch *b = mem_alloc(sizeof(*b));
	int64_t min, max, off, phys[4], ms, last;

	for (int q = 0; q < 2; q++) {
		store_queue_bounds(s, STR("t"), q, &min, &max);
		for (off = min, max = MIN(max, min + 1000); off < max; off = b->next_off) {
			struct store_query query = { .topic = STR("t"), .queue = q };

			query.offset = off;
			query.max = 32;
			query.max_bytes = 64 << 10;
			store_read(s, &query, b);
			for (int i = 0; i < b->n; i++)
				touch(b->slices[i].bytes);
			store_batch_release(b);
			if (b->next_off <= off)
				break;
		}
		(void)store_offset_by_time(s, STR("t"), q, 5, NULL);
	}
	(void)store_query_key(s, STR("t"), STR("k"), 4, 0, INT64_MAX, phys, &ms, &last);
	mem_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_init((struct str){ (const char *)data, size });
	struct store_recovery found;
	struct err e = ERR_INIT;
	struct store *s;
	uint8_t flags;

	if (!dir[0])
		make_sound();
	restore();
	flags = rd_u8(&r);
	while (rd_left(&r) >= 4)
		damage(&r);
	if (flags & 1) {
		char *path = mem_fmt("%s/abort", dir);

		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		mem_free(path);
	}
	if (store_open(&opts, &s, &found, &e))
		return 0;
	read_all(s);
	(void)send_fails(s, 1);
	(void)!store_close(s, &e);
	return 0;
}
