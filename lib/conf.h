/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf: settings as a table. One line of a .def file gives the struct member, its default, unit
 * and bounds, the key in the file, the environment variable and the flag, reload or restart, the
 * dump, the sample file and the manual.
 *
 *	config.def:
 *	NUMBER(broker_port, 10911, 0, 65535, "port to listen on")
 *	TIME(idle_timeout, 120000, 1000, 86400000, "silence after which ...")
 *	CHOICE(flush, config_flush_names, FLUSH_SYNC, "when a message counts as stored")
 *	...
 *
 *	config.h:
 *	struct config {
 *	#define TEXT(member, absent, doc) CONF_TEXT_MEMBER(member)
 *	#define NUMBER(member, absent, min, max, doc) CONF_NUMBER_MEMBER(member)
 *	...
 *	#include "config.def"
 *	};
 *
 *	config.c:
 *	static const struct conf_key keys[] = {
 *	#define TEXT(member, absent, doc) CONF_TEXT(struct config, member, absent, 0, doc),
 *	#define NUMBER(member, absent, min, max, doc) \
 *		CONF_NUMBER(struct config, member, absent, min, max, 0, doc),
 *	...
 *	#include "config.def"
 *		CONF_END
 *	};
 *
 * The key is the member's name with dashes: idle-timeout in the file, BROKERD_IDLE_TIMEOUT in the
 * environment, --idle-timeout as a flag.
 *
 *	conf_init(&c, keys, &config, "BROKERD_");
 *	sets[1].opts = conf_opts(&c);			// --flush async, beside its own flags
 *	sets[1].into = conf_opts_into(&c);
 *	rc = opt_parse(sets, 2, ...);
 *	if (!rc)
 *		rc = conf_load(&c, file, &sets[1], e);	// default < file < environment < flag
 *
 * The file is YAML; `log: {level: info}` and log.level are the same as log-level. Unknown keys and
 * bad values are errors with file, line and column.
 */
#ifndef TDMQ_CONF_H
#define TDMQ_CONF_H

#include "buf.h"
#include "err.h"
#include "opt.h"
#include "strv.h"

enum conf_kind {
	CONF_T_END,
	CONF_T_TEXT, /* const char *, never NULL; min and max bound its length */
	CONF_T_NUMBER, /* int64_t */
	CONF_T_BOOL, /* bool; yes/no, on/off, true/false */
	CONF_T_CHOICE, /* int: index into names */
	CONF_T_TIME, /* int64_t ms; "2m", "500ms" */
	CONF_T_BYTES, /* int64_t; "64Ki", "4Mi" */
	CONF_T_LIST, /* struct strv; a list, or text with commas */
};

enum conf_flags {
	CONF_RELOAD = 1, /* a changed value works without a restart */
	CONF_SECRET = 2, /* shown as *** */
	CONF_FILE = 4, /* names a file or directory: for completion */
	CONF_NO_FLAG = 8, /* no command line flag: secrets */
};

struct conf_key {
	enum conf_kind kind;
	const char *member; /* the key with '_' for '-' */
	size_t at, size;
	const char *text; /* default of texts and lists */
	int64_t absent, min, max;
	const char *const *names; /* of choices, NULL at the end */
	unsigned flags; /* enum conf_flags */
	const char *doc;
};

#define CONF_TEXT_MEMBER(member) const char *member;
#define CONF_NUMBER_MEMBER(member) int64_t member;
#define CONF_BYTES_MEMBER(member) int64_t member;
#define CONF_TIME_MEMBER(member) int64_t member; /* ms */
#define CONF_BOOL_MEMBER(member) bool member;
#define CONF_CHOICE_MEMBER(member) int member;
#define CONF_LIST_MEMBER(member) struct strv member;

#define CONF_KEY_(kind_, type, member_, flags_, doc_) \
	.kind = CONF_T_##kind_, .member = #member_, .at = offsetof(type, member_), \
	.size = sizeof(((type *)0)->member_), .flags = (flags_), .doc = (doc_)
#define CONF_TEXT(type, member, absent_, flags, doc) \
	{ \
		CONF_KEY_(TEXT, type, member, flags, doc), .text = (absent_), .max = 4096 \
	}
#define CONF_LIST(type, member, absent_, flags, doc) \
	{ \
		CONF_KEY_(LIST, type, member, flags, doc), .text = (absent_), .max = 4096 \
	}
#define CONF_NUMBER(type, member, absent_, min_, max_, flags, doc) \
	{ \
		CONF_KEY_(NUMBER, type, member, flags, doc), .absent = (absent_), \
							     .min = (min_), .max = (max_) \
	}
#define CONF_BYTES(type, member, absent_, min_, max_, flags, doc) \
	{ \
		CONF_KEY_(BYTES, type, member, flags, doc), .absent = (absent_), \
							    .min = (min_), .max = (max_) \
	}
#define CONF_TIME(type, member, absent_, min_, max_, flags, doc) \
	{ \
		CONF_KEY_(TIME, type, member, flags, doc), .absent = (absent_), .min = (min_), \
							   .max = (max_) \
	}
#define CONF_BOOL(type, member, absent_, flags, doc) \
	{ \
		CONF_KEY_(BOOL, type, member, flags, doc), .absent = (absent_), .max = 1 \
	}
#define CONF_CHOICE(type, member, names_, absent_, flags, doc) \
	{ \
		CONF_KEY_(CHOICE, type, member, flags, doc), .names = (names_), \
							     .absent = (absent_) \
	}
#define CONF_END \
	{ \
		.kind = CONF_T_END \
	}

enum conf_origin { CONF_FROM_DEFAULT, CONF_FROM_FILE, CONF_FROM_ENV, CONF_FROM_FLAG };

/* What the command line said of one key: the member its kind needs. */
struct conf_flag {
	const char *text;
	struct strv list;
	int64_t number;
	int choice;
	bool on, off;
};

struct conf {
	const struct conf_key *keys; /* borrowed */
	const char **names; /* by index: member with dashes */
	size_t n;
	void *into; /* borrowed: the struct that is filled */
	const char *env_prefix; /* borrowed; NULL: the environment does not count */
	enum conf_origin *origins; /* by index */
	struct conf_flag *flags; /* by index */
	struct opt *opts;
	struct arena arena; /* holds all of the above and the strings of *into */
};

/* Fills *into with the defaults. */
void conf_init(struct conf *c, const struct conf_key *keys, void *into, const char *env_prefix);
void conf_release(struct conf *c); /* strings and lists of *into are gone after this */

/* The keys as an option table, --key VALUE or --key and --no-key, and the place its values go to. */
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
 * One value of any kind but text and list, as a number: for settings that others keep. `into` is
 * the struct that holds it. Reading checks the bounds of the key.
 */
int64_t conf_key_get(const struct conf_key *k, const void *into);
void conf_key_put(const struct conf_key *k, void *into, int64_t v);
int conf_key_read(const struct conf_key *k, struct str text, int64_t *out, struct err *e);
void conf_key_text(const struct conf_key *k, int64_t v, struct buf *out);

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
/* What is wrong with the table, one complaint a line. */
void conf_check(const struct conf_key *keys, struct buf *complaints);

#endif
