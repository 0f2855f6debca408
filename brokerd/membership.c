/* SPDX-License-Identifier: Apache-2.0 */
/*
 * membership: one state machine for each name server.
 *
 *	DOWN ──▶ RESOLVING ──▶ CONNECTING ──▶ UP ──▶ 103 of the version at hand, whenever it is not
 *	  ▲                                   │      the one it knows; else 322 each 30 s
 *	  └──── any failure; again after 1, 2, 4 ... 30 s
 *
 * One request at a time is under way to each, so changes that come faster than a name server
 * answers go out together. (Apache 4.9.8, broker/.../out/BrokerOuterAPI.java. Differing: a change
 * registers the whole table instead of the changed topic, since a name server that missed one
 * registration and got the next would take itself for informed.)
 *
 * The version is ours, not the catalog's: a change is counted when the table shows it, and the
 * start of the process makes versions of different runs differ. The encoded table is kept until
 * the next change; building it again and again while thousands of topics are being made is held
 * to a tenth of the time.
 *
 * Connections are ordinary ones (conn.h), so a name server that is a brokerd may be this one.
 */
#include "brokerd/membership.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <utlist.h>

#include "brokerd/acl.h"
#include "brokerd/broker.h"
#include "brokerd/catalog.h"
#include "brokerd/server.h"
#include "clock.h"
#include "hostport.h"
#include "log.h"
#include "mem.h"
#include "registration.h"

#define LOG_MEMBERSHIP "membership"
#define PERIOD_MS 30000
#define TIMEOUT_MS 6000 /* of a request, and of connecting */
#define AGAIN_MS 1000 /* after the first failure; doubles up to PERIOD_MS */
#define TOLD_MS 1000
#define COMPRESS_ABOVE 100 /* topics */
#define CALM 10 /* times what building the table took, it is not built again */

enum state { DOWN, RESOLVING, CONNECTING, UP };

struct upstream {
	struct membership *m;
	char *addr; /* owned */
	enum state state;
	int fd; /* while connecting */
	struct sockaddr_storage sa;
	struct event *ev; /* while connecting */
	struct conn *conn; /* referenced, while up */
	int64_t known; /* version it has; 0: none */
	int64_t asking; /* version of the request under way; 0: none is */
	int64_t again_ms; /* pause before the next try */
	bool failed; /* said in the log */
	struct timer *timer; /* the next try, or the next question */
};

struct waiter {
	void (*fn)(void *arg);
	void *arg;
	int64_t version, until_ms;
	struct waiter *next, *prev;
};

struct membership {
	struct broker *b; /* borrowed */
	struct upstream servers[MEMBERSHIP_SERVERS];
	size_t n;
	struct evdns_base *dns; /* made for the first name that is no address */
	int64_t version; /* counter of the table as it is */
	struct buf body; /* the table encoded; of body_version */
	int64_t body_version;
	bool compressed;
	int64_t next_us; /* when the table may be built again */
	struct timer *changed; /* tells all of changes */
	struct waiter *waiters;
	struct timer *late;
	bool leaving;
};

static void advance(struct upstream *u);

/* ---- who waits ---- */

static bool all_know(const struct membership *m, int64_t version)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->servers[i].state == UP && m->servers[i].known < version)
			return false;
	return true;
}

static void wake(struct membership *m)
{
	int64_t now = clock_mono_ms();
	struct waiter *w, *tmp;

	DL_FOREACH_SAFE (m->waiters, w, tmp) {
		if (!m->leaving && w->until_ms > now && !all_know(m, w->version))
			continue;
		DL_DELETE(m->waiters, w);
		w->fn(w->arg);
		mem_free(w);
	}
	if (m->waiters)
		timer_set(m->late, MAX(m->waiters->until_ms - now, 1));
}

static void wake_late(void *arg)
{
	wake(arg);
}

void membership_told(struct membership *m, void (*fn)(void *arg), void *arg)
{
	struct waiter *w;

	if (!m || m->leaving || all_know(m, m->version)) {
		fn(arg);
		return;
	}
	w = mem_alloc(sizeof(*w));
	*w = (struct waiter){ fn, arg, m->version, clock_mono_ms() + TOLD_MS, NULL, NULL };
	DL_APPEND(m->waiters, w);
	timer_set(m->late, MAX(m->waiters->until_ms - clock_mono_ms(), 1));
}

/* ---- failing ---- */

/* No connection any more: tries again later. Said once, until it works again. */
static void down(struct upstream *u, const char *why)
{
	if (!u->failed && !u->m->leaving)
		log_warn(LOG_MEMBERSHIP, "name server %s: %s; trying again", u->addr, why);
	u->failed = true;
	u->state = DOWN;
	u->known = 0;
	if (!u->m->leaving)
		timer_set(u->timer, u->again_ms);
	u->again_ms = MIN(u->again_ms * 2, PERIOD_MS);
	wake(u->m);
}

/* An answer that is none: a connection in doubt is worth nothing. */
static void drop(struct upstream *u, const char *why)
{
	struct conn *c = u->conn;

	u->conn = NULL;
	conn_close(c);
	conn_unref(c);
	down(u, why);
}

void membership_conn_closed(struct membership *m, struct conn *c)
{
	for (size_t i = 0; m && i < m->n; i++) {
		struct upstream *u = &m->servers[i];

		if (u->conn != c)
			continue;
		u->conn = NULL;
		conn_unref(c);
		down(u, "connection lost");
	}
}

/* ---- what is told ---- */

static struct data_version version_of(const struct membership *m, int64_t version)
{
	return (struct data_version){ .counter = version, .timestamp_ms = m->b->start_ms };
}

static void build(struct membership *m)
{
	int64_t begun = clock_mono_us();
	struct registration r;
	const struct topic **topics;
	struct arena mem;

	arena_init(&mem);
	r.version = version_of(m, m->version);
	r.n = catalog_topics(m->b->catalog, &mem, &topics);
	r.topics = topics;
	m->compressed = r.n > COMPRESS_ABOVE;
	buf_clear(&m->body);
	registration_encode(&r, m->compressed, &m->body);
	m->body_version = m->version;
	arena_release(&mem);
	m->next_us = clock_mono_us() + CALM * (clock_mono_us() - begun);
}

/* What all three requests say of us. */
static void add_self(const struct membership *m, struct command *rq)
{
	command_add(rq, "brokerId", STR("0"));
	command_add(rq, "brokerName", str_of(m->b->cfg->broker));
	command_add(rq, "brokerAddr", str_of(broker_address(m->b)));
	command_add(rq, "clusterName", str_of(m->b->cfg->cluster));
}

static void answered(struct upstream *u, int rc, const struct command *answer)
{
	char why[128];

	u->asking = 0;
	if (!u->conn)
		return; /* its end is known already */
	if (!rc && answer->code == RESP_SUCCESS)
		return;
	if (rc == TQ_ETIMEDOUT)
		snprintf(why, sizeof(why), "no answer within %d ms", TIMEOUT_MS);
	else if (rc)
		snprintf(why, sizeof(why), "connection lost");
	else
		snprintf(why, sizeof(why), "refused with code %d: %.80s", answer->code,
			answer->remark.n ? answer->remark.p : "");
	drop(u, why);
}

static void registered(void *arg, int rc, const struct command *answer)
{
	struct upstream *u = arg;
	int64_t version = u->asking;

	answered(u, rc, answer);
	if (u->state != UP)
		return;
	if (u->failed || !u->known)
		log_info(LOG_MEMBERSHIP, "registered with name server %s", u->addr);
	u->failed = false;
	u->again_ms = AGAIN_MS;
	u->known = version;
	timer_set(u->timer, PERIOD_MS);
	wake(u->m);
	advance(u);
}

static void register_with(struct upstream *u)
{
	struct membership *m = u->m;
	char crc[16], signature[SIGN_TEXT];
	struct command rq;

	if (m->body_version != m->version)
		build(m);
	snprintf(crc, sizeof(crc), "%d", registration_crc(buf_str(&m->body)));
	command_init(&rq, REQ_REGISTER_BROKER);
	add_self(m, &rq);
	command_add(&rq, "haServerAddr", str_of(broker_address(m->b)));
	command_add(&rq, "compressed", m->compressed ? STR("true") : STR("false"));
	command_add(&rq, "bodyCrc32", str_of(crc));
	rq.body = buf_str(&m->body);
	acl_sign(m->b->acl, &rq, signature);
	u->asking = m->version;
	conn_call(u->conn, &rq, TIMEOUT_MS, registered, u);
}

static void compared(void *arg, int rc, const struct command *answer)
{
	struct upstream *u = arg;

	if (!rc && answer->code != RESP_SUCCESS) { /* a name server before 4.3 */
		u->asking = u->known = 0;
		advance(u);
		return;
	}
	answered(u, rc, answer);
	if (u->state != UP)
		return;
	if (!str_is(command_ext(answer, "changed"), "false"))
		u->known = 0; /* it has forgotten us */
	timer_set(u->timer, PERIOD_MS);
	advance(u);
}

/* Also what tells it that we are alive. */
static void compare_with(struct upstream *u)
{
	char signature[SIGN_TEXT];
	struct command rq;
	struct buf body;
	struct jw w;

	buf_init(&body, 256);
	w = jw_init(&body);
	data_version_to_json(&w, version_of(u->m, u->known));
	command_init(&rq, REQ_QUERY_DATA_VERSION);
	add_self(u->m, &rq);
	rq.body = buf_str(&body);
	acl_sign(u->m->b->acl, &rq, signature);
	u->asking = u->known;
	conn_call(u->conn, &rq, TIMEOUT_MS, compared, u);
	buf_release(&body);
}

/* ---- connecting ---- */

static void connected(evutil_socket_t fd, short what, void *arg)
{
	struct upstream *u = arg;
	int sys = 0;
	socklen_t n = sizeof(sys);

	event_free(u->ev);
	u->ev = NULL;
	if (what & EV_TIMEOUT)
		sys = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &n) < 0)
		sys = errno;
	if (sys) {
		close(fd);
		down(u, strerror(sys));
		return;
	}
	u->conn = conn_ref(server_adopt(u->m->b->server, fd, (struct sockaddr *)&u->sa));
	u->state = UP;
	advance(u);
}

static void dial(struct upstream *u, const struct sockaddr *sa, socklen_t n)
{
	const struct timeval patience = { .tv_sec = TIMEOUT_MS / 1000 };

	memset(&u->sa, 0, sizeof(u->sa));
	memcpy(&u->sa, sa, MIN((size_t)n, sizeof(u->sa)));
	u->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0 || (connect(u->fd, sa, n) && errno != EINPROGRESS)) {
		int sys = errno;

		if (u->fd >= 0)
			close(u->fd);
		down(u, strerror(sys));
		return;
	}
	u->state = CONNECTING;
	u->ev = event_new(server_base(u->m->b->server), u->fd, EV_WRITE, connected, u);
	BUG_ON(!u->ev);
	event_add(u->ev, &patience);
}

/* The first address of a name is tried: name servers are named one by one. */
static void resolved(int rc, struct evutil_addrinfo *found, void *arg)
{
	struct upstream *u = arg;

	if (u->m->leaving)
		u->state = DOWN;
	else if (rc || !found)
		down(u, rc ? evutil_gai_strerror(rc) : "its name has no address");
	else
		dial(u, found->ai_addr, (socklen_t)found->ai_addrlen);
	if (found)
		evutil_freeaddrinfo(found);
}

static struct evdns_base *resolver(struct membership *m)
{
	if (m->dns)
		return m->dns;
	m->dns = evdns_base_new(server_base(m->b->server), EVDNS_BASE_DISABLE_WHEN_INACTIVE);
	BUG_ON(!m->dns);
	if (evdns_base_resolv_conf_parse(m->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf"))
		evdns_base_load_hosts(m->dns, "/etc/hosts");
	return m->dns;
}

static void find_address(struct upstream *u)
{
	struct evutil_addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	char host[HOSTPORT_HOST];
	const char *port;
	struct err e = ERR_INIT;
	struct sockaddr_storage sa;
	int n = sizeof(sa);

	if (!evutil_parse_sockaddr_port(u->addr, (struct sockaddr *)&sa, &n)) {
		dial(u, (struct sockaddr *)&sa, (socklen_t)n);
		return;
	}
	if (hostport_split(u->addr, host, &port, &e)) {
		down(u, e.msg);
		return;
	}
	u->state = RESOLVING;
	(void)evdns_getaddrinfo(resolver(u->m), host, port, &hints, resolved, u);
}

/* ---- the machine ---- */

static void advance(struct upstream *u)
{
	struct membership *m = u->m;
	int64_t wait_us;

	if (m->leaving || u->state == RESOLVING || u->state == CONNECTING || u->asking)
		return;
	if (u->state == DOWN) {
		find_address(u);
		return;
	}
	if (u->known == m->version)
		return;
	wait_us = m->next_us - clock_mono_us();
	if (m->body_version != m->version && wait_us > 0)
		timer_set(m->changed, wait_us / 1000 + 1);
	else
		register_with(u);
}

static void tick(void *arg)
{
	struct upstream *u = arg;

	if (u->state == UP && !u->asking && u->known && u->known == u->m->version)
		compare_with(u);
	else
		advance(u);
}

static void tell_all(void *arg)
{
	struct membership *m = arg;

	for (size_t i = 0; i < m->n; i++)
		if (m->servers[i].state == UP)
			advance(&m->servers[i]);
}

void membership_changed(struct membership *m)
{
	if (!m || m->leaving)
		return;
	m->version++;
	timer_set(m->changed, 0); /* what else changes in this turn goes with it */
}

/* ---- life ---- */

int membership_check(const char *list, struct err *e)
{
	struct strv v = STRV_INIT;
	char host[HOSTPORT_HOST];
	const char *port;
	int rc = 0;

	hostport_list(&v, list);
	if (v.n > MEMBERSHIP_SERVERS)
		rc = err_set(e, TQ_EINVAL, "%zu name servers, more than %d", v.n,
			MEMBERSHIP_SERVERS);
	for (size_t i = 0; !rc && i < v.n; i++)
		rc = hostport_split(v.v[i], host, &port, e);
	strv_release(&v);
	return rc;
}

struct membership *membership_new(struct broker *b)
{
	struct strv v = STRV_INIT;
	struct membership *m;

	hostport_list(&v, b->cfg->nameserver);
	if (!v.n) {
		strv_release(&v);
		return NULL;
	}
	m = mem_alloc(sizeof(*m));
	m->b = b;
	m->version = 1;
	m->changed = timer_new(b->server, tell_all, m);
	m->late = timer_new(b->server, wake_late, m);
	buf_init(&m->body, FRAME_MAX - 4096);
	for (; m->n < v.n && m->n < MEMBERSHIP_SERVERS; m->n++) {
		struct upstream *u = &m->servers[m->n];

		u->m = m;
		u->addr = mem_str(v.v[m->n]);
		u->again_ms = AGAIN_MS;
		u->timer = timer_new(b->server, tick, u);
		timer_set(u->timer, 0);
	}
	strv_release(&v);
	return m;
}

static void leave(struct upstream *u)
{
	char signature[SIGN_TEXT];
	struct command rq;

	timer_set(u->timer, -1);
	if (u->ev) {
		event_free(u->ev);
		close(u->fd);
		u->ev = NULL;
	}
	if (!u->conn)
		return;
	command_init(&rq, REQ_UNREGISTER_BROKER);
	add_self(u->m, &rq);
	acl_sign(u->m->b->acl, &rq, signature);
	conn_notify(u->conn, &rq);
	conn_close(u->conn);
}

/* Lookups that are under way end now, and the loop has to tell them. */
void membership_leave(struct membership *m)
{
	if (!m || m->leaving)
		return;
	m->leaving = true;
	timer_set(m->changed, -1);
	wake(m);
	for (size_t i = 0; i < m->n; i++)
		leave(&m->servers[i]);
	if (!m->dns)
		return;
	evdns_base_free(m->dns, 1);
	m->dns = NULL;
	event_base_loop(server_base(m->b->server), EVLOOP_NONBLOCK);
}

void membership_free(struct membership *m)
{
	if (!m)
		return;
	membership_leave(m);
	for (size_t i = 0; i < m->n; i++) {
		BUG_ON(m->servers[i].conn);
		timer_free(m->servers[i].timer);
		mem_free(m->servers[i].addr);
	}
	timer_free(m->changed);
	timer_free(m->late);
	buf_release(&m->body);
	mem_free(m);
}
