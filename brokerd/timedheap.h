/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timedheap: what is due soon, the earliest first; equal times by sequence number. At most
 * TIMEDHEAP_MAX items: a push into a full heap first drops the later half.
 */
#ifndef TDMQ_TIMEDHEAP_H
#define TDMQ_TIMEDHEAP_H

#include "base.h"

#define TIMEDHEAP_MAX 65536

struct timed_item {
	int64_t due, seq, phys; /* ms since 1970; order of acceptance; record in the log */
};

struct timedheap {
	struct timed_item *v; /* owned; v[0] is the earliest */
	size_t n, cap;
};

int timed_item_cmp(const struct timed_item *a, const struct timed_item *b);
/*
 * True: there was no room, and all from *dropped on was let go of, the item itself perhaps among
 * it.
 */
bool timedheap_push(
	struct timedheap *h, const struct timed_item *it, struct timed_item *dropped);
void timedheap_pop(struct timedheap *h); /* v[0], which must be there */
/* False: it is not there. */
bool timedheap_remove(struct timedheap *h, const struct timed_item *it);
void timedheap_release(struct timedheap *h);

#endif
