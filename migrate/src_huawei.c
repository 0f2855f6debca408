/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src_huawei: Huawei Cloud DMS for RocketMQ, in three shapes:
 *
 *	{"format":"tdmqctl-export/1","huawei":{"instance":{},"topics":[],"groups":[]}}	our export
 *	{"topics":[{"name":..,"total_write_queue_num":..}],"groups":[..]}	an answer of its API
 *	{"topic_config_table":{},"subscription_group_table":{}}		its own metadata export
 *
 * Queue numbers of the API are sums over the brokers; those of the metadata export are per broker.
 * Only instances of version 5 know the type of a topic. In the metadata export perm has the bits of
 * Apache (2 writes, 4 reads), whatever the text of the API says.
 */
#include "shape.h"

#define TOPIC_TABLE "topic_config_table"
#define GROUP_TABLE "subscription_group_table"

/* --- answers of the API ------------------------------------------------------------------- */

static const struct shape_member api_topic[] = {
	{ "name", SHAPE_TEXT, true },
	{ "permission", SHAPE_TEXT },
	{ "brokers", SHAPE_LIST },
	{ "message_type", SHAPE_TEXT },
	{ NULL },
};
static const struct shape_member api_group[] = {
	{ "name", SHAPE_TEXT, true },
	{ "group_desc", SHAPE_TEXT },
	{ "enabled", SHAPE_BOOL },
	{ "broadcast", SHAPE_BOOL },
	{ "from_beginning", SHAPE_BOOL },
	{ "retry_max_time", SHAPE_INT },
	{ NULL },
};

/* Published answers have "3," where a number should be. */
static int64_t lenient(const cJSON *o, const char *key)
{
	const cJSON *v = shape_get(o, key);
	int64_t n = 0;

	if (cJSON_IsNumber(v))
		return (int64_t)v->valuedouble;
	if (cJSON_IsString(v)) {
		struct str s = str_trim(str_of(v->valuestring));

		while (str_ends(s, STR(",")))
			s.n--;
		(void)str_to_i64(s, 0, INT32_MAX, &n, key, NULL);
	}
	return n;
}

static int sum(const cJSON *topic, const char *total, const char *per_broker)
{
	int64_t n = lenient(topic, total);
	const cJSON *b;

	if (n <= 0)
		cJSON_ArrayForEach (b, shape_get(topic, "brokers"))
			n += lenient(b, per_broker);
	return (int)MIN(MAX(n, 0), INT32_MAX);
}

static int perm_of(const char *text)
{
	return !strcmp(text, "sub") ? PERM_READ : !strcmp(text, "pub") ? PERM_WRITE : PERM_RW;
}

static int scan_api_topic(struct inventory *inv, const cJSON *t, struct err *e)
{
	int rc = shape_check(t, api_topic, e);
	struct found *f;

	if (rc)
		return rc;
	f = inventory_add(inv, OBJ_TOPIC, json_text(t, "name", ""));
	f->topic = topic_defaults();
	f->topic.name = f->name;
	f->topic.remark = "";
	f->topic.write_queues = sum(t, "total_write_queue_num", "write_queue_num");
	f->topic.read_queues = sum(t, "total_read_queue_num", "read_queue_num");
	f->topic.perm = perm_of(json_text(t, "permission", "all"));
	f->topic.type = topic_type_from_wire(json_text(t, "message_type", ""), -1);
	if (f->topic.type < 0) {
		f->topic.type = TOPIC_MIXED;
		f->warnings |= WARN_BIT(WARN_TYPE_GUESSED);
	}
	f->topic.order = f->topic.type == TOPIC_FIFO;
	inv->masters = MAX(inv->masters, cJSON_GetArraySize(shape_get(t, "brokers")));
	return 0;
}

static int scan_api_group(struct inventory *inv, const cJSON *g, struct err *e)
{
	int rc = shape_check(g, api_group, e);
	struct found *f;

	if (rc)
		return rc;
	f = inventory_add(inv, OBJ_GROUP, json_text(g, "name", ""));
	f->group = group_defaults();
	f->group.name = f->name;
	f->group.remark = arena_str(&inv->mem, json_text(g, "group_desc", ""));
	f->group.consume = json_bool(g, "enabled", true);
	f->group.broadcast = json_bool(g, "broadcast", true);
	f->group.consume_from_min = json_bool(g, "from_beginning", true);
	f->group.retry_max = (int)json_int(g, "retry_max_time", GROUP_RETRIES);
	return 0;
}

static int scan_lists(struct inventory *inv, const cJSON *body, struct err *e)
{
	static const struct {
		const char *key;
		int (*scan)(struct inventory *inv, const cJSON *entry, struct err *e);
	} lists[] = { { "topics", scan_api_topic }, { "groups", scan_api_group } };
	const cJSON *list, *entry;
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_LEN(lists); i++) {
		int n = 0;

		rc = shape_list(body, lists[i].key, &list, e);
		cJSON_ArrayForEach (entry, list) {
			rc = rc ? rc : lists[i].scan(inv, entry, e);
			if (rc)
				return err_wrap(e, "'%s[%d]'", lists[i].key, n);
			n++;
		}
	}
	return rc;
}

/* --- the metadata export ------------------------------------------------------------------ */

static const struct shape_member table_topic[] = {
	{ "topic_name", SHAPE_TEXT },
	{ "order", SHAPE_BOOL },
	{ "perm", SHAPE_INT },
	{ "read_queue_nums", SHAPE_INT },
	{ "write_queue_nums", SHAPE_INT },
	{ "topic_sys_flag", SHAPE_INT },
	{ "attributes", SHAPE_OBJECT },
	{ NULL },
};
static const struct shape_member table_group[] = {
	{ "group_name", SHAPE_TEXT },
	{ "consume_broadcast_enable", SHAPE_BOOL },
	{ "consume_enable", SHAPE_BOOL },
	{ "consume_from_min_enable", SHAPE_BOOL },
	{ "notify_consumer_ids_changed_enable", SHAPE_BOOL },
	{ "retry_max_times", SHAPE_INT },
	{ "retry_queue_nums", SHAPE_INT },
	{ NULL },
};

static const char *type_text(const cJSON *topic)
{
	const cJSON *a = shape_get(topic, "attributes");

	return json_text(a, "message.type", json_text(a, "+message.type", ""));
}

static void scan_table_topic(struct inventory *inv, const cJSON *t)
{
	struct found *f = inventory_add(inv, OBJ_TOPIC, t->string);

	f->topic = topic_defaults();
	f->topic.name = f->name;
	f->topic.remark = "";
	f->topic.write_queues = (int)json_int(t, "write_queue_nums", 16);
	f->topic.read_queues = (int)json_int(t, "read_queue_nums", 16);
	f->topic.perm = (int)json_int(t, "perm", PERM_RW);
	f->topic.sysflag = (int)json_int(t, "topic_sys_flag", 0);
	f->topic.order = json_bool(t, "order", false);
	f->topic.type = topic_type_from_wire(type_text(t), TOPIC_MIXED);
	if (f->topic.type == TOPIC_MIXED && strcmp(type_text(t), "MIXED") != 0)
		f->warnings |= WARN_BIT(WARN_TYPE_GUESSED);
	if (strcmp(json_text(t, "topic_name", f->name), f->name) != 0)
		f->bad = "its key and its name differ";
}

static void scan_table_group(struct inventory *inv, const cJSON *g)
{
	struct found *f = inventory_add(inv, OBJ_GROUP, g->string);

	f->group = group_defaults();
	f->group.name = f->name;
	f->group.remark = "";
	f->group.consume = json_bool(g, "consume_enable", true);
	f->group.broadcast = json_bool(g, "consume_broadcast_enable", true);
	f->group.consume_from_min = json_bool(g, "consume_from_min_enable", true);
	f->group.notify_changed = json_bool(g, "notify_consumer_ids_changed_enable", true);
	f->group.retry_max = (int)json_int(g, "retry_max_times", GROUP_RETRIES);
	f->group.retry_queues = (int)json_int(g, "retry_queue_nums", GROUP_RETRY_QUEUES);
	if (strcmp(json_text(g, "group_name", f->name), f->name) != 0)
		f->bad = "its key and its name differ";
}

static int scan_table(struct inventory *inv, const cJSON *doc, const char *key,
	const struct shape_member *members, void (*take)(struct inventory *, const cJSON *),
	struct err *e)
{
	const cJSON *table = shape_get(doc, key), *entry;

	if (table && !cJSON_IsObject(table))
		return err_set(e, TQ_EFORMAT, "'%s': expected an object, found %s", key,
			shape_kind(table));
	if (cJSON_GetArraySize(table) > SOURCE_MAX_ITEMS)
		return err_set(
			e, TQ_ETOOBIG, "'%s': more than %d entries", key, SOURCE_MAX_ITEMS);
	cJSON_ArrayForEach (entry, table) {
		if (shape_check(entry, members, e))
			return err_wrap(e, "'%s.%.100s'", key, entry->string);
		take(inv, entry);
	}
	return 0;
}

/* --- the source --------------------------------------------------------------------------- */

static bool is_topic(const cJSON *row)
{
	return shape_get(row, "total_write_queue_num") ||
	       shape_get(row, "total_read_queue_num");
}

static bool first_has(const cJSON *doc, const char *list, const char *a, const char *b)
{
	const cJSON *first = cJSON_GetArrayItem(shape_get(doc, list), 0);

	return cJSON_IsObject(first) && (shape_get(first, a) || shape_get(first, b));
}

/* The page behind the last, or of an instance that has none. */
static bool empty_page(const cJSON *doc, const char *list)
{
	const cJSON *l = shape_get(doc, list);

	return cJSON_IsArray(l) && !l->child && shape_get(doc, "total") &&
	       shape_get(doc, "next_offset");
}

static const char *fits_row(const cJSON *row)
{
	return cJSON_IsString(shape_get(row, "name")) &&
			       (is_topic(row) || shape_get(row, "retry_max_time") ||
				       shape_get(row, "group_desc"))
		       ? "rows of Huawei Cloud's lists"
		       : NULL;
}

static int scan_row(struct inventory *inv, cJSON *row, struct err *e)
{
	return is_topic(row) ? scan_api_topic(inv, row, e) : scan_api_group(inv, row, e);
}

static const char *fits(const cJSON *doc)
{
	if (!cJSON_IsObject(doc))
		return NULL;
	if (shape_export(doc, "huawei"))
		return "export of Huawei Cloud";
	if (shape_get(doc, TOPIC_TABLE) || shape_get(doc, GROUP_TABLE))
		return "metadata export of Huawei Cloud";
	if (empty_page(doc, "topics") || empty_page(doc, "groups"))
		return "answer of Huawei Cloud's API";
	if (first_has(doc, "topics", "total_write_queue_num", "total_read_queue_num") ||
		first_has(doc, "groups", "retry_max_time", "group_desc"))
		return "answer of Huawei Cloud's API";
	return NULL;
}

static int scan(struct inventory *inv, cJSON *doc, struct err *e)
{
	const cJSON *body = shape_export(doc, "huawei");
	int rc;

	if (body)
		return scan_lists(inv, body, e);
	if (!shape_get(doc, TOPIC_TABLE) && !shape_get(doc, GROUP_TABLE))
		return scan_lists(inv, doc, e);
	inv->exported_ms = json_int(doc, "export_time", inv->exported_ms);
	rc = scan_table(inv, doc, TOPIC_TABLE, table_topic, scan_table_topic, e);
	return rc ? rc : scan_table(inv, doc, GROUP_TABLE, table_group, scan_table_group, e);
}

const struct source source_huawei = {
	.name = "huawei",
	.text = "exports of Huawei Cloud DMS for RocketMQ",
	.fits = fits,
	.scan = scan,
	.fits_row = fits_row,
	.scan_row = scan_row,
};
