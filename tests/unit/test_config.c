/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/config.h"
#include "brokerd/store/store.h"

struct set {
	struct config cfg;
	struct conf conf;
};

static void begin(struct set *s)
{
	conf_init(&s->conf, config_keys, &s->cfg, NULL);
}

static void say(struct set *s, const char *key, const char *value)
{
	struct err e = ERR_INIT;

	cr_assert_eq(conf_set(&s->conf, key, value, &e), 0, "%s: %s", key, e.msg);
}

Test(config, defaults_are_safe)
{
	struct err e = ERR_INIT;
	struct set s;

	begin(&s);
	cr_assert_eq(config_settle(&s.conf, &s.cfg, &e), 0, "%s", e.msg);
	cr_assert_eq(s.cfg.flush, STORE_FLUSH_SYNC);
	cr_assert_not(s.cfg.auto_create_topics);
	cr_assert_str_eq(s.cfg.listen_address, "127.0.0.1");
	conf_release(&s.conf);
}

Test(config, dev_changes_only_what_nobody_said)
{
	struct err e = ERR_INIT;
	struct set s;

	begin(&s);
	say(&s, "dev", "on");
	say(&s, "flush", "sync");
	cr_assert_eq(config_settle(&s.conf, &s.cfg, &e), 0, "%s", e.msg);
	cr_assert_eq(s.cfg.flush, STORE_FLUSH_SYNC, "it was said");
	cr_assert(s.cfg.auto_create_topics);
	cr_assert_eq(s.cfg.commitlog_file_size, 64 << 20);
	cr_assert(s.cfg.unlimited);
	conf_release(&s.conf);
}

static const struct {
	const char *why;
	const char *listen, *advertised, *allow;
	int rc;
} addresses[] = {
	{ "loopback", "127.0.0.1", "", "off", 0 },
	{ "all of 127/8 is loopback", "127.9.9.9", "", "off", 0 },
	{ "loopback of the other family", "::1", "", "off", 0 },
	{ "reachable by others", "10.0.0.1", "", "off", TQ_EPRECOND },
	{ "reachable by others, allowed", "10.0.0.1", "", "on", 0 },
	{ "every address", "0.0.0.0", "10.0.0.1", "off", TQ_EPRECOND },
	{ "every address, clients told none", "0.0.0.0", "", "on", TQ_EPRECOND },
	{ "every address, clients told one", "0.0.0.0", "10.0.0.1", "on", 0 },
	{ "every address of the other family", "::", "::", "off", TQ_EPRECOND },
	{ "a name is no address", "localhost", "", "off", TQ_EINVAL },
	{ "an address with a port is none", "127.0.0.1:9876", "", "off", TQ_EINVAL },
	{ "clients told every address", "127.0.0.1", "0.0.0.0", "off", TQ_EPRECOND },
	{ "a name told to clients", "127.0.0.1", "me", "off", TQ_EINVAL },
};

Test(config, only_loopback_without_being_told)
{
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct err e = ERR_INIT;
		struct set s;
		int rc;

		begin(&s);
		say(&s, "listen-address", addresses[i].listen);
		say(&s, "advertised-address", addresses[i].advertised);
		say(&s, "insecure-listen-without-authentication", addresses[i].allow);
		rc = config_settle(&s.conf, &s.cfg, &e);
		cr_assert_eq(rc, addresses[i].rc, "%s: %s", addresses[i].why, e.msg);
		conf_release(&s.conf);
	}
}

/* S4: with authentication any address will do that clients can be told. */
Test(config, any_address_with_authentication)
{
	static const char *const flags[] = { "off", "on" };
	struct err e = ERR_INIT;
	struct set s;

	for (size_t i = 0; i < ARRAY_LEN(addresses) * 2; i++) {
		const char *listen = addresses[i / 2].listen;
		const char *told = addresses[i / 2].advertised;
		bool wild = !strcmp(told[0] ? told : listen, "0.0.0.0") ||
			    !strcmp(told[0] ? told : listen, "::");
		int rc, want = addresses[i / 2].rc == TQ_EINVAL ? TQ_EINVAL
			       : wild				? TQ_EPRECOND
								: 0;

		begin(&s);
		say(&s, "listen-address", listen);
		say(&s, "advertised-address", told);
		say(&s, "authentication", "on");
		say(&s, "dev", flags[i % 2]);
		rc = config_settle(&s.conf, &s.cfg, &e);
		cr_assert_eq(rc, want, "%s: %s", addresses[i / 2].why, e.msg);
		conf_release(&s.conf);
	}
}

/* Development is no reason to be open to others. */
Test(config, dev_does_not_open_the_door)
{
	struct err e = ERR_INIT;
	struct set s;

	begin(&s);
	say(&s, "dev", "on");
	say(&s, "listen-address", "10.0.0.1");
	cr_assert_eq(config_settle(&s.conf, &s.cfg, &e), TQ_EPRECOND);
	cr_assert(strstr(e.hint, "--authentication"));
	conf_release(&s.conf);
}

static const struct {
	const char *why, *key, *value;
} refused[] = {
	{ "too short a name", "cluster", "x" },
	{ "a name with a path in it", "broker", "../x" },
	{ "the cluster's name", "broker", "DefaultCluster" },
	{ "no room for a message", "commitlog-file-size", "1Mi" },
};

Test(config, rules_between_settings_are_kept)
{
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct err e = ERR_INIT;
		struct set s;

		begin(&s);
		say(&s, refused[i].key, refused[i].value);
		cr_assert_neq(config_settle(&s.conf, &s.cfg, &e), 0, "%s", refused[i].why);
		cr_assert(strstr(e.msg, refused[i].key), "%s", e.msg);
		conf_release(&s.conf);
	}
}
