/* SPDX-License-Identifier: Apache-2.0 */
/* planfile: written whole and by rename; read with each item checked, named by its place. */
#include "base.h"

#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "object.h"
#include "planfile.h"

#define FILE_MAX (32u << 20)
#define QUEUES_MAX 1024 /* that a hand-made plan may ask for of a broker */
#define SNIFF 512

/* ---- writing ---- */

static void put_head(struct jw *w, const struct planfile *h)
{
	jw_kv_text(w, "format", PLANFILE_FORMAT);
	jw_kv_int(w, "createdMs", clock_wall_ms());
	jw_kv_text(w, "source", h->source);
	jw_kv_text(w, "mode", h->mode);
	jw_key(w, "target");
	jw_object(w);
	jw_kv_text(w, "kind", h->target_kind);
	jw_kv_text(w, "description", h->target);
	jw_kv_text(w, "id", h->target_id);
	jw_end(w);
	jw_kv_text(w, "onConflict", on_conflict_names[h->on_conflict]);
}

static bool has_object(const struct plan_item *it)
{
	return it->verdict != VERDICT_SKIPPED && it->verdict != VERDICT_REFUSED;
}

static void put_item(struct jw *w, const struct plan_item *it)
{
	jw_object(w);
	jw_kv_text(w, "kind", object_kind_names[it->kind]);
	jw_kv_text(w, "verdict", verdict_names[it->verdict]);
	if (it->reason)
		jw_kv_text(w, "reason", reason_name(it->reason));
	jw_kv_text(w, "source", it->source);
	if (it->ns)
		jw_kv_text(w, "namespace", it->ns);
	if (it->name)
		jw_kv_text(w, "name", it->name);
	if (*it->detail)
		jw_kv_text(w, "detail", it->detail);
	if (it->warnings) {
		jw_key(w, "warnings");
		warnings_put(w, it->warnings);
	}
	if (has_object(it)) {
		jw_key(w, "object");
		object_put(w, it->kind, &it->topic);
	}
	jw_end(w);
}

int planfile_write(
	const struct plan *p, const struct planfile *head, const char *path, struct err *e)
{
	struct buf b;
	struct jw w;
	int rc;

	buf_init(&b, FILE_MAX);
	w = jw_init(&b);
	jw_object(&w);
	put_head(&w, head);
	buf_puts(&b, ",\n\"items\":[");
	for (size_t i = 0; i < p->n; i++) { /* a line each, for eyes and for diff */
		struct jw line = jw_init(&b);

		buf_puts(&b, i ? ",\n" : "\n");
		put_item(&line, &p->items[i]);
	}
	buf_puts(&b, "\n]}\n");
	if (buf_err(&b))
		rc = err_set(
			e, TQ_ETOOBIG, "a plan of %zu items is too large for a file", p->n);
	else
		rc = fsio_replace(path, buf_str(&b), 0600, e);
	buf_release(&b);
	return rc ? err_wrap(e, "plan '%s'", path) : 0;
}

/* ---- reading ---- */

bool planfile_is(const char *path)
{
	char head[SNIFF + 1] = "";
	ssize_t n;
	int fd;

	if (!strcmp(path, "-") ||
		(fd = vfs()->open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)) < 0)
		return false;
	n = read(fd, head, SNIFF);
	vfs()->close(fd);
	return n > 0 && strstr(head, "\"tdmqctl-plan/");
}

static int need_word(
	const cJSON *o, const char *key, const char *const *names, int *out, struct err *e)
{
	const char *text = json_text(o, key, NULL);

	if (!text)
		return err_set(e, TQ_EFORMAT, "no \"%s\"", key);
	*out = str_index(str_of(text), names);
	return *out < 0 ? err_set(e, TQ_EFORMAT, "\"%s\" is '%.40s'", key, text) : 0;
}

static int check_topic(const struct topic *t, struct err *e)
{
	int rc = names_check_wire_topic(str_of(t->name), e);

	if (!rc && (t->write_queues < 1 || t->write_queues > QUEUES_MAX || t->read_queues < 1 ||
			   t->read_queues > QUEUES_MAX))
		rc = err_set(e, TQ_EFORMAT, "queues: 1 to %d", QUEUES_MAX);
	if (!rc && (t->perm < 1 || t->perm > PERM_RW))
		rc = err_set(e, TQ_EFORMAT, "permission %d", t->perm);
	return rc;
}

static int check_group(const struct group *g, struct err *e)
{
	int rc = names_check_wire_group(str_of(g->name), e);

	if (!rc && (g->retry_max < 0 || g->retry_max > GROUP_RETRIES_MAX))
		rc = err_set(e, TQ_EFORMAT, "retries: 0 to %d", GROUP_RETRIES_MAX);
	return rc;
}

static int get_object(struct plan *p, struct plan_item *it, const cJSON *o, struct err *e)
{
	int rc = object_get(it->kind, &it->topic, &p->mem,
		cJSON_GetObjectItemCaseSensitive(o, "object"), e);

	if (rc)
		return rc;
	if (!it->ns || (it->kind != OBJ_NAMESPACE && !it->name))
		return err_set(e, TQ_EFORMAT, "no namespace or name");
	if (it->kind == OBJ_NAMESPACE)
		return names_check_namespace(str_of(it->namespace.name), e);
	return it->kind == OBJ_TOPIC ? check_topic(&it->topic, e) : check_group(&it->group, e);
}

static int get_item(struct plan *p, const cJSON *o, struct err *e)
{
	struct plan_item *it;
	int kind, verdict, rc;

	rc = need_word(o, "kind", object_kind_names, &kind, e);
	if (!rc)
		rc = need_word(o, "verdict", verdict_names, &verdict, e);
	if (rc)
		return rc;
	it = plan_add(p, (enum object_kind)kind);
	it->verdict = (enum verdict)verdict;
	it->reason = reason_from(json_text(o, "reason", ""));
	it->source = arena_str(&p->mem, json_text(o, "source", ""));
	it->ns = arena_str(&p->mem, json_text(o, "namespace", NULL));
	it->name = arena_str(&p->mem, json_text(o, "name", NULL));
	it->detail = arena_str(&p->mem, json_text(o, "detail", ""));
	it->warnings = warnings_get(cJSON_GetObjectItemCaseSensitive(o, "warnings"));
	return has_object(it) ? get_object(p, it, o, e) : 0;
}

static int get_head(struct plan *p, struct planfile *h, const cJSON *doc, struct err *e)
{
	const cJSON *target = cJSON_GetObjectItemCaseSensitive(doc, "target");
	const char *format = json_text(doc, "format", "");
	int on = ON_CONFLICT_FAIL, rc;

	if (strcmp(format, PLANFILE_FORMAT))
		return err_set(e, TQ_EFORMAT, "format '%.40s': this tdmqctl reads %s", format,
			PLANFILE_FORMAT);
	rc = need_word(doc, "onConflict", on_conflict_names, &on, e);
	*h = (struct planfile){ .on_conflict = (enum on_conflict)on };
	h->created_ms = json_int(doc, "createdMs", 0);
	h->source = arena_str(&p->mem, json_text(doc, "source", NULL));
	h->mode = arena_str(&p->mem, json_text(doc, "mode", NULL));
	h->target_kind = arena_str(&p->mem, json_text(target, "kind", NULL));
	h->target = arena_str(&p->mem, json_text(target, "description", NULL));
	h->target_id = arena_str(&p->mem, json_text(target, "id", NULL));
	return rc;
}

/* The order in which things are made: an item before its namespace would fail. */
static int check_order(const struct plan *p, struct err *e)
{
	int n[OBJ_KINDS] = { 0 };

	for (size_t i = 0; i < p->n; i++) {
		const struct plan_item *it = &p->items[i];

		if (i && it->kind < p->items[i - 1].kind)
			return err_set(e, TQ_EFORMAT,
				"item %zu: namespaces go first, then topics, then groups", i);
		n[it->kind] += it->verdict == VERDICT_CREATE || it->verdict == VERDICT_ADJUST;
	}
	if (n[OBJ_TOPIC] > PLAN_MAX_TOPICS || n[OBJ_GROUP] > PLAN_MAX_GROUPS)
		return err_set(e, TQ_ELIMIT, "a task takes %d topics and %d groups",
			PLAN_MAX_TOPICS, PLAN_MAX_GROUPS);
	return 0;
}

static int get_plan(struct plan *p, struct planfile *h, const cJSON *doc, struct err *e)
{
	const cJSON *items = NULL, *o;
	size_t i = 0;
	int rc = get_head(p, h, doc, e);

	if (!rc)
		rc = json_need_array(doc, "items", &items, e);
	cJSON_ArrayForEach (o, items) {
		if (!rc && p->n >= 2 * SOURCE_MAX_ITEMS)
			rc = err_set(e, TQ_ETOOBIG, "more than %d items", 2 * SOURCE_MAX_ITEMS);
		if (!rc && get_item(p, o, e))
			rc = err_wrap(e, "items[%zu]", i);
		i++;
	}
	if (!rc)
		rc = check_order(p, e);
	plan_count(p);
	return rc;
}

int planfile_read_text(
	struct plan *p, struct planfile *head, const char *path, struct str text, struct err *e)
{
	cJSON *doc = NULL;
	int rc = json_parse(text, JSON_STRICT, &doc, e);

	if (!rc)
		rc = get_plan(p, head, doc, e);
	cJSON_Delete(doc);
	return rc ? err_wrap(e, "plan '%s'", path) : 0;
}

int planfile_read(struct plan *p, struct planfile *head, const char *path, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, FILE_MAX + 1);
	rc = fsio_read_file(path, FILE_MAX, &b, e);
	if (!rc)
		rc = planfile_read_text(p, head, path, buf_str(&b), e);
	buf_release(&b);
	return rc;
}

/* ---- the target by now ---- */

static bool is_write(enum verdict v)
{
	return v == VERDICT_CREATE || v == VERDICT_ADJUST;
}

/* Whether what would be done now is what the file says, or less. */
static bool is_fine(const struct plan_item *was, const struct plan_item *now)
{
	if (now->verdict == VERDICT_EXISTS)
		return true;
	if (was->verdict != now->verdict)
		return false;
	return was->verdict != VERDICT_ADJUST || !strcmp(was->detail, now->detail);
}

static int changed(const struct plan_item *was, const struct plan_item *now, struct err *e)
{
	err_set(e, TQ_ECHANGED,
		"the target changed since the plan was made: %s '%s' was to be: "
		"%s; by now: %s%s%s",
		object_kind_names[was->kind], was->name ? was->name : was->ns,
		verdict_names[was->verdict], verdict_names[now->verdict],
		*now->detail ? ", " : "", now->detail);
	return err_hint(e, "make the plan again and look through it");
}

int planfile_review(struct plan *p, enum on_conflict on_conflict, const struct holdings *have,
	int *by_now, struct err *e)
{
	struct plan_item *was = mem_array(p->n + 1, sizeof(*was));
	int rc = 0;

	*by_now = 0;
	if (p->n)
		memcpy(was, p->items, p->n * sizeof(*was));
	for (size_t i = 0; i < p->n; i++) /* stays refused, whatever room there is by now */
		if (was[i].verdict == VERDICT_REFUSED)
			p->items[i].verdict = VERDICT_SKIPPED;
	plan_review(p, on_conflict, have);
	for (size_t i = 0; !rc && i < p->n; i++) {
		if (was[i].verdict == VERDICT_REFUSED)
			p->items[i].verdict = VERDICT_REFUSED;
		else if (!is_fine(&was[i], &p->items[i]))
			rc = changed(&was[i], &p->items[i], e);
		*by_now += is_write(was[i].verdict) && !is_write(p->items[i].verdict);
	}
	plan_count(p);
	mem_free(was);
	return rc;
}
