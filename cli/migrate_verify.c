/* SPDX-License-Identifier: Apache-2.0 */
/* migrate verify: a file or a task against the cluster as it is now, item by item. */
#include "migrate/verify.h"

#include "migrate_more.h"
#include "migrate_work.h"
#include "view.h"

static const struct col verify_cols[] = {
	{ "kind", "kind", COL_TEXT, 0 },
	{ "source", "source", COL_TEXT, 0 },
	{ "namespace", "namespace", COL_TEXT, 0 },
	{ "name", "name", COL_TEXT, COL_OPTIONAL },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "reason", "reason", COL_TEXT, 0 },
	{ "detail", "detail", COL_TEXT, COL_OPTIONAL },
	COL_END,
};
const struct view view_verify = { "MigrationVerification", "name", verify_cols, true };

static cJSON *item_json(const struct plan_item *it)
{
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "kind", object_kind_names[it->kind]);
	view_add_text(o, "source", it->source && *it->source ? it->source : NULL);
	view_add_text(o, "namespace", it->ns);
	view_add_text(o, "name", it->kind == OBJ_NAMESPACE ? it->ns : it->name);
	view_add_text(o, "state", verify_state_names[verify_item(it)]);
	view_add_text(
		o, "reason", verify_item(it) == VERIFY_SAME ? NULL : reason_name(it->reason));
	view_add_text(o, "detail", it->detail && *it->detail ? it->detail : NULL);
	return o;
}

int migrate_verify_plan(struct ctx *cx, const struct plan *p, bool failed_only)
{
	cJSON *items = cJSON_CreateArray();
	size_t counts[VERIFY_STATES];
	int rc;

	for (size_t i = 0; i < p->n; i++) {
		enum verify_state s = verify_item(&p->items[i]);

		if (!failed_only || s == VERIFY_DIFFERS || s == VERIFY_MISSING)
			cJSON_AddItemToArray(items, item_json(&p->items[i]));
	}
	verify_count(p, counts);
	rc = ctx_list(cx, &view_verify, items);
	if (rc)
		return rc;
	if (counts[VERIFY_DIFFERS] + counts[VERIFY_MISSING])
		return err_set(&cx->err, TQ_EDIFFERS,
			"same: %zu, other settings: %zu, missing: %zu", counts[VERIFY_SAME],
			counts[VERIFY_DIFFERS], counts[VERIFY_MISSING]);
	ctx_note(cx, "all %zu items are there as they should be", counts[VERIFY_SAME]);
	return 0;
}

bool migrate_names_task(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

int migrate_load_task(struct ctx *cx, const char *text, int to, struct task *t)
{
	struct journal j;
	int64_t id;
	int rc = str_to_i64(str_of(text), 1, INT64_MAX / 2, &id, "task", &cx->err);

	if (rc)
		return cx->err.code = TQ_EUSAGE;
	rc = migrate_journal(cx, to, &j);
	if (rc)
		return rc;
	rc = j.ops->load(&j, id, t, &cx->err);
	journal_release(&j);
	return rc;
}

int migrate_verify_task(
	struct ctx *cx, const char *id, const struct to_args *to, bool failed_only)
{
	struct target *tg = NULL;
	struct holdings have;
	struct plan p;
	struct task t;
	int rc;

	task_init(&t);
	holdings_init(&have);
	plan_init(&p);
	rc = migrate_load_task(cx, id, to->kind, &t);
	if (!rc)
		rc = migrate_target(cx, to, &tg);
	if (!rc)
		rc = target_holdings(tg, &have, &cx->err);
	if (!rc) {
		verify_task(&t, &p, &have);
		rc = migrate_verify_plan(cx, &p, failed_only);
	}
	target_free(tg);
	plan_release(&p);
	holdings_release(&have);
	task_release(&t);
	return rc;
}
