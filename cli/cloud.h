/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloud: what commands that ask a cloud have in common: its options, its keys, the trace, when to
 * stop. The arguments of such a command have a member `struct cloud_args cloud`.
 *
 *	rc = cloud_key(cx, CLOUD_ALI, &a->cloud, &key);
 *	web = cloud_web(cx, &a->cloud);
 */
#ifndef TDMQCTL_CLOUD_H
#define TDMQCTL_CLOUD_H

#include "ctx.h"
#include "migrate/cloudkey.h"
#include "migrate/webapi.h"

struct cloud_args {
	const char *region, *endpoint, *ca_file, *profile, *access_key, *secret_from;
	int tries;
	double rate;
};

/* at: the member that is a struct cloud_args. */
#define CLOUD_OPTS(type, at) \
	OPT_STR(0, "region", "region", type, at.region, "of the cloud"), \
		OPT_STR(0, "endpoint", "url", type, at.endpoint, \
			"instead of the cloud's own"), \
		OPT_NAME(0, "ca-file", "file", type, at.ca_file, NAMES_FILE, \
			"authorities to trust instead of the system's"), \
		OPT_STR(0, "profile", "name", type, at.profile, \
			"of the files of the cloud's own tools"), \
		OPT_STR(0, "access-key", "id", type, at.access_key, \
			"its secret comes through --secret-from"), \
		OPT_STR(0, "secret-from", "where", type, at.secret_from, \
			"env:NAME, file:PATH, exec:CMD or prompt"), \
		OPT_INT(0, "tries", "n", type, at.tries, 1, 20, 6, \
			"how often to ask a service that is busy or silent"), \
		OPT_RATE(0, "rate", type, at.rate, "requests at most, 5/s unless given")

/* Finds them, and says from where. */
int cloud_key(struct ctx *cx, enum cloud cloud, const struct cloud_args *a, struct cloudkey *k);
struct webapi_opts cloud_web(struct ctx *cx, const struct cloud_args *a);
/* An endpoint that is not encrypted is used, with a warning. NULL is fine. */
void cloud_warn_plain(struct ctx *cx, const char *endpoint);

#endif
