/* SPDX-License-Identifier: Apache-2.0 */
/*
 * senders: which connections send to which topic, counted where a limit wants it counted.
 *
 *	if (max && !senders_admit(b->senders, topic, rq->conn->id, max))
 *		... one producer too many ...
 *
 * A connection is a sender of a topic from its first message to its end. On the loop.
 */
#ifndef TDMQ_SENDERS_H
#define TDMQ_SENDERS_H

#include "str.h"

struct senders;

struct senders *senders_new(void);
void senders_free(struct senders *s);
/* True when the connection is one of at most max; it is from then on. */
bool senders_admit(struct senders *s, struct str topic, uint64_t conn, int64_t max);
int64_t senders_count(const struct senders *s, struct str topic);
void senders_conn_closed(struct senders *s, uint64_t conn);
void senders_forget_topic(struct senders *s, struct str topic);

#endif
