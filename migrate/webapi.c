/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One easy handle, so that connections are kept. A call is a loop of attempts; each is signed
 * anew, because signatures age and nonces are used up, from a copy of the request. What an
 * attempt ended with is one of four verdicts, be it from libcurl, from HTTP or from the dialect.
 */
#include "webapi.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "buf.h"
#include "clock.h"

#define WAIT_MAX_MS 16000
#define SKEW_MIN_MS 30000 /* no service minds less */
#define SLICE_MS 100 /* how long a wait looks away from stop() */

struct webapi {
	struct webapi_opts o;
	CURL *curl; /* owned */
	int64_t skew_ms; /* the cloud's time less ours */
	int64_t last_ms; /* monotonic, of the last call */
	unsigned nonce;
	/* Of the attempt under way. */
	struct buf body;
	int64_t date_ms; /* of the answer; 0: it had none */
	int64_t retry_after_ms;
	bool skew_known;
};

static bool stopped(const struct webapi *w)
{
	return w->o.stop && w->o.stop(w->o.arg);
}

static int pause_ms(const struct webapi *w, int64_t ms, struct err *e)
{
	for (int64_t end = clock_mono_ms() + ms, left; (left = end - clock_mono_ms()) > 0;) {
		int64_t slice = MIN(left, SLICE_MS);
		struct timespec t = { slice / 1000, slice % 1000 * 1000000 };

		if (stopped(w))
			return err_set(e, TQ_EINTERRUPTED, "interrupted");
		nanosleep(&t, NULL);
	}
	return 0;
}

PRINTF(2, 3) static void trace(const struct webapi *w, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	if (!w->o.trace)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	w->o.trace(w->o.arg, line);
}

/* --- one attempt -------------------------------------------------------------------------- */

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
	struct webapi *w = arg;

	buf_add(&w->body, p, size * n);
	return buf_err(&w->body) ? 0 : size * n;
}

static size_t take_header(char *p, size_t size, size_t n, void *arg)
{
	struct str value = { p, size * n }, name;
	struct webapi *w = arg;
	int64_t seconds;
	char *text;

	if (!str_cut(&value, ':', &name))
		return size * n;
	value = str_trim(value);
	if (name.n == 4 && !strncasecmp(name.p, "Date", 4)) {
		text = mem_strn(value.p, value.n);
		w->date_ms = MAX(curl_getdate(text, NULL), 0) * INT64_C(1000);
		mem_free(text);
	} else if (name.n == 11 && !strncasecmp(name.p, "Retry-After", 11) &&
		   !str_to_i64(value, 0, 3600, &seconds, "Retry-After", NULL)) {
		w->retry_after_ms = seconds * 1000;
	}
	return size * n;
}

static int look_for_stop(
	void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal, curl_off_t ulnow)
{
	(void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
	return stopped(arg);
}

/* Content-Type is always said, since libcurl would say a form's; Expect and Accept never. */
static struct curl_slist *header_list(const struct web_request *rq)
{
	struct curl_slist *l = NULL;
	bool typed = false;

	for (size_t i = 0; i < rq->headers.n; i++) {
		const struct web_pair *h = &rq->headers.v[i];

		typed |= !strcasecmp(h->name, "Content-Type");
		l = curl_slist_append(l, arena_fmt(rq->mem, "%s: %s", h->name, h->value));
	}
	if (!typed)
		l = curl_slist_append(l, "Content-Type: application/json");
	return curl_slist_append(l, "Expect:");
}

static enum web_verdict refused(
	const struct webapi *w, const struct web_request *rq, CURLcode rc, struct err *e)
{
	const char *text = curl_easy_strerror(rc);

	switch (rc) {
	case CURLE_ABORTED_BY_CALLBACK:
		err_set(e, TQ_EINTERRUPTED, "interrupted");
		return WEB_FAILED;
	case CURLE_WRITE_ERROR:
		err_set(e, TQ_ETOOBIG, "the answer of '%s' is larger than %u MiB", rq->host,
			WEBAPI_MAX_BODY >> 20);
		return WEB_FAILED;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CONNECT_ERROR:
		err_set(e, TQ_EUNREACHABLE, "no trusted connection to '%s': %s", rq->host,
			text);
		err_hint(e,
			"is a proxy in between, with an authority of its own? --ca-file FILE");
		return WEB_FAILED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		err_set(e, TQ_EUNREACHABLE, "the name of '%s' is not known: %s", rq->host,
			text);
		err_hint(e, "check the region, the endpoint and https_proxy");
		return WEB_RETRY;
	case CURLE_OPERATION_TIMEDOUT:
		err_set(e, TQ_ETIMEDOUT, "'%s' does not answer", rq->host);
		return WEB_RETRY;
	default:
		err_set(e, TQ_EUNREACHABLE, "cannot ask '%s': %s", rq->host, text);
		return w->o.plain || rc != CURLE_UNSUPPORTED_PROTOCOL ? WEB_RETRY : WEB_FAILED;
	}
}

static void prepare(struct webapi *w, const struct web_request *rq, struct curl_slist *headers)
{
	const char *url = arena_fmt(
		rq->mem, "%s://%s%s", w->o.plain ? "http" : "https", rq->host, web_target(rq));
	CURL *c = w->curl;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, w->o.plain ? "http" : "https");
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)w->o.connect_ms);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)w->o.total_ms);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "tdmqctl/" TDMQ_VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, w);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, w);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, look_for_stop);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, w);
	if (w->o.ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, w->o.ca_file);
	if (strcmp(rq->method, "GET") != 0) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, rq->body.n ? rq->body.p : "");
		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)rq->body.n);
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, rq->method);
	}
}

static enum web_verdict attempt(struct webapi *w, const struct web_request *rq,
	const struct web_dialect *d, void *arg, struct web_reply *out, struct err *e)
{
	struct web_request once = *rq;
	struct curl_slist *headers;
	enum web_verdict verdict;
	int64_t begun = clock_mono_ms(), now = clock_wall_ms() + w->skew_ms;
	long status = 0;
	CURLcode rc;

	d->sign(arg, &once,
		arena_fmt(rq->mem, "%llx-%x", (long long)clock_wall_ms(), ++w->nonce), now);
	headers = header_list(&once);
	buf_clear(&w->body);
	w->date_ms = w->retry_after_ms = 0;
	prepare(w, &once, headers);
	rc = curl_easy_perform(w->curl);
	curl_slist_free_all(headers);
	if (rc) {
		verdict = refused(w, rq, rc, e);
	} else {
		curl_easy_getinfo(w->curl, CURLINFO_RESPONSE_CODE, &status);
		*out = (struct web_reply){ .status = (int)status, .tries = out->tries };
		out->body =
			str_of(arena_strn(rq->mem, buf_str(&w->body).p, buf_str(&w->body).n));
		out->body.n = w->body.n;
		verdict = d->judge(arg, out, e);
		if (verdict == WEB_FAILED &&
			(status == 429 || status == 502 || status == 503 || status == 504))
			verdict = WEB_RETRY;
	}
	trace(w, "%s %s%s: %s %ld, %zu bytes, %lld ms%s%s", rq->method, rq->host,
		web_target(rq), rc ? "no answer" : "HTTP", status, w->body.n,
		(long long)(clock_mono_ms() - begun), verdict ? ": " : "",
		verdict ? e->msg : "");
	return verdict;
}

/* --- the call ----------------------------------------------------------------------------- */

/* Half of it for certain, the rest by chance, so that many do not come back at once. */
static int64_t wait_after(struct webapi *w, int try)
{
	int64_t ms = (int64_t)w->o.first_wait_ms << MIN(try, 10);

	ms = MIN(ms, WAIT_MAX_MS);
	ms = ms / 2 + (int64_t)(str_hash((struct str){ (const char *)&w->nonce, 4 }) %
				(uint64_t)(ms / 2 + 1));
	return MAX(ms, w->retry_after_ms);
}

/* A clock that is right means that the signature is wrong. */
static bool correct_clock(struct webapi *w)
{
	int64_t skew = w->date_ms - clock_wall_ms();

	if (w->skew_known || !w->date_ms || llabs(skew) < SKEW_MIN_MS)
		return false;
	w->skew_known = true;
	w->skew_ms = skew;
	trace(w, "our clock is %lld s off the service's: signed again with its time",
		(long long)(skew / 1000));
	return true;
}

int webapi_call(struct webapi *w, const struct web_request *rq, const struct web_dialect *d,
	void *arg, struct web_reply *out, struct err *e)
{
	enum web_verdict verdict = WEB_FAILED;
	struct err mine = ERR_INIT;
	int rc;

	*out = (struct web_reply){ 0 };
	rc = pause_ms(w, w->last_ms + w->o.min_gap_ms - clock_mono_ms(), e);
	while (!rc) {
		w->last_ms = clock_mono_ms();
		out->tries++;
		verdict = attempt(w, rq, d, arg, out, &mine);
		if (verdict == WEB_OK)
			return 0;
		if (verdict == WEB_SKEWED && correct_clock(w))
			continue;
		if (verdict != WEB_RETRY || out->tries >= w->o.tries)
			break;
		rc = pause_ms(w, wait_after(w, out->tries - 1), e);
	}
	if (rc)
		return rc;
	if (e)
		*e = mine;
	return out->tries > 1 ? err_wrap(e, "%s, after %d tries", d->name, out->tries)
			      : err_wrap(e, "%s", d->name);
}

int webapi_new(struct webapi **out, const struct webapi_opts *o, struct err *e)
{
	struct webapi *w = mem_alloc(sizeof(*w));

	w->o = *o;
	w->o.connect_ms = o->connect_ms ? o->connect_ms : 10000;
	w->o.total_ms = o->total_ms ? o->total_ms : 60000;
	w->o.tries = o->tries ? o->tries : 6;
	w->o.first_wait_ms = o->first_wait_ms ? o->first_wait_ms : 500;
	w->last_ms = INT64_MIN / 2;
	buf_init(&w->body, WEBAPI_MAX_BODY);
	w->curl = curl_easy_init();
	if (!w->curl) {
		webapi_free(w);
		err_set(e, TQ_EUNSUPPORTED, "libcurl is not there or does not start");
		return err_hint(e, "install it (Debian: libcurl4)");
	}
	*out = w;
	return 0;
}

void webapi_free(struct webapi *w)
{
	if (!w)
		return;
	if (w->curl)
		curl_easy_cleanup(w->curl);
	buf_release(&w->body);
	mem_free(w);
}

int webapi_endpoint(
	const char *text, struct arena *mem, const char **host, bool *plain, struct err *e)
{
	struct str s = str_of(text);

	*plain = str_starts(s, STR("http://"));
	if (*plain || str_starts(s, STR("https://")))
		s = str_skip(s, *plain ? 7 : 8);
	if (str_ends(s, STR("/")))
		s.n--;
	if (!s.n || strcspn(s.p, "/?#@ ") < s.n)
		return err_set(e, TQ_EUSAGE, "endpoint '%s' is not https://HOST[:PORT]", text);
	*host = arena_strn(mem, s.p, s.n);
	return 0;
}
