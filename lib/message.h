/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: the record as it is stored in the commit log and sent in pull, query and view answers
 * (Apache RocketMQ 4.9.8, store/.../CommitLog.java, common/.../message/MessageDecoder.java).
 *
 *	size 4 | magic 4 | crc 4 | queue id 4 | flag 4 | queue offset 8 | physical offset 8 |
 *	sysflag 4 | born time 8 | born host 8/20 | store time 8 | store host 8/20 |
 *	reconsume times 4 | prepared offset 8 | body 4+n | topic 1+n | properties 2+n
 */
#ifndef TDMQ_MESSAGE_H
#define TDMQ_MESSAGE_H

#include "buf.h"
#include "err.h"
#include "rd.h"

#define MESSAGE_MAGIC 0xDAA320A7u
#define MESSAGE_MAGIC_V2 0xDAA320ABu /* 5.x, topic length on two bytes: read, never written */
#define MESSAGE_BLANK 0xCBD43194u /* filler at the end of a commit log file */
#define MESSAGE_MAX_BODY (4 << 20)
#define MESSAGE_MAX_PLAIN (16 * MESSAGE_MAX_BODY) /* of a body after inflating */
#define MESSAGE_MAX_PROPERTIES 32767
#define MESSAGE_FIXED \
	91 /* bytes of a record without body, topic and properties, both hosts IPv4 */

enum sysflag {
	SYSFLAG_COMPRESSED = 0x1,
	SYSFLAG_MULTI_TAGS = 0x2,
	SYSFLAG_TX_PREPARED = 0x4,
	SYSFLAG_TX_COMMIT = 0x8,
	SYSFLAG_TX_ROLLBACK = 0xC,
	SYSFLAG_TX_MASK = 0xC,
	SYSFLAG_BORN_V6 = 0x10,
	SYSFLAG_STORE_V6 = 0x20,
	SYSFLAG_COMPRESSION = 0x700,
};

struct host {
	bool v6;
	uint8_t ip[16]; /* the first 4 bytes for IPv4, network order */
	uint32_t port;
};

struct message {
	uint32_t size, magic, crc; /* filled by decode; encode computes them */
	int32_t queue_id, flag, sysflag, reconsume_times;
	int64_t queue_off, phys_off, born_ms, store_ms, prepared_off;
	struct host born, store;
	struct str body, topic, properties; /* borrowed */
};

size_t message_size(const struct message *m);
/* Appends the record; the IPv6 bits of sysflag are set from the hosts. The caller checked sizes. */
void message_encode(struct buf *out, const struct message *m);
/* The same into exactly message_size(m) bytes at p. */
void message_write(char *p, const struct message *m);
/* Reads the record at the cursor, borrowing from it. TQ_EFORMAT: what and where. CRC unchecked. */
int message_decode(struct rd *r, struct message *m, struct err *e);
bool message_crc_ok(const struct message *m);
uint32_t message_crc(struct str body); /* CRC-32 & 0x7fffffff */
/* Body after inflating (zlib; TQ_EUNSUPPORTED for LZ4 and ZSTD), at most max bytes, appended. */
int message_inflate(const struct message *m, struct buf *out, size_t max, struct err *e);

/* One element of a batch body: | size 4 | 0 4 | 0 4 | flag 4 | body 4+n | properties 2+n | */
struct batch_item {
	int32_t flag;
	struct str body, properties;
};
/* The next one, while (rd_left(r)); TQ_EFORMAT as message_decode(). */
int batch_next(struct rd *r, struct batch_item *it, struct err *e);
void batch_add(struct buf *out, const struct batch_item *it);

/* Ids: upper-case hex, 32 characters for IPv4, 56 for IPv6. */
#define MESSAGE_ID_MAX 57 /* with NUL */
void message_offset_id(char *out, const struct host *store, int64_t phys_off);
/* TQ_EINVAL for what is no such id; its form alone does not tell it from a unique id. */
int message_offset_id_parse(
	struct str id, struct host *store, int64_t *phys_off, struct err *e);
struct unique_id {
	struct host host; /* no port */
	int pid;
	int64_t ms; /* wall clock of creation, exact for ids younger than a month */
	int counter;
};
/* now_ms decides which month the id's time belongs to; zone is the local one. */
int message_unique_id_parse(
	struct str id, int64_t now_ms, struct unique_id *out, struct err *e);
/* A new unique id as the Java client makes them. */
void message_unique_id(char *out);

/* "10.0.0.1:5000", "[::1]:5000"; buf of HOST_TEXT bytes. */
#define HOST_TEXT 64
const char *host_text(const struct host *h, char *buf);
struct sockaddr;
struct host host_from_sockaddr(const struct sockaddr *sa);
/* Literal addresses only, as host_text() writes them; without a port it is 0. TQ_EINVAL. */
int host_parse(struct str s, struct host *out, struct err *e);

/* Code of a tag in a consume queue unit: Java's hash, sign-extended; 0 without tag. */
int64_t message_tags_code(struct str tags);

#endif
