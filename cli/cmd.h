/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd: what a command is. A command is its function and its entry in the table of its group; a
 * group is one file and one line in groups.def. Parsing, checks by kind of argument, help, the
 * manual's synopsis, completion and the tests read the entry:
 *
 *	static int topic_describe(struct ctx *cx, const void *args);
 *
 *	const struct cmd cmd_topic[] = {
 *		{ "describe", "show all about a topic",
 *		  { ARG_TOPIC(struct topic, name) }, describe_opts, sizeof(struct topic),
 *		  topic_describe, 0, "topic describe orders" },
 *		CMD_END
 *	};
 *
 * The function gets a zeroed struct of `size` bytes, with options and arguments filled in, all of
 * it valid until it returns. Arguments that are names arrive checked and as wire names. It
 * returns 0 or a code of errors.def with the reason in cx->err; it never prints or exits itself.
 */
#ifndef TDMQCTL_CMD_H
#define TDMQCTL_CMD_H

#include "base.h"

struct ctx;
struct opt;

enum arg_kind {
	ARG_KIND_NONE,
	ARG_KIND_TEXT,
	ARG_KIND_TOPIC, /* wire name, as the current namespace has it; "ns%name" is taken as is */
	ARG_KIND_NEW_TOPIC, /* the same, checked against the rules for names people choose */
	ARG_KIND_GROUP,
	ARG_KIND_NEW_GROUP,
	ARG_KIND_NAMESPACE,
	ARG_KIND_NEW_NAMESPACE,
	ARG_KIND_BROKER,
	ARG_KIND_FILE, /* "-" is standard input */
	ARG_KIND_MESSAGE, /* a message id */
	ARG_KIND_WORD, /* one of `words` */
};

enum arg_flags {
	ARG_OPTIONAL = 1, /* may be left out: the member stays NULL */
	ARG_MANY = 2, /* the last one only: one or more, the member is a struct names */
};

struct names {
	const char **v;
	size_t n;
};

struct arg {
	const char *name; /* as help shows it: "TOPIC" */
	enum arg_kind kind;
	unsigned flags;
	size_t off; /* of the const char * (or struct names) in the args struct */
	const char *const *words; /* ARG_KIND_WORD: what it may be, NULL-terminated */
};

#define ARG_(text, kind, flags, type, member) \
	{ \
		text, ARG_KIND_##kind, flags, offsetof(type, member), NULL \
	}
#define ARG_TEXT(text, type, member) ARG_(text, TEXT, 0, type, member)
#define ARG_TOPIC(type, member) ARG_("TOPIC", TOPIC, 0, type, member)
#define ARG_NEW_TOPIC(type, member) ARG_("TOPIC", NEW_TOPIC, 0, type, member)
#define ARG_GROUP(type, member) ARG_("GROUP", GROUP, 0, type, member)
#define ARG_NEW_GROUP(type, member) ARG_("GROUP", NEW_GROUP, 0, type, member)
#define ARG_NAMESPACE(type, member) ARG_("NAMESPACE", NAMESPACE, 0, type, member)
#define ARG_NEW_NAMESPACE(type, member) ARG_("NAMESPACE", NEW_NAMESPACE, 0, type, member)
#define ARG_BROKER(type, member) ARG_("BROKER", BROKER, 0, type, member)
#define ARG_FILE(type, member) ARG_("FILE", FILE, 0, type, member)
#define ARG_MESSAGE(type, member) ARG_("ID", MESSAGE, 0, type, member)

enum cmd_flags {
	CMD_WRITES = 1, /* changes something: blocked by read-only, knows --dry-run */
	CMD_DESTROYS = 2, /* and asks first: --yes */
	CMD_LOCAL = 4, /* needs no server: cx->admin may be NULL */
	CMD_HIDDEN = 8, /* not in help */
	CMD_STREAMS = 16, /* rows leave as they come; no page, no sorting */
};

#define CMD_ARGS 3

struct cmd {
	const char *verb; /* "" : the noun alone is the command; NULL ends the table */
	const char *help; /* lower case, no full stop, fits a line */
	struct arg args[CMD_ARGS];
	const struct opt *opts; /* NULL: none of its own */
	size_t size; /* of the args struct; 0: none, the function gets NULL */
	int (*run)(struct ctx *cx, const void *args);
	unsigned flags;
	const char *
		example; /* without "tdmqctl "; further ones after '\n'; each is run by tests */
	const char *more; /* a paragraph for help and manual, may be NULL */
};

#define CMD_END \
	{ \
		NULL \
	}

struct cmd_group {
	const char *noun;
	const char *aliases; /* blank separated, may be "" */
	const char *help;
	const struct cmd *cmds;
};

#define GROUP(table, noun, aliases, help) extern const struct cmd cmd_##table[];
#include "groups.def"
#undef GROUP

extern const struct cmd_group cmd_groups[]; /* ends with a NULL noun */

/* By noun or alias; NULL if there is none. */
const struct cmd_group *cmd_group_find(const char *noun);
const struct cmd *cmd_find(const struct cmd_group *g, const char *verb);

#endif
