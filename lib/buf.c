/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growth doubles from 64 bytes up to the ceiling; one byte more than n is kept for the NUL. A failed
 * buffer has no memory, so the usual case has one comparison: is there room?
 */
#include "buf.h"

#include <stdarg.h>

#include "mem.h"

void buf_init(struct buf *b, size_t max)
{
	memset(b, 0, sizeof(*b));
	b->max = max;
}

void buf_release(struct buf *b)
{
	mem_free(b->p);
	b->p = NULL;
	b->n = b->cap = 0;
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

char *buf_take(struct buf *b, size_t *n)
{
	char *p;

	buf_add(b, "", 0);
	p = b->p ? b->p : mem_alloc(1);
	if (n)
		*n = b->n;
	b->p = NULL;
	b->n = b->cap = 0;
	return p;
}

char *buf_move(struct buf *b, struct arena *mem)
{
	char *p = arena_strn(mem, b->p, b->n);

	buf_release(b);
	return p;
}

static bool grow(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 64;
	char *p;

	while (cap < b->n + n + 1)
		cap *= 2;
	cap = MIN(cap, b->max + 1);
	p = try_grow(b->p, cap);
	if (!p)
		return false;
	b->p = p;
	b->cap = cap;
	return true;
}

char *buf_grow(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > b->max || b->n > b->max - n || (b->cap < b->n + n + 1 && !grow(b, n))) {
		buf_release(b);
		b->failed = true;
		return NULL;
	}
	return b->p + b->n;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);

	if (!to)
		return;
	if (n)
		memcpy(to, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	to = buf_reserve(b, (size_t)n);
	if (!to)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, 1);
}

void buf_be16(struct buf *b, uint16_t v)
{
	v = __builtin_bswap16(v);
	buf_add(b, &v, sizeof(v));
}

void buf_be32(struct buf *b, uint32_t v)
{
	v = __builtin_bswap32(v);
	buf_add(b, &v, sizeof(v));
}

void buf_be64(struct buf *b, uint64_t v)
{
	v = __builtin_bswap64(v);
	buf_add(b, &v, sizeof(v));
}

void buf_i64(struct buf *b, int64_t v)
{
	char digits[21], *p = digits + sizeof(digits);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_hex(struct buf *b, const void *p, size_t n)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char *from = p;
	char *to = n <= b->max / 2 ? buf_reserve(b, n * 2) : buf_reserve(b, b->max + 1);

	if (!to)
		return;
	for (size_t i = 0; i < n; i++) {
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	b->n += n * 2;
	b->p[b->n] = '\0';
}

void buf_drop(struct buf *b, size_t n)
{
	BUG_ON(n > b->n);
	if (!n)
		return;
	b->n -= n;
	memmove(b->p, b->p + n, b->n + 1);
}
