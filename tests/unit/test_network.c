/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the network does between a client and a whole broker: segments of any size (N1),
 * connections that end at any step (N2) or only seem to be there (N3), a message sent again on
 * another one (N4), a broker that stood still for minutes (K3).
 */
#include "broker_kit.h"

#include <dirent.h>
#include <netinet/tcp.h>

TestSuite(network, .init = setup, .fini = teardown, .timeout = 120);

/* Whatever was sent before has been read when this is answered: it is asked for in a later turn. */
static void barrier(int control)
{
	static struct command rq;

	for (int i = 0; i < 2; i++) {
		command_init(&rq, REQ_GET_MAX_OFFSET);
		command_add(&rq, "topic", STR("t-1"));
		command_add(&rq, "queueId", STR("0"));
		put_frame(control, &rq);
		cr_assert(get_frame(control, &rq));
	}
}

static int dial_now(void)
{
	int fd = dial(), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void reset(int fd)
{
	struct linger now = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void skip(int64_t ms)
{
	sh->skip_ms = ms;
	for (int i = 0; i < 1000 && sh->skip_ms; i++)
		usleep(5000);
	cr_assert_eq(sh->skip_ms, 0);
}

/* --- N1 --- */

/* Requests whose answer is the same each time. */
static const int same_codes[] = { REQ_GET_MAX_OFFSET, REQ_GET_MIN_OFFSET,
	REQ_GET_EARLIEST_MSG_STORETIME, REQ_QUERY_CONSUMER_OFFSET, REQ_GET_ROUTEINFO_BY_TOPIC,
	REQ_GET_BROKER_CLUSTER_INFO, REQ_GET_TOPIC_STATS_INFO,
	REQ_GET_ALL_TOPIC_LIST_FROM_NAMESERVER, REQ_PULL_MESSAGE, 9999 };
enum { FRAMES = 2 * ARRAY_LEN(same_codes) };

/* The i-th of FRAMES requests; each with JSON and with a binary header. */
static void make_frame(struct buf *out, size_t i)
{
	static const struct handler none = { 9999, NULL, 0, NULL, NEED_READ, 0 };
	const struct handler *h = &none, *at;
	static struct command rq;

	for (size_t k = 0; (at = handler_at(k)); k++) {
		if (at->code == same_codes[i / 2])
			h = at;
	}
	fill_request(&rq, h);
	rq.opaque = (int32_t)i;
	rq.type = i % 2 ? HEADER_BINARY : HEADER_JSON;
	rq.body = STR("a body that these requests do not need");
	if (h->code == REQ_PULL_MESSAGE) {
		command_init(&rq, h->code);
		command_add(&rq, "consumerGroup", STR("TOOLS_CONSUMER"));
		command_add(&rq, "topic", STR("t-1"));
		command_add(&rq, "queueId", STR("0"));
		command_add(&rq, "queueOffset", STR("0"));
		command_add(&rq, "maxMsgNums", STR("1"));
		command_add(&rq, "sysFlag", STR("4"));
		command_add(&rq, "subscription", STR("*"));
		rq.opaque = (int32_t)i;
		rq.type = i % 2 ? HEADER_BINARY : HEADER_JSON;
	}
	buf_init(out, 1 << 16);
	command_encode(out, &rq);
	cr_assert_not(buf_err(out));
}

/* The next frame as it is. */
static size_t get_raw(int fd, char *to, size_t room)
{
	size_t n = 0, total = 4;

	while (n < total) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t got = poll(&p, 1, 5000) == 1 ? recv(fd, to + n, total - n, 0) : 0;

		cr_assert_gt(got, 0, "no answer");
		n += (size_t)got;
		if (n == 4)
			frame_measure((struct str){ to, n }, &total, NULL);
		cr_assert_leq(total, room);
	}
	return total;
}

struct answer {
	char bytes[1 << 14];
	size_t n;
};

static struct answer whole[FRAMES], got;

static void check_answer(int fd, size_t i, const char *how, size_t at)
{
	got.n = get_raw(fd, got.bytes, sizeof(got.bytes));
	cr_assert_eq(got.n, whole[i].n, "request %d, %s %zu", same_codes[i / 2], how, at);
	cr_assert_arr_eq(got.bytes, whole[i].bytes, got.n, "request %d, %s %zu",
		same_codes[i / 2], how, at);
}

static void put(int fd, const char *p, size_t n)
{
	cr_assert_eq(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void cut_everywhere(const struct buf *f, size_t i, int control)
{
	static int fds[4096];

	cr_assert_lt(f->n, ARRAY_LEN(fds));
	for (size_t at = 1; at < f->n; at++) {
		fds[at] = dial_now();
		put(fds[at], f->p, at);
	}
	barrier(control);
	for (size_t at = 1; at < f->n; at++) {
		put(fds[at], f->p + at, f->n - at);
		check_answer(fds[at], i, "cut at", at);
		close(fds[at]);
	}
}

static void byte_by_byte(const struct buf *f, size_t i, int control)
{
	int fd = dial_now();

	for (size_t at = 0; at < f->n; at++) {
		put(fd, f->p + at, 1);
		barrier(control);
	}
	check_answer(fd, i, "a byte each of", f->n);
	close(fd);
}

static void few_connections(struct config *cfg)
{
	never_flush(cfg);
	cfg->max_connections = 5000;
}

Test(network, a_request_is_the_same_in_any_segments)
{
	struct client *c = client();
	struct buf f[FRAMES], all;
	int fd, control;

	start(few_connections);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	control = dial_now();
	buf_init(&all, 1 << 20);
	for (size_t i = 0; i < FRAMES; i++) {
		make_frame(&f[i], i);
		buf_add(&all, f[i].p, f[i].n);
		fd = dial_now();
		put(fd, f[i].p, f[i].n);
		whole[i].n = get_raw(fd, whole[i].bytes, sizeof(whole[i].bytes));
		close(fd);
	}
	for (size_t i = 0; i < FRAMES; i++) {
		cut_everywhere(&f[i], i, control);
		byte_by_byte(&f[i], i, control);
	}
	for (size_t piece = 1; piece <= all.n; piece = piece * 3 + 1) {
		fd = dial_now();
		for (size_t at = 0; at < all.n; at += piece)
			put(fd, all.p + at, MIN(piece, all.n - at));
		for (size_t i = 0; i < FRAMES; i++)
			check_answer(fd, i, "all in pieces of", piece);
		close(fd);
	}
	close(control);
	for (size_t i = 0; i < FRAMES; i++)
		buf_release(&f[i]);
	buf_release(&all);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

/* --- N2, N3 --- */

static int sockets(void)
{
	char path[64], to[64];
	struct dirent *d;
	DIR *fds;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)child);
	fds = opendir(path);
	cr_assert_not_null(fds);
	while ((d = readdir(fds)))
		n += readlinkat(dirfd(fds), d->d_name, to, sizeof(to)) > 7 &&
		     !memcmp(to, "socket:", 7);
	closedir(fds);
	return n;
}

/* A heartbeat of `id`, then a lock of queue 0 asked for: whether it got it. */
static bool lock(int fd, const char *id)
{
	static struct command rq;
	char body[256];

	command_init(&rq, REQ_LOCK_BATCH_MQ);
	rq.opaque = 4141;
	snprintf(body, sizeof(body),
		"{\"clientId\":\"%s\",\"consumerGroup\":\"g-1\",\"mqSet\":[{\"brokerName\":"
		"\"brokerd\",\"queueId\":0,\"topic\":\"t-1\"}]}",
		id);
	rq.body = str_of(body);
	put_frame(fd, &rq);
	do
		cr_assert(get_frame(fd, &rq));
	while (rq.opaque != 4141 || !(rq.flag & FLAG_RESPONSE));
	cr_assert_eq(rq.code, RESP_SUCCESS);
	return memmem(rq.body.p, rq.body.n, "queueId", 7) != NULL;
}

static void join_group(int fd, const char *id)
{
	static struct command rq;
	char body[256];

	command_init(&rq, REQ_HEART_BEAT);
	rq.opaque = 3434;
	snprintf(body, sizeof(body),
		"{\"clientID\":\"%s\",\"consumerDataSet\":[{\"groupName\":\"g-1\","
		"\"subscriptionDataSet\":[{\"topic\":\"t-1\",\"subString\":\"*\"}]}]}",
		id);
	rq.body = str_of(body);
	put_frame(fd, &rq);
	do
		cr_assert(get_frame(fd, &rq));
	while (rq.opaque != 3434);
}

/* A pull that waits. */
static void hang(int fd)
{
	static struct command rq;

	command_init(&rq, REQ_PULL_MESSAGE);
	command_add(&rq, "consumerGroup", STR("TOOLS_CONSUMER"));
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "queueOffset", STR("100000"));
	command_add(&rq, "maxMsgNums", STR("32"));
	command_add(&rq, "sysFlag", STR("6"));
	command_add(&rq, "subscription", STR("*"));
	command_add(&rq, "suspendTimeoutMillis", STR("60000"));
	put_frame(fd, &rq);
}

/* The code 38 is answered with: 0 while the group has members. */
static int members(int fd)
{
	static struct command rq;

	command_init(&rq, REQ_GET_CONSUMER_LIST_BY_GROUP);
	rq.opaque = 3838;
	command_add(&rq, "consumerGroup", STR("g-1"));
	put_frame(fd, &rq);
	do
		cr_assert(get_frame(fd, &rq));
	while (rq.opaque != 3838);
	return rq.code;
}

enum ending { RESET, HALF_CLOSE, CLOSE, ENDINGS };

static void end(int fd, enum ending how)
{
	if (how == RESET) {
		reset(fd);
	} else if (how == HALF_CLOSE) {
		shutdown(fd, SHUT_WR);
		cr_assert(drain(fd, 10000) >= 0);
		close(fd);
	} else {
		close(fd);
	}
}

static void end_at_every_step(const struct handler *h)
{
	static struct command rq;
	struct buf f;

	fill_request(&rq, h);
	buf_init(&f, 1 << 20);
	command_encode(&f, &rq);
	for (int how = 0; how < ENDINGS; how++) {
		size_t cuts[] = { 0, 3, 9, f.n / 2, f.n - 1, f.n };

		for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
			int fd = dial_now();

			put(fd, f.p, cuts[i]);
			end(fd, (enum ending)how);
		}
	}
	buf_release(&f);
}

Test(network, a_connection_that_ends_at_any_step_leaves_nothing)
{
	const struct handler *h;
	struct client *c = client();
	int before, fd;

	start(never_flush);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	fd = dial_now();
	barrier(fd);
	before = sockets();
	for (size_t i = 0; (h = handler_at(i)); i++)
		end_at_every_step(h);
	for (int how = 0; how < ENDINGS; how++) {
		int member = dial_now();

		join_group(member, "me");
		cr_assert(lock(member, "me"));
		hang(member);
		if (how != HALF_CLOSE) /* which reads what is left first */
			barrier(fd);
		end(member, (enum ending)how);
	}
	for (int i = 0; i < 500 && (sockets() > before || sh->held || members(fd) == 0); i++)
		usleep(10000);
	cr_expect_leq(sockets(), before, "connections stay open");
	cr_expect_eq(sh->held, 0, "pulls wait for nobody");
	cr_expect_neq(members(fd), 0, "members that are gone");
	cr_expect_not(lock(fd, "you"), "the member may come back within the lock's time");
	skip(61000);
	cr_expect(lock(fd, "you"), "the queue is nobody's for ever");
	close(fd);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

Test(network, a_peer_that_only_seems_to_be_there_is_given_up)
{
	struct client *c = client();
	int gone, fd;

	start(never_flush);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	gone = dial_now();
	fd = dial_now();
	join_group(gone, "gone");
	cr_assert(lock(gone, "gone"));
	skip(59000);
	cr_expect_not(lock(fd, "you"));
	skip(1500);
	cr_expect(lock(fd, "you"), "its lock is free after 60 s");
	skip(59000); /* 119.5 s of silence */
	cr_expect_eq(members(fd), 0);
	skip(1500);
	cr_expect(drain(gone, 100) >= 0);
	cr_expect(ends_within(gone, 15000), "it is closed after 120 s");
	for (int i = 0; i < 300 && members(fd) == 0; i++)
		usleep(10000);
	cr_expect_neq(members(fd), 0);
	close(gone);
	close(fd);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

/* --- N4 --- */

/* Bodies in queue 0, as one text. */
static void bodies(int fd, char *to, size_t room)
{
	static struct command rq;
	struct err e = ERR_INIT;
	struct message m;
	struct rd r;

	command_init(&rq, REQ_PULL_MESSAGE);
	command_add(&rq, "consumerGroup", STR("TOOLS_CONSUMER"));
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "queueOffset", STR("0"));
	command_add(&rq, "maxMsgNums", STR("32"));
	command_add(&rq, "sysFlag", STR("4"));
	command_add(&rq, "subscription", STR("*"));
	put_frame(fd, &rq);
	cr_assert(get_frame(fd, &rq));
	cr_assert_eq(rq.code, RESP_SUCCESS);
	*to = '\0';
	for (r = rd_init(rq.body); rd_left(&r);) {
		size_t n = strlen(to);

		cr_assert_eq(message_decode(&r, &m, &e), 0, "%s", e.msg);
		cr_assert(message_crc_ok(&m));
		snprintf(to + n, room - n, STR_FMT " ", STR_ARG(m.body));
	}
}

/* A client that got no answer sends again elsewhere: both are messages, and neither is a mixture. */
Test(network, a_message_sent_again_on_another_connection_is_there_twice_and_whole)
{
	static struct command rq;
	struct buf first, second;
	int a, b;
	char text[512];

	start(never_flush);
	fill_send(&rq, "t-1", STR("one-and-the-same"));
	command_add(&rq, "i",
		STR("UNIQ_KEY\x01"
		    "0A0B0C0D"));
	buf_init(&first, 4096);
	command_encode(&first, &rq);
	fill_send(&rq, "t-1", STR("another"));
	buf_init(&second, 4096);
	command_encode(&second, &rq);
	a = dial_now();
	b = dial_now();
	put(a, first.p, first.n / 2);
	put(b, second.p, second.n);
	cr_assert(get_frame(b, &rq));
	put(b, first.p, first.n - 3); /* the time-out, on the other connection */
	put(a, first.p + first.n / 2, first.n - first.n / 2);
	cr_assert(get_frame(a, &rq));
	cr_assert_eq(rq.code, RESP_SUCCESS);
	put(b, first.p + first.n - 3, 3);
	cr_assert(get_frame(b, &rq));
	cr_assert_eq(rq.code, RESP_SUCCESS);
	bodies(a, text, sizeof(text));
	cr_expect_str_eq(text, "another one-and-the-same one-and-the-same ");
	close(a);
	close(b);
	buf_release(&first);
	buf_release(&second);
	cr_assert_eq(stop(), 0);
}

/* --- K3 --- */

static void send_delayed(int fd, int level, int number)
{
	static struct command rq;
	char body[24], props[24];

	snprintf(body, sizeof(body), "%d-%d", level, number);
	snprintf(props, sizeof(props), "DELAY\x01%d", level);
	fill_send(&rq, "t-1", str_of(body));
	command_add(&rq, "i", str_of(props));
	put_frame(fd, &rq);
	cr_assert(get_frame(fd, &rq));
	cr_assert_eq(rq.code, RESP_SUCCESS);
}

/* As after SIGSTOP, ten minutes, SIGCONT; or a laptop whose lid was closed. */
Test(network, after_standing_still_for_minutes_what_is_due_comes_at_once_in_order)
{
	struct client *c = client();
	int fd, member, status;
	int64_t begun;
	char text[512];

	start(never_flush);
	cr_assert_eq(send_one(c, STR("now"), 5000), RESP_SUCCESS);
	fd = dial_now();
	member = dial_now();
	join_group(member, "me");
	for (int i = 0; i < 3; i++)
		for (int level = 1; level <= 2; level++)
			send_delayed(fd, level, i);
	kill(child, SIGSTOP);
	cr_assert_eq(waitpid(child, &status, WUNTRACED), child);
	usleep(5500000); /* the machine's own time has to pass for the timers: level 2 is 5 s */
	sh->skip_ms = 600000 - 5500;
	kill(child, SIGCONT);
	begun = clock_mono_ms();
	while (queue_end(c) < 7)
		cr_assert_leq(
			clock_mono_ms() - begun, 3000, "%lld of 7", (long long)queue_end(c));
	cr_expect_leq(clock_mono_ms() - begun, 1000);
	bodies(fd, text, sizeof(text));
	for (int level = 1; level <= 2; level++) {
		char want[8];
		const char *at = text;

		for (int i = 0; i < 3; i++, at++) {
			snprintf(want, sizeof(want), "%d-%d", level, i);
			at = strstr(at, want);
			cr_assert_not_null(at, "%s is late or missing in '%s'", want, text);
		}
	}
	drain(member, 100);
	cr_expect(ends_within(member, 15000), "a session of ten minutes ago");
	for (int i = 0; i < 300 && members(fd) == 0; i++)
		usleep(10000);
	cr_expect_neq(members(fd), 0);
	cr_expect_eq(queue_end(c), 7, "and nothing comes twice");
	close(fd);
	close(member);
	cr_assert_eq(stop(), 0);
	client_free(c);
}
