/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webrequest: one HTTPS request to a cloud's API, as it is signed and then sent: the bytes that
 * were signed are the bytes that leave.
 *
 *	struct web_request rq;
 *
 *	web_init(&rq, "GET", "dms.cn-east-3.myhuaweicloud.com", &arena);
 *	web_path(&rq, "v2");
 *	web_path(&rq, project);
 *	web_query(&rq, "limit", "50");
 *	once = rq;
 *	websign_huawei(&once, &key, clock_wall_ms());	(websign.h)
 *	web_target(&once);	"/v2/0123...?limit=50"
 *
 * Names and values are given as they are meant and encoded here, once. Everything lives in the
 * arena. A request that is copied before it is signed can be signed again at another time: what is
 * added to the copy is not in the original. Knows no network: webapi.h sends it.
 */
#ifndef TDMQ_WEBREQUEST_H
#define TDMQ_WEBREQUEST_H

#include "mem.h"
#include "str.h"

struct web_pair {
	const char *name, *value;
};

struct web_pairs {
	struct web_pair *v; /* in the arena */
	size_t n, cap;
};

struct web_request {
	struct arena *mem; /* borrowed */
	const char *method; /* "GET", "POST": a literal */
	const char *host; /* with ":port" unless it is the scheme's own */
	const char *path; /* encoded, "/" at first */
	struct web_pairs query; /* decoded */
	struct web_pairs headers; /* names as they are sent; without Host */
	struct str body; /* borrowed */
};

void web_init(struct web_request *rq, const char *method, const char *host, struct arena *mem);
/* Appends one segment: "/" before it, a slash within it encoded. */
void web_path(struct web_request *rq, const char *segment);
/* They copy. A NULL or empty value adds nothing: what is optional may be passed as it comes. */
void web_query(struct web_request *rq, const char *name, const char *value);
void web_header(struct web_request *rq, const char *name, const char *value);
/* The part behind the host: path, and the query in the order in which it is signed. */
const char *web_target(const struct web_request *rq);
/* Pairs by encoded name, then value: k=v joined by &, all three clouds sort so. */
const char *web_canonical_query(const struct web_request *rq);
/* All but A-Z a-z 0-9 - _ . ~ becomes %XX. */
const char *web_encode(const char *text, struct arena *mem);

#endif
