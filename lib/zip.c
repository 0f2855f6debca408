/* SPDX-License-Identifier: Apache-2.0 */
#include "zip.h"

#include <zlib.h>

int zip_inflate(struct str in, struct buf *out, size_t max, struct err *e)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n };
	size_t start = out->n;
	int zrc = Z_OK, rc = 0;

	if (inflateInit(&z) != Z_OK)
		return err_set(e, TQ_EFAIL, "cannot start inflating");
	while (zrc == Z_OK) {
		size_t room = MIN(max - (out->n - start) + 1, (size_t)64 << 10);
		char *to = buf_reserve(out, room);

		if (!to) {
			rc = err_set(e, TQ_ETOOBIG, "too large when inflated");
			goto out;
		}
		z.next_out = (Bytef *)to;
		z.avail_out = (uInt)room;
		zrc = inflate(&z, Z_NO_FLUSH);
		out->n += room - z.avail_out;
		out->p[out->n] = '\0';
		if (out->n - start > max) {
			rc = err_set(e, TQ_ETOOBIG, "more than %zu bytes when inflated", max);
			goto out;
		}
	}
	if (zrc != Z_STREAM_END)
		rc = err_set(e, TQ_EFORMAT, "not a whole zlib stream (%s)",
			z.msg ? z.msg : "cut short");
out:
	if (rc && !buf_err(out))
		out->n = start;
	inflateEnd(&z);
	return rc;
}

void zip_deflate(struct str in, struct buf *out)
{
	uLong n = compressBound((uLong)in.n);
	char *to = buf_reserve(out, n);

	if (!to)
		return;
	BUG_ON(compress2((Bytef *)to, &n, (const Bytef *)(in.p ? in.p : ""), (uLong)in.n,
		       Z_BEST_SPEED) != Z_OK);
	out->n += n;
	out->p[out->n] = '\0';
}
