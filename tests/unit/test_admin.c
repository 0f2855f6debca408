/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: against a peer that plays name server and broker in one, with the bodies Apache sends:
 * bare numeric keys, queues as keys, Java's remarks.
 */
#include "admin.h"
#include "peer.h"

struct reply_to {
	int request, code;
	const char *remark, *body, *key, *value; /* key: an ext field, may be NULL */
};

struct fake {
	struct peer_server server;
	const struct reply_to *replies; /* ends with request 0 */
	const char *dead; /* a second broker of the cluster, at this address */
	int asked[400]; /* how often each code came */
};

static void send_cluster(struct fake *f, int fd, int opaque)
{
	char *body = mem_fmt(
		"{\"brokerAddrTable\":{%s%s%s\"bk-b\":{\"brokerAddrs\":{0:\"%s\",1:\"9.9.9.9:9\"},"
		"\"brokerName\":\"bk-b\",\"cluster\":\"C1\"}},\"clusterAddrTable\":{\"C1\":"
		"[\"bk-b\"]}}",
		f->dead ? "\"bk-a\":{\"brokerAddrs\":{0:\"" : "", f->dead ? f->dead : "",
		f->dead ? "\"},\"brokerName\":\"bk-a\",\"cluster\":\"C1\"}," : "",
		f->server.addr);

	peer_answer(fd, opaque, 0, NULL, body);
	mem_free(body);
}

static void send_route(struct fake *f, int fd, int opaque)
{
	char *body = mem_fmt(
		"{\"brokerDatas\":[{\"brokerAddrs\":{0:\"%s\"},\"brokerName\":\"bk-b\","
		"\"cluster\":\"C1\"}],\"filterServerTable\":{},\"queueDatas\":[{\"brokerName\":"
		"\"bk-b\",\"perm\":6,\"readQueueNums\":4,\"topicSynFlag\":0,\"writeQueueNums\":3}]}",
		f->server.addr);

	peer_answer(fd, opaque, 0, NULL, body);
	mem_free(body);
}

static void send_reply(int fd, int opaque, const struct reply_to *r)
{
	struct command c;

	command_init(&c, r->code);
	c.flag = FLAG_RESPONSE;
	c.opaque = opaque;
	c.remark = str_of(r->remark);
	c.body = str_of(r->body);
	if (r->key)
		command_add(&c, r->key, str_of(r->value));
	peer_command(fd, &c);
}

static void play(int fd, void *arg)
{
	const struct reply_to *r;
	struct fake *f = arg;
	struct command rq;
	char *frame;

	for (; peer_take(fd, &rq, &frame); mem_free(frame)) {
		if (rq.code < 400)
			f->asked[rq.code]++;
		for (r = f->replies; r && r->request && r->request != rq.code; r++)
			;
		if (r && r->request)
			send_reply(fd, rq.opaque, r);
		else if (rq.code == REQ_GET_BROKER_CLUSTER_INFO)
			send_cluster(f, fd, rq.opaque);
		else if (rq.code == REQ_GET_ROUTEINFO_BY_TOPIC)
			send_route(f, fd, rq.opaque);
		else
			peer_answer(fd, rq.opaque, 3, " request type not supported", NULL);
	}
	mem_free(frame);
}

static struct admin *fake_start(struct fake *f, const struct reply_to *replies)
{
	struct admin_opts o = { .timeout_ms = 2000 };

	f->replies = replies;
	peer_start(&f->server, play, f);
	o.nameservers = f->server.addr;
	return admin_new(&o);
}

static void fake_stop(struct fake *f, struct admin *a, struct arena *mem)
{
	admin_free(a);
	peer_stop(&f->server);
	arena_release(mem);
}

/* ---- errors ---- */

static const struct {
	const char *why;
	int response, code;
	const char *remark, *says;
} refusals[] = {
	{ "a plain code", 17, TQ_ENOTOPIC,
		"topic[T1] not exist, apply first please! See http://x/",
		"topic[T1] not exist, apply first please (" },
	{ "Java's exception and where it was thrown", 1, TQ_EFAIL,
		"java.lang.NullPointerException: boom, org.apache.rocketmq.broker.X.run(X.java:12)",
		"boom (" },
	{ "an ACL refusal", 1, TQ_EDENIED,
		"org.apache.rocketmq.acl.common.AclException: No default permission for topic:T1, "
		"org.apache.rocketmq.acl.plain.PlainPermissionManager.check(P.java:1)",
		"No default permission for topic:T1 (" },
	{ "an ACL refusal without its class", 1, TQ_EDENIED,
		"Check signature failed for accessKey=AK",
		"Check signature failed for accessKey=AK (" },
	{ "unknown request", 3, TQ_EUNSUPPORTED, " request type 30001 not supported",
		"request type 30001 not supported (" },
	{ "no remark", 2, TQ_EBUSY, NULL, "busy, retry later (" },
	{ "an unknown code", 777, TQ_EFAIL, "odd", "odd (" },
	{ "control bytes", 1, TQ_EFAIL, "a\x1b[2Jb", "a [2Jb (" },
	{ "only a line end", 16, TQ_EDENIED, "\n", "permission denied (" },
};

Test(admin, turns_answers_into_errors)
{
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct command c;
		struct err e = ERR_INIT;

		command_init(&c, refusals[i].response);
		c.remark = str_of(refusals[i].remark);
		cr_expect_eq(admin_reply_err(&c, "h:1", &e), refusals[i].code, "%s: %s",
			refusals[i].why, e.msg);
		cr_expect(!strncmp(e.msg, refusals[i].says, strlen(refusals[i].says)),
			"%s: '%s'", refusals[i].why, e.msg);
		cr_expect(strstr(e.msg, "h:1"), "%s: '%s'", refusals[i].why, e.msg);
		cr_expect_eq(e.response, refusals[i].response);
	}
}

Test(admin, needs_a_name_server, .timeout = 10)
{
	struct admin_opts o = { .nameservers = " ; , " };
	struct admin *a = admin_new(&o);
	const struct cluster *cl;
	struct err e = ERR_INIT;

	cr_assert_eq(admin_cluster(a, &cl, &e), TQ_EUSAGE);
	cr_assert(e.hint[0]);
	cr_assert(!admin_is_brokerd(a));
	admin_free(a);
}

Test(admin, asks_the_next_name_server_when_one_is_down, .timeout = 10)
{
	struct admin_opts o = { .timeout_ms = 2000 };
	struct fake f = { .replies = NULL };
	const struct cluster *cl;
	struct err e = ERR_INIT;
	struct admin *a;
	char *list;

	peer_start(&f.server, play, &f);
	o.nameservers = list = mem_fmt("127.0.0.1:1;%s", f.server.addr);
	a = admin_new(&o);
	cr_assert_eq(admin_cluster(a, &cl, &e), 0, "%s", e.msg);
	cr_assert_eq(cl->n, 1);
	admin_free(a);
	peer_stop(&f.server);
	mem_free(list);
}

/* ---- cluster ---- */

Test(admin, knows_masters_and_slaves, .timeout = 10)
{
	struct fake f = { .dead = "127.0.0.1:1" };
	struct admin *a = fake_start(&f, NULL);
	const struct cluster *cl;
	struct arena mem;

	arena_init(&mem);
	cr_assert_eq(admin_cluster(a, &cl, NULL), 0);
	cr_assert_eq(cl->n, 2);
	cr_assert_str_eq(cl->v[0].name, "bk-a");
	cr_assert_str_eq(cl->v[1].addr, f.server.addr);
	cr_assert_eq(cl->v[1].n_slaves, 1);
	cr_assert_str_eq(cl->v[1].slaves[0], "9.9.9.9:9");
	cr_assert_null(cl->brokerd);
	cr_assert_eq(admin_cluster(a, &cl, NULL), 0);
	cr_assert_eq(f.asked[106], 1);
	fake_stop(&f, a, &mem);
}

static const struct reply_to bad_bodies[] = {
	{ 106, 0, NULL, "no JSON", NULL, NULL },
	{ 0 },
};

Test(admin, says_whose_answer_is_nonsense, .timeout = 10)
{
	struct fake f = { .replies = NULL };
	struct admin *a = fake_start(&f, bad_bodies);
	const struct cluster *cl;
	struct err e = ERR_INIT;
	struct arena mem;

	arena_init(&mem);
	cr_assert_eq(admin_cluster(a, &cl, &e), TQ_EFORMAT);
	cr_assert(strstr(e.msg, f.server.addr));
	fake_stop(&f, a, &mem);
}

/* ---- topics ---- */

static const struct reply_to topics[] = {
	{ 21, 0, NULL,
		"{\"dataVersion\":{\"counter\":3,\"timestamp\":17},\"topicConfigTable\":{"
		"\"orders\":{\"order\":false,\"perm\":6,\"readQueueNums\":4,\"topicFilterType\":"
		"\"SINGLE_TAG\",\"topicName\":\"orders\",\"topicSysFlag\":0,\"writeQueueNums\":8},"
		"\"shop%carts\":{\"perm\":2,\"readQueueNums\":1,\"topicName\":\"shop%carts\","
		"\"writeQueueNums\":1},"
		"\"bad\":{\"perm\":6,\"readQueueNums\":-5,\"topicName\":\"bad\",\"writeQueueNums\":1}}}",
		NULL, NULL },
	{ 202, 0, NULL,
		"{\"offsetTable\":{{\"brokerName\":\"bk-b\",\"queueId\":1,\"topic\":\"orders\"}:"
		"{\"lastUpdateTimestamp\":1700000000000,\"maxOffset\":5,\"minOffset\":2},"
		"{\"brokerName\":\"bk-b\",\"queueId\":0,\"topic\":\"orders\"}:{\"lastUpdateTimestamp\":0,"
		"\"maxOffset\":0,\"minOffset\":0}}}",
		NULL, NULL },
	{ 300, 0, NULL, "{\"groupList\":[\"b\",\"a\",\"b\"]}", NULL, NULL },
	{ 14, 22, "Not found", NULL, NULL, NULL },
	{ 30, 0, NULL, NULL, "offset", "9007199254740993" },
	{ 31, 0, NULL, NULL, "offset", "x" },
	{ 0 },
};

Test(admin, reads_topics, .timeout = 10)
{
	struct fake f = { .replies = NULL };
	struct admin *a = fake_start(&f, topics);
	struct topic_info one;
	struct topics all;
	struct err e = ERR_INIT;
	struct arena mem;

	arena_init(&mem);
	cr_assert_eq(admin_topics(a, &mem, &all, &e), 0, "%s", e.msg);
	cr_assert_eq(all.n, 2, "%zu", all.n);
	cr_assert_str_eq(all.v[0].t.name, "orders");
	cr_assert_eq(all.v[0].t.read_queues, 4);
	cr_assert_eq(all.v[0].t.write_queues, 8);
	cr_assert_eq(all.v[1].t.perm, PERM_WRITE);
	cr_assert_str_eq(all.v[1].at[0].broker, "bk-b");
	cr_assert_eq(admin_topic(a, "shop%carts", &mem, &one, &e), 0);
	cr_assert_eq(admin_topic(a, "shop%cart", &mem, &one, &e), TQ_ENOTOPIC);
	cr_assert(strstr(e.hint, "'carts'"), "%s", e.hint);
	fake_stop(&f, a, &mem);
}

Test(admin, goes_past_a_broker_that_is_down_and_says_so, .timeout = 10)
{
	struct fake f = { .dead = "127.0.0.1:1" };
	struct admin *a = fake_start(&f, topics);
	const struct skipped *s;
	struct topics all;
	struct err e = ERR_INIT;
	struct arena mem;
	size_t n;

	arena_init(&mem);
	cr_assert_eq(admin_topics(a, &mem, &all, &e), 0, "%s", e.msg);
	cr_assert_eq(all.n, 2);
	s = admin_skipped(a, &n);
	cr_assert_eq(n, 1);
	cr_assert_str_eq(s[0].broker, "bk-a");
	cr_assert_eq(s[0].err.code, TQ_EUNREACHABLE);
	cr_assert_eq(admin_topics(a, &mem, &all, &e), 0);
	admin_skipped(a, &n);
	cr_assert_eq(n, 1, "told once");
	fake_stop(&f, a, &mem);
}

Test(admin, fails_when_no_broker_answers, .timeout = 10)
{
	static const struct reply_to denied[] = {
		{ 21, 16, "no", NULL, NULL, NULL },
		{ 0 },
	};
	struct fake f = { .replies = NULL };
	struct admin *a = fake_start(&f, denied);
	struct topics all;
	struct err e = ERR_INIT;
	struct arena mem;

	arena_init(&mem);
	cr_assert_eq(admin_topics(a, &mem, &all, &e), TQ_EDENIED);
	fake_stop(&f, a, &mem);
}

Test(admin, a_change_that_one_of_two_brokers_took_is_partial, .timeout = 10)
{
	static const struct reply_to good[] = {
		{ 17, 0, NULL, NULL, NULL, NULL },
		{ 0 },
	};
	struct fake f = { .dead = "127.0.0.1:1" };
	struct admin *a = fake_start(&f, good);
	struct topic t = topic_defaults();
	struct err e = ERR_INIT;
	struct arena mem;

	arena_init(&mem);
	t.name = "orders";
	cr_assert_eq(admin_topic_save(a, &t, &e), TQ_EPARTIAL, "%s", e.msg);
	cr_assert(strstr(e.msg, "1 of 2 brokers"), "%s", e.msg);
	cr_assert_eq(f.asked[17], 1);
	fake_stop(&f, a, &mem);
}

Test(admin, reads_queues_that_are_keys, .timeout = 10)
{
	struct fake f = { .replies = NULL };
	struct admin *a = fake_start(&f, topics);
	struct queue_stats s;
	struct route r;
	const char **groups;
	struct err e = ERR_INIT;
	struct arena mem;
	size_t n;

	arena_init(&mem);
	cr_assert_eq(admin_topic_stats(a, "orders", &mem, &s, &e), 0, "%s", e.msg);
	cr_assert_eq(s.n, 2);
	cr_assert_eq(s.v[0].q.queue, 0);
	cr_assert_eq(s.v[1].max, 5);
	cr_assert_eq(s.v[1].min, 2);
	cr_assert_eq(s.v[1].last_ms, 1700000000000);
	cr_assert_eq(admin_topic_groups(a, "orders", &mem, &groups, &n, &e), 0);
	cr_assert_eq(n, 2);
	cr_assert_str_eq(groups[0], "a");
	cr_assert_eq(admin_route(a, "orders", &mem, &r, &e), 0);
	cr_assert_str_eq(route_addr(&r, "bk-b"), f.server.addr);
	cr_assert_null(route_addr(&r, "bk-x"));
	cr_assert_eq(r.queues[0].read_queues, 4);
	cr_assert_eq(r.queues[0].write_queues, 3);
	fake_stop(&f, a, &mem);
}

Test(admin, reads_offsets_exactly, .timeout = 10)
{
	struct fake f = { .replies = NULL };
	struct admin *a = fake_start(&f, topics);
	struct err e = ERR_INIT;
	struct arena mem;
	int64_t off;

	arena_init(&mem);
	cr_assert_eq(admin_offset_max(a, f.server.addr, "orders", 0, &off, &e), 0, "%s", e.msg);
	cr_assert_eq(off, 9007199254740993);
	cr_assert_eq(
		admin_offset_get(a, f.server.addr, "g", "orders", 0, &off, &e), TQ_ENOTFOUND);
	cr_assert_neq(admin_offset_min(a, f.server.addr, "orders", 0, &off, &e), 0);
	fake_stop(&f, a, &mem);
}

/* ---- groups ---- */

static const struct reply_to groups[] = {
	{ 201, 0, NULL,
		"{\"dataVersion\":{\"counter\":1,\"timestamp\":1},\"subscriptionGroupTable\":{\"G2\":{"
		"\"brokerId\":0,\"consumeEnable\":false,\"groupName\":\"G2\",\"retryMaxTimes\":3,"
		"\"retryQueueNums\":1},\"G1\":{\"groupName\":\"G1\"}}}",
		NULL, NULL },
	{ 208, 0, NULL,
		"{\"consumeTps\":0.5,\"offsetTable\":{{\"brokerName\":\"bk-b\",\"queueId\":0,\"topic\":"
		"\"T1\"}:{\"brokerOffset\":10,\"consumerOffset\":7,\"lastTimestamp\":1700000000000}}}",
		NULL, NULL },
	{ 203, 0, NULL,
		"{\"connectionSet\":[{\"clientAddr\":\"10.0.0.1:5000\",\"clientId\":\"10.0.0.1@77\","
		"\"language\":\"GO\",\"version\":317},{\"clientAddr\":\"10.0.0.1:5000\",\"clientId\":"
		"\"10.0.0.1@77\",\"language\":9,\"version\":317}],\"consumeType\":\"CONSUME_PASSIVELY\","
		"\"messageModel\":\"CLUSTERING\",\"subscriptionTable\":{\"T1\":{\"subString\":\"a || b\","
		"\"subVersion\":5,\"topic\":\"T1\"}}}",
		NULL, NULL },
	{ 0 },
};

Test(admin, reads_groups_lag_and_members, .timeout = 10)
{
	struct fake f = { .replies = NULL };
	struct admin *a = fake_start(&f, groups);
	struct members m;
	struct groups all;
	struct lag lag;
	struct err e = ERR_INIT;
	struct arena mem;

	arena_init(&mem);
	cr_assert_eq(admin_groups(a, &mem, &all, &e), 0, "%s", e.msg);
	cr_assert_eq(all.n, 2);
	cr_assert_str_eq(all.v[0].name, "G1");
	cr_assert_eq(all.v[0].retry_max, 16);
	cr_assert_eq(all.v[1].consume, false);
	cr_assert_eq(admin_lag(a, "G1", NULL, &mem, &lag, &e), 0, "%s", e.msg);
	cr_assert_eq(lag.n, 1);
	cr_assert_eq(lag.v[0].broker_off - lag.v[0].consumer_off, 3);
	cr_assert_float_eq(lag.tps, 0.5, 0.001);
	cr_assert_eq(admin_members(a, "G1", &mem, &m, &e), 0, "%s", e.msg);
	cr_assert_eq(m.n, 1);
	cr_assert_eq(m.v[0].language, LANG_GO);
	cr_assert_str_eq(m.subs[0].expr, "a || b");
	cr_assert_str_eq(m.subs[0].type, "TAG");
	fake_stop(&f, a, &mem);
}

Test(admin, namespaces_are_not_for_every_server, .timeout = 10)
{
	struct fake f = { .replies = NULL };
	struct admin *a = fake_start(&f, NULL);
	struct namespaces all;
	struct err e = ERR_INIT;
	struct arena mem;

	arena_init(&mem);
	cr_assert_eq(admin_namespaces(a, &mem, &all, &e), TQ_EUNSUPPORTED);
	cr_assert(e.why[0] && e.hint[0]);
	fake_stop(&f, a, &mem);
}
