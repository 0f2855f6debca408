/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One slot of `synced`, big-endian, SLOT_BYTES apart so that no write can tear both:
 *
 *	"TDMQsyn1" 8 | sequence 8 | flags 4 | index count 4 | watermark 8 | queued 8 | digest 8 |
 *	queue file bytes 8 | index offset 8 | index name 8 | CRC of all before 4
 *
 * The valid slot with the higher sequence counts.
 */
#include "brokerd/store/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "buf.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "message.h"

#define SLOT_BYTES 4096
#define SLOT_USED 76
#define TIMES_BYTES 4096
#define TOMBS_MAX (4 << 20)

enum { FLAG_CLEAN = 1, FLAG_DIGEST = 2, FLAG_CARRIED = 4 };

static const char magic[8] = { 'T', 'D', 'M', 'Q', 's', 'y', 'n', '1' };

static void slot_encode(char *p, uint64_t seq, const struct synced *s)
{
	memcpy(p, magic, 8);
	put_be64(p + 8, seq);
	put_be32(p + 16, (s->clean ? FLAG_CLEAN : 0) | (s->has_digest ? FLAG_DIGEST : 0) |
				 (s->carried ? FLAG_CARRIED : 0));
	put_be32(p + 20, (uint32_t)s->index.count);
	put_be64(p + 24, (uint64_t)s->watermark);
	put_be64(p + 32, (uint64_t)s->queued);
	put_be64(p + 40, s->digest);
	put_be64(p + 48, (uint64_t)s->queue_file_bytes);
	put_be64(p + 56, (uint64_t)s->index.phys);
	put_be64(p + 64, (uint64_t)s->index.name);
	put_be32(p + 72, message_crc((struct str){ p, 72 }));
}

static bool slot_decode(const char *p, uint64_t *seq, struct synced *s)
{
	uint32_t flags = get_be32(p + 16);

	if (memcmp(p, magic, 8) || get_be32(p + 72) != message_crc((struct str){ p, 72 }))
		return false;
	*seq = get_be64(p + 8);
	s->clean = flags & FLAG_CLEAN;
	s->has_digest = flags & FLAG_DIGEST;
	s->carried = flags & FLAG_CARRIED;
	s->watermark = (int64_t)get_be64(p + 24);
	s->queued = (int64_t)get_be64(p + 32);
	s->digest = get_be64(p + 40);
	s->queue_file_bytes = (int64_t)get_be64(p + 48);
	s->index = (struct index_safe){ (int64_t)get_be64(p + 56), (int64_t)get_be64(p + 64),
		(int32_t)get_be32(p + 20) };
	return true;
}

/* Opens DIR/name, -1 where it is absent and not to be created. */
static int open_in(struct checkpoint *c, const char *name, bool create, int *fd, struct err *e)
{
	char *path = mem_fmt("%s/%s", c->dir, name);
	int rc = 0;

	*fd = vfs()->open(path, O_RDWR | O_CLOEXEC | (create ? O_CREAT : 0), 0640);
	if (*fd < 0 && (create || errno != ENOENT))
		rc = err_sys(e, fsio_err_code(errno), "cannot open '%s'", path);
	mem_free(path);
	return rc;
}

static size_t read_some(int fd, char *p, size_t n, off_t off)
{
	ssize_t r = fd < 0 ? 0 : vfs()->pread(fd, p, n, off);

	return r < 0 ? 0 : (size_t)r;
}

static bool read_synced(struct checkpoint *c, struct synced *s)
{
	bool found = false;
	int i;

	for (i = 0; i < 2; i++) {
		char p[SLOT_USED];
		struct synced got;
		uint64_t seq;

		if (read_some(c->synced_fd, p, sizeof(p), i * SLOT_BYTES) != sizeof(p) ||
			!slot_decode(p, &seq, &got) || (found && seq < c->seq))
			continue;
		*s = got;
		c->seq = seq;
		found = true;
	}
	return found;
}

static void read_times(struct checkpoint *c, struct times *t)
{
	char p[24];

	memset(t, 0, sizeof(*t));
	if (read_some(c->fd, p, sizeof(p), 0) != sizeof(p))
		return;
	t->log_ms = (int64_t)get_be64(p);
	t->queue_ms = (int64_t)get_be64(p + 8);
	t->index_ms = (int64_t)get_be64(p + 16);
}

static void tomb_set(struct checkpoint *c, struct str topic, int64_t end)
{
	struct tomb *t;

	HASH_FIND(hh, c->tombs, topic.p, topic.n, t);
	if (!t) {
		t = mem_alloc(sizeof(*t) + topic.n);
		memcpy(t->topic, topic.p, topic.n);
		t->n = topic.n;
		HASH_ADD_KEYPTR(hh, c->tombs, t->topic, t->n, t);
	}
	t->end = end;
}

static int read_tombs(struct checkpoint *c, struct err *e)
{
	char *path = mem_fmt("%s/deleted", c->dir);
	struct str rest, line, num;
	struct buf b;
	int rc = 0;

	buf_init(&b, TOMBS_MAX);
	if (access(path, F_OK) == 0)
		rc = fsio_read_file(path, TOMBS_MAX, &b, e);
	rest = buf_str(&b);
	while (!rc && rest.n && str_cut(&rest, '\n', &line)) {
		int64_t end;

		if (!line.n)
			continue;
		if (!str_cut(&line, ' ', &num) || !line.n ||
			str_to_i64(num, 0, INT64_MAX, &end, "offset", NULL))
			log_warn("store", "'%s': a line is damaged and does not count", path);
		else
			tomb_set(c, line, end);
	}
	buf_release(&b);
	mem_free(path);
	return rc;
}

int checkpoint_open(struct checkpoint *c, const char *dir, bool *aborted, bool *have_synced,
	struct synced *s, struct times *t, struct err *e)
{
	char *path;
	int rc;

	memset(c, 0, sizeof(*c));
	memset(s, 0, sizeof(*s));
	c->dir = mem_str(dir);
	c->fd = c->synced_fd = -1;
	(void)((rc = open_in(c, "checkpoint", false, &c->fd, e)) ||
		(rc = open_in(c, "synced", false, &c->synced_fd, e)) ||
		(rc = read_tombs(c, e)));
	if (rc)
		return rc;
	path = mem_fmt("%s/abort", dir);
	*aborted = access(path, F_OK) == 0;
	mem_free(path);
	*have_synced = read_synced(c, s);
	read_times(c, t);
	return 0;
}

void checkpoint_close(struct checkpoint *c)
{
	struct tomb *t, *tmp;

	map_foreach (c->tombs, t, tmp) {
		HASH_DEL(c->tombs, t);
		mem_free(t);
	}
	if (c->fd >= 0)
		vfs()->close(c->fd);
	if (c->synced_fd >= 0)
		vfs()->close(c->synced_fd);
	mem_free(c->dir);
}

int checkpoint_set_abort(struct checkpoint *c, struct err *e)
{
	int fd, rc = open_in(c, "abort", true, &fd, e);

	if (!rc)
		vfs()->close(fd);
	return rc;
}

int checkpoint_clear_abort(struct checkpoint *c, struct err *e)
{
	char *path = mem_fmt("%s/abort", c->dir);
	int rc = 0;

	if ((vfs()->unlink(path) && errno != ENOENT) || vfs()->fsync_dir(c->dir))
		rc = err_sys(e, TQ_EIO, "cannot remove '%s'", path);
	mem_free(path);
	return rc;
}

static int write_at(int fd, const char *p, size_t n, off_t off, const char *what, struct err *e)
{
	struct iovec v = { (void *)(uintptr_t)p, n };

	return fsio_write_full(fd, &v, 1, off, what, e);
}

int checkpoint_write_times(struct checkpoint *c, const struct times *t, struct err *e)
{
	char p[TIMES_BYTES] = { 0 };
	int rc = 0;

	put_be64(p, (uint64_t)t->log_ms);
	put_be64(p + 8, (uint64_t)t->queue_ms);
	put_be64(p + 16, (uint64_t)t->index_ms);
	if (c->fd < 0)
		rc = open_in(c, "checkpoint", true, &c->fd, e);
	return rc ? rc : write_at(c->fd, p, sizeof(p), 0, "checkpoint", e);
}

int checkpoint_write_synced(struct checkpoint *c, const struct synced *s, struct err *e)
{
	char p[SLOT_USED];
	int rc = 0;

	if (c->synced_fd < 0)
		rc = open_in(c, "synced", true, &c->synced_fd, e);
	if (rc)
		return rc;
	slot_encode(p, ++c->seq, s);
	return write_at(
		c->synced_fd, p, sizeof(p), (off_t)(c->seq % 2 * SLOT_BYTES), "synced", e);
}

int checkpoint_sync(struct checkpoint *c, struct err *e)
{
	return vfs()->fdatasync(c->synced_fd)
		       ? err_sys(e, TQ_EIO, "cannot sync '%s/synced'", c->dir)
		       : 0;
}

int64_t checkpoint_deleted(const struct checkpoint *c, struct str topic)
{
	struct tomb *t = NULL;

	if (c->tombs)
		HASH_FIND(hh, c->tombs, topic.p, topic.n, t);
	return t ? t->end : -1;
}

int checkpoint_add_tomb(
	struct checkpoint *c, struct str topic, int64_t end, int64_t log_min, struct err *e)
{
	char *path = mem_fmt("%s/deleted", c->dir);
	struct tomb *t, *tmp;
	struct buf b;
	int rc;

	tomb_set(c, topic, end);
	buf_init(&b, TOMBS_MAX);
	map_foreach (c->tombs, t, tmp) {
		if (t->end <= log_min) {
			HASH_DEL(c->tombs, t);
			mem_free(t);
			continue;
		}
		buf_addf(&b, "%lld " STR_FMT "\n", (long long)t->end, (int)t->n, t->topic);
	}
	rc = fsio_replace(path, buf_str(&b), 0640, e);
	buf_release(&b);
	mem_free(path);
	return rc;
}
