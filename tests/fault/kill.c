/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill: end brokerd under load, and account for every message.
 *
 *	build/fault-kill build/brokerd DIR ENDS sync|async [kill|stop|cut [SEED]]
 *
 * Producers keep requests in flight while brokerd is ended at a random moment, again and again:
 *
 *	kill	SIGKILL
 *	stop	SIGTERM, after SIGHUPs and with the log file renamed; it has a second
 *	cut	the power goes: DIR is an image in a file, mounted by power.sh, of which a copy is
 *		made while brokerd stands still. Only what was synced is in the copy.
 *
 * The ledger holds what was acknowledged: queue, queue offset, message id and the producer's
 * sequence number; the body is a function of the latter. After each restart the verifier pulls
 * what is new, and at the end everything, and proves:
 *
 *	G1  every acknowledged message stands at its queue, offset and id, byte for byte, once;
 *	    with async and the power cut, but for those of the last WINDOW_MS
 *	G2  what was not acknowledged is wholly there or absent: every body is well-formed
 *	G3  per queue the offsets are dense, and one producer's messages are in order
 *
 * Prints TAP. The seed is printed, so that a failing run can be repeated.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "clock.h"
#include "mem.h"
#include "message.h"

#define PRODUCERS 8
#define IN_FLIGHT 32
#define QUEUES 4
#define BODY_MIN 48
#define BODY_MAX 900
#define START_DEADLINE_MS 10000
#define CALL_MS 5000
#define WINDOW_MS 500
#define STOP_MS 1000

enum ending { KILL, STOP, CUT };
static const char *const ending_names[] = { "kills", "stops", "power cuts" };

struct entry {
	int producer, queue;
	int64_t queue_off; /* -1: not acknowledged */
	int64_t acked_ms; /* monotonic */
	bool seen; /* by the verifier, in this pass */
	char id[MESSAGE_ID_MAX];
};

struct harness {
	const char *program, *dir, *flush;
	enum ending ending;
	unsigned seed;
	char broker[64]; /* host:port */
	pid_t pid;
	int out_fd; /* brokerd's standard output */
	struct client *producers[PRODUCERS], *reader;
	bool stopping; /* producers shall not send on */

	struct entry *entries; /* by sequence number; owned */
	int64_t n, cap, acked;
	int64_t cut_ms, window_lost, slowest_stop_ms;
	int64_t next_off[QUEUES], last_seq[QUEUES][PRODUCERS]; /* of the verifier */
	int64_t found;
	char failure[300]; /* first one */
};

struct flight {
	struct harness *h;
	int64_t seq;
};

static const char topic[] = "kill-ledger";

static NORETURN void give_up(struct harness *h, const char *what, const char *why)
{
	printf("Bail out! %s: %s (seed %u)\n", what, why, h->seed);
	if (h->pid > 0)
		kill(h->pid, SIGKILL);
	exit(1);
}

static void fail(struct harness *h, const char *fmt, ...) PRINTF(2, 3);
static void fail(struct harness *h, const char *fmt, ...)
{
	va_list ap;

	if (h->failure[0])
		return;
	va_start(ap, fmt);
	vsnprintf(h->failure, sizeof(h->failure), fmt, ap);
	va_end(ap);
}

/* A header and a pattern, so that any damage shows. */
static size_t make_body(int64_t seq, int producer, char *out)
{
	size_t n = BODY_MIN + (size_t)((uint64_t)seq * 2654435761u % (BODY_MAX - BODY_MIN));
	size_t head = (size_t)snprintf(out, BODY_MIN, "%d %lld ", producer, (long long)seq);

	for (size_t i = head; i < n; i++)
		out[i] = (char)('a' + (i * 7 + (size_t)seq) % 26);
	return n;
}

/* The ready line names the broker's address: "... broker 127.0.0.1:41234 ...". */
static void await_ready(struct harness *h)
{
	int64_t deadline = clock_mono_ms() + START_DEADLINE_MS;
	char line[1024];
	size_t n = 0;
	char *at;

	for (;;) {
		struct pollfd p = { h->out_fd, POLLIN, 0 };
		int64_t left = deadline - clock_mono_ms();
		ssize_t got;

		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			give_up(h, "start", "no ready line in time");
		got = read(h->out_fd, line + n, sizeof(line) - 1 - n);
		if (got <= 0)
			give_up(h, "start", "brokerd ended before it was ready");
		n += (size_t)got;
		line[n] = '\0';
		if (strchr(line, '\n'))
			break;
	}
	at = strstr(line, " broker ");
	if (!at || sscanf(at, " broker %63s", h->broker) != 1)
		give_up(h, "start", line);
}

static void start(struct harness *h)
{
	int fds[2];

	if (pipe(fds))
		give_up(h, "pipe", strerror(errno));
	h->pid = fork();
	if (h->pid < 0)
		give_up(h, "fork", strerror(errno));
	if (!h->pid) {
		char flush[32], log[300];

		snprintf(flush, sizeof(flush), "--flush=%s", h->flush);
		snprintf(log, sizeof(log), "--log-file=%s.log", h->dir);
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execl(h->program, h->program, "--dev", "--data", h->dir, "--nameserver-port=0",
			"--broker-port=0", flush, log, "--log-level=warn", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	h->out_fd = fds[0];
	await_ready(h);
}

/* Its wait status. */
static int stop(struct harness *h, int sig)
{
	int status = 0;

	kill(h->pid, sig);
	waitpid(h->pid, &status, 0);
	h->pid = 0;
	close(h->out_fd);
	return status;
}

static void create_topic(struct harness *h)
{
	struct reply *rp = NULL;
	struct command rq;
	struct err e = ERR_INIT;
	char queues[12];

	snprintf(queues, sizeof(queues), "%d", QUEUES);
	command_init(&rq, REQ_UPDATE_AND_CREATE_TOPIC);
	command_add(&rq, "topic", STR("kill-ledger"));
	command_add(&rq, "defaultTopic", STR("TBW102"));
	command_add(&rq, "readQueueNums", str_of(queues));
	command_add(&rq, "writeQueueNums", str_of(queues));
	command_add(&rq, "perm", STR("6"));
	command_add(&rq, "topicFilterType", STR("SINGLE_TAG"));
	command_add(&rq, "topicSysFlag", STR("0"));
	command_add(&rq, "order", STR("false"));
	if (client_call(h->reader, h->broker, &rq, CALL_MS, &rp, &e) || rp->cmd.code)
		give_up(h, "create topic", rp ? "refused" : e.msg);
	reply_free(rp);
}

static void send_next(struct harness *h, int producer);

static void on_sent(void *arg, int rc, struct reply *rp, const struct err *e UNUSED)
{
	struct flight *f = arg;
	struct harness *h = f->h;
	struct entry *en = &h->entries[f->seq];

	if (!rc && rp->cmd.code == RESP_SUCCESS) {
		struct str id = command_ext(&rp->cmd, "msgId");
		int64_t off = -1;

		str_to_i64(command_ext(&rp->cmd, "queueOffset"), 0, INT64_MAX, &off,
			"queueOffset", NULL);
		snprintf(en->id, sizeof(en->id), STR_FMT, STR_ARG(id));
		en->queue_off = off;
		en->acked_ms = clock_mono_ms();
		h->acked++;
	} else if (!rc && !(h->ending == STOP && h->stopping)) {
		fail(h, "send refused with code %d: " STR_FMT, rp->cmd.code,
			STR_ARG(rp->cmd.remark));
	}
	if (rp)
		reply_free(rp);
	if (!rc && !h->stopping)
		send_next(h, en->producer);
	mem_free(f);
}

static void send_next(struct harness *h, int producer)
{
	char body[BODY_MAX], queue[12], props[64];
	struct flight *f = mem_alloc(sizeof(*f));
	struct err e = ERR_INIT;
	struct command rq;
	struct entry *en;
	size_t n;

	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 4096;
		h->entries = mem_grow(h->entries, (size_t)h->cap * sizeof(*h->entries));
	}
	f->h = h;
	f->seq = h->n++;
	en = &h->entries[f->seq];
	memset(en, 0, sizeof(*en));
	en->producer = producer;
	en->queue = (int)(f->seq % QUEUES);
	en->queue_off = -1;
	n = make_body(f->seq, producer, body);
	snprintf(queue, sizeof(queue), "%d", en->queue);
	snprintf(props, sizeof(props), "KEYS\x01k%lld", (long long)f->seq);
	command_init(&rq, REQ_SEND_MESSAGE_V2);
	command_add(&rq, "a", STR("kill-producers"));
	command_add(&rq, "b", STR("kill-ledger"));
	command_add(&rq, "c", STR("TBW102"));
	command_add(&rq, "d", STR("4"));
	command_add(&rq, "e", str_of(queue));
	command_add(&rq, "f", STR("0"));
	command_add(&rq, "g", STR("1700000000000"));
	command_add(&rq, "h", STR("0"));
	command_add(&rq, "i", str_of(props));
	rq.body = (struct str){ body, n };
	if (client_submit(h->producers[producer], h->broker, &rq, CALL_MS, on_sent, f, &e))
		mem_free(f);
}

/* Every thread of it stands still: nothing is written any more but what the kernel was told. */
static void freeze(struct harness *h)
{
	char line[200];
	int running = 1;

	kill(h->pid, SIGSTOP);
	snprintf(line, sizeof(line), "grep -L '^State:.T' /proc/%d/task/*/status | grep -q .",
		(int)h->pid);
	for (int i = 0; i < 1000 && running; i++)
		running = system(line) == 0;
	if (running)
		give_up(h, "freeze", "it goes on after SIGSTOP");
}

static void power(struct harness *h, const char *what)
{
	char line[600];

	snprintf(line, sizeof(line), "tests/fault/power.sh %s '%s'", what, h->dir);
	if (system(line))
		give_up(h, "power.sh", what);
}

/* The log file is renamed and opened anew, settings are read: under load, like anything else. */
static void rotate(struct harness *h)
{
	char log[300], old[310];

	snprintf(log, sizeof(log), "%s.log", h->dir);
	snprintf(old, sizeof(old), "%s.old", log);
	if (rename(log, old))
		fail(h, "no log file '%s'", log);
	kill(h->pid, SIGHUP);
	for (int i = 0; i < 1000 && access(log, F_OK); i++)
		client_run(h->producers[i % PRODUCERS], 1);
	if (access(log, F_OK))
		fail(h, "SIGHUP opened no new log file");
}

static void begin_end(struct harness *h)
{
	if (h->ending == CUT) {
		h->cut_ms = clock_mono_ms();
		freeze(h);
		power(h, "copy");
	} else if (h->ending == STOP) {
		rotate(h);
		h->cut_ms = clock_mono_ms();
		kill(h->pid, SIGTERM);
	} else {
		kill(h->pid, SIGKILL);
	}
	if (h->ending == CUT)
		kill(h->pid, SIGKILL);
}

static void finish_end(struct harness *h)
{
	int status;

	if (h->ending == STOP) {
		status = stop(h, 0);
		if (status)
			fail(h, "SIGTERM ended it with status %d", status);
		return;
	}
	stop(h, SIGKILL);
	if (h->ending == CUT)
		power(h, "swap");
}

/* False while it lives. */
static bool is_gone(struct harness *h)
{
	siginfo_t si = { 0 };

	return !waitid(P_PID, (id_t)h->pid, &si, WEXITED | WNOHANG | WNOWAIT) && si.si_pid;
}

static void note_stop(struct harness *h)
{
	int64_t ms = clock_mono_ms() - h->cut_ms;

	while (!is_gone(h) && ms < 30000) {
		usleep(1000);
		ms = clock_mono_ms() - h->cut_ms;
	}
	h->slowest_stop_ms = MAX(h->slowest_stop_ms, ms);
}

/* Load until the end, which falls at a random moment; then the rest of the answers is read. */
static void load_and_end(struct harness *h)
{
	bool long_window = h->ending == CUT && !strcmp(h->flush, "async");
	int64_t until = clock_mono_ms() + 20 + rand() % (long_window ? WINDOW_MS * 2 : 120);
	bool ended = false;

	h->stopping = false;
	for (int i = 0; i < PRODUCERS; i++)
		for (int k = 0; k < IN_FLIGHT; k++)
			send_next(h, i);
	for (bool pending = true; pending;) {
		if (!ended && clock_mono_ms() >= until) {
			begin_end(h);
			h->stopping = ended = true;
		}
		pending = false;
		for (int i = 0; i < PRODUCERS; i++) {
			client_run(h->producers[i], 1);
			pending |= client_pending(h->producers[i]) > 0;
		}
	}
	if (!ended)
		give_up(h, "load",
			h->failure[0] ? h->failure : "the producers stopped by themselves");
	if (h->ending == STOP)
		note_stop(h);
	finish_end(h);
}

static void check_message(struct harness *h, int queue, const struct message *m)
{
	char want[BODY_MAX], id[MESSAGE_ID_MAX];
	long long seq = -1;
	int producer = -1;
	struct entry *en;
	size_t n;

	snprintf(want, sizeof(want), STR_FMT, (int)MIN(m->body.n, BODY_MIN), m->body.p);
	if (sscanf(want, "%d %lld ", &producer, &seq) != 2 || seq < 0 || seq >= h->n) {
		fail(h, "queue %d offset %lld: a body nobody sent", queue,
			(long long)m->queue_off);
		return;
	}
	en = &h->entries[seq];
	n = make_body(seq, en->producer, want);
	if (producer != en->producer || queue != en->queue || n != m->body.n ||
		memcmp(want, m->body.p, n) || !message_crc_ok(m))
		fail(h, "message %lld is damaged", seq);
	if (m->queue_off != h->next_off[queue])
		fail(h, "queue %d: offset %lld where %lld was due", queue,
			(long long)m->queue_off, (long long)h->next_off[queue]);
	if (en->seen)
		fail(h, "message %lld is there twice", seq);
	if (seq <= h->last_seq[queue][producer])
		fail(h, "message %lld of producer %d comes after %lld", seq, producer,
			(long long)h->last_seq[queue][producer]);
	message_offset_id(id, &m->store, m->phys_off);
	if (en->queue_off >= 0 && en->queue_off != m->queue_off)
		fail(h, "message %lld was acknowledged at offset %lld, stands at %lld", seq,
			(long long)en->queue_off, (long long)m->queue_off);
	if (en->queue_off >= 0 && strcmp(en->id + 16, id + 16))
		fail(h, "message %lld was acknowledged as %s, is %s", seq, en->id, id);
	en->seen = true;
	h->last_seq[queue][producer] = seq;
	h->next_off[queue]++;
	h->found++;
}

/* Pulls one queue from where the verifier stands to its end. */
static void read_queue(struct harness *h, int queue)
{
	char q[12], off[24];

	snprintf(q, sizeof(q), "%d", queue);
	for (;;) {
		struct reply *rp = NULL;
		struct err e = ERR_INIT;
		struct command rq;
		struct rd r;

		snprintf(off, sizeof(off), "%lld", (long long)h->next_off[queue]);
		command_init(&rq, REQ_PULL_MESSAGE);
		command_add(&rq, "consumerGroup", STR("TOOLS_CONSUMER"));
		command_add(&rq, "topic", str_of(topic));
		command_add(&rq, "queueId", str_of(q));
		command_add(&rq, "queueOffset", str_of(off));
		command_add(&rq, "maxMsgNums", STR("32"));
		command_add(&rq, "sysFlag", STR("4"));
		command_add(&rq, "commitOffset", STR("0"));
		command_add(&rq, "suspendTimeoutMillis", STR("0"));
		command_add(&rq, "subscription", STR("*"));
		command_add(&rq, "subVersion", STR("0"));
		if (client_call(h->reader, h->broker, &rq, CALL_MS, &rp, &e))
			give_up(h, "pull", e.msg);
		if (rp->cmd.code != RESP_SUCCESS) {
			if (rp->cmd.code != RESP_PULL_NOT_FOUND)
				fail(h, "pull of queue %d at %s: code %d " STR_FMT, queue, off,
					rp->cmd.code, STR_ARG(rp->cmd.remark));
			reply_free(rp);
			return;
		}
		r = rd_init(rp->cmd.body);
		while (rd_left(&r)) {
			struct message m;

			if (message_decode(&r, &m, &e)) {
				fail(h, "queue %d: %s", queue, e.msg);
				break;
			}
			check_message(h, queue, &m);
		}
		reply_free(rp);
		if (h->failure[0])
			return;
	}
}

static void verify(struct harness *h, bool whole)
{
	if (whole) {
		memset(h->next_off, 0, sizeof(h->next_off));
		memset(h->last_seq, 0xff, sizeof(h->last_seq));
		for (int64_t i = 0; i < h->n; i++)
			h->entries[i].seen = false;
		h->found = 0;
	}
	for (int q = 0; q < QUEUES; q++)
		read_queue(h, q);
	for (int64_t i = 0; i < h->n && !h->failure[0]; i++) {
		struct entry *en = &h->entries[i];

		if (en->queue_off < 0 || en->seen)
			continue;
		if (h->ending == CUT && !strcmp(h->flush, "async") &&
			en->acked_ms > h->cut_ms - WINDOW_MS) {
			en->queue_off = -1; /* as if it had not been acknowledged */
			h->window_lost++;
		} else {
			fail(h, "acknowledged message %lld (queue %d offset %lld) is lost",
				(long long)i, en->queue, (long long)en->queue_off);
		}
	}
}

static bool report(struct harness *h, int number, const char *what)
{
	if (h->failure[0])
		printf("not ok %d - %s\n# %s (seed %u)\n", number, what, h->failure, h->seed);
	else
		printf("ok %d - %s\n", number, what);
	fflush(stdout);
	return !h->failure[0];
}

int main(int argc, char **argv)
{
	struct client_opts opts = { 0 };
	struct harness h = { 0 };
	int kills, passed = 0;
	char what[200];

	if (argc < 5) {
		fprintf(stderr,
			"usage: fault-kill BROKERD DIR ENDS sync|async [kill|stop|cut [SEED]]\n");
		return EXIT_USAGE;
	}
	h.program = argv[1];
	h.dir = argv[2];
	kills = (int)strtol(argv[3], NULL, 10);
	h.flush = argv[4];
	if (argc > 5)
		h.ending = !strcmp(argv[5], "cut")    ? CUT
			   : !strcmp(argv[5], "stop") ? STOP
						      : KILL;
	h.seed = argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : (unsigned)clock_wall_ms();
	srand(h.seed);
	signal(SIGPIPE, SIG_IGN);
	printf("# seed %u\n", h.seed);
	for (int i = 0; i < PRODUCERS; i++)
		h.producers[i] = client_new(&opts);
	h.reader = client_new(&opts);
	memset(h.last_seq, 0xff, sizeof(h.last_seq));

	start(&h);
	create_topic(&h);
	for (int k = 0; k < kills && !h.failure[0]; k++) {
		load_and_end(&h);
		start(&h);
		verify(&h, k % 10 == 9);
		passed += !h.failure[0];
	}
	verify(&h, true);
	snprintf(what, sizeof(what),
		"flush %s: %d of %d %s, %lld messages sent, %lld acknowledged, %lld found",
		h.flush, passed, kills, ending_names[h.ending], (long long)h.n,
		(long long)h.acked, (long long)h.found);
	if (h.ending == CUT)
		printf("# %lld acknowledged within %d ms before a cut are gone\n",
			(long long)h.window_lost, WINDOW_MS);
	if (h.ending == STOP) {
		printf("# slowest stop: %lld ms\n", (long long)h.slowest_stop_ms);
		if (h.slowest_stop_ms > STOP_MS)
			fail(&h, "a stop took %lld ms", (long long)h.slowest_stop_ms);
	}
	report(&h, 1, what);
	stop(&h, SIGTERM);
	start(&h);
	verify(&h, true);
	report(&h, 2, "everything is there after a clean stop too");
	stop(&h, SIGTERM);
	for (int i = 0; i < PRODUCERS; i++)
		client_free(h.producers[i]);
	client_free(h.reader);
	mem_free(h.entries);
	return h.failure[0] ? 1 : 0;
}
