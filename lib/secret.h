/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret: passwords and tokens: made, read and written so that nobody else sees them. They are
 * never command line arguments, never logged, and wiped when they are not needed any more:
 *
 *	char *s = NULL;
 *
 *	rc = secret_read("file:/etc/mq/ops.key", &s, e);
 *	...
 *	secret_free(s);
 */
#ifndef TDMQ_SECRET_H
#define TDMQ_SECRET_H

#include "err.h"

#define SECRET_TEXT 44 /* of a made one: 258 random bits, with NUL */
#define SECRET_MAX 4096 /* bytes of a file */

/* A new one: letters, digits, '-' and '_'. */
void secret_make(char out[SECRET_TEXT]);
void secret_free(char *s); /* wiped; NULL is fine */

/* TQ_EPRECOND: no plain file, or others than its owner may get at what is in it. */
int secret_check_file(const char *path, struct err *e) MUST_USE;
/*
 * The first line of a file. TQ_ENOTFOUND when it is not there, TQ_EPRECOND when its group or
 * others may read it or it belongs to somebody else, TQ_EFORMAT when it is empty.
 */
int secret_read_file(const char *path, char **out, struct err *e) MUST_USE;
/* A file of mode 0600 that must not be there yet; what is there, a link too, is TQ_EEXIST. */
int secret_write_file(const char *path, const char *s, struct err *e) MUST_USE;
/*
 * From where a text says:
 *
 *	file:PATH	the first line of a file that nobody else may read
 *	env:NAME	a variable of the environment
 *	exec:CMD ARG	the first line a program prints within 10 s; no shell
 *	sh:COMMAND	the same through /bin/sh
 *	prompt		asked for on the terminal, not shown
 *
 * Anything else is TQ_EUSAGE.
 */
int secret_read(const char *where, char **out, struct err *e) MUST_USE;

#endif
