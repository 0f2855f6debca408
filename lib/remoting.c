/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every request and answer of the broker passes here, so both directions touch each byte once
 * and nothing is allocated: a JSON header is parsed by a small reader of its own instead of
 * cJSON. Strings are looked through sixteen or eight bytes at a time; the common one, without a
 * backslash, is only pointed at. Undoing an escape never makes text longer, so it is done where it stands.
 *
 * The reader knows what a header may hold: one object, scalars in it, and one object of scalars
 * called extFields. Anything deeper is refused, which is why there is no recursion and no depth
 * to bound. Raw control characters in strings are let through, as Java's parser lets them.
 *
 * A client sends the same names in the same order each time. So the place of a field in extFields
 * says which name to expect (struct header_hint): while the bytes there are the same as last time,
 * names are not read again, nor compared with the names before them. The hints are always a run of
 * fields that one header had from its first on, all different: whatever follows a field that was
 * not as expected is read in the ordinary way, and remembered.
 */
#include "remoting.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "rd.h"

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

/* The high bit of the lowest byte of w that equals c; bits above it may lie. */
static inline uint64_t byte_is(uint64_t w, unsigned char c)
{
	w ^= ONES * c;
	return (w - ONES) & ~w & HIGHS;
}

static inline uint64_t load8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

#ifdef __SSE2__
/* One bit for each byte of v that equals c. */
static inline int byte16_is(__m128i v, char c)
{
	return _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
}
#endif

/* ---- frame ---- */

int frame_measure(struct str in, size_t *total, struct err *e)
{
	uint32_t len, head;

	*total = 0;
	if (in.n < 4)
		return TQ_ENOTYET;
	len = get_be32(in.p);
	if (len < 4 || len > FRAME_MAX - 4)
		return err_set(e, TQ_EFORMAT, "frame: no frame has a length of %u", len);
	*total = len + 4;
	if (in.n > 4 && (unsigned char)in.p[4] > HEADER_BINARY)
		return err_set(e, TQ_EFORMAT, "frame: header type %u is unknown",
			(unsigned char)in.p[4]);
	if (in.n < 8)
		return TQ_ENOTYET;
	head = get_be32(in.p + 4) & 0xffffff;
	if (head > len - 4)
		return err_set(
			e, TQ_EFORMAT, "frame: header of %u bytes in a frame of %u", head, len);
	return in.n < *total ? TQ_ENOTYET : 0;
}

/* ---- reading JSON ---- */

struct in {
	char *p, *end;
	const char *why; /* what was wrong at p */
	uint64_t
		seen; /* one bit per kind of ext key met: most need no search for an equal one */
	struct header_hint *hint, *hints_end; /* for the next ext field; NULL: none */
	struct header_hints *hints; /* NULL: none */
};

static inline bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static bool fail(struct in *in, const char *why)
{
	in->why = why;
	return false;
}

static NOINLINE void blanks(struct in *in)
{
	while (in->p < in->end &&
		(*in->p == ' ' || *in->p == '\n' || *in->p == '\r' || *in->p == '\t'))
		in->p++;
}

/* Skips blanks and takes c if it comes next; machines write none. */
static inline bool took(struct in *in, char c)
{
	if (UNLIKELY(in->p == in->end || *in->p != c)) {
		if (in->p == in->end || (unsigned char)*in->p > ' ')
			return false;
		blanks(in);
		if (in->p == in->end || *in->p != c)
			return false;
	}
	in->p++;
	return true;
}

/* The first quote or backslash, or end. */
static inline char *special(char *p, const char *end)
{
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const void *)p);
		int hit = byte16_is(v, '"') | byte16_is(v, '\\');

		if (hit)
			return p + __builtin_ctz((unsigned)hit);
	}
#endif
	for (; end - p >= 8; p += 8) {
		uint64_t hit = byte_is(load8(p), '"') | byte_is(load8(p), '\\');

		if (hit)
			return p + (__builtin_ctzll(hit) >> 3);
	}
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* Four hex digits at p + 2 of a \uXXXX; -1 if it is not one. */
static int32_t unit_at(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		char c = p[i], low = c | 0x20;

		if (is_digit(c))
			v = v << 4 | (c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (low - 'a' + 10);
		else
			return -1;
	}
	return v;
}

static char *put_rune(char *to, uint32_t r)
{
	if (r < 0x80) {
		*to++ = (char)r;
		return to;
	}
	if (r < 0x800) {
		*to++ = (char)(0xc0 | r >> 6);
	} else {
		if (r < 0x10000) {
			*to++ = (char)(0xe0 | r >> 12);
		} else {
			*to++ = (char)(0xf0 | r >> 18);
			*to++ = (char)(0x80 | (r >> 12 & 0x3f));
		}
		*to++ = (char)(0x80 | (r >> 6 & 0x3f));
	}
	*to++ = (char)(0x80 | (r & 0x3f));
	return to;
}

/* \u0001 and its like, which separate properties, are the escapes that messages have. */
static inline bool unescape_control(struct in *in, char **to)
{
	if (in->end - in->p < 6 || memcmp(in->p + 1, "u000", 4) || !is_digit(in->p[5]))
		return false;
	*(*to)++ = (char)(in->p[5] - '0');
	in->p += 6;
	return true;
}

/* in->p at \u: six bytes give at most three, a pair of twelve gives four. */
static bool unescape_unit(struct in *in, char **to)
{
	int32_t u = unit_at(in->p, in->end), low;

	if (u < 0)
		return fail(in, "bad \\u escape");
	in->p += 6;
	if (u >= 0xd800 && u < 0xdc00) {
		low = unit_at(in->p, in->end);
		if (low >= 0xdc00 && low < 0xe000) {
			in->p += 6;
			u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	if (u >= 0xd800 && u < 0xe000) /* half of a pair stands for nothing */
		u = 0xfffd;
	*to = put_rune(*to, (uint32_t)u);
	return true;
}

static bool unescape_one(struct in *in, char **to)
{
	static const char plain[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (in->end - in->p < 2)
		return fail(in, "escape cut short");
	if (in->p[1] == 'u')
		return unescape_unit(in, to);
	at = memchr(plain, in->p[1], sizeof(plain) - 1);
	if (!at)
		return fail(in, "unknown escape");
	*(*to)++ = means[at - plain];
	in->p += 2;
	return true;
}

/* From the first backslash on: moves the text down over the escapes it undoes. */
static bool string_tail(struct in *in, const char *start, struct str *out)
{
	char *to = in->p;

	while (in->p < in->end && *in->p != '"') {
		char *from = in->p, *stop;

		if (*from == '\\') {
			if (!unescape_control(in, &to) && !unescape_one(in, &to))
				return false;
			continue;
		}
		stop = special(from, in->end);
		memmove(to, from, (size_t)(stop - from));
		to += stop - from;
		in->p = stop;
	}
	if (in->p == in->end)
		return fail(in, "string without an end");
	in->p++;
	*out = (struct str){ start, (size_t)(to - start) };
	return true;
}

static inline bool string(struct in *in, struct str *out)
{
	char *start = in->p;

	in->p = special(start, in->end);
	if (in->p == in->end)
		return fail(in, "string without an end");
	if (*in->p == '\\')
		return string_tail(in, start, out);
	*out = (struct str){ start, (size_t)(in->p - start) };
	in->p++;
	return true;
}

/* true, false and numbers keep their text; null is STR_NONE. */
static bool token(struct in *in, struct str *out)
{
	char *start = in->p;
	struct str t;

	while (in->p < in->end && is_digit(*in->p))
		in->p++;
	if (in->p > start && in->p < in->end && (*in->p == ',' || *in->p == '}')) {
		*out = (struct str){ start, (size_t)(in->p - start) };
		return true;
	}
	while (in->p < in->end &&
		(is_digit(*in->p) || ((*in->p | 0x20) >= 'a' && (*in->p | 0x20) <= 'z') ||
			*in->p == '-' || *in->p == '+' || *in->p == '.'))
		in->p++;
	t = (struct str){ start, (size_t)(in->p - start) };
	*out = str_eq(t, STR("null")) ? STR_NONE : t;
	if (!out->p || str_eq(t, STR("true")) || str_eq(t, STR("false")))
		return true;
	if (t.n && (*start == '-' || (*start >= '0' && *start <= '9')))
		return true;
	in->p = start;
	return fail(in, "expected a string, a number, true, false or null");
}

static bool scalar(struct in *in, struct str *out)
{
	return took(in, '"') ? string(in, out) : token(in, out);
}

/* A whole number that may stand in quotes; null leaves the default. */
static bool number(struct in *in, struct str v, int32_t *out)
{
	bool minus = v.n && v.p[0] == '-';
	int64_t sum = 0;

	if (!v.p)
		return true;
	if (v.n == minus || v.n > 11)
		return fail(in, "expected a whole number");
	for (size_t i = minus; i < v.n; i++) {
		if (!is_digit(v.p[i]))
			return fail(in, "expected a whole number");
		sum = sum * 10 + (v.p[i] - '0');
	}
	if (sum > (int64_t)INT32_MAX + minus)
		return fail(in, "number beyond 32 bits");
	*out = (int32_t)(minus ? -sum : sum);
	return true;
}

/* A name or an ordinal. */
static bool language(struct in *in, struct str v, int32_t *out)
{
	if (v.n && (v.p[0] == '-' || (v.p[0] >= '0' && v.p[0] <= '9')))
		return number(in, v, out);
	if (v.p)
		*out = language_from_name(v.p, v.n);
	return true;
}

static inline struct ext *slot_for(struct in *in, struct command *c, struct str key)
{
	unsigned kind = (unsigned)key.n * 5;

	if (key.n)
		kind += (unsigned char)key.p[0] + 3u * (unsigned char)key.p[key.n - 1];
	if (in->seen >> (kind & 63) & 1)
		for (int i = 0; i < c->n_ext; i++)
			if (str_eq(c->ext[i].key, key))
				return &c->ext[i];
	in->seen |= (uint64_t)1 << (kind & 63);
	if (c->n_ext == COMMAND_MAX_EXT)
		return NULL;
	c->ext[c->n_ext].key = key;
	return &c->ext[c->n_ext++];
}

/* The name that was just read is what is expected next time. */
static void remember(struct in *in, struct str key)
{
	struct header_hint *h = in->hint++;
	const char *start =
		key.p - 1; /* no escapes: between it and in->p are the name, quotes, : */
	size_t n = (size_t)(in->p - start) + 1;

	h->n = 0;
	h->seen = in->seen;
	if (n == key.n + 4 && n <= HINT_TEXT && in->p < in->end && *in->p == '"') {
		memcpy(h->text, start, n);
		h->n = (uint8_t)n;
	}
	if (in->hint == in->hints_end || !h->n)
		in->hint = NULL;
	else
		in->hint->n = 0;
}

static bool ext_member(struct in *in, struct command *c, struct str key)
{
	int had = c->n_ext;
	struct ext *x = slot_for(in, c, key);

	if (in->hint && c->n_ext > had)
		remember(in, key);
	else
		in->hint = NULL;
	return x ? scalar(in, &x->value) : fail(in, "too many ext fields");
}

/* Whether what was expected comes next. */
static inline bool is_as_before(const char *p, const char *end, const struct header_hint *h)
{
#ifdef __SSE2__
	if (LIKELY(end - p >= HINT_TEXT)) {
		const __m128i *v = (const void *)p, *t = (const void *)h->text;
		__m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(v), _mm_loadu_si128(t));
		__m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(v + 1), _mm_loadu_si128(t + 1));
		uint32_t same = (uint32_t)_mm_movemask_epi8(high) << 16 |
				(uint32_t)_mm_movemask_epi8(low);

		return h->n && !(~same & (UINT32_MAX >> (HINT_TEXT - h->n)));
	}
#endif
	return h->n && end - p >= h->n && !memcmp(p, h->text, h->n);
}

/*
 * Takes the fields that are as expected, with values in quotes, and the commas behind them. False
 * with the last one, which has no comma behind it, and with an error.
 */
static bool take_expected(struct in *in, struct command *c)
{
	struct header_hint *h = in->hint;
	struct ext *x = c->ext;
	char *p = in->p;
	bool more = true;

	for (; h < in->hints_end && is_as_before(p, in->end, h); h++, x++) {
		char *value = p + h->n, *stop = special(value, in->end);

		x->key = (struct str){ p + 1, h->n - 4u };
		if (LIKELY(stop < in->end && *stop == '"')) {
			x->value = (struct str){ value, (size_t)(stop - value) };
			p = stop + 1;
		} else {
			in->p = value;
			if (!string(in, &x->value))
				return false;
			p = in->p;
		}
		in->seen = h->seen;
		if (UNLIKELY(p == in->end || *p != ',')) {
			in->p = p;
			more = took(in, ',');
			p = in->p;
			if (!more) {
				x++;
				break;
			}
			continue;
		}
		p++;
	}
	c->n_ext = (int)(x - c->ext);
	in->p = p;
	in->hint = h < in->hints_end ? h : NULL;
	return more;
}

/* The rest of an object from a name on. Inline: a copy for each kind of member. */
static ALWAYS_INLINE bool members(struct in *in, struct command *c,
	bool (*member)(struct in *, struct command *, struct str key))
{
	struct str key;

	do {
		if (!took(in, '"'))
			return fail(in, "expected a name in quotes");
		if (!string(in, &key))
			return false;
		if (!took(in, ':'))
			return fail(in, "expected ':'");
		if (!member(in, c, key))
			return false;
	} while (took(in, ','));
	return took(in, '}') || fail(in, "expected ',' or '}'");
}

static bool ext_members(struct in *in, struct command *c)
{
	c->n_ext = 0;
	in->seen = 0;
	in->hint = in->hints ? in->hints->ext[c->code & 7] : NULL;
	in->hints_end = in->hint ? in->hint + HINTS : NULL;
	if (took(in, '}'))
		return true;
	if (in->hint && !take_expected(in, c))
		return !in->why && (took(in, '}') || fail(in, "expected ',' or '}'"));
	return members(in, c, ext_member);
}

static bool header_member(struct in *in, struct command *c, struct str key)
{
	struct str v;

	if (str_eq(key, STR("extFields")) && took(in, '{'))
		return ext_members(in, c);
	if (!scalar(in, &v))
		return false;
	if (str_eq(key, STR("code")))
		return number(in, v, &c->code);
	if (str_eq(key, STR("flag")))
		return number(in, v, &c->flag);
	if (str_eq(key, STR("opaque")))
		return number(in, v, &c->opaque);
	if (str_eq(key, STR("version")))
		return number(in, v, &c->version);
	if (str_eq(key, STR("language")))
		return language(in, v, &c->language);
	if (str_eq(key, STR("remark")))
		c->remark = v;
	return true;
}

static int decode_json(
	char *p, size_t n, struct command *c, struct header_hints *hints, struct err *e)
{
	struct in in = { .p = p, .end = p + n, .hints = hints };

	if (!took(&in, '{'))
		fail(&in, "expected '{'");
	else if (took(&in, '}') || members(&in, c, header_member))
		blanks(&in); /* C++ ends its header with a line feed */
	if (!in.why && in.p != in.end)
		fail(&in, "text after the object");
	if (in.why)
		return err_set(e, TQ_EFORMAT, "command header: %s at byte %zu of %zu", in.why,
			(size_t)(in.p - p), n);
	return 0;
}

/* ---- reading binary ---- */

static int decode_pairs(struct str pairs, struct command *c, struct err *e)
{
	struct in in = { 0 };
	struct rd r = rd_init(pairs);

	while (rd_left(&r)) {
		struct str key = rd_bytes(&r, rd_be16(&r));
		struct str value = rd_bytes(&r, rd_be32(&r));
		struct ext *x;

		if (r.bad)
			break;
		x = slot_for(&in, c, key);
		if (!x)
			return err_set(e, TQ_EFORMAT, "command header: more than %d ext fields",
				COMMAND_MAX_EXT);
		x->value = value;
	}
	return rd_end(&r, "ext fields of a command header", e);
}

static int decode_binary(struct str head, struct command *c, struct err *e)
{
	struct rd r = rd_init(head);
	struct str pairs;
	uint32_t n;
	int rc;

	c->code = (int16_t)rd_be16(&r);
	c->language = rd_u8(&r);
	c->version = (int16_t)rd_be16(&r);
	c->opaque = (int32_t)rd_be32(&r);
	c->flag = (int32_t)rd_be32(&r);
	n = rd_be32(&r);
	if (n)
		c->remark = rd_bytes(&r, n);
	pairs = rd_bytes(&r, rd_be32(&r));
	rc = rd_end(&r, "command header", e);
	return rc ? rc : decode_pairs(pairs, c, e);
}

static void clear(struct command *c, enum header_type type)
{
	c->type = type;
	c->code = c->version = c->flag = 0;
	c->language = LANG_JAVA; /* what an absent one means */
	c->opaque = 0;
	c->remark = STR_NONE;
	c->n_ext = 0;
	c->body = STR_NONE;
}

int command_decode_hinted(
	char *frame, size_t total, struct command *c, struct header_hints *hints, struct err *e)
{
	struct str all = { frame, total };
	size_t size, n;
	int rc;

	clear(c, HEADER_JSON);
	rc = frame_measure(all, &size, e);
	if (rc == TQ_ENOTYET || (!rc && size != total))
		return err_set(e, TQ_EFORMAT, "frame: %zu bytes are not one frame", total);
	if (rc)
		return rc;
	c->type = frame[4];
	n = get_be32(frame + 4) & 0xffffff;
	c->body = str_skip(all, 8 + n);
	if (c->type == HEADER_BINARY)
		return decode_binary((struct str){ frame + 8, n }, c, e);
	return decode_json(frame + 8, n, c, hints, e);
}

int command_decode(char *frame, size_t total, struct command *c, struct err *e)
{
	return command_decode_hinted(frame, total, c, NULL, e);
}

/* ---- writing ---- */

static inline void put(char **to, struct str s)
{
	memcpy(*to, s.p, s.n);
	*to += s.n;
}

/* Copies all of its scratch space: there have to be 11 bytes of room. */
static inline void put_int(char **to, int32_t v)
{
	char digits[22], *end = digits + 11, *p = end;
	uint32_t u = v < 0 ? 0 - (uint32_t)v : (uint32_t)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*--p = '-';
	memcpy(*to, p, 11);
	*to += end - p;
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* Bits for the bytes of w that have to be escaped; the lowest one is right. */
static inline uint64_t escapes8(uint64_t w)
{
	uint64_t below = (w - ONES * 0x20) & ~w & HIGHS;

	return below | byte_is(w, '"') | byte_is(w, '\\');
}

/* Up to seven bytes in one word: some twice, not in order, filled up with a digit. */
static inline uint64_t gather(const char *p, size_t n)
{
	uint64_t w = ONES * '0';
	uint32_t first, last;

	if (n < 4) {
		for (size_t i = 0; i < n; i++)
			w = w << 8 | (unsigned char)p[i];
		return w;
	}
	memcpy(&first, p, sizeof(first));
	memcpy(&last, p + n - 4, sizeof(last));
	return (uint64_t)first << 32 | last;
}

#ifdef __SSE2__
/* One bit for each of the 16 bytes at p that has to be escaped. */
static inline unsigned escapes16(const char *p)
{
	__m128i v = _mm_loadu_si128((const void *)p);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);

	return (unsigned)(_mm_movemask_epi8(low) | byte16_is(v, '"') | byte16_is(v, '\\'));
}
#endif

/* How many bytes from the front can stay as they are. */
static inline size_t clean(struct str s)
{
	size_t i = 0;

#ifdef __SSE2__
	for (; s.n - i >= 16; i += 16) {
		unsigned hit = escapes16(s.p + i);

		if (hit)
			return i + (size_t)__builtin_ctz(hit);
	}
#endif
	for (; s.n - i >= 8; i += 8) {
		uint64_t hit = escapes8(load8(s.p + i));

		if (hit)
			return i + (size_t)(__builtin_ctzll(hit) >> 3);
	}
	if (!escapes8(gather(s.p + i, s.n - i)))
		return s.n;
	while (i < s.n && !needs_escape((unsigned char)s.p[i]))
		i++;
	return i;
}

/* The rest of a string that has something to escape; the closing quote too. */
static void quote_tail(struct buf *b, struct str s)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 1;
	char *to;

	for (size_t i = 0; i < s.n; i++)
		n += needs_escape((unsigned char)s.p[i]) ? 6 : 1;
	to = buf_reserve(b, n);
	if (!to)
		return;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20) {
			put(&to, STR("\\u00"));
			*to++ = hex[c >> 4];
			*to++ = hex[c & 15];
			continue;
		}
		if (needs_escape(c))
			*to++ = '\\';
		*to++ = (char)c;
	}
	*to++ = '"';
	b->n = (size_t)(to - b->p);
}

/* Up to 16 bytes by two moves that may overlap. */
static inline void copy_short(char *to, const char *p, size_t n)
{
	if (n >= 8) {
		memcpy(to, p, 8);
		memcpy(to + n - 8, p + n - 8, 8);
	} else if (n >= 4) {
		memcpy(to, p, 4);
		memcpy(to + n - 4, p + n - 4, 4);
	} else if (n) {
		to[0] = p[0];
		to[n / 2] = p[n / 2];
		to[n - 1] = p[n - 1];
	}
}

/* The same for n bytes, at most 16, that were copied to a place where 16 can be read. */
static inline size_t clean_short(const char *p, size_t n)
{
#ifdef __SSE2__
	unsigned hit = escapes16(p) & ((1u << n) - 1);

	return hit ? (size_t)__builtin_ctz(hit) : n;
#else
	return clean((struct str){ p, n });
#endif
}

/* A string that is long, or where the buffer has to grow. */
static NOINLINE void quote_long(struct buf *b, char before, struct str s)
{
	size_t n = clean(s);
	char *to = buf_reserve(b, n + 3);

	if (!to)
		return;
	to[0] = before;
	to[1] = '"';
	memcpy(to + 2, s.p, n);
	to[n + 2] = '"';
	b->n += n + 2 + (n == s.n);
	if (n < s.n)
		quote_tail(b, str_skip(s, n));
}

/* What stands before a string, and the string in quotes. A short one is copied, then looked at. */
static inline void quote(struct buf *b, char before, struct str s)
{
	char *to = b->p + b->n;
	size_t n;

	if (UNLIKELY(s.n > 16 || b->cap - b->n <= 16 + 3)) {
		quote_long(b, before, s);
		return;
	}
	to[0] = before;
	to[1] = '"';
	copy_short(to + 2, s.p, s.n);
	n = clean_short(to + 2, s.n);
	to[n + 2] = '"';
	b->n += n + 2 + (n == s.n);
	if (UNLIKELY(n < s.n))
		quote_tail(b, str_skip(s, n));
}

static void put_lit(struct buf *b, struct str s)
{
	char *to = buf_reserve(b, s.n);

	if (!to)
		return;
	put(&to, s);
	b->n += s.n;
}

static void encode_json(struct buf *b, const struct command *c)
{
	char *to = buf_reserve(b, 160);
	char before = '{';

	if (!to)
		return;
	put(&to, STR("{\"code\":"));
	put_int(&to, c->code);
	put(&to, STR(",\"flag\":"));
	put_int(&to, c->flag);
	put(&to, STR(",\"opaque\":"));
	put_int(&to, c->opaque);
	put(&to, STR(",\"language\":\""));
	put(&to, str_of(language_name(c->language)));
	put(&to, STR("\",\"version\":"));
	put_int(&to, c->version);
	put(&to, STR(",\"extFields\":"));
	b->n = (size_t)(to - b->p);
	for (int i = 0; i < c->n_ext; i++) {
		const struct ext *x = &c->ext[i];

		if (!x->value.p)
			continue;
		quote(b, before, x->key);
		quote(b, ':', x->value);
		before = ',';
	}
	put_lit(b, before == '{' ? STR("{}") : STR("}"));
	if (c->remark.p) {
		put_lit(b, STR(",\"remark\""));
		quote(b, ':', c->remark);
	}
	put_lit(b, STR("}"));
}

static void encode_binary(struct buf *b, const struct command *c)
{
	size_t pairs;

	buf_be16(b, (uint16_t)c->code);
	buf_u8(b, (uint8_t)c->language);
	buf_be16(b, (uint16_t)c->version);
	buf_be32(b, (uint32_t)c->opaque);
	buf_be32(b, (uint32_t)c->flag);
	buf_be32(b, (uint32_t)c->remark.n);
	buf_add_str(b, c->remark);
	pairs = b->n;
	buf_be32(b, 0);
	for (int i = 0; i < c->n_ext; i++) {
		const struct ext *x = &c->ext[i];

		if (!x->value.p)
			continue;
		buf_be16(b, (uint16_t)x->key.n);
		buf_add_str(b, x->key);
		buf_be32(b, (uint32_t)x->value.n);
		buf_add_str(b, x->value);
	}
	if (!buf_err(b))
		put_be32(b->p + pairs, (uint32_t)(b->n - pairs - 4));
}

void command_encode_head(struct buf *out, const struct command *c, size_t body)
{
	size_t at = out->n, n;

	buf_add(out, "\0\0\0\0\0\0\0", 8);
	if (c->type == HEADER_BINARY)
		encode_binary(out, c);
	else
		encode_json(out, c);
	if (buf_err(out))
		return;
	out->p[out->n] = '\0';
	n = out->n - at - 8;
	put_be32(out->p + at, (uint32_t)(4 + n + body));
	put_be32(out->p + at + 4, (uint32_t)c->type << 24 | (uint32_t)n);
}

void command_encode(struct buf *out, const struct command *c)
{
	command_encode_head(out, c, c->body.n);
	buf_add_str(out, c->body);
}

/* ---- building ---- */

void command_init(struct command *c, int code)
{
	clear(c, HEADER_JSON);
	c->code = code;
	c->language = LANG_OTHER;
	c->version = TDMQ_WIRE_VERSION;
}

void command_add(struct command *c, const char *key, struct str value)
{
	if (!value.p)
		return;
	BUG_ON(c->n_ext == COMMAND_MAX_EXT);
	c->ext[c->n_ext++] = (struct ext){ str_of(key), value };
}

struct str command_ext(const struct command *c, const char *key)
{
	struct str k = str_of(key);

	for (int i = 0; i < c->n_ext; i++)
		if (str_eq(c->ext[i].key, k))
			return c->ext[i].value;
	return STR_NONE;
}
