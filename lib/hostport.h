/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostport: HOST:PORT as people and servers write it, and lists of it.
 *
 *	char host[HOSTPORT_HOST];
 *	const char *port;
 *
 *	rc = hostport_split("[::1]:9876", host, &port, e);	"::1", "9876"
 */
#ifndef TDMQ_HOSTPORT_H
#define TDMQ_HOSTPORT_H

#include "err.h"
#include "strv.h"

#define HOSTPORT_HOST 256

/* "host:port", "[v6]:port", "v6:port" cut at the last colon. *port points into addr. */
int hostport_split(
	const char *addr, char host[HOSTPORT_HOST], const char **port, struct err *e) MUST_USE;
/* Adds the pieces of a list with commas or semicolons; NULL is an empty one. */
void hostport_list(struct strv *v, const char *list);

#endif
