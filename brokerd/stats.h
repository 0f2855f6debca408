/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: what was done how often.
 *
 * Of the broker as a whole: totals since the start, and rates over the last 10 seconds, minute and
 * 10 minutes from samples taken each second.
 *
 *	stats_add(b->stats, STAT_PUT, 1);
 *	stats_rate(b->stats, STAT_PUT, 60)
 *
 * Of topics, groups and queues: Apache's series (stats.def), as sums over the last full minute,
 * hour and day.
 *
 *	stats_put(b->stats, topic, queue, 1, bytes);
 *	stats_view(b->stats, STR("TOPIC_PUT_NUMS"), topic, &view)
 *
 * And how long messages took to be stored.
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
	STAT_CALLS, /* sent and handed out, weighed: msgtype.h */
	STAT_PUT_SLOWED, /* sends whose answer was held back */
	STAT_PUT_THROTTLED, /* sends that were refused for a rate */
	STAT_GET_THROTTLED, /* pulls that had to wait for a rate */
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

/* --- by topic, group and queue --- */

/* One request that stored n messages in a queue; also counts STAT_PUT and STAT_PUT_BYTES. */
void stats_put(struct stats *s, struct str topic, int queue, int64_t n, int64_t bytes);
/* One pull that handed n messages out; reading them took took_ms. */
struct stats_got {
	struct str topic, group;
	int queue;
	int64_t n, bytes, took_ms;
};
void stats_get(struct stats *s, const struct stats_got *got);
void stats_send_back(struct stats *s, struct str topic, struct str group);
/* The topic or group is gone, and its series with it. */
void stats_forget_topic(struct stats *s, struct str topic);
void stats_forget_group(struct stats *s, struct str group);

enum stats_span { STATS_MINUTE, STATS_HOUR, STATS_DAY, STATS_SPANS };

/* Whole intervals only: 10 s of the minute, 10 min of the hour, hours of the day. */
struct stats_sum {
	int64_t sum, times; /* times: how many requests made the sum */
	int seconds; /* that it covers; 0: no interval has ended since the key was first seen */
};
/*
 * A series of stats.def by name and key. False: no such name, or nothing was counted there yet.
 * A CLUSTER series has the empty key here.
 */
bool stats_view(
	struct stats *s, struct str name, struct str key, struct stats_sum spans[STATS_SPANS]);
bool stats_is_of_cluster(struct str name); /* its key is the cluster's name */
/* Messages per second that a group was given of a topic, over the last minute. */
double stats_get_tps(struct stats *s, struct str topic, struct str group);

/* --- how long a message takes to be stored --- */

/* n sends were answered ms after they came. */
void stats_put_took(struct stats *s, int64_t ms, int64_t n);
void stats_get_took(struct stats *s, int64_t us);
int64_t stats_put_took_max(const struct stats *s); /* ms, since the start */
int64_t stats_get_took_max(const struct stats *s); /* ms */
/* Below this many ms were the given part (0.99) of the last full minute's sends. */
double stats_put_took_part(const struct stats *s, double part);
/* Sends of the last full minute by how long they took: text and count, i from 0 until NULL. */
const char *stats_put_took_band(const struct stats *s, size_t i, int64_t *n);

#endif
