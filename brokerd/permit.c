/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permit: see permit.h. The names of a request are found by the types of its fields, so a handler
 * cannot forget one.
 */
#include "brokerd/permit.h"

#include "brokerd/broker.h"
#include "brokerd/store/store.h"
#include "names.h"
#include "props.h"

int permit_identify(struct request *rq)
{
	rq->who.class = ACL_EVERYBODY;
	return 0;
}

int permit_fields(struct request *rq UNUSED, const void *fields UNUSED)
{
	return 0;
}

int request_permit_topic(
	struct request *rq UNUSED, enum need need UNUSED, struct str topic UNUSED)
{
	return 0;
}

int request_permit_group(
	struct request *rq UNUSED, enum need need UNUSED, struct str group UNUSED)
{
	return 0;
}

/* What waits to be delivered lies in a topic of the system and names its own. */
static int permit_message(struct request *rq, enum need need, struct str record)
{
	struct rd r = rd_init(record);
	struct message m;
	struct str topic;

	if (message_decode(&r, &m, &rq->err))
		return rq->err.code;
	topic = names_is_system_topic(m.topic) ? props_get(m.properties, PROP_REAL_TOPIC)
					       : STR_NONE;
	return request_permit_topic(rq, need, topic.n ? topic : m.topic);
}

int request_permit_record(struct request *rq, enum need need, int64_t phys_off)
{
	struct store_slice s;
	int rc;

	if (rq->who.class != ACL_ROLE || phys_off < 0 ||
		store_get(rq->broker->store, phys_off, &s, NULL))
		return 0;
	rc = permit_message(rq, need, s.bytes);
	store_slice_unref(s.segment);
	return rc;
}
