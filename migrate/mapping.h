/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping: from a name in the source to (namespace, name) in the target.
 *
 *	cluster migration      shop%orders -> shop / orders     orders -> default / orders
 *	specified namespace    shop%orders -> NS / orders       orders -> NS / orders
 *
 * Names split at the first '%' that is not their first byte. A cluster id in front, as in
 * `rocketmq-abc|shop%orders`, is dropped. Nothing else is rewritten unless asked for (rename.h): a
 * changed name means changed programs.
 */
#ifndef TDMQ_MAPPING_H
#define TDMQ_MAPPING_H

#include "names.h"
#include "rename.h"
#include "source.h"

struct mapping {
	const char *ns; /* NULL: cluster migration */
	const struct ns_pair *pairs; /* cluster migration: namespaces that get another name */
	int n_pairs;
	const struct ns_pair
		*spaces; /* the same, as the source offers them: pairs come first */
	size_t n_spaces;
	const struct rename *rename; /* NULL: names stay */
	/*
	 * The rules of a plain Apache cluster: whole wire names of 1-127 bytes; otherwise those of
	 * the product, 3-64 (namespace 3-32) letters, digits, '-', '_'.
	 */
	bool wire_names;
};

struct target_name {
	char ns[WIRE_TOPIC_MAX + 1], name[WIRE_TOPIC_MAX + 1];
	bool renamed; /* programs have to use another name, apart from the namespace */
};

/*
 * REASON_NONE and *out, or why the item has no place in the target, with the sentence in e.
 * Retry and dead letter topics are not for here.
 */
enum reason mapping_apply(const struct mapping *m, enum object_kind kind, const char *source,
	struct target_name *out, struct err *e);

/* "from=to" into *out, strings in mem. */
int mapping_parse_pair(const char *text, struct arena *mem, struct ns_pair *out, struct err *e);

#endif
