/* SPDX-License-Identifier: Apache-2.0 */
/* opt_int: what parsing, completion and help of opt share; nobody else includes it. */
#ifndef TDMQ_OPT_INT_H
#define TDMQ_OPT_INT_H

#include "opt.h"

static inline bool opt_is_switch(const struct opt *o)
{
	return o->type == OPT_T_BOOL || o->type == OPT_T_COUNT;
}

/* By letter, or by name where letter is 0; *at: the set it is in. NULL if there is none. */
const struct opt *opt_find(
	const struct opt_set *sets, size_t nsets, struct str name, char letter, size_t *at);
/* The flag of a word such as "--group" or "-Ag" whose value is the word behind it; or NULL. */
const struct opt *opt_waiting(const struct opt_set *sets, size_t nsets, const char *word);

#endif
