/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without memory (M1): in each of five flows the first, second, third ... allocation fails, once
 * or from then on, until a flow gets by without. What follows is an error answer, or the end of
 * the process as after a kill; never another end, nor an acknowledgement of what is not there.
 */
#include "broker_kit.h"

#include <sys/resource.h>

struct faults {
	_Atomic bool armed, goes_on; /* every one from `at` on */
	_Atomic int n, at;
};

static struct faults *faults;

static void setup_memory(void)
{
	setup();
	faults = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	cr_assert_neq(faults, MAP_FAILED);
}

TestSuite(memory, .init = setup_memory, .fini = teardown, .timeout = 600);

static bool fault(size_t n UNUSED)
{
	int i;

	if (!faults->armed)
		return false;
	i = ++faults->n;
	return faults->goes_on ? i >= faults->at : i == faults->at;
}

/* In the child, before the broker starts. */
static void with_faults(struct config *cfg)
{
	struct rlimit none = { 0, 0 };

	never_flush(cfg);
	setrlimit(RLIMIT_CORE, &none);
	(void)!freopen(
		"/dev/null", "w", stderr); /* it says what it dies of, hundreds of times */
	mem_test_fault(fault);
}

static void check_end(int status, const char *flow)
{
	cr_assert(WIFEXITED(status) || WTERMSIG(status) == SIGABRT,
		"%s, allocation %d: signal %d", flow, faults->at, WTERMSIG(status));
}

static int sent, acked;
static struct client *client_of_all;

/* Waits for the child if it is dying, and starts it anew. True: it lived. */
static bool revive(const char *flow)
{
	int status;

	faults->armed = false;
	if (child && send_one(client_of_all, STR("alive?"), 5000) == RESP_SUCCESS) {
		sent++;
		acked++;
		return true;
	}
	if (child) {
		cr_assert_eq(waitpid(child, &status, 0), child);
		check_end(status, flow);
	}
	start(with_faults);
	return false;
}

static int ask(struct command *rq)
{
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	int code = -1;

	if (!client_call(client_of_all, address(), rq, 5000, &r, &e))
		code = r->cmd.code;
	reply_free(r);
	return code;
}

/* --- the flows --- */

static void flow_send(void)
{
	static char body[100000];

	sent++;
	acked += send_one(client_of_all, (struct str){ body, sizeof(body) }, 5000) ==
		 RESP_SUCCESS;
}

static void flow_pull(void)
{
	static struct command rq;

	command_init(&rq, REQ_PULL_MESSAGE);
	command_add(&rq, "consumerGroup", STR("TOOLS_CONSUMER"));
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "queueOffset", STR("0"));
	command_add(&rq, "maxMsgNums", STR("32"));
	command_add(&rq, "sysFlag", STR("4"));
	command_add(&rq, "subscription", STR("TagA || TagB"));
	ask(&rq);
}

static void flow_consume(void)
{
	static struct command rq;

	command_init(&rq, REQ_HEART_BEAT);
	rq.body = STR("{\"clientID\":\"me\",\"consumerDataSet\":[{\"groupName\":\"g-1\","
		      "\"subscriptionDataSet\":[{\"topic\":\"t-1\",\"subString\":\"a > 1\","
		      "\"expressionType\":\"SQL92\"}]}]}");
	ask(&rq);
	command_init(&rq, REQ_LOCK_BATCH_MQ);
	rq.body =
		STR("{\"clientId\":\"me\",\"consumerGroup\":\"g-1\",\"mqSet\":[{\"brokerName\":"
		    "\"brokerd\",\"queueId\":0,\"topic\":\"t-1\"}]}");
	ask(&rq);
	command_init(&rq, REQ_UPDATE_CONSUMER_OFFSET);
	command_add(&rq, "consumerGroup", STR("g-1"));
	command_add(&rq, "topic", STR("t-1"));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "commitOffset", STR("1"));
	ask(&rq);
}

static void flow_create(void)
{
	static struct command rq;
	static int n;
	char name[24];

	snprintf(name, sizeof(name), "made-%d", n++);
	command_init(&rq, REQ_UPDATE_AND_CREATE_TOPIC);
	command_add(&rq, "topic", str_of(name));
	command_add(&rq, "defaultTopic", STR("TBW102"));
	command_add(&rq, "readQueueNums", STR("4"));
	command_add(&rq, "writeQueueNums", STR("4"));
	command_add(&rq, "perm", STR("6"));
	command_add(&rq, "topicFilterType", STR("SINGLE_TAG"));
	if (ask(&rq) == RESP_SUCCESS) { /* G6 */
		faults->armed = false;
		command_init(&rq, REQ_GET_ROUTEINFO_BY_TOPIC);
		command_add(&rq, "topic", str_of(name));
		cr_assert(ask(&rq) != RESP_TOPIC_NOT_EXIST, "%s", name);
	}
}

static void start_anew(void)
{
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	start(with_faults);
}

/* Cold: each time in a process that has not done it yet. */
static void sweep(const char *name, void (*flow)(void), bool goes_on, bool cold)
{
	int n = 0;

	for (int at = 1;; at++) {
		if (cold)
			start_anew();
		faults->n = 0;
		faults->at = at;
		faults->goes_on = goes_on;
		faults->armed = true;
		flow();
		faults->armed = false;
		n = faults->n;
		if (!revive(name))
			cr_assert_geq(queue_end(client_of_all), acked);
		if (n < at)
			break;
		cr_assert_lt(at, 2000, "%s does not end", name);
	}
	fprintf(stderr, "# %s, %s: %d allocations\n", name, cold ? "cold" : "warm", n);
}

Test(memory, no_request_harms_more_than_itself_or_the_process)
{
	static const struct {
		const char *name;
		void (*flow)(void);
	} flows[] = { { "send", flow_send }, { "pull", flow_pull }, { "consume", flow_consume },
		{ "create", flow_create } };

	client_of_all = client();
	start(with_faults);
	revive("start");
	for (size_t i = 0; i < ARRAY_LEN(flows) * 4; i++)
		sweep(flows[i / 4].name, flows[i / 4].flow, i & 1, i & 2);
	cr_assert_geq(queue_end(client_of_all), acked);
	cr_assert_leq(queue_end(client_of_all), sent);
	cr_assert_eq(stop(), 0);
	start(never_flush);
	cr_assert_geq(queue_end(client_of_all), acked, "after a restart");
	client_free(client_of_all);
}

/* True when it started in spite of it. */
static bool start_with(int at, bool goes_on)
{
	int status = 0;

	faults->n = 0;
	faults->at = at;
	faults->goes_on = goes_on;
	faults->armed = true;
	sh->port = 0;
	child = fork();
	if (!child)
		_exit(serve(with_faults));
	for (int i = 0; i < 1000 && sh->port <= 0; i++) {
		if (waitpid(child, &status, WNOHANG) == child) {
			child = 0;
			check_end(status, "start");
			return false;
		}
		usleep(5000);
	}
	faults->armed = false;
	cr_assert_gt(sh->port, 0, "a start that fails at allocation %d hangs", at);
	kill(child, SIGKILL); /* so that the next start has something to recover */
	waitpid(child, &status, 0);
	child = 0;
	return true;
}

Test(memory, a_start_that_runs_out_of_it_can_be_repeated)
{
	struct client *c = client();
	int all;

	start(never_flush);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(send_one(c, STR("a"), 5000), RESP_SUCCESS);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	child = 0;
	cr_assert(start_with(0, false));
	all = faults->n;
	for (int at = 1; at <= all; at++) {
		start_with(at, false);
		start_with(at, true);
	}
	fprintf(stderr, "# start: %d allocations\n", all);
	start(never_flush);
	cr_assert_eq(queue_end(c), 100);
	cr_assert_eq(stop(), 0);
	client_free(c);
}
