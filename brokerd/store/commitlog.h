/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commitlog: all records, one sequence of bytes cut into files of equal length:
 *
 *	record record ... | blank: left 4, magic 4, zeros | next file
 *
 * A record never crosses a file; "blank" is written when the next record and 8 more bytes do not
 * fit, so every full file ends in one (Apache's reader loses all later files without it).
 *
 *	commitlog_room(cl, n, &p, e);	memory for n bytes at cl->end, rolling to a new file if needed
 *	cl->end += n;			as often as you like
 *	commitlog_commit(cl, e);	one pwritev; now commitlog_get() finds them
 *
 * The loop owns it. Other threads may call commitlog_get() and commitlog_segment(), which take the
 * list's lock; the loop changes the list under it.
 *
 * The format is Apache's and has no version of ours: a change of it is a new magic number, with
 * the old reader kept.
 */
#ifndef TDMQ_STORE_COMMITLOG_H
#define TDMQ_STORE_COMMITLOG_H

#include <pthread.h>

#include "err.h"
#include "message.h"
#include "brokerd/store/segment.h"

/* Smallest and largest total length a record can have. */
#define RECORD_MIN (MESSAGE_FIXED + 1)
#define RECORD_MAX (MESSAGE_MAX_BODY + (64 << 10) + 1024)

struct commitlog {
	char *dir; /* owned */
	int64_t file_bytes;
	int64_t missing; /* bytes of files that were not there between others */
	bool mended; /* files were found shorter than they were */
	struct segment **segs; /* owned, ascending */
	int n, cap;
	pthread_mutex_t lock; /* of segs and n, for other threads */
	int64_t end; /* where the next record goes, this turn's included */
	int64_t written; /* handed to the kernel up to here */
	_Atomic int64_t appended; /* readable up to here */
	char *turn; /* owned: bytes [written, end) */
	size_t turn_cap, turn_peak;
	int failed; /* code of the first failed write: no more writing */
	/* Told of each file that got bytes, before `appended` moves: the flush thread must sync it. */
	void (*on_write)(void *arg, struct segment *g);
	void *on_write_arg;
};

/*
 * Opens the files of dir, making it if needed. file_bytes counts for an empty one only. Entries
 * that are no commit log files are named in a warning and left alone.
 */
int commitlog_open(
	struct commitlog *cl, const char *dir, int64_t file_bytes, struct err *e) MUST_USE;
void commitlog_close(struct commitlog *cl); /* drops what was not committed */

/* The end is at off: everything from there on is cleared, later files removed. */
int commitlog_set_end(struct commitlog *cl, int64_t off, struct err *e) MUST_USE;
/* The same when nothing follows: nothing to clear. */
void commitlog_at_end(struct commitlog *cl, int64_t off);

/*
 * n contiguous bytes of this turn, at cl->end; the caller fills them and adds n to cl->end.
 * TQ_ENOSPACE, TQ_ETOOBIG leave the turn as it was.
 */
int commitlog_room(struct commitlog *cl, size_t n, char **p, struct err *e) MUST_USE;
int commitlog_commit(struct commitlog *cl, struct err *e) MUST_USE;
void commitlog_trim_memory(
	struct commitlog *cl); /* on a timer: gives back an idle turn buffer */

static inline int64_t commitlog_min(const struct commitlog *cl)
{
	return cl->n ? cl->segs[0]->base : 0;
}

static inline int64_t commitlog_appended(const struct commitlog *cl)
{
	return cl->appended;
}

/* The file that holds off, referenced; NULL if there is none. Any thread. */
struct segment *commitlog_segment(struct commitlog *cl, int64_t off);
/* The file that holds off or the first behind it, referenced. Any thread. */
struct segment *commitlog_segment_from(struct commitlog *cl, int64_t off);
/* As commitlog_segment() on the loop, borrowed. */
struct segment *commitlog_find(const struct commitlog *cl, int64_t off);
/* The first file that begins after off, borrowed; NULL. Loop. */
struct segment *commitlog_after(const struct commitlog *cl, int64_t off);
/* Takes the first file off the list; the caller unlinks it and drops the reference. */
struct segment *commitlog_shift(struct commitlog *cl);

enum record_kind {
	RECORD_GOOD,
	RECORD_BLANK, /* rest of the file is filler */
	RECORD_END, /* zeros: nothing was written here */
	RECORD_BAD,
};
/*
 * What stands at off of segment g, looking no further than `limit`: magic, length, own offset and
 * all inner lengths agree. *m borrows from the map. CRC only when asked.
 */
enum record_kind record_at(
	const struct segment *g, int64_t off, int64_t limit, bool crc, struct message *m);
/* Its first bytes only: magic, length and own offset; 0 or the length. For reading by offset. */
uint32_t record_peek(const struct segment *g, int64_t off, int64_t limit);
/* Store time of a peeked record. */
int64_t record_store_ms(const char *record);

/* First sound record (CRC too) at or after off in g and below limit; their end if there is none. */
int64_t record_resync(const struct segment *g, int64_t off, int64_t limit);

#endif
