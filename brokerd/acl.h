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
 * An account is a role that was made with Apache's requests (50): it is named like its access key,
 * has a secret key of its own, and may be an administrator.
 *
 * Roles are in memory for the loop, loaded from metadb at start, durable through it; a change
 * works when it is durable. Nobody remembers an answer: each request is asked for anew, and of a
 * role that loses something the connections are ended (on_lost), with all that waits on them. All
 * functions run on the loop.
 */
#ifndef TDMQ_ACL_H
#define TDMQ_ACL_H

#include "addrs.h"
#include "err.h"
#include "message.h"
#include "remoting.h"
#include "sign.h"
#include "str.h"

struct acl;
struct arena;
struct metadb;

#define ACL_NAME_MAX 32 /* of a role */
#define ACL_REMARK_MAX 100 /* characters */
#define ACL_KEY_MAX 256 /* bytes of an account's keys */
#define ACL_KEY_MIN 7 /* as Apache has it */
#define ACL_GRANTS_MAX 1000 /* of one role */
#define ACL_ADMIN_KEY "admin" /* access key of the administrator */
#define ACL_ADMIN_SECRET_MIN 16 /* bytes */

/* What one may do, as bits. */
enum acl_bits { ACL_PRODUCE = 1, ACL_CONSUME = 2, ACL_EITHER = 3, ACL_DENY = 4 };

/* What a grant is on: also its number on disk. */
enum acl_kind { ACL_NAMESPACE, ACL_TOPIC, ACL_GROUP, ACL_ALL_TOPICS, ACL_ALL_GROUPS };
extern const char *const acl_kind_names[]; /* namespace topic group topics groups NULL */

struct acl_grant {
	enum acl_kind kind;
	const char *name; /* of the namespace; wire name of the topic or group; "" for all */
	int bits;
};

struct acl_role {
	const char *name, *remark;
	const char *key, *secret; /* access key; secret NULL: the name */
	const char *old_key; /* "": none */
	int64_t old_until_ms; /* wall clock */
	const char *allow_from; /* addrs.h; "": from anywhere */
	bool admin, account;
	int64_t created_ms, used_ms; /* used: since the start, 0 not yet */
	const struct acl_grant *grants; /* by kind and name */
	size_t n_grants;
	uint32_t id; /* of this run */
};

/* --- asking ------------------------------------------------------------------------------- */

enum acl_class {
	ACL_STRANGER,
	ACL_ROLE, /* signed by a role */
	ACL_LISTED, /* from an address that need not sign: what any role may */
	ACL_ADMIN, /* signed with the administrator's secret, or by an account that is one */
	ACL_EVERYBODY, /* authentication is off: all */
};

/* Whose request it is; borrowed, good until the handler returns. */
struct acl_who {
	enum acl_class class;
	const struct acl_role *role; /* NULL unless it is one's */
	bool old_key; /* known by the token before the last change */
};

/*
 * Whose request it is. TQ_EDENIED says what is wrong and never names a token; *too_many: this
 * address fails so often that its connection had better go.
 */
int acl_identify(struct acl *a, const struct command *c, const struct host *from,
	struct acl_who *who, bool *too_many, struct err *e);

/*
 * Signs a request of our own to another server of the cluster as the administrator; nothing while
 * authentication is off. The fields are borrowed: `signature` until the request is encoded.
 */
void acl_sign(const struct acl *a, struct command *rq, char signature[SIGN_TEXT]);

#define ACL_RULE_TEXT 256

/*
 * Whether the role may do any of bits with a topic or group (canonical wire name; of %RETRY% and
 * %DLQ% the group). rule, of ACL_RULE_TEXT bytes, may be NULL: what decided, in words.
 */
bool acl_may(
	const struct acl_role *r, int bits, enum acl_kind kind, struct str wire, char *rule);
int acl_bits_of_apache(
	struct str perm); /* DENY, PUB, SUB, PUB|SUB, SUB|PUB; -1: none of them */
const char *acl_bits_text(int bits); /* "produce", "consume", "produce, consume", "nothing" */

/* --- roles -------------------------------------------------------------------------------- */

struct acl_opts {
	bool required; /* authentication is on */
	const char *admin_secret; /* copied; NULL: nobody is the administrator */
	int max_roles; /* 0: any number */
	/*
	 * A role lost something. old_only: only its old token; role ACL_LISTED_ID: the list of
	 * addresses changed. May be NULL.
	 */
	void (*on_lost)(void *arg, uint32_t role, bool old_only);
	void *arg;
};

#define ACL_LISTED_ID UINT32_MAX

/* Loads. Before metadb_start(). */
int acl_open(struct metadb *db, const struct acl_opts *o, struct acl **out, struct err *e);
void acl_free(struct acl *a); /* wipes; NULL is fine */
struct acl_opts *acl_opts(struct acl *a); /* limits may change at run time */
bool acl_required(const struct acl *a);
void acl_tick(struct acl *a); /* each second or so: old tokens end */

const struct acl_role *acl_role(const struct acl *a, struct str name); /* NULL: none */
size_t acl_roles(const struct acl *a, struct arena *mem, const struct acl_role ***out);
bool acl_namespace_used(const struct acl *a, struct str ns); /* by a grant */
const char *acl_allow_list(const struct acl *a);
/* Apache's DataVersion of it all. */
void acl_version(const struct acl *a, int64_t *counter, int64_t *timestamp_ms);

/*
 * Changes. A value other than 0 is a refusal: done is not called. Otherwise done is called once,
 * after the commit.
 */
typedef void (*acl_done)(void *arg, int rc, const struct err *e);

/* name, remark and allow_from; the token is made here. TQ_EEXIST. */
int acl_create(
	struct acl *a, const struct acl_role *r, acl_done done, void *arg, struct err *e);
/* TQ_EPRECOND while it has grants, unless force. */
int acl_delete(
	struct acl *a, struct str name, bool force, acl_done done, void *arg, struct err *e);
/* Adds bits to a grant, or takes them; TQ_ENOTFOUND: no such role. */
int acl_grant(struct acl *a, struct str name, const struct acl_grant *g, acl_done done,
	void *arg, struct err *e);
int acl_revoke(struct acl *a, struct str name, const struct acl_grant *g, acl_done done,
	void *arg, struct err *e);
/* A new token; the old one works for grace_ms longer. Not of accounts. */
int acl_rotate(struct acl *a, struct str name, int64_t grace_ms, acl_done done, void *arg,
	struct err *e);
/*
 * Apache's account: made, or what is given changed. key, secret (NULL: as it is), admin, grants
 * (those of the kinds in `kinds`, a bit for each, are replaced).
 */
int acl_put_account(struct acl *a, const struct acl_role *r, unsigned kinds, acl_done done,
	void *arg, struct err *e);
int acl_set_allow_list(struct acl *a, struct str list, acl_done done, void *arg, struct err *e);

#endif
