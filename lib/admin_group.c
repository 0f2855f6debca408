/* SPDX-License-Identifier: Apache-2.0 */
/* admin: consumer groups, their lag and members. */
#include "admin_int.h"
#include "names.h"

struct group_rows {
	struct arena *mem;
	struct groups *out;
	size_t cap;
};

static void read_groups(void *arg, const struct broker *b UNUSED, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "subscriptionGroupTable"),
		    *j;
	struct group_rows *r = arg;

	r->cap += (size_t)cJSON_GetArraySize(table);
	r->out->v = arena_more(r->mem, r->out->v, r->out->n, r->cap, sizeof(*r->out->v));
	cJSON_ArrayForEach (j, table) {
		struct group *g = &r->out->v[r->out->n];

		if (group_from_json(g, j, NULL) || !g->name || !*g->name)
			continue;
		g->name = arena_str(r->mem, g->name);
		g->remark = arena_str(r->mem, g->remark);
		r->out->n++;
	}
}

static int by_group_name(const void *x, const void *y)
{
	return strcmp(((const struct group *)x)->name, ((const struct group *)y)->name);
}

int admin_groups(struct admin *a, struct arena *mem, struct groups *out, struct err *e)
{
	struct group_rows r = { mem, out, 0 };
	struct command rq;
	struct fan f;
	size_t kept = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_GET_ALL_SUBSCRIPTIONGROUP_CONFIG);
	rc = fan_cluster(a, &rq, 0, &f, e);
	if (!rc)
		rc = fan_read(&f, read_groups, &r, e);
	fan_release(&f);
	if (rc || !out->n)
		return rc;
	qsort(out->v, out->n, sizeof(*out->v), by_group_name);
	out->brokers = arena_alloc(mem, out->n * sizeof(*out->brokers));
	out->brokers[0] = 1;
	for (size_t i = 1; i < out->n; i++) { /* each once, as one broker has it */
		if (strcmp(out->v[kept].name, out->v[i].name))
			out->v[++kept] = out->v[i];
		out->brokers[kept]++;
	}
	out->n = kept + 1;
	return 0;
}

int admin_group(
	struct admin *a, const char *name, struct arena *mem, struct group *out, struct err *e)
{
	struct groups all;
	struct str ns, local;
	int rc = admin_groups(a, mem, &all, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < all.n; i++)
		if (!strcmp(all.v[i].name, name)) {
			*out = all.v[i];
			return 0;
		}
	names_split(str_of(name), &ns, &local);
	rc = err_set(e, TQ_ENOGROUP, "no group '" STR_FMT "' in namespace '" STR_FMT "'",
		STR_ARG(local), STR_ARG(ns));
	admin_suggest(e, name, all.v ? &all.v[0].name : NULL, all.n, sizeof(*all.v), "group");
	return rc;
}

void admin_group_request(struct command *rq, const struct group *g, struct arena *mem)
{
	struct buf b;
	struct jw w;

	buf_init(&b, FRAME_MAX);
	w = jw_init(&b);
	group_to_json(&w, g);
	command_init(rq, REQ_UPDATE_AND_CREATE_SUBSCRIPTIONGROUP);
	rq->body.n = b.n;
	rq->body.p = buf_move(&b, mem);
}

int admin_group_save(struct admin *a, const struct group *g, struct err *e)
{
	struct command rq;
	struct arena mem;
	int rc;

	arena_init(&mem);
	admin_group_request(&rq, g, &mem);
	rc = admin_change_all(a, &rq, e);
	arena_release(&mem);
	return rc;
}

int admin_group_delete(struct admin *a, const char *name, bool offsets, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_DELETE_SUBSCRIPTIONGROUP);
	command_add(&rq, "groupName", str_of(name));
	command_add(&rq, "removeOffset", text_of_bool(offsets));
	return admin_change_all(a, &rq, e);
}

struct lag_reader {
	struct arena *mem;
	struct lag *out;
	size_t cap;
};

static void read_lag(void *arg, const struct broker *b UNUSED, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "offsetTable"), *j;
	const cJSON *tps = cJSON_GetObjectItemCaseSensitive(doc, "consumeTps");
	struct lag_reader *r = arg;

	r->out->tps += cJSON_IsNumber(tps) ? tps->valuedouble : 0;
	r->cap += (size_t)cJSON_GetArraySize(table);
	r->out->v = arena_more(r->mem, r->out->v, r->out->n, r->cap, sizeof(*r->out->v));
	cJSON_ArrayForEach (j, table) {
		struct queue_lag *l = &r->out->v[r->out->n];

		if (!queue_read(&l->q, j->string, r->mem))
			continue;
		l->broker_off = json_int(j, "brokerOffset", 0);
		l->consumer_off = json_int(j, "consumerOffset", 0);
		l->last_ms = json_int(j, "lastTimestamp", 0);
		r->out->n++;
	}
}

int admin_lag(struct admin *a, const char *group, const char *topic, struct arena *mem,
	struct lag *out, struct err *e)
{
	struct lag_reader r = { mem, out, 0 };
	struct command rq;
	struct fan f;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_GET_CONSUME_STATS);
	command_add(&rq, "consumerGroup", str_of(group));
	command_add(&rq, "topic", str_of(topic));
	rc = fan_cluster(a, &rq, TQ_ENOTOPIC, &f, e);
	if (!rc)
		rc = fan_read(&f, read_lag, &r, e);
	if (!rc && out->n)
		qsort(out->v, out->n, sizeof(*out->v), queue_by_place);
	fan_release(&f);
	return rc;
}

struct members_reader {
	struct arena *mem;
	struct members *out;
	size_t cap, cap_subs;
};

static bool has_member(const struct members *m, const char *id)
{
	for (size_t i = 0; i < m->n; i++)
		if (!strcmp(m->v[i].id, id))
			return true;
	return false;
}

static int read_language(const cJSON *conn)
{
	const cJSON *j = cJSON_GetObjectItemCaseSensitive(conn, "language");

	if (cJSON_IsString(j))
		return language_from_name(j->valuestring, strlen(j->valuestring));
	return (int)json_int(conn, "language", LANG_OTHER);
}

static void read_connections(struct members_reader *r, const cJSON *list)
{
	struct members *m = r->out;
	const cJSON *j;

	r->cap += (size_t)cJSON_GetArraySize(list);
	m->v = arena_more(r->mem, m->v, m->n, r->cap, sizeof(*m->v));
	cJSON_ArrayForEach (j, list) {
		const char *id = json_text(j, "clientId", "");

		if (has_member(m, id)) /* seen by several brokers */
			continue;
		m->v[m->n++] = (struct member){ arena_str(r->mem, id),
			arena_str(r->mem, json_text(j, "clientAddr", "")), read_language(j),
			(int)json_int(j, "version", 0) };
	}
}

static bool has_sub(const struct members *m, const char *topic)
{
	for (size_t i = 0; i < m->n_subs; i++)
		if (!strcmp(m->subs[i].topic, topic))
			return true;
	return false;
}

static void read_subscriptions(struct members_reader *r, const cJSON *table)
{
	struct members *m = r->out;
	const cJSON *j;

	r->cap_subs += (size_t)cJSON_GetArraySize(table);
	m->subs = arena_more(r->mem, m->subs, m->n_subs, r->cap_subs, sizeof(*m->subs));
	cJSON_ArrayForEach (j, table) {
		if (!j->string || has_sub(m, j->string))
			continue;
		m->subs[m->n_subs++] = (struct subscription){ arena_str(r->mem, j->string),
			arena_str(r->mem, json_text(j, "subString", "*")),
			arena_str(r->mem, json_text(j, "expressionType", "TAG")),
			json_int(j, "subVersion", 0) };
	}
}

static void read_members(void *arg, const struct broker *b UNUSED, const cJSON *doc)
{
	struct members_reader *r = arg;

	read_connections(r, cJSON_GetObjectItemCaseSensitive(doc, "connectionSet"));
	read_subscriptions(r, cJSON_GetObjectItemCaseSensitive(doc, "subscriptionTable"));
	r->out->model = arena_str(r->mem, json_text(doc, "messageModel", r->out->model));
	r->out->type = arena_str(r->mem, json_text(doc, "consumeType", r->out->type));
	r->out->from = arena_str(r->mem, json_text(doc, "consumeFromWhere", r->out->from));
}

static int by_member_id(const void *x, const void *y)
{
	return strcmp(((const struct member *)x)->id, ((const struct member *)y)->id);
}

static int by_sub_topic(const void *x, const void *y)
{
	return strcmp(((const struct subscription *)x)->topic,
		((const struct subscription *)y)->topic);
}

int admin_members(struct admin *a, const char *group, struct arena *mem, struct members *out,
	struct err *e)
{
	struct members_reader r = { mem, out, 0, 0 };
	struct command rq;
	struct fan f;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_GET_CONSUMER_CONNECTION_LIST);
	command_add(&rq, "consumerGroup", str_of(group));
	rc = fan_cluster(a, &rq, TQ_EOFFLINE, &f, e);
	if (!rc)
		rc = fan_read(&f, read_members, &r, e);
	if (!rc && out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_member_id);
	if (!rc && out->n_subs)
		qsort(out->subs, out->n_subs, sizeof(*out->subs), by_sub_topic);
	fan_release(&f);
	return rc;
}

/* ---- producers ---- */

struct senders_reader {
	struct arena *mem;
	struct senders *out;
	size_t cap;
};

/* "/10.0.0.7:51622", as Java prints an address. */
static const char *read_address(struct arena *mem, const char *text)
{
	const char *slash = strrchr(text, '/');

	return arena_str(mem, slash ? slash + 1 : text);
}

static void read_senders(void *arg, const struct broker *b UNUSED, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "data"), *list, *j;
	struct senders_reader *r = arg;
	struct senders *out = r->out;

	cJSON_ArrayForEach (list, table) {
		const char *group = list->string ? arena_str(r->mem, list->string) : "";

		r->cap += (size_t)cJSON_GetArraySize(list);
		out->v = arena_more(r->mem, out->v, out->n, r->cap, sizeof(*out->v));
		cJSON_ArrayForEach (j, list)
			out->v[out->n++] = (struct sender){ group,
				arena_str(r->mem, json_text(j, "clientId", "")),
				read_address(r->mem, json_text(j, "remoteIP", "")),
				json_int(j, "lastUpdateTimestamp", 0) };
	}
}

static int by_sender(const void *x, const void *y)
{
	const struct sender *a = x, *b = y;
	int c = strcmp(a->group, b->group);

	return c ? c : strcmp(a->id, b->id);
}

int admin_senders(struct admin *a, struct arena *mem, struct senders *out, struct err *e)
{
	struct senders_reader r = { mem, out, 0 };
	struct command rq;
	struct fan f;
	size_t n = 0;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_GET_ALL_PRODUCER_INFO);
	rc = fan_cluster(a, &rq, 0, &f, e);
	if (!rc)
		rc = fan_read(&f, read_senders, &r, e);
	fan_release(&f);
	if (rc || !out->n)
		return rc;
	qsort(out->v, out->n, sizeof(*out->v), by_sender);
	for (size_t i = 0; i < out->n; i++) /* a client is connected to every broker */
		if (!i || by_sender(&out->v[i], &out->v[n - 1]))
			out->v[n++] = out->v[i];
	out->n = n;
	return 0;
}
