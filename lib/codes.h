/* SPDX-License-Identifier: Apache-2.0 */
/* codes: request, response and language numbers with their names; see codes.def. */
#ifndef TDMQ_CODES_H
#define TDMQ_CODES_H

#include "base.h"

enum request_code {
#define REQUEST(num, name) REQ_##name = num,
#include "codes.def"
};

enum response_code {
#define RESPONSE(num, name) RESP_##name = num,
#include "codes.def"
};

enum language {
#define LANGUAGE(num, name) LANG_##name = num,
#include "codes.def"
};

/* Flag bits of a remoting header. */
enum {
	FLAG_RESPONSE = 1,
	FLAG_ONEWAY = 2,
};

/* Bits of a pull's `sysFlag`. */
enum pull_flag {
	PULL_COMMIT = 1, /* `commitOffset` is a position to keep */
	PULL_SUSPEND = 2, /* may wait for a message, `suspendTimeoutMillis` at most */
	PULL_SUBSCRIPTION = 4, /* the filter is in the request */
	PULL_CLASS_FILTER = 8, /* a filter server looks at the messages: all of them, then */
};

/* The version number we send: the ordinal of 4.9.8. Clients read it in heartbeat answers. */
#define TDMQ_WIRE_VERSION 409

const char *request_name(int code); /* "PULL_MESSAGE", NULL if unknown */
const char *response_name(int code); /* "TOPIC_NOT_EXIST", NULL if unknown */
const char *language_name(int code); /* "JAVA"; "OTHER" if unknown */
int language_from_name(const char *name, size_t n); /* LANG_OTHER if unknown */
/* "V4_9_8" for 409; buf must hold 24 bytes. */
const char *version_name(int ordinal, char *buf);

#endif
