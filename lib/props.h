/* SPDX-License-Identifier: Apache-2.0 */
/*
 * props: the property text of a message, `name 0x01 value 0x02 name 0x01 value ...`. A trailing
 * 0x02 is legal. Pieces without 0x01, and such with an empty name or value, do not count. The
 * last of two equal names wins (common/.../message/MessageDecoder.java, string2messageProperties).
 */
#ifndef TDMQ_PROPS_H
#define TDMQ_PROPS_H

#include "buf.h"

#define PROP_KEYS "KEYS"
#define PROP_TAGS "TAGS"
#define PROP_UNIQ_KEY "UNIQ_KEY"
#define PROP_WAIT "WAIT"
#define PROP_DELAY "DELAY"
#define PROP_REAL_TOPIC "REAL_TOPIC"
#define PROP_REAL_QID "REAL_QID"
#define PROP_RETRY_TOPIC "RETRY_TOPIC"
#define PROP_ORIGIN_ID "ORIGIN_MESSAGE_ID"
#define PROP_TRAN_MSG "TRAN_MSG"
#define PROP_PGROUP "PGROUP"
#define PROP_CLUSTER "CLUSTER"
#define PROP_SHARDING_KEY "__SHARDINGKEY"
#define PROP_START_DELIVER "__STARTDELIVERTIME"

struct prop {
	struct str name, value;
};

/* Walks the pairs: for (rest = text; props_next(&rest, &p); ) */
bool props_next(struct str *rest, struct prop *p);
struct str props_get(struct str text, const char *name); /* STR_NONE if absent */
/* Appends text to out without the property `name`; no trailing separator is written. */
void props_without(struct buf *out, struct str text, const char *name);
/*
 * Appends one pair to the property text that out holds from `start` on, separator as needed. An
 * empty value is left out: no reader would see it.
 */
void props_add(struct buf *out, size_t start, const char *name, struct str value);
/* The same with a pair that props_next() gave. */
void props_copy(struct buf *out, size_t start, const struct prop *p);
/* out := text with name set to value (replaced or added); a NULL value removes it. */
void props_set(struct buf *out, struct str text, const char *name, struct str value);

/*
 * Many looks into one text: each costs the same, however long it is.
 *
 *	props_index_build(ix, m->properties);
 *	value = props_index_get(ix, name);		as props_get()
 */
struct props_index;

struct props_index *props_index_new(void);
void props_index_free(struct props_index *ix);
/* Of MESSAGE_MAX_PROPERTIES bytes at most; borrowed until the next build. */
void props_index_build(struct props_index *ix, struct str text);
struct str props_index_get(const struct props_index *ix, struct str name);

#endif
