/* SPDX-License-Identifier: Apache-2.0 */
#include "str.h"

#include <ctype.h>
#include <fnmatch.h>
#include <pthread.h>
#include <sys/random.h>

#include "mem.h"

bool str_cut(struct str *s, char c, struct str *head)
{
	const char *at;

	if (!s->p)
		return false;
	at = s->n ? memchr(s->p, c, s->n) : NULL;
	if (!at) {
		*head = *s;
		*s = STR_NONE;
		return true;
	}
	*head = (struct str){ s->p, (size_t)(at - s->p) };
	*s = (struct str){ at + 1, s->n - head->n - 1 };
	return true;
}

struct str str_trim(struct str s)
{
	while (s.n && isspace((unsigned char)s.p[0]))
		s = str_skip(s, 1);
	while (s.n && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

bool str_ends(struct str s, struct str suffix)
{
	return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

int str_cmp(struct str a, struct str b)
{
	size_t n = MIN(a.n, b.n);
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.n > b.n) - (a.n < b.n);
}

int str_index(struct str s, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (str_is(s, words[i]))
			return i;
	return -1;
}

bool str_glob(const char *pattern, struct str s)
{
	char *z = mem_strn(s.p, s.n);
	bool hit = fnmatch(pattern, z, 0) == 0;

	mem_free(z);
	return hit;
}

/* Reads digits from the front of *s; false on none or overflow. */
static bool take_number(struct str *s, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < s->n && isdigit((unsigned char)s->p[i]); i++)
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(s->p[i] - '0'), &v))
			return false;
	*s = str_skip(*s, i);
	*out = v;
	return i > 0;
}

int str_to_i64(
	struct str s, int64_t min, int64_t max, int64_t *out, const char *what, struct err *e)
{
	struct str rest = s;
	bool minus = s.n && s.p[0] == '-';
	uint64_t u;
	int64_t v;

	if (minus || (s.n && s.p[0] == '+'))
		rest = str_skip(rest, 1);
	if (!take_number(&rest, &u) || rest.n || u > (uint64_t)INT64_MAX + minus)
		return err_set(e, TQ_EINVAL, "%s: '" STR_FMT "' is not a whole number", what,
			STR_ARG(s));
	v = minus ? (int64_t)(0 - u) : (int64_t)u;
	if (v < min || v > max)
		return err_set(e, TQ_EINVAL, "%s: %lld is not between %lld and %lld", what,
			(long long)v, (long long)min, (long long)max);
	*out = v;
	return 0;
}

struct unit {
	const char *name;
	int64_t factor;
};

/* One number and its unit from the front of *s, longest unit name first in the table. */
static bool take_quantity(struct str *s, const struct unit *units, size_t n, int64_t *sum)
{
	uint64_t v;
	int64_t part;

	if (!take_number(s, &v) || v > INT64_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!str_starts(*s, str_of(units[i].name)))
			continue;
		*s = str_skip(*s, strlen(units[i].name));
		return !__builtin_mul_overflow((int64_t)v, units[i].factor, &part) &&
		       !__builtin_add_overflow(*sum, part, sum);
	}
	return false;
}

int str_to_ms(struct str s, int64_t *out_ms, struct err *e)
{
	static const struct unit units[] = {
		{ "ms", 1 },
		{ "s", 1000 },
		{ "m", 60000 },
		{ "h", 3600000 },
		{ "d", 86400000 },
		{ "w", 604800000 },
	};
	struct str rest = s;
	int64_t sum = 0;

	do {
		if (!take_quantity(&rest, units, ARRAY_LEN(units), &sum))
			return err_set(e, TQ_EINVAL,
				"'" STR_FMT "' is not a duration such as 500ms, 37s or 1d12h",
				STR_ARG(s));
	} while (rest.n);
	*out_ms = sum;
	return 0;
}

int str_to_bytes(struct str s, int64_t *out_bytes, struct err *e)
{
	static const struct unit units[] = {
		{ "KiB", 1 << 10 },
		{ "MiB", 1 << 20 },
		{ "GiB", 1 << 30 },
		{ "Ki", 1 << 10 },
		{ "Mi", 1 << 20 },
		{ "Gi", 1 << 30 },
		{ "kB", 1000 },
		{ "k", 1000 },
		{ "K", 1000 },
		{ "MB", 1000000 },
		{ "M", 1000000 },
		{ "GB", 1000000000 },
		{ "G", 1000000000 },
		{ "B", 1 },
		{ "", 1 },
	};
	struct str rest = s;
	int64_t sum = 0;

	if (!take_quantity(&rest, units, ARRAY_LEN(units), &sum) || rest.n)
		return err_set(e, TQ_EINVAL,
			"'" STR_FMT "' is not a size such as 512, 64k or 4MiB", STR_ARG(s));
	*out_bytes = sum;
	return 0;
}

/* Decodes one code point; malformed bytes count as U+FFFD, one at a time, as Java decodes them. */
static uint32_t next_rune(const unsigned char *p, size_t n, size_t *used, bool *bad)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80    ? 1
		     : p[0] >= 0xf0 ? 4
		     : p[0] >= 0xe0 ? 3
		     : p[0] >= 0xc2 ? 2
				    : 0;
	uint32_t r = len > 1 ? p[0] & (0xffu >> (len + 1)) : p[0];

	*used = 1;
	if (!len || len > n || p[0] > 0xf4)
		goto bad;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			goto bad;
		r = r << 6 | (p[i] & 0x3f);
	}
	if (len > 1 && (r < least[len] || r > 0x10ffff || (r >= 0xd800 && r < 0xe000)))
		goto bad;
	*used = len;
	return r;
bad:
	*bad = true;
	return 0xfffd;
}

/* As long as it is ASCII, four bytes a step: one multiplication has to wait for the last. */
static size_t hash_ascii(const unsigned char *p, size_t n, uint32_t *h)
{
	uint32_t w;
	size_t i;

	for (i = 0; n - i >= 4; i += 4) {
		memcpy(&w, p + i, sizeof(w));
		if (w & 0x80808080)
			break;
		*h = *h * 923521 + p[i] * 29791u + p[i + 1] * 961u + p[i + 2] * 31u + p[i + 3];
	}
	return i;
}

int32_t str_java_hash(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	bool bad = false;
	uint32_t h = 0;
	size_t used;

	for (size_t i = hash_ascii(p, s.n, &h); i < s.n; i += used) {
		uint32_t r = p[i];

		used = 1;
		if (r >= 0x80)
			r = next_rune(p + i, s.n - i, &used, &bad);
		if (r >= 0x10000) {
			h = h * 31 + (0xd800 + ((r - 0x10000) >> 10));
			r = 0xdc00 + ((r - 0x10000) & 0x3ff);
		}
		h = h * 31 + r;
	}
	return (int32_t)h;
}

bool str_is_utf8(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	bool bad = false;
	size_t used;

	for (size_t i = 0; i < s.n && !bad; i += used)
		next_rune(p + i, s.n - i, &used, &bad);
	return !bad;
}

static uint64_t seed;
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		BUG_ON("no random bytes");
}

/* Eight bytes a step, multiply and fold; the seed keeps strangers from choosing collisions. */
uint64_t str_hash(struct str s)
{
	const uint64_t k = 0x9e3779b97f4a7c15u;
	uint64_t h, w;

	pthread_once(&seeded, make_seed);
	h = seed ^ (s.n * k);
	for (; s.n >= 8; s = str_skip(s, 8)) {
		memcpy(&w, s.p, 8);
		h = (h ^ w) * k;
		h ^= h >> 29;
	}
	w = 0;
	if (s.n)
		memcpy(&w, s.p, s.n);
	h = (h ^ w ^ seed) * k;
	h = (h ^ h >> 32) * 0xff51afd7ed558ccdu; /* names that count up differ in few bits */
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
	return h ^ h >> 33;
}
