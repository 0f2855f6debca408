/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape: what the readers of metadata share: looking at a document that people and programs wrote,
 * believing nothing. Errors name the member, what was expected and what stands there.
 *
 *	static const struct shape_member topic[] = { { "name", SHAPE_TEXT, true }, { NULL } };
 *
 *	rc = shape_list(doc, "topics", &list, e);
 *	rc = rc ? rc : shape_check(entry, topic, e);
 */
#ifndef TDMQ_SHAPE_H
#define TDMQ_SHAPE_H

#include "source.h"

enum shape_type { SHAPE_INT, SHAPE_BOOL, SHAPE_TEXT, SHAPE_OBJECT, SHAPE_LIST };

/* Numbers and booleans may stand in texts; null counts as absent; other members are not looked at. */
struct shape_member {
	const char *key; /* NULL ends a table */
	enum shape_type type;
	bool required;
};

const cJSON *shape_get(const cJSON *o, const char *key); /* NULL: absent */
const char *shape_kind(const cJSON *v); /* "an object", "a text", ... for errors */
int shape_check(const cJSON *entry, const struct shape_member *m, struct err *e) MUST_USE;
/* A member that is a list of at most SOURCE_MAX_ITEMS; *out NULL when absent. */
int shape_list(const cJSON *o, const char *key, const cJSON **out, struct err *e) MUST_USE;

/*
 * What a topic takes, in anybody's words: fifo, PartitionedOrder, DelayScheduled, the numbers of
 * ONS, ... in any case. -1: none of them.
 */
int shape_topic_type(const char *text);

/* The body of our own export file for one kind of source (export.h); NULL: not such a file. */
const cJSON *shape_export(const cJSON *doc, const char *kind);

#endif
