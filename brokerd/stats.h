/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: what was done how often. Totals since the start, and rates over the last 10 seconds,
 * minute and 10 minutes from samples taken each second.
 *
 *	stats_add(b->stats, STAT_PUT, 1);
 *	stats_rate(b->stats, STAT_PUT, 60)
 */
#ifndef TDMQ_STATS_H
#define TDMQ_STATS_H

#include "base.h"
#include "str.h"

enum stat_what {
	STAT_PUT, /* messages stored for clients */
	STAT_PUT_BYTES, /* their records */
	STAT_PUT_FAILED,
	STAT_GET_FOUND, /* pulls answered with messages */
	STAT_GET_MISS, /* pulls answered without */
	STAT_GET, /* messages handed out */
	STAT_GET_BYTES,
	STAT_REQUESTS,
	STAT_ERRORS, /* answers other than 0 and the pull's own 19, 20 */
	STAT_ACCEPTED, /* connections */
	STAT_REFUSED,
	STAT_SEND_BACK,
	STAT_COUNT
};

struct stats;

struct stats *stats_new(void);
void stats_free(struct stats *s);
void stats_add(struct stats *s, enum stat_what what, int64_t n);
int64_t stats_total(const struct stats *s, enum stat_what what);
/* Per second over the last `seconds` (at most 600); what is there if the start is nearer. */
double stats_rate(const struct stats *s, enum stat_what what, int seconds);
void stats_tick(struct stats *s); /* each second */
/* The total as it was at the last local midnight (days_ago 0) and the one before (1). */
int64_t stats_morning(const struct stats *s, enum stat_what what, int days_ago);

/* Per topic or (topic, group): "TOPIC_PUT_NUMS", "t"; "GROUP_GET_NUMS", "t@g". */
enum stat_kind { STAT_TOPIC_PUT, STAT_GROUP_GET, STAT_SEND_BACK_OF, STAT_KINDS };
void stats_key_add(struct stats *s, enum stat_kind k, struct str a, struct str b, int64_t n);
/* Messages per second over the last minute. */
double stats_key_rate(struct stats *s, enum stat_kind k, struct str a, struct str b);
int64_t stats_key_total(struct stats *s, enum stat_kind k, struct str a, struct str b);

#endif
