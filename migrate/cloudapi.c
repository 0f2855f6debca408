/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is judged by the code it carries, else by its status of HTTP. Codes are looked up by
 * their beginning, first match first; "" ends a table. A signature that is refused may be one made
 * at the wrong time: webapi looks at the clock once before it is believed.
 */
#include "cloudapi.h"

#include <string.h>

struct meaning {
	const char *prefix;
	enum reason reason;
	int code;
	enum web_verdict verdict;
};

static const struct meaning huawei[] = {
	{ "APIGW.0301", REASON_AUTH_FAILED, TQ_EDENIED, WEB_SKEWED },
	{ "APIGW.0308", REASON_THROTTLED, TQ_EBUSY, WEB_RETRY },
	{ "APIGW.0101", REASON_BAD_ENDPOINT, TQ_ENOTFOUND, WEB_FAILED },
	{ "DMS.10240101", REASON_AUTH_FAILED, TQ_EDENIED, WEB_FAILED },
	{ "DMS.00400060", REASON_ALREADY_EXISTS, TQ_EEXIST, WEB_FAILED },
	{ "" },
};
static const struct meaning ali[] = {
	{ "Throttling", REASON_THROTTLED, TQ_EBUSY, WEB_RETRY },
	{ "InvalidTimeStamp", REASON_AUTH_FAILED, TQ_EDENIED, WEB_SKEWED },
	{ "IllegalTimestamp", REASON_AUTH_FAILED, TQ_EDENIED, WEB_SKEWED },
	{ "SignatureDoesNotMatch", REASON_AUTH_FAILED, TQ_EDENIED, WEB_FAILED },
	{ "IncompleteSignature", REASON_AUTH_FAILED, TQ_EDENIED, WEB_FAILED },
	{ "InvalidAccessKeyId", REASON_AUTH_FAILED, TQ_EDENIED, WEB_FAILED },
	{ "InvalidSecurityToken", REASON_AUTH_FAILED, TQ_EDENIED, WEB_FAILED },
	{ "Forbidden", REASON_PERMISSION_DENIED, TQ_EDENIED, WEB_FAILED },
	{ "NoPermission", REASON_PERMISSION_DENIED, TQ_EDENIED, WEB_FAILED },
	{ "AUTH_RESOURCE_OWNER_ERROR", REASON_PERMISSION_DENIED, TQ_EDENIED, WEB_FAILED },
	{ "EMPOWER_OWNER_CHECK_ERROR", REASON_PERMISSION_DENIED, TQ_EDENIED, WEB_FAILED },
	{ "INSTANCE_NOT_FOUND", REASON_NOT_FOUND, TQ_ENOTFOUND, WEB_FAILED },
	{ "BIZ_REGION_NOT_FOUND", REASON_NOT_FOUND, TQ_ENOTFOUND, WEB_FAILED },
	{ "BIZ_TOPIC_NOT_FOUND", REASON_NOT_FOUND, TQ_ENOTFOUND, WEB_FAILED },
	{ "BIZ_SUBSCRIPTION_NOT_FOUND", REASON_NOT_FOUND, TQ_ENOTFOUND, WEB_FAILED },
	{ "BIZ_TOPIC_EXISTED", REASON_ALREADY_EXISTS, TQ_EEXIST, WEB_FAILED },
	{ "BIZ_SUBSCRIPTION_EXISTED", REASON_ALREADY_EXISTS, TQ_EEXIST, WEB_FAILED },
	{ "BIZ_CONSUMER_NOT_ONLINE", REASON_NOT_FOUND, TQ_EOFFLINE, WEB_FAILED },
	{ "BIZ_NO_MESSAGE", REASON_NOT_FOUND, TQ_EOFFLINE, WEB_FAILED },
	{ "BIZ_FIELD_CHECK_INVALID", REASON_BAD_REQUEST, TQ_EINVAL, WEB_FAILED },
	{ "ONS_SERVICE_UNSUPPORTED", REASON_UNSUPPORTED, TQ_EUNSUPPORTED, WEB_FAILED },
	{ "ONS_SYSTEM_ERROR", REASON_TRANSIENT, TQ_EUNAVAILABLE, WEB_RETRY },
	{ "ONS_INVOKE_ERROR", REASON_TRANSIENT, TQ_EUNAVAILABLE, WEB_RETRY },
	{ "ServiceUnavailable", REASON_TRANSIENT, TQ_EUNAVAILABLE, WEB_RETRY },
	{ "InternalError", REASON_TRANSIENT, TQ_EUNAVAILABLE, WEB_RETRY },
	{ "" },
};
/* A failed operation may be one that succeeded before: whoever creates looks for itself. */
static const struct meaning tencent[] = {
	{ "AuthFailure.UnauthorizedOperation", REASON_PERMISSION_DENIED, TQ_EDENIED,
		WEB_FAILED },
	{ "AuthFailure.SignatureExpire", REASON_AUTH_FAILED, TQ_EDENIED, WEB_SKEWED },
	{ "AuthFailure", REASON_AUTH_FAILED, TQ_EDENIED, WEB_FAILED },
	{ "UnauthorizedOperation", REASON_PERMISSION_DENIED, TQ_EDENIED, WEB_FAILED },
	{ "ResourceInUse", REASON_ALREADY_EXISTS, TQ_EEXIST, WEB_FAILED },
	{ "UnsupportedOperation.ResourceAlreadyExists", REASON_ALREADY_EXISTS, TQ_EEXIST,
		WEB_FAILED },
	{ "UnsupportedOperation", REASON_UNSUPPORTED, TQ_EUNSUPPORTED, WEB_FAILED },
	{ "LimitExceeded", REASON_QUOTA_EXCEEDED, TQ_ELIMIT, WEB_FAILED },
	{ "ResourceInsufficient", REASON_QUOTA_EXCEEDED, TQ_ELIMIT, WEB_FAILED },
	{ "ResourceNotFound", REASON_NOT_FOUND, TQ_ENOTFOUND, WEB_FAILED },
	{ "InvalidParameter", REASON_INVALID_VALUE, TQ_EINVAL, WEB_FAILED },
	{ "MissingParameter", REASON_INVALID_VALUE, TQ_EINVAL, WEB_FAILED },
	{ "UnknownParameter", REASON_INVALID_VALUE, TQ_EINVAL, WEB_FAILED },
	{ "ResourceUnavailable.FundRequired", REASON_BILLING, TQ_EPRECOND, WEB_FAILED },
	{ "ResourceUnavailable", REASON_TARGET_UNAVAILABLE, TQ_EUNAVAILABLE, WEB_RETRY },
	{ "FailedOperation.InstanceNotReady", REASON_TARGET_UNAVAILABLE, TQ_EUNAVAILABLE,
		WEB_RETRY },
	{ "RequestLimitExceeded", REASON_THROTTLED, TQ_EBUSY, WEB_RETRY },
	{ "InternalError", REASON_TRANSIENT, TQ_EUNAVAILABLE, WEB_RETRY },
	{ "FailedOperation", REASON_FAILED, TQ_EFAIL, WEB_FAILED },
	{ "InvalidAction", REASON_BAD_ENDPOINT, TQ_EUNSUPPORTED, WEB_FAILED },
	{ "" },
};

/* Where no code says more. */
static struct meaning by_status(int status)
{
	static const struct {
		int from;
		struct meaning m;
	} table[] = {
		{ 500, { NULL, REASON_TRANSIENT, TQ_EUNAVAILABLE, WEB_RETRY } },
		{ 430, { NULL, REASON_BAD_REQUEST, TQ_EINVAL, WEB_FAILED } },
		{ 429, { NULL, REASON_THROTTLED, TQ_EBUSY, WEB_RETRY } },
		{ 405, { NULL, REASON_BAD_REQUEST, TQ_EINVAL, WEB_FAILED } },
		{ 404, { NULL, REASON_NOT_FOUND, TQ_ENOTFOUND, WEB_FAILED } },
		{ 403, { NULL, REASON_PERMISSION_DENIED, TQ_EDENIED, WEB_FAILED } },
		{ 402, { NULL, REASON_BILLING, TQ_EPRECOND, WEB_FAILED } },
		{ 401, { NULL, REASON_AUTH_FAILED, TQ_EDENIED, WEB_FAILED } },
		{ 400, { NULL, REASON_BAD_REQUEST, TQ_EINVAL, WEB_FAILED } },
		{ 300, { NULL, REASON_BAD_ENDPOINT, TQ_EUNREACHABLE, WEB_FAILED } },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (status >= table[i].from)
			return table[i].m;
	return (struct meaning){ NULL, REASON_FAILED, TQ_EFAIL, WEB_FAILED };
}

static const struct {
	const char *name;
	const struct meaning *codes;
} clouds[CLOUDS] = {
	[CLOUD_HUAWEI] = { "Huawei Cloud", huawei },
	[CLOUD_ALI] = { "Alibaba Cloud", ali },
	[CLOUD_TENCENT] = { "Tencent Cloud", tencent },
};

/* --- judging ------------------------------------------------------------------------------ */

static const char *text_of(const cJSON *o, const char *a, const char *b, const char *c)
{
	return json_text(o, a, json_text(o, b, json_text(o, c, NULL)));
}

/* {error_code,error_msg} {code,message} {error:{..}} {Code,Message} {Response:{Error:{..}}} */
static const cJSON *error_in(const cJSON *doc)
{
	static const char *const nested[] = { "error", "Error" };
	const cJSON *in;

	for (size_t i = 0; i < ARRAY_LEN(nested); i++) {
		in = cJSON_GetObjectItemCaseSensitive(doc, nested[i]);
		if (cJSON_IsObject(in))
			return in;
	}
	return doc;
}

static struct meaning meaning_of(enum cloud cloud, int status, const char *code)
{
	const struct meaning *m = clouds[cloud].codes;

	for (; code && *m->prefix; m++)
		if (str_starts(str_of(code), str_of(m->prefix)))
			return *m;
	/* A code nobody knows in an answer that is otherwise good. */
	return by_status(code && status < 300 ? 0 : status);
}

static enum web_verdict say(
	struct cloudapi *c, const struct web_reply *r, const cJSON *doc, struct err *e)
{
	const cJSON *at = error_in(doc);
	const char *code = text_of(at, "error_code", "code", "Code");
	const char *text = text_of(at, "error_msg", "message", "Message");
	const char *request = text_of(doc, "request_id", "RequestId", "requestId");
	struct meaning m = meaning_of(c->o.cloud, r->status, code);

	c->reason = m.reason;
	if (!code && r->status / 100 == 3) {
		err_set(e, m.code, "'%s' sends us elsewhere (HTTP %d), which is not followed",
			c->host, r->status);
		err_hint(e, "a signed request goes only where it was meant to: --endpoint");
		return m.verdict;
	}
	err_set(e, m.code, "%s%s%.250s", code ? code : "", code && text ? ": " : "",
		text   ? text
		: code ? ""
		       : arena_fmt(&c->mem, "'%s' answers HTTP %d", c->host, r->status));
	if (request)
		err_why(e, "request %.80s", request);
	if (m.reason == REASON_AUTH_FAILED)
		err_hint(e, "check the keys and what they were made for");
	else if (m.reason == REASON_PERMISSION_DENIED)
		err_hint(e, "the keys are good, but do not permit this: see the page of this "
			    "cloud in docs/");
	else if (m.reason == REASON_BAD_ENDPOINT)
		err_hint(e, "check --region and --endpoint");
	return m.verdict;
}

static enum web_verdict judge(void *arg, const struct web_reply *r, struct err *e)
{
	struct cloudapi *c = arg;
	cJSON *doc = NULL, *inner;
	struct err bad = ERR_INIT;
	enum web_verdict verdict = WEB_OK;

	if (json_parse(r->body, JSON_STRICT, &doc, &bad) || !cJSON_IsObject(doc)) {
		cJSON_Delete(doc);
		if (r->status / 100 != 2)
			return say(c, r, NULL, e);
		c->reason = REASON_BAD_ENDPOINT;
		err_set(e, TQ_EFORMAT, "'%s' answers, but not with JSON: %s", c->host, bad.msg);
		err_hint(e, "is this the right endpoint, or a proxy in between?");
		return WEB_FAILED;
	}
	inner = cJSON_DetachItemFromObjectCaseSensitive(doc, "Response");
	if (inner) {
		cJSON_Delete(doc);
		doc = inner;
	}
	if (r->status / 100 != 2 || (c->o.cloud != CLOUD_HUAWEI && error_in(doc) != doc) ||
		(c->o.cloud == CLOUD_ALI && json_text(doc, "Code", NULL)))
		verdict = say(c, r, doc, e);
	if (verdict == WEB_OK)
		c->doc = doc;
	else
		cJSON_Delete(doc);
	return verdict;
}

/* --- calling ------------------------------------------------------------------------------ */

static void sign(void *arg, struct web_request *rq, const char *nonce, int64_t now_ms)
{
	const struct cloudapi *c = arg;

	if (c->o.cloud == CLOUD_HUAWEI)
		websign_huawei(rq, c->o.key, now_ms);
	else if (c->o.cloud == CLOUD_TENCENT)
		websign_tencent(rq, c->o.key, &c->o.action, now_ms);
	else if (c->o.signature_1)
		websign_ali_v1(rq, c->o.key, &c->o.action, nonce, now_ms);
	else
		websign_ali(rq, c->o.key, &c->o.action, nonce, now_ms);
}

/* Two of the clouds have the action in a header. */
static void trace(void *arg, const char *line)
{
	const struct cloudapi *c = arg;

	c->o.web.trace(c->o.web.arg,
		c->o.action.name
			? arena_fmt((struct arena *)&c->mem, "%s: %s", c->o.action.name, line)
			: line);
}

static bool stop(void *arg)
{
	const struct cloudapi *c = arg;

	return c->o.web.stop && c->o.web.stop(c->o.web.arg);
}

int cloudapi_open(struct cloudapi *c, const struct cloudapi_opts *o, struct err *e)
{
	struct webapi_opts web = o->web;
	int rc;

	*c = (struct cloudapi){ .o = *o };
	arena_init(&c->mem);
	arena_init(&c->mem_long);
	rc = webapi_endpoint(o->endpoint, &c->mem_long, &c->host, &web.plain, e);
	if (rc)
		return rc;
	web.trace = o->web.trace ? trace : NULL;
	web.stop = stop;
	web.arg = c;
	return webapi_new(&c->web, &web, e);
}

void cloudapi_close(struct cloudapi *c)
{
	webapi_free(c->web);
	cJSON_Delete(c->doc);
	arena_release(&c->mem);
	arena_release(&c->mem_long);
	*c = (struct cloudapi){ .web = NULL };
}

struct web_request *cloudapi_request(struct cloudapi *c, const char *method)
{
	arena_clear(&c->mem);
	web_init(&c->rq, method, c->host, &c->mem);
	if (c->o.cloud == CLOUD_HUAWEI)
		web_header(&c->rq, "X-Project-Id", c->o.project);
	else
		web_header(&c->rq, "Accept", "application/json");
	return &c->rq;
}

int cloudapi_call(struct cloudapi *c, const char *action, cJSON **out, struct err *e)
{
	const struct web_dialect dialect = { clouds[c->o.cloud].name, sign, judge };
	struct web_reply reply;
	int rc;

	c->reason = REASON_TARGET_UNAVAILABLE; /* unless an answer says otherwise */
	c->o.action.name = action;
	rc = webapi_call(c->web, &c->rq, &dialect, c, &reply, e);
	c->tries = reply.tries;
	*out = rc ? NULL : c->doc;
	c->doc = NULL;
	return rc;
}
