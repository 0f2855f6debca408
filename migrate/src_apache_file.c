/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src_apache_file: the metadata files of Apache RocketMQ, told apart by their keys:
 *
 *	{"configs":{...},"metadata":{TABLES,"exportTime":1},"metrics":{...}}	export.sh
 *	{TABLES,"exportTime":1}			mqadmin exportMetadata -c: metadata.json,
 *						topic.json, subscriptionGroup.json
 *	{TABLES,"dataVersion":{...}}		a broker's config/topics.json and
 *						subscriptionGroup.json, exportMetadata -b
 *	TABLES: "topicConfigTable":{name:{...}}, "subscriptionGroupTable":{name:{...}}
 *
 * Exports of a whole cluster hold queue numbers summed over its masters; every other field is
 * that of one of them. A broker's own file has also what the broker made for itself: topics
 * named like the broker and the cluster. export.sh's `configs` names those; in a broker's file they
 * show by how the broker makes them. Files of several brokers are tables of one cluster: what they
 * have of one name becomes one item.
 */
#include "base.h"
#include "apache_tables.h"

/* Brokers and clusters by name, from export.sh's configs; all values there are texts. */
static void scan_configs(struct inventory *inv, const cJSON *configs)
{
	const cJSON *broker;
	int64_t masters = json_int(shape_get(configs, "clusterScale"), "masterBrokerSize", 1);

	inv->masters = masters > 0 && masters < 10000 ? (int)masters : 1;
	cJSON_ArrayForEach (broker, shape_get(configs, "brokerConfigs")) {
		const char *cluster = json_text(broker, "brokerClusterName", NULL);
		const char *trace = json_text(broker, "msgTraceTopicName", NULL);

		inventory_add_system(inv, broker->string);
		if (cluster) {
			inventory_add_system(inv, cluster);
			apache_add_reply(inv, cluster);
		}
		if (trace)
			inventory_add_system(inv, trace);
	}
}

static const char *fits(const cJSON *doc)
{
	if (!cJSON_IsObject(doc))
		return NULL;
	if (cJSON_IsObject(shape_get(doc, "metadata")) &&
		(apache_has_tables(shape_get(doc, "metadata")) || shape_get(doc, "configs")))
		return "file of Apache's export.sh";
	if (!apache_has_tables(doc))
		return NULL;
	if (shape_get(doc, "exportTime"))
		return "file of mqadmin exportMetadata";
	return "configuration file of a broker";
}

/* A broker's own version of its table is only in what comes from one broker. */
static bool is_brokers(const cJSON *doc)
{
	return cJSON_IsObject(shape_get(doc, "dataVersion")) && !shape_get(doc, "exportTime");
}

static const char *fits_row(const cJSON *row)
{
	return cJSON_IsString(shape_get(row, "topicName")) ||
			       cJSON_IsString(shape_get(row, "groupName"))
		       ? "rows of Apache's tables"
		       : NULL;
}

static int scan_row(struct inventory *inv, cJSON *row, struct err *e)
{
	return apache_scan_entry(
		inv, shape_get(row, "topicName") ? OBJ_TOPIC : OBJ_GROUP, row, e);
}

static int scan(struct inventory *inv, cJSON *doc, struct err *e)
{
	const cJSON *tables = shape_get(doc, "metadata");

	if (!tables)
		tables = doc;
	if (!apache_has_tables(tables)) {
		err_set(e, TQ_EFORMAT,
			"'metadata' holds neither '" APACHE_TOPICS "' nor '" APACHE_GROUPS "'");
		return err_hint(
			e, "export.sh goes on when one of its parts failed: run it again");
	}
	inv->exported_ms = json_int(tables, "exportTime", inv->exported_ms);
	if (cJSON_IsObject(shape_get(doc, "configs")))
		scan_configs(inv, shape_get(doc, "configs"));
	else if (!shape_get(tables, "exportTime"))
		apache_guess_system(inv, shape_get(tables, APACHE_TOPICS));
	return apache_scan_tables(inv, tables, is_brokers(doc) ? inv->broker : NULL, e);
}

static const char *const export_sh[] = { "rocketmq-metadata-export.json", NULL };
static const char *const export_metadata[] = { "metadata.json", NULL };
static const char *const pair[] = { "topics.json", "topic.json", "subscriptionGroup.json",
	NULL };
static const char *const config[] = { "config/topics.json", "config/subscriptionGroup.json",
	NULL };
static const char *const store[] = { "store/config/topics.json",
	"store/config/subscriptionGroup.json", NULL };
static const char *const *const sets[] = { export_sh, export_metadata, pair, config, store,
	NULL };

const struct source source_apache_file = {
	.name = "apache-file",
	.text = "the file of Apache's export.sh, metadata.json, topic.json and "
		"subscriptionGroup.json of mqadmin exportMetadata, a broker's config directory",
	.sets = sets,
	.fits = fits,
	.scan = scan,
	.fits_row = fits_row,
	.scan_row = scan_row,
};
