/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src_tdmq: answers of the Tencent Cloud TDMQ API, for a move from cluster to cluster:
 *
 *	{"Response":{"Topics":[{"Name":..,"Type":"PartitionedOrder","PartitionNum":3,
 *				"Namespace":..,"Remark":..}],"TotalCount":1}}
 *	{"Response":{"Groups":[{"Name":..,"ReadEnabled":true,"BroadcastEnabled":false,
 *				"RetryMaxTimes":16,"Namespace":..}],"TotalCount":1}}
 *
 * Lists also hold the retry and dead letter topics, by type; they get the names Apache has for
 * them, so that a plan skips them.
 */
#include "base.h"
#include "names.h"
#include "shape.h"

static const struct shape_member topic_members[] = {
	{ "Name", SHAPE_TEXT, true },
	{ "Type", SHAPE_TEXT },
	{ "PartitionNum", SHAPE_INT },
	{ "Namespace", SHAPE_TEXT },
	{ "Remark", SHAPE_TEXT },
	{ NULL },
};
static const struct shape_member group_members[] = {
	{ "Name", SHAPE_TEXT, true },
	{ "ReadEnabled", SHAPE_BOOL },
	{ "BroadcastEnabled", SHAPE_BOOL },
	{ "RetryPartitionNum", SHAPE_INT },
	{ "RetryMaxTimes", SHAPE_INT },
	{ "GroupType", SHAPE_TEXT },
	{ "Namespace", SHAPE_TEXT },
	{ "Remark", SHAPE_TEXT },
	{ NULL },
};

/* A namespace may stand with its cluster in front: rocketmq-abc|shop. */
static const char *full_name(struct inventory *inv, const cJSON *entry, const char *prefix)
{
	const char *ns = json_text(entry, "Namespace", ""),
		   *name = json_text(entry, "Name", "");
	const char *bar = strrchr(ns, '|');

	ns = bar ? bar + 1 : ns;
	if (!strncmp(name, prefix, strlen(prefix)))
		prefix = "";
	return *ns ? arena_fmt(&inv->mem, "%s%s%%%s", prefix, ns, name)
		   : arena_fmt(&inv->mem, "%s%s", prefix, name);
}

static int scan_topic(struct inventory *inv, const cJSON *t, struct err *e)
{
	const char *type = json_text(t, "Type", "");
	int rc = shape_check(t, topic_members, e);
	struct found *f;

	if (rc)
		return rc;
	f = inventory_add(inv, OBJ_TOPIC,
		full_name(inv, t,
			!strcmp(type, "Retry")	      ? NAMES_RETRY
			: !strcmp(type, "DeadLetter") ? NAMES_DLQ
						      : ""));
	f->topic = topic_defaults();
	f->topic.name = f->name;
	f->topic.remark = arena_str(&inv->mem, json_text(t, "Remark", ""));
	f->topic.type = shape_topic_type(type);
	f->topic.order = f->topic.type == TOPIC_FIFO;
	f->topic.write_queues = (int)json_int(t, "PartitionNum", TOPIC_QUEUES);
	f->topic.read_queues = f->topic.write_queues;
	if (f->topic.type < 0) {
		f->topic.type = TOPIC_MIXED;
		f->warnings |= WARN_BIT(WARN_TYPE_GUESSED);
	}
	return 0;
}

static int scan_group(struct inventory *inv, const cJSON *g, struct err *e)
{
	int rc = shape_check(g, group_members, e);
	struct found *f;

	if (rc)
		return rc;
	f = inventory_add(inv, OBJ_GROUP, full_name(inv, g, ""));
	f->group = group_defaults();
	f->group.name = f->name;
	f->group.remark = arena_str(&inv->mem, json_text(g, "Remark", ""));
	f->group.consume = json_bool(g, "ReadEnabled", true);
	f->group.broadcast = json_bool(g, "BroadcastEnabled", true);
	f->group.retry_max = (int)json_int(g, "RetryMaxTimes", GROUP_RETRIES);
	f->group.retry_queues = (int)json_int(g, "RetryPartitionNum", GROUP_RETRY_QUEUES);
	if (!strcmp(json_text(g, "GroupType", ""), "HTTP"))
		f->warnings |= WARN_BIT(WARN_ATTRIBUTE_NOT_CARRIED);
	return 0;
}

static int scan_list(struct inventory *inv, const cJSON *answer, const char *key,
	int (*one)(struct inventory *, const cJSON *, struct err *), struct err *e)
{
	const cJSON *list, *entry;
	int rc = shape_list(answer, key, &list, e), n = 0;

	cJSON_ArrayForEach (entry, list) {
		rc = one(inv, entry, e);
		if (rc)
			return err_wrap(e, "'Response.%s[%d]'", key, n);
		n++;
	}
	return rc;
}

static const char *fits(const cJSON *doc)
{
	const cJSON *r = cJSON_IsObject(doc) ? shape_get(doc, "Response") : NULL;

	return cJSON_IsObject(r) && (shape_get(r, "Topics") || shape_get(r, "Groups") ||
					    shape_get(r, "Error"))
		       ? "answer of Tencent Cloud's API"
		       : NULL;
}

static int scan(struct inventory *inv, cJSON *doc, struct err *e)
{
	const cJSON *answer = shape_get(doc, "Response"), *bad = shape_get(answer, "Error");
	int rc;

	if (bad) {
		err_set(e, TQ_EFORMAT, "an answer that says no: %.80s: %.200s",
			json_text(bad, "Code", "?"), json_text(bad, "Message", ""));
		return err_hint(e, "ask again, then save the list it gives");
	}
	rc = scan_list(inv, answer, "Topics", scan_topic, e);
	return rc ? rc : scan_list(inv, answer, "Groups", scan_group, e);
}

static bool is_topic(const cJSON *row)
{
	return shape_get(row, "PartitionNum") || shape_get(row, "Type");
}

static const char *fits_row(const cJSON *row)
{
	return cJSON_IsString(shape_get(row, "Name")) &&
			       (is_topic(row) || shape_get(row, "ReadEnabled") ||
				       shape_get(row, "RetryMaxTimes"))
		       ? "rows of Tencent Cloud's lists"
		       : NULL;
}

static int scan_row(struct inventory *inv, cJSON *row, struct err *e)
{
	return is_topic(row) ? scan_topic(inv, row, e) : scan_group(inv, row, e);
}

const struct source source_tdmq = {
	.name = "tdmq",
	.text = "answers of Tencent Cloud's TDMQ",
	.fits = fits,
	.scan = scan,
	.fits_row = fits_row,
	.scan_row = scan_row,
};
