/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_task: the journal of migration tasks, kept for whoever runs them: what a task is to do,
 * item by item, and how far it is. The broker gives no meaning to states, kinds and documents;
 * it only keeps them, durably before each answer. No ext fields; bodies are JSON; a "doc" is
 * any JSON and comes back as it went in (compact). kind and state are texts of 1 to 32 bytes.
 *
 * 30010 CREATE_TASK
 *	{"state":"pending","doc":{...},
 *	 "items":[{"kind":"topic","state":"pending","doc":{...}}, ...]}
 *	"doc" may be absent ({}). Items get the numbers 0, 1, ... in their order.
 *	-> 0 {"id":7}
 * 30011 UPDATE_TASK
 *	{"id":7,"state":"running","doc":{...},
 *	 "items":[{"n":0,"state":"created","doc":{...}}, ...]}
 *	All but "id" and "n" may be absent; what is absent stays. One transaction: unknown
 *	task or item is answered with 22 and nothing is changed.
 *	-> 0
 * 30012 LIST_TASKS
 *	no body
 *	-> 0 {"tasks":[{"counts":{"group":{"created":1000},"topic":{"created":998,"failed":2}},
 *	      "created_ms":1700000000000,"doc":{...},"id":7,"state":"running",
 *	      "updated_ms":1700000000100}, ...]}		oldest first
 * 30013 GET_TASK
 *	{"id":7,"state":"failed","from":0,"max":10000}		all but "id" may be absent
 *	-> 0 {"items":[{"doc":{...},"kind":"topic","n":0,"state":"created"}, ...],
 *	      "task":{... as in the list}}
 *	"state" filters items; "from" (a number) and "max" (at most 10000, the default) page
 *	through them.
 *	Unknown task: 22.
 *
 * 1,000 + 1,000 items are one request of well under a megabyte each way.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/later.h"
#include "clock.h"

#define WORD_MAX 32 /* bytes of a kind or state */
#define ITEMS_MAX 100000
#define PAGE_MAX 10000
#define ANSWER_MAX (12 << 20)

struct item {
	int64_t n;
	const char *kind, *state, *doc; /* NULL: absent */
};

/* One request on its way through the meta thread. */
struct job {
	struct later *later;
	int64_t id;
	const char *state, *doc; /* NULL: absent */
	struct item *items;
	size_t n;
	int64_t from, max, now_ms;
	struct buf out; /* the answer's body */
	struct jw w;
};

static struct job *job_new(struct request *rq, later_then then)
{
	struct later *l = later_new(rq, then, NULL);
	struct job *j = arena_alloc(later_arena(l), sizeof(*j));

	j->later = l;
	j->now_ms = clock_wall_ms();
	buf_init(&j->out, ANSWER_MAX);
	j->w = jw_init(&j->out);
	later_set_arg(l, j);
	return j;
}

static void job_done(void *arg, int rc, const struct err *e)
{
	struct job *j = arg;

	if (rc)
		buf_release(&j->out);
	later_done(j->later, rc, e);
}

/* rc is that of reading the request: the job starts, or is given back. */
static int job_start(struct request *rq, struct job *j, int rc, meta_run run)
{
	struct later *l = j->later;

	if (rc)
		buf_release(&j->out);
	else
		metadb_submit(rq->broker->metadb, run, job_done, j);
	return later_started(l, rc);
}

/* What the meta thread wrote is the answer. */
static int send_out(struct request *rq, void *arg)
{
	struct job *j = arg;

	if (j->out.n)
		reply_body(rq, &j->out);
	buf_release(&j->out);
	return 0;
}

/* ---- reading requests ---- */

static int check_word(const char *key, const char *word, struct err *e)
{
	if (!word || !*word || strlen(word) > WORD_MAX)
		return err_set(
			e, TQ_EINVAL, "'%s' must be a text of 1 to %d bytes", key, WORD_MAX);
	return 0;
}

/* Member as text in the arena; checked when it is there. */
static int read_word(
	const cJSON *o, const char *key, struct arena *a, const char **out, struct err *e)
{
	const char *word = json_text(o, key, NULL);

	*out = arena_str(a, word);
	return word ? check_word(key, word, e) : 0;
}

static const char *read_doc(const cJSON *o, struct arena *a)
{
	const cJSON *doc = cJSON_GetObjectItemCaseSensitive(o, "doc");
	char *text = doc ? cJSON_PrintUnformatted(doc) : NULL;
	const char *copy = arena_str(a, text);

	cJSON_free(text);
	return copy;
}

static int read_item(
	const cJSON *o, size_t i, bool fresh, struct arena *a, struct item *it, struct err *e)
{
	int rc;

	(void)((rc = read_word(o, "kind", a, &it->kind, e)) ||
		(rc = read_word(o, "state", a, &it->state, e)));
	it->doc = read_doc(o, a);
	it->n = fresh ? (int64_t)i : json_int(o, "n", -1);
	if (!rc && it->n < 0)
		rc = err_set(e, TQ_EINVAL, "'n' is missing");
	if (!rc && fresh)
		(void)((rc = check_word("kind", it->kind, e)) ||
			(rc = check_word("state", it->state, e)));
	return rc ? err_wrap(e, "item %zu", i) : 0;
}

static int read_items(const cJSON *doc, bool fresh, struct job *j, struct err *e)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(doc, "items"), *o;
	struct arena *a = later_arena(j->later);
	int n = cJSON_GetArraySize(list), rc;

	if (n > ITEMS_MAX)
		return err_set(
			e, TQ_ELIMIT, "a task has at most %d items, not %d", ITEMS_MAX, n);
	j->items = arena_alloc(a, ((size_t)n + 1) * sizeof(*j->items));
	cJSON_ArrayForEach (o, list) {
		rc = read_item(o, j->n, fresh, a, &j->items[j->n], e);
		if (rc)
			return rc;
		j->n++;
	}
	return 0;
}

static int read_task(struct request *rq, struct job *j, bool fresh)
{
	cJSON *doc;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	rc = read_word(doc, "state", later_arena(j->later), &j->state, &rq->err);
	if (!rc && fresh)
		rc = check_word("state", j->state, &rq->err);
	j->id = json_int(doc, "id", 0);
	j->doc = read_doc(doc, later_arena(j->later));
	j->from = json_int(doc, "from", 0);
	j->max = MAX(0, MIN(json_int(doc, "max", PAGE_MAX), PAGE_MAX));
	if (!rc)
		rc = read_items(doc, fresh, j, &rq->err);
	cJSON_Delete(doc);
	return rc;
}

/* ---- on the meta thread ---- */

static int add_task(struct meta *m, void *arg, struct err *e)
{
	struct job *j = arg;
	int rc = meta_exec(
		m, STMT_TASK_ADD, e, "tti", j->state, j->doc ? j->doc : "{}", j->now_ms);

	j->id = meta_last_id(m);
	for (size_t i = 0; !rc && i < j->n; i++)
		rc = meta_exec(m, STMT_ITEM_ADD, e, "iittt", j->id, j->items[i].n,
			j->items[i].kind, j->items[i].state,
			j->items[i].doc ? j->items[i].doc : "{}");
	jw_object(&j->w);
	jw_kv_int(&j->w, "id", j->id);
	jw_end(&j->w);
	return rc;
}

static int no_task(const struct job *j, struct err *e)
{
	return err_set(e, TQ_ENOTFOUND, "no task %lld", (long long)j->id);
}

static int update_item(
	struct meta *m, const struct job *j, const struct item *it, struct err *e)
{
	int rc = meta_exec(m, STMT_ITEM_UPDATE, e, "iitt", j->id, it->n, it->state, it->doc);

	if (!rc && !meta_changes(m))
		rc = err_set(e, TQ_ENOTFOUND, "task %lld has no item %lld", (long long)j->id,
			(long long)it->n);
	return rc;
}

static int change_task(struct meta *m, void *arg, struct err *e)
{
	struct job *j = arg;
	int rc = meta_exec(m, STMT_TASK_UPDATE, e, "itti", j->id, j->state, j->doc, j->now_ms);

	if (!rc && !meta_changes(m))
		rc = no_task(j, e);
	for (size_t i = 0; !rc && i < j->n; i++)
		rc = update_item(m, j, &j->items[i], e);
	return rc;
}

struct counting {
	struct jw *w;
	char kind[WORD_MAX + 1]; /* whose object is open; "" none */
};

static int put_count(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct counting *c = arg;
	struct str kind = meta_col_str(m, 0);

	if (!str_is(kind, c->kind)) {
		if (c->kind[0])
			jw_end(c->w);
		snprintf(c->kind, sizeof(c->kind), STR_FMT, STR_ARG(kind));
		jw_key_str(c->w, kind);
		jw_object(c->w);
	}
	jw_key_str(c->w, meta_col_str(m, 1));
	jw_int(c->w, meta_col_int(m, 2));
	return 0;
}

static int put_counts(struct meta *m, struct jw *w, int64_t id, struct err *e)
{
	struct counting c = { .w = w };
	int rc;

	jw_key(w, "counts");
	jw_object(w);
	rc = meta_each(m, STMT_TASK_COUNTS, put_count, &c, e, "i", id);
	if (c.kind[0])
		jw_end(w);
	jw_end(w);
	return rc;
}

static int put_task(void *arg, struct meta *m, struct err *e)
{
	struct job *j = arg;
	int64_t id = meta_col_int(m, 0);
	int rc;

	jw_object(&j->w);
	rc = put_counts(m, &j->w, id, e);
	jw_kv_int(&j->w, "created_ms", meta_col_int(m, 3));
	jw_key(&j->w, "doc");
	jw_raw(&j->w, meta_col_str(m, 2));
	jw_kv_int(&j->w, "id", id);
	jw_kv_str(&j->w, "state", meta_col_str(m, 1));
	jw_kv_int(&j->w, "updated_ms", meta_col_int(m, 4));
	jw_end(&j->w);
	j->n++;
	return rc;
}

static int list_tasks(struct meta *m, void *arg, struct err *e)
{
	struct job *j = arg;
	int rc;

	jw_object(&j->w);
	jw_key(&j->w, "tasks");
	jw_array(&j->w);
	rc = meta_each(m, STMT_TASKS, put_task, j, e, "");
	jw_array_end(&j->w);
	jw_end(&j->w);
	return rc;
}

static int put_item(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct job *j = arg;

	jw_object(&j->w);
	jw_key(&j->w, "doc");
	jw_raw(&j->w, meta_col_str(m, 3));
	jw_kv_str(&j->w, "kind", meta_col_str(m, 1));
	jw_kv_int(&j->w, "n", meta_col_int(m, 0));
	jw_kv_str(&j->w, "state", meta_col_str(m, 2));
	jw_end(&j->w);
	return 0;
}

static int show_task(struct meta *m, void *arg, struct err *e)
{
	struct job *j = arg;
	int rc;

	jw_object(&j->w);
	jw_key(&j->w, "items");
	jw_array(&j->w);
	rc = meta_each(m, STMT_ITEMS, put_item, j, e, "iiti", j->id, j->from, j->state, j->max);
	jw_array_end(&j->w);
	jw_key(&j->w, "task");
	j->n = 0;
	if (!rc)
		rc = meta_each(m, STMT_TASK_GET, put_task, j, e, "i", j->id);
	jw_end(&j->w);
	return rc || j->n ? rc : no_task(j, e);
}

/* ---- handlers ---- */

static int create_task(struct request *rq, const void *fields UNUSED)
{
	struct job *j = job_new(rq, send_out);

	return job_start(rq, j, read_task(rq, j, true), add_task);
}

static int update_task(struct request *rq, const void *fields UNUSED)
{
	struct job *j = job_new(rq, send_out);

	return job_start(rq, j, read_task(rq, j, false), change_task);
}

static int all_tasks(struct request *rq, const void *fields UNUSED)
{
	return job_start(rq, job_new(rq, send_out), 0, list_tasks);
}

static int get_task(struct request *rq, const void *fields UNUSED)
{
	struct job *j = job_new(rq, send_out);

	return job_start(rq, j, read_task(rq, j, false), show_task);
}

const struct handler h_task[] = { { REQ_CREATE_TASK, NULL, 0, create_task, NEED_ADMIN },
	{ REQ_UPDATE_TASK, NULL, 0, update_task, NEED_ADMIN },
	{ REQ_LIST_TASKS, NULL, 0, all_tasks, NEED_READ },
	{ REQ_GET_TASK, NULL, 0, get_task, NEED_READ }, HANDLER_END };
