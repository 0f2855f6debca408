/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mailbox is a list under a lock. A loop sleeps in poll() and is woken through an eventfd,
 * which is written only when the list was empty; a worker sleeps on the condition variable. The
 * reader takes letters off under the lock and runs them outside it.
 */
#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mem.h"

struct thread_role on_loop = { "loop" };
struct thread_role on_flush = { "flush" };
struct thread_role on_meta = { "meta" };
struct thread_role on_work = { "work" };

static _Thread_local const struct thread_role *current;

struct letter {
	struct letter *next;
	mail_fn fn;
	void *arg; /* the receiver's */
};

struct mailbox {
	pthread_mutex_t lock;
	pthread_cond_t posted; /* workers wait here */
	struct letter *first, **last; /* lock */
	_Atomic size_t waiting; /* letters nobody has begun */
	bool stopping; /* lock */
	int fd; /* eventfd of a loop, -1 for workers */
};

struct worker {
	struct mailbox *mail; /* owned */
	struct thread_role *role;
	unsigned n;
	pthread_t threads[];
};

void thread_become(struct thread_role *role)
{
	BUG_ON(current && current != role);
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

static struct mailbox *new_mailbox(int fd)
{
	struct mailbox *m = mem_alloc(sizeof(*m));

	BUG_ON(pthread_mutex_init(&m->lock, NULL) || pthread_cond_init(&m->posted, NULL));
	m->last = &m->first;
	m->fd = fd;
	return m;
}

int mailbox_new(struct mailbox **out, struct err *e)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return err_sys(e, TQ_EFAIL, "cannot create an eventfd");
	*out = new_mailbox(fd);
	return 0;
}

void mailbox_free(struct mailbox *m)
{
	if (!m)
		return;
	BUG_ON(m->first);
	if (m->fd >= 0)
		close(m->fd);
	pthread_cond_destroy(&m->posted);
	pthread_mutex_destroy(&m->lock);
	mem_free(m);
}

int mailbox_fd(const struct mailbox *m)
{
	return m->fd;
}

size_t mailbox_waiting(struct mailbox *m)
{
	return m->waiting;
}

/* Cannot fail but with EAGAIN, when the counter is full: then it is readable already. */
static void wake_loop(const struct mailbox *m)
{
	const uint64_t one = 1;

	while (write(m->fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

bool try_post(struct mailbox *m, size_t max, mail_fn fn, void *arg)
{
	struct letter *l = mem_alloc(sizeof(*l));
	bool was_empty;

	l->fn = fn;
	l->arg = arg;
	pthread_mutex_lock(&m->lock);
	if (m->waiting >= max) {
		pthread_mutex_unlock(&m->lock);
		mem_free(l);
		return false;
	}
	was_empty = !m->first;
	*m->last = l;
	m->last = &l->next;
	m->waiting++;
	if (m->fd < 0)
		pthread_cond_signal(&m->posted);
	pthread_mutex_unlock(&m->lock);
	if (m->fd >= 0 && was_empty)
		wake_loop(m);
	return true;
}

void post(struct mailbox *m, mail_fn fn, void *arg)
{
	try_post(m, SIZE_MAX, fn, arg);
}

static void open_letter(struct mailbox *m, struct letter *l)
{
	m->waiting--;
	l->fn(l->arg);
	mem_free(l);
}

size_t mailbox_run(struct mailbox *m)
{
	struct letter *l, *next;
	uint64_t count;
	size_t n = 0;

	while (read(m->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&m->lock);
	l = m->first;
	m->first = NULL;
	m->last = &m->first;
	pthread_mutex_unlock(&m->lock);
	for (; l; l = next, n++) {
		next = l->next;
		open_letter(m, l);
	}
	return n;
}

/* The next letter, or NULL when the worker is to end and none is left. */
static struct letter *wait_letter(struct mailbox *m)
{
	struct letter *l;

	pthread_mutex_lock(&m->lock);
	while (!m->first && !m->stopping)
		pthread_cond_wait(&m->posted, &m->lock);
	l = m->first;
	if (l) {
		m->first = l->next;
		if (!m->first)
			m->last = &m->first;
	}
	pthread_mutex_unlock(&m->lock);
	return l;
}

static void *run_worker(void *arg)
{
	struct worker *w = arg;
	struct letter *l;

	pthread_setname_np(pthread_self(), w->role->name);
	thread_become(w->role);
	while ((l = wait_letter(w->mail)))
		open_letter(w->mail, l);
	return NULL;
}

int worker_start(struct thread_role *role, unsigned threads, struct worker **out, struct err *e)
{
	struct worker *w = mem_alloc(sizeof(*w) + threads * sizeof(w->threads[0]));
	sigset_t all, before;
	int rc = 0;

	w->mail = new_mailbox(-1);
	w->role = role;
	sigfillset(&all); /* signals are the loop's business */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (w->n < threads && !rc) {
		rc = pthread_create(&w->threads[w->n], NULL, run_worker, w);
		w->n += !rc;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
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
	w->mail->stopping = true;
	pthread_cond_broadcast(&w->mail->posted);
	pthread_mutex_unlock(&w->mail->lock);
	for (unsigned i = 0; i < w->n; i++)
		pthread_join(w->threads[i], NULL);
	mailbox_free(w->mail);
	mem_free(w);
}
