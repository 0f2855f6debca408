/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src_apache_export: what `migrate export apache` writes, each broker's tables as they came:
 *
 *	{"format":"tdmqctl-export/1","source":{"kind":"apache","cluster":..},
 *	 "apache":{
 *	  "masters":[{"brokerName":..,"addr":..,"version":..}],
 *	  "brokers":{NAME:{"topicConfigTable":{},"subscriptionGroupTable":{}}},
 *	  "orderConf":{TOPIC:"broker-a:8;broker-b:8"},	topics whose order is global or by partition
 *	  "systemTopics":[], "consumerTopics":{GROUP:[TOPIC]},
 *	  "mergedQueues":true, "masterCount":2}}	only when one table stands for them all
 */
#include "base.h"
#include "apache_tables.h"

#define SYSTEM_MAX 10000
#define BROKERS_MAX 256

static const char *fits(const cJSON *doc)
{
	return cJSON_IsObject(doc) && shape_export(doc, "apache") ? "export of Apache RocketMQ"
								  : NULL;
}

static int scan_system(struct inventory *inv, const cJSON *body, struct err *e)
{
	const cJSON *list, *name;
	int rc = shape_list(body, "systemTopics", &list, e);

	if (!rc && cJSON_GetArraySize(list) > SYSTEM_MAX)
		rc = err_set(e, TQ_ETOOBIG, "'systemTopics': more than %d entries", SYSTEM_MAX);
	cJSON_ArrayForEach (name, list)
		if (!rc && cJSON_IsString(name))
			inventory_add_system(inv, name->valuestring);
	return rc;
}

/* Brokers and clusters are topics too, which the brokers make for themselves. */
static int scan_brokers(struct inventory *inv, const cJSON *body, bool merged, struct err *e)
{
	const cJSON *brokers = shape_get(body, "brokers"), *b;

	if (!cJSON_IsObject(brokers))
		return err_set(e, TQ_EFORMAT, "'apache.brokers': expected an object, found %s",
			brokers ? shape_kind(brokers) : "nothing");
	if (cJSON_GetArraySize(brokers) > BROKERS_MAX)
		return err_set(
			e, TQ_ETOOBIG, "'apache.brokers': more than %d entries", BROKERS_MAX);
	cJSON_ArrayForEach (b, brokers) {
		const char *name = arena_str(&inv->mem, b->string);

		if (!cJSON_IsObject(b))
			return err_set(e, TQ_EFORMAT,
				"'apache.brokers.%.100s': expected an object, found %s", name,
				shape_kind(b));
		inventory_add_system(inv, name);
		if (apache_scan_tables(inv, b, merged ? NULL : name, e))
			return err_wrap(e, "'apache.brokers.%.100s'", name);
	}
	return 0;
}

static int scan_reads(struct inventory *inv, const cJSON *body, struct err *e)
{
	const cJSON *table = shape_get(body, "consumerTopics"), *topics, *t;

	if (table && !cJSON_IsObject(table))
		return err_set(e, TQ_EFORMAT, "'consumerTopics': expected an object, found %s",
			shape_kind(table));
	cJSON_ArrayForEach (topics, table)
		cJSON_ArrayForEach (t, topics)
			if (cJSON_IsString(t))
				inventory_add_read(inv, topics->string, t->valuestring);
	return 0;
}

static int scan(struct inventory *inv, cJSON *doc, struct err *e)
{
	const cJSON *body = shape_export(doc, "apache"), *order;
	const char *cluster = json_text(shape_get(doc, "source"), "cluster", NULL);
	bool merged = json_bool(body, "mergedQueues", false);
	int64_t masters = json_int(body, "masterCount", 1);
	int rc;

	if (cluster) {
		inventory_add_system(inv, cluster);
		apache_add_reply(inv, cluster);
	}
	if (merged && masters > 1 && masters < 10000)
		inv->masters = MAX(inv->masters, (int)masters);
	rc = scan_system(inv, body, e);
	rc = rc ? rc : scan_brokers(inv, body, merged, e);
	rc = rc ? rc : scan_reads(inv, body, e);
	cJSON_ArrayForEach (order, shape_get(body, "orderConf"))
		if (!rc && order->string)
			inventory_add_ordered(inv, order->string);
	return rc;
}

const struct source source_apache_export = {
	.name = "apache",
	.text = "what 'migrate export' wrote",
	.fits = fits,
	.scan = scan,
};
