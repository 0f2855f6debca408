/* SPDX-License-Identifier: Apache-2.0 */
/* transaction: half messages that nobody ended, and those that were set aside: see, begin anew. */
#include "clock.h"
#include "view.h"

#define DEFAULT_LIMIT 100
#define ASK_MAX 1000

static const struct col transaction_cols[] = {
	{ "id", "id", COL_TEXT, COL_WHOLE },
	{ "state", "state", COL_TEXT, 0 },
	{ "topic", "topic", COL_TEXT, 0 },
	{ "namespace", "namespace", COL_TEXT, COL_WIDE },
	{ "group", "group", COL_TEXT, 0 },
	{ "checks", "checks", COL_NUMBER, 0 },
	{ "keys", "keys", COL_TEXT, 0 },
	{ "size", "size", COL_BYTES, 0 },
	{ "born", "bornMs", COL_TIME, 0 },
	{ "offset-id", "offsetId", COL_TEXT, COL_WIDE | COL_WHOLE },
	COL_END,
};
const struct view view_transaction = { "Transaction", "id", transaction_cols, false };

/* ---- list ---- */

struct list_args {
	const char *topic;
	int64_t older_ms;
};

static const struct opt list_opts[] = {
	OPT_NAME(0, "topic", "topic", struct list_args, topic, NAMES_TOPIC,
		"only of this topic"),
	OPT_MS(0, "older", struct list_args, older_ms, 0, INT64_MAX, 0,
		"only those sent at least so long ago"),
	OPT_END,
};

static cJSON *row(struct ctx *cx, const struct waiting *w)
{
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "id", *w->unique_id ? w->unique_id : w->id);
	view_add_text(o, "offsetId", w->id);
	view_add_text(o, "state", w->state);
	view_add_text(o, "topic", ctx_name(cx, w->topic));
	view_add_text(o, "namespace", ctx_namespace_of(cx, w->topic));
	view_add_text(o, "group", ctx_name(cx, w->group));
	view_add_int(o, "checks", w->checks, true);
	view_add_int(o, "size", w->size, true);
	view_add_text(o, "keys", *w->key ? w->key : NULL);
	view_add_time(cx, o, "born", w->born_ms);
	view_add_time(cx, o, "stored", w->stored_ms);
	return o;
}

static int transaction_list(struct ctx *cx, const void *args)
{
	const struct list_args *a = args;
	int64_t before = a->older_ms ? clock_wall_ms() - a->older_ms : 0;
	int limit = cx->set.limit > 0 ? (int)MIN(cx->set.limit, ASK_MAX) : DEFAULT_LIMIT;
	cJSON *items, *meta;
	struct waitings all;
	int rc = admin_transactions(
		cx->admin, a->topic, before, limit, &cx->mem, &all, &cx->err);

	if (rc)
		return rc;
	items = cJSON_CreateArray();
	meta = cJSON_CreateObject();
	for (size_t i = 0; i < all.n; i++)
		if (a->topic || ctx_shows(cx, all.v[i].topic))
			cJSON_AddItemToArray(items, row(cx, &all.v[i]));
	cJSON_AddBoolToObject(meta, "truncated", all.more);
	rc = out_list(cx->out, &view_transaction, items, meta, &cx->err);
	cJSON_Delete(items);
	cJSON_Delete(meta);
	if (!rc && all.more)
		ctx_note(cx, "there are more; --limit, --topic and --older show others");
	return rc;
}

/* ---- resume ---- */

struct resume_args {
	const char *id;
};

/* Of a transaction that was checked several times each copy has the same unique id: the open one
 * needs no new beginning. */
static int find(struct ctx *cx, const char *id, const char **offset_id)
{
	struct waitings all;
	int rc = admin_transactions(cx->admin, NULL, 0, ASK_MAX, &cx->mem, &all, &cx->err);

	*offset_id = id;
	if (rc == TQ_EUNSUPPORTED) { /* Apache resumes by offset id, and lists nothing */
		err_clear(&cx->err);
		return 0;
	}
	for (size_t i = 0; !rc && i < all.n; i++) {
		const struct waiting *w = &all.v[i];

		if (strcmp(id, w->unique_id) && strcmp(id, w->id))
			continue;
		if (!strcmp(w->state, "open")) {
			return err_set(&cx->err, TQ_EPRECOND,
				"the transaction was not set aside: its producer is asked still");
		}
		*offset_id = w->id;
		return 0;
	}
	if (rc || all.more)
		return rc;
	rc = err_set(&cx->err, TQ_ENOTFOUND, "no transaction '%s' was set aside", id);
	err_hint(&cx->err, "see which were: tdmqctl transaction list");
	return rc;
}

static int transaction_resume(struct ctx *cx, const void *args)
{
	const struct resume_args *a = args;
	const char *offset_id;
	int rc = find(cx, a->id, &offset_id);

	if (rc || ctx_dry_run(cx, "transaction %s would be begun anew", a->id))
		return rc;
	rc = admin_transaction_resume(cx->admin, offset_id, &cx->err);
	if (!rc)
		ctx_done(cx, "transaction %s begun anew: its producer is asked again", a->id);
	return rc;
}

const struct cmd cmd_transaction[] = {
	{ "list", "transactions that are open or were set aside", { ARG_END }, list_opts,
		sizeof(struct list_args), transaction_list, 0, "transaction list --older 10m",
		NULL },
	{ "resume", "ask again about one that was set aside",
		{ ARG_ID(struct resume_args, id) }, NULL, sizeof(struct resume_args),
		transaction_resume, CMD_WRITES,
		"transaction resume 7F00000100002A9F0000000000A1B2C3",
		"A transaction whose producer did not answer the last check is set aside: not "
		"delivered, not lost. Once its producer is back it can be asked about anew." },
	CMD_END,
};
