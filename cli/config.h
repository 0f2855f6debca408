/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: the configuration file of tdmqctl: contexts by name, see FILES in tdmqctl(1).
 *
 *	currentContext: dev
 *	defaults: {output: table, timeout: 5s}
 *	contexts:
 *	  dev: {nameservers: [127.0.0.1:9876], namespace: shop}
 *	  prod:
 *	    nameservers: [mq1.example:9876, mq2.example:9876]
 *	    credentials: {accessKey: ops, secretFrom: "file:/etc/mq/ops.key"}
 *	    protected: true		# credentials: {role: billing, tokenFrom: ...}
 *	    readOnly: false
 */
#ifndef TDMQCTL_CONFIG_H
#define TDMQCTL_CONFIG_H

#include "err.h"
#include "mem.h"
#include "strv.h"

/* What holds for the chosen context; NULL: the file does not say. */
struct config {
	const char *context;
	const char *nameservers, *namespace, *output, *timeout, *access_key, *secret_from,
		*role, *token_from;
	bool protected, read_only;
};

/*
 * path NULL: $TDMQCTL_CONFIG, else the file in the user's configuration directory, which may be
 * missing. context NULL: the file's currentContext, if it has one. A context that is asked for
 * and not there is TQ_EUSAGE; what is wrong in the file is TQ_EUSAGE with line and column.
 */
int config_load(struct config *c, const char *path, const char *context, struct arena *mem,
	struct err *e) MUST_USE;
/* The file, the environment's or the user's, which need not be there; NULL without a home. */
const char *config_path(const char *path, bool *must, struct arena *mem);
/* Names of all contexts. */
int config_contexts(
	const char *path, struct strv *out, struct arena *mem, struct err *e) MUST_USE;

/*
 * Changes to the text of the file (NULL: as config_path()), which keep its comments and order;
 * it is made where there is none. What would not read as intended is not written: TQ_EPRECOND.
 * config_add() takes nameservers, namespace, access_key, secret_from, role, token_from,
 * protected and read_only of c.
 */
int config_use(
	const char *path, const char *context, struct arena *mem, struct err *e) MUST_USE;
int config_add(const char *path, const char *name, const struct config *c, struct arena *mem,
	struct err *e) MUST_USE;

#endif
