/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: plan items and task items are shown by one set of columns; they differ in what their
 * "state" is: what shall become of the item, or what became of it.
 */
#include "base.h"

#include "report.h"

static const struct col item_cols[] = {
	{ "kind", "kind", COL_TEXT, 0 },
	{ "source", "source", COL_TEXT, 0 },
	{ "namespace", "namespace", COL_TEXT, 0 },
	{ "name", "name", COL_TEXT, COL_OPTIONAL },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "reason", "reason", COL_TEXT, 0 },
	{ "type", "type", COL_TEXT, COL_WIDE },
	{ "queues", "queues", COL_NUMBER, COL_WIDE },
	{ "perm", "perm", COL_TEXT, COL_WIDE },
	{ "retries", "retryMax", COL_NUMBER, COL_WIDE },
	{ "warnings", "warnings", COL_TEXT, COL_WIDE },
	{ "detail", "detail", COL_TEXT, COL_OPTIONAL },
	COL_END,
};
static const struct view plan_view = { "MigrationPlanItem", "name", item_cols, true };
static const struct view task_item_view = { "MigrationItem", "name", item_cols, true };
static const struct view rollback_view = { "MigrationRollbackItem", "name", item_cols, true };

static const struct col task_cols[] = {
	{ "id", "id", COL_NUMBER, 0 },
	{ "name", "name", COL_TEXT, 0 },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "topics", "topics.done", COL_NUMBER, 0 },
	{ "groups", "groups.done", COL_NUMBER, 0 },
	{ "failed", "failed", COL_NUMBER, 0 },
	{ "skipped", "skipped", COL_NUMBER, COL_OPTIONAL },
	{ "mode", "mode", COL_TEXT, COL_WIDE },
	{ "source", "source", COL_TEXT, COL_OPTIONAL },
	{ "target", "target", COL_TEXT, COL_WIDE },
	{ "created", "createdMs", COL_TIME, 0 },
	{ "finished", "finishedMs", COL_TIME, COL_WIDE },
	COL_END,
};
static const struct view task_view = { "MigrationTask", "id", task_cols, false };

static const struct col inventory_cols[] = {
	{ "file", "path", COL_TEXT, 0 },
	{ "shape", "shape", COL_TEXT, 0 },
	{ "exported", "exportedMs", COL_TIME, 0 },
	{ "masters", "masters", COL_NUMBER, 0 },
	{ "topics", "topics", COL_NUMBER, 0 },
	{ "groups", "groups", COL_NUMBER, 0 },
	{ "namespaces", "namespaceNames", COL_TEXT, 0 },
	{ "skipped", "skipped", COL_NUMBER, 0 },
	{ "odd", "odd", COL_NUMBER, 0 },
	{ "notes", "notes", COL_TEXT, 0 },
	COL_END,
};
static const struct view inventory_view = { "MigrationSource", "path", inventory_cols, false };

static const struct col space_cols[] = {
	{ "namespace", "namespace", COL_TEXT, 0 },
	{ "topics", "topics", COL_NUMBER, 0 },
	{ "groups", "groups", COL_NUMBER, 0 },
	COL_END,
};
static const struct view space_view = { "MigrationNamespace", "namespace", space_cols, false };

const struct view *const report_views[] = { &plan_view, &task_item_view, &rollback_view,
	&task_view, &inventory_view, &space_view, NULL };

static bool is_document(const struct out *o)
{
	int f = out_options(o)->format;

	return f == OUT_JSON || f == OUT_YAML;
}

/* Unknown is null. */
static void add_text(cJSON *o, const char *key, const char *text)
{
	if (text && *text)
		json_add_str(o, key, str_of(text));
	else
		cJSON_AddNullToObject(o, key);
}

static void add_ms(cJSON *o, const char *key, int64_t ms)
{
	if (ms)
		json_add_i64(o, key, ms);
	else
		cJSON_AddNullToObject(o, key);
}

/* ---- items ---- */

/* What a plan item and a task item have in common. */
struct row {
	enum object_kind kind;
	const char *source, *ns, *name, *state, *detail;
	enum reason reason;
	unsigned long long warnings;
	bool failed;
};

static bool shows(const struct report_filter *f, const struct row *r)
{
	if (f->failed_only && !r->failed)
		return false;
	if (f->state && strcmp(f->state, r->state))
		return false;
	return !f->reason || !strcmp(f->reason, reason_name(r->reason));
}

static cJSON *row_json(const struct row *r)
{
	cJSON *o = cJSON_CreateObject(), *warnings;

	cJSON_AddStringToObject(o, "kind", object_kind_names[r->kind]);
	add_text(o, "source", r->source);
	add_text(o, "namespace", r->ns);
	add_text(o, "name", r->kind == OBJ_NAMESPACE ? r->ns : r->name);
	cJSON_AddStringToObject(o, "state", r->state);
	add_text(o, "reason", reason_name(r->reason));
	warnings = cJSON_AddArrayToObject(o, "warnings");
	for (int w = 1; w < REASON_COUNT; w++)
		if (r->warnings & WARN_BIT(w))
			cJSON_AddItemToArray(
				warnings, cJSON_CreateString(reason_name((enum reason)w)));
	add_text(o, "detail", r->detail);
	return o;
}

static struct row plan_row(const struct plan_item *it)
{
	return (struct row){ it->kind, it->source, it->ns, it->name, verdict_names[it->verdict],
		it->detail, it->reason, it->warnings,
		it->verdict == VERDICT_CONFLICT || it->verdict == VERDICT_REFUSED };
}

static cJSON *plan_json(const struct plan_item *it, const struct row *r)
{
	cJSON *o = row_json(r);
	char perm[4];

	if (it->verdict == VERDICT_SKIPPED || it->verdict == VERDICT_REFUSED)
		return o;
	if (it->kind == OBJ_TOPIC) {
		cJSON_AddStringToObject(o, "type", topic_type_names[it->topic.type]);
		json_add_i64(o, "queues", it->topic.write_queues);
		cJSON_AddStringToObject(o, "perm", perm_text(it->topic.perm, perm));
	} else if (it->kind == OBJ_GROUP) {
		json_add_i64(o, "retryMax", it->group.retry_max);
		cJSON_AddBoolToObject(o, "consume", it->group.consume);
		cJSON_AddBoolToObject(o, "broadcast", it->group.broadcast);
	}
	return o;
}

static cJSON *plan_rows(const struct plan *p, const struct report_filter *f)
{
	cJSON *items = cJSON_CreateArray();

	for (size_t i = 0; i < p->n; i++) {
		struct row r = plan_row(&p->items[i]);

		if (shows(f, &r))
			cJSON_AddItemToArray(items, plan_json(&p->items[i], &r));
	}
	return items;
}

static cJSON *task_rows(const struct task *t, const struct report_filter *f)
{
	cJSON *items = cJSON_CreateArray(), *o;

	for (size_t i = 0; i < t->n; i++) {
		const struct task_item *it = &t->items[i];
		struct row r = { it->kind, it->source, it->ns, it->name,
			item_state_names[it->state], it->detail, it->reason, it->warnings,
			item_state_is_failure(it->state) };

		if (!shows(f, &r))
			continue;
		o = row_json(&r);
		add_ms(o, "atMs", it->at_ms);
		cJSON_AddItemToArray(items, o);
	}
	return items;
}

/* {"create":3,"exists":0,...} of one kind, with their sum. */
static void add_counts(cJSON *o, const char *key, const char *const *names, const int *counts)
{
	cJSON *c = cJSON_AddObjectToObject(o, key);
	int total = 0;

	for (int i = 0; names[i]; i++) {
		json_add_i64(c, names[i], counts[i]);
		total += counts[i];
	}
	json_add_i64(c, "total", total);
}

/* ---- plan ---- */

int report_plan(
	struct out *o, const struct plan *p, const struct report_filter *f, struct err *e)
{
	cJSON *items = plan_rows(p, f), *doc = cJSON_CreateObject();
	int rc;

	cJSON_AddStringToObject(doc, "apiVersion", OUT_API_VERSION);
	cJSON_AddStringToObject(doc, "kind", "MigrationPlan");
	add_text(doc, "source", p->inv ? p->inv->path : NULL); /* a plan file has none */
	add_text(doc, "shape", p->inv ? p->inv->shape : NULL);
	cJSON_AddBoolToObject(doc, "offline", p->offline);
	add_counts(doc, "namespaces", verdict_names, p->counts[OBJ_NAMESPACE]);
	add_counts(doc, "topics", verdict_names, p->counts[OBJ_TOPIC]);
	add_counts(doc, "groups", verdict_names, p->counts[OBJ_GROUP]);
	cJSON_AddItemToObject(doc, "items", items);
	rc = is_document(o) ? out_object(o, &plan_view, doc, e)
			    : out_list(o, &plan_view, items, NULL, e);
	cJSON_Delete(doc);
	return rc;
}

static void say(struct buf *b, int n, const char *what)
{
	if (n)
		buf_addf(b, "%s%d %s", b->n ? ", " : "", n, what);
}

static void say_kinds(struct buf *b, int ns, int topics, int groups, const char *verb)
{
	if (!ns && !topics && !groups)
		return;
	say(b, ns, ns == 1 ? "namespace" : "namespaces");
	say(b, topics, topics == 1 ? "topic" : "topics");
	say(b, groups, groups == 1 ? "group" : "groups");
	buf_addf(b, " %s", verb);
}

static int plan_sum(const struct plan *p, enum verdict v)
{
	return p->counts[OBJ_TOPIC][v] + p->counts[OBJ_GROUP][v];
}

void report_plan_summary(struct buf *b, const struct plan *p)
{
	say_kinds(b, p->counts[OBJ_NAMESPACE][VERDICT_CREATE],
		p->counts[OBJ_TOPIC][VERDICT_CREATE], p->counts[OBJ_GROUP][VERDICT_CREATE],
		"to create");
	say(b, plan_sum(p, VERDICT_ADJUST), "to adjust");
	say(b, plan_sum(p, VERDICT_EXISTS), "there already");
	say(b, plan_sum(p, VERDICT_SKIPPED), "skipped");
	say(b, plan_sum(p, VERDICT_CONFLICT), "in conflict");
	say(b, plan_sum(p, VERDICT_REFUSED), "refused");
	if (!b->n)
		buf_puts(b, "nothing to do");
}

/* ---- tasks ---- */

static cJSON *task_json(const struct task *t)
{
	cJSON *o = cJSON_CreateObject();
	int skipped = 0;

	cJSON_AddStringToObject(o, "apiVersion", OUT_API_VERSION);
	cJSON_AddStringToObject(o, "kind", "MigrationTask");
	json_add_i64(o, "id", t->id);
	add_text(o, "name", t->name);
	cJSON_AddStringToObject(o, "state", task_state_names[t->state]);
	add_text(o, "mode", t->mode);
	add_text(o, "source", t->source);
	add_text(o, "target", t->target);
	add_ms(o, "createdMs", t->created_ms);
	add_ms(o, "finishedMs", t->finished_ms);
	add_counts(o, "namespaces", item_state_names, t->counts[OBJ_NAMESPACE]);
	add_counts(o, "topics", item_state_names, t->counts[OBJ_TOPIC]);
	add_counts(o, "groups", item_state_names, t->counts[OBJ_GROUP]);
	for (int k = OBJ_TOPIC; k < OBJ_KINDS; k++) {
		const int *c = t->counts[k];
		cJSON *part = cJSON_GetObjectItemCaseSensitive(
			o, k == OBJ_TOPIC ? "topics" : "groups");

		json_add_i64(part, "done", c[ITEM_CREATED] + c[ITEM_EXISTS] + c[ITEM_UPDATED]);
		skipped += c[ITEM_SKIPPED];
	}
	json_add_i64(o, "failed", task_failures(t));
	json_add_i64(o, "skipped", skipped);
	return o;
}

int report_task(
	struct out *o, const struct task *t, const struct report_filter *f, struct err *e)
{
	cJSON *doc = task_json(t), *items = task_rows(t, f);
	int rc;

	cJSON_AddItemToObject(doc, "items", items);
	rc = is_document(o) ? out_object(o, &task_view, doc, e)
			    : out_list(o, &task_item_view, items, NULL, e);
	cJSON_Delete(doc);
	return rc;
}

static cJSON *rollback_rows(const struct rollback *rb, const struct task *t)
{
	cJSON *items = cJSON_CreateArray();

	for (size_t i = 0; i < rb->n; i++) {
		const struct task_item *it = &t->items[i];
		struct row r = { it->kind, it->source, it->ns, it->name,
			back_names[rb->items[i].back], rb->items[i].detail, REASON_NONE, 0,
			false };

		if (rb->items[i].back != BACK_NONE)
			cJSON_AddItemToArray(items, row_json(&r));
	}
	return items;
}

int report_rollback(
	struct out *o, const struct rollback *rb, const struct task *t, struct err *e)
{
	cJSON *items = rollback_rows(rb, t);
	int rc = out_list(o, &rollback_view, items, NULL, e);

	cJSON_Delete(items);
	return rc;
}

int report_tasks(struct out *o, const struct task *tasks, size_t n, struct err *e)
{
	cJSON *items = cJSON_CreateArray();
	int rc;

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(items, task_json(&tasks[i]));
	rc = out_list(o, &task_view, items, NULL, e);
	cJSON_Delete(items);
	return rc;
}

static int task_sum(const struct task *t, enum item_state s)
{
	return t->counts[OBJ_TOPIC][s] + t->counts[OBJ_GROUP][s];
}

void report_task_summary(struct buf *b, const struct task *t)
{
	say_kinds(b, t->counts[OBJ_NAMESPACE][ITEM_CREATED], t->counts[OBJ_TOPIC][ITEM_CREATED],
		t->counts[OBJ_GROUP][ITEM_CREATED], "created");
	say(b, task_sum(t, ITEM_UPDATED), "adjusted");
	say(b, task_sum(t, ITEM_EXISTS), "there already");
	say(b, task_sum(t, ITEM_SKIPPED), "skipped");
	say(b, task_sum(t, ITEM_PENDING), "not done");
	say(b, task_sum(t, ITEM_REMOVED), "removed");
	say(b, task_failures(t), "failed");
	if (!b->n)
		buf_puts(b, "nothing to do");
}

/* ---- inventory ---- */

/* Topics and groups by the namespace they would go to; what goes nowhere is counted as odd. */
static cJSON *space_of(cJSON *spaces, const char *ns)
{
	cJSON *s;

	cJSON_ArrayForEach (s, spaces)
		if (!strcmp(json_text(s, "namespace", ""), ns))
			return s;
	s = cJSON_CreateObject();
	cJSON_AddStringToObject(s, "namespace", ns);
	json_add_i64(s, "topics", 0);
	json_add_i64(s, "groups", 0);
	cJSON_AddItemToArray(spaces, s);
	return s;
}

static void count_up(cJSON *space, enum object_kind kind)
{
	const char *key = kind == OBJ_TOPIC ? "topics" : "groups";
	int64_t n = json_int(space, key, 0) + 1;

	cJSON_DeleteItemFromObjectCaseSensitive(space, key);
	json_add_i64(space, key, n);
}

static cJSON *spaces_json(const struct plan *p)
{
	cJSON *spaces = cJSON_CreateArray();

	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].kind != OBJ_NAMESPACE && p->items[i].name)
			count_up(space_of(spaces, p->items[i].ns), p->items[i].kind);
	return spaces;
}

static cJSON *texts(const char *const *v, size_t n)
{
	cJSON *a = cJSON_CreateArray();

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(a, cJSON_CreateString(v[i]));
	return a;
}

static cJSON *names_of(const cJSON *spaces)
{
	cJSON *a = cJSON_CreateArray();
	const cJSON *s;

	cJSON_ArrayForEach (s, spaces)
		cJSON_AddItemToArray(a, cJSON_CreateString(json_text(s, "namespace", "")));
	return a;
}

/* What every broker makes for itself is nobody's topic or group. */
static bool is_brokers_own(const struct plan_item *it)
{
	static const enum reason own[] = { REASON_SYSTEM_TOPIC, REASON_SYSTEM_GROUP,
		REASON_RETRY_TOPIC, REASON_DLQ_TOPIC, REASON_LMQ_TOPIC, REASON_DUPLICATE };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (it->verdict == VERDICT_SKIPPED && it->reason == own[i])
			return true;
	return false;
}

/* {"shop%pay":["shop%orders"]}, as far as the source tells. */
static cJSON *reads_json(const struct inventory *inv)
{
	cJSON *o = cJSON_CreateObject(), *list = NULL;

	for (size_t i = 0; i < inv->n_reads; i++) {
		const char *group = inv->reads[i].group;

		if (!i || strcmp(group, inv->reads[i - 1].group) != 0)
			list = cJSON_AddArrayToObject(o, group);
		cJSON_AddItemToArray(list, cJSON_CreateString(inv->reads[i].topic));
	}
	return o;
}

static cJSON *inventory_json(const struct inventory *inv, const struct plan *p)
{
	const struct report_filter odd = { .failed_only = true };
	cJSON *o = cJSON_CreateObject(), *spaces = spaces_json(p), *items = plan_rows(p, &odd);
	size_t n[OBJ_KINDS] = { 0 };

	for (size_t i = 0; i < p->n; i++)
		n[p->items[i].kind] += !is_brokers_own(&p->items[i]);
	add_text(o, "path", inv->path);
	add_text(o, "source", inv->source);
	add_text(o, "shape", inv->shape);
	add_ms(o, "exportedMs", inv->exported_ms);
	json_add_i64(o, "masters", inv->masters);
	json_add_i64(o, "topics", (int64_t)n[OBJ_TOPIC]);
	json_add_i64(o, "groups", (int64_t)n[OBJ_GROUP]);
	json_add_i64(o, "skipped", plan_sum(p, VERDICT_SKIPPED));
	json_add_i64(o, "odd", plan_sum(p, VERDICT_REFUSED));
	cJSON_AddItemToObject(o, "namespaceNames", names_of(spaces));
	cJSON_AddItemToObject(o, "namespaces", spaces);
	cJSON_AddItemToObject(o, "oddItems", items);
	cJSON_AddItemToObject(o, "groupTopics", reads_json(inv));
	cJSON_AddItemToObject(o, "notes", texts(inv->notes, inv->n_notes));
	return o;
}

int report_inventory(
	struct out *o, const struct inventory *inv, const struct plan *p, struct err *e)
{
	int format = out_options(o)->format, rc = 0;
	cJSON *doc = inventory_json(inv, p);
	const cJSON *odd = cJSON_GetObjectItemCaseSensitive(doc, "oddItems");

	if (is_document(o) || format == OUT_TABLE || format == OUT_WIDE)
		rc = out_object(o, &inventory_view, doc, e);
	if (!rc && !is_document(o))
		rc = out_list(o, &space_view,
			cJSON_GetObjectItemCaseSensitive(doc, "namespaces"), NULL, e);
	if (!rc && (format == OUT_TABLE || format == OUT_WIDE) && odd->child)
		rc = out_list(o, &plan_view, odd, NULL, e);
	cJSON_Delete(doc);
	return rc;
}
