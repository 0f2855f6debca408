/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch: asks a cloud for what one of its RocketMQ instances holds, and puts it into an export as
 * it came: fetch_huawei() and fetch_ons().
 *
 *	struct fetch_opts o = { .key = &key, .region = "cn-east-3", .instance = id };
 *
 *	export_init(&x, "huawei");
 *	rc = fetch_huawei(&x, &o, e);
 *
 * A part that the keys do not permit, or a list that is shorter than the service counts, is put
 * down as incomplete and the rest goes on; so does a part that only adds detail, whatever became of
 * it. What fails otherwise fails the whole: half a list must not look like one.
 */
#ifndef TDMQ_FETCH_H
#define TDMQ_FETCH_H

#include "cloudapi.h"
#include "export.h"

#define FETCH_MAX_ITEMS 10000 /* of one list */

struct fetch_opts {
	const struct cloudkey *key; /* borrowed; its region and project stand in */
	const char *region, *project, *instance; /* NULL: not said */
	const char *endpoint; /* NULL: the region's */
	const char *iam_endpoint; /* Huawei: where a project's id is looked up */
	bool subscriptions; /* a request for each group: which topics it reads */
	bool policies; /* Huawei: a request for each topic: who may use it */
	bool signature_1; /* Alibaba */
	struct webapi_opts web;
	/* A line for people: instances to choose from, warnings. */
	void (*note)(void *arg, const char *line);
	void *arg;
};

/*
 * Without a region, or an instance, those there are are told through note(), as far as they can be
 * known, and the result is TQ_EUSAGE.
 */
int fetch_huawei(struct export *x, const struct fetch_opts *o, struct err *e) MUST_USE;
int fetch_ons(struct export *x, const struct fetch_opts *o, struct err *e) MUST_USE;

/* For the two of them: one instance being asked about. */
struct fetch {
	struct export *x;
	const struct fetch_opts *o;
	struct cloudapi api;
	const char *region;
};

void fetch_note(const struct fetch *f, const char *fmt, ...) PRINTF(2, 3);
/*
 * What becomes of a part that ended with rc and e: 0 when the export goes on, without it or with
 * it; e is cleared then. detail: the export is whole enough without.
 */
int fetch_part(struct fetch *f, const char *what, bool detail, int rc, struct err *e);
/* It becomes part of a host name: only letters, digits and '-'. */
int fetch_check_region(const char *region, struct err *e);
/* At the end: an export without any list is none. */
int fetch_check(const struct fetch *f, struct err *e);
/* total: what the service counts, below 0 if it does not. */
void fetch_count(struct fetch *f, const char *what, int64_t got, int64_t total);

#endif
