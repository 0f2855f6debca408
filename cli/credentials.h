/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials: what requests are signed with: from the environment, else from the context.
 *
 *	TDMQCTL_ACCESS_KEY, TDMQCTL_SECRET_FILE or TDMQCTL_SECRET_KEY
 *	TDMQCTL_ROLE, TDMQCTL_TOKEN_FILE		brokerd's roles
 *	credentials: {accessKey: ops, secretFrom: "file:/etc/mq/ops.key"}
 *	credentials: {role: billing, tokenFrom: "exec:pass show mq/billing"}
 *
 * A role's token is its access key and its name the secret key, so the token is what is kept from
 * others. Where secrets may come from: secret.h.
 */
#ifndef TDMQCTL_CREDENTIALS_H
#define TDMQCTL_CREDENTIALS_H

#include "config.h"

struct credentials {
	char *access_key, *secret_key; /* owned; NULL: requests are not signed */
};

/* Without the environment: those of a second cluster, which what is set there was not meant for. */
int credentials_find(const struct config *file, bool environment, struct credentials *c,
	struct err *e) MUST_USE;
void credentials_release(struct credentials *c); /* wipes */

#endif
