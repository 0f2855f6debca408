/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog_impl: the tables, shared by catalog.c (changes), catalog_table.c (the tables
 * themselves and looking at them) and catalog_load.c (start and end). Nobody else includes
 * this.
 */
#ifndef TDMQ_CATALOG_IMPL_H
#define TDMQ_CATALOG_IMPL_H

#include "brokerd/catalog.h"
#include "map.h"
#include "names.h"

#define NAMESPACE_RETENTION_MS (72 * 3600000LL)

struct ns_entry {
	struct namespace n; /* name and remark owned */
	bool there; /* durable; else only on its way */
	int fresh_topics, fresh_groups; /* new ones on their way */
	int pending; /* changes in flight that are to make it, or need it */
	UT_hash_handle hh;
};

struct topic_entry {
	struct topic t; /* name and remark owned */
	UT_hash_handle hh;
};

struct group_entry {
	struct group g; /* name and remark owned */
	UT_hash_handle hh;
};

struct kv_entry {
	char *id; /* owned: space, NUL, key */
	size_t space_n, id_n;
	char *value; /* owned */
	size_t value_n;
	UT_hash_handle hh;
};

struct catalog {
	struct metadb *db; /* borrowed */
	struct catalog_opts opts; /* names owned */
	char *reply_topic;
	char cluster_id[32];
	struct ns_entry *namespaces;
	struct topic_entry *topics;
	struct group_entry *groups;
	struct kv_entry *kvs;
	struct data_version topics_dv, groups_dv;
	int n_namespaces; /* with those on their way */
	int n_topics, n_groups; /* that count for the limits */
	int pending_topics, pending_groups; /* new ones on their way */
};

/* Does the name count for limits and for its namespace? */
bool catalog_topic_counts(const struct catalog *c, struct str wire);
struct topic catalog_plain_topic(const char *name, int queues, int perm); /* borrows name */

struct topic_entry *catalog_find_topic(const struct catalog *c, struct str wire);
struct group_entry *catalog_find_group(const struct catalog *c, struct str wire);
struct ns_entry *catalog_find_ns(const struct catalog *c, struct str name);
/*
 * The entry of a namespace, by its name or by a wire name in it; made, not yet there, if need
 * be.
 */
struct ns_entry *catalog_ns_named(struct catalog *c, struct str ns);
struct ns_entry *catalog_ns_of(struct catalog *c, struct str wire);

/* Into the tables and out of them; copies. */
void catalog_set_ns(struct catalog *c, const struct namespace *from);
const struct topic *catalog_set_topic(struct catalog *c, const struct topic *from);
const struct group *catalog_set_group(struct catalog *c, const struct group *from);
void catalog_drop_ns(struct catalog *c, struct ns_entry *n);
void catalog_drop_topic(struct catalog *c, struct str wire);
void catalog_drop_group(struct catalog *c, struct str wire);
void catalog_free_topic(struct topic_entry *t);
void catalog_free_group(struct group_entry *g);

struct kv_entry *catalog_kv_find(const struct catalog *c, struct str space, struct str key);
void catalog_kv_set(struct catalog *c, struct str space, struct str key,
	struct str value); /* STR_NONE: out */
void catalog_kv_free(struct kv_entry *kv);

#endif
