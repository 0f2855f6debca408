/* SPDX-License-Identifier: Apache-2.0 */
/* zip: zlib streams, whole and bounded. Knows nothing but buf. */
#ifndef TDMQ_ZIP_H
#define TDMQ_ZIP_H

#include "buf.h"
#include "err.h"

/*
 * Appends the plain bytes, at most max. TQ_EFORMAT when it is no whole stream, TQ_ETOOBIG; then
 * out is as it was.
 */
int zip_inflate(struct str in, struct buf *out, size_t max, struct err *e) MUST_USE;
/* Appends a stream; too large for out shows in buf_err(out). */
void zip_deflate(struct str in, struct buf *out);

#endif
