/* SPDX-License-Identifier: Apache-2.0 */
/*
 * group: consumer groups: settings, members, and how far behind they are. Lag counts messages
 * between a group's position and the end of each queue, retry topics included, since those are
 * still to be consumed.
 */
#include "clock.h"
#include "names.h"
#include "several.h"
#include "view.h"

static const char *const on_off[] = { "off", "on", NULL };

struct group_args {
	struct strv names;
	const char *name, *remark;
	int consumption, broadcast, retry_max, retry_queues;
	bool if_not_exists;
};

#define CONSUMPTION(absent) \
	OPT_ENUM(0, "consumption", struct group_args, consumption, on_off, absent, \
		"whether members get messages")
#define BROADCAST(absent) \
	OPT_ENUM(0, "broadcast", struct group_args, broadcast, on_off, absent, \
		"whether members may consume in broadcast mode")
#define RETRY_MAX(absent) \
	OPT_INT(0, "retry-max", "n", struct group_args, retry_max, 0, GROUP_RETRIES_MAX, \
		absent, "retries before a message is a dead letter")
#define RETRY_QUEUES(absent) \
	OPT_INT(0, "retry-queues", "n", struct group_args, retry_queues, 0, TOPIC_QUEUES_MAX, \
		absent, "queues of the retry topic")
#define REMARK \
	OPT_STR(0, "remark", "text", struct group_args, remark, "note shown by 'describe'")

static const struct opt create_opts[] = {
	CONSUMPTION(1),
	BROADCAST(1),
	RETRY_MAX(GROUP_RETRIES),
	RETRY_QUEUES(GROUP_RETRY_QUEUES),
	REMARK,
	OPT_BOOL(0, "if-not-exists", struct group_args, if_not_exists,
		"leave one that exists as it is"),
	OPT_END,
};

static const struct opt update_opts[] = { CONSUMPTION(-1), BROADCAST(-1), RETRY_MAX(-1),
	RETRY_QUEUES(-1), REMARK, OPT_END };

/* ---- list, describe ---- */

struct list_args {
	bool system;
};

static const struct opt list_opts[] = {
	OPT_BOOL(
		0, "system", struct list_args, system, "also what servers keep for themselves"),
	OPT_END,
};

static int64_t queue_lag(const struct queue_lag *q)
{
	return MAX(q->broker_off - q->consumer_off, 0);
}

static int64_t total_lag(const struct lag *lag)
{
	int64_t sum = 0;

	for (size_t i = 0; i < lag->n; i++)
		sum += queue_lag(&lag->v[i]);
	return sum;
}

static void add_topics(struct ctx *cx, cJSON *status, const struct lag *lag)
{
	cJSON *list = cJSON_AddArrayToObject(status, "topics");

	for (size_t i = 0; i < lag->n; i++)
		if (!i || strcmp(lag->v[i].q.topic, lag->v[i - 1].q.topic))
			cJSON_AddItemToArray(
				list, cJSON_CreateString(ctx_name(cx, lag->v[i].q.topic)));
}

/* Dead letters that are still stored; none when the topic was never made. */
static int dead_letters(struct ctx *cx, const char *group, int64_t *out)
{
	const char *dlq = arena_fmt(&cx->mem, "%s%s", NAMES_DLQ, group);
	struct queue_stats s;
	int rc = admin_topic_stats(cx->admin, dlq, &cx->mem, &s, &cx->err);

	*out = 0;
	if (rc == TQ_ENOTOPIC) {
		err_clear(&cx->err);
		return 0;
	}
	for (size_t i = 0; !rc && i < s.n; i++)
		*out += s.v[i].max - s.v[i].min;
	return rc;
}

static int members_or_none(struct ctx *cx, const char *group, struct members *m)
{
	int rc = admin_members(cx->admin, group, &cx->mem, m, &cx->err);

	if (rc != TQ_EOFFLINE)
		return rc;
	err_clear(&cx->err);
	memset(m, 0, sizeof(*m));
	return 0;
}

static int add_figures(struct ctx *cx, const char *name, cJSON *status)
{
	struct members m;
	struct lag lag;
	int64_t dead;
	int rc;

	if ((rc = admin_lag(cx->admin, name, NULL, &cx->mem, &lag, &cx->err)) ||
		(rc = members_or_none(cx, name, &m)) || (rc = dead_letters(cx, name, &dead)))
		return rc;
	json_add_i64(status, "lag", total_lag(&lag));
	json_add_i64(status, "members", (int64_t)m.n);
	view_add_text(status, "mode", m.model);
	add_topics(cx, status, &lag);
	cJSON_AddNumberToObject(status, "rate", lag.tps);
	json_add_i64(status, "deadLetters", dead);
	return 0;
}

static int list(struct ctx *cx, const void *args)
{
	const struct list_args *a = args;
	struct groups all;
	cJSON *items, *o;
	bool figures;
	int rc = admin_groups(cx->admin, &cx->mem, &all, &cx->err);

	if (rc)
		return rc;
	figures = out_wants(cx->out, view_groups(cx), COL_ONE);
	items = cJSON_CreateArray();
	for (size_t i = 0; !rc && i < all.n; i++) {
		if (!ctx_shows(cx, all.v[i].name) ||
			(!a->system && names_is_system_group(str_of(all.v[i].name))))
			continue;
		o = view_group_json(cx, &all.v[i]);
		cJSON_AddItemToArray(items, o);
		if (figures)
			rc = add_figures(cx, all.v[i].name,
				cJSON_GetObjectItemCaseSensitive(o, "status"));
	}
	if (!rc && !cJSON_GetArraySize(items) && !cx->set.all_namespaces)
		rc = ctx_need_namespace(cx, cx->namespace);
	if (!rc)
		return ctx_list(cx, view_groups(cx), items);
	cJSON_Delete(items);
	return rc;
}

static int show(struct ctx *cx, const char *name, bool figures)
{
	struct group g;
	cJSON *o;
	int rc = admin_group(cx->admin, name, &cx->mem, &g, &cx->err);

	if (rc)
		return rc;
	o = view_group_json(cx, &g);
	if (figures)
		rc = add_figures(cx, name, cJSON_GetObjectItemCaseSensitive(o, "status"));
	if (!rc)
		rc = out_object(cx->out, &view_group, o, &cx->err);
	cJSON_Delete(o);
	return rc;
}

struct name_args {
	const char *name;
};

static int describe(struct ctx *cx, const void *args)
{
	const struct name_args *a = args;

	return show(cx, a->name, true);
}

/* ---- create, update ---- */

static void apply(struct group *g, const struct group_args *a)
{
	if (a->consumption >= 0)
		g->consume = a->consumption;
	if (a->broadcast >= 0)
		g->broadcast = a->broadcast;
	if (a->retry_max >= 0)
		g->retry_max = a->retry_max;
	if (a->retry_queues >= 0)
		g->retry_queues = a->retry_queues;
	if (a->remark)
		g->remark = a->remark;
}

static void warn_remark(struct ctx *cx, const struct group_args *a)
{
	if (a->remark && !admin_is_brokerd(cx->admin))
		ctx_warn(cx, "this server keeps no remarks");
}

static bool in_list(const struct groups *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->v[i].name, name))
			return true;
	return false;
}

struct creation {
	const struct group_args *a;
	struct groups all; /* what there is */
};

static int create_one(struct ctx *cx, const void *arg, const char *name)
{
	const struct creation *c = arg;
	const struct group_args *a = c->a;
	const char *shown = ctx_name(cx, name);
	struct group g = group_defaults();
	int rc;

	if (in_list(&c->all, name)) {
		if (!a->if_not_exists)
			return err_set(&cx->err, TQ_EEXIST, "exists already");
		ctx_done(cx, "group/%s unchanged", shown);
		return 0;
	}
	g.name = name;
	apply(&g, a);
	rc = group_validate(&g, &cx->err);
	if (rc)
		return cx->err.code = TQ_EUSAGE;
	if (ctx_dry_run(cx, "group/%s would be created (%d retries)", shown, g.retry_max))
		return 0;
	rc = admin_group_save(cx->admin, &g, &cx->err);
	if (!rc)
		ctx_done(cx, "group/%s created (%d retries)", shown, g.retry_max);
	return rc;
}

static int create(struct ctx *cx, const void *args)
{
	const struct group_args *a = args;
	struct creation c = { .a = a };
	size_t done;
	int rc;

	if ((rc = ctx_need_namespaces(cx, &a->names)) ||
		(rc = admin_groups(cx->admin, &cx->mem, &c.all, &cx->err)))
		return rc;
	warn_remark(cx, a);
	done = several_each(cx, "group", &a->names, create_one, &c, NULL);
	if (ctx_wants_object(cx) && done && a->names.n == 1 && !cx->set.dry_run)
		rc = show(cx, a->names.v[0], false);
	return rc ? rc : ctx_result(cx, done, a->names.n - done);
}

static const char *difference(struct ctx *cx, const struct group *old, const struct group *new)
{
	const char *text = "";

	if (old->consume != new->consume)
		text = arena_fmt(&cx->mem, "%s, consumption %s -> %s", text,
			on_off[old->consume], on_off[new->consume]);
	if (old->broadcast != new->broadcast)
		text = arena_fmt(&cx->mem, "%s, broadcast %s -> %s", text,
			on_off[old->broadcast], on_off[new->broadcast]);
	if (old->retry_max != new->retry_max)
		text = arena_fmt(
			&cx->mem, "%s, retries %d -> %d", text, old->retry_max, new->retry_max);
	if (old->retry_queues != new->retry_queues)
		text = arena_fmt(&cx->mem, "%s, retry queues %d -> %d", text, old->retry_queues,
			new->retry_queues);
	if (old->remark != new->remark)
		text = arena_fmt(&cx->mem, "%s, remark", text);
	return *text ? text + 2 : "nothing";
}

static int update(struct ctx *cx, const void *args)
{
	const struct group_args *a = args;
	const char *shown = ctx_name(cx, a->name), *what;
	struct group old, new;
	int rc;

	if (a->consumption < 0 && a->broadcast < 0 && a->retry_max < 0 && a->retry_queues < 0 &&
		!a->remark)
		return err_set(&cx->err, TQ_EUSAGE, "nothing to change");
	rc = admin_group(cx->admin, a->name, &cx->mem, &old, &cx->err);
	if (rc)
		return rc;
	warn_remark(cx, a);
	new = old;
	apply(&new, a);
	what = difference(cx, &old, &new);
	if (ctx_dry_run(cx, "group/%s would change: %s", shown, what))
		return 0;
	rc = admin_group_save(cx->admin, &new, &cx->err);
	if (rc)
		return rc;
	ctx_done(cx, "group/%s updated: %s", shown, what);
	return ctx_wants_object(cx) ? show(cx, a->name, false) : 0;
}

/* ---- delete ---- */

struct delete_args {
	struct strv names;
	const char *match;
	bool keep_offsets, retry, dlq, system;
};

static const struct opt delete_opts[] = {
	OPT_STR(0, "match", "glob", struct delete_args, match,
		"those of the current namespace with such names"),
	OPT_BOOL(0, "keep-offsets", struct delete_args, keep_offsets, "leave its positions"),
	OPT_BOOL(0, "delete-retry", struct delete_args, retry, "its retry topic too"),
	OPT_BOOL(0, "delete-dlq", struct delete_args, dlq, "its dead letters too"),
	OPT_BOOL(0, "system", struct delete_args, system,
		"also what servers keep for themselves"),
	OPT_END,
};

static int list_names(struct ctx *cx, struct strv *out)
{
	struct groups all;
	int rc = admin_groups(cx->admin, &cx->mem, &all, &cx->err);

	for (size_t i = 0; !rc && i < all.n; i++)
		strv_add(out, str_of(all.v[i].name));
	return rc;
}

static bool matches(struct str name)
{
	return !names_is_system_group(name);
}

/* Asked once more, for the words and the hint. */
static int missing(struct ctx *cx, const char *name)
{
	struct group g;

	return admin_group(cx->admin, name, &cx->mem, &g, &cx->err);
}

static int impact(struct ctx *cx, const char *name)
{
	struct members m;
	struct lag lag;
	int rc;

	if ((rc = admin_lag(cx->admin, name, NULL, &cx->mem, &lag, &cx->err)) ||
		(rc = members_or_none(cx, name, &m)))
		return rc;
	ctx_note(cx, "group/%s: %zu members connected, %lld messages not yet consumed",
		ctx_name(cx, name), m.n, (long long)total_lag(&lag));
	return 0;
}

static int delete_topic(struct ctx *cx, const char *prefix, const char *group)
{
	return admin_topic_delete(
		cx->admin, arena_fmt(&cx->mem, "%s%s", prefix, group), &cx->err);
}

static int may_delete(struct ctx *cx, const struct delete_args *a, const char *name)
{
	if (a->system || !names_is_system_group(str_of(name)))
		return 0;
	return err_set(&cx->err, TQ_EPRECOND,
		"group '%s' belongs to the server; --system insists", ctx_name(cx, name));
}

static int delete_one(struct ctx *cx, const void *args, const char *name)
{
	const struct delete_args *a = args;
	int rc = may_delete(cx, a, name);

	if (rc || ctx_dry_run(cx, "group/%s would be deleted", ctx_name(cx, name)))
		return rc;
	rc = admin_group_delete(cx->admin, name, !a->keep_offsets, &cx->err);
	if (!rc && a->retry)
		rc = delete_topic(cx, NAMES_RETRY, name);
	if (!rc && a->dlq)
		rc = delete_topic(cx, NAMES_DLQ, name);
	if (!rc)
		ctx_done(cx, "group/%s deleted", ctx_name(cx, name));
	return rc;
}

static const struct deletion deletion = {
	.noun = "group",
	.arg = "GROUP",
	.its = "",
	.their = "",
	.list = list_names,
	.matches = matches,
	.missing = missing,
	.impact = impact,
	.delete = delete_one,
};

static int delete (struct ctx *cx, const void *args)
{
	const struct delete_args *a = args;

	return several_delete(cx, &deletion, &a->names, a->match, a);
}

/* ---- lag, clients ---- */

enum lag_by { BY_TOPIC, BY_QUEUE };
static const char *const lag_words[] = { "topic", "queue", NULL };

struct lag_args {
	const char *name, *topic;
	int by;
};

static const struct opt lag_opts[] = {
	OPT_NAME(
		0, "topic", "topic", struct lag_args, topic, NAMES_TOPIC, "only of this topic"),
	OPT_ENUM(0, "by", struct lag_args, by, lag_words, BY_TOPIC, "a row for each"),
	OPT_END,
};

/* How old the next message is at least, by the age of the last consumed one. */
static int64_t behind_ms(const struct queue_lag *q, bool *known)
{
	*known = !queue_lag(q) || q->last_ms;
	return queue_lag(q) && q->last_ms ? MAX(clock_wall_ms() - q->last_ms, 0) : 0;
}

static cJSON *queue_json(struct ctx *cx, const struct queue_lag *q)
{
	cJSON *o = cJSON_CreateObject();
	bool known;
	int64_t ms = behind_ms(q, &known);

	view_add_text(o, "topic", ctx_name(cx, q->q.topic));
	view_add_text(o, "broker", q->q.broker);
	json_add_i64(o, "queue", q->q.queue);
	json_add_i64(o, "position", q->consumer_off);
	json_add_i64(o, "end", q->broker_off);
	json_add_i64(o, "lag", queue_lag(q));
	view_add_int(o, "behindMs", ms, known);
	view_add_time(cx, o, "lastConsumed", q->last_ms);
	return o;
}

/* Rows i to j of one topic, or of all of them when topic is NULL, as one. */
static cJSON *sum_json(struct ctx *cx, const char *group, const char *topic,
	const struct lag *lag, size_t i, size_t j)
{
	cJSON *o = cJSON_CreateObject();
	int64_t sum = 0, oldest = 0, queues = (int64_t)(j - i);
	bool known = true, one;

	for (; i < j; i++) {
		sum += queue_lag(&lag->v[i]);
		oldest = MAX(oldest, behind_ms(&lag->v[i], &one));
		known &= one;
	}
	view_add_text(o, "namespace", ctx_namespace_of(cx, group));
	view_add_text(o, "group", ctx_name(cx, group));
	view_add_text(o, "topic", topic ? ctx_name(cx, topic) : NULL);
	json_add_i64(o, "queues", queues);
	json_add_i64(o, "lag", sum);
	view_add_int(o, "behindMs", oldest, known || oldest);
	cJSON_AddNumberToObject(o, "rate", lag->tps);
	return o;
}

static void add_by_topic(struct ctx *cx, const char *group, const struct lag *lag, cJSON *items)
{
	for (size_t i = 0, j; i < lag->n; i = j) {
		for (j = i + 1; j < lag->n && !strcmp(lag->v[i].q.topic, lag->v[j].q.topic);
			j++)
			;
		cJSON_AddItemToArray(items, sum_json(cx, group, lag->v[i].q.topic, lag, i, j));
	}
}

static int lag_of_one(struct ctx *cx, const struct lag_args *a)
{
	cJSON *items;
	struct lag lag;
	struct group g;
	int rc;

	if ((rc = admin_lag(cx->admin, a->name, a->topic, &cx->mem, &lag, &cx->err)))
		return rc;
	/* an unknown group has no rows either */
	if (!lag.n && (rc = admin_group(cx->admin, a->name, &cx->mem, &g, &cx->err)))
		return rc;
	items = cJSON_CreateArray();
	if (a->by == BY_TOPIC)
		add_by_topic(cx, a->name, &lag, items);
	else
		for (size_t i = 0; i < lag.n; i++)
			cJSON_AddItemToArray(items, queue_json(cx, &lag.v[i]));
	return ctx_list(cx, a->by == BY_TOPIC ? view_lags(cx) : &view_lag, items);
}

static int lag_of_all(struct ctx *cx, const struct lag_args *a)
{
	struct groups all;
	cJSON *items;
	int rc = admin_groups(cx->admin, &cx->mem, &all, &cx->err);

	if (rc)
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; !rc && i < all.n; i++) {
		struct lag lag;

		if (!ctx_shows(cx, all.v[i].name) ||
			names_is_system_group(str_of(all.v[i].name)))
			continue;
		rc = admin_lag(cx->admin, all.v[i].name, a->topic, &cx->mem, &lag, &cx->err);
		if (!rc && lag.n)
			cJSON_AddItemToArray(
				items, sum_json(cx, all.v[i].name, a->topic, &lag, 0, lag.n));
	}
	if (!rc)
		return ctx_list(cx, view_lags(cx), items);
	cJSON_Delete(items);
	return rc;
}

static int lag(struct ctx *cx, const void *args)
{
	const struct lag_args *a = args;

	return a->name ? lag_of_one(cx, a) : lag_of_all(cx, a);
}

static int clients(struct ctx *cx, const void *args)
{
	const struct name_args *a = args;
	struct members m;
	struct group g;
	cJSON *items, *topics;
	char version[24];
	int rc;

	rc = members_or_none(cx, a->name, &m);
	if (!rc && !m.n)
		rc = admin_group(cx->admin, a->name, &cx->mem, &g, &cx->err);
	if (rc)
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < m.n; i++) {
		cJSON *o = cJSON_CreateObject();

		view_add_text(o, "client", m.v[i].id);
		view_add_text(o, "address", m.v[i].addr);
		view_add_text(o, "language", language_name(m.v[i].language));
		view_add_text(o, "version", version_name(m.v[i].version, version));
		view_add_text(o, "mode", m.model);
		topics = cJSON_AddArrayToObject(o, "topics");
		for (size_t s = 0; s < m.n_subs; s++)
			cJSON_AddItemToArray(
				topics, cJSON_CreateString(ctx_name(cx, m.subs[s].topic)));
		cJSON_AddItemToArray(items, o);
	}
	return ctx_list(cx, &view_member, items);
}

const struct cmd cmd_group[] = {
	{ "list", "list groups", { ARG_END }, list_opts, sizeof(struct list_args), list, 0,
		"group list\ngroup list -A -o wide" },
	{ "create", "create groups in the current namespace",
		{ ARG(ARG_MANY, NAMES_NEW_GROUP, "GROUP", struct group_args, names) },
		create_opts, sizeof(struct group_args), create, CMD_WRITES,
		"group create pay-svc --retry-max 16" },
	{ "describe", "show all about a group", { ARG_GROUP(struct name_args, name) }, NULL,
		sizeof(struct name_args), describe, 0, "group describe pay-svc" },
	{ "update", "change the settings of a group", { ARG_GROUP(struct group_args, name) },
		update_opts, sizeof(struct group_args), update, CMD_WRITES,
		"group update pay-svc --consumption off" },
	{ "delete", "delete groups and their positions",
		{ ARG(ARG_ANY, NAMES_GROUP, "GROUP", struct delete_args, names) }, delete_opts,
		sizeof(struct delete_args), delete, CMD_WRITES | CMD_DESTROYS,
		"group delete pay-svc --yes",
		"Dead letters and the retry topic stay unless --delete-dlq and --delete-retry are "
		"given." },
	{ "lag", "show how far behind groups are",
		{ ARG(ARG_OPTIONAL, NAMES_GROUP, "GROUP", struct lag_args, name) }, lag_opts,
		sizeof(struct lag_args), lag, 0,
		"group lag pay-svc --by queue\ngroup lag --sort-by lag:desc" },
	{ "clients", "list the connected members of a group",
		{ ARG_GROUP(struct name_args, name) }, NULL, sizeof(struct name_args), clients,
		0, "group clients pay-svc" },
	CMD_END,
};
