/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registration: what a broker tells a name server of its topics: the body of request 103. (Apache
 * RocketMQ 4.9.8, common/.../protocol/body/RegisterBrokerBody.java.)
 *
 *	{"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{...},
 *	 "topicConfigTable":{"T":{...},...}}}
 *
 * or, compressed, a zlib stream of
 *
 *	| n 4 | data version, JSON | topics 4 | n 4 | topic, text | ... | n 4 | filter servers, JSON |
 *
 * with a topic as "name read-queues write-queues perm filter-type": flags and order are not told
 * then. Filter servers, of a kind that is gone since 4.3, are neither read nor written.
 */
#ifndef TDMQ_REGISTRATION_H
#define TDMQ_REGISTRATION_H

#include "mem.h"
#include "model.h"

#define REGISTRATION_MAX (16u << 20) /* bytes, inflated */
#define REGISTRATION_TOPICS 100000
#define REGISTRATION_NAME 255 /* bytes of a topic's name */

struct registration {
	struct data_version version;
	const struct topic *const *topics;
	size_t n;
};

/* Everything in *r lives in the arena. TQ_EFORMAT, TQ_ETOOBIG. */
int registration_decode(struct str body, bool compressed, struct arena *a,
	struct registration *r, struct err *e) MUST_USE;
/* Appends the body; too large for out shows in buf_err(out). */
void registration_encode(const struct registration *r, bool compressed, struct buf *out);
/* Of the body as it is sent. */
int32_t registration_crc(struct str body);

/* {"counter":3,"timestamp":1700000000000} */
void data_version_to_json(struct jw *w, struct data_version v);
struct data_version data_version_from_json(const cJSON *o);
static inline bool data_version_same(struct data_version a, struct data_version b)
{
	return a.counter == b.counter && a.timestamp_ms == b.timestamp_ms;
}

#endif
