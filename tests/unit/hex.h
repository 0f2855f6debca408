/* SPDX-License-Identifier: Apache-2.0 */
/* hex: bytes for tests, written as hex with blanks; in memory of exactly their size. */
#ifndef TDMQ_TEST_HEX_H
#define TDMQ_TEST_HEX_H

#include "base.h"

static inline char *unhex(const char *hex, size_t *n)
{
	char *p = malloc(strlen(hex) / 2 + 1), *end;
	size_t used = 0;

	for (; *hex; hex += hex[0] == ' ' ? 1 : 2) {
		char pair[3] = { hex[0], hex[1], 0 };

		if (hex[0] != ' ')
			p[used++] = (char)strtoul(pair, &end, 16);
	}
	*n = used;
	return realloc(p, used + !used);
}

#endif
