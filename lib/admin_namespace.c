/* SPDX-License-Identifier: Apache-2.0 */
/* admin: namespaces, objects of brokerd; its first master keeps them. */
#include "admin_int.h"

static int call(struct admin *a, struct command *rq, struct reply **out, struct err *e)
{
	int rc = admin_call_master(a, rq, out, e);

	if (rc != TQ_EUNSUPPORTED)
		return rc;
	err_set(e, rc, "this server has no namespaces of its own");
	err_why(e, "Apache RocketMQ knows them only as a prefix of names");
	err_hint(e, "use names with a prefix: -N NS works with every server");
	return rc;
}

static int by_namespace_name(const void *x, const void *y)
{
	return strcmp(((const struct namespace *)x)->name, ((const struct namespace *)y)->name);
}

static int read_namespaces(
	const cJSON *list, struct arena *mem, struct namespaces *out, struct err *e)
{
	const cJSON *j;
	int rc = 0;

	out->v = arena_alloc(mem, (size_t)cJSON_GetArraySize(list) * sizeof(*out->v));
	cJSON_ArrayForEach (j, list) {
		struct namespace *n = &out->v[out->n];

		rc = namespace_from_json(n, j, e);
		if (rc)
			return rc;
		n->name = arena_str(mem, n->name);
		n->remark = arena_str(mem, n->remark);
		out->n++;
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_namespace_name);
	return 0;
}

int admin_namespaces(struct admin *a, struct arena *mem, struct namespaces *out, struct err *e)
{
	const cJSON *list;
	struct reply *r;
	struct command rq;
	cJSON *doc = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_LIST_NAMESPACES);
	rc = call(a, &rq, &r, e);
	if (rc)
		return rc;
	rc = json_parse(r->cmd.body, JSON_STRICT, &doc, e);
	if (!rc)
		rc = json_need_array(doc, "namespaces", &list, e);
	if (!rc)
		rc = read_namespaces(list, mem, out, e);
	if (rc)
		err_wrap(e, "list of namespaces");
	cJSON_Delete(doc);
	reply_free(r);
	return rc;
}

void admin_namespace_request(struct command *rq, const struct namespace *n, struct arena *mem)
{
	struct buf b;
	struct jw w;

	buf_init(&b, FRAME_MAX);
	w = jw_init(&b);
	namespace_to_json(&w, n);
	command_init(rq, REQ_CREATE_NAMESPACE);
	rq->body.n = b.n;
	rq->body.p = buf_move(&b, mem);
}

static int save(struct admin *a, int code, const struct namespace *n, struct err *e)
{
	struct command rq;
	struct arena mem;
	int rc;

	arena_init(&mem);
	admin_namespace_request(&rq, n, &mem);
	rq.code = code;
	rc = call(a, &rq, NULL, e);
	arena_release(&mem);
	return rc;
}

int admin_namespace_create(struct admin *a, const struct namespace *n, struct err *e)
{
	return save(a, REQ_CREATE_NAMESPACE, n, e);
}

int admin_namespace_update(struct admin *a, const struct namespace *n, struct err *e)
{
	return save(a, REQ_UPDATE_NAMESPACE, n, e);
}

int admin_namespace_delete(struct admin *a, const char *name, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_DELETE_NAMESPACE);
	command_add(&rq, "namespace", str_of(name));
	return call(a, &rq, NULL, e);
}
