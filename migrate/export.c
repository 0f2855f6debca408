/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of others are written from an inventory: our own text is read back by the source it
 * came from, so that there is one place that knows what a cloud's words mean.
 */
#include "export.h"

#include <stdio.h>
#include <strings.h>

#include "clock.h"
#include "fsio.h"

const char *const export_format_names[] = { "tdmqctl", "mqadmin", "combined", "huawei", NULL };

void export_init(struct export *x, const char *kind)
{
	*x = (struct export){ .kind = kind };
	x->source = cJSON_CreateObject();
	x->body = cJSON_CreateObject();
	x->incomplete = cJSON_CreateArray();
	export_source(x, "kind", kind);
}

void export_release(struct export *x)
{
	cJSON_Delete(x->source);
	cJSON_Delete(x->body);
	cJSON_Delete(x->incomplete);
	*x = (struct export){ 0 };
}

void export_source(struct export *x, const char *key, const char *value)
{
	if (value && *value)
		json_add_str(x->source, key, str_of(value));
}

void export_incomplete(
	struct export *x, const char *what, const char *reason, const char *message)
{
	cJSON *part = cJSON_CreateObject();

	json_add_str(part, "what", str_of(what));
	json_add_str(part, "reason", str_of(reason));
	json_add_str(part, "message", str_of(message));
	cJSON_AddItemToArray(x->incomplete, part);
}

size_t export_n_incomplete(const struct export *x)
{
	return (size_t)cJSON_GetArraySize(x->incomplete);
}

/* ---- our own ---- */

static bool is_secret(const char *name)
{
	static const char *const words[] = { "secret", "password", "passwd" };

	for (size_t i = 0; name && i < ARRAY_LEN(words); i++)
		if (strcasestr(name, words[i]))
			return true;
	return false;
}

/* As deep as the parser lets a document be. A switch that only speaks of secrets stays. */
static void drop_secrets(cJSON *node)
{
	cJSON *child = node->child, *next;

	for (; child; child = next) {
		next = child->next;
		if (is_secret(child->string) && cJSON_IsString(child))
			cJSON_Delete(cJSON_DetachItemViaPointer(node, child));
		else
			drop_secrets(child);
	}
}

static void own_text(struct export *x, struct buf *out)
{
	cJSON *doc = cJSON_CreateObject(), *counts = cJSON_CreateObject();
	char *format = mem_fmt(SOURCE_EXPORT_FORMAT "%d", SOURCE_EXPORT_MAJOR);

	drop_secrets(x->body);
	json_add_str(doc, "format", str_of(format));
	json_add_i64(doc, "exportTime", clock_wall_ms());
	json_add_str(doc, "tool", STR("tdmqctl " TDMQ_VERSION));
	json_add_i64(counts, "topics", x->topics);
	json_add_i64(counts, "groups", x->groups);
	cJSON_AddItemReferenceToObject(doc, "source", x->source);
	cJSON_AddItemReferenceToObject(doc, x->kind, x->body);
	if (export_n_incomplete(x))
		cJSON_AddItemReferenceToObject(doc, "incomplete", x->incomplete);
	cJSON_AddItemToObject(doc, "counts", counts);
	json_print(out, doc, JSON_PRETTY, 0);
	buf_putc(out, '\n');
	cJSON_Delete(doc);
	mem_free(format);
}

int export_text(struct export *x, enum export_format f, struct buf *out, struct err *e)
{
	struct inventory inv;
	struct buf own;
	int rc = 0;

	if (f == EXPORT_OWN) {
		own_text(x, out);
		return buf_err(out) ? err_set(e, TQ_ETOOBIG, "the export is too large") : 0;
	}
	buf_init(&own, SOURCE_MAX_BYTES);
	inventory_init(&inv);
	own_text(x, &own);
	if (buf_err(&own))
		rc = err_set(e, TQ_ETOOBIG, "the export is too large");
	if (!rc)
		rc = inventory_read_text(&inv, "export", buf_str(&own), e);
	if (!rc)
		rc = export_inventory(&inv, f, out, e);
	inventory_release(&inv);
	buf_release(&own);
	return rc;
}

/* ---- those of others: without what brokers make for themselves ---- */

static void apache_tables(struct jw *w, const struct inventory *inv)
{
	static const char *const tables[OBJ_KINDS] = {
		[OBJ_TOPIC] = "topicConfigTable", [OBJ_GROUP] = "subscriptionGroupTable"
	};

	for (int kind = OBJ_TOPIC; kind <= OBJ_GROUP; kind++) {
		jw_key(w, tables[kind]);
		jw_object(w);
		for (size_t i = 0; i < inv->n; i++) {
			const struct found *f = &inv->items[i];

			if ((int)f->kind != kind || f->bad || inventory_is_own(inv, f))
				continue;
			jw_key(w, f->name);
			if (kind == OBJ_TOPIC)
				topic_to_json(w, &f->topic);
			else
				group_to_json(w, &f->group);
		}
		jw_end(w);
	}
	jw_kv_int(w, "exportTime", inv->exported_ms ? inv->exported_ms : clock_wall_ms());
}

/* Of the configurations only what says how many brokers the numbers are sums over. */
static void combined(struct jw *w, const struct inventory *inv)
{
	jw_object(w);
	jw_key(w, "configs");
	jw_object(w);
	jw_key(w, "brokerConfigs");
	jw_object(w);
	jw_end(w);
	jw_key(w, "clusterScale");
	jw_object(w);
	jw_kv_int(w, "namesrvSize", 1);
	jw_kv_int(w, "masterBrokerSize", inv->masters);
	jw_kv_int(w, "slaveBrokerSize", 0);
	jw_end(w);
	jw_end(w);
	jw_key(w, "metadata");
	jw_object(w);
	apache_tables(w, inv);
	jw_end(w);
	jw_end(w);
}

/* Of one master, rounded up. Sums are whatever a source says: adding to them may overflow. */
static int share(int sum, int masters)
{
	return sum / masters + (sum % masters > 0);
}

static void huawei_topic(struct jw *w, const struct topic *t, int masters)
{
	jw_object(w);
	jw_kv_text(w, "topic_name", t->name);
	jw_kv_bool(w, "order", t->order);
	jw_kv_int(w, "perm", t->perm);
	jw_kv_int(w, "read_queue_nums", share(t->read_queues, masters));
	jw_kv_int(w, "write_queue_nums", share(t->write_queues, masters));
	jw_kv_text(w, "topic_filter_type", t->multi_tag ? "MULTI_TAG" : "SINGLE_TAG");
	jw_kv_int(w, "topic_sys_flag", t->sysflag);
	jw_key(w, "attributes");
	jw_object(w);
	if (t->type != TOPIC_MIXED)
		jw_kv_text(w, "message.type", topic_type_wire(t->type));
	jw_end(w);
	jw_end(w);
}

static void huawei_group(struct jw *w, const struct group *g)
{
	jw_object(w);
	jw_kv_text(w, "group_name", g->name);
	jw_kv_bool(w, "consume_broadcast_enable", g->broadcast);
	jw_kv_bool(w, "consume_enable", g->consume);
	jw_kv_bool(w, "consume_from_min_enable", g->consume_from_min);
	jw_kv_bool(w, "notify_consumer_ids_changed_enable", g->notify_changed);
	jw_kv_int(w, "retry_max_times", g->retry_max);
	jw_kv_int(w, "retry_queue_nums", g->retry_queues);
	jw_kv_int(w, "which_broker_when_consume_slow", g->slow_broker_id);
	jw_end(w);
}

/* Numbers are per broker in this one. */
static void huawei(struct jw *w, const struct inventory *inv)
{
	static const char *const tables[OBJ_KINDS] = {
		[OBJ_TOPIC] = "topic_config_table", [OBJ_GROUP] = "subscription_group_table"
	};

	jw_object(w);
	jw_kv_int(w, "export_time", inv->exported_ms ? inv->exported_ms : clock_wall_ms());
	for (int kind = OBJ_TOPIC; kind <= OBJ_GROUP; kind++) {
		jw_key(w, tables[kind]);
		jw_object(w);
		for (size_t i = 0; i < inv->n; i++) {
			const struct found *f = &inv->items[i];

			if ((int)f->kind != kind || f->bad || inventory_is_own(inv, f))
				continue;
			jw_key(w, f->name);
			if (kind == OBJ_TOPIC)
				huawei_topic(w, &f->topic, inv->masters);
			else
				huawei_group(w, &f->group);
		}
		jw_end(w);
	}
	jw_end(w);
}

int export_inventory(
	const struct inventory *inv, enum export_format f, struct buf *out, struct err *e)
{
	struct jw w = jw_init(out);

	switch (f) {
	case EXPORT_MQADMIN:
		jw_object(&w);
		apache_tables(&w, inv);
		jw_end(&w);
		break;
	case EXPORT_COMBINED:
		combined(&w, inv);
		break;
	case EXPORT_HUAWEI:
		huawei(&w, inv);
		break;
	case EXPORT_OWN:
		return err_set(e, TQ_EUNSUPPORTED,
			"an export of our own keeps a source's own words, which are not there");
	}
	buf_putc(out, '\n');
	return buf_err(out) ? err_set(e, TQ_ETOOBIG, "the export is too large") : 0;
}

int export_write(const char *path, struct str text, struct err *e)
{
	if (strcmp(path, "-") != 0)
		return fsio_replace(path, text, 0600, e);
	if (fwrite(text.p, 1, text.n, stdout) != text.n || fflush(stdout))
		return err_sys(e, TQ_EIO, "standard output");
	return 0;
}
