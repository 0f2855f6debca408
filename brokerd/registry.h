/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: which clients are there: producers and consumers by group, as their heartbeats say,
 * and what the consumers of a group subscribe to.
 *
 * A member is a connection in a group. The last heartbeat speaks for the whole group: type,
 * model, start point and topic set are replaced; a subscription of a topic only by one with a
 * higher version. Members go by unregister, by the end of their connection, or 120 s after
 * their last heartbeat. When membership or the set of topics changes, `notify` is called for
 * every member of the group: rebalance.h sends them 40.
 *
 * Knows connections as addresses only. On the loop.
 */
#ifndef TDMQ_REGISTRY_H
#define TDMQ_REGISTRY_H

#include "json.h"
#include "mem.h"
#include "str.h"

struct conn;
struct registry;

#define REGISTRY_EXPIRE_MS 120000

enum consume_type { CONSUME_ACTIVELY, CONSUME_PASSIVELY, CONSUME_POP };
enum message_model { MODEL_BROADCASTING, MODEL_CLUSTERING };
extern const char *const consume_type_names[]; /* CONSUME_ACTIVELY ... NULL */
extern const char *const message_model_names[];
extern const char *const consume_from_names[]; /* CONSUME_FROM_LAST_OFFSET ... */

enum sub_kind { SUB_TAG, SUB_SQL };

/* What is wanted of a topic. */
struct subscription {
	struct str topic, text; /* owned by whom subscription_parse() says */
	enum sub_kind kind;
	int64_t version;
	bool all; /* "*", "" */
	size_t n_tags;
	struct str *tags; /* in order of appearance, no doubles */
	int32_t *codes; /* Java's hashes of the tags */
};

/*
 * Reads "a || b" or SQL text; everything in *s lives in the arena. type "" or NULL is TAG.
 * TQ_EFILTER when the text cannot be.
 */
int subscription_parse(struct subscription *s, struct arena *a, struct str topic,
	struct str text, struct str type, int64_t version, struct err *e);
/* A unit's tags code against the tags. SQL matches nothing: who pulls must have refused it. */
bool subscription_matches_code(const struct subscription *s, int64_t tags_code);
void subscription_to_json(
	struct jw *w, const struct subscription *s); /* Apache's SubscriptionData */

struct member {
	struct conn *conn;
	char *client_id; /* owned by the registry, as all below */
	char *addr; /* "10.0.0.1:5000" */
	int language, version;
	int64_t seen_ms; /* wall clock of the last heartbeat */
};

struct consumers {
	const char *group;
	int type, model, from_where;
	const struct member *const *members; /* in order of joining */
	size_t n_members;
	int64_t changed_ms;
};

struct registry_opts {
	/* May be NULL. Tell this member of this group to look again. */
	void (*notify)(void *arg, struct conn *c, struct str group);
	void *arg;
};

struct registry *registry_new(const struct registry_opts *o);
void registry_free(struct registry *r);

/* One heartbeat says, for each group it names: */
struct heartbeat_from {
	struct conn *conn;
	struct str client_id, addr;
	int language, version;
};
int registry_producer(
	struct registry *r, const struct heartbeat_from *from, struct str group, struct err *e);
struct heartbeat_consumer {
	struct str group;
	int type, model, from_where;
	const struct subscription *subs; /* copied */
	size_t n_subs;
	bool notify; /* group and broker want members told of changes */
};
int registry_consumer(struct registry *r, const struct heartbeat_from *from,
	const struct heartbeat_consumer *c, struct err *e);
/* An empty group is no group. notify as above. */
void registry_unregister(struct registry *r, struct conn *conn, struct str producer_group,
	struct str consumer_group, bool notify);
void registry_conn_closed(struct registry *r, struct conn *conn);
/* Drops members whose heartbeats stopped; each 10 s, with the monotonic time. */
void registry_tick(struct registry *r, int64_t mono_ms);

/*
 * Online consumers of a group; false when there are none. *out is valid until the next change.
 */
bool registry_consumers(const struct registry *r, struct str group, struct consumers *out);
/* NULL: group not online or topic not subscribed; *online (may be NULL) tells which. */
const struct subscription *registry_subscription(
	const struct registry *r, struct str group, struct str topic, bool *online);
size_t registry_subscriptions(const struct registry *r, struct str group, struct arena *a,
	const struct subscription ***out);
/* Online groups that subscribe to a topic, by name. */
size_t registry_groups_of_topic(
	const struct registry *r, struct str topic, struct arena *a, struct str **out);
const struct member *registry_consumer_member(
	const struct registry *r, struct str group, struct str client_id);

/* Producers of a group; 0 when there are none. */
size_t registry_producers(
	const struct registry *r, struct str group, const struct member *const **out);
size_t registry_producer_groups(const struct registry *r, struct arena *a, struct str **out);
/* Any producer with this client id (request-reply). */
const struct member *registry_producer_by_id(const struct registry *r, struct str client_id);

#endif
