/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role: who may send and consume where. A token is shown once, when it is made, or goes to a file
 * that nobody else may read; later only on demand. On Apache RocketMQ a role is an account.
 */
#include <unistd.h>

#include "names.h"
#include "secret.h"
#include "view.h"
#include "when.h"

struct role_args {
	const char *name, *description, *allow_from, *token_file;
	const char *topic, *group;
	bool show_token, produce, consume, revoke_all;
	int64_t grace_ms;
};

#define ARG_ROLE ARG(ARG_ONE, NAMES_NONE, "ROLE", struct role_args, name)
#define TOKEN_FILE \
	OPT_NAME(0, "token-file", "file", struct role_args, token_file, NAMES_FILE, \
		"new file for the token, mode 0600")
#define GRANT \
	OPT_BOOL(0, "produce", struct role_args, produce, "to send"), \
		OPT_BOOL(0, "consume", struct role_args, consume, "to consume"), \
		OPT_NAME(0, "topic", "topic", struct role_args, topic, NAMES_TOPIC, \
			"only this topic"), \
		OPT_NAME('g', "group", "group", struct role_args, group, NAMES_GROUP, \
			"only this group")

static const struct opt describe_opts[] = {
	OPT_BOOL(0, "show-token", struct role_args, show_token, "its token too"), OPT_END
};
static const struct opt create_opts[] = { OPT_STR(0, "description", "text", struct role_args,
						  description, "note shown by 'describe'"),
	OPT_STR(0, "allow-from", "list", struct role_args, allow_from,
		"addresses it may come from, as 10.0.0.0/8"),
	TOKEN_FILE, OPT_END };
static const struct opt rotate_opts[] = { OPT_MS(0, "grace", struct role_args, grace_ms, 0,
						  30 * 86400000LL, 0,
						  "how long the old token works too"),
	TOKEN_FILE, OPT_END };
static const struct opt grant_opts[] = { GRANT, OPT_END };
static const struct opt delete_opts[] = {
	OPT_BOOL(0, "revoke-all", struct role_args, revoke_all, "with all its grants"), OPT_END
};

/* ---- looking ---- */

static int list(struct ctx *cx, const void *args UNUSED)
{
	cJSON *items = cJSON_CreateArray();
	struct roles all;
	int rc = admin_roles(cx->admin, &cx->mem, &all, &cx->err);

	if (rc) {
		cJSON_Delete(items);
		return rc;
	}
	for (size_t i = 0; i < all.n; i++)
		cJSON_AddItemToArray(items, view_role_json(cx, &all.v[i]));
	return ctx_list(cx, &view_role, items);
}

static int show(struct ctx *cx, const struct role *r)
{
	cJSON *o = view_role_json(cx, r);
	int rc = out_object(cx->out, &view_role, o, &cx->err);

	cJSON_Delete(o);
	return rc;
}

static int describe(struct ctx *cx, const void *args)
{
	const struct role_args *a = args;
	struct role r;
	int rc = admin_role(cx->admin, a->name, a->show_token, &cx->mem, &r, &cx->err);

	return rc ? rc : show(cx, &r);
}

/* ---- tokens ---- */

/* Before there is a token: a file that cannot be made must not cost one. */
static int check_token_file(struct ctx *cx, const char *path)
{
	if (!path || access(path, F_OK))
		return 0;
	err_set(&cx->err, TQ_EEXIST, "'%s' is there already", path);
	return err_hint(&cx->err, "choose another name: a token is never written over a file");
}

/* What is to be kept from others: the token, or the secret key of Apache's account. */
static int hand_over(struct ctx *cx, const struct role *r, const char *path, const char *done)
{
	const char *secret = r->account ? r->secret_key : r->access_key;
	struct role shown = *r;

	if (path && secret_write_file(path, secret, &cx->err)) {
		err_wrap(&cx->err, "role/%s %s, its token is not written", r->name, done);
		return err_hint(&cx->err, "tdmqctl role describe %s --show-token", r->name);
	}
	ctx_done(cx, "role/%s %s", r->name, done);
	if (!path)
		return show(cx, r);
	if (r->account)
		ctx_note(cx, "its clients: access key %s, secret key in '%s'", r->name, path);
	else
		ctx_note(cx, "its clients: access key in '%s', secret key %s", path, r->name);
	shown.access_key = shown.secret_key = NULL;
	return ctx_wants_object(cx) ? show(cx, &shown) : 0;
}

static int create(struct ctx *cx, const void *args)
{
	const struct role_args *a = args;
	struct role wanted = {
		.name = a->name, .remark = a->description, .allow_from = a->allow_from
	};
	struct role made;
	int rc = check_token_file(cx, a->token_file);

	if (rc)
		return rc;
	if (ctx_dry_run(cx, "role/%s would be created", a->name))
		return 0;
	rc = admin_role_create(cx->admin, &wanted, &cx->mem, &made, &cx->err);
	return rc ? rc : hand_over(cx, &made, a->token_file, "created");
}

static int rotate(struct ctx *cx, const void *args)
{
	const struct role_args *a = args;
	struct role made;
	int rc = check_token_file(cx, a->token_file);

	if (rc)
		return rc;
	if (ctx_dry_run(cx, "role/%s would get another token", a->name))
		return 0;
	if (!a->grace_ms)
		rc = ctx_confirm(cx, "end the token of role '%s' at once?", a->name);
	if (!rc)
		rc = admin_role_rotate(
			cx->admin, a->name, a->grace_ms, &cx->mem, &made, &cx->err);
	return rc ? rc : hand_over(cx, &made, a->token_file, "has another token");
}

/* ---- grants ---- */

static int read_grant(struct ctx *cx, const struct role_args *a, struct role_grant *g)
{
	*g = (struct role_grant){ "namespace", cx->namespace, a->produce, a->consume };
	if (a->topic && a->group)
		return err_set(&cx->err, TQ_EUSAGE, "either --topic or --group");
	if (a->topic)
		*g = (struct role_grant){ "topic", a->topic, a->produce, a->consume };
	if (a->group)
		*g = (struct role_grant){ "group", a->group, a->produce, a->consume };
	if (a->produce || a->consume)
		return 0;
	err_set(&cx->err, TQ_EUSAGE, "what may it do?");
	return err_hint(&cx->err, "--produce, --consume, or both");
}

static const char *say(struct ctx *cx, const struct role_grant *g)
{
	return arena_fmt(&cx->mem, "%s%s%s in %s %s", g->produce ? "produce" : "",
		g->produce && g->consume ? " and " : "", g->consume ? "consume" : "", g->on,
		g->name);
}

static int grant(struct ctx *cx, const void *args)
{
	const struct role_args *a = args;
	struct role_grant g;
	int rc = read_grant(cx, a, &g);

	if (rc)
		return rc;
	if (ctx_dry_run(cx, "role/%s would be allowed to %s", a->name, say(cx, &g)))
		return 0;
	rc = admin_role_grant(cx->admin, a->name, &g, true, &cx->err);
	if (!rc)
		ctx_done(cx, "role/%s may %s", a->name, say(cx, &g));
	return rc;
}

static int take(struct ctx *cx, const void *args)
{
	const struct role_args *a = args;
	struct role_grant g;
	int rc = read_grant(cx, a, &g);

	if (rc)
		return rc;
	if (ctx_dry_run(cx, "role/%s would lose the right to %s", a->name, say(cx, &g)))
		return 0;
	rc = ctx_confirm(cx, "take from role '%s' the right to %s?", a->name, say(cx, &g));
	if (!rc)
		rc = admin_role_grant(cx->admin, a->name, &g, false, &cx->err);
	if (!rc)
		ctx_done(cx, "role/%s may no longer %s", a->name, say(cx, &g));
	return rc;
}

static int check_grants(struct ctx *cx, const char *name)
{
	struct role r;
	int rc = admin_role(cx->admin, name, false, &cx->mem, &r, &cx->err);

	if (rc == TQ_EUNSUPPORTED) /* it will say what can be done there */
		err_clear(&cx->err);
	if (rc || !r.n_grants)
		return rc == TQ_EUNSUPPORTED ? 0 : rc;
	err_set(&cx->err, TQ_EPRECOND, "role '%s' has %zu grants", name, r.n_grants);
	err_hint(&cx->err, "see them: tdmqctl role describe %s; --revoke-all takes them", name);
	return TQ_EPRECOND;
}

static int delete (struct ctx *cx, const void *args)
{
	const struct role_args *a = args;
	int rc = a->revoke_all ? 0 : check_grants(cx, a->name);

	if (rc)
		return rc;
	if (ctx_dry_run(cx, "role/%s would be deleted", a->name))
		return 0;
	rc = ctx_confirm(cx, "delete role '%s'?", a->name);
	if (!rc)
		rc = admin_role_delete(cx->admin, a->name, a->revoke_all, &cx->err);
	if (rc == TQ_EPRECOND)
		err_hint(&cx->err,
			"see them: tdmqctl role describe %s; --revoke-all takes them", a->name);
	if (!rc)
		ctx_done(cx, "role/%s deleted", a->name);
	return rc;
}

const struct cmd cmd_role[] = {
	{ "list", "list roles with what they may do", { ARG_END }, NULL, 0, list, 0,
		"role list" },
	{ "describe", "show all about a role", { ARG_ROLE, ARG_END }, describe_opts,
		sizeof(struct role_args), describe, 0, "role describe billing" },
	{ "create", "create a role and its token", { ARG_ROLE, ARG_END }, create_opts,
		sizeof(struct role_args), create, CMD_WRITES,
		"role create billing --token-file b.tok",
		"The token is shown once, or written to a file. Clients have it as access key and "
		"the role's name as secret key; on Apache RocketMQ the name is the access key and "
		"what is shown the secret key." },
	{ "rotate", "give a role another token", { ARG_ROLE, ARG_END }, rotate_opts,
		sizeof(struct role_args), rotate, CMD_WRITES | CMD_DESTROYS,
		"role rotate billing --grace 1h" },
	{ "grant", "let a role send or consume", { ARG_ROLE, ARG_END }, grant_opts,
		sizeof(struct role_args), grant, CMD_WRITES,
		"role grant billing -N shop --consume",
		"In the whole current namespace, or in one topic or group of it. A grant on a topic "
		"goes before that on its namespace; who consumes needs the group as well. It works "
		"at once." },
	{ "revoke", "take from a role what was granted", { ARG_ROLE, ARG_END }, grant_opts,
		sizeof(struct role_args), take, CMD_WRITES | CMD_DESTROYS,
		"role revoke billing -N shop --consume --yes", "Its connections end at once." },
	{ "delete", "delete a role", { ARG_ROLE, ARG_END }, delete_opts,
		sizeof(struct role_args), delete, CMD_WRITES | CMD_DESTROYS,
		"role delete billing --revoke-all --yes" },
	CMD_END,
};
