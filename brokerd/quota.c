/* SPDX-License-Identifier: Apache-2.0 */
/* What a setting does not say comes from the kind of the cluster; an unlimited one says nothing. */
#include "brokerd/quota.h"

#include "names.h"

#define NAMESPACES 10
#define PRODUCERS 1000
#define CONSUMERS 500
#define MBIT 1000000LL
#define NODE_MBIT 40 /* of an exclusive cluster, which has two at least */

enum kind { KIND_VIRTUAL, KIND_EXCLUSIVE };
const char *const quota_kinds[] = {
	[KIND_VIRTUAL] = "virtual", [KIND_EXCLUSIVE] = "exclusive", NULL
};
const char *const quota_specs[] = { "basic", "standard", "advanced1", "advanced2", NULL };

/* An exclusive cluster is made of nodes of one specification. */
static const struct {
	int64_t node_calls, topics, groups;
} specs[] = {
	{ 2000, 200, 2000 },
	{ 5000, 300, 3000 },
	{ 10000, 400, 4000 },
	{ 18000, 500, 5000 },
};

static struct quota of_kind(const struct config *cfg)
{
	struct quota q = { .kind = "unlimited" };

	if (cfg->unlimited)
		return q;
	q = (struct quota){
		.kind = quota_kinds[KIND_VIRTUAL],
		.namespaces = NAMESPACES,
		.topics = 150,
		.groups = 1500,
		.topic_queues = TOPIC_QUEUES_MAX,
		.calls = 4000,
		.bits = 40 * MBIT,
		.producers = PRODUCERS,
		.consumers = CONSUMERS,
	};
	if (cfg->cluster_kind == KIND_VIRTUAL)
		return q;
	q.kind = quota_kinds[KIND_EXCLUSIVE];
	q.topics = specs[cfg->cluster_spec].topics;
	q.groups = specs[cfg->cluster_spec].groups;
	q.calls = specs[cfg->cluster_spec].node_calls * cfg->cluster_nodes;
	q.bits = NODE_MBIT * MBIT * cfg->cluster_nodes;
	return q;
}

static void say(int64_t *v, int64_t setting)
{
	if (setting >= 0)
		*v = setting;
}

void quota_of(struct quota *out, const struct config *cfg)
{
	*out = of_kind(cfg);
	say(&out->namespaces, cfg->max_namespaces);
	say(&out->topics, cfg->max_topics);
	say(&out->groups, cfg->max_groups);
	say(&out->topic_queues, cfg->max_topic_queues);
	say(&out->calls, cfg->max_calls);
	say(&out->bits, cfg->max_bandwidth < 0 ? -1 : cfg->max_bandwidth * MBIT);
	say(&out->producers, cfg->max_producers);
	say(&out->consumers, cfg->max_consumers);
}
