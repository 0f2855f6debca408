/* SPDX-License-Identifier: Apache-2.0 */
/* A list under a lock; the thread sleeps while it is empty. */
#include "brokerd/store/work.h"

#include <errno.h>
#include <limits.h>
#include <utlist.h>

#include "mem.h"

#define STACK_BYTES (128 << 10)

struct work_job {
	void (*fn)(void *arg);
	void *arg;
	struct work_job *prev, *next;
};

void work_init(struct work *w)
{
	memset(w, 0, sizeof(*w));
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
}

static void *run(void *arg)
{
	struct work *w = arg;
	struct work_job *j;

	pthread_mutex_lock(&w->lock);
	while (w->jobs || !w->stop) {
		j = w->jobs;
		if (!j) {
			pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		DL_DELETE(w->jobs, j);
		pthread_mutex_unlock(&w->lock);
		j->fn(j->arg);
		mem_free(j);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int work_start(struct work *w, struct err *e)
{
	pthread_attr_t a;
	int r;

	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, MAX(STACK_BYTES, PTHREAD_STACK_MIN));
	r = pthread_create(&w->thread, &a, run, w);
	pthread_attr_destroy(&a);
	if (r) {
		errno = r;
		return err_sys(e, TQ_EFAIL, "cannot start the store's helper thread");
	}
	w->running = true;
	return 0;
}

void work_post(struct work *w, void (*fn)(void *arg), void *arg)
{
	struct work_job *j;

	if (!w->running) {
		fn(arg);
		return;
	}
	j = mem_alloc(sizeof(*j));
	j->fn = fn;
	j->arg = arg;
	pthread_mutex_lock(&w->lock);
	DL_APPEND(w->jobs, j);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_signal(&w->wake);
}

void work_stop(struct work *w)
{
	if (w->running) {
		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_mutex_unlock(&w->lock);
		pthread_cond_signal(&w->wake);
		pthread_join(w->thread, NULL);
	}
	w->running = false;
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
}
