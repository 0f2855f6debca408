/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: which there are, how they are, and what people say about them. */
#include <ctype.h>

#include "health.h"
#include "names.h"

/* ---- cluster ---- */

static cJSON *cluster_json(
	struct ctx *cx, const struct cluster *cl, const struct health *all, const char *name)
{
	cJSON *o = cJSON_CreateObject(), *brokers = cJSON_CreateArray();
	int64_t masters = 0, slaves = 0, in_today = 0, out_today = 0;
	double in = 0, out = 0, disk = -1;
	const char *server = NULL;
	bool well = true;

	for (size_t i = 0; i < cl->n; i++) {
		const struct health *h = &all[i];

		if (strcmp(cl->v[i].cluster, name))
			continue;
		masters += cl->v[i].addr != NULL;
		slaves += (int64_t)cl->v[i].n_slaves;
		well &= h->answers && !h->disk_full;
		in += h->in_rate;
		out += h->out_rate;
		in_today += h->in_today;
		out_today += h->out_today;
		disk = MAX(disk, h->disk);
		if (!server)
			server = health_server(cx, cl, h);
		cJSON_AddItemToArray(brokers, cJSON_CreateString(cl->v[i].name));
	}
	view_add_text(o, "name", name);
	view_add_text(o, "id", cl->id);
	view_add_text(o, "server", server);
	view_add_text(o, "health", well ? "ok" : "warning");
	json_add_i64(o, "masters", masters);
	json_add_i64(o, "slaves", slaves);
	health_add_decimal(o, "inRate", in, true);
	health_add_decimal(o, "outRate", out, true);
	json_add_i64(o, "inToday", in_today);
	json_add_i64(o, "outToday", out_today);
	health_add_decimal(o, "diskPercent", disk, disk >= 0);
	cJSON_AddItemToObject(o, "brokers", brokers);
	view_add_text(o, "nameservers", cx->nameservers);
	return o;
}

static int ask_all(struct ctx *cx, const struct cluster **cl, struct health **all)
{
	int rc = admin_cluster(cx->admin, cl, &cx->err);

	if (rc)
		return rc;
	*all = arena_alloc(&cx->mem, (*cl)->n * sizeof(**all));
	for (size_t i = 0; i < (*cl)->n; i++)
		health_ask(cx, &(*cl)->v[i], &(*all)[i]);
	return 0;
}

/* Names of clusters, each once. */
static void cluster_names(const struct cluster *cl, struct strv *out)
{
	for (size_t i = 0; i < cl->n; i++)
		if (!strv_has(out, str_of(cl->v[i].cluster)))
			strv_add(out, str_of(cl->v[i].cluster));
	strv_sort(out);
}

static int cluster_list(struct ctx *cx, const void *args)
{
	struct strv names = strv_in(&cx->mem);
	const struct cluster *cl;
	struct health *all;
	cJSON *items;
	int rc = ask_all(cx, &cl, &all);

	(void)args;
	if (rc)
		return rc;
	cluster_names(cl, &names);
	items = cJSON_CreateArray();
	for (size_t i = 0; i < names.n; i++)
		cJSON_AddItemToArray(items, cluster_json(cx, cl, all, names.v[i]));
	return ctx_list(cx, &view_cluster, items);
}

struct cluster_args {
	const char *name;
	bool quota;
};

static const struct opt describe_opts[] = {
	OPT_BOOL(0, "quota", struct cluster_args, quota,
		"its limits, and how far they are used"),
	OPT_END,
};

static int choose(
	struct ctx *cx, const struct strv *names, const char *wanted, const char **out)
{
	if (!wanted && names->n == 1) {
		*out = names->v[0];
		return 0;
	}
	if (!wanted)
		return err_set(
			&cx->err, TQ_EUSAGE, "there are %zu clusters: which one?", names->n);
	*out = wanted;
	if (strv_has(names, str_of(wanted)))
		return 0;
	err_set(&cx->err, TQ_ENOTFOUND, "no cluster '%s'", wanted);
	return err_hint(&cx->err, "see which there are: tdmqctl cluster list");
}

/* What the cluster has for itself, retry and dead letter topics do not count, as in listings. */
static int add_counts(struct ctx *cx, const struct cluster *cl, cJSON *o)
{
	int64_t n_topics = 0, n_groups = 0;
	struct topics topics;
	struct groups groups;
	int rc;

	if ((rc = admin_topics(cx->admin, &cx->mem, &topics, &cx->err)) ||
		(rc = admin_groups(cx->admin, &cx->mem, &groups, &cx->err)))
		return rc;
	for (size_t i = 0; i < topics.n; i++) {
		struct str name = str_of(topics.v[i].t.name);

		n_topics += !names_is_retry(name) && !names_is_dlq(name) &&
			    !ctx_is_system_topic(cl, name.p);
	}
	for (size_t i = 0; i < groups.n; i++)
		n_groups += !names_is_system_group(str_of(groups.v[i].name));
	json_add_i64(o, "topics", n_topics);
	json_add_i64(o, "groups", n_groups);
	return 0;
}

/* ---- what people say about a cluster: texts its name server keeps ---- */

#define ABOUT_SPACE "tdmqctl/cluster"
#define ABOUT_DESCRIPTION "description"
#define ABOUT_LABEL "label/"
#define LABELS_MAX 50
#define LABEL_KEY_MAX 255
#define LABEL_VALUE_MAX 127

static int about_call(struct ctx *cx, struct command *rq, cJSON **out)
{
	struct reply *rp = NULL;
	int rc;

	command_add(rq, "namespace", STR(ABOUT_SPACE));
	rc = admin_call_ns(cx->admin, rq, &rp, &cx->err);
	if (!rc && out)
		rc = json_parse(rp->cmd.body, JSON_LOOSE, out, &cx->err);
	reply_free(rp);
	return rc;
}

/* A value of "" deletes: the name server keeps no empty texts, so ours begin with '='. */
static int about_put(struct ctx *cx, const char *key, const char *value)
{
	struct command rq;

	command_init(&rq, value ? REQ_PUT_KV_CONFIG : REQ_DELETE_KV_CONFIG);
	command_add(&rq, "key", str_of(key));
	if (value)
		command_add(&rq, "value", str_of(arena_fmt(&cx->mem, "=%s", value)));
	return about_call(cx, &rq, NULL);
}

static int add_about(struct ctx *cx, cJSON *o)
{
	cJSON *doc = NULL, *labels = cJSON_AddArrayToObject(o, "labels");
	const char *description = NULL;
	const cJSON *j;
	struct command rq;
	int rc;

	command_init(&rq, REQ_GET_KVLIST_BY_NAMESPACE);
	rc = about_call(cx, &rq, &doc);
	if (rc == TQ_ENOTFOUND) {
		err_clear(&cx->err);
		rc = 0;
	}
	cJSON_ArrayForEach (j, cJSON_GetObjectItemCaseSensitive(doc, "table")) {
		struct str key = str_of(j->string);

		if (!cJSON_IsString(j) || j->valuestring[0] != '=')
			continue;
		if (str_is(key, ABOUT_DESCRIPTION))
			description = arena_str(&cx->mem, j->valuestring + 1);
		else if (str_starts(key, STR(ABOUT_LABEL)))
			cJSON_AddItemToArray(
				labels, cJSON_CreateString(arena_fmt(&cx->mem, "%s%s",
						key.p + strlen(ABOUT_LABEL), j->valuestring)));
	}
	view_add_text(o, "description", description);
	cJSON_Delete(doc);
	return rc;
}

/* ---- limits ---- */

static const struct {
	const char *key, *shown;
} quotas[] = {
	{ "quotaNamespaces", "namespaces" },
	{ "quotaTopics", "topics" },
	{ "quotaGroups", "groups" },
	{ "quotaCalls", "calls per second" },
	{ "quotaBits", "bits per second" },
	{ "quotaQueuesOfTopic", "queues of a topic" },
	{ "quotaProducersOfTopic", "producers of a topic" },
	{ "quotaConsumersOfTopic", "consumers of a topic" },
};

static const struct kvs *limits_of(const struct cluster *cl, const struct health *all)
{
	for (size_t i = 0; i < cl->n; i++)
		if (kvs_get(&all[i].table, "clusterKind").p)
			return &all[i].table;
	return NULL;
}

static void add_number(cJSON *o, const char *key, struct str text, int64_t none)
{
	int64_t v = 0;
	bool known = !str_to_i64(text, 0, INT64_MAX, &v, key, NULL);

	view_add_int(o, key, v, known && v != none);
}

static int show_quota(struct ctx *cx, const struct cluster *cl, const struct health *all)
{
	const struct kvs *table = limits_of(cl, all);
	cJSON *items;

	if (!table)
		return err_set(&cx->err, TQ_EUNSUPPORTED, "this server has no limits");
	items = cJSON_CreateArray();
	for (size_t i = 0; i < ARRAY_LEN(quotas); i++) {
		struct str limit = kvs_get(table, quotas[i].key), used;
		cJSON *o = cJSON_CreateObject();

		str_cut(&limit, ' ', &used);
		view_add_text(o, "limit", quotas[i].shown);
		add_number(o, "used", used, -1);
		add_number(o, "of", limit, 0);
		cJSON_AddItemToArray(items, o);
	}
	return ctx_list(cx, &view_quota, items);
}

static int cluster_describe(struct ctx *cx, const void *args)
{
	const struct cluster_args *a = args;
	struct strv names = strv_in(&cx->mem);
	const struct cluster *cl;
	const struct kvs *table;
	struct health *all;
	const char *name = NULL;
	cJSON *o;
	int rc = ask_all(cx, &cl, &all);

	if (rc)
		return rc;
	cluster_names(cl, &names);
	rc = choose(cx, &names, a->name, &name);
	if (rc)
		return rc;
	if (a->quota)
		return show_quota(cx, cl, all);
	o = cluster_json(cx, cl, all, name);
	rc = add_counts(cx, cl, o);
	table = limits_of(cl, all);
	if (!rc && table) {
		view_add_text(o, "kind", health_text(cx, kvs_get(table, "clusterKind")));
		add_number(o, "retentionMs", kvs_get(table, "retentionMs"), -1);
	}
	if (!rc)
		rc = add_about(cx, o);
	if (!rc)
		rc = out_object(cx->out, &view_cluster, o, &cx->err);
	cJSON_Delete(o);
	return rc;
}

/* ---- update ---- */

static const char *const kinds[] = { "virtual", "exclusive", "unlimited", NULL };
#define KIND_UNLIMITED 2

struct update_args {
	const char *name, *description;
	int64_t retention_ms;
	int kind; /* -1: as it is */
	struct strv labels, unlabels;
};

static const struct opt update_opts[] = {
	OPT_ENUM(0, "kind", struct update_args, kind, kinds, -1, "whose limits it has"),
	OPT_MS(0, "retention", struct update_args, retention_ms, 60000, 365 * 86400000LL, 0,
		"how long messages are kept"),
	OPT_STR(0, "description", "text", struct update_args, description,
		"note shown by 'describe'"),
	OPT_KV(0, "label", struct update_args, labels, "a label; repeat"),
	OPT_LIST(0, "remove-label", "key", struct update_args, unlabels, NAMES_NONE,
		"a label to take away; repeat"),
	OPT_END,
};

static bool is_label_text(struct str s, size_t max)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && !strchr("+=.@-", s.p[i]))
			return false;
	return s.n <= max;
}

static int check_label(struct ctx *cx, struct str text, struct str *key)
{
	static const char *const reserved[] = { "qcloud", "tencent", "project" };
	struct str value = text;

	str_cut(&value, '=', key);
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (str_starts(*key, str_of(reserved[i])))
			return err_set(&cx->err, TQ_EUSAGE,
				"label '" STR_FMT "': keys do not "
				"begin with %s",
				STR_ARG(text), reserved[i]);
	if (key->n && is_label_text(*key, LABEL_KEY_MAX) &&
		is_label_text(value, LABEL_VALUE_MAX))
		return 0;
	err_set(&cx->err, TQ_EUSAGE, "label '" STR_FMT "' cannot be", STR_ARG(text));
	return err_hint(&cx->err,
		"a key has 1 to %d letters, digits and +=.@-, a value at most %d of them",
		LABEL_KEY_MAX, LABEL_VALUE_MAX);
}

/* All of them before anything changes. */
static int check_labels(struct ctx *cx, const struct update_args *a)
{
	struct strv keys = strv_in(&cx->mem);
	cJSON *now = cJSON_CreateObject();
	struct str key, text;
	const cJSON *j;
	int rc = add_about(cx, now);

	cJSON_ArrayForEach (j, cJSON_GetObjectItemCaseSensitive(now, "labels")) {
		text = str_of(j->valuestring);
		str_cut(&text, '=', &key);
		strv_add(&keys, key);
	}
	cJSON_Delete(now);
	for (size_t i = 0; !rc && i < a->labels.n; i++) {
		rc = check_label(cx, str_of(a->labels.v[i]), &key);
		if (!rc && !strv_has(&keys, key))
			strv_add(&keys, key);
	}
	if (!rc && keys.n > LABELS_MAX + a->unlabels.n)
		rc = err_set(
			&cx->err, TQ_ELIMIT, "a cluster has at most %d labels", LABELS_MAX);
	return rc;
}

static int update_labels(struct ctx *cx, const struct update_args *a)
{
	struct str key, value;
	int rc = 0;

	for (size_t i = 0; !rc && i < a->unlabels.n; i++)
		rc = about_put(
			cx, arena_fmt(&cx->mem, ABOUT_LABEL "%s", a->unlabels.v[i]), NULL);
	for (size_t i = 0; !rc && i < a->labels.n; i++) {
		value = str_of(a->labels.v[i]);
		str_cut(&value, '=', &key);
		rc = about_put(cx, arena_fmt(&cx->mem, ABOUT_LABEL STR_FMT, STR_ARG(key)),
			value.p ? value.p : "");
	}
	return rc;
}

static int update_settings(struct ctx *cx, const struct update_args *a)
{
	struct command rq;
	struct buf lines;
	int rc = 0;

	buf_init(&lines, 4096);
	if (a->retention_ms)
		buf_addf(&lines, "retention=%lldms\n", (long long)a->retention_ms);
	if (a->kind >= 0)
		buf_addf(
			&lines, "unlimited=%s\n", a->kind == KIND_UNLIMITED ? "true" : "false");
	if (a->kind >= 0 && a->kind != KIND_UNLIMITED)
		buf_addf(&lines, "cluster-kind=%s\n", kinds[a->kind]);
	command_init(&rq, REQ_UPDATE_BROKER_CONFIG);
	rq.body = buf_str(&lines);
	if (lines.n)
		rc = admin_call_master(cx->admin, &rq, NULL, &cx->err);
	buf_release(&lines);
	return rc;
}

static int cluster_update(struct ctx *cx, const void *args)
{
	const struct update_args *a = args;
	struct strv names = strv_in(&cx->mem);
	const struct cluster *cl;
	const char *name = NULL;
	int rc;

	if (a->kind < 0 && !a->retention_ms && !a->description && !a->labels.n &&
		!a->unlabels.n)
		return err_set(&cx->err, TQ_EUSAGE, "nothing to change");
	rc = admin_cluster(cx->admin, &cl, &cx->err);
	if (rc)
		return rc;
	cluster_names(cl, &names);
	rc = choose(cx, &names, a->name, &name);
	if (!rc && !cl->brokerd && (a->kind >= 0 || a->retention_ms))
		rc = err_set(&cx->err, TQ_EUNSUPPORTED,
			"this server has neither a kind nor a retention that can be set so");
	if (!rc)
		rc = check_labels(cx, a);
	if (rc || ctx_dry_run(cx, "cluster/%s would be updated", name))
		return rc;
	rc = update_settings(cx, a);
	if (!rc && a->description)
		rc = about_put(cx, ABOUT_DESCRIPTION, *a->description ? a->description : NULL);
	if (!rc)
		rc = update_labels(cx, a);
	if (!rc)
		ctx_done(cx, "cluster/%s updated", name);
	return rc;
}

const struct cmd cmd_cluster[] = {
	{ "list", "list clusters with their health and rates", { ARG_END }, NULL, 0,
		cluster_list, 0, "cluster list -o wide" },
	{ "describe", "show all about a cluster",
		{ ARG(ARG_OPTIONAL, NAMES_NONE, "CLUSTER", struct cluster_args, name) },
		describe_opts, sizeof(struct cluster_args), cluster_describe, 0,
		"cluster describe\ncluster describe --quota" },
	{ "update", "change settings, description or labels of a cluster",
		{ ARG(ARG_OPTIONAL, NAMES_NONE, "CLUSTER", struct update_args, name) },
		update_opts, sizeof(struct update_args), cluster_update, CMD_WRITES,
		"cluster update --description 'orders and stock' --label team=shop\n"
		"cluster update --retention 48h" },
	CMD_END,
};
