/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread: threads with a role, and the mailboxes between them.
 *
 *	int conn_send(struct conn *c, struct buf *b, struct err *e) ON(loop);
 *
 *	static void wake(void *arg)		// posted to the loop: post(b->loop, wake, hold)
 *	{
 *		thread_assert(&on_loop);
 *		...
 *	}
 *
 * ON() is a capability: with clang -Wthread-safety, calling such a function from one that is
 * neither marked nor has asserted the role is a warning. Who posts forgets what was posted: it
 * belongs to the receiver. The locks here never nest and are never held while a letter runs.
 */
#ifndef TDMQ_THREAD_H
#define TDMQ_THREAD_H

#include "base.h"
#include "err.h"

#if defined(__clang__)
#define THREAD_CAPABILITY __attribute__((capability("role")))
#define THREAD_REQUIRES(role) __attribute__((requires_capability(role)))
#define THREAD_ASSERTS(role) __attribute__((assert_capability(role)))
#else
#define THREAD_CAPABILITY
#define THREAD_REQUIRES(role)
#define THREAD_ASSERTS(role)
#endif

/* The function runs on threads of this role only. */
#define ON(role) THREAD_REQUIRES(on_##role)

struct THREAD_CAPABILITY thread_role {
	const char *name;
};

extern struct thread_role
	on_loop; /* connections, requests, registry, timers, cached metadata */
extern struct thread_role on_flush; /* nothing; is handed descriptors and offsets */
extern struct thread_role on_meta; /* the SQLite handle */
extern struct thread_role on_work; /* the job it holds */

/* The calling thread takes the role, for life: main() for on_loop, workers do it themselves. */
void thread_become(struct thread_role *role) THREAD_ASSERTS(*role);
/* BUG_ON another role. */
void thread_assert(const struct thread_role *role) THREAD_ASSERTS(*role);
const char *thread_name(void); /* name of the role, "main" without one */

typedef void (*mail_fn)(void *arg);

/* Letters in order of posting. Any thread posts; one role reads. */
struct mailbox;

/* For an event loop: mailbox_fd() becomes readable, then call mailbox_run(). */
int mailbox_new(struct mailbox **out, struct err *e) MUST_USE;
void mailbox_free(struct mailbox *m); /* BUG_ON letters left */
int mailbox_fd(const struct mailbox *m); /* eventfd, nonblocking */
/* Runs what was there when it was called; returns how many letters. */
size_t mailbox_run(struct mailbox *m);

/* fn(arg) on the reader's thread. Allowed until worker_stop() or mailbox_free() begins. */
void post(struct mailbox *m, mail_fn fn, void *arg);
/* The same unless max letters wait already: then false, and arg is still the caller's. */
bool try_post(struct mailbox *m, size_t max, mail_fn fn, void *arg);
size_t mailbox_waiting(struct mailbox *m); /* letters nobody has begun */

/* One or more threads of a role that read one mailbox; with one thread, letters run in order. */
struct worker;

int worker_start(struct thread_role *role, unsigned threads, struct worker **out,
	struct err *e) MUST_USE;
struct mailbox *worker_mail(struct worker *w);
/* Runs every letter already posted, also those they post meanwhile, then joins and frees. */
void worker_stop(struct worker *w);

#endif
