/* SPDX-License-Identifier: Apache-2.0 */
#include "registration.h"

#include "crc.h"
#include "rd.h"
#include "zip.h"

#define WORDS 5 /* of a topic's text; 5.x adds one more, of attributes */

int32_t registration_crc(struct str body)
{
	return (int32_t)(crc_32(body.p, body.n) & INT32_MAX); /* Java's UtilAll.crc32() */
}

void data_version_to_json(struct jw *w, struct data_version v)
{
	jw_object(w);
	jw_kv_int(w, "counter", v.counter);
	jw_kv_int(w, "timestamp", v.timestamp_ms);
	jw_end(w);
}

struct data_version data_version_from_json(const cJSON *o)
{
	return (struct data_version){
		.counter = json_int(o, "counter", 0),
		.timestamp_ms = json_int(o, "timestamp", 0),
	};
}

/* ---- reading ---- */

static int check_name(struct str name, struct err *e)
{
	if (!name.n || name.n > REGISTRATION_NAME)
		return err_set(e, TQ_EFORMAT, "a topic's name of %zu bytes", name.n);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] == 0x7f)
			return err_set(e, TQ_EFORMAT, "a topic's name with byte %d",
				(unsigned char)name.p[i]);
	return 0;
}

static int check_count(size_t n, struct err *e)
{
	if (n <= REGISTRATION_TOPICS)
		return 0;
	return err_set(e, TQ_ETOOBIG, "%zu topics, more than %d", n, (int)REGISTRATION_TOPICS);
}

static int topic_of_json(const cJSON *o, struct arena *a, struct topic *t, struct err *e)
{
	int rc = topic_from_json(t, o, e);

	if (rc)
		return rc;
	if (!t->name)
		t->name = o->string;
	rc = check_name(str_of(t->name), e);
	t->name = arena_str(a, t->name);
	t->remark = arena_str(a, t->remark ? t->remark : "");
	return rc;
}

static int read_table(
	const cJSON *table, struct arena *a, struct registration *r, struct err *e)
{
	size_t n = (size_t)cJSON_GetArraySize(table);
	const struct topic **list;
	struct topic *topics;
	const cJSON *o;
	int rc = check_count(n, e);

	if (rc)
		return rc;
	list = arena_alloc(a, n * sizeof(*list));
	topics = arena_alloc(a, n * sizeof(*topics));
	r->topics = list;
	cJSON_ArrayForEach (o, table) {
		rc = topic_of_json(o, a, &topics[r->n], e);
		if (rc)
			return rc;
		list[r->n] = &topics[r->n];
		r->n++;
	}
	return 0;
}

static int decode_json(struct str body, struct arena *a, struct registration *r, struct err *e)
{
	const cJSON *wrapper, *table;
	cJSON *doc = NULL;
	int rc = json_parse(body, JSON_LOOSE, &doc, e);

	if (!rc)
		rc = json_need_object(doc, "topicConfigSerializeWrapper", &wrapper, e);
	if (!rc)
		rc = json_need_object(wrapper, "topicConfigTable", &table, e);
	if (!rc) {
		r->version = data_version_from_json(
			cJSON_GetObjectItemCaseSensitive(wrapper, "dataVersion"));
		rc = read_table(table, a, r, e);
	}
	cJSON_Delete(doc);
	return rc;
}

static int topic_of_text(struct str text, struct arena *a, struct topic *t, struct err *e)
{
	static const char *const what[] = { "name", "read queues", "write queues", "perm" };
	int64_t numbers[] = { 0, 0, 0, 0 };
	struct str word[WORDS], rest = text;
	int rc = 0;

	for (size_t i = 0; i < WORDS; i++)
		if (!str_cut(&rest, ' ', &word[i]))
			return err_set(e, TQ_EFORMAT, "a topic of %zu words", i);
	for (size_t i = 1; !rc && i < ARRAY_LEN(what); i++)
		rc = str_to_i64(word[i], 0, INT32_MAX, &numbers[i], what[i], e);
	if (!rc)
		rc = check_name(word[0], e);
	if (rc)
		return rc;
	*t = topic_defaults();
	t->name = arena_strn(a, word[0].p, word[0].n);
	t->remark = "";
	t->read_queues = (int)numbers[1];
	t->write_queues = (int)numbers[2];
	t->perm = (int)numbers[3];
	t->multi_tag = str_is(word[4], "MULTI_TAG");
	return 0;
}

static int read_version(struct str text, struct data_version *v, struct err *e)
{
	cJSON *doc = NULL;
	int rc = json_parse(text, JSON_LOOSE, &doc, e);

	if (!rc)
		*v = data_version_from_json(doc);
	cJSON_Delete(doc);
	return rc;
}

/* The count of topics is bounded by the bytes there are before anything is sized by it. */
static int read_topics(struct rd *rd, struct arena *a, struct registration *r, struct err *e)
{
	size_t n = rd_be32(rd);
	const struct topic **list;
	struct topic *topics;
	int rc = check_count(n, e);

	if (rc || n > rd_left(rd) / 4) {
		rd_poison(rd);
		return rc;
	}
	list = arena_alloc(a, n * sizeof(*list));
	topics = arena_alloc(a, n * sizeof(*topics));
	r->topics = list;
	for (; r->n < n; r->n++) {
		struct str text = rd_bytes(rd, rd_be32(rd));

		if (!rd_left(rd))
			break; /* cut short: rd_end() says so */
		rc = topic_of_text(text, a, &topics[r->n], e);
		if (rc)
			return rc;
		list[r->n] = &topics[r->n];
	}
	return 0;
}

static int decode_stream(
	struct str body, struct arena *a, struct registration *r, struct err *e)
{
	struct str version;
	struct buf plain;
	struct rd rd;
	int rc;

	buf_init(&plain, REGISTRATION_MAX + 1);
	rc = zip_inflate(body, &plain, REGISTRATION_MAX, e);
	if (rc)
		goto out;
	rd = rd_init(buf_str(&plain));
	version = rd_bytes(&rd, rd_be32(&rd));
	rc = read_topics(&rd, a, r, e);
	rd_bytes(&rd, rd_be32(&rd)); /* filter servers */
	if (!rc)
		rc = rd_end(&rd, "table of topics", e);
	if (!rc)
		rc = read_version(version, &r->version, e);
out:
	buf_release(&plain);
	return rc;
}

int registration_decode(struct str body, bool compressed, struct arena *a,
	struct registration *r, struct err *e)
{
	int rc;

	*r = (struct registration){ 0 };
	rc = compressed ? decode_stream(body, a, r, e) : decode_json(body, a, r, e);
	return rc ? err_wrap(e, "registration") : 0;
}

/* ---- writing ---- */

static void encode_json(const struct registration *r, struct buf *out)
{
	struct jw w = jw_init(out);

	jw_object(&w);
	jw_key(&w, "filterServerList");
	jw_array(&w);
	jw_array_end(&w);
	jw_key(&w, "topicConfigSerializeWrapper");
	jw_object(&w);
	jw_key(&w, "dataVersion");
	data_version_to_json(&w, r->version);
	jw_key(&w, "topicConfigTable");
	jw_object(&w);
	for (size_t i = 0; i < r->n; i++) {
		jw_key(&w, r->topics[i]->name);
		topic_to_json(&w, r->topics[i]);
	}
	jw_end(&w);
	jw_end(&w);
	jw_end(&w);
}

/* Starts a piece with a length in front; end_piece() fills that in. */
static size_t begin_piece(struct buf *b)
{
	buf_be32(b, 0);
	return b->n;
}

static void end_piece(struct buf *b, size_t start)
{
	if (!buf_err(b))
		put_be32(b->p + start - 4, (uint32_t)(b->n - start));
}

static void encode_stream(const struct registration *r, struct buf *out)
{
	struct buf plain;
	struct jw w;
	size_t at;

	buf_init(&plain, REGISTRATION_MAX);
	at = begin_piece(&plain);
	w = jw_init(&plain);
	data_version_to_json(&w, r->version);
	end_piece(&plain, at);
	buf_be32(&plain, (uint32_t)r->n);
	for (size_t i = 0; i < r->n; i++) {
		const struct topic *t = r->topics[i];

		at = begin_piece(&plain);
		buf_addf(&plain, "%s %d %d %d %s", t->name, t->read_queues, t->write_queues,
			t->perm, t->multi_tag ? "MULTI_TAG" : "SINGLE_TAG");
		end_piece(&plain, at);
	}
	at = begin_piece(&plain);
	buf_puts(&plain, "[]");
	end_piece(&plain, at);
	if (buf_err(&plain))
		out->failed = true;
	else
		zip_deflate(buf_str(&plain), out);
	buf_release(&plain);
}

void registration_encode(const struct registration *r, bool compressed, struct buf *out)
{
	if (compressed)
		encode_stream(r, out);
	else
		encode_json(r, out);
}
