/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a whole broker keeps what: the messages of a namespace, all others, dead letters. Its
 * clock is put forward, its tick does the rest.
 */
#include "broker_kit.h"

#define HOUR INT64_C(3600000)
#define PASS_MS 20000 /* the longest a tick is waited for */

TestSuite(broker_retention, .init = setup, .fini = teardown, .timeout = 120);

static void small_files(struct config *cfg)
{
	never_flush(cfg);
	cfg->commitlog_file_size = 1 << 20;
	cfg->flush_interval = 10;
}

static void two_hours(struct config *cfg)
{
	small_files(cfg);
	cfg->retention = 2 * HOUR;
}

static void call(struct command *rq, struct reply **r)
{
	struct client *c = client(); /* others are closed when the clock jumps */
	struct err e = ERR_INIT;

	cr_assert_eq(client_call(c, address(), rq, 10000, r, &e), 0, "%s", e.msg);
	cr_assert_eq((*r)->cmd.code, RESP_SUCCESS, STR_FMT, STR_ARG((*r)->cmd.remark));
	client_free(c);
}

static void done(struct command *rq)
{
	struct reply *r = NULL;

	call(rq, &r);
	reply_free(r);
}

static void send_to(const char *topic, struct str body)
{
	static struct command rq;

	fill_send(&rq, topic, body);
	done(&rq);
}

/* Three files' worth, so that what stands before it is not in the newest. */
static void fill(const char *topic)
{
	static char body[512 << 10];

	for (int i = 0; i < 6; i++)
		send_to(topic, (struct str){ body, sizeof(body) });
}

static int64_t bound(int code, const char *topic)
{
	static struct command rq;
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int64_t off = -1;

	command_init(&rq, code);
	command_add(&rq, "topic", str_of(topic));
	command_add(&rq, "queueId", STR("0"));
	call(&rq, &r);
	cr_assert_eq(
		str_to_i64(command_ext(&r->cmd, "offset"), 0, INT64_MAX, &off, "offset", &e),
		0);
	reply_free(r);
	return off;
}

static void pass(int64_t ms)
{
	sh->skip_ms = ms;
	for (int i = 0; i < 1000 && sh->skip_ms; i++)
		usleep(10000);
	cr_assert_eq(sh->skip_ms, 0);
}

/* Whether the topic's first message goes at the next look, as it must, or stays, as it must. */
static void expect_gone(const char *topic)
{
	int64_t until = clock_mono_ms() + PASS_MS;

	while (!bound(REQ_GET_MIN_OFFSET, topic) && clock_mono_ms() < until)
		usleep(50000);
	cr_expect_gt(bound(REQ_GET_MIN_OFFSET, topic), 0, "'%s' is still there", topic);
}

static void expect_there(const char *topic)
{
	cr_expect_eq(bound(REQ_GET_MIN_OFFSET, topic), 0, "'%s' is gone", topic);
}

Test(broker_retention, a_namespace_keeps_its_messages_as_long_as_it_says)
{
	static struct command rq;

	start(small_files);
	command_init(&rq, REQ_CREATE_NAMESPACE);
	rq.body = STR("{\"name\":\"brief\",\"retentionMs\":3600000}");
	done(&rq);
	send_to("brief%t", STR("x"));
	send_to("other", STR("x"));
	pass(2 * HOUR);
	expect_gone("brief%t");
	expect_there("other");
	cr_assert_eq(stop(), 0);
}

Test(broker_retention, dead_letters_outlive_a_shorter_retention)
{
	static struct command rq;

	start(two_hours);
	send_to("t-1", STR("x"));
	command_init(&rq, REQ_CONSUMER_SEND_MSG_BACK);
	command_add(&rq, "offset", STR("0"));
	command_add(&rq, "group", STR("g"));
	command_add(&rq, "delayLevel", STR("-1"));
	command_add(&rq, "originTopic", STR("t-1"));
	done(&rq);
	cr_assert_eq(bound(REQ_GET_MAX_OFFSET, "%DLQ%g"), 1);
	fill("t-1");
	pass(3 * HOUR);
	expect_gone("t-1");
	expect_there("%DLQ%g");
	pass(66 * HOUR);
	send_to("t-1", STR("x"));
	expect_there("%DLQ%g");
	pass(6 * HOUR);
	expect_gone("%DLQ%g");
	cr_assert_eq(stop(), 0);
}
