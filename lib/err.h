/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err: how a function that can fail says why.
 *
 *	int topic_load(const char *path, struct topic *t, struct err *e)
 *	{
 *		...
 *		if (!found)
 *			return err_set(e, TQ_ENOTOPIC, "no topic '%s'", name);
 *		rc = json_parse(text, JSON_STRICT, &doc, e);
 *		return rc ? err_wrap(e, "topic file '%s'", path) : 0;
 *	}
 *
 * Functions return 0 or a negative TQ_E code of errors.def. Who first knows sets the message,
 * who has context wraps it, and only main() and dispatch report it. Messages are lower case,
 * without a full stop, the subject in quotes. `why` says what is behind it, `hint` what to try.
 * struct err holds no heap memory, so setting it cannot fail. A NULL struct err is allowed
 * everywhere: only the code is returned then.
 */
#ifndef TDMQ_ERR_H
#define TDMQ_ERR_H

#include "base.h"

/* TQ_EFAIL is -1000, the next one -1001, ...: apart from every -errno. */
enum err_ordinal {
#define ERR(code, response, exit, text) code##_ORDINAL,
#include "errors.def"
#undef ERR
	ERR_COUNT
};

enum err_code {
#define ERR(code, response, exit, text) code = -1000 - code##_ORDINAL,
#include "errors.def"
#undef ERR
};

/* Exit status of tdmqctl and brokerd: an interface, see EXIT STATUS in tdmqctl(1). */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_PARTIAL = 3,
	EXIT_NOT_FOUND = 4,
	EXIT_CONFLICT = 5,
	EXIT_DENIED = 6,
	EXIT_UNREACHABLE = 7,
	EXIT_TIMEOUT = 8,
	EXIT_PRECONDITION = 9,
	EXIT_DECLINED = 10,
	EXIT_UNSUPPORTED = 11,
	EXIT_BUSY = 12,
	EXIT_DIFFERS = 20,
	EXIT_BUG = 70,
	EXIT_INTERRUPTED = 130,
	EXIT_TERMINATED = 143,
};

struct err {
	int code; /* 0 or TQ_E... */
	int sys; /* errno behind it, 0 if none */
	int response; /* response code a server sent or shall get; 0: take the code's own */
	char msg[400]; /* what happened */
	char why[240]; /* what is behind it, may be empty */
	char hint[240]; /* what to try, may be empty */
};

#define ERR_INIT \
	{ \
		0 \
	}

/* Replaces what e holds; returns code. err_sys() appends strerror(errno) and keeps errno. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);
int err_sys(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);
/* Puts "fmt: " in front of the message; returns the code e holds. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* Fill why and hint of an error already set; return its code. */
int err_why(struct err *e, const char *fmt, ...) PRINTF(2, 3);
int err_hint(struct err *e, const char *fmt, ...) PRINTF(2, 3);
void err_clear(struct err *e);

/* Facts of errors.def, for codes that are in it; others are answered as TQ_EBUG. */
const char *err_name(int code); /* "TQ_ENOTOPIC" */
const char *err_text(int code); /* "no such topic" */
int err_exit(int code); /* enum exit_status; 0 for 0 */
int err_response(int code); /* response code of codes.def; 0 for 0 */
/* The error that stands for a response code: 17 -> TQ_ENOTOPIC, unknown ones -> TQ_EFAIL. */
int err_from_response(int response);

#endif
