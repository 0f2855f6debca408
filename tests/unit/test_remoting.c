/* SPDX-License-Identifier: Apache-2.0 */
/* remoting: the vectors of the protocol, what each client really sends, and lies. */
#include <criterion/criterion.h>

#include "hex.h"
#include "remoting.h"

#define JSON_T1 \
	"{\"code\":105,\"extFields\":{\"topic\":\"T1\"},\"flag\":0,\"language\":\"JAVA\"," \
	"\"opaque\":7,\"serializeTypeCurrentRPC\":\"JSON\",\"version\":409}"

static const char binary_t1[] =
	"00000028 01000022 0069 00 0199 00000007 00000000 00000000 0000000d 0005 746f706963 "
	"00000002 5431 6869";
static const char binary_no[] =
	"0000002b 01000027 0013 00 0199 fffffffe 00000001 00000002 6e6f 00000010 0009 "
	"6d696e4f6666736574 00000001 30";

static void is(struct str s, const char *want)
{
	cr_assert(str_is(s, want), "'" STR_FMT "' is not '%s'", STR_ARG(s), want);
}

/* A frame with this JSON header and body, in memory of exactly its size. */
static char *json_frame(const char *header, const char *body, size_t *total)
{
	size_t h = strlen(header), n = strlen(body);
	char *p = malloc(8 + h + n);

	put_be32(p, (uint32_t)(4 + h + n));
	put_be32(p + 4, (uint32_t)h);
	memcpy(p + 8, header, h);
	memcpy(p + 8 + h, body, n);
	*total = 8 + h + n;
	return p;
}

/* Decodes header text; c is good until the next call. */
static int read_json(const char *header, struct command *c, struct err *e)
{
	static char *frame;
	size_t total;

	free(frame);
	frame = json_frame(header, "", &total);
	return command_decode(frame, total, c, e);
}

Test(remoting, reads_the_binary_vectors)
{
	struct err e = ERR_INIT;
	struct command c;
	size_t n;
	char *p = unhex(binary_t1, &n);

	cr_assert_eq(command_decode(p, n, &c, &e), 0, "%s", e.msg);
	cr_assert_eq(c.type, HEADER_BINARY);
	cr_assert_eq(c.code, 105);
	cr_assert_eq(c.language, LANG_JAVA);
	cr_assert_eq(c.version, 409);
	cr_assert_eq(c.opaque, 7);
	cr_assert_eq(c.flag, 0);
	cr_assert_null(c.remark.p);
	is(command_ext(&c, "topic"), "T1");
	is(c.body, "hi");

	free(p);
	p = unhex(binary_no, &n);
	cr_assert_eq(command_decode(p, n, &c, &e), 0, "%s", e.msg);
	cr_assert_eq(c.code, RESP_PULL_NOT_FOUND);
	cr_assert_eq(c.opaque, -2);
	cr_assert_eq(c.flag, FLAG_RESPONSE);
	is(c.remark, "no");
	is(command_ext(&c, "minOffset"), "0");
	cr_assert_eq(c.body.n, 0);
	free(p);
}

Test(remoting, writes_the_binary_vectors)
{
	static const char *const vectors[] = { binary_t1, binary_no };
	struct err e = ERR_INIT;
	struct command c;
	struct buf out;

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		size_t n;
		char *p = unhex(vectors[i], &n);

		cr_assert_eq(command_decode(p, n, &c, &e), 0);
		buf_init(&out, FRAME_MAX);
		command_encode(&out, &c);
		cr_assert(str_eq(buf_str(&out), (struct str){ p, n }), "vector %zu", i);
		buf_release(&out);
		free(p);
	}
}

Test(remoting, reads_the_json_vector)
{
	struct err e = ERR_INIT;
	struct command c;
	size_t n;
	char *p = json_frame(JSON_T1, "hi", &n);

	cr_assert_eq(n, 0x82 + 4);
	cr_assert_eq(command_decode(p, n, &c, &e), 0, "%s", e.msg);
	cr_assert_eq(c.type, HEADER_JSON);
	cr_assert_eq(c.code, 105);
	cr_assert_eq(c.language, LANG_JAVA);
	cr_assert_eq(c.version, 409);
	cr_assert_eq(c.opaque, 7);
	cr_assert_eq(c.n_ext, 1);
	is(command_ext(&c, "topic"), "T1");
	is(c.body, "hi");
	free(p);
}

Test(remoting, writes_json_that_go_and_cpp_accept)
{
	struct command c;
	struct buf out;

	command_init(&c, RESP_PULL_NOT_FOUND);
	c.flag = FLAG_RESPONSE;
	c.opaque = INT32_MIN;
	c.remark = STR("say \"no\"\\\x01\n");
	command_add(&c, "minOffset", STR("0"));
	command_add(&c, "absent", STR_NONE);
	command_add(&c, "empty", STR(""));
	c.body = STR("xy");
	buf_init(&out, FRAME_MAX);
	command_encode(&out, &c);
	is(str_skip(buf_str(&out), 8),
		"{\"code\":19,\"flag\":1,\"opaque\":-2147483648,\"language\":\"OTHER\","
		"\"version\":409,\"extFields\":{\"minOffset\":\"0\",\"empty\":\"\"},"
		"\"remark\":\"say \\\"no\\\"\\\\\\u0001\\u000a\"}xy");
	cr_assert_eq(get_be32(out.p), out.n - 4);
	cr_assert_eq(get_be32(out.p + 4), out.n - 8 - 2);
	buf_release(&out);
}

Test(remoting, always_writes_ext_fields_and_no_absent_remark)
{
	struct command c;
	struct buf out;

	command_init(&c, REQ_HEART_BEAT);
	buf_init(&out, FRAME_MAX);
	command_encode(&out, &c);
	is(str_skip(buf_str(&out), 8),
		"{\"code\":34,\"flag\":0,\"opaque\":0,\"language\":\"OTHER\","
		"\"version\":409,\"extFields\":{}}");
	buf_release(&out);
}

Test(remoting, a_head_for_a_lent_body_is_the_frame_without_it)
{
	struct command c;
	struct buf whole, head;

	command_init(&c, RESP_SUCCESS);
	c.body = STR("lent");
	buf_init(&whole, FRAME_MAX);
	buf_init(&head, FRAME_MAX);
	command_encode(&whole, &c);
	command_encode_head(&head, &c, c.body.n);
	buf_puts(&head, "lent");
	cr_assert(str_eq(buf_str(&whole), buf_str(&head)));
	buf_release(&whole);
	buf_release(&head);
}

Test(remoting, a_frame_beyond_the_ceiling_of_its_buffer_fails_whole)
{
	struct command c;
	struct buf out;

	command_init(&c, RESP_SUCCESS);
	c.remark = STR("\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01");
	for (size_t max = 0; max < 240; max++) {
		buf_init(&out, max);
		command_encode(&out, &c);
		cr_assert(buf_err(&out) == (out.n == 0), "ceiling %zu", max);
		buf_release(&out);
		c.type = !c.type;
	}
}

/* ---- what clients really send ---- */

Test(remoting, takes_numbers_and_booleans_as_the_text_they_are)
{
	struct err e = ERR_INIT;
	struct command c;

	cr_assert_eq(
		read_json("{\"code\":11,\"extFields\":{\"queueId\":3,\"b\":true,\"d\":-1.5e3,"
			  "\"f\":false,\"s\":\"0\",\"z\":null}}",
			&c, &e),
		0, "%s", e.msg);
	is(command_ext(&c, "queueId"), "3");
	is(command_ext(&c, "b"), "true");
	is(command_ext(&c, "d"), "-1.5e3");
	is(command_ext(&c, "f"), "false");
	is(command_ext(&c, "s"), "0");
	cr_assert_null(command_ext(&c, "z").p, "null is absent");
	cr_assert_null(command_ext(&c, "nowhere").p);
}

Test(remoting, takes_the_line_feed_after_a_cpp_header)
{
	struct err e = ERR_INIT;
	struct command c;

	cr_assert_eq(read_json("{\"code\":34,\"language\":\"CPP\",\"extFields\":{}}\n", &c, &e),
		0, "%s", e.msg);
	cr_assert_eq(c.code, 34);
	cr_assert_eq(c.language, LANG_CPP);
}

static const struct {
	const char *why, *header;
	int code, language, version, opaque, flag;
} accepted[] = {
	{ "nothing but defaults", "{}", 0, LANG_JAVA, 0, 0, 0 },
	{ "blanks everywhere", " { \"code\" : 5 ,\t\"flag\"\r\n: 2 } ", 5, 0, 0, 0, 2 },
	{ "code in quotes", "{\"code\":\"105\"}", 105, 0, 0, 0, 0 },
	{ "language as ordinal", "{\"language\":1}", 0, LANG_CPP, 0, 0, 0 },
	{ "language as quoted ordinal", "{\"language\":\"9\"}", 0, LANG_GO, 0, 0, 0 },
	{ "unknown language", "{\"language\":\"COBOL\"}", 0, LANG_OTHER, 0, 0, 0 },
	{ "null members",
		"{\"code\":null,\"language\":null,\"extFields\":null,\"remark\":null}", 0,
		LANG_JAVA, 0, 0, 0 },
	{ "unknown members", "{\"x\":\"y\",\"n\":1,\"version\":317,\"b\":true}", 0, 0, 317, 0,
		0 },
	{ "the lowest opaque", "{\"opaque\":-2147483648}", 0, 0, 0, INT32_MIN, 0 },
	{ "the highest opaque", "{\"opaque\":2147483647}", 0, 0, 0, INT32_MAX, 0 },
	{ "a member twice, the last wins", "{\"code\":1,\"code\":2}", 2, 0, 0, 0, 0 },
	{ "a name with escapes", "{\"c\\u006fde\":7}", 7, 0, 0, 0, 0 },
};

Test(remoting, accepts_the_headers_of_all_clients)
{
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		struct err e = ERR_INIT;
		struct command c;

		cr_assert_eq(read_json(accepted[i].header, &c, &e), 0, "%s: %s",
			accepted[i].why, e.msg);
		cr_expect_eq(c.code, accepted[i].code, "%s", accepted[i].why);
		cr_expect_eq(c.language, accepted[i].language, "%s", accepted[i].why);
		cr_expect_eq(c.version, accepted[i].version, "%s", accepted[i].why);
		cr_expect_eq(c.opaque, accepted[i].opaque, "%s", accepted[i].why);
		cr_expect_eq(c.flag, accepted[i].flag, "%s", accepted[i].why);
	}
}

static const struct {
	const char *why, *header;
} refused[] = {
	{ "empty", "" },
	{ "blank", " \n" },
	{ "an array", "[]" },
	{ "a bare number", "5" },
	{ "no end", "{" },
	{ "no end after a member", "{\"code\":1" },
	{ "no end of extFields", "{\"extFields\":{\"a\":\"b\"}" },
	{ "comma before the end", "{\"code\":1,}" },
	{ "two commas", "{\"code\":1,,\"flag\":0}" },
	{ "no comma", "{\"code\":1 \"flag\":0}" },
	{ "no colon", "{\"code\" 1}" },
	{ "bare name", "{code:1}" },
	{ "no value", "{\"code\":}" },
	{ "text after the end", "{}x" },
	{ "an object behind an ext field", "{\"extFields\":{\"a\":{}}}" },
	{ "an array behind an ext field", "{\"extFields\":{\"a\":[1]}}" },
	{ "an object behind an unknown member", "{\"x\":{}}" },
	{ "a word that is none of JSON's", "{\"x\":nil}" },
	{ "a code with a fraction", "{\"code\":1.5}" },
	{ "a code that is text", "{\"code\":\"send\"}" },
	{ "an empty code", "{\"code\":\"\"}" },
	{ "a lone sign", "{\"code\":\"-\"}" },
	{ "an opaque above 32 bits", "{\"opaque\":2147483648}" },
	{ "an opaque below 32 bits", "{\"opaque\":-2147483649}" },
	{ "twenty digits", "{\"opaque\":10000000000000000000}" },
	{ "string without an end", "{\"remark\":\"abc" },
	{ "escape without an end", "{\"remark\":\"abc\\" },
	{ "escaped quote as the end", "{\"remark\":\"abc\\\"}" },
	{ "unknown escape", "{\"remark\":\"\\x41\"}" },
	{ "short \\u", "{\"remark\":\"\\u12\"}" },
	{ "\\u without hex", "{\"remark\":\"\\u12g4\"}" },
};

Test(remoting, refuses_headers_that_are_not_json)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct err e = ERR_INIT;
		struct command c;

		cr_expect_eq(
			read_json(refused[i].header, &c, &e), TQ_EFORMAT, "%s", refused[i].why);
		cr_expect(e.msg[0], "%s: says why", refused[i].why);
	}
}

static const struct {
	const char *why, *json, *text;
} escapes[] = {
	{ "all short ones", "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
	{ "a property separator", "A\\u0001b\\u0002C",
		"A\x01"
		"b\x02"
		"C" },
	{ "two bytes", "\\u00e9\\u07FF", "\xc3\xa9\xdf\xbf" },
	{ "three bytes", "\\u4E2d\\uffff", "\xe4\xb8\xad\xef\xbf\xbf" },
	{ "a surrogate pair", "\\ud83d\\uDE00!", "\xf0\x9f\x98\x80!" },
	{ "the last rune", "\\udbff\\udfff", "\xf4\x8f\xbf\xbf" },
	{ "a high half alone", "\\ud83d!", "\xef\xbf\xbd!" },
	{ "a low half alone", "\\ude00", "\xef\xbf\xbd" },
	{ "two high halves", "\\ud83d\\ud83d\\ude00", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
	{ "a high half before another escape", "\\ud83d\\n", "\xef\xbf\xbd\n" },
	{ "raw UTF-8 stays", "\xe4\xb8\xad\\t\xe4\xb8\xad", "\xe4\xb8\xad\t\xe4\xb8\xad" },
	{ "raw control characters stay", "a\x01\\u0002b",
		"a\x01\x02"
		"b" },
	{ "long runs between", "0123456789abcdef\\t0123456789abcdef\\t",
		"0123456789abcdef\t"
		"0123456789abcdef\t" },
};

Test(remoting, undoes_escapes_in_place)
{
	for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
		struct err e = ERR_INIT;
		struct command c;
		char header[256];

		snprintf(header, sizeof(header), "{\"extFields\":{\"k\":\"%s\",\"l\":\"x\"}}",
			escapes[i].json);
		cr_assert_eq(read_json(header, &c, &e), 0, "%s: %s", escapes[i].why, e.msg);
		cr_expect(str_is(command_ext(&c, "k"), escapes[i].text), "%s", escapes[i].why);
		cr_expect(str_is(command_ext(&c, "l"), "x"), "%s", escapes[i].why);
	}
}

Test(remoting, a_nul_in_a_value_is_a_byte_like_others)
{
	struct err e = ERR_INIT;
	struct command c;

	cr_assert_eq(read_json("{\"remark\":\"a\\u0000b\"}", &c, &e), 0);
	cr_assert(str_eq(c.remark, STR("a\0b")));
}

Test(remoting, the_last_of_equal_ext_names_wins)
{
	struct err e = ERR_INIT;
	struct command c;

	/* ab and ac share a slot of the filter with none, aa with itself: all paths */
	cr_assert_eq(read_json("{\"extFields\":{\"a\":\"1\",\"b\":\"2\",\"a\":\"3\",\"\":\"4\","
			       "\"\":\"5\"}}",
			     &c, &e),
		0);
	cr_assert_eq(c.n_ext, 3);
	is(command_ext(&c, "a"), "3");
	is(command_ext(&c, "b"), "2");
	is(command_ext(&c, ""), "5");
}

Test(remoting, equal_names_are_found_among_any_others)
{
	struct err e = ERR_INIT;
	struct command c;
	struct buf b;

	buf_init(&b, 1 << 16);
	buf_puts(&b, "{\"extFields\":{");
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < COMMAND_MAX_EXT; i++)
			buf_addf(&b, "%s\"key%c%d\":\"%d\"", round + i ? "," : "", 'a' + i % 7,
				i, round);
	buf_puts(&b, "}}");
	cr_assert_eq(read_json(b.p, &c, &e), 0, "%s", e.msg);
	cr_assert_eq(c.n_ext, COMMAND_MAX_EXT);
	for (int i = 0; i < c.n_ext; i++)
		is(c.ext[i].value, "1");
	buf_release(&b);
}

Test(remoting, refuses_more_ext_fields_than_it_holds)
{
	struct err e = ERR_INIT;
	struct command c;
	struct buf json, binary;

	buf_init(&json, 1 << 16);
	buf_init(&binary, 1 << 16);
	buf_puts(&json, "{\"extFields\":{\"first\":0");
	buf_add(&binary, "\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 29);
	for (int i = 0; i <= COMMAND_MAX_EXT; i++) {
		buf_addf(&json, ",\"k%d\":0", i);
		buf_be16(&binary, 2);
		buf_be16(&binary, (uint16_t)i);
		buf_be32(&binary, 0);
	}
	buf_puts(&json, "}}");
	cr_assert_eq(read_json(json.p, &c, &e), TQ_EFORMAT);
	put_be32(binary.p, (uint32_t)binary.n - 4);
	put_be32(binary.p + 4, 1u << 24 | (uint32_t)(binary.n - 8));
	put_be32(binary.p + 25, (uint32_t)binary.n - 29);
	cr_assert_eq(command_decode(binary.p, binary.n, &c, &e), TQ_EFORMAT);
	buf_release(&json);
	buf_release(&binary);
}

/* ---- frames ---- */

static const struct {
	const char *why, *hex;
	int rc;
	size_t total;
} measured[] = {
	{ "nothing", "", TQ_ENOTYET, 0 },
	{ "half a length", "0000", TQ_ENOTYET, 0 },
	{ "only a length", "00000010", TQ_ENOTYET, 20 },
	{ "no header length yet", "00000010 00 0000", TQ_ENOTYET, 20 },
	{ "no body yet", "00000010 00000002 7b7d", TQ_ENOTYET, 20 },
	{ "the smallest", "00000004 00000000", 0, 8 },
	{ "a whole one", "00000006 00000002 7b7d", 0, 10 },
	{ "a whole one and a part", "00000006 01000002 7b7d 0000", 0, 10 },
	{ "the largest", "00fffffc 00000002", TQ_ENOTYET, FRAME_MAX },
	{ "one above the largest", "00fffffd", TQ_EFORMAT, 0 },
	{ "a negative length", "ffffffff", TQ_EFORMAT, 0 },
	{ "shorter than its own head", "00000003", TQ_EFORMAT, 0 },
	{ "zero", "00000000", TQ_EFORMAT, 0 },
	{ "an unknown type", "00000006 02", TQ_EFORMAT, 10 },
	{ "header longer than the frame", "00000006 00000003", TQ_EFORMAT, 10 },
};

Test(remoting, measures_frames)
{
	for (size_t i = 0; i < ARRAY_LEN(measured); i++) {
		struct err e = ERR_INIT;
		size_t n, total;
		char *p = unhex(measured[i].hex, &n);

		cr_expect_eq(frame_measure((struct str){ p, n }, &total, &e), measured[i].rc,
			"%s", measured[i].why);
		cr_expect_eq(total, measured[i].total, "%s", measured[i].why);
		cr_expect_eq(!e.msg[0], measured[i].rc != TQ_EFORMAT, "%s", measured[i].why);
		free(p);
	}
}

static const struct {
	const char *why, *hex;
} bad_binary[] = {
	{ "remark longer than the header",
		"0000001a 01000015 0069 00 0199 00000007 00000000 00000001 00000000 00" },
	{ "negative remark length",
		"00000019 01000015 0069 00 0199 00000007 00000000 ffffffff 00000000" },
	{ "ext longer than the header",
		"00000019 01000015 0069 00 0199 00000007 00000000 00000000 00000001" },
	{ "negative ext length",
		"00000019 01000015 0069 00 0199 00000007 00000000 00000000 80000000" },
	{ "key longer than ext",
		"0000001b 01000017 0069 00 0199 00000007 00000000 00000000 00000002 0001" },
	{ "value longer than ext", "00000020 0100001c 0069 00 0199 00000007 00000000 00000000 "
				   "00000007 0001 61 00000001" },
	{ "negative value length", "00000020 0100001c 0069 00 0199 00000007 00000000 00000000 "
				   "00000007 0001 61 ffffffff" },
	{ "shorter than the fixed part", "00000008 01000004 00690001" },
	{ "frame cut", "00000006 00000002 7b" },
	{ "bytes after the frame", "00000006 00000002 7b7d00" },
};

Test(remoting, refuses_lengths_that_lie)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_binary); i++) {
		struct err e = ERR_INIT;
		struct command c;
		size_t n;
		char *p = unhex(bad_binary[i].hex, &n);

		cr_expect_eq(command_decode(p, n, &c, &e), TQ_EFORMAT, "%s", bad_binary[i].why);
		cr_expect(e.msg[0], "%s", bad_binary[i].why);
		free(p);
	}
}

Test(remoting, a_command_survives_both_encodings)
{
	struct str odd[] = { STR("plain"), STR(""), STR("\x01\x02\x1f\"\\/"),
		STR("\xe4\xb8\xad"), STR("0123456\"89abcde\\"), STR("nul\0nul") };
	struct command c, d;
	struct err e = ERR_INIT;
	struct buf b;

	for (int type = HEADER_JSON; type <= HEADER_BINARY; type++) {
		command_init(&c, 310);
		c.type = (enum header_type)type;
		c.opaque = -5;
		c.flag = FLAG_ONEWAY;
		c.remark = STR("re\"mark");
		c.body = STR("\0body");
		command_add(&c, "a", odd[0]);
		command_add(&c, "b", odd[1]);
		command_add(&c, "c", odd[2]);
		command_add(&c, "d", odd[3]);
		command_add(&c, "e", odd[4]);
		command_add(&c, "f", odd[5]);
		buf_init(&b, FRAME_MAX);
		command_encode(&b, &c);
		cr_assert_eq(command_decode(b.p, b.n, &d, &e), 0, "%s", e.msg);
		cr_assert_eq(d.code, 310);
		cr_assert_eq(d.opaque, -5);
		cr_assert_eq(d.flag, FLAG_ONEWAY);
		cr_assert_eq(d.language, LANG_OTHER);
		cr_assert_eq(d.version, TDMQ_WIRE_VERSION);
		cr_assert(str_eq(d.remark, c.remark));
		cr_assert(str_eq(d.body, c.body));
		cr_assert_eq(d.n_ext, 6);
		for (int i = 0; i < 6; i++)
			cr_assert(str_eq(d.ext[i].value, odd[i]), "type %d, value %d", type, i);
		buf_release(&b);
	}
}

/* Whatever comes of it, every slice lies inside the frame and can be read. */
static void decode_and_touch(const char *frame, size_t n)
{
	struct err e = ERR_INIT;
	struct command c;
	unsigned sum = 0;
	char *p = malloc(n + !n);

	memcpy(p, frame, n);
	if (!command_decode(p, n, &c, &e)) {
		cr_assert(c.n_ext <= COMMAND_MAX_EXT);
		for (int i = 0; i < c.n_ext; i++) {
			for (size_t j = 0; j < c.ext[i].key.n; j++)
				sum += (unsigned char)c.ext[i].key.p[j];
			for (size_t j = 0; j < c.ext[i].value.n; j++)
				sum += (unsigned char)c.ext[i].value.p[j];
			cr_assert(!c.ext[i].value.n ||
				  (c.ext[i].value.p >= p &&
					  c.ext[i].value.p + c.ext[i].value.n <= p + n));
		}
		cr_assert(!c.body.n || c.body.p + c.body.n == p + n);
	} else {
		cr_assert(e.msg[0]);
	}
	free(p);
	cr_assert(sum < UINT32_MAX);
}

Test(remoting, survives_cuts_at_each_byte_and_flips_of_each_bit)
{
	char *frames[3];
	size_t sizes[3];

	frames[0] = unhex(binary_t1, &sizes[0]);
	frames[1] = unhex(binary_no, &sizes[1]);
	frames[2] = json_frame(
		"{\"code\":310,\"extFields\":{\"i\":\"A\\u0001\\ud83d\\ude00\",\"n\":5}"
		",\"flag\":0,\"language\":\"CPP\",\"opaque\":7}\n",
		"hi", &sizes[2]);
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		for (size_t n = 0; n < sizes[i]; n++) {
			char *cut = malloc(n + 4);

			decode_and_touch(frames[i], n);
			memcpy(cut, frames[i],
				n); /* the same with a length that fits the cut */
			if (n >= 8) {
				put_be32(cut, (uint32_t)n - 4);
				decode_and_touch(cut, n);
				put_be32(cut + 4, (uint32_t)(n - 8) | (uint32_t)cut[4] << 24);
				decode_and_touch(cut, n);
			}
			free(cut);
		}
		for (size_t bit = 0; bit < sizes[i] * 8; bit++) {
			frames[i][bit / 8] ^= (char)(1 << bit % 8);
			decode_and_touch(frames[i], sizes[i]);
			frames[i][bit / 8] ^= (char)(1 << bit % 8);
		}
		free(frames[i]);
	}
}

/* ---- hints ---- */

static const char *const alike[] = {
	"{\"code\":310,\"extFields\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"x\\u0001y\"},\"flag\":0}",
	"{\"code\":310,\"extFields\":{\"a\":\"3\",\"b\":\"\",\"c\":\"z\"},\"flag\":1}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\"}}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\",\"a\":\"2\"}}",
	"{\"code\":310,\"extFields\":{\"c\":\"1\",\"a\":\"2\"}}",
	"{\"code\":310,\"extFields\":{\"c\":\"1\",\"a\":\"2\",\"c\":\"3\",\"b\":\"4\"}}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\",\"b\":5,\"c\":null,\"d\":true}}",
	"{\"code\":310,\"extFields\":{\"a\" : \"1\" , \"b\":\"2\"}}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\" ,\"b\":\"2\" }}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\",\"\\u0062\":\"2\",\"b\":\"3\"}}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\",}}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\",\"b\":\"2}}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\",\"b\":\"2\\q\",\"c\":\"\"}}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\" \"b\":\"2\"}}",
	"{\"code\":310,\"extFields\":{\"\":\"1\",\"a\":\"2\",\"\":\"3\"}}",
	"{\"code\":310,\"extFields\":{\"aNameThatIsMuchTooLongToBeExpected\":\"1\",\"a\":\"2\"}}",
	"{\"code\":310,\"extFields\":{\"suspendTimeoutMillis\":\"1\",\"aName\":\"2\"}}",
	"{\"extFields\":{\"a\":\"1\"},\"code\":310,\"extFields\":{\"a\":\"1\",\"b\":\"2\"}}",
	"{\"extFields\":{},\"code\":310}",
	"{\"code\":310,\"extFields\":{\"a\":\"1\"",
};

/* Reads one header both ways; cut bytes short. */
static void read_both(const char *header, size_t cut, struct header_hints *hints)
{
	struct command plain, hinted;
	struct err e = ERR_INIT, e2 = ERR_INIT;
	char *text = strndup(header, strlen(header) - MIN(cut, strlen(header))), *p, *q;
	size_t n;
	int rc;

	p = json_frame(text, "body", &n);
	q = json_frame(text, "body", &n);
	rc = command_decode(p, n, &plain, &e);
	cr_assert_eq(command_decode_hinted(q, n, &hinted, hints, &e2), rc, "%s", text);
	cr_assert_str_eq(e.msg, e2.msg, "%s", text);
	if (!rc) {
		cr_assert_eq(plain.n_ext, hinted.n_ext, "%s", text);
		cr_assert_eq(plain.code, hinted.code);
		cr_assert_eq(plain.flag, hinted.flag);
		for (int i = 0; i < plain.n_ext; i++) {
			cr_assert(str_eq(plain.ext[i].key, hinted.ext[i].key), "%s", text);
			cr_assert(str_eq(plain.ext[i].value, hinted.ext[i].value), "%s", text);
			cr_assert_eq(!plain.ext[i].value.p, !hinted.ext[i].value.p);
		}
		cr_assert(str_eq(plain.body, hinted.body));
	}
	free(p);
	free(q);
	free(text);
}

Test(remoting, what_came_before_changes_nothing)
{
	struct header_hints *hints = calloc(1, sizeof(*hints));

	for (size_t i = 0; i < ARRAY_LEN(alike); i++)
		for (size_t j = 0; j < ARRAY_LEN(alike); j++)
			for (size_t k = 0; k < ARRAY_LEN(alike); k++) {
				read_both(alike[i], 0, hints);
				read_both(alike[j], 0, hints);
				read_both(alike[k], (i + j) % 40, hints);
			}
	free(hints);
}

Test(remoting, hints_have_an_end)
{
	struct header_hints *hints = calloc(1, sizeof(*hints));
	struct buf b;

	buf_init(&b, 1 << 16);
	for (int fields = 0; fields <= COMMAND_MAX_EXT + 1; fields++) {
		buf_clear(&b);
		buf_puts(&b, "{\"extFields\":{");
		for (int i = 0; i < fields; i++)
			buf_addf(&b, "%s\"k%d\":\"%d\"", i ? "," : "", i, i);
		buf_puts(&b, "}}");
		read_both(b.p, 0, hints);
		read_both(b.p, 0, hints);
	}
	buf_release(&b);
	free(hints);
}
