/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change is a number that lies over the one that file, environment and flags gave; that one is
 * kept, so that the change can be taken away.
 */
#include "brokerd/overrides.h"

#include "log.h"

#define LOG_OVERRIDES "settings"

static const struct setting {
	const char *member, *apache;
	int64_t unit;
	enum overrides_server server;
} table[] = {
#define OVERRIDE(member, apache, unit, server) { #member, apache, unit, OVERRIDES_##server },
#include "brokerd/overrides.def"
};

struct overrides {
	struct config *cfg; /* borrowed */
	struct {
		const struct conf_key *key;
		bool changed;
		int64_t below, value; /* what the change hides, the change */
	} of[ARRAY_LEN(table)];
};

static const struct conf_key *find_key(const char *member)
{
	const struct conf_key *k = config_keys;

	while (k->kind != CONF_T_END && strcmp(k->member, member) != 0)
		k++;
	BUG_ON(k->kind == CONF_T_END || k->kind == CONF_T_TEXT || k->kind == CONF_T_LIST ||
		!(k->flags & CONF_RELOAD));
	return k;
}

struct overrides *overrides_new(struct config *cfg)
{
	struct overrides *s = mem_alloc(sizeof(*s));

	s->cfg = cfg;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		s->of[i].key = find_key(table[i].member);
	return s;
}

void overrides_free(struct overrides *s)
{
	mem_free(s);
}

/* --- names and values --- */

/* transaction_timeout is transaction-timeout in files. */
static bool is_member(struct str name, const char *member)
{
	size_t i = 0;

	for (; i < name.n && member[i]; i++) {
		if (name.p[i] != (member[i] == '_' ? '-' : member[i]))
			return false;
	}
	return i == name.n && !member[i];
}

/* *apache: by Apache's name, hence with its numbers. */
static int find(enum overrides_server server, struct str name, bool *apache, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		*apache = name.n && str_is(name, table[i].apache);
		if (table[i].server == server && (*apache || is_member(name, table[i].member)))
			return (int)i;
	}
	return err_set(e, TQ_EDENIED,
		"Can not update config '" STR_FMT
		"' of a running server: set it in its configuration file",
		STR_ARG(name));
}

static int read_apache(const struct setting *t, const struct conf_key *k, struct str text,
	int64_t *v, struct err *e)
{
	int rc;

	if (k->kind != CONF_T_TIME)
		return conf_key_read(k, text, v, e);
	rc = str_to_i64(text, 0, INT64_MAX / t->unit, v, "value", e);
	if (rc)
		return rc;
	*v *= t->unit;
	if (*v < k->min || *v > k->max)
		return err_set(e, TQ_EINVAL, "'" STR_FMT "' is out of bounds", STR_ARG(text));
	return 0;
}

static struct str text_of(const struct conf_key *k, int64_t v, struct arena *a)
{
	struct str out;
	struct buf b;

	buf_init(&b, 256);
	conf_key_text(k, v, &b);
	out = (struct str){ arena_strn(a, b.p, b.n), b.n };
	buf_release(&b);
	return out;
}

static struct str file_name(const struct setting *t, struct arena *a)
{
	char *name = arena_str(a, t->member);

	for (char *p = name; *p; p++)
		*p = *p == '_' ? '-' : *p;
	return str_of(name);
}

int overrides_read(const struct overrides *s, enum overrides_server server, struct str name,
	struct str value, struct arena *a, struct overrides_change *out, struct err *e)
{
	struct config would;
	bool apache;
	int i = find(server, name, &apache, e), rc;

	if (i < 0)
		return i;
	*out = (struct overrides_change){ i, file_name(&table[i], a), STR_NONE, 0 };
	if (!value.n)
		return 0;
	rc = apache ? read_apache(&table[i], s->of[i].key, value, &out->value, e)
		    : conf_key_read(s->of[i].key, value, &out->value, e);
	if (!rc) {
		would = *s->cfg;
		conf_key_put(s->of[i].key, &would, out->value);
		rc = config_check(&would, e);
	}
	if (rc)
		return err_wrap(e, STR_FMT, STR_ARG(name));
	out->text = text_of(s->of[i].key, out->value, a);
	return 0;
}

/* --- changes --- */

void overrides_take(struct overrides *s, const struct overrides_change *c)
{
	overrides_lift(s);
	s->of[c->index].changed = c->text.p != NULL;
	s->of[c->index].value = c->value;
	overrides_lay(s);
	log_info(LOG_OVERRIDES, STR_FMT ": " STR_FMT, STR_ARG(c->name),
		STR_ARG(c->text.p ? c->text : STR("as configured")));
}

bool overrides_any(const struct overrides *s)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (s->of[i].changed)
			return true;
	}
	return false;
}

void overrides_lift(struct overrides *s)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (s->of[i].changed)
			conf_key_put(s->of[i].key, s->cfg, s->of[i].below);
	}
}

void overrides_lay(struct overrides *s)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		s->of[i].below = conf_key_get(s->of[i].key, s->cfg);
		if (s->of[i].changed)
			conf_key_put(s->of[i].key, s->cfg, s->of[i].value);
	}
}

void overrides_load(struct overrides *s, struct str name, struct str text)
{
	struct err e = ERR_INIT;
	struct overrides_change c;
	struct arena a;
	int rc;

	arena_init(&a);
	rc = overrides_read(s, OVERRIDES_BROKER, name, text, &a, &c, &e);
	if (rc == TQ_EDENIED)
		rc = overrides_read(s, OVERRIDES_NAMESRV, name, text, &a, &c, &e);
	if (rc)
		log_warn(LOG_OVERRIDES, "a change of " STR_FMT " to '" STR_FMT "' is left: %s",
			STR_ARG(name), STR_ARG(text), e.msg);
	else
		overrides_take(s, &c);
	arena_release(&a);
}

bool overrides_at(const struct overrides *s, enum overrides_server server, size_t i,
	struct str *name, struct buf *value, struct arena *a)
{
	const struct setting *t = NULL;
	size_t at = 0;
	int64_t v;

	for (; at < ARRAY_LEN(table); at++) {
		if (table[at].server == server && !i--) {
			t = &table[at];
			break;
		}
	}
	if (!t)
		return false;
	v = conf_key_get(s->of[at].key, s->cfg);
	*name = t->apache[0] ? str_of(t->apache) : file_name(t, a);
	if (!t->apache[0])
		conf_key_text(s->of[at].key, v, value);
	else if (s->of[at].key->kind == CONF_T_BOOL)
		buf_puts(value, v ? "true" : "false");
	else
		buf_i64(value, v / t->unit);
	return true;
}

void overrides_describe_mdoc(struct buf *out)
{
	static const char *const servers[] = { "broker (25)", "name server (318)" };
	struct arena a;

	arena_init(&a);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		buf_addf(out, ".It Cm " STR_FMT " Ta ", STR_ARG(file_name(&table[i], &a)));
		if (table[i].apache[0])
			buf_addf(out, "%s%s", table[i].apache,
				table[i].unit == 3600000 ? " Pq hours" : "");
		else
			buf_puts(out, "\\(en");
		buf_addf(out, " Ta %s\n", servers[table[i].server]);
	}
	arena_release(&a);
}
