/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: what a migration would do, item by item, with the reason. Building one changes nothing.
 *
 *	struct plan p;
 *
 *	plan_init(&p);
 *	rc = plan_build(&p, &inv, &opts, &holdings, e);
 *	... plan.items, in the order in which they would be made: namespaces, topics, groups ...
 *	plan_release(&p);
 *
 * Every found item is in the plan exactly once, also those that are skipped or refused.
 */
#ifndef TDMQ_PLAN_H
#define TDMQ_PLAN_H

#include "mapping.h"
#include "source.h"

#define PLAN_MAX_TOPICS 1000
#define PLAN_MAX_GROUPS 1000

enum verdict {
	VERDICT_CREATE,
	VERDICT_EXISTS, /* nothing to do */
	VERDICT_ADJUST, /* exists with other settings, which are changed */
	VERDICT_CONFLICT, /* exists with other settings, which stay: counts as failed */
	VERDICT_REFUSED, /* cannot be made: counts as failed */
	VERDICT_SKIPPED, /* not to be made */
	VERDICTS
};
extern const char
	*const verdict_names[]; /* create exists adjust conflict refused skipped NULL */

enum on_conflict { ON_CONFLICT_FAIL, ON_CONFLICT_SKIP, ON_CONFLICT_UPDATE };
extern const char *const on_conflict_names[]; /* fail skip update NULL */

enum {
	QUEUES_SCALE = 0,
	QUEUES_KEEP = -1
}; /* plan_opts.queues; above 0: that many for every topic */

struct plan_opts {
	struct mapping map;
	const char *const *select; /* source names and globs, NULL-terminated; NULL: all */
	/* Asked for each item that is none of the system's, may be NULL: whether it is wanted. */
	bool (*pick)(void *arg, enum object_kind kind, const char *source);
	void *pick_arg;
	enum on_conflict on_conflict;
	int queues;
	bool relaxed; /* every topic takes messages of all types */
};

struct held_topic {
	struct topic t;
	int brokers; /* masters that have it */
};

struct held_group {
	struct group g;
	int brokers;
};

/* What the target holds and allows, as plan_build() wants to know it. */
struct holdings {
	struct arena mem;
	struct namespace *namespaces; /* owned array, strings in mem */
	struct held_topic *topics; /* wire names, queues per broker */
	struct held_group *groups;
	size_t n_namespaces, n_topics, n_groups;
	bool has_types; /* topics have a message type there */
	bool tdmq; /* TDMQ of the cloud: topics take one type and have no permission */
	bool no_transactions; /* no topics for them */
	bool has_namespaces; /* namespaces are objects there; otherwise prefixes only */
	int brokers; /* masters a topic is made on; at least 1 */
	int max_queues; /* per broker */
	int min_queues; /* the same, but for topics with a global order; 0: one */
	int limit[OBJ_KINDS], used[OBJ_KINDS]; /* of the whole cluster; limit 0: none */
};

void holdings_init(struct holdings *h);
void holdings_release(struct holdings *h);

struct plan_item {
	enum object_kind kind;
	enum verdict verdict;
	enum reason reason;
	unsigned long long warnings; /* WARN_BIT() */
	const char *source; /* name in the source; "" for a namespace made on the way */
	const char *ns, *name; /* in the target; NULL if it has none; a namespace has only ns */
	const char *detail; /* the sentence behind the verdict, "" if none */
	bool same; /* the target has it, in every way as it shall be */
	union {
		struct namespace namespace;
		struct topic topic; /* as it shall be: wire name, queues per broker */
		struct group group;
	};
};

struct plan {
	struct arena mem;
	const struct inventory *inv; /* borrowed; NULL: read from a file */
	bool offline; /* built without looking at a target */
	struct plan_item *items; /* owned array */
	size_t n, cap;
	int counts[OBJ_KINDS][VERDICTS];
};

void plan_init(struct plan *p);
void plan_release(struct plan *p);
/* have NULL: offline, as if the target were an empty brokerd. inv must outlive the plan. */
int plan_build(struct plan *p, const struct inventory *inv, const struct plan_opts *o,
	const struct holdings *have, struct err *e) MUST_USE;
/*
 * Verdicts again, of a plan that was built before, against what the target holds now. Items keep
 * names and settings; those skipped stay so, and those refused unless by a quota.
 */
void plan_review(struct plan *p, enum on_conflict on_conflict, const struct holdings *have);
/* Appends an empty item. Takes nothing: its texts must live as long as the plan. */
struct plan_item *plan_add(struct plan *p, enum object_kind kind);
void plan_count(struct plan *p); /* counts[] from items */
/* Items that running the plan would write. */
int plan_writes(const struct plan *p);

#endif
