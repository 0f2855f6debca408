/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything becomes ranges of bytes, a block of any length too: the bytes in front are fixed, one
 * has some free bits at its end, the others are free. {1,7} is two ranges.
 */
#include "addrs.h"

#include <arpa/inet.h>

#include "mem.h"

#define PART_MAX 80

static int bad(struct str part, struct err *e)
{
	err_set(e, TQ_EINVAL, "'" STR_FMT "' is no address", STR_ARG(part));
	err_hint(e, "as 10.1.2.3, 10.1.0.0/16, 10.1.2.*, 10.1.2.1-9, fd00::/8, or * for all");
	return TQ_EINVAL; /* e may be NULL */
}

static int add(struct addrs *a, const struct addr_range *r, struct err *e)
{
	if (a->n == ADDRS_MAX)
		return err_set(e, TQ_ELIMIT, "more than %d addresses in a list", ADDRS_MAX);
	a->v = mem_grow(a->v, (a->n + 1) * sizeof(*a->v));
	a->v[a->n++] = *r;
	return 0;
}

/* Bits behind the prefix are free. */
static void open_bits(struct addr_range *r, int64_t prefix)
{
	for (int64_t i = 0; i < (r->v6 ? 16 : 4); i++) {
		int64_t fixed = MIN(MAX(prefix - i * 8, 0), 8);
		uint8_t mask = (uint8_t)(0xff00 >> fixed);

		r->low[i] &= mask;
		r->high[i] = r->low[i] | (uint8_t)~mask;
	}
}

/* A literal address, or a block. */
static int add_block(struct addrs *a, struct str part, struct err *e)
{
	struct str rest = part, ip;
	struct addr_range r = { 0 };
	char text[PART_MAX];
	int64_t bits;

	str_cut(&rest, '/', &ip);
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(ip));
	r.v6 = memchr(ip.p, ':', ip.n) != NULL;
	if (inet_pton(r.v6 ? AF_INET6 : AF_INET, text, r.low) != 1)
		return bad(part, e);
	bits = r.v6 ? 128 : 32;
	if (rest.p && str_to_i64(rest, 0, bits, &bits, "prefix", e))
		return bad(part, e);
	open_bits(&r, bits);
	return add(a, &r, e);
}

/* "7", "1-100", "*" */
static bool read_byte(struct str s, uint8_t *low, uint8_t *high)
{
	struct str to = s, from;
	int64_t a, b;

	if (str_is(s, "*")) {
		*low = 0;
		*high = 255;
		return true;
	}
	str_cut(&to, '-', &from);
	if (str_to_i64(from, 0, 255, &a, "", NULL))
		return false;
	b = a;
	if (to.p && str_to_i64(to, a, 255, &b, "", NULL))
		return false;
	*low = (uint8_t)a;
	*high = (uint8_t)b;
	return true;
}

/* Four bytes, fewer when the last is '*'; the last one may be {a,b,...}. */
static int add_pattern(struct addrs *a, struct str part, struct err *e)
{
	struct addr_range r = { .high = { 255, 255, 255, 255 } };
	struct str rest = part, s, one;
	int i = 0, rc = 0;

	while (!rc && i < 4 && str_cut(&rest, '.', &s)) {
		if (s.n > 2 && s.p[0] == '{' && s.p[s.n - 1] == '}' && i == 3 && !rest.p) {
			s = (struct str){ s.p + 1, s.n - 2 };
			while (!rc && str_cut(&s, ',', &one))
				rc = read_byte(str_trim(one), &r.low[3], &r.high[3])
					     ? add(a, &r, e)
					     : bad(part, e);
			return rc;
		}
		if (!read_byte(s, &r.low[i], &r.high[i]))
			return bad(part, e);
		i++;
	}
	if (rc || rest.p || (i < 4 && !str_ends(part, STR("*"))))
		return rc ? rc : bad(part, e);
	return add(a, &r, e);
}

static int add_part(struct addrs *a, struct str part, struct err *e)
{
	if (part.n >= PART_MAX)
		return bad((struct str){ part.p, PART_MAX }, e);
	if (str_is(part, "*")) {
		struct addr_range v4 = { .high = { 255, 255, 255, 255 } };
		struct addr_range v6 = { .v6 = true };
		int rc = add(a, &v4, e);

		memset(v6.high, 255, sizeof(v6.high));
		return rc ? rc : add(a, &v6, e);
	}
	if (memchr(part.p, ':', part.n) || memchr(part.p, '/', part.n))
		return add_block(a, part, e);
	return add_pattern(a, part, e);
}

/* Cuts at commas that are not within braces. */
static bool next_part(struct str *rest, struct str *part)
{
	bool within = false;

	if (!rest->p)
		return false;
	for (size_t i = 0; i < rest->n; i++) {
		char c = rest->p[i];

		within = c == '{' || (within && c != '}');
		if (c != ',' || within)
			continue;
		*part = str_trim((struct str){ rest->p, i });
		*rest = (struct str){ rest->p + i + 1, rest->n - i - 1 };
		return true;
	}
	*part = str_trim(*rest);
	*rest = STR_NONE;
	return true;
}

int addrs_parse(struct str text, struct addrs *out, struct err *e)
{
	struct addrs a = { 0 };
	struct str part;
	int rc = 0;

	while (!rc && next_part(&text, &part)) {
		if (part.n)
			rc = add_part(&a, part, e);
	}
	if (rc) {
		addrs_release(&a);
		return rc;
	}
	addrs_release(out);
	*out = a;
	return 0;
}

void addrs_release(struct addrs *a)
{
	mem_free(a->v);
	*a = (struct addrs){ 0 };
}

static bool within(const struct addr_range *r, const struct host *h)
{
	if (r->v6 != h->v6)
		return false;
	for (int i = 0; i < (r->v6 ? 16 : 4); i++) {
		if (h->ip[i] < r->low[i] || h->ip[i] > r->high[i])
			return false;
	}
	return true;
}

bool addrs_match(const struct addrs *a, const struct host *h)
{
	for (size_t i = 0; i < a->n; i++) {
		if (within(&a->v[i], h))
			return true;
	}
	return false;
}
