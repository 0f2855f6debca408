/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_namespace: 30000-30003. Bodies are namespace_to_json() of model.h:
 *
 * 30000 CREATE_NAMESPACE  {"name":"shop","remark":"...","retentionMs":259200000}  -> 0; 18
 * exists
 * 30001 LIST_NAMESPACES	-> 0 {"namespaces":[{... and topics, groups, createdMs}, ...]}
 * 30002 UPDATE_NAMESPACE	as 30000; what is absent stays			-> 0; 22 unknown
 * 30003 DELETE_NAMESPACE	ext namespace	-> 0; 22 unknown; 1 it has topics, groups
 *								or roles
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/later.h"

static int save(struct request *rq, const cJSON *doc, enum catalog_how how)
{
	const struct namespace *old;
	struct namespace n;
	struct later *l;
	int rc = namespace_from_json(&n, doc, &rq->err);

	if (rc)
		return rc;
	old = catalog_namespace(rq->broker->catalog, str_of(n.name));
	if (!cJSON_HasObjectItem(doc, "retentionMs"))
		n.retention_ms = old ? old->retention_ms : NAMESPACE_RETENTION_MS;
	if (old && !cJSON_HasObjectItem(doc, "maxTopics"))
		n.max_topics = old->max_topics;
	if (old && !cJSON_HasObjectItem(doc, "maxGroups"))
		n.max_groups = old->max_groups;
	if (!n.remark && old)
		n.remark = old->remark;
	n.created_ms = 0; /* the catalog knows */
	l = later_new(rq, NULL, NULL);
	return later_started(l,
		catalog_put_namespace(rq->broker->catalog, &n, how, later_done, l, &rq->err));
}

static int parse_and_save(struct request *rq, enum catalog_how how)
{
	cJSON *doc;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	rc = save(rq, doc, how);
	cJSON_Delete(doc);
	return rc;
}

static int create_namespace(struct request *rq, const void *fields UNUSED)
{
	return parse_and_save(rq, CATALOG_CREATE);
}

static int update_namespace(struct request *rq, const void *fields UNUSED)
{
	return parse_and_save(rq, CATALOG_UPDATE);
}

static int list_namespaces(struct request *rq, const void *fields UNUSED)
{
	const struct namespace **list;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = catalog_namespaces(rq->broker->catalog, rq->arena, &list);

	jw_key(&w, "namespaces");
	jw_array(&w);
	for (size_t i = 0; i < n; i++)
		namespace_to_json(&w, list[i]);
	jw_array_end(&w);
	body_send(rq, &w);
	return 0;
}

struct delete_namespace {
	struct str name;
};

static const struct field delete_fields[] = {
	FIELD_STR("namespace", struct delete_namespace, name, REQUIRED), FIELD_END
};

static int delete_namespace(struct request *rq, const void *fields)
{
	const struct delete_namespace *f = fields;
	struct later *l;

	if (acl_namespace_used(rq->broker->acl, f->name)) {
		err_set(&rq->err, TQ_EPRECOND, "a role has a grant on namespace '" STR_FMT "'",
			STR_ARG(f->name));
		return err_hint(&rq->err, "revoke it first: tdmqctl role list");
	}
	l = later_new(rq, NULL, NULL);
	return later_started(l, catalog_delete_namespace(
					rq->broker->catalog, f->name, later_done, l, &rq->err));
}

const struct handler h_namespace[] = { { REQ_CREATE_NAMESPACE, NULL, 0, create_namespace,
					       NEED_ADMIN },
	{ REQ_LIST_NAMESPACES, NULL, 0, list_namespaces, NEED_READ },
	{ REQ_UPDATE_NAMESPACE, NULL, 0, update_namespace, NEED_ADMIN },
	{ REQ_DELETE_NAMESPACE, delete_fields, sizeof(struct delete_namespace),
		delete_namespace, NEED_ADMIN },
	HANDLER_END };
