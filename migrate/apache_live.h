/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apache_live: what a running cluster of Apache RocketMQ (or brokerd) holds, as an export (export.h)
 * whose body src_apache_export.c reads.
 *
 *	export_init(&x, "apache");
 *	rc = apache_live_fetch(admin, &opts, &x, e);
 *
 * All masters are asked at once, slaves never. A master that does not answer is in x->incomplete;
 * it is an error only when none did.
 */
#ifndef TDMQ_APACHE_LIVE_H
#define TDMQ_APACHE_LIVE_H

#include "admin.h"
#include "export.h"

struct apache_live {
	const char *cluster; /* NULL: the only one there is */
	bool no_topics, no_groups;
	bool some_brokers; /* the admin is restricted to some: others are not missed */
};

/* TQ_EUSAGE: several clusters and none chosen; TQ_EUNSUPPORTED: name servers that answer nobody. */
int apache_live_fetch(
	struct admin *a, const struct apache_live *o, struct export *x, struct err *e) MUST_USE;

#endif
