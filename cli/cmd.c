/* SPDX-License-Identifier: Apache-2.0 */
/* cmd: the table of groups, and finding one's way in it. */
#include "cmd.h"

const struct cmd_group cmd_groups[] = {
#define GROUP(table, noun, aliases, help) { noun, aliases, help, cmd_##table },
#include "groups.def"
#undef GROUP
	{ NULL },
};

static bool has_word(const char *words, struct str wanted)
{
	struct str rest = str_of(words), word;

	while (str_cut(&rest, ' ', &word))
		if (word.n && str_eq(word, wanted))
			return true;
	return false;
}

const struct cmd_group *cmd_group_find(const char *noun)
{
	for (const struct cmd_group *g = cmd_groups; g->noun; g++)
		if (!strcmp(g->noun, noun) || has_word(g->aliases, str_of(noun)))
			return g;
	return NULL;
}

const struct cmd *cmd_find(const struct cmd_group *g, const char *verb)
{
	for (const struct cmd *c = g->cmds; c->verb; c++)
		if (!strcmp(c->verb, verb))
			return c;
	return NULL;
}

const struct opt *cmd_opts(const struct cmd *c)
{
	static const struct opt none[] = { OPT_END };

	return c->opts ? c->opts : none;
}

bool cmd_is_alone(const struct cmd_group *g)
{
	return !*g->cmds[0].verb;
}
