/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: presses messages into a broker, ours or Apache's, and says how fast they went in.
 *
 *	build/bench-load -c 8 -d 32 -s 1024 -T 10 127.0.0.1:10911
 *
 * Connections times requests in flight, closed loop: an answer makes room for the next request.
 * With --rate the loop is open: requests have due times, and a late one is late from when it was
 * due. Prints one line of JSON:
 *
 *	{"msgs":..,"seconds":..,"rate":..,"p50_us":..,"p99_us":..,"p999_us":..,"max_us":..,"errors":..,
 *	 "keys":"..","first_key":..}
 *
 * A message's UNIQ_KEY is `keys` and a number from first_key on in 16 hex digits: see query.c.
 *
 * It must not be the limit, so a frame is encoded once for each queue; a request is a copy of it
 * with opaque and UNIQ_KEY written over. Opaque is the number of a slot plus OPAQUE_BASE, hence
 * always ten digits. Of an answer only code and opaque are looked up. A connection is read once
 * and written once for each turn of the loop, whatever number of messages that is.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin.h"
#include "clock.h"
#include "json.h"
#include "mem.h"
#include "message.h"
#include "names.h"
#include "tests/bench/kit.h"

#define READ_ROOM (1u << 20) /* behind what a connection had left over */
#define DRAIN_US (10 * 1000000) /* how long the last answers may take */
#define SILENCE_US (30 * 1000000) /* how long none may come at all */

/* ---- options ---- */

struct opts {
	const char *broker, *namesrv, *topic, *group;
	int64_t connections, depth, queues, topics, size, batch, count, rate, pull_max;
	int64_t duration_ms, warmup_ms, level, due_ms, idle;
	int oneway, pull, verify, stamp; /* bool, as getopt wants them */
};

static const char usage_text[] =
	"usage: bench-load [option...] [host:port]\n"
	"  -t, --topic=name        topic to send to (bench)\n"
	"  -q, --queues=n          its queues, used in turn (4; 0: ask the name server)\n"
	"      --topics=n          send to so many topics in turn: name, name-1, ...\n"
	"  -c, --connections=n     connections (1)\n"
	"  -d, --depth=n           requests in flight on each (1)\n"
	"  -s, --size=bytes        body of a message (1024)\n"
	"  -b, --batch=n           messages of a request (1)\n"
	"  -n, --count=n           stop after so many messages\n"
	"  -T, --time=span         or after so long (10s)\n"
	"  -w, --warmup=span       do not count the first (0s)\n"
	"  -r, --rate=n            open loop: requests due each second\n"
	"      --oneway            ask for no answers\n"
	"      --level=n           delay level of the messages\n"
	"      --due=ms            deliver them then, milliseconds since 1970\n"
	"      --stamp             begin bodies with the time of sending, for bench-flow\n"
	"      --idle=n            so many more connections that do nothing\n"
	"      --pull              read the queues from their start instead\n"
	"      --max=n             messages of a pull (32)\n"
	"      --verify            check CRC of what is pulled\n"
	"  -g, --group=name        group to pull as (TOOLS_CONSUMER)\n"
	"  -a, --namesrv=host:port who is asked when no broker is given (127.0.0.1:9876)\n";

static void set(struct opts *o, int letter)
{
	switch (letter) {
	case 't':
		o->topic = optarg;
		break;
	case 'g':
		o->group = optarg;
		break;
	case 'a':
		o->namesrv = optarg;
		break;
	case 'q':
		o->queues = number(optarg, "queues", 0, 65536);
		break;
	case 'c':
		o->connections = number(optarg, "connections", 1, 50000);
		break;
	case 'd':
		o->depth = number(optarg, "depth", 1, 65536);
		break;
	case 's':
		o->size = number(optarg, "size", 0, MESSAGE_MAX_BODY);
		break;
	case 'b':
		o->batch = number(optarg, "batch", 1, 10000);
		break;
	case 'n':
		o->count = number(optarg, "count", 1, INT64_MAX);
		break;
	case 'r':
		o->rate = number(optarg, "rate", 1, 10000000);
		break;
	case 'm':
		o->pull_max = number(optarg, "max", 1, 1024);
		break;
	case 'T':
		o->duration_ms = span_ms(optarg);
		break;
	case 'w':
		o->warmup_ms = span_ms(optarg);
		break;
	case 'L':
		o->level = number(optarg, "level", 1, 18);
		break;
	case 'D':
		o->due_ms = number(optarg, "due", 1, INT64_MAX);
		break;
	case 'N':
		o->topics = number(optarg, "topics", 1, 100000);
		break;
	case 'I':
		o->idle = number(optarg, "idle", 0, 50000);
		break;
	case 0:
		break;
	default:
		fputs(usage_text, letter == 'h' ? stdout : stderr);
		exit(letter == 'h' ? EXIT_DONE : EXIT_USAGE);
	}
}

static struct opts parse(int argc, char **argv)
{
	static struct opts o = { .topic = "bench",
		.group = NAMES_TOOLS_GROUP,
		.namesrv = "127.0.0.1:9876",
		.connections = 1,
		.depth = 1,
		.queues = 4,
		.topics = 1,
		.size = 1024,
		.batch = 1,
		.pull_max = 32 };
	static const struct option longs[] = {
		{ "topic", required_argument, NULL, 't' },
		{ "queues", required_argument, NULL, 'q' },
		{ "connections", required_argument, NULL, 'c' },
		{ "depth", required_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ "batch", required_argument, NULL, 'b' },
		{ "count", required_argument, NULL, 'n' },
		{ "time", required_argument, NULL, 'T' },
		{ "warmup", required_argument, NULL, 'w' },
		{ "rate", required_argument, NULL, 'r' },
		{ "topics", required_argument, NULL, 'N' },
		{ "level", required_argument, NULL, 'L' },
		{ "due", required_argument, NULL, 'D' },
		{ "idle", required_argument, NULL, 'I' },
		{ "stamp", no_argument, &o.stamp, 1 },
		{ "oneway", no_argument, &o.oneway, 1 },
		{ "pull", no_argument, &o.pull, 1 },
		{ "max", required_argument, NULL, 'm' },
		{ "verify", no_argument, &o.verify, 1 },
		{ "group", required_argument, NULL, 'g' },
		{ "namesrv", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL },
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "t:q:c:d:s:b:n:T:w:r:g:a:h", longs, NULL)) !=
		-1)
		set(&o, letter);
	if (optind < argc)
		o.broker = argv[optind++];
	if (optind < argc)
		set(&o, '?');
	if (!o.count && !o.duration_ms && !o.pull)
		o.duration_ms = 10000;
	return o;
}

/* ---- connections ---- */

struct conn {
	int fd;
	int index;
	bool wants_out;
	char *out; /* owned; room for a frame in each slot */
	size_t out_off, out_n;
	char *left; /* owned; the beginning of a frame not all of which came */
	size_t left_n, left_cap;
	int64_t *sent_us; /* owned; by slot */
	int *unused; /* owned; slots without a request, a stack */
	int n_unused;
	int64_t queue, offset; /* --pull: what is read, and the next to ask for */
};

struct load {
	struct arena scratch; /* texts of the request under way */
	struct opts o;
	struct frame *frames; /* owned; by queue, or by topic */
	int64_t n_frames;
	struct conn *conns; /* owned */
	int64_t n_conns;
	size_t frame_max;
	int epoll;
	char *in; /* owned; what is read stands here while it is looked at */
	int64_t begin_us, count_from_us, stop_us, now_us;
	uint64_t first_key, next_key;
	int64_t next_frame, issued, answered, in_flight; /* requests */
	int64_t due; /* open loop: requests due so far */
	int64_t msgs, errors, last_us, heard_us;
	int next_conn;
	struct hist hist;
};

static void conn_open(struct load *l, struct conn *c, int index)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

	c->fd = dial(l->o.broker);
	fcntl(c->fd, F_SETFL, O_NONBLOCK);
	c->index = index;
	c->out = mem_grow(NULL, l->frame_max * (size_t)l->o.depth);
	c->sent_us = mem_array((size_t)l->o.depth, sizeof(*c->sent_us));
	c->unused = mem_array((size_t)l->o.depth, sizeof(*c->unused));
	for (int i = (int)l->o.depth; i-- > 0;)
		c->unused[c->n_unused++] = i;
	c->queue = index;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev))
		give_up(strerror(errno), NULL);
}

static void watch_out(struct load *l, struct conn *c, bool on)
{
	struct epoll_event ev = { .events = EPOLLIN | (on ? EPOLLOUT : 0u), .data.ptr = c };

	if (c->wants_out == on)
		return;
	c->wants_out = on;
	epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static bool may_issue(const struct load *l)
{
	if (l->o.count)
		return l->issued * l->o.batch < l->o.count;
	return l->now_us < l->stop_us;
}

static void conn_flush(struct load *l, struct conn *c)
{
	ssize_t n;

	while (c->out_off < c->out_n) {
		n = send(c->fd, c->out + c->out_off, c->out_n - c->out_off, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			give_up(strerror(errno), NULL);
		c->out_off += (size_t)n;
	}
	if (c->out_off == c->out_n)
		c->out_off = c->out_n = 0;
	watch_out(l, c, c->out_n || (l->o.oneway && !l->o.rate && may_issue(l)));
}

/* Room for n bytes; what is sent already makes place. There is always room for all slots. */
static char *conn_room(struct load *l, struct conn *c, size_t n)
{
	size_t cap = l->frame_max * (size_t)l->o.depth;

	if (cap - c->out_n < n && c->out_off) {
		memmove(c->out, c->out + c->out_off, c->out_n - c->out_off);
		c->out_n -= c->out_off;
		c->out_off = 0;
	}
	return cap - c->out_n < n ? NULL : c->out + c->out_n;
}

/* ---- sending ---- */

/* at: when it is sent, or was due. */
static bool issue_send(struct load *l, struct conn *c, int64_t at)
{
	const struct frame *f = &l->frames[l->next_frame];
	char *to = c->n_unused ? conn_room(l, c, f->n) : NULL;
	int slot;

	if (!to)
		return false;
	slot = c->unused[c->n_unused - 1];
	memcpy(to, f->p, f->n);
	put_digits(to + f->opaque_at, (uint64_t)(OPAQUE_BASE + slot), OPAQUE_DIGITS);
	for (size_t i = 0; i < f->keys; i++)
		put_hex(to + f->key_at[i], l->next_key++, KEY_DIGITS);
	if (l->o.stamp)
		put_digits(to + f->body_at, (uint64_t)at, STAMP_DIGITS);
	c->out_n += f->n;
	if (++l->next_frame == l->n_frames)
		l->next_frame = 0;
	l->issued++;
	if (l->o.oneway) {
		if (l->now_us >= l->count_from_us)
			l->msgs += l->o.batch;
		return true;
	}
	c->n_unused--;
	c->sent_us[slot] = at;
	l->in_flight++;
	return true;
}

static bool issue_pull(struct load *l, struct conn *c)
{
	struct pull p = { .group = l->o.group,
		.topic = l->o.topic,
		.queue = (int)c->queue,
		.queue_off = c->offset,
		.max = (int)l->o.pull_max,
		.all = true };
	struct command rq;
	struct buf b;

	if (c->queue >= l->o.queues)
		return false;
	admin_pull_request(&rq, &p, &l->scratch);
	rq.opaque = OPAQUE_BASE;
	buf_init(&b, l->frame_max);
	command_encode(&b, &rq);
	arena_clear(&l->scratch);
	BUG_ON(buf_err(&b) || c->out_n);
	memcpy(c->out, b.p, b.n);
	c->out_n = b.n;
	buf_release(&b);
	c->unused[--c->n_unused] = 0;
	c->sent_us[0] = l->now_us;
	l->issued++;
	l->in_flight++;
	return true;
}

/* Closed loop: every free slot of the connection. */
static void refill(struct load *l, struct conn *c)
{
	if (l->o.pull) {
		if (c->n_unused && (!l->stop_us || l->now_us < l->stop_us))
			issue_pull(l, c);
	} else if (!l->o.rate) {
		while (may_issue(l) && issue_send(l, c, l->now_us))
			;
	}
	conn_flush(l, c);
}

/* Open loop: all that is due by now, over the connections in turn. */
static void issue_due(struct load *l)
{
	int64_t at, tried = 0;

	while (may_issue(l) && tried < l->n_conns) {
		at = l->begin_us + l->due * 1000000 / l->o.rate;
		if (at > l->now_us)
			break;
		if (issue_send(l, &l->conns[l->next_conn], at)) {
			l->due++;
			tried = 0;
		} else {
			tried++; /* later, and late */
		}
		l->next_conn = (int)((l->next_conn + 1) % l->n_conns);
	}
	for (int64_t i = 0; i < l->n_conns; i++)
		if (l->conns[i].out_n)
			conn_flush(l, &l->conns[i]);
}

/* ---- answers ---- */

static void complain(struct load *l, const char *what, struct str detail)
{
	if (!l->errors++)
		fprintf(stderr, "bench-load: first error: %s" STR_FMT "\n", what,
			STR_ARG(detail));
}

/* The number behind a name of a header; false if it is not there. */
static bool quick(struct str header, const char *name, size_t n, int64_t *v)
{
	const char *p = memmem(header.p, header.n, name, n), *end = header.p + header.n;
	bool minus;

	if (!p)
		return false;
	p += n;
	minus = p < end && *p == '-';
	for (p += minus, *v = 0; p < end && *p >= '0' && *p <= '9'; p++)
		*v = *v * 10 + (*p - '0');
	*v = minus ? -*v : *v;
	return true;
}

static void account(struct load *l, struct conn *c, int64_t slot, int64_t msgs)
{
	if (l->now_us >= l->count_from_us) {
		hist_add(&l->hist, l->now_us - c->sent_us[slot]);
		l->msgs += msgs;
		l->last_us = l->now_us;
	}
}

/* Counts the records of a pull answer and checks that they follow each other. */
static int64_t check_records(struct load *l, struct conn *c, struct str body)
{
	struct rd r = rd_init(body);
	struct err e = ERR_INIT;
	struct message m;
	int64_t n = 0;

	for (; rd_left(&r); n++) {
		if (message_decode(&r, &m, &e)) {
			complain(l, e.msg, STR_NONE);
			break;
		}
		if (m.queue_id != c->queue || m.queue_off != c->offset + n)
			complain(l, "a record out of order, topic ", m.topic);
		if (l->o.verify && !message_crc_ok(&m))
			complain(l, "a record whose CRC is wrong, topic ", m.topic);
	}
	return n;
}

static void pulled(struct load *l, struct conn *c, char *frame, size_t total)
{
	struct err e = ERR_INIT;
	struct command a;
	int64_t next;

	if (command_decode(frame, total, &a, &e))
		give_up("what came back is no frame", &e);
	if (str_to_i64(command_ext(&a, "nextBeginOffset"), 0, INT64_MAX, &next, "offset", NULL))
		next = c->offset;
	if (a.code == RESP_SUCCESS) {
		account(l, c, 0, check_records(l, c, a.body));
		c->offset = next;
	} else if (a.code == RESP_PULL_OFFSET_MOVED && next > c->offset) {
		c->offset = next; /* the front was deleted */
	} else if (a.code == RESP_PULL_RETRY_IMMEDIATELY) {
		c->offset = next;
	} else {
		if (a.code != RESP_PULL_NOT_FOUND && a.code != RESP_PULL_OFFSET_MOVED)
			complain(l, "pull: ", a.remark);
		c->queue += l->n_conns;
		c->offset = 0;
	}
}

static void answered(struct load *l, struct conn *c, char *frame, size_t total)
{
	struct str header = { frame + 8, get_be32(frame + 4) & 0xffffff };
	int64_t code, opaque;

	if (!quick(header, "\"opaque\":", 9, &opaque) || !quick(header, "\"code\":", 7, &code))
		give_up("an answer without code and opaque", NULL);
	opaque -= OPAQUE_BASE;
	if (opaque < 0 || opaque >= l->o.depth)
		return; /* a request of the broker's own */
	if (l->o.pull)
		pulled(l, c, frame, total);
	else if (code == RESP_SUCCESS)
		account(l, c, opaque, l->o.batch);
	else
		complain(l, "send: ", header);
	c->unused[c->n_unused++] = (int)opaque;
	l->in_flight--;
	l->answered++;
}

/* Keeps the n bytes at p for the next read. */
static void keep(struct conn *c, const char *p, size_t n)
{
	if (n > c->left_cap) {
		c->left_cap = n * 2;
		c->left = mem_grow(c->left, c->left_cap);
	}
	if (n)
		memcpy(c->left, p, n);
	c->left_n = n;
}

static void conn_read(struct load *l, struct conn *c)
{
	struct err e = ERR_INIT;
	struct str rest;
	size_t total;
	ssize_t n;
	int rc;

	if (c->left_n)
		memcpy(l->in, c->left, c->left_n);
	n = read(c->fd, l->in + c->left_n, READ_ROOM);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		give_up(n ? strerror(errno) : "the broker closed a connection", NULL);
	l->now_us = l->heard_us = clock_mono_us();
	rest = (struct str){ l->in, c->left_n + (size_t)n };
	while (!(rc = frame_measure(rest, &total, &e))) {
		answered(l, c, (char *)(uintptr_t)rest.p, total);
		rest = str_skip(rest, total);
	}
	if (rc != TQ_ENOTYET)
		give_up("what came back is no frame", &e);
	keep(c, rest.p, rest.n);
}

/* ---- the loop ---- */

/* Until the next thing is due: at most 100 ms, so that stopping is noticed. */
static int wait_for(struct load *l, struct epoll_event *ev, int max)
{
	struct timespec ts = { 0, 100000000 };
	int64_t us;

	if (l->o.rate && may_issue(l)) {
		us = l->begin_us + l->due * 1000000 / l->o.rate - clock_mono_us();
		ts.tv_nsec = MIN(MAX(us, 0), 100000) * 1000;
	}
	return epoll_pwait2(l->epoll, ev, max, &ts, NULL);
}

static bool done(const struct load *l)
{
	if (l->o.pull)
		return !l->in_flight;
	if (may_issue(l))
		return false;
	for (int64_t i = 0; l->o.oneway && i < l->n_conns; i++)
		if (l->conns[i].out_n)
			return false;
	return !l->in_flight;
}

static void turn(struct load *l)
{
	struct epoll_event ev[256];
	int n = wait_for(l, ev, ARRAY_LEN(ev));

	l->now_us = clock_mono_us();
	for (int i = 0; i < n; i++) {
		struct conn *c = ev[i].data.ptr;

		if (ev[i].events & ~(unsigned)EPOLLOUT)
			conn_read(l, c);
		refill(l, c);
	}
	if (l->o.rate)
		issue_due(l);
	if (l->in_flight && l->now_us > l->heard_us + SILENCE_US)
		give_up("the broker stopped answering", NULL);
	if (l->stop_us && l->now_us > l->stop_us + DRAIN_US) {
		l->errors += l->in_flight;
		l->in_flight = 0;
	}
}

static void run(struct load *l)
{
	l->begin_us = l->now_us = l->heard_us = clock_mono_us();
	l->count_from_us = l->begin_us + l->o.warmup_ms * 1000;
	if (l->o.duration_ms)
		l->stop_us = l->count_from_us + l->o.duration_ms * 1000;
	for (int64_t i = 0; i < l->n_conns; i++)
		refill(l, &l->conns[i]);
	if (l->o.rate)
		issue_due(l);
	while (!done(l))
		turn(l);
}

static void report(const struct load *l)
{
	int64_t end = l->o.oneway ? l->now_us : MAX(l->last_us, l->count_from_us);
	double seconds = (double)(end - l->count_from_us) / 1e6;

	printf("{\"msgs\":%lld,\"seconds\":%.3f,\"rate\":%.0f,", (long long)l->msgs, seconds,
		seconds > 0 ? (double)l->msgs / seconds : 0);
	hist_print(&l->hist);
	printf(",\"errors\":%lld,\"keys\":\"%.*s\",\"first_key\":%llu}\n", (long long)l->errors,
		32 - KEY_DIGITS, frame_key_prefix(), (unsigned long long)l->first_key);
}

/* ---- the route, when no broker was given ---- */

static const cJSON *first(const cJSON *o, const char *key)
{
	return cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(o, key), 0);
}

/* Address of the first master, and the number of queues if it was left open. */
static void ask_route(struct opts *o)
{
	struct client_opts co = { 0 };
	struct client *client = client_new(&co);
	struct err e = ERR_INIT;
	const cJSON *addrs;
	struct command rq;
	struct reply *rp;
	const char *addr;
	cJSON *doc;

	command_init(&rq, REQ_GET_ROUTEINFO_BY_TOPIC);
	command_add(&rq, "topic", str_of(o->topic));
	if (client_call(client, o->namesrv, &rq, 5000, &rp, &e))
		give_up("route", &e);
	if (rp->cmd.code != RESP_SUCCESS || json_parse(rp->cmd.body, JSON_LOOSE, &doc, &e))
		give_up("the name server has no route of the topic", NULL);
	addrs = cJSON_GetObjectItemCaseSensitive(first(doc, "brokerDatas"), "brokerAddrs");
	addr = json_text(addrs, "0", NULL);
	if (!addr)
		give_up("the topic's broker has no master", NULL);
	if (!o->broker)
		o->broker = mem_str(addr);
	if (!o->queues)
		o->queues = json_int(first(doc, "queueDatas"), "writeQueueNums", 4);
	cJSON_Delete(doc);
	reply_free(rp);
	client_free(client);
}

/* A frame for each queue; of many topics one each, their queues in turn. */
static void make_frames(struct load *l)
{
	struct send_opts o = { l->o.topic, 0, l->o.size, l->o.batch, l->o.level, l->o.due_ms,
		l->o.oneway };

	l->frame_max = 4096;
	if (l->o.pull)
		return;
	l->n_frames = l->o.topics > 1 ? l->o.topics : l->o.queues;
	l->frames = mem_array((size_t)l->n_frames, sizeof(*l->frames));
	for (int64_t i = 0; i < l->n_frames; i++) {
		char *name = l->o.topics > 1 && i ? mem_fmt("%s-%lld", l->o.topic, (long long)i)
						  : mem_str(l->o.topic);

		o.topic = name;
		o.queue = i % l->o.queues;
		frame_make(&l->frames[i], &o);
		l->frame_max = MAX(l->frame_max, l->frames[i].n);
		mem_free(name);
	}
}

int main(int argc, char **argv)
{
	struct load *l = mem_alloc(sizeof(*l));

	kit_init("bench-load");

	l->o = parse(argc, argv);
	if (!l->o.broker || !l->o.queues)
		ask_route(&l->o);
	if (l->o.pull) {
		l->o.depth = 1;
		l->o.connections = MIN(l->o.connections, l->o.queues);
	}
	make_frames(l);
	l->n_conns = l->o.connections;
	l->conns = mem_array((size_t)l->n_conns, sizeof(*l->conns));
	l->in = mem_grow(NULL, FRAME_MAX + READ_ROOM);
	l->first_key = l->next_key = (uint64_t)clock_wall_ms() << 20;
	l->epoll = epoll_create1(0);
	raise_limit(l->n_conns + l->o.idle);
	for (int64_t i = 0; i < l->o.idle; i++)
		dial(l->o.broker);
	for (int64_t i = 0; i < l->n_conns; i++)
		conn_open(l, &l->conns[i], (int)i);
	run(l);
	report(l);
	return l->errors ? EXIT_FAILED : EXIT_DONE;
}
