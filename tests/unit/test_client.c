/* SPDX-License-Identifier: Apache-2.0 */
/* client: against a peer that answers well, late, in the wrong order, with nonsense, or not. */
#include "client.h"
#include "clock.h"
#include "peer.h"
#include "sign.h"

static struct client *new_client(void)
{
	struct client_opts o = { .connect_ms = 1000 };

	return client_new(&o);
}

static struct command request(int code)
{
	struct command rq;

	command_init(&rq, code);
	return rq;
}

/* Answers each request with its own code as remark and its body as body. */
static void echo(int fd, void *arg)
{
	struct command rq;
	char *frame = NULL, remark[16];

	(void)arg;
	while (peer_take(fd, &rq, &frame)) {
		char *body = mem_strn(rq.body.n ? rq.body.p : "", rq.body.n);

		snprintf(remark, sizeof(remark), "%d", rq.code);
		if (!(rq.flag & FLAG_ONEWAY))
			peer_answer(fd, rq.opaque, 0, remark, body);
		mem_free(body);
		mem_free(frame);
		frame = NULL;
	}
	mem_free(frame);
}

Test(client, gets_the_answer_of_its_request, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(REQ_GET_BROKER_RUNTIME_INFO);
	struct peer_server s;
	struct err e = ERR_INIT;
	struct reply *r;

	peer_start(&s, echo, NULL);
	rq.body = STR("hello");
	cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, &e), 0, "%s", e.msg);
	cr_assert(str_is(r->cmd.body, "hello"));
	cr_assert(str_is(r->cmd.remark, "28"));
	reply_free(r);
	client_free(c);
	peer_stop(&s);
	cr_assert_eq(s.accepted, 1);
}

Test(client, keeps_its_connection, .timeout = 10)
{
	struct client *c = new_client();
	struct peer_server s;
	struct reply *r;

	peer_start(&s, echo, NULL);
	for (int i = 0; i < 5; i++) {
		struct command rq = request(100 + i);

		cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, NULL), 0);
		reply_free(r);
	}
	client_free(c);
	peer_stop(&s);
	cr_assert_eq(s.accepted, 1);
}

/* ---- overlapping ---- */

#define MANY 500

/* Takes MANY requests before it answers, the last one first. */
static void backwards(int fd, void *arg)
{
	int opaques[MANY], codes[MANY];
	struct command rq;
	char *frame = NULL, remark[16];

	(void)arg;
	for (int i = 0; i < MANY; i++) {
		if (!peer_take(fd, &rq, &frame))
			return;
		opaques[i] = rq.opaque;
		codes[i] = rq.code;
		mem_free(frame);
	}
	for (int i = MANY - 1; i >= 0; i--) {
		snprintf(remark, sizeof(remark), "%d", codes[i]);
		peer_answer(fd, opaques[i], 0, remark, NULL);
	}
	peer_take(fd, &rq, &frame); /* until the client is gone */
	mem_free(frame);
}

struct expected {
	int code, done;
};

static void check_code(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct expected *x = arg;
	char remark[16];

	cr_assert_eq(rc, 0, "%s", e ? e->msg : "");
	snprintf(remark, sizeof(remark), "%d", x->code);
	cr_assert(str_is(r->cmd.remark, remark));
	x->done++;
	reply_free(r);
}

Test(client, matches_answers_that_come_in_any_order, .timeout = 10)
{
	struct client *c = new_client();
	struct expected x[MANY];
	struct peer_server s;
	struct err e = ERR_INIT;

	peer_start(&s, backwards, NULL);
	for (int i = 0; i < MANY; i++) {
		struct command rq = request(1000 + i);

		x[i] = (struct expected){ 1000 + i, 0 };
		cr_assert_eq(client_submit(c, s.addr, &rq, 5000, check_code, &x[i], &e), 0);
	}
	cr_assert_eq(client_pending(c), MANY);
	client_run(c, -1);
	cr_assert_eq(client_pending(c), 0);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(x[i].done, 1);
	client_free(c);
	peer_stop(&s);
}

struct chain {
	struct client *c;
	const char *addr;
	int left;
};

/* Each answer asks two ways: one more by submit, and one at once by a nested call. */
static void go_on(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct chain *ch = arg;
	struct command rq = request(7);
	struct reply *inner;

	cr_assert_eq(rc, 0, "%s", e ? e->msg : "");
	reply_free(r);
	cr_assert_eq(client_call(ch->c, ch->addr, &rq, 3000, &inner, NULL), 0);
	reply_free(inner);
	if (--ch->left)
		cr_assert_eq(client_submit(ch->c, ch->addr, &rq, 3000, go_on, ch, NULL), 0);
}

Test(client, may_be_used_from_its_callbacks, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(7);
	struct chain ch = { c, NULL, 20 };
	struct peer_server s;

	peer_start(&s, echo, NULL);
	ch.addr = s.addr;
	cr_assert_eq(client_submit(c, s.addr, &rq, 3000, go_on, &ch, NULL), 0);
	client_run(c, -1);
	cr_assert_eq(ch.left, 0);
	client_free(c);
	peer_stop(&s);
}

/* ---- what goes wrong ---- */

static void hang_up(int fd, void *arg)
{
	struct command rq;
	char *frame = NULL;

	(void)arg;
	peer_take(fd, &rq, &frame);
	mem_free(frame);
}

static void say_nothing(int fd, void *arg)
{
	struct command rq;
	char *frame = NULL;

	(void)arg;
	while (peer_take(fd, &rq, &frame))
		mem_free(frame);
	mem_free(frame);
}

static void send_text(int fd, void *arg)
{
	struct command rq;
	char *frame = NULL;

	peer_take(fd, &rq, &frame);
	mem_free(frame);
	peer_send(fd, arg, strlen(arg));
	while (peer_take(fd, &rq, &frame))
		mem_free(frame);
	mem_free(frame);
}

static void send_lying_length(int fd, void *arg)
{
	struct command rq;
	char *frame = NULL;

	(void)arg;
	peer_take(fd, &rq, &frame);
	mem_free(frame);
	peer_send(fd, "\x7f\xff\xff\xff\0\0\0\0", 8);
	while (peer_take(fd, &rq, &frame))
		mem_free(frame);
	mem_free(frame);
}

static const struct {
	const char *why;
	peer_script script;
	void *arg;
	int rc;
	const char *says;
} failures[] = {
	{ "closed before the answer", hang_up, NULL, TQ_EUNREACHABLE, "closed" },
	{ "no answer", say_nothing, NULL, TQ_ETIMEDOUT, "within 200 ms" },
	{ "an HTTP server", send_text, (char[]){ "HTTP/1.1 400 Bad Request\r\n\r\n" },
		TQ_EFORMAT, "answer of" },
	{ "a frame above the limit", send_lying_length, NULL, TQ_EFORMAT, "answer of" },
};

Test(client, says_what_went_wrong, .timeout = 20)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		struct client *c = new_client();
		struct command rq = request(28);
		struct peer_server s;
		struct err e = ERR_INIT;
		struct reply *r;
		int64_t start = clock_mono_ms();

		peer_start(&s, failures[i].script, failures[i].arg);
		cr_expect_eq(client_call(c, s.addr, &rq, 200, &r, &e), failures[i].rc, "%s: %s",
			failures[i].why, e.msg);
		cr_expect_null(r);
		cr_expect(strstr(e.msg, failures[i].says), "%s: %s", failures[i].why, e.msg);
		cr_expect(strstr(e.msg, s.addr), "%s: %s", failures[i].why, e.msg);
		cr_expect_lt(clock_mono_ms() - start, 1500, "%s", failures[i].why);
		cr_expect_eq(client_pending(c), 0);
		client_free(c);
		peer_stop(&s);
	}
}

Test(client, says_when_a_change_may_have_happened, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(17);
	struct peer_server s;
	struct err e = ERR_INIT;
	struct reply *r;

	peer_start(&s, say_nothing, NULL);
	cr_assert_eq(client_call(c, s.addr, &rq, 50, &r, &e), TQ_ETIMEDOUT);
	cr_assert(strstr(e.why, "may have happened"));
	client_free(c);
	peer_stop(&s);
}

Test(client, fails_at_once_where_nobody_listens, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(28);
	struct err e = ERR_INIT;
	struct reply *r;

	cr_assert_eq(client_call(c, "127.0.0.1:1", &rq, 3000, &r, &e), TQ_EUNREACHABLE);
	cr_assert(strstr(e.msg, "127.0.0.1:1"));
	client_free(c);
}

static const char *const bad_addresses[] = { "", "host", "host:", ":9876", "host:port", "[]:1",
	"h:99999999" };

Test(client, refuses_what_is_no_address, .timeout = 10)
{
	struct client *c = new_client();

	for (size_t i = 0; i < ARRAY_LEN(bad_addresses); i++) {
		struct command rq = request(28);
		struct err e = ERR_INIT;
		struct reply *r;
		int rc = client_call(c, bad_addresses[i], &rq, 1000, &r, &e);

		cr_expect(rc == TQ_EUSAGE || rc == TQ_EUNREACHABLE, "'%s': %d %s",
			bad_addresses[i], rc, e.msg);
		cr_expect(e.msg[0]);
	}
	client_free(c);
}

/* Hangs up on its first connection, answers on later ones. */
static void second_time(int fd, void *arg)
{
	int *n = arg;

	if (!(*n)++)
		hang_up(fd, NULL);
	else
		echo(fd, NULL);
}

Test(client, opens_a_lost_connection_anew, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(28);
	struct peer_server s;
	struct reply *r;
	int n = 0;

	peer_start(&s, second_time, &n);
	cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, NULL), TQ_EUNREACHABLE);
	cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, NULL), 0);
	reply_free(r);
	client_free(c);
	peer_stop(&s);
	cr_assert_eq(s.accepted, 2);
}

/* Answers in pieces of one byte. */
static void dribble(int fd, void *arg)
{
	struct command rq, answer;
	char *frame = NULL;
	struct buf b;

	(void)arg;
	if (!peer_take(fd, &rq, &frame))
		return;
	command_init(&answer, 0);
	answer.flag = FLAG_RESPONSE;
	answer.opaque = rq.opaque;
	answer.body = STR("slow but whole");
	buf_init(&b, 1 << 16);
	command_encode(&b, &answer);
	mem_free(frame);
	for (size_t i = 0; i < b.n; i++)
		peer_send(fd, b.p + i, 1);
	buf_release(&b);
	if (peer_take(fd, &rq, &frame))
		mem_free(frame);
}

Test(client, joins_frames_that_come_in_pieces, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(28);
	struct peer_server s;
	struct reply *r;

	peer_start(&s, dribble, NULL);
	cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, NULL), 0);
	cr_assert(str_is(r->cmd.body, "slow but whole"));
	reply_free(r);
	client_free(c);
	peer_stop(&s);
}

/* ---- requests of the server ---- */

struct asked {
	int handled; /* code the client answered */
	char remark[64];
};

/* Asks the client something before it answers the request. */
static void ask_back(int fd, void *arg)
{
	struct asked *a = arg;
	struct command rq, ask, answer;
	char *frame = NULL, *other = NULL;

	if (!peer_take(fd, &rq, &frame))
		return;
	command_init(&ask, REQ_GET_CONSUMER_RUNNING_INFO);
	ask.opaque = rq.opaque; /* the two directions count apart */
	peer_command(fd, &ask);
	if (peer_take(fd, &answer, &other) && answer.flag & FLAG_RESPONSE) {
		a->handled = answer.code;
		snprintf(a->remark, sizeof(a->remark), STR_FMT, STR_ARG(answer.remark));
	}
	mem_free(other);
	peer_answer(fd, rq.opaque, 0, NULL, NULL);
	mem_free(frame);
	if (peer_take(fd, &rq, &frame))
		mem_free(frame);
}

static void serve(void *arg, const char *addr, const struct command *rq, struct command *answer)
{
	(void)addr;
	cr_assert_eq(rq->code, REQ_GET_CONSUMER_RUNNING_INFO);
	answer->remark = str_of(arg);
}

Test(client, lets_its_owner_answer_the_server, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(34);
	struct peer_server s;
	struct asked a = { -1, "" };
	struct reply *r;

	client_on_request(c, serve, (char[]){ "all is well" });
	peer_start(&s, ask_back, &a);
	cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, NULL), 0);
	reply_free(r);
	client_free(c);
	peer_stop(&s);
	cr_assert_eq(a.handled, 0);
	cr_assert_str_eq(a.remark, "all is well");
}

Test(client, answers_3_to_what_nobody_handles, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(34);
	struct peer_server s;
	struct asked a = { -1, "" };
	struct reply *r;

	peer_start(&s, ask_back, &a);
	cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, NULL), 0);
	reply_free(r);
	client_free(c);
	peer_stop(&s);
	cr_assert_eq(a.handled, RESP_REQUEST_CODE_NOT_SUPPORTED);
}

/* ---- signatures, one-way ---- */

static void check_signature(int fd, void *arg)
{
	char want[SIGN_TEXT];
	struct command rq;
	char *frame = NULL;
	int *verdict = arg;
	struct str given;

	while (peer_take(fd, &rq, &frame)) {
		given = command_ext(&rq, "Signature");
		sign_request(&rq, STR("12345678"), want);
		*verdict = str_is(given, want) &&
			   str_is(command_ext(&rq, "AccessKey"), "rocketmq2");
		peer_answer(fd, rq.opaque, 0, NULL, NULL);
		mem_free(frame);
		frame = NULL;
	}
	mem_free(frame);
}

Test(client, signs_when_it_has_keys, .timeout = 10)
{
	struct client_opts o = { .access_key = "rocketmq2", .secret_key = "12345678" };
	struct client *c = client_new(&o);
	struct command rq = request(34);
	struct peer_server s;
	struct reply *r;
	int verdict = -1;

	command_add(&rq, "topic", STR("T1"));
	rq.body = STR("hello");
	peer_start(&s, check_signature, &verdict);
	for (int i = 0; i < 2; i++) { /* the request can be used again */
		cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, NULL), 0);
		reply_free(r);
		cr_assert_eq(rq.n_ext, 1);
	}
	client_free(c);
	peer_stop(&s);
	cr_assert_eq(verdict, 1);
}

Test(client, sends_one_way_without_waiting, .timeout = 10)
{
	struct client *c = new_client();
	struct command rq = request(15);
	struct peer_server s;
	struct err e = ERR_INIT;
	struct reply *r;

	peer_start(&s, echo, NULL);
	cr_assert_eq(client_oneway(c, s.addr, &rq, 1000, &e), 0, "%s", e.msg);
	cr_assert_eq(client_pending(c), 0);
	cr_assert_eq(client_call(c, s.addr, &rq, 3000, &r, &e), 0, "%s", e.msg);
	reply_free(r);
	client_free(c);
	peer_stop(&s);
}
