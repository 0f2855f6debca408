/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late_crypto: libcrypto, loaded when it is first called. Relocating it takes longer than all else
 * at the start of a command, and only signed requests and base64 need it.
 */
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>

#include "cli/late.h"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define LIBCRYPTO "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)

static void *find(const char *name)
{
	static void *library;
	void *p;

	if (!library)
		library = dlopen(LIBCRYPTO, RTLD_LAZY | RTLD_LOCAL);
	p = library ? dlsym(library, name) : NULL;
	return late_must(p, p ? "" : dlerror());
}

LATE_FORWARD(EVP_MAC *, EVP_MAC_fetch,
	(OSSL_LIB_CTX * c, const char *algorithm, const char *query), c, algorithm, query)
LATE_FORWARD(EVP_MAC_CTX *, EVP_MAC_CTX_new, (EVP_MAC * mac), mac)
LATE_FORWARD(int, EVP_MAC_init,
	(EVP_MAC_CTX * c, const unsigned char *key, size_t n, const OSSL_PARAM params[]), c,
	key, n, params)
LATE_FORWARD(
	int, EVP_MAC_update, (EVP_MAC_CTX * c, const unsigned char *data, size_t n), c, data, n)
LATE_FORWARD(int, EVP_MAC_final,
	(EVP_MAC_CTX * c, unsigned char *out, size_t *outl, size_t size), c, out, outl, size)
LATE_FORWARD(unsigned char *, EVP_Q_mac,
	(OSSL_LIB_CTX * c, const char *name, const char *query, const char *digest,
		const OSSL_PARAM *params, const void *key, size_t key_n,
		const unsigned char *data, size_t n, unsigned char *out, size_t size,
		size_t *got),
	c, name, query, digest, params, key, key_n, data, n, out, size, got)
LATE_FORWARD(int, EVP_Q_digest,
	(OSSL_LIB_CTX * c, const char *name, const char *query, const void *data, size_t n,
		unsigned char *out, size_t *got),
	c, name, query, data, n, out, got)
LATE_FORWARD(int, EVP_EncodeBlock, (unsigned char *t, const unsigned char *f, int n), t, f, n)
LATE_FORWARD(int, CRYPTO_memcmp, (const void *a, const void *b, size_t n), a, b, n)
LATE_FORWARD(OSSL_PARAM, OSSL_PARAM_construct_utf8_string,
	(const char *key, char *buf, size_t n), key, buf, n)
LATE_FORWARD(OSSL_PARAM, OSSL_PARAM_construct_end, (void), )
LATE_FORWARD_VOID(EVP_MAC_CTX_free, (EVP_MAC_CTX * c), c)
