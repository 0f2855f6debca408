/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlcache: SQL92 filters by their text, so that a filter is read once and not for each pull. The
 * least used goes when there are SQLCACHE_MAX. What cannot be read is not kept. On the loop.
 */
#ifndef TDMQ_SQLCACHE_H
#define TDMQ_SQLCACHE_H

#include "sql92.h"

#define SQLCACHE_MAX 128 /* some 50 KiB each, at most */

struct sqlcache;

struct sqlcache *sqlcache_new(void);
void sqlcache_free(struct sqlcache *c);
/* As sql_parse(); *out is borrowed until the next call. */
int sqlcache_get(
	struct sqlcache *c, struct str text, const struct sql **out, struct err *e) MUST_USE;
int sqlcache_count(const struct sqlcache *c);

#endif
