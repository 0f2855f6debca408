/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apache_tables: see apache_tables.h. What a broker makes for itself follows Apache RocketMQ 4.9.8,
 * TopicConfigManager.java.
 */
#include "base.h"
#include "apache_tables.h"
#include "names.h"

#define MAX_CLUSTERS 100 /* whose reply topics are looked at: each look is a walk */

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

static int scan_entry(struct inventory *inv, enum object_kind kind, const char *name,
	const char *broker, cJSON *entry, struct err *e)
{
	int rc = shape_check(entry, kind == OBJ_TOPIC ? topic_members : group_members, e);
	struct found *f;

	if (rc)
		return rc;
	f = inventory_add(inv, kind, name);
	f->broker = broker;
	if (kind == OBJ_TOPIC)
		scan_topic(inv, f, entry);
	else
		scan_group(inv, f, entry);
	return 0;
}

int apache_scan_entry(struct inventory *inv, enum object_kind kind, cJSON *entry, struct err *e)
{
	const char *key = kind == OBJ_TOPIC ? "topicName" : "groupName";

	return scan_entry(inv, kind, json_text(entry, key, ""), NULL, entry, e);
}

static int scan_table(struct inventory *inv, enum object_kind kind, const cJSON *tables,
	const char *broker, struct err *e)
{
	const char *key = kind == OBJ_TOPIC ? APACHE_TOPICS : APACHE_GROUPS;
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
	cJSON_ArrayForEach (entry, table)
		if (scan_entry(inv, kind, entry->string, broker, entry, e))
			return err_wrap(e, "'%s.%.100s'", key, entry->string);
	return 0;
}

int apache_scan_tables(
	struct inventory *inv, const cJSON *tables, const char *broker, struct err *e)
{
	int rc = scan_table(inv, OBJ_TOPIC, tables, broker, e);

	return rc ? rc : scan_table(inv, OBJ_GROUP, tables, broker, e);
}

bool apache_has_tables(const cJSON *o)
{
	return shape_get(o, APACHE_TOPICS) || shape_get(o, APACHE_GROUPS);
}

void apache_add_reply(struct inventory *inv, const char *cluster)
{
	char *reply = mem_fmt("%s" NAMES_REPLY, cluster);

	inventory_add_system(inv, reply);
	mem_free(reply);
}

/* A cluster's name is that of a topic which inherits and has a reply topic beside it. */
void apache_guess_system(struct inventory *inv, const cJSON *table)
{
	int replies = 0;
	const cJSON *t;

	cJSON_ArrayForEach (t, table) {
		struct str name = str_of(t->string), end = STR(NAMES_REPLY);
		const cJSON *cluster;
		char *of;

		if (json_int(t, "perm", 0) & PERM_INHERIT &&
			json_int(t, "writeQueueNums", 0) == 1 &&
			json_int(t, "readQueueNums", 0) == 1)
			inventory_add_system(inv, t->string);
		if (!str_ends(name, end) || name.n == end.n || replies++ == MAX_CLUSTERS)
			continue;
		of = mem_strn(name.p, name.n - end.n);
		cluster = shape_get(table, of);
		if (json_int(cluster, "perm", 0) & PERM_INHERIT &&
			!names_is_system_topic(str_of(of))) {
			inventory_add_system(inv, of);
			inventory_add_system(inv, t->string);
		}
		mem_free(of);
	}
}
