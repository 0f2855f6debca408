/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An account becomes what Apache's request 50 would make of it, see acl_put_account(). What an
 * account may do without a signature from its whiteRemoteAddress is refused, as there. The fact
 * "apache_accounts" is the CRC of the file that was taken.
 */
#include "brokerd/adopt_acl.h"

#include "crc.h"
#include "fsio.h"
#include "log.h"
#include "mem.h"
#include "yamldoc.h"
#include "brokerd/acl.h"
#include "brokerd/metadb.h"

#define FACT "apache_accounts"
#define FILE_MAX (4 << 20)

struct taking {
	struct metadb *db;
	struct acl *acl;
	struct adopt_acl_report *r;
	char digest[16], known[16];
	int rc; /* of the change under way */
	struct err err;
};

static void refuse(struct taking *t, const char *key, const char *why)
{
	if (!t->r->refused++)
		snprintf(t->r->why, sizeof(t->r->why), "'%.40s': %.140s", key, why);
}

static void done(void *arg, int rc, const struct err *e)
{
	struct taking *t = arg;

	t->rc = rc;
	if (rc)
		t->err = *e;
}

static void wait_done(struct taking *t)
{
	while (metadb_deliver(t->db))
		;
}

/* ---- one account ---- */

struct grants {
	struct acl_grant v[ACL_GRANTS_MAX];
	size_t n;
	unsigned kinds;
};

static int add(
	struct grants *g, enum acl_kind kind, const char *name, struct str perm, struct err *e)
{
	int bits = acl_bits_of_apache(perm);

	if (bits < 0 && !name[0])
		bits = ACL_DENY; /* Apache takes a default it does not know for that */
	if (bits < 0)
		return err_set(e, TQ_EINVAL, "'" STR_FMT "' is no permission", STR_ARG(perm));
	if (g->n == ACL_GRANTS_MAX)
		return err_set(e, TQ_ELIMIT, "more than %d permissions", ACL_GRANTS_MAX);
	g->kinds |= 1u << kind;
	g->v[g->n++] = (struct acl_grant){ kind, name, bits };
	return 0;
}

static int add_list(struct grants *g, enum acl_kind kind, const cJSON *list, struct arena *mem,
	struct err *e)
{
	const cJSON *item;
	int rc = 0;

	cJSON_ArrayForEach (item, list) {
		struct str perm = str_of(cJSON_IsString(item) ? item->valuestring : ""), name;

		str_cut(&perm, '=', &name);
		if (!perm.p || !name.n)
			rc = err_set(e, TQ_EINVAL, "a permission that is not NAME=PERMISSION");
		else
			rc = add(g, kind, arena_strn(mem, name.p, name.n), perm, e);
		if (rc)
			break;
	}
	return rc;
}

static int read_grants(const cJSON *account, struct grants *g, struct arena *mem, struct err *e)
{
	int rc;

	(void)((rc = add(g, ACL_ALL_TOPICS, "",
			str_of(json_text(account, "defaultTopicPerm", "DENY")), e)) ||
		(rc = add(g, ACL_ALL_GROUPS, "",
			 str_of(json_text(account, "defaultGroupPerm", "DENY")), e)) ||
		(rc = add_list(g, ACL_TOPIC,
			 cJSON_GetObjectItemCaseSensitive(account, "topicPerms"), mem, e)) ||
		(rc = add_list(g, ACL_GROUP,
			 cJSON_GetObjectItemCaseSensitive(account, "groupPerms"), mem, e)));
	return rc;
}

/* Whether a role of ours, no account, has this access key. */
static bool is_ours(const struct acl *a, const char *key, struct arena *mem)
{
	const struct acl_role **roles;
	size_t n = acl_roles(a, mem, &roles);

	for (size_t i = 0; i < n; i++)
		if (!roles[i]->account && !strcmp(roles[i]->key, key))
			return true;
	return false;
}

/* As it is written: keys may look like numbers. */
static const char *scalar(
	const struct yamldoc *doc, const cJSON *o, const char *key, const char *absent)
{
	const cJSON *node = cJSON_GetObjectItemCaseSensitive(o, key);
	const char *text = cJSON_IsString(node) ? node->valuestring
			   : node		? yamldoc_text(doc, node)
						: NULL;

	return text ? text : absent;
}

static void take_account(
	struct taking *t, const struct yamldoc *doc, const cJSON *account, struct grants *g)
{
	const char *key = scalar(doc, account, "accessKey", "");
	struct acl_role role = { .remark = "account of plain_acl.yml",
		.allow_from = "",
		.name = key,
		.key = key,
		.secret = scalar(doc, account, "secretKey", NULL),
		.admin = json_bool(account, "admin", false) };
	struct err e = ERR_INIT;
	struct arena mem;
	int rc;

	arena_init(&mem);
	memset(g, 0, sizeof(*g));
	t->rc = 0;
	rc = is_ours(t->acl, key, &mem) ? TQ_EEXIST : read_grants(account, g, &mem, &e);
	if (!rc && json_text(account, "whiteRemoteAddress", "")[0])
		rc = err_set(&e, TQ_EINVAL,
			"whiteRemoteAddress lets it in without a signature, brokerd does not");
	role.grants = g->v;
	role.n_grants = g->n;
	if (!rc && !(rc = acl_put_account(t->acl, &role, g->kinds, done, t, &e))) {
		wait_done(t);
		rc = t->rc;
		e = t->err;
	}
	if (!rc)
		t->r->taken++;
	else if (rc == TQ_EEXIST)
		t->r->own++;
	else
		refuse(t, key, e.msg);
	arena_release(&mem);
}

static void take_white(struct taking *t, const cJSON *list)
{
	struct err e = ERR_INIT;
	const cJSON *item;
	struct buf b;

	buf_init(&b, 64 << 10);
	cJSON_ArrayForEach (item, list)
		if (cJSON_IsString(item) && item->valuestring[0])
			buf_addf(&b, "%s%s", b.n ? "," : "", item->valuestring);
	if (b.n) {
		t->rc = acl_set_allow_list(t->acl, buf_str(&b), done, t, &e);
		if (!t->rc)
			wait_done(t);
		if (t->rc)
			refuse(t, "globalWhiteRemoteAddresses", e.msg[0] ? e.msg : t->err.msg);
	}
	buf_release(&b);
}

/* ---- the file ---- */

static int take_known(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct taking *t = arg;
	struct str value = meta_col_str(m, 1);

	if (str_is(meta_col_str(m, 0), FACT))
		snprintf(t->known, sizeof(t->known), STR_FMT, STR_ARG(value));
	return 0;
}

static int look(struct meta *m, void *arg, struct err *e)
{
	return meta_each(m, STMT_FACTS, take_known, arg, e, "");
}

static int keep(struct meta *m, void *arg, struct err *e)
{
	const struct taking *t = arg;

	return meta_exec(m, STMT_FACT_PUT, e, "tt", FACT, t->digest);
}

static int take_file(struct taking *t, struct str text, const char *file, struct err *e)
{
	struct acl_opts ao = { .required = true };
	struct yamldoc *doc = NULL;
	struct grants *g = NULL;
	const cJSON *root = NULL, *account;
	int rc = yamldoc_parse(text, file, &doc, e);

	if (!rc)
		rc = acl_open(t->db, &ao, &t->acl, e);
	if (!rc) {
		root = yamldoc_root(doc, 0);
		g = mem_alloc(sizeof(*g));
		take_white(t,
			cJSON_GetObjectItemCaseSensitive(root, "globalWhiteRemoteAddresses"));
		cJSON_ArrayForEach (account, cJSON_GetObjectItemCaseSensitive(root, "accounts"))
			take_account(t, doc, account, g);
		rc = metadb_run(t->db, keep, t, e);
	}
	mem_free(g);
	acl_free(t->acl);
	yamldoc_free(doc);
	return rc;
}

int adopt_acl(const char *dir, const char *file, struct adopt_acl_report *r, struct err *e)
{
	struct taking t = { .r = r };
	char *path = mem_fmt("%s/meta.db", dir);
	struct metadb_opts o = { path, NULL };
	struct buf text;
	int rc;

	memset(r, 0, sizeof(*r));
	buf_init(&text, FILE_MAX);
	(void)((rc = fsio_read_file(file, FILE_MAX, &text, e)) ||
		(rc = metadb_open(&o, &t.db, e)) || (rc = metadb_run(t.db, look, &t, e)));
	if (!rc) {
		snprintf(t.digest, sizeof(t.digest), "%08x", crc_32(text.p, text.n));
		r->fresh = !strcmp(t.digest, t.known);
		if (!r->fresh)
			rc = take_file(&t, buf_str(&text), file, e);
	}
	metadb_close(t.db);
	mem_wipe_free(text.p, text.cap);
	mem_free(path);
	return rc ? err_wrap(e, "accounts of '%s'", file) : 0;
}
