/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: one sentence a line, to stderr or a file, plain or logfmt.
 *
 *	log_warn("store", "segment '%s': sync failed: %s", path, strerror(errno));
 *
 * error needs a person, warn may need one, info is the story of one day, debug of one request.
 * Arguments are not evaluated below the level. Control bytes are escaped. Any thread may log.
 * What a client can trigger goes through log_every(), which says how many it swallowed.
 */
#ifndef TDMQ_LOG_H
#define TDMQ_LOG_H

#include "base.h"
#include "err.h"

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

extern _Atomic int log_threshold; /* read through log_on() */

static inline bool log_on(enum log_level level)
{
	return (int)level <= log_threshold;
}

#define log_at(level, module, ...) \
	do { \
		if (log_on(level)) \
			log_write(level, module, __VA_ARGS__); \
	} while (0)
#define log_error(module, ...) log_at(LOG_ERROR_, module, __VA_ARGS__)
#define log_warn(module, ...) log_at(LOG_WARN_, module, __VA_ARGS__)
#define log_info(module, ...) log_at(LOG_INFO_, module, __VA_ARGS__)
#define log_debug(module, ...) log_at(LOG_DEBUG_, module, __VA_ARGS__)
/* At most one line per call site in `secs` seconds. */
#define log_every(secs, level, module, ...) \
	do { \
		static struct log_limit limit_; \
		if (log_on(level) && log_allowed(&limit_, secs)) \
			log_write(level, module, __VA_ARGS__); \
	} while (0)

struct log_limit {
	_Atomic int64_t next_ms;
	_Atomic int swallowed;
};

enum log_format { LOG_PLAIN, LOG_LOGFMT };

/* path NULL: stderr. A file is opened for appending with mode 0640. */
int log_open(
	const char *path, enum log_format format, enum log_level level, struct err *e) MUST_USE;
void log_reopen(void); /* after the file was rotated */
void log_set_level(enum log_level level);
void log_write(enum log_level level, const char *module, const char *fmt, ...) PRINTF(3, 4);
bool log_allowed(struct log_limit *limit, int secs);
/* One line for an error: message, then why and hint where present. */
void log_err(const char *module, const struct err *e);

#endif
