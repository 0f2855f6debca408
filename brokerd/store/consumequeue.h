/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumequeue: per (topic, queue), where its messages are: units of 20 bytes in files of equal
 * length under DIR/TOPIC/QUEUE/, named by the byte offset of their first unit.
 *
 *	offset in the commit log 8 | record size 4 | tags code 8
 *
 * The latest units of a queue are kept in memory, written ones too: whoever reads at the end
 * reads memory. They are written to the files some at a time (cq_batch_begin) and synced at a
 * checkpoint; until then the commit log is what holds them, and recovery reads it again. Where
 * the disk is full, units wait in memory.
 *
 * The loop owns all of it. A queue costs about 150 bytes; open files are few (CQ_FDS).
 */
#ifndef TDMQ_STORE_CONSUMEQUEUE_H
#define TDMQ_STORE_CONSUMEQUEUE_H

#include "err.h"
#include "map.h"
#include "strv.h"

#define CQ_UNIT 20
#define CQ_FILLER 0x7fffffffu /* size of a unit that stands for nothing */
#define CQ_FDS 64
#define CQ_READ_UNITS 800 /* at most so many are looked at in one read */
#define CQ_READS 8 /* readers far behind that do not ask for the same units again */

struct queue {
	UT_hash_handle hh;
	uint64_t digest; /* of its name */
	int64_t max; /* readable units end here */
	int64_t next; /* next offset to give out: max and what this turn appended */
	int64_t first; /* first unit of its first file; -1: no file yet */
	int64_t min; /* first readable unit, when the log began at min_for */
	int64_t min_for;
	int64_t written; /* in the files up to here */
	int64_t synced; /* and synced up to here */
	char *tail; /* owned: units [tail_at, max), NULL when idle */
	int64_t tail_at;
	int tail_cap; /* units */
	bool made; /* its directory is there */
	bool writing; /* a batch has units of it */
	bool fresh; /* entries of new directories and files are not synced */
	int64_t dirty_phys; /* record of its oldest unwritten unit */
	struct queue *prev, *next_dirty; /* unwritten units, oldest first */
	struct queue *prev_unsynced, *next_unsynced;
	struct queue *prev_warm, *next_warm; /* holds a tail */
	int32_t id;
	uint16_t floor, floor_turn; /* aging.c's: which it has, and since when it knows */
	uint8_t topic_n;
	char key[]; /* topic, then the id */
};

/* Units of a file as they were read: what is written there never changes. */
struct cq_read {
	const struct queue *q; /* NULL: nothing */
	int64_t at;
	int n;
	char units[CQ_READ_UNITS * CQ_UNIT];
};

struct cq {
	char *dir; /* owned */
	int64_t file_bytes;
	struct queue *map;
	struct queue *dirty, *unsynced, *warm;
	uint64_t digest; /* sum over queues of digest * max */
	struct cq_batch *batch; /* under way, or NULL */
	bool full; /* the last write met a full disk; what waits, waits */
	int failed; /* code of a failed write: the store must go read-only */
	int64_t lost; /* files of unexpected length met while loading */
	bool sync_all; /* what was written before this start may not be synced */
	struct cq_fd {
		struct queue *q;
		int64_t file;
		int fd;
	} fds[CQ_FDS];
	char read[CQ_READ_UNITS * CQ_UNIT];
	struct cq_read *reads; /* owned; NULL before the first */
	unsigned reads_turn; /* which is overwritten next */
};

struct cq_unit {
	int64_t phys;
	uint32_t size;
	int64_t tags;
};

void cq_init(struct cq *c, const char *dir, int64_t file_units);
/*
 * Finds all queues of the directory. Units from the first that is empty or lies at or beyond
 * `limit` on do not count; they are cleared if `clear`.
 */
int cq_load(struct cq *c, int64_t limit, bool clear, struct err *e) MUST_USE;
/* A queue that is not there yet, as the roster has it; its units of [from, max) wait to be written. */
struct cq_known {
	int id;
	bool made;
	int64_t first, from, max;
	const char *units; /* copied */
};
void cq_load_known(struct cq *c, struct str topic, const struct cq_known *k);
void cq_load_done(struct cq *c); /* after the last one: the order of what waits is right */
void cq_forget_all(struct cq *c);
void cq_release(struct cq *c);
/* Stable across processes. */
uint64_t cq_name_digest(const char *p, size_t n);

/* Borrowed; NULL if it is not there. */
struct queue *cq_find(struct cq *c, struct str topic, int id);
struct queue *cq_get(
	struct cq *c, struct str topic, int id); /* made if needed, in memory only */
static inline struct str queue_topic(const struct queue *q)
{
	return (struct str){ q->key, q->topic_n };
}

/* The unit at q->max. Kept in memory; written soon, or now when many wait. */
void cq_put(struct cq *c, struct queue *q, const struct cq_unit *u);
/*
 * Goes on at off: units up to there stand for nothing, and point where the next record is, so
 * that offsets still ascend. Only for recovery.
 */
void cq_skip_to(struct cq *c, struct queue *q, int64_t off, int64_t phys);

/* Writes what waits, oldest queue first, at most `max` queues. On TQ_ENOSPACE they go on waiting. */
int cq_write_out(struct cq *c, int max, struct err *e);
/*
 * The same on another thread: cq_batch_begin() takes what waits of at most `max` queues, oldest
 * first (NULL: nothing waits), cq_batch_run() writes it, there, and frees its hold. The loop takes
 * the outcome in with cq_batch_collect(), which does nothing while it goes on; with `stop` it ends
 * first, and what was not written waits again. One at a time.
 */
struct cq_batch *cq_batch_begin(struct cq *c, int max);
void cq_batch_run(void *batch);
int cq_batch_collect(struct cq *c, bool stop, struct err *e);
int64_t cq_batch_oldest(const struct cq_batch *b); /* record of its first unit */
/* All records below this have their units in the files; `end` if nothing waits. */
int64_t cq_written_phys(const struct cq *c, int64_t end);
/*
 * Paths of files and directories that must be synced so that what is written is durable. False:
 * there are more than `max`, and all of the filesystem must.
 */
bool cq_take_unsynced(struct cq *c, size_t max, struct strv *files, struct strv *dirs);
void cq_trim_memory(struct cq *c, int max); /* on a timer: frees tails that nothing waits in */

/*
 * Up to n units from off on, contiguous, borrowed until the next call; less than n at the end of
 * a file. NULL: there are none to be had (hole, lost file).
 */
const char *cq_units(struct cq *c, struct queue *q, int64_t off, int n, int *got);
/* Whether cq_units() from off on would find them in memory. They are kept for it, and for what comes next. */
bool cq_resident(struct cq *c, struct queue *q, int64_t off);
/* The file that holds the unit at off, and its place there. The caller's. */
char *cq_path(const struct cq *c, const struct queue *q, int64_t off, int64_t *at);
struct cq_unit cq_unit_at(const char *p);
bool cq_one(struct cq *c, struct queue *q, int64_t off, struct cq_unit *out);
static inline int64_t cq_file_units(const struct cq *c)
{
	return c->file_bytes / CQ_UNIT;
}

/*
 * First unit that does not point below min_phys, leading filler left out. If there is none: as it
 * was, or q->max with may_end.
 */
int64_t cq_min(struct cq *c, struct queue *q, int64_t min_phys, bool may_end);
/* Removes leading files all of whose units point below min_phys; the last file stays. */
void cq_expire(struct cq *c, struct queue *q, int64_t min_phys);
/* Forgets the queues of a topic; its directory is moved to `to`. */
int cq_drop_topic(struct cq *c, struct str topic, const char *to, struct err *e);
/* Forgets what one queue has, files too. */
int cq_reset(struct cq *c, struct queue *q, struct err *e);

#endif
