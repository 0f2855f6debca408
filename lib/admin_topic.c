/* SPDX-License-Identifier: Apache-2.0 */
/* admin: topics, their routes and queues. */
#include "admin_int.h"
#include "names.h"

struct topic_row {
	struct topic t;
	const char *broker;
};

struct topic_rows {
	struct arena *mem;
	struct topic_row *v; /* owned */
	size_t n, cap;
};

static void read_topics(void *arg, const struct broker *b, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "topicConfigTable"), *j;
	struct topic_rows *rows = arg;

	rows->cap += (size_t)cJSON_GetArraySize(table);
	rows->v = mem_grow(rows->v, (rows->cap + 1) * sizeof(*rows->v));
	cJSON_ArrayForEach (j, table) {
		struct topic_row *row = &rows->v[rows->n];

		if (topic_from_json(&row->t, j, NULL) || !row->t.name || !*row->t.name)
			continue;
		row->t.name = arena_str(rows->mem, row->t.name);
		row->t.remark = arena_str(rows->mem, row->t.remark);
		row->broker = b->name;
		rows->n++;
	}
}

static int by_topic_name(const void *x, const void *y)
{
	const struct topic_row *p = x, *q = y;
	int d = strcmp(p->t.name, q->t.name);

	return d ? d : strcmp(p->broker, q->broker);
}

/* Rows of one name become one topic. */
static void merge_topics(struct topic_rows *rows, struct topics *out)
{
	struct topic_at *at = arena_alloc(rows->mem, rows->n * sizeof(*at));

	if (rows->n)
		qsort(rows->v, rows->n, sizeof(*rows->v), by_topic_name);
	out->n = 0;
	out->v = arena_alloc(rows->mem, rows->n * sizeof(*out->v));
	for (size_t i = 0; i < rows->n; i++) {
		const struct topic_row *r = &rows->v[i];
		struct topic_info *t = out->n ? &out->v[out->n - 1] : NULL;

		at[i] = (struct topic_at){ r->broker, r->t.read_queues, r->t.write_queues,
			r->t.perm };
		if (!t || strcmp(t->t.name, r->t.name)) {
			out->v[out->n++] = (struct topic_info){ r->t, &at[i], 1 };
			continue;
		}
		t->t.read_queues += r->t.read_queues;
		t->t.write_queues += r->t.write_queues;
		t->n_at++;
	}
}

int admin_topics(struct admin *a, struct arena *mem, struct topics *out, struct err *e)
{
	struct topic_rows rows = { .mem = mem };
	struct command rq;
	struct fan f;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_GET_ALL_TOPIC_CONFIG);
	rc = fan_cluster(a, &rq, 0, &f, e);
	if (!rc)
		rc = fan_read(&f, read_topics, &rows, e);
	if (!rc)
		merge_topics(&rows, out);
	fan_release(&f);
	mem_free(rows.v);
	return rc;
}

int admin_topic(struct admin *a, const char *name, struct arena *mem, struct topic_info *out,
	struct err *e)
{
	struct topics all;
	struct str ns, local;
	int rc = admin_topics(a, mem, &all, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < all.n; i++)
		if (!strcmp(all.v[i].t.name, name)) {
			*out = all.v[i];
			return 0;
		}
	names_split(str_of(name), &ns, &local);
	rc = err_set(e, TQ_ENOTOPIC, "no topic '" STR_FMT "' in namespace '" STR_FMT "'",
		STR_ARG(local), STR_ARG(ns));
	admin_suggest(e, name, all.v ? &all.v[0].t.name : NULL, all.n, sizeof(*all.v), "topic");
	return rc;
}

static void read_route(struct route *out, const cJSON *doc, struct arena *mem)
{
	const cJSON *brokers = cJSON_GetObjectItemCaseSensitive(doc, "brokerDatas");
	const cJSON *queues = cJSON_GetObjectItemCaseSensitive(doc, "queueDatas"), *j;

	out->brokers =
		arena_alloc(mem, (size_t)cJSON_GetArraySize(brokers) * sizeof(*out->brokers));
	out->queues =
		arena_alloc(mem, (size_t)cJSON_GetArraySize(queues) * sizeof(*out->queues));
	cJSON_ArrayForEach (j, brokers)
		broker_read(&out->brokers[out->n_brokers++], j, json_text(j, "brokerName", ""),
			mem);
	cJSON_ArrayForEach (j, queues)
		out->queues[out->n_queues++] = (struct route_queue){
			arena_str(mem, json_text(j, "brokerName", "")),
			(int)json_int(j, "readQueueNums", 0),
			(int)json_int(j, "writeQueueNums", 0),
			(int)json_int(j, "perm", 0),
		};
	if (out->n_brokers)
		qsort(out->brokers, out->n_brokers, sizeof(*out->brokers), broker_by_name);
}

int admin_route(
	struct admin *a, const char *topic, struct arena *mem, struct route *out, struct err *e)
{
	struct command rq;
	cJSON *doc;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_GET_ROUTEINFO_BY_TOPIC);
	command_add(&rq, "topic", str_of(topic));
	rc = admin_call_json(a, NULL, &rq, &doc, e);
	if (rc)
		return rc;
	read_route(out, doc, mem);
	cJSON_Delete(doc);
	return 0;
}

const char *route_addr(const struct route *r, const char *broker)
{
	for (size_t i = 0; i < r->n_brokers; i++)
		if (!strcmp(r->brokers[i].name, broker))
			return r->brokers[i].addr;
	return NULL;
}

struct stats_reader {
	struct arena *mem;
	struct queue_stats *out;
	size_t cap;
};

static void read_stats(void *arg, const struct broker *b UNUSED, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "offsetTable"), *j;
	struct stats_reader *r = arg;

	r->cap += (size_t)cJSON_GetArraySize(table);
	r->out->v = arena_more(r->mem, r->out->v, r->out->n, r->cap, sizeof(*r->out->v));
	cJSON_ArrayForEach (j, table) {
		struct queue_stat *s = &r->out->v[r->out->n];

		if (!queue_read(&s->q, j->string, r->mem))
			continue;
		s->min = json_int(j, "minOffset", 0);
		s->max = json_int(j, "maxOffset", 0);
		s->last_ms = json_int(j, "lastUpdateTimestamp", 0);
		r->out->n++;
	}
}

/* The request to the masters of the topic's route. */
int fan_route(struct admin *a, const char *topic, struct command *rq, int fine,
	struct arena *mem, struct fan *f, struct err *e)
{
	struct route route;
	int rc = admin_route(a, topic, mem, &route, e);

	memset(f, 0, sizeof(*f));
	if (!rc && !route.n_brokers)
		rc = err_set(e, TQ_ENOTOPIC, "no broker has topic '%s'", topic);
	return rc ? rc : fan_out(a, route.brokers, route.n_brokers, rq, fine, f, e);
}

int admin_topic_stats(struct admin *a, const char *topic, struct arena *mem,
	struct queue_stats *out, struct err *e)
{
	struct stats_reader r = { mem, out, 0 };
	struct command rq;
	struct fan f;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_GET_TOPIC_STATS_INFO);
	command_add(&rq, "topic", str_of(topic));
	rc = fan_route(a, topic, &rq, TQ_ENOTOPIC, mem, &f, e);
	if (!rc)
		rc = fan_read(&f, read_stats, &r, e);
	if (!rc && out->n)
		qsort(out->v, out->n, sizeof(*out->v), queue_by_place);
	fan_release(&f);
	return rc;
}

static void read_names(void *arg, const struct broker *b UNUSED, const cJSON *doc)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(doc, "groupList"), *j;
	struct strv *v = arg;

	cJSON_ArrayForEach (j, list)
		if (cJSON_IsString(j) && !strv_has(v, str_of(j->valuestring)))
			strv_add(v, str_of(j->valuestring));
}

int admin_topic_groups(struct admin *a, const char *topic, struct arena *mem, const char ***out,
	size_t *n, struct err *e)
{
	struct strv v = strv_in(mem);
	struct command rq;
	struct fan f;
	int rc;

	command_init(&rq, REQ_QUERY_TOPIC_CONSUME_BY_WHO);
	command_add(&rq, "topic", str_of(topic));
	rc = fan_route(a, topic, &rq, TQ_ENOTOPIC, mem, &f, e);
	if (!rc)
		rc = fan_read(&f, read_names, &v, e);
	strv_sort(&v);
	*out = (const char **)v.v;
	*n = v.n;
	fan_release(&f);
	return rc;
}

void admin_topic_request(struct command *rq, const struct topic *t, struct arena *mem)
{
	command_init(rq, REQ_UPDATE_AND_CREATE_TOPIC);
	command_add(rq, "topic", str_of(t->name));
	command_add(rq, "defaultTopic", STR(NAMES_TEMPLATE));
	command_add(rq, "readQueueNums", text_of_number(mem, t->read_queues));
	command_add(rq, "writeQueueNums", text_of_number(mem, t->write_queues));
	command_add(rq, "perm", text_of_number(mem, t->perm));
	command_add(rq, "topicFilterType", str_of(t->multi_tag ? "MULTI_TAG" : "SINGLE_TAG"));
	command_add(rq, "topicSysFlag", text_of_number(mem, t->sysflag));
	command_add(rq, "order", text_of_bool(t->order));
	if (t->type != TOPIC_MIXED)
		command_add(rq, "attributes",
			str_of(arena_fmt(mem, "+message.type=%s", topic_type_wire(t->type))));
	if (t->remark && *t->remark)
		command_add(rq, "remark", str_of(t->remark));
}

int admin_topic_save(struct admin *a, const struct topic *t, struct err *e)
{
	struct command rq;
	struct arena mem;
	int rc;

	arena_init(&mem);
	admin_topic_request(&rq, t, &mem);
	rc = admin_change_all(a, &rq, e);
	arena_release(&mem);
	return rc;
}

/* Every name server forgets the topic; the first failure is the error. */
static int delete_route(struct admin *a, const char *name, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < a->nameservers.n; i++) {
		struct command rq;
		struct err one = ERR_INIT;

		command_init(&rq, REQ_DELETE_TOPIC_IN_NAMESRV);
		command_add(&rq, "topic", str_of(name));
		if (admin_call(a, a->nameservers.v[i], &rq, NULL, &one) && !rc) {
			rc = one.code;
			if (e)
				*e = one;
		}
	}
	return rc;
}

int admin_topic_delete(struct admin *a, const char *name, struct err *e)
{
	struct command rq;
	int rc;

	command_init(&rq, REQ_DELETE_TOPIC_IN_BROKER);
	command_add(&rq, "topic", str_of(name));
	rc = admin_change_all(a, &rq, e);
	return rc ? rc : delete_route(a, name, e);
}
