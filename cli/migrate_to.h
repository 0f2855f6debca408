/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_to: where a migration goes: the cluster of the context, or one of Tencent Cloud. The
 * arguments of such a command have a member `struct to_args to`.
 */
#ifndef TDMQCTL_MIGRATE_TO_H
#define TDMQCTL_MIGRATE_TO_H

#include "cloud.h"
#include "migrate/target.h"

enum to_kind { TO_CLUSTER, TO_TENCENT };
extern const char *const to_names[]; /* cluster tencent NULL */

struct to_args {
	int kind; /* enum to_kind */
	const char *cluster_id;
	struct cloud_args cloud;
};

#define TO_KIND_OPT(type) \
	OPT_ENUM(0, "to", type, to.kind, to_names, TO_CLUSTER, \
		"the cluster of the context, or tdmq of the cloud")
#define TO_OPTS(type) \
	TO_KIND_OPT(type), \
		OPT_STR(0, "cluster-id", "id", type, to.cluster_id, "in the cloud"), \
		CLOUD_OPTS(type, to.cloud)

int migrate_target(struct ctx *cx, const struct to_args *to, struct target **out) MUST_USE;

#endif
