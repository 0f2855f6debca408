/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz: what the harnesses share. Each reads hostile bytes through one decoder, touches all that
 * came out so that a sanitizer sees a slice beyond its bytes, writes it again and compares.
 */
#ifndef TDMQ_FUZZ_H
#define TDMQ_FUZZ_H

#include "buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void touch(struct str s)
{
	volatile unsigned sink;
	unsigned sum = 0;

	for (size_t i = 0; i < s.n; i++)
		sum += (unsigned char)s.p[i];
	sink = sum;
	(void)sink;
}

/* The input in memory of exactly its size, to be written to and freed. */
static inline char *own(const uint8_t *data, size_t size)
{
	char *p = malloc(size + !size);

	memcpy(p, data, size);
	return p;
}

#endif
