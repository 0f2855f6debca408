/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem: allocation. mem_* cannot fail: without memory the process aborts (what is acknowledged is
 * on disk, a supervisor restarts us). try_* return NULL and are for sizes that come from input,
 * after a limit check. An arena holds what lives as long as one request or one command.
 */
#ifndef TDMQ_MEM_H
#define TDMQ_MEM_H

#include "base.h"

void *mem_alloc(size_t n) MUST_USE; /* zeroed */
void *mem_array(size_t count, size_t size) MUST_USE; /* zeroed, overflow checked */
void *mem_grow(void *p, size_t n) MUST_USE; /* as realloc; new bytes are not zeroed */
char *mem_str(const char *s) MUST_USE; /* NULL stays NULL */
char *mem_strn(const char *s, size_t n) MUST_USE; /* n bytes and a NUL */
char *mem_fmt(const char *fmt, ...) PRINTF(1, 2) MUST_USE;
void *try_grow(void *p, size_t n) MUST_USE; /* as realloc */
void mem_free(void *p);
/* Tests: asked before each allocation, on any thread; true: there is no memory for it. */
void mem_test_fault(bool (*fault)(size_t n));
/* Overwrites n bytes in a way the compiler keeps, then frees: for secrets. */
void mem_wipe_free(void *p, size_t n);

struct arena {
	struct arena_block *head; /* owned */
};

void arena_init(struct arena *a);
void arena_release(struct arena *a);
void arena_clear(struct arena *a); /* frees all but keeps one block for reuse */
void *arena_alloc(struct arena *a, size_t n) MUST_USE; /* zeroed, aligned for any type */
char *arena_str(struct arena *a, const char *s) MUST_USE;
char *arena_strn(struct arena *a, const char *s, size_t n) MUST_USE;
char *arena_fmt(struct arena *a, const char *fmt, ...) PRINTF(2, 3) MUST_USE;

#endif
