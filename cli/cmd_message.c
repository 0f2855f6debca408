/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: send, look up, follow and consume messages. Reading never moves a position; `consume`
 * is the one command that joins a group.
 */
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "consume.h"
#include "fsio.h"
#include "msg.h"
#include "names.h"
#include "producer.h"
#include "props.h"
#include "scan.h"
#include "view.h"
#include "when.h"

#define DEFAULT_LIMIT 100
#define DEFAULT_TAIL 10
#define DELAY_MAX_MS (40 * 86400000LL)
#define INDEX_HITS 64 /* what a broker returns at most for a key */
#define ROW_FORMAT "%s  %q/%o  %i  %g  %k  %v\n"

static size_t limit_or(const struct ctx *cx, size_t absent)
{
	return cx->set.limit > 0 ? (size_t)cx->set.limit : absent;
}

/* Name of the broker that stored it, by the address in its record; NULL if it is not known. */
static const char *broker_of(struct ctx *cx, const struct message *m)
{
	const struct cluster *c;
	char addr[HOST_TEXT];

	if (admin_cluster(cx->admin, &c, &cx->err)) {
		err_clear(&cx->err);
		return NULL;
	}
	host_text(&m->store, addr);
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].addr && !strcmp(c->v[i].addr, addr))
			return c->v[i].name;
	return NULL;
}

/* ---- rows, as they come ---- */

struct printer {
	struct ctx *cx;
	const char *format; /* NULL: rows of the chosen output */
	bool clean; /* for people: nothing that steers a terminal */
	enum msg_body body;
	int64_t n, limit; /* limit 0: none */
	const struct match *match; /* NULL: all */
};

/* A table of messages that trickle in would have no widths: such rows go by the row format. */
static int printer_init(struct printer *p, const char *format)
{
	int kind = out_options(p->cx->out)->format;
	int rc = format ? msg_format_check(format, &p->cx->err) : 0;

	p->format = format;
	if (!format && (kind == OUT_TABLE || kind == OUT_WIDE))
		p->format = ROW_FORMAT;
	p->clean = !p->cx->set.out.raw && (!format || isatty(STDOUT_FILENO));
	if (!rc && !p->format)
		rc = out_begin(p->cx->out, &message_view, &p->cx->err);
	return rc;
}

static int print_message(struct printer *p, const struct message *m, const char *broker)
{
	struct ctx *cx = p->cx;
	struct buf b;
	cJSON *item;
	int rc;

	if (p->format) {
		buf_init(&b, 64 << 20);
		msg_format(cx, p->format, m, broker, p->clean, &b);
		rc = out_text(cx->out, buf_str(&b), &cx->err);
		buf_release(&b);
	} else {
		item = msg_item(cx, m, broker, p->body);
		rc = out_row(cx->out, item, &cx->err);
		cJSON_Delete(item);
	}
	return rc ? rc : out_flush(cx->out, &cx->err);
}

static int printer_end(struct printer *p)
{
	return p->format ? 0 : out_end(p->cx->out, NULL, &p->cx->err);
}

/* ---- send ---- */

struct send_args {
	const char *topic, *body, *file, *tag, *queue, *order_key;
	struct strv keys, properties;
	int delay_level;
	int64_t delay_ms, at_ms;
	int64_t count;
	int transaction;
	bool oneway;
};

enum end { END_NONE, END_COMMIT, END_ROLLBACK, END_UNKNOWN };
static const char *const end_names[] = { "none", "commit", "rollback", "unknown", NULL };
#define TRANSACTIONS_MAX 10000 /* of one command */

static const struct opt send_opts[] = {
	OPT_STR(0, "body", "text", struct send_args, body, "the message's body"),
	OPT_NAME('f', "file", "file", struct send_args, file, NAMES_FILE,
		"read the body from a file; - is standard input"),
	OPT_LIST('k', "key", "key", struct send_args, keys, NAMES_NONE,
		"find it by this key; repeat"),
	OPT_STR('t', "tag", "tag", struct send_args, tag, "its tag"),
	OPT_KV('H', "property", struct send_args, properties, "a property; repeat"),
	OPT_INT(0, "delay-level", "n", struct send_args, delay_level, 0, 18, 0,
		"deliver later: 1 is 1s, 18 is 2h"),
	OPT_MS(0, "delay", struct send_args, delay_ms, 0, DELAY_MAX_MS, 0,
		"deliver after this time, up to 40d"),
	OPT_TIME(0, "at", struct send_args, at_ms, 0, "deliver at this time"),
	OPT_STR(0, "queue", "broker/id", struct send_args, queue, "into this queue"),
	OPT_STR(0, "order-key", "key", struct send_args, order_key, "same key, same queue"),
	OPT_INT(0, "count", "n", struct send_args, count, 1, 100000000, 1,
		"send it so many times"),
	OPT_BOOL(0, "oneway", struct send_args, oneway, "do not wait for an answer"),
	OPT_ENUM(0, "transaction", struct send_args, transaction, end_names, END_NONE,
		"as half message, ended so; unknown leaves it open"),
	OPT_END,
};

static const struct col sent_cols[] = { { "id", "id", COL_TEXT, COL_WHOLE },
	{ "broker", "broker", COL_TEXT, 0 }, { "queue", "queue", COL_NUMBER, 0 },
	{ "offset", "offset", COL_NUMBER, 0 }, { "ms", "ms", COL_NUMBER, 0 },
	{ "offset-id", "offsetId", COL_TEXT, COL_WIDE | COL_WHOLE }, COL_END };
const struct view view_sent = { "SentMessage", "id", sent_cols, false };

/* A half message that was sent. */
struct half {
	const char *broker; /* its name */
	const char *group;
	int64_t offset, phys_off;
};

struct sending {
	struct ctx *cx;
	size_t ok, failed;
	int rc; /* of output */
	const char *group; /* of the producer */
	struct half *halves; /* NULL: ordinary messages */
	size_t n_halves;
};

static void note_half(struct sending *g, const struct sent *s)
{
	struct half *h = &g->halves[g->n_halves];
	struct host host;

	if (!message_offset_id_parse(str_of(s->offset_id), &host, &h->phys_off, NULL)) {
		h->broker = s->broker;
		h->group = g->group;
		h->offset = s->offset;
		g->n_halves++;
	}
}

static int end_half(struct ctx *cx, const struct half *h, int how)
{
	const struct cluster *cl;
	const char *addr = NULL;
	struct command rq;
	int rc = admin_cluster(cx->admin, &cl, &cx->err);

	for (size_t i = 0; !rc && i < cl->n; i++)
		if (!strcmp(cl->v[i].name, h->broker))
			addr = cl->v[i].addr;
	if (rc || !addr)
		return rc ? rc
			  : err_set(&cx->err, TQ_EUNREACHABLE, "broker %s is gone", h->broker);
	command_init(&rq, REQ_END_TRANSACTION);
	command_add(&rq, "producerGroup", str_of(h->group));
	command_add(&rq, "tranStateTableOffset",
		str_of(arena_fmt(&cx->mem, "%lld", (long long)h->offset)));
	command_add(&rq, "commitLogOffset",
		str_of(arena_fmt(&cx->mem, "%lld", (long long)h->phys_off)));
	command_add(&rq, "commitOrRollback", how == END_COMMIT ? STR("8") : STR("12"));
	command_add(&rq, "fromTransactionCheck", STR("false"));
	return admin_call(cx->admin, addr, &rq, NULL, &cx->err);
}

static void end_halves(struct sending *g, int how)
{
	for (size_t i = 0; how != END_UNKNOWN && i < g->n_halves; i++) {
		if (!end_half(g->cx, &g->halves[i], how))
			continue;
		ctx_failed(g->cx, "the end of a transaction");
		g->failed++;
		g->ok--;
	}
	if (how == END_UNKNOWN && g->n_halves)
		ctx_note(g->cx, "nobody ends them; see them: tdmqctl transaction list");
}

static void on_sent(void *arg, int rc, const struct sent *s, const struct err *e)
{
	struct sending *g = arg;
	cJSON *o;

	if (rc) {
		g->cx->err = *e;
		if (!g->failed++)
			ctx_failed(g->cx, "message %s", s->id);
		return;
	}
	g->ok++;
	if (g->halves)
		note_half(g, s);
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "id", s->id);
	cJSON_AddStringToObject(o, "broker", s->broker);
	json_add_i64(o, "queue", s->queue);
	if (s->offset >= 0) {
		json_add_i64(o, "offset", s->offset);
		cJSON_AddStringToObject(o, "offsetId", s->offset_id);
		cJSON_AddNumberToObject(o, "ms", (double)(s->us / 10) / 100);
	}
	if (!g->rc)
		g->rc = out_row(g->cx->out, o, &g->cx->err);
	cJSON_Delete(o);
}

static int add_user_properties(struct ctx *cx, const struct send_args *a, struct buf *props)
{
	for (size_t i = 0; i < a->properties.n; i++) {
		struct str value = str_of(a->properties.v[i]), name = STR_NONE;

		str_cut(&value, '=', &name);
		if (!name.n || !value.n)
			return err_set(&cx->err, TQ_EUSAGE,
				"property '%s' has no name or no value", a->properties.v[i]);
		props_add(props, 0, arena_strn(&cx->mem, name.p, name.n), value);
	}
	return 0;
}

/* When it is to be delivered, 0 for at once. Apache would deliver at once whatever was asked. */
static int delivery_time(struct ctx *cx, const struct send_args *a, int64_t *at_ms)
{
	const struct cluster *cl;
	int rc;

	*at_ms = a->delay_ms ? clock_wall_ms() + a->delay_ms : a->at_ms;
	if ((a->delay_ms != 0) + (a->at_ms != 0) + (a->delay_level != 0) > 1)
		return err_set(&cx->err, TQ_EUSAGE,
			"--delay, --at and --delay-level exclude each other");
	if (!*at_ms)
		return 0;
	rc = admin_cluster(cx->admin, &cl, &cx->err);
	if (rc || cl->brokerd)
		return rc;
	err_set(&cx->err, TQ_EUNSUPPORTED, "this server does not deliver at a time");
	return err_hint(&cx->err, "it has delay levels: see --delay-level");
}

static int send_properties(
	struct ctx *cx, const struct send_args *a, int64_t at_ms, struct buf *props)
{
	char *keys = arena_str(&cx->mem, "");
	char level[12], at[24];

	for (size_t i = 0; i < a->keys.n; i++)
		keys = arena_fmt(&cx->mem, "%s%s%s", keys, i ? " " : "", a->keys.v[i]);
	if (*keys)
		props_add(props, 0, PROP_KEYS, str_of(keys));
	if (a->tag)
		props_add(props, 0, PROP_TAGS, str_of(a->tag));
	if (a->delay_level) {
		snprintf(level, sizeof(level), "%d", a->delay_level);
		props_add(props, 0, PROP_DELAY, str_of(level));
	}
	if (a->transaction != END_NONE) {
		props_add(props, 0, PROP_TRAN_MSG, STR("true"));
		props_add(props, 0, PROP_PGROUP, str_of(producer_group(cx, a->topic)));
	}
	if (at_ms) {
		snprintf(at, sizeof(at), "%lld", (long long)at_ms);
		props_add(props, 0, PROP_START_DELIVER, str_of(at));
	}
	return add_user_properties(cx, a, props);
}

static int read_body(struct ctx *cx, const struct send_args *a, struct buf *body)
{
	int rc;

	if (a->body && a->file)
		return err_set(&cx->err, TQ_EUSAGE, "--body and --file exclude each other");
	if (a->body) {
		buf_puts(body, a->body);
		return buf_err(body) ? err_set(&cx->err, TQ_ETOOBIG, "the body is over 4 MiB")
				     : 0;
	}
	if (!a->file && cx->tty_in) {
		err_set(&cx->err, TQ_EUSAGE, "nothing to send");
		return err_hint(&cx->err, "give --body TEXT, --file FILE, or pipe the body in");
	}
	rc = fsio_read_file(a->file ? a->file : "-", MESSAGE_MAX_BODY, body, &cx->err);
	if (rc || body->n || a->file)
		return rc;
	err_set(&cx->err, TQ_EUSAGE, "nothing came from standard input");
	return err_hint(&cx->err, "an empty message is sent with --body ''");
}

static int send_all(struct ctx *cx, const struct send_args *a, const struct outgoing *out)
{
	struct sending g = { .cx = cx, .group = producer_group(cx, a->topic) };
	struct producer *p;
	int rc = producer_new(cx, a->topic, &p);

	if (rc)
		return rc;
	if (a->transaction != END_NONE)
		g.halves = arena_alloc(&cx->mem, (size_t)a->count * sizeof(*g.halves));
	rc = out_begin(cx->out, &view_sent, &cx->err);
	for (int64_t i = 0; i < a->count && !rc && !g.rc; i++)
		rc = producer_send(p, out, on_sent, &g);
	producer_wait(p);
	producer_free(p);
	if (!rc)
		rc = g.rc;
	if (!rc)
		end_halves(&g, a->transaction);
	if (!rc)
		rc = out_end(cx->out, NULL, &cx->err);
	return rc ? rc : ctx_result(cx, g.ok, g.failed);
}

static int message_send(struct ctx *cx, const void *args)
{
	const struct send_args *a = args;
	struct outgoing out = {
		.order_key = a->order_key, .queue = a->queue, .oneway = a->oneway
	};
	bool half = a->transaction != END_NONE;
	struct buf body, props;
	int64_t at_ms;
	int rc;

	if (half && (a->oneway || a->count > TRANSACTIONS_MAX))
		return err_set(&cx->err, TQ_EUSAGE,
			"--transaction needs answers, and takes %d messages at most",
			TRANSACTIONS_MAX);
	out.sysflag = half ? SYSFLAG_TX_PREPARED : 0;
	buf_init(&body, MESSAGE_MAX_BODY);
	buf_init(&props, MESSAGE_MAX_PROPERTIES);
	(void)((rc = delivery_time(cx, a, &at_ms)) || (rc = read_body(cx, a, &body)) ||
		(rc = send_properties(cx, a, at_ms, &props)));
	if (!rc && buf_err(&props))
		rc = err_set(&cx->err, TQ_ETOOBIG, "keys, tag and properties are over %d bytes",
			MESSAGE_MAX_PROPERTIES);
	if (!rc && !ctx_dry_run(cx, "%lld message(s) of %zu bytes would be sent to topic/%s",
			   (long long)a->count, body.n, ctx_name(cx, a->topic))) {
		out.body = buf_str(&body);
		out.properties = buf_str(&props);
		rc = send_all(cx, a, &out);
	}
	buf_release(&props);
	buf_release(&body);
	return rc;
}

/* ---- get ---- */

struct get_args {
	const char *id, *topic, *queue;
	int64_t offset;
	int body;
};

static const struct opt get_opts[] = {
	OPT_NAME(
		0, "topic", "topic", struct get_args, topic, NAMES_TOPIC, "the topic it is in"),
	OPT_STR(0, "queue", "broker/id", struct get_args, queue, "by position: this queue"),
	OPT_INT(0, "offset", "n", struct get_args, offset, 0, INT64_MAX, 0,
		"by position: this offset"),
	OPT_ENUM(0, "body-as", struct get_args, body, msg_body_names, MSG_BODY_AUTO,
		"how to show the body; raw prints nothing else"),
	OPT_END,
};

static int show_one(struct ctx *cx, const struct message *m, enum msg_body body)
{
	cJSON *item;
	int rc;

	if (body == MSG_BODY_RAW)
		return out_text(cx->out, msg_body(cx, m), &cx->err);
	item = msg_item(cx, m, broker_of(cx, m), body);
	rc = out_object(cx->out, &message_view, item, &cx->err);
	cJSON_Delete(item);
	return rc;
}

/* True: it was found by its unique id in this topic. */
static int find_unique(
	struct ctx *cx, const char *topic, const char *id, struct message *m, bool *found)
{
	struct messages hits;
	int rc = admin_message_query(cx->admin, topic, id, true, INDEX_HITS, 0, INT64_MAX,
		&cx->mem, &hits, &cx->err);

	for (size_t i = 0; !rc && i < hits.n && !*found; i++)
		if (str_is(props_get(hits.v[i].properties, PROP_UNIQ_KEY), id)) {
			*m = hits.v[i];
			*found = true;
		}
	return rc;
}

static int find_anywhere(struct ctx *cx, const char *id, struct message *m, bool *found)
{
	struct topics topics;
	int rc = admin_topics(cx->admin, &cx->mem, &topics, &cx->err);

	for (size_t i = 0; !rc && i < topics.n && !*found; i++)
		if (!names_is_system_topic(str_of(topics.v[i].t.name)))
			rc = find_unique(cx, topics.v[i].t.name, id, m, found);
	return rc;
}

/* An offset id says where the record is; it is believed only when a broker of ours is there. */
static int find_by_offset_id(struct ctx *cx, const char *id, struct message *m, bool *found)
{
	const struct cluster *c;
	char addr[HOST_TEXT];
	struct host host;
	int64_t phys;
	int rc;

	if (message_offset_id_parse(str_of(id), &host, &phys, NULL))
		return 0;
	rc = admin_cluster(cx->admin, &c, &cx->err);
	if (rc)
		return rc;
	host_text(&host, addr);
	for (size_t i = 0; i < c->n; i++) {
		if (!c->v[i].addr || strcmp(c->v[i].addr, addr))
			continue;
		*found = !admin_message_view(cx->admin, addr, phys, &cx->mem, m, &cx->err);
		err_clear(&cx->err);
	}
	return 0;
}

struct grab {
	struct ctx *cx;
	const struct get_args *a;
	bool found;
	int rc;
};

static bool grab_first(void *arg, const struct message *m, const char *broker UNUSED)
{
	struct grab *g = arg;

	if (m->queue_off == g->a->offset) {
		g->found = true;
		g->rc = show_one(g->cx, m, g->a->body);
	}
	return false;
}

static int get_by_position(struct ctx *cx, const struct get_args *a)
{
	struct grab g = { .cx = cx, .a = a };
	struct scan s = {
		.topic = a->topic, .only = a->queue, .at_offset = true, .offset = a->offset
	};
	int rc;

	if (!a->topic || !CTX_GIVEN(cx, struct get_args, offset))
		return err_set(
			&cx->err, TQ_EUSAGE, "a position is --topic, --queue and --offset");
	rc = scan_topic(cx, &s, grab_first, &g);
	if (!rc && !g.found)
		rc = err_set(&cx->err, TQ_ENOTFOUND,
			"queue %s of topic '%s' has no offset %lld", a->queue,
			ctx_name(cx, a->topic), (long long)a->offset);
	return rc ? rc : g.rc;
}

static int message_get(struct ctx *cx, const void *args)
{
	const struct get_args *a = args;
	struct message m;
	bool found = false;
	int rc;

	if (a->queue)
		return a->id ? err_set(&cx->err, TQ_EUSAGE,
				       "give an id or a position, not both")
			     : get_by_position(cx, a);
	if (!a->id)
		return err_set(&cx->err, TQ_EUSAGE, "which message? give its id");
	rc = find_by_offset_id(cx, a->id, &m, &found);
	if (!rc && !found)
		rc = a->topic ? find_unique(cx, a->topic, a->id, &m, &found)
			      : find_anywhere(cx, a->id, &m, &found);
	if (!rc && !found) {
		rc = err_set(&cx->err, TQ_ENOTFOUND, "no message '%s'", a->id);
		err_why(&cx->err,
			"no broker has it as an offset id, nor any topic's index as a unique id");
	}
	return rc ? rc : show_one(cx, &m, a->body);
}

/* ---- query ---- */

struct query_args {
	const char *topic, *queue, *format;
	struct match match;
	int64_t since_ms, until_ms;
	int body;
	bool reverse;
};

static const struct opt query_opts[] = {
	OPT_STR('k', "key", "key", struct query_args, match.key,
		"with this key: asks the index"),
	OPT_STR('t', "tag", "tag", struct query_args, match.tag, "with this tag"),
	OPT_STR(0, "grep", "regex", struct query_args, match.grep, "whose body matches"),
	OPT_KV(0, "prop", struct query_args, match.props, "with this property; repeat"),
	OPT_TIME(0, "since", struct query_args, since_ms, 0, "stored at or after"),
	OPT_TIME(0, "until", struct query_args, until_ms, 0, "stored before"),
	OPT_STR(0, "queue", "broker/id", struct query_args, queue, "of this queue only"),
	OPT_BOOL(0, "reverse", struct query_args, reverse, "newest first"),
	OPT_STR(0, "row-format", "format", struct query_args, format,
		"a line each, such as '%s %i %v\\n'"),
	OPT_ENUM(0, "body-as", struct query_args, body, msg_body_names, MSG_BODY_AUTO,
		"how to show bodies"),
	OPT_END,
};

struct gather {
	struct ctx *cx;
	const struct match *match;
	struct newest *into;
};

static bool gather_one(void *arg, const struct message *m, const char *broker)
{
	struct gather *g = arg;

	if (match_message(g->cx, g->match, m))
		newest_add(g->into, m, broker);
	return true;
}

/* By the index; the broker compares hashes, so the key is compared again here. */
static int gather_by_key(struct ctx *cx, const struct query_args *a, struct newest *into)
{
	int64_t until = a->until_ms ? a->until_ms : INT64_MAX;
	struct messages hits;
	int rc = admin_message_query(cx->admin, a->topic, a->match.key, false, INDEX_HITS,
		a->since_ms, until, &cx->mem, &hits, &cx->err);

	for (size_t i = 0; !rc && i < hits.n; i++)
		if (match_message(cx, &a->match, &hits.v[i]) && hits.v[i].store_ms < until)
			newest_add(into, &hits.v[i], broker_of(cx, &hits.v[i]));
	if (!rc && hits.n >= INDEX_HITS)
		ctx_warn(cx,
			"a broker returns at most %d hits for a key; narrow --since and --until",
			INDEX_HITS);
	return rc;
}

static int gather_by_scan(struct ctx *cx, const struct query_args *a, struct newest *into)
{
	const struct match *f = &a->match;
	bool all = !f->tag && !f->grep && !f->props.n && !f->id && !f->origin_topic;
	struct gather g = { cx, f, into };
	struct scan s = { .topic = a->topic,
		.only = a->queue,
		.since_ms = a->since_ms,
		.until_ms = a->until_ms };

	if (all && !a->until_ms)
		s.newest = (int64_t)into->limit;
	return scan_topic(cx, &s, gather_one, &g);
}

static void reverse(struct newest *k)
{
	for (size_t i = 0; i < k->n / 2; i++) {
		struct kept one = k->v[i];

		k->v[i] = k->v[k->n - 1 - i];
		k->v[k->n - 1 - i] = one;
	}
}

static int show_list(struct ctx *cx, const struct newest *k, enum msg_body body)
{
	cJSON *items = cJSON_CreateArray(), *meta = cJSON_CreateObject();
	int rc;

	for (size_t i = 0; i < k->n; i++)
		cJSON_AddItemToArray(items, msg_item(cx, &k->v[i].m, k->v[i].broker, body));
	cJSON_AddBoolToObject(meta, "truncated", k->dropped > 0);
	rc = out_list(cx->out, &message_view, items, meta, &cx->err);
	cJSON_Delete(items);
	cJSON_Delete(meta);
	return rc;
}

static int show_gathered(struct ctx *cx, const struct query_args *a, struct newest *k)
{
	struct printer p = { .cx = cx, .body = a->body };
	int rc = 0;

	newest_sort(k);
	if (a->reverse)
		reverse(k);
	if (!a->format)
		rc = show_list(cx, k, a->body);
	else
		rc = printer_init(&p, a->format);
	for (size_t i = 0; a->format && !rc && i < k->n; i++)
		rc = print_message(&p, &k->v[i].m, k->v[i].broker);
	if (!rc && k->dropped)
		ctx_note(cx, "only the newest %zu are shown; --limit shows more", k->n);
	return rc;
}

static int message_query(struct ctx *cx, const void *args)
{
	struct query_args a = *(const struct query_args *)args;
	struct newest found;
	int rc = match_init(&a.match, &cx->err);

	if (rc)
		return rc;
	newest_init(&found, limit_or(cx, DEFAULT_LIMIT));
	rc = a.format ? msg_format_check(a.format, &cx->err) : 0;
	if (!rc)
		rc = a.match.key ? gather_by_key(cx, &a, &found)
				 : gather_by_scan(cx, &a, &found);
	if (!rc || rc == TQ_EPARTIAL) {
		int shown = show_gathered(cx, &a, &found);

		rc = shown ? shown : rc;
	}
	newest_release(&found);
	match_release(&a.match);
	return rc;
}

/* ---- tail ---- */

static const char *const from_names[] = { "latest", "earliest", NULL };
enum { FROM_LATEST, FROM_EARLIEST };

struct tail_args {
	const char *topic, *format;
	struct match match;
	int64_t since_ms;
	int from;
	bool follow;
};

static const struct opt tail_opts[] = {
	OPT_BOOL('F', "follow", struct tail_args, follow, "wait for more until interrupted"),
	OPT_ENUM(0, "from", struct tail_args, from, from_names, FROM_LATEST, "where to begin"),
	OPT_TIME(0, "since", struct tail_args, since_ms, 0, "begin at this time"),
	OPT_STR('t', "tag", "tag", struct tail_args, match.tag, "with this tag"),
	OPT_STR(0, "grep", "regex", struct tail_args, match.grep, "whose body matches"),
	OPT_STR(0, "row-format", "format", struct tail_args, format,
		"a line each, such as '%s %i %v\\n'"),
	OPT_END,
};

static bool print_scanned(void *arg, const struct message *m, const char *broker)
{
	struct printer *p = arg;

	if (p->match && !match_message(p->cx, p->match, m))
		return true;
	return !print_message(p, m, broker);
}

static int tail_follow(struct ctx *cx, const struct tail_args *a)
{
	struct printer p = { .cx = cx, .match = &a->match };
	struct scan s = { .topic = a->topic, .follow = true, .since_ms = a->since_ms };
	int rc = printer_init(&p, a->format);

	if (a->from == FROM_LATEST && !a->since_ms) {
		s.newest = cx->set.limit > 0 ? cx->set.limit : 0;
		s.from_end = !s.newest;
	}
	if (!rc)
		rc = scan_topic(cx, &s, print_scanned, &p);
	return rc ? rc : cx->err.code;
}

static int tail_once(struct ctx *cx, const struct tail_args *a)
{
	struct printer p = { .cx = cx };
	struct newest last;
	struct gather g = { cx, &a->match, &last };
	struct scan s = { .topic = a->topic, .since_ms = a->since_ms };
	bool bounded = a->from == FROM_LATEST && !a->since_ms;
	int rc;

	newest_init(&last, bounded ? limit_or(cx, DEFAULT_TAIL) : limit_or(cx, DEFAULT_LIMIT));
	if (bounded && !a->match.tag && !a->match.grep)
		s.newest = (int64_t)last.limit;
	rc = printer_init(&p, a->format);
	if (!rc)
		rc = scan_topic(cx, &s, gather_one, &g);
	newest_sort(&last);
	for (size_t i = 0; !rc && i < last.n; i++)
		rc = print_message(&p, &last.v[i].m, last.v[i].broker);
	if (!rc)
		rc = printer_end(&p);
	newest_release(&last);
	return rc;
}

static int message_tail(struct ctx *cx, const void *args)
{
	struct tail_args a = *(const struct tail_args *)args;
	int rc = match_init(&a.match, &cx->err);

	if (!rc)
		rc = a.follow ? tail_follow(cx, &a) : tail_once(cx, &a);
	match_release(&a.match);
	return rc;
}

/* ---- consume ---- */

struct consume_args {
	const char *topic, *group, *tag, *format;
	int64_t count, wait_ms;
	int from;
	bool follow, ack, retry, dead;
};

static const struct opt consume_opts[] = {
	OPT_NAME('g', "group", "group", struct consume_args, group, NAMES_GROUP,
		"join this group"),
	OPT_INT(0, "count", "n", struct consume_args, count, 0, INT64_MAX, 0,
		"stop after so many messages"),
	OPT_BOOL('F', "follow", struct consume_args, follow, "go on until interrupted"),
	OPT_MS(0, "wait", struct consume_args, wait_ms, 0, 86400000, 10000,
		"without --follow: stop after so long without a message"),
	OPT_BOOL(0, "ack", struct consume_args, ack, "acknowledge each message (default)"),
	OPT_BOOL(0, "retry", struct consume_args, retry, "send each back, to be retried later"),
	OPT_BOOL(0, "dead", struct consume_args, dead, "send each to the dead letter queue"),
	OPT_ENUM(0, "from", struct consume_args, from, from_names, FROM_LATEST,
		"where a group without positions begins"),
	OPT_STR('t', "tag", "expression", struct consume_args, tag,
		"subscribe to tags: 'a || b'"),
	OPT_STR(0, "row-format", "format", struct consume_args, format,
		"a line each, such as '%s %i %v\\n'"),
	OPT_END,
};

static int print_consumed(void *arg, const struct message *m, const char *broker)
{
	return print_message(arg, m, broker);
}

static int message_consume(struct ctx *cx, const void *args)
{
	static const char *const verdicts[] = { "acknowledged", "sent back for a retry",
		"sent to the dead letter queue" };
	const struct consume_args *a = args;
	struct printer p = { .cx = cx };
	struct consume c = { .group = a->group,
		.topic = a->topic,
		.tags = a->tag,
		.earliest = a->from == FROM_EARLIEST,
		.count = a->count,
		.wait_ms = a->follow ? 0 : a->wait_ms };
	int64_t done = 0;
	int rc;

	if (!a->group)
		return err_set(&cx->err, TQ_EUSAGE, "--group is missing");
	if (a->ack + a->retry + a->dead > 1)
		return err_set(
			&cx->err, TQ_EUSAGE, "--ack, --retry and --dead exclude each other");
	c.verdict = a->dead ? CONSUME_DEAD : a->retry ? CONSUME_RETRY : CONSUME_ACK;
	if (ctx_dry_run(cx, "messages of topic/%s would be %s as group/%s",
		    ctx_name(cx, a->topic), verdicts[c.verdict], ctx_name(cx, a->group)))
		return 0;
	rc = printer_init(&p, a->format);
	if (!rc)
		rc = consume_run(cx, &c, print_consumed, &p, &done);
	if (!rc)
		rc = printer_end(&p);
	if (!rc)
		ctx_done(cx, "%lld message(s) of topic/%s %s", (long long)done,
			ctx_name(cx, a->topic), verdicts[c.verdict]);
	return rc;
}

/* ---- decode-id ---- */

struct decode_args {
	const char *id;
};

static const struct col decoded_cols[] = { { "id", "id", COL_TEXT, COL_WHOLE },
	{ "broker-address", "offsetId.address", COL_TEXT, 0 },
	{ "physical-offset", "offsetId.physicalOffset", COL_NUMBER, 0 },
	{ "client-ip", "uniqueId.ip", COL_TEXT, 0 },
	{ "client-pid", "uniqueId.pid", COL_NUMBER, 0 },
	{ "made", "uniqueId.timeMs", COL_TIME, 0 },
	{ "counter", "uniqueId.counter", COL_NUMBER, 0 }, COL_END };
const struct view view_message_id = { "MessageId", "id", decoded_cols, false };

static int message_decode_id(struct ctx *cx, const void *args)
{
	const struct decode_args *a = args;
	cJSON *o, *part;
	struct unique_id u;
	struct host host;
	char text[HOST_TEXT];
	int64_t phys;
	int rc = message_offset_id_parse(str_of(a->id), &host, &phys, &cx->err);

	if (rc) {
		cx->err.code = TQ_EUSAGE;
		return TQ_EUSAGE;
	}
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "id", a->id);
	part = cJSON_AddObjectToObject(o, "offsetId");
	cJSON_AddStringToObject(part, "address", host_text(&host, text));
	json_add_i64(part, "physicalOffset", phys);
	if (!message_unique_id_parse(str_of(a->id), clock_wall_ms(), &u, NULL)) {
		part = cJSON_AddObjectToObject(o, "uniqueId");
		host_text(&u.host, text);
		*strrchr(text, ':') = '\0';
		cJSON_AddStringToObject(part, "ip", text);
		json_add_i64(part, "pid", u.pid);
		json_add_i64(part, "timeMs", u.ms);
		json_add_i64(part, "counter", u.counter);
	}
	rc = out_object(cx->out, &view_message_id, o, &cx->err);
	cJSON_Delete(o);
	if (!rc)
		ctx_note(cx, "an id does not say of which kind it is: both readings are shown");
	return rc;
}

const struct cmd cmd_message[] = {
	{ "send", "send a message", { ARG_TOPIC(struct send_args, topic) }, send_opts,
		sizeof(struct send_args), message_send, CMD_WRITES,
		"message send orders --body hello --key o-1 --tag paid\n"
		"message send orders --body reminder --delay 37s",
		"The id, queue and offset of a message that is delivered later are those of where it "
		"waits." },
	{ "get", "show one message", { ARG(ARG_OPTIONAL, NAMES_ID, "ID", struct get_args, id) },
		get_opts, sizeof(struct get_args), message_get, 0,
		"message get 7F0000010016B1A2C3D40000000A0001 --topic orders",
		"The id is that of the broker or that of the producer. Without --topic every topic is "
		"asked for the latter." },
	{ "query", "find messages by key, time, tag, property or body",
		{ ARG_TOPIC(struct query_args, topic) }, query_opts, sizeof(struct query_args),
		message_query, 0,
		"message query orders --key o-1\nmessage query orders --since 3h --tag paid",
		"A key is looked up in the index; anything else reads the queues. The newest hits are "
		"shown, oldest first." },
	{ "tail", "print the newest messages, and more as they come",
		{ ARG_TOPIC(struct tail_args, topic) }, tail_opts, sizeof(struct tail_args),
		message_tail, CMD_STREAMS, "message tail orders --tag paid",
		"No group is joined and no position is moved." },
	{ "consume", "consume as a member of a group",
		{ ARG_TOPIC(struct consume_args, topic) }, consume_opts,
		sizeof(struct consume_args), message_consume, CMD_WRITES | CMD_STREAMS,
		"message consume orders --group pay-svc --count 1 --wait 1s",
		"Joins the group as any consumer does and takes its share of the queues; prints each "
		"message, then acknowledges it, sends it back or sends it to the dead letter queue." },
	{ "decode-id", "take a message id apart", { ARG_ID(struct decode_args, id) }, NULL,
		sizeof(struct decode_args), message_decode_id, CMD_LOCAL,
		"message decode-id 0A00000900002A9F00000000000003E8", NULL },
	CMD_END
};
