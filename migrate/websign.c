/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three of the four schemes are one: a canonical request of method, path, query, some headers and
 * the hash of the body, its hash in a string to sign, an HMAC-SHA256 of that. They differ in which
 * headers count, how the string begins, and what the key is made of. What a signature is made of
 * is in the request's arena, except keys, which are wiped.
 */
#include "websign.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SHA256_BYTES 32

static const char *hex(const unsigned char *raw, size_t n, struct arena *mem)
{
	static const char digits[] = "0123456789abcdef";
	char *out = arena_alloc(mem, 2 * n + 1);

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[raw[i] >> 4];
		out[2 * i + 1] = digits[raw[i] & 15];
	}
	return out;
}

static const char *sha256_hex(struct str s, struct arena *mem)
{
	unsigned char raw[SHA256_BYTES];

	BUG_ON(!EVP_Q_digest(NULL, "SHA256", NULL, s.n ? s.p : "", s.n, raw, NULL));
	return hex(raw, sizeof(raw), mem);
}

static void hmac(
	const char *digest, struct str key, const char *text, unsigned char *raw, size_t size)
{
	size_t got;

	BUG_ON(!EVP_Q_mac(NULL, "HMAC", NULL, digest, NULL, key.n ? key.p : "", key.n,
		(const unsigned char *)text, strlen(text), raw, size, &got));
	BUG_ON(got != size);
}

static const char *hmac256_hex(struct str key, const char *text, struct arena *mem)
{
	unsigned char raw[SHA256_BYTES];

	hmac("SHA256", key, text, raw, sizeof(raw));
	return hex(raw, sizeof(raw), mem);
}

/* "2024-05-01T08:00:00Z"; with d and t as separators of dates and times. */
static const char *stamp(int64_t now_ms, const char *d, const char *t, struct arena *mem)
{
	time_t at = (time_t)(now_ms / 1000);
	struct tm tm;

	gmtime_r(&at, &tm);
	return arena_fmt(mem, "%04d%s%02d%s%02dT%02d%s%02d%s%02dZ", tm.tm_year + 1900, d,
		tm.tm_mon + 1, d, tm.tm_mday, tm.tm_hour, t, tm.tm_min, t, tm.tm_sec);
}

static const char *lower(const char *s, struct arena *mem)
{
	char *out = arena_str(mem, s);

	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	return out;
}

/* --- the canonical request ---------------------------------------------------------------- */

struct canonical {
	const char *names; /* "host;x-sdk-date" */
	const char *hash; /* of the whole, in hex */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct web_pair *)a)->name, ((const struct web_pair *)b)->name);
}

static struct canonical canonical(const struct web_request *rq, const char *path,
	bool (*counts)(const char *header), const char *body_hash)
{
	struct web_pair *h = arena_alloc(rq->mem, (rq->headers.n + 1) * sizeof(*h));
	const char *lines = "", *names = "", *text;
	size_t n = 0;

	h[n++] = (struct web_pair){ "host", rq->host };
	for (size_t i = 0; i < rq->headers.n; i++) {
		const char *name = lower(rq->headers.v[i].name, rq->mem);

		if (counts(name))
			h[n++] = (struct web_pair){ name, rq->headers.v[i].value };
	}
	qsort(h, n, sizeof(*h), by_name);
	for (size_t i = 0; i < n; i++) {
		lines = arena_fmt(rq->mem, "%s%s:%s\n", lines, h[i].name, h[i].value);
		names = arena_fmt(rq->mem, "%s%s%s", names, i ? ";" : "", h[i].name);
	}
	text = arena_fmt(rq->mem, "%s\n%s\n%s\n%s\n%s\n%s", rq->method, path,
		web_canonical_query(rq), lines, names, body_hash);
	return (struct canonical){ names, sha256_hex(str_of(text), rq->mem) };
}

/* --- Huawei Cloud ------------------------------------------------------------------------- */

static bool huawei_counts(const char *header)
{
	return strcmp(header, "content-type") != 0 && !strchr(header, '_');
}

void websign_huawei(struct web_request *rq, const struct web_key *k, int64_t now_ms)
{
	const char *date = stamp(now_ms, "", "", rq->mem);
	size_t n = strlen(rq->path);
	const char *text, *path = rq->path;
	struct canonical c;

	web_header(rq, "X-Sdk-Date", date);
	web_header(rq, "X-Security-Token", k->token);
	if (path[n - 1] != '/')
		path = arena_fmt(rq->mem, "%s/", path);
	c = canonical(rq, path, huawei_counts, sha256_hex(rq->body, rq->mem));
	text = arena_fmt(rq->mem, "SDK-HMAC-SHA256\n%s\n%s", date, c.hash);
	web_header(rq, "Authorization",
		arena_fmt(rq->mem, "SDK-HMAC-SHA256 Access=%s, SignedHeaders=%s, Signature=%s",
			k->id, c.names, hmac256_hex(str_of(k->secret), text, rq->mem)));
}

/* --- Alibaba Cloud ------------------------------------------------------------------------ */

static bool ali_counts(const char *header)
{
	return !strncmp(header, "x-acs-", 6) || !strcmp(header, "content-type");
}

void websign_ali(struct web_request *rq, const struct web_key *k, const struct web_action *a,
	const char *nonce, int64_t now_ms)
{
	const char *hash = sha256_hex(rq->body, rq->mem), *text;
	struct canonical c;

	web_query(rq, "RegionId", a->region);
	web_header(rq, "x-acs-action", a->name);
	web_header(rq, "x-acs-version", a->version);
	web_header(rq, "x-acs-date", stamp(now_ms, "-", ":", rq->mem));
	web_header(rq, "x-acs-signature-nonce", nonce);
	web_header(rq, "x-acs-content-sha256", hash);
	web_header(rq, "x-acs-security-token", k->token);
	c = canonical(rq, rq->path, ali_counts, hash);
	text = arena_fmt(rq->mem, "ACS3-HMAC-SHA256\n%s", c.hash);
	web_header(rq, "Authorization",
		arena_fmt(rq->mem,
			"ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s", k->id,
			c.names, hmac256_hex(str_of(k->secret), text, rq->mem)));
}

void websign_ali_v1(struct web_request *rq, const struct web_key *k, const struct web_action *a,
	const char *nonce, int64_t now_ms)
{
	char *key = mem_fmt("%s&", k->secret);
	unsigned char raw[20], text[29];

	web_query(rq, "Format", "JSON");
	web_query(rq, "Action", a->name);
	web_query(rq, "Version", a->version);
	web_query(rq, "RegionId", a->region);
	web_query(rq, "AccessKeyId", k->id);
	web_query(rq, "SecurityToken", k->token);
	web_query(rq, "SignatureMethod", "HMAC-SHA1");
	web_query(rq, "SignatureVersion", "1.0");
	web_query(rq, "SignatureNonce", nonce);
	web_query(rq, "Timestamp", stamp(now_ms, "-", ":", rq->mem));
	hmac("SHA1", str_of(key),
		arena_fmt(rq->mem, "%s&%%2F&%s", rq->method,
			web_encode(web_canonical_query(rq), rq->mem)),
		raw, sizeof(raw));
	mem_wipe_free(key, strlen(key));
	EVP_EncodeBlock(text, raw, sizeof(raw));
	web_query(rq, "Signature", (const char *)text);
}

/* --- Tencent Cloud ------------------------------------------------------------------------ */

static bool tencent_counts(const char *header)
{
	return !strcmp(header, "content-type");
}

/* The key of a day and a service: each step is the key of the next. */
static void tencent_key(
	const char *secret, const char *date, const char *service, unsigned char *raw)
{
	char *first = mem_fmt("TC3%s", secret);
	struct str step = { (const char *)raw, SHA256_BYTES };

	hmac("SHA256", str_of(first), date, raw, SHA256_BYTES);
	mem_wipe_free(first, strlen(first));
	hmac("SHA256", step, service, raw, SHA256_BYTES);
	hmac("SHA256", step, "tc3_request", raw, SHA256_BYTES);
}

void websign_tencent(struct web_request *rq, const struct web_key *k,
	const struct web_action *a, int64_t now_ms)
{
	const char *date = arena_strn(rq->mem, stamp(now_ms, "-", ":", rq->mem), 10);
	const char *scope, *text;
	const char *seconds = arena_fmt(rq->mem, "%lld", (long long)(now_ms / 1000));
	unsigned char key[SHA256_BYTES];
	struct canonical c;

	web_header(rq, "Content-Type", "application/json");
	web_header(rq, "X-TC-Action", a->name);
	web_header(rq, "X-TC-Version", a->version);
	web_header(rq, "X-TC-Region", a->region);
	web_header(rq, "X-TC-Timestamp", seconds);
	web_header(rq, "X-TC-Token", k->token);
	c = canonical(rq, rq->path, tencent_counts, sha256_hex(rq->body, rq->mem));
	scope = arena_fmt(rq->mem, "%s/%s/tc3_request", date, a->service);
	text = arena_fmt(rq->mem, "TC3-HMAC-SHA256\n%s\n%s\n%s", seconds, scope, c.hash);
	tencent_key(k->secret, date, a->service, key);
	web_header(rq, "Authorization",
		arena_fmt(rq->mem,
			"TC3-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
			k->id, scope, c.names,
			hmac256_hex((struct str){ (const char *)key, sizeof(key) }, text,
				rq->mem)));
	explicit_bzero(key, sizeof(key));
}
