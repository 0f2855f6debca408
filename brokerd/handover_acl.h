/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover_acl: roles as accounts of Apache's plain_acl.yml. Apache knows no namespaces: a grant on
 * one becomes a line for each topic and group there is in it now. Part of handover.h.
 */
#ifndef TDMQ_HANDOVER_ACL_H
#define TDMQ_HANDOVER_ACL_H

#include "apache.h"

struct acl;

struct handover_acl {
	int64_t accounts; /* written */
	int64_t left; /* roles that Apache's file cannot hold: it takes no key of less than 7 letters */
	int64_t narrowed; /* roles of the written whose addresses are not checked any more */
};

/* The file's text; with secrets in it. Nothing at all when there are no roles. */
void handover_acl_print(const struct acl *a, const struct apache_config *names, struct buf *out,
	struct handover_acl *r);

#endif
