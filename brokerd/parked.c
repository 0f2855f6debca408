/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parked: the copy keeps all properties, with REAL_TOPIC and REAL_QID, as clients of Apache see
 * them. A record is checked against its CRC first: the copy gets a CRC of its own, and would pass
 * damage on as good.
 */
#include "parked.h"

#include "clock.h"
#include "log.h"
#include "names.h"
#include "props.h"

void parked_wrap(struct message *m, struct str topic, int queue, struct buf *props)
{
	struct buf with_topic;
	char qid[16];

	snprintf(qid, sizeof(qid), "%d", m->queue_id);
	buf_init(&with_topic, props->max);
	props_set(&with_topic, m->properties, PROP_REAL_TOPIC, m->topic);
	buf_clear(props);
	props_set(props, buf_str(&with_topic), PROP_REAL_QID, str_of(qid));
	buf_release(&with_topic);
	m->properties = buf_str(props);
	m->topic = topic;
	m->queue_id = queue;
}

int parked_decode(struct str record, struct message *m, struct err *e)
{
	struct rd r = rd_init(record);
	int rc = message_decode(&r, m, e);

	if (!rc && !message_crc_ok(m))
		rc = err_set(e, TQ_EFORMAT, "the body does not match its CRC");
	return rc;
}

bool parked_unwrap(struct message *m)
{
	struct str topic = props_get(m->properties, PROP_REAL_TOPIC);
	int64_t qid;

	if (!topic.n || str_is(topic, NAMES_HALF) ||
		str_to_i64(props_get(m->properties, PROP_REAL_QID), 0, INT32_MAX, &qid,
			PROP_REAL_QID, NULL))
		return false;
	m->topic = topic;
	m->queue_id = (int32_t)qid;
	return true;
}

enum parked parked_deliver(const struct parked_out *o, struct message *m, struct store_at *at)
{
	struct store_put put = {
		.m = m,
		.keep_store_host = true,
		.not_before_ms = clock_wall_ms(),
	};
	struct err e = ERR_INIT;

	if (!parked_unwrap(m) || (o->wanted && !o->wanted(o->arg, m->topic)))
		return PARKED_DROPPED;
	put.tags_code = message_tags_code(props_get(m->properties, PROP_TAGS));
	m->prepared_off = m->phys_off; /* what it was made of: redo.h */
	if (store_append(o->store, &put, at, &e)) {
		log_every(10, LOG_WARN_, o->who, "cannot deliver to '" STR_FMT "': %s",
			STR_ARG(m->topic), e.msg);
		return PARKED_AGAIN;
	}
	if (o->delivered)
		o->delivered(o->arg, m->topic, at->size);
	return PARKED_DELIVERED;
}
