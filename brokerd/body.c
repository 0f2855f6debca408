/* SPDX-License-Identifier: Apache-2.0 */
/* body: see body.h. Layouts are those of fastjson: one line, keys in alphabetical order. */
#include "body.h"

#include "brokerd/broker.h"
#include "names.h"

#define ANSWER_MAX (FRAME_MAX - 65536) /* leaves room for the header */

int body_parse(struct request *rq, cJSON **out)
{
	int rc;

	*out = NULL;
	if (!rq->cmd->body.n)
		return err_set(&rq->err, TQ_EINVAL, "the request has no body");
	rc = json_parse(rq->cmd->body, JSON_LOOSE, out, &rq->err);
	if (rc)
		return err_wrap(&rq->err, "body");
	if (cJSON_IsObject(*out))
		return 0;
	cJSON_Delete(*out);
	*out = NULL;
	return err_set(&rq->err, TQ_EFORMAT, "body: expected an object");
}

struct str body_name(struct request *rq, const char *wire)
{
	struct str name = STR_NONE;
	struct buf b;

	if (!wire)
		return name;
	buf_init(&b, 4096);
	name = names_canonical(str_of(wire), broker_cluster_id(rq->broker), &b);
	name = (struct str){ arena_strn(rq->arena, name.p, name.n), name.n };
	buf_release(&b);
	return name;
}

int body_enum(const cJSON *o, const char *key, const char *const *names, int absent)
{
	const char *text = json_text(o, key, NULL);
	int64_t n = json_int(o, key, -1);

	for (int i = 0; names[i]; i++)
		if (n == i || (text && !strcmp(text, names[i])))
			return i;
	return absent;
}

void body_queue(struct jw *w, struct str topic, struct str broker, int queue)
{
	jw_object(w);
	jw_kv_str(w, "brokerName", broker);
	jw_kv_int(w, "queueId", queue);
	jw_kv_str(w, "topic", topic);
	jw_end(w);
}

void body_queue_key(struct jw *w, struct request *rq, struct str topic, int queue)
{
	body_queue(w, topic, str_of(rq->broker->cfg->broker), queue);
	jw_key_done(w);
}

void body_topic_list(struct request *rq, const char *addr, const struct str *names, size_t n)
{
	struct buf b;
	struct jw w = body_begin(&b);

	if (addr)
		jw_kv_text(&w, "brokerAddr", addr);
	jw_key(&w, "topicList");
	jw_array(&w);
	for (size_t i = 0; i < n; i++)
		jw_str(&w, names[i]);
	jw_array_end(&w);
	body_send(rq, &w);
}

void body_kv_table(struct jw *w, const struct catalog_kv *rows, size_t n)
{
	jw_key(w, "table");
	jw_object(w);
	for (size_t i = 0; i < n; i++) {
		jw_key_str(w, rows[i].key);
		jw_str(w, rows[i].value);
	}
	jw_end(w);
}

struct jw body_begin(struct buf *b)
{
	struct jw w;

	buf_init(b, ANSWER_MAX);
	w = jw_init(b);
	jw_object(&w);
	return w;
}

void body_send(struct request *rq, struct jw *w)
{
	jw_end(w);
	reply_body(rq, w->b);
	buf_release(w->b);
}
