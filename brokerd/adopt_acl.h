/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt_acl: accounts of Apache's plain_acl.yml as accounts of ours: keys, secrets, defaults, lines
 * for topics and groups, the global white list. Part of adopt.h.
 */
#ifndef TDMQ_ADOPT_ACL_H
#define TDMQ_ADOPT_ACL_H

#include "err.h"

struct adopt_acl_report {
	bool fresh; /* the file was taken before, and is the same */
	int taken;
	int own; /* their access key is that of a role of ours, as handover.h writes them */
	int refused;
	char why[200]; /* of the first of them; never a secret */
};

/* Nothing runs on dir. An account that cannot be taken does not keep the others from it. */
int adopt_acl(
	const char *dir, const char *file, struct adopt_acl_report *r, struct err *e) MUST_USE;

#endif
