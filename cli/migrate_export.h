/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_export: `tdmqctl migrate export SOURCE`: metadata of a cluster or a cloud into a file.
 * Its entry is in the table of cmd_migrate.c; the sources are a table of migrate_export.c.
 */
#ifndef TDMQCTL_MIGRATE_EXPORT_H
#define TDMQCTL_MIGRATE_EXPORT_H

#include "opt.h"

struct ctx;

struct export_args {
	const char *source, *file;
	int format; /* enum export_format */
	const char *region, *project, *instance, *endpoint, *iam_endpoint, *ca_file;
	const char *profile, *access_key, *secret_from;
	int signature; /* of Alibaba Cloud: 1 or 3 */
	bool subscriptions, policies;
	int tries;
	double rate;
};

extern const char *const export_sources[]; /* names, NULL at the end */
extern const struct opt export_opts[];
int migrate_export(struct ctx *cx, const void *args);

#endif
