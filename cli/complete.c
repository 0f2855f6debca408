/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete: nouns, verbs and flags come from the tables, without a request; names of topics,
 * groups, namespaces and brokers are asked of the cluster the line itself chooses (-s, -N, -C on
 * it count). Whatever fails completes nothing.
 */
#include <unistd.h>

#include "complete.h"
#include "config.h"
#include "names.h"

#define BUDGET "200ms" /* of each request */

struct completion {
	struct ctx *cx;
	bool descriptions; /* zsh and fish show them */
	struct strv out;
};

static void offer(struct completion *c, const char *front, const char *text, const char *help,
	struct str begun)
{
	if (str_starts(str_of(text), begun))
		strv_add(&c->out, str_of(arena_fmt(&c->cx->mem, "%s%s%s%s", front, text,
					  help ? "\t" : "", help ? help : "")));
}

static void print_all(struct completion *c)
{
	for (size_t i = 0; i < c->out.n; i++) {
		struct str line = str_of(c->out.v[i]), text;

		if (c->descriptions)
			text = line;
		else
			str_cut(&line, '\t', &text);
		printf(STR_FMT "\n", STR_ARG(text));
	}
}

/* ---- names ---- */

static void offer_topics(struct completion *c, const char *front, struct str begun)
{
	struct ctx *cx = c->cx;
	struct topics all;

	if (admin_topics(cx->admin, &cx->mem, &all, NULL))
		return;
	for (size_t i = 0; i < all.n; i++)
		if (ctx_shows(cx, all.v[i].t.name) &&
			!names_is_system_topic(str_of(all.v[i].t.name)))
			offer(c, front, ctx_name(cx, all.v[i].t.name),
				topic_type_names[all.v[i].t.type], begun);
}

static void offer_groups(struct completion *c, const char *front, struct str begun)
{
	struct ctx *cx = c->cx;
	struct groups all;

	if (admin_groups(cx->admin, &cx->mem, &all, NULL))
		return;
	for (size_t i = 0; i < all.n; i++)
		if (ctx_shows(cx, all.v[i].name) &&
			!names_is_system_group(str_of(all.v[i].name)))
			offer(c, front, ctx_name(cx, all.v[i].name), NULL, begun);
}

static void offer_namespaces(struct completion *c, const char *front, struct str begun)
{
	struct namespaces all;

	if (admin_namespaces(c->cx->admin, &c->cx->mem, &all, NULL))
		return;
	for (size_t i = 0; i < all.n; i++)
		offer(c, front, all.v[i].name, all.v[i].remark, begun);
}

static void offer_brokers(struct completion *c, const char *front, struct str begun)
{
	const struct cluster *cl;

	if (admin_cluster(c->cx->admin, &cl, NULL))
		return;
	for (size_t i = 0; i < cl->n; i++)
		offer(c, front, cl->v[i].name, cl->v[i].addr, begun);
}

static void offer_contexts(struct completion *c, const char *front, struct str begun)
{
	struct strv names = strv_in(&c->cx->mem);

	if (config_contexts(c->cx->set.config, &names, &c->cx->mem, NULL))
		return;
	for (size_t i = 0; i < names.n; i++)
		offer(c, front, names.v[i], NULL, begun);
}

static const struct {
	enum opt_names kind;
	void (*offer)(struct completion *c, const char *front, struct str begun);
} online[] = {
	{ NAMES_TOPIC, offer_topics },
	{ NAMES_GROUP, offer_groups },
	{ NAMES_NAMESPACE, offer_namespaces },
	{ NAMES_BROKER, offer_brokers },
};

/* The part of the line that says which cluster: parsed for its global flags, errors passed over. */
static bool open_cluster(struct completion *c, const struct cmd *cmd, int argc, char **argv)
{
	static const struct cmd reads = { .verb = "complete" };
	const char *allowed = getenv("TDMQCTL_COMPLETE_ONLINE");
	struct ctx *cx = c->cx;
	char *args = arena_alloc(&cx->mem, cmd->size + 1);
	struct opt_set sets[2] = { { cmd_opts(cmd), args, NULL },
		{ global_opts, &cx->set, NULL } };

	if (allowed && !strcmp(allowed, "0"))
		return false;
	if (opt_parse(sets, 2, cmd->args, argc, argv, &cx->mem, NULL))
		err_clear(&cx->err);
	cx->cmd = &reads;
	cx->group = &cmd_groups[0];
	if (ctx_open(cx, &sets[1]) || !cx->admin)
		return false;
	return true;
}

static void offer_names(struct completion *c, enum opt_names kind, const struct cmd *cmd,
	int argc, char **argv, const char *word, struct str value)
{
	const char *front = arena_strn(&c->cx->mem, word, (size_t)(value.p - word));

	if (kind == NAMES_FILE)
		strv_add(&c->out, STR(":files"));
	if (kind == NAMES_CONTEXT)
		offer_contexts(c, front, value);
	for (size_t i = 0; i < ARRAY_LEN(online); i++)
		if (online[i].kind == kind && open_cluster(c, cmd, argc, argv))
			online[i].offer(c, front, value);
}

/* ---- the line ---- */

static void offer_nouns(struct completion *c, struct str begun)
{
	for (const struct cmd_group *g = cmd_groups; g->noun; g++)
		offer(c, "", g->noun, g->help, begun);
}

static void offer_verbs(struct completion *c, const struct cmd_group *g, struct str begun)
{
	for (const struct cmd *v = g->cmds; v->verb; v++)
		if (!(v->flags & CMD_HIDDEN))
			offer(c, "", v->verb, v->help, begun);
}

/* words: those before `word`, the one begun. */
static void complete_line(struct completion *c, int argc, char **argv, const char *word)
{
	static const struct cmd none = { .verb = "" };
	const char *verb = NULL, *noun = opt_take_word(global_opts, &argc, argv);
	const struct cmd_group *g = noun ? cmd_group_find(noun) : NULL;
	const struct cmd *cmd = NULL;
	struct opt_set sets[2] = { { NULL, NULL, NULL }, { global_opts, NULL, NULL } };
	enum opt_names kind;
	struct str value;

	if (noun && !g)
		return;
	if (g && !cmd_is_alone(g))
		verb = opt_take_word(global_opts, &argc, argv);
	if (g && (verb || cmd_is_alone(g)))
		cmd = cmd_find(g, verb ? verb : "");
	if (verb && !cmd)
		return;
	if (cmd && cmd->opts)
		sets[0].opts = cmd->opts;
	kind = opt_candidates(
		sets, 2, cmd ? cmd->args : NULL, argc, argv, word, &c->out, &value);
	if (!cmd && word[0] != '-' && value.p == word && !c->out.n && kind == NAMES_NONE) {
		if (g)
			offer_verbs(c, g, value);
		else
			offer_nouns(c, value);
	}
	offer_names(c, kind, cmd ? cmd : &none, argc, argv, word, value);
}

int complete_main(struct ctx *cx, int argc, char **argv)
{
	struct completion c = { .cx = cx, .out = strv_in(&cx->mem) };

	if (argc < 3 || strcmp(argv[1], "--") || !freopen("/dev/null", "w", stderr))
		return EXIT_DONE;
	setenv("TDMQCTL_TIMEOUT", BUDGET, 1);
	c.descriptions = strcmp(argv[0], "bash") != 0;
	complete_line(&c, argc - 3, argv + 2, argv[argc - 1]);
	print_all(&c);
	return EXIT_DONE;
}
