/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of the handlers are constant; what makes them quick to use is built once: handlers
 * by code, and for each the place of a field name in its table. A name's slot is a small hash of
 * its length, first and last byte; open addressing, and one comparison decides.
 *
 * Nothing is allocated per request but from the arena, which is cleared before the next one. The
 * answer is encoded as soon as the handler returns; if it promises that something is on disk it
 * waits in hold, encoded, for the log to be safe up to its end.
 */
#include "brokerd/dispatch.h"

#include <stdarg.h>
#include <strings.h>

#include "brokerd/broker.h"
#include "brokerd/conn_impl.h"
#include "brokerd/hold.h"
#include "brokerd/permit.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "log.h"
#include "names.h"

#define LOG_DISPATCH "dispatch"
#define SLOTS 64
#define MANY_FIELDS 32
#define LOW_CODES 512
#define REPLY_FRAME_MAX (FRAME_MAX - 4096)

#define HANDLERS(module) extern const struct handler module[];
#include "brokerd/handlers.def"
#undef HANDLERS

static const struct handler *const modules[] = {
#define HANDLERS(module) module,
#include "brokerd/handlers.def"
#undef HANDLERS
};

struct lookup {
	const struct handler *h; /* NULL: no such code */
	const struct field *fields;
	uint64_t required; /* by index */
	uint64_t absent; /* by index: those with a value for when they are */
	uint8_t slot[SLOTS]; /* index + 1; 0: free */
	uint8_t len[MANY_FIELDS];
	uint8_t guess
		[MANY_FIELDS]; /* index + 1 of the field that came at this place last time */
};

struct dispatch {
	struct lookup *handlers;
	size_t n;
	uint16_t low[LOW_CODES]; /* index + 1 of codes below */
	struct arena arena;
	struct buf out, scratch;
	struct command answer;
	_Alignas(max_align_t) char fields[HANDLER_FIELDS_MAX];
};

/* --- fields --- */

static unsigned slot_of(const char *p, size_t n)
{
	return ((unsigned)n * 7 + (unsigned char)p[0] * 5 + (unsigned char)p[n - 1] * 3) %
	       SLOTS;
}

static void lookup_init(struct lookup *l, const struct field *fields)
{
	memset(l, 0, sizeof(*l));
	l->fields = fields;
	for (unsigned i = 0; fields && fields[i].type != FIELD_TYPE_END; i++) {
		size_t n = strlen(fields[i].name);
		unsigned at = slot_of(fields[i].name, n);

		BUG_ON(i >= MANY_FIELDS || n > UINT8_MAX);
		while (l->slot[at])
			at = (at + 1) % SLOTS;
		l->slot[at] = (uint8_t)(i + 1);
		l->len[i] = (uint8_t)n;
		if (fields[i].flags & REQUIRED)
			l->required |= 1ull << i;
		if (fields[i].absent)
			l->absent |= 1ull << i;
	}
}

static inline bool is_field(const struct lookup *l, unsigned i, struct str name)
{
	return l->len[i] == name.n && l->fields[i].name[0] == name.p[0] &&
	       (name.n == 1 || !memcmp(l->fields[i].name, name.p, name.n));
}

/* Index of the field, -1 if the table has none of that name. */
static int lookup_field(const struct lookup *l, struct str name)
{
	unsigned at;

	if (!name.n)
		return -1;
	for (at = slot_of(name.p, name.n); l->slot[at]; at = (at + 1) % SLOTS)
		if (is_field(l, l->slot[at] - 1u, name))
			return l->slot[at] - 1;
	return -1;
}

/* The same for the ext field number i: clients send them in the same order each time. */
static inline int field_at(struct lookup *l, int i, struct str name)
{
	int at;

	if (i >= MANY_FIELDS)
		return lookup_field(l, name);
	if (LIKELY(l->guess[i] && name.n && is_field(l, l->guess[i] - 1u, name)))
		return l->guess[i] - 1;
	at = lookup_field(l, name);
	l->guess[i] = (uint8_t)(at + 1);
	return at;
}

static inline bool parse_number(struct str s, int64_t *out)
{
	bool negative = s.n && s.p[0] == '-';
	size_t i = negative || (s.n && s.p[0] == '+');
	uint64_t v = 0;

	if (i == s.n || s.n - i > 19)
		return false;
	for (; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	if (v > (uint64_t)INT64_MAX)
		return false;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return true;
}

struct decoding {
	struct str cluster_id;
	struct arena *arena;
	struct err *e;
};

/* A name in its canonical spelling; built in the arena in the rare case that it had another. */
static int decode_name(
	const struct field *f, struct str v, struct str *out, const struct decoding *d)
{
	struct str name;
	struct buf b;
	int rc;

	buf_init(&b, 1024);
	name = names_canonical(v, d->cluster_id, &b);
	rc = f->type == FIELD_TYPE_TOPIC ? names_check_wire_topic(name, d->e)
					 : names_check_wire_group(name, d->e);
	if (!rc && name.p != v.p && b.p)
		name.p = arena_strn(d->arena, name.p, name.n);
	*out = rc ? STR_NONE : name;
	buf_release(&b);
	return rc ? err_wrap(d->e, "field '%s'", f->name) : 0;
}

/* Returns 1 when the value counts as missing. */
static inline int decode_number(const struct field *f, struct str v, char *at)
{
	int64_t n;

	if (!parse_number(v, &n))
		return 1;
	if (f->type == FIELD_TYPE_I64) {
		memcpy(at, &n, sizeof(n));
		return 0;
	}
	if (n < (f->type == FIELD_TYPE_U32 ? 0 : INT32_MIN) || n > INT32_MAX)
		return 1;
	memcpy(at, &(int){ (int)n }, sizeof(int));
	return 0;
}

static int decode_field(
	const struct field *f, struct str v, char *out, const struct decoding *d)
{
	char *at = out + f->off;
	bool yes;
	int rc;

	if (!v.n)
		return 1;
	switch (f->type) {
	case FIELD_TYPE_STR:
		rc = f->check ? f->check(v, d->e) : 0;
		if (rc)
			return err_wrap(d->e, "field '%s'", f->name);
		memcpy(at, &v, sizeof(v));
		return 0;
	case FIELD_TYPE_TOPIC:
	case FIELD_TYPE_GROUP:
		return decode_name(f, v, (struct str *)(void *)at, d);
	case FIELD_TYPE_BOOL:
		yes = str_is(v, "1") || (v.n == 4 && !strncasecmp(v.p, "true", 4));
		memcpy(at, &yes, sizeof(yes));
		return 0;
	default:
		return decode_number(f, v, at);
	}
}

static void put_absent(const struct field *f, char *out)
{
	char *at = out + f->off;

	if (f->type == FIELD_TYPE_I64)
		memcpy(at, &(int64_t){ f->absent }, sizeof(int64_t));
	else if (f->type == FIELD_TYPE_BOOL)
		memcpy(at, &(bool){ f->absent != 0 }, sizeof(bool));
	else
		memcpy(at, &(int){ f->absent }, sizeof(int));
}

static int missing(
	const struct lookup *l, uint64_t seen, const struct command *cmd, struct err *e)
{
	const struct field *f = &l->fields[__builtin_ctzll(l->required & ~seen)];
	struct str v = command_ext(cmd, f->name);

	if (v.n)
		return err_set(e, TQ_EINVAL, "field '%s': '" STR_FMT "' is out of range",
			f->name, STR_ARG(((struct str){ v.p, MIN(v.n, 64) })));
	return err_set(e, TQ_EINVAL, "field '%s' is missing", f->name);
}

static int lookup_decode(
	struct lookup *l, const struct command *cmd, char *out, const struct decoding *d)
{
	uint64_t seen = 0;

	for (int i = 0; l->fields && i < cmd->n_ext; i++) {
		int at = field_at(l, i, cmd->ext[i].key), rc;

		if (at < 0)
			continue;
		rc = decode_field(&l->fields[at], cmd->ext[i].value, out, d);
		if (rc < 0)
			return rc;
		if (!rc)
			seen |= 1ull << at;
	}
	if (l->required & ~seen)
		return missing(l, seen, cmd, d->e);
	for (uint64_t left = l->absent & ~seen; left; left &= left - 1)
		put_absent(&l->fields[__builtin_ctzll(left)], out);
	return 0;
}

int fields_decode(const struct field *fields, const struct command *cmd, struct str cluster_id,
	struct arena *a, void *out, struct err *e)
{
	struct decoding d = { cluster_id, a, e };
	struct lookup l;

	lookup_init(&l, fields);
	return lookup_decode(&l, cmd, out, &d);
}

/* --- tables --- */

const struct handler *handler_at(size_t i)
{
	for (size_t m = 0; m < ARRAY_LEN(modules); m++) {
		for (const struct handler *h = modules[m]; h->fn; h++) {
			if (!i--)
				return h;
		}
	}
	return NULL;
}

struct dispatch *dispatch_new(void)
{
	struct dispatch *d = mem_alloc(sizeof(*d));
	const struct handler *h;

	while (handler_at(d->n))
		d->n++;
	d->handlers = mem_array(d->n, sizeof(*d->handlers));
	for (size_t i = 0; i < d->n; i++) {
		h = handler_at(i);
		BUG_ON(h->size > HANDLER_FIELDS_MAX);
		lookup_init(&d->handlers[i], h->fields);
		d->handlers[i].h = h;
		if (h->code < LOW_CODES)
			d->low[h->code] = (uint16_t)(i + 1);
	}
	arena_init(&d->arena);
	buf_init(&d->out, FRAME_MAX);
	buf_init(&d->scratch, FRAME_MAX);
	return d;
}

void dispatch_free(struct dispatch *d)
{
	if (!d)
		return;
	arena_release(&d->arena);
	buf_release(&d->out);
	buf_release(&d->scratch);
	mem_free(d->handlers);
	mem_free(d);
}

static struct lookup *find(const struct dispatch *d, int code)
{
	if (code >= 0 && code < LOW_CODES)
		return d->low[code] ? &d->handlers[d->low[code] - 1] : NULL;
	for (size_t i = 0; i < d->n; i++) {
		if (d->handlers[i].h->code == code)
			return &d->handlers[i];
	}
	return NULL;
}

/* --- the answer --- */

void reply_ext(struct request *rq, struct str key, struct str v)
{
	BUG_ON(rq->n_ext == REPLY_MAX_EXT);
	rq->ext[rq->n_ext++] = (struct ext){ key, v };
}

void reply_code(struct request *rq, int response)
{
	rq->response = response;
}

void reply_remark(struct request *rq, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rq->remark = str_of(arena_str(rq->arena, text));
}

void reply_ext_i64(struct request *rq, struct str key, int64_t v)
{
	char text[24], *p = text + sizeof(text);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	reply_ext_copy(rq, key, (struct str){ p, (size_t)(text + sizeof(text) - p) });
}

void reply_ext_copy(struct request *rq, struct str key, struct str v)
{
	reply_ext(rq, key, (struct str){ arena_strn(rq->arena, v.p, v.n), v.n });
}

void reply_body(struct request *rq, struct buf *b)
{
	size_t n;

	if (buf_err(b) || b->n > REPLY_FRAME_MAX) {
		buf_release(b);
		err_set(&rq->err, TQ_ETOOBIG, "the answer is too large");
		rq->err.response = RESP_SYSTEM_ERROR;
		rq->response = RESP_SYSTEM_ERROR;
		return;
	}
	mem_free(rq->body);
	rq->body = buf_take(b, &n);
	rq->body_part = (struct str){ rq->body, n };
}

void reply_body_str(struct request *rq, struct str s)
{
	rq->body_part = s;
}

void reply_batch(struct request *rq, struct store_batch *b)
{
	rq->batch = b;
}

void reply_after(struct request *rq, int64_t end_off)
{
	rq->after = MAX(rq->after, end_off);
}

static void answer_drop(struct request *rq)
{
	mem_free(rq->body);
	rq->body = NULL;
	if (rq->batch)
		store_batch_release(rq->batch);
	rq->batch = NULL;
}

static struct str remark_of(struct request *rq)
{
	const struct err *e = &rq->err;

	if (!e->code)
		return rq->remark;
	return str_of(e->why[0] ? arena_fmt(rq->arena, "%s: %s", e->msg, e->why) : e->msg);
}

/* err_set() without an answer of its own, or a result that is not one of ours. */
static void settle(struct request *rq, int rc)
{
	if (!rc && !rq->err.code)
		return;
	if (!rq->err.code)
		err_set(&rq->err, rc, "%s", err_text(rc));
	rq->response = rq->err.response ? rq->err.response : err_response(rq->err.code);
	rq->body_part = STR_NONE;
	rq->after = 0;
	answer_drop(rq);
}

/* False when it does not fit in a frame. */
static bool encode(struct request *rq, struct buf *out)
{
	struct command *c = &rq->broker->dispatch->answer;
	size_t body = rq->batch ? rq->batch->bytes : rq->body_part.n;

	c->type = rq->type;
	c->code = rq->response;
	c->language = LANG_OTHER;
	c->version = TDMQ_WIRE_VERSION;
	c->flag = FLAG_RESPONSE;
	c->opaque = rq->opaque;
	c->remark = remark_of(rq);
	c->n_ext = rq->n_ext;
	memcpy(c->ext, rq->ext, sizeof(*rq->ext) * (size_t)rq->n_ext);
	c->body = STR_NONE;
	buf_clear(out);
	command_encode_head(out, c, body);
	buf_add_str(out, rq->body_part);
	return !buf_err(out);
}

static void answer_too_large(struct request *rq)
{
	rq->n_ext = 0;
	err_set(&rq->err, TQ_ETOOBIG, "the answer is too large");
	rq->err.response = RESP_SYSTEM_ERROR;
	settle(rq, rq->err.code);
}

static void send_answer(struct request *rq)
{
	struct broker *b = rq->broker;
	struct buf *out = &b->dispatch->out;

	if (rq->oneway || rq->conn->closed) {
		answer_drop(rq);
		return;
	}
	if (!encode(rq, out)) {
		answer_too_large(rq);
		BUG_ON(!encode(rq, out));
	}
	if (UNLIKELY(rq->late_ms) && hold_late(b->hold, rq, buf_str(out))) {
		; /* the hold has it */
	} else if (rq->after) {
		hold_ack(b->hold, rq, buf_str(out));
	} else {
		conn_write(rq->conn, out->p, out->n);
		if (rq->batch)
			conn_write_slices(rq->conn, rq->batch->slices, rq->batch->n);
		rq->batch = NULL;
	}
	answer_drop(rq);
	if (out->cap > (1u << 20))
		buf_release(out);
}

static void finish(struct request *rq, int rc)
{
	settle(rq, rc);
	if (rq->err.code) {
		stats_add(rq->broker->stats, STAT_ERRORS, 1);
		log_debug(
			LOG_DISPATCH, "request %d: %d %s", rq->code, rq->response, rq->err.msg);
	}
	send_answer(rq);
}

/* --- requests --- */

static void request_init(
	struct request *rq, struct broker *b, struct conn *c, const struct command *cmd)
{
	rq->broker = b;
	rq->conn = c;
	rq->cmd = cmd;
	rq->handler = NULL;
	rq->arena = &b->dispatch->arena;
	rq->scratch = &b->dispatch->scratch;
	rq->err.code = rq->err.sys = rq->err.response = 0;
	rq->err.msg[0] = rq->err.why[0] = rq->err.hint[0] = '\0';
	rq->code = cmd->code;
	rq->version = cmd->version;
	rq->language = cmd->language;
	rq->opaque = cmd->opaque;
	rq->type = cmd->type;
	rq->oneway = cmd->flag & FLAG_ONEWAY;
	rq->response = RESP_SUCCESS;
	rq->remark = STR_NONE;
	rq->n_ext = 0;
	rq->body = NULL;
	rq->body_part = STR_NONE;
	rq->batch = NULL;
	rq->after = 0;
	rq->late_ms = 0;
	rq->parked = NULL;
	rq->left = false;
	rq->who = (struct acl_who){ 0 };
}

struct request *request_park(struct request *rq)
{
	struct request *p = mem_alloc(sizeof(*p));

	BUG_ON(rq->parked || !rq->cmd);
	*p = *rq;
	p->cmd = NULL;
	p->who = (struct acl_who){ 0 };
	p->scratch = NULL;
	p->n_ext = 0;
	p->body = NULL;
	p->body_part = STR_NONE;
	p->batch = NULL;
	p->after = 0;
	p->late_ms = 0;
	p->remark = STR_NONE;
	arena_init(&p->own_arena);
	p->arena = &p->own_arena;
	conn_ref(p->conn);
	rq->parked = p;
	return p;
}

struct request_left request_leave(struct request *rq)
{
	BUG_ON(rq->parked || rq->left || !rq->cmd || rq->oneway);
	rq->left = true;
	return (struct request_left){ conn_ref(rq->conn), rq->opaque, (uint16_t)rq->code,
		(uint16_t)rq->version, (uint8_t)rq->language, (uint8_t)rq->type };
}

struct request *request_again(struct broker *b, const struct request_left *l)
{
	struct request *p = mem_alloc(sizeof(*p));

	p->broker = b;
	p->conn = l->conn;
	p->handler = find(b->dispatch, l->code)->h;
	p->code = l->code;
	p->version = l->version;
	p->language = l->language;
	p->opaque = l->opaque;
	p->type = (enum header_type)l->type;
	p->response = RESP_SUCCESS;
	arena_init(&p->own_arena);
	p->arena = &p->own_arena;
	return p;
}

void request_drop(const struct request_left *l)
{
	conn_unref(l->conn);
}

bool request_gone(const struct request *rq)
{
	return rq->conn->closed;
}

void request_finish(struct request *rq, int rc)
{
	BUG_ON(rq->cmd);
	finish(rq, rc);
	conn_unref(rq->conn);
	arena_release(&rq->own_arena);
	mem_free(rq);
}

static int run(struct request *rq, struct lookup *l)
{
	struct dispatch *d = rq->broker->dispatch;
	struct decoding how = { broker_cluster_id(rq->broker), &d->arena, &rq->err };
	int rc;

	rq->handler = l->h;
	memset(d->fields, 0, l->h->size);
	(void)((rc = permit_identify(rq)) ||
		(rc = lookup_decode(l, rq->cmd, d->fields, &how)) ||
		(rc = permit_fields(rq, d->fields)));
	return rc ? rc : l->h->fn(rq, d->fields);
}

void dispatch(struct broker *b, struct conn *c, const struct command *cmd)
{
	struct lookup *l = find(b->dispatch, cmd->code);
	struct request rq;
	int rc;

	c->language = cmd->language;
	c->version = cmd->version;
	arena_clear(&b->dispatch->arena);
	buf_clear(&b->dispatch->scratch);
	request_init(&rq, b, c, cmd);
	stats_add(b->stats, STAT_REQUESTS, 1);
	if (l)
		rc = run(&rq, l);
	else
		rc = err_set(
			&rq.err, TQ_EUNSUPPORTED, " request type %d not supported", cmd->code);
	if (rq.parked || rq.left) {
		BUG_ON(rc);
		return;
	}
	finish(&rq, rc);
}
