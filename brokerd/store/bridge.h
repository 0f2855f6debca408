/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bridge: places of lost messages in queues, made passable for Apache's broker. Ours writes a filler
 * unit there and passes over it; Apache's fails the pull that meets one, or passes over a whole
 * file of the log. A bridged unit points where the next sound one points: that message is delivered
 * twice, with one queue offset, which a client's queue holds once.
 */
#ifndef TDMQ_STORE_BRIDGE_H
#define TDMQ_STORE_BRIDGE_H

#include "err.h"

/* On a closed store. *n: units that were changed. log_min: filler for what is older stays. */
int bridge_queues(const char *dir, int64_t log_min, int64_t *n, struct err *e) MUST_USE;

#endif
