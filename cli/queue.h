/* SPDX-License-Identifier: Apache-2.0 */
/* queue: one queue of a topic, as options name it: "BROKER/QUEUE", or "QUEUE" on every broker. */
#ifndef TDMQCTL_QUEUE_H
#define TDMQCTL_QUEUE_H

#include "base.h"

/* Whether the text names this queue of this broker. */
bool queue_is(const char *text, const char *broker, int queue);

#endif
