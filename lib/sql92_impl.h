/* SPDX-License-Identifier: Apache-2.0 */
/* sql92_impl: what the lexer, the parser and the evaluator of sql92 share. */
#ifndef TDMQ_SQL92_IMPL_H
#define TDMQ_SQL92_IMPL_H

#include "sql92.h"

/* ---- tokens ---- */

enum sql_token_kind {
	TOKEN_END,
	TOKEN_BAD, /* no token begins here */
	TOKEN_NAME,
	TOKEN_STRING,
	TOKEN_INTEGER,
	TOKEN_FLOAT,
	TOKEN_NOT,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_BETWEEN,
	TOKEN_IN,
	TOKEN_TRUE,
	TOKEN_FALSE,
	TOKEN_NULL,
	TOKEN_IS,
	TOKEN_EQUAL,
	TOKEN_NOT_EQUAL,
	TOKEN_GREATER,
	TOKEN_GREATER_EQUAL,
	TOKEN_LESS,
	TOKEN_LESS_EQUAL,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA,
	TOKEN_PLUS,
	TOKEN_MINUS,
};

struct sql_token {
	enum sql_token_kind kind;
	struct str text; /* as it stands there, strings with their quotes */
	size_t at;
};

/* The token at or behind *at, which moves behind it. */
struct sql_token sql_lex(struct str text, size_t *at);

/* ---- values and nodes ---- */

enum sql_kind { VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_LONG, VALUE_DOUBLE, VALUE_TEXT };

struct sql_value {
	enum sql_kind kind;
	union {
		bool b;
		int64_t i; /* VALUE_INT fits 32 bits */
		double d;
		struct str s;
	};
};

enum sql_op {
	OP_CONSTANT,
	OP_NAME,
	OP_NEGATE,
	OP_CAST, /* a name where a condition is due */
	OP_NOT,
	OP_AND,
	OP_OR,
	OP_EQUAL,
	OP_GREATER,
	OP_GREATER_EQUAL,
	OP_LESS,
	OP_LESS_EQUAL,
	OP_IN, /* left: the name; right: first OP_ITEM or -1 */
	OP_ITEM, /* value: a text of the list; right: the next one or -1 */
};

struct sql_node {
	enum sql_op op;
	int left, right; /* indices of nodes; -1: none */
	struct sql_value value; /* of OP_CONSTANT, OP_ITEM; the name of OP_NAME as text */
};

struct sql {
	char *text; /* owned; values point into it */
	size_t n_text, tail;
	struct sql_node *nodes; /* owned */
	int n, cap, root;
};

/* Java's order of doubles: NaN above all and equal to itself, -0.0 below 0.0. */
int sql_compare_doubles(double a, double b);

#endif
