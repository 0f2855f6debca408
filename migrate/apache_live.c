/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apache_live: see apache_live.h.
 *
 *	name server   106 who is there, 219 ORDER_TOPIC_CONFIG, 304 its system topics
 *	each master   21 topics, 201 groups, 305 system topics, 43 who has positions, 28 version
 *
 * The tables go into the export as they came. What only explains them (305, 43, 219, 304) may be
 * missing where a server does not know the request; where it refuses one, that is told. A broker of
 * Apache's that has just started fails at 28, which is no loss.
 *
 * A name server forgets a broker as soon as its connection breaks. Where the order of topics names a
 * broker that nobody knows, the export says that it lacks it.
 */
#include "base.h"

#include "apache_live.h"
#include "apache_tables.h"
#include "names.h"

enum part { TOPICS, GROUPS, SYSTEM, OFFSETS, RUNTIME, PARTS };

static const struct {
	int code;
	const char *what, *total; /* ext field of servers that answer in pages */
} parts[PARTS] = {
	[TOPICS] = { REQ_GET_ALL_TOPIC_CONFIG, "topics", "totalTopicNum" },
	[GROUPS] = { REQ_GET_ALL_SUBSCRIPTIONGROUP_CONFIG, "groups", "totalGroupNum" },
	[SYSTEM] = { REQ_GET_SYSTEM_TOPIC_LIST_FROM_BROKER, "system topics", NULL },
	[OFFSETS] = { REQ_GET_ALL_CONSUMER_OFFSET, "positions", NULL },
	[RUNTIME] = { REQ_GET_BROKER_RUNTIME_INFO, "version", NULL },
};

struct ask {
	const struct broker *broker; /* borrowed from the cluster */
	enum part part;
	bool asked;
	cJSON *doc; /* owned; NULL: failed or not asked */
	int64_t total; /* entries there are; -1: it does not say */
	struct err err;
};

struct live {
	struct admin *a;
	const struct apache_live *o;
	struct export *x;
	const char *cluster;
	bool whole; /* it is all the name server knows */
	const struct broker **brokers; /* owned array */
	size_t n;
	struct ask *asks; /* owned array: PARTS for each broker */
	struct inventory inv; /* system topics, who reads what; counts */
};

/* ---- which cluster ---- */

/* ONS answers clients there, but nobody who asks what there is. */
static int refuse_ons(const struct admin *a, struct err *e)
{
	const char *const *servers;
	size_t n = admin_nameservers(a, &servers);

	for (size_t i = 0; i < n; i++) {
		struct str host = str_of(servers[i]);
		const char *colon = strrchr(servers[i], ':');

		if (colon)
			host.n = (size_t)(colon - servers[i]);
		if (!str_ends(host, STR("aliyuncs.com")))
			continue;
		err_set(e, TQ_EUNSUPPORTED,
			"name server '%s' is Alibaba Cloud's: it answers no administration "
			"requests",
			servers[i]);
		return err_hint(e, "its API does: tdmqctl migrate export ons");
	}
	return 0;
}

static int choose_cluster(struct live *l, const struct cluster *cl, struct err *e)
{
	const char *found = NULL;
	struct buf all;

	buf_init(&all, 200);
	for (size_t i = 0; i < cl->n; i++) {
		const char *name = cl->v[i].cluster;

		if (l->o->cluster && !strcmp(l->o->cluster, name))
			found = name;
		if (!all.n || !memmem(all.p, all.n, name, strlen(name)))
			buf_addf(&all, "%s%s", all.n ? ", " : "", name);
	}
	if (!l->o->cluster && cl->n)
		found = cl->v[0].cluster;
	for (size_t i = 0; !l->o->cluster && i < cl->n; i++)
		if (strcmp(cl->v[i].cluster, found) != 0) {
			err_set(e, TQ_EUSAGE, "several clusters: which one?");
			err_hint(e, "--cluster NAME; there are " STR_FMT,
				STR_ARG(buf_str(&all)));
			buf_release(&all);
			return TQ_EUSAGE;
		}
	if (!cl->n)
		err_set(e, TQ_EUNREACHABLE, "the name server knows no broker");
	else if (!found)
		err_set(e, TQ_ENOTFOUND, "no cluster '%s'; there are " STR_FMT, l->o->cluster,
			STR_ARG(buf_str(&all)));
	buf_release(&all);
	l->cluster = found;
	return found ? 0 : cl->n ? TQ_ENOTFOUND : TQ_EUNREACHABLE;
}

static int choose_brokers(struct live *l, struct err *e)
{
	const struct cluster *cl;
	int rc = admin_cluster(l->a, &cl, e);

	rc = rc ? rc : choose_cluster(l, cl, e);
	if (rc)
		return rc;
	l->brokers = mem_array(cl->n + 1, sizeof(const struct broker *));
	for (size_t i = 0; i < cl->n; i++)
		if (!strcmp(cl->v[i].cluster, l->cluster))
			l->brokers[l->n++] = &cl->v[i];
	l->whole = l->n == cl->n && !l->o->some_brokers;
	l->asks = mem_array(l->n * PARTS + 1, sizeof(*l->asks));
	return 0;
}

/* ---- asking ---- */

static void on_answer(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct ask *k = arg;
	int64_t total;

	if (rc)
		k->err = *e;
	else if (!admin_reply_err(&r->cmd, k->broker->addr, &k->err) &&
		 json_parse(r->cmd.body, JSON_LOOSE, &k->doc, &k->err))
		err_wrap(&k->err, "answer of broker '%s'", k->broker->name);
	if (k->doc && parts[k->part].total &&
		!str_to_i64(command_ext(&r->cmd, parts[k->part].total), 0, INT32_MAX, &total,
			"total", NULL))
		k->total = total;
	reply_free(r);
}

static bool wanted(const struct live *l, enum part part)
{
	return !(part == TOPICS && l->o->no_topics) && !(part == GROUPS && l->o->no_groups);
}

static void ask_all(struct live *l)
{
	struct client *c = admin_client(l->a);
	struct command rq;

	for (size_t i = 0; i < l->n * PARTS; i++) {
		struct ask *k = &l->asks[i];

		k->broker = l->brokers[i / PARTS];
		k->part = (enum part)(i % PARTS);
		k->total = -1;
		if (!wanted(l, k->part))
			continue;
		k->asked = true;
		command_init(&rq, parts[k->part].code);
		if (!k->broker->addr)
			err_set(&k->err, TQ_EUNREACHABLE, "its master is not there");
		else
			(void)!client_submit(c, k->broker->addr, &rq, admin_timeout(l->a),
				on_answer, k, &k->err);
	}
	while (client_pending(c))
		client_run(c, -1);
}

/* ---- what is missing ---- */

static const char *reason_of(const struct err *e)
{
	bool silent = e->code == TQ_EUNREACHABLE || e->code == TQ_ETIMEDOUT;

	return reason_name(silent		   ? REASON_TARGET_UNAVAILABLE
			   : e->code == TQ_EDENIED ? REASON_PERMISSION_DENIED
						   : REASON_FAILED);
}

static bool is_silent(const struct live *l, size_t broker)
{
	for (int p = 0; p < PARTS; p++)
		if (l->asks[broker * PARTS + (size_t)p].doc)
			return false;
	return true;
}

static void tell(struct live *l, const struct broker *b, const char *of, const struct err *e)
{
	char *what = mem_fmt("%s%sbroker %s", of ? of : "", of ? " of " : "", b->name);

	export_incomplete(l->x, what, reason_of(e), e->msg);
	mem_free(what);
}

/* A part that came in pages, or not at all. */
static void tell_part(struct live *l, const struct ask *k)
{
	const char *table = k->part == TOPICS ? APACHE_TOPICS : APACHE_GROUPS;
	struct err e = ERR_INIT;
	int n;

	if (!k->doc) {
		if (k->part <= GROUPS || (k->part != RUNTIME && k->err.code != TQ_EUNSUPPORTED))
			tell(l, k->broker, parts[k->part].what, &k->err);
		return;
	}
	n = k->part <= GROUPS ? cJSON_GetArraySize(shape_get(k->doc, table)) : 0;
	if (k->total <= n)
		return;
	err_set(&e, TQ_EUNSUPPORTED, "only %d of %lld came: this server answers in pages", n,
		(long long)k->total);
	tell(l, k->broker, parts[k->part].what, &e);
}

/* All that was asked failed everywhere: that is the error. */
static int judge(struct live *l, struct err *e)
{
	const struct ask *first = NULL;
	bool any = false;

	for (size_t b = 0; b < l->n; b++) {
		const struct ask *asks = &l->asks[b * PARTS];

		for (int p = TOPICS; p <= GROUPS; p++) {
			any |= asks[p].doc != NULL;
			if (!first && asks[p].asked && !asks[p].doc)
				first = &asks[p];
		}
		if (is_silent(l, b)) {
			tell(l, l->brokers[b], NULL,
				&asks[l->o->no_topics ? GROUPS : TOPICS].err);
			continue;
		}
		for (int p = 0; p < PARTS; p++)
			if (asks[p].asked)
				tell_part(l, &asks[p]);
	}
	if (any)
		return 0;
	if (e)
		*e = first->err;
	return first->err.code;
}

/* ---- putting together ---- */

static void add_master(struct live *l, cJSON *masters, size_t broker)
{
	const struct broker *b = l->brokers[broker];
	const cJSON *table = shape_get(l->asks[broker * PARTS + RUNTIME].doc, "table");
	const char *version = json_text(table, "brokerVersionDesc", NULL);
	cJSON *m = cJSON_CreateObject();

	json_add_str(m, "brokerName", str_of(b->name));
	if (b->addr)
		json_add_str(m, "addr", str_of(b->addr));
	if (version)
		json_add_str(m, "version", str_of(version));
	cJSON_AddItemToArray(masters, m);
}

/* The table of an answer, moved. */
static void move_table(cJSON *to, const char *key, cJSON *doc)
{
	cJSON *table = cJSON_DetachItemFromObjectCaseSensitive(doc, key);

	if (cJSON_IsObject(table))
		cJSON_AddItemToObject(to, key, table);
	else
		cJSON_Delete(table);
}

static int add_tables(struct live *l, cJSON *brokers, size_t broker, struct err *e)
{
	struct ask *asks = &l->asks[broker * PARTS];
	const char *name = l->brokers[broker]->name;
	cJSON *b;

	if (!asks[TOPICS].doc && !asks[GROUPS].doc)
		return 0;
	b = cJSON_AddObjectToObject(brokers, name);
	if (asks[TOPICS].doc)
		move_table(b, APACHE_TOPICS, asks[TOPICS].doc);
	if (asks[GROUPS].doc)
		move_table(b, APACHE_GROUPS, asks[GROUPS].doc);
	inventory_add_system(&l->inv, name);
	if (apache_scan_tables(&l->inv, b, arena_str(&l->inv.mem, name), e))
		return err_wrap(e, "broker '%s'", name);
	return 0;
}

static void add_system(struct live *l, const cJSON *doc)
{
	const cJSON *name;

	cJSON_ArrayForEach (name, shape_get(doc, "topicList"))
		if (cJSON_IsString(name))
			inventory_add_system(&l->inv, name->valuestring);
}

static void add_reads(struct live *l, const cJSON *doc)
{
	const cJSON *o;

	cJSON_ArrayForEach (o, shape_get(doc, "offsetTable")) {
		struct str group = str_of(o->string), topic;
		char *t;

		str_cut(&group, '@', &topic);
		if (!topic.n || !group.n || names_is_retry(topic))
			continue;
		t = mem_strn(topic.p, topic.n);
		inventory_add_read(&l->inv, group.p, t);
		mem_free(t);
	}
}

static int add_brokers(struct live *l, struct err *e)
{
	cJSON *masters = cJSON_AddArrayToObject(l->x->body, "masters");
	cJSON *brokers = cJSON_AddObjectToObject(l->x->body, "brokers");
	int rc = 0;

	for (size_t b = 0; !rc && b < l->n; b++) {
		add_master(l, masters, b);
		add_system(l, l->asks[b * PARTS + SYSTEM].doc);
		add_reads(l, l->asks[b * PARTS + OFFSETS].doc);
		rc = add_tables(l, brokers, b, e);
	}
	return rc;
}

static bool knows(const struct live *l, struct str broker)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_is(broker, l->brokers[i]->name))
			return true;
	return false;
}

/* "broker-a:8;broker-b:8": brokers that are gone, each told once. */
static void tell_gone(struct live *l, struct str order, struct inventory *told)
{
	struct str part, broker;

	while (str_cut(&order, ';', &part)) {
		char *name, *what;

		str_cut(&part, ':', &broker);
		broker = str_trim(broker);
		name = mem_strn(broker.p ? broker.p : "", broker.n);
		if (broker.n && !knows(l, broker) && !inventory_is_system(told, name)) {
			inventory_add_system(told, name);
			what = mem_fmt("broker %s", name);
			export_incomplete(l->x, what, reason_name(REASON_TARGET_UNAVAILABLE),
				"topics have queues there, but the name server does not know "
				"it");
			mem_free(what);
		}
		mem_free(name);
	}
}

/* What the name server knows beside; where it cannot tell, that is told. */
static void add_home(struct live *l)
{
	cJSON *order = cJSON_AddObjectToObject(l->x->body, "orderConf"), *doc = NULL;
	struct err e = ERR_INIT;
	const struct cluster *cl;
	struct command rq;
	struct reply *r;
	struct kvs kvs = { NULL, 0 };
	struct inventory told;
	int rc = admin_cluster(l->a, &cl, &e);

	if (!rc)
		rc = admin_kv_list(l->a, cl->home, NAMES_ORDER_SPACE, &l->inv.mem, &kvs, &e);
	if (rc && rc != TQ_EUNSUPPORTED)
		export_incomplete(l->x, "order of topics", reason_of(&e), e.msg);
	inventory_init(&told);
	for (size_t i = 0; i < kvs.n; i++) {
		json_add_str(order, kvs.v[i].key.p, kvs.v[i].value);
		if (l->whole)
			tell_gone(l, kvs.v[i].value, &told);
	}
	inventory_release(&told);
	command_init(&rq, REQ_GET_SYSTEM_TOPIC_LIST_FROM_NS);
	if (admin_call_ns(l->a, &rq, &r, NULL))
		return;
	if (!json_parse(r->cmd.body, JSON_LOOSE, &doc, NULL))
		add_system(l, doc);
	cJSON_Delete(doc);
	reply_free(r);
}

/* What the brokers hold beside the tables, brought together; counts without their own objects. */
static void add_summary(struct live *l)
{
	cJSON *system = cJSON_AddArrayToObject(l->x->body, "systemTopics"), *list = NULL;
	cJSON *reads = cJSON_AddObjectToObject(l->x->body, "consumerTopics");
	const struct inventory *inv = &l->inv;

	inventory_settle(&l->inv);
	for (size_t i = 0; i < inv->n_system; i++)
		cJSON_AddItemToArray(system, cJSON_CreateString(inv->system[i]));
	for (size_t i = 0; i < inv->n_reads; i++) {
		if (!i || strcmp(inv->reads[i].group, inv->reads[i - 1].group) != 0)
			list = cJSON_AddArrayToObject(reads, inv->reads[i].group);
		cJSON_AddItemToArray(list, cJSON_CreateString(inv->reads[i].topic));
	}
	for (size_t i = 0; i < inv->n; i++) {
		bool topic = inv->items[i].kind == OBJ_TOPIC;

		if (!inventory_is_own(inv, &inv->items[i]))
			*(topic ? &l->x->topics : &l->x->groups) += 1;
	}
}

int apache_live_fetch(
	struct admin *a, const struct apache_live *o, struct export *x, struct err *e)
{
	struct live l = { .a = a, .o = o, .x = x };
	const char *const *servers;
	int rc;

	inventory_init(&l.inv);
	rc = refuse_ons(a, e);
	rc = rc ? rc : choose_brokers(&l, e);
	if (!rc) {
		ask_all(&l);
		rc = judge(&l, e);
	}
	if (!rc) {
		export_source(x, "cluster", l.cluster);
		if (admin_nameservers(a, &servers))
			export_source(x, "namesrv", servers[0]);
		export_source(x, "via", "live");
		add_home(&l);
		rc = add_brokers(&l, e);
	}
	if (!rc)
		add_summary(&l);
	for (size_t i = 0; i < l.n * PARTS; i++)
		cJSON_Delete(l.asks[i].doc);
	mem_free(l.asks);
	mem_free(l.brokers);
	inventory_release(&l.inv);
	return rc;
}
