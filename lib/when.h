/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when: points in time and spans of it, as people write and read them. Instants are milliseconds
 * since 1970.
 *
 *	rc = when_parse(STR("-30m"), clock_wall_ms(), false, &since_ms, e);
 */
#ifndef TDMQ_WHEN_H
#define TDMQ_WHEN_H

#include "buf.h"
#include "err.h"
#include "str.h"

/*
 * RFC 3339 (zone and fraction optional, 'T' or a blank), 2026-03-01, 14:30 (today), now, today,
 * yesterday, 30m or -30m (ago), +10m (from now), epoch seconds (up to 11 digits) or milliseconds
 * (12 and 13), @epoch to force those, and mqadmin's 2026-03-01#14:30:00:000. Without a zone: UTC
 * if utc, else TZ.
 */
int when_parse(struct str s, int64_t now_ms, bool utc, int64_t *out_ms, struct err *e);
/* "2026-03-01T08:00:00.000+08:00", or "...Z" if utc. */
void when_rfc3339(struct buf *b, int64_t ms, bool utc);
/* "2026-03-01 08:00:00": for tables. */
void when_short(struct buf *b, int64_t ms, bool utc);
/* "2m10s", at most the two largest units, cut: for tables. */
void when_span(struct buf *b, int64_t ms);
/* "2m10s", every unit, reads back to the same number; "0s" for none. */
void when_span_exact(struct buf *b, int64_t ms);

#endif
