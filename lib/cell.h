/* SPDX-License-Identifier: Apache-2.0 */
/* cell: one value of an item, as a table or a plain format shows it. Part of out. */
#ifndef TDMQ_CELL_H
#define TDMQ_CELL_H

#include "mem.h"
#include "out.h"

/* For tables: cleaned, "-" for what is unknown, figures with units unless raw. In the arena. */
const char *cell_text(
	struct arena *mem, const struct col *c, const cJSON *node, bool raw, bool utc);
/* For csv and names: the value as it is, nothing for what is unknown. */
void cell_plain(struct buf *b, const cJSON *node);
/* Escape sequence, or NULL. */
const char *cell_colour(const struct view *v, const struct col *c, const cJSON *node);

#endif
