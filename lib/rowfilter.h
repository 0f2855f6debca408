/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rowfilter: the expressions of --filter, as `lag>1000 && name~^order`.
 *
 *	expr  = and { "||" and }
 *	and   = term { "&&" term }
 *	term  = "!" term | "(" expr ")" | column op value
 *	op    = == = != < <= > >= ~ !~		~ is an extended regular expression, found anywhere
 *	value = "quoted" | 'quoted' | up to a blank, && or ||
 *
 * A value is read as its column shows: 10k for counts, 4MiB for sizes, 2m for durations, times as
 * --since takes them. What is unknown (null) compares as nothing: only != and !~ are true.
 */
#ifndef TDMQ_ROWFILTER_H
#define TDMQ_ROWFILTER_H

#include "err.h"
#include "json.h"
#include "out.h"

struct rowfilter;

/* cols: the columns there are, ending with COL_END; borrowed. TQ_EUSAGE names the place. */
int rowfilter_new(const char *text, const struct col *cols, bool utc, struct rowfilter **out,
	struct err *e) MUST_USE;
void rowfilter_free(struct rowfilter *f);
bool rowfilter_match(const struct rowfilter *f, const cJSON *item);
/* The syntax alone, before the columns are known. */
int rowfilter_check(const char *text, struct err *e) MUST_USE;

/* The node at "a.b.c" below item; NULL if there is none. */
const cJSON *row_at(const cJSON *item, const char *path);

#endif
