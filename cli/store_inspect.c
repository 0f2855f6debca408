/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_inspect: a row for each part of a store: files of the log, queues, index files, the small
 * files, Apache's tables. What it says comes from names, lengths, headers, first and last units;
 * store_verify.c looks at the contents.
 */
#include "store_offline.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apache.h"
#include "storeindex.h"
#include "storelog.h"
#include "storequeue.h"
#include "view.h"

static const struct col part_cols[] = {
	{ "part", "part" },
	{ "name", "name" },
	{ "files", "files", COL_NUMBER, COL_WIDE },
	{ "bytes", "bytes", COL_BYTES },
	{ "from", "from", COL_NUMBER },
	{ "to", "to", COL_NUMBER },
	{ "count", "count", COL_NUMBER },
	{ "oldest", "oldest", COL_TIME, COL_OPTIONAL },
	{ "newest", "newest", COL_TIME },
	{ "note", "note" },
	COL_END,
};
const struct view view_store_part = { "StorePart", "name", part_cols };

struct part {
	const char *part, *name;
	int64_t files, bytes, from, to, count; /* -1: does not apply */
	int64_t oldest_ms, newest_ms; /* 0: unknown */
	const char *note;
};

struct inspection {
	struct ctx *cx;
	const char *dir;
	struct storelog log;
	struct storequeues queues;
	struct storeindex index;
};

static struct part part_of(const char *part, const char *name)
{
	return (struct part){ part, name, -1, -1, -1, -1, -1, 0, 0, NULL };
}

static int put(struct inspection *in, const struct part *p)
{
	cJSON *o = cJSON_CreateObject();
	int rc;

	view_add_text(o, "part", p->part);
	view_add_text(o, "name", p->name);
	view_add_int(o, "files", p->files, p->files >= 0);
	view_add_int(o, "bytes", p->bytes, p->bytes >= 0);
	view_add_int(o, "from", p->from, p->from >= 0);
	view_add_int(o, "to", p->to, p->to >= 0);
	view_add_int(o, "count", p->count, p->count >= 0);
	view_add_time(in->cx, o, "oldest", p->oldest_ms);
	view_add_time(in->cx, o, "newest", p->newest_ms);
	view_add_text(o, "note", p->note);
	rc = out_row(in->cx->out, o, &in->cx->err);
	cJSON_Delete(o);
	return rc;
}

/* ---- the small files ---- */

static char *path_in(const struct ctx *cx, const char *dir, const char *name)
{
	return arena_fmt((struct arena *)(uintptr_t)&cx->mem, "%s/%s", dir, name);
}

bool store_aborted(const char *dir)
{
	char *path = mem_fmt("%s/abort", dir);
	bool there = access(path, F_OK) == 0;

	mem_free(path);
	return there;
}

int store_is_there(const char *dir, struct err *e)
{
	static const char *const marks[] = { "commitlog", "consumequeue", "config",
		"checkpoint", "synced", NULL };
	bool there = false;

	for (int i = 0; !there && marks[i]; i++) {
		char *path = mem_fmt("%s/%s", dir, marks[i]);

		there = access(path, F_OK) == 0;
		mem_free(path);
	}
	if (there)
		return 0;
	err_set(e, TQ_ENOTFOUND, "'%s' holds no store", dir);
	return err_hint(e, "say what brokerd's --data or Apache's storePathRootDir says");
}

bool store_in_use(const char *dir)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char *path = mem_fmt("%s/lock", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool used = fd >= 0 && !fcntl(fd, F_GETLK, &l) && l.l_type != F_UNLCK;

	if (fd >= 0)
		close(fd);
	mem_free(path);
	return used;
}

static int64_t be64_at(const char *path, off_t off)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char b[8];
	int64_t v = -1;

	if (fd >= 0 && pread(fd, b, 8, off) == 8)
		v = (int64_t)get_be64(b);
	if (fd >= 0)
		close(fd);
	return v;
}

static int put_state(struct inspection *in)
{
	static const char *const ours[] = { "meta.db", "synced", "queues", "quarantine",
		"config", "broker.conf", NULL };
	struct part p = part_of("state", "abort");
	int rc;

	p.note = store_in_use(in->dir) ? "there: a broker runs on it"
		 : store_aborted(in->dir)
			 ? "there: its broker was killed, or left queue files to make"
			 : "not there: stopped cleanly";
	rc = put(in, &p);
	for (int i = 0; !rc && ours[i]; i++) {
		struct stat st;

		if (stat(path_in(in->cx, in->dir, ours[i]), &st))
			continue;
		p = part_of("state", ours[i]);
		p.bytes = S_ISREG(st.st_mode) ? st.st_size : -1;
		p.newest_ms = (int64_t)st.st_mtim.tv_sec * 1000;
		rc = put(in, &p);
	}
	return rc;
}

static int put_checkpoint(struct inspection *in)
{
	static const char *const names[] = { "checkpoint log", "checkpoint queues",
		"checkpoint index" };
	char *path = path_in(in->cx, in->dir, "checkpoint");
	int rc = 0;

	for (int i = 0; !rc && i < 3; i++) {
		struct part p = part_of("state", names[i]);
		int64_t ms = be64_at(path, 8 * i);

		p.newest_ms = ms > 0 ? ms : 0;
		if (ms < 0)
			p.note = i ? NULL : "not there";
		if (ms >= 0 || !i)
			rc = put(in, &p);
	}
	return rc;
}

/* ---- log, queues, index ---- */

static int64_t store_ms(struct inspection *in, int64_t phys)
{
	struct message m;

	return storelog_get(&in->log, phys, &m) ? m.store_ms : 0;
}

static int put_log(struct inspection *in)
{
	int64_t end = storelog_end(&in->log);
	int rc = 0;

	for (size_t i = 0; !rc && i < in->log.n; i++) {
		const struct storelog_file *f = &in->log.files[i];
		struct part p = part_of("log", strrchr(f->path, '/') + 1);

		p.files = 1;
		p.bytes = f->size;
		p.from = f->base;
		p.to = MAX(f->base, MIN(end, f->base + f->size));
		p.oldest_ms = store_ms(in, f->base);
		p.newest_ms = f->mtime_ms;
		if (f->base % f->size)
			p.note = "its name is no multiple of its length";
		else if (i && f->base != f[-1].base + f[-1].size)
			p.note = "files are missing before it";
		else if (end <= f->base)
			p.note = "prepared, nothing in it yet";
		rc = put(in, &p);
	}
	for (size_t i = 0; !rc && i < in->log.n_strangers; i++) {
		struct part p = part_of("log", strrchr(in->log.strangers[i], '/') + 1);

		p.note = "no file of a log: Apache's broker does not start with it";
		rc = put(in, &p);
	}
	return rc;
}

static int put_queue(struct inspection *in, struct storequeue *q)
{
	struct part p = part_of("queue", q->id);
	int64_t from = storequeue_from(&in->queues, q, storelog_min(&in->log));
	struct storequeue_unit u;

	p.files = q->n_files;
	p.bytes = q->bytes;
	while (from < q->max && storequeue_unit(&in->queues, q, from, &u) && !u.phys &&
		u.size == INT32_MAX)
		from++;
	p.from = from;
	p.to = q->max;
	p.count = q->max - from;
	if (p.count && storequeue_unit(&in->queues, q, from, &u))
		p.oldest_ms = store_ms(in, u.phys);
	if (p.count && storequeue_unit(&in->queues, q, q->max - 1, &u))
		p.newest_ms = store_ms(in, u.phys);
	p.note = q->odd ? "its files are not adjacent or of unequal length" : NULL;
	return put(in, &p);
}

static int put_queues(struct inspection *in)
{
	struct storequeue **all = storequeues_sorted(&in->queues);
	int rc = 0;

	for (size_t i = 0; !rc && i < in->queues.n; i++)
		rc = put_queue(in, all[i]);
	mem_free(all);
	return rc;
}

static int put_index(struct inspection *in)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < in->index.n; i++) {
		const struct storeindex_file *f = &in->index.files[i];
		struct part p = part_of("index", strrchr(f->path, '/') + 1);

		p.files = 1;
		p.bytes = f->bytes;
		p.from = f->begin_phys;
		p.to = f->end_phys;
		p.count = f->count - 1;
		p.oldest_ms = f->begin_ms;
		p.newest_ms = f->end_ms;
		p.note = f->bad	    ? f->bad
			 : f->slots ? NULL
				    : "of unusual sizes: its contents cannot be compared";
		rc = put(in, &p);
	}
	return rc;
}

static int put_tables(struct inspection *in)
{
	struct apache_config c;
	struct err e = ERR_INIT;
	int64_t counts[APACHE_FILES] = { 0 };
	int rc = 0;

	apache_init(&c);
	if (apache_load(&c, in->dir, &e)) {
		struct part p = part_of("table", "config");

		p.note = e.msg;
		rc = put(in, &p);
	}
	counts[APACHE_TOPICS] = (int64_t)c.n_topics;
	counts[APACHE_GROUPS] = (int64_t)c.n_groups;
	counts[APACHE_OFFSETS] = (int64_t)c.n_offsets;
	for (int i = 0; i < APACHE_LEVELS; i++)
		counts[APACHE_DELAYS] += c.delays[i] >= 0;
	for (int f = 0; !rc && f < APACHE_FILES; f++) {
		struct part p = part_of("table", apache_file_names[f]);

		if (!c.there[f])
			continue;
		p.count = counts[f];
		rc = put(in, &p);
	}
	apache_release(&c);
	return rc;
}

int store_inspect(struct ctx *cx, const char *dir)
{
	struct inspection in = { .cx = cx, .dir = dir };
	struct err *e = &cx->err;
	int rc;

	(void)((rc = storelog_open(&in.log, dir, e)) ||
		(rc = storequeues_open(&in.queues, dir, e)) ||
		(rc = storeindex_open(&in.index, dir, e)));
	if (!rc)
		rc = store_is_there(dir, e);
	(void)(rc || (rc = out_begin(cx->out, &view_store_part, e)) || (rc = put_state(&in)) ||
		(rc = put_checkpoint(&in)) || (rc = put_log(&in)) || (rc = put_queues(&in)) ||
		(rc = put_index(&in)) || (rc = put_tables(&in)) ||
		(rc = out_end(cx->out, NULL, e)));
	storeindex_close(&in.index);
	storequeues_close(&in.queues);
	storelog_close(&in.log);
	return rc;
}
