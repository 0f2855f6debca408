/* SPDX-License-Identifier: Apache-2.0 */
/* facts: how facts of tables are written in help texts and manuals. Used by opt and conf. */
#ifndef TDMQ_FACTS_H
#define TDMQ_FACTS_H

#include "buf.h"

/* 65536 as 64Ki: exact, reads back with str_to_bytes(). */
void facts_bytes(struct buf *b, int64_t v);
/* "sync, async": words up to a NULL. */
void facts_words(struct buf *b, const char *const *words);
/* A line of mdoc: capital first, full stop last, nothing roff would take for a request. */
void facts_sentence(struct buf *b, struct str s);
/* What is wrong with a help text, one complaint a line: lower case, short, without a full stop. */
void facts_check_help(const char *name, const char *help, struct buf *complaints);

#endif
