/* SPDX-License-Identifier: Apache-2.0 */
/* The body of request 103, plain after a '0' and compressed after a '1'; 'z' compresses the rest first. */
#include "fuzz.h"
#include "registration.h"
#include "zip.h"

static void again(const struct registration *r, bool compressed)
{
	struct registration second;
	struct err e = ERR_INIT;
	struct arena mem;
	struct buf b;

	arena_init(&mem);
	buf_init(&b, REGISTRATION_MAX);
	registration_encode(r, compressed, &b);
	if (!buf_err(&b)) {
		BUG_ON(registration_decode(buf_str(&b), compressed, &mem, &second, &e));
		BUG_ON(second.n > r->n);
		BUG_ON(!data_version_same(second.version, r->version));
	}
	buf_release(&b);
	arena_release(&mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char kind = size ? (char)data[0] : '0';
	char *p = own(data + !!size, size - !!size);
	struct str body = { p, size - !!size };
	struct registration r;
	struct err e = ERR_INIT;
	struct arena mem;
	struct buf zipped;

	arena_init(&mem);
	buf_init(&zipped, REGISTRATION_MAX);
	if (kind == 'z') {
		zip_deflate(body, &zipped);
		body = buf_str(&zipped);
	}
	if (!registration_decode(body, kind != '0', &mem, &r, &e)) {
		for (size_t i = 0; i < r.n; i++)
			touch(str_of(r.topics[i]->name));
		again(&r, kind != '0');
	}
	buf_release(&zipped);
	arena_release(&mem);
	free(p);
	return 0;
}
