/* SPDX-License-Identifier: Apache-2.0 */
/* conf: precedence, places in errors, bounds, and a dump that loads to the same dump. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "conf.h"
#include "fsio.h"
#include "mem.h"

static const char *const modes[] = { "sync", "async", NULL };

struct config {
	const char *data, *secret;
	int64_t port, idle, size;
	bool dev;
	int flush;
	struct strv servers;
};

static const struct conf_key keys[] = {
	CONF_TEXT(struct config, data, "data", CONF_FILE, "where everything is"),
	CONF_TEXT(struct config, secret, "", CONF_SECRET | CONF_NO_FLAG, "a secret"),
	CONF_NUMBER(struct config, port, 10911, 0, 65535, 0, "port to listen on"),
	CONF_TIME(struct config, idle, 120000, 1000, 86400000, CONF_RELOAD, "silence allowed"),
	CONF_BYTES(
		struct config, size, 4 << 20, 1 << 10, 16 << 20, CONF_RELOAD, "largest body"),
	CONF_BOOL(struct config, dev, false, 0, "for a laptop"),
	CONF_CHOICE(struct config, flush, modes, 0, CONF_RELOAD, "when to sync"),
	CONF_LIST(struct config, servers, "a:1,b:2", CONF_RELOAD, "whom to tell"),
	CONF_END,
};

static struct conf conf;
static struct config cfg;
static struct err err;
static char path[] = "/tmp/test_conf_XXXXXX";

static void setup(void)
{
	close(mkstemp(path));
	conf_init(&conf, keys, &cfg, "TESTD_");
}

static void teardown(void)
{
	unlink(path);
	conf_release(&conf);
}

TestSuite(conf, .init = setup, .fini = teardown);

static int load(const char *text)
{
	cr_assert_eq(fsio_replace(path, str_of(text), 0600, &err), 0, "%s", err.msg);
	memset(&err, 0, sizeof(err));
	return conf_load(&conf, path, NULL, &err);
}

Test(conf, starts_with_the_defaults)
{
	cr_expect_str_eq(cfg.data, "data");
	cr_expect_eq(cfg.port, 10911);
	cr_expect_eq(cfg.idle, 120000);
	cr_expect_eq(cfg.size, 4 << 20);
	cr_expect(!cfg.dev);
	cr_expect_eq(cfg.flush, 0);
	cr_expect_eq(cfg.servers.n, 2);
	cr_expect_str_eq(cfg.servers.v[1], "b:2");
}

Test(conf, reads_a_file_in_every_spelling)
{
	static const struct {
		const char *why, *text;
	} cases[] = {
		{ "flat", "port: 1\nidle: 5s\nsize: 64Ki\ndev: true\nflush: async\n"
			  "servers: [x, y, 9]\ndata: 12\n" },
		{ "text everywhere",
			"port: \"1\"\nidle: 5000ms\nsize: 65536\ndev: on\nflush: async\n"
			"servers: x, y, 9\ndata: \"12\"\n" },
		{ "underscores and comments",
			"# c\nport: 0001\nidle: 5s # c\nsize: 64Ki\ndev: yes\nflush: 'async'\n"
			"servers:\n- x\n- y\n- 9\ndata: 12\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_assert_eq(load(cases[i].text), 0, "%s: %s", cases[i].why, err.msg);
		cr_expect_eq(cfg.port, 1, "%s", cases[i].why);
		cr_expect_eq(cfg.idle, 5000, "%s", cases[i].why);
		cr_expect_eq(cfg.size, 65536, "%s", cases[i].why);
		cr_expect(cfg.dev, "%s", cases[i].why);
		cr_expect_eq(cfg.flush, 1, "%s", cases[i].why);
		cr_expect_eq(cfg.servers.n, 3, "%s", cases[i].why);
		cr_expect_str_eq(cfg.servers.v[2], "9");
		cr_expect_str_eq(cfg.data, "12");
	}
	cr_expect_eq(load(""), 0);
	cr_expect_eq(cfg.port, 10911);
}

Test(conf, mistakes_have_a_place)
{
	static const struct {
		const char *text, *place, *msg, *hint;
	} cases[] = {
		{ "port: 1\nprot: 2\n", ":2:7: ", "there is no setting 'prot'",
			"did you mean port?" },
		{ "port: 70000\n", ":1:7: ", "port: not between 0 and 65535", "" },
		{ "\n  idle: 1ms\n", ":2:9: ", "idle: not between 1s and 1d", "" },
		{ "idle: 5\n", ":1:7: ", "idle: '5' is not a duration", "" },
		{ "size: 1\n", ":1:7: ", "size: not between 1Ki and 16Mi", "" },
		{ "dev: maybe\n", ":1:6: ", "dev: 'maybe' is not true or false", "" },
		{ "flush: never\n", ":1:8: ", "flush: 'never' is not one of sync, async", "" },
		{ "port: [1]\n", ":1:7: ", "port: one value is wanted", "" },
		{ "servers: [[1]]\n", ":1:11: ", "servers: a list of texts is wanted", "" },
		{ "port: 1\nport: 2\n", ":2:1: ", "key twice: 'port'", "" },
		{ "a: {b: 1}\n", ":1:8: ", "there is no setting 'a-b'", "" },
		{ "port: *x\n", ":1:7: ", "aliases are not accepted", "" },
		{ "port: &x 1\n", ":1:7: ", "anchors are not accepted", "" },
		{ "port: !x 1\n", ":1:7: ", "tag is not accepted: '!x'", "" },
		{ "{a: [}\n", ":1:6: ", "", "" },
		{ "- port\n", "", "holds no settings", "" },
		{ "port: 1\n---\nport: 2\n", "", "more than one document", "" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		cr_expect_lt(load(cases[i].text), 0, "%s", cases[i].text);
		cr_expect(strstr(err.msg, path) != NULL, "%s: %s", cases[i].text, err.msg);
		cr_expect(strstr(err.msg, cases[i].place) != NULL, "%s: %s", cases[i].text,
			err.msg);
		cr_expect(strstr(err.msg, cases[i].msg) != NULL, "%s: %s", cases[i].text,
			err.msg);
		cr_expect_str_eq(err.hint, cases[i].hint);
		cr_expect_eq(cfg.port, 10911, "%s", cases[i].text);
	}
	unlink(path);
	cr_expect_eq(conf_load(&conf, path, NULL, &err), TQ_ENOTFOUND);
}

Test(conf, dotted_and_nested_keys_are_dashed_ones)
{
	struct deep {
		int64_t log_max_size;
	} deep;
	static const struct conf_key deep_keys[] = {
		CONF_NUMBER(struct deep, log_max_size, 1, 0, 9, 0, "x"), CONF_END
	};
	static const char *const texts[] = { "log-max-size: 5", "log.max.size: 5",
		"log_max_size: 5", "log: {max: {size: 5}}", "log.max:\n  size: 5",
		"log:\n  max-size: 5" };
	struct conf c;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		conf_init(&c, deep_keys, &deep, NULL);
		cr_assert_eq(fsio_replace(path, str_of(texts[i]), 0600, &err), 0);
		cr_expect_eq(conf_load(&c, path, NULL, &err), 0, "%s: %s", texts[i], err.msg);
		cr_expect_eq(deep.log_max_size, 5, "%s", texts[i]);
		conf_release(&c);
	}
	conf_init(&c, deep_keys, &deep, NULL);
	cr_assert_eq(
		fsio_replace(path, STR("log.max-size: 5\nlog: {max: {size: 6}}"), 0600, &err),
		0);
	cr_expect_eq(conf_load(&c, path, NULL, &err), TQ_EINVAL);
	cr_expect(strstr(err.msg, ":2:19: log-max-size is set twice") != NULL, "%s", err.msg);
	conf_release(&c);
}

static int flags(const char *line, struct opt_set *set, struct arena *a)
{
	struct strv words = strv_in(a);

	strv_split(&words, str_of(line), ' ');
	*set = (struct opt_set){ conf_opts(&conf), conf_opts_into(&conf), NULL };
	return opt_parse(set, 1, NULL, (int)words.n, words.v, a, &err);
}

Test(conf, a_flag_beats_the_environment_which_beats_the_file)
{
	struct opt_set set;
	struct arena a;

	arena_init(&a);
	setenv("TESTD_PORT", "2", 1);
	setenv("TESTD_IDLE", "7s", 1);
	setenv("TESTD_DATA", "", 1);
	cr_assert_eq(load("port: 1\nidle: 5s\nsize: 2Ki\ndata: d\n"), 0, "%s", err.msg);
	cr_expect_eq(cfg.port, 2);
	cr_assert_eq(flags("--port 3 --dev --flush=async --servers x,y --servers z", &set, &a),
		0, "%s", err.msg);
	cr_assert_eq(conf_load(&conf, path, &set, &err), 0, "%s", err.msg);
	cr_expect_eq(cfg.port, 3);
	cr_expect_eq(cfg.idle, 7000);
	cr_expect_eq(cfg.size, 2048);
	cr_expect_str_eq(cfg.data, "d");
	cr_expect(cfg.dev);
	cr_expect_eq(cfg.flush, 1);
	cr_expect_eq(cfg.servers.n, 3);
	cr_expect_eq(conf.origins[2], CONF_FROM_FLAG);
	cr_expect_eq(conf.origins[3], CONF_FROM_ENV);
	cr_expect_eq(conf.origins[4], CONF_FROM_FILE);
	cr_expect_eq(conf.origins[1], CONF_FROM_DEFAULT);
	cr_assert_eq(load("dev: true"), 0);
	cr_assert_eq(flags("--no-dev", &set, &a), 0, "%s", err.msg);
	cr_assert_eq(conf_load(&conf, path, &set, &err), 0);
	cr_expect(!cfg.dev);
	cr_expect_eq(flags("--secret x", &set, &a), TQ_EUSAGE);
	cr_expect_eq(flags("--port 70000", &set, &a), TQ_EUSAGE);
	setenv("TESTD_PORT", "x", 1);
	cr_expect_eq(conf_load(&conf, NULL, NULL, &err), TQ_EINVAL);
	cr_expect(str_starts(str_of(err.msg), STR("TESTD_PORT in the environment: ")), "%s",
		err.msg);
	arena_release(&a);
}

Test(conf, a_dump_loads_to_the_same_dump)
{
	static const char *const texts[] = { "",
		"port: 1\nidle: 82861001ms\nsize: 1025\ndev: true\nservers: []\ndata: \"yes\"\n",
		"data: \"1e3\"\nservers: [\"a, b\", \"null\", '']\nidle: 23h\nsize: 1Mi\n",
		"data: \"line\\nline\\ttab \\u00e9\"\n" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct buf one, two;

		buf_init(&one, 10000);
		buf_init(&two, 10000);
		cr_assert_eq(load(texts[i]), 0, "%s: %s", texts[i], err.msg);
		conf_dump(&conf, false, &one);
		cr_assert_eq(load(one.p), 0, "%s: %s", one.p, err.msg);
		conf_dump(&conf, false, &two);
		cr_expect_str_eq(one.p, two.p);
		buf_release(&one);
		buf_release(&two);
	}
}

Test(conf, a_dump_shows_what_changed_and_hides_secrets)
{
	struct buf b;

	buf_init(&b, 10000);
	cr_assert_eq(load("secret: hush\nidle: 90s\nport: 10911\n"), 0, "%s", err.msg);
	conf_dump(&conf, true, &b);
	cr_expect_str_eq(b.p, "secret: '***'\nidle: 1m30s\n");
	buf_clear(&b);
	cr_expect(conf_get(&conf, "idle", &b));
	cr_expect_str_eq(b.p, "1m30s");
	cr_expect(!conf_get(&conf, "gone", &b));
	buf_release(&b);
}

Test(conf, takes_over_at_run_time_what_may_change)
{
	struct strv changed = STRV_INIT, restart = STRV_INIT;
	struct config next;
	struct conf fresh;

	conf_init(&fresh, keys, &next, NULL);
	cr_assert_eq(fsio_replace(path, STR("idle: 9s\nport: 5\nservers: [q]\nflush: async"),
			     0600, &err),
		0);
	cr_assert_eq(conf_load(&fresh, path, NULL, &err), 0, "%s", err.msg);
	conf_adopt(&conf, &fresh, &changed, &restart);
	conf_release(&fresh);
	cr_expect_eq(cfg.idle, 9000);
	cr_expect_eq(cfg.flush, 1);
	cr_expect_eq(cfg.servers.n, 1);
	cr_expect_str_eq(cfg.servers.v[0], "q");
	cr_expect_eq(cfg.port, 10911);
	cr_expect_eq(changed.n, 3);
	cr_expect_eq(restart.n, 1);
	cr_expect_str_eq(restart.v[0], "port");
	strv_release(&changed);
	strv_release(&restart);
}

Test(conf, describes_itself)
{
	struct buf b;

	buf_init(&b, 100000);
	conf_sample(&conf, &b);
	cr_expect(strstr(b.p, "# silence allowed\n"
			      "# (default 2m; 1s to 1d; may change without a restart)\n"
			      "#idle: 2m\n") != NULL,
		"%s", b.p);
	buf_clear(&b);
	conf_describe_mdoc(&conf, &b);
	cr_expect(strstr(b.p,
			  ".It Ic flush\nWhen to sync.\nDefault sync; one of sync, async; may "
			  "change without a restart.\n") != NULL,
		"%s", b.p);
	buf_clear(&b);
	conf_check(keys, &b);
	cr_expect_eq(b.n, 0, "%s", b.p);
	buf_release(&b);
}

Test(conf, a_bad_table_is_told_why)
{
	static const struct conf_key bad[] = { CONF_NUMBER(struct config, port, 70000, 0, 65535,
						       0, "port to listen on"),
		CONF_BYTES(struct config, dev, 1, 0, 5, 0, "Wrong member."),
		CONF_CHOICE(struct config, flush, modes, 2, 0, "when"),
		CONF_BOOL(struct config, dev, false, 0, "twice"), CONF_END };
	struct buf b;

	buf_init(&b, 1000);
	conf_check(bad, &b);
	cr_expect_str_eq(b.p, "port: default is out of bounds\n"
			      "dev: help ends with a full stop\n"
			      "dev: help begins with a capital\n"
			      "dev: its member has 1 bytes\n"
			      "flush: default is out of bounds\n"
			      "dev: twice\n");
	buf_release(&b);
}
