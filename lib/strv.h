/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strv: a vector of strings with a NULL behind the last. Filled by option tables, settings and
 * completion.
 *
 *	struct strv v = STRV_INIT;
 *
 *	strv_add(&v, STR("orders"));
 *	for (size_t i = 0; i < v.n; i++)
 *		puts(v.v[i]);
 *	strv_release(&v);
 */
#ifndef TDMQ_STRV_H
#define TDMQ_STRV_H

#include "mem.h"
#include "str.h"

struct strv {
	char **v; /* v[n] is NULL; v itself is NULL while nothing was added */
	size_t n, cap;
	struct arena *arena; /* borrowed; NULL: strings and v are owned */
};

#define STRV_INIT \
	{ \
		0 \
	}

/* What is added lives in the arena then, and strv_release() is not needed. */
static inline struct strv strv_in(struct arena *a)
{
	return (struct strv){ .arena = a };
}

void strv_release(struct strv *v); /* empty again; frees what is owned */
void strv_add(struct strv *v, struct str s); /* copies */
/* Adds each piece of s between separators, blanks trimmed, empty pieces left out. */
void strv_split(struct strv *v, struct str s, char separator);
bool strv_has(const struct strv *v, struct str s);
void strv_sort(struct strv *v); /* bytewise */
bool strv_has_sorted(const struct strv *v, const char *s); /* v was sorted since it grew */

#endif
