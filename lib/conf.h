/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf: settings as a table. One line of a .def file gives the struct member, its default, unit
 * and bounds, the key in the file, the environment variable and the flag, reload or restart, the
 * dump, the sample file and the manual.
 *
 *	config.def:
 *	CONF(INT,   port,      "port",        "10911", "0..65535",   0,           "port to listen on")
 *	CONF(MS,    idle_ms,   "client.idle", "2m",    "1s..1d",     CONF_RELOAD, "idle time ...")
 *	CONF(BYTES, body_max,  "message.max", "4Mi",   "1Ki..16Mi",  CONF_RELOAD, "largest body")
 *	CONF(ENUM,  flush,     "store.flush", "sync",  "sync|async", 0,           "when ...")
 *	CONF(BOOL,  dev,       "dev",         "off",   "",           0,           "...")
 *	CONF(STR,   data_dir,  "data",        "data",  "1..4096",    CONF_FILE,   "where ...")
 *	CONF(LIST,  names,     "nameservers", "",      "",           0,           "...")
 *
 *	config.h:
 *	enum flush { FLUSH_SYNC, FLUSH_ASYNC };	// the order of the bounds text
 *	struct config {
 *	#define CONF(kind, member, key, absent, bounds, flags, help) CONF_MEMBER_##kind(member)
 *	#include "config.def"
 *	#undef CONF
 *	};
 *
 *	config.c:
 *	static const struct conf_key keys[] = {
 *	#define CONF(kind, member, ...) CONF_KEY(struct config, kind, member, __VA_ARGS__),
 *	#include "config.def"
 *	#undef CONF
 *		CONF_END
 *	};
 *
 *	conf_init(&c, keys, &config, "BROKERD_");
 *	sets[1].opts = conf_opts(&c);			// --store.flush async, beside its own flags
 *	sets[1].into = conf_opts_into(&c);
 *	rc = opt_parse(sets, 2, ...);
 *	if (!rc)
 *		rc = conf_load(&c, file, &sets[1], e);	// default < file < environment < flag
 *
 * The file is YAML, nested or with dots in keys. Unknown keys and bad values are errors with
 * file, line and column.
 */
#ifndef TDMQ_CONF_H
#define TDMQ_CONF_H

#include "buf.h"
#include "err.h"
#include "json.h"
#include "opt.h"
#include "strv.h"

enum conf_kind {
	CONF_END_,
	CONF_STR, /* const char *; bounds: length */
	CONF_INT, /* int64_t */
	CONF_BOOL, /* bool; yes/no, on/off, true/false */
	CONF_ENUM, /* int: index into the words of bounds */
	CONF_MS, /* int64_t; "2m", "500ms" */
	CONF_BYTES, /* int64_t; "64Ki", "4Mi" */
	CONF_LIST, /* struct strv */
};

#define CONF_MEMBER_STR(member) const char *member;
#define CONF_MEMBER_INT(member) int64_t member;
#define CONF_MEMBER_BOOL(member) bool member;
#define CONF_MEMBER_ENUM(member) int member;
#define CONF_MEMBER_MS(member) int64_t member;
#define CONF_MEMBER_BYTES(member) int64_t member;
#define CONF_MEMBER_LIST(member) struct strv member;

enum conf_flags {
	CONF_RELOAD = 1, /* a changed value works without a restart */
	CONF_SECRET = 2, /* shown as *** */
	CONF_FILE = 4, /* names a file or directory: for completion */
	CONF_NO_FLAG = 8, /* no command line flag: secrets */
};

struct conf_key {
	enum conf_kind kind;
	const char *key;
	const char *absent; /* default, as it would be written */
	const char *bounds; /* "1s..1d", "sync|async", "" for none; either side may be empty */
	unsigned flags;
	const char *help;
	size_t at, size;
};

#define CONF_KEY(type, kind, member, key, absent, bounds, flags, help) \
	{ \
		CONF_##kind, key, absent, bounds, flags, help, offsetof(type, member), \
			sizeof(((type *)0)->member) \
	}
#define CONF_END \
	{ \
		CONF_END_, NULL, NULL, NULL, 0, NULL, 0, 0 \
	}

enum conf_origin { CONF_FROM_DEFAULT, CONF_FROM_FILE, CONF_FROM_ENV, CONF_FROM_FLAG };

struct conf {
	const struct conf_key *keys; /* borrowed */
	size_t n;
	void *into; /* borrowed: the struct that is filled */
	const char *env_prefix; /* borrowed; NULL: the environment does not count */
	enum conf_origin *origins; /* by index */
	const char **flags; /* by index: what the command line said */
	struct opt *opts;
	struct arena arena; /* holds all of the above and the strings of *into */
};

/* Fills *into with the defaults. */
void conf_init(struct conf *c, const struct conf_key *keys, void *into, const char *env_prefix);
void conf_release(struct conf *c); /* strings and lists of *into are gone after this */

/* The keys as an option table, each --key VALUE, and the place its values go to. */
const struct opt *conf_opts(struct conf *c);
void *conf_opts_into(struct conf *c);

/*
 * Defaults, then file (NULL: none), then environment, then flags (NULL: none). On failure *into
 * is as it was.
 */
int conf_load(
	struct conf *c, const char *file, const struct opt_set *flags, struct err *e) MUST_USE;
/* One value by hand, as if a flag had said so: for --dev and tests. */
int conf_set(struct conf *c, const char *key, const char *value, struct err *e) MUST_USE;

/*
 * Takes over from a freshly loaded conf of the same table what may change at run time. Keys that
 * changed are added to `changed`, those that wait for a restart to `restart`.
 */
void conf_adopt(
	struct conf *c, const struct conf *fresh, struct strv *changed, struct strv *restart);

/* One value as it would be written; false if there is no such key. */
bool conf_get(const struct conf *c, const char *key, struct buf *out);
/* "key: value" lines; loading them gives the same dump. only_changed: without defaults. */
void conf_dump(const struct conf *c, bool only_changed, struct buf *out);
void conf_sample(const struct conf *c, struct buf *out); /* the dump of defaults, commented */
void conf_describe_mdoc(const struct conf *c, struct buf *out); /* .It Ic key ... */
void conf_describe_json(const struct conf *c, struct jw *w);
/* What is wrong with the table, one complaint a line. */
void conf_check(const struct conf_key *keys, struct buf *complaints);

#endif
