/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main: finds the command, lets opt fill its struct, opens the context, runs it, reports the
 * error, and ends with its exit status. All done once is done here; nothing else exits.
 */
#include <errno.h>
#include <signal.h>

#include "complete.h"
#include "ctx.h"
#include "describe.h"

static int unknown_noun(struct err *e, const char *noun)
{
	struct strv nouns = STRV_INIT;
	const char *near;

	for (const struct cmd_group *g = cmd_groups; g->noun; g++)
		strv_add(&nouns, str_of(g->noun));
	near = opt_nearest(str_of(noun), (const char *const *)nouns.v);
	err_set(e, TQ_EUSAGE, "unknown command '%s'", noun);
	if (near)
		err_hint(e, "did you mean '%s'? See: tdmqctl help", near);
	else
		err_hint(e, "tdmqctl help");
	strv_release(&nouns);
	return TQ_EUSAGE;
}

static int unknown_verb(struct err *e, const struct cmd_group *g, const char *verb)
{
	struct strv verbs = STRV_INIT;
	const char *near = NULL;

	for (const struct cmd *c = g->cmds; c->verb; c++)
		strv_add(&verbs, str_of(c->verb));
	if (verb) {
		near = opt_nearest(str_of(verb), (const char *const *)verbs.v);
		err_set(e, TQ_EUSAGE, "unknown command '%s %s'", g->noun, verb);
	} else {
		err_set(e, TQ_EUSAGE, "'%s' needs to be told what to do", g->noun);
	}
	if (near)
		err_hint(e, "did you mean '%s'? See: tdmqctl %s --help", near, g->noun);
	else
		err_hint(e, "tdmqctl %s --help", g->noun);
	strv_release(&verbs);
	return TQ_EUSAGE;
}

/* Help of what was named, or the version; with nothing to run. */
static int answer_alone(struct ctx *cx)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, 1 << 20);
	if (cx->set.version)
		buf_puts(&b, "tdmqctl " TDMQ_VERSION "\n");
	else if (cx->cmd)
		describe_cmd(&b, cx->group, cx->cmd);
	else if (cx->group)
		describe_group(&b, cx->group);
	else
		describe_top(&b);
	if (fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout))
		rc = err_sys(&cx->err, TQ_EIO, "standard output");
	buf_release(&b);
	return rc;
}

/* What was typed before a command was found: global flags only. */
static int without_command(struct ctx *cx, int argc, char **argv)
{
	struct opt_set global = { global_opts, &cx->set, NULL };
	int rc = opt_parse(&global, 1, NULL, argc, argv, &cx->mem, &cx->err);

	if (rc)
		return rc;
	if (cx->group && !cx->set.help && !cx->set.version)
		return unknown_verb(&cx->err, cx->group, NULL);
	return answer_alone(cx);
}

static void wire_names(struct ctx *cx, enum opt_names kind, void *at, bool many)
{
	struct strv *v = at;
	const char **name = at;

	if (kind != NAMES_TOPIC && kind != NAMES_NEW_TOPIC && kind != NAMES_GROUP &&
		kind != NAMES_NEW_GROUP)
		return;
	if (!many) {
		if (*name)
			*name = ctx_wire(cx, *name);
		return;
	}
	for (size_t i = 0; i < v->n; i++)
		v->v[i] = arena_str(&cx->mem, ctx_wire(cx, v->v[i]));
}

/* Names of topics and groups become wire names, wherever they stood. */
static void resolve_names(struct ctx *cx, char *args)
{
	for (const struct arg *a = cx->cmd->args; a->name; a++)
		wire_names(cx, a->kind, args + a->at, arg_is_many(a));
	for (const struct opt *o = cx->own.opts; o->type != OPT_T_END; o++)
		if (o->type == OPT_T_STR || o->type == OPT_T_LIST)
			wire_names(cx, o->kind, args + o->at, o->type == OPT_T_LIST);
}

static int usage_hint(struct ctx *cx, int rc)
{
	if (rc == TQ_EUSAGE && !*cx->err.hint)
		err_hint(&cx->err, "tdmqctl %s%s%s --help", cx->group->noun,
			*cx->cmd->verb ? " " : "", cx->cmd->verb);
	return rc;
}

static int run_command(struct ctx *cx, int argc, char **argv)
{
	char *args = arena_alloc(&cx->mem, cx->cmd->size + 1);
	struct opt_set sets[2] = {
		{ cmd_opts(cx->cmd), args, NULL },
		{ global_opts, &cx->set, NULL },
	};
	int rc = opt_parse(sets, 2, cx->cmd->args, argc, argv, &cx->mem, &cx->err);

	cx->own = sets[0];
	if (rc)
		return usage_hint(cx, rc);
	if (cx->set.help || cx->set.version)
		return answer_alone(cx);
	rc = ctx_open(cx, &sets[1]);
	if (rc)
		return rc;
	resolve_names(cx, args);
	return cx->cmd->run(cx, args);
}

static int run(struct ctx *cx, int argc, char **argv)
{
	const char *verb = "", *noun = opt_take_word(global_opts, &argc, argv);

	if (!noun)
		return without_command(cx, argc, argv);
	cx->group = cmd_group_find(noun);
	if (!cx->group)
		return unknown_noun(&cx->err, noun);
	if (!cmd_is_alone(cx->group))
		verb = opt_take_word(global_opts, &argc, argv);
	if (!verb)
		return without_command(cx, argc, argv);
	cx->cmd = cmd_find(cx->group, verb);
	if (!cx->cmd)
		return unknown_verb(&cx->err, cx->group, verb);
	return run_command(cx, argc, argv);
}

/* A server that is not there, when nobody said where it is. */
static void hint_unreachable(struct ctx *cx)
{
	if (cx->err.code == TQ_EUNREACHABLE && !*cx->err.hint && !*cx->err.why &&
		cx->nameservers)
		err_hint(&cx->err,
			"is a server running? Name servers asked: %s; choose with -s",
			cx->nameservers);
}

static bool is_closed_pipe(const struct err *e)
{
	return e->code == TQ_EIO && e->sys == EPIPE;
}

/* Ends the output and turns what happened into an exit status. */
static int conclude(struct ctx *cx, int rc)
{
	struct err e = ERR_INIT;
	size_t skipped = 0;

	if (cx->out && out_finish(cx->out, &e) && !rc) {
		cx->err = e;
		rc = e.code;
	}
	if (rc && is_closed_pipe(&cx->err))
		return EXIT_DONE;
	ctx_warn_skipped(cx);
	if (rc && !cx->reported) {
		if (cx->err.code != rc)
			err_set(&cx->err, rc, "%s", err_text(rc));
		hint_unreachable(cx);
		ctx_report(cx, &cx->err);
	}
	if (cx->admin)
		admin_skipped(cx->admin, &skipped);
	if (!rc && (skipped || cx->partial))
		return EXIT_PARTIAL;
	return err_exit(rc);
}

int main(int argc, char **argv)
{
	struct ctx cx;
	int status;

	signal(SIGPIPE, SIG_IGN);
	ctx_init(&cx);
	if (argc > 1 && !strcmp(argv[1], "__complete"))
		status = complete_main(&cx, argc - 2, argv + 2);
	else if (argc > 1 && !strcmp(argv[1], "__describe"))
		status = describe_main(argc - 2, argv + 2);
	else
		status = conclude(&cx, run(&cx, argc - 1, argv + 1));
	ctx_release(&cx);
	return status;
}
