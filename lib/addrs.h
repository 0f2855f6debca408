/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addrs: a list of network addresses, as operators write it: literal addresses, CIDR blocks, and
 * the patterns of Apache's ACL for IPv4, with commas between:
 *
 *	10.1.0.0/16, 192.168.7.*, 192.168.8.1-100, 192.168.9.{1,7}, fd00::/8, *
 */
#ifndef TDMQ_ADDRS_H
#define TDMQ_ADDRS_H

#include "err.h"
#include "message.h"
#include "str.h"

#define ADDRS_MAX 256 /* of one list */

/* Each byte of an address lies between two bounds. */
struct addr_range {
	bool v6;
	uint8_t low[16], high[16]; /* the first 4 for IPv4 */
};

struct addrs {
	struct addr_range *v; /* owned */
	size_t n;
};

/* Replaces what *out holds. Blank text is an empty list. TQ_EINVAL names the bad part. */
int addrs_parse(struct str text, struct addrs *out, struct err *e);
void addrs_release(struct addrs *a);
bool addrs_match(const struct addrs *a, const struct host *h);

#endif
