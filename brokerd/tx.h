/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx: transactional messages, stored as Apache stores them. A half message is put into
 * RMQ_SYS_TRANS_HALF_TOPIC, with its topic and queue in REAL_TOPIC and REAL_QID; consumers see
 * nothing of it. Its producer ends it: a commit stores it again where it belongs, and commit and
 * rollback leave a note in RMQ_SYS_TRANS_OP_HALF_TOPIC, whose body is its half offset.
 *
 *	parked_wrap(&m, STR(TX_HALF_TOPIC), 0, &props);		the half message
 *	rc = tx_end(t, &end, &end_off, e);			commit or rollback
 *
 * What is not ended in time is asked about: it is stored again at the end of the half topic, with
 * the number of checks in its properties, and a producer of its group is sent 39. After the last
 * check it is set aside in TRANS_CHECK_MAX_TIME_TOPIC. Progress is kept as the offsets of group
 * CID_RMQ_SYS_TRANS, never ahead of what the log has synced. On the loop.
 */
#ifndef TDMQ_TX_H
#define TDMQ_TX_H

#include "brokerd/offsets.h"
#include "message.h"
#include "names.h"
#include "remoting.h"
#include "store/store.h"

#define TX_HALF_TOPIC NAMES_HALF
#define TX_OP_TOPIC "RMQ_SYS_TRANS_OP_HALF_TOPIC"
#define TX_ASIDE_TOPIC "TRANS_CHECK_MAX_TIME_TOPIC"
#define TX_PROP_CHECKS "TRANSACTION_CHECK_TIMES" /* how often its producer was asked */
#define TX_GROUP NAMES_HALF_GROUP
#define TX_PROPERTIES_MAX \
	(MESSAGE_MAX_PROPERTIES - 128) /* of a half message: checks add some */

struct event_base;
struct tx;

struct tx_limits {
	int64_t timeout_ms; /* this old, it may be asked about */
	int64_t interval_ms; /* between two rounds of asking */
	int64_t max_age_ms; /* older, it is set aside */
	int max_checks; /* likewise */
};

struct tx_opts {
	struct event_base *base;
	struct store *store;
	struct offsets *offsets;
	struct host host; /* of notes */
	struct str cluster_id; /* see names_canonical(); borrowed */
	/* False: the topic is gone and nothing can be committed to it. */
	bool (*wanted)(void *arg, struct str topic);
	/* Sends the one-way request to a producer of the group, if there is one. */
	void (*ask)(void *arg, struct str group, struct command *rq);
	/* When a committed message with this property is due; see timed_due(). */
	int (*due)(void *arg, struct str start_deliver, int64_t *due_ms, struct err *e);
	void *arg;
	/* Queue offsets of half messages that are ended though no note says so: redo.h. */
	const int64_t *ended;
	size_t n_ended;
};

/* Reads where it was; the store and the offsets are open. */
struct tx *tx_open(const struct tx_opts *o, const struct tx_limits *l);
void tx_set_limits(struct tx *t, const struct tx_limits *l);
void tx_free(struct tx *t); /* does not flush */
/* A unit of the half topic. */
void tx_arrival(struct tx *t, int64_t queue_off);
/* What the timer does: asks about what is due. */
void tx_run(struct tx *t);
/* Notes the progress that is safe; each second before offsets_flush(). */
void tx_flush(struct tx *t);
int64_t tx_pending(const struct tx *t); /* half messages that are not ended */

/*
 * Open half messages in their order, from queue offset `from`: fn false stops. The record is
 * borrowed for the call.
 */
typedef bool (*tx_each)(void *arg, const struct message *half);
void tx_list(struct tx *t, int64_t from, tx_each fn, void *arg);

struct tx_ending {
	struct str group; /* canonical */
	int64_t queue_off, phys_off; /* of the half message */
	bool commit;
};
/*
 * Appends what the end of a half message needs; *end_off is to be waited for. One that is ended
 * already is left as it is. TQ_EFAIL: there is no such half message; TQ_ENOTOPIC; the store's.
 */
int tx_end(struct tx *t, const struct tx_ending *x, int64_t *end_off, struct err *e) MUST_USE;
/* Begins anew with a message that was set aside: counted from 0. TQ_EFAIL, the store's. */
int tx_resume(struct tx *t, int64_t phys_off, int64_t *end_off, struct err *e) MUST_USE;

#endif
