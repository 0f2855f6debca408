/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of errors.def, walked by index: code -1000 - i is entry i. Formatting never
 * allocates and cuts what does not fit.
 */
#include "err.h"

#include <errno.h>
#include <execinfo.h>
#include <stdarg.h>
#include <unistd.h>

#include "codes.h"

static const struct {
	const char *name, *text;
	int response, exit;
} table[] = {
#define ERR(code, response, exit, text) { #code, text, RESP_##response, exit },
#include "errors.def"
#undef ERR
};

static size_t entry(int code)
{
	if (code > -1000 || code <= -1000 - ERR_COUNT)
		return TQ_EBUG_ORDINAL;
	return (size_t)(-1000 - code);
}

static void PRINTF(3, 0) format(struct err *e, int code, const char *fmt, va_list ap)
{
	char msg[sizeof(e->msg)];

	vsnprintf(msg, sizeof(msg), fmt, ap); /* fmt may print what e holds */
	memset(e, 0, sizeof(*e));
	e->code = code;
	memcpy(e->msg, msg, sizeof(msg));
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return code;
	va_start(ap, fmt);
	format(e, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_sys(struct err *e, int code, const char *fmt, ...)
{
	int sys = errno;
	va_list ap;
	size_t n;

	if (!e)
		return code;
	va_start(ap, fmt);
	format(e, code, fmt, ap);
	va_end(ap);
	e->sys = sys;
	n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(sys));
	return code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char front[sizeof(e->msg)], both[sizeof(e->msg)];
	va_list ap;
	size_t n;

	if (!e)
		return TQ_EFAIL;
	va_start(ap, fmt);
	vsnprintf(front, sizeof(front), fmt, ap);
	va_end(ap);
	snprintf(both, sizeof(both), "%s", front);
	n = strlen(both);
	snprintf(both + n, sizeof(both) - n, ": %s", e->msg);
	memcpy(e->msg, both, sizeof(both));
	return e->code;
}

int err_why(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return TQ_EFAIL;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	return e->code;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (!e)
		return TQ_EFAIL;
	va_start(ap, fmt);
	vsnprintf(e->hint, sizeof(e->hint), fmt, ap);
	va_end(ap);
	return e->code;
}

void err_clear(struct err *e)
{
	if (e)
		memset(e, 0, sizeof(*e));
}

const char *err_name(int code)
{
	return code ? table[entry(code)].name : "TQ_OK";
}

const char *err_text(int code)
{
	return code ? table[entry(code)].text : "done";
}

int err_exit(int code)
{
	return code ? table[entry(code)].exit : EXIT_DONE;
}

int err_response(int code)
{
	return code ? table[entry(code)].response : RESP_SUCCESS;
}

/* Responses that none of our errors is sent as. */
static const struct {
	int response, code;
} foreign[] = {
	{ RESP_VERSION_NOT_SUPPORTED, TQ_EUNSUPPORTED },
	{ RESP_NO_MESSAGE, TQ_ENOTFOUND },
	{ RESP_UPDATE_AND_CREATE_ACL_CONFIG_FAILED, TQ_EDENIED },
	{ RESP_DELETE_ACL_CONFIG_FAILED, TQ_EDENIED },
	{ RESP_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG_FAILED, TQ_EDENIED },
	{ RESP_FLOW_CONTROL, TQ_EBUSY },
};

int err_from_response(int response)
{
	if (!response)
		return 0;
	if (response == RESP_SYSTEM_ERROR)
		return TQ_EFAIL;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].response == response)
			return -1000 - (int)i;
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
		if (foreign[i].response == response)
			return foreign[i].code;
	return TQ_EFAIL;
}

void bug_abort(const char *file, int line, const char *cond)
{
	void *frames[32];
	int n;

	fprintf(stderr, "bug: %s:%d: %s\n", file, line, cond);
	n = backtrace(frames, ARRAY_LEN(frames));
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
	abort();
}
