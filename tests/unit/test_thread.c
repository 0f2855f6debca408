/* SPDX-License-Identifier: Apache-2.0 */
/* thread: order and completeness of letters, wake-ups of a loop, and ends without loss. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "mem.h"
#include "thread.h"

#define LETTERS 20000

static struct err err;
static _Atomic size_t ran, out_of_order;
static size_t expected; /* of the one reader */

static void count(void *arg)
{
	(void)arg;
	ran++;
}

static void in_order(void *arg)
{
	thread_assert(&on_flush);
	out_of_order += (size_t)(uintptr_t)arg != expected++;
	ran++;
}

Test(thread, a_worker_runs_letters_in_order)
{
	struct worker *w = NULL;

	cr_assert_eq(worker_start(&on_flush, 1, &w, &err), 0, "%s", err.msg);
	for (size_t i = 0; i < LETTERS; i++)
		post(worker_mail(w), in_order, (void *)(uintptr_t)i);
	worker_stop(w);
	cr_expect_eq(ran, LETTERS);
	cr_expect_eq(out_of_order, 0);
}

static struct worker *pool;

static void post_more(void *arg)
{
	uintptr_t left = (uintptr_t)arg;

	ran++;
	if (left)
		post(worker_mail(pool), post_more, (void *)(left - 1));
}

Test(thread, stopping_runs_what_letters_post_meanwhile)
{
	cr_assert_eq(worker_start(&on_work, 3, &pool, &err), 0);
	for (int i = 0; i < 10; i++)
		post(worker_mail(pool), post_more, (void *)(uintptr_t)99);
	worker_stop(pool);
	cr_expect_eq(ran, 1000);
}

static struct mailbox *loop_mail;

static void answer(void *arg)
{
	thread_assert(&on_work);
	post(loop_mail, count, arg);
}

static void run_loop_until(size_t n)
{
	struct pollfd p = { .fd = mailbox_fd(loop_mail), .events = POLLIN };

	while (ran < n) {
		cr_assert_gt(poll(&p, 1, 5000), 0, "no wake-up after %zu letters", ran);
		mailbox_run(loop_mail);
	}
}

Test(thread, a_loop_is_woken_for_every_letter)
{
	struct worker *w = NULL;
	struct pollfd p;

	thread_become(&on_loop);
	cr_assert_eq(mailbox_new(&loop_mail, &err), 0, "%s", err.msg);
	cr_assert_eq(worker_start(&on_work, 2, &w, &err), 0);
	for (size_t i = 0; i < LETTERS; i++)
		post(worker_mail(w), answer, NULL);
	run_loop_until(LETTERS);
	worker_stop(w);
	cr_expect_eq(mailbox_run(loop_mail), 0);
	cr_expect_eq(mailbox_waiting(loop_mail), 0);
	p = (struct pollfd){ .fd = mailbox_fd(loop_mail), .events = POLLIN };
	cr_expect_eq(poll(&p, 1, 0), 0);
	mailbox_free(loop_mail);
}

static void post_to_self(void *arg)
{
	ran++;
	if (!arg)
		post(loop_mail, post_to_self, &ran);
}

Test(thread, a_run_takes_only_what_was_there)
{
	cr_assert_eq(mailbox_new(&loop_mail, &err), 0);
	post(loop_mail, post_to_self, NULL);
	cr_expect_eq(mailbox_run(loop_mail), 1);
	cr_expect_eq(ran, 1);
	cr_expect_eq(mailbox_waiting(loop_mail), 1);
	cr_expect_eq(mailbox_run(loop_mail), 1);
	mailbox_free(loop_mail);
}

Test(thread, a_full_mailbox_gives_the_letter_back)
{
	cr_assert_eq(mailbox_new(&loop_mail, &err), 0);
	cr_expect(try_post(loop_mail, 2, count, NULL));
	cr_expect(try_post(loop_mail, 2, count, NULL));
	cr_expect(!try_post(loop_mail, 2, count, NULL));
	cr_expect_eq(mailbox_run(loop_mail), 2);
	cr_expect(try_post(loop_mail, 2, count, NULL));
	cr_expect_eq(mailbox_run(loop_mail), 1);
	mailbox_free(loop_mail);
}

static void look_at_signals(void *arg)
{
	sigset_t *mask = arg;

	pthread_sigmask(SIG_SETMASK, NULL, mask);
}

Test(thread, workers_leave_signals_to_the_loop)
{
	struct worker *w = NULL;
	sigset_t theirs, ours;

	cr_assert_eq(worker_start(&on_meta, 1, &w, &err), 0);
	post(worker_mail(w), look_at_signals, &theirs);
	worker_stop(w);
	pthread_sigmask(SIG_SETMASK, NULL, &ours);
	cr_expect(sigismember(&theirs, SIGTERM));
	cr_expect(!sigismember(&ours, SIGTERM));
}

Test(thread, the_wrong_role_is_a_bug, .signal = SIGABRT)
{
	fclose(stderr);
	thread_become(&on_loop);
	cr_expect_str_eq(thread_name(), "loop");
	thread_assert(&on_loop);
	thread_assert(&on_meta);
}

Test(thread, a_mailbox_with_letters_is_not_thrown_away, .signal = SIGABRT)
{
	fclose(stderr);
	cr_assert_eq(mailbox_new(&loop_mail, &err), 0);
	post(loop_mail, count, NULL);
	mailbox_free(loop_mail);
}
