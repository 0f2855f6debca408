/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: typed calls over client: what a cluster can be asked, brokerd and Apache 4.9 alike.
 *
 *	struct admin *a = admin_new(&opts);
 *	struct topics list;
 *
 *	rc = admin_topics(a, &mem, &list, e);
 *	for (size_t i = 0; !rc && i < list.n; i++)
 *		... list.v[i].t.name ...
 *	admin_free(a);
 *
 * Names are wire names (names.h). Answers live in the arena given by the caller. A call that asks
 * several brokers goes on when one of them fails: what was skipped is kept in admin_skipped(),
 * and only when all of them failed is that the call's error.
 *
 * Name servers are asked in turn until one answers. Brokers are asked at the same time.
 *
 * Errors: those of client.h, and the server's response codes by err_from_response(), with its
 * remark cleaned of Java's wrapping in the message and e->response holding the number. Refusals
 * of Apache's access control, which travel as code 1 with a text, are TQ_EDENIED.
 */
#ifndef TDMQ_ADMIN_H
#define TDMQ_ADMIN_H

#include "client.h"
#include "mem.h"
#include "message.h"
#include "model.h"
#include "strv.h"

struct admin;

#define ADMIN_TIMEOUT_MS 5000

struct admin_opts {
	const char *nameservers; /* "host:port" list, comma or semicolon; copied */
	const char
		*brokers; /* restrict to these names or addresses, comma; NULL: all; copied */
	struct client_opts client;
	int timeout_ms; /* per request; 0: ADMIN_TIMEOUT_MS */
};

struct admin *admin_new(const struct admin_opts *o);
void admin_free(struct admin *a);
struct client *admin_client(struct admin *a);
int admin_timeout(const struct admin *a);

/* ---- raw ---- */

/* One request; a response code other than 0 is an error. *out may be NULL. */
int admin_call(struct admin *a, const char *addr, struct command *rq, struct reply **out,
	struct err *e) MUST_USE;
/* As admin_call, at the name servers in turn until one answers. */
int admin_call_ns(
	struct admin *a, struct command *rq, struct reply **out, struct err *e) MUST_USE;
/*
 * As admin_call, for what brokerd keeps in one place: at the name server, where it is a brokerd (all
 * its ports answer everything, and other brokers of its cluster may be Apache's), else at the first
 * master.
 */
int admin_call_master(
	struct admin *a, struct command *rq, struct reply **out, struct err *e) MUST_USE;
/* The error an answer stands for; 0 for code 0. addr goes into the message, may be NULL. */
int admin_reply_err(const struct command *answer, const char *addr, struct err *e);

/* ---- cluster ---- */

struct broker {
	const char *name, *cluster;
	const char *addr; /* of the master; NULL: none alive */
	const char **slaves; /* n_slaves addresses */
	size_t n_slaves;
};

struct cluster {
	struct broker *v; /* sorted by name */
	size_t n;
	const char *id; /* brokerd's cluster id; NULL for Apache */
	const char *brokerd; /* brokerd's version; NULL for Apache */
	const char *home; /* the name server that told */
};

/* Asked once and kept. The restriction of admin_opts.brokers is applied; a name that is not
 * there is TQ_ENOTFOUND. */
int admin_cluster(struct admin *a, const struct cluster **out, struct err *e) MUST_USE;
bool admin_is_brokerd(struct admin *a); /* false also when the cluster cannot be asked */

/* A broker that a call went past. */
struct skipped {
	const char *broker, *addr;
	struct err err;
};
const struct skipped *admin_skipped(const struct admin *a, size_t *n);
/* What was skipped is forgotten and the cluster asked anew: for those who look again and again. */
void admin_forget_skipped(struct admin *a);

struct kv {
	struct str key, value;
};
struct kvs {
	struct kv *v; /* sorted by key */
	size_t n;
};
/* Run-time table of a broker (28). */
int admin_runtime(struct admin *a, const char *addr, struct arena *mem, struct kvs *out,
	struct err *e) MUST_USE;
struct str kvs_get(const struct kvs *t, const char *key); /* STR_NONE if absent */

/* ---- one server ---- */

enum server_kind { SERVER_BROKER, SERVER_NAMESERVER };

/* As given to admin_new(), borrowed from a. */
size_t admin_nameservers(const struct admin *a, const char *const **out);
/* Whether a name server answers, and how many brokers it knows (106). */
int admin_ping(struct admin *a, const char *addr, int64_t *brokers, struct err *e) MUST_USE;
/* Settings (26, 319), by key. */
int admin_config(struct admin *a, enum server_kind kind, const char *addr, struct arena *mem,
	struct kvs *out, struct err *e) MUST_USE;
/* "key=value" lines (25, 318). */
int admin_config_set(struct admin *a, enum server_kind kind, const char *addr,
	const struct strv *lines, struct err *e) MUST_USE;
/* Texts of a name server (219), by key; none of that namespace gives no rows. */
int admin_kv_list(struct admin *a, const char *addr, const char *space, struct arena *mem,
	struct kvs *out, struct err *e) MUST_USE;
int admin_kv_put(struct admin *a, const char *addr, const char *space, const char *key,
	const char *value, struct err *e) MUST_USE; /* value NULL deletes */
/* Routes of a name server say that the broker is not written to, or is again (205, 327). */
int admin_drain(struct admin *a, const char *addr, const char *broker, bool drain,
	int64_t *topics, struct err *e) MUST_USE;

enum clean_what { CLEAN_CONSUME_QUEUES, CLEAN_COMMIT_LOG, CLEAN_UNUSED_TOPICS };
int admin_clean(
	struct admin *a, const char *addr, enum clean_what what, struct err *e) MUST_USE;

struct broker_lag {
	const char *group, *topic;
	int64_t lag, last_ms; /* store time of the last consumed message; 0 unknown */
};
struct broker_lags {
	struct broker_lag *v;
	size_t n;
};
/* Of every group on one broker (317). */
int admin_broker_lag(struct admin *a, const char *addr, struct arena *mem,
	struct broker_lags *out, struct err *e) MUST_USE;

/* ---- topics ---- */

struct topic_at {
	const char *broker; /* name */
	int read_queues, write_queues, perm;
};

struct topic_info {
	struct topic t; /* queues: sums over brokers; the rest as the first broker has it */
	struct topic_at *at; /* per broker */
	size_t n_at;
};

struct topics {
	struct topic_info *v; /* sorted by name */
	size_t n;
};

struct route_queue {
	const char *broker;
	int read_queues, write_queues, perm;
};

struct route {
	struct broker *brokers;
	size_t n_brokers;
	struct route_queue *queues;
	size_t n_queues;
};

struct queue_id {
	const char *topic, *broker; /* broker name */
	int queue;
};

struct queue_stat {
	struct queue_id q;
	int64_t min, max, last_ms; /* last_ms 0: never written */
};

struct queue_stats {
	struct queue_stat *v; /* sorted by broker, queue */
	size_t n;
};

int admin_topics(
	struct admin *a, struct arena *mem, struct topics *out, struct err *e) MUST_USE;
/* TQ_ENOTOPIC when no broker has it. */
int admin_topic(struct admin *a, const char *name, struct arena *mem, struct topic_info *out,
	struct err *e) MUST_USE;
int admin_route(struct admin *a, const char *topic, struct arena *mem, struct route *out,
	struct err *e) MUST_USE;
const char *route_addr(const struct route *r, const char *broker); /* of its master, or NULL */
int admin_topic_stats(struct admin *a, const char *topic, struct arena *mem,
	struct queue_stats *out, struct err *e) MUST_USE;
/* Groups that consume a topic or have positions on it (300). */
int admin_topic_groups(struct admin *a, const char *topic, struct arena *mem, const char ***out,
	size_t *n, struct err *e) MUST_USE;
/* Creates or changes it on every master of the cluster (17). */
int admin_topic_save(struct admin *a, const struct topic *t, struct err *e) MUST_USE;
/* On the brokers (215), then at every name server (216). */
int admin_topic_delete(struct admin *a, const char *name, struct err *e) MUST_USE;

/*
 * The same as requests, for callers that overlap many of them by client_submit(). Type and note
 * travel in ext `attributes` ("+message.type=FIFO", as 5.x has it) and ext `remark`; both
 * are left out when they say nothing; Apache 4.9 passes over them. Texts are borrowed from t,
 * numbers are put into mem. For groups the body is group_to_json() in mem.
 */
void admin_topic_request(struct command *rq, const struct topic *t, struct arena *mem);
void admin_group_request(struct command *rq, const struct group *g, struct arena *mem);
void admin_namespace_request(struct command *rq, const struct namespace *n, struct arena *mem);

/* ---- groups ---- */

struct groups {
	struct group *v; /* sorted by name */
	int *brokers; /* how many have v[i] */
	size_t n;
};

int admin_groups(
	struct admin *a, struct arena *mem, struct groups *out, struct err *e) MUST_USE;
int admin_group(struct admin *a, const char *name, struct arena *mem, struct group *out,
	struct err *e) MUST_USE; /* TQ_ENOGROUP */
int admin_group_save(struct admin *a, const struct group *g, struct err *e) MUST_USE;
int admin_group_delete(struct admin *a, const char *name, bool offsets, struct err *e) MUST_USE;

struct queue_lag {
	struct queue_id q;
	int64_t broker_off, consumer_off;
	int64_t last_ms; /* store time of the last consumed message; 0 unknown */
};

struct lag {
	struct queue_lag *v; /* sorted by topic, broker, queue */
	size_t n;
	double tps;
};

/* topic NULL: all topics of the group (208). An unknown group gives no rows. */
int admin_lag(struct admin *a, const char *group, const char *topic, struct arena *mem,
	struct lag *out, struct err *e) MUST_USE;

struct member {
	const char *id, *addr;
	int language, version;
};
struct subscription {
	const char *topic, *expr, *type; /* type TAG or SQL92 */
	int64_t version;
};
struct members {
	struct member *v; /* sorted by id, each once */
	size_t n;
	struct subscription *subs;
	size_t n_subs;
	const char *model; /* "CLUSTERING", "BROADCASTING"; NULL: unknown */
	const char *type, *from;
};

/* TQ_EOFFLINE when no broker knows a member (203). */
int admin_members(struct admin *a, const char *group, struct arena *mem, struct members *out,
	struct err *e) MUST_USE;

struct sender {
	const char *group, *id, *addr;
	int64_t seen_ms; /* last heartbeat */
};
struct senders {
	struct sender *v; /* sorted by group and id, each once */
	size_t n;
};

/* Producers that are connected (328); Apache has it since 4.9.4, else TQ_EUNSUPPORTED. */
int admin_senders(
	struct admin *a, struct arena *mem, struct senders *out, struct err *e) MUST_USE;

/* ---- positions and messages ---- */

/* TQ_ENOTFOUND: none committed. Apache's 4.9 answers 0 then, where the queue is young. */
int admin_offset_get(struct admin *a, const char *addr, const char *group, const char *topic,
	int queue, int64_t *out, struct err *e) MUST_USE;
int admin_offset_set(struct admin *a, const char *addr, const char *group, const char *topic,
	int queue, int64_t off, struct err *e) MUST_USE;
int admin_offset_max(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t *out, struct err *e) MUST_USE;
int admin_offset_min(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t *out, struct err *e) MUST_USE;
int admin_offset_at(struct admin *a, const char *addr, const char *topic, int queue, int64_t ms,
	int64_t *out, struct err *e) MUST_USE;

/* A request for messages (11), to be sent by client_submit(). Numbers are put into mem. */
struct pull {
	const char *group, *topic;
	int queue;
	int64_t queue_off;
	int max; /* messages */
	int hold_ms; /* how long the broker may wait for one; 0: it answers at once */
	bool all; /* whatever the tag; false: what the group's heartbeat subscribed to */
	int64_t sub_version; /* of that heartbeat */
};
void admin_pull_request(struct command *rq, const struct pull *p, struct arena *mem);
/*
 * Store time of the first message of a queue that is still there at or behind an offset;
 * TQ_ENOTFOUND: none.
 */
int admin_stored_at(struct admin *a, const char *addr, const char *topic, int queue,
	int64_t off, int64_t *ms, struct err *e) MUST_USE;

struct messages {
	struct message *v; /* slices are in the arena */
	size_t n;
};

/* The record at a physical offset (33). */
int admin_message_view(struct admin *a, const char *addr, int64_t phys_off, struct arena *mem,
	struct message *out, struct err *e) MUST_USE;
/* By key, or by unique id, on all brokers of the topic (12); hits are as the index has them, so
 * the caller compares keys. Nothing found is 0 with n 0. */
int admin_message_query(struct admin *a, const char *topic, const char *key, bool unique,
	int max, int64_t begin_ms, int64_t end_ms, struct arena *mem, struct messages *out,
	struct err *e) MUST_USE;

/* ---- messages that wait: brokerd only, else TQ_EUNSUPPORTED ---- */

struct waiting {
	const char *id; /* offset id of the record that waits: what cancel and resume take */
	const char *unique_id, *topic, *key, *tag; /* "" for none */
	const char *group, *state; /* of transactions: "open", "aside" */
	int queue, level, checks; /* level 0: a time of its own */
	int64_t size, due_ms, born_ms, stored_ms;
};

struct waitings {
	struct waiting *v; /* by time */
	size_t n;
	bool more; /* there are others */
};

/* topic NULL: any; until_ms, before_ms 0: whenever. */
int admin_waiting(struct admin *a, const char *topic, int64_t until_ms, int max,
	struct arena *mem, struct waitings *out, struct err *e) MUST_USE;
/* TQ_ENOTFOUND: delivered or cancelled already; TQ_EBUSY: accepted just now, ask again. */
int admin_waiting_cancel(struct admin *a, const char *id, struct err *e) MUST_USE;
int admin_transactions(struct admin *a, const char *topic, int64_t before_ms, int max,
	struct arena *mem, struct waitings *out, struct err *e) MUST_USE;
/* Of Apache too (323). */
int admin_transaction_resume(struct admin *a, const char *id, struct err *e) MUST_USE;

/* ---- namespaces: brokerd only, else TQ_EUNSUPPORTED ---- */

struct namespaces {
	struct namespace *v; /* sorted by name */
	size_t n;
};

/* 30001 answers {"namespaces":[...]}; 30000 and 30002 carry namespace_to_json() as body, 30003
 * the ext `namespace`. All go to the first master. */
int admin_namespaces(
	struct admin *a, struct arena *mem, struct namespaces *out, struct err *e) MUST_USE;
int admin_namespace_create(struct admin *a, const struct namespace *n, struct err *e) MUST_USE;
int admin_namespace_update(struct admin *a, const struct namespace *n, struct err *e) MUST_USE;
int admin_namespace_delete(struct admin *a, const char *name, struct err *e) MUST_USE;

/* ---- roles ---- */

struct role_grant {
	const char *on, *name; /* namespace, topic, group, topics, groups; wire name */
	bool produce, consume;
};

struct role {
	const char *name, *remark, *allow_from;
	const char *access_key, *secret_key; /* what its clients need; NULL: not told */
	bool admin, account;
	int64_t created_ms, used_ms, old_until_ms; /* 0: unknown, never */
	struct role_grant *grants;
	size_t n_grants;
};

struct roles {
	struct role *v; /* by name */
	size_t n;
};

/*
 * Of brokerd; its first master keeps them. On Apache RocketMQ a role is an account whose access
 * key is its name: it can be made, given another secret and deleted, with 50 and 51 at all masters;
 * the rest is TQ_EUNSUPPORTED there.
 */
int admin_roles(struct admin *a, struct arena *mem, struct roles *out, struct err *e) MUST_USE;
int admin_role(struct admin *a, const char *name, bool show_token, struct arena *mem,
	struct role *out, struct err *e) MUST_USE;
/* name, remark, allow_from. out has the keys. */
int admin_role_create(struct admin *a, const struct role *r, struct arena *mem,
	struct role *out, struct err *e) MUST_USE;
int admin_role_rotate(struct admin *a, const char *name, int64_t grace_ms, struct arena *mem,
	struct role *out, struct err *e) MUST_USE;
int admin_role_delete(struct admin *a, const char *name, bool force, struct err *e) MUST_USE;
/* add: as it says; else what it has is taken. */
int admin_role_grant(struct admin *a, const char *name, const struct role_grant *g, bool add,
	struct err *e) MUST_USE;
/* Whether, and in *rule what decided. g is on a topic or a group. */
int admin_role_can(struct admin *a, const char *name, const struct role_grant *g,
	struct arena *mem, bool *yes, const char **rule, struct err *e) MUST_USE;

/* Addresses that need not sign. Apache can be told, not asked. */
int admin_allow_list(
	struct admin *a, struct arena *mem, const char **out, struct err *e) MUST_USE;
int admin_allow_list_set(struct admin *a, const char *list, struct err *e) MUST_USE;

struct acl_state {
	const char *broker, *addr;
	int64_t counter, timestamp_ms;
};

struct acl_states {
	struct acl_state *v; /* n, a broker each, by name */
	size_t n;
};

int admin_acl_states(
	struct admin *a, struct arena *mem, struct acl_states *out, struct err *e) MUST_USE;

#endif
