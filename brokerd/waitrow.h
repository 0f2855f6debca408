/* SPDX-License-Identifier: Apache-2.0 */
/*
 * waitrow: what 30030 and 30032 say of a message that waits in a topic of the broker's own; the
 * same for both:
 *
 *	"born_ms":..,"id":"..","key":"..","queue":0,"size":5,"stored_ms":..,"tag":"..",
 *	"topic":"orders","unique_id":".."
 *
 * id is the offset id of the record that waits: what 30031 and 323 take.
 */
#ifndef TDMQ_WAITROW_H
#define TDMQ_WAITROW_H

#include "json.h"
#include "message.h"

#define WAIT_ROWS 1000 /* most rows of one answer */

/* The topic a waiting message is for; STR_NONE: it is none of the broker's own records. */
struct str wait_topic(const struct message *m);
/* Members of an object that the caller opened and closes. */
void wait_row(struct jw *w, const struct message *m);

#endif
