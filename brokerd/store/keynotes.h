/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keynotes: what the index needs of a record, noted by the loop while it has the record at hand,
 * for whoever builds the index. That spares the other thread to fetch the record from this one's
 * cache, to take it apart and to look for its keys.
 *
 *	loop		keynotes_add(&k, &note);	in order of phys
 *	index_build()	n = keynotes_at(&k, at);	one thread at a time: under the index' lock
 *
 * A note is a hint and never more: it says what is in the record at phys, not that the record is
 * written. Where there is none (the ring was full, an older process wrote the record) the record is
 * read.
 */
#ifndef TDMQ_STORE_KEYNOTES_H
#define TDMQ_STORE_KEYNOTES_H

#include "base.h"

#define KEYNOTE_HASHES 2

struct keynote {
	int64_t phys, store_ms;
	uint32_t size; /* of the record */
	uint32_t n;
	uint32_t hash[KEYNOTE_HASHES];
};

struct keynotes {
	struct keynote *ring; /* owned */
	_Atomic uint32_t added, taken; /* counts, of the loop and of the reader */
};

void keynotes_init(struct keynotes *k);
void keynotes_release(struct keynotes *k);
void keynotes_add(struct keynotes *k, const struct keynote *n);
/* The note of the record at phys, borrowed until the next call; NULL. Forgets those before it. */
const struct keynote *keynotes_at(struct keynotes *k, int64_t phys);

#endif
