/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: two hashes of groups, each group with its members in order of joining, and a hash
 * of the connections that are a member of anything, so that the end of all others costs
 * nothing.
 *
 *	producers:  group ─▶ members
 *	consumers:  group ─▶ members, type, model, start, topic ─▶ subscription
 *	clients:    connection ─▶ number of memberships
 *
 * A group is there as long as it has a member. (Apache 4.9.8,
 * broker/.../client/ConsumerManager.java, ConsumerGroupInfo.java, ProducerManager.java.
 * Differing: a member that expires is notified of.)
 */
#include "registry.h"

#include "clock.h"
#include "log.h"
#include "map.h"

/* What strangers may make us keep. */
#define GROUPS_PER_CONN_MAX 4096
#define SUBS_PER_GROUP_MAX 1024
#define EXPRESSION_MAX 65536 /* bytes */
#define TAGS_MAX 1024 /* of one expression: every message is compared with all of them */
#define CLIENT_ID_MAX 1024
#define SUBS_BYTES_MAX (128 << 20) /* of all groups */

const char *const consume_type_names[] = { "CONSUME_ACTIVELY", "CONSUME_PASSIVELY",
	"CONSUME_POP", NULL };
const char *const message_model_names[] = { "BROADCASTING", "CLUSTERING", NULL };
const char *const consume_from_names[] = { "CONSUME_FROM_LAST_OFFSET",
	"CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST", "CONSUME_FROM_MIN_OFFSET",
	"CONSUME_FROM_MAX_OFFSET", "CONSUME_FROM_FIRST_OFFSET", "CONSUME_FROM_TIMESTAMP",
	NULL };

struct sub_entry {
	struct subscription s;
	struct arena mem; /* of s */
	UT_hash_handle hh;
};

struct group_entry {
	char *name; /* owned */
	struct member **members; /* owned, as what they point to */
	int64_t *mono_ms; /* owned, beside members: last heartbeat */
	size_t n, cap;
	int type, model, from_where;
	int64_t changed_ms;
	struct sub_entry *subs;
	UT_hash_handle hh;
};

struct client {
	struct conn *conn;
	int memberships;
	UT_hash_handle hh;
};

struct registry {
	struct registry_opts opts;
	size_t subs_bytes;
	struct group_entry *producers, *consumers;
	struct client *clients;
};

/* ---- subscriptions ---- */

static bool has_tag(const struct subscription *s, struct str tag)
{
	for (size_t i = 0; i < s->n_tags; i++)
		if (str_eq(s->tags[i], tag))
			return true;
	return false;
}

/* The part of *rest before the next "||". */
static bool next_part(struct str *rest, struct str *part)
{
	const char *bar;

	if (!rest->p)
		return false;
	bar = memmem(rest->p, rest->n, "||", 2);
	*part = bar ? (struct str){ rest->p, (size_t)(bar - rest->p) } : *rest;
	*rest = bar ? str_skip(*rest, part->n + 2) : STR_NONE;
	return true;
}

static int parse_tags(struct subscription *s, struct arena *a, struct err *e)
{
	struct str rest = s->text, part;
	size_t most = 1;

	for (size_t i = 0; i < s->text.n; i++)
		most += s->text.p[i] == '|';
	most = MIN(most, TAGS_MAX);
	s->tags = arena_alloc(a, most * sizeof(*s->tags));
	s->codes = arena_alloc(a, most * sizeof(*s->codes));
	while (next_part(&rest, &part)) {
		part = str_trim(part);
		if (!part.n || has_tag(s, part))
			continue;
		if (s->n_tags == TAGS_MAX)
			return err_set(
				e, TQ_EFILTER, "an expression has at most %d tags", TAGS_MAX);
		s->tags[s->n_tags] = part;
		s->codes[s->n_tags++] = str_java_hash(part);
	}
	if (!s->n_tags)
		return err_set(e, TQ_EFILTER, "no tag in '" STR_FMT "'", STR_ARG(s->text));
	return 0;
}

int subscription_parse(struct subscription *s, struct arena *a, struct str topic,
	struct str text, struct str type, int64_t version, struct err *e)
{
	*s = (struct subscription){ .version = version };
	if (text.n > EXPRESSION_MAX)
		return err_set(e, TQ_EFILTER, "an expression has at most %d bytes, not %zu",
			EXPRESSION_MAX, text.n);
	s->topic = (struct str){ arena_strn(a, topic.p, topic.n), topic.n };
	s->text = (struct str){ arena_strn(a, text.p, text.n), text.n };
	if (type.n && !str_is(type, "TAG")) {
		s->kind = SUB_SQL;
		if (!str_is(type, "SQL92"))
			return err_set(e, TQ_EFILTER, "unknown expression type '" STR_FMT "'",
				STR_ARG(type));
		return s->text.n ? 0 : err_set(e, TQ_EFILTER, "empty expression");
	}
	if (!s->text.n)
		s->text = STR("*");
	s->all = str_is(s->text, "*");
	return s->all ? 0 : parse_tags(s, a, e);
}

bool subscription_matches_code(const struct subscription *s, int64_t tags_code)
{
	for (size_t i = 0; i < s->n_tags; i++)
		if (s->codes[i] == tags_code)
			return true;
	return s->all;
}

void subscription_to_json(struct jw *w, const struct subscription *s)
{
	jw_object(w);
	jw_kv_bool(w, "classFilterMode", false);
	jw_key(w, "codeSet");
	jw_array(w);
	for (size_t i = 0; i < s->n_tags; i++)
		jw_int(w, s->codes[i]);
	jw_array_end(w);
	jw_kv_text(w, "expressionType", s->kind == SUB_SQL ? "SQL92" : "TAG");
	jw_kv_str(w, "subString", s->text);
	jw_kv_int(w, "subVersion", s->version);
	jw_key(w, "tagsSet");
	jw_array(w);
	for (size_t i = 0; i < s->n_tags; i++)
		jw_str(w, s->tags[i]);
	jw_array_end(w);
	jw_kv_str(w, "topic", s->topic);
	jw_end(w);
}

static struct str copy_str(struct arena *a, struct str s)
{
	return (struct str){ arena_strn(a, s.p ? s.p : "", s.n), s.n };
}

static struct subscription copy_sub(struct arena *a, const struct subscription *s)
{
	struct subscription copy = *s;

	copy.topic = copy_str(a, s->topic);
	copy.text = copy_str(a, s->text);
	copy.tags = arena_alloc(a, (s->n_tags + 1) * sizeof(*copy.tags));
	copy.codes = arena_alloc(a, (s->n_tags + 1) * sizeof(*copy.codes));
	for (size_t i = 0; i < s->n_tags; i++) {
		copy.tags[i] = copy_str(a, s->tags[i]);
		copy.codes[i] = s->codes[i];
	}
	return copy;
}

static struct sub_entry *find_sub(const struct group_entry *g, struct str topic)
{
	struct sub_entry *s;

	HASH_FIND(hh, g->subs, topic.p, topic.n, s);
	return s;
}

/* About what a copy takes. */
static size_t sub_bytes(const struct subscription *s)
{
	return sizeof(struct sub_entry) + s->topic.n + 2 * s->text.n +
	       s->n_tags * sizeof(*s->tags);
}

static void drop_sub(struct registry *r, struct group_entry *g, struct sub_entry *s)
{
	r->subs_bytes -= sub_bytes(&s->s);
	HASH_DEL(g->subs, s);
	arena_release(&s->mem);
	mem_free(s);
}

static void put_sub(struct registry *r, struct group_entry *g, const struct subscription *from)
{
	struct sub_entry *s = mem_alloc(sizeof(*s));

	r->subs_bytes += sub_bytes(from);
	arena_init(&s->mem);
	s->s = copy_sub(&s->mem, from);
	HASH_ADD_KEYPTR(hh, g->subs, s->s.topic.p, s->s.topic.n, s);
}

static bool is_listed(const struct heartbeat_consumer *c, struct str topic)
{
	for (size_t i = 0; i < c->n_subs; i++)
		if (str_eq(c->subs[i].topic, topic))
			return true;
	return false;
}

/* True: the set of topics changed. A mere new expression is no reason to rebalance. */
static bool replace_subs(
	struct registry *r, struct group_entry *g, const struct heartbeat_consumer *c)
{
	struct sub_entry *s, *next;
	bool changed = false;

	for (size_t i = 0; i < c->n_subs; i++) {
		s = find_sub(g, c->subs[i].topic);
		if (s && c->subs[i].version <= s->s.version)
			continue;
		if (s)
			drop_sub(r, g, s);
		else
			changed = true;
		put_sub(r, g, &c->subs[i]);
	}
	map_foreach (g->subs, s, next) {
		if (is_listed(c, s->s.topic))
			continue;
		drop_sub(r, g, s);
		changed = true;
	}
	return changed;
}

/* ---- clients ---- */

static struct client *find_client(const struct registry *r, const struct conn *conn)
{
	struct client *c;

	HASH_FIND_PTR(r->clients, &conn, c);
	return c;
}

static int join_client(struct registry *r, struct conn *conn, struct err *e)
{
	struct client *c = find_client(r, conn);

	if (!c) {
		c = mem_alloc(sizeof(*c));
		c->conn = conn;
		HASH_ADD_PTR(r->clients, conn, c);
	}
	if (c->memberships >= GROUPS_PER_CONN_MAX)
		return err_set(e, TQ_ELIMIT, "one connection is a member of %d groups at most",
			GROUPS_PER_CONN_MAX);
	c->memberships++;
	return 0;
}

static void leave_client(struct registry *r, struct conn *conn)
{
	struct client *c = find_client(r, conn);

	if (--c->memberships)
		return;
	HASH_DEL(r->clients, c);
	mem_free(c);
}

/* ---- groups ---- */

static struct group_entry *find_group(struct group_entry *const *table, struct str name)
{
	struct group_entry *g;

	HASH_FIND(hh, *table, name.p, name.n, g);
	return g;
}

static struct group_entry *get_group(struct group_entry **table, struct str name)
{
	struct group_entry *g = find_group(table, name);

	if (g)
		return g;
	g = mem_alloc(sizeof(*g));
	g->name = mem_strn(name.p, name.n);
	HASH_ADD_KEYPTR(hh, *table, g->name, name.n, g);
	return g;
}

static void drop_group(struct registry *r, struct group_entry **table, struct group_entry *g)
{
	struct sub_entry *s, *next;

	map_foreach (g->subs, s, next)
		drop_sub(r, g, s);
	HASH_DEL(*table, g);
	mem_free(g->members);
	mem_free(g->mono_ms);
	mem_free(g->name);
	mem_free(g);
}

static void free_member(struct member *m)
{
	mem_free(m->client_id);
	mem_free(m->addr);
	mem_free(m);
}

/* The member on this connection; g->n if there is none. */
static size_t find_member(const struct group_entry *g, const struct conn *conn)
{
	size_t i = 0;

	while (i < g->n && g->members[i]->conn != conn)
		i++;
	return i;
}

static void set_text(char **at, struct str s)
{
	if (*at && str_is(s, *at))
		return;
	mem_free(*at);
	*at = mem_strn(s.p ? s.p : "", s.n);
}

static int add_member(
	struct registry *r, struct group_entry *g, struct conn *conn, struct err *e)
{
	int rc = join_client(r, conn, e);

	if (rc)
		return rc;
	if (g->n == g->cap) {
		g->cap = g->cap ? 2 * g->cap : 2;
		g->members = mem_grow(g->members, g->cap * sizeof(*g->members));
		g->mono_ms = mem_grow(g->mono_ms, g->cap * sizeof(*g->mono_ms));
	}
	g->members[g->n] = mem_alloc(sizeof(struct member));
	g->members[g->n++]->conn = conn;
	return 0;
}

/* Enters or refreshes the member; *joined tells which. */
static int beat(struct registry *r, struct group_entry **table, struct str group,
	const struct heartbeat_from *from, struct group_entry **out, bool *joined,
	struct err *e)
{
	struct group_entry *g;
	struct member *m;
	size_t i;
	int rc = 0;

	if (from->client_id.n > CLIENT_ID_MAX)
		return err_set(e, TQ_EINVAL, "a client id of %zu bytes, above %d",
			from->client_id.n, CLIENT_ID_MAX);
	g = get_group(table, group);
	i = find_member(g, from->conn);
	*joined = i == g->n;
	if (*joined)
		rc = add_member(r, g, from->conn, e);
	if (rc) {
		if (!g->n)
			drop_group(r, table, g);
		return rc;
	}
	m = g->members[i];
	set_text(&m->client_id, from->client_id);
	set_text(&m->addr, from->addr);
	m->language = from->language;
	m->version = from->version;
	m->seen_ms = clock_wall_ms();
	g->mono_ms[i] = clock_mono_ms();
	*out = g;
	return 0;
}

static void notify_all(const struct registry *r, const struct group_entry *g)
{
	for (size_t i = 0; r->opts.notify && i < g->n; i++)
		r->opts.notify(r->opts.arg, g->members[i]->conn, str_of(g->name));
}

/* Order of the others stays. The group goes with its last member. */
static void remove_member(struct registry *r, struct group_entry **table, struct group_entry *g,
	size_t i, bool notify)
{
	struct member *m = g->members[i];
	size_t behind = g->n - i - 1;

	memmove(&g->members[i], &g->members[i + 1], behind * sizeof(*g->members));
	memmove(&g->mono_ms[i], &g->mono_ms[i + 1], behind * sizeof(*g->mono_ms));
	g->n--;
	leave_client(r, m->conn);
	free_member(m);
	if (!g->n)
		drop_group(r, table, g);
	else if (notify)
		notify_all(r, g);
}

int registry_producer(
	struct registry *r, const struct heartbeat_from *from, struct str group, struct err *e)
{
	struct group_entry *g;
	bool joined;

	return beat(r, &r->producers, group, from, &g, &joined, e);
}

int registry_consumer(struct registry *r, const struct heartbeat_from *from,
	const struct heartbeat_consumer *c, struct err *e)
{
	struct group_entry *g;
	bool joined, changed;
	size_t bytes = 0;
	int rc;

	if (c->n_subs > SUBS_PER_GROUP_MAX)
		return err_set(e, TQ_ELIMIT, "a group has at most %d subscriptions, not %zu",
			SUBS_PER_GROUP_MAX, c->n_subs);
	for (size_t i = 0; i < c->n_subs; i++)
		bytes += sub_bytes(&c->subs[i]);
	if (bytes > SUBS_BYTES_MAX - r->subs_bytes)
		return err_set(
			e, TQ_ELIMIT, "subscriptions take %d bytes at most", SUBS_BYTES_MAX);
	rc = beat(r, &r->consumers, c->group, from, &g, &joined, e);
	if (rc)
		return rc;
	g->type = c->type;
	g->model = c->model;
	g->from_where = c->from_where;
	changed = replace_subs(r, g, c);
	if (!joined && !changed)
		return 0;
	g->changed_ms = clock_wall_ms();
	if (c->notify)
		notify_all(r, g);
	return 0;
}

static void leave(struct registry *r, struct group_entry **table, struct str group,
	const struct conn *conn, bool notify)
{
	struct group_entry *g = find_group(table, group);
	size_t i = g ? find_member(g, conn) : 0;

	if (g && i < g->n)
		remove_member(r, table, g, i, notify);
}

void registry_unregister(struct registry *r, struct conn *conn, struct str producer_group,
	struct str consumer_group, bool notify)
{
	if (producer_group.n)
		leave(r, &r->producers, producer_group, conn, false);
	if (consumer_group.n)
		leave(r, &r->consumers, consumer_group, conn, notify);
}

static void leave_all(struct registry *r, struct group_entry **table, const struct conn *conn)
{
	struct group_entry *g, *next;

	map_foreach (*table, g, next) {
		size_t i = find_member(g, conn);

		if (i < g->n)
			remove_member(r, table, g, i, true);
	}
}

void registry_conn_closed(struct registry *r, struct conn *conn)
{
	if (!find_client(r, conn))
		return;
	leave_all(r, &r->consumers, conn);
	leave_all(r, &r->producers, conn);
}

static void expire(struct registry *r, struct group_entry **table, int64_t mono_ms)
{
	struct group_entry *g, *next;

	map_foreach (*table, g, next) {
		/* From behind: the group may go with its last member, that is at i 0. */
		for (size_t i = g->n; i-- > 0;) {
			if (mono_ms - g->mono_ms[i] <= REGISTRY_EXPIRE_MS)
				continue;
			log_info("registry",
				"client '%s' of group '%s' sent no heartbeat for %d s",
				g->members[i]->client_id, g->name, REGISTRY_EXPIRE_MS / 1000);
			remove_member(r, table, g, i, true);
		}
	}
}

void registry_tick(struct registry *r, int64_t mono_ms)
{
	expire(r, &r->consumers, mono_ms);
	expire(r, &r->producers, mono_ms);
}

/* ---- looking ---- */

bool registry_consumers(const struct registry *r, struct str group, struct consumers *out)
{
	const struct group_entry *g = find_group(&r->consumers, group);

	if (!g)
		return false;
	*out = (struct consumers){
		.group = g->name,
		.type = g->type,
		.model = g->model,
		.from_where = g->from_where,
		.members = (const struct member *const *)g->members,
		.n_members = g->n,
		.changed_ms = g->changed_ms,
	};
	return true;
}

const struct subscription *registry_subscription(
	const struct registry *r, struct str group, struct str topic, bool *online)
{
	const struct group_entry *g = find_group(&r->consumers, group);
	const struct sub_entry *s = g ? find_sub(g, topic) : NULL;

	if (online)
		*online = g;
	return s ? &s->s : NULL;
}

static int by_sub_topic(const void *a, const void *b)
{
	return str_cmp((*(const struct subscription *const *)a)->topic,
		(*(const struct subscription *const *)b)->topic);
}

size_t registry_subscriptions(const struct registry *r, struct str group, struct arena *a,
	const struct subscription ***out)
{
	const struct group_entry *g = find_group(&r->consumers, group);
	struct sub_entry *s, *next;
	size_t n = 0;

	*out = arena_alloc(a, ((g ? HASH_COUNT(g->subs) : 0) + 1) * sizeof(**out));
	if (!g)
		return 0;
	map_foreach (g->subs, s, next)
		(*out)[n++] = &s->s;
	qsort(*out, n, sizeof(**out), by_sub_topic);
	return n;
}

static int by_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

size_t registry_groups_of_topic(
	const struct registry *r, struct str topic, struct arena *a, struct str **out)
{
	struct group_entry *g, *next;
	size_t n = 0;

	*out = arena_alloc(a, (HASH_COUNT(r->consumers) + 1) * sizeof(**out));
	map_foreach (r->consumers, g, next) {
		if (find_sub(g, topic))
			(*out)[n++] = str_of(g->name);
	}
	qsort(*out, n, sizeof(**out), by_str);
	return n;
}

const struct member *registry_consumer_member(
	const struct registry *r, struct str group, struct str client_id)
{
	const struct group_entry *g = find_group(&r->consumers, group);

	for (size_t i = 0; g && i < g->n; i++)
		if (str_is(client_id, g->members[i]->client_id))
			return g->members[i];
	return NULL;
}

size_t registry_producers(
	const struct registry *r, struct str group, const struct member *const **out)
{
	const struct group_entry *g = find_group(&r->producers, group);

	*out = g ? (const struct member *const *)g->members : NULL;
	return g ? g->n : 0;
}

size_t registry_producer_groups(const struct registry *r, struct arena *a, struct str **out)
{
	struct group_entry *g, *next;
	size_t n = 0;

	*out = arena_alloc(a, (HASH_COUNT(r->producers) + 1) * sizeof(**out));
	map_foreach (r->producers, g, next)
		(*out)[n++] = str_of(g->name);
	qsort(*out, n, sizeof(**out), by_str);
	return n;
}

const struct member *registry_producer_by_id(const struct registry *r, struct str client_id)
{
	struct group_entry *g, *next;

	map_foreach (r->producers, g, next) {
		for (size_t i = 0; i < g->n; i++)
			if (str_is(client_id, g->members[i]->client_id))
				return g->members[i];
	}
	return NULL;
}

/* ---- life ---- */

struct registry *registry_new(const struct registry_opts *o)
{
	struct registry *r = mem_alloc(sizeof(*r));

	r->opts = *o;
	return r;
}

static void free_table(struct registry *r, struct group_entry **table)
{
	struct group_entry *g, *next;

	map_foreach (*table, g, next) {
		for (size_t i = g->n; i-- > 0;)
			remove_member(r, table, g, i, false);
	}
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	free_table(r, &r->consumers);
	free_table(r, &r->producers);
	mem_free(r);
}
