/* SPDX-License-Identifier: Apache-2.0 */
/* opt: the grammar, what each kind of value accepts, the words of errors, help and completion. */
#include <criterion/criterion.h>

#include "clock.h"
#include "opt.h"

static const char *const types[] = { "normal", "fifo", "delay", NULL };
static const char *const actions[] = { "produce", "consume", NULL };

struct cmd_args {
	const char *remark, *group, *word, *like;
	struct strv topics, hosts, props;
	int type, queues, verbose;
	int64_t big, wait_ms, size, since_ms;
	double rate;
	bool all, quiet;
};

struct global_args {
	const char *output;
	bool help, utc;
};

static const struct opt opts[] = {
	OPT_ENUM('t', "type", struct cmd_args, type, types, 0, "its guarantees"),
	OPT_INT('q', "queues", "n", struct cmd_args, queues, 1, 256, 3,
		"queues to spread over"),
	OPT_INT(0, "big", "n", struct cmd_args, big, INT64_MIN, INT64_MAX, 0, "any number"),
	OPT_STR(0, "remark", "text", struct cmd_args, remark, "note shown by describe"),
	OPT_STR_DEFAULT(0, "like", "glob", struct cmd_args, like, "*", "names that count"),
	OPT_NAME('g', "group", "group", struct cmd_args, group, NAMES_GROUP, "group to join"),
	OPT_MS(0, "wait", struct cmd_args, wait_ms, 1, 86400000, 5000, "how long to wait"),
	OPT_BYTES(0, "size", struct cmd_args, size, 1, 4194304, 65536, "bytes a piece"),
	OPT_RATE(0, "rate", struct cmd_args, rate, "messages a second"),
	OPT_TIME(0, "since", struct cmd_args, since_ms, 0, "first moment that counts"),
	{ OPT_HEAD_(LIST, 's', "hosts", "list", struct cmd_args, hosts, "where to ask"),
		.flags = OPT_SEMICOLON },
	OPT_KV('H', "prop", struct cmd_args, props, "property of the message"),
	OPT_BOOL('A', "all", struct cmd_args, all, "all of them"),
	OPT_BOOL('Q', "quiet", struct cmd_args, quiet, "say less"),
	OPT_COUNT('v', "verbose", struct cmd_args, verbose, "say more"),
	OPT_END,
};

static const struct opt globals[] = {
	OPT_STR_DEFAULT(
		'o', "output", "format", struct global_args, output, "table", "the format"),
	OPT_SWITCH('h', "help", struct global_args, help, OPT_ALONE, "show help"),
	OPT_SWITCH(0, "utc", struct global_args, utc, OPT_UTC, "times are UTC"),
	OPT_END,
};

static const struct arg topics[] = {
	ARG_TOPICS(struct cmd_args, topics),
	ARG_END,
};
static const struct arg word_then_more[] = {
	ARG_CHOICE(ARG_ONE, actions, "ACTION", struct cmd_args, word),
	ARG(ARG_ANY, NAMES_TOPIC, "TOPIC", struct cmd_args, topics),
	ARG_END,
};

static struct arena arena;
static struct cmd_args got;
static struct global_args global;
static struct opt_set sets[2];
static struct err err;

/* The line is split at blanks. */
static int run(const struct arg *args, const char *line)
{
	struct strv words = strv_in(&arena);

	sets[0] = (struct opt_set){ opts, &got };
	sets[1] = (struct opt_set){ globals, &global };
	memset(&got, 0xee, sizeof(got));
	memset(&err, 0, sizeof(err));
	strv_split(&words, str_of(line), ' ');
	return opt_parse(sets, 2, args, (int)words.n, words.v, &arena, &err);
}

Test(opt, fills_defaults)
{
	cr_assert_eq(run(topics, "orders"), 0, "%s", err.msg);
	cr_expect_eq(got.type, 0);
	cr_expect_eq(got.queues, 3);
	cr_expect_eq(got.big, 0);
	cr_expect_null(got.remark);
	cr_expect_str_eq(got.like, "*");
	cr_expect_eq(got.wait_ms, 5000);
	cr_expect_eq(got.size, 65536);
	cr_expect_eq(got.rate, 0);
	cr_expect_eq(got.hosts.n, 0);
	cr_expect(!got.all && !got.quiet && !got.verbose);
	cr_expect_str_eq(global.output, "table");
	cr_expect(!OPT_GIVEN(&sets[0], struct cmd_args, queues));
}

Test(opt, takes_flags_anywhere_and_in_every_spelling)
{
	static const char *const lines[] = {
		"-t fifo --queues 8 a b -AQ -vv -o json",
		"a --type=fifo -q8 b --all --quiet --verbose --verbose --output=json",
		"-AQvv -ojson -q=8 -tfifo -- a b",
		"-Aq8 a -vQv --type fifo b --output json",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		cr_assert_eq(run(topics, lines[i]), 0, "%s: %s", lines[i], err.msg);
		cr_expect_eq(got.type, 1, "%s", lines[i]);
		cr_expect_eq(got.queues, 8, "%s", lines[i]);
		cr_expect(got.all && got.quiet, "%s", lines[i]);
		cr_expect_eq(got.verbose, 2, "%s", lines[i]);
		cr_expect_str_eq(global.output, "json", "%s", lines[i]);
		cr_expect_eq(got.topics.n, 2, "%s", lines[i]);
		cr_expect_str_eq(got.topics.v[0], "a");
		cr_expect_str_eq(got.topics.v[1], "b");
		cr_expect(OPT_GIVEN(&sets[0], struct cmd_args, queues));
		cr_expect(opt_given(&sets[1], "output") && !opt_given(&sets[1], "help"));
	}
}

Test(opt, reads_each_kind_of_value)
{
	cr_assert_eq(
		run(topics, "x --big -9223372036854775808 --wait 1m30s --size 64k --rate 6k/m "
			    "-s a:1,b:2;c:3 --hosts d -H k=v -H x=a=b --remark - -g g1"),
		0, "%s", err.msg);
	cr_expect_eq(got.big, INT64_MIN);
	cr_expect_eq(got.wait_ms, 90000);
	cr_expect_eq(got.size, 64000);
	cr_expect_float_eq(got.rate, 100, 1e-9);
	cr_expect_eq(got.hosts.n, 4);
	cr_expect_str_eq(got.hosts.v[2], "c:3");
	cr_expect_eq(got.props.n, 2);
	cr_expect_str_eq(got.props.v[1], "x=a=b");
	cr_expect_str_eq(got.remark, "-");
	cr_expect_str_eq(got.group, "g1");
}

Test(opt, a_later_utc_changes_an_earlier_time)
{
	clock_test_set(1700000000000);
	setenv("TZ", "Asia/Shanghai", 1);
	cr_assert_eq(run(topics, "x --since 2026-03-01"), 0);
	cr_expect_eq(got.since_ms, 1772294400000);
	cr_assert_eq(run(topics, "x --since 2026-03-01 --utc"), 0);
	cr_expect_eq(got.since_ms, 1772323200000);
	cr_assert_eq(run(topics, "x --since -30m"), 0, "%s", err.msg);
	cr_expect_eq(got.since_ms, 1700000000000 - 30 * 60000);
}

Test(opt, says_what_is_wrong_and_what_to_try)
{
	static const struct {
		const char *line, *msg, *hint;
	} cases[] = {
		{ "x --queus 3", "unknown flag '--queus'", "did you mean --queues?" },
		{ "x --qeueus=3", "unknown flag '--qeueus'", "did you mean --queues?" },
		{ "x --nothing-like-it", "unknown flag '--nothing-like-it'", "" },
		{ "x -z", "unknown flag '-z'", "" },
		{ "x -30m", "unknown flag '-3'", "put -- in front" },
		{ "x --queues", "--queues needs a value", "" },
		{ "x -q", "-q needs a value", "" },
		{ "x --queues --all", "--queues needs a value", "" },
		{ "x --all=yes", "--all takes no value", "" },
		{ "x --queues 0", "--queues: not between 1 and 256", "" },
		{ "x --queues ten", "--queues: value: 'ten' is not a whole number", "" },
		{ "x --queues 99999999999", "--queues: value: 99999999999 is not between", "" },
		{ "x --wait 2d", "--wait: not between 1ms and 1d", "" },
		{ "x --wait 30", "--wait: '30' is not a duration", "" },
		{ "x --size 5M", "--size: not between 1 and 4194304", "" },
		{ "x --rate 5/d", "--rate: '5/d' is not a rate", "" },
		{ "x --since soon", "--since: 'soon' is not a time", "" },
		{ "x --type fif", "--type: 'fif' is not one of normal, fifo, delay",
			"did you mean fifo?" },
		{ "x -H novalue", "--prop: 'novalue' is not KEY=VALUE", "" },
		{ "x -H =v", "--prop: '=v' is not KEY=VALUE", "" },
		{ "", "TOPIC is missing", "" },
		{ "a b!", "TOPIC: ", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_expect_eq(run(topics, cases[i].line), TQ_EUSAGE, "%s", cases[i].line);
		cr_expect_eq(err.code, TQ_EUSAGE, "%s", cases[i].line);
		cr_expect(!strncmp(err.msg, cases[i].msg, strlen(cases[i].msg)), "%s: %s",
			cases[i].line, err.msg);
		cr_expect(!strncmp(err.hint, cases[i].hint, strlen(cases[i].hint)) &&
				  !err.hint[0] == !cases[i].hint[0],
			"%s: %s", cases[i].line, err.hint);
	}
}

Test(opt, words_fill_arguments_in_order)
{
	cr_assert_eq(run(word_then_more, "produce"), 0, "%s", err.msg);
	cr_expect_str_eq(got.word, "produce");
	cr_expect_eq(got.topics.n, 0);
	cr_assert_eq(run(word_then_more, "consume a b"), 0);
	cr_expect_eq(got.topics.n, 2);
	cr_assert_eq(run(word_then_more, "comsume"), TQ_EUSAGE);
	cr_expect_str_eq(err.hint, "did you mean consume?");
	cr_assert_eq(run(NULL, "x"), TQ_EUSAGE);
	cr_expect_str_eq(err.msg, "'x' is one word too many");
}

Test(opt, help_excuses_what_is_missing_or_wrong)
{
	cr_expect_eq(run(topics, "--help"), 0);
	cr_expect(global.help);
	cr_expect_eq(run(topics, "--bogus -h"), 0);
	cr_expect(global.help);
}

Test(opt, takes_noun_and_verb_from_between_global_flags)
{
	struct strv words = strv_in(&arena);
	char **argv;
	int argc;

	strv_split(&words, STR("-o json --utc topic --output=x list -h orders"), ' ');
	argv = words.v;
	argc = (int)words.n;
	cr_expect_str_eq(opt_take_word(globals, &argc, argv), "topic");
	cr_expect_str_eq(opt_take_word(globals, &argc, argv), "list");
	cr_expect_eq(argc, 6);
	cr_expect_str_eq(argv[0], "-o");
	cr_expect_str_eq(argv[5], "orders");
	cr_expect_str_eq(opt_take_word(globals, &argc, argv), "orders");
	cr_expect_null(opt_take_word(globals, &argc, argv));
}

Test(opt, finds_the_nearest_word)
{
	static const struct {
		const char *word, *near;
	} cases[] = {
		{ "fifo", "fifo" },
		{ "fif", "fifo" },
		{ "fioo", "fifo" },
		{ "foif", "fifo" },
		{ "normla", "normal" },
		{ "delya", "delay" },
		{ "dlay", "delay" },
		{ "x", NULL },
		{ "", NULL },
		{ "something else", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *near = opt_nearest(str_of(cases[i].word), types);

		cr_expect(near == cases[i].near ||
				  (near && cases[i].near && !strcmp(near, cases[i].near)),
			"%s: %s", cases[i].word, near ? near : "-");
	}
}

Test(opt, help_fits_eighty_columns)
{
	struct buf b;
	struct str rest, line;

	buf_init(&b, 8192);
	opt_help(&b, opts);
	cr_expect(
		strstr(b.p,
			"  -q, --queues N          queues to spread over (1 to 256; default 3)\n") !=
			NULL,
		"%s", b.p);
	cr_expect(strstr(b.p, "  -A, --all               all of them\n") != NULL);
	cr_expect(strstr(b.p, "(1ms to 1d; default 5s)") != NULL);
	cr_expect(strstr(b.p, "(normal, fifo, delay; default normal)") != NULL);
	cr_expect(strstr(b.p, "default 64Ki") != NULL);
	for (rest = buf_str(&b); str_cut(&rest, '\n', &line);)
		cr_expect(line.n <= 80, STR_FMT, STR_ARG(line));
	buf_clear(&b);
	opt_usage(&b, word_then_more, opts);
	cr_expect_str_eq(b.p, "ACTION [TOPIC...] [flags]");
	buf_release(&b);
}

Test(opt, describes_itself_as_mdoc)
{
	struct buf b;

	buf_init(&b, 8192);
	opt_describe_mdoc(&b, opts + 1);
	cr_expect(str_starts(buf_str(&b), STR(".It Fl q , Fl -queues Ar n\n"
					      "Queues to spread over (1 to 256; default 3).\n"
					      ".It Fl -big Ar n\nAny number.\n")),
		"%s", b.p);
	buf_clear(&b);
	arg_describe_mdoc(&b, word_then_more);
	cr_expect_str_eq(b.p, " Ar action Op Ar topic ...");
	buf_release(&b);
}

static enum opt_names complete(const struct arg *args, const char *before, const char *word,
	struct strv *out, struct str *value)
{
	struct strv words = strv_in(&arena);

	sets[0] = (struct opt_set){ opts, &got };
	sets[1] = (struct opt_set){ globals, &global };
	*out = strv_in(&arena);
	strv_split(&words, str_of(before), ' ');
	return opt_candidates(sets, 2, args, (int)words.n, words.v, word, out, value);
}

Test(opt, completes_what_can_stand_at_the_cursor)
{
	static const struct {
		const char *before, *word, *first;
		size_t n;
		enum opt_names kind;
		const char *value;
	} cases[] = {
		{ "", "", NULL, 0, NAMES_TOPIC, "" },
		{ "orders", "o", NULL, 0, NAMES_TOPIC, "o" },
		{ "", "--qu", "--queues\tqueues to spread over", 2, NAMES_NONE, NULL },
		{ "--queues 3", "--qu", "--quiet\tsay less", 1, NAMES_NONE, NULL },
		{ "-q 3", "--queu", NULL, 0, NAMES_NONE, NULL },
		{ "-v", "--verb", "--verbose\tsay more", 1, NAMES_NONE, NULL },
		{ "--type", "", "normal", 3, NAMES_ENUM, "" },
		{ "-t", "f", "fifo", 1, NAMES_ENUM, "f" },
		{ "", "--type=f", "--type=fifo", 1, NAMES_ENUM, "f" },
		{ "-A -g", "pay", NULL, 0, NAMES_GROUP, "pay" },
		{ "", "--group=pay", NULL, 0, NAMES_GROUP, "pay" },
		{ "--", "--qu", NULL, 0, NAMES_TOPIC, "--qu" },
		{ "--remark", "--qu", NULL, 0, NAMES_NONE, "--qu" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct strv out;
		struct str value;
		enum opt_names kind =
			complete(topics, cases[i].before, cases[i].word, &out, &value);

		cr_expect_eq(kind, cases[i].kind, "case %zu: kind %d", i, kind);
		cr_expect_eq(out.n, cases[i].n, "case %zu: %zu offers", i, out.n);
		if (out.n && cases[i].first)
			cr_expect_str_eq(out.v[0], cases[i].first);
		if (cases[i].value)
			cr_expect(str_is(value, cases[i].value), "case %zu: " STR_FMT, i,
				STR_ARG(value));
	}
	{
		struct strv out;
		struct str value;

		cr_expect_eq(complete(word_then_more, "", "c", &out, &value), NAMES_ENUM);
		cr_expect_eq(out.n, 1);
		cr_expect_eq(
			complete(word_then_more, "consume a", "b", &out, &value), NAMES_TOPIC);
	}
}

Test(opt, survives_any_words)
{
	static const char *const pieces[] = { "-", "--", "---", "-=", "--=", "--=x", "-q",
		"--type", "=", "", "-A=", "--all=", "-qA", "-Aqt", "\xff\xfe", "--\xff" };

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++)
		for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
			char *argv[] = { (char *)(uintptr_t)pieces[i],
				(char *)(uintptr_t)pieces[j], NULL };
			struct strv out = strv_in(&arena);
			struct str value;

			sets[0] = (struct opt_set){ opts, &got };
			sets[1] = (struct opt_set){ globals, &global };
			(void)!opt_parse(sets, 2, topics, 2, argv, &arena, NULL);
			opt_candidates(sets, 2, topics, 1, argv, pieces[j], &out, &value);
		}
}

Test(opt, a_sound_table_passes_its_check)
{
	const struct opt *both[] = { opts, globals };
	struct buf b;

	buf_init(&b, 8192);
	opt_check(both, 2, topics, &b);
	cr_expect_eq(b.n, 0, "%s", b.p);
	buf_release(&b);
}

Test(opt, a_bad_table_is_told_why)
{
	static const struct {
		const char *why, *complaint;
		struct opt opt;
	} cases[] = {
		{ "capital", "--all: help begins with a capital",
			OPT_BOOL('a', "all", struct cmd_args, all, "All of them") },
		{ "stop", "--all: help ends with a full stop",
			OPT_BOOL('a', "all", struct cmd_args, all, "all of them.") },
		{ "letter", "--all: '-' is no letter",
			OPT_BOOL('-', "all", struct cmd_args, all, "all of them") },
		{ "size", "--all: its member has 8 bytes, not 1",
			OPT_BOOL(0, "all", struct cmd_args, remark, "all of them") },
		{ "bounds", "--queues: default is out of bounds",
			OPT_INT(0, "queues", "n", struct cmd_args, queues, 1, 5, 6, "queues") },
		{ "enum", "--type: default is none of its words",
			OPT_ENUM(0, "type", struct cmd_args, type, types, 3, "kind") },
		{ "name", "--All: 'A' in the name",
			OPT_BOOL(0, "All", struct cmd_args, all, "all of them") },
		{ "twice", "--output: twice",
			OPT_STR(0, "output", "x", struct cmd_args, remark, "format") },
		{ "letter twice", "-o: both --output and --other",
			OPT_STR('o', "other", "x", struct cmd_args, remark, "format") },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct opt table[] = { cases[i].opt, OPT_END };
		const struct opt *both[] = { globals, table };
		struct buf b;

		buf_init(&b, 8192);
		opt_check(both, 2, NULL, &b);
		cr_expect(b.n && strstr(b.p, cases[i].complaint) != NULL, "%s: %s",
			cases[i].why, b.n ? b.p : "no complaint");
		buf_release(&b);
	}
}
