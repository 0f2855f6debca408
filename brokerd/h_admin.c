/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_admin: the broker as a whole: its counters and settings, what it relays to clients,
 * cleaning.
 *
 * Keys of 26 and 28 are Apache's, because mqadmin, the dashboard and the exporter read them
 * without checking; a missing one drops the broker from their lists. What brokerd has no such
 * thing for (thread pools, their queues) is given the value that says "nothing waits".
 */
#include <stdarg.h>

#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/offsets.h"
#include "brokerd/registry.h"
#include "brokerd/schedule.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "clock.h"
#include "log.h"
#include "names.h"

/* ---- 28 ---- */

#define ZERO_TIMES \
	"[<=0ms]:0 [0~10ms]:0 [10~50ms]:0 [50~100ms]:0 [100~200ms]:0 [200~500ms]:0 " \
	"[500ms~1s]:0 [1~2s]:0 [2~3s]:0 [3~4s]:0 [4~5s]:0 [5~10s]:0 [10s~]:0 "

/* Texts that do not change: there are no pools whose queues could fill. */
static const struct {
	const char *key, *value;
} fixed_facts[] = {
	{ "EndTransactionQueueSize", "0" },
	{ "EndTransactionThreadPoolQueueCapacity", "100000" },
	{ "brokerVersionDesc", "V4_9_8" },
	{ "dispatchMaxBuffer", "0" },
	{ "getMessageEntireTimeMax", "0" },
	{ "pageCacheLockTimeMills", "0" },
	{ "pullThreadPoolQueueCapacity", "100000" },
	{ "pullThreadPoolQueueHeadWaitTimeMills", "0" },
	{ "pullThreadPoolQueueSize", "0" },
	{ "putLatency99", "0.00" },
	{ "putLatency999", "0.00" },
	{ "putMessageDistributeTime", ZERO_TIMES },
	{ "putMessageEntireTimeMax", "0" },
	{ "queryThreadPoolQueueCapacity", "20000" },
	{ "queryThreadPoolQueueHeadWaitTimeMills", "0" },
	{ "queryThreadPoolQueueSize", "0" },
	{ "remainTransientStoreBufferNumbs", "2147483647" },
	{ "sendThreadPoolQueueCapacity", "10000" },
	{ "sendThreadPoolQueueHeadWaitTimeMills", "0" },
	{ "sendThreadPoolQueueSize", "0" },
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
	put_number(w, "putMessageSizeTotal", bytes);
	put_fmt(w, "putMessageAverageSize", "%.2f", (double)bytes / (double)MAX(puts, 1));
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

static void put_store(struct jw *w, const struct broker *b)
{
	struct store_stats st;

	store_stats(b->store, &st);
	put_fmt(w, "commitLogDirCapacity", "Total : %.1f GiB, Free : %.1f GiB.",
		(double)st.disk_total / GIB, (double)st.disk_free / GIB);
	put_fmt(w, "commitLogDiskRatio", "%.2f", st.disk_ratio);
	put_fmt(w, "consumeQueueDiskRatio", "%.2f", st.disk_ratio);
	put_number(w, "commitLogMinOffset", st.min_phys);
	put_number(w, "commitLogMaxOffset", st.appended);
	put_number(w, "dispatchBehindBytes", MAX(st.appended - st.indexed, 0));
	put_number(w, "earliestMessageTimeStamp", st.earliest_ms);
	put_fmt(w, "remainHowManyDataToFlush", "%lld B",
		(long long)MAX(st.appended - st.durable, 0));
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
	put_store(&w, broker);
	put_levels(&w, broker);
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

/* ---- 26, 25 ---- */

/* Settings in Apache's names. What has a set() may be changed while running. */
struct setting {
	const char *key;
	void (*get)(const struct broker *b, struct buf *out);
	int (*set)(struct broker *b, struct str value, struct err *e);
	const char *value; /* fixed, when there is no get */
};

static void get_auto_topics(const struct broker *b, struct buf *out)
{
	buf_puts(out, catalog_opts(b->catalog)->auto_create_topic ? "true" : "false");
}

static void get_auto_groups(const struct broker *b, struct buf *out)
{
	buf_puts(out, catalog_opts(b->catalog)->auto_create_group ? "true" : "false");
}

static int read_bool(struct str value, bool *out, struct err *e)
{
	*out = str_is(value, "true");
	if (*out || str_is(value, "false"))
		return 0;
	return err_set(e, TQ_EINVAL, "'" STR_FMT "' is neither true nor false", STR_ARG(value));
}

static int set_auto_topics(struct broker *b, struct str value, struct err *e)
{
	bool on;
	int rc = read_bool(value, &on, e);

	if (!rc)
		catalog_set_auto_create(
			b->catalog, on, catalog_opts(b->catalog)->auto_create_group);
	return rc;
}

static int set_auto_groups(struct broker *b, struct str value, struct err *e)
{
	bool on;
	int rc = read_bool(value, &on, e);

	if (!rc)
		catalog_set_auto_create(
			b->catalog, catalog_opts(b->catalog)->auto_create_topic, on);
	return rc;
}

static void get_retention(const struct broker *b, struct buf *out)
{
	buf_i64(out, b->cfg->retention / 3600000);
}

static int set_retention(struct broker *b, struct str value, struct err *e)
{
	int64_t hours;
	int rc = str_to_i64(value, 1, 365 * 24, &hours, "fileReservedTime", e);

	if (!rc)
		b->cfg->retention = hours * 3600000;
	return rc;
}

static void get_name(const struct broker *b, struct buf *out)
{
	buf_puts(out, b->cfg->broker);
}

static void get_cluster(const struct broker *b, struct buf *out)
{
	buf_puts(out, b->cfg->cluster);
}

static void get_address(const struct broker *b, struct buf *out)
{
	struct str s = str_of(broker_address(b)), host;

	str_cut(&s, ':', &host);
	buf_add_str(out, host);
}

static void get_port(const struct broker *b, struct buf *out)
{
	buf_i64(out, (int64_t)b->host.port);
}

static void get_flush(const struct broker *b, struct buf *out)
{
	buf_puts(out, b->cfg->flush == STORE_FLUSH_SYNC ? "SYNC_FLUSH" : "ASYNC_FLUSH");
}

static void get_max_message(const struct broker *b, struct buf *out)
{
	buf_i64(out, b->cfg->max_message_size);
}

static void get_queues(const struct broker *b, struct buf *out)
{
	buf_i64(out, catalog_opts(b->catalog)->template_queues);
}

static void get_levels(const struct broker *b UNUSED, struct buf *out)
{
	for (int level = 1; level <= SCHEDULE_LEVELS; level++)
		buf_addf(out, "%s%s", level > 1 ? " " : "", schedule_level_name(level));
}

static void get_trace(const struct broker *b, struct buf *out)
{
	buf_puts(out, catalog_opts(b->catalog)->trace_topic ? "true" : "false");
}

static void get_data(const struct broker *b, struct buf *out)
{
	buf_puts(out, b->cfg->data);
}

static void get_commitlog_size(const struct broker *b, struct buf *out)
{
	buf_i64(out, b->cfg->commitlog_file_size);
}

static const struct setting settings[] = {
	{ "aclEnable", NULL, NULL, "false" },
	{ "autoCreateSubscriptionGroup", get_auto_groups, set_auto_groups, NULL },
	{ "autoCreateTopicEnable", get_auto_topics, set_auto_topics, NULL },
	{ "brokerClusterName", get_cluster, NULL, NULL },
	{ "brokerIP1", get_address, NULL, NULL },
	{ "brokerId", NULL, NULL, "0" },
	{ "brokerName", get_name, NULL, NULL },
	{ "brokerPermission", NULL, NULL, "6" },
	{ "brokerRole", NULL, NULL, "ASYNC_MASTER" },
	{ "clientCallbackExecutorThreads", NULL, NULL, "1" },
	{ "defaultTopicQueueNums", get_queues, NULL, NULL },
	{ "fileReservedTime", get_retention, set_retention, NULL },
	{ "filterServerNums", NULL, NULL, "0" },
	{ "flushDiskType", get_flush, NULL, NULL },
	{ "listenPort", get_port, NULL, NULL },
	{ "mappedFileSizeCommitLog", get_commitlog_size, NULL, NULL },
	{ "maxMessageSize", get_max_message, NULL, NULL },
	{ "messageDelayLevel", get_levels, NULL, NULL },
	{ "msgTraceTopicName", NULL, NULL, "RMQ_SYS_TRACE_TOPIC" },
	{ "rocketmqHome", NULL, NULL, "" },
	{ "slaveReadEnable", NULL, NULL, "false" },
	{ "storePathRootDir", get_data, NULL, NULL },
	{ "traceOn", NULL, NULL, "true" },
	{ "traceTopicEnable", get_trace, NULL, NULL },
	{ "useTLS", NULL, NULL, "false" },
};

static int get_config(struct request *rq, const void *fields UNUSED)
{
	struct data_version dv = catalog_topics_version(rq->broker->catalog);
	struct buf b, version;
	struct jw w;

	buf_init(&b, 65536);
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		buf_addf(&b, "%s=", settings[i].key);
		if (settings[i].get)
			settings[i].get(rq->broker, &b);
		else
			buf_puts(&b, settings[i].value);
		buf_putc(&b, '\n');
	}
	reply_body(rq, &b);
	buf_release(&b);
	buf_init(&version, 256);
	w = jw_init(&version);
	body_data_version(&w, dv);
	reply_str(rq, "version", buf_str(&version));
	buf_release(&version);
	return 0;
}

static const struct setting *find_setting(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (str_is(key, settings[i].key))
			return &settings[i];
	return NULL;
}

/* One "key=value" line of Java properties; comments and empty lines are nothing. */
static int set_line(struct request *rq, struct str line)
{
	const struct setting *s;
	struct str key, value = line;
	int rc;

	if (!line.n || line.p[0] == '#' || line.p[0] == '!')
		return 0;
	str_cut(&value, '=', &key);
	key = str_trim(key);
	value = str_trim(value);
	if (!value.p)
		return err_set(
			&rq->err, TQ_EINVAL, "'" STR_FMT "' is not key=value", STR_ARG(line));
	s = find_setting(key);
	if (!s || !s->set)
		return err_set(&rq->err, TQ_EDENIED,
			"Can not update config '" STR_FMT
			"' of a running broker: set it in its configuration file",
			STR_ARG(key));
	rc = s->set(rq->broker, value, &rq->err);
	if (!rc)
		log_info("admin", "setting %s is now '" STR_FMT "', until the next start",
			s->key, STR_ARG(value));
	return rc;
}

static int update_config(struct request *rq, const void *fields UNUSED)
{
	struct str rest = rq->cmd->body, line;
	int rc = 0;

	while (!rc && str_cut(&rest, '\n', &line))
		rc = set_line(rq, str_trim(line));
	return rc;
}

/* ---- 315 ---- */

struct stats_ask {
	struct str name, key;
};

static const struct field stats_fields[] = { FIELD_STR("statsName", struct stats_ask, name,
						     REQUIRED),
	FIELD_STR("statsKey", struct stats_ask, key, REQUIRED), FIELD_END };

/* Counters that are kept by key; sum and rate of a minute, and the total since the start. */
struct counted {
	double per_second;
	int64_t total;
};

static void put_span(struct jw *w, const char *key, int64_t sum, double tps)
{
	jw_key(w, key);
	jw_object(w);
	jw_kv_double(w, "avgpt", sum ? 1.0 : 0.0);
	jw_kv_int(w, "sum", sum);
	jw_kv_double(w, "tps", tps);
	jw_end(w);
}

/*
 * Only the last minute and the total since the start are counted. As long as the broker is
 * younger than the span the total is the answer; later the span is given as 0, and mqadmin
 * takes the next shorter one.
 */
static void put_long_span(struct jw *w, const char *key, const struct request *rq,
	const struct counted *c, int64_t span_s)
{
	int64_t up_s = MAX((clock_wall_ms() - rq->broker->start_ms) / 1000, 1);
	bool known = up_s <= span_s;

	put_span(w, key, known ? c->total : 0, known ? (double)c->total / (double)up_s : 0);
}

static const struct {
	const char *name;
	enum stat_kind kind;
} keyed_stats[] = {
	{ "TOPIC_PUT_NUMS", STAT_TOPIC_PUT },
	{ "GROUP_GET_NUMS", STAT_GROUP_GET },
	{ "SNDBCK_PUT_NUMS", STAT_SEND_BACK_OF },
};

static const struct {
	const char *name;
	enum stat_what what;
} broker_stats[] = {
	{ "BROKER_PUT_NUMS", STAT_PUT },
	{ "BROKER_GET_NUMS", STAT_GET },
};

static bool count_keyed(struct request *rq, const struct stats_ask *f, struct counted *c)
{
	struct str group = f->key, topic;

	for (size_t i = 0; i < ARRAY_LEN(keyed_stats); i++) {
		if (!str_is(f->name, keyed_stats[i].name))
			continue;
		str_cut(&group, '@', &topic);
		c->total =
			stats_key_total(rq->broker->stats, keyed_stats[i].kind, topic, group);
		c->per_second =
			stats_key_rate(rq->broker->stats, keyed_stats[i].kind, topic, group);
		return c->total > 0;
	}
	return false;
}

static bool count_broker(struct request *rq, const struct stats_ask *f, struct counted *c)
{
	if (!str_is(f->key, rq->broker->cfg->cluster))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(broker_stats); i++) {
		if (!str_is(f->name, broker_stats[i].name))
			continue;
		c->total = stats_total(rq->broker->stats, broker_stats[i].what);
		c->per_second = stats_rate(rq->broker->stats, broker_stats[i].what, 60);
		return true;
	}
	return false;
}

static int view_stats(struct request *rq, const void *fields)
{
	const struct stats_ask *f = fields;
	struct counted c;
	struct buf b;
	struct jw w;

	if (!count_keyed(rq, f, &c) && !count_broker(rq, f, &c))
		return err_set(&rq->err, TQ_EFAIL,
			"The stats <" STR_FMT "> <" STR_FMT "> not exist", STR_ARG(f->name),
			STR_ARG(f->key));
	w = body_begin(&b);
	put_long_span(&w, "statsDay", rq, &c, 86400);
	put_long_span(&w, "statsHour", rq, &c, 3600);
	put_span(&w, "statsMinute", (int64_t)(c.per_second * 60 + 0.5), c.per_second);
	body_send(rq, &w);
	return 0;
}

/* ---- 305, 306, 316, 329, 45 ---- */

static int system_topics(struct request *rq, const void *fields UNUSED)
{
	struct str list[32];
	size_t n = 0;

	for (const char *t; (t = names_system_topic_at(n)) && n < ARRAY_LEN(list) - 4;)
		list[n++] = str_of(t);
	list[n++] = STR("RMQ_SYS_TRACE_TOPIC");
	list[n++] = str_of(rq->broker->cfg->broker);
	list[n++] = str_of(rq->broker->cfg->cluster);
	list[n++] = str_of(arena_fmt(rq->arena, "%s_REPLY_TOPIC", rq->broker->cfg->cluster));
	body_topic_list(rq, NULL, list, n);
	return 0;
}

/* Retention and deleted topics are cleaned by the store as they come: nothing is left to do. */
static int clean(struct request *rq UNUSED, const void *fields UNUSED)
{
	return 0;
}

static int delay_offsets(struct request *rq, const void *fields UNUSED)
{
	struct buf b;
	struct jw w = body_begin(&b);
	int64_t off;

	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (int level = 1; level <= SCHEDULE_LEVELS; level++) {
		off = schedule_progress(rq->broker->schedule, level);
		if (!off)
			continue;
		jw_key_int(&w, level);
		jw_int(&w, off);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

const struct handler h_admin[] = { { REQ_GET_BROKER_RUNTIME_INFO, NULL, 0, runtime_info,
					   NEED_READ },
	{ REQ_GET_BROKER_CONFIG, NULL, 0, get_config, NEED_READ },
	{ REQ_UPDATE_BROKER_CONFIG, NULL, 0, update_config, NEED_ADMIN },
	{ REQ_VIEW_BROKER_STATS_DATA, stats_fields, sizeof(struct stats_ask), view_stats,
		NEED_READ },
	{ REQ_GET_SYSTEM_TOPIC_LIST_FROM_BROKER, NULL, 0, system_topics, NEED_READ },
	{ REQ_CLEAN_EXPIRED_CONSUMEQUEUE, NULL, 0, clean, NEED_ADMIN },
	{ REQ_CLEAN_UNUSED_TOPIC, NULL, 0, clean, NEED_ADMIN },
	{ REQ_DELETE_EXPIRED_COMMITLOG, NULL, 0, clean, NEED_ADMIN },
	{ REQ_GET_ALL_DELAY_OFFSET, NULL, 0, delay_offsets, NEED_READ }, HANDLER_END };
