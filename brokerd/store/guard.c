/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handler jumps back into the touch that its thread is in; nothing but loads happens between
 * sigsetjmp and the jump, so nothing is left half done. A SIGBUS from anywhere else goes to whoever
 * had the signal before. What is static here is of the process by nature: one handler, and where
 * each thread wants to be taken back to.
 */
#include "brokerd/store/guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>

#include "err.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sigaction before;
static _Thread_local sigjmp_buf *volatile back;

static void on_bus(int sig UNUSED)
{
	sigjmp_buf *to = back;

	if (to)
		siglongjmp(*to, 1);
	sigaction(SIGBUS, &before, NULL); /* the load runs again, and into that */
}

static void install(void)
{
	struct sigaction sa = { .sa_handler = on_bus, .sa_flags = SA_NODEFER };

	BUG_ON(sigaction(SIGBUS, &sa, &before));
}

/* Out of line: what lives across a jump must not be in registers. */
static __attribute__((noinline)) void load_each(const char *p, const char *end)
{
	const char *at = (const char *)((uintptr_t)p & ~(uintptr_t)(GUARD_PAGE - 1));

	for (; at < end; at += GUARD_PAGE)
		(void)*(const volatile char *)at;
}

bool guard_touch(const char *p, size_t n)
{
	sigjmp_buf here;

	pthread_once(&once, install);
	if (sigsetjmp(here, 0)) {
		back = NULL;
		return false;
	}
	back = &here;
	load_each(p, p + n);
	back = NULL;
	return true;
}
