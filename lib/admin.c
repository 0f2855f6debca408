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
#include "admin_int.h"
#include "hostport.h"
#include "names.h"
#include "opt.h"

struct admin *admin_new(const struct admin_opts *o)
{
	struct admin *a = mem_alloc(sizeof(*a));

	arena_init(&a->mem);
	a->nameservers = strv_in(&a->mem);
	a->only = strv_in(&a->mem);
	hostport_list(&a->nameservers, o->nameservers);
	hostport_list(&a->only, o->brokers);
	a->client = client_new(&o->client);
	a->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : ADMIN_TIMEOUT_MS;
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

void admin_forget_skipped(struct admin *a)
{
	if (!a->n_skipped)
		return;
	a->n_skipped = 0;
	a->cluster = NULL;
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
	static const char *const ends[] = { "\n", ", org.apache.", ", java.", "See http" };
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
	{ TQ_EDENIED,
		"who asks is said by TDMQCTL_ACCESS_KEY or TDMQCTL_ROLE; what a role may do: tdmqctl acl can ROLE ..." },
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
int admin_call_json(
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

int broker_by_name(const void *x, const void *y)
{
	return strcmp(((const struct broker *)x)->name, ((const struct broker *)y)->name);
}

void broker_read(struct broker *b, const cJSON *o, const char *name, struct arena *mem)
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
			broker_read(&cl->v[cl->n++], j, j->string, &a->mem);
	if (cl->n)
		qsort(cl->v, cl->n, sizeof(*cl->v), broker_by_name);
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
	cl->home = a->nameservers.v[a->ns_at];
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

int admin_call_master(struct admin *a, struct command *rq, struct reply **out, struct err *e)
{
	const struct cluster *cl;
	int rc = admin_cluster(a, &cl, e);

	if (out)
		*out = NULL;
	if (rc)
		return rc;
	if (cl->brokerd && !a->only.n)
		return admin_call(a, cl->home, rq, out, e);
	for (size_t i = 0; i < cl->n; i++)
		if (cl->v[i].addr)
			return admin_call(a, cl->v[i].addr, rq, out, e);
	return err_set(e, TQ_EUNREACHABLE, "the name server knows no broker");
}

/* ---- all masters at once ---- */

static void fan_done(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct answer *w = arg;

	w->pending = false;
	w->reply = r;
	if (rc)
		w->err = *e;
}

void fan_release(struct fan *f)
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
int fan_out(struct admin *a, const struct broker *v, size_t n, struct command *rq, int fine,
	struct fan *f, struct err *e)
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

int fan_cluster(struct admin *a, struct command *rq, int fine, struct fan *f, struct err *e)
{
	const struct cluster *cl;
	int rc = admin_cluster(a, &cl, e);

	memset(f, 0, sizeof(*f));
	if (!rc && !cl->n)
		rc = err_set(e, TQ_EUNREACHABLE, "the name server knows no broker");
	return rc ? rc : fan_out(a, cl->v, cl->n, rq, fine, f, e);
}

/* Calls read(doc) for the JSON of each broker that answered; an answer that is none is an error. */
int fan_read(const struct fan *f, fan_reader read, void *arg, struct err *e)
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
int admin_change_all(struct admin *a, struct command *rq, struct err *e)
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

/* ---- run time ---- */

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

int admin_runtime(
	struct admin *a, const char *addr, struct arena *mem, struct kvs *out, struct err *e)
{
	const cJSON *table, *j;
	struct command rq;
	cJSON *doc;
	int rc;

	*out = (struct kvs){ NULL, 0 };
	command_init(&rq, REQ_GET_BROKER_RUNTIME_INFO);
	rc = admin_call_json(a, addr, &rq, &doc, e);
	if (rc)
		return rc;
	table = cJSON_GetObjectItemCaseSensitive(doc, "table");
	out->v = arena_alloc(mem, (size_t)cJSON_GetArraySize(table) * sizeof(*out->v));
	cJSON_ArrayForEach (j, table)
		if (cJSON_IsString(j) && j->string)
			out->v[out->n++] = (struct kv){ str_of(arena_str(mem, j->string)),
				str_of(arena_str(mem, j->valuestring)) };
	if (out->n)
		qsort(out->v, out->n, sizeof(*out->v), by_key);
	cJSON_Delete(doc);
	return 0;
}

/* ---- what the readers of answers share ---- */

/* The text of a queue as key: {"brokerName":"bk-a","queueId":0,"topic":"T1"}. False: it is none. */
bool queue_read(struct queue_id *q, const char *key, struct arena *mem)
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

int queue_by_place(const void *x, const void *y)
{
	const struct queue_id *p = x, *q = y;
	int d = strcmp(p->topic, q->topic);

	if (!d)
		d = strcmp(p->broker, q->broker);
	return d ? d : (p->queue > q->queue) - (p->queue < q->queue);
}

/* Arrays that grow by a broker's share: the old part is copied within the arena. */
void *arena_more(struct arena *mem, void *v, size_t n, size_t cap, size_t size)
{
	void *w = arena_alloc(mem, cap * size);

	if (n)
		memcpy(w, v, n * size);
	return w;
}

struct str text_of_number(struct arena *mem, int64_t v)
{
	return str_of(arena_fmt(mem, "%lld", (long long)v));
}

struct str text_of_bool(bool v)
{
	return str_of(v ? "true" : "false");
}

/*
 * Says which name may have been meant: the nearest of the same namespace. names: wire names, each
 * `step` bytes after the one before.
 */
void admin_suggest(struct err *e, const char *wanted, const void *names, size_t n, size_t step,
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
