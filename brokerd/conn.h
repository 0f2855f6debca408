/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn: one connection. Input frames go to dispatch; answers and our own requests leave at the
 * end of the loop turn, in one writev. A connection is known by its pointer while somebody holds
 * a reference, and by its id for ever.
 *
 * Our own requests (40, 220, 307 ...) have their own opaque numbers and are always JSON:
 *
 *	command_init(&rq, REQ_NOTIFY_CONSUMER_IDS_CHANGED);
 *	command_add(&rq, "consumerGroup", group);
 *	conn_notify(c, &rq);
 */
#ifndef TDMQ_CONN_H
#define TDMQ_CONN_H

#include "message.h"
#include "remoting.h"

struct server;
struct event;
struct evbuffer;
struct conn_call;
struct hold_entry;

struct conn {
	uint64_t id; /* never used again */
	struct host remote, local;
	int language, version; /* of the last request on it: enum language, version ordinal */
	bool closed;
	bool ours; /* we connected: server_adopt() */
	/* Who sent requests on it (permit.c): a role of acl.h, or many; by a token that was changed. */
	uint32_t role;
	bool many_roles, old_key;

	/* conn.c's own. */
	int refs, fd;
	struct server *server;
	struct event *ev_read, *ev_write;
	struct buf in; /* the part of a frame that came so far */
	int64_t frame_ms; /* monotonic, when it began or had grown by some; 0: none */
	size_t frame_n; /* what of it was there then */
	struct evbuffer *out;
	size_t copied; /* most of out that is memory, not the mapped log */
	bool dirty, closing, full, writing;
	int64_t active_ms; /* monotonic, last byte read or written */
	int32_t next_opaque;
	struct conn_call *calls; /* ours without an answer yet, by opaque */
	struct hold_entry *held; /* hold.c: pulls of it that wait */
	struct conn *next, *prev; /* all connections */
	struct conn *next_dirty;
};

struct conn *conn_ref(struct conn *c);
void conn_unref(struct conn *c);
/* At the end of the turn, after what is in its buffer was handed to the kernel as far as it goes. */
void conn_close(struct conn *c);
const char *conn_peer(const struct conn *c, char *buf); /* "10.0.0.1:5000"; HOST_TEXT bytes */

/*
 * One-way request; opaque, flags, language and version are filled here. Not sent to a client that
 * has twice output-limit to read already.
 */
void conn_notify(struct conn *c, struct command *rq);
/*
 * Request with an answer. done is called exactly once from the loop: rc 0 and the answer, which
 * is borrowed for the call; TQ_ETIMEDOUT; TQ_EUNREACHABLE when the connection ends first;
 * TQ_EBUSY when it has twice output-limit to read already.
 */
typedef void (*conn_done)(void *arg, int rc, const struct command *answer);
void conn_call(struct conn *c, struct command *rq, int timeout_ms, conn_done done, void *arg);

#endif
