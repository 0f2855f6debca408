/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context: clusters by name, as the configuration file has them. Nothing is asked of a server, and
 * no secret is shown: the file only says where secrets are.
 */
#include "config.h"
#include "view.h"

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static const struct col context_cols[] = {
	{ "current", "current", COL_BOOL, 0 },
	{ "name", "name", COL_TEXT, 0 },
	{ "nameservers", "nameservers", COL_TEXT, 0 },
	{ "namespace", "namespace", COL_TEXT, 0 },
	{ "signs-as", "signsAs", COL_TEXT, 0 },
	{ "protected", "protected", COL_BOOL, COL_OPTIONAL },
	{ "read-only", "readOnly", COL_BOOL, COL_OPTIONAL },
	{ "secret-from", "secretFrom", COL_TEXT, COL_ONE },
	COL_END,
};
const struct view view_context = { "Context", "name", context_cols, false };

static cJSON *context_json(struct ctx *cx, const struct config *c)
{
	cJSON *o = cJSON_CreateObject(), *list = cJSON_CreateArray();
	struct str rest = str_of(c->nameservers), item;

	while (str_cut(&rest, ',', &item))
		cJSON_AddItemToArray(
			list, cJSON_CreateString(arena_strn(&cx->mem, item.p, item.n)));
	view_add_text(o, "name", c->context);
	cJSON_AddBoolToObject(o, "current", cx->context && !strcmp(cx->context, c->context));
	cJSON_AddItemToObject(o, "nameservers", list);
	view_add_text(o, "namespace", c->namespace);
	view_add_text(o, "signsAs", c->access_key ? c->access_key : c->role);
	view_add_text(o, "secretFrom", c->access_key ? c->secret_from : c->token_from);
	cJSON_AddBoolToObject(o, "protected", c->protected);
	cJSON_AddBoolToObject(o, "readOnly", c->read_only);
	return o;
}

static int load(struct ctx *cx, const char *name, struct config *c)
{
	int rc = config_load(c, cx->set.config, name, &cx->mem, &cx->err);

	if (rc && !c->context && strstr(cx->err.msg, "no context"))
		cx->err.code = rc = TQ_ENOTFOUND;
	return rc;
}

static int list(struct ctx *cx, const void *args UNUSED)
{
	struct strv names = strv_in(&cx->mem);
	cJSON *items = cJSON_CreateArray();
	struct config c;
	int rc = config_contexts(cx->set.config, &names, &cx->mem, &cx->err);

	for (size_t i = 0; !rc && i < names.n; i++) {
		rc = load(cx, names.v[i], &c);
		if (!rc)
			cJSON_AddItemToArray(items, context_json(cx, &c));
	}
	if (!rc)
		return ctx_list(cx, &view_context, items);
	cJSON_Delete(items);
	return rc;
}

struct name_args {
	const char *name;
};

static int show(struct ctx *cx, const void *args)
{
	const struct name_args *a = args;
	const char *name = a->name ? a->name : cx->context;
	struct config c;
	cJSON *o;
	int rc;

	if (!name) {
		err_set(&cx->err, TQ_EPRECOND, "no context is in use");
		return err_hint(&cx->err, "choose one: tdmqctl context use NAME");
	}
	rc = load(cx, name, &c);
	if (rc)
		return rc;
	o = context_json(cx, &c);
	rc = out_object(cx->out, &view_context, o, &cx->err);
	cJSON_Delete(o);
	return rc;
}

static int use(struct ctx *cx, const void *args)
{
	const struct name_args *a = args;
	struct config c;
	int rc = load(cx, a->name, &c);

	if (rc || ctx_dry_run(cx, "context/%s would be the current one", a->name))
		return rc;
	rc = config_use(cx->set.config, a->name, &cx->mem, &cx->err);
	if (!rc)
		ctx_done(cx, "context/%s is the current one", a->name);
	return rc;
}

/* ---- create ---- */

struct create_args {
	const char *name, *access_key, *secret_from, *role, *token_from;
	bool protected, read_only, use;
};

static const struct opt create_opts[] = {
	OPT_STR(0, "access-key", "key", struct create_args, access_key, "who signs requests"),
	OPT_STR(0, "secret-from", "where", struct create_args, secret_from,
		"its secret: file:PATH, env:NAME, exec:PROGRAM, prompt"),
	OPT_STR(0, "as-role", "name", struct create_args, role, "or a role of brokerd"),
	OPT_STR(0, "token-from", "where", struct create_args, token_from,
		"its token, as --secret-from"),
	OPT_BOOL(0, "protected", struct create_args, protected,
		"what destroys needs its name typed"),
	OPT_BOOL(0, "read-only", struct create_args, read_only, "changes are refused"),
	OPT_BOOL(0, "use", struct create_args, use, "make it the current one"),
	OPT_END,
};

static int check_new(struct ctx *cx, const struct create_args *a, const struct strv *there)
{
	if (!*a->name || strspn(a->name, NAME_BYTES) != strlen(a->name) || *a->name == '-')
		return err_set(&cx->err, TQ_EUSAGE,
			"context '%s': a name is letters, digits, '.', '-' and '_'", a->name);
	for (size_t i = 0; i < there->n; i++)
		if (!strcmp(there->v[i], a->name))
			return err_set(
				&cx->err, TQ_EEXIST, "context/%s exists already", a->name);
	if (!cx->set.nameservers.n) {
		err_set(&cx->err, TQ_EUSAGE, "where is it?");
		return err_hint(&cx->err, "name its name servers: -s HOST:PORT");
	}
	if (a->access_key && a->role)
		return err_set(&cx->err, TQ_EUSAGE, "either an access key or a role");
	if ((a->secret_from && !a->access_key) || (a->token_from && !a->role))
		return err_set(&cx->err, TQ_EUSAGE,
			"--secret-from goes with --access-key, --token-from with --as-role");
	return 0;
}

static int create(struct ctx *cx, const void *args)
{
	const struct create_args *a = args;
	struct config c = { .nameservers = cx->nameservers,
		.namespace = cx->set.namespace,
		.access_key = a->access_key,
		.secret_from = a->secret_from,
		.role = a->role,
		.token_from = a->token_from,
		.protected = a->protected,
		.read_only = a->read_only };
	struct strv there = strv_in(&cx->mem);
	int rc;

	if ((rc = config_contexts(cx->set.config, &there, &cx->mem, &cx->err)) ||
		(rc = check_new(cx, a, &there)) ||
		ctx_dry_run(cx, "context/%s would be created", a->name))
		return rc;
	rc = config_add(cx->set.config, a->name, &c, &cx->mem, &cx->err);
	if (!rc)
		ctx_done(cx, "context/%s created", a->name);
	if (!rc && a->use)
		rc = config_use(cx->set.config, a->name, &cx->mem, &cx->err);
	return rc;
}

#define ARG_CONTEXT(need) ARG(need, NAMES_CONTEXT, "CONTEXT", struct name_args, name)

const struct cmd cmd_context[] = {
	{ "list", "contexts of the configuration file", { ARG_END }, NULL, 0, list, CMD_LOCAL,
		"context list", NULL },
	{ "show", "one context; without a name the one in use",
		{ ARG_CONTEXT(ARG_OPTIONAL), ARG_END }, NULL, sizeof(struct name_args), show,
		CMD_LOCAL, "context show prod", NULL },
	{ "use", "make a context the current one", { ARG_CONTEXT(ARG_ONE), ARG_END }, NULL,
		sizeof(struct name_args), use, CMD_LOCAL, "context use prod", NULL },
	{ "create", "add a context to the configuration file",
		{ ARG(ARG_ONE, NAMES_NONE, "NAME", struct create_args, name), ARG_END },
		create_opts, sizeof(struct create_args), create, CMD_LOCAL,
		"context create test -s mq1.example:9876 --protected",
		"Secrets stay where they are: the file says where to find them. Comments and "
		"order of the file are kept. --namespace is kept with the context." },
	CMD_END,
};
