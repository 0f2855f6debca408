/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: the loop, the listeners, all connections. One turn of the loop:
 *
 *	1. wait for sockets, timers, posts
 *	2. run what is ready: read, decode, dispatch; answers collect in the connections
 *	3. on_turn hooks, store_commit, pulls woken by it
 *	4. answers whose promise is kept by now go to their connections
 *	5. one writev per connection that has something to say
 */
#ifndef TDMQ_SERVER_H
#define TDMQ_SERVER_H

#include "brokerd/conn.h"
#include "err.h"

struct broker;
struct event_base;
struct timer;
struct sockaddr;

int server_new(struct broker *b, struct server **out, struct err *e) MUST_USE;
/* Listens on address:port (0: any); *bound is the port it got. */
int server_listen(struct server *s, const char *address, int port, int *bound, struct err *e);
void server_run(struct server *s); /* until server_quit() */
void server_quit(struct server *s);
void server_close_all(struct server *s); /* connections and listeners */
void server_free(struct server *s);

/* Any thread: runs fn(arg) on the loop soon. `server` is a struct server; fits store_opts.post. */
void server_post(void *server, void (*fn)(void *arg), void *arg);

/* Timers; freed with the server. The first call comes after `ms`. */
struct timer *server_every(struct server *s, int64_t ms, void (*fn)(void *arg), void *arg);
/* One shot, set and set again with timer_set(); ms < 0 stops it. */
struct timer *timer_new(struct server *s, void (*fn)(void *arg), void *arg);
void timer_set(struct timer *t, int64_t ms);
void timer_free(struct timer *t);

/* Called in step 3 of each turn, before store_commit, in order of registration. */
void server_on_turn(struct server *s, void (*fn)(void *arg), void *arg);
/* Called when a connection is closed, on the loop, while c is still whole. */
typedef void (*server_closed)(void *arg, struct conn *c);
void server_on_close(struct server *s, server_closed fn, void *arg);

/*
 * A connection of our own to another server, from a descriptor that is connected. It has no idle
 * timeout. conn_call() and conn_notify() speak on it; what the other one asks of us is answered.
 */
struct conn *server_adopt(struct server *s, int fd, const struct sockaddr *peer);

/* Walks the open connections: c NULL gives the first. */
struct conn *server_next_conn(struct server *s, struct conn *c);
int server_conns(const struct server *s);
int64_t server_now_ms(struct server *s); /* monotonic; read once a turn */
struct event_base *server_base(struct server *s);

/* --- for conn --- */

#define SERVER_READ_MAX (256u << 10) /* most that is read of one connection in one turn */

struct broker *server_broker(const struct server *s);
char *server_read_buf(struct server *s); /* SERVER_READ_MAX * 2 bytes all connections share */
struct command *server_command(struct server *s);
/* n bytes more, or less, of unsent answers are copies. */
void server_copied(struct server *s, int64_t n);
/* Unsent bytes above which a connection is not read: less when all have too many together. */
size_t server_output_limit(const struct server *s);
struct header_hints *server_hints(struct server *s); /* for reading requests */
/* c wants to write or to close at the end of the turn. */
void server_dirty(struct server *s, struct conn *c);
void server_forget(struct server *s, struct conn *c); /* c is closed */

#endif
