/* SPDX-License-Identifier: Apache-2.0 */
/* routes and registration: what other brokers register, when they go, and the body they send. */
#include <criterion/criterion.h>

#include "brokerd/routes.h"
#include "buf.h"
#include "log.h"
#include "zip.h"

static char conns[4];

#define CONN(i) ((struct conn *)(void *)&conns[i])

static struct topic topic(const char *name, int queues)
{
	struct topic t = topic_defaults();

	t.name = name;
	t.remark = "";
	t.read_queues = t.write_queues = queues;
	return t;
}

/* One master with one topic. */
static int enter(struct routes *r, int conn, const char *name, const char *addr, int64_t id,
	const char *topic_name, int64_t version, int64_t now)
{
	struct topic t = topic(topic_name, 4);
	const struct topic *list[] = { &t };
	struct registration reg = { { version, 1 }, list, 1 };
	struct registrant who = { CONN(conn), STR("cl"), str_of(name), str_of(addr),
		STR("ha:1"), id };
	struct err e = ERR_INIT;

	return routes_register(r, &who, &reg, now, &e);
}

static bool has(struct routes *r, const char *broker, const char *topic_name)
{
	const struct routes_broker *b = routes_broker(r, str_of(broker));

	return b && routes_queues(b, str_of(topic_name));
}

Test(routes, end_with_their_connection_or_after_silence)
{
	const struct data_version *known;
	struct routes *r = routes_new();

	cr_assert_eq(enter(r, 0, "a", "10.0.0.1:1", 0, "t", 1, 0), 0);
	cr_assert_eq(enter(r, 1, "b", "10.0.0.2:1", 0, "t", 1, 0), 0);
	routes_conn_closed(r, CONN(2));
	cr_assert(has(r, "a", "t") && has(r, "b", "t"));
	routes_conn_closed(r, CONN(0));
	cr_assert(!has(r, "a", "t") && has(r, "b", "t"));
	cr_assert(routes_current(
		r, STR("10.0.0.2:1"), (struct data_version){ 1, 1 }, 50000, &known));
	routes_tick(r, 50000 + ROUTES_EXPIRE_MS);
	cr_assert(has(r, "b", "t"), "asking counts as being heard of");
	routes_tick(r, 50001 + ROUTES_EXPIRE_MS);
	cr_assert_null(routes_broker(r, STR("b")));
	routes_free(r);
}

Test(routes, topics_are_the_masters_and_change_with_the_version)
{
	struct routes *r = routes_new();
	struct routes_broker const *b;

	enter(r, 0, "a", "10.0.0.2:1", 1, "of-slave", 1, 0);
	cr_assert_not(has(r, "a", "of-slave"));
	enter(r, 0, "a", "10.0.0.1:1", 0, "one", 1, 0);
	enter(r, 0, "a", "10.0.0.1:1", 0, "ignored", 1, 0);
	enter(r, 0, "a", "10.0.0.1:1", 0, "two", 2, 0);
	cr_assert(has(r, "a", "one") && has(r, "a", "two") && !has(r, "a", "ignored"));
	b = routes_broker(r, STR("a"));
	cr_assert_eq(b->n_addrs, 2);
	cr_assert_str_eq(b->addrs[0].addr, "10.0.0.1:1");
	cr_assert_str_eq(b->addrs[1].addr, "10.0.0.2:1");
	enter(r, 0, "a", "10.0.0.2:1", 0, "three", 3, 0); /* the slave takes over */
	b = routes_broker(r, STR("a"));
	cr_assert_eq(b->n_addrs, 1);
	cr_assert_str_eq(b->addrs[0].addr, "10.0.0.2:1");
	cr_assert(has(r, "a", "one") && has(r, "a", "three"));
	routes_delete_topic(r, STR("one"), STR("other"));
	cr_assert(has(r, "a", "one"));
	routes_delete_topic(r, STR("one"), STR_NONE);
	cr_assert_not(has(r, "a", "one"));
	routes_free(r);
}

Test(routes, what_one_broker_may_make_us_keep_is_bounded)
{
	struct routes *r = routes_new();
	char addr[32];
	int i, rc = 0;

	log_set_level(LOG_ERROR_);
	for (i = 0; !rc && i < 10000; i++) {
		snprintf(addr, sizeof(addr), "10.0.0.1:%d", i);
		rc = enter(r, 0, "a", addr, i, "t", 1, 0);
	}
	cr_assert_eq(rc, TQ_ELIMIT);
	cr_assert_eq(enter(r, 0, "b\"", "10.0.0.1:1", 0, "t", 1, 0), TQ_EINVAL);
	cr_assert_eq(enter(r, 0, "b", "10.0.0.1", 0, "t", 1, 0), TQ_EINVAL);
	cr_assert_eq(enter(r, 0, "b", "10.0.0.1:1", -1, "t", 1, 0), TQ_EINVAL);
	routes_free(r);
}

static void there_and_back(bool compressed)
{
	struct topic a = topic("orders", 8), b = topic("%RETRY%shop%svc", 1);
	const struct topic *list[] = { &a, &b };
	struct registration in = { { 7, 1700000000000 }, list, 2 }, out;
	struct err e = ERR_INIT;
	struct arena mem;
	struct buf body;

	arena_init(&mem);
	buf_init(&body, 1 << 20);
	b.perm = PERM_READ;
	b.multi_tag = true;
	registration_encode(&in, compressed, &body);
	cr_assert_eq(registration_decode(buf_str(&body), compressed, &mem, &out, &e), 0, "%s",
		e.msg);
	cr_assert(data_version_same(out.version, in.version));
	cr_assert_eq(out.n, 2);
	cr_assert_str_eq(out.topics[0]->name, "orders");
	cr_assert_eq(out.topics[0]->write_queues, 8);
	cr_assert_str_eq(out.topics[1]->name, "%RETRY%shop%svc");
	cr_assert_eq(out.topics[1]->perm, PERM_READ);
	cr_assert(out.topics[1]->multi_tag);
	for (size_t n = 0; n < body.n; n++) /* cut anywhere, it is refused */
		cr_assert_neq(registration_decode(
				      (struct str){ body.p, n }, compressed, &mem, &out, &e),
			0);
	buf_release(&body);
	arena_release(&mem);
}

Test(registration, json_there_and_back)
{
	there_and_back(false);
}

Test(registration, zlib_there_and_back)
{
	there_and_back(true);
}

Test(registration, a_stream_that_lies_about_its_counts_is_refused)
{
	static const uint32_t counts[] = { 3, 1000, REGISTRATION_TOPICS, 0x7fffffff,
		0xffffffff };
	struct registration out;
	struct err e = ERR_INIT;
	struct arena mem;
	struct buf plain, body;

	arena_init(&mem);
	buf_init(&plain, 1 << 20);
	buf_init(&body, 1 << 20);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		buf_clear(&plain);
		buf_clear(&body);
		buf_be32(&plain, 2);
		buf_puts(&plain, "{}");
		buf_be32(&plain, counts[i]);
		buf_be32(&plain, 18);
		buf_puts(&plain, "t 1 1 6 SINGLE_TAG");
		buf_be32(&plain, 2);
		buf_puts(&plain, "[]");
		zip_deflate(buf_str(&plain), &body);
		cr_assert_neq(registration_decode(buf_str(&body), true, &mem, &out, &e), 0);
	}
	buf_release(&plain);
	buf_release(&body);
	arena_release(&mem);
}
