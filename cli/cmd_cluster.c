/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster and broker: who is there and how they are. Figures come from the run-time table of each
 * master (28), asked one after the other; a broker that does not answer is a row that says so.
 */
#include "clock.h"
#include "view.h"

/* What the run-time table of one broker says. */
struct health {
	const struct broker *broker;
	bool answers;
	struct kvs table;
	double in_rate, out_rate; /* messages/s over the last 10 s */
	int64_t in_today, out_today, started_ms;
	double disk; /* percent; < 0: unknown */
};

static double first_number(struct str s)
{
	char text[32];
	struct str head;

	s = str_trim(s);
	str_cut(&s, ' ', &head);
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(head));
	return strtod(text, NULL);
}

static int64_t integer(const struct kvs *t, const char *key)
{
	int64_t v;

	return str_to_i64(kvs_get(t, key), INT64_MIN, INT64_MAX, &v, key, NULL) ? 0 : v;
}

static void ask(struct ctx *cx, const struct broker *b, struct health *h)
{
	struct err e = ERR_INIT;

	*h = (struct health){ .broker = b, .disk = -1 };
	if (!b->addr)
		err_set(&e, TQ_EUNREACHABLE, "no master is alive");
	else
		h->answers = !admin_runtime(cx->admin, b->addr, &cx->mem, &h->table, &e);
	if (!h->answers) {
		ctx_warn(cx, "broker '%s': %s", b->name, e.msg);
		cx->partial = true;
		return;
	}
	h->in_rate = first_number(kvs_get(&h->table, "putTps"));
	h->out_rate = first_number(kvs_get(&h->table, "getTransferedTps"));
	h->in_today = integer(&h->table, "msgPutTotalTodayNow") -
		      integer(&h->table, "msgPutTotalTodayMorning");
	h->out_today = integer(&h->table, "msgGetTotalTodayNow") -
		       integer(&h->table, "msgGetTotalTodayMorning");
	h->started_ms = integer(&h->table, "bootTimestamp");
	if (kvs_get(&h->table, "commitLogDiskRatio").p)
		h->disk = 100 * first_number(kvs_get(&h->table, "commitLogDiskRatio"));
}

/* One decimal is all a rate over ten seconds is worth. */
static void add_decimal(cJSON *o, const char *key, double v, bool known)
{
	if (known)
		cJSON_AddNumberToObject(o, key, (double)(int64_t)(v * 10 + 0.5) / 10);
	else
		cJSON_AddNullToObject(o, key);
}

static const char *text_of(struct ctx *cx, struct str s)
{
	return s.p ? arena_strn(&cx->mem, s.p, s.n) : NULL;
}

static const char *server_of(struct ctx *cx, const struct cluster *cl, const struct health *h)
{
	const char *version = text_of(cx, kvs_get(&h->table, "brokerVersionDesc"));

	if (cl->brokerd)
		return arena_fmt(&cx->mem, "brokerd %s", cl->brokerd);
	return version ? arena_fmt(&cx->mem, "Apache %s", version) : NULL;
}

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
		well &= h->answers;
		in += h->in_rate;
		out += h->out_rate;
		in_today += h->in_today;
		out_today += h->out_today;
		disk = MAX(disk, h->disk);
		if (!server)
			server = server_of(cx, cl, h);
		cJSON_AddItemToArray(brokers, cJSON_CreateString(cl->v[i].name));
	}
	view_add_text(o, "name", name);
	view_add_text(o, "id", cl->id);
	view_add_text(o, "server", server);
	view_add_text(o, "health", well ? "ok" : "warning");
	json_add_i64(o, "masters", masters);
	json_add_i64(o, "slaves", slaves);
	add_decimal(o, "inRate", in, true);
	add_decimal(o, "outRate", out, true);
	json_add_i64(o, "inToday", in_today);
	json_add_i64(o, "outToday", out_today);
	add_decimal(o, "diskPercent", disk, disk >= 0);
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
		ask(cx, &(*cl)->v[i], &(*all)[i]);
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

static int cluster_describe(struct ctx *cx, const void *args)
{
	const struct cluster_args *a = args;
	struct strv names = strv_in(&cx->mem);
	const struct cluster *cl;
	struct topics topics;
	struct groups groups;
	struct health *all;
	const char *name = NULL;
	cJSON *o;
	int rc = ask_all(cx, &cl, &all);

	if (rc)
		return rc;
	cluster_names(cl, &names);
	if ((rc = choose(cx, &names, a->name, &name)) ||
		(rc = admin_topics(cx->admin, &cx->mem, &topics, &cx->err)) ||
		(rc = admin_groups(cx->admin, &cx->mem, &groups, &cx->err)))
		return rc;
	o = cluster_json(cx, cl, all, name);
	json_add_i64(o, "topics", (int64_t)topics.n);
	json_add_i64(o, "groups", (int64_t)groups.n);
	rc = out_object(cx->out, &view_cluster, o, &cx->err);
	cJSON_Delete(o);
	return rc;
}

/* ---- broker ---- */

static const char *const roles[] = { "master", "slave", NULL };

struct list_args {
	int role; /* -1: both */
};

static const struct opt list_opts[] = {
	OPT_ENUM(0, "role", struct list_args, role, roles, -1, "only such brokers"),
	OPT_END,
};

static cJSON *master_json(struct ctx *cx, const struct health *h)
{
	cJSON *o = cJSON_CreateObject();
	bool up = h->answers;

	view_add_text(o, "name", h->broker->name);
	view_add_text(o, "cluster", h->broker->cluster);
	view_add_text(o, "role", "master");
	view_add_text(o, "address", h->broker->addr);
	view_add_text(o, "state", up ? "ok" : "failed");
	view_add_text(o, "version", text_of(cx, kvs_get(&h->table, "brokerVersionDesc")));
	add_decimal(o, "inRate", h->in_rate, up);
	add_decimal(o, "outRate", h->out_rate, up);
	add_decimal(o, "diskPercent", h->disk, up && h->disk >= 0);
	view_add_time(cx, o, "started", h->started_ms);
	view_add_int(o, "uptimeMs", MAX(clock_wall_ms() - h->started_ms, 0) / 1000 * 1000,
		h->started_ms != 0);
	return o;
}

/* Slaves are listed, not asked: what they hold is the master's. */
static cJSON *slave_json(const struct broker *b, const char *addr)
{
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "name", b->name);
	view_add_text(o, "cluster", b->cluster);
	view_add_text(o, "role", "slave");
	view_add_text(o, "address", addr);
	view_add_text(o, "state", NULL);
	return o;
}

static int broker_list(struct ctx *cx, const void *args)
{
	const struct list_args *a = args;
	const struct cluster *cl;
	struct health h;
	cJSON *items;
	int rc = admin_cluster(cx->admin, &cl, &cx->err);

	if (rc)
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < cl->n; i++) {
		if (a->role != 1) {
			ask(cx, &cl->v[i], &h);
			cJSON_AddItemToArray(items, master_json(cx, &h));
		}
		for (size_t s = 0; a->role != 0 && s < cl->v[i].n_slaves; s++)
			cJSON_AddItemToArray(items, slave_json(&cl->v[i], cl->v[i].slaves[s]));
	}
	return ctx_list(cx, &view_broker, items);
}

struct broker_args {
	const char *name;
};

static int find_broker(struct ctx *cx, const char *name, const char **addr)
{
	struct strv names = strv_in(&cx->mem);
	const struct cluster *cl;
	const char *near;
	int rc = admin_cluster(cx->admin, &cl, &cx->err);

	if (rc)
		return rc;
	for (size_t i = 0; i < cl->n; i++) {
		const struct broker *b = &cl->v[i];

		strv_add(&names, str_of(b->name));
		*addr = b->addr;
		if (b->addr && (!strcmp(b->name, name) || !strcmp(b->addr, name)))
			return 0;
	}
	near = names.n ? opt_nearest(str_of(name), (const char *const *)names.v) : NULL;
	rc = err_set(&cx->err, TQ_ENOTFOUND, "no broker '%s'", name);
	if (near)
		err_hint(&cx->err, "did you mean '%s'?", near);
	else
		err_hint(&cx->err, "see which there are: tdmqctl broker list");
	return rc;
}

static int broker_stats(struct ctx *cx, const void *args)
{
	const struct broker_args *a = args;
	const char *addr = NULL;
	struct kvs table;
	cJSON *items;
	int rc;

	if ((rc = find_broker(cx, a->name, &addr)) ||
		(rc = admin_runtime(cx->admin, addr, &cx->mem, &table, &cx->err)))
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < table.n; i++) {
		cJSON *o = cJSON_CreateObject();

		json_add_str(o, "name", table.v[i].key);
		json_add_str(o, "value", table.v[i].value);
		cJSON_AddItemToArray(items, o);
	}
	return ctx_list(cx, &view_stat, items);
}

const struct cmd cmd_cluster[] = {
	{ "list", "list clusters with their health and rates", { ARG_END }, NULL, 0,
		cluster_list, 0, "cluster list -o wide" },
	{ "describe", "show all about a cluster",
		{ ARG(ARG_OPTIONAL, NAMES_NONE, "CLUSTER", struct cluster_args, name) }, NULL,
		sizeof(struct cluster_args), cluster_describe, 0, "cluster describe" },
	CMD_END,
};

const struct cmd cmd_broker[] = {
	{ "list", "list brokers", { ARG_END }, list_opts, sizeof(struct list_args), broker_list,
		0, "broker list --role master" },
	{ "stats", "show the run-time table of a broker",
		{ ARG(ARG_ONE, NAMES_BROKER, "BROKER", struct broker_args, name) }, NULL,
		sizeof(struct broker_args), broker_stats, 0, "broker stats brokerd" },
	CMD_END,
};
