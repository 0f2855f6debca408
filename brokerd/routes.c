/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: a hash of brokers by name, each with its addresses (a master, slaves; few) and a hash of
 * its topics. Brokers are few as well: what is looked for by address or connection is found by
 * looking at all of them.
 *
 *	broker ─▶ [ id, address, connection, version, last heard ] ...
 *	       ─▶ topic ─▶ queues, perm
 */
#include "brokerd/routes.h"

#include "log.h"
#include "map.h"

#define LOG_ROUTES "routes"

/* What strangers may make us keep. */
#define ADDRS_MAX 512
#define TOPICS_MAX 500000 /* of all brokers */
#define WORD_MAX 255 /* bytes of a broker's or cluster's name, or an address */

struct topic_entry {
	char *name; /* owned */
	struct routes_queues q;
	UT_hash_handle hh;
};

/* Beside a routes_addr, what is known of it. */
struct live {
	struct conn *conn;
	struct data_version version;
	int64_t heard_ms;
};

struct broker_entry {
	struct routes_broker b; /* first: routes_queues() casts back. Texts owned */
	struct routes_addr *addrs; /* owned, as its texts; b.addrs */
	struct live *live; /* owned, beside addrs */
	struct topic_entry *topics;
	UT_hash_handle hh;
};

struct routes {
	struct broker_entry *brokers;
	size_t n_addrs, n_topics;
};

struct routes *routes_new(void)
{
	return mem_alloc(sizeof(struct routes));
}

/* ---- addresses ---- */

static void drop_topic(struct routes *r, struct broker_entry *b, struct topic_entry *t)
{
	HASH_DEL(b->topics, t);
	r->n_topics--;
	mem_free(t->name);
	mem_free(t);
}

static void free_addr(struct routes_addr *a)
{
	mem_free((void *)(uintptr_t)a->addr);
	mem_free((void *)(uintptr_t)a->ha_addr);
}

static void drop_broker(struct routes *r, struct broker_entry *b)
{
	struct topic_entry *t, *tmp;

	map_foreach (b->topics, t, tmp)
		drop_topic(r, b, t);
	HASH_DEL(r->brokers, b);
	mem_free((void *)(uintptr_t)b->b.name);
	mem_free((void *)(uintptr_t)b->b.cluster);
	mem_free(b->addrs);
	mem_free(b->live);
	mem_free(b);
}

/* The broker goes with its last address. */
static void drop_addr(struct routes *r, struct broker_entry *b, size_t i, const char *why)
{
	size_t rest = b->b.n_addrs - i - 1;

	log_info(LOG_ROUTES, "broker '%s' at %s is gone: %s", b->b.name, b->addrs[i].addr, why);
	free_addr(&b->addrs[i]);
	memmove(&b->addrs[i], &b->addrs[i + 1], rest * sizeof(*b->addrs));
	memmove(&b->live[i], &b->live[i + 1], rest * sizeof(*b->live));
	r->n_addrs--;
	if (!--b->b.n_addrs)
		drop_broker(r, b);
}

void routes_free(struct routes *r)
{
	struct broker_entry *b, *tmp;

	if (!r)
		return;
	map_foreach (r->brokers, b, tmp) {
		for (size_t i = 0; i < b->b.n_addrs; i++)
			free_addr(&b->addrs[i]);
		drop_broker(r, b);
	}
	mem_free(r);
}

static struct broker_entry *find(const struct routes *r, struct str name)
{
	struct broker_entry *b;

	HASH_FIND(hh, r->brokers, name.p, name.n, b);
	return b;
}

static struct broker_entry *make(struct routes *r, const struct registrant *who)
{
	struct broker_entry *b = mem_alloc(sizeof(*b));

	b->b.name = mem_strn(who->name.p, who->name.n);
	b->b.cluster = mem_strn(who->cluster.p, who->cluster.n);
	HASH_ADD_KEYPTR(hh, r->brokers, b->b.name, who->name.n, b);
	return b;
}

/* Where the id stands, or has to be put: addresses are sorted by it. */
static size_t place_of(const struct broker_entry *b, int64_t id)
{
	size_t i = 0;

	while (i < b->b.n_addrs && b->addrs[i].id < id)
		i++;
	return i;
}

static void insert_addr(struct routes *r, struct broker_entry *b, size_t i, int64_t id)
{
	size_t n = b->b.n_addrs;

	b->addrs = mem_grow(b->addrs, (n + 1) * sizeof(*b->addrs));
	b->live = mem_grow(b->live, (n + 1) * sizeof(*b->live));
	memmove(&b->addrs[i + 1], &b->addrs[i], (n - i) * sizeof(*b->addrs));
	memmove(&b->live[i + 1], &b->live[i], (n - i) * sizeof(*b->live));
	b->addrs[i] = (struct routes_addr){ .id = id };
	b->live[i] = (struct live){ 0 };
	b->b.addrs = b->addrs;
	b->b.n_addrs++;
	r->n_addrs++;
}

/* A slave that became the master has the same address under another id. */
static void forget_other_ids(
	struct routes *r, struct broker_entry *b, struct str addr, int64_t id)
{
	for (size_t i = b->b.n_addrs; i-- > 0;) {
		if (b->b.n_addrs > 1 && b->addrs[i].id != id &&
			str_eq(str_of(b->addrs[i].addr), addr))
			drop_addr(r, b, i, "it has another id now");
	}
}

/* ---- registering ---- */

/* In JSON, and between the commas and colons by which some clients cut it. */
static int check_word(const char *what, struct str s, struct err *e)
{
	if (!s.n || s.n > WORD_MAX)
		return err_set(e, TQ_EINVAL, "%s of %zu bytes", what, s.n);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\"\\,{}", s.p[i]))
			return err_set(
				e, TQ_EINVAL, "%s with byte %d", what, (unsigned char)s.p[i]);
	return 0;
}

static int check_who(const struct registrant *who, struct err *e)
{
	int rc;

	(void)((rc = check_word("a cluster's name", who->cluster, e)) ||
		(rc = check_word("a broker's name", who->name, e)) ||
		(rc = check_word("an address", who->addr, e)) ||
		(rc = who->ha_addr.n ? check_word("an address", who->ha_addr, e) : 0));
	if (!rc && !memchr(who->addr.p, ':', who->addr.n))
		rc = err_set(e, TQ_EINVAL, "an address without a port");
	if (!rc && who->id < 0)
		rc = err_set(e, TQ_EINVAL, "a broker's id below 0");
	return rc;
}

static int set_topic(
	struct routes *r, struct broker_entry *b, const struct topic *from, struct err *e)
{
	struct topic_entry *t;
	size_t n = strlen(from->name);

	HASH_FIND(hh, b->topics, from->name, n, t);
	if (!t) {
		if (r->n_topics >= TOPICS_MAX)
			return err_set(e, TQ_ELIMIT,
				"limit of %d topics of other brokers reached", TOPICS_MAX);
		t = mem_alloc(sizeof(*t));
		t->name = mem_strn(from->name, n);
		HASH_ADD_KEYPTR(hh, b->topics, t->name, n, t);
		r->n_topics++;
	}
	t->q = (struct routes_queues){ from->read_queues, from->write_queues, from->perm,
		from->sysflag };
	return 0;
}

static int set_topics(struct routes *r, struct broker_entry *b,
	const struct registration *topics, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < topics->n; i++)
		rc = set_topic(r, b, topics->topics[i], e);
	return rc;
}

static void set_text(const char **to, struct str s)
{
	mem_free((void *)(uintptr_t)*to);
	*to = mem_strn(s.p ? s.p : "", s.n);
}

int routes_register(struct routes *r, const struct registrant *who,
	const struct registration *topics, int64_t now_ms, struct err *e)
{
	struct broker_entry *b = find(r, who->name);
	bool fresh, changed;
	size_t i = b ? place_of(b, who->id) : 0;
	int rc = check_who(who, e);

	if (rc)
		return rc;
	fresh = !b || i == b->b.n_addrs || b->addrs[i].id != who->id;
	if (fresh && r->n_addrs >= ADDRS_MAX)
		return err_set(e, TQ_ELIMIT, "limit of %d brokers reached", ADDRS_MAX);
	if (!b)
		b = make(r, who);
	if (fresh) {
		insert_addr(r, b, i, who->id);
		log_info(LOG_ROUTES, "broker '" STR_FMT "' registered at " STR_FMT,
			STR_ARG(who->name), STR_ARG(who->addr));
	}
	changed = fresh || !str_eq(str_of(b->addrs[i].addr), who->addr) ||
		  !data_version_same(b->live[i].version, topics->version);
	set_text(&b->addrs[i].addr, who->addr);
	set_text(&b->addrs[i].ha_addr, who->ha_addr);
	b->live[i] = (struct live){ who->conn, topics->version, now_ms };
	if (who->id == ROUTES_MASTER && changed)
		rc = set_topics(r, b, topics, e);
	if (rc) /* not all of them are here: the same version is to come again */
		b->live[i].version = (struct data_version){ 0 };
	forget_other_ids(r, b, who->addr, who->id);
	return rc;
}

/* The next address, starting at b and i, that is at addr; or on conn; or not heard of since. */
struct which {
	struct str addr;
	const struct conn *conn;
	int64_t before_ms;
};

static bool is_one(const struct broker_entry *b, size_t i, const struct which *w)
{
	return (w->addr.p && str_eq(str_of(b->addrs[i].addr), w->addr)) ||
	       (w->conn && b->live[i].conn == w->conn) || b->live[i].heard_ms < w->before_ms;
}

static void drop_which(struct routes *r, const struct which *w, const char *why)
{
	struct broker_entry *b, *tmp;

	map_foreach (r->brokers, b, tmp) {
		size_t i = b->b.n_addrs;

		/* b is gone with its last address, and that is the first one. */
		while (i-- > 0)
			if (is_one(b, i, w))
				drop_addr(r, b, i, why);
	}
}

void routes_unregister(struct routes *r, const struct registrant *who)
{
	struct broker_entry *b = find(r, who->name);
	size_t i = b ? place_of(b, who->id) : 0;

	if (b && i < b->b.n_addrs && b->addrs[i].id == who->id &&
		str_eq(str_of(b->addrs[i].addr), who->addr))
		drop_addr(r, b, i, "it said so");
}

void routes_conn_closed(struct routes *r, struct conn *conn)
{
	drop_which(r, &(struct which){ .conn = conn, .before_ms = INT64_MIN },
		"its connection ended");
}

void routes_tick(struct routes *r, int64_t now_ms)
{
	drop_which(r, &(struct which){ .before_ms = now_ms - ROUTES_EXPIRE_MS },
		"nothing heard of it for 120 s");
}

bool routes_current(struct routes *r, struct str addr, struct data_version v, int64_t now_ms,
	const struct data_version **known)
{
	const struct which w = { .addr = addr, .before_ms = INT64_MIN };
	struct broker_entry *b, *tmp;

	*known = NULL;
	map_foreach (r->brokers, b, tmp) {
		for (size_t i = 0; i < b->b.n_addrs; i++) {
			if (!is_one(b, i, &w))
				continue;
			*known = &b->live[i].version;
			if (!data_version_same(v, **known))
				return false;
			b->live[i].heard_ms = now_ms;
			return true;
		}
	}
	return false;
}

/* ---- looking ---- */

static int by_name(const void *x, const void *y)
{
	const struct routes_broker *const *a = x, *const *b = y;

	return strcmp((*a)->name, (*b)->name);
}

size_t routes_brokers(
	const struct routes *r, struct arena *a, const struct routes_broker ***out)
{
	struct broker_entry *b, *tmp;
	size_t n = 0;

	*out = arena_alloc(a, (HASH_COUNT(r->brokers) + 1) * sizeof(**out));
	map_foreach (r->brokers, b, tmp)
		(*out)[n++] = &b->b;
	qsort(*out, n, sizeof(**out), by_name);
	return n;
}

const struct routes_broker *routes_broker(const struct routes *r, struct str name)
{
	struct broker_entry *b = find(r, name);

	return b ? &b->b : NULL;
}

const struct routes_queues *routes_queues(const struct routes_broker *b, struct str topic)
{
	const struct broker_entry *be = (const struct broker_entry *)b;
	struct topic_entry *t;

	HASH_FIND(hh, be->topics, topic.p, topic.n, t);
	return t ? &t->q : NULL;
}

void routes_each_topic(const struct routes_broker *b,
	void (*fn)(void *arg, struct str topic, const struct routes_queues *q), void *arg)
{
	const struct broker_entry *be = (const struct broker_entry *)b;
	struct topic_entry *t, *tmp;

	map_foreach (be->topics, t, tmp)
		fn(arg, str_of(t->name), &t->q);
}

/* ---- administration ---- */

int routes_set_write(struct routes *r, struct str name, bool writable)
{
	struct broker_entry *b = find(r, name);
	struct topic_entry *t, *tmp;
	int n = 0;

	if (!b)
		return 0;
	map_foreach (b->topics, t, tmp) {
		t->q.perm = writable ? PERM_RW : t->q.perm & ~PERM_WRITE;
		n++;
	}
	return n;
}

void routes_delete_topic(struct routes *r, struct str topic, struct str cluster)
{
	struct broker_entry *b, *tmp;
	struct topic_entry *t;

	map_foreach (r->brokers, b, tmp) {
		if (cluster.n && !str_is(cluster, b->b.cluster))
			continue;
		HASH_FIND(hh, b->topics, topic.p, topic.n, t);
		if (t)
			drop_topic(r, b, t);
	}
}
