/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late_curl: libcurl, which brings thirty libraries of its own and is needed only by commands that
 * ask a cloud. Where it is not installed, curl_easy_init() answers NULL and the command says so.
 */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdarg.h>

#include "cli/late.h"

static void *library(void)
{
	static void *handle;

	if (!handle)
		handle = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);
	return handle;
}

static void *find(const char *name)
{
	void *p = library() ? dlsym(library(), name) : NULL;

	return late_must(p, p ? "" : dlerror());
}

CURL *curl_easy_init(void)
{
	CURL *(*real)(void);
	void *p;

	if (!library())
		return NULL;
	p = find("curl_easy_init");
	memcpy(&real, &p, sizeof(p));
	return real();
}

/* What the third argument is shows in the option's number. */
#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *c, CURLoption option, ...)
{
	CURLcode (*real)(CURL *, CURLoption, ...);
	void *p = find("curl_easy_setopt");
	CURLcode rc;
	va_list ap;

	memcpy(&real, &p, sizeof(p));
	va_start(ap, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		rc = real(c, option, va_arg(ap, long));
	else if (option < CURLOPTTYPE_OFF_T)
		rc = real(c, option, va_arg(ap, void *));
	else
		rc = real(c, option, va_arg(ap, curl_off_t));
	va_end(ap);
	return rc;
}

#undef curl_easy_getinfo
CURLcode curl_easy_getinfo(CURL *c, CURLINFO info, ...)
{
	CURLcode (*real)(CURL *, CURLINFO, ...);
	void *p = find("curl_easy_getinfo"), *out;
	va_list ap;

	memcpy(&real, &p, sizeof(p));
	va_start(ap, info);
	out = va_arg(ap, void *);
	va_end(ap);
	return real(c, info, out);
}

LATE_FORWARD(CURLcode, curl_easy_perform, (CURL * c), c)
LATE_FORWARD(const char *, curl_easy_strerror, (CURLcode rc), rc)
LATE_FORWARD(time_t, curl_getdate, (const char *text, const time_t *unused), text, unused)
LATE_FORWARD(
	struct curl_slist *, curl_slist_append, (struct curl_slist * l, const char *s), l, s)
LATE_FORWARD_VOID(curl_slist_free_all, (struct curl_slist * l), l)
LATE_FORWARD_VOID(curl_easy_reset, (CURL * c), c)
LATE_FORWARD_VOID(curl_easy_cleanup, (CURL * c), c)
