/* SPDX-License-Identifier: Apache-2.0 */
/* acl: what is allowed and why, addresses that need not sign, and whether brokers agree. */
#include "names.h"
#include "view.h"

/* ---- can ---- */

struct can_args {
	const char *role, *action, *topic, *group;
};

static const char *const actions[] = { "produce", "consume", NULL };

static const struct opt can_opts[] = { OPT_NAME(0, "topic", "topic", struct can_args, topic,
					       NAMES_TOPIC, "with this topic"),
	OPT_NAME('g', "group", "group", struct can_args, group, NAMES_GROUP, "with this group"),
	OPT_END };

static int can(struct ctx *cx, const void *args)
{
	const struct can_args *a = args;
	struct role_grant g = { a->group ? "group" : "topic", a->group ? a->group : a->topic,
		!strcmp(a->action, "produce"), !strcmp(a->action, "consume") };
	const char *rule;
	bool yes = false;
	cJSON *o;
	int rc;

	if (!a->topic == !a->group)
		return err_set(&cx->err, TQ_EUSAGE, "either --topic or --group");
	rc = admin_role_can(cx->admin, a->role, &g, &cx->mem, &yes, &rule, &cx->err);
	if (rc)
		return rc;
	o = cJSON_CreateObject();
	cJSON_AddStringToObject(o, "role", a->role);
	cJSON_AddStringToObject(o, "action", a->action);
	cJSON_AddStringToObject(o, g.on, ctx_name(cx, g.name));
	cJSON_AddBoolToObject(o, "allowed", yes);
	cJSON_AddStringToObject(o, "rule", rule);
	rc = out_object(cx->out, &view_acl_can, o, &cx->err);
	cJSON_Delete(o);
	if (!rc && !yes)
		rc = err_set(&cx->err, TQ_EDENIED, "role '%s' may not %s: %s", a->role,
			a->action, rule);
	return rc;
}

/* ---- allow-list ---- */

struct allow_args {
	const char *what;
	struct strv addresses;
};

static const char *const verbs[] = { "get", "set", "add", "remove", NULL };

static int get_list(struct ctx *cx)
{
	cJSON *items = cJSON_CreateArray();
	struct str rest, one;
	const char *text;
	int rc = admin_allow_list(cx->admin, &cx->mem, &text, &cx->err);

	rest = str_of(rc ? NULL : text);
	while (str_cut(&rest, ',', &one)) {
		cJSON *o = cJSON_CreateObject();

		one = str_trim(one);
		json_add_str(o, "address", one);
		if (one.n)
			cJSON_AddItemToArray(items, o);
		else
			cJSON_Delete(o);
	}
	if (!rc)
		return ctx_list(cx, &view_address, items);
	cJSON_Delete(items);
	return rc;
}

static bool has(const struct strv *v, struct str s)
{
	for (size_t i = 0; i < v->n; i++)
		if (str_is(s, v->v[i]))
			return true;
	return false;
}

static void append(struct buf *b, struct str s)
{
	if (b->n)
		buf_putc(b, ',');
	buf_add_str(b, s);
}

/* The list as it is, without those of `without`. */
static int old_list(struct ctx *cx, const struct strv *without, struct buf *b)
{
	struct str rest, one;
	const char *text;
	int rc = admin_allow_list(cx->admin, &cx->mem, &text, &cx->err);

	rest = str_of(rc ? NULL : text);
	while (str_cut(&rest, ',', &one)) {
		one = str_trim(one);
		if (one.n && !has(without, one))
			append(b, one);
	}
	return rc;
}

static int change_list(struct ctx *cx, const struct allow_args *a)
{
	bool adds = strcmp(a->what, "remove") != 0;
	struct buf b;
	int rc = 0;

	buf_init(&b, 1 << 16);
	if (strcmp(a->what, "set"))
		rc = old_list(cx, &a->addresses, &b);
	for (size_t i = 0; !rc && adds && i < a->addresses.n; i++)
		append(&b, str_of(a->addresses.v[i]));
	buf_putc(&b, '\0');
	if (!rc && !ctx_dry_run(cx, "addresses that need not sign would be: %s", b.p)) {
		rc = ctx_confirm(cx, "let requests from '%s' in without a signature?", b.p);
		if (!rc)
			rc = admin_allow_list_set(cx->admin, b.p, &cx->err);
		if (!rc)
			ctx_done(cx, "addresses that need not sign: %s", *b.p ? b.p : "none");
	}
	buf_release(&b);
	return rc;
}

static int allow_list(struct ctx *cx, const void *args)
{
	const struct allow_args *a = args;

	if (!strcmp(a->what, "get"))
		return a->addresses.n ? err_set(&cx->err, TQ_EUSAGE, "get takes no address")
				      : get_list(cx);
	if (cx->read_only)
		return err_set(&cx->err, TQ_EPRECOND,
			"'acl allow-list %s' changes something, and this context is read-only",
			a->what);
	if (!a->addresses.n && strcmp(a->what, "set"))
		return err_set(&cx->err, TQ_EUSAGE, "which addresses?");
	return change_list(cx, a);
}

/* ---- versions ---- */

static int versions(struct ctx *cx, const void *args UNUSED)
{
	cJSON *items = cJSON_CreateArray();
	struct acl_states all;
	int64_t newest = 0;
	int rc = admin_acl_states(cx->admin, &cx->mem, &all, &cx->err);

	for (size_t i = 0; !rc && i < all.n; i++)
		newest = MAX(newest, all.v[i].counter);
	for (size_t i = 0; !rc && i < all.n; i++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddStringToObject(o, "broker", all.v[i].broker);
		cJSON_AddStringToObject(o, "address", all.v[i].addr);
		json_add_i64(o, "version", all.v[i].counter);
		view_add_time(cx, o, "changed", all.v[i].timestamp_ms);
		cJSON_AddStringToObject(
			o, "state", all.v[i].counter == newest ? "ok" : "behind");
		cJSON_AddItemToArray(items, o);
	}
	if (!rc)
		return ctx_list(cx, &view_acl_state, items);
	cJSON_Delete(items);
	return rc;
}

const struct cmd cmd_acl[] = {
	{ "can", "whether a role may, and what decides it",
		{ ARG(ARG_ONE, NAMES_NONE, "ROLE", struct can_args, role),
			ARG_CHOICE(ARG_ONE, actions, "ACTION", struct can_args, action),
			ARG_END },
		can_opts, sizeof(struct can_args), can, 0,
		"acl can billing consume --topic orders" },
	{ "allow-list", "addresses that need not sign",
		{ ARG_CHOICE(ARG_ONE, verbs, "VERB", struct allow_args, what),
			ARG(ARG_ANY, NAMES_NONE, "ADDRESS", struct allow_args, addresses),
			ARG_END },
		NULL, sizeof(struct allow_args), allow_list, 0,
		"acl allow-list get\nacl allow-list add 10.1.0.0/16 --yes",
		"Requests from there are let in without a signature, for all but administration. "
		"Addresses, blocks as 10.1.0.0/16, and Apache's patterns as 10.1.2.*." },
	{ "versions", "state of access control on each broker", { ARG_END }, NULL, 0, versions,
		0, "acl versions" },
	CMD_END,
};
