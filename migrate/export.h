/* SPDX-License-Identifier: Apache-2.0 */
/*
 * export: writes metadata out: as an export file of our own, or as files of others.
 *
 *	struct export x;
 *
 *	export_init(&x, "huawei");
 *	export_source(&x, "region", "cn-east-3");
 *	cJSON_AddItemToObject(x.body, "topics", topics);
 *	export_incomplete(&x, "users", "PERMISSION_DENIED", "refused");
 *	rc = export_text(&x, EXPORT_OWN, &text, e);
 *	rc = rc ? rc : export_write("h.json", buf_str(&text), e);
 *	export_release(&x);
 *
 *	{"format":"tdmqctl-export/1","exportTime":..,"tool":"tdmqctl 0.1.0",
 *	 "source":{"kind":"huawei","region":..},	who was asked
 *	 "huawei":{..},					what it said, in its own words
 *	 "incomplete":[{"what","reason","message"}],	what it did not say
 *	 "counts":{"topics":..,"groups":..}}
 *
 * The file keeps the source's own names and values, so that an old file can be read by a program
 * that knows better; only secrets are left out: members whose names speak of secrets or passwords.
 */
#ifndef TDMQ_EXPORT_H
#define TDMQ_EXPORT_H

#include "source.h"

enum export_format {
	EXPORT_OWN,
	EXPORT_MQADMIN, /* metadata.json of mqadmin exportMetadata */
	EXPORT_COMBINED, /* rocketmq-metadata-export.json of export.sh */
	EXPORT_HUAWEI, /* Huawei Cloud's metadata export */
};
extern const char *const export_format_names[]; /* tdmqctl mqadmin combined huawei NULL */

struct export
{
	const char *kind; /* borrowed: name of the source, and of its body */
	cJSON *source, *body, *incomplete; /* owned */
	int64_t topics, groups; /* counts */
};

void export_init(struct export *x, const char *kind);
void export_release(struct export *x);
void export_source(
	struct export *x, const char *key, const char *value); /* NULL adds nothing */
/* A part that could not be read. */
void export_incomplete(
	struct export *x, const char *what, const char *reason, const char *message);
size_t export_n_incomplete(const struct export *x);

/* Takes secrets out of x->body. Appends the text with a line end. */
int export_text(
	struct export *x, enum export_format f, struct buf *out, struct err *e) MUST_USE;
/* What an inventory holds, in a format of others. */
int export_inventory(const struct inventory *inv, enum export_format f, struct buf *out,
	struct err *e) MUST_USE;
/* A file of mode 0600, whole or not at all; "-" is standard output. */
int export_write(const char *path, struct str text, struct err *e) MUST_USE;

#endif
