/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A roster that does not fit what is there is no error: the directories are looked at instead.
 * That a single queue's file is missing shows when somebody reads it.
 */
#include "brokerd/store/roster.h"

#include <dirent.h>
#include <unistd.h>

#include "fsio.h"
#include "message.h"
#include "rd.h"
#include "strv.h"

#define ROSTER_MAX (256 << 20)
#define BOOT_ID 36
#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

static const char magic[8] = { 'T', 'D', 'M', 'Q', 'q', 'u', 'e', '2' };

struct head {
	uint32_t n, kind;
	int64_t queued;
	struct str boot;
	uint64_t names;
};

bool roster_wanted(const struct cq *c)
{
	return HASH_COUNT(c->map) >= ROSTER_MIN;
}

bool roster_should_carry(const struct cq *c)
{
	const struct queue *q = c->dirty;
	int n = 0;

	if (!roster_wanted(c))
		return false;
	for (; q && n <= ROSTER_CARRY_MIN; q = q->next_dirty)
		n++;
	return n > ROSTER_CARRY_MIN;
}

/* Names of topics that have a directory, sorted. */
static void list_names(const char *dir, struct strv *out)
{
	DIR *h = opendir(dir);
	struct dirent *d;

	while (h && (d = readdir(h)))
		if (d->d_name[0] != '.')
			strv_add(out, str_of(d->d_name));
	if (h)
		closedir(h);
	strv_sort(out);
}

/* Their order does not matter. */
static uint64_t names_digest(const struct strv *names)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < names->n; i++)
		sum += cq_name_digest(names->v[i], strlen(names->v[i]));
	return sum;
}

/* Of this run of the machine; zeros where it has none. */
static void boot_id(char out[BOOT_ID])
{
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, 4096);
	memset(out, 0, BOOT_ID);
	if (!fsio_read_file(BOOT_FILE, 4096, &b, &e) && b.n >= BOOT_ID)
		memcpy(out, b.p, BOOT_ID);
	buf_release(&b);
}

static void print_units(struct cq *c, struct queue *q, int64_t from, struct buf *out)
{
	while (from < q->max) {
		int n = 0;
		const char *p = cq_units(c, q, from, CQ_READ_UNITS, &n);

		if (!p) { /* its file cannot be read: no roster is better than a wrong one */
			buf_reserve(out, ROSTER_MAX + 1);
			return;
		}
		buf_add(out, p, (size_t)n * CQ_UNIT);
		from += n;
	}
}

static void print_queue(struct cq *c, enum roster_kind kind, struct queue *q, struct buf *out)
{
	int64_t from = kind == ROSTER_CARRIED ? q->synced : q->written;

	buf_u8(out, q->topic_n);
	buf_add(out, q->key, q->topic_n);
	buf_be32(out, (uint32_t)q->id);
	buf_u8(out, q->made);
	buf_be64(out, (uint64_t)q->first);
	buf_be64(out, (uint64_t)from);
	buf_be64(out, (uint64_t)(kind == ROSTER_RUNNING ? from : q->max));
	if (kind == ROSTER_CARRIED)
		print_units(c, q, from, out);
}

void roster_print(struct cq *c, enum roster_kind kind, int64_t queued, struct buf *out)
{
	struct strv names = STRV_INIT;
	struct queue *q, *tmp;
	char boot[BOOT_ID];

	buf_init(out, ROSTER_MAX);
	if (kind != ROSTER_RUNNING) /* new ones come while it runs */
		list_names(c->dir, &names);
	boot_id(boot);
	buf_add(out, magic, sizeof(magic));
	buf_be32(out, HASH_COUNT(c->map));
	buf_be32(out, kind);
	buf_be64(out, (uint64_t)queued);
	buf_add(out, boot, BOOT_ID);
	buf_be64(out, names_digest(&names));
	map_foreach (c->map, q, tmp)
		print_queue(c, kind, q, out);
	buf_be32(out, message_crc(buf_str(out)));
	strv_release(&names);
}

/* The part between head and CRC, or STR_NONE. */
static struct str checked(struct str all, struct head *h)
{
	struct rd r = rd_init(all);
	struct str found = rd_bytes(&r, sizeof(magic));

	h->n = rd_be32(&r);
	h->kind = rd_be32(&r);
	h->queued = (int64_t)rd_be64(&r);
	h->boot = rd_bytes(&r, BOOT_ID);
	h->names = rd_be64(&r);
	if (r.bad || rd_left(&r) < 4 || memcmp(found.p, magic, sizeof(magic)) ||
		get_be32(all.p + all.n - 4) != message_crc((struct str){ all.p, all.n - 4 }))
		return STR_NONE;
	return rd_bytes(&r, rd_left(&r) - 4);
}

static bool read_queue(struct cq *c, struct rd *r, const struct strv *names)
{
	struct str topic = rd_bytes(r, rd_u8(r)), units;
	struct cq_known k = { .id = (int)rd_be32(r), .made = rd_u8(r) };

	k.first = (int64_t)rd_be64(r);
	k.from = (int64_t)rd_be64(r);
	k.max = (int64_t)rd_be64(r);
	if (r->bad || !topic.n || k.from < 0 || k.max < k.from ||
		(uint64_t)(k.max - k.from) > rd_left(r) / CQ_UNIT)
		return false;
	units = rd_bytes(r, (size_t)(k.max - k.from) * CQ_UNIT);
	k.units = units.p;
	if (k.made && names) {
		char name[256];

		memcpy(name, topic.p, topic.n);
		name[topic.n] = '\0';
		if (!strv_has_sorted(names, name))
			return false;
	}
	cq_load_known(c, topic, &k);
	return true;
}

static bool read_queues(struct cq *c, struct str body, uint32_t n, const struct strv *names)
{
	struct rd r = rd_init(body);

	while (n && read_queue(c, &r, names))
		n--;
	if (n || rd_left(&r))
		return false;
	cq_load_done(c);
	return true;
}

bool roster_read(struct cq *c, const char *path, uint64_t digest)
{
	struct strv names = STRV_INIT;
	struct err e = ERR_INIT;
	struct str body = STR_NONE;
	struct head h = { 0 };
	struct buf b;
	bool good;

	buf_init(&b, ROSTER_MAX);
	if (!access(path, F_OK) && !fsio_read_file(path, ROSTER_MAX, &b, &e))
		body = checked(buf_str(&b), &h);
	list_names(c->dir, &names);
	good = body.p && h.kind != ROSTER_RUNNING && h.names == names_digest(&names) &&
	       read_queues(c, body, h.n, NULL) && c->digest == digest;
	strv_release(&names);
	buf_release(&b);
	if (!good)
		cq_forget_all(c);
	return good;
}

bool roster_resume(struct cq *c, const char *path, int64_t *queued)
{
	struct strv names = STRV_INIT;
	struct err e = ERR_INIT;
	struct str body = STR_NONE;
	struct head h = { 0 };
	char boot[BOOT_ID];
	struct buf b;
	bool good;

	buf_init(&b, ROSTER_MAX);
	boot_id(boot);
	if (!access(path, F_OK) && !fsio_read_file(path, ROSTER_MAX, &b, &e))
		body = checked(buf_str(&b), &h);
	list_names(c->dir, &names);
	good = body.p && boot[0] && !memcmp(boot, h.boot.p, BOOT_ID) &&
	       read_queues(c, body, h.n, &names);
	*queued = h.queued;
	strv_release(&names);
	buf_release(&b);
	if (!good)
		cq_forget_all(c);
	return good;
}
