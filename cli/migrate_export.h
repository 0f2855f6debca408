/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_export: `tdmqctl migrate export SOURCE`: metadata of a cluster or a cloud into a file.
 * Its entry is in the table of cmd_migrate.c; the sources are a table of migrate_export.c.
 */
#ifndef TDMQCTL_MIGRATE_EXPORT_H
#define TDMQCTL_MIGRATE_EXPORT_H

#include "cloud.h"

struct export_args {
	const char *source, *file;
	int format; /* enum export_format */
	const char *cluster;
	bool topics_only, groups_only;
	struct cloud_args cloud;
	const char *project, *instance, *iam_endpoint;
	int signature; /* of Alibaba Cloud: 1 or 3 */
	bool subscriptions, policies;
};

extern const char *const export_sources[]; /* names, NULL at the end */
extern const struct opt export_opts[];
int migrate_export(struct ctx *cx, const void *args);

#endif
