/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table says for each cloud which variables hold a pair and which files. There are two forms of
 * files: INI with a section a profile, and JSON, where each vendor has a shape of its own. A place
 * that holds half a pair is an error rather than passed over: whoever wrote it meant it.
 */
#include "cloudkey.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fsio.h"
#include "json.h"
#include "secret.h"

#define FILE_MAX (1u << 20)

struct names {
	const char *id, *secret, *token, *project, *region; /* NULL: has none */
};

struct place {
	const char *path_variable; /* names the file; NULL: no such variable */
	const char *path; /* below the home directory; %s stands for the profile */
	const char *profile_variable, *profile; /* when none was asked for */
	const struct names *keys; /* members of the section or object */
	/* NULL: INI. The object of a profile in a JSON file. */
	const cJSON *(*object)(const cJSON *doc, const char *profile, struct err *e);
};

/* --- the table ---------------------------------------------------------------------------- */

static const struct names huawei_env[] = {
	{ "TDMQCTL_HUAWEI_AK", "TDMQCTL_HUAWEI_SK", "TDMQCTL_HUAWEI_TOKEN",
		"TDMQCTL_HUAWEI_PROJECT", "TDMQCTL_HUAWEI_REGION" },
	{ "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN",
		"HUAWEICLOUD_SDK_PROJECT_ID", NULL },
	{ "HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN", "HW_PROJECT_ID",
		"HW_REGION_NAME" },
	{ NULL },
};
static const struct names ali_env[] = {
	{ "TDMQCTL_ALI_ID", "TDMQCTL_ALI_SECRET", "TDMQCTL_ALI_TOKEN", NULL,
		"TDMQCTL_ALI_REGION" },
	{ "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
		"ALIBABA_CLOUD_SECURITY_TOKEN", NULL, "ALIBABA_CLOUD_REGION_ID" },
	{ "ALIBABACLOUD_ACCESS_KEY_ID", "ALIBABACLOUD_ACCESS_KEY_SECRET", NULL, NULL, NULL },
	{ "CONF_ACCESSKEY_ID", "CONF_ACCESSKEY_SECRET", NULL, NULL, NULL },
	{ NULL },
};
static const struct names tencent_env[] = {
	{ "TDMQCTL_TENCENT_ID", "TDMQCTL_TENCENT_KEY", "TDMQCTL_TENCENT_TOKEN", NULL,
		"TDMQCTL_TENCENT_REGION" },
	{ "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN", NULL,
		"TENCENTCLOUD_REGION" },
	{ NULL },
};

static const struct names huawei_ini = { "ak", "sk", "security_token", "project_id", NULL };
static const struct names ali_ini = { "access_key_id", "access_key_secret", "security_token",
	NULL, NULL };
static const struct names ali_json = { "access_key_id", "access_key_secret", "sts_token", NULL,
	"region_id" };
static const struct names tencent_ini = { "secret_id", "secret_key", "token", NULL, NULL };
static const struct names tencent_json = { "secretId", "secretKey", "token", NULL, NULL };

static const cJSON *ali_object(const cJSON *doc, const char *profile, struct err *e)
{
	const char *want = profile ? profile : json_text(doc, "current", "default"), *mode;
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(doc, "profiles"), *p;

	cJSON_ArrayForEach (p, list) {
		if (strcmp(json_text(p, "name", ""), want) != 0)
			continue;
		mode = json_text(p, "mode", "AK");
		if (!strcmp(mode, "AK") || !strcmp(mode, "StsToken"))
			return p;
		err_set(e, TQ_EUNSUPPORTED,
			"profile '%s' has mode %s, which needs a token service", want, mode);
		err_hint(e,
			"export keys of STS: ALIBABA_CLOUD_ACCESS_KEY_ID, _ACCESS_KEY_SECRET, "
			"_SECURITY_TOKEN");
		return NULL;
	}
	return NULL;
}

static const cJSON *tencent_object(const cJSON *doc, const char *profile, struct err *e)
{
	(void)profile;
	if (!*json_text(doc, "role-arn", ""))
		return doc;
	err_set(e, TQ_EUNSUPPORTED, "its keys are of a role, which needs a token service");
	err_hint(e,
		"export TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY, TENCENTCLOUD_TOKEN");
	return NULL;
}

static const struct place huawei_files[] = {
	{ "HUAWEICLOUD_SDK_CREDENTIALS_FILE", ".huaweicloud/credentials", NULL, "basic",
		&huawei_ini, NULL },
	{ NULL },
};
static const struct place ali_files[] = {
	{ NULL, ".aliyun/config.json", "ALIBABA_CLOUD_PROFILE", NULL, &ali_json, ali_object },
	{ "ALIBABA_CLOUD_CREDENTIALS_FILE", ".alibabacloud/credentials",
		"ALIBABA_CLOUD_PROFILE", "default", &ali_ini, NULL },
	{ NULL },
};
static const struct place tencent_files[] = {
	{ NULL, ".tccli/%s.credential", "TCCLI_PROFILE", "default", &tencent_json,
		tencent_object },
	{ "TENCENTCLOUD_CREDENTIALS_FILE", ".tencentcloud/credentials", NULL, "default",
		&tencent_ini, NULL },
	{ NULL },
};

static const struct {
	const char *name;
	const struct names *env;
	const struct place *files;
} clouds[CLOUDS] = {
	[CLOUD_HUAWEI] = { "Huawei Cloud", huawei_env, huawei_files },
	[CLOUD_ALI] = { "Alibaba Cloud", ali_env, ali_files },
	[CLOUD_TENCENT] = { "Tencent Cloud", tencent_env, tencent_files },
};

/* --- taking ------------------------------------------------------------------------------- */

typedef const char *(*look_up)(const void *where, const char *name); /* NULL: not there */

static const char *some(look_up get, const void *where, const char *name)
{
	const char *v = name ? get(where, name) : NULL;

	return v && *v ? v : NULL;
}

/* 1: taken, 0: nothing there. */
static int take(struct cloudkey *k, const struct names *n, look_up get, const void *where,
	const char *from, struct err *e)
{
	const char *id = some(get, where, n->id), *secret = some(get, where, n->secret);

	if (!id && !secret)
		return 0;
	if (!id || !secret)
		return err_set(e, TQ_EDENIED, "%s: '%s' is there, '%s' is not", from,
			id ? n->id : n->secret, id ? n->secret : n->id);
	k->key.id = mem_str(id);
	k->key.secret = mem_str(secret);
	k->key.token = mem_str(some(get, where, n->token));
	k->project = mem_str(some(get, where, n->project));
	k->region = mem_str(some(get, where, n->region));
	k->from = mem_str(from);
	return 1;
}

static const char *get_env(const void *where, const char *name)
{
	(void)where;
	return getenv(name);
}

static int from_environment(struct cloudkey *k, const struct names *n, struct err *e)
{
	int rc = 0;

	for (; !rc && n->id; n++) {
		char *from = mem_fmt("environment %s", n->id);

		rc = take(k, n, get_env, NULL, from, e);
		mem_free(from);
	}
	return rc;
}

static const char *get_member(const void *where, const char *name)
{
	return json_text(where, name, NULL);
}

static int from_json(struct cloudkey *k, const struct place *p, const char *profile,
	struct str text, const char *from, struct err *e)
{
	const cJSON *object;
	cJSON *doc = NULL;
	int rc = json_parse(text, JSON_STRICT, &doc, e);

	if (rc)
		return err_wrap(e, "%s", from);
	err_clear(e);
	object = p->object(doc, profile, e);
	if (object)
		rc = take(k, p->keys, get_member, object, from, e);
	else if (e && e->code)
		rc = err_wrap(e, "%s", from);
	cJSON_Delete(doc);
	return rc;
}

/* A section of an INI file, as pairs of key and value in text that was cut in place. */
struct section {
	struct {
		const char *key, *value;
	} v[32];
	size_t n;
};

static const char *get_pair(const void *where, const char *name)
{
	const struct section *s = where;

	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i].key, name))
			return s->v[i].value;
	return NULL;
}

/* Ends s where it ends, in the text it points into. */
static const char *cut(struct str s)
{
	((char *)s.p)[s.n] = '\0';
	return s.p;
}

static void read_section(struct section *s, struct str text, const char *want)
{
	struct str line, key;
	bool in = false;

	while (str_cut(&text, '\n', &line)) {
		line = str_trim(line);
		if (!line.n || *line.p == '#' || *line.p == ';')
			continue;
		if (*line.p == '[' && str_ends(line, STR("]"))) {
			struct str name = { line.p + 1, line.n - 2 };

			in = str_is(str_trim(name), want);
		} else if (in && s->n < ARRAY_LEN(s->v) && memchr(line.p, '=', line.n)) {
			(void)str_cut(&line, '=', &key);
			s->v[s->n].key = cut(str_trim(key));
			s->v[s->n++].value = line.p ? cut(str_trim(line)) : "";
		}
	}
}

static int from_ini(struct cloudkey *k, const struct place *p, const char *profile,
	struct str text, const char *from, struct err *e)
{
	struct section s = { .n = 0 };

	read_section(&s, text, profile);
	return take(k, p->keys, get_pair, &s, from, e);
}

/* Owned; NULL without a home directory. */
static char *path_of(const struct place *p, const char *profile)
{
	const char *named = p->path_variable ? getenv(p->path_variable) : NULL;
	const char *home = getenv("HOME"), *hole = strstr(p->path, "%s");

	if (named && *named)
		return mem_str(named);
	if (!home || !*home)
		return NULL;
	if (!hole)
		return mem_fmt("%s/%s", home, p->path);
	return mem_fmt("%s/%.*s%s%s", home, (int)(hole - p->path), p->path, profile, hole + 2);
}

static int from_file(
	struct cloudkey *k, const struct place *p, const char *profile, struct err *e)
{
	const char *chosen = p->profile_variable ? getenv(p->profile_variable) : NULL;
	char *path, *from;
	struct stat st;
	struct buf b;
	int rc;

	profile = profile ? profile : chosen && *chosen ? chosen : p->profile;
	if (profile && strchr(profile, '/'))
		return err_set(e, TQ_EUSAGE, "'%s' is no name of a profile", profile);
	path = path_of(p, profile);
	if (!path || stat(path, &st)) {
		mem_free(path);
		return 0;
	}
	buf_init(&b, FILE_MAX);
	rc = fsio_read_file(path, FILE_MAX, &b, e);
	from = profile ? mem_fmt("%s, profile %s", path, profile) : mem_str(path);
	if (!rc)
		rc = p->object ? from_json(k, p, profile, buf_str(&b), from, e)
			       : from_ini(k, p, profile, buf_str(&b), from, e);
	if (rc == 1 && st.st_mode & 077)
		k->warning = mem_fmt("'%s' can be read by others: chmod 600 it", path);
	if (b.p)
		explicit_bzero(b.p, b.n);
	buf_release(&b);
	mem_free(from);
	mem_free(path);
	return rc;
}

static int from_opts(struct cloudkey *k, const struct cloudkey_opts *o, struct err *e)
{
	char *secret = NULL;
	int rc;

	if (!o->id && !o->secret_from)
		return 0;
	if (!o->id || !o->secret_from)
		return err_set(
			e, TQ_EUSAGE, "an access key and where its secret is go together");
	rc = secret_read(o->secret_from, &secret, e);
	if (rc)
		return rc;
	k->key.id = mem_str(o->id);
	k->key.secret = secret;
	k->from = mem_str("the command line");
	return 1;
}

int cloudkey_find(
	struct cloudkey *k, enum cloud c, const struct cloudkey_opts *o, struct err *e)
{
	static const struct cloudkey_opts none;
	const struct place *p = clouds[c].files;
	struct err mine = ERR_INIT;
	int rc;

	*k = (struct cloudkey){ .key = { NULL } };
	o = o ? o : &none;
	rc = from_opts(k, o, &mine);
	if (!rc && !o->profile)
		rc = from_environment(k, clouds[c].env, &mine);
	for (; !rc && p->path; p++)
		rc = from_file(k, p, o->profile, &mine);
	if (rc > 0)
		return 0;
	cloudkey_release(k);
	if (!rc) {
		rc = err_set(&mine, TQ_EDENIED, "no keys for %s", clouds[c].name);
		err_hint(&mine, "export %s and %s, or keep them in ~/%s", clouds[c].env[0].id,
			clouds[c].env[0].secret, clouds[c].files[0].path);
	}
	if (e)
		*e = mine;
	return rc;
}

void cloudkey_release(struct cloudkey *k)
{
	secret_free((char *)k->key.id);
	secret_free((char *)k->key.secret);
	secret_free((char *)k->key.token);
	mem_free(k->region);
	mem_free(k->project);
	mem_free(k->from);
	mem_free(k->warning);
	*k = (struct cloudkey){ .key = { NULL } };
}

const char *cloudkey_masked(const struct cloudkey *k, struct arena *mem)
{
	return arena_fmt(mem, "%.4s****", k->key.id);
}
