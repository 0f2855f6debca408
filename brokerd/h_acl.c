/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_acl: roles (30020 to 30028), and Apache's requests for accounts (50 to 53).
 *
 * 30020 LIST_ROLES	-> 0 {"roles":[ROLE, ...]}
 * 30021 CREATE_ROLE	{"name":"billing","remark":"...","allowFrom":"10.0.0.0/8"}
 *			-> 0 ROLE with its token; 18 exists
 * 30022 DELETE_ROLE	ext role, force		-> 0; 22 unknown; 1 it has grants
 * 30023 GRANT_ROLE	ext role, produce, consume, and one of namespace, topic, group
 * 30024 REVOKE_ROLE	likewise
 * 30025 ROTATE_ROLE	ext role, graceMs	-> 0 ROLE with its token
 * 30026 GET_ROLE	ext role, showToken	-> 0 ROLE; 22 unknown
 * 30027 CHECK_ROLE	ext role, produce or consume, and topic or group
 *			-> 0 ext allowed, rule: what decided
 * 30028 GET_ALLOW_LIST	-> 0 ext addresses; 53 sets it
 *
 *	ROLE	{"name":"billing","remark":"","token":"...","secretKey":"...","allowFrom":"",
 *		 "admin":false,"account":false,"createdMs":1,"usedMs":null,"oldUntilMs":null,
 *		 "grants":[{"on":"namespace","name":"shop","produce":false,"consume":true}]}
 *
 * token and secretKey are there only where it says so. A topic that is denied has neither.
 *
 * 50 to 53 are refused while authentication is off.
 *
 * An account of 50 is a role named like its access key. What Apache's accounts have and ours do
 * not is whiteRemoteAddress, an address that need not sign: it is refused, the list of 53 does it.
 */
#include "brokerd/acl.h"
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/later.h"
#include "names.h"

static struct acl *acl_of(const struct request *rq)
{
	return rq->broker->acl;
}

static int no_role(struct request *rq, struct str name)
{
	return err_set(&rq->err, TQ_ENOTFOUND, "no role '" STR_FMT "'", STR_ARG(name));
}

/* --- what a role looks like --- */

static void put_grant(struct jw *w, const struct acl_grant *g)
{
	int bits = g->bits & ACL_DENY ? 0 : g->bits;

	jw_object(w);
	jw_kv_text(w, "on", acl_kind_names[g->kind]);
	jw_kv_text(w, "name", g->name);
	jw_kv_bool(w, "produce", bits & ACL_PRODUCE);
	jw_kv_bool(w, "consume", bits & ACL_CONSUME);
	jw_end(w);
}

static void put_time(struct jw *w, const char *key, int64_t ms)
{
	jw_key(w, key);
	if (ms)
		jw_int(w, ms);
	else
		jw_text(w, NULL);
}

static void put_role(struct jw *w, const struct acl_role *r, bool show)
{
	jw_object(w);
	jw_kv_text(w, "name", r->name);
	jw_kv_text(w, "remark", r->remark);
	if (show) {
		jw_kv_text(w, "token", r->key);
		jw_kv_text(w, "secretKey", r->secret ? r->secret : r->name);
	}
	jw_kv_text(w, "allowFrom", r->allow_from);
	jw_kv_bool(w, "admin", r->admin);
	jw_kv_bool(w, "account", r->account);
	jw_kv_int(w, "createdMs", r->created_ms);
	put_time(w, "usedMs", r->used_ms);
	put_time(w, "oldUntilMs", r->old_until_ms);
	jw_key(w, "grants");
	jw_array(w);
	for (size_t i = 0; i < r->n_grants; i++)
		put_grant(w, &r->grants[i]);
	jw_array_end(w);
	jw_end(w);
}

static int send_role(struct request *rq, struct str name, bool show)
{
	const struct acl_role *r = acl_role(acl_of(rq), name);
	struct buf b;
	struct jw w;

	if (!r)
		return no_role(rq, name);
	buf_init(&b, 1 << 20);
	w = jw_init(&b);
	put_role(&w, r, show);
	reply_body(rq, &b);
	return 0;
}

static int list_roles(struct request *rq, const void *fields UNUSED)
{
	const struct acl_role **roles;
	struct buf b;
	struct jw w = body_begin(&b);
	size_t n = acl_roles(acl_of(rq), rq->arena, &roles);

	jw_key(&w, "roles");
	jw_array(&w);
	for (size_t i = 0; i < n; i++)
		put_role(&w, roles[i], false);
	jw_array_end(&w);
	body_send(rq, &w);
	return 0;
}

struct get {
	struct str role;
	bool show;
};

static const struct field get_fields[] = { FIELD_STR("role", struct get, role, REQUIRED),
	FIELD_BOOL("showToken", struct get, show, 0), FIELD_END };

static int get_role(struct request *rq, const void *fields)
{
	const struct get *f = fields;

	return send_role(rq, f->role, f->show);
}

/* --- making, deleting, a new token --- */

/* arg: the name, in the arena of the later. */
static int show_role(struct request *rq, void *arg)
{
	return send_role(rq, str_of(arg), true);
}

static struct later *show_later(struct request *rq, struct str name)
{
	struct later *l = later_new(rq, show_role, NULL);

	later_set_arg(l, arena_strn(later_arena(l), name.p, name.n));
	return l;
}

static int create_role(struct request *rq, const void *fields UNUSED)
{
	struct acl_role r = { 0 };
	struct later *l;
	cJSON *doc;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	r.name = json_text(doc, "name", "");
	r.remark = json_text(doc, "remark", "");
	r.allow_from = json_text(doc, "allowFrom", "");
	l = show_later(rq, str_of(r.name));
	rc = later_started(l, acl_create(acl_of(rq), &r, later_done, l, &rq->err));
	cJSON_Delete(doc);
	return rc;
}

struct removal {
	struct str role;
	bool force;
};

static const struct field removal_fields[] = { FIELD_STR(
						       "role", struct removal, role, REQUIRED),
	FIELD_BOOL("force", struct removal, force, 0), FIELD_END };

static int delete_role(struct request *rq, const void *fields)
{
	const struct removal *f = fields;
	struct later *l = later_new(rq, NULL, NULL);

	return later_started(
		l, acl_delete(acl_of(rq), f->role, f->force, later_done, l, &rq->err));
}

struct rotation {
	struct str role;
	int64_t grace_ms;
};

static const struct field rotation_fields[] = { FIELD_STR("role", struct rotation, role,
							REQUIRED),
	FIELD_I64("graceMs", struct rotation, grace_ms, 0), FIELD_END };

static int rotate_role(struct request *rq, const void *fields)
{
	const struct rotation *f = fields;
	struct later *l = show_later(rq, f->role);

	return later_started(
		l, acl_rotate(acl_of(rq), f->role, f->grace_ms, later_done, l, &rq->err));
}

/* --- grants --- */

struct granting {
	struct str role, namespace, topic, group;
	bool produce, consume;
};

static const struct field granting_fields[] = { FIELD_STR("role", struct granting, role,
							REQUIRED),
	FIELD_STR_CHECK("namespace", struct granting, namespace, 0, names_check_namespace),
	FIELD_TOPIC("topic", struct granting, topic, 0),
	FIELD_GROUP("group", struct granting, group, 0),
	FIELD_BOOL("produce", struct granting, produce, 0),
	FIELD_BOOL("consume", struct granting, consume, 0), FIELD_END };

static int bits_of(const struct granting *f)
{
	return (f->produce ? ACL_PRODUCE : 0) | (f->consume ? ACL_CONSUME : 0);
}

/* What it is about: exactly one of namespace, topic, group. */
static int read_grant(struct request *rq, const struct granting *f, struct acl_grant *g)
{
	struct str on[] = {
		[ACL_NAMESPACE] = f->namespace, [ACL_TOPIC] = f->topic, [ACL_GROUP] = f->group
	};
	int n = 0;

	g->bits = bits_of(f);
	for (size_t i = 0; i < ARRAY_LEN(on); i++) {
		if (!on[i].n)
			continue;
		g->kind = (enum acl_kind)i;
		g->name = arena_strn(rq->arena, on[i].p, on[i].n);
		n++;
	}
	if (n != 1)
		return err_set(
			&rq->err, TQ_EINVAL, "a grant is on one of namespace, topic and group");
	if (!g->bits)
		return err_set(
			&rq->err, TQ_EINVAL, "a grant is to produce, to consume, or both");
	return 0;
}

static int grant_role(struct request *rq, const void *fields)
{
	const struct granting *f = fields;
	struct acl_grant g;
	struct later *l;
	int rc = read_grant(rq, f, &g);

	if (!rc && g.kind == ACL_NAMESPACE &&
		!catalog_namespace(rq->broker->catalog, f->namespace))
		rc = err_set(&rq->err, TQ_ENOTFOUND, "no namespace '%s'", g.name);
	if (rc)
		return rc;
	l = later_new(rq, NULL, NULL);
	return later_started(l, acl_grant(acl_of(rq), f->role, &g, later_done, l, &rq->err));
}

static int revoke_role(struct request *rq, const void *fields)
{
	const struct granting *f = fields;
	struct acl_grant g;
	struct later *l;
	int rc = read_grant(rq, f, &g);

	if (rc)
		return rc;
	l = later_new(rq, NULL, NULL);
	return later_started(l, acl_revoke(acl_of(rq), f->role, &g, later_done, l, &rq->err));
}

static int check_role(struct request *rq, const void *fields)
{
	const struct granting *f = fields;
	const struct acl_role *r = acl_role(acl_of(rq), f->role);
	enum acl_kind kind = f->group.n ? ACL_GROUP : ACL_TOPIC;
	struct str name = f->group.n ? f->group : f->topic;
	char rule[ACL_RULE_TEXT];
	bool yes;

	if (!r)
		return no_role(rq, f->role);
	if (!name.n || (f->group.n && f->topic.n))
		return err_set(&rq->err, TQ_EINVAL, "either a topic or a group");
	if (f->produce == f->consume)
		return err_set(&rq->err, TQ_EINVAL, "either produce or consume");
	if (kind == ACL_TOPIC && catalog_is_system_topic(rq->broker->catalog, name)) {
		yes = r->admin;
		snprintf(rule, sizeof(rule), "the topic is the system's");
	} else {
		yes = acl_may(r, bits_of(f), kind, name, rule) || r->admin;
		if (r->admin)
			snprintf(rule, sizeof(rule), "the account is an administrator");
	}
	reply_bool(rq, "allowed", yes);
	reply_str(rq, "rule", str_of(rule));
	return 0;
}

static int get_allow_list(struct request *rq, const void *fields UNUSED)
{
	reply_str(rq, "addresses", str_of(acl_allow_list(acl_of(rq))));
	return 0;
}

/* --- 50 to 53 --- */

struct account {
	struct str key, secret, white, topic_default, group_default, topics, groups;
	bool admin;
};

static const struct field account_fields[] = { FIELD_STR("accessKey", struct account, key,
						       REQUIRED),
	FIELD_STR("secretKey", struct account, secret, 0),
	FIELD_STR("whiteRemoteAddress", struct account, white, 0),
	FIELD_BOOL("admin", struct account, admin, 0),
	FIELD_STR("defaultTopicPerm", struct account, topic_default, 0),
	FIELD_STR("defaultGroupPerm", struct account, group_default, 0),
	FIELD_STR("topicPerms", struct account, topics, 0),
	FIELD_STR("groupPerms", struct account, groups, 0), FIELD_END };

struct grants {
	struct acl_grant *v; /* ACL_GRANTS_MAX, the arena's */
	size_t n;
	unsigned kinds;
};

static int add_grant(struct request *rq, struct grants *g, enum acl_kind kind, struct str name,
	struct str perm)
{
	int bits = acl_bits_of_apache(perm);

	if (bits < 0 && !name.n)
		bits = ACL_DENY; /* Apache takes a default it does not know for that */
	if (bits < 0)
		return err_set(&rq->err, TQ_EINVAL,
			"'" STR_FMT "' is none of DENY, PUB, SUB, PUB|SUB", STR_ARG(perm));
	if (g->n == ACL_GRANTS_MAX)
		return err_set(&rq->err, TQ_ELIMIT, "more than %d permissions", ACL_GRANTS_MAX);
	g->v[g->n++] = (struct acl_grant){ kind, arena_strn(rq->arena, name.p, name.n), bits };
	return 0;
}

/* "T1=PUB|SUB,T2=DENY"; names as clients write them. */
static int add_list(struct request *rq, struct grants *g, enum acl_kind kind, struct str list)
{
	struct str item, name, perm;
	int rc = 0;

	if (!list.p)
		return 0;
	g->kinds |= 1u << kind;
	while (!rc && str_cut(&list, ',', &item)) {
		item = str_trim(item);
		if (!item.n)
			continue;
		perm = item;
		str_cut(&perm, '=', &name);
		name = body_name(rq, arena_strn(rq->arena, name.p, name.n));
		if (!perm.p || !name.n)
			rc = err_set(&rq->err, TQ_EINVAL,
				"'" STR_FMT "' is not NAME=PERMISSION", STR_ARG(item));
		else
			rc = add_grant(rq, g, kind, name, perm);
	}
	return rc;
}

static int add_default(
	struct request *rq, struct grants *g, enum acl_kind kind, struct str perm)
{
	if (!perm.n)
		return 0;
	g->kinds |= 1u << kind;
	return add_grant(rq, g, kind, STR(""), perm);
}

static int read_grants(struct request *rq, const struct account *f, struct grants *g)
{
	int rc;

	g->v = arena_alloc(rq->arena, ACL_GRANTS_MAX * sizeof(*g->v));
	(void)((rc = add_default(rq, g, ACL_ALL_TOPICS, f->topic_default)) ||
		(rc = add_default(rq, g, ACL_ALL_GROUPS, f->group_default)) ||
		(rc = add_list(rq, g, ACL_TOPIC, f->topics)) ||
		(rc = add_list(rq, g, ACL_GROUP, f->groups)));
	return rc;
}

static int put_account(struct request *rq, const struct account *f)
{
	struct acl_role r = { .remark = "account of mqadmin", .admin = f->admin };
	struct grants g = { 0 };
	struct later *l;
	int rc = read_grants(rq, f, &g);

	if (rc)
		return rc;
	if (f->white.n)
		return err_set(&rq->err, TQ_EINVAL,
			"whiteRemoteAddress lets an account in without a signature, which brokerd "
			"does not do: updateGlobalWhiteAddr does for addresses, 'tdmqctl role "
			"create --allow-from' binds a role to some");
	r.key = r.name = arena_strn(rq->arena, f->key.p, f->key.n);
	r.secret = f->secret.n ? arena_strn(rq->arena, f->secret.p, f->secret.n) : NULL;
	r.grants = g.v;
	r.n_grants = g.n;
	l = later_new(rq, NULL, NULL);
	return later_started(
		l, acl_put_account(acl_of(rq), &r, g.kinds, later_done, l, &rq->err));
}

/* As with Apache, which has no accounts then. Roles can be made ready before. */
static int check_on(struct request *rq)
{
	if (acl_required(acl_of(rq)))
		return 0;
	return err_set(&rq->err, TQ_EFAIL, "authentication is off");
}

/* A refusal has the code Apache gives it. */
static int answer_as(struct request *rq, int rc, int response)
{
	if (rc)
		rq->err.response = response;
	return rc;
}

static int update_account(struct request *rq, const void *fields)
{
	int rc = check_on(rq);

	if (!rc)
		rc = put_account(rq, fields);
	return answer_as(rq, rc, RESP_UPDATE_AND_CREATE_ACL_CONFIG_FAILED);
}

struct account_key {
	struct str key;
};

static const struct field account_key_fields[] = {
	FIELD_STR("accessKey", struct account_key, key, REQUIRED), FIELD_END
};

static int delete_account(struct request *rq, const void *fields)
{
	const struct account_key *f = fields;
	struct later *l;
	int rc = check_on(rq);

	if (!rc) {
		l = later_new(rq, NULL, NULL);
		rc = later_started(
			l, acl_delete(acl_of(rq), f->key, true, later_done, l, &rq->err));
	}
	return answer_as(rq, rc, RESP_DELETE_ACL_CONFIG_FAILED);
}

struct white_list {
	struct str addresses;
};

static const struct field white_list_fields[] = {
	FIELD_STR("globalWhiteAddrs", struct white_list, addresses, 0), FIELD_END
};

static int update_white_list(struct request *rq, const void *fields)
{
	const struct white_list *f = fields;
	struct later *l;
	int rc = check_on(rq);

	if (!rc) {
		l = later_new(rq, NULL, NULL);
		rc = later_started(l,
			acl_set_allow_list(acl_of(rq), f->addresses, later_done, l, &rq->err));
	}
	return answer_as(rq, rc, RESP_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG_FAILED);
}

static int acl_versions(struct request *rq, const void *fields UNUSED)
{
	struct data_version dv;
	char text[96];
	int rc = check_on(rq);

	if (rc)
		return rc;
	acl_version(acl_of(rq), &dv.counter, &dv.timestamp_ms);
	snprintf(text, sizeof(text), "{\"counter\":%lld,\"timestamp\":%lld}",
		(long long)dv.counter, (long long)dv.timestamp_ms);
	reply_str(rq, "version", str_of(text));
	reply_str(rq, "allAclFileVersion",
		str_of(arena_fmt(rq->arena, "{\"meta.db\":%s}", text)));
	reply_str(rq, "brokerName", str_of(rq->broker->cfg->broker));
	reply_str(rq, "brokerAddr", str_of(broker_address(rq->broker)));
	reply_str(rq, "clusterName", str_of(rq->broker->cfg->cluster));
	return 0;
}

const struct handler h_acl[] = { { REQ_LIST_ROLES, NULL, 0, list_roles, NEED_ADMIN },
	{ REQ_CREATE_ROLE, NULL, 0, create_role, NEED_ADMIN },
	{ REQ_DELETE_ROLE, removal_fields, sizeof(struct removal), delete_role, NEED_ADMIN },
	{ REQ_GRANT_ROLE, granting_fields, sizeof(struct granting), grant_role, NEED_ADMIN },
	{ REQ_REVOKE_ROLE, granting_fields, sizeof(struct granting), revoke_role, NEED_ADMIN },
	{ REQ_ROTATE_ROLE, rotation_fields, sizeof(struct rotation), rotate_role, NEED_ADMIN },
	{ REQ_GET_ROLE, get_fields, sizeof(struct get), get_role, NEED_ADMIN },
	{ REQ_CHECK_ROLE, granting_fields, sizeof(struct granting), check_role, NEED_ADMIN },
	{ REQ_GET_ALLOW_LIST, NULL, 0, get_allow_list, NEED_ADMIN },
	{ REQ_UPDATE_AND_CREATE_ACL_CONFIG, account_fields, sizeof(struct account),
		update_account, NEED_ADMIN },
	{ REQ_DELETE_ACL_CONFIG, account_key_fields, sizeof(struct account_key), delete_account,
		NEED_ADMIN },
	{ REQ_GET_BROKER_CLUSTER_ACL_INFO, NULL, 0, acl_versions, NEED_ADMIN },
	{ REQ_UPDATE_GLOBAL_WHITE_ADDRS_CONFIG, white_list_fields, sizeof(struct white_list),
		update_white_list, NEED_ADMIN },
	HANDLER_END };
