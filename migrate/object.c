/* SPDX-License-Identifier: Apache-2.0 */
/* object: the JSON of model.h, under one roof. */
#include "base.h"

#include "object.h"

void object_put(struct jw *w, enum object_kind kind, const void *o)
{
	if (kind == OBJ_NAMESPACE)
		namespace_to_json(w, o);
	else if (kind == OBJ_TOPIC)
		topic_to_json(w, o);
	else
		group_to_json(w, o);
}

static int own(const char **name, const char **remark, struct arena *mem, int rc, struct err *e)
{
	if (rc)
		return rc;
	if (!*name)
		return err_set(e, TQ_EFORMAT, "no name");
	*name = arena_str(mem, *name);
	*remark = arena_str(mem, *remark);
	return 0;
}

int object_get(
	enum object_kind kind, void *o, struct arena *mem, const cJSON *doc, struct err *e)
{
	struct namespace *ns = o;
	struct topic *t = o;
	struct group *g = o;

	if (!cJSON_IsObject(doc))
		return err_set(e, TQ_EFORMAT, "no object");
	if (kind == OBJ_NAMESPACE)
		return own(&ns->name, &ns->remark, mem, namespace_from_json(ns, doc, e), e);
	if (kind == OBJ_TOPIC)
		return own(&t->name, &t->remark, mem, topic_from_json(t, doc, e), e);
	return own(&g->name, &g->remark, mem, group_from_json(g, doc, e), e);
}

void warnings_put(struct jw *w, unsigned long long warnings)
{
	jw_array(w);
	for (int r = 1; r < REASON_COUNT; r++)
		if (warnings & WARN_BIT(r))
			jw_text(w, reason_name((enum reason)r));
	jw_array_end(w);
}

unsigned long long warnings_get(const cJSON *array)
{
	unsigned long long warnings = 0;
	const cJSON *w;

	cJSON_ArrayForEach (w, array)
		if (cJSON_IsString(w) && reason_from(w->valuestring))
			warnings |= WARN_BIT(reason_from(w->valuestring));
	return warnings;
}
