/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_admin: the broker as a whole: its settings, system topics, cleaning. Keys of 26 are Apache's,
 * because mqadmin and the dashboard read them without checking.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/schedule.h"
#include "brokerd/store/store.h"
#include "log.h"
#include "names.h"

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
	data_version_to_json(&w, dv);
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

const struct handler h_admin[] = { { REQ_GET_BROKER_CONFIG, NULL, 0, get_config, NEED_READ },
	{ REQ_UPDATE_BROKER_CONFIG, NULL, 0, update_config, NEED_ADMIN },
	{ REQ_GET_SYSTEM_TOPIC_LIST_FROM_BROKER, NULL, 0, system_topics, NEED_READ },
	{ REQ_CLEAN_EXPIRED_CONSUMEQUEUE, NULL, 0, clean, NEED_ADMIN },
	{ REQ_CLEAN_UNUSED_TOPIC, NULL, 0, clean, NEED_ADMIN },
	{ REQ_DELETE_EXPIRED_COMMITLOG, NULL, 0, clean, NEED_ADMIN },
	{ REQ_GET_ALL_DELAY_OFFSET, NULL, 0, delay_offsets, NEED_READ }, HANDLER_END };
