/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A roster that does not fit what is there is no error: the directories are looked at instead.
 * That a single queue's file is missing shows when somebody reads it.
 */
#include "brokerd/store/roster.h"

#include <dirent.h>
#include <unistd.h>

#include "buf.h"
#include "fsio.h"
#include "message.h"
#include "rd.h"

#define ROSTER_MAX (256 << 20)

static const char magic[8] = { 'T', 'D', 'M', 'Q', 'q', 'u', 'e', '1' };

/* Of the directory's names; their order does not matter. */
static uint64_t names_digest(const char *dir)
{
	DIR *h = opendir(dir);
	struct dirent *d;
	uint64_t sum = 0;

	while (h && (d = readdir(h)))
		if (d->d_name[0] != '.')
			sum += cq_name_digest(d->d_name, strlen(d->d_name));
	if (h)
		closedir(h);
	return sum;
}

int roster_write(struct cq *c, const char *path, struct err *e)
{
	struct queue *q, *tmp;
	struct buf b;
	int rc;

	if (HASH_COUNT(c->map) < ROSTER_MIN) {
		(void)vfs()->unlink(path);
		return 0;
	}
	buf_init(&b, ROSTER_MAX);
	buf_add(&b, magic, sizeof(magic));
	buf_be32(&b, HASH_COUNT(c->map));
	buf_be64(&b, names_digest(c->dir));
	map_foreach (c->map, q, tmp) {
		buf_u8(&b, q->topic_n);
		buf_add(&b, q->key, q->topic_n);
		buf_be32(&b, (uint32_t)q->id);
		buf_be64(&b, (uint64_t)q->first);
		buf_be64(&b, (uint64_t)q->max);
	}
	buf_be32(&b, message_crc(buf_str(&b)));
	rc = buf_err(&b) ? err_set(e, TQ_ETOOBIG, "too many queues")
			 : fsio_replace(path, buf_str(&b), 0640, e);
	buf_release(&b);
	return rc;
}

/* The part between head and CRC, or STR_NONE. */
static struct str checked(struct str all, const char *dir, uint32_t *n)
{
	struct rd r = rd_init(all);
	struct str head = rd_bytes(&r, sizeof(magic));
	uint64_t names;

	*n = rd_be32(&r);
	names = rd_be64(&r);
	if (r.bad || rd_left(&r) < 4 || memcmp(head.p, magic, sizeof(magic)) ||
		get_be32(all.p + all.n - 4) != message_crc((struct str){ all.p, all.n - 4 }) ||
		names != names_digest(dir))
		return STR_NONE;
	return rd_bytes(&r, rd_left(&r) - 4);
}

bool roster_read(struct cq *c, const char *path, uint64_t digest)
{
	struct err e = ERR_INIT;
	struct str body = STR_NONE;
	struct buf b;
	struct rd r;
	uint32_t n = 0;

	buf_init(&b, ROSTER_MAX);
	if (!access(path, F_OK) && !fsio_read_file(path, ROSTER_MAX, &b, &e))
		body = checked(buf_str(&b), c->dir, &n);
	for (r = rd_init(body); body.p && n--;) {
		struct str topic = rd_bytes(&r, rd_u8(&r));
		int id = (int)rd_be32(&r);
		int64_t first = (int64_t)rd_be64(&r), max = (int64_t)rd_be64(&r);

		if (r.bad || !topic.n)
			break;
		cq_load_known(c, topic, id, first, max);
	}
	buf_release(&b);
	if (body.p && !r.bad && c->digest == digest)
		return true;
	cq_forget_all(c);
	return false;
}
