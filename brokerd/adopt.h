/* SPDX-License-Identifier: Apache-2.0 */
/*
 * adopt: what a broker of Apache RocketMQ 4.9 knew besides its messages, taken from the folder
 * config/ of its store into our metadata: topics, groups, offsets, delay levels. The messages
 * need nothing: store_open() reads Apache's files as its own.
 *
 *	rc = adopt(dir, &report, e);		nothing runs on dir yet
 *
 * Apache's files stay as they are. What they hold is taken once: when nobody changed them since
 * they were adopted, or written by handover.h, our metadata is newer and nothing is done. After a
 * handover they are the truth: what Apache no longer has goes, what it cannot express (types,
 * remarks, namespaces' settings) stays.
 */
#ifndef TDMQ_ADOPT_H
#define TDMQ_ADOPT_H

#include "apache.h"

struct adopt_report {
	bool fresh; /* nothing to be taken: all of it was before */
	bool back; /* the directory had been handed over before */
	size_t topics, groups, offsets, levels; /* taken */
	size_t own; /* topics and groups that every broker makes for itself */
	size_t gone; /* topics and groups that Apache deleted */
	size_t refused; /* entries that cannot be */
	char why[200]; /* of the first of them */
};

/* TQ_ENOTFOUND: no store of Apache's; TQ_EUNSUPPORTED: one of another kind; TQ_EPRECOND: in use. */
int adopt(const char *dir, struct adopt_report *r, struct err *e) MUST_USE;
/* One line for each thing that was taken or not. */
void adopt_log(const char *dir, const struct adopt_report *r);
/* TQ_EPRECOND when the directory was handed over and Apache has written to it since. */
int adopt_check(const char *dir, struct err *e) MUST_USE;

/* The mark that handover leaves: these tables are known. A job of metadb. */
struct meta;
int adopt_mark(struct meta *m, uint32_t digest, bool handed_over, struct err *e);

#endif
