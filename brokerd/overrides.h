/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overrides: what a request changed of the configuration (25, 318; overrides.def). A change is kept
 * in the catalog's texts and wins over file, environment and flags, at the next start too, until
 * it is taken back with an empty value.
 *
 *	rc = overrides_read(s, OVERRIDES_BROKER, name, value, &c, e);	nothing is changed yet
 *	if (!rc)
 *		rc = catalog_kv_put(catalog, STR(OVERRIDES_SPACE), c.name, c.text, ...);
 *	overrides_take(s, &c);						after the commit
 */
#ifndef TDMQ_OVERRIDES_H
#define TDMQ_OVERRIDES_H

#include "brokerd/config.h"
#include "mem.h"

/* Where the catalog keeps them: no request may write there by other ways. */
#define OVERRIDES_SPACE "brokerd/settings"

enum overrides_server { OVERRIDES_BROKER, OVERRIDES_NAMESRV };

struct overrides;

struct overrides_change {
	int index; /* of overrides.def */
	struct str name; /* the key in files; the arena's, as is the text */
	struct str text; /* of the value, as in files; STR_NONE: back to what the file says */
	int64_t value;
};

/* cfg is borrowed, and changed by what follows. */
struct overrides *overrides_new(struct config *cfg);
void overrides_free(struct overrides *s);
/*
 * One change, by Apache's name or ours. TQ_EDENIED: no such setting, or one that needs a restart;
 * TQ_EINVAL: not such a value.
 */
int overrides_read(const struct overrides *s, enum overrides_server server, struct str name,
	struct str value, struct arena *a, struct overrides_change *out, struct err *e);
bool overrides_any(const struct overrides *s); /* something is changed */
void overrides_take(struct overrides *s, const struct overrides_change *c);
/* What the catalog has, at the start; what cannot be read any more is logged and left. */
void overrides_load(struct overrides *s, struct str name, struct str text);
/* Around a reading of the file: the values it had given are back, then the changes are. */
void overrides_lift(struct overrides *s);
void overrides_lay(struct overrides *s);
/* Name and value of each, i from 0 until false; Apache's names and numbers where it has them. */
bool overrides_at(const struct overrides *s, enum overrides_server server, size_t i,
	struct str *name, struct buf *value, struct arena *a);
void overrides_describe_mdoc(struct buf *out); /* rows of a table: ours, Apache's, server */

#endif
