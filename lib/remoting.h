/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remoting: one command of the RocketMQ remoting protocol, both header encodings.
 *
 *	| length 4 | type 1 | header length 3 | header | body |
 *
 * (Apache RocketMQ 4.9.8, remoting/.../protocol/RemotingCommand.java, RocketMQSerializable.java.)
 * Reading is in place and allocates nothing: names and values are slices of the frame, escapes are
 * undone inside it. Values keep their text: a number or a bool of a C++ or Node client is the
 * token as it stood there, which is also what its signature covers.
 */
#ifndef TDMQ_REMOTING_H
#define TDMQ_REMOTING_H

#include "buf.h"
#include "codes.h"
#include "err.h"

#define FRAME_MAX (16u << 20) /* whole frame, length word included */
#define COMMAND_MAX_EXT 64 /* header fields; more is TQ_EFORMAT */

enum header_type { HEADER_JSON = 0, HEADER_BINARY = 1 };

struct ext {
	struct str key, value; /* borrowed from the frame, or from whoever built the command */
};

struct command {
	enum header_type type;
	int code, language, version, flag;
	int32_t opaque;
	struct str remark; /* STR_NONE: absent */
	struct ext ext[COMMAND_MAX_EXT];
	int n_ext;
	struct str body;
};

/*
 * What extFields looked like lately, by request code. Who reads many headers keeps one, zeroed at
 * first: see remoting.c.
 */
#define HINT_TEXT 32 /* longer names are read each time */
#define HINTS 24

struct header_hint {
	char text[HINT_TEXT]; /* "name":" as it stood there */
	uint8_t n; /* its length; 0: nothing is known from here on */
	uint64_t seen; /* kinds of names up to here */
};

struct header_hints {
	struct header_hint ext[8][HINTS];
};

/*
 * Looks at the first bytes of a stream. 0: a whole frame of *total bytes (length word included)
 * stands there. TQ_ENOTYET: more is needed; *total says how much once it is known, else 0.
 * TQ_EFORMAT: a length or type no frame can have; close the connection. TQ_ENOTYET sets no text
 * in e: it is the ordinary case.
 */
int frame_measure(struct str in, size_t *total, struct err *e);

/*
 * Reads a whole frame. It writes into it (escapes), and *c points into it. An ext field that is
 * null has a NULL value, like one that is absent; of equal names the last one counts. Values that
 * are objects or arrays, and more than COMMAND_MAX_EXT fields, are TQ_EFORMAT.
 */
int command_decode(char *frame, size_t total, struct command *c, struct err *e);
/* The same, quicker where headers look as the ones before; the result does not depend on them. */
int command_decode_hinted(char *frame, size_t total, struct command *c,
	struct header_hints *hints, struct err *e);

/* Appends the whole frame. Ext fields with a NULL value are left out. */
void command_encode(struct buf *out, const struct command *c);
/* All but the body, of which `body` bytes are going to follow: to lend them instead of copying. */
void command_encode_head(struct buf *out, const struct command *c, size_t body);

/* For building: a request with our language and version, opaque left 0. */
void command_init(struct command *c, int code);
/* key and value are borrowed until the command is encoded; value.p NULL is left out. */
void command_add(struct command *c, const char *key, struct str value);
/* The value; STR_NONE if absent. */
struct str command_ext(const struct command *c, const char *key);

#endif
