/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values are fed to the MAC one by one in the order of their keys, so a body is never copied. The
 * algorithm is looked up once: OpenSSL takes longer to find it than to run it.
 */
#include "sign.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

#include "mem.h"

/* Fields that one side of the signature may have left out. */
enum left_out {
	WITHOUT_QUERY_MARK = 1, /* clients 4.9.4 and later sign it, Apache's broker does not */
	WITHOUT_TOKEN = 2, /* Go sends it and does not sign it */
};

static EVP_MAC *hmac; /* set once, never freed */
static pthread_once_t looked_up = PTHREAD_ONCE_INIT;

static void look_up(void)
{
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	BUG_ON(!hmac);
}

bool sign_is_field(struct str key)
{
	return str_is(key, SIGN_ACCESS_KEY) || str_is(key, SIGN_TOKEN) ||
	       str_is(key, SIGN_SIGNATURE);
}

static bool is_signed(const struct ext *x, unsigned left_out)
{
	if (str_is(x->key, SIGN_SIGNATURE))
		return false;
	if (left_out & WITHOUT_QUERY_MARK && str_is(x->key, "_UNIQUE_KEY_QUERY"))
		return false;
	return !(left_out & WITHOUT_TOKEN && str_is(x->key, SIGN_TOKEN));
}

/* The signed fields by key; returns their count. */
static int sorted(const struct command *c, unsigned left_out, const struct ext *order[])
{
	int n = 0, at;

	for (int i = 0; i < c->n_ext; i++) {
		if (!is_signed(&c->ext[i], left_out))
			continue;
		for (at = n++; at > 0 && str_cmp(order[at - 1]->key, c->ext[i].key) > 0; at--)
			order[at] = order[at - 1];
		order[at] = &c->ext[i];
	}
	return n;
}

static void feed(EVP_MAC_CTX *mac, struct str s)
{
	BUG_ON(s.n && !EVP_MAC_update(mac, (const unsigned char *)s.p, s.n));
}

/* Ready to be fed. */
static EVP_MAC_CTX *keyed(struct str secret)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA1" }, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC_CTX *mac;

	pthread_once(&looked_up, look_up);
	mac = EVP_MAC_CTX_new(hmac);
	BUG_ON(!mac || !EVP_MAC_init(mac, (const unsigned char *)(secret.n ? secret.p : ""),
			       secret.n, params));
	return mac;
}

static void finish(
	EVP_MAC_CTX *mac, const struct command *c, unsigned left_out, char out[SIGN_TEXT])
{
	const struct ext *order[COMMAND_MAX_EXT];
	int n = sorted(c, left_out, order);
	unsigned char raw[20];
	size_t got;

	for (int i = 0; i < n; i++)
		feed(mac, order[i]->value.p ? order[i]->value : STR("null"));
	feed(mac, c->body);
	BUG_ON(!EVP_MAC_final(mac, raw, &got, sizeof(raw)) || got != sizeof(raw));
	EVP_EncodeBlock((unsigned char *)out, raw, sizeof(raw));
}

void sign_request(const struct command *c, struct str secret, char out[SIGN_TEXT])
{
	EVP_MAC_CTX *mac = keyed(secret);

	finish(mac, c, WITHOUT_QUERY_MARK, out);
	EVP_MAC_CTX_free(mac);
}

struct sign_key {
	EVP_MAC_CTX *mac; /* owned; keeps the key */
};

struct sign_key *sign_key_new(struct str secret)
{
	struct sign_key *k = mem_alloc(sizeof(*k));

	k->mac = keyed(secret);
	return k;
}

void sign_key_free(struct sign_key *k)
{
	if (!k)
		return;
	EVP_MAC_CTX_free(k->mac);
	mem_free(k);
}

static bool signed_so(
	struct sign_key *k, const struct command *c, unsigned left_out, struct str given)
{
	char want[SIGN_TEXT];

	BUG_ON(!EVP_MAC_init(k->mac, NULL, 0, NULL));
	finish(k->mac, c, left_out, want);
	return given.n == SIGN_TEXT - 1 && !CRYPTO_memcmp(want, given.p, given.n);
}

bool sign_key_ok(struct sign_key *k, const struct command *c)
{
	struct str given = command_ext(c, SIGN_SIGNATURE);
	bool mark = command_ext(c, "_UNIQUE_KEY_QUERY").p, token = command_ext(c, SIGN_TOKEN).p;

	for (unsigned left_out = 0; left_out < 4; left_out++) {
		if ((left_out & WITHOUT_QUERY_MARK && !mark) ||
			(left_out & WITHOUT_TOKEN && !token))
			continue; /* the same as without */
		if (signed_so(k, c, left_out, given))
			return true;
	}
	return false;
}

bool sign_ok(const struct command *c, struct str secret)
{
	struct sign_key *k = sign_key_new(secret);
	bool ok = sign_key_ok(k, c);

	sign_key_free(k);
	return ok;
}
