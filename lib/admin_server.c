/* SPDX-License-Identifier: Apache-2.0 */
/* admin_server: settings of brokers and name servers, texts, draining, cleaning. */
#include "admin_int.h"

size_t admin_nameservers(const struct admin *a, const char *const **out)
{
	*out = (const char *const *)a->nameservers.v;
	return a->nameservers.n;
}

int admin_ping(struct admin *a, const char *addr, int64_t *brokers, struct err *e)
{
	struct command rq;
	cJSON *doc = NULL;
	int rc;

	command_init(&rq, REQ_GET_BROKER_CLUSTER_INFO);
	rc = admin_call_json(a, addr, &rq, &doc, e);
	*brokers = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(doc, "brokerAddrTable"));
	cJSON_Delete(doc);
	return rc;
}

/* ---- settings ---- */

static int by_key(const void *x, const void *y)
{
	const struct kv *a = x, *b = y;

	return str_cmp(a->key, b->key);
}

/* "key=value" lines of Java properties. */
static void read_lines(struct str text, struct arena *mem, struct kvs *out)
{
	struct str line, key;
	size_t cap = 0;

	text = (struct str){ arena_strn(mem, text.p, text.n), text.n };
	*out = (struct kvs){ NULL, 0 };
	while (str_cut(&text, '\n', &line)) {
		line = str_trim(line);
		if (!line.n || line.p[0] == '#')
			continue;
		str_cut(&line, '=', &key);
		if (out->n == cap) {
			cap = cap ? cap * 2 : 64;
			out->v = arena_more(mem, out->v, out->n, cap, sizeof(*out->v));
		}
		out->v[out->n++] = (struct kv){ str_trim(key), str_trim(line) };
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_key);
}

int admin_config(struct admin *a, enum server_kind kind, const char *addr, struct arena *mem,
	struct kvs *out, struct err *e)
{
	struct command rq;
	struct reply *rp = NULL;
	int rc;

	command_init(
		&rq, kind == SERVER_BROKER ? REQ_GET_BROKER_CONFIG : REQ_GET_NAMESRV_CONFIG);
	rc = admin_call(a, addr, &rq, &rp, e);
	if (!rc)
		read_lines(rp->cmd.body, mem, out);
	reply_free(rp);
	return rc;
}

int admin_config_set(struct admin *a, enum server_kind kind, const char *addr,
	const struct strv *lines, struct err *e)
{
	struct command rq;
	struct buf body;
	int rc;

	command_init(&rq,
		kind == SERVER_BROKER ? REQ_UPDATE_BROKER_CONFIG : REQ_UPDATE_NAMESRV_CONFIG);
	buf_init(&body, 1 << 20);
	for (size_t i = 0; i < lines->n; i++)
		buf_addf(&body, "%s\n", lines->v[i]);
	rq.body = buf_str(&body);
	rc = admin_call(a, addr, &rq, NULL, e);
	buf_release(&body);
	return rc;
}

/* ---- texts of a name server ---- */

int admin_kv_list(struct admin *a, const char *addr, const char *space, struct arena *mem,
	struct kvs *out, struct err *e)
{
	const cJSON *j, *table;
	struct command rq;
	cJSON *doc = NULL;
	size_t n = 0;
	int rc;

	command_init(&rq, REQ_GET_KVLIST_BY_NAMESPACE);
	command_add(&rq, "namespace", str_of(space));
	rc = admin_call_json(a, addr, &rq, &doc, e);
	*out = (struct kvs){ NULL, 0 };
	if (rc == TQ_ENOTFOUND) {
		err_clear(e);
		return 0;
	}
	if (rc)
		return rc;
	table = cJSON_GetObjectItemCaseSensitive(doc, "table");
	out->v = arena_alloc(mem, ((size_t)cJSON_GetArraySize(table) + 1) * sizeof(*out->v));
	cJSON_ArrayForEach (j, table) {
		if (cJSON_IsString(j))
			out->v[n++] = (struct kv){ str_of(arena_str(mem, j->string)),
				str_of(arena_str(mem, j->valuestring)) };
	}
	out->n = n;
	if (n)
		qsort(out->v, n, sizeof(*out->v), by_key);
	cJSON_Delete(doc);
	return 0;
}

int admin_kv_put(struct admin *a, const char *addr, const char *space, const char *key,
	const char *value, struct err *e)
{
	struct command rq;

	command_init(&rq, value ? REQ_PUT_KV_CONFIG : REQ_DELETE_KV_CONFIG);
	command_add(&rq, "namespace", str_of(space));
	command_add(&rq, "key", str_of(key));
	if (value)
		command_add(&rq, "value", str_of(value));
	return admin_call(a, addr, &rq, NULL, e);
}

/* ---- draining, cleaning, lag ---- */

int admin_drain(struct admin *a, const char *addr, const char *broker, bool drain,
	int64_t *topics, struct err *e)
{
	struct command rq;
	struct reply *rp = NULL;
	int rc;

	command_init(&rq, drain ? REQ_WIPE_WRITE_PERM_OF_BROKER : REQ_ADD_WRITE_PERM_OF_BROKER);
	command_add(&rq, "brokerName", str_of(broker));
	rc = admin_call(a, addr, &rq, &rp, e);
	*topics = 0;
	if (!rc && str_to_i64(command_ext(&rp->cmd, drain ? "wipeTopicCount" : "addTopicCount"),
			   0, INT64_MAX, topics, "count", NULL))
		*topics = 0;
	reply_free(rp);
	return rc;
}

int admin_clean(struct admin *a, const char *addr, enum clean_what what, struct err *e)
{
	static const int codes[] = {
		[CLEAN_CONSUME_QUEUES] = REQ_CLEAN_EXPIRED_CONSUMEQUEUE,
		[CLEAN_COMMIT_LOG] = REQ_DELETE_EXPIRED_COMMITLOG,
		[CLEAN_UNUSED_TOPICS] = REQ_CLEAN_UNUSED_TOPIC,
	};
	struct command rq;

	command_init(&rq, codes[what]);
	return admin_call(a, addr, &rq, NULL, e);
}

static void add_lag(struct broker_lags *out, const char *group, const cJSON *table,
	struct arena *mem, size_t *cap)
{
	struct broker_lag *l = NULL;
	struct queue_id q;
	const cJSON *j;

	cJSON_ArrayForEach (j, table) {
		if (!queue_read(&q, j->string, mem))
			continue;
		if (!l || strcmp(l->topic, q.topic) != 0) {
			if (out->n == *cap) {
				*cap = *cap ? *cap * 2 : 64;
				out->v = arena_more(mem, out->v, out->n, *cap, sizeof(*out->v));
			}
			l = &out->v[out->n++];
			*l = (struct broker_lag){ arena_str(mem, group), q.topic, 0, 0 };
		}
		l->lag += MAX(
			json_int(j, "brokerOffset", 0) - json_int(j, "consumerOffset", 0), 0);
		l->last_ms = MAX(l->last_ms, json_int(j, "lastTimestamp", 0));
	}
}

int admin_broker_lag(struct admin *a, const char *addr, struct arena *mem,
	struct broker_lags *out, struct err *e)
{
	const cJSON *group, *topic, *map;
	struct command rq;
	cJSON *doc = NULL;
	size_t cap = 0;
	int rc;

	*out = (struct broker_lags){ NULL, 0 };
	command_init(&rq, REQ_GET_BROKER_CONSUME_STATS);
	command_add(&rq, "isOrder", STR("false"));
	rc = admin_call_json(a, addr, &rq, &doc, e);
	cJSON_ArrayForEach (map, cJSON_GetObjectItemCaseSensitive(doc, "consumeStatsList"))
		cJSON_ArrayForEach (group, map)
			cJSON_ArrayForEach (topic, group)
				add_lag(out, group->string,
					cJSON_GetObjectItemCaseSensitive(topic, "offsetTable"),
					mem, &cap);
	cJSON_Delete(doc);
	return rc;
}
