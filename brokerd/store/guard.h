/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard: reading mapped files that may not be there. A page of a map that the disk cannot give, or
 * that lies beyond the end of a file somebody truncated, is a SIGBUS; here it is a false.
 *
 *	if (!guard_touch(p, n))
 *		return err_set(e, TQ_EIO, ...);
 *	... read p[0] to p[n - 1]
 *
 * A page can still go between the two, when memory is short and the disk fails in that moment:
 * then the process ends, as it would have without.
 */
#ifndef TDMQ_STORE_GUARD_H
#define TDMQ_STORE_GUARD_H

#include "base.h"

#define GUARD_PAGE 4096

/* Reads a byte of each page of [p, p + n). Waits for the disk where it must. Any thread. */
bool guard_touch(const char *p, size_t n);

#endif
