/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topic: what there is, where it is, how much is in it; creating, changing, deleting. The
 * servers' request "update and create" does not tell the two apart, so `create` looks first.
 */
#include "names.h"
#include "several.h"
#include "view.h"

enum perm_word { WORD_RW, WORD_R, WORD_W, WORD_NONE };
static const char *const perm_words[] = { "rw", "r", "w", "none", NULL };

static int perm_bits(int word)
{
	static const int bits[] = { [WORD_RW] = PERM_RW,
		[WORD_R] = PERM_READ,
		[WORD_W] = PERM_WRITE,
		[WORD_NONE] = 0 };

	return bits[word];
}

/* ---- list ---- */

struct list_args {
	int type; /* -1: any */
	bool system, retry;
};

static const struct opt list_opts[] = {
	OPT_ENUM(0, "type", struct list_args, type, topic_type_names, -1,
		"what messages a topic takes"),
	OPT_BOOL(
		0, "system", struct list_args, system, "also what servers keep for themselves"),
	OPT_BOOL(0, "retry", struct list_args, retry, "also retry and dead letter topics"),
	OPT_END,
};

static void add_traffic(struct ctx *cx, cJSON *status, const struct queue_stats *s)
{
	int64_t messages = 0, last_ms = 0;

	for (size_t i = 0; i < s->n; i++) {
		messages += s->v[i].max - s->v[i].min;
		last_ms = MAX(last_ms, s->v[i].last_ms);
	}
	json_add_i64(status, "messages", messages);
	view_add_time(cx, status, "lastWrite", last_ms);
}

static void add_groups(struct ctx *cx, cJSON *status, const char **groups, size_t n)
{
	cJSON *list = cJSON_AddArrayToObject(status, "groups");

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(ctx_name(cx, groups[i])));
}

/* What one topic has to be asked for by itself. */
static int add_figures(struct ctx *cx, const char *name, cJSON *o)
{
	cJSON *status = cJSON_GetObjectItemCaseSensitive(o, "status");
	struct queue_stats stats;
	const char **groups;
	size_t n;
	int rc;

	if ((rc = admin_topic_stats(cx->admin, name, &cx->mem, &stats, &cx->err)) ||
		(rc = admin_topic_groups(cx->admin, name, &cx->mem, &groups, &n, &cx->err)))
		return rc;
	add_traffic(cx, status, &stats);
	add_groups(cx, status, groups, n);
	return 0;
}

static bool is_listed(struct ctx *cx, const struct list_args *a, const struct cluster *cl,
	const struct topic *t)
{
	struct str s = str_of(t->name);

	if (a->type >= 0 && t->type != a->type)
		return false;
	if (!a->system && ctx_is_system_topic(cl, t->name))
		return false;
	if (!a->retry && (names_is_retry(s) || names_is_dlq(s)))
		return false;
	return ctx_shows(cx, t->name);
}

static int list(struct ctx *cx, const void *args)
{
	const struct cluster *cl;
	struct topics all;
	cJSON *items, *o;
	bool figures;
	int rc;

	if ((rc = admin_topics(cx->admin, &cx->mem, &all, &cx->err)) ||
		(rc = admin_cluster(cx->admin, &cl, &cx->err)))
		return rc;
	figures = out_wants(cx->out, view_topics(cx), COL_ONE);
	items = cJSON_CreateArray();
	for (size_t i = 0; !rc && i < all.n; i++) {
		if (!is_listed(cx, args, cl, &all.v[i].t))
			continue;
		o = view_topic_json(cx, &all.v[i]);
		cJSON_AddItemToArray(items, o);
		if (figures)
			rc = add_figures(cx, all.v[i].t.name, o);
	}
	if (!rc && !cJSON_GetArraySize(items) && !cx->set.all_namespaces)
		rc = ctx_need_namespace(cx, cx->namespace);
	if (!rc)
		return ctx_list(cx, view_topics(cx), items);
	cJSON_Delete(items);
	return rc;
}

/* ---- describe, stats, route ---- */

struct name_args {
	const char *name;
};

static int show(struct ctx *cx, const char *name, bool figures)
{
	struct topic_info t;
	cJSON *o;
	int rc = admin_topic(cx->admin, name, &cx->mem, &t, &cx->err);

	if (rc)
		return rc;
	o = view_topic_json(cx, &t);
	if (figures)
		rc = add_figures(cx, name, o);
	if (!rc)
		rc = out_object(cx->out, &view_topic, o, &cx->err);
	cJSON_Delete(o);
	return rc;
}

static int describe(struct ctx *cx, const void *args)
{
	const struct name_args *a = args;

	return show(cx, a->name, true);
}

/* A route that is not there may be a topic that is not, and then a name to suggest. */
static int explain(struct ctx *cx, const char *name, int rc)
{
	struct topic_info t;
	struct err e = ERR_INIT;

	if (rc == TQ_ENOTOPIC && admin_topic(cx->admin, name, &cx->mem, &t, &e) == TQ_ENOTOPIC)
		cx->err = e;
	return rc;
}

static int stats(struct ctx *cx, const void *args)
{
	const struct name_args *a = args;
	struct queue_stats s;
	cJSON *items;
	int rc = admin_topic_stats(cx->admin, a->name, &cx->mem, &s, &cx->err);

	if (rc)
		return explain(cx, a->name, rc);
	items = cJSON_CreateArray();
	for (size_t i = 0; i < s.n; i++) {
		cJSON *o = cJSON_CreateObject();

		view_add_text(o, "broker", s.v[i].q.broker);
		json_add_i64(o, "queue", s.v[i].q.queue);
		json_add_i64(o, "minOffset", s.v[i].min);
		json_add_i64(o, "maxOffset", s.v[i].max);
		json_add_i64(o, "messages", s.v[i].max - s.v[i].min);
		view_add_time(cx, o, "lastWrite", s.v[i].last_ms);
		cJSON_AddItemToArray(items, o);
	}
	return ctx_list(cx, &view_queue_stat, items);
}

static const struct broker *broker_named(const struct route *r, const char *name)
{
	for (size_t i = 0; i < r->n_brokers; i++)
		if (!strcmp(r->brokers[i].name, name))
			return &r->brokers[i];
	return NULL;
}

static cJSON *route_json(const struct route *r, const struct route_queue *q)
{
	const struct broker *b = broker_named(r, q->broker);
	cJSON *o = cJSON_CreateObject(), *slaves;
	char perm[4];

	view_add_text(o, "broker", q->broker);
	view_add_text(o, "address", b ? b->addr : NULL);
	json_add_i64(o, "readQueues", q->read_queues);
	json_add_i64(o, "writeQueues", q->write_queues);
	view_add_text(o, "perm", perm_text(q->perm, perm));
	view_add_text(o, "cluster", b ? b->cluster : NULL);
	slaves = cJSON_AddArrayToObject(o, "slaves");
	for (size_t i = 0; b && i < b->n_slaves; i++)
		cJSON_AddItemToArray(slaves, cJSON_CreateString(b->slaves[i]));
	return o;
}

static int route(struct ctx *cx, const void *args)
{
	const struct name_args *a = args;
	struct route r;
	cJSON *items;
	int rc = admin_route(cx->admin, a->name, &cx->mem, &r, &cx->err);

	if (rc)
		return explain(cx, a->name, rc);
	items = cJSON_CreateArray();
	for (size_t i = 0; i < r.n_queues; i++)
		cJSON_AddItemToArray(items, route_json(&r, &r.queues[i]));
	return ctx_list(cx, &view_route, items);
}

/* ---- create, update ---- */

struct topic_args {
	struct strv names;
	const char *name, *remark;
	int type, queues, perm;
	bool if_not_exists;
};

/* Types as they are asked for: order over the whole topic is a fifo topic with one queue. */
enum { ASKED_GLOBAL_FIFO = TOPIC_TYPES };
static const char *const asked_types[] = { "normal", "fifo", "delay", "transaction", "mixed",
	"global-fifo", NULL };

#define QUEUES(absent) \
	OPT_INT(0, "queues", "n", struct topic_args, queues, 1, TOPIC_QUEUES_MAX, absent, \
		"queues on each broker")
#define PERM \
	OPT_ENUM(0, "perm", struct topic_args, perm, perm_words, WORD_RW, "what clients may do")
#define REMARK \
	OPT_STR(0, "remark", "text", struct topic_args, remark, "note shown by 'describe'")

static const struct opt create_opts[] = {
	OPT_ENUM(0, "type", struct topic_args, type, asked_types, TOPIC_NORMAL,
		"what messages it takes"),
	QUEUES(TOPIC_QUEUES),
	PERM,
	REMARK,
	OPT_BOOL(0, "if-not-exists", struct topic_args, if_not_exists,
		"leave one that exists as it is"),
	OPT_END,
};

static const struct opt update_opts[] = { QUEUES(0), PERM, REMARK, OPT_END };

static const struct topic_info *in_list(const struct topics *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (!strcmp(all->v[i].t.name, name))
			return &all->v[i];
	return NULL;
}

/* What Apache has no word for is refused rather than left out. */
static int check_target(struct ctx *cx, const struct topic_args *a)
{
	const struct cluster *cl;
	int rc = admin_cluster(cx->admin, &cl, &cx->err);

	if (rc || cl->brokerd)
		return rc;
	if (a->type != TOPIC_NORMAL && a->type != TOPIC_MIXED) {
		err_set(&cx->err, TQ_EUNSUPPORTED, "this server has no topics of type '%s'",
			topic_type_names[a->type]);
		err_hint(&cx->err,
			"on Apache RocketMQ 4.9 any topic takes any message: leave out "
			"--type");
		return TQ_EUNSUPPORTED;
	}
	if (a->remark)
		ctx_warn(cx, "this server keeps no remarks");
	return 0;
}

static const char *where(struct ctx *cx)
{
	const struct cluster *cl;
	const char *text = "";

	if (admin_cluster(cx->admin, &cl, NULL))
		return "";
	for (size_t i = 0; i < cl->n; i++)
		text = arena_fmt(&cx->mem, "%s%s%s", text, i ? ", " : "", cl->v[i].name);
	return text;
}

struct creation {
	const struct topic_args *a;
	struct topics all; /* what there is */
};

static int create_one(struct ctx *cx, const void *arg, const char *name)
{
	const struct creation *c = arg;
	const struct topic_args *a = c->a;
	const char *shown = ctx_name(cx, name);
	struct topic t = topic_defaults();
	int rc;

	if (in_list(&c->all, name)) {
		if (!a->if_not_exists)
			return err_set(&cx->err, TQ_EEXIST, "exists already");
		ctx_done(cx, "topic/%s unchanged", shown);
		return 0;
	}
	t.name = name;
	t.type = a->type;
	t.order = a->type == TOPIC_FIFO;
	t.read_queues = t.write_queues = a->queues;
	t.perm = perm_bits(a->perm);
	t.remark = a->remark;
	rc = topic_validate(&t, &cx->err);
	if (rc)
		return cx->err.code = TQ_EUSAGE;
	if (ctx_dry_run(cx, "topic/%s would be created (%s, %d queues on %s)", shown,
		    topic_type_names[t.type], a->queues, where(cx)))
		return 0;
	rc = admin_topic_save(cx->admin, &t, &cx->err);
	if (!rc)
		ctx_done(cx, "topic/%s created (%d queues on %s)", shown, a->queues, where(cx));
	return rc;
}

/* After several: those that went well are shown where the output asks for objects. */
static int show_each(struct ctx *cx, const struct strv *names, const bool *ok)
{
	cJSON *items = cJSON_CreateArray();
	const struct topic_info *t;
	struct topics all;
	int rc = admin_topics(cx->admin, &cx->mem, &all, &cx->err);

	for (size_t i = 0; !rc && i < names->n; i++)
		if (ok[i] && (t = in_list(&all, names->v[i])))
			cJSON_AddItemToArray(items, view_topic_json(cx, t));
	if (!rc)
		return ctx_list(cx, view_topics(cx), items);
	cJSON_Delete(items);
	return rc;
}

static int create(struct ctx *cx, const void *args)
{
	const struct topic_args *a = args;
	struct topic_args own = *a;
	struct creation c = { .a = &own };
	bool *ok = arena_alloc(&cx->mem, a->names.n * sizeof(*ok));
	size_t done;
	int rc;

	if (a->type == ASKED_GLOBAL_FIFO) {
		if (CTX_GIVEN(cx, struct topic_args, queues) && a->queues != 1)
			return err_set(&cx->err, TQ_EUSAGE,
				"a topic of type global-fifo has one queue, not %d", a->queues);
		own.type = TOPIC_FIFO;
		own.queues = 1;
	}
	if ((rc = check_target(cx, &own)) || (rc = ctx_need_namespaces(cx, &a->names)) ||
		(rc = admin_topics(cx->admin, &cx->mem, &c.all, &cx->err)))
		return rc;
	done = several_each(cx, "topic", &a->names, create_one, &c, ok);
	if (ctx_wants_object(cx) && done && !cx->set.dry_run) {
		if (a->names.n == 1)
			rc = show(cx, a->names.v[0], false);
		else
			rc = show_each(cx, &a->names, ok);
	}
	return rc ? rc : ctx_result(cx, done, a->names.n - done);
}

/* "queues 3 -> 8, perm rw -> r" */
static const char *difference(struct ctx *cx, const struct topic *old, const struct topic *new)
{
	const char *text = "", *comma = "";
	char before[4], after[4];

	if (old->read_queues != new->read_queues || old->write_queues != new->write_queues) {
		text = arena_fmt(
			&cx->mem, "queues %d -> %d", old->read_queues, new->read_queues);
		comma = ", ";
	}
	if (old->perm != new->perm) {
		text = arena_fmt(&cx->mem, "%s%sperm %s -> %s", text, comma,
			perm_text(old->perm, before), perm_text(new->perm, after));
		comma = ", ";
	}
	if (new->remark != old->remark)
		text = arena_fmt(&cx->mem, "%s%sremark", text, comma);
	return *text ? text : "nothing";
}

static int update(struct ctx *cx, const void *args)
{
	const struct topic_args *a = args;
	bool perm = CTX_GIVEN(cx, struct topic_args, perm);
	const char *shown = ctx_name(cx, a->name), *what;
	struct topic_info was;
	struct topic old, new;
	int rc;

	if (!a->queues && !perm && !a->remark)
		return err_set(&cx->err, TQ_EUSAGE, "nothing to change");
	if ((rc = admin_topic(cx->admin, a->name, &cx->mem, &was, &cx->err)) ||
		(rc = check_target(cx, a)))
		return rc;
	old = was.t; /* one broker's share, which is what the request says */
	old.read_queues = was.at[0].read_queues;
	old.write_queues = was.at[0].write_queues;
	new = old;
	if (a->queues)
		new.read_queues = new.write_queues = a->queues;
	if (perm)
		new.perm = perm_bits(a->perm) | (old.perm & PERM_INHERIT);
	if (a->remark)
		new.remark = a->remark;
	what = difference(cx, &old, &new);
	if (ctx_dry_run(cx, "topic/%s would change: %s", shown, what))
		return 0;
	if (new.read_queues < old.read_queues)
		rc = ctx_confirm(cx,
			"topic '%s': messages in queues %d to %d will not be read any more; "
			"go on?",
			shown, new.read_queues, old.read_queues - 1);
	if (!rc)
		rc = admin_topic_save(cx->admin, &new, &cx->err);
	if (rc)
		return rc;
	ctx_done(cx, "topic/%s updated: %s", shown, what);
	return ctx_wants_object(cx) ? show(cx, a->name, false) : 0;
}

/* ---- delete ---- */

struct delete_args {
	struct strv names;
	const char *match;
	bool system;
};

static const struct opt delete_opts[] = {
	OPT_STR(0, "match", "glob", struct delete_args, match,
		"those of the current namespace with such names"),
	OPT_BOOL(0, "system", struct delete_args, system,
		"also what servers keep for themselves"),
	OPT_END,
};

static int list_names(struct ctx *cx, struct strv *out)
{
	struct topics all;
	int rc = admin_topics(cx->admin, &cx->mem, &all, &cx->err);

	for (size_t i = 0; !rc && i < all.n; i++)
		strv_add(out, str_of(all.v[i].t.name));
	return rc;
}

static bool matches(struct str name)
{
	return !names_is_retry(name) && !names_is_dlq(name) && !names_is_system_topic(name);
}

/* Asked once more, for the words and the hint. */
static int missing(struct ctx *cx, const char *name)
{
	struct topic_info t;

	return admin_topic(cx->admin, name, &cx->mem, &t, &cx->err);
}

/* One line for people: what goes with the topic. */
static int impact(struct ctx *cx, const char *name)
{
	struct queue_stats s;
	const char **groups;
	size_t n;
	int64_t messages = 0;
	int rc;

	rc = admin_topic_stats(cx->admin, name, &cx->mem, &s, &cx->err);
	if (!rc)
		rc = admin_topic_groups(cx->admin, name, &cx->mem, &groups, &n, &cx->err);
	if (rc)
		return rc;
	for (size_t i = 0; i < s.n; i++)
		messages += s.v[i].max - s.v[i].min;
	ctx_note(cx, "topic/%s: %lld messages, %zu group%s", ctx_name(cx, name),
		(long long)messages, n, n == 1 ? "" : "s");
	return 0;
}

static int may_delete(struct ctx *cx, const struct delete_args *a, const char *name)
{
	const struct cluster *cl;
	int rc = admin_cluster(cx->admin, &cl, &cx->err);

	if (rc || a->system || !ctx_is_system_topic(cl, name))
		return rc;
	return err_set(&cx->err, TQ_EPRECOND,
		"topic '%s' belongs to the server; --system insists", ctx_name(cx, name));
}

static int delete_one(struct ctx *cx, const void *args, const char *name)
{
	int rc = may_delete(cx, args, name);

	if (rc || ctx_dry_run(cx, "topic/%s would be deleted", ctx_name(cx, name)))
		return rc;
	rc = admin_topic_delete(cx->admin, name, &cx->err);
	if (!rc)
		ctx_done(cx, "topic/%s deleted", ctx_name(cx, name));
	return rc;
}

static const struct deletion deletion = {
	.noun = "topic",
	.arg = "TOPIC",
	.its = " and all its messages",
	.their = " and all their messages",
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

const struct cmd cmd_topic[] = {
	{ "list", "list topics", { ARG_END }, list_opts, sizeof(struct list_args), list, 0,
		"topic list --type fifo\ntopic list -A -o wide" },
	{ "create", "create topics in the current namespace",
		{ ARG(ARG_MANY, NAMES_NEW_TOPIC, "TOPIC", struct topic_args, names) },
		create_opts, sizeof(struct topic_args), create, CMD_WRITES,
		"topic create orders --queues 8\ntopic create trades --type fifo --if-not-exists" },
	{ "describe", "show all about a topic", { ARG_TOPIC(struct name_args, name) }, NULL,
		sizeof(struct name_args), describe, 0, "topic describe orders" },
	{ "stats", "show the queues of a topic", { ARG_TOPIC(struct name_args, name) }, NULL,
		sizeof(struct name_args), stats, 0, "topic stats orders" },
	{ "route", "show where a topic's queues are", { ARG_TOPIC(struct name_args, name) },
		NULL, sizeof(struct name_args), route, 0, "topic route orders" },
	{ "update", "change queues, permission or remark of a topic",
		{ ARG_TOPIC(struct topic_args, name) }, update_opts, sizeof(struct topic_args),
		update, CMD_WRITES, "topic update orders --queues 16" },
	{ "delete", "delete topics and their messages",
		{ ARG(ARG_ANY, NAMES_TOPIC, "TOPIC", struct delete_args, names) }, delete_opts,
		sizeof(struct delete_args), delete, CMD_WRITES | CMD_DESTROYS,
		"topic delete orders trades --yes\ntopic delete --match 'tmp-*' --dry-run" },
	CMD_END,
};
