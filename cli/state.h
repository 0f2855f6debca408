/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state: the folder where tdmqctl remembers what it did: $XDG_STATE_HOME/tdmqctl, else
 * ~/.local/state/tdmqctl.
 */
#ifndef TDMQCTL_STATE_H
#define TDMQCTL_STATE_H

#include "mem.h"

/* The path of `name` in it, in the arena; NULL without a home directory. Nothing is created. */
const char *state_path(struct arena *a, const char *name);

#endif
