/* SPDX-License-Identifier: Apache-2.0 */
/* version, help, completion: what tdmqctl says about itself. */
#include "describe.h"
#include "shims.h"
#include "view.h"

static const struct col version_cols[] = { { "client", "client" }, COL_END };
const struct view view_version = { "Version", "client", version_cols };

static int version(struct ctx *cx, const void *args)
{
	cJSON *o;
	int rc;

	(void)args;
	if (cx->set.out.format == OUT_TABLE)
		return out_text(cx->out, STR("tdmqctl " TDMQ_VERSION "\n"), &cx->err);
	o = cJSON_CreateObject();
	view_add_text(o, "client", TDMQ_VERSION);
	rc = out_object(cx->out, &view_version, o, &cx->err);
	cJSON_Delete(o);
	return rc;
}

const struct cmd cmd_version[] = {
	{ "", "show the version of tdmqctl", { ARG_END }, NULL, 0, version, CMD_LOCAL,
		"version" },
	CMD_END,
};

struct help_args {
	struct strv words;
};

static int no_topic(struct ctx *cx, const char *word)
{
	struct strv names = strv_in(&cx->mem);
	const char *near;

	for (size_t i = 0; describe_topic_name(i); i++)
		strv_add(&names, str_of(describe_topic_name(i)));
	for (const struct cmd_group *g = cmd_groups; g->noun; g++)
		strv_add(&names, str_of(g->noun));
	near = opt_nearest(str_of(word), (const char *const *)names.v);
	err_set(&cx->err, TQ_EUSAGE, "no help on '%s'", word);
	if (near)
		err_hint(&cx->err, "did you mean '%s'?", near);
	return TQ_EUSAGE;
}

/* help, help TOPIC, help NOUN, help NOUN VERB. */
static int describe(struct ctx *cx, const struct strv *words, struct buf *b)
{
	const struct cmd_group *g;
	const struct cmd *c;

	if (!words->n) {
		describe_top(b);
		return 0;
	}
	g = cmd_group_find(words->v[0]);
	if (!g)
		return describe_topic(b, words->v[0]) ? 0 : no_topic(cx, words->v[0]);
	if (words->n == 1) {
		describe_group(b, g);
		return 0;
	}
	c = cmd_find(g, words->v[1]);
	if (!c)
		return err_set(
			&cx->err, TQ_EUSAGE, "unknown command '%s %s'", g->noun, words->v[1]);
	describe_cmd(b, g, c);
	return 0;
}

static int help(struct ctx *cx, const void *args)
{
	const struct help_args *a = args;
	struct buf b;
	int rc;

	buf_init(&b, 1 << 20);
	rc = describe(cx, &a->words, &b);
	if (!rc)
		rc = out_text(cx->out, buf_str(&b), &cx->err);
	buf_release(&b);
	return rc;
}

const struct cmd cmd_help[] = {
	{ "", "show help on a command or topic",
		{ ARG(ARG_ANY, NAMES_NONE, "TOPIC", struct help_args, words) }, NULL,
		sizeof(struct help_args), help, CMD_LOCAL,
		"help exit-codes\nhelp topic create" },
	CMD_END,
};

struct completion_args {
	const char *shell;
};

static const char *const shells[] = { "bash", "zsh", "fish", NULL }; /* as shims[] */

static int completion(struct ctx *cx, const void *args)
{
	static const char *const shims[] = { shim_bash, shim_zsh, shim_fish };
	const struct completion_args *a = args;

	return out_text(cx->out, str_of(shims[str_index(str_of(a->shell), shells)]), &cx->err);
}

const struct cmd cmd_completion[] = {
	{ "", "print the script that completes commands in a shell",
		{ ARG_CHOICE(ARG_ONE, shells, "SHELL", struct completion_args, shell) }, NULL,
		sizeof(struct completion_args), completion, CMD_LOCAL, "completion bash",
		"Packages install it. By hand: source <(tdmqctl completion bash); in zsh the same; "
		"in fish: tdmqctl completion fish | source." },
	CMD_END,
};
