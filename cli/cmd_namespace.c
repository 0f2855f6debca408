/* SPDX-License-Identifier: Apache-2.0 */
/* namespace: brokerd's namespaces. Apache knows them only as prefixes: exit 11 there. */
#include "names.h"
#include "view.h"
#include "when.h"

#define RETENTION(absent) \
	OPT_MS(0, "retention", struct namespace, retention_ms, 0, NAMESPACE_RETENTION_MS, \
		absent, "how long messages are kept")
#define DESCRIPTION \
	OPT_STR(0, "description", "text", struct namespace, remark, "note shown by 'describe'")

#define MOST(name, member, what) \
	OPT_INT(0, name, "n", struct namespace, member, 0, 1000000, 0, \
		"most " what ", 0: as many as the cluster may have")
#define LIMITS \
	MOST("max-topics", max_topics, "topics"), MOST("max-groups", max_groups, "groups")

static const struct opt create_opts[] = { RETENTION(NAMESPACE_RETENTION_MS), DESCRIPTION,
	LIMITS, OPT_END };
static const struct opt update_opts[] = { RETENTION(0), DESCRIPTION, LIMITS, OPT_END };

static int list(struct ctx *cx, const void *args)
{
	cJSON *items = cJSON_CreateArray();
	struct namespaces all;
	int rc = admin_namespaces(cx->admin, &cx->mem, &all, &cx->err);

	(void)args;
	if (rc) {
		cJSON_Delete(items);
		return rc;
	}
	for (size_t i = 0; i < all.n; i++)
		cJSON_AddItemToArray(items, view_namespace_json(cx, &all.v[i]));
	return ctx_list(cx, &view_namespace, items);
}

static int show(struct ctx *cx, const struct namespace *n)
{
	cJSON *o = view_namespace_json(cx, n);
	int rc = out_object(cx->out, &view_namespace, o, &cx->err);

	cJSON_Delete(o);
	return rc;
}

static int describe(struct ctx *cx, const void *args)
{
	const struct namespace *wanted = args;
	struct namespace n;
	int rc = ctx_find_namespace(cx, wanted->name, &n);

	return rc ? rc : show(cx, &n);
}

static const char *span(struct ctx *cx, int64_t ms)
{
	struct buf b;

	buf_init(&b, 128);
	when_span_exact(&b, ms);
	return buf_move(&b, &cx->mem);
}

static int create(struct ctx *cx, const void *args)
{
	const struct namespace *n = args;
	struct namespace made;
	int rc;

	if (ctx_dry_run(cx, "namespace/%s would be created (retention %s)", n->name,
		    span(cx, n->retention_ms)))
		return 0;
	rc = admin_namespace_create(cx->admin, n, &cx->err);
	if (rc)
		return rc;
	ctx_done(cx, "namespace/%s created (retention %s)", n->name, span(cx, n->retention_ms));
	if (!ctx_wants_object(cx))
		return 0;
	rc = ctx_find_namespace(cx, n->name, &made);
	return rc ? rc : show(cx, &made);
}

static int update(struct ctx *cx, const void *args)
{
	const struct namespace *wanted = args;
	struct namespace n;
	bool retention = CTX_GIVEN(cx, struct namespace, retention_ms);
	bool topics = CTX_GIVEN(cx, struct namespace, max_topics);
	bool groups = CTX_GIVEN(cx, struct namespace, max_groups);
	int rc;

	if (!retention && !wanted->remark && !topics && !groups)
		return err_set(&cx->err, TQ_EUSAGE, "nothing to change");
	rc = ctx_find_namespace(cx, wanted->name, &n);
	if (rc)
		return rc;
	if (retention)
		n.retention_ms = wanted->retention_ms;
	if (wanted->remark)
		n.remark = wanted->remark;
	if (topics)
		n.max_topics = wanted->max_topics;
	if (groups)
		n.max_groups = wanted->max_groups;
	if (ctx_dry_run(cx, "namespace/%s would be updated (retention %s)", n.name,
		    span(cx, n.retention_ms)))
		return 0;
	rc = admin_namespace_update(cx->admin, &n, &cx->err);
	if (rc)
		return rc;
	ctx_done(cx, "namespace/%s updated (retention %s)", n.name, span(cx, n.retention_ms));
	return ctx_wants_object(cx) ? show(cx, &n) : 0;
}

static int delete (struct ctx *cx, const void *args)
{
	const struct namespace *wanted = args;
	struct namespace n;
	int rc = ctx_find_namespace(cx, wanted->name, &n);

	if (rc)
		return rc;
	if (n.topics || n.groups) {
		rc = err_set(&cx->err, TQ_EPRECOND,
			"namespace '%s' is not empty: %d topics, %d groups", n.name, n.topics,
			n.groups);
		err_hint(&cx->err,
			"see them: tdmqctl topic list -N %s; tdmqctl group list -N %s", n.name,
			n.name);
		return rc;
	}
	if (ctx_dry_run(cx, "namespace/%s would be deleted", n.name))
		return 0;
	rc = ctx_confirm(cx, "delete namespace '%s'?", n.name);
	if (!rc)
		rc = admin_namespace_delete(cx->admin, n.name, &cx->err);
	if (!rc)
		ctx_done(cx, "namespace/%s deleted", n.name);
	return rc;
}

const struct cmd cmd_namespace[] = {
	{ "list", "list namespaces with their counts", { ARG_END }, NULL, 0, list, 0,
		"namespace list" },
	{ "create", "create a namespace", { ARG_NEW_NAMESPACE(struct namespace, name) },
		create_opts, sizeof(struct namespace), create, CMD_WRITES,
		"namespace create shop --retention 24h --max-topics 50" },
	{ "describe", "show all about a namespace", { ARG_NAMESPACE(struct namespace, name) },
		NULL, sizeof(struct namespace), describe, 0, "namespace describe shop" },
	{ "update", "change retention, description or limits",
		{ ARG_NAMESPACE(struct namespace, name) }, update_opts,
		sizeof(struct namespace), update, CMD_WRITES,
		"namespace update shop --retention 72h" },
	{ "delete", "delete an empty namespace", { ARG_NAMESPACE(struct namespace, name) },
		NULL, sizeof(struct namespace), delete, CMD_WRITES | CMD_DESTROYS,
		"namespace delete shop --yes" },
	CMD_END,
};
