/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pull is in flight for each queue. A pull's answer is handed to the caller, then the next
 * pull of that queue goes out, until the queue is read to its end. Pulls go as the group
 * TOOLS_CONSUMER with the subscription inside, as mqadmin's do: no membership is needed.
 */
#include "scan.h"

#include <regex.h>

#include "names.h"
#include "props.h"
#include "queue.h"

#define PULL_BATCH 32
#define SUSPEND_MS 15000

struct reader;

struct queue {
	struct reader *r;
	const char *broker, *addr;
	int id;
	int64_t off, end; /* end: exclusive; INT64_MAX when following */
};

struct reader {
	struct ctx *cx;
	const struct scan *s;
	scan_fn fn;
	void *arg;
	struct arena scratch; /* texts of the request under way */
	struct queue *queues;
	size_t n, failed;
	bool enough;
};

static int pull(struct queue *q);

/* True: the queue has more to give. */
static bool deliver(struct queue *q, const struct command *c)
{
	struct reader *r = q->r;
	struct rd rd = rd_init(c->body);
	int64_t next = q->off;
	struct message m;

	str_to_i64(command_ext(c, "nextBeginOffset"), 0, INT64_MAX, &next, "nextBeginOffset",
		NULL);
	while (c->code == RESP_SUCCESS && rd_left(&rd) && !r->enough) {
		if (message_decode(&rd, &m, &r->cx->err)) {
			ctx_failed(r->cx, "queue %s/%d", q->broker, q->id);
			r->failed++;
			return false;
		}
		q->off = m.queue_off + 1;
		if (m.queue_off >= q->end || (r->s->until_ms && m.store_ms >= r->s->until_ms))
			return false;
		if (m.store_ms >= r->s->since_ms && !r->fn(r->arg, &m, q->broker))
			r->enough = true;
	}
	q->off = MAX(q->off, next);
	if (c->code == RESP_PULL_NOT_FOUND && !r->s->follow)
		return false;
	return q->off < q->end;
}

static void on_pulled(void *arg, int rc, struct reply *rp, const struct err *e)
{
	struct queue *q = arg;
	struct reader *r = q->r;
	bool more = false;

	if (rc) {
		r->cx->err = *e;
	} else {
		switch (rp->cmd.code) {
		case RESP_SUCCESS:
		case RESP_PULL_NOT_FOUND:
		case RESP_PULL_RETRY_IMMEDIATELY:
		case RESP_PULL_OFFSET_MOVED:
			more = deliver(q, &rp->cmd);
			break;
		default:
			rc = admin_reply_err(&rp->cmd, q->addr, &r->cx->err);
		}
	}
	reply_free(rp);
	if (!rc && more && !r->enough)
		rc = pull(q);
	if (rc) {
		ctx_failed(r->cx, "queue %s/%d", q->broker, q->id);
		r->failed++;
	}
	if (r->enough)
		client_stop(admin_client(r->cx->admin));
}

static int pull(struct queue *q)
{
	struct reader *r = q->r;
	struct ctx *cx = r->cx;
	struct pull p = { .group = NAMES_TOOLS_GROUP,
		.topic = r->s->topic,
		.queue = q->id,
		.queue_off = q->off,
		.max = (int)MIN(PULL_BATCH, q->end - q->off),
		.hold_ms = r->s->follow ? SUSPEND_MS : 0,
		.all = true };
	struct command rq;
	int rc;

	admin_pull_request(&rq, &p, &r->scratch);
	rc = client_submit(admin_client(cx->admin), q->addr, &rq,
		admin_timeout(cx->admin) + p.hold_ms, on_pulled, q, &cx->err);
	arena_clear(&r->scratch);
	return rc;
}

/* Where to begin and to end; a queue with nothing to read has off == end. */
static int settle_bounds(struct queue *q)
{
	const struct scan *s = q->r->s;
	struct ctx *cx = q->r->cx;
	int64_t min, max, at;
	int rc;

	rc = admin_offset_min(cx->admin, q->addr, s->topic, q->id, &min, &cx->err);
	if (!rc)
		rc = admin_offset_max(cx->admin, q->addr, s->topic, q->id, &max, &cx->err);
	if (rc)
		return rc;
	q->off = s->from_end ? max : min;
	q->end = s->follow ? INT64_MAX : max;
	if (s->since_ms && !s->from_end) {
		rc = admin_offset_at(
			cx->admin, q->addr, s->topic, q->id, s->since_ms, &at, &cx->err);
		if (rc)
			return rc;
		/* The server rounds to the nearest message; the filter on store time does the rest. */
		q->off = MAX(min, at > 0 ? at - 1 : 0);
	}
	if (s->newest && max - q->off > s->newest)
		q->off = max - s->newest;
	if (s->at_offset)
		q->off = s->offset;
	return 0;
}

static int list_queues(struct reader *r)
{
	struct ctx *cx = r->cx;
	struct route route;
	size_t total = 0;
	int rc;

	rc = admin_route(cx->admin, r->s->topic, &cx->mem, &route, &cx->err);
	if (rc)
		return rc;
	for (size_t i = 0; i < route.n_queues; i++)
		total += (size_t)MAX(route.queues[i].read_queues, 0);
	r->queues = arena_alloc(&cx->mem, (total + 1) * sizeof(*r->queues));
	for (size_t i = 0; i < route.n_queues; i++) {
		const struct route_queue *rq = &route.queues[i];
		const char *addr = route_addr(&route, rq->broker);

		for (int id = 0; addr && id < rq->read_queues; id++)
			if (!r->s->only || queue_is(r->s->only, rq->broker, id))
				r->queues[r->n++] = (struct queue){
					.r = r, .broker = rq->broker, .addr = addr, .id = id
				};
	}
	if (r->s->only && !r->n)
		return err_set(&cx->err, TQ_ENOTFOUND, "topic '%s' has no queue '%s'",
			ctx_name(cx, r->s->topic), r->s->only);
	return 0;
}

int scan_topic(struct ctx *cx, const struct scan *s, scan_fn fn, void *arg)
{
	struct reader r = { .cx = cx, .s = s, .fn = fn, .arg = arg };
	int rc = list_queues(&r);

	if (rc)
		return rc;
	for (size_t i = 0; i < r.n; i++) {
		rc = settle_bounds(&r.queues[i]);
		if (!rc && r.queues[i].off < r.queues[i].end)
			rc = pull(&r.queues[i]);
		if (!rc)
			continue;
		ctx_failed(cx, "queue %s/%d", r.queues[i].broker, r.queues[i].id);
		r.failed++;
	}
	client_run(admin_client(cx->admin), -1);
	arena_release(&r.scratch);
	return ctx_result(cx, r.n - r.failed, r.failed);
}

/* ---- filters ---- */

struct match_regex {
	regex_t re;
};

int match_init(struct match *f, struct err *e)
{
	char why[200];
	int rc;

	f->regex = NULL;
	if (!f->grep)
		return 0;
	f->regex = mem_alloc(sizeof(*f->regex));
	rc = regcomp(&f->regex->re, f->grep, REG_EXTENDED | REG_NOSUB);
	if (!rc)
		return 0;
	regerror(rc, &f->regex->re, why, sizeof(why));
	mem_free(f->regex);
	f->regex = NULL;
	return err_set(e, TQ_EUSAGE, "--grep '%s': %s", f->grep, why);
}

void match_release(struct match *f)
{
	if (f->regex)
		regfree(&f->regex->re);
	mem_free(f->regex);
	f->regex = NULL;
}

static bool has_key(const struct message *m, const char *key)
{
	struct str keys = props_get(m->properties, PROP_KEYS), one;

	while (str_cut(&keys, ' ', &one))
		if (str_is(one, key))
			return true;
	return false;
}

static bool has_props(const struct message *m, const struct strv *props)
{
	for (size_t i = 0; i < props->n; i++) {
		struct str value = str_of(props->v[i]), name = STR_NONE;
		char *z;
		bool hit;

		str_cut(&value, '=', &name);
		z = mem_strn(name.p, name.n);
		hit = str_eq(props_get(m->properties, z), value);
		mem_free(z);
		if (!hit)
			return false;
	}
	return true;
}

static bool has_id(const struct message *m, const char *id)
{
	char offset_id[MESSAGE_ID_MAX];

	message_offset_id(offset_id, &m->store, m->phys_off);
	return !strcmp(offset_id, id) || str_is(props_get(m->properties, PROP_UNIQ_KEY), id);
}

static bool greps(struct ctx *cx, const struct match *f, const struct message *m)
{
	struct buf plain;
	struct str body = m->body;
	char *z;
	bool hit;

	buf_init(&plain, MESSAGE_MAX_PLAIN);
	if (m->sysflag & SYSFLAG_COMPRESSED &&
		!message_inflate(m, &plain, MESSAGE_MAX_PLAIN, &cx->err))
		body = buf_str(&plain);
	z = mem_strn(body.p, body.n);
	hit = !regexec(&f->regex->re, z, 0, NULL, 0);
	mem_free(z);
	buf_release(&plain);
	return hit;
}

bool match_message(struct ctx *cx, const struct match *f, const struct message *m)
{
	struct str origin = props_get(m->properties, PROP_RETRY_TOPIC);

	return (!f->tag || str_is(props_get(m->properties, PROP_TAGS), f->tag)) &&
	       (!f->key || has_key(m, f->key)) && (!f->id || has_id(m, f->id)) &&
	       (!f->origin_topic || str_is(origin, f->origin_topic)) &&
	       has_props(m, &f->props) && (!f->regex || greps(cx, f, m));
}

/* ---- the newest N ---- */

void newest_init(struct newest *k, size_t limit)
{
	memset(k, 0, sizeof(*k));
	k->limit = limit;
}

void newest_release(struct newest *k)
{
	for (size_t i = 0; i < k->n; i++)
		mem_free(k->v[i].bytes);
	mem_free(k->v);
	memset(k, 0, sizeof(*k));
}

static int by_store_time(const void *a, const void *b)
{
	const struct message *x = &((const struct kept *)a)->m,
			     *y = &((const struct kept *)b)->m;

	if (x->store_ms != y->store_ms)
		return x->store_ms < y->store_ms ? -1 : 1;
	if (x->queue_id != y->queue_id)
		return x->queue_id < y->queue_id ? -1 : 1;
	return (x->queue_off > y->queue_off) - (x->queue_off < y->queue_off);
}

void newest_sort(struct newest *k)
{
	size_t drop = k->n > k->limit ? k->n - k->limit : 0;

	if (k->n)
		qsort(k->v, k->n, sizeof(*k->v), by_store_time);
	for (size_t i = 0; i < drop; i++)
		mem_free(k->v[i].bytes);
	if (drop)
		memmove(k->v, k->v + drop, (k->n - drop) * sizeof(*k->v));
	k->n -= drop;
	k->dropped += drop;
}

/* Twice the limit is kept before the oldest half goes, so that sorting stays cheap. */
void newest_add(struct newest *k, const struct message *m, const char *broker)
{
	size_t n = m->body.n + m->topic.n + m->properties.n;
	struct kept *to;
	char *p;

	if (k->n >= 2 * k->limit && k->n)
		newest_sort(k);
	if (k->n == k->cap) {
		k->cap = k->cap ? k->cap * 2 : 64;
		k->v = mem_grow(k->v, k->cap * sizeof(*k->v));
	}
	to = &k->v[k->n++];
	*to = (struct kept){ *m, mem_alloc(n + 1), broker };
	p = to->bytes;
	to->m.body.p = p;
	p = mempcpy(p, m->body.p ? m->body.p : "", m->body.n);
	to->m.topic.p = p;
	p = mempcpy(p, m->topic.p ? m->topic.p : "", m->topic.n);
	to->m.properties.p = p;
	mempcpy(p, m->properties.p ? m->properties.p : "", m->properties.n);
}
