/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: growable bytes with a ceiling. Append freely, look once:
 *
 *	struct buf b;
 *
 *	buf_init(&b, MAX_FRAME);
 *	buf_be32(&b, n);
 *	buf_addf(&b, "broker-%d", id);
 *	if (buf_err(&b))
 *		...
 *	buf_release(&b);
 *
 * Beyond the ceiling the buffer empties itself and stays failed until buf_clear(). It knows
 * nothing but mem.
 */
#ifndef TDMQ_BUF_H
#define TDMQ_BUF_H

#include "base.h"
#include "str.h"

struct buf {
	char *p; /* owned; always NUL-terminated once something was added */
	size_t n, cap, max;
	bool failed;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* empty, memory kept, no longer failed */
/* The bytes are the caller's, NUL-terminated, freed by mem_free; b is empty. */
char *buf_take(struct buf *b, size_t *n);
/* The bytes go into the arena, NUL-terminated; b is released. */
struct arena;
char *buf_move(struct buf *b, struct arena *mem);
static inline bool buf_err(const struct buf *b)
{
	return b->failed;
}
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", b->n };
}

/* Room for n more bytes, to be filled by the caller and counted in by b->n += ...; NULL if failed. */
char *buf_grow(struct buf *b, size_t n); /* when there is none yet; for buf_reserve */
static inline char *buf_reserve(struct buf *b, size_t n)
{
	return LIKELY(n < b->cap - b->n) ? b->p + b->n : buf_grow(b, n);
}
void buf_add(struct buf *b, const void *p, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_u8(struct buf *b, uint8_t v);
void buf_be16(struct buf *b, uint16_t v);
void buf_be32(struct buf *b, uint32_t v);
void buf_be64(struct buf *b, uint64_t v);
void buf_i64(struct buf *b, int64_t v); /* decimal text */
void buf_hex(struct buf *b, const void *p, size_t n); /* upper case */
/* Drops n bytes from the front. */
void buf_drop(struct buf *b, size_t n);

/* Big-endian fields at a fixed place; the caller has checked the bounds. */
static inline void put_be16(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}
static inline void put_be32(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}
static inline void put_be64(void *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}
static inline uint16_t get_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}
static inline uint32_t get_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}
static inline uint64_t get_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

#endif
