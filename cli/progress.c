/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress: one line that is drawn over itself:
 *
 *	[##########..........]  512/1024  1830/s  0s left  3 failed
 */
#include "progress.h"

#include <signal.h>

#include "clock.h"

#define FIRST_US 500000
#define BAR_US 100000
#define JSON_US 1000000
#define BAR_WIDTH 24

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = 1;
	signal(sig, SIG_DFL);
}

void stop_watch(void)
{
	stop = 0;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
}

bool stop_asked(void)
{
	return stop;
}

static bool json_lines(const struct progress *p)
{
	return p->cx->set.progress == PROGRESS_JSON;
}

static bool bar_wanted(const struct progress *p)
{
	return p->cx->set.progress == PROGRESS_AUTO && p->cx->tty_err && !p->cx->set.quiet;
}

struct progress progress_start(struct ctx *cx, const char *task)
{
	struct progress p = { .cx = cx, .task = task, .start_us = clock_mono_us() };

	p.next_us = p.start_us + (json_lines(&p) ? JSON_US : FIRST_US);
	return p;
}

static double rate(const struct progress *p)
{
	int64_t us = clock_mono_us() - p->start_us;

	return us > 0 ? (double)p->done * 1e6 / (double)us : 0;
}

static int64_t left_sec(const struct progress *p)
{
	double r = rate(p);

	return r > 0 ? (int64_t)((double)(p->total - p->done) / r + 0.5) : 0;
}

static void put_json(const struct progress *p, const char *type)
{
	fprintf(stderr,
		"{\"type\":\"%s\",\"task\":\"%s\",\"done\":%zu,\"total\":%zu,\"failed\":%zu,"
		"\"rate\":%.1f,\"etaSec\":%lld}\n",
		type, p->task, p->done, p->total, p->failed, rate(p), (long long)left_sec(p));
}

static void put_bar(const struct progress *p)
{
	size_t filled = p->total ? p->done * BAR_WIDTH / p->total : 0;
	char bar[BAR_WIDTH + 1];

	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', MIN(filled, BAR_WIDTH));
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r[%s]  %zu/%zu  %.0f/s  %llds left", bar, p->done, p->total, rate(p),
		(long long)left_sec(p));
	if (p->failed)
		fprintf(stderr, "  %zu failed", p->failed);
	fputs("\033[K", stderr);
	fflush(stderr);
}

void progress_show(struct progress *p, size_t done, size_t total, size_t failed)
{
	int64_t now = clock_mono_us();

	p->done = done;
	p->total = total;
	p->failed = failed;
	if (now < p->next_us)
		return;
	if (json_lines(p)) {
		put_json(p, "progress");
		p->next_us = now + JSON_US;
	} else if (bar_wanted(p)) {
		put_bar(p);
		p->drawn = true;
		p->next_us = now + BAR_US;
	}
}

void progress_end(struct progress *p)
{
	if (json_lines(p))
		put_json(p, "summary");
	else if (p->drawn)
		fputs("\r\033[K", stderr);
}
