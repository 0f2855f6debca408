/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate offsets: shows where groups would stand, sets it when told to, and keeps what was before
 * in the state folder, one file a group: offsets/<ms since 1970>-<number>.json. What was put back
 * is renamed to .undone.
 */
#include <dirent.h>
#include <errno.h>

#include "clock.h"
#include "fsio.h"
#include "migrate/positions.h"
#include "migrate_more.h"
#include "names.h"
#include "state.h"
#include "view.h"

#define SNAPSHOT_MAX (16u << 20)
#define SNAPSHOT_MODE 0600

static const char *const by_names[] = { "time", NULL };

const struct opt migrate_offsets_opts[] = {
	PAIR_OPTS(struct offsets_args, pair),
	OPT_NAME('g', "group", "group", struct offsets_args, group, NAMES_GROUP,
		"this group, as the new cluster calls it"),
	OPT_BOOL(0, "all", struct offsets_args, all, "every group of the old cluster"),
	OPT_NAME(0, "topic", "topic", struct offsets_args, topic, NAMES_TOPIC,
		"only of this topic"),
	OPT_ENUM(0, "by", struct offsets_args, by, by_names, 0,
		"what the two clusters have in common"),
	OPT_BOOL(0, "execute", struct offsets_args, execute, "set them"),
	OPT_END,
};

static const struct col position_cols[] = {
	{ "group", "group", COL_TEXT, 0 },
	{ "topic", "topic", COL_TEXT, 0 },
	{ "queue", "queueName", COL_TEXT, 0 },
	{ "now", "now", COL_NUMBER, 0 },
	{ "target", "target", COL_NUMBER, 0 },
	{ "replayed", "replayed", COL_COUNT, 0 },
	{ "skipped", "skipped", COL_COUNT, 0 },
	{ "since", "sinceMs", COL_TIME, COL_OPTIONAL },
	{ "end", "end", COL_NUMBER, COL_WIDE },
	COL_END,
};
const struct view view_position = { "Position", "queueName", position_cols, false };

static cJSON *position_json(struct ctx *cx, const char *group, const struct position *p)
{
	cJSON *o = cJSON_CreateObject();

	view_add_text(o, "group", ctx_name(cx, group));
	view_add_text(o, "topic", ctx_name(cx, p->q.topic));
	view_add_text(o, "broker", p->q.broker);
	json_add_i64(o, "queue", p->q.queue);
	view_add_text(o, "queueName", arena_fmt(&cx->mem, "%s/%d", p->q.broker, p->q.queue));
	view_add_int(o, "now", p->now, p->now >= 0);
	json_add_i64(o, "target", p->to);
	json_add_i64(o, "replayed", position_replayed(p));
	json_add_i64(o, "skipped", position_skipped(p));
	view_add_time(cx, o, "since", p->since_ms);
	view_add_int(o, "end", p->max, p->max != INT64_MAX);
	return o;
}

static void add_rows(struct ctx *cx, const struct positions *p, cJSON *items)
{
	for (size_t i = 0; i < p->n; i++)
		cJSON_AddItemToArray(items, position_json(cx, p->group, &p->v[i]));
}

/* ---- members ---- */

/* Positions are theirs while they are connected. */
static int connected(struct ctx *cx, const char *group, size_t *n)
{
	struct members m = { 0 };
	int rc = admin_members(cx->admin, group, &cx->mem, &m, &cx->err);

	*n = rc ? 0 : m.n;
	if (rc != TQ_EOFFLINE)
		return rc;
	err_clear(&cx->err);
	return 0;
}

static int warn_connected(struct ctx *cx, const char *group, size_t *n)
{
	int rc = connected(cx, group, n);

	if (!rc && *n)
		ctx_warn(cx,
			"%zu members of '%s' are connected to the new cluster: they keep "
			"positions of their own and would set them again; stop them first",
			*n, ctx_name(cx, group));
	return rc;
}

/* ---- snapshots ---- */

static const char *snapshot_dir(struct ctx *cx)
{
	const char *dir = state_path(&cx->mem, "offsets");

	if (dir)
		return dir;
	err_set(&cx->err, TQ_EPRECOND, "no folder to keep the present positions in");
	err_hint(&cx->err, "set HOME or XDG_STATE_HOME");
	return NULL;
}

static int keep(struct ctx *cx, const struct positions *p, int number, const char **id)
{
	const char *dir = snapshot_dir(cx);
	int64_t now = clock_wall_ms();
	cJSON *doc;
	struct buf b;
	int rc;

	if (!dir)
		return cx->err.code;
	*id = arena_fmt(&cx->mem, "%lld-%d", (long long)now, number);
	doc = positions_snapshot(p, cx->nameservers, now);
	buf_init(&b, SNAPSHOT_MAX);
	json_print(&b, doc, JSON_PRETTY, 0);
	buf_putc(&b, '\n');
	cJSON_Delete(doc);
	rc = fsio_mkdirs(dir, 0700, &cx->err);
	if (!rc)
		rc = fsio_replace(arena_fmt(&cx->mem, "%s/%s.json", dir, *id), buf_str(&b),
			SNAPSHOT_MODE, &cx->err);
	buf_release(&b);
	return rc;
}

static bool is_snapshot(const char *name)
{
	return str_ends(str_of(name), STR(".json"));
}

/* Names sort by the time in them. */
static const char *newest(struct ctx *cx, const char *dir)
{
	const char *best = NULL;
	struct dirent *d;
	DIR *all = opendir(dir);

	while (all && (d = readdir(all)))
		if (is_snapshot(d->d_name) && (!best || strcmp(d->d_name, best) > 0))
			best = arena_str(&cx->mem, d->d_name);
	if (all)
		closedir(all);
	return best ? arena_strn(&cx->mem, best, strlen(best) - strlen(".json")) : NULL;
}

static int load(struct ctx *cx, const char *path, struct positions *p, const char **cluster)
{
	cJSON *doc = NULL;
	struct buf b;
	int rc;

	buf_init(&b, SNAPSHOT_MAX);
	rc = fsio_read_file(path, SNAPSHOT_MAX, &b, &cx->err);
	if (!rc)
		rc = json_parse(buf_str(&b), JSON_STRICT, &doc, &cx->err);
	if (!rc)
		rc = positions_from_snapshot(p, doc, &cx->mem, &cx->err);
	if (!rc)
		*cluster = arena_str(&cx->mem, positions_snapshot_cluster(doc));
	cJSON_Delete(doc);
	buf_release(&b);
	return rc ? err_wrap(&cx->err, "'%s'", path) : 0;
}

/* ---- the new positions ---- */

static const char *target_name(void *arg, const char *wire)
{
	return pair_to_name(arg, wire);
}

static int set_group(struct ctx *cx, const struct positions *p, int number, size_t members)
{
	const char *id = NULL;
	int rc;

	if (members) {
		err_set(&cx->err, TQ_EPRECOND, "group '%s' has members in the new cluster",
			ctx_name(cx, p->group));
		return err_hint(&cx->err, "stop them, and see: tdmqctl group clients %s",
			ctx_name(cx, p->group));
	}
	if (!p->n || ctx_dry_run(cx, "%zu positions of group/%s would be set", p->n,
			     ctx_name(cx, p->group)))
		return 0;
	rc = keep(cx, p, number, &id);
	if (!rc)
		rc = positions_set(cx->admin, p, &cx->err);
	if (!rc)
		ctx_done(cx, "group/%s: %zu positions set; back: tdmqctl offset undo %s",
			ctx_name(cx, p->group), p->n, id);
	return rc;
}

/* Its rows are shown whatever comes of it. */
static int one_group(const struct pair *pr, const struct offsets_args *a, const char *group,
	int number, cJSON *items)
{
	const char *topic = a->topic ? pair_from_name(pr, a->topic) : NULL;
	struct ctx *cx = pr->cx;
	struct positions p;
	struct group g;
	size_t members;
	int rc;

	positions_init(&p, group);
	rc = admin_group(cx->admin, group, &cx->mem, &g, &cx->err);
	if (rc == TQ_ENOGROUP)
		err_hint(&cx->err, "make it first: tdmqctl migrate run FILE");
	if (!rc)
		rc = positions_by_time(&p, pr->from, pair_from_name(pr, group), topic,
			cx->admin, target_name, (void *)(uintptr_t)pr, &cx->mem, &cx->err);
	if (!rc)
		rc = pair_whole(pr, &cx->err);
	if (!rc && !p.n && !p.missing.n && !a->all)
		ctx_warn(cx, "group '%s' has no positions in the old cluster",
			ctx_name(cx, group));
	for (size_t i = 0; i < p.missing.n; i++)
		ctx_warn(cx, "the new cluster has no topic '%s'", ctx_name(cx, p.missing.v[i]));
	add_rows(cx, &p, items);
	if (!rc)
		rc = warn_connected(cx, group, &members);
	if (!rc && a->execute)
		rc = set_group(cx, &p, number, members);
	positions_release(&p);
	return rc;
}

static int all_groups(const struct pair *pr, struct strv *out)
{
	struct ctx *cx = pr->cx;
	struct groups all;
	const char *name;
	int rc = admin_groups(pr->from, &cx->mem, &all, &cx->err);

	for (size_t i = 0; !rc && i < all.n; i++) {
		name = pair_to_name(pr, all.v[i].name);
		if (name && !names_is_system_group(str_of(name)))
			strv_add(out, str_of(name));
	}
	return rc;
}

static int each_group(const struct pair *pr, const struct offsets_args *a)
{
	struct strv groups = strv_in(&pr->cx->mem);
	cJSON *items = cJSON_CreateArray();
	struct ctx *cx = pr->cx;
	size_t failed = 0;
	int rc = 0, shown;

	if (a->all)
		rc = all_groups(pr, &groups);
	else
		strv_add(&groups, str_of(a->group));
	for (size_t i = 0; !rc && i < groups.n; i++) {
		if (!one_group(pr, a, groups.v[i], (int)i, items))
			continue;
		ctx_failed(cx, "group '%s'", ctx_name(cx, groups.v[i]));
		failed++;
	}
	shown = ctx_list(cx, &view_position, items);
	rc = rc ? rc : shown;
	if (!rc && !failed && !a->execute)
		ctx_note(cx, "nothing was set; --execute does it");
	return rc ? rc : ctx_result(cx, groups.n - failed, failed);
}

static int may_write(struct ctx *cx)
{
	return cx->read_only ? err_set(&cx->err, TQ_EPRECOND,
				       "the context of the new cluster is read-only")
			     : 0;
}

int migrate_offsets(struct ctx *cx, const void *args)
{
	const struct offsets_args *a = args;
	struct pair pr;
	int rc;

	if (!a->group == !a->all) {
		err_set(&cx->err, TQ_EUSAGE, "which group?");
		return err_hint(&cx->err, "either --group GROUP or --all");
	}
	rc = pair_open(cx, &a->pair, &pr);
	if (rc)
		return rc;
	if (a->execute)
		rc = may_write(cx);
	if (!rc && a->execute && cx->protected)
		rc = ctx_confirm(cx, "set positions in '%s'?", pr.to_name);
	if (!rc)
		rc = each_group(&pr, a);
	pair_release(&pr);
	return rc;
}

/* ---- undo ---- */

/* Where its queues are today. */
static int find_queues(struct ctx *cx, struct positions *p)
{
	struct route route = { 0 };
	const char *topic = NULL;
	int rc = 0;

	for (size_t i = 0; !rc && i < p->n; i++) {
		struct position *x = &p->v[i];

		if (!topic || strcmp(topic, x->q.topic))
			rc = admin_route(
				cx->admin, topic = x->q.topic, &cx->mem, &route, &cx->err);
		x->addr = rc ? NULL : route_addr(&route, x->q.broker);
		if (!rc && !x->addr)
			rc = err_set(&cx->err, TQ_EUNREACHABLE,
				"broker '%s' is not in the route of '%s'", x->q.broker,
				ctx_name(cx, x->q.topic));
	}
	return rc;
}

/* Who has consumed since then loses the place. */
static int warn_moved(struct ctx *cx, const struct positions *p)
{
	size_t moved = 0;
	int64_t now;
	int rc = 0;

	for (size_t i = 0; !rc && i < p->n; i++) {
		rc = admin_offset_get(cx->admin, p->v[i].addr, p->group, p->v[i].q.topic,
			p->v[i].q.queue, &now, &cx->err);
		moved += !rc && now != p->v[i].now;
		if (!rc)
			p->v[i].now = now;
		if (rc == TQ_ENOTFOUND) {
			err_clear(&cx->err);
			rc = 0;
		}
	}
	if (!rc && moved)
		ctx_warn(
			cx, "%zu of %zu positions have moved since they were set", moved, p->n);
	return rc;
}

static int put_back(struct ctx *cx, struct positions *p, const char *path)
{
	cJSON *items = cJSON_CreateArray();
	size_t members = 0;
	int rc, shown;

	rc = find_queues(cx, p);
	if (!rc)
		rc = warn_moved(cx, p);
	if (!rc)
		rc = warn_connected(cx, p->group, &members);
	add_rows(cx, p, items);
	shown = ctx_list(cx, &view_position, items);
	rc = rc ? rc : shown;
	if (!rc && members)
		rc = err_set(&cx->err, TQ_EPRECOND, "group '%s' has members that are connected",
			ctx_name(cx, p->group));
	if (rc || ctx_dry_run(cx, "%zu positions of group/%s would be put back", p->n,
			  ctx_name(cx, p->group)))
		return rc;
	rc = positions_set(cx->admin, p, &cx->err);
	if (!rc && rename(path, arena_fmt(&cx->mem, "%s.undone", path)))
		ctx_warn(cx, "cannot rename '%s': %s", path, strerror(errno));
	if (!rc)
		ctx_done(cx, "group/%s: %zu positions put back", ctx_name(cx, p->group), p->n);
	return rc;
}

int offsets_undo(struct ctx *cx, const char *id)
{
	const char *dir = snapshot_dir(cx), *path, *cluster = "";
	struct positions p;
	int rc;

	if (!dir)
		return cx->err.code;
	if (!id)
		id = newest(cx, dir);
	if (!id || strchr(id, '/'))
		return err_set(&cx->err, TQ_ENOTFOUND, "no positions were set from here%s%s",
			id ? " with the number " : "", id ? id : "");
	path = arena_fmt(&cx->mem, "%s/%s.json", dir, id);
	positions_init(&p, NULL);
	rc = load(cx, path, &p, &cluster);
	if (!rc && strcmp(cluster, cx->nameservers)) {
		rc = err_set(&cx->err, TQ_EPRECOND,
			"positions %s were set in the cluster at %s, not in this one", id,
			cluster);
		err_hint(&cx->err, "add -s %s", cluster);
	}
	if (!rc)
		rc = put_back(cx, &p, path);
	positions_release(&p);
	return rc;
}
