/* SPDX-License-Identifier: Apache-2.0 */
/* shape: see shape.h. Nothing here allocates; what it returns is borrowed from the document. */
#include "shape.h"

#include <strings.h>

static const char *const types[] = { "a whole number", "true or false", "a text", "an object",
	"a list" };

const cJSON *shape_get(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	return cJSON_IsNull(v) ? NULL : v;
}

const char *shape_kind(const cJSON *v)
{
	if (cJSON_IsObject(v))
		return "an object";
	if (cJSON_IsArray(v))
		return "a list";
	if (cJSON_IsString(v))
		return "a text";
	if (cJSON_IsBool(v))
		return "true or false";
	return cJSON_IsNull(v) ? "null" : "a number";
}

static bool is(const cJSON *v, enum shape_type type)
{
	int64_t n;

	switch (type) {
	case SHAPE_INT:
		return json_node_int(v, &n);
	case SHAPE_BOOL:
		return cJSON_IsBool(v) ||
		       (cJSON_IsString(v) && (!strcmp(v->valuestring, "true") ||
						     !strcmp(v->valuestring, "false")));
	case SHAPE_TEXT:
		return cJSON_IsString(v);
	case SHAPE_OBJECT:
		return cJSON_IsObject(v);
	case SHAPE_LIST:
		return cJSON_IsArray(v);
	}
	return false;
}

int shape_check(const cJSON *entry, const struct shape_member *m, struct err *e)
{
	if (!cJSON_IsObject(entry))
		return err_set(
			e, TQ_EFORMAT, "expected an object, found %s", shape_kind(entry));
	for (; m->key; m++) {
		const cJSON *v = shape_get(entry, m->key);

		if (!v && m->required)
			return err_set(e, TQ_EFORMAT, "'%s' is missing", m->key);
		if (v && !is(v, m->type))
			return err_set(e, TQ_EFORMAT, "'%s': expected %s, found %s", m->key,
				types[m->type], shape_kind(v));
	}
	return 0;
}

int shape_list(const cJSON *o, const char *key, const cJSON **out, struct err *e)
{
	const cJSON *v = shape_get(o, key);

	*out = NULL;
	if (!v)
		return 0;
	if (!cJSON_IsArray(v))
		return err_set(
			e, TQ_EFORMAT, "'%s': expected a list, found %s", key, shape_kind(v));
	if (cJSON_GetArraySize(v) > SOURCE_MAX_ITEMS)
		return err_set(
			e, TQ_ETOOBIG, "'%s': more than %d entries", key, SOURCE_MAX_ITEMS);
	*out = v;
	return 0;
}

int shape_topic_type(const char *text)
{
	static const struct {
		const char *word;
		int type;
	} words[] = {
		{ "globalorder", TOPIC_FIFO },
		{ "partitionedorder", TOPIC_FIFO },
		{ "delayscheduled", TOPIC_DELAY },
		{ "0", TOPIC_NORMAL },
		{ "1", TOPIC_FIFO },
		{ "2", TOPIC_FIFO },
		{ "4", TOPIC_TRANSACTION },
		{ "5", TOPIC_DELAY },
	};

	for (int i = 0; topic_type_names[i]; i++)
		if (!strcasecmp(text, topic_type_names[i]))
			return i;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (!strcasecmp(text, words[i].word))
			return words[i].type;
	return -1;
}

const cJSON *shape_export(const cJSON *doc, const char *kind)
{
	const cJSON *body = shape_get(doc, kind);

	return source_is_export(doc) && cJSON_IsObject(body) ? body : NULL;
}
