/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow: messages through a broker to a consumer that waits for them, and how long that takes.
 *
 *	build/bench-flow -t t -q 4 --rate 5000 -T 5s 127.0.0.1:10911	from the send to the consumer
 *	build/bench-flow -t t -q 4 -n 300000 --lateness 127.0.0.1:10911	of what bench-load --stamp sent
 *
 * One thread sends on one connection, open loop: a message is late from when it was due to be
 * sent, and that time stands in its body. On a second connection a pull is held for each queue;
 * the answer is looked at and asked again at once. The thread never sleeps, so that its own
 * waking up is not measured, and there is one clock. With --lateness nothing is sent: the time in the
 * body, or --due, plus --delay is when a message should have come. Prints one line of JSON:
 *
 *	{"msgs":..,"rate":..,"early":..,"p50_us":..,"p99_us":..,"p999_us":..,"max_us":..,"errors":..}
 *
 * rate: between the first and the last message; early: messages that came a
 * millisecond or more before their time.
 */
#include <errno.h>
#include <getopt.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin.h"
#include "clock.h"
#include "mem.h"
#include "message.h"
#include "names.h"
#include "tests/bench/kit.h"

#define QUEUES_MAX 64
#define HOLD_MS 15000
#define SILENCE_US (90 * 1000000) /* how long nothing may come */
#define DRAIN_US (5 * 1000000)
#define ROOM (FRAME_MAX + (1u << 20))

/* What was read of a connection and not looked at yet. */
struct in {
	int fd;
	char *p; /* owned */
	size_t n;
};

struct flow {
	const char *broker, *topic, *group;
	int64_t queues, size, rate, count, duration_ms, delay_us, due_ms;
	int lateness;
	struct in sends, pulls;
	struct frame frame[QUEUES_MAX];
	int64_t offset[QUEUES_MAX];
	char *out; /* owned; sends on their way */
	size_t out_n, out_off;
	int64_t begin_us, heard_us, first_us, last_us, issued, answered, got, early, errors;
	uint64_t next_key;
	struct arena scratch;
	struct hist hist;
};

static void usage(int status)
{
	fputs("usage: bench-flow [option...] host:port\n"
	      "  -t, --topic=name     topic (bench); its queues are read from the start\n"
	      "  -q, --queues=n       its queues (4)\n"
	      "  -s, --size=bytes     body of a message (1024)\n"
	      "  -g, --group=name     group to pull as (TOOLS_CONSUMER)\n"
	      "  -r, --rate=n         messages sent each second (1000)\n"
	      "  -T, --time=span      for so long (5s)\n"
	      "      --lateness       send nothing; how late do stamped messages come?\n"
	      "  -n, --count=n        how many there are\n"
	      "      --delay=span     they are due so long after their stamp\n"
	      "      --due=ms         or at this time, milliseconds since 1970\n",
		status ? stderr : stdout);
	exit(status);
}

static void set(struct flow *f, int letter)
{
	switch (letter) {
	case 't':
		f->topic = optarg;
		break;
	case 'g':
		f->group = optarg;
		break;
	case 'q':
		f->queues = number(optarg, "queues", 1, QUEUES_MAX);
		break;
	case 's':
		f->size = number(optarg, "size", STAMP_DIGITS, 1 << 20);
		break;
	case 'r':
		f->rate = number(optarg, "rate", 1, 1000000);
		break;
	case 'n':
		f->count = number(optarg, "count", 1, INT64_MAX);
		break;
	case 'T':
		f->duration_ms = span_ms(optarg);
		break;
	case 'd':
		f->delay_us = span_ms(optarg) * 1000;
		break;
	case 'D':
		f->due_ms = number(optarg, "due", 1, INT64_MAX);
		break;
	case 0:
		break;
	default:
		usage(letter == 'h' ? 0 : 2);
	}
}

static void parse(struct flow *f, int argc, char **argv)
{
	struct option longs[] = { { "topic", required_argument, NULL, 't' },
		{ "queues", required_argument, NULL, 'q' },
		{ "size", required_argument, NULL, 's' },
		{ "group", required_argument, NULL, 'g' },
		{ "rate", required_argument, NULL, 'r' },
		{ "time", required_argument, NULL, 'T' },
		{ "count", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{ "due", required_argument, NULL, 'D' },
		{ "lateness", no_argument, &f->lateness, 1 },
		{ "help", no_argument, NULL, 'h' }, { NULL } };
	int letter;

	while ((letter = getopt_long(argc, argv, "t:q:s:g:r:T:n:h", longs, NULL)) != -1)
		set(f, letter);
	if (optind != argc - 1)
		usage(2);
	f->broker = argv[optind];
	if (f->lateness && !f->count)
		give_up("--lateness needs --count", NULL);
}

/* ---- reading ---- */

/* Reads what there is and hands on each whole frame. */
static void take_frames(
	struct flow *f, struct in *in, void (*each)(struct flow *, struct command *))
{
	struct err e = ERR_INIT;
	struct command c;
	size_t total, off = 0;
	ssize_t n = recv(in->fd, in->p + in->n, ROOM - in->n, MSG_DONTWAIT);
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		give_up("the broker closed a connection", NULL);
	in->n += (size_t)n;
	while (!(rc = frame_measure((struct str){ in->p + off, in->n - off }, &total, &e))) {
		rc = command_decode(in->p + off, total, &c, &e);
		if (rc)
			break;
		if (c.flag & 1)
			each(f, &c);
		off += total;
	}
	if (rc != TQ_ENOTYET)
		give_up("what came back is no frame", &e);
	in->n -= off;
	memmove(in->p, in->p + off, in->n);
}

static void sent(struct flow *f, struct command *c)
{
	f->answered++;
	if (c->code && !f->errors++)
		fprintf(stderr, "bench-flow: send: " STR_FMT "\n", STR_ARG(c->remark));
}

/* ---- the consumer ---- */

static void write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = send(fd, p, n, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			give_up(strerror(errno), NULL);
		p += done;
		n -= (size_t)done;
	}
}

static void ask(struct flow *f, int queue)
{
	struct pull p = { .group = f->group,
		.topic = f->topic,
		.queue = queue,
		.queue_off = f->offset[queue],
		.max = 32,
		.hold_ms = HOLD_MS,
		.all = true };
	struct command rq;
	struct buf b;

	buf_init(&b, 1 << 16);
	admin_pull_request(&rq, &p, &f->scratch);
	rq.opaque = queue;
	command_encode(&b, &rq);
	arena_clear(&f->scratch);
	write_all(f->pulls.fd, b.p, b.n);
	buf_release(&b);
}

/* The time at the front of a body; -1 where nothing was stamped. */
static int64_t stamp_of(struct str body)
{
	int64_t us;

	if (body.n < STAMP_DIGITS || str_to_i64((struct str){ body.p, STAMP_DIGITS }, 0,
					     INT64_MAX, &us, "stamp", NULL))
		return -1;
	return us;
}

static void arrived(struct flow *f, const struct message *m, int64_t now_us)
{
	int64_t stamp = stamp_of(m->body), late;

	if (stamp < 0)
		return;
	late = f->due_ms ? (clock_wall_ms() - f->due_ms) * 1000 : now_us - stamp - f->delay_us;
	f->first_us = f->first_us ? f->first_us : now_us;
	f->last_us = now_us;
	f->got++;
	if (late <= -1000) /* brokers count whole milliseconds */
		f->early++;
	hist_add(&f->hist, late);
}

static void pulled(struct flow *f, struct command *c)
{
	int queue = c->opaque;
	struct rd r = rd_init(c->body);
	int64_t next, now_us = clock_mono_us();
	struct message m;

	if (queue < 0 || queue >= f->queues)
		return;
	if (!c->code) {
		while (rd_left(&r)) {
			if (message_decode(&r, &m, NULL))
				give_up("an unreadable record", NULL);
			if (m.queue_off != f->offset[queue]++ && !f->errors++)
				fprintf(stderr, "bench-flow: a message is missing\n");
			arrived(f, &m, now_us);
		}
		f->heard_us = now_us;
	}
	if (!str_to_i64(command_ext(c, "nextBeginOffset"), 0, INT64_MAX, &next, "offset", NULL))
		f->offset[queue] = next;
	ask(f, queue);
}

/* ---- the sender ---- */

static void issue_due(struct flow *f, int64_t now_us)
{
	int64_t total = f->rate * f->duration_ms / 1000, at;
	ssize_t n;

	while (f->issued < total && f->out_n < ROOM / 2) {
		const struct frame *from = &f->frame[f->issued % f->queues];
		char *to = f->out + f->out_n;

		at = f->begin_us + f->issued * 1000000 / f->rate;
		if (at > now_us)
			break;
		memcpy(to, from->p, from->n);
		put_hex(to + from->key_at[0], f->next_key++, KEY_DIGITS);
		put_digits(to + from->body_at, (uint64_t)at, STAMP_DIGITS);
		f->out_n += from->n;
		f->issued++;
	}
	if (f->out_off == f->out_n)
		return;
	n = send(f->sends.fd, f->out + f->out_off, f->out_n - f->out_off,
		MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		f->out_off += (size_t)n;
	if (f->out_off == f->out_n)
		f->out_off = f->out_n = 0;
}

static bool done(const struct flow *f, int64_t now_us)
{
	int64_t end_us = f->begin_us + f->duration_ms * 1000;

	if (f->lateness)
		return f->got >= f->count || now_us > f->heard_us + SILENCE_US;
	if (f->got >= f->rate * f->duration_ms / 1000 && f->answered == f->issued)
		return now_us > end_us;
	return now_us > MAX(end_us, f->heard_us) + DRAIN_US;
}

static void run(struct flow *f)
{
	int64_t now_us = f->begin_us = f->heard_us = clock_mono_us();

	for (int i = 0; i < f->queues; i++)
		ask(f, i);
	while (!done(f, now_us)) {
		now_us = clock_mono_us();
		if (!f->lateness) {
			issue_due(f, now_us);
			take_frames(f, &f->sends, sent);
		}
		take_frames(f, &f->pulls, pulled);
	}
}

static void open_in(struct flow *f, struct in *in)
{
	in->fd = dial(f->broker);
	in->p = mem_grow(NULL, ROOM);
}

int main(int argc, char **argv)
{
	struct flow *f = mem_alloc(sizeof(*f));
	int64_t wanted;
	double seconds;

	kit_init("bench-flow");
	*f = (struct flow){ .topic = "bench",
		.group = NAMES_TOOLS_GROUP,
		.queues = 4,
		.size = 1024,
		.rate = 1000,
		.duration_ms = 5000 };
	parse(f, argc, argv);
	for (int i = 0; i < f->queues; i++)
		frame_make(&f->frame[i],
			&(struct send_opts){ f->topic, i, f->size, 1, 0, 0, false });
	f->next_key = (uint64_t)clock_wall_ms() << 20;
	f->out = mem_grow(NULL, ROOM);
	open_in(f, &f->sends);
	open_in(f, &f->pulls);
	run(f);
	wanted = f->lateness ? f->count : f->issued;
	f->errors += wanted > f->got ? wanted - f->got : 0;
	seconds = (double)(f->last_us - f->first_us) / 1e6;
	printf("{\"msgs\":%lld,\"rate\":%.0f,\"early\":%lld,", (long long)f->got,
		seconds > 0 ? (double)f->got / seconds : 0, (long long)f->early);
	hist_print(&f->hist);
	printf(",\"errors\":%lld}\n", (long long)f->errors);
	return f->errors ? 1 : 0;
}
