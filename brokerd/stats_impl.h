/* SPDX-License-Identifier: Apache-2.0 */
/* stats_impl: what stats.c and series.c share. */
#ifndef TDMQ_STATS_IMPL_H
#define TDMQ_STATS_IMPL_H

#include "brokerd/stats.h"
#include "map.h"

#define STATS_SECONDS 601
#define STATS_BANDS 13

struct holder;
struct counter;

struct stats {
	int64_t totals[STAT_COUNT];
	int64_t samples[STATS_SECONDS][STAT_COUNT];
	int64_t ticks; /* seconds */
	int64_t mornings[2][STAT_COUNT]; /* today's, yesterday's */
	int day; /* of the year, local; -1: no tick yet */
	int64_t took[2][STATS_BANDS]; /* this minute's sends, the last full minute's */
	int64_t put_max_ms, get_max_us;
	struct holder *topics, *pairs; /* series.c: by topic; by topic@group */
	struct holder *last; /* counted at last, as a rule the next one too; or NULL */
	struct counter *broker; /* BROKER_PUT_NUMS, BROKER_GET_NUMS; made at their first use */
	size_t counters; /* how many there are */
};

void series_free(struct stats *s);

#endif
