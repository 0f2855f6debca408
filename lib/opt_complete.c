/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion: the words before the cursor are walked as opt_parse() would, without looking at
 * values; what is left is what can stand at the cursor.
 */
#include "opt_int.h"

struct walk {
	const struct opt_set *sets;
	size_t nsets;
	const struct opt *pending; /* flag that waits for its value */
	size_t names; /* words that belong to no flag */
	bool only_names; /* behind "--" */
	int argc;
	char **argv;
	struct strv *out;
};

static bool repeats(const struct opt *o)
{
	return o->type == OPT_T_COUNT || o->type == OPT_T_LIST || o->type == OPT_T_KV;
}

static void walk(struct walk *w)
{
	for (int i = 0; i < w->argc; i++) {
		const char *word = w->argv[i];

		if (w->pending)
			w->pending = NULL;
		else if (w->only_names || word[0] != '-' || !word[1])
			w->names++;
		else if (!strcmp(word, "--"))
			w->only_names = true;
		else
			w->pending = opt_waiting(w->sets, w->nsets, word);
	}
}

static void offer(struct walk *w, struct str front, const char *text, const char *help)
{
	char *line = mem_fmt(
		STR_FMT "%s%s%s", STR_ARG(front), text, help ? "\t" : "", help ? help : "");

	strv_add(w->out, str_of(line));
	mem_free(line);
}

static void offer_words(
	struct walk *w, struct str front, struct str begun, const char *const *names)
{
	for (; *names; names++)
		if (str_starts(str_of(*names), begun))
			offer(w, front, *names, NULL);
}

/* `word` is the value begun, with what stands before it in `front`. */
static enum opt_names offer_value(struct walk *w, const struct opt *o, struct str front,
	struct str word, struct str *value)
{
	const char *comma =
		o->type == OPT_T_LIST && word.n ? memrchr(word.p, ',', word.n) : NULL;

	if (comma) {
		size_t n = (size_t)(comma + 1 - word.p);

		front.n += n; /* both are slices of the same word */
		if (!front.p)
			front.p = word.p;
		word = str_skip(word, n);
	}
	*value = word;
	if (o->type == OPT_T_ENUM)
		offer_words(w, front, word, o->names);
	return o->kind;
}

static bool was_given(const struct walk *w, const struct opt *o)
{
	for (int i = 0; i < w->argc; i++) {
		struct str word = str_of(w->argv[i]), name;

		if (word.n < 2 || word.p[0] != '-')
			continue;
		if (word.p[1] != '-' && o->letter && word.p[1] == o->letter)
			return true;
		word = str_skip(word, 2);
		str_cut(&word, '=', &name);
		if (w->argv[i][1] == '-' && str_is(name, o->name))
			return true;
	}
	return false;
}

static void offer_flags(struct walk *w, struct str begun)
{
	for (size_t i = 0; i < w->nsets; i++)
		for (const struct opt *o = w->sets[i].opts; o && o->type; o++) {
			if (o->flags & OPT_HIDDEN || !str_starts(str_of(o->name), begun))
				continue;
			if (repeats(o) || !was_given(w, o))
				offer(w, STR("--"), o->name, o->help);
		}
}

static enum opt_names offer_arg(struct walk *w, const struct arg *args, struct str word)
{
	size_t i = 0;

	if (!args)
		return NAMES_NONE;
	while (args->name && i < w->names && !arg_is_many(args)) {
		args++;
		i++;
	}
	if (!args->name)
		return NAMES_NONE;
	if (args->kind == NAMES_ENUM)
		offer_words(w, STR_NONE, word, args->names);
	return args->kind;
}

enum opt_names opt_candidates(const struct opt_set *sets, size_t nsets, const struct arg *args,
	int argc, char **argv, const char *word, struct strv *out, struct str *value)
{
	struct walk w = {
		.sets = sets, .nsets = nsets, .argc = argc, .argv = argv, .out = out
	};
	struct str rest = str_of(word), name;
	const struct opt *o;
	size_t set;

	walk(&w);
	*value = rest;
	if (w.pending)
		return offer_value(&w, w.pending, STR_NONE, rest, value);
	if (w.only_names || word[0] != '-')
		return offer_arg(&w, args, rest);
	if (word[1] && word[1] != '-')
		return NAMES_NONE; /* bundled letters: nothing to add */
	rest = str_skip(rest, 2);
	if (!strchr(word, '=')) {
		offer_flags(&w, rest);
		return NAMES_NONE;
	}
	str_cut(&rest, '=', &name);
	o = opt_find(sets, nsets, name, 0, &set);
	if (!o || opt_is_switch(o))
		return NAMES_NONE;
	return offer_value(&w, o, (struct str){ word, (size_t)(rest.p - word) }, rest, value);
}
