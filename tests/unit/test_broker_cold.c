/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests for messages that are on the disk only: they are parked while a reading thread fetches
 * them, and answered as if they had been in memory.
 */
#include "broker_kit.h"

#include "remoting.h"

#define MESSAGES 20

TestSuite(broker_cold, .init = setup, .fini = teardown, .timeout = 60);

static int ask(struct client *c, struct command *rq, struct reply **r)
{
	struct err e = ERR_INIT;

	cr_assert_eq(client_call(c, address(), rq, 10000, r, &e), 0, "%s", e.msg);
	return (*r)->cmd.code;
}

static void send_keyed(struct client *c, int i)
{
	static struct command rq;
	struct reply *r = NULL;
	char text[32];

	fill_send(&rq, "t-1", STR("body"));
	snprintf(text, sizeof(text), "KEYS\001k%d", i % 4);
	command_add(&rq, "i", str_of(text));
	cr_assert_eq(ask(c, &rq, &r), RESP_SUCCESS);
	reply_free(r);
}

static void expect_key(struct client *c, const char *key, size_t bodies)
{
	static struct command rq;
	struct reply *r = NULL;
	size_t n = 0;

	command_init(&rq, REQ_QUERY_MESSAGE);
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "key", str_of(key));
	command_add(&rq, "maxNum", STR("32"));
	command_add(&rq, "beginTimestamp", STR("0"));
	command_add(&rq, "endTimestamp", STR("9999999999999"));
	cr_assert_eq(ask(c, &rq, &r), RESP_SUCCESS, STR_FMT, STR_ARG(r->cmd.remark));
	for (size_t at = 0; at + 4 <= r->cmd.body.n; n++)
		at += get_be32(r->cmd.body.p + at);
	cr_expect_eq(n, bodies);
	reply_free(r);
}

static int view(struct client *c, const char *offset)
{
	static struct command rq;
	struct reply *r = NULL;
	int code;

	command_init(&rq, REQ_VIEW_MESSAGE_BY_ID);
	command_add(&rq, "offset", str_of(offset));
	code = ask(c, &rq, &r);
	reply_free(r);
	return code;
}

static int64_t search(struct client *c, const char *ms)
{
	static struct command rq;
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int64_t off = -1;

	command_init(&rq, REQ_SEARCH_OFFSET_BY_TIMESTAMP);
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "timestamp", str_of(ms));
	cr_assert_eq(ask(c, &rq, &r), RESP_SUCCESS);
	cr_assert_eq(
		str_to_i64(command_ext(&r->cmd, "offset"), 0, INT64_MAX, &off, "offset", &e),
		0);
	reply_free(r);
	return off;
}

Test(broker_cold, queries_views_and_searches_wait_beside_the_loop)
{
	struct client *c = client();

	start(NULL);
	for (int i = 0; i < MESSAGES; i++)
		send_keyed(c, i);
	client_free(c);
	cr_assert_eq(stop(), 0);
	start(NULL); /* what another process wrote is not known to be in memory */
	c = client();
	sh->cold = true;
	expect_key(c, "k1", MESSAGES / 4);
	cr_expect_eq(view(c, "0"), RESP_SUCCESS);
	cr_expect_eq(view(c, "1"), RESP_SYSTEM_ERROR, "there is no record");
	cr_expect_eq(view(c, "-1"), RESP_SYSTEM_ERROR);
	cr_expect_eq(search(c, "1000"), 0);
	cr_expect_eq(search(c, "9999999999999"), MESSAGES - 1, "as Apache, the nearest");
	client_free(c);
	cr_assert_eq(stop(), 0);
}
