/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair: two clusters in one command: the one messages come from, and the command's own, where they
 * go from now on.
 *
 *	tdmqctl -C new migrate switch status --from-context old
 *
 * The old one is only read. --to-context chooses the command's own, as -C does. Topics and groups
 * have the same names on both sides; where they were moved into a namespace, --from-namespace says
 * which one they had.
 */
#ifndef TDMQCTL_PAIR_H
#define TDMQCTL_PAIR_H

#include "ctx.h"

struct pair_args {
	const char *from_context, *to_context, *from_namespace;
	struct strv from_nameservers, to_nameservers;
};

#define PAIR_OPTS(type, member) \
	OPT_NAME(0, "from-context", "name", type, member.from_context, NAMES_CONTEXT, \
		"context of the old cluster"), \
		{ OPT_HEAD_(LIST, 0, "from-nameserver", "list", type, member.from_nameservers, \
			  "or its name servers"), \
			.flags = OPT_SEMICOLON }, \
		OPT_NAME(0, "to-context", "name", type, member.to_context, NAMES_CONTEXT, \
			"context of the new cluster, if not the one in use"), \
		{ OPT_HEAD_(LIST, 0, "to-nameserver", "list", type, member.to_nameservers, \
			  "or its name servers"), \
			.flags = OPT_SEMICOLON }, \
		OPT_STR(0, "from-namespace", "name", type, member.from_namespace, \
			"the namespace names have there; '' for none")

struct pair {
	struct ctx *cx; /* borrowed; cx->admin is the new cluster */
	struct admin *from; /* owned */
	const char *from_name, *to_name; /* for people: context, or name servers */
	const char *from_namespace; /* NULL: as in the new cluster */
};

/* TQ_EUSAGE when the old one is not named, or is the new one. */
int pair_open(struct ctx *cx, const struct pair_args *a, struct pair *p) MUST_USE;
void pair_release(struct pair *p);
/* What a topic or group of the new cluster is called in the old one; also %RETRY% ones. */
const char *pair_from_name(const struct pair *p, const char *wire);
/* And the other way, for names of the old cluster; NULL: not of --from-namespace. */
const char *pair_to_name(const struct pair *p, const char *wire);
/* That nothing was left out because a broker of either side did not answer. */
int pair_whole(const struct pair *p, struct err *e) MUST_USE;

#endif
