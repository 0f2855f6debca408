/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dispatch: from a command to its handler and back. A handler is a row of a table: the request
 * code, its header fields, the function. Before the function runs the fields are decoded,
 * bounded, canonicalised (topics and groups) and the request is permitted; when it returns the
 * request is counted and answered.
 *
 *	struct max_offset {
 *		struct str topic;
 *		int queue;
 *	};
 *
 *	static const struct field max_fields[] = {
 *		FIELD_TOPIC("topic", struct max_offset, topic, REQUIRED),
 *		FIELD_U32("queueId", struct max_offset, queue, REQUIRED),
 *		FIELD_END
 *	};
 *
 *	static int get_max(struct request *rq, const void *fields)
 *	{
 *		const struct max_offset *f = fields;
 *		...
 *		reply_i64(rq, "offset", max);
 *		return 0;
 *	}
 *
 *	const struct handler h_offset[] = {
 *		{ REQ_GET_MAX_OFFSET, max_fields, sizeof(struct max_offset), get_max, NEED_READ },
 *		HANDLER_END
 *	};
 *
 * A module of handlers is one line of handlers.def. The function returns 0 (answered with code 0
 * or reply_code(), the ext fields and the body it put) or what err_set(&rq->err, TQ_E...)
 * returned: code and remark of the answer come from there; rq->err.response overrules the code.
 * What it put before failing is still sent as ext fields, without the body.
 * One-way requests run like all others and are never answered.
 */
#ifndef TDMQ_DISPATCH_H
#define TDMQ_DISPATCH_H

#include "brokerd/acl.h"
#include "brokerd/conn.h"
#include "err.h"
#include "mem.h"
#include "remoting.h"

struct broker;
struct store_batch;
struct store_slice;

/* --- header fields ------------------------------------------------------------------------ */

enum field_type {
	FIELD_TYPE_END,
	FIELD_TYPE_STR,
	FIELD_TYPE_TOPIC, /* struct str, canonical wire name, checked */
	FIELD_TYPE_GROUP, /* likewise */
	FIELD_TYPE_I32, /* int */
	FIELD_TYPE_U32, /* int, not negative */
	FIELD_TYPE_I64, /* int64_t */
	FIELD_TYPE_BOOL, /* bool: true, TRUE, 1; everything else is false */
};

/* Missing, empty or unreadable: answered with code 1 and the field's name. */
#define REQUIRED 1u

struct field {
	const char *name; /* as it stands in extFields */
	uint8_t type, flags;
	uint16_t off;
	int absent; /* value of an optional number that is missing or unreadable */
	int (*check)(struct str value, struct err *e); /* of strings; may be NULL */
};

/* A member of another type than the field does not compile. */
#define FIELD_(name, t, st, m, ctype, flags, absent, check) \
	{ \
		name, t, (flags) + 0 * sizeof(&((st *)0)->m == (ctype *)0), offsetof(st, m), \
			absent, check \
	}
#define FIELD_STR(name, st, m, flags) \
	FIELD_(name, FIELD_TYPE_STR, st, m, struct str, flags, 0, NULL)
#define FIELD_STR_CHECK(name, st, m, flags, check) \
	FIELD_(name, FIELD_TYPE_STR, st, m, struct str, flags, 0, check)
#define FIELD_TOPIC(name, st, m, flags) \
	FIELD_(name, FIELD_TYPE_TOPIC, st, m, struct str, flags, 0, NULL)
#define FIELD_GROUP(name, st, m, flags) \
	FIELD_(name, FIELD_TYPE_GROUP, st, m, struct str, flags, 0, NULL)
#define FIELD_I32(name, st, m, flags) FIELD_(name, FIELD_TYPE_I32, st, m, int, flags, 0, NULL)
#define FIELD_U32(name, st, m, flags) FIELD_(name, FIELD_TYPE_U32, st, m, int, flags, 0, NULL)
#define FIELD_I64(name, st, m, flags) \
	FIELD_(name, FIELD_TYPE_I64, st, m, int64_t, flags, 0, NULL)
#define FIELD_BOOL(name, st, m, flags) \
	FIELD_(name, FIELD_TYPE_BOOL, st, m, bool, flags, 0, NULL)
/* Optional, with a value for "absent". */
#define FIELD_I32_OR(name, st, m, absent) \
	FIELD_(name, FIELD_TYPE_I32, st, m, int, 0, absent, NULL)
#define FIELD_I64_OR(name, st, m, absent) \
	FIELD_(name, FIELD_TYPE_I64, st, m, int64_t, 0, absent, NULL)
#define FIELD_BOOL_OR(name, st, m, absent) \
	FIELD_(name, FIELD_TYPE_BOOL, st, m, bool, 0, absent, NULL)
#define FIELD_END \
	{ \
		0 \
	}

/* --- handlers ----------------------------------------------------------------------------- */

/*
 * What a request asks for; who may do it is decided in one place (permit.h), from this column and
 * the FIELD_TOPIC and FIELD_GROUP fields that the request has. A handler author writes:
 *
 * - NEED_PUB, NEED_SUB, NEED_READ where all names are such fields: nothing else is to be done.
 * - NEED_ROLE where names stand in the body or in a record: any role comes through, and the
 *   handler asks for each name with request_permit_topic() or request_permit_group() before it
 *   acts on it. The same for a name that is found later, as the topic of a record.
 * - NEED_ADMIN for all that changes the cluster or concerns nobody but operators.
 *
 * NEED_READ without any name in the request is the administrator's as well. An allowed address
 * may do with any name what some role may, and no more than that but NEED_BROKER.
 */
enum need {
	NEED_UNSET,
	NEED_NOTHING, /* answered to everyone: routes */
	NEED_ROLE, /* any role; what else is needed the handler asks itself */
	NEED_PUB, /* writes to a topic: produce */
	NEED_SUB, /* reads a topic as a group: consume */
	NEED_READ, /* looks at a topic or group: either */
	NEED_BROKER, /* comes from another server: the administrator or an allowed address */
	NEED_ADMIN, /* changes the cluster */
};

struct request;
typedef int (*handler_fn)(struct request *rq, const void *fields);

#define HANDLER_FIELDS_MAX 512 /* bytes of a decoded struct */

struct handler {
	int code; /* REQ_... */
	const struct field *fields; /* NULL: none */
	size_t size; /* of the decoded struct, zeroed before decoding; 0: none */
	handler_fn fn; /* NULL ends a table */
	enum need need;
	unsigned flags;
};

#define HANDLER_END \
	{ \
		0 \
	}
/* Every handler of handlers.def, i from 0 until NULL. */
const struct handler *handler_at(size_t i);

/* --- one request -------------------------------------------------------------------------- */

#define REPLY_MAX_EXT 24

struct request {
	struct broker *broker;
	struct conn *conn; /* referenced while the request lives; may be closed meanwhile */
	const struct command *cmd; /* borrowed from the frame; NULL once parked */
	const struct handler *handler;
	struct acl_who who; /* whose request it is; not of a parked one */
	struct arena *arena; /* until the answer is encoded */
	struct buf *scratch; /* empty at first, for whatever; NULL once parked */
	struct err err;

	/* From the header, kept when parked. */
	int code, version, language;
	int32_t opaque;
	enum header_type type;
	bool oneway;

	/* The answer so far. */
	int response;
	struct str remark;
	struct ext ext[REPLY_MAX_EXT];
	int n_ext;
	char *body; /* owned */
	struct str body_part; /* borrowed */
	struct store_batch *batch; /* borrowed; slices are given to the connection */
	int64_t after; /* leaves when the log is safe up to here; 0: at the end of the turn */
	int64_t late_ms; /* leaves no sooner than so much from now, apart from `after` */
	struct request *parked; /* set by request_park() */
	bool left; /* set by request_leave() */
	struct arena own_arena; /* of a parked request */
};

/*
 * For names that are no fields: 0, or TQ_EDENIED in rq->err with a text for the client. need is
 * NEED_PUB, NEED_SUB or NEED_READ; names are canonical (body_name). Before the request is parked.
 */
int request_permit_topic(struct request *rq, enum need need, struct str topic) MUST_USE;
int request_permit_group(struct request *rq, enum need need, struct str group) MUST_USE;
/* For lists that show each what he may look at. */
bool request_sees_topic(struct request *rq, struct str topic);
bool request_sees_group(struct request *rq, struct str group);
/* The topic of the record at an offset of the log, which may be none: that is permitted. */
int request_permit_record(struct request *rq, enum need need, int64_t phys_off) MUST_USE;

/* Keys are string literals. Values are copied where they are not borrowed for long enough. */
void reply_code(struct request *rq, int response); /* other than 0 */
void reply_remark(struct request *rq, const char *fmt, ...) PRINTF(2, 3);
#define reply_i64(rq, key, v) reply_ext_i64(rq, STR(key), v)
#define reply_bool(rq, key, v) reply_ext(rq, STR(key), (v) ? STR("true") : STR("false"))
#define reply_str(rq, key, v) reply_ext_copy(rq, STR(key), v)
#define reply_lit(rq, key, v) reply_ext(rq, STR(key), STR(v)) /* v is a literal too */
void reply_ext(struct request *rq, struct str key, struct str v); /* borrows v as well */
void reply_ext_copy(struct request *rq, struct str key, struct str v);
void reply_ext_i64(struct request *rq, struct str key, int64_t v);
/* The bytes of b, which is empty afterwards. TQ_ETOOBIG in b is an error answer. */
void reply_body(struct request *rq, struct buf *b);
/* Borrowed: a literal, arena memory, or bytes that outlive the handler's return. */
void reply_body_str(struct request *rq, struct str s);
/* The records of a batch as body; the slices' references go to the connection. Takes b's slices. */
void reply_batch(struct request *rq, struct store_batch *b);
/* The answer promises that the log is safe up to end_off (store.h): it waits for that. */
void reply_after(struct request *rq, int64_t end_off);

/*
 * Answers later. The handler returns 0 and keeps the result; from any later turn of the loop it
 * is given an answer with the reply_* calls and ended with request_finish(parked, rc), exactly
 * once. rc as a handler returns it. If the connection is gone by then the answer is dropped;
 * request_gone() tells. What the parked request needs from the frame must have been copied
 * (parked->arena lives until request_finish).
 */
struct request *request_park(struct request *rq) MUST_USE;
bool request_gone(const struct request *rq);
void request_finish(struct request *rq, int rc);

/*
 * A request that waits among very many keeps only what its answer needs: request_leave() parks it
 * as that (the handler returns 0), request_again() makes the parked request of it, with an empty
 * arena. request_drop(): its connection is gone.
 */
struct request_left {
	struct conn *conn; /* referenced */
	int32_t opaque;
	uint16_t code, version;
	uint8_t language, type;
};

struct request_left request_leave(struct request *rq);
struct request *request_again(struct broker *b, const struct request_left *l) MUST_USE;
void request_drop(const struct request_left *l);

/* --- for broker and conn ------------------------------------------------------------------ */

struct dispatch;

/* The look-up tables of all handlers. */
struct dispatch *dispatch_new(void);
void dispatch_free(struct dispatch *d);
/* Runs one request that came in on c. */
void dispatch(struct broker *b, struct conn *c, const struct command *cmd);
/* What dispatch does before the handler: for tests. names_canonical() knows cluster_id. */
int fields_decode(const struct field *fields, const struct command *cmd, struct str cluster_id,
	struct arena *a, void *out, struct err *e);

#endif
