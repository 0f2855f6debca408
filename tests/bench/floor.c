/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor: what the machine itself costs, to set figures beside.
 *
 *	build/bench-floor 127.0.0.1:4000	answers sends at once and stores nothing: for bench-load
 *	build/bench-floor --sync FILE		{"fdatasync_p50_us":..,"crc_ns":..}
 *
 * As a server it does what no broker can leave out: one epoll_wait a turn, one recv and one send
 * for each connection of it, and an answer of the usual size for each frame.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "crc.h"
#include "mem.h"
#include "message.h"
#include "tests/bench/kit.h"

#define ROOM (1u << 20)
#define LEFT 8192 /* more of a frame than that is never left over: bench-load sends 1 KiB */
#define SYNCS 400

struct peer {
	int fd;
	size_t n;
	char left[LEFT];
};

/* An answer to the frame at p, opaque and all. */
static void answer(struct buf *out, struct str frame)
{
	const char *at = memmem(frame.p, frame.n, "\"opaque\":", 9);
	struct command c;

	command_init(&c, RESP_SUCCESS);
	c.flag = FLAG_RESPONSE;
	c.opaque = at ? (int32_t)strtol(at + 9, NULL, 10) : 0;
	command_add(&c, "msgId", STR("7F00000100002A9F0000000000000000"));
	command_add(&c, "queueId", STR("0"));
	command_add(&c, "queueOffset", STR("1000000"));
	command_add(&c, "TRACE_ON", STR("true"));
	command_add(&c, "MSG_REGION", STR("DefaultRegion"));
	command_encode(out, &c);
}

/* False when the connection is over. */
static bool serve_one(struct peer *c, char *in, struct buf *out)
{
	size_t off = 0, total, have;
	ssize_t n;

	memcpy(in, c->left, c->n);
	n = recv(c->fd, in + c->n, ROOM - LEFT, 0);
	if (n <= 0)
		return false;
	have = c->n + (size_t)n;
	buf_clear(out);
	while (!frame_measure((struct str){ in + off, have - off }, &total, NULL)) {
		answer(out, (struct str){ in + off, total });
		off += total;
	}
	c->n = have - off;
	if (c->n > LEFT)
		give_up("a frame is too large", NULL);
	memcpy(c->left, in + off, c->n);
	return !out->n || send(c->fd, out->p, out->n, MSG_NOSIGNAL) == (ssize_t)out->n;
}

static void take_one(int listener, int epoll)
{
	struct peer *c = mem_alloc(sizeof(*c));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (c->fd < 0)
		give_up(strerror(errno), NULL);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev);
}

static int listen_at(const char *addr)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	struct err e = ERR_INIT;
	struct host h;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (host_parse(str_of(addr), &h, &e))
		give_up(addr, &e);
	memcpy(&sa.sin_addr, h.ip, 4);
	sa.sin_port = htons((uint16_t)h.port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) || listen(fd, 1024))
		give_up(strerror(errno), NULL);
	return fd;
}

static NORETURN void serve(const char *addr)
{
	int listener = listen_at(addr), epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev[256] = { { .events = EPOLLIN, .data.ptr = NULL } };
	char *in = mem_grow(NULL, ROOM);
	struct buf out;

	buf_init(&out, FRAME_MAX);
	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev[0]);
	for (;;) {
		int n = epoll_wait(epoll, ev, ARRAY_LEN(ev), -1);

		for (int i = 0; i < n; i++) {
			struct peer *c = ev[i].data.ptr;

			if (!c) {
				take_one(listener, epoll);
			} else if (!serve_one(c, in, &out)) {
				close(c->fd);
				mem_free(c);
			}
		}
	}
}

/* As the commit log does it: into room that was reserved. */
static void measure(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct hist *h = mem_alloc(sizeof(*h));
	char block[1024] = { 1 };
	volatile uint32_t sum = 0;
	int64_t began;

	if (fd < 0 || posix_fallocate(fd, 0, SYNCS * 4096))
		give_up(strerror(errno), NULL);
	for (int i = 0; i < SYNCS; i++) {
		began = clock_mono_us();
		if (pwrite(fd, block, sizeof(block), i * 1200) < 0 || fdatasync(fd))
			give_up(strerror(errno), NULL);
		hist_add(h, clock_mono_us() - began);
	}
	close(fd);
	unlink(path);
	began = clock_mono_us();
	for (int i = 0; i < 100000; i++)
		sum += crc_32(block, sizeof(block));
	printf("{\"fdatasync_p50_us\":%lld,\"crc_ns\":%lld}\n", (long long)hist_at(h, 0.5),
		(long long)(clock_mono_us() - began) / 100);
}

int main(int argc, char **argv)
{
	kit_init("bench-floor");
	if (argc == 3 && !strcmp(argv[1], "--sync")) {
		measure(argv[2]);
		return 0;
	}
	if (argc != 2) {
		fputs("usage: bench-floor host:port | --sync file\n", stderr);
		return 2;
	}
	serve(argv[1]);
}
