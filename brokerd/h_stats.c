/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_stats: what the broker has done and how it fares (28), and Apache's series by name (315).
 *
 * Keys of 28 are Apache's, because mqadmin, the dashboard and the exporter read them without
 * checking; a missing one drops the broker from their lists. brokerd has no thread pools. The
 * sends that wait for the disk stand for the queue of the send pool; pulls and queries are
 * answered in the turn in which they come, so "nothing waits" is the truth about theirs.
 */
#include <stdarg.h>

#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/hold.h"
#include "brokerd/schedule.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "clock.h"

/* ---- 28 ---- */

/* Texts that do not change: there are no pools whose queues could fill. */
static const struct {
	const char *key, *value;
} fixed_facts[] = {
	{ "EndTransactionQueueSize", "0" },
	{ "EndTransactionThreadPoolQueueCapacity", "100000" },
	{ "brokerVersionDesc", "V4_9_8" },
	{ "dispatchMaxBuffer", "0" },
	{ "pageCacheLockTimeMills", "0" },
	{ "pullThreadPoolQueueCapacity", "100000" },
	{ "pullThreadPoolQueueHeadWaitTimeMills", "0" },
	{ "pullThreadPoolQueueSize", "0" },
	{ "queryThreadPoolQueueCapacity", "20000" },
	{ "queryThreadPoolQueueHeadWaitTimeMills", "0" },
	{ "queryThreadPoolQueueSize", "0" },
	{ "remainTransientStoreBufferNumbs", "2147483647" },
	{ "startAcceptSendRequestTimeStamp", "0" },
};

static void put_fmt(struct jw *w, const char *key, const char *fmt, ...) PRINTF(3, 4);

static void put_fmt(struct jw *w, const char *key, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	jw_kv_text(w, key, text);
}

static void put_number(struct jw *w, const char *key, int64_t v)
{
	put_fmt(w, key, "%lld", (long long)v);
}

/* Rates over 10 s, a minute, ten minutes; b may be STAT_COUNT for none. */
static void put_rates(struct jw *w, const struct stats *s, const char *key, enum stat_what a,
	enum stat_what b)
{
	static const int spans[] = { 10, 60, 600 };
	double v[ARRAY_LEN(spans)];

	for (size_t i = 0; i < ARRAY_LEN(spans); i++)
		v[i] = stats_rate(s, a, spans[i]) +
		       (b == STAT_COUNT ? 0 : stats_rate(s, b, spans[i]));
	put_fmt(w, key, "%.4f %.4f %.4f", v[0], v[1], v[2]);
}

static void put_message_counts(struct jw *w, const struct stats *s)
{
	int64_t puts = stats_total(s, STAT_PUT), bytes = stats_total(s, STAT_PUT_BYTES);

	put_rates(w, s, "getFoundTps", STAT_GET_FOUND, STAT_COUNT);
	put_rates(w, s, "getMissTps", STAT_GET_MISS, STAT_COUNT);
	put_rates(w, s, "getTotalTps", STAT_GET_FOUND, STAT_GET_MISS);
	put_rates(w, s, "getTransferedTps", STAT_GET, STAT_COUNT);
	put_rates(w, s, "putTps", STAT_PUT, STAT_COUNT);
	put_number(w, "msgGetTotalTodayMorning", stats_morning(s, STAT_GET, 0));
	put_number(w, "msgGetTotalTodayNow", stats_total(s, STAT_GET));
	put_number(w, "msgGetTotalYesterdayMorning", stats_morning(s, STAT_GET, 1));
	put_number(w, "msgPutTotalTodayMorning", stats_morning(s, STAT_PUT, 0));
	put_number(w, "msgPutTotalYesterdayMorning", stats_morning(s, STAT_PUT, 1));
	put_number(w, "msgPutTotalTodayNow", puts);
	put_number(w, "putMessageTimesTotal", MAX(puts, 1));
	put_number(w, "putMessageFailedTimes", stats_total(s, STAT_PUT_FAILED));
	put_rates(w, s, "callTps", STAT_CALLS, STAT_COUNT);
	put_number(w, "putMessageSlowedTimes", stats_total(s, STAT_PUT_SLOWED));
	put_number(w, "putMessageThrottledTimes", stats_total(s, STAT_PUT_THROTTLED));
	put_number(w, "getMessageThrottledTimes", stats_total(s, STAT_GET_THROTTLED));
	put_number(w, "putMessageSizeTotal", bytes);
	put_fmt(w, "putMessageAverageSize", "%.2f", (double)bytes / (double)MAX(puts, 1));
}

static void put_times(struct jw *w, const struct broker *b)
{
	const struct stats *s = b->stats;
	const char *band;
	struct buf text;
	int64_t n;

	buf_init(&text, 1024);
	for (size_t i = 0; (band = stats_put_took_band(s, i, &n)); i++)
		buf_addf(&text, "%s:%lld ", band, (long long)n);
	jw_key(w, "putMessageDistributeTime");
	jw_str(w, buf_str(&text));
	buf_release(&text);
	put_fmt(w, "putLatency99", "%.2f", stats_put_took_part(s, 0.99));
	put_fmt(w, "putLatency999", "%.2f", stats_put_took_part(s, 0.999));
	put_number(w, "putMessageEntireTimeMax", stats_put_took_max(s));
	put_number(w, "getMessageEntireTimeMax", stats_get_took_max(s));
	put_number(w, "sendThreadPoolQueueCapacity", HOLD_ACKS_MAX);
	put_number(w, "sendThreadPoolQueueHeadWaitTimeMills", hold_acks_ms(b->hold));
	put_number(w, "sendThreadPoolQueueSize", hold_acks(b->hold));
}

static void put_run_time(struct jw *w, const struct broker *b)
{
	int64_t s = (clock_wall_ms() - b->start_ms) / 1000;

	put_number(w, "bootTimestamp", b->start_ms);
	put_number(w, "brokerVersion", TDMQ_WIRE_VERSION);
	put_fmt(w, "runtime", "[ %lld days, %lld hours, %lld minutes, %lld seconds ]",
		(long long)(s / 86400), (long long)(s / 3600 % 24), (long long)(s / 60 % 60),
		(long long)(s % 60));
}

#define GIB (1024.0 * 1024 * 1024)

static void put_store(struct jw *w, const struct broker *b, struct arena *a)
{
	struct store_stats st;

	store_stats(b->store, &st);
	put_fmt(w, "commitLogDirCapacity", "Total : %.1f GiB, Free : %.1f GiB.",
		(double)st.disk_total / GIB, (double)st.disk_free / GIB);
	put_fmt(w, "commitLogDiskRatio", "%.2f", st.disk_ratio);
	put_fmt(w, arena_fmt(a, "commitLogDiskRatio_%s/commitlog", b->cfg->data), "%.2f",
		st.disk_ratio);
	put_fmt(w, "consumeQueueDiskRatio", "%.2f", st.disk_ratio);
	if (st.disk_full)
		put_fmt(w, "diskFull", "%s", "true"); /* brokerd's own: sends are refused */
	put_number(w, "commitLogMinOffset", st.min_phys);
	put_number(w, "commitLogMaxOffset", st.appended);
	put_number(w, "dispatchBehindBytes", MAX(st.appended - st.indexed, 0));
	put_number(w, "earliestMessageTimeStamp", st.earliest_ms);
	put_fmt(w, "remainHowManyDataToFlush", "%lld B",
		(long long)MAX(st.appended - st.durable, 0));
	put_number(w, "coldReads", st.cold);
	put_number(w, "damagedRecords", st.damaged);
	put_number(w, "unreadableReads", st.unreadable);
}

static void put_levels(struct jw *w, const struct broker *b)
{
	int64_t min, max;
	char key[40];

	for (int level = 1; level <= SCHEDULE_LEVELS; level++) {
		store_queue_bounds(b->store, STR(SCHEDULE_TOPIC), level - 1, &min, &max);
		if (!max)
			continue;
		snprintf(key, sizeof(key), "scheduleMessageOffset_%d", level);
		put_fmt(w, key, "%lld,%lld", (long long)schedule_progress(b->schedule, level),
			(long long)max);
	}
}

/* "used limit", of the last 10 s where it is a rate; a limit of 0 is none, "-" cannot be told. */
static void put_quota(struct jw *w, const struct broker *b)
{
	struct catalog_counts n = catalog_counts(b->catalog);
	const struct quota *q = &b->quota;
	double bytes = stats_rate(b->stats, STAT_PUT_BYTES, 10) +
		       stats_rate(b->stats, STAT_GET_BYTES, 10);

	jw_kv_text(w, "clusterKind", q->kind);
	put_number(w, "retentionMs", b->cfg->retention);
	put_fmt(w, "quotaBits", "%.0f %lld", bytes * 8, (long long)q->bits);
	put_fmt(w, "quotaCalls", "%.0f %lld", stats_rate(b->stats, STAT_CALLS, 10),
		(long long)q->calls);
	put_fmt(w, "quotaConsumersOfTopic", "- %lld", (long long)q->consumers);
	put_fmt(w, "quotaGroups", "%d %lld", n.groups, (long long)q->groups);
	put_fmt(w, "quotaNamespaces", "%d %lld", n.namespaces, (long long)q->namespaces);
	put_fmt(w, "quotaProducersOfTopic", "- %lld", (long long)q->producers);
	put_fmt(w, "quotaQueuesOfTopic", "- %lld", (long long)q->topic_queues);
	put_fmt(w, "quotaTopics", "%d %lld", n.topics, (long long)q->topics);
}

static int runtime_info(struct request *rq, const void *fields UNUSED)
{
	const struct broker *broker = rq->broker;
	struct buf b;
	struct jw w = body_begin(&b);

	jw_key(&w, "table");
	jw_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(fixed_facts); i++)
		jw_kv_text(&w, fixed_facts[i].key, fixed_facts[i].value);
	put_run_time(&w, broker);
	put_message_counts(&w, broker->stats);
	put_times(&w, broker);
	put_store(&w, broker, rq->arena);
	put_levels(&w, broker);
	put_quota(&w, broker);
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

/* ---- 315 ---- */

struct stats_ask {
	struct str name, key;
};

static const struct field stats_fields[] = { FIELD_STR("statsName", struct stats_ask, name,
						     REQUIRED),
	FIELD_STR("statsKey", struct stats_ask, key, REQUIRED), FIELD_END };

static void put_sum(struct jw *w, const char *key, const struct stats_sum *s)
{
	jw_key(w, key);
	jw_object(w);
	jw_kv_double(w, "avgpt", s->times ? (double)s->sum / (double)s->times : 0);
	jw_kv_int(w, "sum", s->sum);
	jw_kv_double(w, "tps", s->seconds ? (double)s->sum / s->seconds : 0);
	jw_end(w);
}

static bool look_up(struct request *rq, const struct stats_ask *f, struct stats_sum *spans)
{
	if (stats_is_of_cluster(f->name) && !str_is(f->key, rq->broker->cfg->cluster))
		return false;
	return stats_view(rq->broker->stats, f->name, f->key, spans);
}

static int view_stats(struct request *rq, const void *fields)
{
	const struct stats_ask *f = fields;
	struct stats_sum spans[STATS_SPANS];
	struct buf b;
	struct jw w;

	if (!look_up(rq, f, spans))
		return err_set(&rq->err, TQ_EFAIL,
			"The stats <" STR_FMT "> <" STR_FMT "> not exist", STR_ARG(f->name),
			STR_ARG(f->key));
	w = body_begin(&b);
	put_sum(&w, "statsDay", &spans[STATS_DAY]);
	put_sum(&w, "statsHour", &spans[STATS_HOUR]);
	put_sum(&w, "statsMinute", &spans[STATS_MINUTE]);
	body_send(rq, &w);
	return 0;
}

const struct handler h_stats[] = { { REQ_GET_BROKER_RUNTIME_INFO, NULL, 0, runtime_info,
					   NEED_READ },
	{ REQ_VIEW_BROKER_STATS_DATA, stats_fields, sizeof(struct stats_ask), view_stats,
		NEED_READ },
	HANDLER_END };
