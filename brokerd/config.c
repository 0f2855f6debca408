/* SPDX-License-Identifier: Apache-2.0 */
#include "brokerd/config.h"

#include <arpa/inet.h>

#include "brokerd/membership.h"
#include "brokerd/store/store.h"
#include "log.h"
#include "names.h"

const char *const config_flush_names[] = {
	[STORE_FLUSH_ASYNC] = "async", [STORE_FLUSH_SYNC] = "sync", NULL
};
static const char *const config_log_levels[] = { [LOG_ERROR_] = "error",
	[LOG_WARN_] = "warn",
	[LOG_INFO_] = "info",
	[LOG_DEBUG_] = "debug",
	NULL };
static const char *const config_log_formats[] = {
	[LOG_PLAIN] = "plain", [LOG_LOGFMT] = "logfmt", NULL
};

#define TEXT(member, absent, flags, doc) CONF_TEXT(struct config, member, absent, flags, doc),
#define NUMBER(member, absent, min, max, flags, doc) \
	CONF_NUMBER(struct config, member, absent, min, max, flags, doc),
#define BYTES(member, absent, min, max, flags, doc) \
	CONF_BYTES(struct config, member, absent, min, max, flags, doc),
#define TIME(member, absent, min, max, flags, doc) \
	CONF_TIME(struct config, member, absent, min, max, flags, doc),
#define BOOL(member, absent, flags, doc) CONF_BOOL(struct config, member, absent, flags, doc),
#define CHOICE(member, names, absent, flags, doc) \
	CONF_CHOICE(struct config, member, names, absent, flags, doc),

const struct conf_key config_keys[] = {
#include "brokerd/config.def"
	CONF_END
};

/* What dev changes, as it would be written. */
static const struct {
	const char *key, *value;
} dev[] = {
	{ "flush", "async" },
	{ "commitlog-file-size", "64Mi" },
	{ "auto-create-topics", "on" },
	{ "auto-create-groups", "on" },
	{ "enforce-topic-types", "off" },
	{ "disk-clean-above", "0" }, /* a laptop's disk is often full of other things */
	{ "disk-clean-below", "0" },
	{ "disk-refuse-above", "0" },
	{ "disk-refuse-below", "64Mi" },
	{ "unlimited", "on" },
};

static bool said(const struct conf *c, const char *key)
{
	for (size_t i = 0; i < c->n; i++) {
		if (!strcmp(c->names[i], key))
			return c->origins[i] != CONF_FROM_DEFAULT;
	}
	return false;
}

static int settle_dev(struct conf *c, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < ARRAY_LEN(dev); i++) {
		if (!said(c, dev[i].key))
			rc = conf_set(c, dev[i].key, dev[i].value, e);
	}
	return rc;
}

int config_address(const char *key, const char *text, struct host *out, struct err *e)
{
	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, out->ip) == 1)
		return 0;
	out->v6 = inet_pton(AF_INET6, text, out->ip) == 1;
	if (out->v6)
		return 0;
	return err_set(e, TQ_EINVAL, "%s '%s' is no literal address such as 127.0.0.1 or ::1",
		key, text);
}

static bool is_loopback(const struct host *h)
{
	static const uint8_t v6[16] = { [15] = 1 };

	return h->v6 ? !memcmp(h->ip, v6, 16) : h->ip[0] == 127;
}

static bool is_any(const struct host *h)
{
	static const uint8_t none[16];

	return !memcmp(h->ip, none, h->v6 ? 16 : 4);
}

static int check_addresses(const struct config *cfg, struct err *e)
{
	struct host listen, advertised;
	int rc;

	rc = config_address("listen-address", cfg->listen_address, &listen, e);
	if (rc)
		return rc;
	if (!is_loopback(&listen) && !cfg->authentication &&
		!cfg->insecure_listen_without_authentication) {
		err_set(e, TQ_EPRECOND, "listen-address '%s' can be reached by other machines",
			cfg->listen_address);
		err_why(e, "without authentication whoever connects may do anything");
		return err_hint(e,
			"--authentication asks who they are; --insecure-listen-without-authentication "
			"lets them all in");
	}
	advertised = listen;
	if (cfg->advertised_address[0])
		rc = config_address(
			"advertised-address", cfg->advertised_address, &advertised, e);
	if (rc || !is_any(&advertised))
		return rc;
	err_set(e, TQ_EPRECOND, "clients cannot be told an address that stands for every one");
	return err_hint(e, "say with --advertised-address how they reach this machine");
}

static int check_names(const struct config *cfg, struct err *e)
{
	if (names_check_namespace(str_of(cfg->cluster), e))
		return err_wrap(e, "cluster '%s'", cfg->cluster);
	if (names_check_topic(str_of(cfg->broker), e))
		return err_wrap(e, "broker '%s'", cfg->broker);
	if (strcmp(cfg->cluster, cfg->broker) == 0)
		return err_set(e, TQ_EPRECOND, "cluster and broker have the same name '%s'",
			cfg->cluster);
	return 0;
}

int config_check(const struct config *cfg, struct err *e)
{
	if (cfg->max_message_size * 2 <= cfg->commitlog_file_size)
		return 0;
	return err_set(
		e, TQ_EPRECOND, "commitlog-file-size must be at least twice max-message-size");
}

int config_settle(struct conf *c, struct config *cfg, struct err *e)
{
	int rc = cfg->dev ? settle_dev(c, e) : 0;

	if (!rc)
		rc = check_names(cfg, e);
	if (!rc)
		rc = check_addresses(cfg, e);
	if (!rc && membership_check(cfg->nameserver, e))
		rc = err_wrap(e, "nameserver");
	return rc ? rc : config_check(cfg, e);
}
