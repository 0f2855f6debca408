/* SPDX-License-Identifier: Apache-2.0 */
/* A whole broker and what goes wrong around it: see broker_kit.h. */
#include "broker_kit.h"

TestSuite(broker, .init = setup, .fini = teardown, .timeout = 30);

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

static void small_files_often_synced(struct config *cfg)
{
	cfg->flush = STORE_FLUSH_ASYNC;
	cfg->flush_interval = 1;
	cfg->commitlog_file_size = 1 << 20;
}

/* The flush thread closes full files: not one whose last bytes are still being written. */
Test(broker, a_file_is_not_closed_before_its_end_is_written)
{
	static char body[100 << 10];
	struct client *c = client();

	start(small_files_often_synced);
	sh->slow_ms = 10;
	for (int i = 0; i < 60; i++)
		cr_assert_eq(send_one(c, (struct str){ body, sizeof(body) }, 5000),
			RESP_SUCCESS, "message %d", i);
	cr_assert_eq(queue_end(c), 60);
	cr_assert_eq(stop(), 0);
	client_free(c);
}

/* --- connections --- */

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
