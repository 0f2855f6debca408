/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog: three hash tables and the changes on their way to disk.
 *
 *	catalog_put_topic ── check, copy ──▶ struct change ──▶ meta thread: statements
 *	     done() ◀── tables change ◀── commit
 *
 * The tables change when the commit is through, in order of the calls, so they are what the
 * disk says. Two exceptions, both for clients that cannot wait: what catalog_ensure_* makes is
 * there at once, and a namespace that is only on its way has an entry already (`there` false,
 * so that nobody sees it) which counts against the limit and keeps the changes that need it
 * (`pending`).
 *
 * A change carries copies only: the meta thread never looks at the tables.
 *
 * System topics and groups are made anew at each start and are not stored. Retry and dead
 * letter topics belong to their groups: they count for no limit and no namespace.
 */
#include "brokerd/catalog_impl.h"

#include "clock.h"
#include "log.h"

#define QUEUES_MAX 1024 /* of one topic, as imported tables may say */
#define KV_MAX 10000 /* texts in all */
#define KV_VALUE_MAX 16384 /* bytes of one */

/* ---- changes ---- */

enum change_kind { CHANGE_TOPIC, CHANGE_GROUP, CHANGE_NAMESPACE, CHANGE_KV };

struct change {
	struct catalog *c;
	enum change_kind kind;
	bool remove;
	bool applied; /* the tables have it already */
	bool fresh; /* counted in pending_topics or pending_groups */
	bool has_ns; /* ns is to be there afterwards; its entry counts this change in pending */
	struct arena mem; /* every text below */
	struct topic t;
	struct group g;
	struct namespace ns;
	struct str space, key, value;
	char dv[48]; /* new data version of the table, "" for the others */
	catalog_done done;
	void *arg;
};

static struct change *change_new(
	struct catalog *c, enum change_kind kind, catalog_done done, void *arg)
{
	struct change *ch = mem_alloc(sizeof(*ch));

	ch->c = c;
	ch->kind = kind;
	ch->done = done;
	ch->arg = arg;
	arena_init(&ch->mem);
	return ch;
}

static void bump(struct change *ch, struct data_version *dv)
{
	dv->counter++;
	dv->timestamp_ms = clock_wall_ms();
	snprintf(ch->dv, sizeof(ch->dv), "%lld %lld", (long long)dv->counter,
		(long long)dv->timestamp_ms);
}

static struct topic copy_topic(struct arena *a, const struct topic *t)
{
	struct topic copy = *t;

	copy.name = arena_str(a, t->name);
	copy.remark = arena_str(a, t->remark ? t->remark : "");
	return copy;
}

static struct group copy_group(struct arena *a, const struct group *g)
{
	struct group copy = *g;

	copy.name = arena_str(a, g->name);
	copy.remark = arena_str(a, g->remark ? g->remark : "");
	return copy;
}

static int write_topic(struct meta *m, const struct change *ch, struct err *e)
{
	const struct topic *t = &ch->t;

	if (ch->remove)
		return meta_exec(m, STMT_TOPIC_DELETE, e, "t", t->name);
	return meta_exec(m, STMT_TOPIC_PUT, e, "tttddddddi", t->name, t->remark,
		topic_type_wire(t->type), t->read_queues, t->write_queues, t->perm, t->sysflag,
		(int)t->order, (int)t->multi_tag, t->created_ms);
}

static int write_group(struct meta *m, const struct change *ch, struct err *e)
{
	const struct group *g = &ch->g;

	if (ch->remove)
		return meta_exec(m, STMT_GROUP_DELETE, e, "t", g->name);
	return meta_exec(m, STMT_GROUP_PUT, e, "ttddddddiii", g->name, g->remark,
		(int)g->consume, (int)g->consume_from_min, (int)g->broadcast,
		(int)g->notify_changed, g->retry_queues, g->retry_max, g->broker_id,
		g->slow_broker_id, g->created_ms);
}

static int write_ns(struct meta *m, const struct change *ch, struct err *e)
{
	const struct namespace *n = &ch->ns;

	if (ch->remove)
		return meta_exec(m, STMT_NAMESPACE_DELETE, e, "t", n->name);
	return meta_exec(m, STMT_NAMESPACE_PUT, e, "ttiidd", n->name, n->remark,
		n->retention_ms, n->created_ms, n->max_topics, n->max_groups);
}

/* One that came along with a name. */
static int add_ns(struct meta *m, const struct namespace *n, struct err *e)
{
	return meta_exec(m, STMT_NAMESPACE_ADD, e, "ttii", n->name, n->remark, n->retention_ms,
		n->created_ms);
}

static int write_kv(struct meta *m, const struct change *ch, struct err *e)
{
	if (ch->remove)
		return meta_exec(m, STMT_KV_DELETE, e, "ss", ch->space, ch->key);
	return meta_exec(m, STMT_KV_PUT, e, "sss", ch->space, ch->key, ch->value);
}

/* On the meta thread. */
static int write_change(struct meta *m, void *arg, struct err *e)
{
	const struct change *ch = arg;
	int rc = 0;

	switch (ch->kind) {
	case CHANGE_TOPIC:
		rc = write_topic(m, ch, e);
		if (!rc)
			rc = meta_exec(m, STMT_FACT_PUT, e, "tt", "topics_version", ch->dv);
		break;
	case CHANGE_GROUP:
		rc = write_group(m, ch, e);
		if (!rc)
			rc = meta_exec(m, STMT_FACT_PUT, e, "tt", "groups_version", ch->dv);
		break;
	case CHANGE_NAMESPACE:
		return write_ns(m, ch, e);
	case CHANGE_KV:
		return write_kv(m, ch, e);
	}
	return rc || !ch->has_ns ? rc : add_ns(m, &ch->ns, e);
}

static void apply(struct change *ch)
{
	struct catalog *c = ch->c;

	switch (ch->kind) {
	case CHANGE_TOPIC:
		if (ch->remove)
			catalog_drop_topic(c, str_of(ch->t.name));
		else if (!ch->applied)
			catalog_set_topic(c, &ch->t);
		break;
	case CHANGE_GROUP:
		if (ch->remove)
			catalog_drop_group(c, str_of(ch->g.name));
		else if (!ch->applied)
			catalog_set_group(c, &ch->g);
		break;
	case CHANGE_NAMESPACE:
		catalog_ns_named(c, str_of(ch->ns.name))->there =
			false; /* release_ns() drops it */
		if (!ch->remove)
			catalog_set_ns(c, &ch->ns);
		return;
	case CHANGE_KV:
		catalog_kv_set(c, ch->space, ch->key, ch->remove ? STR_NONE : ch->value);
		return;
	}
	if (ch->has_ns && !catalog_find_ns(c, str_of(ch->ns.name))->there)
		catalog_set_ns(c, &ch->ns);
}

/* A change that needed its namespace entry is through. */
static void release_ns(struct change *ch)
{
	struct ns_entry *n = catalog_find_ns(ch->c, str_of(ch->ns.name));

	n->pending--;
	if (!n->there && !n->pending && !n->n.topics && !n->n.groups)
		catalog_drop_ns(ch->c, n);
}

/* A new one on its way, or no more. */
static void count_fresh(struct change *ch, int by)
{
	struct ns_entry *n = catalog_find_ns(ch->c, str_of(ch->ns.name));

	if (ch->kind == CHANGE_TOPIC) {
		ch->c->pending_topics += by;
		n->fresh_topics += by;
	} else {
		ch->c->pending_groups += by;
		n->fresh_groups += by;
	}
}

/* On the loop. */
static void change_done(void *arg, int rc, const struct err *e)
{
	struct change *ch = arg;

	if (ch->fresh)
		count_fresh(ch, -1);
	if (!rc)
		apply(ch);
	else if (ch->applied)
		log_every(10, LOG_ERROR_, "catalog", "'%s' was made but not stored: %s",
			ch->kind == CHANGE_TOPIC ? ch->t.name : ch->g.name, e->msg);
	if (ch->has_ns || ch->kind == CHANGE_NAMESPACE)
		release_ns(ch);
	if (ch->done)
		ch->done(ch->arg, rc, e);
	arena_release(&ch->mem);
	mem_free(ch);
}

static void submit(struct change *ch)
{
	metadb_submit(ch->c->db, write_change, change_done, ch);
}

/* ---- checks ---- */

static int limit(struct err *e, const char *what, int max, const char *key)
{
	err_set(e, TQ_ELIMIT, "limit of %d %s reached, see %s", max, what, key);
	err_hint(e, "delete what is not needed, or raise the limit");
	return TQ_ELIMIT; /* e may be NULL */
}

/* A name with a namespace in front: may that be, and may it be made if it is new? */
static int check_ns(const struct catalog *c, struct str wire, struct err *e)
{
	struct str ns, name;
	int rc;

	names_split(wire, &ns, &name);
	if (!name.n)
		return err_set(e, TQ_EINVAL, "no name behind the namespace in '" STR_FMT "'",
			STR_ARG(wire));
	if (catalog_find_ns(c, ns))
		return 0;
	rc = names_check_namespace(ns, e);
	if (rc)
		return rc;
	if (c->opts.max_namespaces && c->n_namespaces >= c->opts.max_namespaces)
		return limit(e, "namespaces", c->opts.max_namespaces, "max-namespaces");
	return 0;
}

/* What a namespace may hold by itself; changes on their way count. */
static int check_share(const struct catalog *c, struct str wire, bool topic, struct err *e)
{
	const struct ns_entry *n;
	struct str ns, name;
	int have, max;

	names_split(wire, &ns, &name);
	n = catalog_find_ns(c, ns);
	if (!n)
		return 0;
	max = topic ? n->n.max_topics : n->n.max_groups;
	have = topic ? n->n.topics + n->fresh_topics : n->n.groups + n->fresh_groups;
	if (!max || have < max)
		return 0;
	err_set(e, TQ_ELIMIT, "limit of %d %s of namespace '%s' reached", max,
		topic ? "topics" : "groups", n->n.name);
	return TQ_ELIMIT; /* e may be NULL */
}

static int check_new_topic(const struct catalog *c, struct str wire, struct err *e)
{
	int rc = names_check_wire_topic(wire, e);

	if (rc || !catalog_topic_counts(c, wire))
		return rc;
	rc = check_ns(c, wire, e);
	if (!rc && c->opts.max_topics && c->n_topics + c->pending_topics >= c->opts.max_topics)
		rc = limit(e, "topics", c->opts.max_topics, "max-topics");
	return rc ? rc : check_share(c, wire, true, e);
}

static int check_new_group(const struct catalog *c, struct str wire, struct err *e)
{
	int rc = names_check_wire_group(wire, e);

	if (rc || names_is_system_group(wire))
		return rc;
	rc = check_ns(c, wire, e);
	if (!rc && c->opts.max_groups && c->n_groups + c->pending_groups >= c->opts.max_groups)
		rc = limit(e, "groups", c->opts.max_groups, "max-groups");
	return rc ? rc : check_share(c, wire, false, e);
}

static int check_remark(const char *remark, struct err *e)
{
	struct str s = str_of(remark);
	size_t chars = 0;

	for (size_t i = 0; i < s.n; i++)
		chars += (s.p[i] & 0xC0) != 0x80;
	if (!str_is_utf8(s))
		return err_set(e, TQ_EINVAL, "the remark is not UTF-8");
	if (chars > REMARK_MAX)
		return err_set(e, TQ_EINVAL,
			"the remark has %zu characters, at most %d are allowed", chars,
			REMARK_MAX);
	return 0;
}

static int check_number(const char *what, int64_t v, int64_t min, int64_t max, struct err *e)
{
	if (v >= min && v <= max)
		return 0;
	return err_set(e, TQ_EINVAL, "%s must be between %lld and %lld, not %lld", what,
		(long long)min, (long long)max, (long long)v);
}

static int check_how(enum catalog_how how, bool exists, const char *what, const char *name,
	int missing, struct err *e)
{
	if (how == CATALOG_CREATE && exists)
		return err_set(e, TQ_EEXIST, "%s '%s' exists already", what, name);
	if (how == CATALOG_UPDATE && !exists)
		return err_set(e, missing, "no %s '%s'", what, name);
	return 0;
}

/* ---- puts and deletes ---- */

/* The change needs the namespace of a counted name. */
static void need_ns(struct change *ch, struct str wire)
{
	struct ns_entry *n = catalog_ns_of(ch->c, wire);

	n->pending++;
	ch->has_ns = true;
	ch->ns = (struct namespace){
		.name = arena_str(&ch->mem, n->n.name),
		.remark = "",
		.retention_ms = NAMESPACE_RETENTION_MS,
		.created_ms = clock_wall_ms(),
	};
}

static struct change *topic_change(
	struct catalog *c, const struct topic *t, catalog_done done, void *arg)
{
	struct change *ch = change_new(c, CHANGE_TOPIC, done, arg);
	const struct topic *old = catalog_topic(c, str_of(t->name));

	ch->t = copy_topic(&ch->mem, t);
	if (!ch->t.created_ms)
		ch->t.created_ms = old ? old->created_ms : clock_wall_ms();
	if (catalog_topic_counts(c, str_of(t->name)))
		need_ns(ch, str_of(t->name));
	bump(ch, &c->topics_dv);
	return ch;
}

static struct change *group_change(
	struct catalog *c, const struct group *g, catalog_done done, void *arg)
{
	struct change *ch = change_new(c, CHANGE_GROUP, done, arg);
	const struct group *old = catalog_group(c, str_of(g->name));

	ch->g = copy_group(&ch->mem, g);
	if (!ch->g.created_ms)
		ch->g.created_ms = old ? old->created_ms : clock_wall_ms();
	if (!names_is_system_group(str_of(g->name)))
		need_ns(ch, str_of(g->name));
	bump(ch, &c->groups_dv);
	return ch;
}

static int check_topic(const struct catalog *c, const struct topic *t, struct err *e)
{
	const struct topic *old = catalog_topic(c, str_of(t->name));
	int max = c->opts.max_queues ? c->opts.max_queues : QUEUES_MAX, rc;

	if (catalog_is_system_topic(c, str_of(t->name)))
		return err_set(e, TQ_EDENIED, "topic '%s' is a system topic", t->name);
	if (old)
		max = MAX(max, MAX(old->read_queues, old->write_queues));
	(void)((rc = check_remark(t->remark, e)) ||
		(rc = check_number("read queues", t->read_queues, 0, max, e)) ||
		(rc = check_number("write queues", t->write_queues, 0, max, e)) ||
		(rc = check_number("perm", t->perm, 0, 15, e)));
	return rc;
}

int catalog_put_topic(struct catalog *c, const struct topic *t, enum catalog_how how,
	catalog_done done, void *arg, struct err *e)
{
	struct str wire = str_of(t->name);
	bool exists = catalog_find_topic(c, wire);
	struct change *ch;
	int rc;

	(void)((rc = check_how(how, exists, "topic", t->name, TQ_ENOTOPIC, e)) ||
		(rc = check_topic(c, t, e)) || (rc = exists ? 0 : check_new_topic(c, wire, e)));
	if (rc)
		return rc;
	ch = topic_change(c, t, done, arg);
	ch->fresh = !exists && catalog_topic_counts(c, wire);
	if (ch->fresh)
		count_fresh(ch, 1);
	submit(ch);
	return 0;
}

static int check_group(const struct group *g, struct err *e)
{
	int rc;

	(void)((rc = check_remark(g->remark, e)) ||
		(rc = check_number("retry queues", g->retry_queues, 0, QUEUES_MAX, e)) ||
		(rc = check_number("retries", g->retry_max, -1, INT32_MAX, e)));
	return rc;
}

int catalog_put_group(struct catalog *c, const struct group *g, enum catalog_how how,
	catalog_done done, void *arg, struct err *e)
{
	struct str wire = str_of(g->name);
	bool exists = catalog_find_group(c, wire);
	struct change *ch;
	int rc;

	(void)((rc = check_how(how, exists, "group", g->name, TQ_ENOGROUP, e)) ||
		(rc = check_group(g, e)) || (rc = exists ? 0 : check_new_group(c, wire, e)));
	if (rc)
		return rc;
	ch = group_change(c, g, done, arg);
	ch->fresh = !exists && !names_is_system_group(wire);
	if (ch->fresh)
		count_fresh(ch, 1);
	submit(ch);
	return 0;
}

static int check_put_namespace(
	const struct catalog *c, const struct namespace *n, enum catalog_how how, struct err *e)
{
	const struct ns_entry *old = catalog_find_ns(c, str_of(n->name));
	int rc;

	(void)((rc = names_check_namespace(str_of(n->name), e)) ||
		(rc = check_how(
			 how, old && old->there, "namespace", n->name, TQ_ENOTFOUND, e)) ||
		(rc = check_remark(n->remark, e)) ||
		(rc = check_number(
			 "retention in ms", n->retention_ms, 0, NAMESPACE_RETENTION_MS, e)));
	if (!rc && !old && c->opts.max_namespaces && c->n_namespaces >= c->opts.max_namespaces)
		rc = limit(e, "namespaces", c->opts.max_namespaces, "max-namespaces");
	return rc;
}

int catalog_put_namespace(struct catalog *c, const struct namespace *n, enum catalog_how how,
	catalog_done done, void *arg, struct err *e)
{
	int rc = check_put_namespace(c, n, how, e);
	struct ns_entry *entry;
	struct change *ch;

	if (rc)
		return rc;
	entry = catalog_ns_named(c, str_of(n->name));
	entry->pending++;
	ch = change_new(c, CHANGE_NAMESPACE, done, arg);
	ch->ns = *n;
	ch->ns.name = arena_str(&ch->mem, n->name);
	ch->ns.remark = arena_str(&ch->mem, n->remark ? n->remark : "");
	if (!ch->ns.created_ms)
		ch->ns.created_ms = entry->there ? entry->n.created_ms : clock_wall_ms();
	submit(ch);
	return 0;
}

int catalog_delete_topic(
	struct catalog *c, struct str wire, catalog_done done, void *arg, struct err *e)
{
	struct change *ch;

	if (catalog_is_system_topic(c, wire))
		return err_set(
			e, TQ_EDENIED, "topic '" STR_FMT "' is a system topic", STR_ARG(wire));
	ch = change_new(c, CHANGE_TOPIC, done, arg);
	ch->remove = true;
	ch->t.name = arena_strn(&ch->mem, wire.p, wire.n);
	bump(ch, &c->topics_dv);
	submit(ch);
	return 0;
}

int catalog_delete_group(
	struct catalog *c, struct str wire, catalog_done done, void *arg, struct err *e)
{
	struct change *ch;

	if (names_is_system_group(wire))
		return err_set(
			e, TQ_EDENIED, "group '" STR_FMT "' is a system group", STR_ARG(wire));
	ch = change_new(c, CHANGE_GROUP, done, arg);
	ch->remove = true;
	ch->g.name = arena_strn(&ch->mem, wire.p, wire.n);
	bump(ch, &c->groups_dv);
	submit(ch);
	return 0;
}

int catalog_delete_namespace(
	struct catalog *c, struct str name, catalog_done done, void *arg, struct err *e)
{
	struct ns_entry *n = catalog_find_ns(c, name);
	struct change *ch;

	if (!n || !n->there)
		return err_set(e, TQ_ENOTFOUND, "no namespace '" STR_FMT "'", STR_ARG(name));
	if (str_is(name, NAMES_DEFAULT_NS))
		return err_set(e, TQ_EDENIED, "namespace '%s' cannot be deleted", n->n.name);
	if (n->n.topics || n->n.groups || n->pending) {
		err_set(e, TQ_EPRECOND, "namespace '%s' is not empty: %d topics, %d groups",
			n->n.name, n->n.topics, n->n.groups);
		err_hint(e, "delete its topics and groups first");
		return TQ_EPRECOND;
	}
	n->pending++;
	ch = change_new(c, CHANGE_NAMESPACE, done, arg);
	ch->remove = true;
	ch->ns.name = arena_strn(&ch->mem, name.p, name.n);
	submit(ch);
	return 0;
}

/* ---- auto-creation ---- */

/* In the tables at once, on disk soon. */
static const struct topic *add_topic(struct catalog *c, const struct topic *t)
{
	struct change *ch = topic_change(c, t, NULL, NULL);
	const struct topic *made = catalog_set_topic(c, &ch->t);

	ch->applied = true;
	submit(ch);
	return made;
}

static const struct group *add_group(struct catalog *c, const struct group *g)
{
	struct change *ch = group_change(c, g, NULL, NULL);
	const struct group *made = catalog_set_group(c, &ch->g);

	ch->applied = true;
	submit(ch);
	return made;
}

static int no_topic(struct str wire, struct err *e)
{
	return err_set(e, TQ_ENOTOPIC, "topic '" STR_FMT "' does not exist", STR_ARG(wire));
}

int catalog_ensure_topic(struct catalog *c, struct str wire, struct str template_topic,
	int queues, const struct topic **out, struct err *e)
{
	const struct topic *like = catalog_topic(c, template_topic);
	char name[WIRE_TOPIC_MAX + 1];
	struct topic t;
	int rc;

	*out = catalog_topic(c, wire);
	if (*out)
		return 0;
	if (!c->opts.auto_create_topic || !like || !(like->perm & PERM_INHERIT) ||
		catalog_is_system_topic(c, wire) || names_is_retry(wire) || names_is_dlq(wire))
		return no_topic(wire, e);
	rc = check_new_topic(c, wire, e);
	if (rc)
		return rc;
	snprintf(name, sizeof(name), STR_FMT, STR_ARG(wire));
	t = catalog_plain_topic(
		name, MAX(0, MIN(queues, like->write_queues)), like->perm & ~PERM_INHERIT);
	t.multi_tag = like->multi_tag;
	*out = add_topic(c, &t);
	log_info("catalog", "topic '%s' made with %d queues, at its first use", name,
		t.write_queues);
	return 0;
}

int catalog_ensure_group(
	struct catalog *c, struct str wire, const struct group **out, struct err *e)
{
	char name[WIRE_GROUP_MAX + 1];
	struct group g = group_defaults();
	int rc;

	*out = catalog_group(c, wire);
	if (*out)
		return 0;
	if (!c->opts.auto_create_group && !str_starts(wire, STR("CID_RMQ_SYS_")))
		return err_set(
			e, TQ_ENOGROUP, "group '" STR_FMT "' does not exist", STR_ARG(wire));
	rc = check_new_group(c, wire, e);
	if (rc)
		return rc;
	snprintf(name, sizeof(name), STR_FMT, STR_ARG(wire));
	g.name = name;
	*out = add_group(c, &g);
	log_info("catalog", "group '%s' made at its first use", name);
	return 0;
}

static int ensure_of_group(struct catalog *c, const char *prefix, struct str group, int queues,
	const struct topic **out, struct err *e)
{
	char name[WIRE_TOPIC_MAX + 1];
	struct topic t;
	int rc;

	if (strlen(prefix) + group.n > WIRE_TOPIC_MAX)
		return err_set(e, TQ_EINVAL, "group name '" STR_FMT "' is too long for %s",
			STR_ARG(group), prefix);
	snprintf(name, sizeof(name), "%s" STR_FMT, prefix, STR_ARG(group));
	*out = catalog_topic(c, str_of(name));
	if (*out)
		return 0;
	rc = names_check_wire_topic(str_of(name), e);
	if (rc)
		return rc;
	t = catalog_plain_topic(name, queues, PERM_RW);
	*out = add_topic(c, &t);
	return 0;
}

int catalog_ensure_retry_topic(
	struct catalog *c, struct str group, const struct topic **out, struct err *e)
{
	const struct group *g = catalog_group(c, group);

	return ensure_of_group(c, NAMES_RETRY, group, g ? g->retry_queues : 1, out, e);
}

int catalog_ensure_dlq_topic(
	struct catalog *c, struct str group, const struct topic **out, struct err *e)
{
	return ensure_of_group(c, NAMES_DLQ, group, 1, out, e);
}

int catalog_ensure_system_topic(
	struct catalog *c, struct str wire, int queues, const struct topic **out, struct err *e)
{
	char name[WIRE_TOPIC_MAX + 1];
	struct topic t;

	*out = catalog_topic(c, wire);
	if (*out)
		return 0;
	if (!catalog_is_system_topic(c, wire) || wire.n > WIRE_TOPIC_MAX)
		return no_topic(wire, e);
	snprintf(name, sizeof(name), STR_FMT, STR_ARG(wire));
	t = catalog_plain_topic(name, queues, PERM_RW);
	*out = catalog_set_topic(c, &t); /* made again at each start that needs it */
	return 0;
}

/* ---- small texts ---- */

static struct str copy_str(struct arena *a, struct str s)
{
	return s.p ? (struct str){ arena_strn(a, s.p, s.n), s.n } : s;
}

int catalog_kv_put(struct catalog *c, struct str space, struct str key, struct str value,
	catalog_done done, void *arg, struct err *e)
{
	struct change *ch;

	if (!space.n || !key.n || space.n > 255 || key.n > 255)
		return err_set(e, TQ_EINVAL, "namespace or key of a text is empty or too long");
	if (value.n > KV_VALUE_MAX)
		return err_set(e, TQ_ETOOBIG, "value of '" STR_FMT "' is above %d bytes",
			STR_ARG(key), KV_VALUE_MAX);
	if (value.p && HASH_COUNT(c->kvs) >= KV_MAX && !catalog_kv_find(c, space, key))
		return err_set(e, TQ_ELIMIT, "limit of %d texts reached", KV_MAX);
	ch = change_new(c, CHANGE_KV, done, arg);
	ch->remove = !value.p;
	ch->space = copy_str(&ch->mem, space);
	ch->key = copy_str(&ch->mem, key);
	ch->value = copy_str(&ch->mem, value);
	submit(ch);
	return 0;
}
