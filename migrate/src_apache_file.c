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
 * show by how the broker makes them (Apache RocketMQ 4.9.8, TopicConfigManager.java): with the
 * inherit permission bit, and one queue or a reply topic beside it.
 */
#include "base.h"
#include "names.h"
#include "shape.h"

#define TOPICS "topicConfigTable"
#define GROUPS "subscriptionGroupTable"

static const struct shape_member topic_members[] = {
	{ "topicName", SHAPE_TEXT },
	{ "readQueueNums", SHAPE_INT },
	{ "writeQueueNums", SHAPE_INT },
	{ "perm", SHAPE_INT },
	{ "topicSysFlag", SHAPE_INT },
	{ "order", SHAPE_BOOL },
	{ "topicFilterType", SHAPE_TEXT },
	{ "attributes", SHAPE_OBJECT },
	{ NULL },
};

static const struct shape_member group_members[] = {
	{ "groupName", SHAPE_TEXT },
	{ "consumeEnable", SHAPE_BOOL },
	{ "consumeFromMinEnable", SHAPE_BOOL },
	{ "consumeBroadcastEnable", SHAPE_BOOL },
	{ "notifyConsumerIdsChangedEnable", SHAPE_BOOL },
	{ "retryQueueNums", SHAPE_INT },
	{ "retryMaxTimes", SHAPE_INT },
	{ "brokerId", SHAPE_INT },
	{ "whichBrokerWhenConsumeSlowly", SHAPE_INT },
	{ NULL },
};

/* The key is the name; an entry that says otherwise is nobody's. */
static void check_name(struct found *f, cJSON *entry, const char *member)
{
	const cJSON *v = shape_get(entry, member);

	if (!v)
		cJSON_AddStringToObject(entry, member, f->name);
	else if (!cJSON_IsString(v) || strcmp(v->valuestring, f->name))
		f->bad = "its key and its name differ";
}

static void read_attributes(struct found *f, const cJSON *entry)
{
	const cJSON *a;

	cJSON_ArrayForEach (a, shape_get(entry, "attributes")) {
		const char *key = a->string[0] == '+' ? a->string + 1 : a->string;

		if (!strcmp(key, "remark"))
			continue;
		if (strcmp(key, "message.type")) {
			f->warnings |= WARN_BIT(WARN_ATTRIBUTE_NOT_CARRIED);
			continue;
		}
		if (!cJSON_IsString(a) || topic_type_from_wire(a->valuestring, -1) < 0)
			f->warnings |= WARN_BIT(WARN_TYPE_GUESSED);
	}
}

static void scan_topic(struct inventory *inv, struct found *f, cJSON *entry)
{
	struct err e = ERR_INIT;

	check_name(f, entry, "topicName");
	f->topic = topic_defaults();
	if (topic_from_json(&f->topic, entry, &e) && !f->bad)
		f->bad = arena_str(&inv->mem, e.msg);
	read_attributes(f, entry);
	f->topic.name = f->name;
	f->topic.remark = arena_str(&inv->mem, f->topic.remark);
}

static void scan_group(struct inventory *inv, struct found *f, cJSON *entry)
{
	static const char *const dropped[] = { "subscriptionDataSet", "groupRetryPolicy",
		NULL };
	struct err e = ERR_INIT;

	check_name(f, entry, "groupName");
	f->group = group_defaults();
	if (group_from_json(&f->group, entry, &e) && !f->bad)
		f->bad = arena_str(&inv->mem, e.msg);
	for (int i = 0; dropped[i]; i++)
		if (cJSON_GetArraySize(shape_get(entry, dropped[i])) > 0)
			f->warnings |= WARN_BIT(WARN_ATTRIBUTE_NOT_CARRIED);
	f->group.name = f->name;
	f->group.remark = arena_str(&inv->mem, f->group.remark);
}

static int scan_table(
	struct inventory *inv, enum object_kind kind, const cJSON *tables, struct err *e)
{
	const char *key = kind == OBJ_TOPIC ? TOPICS : GROUPS;
	const cJSON *table = shape_get(tables, key);
	cJSON *entry;

	if (!table)
		return 0;
	if (!cJSON_IsObject(table))
		return err_set(e, TQ_EFORMAT, "'%s': expected an object, found %s", key,
			shape_kind(table));
	if (cJSON_GetArraySize(table) > SOURCE_MAX_ITEMS)
		return err_set(
			e, TQ_ETOOBIG, "'%s': more than %d entries", key, SOURCE_MAX_ITEMS);
	cJSON_ArrayForEach (entry, table) {
		if (shape_check(entry, kind == OBJ_TOPIC ? topic_members : group_members, e))
			return err_wrap(e, "'%s.%.100s'", key, entry->string);
		if (kind == OBJ_TOPIC)
			scan_topic(inv, inventory_add(inv, kind, entry->string), entry);
		else
			scan_group(inv, inventory_add(inv, kind, entry->string), entry);
	}
	return 0;
}

static void add_reply(struct inventory *inv, const char *cluster)
{
	char *reply = mem_fmt("%s" NAMES_REPLY, cluster);

	inventory_add_system(inv, reply);
	mem_free(reply);
}

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
			add_reply(inv, cluster);
		}
		if (trace)
			inventory_add_system(inv, trace);
	}
}

/* What a broker made for itself, by the marks it has in the broker's own file. */
static void guess_system(struct inventory *inv, const cJSON *table)
{
	const cJSON *t;

	cJSON_ArrayForEach (t, table) {
		struct str name = str_of(t->string);
		bool inherits = json_int(t, "perm", 0) & PERM_INHERIT;
		char *reply = mem_fmt("%s" NAMES_REPLY, t->string);

		if (inherits && json_int(t, "writeQueueNums", 0) == 1 &&
			json_int(t, "readQueueNums", 0) == 1)
			inventory_add_system(inv, t->string);
		if (inherits && !names_is_system_topic(name) && shape_get(table, reply)) {
			inventory_add_system(inv, t->string);
			inventory_add_system(inv, reply);
		}
		mem_free(reply);
	}
}

static bool has_tables(const cJSON *o)
{
	return shape_get(o, TOPICS) || shape_get(o, GROUPS);
}

static const char *fits(const cJSON *doc)
{
	if (!cJSON_IsObject(doc))
		return NULL;
	if (cJSON_IsObject(shape_get(doc, "metadata")) &&
		(has_tables(shape_get(doc, "metadata")) || shape_get(doc, "configs")))
		return "file of Apache's export.sh";
	if (!has_tables(doc))
		return NULL;
	if (shape_get(doc, "exportTime"))
		return "file of mqadmin exportMetadata";
	return "configuration file of a broker";
}

static int scan(struct inventory *inv, cJSON *doc, struct err *e)
{
	const cJSON *tables = shape_get(doc, "metadata");
	int rc;

	if (!tables)
		tables = doc;
	if (!has_tables(tables)) {
		err_set(e, TQ_EFORMAT,
			"'metadata' holds neither '" TOPICS "' nor '" GROUPS "'");
		return err_hint(
			e, "export.sh goes on when one of its parts failed: run it again");
	}
	inv->exported_ms = json_int(tables, "exportTime", inv->exported_ms);
	if (cJSON_IsObject(shape_get(doc, "configs")))
		scan_configs(inv, shape_get(doc, "configs"));
	else if (!shape_get(tables, "exportTime"))
		guess_system(inv, shape_get(tables, TOPICS));
	rc = scan_table(inv, OBJ_TOPIC, tables, e);
	return rc ? rc : scan_table(inv, OBJ_GROUP, tables, e);
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
};
