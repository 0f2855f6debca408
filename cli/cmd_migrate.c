/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate: metadata of other clusters into this one. Everything that thinks is in migrate/; here
 * are the options, the way through it (read, look at the target, plan, run, report) and the
 * sentences for people. What is done with tasks that are there already is in migrate_task.c.
 */
#include "cmd.h"

#include "ctx.h"
#include "config.h"
#include "migrate/apache_live.h"
#include "fsio.h"
#include "migrate/journal.h"
#include "migrate/plan.h"
#include "migrate/planfile.h"
#include "migrate/report.h"
#include "migrate/target.h"
#include "migrate/verify.h"
#include "migrate_export.h"
#include "migrate_more.h"
#include "migrate_work.h"
#include "names.h"
#include "pick.h"

enum target_mode { TARGET_CLUSTER, TARGET_NAMESPACE };
#define NAMESPACE_MODE "namespace " /* and its name: what a task says of itself */
static const char *const target_modes[] = { "cluster", "namespace", NULL };

struct plan_args {
	struct strv files;
	const char *csv_columns, *source_context;
	int target; /* enum target_mode */
	int on_conflict;
	const char *queues, *name;
	const char *select_file, *rename_file, *save_renames, *plan_file, *report;
	struct strv select, map, rename;
	bool offline, exit_code, failed, relaxed, interactive;
	struct to_args to;
};

/* One command's way from a file to a plan; released as a whole. */
struct work {
	struct inventory inv;
	struct holdings have;
	struct plan plan;
	struct target *target; /* owned; NULL: offline */
	struct rename rename;
	struct planfile head; /* of a plan file, or for one */
};

static void work_init(struct work *w)
{
	*w = (struct work){ 0 };
	inventory_init(&w->inv);
	holdings_init(&w->have);
	plan_init(&w->plan);
	rename_init(&w->rename);
}

static void work_release(struct work *w)
{
	plan_release(&w->plan);
	holdings_release(&w->have);
	inventory_release(&w->inv);
	target_free(w->target);
	rename_release(&w->rename);
}

static void say_notes(struct ctx *cx, const struct inventory *inv)
{
	for (size_t i = 0; i < inv->n_notes; i++)
		ctx_warn(cx, "%s", inv->notes[i]);
}

/* ---- options to a plan ---- */

static int parse_queues(const char *text, int *out, struct err *e)
{
	int64_t n = 0;
	int rc = 0;

	if (!strcmp(text, "scale"))
		n = QUEUES_SCALE;
	else if (!strcmp(text, "keep"))
		n = QUEUES_KEEP;
	else
		rc = str_to_i64(str_of(text), 1, 1024, &n, "--queues", e);
	if (rc) {
		err_set(e, TQ_EUSAGE, "--queues '%s': expected keep, scale or 1 to 1024", text);
		return TQ_EUSAGE;
	}
	*out = (int)n;
	return 0;
}

static int parse_pairs(struct ctx *cx, const struct strv *map, struct mapping *m)
{
	struct ns_pair *pairs = arena_alloc(&cx->mem, (map->n + 1) * sizeof(*pairs));
	int rc = 0;

	for (size_t i = 0; !rc && i < map->n; i++)
		rc = mapping_parse_pair(map->v[i], &cx->mem, &pairs[i], &cx->err);
	m->pairs = pairs;
	m->n_pairs = (int)map->n;
	return rc ? err_wrap(&cx->err, "--map-namespace") : 0;
}

/* Where names go. A namespace that is merely current must not swallow a whole cluster unasked. */
static int parse_target(struct ctx *cx, const struct plan_args *a, struct mapping *m)
{
	if (a->target == TARGET_CLUSTER) {
		if (cx->set.namespace && *cx->set.namespace)
			ctx_note(cx,
				"names keep their namespaces; --target namespace puts all "
				"of them into '%s'",
				cx->set.namespace);
		return parse_pairs(cx, &a->map, m);
	}
	if (!cx->set.namespace || !*cx->set.namespace) {
		err_set(&cx->err, TQ_EUSAGE, "--target namespace: which one?");
		return err_hint(&cx->err, "add --namespace NAME");
	}
	m->ns = cx->set.namespace;
	return 0;
}

#define LIST_MAX (8 << 20) /* bytes of a file of names */

/* --select, and the lines of --select-file: names and globs, '#' begins a remark. */
static int parse_select(struct ctx *cx, const struct plan_args *a, struct plan_opts *o)
{
	struct strv all = strv_in(&cx->mem);
	struct str text, line;
	struct buf b;
	int rc = 0;

	for (size_t i = 0; i < a->select.n; i++)
		strv_add(&all, str_of(a->select.v[i]));
	buf_init(&b, LIST_MAX + 1);
	if (a->select_file)
		rc = fsio_read_file(a->select_file, LIST_MAX, &b, &cx->err);
	text = buf_str(&b);
	while (!rc && str_cut(&text, '\n', &line)) {
		line = str_trim(line);
		if (line.n && *line.p != '#')
			strv_add(&all, line);
	}
	buf_release(&b);
	if (!rc && a->select_file && !all.n)
		rc = err_set(&cx->err, TQ_EUSAGE, "--select-file '%s' names nothing",
			a->select_file);
	if (!rc && all.n) {
		const char **v = arena_alloc(&cx->mem, (all.n + 1) * sizeof(*v));

		for (size_t i = 0; i < all.n; i++)
			v[i] = all.v[i];
		v[all.n] = NULL;
		o->select = v;
	}
	return rc;
}

static int parse_renames(struct ctx *cx, const struct plan_args *a, struct work *w)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < a->rename.n; i++)
		rc = rename_rule(&w->rename, a->rename.v[i], &cx->err);
	if (rc)
		return err_wrap(&cx->err, "--rename");
	return a->rename_file ? rename_file(&w->rename, a->rename_file, &cx->err) : 0;
}

static int plan_options(
	struct ctx *cx, const struct plan_args *a, struct work *w, struct plan_opts *o)
{
	int rc;

	*o = (struct plan_opts){ .on_conflict = (enum on_conflict)a->on_conflict,
		.relaxed = a->relaxed };
	rc = parse_queues(a->queues, &o->queues, &cx->err);
	if (!rc)
		rc = parse_target(cx, a, &o->map);
	if (!rc)
		rc = parse_select(cx, a, o);
	if (!rc)
		rc = parse_renames(cx, a, w);
	if (!rc && (a->rename.n || a->rename_file))
		o->map.rename = &w->rename;
	return rc;
}

static int look(struct ctx *cx, const struct plan_args *a, struct work *w)
{
	int rc = 0;

	if (a->offline)
		return 0;
	rc = migrate_target(cx, &a->to, &w->target);
	return rc ? rc : target_holdings(w->target, &w->have, &cx->err);
}

/* What the task and a plan file say of themselves. */
static void describe_plan(struct ctx *cx, const struct plan_args *a, struct work *w)
{
	w->head = (struct planfile){ .source = a->files.n ? a->files.v[0] : a->source_context,
		.on_conflict = (enum on_conflict)a->on_conflict };
	w->head.mode = a->target == TARGET_CLUSTER
			       ? "cluster"
			       : arena_fmt(&cx->mem, NAMESPACE_MODE "%s", cx->set.namespace);
	if (w->target) {
		w->head.target_kind = w->target->kind;
		w->head.target = w->target->description;
		w->head.target_id = w->target->id;
	}
}

static int read_files(struct ctx *cx, const struct plan_args *a, struct inventory *inv)
{
	inv->csv_columns = a->csv_columns;
	return inventory_read_all(inv, (const char *const *)a->files.v, a->files.n, &cx->err);
}

/* The cluster of another context as it is now, in place of a file. */
static int read_live(struct ctx *cx, const char *context, struct inventory *inv)
{
	struct strv none = STRV_INIT;
	struct apache_live o = { 0 };
	struct admin *from = NULL;
	struct config file;
	struct export x;
	struct buf b;
	int rc = ctx_other(cx, context, &none, &file, &from);

	export_init(&x, "apache");
	buf_init(&b, SOURCE_MAX_BYTES);
	if (!rc)
		rc = apache_live_fetch(from, &o, &x, &cx->err);
	if (!rc && export_n_incomplete(&x)) {
		ctx_warn(cx, "a part of '%s' does not answer and is not compared", context);
		cx->partial = true;
	}
	if (!rc)
		rc = export_text(&x, EXPORT_OWN, &b, &cx->err);
	if (!rc)
		rc = inventory_read_text(inv, context, buf_str(&b), &cx->err);
	buf_release(&b);
	export_release(&x);
	admin_free(from);
	return rc ? err_wrap(&cx->err, "the source") : 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *line_of(struct arena *mem, enum object_kind kind, const char *source)
{
	return arena_fmt(mem, "%-5s  %s", object_kind_names[kind], source);
}

struct chosen {
	const char **v; /* sorted lines */
	size_t n;
	struct arena *mem;
};

static bool is_chosen(void *arg, enum object_kind kind, const char *source)
{
	const struct chosen *c = arg;
	const char *line = line_of(c->mem, kind, source);

	return c->n && bsearch(&line, c->v, c->n, sizeof(*c->v), by_text);
}

static void keep_chosen(
	struct ctx *cx, const struct pick_line *lines, size_t n, struct plan_opts *o)
{
	struct chosen *c = arena_alloc(&cx->mem, sizeof(*c));

	*c = (struct chosen){ arena_alloc(&cx->mem, (n + 1) * sizeof(*c->v)), 0, &cx->mem };
	for (size_t i = 0; i < n; i++)
		if (lines[i].on)
			c->v[c->n++] = lines[i].text;
	if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_text);
	o->pick = is_chosen;
	o->pick_arg = c;
}

/* A checklist of what the other options leave over; what is to be made is marked already. */
static int choose(struct ctx *cx, struct work *w, struct plan_opts *o)
{
	struct pick_line *lines;
	struct plan p;
	size_t n = 0;
	int rc;

	if (cx->set.no_input || !cx->tty_in || !cx->tty_err) {
		err_set(&cx->err, TQ_EUSAGE, "--interactive needs a terminal");
		return err_hint(&cx->err, "name what is wanted: --select, --select-file");
	}
	plan_init(&p);
	rc = plan_build(&p, &w->inv, o, w->target ? &w->have : NULL, &cx->err);
	lines = arena_alloc(&cx->mem, (p.n + 1) * sizeof(*lines));
	for (size_t i = 0; i < p.n; i++) {
		const struct plan_item *it = &p.items[i];

		if (it->kind == OBJ_NAMESPACE || it->verdict == VERDICT_SKIPPED)
			continue;
		lines[n].text = line_of(&cx->mem, it->kind, it->source);
		lines[n++].on =
			it->verdict != VERDICT_REFUSED || it->reason == REASON_TASK_LIMIT;
	}
	plan_release(&p);
	if (!rc)
		rc = pick_run("What shall be made?", lines, n, &cx->err);
	if (!rc)
		keep_chosen(cx, lines, n, o);
	return rc;
}

/* Reads, looks, plans. */
static int prepare(struct ctx *cx, const struct plan_args *a, struct work *w)
{
	struct plan_opts o;
	int rc = plan_options(cx, a, w, &o);

	if (!rc)
		rc = a->source_context ? read_live(cx, a->source_context, &w->inv)
				       : read_files(cx, a, &w->inv);
	if (!rc)
		rc = look(cx, a, w);
	if (rc)
		return rc;
	say_notes(cx, &w->inv);
	if (w->inv.masters > 1 && o.queues == QUEUES_SCALE)
		ctx_note(cx,
			"queue numbers are sums over %d brokers of the source, spread over %d here",
			w->inv.masters, w->have.brokers);
	describe_plan(cx, a, w);
	o.map.wire_names = !a->offline && !w->have.has_namespaces;
	if (a->interactive)
		rc = choose(cx, w, &o);
	return rc ? rc
		  : plan_build(&w->plan, &w->inv, &o, a->offline ? NULL : &w->have, &cx->err);
}

/* ---- plan files ---- */

/* Whether it is for this target: another one would make other verdicts. */
static int check_target(struct ctx *cx, const struct work *w)
{
	if (!w->head.target_id) {
		err_set(&cx->err, TQ_EPRECOND,
			"the plan was made offline: nothing was compared");
		return err_hint(&cx->err, "make it again without --offline");
	}
	if (w->target->id && !strcmp(w->head.target_id, w->target->id))
		return 0;
	err_set(&cx->err, TQ_EPRECOND, "the plan was made for another target: %s",
		w->head.target ? w->head.target : w->head.target_id);
	return err_hint(&cx->err, "this one is %s", w->target->description);
}

/* The options that make a plan have no say any more. */
static int check_no_options(struct ctx *cx)
{
	static const char *const made_by[] = { "target", "select", "select-file",
		"map-namespace", "queues", "on-conflict", "relaxed-types", "rename",
		"rename-file", "interactive" };

	for (size_t i = 0; i < ARRAY_LEN(made_by); i++)
		if (opt_given(&cx->own, made_by[i]))
			return err_set(&cx->err, TQ_EUSAGE,
				"--%s: the plan is made already; this file is one", made_by[i]);
	return 0;
}

/* A plan that was looked through: read again, and compared with the target by now. */
static int prepare_planned(struct ctx *cx, const struct plan_args *a, struct work *w)
{
	int by_now = 0, rc = check_no_options(cx);

	if (!rc)
		rc = planfile_read(&w->plan, &w->head, a->files.v[0], &cx->err);
	if (!rc)
		rc = look(cx, a, w);
	if (!rc)
		rc = check_target(cx, w);
	if (!rc)
		rc = planfile_review(
			&w->plan, w->head.on_conflict, &w->have, &by_now, &cx->err);
	if (!rc && by_now)
		ctx_note(cx, "%d items of the plan are there by now", by_now);
	return rc;
}

/* ---- inspect ---- */

static int migrate_inspect(struct ctx *cx, const void *args)
{
	const struct plan_args *a = args;
	struct plan_opts o = { 0 };
	struct work w;
	int rc;

	work_init(&w);
	rc = read_files(cx, a, &w.inv);
	if (!rc)
		rc = plan_build(&w.plan, &w.inv, &o, NULL, &cx->err);
	if (!rc)
		rc = report_inventory(cx->out, &w.inv, &w.plan, &cx->err);
	work_release(&w);
	return rc;
}

/* ---- plan ---- */

static void note_plan(struct ctx *cx, const struct plan *p)
{
	struct buf b;

	buf_init(&b, 1024);
	report_plan_summary(&b, p);
	ctx_note(cx, "plan%s: %s", p->offline ? " (offline, nothing compared)" : "", b.p);
	buf_release(&b);
}

static int save_plan(struct ctx *cx, const struct plan_args *a, const struct work *w)
{
	int rc = planfile_write(&w->plan, &w->head, a->plan_file, &cx->err);

	if (!rc)
		ctx_done(cx, "plan written: look through it, then: tdmqctl migrate run %s",
			a->plan_file);
	return rc;
}

/* For the people whose programs use the old names: kind,source,namespace,name. */
static int save_renames(struct ctx *cx, const char *path, const struct plan *p)
{
	struct buf b;
	int n = 0, rc;

	buf_init(&b, LIST_MAX);
	buf_puts(&b, "kind,source,namespace,name\n");
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_item *it = &p->items[i];

		if (!(it->warnings & WARN_BIT(WARN_RENAMED)) || !it->name)
			continue;
		n++;
		buf_addf(&b, "%s,", object_kind_names[it->kind]);
		rename_put_field(&b, it->source);
		buf_addf(&b, ",%s,%s\n", it->ns, it->name);
	}
	rc = buf_err(&b) ? err_set(&cx->err, TQ_ETOOBIG, "too many names for a file")
			 : fsio_replace(path, buf_str(&b), 0644, &cx->err);
	buf_release(&b);
	if (!rc)
		ctx_done(cx, "%d other names written to '%s'", n, path);
	return rc;
}

static int migrate_plan(struct ctx *cx, const void *args)
{
	const struct plan_args *a = args;
	struct report_filter f = { .failed_only = a->failed };
	struct work w;
	int rc;

	work_init(&w);
	rc = prepare(cx, a, &w);
	if (!rc)
		rc = report_plan(cx->out, &w.plan, &f, &cx->err);
	if (!rc)
		ctx_note_dropped(cx);
	if (!rc)
		note_plan(cx, &w.plan);
	if (!rc && a->plan_file)
		rc = save_plan(cx, a, &w);
	if (!rc && a->save_renames)
		rc = save_renames(cx, a->save_renames, &w.plan);
	if (!rc && a->exit_code && plan_writes(&w.plan))
		rc = err_set(&cx->err, TQ_EDIFFERS, "%d items would be made or changed",
			plan_writes(&w.plan));
	work_release(&w);
	return rc;
}

/* ---- run ---- */

static void describe(struct task *t, const struct plan_args *a, const struct work *w)
{
	const char *file = a->files.v[0], *slash = strrchr(file, '/');

	t->name = a->name ? a->name : arena_str(&t->mem, slash && slash[1] ? slash + 1 : file);
	t->mode = w->head.mode;
	t->source = w->head.source ? w->head.source : file;
	t->target = w->target->description;
	t->on_conflict = w->head.on_conflict;
}

static int run_task(struct ctx *cx, const struct plan_args *a, struct work *w)
{
	struct report_filter f = { .failed_only = a->failed, .page = a->report };
	struct journal j;
	struct task t;
	int rc;

	rc = migrate_journal(cx, a->to.kind, &j);
	if (rc)
		return rc;
	task_init(&t);
	task_from_plan(&t, &w->plan);
	describe(&t, a, w);
	rc = migrate_carry_out(cx, &t, &w->plan, w->target, &j, &f);
	journal_release(&j);
	task_release(&t);
	return rc;
}

static int migrate_run(struct ctx *cx, const void *args)
{
	const struct plan_args *a = args;
	struct work w;
	int rc;

	work_init(&w);
	rc = a->files.n == 1 && planfile_is(a->files.v[0]) ? prepare_planned(cx, a, &w)
							   : prepare(cx, a, &w);
	if (!rc && ctx_dry_run(cx, "%d items would be made or changed", plan_writes(&w.plan))) {
		struct report_filter f = { .failed_only = a->failed };

		rc = report_plan(cx->out, &w.plan, &f, &cx->err);
		note_plan(cx, &w.plan);
	} else if (!rc) {
		rc = run_task(cx, a, &w);
	}
	work_release(&w);
	return rc;
}

/* ---- verify ---- */

/* Of the source as it is now, what the task has, where the task put it. */
static int verify_against_source(
	struct ctx *cx, struct plan_args *a, const struct task *t, struct work *w)
{
	struct str space = str_of(t ? t->mode : NULL);
	int rc;

	if (str_starts(space, STR(NAMESPACE_MODE))) {
		a->target = TARGET_NAMESPACE;
		cx->set.namespace = space.p + strlen(NAMESPACE_MODE);
	}
	rc = prepare(cx, a, w);
	if (!rc && t)
		verify_select(&w->plan, t);
	return rc ? rc : migrate_verify_plan(cx, &w->plan, a->failed);
}

static int migrate_verify(struct ctx *cx, const void *args)
{
	struct plan_args a = *(const struct plan_args *)args;
	bool of_task = a.files.n == 1 && migrate_names_task(a.files.v[0]);
	struct work w;
	struct task t;
	int rc = 0;

	a.on_conflict = ON_CONFLICT_FAIL;
	if (!a.files.n && !a.source_context)
		return err_set(
			&cx->err, TQ_EUSAGE, "compare with what? TASK or FILE is missing");
	if (a.files.n && !of_task && a.source_context)
		return err_set(&cx->err, TQ_EUSAGE,
			"a file or --source-context: both say what should be there");
	if (of_task && !a.source_context)
		return migrate_verify_task(cx, a.files.v[0], &a.to, a.failed);
	task_init(&t);
	work_init(&w);
	if (of_task)
		rc = migrate_load_task(cx, a.files.v[0], a.to.kind, &t);
	if (!rc)
		rc = verify_against_source(cx, &a, of_task ? &t : NULL, &w);
	work_release(&w);
	task_release(&t);
	return rc;
}

/* ---- the table ---- */

#define READ_OPTS \
	OPT_STR(0, "csv-columns", "member=heading,...", struct plan_args, csv_columns, \
		"what the columns of a CSV sheet are, as topic=HEADING")

#define MAP_OPTS \
	READ_OPTS, \
		OPT_ENUM(0, "target", struct plan_args, target, target_modes, TARGET_CLUSTER, \
			"keep each name's namespace, or put all into --namespace"), \
		OPT_LIST(0, "select", "glob", struct plan_args, select, NAMES_NONE, \
			"only these names, with or without namespace"), \
		OPT_NAME(0, "select-file", "file", struct plan_args, select_file, NAMES_FILE, \
			"only the names and globs in this file, one a line"), \
		OPT_BOOL(0, "interactive", struct plan_args, interactive, \
			"choose from a list in the terminal"), \
		OPT_TEXTS(0, "rename", "re=s|auto", struct plan_args, rename, \
			"other names: what matches RE becomes S; auto makes bad names good"), \
		OPT_NAME(0, "rename-file", "file", struct plan_args, rename_file, NAMES_FILE, \
			"other names from a CSV file: kind,source,namespace,name"), \
		OPT_KV(0, "map-namespace", struct plan_args, map, \
			"another name for a namespace of the source"), \
		OPT_STR_DEFAULT(0, "queues", "keep|scale|n", struct plan_args, queues, \
			"scale", "queues per broker: as they are, spread, or n"), \
		OPT_BOOL(0, "relaxed-types", struct plan_args, relaxed, \
			"let every topic take messages of all types"), \
		OPT_BOOL(0, "failed", struct plan_args, failed, \
			"show only what is refused, in conflict or failed"), \
		TO_OPTS(struct plan_args)

#define PLAN_OPTS \
	MAP_OPTS, OPT_ENUM(0, "on-conflict", struct plan_args, on_conflict, on_conflict_names, \
			  ON_CONFLICT_FAIL, "what exists with other settings")

static const struct opt inspect_opts[] = { READ_OPTS, OPT_END };

static const struct opt plan_opts[] = {
	PLAN_OPTS,
	OPT_BOOL(0, "offline", struct plan_args, offline, "do not look at the target"),
	OPT_NAME('f', "file", "file", struct plan_args, plan_file, NAMES_FILE,
		"write the plan to a file, to be looked through and run later"),
	OPT_NAME(0, "save-renames", "file", struct plan_args, save_renames, NAMES_FILE,
		"write a CSV file of the names that change"),
	OPT_BOOL(0, "exit-code", struct plan_args, exit_code, "exit 20 if there is work to do"),
	OPT_END,
};

static const struct opt run_opts[] = {
	PLAN_OPTS,
	OPT_STR(0, "name", "text", struct plan_args, name, "what the task is called"),
	OPT_NAME(0, "report", "file", struct plan_args, report, NAMES_FILE,
		"also write the report as an HTML page"),
	OPT_END,
};

static const struct opt verify_opts[] = {
	MAP_OPTS,
	OPT_NAME(0, "source-context", "name", struct plan_args, source_context, NAMES_CONTEXT,
		"with this cluster as it is now, instead of a file"),
	OPT_END,
};

#define FORMS \
	"FILE is the rocketmq-metadata-export.json of Apache's export.sh, a metadata.json, " \
	"topic.json or subscriptionGroup.json of mqadmin exportMetadata, a broker's " \
	"config/topics.json or subscriptionGroup.json, a directory with these, what 'migrate " \
	"export' wrote, lists of a cloud's API, or a sheet saved as CSV; what it is shows in its " \
	"keys, not its name. Several files are read as one: all brokers of a cluster, all pages."

#define TO_TEXT \
	" With --to tencent the target is a cluster of TDMQ for RocketMQ 4.x, reached through " \
	"the API of Tencent Cloud; keys come from TDMQCTL_TENCENT_ID and _KEY or from where " \
	"the cloud's own tools have them."

const struct cmd cmd_migrate[] = {
	{ "export", "metadata of a cluster or a cloud into a file",
		{ ARG_CHOICE(ARG_ONE, export_sources, "SOURCE", struct export_args, source),
			ARG_END },
		export_opts, sizeof(struct export_args), migrate_export, 0,
		"migrate export apache -s old:9876 -f m.json\n"
		"migrate export huawei --region cn-east-3 --instance-id ID -f h.json\n"
		"migrate export ons --region cn-hangzhou --instance-id ID -f o.json",
		"Keys come from the environment (TDMQCTL_HUAWEI_AK and _SK, TDMQCTL_ALI_ID and "
		"_SECRET, or those of the cloud's own tools), from the files of these tools, or "
		"from --access-key and --secret-from; never from the command line. The file "
		"holds no secret. Exit status 3 when some part could not be read: the file says "
		"which." },
	{ "inspect", "what a metadata file holds",
		{ ARG(ARG_MANY, NAMES_FILE, "FILE", struct plan_args, files), ARG_END },
		inspect_opts, sizeof(struct plan_args), migrate_inspect, CMD_LOCAL,
		"migrate inspect m.json", FORMS },
	{ "plan", "what an import would do, item by item, and why",
		{ ARG(ARG_MANY, NAMES_FILE, "FILE", struct plan_args, files), ARG_END },
		plan_opts, sizeof(struct plan_args), migrate_plan, 0,
		"migrate plan m.json\nmigrate plan m.json --target namespace --namespace shop\n"
		"migrate plan m.json -f plan.json",
		FORMS TO_TEXT },
	{ "run", "import a metadata file, or a plan made of one, as a task",
		{ ARG(ARG_MANY, NAMES_FILE, "FILE", struct plan_args, files), ARG_END },
		run_opts, sizeof(struct plan_args), migrate_run, CMD_WRITES,
		"migrate run m.json",
		"Namespaces are made first, then topics, then groups, each item on its own. A run "
		"that was killed or stopped goes on with 'migrate resume'. A task takes 1,000 "
		"topics and 1,000 groups. FILE may be a plan of 'migrate plan -f': it is "
		"refused when the target changed so that something else would be done. Exit "
		"status 3 when some items failed." },
	MIGRATE_TASK_CMDS,
	{ "verify", "whether the cluster has what a task or file says",
		{ ARG(ARG_ANY, NAMES_FILE, "TASK|FILE", struct plan_args, files), ARG_END },
		verify_opts, sizeof(struct plan_args), migrate_verify, 0, "migrate verify 12",
		"At any time after the import, item by item, settings too. A number is a task, "
		"anything else a file; with a file, the options say how it was imported. Exit "
		"status 20 when something is missing or has other settings. --source-context asks "
		"the old cluster what there should be: of the task, or all." },
	MIGRATE_OFFSETS,
	MIGRATE_SWITCH,
	CMD_END,
};
