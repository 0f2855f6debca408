/* SPDX-License-Identifier: Apache-2.0 */
/*
 * start: how long brokerd takes from exec to the first accepted send on an empty directory, what
 * it holds in memory when idle, and how long it takes to stop.
 *
 *	build/bench-start RUNS BROKERD DIR [OPTION...]
 *
 * DIR must not exist and is left behind, one folder a run. Prints
 * {"runs":..,"first_send_p50_ms":..,"ready_p50_ms":..,"idle_anonymous_kib":..,"stop_p50_ms":..}.
 */
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "mem.h"
#include "names.h"

#define RUNS_MAX 1000

static NORETURN void give_up(const char *what)
{
	fprintf(stderr, "bench-start: %s\n", what);
	exit(1);
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double median_ms(int64_t *us, int n)
{
	qsort(us, (size_t)n, sizeof(*us), by_value);
	return (double)us[n / 2] / 1000;
}

static pid_t spawn(char **argv, int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds))
		give_up("no pipe");
	pid = fork();
	if (pid < 0)
		give_up("no process");
	if (!pid) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

static void read_ready(int fd, char addr[64])
{
	struct pollfd p = { fd, POLLIN, 0 };
	char line[1024], *at;
	ssize_t n;

	if (poll(&p, 1, 10000) <= 0 || (n = read(fd, line, sizeof(line) - 1)) <= 0)
		give_up("brokerd did not get ready");
	line[n] = '\0';
	at = strstr(line, " broker ");
	if (!at || sscanf(at, " broker %63s", addr) != 1)
		give_up("no broker address in the ready line");
}

static void send_one(const char *addr)
{
	struct client_opts opts = { 0 };
	struct client *c = client_new(&opts);
	struct reply *rp = NULL;
	struct err e = ERR_INIT;
	struct command rq;

	command_init(&rq, REQ_SEND_MESSAGE_V2);
	command_add(&rq, "a", STR("bench"));
	command_add(&rq, "b", STR("bench-start"));
	command_add(&rq, "c", STR(NAMES_TEMPLATE));
	command_add(&rq, "d", STR("4"));
	command_add(&rq, "e", STR("0"));
	command_add(&rq, "f", STR("0"));
	command_add(&rq, "g", STR("1700000000000"));
	command_add(&rq, "h", STR("0"));
	command_add(&rq, "i", STR("KEYS\x01k"));
	rq.body = STR("first");
	if (client_call(c, addr, &rq, 5000, &rp, &e))
		give_up(e.msg);
	if (rp->cmd.code)
		give_up("the send was refused");
	reply_free(rp);
	client_free(c);
}

static long anonymous_kib(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Anonymous: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

int main(int argc, char **argv)
{
	int64_t ready[RUNS_MAX], first[RUNS_MAX], stop[RUNS_MAX];
	int runs = argc > 3 ? (int)strtol(argv[1], NULL, 10) : 0;
	char **child = mem_array((size_t)argc + 8, sizeof(*child));
	char dir[512], addr[64];
	long anonymous = 0;

	if (runs < 1 || runs > RUNS_MAX) {
		fprintf(stderr, "usage: bench-start RUNS BROKERD DIR [OPTION...]\n");
		return 2;
	}
	if (mkdir(argv[3], 0755))
		give_up("the folder is there already");
	for (int i = 0; i < runs; i++) {
		int64_t t0, t1;
		int out, n = 0;
		pid_t pid;

		snprintf(dir, sizeof(dir), "%s/%d", argv[3], i);
		child[n++] = argv[2];
		child[n++] = (char *)(uintptr_t) "--dev";
		child[n++] = (char *)(uintptr_t) "--data";
		child[n++] = dir;
		child[n++] = (char *)(uintptr_t) "--nameserver-port=0";
		child[n++] = (char *)(uintptr_t) "--broker-port=0";
		for (int k = 4; k < argc; k++)
			child[n++] = argv[k];
		child[n] = NULL;
		t0 = clock_mono_us();
		pid = spawn(child, &out);
		read_ready(out, addr);
		ready[i] = clock_mono_us() - t0;
		send_one(addr);
		first[i] = clock_mono_us() - t0;
		usleep(200000); /* what start-up leaves behind settles */
		anonymous = MAX(anonymous, anonymous_kib(pid));
		t1 = clock_mono_us();
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
		stop[i] = clock_mono_us() - t1;
		close(out);
	}
	printf("{\"runs\":%d,\"first_send_p50_ms\":%.2f,\"ready_p50_ms\":%.2f,"
	       "\"idle_anonymous_kib\":%ld,\"stop_p50_ms\":%.2f}\n",
		runs, median_ms(first, runs), median_ms(ready, runs), anonymous,
		median_ms(stop, runs));
	mem_free(child);
	return 0;
}
