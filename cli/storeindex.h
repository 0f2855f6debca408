/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storeindex: the key index of a store directory, read offline and compared with the log in one
 * pass: entries stand in the order of the records. See storelog.h.
 *
 *	storeindex_open(&ix, dir, e);
 *	for each sound record, in order: storeindex_record(&ix, &m);
 *	storeindex_finish(&ix, log_min);
 */
#ifndef TDMQCTL_STOREINDEX_H
#define TDMQCTL_STOREINDEX_H

#include "err.h"
#include "mem.h"
#include "message.h"

#define STORE_INDEX_DIR "index"

struct storeindex_file {
	char *path; /* owned */
	int64_t name, bytes;
	int64_t begin_ms, end_ms, begin_phys, end_phys;
	int32_t count; /* next entry number */
	int32_t slots, entries; /* 0: of sizes that cannot be told from its length */
	const char *bad; /* what is wrong with it; NULL */
};

struct storeindex {
	struct storeindex_file *files; /* owned, oldest first */
	size_t n, cap;
	struct buf key; /* scratch */
	/* where the comparison is */
	size_t i; /* file */
	int fd;
	int32_t at; /* number of the next entry to be read */
	int32_t *heads; /* owned: newest entry of each slot, as it should be */
	char *page; /* owned */
	int32_t page_at, page_n;
	bool begun; /* the first entry's record was met */
	int64_t matched, missing, missing_at, extra, chains; /* chains: broken ones */
};

int storeindex_open(struct storeindex *ix, const char *dir, struct err *e) MUST_USE;
void storeindex_close(struct storeindex *ix);
void storeindex_record(struct storeindex *ix, const struct message *m);
void storeindex_finish(struct storeindex *ix, int64_t log_min);
/* Behind the last record that has entries. */
int64_t storeindex_end(const struct storeindex *ix);

#endif
