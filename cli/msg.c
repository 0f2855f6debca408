/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of verbs serves the check and the rendering of row formats. Bodies are inflated once
 * per use; a body that cannot be inflated (LZ4, ZSTD) is shown as it is stored.
 */
#include "msg.h"

#include <openssl/evp.h>

#include "names.h"
#include "props.h"
#include "view.h"
#include "table.h"
#include "when.h"

static const struct col message_cols[] = { { "id", "id", COL_TEXT, COL_WHOLE },
	{ "topic", "topic", COL_TEXT, COL_WIDE },
	{ "origin-topic", "originTopic", COL_TEXT, COL_ONE },
	{ "broker", "broker", COL_TEXT, COL_WIDE }, { "queue", "queue", COL_NUMBER, 0 },
	{ "offset", "offset", COL_NUMBER, 0 }, { "tag", "tags", COL_TEXT, COL_OPTIONAL },
	{ "keys", "keys", COL_TEXT, 0 }, { "size", "sizeBytes", COL_BYTES, 0 },
	{ "retries", "retries", COL_NUMBER, COL_OPTIONAL },
	{ "stored", "storeTimeMs", COL_TIME, 0 }, { "born", "bornTimeMs", COL_TIME, COL_WIDE },
	{ "born-host", "bornHost", COL_TEXT, COL_WIDE },
	{ "store-host", "storeHost", COL_TEXT, COL_WIDE },
	{ "offset-id", "offsetId", COL_TEXT, COL_WIDE | COL_WHOLE },
	{ "resent", "resent", COL_BOOL, COL_WIDE },
	{ "properties", "propertyList", COL_TEXT, COL_ONE },
	{ "body", "body", COL_TEXT, COL_ONE },
	{ "body-base64", "bodyBase64", COL_TEXT, COL_ONE },
	{ "body-hex", "bodyHex", COL_TEXT, COL_ONE }, COL_END };
const struct view message_view = { "Message", "id", message_cols, false };

const char *const msg_body_names[] = { "auto", "raw", "text", "json", "hex", "base64", NULL };

void msg_id(const struct message *m, char *out)
{
	struct str unique = props_get(m->properties, PROP_UNIQ_KEY);

	if (unique.n && unique.n < MESSAGE_ID_MAX)
		snprintf(out, MESSAGE_ID_MAX, STR_FMT, STR_ARG(unique));
	else
		message_offset_id(out, &m->store, m->phys_off);
}

struct str msg_body(struct ctx *cx, const struct message *m)
{
	struct str body = m->body;
	struct buf plain;

	if (!(m->sysflag & SYSFLAG_COMPRESSED))
		return body;
	buf_init(&plain, MESSAGE_MAX_PLAIN);
	if (!message_inflate(m, &plain, MESSAGE_MAX_PLAIN, NULL))
		body = (struct str){ arena_strn(&cx->mem, plain.p, plain.n), plain.n };
	buf_release(&plain);
	return body;
}

/* Topic the message was first sent to, where a retry or a dead letter has it. */
static struct str origin_topic(const struct message *m)
{
	struct str origin = props_get(m->properties, PROP_RETRY_TOPIC);

	return origin.n ? origin : m->topic;
}

static char *base64(struct ctx *cx, struct str s)
{
	char *out = arena_alloc(&cx->mem, s.n / 3 * 4 + 5);

	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)s.p, (int)s.n);
	return out;
}

static char *hex(struct ctx *cx, struct str s)
{
	struct buf b;

	buf_init(&b, s.n * 2 + 1);
	buf_hex(&b, s.p, s.n);
	return buf_move(&b, &cx->mem);
}

/* The name without its namespace, in the arena. */
static const char *shown(struct ctx *cx, struct str wire)
{
	return ctx_name(cx, arena_strn(&cx->mem, wire.p, wire.n));
}

static void add_body(struct ctx *cx, cJSON *o, struct str body, enum msg_body as)
{
	cJSON *doc = NULL;

	switch (as) {
	case MSG_BODY_HEX:
		cJSON_AddStringToObject(o, "bodyHex", hex(cx, body));
		return;
	case MSG_BODY_JSON:
		if (!json_parse(body, JSON_STRICT, &doc, NULL)) {
			cJSON_AddItemToObject(o, "body", doc);
			return;
		}
		break;
	case MSG_BODY_AUTO:
	case MSG_BODY_TEXT:
	case MSG_BODY_RAW:
	case MSG_BODY_BASE64:
		break;
	}
	if (as != MSG_BODY_BASE64 && (str_is_utf8(body) || as == MSG_BODY_TEXT) &&
		!memchr(body.p ? body.p : "", 0, body.n))
		json_add_str(o, "body", body);
	else
		cJSON_AddStringToObject(o, "bodyBase64", base64(cx, body));
}

/* {"name":"value"} for programs, ["name=value"] for the page of one message. */
static void add_properties(cJSON *o, struct str text)
{
	cJSON *map = cJSON_AddObjectToObject(o, "properties");
	cJSON *list = cJSON_AddArrayToObject(o, "propertyList");
	struct prop p;

	while (props_next(&text, &p)) {
		char *name = mem_strn(p.name.p, p.name.n);
		char *pair = mem_fmt("%s=" STR_FMT, name, STR_ARG(p.value));

		cJSON_DeleteItemFromObjectCaseSensitive(map, name);
		json_add_str(map, name, p.value);
		cJSON_AddItemToArray(list, cJSON_CreateString(pair));
		mem_free(pair);
		mem_free(name);
	}
}

cJSON *msg_item(struct ctx *cx, const struct message *m, const char *broker, enum msg_body as)
{
	struct str origin = origin_topic(m);
	cJSON *o = cJSON_CreateObject();
	char id[MESSAGE_ID_MAX], host[HOST_TEXT];

	msg_id(m, id);
	cJSON_AddStringToObject(o, "id", id);
	message_offset_id(id, &m->store, m->phys_off);
	cJSON_AddStringToObject(o, "offsetId", id);
	cJSON_AddStringToObject(o, "topic", shown(cx, m->topic));
	if (!str_eq(origin, m->topic))
		cJSON_AddStringToObject(o, "originTopic", shown(cx, origin));
	cJSON_AddStringToObject(o, "namespace",
		ctx_namespace_of(cx, arena_strn(&cx->mem, m->topic.p, m->topic.n)));
	if (broker)
		cJSON_AddStringToObject(o, "broker", broker);
	json_add_i64(o, "queue", m->queue_id);
	json_add_i64(o, "offset", m->queue_off);
	json_add_i64(o, "physicalOffset", m->phys_off);
	json_add_str(o, "tags", props_get(m->properties, PROP_TAGS));
	json_add_str(o, "keys", props_get(m->properties, PROP_KEYS));
	json_add_i64(o, "sizeBytes", (int64_t)m->body.n);
	json_add_i64(o, "retries", m->reconsume_times);
	view_add_time(cx, o, "storeTime", m->store_ms);
	view_add_time(cx, o, "bornTime", m->born_ms);
	cJSON_AddStringToObject(o, "bornHost", host_text(&m->born, host));
	cJSON_AddStringToObject(o, "storeHost", host_text(&m->store, host));
	add_properties(o, m->properties);
	add_body(cx, o, msg_body(cx, m), as);
	return o;
}

/* ---- row formats ---- */

struct row {
	struct ctx *cx;
	const struct message *m;
	const char *broker;
	struct buf *out;
	bool clean; /* nothing that steers a terminal */
};

static void put_topic(struct row *r, struct str arg UNUSED)
{
	buf_puts(r->out, shown(r->cx, r->m->topic));
}

static void put_queue(struct row *r, struct str arg UNUSED)
{
	buf_i64(r->out, r->m->queue_id);
}

static void put_broker(struct row *r, struct str arg UNUSED)
{
	buf_puts(r->out, r->broker ? r->broker : "");
}

static void put_offset(struct row *r, struct str arg UNUSED)
{
	buf_i64(r->out, r->m->queue_off);
}

static void put_id(struct row *r, struct str arg UNUSED)
{
	char id[MESSAGE_ID_MAX];

	msg_id(r->m, id);
	buf_puts(r->out, id);
}

/* What senders chose. */
static void put_text(struct row *r, struct str s)
{
	if (r->clean)
		table_clean(r->out, s);
	else
		buf_add_str(r->out, s);
}

static void put_keys(struct row *r, struct str arg UNUSED)
{
	put_text(r, props_get(r->m->properties, PROP_KEYS));
}

static void put_tags(struct row *r, struct str arg UNUSED)
{
	put_text(r, props_get(r->m->properties, PROP_TAGS));
}

static void put_property(struct row *r, struct str arg)
{
	put_text(r, props_get(r->m->properties, arena_strn(&r->cx->mem, arg.p, arg.n)));
}

static void put_stored(struct row *r, struct str arg UNUSED)
{
	when_rfc3339(r->out, r->m->store_ms, r->cx->set.out.utc);
}

static void put_born(struct row *r, struct str arg UNUSED)
{
	when_rfc3339(r->out, r->m->born_ms, r->cx->set.out.utc);
}

static void put_body(struct row *r, struct str arg)
{
	struct str body = msg_body(r->cx, r->m);

	if (str_is(arg, "hex"))
		buf_puts(r->out, hex(r->cx, body));
	else if (str_is(arg, "base64"))
		buf_puts(r->out, base64(r->cx, body));
	else if (str_is(arg, "json"))
		json_quote(r->out, body);
	else
		put_text(r, body);
}

static void put_length(struct row *r, struct str arg UNUSED)
{
	buf_i64(r->out, (int64_t)r->m->body.n);
}

static void put_retries(struct row *r, struct str arg UNUSED)
{
	buf_i64(r->out, r->m->reconsume_times);
}

static const struct verb {
	char letter;
	enum { BRACES_NONE, BRACES_MAY, BRACES_MUST } braces;
	void (*put)(struct row *r, struct str arg);
} verbs[] = {
	{ 't', BRACES_NONE, put_topic },
	{ 'q', BRACES_NONE, put_queue },
	{ 'b', BRACES_NONE, put_broker },
	{ 'o', BRACES_NONE, put_offset },
	{ 'i', BRACES_NONE, put_id },
	{ 'k', BRACES_NONE, put_keys },
	{ 'g', BRACES_NONE, put_tags },
	{ 'p', BRACES_MUST, put_property },
	{ 's', BRACES_NONE, put_stored },
	{ 'B', BRACES_NONE, put_born },
	{ 'v', BRACES_MAY, put_body },
	{ 'l', BRACES_NONE, put_length },
	{ 'r', BRACES_NONE, put_retries },
};

static const struct verb *verb_of(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (verbs[i].letter == letter)
			return &verbs[i];
	return NULL;
}

static bool put_escape(struct buf *out, char c)
{
	static const char from[] = "ntr0\\", to[] = "\n\t\r\0\\";
	const char *at = c ? strchr(from, c) : NULL;

	if (at && out)
		buf_putc(out, to[at - from]);
	return at;
}

/* The verb behind a '%' at *f, which moves behind it; NULL for an unknown or incomplete one. */
static const struct verb *take_verb(const char **f, struct str *arg)
{
	const struct verb *v = verb_of(**f);
	const char *end;

	*arg = STR_NONE;
	if (!v)
		return NULL;
	++*f;
	if (v->braces == BRACES_NONE || (**f != '{' && v->braces == BRACES_MAY))
		return v;
	end = **f == '{' ? strchr(*f, '}') : NULL;
	if (!end)
		return NULL;
	*arg = (struct str){ *f + 1, (size_t)(end - *f - 1) };
	*f = end + 1;
	return v;
}

int msg_format_check(const char *format, struct err *e)
{
	for (const char *f = format; *f;) {
		const char *at = f++;
		struct str arg;

		if (*at == '\\' && !put_escape(NULL, *f++))
			return err_set(e, TQ_EUSAGE, "row format: unknown escape '%.2s'", at);
		if (*at != '%')
			continue;
		if (*f == '%') {
			f++;
		} else if (!take_verb(&f, &arg)) {
			err_set(e, TQ_EUSAGE, "row format: unknown or incomplete '%.8s'", at);
			return err_hint(e,
				"verbs are %%t %%q %%b %%o %%i %%k %%g %%p{NAME} %%s %%B %%v "
				"%%v{hex} %%v{base64} %%v{json} %%l %%r");
		}
	}
	return 0;
}

void msg_format(struct ctx *cx, const char *format, const struct message *m, const char *broker,
	bool clean, struct buf *out)
{
	struct row r = { cx, m, broker, out, clean };

	for (const char *f = format; *f;) {
		char c = *f++;
		const struct verb *v;
		struct str arg;

		if (c == '\\') {
			put_escape(out, *f++);
		} else if (c != '%') {
			buf_putc(out, c);
		} else if (*f == '%') {
			buf_putc(out, *f++);
		} else {
			v = take_verb(&f, &arg);
			BUG_ON(!v); /* msg_format_check() passed it */
			v->put(&r, arg);
		}
	}
}
