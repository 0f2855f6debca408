/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two passes. The first splits argv into hits (an option and its text) and names and remembers the
 * first mistake; the second turns the texts into values. So a switch that stands last can still
 * change how an earlier one is read (OPT_UTC) or make mistakes unimportant (OPT_ALONE).
 */
#include "opt_int.h"

#include <ctype.h>
#include <limits.h>

#include "clock.h"
#include "facts.h"
#include "names.h"
#include "when.h"

struct hit {
	struct opt_set *set;
	const struct opt *opt;
	const char *value; /* borrowed; NULL for switches */
};

struct parse {
	struct opt_set *sets;
	size_t nsets;
	struct hit *hits; /* room for every letter of argv */
	size_t nhits;
	const char **words;
	size_t nwords;
	struct arena *a;
	bool alone, utc;
	int rc; /* of the first mistake */
	struct err *e;
};

const struct opt *opt_find(
	const struct opt_set *sets, size_t nsets, struct str name, char letter, size_t *at)
{
	for (size_t i = 0; i < nsets; i++)
		for (const struct opt *o = sets[i].opts; o && o->type; o++) {
			if (letter ? o->letter != letter : !str_is(name, o->name))
				continue;
			*at = i;
			return o;
		}
	return NULL;
}

const struct opt *opt_waiting(const struct opt_set *sets, size_t nsets, const char *word)
{
	const struct opt *o;
	size_t at;

	if (word[1] == '-') {
		o = opt_find(sets, nsets, str_of(word + 2), 0, &at);
		return o && !opt_is_switch(o) ? o : NULL;
	}
	for (word++; *word; word++) {
		o = opt_find(sets, nsets, STR_NONE, *word, &at);
		if (!o || !opt_is_switch(o))
			return o && !word[1] ? o : NULL;
	}
	return NULL;
}

static size_t edits(struct str a, const char *b, size_t nb)
{
	size_t row[3][64];

	for (size_t j = 0; j <= nb; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t swap = last[j - 1] + (a.p[i - 1] != b[j - 1]);

			now[j] = MIN(swap, MIN(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b[j - 2] && a.p[i - 2] == b[j - 1])
				now[j] = MIN(now[j], before[j - 2] + 1);
		}
	}
	return row[a.n % 3][nb];
}

/* Short words are near to everything, so they must be nearer. */
static size_t nearness(struct str word, const char *name)
{
	size_t n = strlen(name), d;

	if (!word.n || word.n > 60 || n > 60)
		return SIZE_MAX;
	d = edits(word, name, n);
	return d <= (word.n <= 3 ? 1 : 2) ? d : SIZE_MAX;
}

const char *opt_nearest(struct str word, const char *const *names)
{
	const char *best = NULL;
	size_t least = SIZE_MAX;

	for (; *names; names++) {
		size_t d = nearness(word, *names);

		if (d >= least)
			continue;
		least = d;
		best = *names;
	}
	return best;
}

static const char *nearest_flag(const struct parse *p, struct str word)
{
	const char *best = NULL;
	size_t least = SIZE_MAX;

	for (size_t i = 0; i < p->nsets; i++)
		for (const struct opt *o = p->sets[i].opts; o && o->type; o++) {
			size_t d = o->flags & OPT_HIDDEN ? SIZE_MAX : nearness(word, o->name);

			if (d >= least)
				continue;
			least = d;
			best = o->name;
		}
	return best;
}

/* The first mistake counts; e is not written again. */
#define mistake(p, ...) \
	do { \
		if (!(p)->rc) \
			(p)->rc = err_set((p)->e, TQ_EUSAGE, __VA_ARGS__); \
	} while (0)

static void hit(struct parse *p, size_t set, const struct opt *o, const char *value)
{
	p->hits[p->nhits++] = (struct hit){ &p->sets[set], o, value };
	p->sets[set].given[o - p->sets[set].opts] = true;
	p->alone |= (o->flags & OPT_ALONE) != 0;
	p->utc |= (o->flags & OPT_UTC) != 0;
}

static void unknown_flag(struct parse *p, const char *word, struct str name)
{
	const char *near;

	if (p->rc)
		return;
	/* Not what stands behind '=': it may be a secret. */
	mistake(p, "unknown flag '%.*s'", (int)strcspn(word, "="), word);
	near = nearest_flag(p, name);
	if (near)
		err_hint(p->e, "did you mean --%s?", near);
	else if (isdigit((unsigned char)word[1]))
		err_hint(p->e, "put -- in front of names that begin with a dash");
}

/* A flag where a value should be is a forgotten value, not a value. */
static bool is_flag_word(const struct parse *p, const char *word)
{
	size_t set;

	return !strncmp(word, "--", 2) &&
	       opt_find(p->sets, p->nsets, str_of(word + 2), 0, &set);
}

/* Returns how many words were used: the flag's own, and its value's. */
static int long_flag(struct parse *p, char **argv, int left)
{
	struct str rest = str_of(argv[0] + 2), name;
	const struct opt *o;
	size_t set;

	str_cut(&rest, '=', &name);
	o = opt_find(p->sets, p->nsets, name, 0, &set);
	if (!o) {
		unknown_flag(p, argv[0], name);
		return 1;
	}
	if (opt_is_switch(o)) {
		if (rest.p)
			mistake(p, "--%s takes no value", o->name);
		hit(p, set, o, NULL);
		return 1;
	}
	if (rest.p) {
		hit(p, set, o, rest.p);
		return 1;
	}
	if (left < 2 || is_flag_word(p, argv[1])) {
		mistake(p, "--%s needs a value", o->name);
		return 1;
	}
	hit(p, set, o, argv[1]);
	return 2;
}

static int short_flags(struct parse *p, char **argv, int left)
{
	size_t set;

	for (const char *c = argv[0] + 1; *c; c++) {
		const struct opt *o = opt_find(p->sets, p->nsets, STR_NONE, *c, &set);

		if (!o) {
			char one[3] = { '-', *c, '\0' };

			unknown_flag(p, one, str_of(argv[0] + 1));
			return 1;
		}
		if (opt_is_switch(o)) {
			hit(p, set, o, NULL);
			continue;
		}
		if (c[1]) {
			hit(p, set, o, c[1] == '=' ? c + 2 : c + 1);
			return 1;
		}
		if (left < 2 || is_flag_word(p, argv[1])) {
			mistake(p, "-%c needs a value", *c);
			return 1;
		}
		hit(p, set, o, argv[1]);
		return 2;
	}
	return 1;
}

static void split(struct parse *p, int argc, char **argv)
{
	int i = 0;

	while (i < argc) {
		if (!strcmp(argv[i], "--"))
			break;
		if (argv[i][0] != '-' || !argv[i][1])
			p->words[p->nwords++] = argv[i++];
		else if (argv[i][1] == '-')
			i += long_flag(p, argv + i, argc - i);
		else
			i += short_flags(p, argv + i, argc - i);
	}
	for (i++; i < argc; i++)
		p->words[p->nwords++] = argv[i];
}

static int check_pair(struct str s, int (*check)(struct str, struct err *), struct err *e)
{
	struct str ns, name;
	int rc;

	if (!memchr(s.p, '%', s.n))
		return check(s, e);
	names_split(s, &ns, &name);
	rc = names_check_namespace(ns, e);
	return rc ? rc : check(name, e);
}

static int check_name(enum opt_names kind, struct str s, struct err *e)
{
	switch (kind) {
	case NAMES_TOPIC:
		return names_check_wire_topic(s, e);
	case NAMES_NEW_TOPIC:
		return check_pair(s, names_check_topic, e);
	case NAMES_GROUP:
		return names_check_wire_group(s, e);
	case NAMES_NEW_GROUP:
		return check_pair(s, names_check_group, e);
	case NAMES_NAMESPACE:
		return s.n ? names_check_namespace(s, e) : 0;
	case NAMES_NEW_NAMESPACE:
		return names_check_namespace(s, e);
	default:
		return 0;
	}
}

int opt_choose(const char *const *words, struct str s, int *out, struct err *e)
{
	struct buf b;
	const char *near;
	int i = str_index(s, words);

	if (i >= 0) {
		*out = i;
		return 0;
	}
	buf_init(&b, 300);
	facts_words(&b, words);
	err_set(e, TQ_EINVAL, "'" STR_FMT "' is not one of %s", STR_ARG(s),
		buf_err(&b) ? "the words it may be" : b.p);
	buf_release(&b);
	near = opt_nearest(s, words);
	if (near)
		err_hint(e, "did you mean %s?", near);
	return TQ_EINVAL;
}

static int within(const struct opt *o, int64_t v, struct err *e)
{
	struct buf b;
	int rc;

	if ((v >= o->min && v <= o->max) || (!o->min && !o->max))
		return 0;
	buf_init(&b, 200);
	for (int i = 0; i < 2; i++) {
		int64_t bound = i ? o->max : o->min;

		if (i)
			buf_puts(&b, " and ");
		if (o->type == OPT_T_MS)
			when_span_exact(&b, bound);
		else
			buf_i64(&b, bound);
	}
	rc = err_set(e, TQ_EUSAGE, "not between %s", b.p);
	buf_release(&b);
	return rc;
}

/* "100/s", "6k/m", "0.5": per second. */
static int rate(const char *text, double *out, struct err *e)
{
	char *end;
	double v = isdigit((unsigned char)*text) ? strtod(text, &end) : -1;

	if (v < 0 || v > 1e12)
		goto bad;
	if (*end == 'k' || *end == 'M')
		v *= *end++ == 'k' ? 1e3 : 1e6;
	if (*end == '/') {
		const char *unit = end + 1;

		if (strlen(unit) != 1 || !strchr("smh", *unit))
			goto bad;
		v /= *unit == 's' ? 1 : *unit == 'm' ? 60 : 3600;
		end += 2;
	}
	if (*end)
		goto bad;
	*out = v;
	return 0;
bad:
	return err_set(e, TQ_EUSAGE, "'%s' is not a rate such as 100/s or 6k/m", text);
}

static void store_int(const struct opt *o, void *to, int64_t v)
{
	if (o->size == sizeof(int)) {
		int narrow = (int)v;

		memcpy(to, &narrow, sizeof(narrow));
	} else {
		memcpy(to, &v, sizeof(v));
	}
}

static int add_items(const struct opt *o, struct strv *v, const char *text, struct err *e)
{
	struct str rest = str_of(text), item;
	size_t from = v->n;
	int rc = 0;

	if (o->type == OPT_T_KV) {
		if (!(o->flags & OPT_BARE) && (!strchr(text, '=') || *text == '='))
			return err_set(e, TQ_EUSAGE, "'%s' is not KEY=VALUE", text);
		strv_add(v, rest);
		return 0;
	}
	while (str_cut(&rest, ',', &item))
		strv_split(v, item, o->flags & OPT_SEMICOLON ? ';' : ',');
	for (size_t i = from; i < v->n && !rc; i++)
		rc = check_name(o->kind, str_of(v->v[i]), e);
	return rc;
}

static int set_value(struct parse *p, const struct opt *o, void *to, const char *text)
{
	int64_t v = 0, least = o->size == sizeof(int) ? INT_MIN : INT64_MIN;
	struct str s = str_of(text);
	int rc;

	switch (o->type) {
	case OPT_T_BOOL:
		*(bool *)to = true;
		return 0;
	case OPT_T_COUNT:
		++*(int *)to;
		return 0;
	case OPT_T_STR:
		*(const char **)to = text;
		return check_name(o->kind, s, p->e);
	case OPT_T_INT:
		rc = str_to_i64(s, least, -(least + 1), &v, "value", p->e);
		break;
	case OPT_T_ENUM:
		return opt_choose(o->names, s, to, p->e);
	case OPT_T_MS:
		rc = str_to_ms(s, &v, p->e);
		break;
	case OPT_T_BYTES:
		rc = str_to_bytes(s, &v, p->e);
		break;
	case OPT_T_TIME:
		rc = when_parse(s, clock_wall_ms(), p->utc, &v, p->e);
		store_int(o, to, v);
		return rc;
	case OPT_T_RATE:
		return rate(text, to, p->e);
	case OPT_T_LIST:
	case OPT_T_KV:
		return add_items(o, to, text, p->e);
	default:
		BUG_ON("option without a type");
	}
	if (!rc)
		rc = within(o, v, p->e);
	if (!rc)
		store_int(o, to, v);
	return rc;
}

static void set_default(struct arena *a, const struct opt *o, void *to)
{
	switch (o->type) {
	case OPT_T_STR:
		*(const char **)to = o->absent_text;
		break;
	case OPT_T_LIST:
	case OPT_T_KV:
		*(struct strv *)to = strv_in(a);
		break;
	case OPT_T_INT:
	case OPT_T_ENUM:
	case OPT_T_MS:
	case OPT_T_BYTES:
	case OPT_T_TIME:
		store_int(o, to, o->absent);
		break;
	default:
		memset(to, 0, o->size);
	}
}

static void *member(void *into, size_t at)
{
	return (char *)into + at;
}

/* Wrong values are wrong usage, whatever module says so. */
static int as_usage(struct err *e)
{
	if (e)
		e->code = TQ_EUSAGE;
	return TQ_EUSAGE;
}

static void set_options(struct parse *p)
{
	for (size_t i = 0; i < p->nhits && !p->rc; i++) {
		const struct hit *h = &p->hits[i];

		if (!set_value(p, h->opt, member(h->set->into, h->opt->at), h->value))
			continue;
		err_wrap(p->e, "--%s", h->opt->name);
		p->rc = as_usage(p->e);
	}
}

static void set_arg(struct parse *p, const struct arg *arg, void *to, const char *word)
{
	int i, rc;

	if (p->rc)
		return;
	if (arg_is_many(arg))
		strv_add(to, str_of(word));
	else
		*(const char **)to = word;
	rc = arg->kind == NAMES_ENUM ? opt_choose(arg->names, str_of(word), &i, p->e)
				     : check_name(arg->kind, str_of(word), p->e);
	if (!rc)
		return;
	err_wrap(p->e, "%s", arg->name);
	p->rc = as_usage(p->e);
}

static void clear_args(struct parse *p, const struct arg *args)
{
	for (; args && args->name; args++) {
		void *to = member(p->sets[0].into, args->at);

		if (arg_is_many(args))
			*(struct strv *)to = strv_in(p->a);
		else
			*(const char **)to = NULL;
	}
}

static void set_args(struct parse *p, const struct arg *args)
{
	size_t used = 0;

	for (; args && args->name; args++) {
		void *to = member(p->sets[0].into, args->at);
		bool many = arg_is_many(args);

		if (used == p->nwords && !arg_is_optional(args))
			mistake(p, "%s is missing", args->name);
		do {
			if (used < p->nwords)
				set_arg(p, args, to, p->words[used++]);
		} while (many && used < p->nwords);
	}
	if (used < p->nwords)
		mistake(p, "'%s' is one word too many", p->words[used]);
}

static void set_defaults(struct parse *p)
{
	for (size_t i = 0; i < p->nsets; i++) {
		struct opt_set *set = &p->sets[i];
		size_t n = 0;

		for (; set->opts && set->opts[n].type; n++)
			set_default(p->a, &set->opts[n], member(set->into, set->opts[n].at));
		set->given = arena_alloc(p->a, n + 1);
	}
}

int opt_parse(struct opt_set *sets, size_t nsets, const struct arg *args, int argc, char **argv,
	struct arena *a, struct err *e)
{
	struct parse p = { .sets = sets, .nsets = nsets, .a = a, .e = e };
	size_t letters = 1;

	for (int i = 0; i < argc; i++)
		letters += strlen(argv[i]);
	p.hits = arena_alloc(a, letters * sizeof(*p.hits));
	p.words = arena_alloc(a, ((size_t)argc + 1) * sizeof(*p.words));
	set_defaults(&p);
	clear_args(&p, args);
	split(&p, argc, argv);
	if (p.alone && p.rc) {
		p.rc = 0;
		err_clear(e);
	}
	set_options(&p);
	if (!p.alone)
		set_args(&p, args);
	return p.rc;
}

bool opt_given_at(const struct opt_set *set, size_t at)
{
	for (size_t i = 0; set->opts && set->opts[i].type; i++)
		if (set->opts[i].at == at && set->given[i])
			return true;
	return false;
}

bool opt_given(const struct opt_set *set, const char *name)
{
	for (size_t i = 0; set->opts && set->opts[i].type; i++)
		if (!strcmp(set->opts[i].name, name))
			return set->given[i];
	return false;
}

char *opt_take_word(const struct opt *global, int *argc, char **argv)
{
	const struct opt_set set = { .opts = global };

	for (int i = 0; i < *argc && strcmp(argv[i], "--"); i++) {
		char *word = argv[i];

		if (word[0] == '-' && word[1]) {
			i += opt_waiting(&set, 1, word) != NULL;
			continue;
		}
		memmove(argv + i, argv + i + 1, (size_t)(*argc - i - 1) * sizeof(*argv));
		--*argc;
		return word;
	}
	return NULL;
}
