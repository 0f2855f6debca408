/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress: how far long work is, on stderr. On a terminal a bar, after 500 ms, at most ten times
 * a second, erased in the end; with --progress json one object a second and a summary; else nothing.
 *
 *	struct progress p = progress_start(cx, "migrate-run");
 *
 *	progress_show(&p, done, total, failed);
 *	progress_end(&p);
 */
#ifndef TDMQCTL_PROGRESS_H
#define TDMQCTL_PROGRESS_H

#include "ctx.h"

struct progress {
	struct ctx *cx; /* borrowed */
	const char *task; /* borrowed */
	int64_t start_us, next_us;
	size_t done, total, failed;
	bool drawn;
};

struct progress progress_start(struct ctx *cx, const char *task);
void progress_show(struct progress *p, size_t done, size_t total, size_t failed);
void progress_end(struct progress *p);

/* True once the user asked to stop (Ctrl-C, SIGTERM) since stop_watch(); the second time kills. */
void stop_watch(void);
bool stop_asked(void);

#endif
