/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker is made from the bottom up and taken apart from the top down. The store comes first,
 * since it locks the directory. Nothing is answered before everything is there. At the end what
 * clients wait for is settled while everything is still there: the log is synced and what waited
 * for that is answered, pulls are answered empty, the metadata's last transaction runs. Then
 * connections close, and the store last: what is lent to sockets is part of its files.
 */
#include "brokerd/broker.h"

#include "brokerd/access.h"
#include "brokerd/acl.h"
#include "brokerd/catalog.h"
#include "brokerd/dispatch.h"
#include "brokerd/hold.h"
#include "brokerd/membership.h"
#include "brokerd/marks.h"
#include "brokerd/metadb.h"
#include "brokerd/offsets.h"
#include "brokerd/overrides.h"
#include "brokerd/rebalance.h"
#include "brokerd/redo.h"
#include "brokerd/registry.h"
#include "brokerd/routes.h"
#include "brokerd/schedule.h"
#include "brokerd/senders.h"
#include "brokerd/server.h"
#include "brokerd/sqlcache.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "brokerd/throttle.h"
#include "brokerd/timed.h"
#include "brokerd/tx.h"
#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "names.h"
#include "props.h"

#define LOG_BROKER "broker"
#define SECOND 1000
#define WRITE_AGAIN_MS 50
#define DEAD_LETTER_MS (72 * 3600000LL)
#define VIP_BELOW 2 /* old clients add the VIP port up themselves */
#define QUEUE_FILE_UNITS 300000
#define QUEUE_FILE_UNITS_DEV 30000
#define INDEX_SLOTS 5000000
#define INDEX_ENTRIES 20000000
#define INDEX_SLOTS_DEV 100000
#define INDEX_ENTRIES_DEV 400000

/* --- callbacks --- */

static void on_durable(void *arg)
{
	struct broker *b = arg;
	struct store_stats st;
	struct err e = ERR_INIT;

	/* Answers leave at the end of the turn; a sync that failed makes errors of them. */
	store_stats(b->store, &st);
	if (!st.read_only) {
		if (b->timed)
			timed_run(b->timed);
		return;
	}
	err_set(&e, TQ_EUNAVAILABLE, "the message may not be on disk: %s", st.reason);
	hold_fail_acks(b->hold, store_durable(b->store), &e);
}

static void on_arrival(
	void *arg, struct str topic, int queue, int64_t queue_off, int64_t tags_code)
{
	struct broker *b = arg;

	hold_arrival(b->hold, topic, queue, queue_off, tags_code);
	if (topic.n == sizeof(SCHEDULE_TOPIC) - 1 && str_is(topic, SCHEDULE_TOPIC))
		schedule_arrival(b->schedule, queue, tags_code);
	else if (topic.n == sizeof(TIMED_TOPIC) - 1 && str_is(topic, TIMED_TOPIC))
		timed_arrival(b->timed, queue_off);
	else if (topic.n == sizeof(TX_HALF_TOPIC) - 1 && str_is(topic, TX_HALF_TOPIC))
		tx_arrival(b->tx, queue_off);
}

/* What a record's queue unit carries, found again from the record: for recovery. */
static int64_t tags_code(const struct message *m)
{
	if (str_is(m->topic, SCHEDULE_TOPIC) && m->queue_id >= 0 &&
		m->queue_id < SCHEDULE_LEVELS)
		return m->store_ms + schedule_delay_ms(m->queue_id + 1);
	if (str_is(m->topic, TIMED_TOPIC))
		return timed_tags_code(m);
	return message_tags_code(props_get(m->properties, PROP_TAGS));
}

/*
 * Dead letters have a time of their own, messages of a namespace that of the namespace. What the
 * broker keeps for itself is kept until it is done with it. Where dead letters are kept longer than
 * the rest, the log may hold more than can be read.
 */
static int64_t keep_ms(void *arg, struct str topic)
{
	struct broker *b = arg;
	int64_t all = b->cfg->retention, ms;
	const struct namespace *n;
	struct str ns, name;

	if (names_is_system_topic(topic) || !b->catalog)
		return -1;
	if (names_is_dlq(topic))
		return all == DEAD_LETTER_MS ? -1 : DEAD_LETTER_MS;
	names_split(names_group_of(topic), &ns, &name);
	n = catalog_namespace(b->catalog, ns);
	ms = n ? MIN(n->retention_ms, all) : all;
	return ms == all && all >= DEAD_LETTER_MS ? -1 : ms;
}

/* Where the log is kept for less, their files stay until they are old enough. */
static void keep_dead_letters(struct broker *b)
{
	int64_t oldest = INT64_MAX, min, max, phys, tags;
	const struct topic **all;
	struct arena mem;
	uint32_t size;
	size_t n;

	arena_init(&mem);
	n = b->cfg->retention < DEAD_LETTER_MS ? catalog_topics(b->catalog, &mem, &all) : 0;
	for (size_t i = 0; i < n; i++) {
		struct str name = str_of(all[i]->name);

		for (int q = 0; names_is_dlq(name) && q < all[i]->write_queues; q++) {
			store_queue_bounds(b->store, name, q, &min, &max);
			if (store_unit(b->store, name, q, min, &phys, &size, &tags))
				oldest = MIN(oldest, phys);
		}
	}
	store_keep_young(b->store, oldest);
	arena_release(&mem);
}

static struct store_disk_marks disk_marks(const struct config *cfg)
{
	return (struct store_disk_marks){ (int)cfg->disk_clean_above,
		(int)cfg->disk_refuse_above, cfg->disk_clean_below, cfg->disk_refuse_below };
}

static void on_close(void *arg, struct conn *c)
{
	struct broker *b = arg;

	registry_conn_closed(b->registry, c);
	senders_conn_closed(b->senders, c->id);
	routes_conn_closed(b->routes, c);
	membership_conn_closed(b->membership, c);
}

static void topics_changed(void *arg)
{
	struct broker *b = arg;

	membership_changed(b->membership);
}

static bool topic_wanted(void *arg, struct str topic)
{
	struct broker *b = arg;

	return catalog_topic(b->catalog, topic) != NULL;
}

/* Members take turns: one that does not answer is not asked each time. */
static void ask_producer(void *arg, struct str group, struct command *rq)
{
	struct broker *b = arg;
	const struct member *const *members;
	size_t n = registry_producers(b->registry, group, &members);

	if (n)
		conn_notify(members[b->tx_turn++ % n]->conn, rq);
}

static int due(void *arg, struct str start_deliver, int64_t *due_ms, struct err *e)
{
	struct broker *b = arg;

	return timed_due(start_deliver, clock_wall_ms(), b->cfg->max_delay, due_ms, e);
}

static struct tx_limits tx_limits(const struct config *cfg)
{
	return (struct tx_limits){ cfg->transaction_timeout, cfg->transaction_check_interval,
		cfg->retention, (int)cfg->transaction_check_max };
}

static void flush_redo(struct broker *b)
{
	int64_t safe = MIN(schedule_noted(b->schedule), timed_noted(b->timed));

	redo_flush(b->redo, MIN(safe, store_durable(b->store)));
}

static void write_queues(void *arg)
{
	struct broker *b = arg;

	if (store_write_queues(b->store))
		timer_set(b->write_queues, WRITE_AGAIN_MS);
}

static void each_second(void *arg)
{
	struct broker *b = arg;

	stats_tick(b->stats);
	acl_tick(b->acl);
	timed_tick(b->timed); /* these four say what retention must leave alone */
	schedule_flush(b->schedule);
	tx_flush(b->tx);
	keep_dead_letters(b);
	store_tick(b->store, b->cfg->retention);
	write_queues(b);
	offsets_flush(b->offsets);
	flush_redo(b);
}

static void each_10_seconds(void *arg)
{
	struct broker *b = arg;
	int64_t now = clock_mono_ms();

	registry_tick(b->registry, now);
	routes_tick(b->routes, now);
	rebalance_tick(b->rebalance, now);
}

/* --- start --- */

static void set_rates(struct broker *b)
{
	struct throttle_rates r = { b->quota.calls, b->quota.bits / 8, b->cfg->throttle_wait };

	throttle_set(b->throttle, &r);
}

/* Whoever keeps a copy of a setting gets the new one. */
void broker_settings_changed(struct broker *b)
{
	struct catalog_opts *o = catalog_opts(b->catalog);
	struct tx_limits limits = tx_limits(b->cfg);
	struct store_disk_marks marks = disk_marks(b->cfg);

	catalog_set_auto_create(
		b->catalog, b->cfg->auto_create_topics, b->cfg->auto_create_groups);
	o->template_queues = (int)b->cfg->topic_queues;
	quota_of(&b->quota, b->cfg);
	o->max_namespaces = (int)b->quota.namespaces;
	o->max_topics = (int)b->quota.topics;
	o->max_groups = (int)b->quota.groups;
	o->max_queues = (int)b->quota.topic_queues;
	set_rates(b);
	log_set_level((enum log_level)b->cfg->log_level);
	tx_set_limits(b->tx, &limits);
	rebalance_set_lock(b->rebalance, b->cfg->queue_lock);
	store_set_disk_marks(b->store, &marks);
}

/* What requests changed while an earlier process ran; who has a copy by then is told in the end. */
static void load_overrides(struct broker *b)
{
	struct catalog_kv *rows;
	struct arena a;
	size_t n;

	arena_init(&a);
	n = catalog_kv_list(b->catalog, STR(OVERRIDES_SPACE), &a, &rows);
	for (size_t i = 0; i < n; i++)
		overrides_load(b->overrides, rows[i].key, rows[i].value);
	arena_release(&a);
}

static int start_metadata(struct broker *b, struct err *e)
{
	const struct config *cfg = b->cfg;
	char *path = mem_fmt("%s/meta.db", cfg->data);
	struct metadb_opts mo = { path, server_base(b->server) };
	struct catalog_opts co = {
		.cluster = cfg->cluster,
		.broker = cfg->broker,
		.auto_create_topic = cfg->auto_create_topics,
		.auto_create_group = cfg->auto_create_groups,
		.trace_topic = true,
		.template_queues = (int)cfg->topic_queues,
		.topics_changed = topics_changed,
		.arg = b,
		.max_namespaces = (int)b->quota.namespaces,
		.max_topics = (int)b->quota.topics,
		.max_groups = (int)b->quota.groups,
		.max_queues = (int)b->quota.topic_queues,
	};
	int rc;

	(void)((rc = metadb_open(&mo, &b->metadb, e)) ||
		(rc = catalog_open(b->metadb, &co, &b->catalog, e)) ||
		(rc = access_open(b, e)) || (rc = offsets_open(b->metadb, &b->offsets, e)));
	mem_free(path);
	if (!rc)
		load_overrides(b);
	return rc;
}

static void log_recovery(const struct store_recovery *r)
{
	if (r->clean)
		return;
	log_warn(LOG_BROKER,
		"not stopped cleanly: looked at %lld records in %lld bytes, cut %lld bytes at "
		"%lld, left out %lld damaged records, in %lld ms",
		(long long)r->records, (long long)r->scanned_bytes, (long long)r->cut_bytes,
		(long long)r->cut_at, (long long)r->quarantined, (long long)r->took_ms);
}

void broker_store_opts(const struct config *cfg, struct store_opts *o)
{
	*o = (struct store_opts){
		.dir = cfg->data,
		.commitlog_file_bytes = cfg->commitlog_file_size,
		.queue_file_units = cfg->dev ? QUEUE_FILE_UNITS_DEV : QUEUE_FILE_UNITS,
		.index_slots = cfg->dev ? INDEX_SLOTS_DEV : INDEX_SLOTS,
		.index_entries = cfg->dev ? INDEX_ENTRIES_DEV : INDEX_ENTRIES,
		.flush = (enum store_flush)cfg->flush,
		.flush_interval_ms = (int)cfg->flush_interval,
		.max_loss = cfg->max_loss,
		.tags_code = tags_code,
	};
}

static int start_store(struct broker *b, struct err *e)
{
	struct store_disk_marks marks = disk_marks(b->cfg);
	struct store_opts so;
	struct store_recovery found = { 0 };
	int rc;

	broker_store_opts(b->cfg, &so);
	so.host = b->host;
	so.on_durable = on_durable;
	so.on_durable_arg = b;
	so.keep_ms = keep_ms;
	so.keep_arg = b;
	so.post = server_post;
	so.loop = b->server;
	rc = store_open(&so, &b->store, &found, e);
	if (rc)
		return rc;
	log_recovery(&found);
	store_on_arrival(b->store, on_arrival, b);
	store_set_disk_marks(b->store, &marks);
	return 0;
}

static int start_tx(struct broker *b, struct err *e)
{
	struct tx_limits limits = tx_limits(b->cfg);
	struct tx_opts o = {
		.base = server_base(b->server),
		.store = b->store,
		.offsets = b->offsets,
		.host = b->host,
		.cluster_id = broker_cluster_id(b),
		.wanted = topic_wanted,
		.ask = ask_producer,
		.due = due,
		.arg = b,
	};
	const struct topic *t;
	int rc;

	o.ended = redo_ended(b->redo, &o.n_ended);
	rc = catalog_ensure_system_topic(b->catalog, STR(TX_HALF_TOPIC), 1, &t, e);
	if (!rc)
		rc = catalog_ensure_system_topic(b->catalog, STR(TX_ASIDE_TOPIC), 1, &t, e);
	if (!rc)
		b->tx = tx_open(&o, &limits);
	return rc;
}

static int start_services(struct broker *b, struct err *e)
{
	struct registry_opts ro = { rebalance_notify, b };
	struct schedule_opts so = {
		.base = server_base(b->server),
		.store = b->store,
		.db = b->metadb,
		.wanted = topic_wanted,
		.arg = b,
	};
	struct timed_opts to = {
		.base = so.base,
		.store = so.store,
		.db = so.db,
		.wanted = so.wanted,
		.arg = b,
	};
	int rc;

	b->throttle = throttle_new(b->server);
	b->senders = senders_new();
	set_rates(b);
	b->registry = registry_new(&ro);
	b->routes = routes_new();
	b->rebalance = rebalance_new();
	rebalance_set_lock(b->rebalance, b->cfg->queue_lock);
	b->hold = hold_new(b);
	server_on_close(b->server, on_close, b);
	rc = redo_open(b->store, b->metadb, &b->redo, e);
	if (!rc)
		rc = marks_open(b->metadb, &b->marks, e);
	if (rc)
		return rc;
	so.already = redo_levels(b->redo);
	so.marks = b->marks;
	(void)((rc = schedule_open(&so, &b->schedule, e)) ||
		(rc = timed_open(&to, &b->timed, e)) || (rc = start_tx(b, e)) ||
		(rc = metadb_start(b->metadb, e)));
	if (rc)
		return rc;
	schedule_start(b->schedule);
	timed_start(b->timed);
	b->write_queues = timer_new(b->server, write_queues, b);
	server_every(b->server, SECOND, each_second, b);
	server_every(b->server, 10 * SECOND, each_10_seconds, b);
	return 0;
}

/* The broker's port is bound first of all: it is part of the store host of every record. */
static int bind_broker(struct broker *b, struct err *e)
{
	const struct config *cfg = b->cfg;
	bool other = cfg->advertised_address[0];
	int rc, port;

	rc = config_address(other ? "advertised-address" : "listen-address",
		other ? cfg->advertised_address : cfg->listen_address, &b->host, e);
	if (!rc)
		rc = server_listen(
			b->server, cfg->listen_address, (int)cfg->broker_port, &port, e);
	if (rc)
		return rc;
	b->broker_port = port;
	b->host.port = (uint32_t)port;
	host_text(&b->host, b->address);
	return 0;
}

static int vip_port(const struct config *cfg)
{
	if (cfg->vip_port >= 0)
		return (int)cfg->vip_port;
	return cfg->broker_port > VIP_BELOW ? (int)cfg->broker_port - VIP_BELOW : 0;
}

static int bind_others(struct broker *b, struct err *e)
{
	const char *address = b->cfg->listen_address;
	int rc;

	rc = server_listen(b->server, address, vip_port(b->cfg), &b->vip_port, e);
	if (!rc)
		rc = server_listen(b->server, address, (int)b->cfg->nameserver_port,
			&b->nameserver_port, e);
	return rc;
}

int broker_start(struct broker *b, struct config *cfg, struct err *e)
{
	struct err ignored = ERR_INIT;
	int rc;

	memset(b, 0, sizeof(*b));
	b->cfg = cfg;
	b->start_ms = clock_wall_ms();
	b->overrides = overrides_new(cfg);
	quota_of(&b->quota, cfg);
	b->stats = stats_new();
	b->dispatch = dispatch_new();
	b->filters = sqlcache_new();
	b->index = props_index_new();
	(void)((rc = fsio_mkdirs(cfg->data, 0700, e)) || (rc = server_new(b, &b->server, e)) ||
		(rc = bind_broker(b, e)) || (rc = start_store(b, e)) ||
		(rc = start_metadata(b, e)) || (rc = start_services(b, e)) ||
		(rc = bind_others(b, e)));
	if (rc) {
		broker_stop(b, &ignored);
		return rc;
	}
	if (overrides_any(b->overrides))
		broker_settings_changed(b);
	b->membership = membership_new(b);
	return 0;
}

/* --- run, stop --- */

void broker_run(struct broker *b)
{
	server_run(b->server);
}

void broker_reload(struct broker *b)
{
	overrides_lay(b->overrides);
	broker_settings_changed(b);
	access_reload(b);
}

void broker_quit(struct broker *b)
{
	b->stopping = true;
	server_quit(b->server);
}

/* Last answers: what waited for the disk, pulls that will see nothing more, administration. */
static int settle(struct broker *b, struct err *e)
{
	struct err lost = ERR_INIT;
	int rc;

	membership_leave(b->membership);
	timed_stop(b->timed);
	throttle_drain(b->throttle);
	rc = store_sync(b->store, e);
	if (rc) {
		err_set(&lost, TQ_EUNAVAILABLE, "the message may not be on disk: %s", e->msg);
		hold_fail_acks(b->hold, store_durable(b->store), &lost);
	}
	hold_release_acks(b->hold);
	hold_drop_pulls(b->hold);
	schedule_flush(b->schedule);
	timed_run(b->timed);
	tx_flush(b->tx);
	offsets_flush(b->offsets);
	flush_redo(b);
	metadb_close(b->metadb);
	b->metadb = NULL;
	return rc;
}

static int close_store(struct broker *b, struct err *e)
{
	struct store *s = b->store;

	b->store = NULL;
	return store_close(s, e);
}

int broker_stop(struct broker *b, struct err *e)
{
	bool whole = b->store && b->hold && b->tx;
	struct err later = ERR_INIT;
	int rc = whole ? settle(b, e) : 0;

	if (b->server)
		server_close_all(b->server);
	metadb_close(b->metadb);
	if (close_store(b, &later) && !rc) {
		*e = later;
		rc = later.code;
	}
	redo_free(b->redo);
	marks_free(b->marks);
	timed_free(b->timed);
	tx_free(b->tx);
	schedule_free(b->schedule);
	offsets_free(b->offsets);
	hold_free(b->hold);
	rebalance_free(b->rebalance);
	membership_free(b->membership);
	routes_free(b->routes);
	registry_free(b->registry);
	throttle_free(b->throttle);
	senders_free(b->senders);
	catalog_free(b->catalog);
	acl_free(b->acl);
	server_free(b->server);
	dispatch_free(b->dispatch);
	sqlcache_free(b->filters);
	props_index_free(b->index);
	stats_free(b->stats);
	overrides_free(b->overrides);
	return rc;
}

struct str broker_cluster_id(const struct broker *b)
{
	return str_of(catalog_cluster_id(b->catalog));
}

const char *broker_address(const struct broker *b)
{
	return b->address;
}
