/* SPDX-License-Identifier: Apache-2.0 */
/* delay: messages that wait for their time, by level or by a time of their own: see, call off. */
#include <unistd.h>

#include "clock.h"
#include "view.h"

#define DEFAULT_LIMIT 100
#define ASK_MAX 1000 /* messages that are looked through for an id */
#define AGAIN_MS 100 /* one that was accepted just now: again, up to so many times */
#define AGAIN_MAX 30

static const struct col delay_cols[] = {
	{ "id", "id", COL_TEXT, COL_WHOLE },
	{ "due", "dueMs", COL_TIME, 0 },
	{ "topic", "topic", COL_TEXT, 0 },
	{ "namespace", "namespace", COL_TEXT, COL_WIDE },
	{ "level", "level", COL_NUMBER, 0 },
	{ "tag", "tag", COL_TEXT, 0 },
	{ "keys", "keys", COL_TEXT, 0 },
	{ "size", "size", COL_BYTES, 0 },
	{ "stored", "storedMs", COL_TIME, COL_WIDE },
	{ "offset-id", "offsetId", COL_TEXT, COL_WIDE | COL_WHOLE },
	COL_END,
};
const struct view view_delay = { "WaitingMessage", "id", delay_cols, false };

/* ---- list ---- */

struct list_args {
	const char *topic;
	int64_t until_ms;
};

static const struct opt list_opts[] = {
	OPT_NAME(0, "topic", "topic", struct list_args, topic, NAMES_TOPIC,
		"only for this topic"),
	OPT_TIME(0, "until", struct list_args, until_ms, 0,
		"due before this time; +1h is in an hour"),
	OPT_END,
};

static int limit_of(const struct ctx *cx)
{
	return cx->set.limit > 0 ? (int)MIN(cx->set.limit, ASK_MAX) : DEFAULT_LIMIT;
}

static cJSON *row(struct ctx *cx, const struct waiting *w)
{
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "id", *w->unique_id ? w->unique_id : w->id);
	view_add_text(o, "offsetId", w->id);
	view_add_text(o, "topic", ctx_name(cx, w->topic));
	view_add_text(o, "namespace", ctx_namespace_of(cx, w->topic));
	view_add_time(cx, o, "due", w->due_ms);
	view_add_time(cx, o, "stored", w->stored_ms);
	view_add_int(o, "level", w->level, w->level > 0);
	view_add_int(o, "queue", w->queue, true);
	view_add_int(o, "size", w->size, true);
	view_add_text(o, "tag", *w->tag ? w->tag : NULL);
	view_add_text(o, "keys", *w->key ? w->key : NULL);
	return o;
}

static int delay_list(struct ctx *cx, const void *args)
{
	const struct list_args *a = args;
	cJSON *items, *meta;
	struct waitings all;
	int rc = admin_waiting(
		cx->admin, a->topic, a->until_ms, limit_of(cx), &cx->mem, &all, &cx->err);

	if (rc)
		return rc;
	items = cJSON_CreateArray();
	meta = cJSON_CreateObject();
	for (size_t i = 0; i < all.n; i++)
		if (a->topic || ctx_shows(cx, all.v[i].topic))
			cJSON_AddItemToArray(items, row(cx, &all.v[i]));
	cJSON_AddBoolToObject(meta, "truncated", all.more);
	rc = out_list(cx->out, &view_delay, items, meta, &cx->err);
	cJSON_Delete(items);
	cJSON_Delete(meta);
	if (!rc && all.more)
		ctx_note(cx, "there are more; --limit, --topic and --until show others");
	return rc;
}

/* ---- cancel ---- */

struct cancel_args {
	const char *id, *topic;
};

static const struct opt cancel_opts[] = {
	OPT_NAME(0, "topic", "topic", struct cancel_args, topic, NAMES_TOPIC,
		"the topic it is for"),
	OPT_END,
};

/* Either id; what is not in the list is taken for an offset id, and the server knows. */
static int find(struct ctx *cx, const struct cancel_args *a, struct waiting *out)
{
	struct waitings all;
	struct host host;
	int64_t phys;
	int rc = admin_waiting(cx->admin, a->topic, 0, ASK_MAX, &cx->mem, &all, &cx->err);

	*out = (struct waiting){ .id = a->id, .topic = a->topic };
	for (size_t i = 0; !rc && i < all.n; i++)
		if (!strcmp(a->id, all.v[i].unique_id) || !strcmp(a->id, all.v[i].id)) {
			*out = all.v[i];
			return 0;
		}
	if (!rc && message_offset_id_parse(str_of(a->id), &host, &phys, NULL)) {
		rc = err_set(&cx->err, TQ_ENOTFOUND, "no message '%s' waits", a->id);
		err_hint(&cx->err, "see what waits: tdmqctl delay list");
	}
	return rc;
}

static int cancel_now(struct ctx *cx, const char *id)
{
	int rc = admin_waiting_cancel(cx->admin, id, &cx->err);

	for (int i = 0; i < AGAIN_MAX && rc == TQ_EBUSY; i++) {
		usleep(AGAIN_MS * 1000);
		err_clear(&cx->err);
		rc = admin_waiting_cancel(cx->admin, id, &cx->err);
	}
	if (rc == TQ_ENOTFOUND)
		err_hint(&cx->err, "see what waits: tdmqctl delay list");
	return rc;
}

static int delay_cancel(struct ctx *cx, const void *args)
{
	const struct cancel_args *a = args;
	struct waiting w;
	const char *topic;
	int rc = find(cx, a, &w);

	if (rc)
		return rc;
	topic = w.topic ? ctx_name(cx, w.topic) : "?";
	if (ctx_dry_run(cx, "message %s for topic/%s would be cancelled", a->id, topic))
		return 0;
	rc = ctx_confirm(cx, "cancel message %s for topic %s?", a->id, topic);
	if (!rc)
		rc = cancel_now(cx, w.id);
	if (!rc)
		ctx_done(cx, "message %s for topic/%s cancelled", a->id, topic);
	return rc;
}

const struct cmd cmd_delay[] = {
	{ "list", "what waits for its time; retries under --topic %RETRY%GROUP", { ARG_END },
		list_opts, sizeof(struct list_args), delay_list, 0, "delay list --until +1h",
		NULL },
	{ "cancel", "call off a message that waits", { ARG_ID(struct cancel_args, id) },
		cancel_opts, sizeof(struct cancel_args), delay_cancel,
		CMD_WRITES | CMD_DESTROYS,
		"delay cancel 7F00000100002A9F0000000000A1B2C3 --yes",
		"By the id that 'message send' or 'delay list' printed. It is never delivered "
		"then, also after a restart." },
	CMD_END,
};
