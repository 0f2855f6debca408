/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: one table for each map of the file says which keys it may hold and where they go. A key
 * that is not in the table is an error with its place: a misspelt `protected` must not pass.
 */
#include <unistd.h>

#include "config.h"
#include "opt.h"
#include "yamldoc.h"

#define CONFIG_MAX (1u << 20)

enum kind { TEXT, LIST, BOOL };

struct key {
	const char *name;
	enum kind kind;
	size_t at;
};

#define KEY(name, kind, member) \
	{ \
		name, kind, offsetof(struct config, member) \
	}

static const struct key default_keys[] = {
	KEY("output", TEXT, output),
	KEY("timeout", TEXT, timeout),
};

static const struct key context_keys[] = {
	KEY("nameservers", LIST, nameservers),
	KEY("namespace", TEXT, namespace),
	KEY("protected", BOOL, protected),
	KEY("readOnly", BOOL, read_only),
};

static const struct key credential_keys[] = {
	KEY("accessKey", TEXT, access_key),
	KEY("secretFrom", TEXT, secret_from),
	KEY("role", TEXT, role),
	KEY("tokenFrom", TEXT, token_from),
};

struct reader {
	const struct yamldoc *doc;
	struct config *c;
	struct arena *mem;
	struct err *e;
};

static int complain(const struct reader *r, const cJSON *node, const char *what)
{
	err_set(r->e, TQ_EUSAGE, "%s", what);
	yamldoc_wrap(r->doc, node, r->e);
	return TQ_EUSAGE;
}

static int unknown(const struct reader *r, const cJSON *node)
{
	err_set(r->e, TQ_EUSAGE, "unknown key '%s'", node->string ? node->string : "?");
	yamldoc_wrap(r->doc, node, r->e);
	return TQ_EUSAGE;
}

static int read_list(const struct reader *r, const cJSON *node, const char **out)
{
	struct buf b;
	const cJSON *j;

	if (cJSON_IsString(node)) {
		*out = arena_str(r->mem, node->valuestring);
		return 0;
	}
	if (!cJSON_IsArray(node))
		return complain(r, node, "expected a list of texts");
	buf_init(&b, 1 << 16);
	cJSON_ArrayForEach (j, node) {
		if (!cJSON_IsString(j)) {
			buf_release(&b);
			return complain(r, j, "expected a text");
		}
		buf_addf(&b, "%s%s", b.n ? "," : "", j->valuestring);
	}
	*out = b.n ? arena_strn(r->mem, b.p, b.n) : NULL;
	buf_release(&b);
	return 0;
}

static int read_value(const struct reader *r, const struct key *k, const cJSON *node)
{
	void *at = (char *)r->c + k->at;

	if (k->kind == LIST)
		return read_list(r, node, at);
	if (k->kind == BOOL) {
		if (!cJSON_IsBool(node))
			return complain(r, node, "expected true or false");
		*(bool *)at = cJSON_IsTrue(node);
		return 0;
	}
	if (!yamldoc_text(r->doc, node))
		return complain(r, node, "expected a text");
	*(const char **)at = arena_str(r->mem, yamldoc_text(r->doc, node));
	return 0;
}

static int read_key(const struct reader *r, const struct key *keys, size_t n, const cJSON *node)
{
	for (size_t i = 0; i < n; i++)
		if (node->string && !strcmp(keys[i].name, node->string))
			return read_value(r, &keys[i], node);
	return unknown(r, node);
}

static int read_map(const struct reader *r, const struct key *keys, size_t n, const cJSON *map)
{
	const cJSON *j;
	int rc = 0;

	if (!cJSON_IsObject(map))
		return complain(r, map, "expected keys and values");
	cJSON_ArrayForEach (j, map)
		if ((rc = read_key(r, keys, n, j)))
			break;
	return rc;
}

static int read_context(const struct reader *r, const cJSON *map)
{
	const cJSON *j;
	int rc = 0;

	if (!cJSON_IsObject(map))
		return complain(r, map, "expected keys and values");
	cJSON_ArrayForEach (j, map) {
		if (j->string && !strcmp(j->string, "credentials"))
			rc = read_map(r, credential_keys, ARRAY_LEN(credential_keys), j);
		else
			rc = read_key(r, context_keys, ARRAY_LEN(context_keys), j);
		if (rc)
			break;
	}
	return rc;
}

static int no_context(
	const struct reader *r, const char *name, const cJSON *contexts, const char *path)
{
	struct strv names = STRV_INIT;
	const char *near;
	const cJSON *j;

	cJSON_ArrayForEach (j, contexts)
		strv_add(&names, str_of(j->string));
	near = names.n ? opt_nearest(str_of(name), (const char *const *)names.v) : NULL;
	err_set(r->e, TQ_EUSAGE, "no context '%s' in '%s'", name, path);
	if (near)
		err_hint(r->e, "did you mean '%s'?", near);
	strv_release(&names);
	return TQ_EUSAGE;
}

static int read_root(
	const struct reader *r, const cJSON *root, const char *context, const char *path)
{
	const cJSON *j, *contexts = NULL, *chosen;
	int rc = 0;

	cJSON_ArrayForEach (j, root) {
		const char *key = j->string ? j->string : "";

		if (!strcmp(key, "contexts"))
			contexts = j;
		else if (!strcmp(key, "defaults"))
			rc = read_map(r, default_keys, ARRAY_LEN(default_keys), j);
		else if (strcmp(key, "currentContext"))
			rc = unknown(r, j);
		else if (!context)
			context = yamldoc_text(r->doc, j);
		if (rc)
			return rc;
	}
	if (!context)
		return 0;
	chosen = cJSON_GetObjectItemCaseSensitive(contexts, context);
	if (!chosen)
		return no_context(r, context, contexts, path);
	r->c->context = arena_str(r->mem, context);
	return read_context(r, chosen);
}

const char *config_path(const char *path, bool *must, struct arena *mem)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME");

	if (!path)
		path = getenv("TDMQCTL_CONFIG");
	*must = path && *path;
	if (*must)
		return path;
	if (xdg && *xdg)
		return arena_fmt(mem, "%s/tdmqctl/config.yaml", xdg);
	return home ? arena_fmt(mem, "%s/.config/tdmqctl/config.yaml", home) : NULL;
}

int config_load(struct config *c, const char *path, const char *context, struct arena *mem,
	struct err *e)
{
	struct reader r = { NULL, c, mem, e };
	struct yamldoc *doc;
	const cJSON *root;
	bool must;
	int rc;

	memset(c, 0, sizeof(*c));
	path = config_path(path, &must, mem);
	if (!path || (!must && access(path, F_OK))) {
		if (!context)
			return 0;
		return err_set(e, TQ_EUSAGE, "no context '%s': there is no configuration file",
			context);
	}
	rc = yamldoc_load(path, CONFIG_MAX, &doc, e);
	if (rc) {
		err_wrap(e, "configuration");
		return e->code = TQ_EUSAGE;
	}
	r.doc = doc;
	root = yamldoc_count(doc) ? yamldoc_root(doc, 0) : NULL;
	if (root && !cJSON_IsObject(root))
		rc = complain(&r, root, "expected keys and values");
	else
		rc = read_root(&r, root, context, path);
	yamldoc_free(doc);
	return rc;
}

int config_contexts(const char *path, struct strv *out, struct arena *mem, struct err *e)
{
	struct yamldoc *doc;
	const cJSON *j, *root;
	bool must;
	int rc;

	path = config_path(path, &must, mem);
	if (!path || access(path, F_OK))
		return 0;
	rc = yamldoc_load(path, CONFIG_MAX, &doc, e);
	if (rc)
		return rc;
	root = yamldoc_count(doc) ? yamldoc_root(doc, 0) : NULL;
	cJSON_ArrayForEach (j, cJSON_GetObjectItemCaseSensitive(root, "contexts"))
		if (j->string)
			strv_add(out, str_of(j->string));
	yamldoc_free(doc);
	return 0;
}
