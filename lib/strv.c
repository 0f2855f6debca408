/* SPDX-License-Identifier: Apache-2.0 */
#include "strv.h"

void strv_release(struct strv *v)
{
	struct arena *a = v->arena;

	if (!a) {
		for (size_t i = 0; i < v->n; i++)
			mem_free(v->v[i]);
		mem_free(v->v);
	}
	*v = strv_in(a);
}

static void grow(struct strv *v)
{
	size_t cap = v->cap ? v->cap * 2 : 8;
	char **p;

	if (v->arena) {
		p = arena_alloc(v->arena, cap * sizeof(*p));
		if (v->n)
			memcpy(p, v->v, v->n * sizeof(*p));
	} else {
		p = mem_grow(v->v, cap * sizeof(*p));
	}
	v->v = p;
	v->cap = cap;
}

void strv_add(struct strv *v, struct str s)
{
	if (v->n + 1 >= v->cap)
		grow(v);
	v->v[v->n++] = v->arena ? arena_strn(v->arena, s.p, s.n) : mem_strn(s.p, s.n);
	v->v[v->n] = NULL;
}

void strv_split(struct strv *v, struct str s, char separator)
{
	struct str item;

	while (str_cut(&s, separator, &item)) {
		item = str_trim(item);
		if (item.n)
			strv_add(v, item);
	}
}

bool strv_has(const struct strv *v, struct str s)
{
	for (size_t i = 0; i < v->n; i++)
		if (str_is(s, v->v[i]))
			return true;
	return false;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *v)
{
	if (v->n)
		qsort(v->v, v->n, sizeof(*v->v), by_bytes);
}

bool strv_has_sorted(const struct strv *v, const char *s)
{
	return v->n && bsearch(&s, v->v, v->n, sizeof(*v->v), by_bytes);
}
