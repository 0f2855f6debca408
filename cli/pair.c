/* SPDX-License-Identifier: Apache-2.0 */
/* pair: see pair.h. */
#include "pair.h"

#include "config.h"
#include "names.h"

static const char *describe(const char *context, const char *nameservers)
{
	return context ? context : nameservers;
}

static bool same_servers(struct admin *a, struct admin *b)
{
	const char *const *x, *const *y;
	size_t n = admin_nameservers(a, &x), m = admin_nameservers(b, &y);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			if (!strcmp(x[i], y[k]))
				return true;
	return false;
}

/* Makes another cluster the command's own. */
static int retarget(struct ctx *cx, const struct pair_args *a)
{
	struct config file;
	struct admin *to;
	int rc = ctx_other(cx, a->to_context, &a->to_nameservers, &file, &to);

	if (rc)
		return err_wrap(&cx->err, "the new cluster");
	admin_free(cx->admin);
	cx->admin = to;
	cx->context = file.context;
	cx->nameservers = file.nameservers;
	cx->read_only |= file.read_only;
	cx->protected = file.protected;
	return 0;
}

int pair_open(struct ctx *cx, const struct pair_args *a, struct pair *p)
{
	struct config file;
	int rc = 0;

	*p = (struct pair){ .cx = cx, .from_namespace = a->from_namespace };
	if (!a->from_context && !a->from_nameservers.n) {
		err_set(&cx->err, TQ_EUSAGE, "which is the old cluster?");
		return err_hint(&cx->err,
			"add --from-context NAME (see tdmqctl context list) or --from-nameserver "
			"HOST:PORT");
	}
	if (a->to_context || a->to_nameservers.n)
		rc = retarget(cx, a);
	if (!rc && ctx_other(cx, a->from_context, &a->from_nameservers, &file, &p->from))
		rc = err_wrap(&cx->err, "the old cluster");
	if (rc)
		return rc;
	p->from_name = describe(a->from_context, file.nameservers);
	p->to_name = describe(a->to_context ? a->to_context : cx->context, cx->nameservers);
	if (!same_servers(p->from, cx->admin))
		return 0;
	pair_release(p);
	err_set(&cx->err, TQ_EUSAGE, "the old and the new cluster have the same name server");
	return err_hint(&cx->err, "choose the new one with -C, -s, --to-context or "
				  "--to-nameserver");
}

void pair_release(struct pair *p)
{
	admin_free(p->from);
	p->from = NULL;
}

/* Where the group's name begins: behind %RETRY% and %DLQ%. */
static size_t prefix_of(struct str wire)
{
	if (names_is_retry(wire))
		return strlen(NAMES_RETRY);
	return names_is_dlq(wire) ? strlen(NAMES_DLQ) : 0;
}

static const char *rename_to(const struct pair *p, struct str wire, const char *space)
{
	size_t prefix = prefix_of(wire);
	struct str ns, name;
	struct buf b;

	names_split(str_skip(wire, prefix), &ns, &name);
	buf_init(&b, 4096);
	buf_add(&b, wire.p, prefix);
	names_join(&b, str_of(*space ? space : NAMES_DEFAULT_NS), name);
	return buf_move(&b, &p->cx->mem);
}

const char *pair_from_name(const struct pair *p, const char *wire)
{
	return p->from_namespace ? rename_to(p, str_of(wire), p->from_namespace) : wire;
}

const char *pair_to_name(const struct pair *p, const char *wire)
{
	struct str s = str_of(wire), ns, name;
	const char *space = p->from_namespace;

	if (!space)
		return wire;
	names_split(str_skip(s, prefix_of(s)), &ns, &name);
	if (!str_is(ns, *space ? space : NAMES_DEFAULT_NS))
		return NULL;
	return rename_to(p, s, p->cx->namespace);
}

int pair_whole(const struct pair *p, struct err *e)
{
	struct admin *const sides[] = { p->from, p->cx->admin };
	const struct skipped *s;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		s = admin_skipped(sides[i], &n);
		if (!n)
			continue;
		*e = s[0].err;
		err_wrap(e, "broker '%s' of the %s cluster", s[0].broker, i ? "new" : "old");
		return err_why(e, "an answer without it could be wrong");
	}
	return 0;
}
