/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql92: the message filter of SQL92 subscriptions, as Apache RocketMQ 4.9.8 reads and evaluates it
 * (filter/.../SelectorParser.jj and expression/): three-valued, on the properties of a message.
 *
 *	struct sql *q;
 *
 *	rc = sql_parse(STR("region = 'eu' AND amount > 10"), &q, e);
 *	if (!rc && sql_matches(q, look_up, &message))
 *		... deliver ...
 *	sql_free(q);
 *
 * The grammar:
 *
 *	or      := and { OR and }
 *	and     := equal { AND equal }
 *	equal   := comp { "=" comp | "<>" comp | IS [NOT] NULL }
 *	comp    := unary { (">" | ">=" | "<" | "<=") unary
 *			 | [NOT] BETWEEN unary AND unary | [NOT] IN "(" string { "," string } ")" }
 *	unary   := "+" unary | "-" unary | NOT unary | primary
 *	primary := string | integer | float | TRUE | FALSE | NULL | name | "(" or ")"
 *
 * As Apache's, parsing ends where an expression ends: what follows is not looked at (sql_tail says
 * where that is), so `a > 1 garbage` is `a > 1`. There is no LIKE, no arithmetic, no `!=`.
 * A parsed filter is immutable and may be evaluated anywhere.
 */
#ifndef TDMQ_SQL92_H
#define TDMQ_SQL92_H

#include "err.h"
#include "str.h"

#define SQL_TEXT_MAX 8192 /* bytes of an expression */
#define SQL_DEPTH_MAX 64 /* parentheses and signs within each other */
#define SQL_NODES_MAX 1024 /* names, constants and operators */

struct sql;

/* TQ_EFILTER "line L, column C: ...". Copies the text. */
int sql_parse(struct str text, struct sql **out, struct err *e) MUST_USE;
void sql_free(struct sql *q);

/* Offset of the first byte that was not looked at; the length of the text if there is none. */
size_t sql_tail(const struct sql *q);

enum sql_truth {
	SQL_FALSE,
	SQL_TRUE,
	SQL_NULL,
	SQL_ERROR, /* a value that cannot be read as the other side's type: the whole is void */
};

/* The value of a property; STR_NONE if the message has none of that name. */
typedef struct str (*sql_lookup)(void *arg, struct str name);

enum sql_truth sql_eval(const struct sql *q, sql_lookup look_up, void *arg);
/* Only SQL_TRUE delivers. */
static inline bool sql_matches(const struct sql *q, sql_lookup look_up, void *arg)
{
	return sql_eval(q, look_up, arg) == SQL_TRUE;
}

#endif
