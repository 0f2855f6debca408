/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: the settings of config.def as one struct, filled from defaults, file, environment and
 * flags, in this order.
 *
 *	conf_init(&conf, config_keys, &cfg, "BROKERD_");
 *	...
 *	rc = conf_load(&conf, file, &flags, e);
 *	if (!rc)
 *		rc = config_settle(&conf, &cfg, e);
 */
#ifndef TDMQ_CONFIG_H
#define TDMQ_CONFIG_H

#include "conf.h"
#include "message.h"

struct config {
#define TEXT(member, ...) CONF_TEXT_MEMBER(member)
#define NUMBER(member, ...) CONF_NUMBER_MEMBER(member)
#define BYTES(member, ...) CONF_BYTES_MEMBER(member)
#define TIME(member, ...) CONF_TIME_MEMBER(member)
#define BOOL(member, ...) CONF_BOOL_MEMBER(member)
#define CHOICE(member, ...) CONF_CHOICE_MEMBER(member)
#include "brokerd/config.def"
};

extern const struct conf_key config_keys[];
extern const char *const quota_kinds[], *const quota_specs[]; /* quota.c */
extern const char *const config_flush_names[]; /* in the order of enum store_flush */

/* After loading: what dev changes where nobody said otherwise, then the rules between settings. */
int config_settle(struct conf *c, struct config *cfg, struct err *e) MUST_USE;

/* The rules between settings that may change while brokerd runs. */
int config_check(const struct config *cfg, struct err *e) MUST_USE;

/* A literal address of either family, without port: "127.0.0.1", "::1". */
int config_address(const char *key, const char *text, struct host *out, struct err *e) MUST_USE;

#endif
