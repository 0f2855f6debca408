/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate switch: the steps of a cut-over (migrate/cutover.h) over two live clusters: shows
 * where they are, says whether a step is safe, waits until it is done, follows all of them. It
 * changes nothing: who moves are the programs.
 */
#include "clock.h"
#include "migrate/cutover.h"
#include "migrate_more.h"
#include "progress.h"
#include "view.h"
#include "when.h"

#define TICK_MS 50 /* of waits, so that Ctrl-C is heard */
#define DANGER_MS 10000 /* a restart may look like one */
#define WAIT_MAX_MS (30 * 86400000ll)

enum action { ACTION_STATUS, ACTION_WATCH };
const char *const switch_actions[] = { "status", "watch", NULL };

enum show { SHOW_STEPS, SHOW_GROUPS, SHOW_CLIENTS };
static const char *const shows[] = { "steps", "groups", "clients", NULL };

const struct opt migrate_switch_opts[] = {
	PAIR_OPTS(struct switch_args, pair),
	OPT_LIST('g', "group", "group", struct switch_args, groups, NAMES_GROUP,
		"only these consumer groups"),
	OPT_LIST(0, "producer-group", "group", struct switch_args, producers, NAMES_NONE,
		"only these groups of producers"),
	OPT_ENUM(0, "show", struct switch_args, show, shows, SHOW_STEPS, "rows of the table"),
	OPT_MS(0, "wait", struct switch_args, wait_ms, 0, WAIT_MAX_MS, 0,
		"until STEP, or the next one, is done; exit 8 if too long"),
	OPT_MS(0, "interval", struct switch_args, interval_ms, 100, 3600000, 2000,
		"between two looks"),
	OPT_END,
};
static const struct col step_cols[] = {
	{ "step", "step", COL_TEXT, 0 },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "detail", "detail", COL_TEXT, 0 },
	{ "why-not", "why", COL_TEXT, 0 },
	COL_END,
};
static const struct col event_cols[] = {
	{ "time", "timeMs", COL_TIME, 0 },
	{ "step", "step", COL_TEXT, 0 },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "detail", "detail", COL_TEXT, 0 },
	{ "why-not", "why", COL_TEXT, 0 },
	COL_END,
};
static const struct col switch_group_cols[] = {
	{ "group", "group", COL_TEXT, 0 },
	{ "old", "old", COL_NUMBER, 0 },
	{ "new", "new", COL_NUMBER, 0 },
	{ "left", "left", COL_COUNT, 0 },
	{ "positions", "positions", COL_BOOL, 0 },
	COL_END,
};
static const struct col client_cols[] = {
	{ "side", "side", COL_TEXT, 0 },
	{ "kind", "kind", COL_TEXT, 0 },
	{ "group", "group", COL_TEXT, 0 },
	{ "address", "address", COL_TEXT, 0 },
	{ "client", "client", COL_TEXT, 0 },
	COL_END,
};
const struct view view_switch = { "Switch", "step", step_cols, false };
const struct view view_switch_event = { "SwitchEvent", "step", event_cols, false };
const struct view view_switch_group = { "SwitchGroup", "group", switch_group_cols, false };
const struct view view_switch_client = { "SwitchClient", "client", client_cols, false };

/* ---- one look ---- */

struct look {
	struct cutover c;
	struct cutover_verdict v;
};

struct scope {
	const struct pair *pair;
	const struct cluster *old;
	struct strv groups;
};

static const char *to_name(void *arg, const char *wire)
{
	struct scope *s = arg;

	return pair_to_name(s->pair, wire);
}

static bool is_system(void *arg, const char *topic)
{
	struct scope *s = arg;

	return ctx_is_system_topic(s->old, topic);
}

/* A side that does not answer now is asked anew the next time. */
/* A group that neither side knows is a slip of the pen, and no group at all would be "done". */
static int need_groups(struct ctx *cx, const struct strv *names, const struct cutover *c)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t k = 0;

		while (k < c->n_groups && strcmp(c->groups[k].name, names->v[i]) != 0)
			k++;
		if (k < c->n_groups)
			continue;
		err_set(&cx->err, TQ_ENOGROUP, "no group '%s' in the old cluster",
			ctx_name(cx, names->v[i]));
		return err_hint(&cx->err,
			"see them: tdmqctl migrate switch status --show groups; "
			"-N says of which namespace");
	}
	return 0;
}

static int look(const struct pair *p, const struct switch_args *a, struct look *k)
{
	struct ctx *cx = p->cx;
	struct scope s = { .pair = p, .groups = strv_in(&cx->mem) };
	struct cutover_scope cs = { .to_name = to_name,
		.is_system = is_system,
		.arg = &s,
		.groups = &s.groups,
		.producers = &a->producers };
	int rc;

	for (size_t i = 0; i < a->groups.n; i++)
		strv_add(&s.groups, str_of(ctx_wire(cx, a->groups.v[i])));
	admin_forget_skipped(p->from);
	admin_forget_skipped(cx->admin);
	cutover_init(&k->c);
	rc = admin_cluster(p->from, &s.old, &cx->err);
	if (!rc)
		rc = cutover_observe(&k->c, p->from, cx->admin, &cs, &cx->err);
	if (!rc)
		rc = pair_whole(p, &cx->err);
	if (!rc)
		rc = need_groups(cx, &s.groups, &k->c);
	if (!rc)
		cutover_judge(&k->c, &k->v);
	return rc;
}

static void look_release(struct look *k)
{
	cutover_release(&k->c);
}

/* ---- rows ---- */

static const char *state_of(const struct cutover_verdict *v, enum cutover_step step)
{
	if (v->step[step].done)
		return "done";
	return step == v->next && v->step[step].safe ? "next" : "not yet";
}

static cJSON *step_json(const struct cutover_verdict *v, enum cutover_step step)
{
	const struct cutover_state *st = &v->step[step];
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "step", cutover_step_names[step]);
	view_add_text(o, "state", state_of(v, step));
	cJSON_AddBoolToObject(o, "done", st->done);
	cJSON_AddBoolToObject(o, "safe", st->safe);
	view_add_text(o, "detail", st->detail);
	view_add_text(o, "why", st->done ? NULL : st->why);
	return o;
}

static cJSON *steps_json(const struct cutover_verdict *v)
{
	cJSON *list = cJSON_CreateArray();

	for (int i = 0; i < CUTOVER_STEPS; i++)
		cJSON_AddItemToArray(list, step_json(v, (enum cutover_step)i));
	return list;
}

static cJSON *groups_json(struct ctx *cx, const struct cutover *c)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < c->n_groups; i++) {
		const struct cutover_group *g = &c->groups[i];
		cJSON *o = cJSON_CreateObject();

		view_add_text(o, "group", ctx_name(cx, g->name));
		json_add_i64(o, "old", g->members[SIDE_OLD]);
		json_add_i64(o, "new", g->members[SIDE_NEW]);
		json_add_i64(o, "left", g->left);
		cJSON_AddBoolToObject(o, "positions", g->placed);
		cJSON_AddBoolToObject(o, "missing", g->missing);
		cJSON_AddBoolToObject(o, "broadcast", g->broadcast);
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static cJSON *clients_json(struct ctx *cx, const struct cutover *c)
{
	cJSON *list = cJSON_CreateArray();

	for (size_t i = 0; i < c->n_clients; i++) {
		const struct cutover_client *x = &c->clients[i];
		cJSON *o = cJSON_CreateObject();

		view_add_text(o, "side", cutover_side_names[x->side]);
		view_add_text(o, "kind", x->producer ? "producer" : "consumer");
		view_add_text(o, "group", ctx_name(cx, x->group));
		view_add_text(o, "address", x->addr);
		view_add_text(o, "client", x->id);
		cJSON_AddItemToArray(list, o);
	}
	return list;
}

static void add_texts(cJSON *o, const char *key, const struct strv *v)
{
	cJSON *list = cJSON_AddArrayToObject(o, key);

	for (size_t i = 0; i < v->n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(v->v[i]));
}

static cJSON *switch_json(const struct pair *p, const struct look *k)
{
	const struct cutover_verdict *v = &k->v;
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "from", p->from_name);
	view_add_text(o, "to", p->to_name);
	view_add_text(o, "next", v->next < CUTOVER_STEPS ? cutover_step_names[v->next] : NULL);
	cJSON_AddBoolToObject(o, "safe", cutover_may(v, v->next));
	cJSON_AddBoolToObject(o, "done", v->next == CUTOVER_STEPS);
	json_add_i64(o, "delayed", k->c.delayed);
	json_add_i64(o, "undecided", k->c.undecided);
	cJSON_AddItemToObject(o, "steps", steps_json(v));
	cJSON_AddItemToObject(o, "groups", groups_json(p->cx, &k->c));
	cJSON_AddItemToObject(o, "clients", clients_json(p->cx, &k->c));
	add_texts(o, "missingTopics", &k->c.missing);
	add_texts(o, "dangers", &v->dangers);
	add_texts(o, "cautions", &v->cautions);
	return o;
}

static int show_rows(const struct pair *p, const struct look *k, int what)
{
	struct ctx *cx = p->cx;

	if (what == SHOW_GROUPS)
		return ctx_list(cx, &view_switch_group, groups_json(cx, &k->c));
	if (what == SHOW_CLIENTS)
		return ctx_list(cx, &view_switch_client, clients_json(cx, &k->c));
	return ctx_list(cx, &view_switch, steps_json(&k->v));
}

static void say_dangers(struct ctx *cx, const struct cutover_verdict *v)
{
	for (size_t i = 0; i < v->dangers.n; i++)
		ctx_warn(cx, "messages are lost this way: %s", v->dangers.v[i]);
	for (size_t i = 0; i < v->cautions.n; i++)
		ctx_warn(cx, "%s", v->cautions.v[i]);
}

static const char *const what_to_do[] = {
	"make the topics and groups in the new cluster: tdmqctl migrate run",
	"connect a consumer of each group to the new cluster, and leave the others where they are",
	"connect the first producers to the new cluster",
	"connect the other producers to the new cluster",
	"wait until the old cluster is drained; its consumers stay",
	"connect the other consumers to the new cluster",
	"nothing is left to do: the old cluster is drained and nobody is connected to it",
};

static int show(const struct pair *p, const struct switch_args *a, const struct look *k)
{
	int format = p->cx->set.out.format, rc;
	cJSON *doc;

	say_dangers(p->cx, &k->v);
	if (a->show == SHOW_STEPS && (format == OUT_JSON || format == OUT_YAML)) {
		doc = switch_json(p, k);
		rc = out_object(p->cx->out, &view_switch, doc, &p->cx->err);
		cJSON_Delete(doc);
		return rc;
	}
	rc = show_rows(p, k, a->show);
	if (!rc && cutover_may(&k->v, k->v.next))
		ctx_note(p->cx, "next: %s", what_to_do[k->v.next]);
	return rc;
}

/* ---- status ---- */

static int not_safe(struct ctx *cx, const struct cutover_verdict *v, enum cutover_step step)
{
	if (v->dangers.n) {
		err_set(&cx->err, TQ_EPRECOND, "messages are being lost");
		return err_why(&cx->err, "%s", v->dangers.v[0]);
	}
	err_set(&cx->err, TQ_EPRECOND, "'%s' is not safe now", cutover_step_names[step]);
	if (v->step[step].why)
		err_why(&cx->err, "%s", v->step[step].why);
	return err_hint(
		&cx->err, "first '%s': %s", cutover_step_names[v->next], what_to_do[v->next]);
}

/* The step that is meant: that of the command line, else the next one. */
static enum cutover_step step_of(const struct switch_args *a, const struct cutover_verdict *v)
{
	int i = a->step ? str_index(str_of(a->step), cutover_step_names) : -1;

	return i < 0 ? v->next : (enum cutover_step)i;
}

static int status(const struct pair *p, const struct switch_args *a)
{
	struct look k;
	enum cutover_step step;
	int rc = look(p, a, &k);

	if (!rc)
		rc = show(p, a, &k);
	if (!rc) {
		step = step_of(a, &k.v);
		if (!cutover_may(&k.v, step))
			rc = not_safe(p->cx, &k.v, step);
	}
	look_release(&k);
	return rc;
}

/* ---- wait, watch ---- */

/* false: the user wants to stop. */
static bool pause_ms(int64_t ms)
{
	int64_t end = clock_mono_ms() + ms;
	struct timespec tick = { 0, TICK_MS * 1000000 };

	while (!stop_asked() && clock_mono_ms() < end)
		nanosleep(&tick, NULL);
	return !stop_asked();
}

struct wait {
	enum cutover_step step; /* CUTOVER_STEPS: not known yet */
	int64_t end_ms; /* of the monotonic clock */
	int64_t danger_ms; /* since when there is one; 0: none */
	char last[512]; /* what was said of the step */
};

static void say_progress(struct ctx *cx, struct wait *w, const struct cutover_verdict *v)
{
	const struct cutover_state *st = &v->step[w->step];
	char now[sizeof(w->last)];

	snprintf(now, sizeof(now), "%s: %s%s%s", cutover_step_names[w->step], st->detail,
		st->why ? "; " : "", st->why ? st->why : "");
	if (strcmp(now, w->last))
		ctx_note(cx, "%s", now);
	memcpy(w->last, now, sizeof(now));
}

/* Whether one has been there for so long that it is no restart. */
static bool stays_in_danger(struct wait *w, const struct cutover_verdict *v)
{
	int64_t now = clock_mono_ms();

	if (!v->dangers.n)
		w->danger_ms = 0;
	else if (!w->danger_ms)
		w->danger_ms = now;
	return v->dangers.n && now - w->danger_ms >= DANGER_MS;
}

static int time_is_up(struct ctx *cx, const struct cutover_verdict *v, enum cutover_step step)
{
	err_set(&cx->err, TQ_ETIMEDOUT, "'%s' is not done within the deadline: %s",
		cutover_step_names[step], v->step[step].detail);
	return err_hint(&cx->err, "wait longer: --wait; who is where: --show clients");
}

/* One look; *over: no more are needed. */
static int wait_once(
	const struct pair *p, const struct switch_args *a, struct wait *w, bool *over)
{
	struct ctx *cx = p->cx;
	struct look k;
	int rc = look(p, a, &k), shown;

	if (rc) {
		look_release(&k);
		return rc;
	}
	if (w->step == CUTOVER_STEPS)
		w->step = step_of(a, &k.v);
	*over = w->step == CUTOVER_STEPS || k.v.step[w->step].done;
	if (!*over)
		say_progress(cx, w, &k.v);
	if (stays_in_danger(w, &k.v))
		rc = not_safe(cx, &k.v, w->step);
	else if (!*over && clock_mono_ms() >= w->end_ms)
		rc = time_is_up(cx, &k.v, w->step);
	if (rc || *over) {
		shown = show(p, a, &k);
		rc = rc ? rc : shown;
	}
	look_release(&k);
	return rc;
}

static int wait_for(const struct pair *p, const struct switch_args *a)
{
	struct wait w = { .step = CUTOVER_STEPS, .end_ms = clock_mono_ms() + a->wait_ms };
	bool over = false;
	int rc;

	stop_watch();
	while (!(rc = wait_once(p, a, &w, &over)) && !over)
		if (!pause_ms(MAX(MIN(a->interval_ms, w.end_ms - clock_mono_ms()), TICK_MS)))
			return err_set(&p->cx->err, TQ_EINTERRUPTED, "interrupted");
	return rc;
}

static cJSON *event_json(struct ctx *cx, const struct cutover_verdict *v, int step)
{
	cJSON *o = step_json(v, (enum cutover_step)step);

	view_add_time(cx, o, "time", clock_wall_ms());
	return o;
}

/* Rows of the steps of which something else is to be said than before. */
static int tell_changes(const struct pair *p, const struct look *k, char last[][512])
{
	char now[512];
	int rc = 0;

	for (int i = 0; !rc && i < CUTOVER_STEPS; i++) {
		const struct cutover_state *st = &k->v.step[i];
		cJSON *o;

		snprintf(now, sizeof(now), "%d %s", st->done, st->detail);
		if (!strcmp(now, last[i]))
			continue;
		memcpy(last[i], now, sizeof(now));
		o = event_json(p->cx, &k->v, i);
		rc = out_row(p->cx->out, o, &p->cx->err);
		cJSON_Delete(o);
	}
	return rc ? rc : out_flush(p->cx->out, &p->cx->err);
}

static int watch(const struct pair *p, const struct switch_args *a)
{
	char last[CUTOVER_STEPS][512] = { "" };
	size_t dangers = 0;
	bool done = false;
	struct look k;
	int rc = out_begin(p->cx->out, &view_switch_event, &p->cx->err), ended;

	stop_watch();
	while (!rc && !done) {
		rc = look(p, a, &k);
		if (!rc && k.v.dangers.n && k.v.dangers.n != dangers)
			say_dangers(p->cx, &k.v);
		dangers = rc ? 0 : k.v.dangers.n;
		if (!rc)
			rc = tell_changes(p, &k, last);
		done = !rc && k.v.next == CUTOVER_STEPS;
		look_release(&k);
		if (!rc && !done && !pause_ms(a->interval_ms))
			rc = err_set(&p->cx->err, TQ_EINTERRUPTED, "interrupted");
	}
	ended = out_end(p->cx->out, NULL, rc ? NULL : &p->cx->err);
	if (done)
		ctx_note(p->cx, "%s", what_to_do[CUTOVER_STEPS]);
	return rc ? rc : ended;
}

int migrate_switch(struct ctx *cx, const void *args)
{
	const struct switch_args *a = args;
	int action = str_index(str_of(a->action), switch_actions);
	struct pair p;
	int rc = pair_open(cx, &a->pair, &p);

	if (rc)
		return rc;
	if (action == ACTION_WATCH)
		rc = watch(&p, a);
	else
		rc = a->wait_ms ? wait_for(&p, a) : status(&p, a);
	pair_release(&p);
	return rc;
}
