/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base: the first include of every file. Attributes, small macros, BUG_ON.
 */
#ifndef TDMQ_BASE_H
#define TDMQ_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "banned.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* A broken invariant is not an error: stop here, in release builds too. */
#define BUG_ON(cond) \
	do { \
		if (UNLIKELY(cond)) \
			bug_abort(__FILE__, __LINE__, #cond); \
	} while (0)

/* Writes file, line, condition and a stack trace to stderr, then abort(). */
NORETURN void bug_abort(const char *file, int line, const char *cond);

#endif
