/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pick: a checklist in the terminal.
 *
 *	struct pick_line lines[] = { { "topic  shop%orders", true }, ... };
 *
 *	rc = pick_run("What shall move?", lines, n, e);
 *	... lines[i].on ...
 *
 * Arrows, j and k move, space chooses, a and n choose all or none of what is shown, / filters,
 * enter goes on, q or Ctrl-C stops (TQ_EDECLINED). The terminal is as it was afterwards, also when a
 * signal ends the program.
 */
#ifndef TDMQCTL_PICK_H
#define TDMQCTL_PICK_H

#include "err.h"

struct pick_line {
	const char *text; /* borrowed; control characters show as '?' */
	bool on;
};

/* TQ_EUSAGE when standard input and standard error are no terminal. */
int pick_run(const char *title, struct pick_line *lines, size_t n, struct err *e) MUST_USE;

#endif
