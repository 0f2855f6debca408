/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: a remoting client. One thread, one poll loop, many connections; requests overlap.
 *
 *	struct client *c = client_new(&opts);
 *	struct command rq;
 *	struct reply *rp;
 *
 *	command_init(&rq, REQ_GET_ROUTEINFO_BY_TOPIC);
 *	command_add(&rq, "topic", str_of(name));
 *	rc = client_call(c, "127.0.0.1:9876", &rq, 5000, &rp, e);
 *	if (!rc && rp->cmd.code == RESP_SUCCESS)
 *		... rp->cmd.body ...
 *	reply_free(rp);
 *
 * Connections are opened at first use, kept, and opened anew after a failure. Errors:
 * TQ_EUNREACHABLE (resolve, connect), TQ_ETIMEDOUT (no answer in time; a write may have happened
 * and the text says so), TQ_EFORMAT (what came back is no frame). A response code other than 0
 * is not an error here: admin.h maps it.
 */
#ifndef TDMQ_CLIENT_H
#define TDMQ_CLIENT_H

#include "remoting.h"

struct client;

struct client_opts {
	int connect_ms; /* 0: 3000 */
	const char *access_key, *secret_key; /* copied; NULL: requests are not signed */
	void (*trace)(void *arg, const char *addr, bool sent,
		const struct command *c); /* may be NULL */
	void *trace_arg;
};

struct reply {
	struct command cmd; /* points into frame */
	char *frame; /* owned */
};

struct client *client_new(const struct client_opts *o);
void client_free(struct client *c);
void reply_free(struct reply *r);

/* Sends and waits. rq's opaque, language and version are filled here. */
int client_call(struct client *c, const char *addr, struct command *rq, int timeout_ms,
	struct reply **out, struct err *e) MUST_USE;
/* Without an answer; returns once it is handed to the kernel. */
int client_oneway(struct client *c, const char *addr, struct command *rq, int timeout_ms,
	struct err *e) MUST_USE;

/*
 * Overlapping: done is called exactly once from client_run(), with rc 0 and the reply (the
 * callee's to free), or with an error. It may submit further requests.
 */
typedef void (*client_done)(void *arg, int rc, struct reply *r, const struct err *e);
int client_submit(struct client *c, const char *addr, struct command *rq, int timeout_ms,
	client_done done, void *arg, struct err *e) MUST_USE;
int client_pending(const struct client *c);
/* Runs until nothing is pending, or wait_ms passed (-1: no bound), or client_stop() was called. */
void client_run(struct client *c, int wait_ms);
void client_stop(struct client *c);

/*
 * Requests that servers send us (40, 220, 307 ...). The handler fills *answer (code 0 already
 * set) whose slices must live until it returns to the loop; unhandled codes are answered with 3.
 */
typedef void (*client_serve)(
	void *arg, const char *addr, const struct command *rq, struct command *answer);
void client_on_request(struct client *c, client_serve fn, void *arg);

#endif
