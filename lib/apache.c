/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four files are objects of fastjson's pretty form: a tab a level, no blank after a colon, the
 * whole numbers that are keys bare and on one line. They are built compact and then laid out.
 *
 *	config/topics.json		{"dataVersion":{..},"topicConfigTable":{NAME:{..}}}
 *	config/subscriptionGroup.json	{"dataVersion":{..},"subscriptionGroupTable":{NAME:{..}}}
 *	config/consumerOffset.json	{"offsetTable":{"TOPIC@GROUP":{QUEUE:OFFSET}}}
 *	config/delayOffset.json		{"offsetTable":{LEVEL:OFFSET}}
 */
#include "apache.h"

#include <ctype.h>

#include "crc.h"
#include "fsio.h"
#include "names.h"

#define FILE_MAX (256 << 20)
#define QUEUE_MAX 65535

const char *const apache_file_names[] = {
	[APACHE_TOPICS] = "config/topics.json",
	[APACHE_GROUPS] = "config/subscriptionGroup.json",
	[APACHE_OFFSETS] = "config/consumerOffset.json",
	[APACHE_DELAYS] = "config/delayOffset.json",
	[APACHE_FILES] = NULL,
};

/* ---- the tables ---- */

void apache_init(struct apache_config *c)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->mem);
	for (int i = 0; i < APACHE_LEVELS; i++)
		c->delays[i] = -1;
}

void apache_release(struct apache_config *c)
{
	mem_free(c->topics);
	mem_free(c->groups);
	mem_free(c->offsets);
	arena_release(&c->mem);
	memset(c, 0, sizeof(*c));
}

static void *room(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? 2 * *cap : 16;
	return mem_grow(v, *cap * size);
}

void apache_add_topic(struct apache_config *c, const struct topic *t)
{
	struct topic *to;

	c->topics = room(c->topics, c->n_topics, &c->cap_topics, sizeof(*c->topics));
	to = &c->topics[c->n_topics++];
	*to = *t;
	to->name = arena_str(&c->mem, t->name);
	to->remark = t->remark && t->remark[0] ? arena_str(&c->mem, t->remark) : NULL;
}

void apache_add_group(struct apache_config *c, const struct group *g)
{
	struct group *to;

	c->groups = room(c->groups, c->n_groups, &c->cap_groups, sizeof(*c->groups));
	to = &c->groups[c->n_groups++];
	*to = *g;
	to->name = arena_str(&c->mem, g->name);
	to->remark = g->remark && g->remark[0] ? arena_str(&c->mem, g->remark) : NULL;
}

void apache_add_offset(
	struct apache_config *c, struct str topic, struct str group, int queue, int64_t off)
{
	const struct apache_offset *last = c->n_offsets ? &c->offsets[c->n_offsets - 1] : NULL;
	struct apache_offset o = { .queue = queue, .off = off };
	bool same = last && str_is(topic, last->topic) && str_is(group, last->group);

	o.topic = same ? last->topic : arena_strn(&c->mem, topic.p, topic.n);
	o.group = same ? last->group : arena_strn(&c->mem, group.p, group.n);
	c->offsets = room(c->offsets, c->n_offsets, &c->cap_offsets, sizeof(*c->offsets));
	c->offsets[c->n_offsets++] = o;
}

static void refuse(struct apache_config *c, const struct err *e)
{
	if (!c->refused++)
		snprintf(c->why, sizeof(c->why), "%s", e->msg);
}

/* ---- reading ---- */

/* An absent table is an empty one. */
static int table(const cJSON *doc, const char *key, const cJSON **out, struct err *e)
{
	*out = cJSON_GetObjectItemCaseSensitive(doc, key);
	if (!*out || cJSON_IsNull(*out))
		return 0;
	return json_need_object(doc, key, out, e);
}

static void read_version(const cJSON *doc, struct apache_version *v)
{
	const cJSON *o = cJSON_GetObjectItemCaseSensitive(doc, "dataVersion");

	v->counter = MAX((int64_t)0, json_int(o, "counter", 0));
	v->timestamp_ms = MAX((int64_t)0, json_int(o, "timestamp", 0));
}

/* The key is the name, whatever the entry says. */
static void read_topic(struct apache_config *c, const cJSON *entry)
{
	struct err e = ERR_INIT;
	struct topic t;

	if (names_check_wire_topic(str_of(entry->string), &e) ||
		topic_from_json(&t, entry, &e)) {
		refuse(c, &e);
		return;
	}
	t.name = entry->string;
	apache_add_topic(c, &t);
}

static void read_group(struct apache_config *c, const cJSON *entry)
{
	struct err e = ERR_INIT;
	struct group g;

	if (names_check_wire_group(str_of(entry->string), &e) ||
		group_from_json(&g, entry, &e)) {
		refuse(c, &e);
		return;
	}
	g.name = entry->string;
	apache_add_group(c, &g);
}

static int read_queue(const cJSON *node, int *queue, int64_t *off, struct err *e)
{
	int64_t n = 0;
	int rc = str_to_i64(str_of(node->string), 0, QUEUE_MAX, &n, "queue", e);

	if (!rc && (!json_node_int(node, off) || *off < 0))
		rc = err_set(e, TQ_EFORMAT, "'%s': no offset", node->string);
	*queue = (int)n;
	return rc;
}

static void read_pair(struct apache_config *c, const cJSON *entry)
{
	struct str group = str_of(entry->string), topic;
	struct err e = ERR_INIT;
	const cJSON *node;
	int64_t off = 0;
	int queue;

	str_cut(&group, '@', &topic);
	if (names_check_wire_topic(topic, &e) || names_check_wire_group(group, &e)) {
		refuse(c, &e);
		return;
	}
	cJSON_ArrayForEach (node, entry) {
		if (read_queue(node, &queue, &off, &e))
			refuse(c, &e);
		else
			apache_add_offset(c, topic, group, queue, off);
	}
}

static void read_level(struct apache_config *c, const cJSON *node)
{
	struct err e = ERR_INIT;
	int64_t level, off;

	if (str_to_i64(str_of(node->string), 1, APACHE_LEVELS, &level, "level", &e)) {
		refuse(c, &e);
	} else if (!json_node_int(node, &off) || off < 0) {
		err_set(&e, TQ_EFORMAT, "level %s: no offset", node->string);
		refuse(c, &e);
	} else {
		c->delays[level - 1] = off;
	}
}

static const struct reader {
	const char *key;
	void (*read)(struct apache_config *c, const cJSON *entry);
} readers[] = {
	[APACHE_TOPICS] = { "topicConfigTable", read_topic },
	[APACHE_GROUPS] = { "subscriptionGroupTable", read_group },
	[APACHE_OFFSETS] = { "offsetTable", read_pair },
	[APACHE_DELAYS] = { "offsetTable", read_level },
};

int apache_parse(struct apache_config *c, enum apache_file f, struct str text, struct err *e)
{
	const cJSON *entries = NULL, *entry;
	cJSON *doc = NULL;
	int rc = json_parse(text, JSON_LOOSE, &doc, e);

	if (!rc && !cJSON_IsObject(doc))
		rc = err_set(e, TQ_EFORMAT, "not an object");
	if (!rc)
		rc = table(doc, readers[f].key, &entries, e);
	if (!rc) {
		if (f == APACHE_TOPICS)
			read_version(doc, &c->topics_version);
		else if (f == APACHE_GROUPS)
			read_version(doc, &c->groups_version);
		cJSON_ArrayForEach (entry, entries)
			readers[f].read(c, entry);
	}
	cJSON_Delete(doc);
	return rc;
}

/* ---- writing ---- */

static void line(struct buf *out, int depth)
{
	buf_putc(out, '\n');
	while (depth-- > 0)
		buf_putc(out, '\t');
}

static bool bare_key(const char *p)
{
	return isdigit((unsigned char)*p) || *p == '-';
}

/* Compact text to fastjson's pretty form. The text is our own: no blanks, no lists. */
static void lay_out(struct str s, struct buf *out)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (quoted) {
			buf_putc(out, c);
			if (c == '\\' && i + 1 < s.n)
				buf_putc(out, s.p[++i]);
			else if (c == '"')
				quoted = false;
			continue;
		}
		if (c == '}' && s.p[i - 1] != '{')
			line(out, depth - 1);
		buf_putc(out, c);
		quoted = c == '"';
		depth += (c == '{') - (c == '}');
		if ((c == '{' || c == ',') && i + 1 < s.n && s.p[i + 1] != '}' &&
			!bare_key(s.p + i + 1))
			line(out, depth);
	}
}

static void print_version(struct jw *w, const struct apache_version *v)
{
	jw_key(w, "dataVersion");
	jw_object(w);
	jw_kv_int(w, "counter", v->counter);
	jw_kv_int(w, "timestamp", v->timestamp_ms);
	jw_end(w);
}

static void print_offsets(const struct apache_config *c, struct jw *w)
{
	for (size_t i = 0; i < c->n_offsets; i++) {
		const struct apache_offset *o = &c->offsets[i], *last = i ? o - 1 : NULL;
		bool same = last && !strcmp(o->topic, last->topic) &&
			    !strcmp(o->group, last->group);
		char key[2 * WIRE_TOPIC_MAX + 2];

		if (!same) {
			if (last)
				jw_end(w);
			snprintf(key, sizeof(key), "%s@%s", o->topic, o->group);
			jw_key(w, key);
			jw_object(w);
		}
		jw_key_int(w, o->queue);
		jw_int(w, o->off);
	}
	if (c->n_offsets)
		jw_end(w);
}

void apache_print(const struct apache_config *c, enum apache_file f, struct buf *out)
{
	struct buf compact;
	struct jw w;

	buf_init(&compact, FILE_MAX);
	w = jw_init(&compact);
	jw_object(&w);
	if (f == APACHE_TOPICS)
		print_version(&w, &c->topics_version);
	else if (f == APACHE_GROUPS)
		print_version(&w, &c->groups_version);
	jw_key(&w, readers[f].key);
	jw_object(&w);
	for (size_t i = 0; f == APACHE_TOPICS && i < c->n_topics; i++) {
		jw_key(&w, c->topics[i].name);
		topic_to_json(&w, &c->topics[i]);
	}
	for (size_t i = 0; f == APACHE_GROUPS && i < c->n_groups; i++) {
		jw_key(&w, c->groups[i].name);
		group_to_json(&w, &c->groups[i]);
	}
	if (f == APACHE_OFFSETS)
		print_offsets(c, &w);
	for (int i = 0; f == APACHE_DELAYS && i < APACHE_LEVELS; i++)
		if (c->delays[i] >= 0) {
			jw_key_int(&w, i + 1);
			jw_int(&w, c->delays[i]);
		}
	jw_end(&w);
	jw_end(&w);
	lay_out(buf_str(&compact), out);
	buf_release(&compact);
}

/* ---- files ---- */

static void digest(struct apache_config *c, enum apache_file f, struct str text)
{
	c->there[f] = true;
	c->digest = c->digest * 31 + crc_32(text.p, text.n) + (uint32_t)f;
}

static bool is_blank(struct str s)
{
	while (s.n && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return !s.n;
}

/* TQ_ENOTFOUND: not there, or nothing in it. What a refused file left in the tables goes again. */
static int load_one(
	struct apache_config *c, enum apache_file f, const char *path, struct err *e)
{
	struct apache_config before = *c;
	struct buf text;
	int rc;

	buf_init(&text, FILE_MAX);
	rc = fsio_read_file(path, FILE_MAX, &text, e);
	if (!rc && is_blank(buf_str(&text)))
		rc = TQ_ENOTFOUND;
	else if (!rc)
		rc = apache_parse(c, f, buf_str(&text), e);
	if (!rc) {
		digest(c, f, buf_str(&text));
	} else {
		c->n_topics = before.n_topics;
		c->n_groups = before.n_groups;
		c->n_offsets = before.n_offsets;
		c->refused = before.refused;
	}
	buf_release(&text);
	return rc;
}

int apache_load(struct apache_config *c, const char *dir, struct err *e)
{
	int rc = 0;

	for (int f = 0; !rc && f < APACHE_FILES; f++) {
		char *path = mem_fmt("%s/%s", dir, apache_file_names[f]);
		char *bak = mem_fmt("%s.bak", path);
		struct err first = ERR_INIT, second = ERR_INIT;
		int why = load_one(c, f, path, &first);

		if (why && load_one(c, f, bak, &second) && why != TQ_ENOTFOUND) {
			*e = first;
			rc = err_wrap(e, "'%s', and its .bak is of no use either", path);
		}
		mem_free(bak);
		mem_free(path);
	}
	return rc;
}

static int save_one(
	struct apache_config *c, enum apache_file f, const char *path, struct err *e)
{
	char *bak = mem_fmt("%s.bak", path);
	struct buf text, old;
	int rc;

	buf_init(&text, FILE_MAX);
	buf_init(&old, FILE_MAX);
	apache_print(c, f, &text);
	rc = fsio_read_file(path, FILE_MAX, &old, e);
	if (!rc && !str_eq(buf_str(&old), buf_str(&text)))
		rc = fsio_replace(bak, buf_str(&old), 0640, e);
	else if (rc == TQ_ENOTFOUND)
		rc = 0;
	if (!rc && buf_err(&text))
		rc = err_set(e, TQ_ETOOBIG, "'%s' would be too large", path);
	if (!rc)
		rc = fsio_replace(path, buf_str(&text), 0640, e);
	if (!rc)
		digest(c, f, buf_str(&text));
	buf_release(&old);
	buf_release(&text);
	mem_free(bak);
	return rc;
}

int apache_save(struct apache_config *c, const char *dir, struct err *e)
{
	char *config = mem_fmt("%s/config", dir);
	int rc = fsio_mkdirs(config, 0750, e);

	c->digest = 0;
	for (int f = 0; !rc && f < APACHE_FILES; f++) {
		char *path = mem_fmt("%s/%s", dir, apache_file_names[f]);

		rc = save_one(c, f, path, e);
		mem_free(path);
	}
	mem_free(config);
	return rc;
}
