/* SPDX-License-Identifier: Apache-2.0 */
/* timedheap: a binary heap. Sorted items are one too, which makes dropping the later half easy. */
#include "timedheap.h"

#include <stdlib.h>

#include "mem.h"

int timed_item_cmp(const struct timed_item *a, const struct timed_item *b)
{
	if (a->due != b->due)
		return a->due < b->due ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static int by_time(const void *a, const void *b)
{
	return timed_item_cmp(a, b);
}

static void insert(struct timedheap *h, const struct timed_item *it)
{
	size_t i = h->n++;

	for (; i && timed_item_cmp(it, &h->v[(i - 1) / 2]) < 0; i = (i - 1) / 2)
		h->v[i] = h->v[(i - 1) / 2];
	h->v[i] = *it;
}

bool timedheap_push(
	struct timedheap *h, const struct timed_item *it, struct timed_item *dropped)
{
	bool full = h->n == TIMEDHEAP_MAX;

	if (full) {
		qsort(h->v, h->n, sizeof(*h->v), by_time);
		h->n /= 2;
		*dropped = h->v[h->n];
		if (timed_item_cmp(it, dropped) >= 0)
			return true;
	}
	if (h->n == h->cap) {
		h->cap = h->cap ? 2 * h->cap : 64;
		h->v = mem_grow(h->v, h->cap * sizeof(*h->v));
	}
	insert(h, it);
	return full;
}

void timedheap_pop(struct timedheap *h)
{
	struct timed_item last = h->v[--h->n];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && timed_item_cmp(&h->v[child + 1], &h->v[child]) < 0)
			child++;
		if (timed_item_cmp(&last, &h->v[child]) <= 0)
			break;
		h->v[i] = h->v[child];
		i = child;
	}
	h->v[i] = last;
}

bool timedheap_remove(struct timedheap *h, const struct timed_item *it)
{
	size_t n = h->n;

	for (size_t i = 0; i < n; i++) {
		if (timed_item_cmp(&h->v[i], it))
			continue;
		h->v[i] = h->v[--h->n];
		qsort(h->v, h->n, sizeof(*h->v), by_time); /* rare: operators do this by hand */
		return true;
	}
	return false;
}

void timedheap_release(struct timedheap *h)
{
	mem_free(h->v);
	memset(h, 0, sizeof(*h));
}
