/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object: what an item is to be, as JSON in journals and plan files: enough to make it without the
 * source. `o` is the struct namespace, topic or group of that kind, in a plan item or a task item.
 */
#ifndef TDMQ_OBJECT_H
#define TDMQ_OBJECT_H

#include "mem.h"
#include "source.h"

void object_put(struct jw *w, enum object_kind kind, const void *o);
/* Strings are copied to mem. TQ_EFORMAT for what is none, or lacks its name. */
int object_get(enum object_kind kind, void *o, struct arena *mem, const cJSON *doc,
	struct err *e) MUST_USE;
/* An array of their names, and back. */
void warnings_put(struct jw *w, unsigned long long warnings);
unsigned long long warnings_get(const cJSON *array);

#endif
