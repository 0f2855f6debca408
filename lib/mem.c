/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An arena is a list of blocks, newest first; each block twice the size of the one before, so
 * that a request of any shape costs a few allocations. Nothing in it is freed on its own.
 */
#include "mem.h"

#include <stdarg.h>
#include <stdalign.h>

#define FIRST_BLOCK 1024

struct arena_block {
	struct arena_block *next; /* owned, older */
	size_t used, size;
	alignas(max_align_t) char data[];
};

static NORETURN void out_of_memory(size_t n)
{
	fprintf(stderr, "out of memory (%zu bytes)\n", n);
	abort();
}

static bool (*fault)(size_t n); /* NULL but in tests */

void mem_test_fault(bool (*fn)(size_t n))
{
	fault = fn;
}

static bool fails(size_t n)
{
	return UNLIKELY(fault != NULL) && fault(n);
}

void *mem_alloc(size_t n)
{
	void *p = fails(n) ? NULL : calloc(1, n ? n : 1);

	if (!p)
		out_of_memory(n);
	return p;
}

void *mem_array(size_t count, size_t size)
{
	void *p = fails(size) ? NULL : calloc(count ? count : 1, size ? size : 1);

	if (!p)
		out_of_memory(count * size);
	return p;
}

void *mem_grow(void *p, size_t n)
{
	void *q = fails(n) ? NULL : realloc(p, n ? n : 1);

	if (!q)
		out_of_memory(n);
	return q;
}

char *mem_strn(const char *s, size_t n)
{
	char *p = mem_alloc(n + 1);

	if (n)
		memcpy(p, s, n);
	return p;
}

char *mem_str(const char *s)
{
	return s ? mem_strn(s, strlen(s)) : NULL;
}

char *mem_fmt(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	p = mem_alloc((size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void *try_grow(void *p, size_t n)
{
	return fails(n) ? NULL : realloc(p, n ? n : 1);
}

void mem_free(void *p)
{
	free(p);
}

void mem_wipe_free(void *p, size_t n)
{
	if (p)
		explicit_bzero(p, n);
	free(p);
}

void arena_init(struct arena *a)
{
	a->head = NULL;
}

void arena_release(struct arena *a)
{
	while (a->head) {
		struct arena_block *b = a->head;

		a->head = b->next;
		free(b);
	}
}

void arena_clear(struct arena *a)
{
	struct arena_block *keep = a->head;

	if (!keep)
		return;
	a->head = keep->next;
	arena_release(a);
	keep->next = NULL;
	keep->used = 0;
	a->head = keep;
}

static char *arena_room(struct arena *a, size_t n)
{
	struct arena_block *b = a->head;
	size_t align = alignof(max_align_t);
	char *p;

	n = (n + align - 1) / align * align;
	if (!b || b->size - b->used < n) {
		size_t size = b ? b->size * 2 : FIRST_BLOCK;

		size = MAX(size, n);
		b = mem_grow(NULL, sizeof(*b) + size);
		b->next = a->head;
		b->used = 0;
		b->size = size;
		a->head = b;
	}
	p = b->data + b->used;
	b->used += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return memset(arena_room(a, n), 0, n);
}

char *arena_strn(struct arena *a, const char *s, size_t n)
{
	char *p = arena_room(a, n + 1);

	if (n)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *arena_str(struct arena *a, const char *s)
{
	return s ? arena_strn(a, s, strlen(s)) : NULL;
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}
