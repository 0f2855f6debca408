/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop. libevent waits and calls; a turn ends when it has called everybody who was ready
 * (EVLOOP_ONCE). Work that many requests share is done then, once: the commit of the log, the
 * release of answers, one writev per connection.
 *
 * All connections read into one buffer, so that an idle one costs no buffer at all; what is left
 * of a frame is kept by the connection (conn.c).
 *
 * Closing happens at the end of a turn too: nobody finds a connection gone under his feet, and
 * answers that are ready still leave.
 */
#include "brokerd/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <utlist.h>

#include "brokerd/broker.h"
#include "brokerd/conn_impl.h"
#include "brokerd/hold.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "thread.h"

#define LOG_SERVER "server"
#define LISTEN_BACKLOG 1024
#define ACCEPT_PER_TURN 64
#define SCAN_MS 5000
#define HOOKS_MAX 8
#define OUTPUT_MIN (64 << 10) /* per connection, while all have output-total */

struct listener {
	int fd;
	struct event *ev;
	struct server *server; /* borrowed */
	struct listener *next;
};

struct timer {
	struct event *ev;
	struct server *server; /* borrowed */
	void (*fn)(void *arg);
	void *arg;
	int64_t every_ms; /* 0: one shot */
	struct timer *next, *prev;
};

struct turn_hook {
	void (*fn)(void *arg);
	void *arg;
};

#define FILE_FDS 160 /* of the store, the metadata, the log */

struct close_hook {
	server_closed fn;
	void *arg;
};

struct server {
	struct broker *broker; /* borrowed */
	struct event_base *base;
	struct mailbox *mail;
	struct event *ev_mail;
	struct listener *listeners;
	struct timer *timers;
	struct timer *accept_again; /* after running out of descriptors */
	struct turn_hook turn[HOOKS_MAX];
	struct close_hook closed[HOOKS_MAX];
	size_t n_turn, n_closed;
	struct conn *conns, *dirty;
	int n_conns;
	int64_t copied; /* bytes of unsent answers, of all */
	int64_t fds; /* the process may have */
	uint64_t last_id;
	int64_t scanned_ms; /* monotonic, when connections were last looked through for silent ones */
	int64_t now_ms; /* of this turn; 0: nobody has asked */
	bool quit;
	struct command cmd; /* the one being run */
	struct header_hints hints; /* of all connections */
	char read_buf[SERVER_READ_MAX * 2];
};

/* --- posts and timers --- */

static void mail_ready(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct server *s = arg;

	mailbox_run(s->mail);
}

void server_post(void *server, void (*fn)(void *arg), void *arg)
{
	struct server *s = server;

	post(s->mail, fn, arg);
}

static void timer_fired(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct timer *t = arg;

	t->fn(t->arg);
}

static struct timeval timeval_of(int64_t ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

struct timer *timer_new(struct server *s, void (*fn)(void *arg), void *arg)
{
	struct timer *t = mem_alloc(sizeof(*t));

	t->server = s;
	t->fn = fn;
	t->arg = arg;
	t->ev = event_new(s->base, -1, 0, timer_fired, t);
	BUG_ON(!t->ev);
	DL_APPEND(s->timers, t);
	return t;
}

struct timer *server_every(struct server *s, int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct timer *t = timer_new(s, fn, arg);
	struct timeval tv = timeval_of(ms);

	event_free(t->ev);
	t->ev = event_new(s->base, -1, EV_PERSIST, timer_fired, t);
	BUG_ON(!t->ev);
	t->every_ms = ms;
	event_add(t->ev, &tv);
	return t;
}

void timer_set(struct timer *t, int64_t ms)
{
	struct timeval tv = timeval_of(MAX(ms, 0));

	if (ms < 0)
		event_del(t->ev);
	else
		event_add(t->ev, &tv);
}

void timer_free(struct timer *t)
{
	if (!t)
		return;
	DL_DELETE(t->server->timers, t);
	event_free(t->ev);
	mem_free(t);
}

/* --- hooks --- */

void server_on_turn(struct server *s, void (*fn)(void *arg), void *arg)
{
	BUG_ON(s->n_turn == HOOKS_MAX);
	s->turn[s->n_turn++] = (struct turn_hook){ fn, arg };
}

void server_on_close(struct server *s, server_closed fn, void *arg)
{
	BUG_ON(s->n_closed == HOOKS_MAX);
	s->closed[s->n_closed++] = (struct close_hook){ fn, arg };
}

/* --- connections --- */

static void scan_conns(void *arg)
{
	struct server *s = arg;
	int64_t now = clock_mono_ms(), pause = now - s->scanned_ms;
	struct conn *c, *tmp;

	s->scanned_ms = now;
	if (pause >
		3 * SCAN_MS) /* we stood still: what they sent meanwhile is still to be read */
		return;
	DL_FOREACH_SAFE (s->conns, c, tmp)
		conn_check_time(c, now);
}

static void listeners_enable(void *arg)
{
	struct server *s = arg;

	for (struct listener *l = s->listeners; l; l = l->next)
		event_add(l->ev, NULL);
}

/* Without descriptors accept() fails at once, for ever: wait instead of spinning. */
static void accept_failed(struct server *s)
{
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	log_every(10, LOG_WARN_, LOG_SERVER, "accepting a connection: %s", strerror(errno));
	for (struct listener *l = s->listeners; l; l = l->next)
		event_del(l->ev);
	timer_set(s->accept_again, 200);
}

static struct conn *add_conn(struct server *s, int fd, const struct sockaddr *peer)
{
	struct conn *c;
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c = conn_new(s, fd, ++s->last_id, peer);
	DL_APPEND(s->conns, c);
	s->n_conns++;
	return c;
}

struct conn *server_adopt(struct server *s, int fd, const struct sockaddr *peer)
{
	struct conn *c = add_conn(s, fd, peer);

	c->ours = true;
	return c;
}

static int64_t most_conns(const struct server *s)
{
	return MIN(s->broker->cfg->max_connections, s->fds - MIN(FILE_FDS, s->fds / 2));
}

static void accept_one(struct server *s, int fd, const struct sockaddr *peer)
{
	if (s->n_conns >= most_conns(s)) {
		log_every(10, LOG_WARN_, LOG_SERVER, "max-connections %lld reached: refused",
			(long long)most_conns(s));
		stats_add(s->broker->stats, STAT_REFUSED, 1);
		close(fd);
		return;
	}
	add_conn(s, fd, peer);
	stats_add(s->broker->stats, STAT_ACCEPTED, 1);
}

static void accept_ready(evutil_socket_t fd, short what UNUSED, void *arg)
{
	struct listener *l = arg;

	for (int i = 0; i < ACCEPT_PER_TURN; i++) {
		struct sockaddr_storage peer;
		socklen_t n = sizeof(peer);
		int got =
			accept4(fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got < 0) {
			accept_failed(l->server);
			return;
		}
		accept_one(l->server, got, (struct sockaddr *)&peer);
	}
}

static int address_parse(
	const char *address, int port, struct sockaddr_storage *sa, socklen_t *n, struct err *e)
{
	struct host h;
	int rc;

	rc = config_address("listen-address", address, &h, e);
	if (rc)
		return rc;
	memset(sa, 0, sizeof(*sa));
	if (h.v6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)sa;

		in->sin6_family = AF_INET6;
		in->sin6_port = htons((uint16_t)port);
		memcpy(&in->sin6_addr, h.ip, 16);
		*n = sizeof(*in);
	} else {
		struct sockaddr_in *in = (struct sockaddr_in *)sa;

		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		memcpy(&in->sin_addr, h.ip, 4);
		*n = sizeof(*in);
	}
	return 0;
}

int server_listen(struct server *s, const char *address, int port, int *bound, struct err *e)
{
	struct sockaddr_storage sa;
	struct listener *l;
	socklen_t n;
	int fd, rc, one = 1;

	rc = address_parse(address, port, &sa, &n, e);
	if (rc)
		return rc;
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, TQ_EFAIL, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sa, n) || listen(fd, LISTEN_BACKLOG) ||
		getsockname(fd, (struct sockaddr *)&sa, &n)) {
		rc = err_sys(e, TQ_EFAIL, "listening on %s port %d", address, port);
		close(fd);
		return rc;
	}
	*bound = (int)host_from_sockaddr((struct sockaddr *)&sa).port;
	l = mem_alloc(sizeof(*l));
	l->fd = fd;
	l->server = s;
	l->ev = event_new(s->base, fd, EV_READ | EV_PERSIST, accept_ready, l);
	BUG_ON(!l->ev);
	event_add(l->ev, NULL);
	LL_PREPEND(s->listeners, l);
	return 0;
}

/* --- the turn --- */

static void write_dirty(struct server *s)
{
	while (s->dirty) {
		struct conn *c = s->dirty;

		s->dirty = c->next_dirty;
		c->dirty = false;
		conn_flush(c);
		conn_unref(c);
	}
}

static void commit(struct server *s)
{
	struct broker *b = s->broker;
	struct err e = ERR_INIT;

	if (!store_dirty(b->store))
		return;
	if (store_commit(b->store, &e)) {
		log_err(LOG_SERVER, &e);
		hold_fail_acks(b->hold, store_appended(b->store), &e);
	}
}

static void turn_end(struct server *s)
{
	for (size_t i = 0; i < s->n_turn; i++)
		s->turn[i].fn(s->turn[i].arg);
	if (s->broker->store) {
		commit(s);
		hold_run_woken(s->broker->hold);
		hold_release_acks(s->broker->hold);
	}
	write_dirty(s);
	s->now_ms = 0;
}

void server_run(struct server *s)
{
	s->quit = false;
	while (!s->quit) {
		bool more = s->broker->store && store_dirty(s->broker->store);

		event_base_loop(s->base, more ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
		turn_end(s);
	}
}

void server_quit(struct server *s)
{
	s->quit = true;
	event_base_loopbreak(s->base);
}

/* --- life --- */

/* Connections leave some descriptors to the files. */
static void count_descriptors(struct server *s)
{
	struct rlimit r = { RLIM_INFINITY, RLIM_INFINITY };

	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	s->fds = r.rlim_cur > INT_MAX ? INT_MAX : (int64_t)r.rlim_cur;
}

int server_new(struct broker *b, struct server **out, struct err *e)
{
	struct event_config *ec = event_config_new();
	struct server *s = mem_alloc(sizeof(*s));
	int rc;

	s->broker = b;
	count_descriptors(s);
	rc = mailbox_new(&s->mail, e);
	if (rc) {
		event_config_free(ec);
		mem_free(s);
		return rc;
	}
	event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK);
	s->base = event_base_new_with_config(ec);
	event_config_free(ec);
	BUG_ON(!s->base);
	s->ev_mail =
		event_new(s->base, mailbox_fd(s->mail), EV_READ | EV_PERSIST, mail_ready, s);
	BUG_ON(!s->ev_mail);
	event_add(s->ev_mail, NULL);
	s->accept_again = timer_new(s, listeners_enable, s);
	s->scanned_ms = clock_mono_ms();
	server_every(s, SCAN_MS, scan_conns, s);
	*out = s;
	return 0;
}

static void close_listeners(struct server *s)
{
	struct listener *l, *tmp;

	LL_FOREACH_SAFE (s->listeners, l, tmp) {
		event_free(l->ev);
		close(l->fd);
		mem_free(l);
	}
	s->listeners = NULL;
}

void server_close_all(struct server *s)
{
	struct conn *c, *tmp;

	close_listeners(s);
	DL_FOREACH_SAFE (s->conns, c, tmp)
		conn_close(c);
	write_dirty(s);
	BUG_ON(s->conns);
}

void server_free(struct server *s)
{
	struct timer *t, *tmp;

	if (!s)
		return;
	server_close_all(s);
	DL_FOREACH_SAFE (s->timers, t, tmp)
		timer_free(t);
	event_free(s->ev_mail);
	mailbox_run(s->mail);
	mailbox_free(s->mail);
	event_base_free(s->base);
	mem_free(s);
}

/* --- for conn --- */

struct conn *server_next_conn(struct server *s, struct conn *c)
{
	return c ? c->next : s->conns;
}

int server_conns(const struct server *s)
{
	return s->n_conns;
}

int64_t server_now_ms(struct server *s)
{
	if (!s->now_ms)
		s->now_ms = clock_mono_ms();
	return s->now_ms;
}

struct event_base *server_base(struct server *s)
{
	return s->base;
}

struct broker *server_broker(const struct server *s)
{
	return s->broker;
}

char *server_read_buf(struct server *s)
{
	return s->read_buf;
}

struct command *server_command(struct server *s)
{
	return &s->cmd;
}

void server_copied(struct server *s, int64_t n)
{
	s->copied += n;
	BUG_ON(s->copied < 0);
}

size_t server_output_limit(const struct server *s)
{
	const struct config *cfg = s->broker->cfg;

	return s->copied < cfg->output_total ? (size_t)cfg->output_limit : OUTPUT_MIN;
}

struct header_hints *server_hints(struct server *s)
{
	return &s->hints;
}

void server_dirty(struct server *s, struct conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = s->dirty;
	s->dirty = conn_ref(c);
}

void server_forget(struct server *s, struct conn *c)
{
	for (size_t i = 0; i < s->n_closed; i++)
		s->closed[i].fn(s->closed[i].arg, c);
	DL_DELETE(s->conns, c);
	s->n_conns--;
	conn_unref(c);
}
