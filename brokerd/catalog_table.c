/* SPDX-License-Identifier: Apache-2.0 */
/* catalog_table: the tables of the catalog, and looking at them. See catalog.c for the idea. */
#include "brokerd/catalog_impl.h"

bool catalog_is_system_topic(const struct catalog *c, struct str wire)
{
	return names_is_system_topic(wire) || str_is(wire, c->opts.cluster) ||
	       str_is(wire, c->opts.broker) || str_is(wire, c->reply_topic);
}

bool catalog_topic_counts(const struct catalog *c, struct str wire)
{
	return !names_is_retry(wire) && !names_is_dlq(wire) &&
	       !catalog_is_system_topic(c, wire);
}

struct topic_entry *catalog_find_topic(const struct catalog *c, struct str wire)
{
	struct topic_entry *t;

	HASH_FIND(hh, c->topics, wire.p, wire.n, t);
	return t;
}

struct group_entry *catalog_find_group(const struct catalog *c, struct str wire)
{
	struct group_entry *g;

	HASH_FIND(hh, c->groups, wire.p, wire.n, g);
	return g;
}

struct ns_entry *catalog_find_ns(const struct catalog *c, struct str name)
{
	struct ns_entry *n;

	HASH_FIND(hh, c->namespaces, name.p, name.n, n);
	return n;
}

const struct topic *catalog_topic(const struct catalog *c, struct str wire)
{
	const struct topic_entry *t = catalog_find_topic(c, wire);

	return t ? &t->t : NULL;
}

const struct group *catalog_group(const struct catalog *c, struct str wire)
{
	const struct group_entry *g = catalog_find_group(c, wire);

	return g ? &g->g : NULL;
}

const struct namespace *catalog_namespace(const struct catalog *c, struct str name)
{
	const struct ns_entry *n = catalog_find_ns(c, name);

	return n && n->there ? &n->n : NULL;
}

/* The namespace entry a counted name belongs to; made, not yet there, if need be. */
struct ns_entry *catalog_ns_named(struct catalog *c, struct str ns)
{
	struct ns_entry *n = catalog_find_ns(c, ns);

	if (n)
		return n;
	n = mem_alloc(sizeof(*n));
	n->n.name = mem_strn(ns.p, ns.n);
	n->n.remark = mem_str("");
	HASH_ADD_KEYPTR(hh, c->namespaces, n->n.name, ns.n, n);
	c->n_namespaces++;
	return n;
}

/* The entry of the namespace a wire name is in. */
struct ns_entry *catalog_ns_of(struct catalog *c, struct str wire)
{
	struct str ns, name;

	names_split(wire, &ns, &name);
	return catalog_ns_named(c, ns);
}

void catalog_drop_ns(struct catalog *c, struct ns_entry *n)
{
	HASH_DEL(c->namespaces, n);
	c->n_namespaces--;
	mem_free((char *)n->n.name);
	mem_free((char *)n->n.remark);
	mem_free(n);
}

void catalog_set_ns(struct catalog *c, const struct namespace *from)
{
	struct ns_entry *n = catalog_ns_named(c, str_of(from->name));
	struct namespace old = n->n;

	n->n = *from;
	n->n.name = old.name;
	n->n.remark = mem_str(from->remark);
	n->n.topics = old.topics;
	n->n.groups = old.groups;
	n->there = true;
	mem_free((char *)old.remark);
}

static void topics_changed(const struct catalog *c)
{
	if (c->opts.topics_changed)
		c->opts.topics_changed(c->opts.arg);
}

/* A copy; no remark is NULL, so that it is left out of JSON. */
static char *remark_of(const char *remark)
{
	return remark && *remark ? mem_str(remark) : NULL;
}

const struct topic *catalog_set_topic(struct catalog *c, const struct topic *from)
{
	struct str wire = str_of(from->name);
	struct topic_entry *t = catalog_find_topic(c, wire);
	char *remark = remark_of(from->remark);

	if (!t) {
		t = mem_alloc(sizeof(*t));
		t->t.name = mem_strn(wire.p, wire.n);
		HASH_ADD_KEYPTR(hh, c->topics, t->t.name, wire.n, t);
		if (catalog_topic_counts(c, wire)) {
			c->n_topics++;
			catalog_ns_of(c, wire)->n.topics++;
		}
	}
	mem_free((char *)t->t.remark);
	wire.p = t->t.name;
	t->t = *from;
	t->t.name = wire.p;
	t->t.remark = remark;
	topics_changed(c);
	return &t->t;
}

const struct group *catalog_set_group(struct catalog *c, const struct group *from)
{
	struct str wire = str_of(from->name);
	struct group_entry *g = catalog_find_group(c, wire);
	char *remark = remark_of(from->remark);

	if (!g) {
		g = mem_alloc(sizeof(*g));
		g->g.name = mem_strn(wire.p, wire.n);
		HASH_ADD_KEYPTR(hh, c->groups, g->g.name, wire.n, g);
		if (!names_is_system_group(wire)) {
			c->n_groups++;
			catalog_ns_of(c, wire)->n.groups++;
		}
	}
	mem_free((char *)g->g.remark);
	wire.p = g->g.name;
	g->g = *from;
	g->g.name = wire.p;
	g->g.remark = remark;
	return &g->g;
}

void catalog_free_topic(struct topic_entry *t)
{
	mem_free((char *)t->t.name);
	mem_free((char *)t->t.remark);
	mem_free(t);
}

void catalog_free_group(struct group_entry *g)
{
	mem_free((char *)g->g.name);
	mem_free((char *)g->g.remark);
	mem_free(g);
}

void catalog_drop_topic(struct catalog *c, struct str wire)
{
	struct topic_entry *t = catalog_find_topic(c, wire);

	if (!t)
		return;
	if (catalog_topic_counts(c, wire)) {
		c->n_topics--;
		catalog_ns_of(c, wire)->n.topics--;
	}
	HASH_DEL(c->topics, t);
	catalog_free_topic(t);
	topics_changed(c);
}

void catalog_drop_group(struct catalog *c, struct str wire)
{
	struct group_entry *g = catalog_find_group(c, wire);

	if (!g)
		return;
	if (!names_is_system_group(wire)) {
		c->n_groups--;
		catalog_ns_of(c, wire)->n.groups--;
	}
	HASH_DEL(c->groups, g);
	catalog_free_group(g);
}

struct topic catalog_plain_topic(const char *name, int queues, int perm)
{
	struct topic t = topic_defaults();

	t.name = name;
	t.type = TOPIC_MIXED;
	t.read_queues = t.write_queues = queues;
	t.perm = perm;
	return t;
}

/* ---- lists ---- */

static int by_topic(const void *a, const void *b)
{
	return strcmp((*(const struct topic *const *)a)->name,
		(*(const struct topic *const *)b)->name);
}

static int by_group(const void *a, const void *b)
{
	return strcmp((*(const struct group *const *)a)->name,
		(*(const struct group *const *)b)->name);
}

static int by_namespace(const void *a, const void *b)
{
	return strcmp((*(const struct namespace *const *)a)->name,
		(*(const struct namespace *const *)b)->name);
}

size_t catalog_topics(const struct catalog *c, struct arena *a, const struct topic ***out)
{
	struct topic_entry *t, *tmp;
	size_t n = 0;

	*out = arena_alloc(a, HASH_COUNT(c->topics) * sizeof(**out));
	map_foreach (c->topics, t, tmp)
		(*out)[n++] = &t->t;
	qsort(*out, n, sizeof(**out), by_topic);
	return n;
}

size_t catalog_groups(const struct catalog *c, struct arena *a, const struct group ***out)
{
	struct group_entry *g, *tmp;
	size_t n = 0;

	*out = arena_alloc(a, HASH_COUNT(c->groups) * sizeof(**out));
	map_foreach (c->groups, g, tmp)
		(*out)[n++] = &g->g;
	qsort(*out, n, sizeof(**out), by_group);
	return n;
}

size_t catalog_namespaces(
	const struct catalog *c, struct arena *a, const struct namespace ***out)
{
	struct ns_entry *e, *tmp;
	size_t n = 0;

	*out = arena_alloc(a, HASH_COUNT(c->namespaces) * sizeof(**out));
	map_foreach (c->namespaces, e, tmp)
		if (e->there)
			(*out)[n++] = &e->n;
	qsort(*out, n, sizeof(**out), by_namespace);
	return n;
}

int catalog_topic_count(const struct catalog *c)
{
	return (int)HASH_COUNT(c->topics);
}

struct catalog_counts catalog_counts(const struct catalog *c)
{
	return (struct catalog_counts){ c->n_namespaces, c->n_topics, c->n_groups };
}

struct data_version catalog_topics_version(const struct catalog *c)
{
	return c->topics_dv;
}

struct data_version catalog_groups_version(const struct catalog *c)
{
	return c->groups_dv;
}

struct catalog_opts *catalog_opts(struct catalog *c)
{
	return &c->opts;
}

const char *catalog_cluster_id(const struct catalog *c)
{
	return c->cluster_id;
}

/* ---- small texts ---- */

static char *kv_id(struct str space, struct str key, size_t *n)
{
	char *id = mem_alloc(space.n + 1 + key.n + 1);

	memcpy(id, space.p, space.n);
	memcpy(id + space.n + 1, key.p, key.n);
	*n = space.n + 1 + key.n;
	return id;
}

struct kv_entry *catalog_kv_find(const struct catalog *c, struct str space, struct str key)
{
	struct kv_entry *kv;
	size_t n;
	char *id = kv_id(space, key, &n);

	HASH_FIND(hh, c->kvs, id, n, kv);
	mem_free(id);
	return kv;
}

void catalog_kv_free(struct kv_entry *kv)
{
	mem_free(kv->id);
	mem_free(kv->value);
	mem_free(kv);
}

void catalog_kv_set(struct catalog *c, struct str space, struct str key, struct str value)
{
	struct kv_entry *kv = catalog_kv_find(c, space, key);

	if (!value.p) {
		if (kv) {
			HASH_DEL(c->kvs, kv);
			catalog_kv_free(kv);
		}
		return;
	}
	if (!kv) {
		kv = mem_alloc(sizeof(*kv));
		kv->id = kv_id(space, key, &kv->id_n);
		kv->space_n = space.n;
		HASH_ADD_KEYPTR(hh, c->kvs, kv->id, kv->id_n, kv);
	}
	mem_free(kv->value);
	kv->value = mem_strn(value.p, value.n);
	kv->value_n = value.n;
}

struct str catalog_kv_get(const struct catalog *c, struct str space, struct str key)
{
	const struct kv_entry *kv = catalog_kv_find(c, space, key);

	return kv ? (struct str){ kv->value, kv->value_n } : STR_NONE;
}

static int by_key(const void *a, const void *b)
{
	return str_cmp(
		((const struct catalog_kv *)a)->key, ((const struct catalog_kv *)b)->key);
}

size_t catalog_kv_list(
	const struct catalog *c, struct str space, struct arena *a, struct catalog_kv **out)
{
	struct kv_entry *kv, *tmp;
	size_t n = 0;

	*out = arena_alloc(a, HASH_COUNT(c->kvs) * sizeof(**out));
	map_foreach (c->kvs, kv, tmp) {
		struct catalog_kv row = {
			{ kv->id, kv->space_n },
			{ kv->id + kv->space_n + 1, kv->id_n - kv->space_n - 1 },
			{ kv->value, kv->value_n },
		};

		if (str_eq(row.space, space))
			(*out)[n++] = row;
	}
	qsort(*out, n, sizeof(**out), by_key);
	return n;
}
