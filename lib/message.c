/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records are written field by field through one pointer, since the store builds each accepted
 * message this way; they are read through a cursor confined to the size the record claims, and
 * must fill that size exactly.
 */
#include "message.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "crc.h"
#include "zip.h"

/* ---- hosts ---- */

static size_t host_size(bool v6)
{
	return v6 ? 16 + 4 : 4 + 4;
}

const char *host_text(const struct host *h, char *buf)
{
	char ip[INET6_ADDRSTRLEN] = "";

	inet_ntop(h->v6 ? AF_INET6 : AF_INET, h->ip, ip, sizeof(ip));
	snprintf(buf, HOST_TEXT, h->v6 ? "[%s]:%u" : "%s:%u", ip, h->port);
	return buf;
}

struct host host_from_sockaddr(const struct sockaddr *sa)
{
	struct host h = { 0 };

	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)sa;

		memcpy(h.ip, &in->sin_addr, 4);
		h.port = ntohs(in->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)sa;
		bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		h.v6 = !mapped;
		memcpy(h.ip, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
		h.port = ntohs(in6->sin6_port);
	}
	return h;
}

int host_parse(struct str s, struct host *out, struct err *e)
{
	struct host h = { 0 };
	struct str ip = s, port = STR_NONE;
	char text[INET6_ADDRSTRLEN];
	int64_t v;
	int rc;

	h.v6 = s.n && s.p[0] == '[';
	if (h.v6) {
		port = str_skip(s, 1);
		if (!str_cut(&port, ']', &ip) || !port.p || (port.n && port.p[0] != ':'))
			goto bad;
		port = port.n ? str_skip(port, 1) : STR_NONE;
	} else if (port = s, !str_cut(&port, ':', &ip)) {
		goto bad;
	}
	if (ip.n >= sizeof(text))
		goto bad;
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(ip));
	if (strlen(text) != ip.n || inet_pton(h.v6 ? AF_INET6 : AF_INET, text, h.ip) != 1)
		goto bad;
	if (port.p) {
		rc = str_to_i64(port, 0, 65535, &v, "port", e);
		if (rc)
			return rc;
		h.port = (uint32_t)v;
	}
	*out = h;
	return 0;
bad:
	return err_set(e, TQ_EINVAL, "'" STR_FMT "' is not an address such as 10.0.0.1:10911",
		STR_ARG(s));
}

/* ---- records ---- */

size_t message_size(const struct message *m)
{
	return MESSAGE_FIXED + (m->born.v6 ? 12 : 0) + (m->store.v6 ? 12 : 0) + m->body.n +
	       m->topic.n + m->properties.n;
}

uint32_t message_crc(struct str body)
{
	return crc_32(body.n ? body.p : "", body.n) & 0x7fffffff;
}

static char *w16(char *p, uint16_t v)
{
	put_be16(p, v);
	return p + 2;
}

static char *w32(char *p, uint32_t v)
{
	put_be32(p, v);
	return p + 4;
}

static char *w64(char *p, uint64_t v)
{
	put_be64(p, v);
	return p + 8;
}

static char *wbytes(char *p, struct str s)
{
	if (s.n)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

static char *whost(char *p, const struct host *h)
{
	size_t n = h->v6 ? 16 : 4;

	memcpy(p, h->ip, n);
	return w32(p + n, h->port);
}

void message_write(char *p, const struct message *m)
{
	int32_t sysflag = m->sysflag & ~(SYSFLAG_BORN_V6 | SYSFLAG_STORE_V6);

	sysflag |= (m->born.v6 ? SYSFLAG_BORN_V6 : 0) | (m->store.v6 ? SYSFLAG_STORE_V6 : 0);
	p = w32(p, (uint32_t)message_size(m));
	p = w32(p, MESSAGE_MAGIC);
	p = w32(p, message_crc(m->body));
	p = w32(p, (uint32_t)m->queue_id);
	p = w32(p, (uint32_t)m->flag);
	p = w64(p, (uint64_t)m->queue_off);
	p = w64(p, (uint64_t)m->phys_off);
	p = w32(p, (uint32_t)sysflag);
	p = w64(p, (uint64_t)m->born_ms);
	p = whost(p, &m->born);
	p = w64(p, (uint64_t)m->store_ms);
	p = whost(p, &m->store);
	p = w32(p, (uint32_t)m->reconsume_times);
	p = w64(p, (uint64_t)m->prepared_off);
	p = w32(p, (uint32_t)m->body.n);
	p = wbytes(p, m->body);
	*p++ = (char)m->topic.n;
	p = wbytes(p, m->topic);
	p = w16(p, (uint16_t)m->properties.n);
	wbytes(p, m->properties);
}

void message_encode(struct buf *out, const struct message *m)
{
	size_t n = message_size(m);
	char *p = buf_reserve(out, n);

	if (!p)
		return;
	message_write(p, m);
	out->n += n;
	out->p[out->n] = '\0';
}

static struct host rd_host(struct rd *r, bool v6)
{
	struct host h = { .v6 = v6 };
	struct str ip = rd_bytes(r, host_size(v6) - 4);

	if (ip.n)
		memcpy(h.ip, ip.p, ip.n);
	h.port = rd_be32(r);
	return h;
}

/* Everything behind size and magic; a length with its top bit set is beyond any record. */
static void rd_fields(struct rd *r, struct message *m)
{
	struct str first = rd_bytes(r, 40), last;

	if (r->bad)
		return;
	m->crc = get_be32(first.p);
	m->queue_id = (int32_t)get_be32(first.p + 4);
	m->flag = (int32_t)get_be32(first.p + 8);
	m->queue_off = (int64_t)get_be64(first.p + 12);
	m->phys_off = (int64_t)get_be64(first.p + 20);
	m->sysflag = (int32_t)get_be32(first.p + 28);
	m->born_ms = (int64_t)get_be64(first.p + 32);
	m->born = rd_host(r, m->sysflag & SYSFLAG_BORN_V6);
	m->store_ms = (int64_t)rd_be64(r);
	m->store = rd_host(r, m->sysflag & SYSFLAG_STORE_V6);
	last = rd_bytes(r, 16);
	if (r->bad)
		return;
	m->reconsume_times = (int32_t)get_be32(last.p);
	m->prepared_off = (int64_t)get_be64(last.p + 4);
	m->body = rd_bytes(r, get_be32(last.p + 12));
	m->topic = rd_bytes(r, m->magic == MESSAGE_MAGIC_V2 ? rd_be16(r) : rd_u8(r));
	m->properties = rd_bytes(r, rd_be16(r));
}

int message_decode(struct rd *r, struct message *m, struct err *e)
{
	size_t at = r->off;
	struct str all;
	struct rd in;
	int rc;

	memset(m, 0, sizeof(*m));
	m->size = rd_be32(r);
	m->magic = rd_be32(r);
	if (!r->bad && m->magic != MESSAGE_MAGIC && m->magic != MESSAGE_MAGIC_V2) {
		rd_poison(r);
		return err_set(
			e, TQ_EFORMAT, "message record at byte %zu: magic %08x", at, m->magic);
	}
	if (m->size < 8)
		rd_poison(r);
	all = rd_bytes(r, m->size - 8);
	rc = rd_end(r, "message record", e);
	if (rc)
		return rc;
	in = rd_init(all);
	rd_fields(&in, m);
	if (m->magic == MESSAGE_MAGIC && m->topic.n > 127) /* a signed byte, to Java */
		rd_poison(&in);
	if (!in.bad && !rd_left(&in) && m->properties.n <= MESSAGE_MAX_PROPERTIES)
		return 0;
	rd_poison(r);
	return err_set(e, TQ_EFORMAT,
		"message record at byte %zu: its fields do not fill its %u bytes", at, m->size);
}

bool message_crc_ok(const struct message *m)
{
	return m->crc == message_crc(m->body);
}

/* ---- compression ---- */

int message_inflate(const struct message *m, struct buf *out, size_t max, struct err *e)
{
	static const char *const names[] = { "zlib", "LZ4", "ZSTD", "zlib" };
	int kind = (m->sysflag & SYSFLAG_COMPRESSION) >> 8;

	if (!(m->sysflag & SYSFLAG_COMPRESSED)) {
		if (m->body.n > max)
			return err_set(e, TQ_ETOOBIG, "message body: %zu bytes, more than %zu",
				m->body.n, max);
		buf_add_str(out, m->body);
		return buf_err(out) ? err_set(e, TQ_ETOOBIG, "message body: too large") : 0;
	}
	if (kind >= (int)ARRAY_LEN(names) || kind == 1 || kind == 2)
		return err_set(e, TQ_EUNSUPPORTED, "message body: compressed with %s",
			kind < (int)ARRAY_LEN(names) ? names[kind] : "an unknown method");
	if (zip_inflate(m->body, out, max, e))
		return err_wrap(e, "message body");
	return 0;
}

/* ---- batches ---- */

int batch_next(struct rd *r, struct batch_item *it, struct err *e)
{
	size_t at = r->off;
	uint32_t size = rd_be32(r);
	struct str all;
	struct rd in;
	int rc;

	if (size < 4)
		rd_poison(r);
	all = rd_bytes(r, size - 4);
	rc = rd_end(r, "batch element", e);
	if (rc)
		return rc;
	in = rd_init(all);
	rd_be32(&in); /* where a record has its magic and CRC */
	rd_be32(&in);
	it->flag = (int32_t)rd_be32(&in);
	it->body = rd_bytes(&in, rd_be32(&in));
	it->properties = rd_bytes(&in, rd_be16(&in));
	if (!in.bad && !rd_left(&in) && it->properties.n <= MESSAGE_MAX_PROPERTIES)
		return 0;
	rd_poison(r);
	return err_set(e, TQ_EFORMAT,
		"batch element at byte %zu: its fields do not fill its %u bytes", at, size);
}

void batch_add(struct buf *out, const struct batch_item *it)
{
	buf_be32(out, (uint32_t)(4 * 5 + it->body.n + 2 + it->properties.n));
	buf_be32(out, 0);
	buf_be32(out, 0);
	buf_be32(out, (uint32_t)it->flag);
	buf_be32(out, (uint32_t)it->body.n);
	buf_add_str(out, it->body);
	buf_be16(out, (uint16_t)it->properties.n);
	buf_add_str(out, it->properties);
}

/* ---- ids ---- */

/* The bytes behind an id: an address, and 12 more of either kind. */
#define ID_BYTES_MAX 28

/* Eight digits at once: each half byte in a byte of its own, and 7 more from A on. */
static uint64_t hex8(uint32_t v)
{
	uint64_t x = v;

	x = (x << 16 | x) & 0x0000ffff0000ffffu;
	x = (x << 8 | x) & 0x00ff00ff00ff00ffu;
	x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0fu;
	return x + 0x3030303030303030u +
	       ((x + 0x0606060606060606u) >> 4 & 0x0101010101010101u) * 7;
}

/* n is a multiple of four, as all that ids have. */
static void id_text(char *out, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 4)
		put_be64(out + 2 * i, hex8(get_be32(p + i)));
	out[2 * n] = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Lower case too: Go writes part of its ids so. Returns the count of bytes, 0 if it is no id. */
static size_t id_bytes(struct str id, unsigned char out[ID_BYTES_MAX])
{
	if (id.n != 32 && id.n != 56)
		return 0;
	for (size_t i = 0; i < id.n; i += 2) {
		int high = nibble(id.p[i]), low = nibble(id.p[i + 1]);

		if (high < 0 || low < 0)
			return 0;
		out[i / 2] = (unsigned char)(high << 4 | low);
	}
	return id.n / 2;
}

static int no_id(struct str id, struct err *e)
{
	return err_set(e, TQ_EINVAL, "'" STR_FMT "' is not a message id of 32 or 56 hex digits",
		STR_ARG(id));
}

void message_offset_id(char *out, const struct host *store, int64_t phys_off)
{
	unsigned char raw[ID_BYTES_MAX];
	char *end = whost((char *)raw, store);

	end = w64(end, (uint64_t)phys_off);
	id_text(out, raw, (size_t)(end - (char *)raw));
}

int message_offset_id_parse(struct str id, struct host *store, int64_t *phys_off, struct err *e)
{
	unsigned char raw[ID_BYTES_MAX];
	struct rd r = { (char *)raw, id_bytes(id, raw), 0, false };

	if (!r.n)
		return no_id(id, e);
	*store = rd_host(&r, r.n == ID_BYTES_MAX);
	*phys_off = (int64_t)rd_be64(&r);
	if (store->port > 65535 || *phys_off < 0)
		return err_set(e, TQ_EINVAL,
			"'" STR_FMT "' holds no port and offset of a broker", STR_ARG(id));
	return 0;
}

/* Midnight, local time, of the first day of the month of ms, `back` months before. */
static int64_t month_start(int64_t ms, int back)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	tm.tm_mon -= back;
	tm.tm_mday = 1;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

int message_unique_id_parse(struct str id, int64_t now_ms, struct unique_id *out, struct err *e)
{
	unsigned char raw[ID_BYTES_MAX];
	struct rd r = { (char *)raw, id_bytes(id, raw), 0, false };
	struct str ip;
	uint32_t span;

	if (!r.n)
		return no_id(id, e);
	memset(out, 0, sizeof(*out));
	out->host.v6 = r.n == ID_BYTES_MAX;
	ip = rd_bytes(&r, r.n - 12);
	memcpy(out->host.ip, ip.p, ip.n);
	out->pid = rd_be16(&r);
	rd_be32(&r); /* which copy of the client inside the process */
	span = rd_be32(&r);
	out->counter = rd_be16(&r);
	out->ms = month_start(now_ms, 0) + span;
	if (out->ms >= now_ms)
		out->ms = month_start(now_ms, 1) + span;
	return 0;
}

/*
 * What stays the same in all ids of a process: address, pid, and four random bytes where Java
 * puts the hash of its class loader. Without an address random bytes stand for it, as there.
 */
static struct {
	pthread_once_t once;
	unsigned char front[4 + 2 + 4];
	atomic_uint counter;
} maker = { .once = PTHREAD_ONCE_INIT };

static bool own_ipv4(unsigned char ip[4])
{
	struct ifaddrs *all, *a;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (a = all; a && !found; a = a->ifa_next) {
		const struct sockaddr_in *in = (const void *)a->ifa_addr;

		if (!in || in->sin_family != AF_INET || a->ifa_flags & IFF_LOOPBACK)
			continue;
		memcpy(ip, &in->sin_addr, 4);
		found = true;
	}
	freeifaddrs(all);
	return found;
}

static void maker_start(void)
{
	if (getrandom(maker.front, sizeof(maker.front), 0) != (ssize_t)sizeof(maker.front))
		BUG_ON("no random bytes");
	own_ipv4(maker.front);
	put_be16(maker.front + 4, (uint16_t)getpid());
}

void message_unique_id(char *out)
{
	unsigned char raw[16];
	int64_t now = clock_wall_ms();

	pthread_once(&maker.once, maker_start);
	memcpy(raw, maker.front, sizeof(maker.front));
	put_be32(raw + 10, (uint32_t)(now - month_start(now, 0)));
	put_be16(raw + 14, (uint16_t)atomic_fetch_add(&maker.counter, 1));
	id_text(out, raw, sizeof(raw));
}

/* ---- tags ---- */

int64_t message_tags_code(struct str tags)
{
	return str_java_hash(tags);
}
