/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl: roles and what they may do. A role has a token; a request carries the token as its access
 * key and is signed with the role's name as secret key, as the product has it. What a role may do
 * hangs on namespaces, or on single topics and groups in them:
 *
 *	orders-app	namespace shop		produce
 *	billing		namespace shop		consume
 *	billing		topic bank%payments	produce, consume
 *
 * The nearest grant decides: that of the topic or group itself, then that of its namespace, then
 * the role's default for all topics or all groups. Without any the answer is no.
 *
 * Roles are in memory for the loop, loaded from metadb at start, durable through it. All functions
 * run on the loop.
 */
#ifndef TDMQ_ACL_H
#define TDMQ_ACL_H

#include "err.h"
#include "message.h"
#include "remoting.h"
#include "str.h"

struct acl;
struct acl_role;

enum acl_class {
	ACL_STRANGER,
	ACL_ROLE, /* signed by a role */
	ACL_LISTED, /* from an address that need not sign: all but administration */
	ACL_ADMIN, /* signed with the administrator's secret, or by a role that is one */
	ACL_EVERYBODY, /* authentication is off: all */
};

/* Whose request it is; borrowed, good until the handler returns. */
struct acl_who {
	enum acl_class class;
	const struct acl_role *role; /* NULL unless it is one's */
	bool old_key; /* known by the token before the last change */
};

#endif
