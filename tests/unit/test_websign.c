/* SPDX-License-Identifier: Apache-2.0 */
/* webrequest, websign: the vectors of the three clouds, and that a copy can be signed again. */
#include <criterion/criterion.h>
#include <string.h>

#include "migrate/websign.h"

#define AT 1714550400000 /* 2024-05-01T08:00:00Z */

static struct arena mem;

static void setup(void)
{
	arena_init(&mem);
}

static void teardown(void)
{
	arena_release(&mem);
}

TestSuite(websign, .init = setup, .fini = teardown);

static const char *header(const struct web_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->headers.n; i++)
		if (!strcmp(rq->headers.v[i].name, name))
			return rq->headers.v[i].value;
	return "";
}

static void expect_signature(const struct web_request *rq, const char *want)
{
	const char *all = header(rq, "Authorization"), *at = strstr(all, "Signature=");

	cr_assert_not_null(at, "%s", all);
	cr_expect_str_eq(at + strlen("Signature="), want, "%s", all);
}

Test(websign, huawei)
{
	static const struct web_key key = { "AKEXAMPLE0001", "skexample0001", NULL };
	const char *project = "0123456789abcdef0123456789abcdef";
	struct web_request rq;

	web_init(&rq, "GET", "dms.cn-east-3.myhuaweicloud.com", &mem);
	web_path(&rq, "v2");
	web_path(&rq, project);
	web_path(&rq, "instances");
	web_path(&rq, "11111111-2222-3333-4444-555555555555");
	web_path(&rq, "topics");
	web_query(&rq, "offset", "0");
	web_query(&rq, "limit", "50");
	web_header(&rq, "X-Project-Id", project);
	websign_huawei(&rq, &key, AT);
	cr_expect_str_eq(header(&rq, "X-Sdk-Date"), "20240501T080000Z");
	cr_expect_not_null(strstr(
		header(&rq, "Authorization"), "SignedHeaders=host;x-project-id;x-sdk-date,"));
	expect_signature(
		&rq, "34ee752c91d6d5557e0c51fb550a9cdc5a30327f414feb4e9df1aad14584a860");
	cr_expect_str_eq(web_target(&rq),
		"/v2/0123456789abcdef0123456789abcdef/instances/"
		"11111111-2222-3333-4444-555555555555/topics?limit=50&offset=0");
}

static const struct web_key ali_key = { "LTAIEXAMPLE", "aliSecretExample", "" };
static const struct web_action ali_list = { NULL, "OnsTopicList", "2019-02-14", "cn-hangzhou" };

static struct web_request ali_request(const char *method)
{
	struct web_request rq;

	web_init(&rq, method, "ons.cn-hangzhou.aliyuncs.com", &mem);
	web_query(&rq, "InstanceId", "MQ_INST_1234567890_BXexample");
	return rq;
}

static const struct {
	const char *method, *want;
} ali_v1[] = {
	{ "POST", "3iwsrvd0jYjcaVhdKWwTRaa82sg=" },
	{ "GET", "pPCcso1grT9SIgdMZ2MTceYzMxk=" },
};

Test(websign, ali_v1)
{
	for (size_t i = 0; i < ARRAY_LEN(ali_v1); i++) {
		struct web_request rq = ali_request(ali_v1[i].method);
		const struct web_pair *last;

		websign_ali_v1(&rq, &ali_key, &ali_list, "nonce-0001", AT);
		last = &rq.query.v[rq.query.n - 1];
		cr_expect_str_eq(last->name, "Signature");
		cr_expect_str_eq(last->value, ali_v1[i].want, "%s", ali_v1[i].method);
	}
}

Test(websign, ali_acs3)
{
	struct web_request rq = ali_request("POST");

	websign_ali(&rq, &ali_key, &ali_list, "nonce-0001", AT);
	expect_signature(
		&rq, "578df879e67398d272b3263df7989dd0ec3b8bf23b4c6370c57aa3b94b8d3fc0");
}

Test(websign, tencent_and_again_at_another_time)
{
	static const struct web_key key = { "AKIDEXAMPLE", "tcSecretExample", NULL };
	static const struct web_action list = { "tdmq", "DescribeRocketMQTopics", "2020-02-17",
		"ap-guangzhou" };
	static const char want[] =
		"1d210a6cab9e3bfe5cb595c9c428de0b9d91fcd66a0946c3068a0cf1eef7036f";
	struct web_request rq, once;

	web_init(&rq, "POST", "tdmq.tencentcloudapi.com", &mem);
	rq.body = STR("{\"ClusterId\":\"rocketmq-exampleid1\",\"Offset\":0,\"Limit\":20}");
	once = rq;
	websign_tencent(&once, &key, &list, AT + 1000);
	cr_expect_null(strstr(header(&once, "Authorization"), want));
	cr_expect_eq(rq.headers.n, 0);
	once = rq;
	websign_tencent(&once, &key, &list, AT);
	expect_signature(&once, want);
}

Test(websign, what_is_not_plain_is_encoded_once)
{
	struct web_request rq;

	web_init(&rq, "GET", "h", &mem);
	cr_expect_str_eq(web_target(&rq), "/");
	web_path(&rq, "a/b c");
	web_query(&rq, "k", "*~ ü");
	web_query(&rq, "k", "!");
	web_query(&rq, "none", NULL);
	cr_expect_str_eq(web_target(&rq), "/a%2Fb%20c?k=%21&k=%2A~%20%C3%BC");
}
