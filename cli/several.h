/* SPDX-License-Identifier: Apache-2.0 */
/*
 * several: commands that take several names go through them one by one; one that fails is reported
 * and stops no other.
 *
 *	static const struct deletion topics = { .noun = "topic", ..., .delete = delete_one };
 *
 *	return several_delete(cx, &topics, &a->names, a->match, a);
 */
#ifndef TDMQCTL_SEVERAL_H
#define TDMQCTL_SEVERAL_H

#include "ctx.h"

/* name: a wire name. */
typedef int (*several_fn)(struct ctx *cx, const void *arg, const char *name);

/* Calls fn for each name; returns for how many it went well. ok (by index) may be NULL. */
size_t several_each(struct ctx *cx, const char *noun, const struct strv *names, several_fn fn,
	const void *arg, bool *ok);

struct deletion {
	const char *noun; /* "topic" */
	const char *arg; /* "TOPIC": what is missing without names and --match */
	const char *its,
		*their; /* behind "delete topic 'x'" and "delete 3 topics"; may be "" */
	int (*list)(struct ctx *cx, struct strv *out); /* all there are; asked once */
	bool (*matches)(struct str name); /* whether --match may mean it */
	int (*missing)(struct ctx *cx, const char *name); /* the error, with its hint */
	int (*impact)(struct ctx *cx, const char *name); /* notes what goes with it */
	several_fn delete; /* of one that is there */
};

/*
 * The names and those of the current namespace that match (NULL: none): looks at all of them,
 * asks once, deletes each with args.
 */
int several_delete(struct ctx *cx, const struct deletion *d, const struct strv *names,
	const char *match, const void *args) MUST_USE;

#endif
