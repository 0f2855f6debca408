/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_ons: Alibaba Cloud ONS, ApsaraMQ for RocketMQ 4.0.
 *
 *	region unknown? ── OnsRegionList: told, and that is all
 *	OnsInstanceInServiceList: the instance, and how many topics and groups it counts
 *	OnsInstanceBaseInfo, OnsTopicList, OnsGroupList (for tcp and for http)
 *	each group: OnsGroupSubDetail
 *
 * Lists come whole, without pages. Users below the account see only what they were allowed, and
 * nothing says so: hence the counts.
 */
#include <string.h>

#include "fetch.h"

#define VERSION "2019-02-14"
#define ANY_REGION "cn-hangzhou" /* knows the others */

static int call(struct fetch *f, const char *action, const char *key, const char *value,
	const char *instance, cJSON **doc, struct err *e)
{
	struct web_request *rq = cloudapi_request(&f->api, "POST");

	web_query(rq, "InstanceId", instance);
	if (key)
		web_query(rq, key, value);
	return cloudapi_call(&f->api, action, doc, e);
}

/* Data.KEY of an answer, which is deleted; an empty list where it is absent. */
static cJSON *take_data(cJSON *doc, const char *key)
{
	cJSON *data = cJSON_GetObjectItemCaseSensitive(doc, "Data");
	cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(data, key);

	cJSON_Delete(doc);
	if (cJSON_IsArray(list))
		return list;
	cJSON_Delete(list);
	return cJSON_CreateArray();
}

/* ---- who and where ---- */

static int tell_regions(struct fetch *f, struct err *e)
{
	const cJSON *r;
	cJSON *doc, *list;
	int rc = call(f, "OnsRegionList", NULL, NULL, NULL, &doc, e);

	if (rc)
		return err_wrap(e, "which region?");
	list = take_data(doc, "RegionDo");
	cJSON_ArrayForEach (r, list)
		fetch_note(f, "region %s '%s'", json_text(r, "OnsRegionId", ""),
			json_text(r, "RegionName", ""));
	cJSON_Delete(list);
	err_set(e, TQ_EUSAGE, "which region?");
	return err_hint(e, "--region ID");
}

static const char *short_id(const cJSON *instance)
{
	return json_text(instance, "InstanceId", "");
}

static int tell_instances(struct fetch *f, const cJSON *list, struct err *e)
{
	const cJSON *i;

	cJSON_ArrayForEach (i, list)
		fetch_note(f, "instance %s '%s': %lld topics, %lld groups", short_id(i),
			json_text(i, "InstanceName", ""),
			(long long)json_int(i, "TopicCount", 0),
			(long long)json_int(i, "GroupCount", 0));
	if (f->o->instance)
		err_set(e, TQ_ENOTFOUND, "no instance '%s' in region '%s', there are %d",
			f->o->instance, f->region, cJSON_GetArraySize(list));
	else
		err_set(e, TQ_EUSAGE, "which instance? There are %d", cJSON_GetArraySize(list));
	return err_hint(e, "--instance-id ID");
}

/*
 * The instance as the list of all has it, into the export. Keys that may not see that list can
 * still read an instance that is named.
 */
static int find_instance(struct fetch *f, cJSON *into, struct err *e)
{
	cJSON *doc, *list, *i, *found = NULL;
	int rc = call(f, "OnsInstanceInServiceList", "NeedResourceInfo", "true", NULL, &doc, e);

	if (rc && !f->o->instance)
		return err_wrap(e, "which instance?");
	if (rc)
		return fetch_part(f, "instance", false, rc, e);
	list = take_data(doc, "InstanceVO");
	cJSON_ArrayForEach (i, list)
		if (f->o->instance && !strcmp(short_id(i), f->o->instance))
			found = i;
	if (found)
		cJSON_AddItemToObject(
			into, "instance", cJSON_DetachItemViaPointer(list, found));
	else
		rc = tell_instances(f, list, e);
	cJSON_Delete(list);
	return rc;
}

/* ---- parts ---- */

static int part_base(struct fetch *f, cJSON *into, struct err *e)
{
	cJSON *doc, *base;
	int rc = call(f, "OnsInstanceBaseInfo", NULL, NULL, f->o->instance, &doc, e);

	if (rc)
		return fetch_part(f, "baseInfo", true, rc, e);
	base = cJSON_DetachItemFromObjectCaseSensitive(doc, "InstanceBaseInfo");
	if (base)
		cJSON_AddItemToObject(into, "baseInfo", base);
	cJSON_Delete(doc);
	return 0;
}

static int check_size(const cJSON *list, struct err *e)
{
	if (cJSON_GetArraySize(list) <= FETCH_MAX_ITEMS)
		return 0;
	return err_set(e, TQ_ETOOBIG, "more than %d entries", FETCH_MAX_ITEMS);
}

static int part_topics(struct fetch *f, cJSON *into, struct err *e)
{
	const cJSON *about = cJSON_GetObjectItemCaseSensitive(into, "instance");
	cJSON *doc, *list;
	int rc = call(f, "OnsTopicList", NULL, NULL, f->o->instance, &doc, e);

	if (rc)
		return fetch_part(f, "topics", false, rc, e);
	list = take_data(doc, "PublishInfoDo");
	f->x->topics = cJSON_GetArraySize(list);
	fetch_count(f, "topics", f->x->topics, json_int(about, "TopicCount", -1));
	cJSON_AddItemToObject(into, "topics", list);
	return check_size(list, e);
}

static bool has_group(const cJSON *list, const char *id)
{
	const cJSON *g;

	cJSON_ArrayForEach (g, list)
		if (!strcmp(json_text(g, "GroupId", ""), id))
			return true;
	return false;
}

/* Ids are unique in an instance; should one be of both kinds, the first counts. */
static int add_groups(struct fetch *f, const char *type, cJSON *into, struct err *e)
{
	cJSON *doc, *list, *g;
	int rc = call(f, "OnsGroupList", "GroupType", type, f->o->instance, &doc, e);

	if (rc)
		return rc;
	list = take_data(doc, "SubscribeInfoDo");
	rc = check_size(list, e);
	while (!rc && (g = cJSON_DetachItemFromArray(list, 0))) {
		if (has_group(into, json_text(g, "GroupId", "")))
			cJSON_Delete(g);
		else
			cJSON_AddItemToArray(into, g);
	}
	cJSON_Delete(list);
	return rc;
}

static int part_groups(struct fetch *f, cJSON *into, struct err *e)
{
	const cJSON *about = cJSON_GetObjectItemCaseSensitive(into, "instance");
	cJSON *list = cJSON_CreateArray();
	int rc = add_groups(f, "tcp", list, e);

	rc = rc ? rc : add_groups(f, "http", list, e);
	if (rc) {
		cJSON_Delete(list);
		return fetch_part(f, "groups", false, rc, e);
	}
	f->x->groups = cJSON_GetArraySize(list);
	fetch_count(f, "groups", f->x->groups, json_int(about, "GroupCount", -1));
	cJSON_AddItemToObject(into, "groups", list);
	return 0;
}

/* Only groups with somebody online have subscriptions; the others are left out. */
static int part_subscriptions(struct fetch *f, cJSON *into, struct err *e)
{
	const cJSON *g, *groups = cJSON_GetObjectItemCaseSensitive(into, "groups");
	cJSON *subs = cJSON_CreateObject(), *doc, *data;
	int rc = 0;

	cJSON_ArrayForEach (g, groups) {
		const char *id = json_text(g, "GroupId", "");

		rc = call(f, "OnsGroupSubDetail", "GroupId", id, f->o->instance, &doc, e);
		if (rc == TQ_EOFFLINE) {
			err_clear(e);
			rc = 0;
			continue;
		}
		if (rc)
			break;
		data = cJSON_DetachItemFromObjectCaseSensitive(doc, "Data");
		if (data)
			cJSON_AddItemToObject(subs, id, data);
		cJSON_Delete(doc);
	}
	cJSON_AddItemToObject(into, "groupSubs", subs);
	return fetch_part(f, "groupSubs", true, rc, e);
}

/* ---- the whole ---- */

static int open_api(struct fetch *f, struct err *e)
{
	const struct fetch_opts *o = f->o;
	const char *region = f->region ? f->region : ANY_REGION;
	char *host = mem_fmt("ons.%s.aliyuncs.com", region);
	struct cloudapi_opts a = { .cloud = CLOUD_ALI,
		.key = &o->key->key,
		.web = o->web,
		.signature_1 = o->signature_1 };
	int rc;

	a.action = (struct web_action){ .version = VERSION, .region = region };
	a.endpoint = o->endpoint ? o->endpoint : host;
	rc = fetch_check_region(region, e);
	if (!rc)
		rc = cloudapi_open(&f->api, &a, e);
	mem_free(host);
	if (!rc && !f->region)
		rc = tell_regions(f, e);
	return rc;
}

int fetch_ons(struct export *x, const struct fetch_opts *o, struct err *e)
{
	cJSON *list = cJSON_CreateArray(), *one = cJSON_CreateObject();
	struct fetch f = { .x = x, .o = o };
	int rc;

	cJSON_AddItemToArray(list, one);
	cJSON_AddItemToObject(x->body, "instances", list);
	f.region = o->region ? o->region : o->key->region;
	export_source(x, "region", f.region);
	export_source(x, "instanceId", o->instance);
	export_source(x, "via", "api");
	rc = open_api(&f, e);
	rc = rc ? rc : find_instance(&f, one, e);
	rc = rc ? rc : part_base(&f, one, e);
	rc = rc ? rc : part_topics(&f, one, e);
	rc = rc ? rc : part_groups(&f, one, e);
	if (!rc && o->subscriptions)
		rc = part_subscriptions(&f, one, e);
	rc = rc ? rc : fetch_check(&f, e);
	cloudapi_close(&f.api);
	return rc;
}
