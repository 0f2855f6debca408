/* SPDX-License-Identifier: Apache-2.0 */
/* proc: a brokerd of the test's own: started, awaited, killed. */
#ifndef TEST_PROC_H
#define TEST_PROC_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

#define PROC_START_MS 10000

struct proc {
	const char *program, *dir, *flush;
	char broker[64]; /* host:port */
	pid_t pid; /* 0: not running */
	int out_fd; /* its standard output */
};

static inline NORETURN void proc_give_up(struct proc *p, const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
	exit(1);
}

/* The ready line names the broker's address: "... broker 127.0.0.1:41234 ...". */
static inline void proc_await_ready(struct proc *p)
{
	int64_t deadline = clock_mono_ms() + PROC_START_MS;
	char line[1024];
	size_t n = 0;
	char *at;

	do {
		struct pollfd fd = { p->out_fd, POLLIN, 0 };
		int64_t left = deadline - clock_mono_ms();
		ssize_t got;

		if (left <= 0 || poll(&fd, 1, (int)left) <= 0)
			proc_give_up(p, "start", "no ready line in time");
		got = read(p->out_fd, line + n, sizeof(line) - 1 - n);
		if (got <= 0)
			proc_give_up(p, "start", "brokerd ended before it was ready");
		n += (size_t)got;
		line[n] = '\0';
	} while (!strchr(line, '\n'));
	at = strstr(line, " broker ");
	if (!at || sscanf(at, " broker %63s", p->broker) != 1)
		proc_give_up(p, "start", line);
}

static inline void proc_start(struct proc *p)
{
	char flush[32];
	int fds[2];

	snprintf(flush, sizeof(flush), "--flush=%s", p->flush);
	if (pipe(fds))
		proc_give_up(p, "pipe", strerror(errno));
	p->pid = fork();
	if (p->pid < 0)
		proc_give_up(p, "fork", strerror(errno));
	if (!p->pid) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execl(p->program, p->program, "--dev", "--data", p->dir, "--nameserver-port=0",
			"--broker-port=0", flush, "--log-level=warn", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	p->out_fd = fds[0];
	proc_await_ready(p);
}

static inline void proc_stop(struct proc *p, int sig)
{
	kill(p->pid, sig);
	waitpid(p->pid, NULL, 0);
	p->pid = 0;
	close(p->out_fd);
}

#endif
