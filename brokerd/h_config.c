/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_config: settings of the broker (26, 25) and of the name server (319, 318), as lines of Java
 * properties under Apache's names. mqadmin and the dashboard read 26 without checking, so what
 * they look for is there, though brokerd has no such setting.
 *
 * What may be changed stands in overrides.def, and nothing else: a change of Apache's that names a
 * path or a command (CVE-2023-33246, CVE-2023-37582) is refused whole, with what else it carries.
 */
#include <unistd.h>

#include "brokerd/broker.h"
#include "brokerd/body.h"
#include "brokerd/later.h"
#include "brokerd/schedule.h"
#include "brokerd/overrides.h"
#include "brokerd/store/store.h"

#define CHANGES_MAX 64 /* of one request */

/* ---- 26, 319 ---- */

/* What cannot be changed by a request: fixed texts, or what get() says. */
struct fact {
	const char *key, *value;
	void (*get)(const struct broker *b, struct buf *out);
};

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

static void get_nameserver_port(const struct broker *b, struct buf *out)
{
	buf_i64(out, b->nameserver_port);
}

static void get_flush(const struct broker *b, struct buf *out)
{
	buf_puts(out, b->cfg->flush == STORE_FLUSH_SYNC ? "SYNC_FLUSH" : "ASYNC_FLUSH");
}

static void get_acl(const struct broker *b, struct buf *out)
{
	buf_puts(out, b->cfg->authentication ? "true" : "false");
}

static void get_levels(const struct broker *b UNUSED, struct buf *out)
{
	for (int level = 1; level <= SCHEDULE_LEVELS; level++)
		buf_addf(out, "%s%s", level > 1 ? " " : "", schedule_level_name(level));
}

/* Shown as the number of processors by exportMetrics. */
static void get_processors(const struct broker *b UNUSED, struct buf *out)
{
	buf_i64(out, sysconf(_SC_NPROCESSORS_ONLN));
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

static const struct fact broker_facts[] = {
	{ "aclEnable", NULL, get_acl },
	{ "brokerClusterName", NULL, get_cluster },
	{ "brokerIP1", NULL, get_address },
	{ "brokerId", "0", NULL },
	{ "brokerName", NULL, get_name },
	{ "brokerPermission", "6", NULL },
	{ "brokerRole", "ASYNC_MASTER", NULL },
	{ "clientCallbackExecutorThreads", NULL, get_processors },
	{ "filterServerNums", "0", NULL },
	{ "flushDiskType", NULL, get_flush },
	{ "listenPort", NULL, get_port },
	{ "mappedFileSizeCommitLog", NULL, get_commitlog_size },
	{ "messageDelayLevel", NULL, get_levels },
	{ "msgTraceTopicName", "RMQ_SYS_TRACE_TOPIC", NULL },
	{ "rocketmqHome", "", NULL },
	{ "slaveReadEnable", "false", NULL },
	{ "storePathRootDir", NULL, get_data },
	{ "traceOn", "true", NULL },
	{ "traceTopicEnable", NULL, get_trace },
	{ "useTLS", "false", NULL },
	{ NULL, NULL, NULL },
};

static const struct fact nameserver_facts[] = {
	{ "clusterTest", "false", NULL },
	{ "listenPort", NULL, get_nameserver_port },
	{ "productEnvName", "center", NULL },
	{ NULL, NULL, NULL },
};

static void put_lines(
	struct request *rq, const struct fact *facts, enum overrides_server server)
{
	struct str name;
	struct buf b;

	buf_init(&b, 65536);
	for (; facts->key; facts++) {
		buf_addf(&b, "%s=", facts->key);
		if (facts->get)
			facts->get(rq->broker, &b);
		else
			buf_puts(&b, facts->value);
		buf_putc(&b, '\n');
	}
	for (size_t i = 0;; i++) {
		struct buf value;

		buf_init(&value, 4096);
		if (!overrides_at(rq->broker->overrides, server, i, &name, &value, rq->arena))
			break;
		buf_addf(&b, STR_FMT "=" STR_FMT "\n", STR_ARG(name), STR_ARG(buf_str(&value)));
		buf_release(&value);
	}
	reply_body(rq, &b);
	buf_release(&b);
}

static int get_broker_config(struct request *rq, const void *fields UNUSED)
{
	struct buf version;
	struct jw w;

	put_lines(rq, broker_facts, OVERRIDES_BROKER);
	buf_init(&version, 256);
	w = jw_init(&version);
	data_version_to_json(&w, catalog_topics_version(rq->broker->catalog));
	reply_str(rq, "version", buf_str(&version));
	buf_release(&version);
	return 0;
}

static int get_nameserver_config(struct request *rq, const void *fields UNUSED)
{
	put_lines(rq, nameserver_facts, OVERRIDES_NAMESRV);
	return 0;
}

/* ---- 25, 318 ---- */

struct changes {
	struct overrides_change v[CHANGES_MAX];
	size_t n;
};

/* One "key=value" line of Java properties; comments and empty lines are nothing. */
static int read_line(struct request *rq, enum overrides_server server, struct str line,
	struct arena *a, struct changes *out)
{
	struct str key, value = line;
	int rc;

	if (!line.n || line.p[0] == '#' || line.p[0] == '!')
		return 0;
	str_cut(&value, '=', &key);
	if (!value.p)
		return err_set(
			&rq->err, TQ_EINVAL, "'" STR_FMT "' is not key=value", STR_ARG(line));
	if (out->n == CHANGES_MAX)
		return err_set(
			&rq->err, TQ_EINVAL, "more than %d settings at once", CHANGES_MAX);
	rc = overrides_read(rq->broker->overrides, server, str_trim(key), str_trim(value), a,
		&out->v[out->n], &rq->err);
	out->n += !rc;
	return rc;
}

static int changed(struct request *rq, void *arg)
{
	const struct changes *c = arg;

	for (size_t i = 0; i < c->n; i++)
		overrides_take(rq->broker->overrides, &c->v[i]);
	broker_settings_changed(rq->broker);
	return 0;
}

/* Nothing is changed unless every line may be; the last one's commit covers those before it. */
static int update(struct request *rq, enum overrides_server server)
{
	struct str rest = rq->cmd->body, line;
	struct later *l = later_new(rq, changed, NULL);
	struct changes *c = arena_alloc(later_arena(l), sizeof(*c));
	int rc = 0;

	c->n = 0;
	later_set_arg(l, c);
	while (!rc && str_cut(&rest, '\n', &line))
		rc = read_line(rq, server, str_trim(line), later_arena(l), c);
	for (size_t i = 0; !rc && i < c->n; i++) {
		bool last = i == c->n - 1;

		rc = catalog_kv_put(rq->broker->catalog, STR(OVERRIDES_SPACE), c->v[i].name,
			c->v[i].text, last ? later_done : NULL, last ? l : NULL, &rq->err);
	}
	if (!rc && !c->n) {
		later_drop(l);
		return 0;
	}
	return later_started(l, rc);
}

static int update_broker_config(struct request *rq, const void *fields UNUSED)
{
	return update(rq, OVERRIDES_BROKER);
}

static int update_nameserver_config(struct request *rq, const void *fields UNUSED)
{
	return update(rq, OVERRIDES_NAMESRV);
}

const struct handler h_config[] = { { REQ_GET_BROKER_CONFIG, NULL, 0, get_broker_config,
					    NEED_READ },
	{ REQ_UPDATE_BROKER_CONFIG, NULL, 0, update_broker_config, NEED_ADMIN },
	{ REQ_GET_NAMESRV_CONFIG, NULL, 0, get_nameserver_config, NEED_READ },
	{ REQ_UPDATE_NAMESRV_CONFIG, NULL, 0, update_nameserver_config, NEED_ADMIN },
	HANDLER_END };
