/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query: how long a broker takes to find a message by its key.
 *
 *	build/bench-query -t bench --keys 7F00... --first 123 --stored 1000000 -n 20000 127.0.0.1:10911
 *
 * --keys and --first are what bench-load printed, --stored how many it sent. One question after
 * the other, by UNIQ_KEY, for messages picked at random; the answer has to hold exactly that one.
 * Prints {"msgs":..,"rate":..,"p50_us":..,"p99_us":..,"p999_us":..,"max_us":..,"errors":..}.
 */
#include <errno.h>
#include <getopt.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "message.h"
#include "props.h"
#include "tests/bench/kit.h"

struct query {
	const char *broker, *topic, *keys;
	int64_t first, stored, count, errors;
	uint64_t seed;
	int fd;
	char *in; /* owned */
	struct hist hist;
};

static void set(struct query *q, int letter)
{
	switch (letter) {
	case 't':
		q->topic = optarg;
		break;
	case 'k':
		q->keys = optarg;
		break;
	case 'f':
		q->first = number(optarg, "first", 0, INT64_MAX);
		break;
	case 's':
		q->stored = number(optarg, "stored", 1, INT64_MAX);
		break;
	case 'n':
		q->count = number(optarg, "count", 1, INT64_MAX);
		break;
	default:
		fputs("usage: bench-query -t topic --keys=text --first=n --stored=n [-n count] host:port\n",
			stderr);
		exit(2);
	}
}

/* A whole answer at q->in; its length. */
static size_t read_answer(struct query *q)
{
	struct err e = ERR_INIT;
	size_t n = 0, total = 0;

	while (frame_measure((struct str){ q->in, n }, &total, &e)) {
		ssize_t got = recv(q->fd, q->in + n, FRAME_MAX - n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			give_up("the broker closed the connection", NULL);
		n += (size_t)got;
	}
	if (total != n)
		give_up("more than one answer", NULL);
	return total;
}

/* One message, with the key that was asked for. */
static bool is_right(const struct command *c, struct str key)
{
	struct rd r = rd_init(c->body);
	struct message m;

	return !c->code && !message_decode(&r, &m, NULL) && !rd_left(&r) &&
	       str_eq(props_get(m.properties, PROP_UNIQ_KEY), key);
}

static void ask(struct query *q, int32_t opaque)
{
	struct err e = ERR_INIT;
	char key[64], far[24];
	struct command c;
	struct buf b;
	int64_t began;

	q->seed = q->seed * 6364136223846793005u + 1442695040888963407u;
	snprintf(key, sizeof(key), "%s%016llX", q->keys,
		(unsigned long long)q->first + (q->seed >> 20) % (uint64_t)q->stored);
	snprintf(far, sizeof(far), "%lld", (long long)INT64_MAX);
	command_init(&c, REQ_QUERY_MESSAGE);
	c.opaque = opaque;
	command_add(&c, "topic", str_of(q->topic));
	command_add(&c, "key", str_of(key));
	command_add(&c, "maxNum", STR("32"));
	command_add(&c, "beginTimestamp", STR("0"));
	command_add(&c, "endTimestamp", str_of(far));
	command_add(&c, "_UNIQUE_KEY_QUERY", STR("true"));
	buf_init(&b, 1 << 16);
	command_encode(&b, &c);
	began = clock_mono_us();
	if (send(q->fd, b.p, b.n, MSG_NOSIGNAL) != (ssize_t)b.n)
		give_up(strerror(errno), NULL);
	buf_release(&b);
	if (command_decode(q->in, read_answer(q), &c, &e))
		give_up("what came back is no answer", &e);
	hist_add(&q->hist, clock_mono_us() - began);
	if (!is_right(&c, str_of(key)) && !q->errors++)
		fprintf(stderr, "bench-query: %s: %d " STR_FMT "\n", key, c.code,
			STR_ARG(c.remark));
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "keys", required_argument, NULL, 'k' },
		{ "first", required_argument, NULL, 'f' },
		{ "stored", required_argument, NULL, 's' }, { NULL } };
	struct query *q = mem_alloc(sizeof(*q));
	int64_t began;
	int letter;

	kit_init("bench-query");
	*q = (struct query){ .topic = "bench", .stored = 1, .count = 10000, .seed = 1 };
	while ((letter = getopt_long(argc, argv, "t:n:", longs, NULL)) != -1)
		set(q, letter);
	if (optind != argc - 1 || !q->keys)
		set(q, '?');
	q->fd = dial(argv[optind]);
	q->in = mem_grow(NULL, FRAME_MAX);
	began = clock_mono_us();
	for (int64_t i = 0; i < q->count; i++)
		ask(q, (int32_t)i);
	printf("{\"msgs\":%lld,\"rate\":%.0f,", (long long)q->count,
		(double)q->count * 1e6 / (double)(clock_mono_us() - began));
	hist_print(&q->hist);
	printf(",\"errors\":%lld}\n", (long long)q->errors);
	return q->errors ? 1 : 0;
}
