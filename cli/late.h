/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late: libraries that most commands do without, loaded when one of their functions is first
 * called. A file late_<library>.c defines the functions that lib/ and migrate/ call, in front of
 * the library's own for the linker; each looks the real one up once.
 */
#ifndef TDMQ_LATE_H
#define TDMQ_LATE_H

#include <stdio.h>
#include <string.h>

#include "base.h"

/* The address of a function; without it there is no way on. */
static inline void *late_must(void *address, const char *why)
{
	if (!address)
		fprintf(stderr, "tdmqctl: %s\n", why);
	BUG_ON(!address);
	return address;
}

/* find(name) is the file's own. */
#define LATE_FORWARD(type, name, params, ...) \
	type name params \
	{ \
		static type(*real) params; \
		void *p; \
\
		if (!real) { \
			p = find(#name); \
			memcpy(&real, &p, sizeof(p)); \
		} \
		return real(__VA_ARGS__); \
	}
#define LATE_FORWARD_VOID(name, params, ...) \
	void name params \
	{ \
		static void(*real) params; \
		void *p; \
\
		if (!real) { \
			p = find(#name); \
			memcpy(&real, &p, sizeof(p)); \
		} \
		real(__VA_ARGS__); \
	}

#endif
