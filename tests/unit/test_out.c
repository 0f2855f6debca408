/* SPDX-License-Identifier: Apache-2.0 */
/* out: what each format looks like to the byte, what is chosen, and what happens when it cannot be written. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "mem.h"
#include "out.h"

static const struct col cols[] = {
	{ "name", "name", COL_TEXT, 0 },
	{ "type", "spec.type", COL_TEXT, COL_OPTIONAL },
	{ "lag", "lag", COL_COUNT, 0 },
	{ "size", "sizeBytes", COL_BYTES, COL_WIDE },
	{ "idle", "idleMs", COL_MS, 0 },
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "online", "online", COL_BOOL, COL_WIDE },
	{ "used", "used", COL_PERCENT, COL_WIDE },
	{ "since", "sinceMs", COL_TIME, COL_WIDE },
	{ "groups", "groups", COL_TEXT, COL_ONE },
	COL_END,
};
static const struct view view = { "Topic", "name", cols, false };
static const struct view mixed = { "Thing", "name", cols, true };

static const char items_text[] =
	"[{\"name\":\"orders\",\"spec\":{\"type\":\"fifo\"},\"lag\":1234,\"sizeBytes\":3565158,"
	"\"idleMs\":130000,\"state\":\"ok\",\"online\":true,\"used\":12.5,\"sinceMs\":0},"
	"{\"name\":\"pay,\\\"x\\\"\",\"lag\":9007199254740993,\"sizeBytes\":12,\"state\":\"failed\","
	"\"online\":false,\"used\":7,\"groups\":[\"a\",\"b\"]},"
	"{\"name\":\"\xe8\xae\xa2\xe5\x8d\x95\",\"spec\":{\"type\":\"a\\u001b[2Jb\\nc\"},"
	"\"lag\":null,\"idleMs\":900,\"state\":\"12\"}]";

static cJSON *items, *meta;
static struct err err;

static void setup(void)
{
	cr_assert_eq(
		json_parse(str_of(items_text), JSON_STRICT, &items, &err), 0, "%s", err.msg);
	cr_assert_eq(json_parse(STR("{\"truncated\":false}"), JSON_STRICT, &meta, &err), 0);
}

static void teardown(void)
{
	cJSON_Delete(items);
	cJSON_Delete(meta);
}

TestSuite(out, .init = setup, .fini = teardown);

/* What out_list() writes; NULL and err when it refuses. The caller frees. */
static char *listed(const struct view *v, const struct out_opts *opts)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct out *o = NULL;
	int rc = out_new(f, opts, &o, &err);

	if (!rc)
		rc = out_list(o, v, items, meta, &err);
	if (!rc)
		rc = out_finish(o, &err);
	out_free(o);
	fclose(f);
	if (!rc)
		return text;
	free(text);
	return NULL;
}

static void expect_list(struct out_opts opts, const char *want)
{
	char *got = listed(&view, &opts);

	cr_assert_not_null(got, "%s", err.msg);
	cr_expect_str_eq(got, want);
	free(got);
}

static struct strv columns(const char *names)
{
	struct strv v = STRV_INIT;

	strv_split(&v, str_of(names), ',');
	return v;
}

Test(out, table_aligns_numbers_right_and_counts_wide_characters_twice)
{
	expect_list((struct out_opts){ 0 },
		"NAME     TYPE           LAG   IDLE  STATE\n"
		"orders   fifo          1.2K  2m10s  ok\n"
		"pay,\"x\"  -               9P      -  failed\n"
		"\xe8\xae\xa2\xe5\x8d\x95     a\\x1b[2Jb\\nc     -  900ms  12\n");
}

Test(out, wide_and_chosen_columns)
{
	struct out_opts opts = { .format = OUT_WIDE, .utc = true, .no_headers = true };

	opts.columns = columns("name,size,online,used,since");
	expect_list(opts, "orders   3.4 MiB  yes  12.5%  1970-01-01 00:00:00\n"
			  "pay,\"x\"     12 B  no      7%  -\n"
			  "\xe8\xae\xa2\xe5\x8d\x95           -  -        -  -\n");
	strv_release(&opts.columns);
}

Test(out, raw_gives_whole_numbers)
{
	struct out_opts opts = { .raw = true };

	opts.columns = columns("lag");
	expect_list(opts,
		"             LAG\n            1234\n9007199254740993\n               -\n");
	strv_release(&opts.columns);
}

Test(out, json_is_one_document_with_exact_numbers)
{
	char *got = listed(&view, &(struct out_opts){ .format = OUT_JSON });
	static const char head[] =
		"{\n  \"apiVersion\": \"tdmqctl/v1\",\n  \"kind\": \"TopicList\",\n  \"items\": [\n"
		"    {\n      \"name\": \"orders\",\n      \"spec\": {\n        \"type\": \"fifo\"\n"
		"      },\n      \"lag\": 1234,\n";
	static const char tail[] = "\n  ],\n  \"meta\": {\n    \"truncated\": false\n  }\n}\n";
	cJSON *doc = NULL;

	cr_assert_not_null(got);
	cr_expect(str_starts(str_of(got), str_of(head)), "%s", got);
	cr_expect(str_ends(str_of(got), str_of(tail)), "%s", got);
	cr_expect(strstr(got, "9007199254740993") != NULL);
	cr_expect_eq(json_parse(str_of(got), JSON_STRICT, &doc, &err), 0, "%s", err.msg);
	cJSON_Delete(doc);
	free(got);
}

Test(out, int64_strings_quotes_only_what_doubles_cannot_hold)
{
	struct out_opts opts = {
		.format = OUT_NDJSON, .int64_strings = true, .filter = "lag>1000"
	};
	char *got = listed(&view, &opts);

	cr_assert_not_null(got);
	cr_expect(strstr(got, "\"lag\":1234,") && strstr(got, "\"lag\":\"9007199254740993\""));
	free(got);
}

Test(out, an_empty_list_is_still_a_document)
{
	cJSON *all = items;

	items = cJSON_CreateArray();
	expect_list((struct out_opts){ .format = OUT_JSON },
		"{\n  \"apiVersion\": \"tdmqctl/v1\",\n  \"kind\": \"TopicList\",\n"
		"  \"items\": [],\n  \"meta\": {\n    \"truncated\": false\n  }\n}\n");
	expect_list((struct out_opts){ .format = OUT_NDJSON }, "");
	expect_list((struct out_opts){ .format = OUT_TABLE }, "NAME  TYPE  LAG  IDLE  STATE\n");
	expect_list((struct out_opts){ .format = OUT_YAML },
		"apiVersion: tdmqctl/v1\nkind: TopicList\nitems: []\nmeta:\n  truncated: false\n");
	cJSON_Delete(items);
	items = all;
}

Test(out, ndjson_is_an_object_a_line)
{
	expect_list((struct out_opts){ .format = OUT_NDJSON, .filter = "name~^pay" },
		"{\"name\":\"pay,\\\"x\\\"\",\"lag\":9007199254740993,\"sizeBytes\":12,"
		"\"state\":\"failed\",\"online\":false,\"used\":7,\"groups\":[\"a\",\"b\"]}\n");
}

Test(out, csv_quotes_as_rfc_4180)
{
	struct out_opts opts = { .format = OUT_CSV };

	opts.columns = columns("name,lag,groups");
	expect_list(opts, "name,lag,groups\r\norders,1234,\r\n"
			  "\"pay,\"\"x\"\"\",9007199254740993,\"a,b\"\r\n"
			  "\xe8\xae\xa2\xe5\x8d\x95,,\r\n");
	strv_release(&opts.columns);
}

Test(out, name_prints_names_and_nothing_else)
{
	struct out_opts opts = { .format = OUT_NAME, .filter = "lag!=0" };
	char *got;

	expect_list(opts, "orders\npay,\"x\"\n\xe8\xae\xa2\xe5\x8d\x95\n");
	got = listed(&mixed, &opts);
	cr_assert_not_null(got);
	cr_expect(str_starts(str_of(got), STR("thing/orders\nthing/pay")));
	free(got);
}

Test(out, yaml_quotes_text_that_looks_like_something_else)
{
	expect_list((struct out_opts){ .format = OUT_YAML,
			    .filter = "state=12 || name=orders",
			    .sort_by = "name:desc" },
		"apiVersion: tdmqctl/v1\nkind: TopicList\nitems:\n"
		"- name: \xe8\xae\xa2\xe5\x8d\x95\n  spec:\n    type: \"a\\e[2Jb\\nc\"\n"
		"  lag: null\n  idleMs: 900\n  state: \"12\"\n"
		"- name: orders\n  spec:\n    type: fifo\n  lag: 1234\n  sizeBytes: 3565158\n"
		"  idleMs: 130000\n  state: ok\n  online: true\n  used: 12.5\n  sinceMs: 0\n"
		"meta:\n  truncated: false\n");
}

Test(out, sorts_with_unknown_last)
{
	static const struct {
		const char *sort, *names;
	} cases[] = {
		{ "lag", "orders\npay,\"x\"\n\xe8\xae\xa2\xe5\x8d\x95\n" },
		{ "lag:desc", "pay,\"x\"\norders\n\xe8\xae\xa2\xe5\x8d\x95\n" },
		{ "name:desc", "\xe8\xae\xa2\xe5\x8d\x95\npay,\"x\"\norders\n" },
		{ "idle", "\xe8\xae\xa2\xe5\x8d\x95\norders\npay,\"x\"\n" },
		{ "groups", "pay,\"x\"\norders\n\xe8\xae\xa2\xe5\x8d\x95\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_list((struct out_opts){ .format = OUT_NAME, .sort_by = cases[i].sort },
			cases[i].names);
}

Test(out, filters_by_what_a_column_means)
{
	static const struct {
		const char *filter;
		int rows;
	} cases[] = {
		{ "lag>1000", 2 },
		{ "lag>=1234 && lag<10k", 1 },
		{ "lag>1.2e3", 2 },
		{ "lag==9007199254740993", 1 },
		{ "size>3MiB", 1 },
		{ "size<=12", 1 },
		{ "idle>2m", 1 },
		{ "idle<1s", 1 },
		{ "idle!=900ms", 2 },
		{ "used>=12.5%", 1 },
		{ "online=yes", 1 },
		{ "online!=true", 2 },
		{ "state=ok", 1 },
		{ "state!=ok", 2 },
		{ "name~^(orders|pay)", 2 },
		{ "name!~order", 2 },
		{ "name='pay,\"x\"'", 1 },
		{ "!(lag>1000)", 1 },
		{ "lag>1000||idle<1s", 3 },
		{ "lag>5000 || idle<1s && state=none", 1 },
		{ "(lag>5000 || idle<1s) && state=12", 1 },
		{ "groups~b", 1 },
		{ "spec.type==fifo", 1 },
		{ "since<1971-01-01", 1 },
		{ " lag > 1000 ", 2 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct out_opts opts = { .format = OUT_NAME, .filter = cases[i].filter };
		char *got = listed(&view, &opts);
		int rows = 0;

		cr_assert_not_null(got, "%s: %s", cases[i].filter, err.msg);
		for (const char *c = got; *c; c++)
			rows += *c == '\n';
		cr_expect_eq(rows, cases[i].rows, "%s: %d rows", cases[i].filter, rows);
		free(got);
	}
}

Test(out, refuses_what_makes_no_sense)
{
	static const struct {
		struct out_opts opts;
		const char *msg, *hint;
	} cases[] = {
		{ { .filter = "" }, "filter '': expected a column at character 1", "write it" },
		{ { .filter = "lag" }, "filter 'lag': expected one of ==", "write it" },
		{ { .filter = "lag>" }, "filter 'lag>': expected a value", "write it" },
		{ { .filter = "lag>1 &&" }, "expected a column at character 9", "write it" },
		{ { .filter = "(lag>1" }, "expected ')' at character 7", "write it" },
		{ { .filter = "lag>1 x" }, "expected && or ||", "write it" },
		{ { .filter = "name='x" }, "expected the closing quote", "write it" },
		{ { .filter = "leg>1" }, "no column 'leg'", "columns are: name type lag" },
		{ { .filter = "lag>many" }, "'many' is no value for column 'lag'", "" },
		{ { .filter = "name~[" }, "'[' is not a regular expression", "" },
		{ { .sort_by = "nme" }, "no column 'nme'", "did you mean name?" },
		{ { .sort_by = "lag:up" }, "order is asc or desc", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&err, 0, sizeof(err));
		cr_expect_null(listed(&view, &cases[i].opts), "case %zu", i);
		cr_expect_eq(err.code, TQ_EUSAGE, "case %zu", i);
		cr_expect(strstr(err.msg, cases[i].msg) != NULL, "case %zu: %s", i, err.msg);
		cr_expect(str_starts(str_of(err.hint), str_of(cases[i].hint)), "case %zu: %s",
			i, err.hint);
	}
}

Test(out, deep_filters_end_in_an_error_not_in_a_crash)
{
	char filter[4000];

	memset(filter, '(', sizeof(filter) - 1);
	filter[sizeof(filter) - 1] = '\0';
	cr_expect_null(listed(&view, &(struct out_opts){ .filter = filter }));
	memset(filter, '!', sizeof(filter) - 1);
	cr_expect_null(listed(&view, &(struct out_opts){ .filter = filter }));
}

Test(out, a_narrow_terminal_drops_then_wraps)
{
	expect_list((struct out_opts){ .width = 40 },
		"NAME      LAG   IDLE  STATE\n"
		"orders   1.2K  2m10s  ok\n"
		"pay,\"x\"    9P      -  failed\n"
		"\xe8\xae\xa2\xe5\x8d\x95        -  900ms  12\n");
	cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetArrayItem(items, 0), "name",
		cJSON_CreateString("a-name-much-longer-than-fits"));
	expect_list((struct out_opts){ .width = 40 },
		"NAME                  LAG   IDLE  STATE\n"
		"a-name-much-longer-  1.2K  2m10s  ok\n"
		"than-fits\n"
		"pay,\"x\"                9P      -  failed\n"
		"\xe8\xae\xa2\xe5\x8d\x95                    -  900ms  12\n");
}

Test(out, ids_stay_whole_on_a_narrow_terminal)
{
	static const struct col own[] = { { "id", "name", COL_TEXT, COL_WHOLE },
		{ "state", "state", COL_TEXT, 0 }, COL_END };
	static const struct view ids = { "Thing", "name", own, false };
	char *text;

	cJSON_ReplaceItemInObjectCaseSensitive(cJSON_GetArrayItem(items, 0), "name",
		cJSON_CreateString("C000020202F527EB87F4734FC69D0000"));
	text = listed(&ids, &(struct out_opts){ .width = 20 });
	cr_assert_not_null(text);
	cr_expect_not_null(strstr(text, "C000020202F527EB87F4734FC69D0000  ok\n"), "%s", text);
	mem_free(text);
}

Test(out, colours_only_when_asked)
{
	struct out_opts opts = { .colour = true, .filter = "name=orders" };

	opts.columns = columns("name,state");
	expect_list(opts, "NAME    STATE\n\x1b[36morders\x1b[0m  \x1b[32mok\x1b[0m\n");
	strv_release(&opts.columns);
}

static char *shown(const struct out_opts *opts, int item)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct out *o = NULL;

	cr_assert_eq(out_new(f, opts, &o, &err), 0);
	cr_assert_eq(
		out_object(o, &view, cJSON_GetArrayItem(items, item), &err), 0, "%s", err.msg);
	cr_assert_eq(out_finish(o, &err), 0);
	out_free(o);
	fclose(f);
	return text;
}

Test(out, one_object_is_a_page)
{
	char *got = shown(&(struct out_opts){ .utc = true }, 1);

	cr_expect_str_eq(got,
		"name:    pay,\"x\"\ntype:    -\nlag:     9P\nsize:    12 B\nidle:    -\n"
		"state:   failed\nonline:  no\nused:    7%\nsince:   -\ngroups:  a,b\n");
	free(got);
	got = shown(&(struct out_opts){ .format = OUT_YAML }, 1);
	cr_expect_str_eq(got,
		"apiVersion: tdmqctl/v1\nkind: Topic\nname: pay,\"x\"\nlag: 9007199254740993\n"
		"sizeBytes: 12\nstate: failed\nonline: false\nused: 7\ngroups:\n- a\n- b\n");
	free(got);
	got = shown(&(struct out_opts){ .format = OUT_JSON }, 0);
	cr_expect(
		str_starts(str_of(got), STR("{\n  \"apiVersion\": \"tdmqctl/v1\",\n"
					    "  \"kind\": \"Topic\",\n  \"name\": \"orders\"")));
	free(got);
}

Test(out, rows_flow_without_a_list)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	struct out_opts opts = { .no_headers = true, .filter = "name!~pay" };
	struct out *o = NULL;
	const cJSON *item;

	opts.columns = columns("name,lag");
	cr_assert_eq(out_new(f, &opts, &o, &err), 0);
	cr_assert_eq(out_begin(o, &view, &err), 0);
	cJSON_ArrayForEach (item, items) {
		cr_assert_eq(out_row(o, item, &err), 0);
		cr_assert_eq(out_flush(o, &err), 0);
	}
	cr_expect_eq(out_rows(o), 2);
	cr_assert_eq(out_end(o, NULL, &err), 0);
	cr_assert_eq(out_finish(o, &err), 0);
	cr_expect_str_eq(text, "orders  1.2K\n\xe8\xae\xa2\xe5\x8d\x95       -\n");
	out_free(o);
	fclose(f);
	free(text);
	strv_release(&opts.columns);
}

Test(out, a_full_disk_and_a_closed_pipe_are_noticed)
{
	struct out_opts opts = { 0 };
	struct out *o = NULL;
	FILE *f = fopen("/dev/full", "w");
	int pipe_fd[2];

	cr_assert_eq(out_new(f, &opts, &o, &err), 0);
	cr_assert_eq(out_list(o, &view, items, NULL, &err), 0);
	cr_expect_eq(out_finish(o, &err), TQ_ENOSPACE);
	cr_expect_eq(err.sys, ENOSPC);
	cr_expect_eq(out_text(o, STR("more"), &err), TQ_ENOSPACE);
	cr_expect_eq(out_finish(o, &err), TQ_ENOSPACE);
	out_free(o);
	fclose(f);

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(pipe_fd), 0);
	close(pipe_fd[0]);
	f = fdopen(pipe_fd[1], "w");
	cr_assert_eq(out_new(f, &opts, &o, &err), 0);
	cr_assert_eq(out_list(o, &view, items, NULL, &err), 0);
	cr_expect_eq(out_finish(o, &err), TQ_EIO);
	cr_expect_eq(err.sys, EPIPE);
	out_free(o);
	fclose(f);
}

Test(out, figures_have_units)
{
	static const struct {
		int64_t n;
		const char *count, *bytes;
	} cases[] = {
		{ 0, "0", "0 B" },
		{ 999, "999", "999 B" },
		{ 1000, "1K", "1000 B" },
		{ 1023, "1K", "1023 B" },
		{ 1024, "1K", "1 KiB" },
		{ 1536, "1.5K", "1.5 KiB" },
		{ 99999, "99.9K", "97.6 KiB" },
		{ 999999, "999K", "976 KiB" },
		{ 1048575, "1M", "1023 KiB" },
		{ -2500, "-2.5K", "-2.4 KiB" },
		{ INT64_MAX, "9.2E", "7.9 EiB" },
		{ INT64_MIN, "-9.2E", "-8 EiB" },
	};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_clear(&b);
		out_count(&b, cases[i].n);
		cr_expect_str_eq(b.p, cases[i].count);
		buf_clear(&b);
		out_bytes(&b, cases[i].n);
		cr_expect_str_eq(b.p, cases[i].bytes);
	}
	buf_release(&b);
}

Test(out, counts_columns_as_terminals_do)
{
	cr_expect_eq(out_width(STR("abc")), 3);
	cr_expect_eq(out_width(STR("\xe8\xae\xa2\xe5\x8d\x95")), 4);
	cr_expect_eq(out_width(STR("e\xcc\x81")), 1);
	cr_expect_eq(out_width(STR("\xc3\xa9")), 1);
	cr_expect_eq(out_width(STR("\xff\xfe")), 2);
	cr_expect_eq(out_width(STR("\xf0\x9f\x98\x80")), 2);
}

Test(out, a_sound_view_passes_its_check)
{
	static const struct col bad[] = { { "Name", "name", COL_TEXT, 0 },
		{ "lag", NULL, COL_TEXT, 0 }, { "lag", "lag", COL_TEXT, 0 }, COL_END };
	struct view wrong = { "topic", NULL, bad, false };
	struct buf b;

	buf_init(&b, 1000);
	out_check(&view, &b);
	cr_expect_eq(b.n, 0, "%s", b.p);
	out_check(&wrong, &b);
	cr_expect(strstr(b.p, "begins with a capital") && strstr(b.p, "-o name") &&
		  strstr(b.p, "'N' in the name") && strstr(b.p, "no path") &&
		  strstr(b.p, "twice"));
	buf_release(&b);
}
