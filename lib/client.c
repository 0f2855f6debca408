/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: one poll loop over a list of peers, one peer for each address ever asked.
 *
 *	submit ──▶ peer.out ──▶ socket ──▶ peer.in ──▶ frame ──▶ call of that opaque ──▶ done()
 *
 * A peer goes CLOSED -> CONNECTING -> OPEN and, at any failure, back to CLOSED with all its calls
 * failed; the next request opens it again. Peers are never removed before client_free(), so a
 * pointer to one stays good while callbacks run.
 *
 * Callbacks may submit and even wait (client_call), so nothing is held across one: a frame leaves
 * the input before it is handed over, a call leaves the table before its done() runs, and loops
 * over calls start again after each. Opaques count up over all connections and never repeat among
 * the calls in flight.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "hostport.h"
#include "map.h"
#include "sign.h"

#define CONNECT_MS 3000
#define ROUTES_MAX 8 /* resolved addresses tried for a name */
#define OUT_MAX (64u << 20) /* unsent bytes a peer may hold up */
#define READ_CHUNK (64u << 10)
#define NO_DEADLINE INT64_MAX

enum state { CLOSED, CONNECTING, OPEN };

struct peer {
	char *addr; /* owned; as the caller wrote it */
	enum state state;
	int fd;
	struct sockaddr_storage routes[ROUTES_MAX];
	socklen_t route_len[ROUTES_MAX];
	int n_routes, route; /* route: the one being tried */
	int64_t connect_deadline_us;
	struct buf in, out;
	size_t in_off, out_off; /* bytes of in handed over, of out sent */
	struct peer *next;
};

struct call {
	int32_t opaque; /* key */
	struct peer *peer;
	int code, timeout_ms;
	int64_t deadline_us;
	client_done done;
	void *arg;
	UT_hash_handle hh;
};

struct client {
	int connect_ms;
	char *access_key, *secret_key; /* owned, may be NULL */
	void (*trace)(void *arg, const char *addr, bool sent, const struct command *c);
	void *trace_arg;
	client_serve serve;
	void *serve_arg;
	struct peer *peers;
	struct call *calls;
	int64_t next_deadline_us; /* no call is due before */
	int32_t last_opaque;
	bool stopping;
	struct buf scratch;
};

struct client *client_new(const struct client_opts *o)
{
	struct client *c = mem_alloc(sizeof(*c));

	c->connect_ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS;
	c->access_key = mem_str(o->access_key);
	c->secret_key = mem_str(o->secret_key);
	c->trace = o->trace;
	c->trace_arg = o->trace_arg;
	c->next_deadline_us = NO_DEADLINE;
	buf_init(&c->scratch, FRAME_MAX);
	return c;
}

static void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->state = CLOSED;
	p->in_off = p->out_off = 0;
	buf_clear(&p->in);
	buf_clear(&p->out);
}

void client_free(struct client *c)
{
	struct peer *p, *next;
	struct call *call, *tmp;

	if (!c)
		return;
	map_foreach (c->calls, call, tmp) {
		HASH_DEL(c->calls, call);
		mem_free(call);
	}
	for (p = c->peers; p; p = next) {
		next = p->next;
		peer_close(p);
		buf_release(&p->in);
		buf_release(&p->out);
		mem_free(p->addr);
		mem_free(p);
	}
	buf_release(&c->scratch);
	mem_free(c->access_key);
	if (c->secret_key)
		mem_wipe_free(c->secret_key, strlen(c->secret_key));
	mem_free(c);
}

void reply_free(struct reply *r)
{
	if (!r)
		return;
	mem_free(r->frame);
	mem_free(r);
}

/* ---- calls ---- */

static void call_finish(
	struct client *c, struct call *call, int rc, struct reply *r, const struct err *e)
{
	HASH_DEL(c->calls, call);
	call->done(call->arg, rc, r, e);
	mem_free(call);
}

static struct call *first_call_of(struct client *c, const struct peer *p)
{
	struct call *call, *tmp;

	map_foreach (c->calls, call, tmp)
		if (call->peer == p)
			return call;
	return NULL;
}

/* Closes the peer and fails what was asked of it so far, but not what callbacks ask anew. */
static void peer_fail(struct client *c, struct peer *p, const struct err *why)
{
	struct err e = *why;
	int32_t until = c->last_opaque;
	struct call *call;

	peer_close(p);
	while ((call = first_call_of(c, p)) && (int32_t)(until - call->opaque) >= 0)
		call_finish(c, call, e.code, NULL, &e);
}

static struct call *first_due(struct client *c, int64_t now_us)
{
	struct call *call, *tmp;
	int64_t next = NO_DEADLINE;

	map_foreach (c->calls, call, tmp) {
		if (call->deadline_us <= now_us)
			return call;
		next = MIN(next, call->deadline_us);
	}
	c->next_deadline_us = next;
	return NULL;
}

static int overdue(const struct call *call, struct err *e)
{
	const char *name = request_name(call->code);
	char code[16];
	int rc;

	if (call->peer->state == CONNECTING)
		return err_set(e, TQ_EUNREACHABLE, "cannot connect to '%s' within %d ms",
			call->peer->addr, call->timeout_ms);
	snprintf(code, sizeof(code), "%d", call->code);
	rc = err_set(e, TQ_ETIMEDOUT, "no answer from '%s' to %s within %d ms",
		call->peer->addr, name ? name : code, call->timeout_ms);
	err_why(e, "the request was sent; if it was a change, it may have happened");
	return rc;
}

static void expire_calls(struct client *c, int64_t now_us)
{
	struct call *call;

	if (now_us < c->next_deadline_us)
		return;
	while ((call = first_due(c, now_us))) {
		struct err e = ERR_INIT;

		call_finish(c, call, overdue(call, &e), NULL, &e);
	}
}

/* ---- connecting ---- */

static int peer_resolve(struct peer *p, struct err *e)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST };
	struct addrinfo *list = NULL, *ai;
	const char *port = NULL;
	char host[HOSTPORT_HOST];
	int rc = hostport_split(p->addr, host, &port, e);

	if (rc)
		return rc;
	rc = getaddrinfo(host, port, &hints, &list);
	if (rc == EAI_NONAME) { /* not a literal: now the resolver, which costs more */
		hints.ai_flags = AI_NUMERICSERV;
		rc = getaddrinfo(host, port, &hints, &list);
	}
	if (rc)
		return err_set(
			e, TQ_EUNREACHABLE, "cannot resolve '%s': %s", host, gai_strerror(rc));
	p->n_routes = 0;
	for (ai = list; ai && p->n_routes < ROUTES_MAX; ai = ai->ai_next) {
		memcpy(&p->routes[p->n_routes], ai->ai_addr, ai->ai_addrlen);
		p->route_len[p->n_routes++] = ai->ai_addrlen;
	}
	freeaddrinfo(list);
	p->route = 0;
	return 0;
}

/* Starts on the route at hand; those that fail at once are passed over. */
static int peer_dial(struct client *c, struct peer *p, struct err *e)
{
	int one = 1, sys = 0;

	for (; p->route < p->n_routes; p->route++) {
		const struct sockaddr *sa = (const struct sockaddr *)&p->routes[p->route];

		p->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (p->fd < 0) {
			sys = errno;
			continue;
		}
		setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!connect(p->fd, sa, p->route_len[p->route]) || errno == EINPROGRESS) {
			p->state = CONNECTING;
			p->connect_deadline_us =
				clock_mono_us() + (int64_t)c->connect_ms * 1000;
			return 0;
		}
		sys = errno;
		close(p->fd);
		p->fd = -1;
	}
	errno = sys;
	return err_sys(e, TQ_EUNREACHABLE, "cannot connect to '%s'", p->addr);
}

/* A try failed with errno value sys: the next route, or the end of it. */
static void peer_refused(struct client *c, struct peer *p, int sys)
{
	struct err e = ERR_INIT;

	close(p->fd);
	p->fd = -1;
	if (++p->route < p->n_routes && !peer_dial(c, p, &e))
		return;
	errno = sys;
	err_sys(&e, TQ_EUNREACHABLE, "cannot connect to '%s'", p->addr);
	peer_fail(c, p, &e);
}

static void peer_connected(struct client *c, struct peer *p)
{
	int sys = 0;
	socklen_t n = sizeof(sys);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &sys, &n) < 0)
		sys = errno;
	if (sys)
		peer_refused(c, p, sys);
	else
		p->state = OPEN;
}

static struct peer *peer_find(const struct client *c, const char *addr)
{
	struct peer *p;

	for (p = c->peers; p && strcmp(p->addr, addr); p = p->next)
		;
	return p;
}

static struct peer *peer_get(struct client *c, const char *addr)
{
	struct peer *p = peer_find(c, addr);

	if (p)
		return p;
	p = mem_alloc(sizeof(*p));
	p->addr = mem_str(addr);
	p->fd = -1;
	buf_init(&p->in, FRAME_MAX + READ_CHUNK);
	buf_init(&p->out, OUT_MAX + FRAME_MAX);
	p->next = c->peers;
	c->peers = p;
	return p;
}

/* ---- sending ---- */

static int peer_queue(struct client *c, struct peer *p, struct command *cmd, struct err *e)
{
	buf_clear(&c->scratch);
	command_encode(&c->scratch, cmd);
	if (buf_err(&c->scratch))
		return err_set(e, TQ_ETOOBIG, "request of more than %u bytes", FRAME_MAX);
	if (p->out.n - p->out_off + c->scratch.n > OUT_MAX)
		return err_set(e, TQ_EBUSY, "'%s' does not take what is sent to it", p->addr);
	if (p->out_off == p->out.n) {
		p->out_off = 0;
		buf_clear(&p->out);
	}
	buf_add_str(&p->out, buf_str(&c->scratch));
	if (c->trace)
		c->trace(c->trace_arg, p->addr, true, cmd);
	return 0;
}

static int queue_signed(struct client *c, struct peer *p, struct command *rq, struct err *e)
{
	char signature[SIGN_TEXT];
	int n_ext = rq->n_ext;
	int rc;

	if (!c->access_key || !c->secret_key)
		return peer_queue(c, p, rq, e);
	if (n_ext + 2 > COMMAND_MAX_EXT)
		return err_set(
			e, TQ_ETOOBIG, "request with more than %d fields", COMMAND_MAX_EXT - 2);
	command_add(rq, SIGN_ACCESS_KEY, str_of(c->access_key));
	sign_request(rq, str_of(c->secret_key), signature);
	command_add(rq, SIGN_SIGNATURE, str_of(signature));
	rc = peer_queue(c, p, rq, e);
	rq->n_ext = n_ext;
	return rc;
}

static int peer_request(struct client *c, const char *addr, struct command *rq, int flag,
	struct peer **out, struct err *e)
{
	struct peer *p = peer_get(c, addr);
	int rc = 0;

	*out = p;
	if (p->state == CLOSED)
		rc = peer_resolve(p, e);
	if (!rc && p->state == CLOSED)
		rc = peer_dial(c, p, e);
	if (rc)
		return rc;
	rq->opaque = c->last_opaque = (int32_t)((uint32_t)c->last_opaque + 1);
	rq->language = LANG_OTHER;
	rq->version = TDMQ_WIRE_VERSION;
	rq->flag = flag;
	return queue_signed(c, p, rq, e);
}

int client_submit(struct client *c, const char *addr, struct command *rq, int timeout_ms,
	client_done done, void *arg, struct err *e)
{
	struct peer *p;
	struct call *call;
	int rc = peer_request(c, addr, rq, 0, &p, e);

	if (rc)
		return rc;
	call = mem_alloc(sizeof(*call));
	call->opaque = rq->opaque;
	call->peer = p;
	call->code = rq->code;
	call->timeout_ms = timeout_ms;
	call->deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
	call->done = done;
	call->arg = arg;
	c->next_deadline_us = MIN(c->next_deadline_us, call->deadline_us);
	HASH_ADD(hh, c->calls, opaque, sizeof(call->opaque), call);
	return 0;
}

static void lost(struct client *c, struct peer *p, const char *what, int sys)
{
	struct err e = ERR_INIT;

	if (sys) {
		errno = sys;
		err_sys(&e, TQ_EUNREACHABLE, "connection to '%s' %s", p->addr, what);
	} else {
		err_set(&e, TQ_EUNREACHABLE, "connection to '%s' %s", p->addr, what);
	}
	err_why(&e, "a request without an answer may have been carried out");
	peer_fail(c, p, &e);
}

static void peer_write(struct client *c, struct peer *p)
{
	while (p->state == OPEN && p->out_off < p->out.n) {
		ssize_t n =
			send(p->fd, p->out.p + p->out_off, p->out.n - p->out_off, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0) {
			lost(c, p, "failed", errno);
			return;
		}
		p->out_off += (size_t)n;
	}
}

/* ---- receiving ---- */

static void serve_request(struct client *c, struct peer *p, struct command *rq)
{
	bool oneway = rq->flag & FLAG_ONEWAY;
	struct command answer;
	char remark[64];
	struct err e;

	command_init(&answer, RESP_SUCCESS);
	answer.type = rq->type;
	answer.flag = FLAG_RESPONSE;
	answer.language = LANG_OTHER;
	answer.version = TDMQ_WIRE_VERSION;
	answer.opaque = rq->opaque;
	answer.code = RESP_REQUEST_CODE_NOT_SUPPORTED;
	snprintf(remark, sizeof(remark), "request type %d not supported", rq->code);
	answer.remark = str_of(remark);
	if (c->serve) {
		answer.code = RESP_SUCCESS;
		answer.remark = STR_NONE;
		c->serve(c->serve_arg, p->addr, rq, &answer);
	}
	if (!oneway && p->state == OPEN && peer_queue(c, p, &answer, &e))
		lost(c, p, "does not take answers", 0);
}

static void take_reply(struct client *c, struct peer *p, struct reply *r)
{
	struct call *call;

	HASH_FIND(hh, c->calls, &r->cmd.opaque, sizeof(r->cmd.opaque), call);
	if (!call || call->peer != p) { /* late, or never asked for */
		reply_free(r);
		return;
	}
	call_finish(c, call, 0, r, NULL);
}

static void take_frame(struct client *c, struct peer *p, size_t total)
{
	struct reply *r = mem_alloc(sizeof(*r));
	struct err e = ERR_INIT;

	r->frame = mem_strn(p->in.p + p->in_off, total);
	p->in_off += total;
	if (command_decode(r->frame, total, &r->cmd, &e)) {
		reply_free(r);
		err_wrap(&e, "answer of '%s'", p->addr);
		peer_fail(c, p, &e);
		return;
	}
	if (c->trace)
		c->trace(c->trace_arg, p->addr, false, &r->cmd);
	if (r->cmd.flag & FLAG_RESPONSE) {
		take_reply(c, p, r);
		return;
	}
	serve_request(c, p, &r->cmd);
	reply_free(r);
}

static void take_frames(struct client *c, struct peer *p)
{
	struct err e = ERR_INIT;

	while (p->state == OPEN && p->in_off < p->in.n) {
		struct str rest = { p->in.p + p->in_off, p->in.n - p->in_off };
		size_t total;
		int rc = frame_measure(rest, &total, &e);

		if (rc == TQ_ENOTYET)
			return;
		if (rc) {
			err_wrap(&e, "answer of '%s'", p->addr);
			peer_fail(c, p, &e);
			return;
		}
		take_frame(c, p, total);
	}
}

static void peer_read(struct client *c, struct peer *p)
{
	ssize_t n;
	char *at;

	if (p->in_off == p->in.n)
		buf_clear(&p->in);
	else
		buf_drop(&p->in, p->in_off);
	p->in_off = 0;
	at = buf_reserve(&p->in, READ_CHUNK);
	if (!at) {
		lost(c, p, "sent a frame above the limit", 0);
		return;
	}
	do
		n = recv(p->fd, at, READ_CHUNK, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		p->in.n += (size_t)n;
		take_frames(c, p);
	} else if (!n) {
		lost(c, p, "closed by the server", 0);
	} else if (errno != EAGAIN && errno != EWOULDBLOCK) {
		lost(c, p, "failed", errno);
	}
}

/* ---- the loop ---- */

static void peer_event(struct client *c, struct peer *p, short events)
{
	if (p->state == CONNECTING) {
		if (events)
			peer_connected(c, p);
		else if (clock_mono_us() >= p->connect_deadline_us)
			peer_refused(c, p, ETIMEDOUT);
		return;
	}
	if (p->state == OPEN && events & (POLLIN | POLLHUP | POLLERR))
		peer_read(c, p);
	if (p->state == OPEN)
		peer_write(c, p);
}

#define POLL_MAX 256

/* Fills one pollfd for each live peer; *deadline becomes the next moment something is due. */
static nfds_t watch(
	struct client *c, struct pollfd *fds, struct peer **peers, int64_t *deadline)
{
	struct peer *p;
	nfds_t n = 0;

	*deadline = MIN(*deadline, c->next_deadline_us);
	for (p = c->peers; p && n < POLL_MAX; p = p->next) {
		if (p->state == OPEN)
			peer_write(c, p);
		if (p->state == CLOSED)
			continue;
		if (p->state == CONNECTING)
			*deadline = MIN(*deadline, p->connect_deadline_us);
		fds[n].fd = p->fd;
		fds[n].events = p->state == CONNECTING ? POLLOUT : POLLIN;
		if (p->out_off < p->out.n)
			fds[n].events |= POLLOUT;
		fds[n].revents = 0;
		peers[n++] = p;
	}
	return n;
}

static int wait_ms_until(int64_t deadline_us)
{
	int64_t left;

	if (deadline_us == NO_DEADLINE)
		return -1;
	left = deadline_us - clock_mono_us();
	return left <= 0 ? 0 : (int)MIN((left + 999) / 1000, 1 << 30);
}

/* One round: waits for an event or until_us, and handles what there is. False: interrupted. */
static bool turn(struct client *c, int64_t until_us)
{
	struct pollfd fds[POLL_MAX];
	struct peer *peers[POLL_MAX];
	nfds_t n = watch(c, fds, peers, &until_us);

	if (poll(fds, n, wait_ms_until(until_us)) < 0)
		return false;
	for (nfds_t i = 0; i < n; i++)
		if (peers[i]->fd == fds[i].fd)
			peer_event(c, peers[i], fds[i].revents);
	expire_calls(c, clock_mono_us());
	return true;
}

int client_pending(const struct client *c)
{
	return (int)HASH_COUNT(c->calls);
}

static int64_t until_of(int wait_ms)
{
	return wait_ms < 0 ? NO_DEADLINE : clock_mono_us() + (int64_t)wait_ms * 1000;
}

void client_run(struct client *c, int wait_ms)
{
	int64_t until_us = until_of(wait_ms);

	c->stopping = false;
	while (client_pending(c) && !c->stopping) {
		turn(c, until_us);
		if (clock_mono_us() >= until_us)
			break;
	}
}

void client_stop(struct client *c)
{
	c->stopping = true;
}

struct waiter {
	bool done;
	int rc;
	struct reply *reply;
	struct err err;
};

static void wake(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct waiter *w = arg;

	w->done = true;
	w->rc = rc;
	w->reply = r;
	if (e)
		w->err = *e;
}

int client_call(struct client *c, const char *addr, struct command *rq, int timeout_ms,
	struct reply **out, struct err *e)
{
	struct waiter w = { false, 0, NULL, ERR_INIT };
	int rc = client_submit(c, addr, rq, timeout_ms, wake, &w, e);

	*out = NULL;
	if (rc)
		return rc;
	while (!w.done)
		turn(c, NO_DEADLINE);
	if (w.rc && e)
		*e = w.err;
	*out = w.reply;
	return w.rc;
}

int client_oneway(
	struct client *c, const char *addr, struct command *rq, int timeout_ms, struct err *e)
{
	int64_t until_us = until_of(timeout_ms);
	struct peer *p;
	int rc = peer_request(c, addr, rq, FLAG_ONEWAY, &p, e);

	if (rc)
		return rc;
	/* A turn waits for something to come in as well: none when all is out. */
	while (p->state != CLOSED && clock_mono_us() < until_us) {
		if (p->state == OPEN)
			peer_write(c, p);
		if (p->out_off >= p->out.n)
			break;
		turn(c, until_us);
	}
	if (p->state == CLOSED)
		return err_set(e, TQ_EUNREACHABLE, "cannot send to '%s'", addr);
	if (p->out_off < p->out.n)
		return err_set(
			e, TQ_ETIMEDOUT, "'%s' took no request within %d ms", addr, timeout_ms);
	return 0;
}

void client_on_request(struct client *c, client_serve fn, void *arg)
{
	c->serve = fn;
	c->serve_arg = arg;
}
