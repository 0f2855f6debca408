/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker: one by one: state, figures, lag, settings, draining, cleaning. What changes a broker
 * asks first; what concerns routes goes to every name server.
 */
#include <unistd.h>

#include "clock.h"
#include "facts.h"
#include "health.h"
#include "when.h"

/* ---- list ---- */

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
	view_add_text(o, "version", health_text(cx, kvs_get(&h->table, "brokerVersionDesc")));
	health_add_decimal(o, "inRate", h->in_rate, up);
	health_add_decimal(o, "outRate", h->out_rate, up);
	health_add_decimal(o, "diskPercent", h->disk, up && h->disk >= 0);
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
			health_ask(cx, &cl->v[i], &h);
			cJSON_AddItemToArray(items, master_json(cx, &h));
		}
		for (size_t s = 0; a->role != 0 && s < cl->v[i].n_slaves; s++)
			cJSON_AddItemToArray(items, slave_json(&cl->v[i], cl->v[i].slaves[s]));
	}
	return ctx_list(cx, &view_broker, items);
}

/* By name or address. */
static int find_broker(struct ctx *cx, const char *name, const struct broker **out)
{
	struct strv names = strv_in(&cx->mem);
	const struct cluster *cl;
	const char *near;
	int rc = admin_cluster(cx->admin, &cl, &cx->err);

	if (rc)
		return rc;
	for (size_t i = 0; i < cl->n; i++) {
		const struct broker *b = *out = &cl->v[i];

		strv_add(&names, str_of(b->name));
		if (!strcmp(b->name, name) || (b->addr && !strcmp(b->addr, name)))
			return b->addr ? 0
				       : err_set(&cx->err, TQ_EUNREACHABLE,
						 "no master of broker '%s' is alive", b->name);
	}
	near = names.n ? opt_nearest(str_of(name), (const char *const *)names.v) : NULL;
	rc = err_set(&cx->err, TQ_ENOTFOUND, "no broker '%s'", name);
	if (near)
		err_hint(&cx->err, "did you mean '%s'?", near);
	else
		err_hint(&cx->err, "see which there are: tdmqctl broker list");
	return rc;
}

/* ---- stats ---- */

enum unit { UNIT_TEXT, UNIT_COUNT, UNIT_MS, UNIT_BYTES, UNIT_TIME };

static const struct figure {
	const char *key, *part;
	enum unit unit;
} figures[] = {
#define FIGURE(key, part, unit) { #key, part, UNIT_##unit },
#include "runtime.def"
};

struct stats_args {
	const char *name;
};

/* For people; what is no number stays as it is. */
static void add_shown(struct ctx *cx, cJSON *o, struct str value, enum unit unit)
{
	struct buf b;
	int64_t v;

	buf_init(&b, 4096);
	if (cx->set.out.raw || unit == UNIT_TEXT || unit == UNIT_COUNT ||
		str_to_i64(value, 1, INT64_MAX, &v, "value", NULL))
		buf_add_str(&b, value);
	else if (unit == UNIT_MS)
		when_span(&b, v);
	else if (unit == UNIT_BYTES)
		facts_bytes(&b, v);
	else
		when_short(&b, v, cx->set.out.utc);
	json_add_str(o, "shown", buf_str(&b));
	buf_release(&b);
}

static void add_stat(
	struct ctx *cx, cJSON *items, struct kv kv, const char *part, enum unit unit)
{
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "part", part);
	json_add_str(o, "name", kv.key);
	json_add_str(o, "value", kv.value);
	add_shown(cx, o, kv.value, unit);
	cJSON_AddItemToArray(items, o);
}

static bool is_figure(struct str key)
{
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		if (str_is(key, figures[i].key))
			return true;
	return false;
}

static int broker_stats(struct ctx *cx, const void *args)
{
	const struct stats_args *a = args;
	const struct broker *b;
	struct kvs t;
	cJSON *items;
	int rc;

	if ((rc = find_broker(cx, a->name, &b)) ||
		(rc = admin_runtime(cx->admin, b->addr, &cx->mem, &t, &cx->err)))
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
		struct str v = kvs_get(&t, figures[i].key);

		if (v.p)
			add_stat(cx, items, (struct kv){ str_of(figures[i].key), v },
				figures[i].part, figures[i].unit);
	}
	for (size_t i = 0; i < t.n; i++)
		if (!is_figure(t.v[i].key))
			add_stat(cx, items, t.v[i], "other", UNIT_TEXT);
	return ctx_list(cx, &view_stat, items);
}

/* ---- lag ---- */

struct lag_args {
	const char *name;
	int64_t min;
};

static const struct opt lag_opts[] = {
	OPT_INT(0, "min", "n", struct lag_args, min, 0, INT64_MAX, 0,
		"only groups that are so far behind"),
	OPT_END,
};

static int broker_lag(struct ctx *cx, const void *args)
{
	const struct lag_args *a = args;
	const struct broker *b;
	struct broker_lags all;
	cJSON *items;
	int rc;

	if ((rc = find_broker(cx, a->name, &b)) ||
		(rc = admin_broker_lag(cx->admin, b->addr, &cx->mem, &all, &cx->err)))
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < all.n; i++) {
		const struct broker_lag *l = &all.v[i];
		cJSON *o;

		if (l->lag < a->min || !ctx_shows(cx, l->group))
			continue;
		o = cJSON_CreateObject();
		view_add_text(o, "namespace", ctx_namespace_of(cx, l->group));
		view_add_text(o, "group", ctx_name(cx, l->group));
		view_add_text(o, "topic", ctx_name(cx, l->topic));
		json_add_i64(o, "lag", l->lag);
		view_add_time(cx, o, "lastConsumed", l->last_ms);
		cJSON_AddItemToArray(items, o);
	}
	return ctx_list(cx, &view_broker_lag, items);
}

/* ---- config ---- */

static const char *const config_verbs[] = { "get", "set", NULL };

struct config_args {
	const char *what;
	struct strv keys; /* get: keys; set: key=value */
	bool diff, all;
};

static const struct opt config_opts[] = {
	OPT_BOOL(
		0, "diff", struct config_args, diff, "get: only what brokers have differently"),
	OPT_BOOL(0, "all-brokers", struct config_args, all, "set: on every broker"),
	OPT_END,
};

struct server {
	const char *name, *addr;
	struct kvs now;
};

/* The masters that are alive, with their settings. */
static int read_servers(struct ctx *cx, struct server **out, size_t *n)
{
	const struct cluster *cl;
	struct server *v;
	int rc = admin_cluster(cx->admin, &cl, &cx->err);

	*n = 0;
	if (rc)
		return rc;
	*out = v = arena_alloc(&cx->mem, (cl->n + 1) * sizeof(*v));
	for (size_t i = 0; !rc && i < cl->n; i++) {
		if (!cl->v[i].addr)
			continue;
		v[*n].name = cl->v[i].name;
		v[*n].addr = cl->v[i].addr;
		rc = admin_config(
			cx->admin, SERVER_BROKER, v[*n].addr, &cx->mem, &v[*n].now, &cx->err);
		++*n;
	}
	return rc;
}

static bool differs(const struct server *v, size_t n, struct str key)
{
	char *name = mem_strn(key.p, key.n);
	bool found = false;

	for (size_t i = 1; i < n; i++)
		found |= !str_eq(kvs_get(&v[0].now, name), kvs_get(&v[i].now, name));
	mem_free(name);
	return found;
}

static int config_get(struct ctx *cx, const struct config_args *a)
{
	struct server *v;
	cJSON *items;
	size_t n;
	int rc = read_servers(cx, &v, &n);

	if (rc)
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < v[i].now.n; k++) {
			struct kv kv = v[i].now.v[k];

			if ((a->keys.n && !strv_has(&a->keys, kv.key)) ||
				(a->diff && !differs(v, n, kv.key)))
				continue;
			cJSON_AddItemToArray(items, view_setting_json(v[i].name, kv));
		}
	return ctx_list(cx, &view_setting, items);
}

/* What it is, and would be, at one broker. */
static void note_change(struct ctx *cx, const struct server *s, const struct strv *lines)
{
	struct str value, key, now;

	for (size_t i = 0; i < lines->n; i++) {
		value = str_of(lines->v[i]);
		str_cut(&value, '=', &key);
		now = kvs_get(&s->now, arena_strn(&cx->mem, key.p, key.n));
		ctx_note(cx, "%s: " STR_FMT ": " STR_FMT " -> " STR_FMT, s->name, STR_ARG(key),
			STR_ARG(now.p ? now : STR("?")), STR_ARG(value));
	}
}

static int set_at(struct ctx *cx, const struct server *v, size_t n, const struct strv *lines)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		if (admin_config_set(cx->admin, SERVER_BROKER, v[i].addr, lines, &cx->err)) {
			ctx_failed(cx, "broker '%s'", v[i].name);
			continue;
		}
		ctx_done(cx, "broker/%s changed", v[i].name);
		done++;
	}
	return ctx_result(cx, done, n - done);
}

static int config_set(struct ctx *cx, const struct config_args *a)
{
	struct server *v;
	size_t n;
	int rc = ctx_check_settings(cx, "broker config set", &a->keys);

	if (!rc)
		rc = read_servers(cx, &v, &n);
	if (!rc && n > 1 && !a->all) {
		err_set(&cx->err, TQ_EUSAGE, "there are %zu brokers: which one?", n);
		return err_hint(&cx->err, "--broker NAME chooses one, --all-brokers means all");
	}
	if (rc)
		return rc;
	for (size_t i = 0; i < n; i++)
		note_change(cx, &v[i], &a->keys);
	if (ctx_dry_run(cx, "%zu broker%s would be changed", n, n == 1 ? "" : "s"))
		return 0;
	rc = ctx_confirm(cx, "change %zu broker%s?", n, n == 1 ? "" : "s");
	return rc ? rc : set_at(cx, v, n, &a->keys);
}

static int broker_config(struct ctx *cx, const void *args)
{
	const struct config_args *a = args;

	return strcmp(a->what, "set") ? config_get(cx, a) : config_set(cx, a);
}

/* ---- drain, undrain ---- */

#define QUIET_MS 5000

struct drain_args {
	const char *name;
	int64_t wait_ms;
};

static const struct opt drain_opts[] = {
	OPT_MS(0, "wait", struct drain_args, wait_ms, 0, 86400000, 0,
		"how long at most, until nothing has come in for 5 s"),
	OPT_END,
};

/* At every name server; one that fails is told of and makes the whole fail. */
static int tell_nameservers(struct ctx *cx, const char *broker, bool drain)
{
	const char *const *servers;
	size_t n = admin_nameservers(cx->admin, &servers), done = 0;
	int64_t topics;

	for (size_t i = 0; i < n; i++) {
		if (admin_drain(cx->admin, servers[i], broker, drain, &topics, &cx->err)) {
			ctx_failed(cx, "name server '%s'", servers[i]);
			continue;
		}
		ctx_note(cx, "%s: %lld topics", servers[i], (long long)topics);
		done++;
	}
	return ctx_result(cx, done, n - done);
}

static int wait_quiet(struct ctx *cx, const struct broker *b, int64_t ms)
{
	int64_t begin = clock_mono_ms(), since = begin, last = -1, now = 0;
	struct kvs t;
	int rc;

	while (clock_mono_ms() - begin < ms) {
		rc = admin_runtime(cx->admin, b->addr, &cx->mem, &t, &cx->err);
		if (rc)
			return rc;
		if (str_to_i64(kvs_get(&t, "msgPutTotalTodayNow"), 0, INT64_MAX, &now,
			    "msgPutTotalTodayNow", &cx->err))
			return cx->err.code;
		if (now != last)
			since = clock_mono_ms();
		last = now;
		if (clock_mono_ms() - since >= QUIET_MS)
			return 0;
		usleep(500000);
	}
	return err_set(&cx->err, TQ_ETIMEDOUT, "broker '%s' is still sent messages", b->name);
}

static int drain(struct ctx *cx, const void *args)
{
	const struct drain_args *a = args;
	const struct broker *b;
	int rc = find_broker(cx, a->name, &b);

	if (rc || ctx_dry_run(cx, "broker/%s would be drained", b->name))
		return rc;
	(void)((rc = ctx_confirm(cx, "keep producers away from broker '%s'?", b->name)) ||
		(rc = tell_nameservers(cx, b->name, true)) ||
		(rc = a->wait_ms ? wait_quiet(cx, b, a->wait_ms) : 0));
	if (!rc)
		ctx_done(cx, "broker/%s drained; back with: tdmqctl broker undrain %s", b->name,
			b->name);
	return rc;
}

static int undrain(struct ctx *cx, const void *args)
{
	const struct drain_args *a = args;
	const struct broker *b;
	int rc = find_broker(cx, a->name, &b);

	if (rc || ctx_dry_run(cx, "broker/%s would be written to again", b->name))
		return rc;
	rc = tell_nameservers(cx, b->name, false);
	if (!rc)
		ctx_done(cx, "broker/%s is written to again", b->name);
	return rc;
}

/* ---- cleanup ---- */

struct cleanup_args {
	const char *name;
	bool queues, log, topics;
};

static const struct opt cleanup_opts[] = {
	OPT_BOOL(0, "consume-queues", struct cleanup_args, queues,
		"queue files whose messages are gone"),
	OPT_BOOL(0, "commit-log", struct cleanup_args, log, "messages past their time"),
	OPT_BOOL(0, "unused-topics", struct cleanup_args, topics,
		"queues of topics that are not there"),
	OPT_END,
};

static int cleanup(struct ctx *cx, const void *args)
{
	const struct cleanup_args *a = args;
	const bool wanted[] = { [CLEAN_CONSUME_QUEUES] = a->queues,
		[CLEAN_COMMIT_LOG] = a->log,
		[CLEAN_UNUSED_TOPICS] = a->topics };
	const struct broker *b;
	int rc;

	if (!a->queues && !a->log && !a->topics)
		return err_set(&cx->err, TQ_EUSAGE,
			"nothing to clean: say --consume-queues, --commit-log or --unused-topics");
	rc = find_broker(cx, a->name, &b);
	if (rc || ctx_dry_run(cx, "broker/%s would be cleaned", b->name))
		return rc;
	rc = ctx_confirm(cx, "remove expired files of broker '%s' now?", b->name);
	for (size_t i = 0; !rc && i < ARRAY_LEN(wanted); i++)
		if (wanted[i])
			rc = admin_clean(cx->admin, b->addr, (enum clean_what)i, &cx->err);
	if (!rc)
		ctx_done(cx, "broker/%s cleaned", b->name);
	return rc;
}

#define ARG_BROKER(type) ARG(ARG_ONE, NAMES_BROKER, "BROKER", type, name), ARG_END

const struct cmd cmd_broker[] = {
	{ "list", "list brokers", { ARG_END }, list_opts, sizeof(struct list_args), broker_list,
		0, "broker list --role master" },
	{ "stats", "show the figures of a broker", { ARG_BROKER(struct stats_args) }, NULL,
		sizeof(struct stats_args), broker_stats, 0,
		"broker stats brokerd\nbroker stats brokerd --raw" },
	{ "lag", "show how far groups are behind on a broker", { ARG_BROKER(struct lag_args) },
		lag_opts, sizeof(struct lag_args), broker_lag, 0,
		"broker lag brokerd --min 1000" },
	{ "config", "show or change settings of brokers",
		{ ARG_CHOICE(ARG_ONE, config_verbs, "VERB", struct config_args, what),
			ARG(ARG_ANY, NAMES_NONE, "KEY[=VALUE]", struct config_args, keys),
			ARG_END },
		config_opts, sizeof(struct config_args), broker_config, 0,
		"broker config get fileReservedTime\nbroker config get --diff\n"
		"broker config set fileReservedTime=72 --yes",
		"Of brokerd, the settings that brokerd.conf(5) lists can be set, by Apache's name "
		"or its own; they stay set after a restart, and an empty value takes them back." },
	{ "drain", "keep producers away from a broker", { ARG_BROKER(struct drain_args) },
		drain_opts, sizeof(struct drain_args), drain, CMD_WRITES,
		"broker drain brokerd --yes\nbroker drain brokerd --wait 1m --yes" },
	{ "undrain", "let producers write to a broker again", { ARG_BROKER(struct drain_args) },
		NULL, sizeof(struct drain_args), undrain, CMD_WRITES,
		"broker undrain brokerd" },
	{ "cleanup", "remove expired files of a broker now",
		{ ARG_BROKER(struct cleanup_args) }, cleanup_opts, sizeof(struct cleanup_args),
		cleanup, CMD_WRITES | CMD_DESTROYS,
		"broker cleanup brokerd --unused-topics --yes" },
	CMD_END,
};
