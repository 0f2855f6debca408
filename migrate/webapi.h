/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webapi: sends signed requests to a cloud, over HTTPS, with patience.
 *
 *	static const struct web_dialect dialect = { "Huawei Cloud", sign, judge };
 *	struct webapi *w = NULL;
 *
 *	rc = webapi_new(&w, &opts, e);
 *	rc = webapi_call(w, &rq, &dialect, me, &reply, e);
 *	... reply.body is JSON, in rq's arena ...
 *	webapi_free(w);
 *
 * A dialect knows how one cloud signs and what its answers mean; webapi knows connections, limits
 * and time. It tries again what may pass (no connection, timeouts, 429, 502, 503, 504, and what
 * the dialect calls WEB_RETRY) after 0.5 s, doubled up to 16 s, up to a Retry-After, each a little
 * by chance; it keeps calls min_gap_ms apart; it corrects its clock once by the Date of an answer
 * that the dialect calls WEB_SKEWED. Redirects are not followed: a request goes to the host that
 * was named, with its signature, and nowhere else. Certificates are checked. A proxy is taken
 * from the usual environment (https_proxy, no_proxy). One thread.
 *
 * libcurl is loaded when the first webapi is made (cli/late_curl.c).
 */
#ifndef TDMQ_WEBAPI_H
#define TDMQ_WEBAPI_H

#include "webrequest.h"

struct webapi;

#define WEBAPI_MAX_BODY (64u << 20) /* of one answer */

struct webapi_opts {
	bool plain; /* http instead of https: only where the user wrote http:// */
	const char *ca_file; /* borrowed; NULL: the system's authorities */
	int connect_ms, total_ms; /* 0: 10 s, 60 s */
	int tries; /* 0: 6 */
	int min_gap_ms; /* between the starts of two calls */
	int first_wait_ms; /* 0: 500; tests take less */
	/* What was asked and answered, a line each, without secrets. May be NULL. */
	void (*trace)(void *arg, const char *line);
	/* Asked ten times a second: true ends the call with TQ_EINTERRUPTED. May be NULL. */
	bool (*stop)(void *arg);
	void *arg;
};

struct web_reply {
	int status; /* of HTTP */
	struct str body;
	int tries; /* that it took */
};

enum web_verdict {
	WEB_OK,
	WEB_RETRY, /* may pass: throttled, internal error */
	WEB_SKEWED, /* the cloud says our time is wrong */
	WEB_FAILED,
};

struct web_dialect {
	const char *name; /* for errors: "Huawei Cloud" */
	/* Adds the signature; nonce is another with each call. */
	void (*sign)(void *arg, struct web_request *rq, const char *nonce, int64_t now_ms);
	/* What the answer means. Anything but WEB_OK sets e, with the cloud's own words. */
	enum web_verdict (*judge)(void *arg, const struct web_reply *r, struct err *e);
};

int webapi_new(struct webapi **out, const struct webapi_opts *o, struct err *e) MUST_USE;
void webapi_free(struct webapi *w);
/* arg goes to the dialect. Errors: TQ_EUNREACHABLE, TQ_ETIMEDOUT, TQ_EINTERRUPTED, the judge's. */
int webapi_call(struct webapi *w, const struct web_request *rq, const struct web_dialect *d,
	void *arg, struct web_reply *out, struct err *e) MUST_USE;

/*
 * "https://host[:port]", "http://host[:port]" or "host[:port]" as --endpoint takes it; host is
 * put into mem. TQ_EUSAGE for anything else.
 */
int webapi_endpoint(const char *text, struct arena *mem, const char **host, bool *plain,
	struct err *e) MUST_USE;

#endif
