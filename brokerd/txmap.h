/* SPDX-License-Identifier: Apache-2.0 */
/*
 * txmap: which half messages are ended, by offset in their queue: one bit each, from the first
 * one that is not. What is before that is ended.
 */
#ifndef TDMQ_TXMAP_H
#define TDMQ_TXMAP_H

#include "base.h"

struct txmap;

struct txmap *txmap_new(int64_t first);
void txmap_free(struct txmap *m);
/* True when it was not ended before. Too far ahead of the first, it cannot be noted: false. */
bool txmap_end(struct txmap *m, int64_t off);
bool txmap_is_ended(const struct txmap *m, int64_t off);
int64_t txmap_first(const struct txmap *m); /* the first one that is not ended */
int64_t txmap_next(const struct txmap *m, int64_t off); /* the same, at or behind off */

#endif
