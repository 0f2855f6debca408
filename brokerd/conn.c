/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Input. All connections share the read buffer; frames are run where they lie in it. What is left
 * of the last one moves to c->in, which most connections never need. The next read puts it back
 * in front. Only of a frame that is larger than the shared buffer are the bytes read into c->in
 * directly, and c->in grows with what came, not with what the frame promises.
 *
 *	c->in [ begun frame ]  -->  [ begun frame | read ......... ]  shared
 *	                              run run run run [ begun frame ]  --> c->in
 *
 * A frame that begins has to go on: see is_slow().
 *
 * A client that does not read: beyond output-limit of unsent bytes its frames wait in c->in and
 * its socket is not read, until half of that is gone.
 *
 * Output collects in an evbuffer. Stored records of some size are lent to it where they lie in
 * the mapped log; the reference goes when the kernel has them. Small ones are copied: an entry
 * in the chain costs more than some hundred bytes do.
 */
#include "brokerd/conn_impl.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "brokerd/broker.h"
#include "brokerd/dispatch.h"
#include "brokerd/server.h"
#include "clock.h"
#include "log.h"
#include "map.h"

#define LOG_CONN "conn"
#define LEND_MIN 4096 /* records below are copied */
#define KEEP_IN 4096 /* memory of c->in that an idle connection may keep */
#define GROWN (64u << 10) /* bytes within frame-timeout that are not slow */

struct conn_call {
	int32_t opaque;
	struct conn *conn; /* borrowed: calls end before it does */
	conn_done done;
	void *arg;
	struct timer *timer; /* owned */
	UT_hash_handle hh;
};

static void readable(evutil_socket_t fd, short what, void *arg);
static void writable(evutil_socket_t fd, short what, void *arg);

/* --- life --- */

struct conn *conn_new(struct server *s, int fd, uint64_t id, const struct sockaddr *peer)
{
	struct conn *c = mem_alloc(sizeof(*c));
	struct sockaddr_storage local;
	socklen_t n = sizeof(local);

	c->id = id;
	c->refs = 1;
	c->fd = fd;
	c->server = s;
	c->remote = host_from_sockaddr(peer);
	if (!getsockname(fd, (struct sockaddr *)&local, &n))
		c->local = host_from_sockaddr((struct sockaddr *)&local);
	c->language = LANG_OTHER;
	c->active_ms = clock_mono_ms();
	buf_init(&c->in, FRAME_MAX + SERVER_READ_MAX);
	c->out = evbuffer_new();
	c->ev_read = event_new(server_base(s), fd, EV_READ | EV_PERSIST, readable, c);
	c->ev_write = event_new(server_base(s), fd, EV_WRITE, writable, c);
	BUG_ON(!c->out || !c->ev_read || !c->ev_write);
	event_add(c->ev_read, NULL);
	return c;
}

struct conn *conn_ref(struct conn *c)
{
	c->refs++;
	return c;
}

void conn_unref(struct conn *c)
{
	BUG_ON(c->refs <= 0);
	if (--c->refs)
		return;
	BUG_ON(!c->closed);
	mem_free(c);
}

void conn_close(struct conn *c)
{
	if (c->closed || c->closing)
		return;
	c->closing = true;
	server_dirty(c->server, c);
}

const char *conn_peer(const struct conn *c, char *buf)
{
	return host_text(&c->remote, buf);
}

static void call_end(struct conn_call *call, int rc, const struct command *answer)
{
	conn_done done = call->done;
	void *arg = call->arg;

	HASH_DEL(call->conn->calls, call);
	timer_free(call->timer);
	mem_free(call);
	done(arg, rc, answer);
}

/* Nobody knows which bytes of the chain left; no more are copies than there are. */
static void count_copied(struct conn *c)
{
	size_t now = MIN(c->copied, c->closed ? 0 : evbuffer_get_length(c->out));

	server_copied(c->server, -(int64_t)(c->copied - now));
	c->copied = now;
}

static void close_now(struct conn *c)
{
	struct conn_call *call, *tmp;

	c->closed = true;
	map_foreach (c->calls, call, tmp)
		call_end(call, TQ_EUNREACHABLE, NULL);
	event_free(c->ev_read);
	event_free(c->ev_write);
	count_copied(c);
	evbuffer_free(c->out);
	buf_release(&c->in);
	close(c->fd);
	c->ev_read = c->ev_write = NULL;
	c->out = NULL;
	c->fd = -1;
	server_forget(c->server, c);
}

/* --- input --- */

static void answered(struct conn *c, const struct command *cmd)
{
	struct conn_call *call;

	HASH_FIND(hh, c->calls, &cmd->opaque, sizeof(cmd->opaque), call);
	if (call)
		call_end(call, 0, cmd);
}

static int run_frame(struct conn *c, char *frame, size_t total, struct err *e)
{
	struct command *cmd = server_command(c->server);
	int rc;

	rc = command_decode_hinted(frame, total, cmd, server_hints(c->server), e);
	if (rc)
		return rc;
	if (cmd->flag & FLAG_RESPONSE)
		answered(c, cmd);
	else
		dispatch(server_broker(c->server), c, cmd);
	return 0;
}

static bool too_full(struct conn *c)
{
	if (evbuffer_get_length(c->out) <= server_output_limit(c->server))
		return false;
	c->full = true;
	event_del(c->ev_read);
	return true;
}

/* Runs the frames at p; what is left over starts at *used. */
static int run_frames(struct conn *c, char *p, size_t n, size_t *used, struct err *e)
{
	size_t off = 0, total = 0;
	int rc = 0;

	while (off < n && !c->closing && !too_full(c)) {
		rc = frame_measure((struct str){ p + off, n - off }, &total, e);
		if (rc)
			break;
		rc = run_frame(c, p + off, total, e);
		if (rc)
			break;
		off += total;
	}
	*used = off;
	return rc == TQ_ENOTYET ? 0 : rc;
}

static void refuse(struct conn *c, const struct err *e)
{
	char peer[HOST_TEXT];

	log_every(10, LOG_WARN_, LOG_CONN, "%s: closed: %s", conn_peer(c, peer), e->msg);
	conn_close(c);
}

/* One byte now and then keeps no connection: a frame ends in its time, or grows by GROWN. */
static bool is_slow(const struct conn *c, int64_t now_ms)
{
	return c->frame_ms &&
	       now_ms - c->frame_ms >= server_broker(c->server)->cfg->frame_timeout;
}

static void note_begun_frame(struct conn *c)
{
	if (!c->in.n || c->full) {
		c->frame_ms = 0;
	} else if (!c->frame_ms || c->in.n - c->frame_n >= GROWN) {
		c->frame_ms = server_now_ms(c->server);
		c->frame_n = c->in.n;
	}
}

void conn_check_time(struct conn *c, int64_t now_ms)
{
	struct err e = ERR_INIT;

	if (is_slow(c, now_ms)) {
		err_set(&e, TQ_ETIMEDOUT, "its request takes too long to come");
		refuse(c, &e);
	} else if (!c->ours &&
		   now_ms - c->active_ms >= server_broker(c->server)->cfg->idle_timeout) {
		conn_close(c);
	}
}

static void run_shared(struct conn *c, char *p, size_t n)
{
	struct err e = ERR_INIT;
	size_t used;

	if (run_frames(c, p, n, &used, &e)) {
		refuse(c, &e);
		return;
	}
	if (used < n)
		buf_add(&c->in, p + used, n - used);
	else if (c->in.cap > KEEP_IN)
		buf_release(&c->in);
	if (used)
		c->frame_ms = 0;
	note_begun_frame(c);
}

/* A frame that the shared buffer cannot hold: its next bytes, at most as many as came before. */
static ssize_t read_large(struct conn *c, size_t total)
{
	size_t want = MIN(total - c->in.n, MAX(c->in.n, SERVER_READ_MAX));
	char *p = buf_reserve(&c->in, want);
	struct err e = ERR_INIT;
	ssize_t got;

	if (!p) {
		errno = EMSGSIZE;
		return -1;
	}
	got = recv(c->fd, p, want, 0);
	if (got <= 0)
		return got;
	c->in.n += (size_t)got;
	note_begun_frame(c);
	if (c->in.n < total)
		return got;
	c->frame_ms = 0;
	if (run_frame(c, c->in.p, total, &e))
		refuse(c, &e);
	buf_release(&c->in);
	buf_init(&c->in, FRAME_MAX + SERVER_READ_MAX);
	return got;
}

static ssize_t read_shared(struct conn *c)
{
	char *p = server_read_buf(c->server);
	size_t had = c->in.n;
	ssize_t got;

	if (had)
		memcpy(p, c->in.p, had);
	got = recv(c->fd, p + had, SERVER_READ_MAX, 0);
	if (got <= 0)
		return got;
	buf_clear(&c->in);
	run_shared(c, p, had + (size_t)got);
	return got;
}

static void readable(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct conn *c = arg;
	size_t total = 0;
	ssize_t got;

	if (c->closing)
		return;
	if (c->in.n)
		frame_measure(buf_str(&c->in), &total, NULL);
	got = total > SERVER_READ_MAX ? read_large(c, total) : read_shared(c);
	if (got > 0)
		c->active_ms = server_now_ms(c->server);
	else if (!got || (errno != EAGAIN && errno != EINTR))
		conn_close(c);
}

/* --- output --- */

void conn_write(struct conn *c, const void *p, size_t n)
{
	if (c->closed)
		return;
	BUG_ON(evbuffer_add(c->out, p, n));
	c->copied += n;
	server_copied(c->server, (int64_t)n);
	server_dirty(c->server, c);
}

static void slice_sent(const void *p UNUSED, size_t n UNUSED, void *segment)
{
	store_slice_unref(segment);
}

static void write_slice(struct conn *c, struct store_slice *s)
{
	if (!c->closed && s->bytes.n >= LEND_MIN) {
		BUG_ON(evbuffer_add_reference(
			c->out, s->bytes.p, s->bytes.n, slice_sent, s->segment));
		return;
	}
	conn_write(c, s->bytes.p, s->bytes.n);
	store_slice_unref(s->segment);
}

/* Records that lie side by side in the log go as one. */
void conn_write_slices(struct conn *c, struct store_slice *slices, int n)
{
	for (int i = 0; i < n;) {
		struct store_slice s = slices[i];

		for (i++; i < n; i++) {
			if (slices[i].segment != s.segment ||
				slices[i].bytes.p != s.bytes.p + s.bytes.n)
				break;
			s.bytes.n += slices[i].bytes.n;
			store_slice_unref(s.segment);
		}
		write_slice(c, &s);
	}
	if (!c->closed)
		server_dirty(c->server, c);
}

/* Below half of the limit: the frames that waited, then the socket again. */
static void maybe_resume(struct conn *c)
{
	size_t limit = server_output_limit(c->server);
	char *p = server_read_buf(c->server);
	size_t n = c->in.n;

	if (!c->full || evbuffer_get_length(c->out) > limit / 2)
		return;
	c->full = false;
	BUG_ON(n > (size_t)SERVER_READ_MAX * 2);
	event_add(c->ev_read, NULL);
	memcpy(p, c->in.p ? c->in.p : "", n);
	buf_clear(&c->in);
	run_shared(c, p, n);
}

/* What lies in one piece goes by send(): a small answer costs the kernel less than by writev(). */
static ssize_t write_some(struct conn *c)
{
	struct evbuffer_iovec v[2];
	ssize_t n;

	if (evbuffer_peek(c->out, -1, NULL, v, ARRAY_LEN(v)) != 1)
		return evbuffer_write(c->out, c->fd);
	n = send(c->fd, v[0].iov_base, v[0].iov_len, MSG_NOSIGNAL);
	if (n > 0)
		evbuffer_drain(c->out, (size_t)n);
	return n;
}

void conn_flush(struct conn *c)
{
	ssize_t n = 1;

	if (c->closed)
		return;
	while (n > 0 && evbuffer_get_length(c->out))
		n = write_some(c);
	count_copied(c);
	if (n > 0)
		c->active_ms = server_now_ms(c->server);
	if (n <= 0 && (!n || errno != EAGAIN))
		c->closing = true;
	if (c->closing) {
		close_now(c);
		return;
	}
	if (evbuffer_get_length(c->out))
		event_add(c->ev_write, NULL);
	maybe_resume(c);
}

static void writable(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	struct conn *c = arg;

	server_dirty(c->server, c);
}

/* --- our own requests --- */

static void send_request(struct conn *c, struct command *rq, int flag)
{
	struct buf out;

	rq->type = HEADER_JSON;
	rq->language = LANG_OTHER;
	rq->version = TDMQ_WIRE_VERSION;
	rq->flag = flag;
	rq->opaque = c->next_opaque++ & INT32_MAX;
	buf_init(&out, FRAME_MAX);
	command_encode(&out, rq);
	if (buf_err(&out))
		log_every(10, LOG_WARN_, LOG_CONN, "request %d to a client is too large",
			rq->code);
	else
		conn_write(c, out.p, out.n);
	buf_release(&out);
}

/* What others make us send is no reason to hold more and more for a client that does not read. */
static bool is_behind(const struct conn *c)
{
	return evbuffer_get_length(c->out) > server_output_limit(c->server) * 2;
}

void conn_notify(struct conn *c, struct command *rq)
{
	if (!c->closed && !c->closing && !is_behind(c))
		send_request(c, rq, FLAG_ONEWAY);
}

static void call_late(void *arg)
{
	call_end(arg, TQ_ETIMEDOUT, NULL);
}

void conn_call(struct conn *c, struct command *rq, int timeout_ms, conn_done done, void *arg)
{
	struct conn_call *call;

	if (c->closed || c->closing || is_behind(c)) {
		done(arg, c->closed || c->closing ? TQ_EUNREACHABLE : TQ_EBUSY, NULL);
		return;
	}
	send_request(c, rq, 0);
	call = mem_alloc(sizeof(*call));
	call->opaque = rq->opaque;
	call->conn = c;
	call->done = done;
	call->arg = arg;
	call->timer = timer_new(c->server, call_late, call);
	timer_set(call->timer, timeout_ms);
	HASH_ADD(hh, c->calls, opaque, sizeof(call->opaque), call);
}
