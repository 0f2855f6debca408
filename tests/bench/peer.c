/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: the load of bench-load for other brokers: the same loop, their protocols.
 *
 *	build/bench-peer nats -c 16 -d 1 -T 10s 127.0.0.1:4222
 *
 *	nats	publishes to a JetStream stream in files, each message acknowledged
 *	mqtt	publishes with QoS 1, each message acknowledged; nobody subscribes
 *	redis	XADD, each answered with its id
 *
 * Connections times messages in flight, closed loop; answers come in order on a connection, so
 * the oldest time of its ring is when the message was sent. Prints
 * {"msgs":..,"seconds":..,"rate":..,"p50_us":..,"p99_us":..,"p999_us":..,"max_us":..,"errors":..}.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "tests/bench/kit.h"

#define ROOM (1u << 20)
#define SILENCE_US (30 * 1000000)

struct protocol {
	const char *name;
	void (*hello)(int fd, int index); /* on the blocking socket */
	void (*request)(struct buf *out, int64_t size);
	size_t id_at; /* two bytes that count up from one; 0: none */
	/* Length of the answer at s, 0 when not all of it is there; *bad when it is a refusal. */
	size_t (*answer)(struct str s, bool *bad);
};

/* ---- the protocols ---- */

static void say(int fd, const void *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		give_up(strerror(errno), NULL);
}

/* Reads until the text has come, and all of its line. */
static void await(int fd, const char *text)
{
	char in[8192];
	size_t n = 0;
	ssize_t got;

	for (;;) {
		got = recv(fd, in + n, sizeof(in) - 1 - n, 0);
		if (got <= 0)
			give_up("no greeting", NULL);
		n += (size_t)got;
		in[n] = '\0';
		if (memmem(in, n, text, strlen(text)) && (in[n - 1] == '\n' || in[0] == *text))
			return;
		if (n > sizeof(in) / 2)
			give_up(in, NULL);
	}
}

static void nats_hello(int fd, int index)
{
	static const char stream[] = "{\"name\":\"bench\",\"subjects\":[\"bench\"],"
				     "\"storage\":\"file\",\"num_replicas\":1}";
	struct buf b;

	buf_init(&b, 4096);
	buf_puts(&b, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB in.* 1\r\n");
	if (!index)
		buf_addf(&b, "PUB $JS.API.STREAM.CREATE.bench in.0 %zu\r\n%s\r\n",
			sizeof(stream) - 1, stream);
	else
		buf_puts(&b, "PING\r\n");
	say(fd, b.p, b.n);
	await(fd, index ? "PONG\r\n" : "stream_create_response");
	buf_release(&b);
}

static void nats_request(struct buf *out, int64_t size)
{
	buf_addf(out, "PUB bench in.1 %lld\r\n", (long long)size);
	for (int64_t i = 0; i < size; i++)
		buf_putc(out, (char)('a' + i % 26));
	buf_puts(out, "\r\n");
}

static const char *line_end(struct str s)
{
	return s.n ? memmem(s.p, s.n, "\r\n", 2) : NULL;
}

/* MSG in.1 1 <bytes>, the bytes, each with a line end. */
static size_t nats_answer(struct str s, bool *bad)
{
	const char *end = line_end(s), *p = end;
	size_t n = 0, total;

	if (!end)
		return 0;
	if (!str_starts(s, STR("MSG "))) {
		*bad = str_starts(s, STR("-ERR"));
		return (size_t)(end - s.p) + 2;
	}
	while (p > s.p && p[-1] != ' ')
		p--;
	for (; p < end; p++)
		n = n * 10 + (size_t)(*p - '0');
	total = (size_t)(end - s.p) + 2 + n + 2;
	if (total > s.n)
		return 0;
	*bad = !memmem(end, n + 2, "\"seq\"", 5);
	return total;
}

static void mqtt_hello(int fd, int index)
{
	char connect[] = "\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06"
			 "b00000";

	put_digits(connect + 15, (uint64_t)index, 5);
	say(fd, connect, sizeof(connect) - 1);
	await(fd, "\x20\x02");
}

static void mqtt_request(struct buf *out, int64_t size)
{
	int64_t left = 2 + 5 + 2 + size;

	buf_u8(out, 0x32);
	for (; left >= 128; left /= 128)
		buf_u8(out, (uint8_t)(left % 128 | 128));
	buf_u8(out, (uint8_t)left);
	buf_be16(out, 5);
	buf_puts(out, "bench");
	buf_be16(out, 1);
	for (int64_t i = 0; i < size; i++)
		buf_putc(out, (char)('a' + i % 26));
}

static size_t mqtt_answer(struct str s, bool *bad)
{
	if (s.n < 4)
		return 0;
	*bad = (unsigned char)s.p[0] != 0x40 || s.p[1] != 2;
	return 4;
}

static void redis_hello(int fd UNUSED, int index UNUSED)
{
}

static void redis_request(struct buf *out, int64_t size)
{
	buf_addf(out, "*5\r\n$4\r\nXADD\r\n$5\r\nbench\r\n$1\r\n*\r\n$1\r\nd\r\n$%lld\r\n",
		(long long)size);
	for (int64_t i = 0; i < size; i++)
		buf_putc(out, (char)('a' + i % 26));
	buf_puts(out, "\r\n");
}

/* $<bytes>, the bytes, each with a line end. */
static size_t redis_answer(struct str s, bool *bad)
{
	const char *end = line_end(s), *second;

	if (!end)
		return 0;
	*bad = s.p[0] != '$';
	if (*bad)
		return (size_t)(end - s.p) + 2;
	second = line_end(str_skip(s, (size_t)(end - s.p) + 2));
	return second ? (size_t)(second - s.p) + 2 : 0;
}

static const struct protocol protocols[] = {
	{ "nats", nats_hello, nats_request, 0, nats_answer },
	{ "mqtt", mqtt_hello, mqtt_request, 10, mqtt_answer },
	{ "redis", redis_hello, redis_request, 0, redis_answer },
};

/* ---- the loop ---- */

struct conn {
	int fd;
	uint16_t id;
	char *out, *in; /* owned */
	size_t out_n, out_off, in_n;
	int64_t *sent_us; /* owned; a ring of depth */
	int64_t head, tail; /* issued, answered */
};

struct run {
	const struct protocol *protocol;
	int64_t connections, depth, size, duration_ms, msgs, errors;
	int epoll;
	struct buf request;
	struct conn *conns; /* owned */
	int64_t now_us, stop_us;
	struct hist hist;
};

static void fill(struct run *r, struct conn *c)
{
	ssize_t n;

	while (r->now_us < r->stop_us && c->head - c->tail < r->depth) {
		char *to = c->out + c->out_n;

		memcpy(to, r->request.p, r->request.n);
		c->id = c->id == UINT16_MAX ? 1 : (uint16_t)(c->id + 1);
		if (r->protocol->id_at)
			put_be16(to + r->protocol->id_at, c->id);
		c->out_n += r->request.n;
		c->sent_us[c->head++ % r->depth] = r->now_us;
	}
	n = c->out_off == c->out_n ? 0
				   : send(c->fd, c->out + c->out_off, c->out_n - c->out_off,
					     MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN)
		give_up(strerror(errno), NULL);
	c->out_off += n > 0 ? (size_t)n : 0;
	memmove(c->out, c->out + c->out_off, c->out_n - c->out_off);
	c->out_n -= c->out_off;
	c->out_off = 0;
}

static void take(struct run *r, struct conn *c)
{
	ssize_t got = recv(c->fd, c->in + c->in_n, ROOM - c->in_n, MSG_DONTWAIT);
	size_t off = 0, n;
	bool bad = false;

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		give_up("the server closed a connection", NULL);
	c->in_n += (size_t)got;
	while ((n = r->protocol->answer((struct str){ c->in + off, c->in_n - off }, &bad))) {
		if (bad && !r->errors++)
			fprintf(stderr, "bench-peer: refused: %.*s\n", (int)MIN(n, 100),
				c->in + off);
		off += n;
		if (c->tail == c->head)
			continue;
		hist_add(&r->hist, r->now_us - c->sent_us[c->tail++ % r->depth]);
		r->msgs += r->now_us < r->stop_us;
	}
	c->in_n -= off;
	memmove(c->in, c->in + off, c->in_n);
}

static void conn_open(struct run *r, struct conn *c, const char *addr, int index)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

	c->fd = dial(addr);
	r->protocol->hello(c->fd, index);
	c->out = mem_grow(NULL, (size_t)(r->depth + 1) * r->request.n);
	c->in = mem_grow(NULL, ROOM);
	c->sent_us = mem_array((size_t)r->depth, sizeof(*c->sent_us));
	epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &ev);
}

static bool waits(const struct run *r)
{
	for (int64_t i = 0; i < r->connections; i++)
		if (r->conns[i].head != r->conns[i].tail)
			return true;
	return false;
}

static void run(struct run *r)
{
	struct epoll_event ev[256];

	r->now_us = clock_mono_us();
	r->stop_us = r->now_us + r->duration_ms * 1000;
	for (int64_t i = 0; i < r->connections; i++)
		fill(r, &r->conns[i]);
	while (r->now_us < r->stop_us || waits(r)) {
		int n = epoll_wait(r->epoll, ev, ARRAY_LEN(ev), 100);

		r->now_us = clock_mono_us();
		for (int i = 0; i < n; i++) {
			take(r, ev[i].data.ptr);
			fill(r, ev[i].data.ptr);
		}
		if (r->now_us > r->stop_us + SILENCE_US)
			give_up("the server stopped answering", NULL);
	}
}

static NORETURN void usage(void)
{
	fputs("usage: bench-peer nats|mqtt|redis [-c connections] [-d depth] [-s size] [-T span] "
	      "host:port\n",
		stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct run *r = mem_alloc(sizeof(*r));
	int letter;

	kit_init("bench-peer");
	*r = (struct run){ .connections = 1, .depth = 1, .size = 1024, .duration_ms = 10000 };
	while ((letter = getopt(argc, argv, "c:d:s:T:")) != -1) {
		if (letter == 'c')
			r->connections = number(optarg, "connections", 1, 10000);
		else if (letter == 'd')
			r->depth = number(optarg, "depth", 1, 65000);
		else if (letter == 's')
			r->size = number(optarg, "size", 1, 1 << 20);
		else if (letter == 'T')
			r->duration_ms = span_ms(optarg);
		else
			usage();
	}
	if (optind != argc - 2)
		usage();
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (!strcmp(protocols[i].name, argv[optind]))
			r->protocol = &protocols[i];
	if (!r->protocol)
		usage();
	buf_init(&r->request, 1 << 21);
	r->protocol->request(&r->request, r->size);
	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->conns = mem_array((size_t)r->connections, sizeof(*r->conns));
	for (int64_t i = 0; i < r->connections; i++)
		conn_open(r, &r->conns[i], argv[optind + 1], (int)i);
	run(r);
	printf("{\"msgs\":%lld,\"seconds\":%.3f,\"rate\":%.0f,", (long long)r->msgs,
		(double)r->duration_ms / 1000, (double)r->msgs * 1000 / (double)r->duration_ms);
	hist_print(&r->hist);
	printf(",\"errors\":%lld}\n", (long long)r->errors);
	return r->errors ? 1 : 0;
}
