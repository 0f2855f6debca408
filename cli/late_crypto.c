/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late_crypto: libcrypto, loaded when it is first called. Relocating it takes longer than all else
 * at the start of a command, and only signed requests and base64 need it. These definitions stand
 * in front of the library's for the linker, so that lib/ calls OpenSSL as everywhere.
 */
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/params.h>

#include "base.h"

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
	if (!p)
		fprintf(stderr, "tdmqctl: %s\n", dlerror());
	BUG_ON(!p);
	return p;
}

/* A function of the library, by way of a pointer that is looked up once. */
#define FORWARD(type, name, params, ...) \
	type name params \
	{ \
		static type(*real) params; \
		void *p; \
\
		if (!real) { \
			p = find(#name); \
			memcpy(&real, &p, sizeof(p)); \
		} \
		return real(__VA_ARGS__); \
	}

FORWARD(EVP_MAC *, EVP_MAC_fetch, (OSSL_LIB_CTX * c, const char *algorithm, const char *query),
	c, algorithm, query)
FORWARD(EVP_MAC_CTX *, EVP_MAC_CTX_new, (EVP_MAC * mac), mac)
FORWARD(int, EVP_MAC_init,
	(EVP_MAC_CTX * c, const unsigned char *key, size_t n, const OSSL_PARAM params[]), c,
	key, n, params)
FORWARD(int, EVP_MAC_update, (EVP_MAC_CTX * c, const unsigned char *data, size_t n), c, data, n)
FORWARD(int, EVP_MAC_final, (EVP_MAC_CTX * c, unsigned char *out, size_t *outl, size_t size), c,
	out, outl, size)
FORWARD(unsigned char *, EVP_Q_mac,
	(OSSL_LIB_CTX * c, const char *name, const char *query, const char *digest,
		const OSSL_PARAM *params, const void *key, size_t key_n,
		const unsigned char *data, size_t n, unsigned char *out, size_t size,
		size_t *got),
	c, name, query, digest, params, key, key_n, data, n, out, size, got)
FORWARD(int, EVP_Q_digest,
	(OSSL_LIB_CTX * c, const char *name, const char *query, const void *data, size_t n,
		unsigned char *out, size_t *got),
	c, name, query, data, n, out, got)
FORWARD(int, EVP_EncodeBlock, (unsigned char *t, const unsigned char *f, int n), t, f, n)
FORWARD(int, CRYPTO_memcmp, (const void *a, const void *b, size_t n), a, b, n)
FORWARD(OSSL_PARAM, OSSL_PARAM_construct_utf8_string, (const char *key, char *buf, size_t n),
	key, buf, n)
FORWARD(OSSL_PARAM, OSSL_PARAM_construct_end, (void), )

void EVP_MAC_CTX_free(EVP_MAC_CTX *c)
{
	void (*real)(EVP_MAC_CTX *);
	void *p = find("EVP_MAC_CTX_free");

	memcpy(&real, &p, sizeof(p));
	real(c);
}
