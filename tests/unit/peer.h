/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a server for tests of the client: a thread that listens on a free port of 127.0.0.1 and
 * runs a script for each connection it accepts.
 *
 *	static void echo(int fd, void *arg) { ... peer_take(fd, &rq) ... peer_answer(fd, ...) ... }
 *
 *	struct peer_server s;
 *	peer_start(&s, echo, NULL);
 *	client_call(c, s.addr, ...);
 *	peer_stop(&s);
 */
#ifndef TDMQ_TEST_PEER_H
#define TDMQ_TEST_PEER_H

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "mem.h"
#include "remoting.h"

typedef void (*peer_script)(int fd, void *arg);

struct peer_server {
	int fd;
	char addr[32];
	peer_script script;
	void *arg;
	pthread_t thread;
	int accepted;
};

static inline bool peer_read(int fd, void *p, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = recv(fd, (char *)p + got, n - got, 0);

		if (r <= 0)
			return false;
		got += (size_t)r;
	}
	return true;
}

/* A request and the frame it points into, to be freed (NULL at the end of the connection). */
static inline bool peer_take(int fd, struct command *c, char **frame)
{
	unsigned char head[4];
	size_t n;

	*frame = NULL;
	if (!peer_read(fd, head, 4))
		return false;
	n = get_be32(head);
	cr_assert_lt(n, 1u << 20);
	*frame = mem_alloc(n + 4);
	memcpy(*frame, head, 4);
	return peer_read(fd, *frame + 4, n) && !command_decode(*frame, n + 4, c, NULL);
}

static inline void peer_send(int fd, const void *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		p = (const char *)p + sent;
		n -= (size_t)sent;
	}
}

static inline void peer_command(int fd, const struct command *c)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	command_encode(&b, c);
	peer_send(fd, b.p, b.n);
	buf_release(&b);
}

static inline void peer_answer(
	int fd, int opaque, int code, const char *remark, const char *body)
{
	struct command c;

	command_init(&c, code);
	c.flag = FLAG_RESPONSE;
	c.opaque = opaque;
	c.remark = str_of(remark);
	c.body = str_of(body);
	peer_command(fd, &c);
}

static inline void *peer_main(void *arg)
{
	struct peer_server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) >= 0) {
		s->accepted++;
		s->script(fd, s->arg);
		close(fd);
	}
	return NULL;
}

static inline void peer_start(struct peer_server *s, peer_script script, void *arg)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t n = sizeof(sin);

	memset(s, 0, sizeof(*s));
	s->script = script;
	s->arg = arg;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert(!bind(s->fd, (struct sockaddr *)&sin, sizeof(sin)) && !listen(s->fd, 16));
	cr_assert(!getsockname(s->fd, (struct sockaddr *)&sin, &n));
	snprintf(s->addr, sizeof(s->addr), "127.0.0.1:%d", ntohs(sin.sin_port));
	cr_assert(!pthread_create(&s->thread, NULL, peer_main, s));
}

/* After the client is gone, so that scripts see the end of their connection. */
static inline void peer_stop(struct peer_server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
}

#endif
