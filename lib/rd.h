/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rd: the one way to read bytes from outside. A cursor over a slice; a short read poisons it:
 * later reads give zero or nothing, and rd_end() fails and says where. So a parser reads straight
 * through and looks once:
 *
 *	struct rd r = rd_init(body);
 *	uint32_t n = rd_be32(&r);
 *	struct str name = rd_bytes(&r, n);
 *
 *	return rd_end(&r, "batch element", e);
 *
 * A length read this way never sizes an allocation before rd_bytes() has bounded it.
 */
#ifndef TDMQ_RD_H
#define TDMQ_RD_H

#include "buf.h"

struct rd {
	const char *p;
	size_t n, off;
	bool bad;
};

static inline struct rd rd_init(struct str s)
{
	return (struct rd){ s.p, s.n, 0, false };
}

static inline size_t rd_left(const struct rd *r)
{
	return r->bad ? 0 : r->n - r->off;
}

/* The next n bytes, borrowed from the slice; STR_NONE and poisoned if there are fewer. */
static inline struct str rd_bytes(struct rd *r, size_t n)
{
	struct str s = STR_NONE;

	if (r->bad || n > r->n - r->off) {
		r->bad = true;
		return s;
	}
	s.p = r->p + r->off;
	s.n = n;
	r->off += n;
	return s;
}

static inline uint8_t rd_u8(struct rd *r)
{
	struct str s = rd_bytes(r, 1);

	return r->bad ? 0 : (uint8_t)s.p[0];
}

static inline uint16_t rd_be16(struct rd *r)
{
	struct str s = rd_bytes(r, 2);

	return r->bad ? 0 : get_be16(s.p);
}

static inline uint32_t rd_be32(struct rd *r)
{
	struct str s = rd_bytes(r, 4);

	return r->bad ? 0 : get_be32(s.p);
}

static inline uint64_t rd_be64(struct rd *r)
{
	struct str s = rd_bytes(r, 8);

	return r->bad ? 0 : get_be64(s.p);
}

/* Refuses what was read: for a parser that finds nonsense. */
static inline void rd_poison(struct rd *r)
{
	r->bad = true;
}

/* 0, or TQ_EFORMAT "<what>: cut short at byte N of M". Bytes left over are not an error here. */
int rd_end(const struct rd *r, const char *what, struct err *e) MUST_USE;

#endif
