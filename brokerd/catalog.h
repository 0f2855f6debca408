/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog: which namespaces, topics and groups there are. In memory for the loop, loaded from
 * metadb at start, durable through it.
 *
 *	t = catalog_topic(c, name);		a look, costs one hash
 *	rc = catalog_ensure_topic(...);		auto-creation: usable at once, durable soon
 *	rc = catalog_put_topic(...);		a change: done() after the commit
 *
 * Names are wire names in canonical form (names_canonical). Everything returned is borrowed and
 * valid until the caller returns to the loop. A put shows in memory when it is durable; puts
 * and deletes take effect in the order of their calls. All functions run on the loop.
 */
#ifndef TDMQ_CATALOG_H
#define TDMQ_CATALOG_H

#include "mem.h"
#include "metadb.h"
#include "model.h"

struct catalog;

struct catalog_opts {
	const char *cluster, *broker; /* names: topics of their own */
	bool auto_create_topic, auto_create_group;
	bool trace_topic; /* RMQ_SYS_TRACE_TOPIC exists from the start */
	int template_queues; /* of TBW102: upper bound of auto-created ones */
	bool write_wiped; /* routes say: do not write here (205, 327) */
	int max_namespaces, max_topics, max_groups; /* 0: no limit; system ones do not count */
	/* May be NULL. The topics that catalog_topics() lists have changed. */
	void (*topics_changed)(void *arg);
	void *arg;
	int max_queues; /* of a topic, 0: 1024; one that has more may keep them */
};

/* Loads; makes cluster id, system topics and groups of a first start. Before metadb_start(). */
int catalog_open(struct metadb *db, const struct catalog_opts *o, struct catalog **out,
	struct err *e) MUST_USE;
void catalog_free(struct catalog *c);
struct catalog_opts *catalog_opts(
	struct catalog *c); /* switches and limits may change at run time */
/* With TBW102, whose route tells producers that topics are made on first use. */
void catalog_set_auto_create(struct catalog *c, bool topics, bool groups);
const char *catalog_cluster_id(const struct catalog *c); /* rocketmq-xxxxxxxxxxxx */

/* NULL: there is none. */
const struct topic *catalog_topic(const struct catalog *c, struct str wire);
const struct group *catalog_group(const struct catalog *c, struct str wire);
const struct namespace *catalog_namespace(const struct catalog *c, struct str name);
/* names_is_system_topic(), or named like the cluster, the broker, <cluster>_REPLY_TOPIC. */
bool catalog_is_system_topic(const struct catalog *c, struct str wire);

/* All of them by name; the array is the arena's. */
size_t catalog_topics(const struct catalog *c, struct arena *a, const struct topic ***out);
size_t catalog_groups(const struct catalog *c, struct arena *a, const struct group ***out);
size_t catalog_namespaces(
	const struct catalog *c, struct arena *a, const struct namespace ***out);
int catalog_topic_count(const struct catalog *c); /* with system topics */
/* What counts for the limits. */
struct catalog_counts {
	int namespaces, topics, groups;
};
struct catalog_counts catalog_counts(const struct catalog *c);

/* Of the two tables. */
struct data_version catalog_topics_version(const struct catalog *c);
struct data_version catalog_groups_version(const struct catalog *c);

/*
 * The topic, made now if it may be. template_topic is the request's defaultTopic (TBW102): it
 * must exist and have the inherit bit; queues is the request's wish, bounded by the template's.
 * TQ_ENOTOPIC when it may not be made, TQ_EINVAL for an illegal name, TQ_ELIMIT. An existing
 * topic is never changed.
 */
int catalog_ensure_topic(struct catalog *c, struct str wire, struct str template_topic,
	int queues, const struct topic **out, struct err *e);
/*
 * The group, made now if auto_create_group or a CID_RMQ_SYS_ name. TQ_ENOGROUP, TQ_EINVAL,
 * TQ_ELIMIT.
 */
int catalog_ensure_group(
	struct catalog *c, struct str wire, const struct group **out, struct err *e);
/*
 * %RETRY%group with the group's retry queues (1 for an unknown group), %DLQ%group with one;
 * perm 6.
 */
int catalog_ensure_retry_topic(
	struct catalog *c, struct str group, const struct topic **out, struct err *e);
int catalog_ensure_dlq_topic(
	struct catalog *c, struct str group, const struct topic **out, struct err *e);
/* A system topic that appears at first use (transactions). */
int catalog_ensure_system_topic(struct catalog *c, struct str wire, int queues,
	const struct topic **out, struct err *e);

/*
 * Changes. A value other than 0 is a refusal: done is not called. Otherwise done is called
 * once, after the commit. CATALOG_CREATE fails with TQ_EEXIST, CATALOG_UPDATE with the
 * not-found codes, CATALOG_PUT does either. A namespace that a topic or group name brings along
 * is made with it.
 */
enum catalog_how { CATALOG_PUT, CATALOG_CREATE, CATALOG_UPDATE };
typedef void (*catalog_done)(void *arg, int rc, const struct err *e);

int catalog_put_topic(struct catalog *c, const struct topic *t, enum catalog_how how,
	catalog_done done, void *arg, struct err *e); /* copies t */
int catalog_put_group(struct catalog *c, const struct group *g, enum catalog_how how,
	catalog_done done, void *arg, struct err *e);
int catalog_put_namespace(struct catalog *c, const struct namespace *n, enum catalog_how how,
	catalog_done done, void *arg, struct err *e);
/* Deleting what is not there succeeds. System ones are refused with TQ_EDENIED. */
int catalog_delete_topic(
	struct catalog *c, struct str wire, catalog_done done, void *arg, struct err *e);
int catalog_delete_group(
	struct catalog *c, struct str wire, catalog_done done, void *arg, struct err *e);
/* TQ_EPRECOND while it has topics or groups, TQ_ENOTFOUND, TQ_EDENIED for `default`. */
int catalog_delete_namespace(
	struct catalog *c, struct str name, catalog_done done, void *arg, struct err *e);

/* Small durable texts: KV configuration of the name server (101 ...) and the like. */
struct catalog_kv {
	struct str space, key, value;
};
struct str catalog_kv_get(const struct catalog *c, struct str space, struct str key);
size_t catalog_kv_list(
	const struct catalog *c, struct str space, struct arena *a, struct catalog_kv **out);
/* value STR_NONE deletes. */
int catalog_kv_put(struct catalog *c, struct str space, struct str key, struct str value,
	catalog_done done, void *arg, struct err *e);

#endif
