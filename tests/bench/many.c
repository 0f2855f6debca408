/* SPDX-License-Identifier: Apache-2.0 */
/*
 * many: what ten thousand topics cost: making them, sending to all of their queues in turn beside
 * sending to one topic, memory, descriptors and maps, stopping, and starting again.
 *
 *	build/bench-many BROKERD DIR [TOPICS [QUEUES]]
 *
 * DIR must not exist. Prints one line of JSON.
 */
#include <dirent.h>

#include "client.h"
#include "mem.h"
#include "names.h"
#include "tests/fault/proc.h"

#define WINDOW 256 /* requests in flight */
#define SENDS 240000
#define CALL_MS 60000

struct many {
	struct proc p;
	struct client *client;
	int64_t next, n, failed; /* of the requests under way */
	int topics, queues;
	void (*submit)(struct many *m, int64_t i);
};

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "bench-many: %s: %s\n", what, why);
	exit(1);
}

static void answered(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct many *m = arg;

	if (rc)
		give_up("request", e->msg);
	if (r->cmd.code && !m->failed++)
		fprintf(stderr, "bench-many: refused: " STR_FMT "\n", STR_ARG(r->cmd.remark));
	reply_free(r);
	if (m->next < m->n)
		m->submit(m, m->next++);
}

static void submit(struct many *m, struct command *rq)
{
	struct err e = ERR_INIT;

	if (client_submit(m->client, m->p.broker, rq, CALL_MS, answered, m, &e))
		give_up("request", e.msg);
}

static const char *number(char *to, int64_t n)
{
	snprintf(to, 24, "%lld", (long long)n);
	return to;
}

static void create(struct many *m, int64_t i)
{
	char name[32], queues[24];
	struct command rq;

	snprintf(name, sizeof(name), "many-%lld", (long long)i);
	command_init(&rq, REQ_UPDATE_AND_CREATE_TOPIC);
	command_add(&rq, "topic", str_of(name));
	command_add(&rq, "defaultTopic", STR(NAMES_TEMPLATE));
	command_add(&rq, "readQueueNums", str_of(number(queues, m->queues)));
	command_add(&rq, "writeQueueNums", str_of(queues));
	command_add(&rq, "perm", STR("6"));
	command_add(&rq, "topicFilterType", STR("SINGLE_TAG"));
	command_add(&rq, "topicSysFlag", STR("0"));
	command_add(&rq, "order", STR("false"));
	submit(m, &rq);
}

static void send_to(struct many *m, int64_t topic, int64_t queue)
{
	static char body[1024];
	char name[32], id[24];
	struct command rq;

	snprintf(name, sizeof(name), "many-%lld", (long long)topic);
	command_init(&rq, REQ_SEND_MESSAGE_V2);
	command_add(&rq, "a", STR("bench"));
	command_add(&rq, "b", str_of(name));
	command_add(&rq, "c", STR(NAMES_TEMPLATE));
	command_add(&rq, "d", STR("4"));
	command_add(&rq, "e", str_of(number(id, queue)));
	command_add(&rq, "f", STR("0"));
	command_add(&rq, "g", STR("1700000000000"));
	command_add(&rq, "h", STR("0"));
	command_add(&rq, "i", STR("TAGS\x01t"));
	rq.body = (struct str){ body, sizeof(body) };
	submit(m, &rq);
}

static void send_one(struct many *m, int64_t i)
{
	send_to(m, 0, i % m->queues);
}

static void send_all(struct many *m, int64_t i)
{
	send_to(m, i % m->topics, i / m->topics % m->queues);
}

/* Milliseconds that n requests took. */
static double run(struct many *m, int64_t n, void (*fn)(struct many *m, int64_t i))
{
	int64_t begin = clock_mono_us();

	m->submit = fn;
	m->n = n;
	for (m->next = 0; m->next < MIN(WINDOW, n);)
		fn(m, m->next++);
	client_run(m->client, -1);
	if (m->failed)
		give_up("requests", "some were refused");
	return (double)(clock_mono_us() - begin) / 1000;
}

static long anonymous_kib(const struct many *m)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)m->p.pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Anonymous: %ld", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

/* CPU time of the loop, which is what a busy machine does not change; milliseconds. */
static double loop_cpu_ms(const struct many *m)
{
	char path[64];
	double ns = 0;
	FILE *f;

	snprintf(
		path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)m->p.pid, (int)m->p.pid);
	f = fopen(path, "r");
	if (f && fscanf(f, "%lf", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns / 1e6;
}

static int descriptors(const struct many *m)
{
	char path[64];
	int n = -2;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)m->p.pid);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void begin(struct many *m)
{
	struct client_opts o = { 0 };

	proc_start(&m->p);
	m->client = client_new(&o);
}

static double end(struct many *m, int sig)
{
	int64_t t = clock_mono_us();

	client_free(m->client);
	proc_stop(&m->p, sig);
	return (double)(clock_mono_us() - t) / 1000;
}

static double start_ms(struct many *m)
{
	int64_t t = clock_mono_us();

	begin(m);
	return (double)(clock_mono_us() - t) / 1000;
}

int main(int argc, char **argv)
{
	struct many m = { .topics = 10000, .queues = 8 };
	double made, one, all, again, stop, start, dead, cpu[4];
	long before, after, busy;
	int fds;

	if (argc < 3 || argc > 5) {
		fprintf(stderr, "usage: bench-many BROKERD DIR [TOPICS [QUEUES]]\n");
		return 2;
	}
	m.topics = argc > 3 ? (int)strtol(argv[3], NULL, 10) : m.topics;
	m.queues = argc > 4 ? (int)strtol(argv[4], NULL, 10) : m.queues;
	m.p = (struct proc){ .program = argv[1], .dir = argv[2], .flush = "async" };
	begin(&m);
	before = anonymous_kib(&m);
	made = run(&m, m.topics, create);
	after = anonymous_kib(&m);
	run(&m, SENDS / 4, send_one); /* warm */
	cpu[0] = loop_cpu_ms(&m);
	one = run(&m, SENDS, send_one);
	cpu[1] = loop_cpu_ms(&m);
	all = run(&m, SENDS, send_all);
	cpu[2] = loop_cpu_ms(&m);
	again = run(&m, SENDS, send_all);
	cpu[3] = loop_cpu_ms(&m);
	busy = anonymous_kib(&m);
	fds = descriptors(&m);
	stop = end(&m, SIGTERM);
	start = start_ms(&m);
	run(&m, SENDS / 4, send_all);
	end(&m, SIGKILL);
	dead = start_ms(&m);
	end(&m, SIGTERM);
	printf("{\"topics\":%d,\"queues\":%d,\"create_ms\":%.0f,\"anon_kib\":[%ld,%ld,%ld],"
	       "\"one_topic_per_s\":%.0f,\"all_queues_per_s\":%.0f,\"again_per_s\":%.0f,"
	       "\"loop_us\":[%.2f,%.2f,%.2f],\"fds\":%d,\"stop_ms\":%.0f,\"start_ms\":%.0f,\"start_after_kill_ms\":%.0f}\n",
		m.topics, m.queues, made, before, after, busy, SENDS / one * 1000,
		SENDS / all * 1000, SENDS / again * 1000, (cpu[1] - cpu[0]) * 1000 / SENDS,
		(cpu[2] - cpu[1]) * 1000 / SENDS, (cpu[3] - cpu[2]) * 1000 / SENDS, fds, stop,
		start, dead);
	return 0;
}
