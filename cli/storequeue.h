/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storequeue: the queues of a store directory, read offline: which there are, what they hold, and
 * the units of one, cheapest in order. See storelog.h.
 */
#ifndef TDMQCTL_STOREQUEUE_H
#define TDMQCTL_STOREQUEUE_H

#include "err.h"
#include "map.h"
#include "mem.h"
#include "str.h"

#define STORE_QUEUE_DIR "consumequeue"
#define STORE_UNIT 20

struct storequeue_unit {
	int64_t phys;
	uint32_t size;
	int64_t tags;
};

struct storequeue {
	char *id; /* owned: topic/queue, the key */
	struct str topic; /* slice of id */
	int number;
	int64_t file_bytes, bytes; /* of a file; of all */
	int64_t first,
		max; /* queue offsets: of the first file's beginning, behind the last unit */
	int n_files;
	bool odd; /* files that are not adjacent or of one length, or strangers */
	char *ahead; /* owned: units read ahead */
	int64_t ahead_at;
	int ahead_n;
	int64_t seen, wrong, wrong_at, missing, missing_at; /* for whoever compares */
	UT_hash_handle hh;
};

/* brokerd's file `deleted`: records of the topic below end are dead, and no queue leads to them. */
struct storegrave {
	int64_t end;
	UT_hash_handle hh;
	size_t n;
	char topic[];
};

struct storequeues {
	char *dir; /* owned */
	struct storequeue *map;
	struct storegrave *graves;
	size_t n;
	int read_ahead; /* units */
};

int storequeues_open(struct storequeues *s, const char *dir, struct err *e) MUST_USE;
void storequeues_close(struct storequeues *s);
struct storequeue *storequeues_find(struct storequeues *s, struct str topic, int number);
/* As find; an empty one, not there on the disk, is made if need be. */
struct storequeue *storequeues_get(struct storequeues *s, struct str topic, int number);
/* False: no such unit, or it cannot be read. */
bool storequeue_unit(
	struct storequeues *s, struct storequeue *q, int64_t off, struct storequeue_unit *u);
/* First unit that points at or behind phys; max if there is none. */
int64_t storequeue_from(struct storequeues *s, struct storequeue *q, int64_t phys);
/* Where the log ended when the topic was deleted; -1: it was not. */
int64_t storequeues_deleted(const struct storequeues *s, struct str topic);
/* By topic and number; the array is the caller's, free with mem_free(). */
struct storequeue **storequeues_sorted(const struct storequeues *s);

#endif
