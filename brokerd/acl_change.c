/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl_change: loading the roles, and changing them. A change goes to the meta thread with copies
 * of all it needs and is applied to the tables when it is on disk, in the order of the calls, so
 * the tables are what the disk says. A grant adds or takes bits on both sides alike, so that two
 * that are under way do not undo each other.
 */
#include "brokerd/acl_impl.h"
#include "brokerd/metadb.h"
#include "clock.h"
#include "names.h"
#include "secret.h"
#include "sign.h"

enum what { CREATE, DELETE, GRANT, REVOKE, ROTATE, ACCOUNT, ALLOW };

struct change {
	struct acl *a;
	enum what what;
	struct arena mem; /* every text below */
	struct acl_role r;
	const struct acl_grant *grants;
	size_t n_grants;
	unsigned kinds; /* of grants that go first */
	bool fresh; /* counted in pending */
	struct str list;
	char version[48];
	acl_done done;
	void *arg;
};

/* --- on the meta thread --- */

static int write_role(struct meta *m, const struct change *ch, struct err *e)
{
	const struct acl_role *r = &ch->r;

	return meta_exec(m, ch->what == CREATE ? STMT_ROLE_ADD : STMT_ROLE_PUT, e, "tttttitddi",
		r->name, r->remark, r->key, r->secret, r->old_key, r->old_until_ms,
		r->allow_from, (int)r->admin, (int)r->account, r->created_ms);
}

static int delete_role(struct meta *m, const char *name, struct err *e)
{
	int rc = meta_exec(m, STMT_ROLE_DELETE, e, "t", name);

	return rc ? rc : meta_exec(m, STMT_ROLE_GRANTS_DELETE, e, "t", name);
}

static int write_grants(struct meta *m, const struct change *ch, struct err *e)
{
	int rc = 0;

	for (int kind = 0; !rc && acl_kind_names[kind]; kind++) {
		if (ch->kinds & 1u << kind)
			rc = meta_exec(m, STMT_GRANTS_DELETE, e, "td", ch->r.name, kind);
	}
	for (size_t i = 0; !rc && i < ch->n_grants; i++) {
		const struct acl_grant *g = &ch->grants[i];

		rc = meta_exec(m, STMT_GRANT_ADD, e, "tdtd", ch->r.name, (int)g->kind, g->name,
			g->bits);
	}
	return rc;
}

static int take_grants(struct meta *m, const struct change *ch, struct err *e)
{
	const struct acl_grant *g = ch->grants;
	int rc;

	rc = meta_exec(
		m, STMT_GRANT_TAKE, e, "tdtd", ch->r.name, (int)g->kind, g->name, g->bits);
	return rc ? rc : meta_exec(m, STMT_GRANTS_SWEEP, e, "t", ch->r.name);
}

static int write_change(struct meta *m, void *arg, struct err *e)
{
	const struct change *ch = arg;
	const struct acl_role *r = &ch->r;
	int rc = 0;

	switch (ch->what) {
	case CREATE:
		rc = write_role(m, ch, e);
		break;
	case DELETE:
		rc = delete_role(m, r->name, e);
		break;
	case GRANT:
		rc = write_grants(m, ch, e);
		break;
	case REVOKE:
		rc = take_grants(m, ch, e);
		break;
	case ROTATE:
		rc = meta_exec(m, STMT_ROLE_ROTATE, e, "ttti", r->name, r->key, r->old_key,
			r->old_until_ms);
		break;
	case ACCOUNT:
		rc = write_role(m, ch, e);
		if (!rc)
			rc = write_grants(m, ch, e);
		break;
	case ALLOW:
		rc = meta_exec(m, STMT_FACT_PUT, e, "ts", "acl_allow_list", ch->list);
		break;
	}
	return rc ? rc : meta_exec(m, STMT_FACT_PUT, e, "tt", "acl_version", ch->version);
}

/* --- on the loop --- */

static void apply_grants(struct role_entry *r, const struct change *ch)
{
	acl_drop_kinds(r, ch->kinds);
	for (size_t i = 0; i < ch->n_grants; i++) {
		struct acl_grant g = ch->grants[i];
		const struct acl_grant *old = acl_find_grant(&r->r, g.kind, str_of(g.name));
		int was = old ? old->bits : 0;

		if (ch->what == REVOKE)
			g.bits = was & ~g.bits;
		else if (!(g.bits & ACL_DENY))
			g.bits = (was & ~ACL_DENY) | g.bits;
		acl_set_grant(r, &g);
	}
}

/* The account as it is now, with its grants. */
static struct role_entry *apply_account(struct acl *a, const struct change *ch)
{
	struct role_entry *old = acl_find(a, str_of(ch->r.name)), *r;
	struct acl_grant *grants = NULL;
	size_t n = 0;
	uint32_t id = 0;

	if (old) {
		id = old->r.id;
		grants = old->grants;
		n = old->r.n_grants;
		old->grants = NULL;
		old->r.n_grants = 0;
		acl_drop(a, old);
	}
	r = acl_add(a, &ch->r);
	if (!old)
		return r;
	r->r.id = id;
	r->grants = grants;
	r->r.grants = grants;
	r->r.n_grants = n;
	return r;
}

/* Whose connections are to end; 0: nobody's. */
static uint32_t apply(struct change *ch, bool *old_only)
{
	struct acl *a = ch->a;
	struct role_entry *r = acl_find(a, str_of(ch->r.name));
	uint32_t id = r ? r->r.id : 0;

	*old_only = false;
	switch (ch->what) {
	case CREATE:
		acl_add(a, &ch->r);
		return 0;
	case DELETE:
		if (r)
			acl_drop(a, r);
		return id;
	case GRANT:
		if (r)
			apply_grants(r, ch);
		return 0;
	case REVOKE:
		if (r)
			apply_grants(r, ch);
		return id;
	case ROTATE:
		if (r)
			acl_set_key(a, r, ch->r.key, ch->r.old_key, ch->r.old_until_ms);
		return *ch->r.old_key ? 0 : id;
	case ACCOUNT:
		apply_grants(apply_account(a, ch), ch);
		return id;
	case ALLOW:
		acl_set_listed(a, ch->list, NULL);
		return ACL_LISTED_ID;
	}
	return 0;
}

static void wipe(const char *s)
{
	if (s)
		explicit_bzero((char *)(uintptr_t)s, strlen(s));
}

static void change_free(struct change *ch)
{
	ch->a->pending -= ch->fresh;
	wipe(ch->r.key);
	wipe(ch->r.old_key);
	wipe(ch->r.secret);
	arena_release(&ch->mem);
	mem_free(ch);
}

static void change_done(void *arg, int rc, const struct err *e)
{
	struct change *ch = arg;
	struct acl *a = ch->a;
	bool old_only = false;
	uint32_t lost = rc ? 0 : apply(ch, &old_only);

	if (lost && a->o.on_lost)
		a->o.on_lost(a->o.arg, lost, old_only);
	ch->done(ch->arg, rc, e);
	change_free(ch);
}

static const char *keep(struct change *ch, const char *s)
{
	return arena_str(&ch->mem, s ? s : "");
}

/* Copies r without its grants. */
static struct change *change_new(struct acl *a, enum what what, const struct acl_role *r)
{
	struct change *ch = mem_alloc(sizeof(*ch));

	ch->a = a;
	ch->what = what;
	arena_init(&ch->mem);
	ch->r = *r;
	ch->r.name = keep(ch, r->name);
	ch->r.remark = keep(ch, r->remark);
	ch->r.key = keep(ch, r->key);
	ch->r.secret = r->secret ? keep(ch, r->secret) : NULL;
	ch->r.old_key = keep(ch, r->old_key);
	ch->r.allow_from = keep(ch, r->allow_from);
	return ch;
}

static void keep_grants(struct change *ch, const struct acl_grant *g, size_t n)
{
	struct acl_grant *own = arena_alloc(&ch->mem, (n + 1) * sizeof(*own));

	for (size_t i = 0; i < n; i++)
		own[i] = (struct acl_grant){ g[i].kind, keep(ch, g[i].name), g[i].bits };
	ch->grants = own;
	ch->n_grants = n;
}

static int submit(struct change *ch, acl_done done, void *arg)
{
	struct acl *a = ch->a;

	ch->done = done;
	ch->arg = arg;
	a->version++;
	a->version_ms = clock_wall_ms();
	snprintf(ch->version, sizeof(ch->version), "%lld %lld", (long long)a->version,
		(long long)a->version_ms);
	metadb_submit(a->db, write_change, change_done, ch);
	return 0;
}

/* --- checks --- */

static int check_name(const char *name, struct err *e)
{
	struct str s = str_of(name);

	if (!s.n || s.n > ACL_NAME_MAX)
		return err_set(e, TQ_EINVAL, "a role's name has 1 to %d characters, not %zu",
			ACL_NAME_MAX, s.n);
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
			!(c >= '0' && c <= '9') && c != '-' && c != '_')
			return err_set(e, TQ_EINVAL,
				"a role's name is of letters, digits, '-' and '_'");
	}
	if (!strcmp(name, ACL_ADMIN_KEY))
		return err_set(e, TQ_EINVAL, "'%s' is the administrator", name);
	return 0;
}

static int check_remark(const char *remark, struct err *e)
{
	struct str s = str_of(remark ? remark : "");
	size_t chars = 0;

	for (size_t i = 0; i < s.n; i++)
		chars += (s.p[i] & 0xC0) != 0x80;
	if (!str_is_utf8(s))
		return err_set(e, TQ_EINVAL, "the description is not UTF-8");
	if (chars > ACL_REMARK_MAX)
		return err_set(e, TQ_EINVAL, "the description has %zu characters, at most %d",
			chars, ACL_REMARK_MAX);
	return 0;
}

static int check_addresses(const char *list, struct err *e)
{
	struct addrs a = { 0 };
	int rc = addrs_parse(str_of(list), &a, e);

	addrs_release(&a);
	return rc;
}

static int check_room(const struct acl *a, struct err *e)
{
	if (!a->o.max_roles || a->n_roles + a->pending < a->o.max_roles)
		return 0;
	err_set(e, TQ_ELIMIT, "limit of %d roles reached", a->o.max_roles);
	err_hint(e, "delete what is not needed, or raise max-roles");
	return TQ_ELIMIT;
}

static int find_role(
	const struct acl *a, struct str name, const struct acl_role **out, struct err *e)
{
	*out = acl_role(a, name);
	if (*out)
		return 0;
	return err_set(e, TQ_ENOTFOUND, "no role '" STR_FMT "'", STR_ARG(name));
}

static int check_grant(const struct acl_role *r, const struct acl_grant *g, struct err *e)
{
	if (g->kind == ACL_TOPIC && names_check_wire_topic(str_of(g->name), e))
		return TQ_EINVAL;
	if (g->kind == ACL_GROUP && names_check_wire_group(str_of(g->name), e))
		return TQ_EINVAL;
	if (r->n_grants >= ACL_GRANTS_MAX && !acl_find_grant(r, g->kind, str_of(g->name)))
		return err_set(e, TQ_ELIMIT, "role '%s' has %d grants already", r->name,
			ACL_GRANTS_MAX);
	return 0;
}

/* --- changes --- */

int acl_create(struct acl *a, const struct acl_role *r, acl_done done, void *arg, struct err *e)
{
	struct acl_role fresh = { .name = r->name,
		.remark = r->remark,
		.allow_from = r->allow_from,
		.created_ms = clock_wall_ms() };
	char token[SECRET_TEXT];
	struct change *ch;
	int rc;

	(void)((rc = check_name(r->name, e)) || (rc = check_remark(r->remark, e)) ||
		(rc = check_addresses(r->allow_from, e)) || (rc = check_room(a, e)));
	if (!rc && acl_find(a, str_of(r->name)))
		rc = err_set(e, TQ_EEXIST, "role '%s' exists already", r->name);
	if (rc)
		return rc;
	secret_make(token);
	fresh.key = token;
	ch = change_new(a, CREATE, &fresh);
	explicit_bzero(token, sizeof(token));
	ch->fresh = true;
	a->pending++;
	return submit(ch, done, arg);
}

int acl_delete(
	struct acl *a, struct str name, bool force, acl_done done, void *arg, struct err *e)
{
	const struct acl_role *r;
	int rc = find_role(a, name, &r, e);

	if (rc)
		return rc;
	if (r->n_grants && !force) {
		err_set(e, TQ_EPRECOND, "role '%s' has %zu grants", r->name, r->n_grants);
		err_why(e, "they would go with it");
		return e ? e->code : TQ_EPRECOND;
	}
	return submit(change_new(a, DELETE, &(struct acl_role){ .name = r->name }), done, arg);
}

static int change_grant(struct acl *a, enum what what, struct str name,
	const struct acl_grant *g, acl_done done, void *arg, struct err *e)
{
	const struct acl_role *r;
	struct change *ch;
	int rc = find_role(a, name, &r, e);

	if (!rc)
		rc = check_grant(r, g, e);
	if (rc)
		return rc;
	ch = change_new(a, what, &(struct acl_role){ .name = r->name });
	keep_grants(ch, g, 1);
	return submit(ch, done, arg);
}

int acl_grant(struct acl *a, struct str name, const struct acl_grant *g, acl_done done,
	void *arg, struct err *e)
{
	return change_grant(a, GRANT, name, g, done, arg, e);
}

int acl_revoke(struct acl *a, struct str name, const struct acl_grant *g, acl_done done,
	void *arg, struct err *e)
{
	return change_grant(a, REVOKE, name, g, done, arg, e);
}

int acl_rotate(struct acl *a, struct str name, int64_t grace_ms, acl_done done, void *arg,
	struct err *e)
{
	const struct acl_role *r;
	struct acl_role fresh = { 0 };
	char token[SECRET_TEXT];
	struct change *ch;
	int rc = find_role(a, name, &r, e);

	if (!rc && r->account) {
		err_set(e, TQ_EPRECOND, "'%s' is an account with keys of its own", r->name);
		err_hint(e, "change its secret key with mqadmin updateAclConfig");
		rc = TQ_EPRECOND;
	}
	if (rc)
		return rc;
	secret_make(token);
	fresh.name = r->name;
	fresh.key = token;
	fresh.old_key = grace_ms > 0 ? r->key : "";
	fresh.old_until_ms = grace_ms > 0 ? clock_wall_ms() + grace_ms : 0;
	ch = change_new(a, ROTATE, &fresh);
	explicit_bzero(token, sizeof(token));
	return submit(ch, done, arg);
}

static int check_key(const char *what, const char *key, struct err *e)
{
	size_t n = strlen(key);

	if (n < ACL_KEY_MIN || n > ACL_KEY_MAX)
		return err_set(e, TQ_EINVAL,
			"The %s cannot be shorter than %d or longer than %d", what, ACL_KEY_MIN,
			ACL_KEY_MAX);
	return 0;
}

/* What was not given stays as it was. */
static int merge_account(
	const struct acl *a, const struct acl_role *r, struct acl_role *out, struct err *e)
{
	const struct acl_role *old = acl_role(a, str_of(r->name));
	struct key_entry *k = acl_find_key(a, str_of(r->key));

	*out = *r;
	out->account = true;
	out->created_ms = old ? old->created_ms : clock_wall_ms();
	if (!out->secret)
		out->secret = old ? old->secret : NULL;
	if (!strcmp(r->key, ACL_ADMIN_KEY) || (k && strcmp(k->role->r.name, r->name)) ||
		(old && !old->account))
		return err_set(e, TQ_EEXIST, "the accessKey is taken by a role");
	if (!out->secret)
		return err_set(e, TQ_EINVAL, "a new account needs a secretKey");
	return old ? 0 : check_room(a, e);
}

int acl_put_account(struct acl *a, const struct acl_role *r, unsigned kinds, acl_done done,
	void *arg, struct err *e)
{
	struct acl_role full;
	struct change *ch;
	int rc;

	(void)((rc = check_key("accessKey", r->key, e)) ||
		(rc = r->secret ? check_key("secretKey", r->secret, e) : 0) ||
		(rc = check_name(r->name, e)) || (rc = merge_account(a, r, &full, e)));
	for (size_t i = 0; !rc && i < r->n_grants; i++)
		rc = check_grant(&full, &r->grants[i], e);
	if (rc)
		return rc;
	ch = change_new(a, ACCOUNT, &full);
	ch->fresh = !acl_find(a, str_of(r->name));
	a->pending += ch->fresh;
	ch->kinds = kinds;
	keep_grants(ch, r->grants, r->n_grants);
	ch->r.grants = NULL;
	ch->r.n_grants = 0;
	return submit(ch, done, arg);
}

int acl_set_allow_list(struct acl *a, struct str list, acl_done done, void *arg, struct err *e)
{
	struct change *ch;
	struct addrs parsed = { 0 };
	int rc = addrs_parse(list, &parsed, e);

	addrs_release(&parsed);
	if (rc)
		return rc;
	ch = change_new(a, ALLOW, &(struct acl_role){ 0 });
	ch->list = (struct str){ arena_strn(&ch->mem, list.p ? list.p : "", list.n), list.n };
	return submit(ch, done, arg);
}

/* --- loading --- */

struct load {
	struct acl *a;
	struct arena mem; /* of the row */
};

static const char *col(struct load *l, struct meta *m, int i)
{
	struct str s = meta_col_str(m, i);

	return s.p ? arena_strn(&l->mem, s.p, s.n) : NULL;
}

static int load_role(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct load *l = arg;
	struct acl_role r = {
		.name = col(l, m, 0),
		.remark = col(l, m, 1),
		.key = col(l, m, 2),
		.secret = col(l, m, 3),
		.old_key = col(l, m, 4),
		.old_until_ms = meta_col_int(m, 5),
		.allow_from = col(l, m, 6),
		.admin = meta_col_int(m, 7),
		.account = meta_col_int(m, 8),
		.created_ms = meta_col_int(m, 9),
	};

	acl_add(l->a, &r);
	arena_clear(&l->mem);
	return 0;
}

static int load_grant(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct load *l = arg;
	struct role_entry *r = acl_find(l->a, meta_col_str(m, 0));
	struct acl_grant g = {
		.kind = (enum acl_kind)meta_col_int(m, 1),
		.name = col(l, m, 2),
		.bits = (int)meta_col_int(m, 3),
	};

	if (r && g.kind <= ACL_ALL_GROUPS)
		acl_set_grant(r, &g);
	arena_clear(&l->mem);
	return 0;
}

static int load_fact(void *arg, struct meta *m, struct err *e)
{
	struct acl *a = ((struct load *)arg)->a;
	struct str key = meta_col_str(m, 0), value = meta_col_str(m, 1), counter;
	int rc = 0;

	if (str_is(key, "acl_allow_list"))
		return acl_set_listed(a, value, e);
	if (!str_is(key, "acl_version") || !str_cut(&value, ' ', &counter))
		return 0;
	(void)((rc = str_to_i64(counter, 0, INT64_MAX, &a->version, "version", e)) ||
		(rc = str_to_i64(value, 0, INT64_MAX, &a->version_ms, "version", e)));
	return rc;
}

static int load_all(struct meta *m, void *arg, struct err *e)
{
	struct load l = { .a = arg };
	int rc;

	arena_init(&l.mem);
	(void)((rc = meta_each(m, STMT_FACTS, load_fact, &l, e, "")) ||
		(rc = meta_each(m, STMT_ROLES, load_role, &l, e, "")) ||
		(rc = meta_each(m, STMT_GRANTS, load_grant, &l, e, "")));
	arena_release(&l.mem);
	return rc;
}

int acl_open(struct metadb *db, const struct acl_opts *o, struct acl **out, struct err *e)
{
	struct acl *a = mem_alloc(sizeof(*a));
	int rc;

	a->db = db;
	a->o = *o;
	a->admin_secret = mem_str(o->admin_secret);
	if (o->admin_secret)
		a->admin = sign_key_new(str_of(o->admin_secret));
	a->o.admin_secret = NULL;
	rc = metadb_run(db, load_all, a, e);
	if (rc) {
		acl_free(a);
		return err_wrap(e, "loading the roles");
	}
	*out = a;
	return 0;
}
