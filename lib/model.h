/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: what a cluster holds: namespaces, topics, groups. The same structs are filled by option
 * tables, read from and written to Apache's JSON, and shown. Strings are borrowed; whoever fills
 * the struct says from where (an arena of the command or request, as a rule).
 */
#ifndef TDMQ_MODEL_H
#define TDMQ_MODEL_H

#include "err.h"
#include "json.h"
#include "str.h"

/* What messages a topic takes. Mixed: all, as topics of Apache do; those nobody gave a type. */
enum topic_type {
	TOPIC_NORMAL,
	TOPIC_FIFO,
	TOPIC_DELAY,
	TOPIC_TRANSACTION,
	TOPIC_MIXED,
	TOPIC_TYPES
};
extern const char *const topic_type_names[]; /* normal fifo delay transaction mixed NULL */

enum perm { PERM_INHERIT = 1, PERM_WRITE = 2, PERM_READ = 4, PERM_RW = 6 };

#define NAMESPACE_RETENTION_MS (72 * 3600000LL) /* of a namespace, unless it says less */

struct namespace
{
	const char *name, *remark;
	int64_t retention_ms, created_ms;
	int max_topics, max_groups; /* 0: as many as the cluster may have */
	int topics, groups; /* counts, filled by listings */
};

struct topic {
	const char *name; /* wire name */
	const char *remark;
	int type; /* enum topic_type */
	int read_queues, write_queues;
	int perm; /* enum perm bits */
	int sysflag;
	bool order, multi_tag;
	int64_t created_ms; /* 0: unknown */
};

struct group {
	const char *name; /* wire name */
	const char *remark;
	bool consume, consume_from_min, broadcast, notify_changed;
	int retry_queues, retry_max;
	int64_t broker_id, slow_broker_id;
	int64_t created_ms;
};

/* Apache's DataVersion: of a table, equal only if both are. */
struct data_version {
	int64_t counter, timestamp_ms;
};

#define TOPIC_QUEUES 3
#define GROUP_RETRY_QUEUES 1
#define GROUP_RETRIES 16
#define GROUP_RETRIES_MAX 1000

struct topic topic_defaults(void); /* TOPIC_QUEUES, perm 6, normal */
struct group group_defaults(void); /* all on, GROUP_RETRY_QUEUES, GROUP_RETRIES */

/* Bounds of product rules; names are checked as wire names. */
int topic_validate(const struct topic *t, struct err *e);
int group_validate(const struct group *g, struct err *e);

/*
 * Apache's JSON objects: topicConfigTable and subscriptionGroupTable entries. Absent members get
 * Apache's defaults (16 queues, perm 6; 16 retries). Ours travel in "attributes", as 5.x has them:
 * {"message.type":"FIFO"} for the type (without it: mixed), "remark" for the note, "created" for
 * the time. A name may be absent (NULL). TQ_EFORMAT for numbers no table can hold. Strings are borrowed from o.
 */
int topic_from_json(struct topic *t, const cJSON *o, struct err *e);
int group_from_json(struct group *g, const cJSON *o, struct err *e);
void topic_to_json(struct jw *w, const struct topic *t);
void group_to_json(struct jw *w, const struct group *g);
int namespace_from_json(struct namespace *n, const cJSON *o, struct err *e);
void namespace_to_json(struct jw *w, const struct namespace *n);

/* "rw", "r", "w", with 'i' if inherited; "none". */
const char *perm_text(int perm, char out[4]);
/* "NORMAL" FIFO DELAY TRANSACTION MIXED, the attribute values of 5.x. */
const char *topic_type_wire(int type);
int topic_type_from_wire(const char *s, int absent);

#endif
