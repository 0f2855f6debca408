/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl: the tables of roles and tokens, and the two questions: whose request is it, may he.
 *
 * The signature is checked for each request. With the product's roles it proves little beyond the
 * token itself, since the secret key is the role's name; it is what all clients send, and it is
 * what accounts and the administrator are known by.
 */
#include "brokerd/acl_impl.h"

#include <openssl/crypto.h>

#include "clock.h"
#include "log.h"
#include "names.h"
#include "secret.h"
#include "sign.h"

#define FAILING_MAX 1024 /* addresses that are remembered */
#define FAILING_WINDOW_MS 10000
#define FAILING_FREE 20 /* failures within it that cost nothing */

const char *const acl_kind_names[] = { "namespace", "topic", "group", "topics", "groups",
	NULL };

/* --- tables --- */

struct role_entry *acl_find(const struct acl *a, struct str name)
{
	struct role_entry *r;

	HASH_FIND(hh, a->roles, name.p, name.n, r);
	return r;
}

static const char *key_text(const struct key_entry *k)
{
	return k->old ? k->role->r.old_key : k->role->r.key;
}

struct key_entry *acl_find_key(const struct acl *a, struct str key)
{
	uint64_t hash = str_hash(key);
	struct key_entry *k;
	const char *own;

	HASH_FIND(hh, a->keys, &hash, sizeof(hash), k);
	if (!k)
		return NULL;
	own = key_text(k);
	return strlen(own) == key.n && !CRYPTO_memcmp(own, key.p, key.n) ? k : NULL;
}

static struct key_entry *add_key(struct acl *a, struct role_entry *r, const char *key, bool old)
{
	uint64_t hash = str_hash(str_of(key));
	struct key_entry *k;

	if (!*key)
		return NULL;
	HASH_FIND(hh, a->keys, &hash, sizeof(hash), k);
	if (k) /* twice in the file, or one chance in 2^64: the second role is locked out */
		return NULL;
	k = mem_alloc(sizeof(*k));
	k->hash = hash;
	k->role = r;
	k->old = old;
	HASH_ADD(hh, a->keys, hash, sizeof(k->hash), k);
	return k;
}

static void drop_key(struct acl *a, struct key_entry **k)
{
	if (*k)
		HASH_DEL(a->keys, *k);
	mem_free(*k);
	*k = NULL;
}

static void free_secret(const char *s)
{
	secret_free((char *)(uintptr_t)s);
}

void acl_set_key(struct acl *a, struct role_entry *r, const char *key, const char *old_key,
	int64_t old_until_ms)
{
	const char *was = r->r.key, *was_old = r->r.old_key;

	drop_key(a, &r->key);
	drop_key(a, &r->old);
	r->r.key = mem_str(key);
	r->r.old_key = mem_str(old_key);
	r->r.old_until_ms = old_until_ms;
	r->key = add_key(a, r, key, false);
	r->old = add_key(a, r, old_key, true);
	free_secret(was);
	free_secret(was_old);
}

struct role_entry *acl_add(struct acl *a, const struct acl_role *from)
{
	struct role_entry *r = mem_alloc(sizeof(*r));
	struct err e = ERR_INIT;

	r->r = *from;
	r->r.name = mem_str(from->name);
	r->r.remark = mem_str(from->remark ? from->remark : "");
	r->r.secret = mem_str(from->secret);
	r->r.allow_from = mem_str(from->allow_from ? from->allow_from : "");
	r->r.key = r->r.old_key = NULL;
	r->r.grants = NULL;
	r->r.n_grants = 0;
	r->r.id = ++a->next_id;
	if (addrs_parse(str_of(r->r.allow_from), &r->from, &e))
		log_error("acl", "role '%s': %s", r->r.name, e.msg);
	r->signer = sign_key_new(str_of(r->r.secret ? r->r.secret : r->r.name));
	HASH_ADD_KEYPTR(hh, a->roles, r->r.name, strlen(r->r.name), r);
	a->n_roles++;
	acl_set_key(a, r, from->key, from->old_key ? from->old_key : "", from->old_until_ms);
	return r;
}

void acl_drop(struct acl *a, struct role_entry *r)
{
	HASH_DEL(a->roles, r);
	a->n_roles--;
	drop_key(a, &r->key);
	drop_key(a, &r->old);
	acl_drop_kinds(r, ~0u);
	addrs_release(&r->from);
	sign_key_free(r->signer);
	free_secret(r->r.key);
	free_secret(r->r.old_key);
	free_secret(r->r.secret);
	mem_free(r->grants);
	mem_free((char *)(uintptr_t)r->r.name);
	mem_free((char *)(uintptr_t)r->r.remark);
	mem_free((char *)(uintptr_t)r->r.allow_from);
	mem_free(r);
}

/* Index of the grant; when there is none ~ of where it belongs. */
static int64_t search(const struct acl_role *r, enum acl_kind kind, struct str name)
{
	size_t low = 0, high = r->n_grants, mid;
	int order;

	while (low < high) {
		mid = (low + high) / 2;
		order = (int)r->grants[mid].kind - (int)kind;
		if (!order)
			order = str_cmp(str_of(r->grants[mid].name), name);
		if (!order)
			return (int64_t)mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return ~(int64_t)low;
}

const struct acl_grant *acl_find_grant(
	const struct acl_role *r, enum acl_kind kind, struct str name)
{
	int64_t at = search(r, kind, name);

	return at < 0 ? NULL : &r->grants[at];
}

static void remove_at(struct role_entry *r, size_t at)
{
	mem_free((char *)(uintptr_t)r->grants[at].name);
	memmove(r->grants + at, r->grants + at + 1,
		(r->r.n_grants - at - 1) * sizeof(*r->grants));
	r->r.n_grants--;
}

void acl_set_grant(struct role_entry *r, const struct acl_grant *g)
{
	int64_t found = search(&r->r, g->kind, str_of(g->name));
	size_t at = (size_t)(found < 0 ? ~found : found), n = r->r.n_grants;

	if (found >= 0 && g->bits) {
		r->grants[at].bits = g->bits;
	} else if (found >= 0) {
		remove_at(r, at);
	} else if (g->bits) {
		r->grants = mem_grow(r->grants, (n + 1) * sizeof(*r->grants));
		memmove(r->grants + at + 1, r->grants + at, (n - at) * sizeof(*r->grants));
		r->grants[at] = (struct acl_grant){ g->kind, mem_str(g->name), g->bits };
		r->r.n_grants++;
	}
	r->r.grants = r->grants;
}

void acl_drop_kinds(struct role_entry *r, unsigned kinds)
{
	for (size_t i = r->r.n_grants; i-- > 0;) {
		if (kinds & 1u << r->grants[i].kind)
			remove_at(r, i);
	}
}

int acl_set_listed(struct acl *a, struct str list, struct err *e)
{
	int rc = addrs_parse(list, &a->listed, e);

	if (rc)
		return rc;
	mem_free(a->allow_list);
	a->allow_list = mem_strn(list.p ? list.p : "", list.n);
	return 0;
}

void acl_free(struct acl *a)
{
	struct role_entry *r, *r_next;
	struct failing *f, *f_next;

	if (!a)
		return;
	map_foreach (a->roles, r, r_next)
		acl_drop(a, r);
	map_foreach (a->failing, f, f_next) {
		HASH_DEL(a->failing, f);
		mem_free(f);
	}
	addrs_release(&a->listed);
	mem_free(a->allow_list);
	sign_key_free(a->admin);
	free_secret(a->admin_secret);
	mem_free(a);
}

/* --- whose request --- */

static void forget_failing(struct acl *a, int64_t before_ms)
{
	struct failing *f, *next;

	map_foreach (a->failing, f, next) {
		if (f->since_ms > before_ms)
			continue;
		HASH_DEL(a->failing, f);
		mem_free(f);
	}
}

/* Counts a failure of this address; whether there are too many. */
static bool count_failure(struct acl *a, const struct host *from)
{
	int64_t now = clock_mono_ms();
	struct host key = *from;
	struct failing *f;

	key.port = 0;
	HASH_FIND(hh, a->failing, &key, sizeof(key), f);
	if (!f) {
		if (HASH_COUNT(a->failing) >= FAILING_MAX)
			forget_failing(a, now - FAILING_WINDOW_MS);
		if (HASH_COUNT(a->failing) >= FAILING_MAX)
			return true; /* so many at once: one who has many addresses */
		f = mem_alloc(sizeof(*f));
		f->host = key;
		f->since_ms = now;
		HASH_ADD(hh, a->failing, host, sizeof(f->host), f);
	}
	if (now - f->since_ms > FAILING_WINDOW_MS) {
		f->since_ms = now;
		f->count = 0;
	}
	return ++f->count > FAILING_FREE;
}

static int refuse(struct acl *a, const struct host *from, bool *too_many, struct err *e)
{
	char at[HOST_TEXT];

	*too_many = count_failure(a, from);
	log_every(10, LOG_WARN_, "acl", "%s: %s", host_text(from, at), e->msg);
	return e->code;
}

/* The same words for a token nobody has and a wrong signature would help no honest client. */
static int identify_role(struct acl *a, const struct command *c, struct str key,
	const struct host *from, struct acl_who *who, struct err *e)
{
	struct key_entry *k = acl_find_key(a, key);
	struct acl_role *r;

	if (!k)
		return err_set(e, TQ_EDENIED,
			"No acl config for the accessKey: no role has this token");
	r = &k->role->r;
	if (k->old && clock_wall_ms() >= r->old_until_ms)
		return err_set(e, TQ_EDENIED,
			"No acl config for the accessKey: the token of role '%s' was changed",
			r->name);
	if (k->role->from.n && !addrs_match(&k->role->from, from))
		return err_set(
			e, TQ_EDENIED, "role '%s' is not allowed from this address", r->name);
	if (!sign_key_ok(k->role->signer, c))
		return err_set(e, TQ_EDENIED,
			"Check signature failed for accessKey of role '%s': the secret key is "
			"%s",
			r->name, r->secret ? "another" : "the role's name");
	r->used_ms = clock_wall_ms();
	*who = (struct acl_who){ r->admin ? ACL_ADMIN : ACL_ROLE, r, k->old };
	return 0;
}

static int identify(struct acl *a, const struct command *c, const struct host *from,
	struct acl_who *who, struct err *e)
{
	struct str key = command_ext(c, SIGN_ACCESS_KEY);

	if (!key.n)
		return err_set(e, TQ_EDENIED,
			"No accessKey is configured: this broker asks for a role's token");
	if (!str_is(key, ACL_ADMIN_KEY))
		return identify_role(a, c, key, from, who, e);
	if (!a->admin || !sign_key_ok(a->admin, c))
		return err_set(e, TQ_EDENIED,
			"Check signature failed for accessKey=" ACL_ADMIN_KEY
			": not the administrator's secret");
	who->class = ACL_ADMIN;
	return 0;
}

int acl_identify(struct acl *a, const struct command *c, const struct host *from,
	struct acl_who *who, bool *too_many, struct err *e)
{
	*who = (struct acl_who){ 0 };
	*too_many = false;
	if (!a->o.required) {
		who->class = ACL_EVERYBODY;
		return 0;
	}
	if (!identify(a, c, from, who, e))
		return 0;
	if (addrs_match(&a->listed, from)) {
		err_clear(e);
		who->class = ACL_LISTED;
		return 0;
	}
	return refuse(a, from, too_many, e);
}

void acl_sign(const struct acl *a, struct command *rq, char signature[SIGN_TEXT])
{
	if (!a->o.required || !a->admin_secret)
		return;
	command_add(rq, SIGN_ACCESS_KEY, STR(ACL_ADMIN_KEY));
	sign_request(rq, str_of(a->admin_secret), signature);
	command_add(rq, SIGN_SIGNATURE, str_of(signature));
}

/* --- may he --- */

int acl_bits_of_apache(struct str perm)
{
	static const char *const words[] = { "DENY", "PUB", "SUB", "PUB|SUB", "SUB|PUB", NULL };
	static const int bits[] = { ACL_DENY, ACL_PRODUCE, ACL_CONSUME, ACL_EITHER,
		ACL_EITHER };
	int at = str_index(str_trim(perm), words);

	return at < 0 ? -1 : bits[at];
}

const char *acl_bits_text(int bits)
{
	static const char *const texts[] = { "nothing", "produce", "consume",
		"produce, consume" };

	return texts[bits & ACL_DENY ? 0 : bits & ACL_EITHER];
}

static const struct acl_grant *decisive(
	const struct acl_role *r, enum acl_kind kind, struct str wire, struct str ns)
{
	const struct acl_grant *g = acl_find_grant(r, kind, wire);

	if (!g)
		g = acl_find_grant(r, ACL_NAMESPACE, ns);
	if (!g)
		g = acl_find_grant(
			r, kind == ACL_TOPIC ? ACL_ALL_TOPICS : ACL_ALL_GROUPS, STR(""));
	return g;
}

bool acl_may(
	const struct acl_role *r, int bits, enum acl_kind kind, struct str wire, char *rule)
{
	struct str name = names_group_of(wire), ns, rest;
	const struct acl_grant *g;

	if (name.n != wire.n)
		kind = ACL_GROUP;
	names_split(name, &ns, &rest);
	g = decisive(r, kind, name, ns);
	if (rule && g)
		snprintf(rule, ACL_RULE_TEXT, "%s%s%s: %s", acl_kind_names[g->kind],
			*g->name ? " " : "", g->name, acl_bits_text(g->bits));
	else if (rule)
		snprintf(rule, ACL_RULE_TEXT, "no grant for namespace " STR_FMT, STR_ARG(ns));
	return g && !(g->bits & ACL_DENY) && g->bits & bits;
}

/* --- looking --- */

struct acl_opts *acl_opts(struct acl *a)
{
	return &a->o;
}

bool acl_required(const struct acl *a)
{
	return a->o.required;
}

const struct acl_role *acl_role(const struct acl *a, struct str name)
{
	const struct role_entry *r = acl_find(a, name);

	return r ? &r->r : NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct acl_role *const *)a)->name,
		(*(const struct acl_role *const *)b)->name);
}

size_t acl_roles(const struct acl *a, struct arena *mem, const struct acl_role ***out)
{
	const struct acl_role **list =
		arena_alloc(mem, ((size_t)a->n_roles + 1) * sizeof(struct acl_role *));
	struct role_entry *r, *next;
	size_t n = 0;

	map_foreach (a->roles, r, next)
		list[n++] = &r->r;
	qsort(list, n, sizeof(struct acl_role *), by_name);
	*out = list;
	return n;
}

static bool is_in(const struct acl_grant *g, struct str ns)
{
	struct str own = str_of(g->name), rest;

	if (g->kind == ACL_ALL_TOPICS || g->kind == ACL_ALL_GROUPS)
		return false;
	if (g->kind != ACL_NAMESPACE)
		names_split(names_group_of(own), &own, &rest);
	return str_eq(own, ns);
}

bool acl_namespace_used(const struct acl *a, struct str ns)
{
	struct role_entry *r, *next;

	map_foreach (a->roles, r, next) {
		for (size_t i = 0; i < r->r.n_grants; i++) {
			if (is_in(&r->grants[i], ns))
				return true;
		}
	}
	return false;
}

const char *acl_allow_list(const struct acl *a)
{
	return a->allow_list ? a->allow_list : "";
}

void acl_version(const struct acl *a, int64_t *counter, int64_t *timestamp_ms)
{
	*counter = a->version;
	*timestamp_ms = a->version_ms;
}

void acl_tick(struct acl *a)
{
	int64_t now = clock_wall_ms();
	struct role_entry *r, *next;

	map_foreach (a->roles, r, next) {
		if (!r->old || now < r->r.old_until_ms)
			continue;
		drop_key(a, &r->old);
		if (a->o.on_lost)
			a->o.on_lost(a->o.arg, r->r.id, true);
	}
}
