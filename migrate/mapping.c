/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mapping: see mapping.h for the two ways. Names from a source are any bytes of any length: what
 * is too long for every target is refused first, so that the rest works in small buffers.
 */
#include "base.h"
#include "mapping.h"

/* The parts of a source name; a '%' in front makes no namespace. */
static void split(struct str s, struct str *ns, struct str *name)
{
	const char *bar, *percent;

	bar = memchr(s.p, '|', s.n);
	if (bar && str_starts(s, STR("rocketmq-")))
		s = str_skip(s, (size_t)(bar - s.p) + 1);
	percent = s.n > 1 ? memchr(s.p + 1, '%', s.n - 1) : NULL;
	*ns = STR_NONE;
	*name = s;
	if (percent) {
		*ns = (struct str){ s.p, (size_t)(percent - s.p) };
		*name = str_skip(s, ns->n + 1);
	}
}

static struct str target_ns(const struct mapping *m, struct str ns)
{
	if (m->ns)
		return str_of(m->ns);
	if (!ns.p)
		ns = STR(NAMES_DEFAULT_NS);
	for (int i = 0; i < m->n_pairs; i++)
		if (str_is(ns, m->pairs[i].from))
			return str_of(m->pairs[i].to);
	for (size_t i = 0; i < m->n_spaces; i++)
		if (str_is(ns, m->spaces[i].from))
			return str_of(m->spaces[i].to);
	return ns;
}

static void copy(char *out, size_t max, struct str s)
{
	size_t n = MIN(s.n, max - 1);

	memcpy(out, s.p ? s.p : "", n);
	out[n] = '\0';
}

/* A plain Apache cluster knows whole names only. */
static enum reason check_wire(
	enum object_kind kind, struct str ns, struct str name, struct err *e)
{
	struct buf wire;
	int rc;

	buf_init(&wire, 512);
	names_join(&wire, ns, name);
	if (kind == OBJ_TOPIC)
		rc = names_check_wire_topic(buf_str(&wire), e);
	else
		rc = names_check_wire_group(buf_str(&wire), e);
	buf_release(&wire);
	return rc ? REASON_INVALID_NAME : REASON_NONE;
}

static enum reason check(const struct mapping *m, enum object_kind kind, struct str ns,
	struct str name, struct err *e)
{
	int rc;

	if (m->wire_names)
		return check_wire(kind, ns, name, e);
	if (names_check_namespace(ns, e))
		return REASON_INVALID_NAMESPACE;
	rc = kind == OBJ_TOPIC ? names_check_topic(name, e) : names_check_group(name, e);
	return rc ? REASON_INVALID_NAME : REASON_NONE;
}

/* Where a name goes on its way through the rules. */
struct way {
	struct buf ns_text, name_text; /* of what was made of it */
	struct str ns, name;
	bool renamed;
};

/* As the user wants it: a line of the file, else the first rule that matches. */
static void wanted(
	const struct mapping *m, enum object_kind kind, const char *source, struct way *w)
{
	const char *ns = NULL, *name = NULL;

	if (rename_lookup(m->rename, kind, source, &ns, &name)) {
		w->ns = ns ? str_of(ns) : w->ns;
		w->renamed = name && !str_is(w->name, name);
		w->name = name ? str_of(name) : w->name;
	} else if (rename_match(m->rename, w->name, &w->name_text)) {
		w->renamed = !str_eq(w->name, buf_str(&w->name_text));
		w->name = buf_str(&w->name_text);
	}
}

static void clean(enum object_kind kind, enum reason why, struct way *w)
{
	struct buf made;

	buf_init(&made, 512);
	rename_clean(why == REASON_INVALID_NAMESPACE ? OBJ_NAMESPACE : kind,
		why == REASON_INVALID_NAMESPACE ? w->ns : w->name, &made);
	if (why == REASON_INVALID_NAMESPACE) {
		buf_release(&w->ns_text);
		w->ns_text = made;
		w->ns = buf_str(&w->ns_text);
		return;
	}
	buf_release(&w->name_text);
	w->name_text = made;
	w->name = buf_str(&w->name_text);
	w->renamed = true;
}

enum reason mapping_apply(const struct mapping *m, enum object_kind kind, const char *source,
	struct target_name *out, struct err *e)
{
	struct way w = { .renamed = false };
	struct str s = str_of(source);
	enum reason r;

	if (s.n > 255) {
		err_set(e, TQ_EINVAL, "a name of %zu bytes", s.n);
		return REASON_INVALID_NAME;
	}
	buf_init(&w.ns_text, 1024);
	buf_init(&w.name_text, 1024);
	split(s, &w.ns, &w.name);
	w.ns = target_ns(m, w.ns);
	if (m->rename)
		wanted(m, kind, source, &w);
	r = check(m, kind, w.ns, w.name, e);
	for (int tries = 0; r && m->rename && m->rename->clean && tries < 2; tries++) {
		clean(kind, r, &w);
		if (e)
			err_clear(e);
		r = check(m, kind, w.ns, w.name, e);
	}
	if (!r) {
		copy(out->ns, sizeof(out->ns), w.ns);
		copy(out->name, sizeof(out->name), w.name);
		out->renamed = w.renamed;
	}
	buf_release(&w.ns_text);
	buf_release(&w.name_text);
	return r;
}

int mapping_parse_pair(const char *text, struct arena *mem, struct ns_pair *out, struct err *e)
{
	struct str to = str_of(text), from;
	int rc;

	str_cut(&to, '=', &from);
	if (!to.n || !from.n)
		return err_set(e, TQ_EUSAGE, "'%s': expected OLD=NEW", text);
	rc = names_check_namespace(to, e);
	if (rc)
		return rc;
	out->from = arena_strn(mem, from.p, from.n);
	out->to = arena_strn(mem, to.p, to.n);
	return 0;
}
