/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd: what running a command costs, fork to wait.
 *
 *	build/bench-cmd RUNS COMMAND [ARGUMENT...]
 *
 * Prints {"runs":..,"p50_ms":..,"p99_ms":..,"max_rss_kib":..}; fails when the command fails.
 * Its output goes to /dev/null.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int run_once(char **argv, int64_t *us, long *rss_kib)
{
	int64_t start = clock_mono_us();
	struct rusage used;
	int status;
	pid_t pid = vfork();

	if (pid < 0)
		return -1;
	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &used) != pid || !WIFEXITED(status) || WEXITSTATUS(status))
		return -1;
	*us = clock_mono_us() - start;
	*rss_kib = MAX(*rss_kib, used.ru_maxrss);
	return 0;
}

int main(int argc, char **argv)
{
	int runs = argc > 2 ? (int)strtol(argv[1], NULL, 10) : 0;
	int64_t *us;
	long rss = 0;

	if (runs < 1) {
		fprintf(stderr, "usage: bench-cmd RUNS COMMAND [ARGUMENT...]\n");
		return 2;
	}
	us = mem_array((size_t)runs, sizeof(*us));
	for (int i = 0; i < runs; i++)
		if (run_once(argv + 2, &us[i], &rss)) {
			fprintf(stderr, "bench-cmd: %s failed\n", argv[2]);
			return 1;
		}
	qsort(us, (size_t)runs, sizeof(*us), by_value);
	printf("{\"runs\":%d,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_rss_kib\":%ld}\n", runs,
		(double)us[runs / 2] / 1000, (double)us[runs * 99 / 100] / 1000, rss);
	mem_free(us);
	return 0;
}
