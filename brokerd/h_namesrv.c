/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_namesrv: the name server's requests. Of this broker, a route is made from the catalog when it
 * is asked for: a topic has one from the moment it is there. What other brokers have registered
 * (h_register) follows it; their own topics are none of the catalog's.
 *
 * Routes are compact and have quoted keys for everybody: Go cuts the address table at ',' and
 * ':', strict parsers want the quotes, and all others take both.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/later.h"
#include "brokerd/routes.h"
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

/* This broker as one of all. */
struct own {
	struct routes_addr addr;
	struct routes_broker b;
};

static const struct routes_broker *own_broker(const struct request *rq, struct own *o)
{
	o->addr = (struct routes_addr){ ROUTES_MASTER, broker_address(rq->broker), NULL };
	o->b = (struct routes_broker){ rq->broker->cfg->broker, rq->broker->cfg->cluster,
		&o->addr, 1 };
	return &o->b;
}

/* This one, then the others; the list is the arena's. */
static size_t all_brokers(struct request *rq, struct own *o, const struct routes_broker ***out)
{
	const struct routes_broker **others;
	size_t n = routes_brokers(rq->broker->routes, rq->arena, &others);

	*out = arena_alloc(rq->arena, (n + 1) * sizeof(**out));
	(*out)[0] = own_broker(rq, o);
	memcpy(*out + 1, others, n * sizeof(**out));
	return n + 1;
}

/* {"0":"10.0.0.9:10911"}; the cluster answer has Java's bare keys. */
static void put_broker(struct jw *w, const struct routes_broker *b, bool quoted)
{
	char id[24];

	jw_object(w);
	jw_key(w, "brokerAddrs");
	jw_object(w);
	for (size_t i = 0; i < b->n_addrs; i++) {
		snprintf(id, sizeof(id), "%lld", (long long)b->addrs[i].id);
		if (quoted)
			jw_key(w, id);
		else
			jw_key_int(w, b->addrs[i].id);
		jw_text(w, b->addrs[i].addr);
	}
	jw_end(w);
	jw_kv_text(w, "brokerName", b->name);
	jw_kv_text(w, "cluster", b->cluster);
	jw_end(w);
}

static void put_queues(struct jw *w, const char *broker, const struct routes_queues *q)
{
	jw_object(w);
	jw_kv_text(w, "brokerName", broker);
	jw_kv_int(w, "perm", q->perm);
	jw_kv_int(w, "readQueueNums", q->read_queues);
	jw_kv_int(w, "topicSysFlag", q->sysflag);
	jw_kv_int(w, "writeQueueNums", q->write_queues);
	jw_end(w);
}

static struct routes_queues own_queues(const struct request *rq, const struct topic *t)
{
	bool wiped = catalog_opts(rq->broker->catalog)->write_wiped;

	return (struct routes_queues){ t->read_queues, t->write_queues,
		wiped ? t->perm & ~PERM_WRITE : t->perm, t->sysflag };
}

/* Who has the topic, and what of it; both lists are the arena's. */
static size_t find_route(struct request *rq, struct str topic, struct own *o,
	const struct routes_broker ***brokers, struct routes_queues **queues)
{
	const struct topic *own = catalog_topic(rq->broker->catalog, topic);
	const struct routes_queues *q;
	size_t all = all_brokers(rq, o, brokers), n = 0;

	*queues = arena_alloc(rq->arena, all * sizeof(**queues));
	if (own)
		(*queues)[n++] = own_queues(rq, own);
	for (size_t i = 1; i < all; i++) {
		q = routes_queues((*brokers)[i], topic);
		if (!q)
			continue;
		(*brokers)[n] = (*brokers)[i];
		(*queues)[n++] = *q;
	}
	return n;
}

/* "broker-a:4": which queues a topic in order has, for its producers. */
static void put_order(struct jw *w, const struct request *rq, struct str topic)
{
	struct str order = STR_NONE;

	if (rq->broker->cfg->order_messages)
		order = catalog_kv_get(rq->broker->catalog, STR(NAMES_ORDER_SPACE), topic);
	if (order.p) {
		jw_key(w, "orderTopicConf");
		jw_str(w, order);
	}
}

static int get_route(struct request *rq, const void *fields)
{
	const struct route *f = fields;
	const struct routes_broker **brokers;
	struct routes_queues *queues;
	struct own own;
	size_t n = find_route(rq, f->topic, &own, &brokers, &queues);
	struct buf b;
	struct jw w;

	if (!n)
		return err_set(&rq->err, TQ_ENOTOPIC,
			"No topic route info in name server for the topic: " STR_FMT,
			STR_ARG(f->topic));
	w = body_begin(&b);
	jw_key(&w, "brokerDatas");
	jw_array(&w);
	for (size_t i = 0; i < n; i++)
		put_broker(&w, brokers[i], true);
	jw_array_end(&w);
	jw_key(&w, "filterServerTable");
	jw_object(&w);
	jw_end(&w);
	put_order(&w, rq, f->topic);
	jw_key(&w, "queueDatas");
	jw_array(&w);
	for (size_t i = 0; i < n; i++)
		put_queues(&w, brokers[i]->name, &queues[i]);
	jw_array_end(&w);
	body_send(rq, &w);
	return 0;
}

/* The clusters there are, each once, in the order of the brokers. */
static size_t clusters_of(struct request *rq, const struct routes_broker *const *brokers,
	size_t n, const char ***out)
{
	size_t n_out = 0;

	*out = arena_alloc(rq->arena, n * sizeof(**out));
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < n_out && strcmp((*out)[k], brokers[i]->cluster))
			k++;
		if (k == n_out)
			(*out)[n_out++] = brokers[i]->cluster;
	}
	return n_out;
}

/* With the ext fields by which tdmqctl knows us. */
static int cluster_info(struct request *rq, const void *fields UNUSED)
{
	const struct routes_broker **brokers;
	const char **clusters;
	struct own own;
	size_t n = all_brokers(rq, &own, &brokers);
	size_t n_clusters = clusters_of(rq, brokers, n, &clusters);
	struct buf b;
	struct jw w = body_begin(&b);

	jw_key(&w, "brokerAddrTable");
	jw_object(&w);
	for (size_t i = 0; i < n; i++) {
		jw_key(&w, brokers[i]->name);
		put_broker(&w, brokers[i], false);
	}
	jw_end(&w);
	jw_key(&w, "clusterAddrTable");
	jw_object(&w);
	for (size_t k = 0; k < n_clusters; k++) {
		jw_key(&w, clusters[k]);
		jw_array(&w);
		for (size_t i = 0; i < n; i++)
			if (!strcmp(brokers[i]->cluster, clusters[k]))
				jw_text(&w, brokers[i]->name);
		jw_array_end(&w);
	}
	jw_end(&w);
	body_send(rq, &w);
	reply_str(rq, "brokerd", STR(TDMQ_VERSION));
	reply_str(rq, "clusterId", broker_cluster_id(rq->broker));
	return 0;
}

/* ---- lists of topics: 206, 224, 304, 311, 312, 313 ---- */

#define SYSFLAG_UNIT 1
#define SYSFLAG_UNIT_SUB 2

typedef bool (*topic_wanted)(int sysflag);

/* Names of topics, with doubles until they are sent. */
struct names {
	struct arena *mem;
	topic_wanted wanted; /* NULL: all */
	struct str *v;
	size_t n, cap;
};

static void add_name(void *arg, struct str name, const struct routes_queues *q)
{
	struct names *l = arg;
	struct str *more;

	if (l->wanted && !l->wanted(q->sysflag))
		return;
	if (l->n == l->cap) {
		l->cap = MAX(2 * l->cap, 64);
		more = arena_alloc(l->mem, l->cap * sizeof(*more));
		memcpy(more, l->v ? l->v : more, l->n * sizeof(*more));
		l->v = more;
	}
	l->v[l->n++] = name;
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t without_doubles(struct str *v, size_t n)
{
	size_t kept = 0;

	qsort(v, n, sizeof(*v), by_bytes);
	for (size_t i = 0; i < n; i++)
		if (!kept || !str_eq(v[i], v[kept - 1]))
			v[kept++] = v[i];
	return kept;
}

/* Of the brokers of a cluster, or, for STR_NONE, of all. */
static int send_topics(struct request *rq, struct str cluster, topic_wanted wanted)
{
	struct names l = { .mem = rq->arena, .wanted = wanted };
	const struct routes_broker **others;
	const struct topic **topics;
	size_t n = catalog_topics(rq->broker->catalog, rq->arena, &topics);

	for (size_t i = 0; (!cluster.p || str_eq(cluster, own_cluster(rq))) && i < n; i++) {
		struct routes_queues q = own_queues(rq, topics[i]);

		add_name(&l, str_of(topics[i]->name), &q);
	}
	n = routes_brokers(rq->broker->routes, rq->arena, &others);
	for (size_t i = 0; i < n; i++)
		if (!cluster.p || str_is(cluster, others[i]->cluster))
			routes_each_topic(others[i], add_name, &l);
	if (n)
		l.n = without_doubles(l.v, l.n);
	body_topic_list(rq, NULL, l.v, l.n);
	return 0;
}

static int all_topic_names(struct request *rq, const void *fields UNUSED)
{
	return send_topics(rq, STR_NONE, NULL);
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

	return send_topics(rq, f->cluster, NULL);
}

static bool is_unit(int sysflag)
{
	return sysflag & SYSFLAG_UNIT;
}

static bool has_unit_sub(int sysflag)
{
	return sysflag & SYSFLAG_UNIT_SUB;
}

static bool has_unit_sub_only(int sysflag)
{
	return has_unit_sub(sysflag) && !is_unit(sysflag);
}

static int unit_topics(struct request *rq, const void *fields UNUSED)
{
	static const topic_wanted wanted[] = { is_unit, has_unit_sub, has_unit_sub_only };

	return send_topics(rq, STR_NONE, wanted[rq->code - REQ_GET_UNIT_TOPIC_LIST]);
}

/*
 * Cluster and broker names are topics too; the rest the client asks of the broker given here.
 */
static int system_topics(struct request *rq, const void *fields UNUSED)
{
	const struct routes_broker **brokers;
	const char **clusters;
	struct own own;
	size_t n = all_brokers(rq, &own, &brokers), n_names = 0;
	size_t n_clusters = clusters_of(rq, brokers, n, &clusters);
	struct str *names = arena_alloc(rq->arena, (n + n_clusters) * sizeof(*names));

	for (size_t k = 0; k < n_clusters; k++) {
		names[n_names++] = str_of(clusters[k]);
		for (size_t i = 0; i < n; i++)
			if (!strcmp(brokers[i]->cluster, clusters[k]))
				names[n_names++] = str_of(brokers[i]->name);
	}
	body_topic_list(rq, broker_address(rq->broker), names, n_names);
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

	if (str_eq(broker, own_name(rq))) {
		catalog_opts(c)->write_wiped = wiped;
		reply_ext_i64(rq, str_of(count), catalog_topic_count(c));
	} else {
		reply_ext_i64(rq, str_of(count),
			routes_set_write(rq->broker->routes, broker, !wiped));
	}
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

/* ---- 216 ---- */

struct delete_topic {
	struct str topic, cluster;
};

static const struct field delete_topic_fields[] = { FIELD_TOPIC("topic", struct delete_topic,
							    topic, REQUIRED),
	FIELD_STR("clusterName", struct delete_topic, cluster, 0), FIELD_END };

/* Of other brokers: this one's own delete (215) took the route with it. */
static int delete_in_namesrv(struct request *rq, const void *fields)
{
	const struct delete_topic *f = fields;

	routes_delete_topic(rq->broker->routes, f->topic, f->cluster);
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

/* Texts of brokerd's own: seen and changed by the requests they belong to only. */
static bool is_private(struct str space)
{
	return str_starts(space, STR("brokerd/"));
}

static int store_kv(struct request *rq, const struct kv *f)
{
	struct later *l;

	if (is_private(f->space))
		return err_set(&rq->err, TQ_EDENIED, "namespace '" STR_FMT "' is not for texts",
			STR_ARG(f->space));
	l = later_new(rq, NULL, NULL);
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
	struct str value = is_private(f->space)
				   ? STR_NONE
				   : catalog_kv_get(rq->broker->catalog, f->space, f->key);

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

	if (!n || is_private(f->space))
		return err_set(&rq->err, TQ_ENOTFOUND, "No config item, Namespace: " STR_FMT,
			STR_ARG(f->space));
	w = body_begin(&b);
	body_kv_table(&w, rows, n);
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
	{ REQ_GET_UNIT_TOPIC_LIST, NULL, 0, unit_topics, NEED_READ },
	{ REQ_GET_HAS_UNIT_SUB_TOPIC_LIST, NULL, 0, unit_topics, NEED_READ },
	{ REQ_GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, NULL, 0, unit_topics, NEED_READ },
	{ REQ_WIPE_WRITE_PERM_OF_BROKER, write_perm_fields, sizeof(struct write_perm),
		wipe_write_perm, NEED_ADMIN },
	{ REQ_ADD_WRITE_PERM_OF_BROKER, write_perm_fields, sizeof(struct write_perm),
		add_write_perm, NEED_ADMIN },
	{ REQ_DELETE_TOPIC_IN_NAMESRV, delete_topic_fields, sizeof(struct delete_topic),
		delete_in_namesrv, NEED_ADMIN },
	{ REQ_PUT_KV_CONFIG, kv_put_fields, sizeof(struct kv), put_kv, NEED_ADMIN },
	{ REQ_DELETE_KV_CONFIG, kv_get_fields, sizeof(struct kv), delete_kv, NEED_ADMIN },
	{ REQ_GET_KV_CONFIG, kv_get_fields, sizeof(struct kv), get_kv, NEED_READ },
	{ REQ_GET_KVLIST_BY_NAMESPACE, kv_list_fields, sizeof(struct kv), list_kv, NEED_READ },
	HANDLER_END };
