/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole broker in a child process, its clients in the test. What the disk does to it is decided
 * by a VFS in front of the real one, told through shared memory.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "brokerd/broker.h"
#include "brokerd/dispatch.h"
#include "brokerd/hold.h"
#include "brokerd/server.h"
#include "brokerd/store/store.h"
#include "client.h"
#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "thread.h"

struct shared {
	_Atomic int port;
	_Atomic bool sync_fails, sync_hangs, disk_full;
	_Atomic int syncs;
};

static struct shared *sh;
static char dir[64];
static pid_t child;

/* --- the disk --- */

static int odd_fdatasync(int fd)
{
	while (sh->sync_hangs)
		usleep(1000);
	sh->syncs++;
	if (sh->sync_fails) {
		errno = EIO;
		return -1;
	}
	return vfs_system.fdatasync(fd);
}

static int odd_fallocate(int fd, int mode, off_t off, off_t len)
{
	if (sh->disk_full) {
		errno = ENOSPC;
		return -1;
	}
	return vfs_system.fallocate(fd, mode, off, len);
}

/* --- the child --- */

static void watch_parent(void *arg)
{
	struct broker *b = arg;

	if (getppid() == 1)
		broker_quit(b);
}

static struct broker *stopping;

static void on_term(int sig UNUSED)
{
	stopping->stopping = true; /* seen by look_for_stop() */
}

static void look_for_stop(void *arg)
{
	struct broker *b = arg;

	if (b->stopping)
		broker_quit(b);
}

typedef void (*tune)(struct config *cfg);

static int serve(tune change)
{
	struct vfs odd = vfs_system;
	struct err e = ERR_INIT;
	struct config cfg;
	struct broker b;
	struct conf conf;
	int rc;

	odd.fdatasync = odd_fdatasync;
	odd.fallocate = odd_fallocate;
	vfs_set(&odd);
	thread_become(&on_loop);
	log_set_level(LOG_ERROR_);
	conf_init(&conf, config_keys, &cfg, NULL);
	cfg.data = dir;
	cfg.nameserver_port = cfg.broker_port = cfg.vip_port = 0;
	cfg.auto_create_topics = cfg.auto_create_groups = true;
	cfg.unlimited = true;
	cfg.commitlog_file_size = 16 << 20;
	if (change)
		change(&cfg);
	rc = broker_start(&b, &cfg, &e);
	if (rc) {
		fprintf(stderr, "%s\n", e.msg);
		sh->port = -1;
		return 1;
	}
	stopping = &b;
	signal(SIGTERM, on_term);
	signal(SIGPIPE, SIG_IGN);
	server_every(b.server, 20, look_for_stop, &b);
	server_every(b.server, 500, watch_parent, &b);
	sh->port = b.broker_port;
	broker_run(&b);
	return broker_stop(&b, &e) ? 2 : 0;
}

static void start(tune change)
{
	sh->port = 0;
	child = fork();
	if (!child)
		_exit(serve(change));
	for (int i = 0; i < 500 && !sh->port; i++)
		usleep(10000);
	cr_assert_gt(sh->port, 0);
}

static int stop(void)
{
	int status = -1;

	kill(child, SIGTERM);
	waitpid(child, &status, 0);
	child = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void setup(void)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(sh, MAP_FAILED);
	snprintf(dir, sizeof(dir), "/tmp/tdmq-broker.XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static void teardown(void)
{
	char *line = mem_fmt("rm -rf %s", dir);

	if (child)
		kill(child, SIGKILL);
	cr_assert_eq(system(line), 0);
	mem_free(line);
}

TestSuite(broker, .init = setup, .fini = teardown, .timeout = 30);

/* --- clients --- */

static const char *address(void)
{
	static char a[32];

	snprintf(a, sizeof(a), "127.0.0.1:%d", sh->port);
	return a;
}

static void fill_send(struct command *rq, const char *topic, struct str body)
{
	command_init(rq, REQ_SEND_MESSAGE_V2);
	command_add(rq, "b", str_of(topic));
	command_add(rq, "c", STR("TBW102"));
	command_add(rq, "d", STR("4"));
	command_add(rq, "e", STR("0"));
	command_add(rq, "f", STR("0"));
	command_add(rq, "g", STR("1"));
	command_add(rq, "h", STR("0"));
	rq->body = body;
}

/* Code of the answer; -1 when none came. */
static int send_one(struct client *c, struct str body, int timeout_ms)
{
	static struct command rq;
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int code = -1;

	fill_send(&rq, "t-1", body);
	if (!client_call(c, address(), &rq, timeout_ms, &r, &e))
		code = r->cmd.code;
	reply_free(r);
	return code;
}

static int64_t queue_end(struct client *c)
{
	static struct command rq;
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int64_t end = -1;

	command_init(&rq, REQ_GET_MAX_OFFSET);
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	cr_assert_eq(client_call(c, address(), &rq, 5000, &r, &e), 0, "%s", e.msg);
	cr_assert_eq(
		str_to_i64(command_ext(&r->cmd, "offset"), 0, INT64_MAX, &end, "offset", &e),
		0);
	reply_free(r);
	return end;
}

static struct client *client(void)
{
	struct client_opts o = { 0 };

	return client_new(&o);
}

static void flush_sync(struct config *cfg)
{
	cfg->flush = STORE_FLUSH_SYNC;
}

Test(broker, acknowledges_nothing_that_is_not_on_disk)
{
	struct client *c = client();

	start(flush_sync);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	sh->sync_hangs = true;
	cr_assert_eq(send_one(c, STR("b"), 300), -1, "acknowledged before the sync returned");
	sh->sync_hangs = false;
	cr_assert_eq(send_one(c, STR("c"), 5000), RESP_SUCCESS);
	cr_assert_eq(queue_end(c), 3);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

Test(broker, a_failed_sync_is_an_error_and_the_end_of_writing)
{
	struct client *c = client();

	start(flush_sync);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	sh->sync_fails = true;
	cr_assert_eq(send_one(c, STR("b"), 5000), RESP_SERVICE_NOT_AVAILABLE);
	sh->sync_fails = false;
	cr_assert_eq(send_one(c, STR("c"), 5000), RESP_SERVICE_NOT_AVAILABLE,
		"a failed sync must not be tried again");
	cr_assert_geq(queue_end(c), 1, "reading goes on");
	cr_assert_neq(stop(), -SIGABRT);
	client_free(c);
}

struct waiting {
	int code;
	bool done;
};

static void answered(void *arg, int rc, struct reply *r, const struct err *e UNUSED)
{
	struct waiting *w = arg;

	w->done = true;
	w->code = rc ? -1 : r->cmd.code;
	reply_free(r);
}

static void never_flush(struct config *cfg)
{
	cfg->flush = STORE_FLUSH_ASYNC;
	cfg->flush_interval = 60000;
}

Test(broker, a_clean_stop_syncs_and_answers_first)
{
	struct client *c = client();
	struct waiting w = { 0 };
	struct err e = ERR_INIT;
	struct command rq;

	start(flush_sync);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	sh->sync_hangs = true;
	fill_send(&rq, "t-1", STR("b"));
	cr_assert_eq(client_submit(c, address(), &rq, 5000, answered, &w, &e), 0);
	client_run(c, 200);
	cr_assert_not(w.done);
	kill(child, SIGTERM);
	client_run(c, 200);
	sh->sync_hangs = false;
	client_run(c, 5000);
	cr_assert_eq(w.code, RESP_SUCCESS);
	cr_assert_eq(stop(), 0);
	start(never_flush);
	cr_assert_eq(queue_end(c), 2);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

Test(broker, held_pulls_are_answered_at_the_end)
{
	struct client *c = client();
	struct waiting w = { 0 };
	struct err e = ERR_INIT;
	struct command rq;

	start(never_flush);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	command_init(&rq, REQ_PULL_MESSAGE);
	command_add(&rq, "consumerGroup", STR("TOOLS_CONSUMER"));
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "queueOffset", STR("1"));
	command_add(&rq, "maxMsgNums", STR("32"));
	command_add(&rq, "sysFlag", STR("6"));
	command_add(&rq, "suspendTimeoutMillis", STR("20000"));
	cr_assert_eq(client_submit(c, address(), &rq, 10000, answered, &w, &e), 0);
	client_run(c, 200);
	cr_assert_not(w.done);
	kill(child, SIGTERM);
	client_run(c, 5000);
	cr_assert_eq(w.code, RESP_PULL_NOT_FOUND);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

static int dial(void);

Test(broker, refuses_sends_while_too_many_wait_for_the_disk)
{
	struct client *c = client();
	static struct command rq;
	struct err e = ERR_INIT;
	struct buf out, in;
	size_t total;
	int fd;

	start(flush_sync);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	sh->sync_hangs = true;
	fd = dial();
	buf_init(&out, 1 << 20);
	buf_init(&in, 1 << 20);
	fill_send(&rq, "t-1", STR("b"));
	for (int i = 0; i < 1000; i++)
		command_encode(&out, &rq);
	for (int i = 0; i < HOLD_ACKS_MAX / 1000 + 2; i++)
		cr_assert_eq(send(fd, out.p, out.n, MSG_NOSIGNAL), (ssize_t)out.n);
	while (frame_measure(buf_str(&in), &total, &e) == TQ_ENOTYET) {
		ssize_t n = recv(fd, buf_reserve(&in, 4096), 4096, 0);

		cr_assert_gt(n, 0);
		in.n += (size_t)n;
	}
	cr_assert_eq(command_decode(in.p, total, &rq, &e), 0);
	cr_assert_eq(rq.code, RESP_SYSTEM_BUSY, "the first answer is a refusal");
	sh->sync_hangs = false;
	for (int i = 0; i < 100 && send_one(c, STR("c"), 5000) != RESP_SUCCESS; i++)
		usleep(10000);
	cr_assert_geq(queue_end(c), HOLD_ACKS_MAX);
	close(fd);
	cr_assert_eq(stop(), 0);
	buf_release(&out);
	buf_release(&in);
	client_free(c);
}

/* --- connections --- */

static int dial(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)sh->port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static bool ends_within(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	return poll(&p, 1, ms) == 1 && recv(fd, &c, 1, 0) <= 0;
}

static void two_connections(struct config *cfg)
{
	cfg->max_connections = 2;
	cfg->idle_timeout = 1000;
}

Test(broker, refuses_connections_beyond_the_limit_and_closes_idle_ones)
{
	int a, b, over;

	start(two_connections);
	a = dial();
	b = dial();
	usleep(50000);
	over = dial();
	cr_assert(ends_within(over, 2000), "a third one stays");
	cr_assert(ends_within(a, 10000), "an idle one stays");
	cr_assert(ends_within(b, 10000));
	close(a);
	close(b);
	close(over);
	cr_assert_eq(stop(), 0);
}

static void small_output(struct config *cfg)
{
	never_flush(cfg);
	cfg->output_limit = 64 << 10;
}

/* Pulls until the kernel takes no more; the answers are not read. */
static int pull_blindly(int fd)
{
	static struct command rq;
	struct buf out;
	int n = 0;

	command_init(&rq, REQ_PULL_MESSAGE);
	command_add(&rq, "consumerGroup", STR("TOOLS_CONSUMER"));
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "queueOffset", STR("0"));
	command_add(&rq, "maxMsgNums", STR("32"));
	command_add(&rq, "sysFlag", STR("4"));
	buf_init(&out, 4096);
	command_encode(&out, &rq);
	for (; n < 20000; n++) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		if (poll(&p, 1, 300) < 1 ||
			send(fd, out.p, out.n, MSG_NOSIGNAL) < (ssize_t)out.n)
			break;
	}
	buf_release(&out);
	return n;
}

static int64_t resident_kib(void)
{
	char path[64], line[256];
	int64_t kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "RssAnon:", 8))
			kib = strtoll(line + 8, NULL, 10);
	}
	if (f)
		fclose(f);
	return kib;
}

static int64_t drain(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	static char b[1 << 16];
	int64_t total = 0;
	ssize_t n;

	while (poll(&p, 1, ms) == 1 && (n = recv(fd, b, sizeof(b), 0)) > 0)
		total += n;
	return total;
}

Test(broker, a_client_that_does_not_read_is_not_read_from)
{
	char *body = mem_alloc(64 << 10);
	struct client *c = client();
	int64_t before;
	int fd, n;

	start(small_output);
	cr_assert_eq(send_one(c, (struct str){ body, 64 << 10 }, 5000), RESP_SUCCESS);
	fd = dial();
	before = resident_kib();
	n = pull_blindly(fd);
	cr_assert_lt(n, 20000, "the broker never stopped reading");
	cr_assert_lt(resident_kib() - before, 8 << 10, "answers pile up in memory");
	cr_assert_eq(send_one(c, STR("b"), 5000), RESP_SUCCESS, "others are served meanwhile");
	cr_assert_geq(
		drain(fd, 500), (int64_t)n * (64 << 10), "every pull is answered at last");
	close(fd);
	cr_assert_eq(stop(), 0);
	client_free(c);
	mem_free(body);
}

/* --- hostile input --- */

/* A whole request for the handler, with a plausible value for every field. */
static void fill_request(struct command *rq, const struct handler *h)
{
	command_init(rq, h->code);
	for (const struct field *f = h->fields; f && f->type != FIELD_TYPE_END; f++) {
		bool name = f->type <= FIELD_TYPE_GROUP;

		command_add(rq, f->name, name ? STR("t-1") : STR("1"));
	}
	rq->body = STR("{\"clientID\":\"c\",\"producerDataSet\":[{\"groupName\":\"p\"}]}");
}

/* Sends what there is, ends the stream, and waits for the broker to do the same. */
static void throw_at(struct str bytes)
{
	struct pollfd p = { .fd = dial(), .events = POLLIN };
	static char b[1 << 16];

	cr_assert_eq(send(p.fd, bytes.p, bytes.n, MSG_NOSIGNAL), (ssize_t)bytes.n);
	shutdown(p.fd, SHUT_WR);
	do
		cr_assert_eq(poll(&p, 1, 10000), 1, "the broker does not answer");
	while (recv(p.fd, b, sizeof(b), 0) > 0);
	close(p.fd);
}

static void mutate(const struct handler *h, enum header_type type)
{
	static struct command rq;
	struct buf frame;

	fill_request(&rq, h);
	rq.type = type;
	buf_init(&frame, 1 << 20);
	command_encode(&frame, &rq);
	for (size_t i = 0; i < frame.n; i++) {
		char mask = (char)(1 << (i * 5 % 8));

		frame.p[i] ^= mask;
		throw_at(buf_str(&frame));
		frame.p[i] ^= mask;
	}
	for (size_t n = 1; n < frame.n; n += 7)
		throw_at((struct str){ frame.p, n });
	throw_at(buf_str(&frame));
	buf_release(&frame);
}

Test(broker, survives_requests_with_flipped_bits_and_cut_ones, .timeout = 120)
{
	const struct handler *h;
	struct client *c = client();

	start(never_flush);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	for (size_t i = 0; (h = handler_at(i)); i++) {
		mutate(h, HEADER_JSON);
		if (i % 4 == 0 && h->code < 30000)
			mutate(h, HEADER_BINARY);
	}
	cr_assert_eq(send_one(c, STR("b"), 5000), RESP_SUCCESS);
}

/* --- what others make it do --- */

static void put_frame(int fd, const struct command *cmd)
{
	struct buf out;

	buf_init(&out, FRAME_MAX);
	command_encode(&out, cmd);
	cr_assert_not(buf_err(&out));
	cr_assert_eq(send(fd, out.p, out.n, MSG_NOSIGNAL), (ssize_t)out.n);
	buf_release(&out);
}

/* The next frame; *cmd is valid until the next call. False when none comes. */
static bool get_frame(int fd, struct command *cmd)
{
	static char frame[1 << 16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct err e = ERR_INIT;
	size_t n = 0, total = 4;

	while (n < total) {
		ssize_t got = poll(&p, 1, 3000) == 1 ? recv(fd, frame + n, total - n, 0) : 0;

		if (got <= 0)
			return false;
		n += (size_t)got;
		if (n == 4)
			frame_measure((struct str){ frame, n }, &total, &e);
		cr_assert_leq(total, sizeof(frame));
	}
	cr_assert_eq(command_decode(frame, total, cmd, &e), 0, "%s", e.msg);
	return true;
}

/* A consumer that is a member of g-1 and does only what the test does. */
static int join(void)
{
	static struct command cmd;
	int fd = dial();

	command_init(&cmd, REQ_HEART_BEAT);
	cmd.opaque = 77;
	cmd.body = STR("{\"clientID\":\"me\",\"consumerDataSet\":[{\"groupName\":\"g-1\"}]}");
	put_frame(fd, &cmd);
	do
		cr_assert(get_frame(fd, &cmd));
	while (!(cmd.flag & FLAG_RESPONSE));
	return fd;
}

static void ask_member(struct command *rq, int code, const char *msg_id)
{
	command_init(rq, code);
	command_add(rq, "consumerGroup", STR("g-1"));
	command_add(rq, "clientId", STR("me"));
	if (msg_id)
		command_add(rq, "msgId", str_of(msg_id));
}

/* The largest answer there is, with a header shorter than any of ours. */
static void put_largest_answer(int fd, int32_t opaque)
{
	char head[64], *frame = mem_alloc(FRAME_MAX);
	uint32_t n = (uint32_t)snprintf(
		head, sizeof(head), "{\"code\":0,\"flag\":1,\"opaque\":%d}", opaque);

	memcpy(frame, &(uint32_t){ __builtin_bswap32(FRAME_MAX - 4) }, 4);
	memcpy(frame + 4, &(uint32_t){ __builtin_bswap32(n) }, 4);
	memcpy(frame + 8, head, n);
	cr_assert_eq(send(fd, frame, FRAME_MAX, MSG_NOSIGNAL), (ssize_t)FRAME_MAX);
	mem_free(frame);
}

Test(broker, an_answer_too_large_for_a_frame_is_an_error)
{
	static struct command rq, asked;
	struct client *c = client();
	struct waiting w = { 0 };
	struct err e = ERR_INIT;
	int fd;

	start(never_flush);
	fd = join();
	ask_member(&rq, REQ_GET_CONSUMER_RUNNING_INFO, NULL);
	cr_assert_eq(client_submit(c, address(), &rq, 10000, answered, &w, &e), 0);
	client_run(c, 100);
	do
		cr_assert(get_frame(fd, &asked));
	while (asked.code != REQ_GET_CONSUMER_RUNNING_INFO);
	put_largest_answer(fd, asked.opaque);
	client_run(c, 5000);
	cr_assert_eq(w.code, RESP_SYSTEM_ERROR);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	close(fd);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

/* Offset id of the first message. */
static const char *first_id(void)
{
	static char id[64];

	snprintf(id, sizeof(id), "7F000001%08X%016X", sh->port, 0);
	return id;
}

Test(broker, relays_no_more_than_the_client_reads)
{
	char *body = mem_alloc(64 << 10);
	static struct command rq;
	struct client *c = client();
	struct waiting w = { 0 };
	struct err e = ERR_INIT;
	int64_t before;
	int fd;

	start(small_output);
	cr_assert_eq(send_one(c, (struct str){ body, 64 << 10 }, 5000), RESP_SUCCESS);
	fd = join();
	before = resident_kib();
	for (int i = 0; i < 1000 && w.code != RESP_SYSTEM_BUSY; i++) {
		ask_member(&rq, REQ_CONSUME_MESSAGE_DIRECTLY, first_id());
		cr_assert_eq(client_submit(c, address(), &rq, 20000, answered, &w, &e), 0);
		client_run(c, 0);
	}
	for (int i = 0; i < 100 && w.code != RESP_SYSTEM_BUSY; i++)
		client_run(c, 50); /* the broker had no time yet to read all of it */
	cr_assert_eq(w.code, RESP_SYSTEM_BUSY, "got %d", w.code);
	cr_assert_lt(resident_kib() - before, 16 << 10);
	close(fd);
	cr_assert_eq(stop(), 0);
	client_free(c);
	mem_free(body);
}

static void fifty_calls(struct config *cfg)
{
	never_flush(cfg);
	cfg->max_calls = 50;
	cfg->throttle_wait = 200;
}

Test(broker, sends_wait_for_the_rate_and_are_refused_beyond_it)
{
	enum { N = 100, BURST = 11, WAITING = 10 };
	static struct command rq;
	struct client *c = client();
	int64_t begun = clock_mono_ms();
	int fd, done = 0, refused = 0;

	start(fifty_calls);
	fd = dial();
	fill_send(&rq, "t-1", STR("b"));
	for (int i = 0; i < N; i++)
		put_frame(fd, &rq);
	for (int i = 0; i < N; i++) {
		cr_assert(get_frame(fd, &rq), "answer %d of %d", i, N);
		done += rq.code == RESP_SUCCESS;
		refused += rq.code == RESP_SERVICE_NOT_AVAILABLE;
	}
	cr_assert_eq(done + refused, N);
	cr_assert_geq(done, BURST + WAITING - 1);
	cr_assert_leq(done, BURST + WAITING + (clock_mono_ms() - begun) / 20 + 1);
	cr_assert_gt(refused, 0);
	cr_assert_eq(queue_end(c), done, "what was refused is not stored");
	for (int i = 0; i < 20; i++)
		cr_assert_eq(send_one(c, STR("c"), 5000), RESP_SUCCESS,
			"who waits for the answer is never too fast");
	cr_assert_geq(clock_mono_ms() - begun, 400);
	close(fd);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

static void one_of_each(struct config *cfg)
{
	never_flush(cfg);
	cfg->max_producers = cfg->max_consumers = 1;
}

/* The code a heartbeat of another client of g-1 is answered with. */
static int beat(int fd, struct command *cmd)
{
	command_init(cmd, REQ_HEART_BEAT);
	cmd->body = STR("{\"clientID\":\"you\",\"consumerDataSet\":[{\"groupName\":\"g-1\","
			"\"subscriptionDataSet\":[{\"topic\":\"t-1\",\"subString\":\"*\"}]}]}");
	put_frame(fd, cmd);
	do
		cr_assert(get_frame(fd, cmd));
	while (!(cmd->flag & FLAG_RESPONSE));
	return cmd->code;
}

Test(broker, a_topic_has_so_many_producers_and_consumers)
{
	static struct command rq;
	struct client *c = client();
	int fd, other, code = -1;

	start(one_of_each);
	fd = dial();
	other = dial();
	fill_send(&rq, "t-1", STR("b"));
	for (int i = 0; i < 2; i++) {
		put_frame(fd, &rq);
		cr_assert(get_frame(fd, &rq));
		cr_assert_eq(rq.code, RESP_SUCCESS, "the first stays");
		fill_send(&rq, "t-1", STR("b"));
	}
	cr_assert_eq(send_one(c, STR("c"), 5000), RESP_MESSAGE_ILLEGAL);
	cr_assert_eq(beat(fd, &rq), RESP_SUCCESS);
	cr_assert_eq(beat(fd, &rq), RESP_SUCCESS, "who is one already stays one");
	cr_assert_eq(beat(other, &rq), RESP_LIMIT_REACHED);
	cr_assert(str_eq(
		rq.remark, STR("topic 't-1' has 1 consumers, its limit: see max-consumers")));
	close(fd);
	for (int i = 0; i < 100 && code != RESP_SUCCESS; i++) /* until the broker sees it go */
		code = send_one(c, STR("c"), 5000);
	cr_assert_eq(code, RESP_SUCCESS);
	code = beat(other, &rq);
	cr_assert_eq(code, RESP_SUCCESS, "%d: %.*s", code, (int)rq.remark.n, rq.remark.p);
	close(other);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

Test(broker, stops_while_answers_are_late)
{
	static struct command rq;
	int fd;

	start(fifty_calls);
	fd = dial();
	fill_send(&rq, "t-1", STR("b"));
	for (int i = 0; i < 100; i++)
		put_frame(fd, &rq);
	cr_assert(get_frame(fd, &rq));
	cr_assert_eq(stop(), 0);
	close(fd);
}

static void small_output_sync(struct config *cfg)
{
	small_output(cfg);
	cfg->flush = STORE_FLUSH_SYNC;
}

Test(broker, sends_are_refused_while_the_disk_is_far_behind)
{
	static struct command rq;
	struct client *c = client();
	int fd, n = 0, done = 0, busy = 0;

	start(small_output_sync);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	fd = dial();
	sh->sync_hangs = true;
	fill_send(&rq, "t-1", STR("b"));
	for (; n < 100000; n++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		put_frame(fd, &rq);
		if (poll(&p, 1, 0) == 1) /* nothing is acknowledged: it is refused */
			break;
	}
	cr_assert_lt(n, 100000, "answers pile up in memory");
	sh->sync_hangs = false;
	for (int i = 0; i <= n; i++) {
		cr_assert(get_frame(fd, &rq), "answer %d of %d", i, n + 1);
		done += rq.code == RESP_SUCCESS;
		busy += rq.code == RESP_SYSTEM_BUSY;
	}
	cr_assert_gt(busy, 0);
	cr_assert_eq(done + busy, n + 1);
	cr_assert_eq(queue_end(c), done + 1, "what was refused is not stored");
	cr_assert_eq(send_one(c, STR("c"), 5000), RESP_SUCCESS);
	close(fd);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

/* --- pulls that wait (M7) --- */

#define WAITING 100000

static void waiting_pull(struct buf *out, int32_t opaque, const char *hold_ms)
{
	static const char *const fields[][2] = { { "consumerGroup", "waiting-group" },
		{ "topic", "t-1" }, { "queueId", "0" }, { "queueOffset", "1" },
		{ "maxMsgNums", "32" }, { "sysFlag", "6" },
		{ "subscription", "TagA || TagB" } };
	static struct command rq;

	command_init(&rq, REQ_PULL_MESSAGE);
	rq.opaque = opaque;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		command_add(&rq, fields[i][0], str_of(fields[i][1]));
	command_add(&rq, "suspendTimeoutMillis", str_of(hold_ms));
	command_encode(out, &rq);
}

/* Sends b; *cmd is the answer to a question behind it: all of it was looked at. */
static void put_bytes(int fd, const struct buf *b, struct command *cmd)
{
	for (size_t at = 0; at < b->n;) {
		ssize_t n = send(fd, b->p + at, b->n - at, MSG_NOSIGNAL);

		cr_assert_gt(n, 0);
		at += (size_t)n;
	}
	command_init(cmd, REQ_GET_MAX_OFFSET);
	command_add(cmd, "topic", STR("t-1"));
	command_add(cmd, "queueId", STR("0"));
	put_frame(fd, cmd);
	cr_assert(get_frame(fd, cmd));
	cr_assert(command_ext(cmd, "offset").n, "%d", cmd->code);
}

/* The best of some tries, since the machine may be busy. */
static int64_t shortest_wait(int fd, struct buf *frame)
{
	static struct command got;
	int64_t best = INT64_MAX;

	for (int i = 0; i < 5 && best > 350; i++) {
		int64_t start_ms = clock_mono_ms();

		buf_clear(frame);
		waiting_pull(frame, 9000 + i, "300");
		put_bytes(fd, frame, &got);
		cr_assert(get_frame(fd, &got));
		cr_assert_eq(got.opaque, 9000 + i, "%d: %d", got.opaque, got.code);
		cr_assert_eq(got.code, RESP_PULL_NOT_FOUND);
		best = MIN(best, clock_mono_ms() - start_ms);
	}
	return best;
}

Test(broker, a_hundred_thousand_pulls_wait_in_20_mb_each_for_its_time)
{
	static struct command got;
	struct client *c = client();
	struct buf frames;
	int64_t before, bytes, wait;
	int fd;

	start(never_flush);
	cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	fd = dial();
	buf_init(&frames, 1 << 24);
	for (int i = 0; i < 1000; i++)
		waiting_pull(&frames, i, "60000");
	put_bytes(fd, &frames, &got); /* what is allocated but once */
	before = resident_kib();
	for (int i = 0; i < WAITING / 1000; i++)
		put_bytes(fd, &frames, &got);
	bytes = (resident_kib() - before) * 1024 / WAITING;
#ifndef __SANITIZE_ADDRESS__ /* which keeps some around each allocation */
	cr_expect_leq(bytes, 200, "%lld bytes each", (long long)bytes);
#endif
	cr_expect_gt(bytes, 100, "do they wait?");
	wait = shortest_wait(fd, &frames);
	cr_expect(wait >= 299 && wait <= 350, "%lld ms instead of 300", (long long)wait);
	cr_assert_eq(send_one(c, STR("b"), 5000), RESP_SUCCESS, "no tag: nobody is woken");
	close(fd);
	cr_assert_eq(send_one(c, STR("c"), 5000), RESP_SUCCESS);
	cr_assert_eq(stop(), 0);
	buf_release(&frames);
	client_free(c);
}
