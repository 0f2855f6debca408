/* SPDX-License-Identifier: Apache-2.0 */
/* webapi: against a server of a few lines that answers what a script says, one answer a call. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "migrate/webapi.h"

#define OK(text) "HTTP/1.1 200 OK\r\nContent-Length: " text

struct server {
	int fd, port, asked;
	const char *const *answers; /* NULL at the end: hangs up without a word */
	char requests[8][2048];
	pthread_t thread;
};

static struct arena mem;
static char traced[4096];

static void serve_one(struct server *s, int fd)
{
	const char *answer = s->answers[s->asked];
	char *at = s->requests[s->asked];
	size_t n = 0;

	while (n < 2047 && !strstr(at, "\r\n\r\n")) {
		ssize_t got = recv(fd, at + n, 2047 - n, 0);

		if (got <= 0)
			break;
		n += (size_t)got;
	}
	s->asked++;
	if (answer)
		(void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
}

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd;

	while (s->asked < 8 && (fd = accept(s->fd, NULL, NULL)) >= 0) {
		serve_one(s, fd);
		close(fd);
	}
	return NULL;
}

static void start(struct server *s, const char *const *answers)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);

	memset(s, 0, sizeof(*s));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->answers = answers;
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(s->fd, (struct sockaddr *)&a, n), 0);
	cr_assert_eq(listen(s->fd, 8), 0);
	cr_assert_eq(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
	s->port = ntohs(a.sin_port);
	cr_assert_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	close(s->fd);
	pthread_join(s->thread, NULL);
}

static void sign(void *arg, struct web_request *rq, const char *nonce, int64_t now_ms)
{
	(void)arg;
	web_header(rq, "X-Nonce", nonce);
	web_header(rq, "X-Now", arena_fmt(rq->mem, "%lld", (long long)now_ms));
	web_header(rq, "Authorization", "secret-signature");
}

static enum web_verdict judge(void *arg, const struct web_reply *r, struct err *e)
{
	(void)arg;
	if (r->status == 200)
		return WEB_OK;
	err_set(e, r->status == 403 ? TQ_EDENIED : TQ_EFAIL, "%d " STR_FMT, r->status,
		STR_ARG(r->body));
	return r->status == 401 ? WEB_SKEWED : r->status == 418 ? WEB_RETRY : WEB_FAILED;
}

static const struct web_dialect dialect = { "Test Cloud", sign, judge };

static void keep_trace(void *arg, const char *line)
{
	(void)arg;
	snprintf(traced + strlen(traced), sizeof(traced) - strlen(traced), "%s\n", line);
}

static bool always(void *arg)
{
	(void)arg;
	return true;
}

static int call(
	const struct server *s, struct webapi_opts o, struct web_reply *out, struct err *e)
{
	struct web_request rq;
	struct webapi *w = NULL;
	int rc;

	o.plain = true;
	o.first_wait_ms = 2;
	o.trace = keep_trace;
	web_init(&rq, "POST", arena_fmt(&mem, "127.0.0.1:%d", s->port), &mem);
	web_query(&rq, "a", "b c");
	rq.body = STR("{}");
	cr_assert_eq(webapi_new(&w, &o, e), 0, "%s", e->msg);
	rc = webapi_call(w, &rq, &dialect, NULL, out, e);
	webapi_free(w);
	return rc;
}

static void setup(void)
{
	arena_init(&mem);
	unsetenv("http_proxy");
}

static void teardown(void)
{
	arena_release(&mem);
}

TestSuite(webapi, .init = setup, .fini = teardown, .timeout = 30);

Test(webapi, sends_what_was_signed_and_traces_no_secret)
{
	static const char *const answers[] = { OK("7\r\n\r\n{\"a\":1}"), NULL };
	struct web_reply reply;
	struct err e = ERR_INIT;
	struct server s;

	start(&s, answers);
	cr_expect_eq(call(&s, (struct webapi_opts){ 0 }, &reply, &e), 0, "%s", e.msg);
	stop(&s);
	cr_expect_eq(reply.tries, 1);
	cr_expect(str_is(reply.body, "{\"a\":1}"));
	cr_expect_eq(strncmp(s.requests[0], "POST /?a=b%20c HTTP/1.1\r\n", 25), 0, "%s",
		s.requests[0]);
	cr_expect_not_null(strstr(s.requests[0], "Authorization: secret-signature\r\n"));
	cr_expect_null(strstr(s.requests[0], "Expect:"));
	cr_expect_not_null(strstr(traced, "a=b%20c: HTTP 200"), "%s", traced);
	cr_expect_null(strstr(traced, "secret"));
}

Test(webapi, tries_again_what_may_pass)
{
	static const char *const answers[] = { NULL,
		"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n", OK("2\r\n\r\n{}"), NULL };
	struct web_reply reply;
	struct err e = ERR_INIT;
	struct server s;

	start(&s, answers);
	cr_expect_eq(call(&s, (struct webapi_opts){ 0 }, &reply, &e), 0, "%s", e.msg);
	stop(&s);
	cr_expect_eq(reply.tries, 4);
}

Test(webapi, gives_up_and_says_what_the_cloud_said)
{
	static const char *const busy = "HTTP/1.1 429 Slow\r\nContent-Length: 4\r\n\r\nslow";
	const char *const answers[] = { busy, busy, busy, busy, NULL };
	const char *const denied[] = { "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", NULL };
	struct webapi_opts o = { .tries = 3 };
	struct web_reply reply;
	struct err e = ERR_INIT;
	struct server s;

	start(&s, answers);
	cr_expect_eq(call(&s, o, &reply, &e), TQ_EFAIL);
	stop(&s);
	cr_expect_eq(s.asked, 3);
	cr_expect_str_eq(e.msg, "Test Cloud, after 3 tries: 429 slow");
	start(&s, denied);
	cr_expect_eq(call(&s, o, &reply, &e), TQ_EDENIED);
	stop(&s);
	cr_expect_eq(s.asked, 1, "what is refused is not asked again");
}

Test(webapi, corrects_its_clock_once)
{
	static const char skewed[] =
		"HTTP/1.1 401 Late\r\nDate: Wed, 01 May 2024 08:00:00 GMT\r\n"
		"Content-Length: 4\r\n\r\nlate";
	const char *const answers[] = { skewed, OK("2\r\n\r\n{}"), NULL };
	const char *const twice[] = { skewed, skewed, skewed, NULL };
	struct web_reply reply;
	struct err e = ERR_INIT;
	struct server s;
	const char *at;

	start(&s, answers);
	cr_expect_eq(call(&s, (struct webapi_opts){ 0 }, &reply, &e), 0, "%s", e.msg);
	stop(&s);
	at = strstr(s.requests[1], "X-Now: ");
	cr_assert_not_null(at);
	cr_expect_leq(llabs(strtoll(at + 7, NULL, 10) - 1714550400000), 10000);
	start(&s, twice);
	cr_expect_eq(call(&s, (struct webapi_opts){ 0 }, &reply, &e), TQ_EFAIL);
	stop(&s);
	cr_expect_eq(s.asked, 2);
}

Test(webapi, follows_no_redirect)
{
	static const char *const answers[] = {
		"HTTP/1.1 302 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", NULL
	};
	struct web_reply reply;
	struct err e = ERR_INIT;
	struct server s;

	start(&s, answers);
	cr_expect_eq(call(&s, (struct webapi_opts){ 0 }, &reply, &e), TQ_EFAIL);
	stop(&s);
	cr_expect_eq(s.asked, 1);
}

Test(webapi, says_who_is_not_there)
{
	static const char *const answers[] = { NULL };
	struct webapi_opts o = { .tries = 2 };
	struct web_reply reply;
	struct err e = ERR_INIT;
	struct server s;

	start(&s, answers);
	stop(&s);
	cr_expect_eq(call(&s, o, &reply, &e), TQ_EUNREACHABLE);
	cr_expect_not_null(strstr(e.msg, "Test Cloud, after 2 tries: cannot ask '127.0.0.1:"),
		"%s", e.msg);
	o.stop = always;
	cr_expect_eq(call(&s, o, &reply, &e), TQ_EINTERRUPTED);
}

static const struct {
	const char *text, *host;
	bool plain;
} endpoints[] = {
	{ "https://dms.example.com", "dms.example.com", false },
	{ "dms.example.com:444/", "dms.example.com:444", false },
	{ "http://127.0.0.1:8080", "127.0.0.1:8080", true },
	{ "ftp://x", NULL, false },
	{ "https://user@host", NULL, false },
	{ "https://", NULL, false },
	{ "", NULL, false },
};

Test(webapi, endpoints)
{
	for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
		struct err e = ERR_INIT;
		const char *host;
		bool plain;
		int rc = webapi_endpoint(endpoints[i].text, &mem, &host, &plain, &e);

		cr_expect_eq(rc, endpoints[i].host ? 0 : TQ_EUSAGE, "%s", endpoints[i].text);
		if (!rc) {
			cr_expect_str_eq(host, endpoints[i].host);
			cr_expect_eq(plain, endpoints[i].plain);
		}
	}
}
