/* SPDX-License-Identifier: Apache-2.0 */
/* props: what Java's parser accepts and drops, and that editing keeps the rest byte for byte. */
#include <criterion/criterion.h>

#include "props.h"

/* In the tests ':' stands for 0x01 and ';' for 0x02. */
static struct str coded(const char *s)
{
	static char room[8][256];
	static int next;
	char *p = room[next++ % 8];
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		p[i] = s[i] == ':' ? '\x01' : s[i] == ';' ? '\x02' : s[i];
	return (struct str){ p, n };
}

static const struct {
	const char *why, *text, *pairs; /* name=value, */
} parsed[] = {
	{ "nothing", "", "" },
	{ "one", "a:b", "a=b," },
	{ "three", "KEYS:k1 k2;TAGS:A;WAIT:true", "KEYS=k1 k2,TAGS=A,WAIT=true," },
	{ "trailing separator of C++, Go and Node", "a:b;c:d;", "a=b,c=d," },
	{ "separators alone", ";;;", "" },
	{ "no value separator", "abc;d:e", "d=e," },
	{ "empty name", ":abc;d:e", "d=e," },
	{ "empty value", "abc:;d:e", "d=e," },
	{ "the separator alone", ":;d:e", "d=e," },
	{ "a value with the separator in it", "a:b:c", "a=b:c," },
	{ "a value separator of the next pair does not count", "ab;:c;d:e", "d=e," },
	{ "shortest pair", "a:b;c", "a=b," },
};

Test(props, reads_what_java_reads)
{
	for (size_t i = 0; i < ARRAY_LEN(parsed); i++) {
		struct str rest = coded(parsed[i].text), want = coded(parsed[i].pairs);
		struct prop p;
		struct buf b;

		buf_init(&b, 1000);
		while (props_next(&rest, &p))
			buf_addf(
				&b, STR_FMT "=" STR_FMT ",", STR_ARG(p.name), STR_ARG(p.value));
		cr_expect(str_eq(buf_str(&b), want), "%s: " STR_FMT, parsed[i].why,
			STR_ARG(buf_str(&b)));
		buf_release(&b);
	}
}

Test(props, an_absent_text_has_no_pairs)
{
	struct str rest = STR_NONE;
	struct prop p;

	cr_assert(!props_next(&rest, &p));
	cr_assert_null(props_get(STR_NONE, "a").p);
}

Test(props, the_last_of_equal_names_wins)
{
	struct str text = coded("a:1;b:2;a:3;ab:4;a:");

	cr_assert(str_is(props_get(text, "a"), "3"));
	cr_assert(str_is(props_get(text, "b"), "2"));
	cr_assert_null(props_get(text, "c").p);
	cr_assert_null(props_get(text, "").p);
}

static const struct {
	const char *why, *text, *name, *value, *out; /* value NULL: remove */
} edits[] = {
	{ "first", "a:1;b:2;c:3", "a", NULL, "b:2;c:3" },
	{ "middle", "a:1;b:2;c:3", "b", NULL, "a:1;c:3" },
	{ "last", "a:1;b:2;c:3", "c", NULL, "a:1;b:2" },
	{ "only", "a:1", "a", NULL, "" },
	{ "absent", "a:1", "b", NULL, "a:1" },
	{ "each of several", "a:1;b:2;a:3", "a", NULL, "b:2" },
	{ "trailing separator goes", "a:1;b:2;", "b", NULL, "a:1" },
	{ "what is no pair goes", "x;a:1;;:y;b:", "c", NULL, "a:1" },
	{ "a name that begins alike stays", "ab:1;a:2", "a", NULL, "ab:1" },
	{ "add to nothing", "", "a", "1", "a:1" },
	{ "add", "b:2", "a", "1", "b:2;a:1" },
	{ "add behind a trailing separator", "b:2;", "a", "1", "b:2;a:1" },
	{ "replace", "a:1;b:2", "a", "9", "b:2;a:9" },
	{ "an empty value removes", "a:1;b:2", "a", "", "b:2" },
};

Test(props, sets_and_removes)
{
	for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
		struct str want = coded(edits[i].out);
		struct buf b;

		buf_init(&b, 1000);
		buf_puts(&b, "front"); /* what stands before is none of its business */
		props_set(&b, coded(edits[i].text), edits[i].name, str_of(edits[i].value));
		cr_expect(str_eq(str_skip(buf_str(&b), 5), want), "%s: " STR_FMT, edits[i].why,
			STR_ARG(buf_str(&b)));
		buf_release(&b);
	}
}

Test(props, adds_to_a_text_with_a_trailing_separator)
{
	struct buf b;

	buf_init(&b, 100);
	buf_add_str(&b, coded("a:1;"));
	props_add(&b, 0, "b", STR("2"));
	props_add(&b, 0, "c", STR(""));
	cr_assert(str_eq(buf_str(&b), coded("a:1;b:2")));
	buf_release(&b);
}

Test(props, a_text_beyond_the_ceiling_fails_whole)
{
	for (size_t max = 0; max < 15; max++) {
		struct buf b;

		buf_init(&b, max);
		props_set(&b, coded("a:1;b:2"), "long", STR("34"));
		cr_assert(buf_err(&b), "ceiling %zu", max);
		cr_assert_eq(b.n, 0);
		buf_release(&b);
	}
}

Test(props, an_index_finds_what_a_look_finds)
{
	struct props_index *ix = props_index_new();
	struct str text = STR("a\x01"
			      "1\x02"
			      "bb\x01"
			      "2\x02"
			      "nothing\x02"
			      "a\x01"
			      "3\x02"
			      "empty\x01\x02");
	struct buf many;

	for (int turn = 0; turn < 3; turn++) {
		props_index_build(ix, text);
		cr_assert(str_is(props_index_get(ix, STR("a")), "3"), "the last one counts");
		cr_assert(str_is(props_index_get(ix, STR("bb")), "2"));
		cr_assert_null(props_index_get(ix, STR("nothing")).p);
		cr_assert_null(props_index_get(ix, STR("empty")).p);
		props_index_build(ix, STR("c\x01"
					  "4"));
		cr_assert_null(props_index_get(ix, STR("a")).p);
		cr_assert(str_is(props_index_get(ix, STR("c")), "4"));
	}
	buf_init(&many, 1 << 20);
	for (int i = 0; i < 20000; i++) {
		char one[32];

		snprintf(one, sizeof(one), "%x\x01%x\x02", (unsigned)i, (unsigned)i);
		buf_puts(&many, one);
	}
	props_index_build(ix, buf_str(&many)); /* more than it takes: the first ones count */
	cr_assert(str_is(props_index_get(ix, STR("1f3f")), "1f3f"));
	cr_assert_null(props_index_get(ix, STR("4e1f")).p);
	buf_release(&many);
	props_index_free(ix);
}
