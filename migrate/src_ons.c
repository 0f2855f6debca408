/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src_ons: Alibaba Cloud ONS (ApsaraMQ for RocketMQ 4.0), in two shapes:
 *
 *	{"format":"tdmqctl-export/1","ons":{"instances":[{"instance":{},"topics":[],"groups":[]}]}}
 *	{"Data":{"PublishInfoDo":[]}} or {"Data":{"SubscribeInfoDo":[]}}	answers of its API
 *
 * Names are short there; an instance with names of its own is their namespace. Its id is longer
 * than a namespace may be, so the inventory offers another: the name of the instance where that is
 * allowed, else "ali-" and the end of the id. Unknown to ONS: how many queues a topic has and how
 * often a group retries. What a caller may do with a topic (Relation) is not what the topic allows.
 */
#include "names.h"
#include "shape.h"

#define ONS_QUEUES 8 /* of a topic, as long as nobody says otherwise */

static const struct shape_member topic_members[] = {
	{ "Topic", SHAPE_TEXT, true },
	{ "MessageType", SHAPE_INT },
	{ "InstanceId", SHAPE_TEXT },
	{ "IndependentNaming", SHAPE_BOOL },
	{ "Remark", SHAPE_TEXT },
	{ NULL },
};
static const struct shape_member group_members[] = {
	{ "GroupId", SHAPE_TEXT, true },
	{ "GroupType", SHAPE_TEXT },
	{ "InstanceId", SHAPE_TEXT },
	{ "IndependentNaming", SHAPE_BOOL },
	{ "Remark", SHAPE_TEXT },
	{ NULL },
};

/* What is known of the instance an entry belongs to; its own members where it has them. */
struct instance {
	const char *id;
	bool own_names;
	const cJSON *group_subs; /* group -> who was online, NULL: not asked */
};

static const char *full_name(
	struct inventory *inv, const struct instance *in, const cJSON *entry, const char *key)
{
	const char *id = json_text(entry, "InstanceId", in->id);
	const char *name = json_text(entry, key, "");

	if (!json_bool(entry, "IndependentNaming", in->own_names) || !id || !*id)
		return name;
	return arena_fmt(&inv->mem, "%s%%%s", id, name);
}

/* 0 normal, 1 ordered by partition, 2 ordered globally, 4 transactional, 5 scheduled. */
static int type_of(int64_t n)
{
	static const int types[] = { TOPIC_NORMAL, TOPIC_FIFO, TOPIC_FIFO, -1,
		TOPIC_TRANSACTION, TOPIC_DELAY };

	return n >= 0 && n < (int64_t)ARRAY_LEN(types) ? types[n] : -1;
}

static int scan_topic(
	struct inventory *inv, const struct instance *in, const cJSON *t, struct err *e)
{
	int64_t type = json_int(t, "MessageType", -1);
	int rc = shape_check(t, topic_members, e);
	struct found *f;

	if (rc)
		return rc;
	f = inventory_add(inv, OBJ_TOPIC, full_name(inv, in, t, "Topic"));
	f->topic = topic_defaults();
	f->topic.name = f->name;
	f->topic.remark = arena_str(&inv->mem, json_text(t, "Remark", ""));
	f->topic.type = type_of(type);
	f->topic.order = f->topic.type == TOPIC_FIFO;
	f->topic.write_queues = f->topic.read_queues = type == 2 ? 1 : ONS_QUEUES;
	if (type != 2)
		f->warnings |= WARN_BIT(WARN_QUEUES_DEFAULTED);
	if (f->topic.type < 0) {
		f->topic.type = TOPIC_MIXED;
		f->bad = arena_fmt(&inv->mem, "'MessageType' %lld is unknown", (long long)type);
	}
	return 0;
}

static int scan_group(
	struct inventory *inv, const struct instance *in, const cJSON *g, struct err *e)
{
	int rc = shape_check(g, group_members, e);
	const cJSON *sub;
	struct found *f;

	if (rc)
		return rc;
	f = inventory_add(inv, OBJ_GROUP, full_name(inv, in, g, "GroupId"));
	f->group = group_defaults();
	f->group.name = f->name;
	f->group.remark = arena_str(&inv->mem, json_text(g, "Remark", ""));
	sub = shape_get(in->group_subs, json_text(g, "GroupId", ""));
	if (!strcmp(json_text(sub, "MessageModel", ""), "CLUSTERING"))
		f->group.broadcast = false;
	if (!strcmp(json_text(g, "GroupType", "tcp"), "http"))
		f->warnings |= WARN_BIT(WARN_ATTRIBUTE_NOT_CARRIED);
	return 0;
}

typedef int (*scan_fn)(
	struct inventory *, const struct instance *, const cJSON *, struct err *);

static int scan_list(struct inventory *inv, const struct instance *in, const cJSON *o,
	const char *key, scan_fn fn, struct err *e)
{
	const cJSON *list, *entry;
	int rc = shape_list(o, key, &list, e), n = 0;

	cJSON_ArrayForEach (entry, list) {
		rc = fn(inv, in, entry, e);
		if (rc)
			return err_wrap(e, "'%s[%d]'", key, n);
		n++;
	}
	return rc;
}

/* The name of the instance where it can be a namespace, else the end of its id. */
static void offer_space(struct inventory *inv, const char *id, const char *name)
{
	const char *end = strrchr(id, '_');
	char *made;

	if (name && !names_check_namespace(str_of(name), NULL)) {
		inventory_add_space(inv, id, name);
		return;
	}
	made = mem_fmt("ali-%s", end ? end + 1 : id);
	if (!names_check_namespace(str_of(made), NULL))
		inventory_add_space(inv, id, made);
	mem_free(made);
}

static int scan_instance(struct inventory *inv, const cJSON *i, struct err *e)
{
	const cJSON *about = shape_get(i, "instance");
	struct instance in = { json_text(about, "InstanceId", NULL),
		json_bool(about, "IndependentNaming", true), shape_get(i, "groupSubs") };
	int rc;

	if (in.id && in.own_names)
		offer_space(inv, in.id, json_text(about, "InstanceName", NULL));
	rc = scan_list(inv, &in, i, "topics", scan_topic, e);
	return rc ? rc : scan_list(inv, &in, i, "groups", scan_group, e);
}

static int scan_export(struct inventory *inv, const cJSON *body, struct err *e)
{
	const cJSON *list, *i;
	int rc = shape_list(body, "instances", &list, e), n = 0;

	cJSON_ArrayForEach (i, list) {
		rc = scan_instance(inv, i, e);
		if (rc)
			return err_wrap(e, "'instances[%d]'", n);
		n++;
	}
	return rc;
}

static void offer_space_of(struct inventory *inv, const cJSON *entry)
{
	const char *id = json_text(entry, "InstanceId", NULL);

	if (id && json_bool(entry, "IndependentNaming", false))
		offer_space(inv, id, NULL);
}

/* An answer names the instance in each entry. */
static void offer_spaces(struct inventory *inv, const cJSON *data, const char *key)
{
	const cJSON *entry;

	cJSON_ArrayForEach (entry, shape_get(data, key))
		offer_space_of(inv, entry);
}

static const char *fits_row(const cJSON *row)
{
	bool topic = cJSON_IsString(shape_get(row, "Topic")) && shape_get(row, "MessageType");
	bool group = cJSON_IsString(shape_get(row, "GroupId")) &&
		     (shape_get(row, "GroupType") || shape_get(row, "InstanceId"));

	return topic || group ? "rows of Alibaba ONS's lists" : NULL;
}

static int scan_row(struct inventory *inv, cJSON *row, struct err *e)
{
	struct instance unknown = { NULL, false, NULL };

	offer_space_of(inv, row);
	return shape_get(row, "Topic") ? scan_topic(inv, &unknown, row, e)
				       : scan_group(inv, &unknown, row, e);
}

static const char *fits(const cJSON *doc)
{
	const cJSON *data;

	if (!cJSON_IsObject(doc))
		return NULL;
	if (shape_export(doc, "ons"))
		return "export of Alibaba ONS";
	data = shape_get(doc, "Data");
	if (cJSON_IsObject(data) &&
		(shape_get(data, "PublishInfoDo") || shape_get(data, "SubscribeInfoDo")))
		return "answer of Alibaba ONS's API";
	return NULL;
}

static int scan(struct inventory *inv, cJSON *doc, struct err *e)
{
	const cJSON *body = shape_export(doc, "ons"), *data = shape_get(doc, "Data");
	struct instance unknown = { NULL, false, NULL };
	int rc;

	if (body)
		return scan_export(inv, body, e);
	offer_spaces(inv, data, "PublishInfoDo");
	offer_spaces(inv, data, "SubscribeInfoDo");
	rc = scan_list(inv, &unknown, data, "PublishInfoDo", scan_topic, e);
	return rc ? rc : scan_list(inv, &unknown, data, "SubscribeInfoDo", scan_group, e);
}

const struct source source_ons = {
	.name = "ons",
	.text = "exports of Alibaba ONS",
	.fits = fits,
	.scan = scan,
	.fits_row = fits_row,
	.scan_row = scan_row,
};
