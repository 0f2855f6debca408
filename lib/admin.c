/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: requests are built, sent to one server or to all masters at once, and their JSON is
 * copied into the caller's arena as plain structs.
 *
 * What is asked of several brokers goes through fan_out(): every master gets the same request,
 * the answers are kept in the order of the brokers, and a broker that failed is put on the list
 * of skipped ones. The cluster is asked once in the life of an admin; a command is short.
 *
 * JSON comes from Apache (fastjson), brokerd and whatever else speaks the protocol: it is read
 * loosely, members of the wrong type count as absent, and nothing of it sizes an allocation
 * before it was parsed.
 */
#include "admin.h"
#include "json.h"
#include "names.h"
#include "opt.h"
#include "strv.h"

#define TIMEOUT_MS 5000
#define MAX_SERVERS 64

struct admin {
	struct client *client; /* owned */
	int timeout_ms;
	struct arena mem; /* lives as long as the admin */
	struct strv nameservers, only; /* only: names or addresses of brokers; empty: all */
	size_t ns_at; /* the name server that answered last */
	struct cluster *cluster; /* in mem; NULL until asked */
	struct skipped skipped[MAX_SERVERS];
	size_t n_skipped;
};

static void split_list(struct strv *v, const char *list)
{
	struct str rest = str_of(list), item, part;

	while (str_cut(&rest, ';', &item))
		while (str_cut(&item, ',', &part)) {
			part = str_trim(part);
			if (part.n)
				strv_add(v, part);
		}
}

struct admin *admin_new(const struct admin_opts *o)
{
	struct admin *a = mem_alloc(sizeof(*a));

	arena_init(&a->mem);
	a->nameservers = strv_in(&a->mem);
	a->only = strv_in(&a->mem);
	split_list(&a->nameservers, o->nameservers);
	split_list(&a->only, o->brokers);
	a->client = client_new(&o->client);
	a->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
	return a;
}

void admin_free(struct admin *a)
{
	if (!a)
		return;
	client_free(a->client);
	arena_release(&a->mem);
	mem_free(a);
}

struct client *admin_client(struct admin *a)
{
	return a->client;
}

int admin_timeout(const struct admin *a)
{
	return a->timeout_ms;
}

const struct skipped *admin_skipped(const struct admin *a, size_t *n)
{
	*n = a->n_skipped;
	return a->skipped;
}

static void skip(struct admin *a, const struct broker *b, const struct err *e)
{
	for (size_t i = 0; i < a->n_skipped; i++)
		if (!strcmp(a->skipped[i].broker, b->name))
			return;
	if (a->n_skipped < MAX_SERVERS)
		a->skipped[a->n_skipped++] = (struct skipped){ b->name, b->addr, *e };
}

/* ---- answers that are errors ---- */

/* "org.apache...AclException: text, org.apache...validate(Plain.java:1)" -> "text" */
static struct str clean_remark(struct str s)
{
	static const char *const ends[] = { "\n", ", org.apache.", ", java.", "See http",
		" See http" };
	const char *colon;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		const char *at = s.n ? memmem(s.p, s.n, ends[i], strlen(ends[i])) : NULL;

		if (at > s.p)
			s.n = (size_t)(at - s.p);
	}
	colon = s.n ? memmem(s.p, s.n, ": ", 2) : NULL;
	if (colon && (size_t)(colon - s.p) > 9 &&
		(!memcmp(colon - 9, "Exception", 9) || !memcmp(colon - 5, "Error", 5)))
		s = str_skip(s, (size_t)(colon + 2 - s.p));
	s = str_trim(s);
	while (s.n && (s.p[s.n - 1] == '.' || s.p[s.n - 1] == ',' || s.p[s.n - 1] == '!'))
		s.n--;
	return s;
}

/* Texts of Apache's PlainAccessValidator and PlainPermissionManager. */
static bool is_refusal(struct str remark)
{
	static const char *const texts[] = { "AclException", "No accessKey is configured",
		"No acl config for", "Check signature failed for accessKey",
		"Need admin permission for request", "No default permission for" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (remark.n && memmem(remark.p, remark.n, texts[i], strlen(texts[i])))
			return true;
	return false;
}

static const struct {
	int code;
	const char *hint;
} hints[] = {
	{ TQ_EDENIED, "check TDMQCTL_ACCESS_KEY and the secret, and what they may do" },
	{ TQ_EOFFLINE, "see who is connected: tdmqctl group clients GROUP" },
	{ TQ_ENOTOPIC, "see which topics exist: tdmqctl topic list -A" },
	{ TQ_EBUSY, "wait a moment and try again" },
};

static void hint_for(struct err *e, int code)
{
	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (hints[i].code == code)
			err_hint(e, "%s", hints[i].hint);
}

/* Control bytes of a remark must not reach a terminal. */
static void defuse(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
}

int admin_reply_err(const struct command *answer, const char *addr, struct err *e)
{
	struct str remark = clean_remark(answer->remark);
	const char *name = response_name(answer->code);
	int code = err_from_response(answer->code);
	char number[16];

	if (answer->code == RESP_SUCCESS)
		return 0;
	if (answer->code == RESP_SYSTEM_ERROR && is_refusal(answer->remark))
		code = TQ_EDENIED;
	if (!remark.n)
		remark = str_of(err_text(code));
	snprintf(number, sizeof(number), "%d", answer->code);
	err_set(e, code, STR_FMT " (%s%sserver code %s%s%s)", STR_ARG(remark), addr ? addr : "",
		addr ? ": " : "", number, name ? ", " : "", name ? name : "");
	if (e) {
		defuse(e->msg);
		e->response = answer->code;
		hint_for(e, code);
	}
	return code;
}

/* ---- single requests ---- */

int admin_call(struct admin *a, const char *addr, struct command *rq, struct reply **out,
	struct err *e)
{
	struct reply *r;
	int rc = client_call(a->client, addr, rq, a->timeout_ms, &r, e);

	if (!rc)
		rc = admin_reply_err(&r->cmd, addr, e);
	if (rc || !out)
		reply_free(r);
	if (out)
		*out = rc ? NULL : r;
	return rc;
}

int admin_call_ns(struct admin *a, struct command *rq, struct reply **out, struct err *e)
{
	size_t n = a->nameservers.n;
	int rc = 0;

	if (out)
		*out = NULL;
	if (!n) {
		err_set(e, TQ_EUSAGE, "no name server given");
		err_hint(e, "use -s HOST:PORT or set TDMQCTL_NAMESERVER");
		return TQ_EUSAGE;
	}
	for (size_t i = 0; i < n; i++) {
		rc = admin_call(a, a->nameservers.v[a->ns_at], rq, out, e);
		if (rc != TQ_EUNREACHABLE && rc != TQ_ETIMEDOUT)
			return rc;
		a->ns_at = (a->ns_at + 1) % n;
	}
	return rc;
}

/* One request to addr whose answer is a JSON object. */
static int call_json(
	struct admin *a, const char *addr, struct command *rq, cJSON **doc, struct err *e)
{
	struct reply *r = NULL;
	int rc = addr ? admin_call(a, addr, rq, &r, e) : admin_call_ns(a, rq, &r, e);

	*doc = NULL;
	if (!rc)
		rc = json_parse(r->cmd.body, JSON_LOOSE, doc, e);
	if (rc && r)
		err_wrap(e, "answer of '%s'", addr ? addr : "name server");
	reply_free(r);
	return rc;
}

/* ---- the cluster ---- */

static int by_broker_name(const void *x, const void *y)
{
	return strcmp(((const struct broker *)x)->name, ((const struct broker *)y)->name);
}

static void read_broker(struct broker *b, const cJSON *o, const char *name, struct arena *mem)
{
	const cJSON *addrs = cJSON_GetObjectItemCaseSensitive(o, "brokerAddrs"), *j;

	b->name = arena_str(mem, name);
	b->cluster = arena_str(mem, json_text(o, "cluster", ""));
	b->slaves = arena_alloc(mem, (size_t)cJSON_GetArraySize(addrs) * sizeof(*b->slaves));
	cJSON_ArrayForEach (j, addrs) {
		const char *addr;

		if (!cJSON_IsString(j) || !j->string)
			continue;
		addr = arena_str(mem, j->valuestring);
		if (!strcmp(j->string, "0"))
			b->addr = addr;
		else
			b->slaves[b->n_slaves++] = addr;
	}
}

static bool broker_is(const struct broker *b, const char *what)
{
	if (!strcmp(b->name, what) || (b->addr && !strcmp(b->addr, what)))
		return true;
	for (size_t i = 0; i < b->n_slaves; i++)
		if (!strcmp(b->slaves[i], what))
			return true;
	return false;
}

static int restrict_to(struct cluster *cl, const struct strv *only, struct err *e)
{
	size_t kept = 0;

	for (size_t o = 0; o < only->n; o++) {
		size_t i = 0;

		while (i < cl->n && !broker_is(&cl->v[i], only->v[o]))
			i++;
		if (i == cl->n) {
			err_set(e, TQ_ENOTFOUND, "no broker '%s'", only->v[o]);
			err_hint(e, "see which there are: tdmqctl broker list");
			return TQ_ENOTFOUND;
		}
	}
	for (size_t i = 0; i < cl->n; i++)
		for (size_t o = 0; o < only->n; o++)
			if (broker_is(&cl->v[i], only->v[o])) {
				cl->v[kept++] = cl->v[i];
				break;
			}
	cl->n = kept;
	return 0;
}

static void read_cluster(struct admin *a, const cJSON *doc, struct cluster *cl)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "brokerAddrTable"), *j;

	cl->v = arena_alloc(&a->mem, (size_t)cJSON_GetArraySize(table) * sizeof(*cl->v));
	cJSON_ArrayForEach (j, table)
		if (j->string)
			read_broker(&cl->v[cl->n++], j, j->string, &a->mem);
	if (cl->n)
		qsort(cl->v, cl->n, sizeof(*cl->v), by_broker_name);
}

static const char *ext_text(struct arena *mem, const struct command *c, const char *key)
{
	struct str s = command_ext(c, key);

	return s.p ? arena_strn(mem, s.p, s.n) : NULL;
}

int admin_cluster(struct admin *a, const struct cluster **out, struct err *e)
{
	struct cluster *cl = a->cluster;
	struct reply *r = NULL;
	struct command rq;
	cJSON *doc = NULL;
	int rc;

	*out = cl;
	if (cl)
		return 0;
	command_init(&rq, REQ_GET_BROKER_CLUSTER_INFO);
	rc = admin_call_ns(a, &rq, &r, e);
	if (!rc && (rc = json_parse(r->cmd.body, JSON_LOOSE, &doc, e)))
		err_wrap(e, "cluster of '%s'", a->nameservers.v[a->ns_at]);
	if (rc)
		goto out;
	cl = arena_alloc(&a->mem, sizeof(*cl));
	cl->brokerd = ext_text(&a->mem, &r->cmd, "brokerd");
	cl->id = ext_text(&a->mem, &r->cmd, "clusterId");
	read_cluster(a, doc, cl);
	rc = a->only.n ? restrict_to(cl, &a->only, e) : 0;
	if (!rc)
		*out = a->cluster = cl;
out:
	cJSON_Delete(doc);
	reply_free(r);
	return rc;
}

bool admin_is_brokerd(struct admin *a)
{
	const struct cluster *cl;

	return !admin_cluster(a, &cl, NULL) && cl->brokerd;
}

/* ---- all masters at once ---- */

struct answer {
	const struct broker *broker;
	struct reply *reply; /* owned; NULL: failed or not asked */
	struct err err;
	bool pending;
};

struct fan {
	struct answer *v; /* owned */
	size_t n;
};

static void fan_done(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct answer *w = arg;

	w->pending = false;
	w->reply = r;
	if (rc)
		w->err = *e;
}

static void fan_release(struct fan *f)
{
	for (size_t i = 0; i < f->n; i++)
		reply_free(f->v[i].reply);
	mem_free(f->v);
}

static bool fan_pending(const struct fan *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].pending)
			return true;
	return false;
}

static void fan_ask(struct admin *a, struct answer *w, struct command *rq)
{
	if (!w->broker->addr)
		err_set(&w->err, TQ_EUNREACHABLE, "broker '%s' has no master", w->broker->name);
	else
		w->pending = !client_submit(
			a->client, w->broker->addr, rq, a->timeout_ms, fan_done, w, &w->err);
}

/* Turns response codes into errors; *ok counts what is left, *first is the first failure. */
static void fan_judge(struct answer *w, size_t *ok, const struct err **first)
{
	if (w->reply && admin_reply_err(&w->reply->cmd, w->broker->addr, &w->err)) {
		reply_free(w->reply);
		w->reply = NULL;
	}
	if (w->reply)
		(*ok)++;
	else if (!*first)
		*first = &w->err;
}

/*
 * The same request to every broker of the list; failures of code `fine` are no reason to call a
 * broker skipped. Fails with the first error when no broker answered well. f is to be released
 * in any case.
 */
static int fan_out(struct admin *a, const struct broker *v, size_t n, struct command *rq,
	int fine, struct fan *f, struct err *e)
{
	const struct err *first = NULL;
	size_t ok = 0;

	f->n = n;
	f->v = mem_array(n + 1, sizeof(*f->v));
	for (size_t i = 0; i < n; i++) {
		f->v[i].broker = &v[i];
		fan_ask(a, &f->v[i], rq);
	}
	while (fan_pending(f))
		client_run(a->client, -1);
	for (size_t i = 0; i < n; i++)
		fan_judge(&f->v[i], &ok, &first);
	if (n && !ok) {
		if (e)
			*e = *first;
		return first->code;
	}
	for (size_t i = 0; i < n; i++)
		if (!f->v[i].reply && f->v[i].err.code != fine)
			skip(a, f->v[i].broker, &f->v[i].err);
	return 0;
}

static int fan_cluster(
	struct admin *a, struct command *rq, int fine, struct fan *f, struct err *e)
{
	const struct cluster *cl;
	int rc = admin_cluster(a, &cl, e);

	memset(f, 0, sizeof(*f));
	if (!rc && !cl->n)
		rc = err_set(e, TQ_EUNREACHABLE, "the name server knows no broker");
	return rc ? rc : fan_out(a, cl->v, cl->n, rq, fine, f, e);
}

/* Calls read(doc) for the JSON of each broker that answered; an answer that is none is an error. */
typedef void (*fan_reader)(void *arg, const struct broker *b, const cJSON *doc);

static int fan_read(const struct fan *f, fan_reader read, void *arg, struct err *e)
{
	cJSON *doc;
	int rc = 0;

	for (size_t i = 0; !rc && i < f->n; i++) {
		if (!f->v[i].reply)
			continue;
		rc = json_parse(f->v[i].reply->cmd.body, JSON_LOOSE, &doc, e);
		if (rc) {
			err_wrap(e, "answer of broker '%s'", f->v[i].broker->name);
			break;
		}
		read(arg, f->v[i].broker, doc);
		cJSON_Delete(doc);
	}
	return rc;
}

/* A change: all masters must take it. What some refused is in the error. */
static int change_all(struct admin *a, struct command *rq, struct err *e)
{
	struct fan f;
	size_t failed = 0;
	int rc = fan_cluster(a, rq, 0, &f, e);

	for (size_t i = 0; !rc && i < f.n; i++)
		if (!f.v[i].reply && !failed++ && e)
			*e = f.v[i].err;
	if (failed) {
		rc = TQ_EPARTIAL;
		if (e) {
			e->code = rc;
			err_wrap(e, "%zu of %zu brokers failed", failed, f.n);
		}
	}
	fan_release(&f);
	return rc;
}

/* ---- run time and settings ---- */

static int by_key(const void *x, const void *y)
{
	return str_cmp(((const struct kv *)x)->key, ((const struct kv *)y)->key);
}

struct str kvs_get(const struct kvs *t, const char *key)
{
	for (size_t i = 0; i < t->n; i++)
		if (str_is(t->v[i].key, key))
			return t->v[i].value;
	return STR_NONE;
}

static void kvs_sort(struct kvs *t)
{
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), by_key);
}

int admin_runtime(
	struct admin *a, const char *addr, struct arena *mem, struct kvs *out, struct err *e)
{
	const cJSON *table, *j;
	struct command rq;
	cJSON *doc;
	int rc;

	*out = (struct kvs){ NULL, 0 };
	command_init(&rq, REQ_GET_BROKER_RUNTIME_INFO);
	rc = call_json(a, addr, &rq, &doc, e);
	if (rc)
		return rc;
	table = cJSON_GetObjectItemCaseSensitive(doc, "table");
	out->v = arena_alloc(mem, (size_t)cJSON_GetArraySize(table) * sizeof(*out->v));
	cJSON_ArrayForEach (j, table)
		if (cJSON_IsString(j) && j->string)
			out->v[out->n++] = (struct kv){ str_of(arena_str(mem, j->string)),
				str_of(arena_str(mem, j->valuestring)) };
	kvs_sort(out);
	cJSON_Delete(doc);
	return 0;
}

int admin_config(
	struct admin *a, const char *addr, struct arena *mem, struct kvs *out, struct err *e)
{
	struct str rest, line, key;
	struct reply *r;
	struct command rq;
	size_t lines = 1;
	int rc;

	*out = (struct kvs){ NULL, 0 };
	command_init(&rq, REQ_GET_BROKER_CONFIG);
	rc = admin_call(a, addr, &rq, &r, e);
	if (rc)
		return rc;
	rest = r->cmd.body;
	for (size_t i = 0; i < rest.n; i++)
		lines += rest.p[i] == '\n';
	rest.p = rest.n ? arena_strn(mem, rest.p, rest.n) : NULL;
	out->v = arena_alloc(mem, lines * sizeof(*out->v));
	while (str_cut(&rest, '\n', &line)) {
		line = str_trim(line);
		if (line.n && str_cut(&line, '=', &key) && line.p)
			out->v[out->n++] = (struct kv){ key, line };
	}
	kvs_sort(out);
	reply_free(r);
	return 0;
}

/* ---- topics ---- */

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

/*
 * Says which name may have been meant: the nearest of the same namespace. names: wire names, each
 * `step` bytes after the one before.
 */
static void suggest(struct err *e, const char *wanted, const void *names, size_t n, size_t step,
	const char *noun)
{
	struct strv near = STRV_INIT;
	struct str ns, name, other_ns, other;
	const char *best;

	names_split(str_of(wanted), &ns, &name);
	for (size_t i = 0; i < n; i++) {
		const char *const *p = (const void *)((const char *)names + i * step);

		names_split(str_of(*p), &other_ns, &other);
		if (str_eq(ns, other_ns))
			strv_add(&near, other);
	}
	best = near.n ? opt_nearest(name, (const char *const *)near.v) : NULL;
	if (best)
		err_hint(e, "did you mean '%s'? See which exist: tdmqctl %s list", best, noun);
	else
		err_hint(e, "see which exist: tdmqctl %s list -A", noun);
	strv_release(&near);
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
	suggest(e, name, all.v ? &all.v[0].t.name : NULL, all.n, sizeof(*all.v), "topic");
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
		read_broker(&out->brokers[out->n_brokers++], j, json_text(j, "brokerName", ""),
			mem);
	cJSON_ArrayForEach (j, queues)
		out->queues[out->n_queues++] = (struct route_queue){
			arena_str(mem, json_text(j, "brokerName", "")),
			(int)json_int(j, "readQueueNums", 0),
			(int)json_int(j, "writeQueueNums", 0),
			(int)json_int(j, "perm", 0),
		};
	if (out->n_brokers)
		qsort(out->brokers, out->n_brokers, sizeof(*out->brokers), by_broker_name);
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
	rc = call_json(a, NULL, &rq, &doc, e);
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

/* The text of a queue as key: {"brokerName":"bk-a","queueId":0,"topic":"T1"}. False: it is none. */
static bool read_queue_id(struct queue_id *q, const char *key, struct arena *mem)
{
	cJSON *o;

	if (!key || json_parse(str_of(key), JSON_LOOSE, &o, NULL))
		return false;
	q->topic = arena_str(mem, json_text(o, "topic", ""));
	q->broker = arena_str(mem, json_text(o, "brokerName", ""));
	q->queue = (int)json_int(o, "queueId", 0);
	cJSON_Delete(o);
	return true;
}

static int by_queue(const void *x, const void *y)
{
	const struct queue_id *p = x, *q = y;
	int d = strcmp(p->topic, q->topic);

	if (!d)
		d = strcmp(p->broker, q->broker);
	return d ? d : (p->queue > q->queue) - (p->queue < q->queue);
}

struct stats_reader {
	struct arena *mem;
	struct queue_stats *out;
	size_t cap;
};

/* Arrays that grow by a broker's share: the old part is copied within the arena. */
static void *more(struct arena *mem, void *v, size_t n, size_t cap, size_t size)
{
	void *w = arena_alloc(mem, cap * size);

	if (n)
		memcpy(w, v, n * size);
	return w;
}

static void read_stats(void *arg, const struct broker *b, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "offsetTable"), *j;
	struct stats_reader *r = arg;

	(void)b;
	r->cap += (size_t)cJSON_GetArraySize(table);
	r->out->v = more(r->mem, r->out->v, r->out->n, r->cap, sizeof(*r->out->v));
	cJSON_ArrayForEach (j, table) {
		struct queue_stat *s = &r->out->v[r->out->n];

		if (!read_queue_id(&s->q, j->string, r->mem))
			continue;
		s->min = json_int(j, "minOffset", 0);
		s->max = json_int(j, "maxOffset", 0);
		s->last_ms = json_int(j, "lastUpdateTimestamp", 0);
		r->out->n++;
	}
}

/* The request to the masters of the topic's route. */
static int fan_route(struct admin *a, const char *topic, struct command *rq, int fine,
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
		qsort(out->v, out->n, sizeof(*out->v), by_queue);
	fan_release(&f);
	return rc;
}

static void read_names(void *arg, const struct broker *b, const cJSON *doc)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(doc, "groupList"), *j;
	struct strv *v = arg;

	(void)b;
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

static struct str number(struct arena *mem, int64_t v)
{
	return str_of(arena_fmt(mem, "%lld", (long long)v));
}

static struct str boolean(bool v)
{
	return str_of(v ? "true" : "false");
}

void admin_topic_request(struct command *rq, const struct topic *t, struct arena *mem)
{
	command_init(rq, REQ_UPDATE_AND_CREATE_TOPIC);
	command_add(rq, "topic", str_of(t->name));
	command_add(rq, "defaultTopic", STR("TBW102"));
	command_add(rq, "readQueueNums", number(mem, t->read_queues));
	command_add(rq, "writeQueueNums", number(mem, t->write_queues));
	command_add(rq, "perm", number(mem, t->perm));
	command_add(rq, "topicFilterType", str_of(t->multi_tag ? "MULTI_TAG" : "SINGLE_TAG"));
	command_add(rq, "topicSysFlag", number(mem, t->sysflag));
	command_add(rq, "order", boolean(t->order));
	if (t->type != TOPIC_NORMAL)
		command_add(rq, "attributes",
			str_of(arena_fmt(mem, "+message.type=%s", topic_type_wire(t->type))));
	if (t->remark && *t->remark)
		command_add(rq, "remark", str_of(t->remark));
}

/* A body of at most FRAME_MAX bytes, in the arena. */
static struct str body_of(struct buf *b, struct arena *mem)
{
	struct str s = { arena_strn(mem, b->p ? b->p : "", b->n), b->n };

	buf_release(b);
	return s;
}

void admin_group_request(struct command *rq, const struct group *g, struct arena *mem)
{
	struct buf b;
	struct jw w;

	buf_init(&b, FRAME_MAX);
	w = jw_init(&b);
	group_to_json(&w, g);
	command_init(rq, REQ_UPDATE_AND_CREATE_SUBSCRIPTIONGROUP);
	rq->body = body_of(&b, mem);
}

void admin_namespace_request(struct command *rq, const struct namespace *n, struct arena *mem)
{
	struct buf b;
	struct jw w;

	buf_init(&b, FRAME_MAX);
	w = jw_init(&b);
	namespace_to_json(&w, n);
	command_init(rq, REQ_CREATE_NAMESPACE);
	rq->body = body_of(&b, mem);
}

int admin_topic_save(struct admin *a, const struct topic *t, struct err *e)
{
	struct command rq;
	struct arena mem;
	int rc;

	arena_init(&mem);
	admin_topic_request(&rq, t, &mem);
	rc = change_all(a, &rq, e);
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
	rc = change_all(a, &rq, e);
	return rc ? rc : delete_route(a, name, e);
}

/* ---- groups ---- */

struct group_rows {
	struct arena *mem;
	struct groups *out;
	size_t cap;
};

static void read_groups(void *arg, const struct broker *b, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "subscriptionGroupTable"),
		    *j;
	struct group_rows *r = arg;

	(void)b;
	r->cap += (size_t)cJSON_GetArraySize(table);
	r->out->v = more(r->mem, r->out->v, r->out->n, r->cap, sizeof(*r->out->v));
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
	suggest(e, name, all.v ? &all.v[0].name : NULL, all.n, sizeof(*all.v), "group");
	return rc;
}

int admin_group_save(struct admin *a, const struct group *g, struct err *e)
{
	struct command rq;
	struct arena mem;
	int rc;

	arena_init(&mem);
	admin_group_request(&rq, g, &mem);
	rc = change_all(a, &rq, e);
	arena_release(&mem);
	return rc;
}

int admin_group_delete(struct admin *a, const char *name, bool offsets, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_DELETE_SUBSCRIPTIONGROUP);
	command_add(&rq, "groupName", str_of(name));
	command_add(&rq, "removeOffset", boolean(offsets));
	return change_all(a, &rq, e);
}

struct lag_reader {
	struct arena *mem;
	struct lag *out;
	size_t cap;
};

static void read_lag(void *arg, const struct broker *b, const cJSON *doc)
{
	const cJSON *table = cJSON_GetObjectItemCaseSensitive(doc, "offsetTable"), *j;
	const cJSON *tps = cJSON_GetObjectItemCaseSensitive(doc, "consumeTps");
	struct lag_reader *r = arg;

	(void)b;
	r->out->tps += cJSON_IsNumber(tps) ? tps->valuedouble : 0;
	r->cap += (size_t)cJSON_GetArraySize(table);
	r->out->v = more(r->mem, r->out->v, r->out->n, r->cap, sizeof(*r->out->v));
	cJSON_ArrayForEach (j, table) {
		struct queue_lag *l = &r->out->v[r->out->n];

		if (!read_queue_id(&l->q, j->string, r->mem))
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
		qsort(out->v, out->n, sizeof(*out->v), by_queue);
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
	m->v = more(r->mem, m->v, m->n, r->cap, sizeof(*m->v));
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
	m->subs = more(r->mem, m->subs, m->n_subs, r->cap_subs, sizeof(*m->subs));
	cJSON_ArrayForEach (j, table) {
		if (!j->string || has_sub(m, j->string))
			continue;
		m->subs[m->n_subs++] = (struct subscription){ arena_str(r->mem, j->string),
			arena_str(r->mem, json_text(j, "subString", "*")),
			arena_str(r->mem, json_text(j, "expressionType", "TAG")),
			json_int(j, "subVersion", 0) };
	}
}

static void read_members(void *arg, const struct broker *b, const cJSON *doc)
{
	struct members_reader *r = arg;

	(void)b;
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

/* ---- positions ---- */

static int ask_offset(
	struct admin *a, const char *addr, struct command *rq, int64_t *out, struct err *e)
{
	struct reply *r;
	int rc = admin_call(a, addr, rq, &r, e);

	if (!rc)
		rc = str_to_i64(command_ext(&r->cmd, "offset"), INT64_MIN, INT64_MAX, out,
			"offset in the answer", e);
	reply_free(r);
	return rc;
}

struct offset_rq {
	struct command rq;
	char queue[16], value[24];
};

static void offset_rq(struct offset_rq *o, int code, const char *topic, int queue)
{
	snprintf(o->queue, sizeof(o->queue), "%d", queue);
	command_init(&o->rq, code);
	command_add(&o->rq, "topic", str_of(topic));
	command_add(&o->rq, "queueId", str_of(o->queue));
}

static void offset_value(struct offset_rq *o, const char *key, int64_t v)
{
	snprintf(o->value, sizeof(o->value), "%lld", (long long)v);
	command_add(&o->rq, key, str_of(o->value));
}

int admin_offset_get(struct admin *a, const char *addr, const char *group, const char *topic,
	int queue, int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_QUERY_CONSUMER_OFFSET, topic, queue);
	command_add(&o.rq, "consumerGroup", str_of(group));
	return ask_offset(a, addr, &o.rq, out, e);
}

int admin_offset_set(struct admin *a, const char *addr, const char *group, const char *topic,
	int queue, int64_t off, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_UPDATE_CONSUMER_OFFSET, topic, queue);
	command_add(&o.rq, "consumerGroup", str_of(group));
	offset_value(&o, "commitOffset", off);
	return admin_call(a, addr, &o.rq, NULL, e);
}

int admin_offset_max(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_GET_MAX_OFFSET, topic, queue);
	return ask_offset(a, addr, &o.rq, out, e);
}

int admin_offset_min(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_GET_MIN_OFFSET, topic, queue);
	return ask_offset(a, addr, &o.rq, out, e);
}

int admin_offset_at(struct admin *a, const char *addr, const char *topic, int queue, int64_t ms,
	int64_t *out, struct err *e)
{
	struct offset_rq o;

	offset_rq(&o, REQ_SEARCH_OFFSET_BY_TIMESTAMP, topic, queue);
	offset_value(&o, "timestamp", ms);
	return ask_offset(a, addr, &o.rq, out, e);
}

/* ---- messages ---- */

/* The records of a body, which is copied, so that their slices stay good. */
static int read_messages(
	struct str body, struct arena *mem, struct messages *out, struct err *e)
{
	struct str copy = { body.n ? arena_strn(mem, body.p, body.n) : NULL, body.n };
	struct rd r = rd_init(copy);
	size_t cap = out->n;
	int rc = 0;

	while (!rc && rd_left(&r)) {
		if (out->n == cap) {
			cap = cap ? 2 * cap : 16;
			out->v = more(mem, out->v, out->n, cap, sizeof(*out->v));
		}
		rc = message_decode(&r, &out->v[out->n], e);
		out->n += !rc;
	}
	return rc;
}

int admin_message_view(struct admin *a, const char *addr, int64_t phys_off, struct arena *mem,
	struct message *out, struct err *e)
{
	struct messages got = { NULL, 0 };
	struct reply *r;
	struct command rq;
	char off[24];
	int rc;

	snprintf(off, sizeof(off), "%lld", (long long)phys_off);
	command_init(&rq, REQ_VIEW_MESSAGE_BY_ID);
	command_add(&rq, "offset", str_of(off));
	rc = admin_call(a, addr, &rq, &r, e);
	if (rc == TQ_EFAIL) { /* what servers answer for "not there": code 1 */
		rc = TQ_ENOTFOUND;
		if (e)
			e->code = rc;
	}
	if (!rc)
		rc = read_messages(r->cmd.body, mem, &got, e);
	if (!rc && !got.n)
		rc = err_set(e, TQ_ENOTFOUND, "no message at offset %s of '%s'", off, addr);
	if (!rc)
		*out = got.v[0];
	reply_free(r);
	return rc;
}

int admin_message_query(struct admin *a, const char *topic, const char *key, bool unique,
	int max, int64_t begin_ms, int64_t end_ms, struct arena *mem, struct messages *out,
	struct err *e)
{
	struct command rq;
	struct fan f;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_QUERY_MESSAGE);
	command_add(&rq, "topic", str_of(topic));
	command_add(&rq, "key", str_of(key));
	command_add(&rq, "maxNum", number(mem, max));
	command_add(&rq, "beginTimestamp", number(mem, begin_ms));
	command_add(&rq, "endTimestamp", number(mem, end_ms));
	if (unique)
		command_add(&rq, "_UNIQUE_KEY_QUERY", STR("true"));
	rc = fan_route(a, topic, &rq, TQ_ENOTFOUND, mem, &f, e);
	if (rc == TQ_ENOTFOUND && e) /* nothing found is an answer */
		err_clear(e);
	if (rc == TQ_ENOTFOUND)
		rc = 0;
	for (size_t i = 0; !rc && i < f.n; i++)
		if (f.v[i].reply)
			rc = read_messages(f.v[i].reply->cmd.body, mem, out, e);
	fan_release(&f);
	return rc;
}

/* ---- namespaces ---- */

/* Namespaces are brokerd's: its first master is asked. */
static int call_master(struct admin *a, struct command *rq, struct reply **out, struct err *e)
{
	const struct cluster *cl;
	int rc = admin_cluster(a, &cl, e);

	if (out)
		*out = NULL;
	if (rc)
		return rc;
	for (size_t i = 0; i < cl->n; i++)
		if (cl->v[i].addr) {
			rc = admin_call(a, cl->v[i].addr, rq, out, e);
			if (rc == TQ_EUNSUPPORTED) {
				err_set(e, rc, "this server has no namespaces of its own");
				err_why(e,
					"Apache RocketMQ knows them only as a prefix of names");
				err_hint(e,
					"use names with a prefix: -N NS works with every server");
			}
			return rc;
		}
	return err_set(e, TQ_EUNREACHABLE, "the name server knows no broker");
}

static int by_namespace_name(const void *x, const void *y)
{
	return strcmp(((const struct namespace *)x)->name, ((const struct namespace *)y)->name);
}

static int read_namespaces(
	const cJSON *list, struct arena *mem, struct namespaces *out, struct err *e)
{
	const cJSON *j;
	int rc = 0;

	out->v = arena_alloc(mem, (size_t)cJSON_GetArraySize(list) * sizeof(*out->v));
	cJSON_ArrayForEach (j, list) {
		struct namespace *n = &out->v[out->n];

		rc = namespace_from_json(n, j, e);
		if (rc)
			return rc;
		n->name = arena_str(mem, n->name);
		n->remark = arena_str(mem, n->remark);
		out->n++;
	}
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_namespace_name);
	return 0;
}

int admin_namespaces(struct admin *a, struct arena *mem, struct namespaces *out, struct err *e)
{
	const cJSON *list;
	struct reply *r;
	struct command rq;
	cJSON *doc = NULL;
	int rc;

	memset(out, 0, sizeof(*out));
	command_init(&rq, REQ_LIST_NAMESPACES);
	rc = call_master(a, &rq, &r, e);
	if (rc)
		return rc;
	rc = json_parse(r->cmd.body, JSON_STRICT, &doc, e);
	if (!rc)
		rc = json_need_array(doc, "namespaces", &list, e);
	if (!rc)
		rc = read_namespaces(list, mem, out, e);
	if (rc)
		err_wrap(e, "list of namespaces");
	cJSON_Delete(doc);
	reply_free(r);
	return rc;
}

static int save_namespace(struct admin *a, int code, const struct namespace *n, struct err *e)
{
	struct command rq;
	struct arena mem;
	int rc;

	arena_init(&mem);
	admin_namespace_request(&rq, n, &mem);
	rq.code = code;
	rc = call_master(a, &rq, NULL, e);
	arena_release(&mem);
	return rc;
}

int admin_namespace_create(struct admin *a, const struct namespace *n, struct err *e)
{
	return save_namespace(a, REQ_CREATE_NAMESPACE, n, e);
}

int admin_namespace_update(struct admin *a, const struct namespace *n, struct err *e)
{
	return save_namespace(a, REQ_UPDATE_NAMESPACE, n, e);
}

int admin_namespace_delete(struct admin *a, const char *name, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_DELETE_NAMESPACE);
	command_add(&rq, "namespace", str_of(name));
	return call_master(a, &rq, NULL, e);
}
