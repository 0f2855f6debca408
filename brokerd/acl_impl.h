/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_impl: the tables, shared by acl.c (the tables, and asking) and acl_change.c (loading and
 * changing them). Nobody else includes this.
 */
#ifndef TDMQ_ACL_IMPL_H
#define TDMQ_ACL_IMPL_H

#include "brokerd/acl.h"
#include "map.h"

struct role_entry;

/* A token. Found by its hash, so that the time it takes says nothing about the bytes. */
struct key_entry {
	uint64_t hash;
	struct role_entry *role;
	bool old;
	UT_hash_handle hh;
};

struct role_entry {
	struct acl_role r; /* texts owned */
	struct acl_grant *grants; /* owned, names too; r.grants shows it */
	struct addrs from;
	struct key_entry *key, *old; /* owned */
	struct sign_key *signer; /* owned; its secret key */
	UT_hash_handle hh; /* by name */
};

/* An address that sends what cannot be. */
struct failing {
	struct host host; /* port 0 */
	int count;
	int64_t since_ms; /* monotonic */
	UT_hash_handle hh;
};

struct acl {
	struct metadb *db; /* borrowed */
	struct acl_opts o;
	char *admin_secret; /* owned; NULL: nobody is the administrator */
	struct sign_key *admin; /* owned; the same */
	struct role_entry *roles;
	struct key_entry *keys;
	struct failing *failing;
	struct addrs listed;
	char *allow_list; /* owned */
	int64_t version, version_ms;
	int n_roles, pending; /* pending: new ones on their way */
	uint32_t next_id;
};

struct role_entry *acl_find(const struct acl *a, struct str name);
struct key_entry *acl_find_key(const struct acl *a, struct str key);
/* A role without grants; copies. */
struct role_entry *acl_add(struct acl *a, const struct acl_role *r);
void acl_drop(struct acl *a, struct role_entry *r);
void acl_set_key(struct acl *a, struct role_entry *r, const char *key, const char *old_key,
	int64_t old_until_ms);
/* bits 0 takes the grant out. */
void acl_set_grant(struct role_entry *r, const struct acl_grant *g);
const struct acl_grant *acl_find_grant(
	const struct acl_role *r, enum acl_kind kind, struct str name);
void acl_drop_kinds(struct role_entry *r, unsigned kinds);
int acl_set_listed(struct acl *a, struct str list, struct err *e);

#endif
