/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete: candidates for the shells. The shims in completions/ call
 *
 *	tdmqctl __complete SHELL -- WORD...
 *
 * with the words of the line up to the cursor, the last one being the one begun (may be ''), and
 * get one candidate a line, for zsh and fish as "text<TAB>description". A line ":files" asks the
 * shell for its own file names. Nothing is ever printed on stderr, and a server has 200 ms.
 */
#ifndef TDMQCTL_COMPLETE_H
#define TDMQCTL_COMPLETE_H

#include "ctx.h"

int complete_main(struct ctx *cx, int argc, char **argv);

#endif
