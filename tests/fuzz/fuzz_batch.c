/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a batch send. */
#include "fuzz.h"
#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = own(data, size);
	struct rd r = rd_init((struct str){ p, size });
	struct err e = ERR_INIT;
	struct batch_item it;
	struct buf b;

	while (rd_left(&r)) {
		char *raw = p + r.off;

		if (batch_next(&r, &it, &e))
			break;
		touch(it.body);
		touch(it.properties);
		buf_init(&b, size + 64);
		batch_add(&b, &it);
		put_be64(raw + 4, 0); /* what is there does not count */
		BUG_ON(!str_eq(buf_str(&b), (struct str){ raw, (size_t)(p + r.off - raw) }));
		buf_release(&b);
	}
	free(p);
	return 0;
}
