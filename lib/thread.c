/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread: a mailbox is a list under a lock, and two ways to learn that something is in it: an eventfd
 * for a loop, a condition for workers. The eventfd is written only when the list was empty, so a
 * burst of letters is one wake-up.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mem.h"

struct thread_role on_loop = { "loop" };
struct thread_role on_flush = { "flush" };
struct thread_role on_meta = { "meta" };
struct thread_role on_work = { "work" };

static _Thread_local const struct thread_role *current;

void thread_become(struct thread_role *role)
{
	current = role;
}

void thread_assert(const struct thread_role *role)
{
	BUG_ON(current != role);
}

const char *thread_name(void)
{
	return current ? current->name : "main";
}

struct letter {
	struct letter *next;
	mail_fn fn;
	void *arg;
};

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct letter *head, **tail; /* under lock, as the two below */
	size_t n;
	bool closing; /* workers end when nothing is left */
	int fd; /* -1: a worker's */
};

static struct mailbox *box_new(int fd)
{
	struct mailbox *m = mem_alloc(sizeof(*m));

	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->wake, NULL);
	m->tail = &m->head;
	m->fd = fd;
	return m;
}

int mailbox_new(struct mailbox **out, struct err *e)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return err_sys(e, TQ_EFAIL, "cannot make an eventfd");
	*out = box_new(fd);
	return 0;
}

void mailbox_free(struct mailbox *m)
{
	if (!m)
		return;
	BUG_ON(m->head);
	if (m->fd >= 0)
		close(m->fd);
	pthread_mutex_destroy(&m->lock);
	pthread_cond_destroy(&m->wake);
	mem_free(m);
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}

size_t mailbox_waiting(struct mailbox *m)
{
	size_t n;

	pthread_mutex_lock(&m->lock);
	n = m->n;
	pthread_mutex_unlock(&m->lock);
	return n;
}

bool try_post(struct mailbox *m, size_t max, mail_fn fn, void *arg)
{
	struct letter *l = mem_alloc(sizeof(*l));
	bool full, first;

	l->fn = fn;
	l->arg = arg;
	pthread_mutex_lock(&m->lock);
	full = m->n >= max;
	first = !m->n;
	if (!full) {
		*m->tail = l;
		m->tail = &l->next;
		m->n++;
	}
	pthread_mutex_unlock(&m->lock);
	if (full)
		mem_free(l);
	else if (m->fd < 0)
		pthread_cond_signal(&m->wake);
	else if (first)
		(void)!write(m->fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	return !full;
}

void post(struct mailbox *m, mail_fn fn, void *arg)
{
	(void)try_post(m, SIZE_MAX, fn, arg);
}

size_t mailbox_run(struct mailbox *m)
{
	struct letter *l, *list;
	uint64_t woken;
	size_t n = 0;

	/* Before the list is taken: what is posted from here on wakes again. */
	if (m->fd >= 0)
		(void)!read(m->fd, &woken, sizeof(woken));
	pthread_mutex_lock(&m->lock);
	list = m->head;
	m->head = NULL;
	m->tail = &m->head;
	m->n = 0;
	pthread_mutex_unlock(&m->lock);
	while ((l = list)) {
		list = l->next;
		l->fn(l->arg);
		mem_free(l);
		n++;
	}
	return n;
}

struct worker {
	struct mailbox *mail;
	struct thread_role *role;
	unsigned n;
	pthread_t threads[];
};

/* The next letter; NULL when the box is closing and empty. */
static struct letter *take(struct mailbox *m)
{
	struct letter *l;

	pthread_mutex_lock(&m->lock);
	while (!m->head && !m->closing)
		pthread_cond_wait(&m->wake, &m->lock);
	l = m->head;
	if (l) {
		m->head = l->next;
		m->n--;
		if (!m->head)
			m->tail = &m->head;
	}
	pthread_mutex_unlock(&m->lock);
	return l;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct letter *l;

	thread_become(w->role);
	pthread_setname_np(pthread_self(), w->role->name);
	while ((l = take(w->mail))) {
		l->fn(l->arg);
		mem_free(l);
	}
	return NULL;
}

int worker_start(struct thread_role *role, unsigned threads, struct worker **out, struct err *e)
{
	struct worker *w = mem_alloc(sizeof(*w) + threads * sizeof(w->threads[0]));
	int rc = 0;

	w->mail = box_new(-1);
	w->role = role;
	while (!rc && w->n < threads) {
		rc = pthread_create(&w->threads[w->n], NULL, work, w);
		w->n += !rc;
	}
	if (rc) {
		worker_stop(w);
		errno = rc;
		return err_sys(e, TQ_EFAIL, "cannot start a %s thread", role->name);
	}
	*out = w;
	return 0;
}

struct mailbox *worker_mail(struct worker *w)
{
	return w->mail;
}

void worker_stop(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->mail->lock);
	w->mail->closing = true;
	pthread_mutex_unlock(&w->mail->lock);
	pthread_cond_broadcast(&w->mail->wake);
	for (unsigned i = 0; i < w->n; i++)
		pthread_join(w->threads[i], NULL);
	mailbox_free(w->mail);
	mem_free(w);
}
