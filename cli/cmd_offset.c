/* SPDX-License-Identifier: Apache-2.0 */
/* offset: positions of consumer groups, queue by queue. */
#include "migrate_more.h"
#include "view.h"

struct get_args {
	const char *group, *topic;
};

static const struct opt get_opts[] = {
	OPT_NAME(
		0, "topic", "topic", struct get_args, topic, NAMES_TOPIC, "only of this topic"),
	OPT_END,
};

static int get(struct ctx *cx, const void *args)
{
	const struct get_args *a = args;
	struct group g;
	struct lag lag;
	cJSON *items;
	int rc = admin_lag(cx->admin, a->group, a->topic, &cx->mem, &lag, &cx->err);

	if (!rc && !lag.n) /* an unknown group has no rows either */
		rc = admin_group(cx->admin, a->group, &cx->mem, &g, &cx->err);
	if (rc)
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < lag.n; i++) {
		cJSON *o = cJSON_CreateObject();

		view_add_text(o, "topic", ctx_name(cx, lag.v[i].q.topic));
		view_add_text(o, "broker", lag.v[i].q.broker);
		json_add_i64(o, "queue", lag.v[i].q.queue);
		json_add_i64(o, "offset", lag.v[i].consumer_off);
		json_add_i64(o, "end", lag.v[i].broker_off);
		cJSON_AddItemToArray(items, o);
	}
	return ctx_list(cx, &view_offset, items);
}

struct undo_args {
	const char *id;
};

static int undo(struct ctx *cx, const void *args)
{
	const struct undo_args *a = args;

	return offsets_undo(cx, a->id);
}

const struct cmd cmd_offset[] = {
	{ "get", "show the positions of a group", { ARG_GROUP(struct get_args, group) },
		get_opts, sizeof(struct get_args), get, 0,
		"offset get pay-svc --topic orders" },
	{ "undo", "put positions back that were set from here",
		{ ARG(ARG_OPTIONAL, NAMES_ID, "ID", struct undo_args, id), ARG_END }, NULL,
		sizeof(struct undo_args), undo, CMD_WRITES, "offset undo --dry-run",
		"Without an ID: those that were set last. A queue that had no position gets the "
		"first message." },
	CMD_END,
};
