/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time, each answered before submit() returns: the service allows 20 a second, and
 * webapi keeps them apart. "It is in use already", and failures that say nothing, are looked into:
 *
 *	create ─▶ made
 *	       ├─▶ UnauthorizedOperation ─▶ the first form of the request, once
 *	       └─▶ ResourceInUse, FailedOperation, InternalError ─▶ describe ─┬─▶ as wanted: exists,
 *		     or ours when an answer was lost on the way		    ├─▶ otherwise: conflict
 *									    └─▶ not there: the error
 *
 * Topics have a type, one of five: ordered ones with a single queue are ordered globally. They have
 * no permission, and groups no more than three switches and a note.
 */
#include "target_tencent.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "names.h"

#define VERSION "2020-02-17"
#define PAGE_SMALL 20 /* what every list takes */
#define PAGE_TOPICS 50
#define PAGE_GROUPS 100
#define LIST_MAX 20000
#define BODY_MAX (64u << 10)
#define MIN_QUEUES 3
#define DAY_MS 86400000LL
#define REMARK_MAX 128 /* characters */

struct tencent {
	struct target base;
	struct cloudapi api;
	struct cloudkey key;
	char *cluster, *region, *description; /* owned */
	struct buf body; /* of the request under way */
};

static struct tencent *of(struct target *t)
{
	return container_of(t, struct tencent, base);
}

/* ---- requests ---- */

static struct jw begin(struct tencent *t)
{
	struct jw w;

	buf_clear(&t->body);
	cloudapi_request(&t->api, "POST");
	w = jw_init(&t->body);
	jw_object(&w);
	jw_kv_text(&w, "ClusterId", t->cluster);
	return w;
}

static int call(struct tencent *t, struct jw *w, const char *action, cJSON **doc, struct err *e)
{
	jw_end(w);
	t->api.rq.body = buf_str(&t->body);
	return cloudapi_call(&t->api, action, doc, e);
}

/* One whose answer says no more than that it succeeded. */
static int order(struct tencent *t, struct jw *w, const char *action, struct err *e)
{
	cJSON *doc = NULL;
	int rc = call(t, w, action, &doc, e);

	cJSON_Delete(doc);
	return rc;
}

static void add_text(struct jw *w, const char *key, const char *text)
{
	if (text && *text)
		jw_kv_text(w, key, text);
}

/* As much of a note as the service keeps, in whole characters. */
static struct str remark(const char *text)
{
	struct str s = str_of(text ? text : "");
	size_t chars = 0, i;

	for (i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80 && ++chars > REMARK_MAX)
			break;
	s.n = i;
	return s;
}

static void add_remark(struct jw *w, const char *text)
{
	if (text && *text)
		jw_kv_str(w, "Remark", remark(text));
}

/* ---- lists ---- */

struct listing {
	const char *action, *key; /* what is asked, where the entries are */
	int page;
};
static const struct listing namespaces = { "DescribeRocketMQNamespaces", "Namespaces",
	PAGE_TOPICS };
static const struct listing topics = { "DescribeRocketMQTopics", "Topics", PAGE_TOPICS };
static const struct listing groups = { "DescribeRocketMQGroups", "Groups", PAGE_GROUPS };

static int one_page(struct tencent *t, const struct listing *l, const char *ns,
	const char *filter, const char *value, int page, int64_t at, cJSON **doc, struct err *e)
{
	struct jw w = begin(t);

	add_text(&w, "NamespaceId", ns);
	if (filter)
		jw_kv_text(&w, filter, value);
	jw_kv_int(&w, "Offset", at);
	jw_kv_int(&w, "Limit", page);
	return call(t, &w, l->action, doc, e);
}

/* All entries into `into`. Which page is too large is not said anywhere: the small one never is. */
static int list(struct tencent *t, const struct listing *l, const char *ns, const char *filter,
	const char *value, cJSON *into, struct err *e)
{
	int64_t total = 1;
	int page = l->page, rc = 0, n = 1;

	while (!rc && n && cJSON_GetArraySize(into) < total) {
		cJSON *doc = NULL, *from, *entry;
		int at = cJSON_GetArraySize(into);

		rc = one_page(t, l, ns, filter, value, page, at, &doc, e);
		if (rc == TQ_EINVAL && page > PAGE_SMALL) {
			page = PAGE_SMALL;
			rc = 0;
			continue;
		}
		total = json_int(doc, "TotalCount", 0);
		from = cJSON_GetObjectItemCaseSensitive(doc, l->key);
		for (n = 0; (entry = cJSON_DetachItemFromArray(from, 0)); n++)
			cJSON_AddItemToArray(into, entry);
		cJSON_Delete(doc);
		if (!rc && total > LIST_MAX)
			rc = err_set(
				e, TQ_ETOOBIG, "%s: more than %d entries", l->key, LIST_MAX);
	}
	return rc;
}

/* ---- what is there, in our words ---- */

static const struct {
	const char *name;
	int type;
} types[] = {
	{ "Normal", TOPIC_NORMAL },
	{ "PartitionedOrder", TOPIC_FIFO },
	{ "GlobalOrder", TOPIC_FIFO },
	{ "DelayScheduled", TOPIC_DELAY },
	{ "Transaction", TOPIC_TRANSACTION },
};

static const char *type_name(const struct topic *t)
{
	if (t->type == TOPIC_FIFO && t->write_queues == 1)
		return "GlobalOrder";
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == t->type)
			return types[i].name;
	return "Normal";
}

/* False: a retry or dead letter topic, which lists have too. */
static bool read_topic(struct topic *t, const cJSON *o)
{
	const char *type = json_text(o, "Type", "");

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, type) != 0)
			continue;
		*t = topic_defaults();
		t->type = types[i].type;
		t->write_queues = (int)json_int(o, "PartitionNum", 1);
		if (!strcmp(type, "GlobalOrder"))
			t->write_queues = 1;
		t->read_queues = t->write_queues;
		return true;
	}
	return false;
}

static void read_group(struct group *g, const cJSON *o)
{
	*g = group_defaults();
	g->consume = json_bool(o, "ReadEnabled", true);
	g->broadcast = json_bool(o, "BroadcastEnabled", true);
	g->retry_max = (int)json_int(o, "RetryMaxTimes", GROUP_RETRIES);
}

static const char *wire_name(struct holdings *h, const char *ns, const char *name)
{
	struct buf b;

	buf_init(&b, 512);
	names_join(&b, str_of(ns), str_of(name));
	return buf_move(&b, &h->mem);
}

static int hold_topics(struct tencent *t, struct holdings *h, const char *ns, struct err *e)
{
	cJSON *all = cJSON_CreateArray();
	const cJSON *o;
	int rc = list(t, &topics, ns, NULL, NULL, all, e);

	h->topics = mem_grow(h->topics,
		(h->n_topics + (size_t)cJSON_GetArraySize(all) + 1) * sizeof(*h->topics));
	cJSON_ArrayForEach (o, all) {
		struct held_topic *held = &h->topics[h->n_topics];

		held->brokers = 1;
		if (!read_topic(&held->t, o))
			continue;
		held->t.name = wire_name(h, ns, json_text(o, "Name", ""));
		held->t.remark = "";
		h->n_topics++;
	}
	cJSON_Delete(all);
	return rc;
}

static int hold_groups(struct tencent *t, struct holdings *h, const char *ns, struct err *e)
{
	cJSON *all = cJSON_CreateArray();
	const cJSON *o;
	int rc = list(t, &groups, ns, NULL, NULL, all, e);

	h->groups = mem_grow(h->groups,
		(h->n_groups + (size_t)cJSON_GetArraySize(all) + 1) * sizeof(*h->groups));
	cJSON_ArrayForEach (o, all) {
		struct held_group *held = &h->groups[h->n_groups++];

		held->brokers = 1;
		read_group(&held->g, o);
		held->g.name = wire_name(h, ns, json_text(o, "Name", ""));
		held->g.remark = "";
	}
	cJSON_Delete(all);
	return rc;
}

static int hold_namespaces(struct tencent *t, struct holdings *h, struct err *e)
{
	cJSON *all = cJSON_CreateArray();
	const cJSON *o;
	int rc = list(t, &namespaces, NULL, NULL, NULL, all, e);

	h->namespaces = mem_array((size_t)cJSON_GetArraySize(all) + 1, sizeof(*h->namespaces));
	cJSON_ArrayForEach (o, all) {
		struct namespace *ns = &h->namespaces[h->n_namespaces++];

		ns->name = arena_str(&h->mem, json_text(o, "NamespaceId", ""));
		ns->remark = "";
	}
	cJSON_Delete(all);
	/* Narrow policies do not know this list: then each is tried. */
	if (rc && t->api.reason == REASON_PERMISSION_DENIED) {
		err_clear(e);
		rc = 0;
	}
	return rc;
}

static int check_cluster(const struct tencent *t, const cJSON *info, struct err *e)
{
	int64_t status = json_int(info, "Status", 1),
		state = json_int(info, "InstanceStatus", 1);

	if (json_bool(info, "IsFrozen", false) || status == 2 || status == 3 || state == 3)
		return err_set(e, TQ_EPRECOND, "cluster '%s' is stopped or frozen", t->cluster);
	return 0;
}

static void read_quotas(struct holdings *h, const cJSON *config)
{
	static const char *const names[OBJ_KINDS][2] = {
		[OBJ_NAMESPACE] = { "MaxNamespaceNum", "UsedNamespaceNum" },
		[OBJ_TOPIC] = { "MaxTopicNum", "UsedTopicNum" },
		[OBJ_GROUP] = { "MaxGroupNum", "UsedGroupNum" },
	};

	for (int k = 0; k < OBJ_KINDS; k++) {
		h->limit[k] = (int)json_int(config, names[k][0], 0);
		h->used[k] = (int)json_int(config, names[k][1], 0);
	}
	h->max_queues = (int)json_int(config, "MaxQueuesPerTopic", 0);
	h->max_queues = h->max_queues > 0 ? h->max_queues : TOPIC_QUEUES_MAX;
}

/* Virtual clusters and exclusive ones are described by two actions. */
static int hold_cluster(struct tencent *t, struct holdings *h, struct err *e)
{
	static const char *const configs[] = { "ClusterConfig", "InstanceConfig" };
	struct jw w = begin(t);
	const cJSON *info;
	cJSON *doc = NULL;
	int rc = call(t, &w, "DescribeRocketMQCluster", &doc, e), kind = 0;

	if (rc && t->api.reason == REASON_NOT_FOUND) {
		struct err other = ERR_INIT;

		w = begin(t);
		kind = 1;
		if (!call(t, &w, "DescribeRocketMQVipInstanceDetail", &doc, &other))
			rc = 0;
	}
	if (rc)
		return err_wrap(e, "cluster '%s'", t->cluster);
	info = cJSON_GetObjectItemCaseSensitive(doc, "ClusterInfo");
	h->no_transactions = !kind && !json_bool(info, "IsVip", false);
	read_quotas(h, cJSON_GetObjectItemCaseSensitive(doc, configs[kind]));
	rc = check_cluster(t, info, e);
	cJSON_Delete(doc);
	return rc;
}

static int holdings(struct target *base, struct holdings *h, struct err *e)
{
	struct tencent *t = of(base);
	int rc = hold_cluster(t, h, e);

	h->has_types = h->has_namespaces = h->tdmq = true;
	h->min_queues = MIN_QUEUES;
	h->brokers = 1;
	if (!rc)
		rc = hold_namespaces(t, h, e);
	for (size_t i = 0; !rc && i < h->n_namespaces; i++) {
		rc = hold_topics(t, h, h->namespaces[i].name, e);
		if (!rc)
			rc = hold_groups(t, h, h->namespaces[i].name, e);
	}
	return rc ? err_wrap(e, "look at the target") : 0;
}

/* ---- making ---- */

/* The first form of a request names the namespace in a list. */
enum form { FORM_V2, FORM_FIRST };

static void put_namespace(struct jw *w, enum form form, const char *ns)
{
	if (form == FORM_V2) {
		jw_kv_text(w, "Namespace", ns);
		return;
	}
	jw_key(w, "Namespaces");
	jw_array(w);
	jw_text(w, ns);
	jw_array_end(w);
}

static int create(struct tencent *t, const struct plan_item *it, enum form form, struct err *e)
{
	struct jw w = begin(t);

	if (it->kind == OBJ_NAMESPACE) {
		jw_kv_text(&w, "NamespaceId", it->ns);
		return order(t, &w, "CreateRocketMQNamespace", e);
	}
	put_namespace(&w, form, it->ns);
	if (it->kind == OBJ_TOPIC) {
		jw_kv_text(&w, "Topic", it->name);
		jw_kv_text(&w, "Type", type_name(&it->topic));
		if (strcmp(type_name(&it->topic), "GlobalOrder") != 0)
			jw_kv_int(&w, "PartitionNum", it->topic.write_queues);
		add_remark(&w, it->topic.remark);
		return order(t, &w,
			form == FORM_V2 ? "CreateRocketMQTopicV2" : "CreateRocketMQTopic", e);
	}
	jw_kv_text(&w, "GroupId", it->name);
	jw_kv_text(&w, "GroupType", "TCP");
	jw_kv_bool(&w, "ReadEnable", it->group.consume);
	jw_kv_bool(&w, "BroadcastEnable", it->group.broadcast);
	jw_kv_int(&w, "RetryMaxTimes", it->group.retry_max);
	add_remark(&w, it->group.remark);
	return order(
		t, &w, form == FORM_V2 ? "CreateRocketMQGroupV2" : "CreateRocketMQGroup", e);
}

static int modify(struct tencent *t, const struct plan_item *it, struct err *e)
{
	struct jw w = begin(t);

	jw_kv_text(&w, "NamespaceId", it->ns);
	if (it->kind == OBJ_TOPIC) {
		jw_kv_text(&w, "Topic", it->name);
		jw_kv_str(&w, "Remark", remark(it->topic.remark));
		if (strcmp(type_name(&it->topic), "GlobalOrder") != 0)
			jw_kv_int(&w, "PartitionNum", it->topic.write_queues);
		return order(t, &w, "ModifyRocketMQTopic", e);
	}
	jw_kv_text(&w, "GroupId", it->name);
	jw_kv_bool(&w, "ReadEnable", it->group.consume);
	jw_kv_bool(&w, "BroadcastEnable", it->group.broadcast);
	jw_kv_int(&w, "RetryMaxTimes", it->group.retry_max);
	add_remark(&w, it->group.remark);
	return order(t, &w, "ModifyRocketMQGroup", e);
}

/* ---- looking into it ---- */

/* The entry with exactly this name, out of those the service thinks are like it; NULL: none. */
static int describe(struct tencent *t, const struct plan_item *it, cJSON **out, struct err *e)
{
	cJSON *all = cJSON_CreateArray(), *o;
	int rc;

	*out = NULL;
	if (it->kind == OBJ_NAMESPACE)
		rc = list(t, &namespaces, NULL, NULL, NULL, all, e);
	else if (it->kind == OBJ_TOPIC)
		rc = list(t, &topics, it->ns, "FilterName", it->name, all, e);
	else
		rc = list(t, &groups, it->ns, "FilterOneGroup", it->name, all, e);
	cJSON_ArrayForEach (o, all) {
		const char *name =
			json_text(o, it->kind == OBJ_NAMESPACE ? "NamespaceId" : "Name", "");

		if (strcmp(name, it->kind == OBJ_NAMESPACE ? it->ns : it->name) != 0)
			continue;
		*out = cJSON_DetachItemViaPointer(all, o);
		break;
	}
	cJSON_Delete(all);
	return rc;
}

static bool as_wanted(const struct plan_item *it, const cJSON *o)
{
	struct topic t;
	struct group g;

	if (it->kind == OBJ_NAMESPACE)
		return true;
	if (it->kind == OBJ_TOPIC)
		return read_topic(&t, o) && t.type == it->topic.type &&
		       t.write_queues == it->topic.write_queues;
	read_group(&g, o);
	return g.consume == it->group.consume && g.broadcast == it->group.broadcast &&
	       g.retry_max == it->group.retry_max;
}

/* rc and e: how the request ended. 0: the item is there, and nobody else made it. */
static int look_into(struct tencent *t, const struct plan_item *it, int rc, struct err *e)
{
	bool lost = t->api.tries > 1; /* an earlier try may have done it */
	struct err mine = ERR_INIT;
	cJSON *there = NULL;

	if (describe(t, it, &there, &mine) || !there)
		return rc;
	if (!as_wanted(it, there))
		rc = err_set(e, TQ_EDIFFERS, "the target has it with other settings");
	else
		rc = lost ? 0
			  : err_set(e, TQ_EEXIST, "the target has it, with the same settings");
	cJSON_Delete(there);
	return rc;
}

static int make(struct tencent *t, const struct plan_item *it, struct err *e)
{
	int rc = create(t, it, FORM_V2, e);

	if (rc && t->api.reason == REASON_PERMISSION_DENIED && it->kind != OBJ_NAMESPACE)
		rc = create(t, it, FORM_FIRST, e);
	if (rc == TQ_EEXIST || rc == TQ_EFAIL || rc == TQ_EUNAVAILABLE || rc == TQ_ETIMEDOUT)
		rc = look_into(t, it, rc, e);
	return rc;
}

/* ---- taking back ---- */

static int used(struct err *e, int64_t n, const char *what)
{
	if (n < 1)
		return 0;
	return err_set(e, TQ_EPRECOND, "it has %lld %s", (long long)n, what);
}

/* How many entries a list below the namespace has. */
static int count(struct tencent *t, const char *action, const char *ns, const char *key,
	const char *name, int64_t *n, struct err *e)
{
	struct jw w = begin(t);
	cJSON *doc = NULL;
	int rc;

	jw_kv_text(&w, "NamespaceId", ns);
	if (key)
		jw_kv_text(&w, key, name);
	jw_kv_int(&w, "Offset", 0);
	jw_kv_int(&w, "Limit", 1);
	rc = call(t, &w, action, &doc, e);
	*n = json_int(doc, "TotalCount", 0);
	cJSON_Delete(doc);
	return rc;
}

static void put_time(struct jw *w, const char *key, int64_t at_ms)
{
	time_t at = (time_t)(at_ms / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&at, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	jw_kv_text(w, key, text);
}

/* The newest message of the days the service keeps them, and a day more for every time zone. */
static int topic_in_use(struct tencent *t, const struct plan_item *it, struct err *e)
{
	struct jw w = begin(t);
	int64_t now = clock_wall_ms(), n;
	cJSON *doc = NULL;
	int rc;

	jw_kv_text(&w, "EnvironmentId", it->ns);
	jw_kv_text(&w, "TopicName", it->name);
	put_time(&w, "StartTime", now - 4 * DAY_MS);
	put_time(&w, "EndTime", now + DAY_MS);
	jw_kv_int(&w, "Offset", 0);
	jw_kv_int(&w, "Limit", 1);
	jw_kv_int(&w, "NumOfLatestMsg", 1);
	rc = call(t, &w, "DescribeRocketMQTopicMsgs", &doc, e);
	n = json_int(doc, "TotalCount", 0);
	cJSON_Delete(doc);
	return rc ? rc : used(e, n, "messages or more");
}

static int group_in_use(struct tencent *t, const struct plan_item *it, struct err *e)
{
	cJSON *there = NULL;
	int64_t n = 0;
	int rc = describe(t, it, &there, e);

	if (!rc && !there)
		rc = err_set(e, TQ_ENOTFOUND, "no group '%s'", it->name);
	if (!rc)
		rc = used(e, json_int(there, "ConsumerNum", 0), "consumers");
	cJSON_Delete(there);
	if (!rc)
		rc = count(
			t, "DescribeRocketMQTopicsByGroup", it->ns, "GroupId", it->name, &n, e);
	return rc ? rc : used(e, n, "topics it reads");
}

static int namespace_in_use(struct tencent *t, const char *ns, struct err *e)
{
	int64_t n;
	int rc = count(t, topics.action, ns, NULL, NULL, &n, e);

	rc = rc ? rc : used(e, n, "topics");
	rc = rc ? rc : count(t, groups.action, ns, NULL, NULL, &n, e);
	return rc ? rc : used(e, n, "groups");
}

static int in_use(struct target *base, const struct plan_item *it, struct err *e)
{
	struct tencent *t = of(base);

	if (it->kind == OBJ_NAMESPACE)
		return namespace_in_use(t, it->ns, e);
	return it->kind == OBJ_TOPIC ? topic_in_use(t, it, e) : group_in_use(t, it, e);
}

static int remove_item(struct target *base, const struct plan_item *it, struct err *e)
{
	static const char *const actions[OBJ_KINDS] = { "DeleteRocketMQNamespace",
		"DeleteRocketMQTopic", "DeleteRocketMQGroup" };
	struct tencent *t = of(base);
	struct jw w = begin(t);

	jw_kv_text(&w, "NamespaceId", it->ns);
	if (it->kind != OBJ_NAMESPACE)
		jw_kv_text(&w, it->kind == OBJ_TOPIC ? "Topic" : "GroupId", it->name);
	return order(t, &w, actions[it->kind], e);
}

/* ---- the target ---- */

static int submit(struct target *base, const struct plan_item *it, size_t item,
	target_done done, void *arg, struct err *e UNUSED)
{
	struct tencent *t = of(base);
	struct err mine = ERR_INIT;
	int rc = it->verdict == VERDICT_ADJUST ? modify(t, it, &mine) : make(t, it, &mine);

	if (!rc)
		err_clear(&mine);
	done(arg, item, &mine);
	return 0;
}

static void run(struct target *base UNUSED, int wait_ms UNUSED)
{
}

static void release(struct target *base)
{
	struct tencent *t = of(base);

	cloudapi_close(&t->api);
	cloudkey_release(&t->key);
	buf_release(&t->body);
	mem_free(t->cluster);
	mem_free(t->region);
	mem_free(t->description);
	mem_free(t);
}

int target_tencent_new(const struct target_tencent_opts *o, struct target **out, struct err *e)
{
	struct cloudapi_opts a = { .cloud = CLOUD_TENCENT, .web = o->web };
	struct tencent *t = mem_alloc(sizeof(*t));
	int rc;

	t->key = o->key;
	t->cluster = mem_str(o->cluster);
	t->region = mem_str(o->region);
	t->description = mem_fmt("tdmq cluster %s in %s", o->cluster, o->region);
	buf_init(&t->body, BODY_MAX);
	t->base = (struct target){ .kind = "tdmq", .description = t->description, .window = 1 };
	t->base.id = t->cluster;
	t->base.submit = submit;
	t->base.run = run;
	t->base.in_use = in_use;
	t->base.remove_item = remove_item;
	t->base.holdings = holdings;
	t->base.release = release;
	a.key = &t->key.key;
	a.endpoint = o->endpoint ? o->endpoint : TENCENT_ENDPOINT;
	a.action = (struct web_action){
		.service = "tdmq", .version = VERSION, .region = t->region
	};
	rc = cloudapi_open(&t->api, &a, e);
	if (rc)
		release(&t->base);
	else
		*out = &t->base;
	return rc;
}
