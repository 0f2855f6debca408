/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker: what there is, and who owns it. One struct broker per process, made and ended by
 * broker_start() and broker_stop() on the loop thread; everything in it belongs to that thread.
 * Handlers reach the services through it:
 *
 *	const struct topic *t = catalog_topic(rq->broker->catalog, f->topic);
 *
 * Order of making: server (loop), store, metadb, catalog, acl, offsets, registry, rebalance, hold,
 * schedule, timed, listeners, membership; the end goes the other way.
 */
#ifndef TDMQ_BROKER_H
#define TDMQ_BROKER_H

#include "brokerd/quota.h"
#include "message.h"

struct server;
struct overrides;
struct metadb;
struct catalog;
struct acl;
struct offsets;
struct registry;
struct routes;
struct membership;
struct rebalance;
struct schedule;
struct timed;
struct tx;
struct redo;
struct marks;
struct sqlcache;
struct props_index;
struct store;
struct hold;
struct stats;
struct dispatch;
struct throttle;
struct senders;

struct broker {
	struct config *cfg; /* owned by main, read-only apart from reload and settings */
	struct overrides *overrides; /* what requests changed of cfg: overrides.h */
	struct server *server; /* loop, listeners, connections: server.h */
	struct metadb *metadb; /* SQLite: metadb.h */
	struct acl *acl; /* roles and what they may do: acl.h */
	struct catalog *catalog; /* namespaces, topics, groups: catalog.h */
	struct offsets *offsets; /* what groups have consumed: offsets.h */
	struct registry *registry; /* clients and groups alive: registry.h */
	struct rebalance *rebalance; /* queue locks, telling members: rebalance.h */
	struct routes *routes; /* other brokers and their topics: routes.h */
	struct membership *membership; /* with other name servers; may be NULL: membership.h */
	struct store *store; /* the messages: store/store.h */
	struct hold *hold; /* pulls that wait: hold.h */
	struct schedule *schedule; /* messages of a delay level: schedule.h */
	struct timed *timed; /* messages with a time of their own: timed.h */
	struct tx *tx; /* transactions: tx.h */
	struct sqlcache *filters; /* SQL92, by text: sqlcache.h */
	struct props_index *index; /* of the message a filter looks at */
	struct marks *marks; /* cancelled, begun anew: marks.h */
	struct redo *redo; /* what a crash left half done: redo.h */
	struct throttle *throttle; /* how fast: throttle.h */
	struct senders *senders; /* who sends where, as far as that is limited: senders.h */
	struct quota quota; /* what the cluster may hold and do */
	struct stats *stats; /* counters: stats.h */
	struct dispatch *dispatch; /* handlers by code: dispatch.h */
	struct host host; /* advertised: store host of records, address of routes */
	char address[HOST_TEXT]; /* the same as text */
	int broker_port, vip_port, nameserver_port; /* as bound */
	struct timer *write_queues; /* set while the store has more of them to write */
	int64_t start_ms; /* wall clock */
	unsigned tx_turn; /* which producer is asked next */
	bool stopping;
};

int broker_start(struct broker *b, struct config *cfg, struct err *e) MUST_USE;
/* Runs the loop until broker_quit(). */
void broker_run(struct broker *b);
void broker_quit(struct broker *b);
/* The settings that may change at run time have changed; what requests changed is laid over. */
void broker_reload(struct broker *b);
/* One of them was changed by a request. */
void broker_settings_changed(struct broker *b);
/* Commits, syncs, closes. Everything is freed also when the last sync failed. */
int broker_stop(struct broker *b, struct err *e);

/* How the settings want the store opened; without what belongs to a running broker. */
struct store_opts;
void broker_store_opts(const struct config *cfg, struct store_opts *o);

/* "rocketmq-xxxxxxxxxxxx": made at the first start, kept in the metadata; cached here by catalog. */
struct str broker_cluster_id(const struct broker *b);
/* "10.0.0.1:10911", the address clients are told. */
const char *broker_address(const struct broker *b);

#endif
