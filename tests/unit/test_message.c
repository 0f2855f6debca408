/* SPDX-License-Identifier: Apache-2.0 */
/* message: the vectors of the store and the protocol, ids, hosts, batches, and lies. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <zlib.h>

#include "clock.h"
#include "hex.h"
#include "message.h"

/* Protocol, 10.1: topic T1, body hello, queue 2, queue offset 3, physical offset 1000. */
static const char record_t1[] =
	"00000068daa320a73610a6860000000200000000000000000000000300000000000003e80000000000000"
	"18bcfe568000a000001000013880000018bcfe568010a00000900002a9f00000000000000000000000000"
	"00000568656c6c6f0254310006544147530141";
/* Store, 1.2: the first record of a log, "hello 0" to TopicA; its 125 bytes of properties. */
static const char record_topic_a[] =
	"000000e5 daa320a7 20e809f1 00000001 00000000 0000000000000000 0000000000000000 00000000"
	"000001a20617ceeb 7f0000010000e730 000001a20617cf0b 7f000001000051af"
	"00000000 0000000000000000 00000007 68656c6c6f2030 06 546f70696341 007d";

static struct message sample(void)
{
	struct message m = { .queue_id = 2, .queue_off = 3, .phys_off = 1000 };
	struct err e = ERR_INIT;

	m.born_ms = 1700000000000;
	m.store_ms = 1700000000001;
	cr_assert_eq(host_parse(STR("10.0.0.1:5000"), &m.born, &e), 0);
	cr_assert_eq(host_parse(STR("10.0.0.9:10911"), &m.store, &e), 0);
	m.body = STR("hello");
	m.topic = STR("T1");
	m.properties = STR("TAGS\001A");
	return m;
}

static int decode(const char *p, size_t n, struct message *m)
{
	struct rd r = rd_init((struct str){ p, n });
	struct err e = ERR_INIT;
	int rc = message_decode(&r, m, &e);

	cr_assert_eq(!rc, !e.msg[0]);
	return rc;
}

Test(message, writes_the_vector)
{
	struct message m = sample();
	struct buf b;
	size_t n;
	char *want = unhex(record_t1, &n);

	buf_init(&b, 1024);
	message_encode(&b, &m);
	cr_assert_eq(message_size(&m), n);
	cr_assert(str_eq(buf_str(&b), (struct str){ want, n }));
	buf_release(&b);
	free(want);
}

Test(message, reads_the_vector)
{
	struct message m;
	char text[HOST_TEXT];
	size_t n;
	char *p = unhex(record_t1, &n);

	cr_assert_eq(decode(p, n, &m), 0);
	cr_assert_eq(m.size, 104);
	cr_assert_eq(m.magic, MESSAGE_MAGIC);
	cr_assert_eq(m.queue_id, 2);
	cr_assert_eq(m.queue_off, 3);
	cr_assert_eq(m.phys_off, 1000);
	cr_assert_eq(m.born_ms, 1700000000000);
	cr_assert_eq(m.store_ms, 1700000000001);
	cr_assert_str_eq(host_text(&m.born, text), "10.0.0.1:5000");
	cr_assert_str_eq(host_text(&m.store, text), "10.0.0.9:10911");
	cr_assert(str_is(m.body, "hello"));
	cr_assert(str_is(m.topic, "T1"));
	cr_assert(str_eq(m.properties, STR("TAGS\001A")));
	cr_assert(message_crc_ok(&m));
	m.body = STR("hellp");
	cr_assert(!message_crc_ok(&m));
	free(p);
}

Test(message, reads_the_record_of_an_apache_store)
{
	struct message m;
	struct buf b;
	size_t n;
	char *head = unhex(record_topic_a, &n);

	buf_init(&b, 1024);
	buf_add(&b, head, n);
	for (int i = 0; i < 125; i++)
		buf_putc(&b, 'p');
	cr_assert_eq(b.n, 0xe5);
	cr_assert_eq(decode(b.p, b.n, &m), 0);
	cr_assert(str_is(m.body, "hello 0"));
	cr_assert(str_is(m.topic, "TopicA"));
	cr_assert_eq(m.crc, 552077809);
	cr_assert(message_crc_ok(&m));
	cr_assert_eq(m.born.port, 0xe730);
	cr_assert_eq(m.store.port, 20911);
	buf_release(&b);
	free(head);
}

Test(message, the_crc_has_31_bits)
{
	cr_assert_eq(message_crc(STR("hello 0")), 552077809);
	cr_assert_eq(message_crc(STR("")), 0);
	cr_assert_eq(message_crc(STR_NONE), 0);
}

Test(message, carries_every_field_with_either_kind_of_host)
{
	static const char *const hosts[] = { "10.1.2.3:65535", "[2001:db8::1]:10911" };
	struct err e = ERR_INIT;
	char text[HOST_TEXT];

	for (int i = 0; i < 4; i++) {
		struct message m = sample(), d;
		struct buf b;

		cr_assert_eq(host_parse(str_of(hosts[i & 1]), &m.born, &e), 0);
		cr_assert_eq(host_parse(str_of(hosts[i >> 1]), &m.store, &e), 0);
		m.sysflag = SYSFLAG_COMPRESSED | SYSFLAG_TX_COMMIT | SYSFLAG_BORN_V6 |
			    SYSFLAG_STORE_V6;
		m.flag = -7;
		m.reconsume_times = 16;
		m.prepared_off = INT64_MAX;
		m.topic =
			STR("0123456789012345678901234567890123456789012345678901234567890123"
			    "456789012345678901234567890123456789012345678901234567890123456");
		buf_init(&b, 1024);
		message_encode(&b, &m);
		cr_assert_eq(b.n, message_size(&m));
		cr_assert_eq(decode(b.p, b.n, &d), 0, "hosts %d", i);
		cr_assert_str_eq(host_text(&d.born, text), hosts[i & 1]);
		cr_assert_str_eq(host_text(&d.store, text), hosts[i >> 1]);
		cr_assert_eq(d.sysflag & SYSFLAG_TX_MASK, SYSFLAG_TX_COMMIT);
		cr_assert_eq(!!(d.sysflag & SYSFLAG_BORN_V6), i & 1);
		cr_assert_eq(d.flag, -7);
		cr_assert_eq(d.reconsume_times, 16);
		cr_assert_eq(d.prepared_off, INT64_MAX);
		cr_assert(str_eq(d.topic, m.topic));
		cr_assert(str_eq(d.properties, m.properties));
		buf_release(&b);
	}
}

Test(message, reads_records_one_after_the_other)
{
	struct message m = sample();
	struct err e = ERR_INIT;
	struct buf b;
	struct rd r;
	int n = 0;

	buf_init(&b, 4096);
	for (; n < 5; n++) {
		m.queue_off = n;
		message_encode(&b, &m);
	}
	r = rd_init(buf_str(&b));
	for (n = 0; rd_left(&r); n++) {
		cr_assert_eq(message_decode(&r, &m, &e), 0, "%s", e.msg);
		cr_assert_eq(m.queue_off, n);
	}
	cr_assert_eq(n, 5);
	buf_release(&b);
}

Test(message, reads_the_long_topic_of_5x)
{
	struct message m = sample(), d;
	struct buf b;

	buf_init(&b, 1024);
	message_encode(&b, &m);
	buf_putc(&b, 0); /* room for the second byte of the length */
	memmove(b.p + 94, b.p + 93, b.n - 94);
	b.p[93] = 0;
	put_be32(b.p, (uint32_t)b.n);
	put_be32(b.p + 4, MESSAGE_MAGIC_V2);
	cr_assert_eq(decode(b.p, b.n, &d), 0);
	cr_assert(str_is(d.topic, "T1"));
	cr_assert(str_eq(d.properties, m.properties));
	buf_release(&b);
}

static const struct {
	const char *why;
	size_t at;
	uint32_t value; /* put there as four bytes */
} lies[] = {
	{ "size beyond the end", 0, 105 },
	{ "size of nothing", 0, 0 },
	{ "size below size and magic", 0, 7 },
	{ "size without the last byte", 0, 103 },
	{ "negative size", 0, 0xffffff00 },
	{ "filler", 4, MESSAGE_BLANK },
	{ "another magic", 4, 0xdaa320a8 },
	{ "the magic of 5.x without its topic", 4, MESSAGE_MAGIC_V2 },
	{ "IPv6 flags without the room", 36, SYSFLAG_BORN_V6 | SYSFLAG_STORE_V6 },
	{ "body beyond the record", 84, 200 },
	{ "negative body", 84, 0xffffffff },
	{ "body shorter than it is", 84, 4 },
	{ "topic beyond the record", 93, 0x7f543100 },
	{ "properties beyond the record", 95, 0x31ffff54 },
};

Test(message, refuses_lengths_that_lie)
{
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct message m;
		size_t n;
		char *p = unhex(record_t1, &n);

		put_be32(p + lies[i].at, lies[i].value);
		cr_expect_eq(decode(p, n, &m), TQ_EFORMAT, "%s", lies[i].why);
		free(p);
	}
}

Test(message, refuses_a_topic_java_would_take_for_negative)
{
	struct message m = sample(), d;
	char topic[128];
	struct buf b;

	memset(topic, 't', sizeof(topic));
	m.topic = (struct str){ topic, sizeof(topic) };
	buf_init(&b, 1024);
	message_encode(&b, &m);
	cr_assert_eq(decode(b.p, b.n, &d), TQ_EFORMAT);
	buf_release(&b);
}

static void touch(struct str s)
{
	unsigned sum = 0;

	for (size_t i = 0; i < s.n; i++)
		sum += (unsigned char)s.p[i];
	cr_assert(sum < UINT32_MAX);
}

Test(message, survives_cuts_at_each_byte_and_flips_of_each_bit)
{
	struct message m;
	size_t n;
	char *p = unhex(record_t1, &n);

	for (size_t cut = 0; cut < n; cut++) {
		char *part = malloc(cut + !cut);

		memcpy(part, p, cut);
		cr_assert_eq(decode(part, cut, &m), TQ_EFORMAT, "cut at %zu", cut);
		if (cut >= 4) {
			put_be32(part, (uint32_t)cut);
			cr_assert_eq(
				decode(part, cut, &m), TQ_EFORMAT, "shortened to %zu", cut);
		}
		free(part);
	}
	for (size_t bit = 0; bit < n * 8; bit++) {
		p[bit / 8] ^= (char)(1 << bit % 8);
		if (!decode(p, n, &m)) {
			touch(m.body);
			touch(m.topic);
			touch(m.properties);
			cr_assert_eq(message_size(&m), n, "bit %zu", bit);
		}
		p[bit / 8] ^= (char)(1 << bit % 8);
	}
	free(p);
}

/* ---- compression ---- */

static struct message deflated(struct str plain, char *room, size_t size)
{
	struct message m = { .sysflag = SYSFLAG_COMPRESSED };
	uLongf n = size;

	cr_assert_eq(compress((Bytef *)room, &n, (const Bytef *)plain.p, plain.n), Z_OK);
	m.body = (struct str){ room, n };
	return m;
}

Test(message, inflates_what_clients_deflate)
{
	static char plain[200000], room[250000];
	struct err e = ERR_INIT;
	struct message m;
	struct buf b;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (char)(i * i >> 7);
	m = deflated((struct str){ plain, sizeof(plain) }, room, sizeof(room));
	buf_init(&b, 1 << 20);
	buf_puts(&b, "front");
	cr_assert_eq(message_inflate(&m, &b, sizeof(plain), &e), 0, "%s", e.msg);
	cr_assert_eq(b.n, 5 + sizeof(plain));
	cr_assert_eq(memcmp(b.p + 5, plain, sizeof(plain)), 0);
	m.sysflag |= 0x300; /* zlib by its name of 4.9.4 */
	cr_assert_eq(message_inflate(&m, &b, sizeof(plain), &e), 0);
	buf_release(&b);
}

Test(message, inflates_up_to_a_limit_and_no_further)
{
	static char zeros[100000];
	struct err e = ERR_INIT;
	struct message m;
	char room[500];
	struct buf b;

	m = deflated((struct str){ zeros, sizeof(zeros) }, room, sizeof(room));
	buf_init(&b, 1 << 20);
	buf_puts(&b, "front");
	cr_assert_eq(message_inflate(&m, &b, sizeof(zeros) - 1, &e), TQ_ETOOBIG);
	cr_assert(str_is(buf_str(&b), "front"));
	buf_release(&b);
	buf_init(&b, 1000); /* its own ceiling */
	cr_assert_eq(message_inflate(&m, &b, sizeof(zeros), &e), TQ_ETOOBIG);
	cr_assert(buf_err(&b));
	buf_release(&b);
}

Test(message, a_stream_that_is_cut_or_bent_does_not_inflate)
{
	struct err e = ERR_INIT;
	struct message m;
	char room[500];
	struct buf b;
	size_t n;

	m = deflated(STR("some text, some text, some more text"), room, sizeof(room));
	n = m.body.n;
	buf_init(&b, 1 << 16);
	for (m.body.n = 0; m.body.n < n; m.body.n++)
		cr_expect_eq(
			message_inflate(&m, &b, 1000, &e), TQ_EFORMAT, "cut at %zu", m.body.n);
	m.body.n = n;
	room[n - 1] ^= 1;
	cr_assert_eq(message_inflate(&m, &b, 1000, &e), TQ_EFORMAT);
	cr_assert_eq(b.n, 0);
	buf_release(&b);
}

Test(message, a_body_that_is_not_compressed_comes_as_it_is)
{
	struct message m = { .body = STR("plain") };
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, 100);
	cr_assert_eq(message_inflate(&m, &b, 5, &e), 0);
	cr_assert(str_is(buf_str(&b), "plain"));
	cr_assert_eq(message_inflate(&m, &b, 4, &e), TQ_ETOOBIG);
	buf_release(&b);
}

Test(message, names_the_compression_it_does_not_know)
{
	static const char *const names[] = { "LZ4", "ZSTD" };
	struct message m = { .body = STR("x") };
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, 100);
	for (int i = 0; i < 2; i++) {
		m.sysflag = SYSFLAG_COMPRESSED | (i + 1) << 8;
		cr_assert_eq(message_inflate(&m, &b, 100, &e), TQ_EUNSUPPORTED);
		cr_assert_not_null(strstr(e.msg, names[i]));
	}
	m.sysflag = SYSFLAG_COMPRESSED | 0x700;
	cr_assert_eq(message_inflate(&m, &b, 100, &e), TQ_EUNSUPPORTED);
	buf_release(&b);
}

/* ---- batches ---- */

static const char batch_b0[] =
	"0000002f00000000000000000000000000000002623000174b455953016b02574149540174727565025441"
	"47530141";

Test(message, reads_and_writes_the_batch_vector)
{
	struct batch_item it;
	struct err e = ERR_INIT;
	struct buf b;
	struct rd r;
	size_t n;
	char *p = unhex(batch_b0, &n);

	r = rd_init((struct str){ p, n });
	cr_assert_eq(batch_next(&r, &it, &e), 0, "%s", e.msg);
	cr_assert_eq(rd_left(&r), 0);
	cr_assert_eq(it.flag, 0);
	cr_assert(str_is(it.body, "b0"));
	cr_assert(str_eq(it.properties, STR("KEYS\001k\002WAIT\001true\002TAGS\001A")));
	buf_init(&b, 100);
	batch_add(&b, &it);
	cr_assert(str_eq(buf_str(&b), (struct str){ p, n }));
	buf_release(&b);
	free(p);
}

Test(message, batches_survive_cuts_and_flips)
{
	struct batch_item it;
	size_t n;
	char *p = unhex(batch_b0, &n);

	for (size_t cut = 0; cut < n; cut++) {
		struct err e = ERR_INIT;
		char *part = malloc(cut + !cut);
		struct rd r = rd_init((struct str){ part, cut });

		memcpy(part, p, cut);
		cr_assert_eq(batch_next(&r, &it, &e), TQ_EFORMAT, "cut at %zu", cut);
		cr_assert(e.msg[0]);
		cr_assert_eq(rd_left(&r), 0, "a loop over elements ends");
		free(part);
	}
	for (size_t bit = 0; bit < n * 8; bit++) {
		struct rd r = rd_init((struct str){ p, n });

		p[bit / 8] ^= (char)(1 << bit % 8);
		while (rd_left(&r) && !batch_next(&r, &it, NULL)) {
			touch(it.body);
			touch(it.properties);
		}
		p[bit / 8] ^= (char)(1 << bit % 8);
	}
	free(p);
}

/* ---- ids and hosts ---- */

Test(message, offset_ids_say_host_and_offset)
{
	static const struct {
		const char *host, *id;
		int64_t off;
	} cases[] = {
		{ "10.0.0.9:10911", "0A00000900002A9F00000000000003E8", 1000 },
		{ "[2001:db8::1]:1", "20010DB80000000000000000000000010000000100000000000000FF",
			255 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = ERR_INIT;
		char id[MESSAGE_ID_MAX], text[HOST_TEXT];
		struct host h;
		int64_t off;

		cr_assert_eq(host_parse(str_of(cases[i].host), &h, &e), 0);
		message_offset_id(id, &h, cases[i].off);
		cr_assert_str_eq(id, cases[i].id);
		cr_assert_eq(message_offset_id_parse(str_of(id), &h, &off, &e), 0, "%s", e.msg);
		cr_assert_str_eq(host_text(&h, text), cases[i].host);
		cr_assert_eq(off, cases[i].off);
	}
}

Test(message, refuses_what_is_no_id)
{
	static const char *const bad[] = { "", "0A", "0A00000900002A9F00000000000003E",
		"0A00000900002A9F00000000000003E8A", "0A00000900002A9F00000000000003EG",
		"0A00000900012A9F00000000000003E8", /* port of 5 digits too many */
		"0A00000900002A9F80000000000003E8" /* negative offset */ };
	struct unique_id u;
	struct host h;
	int64_t off;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;

		cr_expect_eq(message_offset_id_parse(str_of(bad[i]), &h, &off, &e), TQ_EINVAL,
			"%s", bad[i]);
		cr_expect(e.msg[0]);
		if (i < 5)
			cr_expect_eq(
				message_unique_id_parse(str_of(bad[i]), 0, &u, &e), TQ_EINVAL);
	}
}

Test(message, unique_ids_tell_host_pid_and_time)
{
	int64_t now = 1763894400000; /* 2025-11-23 10:40 UTC */
	char id[MESSAGE_ID_MAX];
	struct err e = ERR_INIT;
	struct unique_id u, v;

	setenv("TZ", "UTC", 1);
	tzset();
	clock_test_set(now);
	message_unique_id(id);
	cr_assert_eq(strlen(id), 32);
	cr_assert_eq(message_unique_id_parse(str_of(id), now + 1, &u, &e), 0, "%s", e.msg);
	cr_assert_eq(u.ms, now);
	cr_assert_eq(u.pid, getpid() & 0xffff);
	cr_assert(!u.host.v6);
	message_unique_id(id);
	cr_assert_eq(message_unique_id_parse(str_of(id), now + 1, &v, &e), 0);
	cr_assert_eq(v.counter, u.counter + 1);
	clock_test_off();
}

Test(message, a_unique_id_from_the_future_is_of_last_month)
{
	int64_t first = 1761955200000; /* 2025-11-01 00:00 UTC */
	struct err e = ERR_INIT;
	struct unique_id u;

	setenv("TZ", "UTC", 1);
	tzset();
	/* lower case in the tail, as Go writes it; 0x9a7ec800 ms are 30 days */
	cr_assert_eq(message_unique_id_parse(
			     STR("0A0000091F90000000019a7ec80000ff"), first + 1000, &u, &e),
		0, "%s", e.msg);
	cr_assert_eq(u.ms, first - 86400000, "the 31st of October, 30 days after the 1st");
	cr_assert_eq(u.pid, 0x1f90);
	cr_assert_eq(u.counter, 255);
	cr_assert_eq(message_unique_id_parse(
			     STR("20010DB80000000000000000000000011F9000000001000003e80001"),
			     first + 1001, &u, &e),
		0);
	cr_assert(u.host.v6);
	cr_assert_eq(u.ms, first + 1000);
}

Test(message, hosts_are_literal_addresses)
{
	static const char *const good[] = { "10.0.0.1:5000", "0.0.0.0:0", "[::1]:65535" };
	static const char *const bad[] = { "", ":", ":1", "localhost:1",
		"10.0.0.1:", "10.0.0:1", "10.0.0.1:65536", "10.0.0.1:-1", "10.0.0.1:x", "[::1",
		"[::1]x", "[::1]:", "::1", "[10.0.0.1]:1", "[]:1",
		"[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:1" };
	char text[HOST_TEXT];
	struct host h;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		cr_assert_eq(host_parse(str_of(good[i]), &h, NULL), 0, "%s", good[i]);
		cr_assert_str_eq(host_text(&h, text), good[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;

		cr_expect_eq(host_parse(str_of(bad[i]), &h, &e), TQ_EINVAL, "'%s'", bad[i]);
		cr_expect(e.msg[0]);
	}
	cr_assert_eq(host_parse(STR("10.0.0.1"), &h, NULL), 0);
	cr_assert_eq(h.port, 0);
	cr_assert_eq(host_parse(STR("[::1]"), &h, NULL), 0);
	cr_assert_eq(host_parse(STR("10.0.0.1\0:5000"), &h, NULL), TQ_EINVAL);
}

Test(message, hosts_of_sockets_are_ipv4_where_they_can)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(81) };
	char text[HOST_TEXT];
	struct host h;

	inet_pton(AF_INET, "10.2.3.4", &in.sin_addr);
	h = host_from_sockaddr((struct sockaddr *)&in);
	cr_assert_str_eq(host_text(&h, text), "10.2.3.4:80");
	inet_pton(AF_INET6, "::ffff:10.2.3.4", &in6.sin6_addr);
	h = host_from_sockaddr((struct sockaddr *)&in6);
	cr_assert_str_eq(host_text(&h, text), "10.2.3.4:81");
	inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
	h = host_from_sockaddr((struct sockaddr *)&in6);
	cr_assert_str_eq(host_text(&h, text), "[fe80::1]:81");
}

Test(message, tags_hash_as_in_java)
{
	static const struct {
		const char *tag;
		int64_t code;
	} cases[] = {
		{ "TagA", 2598919 },
		{ "TopicA#key0", 641858178 },
		{ "\xe4\xb8\xad\xe6\x96\x87", 646394 },
		{ "\xf0\x9f\x98\x80", 1772899 },
		{ "polygenelubricants", INT32_MIN },
		{ "", 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cr_expect_eq(message_tags_code(str_of(cases[i].tag)), cases[i].code, "%s",
			cases[i].tag);
	cr_expect_eq(message_tags_code(STR_NONE), 0);
}
