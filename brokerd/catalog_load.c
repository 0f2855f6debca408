/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog_load: what the catalog holds at the start: the stored tables, what a first start
 * makes (cluster id, namespace `default`), and the system's own topics and groups, which are
 * made anew each time.
 */
#include "brokerd/catalog_impl.h"

#include <openssl/rand.h>

#include "clock.h"
#include "names.h"

/* ---- names that are there by themselves ---- */

static const struct system_topic {
	const char *name;
	int queues, perm;
} system_topics[] = {
	{ "SELF_TEST_TOPIC", 1, PERM_RW },
	{ "BenchmarkTest", 1024, PERM_RW },
	{ "OFFSET_MOVED_EVENT", 1, PERM_RW },
	{ NAMES_SCHEDULE, 18, PERM_RW },
	{ "rmq_sys_timer", 1, PERM_RW },
};

static const char *const system_groups[] = {
	"TOOLS_CONSUMER",
	"FILTERSRV_CONSUMER",
	"SELF_TEST_C_GROUP",
	"CID_ONS-HTTP-PROXY",
	"CID_ONSAPI_PULL",
	"CID_ONSAPI_PERMISSION",
	"CID_ONSAPI_OWNER",
};

#define TEMPLATE_TOPIC "TBW102"
#define TRACE_TOPIC "RMQ_SYS_TRACE_TOPIC"
#define CLUSTER_TOPIC_QUEUES 16

static int load_fact(void *arg, struct meta *m, struct err *e)
{
	struct catalog *c = arg;
	struct str key = meta_col_str(m, 0), value = meta_col_str(m, 1), counter;
	struct data_version *dv = NULL;
	int rc = 0;

	if (str_is(key, "cluster_id"))
		snprintf(c->cluster_id, sizeof(c->cluster_id), STR_FMT, STR_ARG(value));
	else if (str_is(key, "topics_version"))
		dv = &c->topics_dv;
	else if (str_is(key, "groups_version"))
		dv = &c->groups_dv;
	if (!dv || !str_cut(&value, ' ', &counter))
		return 0;
	(void)((rc = str_to_i64(counter, 0, INT64_MAX, &dv->counter, "version", e)) ||
		(rc = str_to_i64(value, 0, INT64_MAX, &dv->timestamp_ms, "version", e)));
	return rc;
}

static int load_kv(void *arg, struct meta *m, struct err *e UNUSED)
{
	catalog_kv_set(arg, meta_col_str(m, 0), meta_col_str(m, 1), meta_col_str(m, 2));
	return 0;
}

/* Column as C text; the arena's, or "". */
static const char *col_text(struct meta *m, int col, struct arena *a)
{
	struct str s = meta_col_str(m, col);

	return s.p ? arena_strn(a, s.p, s.n) : "";
}

struct load {
	struct catalog *c;
	struct arena mem; /* of the row */
};

static int load_namespace(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct load *l = arg;
	struct namespace n = {
		.name = col_text(m, 0, &l->mem),
		.remark = col_text(m, 1, &l->mem),
		.retention_ms = meta_col_int(m, 2),
		.created_ms = meta_col_int(m, 3),
		.max_topics = (int)meta_col_int(m, 4),
		.max_groups = (int)meta_col_int(m, 5),
	};

	catalog_set_ns(l->c, &n);
	arena_clear(&l->mem);
	return 0;
}

static int load_topic(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct load *l = arg;
	struct topic t = {
		.name = col_text(m, 0, &l->mem),
		.remark = col_text(m, 1, &l->mem),
		.type = topic_type_from_wire(col_text(m, 2, &l->mem), TOPIC_MIXED),
		.read_queues = (int)meta_col_int(m, 3),
		.write_queues = (int)meta_col_int(m, 4),
		.perm = (int)meta_col_int(m, 5),
		.sysflag = (int)meta_col_int(m, 6),
		.order = meta_col_int(m, 7),
		.multi_tag = meta_col_int(m, 8),
		.created_ms = meta_col_int(m, 9),
	};

	catalog_set_topic(l->c, &t);
	arena_clear(&l->mem);
	return 0;
}

static int load_group(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct load *l = arg;
	struct group g = {
		.name = col_text(m, 0, &l->mem),
		.remark = col_text(m, 1, &l->mem),
		.consume = meta_col_int(m, 2),
		.consume_from_min = meta_col_int(m, 3),
		.broadcast = meta_col_int(m, 4),
		.notify_changed = meta_col_int(m, 5),
		.retry_queues = (int)meta_col_int(m, 6),
		.retry_max = (int)meta_col_int(m, 7),
		.broker_id = meta_col_int(m, 8),
		.slow_broker_id = meta_col_int(m, 9),
		.created_ms = meta_col_int(m, 10),
	};

	catalog_set_group(l->c, &g);
	arena_clear(&l->mem);
	return 0;
}

static int make_cluster_id(struct catalog *c, struct meta *m, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	unsigned char r[12];
	size_t n = (size_t)snprintf(c->cluster_id, sizeof(c->cluster_id), "rocketmq-");

	if (RAND_bytes(r, sizeof(r)) != 1)
		return err_set(e, TQ_EFAIL, "no random bytes for the cluster id");
	for (size_t i = 0; i < sizeof(r); i++)
		c->cluster_id[n++] = letters[r[i] % (sizeof(letters) - 1)];
	c->cluster_id[n] = '\0';
	return meta_exec(m, STMT_FACT_PUT, e, "tt", "cluster_id", c->cluster_id);
}

/* What a first start makes. */
static int make_first(struct catalog *c, struct meta *m, struct err *e)
{
	const struct namespace n = { .name = NAMES_DEFAULT_NS,
		.remark = "",
		.retention_ms = NAMESPACE_RETENTION_MS,
		.created_ms = clock_wall_ms() };
	int rc = 0;

	if (!c->cluster_id[0])
		rc = make_cluster_id(c, m, e);
	if (rc || catalog_namespace(c, STR(NAMES_DEFAULT_NS)))
		return rc;
	rc = meta_exec(m, STMT_NAMESPACE_PUT, e, "ttiidd", n.name, n.remark, n.retention_ms,
		n.created_ms, 0, 0);
	if (!rc)
		catalog_set_ns(c, &n);
	return rc;
}

static int load_all(struct meta *m, void *arg, struct err *e)
{
	struct load l = { .c = arg };
	int rc;

	arena_init(&l.mem);
	(void)((rc = meta_each(m, STMT_FACTS, load_fact, arg, e, "")) ||
		(rc = meta_each(m, STMT_KVS, load_kv, arg, e, "")) ||
		(rc = meta_each(m, STMT_NAMESPACES, load_namespace, &l, e, "")) ||
		(rc = make_first(arg, m, e)) ||
		(rc = meta_each(m, STMT_TOPICS, load_topic, &l, e, "")) ||
		(rc = meta_each(m, STMT_GROUPS, load_group, &l, e, "")));
	arena_release(&l.mem);
	return rc;
}

static void add_system_topic(struct catalog *c, const char *name, int queues, int perm)
{
	struct topic t = catalog_plain_topic(name, queues, perm);

	catalog_set_topic(c, &t);
}

void catalog_set_auto_create(struct catalog *c, bool topics, bool groups)
{
	c->opts.auto_create_topic = topics;
	c->opts.auto_create_group = groups;
	if (topics)
		add_system_topic(
			c, TEMPLATE_TOPIC, c->opts.template_queues, PERM_RW | PERM_INHERIT);
	else
		catalog_drop_topic(c, STR(TEMPLATE_TOPIC));
}

static void add_system(struct catalog *c)
{
	struct group g = group_defaults();

	for (size_t i = 0; i < ARRAY_LEN(system_topics); i++)
		add_system_topic(c, system_topics[i].name, system_topics[i].queues,
			system_topics[i].perm);
	add_system_topic(c, c->opts.cluster, CLUSTER_TOPIC_QUEUES, PERM_RW | PERM_INHERIT);
	add_system_topic(c, c->opts.broker, 1, PERM_RW | PERM_INHERIT);
	add_system_topic(c, c->reply_topic, 1, PERM_RW);
	if (c->opts.auto_create_topic)
		add_system_topic(
			c, TEMPLATE_TOPIC, c->opts.template_queues, PERM_RW | PERM_INHERIT);
	if (c->opts.trace_topic)
		add_system_topic(c, TRACE_TOPIC, 1, PERM_RW);
	for (size_t i = 0; i < ARRAY_LEN(system_groups); i++) {
		g.name = system_groups[i];
		catalog_set_group(c, &g);
	}
}

int catalog_open(
	struct metadb *db, const struct catalog_opts *o, struct catalog **out, struct err *e)
{
	struct catalog *c = mem_alloc(sizeof(*c));
	int rc;

	c->db = db;
	c->opts = *o;
	c->opts.cluster = mem_str(o->cluster);
	c->opts.broker = mem_str(o->broker);
	c->reply_topic = mem_fmt("%s_REPLY_TOPIC", o->cluster);
	add_system(c);
	rc = metadb_run(db, load_all, c, e);
	if (rc) {
		catalog_free(c);
		return err_wrap(e, "loading the catalog");
	}
	*out = c;
	return 0;
}

void catalog_free(struct catalog *c)
{
	struct topic_entry *t, *t_next;
	struct group_entry *g, *g_next;
	struct ns_entry *n, *n_next;
	struct kv_entry *kv, *kv_next;

	if (!c)
		return;
	HASH_ITER (hh, c->topics, t, t_next) {
		HASH_DEL(c->topics, t);
		catalog_free_topic(t);
	}
	HASH_ITER (hh, c->groups, g, g_next) {
		HASH_DEL(c->groups, g);
		catalog_free_group(g);
	}
	HASH_ITER (hh, c->namespaces, n, n_next)
		catalog_drop_ns(c, n);
	HASH_ITER (hh, c->kvs, kv, kv_next) {
		HASH_DEL(c->kvs, kv);
		catalog_kv_free(kv);
	}
	mem_free((char *)c->opts.cluster);
	mem_free((char *)c->opts.broker);
	mem_free(c->reply_topic);
	mem_free(c);
}
