/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota: how much a cluster may hold and do, by its kind; each figure can be set by itself.
 *
 *	struct quota q;
 *
 *	quota_of(&q, cfg);
 *	if (q.topics && n >= q.topics)
 *		...
 */
#ifndef TDMQ_QUOTA_H
#define TDMQ_QUOTA_H

#include "brokerd/config.h"

/* 0: any number. */
struct quota {
	const char *kind; /* "virtual", "exclusive", "unlimited" */
	int64_t namespaces, topics, groups;
	int64_t topic_queues;
	int64_t calls, bits; /* per second, in and out */
	int64_t producers, consumers; /* of one topic */
};

void quota_of(struct quota *out, const struct config *cfg);

#endif
