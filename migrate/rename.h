/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rename: other names for topics and groups of the source, as the user wants them. Off unless asked
 * for: a changed name means changed programs.
 *
 *	struct rename rn;
 *
 *	rename_init(&rn);
 *	rc = rename_rule(&rn, "orders-(.*)=\\1-orders", e);	// or "auto"
 *	rc = rename_file(&rn, "rename.csv", e);			// kind,source,namespace,name
 *	mapping.rename = &rn;
 *
 * A line of the file goes before the rules, the first rule that matches the whole name before the
 * others. What is not allowed then is cleaned if "auto" was given.
 */
#ifndef TDMQ_RENAME_H
#define TDMQ_RENAME_H

#include "mem.h"
#include "source.h"

struct rename_entry;
struct rename_rule;

struct rename {
	struct arena mem;
	struct rename_entry *entries; /* hash by kind and source */
	struct rename_rule *rules; /* list, in the order given */
	bool clean;
};

void rename_init(struct rename *rn);
void rename_release(struct rename *rn);
/* "RE=S": an extended regular expression for the whole name, \0 to \9 in S; or "auto". */
int rename_rule(struct rename *rn, const char *text, struct err *e) MUST_USE;
int rename_file(struct rename *rn, const char *path, struct err *e) MUST_USE;
int rename_text(struct rename *rn, const char *path, struct str text, struct err *e) MUST_USE;
/* What the file says of a source name; either may come back NULL: as it was. */
bool rename_lookup(const struct rename *rn, enum object_kind kind, const char *source,
	const char **ns, const char **name);
/* Appends the name a rule makes of this one; false: none does. */
bool rename_match(const struct rename *rn, struct str name, struct buf *out);
/*
 * Appends an allowed name for one that is not: '|' becomes '_', other characters '-'; too long ones
 * are cut and get 8 digits of their SHA-256, too short ones a prefix.
 */
void rename_clean(enum object_kind kind, struct str name, struct buf *out);

/* Appends a field of CSV, in quotes if it needs them. */
void rename_put_field(struct buf *b, const char *text);

#endif
