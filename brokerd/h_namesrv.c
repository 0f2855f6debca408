/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_namesrv: the name server's requests. There is one broker behind it, this one, so a route is
 * made from the catalog when it is asked for: a topic has one from the moment it is there.
 *
 * Routes are compact and have quoted keys for everybody: Go cuts the address table at ',' and
 * ':', strict parsers want the quotes, and all others take both.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/later.h"
#include "names.h"

static struct str own_name(const struct request *rq)
{
	return str_of(rq->broker->cfg->broker);
}

static struct str own_cluster(const struct request *rq)
{
	return str_of(rq->broker->cfg->cluster);
}

/* ---- 105, 106 ---- */

struct route {
	struct str topic;
};

static const struct field route_fields[] = {
	FIELD_TOPIC("topic", struct route, topic, REQUIRED), FIELD_END
};

/* {"0":"10.0.0.9:10911"}; the cluster answer has Java's bare keys. */
static void put_addresses(struct jw *w, struct request *rq, bool quoted)
{
	jw_key(w, "brokerAddrs");
	jw_object(w);
	if (quoted)
		jw_key(w, "0");
	else
		jw_key_int(w, 0);
	jw_text(w, broker_address(rq->broker));
	jw_end(w);
	jw_kv_str(w, "brokerName", own_name(rq));
	jw_kv_str(w, "cluster", own_cluster(rq));
}

static int get_route(struct request *rq, const void *fields)
{
	const struct route *f = fields;
	const struct topic *t = catalog_topic(rq->broker->catalog, f->topic);
	bool wiped = catalog_opts(rq->broker->catalog)->write_wiped;
	struct buf b;
	struct jw w;

	if (!t)
		return err_set(&rq->err, TQ_ENOTOPIC,
			"No topic route info in name server for the topic: " STR_FMT,
			STR_ARG(f->topic));
	w = body_begin(&b);
	jw_key(&w, "brokerDatas");
	jw_array(&w);
	jw_object(&w);
	put_addresses(&w, rq, true);
	jw_end(&w);
	jw_array_end(&w);
	jw_key(&w, "filterServerTable");
	jw_object(&w);
	jw_end(&w);
	jw_key(&w, "queueDatas");
	jw_array(&w);
	jw_object(&w);
	jw_kv_str(&w, "brokerName", own_name(rq));
	jw_kv_int(&w, "perm", wiped ? t->perm & ~PERM_WRITE : t->perm);
	jw_kv_int(&w, "readQueueNums", t->read_queues);
	jw_kv_int(&w, "topicSysFlag", t->sysflag);
	jw_kv_int(&w, "writeQueueNums", t->write_queues);
	jw_end(&w);
	jw_array_end(&w);
	body_send(rq, &w);
	return 0;
}

/* With the ext fields by which tdmqctl knows us. */
static int cluster_info(struct request *rq, const void *fields UNUSED)
{
	struct buf b;
	struct jw w = body_begin(&b);

	jw_key(&w, "brokerAddrTable");
	jw_object(&w);
	jw_key_str(&w, own_name(rq));
	jw_object(&w);
	put_addresses(&w, rq, false);
	jw_end(&w);
	jw_end(&w);
	jw_key(&w, "clusterAddrTable");
	jw_object(&w);
	jw_key_str(&w, own_cluster(rq));
	jw_array(&w);
	jw_str(&w, own_name(rq));
	jw_array_end(&w);
	jw_end(&w);
	body_send(rq, &w);
	reply_str(rq, "brokerd", STR(TDMQ_VERSION));
	reply_str(rq, "clusterId", broker_cluster_id(rq->broker));
	return 0;
}

/* ---- lists of topics: 206, 224, 304 ---- */

static int send_all_topics(struct request *rq)
{
	const struct topic **topics;
	size_t n = catalog_topics(rq->broker->catalog, rq->arena, &topics);
	struct str *names = arena_alloc(rq->arena, (n + 1) * sizeof(*names));

	for (size_t i = 0; i < n; i++)
		names[i] = str_of(topics[i]->name);
	body_topic_list(rq, NULL, names, n);
	return 0;
}

static int all_topic_names(struct request *rq, const void *fields UNUSED)
{
	return send_all_topics(rq);
}

struct cluster_topics {
	struct str cluster;
};

static const struct field cluster_topics_fields[] = {
	FIELD_STR("cluster", struct cluster_topics, cluster, REQUIRED), FIELD_END
};

static int topics_of_cluster(struct request *rq, const void *fields)
{
	const struct cluster_topics *f = fields;

	if (str_eq(f->cluster, own_cluster(rq)))
		return send_all_topics(rq);
	body_topic_list(rq, NULL, NULL, 0);
	return 0;
}

/*
 * Cluster and broker names are topics too; the rest the client asks of the broker given here.
 */
static int system_topics(struct request *rq, const void *fields UNUSED)
{
	const struct str names[] = { own_cluster(rq), own_name(rq) };

	body_topic_list(rq, broker_address(rq->broker), names, ARRAY_LEN(names));
	return 0;
}

/* ---- 205, 327: draining ---- */

struct write_perm {
	struct str broker;
};

static const struct field write_perm_fields[] = {
	FIELD_STR("brokerName", struct write_perm, broker, REQUIRED), FIELD_END
};

/* Routes lose or get back W; lasts until the next start, as it does with Apache. */
static int set_write(struct request *rq, struct str broker, bool wiped, const char *count)
{
	struct catalog *c = rq->broker->catalog;
	bool own = str_eq(broker, own_name(rq));

	if (own)
		catalog_opts(c)->write_wiped = wiped;
	reply_i64(rq, count, own ? catalog_topic_count(c) : 0);
	return 0;
}

static int wipe_write_perm(struct request *rq, const void *fields)
{
	const struct write_perm *f = fields;

	return set_write(rq, f->broker, true, "wipeTopicCount");
}

static int add_write_perm(struct request *rq, const void *fields)
{
	const struct write_perm *f = fields;

	return set_write(rq, f->broker, false, "addTopicCount");
}

/* ---- 216, 318, 319 ---- */

/* The broker's own delete (215) took the route with it. */
static int delete_in_namesrv(struct request *rq UNUSED, const void *fields UNUSED)
{
	return 0;
}

static int update_config(struct request *rq, const void *fields UNUSED)
{
	return err_set(&rq->err, TQ_EDENIED,
		"the name server's settings are those of brokerd: change its configuration file");
}

static int get_config(struct request *rq, const void *fields UNUSED)
{
	reply_body_str(rq, str_of(arena_fmt(rq->arena,
				   "listenPort=%d\norderMessageEnable=false\n"
				   "clusterTest=false\nproductEnvName=center\n",
				   rq->broker->nameserver_port)));
	return 0;
}

/* ---- 100, 101, 102, 219: texts by namespace and key ---- */

struct kv {
	struct str space, key, value;
};

static const struct field kv_put_fields[] = { FIELD_STR(
						      "namespace", struct kv, space, REQUIRED),
	FIELD_STR("key", struct kv, key, REQUIRED),
	FIELD_STR("value", struct kv, value, REQUIRED), FIELD_END };

static const struct field kv_get_fields[] = { FIELD_STR(
						      "namespace", struct kv, space, REQUIRED),
	FIELD_STR("key", struct kv, key, REQUIRED), FIELD_END };

static const struct field kv_list_fields[] = {
	FIELD_STR("namespace", struct kv, space, REQUIRED), FIELD_END
};

static int store_kv(struct request *rq, const struct kv *f)
{
	struct later *l = later_new(rq, NULL, NULL);

	return later_started(l, catalog_kv_put(rq->broker->catalog, f->space, f->key, f->value,
					later_done, l, &rq->err));
}

static int put_kv(struct request *rq, const void *fields)
{
	return store_kv(rq, fields);
}

static int delete_kv(struct request *rq, const void *fields)
{
	return store_kv(rq, fields); /* without a value: there is no such field */
}

static int get_kv(struct request *rq, const void *fields)
{
	const struct kv *f = fields;
	struct str value = catalog_kv_get(rq->broker->catalog, f->space, f->key);

	if (!value.p)
		return err_set(&rq->err, TQ_ENOTFOUND,
			"No config item, Namespace: " STR_FMT " Key: " STR_FMT,
			STR_ARG(f->space), STR_ARG(f->key));
	reply_str(rq, "value", value);
	return 0;
}

static int list_kv(struct request *rq, const void *fields)
{
	const struct kv *f = fields;
	struct catalog_kv *rows;
	struct buf b;
	struct jw w;
	size_t n = catalog_kv_list(rq->broker->catalog, f->space, rq->arena, &rows);

	if (!n)
		return err_set(&rq->err, TQ_ENOTFOUND, "No config item, Namespace: " STR_FMT,
			STR_ARG(f->space));
	w = body_begin(&b);
	jw_key(&w, "table");
	jw_object(&w);
	for (size_t i = 0; i < n; i++) {
		jw_key_str(&w, rows[i].key);
		jw_str(&w, rows[i].value);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

const struct handler h_namesrv[] = { { REQ_GET_ROUTEINFO_BY_TOPIC, route_fields,
					     sizeof(struct route), get_route, NEED_NOTHING },
	{ REQ_GET_BROKER_CLUSTER_INFO, NULL, 0, cluster_info, NEED_ROLE },
	{ REQ_GET_ALL_TOPIC_LIST_FROM_NAMESERVER, NULL, 0, all_topic_names, NEED_READ },
	{ REQ_GET_TOPICS_BY_CLUSTER, cluster_topics_fields, sizeof(struct cluster_topics),
		topics_of_cluster, NEED_READ },
	{ REQ_GET_SYSTEM_TOPIC_LIST_FROM_NS, NULL, 0, system_topics, NEED_READ },
	{ REQ_WIPE_WRITE_PERM_OF_BROKER, write_perm_fields, sizeof(struct write_perm),
		wipe_write_perm, NEED_ADMIN },
	{ REQ_ADD_WRITE_PERM_OF_BROKER, write_perm_fields, sizeof(struct write_perm),
		add_write_perm, NEED_ADMIN },
	{ REQ_DELETE_TOPIC_IN_NAMESRV, NULL, 0, delete_in_namesrv, NEED_ADMIN },
	{ REQ_UPDATE_NAMESRV_CONFIG, NULL, 0, update_config, NEED_ADMIN },
	{ REQ_GET_NAMESRV_CONFIG, NULL, 0, get_config, NEED_READ },
	{ REQ_PUT_KV_CONFIG, kv_put_fields, sizeof(struct kv), put_kv, NEED_ADMIN },
	{ REQ_DELETE_KV_CONFIG, kv_get_fields, sizeof(struct kv), delete_kv, NEED_ADMIN },
	{ REQ_GET_KV_CONFIG, kv_get_fields, sizeof(struct kv), get_kv, NEED_READ },
	{ REQ_GET_KVLIST_BY_NAMESPACE, kv_list_fields, sizeof(struct kv), list_kv, NEED_READ },
	HANDLER_END };
