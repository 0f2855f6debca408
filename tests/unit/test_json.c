/* SPDX-License-Identifier: Apache-2.0 */
/* json: strict and loose reading with places in errors, typed members, and the writer's shapes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "json.h"
#include "mem.h"

static int parse(const char *text, enum json_mode mode, cJSON **doc, struct err *e)
{
	return json_parse(str_of(text), mode, doc, e);
}

Test(json, names_the_place_of_a_mistake)
{
	static const struct {
		const char *why, *text, *msg;
	} cases[] = {
		{ "nothing", "",
			"line 1, column 1: expected a value, found the end of the text" },
		{ "cut", "{\"a\":1", "line 1, column 7: expected ',' or '}', found the end" },
		{ "third line", "{\n\"a\":1,\n  b:2}", "line 3, column 3: expected '\"' at" },
		{ "trailing comma", "[1,]", "line 1, column 4: expected a value, found ']'" },
		{ "trailing comma", "{\"a\":1,}",
			"line 1, column 8: expected a key, found '}'" },
		{ "no colon", "{\"a\" 1}", "line 1, column 6: expected ':', found '1'" },
		{ "leading zero", "01", "line 1, column 1: expected a value" },
		{ "plus", "+1", "line 1, column 1: expected a value" },
		{ "point alone", "1.", "digits after the point" },
		{ "empty exponent", "1e", "digits in its exponent" },
		{ "raw line end in text", "\"a\nb\"", "line 1, column 3: expected '\"'" },
		{ "bad escape", "\"\\x\"", "expected an escape" },
		{ "NUL escape", "\"\\u0000\"", "no \\u0000" },
		{ "half a surrogate", "\"\\ud83d\"", "a surrogate pair" },
		{ "not UTF-8", "\"\xff\"", "line 1, column 2: expected UTF-8" },
		{ "columns are characters", "\"\xc3\xa9\" x", "column 5: expected the end" },
		{ "two values", "1 2", "expected the end of the text, found '2'" },
		{ "word", "nul", "expected a value, found 'n'" },
		{ "bare key", "{0:1}", "expected '\"' at the start of a key" },
		{ "control byte", "[\x01]", "found byte 0x01" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		cJSON *doc = NULL;

		cr_expect(eq(int, parse(cases[i].text, JSON_STRICT, &doc, &e), TQ_EFORMAT),
			"%s", cases[i].why);
		cr_expect(strstr(e.msg, cases[i].msg) != NULL, "%s: %s", cases[i].why, e.msg);
		cr_expect(zero(ptr, doc));
	}
}

Test(json, reads_what_is_right)
{
	static const char *const texts[] = { "null", " [ ] ", "{}", "\xef\xbb\xbf{\"a\":[1,2]}",
		"-0.5e+10", "\"\\ud83d\\ude00\"", "[[],{},\"\",0,true,false,null]" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err e = ERR_INIT;
		cJSON *doc = NULL;

		cr_expect(zero(int, parse(texts[i], JSON_STRICT, &doc, &e)), "%s: %s", texts[i],
			e.msg);
		cJSON_Delete(doc);
	}
}

Test(json, stops_at_its_depth)
{
	char text[2 * JSON_MAX_DEPTH + 4];
	struct err e = ERR_INIT;
	cJSON *doc = NULL;

	memset(text, 0, sizeof(text));
	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	cr_assert(zero(int, parse(text, JSON_STRICT, &doc, &e)));
	cJSON_Delete(doc);
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	cr_assert(eq(int, parse(text, JSON_STRICT, &doc, &e), TQ_EFORMAT));
	cr_assert(strstr(e.msg, "64 levels") != NULL);
}

Test(json, loose_reads_the_keys_fastjson_writes)
{
	static const struct {
		const char *why, *text, *standard;
	} cases[] = {
		{ "integer keys", "{0:5, 1 :7,-1:2}", "{\"0\":5,\"1\":7,\"-1\":2}" },
		{ "object keys", "{{\"q\": 0,\n\"t\":\"T1\"}:3}",
			"{\"{\\\"q\\\":0,\\\"t\\\":\\\"T1\\\"}\":3}" },
		{ "object key with an integer key", "{{0:1}:2}", "{\"{\\\"0\\\":1}\":2}" },
		{ "ordinary text stays", "{\"a\":\"{0:1}\"}", "{\"a\":\"{0:1}\"}" },
		{ "half a surrogate is repaired", "[\"\\ud83d!\"]", "[\"\xef\xbf\xbd!\"]" },
		{ "bytes that are not UTF-8 too", "[\"\xff!\"]", "[\"\xef\xbf\xbd!\"]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		cJSON *doc = NULL;
		char *got;

		cr_assert(zero(int, parse(cases[i].text, JSON_LOOSE, &doc, &e)), "%s: %s",
			cases[i].why, e.msg);
		got = cJSON_PrintUnformatted(doc);
		cr_expect(eq(str, got, (char *)cases[i].standard), "%s", cases[i].why);
		cJSON_free(got);
		cJSON_Delete(doc);
	}
}

Test(json, loose_still_refuses_nonsense)
{
	static const char *const texts[] = { "{a:1}", "{{{\"a\":1}:2}:3}", "{1.5:1}", "{[1]:2}",
		"{:1}", "{0}", "{{\"a\":1}}", "{-:1}", "{123456789012345678901:1}" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct err e = ERR_INIT;
		cJSON *doc = NULL;

		cr_expect(eq(int, parse(texts[i], JSON_LOOSE, &doc, &e), TQ_EFORMAT), "%s",
			texts[i]);
	}
}

Test(json, survives_every_cut_and_every_flipped_bit)
{
	static const char good[] =
		"{\"a\":[1,-2.5e3,\"x\\u00e9\\n\xc3\xa9\"],{\"k\":9007199254740993}:{0:true},\"n\":null}";
	size_t n = sizeof(good) - 1;
	char text[sizeof(good)];

	for (int mode = JSON_STRICT; mode <= JSON_LOOSE; mode++) {
		for (size_t i = 0; i < n; i++) {
			char *part = mem_strn(good, i);
			cJSON *doc = NULL;

			cr_expect(lt(
				int, json_parse((struct str){ part, i }, mode, &doc, NULL), 0));
			mem_free(part);
		}
		for (size_t bit = 0; bit < n * 8; bit++) {
			cJSON *doc = NULL;

			memcpy(text, good, sizeof(good));
			text[bit / 8] ^= (char)(1 << bit % 8);
			if (!json_parse((struct str){ text, n }, mode, &doc, NULL))
				cJSON_Delete(doc);
		}
	}
}

Test(json, keeps_whole_numbers_exact)
{
	static const struct {
		const char *text;
		int64_t v;
	} cases[] = {
		{ "{\"v\":9007199254740993}", 9007199254740993 },
		{ "{\"v\":9223372036854775807}", INT64_MAX },
		{ "{\"v\":-9223372036854775808}", INT64_MIN },
		{ "{\"v\":1700000000000}", 1700000000000 },
		{ "{\"v\":\"12\"}", 12 },
		{ "{\"v\":1e3}", 1000 },
		{ "{\"v\":1.5}", -7 },
		{ "{\"v\":9223372036854775808}", -7 },
		{ "{\"v\":1e300}", -7 },
		{ "{\"v\":true}", -7 },
		{ "{}", -7 },
		{ "{\"v\":1,\"v\":2}", 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cJSON *doc = NULL;

		cr_assert(zero(int, parse(cases[i].text, JSON_STRICT, &doc, NULL)));
		cr_expect(eq(i64, json_int(doc, "v", -7), cases[i].v), "%s", cases[i].text);
		cJSON_Delete(doc);
	}
}

Test(json, needed_members_are_named_when_they_are_wrong)
{
	struct err e = ERR_INIT;
	const cJSON *node;
	cJSON *doc = NULL;
	int64_t v = 0;

	cr_assert(zero(
		int, parse("{\"o\":{},\"a\":[],\"t\":\"x\",\"n\":5}", JSON_STRICT, &doc, &e)));
	cr_expect(zero(int, json_need_object(doc, "o", &node, &e)));
	cr_expect(zero(int, json_need_array(doc, "a", &node, &e)));
	cr_expect(zero(int, json_need_int(doc, "n", 5, 5, &v, &e)));
	cr_expect(eq(i64, v, 5));
	cr_expect(eq(int, json_need_object(doc, "a", &node, &e), TQ_EFORMAT));
	cr_expect_str_eq(e.msg, "'a' is an array, not an object");
	cr_expect(eq(int, json_need_array(doc, "gone", &node, &e), TQ_EFORMAT));
	cr_expect_str_eq(e.msg, "'gone' is missing");
	cr_expect(eq(int, json_need_int(doc, "n", 6, 9, &v, &e), TQ_EFORMAT));
	cr_expect_str_eq(e.msg, "'n' is 5, not between 6 and 9");
	cr_expect(eq(int, json_need_int(doc, "t", 6, 9, &v, &e), TQ_EFORMAT));
	cJSON_Delete(doc);
}

Test(json, adds_exact_integers_and_any_bytes)
{
	cJSON *o = cJSON_CreateObject();
	char *text;

	json_add_i64(o, "a", INT64_MAX);
	json_add_i64(o, "b", -1);
	json_add_i64(o, "c", 1000000000000000);
	json_add_str(o, "d", STR("x\xff"));
	text = cJSON_PrintUnformatted(o);
	cr_expect_str_eq(text, "{\"a\":9223372036854775807,\"b\":-1,\"c\":1000000000000000,"
			       "\"d\":\"x\xef\xbf\xbd\"}");
	cJSON_free(text);
	cJSON_Delete(o);
}

Test(json, writes_the_shapes_of_fastjson)
{
	struct buf b;
	struct jw w;

	buf_init(&b, 4096);
	w = jw_init(&b);
	jw_object(&w);
	jw_key(&w, "offsetTable");
	jw_object(&w);
	jw_key_int(&w, 0);
	jw_int(&w, 5);
	jw_key_int(&w, 1);
	jw_int(&w, INT64_MIN);
	jw_end(&w);
	jw_key(&w, "queues");
	jw_object(&w);
	for (int i = 0; i < 2; i++) {
		jw_object(&w);
		jw_kv_int(&w, "queueId", i);
		jw_kv_text(&w, "topic", "T\"1");
		jw_end(&w);
		jw_key_done(&w);
		jw_double(&w, i);
	}
	jw_end(&w);
	jw_key(&w, "list");
	jw_array(&w);
	jw_text(&w, NULL);
	jw_bool(&w, true);
	jw_double(&w, 0.1);
	jw_str(&w, STR("\x01\n\xff"));
	jw_array(&w);
	jw_array_end(&w);
	jw_array_end(&w);
	jw_kv_bool(&w, "last", false);
	jw_end(&w);
	cr_expect_str_eq(b.p,
		"{\"offsetTable\":{0:5,1:-9223372036854775808},"
		"\"queues\":{{\"queueId\":0,\"topic\":\"T\\\"1\"}:0.0,"
		"{\"queueId\":1,\"topic\":\"T\\\"1\"}:1.0},"
		"\"list\":[null,true,0.1,\"\\u0001\\n\xef\xbf\xbd\",[]],\"last\":false}");
	buf_release(&b);
}
