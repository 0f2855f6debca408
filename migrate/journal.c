/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal: one form for both kinds. A task is created by one document and changed by others:
 *
 *	{"id":7,"state":"pending","doc":{"name":..},"items":[{"kind":..,"state":..,"doc":{..}}, ..]}
 *	{"id":7,"state":"running","doc":{"name":..},"items":[{"n":0,"state":..,"doc":{..}}, ..]}
 *
 * which are the bodies of requests 30010 and 30011, and the lines of a file DIR/7.ndjson. Reading
 * a file plays its lines; brokerd has played them already.
 */
#include "base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "admin.h"
#include "fsio.h"
#include "journal.h"
#include "object.h"

#define JOURNAL_MAX (256u << 20) /* bytes of one file or body */
#define PAGE_ITEMS 5000

/* ---- writing documents ---- */

static void put_task(struct jw *w, const struct task *t, bool state)
{
	if (t->id)
		jw_kv_int(w, "id", t->id);
	if (state)
		jw_kv_text(w, "state", task_state_names[t->state]);
	jw_key(w, "doc");
	jw_object(w);
	jw_kv_text(w, "name", t->name);
	jw_kv_text(w, "mode", t->mode);
	jw_kv_text(w, "source", t->source);
	jw_kv_text(w, "target", t->target);
	jw_kv_int(w, "createdMs", t->created_ms);
	jw_kv_int(w, "finishedMs", t->finished_ms);
	jw_kv_text(w, "onConflict", on_conflict_names[t->on_conflict]);
	jw_kv_int(w, "reached", (int64_t)t->reached);
	jw_kv_text(w, "host", t->host);
	jw_kv_int(w, "pid", t->pid);
	jw_kv_int(w, "pidStart", t->pid_start);
	jw_end(w);
}

static void put_optional(struct jw *w, const char *key, const char *text)
{
	if (text && *text)
		jw_kv_text(w, key, text);
}

/* Settings are complete, and a name is there to make it under. */
static bool has_object(const struct task_item *it)
{
	return it->verdict != VERDICT_SKIPPED &&
	       (it->verdict != VERDICT_REFUSED || it->reason == REASON_QUOTA_EXCEEDED ||
		       it->reason == REASON_NO_NAMESPACE);
}

static void put_item(struct jw *w, const struct task_item *it)
{
	jw_kv_text(w, "state", item_state_names[it->state]);
	jw_key(w, "doc");
	jw_object(w);
	jw_kv_text(w, "source", it->source);
	put_optional(w, "namespace", it->ns);
	put_optional(w, "name", it->name);
	put_optional(w, "reason", reason_name(it->reason));
	put_optional(w, "detail", it->detail);
	if (it->warnings) {
		jw_key(w, "warnings");
		warnings_put(w, it->warnings);
	}
	if (it->at_ms)
		jw_kv_int(w, "atMs", it->at_ms);
	jw_kv_text(w, "verdict", verdict_names[it->verdict]);
	if (it->tried)
		jw_kv_bool(w, "tried", true);
	if (has_object(it)) {
		jw_key(w, "object");
		object_put(w, it->kind, &it->topic);
	}
	jw_end(w);
}

static void create_body(struct buf *b, const struct task *t)
{
	struct jw w = jw_init(b);

	jw_object(&w);
	put_task(&w, t, true);
	jw_key(&w, "items");
	jw_array(&w);
	for (size_t i = 0; i < t->n; i++) {
		jw_object(&w);
		jw_kv_text(&w, "kind", object_kind_names[t->items[i].kind]);
		put_item(&w, &t->items[i]);
		jw_end(&w);
	}
	jw_array_end(&w);
	jw_end(&w);
}

/* changed NULL: all of them. */
static void update_body(
	struct buf *b, const struct task *t, const size_t *changed, size_t n, bool state)
{
	struct jw w = jw_init(b);

	jw_object(&w);
	put_task(&w, t, state);
	jw_key(&w, "items");
	jw_array(&w);
	for (size_t i = 0; i < n; i++) {
		size_t k = changed ? changed[i] : i;

		jw_object(&w);
		jw_kv_int(&w, "n", (int64_t)k);
		put_item(&w, &t->items[k]);
		jw_end(&w);
	}
	jw_array_end(&w);
	jw_end(&w);
}

static int body_err(const struct buf *b, const struct task *t, struct err *e)
{
	if (!buf_err(b))
		return 0;
	err_set(e, TQ_ETOOBIG, "a task of %zu items does not fit into its journal", t->n);
	return err_hint(e, "select fewer: --select");
}

/* ---- reading documents ---- */

static int word(const char *const *names, const char *text, int absent)
{
	int i = str_index(str_of(text), names);

	return i >= 0 ? i : absent;
}

/* "task" of an answer, or the head of a line. */
static void get_task(struct task *t, struct arena *mem, const cJSON *o)
{
	const cJSON *doc = cJSON_GetObjectItemCaseSensitive(o, "doc");

	t->id = json_int(o, "id", t->id);
	t->state = (enum task_state)word(
		task_state_names, json_text(o, "state", NULL), (int)t->state);
	t->name = arena_str(mem, json_text(doc, "name", t->name));
	t->mode = arena_str(mem, json_text(doc, "mode", t->mode));
	t->source = arena_str(mem, json_text(doc, "source", t->source));
	t->target = arena_str(mem, json_text(doc, "target", t->target));
	t->created_ms = json_int(doc, "createdMs", t->created_ms);
	t->finished_ms = json_int(doc, "finishedMs", t->finished_ms);
	t->on_conflict = (enum on_conflict)word(
		on_conflict_names, json_text(doc, "onConflict", NULL), (int)t->on_conflict);
	t->reached = (size_t)MAX(json_int(doc, "reached", (int64_t)t->reached), 0);
	t->host = arena_str(mem, json_text(doc, "host", t->host));
	t->pid = json_int(doc, "pid", t->pid);
	t->pid_start = json_int(doc, "pidStart", t->pid_start);
}

static void get_item(struct task_item *it, struct arena *mem, const cJSON *o)
{
	const cJSON *doc = cJSON_GetObjectItemCaseSensitive(o, "doc");

	it->kind = (enum object_kind)word(
		object_kind_names, json_text(o, "kind", NULL), (int)it->kind);
	it->state = (enum item_state)word(
		item_state_names, json_text(o, "state", NULL), (int)it->state);
	it->source = arena_str(mem, json_text(doc, "source", it->source ? it->source : ""));
	it->ns = arena_str(mem, json_text(doc, "namespace", NULL));
	it->name = arena_str(mem, json_text(doc, "name", NULL));
	it->reason = reason_from(json_text(doc, "reason", ""));
	it->detail = arena_str(mem, json_text(doc, "detail", ""));
	it->at_ms = json_int(doc, "atMs", 0);
	it->verdict = (enum verdict)word(
		verdict_names, json_text(doc, "verdict", NULL), VERDICT_SKIPPED);
	it->tried = json_bool(doc, "tried", false);
	if (has_object(it) && object_get(it->kind, &it->topic, mem,
				      cJSON_GetObjectItemCaseSensitive(doc, "object"), NULL))
		it->verdict =
			VERDICT_SKIPPED; /* nothing to make it from, as of older versions */
	it->warnings = warnings_get(cJSON_GetObjectItemCaseSensitive(doc, "warnings"));
	it->at_ms = json_int(doc, "atMs", 0);
	it->verdict = (enum verdict)word(
		verdict_names, json_text(doc, "verdict", NULL), VERDICT_SKIPPED);
	it->tried = json_bool(doc, "tried", false);
	if (has_object(it) && object_get(it->kind, &it->topic, mem,
				      cJSON_GetObjectItemCaseSensitive(doc, "object"), NULL))
		it->verdict =
			VERDICT_SKIPPED; /* nothing to make it from, as of older versions */
	it->warnings = warnings_get(cJSON_GetObjectItemCaseSensitive(doc, "warnings"));
}

static void add_items(struct task *t, const cJSON *items)
{
	size_t n = (size_t)cJSON_GetArraySize(items), i = t->n;
	const cJSON *o;

	if (!n)
		return;
	t->items = mem_grow(t->items, (t->n + n) * sizeof(*t->items));
	memset(t->items + t->n, 0, n * sizeof(*t->items));
	t->n += n;
	cJSON_ArrayForEach (o, items)
		get_item(&t->items[i++], &t->mem, o);
}

static void change_items(struct task *t, const cJSON *items)
{
	const cJSON *o;

	cJSON_ArrayForEach (o, items) {
		int64_t n = json_int(o, "n", -1);

		if (n >= 0 && (size_t)n < t->n)
			get_item(&t->items[n], &t->mem, o);
	}
}

/* ---- a directory of files ---- */

/* "12.ndjson" is 12; what is no task is 0. */
static int64_t file_id(const char *name)
{
	struct str rest = str_of(name), digits;
	int64_t id = 0;

	if (!str_ends(rest, STR(".ndjson")))
		return 0;
	digits = (struct str){ rest.p, rest.n - (sizeof(".ndjson") - 1) };
	return str_to_i64(digits, 1, INT64_MAX / 2, &id, "task", NULL) ? 0 : id;
}

static int order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* All ids, in order; a directory that is not there holds none. */
static int dir_ids(const char *dir, int64_t **ids, size_t *n, struct err *e)
{
	struct dirent *de;
	DIR *d = opendir(dir);

	*ids = NULL;
	*n = 0;
	if (!d)
		return errno == ENOENT ? 0 : err_sys(e, TQ_EIO, "cannot read '%s'", dir);
	while ((de = readdir(d))) {
		int64_t id = file_id(de->d_name);

		if (!id)
			continue;
		*ids = mem_grow(*ids, (*n + 1) * sizeof(**ids));
		(*ids)[(*n)++] = id;
	}
	closedir(d);
	if (*n)
		qsort(*ids, *n, sizeof(**ids), order);
	return 0;
}

static char *path_of(const struct journal *j, int64_t id)
{
	return mem_fmt("%s/%lld.ndjson", j->dir, (long long)id);
}

/* Appends one line; it is on the disk when this returns. */
static int append(struct journal *j, struct buf *b, struct err *e)
{
	struct iovec iov;
	int rc;

	buf_putc(b, '\n');
	if (buf_err(b))
		return err_set(e, TQ_ETOOBIG, "task journal: a line too long");
	iov = (struct iovec){ b->p, b->n };
	rc = fsio_write_full(j->fd, &iov, 1, j->end, "task journal", e);
	if (rc)
		return rc;
	if (vfs()->fdatasync(j->fd))
		return err_sys(e, fsio_err_code(errno), "task journal: cannot sync");
	j->end += (off_t)b->n;
	return 0;
}

/* The next free number; another run at the same time just takes the one after. */
static int open_new(struct journal *j, struct task *t, struct err *e)
{
	int64_t *ids;
	size_t n;
	int rc;

	rc = dir_ids(j->dir, &ids, &n, e);
	if (rc)
		return rc;
	t->id = n ? ids[n - 1] : 0;
	mem_free(ids);
	for (int tries = 0; tries < 100; tries++) {
		char *path = path_of(j, ++t->id);

		j->fd = vfs()->open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		mem_free(path);
		if (j->fd >= 0 || errno != EEXIST)
			break;
	}
	j->end = 0;
	return j->fd < 0 ? err_sys(e, TQ_EIO, "cannot create a task in '%s'", j->dir) : 0;
}

/* "7.cancel" beside "7.ndjson" asks the process that writes the latter to stop. */
static char *cancel_path(const struct journal *j, int64_t id)
{
	return mem_fmt("%s/%lld.cancel", j->dir, (long long)id);
}

static int dir_cancelled(struct journal *j, int64_t id, bool *yes, struct err *e UNUSED)
{
	char *path = cancel_path(j, id);

	*yes = !access(path, F_OK);
	mem_free(path);
	return 0;
}

static int dir_cancel(struct journal *j, int64_t id, struct err *e)
{
	char *path = cancel_path(j, id);
	int fd = vfs()->open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), rc = 0;

	if (fd < 0)
		rc = err_sys(e, fsio_err_code(errno), "cannot write '%s'", path);
	else
		vfs()->close(fd);
	mem_free(path);
	return rc;
}

static void forget_cancel(const struct journal *j, int64_t id)
{
	char *path = cancel_path(j, id);

	unlink(path);
	mem_free(path);
}

static int dir_create(struct journal *j, struct task *t, struct err *e)
{
	struct buf b;
	int rc;

	rc = fsio_mkdirs(j->dir, 0700, e);
	if (!rc)
		rc = open_new(j, t, e);
	if (rc)
		return rc;
	forget_cancel(j, t->id);
	buf_init(&b, JOURNAL_MAX);
	create_body(&b, t);
	rc = append(j, &b, e);
	if (!rc && vfs()->fsync_dir(j->dir))
		rc = err_sys(e, TQ_EIO, "cannot sync '%s'", j->dir);
	buf_release(&b);
	return rc;
}

static int dir_update(
	struct journal *j, const struct task *t, const size_t *changed, size_t n, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, JOURNAL_MAX);
	update_body(&b, t, changed, n, t->state != TASK_RUNNING);
	rc = append(j, &b, e);
	buf_release(&b);
	return rc;
}

/* False at a line that is no document: what follows was never acknowledged. */
static bool play_line(struct task *t, struct str line, bool first)
{
	const cJSON *items;
	cJSON *doc = NULL;

	if (json_parse(line, JSON_STRICT, &doc, NULL))
		return false;
	get_task(t, &t->mem, doc);
	items = cJSON_GetObjectItemCaseSensitive(doc, "items");
	if (first)
		add_items(t, items);
	else
		change_items(t, items);
	cJSON_Delete(doc);
	return true;
}

/* *good: bytes that were acknowledged. */
static int play(struct task *t, struct str text, const char *path, off_t *good, struct err *e)
{
	const char *end;
	bool first = true;

	*good = 0;
	while ((end = text.n ? memchr(text.p, '\n', text.n) : NULL)) {
		struct str line = { text.p, (size_t)(end - text.p) };

		if (!play_line(t, line, first))
			break;
		first = false;
		*good += (off_t)line.n + 1;
		text = str_skip(text, line.n + 1);
	}
	if (first)
		return err_set(e, TQ_EFORMAT, "'%s' holds no task", path);
	task_count(t);
	return 0;
}

static int dir_read(struct journal *j, int64_t id, struct task *t, off_t *good, struct err *e)
{
	char *path = path_of(j, id);
	struct buf b;
	int rc;

	buf_init(&b, JOURNAL_MAX + 1);
	rc = fsio_read_file(path, JOURNAL_MAX, &b, e);
	if (rc == TQ_ENOTFOUND)
		err_set(e, TQ_ENOTFOUND, "no task %lld", (long long)id);
	if (!rc)
		rc = play(t, buf_str(&b), path, good, e);
	t->id = id;
	buf_release(&b);
	mem_free(path);
	return rc;
}

static int dir_load(struct journal *j, int64_t id, struct task *t, struct err *e)
{
	off_t good;

	return dir_read(j, id, t, &good, e);
}

/* Behind the last line that is whole. */
static int dir_reopen(struct journal *j, struct task *t, struct err *e)
{
	char *path = path_of(j, t->id);
	struct task before;
	struct buf b;
	int rc;

	task_init(&before);
	buf_init(&b, JOURNAL_MAX);
	rc = dir_read(j, t->id, &before, &j->end, e);
	if (!rc && (j->fd = vfs()->open(path, O_RDWR | O_CLOEXEC, 0)) < 0)
		rc = err_sys(e, fsio_err_code(errno), "cannot open '%s'", path);
	if (!rc && vfs()->ftruncate(j->fd, j->end))
		rc = err_sys(e, fsio_err_code(errno), "cannot shorten '%s'", path);
	if (!rc) {
		forget_cancel(j, t->id);
		update_body(&b, t, NULL, t->n, true);
		rc = append(j, &b, e);
	}
	buf_release(&b);
	task_release(&before);
	mem_free(path);
	return rc;
}

/* The head without the items, in the caller's memory. */
static void copy_head(struct task *to, struct arena *mem, const struct task *t)
{
	*to = *t;
	to->mem = (struct arena){ NULL };
	to->items = NULL;
	to->name = arena_str(mem, t->name);
	to->mode = arena_str(mem, t->mode);
	to->source = arena_str(mem, t->source);
	to->target = arena_str(mem, t->target);
	to->host = arena_str(mem, t->host);
}

static int dir_list(
	struct journal *j, struct arena *mem, struct task **out, size_t *n, struct err *e)
{
	int64_t *ids;
	size_t count;
	int rc;

	*out = NULL;
	*n = 0;
	rc = dir_ids(j->dir, &ids, &count, e);
	if (rc)
		return rc;
	*out = mem_array(count + 1, sizeof(**out));
	for (size_t i = 0; i < count; i++) {
		struct task t;

		task_init(&t);
		if (!dir_load(j, ids[i], &t, NULL)) /* what cannot be read is no task */
			copy_head(&(*out)[(*n)++], mem, &t);
		task_release(&t);
	}
	mem_free(ids);
	return 0;
}

static const struct journal_ops dir_ops = { "directory", dir_create, dir_reopen, dir_cancelled,
	dir_cancel, dir_update, dir_list, dir_load };

/* ---- brokerd ---- */

static int call(struct journal *j, int code, struct str body, struct reply **out, struct err *e)
{
	struct command rq;

	command_init(&rq, code);
	rq.body = body;
	return admin_call_master(j->admin, &rq, out, e);
}

static int call_json(struct journal *j, int code, struct str body, cJSON **doc, struct err *e)
{
	struct reply *rp = NULL;
	int rc = call(j, code, body, &rp, e);

	if (!rc)
		rc = json_parse(rp->cmd.body, JSON_STRICT, doc, e);
	reply_free(rp);
	return rc;
}

static int brokerd_create(struct journal *j, struct task *t, struct err *e)
{
	cJSON *doc = NULL;
	struct buf b;
	int rc;

	buf_init(&b, FRAME_MAX - 4096);
	create_body(&b, t);
	rc = body_err(&b, t, e);
	if (!rc)
		rc = call_json(j, REQ_CREATE_TASK, buf_str(&b), &doc, e);
	if (!rc)
		rc = json_need_int(doc, "id", 1, INT64_MAX / 2, &t->id, e);
	cJSON_Delete(doc);
	buf_release(&b);
	return rc ? err_wrap(e, "journal of the task") : 0;
}

static int brokerd_write(struct journal *j, const struct task *t, const size_t *changed,
	size_t n, bool state, struct err *e)
{
	struct reply *rp = NULL;
	struct buf b;
	int rc;

	buf_init(&b, FRAME_MAX - 4096);
	update_body(&b, t, changed, n, state);
	rc = body_err(&b, t, e);
	if (!rc)
		rc = call(j, REQ_UPDATE_TASK, buf_str(&b), &rp, e);
	reply_free(rp);
	buf_release(&b);
	return rc ? err_wrap(e, "journal of task %lld", (long long)t->id) : 0;
}

static int brokerd_update(
	struct journal *j, const struct task *t, const size_t *changed, size_t n, struct err *e)
{
	return brokerd_write(j, t, changed, n, t->state != TASK_RUNNING, e);
}

static int brokerd_reopen(struct journal *j, struct task *t, struct err *e)
{
	return brokerd_write(j, t, NULL, t->n, true, e);
}

/* The state in the journal is who asks: the process that runs the task leaves it alone. */
static int brokerd_cancel(struct journal *j, int64_t id, struct err *e)
{
	struct reply *rp = NULL;
	char body[96];
	int rc;

	snprintf(body, sizeof(body), "{\"id\":%lld,\"state\":\"%s\"}", (long long)id,
		task_state_names[TASK_CANCELLED]);
	rc = call(j, REQ_UPDATE_TASK, str_of(body), &rp, e);
	reply_free(rp);
	return rc;
}

static int brokerd_cancelled(struct journal *j, int64_t id, bool *yes, struct err *e)
{
	const cJSON *head = NULL;
	cJSON *doc = NULL;
	char body[64];
	int rc;

	snprintf(body, sizeof(body), "{\"id\":%lld,\"max\":1}", (long long)id);
	rc = call_json(j, REQ_GET_TASK, str_of(body), &doc, e);
	if (!rc)
		rc = json_need_object(doc, "task", &head, e);
	*yes = !rc && !strcmp(json_text(head, "state", ""), task_state_names[TASK_CANCELLED]);
	cJSON_Delete(doc);
	return rc ? err_wrap(e, "journal of task %lld", (long long)id) : 0;
}

/* {"topic":{"created":998,"failed":2}} */
static void get_counts(struct task *t, const cJSON *counts)
{
	for (int k = 0; k < OBJ_KINDS; k++)
		for (int s = 0; s < ITEM_STATES; s++)
			t->counts[k][s] = (int)json_int(
				cJSON_GetObjectItemCaseSensitive(counts, object_kind_names[k]),
				item_state_names[s], 0);
}

static int brokerd_list(
	struct journal *j, struct arena *mem, struct task **out, size_t *n, struct err *e)
{
	const cJSON *tasks, *o;
	cJSON *doc = NULL;
	int rc;

	*out = NULL;
	*n = 0;
	rc = call_json(j, REQ_LIST_TASKS, STR_NONE, &doc, e);
	if (!rc)
		rc = json_need_array(doc, "tasks", &tasks, e);
	if (!rc) {
		*out = mem_array((size_t)cJSON_GetArraySize(tasks) + 1, sizeof(**out));
		cJSON_ArrayForEach (o, tasks) {
			struct task *t = &(*out)[(*n)++];

			get_task(t, mem, o);
			get_counts(t, cJSON_GetObjectItemCaseSensitive(o, "counts"));
		}
	}
	cJSON_Delete(doc);
	return rc;
}

/* One page of items; *more says whether another one follows. */
static int load_page(struct journal *j, int64_t id, struct task *t, bool *more, struct err *e)
{
	const cJSON *items = NULL, *head = NULL;
	cJSON *doc = NULL;
	char body[96];
	size_t before = t->n;
	int rc;

	snprintf(body, sizeof(body), "{\"id\":%lld,\"from\":%zu,\"max\":%d}", (long long)id,
		t->n, PAGE_ITEMS);
	rc = call_json(j, REQ_GET_TASK, str_of(body), &doc, e);
	if (!rc)
		rc = json_need_object(doc, "task", &head, e);
	if (!rc)
		rc = json_need_array(doc, "items", &items, e);
	if (!rc) {
		get_task(t, &t->mem, head);
		add_items(t, items);
	}
	*more = !rc && t->n - before == PAGE_ITEMS;
	cJSON_Delete(doc);
	return rc;
}

static int brokerd_load(struct journal *j, int64_t id, struct task *t, struct err *e)
{
	bool more = true;
	int rc = 0;

	while (!rc && more)
		rc = load_page(j, id, t, &more, e);
	if (rc == TQ_ENOTFOUND)
		return err_set(e, TQ_ENOTFOUND, "no task %lld", (long long)id);
	task_count(t);
	return rc;
}

static const struct journal_ops brokerd_ops = { "brokerd", brokerd_create, brokerd_reopen,
	brokerd_cancelled, brokerd_cancel, brokerd_update, brokerd_list, brokerd_load };

void journal_dir(struct journal *j, const char *dir)
{
	*j = (struct journal){ .ops = &dir_ops, .dir = dir, .fd = -1 };
}

void journal_brokerd(struct journal *j, struct admin *a)
{
	*j = (struct journal){ .ops = &brokerd_ops, .admin = a, .fd = -1 };
}

void journal_release(struct journal *j)
{
	if (j->fd >= 0)
		vfs()->close(j->fd);
	j->fd = -1;
}
