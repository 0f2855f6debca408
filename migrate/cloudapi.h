/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloudapi: one API of one cloud: signed, asked, its answers as JSON, its errors as ours.
 *
 *	struct cloudapi c;
 *	struct web_request *rq;
 *	cJSON *doc = NULL;
 *
 *	rc = cloudapi_open(&c, &opts, e);
 *	rq = cloudapi_request(&c, "GET");
 *	web_path(rq, "v2");
 *	rc = rc ? rc : cloudapi_call(&c, NULL, &doc, e);
 *	... c.reason says in a word why it failed ...
 *	cJSON_Delete(doc);
 *	cloudapi_close(&c);
 *
 * Three clouds say what is wrong in five shapes; all of them are understood here, and which codes
 * are worth another try is in one table a cloud. One thread, one call at a time.
 */
#ifndef TDMQ_CLOUDAPI_H
#define TDMQ_CLOUDAPI_H

#include "cloudkey.h"
#include "json.h"
#include "source.h"
#include "webapi.h"

struct cloudapi_opts {
	enum cloud cloud;
	const struct web_key *key; /* borrowed */
	const char *endpoint; /* as --endpoint takes it */
	const char *project; /* Huawei: sent with each request; may be NULL */
	struct web_action action; /* the others: service, version, region; borrowed */
	bool signature_1; /* Alibaba: the older signature */
	struct webapi_opts web; /* plain is set from the endpoint */
};

struct cloudapi {
	struct cloudapi_opts o;
	const char *host; /* in mem_long */
	struct webapi *web; /* owned */
	enum reason reason; /* of the last call that failed */
	int tries; /* of the last call */
	struct arena mem, mem_long; /* of one call; of all */
	struct web_request rq; /* the call under way */
	cJSON *doc; /* its answer, until it is handed over */
};

int cloudapi_open(struct cloudapi *c, const struct cloudapi_opts *o, struct err *e) MUST_USE;
void cloudapi_close(struct cloudapi *c);
/* The next request, empty; what is put into it lives in c->mem until the request after it. */
struct web_request *cloudapi_request(struct cloudapi *c, const char *method);
/*
 * Sends it. action is its name, NULL where the path says all. *out is the caller's; of Tencent
 * what is in "Response". Errors: those of webapi_call(), TQ_EDENIED, TQ_ENOTFOUND, TQ_EEXIST,
 * TQ_ELIMIT, TQ_EINVAL, TQ_EBUSY, TQ_EUNAVAILABLE, TQ_EUNSUPPORTED, TQ_EFAIL.
 */
int cloudapi_call(struct cloudapi *c, const char *action, cJSON **out, struct err *e) MUST_USE;

#endif
