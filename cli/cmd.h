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
 * The function gets a struct of `size` bytes with options and arguments filled in (opt.h), all of
 * it valid until it returns. Names of topics and groups, as arguments and as options that name
 * them (OPT_NAME), arrive as wire names of the current namespace; "ns%name" is taken as it is.
 * The function returns 0 or a code of errors.def with the reason in cx->err; it never exits.
 */
#ifndef TDMQCTL_CMD_H
#define TDMQCTL_CMD_H

#include "opt.h"

struct ctx;

enum cmd_flags {
	CMD_WRITES = 1, /* changes something: blocked by read-only, knows --dry-run */
	CMD_DESTROYS = 2, /* and asks first: --yes */
	CMD_LOCAL = 4, /* needs no server: cx->admin may be NULL */
	CMD_HIDDEN = 8, /* not in help */
	CMD_STREAMS = 16, /* rows leave as they come; no page, no sorting */
};

#define CMD_ARGS 4 /* with the empty one at the end */

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
/* Its options; an empty table if it has none. */
const struct opt *cmd_opts(const struct cmd *c);
/* Whether the noun is the command, as in `tdmqctl version`. */
bool cmd_is_alone(const struct cmd_group *g);

#endif
