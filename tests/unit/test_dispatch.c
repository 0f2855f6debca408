/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of all handlers are walked: what is true of one row has to be true of every row. */
#include <criterion/criterion.h>

#include "brokerd/dispatch.h"
#include "codes.h"
#include "mem.h"

#define CLUSTER STR("rocketmq-abcdefghijkl")

struct out {
	_Alignas(16) char bytes[HANDLER_FIELDS_MAX];
};

static const char *good(const struct field *f)
{
	switch (f->type) {
	case FIELD_TYPE_BOOL:
		return "true";
	case FIELD_TYPE_I32:
	case FIELD_TYPE_U32:
	case FIELD_TYPE_I64:
		return "7";
	default:
		return "abc";
	}
}

/* A request with a good value for every field but one, which gets `value` (NULL: is left out). */
static int decode_with(const struct handler *h, const struct field *odd, struct str value,
	struct out *out, struct err *e)
{
	static struct command c;
	struct arena a;
	int rc;

	arena_init(&a);
	command_init(&c, h->code);
	for (const struct field *f = h->fields; f && f->type != FIELD_TYPE_END; f++)
		command_add(&c, f->name, f == odd ? value : str_of(good(f)));
	memset(out, 0, sizeof(*out));
	memset(e, 0, sizeof(*e));
	rc = fields_decode(h->fields, &c, CLUSTER, &a, out, e);
	arena_release(&a);
	return rc;
}

#define each_handler(h) \
	size_t i_ = 0; \
	((h) = handler_at(i_)) != NULL; \
	i_++
#define each_field(h, f) \
	const struct field *f = (h)->fields; \
	f && f->type != FIELD_TYPE_END; \
	f++

Test(dispatch, codes_are_known_and_handled_once)
{
	const struct handler *h, *other;

	for (each_handler(h)) {
		cr_assert_not_null(request_name(h->code), "code %d has no name", h->code);
		for (size_t j = 0; j < i_; j++) {
			other = handler_at(j);
			cr_assert_neq(other->code, h->code, "code %d twice", h->code);
		}
	}
}

Test(dispatch, every_handler_says_who_may)
{
	const struct handler *h;

	for (each_handler(h))
		cr_assert(h->need > NEED_UNSET && h->need <= NEED_ADMIN, "code %d", h->code);
}

Test(dispatch, fields_lie_inside_their_struct)
{
	static const size_t sizes[] = {
		[FIELD_TYPE_STR] = sizeof(struct str),
		[FIELD_TYPE_TOPIC] = sizeof(struct str),
		[FIELD_TYPE_GROUP] = sizeof(struct str),
		[FIELD_TYPE_I32] = sizeof(int),
		[FIELD_TYPE_U32] = sizeof(int),
		[FIELD_TYPE_I64] = sizeof(int64_t),
		[FIELD_TYPE_BOOL] = sizeof(bool),
	};
	const struct handler *h;

	for (each_handler(h)) {
		cr_assert_leq(h->size, (size_t)HANDLER_FIELDS_MAX, "code %d", h->code);
		for (each_field(h, f)) {
			cr_assert_lt(f->type, ARRAY_LEN(sizes));
			cr_assert_leq(f->off + sizes[f->type], h->size, "code %d, field '%s'",
				h->code, f->name);
			for (const struct field *g = h->fields; g < f; g++)
				cr_assert_str_neq(g->name, f->name, "code %d", h->code);
		}
	}
}

Test(dispatch, good_values_decode)
{
	const struct handler *h;
	struct err e;
	struct out o;

	for (each_handler(h))
		cr_assert_eq(decode_with(h, NULL, STR_NONE, &o, &e), 0, "code %d: %s", h->code,
			e.msg);
}

Test(dispatch, a_missing_required_field_is_named)
{
	const struct handler *h;
	struct err e;
	struct out o;

	for (each_handler(h)) {
		for (each_field(h, f)) {
			int rc = decode_with(h, f, STR_NONE, &o, &e);

			if (!(f->flags & REQUIRED)) {
				cr_assert_eq(rc, 0, "code %d without '%s': %s", h->code,
					f->name, e.msg);
				continue;
			}
			cr_assert_eq(rc, TQ_EINVAL, "code %d without '%s'", h->code, f->name);
			cr_assert(strstr(e.msg, f->name), "%s", e.msg);
			cr_assert_eq(decode_with(h, f, STR(""), &o, &e), TQ_EINVAL);
		}
	}
}

/* What no number, and no number of its size, is. */
static const struct {
	const char *why, *text;
	bool i64; /* but a 64-bit one can be */
} bad_numbers[] = {
	{ "no digits", "x", false },
	{ "only a sign", "-", false },
	{ "digits and more", "1x", false },
	{ "a fraction", "1.5", false },
	{ "blank in front", " 1", false },
	{ "hexadecimal", "0x10", false },
	{ "above 32 bits", "2147483648", true },
	{ "below 32 bits", "-2147483649", true },
	{ "above 64 bits", "9223372036854775808", false },
	{ "far above 64 bits", "99999999999999999999999999999999", false },
};

Test(dispatch, numbers_have_bounds)
{
	const struct handler *h;
	struct err e;
	struct out o;

	for (each_handler(h)) {
		for (each_field(h, f)) {
			if (f->type < FIELD_TYPE_I32 || f->type > FIELD_TYPE_I64 ||
				!(f->flags & REQUIRED))
				continue;
			for (size_t j = 0; j < ARRAY_LEN(bad_numbers); j++) {
				bool ok = bad_numbers[j].i64 && f->type == FIELD_TYPE_I64;
				int rc = decode_with(h, f, str_of(bad_numbers[j].text), &o, &e);

				cr_assert_eq(rc, ok ? 0 : TQ_EINVAL, "code %d, '%s': %s",
					h->code, f->name, bad_numbers[j].why);
			}
			if (f->type == FIELD_TYPE_U32)
				cr_assert_eq(decode_with(h, f, STR("-1"), &o, &e), TQ_EINVAL);
		}
	}
}

Test(dispatch, names_are_checked_and_bounded)
{
	static const char *const bad[] = { "a/../b", "a b", "a\"b", "\xc3\xa4", "a.b", "a:b" };
	const struct handler *h;
	char big[300];
	struct err e;
	struct out o;

	memset(big, 'a', sizeof(big));
	for (each_handler(h)) {
		for (each_field(h, f)) {
			if (f->type != FIELD_TYPE_TOPIC && f->type != FIELD_TYPE_GROUP)
				continue;
			for (size_t j = 0; j < ARRAY_LEN(bad); j++)
				cr_assert_neq(decode_with(h, f, str_of(bad[j]), &o, &e), 0,
					"code %d, '%s': %s", h->code, f->name, bad[j]);
			cr_assert_neq(
				decode_with(h, f, (struct str){ big, sizeof(big) }, &o, &e), 0,
				"code %d, '%s'", h->code, f->name);
			cr_assert(strstr(e.msg, f->name), "%s", e.msg);
		}
	}
}

struct sample {
	struct str topic, text;
	int n, u;
	int64_t big;
	bool yes, kept;
};

static const struct field sample_fields[] = { FIELD_TOPIC(
						      "topic", struct sample, topic, REQUIRED),
	FIELD_STR("text", struct sample, text, 0), FIELD_I32_OR("n", struct sample, n, -1),
	FIELD_U32("u", struct sample, u, 0), FIELD_I64("big", struct sample, big, 0),
	FIELD_BOOL("yes", struct sample, yes, 0),
	FIELD_BOOL_OR("kept", struct sample, kept, true), FIELD_END };

static int decode_sample(struct command *c, struct arena *a, struct sample *s, struct err *e)
{
	memset(s, 0, sizeof(*s));
	return fields_decode(sample_fields, c, CLUSTER, a, s, e);
}

Test(dispatch, values_arrive_as_they_were_meant)
{
	static const struct {
		const char *text;
		bool yes;
	} bools[] = { { "true", true }, { "TRUE", true }, { "1", true }, { "false", false },
		{ "0", false }, { "yes", false }, { "truely", false } };
	static struct command c;
	struct err e = ERR_INIT;
	struct arena a;
	struct sample s;

	arena_init(&a);
	command_init(&c, REQ_PULL_MESSAGE);
	command_add(&c, "topic", STR("%RETRY%rocketmq-abcdefghijkl|shop%g"));
	command_add(&c, "n", STR("-2147483648"));
	command_add(&c, "u", STR("+2147483647"));
	command_add(&c, "big", STR("-9223372036854775807"));
	command_add(&c, "unknown", STR("x"));
	cr_assert_eq(decode_sample(&c, &a, &s, &e), 0, "%s", e.msg);
	cr_assert(str_is(s.topic, "%RETRY%shop%g"), STR_FMT, STR_ARG(s.topic));
	cr_assert_eq(s.n, INT32_MIN);
	cr_assert_eq(s.u, INT32_MAX);
	cr_assert_eq(s.big, -INT64_MAX);
	cr_assert_null(s.text.p);
	cr_assert(s.kept);
	for (size_t i = 0; i < ARRAY_LEN(bools); i++) {
		c.n_ext = 0;
		command_add(&c, "topic", STR("t-1"));
		command_add(&c, "yes", str_of(bools[i].text));
		command_add(&c, "n", STR("nonsense"));
		cr_assert_eq(decode_sample(&c, &a, &s, &e), 0, "%s", e.msg);
		cr_assert_eq(s.yes, bools[i].yes, "%s", bools[i].text);
		cr_assert_eq(s.n, -1, "an optional number that is unreadable is absent");
	}
	arena_release(&a);
}
