/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str: a borrowed slice of bytes {p, n}, not NUL-terminated. Whoever owns the bytes says how long
 * they live. p may be NULL only when n is 0; a NULL p means "absent" where that matters.
 */
#ifndef TDMQ_STR_H
#define TDMQ_STR_H

#include "base.h"
#include "err.h"

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *s)
{
	return s ? (struct str){ s, strlen(s) } : STR_NONE;
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

static inline bool str_is(struct str a, const char *b)
{
	return str_eq(a, str_of(b));
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (!prefix.n || !memcmp(s.p, prefix.p, prefix.n));
}

/* The slice without its first n bytes; empty when it is shorter. */
static inline struct str str_skip(struct str s, size_t n)
{
	n = MIN(n, s.n);
	return n ? (struct str){ s.p + n, s.n - n } : s;
}

/*
 * Cuts s at the first c: *head is what stands before it, *s what follows. Without a c all of it
 * is head and *s becomes STR_NONE. Returns false when *s was STR_NONE already:
 *
 *	while (str_cut(&rest, ',', &item))
 */
bool str_cut(struct str *s, char c, struct str *head);
struct str str_trim(struct str s); /* without blanks, tabs and line ends at both ends */
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b); /* as memcmp, shorter first */
/* Which of the words (NULL at the end) it is; -1: none of them. */
int str_index(struct str s, const char *const *words);
/* The shell patterns * ? [a-z], the whole of s; no special treatment of any byte. */
bool str_glob(const char *pattern, struct str s);

/*
 * Numbers with bounds. Decimal, optional sign, nothing before or after. On failure TQ_EINVAL
 * names `what`, the text and the bounds; *out is untouched.
 */
int str_to_i64(
	struct str s, int64_t min, int64_t max, int64_t *out, const char *what, struct err *e);
/* "37s", "2m10s", "1d", "250ms"; units ms s m h d w. Bare numbers are refused. */
int str_to_ms(struct str s, int64_t *out_ms, struct err *e);
/* "512", "4k", "64Ki", "1GiB"; k M G are powers of 1000, Ki Mi Gi of 1024. */
int str_to_bytes(struct str s, int64_t *out_bytes, struct err *e);

/* Java's String.hashCode() over UTF-16 units: what tags and index keys are stored as. */
int32_t str_java_hash(struct str s);
bool str_is_utf8(struct str s);
/* Hash for in-memory tables, seeded per process. */
uint64_t str_hash(struct str s);

#endif
