/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later: an answer that leaves when the metadata is on disk. A handler that changes metadata
 * does
 *
 *	struct later *l = later_new(rq, topic_gone, NULL);
 *
 *	return later_started(l, catalog_delete_topic(c, name, later_done, l, &rq->err));
 *
 * and the request is answered from later_done(): with the error of the commit, or after
 * topic_gone(parked, arg) filled in the answer.
 */
#ifndef TDMQ_LATER_H
#define TDMQ_LATER_H

#include "brokerd/dispatch.h"

struct later;

/* On the loop, after the commit. rq is the parked request. */
typedef int (*later_then)(struct request *rq, void *arg);

/* then may be NULL: a plain 0. arg as a rule is in later_arena(), see below. */
struct later *later_new(struct request *rq, later_then then, void *arg);
/* What the completion needs is kept here until then() has returned. */
struct arena *later_arena(struct later *l);
void later_set_arg(struct later *l, void *arg);
/* rc 0: parks the request. Else nothing will be called: frees l and returns rc. */
int later_started(struct later *l, int rc);
/* Nothing is to be started after all: frees l, and the handler answers by itself. */
void later_drop(struct later *l);
/* Fits catalog_done and meta_done. */
void later_done(void *arg, int rc, const struct err *e);
/* Likewise, for changes of topics: answers when other name servers know of it (membership.h). */
void later_done_told(void *arg, int rc, const struct err *e);

#endif
