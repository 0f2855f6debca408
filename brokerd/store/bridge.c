/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each file of each queue is read as a whole, from the newest to the oldest and from its end to its
 * beginning, so that the next sound unit is always known. Filler at the end of a queue takes the
 * unit before it: the largest end of all units decides where Apache goes on reading the log.
 */
#include "brokerd/store/bridge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "fsio.h"
#include "mem.h"
#include "strv.h"
#include "brokerd/store/consumequeue.h"

#define FILE_BYTES_MAX (64 << 20)

struct bridge {
	int64_t log_min, n;
	char next[CQ_UNIT]; /* the sound unit behind the place that is looked at */
	bool has_next;
};

static bool is_lost(const struct bridge *b, const char *unit)
{
	struct cq_unit u = cq_unit_at(unit);

	return u.size == CQ_FILLER && (u.phys > b->log_min || !b->log_min);
}

static bool is_sound(const char *unit)
{
	struct cq_unit u = cq_unit_at(unit);

	return u.size && u.size != CQ_FILLER;
}

/* The last sound unit; NULL. */
static const char *last_sound(const struct buf *file)
{
	for (size_t i = file->n / CQ_UNIT; i-- > 0;)
		if (is_sound(file->p + i * CQ_UNIT))
			return file->p + i * CQ_UNIT;
	return NULL;
}

static int64_t mend(struct bridge *b, struct buf *file)
{
	const char *last =
		b->has_next ? NULL : last_sound(file); /* looked for once: files are long */
	int64_t changed = 0;

	for (size_t i = file->n / CQ_UNIT; i-- > 0;) {
		char *unit = file->p + i * CQ_UNIT;
		const char *from = b->has_next ? b->next : last;

		if (is_sound(unit)) {
			memcpy(b->next, unit, CQ_UNIT);
			b->has_next = true;
		} else if (from && is_lost(b, unit)) {
			memcpy(unit, from, CQ_UNIT);
			changed++;
		}
	}
	return changed;
}

static int write_back(const char *path, const struct buf *file, struct err *e)
{
	struct iovec v = { file->p, file->n };
	int fd = vfs()->open(path, O_RDWR | O_CLOEXEC, 0), rc;

	if (fd < 0)
		return err_sys(e, TQ_EIO, "cannot open '%s'", path);
	rc = fsio_write_full(fd, &v, 1, 0, path, e);
	if (!rc && vfs()->fdatasync(fd))
		rc = err_sys(e, TQ_EIO, "cannot sync '%s'", path);
	vfs()->close(fd);
	return rc;
}

static int mend_file(struct bridge *b, const char *path, struct err *e)
{
	struct buf file;
	int64_t changed;
	int rc;

	buf_init(&file, FILE_BYTES_MAX);
	rc = fsio_read_file(path, FILE_BYTES_MAX, &file, e);
	if (!rc && (changed = mend(b, &file))) {
		b->n += changed;
		rc = write_back(path, &file, e);
	}
	buf_release(&file);
	return rc;
}

/* Names below a directory, sorted; hidden ones left out. */
static int names_in(const char *path, struct strv *out, struct err *e)
{
	DIR *h = opendir(path);
	struct dirent *d;

	if (!h)
		return errno == ENOENT ? 0 : err_sys(e, TQ_EIO, "cannot read '%s'", path);
	while ((d = readdir(h)))
		if (d->d_name[0] != '.')
			strv_add(out, str_of(d->d_name));
	closedir(h);
	strv_sort(out);
	return 0;
}

static int mend_queue(struct bridge *b, const char *path, struct err *e)
{
	struct strv files = STRV_INIT;
	int rc = names_in(path, &files, e);

	b->has_next = false;
	for (size_t i = files.n; !rc && i-- > 0;) {
		char *file = mem_fmt("%s/%s", path, files.v[i]);

		rc = mend_file(b, file, e);
		mem_free(file);
	}
	strv_release(&files);
	return rc;
}

static int mend_topic(struct bridge *b, const char *path, struct err *e)
{
	struct strv queues = STRV_INIT;
	int rc = names_in(path, &queues, e);

	for (size_t i = 0; !rc && i < queues.n; i++) {
		char *queue = mem_fmt("%s/%s", path, queues.v[i]);

		rc = mend_queue(b, queue, e);
		mem_free(queue);
	}
	strv_release(&queues);
	return rc;
}

int bridge_queues(const char *dir, int64_t log_min, int64_t *n, struct err *e)
{
	struct bridge b = { .log_min = log_min };
	char *path = mem_fmt("%s/consumequeue", dir);
	struct strv topics = STRV_INIT;
	int rc = names_in(path, &topics, e);

	for (size_t i = 0; !rc && i < topics.n; i++) {
		char *topic = mem_fmt("%s/%s", path, topics.v[i]);

		rc = mend_topic(&b, topic, e);
		mem_free(topic);
	}
	strv_release(&topics);
	mem_free(path);
	*n = b.n;
	return rc;
}
