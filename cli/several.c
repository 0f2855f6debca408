/* SPDX-License-Identifier: Apache-2.0 */
#include "several.h"

#define IMPACT_MAX 20 /* objects looked at one by one before the question */

size_t several_each(struct ctx *cx, const char *noun, const struct strv *names, several_fn fn,
	const void *arg, bool *ok)
{
	size_t done = 0;

	for (size_t i = 0; i < names->n; i++) {
		bool good = !fn(cx, arg, names->v[i]);

		if (!good)
			ctx_failed(cx, "%s/%s", noun, ctx_name(cx, names->v[i]));
		if (ok)
			ok[i] = good;
		done += good;
	}
	return done;
}

/* A command on its way. */
struct deleting {
	const struct deletion *d;
	const void *args;
	struct strv all, names; /* what there is, sorted; what is to go */
};

static void add_matching(struct ctx *cx, struct deleting *g, const char *match)
{
	for (size_t i = 0; i < g->all.n; i++) {
		struct str name = str_of(g->all.v[i]);

		if (ctx_shows(cx, name.p) && g->d->matches(name) &&
			str_glob(match, str_of(ctx_name(cx, name.p))) &&
			!strv_has(&g->names, name))
			strv_add(&g->names, name);
	}
}

static int ask(struct ctx *cx, const struct deleting *g)
{
	const struct strv *names = &g->names;
	const struct deletion *d = g->d;

	if (cx->set.dry_run)
		return 0;
	for (size_t i = 0; i < names->n; i++) {
		if (!strv_has_sorted(&g->all, names->v[i]))
			continue;
		if (names->n > IMPACT_MAX)
			ctx_note(cx, "%s/%s", d->noun, ctx_name(cx, names->v[i]));
		else if (d->impact(cx, names->v[i])) /* deleting it will say */
			err_clear(&cx->err);
	}
	if (names->n == 1)
		return ctx_confirm(
			cx, "delete %s '%s'%s?", d->noun, ctx_name(cx, names->v[0]), d->its);
	return ctx_confirm(cx, "delete %zu %ss%s?", names->n, d->noun, d->their);
}

static int delete_one(struct ctx *cx, const void *arg, const char *name)
{
	const struct deleting *g = arg;

	return strv_has_sorted(&g->all, name) ? g->d->delete (cx, g->args, name)
					      : g->d->missing(cx, name);
}

int several_delete(struct ctx *cx, const struct deletion *d, const struct strv *names,
	const char *match, const void *args)
{
	struct deleting g = { d, args, strv_in(&cx->mem), strv_in(&cx->mem) };
	size_t done;
	int rc;

	if (!names->n && !match)
		return err_set(&cx->err, TQ_EUSAGE, "%s or --match is needed", d->arg);
	rc = d->list(cx, &g.all);
	if (rc)
		return rc;
	strv_sort(&g.all);
	for (size_t i = 0; i < names->n; i++)
		strv_add(&g.names, str_of(names->v[i]));
	if (match)
		add_matching(cx, &g, match);
	if (g.names.n == 1 && !strv_has_sorted(&g.all, g.names.v[0])) /* nothing to ask about */
		return d->missing(cx, g.names.v[0]);
	rc = g.names.n ? ask(cx, &g) : 0;
	if (rc)
		return rc;
	done = several_each(cx, d->noun, &g.names, delete_one, &g, NULL);
	return ctx_result(cx, done, g.names.n - done);
}
