/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs are kept in the order they came; signing needs them sorted and the wire does not care, so
 * the sorted query is what is sent as well.
 */
#include "webrequest.h"

#include <stdlib.h>
#include <string.h>

static void add(struct web_pairs *p, struct arena *mem, const char *name, const char *value)
{
	if (p->n == p->cap) {
		struct web_pair *more;

		p->cap = p->cap ? 2 * p->cap : 8;
		more = arena_alloc(mem, p->cap * sizeof(*more));
		if (p->n)
			memcpy(more, p->v, p->n * sizeof(*more));
		p->v = more;
	}
	p->v[p->n++] = (struct web_pair){ arena_str(mem, name), arena_str(mem, value) };
}

void web_init(struct web_request *rq, const char *method, const char *host, struct arena *mem)
{
	*rq = (struct web_request){ .mem = mem, .method = method, .path = "/" };
	rq->host = arena_str(mem, host);
}

void web_path(struct web_request *rq, const char *segment)
{
	const char *before = rq->path[1] ? rq->path : "";

	rq->path = arena_fmt(rq->mem, "%s/%s", before, web_encode(segment, rq->mem));
}

void web_query(struct web_request *rq, const char *name, const char *value)
{
	if (value && *value)
		add(&rq->query, rq->mem, name, value);
}

void web_header(struct web_request *rq, const char *name, const char *value)
{
	if (value && *value)
		add(&rq->headers, rq->mem, name, value);
}

const char *web_encode(const char *text, struct arena *mem)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = arena_alloc(mem, 3 * strlen(text) + 1), *to = out;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
			(*p >= '0' && *p <= '9') || strchr("-_.~", *p)) {
			*to++ = (char)*p;
			continue;
		}
		*to++ = '%';
		*to++ = hex[*p >> 4];
		*to++ = hex[*p & 15];
	}
	return out;
}

static int by_name(const void *a, const void *b)
{
	const struct web_pair *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->value, y->value);
}

const char *web_canonical_query(const struct web_request *rq)
{
	size_t n = rq->query.n;
	struct web_pair *sorted = arena_alloc(rq->mem, (n + 1) * sizeof(*sorted));
	const char *text = "";

	for (size_t i = 0; i < n; i++) {
		sorted[i].name = web_encode(rq->query.v[i].name, rq->mem);
		sorted[i].value = web_encode(rq->query.v[i].value, rq->mem);
	}
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (size_t i = 0; i < n; i++)
		text = arena_fmt(rq->mem, "%s%s%s=%s", text, i ? "&" : "", sorted[i].name,
			sorted[i].value);
	return text;
}

const char *web_target(const struct web_request *rq)
{
	const char *query = web_canonical_query(rq);

	return *query ? arena_fmt(rq->mem, "%s?%s", rq->path, query) : rq->path;
}
