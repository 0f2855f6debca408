/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every handler of the table, in a whole broker on a tmpfs. The input is a script of requests:
 *
 *	handler, how, body, 13 values, bytes of those that are raw
 *
 * `handler` picks from the table, so a new one is fuzzed without a word here; its fields take the
 * values in turn. One below WORDS is one of a few that lead somewhere; above, so many bytes of the
 * input follow. Requests of
 * one script share a connection, each with a header of its own encoding; `how` may also make it
 * one-way or end the script in the middle of a frame. What they did stays for the next scripts.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "brokerd/broker.h"
#include "brokerd/config.h"
#include "brokerd/dispatch.h"
#include "brokerd/server.h"
#include "brokerd/store/store.h"
#include "fuzz.h"
#include "log.h"
#include "mem.h"
#include "rd.h"
#include "thread.h"

#define SCRIPTS_MAX 5000 /* of one broker */
#define CALM_MS 5 /* without an answer: the rest waits for something */
#define HEAD 16 /* bytes of a request before the raw ones */

enum how { BINARY = 1, ONEWAY = 2, CUT = 4, RAW_BODY = 8 };

static const char *const topics[] = { "t-1", "t-2", "ns1%t-1", "%RETRY%g-1", "%DLQ%g-1",
	"SCHEDULE_TOPIC_XXXX", "TBW102", "../../t" };
static const char *const groups[] = { "g-1", "g-2", "ns1%g-1", "TOOLS_CONSUMER", "CID_ONS-HTTP",
	"*" };
static const char *const numbers[] = { "0", "1", "6", "4", "-1", "2147483647", "4294967296",
	"9223372036854775807", "true", "8" };
static const char *const texts[] = { "ns1", "brokerd", "DefaultCluster", "127.0.0.1:10911",
	"me", "role-1", "t-1", "g-1", "*", "a > 5 AND b IS NOT NULL", "SQL92", "1",
	"TAGS\x01"
	"A\x02KEYS\x01k\x02UNIQ_KEY\x01u",
	"DELAY\x01"
	"1",
	"__STARTDELIVERTIME\x01"
	"4000000000000",
	"TRAN_MSG\x01true\x02PGROUP\x01g-1", "7F00000100002A9F0000000000000000",
	"TOPIC_PUT_NUMS" };
enum { WORDS = 32 }; /* values below are one of these */

#define HEARTBEAT \
	"{\"clientID\":\"me\",\"producerDataSet\":[{\"groupName\":\"g-1\"}],\"consumerDataSet\":[{" \
	"\"groupName\":\"g-1\",\"consumeType\":\"CONSUME_PASSIVELY\",\"messageModel\":\"CLUSTERING\"," \
	"\"subscriptionDataSet\":[{\"topic\":\"t-1\",\"subString\":\"A || B\",\"subVersion\":1}]}]}"
#define QUEUES \
	"{\"clientId\":\"me\",\"consumerGroup\":\"g-1\",\"mqSet\":[{\"brokerName\":\"brokerd\"," \
	"\"queueId\":0,\"topic\":\"t-1\"}]}"
#define GROUP \
	"{\"groupName\":\"g-1\",\"consumeEnable\":true,\"retryQueueNums\":1,\"retryMaxTimes\":16}"

static const char *const bodies[] = { "", "hello", HEARTBEAT, QUEUES, GROUP,
	"retention=10h\nlogLevel=warn\n", "[]", "{}" };

static struct broker broker;
static struct config cfg;
static struct conf conf;
static char dir[64];
static int scripts;

/* --- the broker --- */

static void remove_dir(void)
{
	char line[100];

	snprintf(line, sizeof(line), "rm -rf %s", dir);
	BUG_ON(system(line));
}

static void begin(void)
{
	struct err e = ERR_INIT;

	snprintf(dir, sizeof(dir), "%s/tdmq-fuzz.XXXXXX",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	BUG_ON(!mkdtemp(dir));
	conf_init(&conf, config_keys, &cfg, NULL);
	cfg.data = dir;
	cfg.nameserver_port = cfg.broker_port = cfg.vip_port = 0;
	cfg.auto_create_topics = cfg.auto_create_groups = true;
	cfg.flush = STORE_FLUSH_ASYNC;
	cfg.commitlog_file_size = 1 << 20;
	if (broker_start(&broker, &cfg, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
}

static void end(void)
{
	struct err e = ERR_INIT;

	BUG_ON(broker_stop(&broker, &e));
	conf_release(&conf);
	remove_dir();
	dir[0] = '\0';
}

static void at_exit(void)
{
	if (dir[0])
		end();
}

/* --- the script --- */

static const struct handler *pick(uint8_t i)
{
	static size_t n;

	while (handler_at(n))
		n++;
	return handler_at(i % n);
}

static struct str value(enum field_type type, uint8_t k, struct rd *r)
{
	if (k >= WORDS)
		return rd_bytes(r, MIN((size_t)k - WORDS, rd_left(r)));
	if (type == FIELD_TYPE_TOPIC)
		return str_of(topics[k % ARRAY_LEN(topics)]);
	if (type == FIELD_TYPE_GROUP)
		return str_of(groups[k % ARRAY_LEN(groups)]);
	return str_of(type == FIELD_TYPE_STR ? texts[k % ARRAY_LEN(texts)]
					     : numbers[k % ARRAY_LEN(numbers)]);
}

/* False at the end of the script. */
static bool add_request(struct rd *r, struct buf *out, int number)
{
	struct str head = rd_bytes(r, MIN(rd_left(r), (size_t)HEAD));
	const uint8_t *b = (const uint8_t *)head.p;
	static struct command rq;
	size_t before = out->n, i = 3;
	const struct handler *h;

	if (head.n < HEAD)
		return false;
	h = pick(b[0]);
	command_init(&rq, h->code);
	rq.opaque = number;
	rq.type = b[1] & BINARY && h->code == (int16_t)h->code ? HEADER_BINARY : HEADER_JSON;
	rq.flag = b[1] & ONEWAY ? FLAG_ONEWAY : 0;
	for (const struct field *f = h->fields; f && f->type != FIELD_TYPE_END; f++, i++) {
		struct str v = value((enum field_type)f->type, b[3 + (i - 3) % (HEAD - 3)], r);

		if (v.n)
			command_add(&rq, f->name, v);
	}
	rq.body = str_of(bodies[b[2] % ARRAY_LEN(bodies)]);
	if (b[1] & RAW_BODY)
		rq.body = rd_bytes(r, MIN((size_t)b[2], rd_left(r)));
	command_encode(out, &rq);
	if (b[1] & CUT)
		out->n = before + (out->n - before) / 2;
	return !(b[1] & CUT);
}

/* --- a connection --- */

struct talk {
	int fd; /* the client's end */
	struct timer *calm;
	bool done;
};

static void quiet(void *arg)
{
	struct talk *t = arg;

	shutdown(t->fd, SHUT_WR);
}

static void readable(evutil_socket_t fd, short what UNUSED, void *arg)
{
	static char answers[1 << 16];
	struct talk *t = arg;
	ssize_t n = recv(fd, answers, sizeof(answers), MSG_DONTWAIT);

	if (n > 0) {
		timer_set(t->calm, CALM_MS);
		return;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	t->done = true;
	server_quit(broker.server);
}

static void talk(const struct buf *script)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(40000) };
	struct talk t = { 0 };
	struct event *ev;
	int fds[2];

	peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds));
	t.fd = fds[0];
	server_adopt(broker.server, fds[1], (struct sockaddr *)&peer)->ours = false;
	(void)!send(t.fd, script->p, script->n, MSG_NOSIGNAL);
	t.calm = timer_new(broker.server, quiet, &t);
	timer_set(t.calm, CALM_MS);
	ev = event_new(server_base(broker.server), t.fd, EV_READ | EV_PERSIST, readable, &t);
	BUG_ON(!ev);
	event_add(ev, NULL);
	while (!t.done)
		server_run(broker.server);
	event_free(ev);
	timer_free(t.calm);
	close(t.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = own(data, size);
	struct rd r = rd_init((struct str){ p, size });
	struct buf out;

	if (!scripts) {
		thread_become(&on_loop);
		log_set_level(LOG_ERROR_);
		BUG_ON(atexit(at_exit));
	}
	if (scripts++ % SCRIPTS_MAX == 0) {
		if (dir[0])
			end();
		begin();
	}
	buf_init(&out, 1 << 20);
	for (int n = 0; rd_left(&r) && add_request(&r, &out, n); n++)
		;
	if (out.n)
		talk(&out);
	buf_release(&out);
	free(p);
	return 0;
}
