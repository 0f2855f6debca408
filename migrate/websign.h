/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websign: who asks, as three clouds want it proved. Each function adds what its scheme adds to a
 * request (webrequest.h) and changes nothing else; nothing may be added afterwards. Pure: the time
 * and the nonce come from the caller, secrets do not stay.
 *
 * The schemes as their vendors' SDKs make them: huaweicloud-sdk-go-v3 core/auth/signer,
 * alibaba-cloud-sdk-go sdk/auth and Tea's OpenAPI client, tencentcloud-sdk-go tencentcloud/common.
 */
#ifndef TDMQ_WEBSIGN_H
#define TDMQ_WEBSIGN_H

#include "webrequest.h"

struct web_key {
	const char *id, *secret;
	const char *token; /* of temporary keys; NULL or empty: none */
};

/* The operation, where it is not in the path. */
struct web_action {
	const char *service; /* "tdmq": part of the key of TC3 */
	const char *name, *version; /* "OnsTopicList", "2019-02-14" */
	const char *region; /* "cn-hangzhou" */
};

/* SDK-HMAC-SHA256. Signs Host and every header that is there, but for Content-Type. */
void websign_huawei(struct web_request *rq, const struct web_key *k, int64_t now_ms);
/* ACS3-HMAC-SHA256; nonce differs with each request, also a repeated one. */
void websign_ali(struct web_request *rq, const struct web_key *k, const struct web_action *a,
	const char *nonce, int64_t now_ms);
/* The older RPC signature, version 1.0: HMAC-SHA1, all in the query. */
void websign_ali_v1(struct web_request *rq, const struct web_key *k, const struct web_action *a,
	const char *nonce, int64_t now_ms);
/* TC3-HMAC-SHA256; the body is JSON. */
void websign_tencent(struct web_request *rq, const struct web_key *k,
	const struct web_action *a, int64_t now_ms);

#endif
