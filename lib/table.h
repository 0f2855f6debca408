/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table: text in columns. Rows are held until the widths are settled, then printed; rows that
 * come later use the widths they find. Two blanks between columns, none at the end of a line.
 *
 *	table_init(&t, cols, n, 80, true);
 *	table_row(&t, cells);
 *	table_settle(&t);
 *	table_print(&t, &buf);
 *	table_release(&t);
 */
#ifndef TDMQ_TABLE_H
#define TDMQ_TABLE_H

#include "buf.h"
#include "mem.h"

struct table_col {
	const char *name; /* borrowed; shown in capitals */
	bool right; /* numbers */
	bool whole; /* never wrapped */
	bool optional; /* may be dropped when the terminal is too narrow */
	bool dropped; /* set by table_settle() */
	size_t width; /* set by table_settle() */
};

struct table_cell {
	const char *text; /* one line, nothing a terminal would obey: see table_clean() */
	const char *colour; /* escape sequence or NULL */
};

struct table {
	struct table_col *cols; /* owned */
	size_t n;
	struct table_cell *cells; /* owned; rows not printed yet */
	size_t rows, cap;
	size_t width; /* of the terminal; 0: any */
	bool headers, settled;
	struct arena mem; /* texts of the rows held */
};

/* Copies cols. */
void table_init(
	struct table *t, const struct table_col *cols, size_t n, size_t width, bool headers);
void table_release(struct table *t);
void table_row(struct table *t, const struct table_cell *cells); /* n cells; copies */
/*
 * Fixes the widths from the header and the rows held. Too wide for the terminal: optional columns
 * go, the last one first; then columns of text are wrapped, the widest first. If what stays
 * whole is too wide, so are the lines.
 */
void table_settle(struct table *t);
/* Appends the header, the first time, and the rows held; forgets them. */
void table_print(struct table *t, struct buf *out);

/* Appends s with what a terminal would obey or turn around as \n, \t, \x1b, \u202e. */
void table_clean(struct buf *b, struct str s);
/* Columns on a terminal: wide characters two, combining ones none. */
size_t table_text_width(struct str s);

#endif
