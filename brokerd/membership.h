/* SPDX-License-Identifier: Apache-2.0 */
/*
 * membership: this broker in a cluster whose name servers are others: Apache's, or those of other
 * brokerds. It registers with each of them by itself, so one that is down is no obstacle.
 *
 *	m = membership_new(b);				does nothing without `nameserver`
 *	...
 *	membership_changed(m);				the table of topics has changed
 *	membership_told(m, answer, rq);			answer when they know
 *	...
 *	membership_leave(m);
 *
 * On the loop.
 */
#ifndef TDMQ_MEMBERSHIP_H
#define TDMQ_MEMBERSHIP_H

#include "err.h"

struct broker;
struct conn;
struct membership;

#define MEMBERSHIP_SERVERS 16

/* Is the list of addresses one that membership_new() takes? */
int membership_check(const char *list, struct err *e);
/* Reads broker's settings; begins to connect when the loop runs. NULL: there is nobody to tell. */
struct membership *membership_new(struct broker *b);
void membership_free(struct membership *m);

/* All of these take NULL as well. */
void membership_changed(struct membership *m);
/*
 * fn is called as soon as the name servers that can be reached know of all changes so far, but no
 * later than after a second; at once when they do.
 */
void membership_told(struct membership *m, void (*fn)(void *arg), void *arg);
void membership_conn_closed(struct membership *m, struct conn *c);
/* Says that the broker goes; calls what waits in membership_told(). */
void membership_leave(struct membership *m);

#endif
