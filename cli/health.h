/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health: how a broker is, by its run-time table (28). Brokers are asked one after the other; one
 * that does not answer is warned of, and a row that says so.
 */
#ifndef TDMQCTL_HEALTH_H
#define TDMQCTL_HEALTH_H

#include "view.h"

/* What the run-time table of one broker says. */
struct health {
	const struct broker *broker;
	bool answers;
	bool disk_full; /* and so it refuses messages */
	struct kvs table;
	double in_rate, out_rate; /* messages/s over the last 10 s */
	int64_t in_today, out_today, started_ms;
	double disk; /* percent; < 0: unknown */
};

/* b is borrowed by h. */
void health_ask(struct ctx *cx, const struct broker *b, struct health *h);
/* One decimal is all a rate over ten seconds is worth; null if it is not known. */
void health_add_decimal(cJSON *o, const char *key, double v, bool known);
const char *health_text(struct ctx *cx, struct str s); /* NULL for no text */
/* "brokerd 0.1.0", "Apache V4_9_7". */
const char *health_server(struct ctx *cx, const struct cluster *cl, const struct health *h);

#endif
