/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nameserver: who answers, settings, texts. Name servers do not talk to each other: what is
 * changed is changed at every one.
 */
#include "clock.h"
#include "names.h"
#include "view.h"

/* ---- list ---- */

static int nameserver_list(struct ctx *cx, const void *args UNUSED)
{
	const char *const *v;
	size_t n = admin_nameservers(cx->admin, &v);
	cJSON *items = cJSON_CreateArray();

	for (size_t i = 0; i < n; i++) {
		int64_t begin = clock_mono_us(), brokers = 0;
		cJSON *o = cJSON_CreateObject();
		int rc = admin_ping(cx->admin, v[i], &brokers, &cx->err);

		view_add_text(o, "address", v[i]);
		view_add_text(o, "state", rc ? "failed" : "ok");
		view_add_int(o, "tookMs", (clock_mono_us() - begin + 500) / 1000, !rc);
		view_add_int(o, "brokers", brokers, !rc);
		cJSON_AddItemToArray(items, o);
		if (!rc)
			continue;
		ctx_warn(cx, "name server '%s': %s", v[i], cx->err.msg);
		err_clear(&cx->err);
		cx->partial = true;
	}
	return ctx_list(cx, &view_nameserver, items);
}

/* Does it at every name server; names those that failed. */
typedef int (*at_server)(struct ctx *cx, const char *addr, const void *arg);

static int at_all(struct ctx *cx, at_server fn, const void *arg)
{
	const char *const *v;
	size_t n = admin_nameservers(cx->admin, &v), done = 0;

	for (size_t i = 0; i < n; i++) {
		if (fn(cx, v[i], arg))
			ctx_failed(cx, "name server '%s'", v[i]);
		else
			done++;
	}
	return ctx_result(cx, done, n - done);
}

/* ---- config ---- */

static const char *const config_verbs[] = { "get", "set", NULL };

struct config_args {
	const char *what;
	struct strv keys;
};

static int config_get(struct ctx *cx, const struct config_args *a)
{
	const char *const *v;
	size_t n = admin_nameservers(cx->admin, &v);
	cJSON *items = cJSON_CreateArray();
	struct kvs t;
	int rc = 0;

	for (size_t i = 0; !rc && i < n; i++) {
		rc = admin_config(cx->admin, SERVER_NAMESERVER, v[i], &cx->mem, &t, &cx->err);
		for (size_t k = 0; !rc && k < t.n; k++)
			if (!a->keys.n || strv_has(&a->keys, t.v[k].key))
				cJSON_AddItemToArray(items, view_setting_json(v[i], t.v[k]));
	}
	if (!rc)
		return ctx_list(cx, &view_setting, items);
	cJSON_Delete(items);
	return rc;
}

static int set_one(struct ctx *cx, const char *addr, const void *arg)
{
	int rc = admin_config_set(cx->admin, SERVER_NAMESERVER, addr, arg, &cx->err);

	if (!rc)
		ctx_done(cx, "nameserver/%s changed", addr);
	return rc;
}

static int config(struct ctx *cx, const void *args)
{
	const struct config_args *a = args;
	int rc;

	if (strcmp(a->what, "set") != 0)
		return config_get(cx, a);
	rc = ctx_check_settings(cx, "nameserver config set", &a->keys);
	if (rc || ctx_dry_run(cx, "settings of all name servers would be changed"))
		return rc;
	rc = ctx_confirm(cx, "change settings of all name servers?");
	return rc ? rc : at_all(cx, set_one, &a->keys);
}

/* ---- kv ---- */

static const char *const kv_verbs[] = { "list", "get", "set", "delete", NULL };

struct kv_args {
	const char *what, *space;
	struct strv words; /* key; key=value for set */
};

static const struct opt kv_opts[] = {
	OPT_STR(0, "kv-namespace", "name", struct kv_args, space,
		"which texts; " NAMES_ORDER_SPACE " if it is not said"),
	OPT_END,
};

static const char *space_of(const struct kv_args *a)
{
	return a->space ? a->space : NAMES_ORDER_SPACE;
}

/* From the first that answers: they should all have the same. */
static int kv_read(struct ctx *cx, const struct kv_args *a, struct kvs *out)
{
	const char *const *v;
	size_t n = admin_nameservers(cx->admin, &v);
	int rc = TQ_EUNREACHABLE;

	for (size_t i = 0; rc == TQ_EUNREACHABLE && i < n; i++) {
		err_clear(&cx->err);
		rc = admin_kv_list(cx->admin, v[i], space_of(a), &cx->mem, out, &cx->err);
	}
	return rc;
}

static int kv_show(struct ctx *cx, const struct kv_args *a)
{
	struct kvs t;
	cJSON *items;
	int rc = kv_read(cx, a, &t);

	if (rc)
		return rc;
	items = cJSON_CreateArray();
	for (size_t i = 0; i < t.n; i++) {
		cJSON *o;

		if (a->words.n && !strv_has(&a->words, t.v[i].key))
			continue;
		o = cJSON_CreateObject();
		json_add_str(o, "key", t.v[i].key);
		json_add_str(o, "value", t.v[i].value);
		cJSON_AddItemToArray(items, o);
	}
	if (a->words.n && !cJSON_GetArraySize(items)) {
		cJSON_Delete(items);
		return err_set(&cx->err, TQ_ENOTFOUND, "no text '%s' in '%s'", a->words.v[0],
			space_of(a));
	}
	return ctx_list(cx, &view_text, items);
}

static int kv_set_one(struct ctx *cx, const char *addr, const void *arg)
{
	const struct kv_args *a = arg;
	struct str value = str_of(a->words.v[0]), key;
	bool set = !strcmp(a->what, "set");

	if (set)
		str_cut(&value, '=', &key);
	else
		key = value;
	return admin_kv_put(cx->admin, addr, space_of(a), arena_strn(&cx->mem, key.p, key.n),
		set ? value.p : NULL, &cx->err);
}

static int kv_change(struct ctx *cx, const struct kv_args *a)
{
	bool set = !strcmp(a->what, "set");
	int rc;

	if (cx->read_only)
		return err_set(&cx->err, TQ_EPRECOND,
			"'nameserver kv %s' changes something, and this context is read-only",
			a->what);
	if (a->words.n != 1 || (set && !strchr(a->words.v[0], '=')))
		return err_set(&cx->err, TQ_EUSAGE, "%s takes one %s", a->what,
			set ? "KEY=VALUE" : "KEY");
	if (ctx_dry_run(cx, "text '%s' would be %s", a->words.v[0], set ? "set" : "deleted"))
		return 0;
	rc = set ? 0 : ctx_confirm(cx, "delete text '%s'?", a->words.v[0]);
	if (!rc)
		rc = at_all(cx, kv_set_one, a);
	if (!rc)
		ctx_done(cx, "text '%s' %s", a->words.v[0], set ? "set" : "deleted");
	return rc;
}

static int kv(struct ctx *cx, const void *args)
{
	const struct kv_args *a = args;

	if (!strcmp(a->what, "set") || !strcmp(a->what, "delete"))
		return kv_change(cx, a);
	if (!strcmp(a->what, "get") && !a->words.n)
		return err_set(&cx->err, TQ_EUSAGE, "get takes a KEY");
	return kv_show(cx, a);
}

const struct cmd cmd_nameserver[] = {
	{ "list", "list name servers and whether they answer", { ARG_END }, NULL, 0,
		nameserver_list, 0, "nameserver list" },
	{ "config", "show or change settings of name servers",
		{ ARG_CHOICE(ARG_ONE, config_verbs, "VERB", struct config_args, what),
			ARG(ARG_ANY, NAMES_NONE, "KEY[=VALUE]", struct config_args, keys),
			ARG_END },
		NULL, sizeof(struct config_args), config, 0,
		"nameserver config get\nnameserver config set orderMessageEnable=true --yes" },
	{ "kv", "show or change texts that name servers keep",
		{ ARG_CHOICE(ARG_ONE, kv_verbs, "VERB", struct kv_args, what),
			ARG(ARG_ANY, NAMES_NONE, "KEY[=VALUE]", struct kv_args, words),
			ARG_END },
		kv_opts, sizeof(struct kv_args), kv, 0,
		"nameserver kv list --kv-namespace ORDER_TOPIC_CONFIG\n"
		"nameserver kv set trades=brokerd:2" },
	CMD_END,
};
