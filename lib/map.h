/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map: uthash, set up once: a seeded hash, because names come from strangers, and our
 * out-of-memory policy. Include this, never <uthash.h>. Lists: <utlist.h>.
 */
#ifndef TDMQ_MAP_H
#define TDMQ_MAP_H

#include "mem.h"
#include "str.h"

#define HASH_FUNCTION(key, len, hashv) \
	((hashv) = (unsigned)str_hash((struct str){ (const char *)(key), (len) }))
#define uthash_malloc(n) mem_alloc(n)
#define uthash_free(p, n) mem_free(p)
#define uthash_fatal(text) BUG_ON(text)

#include <uthash.h>

/* Safe to delete the current element. */
#define map_foreach(head, el, tmp) HASH_ITER (hh, head, el, tmp)

#endif
