/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "message.h"
#include "names.h"
#include "props.h"

static const char *program_name = "bench";

void kit_init(const char *program)
{
	program_name = program;
}

void give_up(const char *what, const struct err *e)
{
	fprintf(stderr, "%s: %s%s%s\n", program_name, what, e ? ": " : "", e ? e->msg : "");
	exit(1);
}

int64_t number(const char *text, const char *what, int64_t min, int64_t max)
{
	struct err e = ERR_INIT;
	int64_t v = 0;

	if (str_to_i64(str_of(text), min, max, &v, what, &e))
		give_up(e.msg, NULL);
	return v;
}

int64_t span_ms(const char *text)
{
	struct err e = ERR_INIT;
	int64_t v = 0;

	if (str_to_ms(str_of(text), &v, &e))
		give_up(e.msg, NULL);
	return v;
}

int dial(const char *addr)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	char *host = mem_str(addr), *port = strrchr(host, ':');
	int fd, one = 1;

	if (!port)
		give_up("the broker's address must be host:port", NULL);
	*port++ = '\0';
	if (getaddrinfo(host, port, &hints, &list))
		give_up("the broker's address does not resolve", NULL);
	fd = socket(list->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen))
		give_up(strerror(errno), NULL);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	freeaddrinfo(list);
	mem_free(host);
	return fd;
}

void raise_limit(int64_t files)
{
	struct rlimit r;

	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < (rlim_t)files + 64) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

/* ---- what was measured ---- */

static size_t bucket_of(int64_t us)
{
	uint64_t v = us < 0 ? 0 : (uint64_t)us;
	int shift = v >> (HIST_SUB_BITS + 1) ? 63 - __builtin_clzll(v) - HIST_SUB_BITS : 0;
	size_t i = ((size_t)shift << HIST_SUB_BITS) + (size_t)(v >> shift);

	return MIN(i, (size_t)HIST_BUCKETS - 1);
}

static int64_t bucket_value(size_t i)
{
	size_t shift = i >> HIST_SUB_BITS ? (i >> HIST_SUB_BITS) - 1 : 0;

	return (int64_t)((i - (shift << HIST_SUB_BITS)) << shift);
}

void hist_add(struct hist *h, int64_t us)
{
	h->bucket[bucket_of(us)]++;
	h->n++;
	h->max = MAX(h->max, us);
}

int64_t hist_at(const struct hist *h, double part)
{
	int64_t left = (int64_t)((double)h->n * part);

	for (size_t i = 0; i < HIST_BUCKETS; i++) {
		left -= h->bucket[i];
		if (left < 0)
			return MIN(bucket_value(i), h->max);
	}
	return h->max;
}

void hist_print(const struct hist *h)
{
	printf("\"p50_us\":%lld,\"p99_us\":%lld,\"p999_us\":%lld,\"max_us\":%lld",
		(long long)hist_at(h, 0.5), (long long)hist_at(h, 0.99),
		(long long)hist_at(h, 0.999), (long long)h->max);
}

/* ---- frames made beforehand ---- */

void put_digits(char *p, uint64_t v, int n)
{
	while (n--) {
		p[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

void put_hex(char *p, uint64_t v, int n)
{
	while (n--) {
		p[n] = "0123456789ABCDEF"[v & 15];
		v >>= 4;
	}
}

/* One for the process, so that a key can be told from its number. */
static char unique_key[MESSAGE_ID_MAX];

const char *frame_key_prefix(void)
{
	if (!unique_key[0]) {
		message_unique_id(unique_key);
		memset(unique_key + 32 - KEY_DIGITS, 'F', KEY_DIGITS);
	}
	return unique_key;
}

/* Finds the digits that requests differ in. */
static void mark(struct frame *f, const struct send_opts *o)
{
	const char *at = memmem(f->p, f->n, "\"opaque\":", 9), *end = f->p + f->n;

	BUG_ON(!at);
	f->opaque_at = (size_t)(at - f->p) + 9;
	f->body_at = f->n - (size_t)o->size;
	f->key_at = mem_array((size_t)o->batch, sizeof(*f->key_at));
	for (at = f->p; (at = memmem(at, (size_t)(end - at), unique_key, 32)); at += 32) {
		BUG_ON(f->keys == (size_t)o->batch);
		f->key_at[f->keys++] = (size_t)(at - f->p) + 32 - KEY_DIGITS;
	}
}

static void message_properties(struct buf *b, const struct send_opts *o)
{
	char text[24];

	props_add(b, 0, PROP_UNIQ_KEY, str_of(frame_key_prefix()));
	props_add(b, 0, PROP_WAIT, STR("true"));
	snprintf(text, sizeof(text), "%lld", (long long)(o->level ? o->level : o->due_ms));
	if (o->level || o->due_ms)
		props_add(b, 0, o->level ? PROP_DELAY : PROP_START_DELIVER, str_of(text));
}

/* The body of a request, and the properties in its header. */
static void payload(const struct send_opts *o, struct buf *body, struct buf *properties)
{
	struct batch_item it = { 0 };
	char *fill = buf_reserve(body, (size_t)o->size);

	for (int64_t i = 0; i < o->size; i++)
		fill[i] = (char)('a' + i % 26);
	message_properties(properties, o);
	if (o->batch == 1) {
		body->n += (size_t)o->size;
		return;
	}
	it.body = (struct str){ mem_strn(fill, (size_t)o->size), (size_t)o->size };
	it.properties = (struct str){ mem_strn(properties->p, properties->n), properties->n };
	buf_clear(properties);
	props_add(properties, 0, PROP_WAIT, STR("true"));
	for (int64_t i = 0; i < o->batch; i++)
		batch_add(body, &it);
	mem_free((char *)(uintptr_t)it.body.p);
	mem_free((char *)(uintptr_t)it.properties.p);
}

void frame_make(struct frame *f, const struct send_opts *o)
{
	struct buf body, properties, out;
	char born[24], qid[24];
	struct command c;

	memset(f, 0, sizeof(*f));
	buf_init(&body, FRAME_MAX);
	buf_init(&properties, MESSAGE_MAX_PROPERTIES);
	buf_init(&out, FRAME_MAX);
	payload(o, &body, &properties);
	snprintf(born, sizeof(born), "%lld", (long long)clock_wall_ms());
	snprintf(qid, sizeof(qid), "%lld", (long long)o->queue);
	command_init(&c, o->batch > 1 ? REQ_SEND_BATCH_MESSAGE : REQ_SEND_MESSAGE_V2);
	c.language = LANG_JAVA;
	c.flag = o->oneway ? FLAG_ONEWAY : 0;
	c.opaque = OPAQUE_BASE;
	command_add(&c, "a", STR("bench-load"));
	command_add(&c, "b", str_of(o->topic));
	command_add(&c, "c", STR(NAMES_TEMPLATE));
	command_add(&c, "d", STR("8"));
	command_add(&c, "e", str_of(qid));
	command_add(&c, "f", STR("0"));
	command_add(&c, "g", str_of(born));
	command_add(&c, "h", STR("0"));
	command_add(&c, "i", buf_str(&properties));
	command_add(&c, "j", STR("0"));
	command_add(&c, "k", STR("false"));
	command_add(&c, "m", o->batch > 1 ? STR("true") : STR("false"));
	c.body = buf_str(&body);
	command_encode(&out, &c);
	if (buf_err(&out))
		give_up("a request would be larger than 16 MiB", NULL);
	f->p = buf_take(&out, &f->n);
	mark(f, o);
	buf_release(&body);
	buf_release(&properties);
}
