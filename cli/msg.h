/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg: how a stored message shows: as an item for out, or by a row format of the user's.
 */
#ifndef TDMQCTL_MSG_H
#define TDMQCTL_MSG_H

#include "ctx.h"
#include "message.h"

extern const struct view message_view;

/* How a body is shown. MSG_BODY_AUTO: text when it is UTF-8, else base64. */
enum msg_body {
	MSG_BODY_AUTO,
	MSG_BODY_RAW,
	MSG_BODY_TEXT,
	MSG_BODY_JSON,
	MSG_BODY_HEX,
	MSG_BODY_BASE64
};
extern const char *const msg_body_names[]; /* auto raw text json hex base64 NULL */

/* The id people know: the unique id of the producer, else the offset id. out: MESSAGE_ID_MAX. */
void msg_id(const struct message *m, char *out);
/* The body, inflated where it is compressed; in cx->mem. What cannot be inflated stays as it is. */
struct str msg_body(struct ctx *cx, const struct message *m);

/* The caller frees it with cJSON_Delete. broker may be NULL. */
cJSON *msg_item(
	struct ctx *cx, const struct message *m, const char *broker, enum msg_body body);

/*
 * --row-format: %t topic, %q queue, %b broker, %o offset, %i id, %k keys, %g tags, %p{NAME} property,
 * %s store time, %B born time, %v body (%v{hex} %v{base64} %v{json}), %l length, %r retries, %%;
 * \n \t \0 \\. TQ_EUSAGE for anything else. clean: what senders chose as table_clean() has it.
 */
int msg_format_check(const char *format, struct err *e);
void msg_format(struct ctx *cx, const char *format, const struct message *m, const char *broker,
	bool clean, struct buf *out);

#endif
