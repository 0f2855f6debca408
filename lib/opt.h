/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opt: the command line as tables. One entry gives parsing, checks, help, the manual and
 * completion; parsing fills a struct of the caller, reached by offsetof, so tables are static
 * const and can be walked without running anything.
 *
 *	static const struct opt create_opts[] = {
 *		OPT_ENUM('t', "type", struct topic, type, topic_type_names, TOPIC_NORMAL,
 *			"its guarantees"),
 *		OPT_INT('q', "queues", "n", struct topic, queues, 1, 256, 3, "queues to spread over"),
 *		OPT_END
 *	};
 *	static const struct arg create_args[] = { ARG_NEW_TOPIC(struct topic, name), ARG_END };
 *
 *	struct opt_set sets[] = { { create_opts, &topic }, { global_opts, &global } };
 *	rc = opt_parse(sets, 2, create_args, argc, argv, &arena, e);
 *	if (!rc && OPT_GIVEN(&sets[0], struct topic, queues))
 *		...
 *
 * Grammar: flags before, between or after names; `--` ends flags; `--flag=value`, `--flag value`,
 * `-fvalue`, `-f value`; bundled short switches (-Aq); no abbreviations. `-` alone is a name.
 */
#ifndef TDMQ_OPT_H
#define TDMQ_OPT_H

#include "buf.h"
#include "err.h"
#include "mem.h"
#include "strv.h"

/* What a value names: how it is checked, and what completion offers. */
enum opt_names {
	NAMES_NONE, /* any text */
	NAMES_TOPIC, /* an existing one, also a wire name */
	NAMES_NEW_TOPIC,
	NAMES_GROUP,
	NAMES_NEW_GROUP,
	NAMES_NAMESPACE,
	NAMES_NEW_NAMESPACE,
	NAMES_BROKER,
	NAMES_FILE,
	NAMES_CONTEXT,
	NAMES_ENUM,
	NAMES_TASK,
	NAMES_ID, /* of a message or client: not completed */
};

enum opt_type {
	OPT_T_END,
	OPT_T_BOOL, /* bool */
	OPT_T_COUNT, /* int: how often it was given */
	OPT_T_STR, /* const char * */
	OPT_T_INT, /* int or int64_t */
	OPT_T_ENUM, /* int: index into names */
	OPT_T_MS, /* int64_t */
	OPT_T_BYTES, /* int64_t */
	OPT_T_RATE, /* double: per second, of "100/s", "6k/m", "50" */
	OPT_T_TIME, /* int64_t: ms since 1970 */
	OPT_T_LIST, /* struct strv: repeat or comma */
	OPT_T_KV, /* struct strv of "key=value": repeat */
};

enum opt_flags {
	OPT_ALONE = 1, /* as --help: missing names and other usage errors no longer matter */
	OPT_HIDDEN = 2, /* works, but help, manual and completion leave it out */
	OPT_UTC = 4, /* a switch: times without a zone are UTC, wherever it stands */
	OPT_SEMICOLON = 8, /* of a list: ';' separates too */
	OPT_BARE = 16, /* of key=value: the command says what is one, a comma is part of it */
};

struct opt {
	enum opt_type type;
	char letter; /* 0: none */
	const char *name; /* without "--" */
	const char *arg; /* name of the value in help, lower case; NULL for switches */
	size_t at, size; /* place and size of the member */
	int64_t min, max, absent; /* absent: value when not given */
	const char
		*absent_text; /* of OPT_T_STR: value; of others: how help shows the default */
	const char *const *names; /* of OPT_T_ENUM, NULL at the end */
	enum opt_names kind;
	unsigned flags; /* enum opt_flags */
	const char *help;
};

#define OPT_PLACE_(type, member) \
	.at = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define OPT_HEAD_(kind_, letter_, name_, arg_, struct_, member, help_) \
	.type = OPT_T_##kind_, .letter = (letter_), .name = (name_), .arg = (arg_), \
	.help = (help_), OPT_PLACE_(struct_, member)

#define OPT_BOOL(letter, name, type, member, help) \
	{ \
		OPT_HEAD_(BOOL, letter, name, NULL, type, member, help) \
	}
#define OPT_COUNT(letter, name, type, member, help) \
	{ \
		OPT_HEAD_(COUNT, letter, name, NULL, type, member, help) \
	}
/* A switch with enum opt_flags. */
#define OPT_SWITCH(letter, name, type, member, flags_, help) \
	{ \
		OPT_HEAD_(BOOL, letter, name, NULL, type, member, help), .flags = (flags_) \
	}
#define OPT_STR(letter, name, arg, type, member, help) \
	{ \
		OPT_HEAD_(STR, letter, name, arg, type, member, help) \
	}
#define OPT_STR_DEFAULT(letter, name, arg, type, member, absent_, help) \
	{ \
		OPT_HEAD_(STR, letter, name, arg, type, member, help), \
			.absent_text = (absent_) \
	}
/* A text that names something: NAMES_TOPIC ... */
#define OPT_NAME(letter, name, arg, type, member, kind_, help) \
	{ \
		OPT_HEAD_(STR, letter, name, arg, type, member, help), .kind = (kind_) \
	}
#define OPT_INT(letter, name, arg, type, member, min_, max_, absent_, help) \
	{ \
		OPT_HEAD_(INT, letter, name, arg, type, member, help), \
			.min = (min_), .max = (max_), .absent = (absent_) \
	}
#define OPT_ENUM(letter, name, type, member, names_, absent_, help) \
	{ \
		OPT_HEAD_(ENUM, letter, name, NULL, type, member, help), \
			.names = (names_), .absent = (absent_), .kind = NAMES_ENUM \
	}
#define OPT_MS(letter, name, type, member, min_, max_, absent_, help) \
	{ \
		OPT_HEAD_(MS, letter, name, "duration", type, member, help), \
			.min = (min_), .max = (max_), .absent = (absent_) \
	}
#define OPT_BYTES(letter, name, type, member, min_, max_, absent_, help) \
	{ \
		OPT_HEAD_(BYTES, letter, name, "size", type, member, help), \
			.min = (min_), .max = (max_), .absent = (absent_) \
	}
#define OPT_RATE(letter, name, type, member, help) \
	{ \
		OPT_HEAD_(RATE, letter, name, "rate", type, member, help) \
	}
/* absent: ms since 1970, as a rule 0 for "not given". */
#define OPT_TIME(letter, name, type, member, absent_, help) \
	{ \
		OPT_HEAD_(TIME, letter, name, "time", type, member, help), .absent = (absent_) \
	}
#define OPT_LIST(letter, name, arg, type, member, kind_, help) \
	{ \
		OPT_HEAD_(LIST, letter, name, arg, type, member, help), .kind = (kind_) \
	}
#define OPT_KV(letter, name, type, member, help) \
	{ \
		OPT_HEAD_(KV, letter, name, "key=value", type, member, help) \
	}
/* Repeated texts taken as they are; arg names one in help. */
#define OPT_TEXTS(letter, name, arg, type, member, help) \
	{ \
		OPT_HEAD_(KV, letter, name, arg, type, member, help), .flags = OPT_BARE \
	}
#define OPT_END \
	{ \
		.type = OPT_T_END \
	}

/* How many names stand there. */
enum arg_need {
	ARG_ONE, /* const char * */
	ARG_OPTIONAL, /* const char *: NULL if absent; only last */
	ARG_MANY, /* struct strv: one or more; only last */
	ARG_ANY, /* struct strv: none or more; only last */
};

struct arg {
	const char *name; /* in capitals; NULL ends the table */
	enum opt_names kind;
	enum arg_need need;
	size_t at, size;
	const char *const *names; /* of NAMES_ENUM, NULL at the end; the member is the text */
};

static inline bool arg_is_many(const struct arg *a)
{
	return a->need == ARG_MANY || a->need == ARG_ANY;
}

static inline bool arg_is_optional(const struct arg *a)
{
	return a->need == ARG_OPTIONAL || a->need == ARG_ANY;
}

#define ARG(need_, kind_, name_, type, member) \
	{ \
		.name = (name_), .kind = (kind_), .need = (need_), OPT_PLACE_(type, member) \
	}
#define ARG_CHOICE(need_, names_, name_, type, member) \
	{ \
		.name = (name_), .kind = NAMES_ENUM, .need = (need_), .names = (names_), \
		OPT_PLACE_(type, member) \
	}
#define ARG_NEW_TOPIC(type, member) ARG(ARG_ONE, NAMES_NEW_TOPIC, "TOPIC", type, member)
#define ARG_TOPIC(type, member) ARG(ARG_ONE, NAMES_TOPIC, "TOPIC", type, member)
#define ARG_TOPICS(type, member) ARG(ARG_MANY, NAMES_TOPIC, "TOPIC", type, member)
#define ARG_GROUP(type, member) ARG(ARG_ONE, NAMES_GROUP, "GROUP", type, member)
#define ARG_NEW_NAMESPACE(type, member) \
	ARG(ARG_ONE, NAMES_NEW_NAMESPACE, "NAMESPACE", type, member)
#define ARG_NAMESPACE(type, member) ARG(ARG_ONE, NAMES_NAMESPACE, "NAMESPACE", type, member)
#define ARG_FILE(type, member) ARG(ARG_ONE, NAMES_FILE, "FILE", type, member)
#define ARG_ID(type, member) ARG(ARG_ONE, NAMES_ID, "ID", type, member)
#define ARG_END \
	{ \
		.name = NULL \
	}

/* A table and what it fills. */
struct opt_set {
	const struct opt *opts;
	void *into; /* borrowed */
	bool *given; /* by index into opts; set by opt_parse, from its arena */
};

/*
 * Fills every member with its default, then with what argv says (argv[0] is the first word to
 * look at, not the program). Names go into sets[0].into. Strings are borrowed from argv or live
 * in the arena. TQ_EUSAGE with a hint when something is wrong.
 */
int opt_parse(struct opt_set *sets, size_t nsets, const struct arg *args, int argc, char **argv,
	struct arena *a, struct err *e) MUST_USE;
/* Whether the option that fills the member was given. */
bool opt_given_at(const struct opt_set *set, size_t at);
#define OPT_GIVEN(set, type, member) opt_given_at(set, offsetof(type, member))
bool opt_given(const struct opt_set *set, const char *name);

/*
 * Takes the first word that is neither a flag nor the value of one out of argv (*argc shrinks):
 * finds noun and verb behind global flags. NULL if there is none before "--". Values of flags
 * that are in no table cannot be told from words; they count as words.
 */
char *opt_take_word(const struct opt *global, int *argc, char **argv);

/* The word of `names` (NULL at the end) nearest to `word`, at most 2 edits away; NULL if none is. */
const char *opt_nearest(struct str word, const char *const *names);

/* Which of the words (NULL at the end) it is; TQ_EINVAL names them all and the nearest one. */
int opt_choose(const char *const *words, struct str s, int *out, struct err *e);

/* "TOPIC... [flags]" */
void opt_usage(struct buf *b, const struct arg *args, const struct opt *opts);
/* One or two lines an option, within 80 columns. */
void opt_help(struct buf *b, const struct opt *opts);
/* The same as mdoc: .It Fl ... */
void opt_describe_mdoc(struct buf *b, const struct opt *opts);
/* " Ar topic ...": the end of the macro line that names the command. */
void arg_describe_mdoc(struct buf *b, const struct arg *args);

/*
 * Completion: argv holds the words before the cursor, `word` the one begun. Flags and fixed
 * values that start with it are added to out as "text\thelp" (or "text"); for names the answer
 * says which kind to offer, and *value the part of `word` that is the name begun (as in --topic=or).
 */
enum opt_names opt_candidates(const struct opt_set *sets, size_t nsets, const struct arg *args,
	int argc, char **argv, const char *word, struct strv *out, struct str *value);

/*
 * What is wrong with tables that are used together, one complaint a line; nothing if all is well:
 * letters and names unique, help lower case, short and without a full stop, defaults within
 * bounds, members of the right size, optional and repeated names last. args may be NULL.
 */
void opt_check(const struct opt *const *tables, size_t n, const struct arg *args,
	struct buf *complaints);

#endif
