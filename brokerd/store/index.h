/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index: from a key to commit log offsets, as hash files of Apache's form:
 *
 *	header 40: begin ms 8 | end ms 8 | begin offset 8 | end offset 8 | slots used 4 | next entry 4
 *	slots 4 each: newest entry with that hash, or 0
 *	entries 20 each, from number 1: hash 4 | offset 8 | seconds since begin 4 | previous entry 4
 *
 * It is made from the commit log behind a watermark, by index_build() on whatever thread: a work
 * thread now and then, a query before it looks. Records whose keys the loop has noted need not be
 * read for that (keynotes.h); the watermark moves over them as over any other. What is beyond the last synced entry count is
 * forgotten at a start after a crash and made again.
 */
#ifndef TDMQ_STORE_INDEX_H
#define TDMQ_STORE_INDEX_H

#include <pthread.h>

#include "buf.h"
#include "err.h"
#include "brokerd/store/commitlog.h"
#include "brokerd/store/keynotes.h"

/* How far the files on disk can be trusted after a crash. */
struct index_safe {
	int64_t phys; /* records below are in the index */
	int64_t name; /* number that is the newest file's name; 0: no file */
	int32_t count; /* its next entry number */
};

struct index {
	char *dir; /* owned */
	int32_t slots, entries;
	pthread_mutex_t lock; /* of all below */
	struct index_file **files; /* owned, oldest first */
	int n, cap;
	struct keynotes notes; /* added to by the loop, without the lock */
	int64_t retry_ms;
	_Atomic int32_t
		mend_to; /* the newest file is to be cut to this count first; 0: it is right */
	_Atomic int64_t indexed; /* records below are in */
	_Atomic int64_t sealed_ms; /* end time of the last full file, for the checkpoint */
	_Atomic bool stop;
};

/*
 * Opens the files of dir and decides where index_build() goes on: at safe->phys where `safe` is
 * known and fits the files, else behind the newest entry. After a crash (`clean` false) what
 * `safe` does not cover is forgotten; without `safe`, files that end after trusted_ms are.
 */
int index_open(struct index *ix, const char *dir, int32_t slots, int32_t entries, bool clean,
	const struct index_safe *safe, int64_t trusted_ms, int64_t log_min,
	struct err *e) MUST_USE;
void index_close(struct index *ix);

/* On the loop: the values of UNIQ_KEY and KEYS that m, just appended with `size` bytes, has. */
void index_note(struct index *ix, const struct message *m, uint32_t size, struct str unique,
	struct str keys);

/* Takes in at most max records up to `until`. False when there is no more, or no room, now. */
bool index_build(struct index *ix, struct commitlog *cl, int64_t until, int max);
/* Syncs what is there and tells how far that is. May take long. */
int index_sync(struct index *ix, struct index_safe *safe, struct err *e);

/* Newest first until max are found, then sorted by offset. Keys are not compared, as Apache. */
int index_query(struct index *ix, struct str topic, struct str key, int max, int64_t begin_ms,
	int64_t end_ms, int64_t *phys, int64_t *last_ms, int64_t *last_phys);
/* Removes leading files that end below min_phys; the last stays. */
void index_expire(struct index *ix, int64_t min_phys);

#endif
