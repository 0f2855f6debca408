/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/overrides.h"

static struct config cfg;
static struct conf conf;
static struct overrides *o;
static struct arena arena;

static void setup(void)
{
	conf_init(&conf, config_keys, &cfg, NULL);
	o = overrides_new(&cfg);
	arena_init(&arena);
}

static void teardown(void)
{
	overrides_free(o);
	conf_release(&conf);
	arena_release(&arena);
}

TestSuite(overrides, .init = setup, .fini = teardown);

static int set(const char *name, const char *value)
{
	struct overrides_change c;
	struct err e = ERR_INIT;
	int rc = overrides_read(
		o, OVERRIDES_BROKER, str_of(name), str_of(value), &arena, &c, &e);

	if (!rc)
		overrides_take(o, &c);
	return rc;
}

Test(overrides, take_apaches_names_and_numbers_and_ours)
{
	cr_assert_eq(set("fileReservedTime", "48"), 0);
	cr_expect_eq(cfg.retention, 48 * 3600000);
	cr_assert_eq(set("retention", "30m"), 0);
	cr_expect_eq(cfg.retention, 30 * 60000);
	cr_assert_eq(set("transactionTimeOut", "1500"), 0);
	cr_expect_eq(cfg.transaction_timeout, 1500);
	cr_assert_eq(set("autoCreateTopicEnable", "true"), 0);
	cr_expect(cfg.auto_create_topics);
	cr_assert_eq(set("maxMessageSize", "1048576"), 0);
	cr_expect_eq(cfg.max_message_size, 1 << 20);
}

Test(overrides, refuse_what_is_not_listed_and_what_cannot_be)
{
	static const struct {
		const char *name, *value;
		int rc;
	} cases[] = {
		{ "data", "/tmp/x", TQ_EDENIED },
		{ "log-file", "/tmp/x", TQ_EDENIED },
		{ "listen-address", "0.0.0.0", TQ_EDENIED },
		{ "rocketmqHome", "x", TQ_EDENIED },
		{ "filterServerNums", "1", TQ_EDENIED },
		{ "orderMessageEnable", "true", TQ_EDENIED }, /* of the name server */
		{ "", "1", TQ_EDENIED },
		{ "transaction_timeout", "1s", TQ_EDENIED },
		{ "transaction-timeou", "1s", TQ_EDENIED },
		{ "fileReservedTime", "0", TQ_EINVAL },
		{ "fileReservedTime", "never", TQ_EINVAL },
		{ "fileReservedTime", "9223372036854775807", TQ_EINVAL },
		{ "autoCreateTopicEnable", "maybe", TQ_EINVAL },
		{ "log-level", "loud", TQ_EINVAL },
	};
	struct config before = cfg;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(set(cases[i].name, cases[i].value), cases[i].rc, "%s=%s",
			cases[i].name, cases[i].value);
	cr_expect_eq(memcmp(&before, &cfg, sizeof(cfg)), 0, "nothing is changed");
	cfg.commitlog_file_size = 1 << 20;
	cr_expect_eq(set("maxMessageSize", "4194304"), TQ_EPRECOND, "rules between settings");
}

Test(overrides, lie_over_the_file_until_they_are_taken_back)
{
	cr_expect(!overrides_any(o));
	cr_assert_eq(set("max-hold", "2s"), 0);
	cr_expect(overrides_any(o));
	overrides_lift(o);
	cr_expect_eq(cfg.max_hold, 60000);
	cfg.max_hold = 5000; /* the file has changed */
	overrides_lay(o);
	cr_expect_eq(cfg.max_hold, 2000);
	cr_assert_eq(set("max-hold", ""), 0);
	cr_expect_eq(cfg.max_hold, 5000);
	overrides_lift(o);
	overrides_lay(o);
	cr_expect_eq(cfg.max_hold, 5000);
}

Test(overrides, kept_ones_come_back_and_strange_ones_are_left)
{
	overrides_load(o, STR("retention"), STR("2d"));
	overrides_load(o, STR("order-messages"), STR("true"));
	overrides_load(o, STR("data"), STR("/tmp/x"));
	overrides_load(o, STR("max-hold"), STR("junk"));
	cr_expect_eq(cfg.retention, 2 * 86400000);
	cr_expect(cfg.order_messages);
	cr_expect_str_empty(cfg.data);
	cr_expect_eq(cfg.max_hold, 60000);
}

Test(overrides, are_listed_as_apache_writes_them)
{
	struct str name;
	bool found = false;

	for (size_t i = 0;; i++) {
		struct buf value;

		buf_init(&value, 100);
		if (!overrides_at(o, OVERRIDES_BROKER, i, &name, &value, &arena))
			break;
		cr_expect(value.n > 0, STR_FMT, STR_ARG(name));
		cr_expect(!str_is(name, "orderMessageEnable"));
		if (str_is(name, "fileReservedTime")) {
			found = true;
			cr_expect(str_is(buf_str(&value), "72"));
		}
		buf_release(&value);
	}
	cr_expect(found);
}
