/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_huawei: Huawei Cloud DMS for RocketMQ.
 *
 *	project unknown? ── IAM: GET /v3/projects?name=REGION
 *	instance unknown? ── GET instances: told, and that is all
 *	GET I, I/brokers, I/topics, I/groups, I/users
 *	each group: I/groups/G/topics    each topic: I/topics/T/accesspolicy
 *
 * Lists come in pages. next_offset says where the next one begins, -1 that there is none; where it
 * is missing the total decides. A page that leads backwards, or is empty, is the last.
 */
#include <string.h>

#include "fetch.h"

#define PAGE "50"

static struct web_request *get(struct fetch *f)
{
	struct web_request *rq = cloudapi_request(&f->api, "GET");

	web_path(rq, "v2");
	web_path(rq, f->api.o.project);
	web_path(rq, "instances");
	return rq;
}

/* Below the instance: "topics", or "topics", NAME, "accesspolicy". */
static struct web_request *get_below(
	struct fetch *f, const char *a, const char *name, const char *b)
{
	struct web_request *rq = get(f);

	web_path(rq, f->o->instance);
	if (a)
		web_path(rq, a);
	if (name)
		web_path(rq, name);
	if (b)
		web_path(rq, b);
	return rq;
}

/* ---- lists ---- */

/* Moves the entries of one page; the number of them. */
static int64_t take_page(cJSON *page, const char *key, cJSON *into)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(page, key), *entry;
	int64_t n = 0;

	while (cJSON_IsArray(list) && (entry = cJSON_DetachItemFromArray(list, 0))) {
		cJSON_AddItemToArray(into, entry);
		n++;
	}
	return n;
}

static int64_t next_page(const cJSON *page, int64_t at, int64_t n)
{
	int64_t next = json_int(page, "next_offset", INT64_MIN);

	if (!n)
		return -1;
	if (next == INT64_MIN)
		return at + n < json_int(page, "total", 0) ? at + n : -1;
	return next > at ? next : -1;
}

/* All pages of a list below the instance into `into`; *total as the last page has it, or -1. */
static int all_pages(struct fetch *f, const char *a, const char *name, const char *b,
	const char *key, cJSON *into, int64_t *total, struct err *e)
{
	int64_t at = 0, got = 0, n;
	cJSON *page;
	int rc = 0;

	while (!rc && at >= 0) {
		struct web_request *rq = get_below(f, a, name, b);

		web_query(rq, "limit", PAGE);
		web_query(rq, "offset", arena_fmt(&f->api.mem, "%lld", (long long)at));
		rc = cloudapi_call(&f->api, NULL, &page, e);
		if (rc)
			break;
		n = take_page(page, key, into);
		got += n;
		*total = json_int(page, "total", -1);
		at = next_page(page, at, n);
		cJSON_Delete(page);
		if (got > FETCH_MAX_ITEMS)
			rc = err_set(e, TQ_ETOOBIG, "more than %d entries", FETCH_MAX_ITEMS);
	}
	return rc;
}

/* A list that is part of the export under its own key; *n entries. */
static int part_list(struct fetch *f, const char *key, bool detail, int64_t *n, struct err *e)
{
	cJSON *list = cJSON_CreateArray();
	int64_t total = -1;
	int rc = all_pages(f, key, NULL, NULL, key, list, &total, e);

	*n = cJSON_GetArraySize(list);
	if (!rc) {
		fetch_count(f, key, *n, total);
		cJSON_AddItemToObject(f->x->body, key, list);
		return 0;
	}
	cJSON_Delete(list);
	*n = 0;
	return fetch_part(f, key, detail, rc, e);
}

/*
 * For each entry of a list that is in the export a list of its own, as {name: [...]}. When it is
 * refused once it is not asked for again.
 */
static int part_each(struct fetch *f, const char *of, const char *below, const char *key,
	const char *what, struct err *e)
{
	const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(f->x->body, of);
	cJSON *table = cJSON_CreateObject();
	int rc = 0;

	cJSON_ArrayForEach (entry, list) {
		const char *name = json_text(entry, "name", NULL);
		cJSON *own = cJSON_CreateArray();
		int64_t total;

		rc = name ? all_pages(f, of, name, below, key, own, &total, e) : 0;
		if (rc || !name || cJSON_GetObjectItemCaseSensitive(table, name))
			cJSON_Delete(own);
		else
			cJSON_AddItemToObject(table, name, own);
		if (rc)
			break;
	}
	cJSON_AddItemToObject(f->x->body, what, table);
	return fetch_part(f, what, true, rc, e);
}

/* ---- who and where ---- */

/* The project has the name of its region. */
static int find_project(struct fetch *f, const char *endpoint, const char **project,
	struct arena *mem, struct err *e)
{
	struct cloudapi_opts o = f->api.o;
	const cJSON *first;
	struct cloudapi iam;
	cJSON *doc = NULL;
	int rc;

	o.endpoint = endpoint;
	o.project = NULL;
	rc = cloudapi_open(&iam, &o, e);
	if (!rc) {
		struct web_request *rq = cloudapi_request(&iam, "GET");

		web_path(rq, "v3");
		web_path(rq, "projects");
		web_query(rq, "name", f->region);
		rc = cloudapi_call(&iam, NULL, &doc, e);
	}
	first = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(doc, "projects"), 0);
	if (!rc) {
		*project = arena_str(mem, json_text(first, "id", NULL));
		if (!*project) {
			rc = err_set(e, TQ_ENOTFOUND, "no project in region '%s'", f->region);
			err_hint(e, "check --region, or give --project-id");
		}
	}
	cJSON_Delete(doc);
	cloudapi_close(&iam);
	return rc ? err_wrap(e, "look up the project") : 0;
}

static const char *suffix_of(const char *region)
{
	return strcmp(region, "eu-west-101") ? "com" : "eu";
}

static int need_region(const char *region, struct err *e)
{
	if (region)
		return fetch_check_region(region, e);
	err_set(e, TQ_EUSAGE, "which region?");
	return err_hint(e,
		"--region cn-north-4, cn-east-3, cn-south-1, cn-southwest-2, ap-southeast-1 to "
		"-5, af-south-1, la-south-2, sa-brazil-1, tr-west-1, eu-west-101 ...");
}

static int open_api(struct fetch *f, struct err *e)
{
	const struct fetch_opts *o = f->o;
	const char *project = o->project ? o->project : o->key->project, *iam;
	struct arena *mem = &f->api.mem_long;
	struct cloudapi_opts a = { .cloud = CLOUD_HUAWEI, .key = &o->key->key, .web = o->web };
	char *dms;
	int rc = need_region(f->region, e);

	if (rc)
		return rc;
	dms = mem_fmt("dms.%s.myhuaweicloud.%s", f->region, suffix_of(f->region));
	a.endpoint = o->endpoint ? o->endpoint : dms;
	rc = cloudapi_open(&f->api, &a, e);
	iam = o->iam_endpoint ? o->iam_endpoint
			      : arena_fmt(mem, "iam.%s.myhuaweicloud.%s", f->region,
					suffix_of(f->region));
	if (!rc && project)
		f->api.o.project = project;
	else if (!rc)
		rc = find_project(f, iam, &f->api.o.project, mem, e);
	mem_free(dms);
	return rc;
}

static int tell_instances(struct fetch *f, struct err *e)
{
	struct web_request *rq = get(f);
	const cJSON *i, *list;
	cJSON *doc;
	int rc;

	web_query(rq, "engine", "reliability");
	web_query(rq, "limit", PAGE);
	rc = cloudapi_call(&f->api, NULL, &doc, e);
	if (rc)
		return err_wrap(e, "which instance?");
	list = cJSON_GetObjectItemCaseSensitive(doc, "instances");
	cJSON_ArrayForEach (i, list)
		fetch_note(f, "instance %s '%s', version %s, %s",
			json_text(i, "instance_id", ""), json_text(i, "name", ""),
			json_text(i, "engine_version", "?"), json_text(i, "status", "?"));
	rc = err_set(e, TQ_EUSAGE, "which instance? There are %lld",
		(long long)json_int(doc, "instance_num", cJSON_GetArraySize(list)));
	err_hint(e, "--instance-id ID");
	cJSON_Delete(doc);
	return rc;
}

static int part_object(
	struct fetch *f, const char *below, const char *list, const char *key, struct err *e)
{
	cJSON *doc;
	int rc;

	get_below(f, below, NULL, NULL);
	rc = cloudapi_call(&f->api, NULL, &doc, e);
	if (rc)
		return fetch_part(f, key, below != NULL, rc, e);
	if (list) {
		cJSON *inner = cJSON_DetachItemFromObjectCaseSensitive(doc, list);

		cJSON_Delete(doc);
		doc = inner ? inner : cJSON_CreateArray();
	}
	cJSON_AddItemToObject(f->x->body, key, doc);
	return 0;
}

static void check_instance(struct fetch *f)
{
	const cJSON *i = cJSON_GetObjectItemCaseSensitive(f->x->body, "instance");
	const char *status = json_text(i, "status", "RUNNING");

	if (strcmp(status, "RUNNING") != 0)
		fetch_note(
			f, "the instance is %s, not RUNNING: what it says may be old", status);
}

int fetch_huawei(struct export *x, const struct fetch_opts *o, struct err *e)
{
	struct fetch f = { .x = x, .o = o };
	int64_t users;
	int rc;

	f.region = o->region ? o->region : o->key->region;
	rc = open_api(&f, e);
	if (!rc && !o->instance)
		rc = tell_instances(&f, e);
	export_source(x, "region", f.region);
	if (!rc)
		export_source(x, "projectId", f.api.o.project);
	export_source(x, "instanceId", o->instance);
	export_source(x, "via", "api");
	rc = rc ? rc : part_object(&f, NULL, NULL, "instance", e);
	if (!rc)
		check_instance(&f);
	rc = rc ? rc : part_object(&f, "brokers", "brokers", "brokers", e);
	rc = rc ? rc : part_list(&f, "topics", false, &x->topics, e);
	rc = rc ? rc : part_list(&f, "groups", false, &x->groups, e);
	rc = rc ? rc : part_list(&f, "users", true, &users, e);
	if (!rc && o->subscriptions)
		rc = part_each(&f, "groups", "topics", "topics", "groupTopics", e);
	if (!rc && o->policies)
		rc = part_each(&f, "topics", "accesspolicy", "policies", "topicPolicies", e);
	rc = rc ? rc : fetch_check(&f, e);
	cloudapi_close(&f.api);
	return rc;
}
