/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctx: what every command works with: the settings that hold for it, the cluster to talk to, the
 * place for its output, and an arena that lives as long as it runs.
 *
 *	static int topic_delete(struct ctx *cx, const void *args)
 *	{
 *		...
 *		if (ctx_dry_run(cx, "topic/%s would be deleted", ctx_name(cx, t)))
 *			return 0;
 *		(rc = ctx_confirm(cx, "delete topic %s?", ctx_name(cx, t))) ||
 *			(rc = admin_topic_delete(cx->admin, t, &cx->err));
 *		if (!rc)
 *			ctx_done(cx, "topic/%s deleted", ctx_name(cx, t));
 *		return rc;
 *	}
 *
 * Settings come from, highest first: flag, environment, context in the configuration file,
 * built-in. Names: commands work with wire names; what people see has no `ns%`.
 */
#ifndef TDMQCTL_CTX_H
#define TDMQCTL_CTX_H

#include "admin.h"
#include "cmd.h"
#include "out.h"

/* The global flags, as the option table in ctx.c fills them. */
struct globals {
	struct out_opts out;
	struct strv nameservers, brokers;
	const char *context, *namespace, *config, *confirm;
	int color, progress, verbose; /* color: enum color_when */
	bool all_namespaces, yes, no_input, dry_run, raw_names, quiet, trace_wire, help,
		version;
	int64_t timeout_ms, limit;
};

enum color_when { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum progress_kind { PROGRESS_AUTO, PROGRESS_JSON, PROGRESS_NONE };

struct ctx {
	struct err err;
	struct arena mem;
	struct admin *admin; /* NULL only for CMD_LOCAL commands */
	struct out *out;
	struct globals set; /* effective values */
	const struct cmd_group *group;
	const struct cmd *cmd;
	struct opt_set own; /* the command's options: see CTX_GIVEN */
	const char *context; /* name of the context in use; NULL: none */
	const char *namespace; /* current one; "default" if none is chosen */
	const char *nameservers;
	bool tty_in, tty_err;
	bool read_only, protected;
	struct strv warnings; /* texts of what ctx_warn() said, for the meta of lists */
	size_t skips_told; /* skipped brokers warned about */
	int last_failure; /* code of the last ctx_failed() */
	bool partial; /* some part failed and was warned of: exit 3 */
	bool reported; /* cx->err has been shown already */
};

extern const struct opt global_opts[];

void ctx_init(struct ctx *cx);
void ctx_release(struct ctx *cx);
/*
 * After cx->set was parsed: adds environment, configuration file and built-in values, opens the
 * output and, unless the command is local, prepares the admin. Nothing is sent yet.
 */
int ctx_open(struct ctx *cx, const struct opt_set *global) MUST_USE;

/*
 * Another cluster beside the command's own, the caller's to free: of a context, signed with what
 * that context says alone, or else (context NULL) at name servers, signed as the command's own.
 * nameservers may be empty with a context. *file says the rest of it.
 */
struct config;
int ctx_other(struct ctx *cx, const char *context, const struct strv *nameservers,
	struct config *file, struct admin **out) MUST_USE;

/* Whether the option of the command that fills this member was given. */
#define CTX_GIVEN(cx, type, member) ((cx)->own.opts && OPT_GIVEN(&(cx)->own, type, member))

/* Wire name of a topic or group of the current namespace; "ns%x" is taken as it is. */
const char *ctx_wire(struct ctx *cx, const char *name);
/* What people see: without `ns%` (unless --raw-names); %RETRY% and %DLQ% stay in front. */
const char *ctx_name(struct ctx *cx, const char *wire);
/* The namespace of a wire name, also behind %RETRY% and %DLQ%. */
const char *ctx_namespace_of(struct ctx *cx, const char *wire);
/* Whether listings show it: of the current namespace, or --all-namespaces. */
bool ctx_shows(struct ctx *cx, const char *wire);

/* TQ_ENOTFOUND, with a name that is near, where the server knows its namespaces. */
int ctx_find_namespace(struct ctx *cx, const char *name, struct namespace *out) MUST_USE;
/* That a namespace is there, before something is made in it or an empty list is shown. */
int ctx_need_namespace(struct ctx *cx, const char *name) MUST_USE;
int ctx_need_namespaces(struct ctx *cx, const struct strv *wire) MUST_USE; /* of all names */
/* Topics that every broker of the cluster makes for itself. */
bool ctx_is_system_topic(const struct cluster *cl, const char *wire);

/* Before a change. True: --dry-run, the sentence was printed and nothing is to be done. */
bool ctx_dry_run(struct ctx *cx, const char *fmt, ...) PRINTF(2, 3);
/*
 * Asks y/N on the terminal; --yes answers. TQ_EDECLINED, or TQ_EUSAGE when there is nobody to ask.
 * Impact lines go before it through ctx_note().
 */
int ctx_confirm(struct ctx *cx, const char *fmt, ...) PRINTF(2, 3) MUST_USE;
/* Words that set something: KEY=VALUE each, and this context may; `what` is the command. */
int ctx_check_settings(struct ctx *cx, const char *what, const struct strv *words) MUST_USE;
/* A line on stderr for people; not with --quiet. */
void ctx_note(struct ctx *cx, const char *fmt, ...) PRINTF(2, 3);
#define ctx_done ctx_note /* in the end: what changed */
void ctx_warn(struct ctx *cx, const char *fmt, ...) PRINTF(2, 3);
/*
 * For commands that go on after one of several objects failed: reports cx->err with the object in
 * front and clears it. In the end return ctx_result(cx, done, failed).
 */
void ctx_failed(struct ctx *cx, const char *fmt, ...) PRINTF(2, 3);
/* 0 when nothing failed, TQ_EPARTIAL when something did, the last code when all did. */
int ctx_result(struct ctx *cx, size_t done, size_t failed);
/* Error, why and try on stderr; as one JSON object with -o json. */
void ctx_report(struct ctx *cx, const struct err *e);

/* out_list() with the meta of cli lists: context, warnings, truncated. Takes items. */
int ctx_list(struct ctx *cx, const struct view *v, cJSON *items) MUST_USE;
/* After out_list(): which columns the terminal had no room for; ctx_list() does it. */
void ctx_note_dropped(struct ctx *cx);
/* Warns of brokers that were gone past; ctx_list() and main do it. */
void ctx_warn_skipped(struct ctx *cx);
/* Whether -o asks for the object a write made (json, ndjson, yaml, name). */
bool ctx_wants_object(const struct ctx *cx);

#endif
