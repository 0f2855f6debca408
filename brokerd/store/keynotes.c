/* SPDX-License-Identifier: Apache-2.0 */
/* A ring with one writer and one reader, each with a count of its own that only it moves. */
#include "brokerd/store/keynotes.h"

#include <stdatomic.h>

#include "mem.h"

#define NOTES 4096u /* a power of two: a few times what comes between two jobs of the index */

void keynotes_init(struct keynotes *k)
{
	k->ring = mem_array(NOTES, sizeof(*k->ring));
	k->added = k->taken = 0;
}

void keynotes_release(struct keynotes *k)
{
	mem_free(k->ring);
	k->ring = NULL;
}

void keynotes_add(struct keynotes *k, const struct keynote *n)
{
	uint32_t at = atomic_load_explicit(&k->added, memory_order_relaxed);

	if (at - atomic_load_explicit(&k->taken, memory_order_acquire) >= NOTES)
		return;
	k->ring[at % NOTES] = *n;
	atomic_store_explicit(&k->added, at + 1, memory_order_release);
}

const struct keynote *keynotes_at(struct keynotes *k, int64_t phys)
{
	uint32_t end = atomic_load_explicit(&k->added, memory_order_acquire);
	uint32_t begin = atomic_load_explicit(&k->taken, memory_order_relaxed), at = begin;

	while (at != end && k->ring[at % NOTES].phys < phys)
		at++;
	if (at != begin)
		atomic_store_explicit(&k->taken, at, memory_order_release);
	return at != end && k->ring[at % NOTES].phys == phys ? &k->ring[at % NOTES] : NULL;
}
