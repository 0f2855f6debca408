/* SPDX-License-Identifier: Apache-2.0 */
/* What a whole broker does to clients that want more than there is. */
#include "broker_kit.h"

TestSuite(broker_limits, .init = setup, .fini = teardown, .timeout = 30);

static void fifty_calls(struct config *cfg)
{
	never_flush(cfg);
	cfg->max_calls = 50;
	cfg->throttle_wait = 200;
}

Test(broker_limits, sends_wait_for_the_rate_and_are_refused_beyond_it)
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

Test(broker_limits, a_topic_has_so_many_producers_and_consumers)
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

Test(broker_limits, stops_while_answers_are_late)
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
