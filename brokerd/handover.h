/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover: makes the data directory one that a broker of Apache RocketMQ 4.9 serves on: the store
 * is recovered if need be and closed, and what we know besides the messages is written as Apache
 * keeps it:
 *
 *	DIR/config/topics.json subscriptionGroup.json consumerOffset.json delayOffset.json
 *	DIR/broker.conf		file sizes, names and ports that fit
 *	DIR/plain_acl.yml	roles, if there are any; for conf/ of Apache's installation
 *
 *	rc = handover(cfg, &opts, say, arg, e);
 *
 * Nothing of ours is removed: adopt.h takes the directory back. TQ_EPARTIAL when something cannot
 * go along; the report says what.
 */
#ifndef TDMQ_HANDOVER_H
#define TDMQ_HANDOVER_H

#include "brokerd/config.h"

/* One line of the report, borrowed for the call. */
struct handover_line {
	const char *object; /* topics, groups, ... */
	int64_t taken, left; /* how many go along, and how many do not */
	const char *file; /* written, relative to the directory; "" */
	const char *note;
};
typedef void (*handover_say)(void *arg, const struct handover_line *l);

/* With dry_run no file of Apache's is written. TQ_EPRECOND: a broker has the directory. */
int handover(const struct config *cfg, bool dry_run, handover_say say, void *arg,
	struct err *e) MUST_USE;

#endif
