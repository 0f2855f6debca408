/* SPDX-License-Identifier: Apache-2.0 */
/*
 * produce: between a message somebody wants stored and the log. What every path to the log has in
 * common is done here: a delay level sends the record through the schedule topic, the tags code
 * is computed. Client sends, send-back, dead letters and delivered delays all end here.
 */
#ifndef TDMQ_PRODUCE_H
#define TDMQ_PRODUCE_H

#include "brokerd/store/store.h"

struct broker;

/*
 * m->topic, queue_id, body, properties, flag, sysflag, born_*, reconsume_times are the caller's;
 * names are checked and the topic exists. m->store is kept when keep_store_host. A DELAY property
 * above 0 redirects to SCHEDULE_TOPIC_XXXX, queue level - 1, with REAL_TOPIC and REAL_QID set.
 * The message may be read after the turn's store_commit(); acknowledge with reply_after(at.end_off).
 */
int produce(struct broker *b, const struct message *m, bool keep_store_host,
	struct store_at *at, struct err *e);

#endif
