/* SPDX-License-Identifier: Apache-2.0 */
/* yamldoc: the core schema, places, what is refused, and text that survives the way out and back. */
#include <criterion/criterion.h>

#include "mem.h"
#include "yamldoc.h"

static struct err err;

static struct yamldoc *parse(const char *text)
{
	struct yamldoc *d = NULL;

	memset(&err, 0, sizeof(err));
	return yamldoc_parse(str_of(text), "f.yaml", &d, &err) ? NULL : d;
}

static void expect_json(const struct yamldoc *d, size_t i, const char *want)
{
	struct buf b;

	buf_init(&b, 10000);
	json_print(&b, yamldoc_root(d, i), 0, 0);
	cr_expect_str_eq(b.p, want);
	buf_release(&b);
}

Test(yamldoc, reads_scalars_by_the_core_schema)
{
	static const struct {
		const char *yaml, *json;
	} cases[] = {
		{ "[1, -2, +3, 0x1F, 0o17, 007]", "[1,-2,3,31,15,7]" },
		{ "[1.5, .5, 1., 1e3, -1.5E-2]", "[1.5,0.5,1,1000,-0.015]" },
		{ "[~, null, Null, true, False]", "[null,null,null,true,false]" },
		{ "[yes, on, nULL, 0x, 0o8, 1e, ., -, '1', \"true\"]",
			"[\"yes\",\"on\",\"nULL\",\"0x\",\"0o8\",\"1e\",\".\",\"-\",\"1\",\"true\"]" },
		{ "[9007199254740993, 9223372036854775807]",
			"[9007199254740993,9223372036854775807]" },
		{ "!!str 12", "\"12\"" },
		{ "a: {b: [c, d: e]}", "{\"a\":{\"b\":[\"c\",{\"d\":\"e\"}]}}" },
		{ "a:\nb: |\n  x\n  y\n", "{\"a\":null,\"b\":\"x\\ny\\n\"}" },
		{ "1: one", "{\"1\":\"one\"}" },
		{ "[2026-03-01, 12:30, 1_000]", "[\"2026-03-01\",\"12:30\",\"1_000\"]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct yamldoc *d = parse(cases[i].yaml);

		cr_assert_not_null(d, "%s: %s", cases[i].yaml, err.msg);
		expect_json(d, 0, cases[i].json);
		yamldoc_free(d);
	}
}

Test(yamldoc, a_stream_holds_documents)
{
	struct yamldoc *d = parse("a: 1\n---\n---\n- 2\n...\n");

	cr_assert_not_null(d, "%s", err.msg);
	cr_expect_eq(yamldoc_count(d), 3);
	expect_json(d, 0, "{\"a\":1}");
	cr_expect_null(yamldoc_root(d, 1));
	expect_json(d, 2, "[2]");
	cr_expect_null(yamldoc_root(d, 3));
	yamldoc_free(d);
	d = parse("");
	cr_assert_not_null(d);
	cr_expect_eq(yamldoc_count(d), 0);
	yamldoc_free(d);
}

Test(yamldoc, refuses_with_a_place)
{
	static const struct {
		const char *why, *yaml, *msg;
	} cases[] = {
		{ "alias", "a: &x 1\nb: *x\n", "f.yaml:1:4: anchors" },
		{ "alias alone", "b: *x\n", "f.yaml:1:4: aliases" },
		{ "anchored map", "a: &x {b: 1}", "f.yaml:1:4: anchors" },
		{ "anchored list", "a: &x [1]", "f.yaml:1:4: anchors" },
		{ "tag", "a: !!binary aGk=", "f.yaml:1:4: tag is not accepted" },
		{ "tagged map", "!foo {}", "f.yaml:1:1: tag is not accepted: '!foo'" },
		{ "key twice", "a: 1\nb: 2\na: 3", "f.yaml:3:1: key twice: 'a'" },
		{ "map as key", "{a: 1}: 2", "f.yaml:1:1: a key must be text" },
		{ "list as key", "? [a]\n: 2", "f.yaml:1:3: a key must be text" },
		{ "unclosed", "a: [1,\n", "f.yaml:2:1: " },
		{ "tab", "a:\n\tb: 1", "f.yaml:2:1: " },
		{ "bad indent", "a: 1\n b: 2", "f.yaml:2:3: " },
		{ "NUL", "a: \"\\0\"", "f.yaml:1:4: a NUL byte" },
		{ "not UTF-8", "a: \xff", "f.yaml: " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_expect_null(parse(cases[i].yaml), "%s", cases[i].why);
		cr_expect_eq(err.code, TQ_EFORMAT, "%s", cases[i].why);
		cr_expect(str_starts(str_of(err.msg), str_of(cases[i].msg)), "%s: %s",
			cases[i].why, err.msg);
	}
}

Test(yamldoc, stops_at_its_depth)
{
	char text[200];

	memset(text, 0, sizeof(text));
	memset(text, '[', YAMLDOC_MAX_DEPTH + 1);
	memset(text + YAMLDOC_MAX_DEPTH + 1, ']', YAMLDOC_MAX_DEPTH + 1);
	cr_expect_null(parse(text));
	cr_expect_str_eq(err.msg, "f.yaml:1:33: nested too deeply");
	yamldoc_free(parse(text + 1));
}

Test(yamldoc, remembers_places_and_spelling)
{
	struct yamldoc *d = parse("a: 0x10\nb:\n  - c\n  - 1e3\n");
	const cJSON *root, *list;

	cr_assert_not_null(d);
	root = yamldoc_root(d, 0);
	list = cJSON_GetObjectItemCaseSensitive(root, "b");
	cr_expect_str_eq(yamldoc_text(d, root->child), "0x10");
	cr_expect_str_eq(yamldoc_text(d, list->child->next), "1e3");
	cr_expect_null(yamldoc_text(d, list));
	err_set(&err, TQ_EINVAL, "bad");
	cr_expect_eq(yamldoc_wrap(d, list->child->next, &err), TQ_EINVAL);
	cr_expect_str_eq(err.msg, "f.yaml:4:5: bad");
	yamldoc_free(d);
}

Test(yamldoc, survives_every_cut_and_every_flipped_bit)
{
	static const char good[] =
		"a: [1, {b: \"x\\u00e9\"}]\n? k\n: |\n  t\n---\n'q': !!str 5\n";
	size_t n = sizeof(good) - 1;

	for (size_t i = 0; i <= n; i++) {
		char *exact = mem_strn(good, i);
		struct yamldoc *d = NULL;

		if (!yamldoc_parse((struct str){ exact, i }, "f", &d, NULL))
			yamldoc_free(d);
		mem_free(exact);
	}
	for (size_t bit = 0; bit < n * 8; bit++) {
		char text[sizeof(good)];
		struct yamldoc *d = NULL;

		memcpy(text, good, sizeof(good));
		text[bit / 8] ^= (char)(1 << bit % 8);
		if (!yamldoc_parse((struct str){ text, n }, "f", &d, NULL))
			yamldoc_free(d);
	}
}

Test(yamldoc, what_is_written_reads_back_the_same)
{
	static const char *const texts[] = { "", "plain", "two words", "1", "-1.5", "0x10",
		"1e3", "true", "No", "null", "~", "on", "y", "2026-03-01",
		"2026-03-01T00:00:00Z", "12:30", "1_000", "10.0.0.7:9876", "- x", "? x", "a: b",
		"# x", "a #b", " x", "x ", "\t", "&a", "*a", "!t", "%x", "@x", "`x", "'", "\"",
		"{", "[", "a\nb", "a\nb\n", "\na", "\n", "a\r\nb", "\x01", "\x1b[2J",
		"\xc3\xa9", "\xe8\xae\xa2", "\xf0\x9f\x98\x80", "=", "<<", "---", "...", ":",
		",", ".inf", ".nan", "0o7", "+1", "C:\\x", "3d", "0xZ", "0b1", "-.Inf" };
	cJSON *list = cJSON_CreateArray(), *object = cJSON_CreateObject();
	struct buf out, json, again;
	struct yamldoc *d;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		cJSON_AddItemToArray(list, cJSON_CreateString(texts[i]));
		cJSON_AddItemToObject(object, texts[i], cJSON_CreateNumber((double)i));
	}
	cJSON_AddItemToArray(list, object);
	cJSON_AddItemToArray(list, cJSON_CreateObject());
	cJSON_AddItemToArray(list, cJSON_CreateArray());
	cJSON_AddItemToArray(list, cJSON_CreateNull());
	json_add_i64(list, NULL, INT64_MIN);
	buf_init(&out, 100000);
	buf_init(&json, 100000);
	buf_init(&again, 100000);
	cr_assert_eq(yamldoc_write(&out, list, true, &err), 0, "%s", err.msg);
	json_print(&json, list, 0, 0);
	d = parse(out.p);
	cr_assert_not_null(d, "%s\n%s", err.msg, out.p);
	json_print(&again, yamldoc_root(d, 0), 0, 0);
	cr_expect_str_eq(again.p, json.p);
	yamldoc_free(d);
	cJSON_Delete(list);
	buf_release(&out);
	buf_release(&json);
	buf_release(&again);
}

Test(yamldoc, quotes_only_what_could_be_misread)
{
	static const struct {
		const char *text, *yaml;
	} cases[] = {
		{ "3d", "3d\n" },
		{ "2m10s", "2m10s\n" },
		{ "4Mi", "4Mi\n" },
		{ "orders-v2", "orders-v2\n" },
		{ "12", "\"12\"\n" },
		{ "on", "\"on\"\n" },
		{ "0x1F", "\"0x1F\"\n" },
		{ "2026-03-01T08:00:00Z", "\"2026-03-01T08:00:00Z\"\n" },
		{ "***", "'***'\n" },
		{ "a: b", "'a: b'\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cJSON *node = cJSON_CreateString(cases[i].text);
		struct buf out;

		buf_init(&out, 1000);
		cr_expect_eq(yamldoc_write(&out, node, true, &err), 0);
		cr_expect_str_eq(out.p, cases[i].yaml);
		buf_release(&out);
		cJSON_Delete(node);
	}
}

Test(yamldoc, documents_are_separated)
{
	cJSON *o = cJSON_CreateObject();
	struct buf out;

	buf_init(&out, 1000);
	json_add_i64(o, "a", 1);
	cr_expect_eq(yamldoc_write(&out, o, true, &err), 0);
	cr_expect_eq(yamldoc_write(&out, o, false, &err), 0);
	cr_expect_str_eq(out.p, "a: 1\n---\na: 1\n");
	buf_release(&out);
	cJSON_AddItemToObject(o, "b", cJSON_CreateString("\xff"));
	buf_init(&out, 1000);
	cr_expect_eq(yamldoc_write(&out, o, true, &err), TQ_EFORMAT);
	buf_release(&out);
	cJSON_Delete(o);
}
