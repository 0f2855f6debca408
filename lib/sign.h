/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: the signature of a remoting request: HMAC-SHA1, base64, over the values of all ext
 * fields but `Signature`, sorted by key, then the body (acl/.../AclUtils.java, AclClientRPCHook.java).
 */
#ifndef TDMQ_SIGN_H
#define TDMQ_SIGN_H

#include "remoting.h"

#define SIGN_TEXT 29 /* base64 of 20 bytes, with NUL */

/* The ext fields that sign a request; of them only the signature is not signed itself. */
#define SIGN_ACCESS_KEY "AccessKey"
#define SIGN_TOKEN "SecurityToken"
#define SIGN_SIGNATURE "Signature"
bool sign_is_field(struct str key);

/*
 * The signature a request with these fields must carry. `_UNIQUE_KEY_QUERY` is left out, as
 * Apache's verifier does.
 */
void sign_request(const struct command *c, struct str secret, char out[SIGN_TEXT]);
/*
 * Whether the request carries the signature of this secret. Fields that some clients sign and
 * others do not (`_UNIQUE_KEY_QUERY`, `SecurityToken`) may be in or out.
 */
bool sign_ok(const struct command *c, struct str secret);

/* A secret that many requests are checked with, by one thread: half the time. */
struct sign_key;
struct sign_key *sign_key_new(struct str secret);
void sign_key_free(struct sign_key *k); /* wipes; NULL is fine */
bool sign_key_ok(struct sign_key *k, const struct command *c);

#endif
