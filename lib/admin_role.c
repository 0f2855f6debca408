/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin: roles. What the first master does not know (3) is tried the way Apache has it, where it
 * has one.
 */
#include "admin_int.h"
#include "secret.h"

static int not_there(struct err *e, const char *why)
{
	err_set(e, TQ_EUNSUPPORTED, "this server cannot do that with its accounts");
	err_why(e, "%s", why);
	return TQ_EUNSUPPORTED;
}

#define CANNOT_LIST "the protocol of Apache RocketMQ has no request that tells accounts"
#define CANNOT_CHANGE \
	"Apache RocketMQ takes the permissions of an account as a whole and does not tell them; " \
	"mqadmin updateAclConfig sets them all"

/* The body of the answer as JSON. */
static int call_json(struct admin *a, struct command *rq, cJSON **doc, struct err *e)
{
	struct reply *r;
	int rc = admin_call_master(a, rq, &r, e);

	if (rc)
		return rc;
	rc = json_parse(r->cmd.body, JSON_STRICT, doc, e);
	if (rc)
		err_wrap(e, "roles");
	reply_free(r);
	return rc;
}

/* ---- reading ---- */

static const char *keep(const cJSON *o, const char *key, const char *absent, struct arena *mem)
{
	return arena_str(mem, json_text(o, key, absent));
}

static void read_grants(const cJSON *list, struct arena *mem, struct role *r)
{
	const cJSON *j;

	r->grants =
		arena_alloc(mem, (size_t)(cJSON_GetArraySize(list) + 1) * sizeof(*r->grants));
	cJSON_ArrayForEach (j, list)
		r->grants[r->n_grants++] = (struct role_grant){ keep(j, "on", "", mem),
			keep(j, "name", "", mem), json_bool(j, "produce", false),
			json_bool(j, "consume", false) };
}

static void read_role(const cJSON *o, struct arena *mem, struct role *r)
{
	*r = (struct role){
		.name = keep(o, "name", "", mem),
		.remark = keep(o, "remark", "", mem),
		.allow_from = keep(o, "allowFrom", "", mem),
		.access_key = keep(o, "token", NULL, mem),
		.secret_key = keep(o, "secretKey", NULL, mem),
		.admin = json_bool(o, "admin", false),
		.account = json_bool(o, "account", false),
		.created_ms = json_int(o, "createdMs", 0),
		.used_ms = json_int(o, "usedMs", 0),
		.old_until_ms = json_int(o, "oldUntilMs", 0),
	};
	read_grants(cJSON_GetObjectItemCaseSensitive(o, "grants"), mem, r);
}

int admin_roles(struct admin *a, struct arena *mem, struct roles *out, struct err *e)
{
	const cJSON *list, *j;
	cJSON *doc = NULL;
	struct command rq;
	int rc;

	*out = (struct roles){ 0 };
	command_init(&rq, REQ_LIST_ROLES);
	rc = call_json(a, &rq, &doc, e);
	if (rc == TQ_EUNSUPPORTED)
		return not_there(e, CANNOT_LIST);
	if (!rc)
		rc = json_need_array(doc, "roles", &list, e);
	if (!rc) {
		out->v = arena_alloc(
			mem, (size_t)(cJSON_GetArraySize(list) + 1) * sizeof(*out->v));
		cJSON_ArrayForEach (j, list)
			read_role(j, mem, &out->v[out->n++]);
	}
	cJSON_Delete(doc);
	return rc;
}

static int call_role(
	struct admin *a, struct command *rq, struct arena *mem, struct role *out, struct err *e)
{
	cJSON *doc = NULL;
	int rc = call_json(a, rq, &doc, e);

	if (!rc)
		read_role(doc, mem, out);
	cJSON_Delete(doc);
	return rc;
}

int admin_role(struct admin *a, const char *name, bool show_token, struct arena *mem,
	struct role *out, struct err *e)
{
	struct command rq;
	int rc;

	command_init(&rq, REQ_GET_ROLE);
	command_add(&rq, "role", str_of(name));
	command_add(&rq, "showToken", text_of_bool(show_token));
	rc = call_role(a, &rq, mem, out, e);
	return rc == TQ_EUNSUPPORTED ? not_there(e, CANNOT_LIST) : rc;
}

/* ---- changing ---- */

/* An account of Apache's with a new secret. */
static int put_account(
	struct admin *a, const char *name, struct arena *mem, struct role *out, struct err *e)
{
	char secret[SECRET_TEXT];
	struct command rq;
	int rc;

	secret_make(secret);
	command_init(&rq, REQ_UPDATE_AND_CREATE_ACL_CONFIG);
	command_add(&rq, "accessKey", str_of(name));
	command_add(&rq, "secretKey", str_of(secret));
	rc = admin_change_all(a, &rq, e);
	*out = (struct role){ .name = arena_str(mem, name),
		.remark = "",
		.allow_from = "",
		.access_key = arena_str(mem, name),
		.secret_key = arena_str(mem, secret),
		.account = true };
	explicit_bzero(secret, sizeof(secret));
	return rc;
}

int admin_role_create(struct admin *a, const struct role *r, struct arena *mem,
	struct role *out, struct err *e)
{
	struct command rq;
	struct buf b;
	struct jw w;
	int rc;

	buf_init(&b, 1 << 16);
	w = jw_init(&b);
	jw_object(&w);
	jw_kv_text(&w, "name", r->name);
	jw_kv_text(&w, "remark", r->remark ? r->remark : "");
	jw_kv_text(&w, "allowFrom", r->allow_from ? r->allow_from : "");
	jw_end(&w);
	command_init(&rq, REQ_CREATE_ROLE);
	rq.body = buf_str(&b);
	rc = call_role(a, &rq, mem, out, e);
	buf_release(&b);
	if (rc != TQ_EUNSUPPORTED)
		return rc;
	if (r->remark || r->allow_from)
		return not_there(e,
			"accounts of Apache RocketMQ have no description, and their "
			"addresses need not sign instead of being the only ones");
	return put_account(a, r->name, mem, out, e);
}

int admin_role_rotate(struct admin *a, const char *name, int64_t grace_ms, struct arena *mem,
	struct role *out, struct err *e)
{
	struct command rq;
	int rc;

	command_init(&rq, REQ_ROTATE_ROLE);
	command_add(&rq, "role", str_of(name));
	command_add(&rq, "graceMs", text_of_number(mem, grace_ms));
	rc = call_role(a, &rq, mem, out, e);
	if (rc != TQ_EUNSUPPORTED)
		return rc;
	if (grace_ms)
		return not_there(e, "accounts of Apache RocketMQ have one secret at a time");
	return put_account(a, name, mem, out, e);
}

int admin_role_delete(struct admin *a, const char *name, bool force, struct err *e)
{
	struct command rq;
	int rc;

	command_init(&rq, REQ_DELETE_ROLE);
	command_add(&rq, "role", str_of(name));
	command_add(&rq, "force", text_of_bool(force));
	rc = admin_call_master(a, &rq, NULL, e);
	if (rc != TQ_EUNSUPPORTED)
		return rc;
	if (!force)
		return not_there(e, "whether the account has permissions is not told; "
				    "--revoke-all deletes it with them");
	command_init(&rq, REQ_DELETE_ACL_CONFIG);
	command_add(&rq, "accessKey", str_of(name));
	return admin_change_all(a, &rq, e);
}

static void add_grant(struct command *rq, const char *name, const struct role_grant *g)
{
	command_add(rq, "role", str_of(name));
	command_add(rq, g->on, str_of(g->name));
	command_add(rq, "produce", text_of_bool(g->produce));
	command_add(rq, "consume", text_of_bool(g->consume));
}

int admin_role_grant(
	struct admin *a, const char *name, const struct role_grant *g, bool add, struct err *e)
{
	struct command rq;
	int rc;

	command_init(&rq, add ? REQ_GRANT_ROLE : REQ_REVOKE_ROLE);
	add_grant(&rq, name, g);
	rc = admin_call_master(a, &rq, NULL, e);
	return rc == TQ_EUNSUPPORTED ? not_there(e, CANNOT_CHANGE) : rc;
}

int admin_role_can(struct admin *a, const char *name, const struct role_grant *g,
	struct arena *mem, bool *yes, const char **rule, struct err *e)
{
	struct command rq;
	struct reply *r;
	struct str text;
	int rc;

	command_init(&rq, REQ_CHECK_ROLE);
	add_grant(&rq, name, g);
	rc = admin_call_master(a, &rq, &r, e);
	if (rc)
		return rc == TQ_EUNSUPPORTED ? not_there(e, CANNOT_LIST) : rc;
	*yes = str_is(command_ext(&r->cmd, "allowed"), "true");
	text = command_ext(&r->cmd, "rule");
	*rule = arena_strn(mem, text.p ? text.p : "", text.n);
	reply_free(r);
	return 0;
}

/* ---- addresses, versions ---- */

int admin_allow_list(struct admin *a, struct arena *mem, const char **out, struct err *e)
{
	struct command rq;
	struct reply *r;
	struct str text;
	int rc;

	command_init(&rq, REQ_GET_ALLOW_LIST);
	rc = admin_call_master(a, &rq, &r, e);
	if (rc)
		return rc == TQ_EUNSUPPORTED
			       ? not_there(e, "Apache RocketMQ does not tell its white list; "
					      "'acl allow-list set' replaces it")
			       : rc;
	text = command_ext(&r->cmd, "addresses");
	*out = arena_strn(mem, text.p ? text.p : "", text.n);
	reply_free(r);
	return 0;
}

int admin_allow_list_set(struct admin *a, const char *list, struct err *e)
{
	struct command rq;

	command_init(&rq, REQ_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG);
	command_add(&rq, "globalWhiteAddrs", str_of(list));
	return admin_change_all(a, &rq, e);
}

static int read_state(
	const struct answer *w, struct arena *mem, struct acl_state *s, struct err *e)
{
	cJSON *doc;
	int rc = json_parse(command_ext(&w->reply->cmd, "version"), JSON_STRICT, &doc, e);

	if (rc)
		return err_wrap(e, "version of broker '%s'", w->broker->name);
	s->broker = arena_str(mem, w->broker->name);
	s->addr = arena_str(mem, w->broker->addr);
	s->counter = json_int(doc, "counter", 0);
	s->timestamp_ms = json_int(doc, "timestamp", 0);
	cJSON_Delete(doc);
	return 0;
}

int admin_acl_states(struct admin *a, struct arena *mem, struct acl_states *out, struct err *e)
{
	struct command rq;
	struct fan f;
	int rc;

	command_init(&rq, REQ_GET_BROKER_CLUSTER_ACL_INFO);
	rc = fan_cluster(a, &rq, 0, &f, e);
	*out = (struct acl_states){ .v = arena_alloc(mem, (f.n + 1) * sizeof(*out->v)) };
	for (size_t i = 0; !rc && i < f.n; i++) {
		if (f.v[i].reply)
			rc = read_state(&f.v[i], mem, &out->v[out->n++], e);
		else if (f.n == 1) {
			*e = f.v[i].err;
			rc = e->code;
		}
	}
	fan_release(&f);
	return rc;
}
