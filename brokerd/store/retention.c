/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may go, and what is put on record once in a while:
 *
 *	each second	how full the disk is; the synced watermark
 *	10 s		a checkpoint, if anything came in; commit log files past their time
 *
 * Only whole commit log files go, oldest first, when their last write is longer ago than the
 * retention, or when the disk is beyond its mark for cleaning; never the newest, none whose queue
 * entries are not durable, or numbering would be lost, and none that store_keep() asked for. The
 * first file that must stay ends it: there are no holes. Queue and index files follow the beginning
 * of the log. Beyond the disk's second mark nothing is taken in.
 *
 * Old is what aging_now() says, and a file's last write is the later of what its inode says and of
 * the first store time behind it, which never goes back: a clock that was wrong for a while, now or
 * when the file was written, deletes nothing young.
 *
 * A checkpoint: the loop writes out what units wait, the helper syncs the files that got some, and
 * when that is done and the log is durable as far as those units point, it is a fact and written
 * down. Nothing is written down earlier.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "brokerd/store/impl.h"
#include "brokerd/store/roster.h"

#define EVERY_MS 10000
#define INDEX_EVERY 6 /* checkpoints */
#define FILES_A_ROUND 10
#define MANY_FILES 64
#define OPEN_TRIES 100
#define OPEN_AGAIN_US 100000

struct checkpoint_job {
	struct store *s; /* borrowed: the helper may read index through it */
	struct strv files, dirs;
	struct synced synced;
	struct times times;
	bool sync_all, with_index;
	bool has_digest, forget_roster; /* the loop's */
	struct buf roster;
	int rc; /* written before done */
	_Atomic bool done;
};

/* ---- removing ---- */

static void remove_tree(const char *path, int depth)
{
	DIR *h = opendir(path);
	struct dirent *d;

	while (h && (d = readdir(h))) {
		char *sub;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		sub = mem_fmt("%s/%s", path, d->d_name);
		if (depth > 0)
			remove_tree(sub, depth - 1);
		else
			vfs()->unlink(sub);
		mem_free(sub);
	}
	if (h) {
		closedir(h);
		vfs()->rmdir(path);
	} else {
		vfs()->unlink(path);
	}
}

static void remove_job(void *arg)
{
	remove_tree(arg, 3);
	mem_free(arg);
}

void retention_remove_tree(struct store *s, char *path)
{
	work_post(&s->work, remove_job, path);
}

/* DIR/trash/NAME.N, not there yet. NULL: no such directory can be made. */
static char *trash_path(struct store *s, struct str name, struct err *e)
{
	char *dir = mem_fmt("%s/trash", s->dir), *path = NULL;

	if (!fsio_mkdirs(dir, 0750, e))
		path = mem_fmt(
			"%s/" STR_FMT ".%lld", dir, STR_ARG(name), (long long)clock_mono_us());
	mem_free(dir);
	return path;
}

/* Off the list and out of the way; the bytes go later, as that may take long. */
static int drop_first(struct store *s, struct err *e)
{
	struct segment *g = s->log.segs[0];
	char *to = trash_path(s, str_of(strrchr(g->path, '/') + 1), e);

	if (!to)
		return e->code;
	if (vfs()->rename(g->path, to) && errno != ENOENT) {
		mem_free(to);
		return err_sys(e, TQ_EIO, "cannot move '%s' away", g->path);
	}
	segment_unref(commitlog_shift(&s->log));
	retention_remove_tree(s, to);
	return 0;
}

void retention_forget_digest(struct store *s)
{
	s->synced.has_digest = false;
	if (s->job)
		s->job->has_digest = false;
}

char *retention_roster_path(const struct store *s)
{
	return mem_fmt("%s/queues", s->dir);
}

static void unlink_roster(const struct store *s)
{
	char *path = retention_roster_path(s);

	(void)vfs()->unlink(path);
	mem_free(path);
}

void retention_forget_roster(struct store *s)
{
	unlink_roster(s);
	if (s->job)
		s->job->forget_roster = true;
}

int retention_drop_topic(struct store *s, struct str topic, struct err *e)
{
	char *to = trash_path(s, topic, e);
	int rc;

	if (!to)
		return e->code;
	rc = cq_drop_topic(&s->cq, topic, to, e);
	retention_forget_digest(s);
	retention_forget_roster(s);
	retention_remove_tree(s, to);
	return rc;
}

static int64_t written_ms(const struct store *s, const struct segment *g)
{
	const struct segment *next = commitlog_after(&s->log, g->base);
	int64_t ms = INT64_MAX;
	struct stat st;

	if (!stat(g->path, &st))
		ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	if (next && record_peek(next, next->base, commitlog_appended(&s->log)))
		ms = MAX(ms, record_store_ms(next->map));
	return ms;
}

static bool too_old(
	const struct store *s, const struct segment *g, int64_t now_ms, int64_t retention_ms)
{
	return retention_ms >= 0 && g->base + g->size <= s->keep_young &&
	       written_ms(s, g) <= now_ms - retention_ms;
}

static bool beyond(const struct store *s, int percent, int64_t bytes)
{
	return (percent && s->disk_ratio * 100 > percent) || s->disk_free < bytes;
}

static bool must_clean(const struct store *s)
{
	return beyond(s, s->marks.clean_above, s->marks.clean_below);
}

static int64_t needed_from(const struct store *s)
{
	int64_t phys = INT64_MAX;

	for (int i = 0; i < STORE_KEEPERS; i++)
		phys = MIN(phys, s->keep[i]);
	return phys;
}

static void clean_log(struct store *s, int64_t retention_ms)
{
	int64_t now_ms = aging_now(s);
	struct err e = ERR_INIT;
	int n;

	s->held_back = 0;
	for (n = 0; n < FILES_A_ROUND && s->log.n > 1; n++) {
		struct segment *g = s->log.segs[0];
		bool forced = must_clean(s);

		if (g->base + g->size > MIN(store_durable(s), s->synced.queued) ||
			(!forced && !too_old(s, g, now_ms, retention_ms)))
			break;
		if (g->base + g->size > needed_from(s)) {
			s->held_back = g->base + g->size;
			break;
		}
		log_info("store", "'%s' goes: %s", g->path,
			forced ? "the disk is nearly full" : "its retention is over");
		if (drop_first(
			    s, &e)) { /* the order of removal must be kept: no file after it */
			log_every(60, LOG_WARN_, "store", "%s", e.msg);
			break;
		}
		retention_look_at_disk(s);
	}
}

static void follow_log(struct store *s)
{
	int64_t min = commitlog_min(&s->log);
	struct queue *q, *tmp;

	if (min == s->expired_min)
		return;
	s->expired_min = min;
	retention_forget_digest(s);
	map_foreach (s->cq.map, q, tmp)
		cq_expire(&s->cq, q, min);
	index_expire(&s->index, min);
}

void retention_look_at_disk(struct store *s)
{
	struct statvfs v;
	int64_t used, room, percent;
	bool refuses;

	if (statvfs(s->dir, &v))
		return;
	used = (int64_t)(v.f_blocks - v.f_bfree);
	room = (int64_t)v.f_bavail;
	percent = used + room ? (100 * used + used + room - 1) / (used + room) : 100;
	s->disk_ratio = (double)percent / 100;
	s->disk_total = (int64_t)(v.f_blocks * v.f_frsize);
	s->disk_free = (int64_t)(v.f_bavail * v.f_frsize);
	refuses = beyond(s, s->marks.refuse_above, s->marks.refuse_below);
	if (refuses != s->disk_refuses)
		log_warn("store",
			"the disk of '%s' is %lld %% used, %lld bytes are free: messages are %s",
			s->dir, (long long)percent, (long long)s->disk_free,
			refuses ? "refused until there is room" : "accepted again");
	s->disk_refuses = refuses;
}

/* ---- checkpoints ---- */

static void job_free(struct checkpoint_job *j)
{
	if (!j)
		return;
	strv_release(&j->files);
	strv_release(&j->dirs);
	buf_release(&j->roster);
	mem_free(j);
}

/* Nobody waits for the helper, so it waits for descriptors. */
static int open_later(const char *path, int flags)
{
	int fd, tries;

	for (tries = 0; tries < OPEN_TRIES; tries++) {
		fd = vfs()->open(path, flags | O_CLOEXEC, 0);
		if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
			return fd;
		usleep(OPEN_AGAIN_US);
	}
	errno = EMFILE;
	return -1;
}

/* A file that went meanwhile (topic deleted, retention) needs no sync. */
static int sync_file(const char *path, struct err *e)
{
	int fd = open_later(path, O_RDWR), rc = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, TQ_EIO, "cannot open '%s'", path);
	if (vfs()->fdatasync(fd))
		rc = err_sys(e, TQ_EIO, "cannot sync '%s'", path);
	vfs()->close(fd);
	return rc;
}

static int sync_each(struct checkpoint_job *j, struct err *e)
{
	int rc = 0;
	size_t i;

	for (i = 0; !rc && i < j->files.n; i++)
		rc = sync_file(j->files.v[i], e);
	for (i = 0; !rc && i < j->dirs.n; i++)
		if (vfs()->fsync_dir(j->dirs.v[i]) && errno != ENOENT)
			rc = err_sys(e, TQ_EIO, "cannot sync '%s'", j->dirs.v[i]);
	if (!rc && j->dirs.n && vfs()->fsync_dir(j->s->cq.dir))
		rc = err_sys(e, TQ_EIO, "cannot sync '%s'", j->s->cq.dir);
	return rc;
}

/* One sync of everything costs less than thousands of single ones. */
static int sync_filesystem(const char *dir, struct err *e)
{
	int fd = open_later(dir, O_RDONLY | O_DIRECTORY), rc = 0;

	if (fd < 0 || vfs()->syncfs(fd))
		rc = err_sys(e, TQ_EIO, "cannot sync the filesystem of '%s'", dir);
	if (fd >= 0)
		vfs()->close(fd);
	return rc;
}

/* It only saves time: without it a start looks at the directories. */
static void write_roster(struct checkpoint_job *j)
{
	char *path = retention_roster_path(j->s);
	struct err e = ERR_INIT;

	if (j->roster.n && fsio_replace(path, buf_str(&j->roster), 0640, &e))
		log_every(60, LOG_WARN_, "store", "%s", e.msg);
	mem_free(path);
}

static void checkpoint_run(void *arg)
{
	struct checkpoint_job *j = arg;
	struct err e = ERR_INIT;
	int rc;

	write_roster(j);
	if (j->sync_all)
		rc = sync_filesystem(j->s->dir, &e);
	else
		rc = sync_each(j, &e);
	if (!rc && j->with_index)
		rc = index_sync(&j->s->index, &j->synced.index, &e);
	if (rc)
		log_error("store", "checkpoint: %s", e.msg);
	j->rc = rc;
	j->done = true;
}

/* Store time of the newest record whose unit is in the files. */
static int64_t queued_ms(struct store *s, int64_t queued)
{
	const struct segment *g = commitlog_find(&s->log, queued);
	int64_t end = commitlog_appended(&s->log);

	if (g && record_peek(g, queued, end))
		return MIN(s->last_ms, record_store_ms(g->map + (queued - g->base)));
	return s->last_ms;
}

static void start_job(struct store *s, bool now, bool with_index)
{
	struct checkpoint_job *j = mem_alloc(sizeof(*j));
	int64_t end = commitlog_appended(&s->log);

	j->s = s;
	j->synced = s->synced;
	j->synced.queued = cq_written_phys(&s->cq, end);
	j->has_digest = !s->cq.dirty && !s->cq.batch;
	j->synced.digest = s->cq.digest;
	j->synced.queue_file_bytes = s->cq.file_bytes;
	j->times.queue_ms = j->times.log_ms = queued_ms(s, j->synced.queued);
	j->times.index_ms = s->index.sealed_ms ? s->index.sealed_ms : s->times.index_ms;
	j->with_index = with_index;
	if (!now && roster_wanted(&s->cq))
		roster_print(&s->cq, ROSTER_RUNNING, j->synced.queued, &j->roster);
	j->sync_all = !cq_take_unsynced(&s->cq, MANY_FILES, &j->files, &j->dirs);
	s->job = j;
	work_post(&s->work, checkpoint_run, j);
}

/* 0 also while it is still running. */
static int finish_job(struct store *s, struct err *e)
{
	struct checkpoint_job *j = s->job;
	int rc;

	if (!j || !j->done)
		return 0;
	if (j->forget_roster)
		unlink_roster(s);
	j->forget_roster = false;
	rc = j->rc;
	if (rc) { /* what was not synced now will not be told apart later: give up, as with the log */
		store_set_read_only(s, "queue files could not be synced");
		err_set(e, TQ_EIO, "queue files could not be synced");
	} else if (store_durable(s) < j->synced.queued) {
		return 0;
	} else {
		j->synced.watermark = store_durable(s);
		j->synced.has_digest = j->has_digest;
		s->synced = j->synced;
		s->times = j->times;
		(void)((rc = checkpoint_write_synced(&s->ckpt, &s->synced, e)) ||
			(rc = checkpoint_write_times(&s->ckpt, &s->times, e)));
	}
	job_free(j);
	s->job = NULL;
	return rc;
}

int retention_checkpoint(struct store *s, bool now, bool with_index, struct err *e)
{
	int rc = finish_job(s, e);

	if (rc || (s->job && !now))
		return rc;
	if (s->job) { /* helper ended: the job is done, only the log was behind */
		job_free(s->job);
		s->job = NULL;
	}
	if (now)
		rc = cq_write_out(&s->cq, INT32_MAX, e);
	if (rc)
		return rc;
	start_job(s, now, with_index);
	return now ? finish_job(s, e) : 0;
}

static int carry(struct store *s, struct buf *roster, struct err *e)
{
	char *path = retention_roster_path(s);
	int rc = 0;

	if (s->cq.sync_all) /* what is taken for synced must be */
		rc = sync_filesystem(s->dir, e);
	if (!rc)
		rc = fsio_replace(path, buf_str(roster), 0640, e);
	if (!rc)
		rc = index_sync(&s->index, &s->synced.index, e);
	mem_free(path);
	if (rc)
		return rc;
	s->synced.carried = s->synced.has_digest = true;
	s->synced.digest = s->cq.digest;
	s->synced.queue_file_bytes = s->cq.file_bytes;
	s->times.log_ms = s->last_ms; /* that of the queues stays: they are behind */
	s->times.index_ms = s->index.sealed_ms ? s->index.sealed_ms : s->times.index_ms;
	return checkpoint_write_times(&s->ckpt, &s->times, e);
}

int retention_carry(struct store *s, bool *carried, struct err *e)
{
	struct buf roster;
	int rc;

	*carried = false;
	(void)((rc = cq_batch_collect(&s->cq, true, e)) || (rc = finish_job(s, e)));
	if (rc || !roster_should_carry(&s->cq))
		return rc;
	roster_print(&s->cq, ROSTER_CARRIED, commitlog_appended(&s->log), &roster);
	*carried = !buf_err(&roster);
	if (*carried)
		rc = carry(s, &roster, e);
	buf_release(&roster);
	return rc;
}

void retention_release(struct store *s)
{
	job_free(s->job);
	s->job = NULL;
}

static void checkpoint_tick(struct store *s)
{
	struct err e = ERR_INIT;

	if (s->read_only)
		return;
	if (finish_job(s, &e))
		log_every(60, LOG_ERROR_, "store", "checkpoint: %s", e.msg);
	if (s->synced.watermark != store_durable(s)) {
		s->synced.watermark = store_durable(s);
		if (checkpoint_write_synced(&s->ckpt, &s->synced, &e))
			log_every(60, LOG_ERROR_, "store", "%s", e.msg);
	}
	if (clock_mono_ms() - s->checkpoint_at_ms < EVERY_MS ||
		s->synced.queued == commitlog_appended(&s->log) || s->job)
		return;
	s->checkpoint_at_ms = clock_mono_ms();
	if (retention_checkpoint(s, false, ++s->checkpoints % INDEX_EVERY == 0, &e))
		log_every(60, LOG_ERROR_, "store", "checkpoint: %s", e.msg);
}

void retention_tick(struct store *s, int64_t now_ms, int64_t retention_ms)
{
	bool due = now_ms - s->retention_at_ms >= EVERY_MS;

	checkpoint_tick(s);
	aging_tick(s, due);
	if (!due && !must_clean(s))
		return;
	s->retention_at_ms = now_ms;
	clean_log(s, retention_ms);
	follow_log(s);
}
