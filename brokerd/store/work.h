/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work: the store's helper thread for what may take long and nobody waits for: building the
 * index, syncing queue files, removing files. Jobs run in the order they were given. Not started,
 * jobs run inside work_post().
 */
#ifndef TDMQ_STORE_WORK_H
#define TDMQ_STORE_WORK_H

#include <pthread.h>

#include "err.h"

struct work_job;
struct work {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct work_job *jobs; /* owned, in order */
	bool running, stop;
};

void work_init(struct work *w);
int work_start(struct work *w, struct err *e) MUST_USE;
void work_post(struct work *w, void (*fn)(void *arg), void *arg);
void work_stop(struct work *w); /* runs what is left, ends the thread, releases */

#endif
