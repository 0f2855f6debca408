/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloudkey: the keys of a cloud, found where its own tools keep them.
 *
 *	struct cloudkey k;
 *
 *	rc = cloudkey_find(&k, CLOUD_HUAWEI, NULL, NULL, e);
 *	... websign_huawei(rq, &k.key, now) ...
 *	cloudkey_release(&k);
 *
 * Where is looked, first to last: the two places the caller names (files, variables or a prompt,
 * as secret.h reads them), variables of our own, variables of the vendor's tools, files of the
 * vendor's tools. A pair of keys is taken from one place whole. Never from the command line.
 */
#ifndef TDMQ_CLOUDKEY_H
#define TDMQ_CLOUDKEY_H

#include "mem.h"
#include "websign.h"

enum cloud { CLOUD_HUAWEI, CLOUD_ALI, CLOUD_TENCENT, CLOUDS };

/* What the command was told; members may be NULL. */
struct cloudkey_opts {
	const char *id, *secret_from; /* both: "env:OPS_SK", "file:PATH", "prompt", ... */
	const char *profile; /* of the vendor's files; NULL: the one they call current */
};

struct cloudkey {
	struct web_key key; /* owned, wiped at the end */
	char *region, *project; /* owned; NULL: the place did not say */
	char *from; /* owned: "environment HW_ACCESS_KEY", "~/.aliyun/config.json, profile dev" */
	char *warning; /* owned; NULL, or why the place is not a safe one */
};

/* TQ_EDENIED with a hint that names the places when there are no keys. */
int cloudkey_find(struct cloudkey *k, enum cloud c, const struct cloudkey_opts *o,
	struct err *e) MUST_USE;
void cloudkey_release(struct cloudkey *k);
/* Its first four characters and stars: what may be shown. */
const char *cloudkey_masked(const struct cloudkey *k, struct arena *mem);

#endif
