/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tables: walks every table a tool depends on: commands, flags, views, sources, reasons, errors,
 * codes, settings. A new entry that breaks a rule fails here and nowhere later. The tables of
 * handlers are walked in test_dispatch.c.
 */
#include <ctype.h>

#include <criterion/criterion.h>

#include "brokerd/config.h"
#include "brokerd/dispatch.h"
#include "cli/ctx.h"
#include "cli/describe.h"
#include "cli/view.h"
#include "migrate/report.h"

#define each_group(g) for (const struct cmd_group *g = cmd_groups; g->noun; g++)
#define each_cmd(g, c) for (const struct cmd *c = (g)->cmds; c->verb; c++)
#define each_opt(opts, o) for (const struct opt *o = (opts); o->type != OPT_T_END; o++)

/* Lower case, of at most 60 characters, without a full stop. */
static void check_help(const char *what, const char *help)
{
	size_t n = help ? strlen(help) : 0;

	cr_expect(n && n <= 60, "%s: help of %zu characters", what, n);
	cr_expect(n && (!isupper((unsigned char)help[0]) || isupper((unsigned char)help[1])),
		"%s: help begins with a capital", what);
	cr_expect(n && help[n - 1] != '.', "%s: help ends with a full stop", what);
}

Test(tables, commands_have_a_name_of_their_own_and_a_help)
{
	char what[128];

	each_group(g)
	{
		cr_expect_eq(cmd_group_find(g->noun), g, "%s is there twice", g->noun);
		check_help(g->noun, g->help);
		each_cmd(g, c)
		{
			snprintf(what, sizeof(what), "%s %s", g->noun, c->verb);
			cr_expect_eq(cmd_find(g, c->verb), c, "%s is there twice", what);
			check_help(what, c->help);
			cr_expect(c->run, "%s does nothing", what);
			cr_expect(!(c->flags & CMD_DESTROYS) || c->flags & CMD_WRITES,
				"%s destroys without writing", what);
			cr_expect(!c->more || c->more[strlen(c->more) - 1] == '.',
				"%s: its paragraph ends without a full stop", what);
			cr_expect(c->size || (!c->args[0].name && !c->opts),
				"%s: no room for arguments", what);
		}
	}
}

Test(tables, aliases_are_of_one_noun)
{
	each_group(g)
	{
		struct str rest = str_of(g->aliases), word;

		while (str_cut(&rest, ' ', &word)) {
			char alias[64];

			snprintf(alias, sizeof(alias), STR_FMT, STR_ARG(word));
			cr_expect(!word.n || cmd_group_find(alias) == g,
				"'%s' is not only of %s", alias, g->noun);
		}
	}
}

Test(tables, flags_of_each_command_are_sound)
{
	each_group(g) each_cmd(g, c)
	{
		const struct opt *tables[] = { cmd_opts(c), global_opts };
		struct buf complaints;

		buf_init(&complaints, 1 << 16);
		opt_check(tables, 2, c->args, &complaints);
		cr_expect_eq(complaints.n, 0, "%s %s:\n%s", g->noun, c->verb, complaints.p);
		buf_release(&complaints);
	}
}

/* Members lie within the struct the command says it gets. */
Test(tables, flags_fill_the_struct_of_their_command)
{
	each_group(g) each_cmd(g, c)
	{
		each_opt(cmd_opts(c), o) cr_expect_leq(
			o->at + o->size, c->size, "%s %s --%s", g->noun, c->verb, o->name);
		for (const struct arg *a = c->args; a->name; a++)
			cr_expect_leq(a->at + a->size, c->size, "%s %s %s", g->noun, c->verb,
				a->name);
	}
	each_opt(global_opts, o)
		cr_expect_leq(o->at + o->size, sizeof(struct globals), "--%s", o->name);
}

/* The first entry in the tree of that name; itself if it is the first. */
static const struct opt *first_named(const char *name)
{
	each_group(g) each_cmd(g, c)
		each_opt(cmd_opts(c), o) if (!strcmp(o->name, name)) return o;
	return NULL;
}

/* A text may also be a list of texts, or a number where words are allowed beside it. */
static bool is_text(const struct opt *o)
{
	return o->type == OPT_T_STR || o->type == OPT_T_LIST || o->type == OPT_T_INT;
}

Test(tables, a_flag_has_one_meaning_in_the_whole_tree)
{
	each_group(g) each_cmd(g, c) each_opt(cmd_opts(c), o)
	{
		const struct opt *f = first_named(o->name);

		cr_expect_eq(f->letter, o->letter, "%s %s --%s: another letter", g->noun,
			c->verb, o->name);
		cr_expect(f->type == o->type || (is_text(f) && is_text(o)),
			"%s %s --%s: another type", g->noun, c->verb, o->name);
		cr_expect(f->kind == o->kind, "%s %s --%s: names something else", g->noun,
			c->verb, o->name);
	}
}

Test(tables, a_letter_stands_for_one_flag_in_the_whole_tree)
{
	const char *names[128] = { NULL };

	each_opt(global_opts, o) if (o->letter) names[(int)o->letter] = o->name;
	each_group(g) each_cmd(g, c) each_opt(cmd_opts(c), o)
	{
		if (!o->letter)
			continue;
		if (!names[(int)o->letter])
			names[(int)o->letter] = o->name;
		cr_expect_str_eq(names[(int)o->letter], o->name, "%s %s: -%c", g->noun, c->verb,
			o->letter);
	}
}

/* ---- examples ---- */

#define WORDS 32

/* Words of a line as a shell would see them: blanks and 'quotes'. Good until line goes. */
static int split(char *line, char **argv)
{
	int n = 0;

	for (char *s = line; *s && n < WORDS;) {
		while (*s == ' ')
			s++;
		if (!*s)
			break;
		argv[n++] = s;
		for (; *s && *s != ' '; s++)
			if (*s == '\'') {
				char *end = strchr(s + 1, '\'');

				cr_assert(end, "%s", line);
				memmove(end, end + 1, strlen(end));
				memmove(s, s + 1, strlen(s));
				s = end - 2;
			}
		if (*s)
			*s++ = '\0';
	}
	return n;
}

static void check_example(const struct cmd_group *g, const struct cmd *c, struct str example)
{
	char *line = mem_strn(example.p, example.n), *argv[WORDS], *pipe;
	struct globals set = { .timeout_ms = 0 };
	struct arena mem;
	struct err e = ERR_INIT;
	char *args, *noun, *verb;
	int argc;

	arena_init(&mem);
	args = arena_alloc(&mem, c->size + 1);
	if ((pipe = strstr(line, " | ")))
		*pipe = '\0';
	argc = split(line, argv);
	noun = opt_take_word(global_opts, &argc, argv);
	cr_expect(noun && cmd_group_find(noun) == g, "'" STR_FMT "' is of another noun",
		STR_ARG(example));
	verb = cmd_is_alone(g) ? line + strlen(line) : opt_take_word(global_opts, &argc, argv);
	cr_expect(verb && cmd_find(g, verb) == c, "'" STR_FMT "' is of another verb",
		STR_ARG(example));
	struct opt_set sets[] = { { cmd_opts(c), args, NULL }, { global_opts, &set, NULL } };
	cr_expect_eq(opt_parse(sets, 2, c->args, argc, argv, &mem, &e), 0, "'" STR_FMT "': %s",
		STR_ARG(example), e.msg);
	arena_release(&mem);
	mem_free(line);
}

Test(tables, every_command_has_examples_that_parse)
{
	each_group(g) each_cmd(g, c)
	{
		struct str rest = str_of(c->example), line;

		cr_expect(c->example && *c->example, "%s %s has no example", g->noun, c->verb);
		while (str_cut(&rest, '\n', &line))
			check_example(g, c, line);
	}
}

/* ---- help ---- */

static void check_width(const char *what, const struct buf *b)
{
	struct str rest = buf_str(b), line;

	while (str_cut(&rest, '\n', &line))
		cr_expect_leq(line.n, 80, "%s: '" STR_FMT "'", what, STR_ARG(line));
}

Test(tables, help_fits_80_columns)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	describe_top(&b);
	check_width("tdmqctl", &b);
	each_group(g)
	{
		buf_clear(&b);
		describe_group(&b, g);
		check_width(g->noun, &b);
		each_cmd(g, c)
		{
			buf_clear(&b);
			describe_cmd(&b, g, c);
			check_width(c->example, &b);
		}
	}
	for (size_t i = 0; describe_topic_name(i); i++) {
		buf_clear(&b);
		cr_assert(describe_topic(&b, describe_topic_name(i)));
		check_width(describe_topic_name(i), &b);
	}
	buf_release(&b);
}

static void check_views(const struct view *const *v)
{
	for (; *v; v++) {
		struct buf complaints;

		buf_init(&complaints, 1 << 16);
		out_check(*v, &complaints);
		cr_expect_eq(complaints.n, 0, "%s:\n%s", (*v)->kind, complaints.p);
		buf_release(&complaints);
	}
}

Test(tables, views_are_sound)
{
	check_views(views);
	check_views(report_views);
}

/* A kind is what scripts look at: no two objects share one. */
Test(tables, views_are_of_different_kinds)
{
	for (size_t i = 0; views[i]; i++) {
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(views[k]->kind, views[i]->kind);
		for (size_t k = 0; report_views[k]; k++)
			cr_expect_str_neq(report_views[k]->kind, views[i]->kind);
	}
}

/* ---- migration ---- */

static bool is_id(const char *s)
{
	for (; *s; s++)
		if (!isupper((unsigned char)*s) && *s != '_')
			return false;
	return true;
}

Test(tables, sources_can_be_told_apart)
{
	for (size_t i = 0; sources[i]; i++) {
		const struct source *s = sources[i];

		cr_expect(s->name && *s->name && s->text && *s->text, "source %zu", i);
		cr_expect(
			(s->fits && s->scan) || (s->fits_text && s->scan_text), "%s", s->name);
		for (size_t k = 0; s->sets && s->sets[k]; k++)
			cr_expect(s->sets[k][0], "%s: set %zu is empty", s->name, k);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(sources[k]->name, s->name);
	}
}

Test(tables, reasons_have_ids_and_sentences)
{
	for (int r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		const char *name = reason_name((enum reason)r),
			   *text = reason_text((enum reason)r);

		cr_expect(*name && is_id(name), "'%s'", name);
		cr_expect_eq((int)reason_from(name), r, "%s is there twice", name);
		cr_expect(*text && text[strlen(text) - 1] != '.' &&
				  (!isupper((unsigned char)text[0]) ||
					  isupper((unsigned char)text[1])),
			"%s: '%s'", name, text);
	}
	cr_expect_leq((int)REASON_COUNT, 64, "WARN_BIT() has no room for more");
}

/* ---- errors and codes ---- */

static const int errors[] = {
#define ERR(code, response, exit, text) code,
#include "errors.def"
#undef ERR
};

/* EXIT STATUS is an interface: each error has one of its numbers. */
static const int exits[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 70, 130, 143 };

Test(tables, help_explains_every_exit)
{
	char line[16];
	struct buf b;

	buf_init(&b, 1 << 16);
	cr_assert(describe_topic(&b, "exit-codes"));
	for (size_t i = 0; i < ARRAY_LEN(exits); i++) {
		snprintf(line, sizeof(line), "\n  %3d  ", exits[i]);
		cr_expect(strstr(b.p, line), "exit %d", exits[i]);
	}
	buf_release(&b);
}

Test(tables, errors_have_texts_exits_and_responses)
{
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		const char *text = err_text(errors[i]);
		bool known = false;

		for (size_t k = 0; k < ARRAY_LEN(exits); k++)
			known |= exits[k] == err_exit(errors[i]);
		cr_expect(known, "%s: exit %d", err_name(errors[i]), err_exit(errors[i]));
		cr_expect(islower((unsigned char)text[0]) && text[strlen(text) - 1] != '.',
			"'%s'", text);
		cr_expect(response_name(err_response(errors[i])), "%s", err_name(errors[i]));
		for (size_t k = 0; k < i; k++)
			cr_expect(strcmp(text, err_text(errors[k])), "'%s' twice", text);
	}
}

/* What a server answers comes out as the exit status the contract says. */
static const struct {
	int response, exit;
} answers[] = {
	{ 0, 0 },
	{ 1, 1 },
	{ 13, 1 },
	{ 23, 1 },
	{ 17, 4 },
	{ 22, 4 },
	{ 24, 4 },
	{ 26, 4 },
	{ 18, 5 },
	{ 16, 6 },
	{ 206, 9 },
	{ 25, 9 },
	{ 207, 8 },
	{ 3, 11 },
	{ 15, 11 },
	{ 2, 12 },
	{ 14, 12 },
	{ 215, 12 },
	{ 209, 6 },
	{ 210, 6 },
	{ 211, 6 },
	{ 208, 4 },
	{ 28, 1 },
	{ 9999, 1 },
};

Test(tables, response_codes_become_exit_statuses)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		int code = answers[i].response ? err_from_response(answers[i].response) : 0;

		cr_expect_eq(err_exit(code), answers[i].exit, "%d: %d, not %d",
			answers[i].response, err_exit(code), answers[i].exit);
	}
}

static const struct {
	int number;
	const char *name;
} numbers[] = {
#define REQUEST(num, name) { num, #name },
#include "codes.def"
};

Test(tables, request_codes_have_one_name_each)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		cr_expect_str_eq(request_name(numbers[i].number), numbers[i].name);
		for (size_t k = 0; k < i; k++)
			cr_expect(numbers[k].number != numbers[i].number &&
					  strcmp(numbers[k].name, numbers[i].name),
				"%s", numbers[i].name);
	}
}

Test(tables, settings_are_sound_and_make_sound_flags)
{
	const struct opt *tables[1];
	struct config cfg;
	struct conf conf;
	struct buf b;

	conf_init(&conf, config_keys, &cfg, NULL);
	buf_init(&b, 1 << 16);
	tables[0] = conf_opts(&conf);
	conf_check(config_keys, &b);
	opt_check(tables, 1, NULL, &b);
	cr_expect_eq(b.n, 0, "%s", b.p);
	buf_release(&b);
	conf_release(&conf);
}

/* Where a name is text only, so that its other spellings need not be known. */
static const char *const plain_names[] = {
	"defaultTopic", /* TBW102 */
	"topicFilterType", "producerGroup", /* of a send: nobody looks at it */
	"filterGroups", /* a list: its reader spells each */
	"topicPerms", "groupPerms", "defaultTopicPerm",
	"defaultGroupPerm", /* rules of plain_acl.yml */
};

static bool is_name(const char *field)
{
	if (!strcasestr(field, "topic") && !strcasestr(field, "group"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(plain_names); i++)
		if (!strcmp(field, plain_names[i]))
			return false;
	return true;
}

Test(tables, every_field_that_names_a_topic_or_group_knows_its_aliases)
{
	const struct handler *h;

	for (size_t i = 0; (h = handler_at(i)); i++)
		for (const struct field *f = h->fields; f && f->type != FIELD_TYPE_END; f++)
			cr_expect(f->type != FIELD_TYPE_STR || !is_name(f->name),
				"request %d: '%s' is plain text", h->code, f->name);
}
