/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: every found item goes through the same gates, and the first that holds it decides:
 *
 *	named again later? system, retry, dead letter? selected? ── skipped
 *	a good name? a target name nobody has yet? good values? within the task's limit? ── refused
 *	there already? ── exists, adjust, conflict
 *	── create
 *
 * Namespaces are not found but follow from the items that need one. Lookups are hash tables, so
 * that a plan of 10,000 items is a matter of milliseconds.
 */
#include "base.h"

#include <ctype.h>

#include "map.h"
#include "plan.h"

const char *const verdict_names[] = { "create", "exists", "adjust", "conflict", "refused",
	"skipped", NULL };
const char *const on_conflict_names[] = { "fail", "skip", "update", NULL };

#define SHORT_GROUP 8 /* what some texts of TDMQ want at least */

struct entry {
	const char *key; /* borrowed */
	size_t i;
	UT_hash_handle hh;
};

/* Tables of one build; keys are texts that live as long as the plan. */
enum table {
	BY_SOURCE, /* "t" or "g", then the source name: last place in the inventory */
	BY_TARGET, /* "t" or "g", then the wire name: who has it */
	BY_LOWER, /* the same in lower case */
	BY_NS, /* namespaces needed: place in ns[] */
	HAVE_TOPIC, /* wire name: place in holdings */
	HAVE_GROUP,
	HAVE_NS,
	SELECTED, /* names among the globs */
	TABLES
};

struct build {
	struct plan *p;
	const struct inventory *inv;
	const struct plan_opts *o;
	const struct holdings *have; /* NULL: offline */
	struct entry *table[TABLES];
	bool globs; /* some of o->select are */
	struct plan_item *ns; /* owned */
	size_t n_ns;
	int used[OBJ_KINDS]; /* against the limits of a task */
	int made[OBJ_KINDS]; /* against the target's quotas */
	int *made_in[OBJ_KINDS]; /* owned: the same, by place in have->namespaces */
};

void holdings_init(struct holdings *h)
{
	*h = (struct holdings){ .brokers = 1, .max_queues = TOPIC_QUEUES_MAX };
	arena_init(&h->mem);
}

void holdings_release(struct holdings *h)
{
	mem_free(h->namespaces);
	mem_free(h->topics);
	mem_free(h->groups);
	arena_release(&h->mem);
	*h = (struct holdings){ 0 };
}

void plan_init(struct plan *p)
{
	*p = (struct plan){ 0 };
	arena_init(&p->mem);
}

void plan_release(struct plan *p)
{
	mem_free(p->items);
	arena_release(&p->mem);
	*p = (struct plan){ 0 };
}

int plan_writes(const struct plan *p)
{
	int n = 0;

	for (int k = 0; k < OBJ_KINDS; k++)
		n += p->counts[k][VERDICT_CREATE] + p->counts[k][VERDICT_ADJUST];
	return n;
}

/* ---- tables ---- */

static struct entry *find(struct build *b, enum table t, const char *key)
{
	struct entry *en;

	HASH_FIND_STR(b->table[t], key, en);
	return en;
}

/* A key that is there keeps its first place unless `replace`. */
static void put(struct build *b, enum table t, const char *key, size_t i, bool replace)
{
	struct entry *en = find(b, t, key);

	if (en) {
		en->i = replace ? i : en->i;
		return;
	}
	en = arena_alloc(&b->p->mem, sizeof(*en));
	en->key = key;
	en->i = i;
	HASH_ADD_KEYPTR(hh, b->table[t], en->key, strlen(en->key), en);
}

static const char *kind_key(struct build *b, enum object_kind kind, const char *name)
{
	return arena_fmt(&b->p->mem, "%c%s", object_kind_names[kind][0], name);
}

static const char *lower(struct build *b, const char *s)
{
	char *l = arena_str(&b->p->mem, s);

	for (char *c = l; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return l;
}

static void index_source(struct build *b)
{
	for (size_t i = 0; i < b->inv->n; i++) {
		const struct found *f = &b->inv->items[i];

		put(b, BY_SOURCE, kind_key(b, f->kind, f->name), i, true);
	}
}

static void index_holdings(struct build *b)
{
	const struct holdings *h = b->have;

	for (int k = 0; h && k < OBJ_KINDS; k++) {
		b->made[k] = h->used[k];
		b->made_in[k] = mem_array(h->n_namespaces + 1, sizeof(int));
		for (size_t i = 0; i < h->n_namespaces; i++)
			b->made_in[k][i] = k == OBJ_TOPIC ? h->namespaces[i].topics
							  : h->namespaces[i].groups;
	}
	for (size_t i = 0; h && i < h->n_topics; i++)
		put(b, HAVE_TOPIC, h->topics[i].t.name, i, true);
	for (size_t i = 0; h && i < h->n_groups; i++)
		put(b, HAVE_GROUP, h->groups[i].g.name, i, true);
	for (size_t i = 0; h && i < h->n_namespaces; i++)
		put(b, HAVE_NS, h->namespaces[i].name, i, true);
}

/* ---- items ---- */

struct plan_item *plan_add(struct plan *p, enum object_kind kind)
{
	struct plan_item *it;

	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 256;
		p->items = mem_grow(p->items, p->cap * sizeof(*p->items));
	}
	it = &p->items[p->n++];
	*it = (struct plan_item){ .kind = kind, .source = "", .detail = "" };
	return it;
}

static struct plan_item *add_item(struct build *b, const struct found *f)
{
	struct plan_item *it = plan_add(b->p, f->kind);

	it->source = f->name;
	it->warnings = f->warnings;
	if (f->kind == OBJ_TOPIC)
		it->topic = f->topic;
	else
		it->group = f->group;
	return it;
}

static bool settle(struct plan_item *it, enum verdict v, enum reason r, const char *detail)
{
	it->verdict = v;
	it->reason = r;
	it->detail = detail ? detail : reason_text(r);
	return true;
}

static void warn(struct plan_item *it, enum reason w)
{
	it->warnings |= WARN_BIT(w);
}

/* ---- gates: true when the item is settled ---- */

static bool gate_derived_topic(struct build *b, struct plan_item *it, struct str name)
{
	struct str group = names_group_of(name);

	if (names_is_retry(name)) {
		if (!find(b, BY_SOURCE, arena_fmt(&b->p->mem, "g" STR_FMT, STR_ARG(group))))
			warn(it, WARN_RETRY_WITHOUT_GROUP);
		return settle(it, VERDICT_SKIPPED, REASON_RETRY_TOPIC, NULL);
	}
	if (names_is_dlq(name))
		return settle(it, VERDICT_SKIPPED, REASON_DLQ_TOPIC, NULL);
	if (str_starts(name, STR("%LMQ%")))
		return settle(it, VERDICT_SKIPPED, REASON_LMQ_TOPIC, NULL);
	return false;
}

static bool gate_system(struct build *b, struct plan_item *it)
{
	struct str name = str_of(it->source);

	if (it->kind == OBJ_GROUP)
		return names_is_system_group(name) &&
		       settle(it, VERDICT_SKIPPED, REASON_SYSTEM_GROUP, NULL);
	if (gate_derived_topic(b, it, name))
		return true;
	if (inventory_is_system(b->inv, it->source))
		return settle(it, VERDICT_SKIPPED, REASON_SYSTEM_TOPIC,
			"made by the source's brokers for themselves");
	return names_is_system_topic(name) &&
	       settle(it, VERDICT_SKIPPED, REASON_SYSTEM_TOPIC, NULL);
}

static bool is_glob(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

/* Names are looked up, so that a list of thousands is not compared with each item. */
static void index_select(struct build *b)
{
	for (const char *const *s = b->o->select; s && *s; s++)
		if (!is_glob(*s))
			put(b, SELECTED, *s, 0, false);
		else
			b->globs = true;
}

static bool is_selected(struct build *b, const char *name)
{
	const char *const *glob = b->o->select;

	if (find(b, SELECTED, name))
		return true;
	for (; b->globs && *glob; glob++)
		if (is_glob(*glob) && str_glob(*glob, str_of(name)))
			return true;
	return false;
}

/* A name or glob means the whole source name, or what follows its namespace. */
static bool gate_select(struct build *b, struct plan_item *it)
{
	const char *percent = it->source[0] ? strchr(it->source + 1, '%') : NULL;

	if (b->o->pick && !b->o->pick(b->o->pick_arg, it->kind, it->source))
		return settle(it, VERDICT_SKIPPED, REASON_FILTERED, NULL);
	if (!b->o->select || is_selected(b, it->source) ||
		(percent && is_selected(b, percent + 1)))
		return false;
	return settle(it, VERDICT_SKIPPED, REASON_FILTERED, NULL);
}

static bool gate_name(struct build *b, struct plan_item *it)
{
	struct arena *mem = &b->p->mem;
	struct err e = ERR_INIT;
	struct target_name to;
	enum reason r;
	struct buf wire;
	const char *w;

	r = mapping_apply(&b->o->map, it->kind, it->source, &to, &e);
	if (r)
		return settle(it, VERDICT_REFUSED, r, arena_str(mem, e.msg));
	it->ns = arena_str(mem, to.ns);
	it->name = arena_str(mem, to.name);
	if (to.renamed)
		warn(it, WARN_RENAMED);
	buf_init(&wire, 512);
	names_join(&wire, str_of(to.ns), str_of(to.name));
	w = buf_move(&wire, mem);
	if (it->kind == OBJ_TOPIC)
		it->topic.name = w;
	else
		it->group.name = w;
	return false;
}

static const char *wire_name(const struct plan_item *it)
{
	return it->kind == OBJ_TOPIC ? it->topic.name : it->group.name;
}

static bool gate_collision(struct build *b, struct plan_item *it)
{
	const char *key = kind_key(b, it->kind, wire_name(it)), *low = lower(b, key);
	struct entry *other = find(b, BY_TARGET, key);

	if (other)
		return settle(it, VERDICT_REFUSED, REASON_NAME_COLLISION,
			arena_fmt(&b->p->mem, "'%s' has this target name already",
				b->p->items[other->i].source));
	if (find(b, BY_LOWER, low))
		warn(it, WARN_CASE_TWIN);
	put(b, BY_TARGET, key, (size_t)(it - b->p->items), false);
	put(b, BY_LOWER, low, (size_t)(it - b->p->items), false);
	if (it->kind == OBJ_GROUP && find(b, BY_TARGET, kind_key(b, OBJ_TOPIC, wire_name(it))))
		warn(it, WARN_TOPIC_GROUP_SAME_NAME);
	return false;
}

/* ---- values ---- */

/* Queues in all, spread over the target's brokers unless the user says otherwise. */
static int queues_for(struct build *b, struct plan_item *it, int total)
{
	int brokers = b->have ? b->have->brokers : 1;
	int per = total / brokers + (total % brokers > 0); /* total is whatever a source says */

	if (b->o->queues > 0)
		return b->o->queues;
	if (b->o->queues == QUEUES_KEEP)
		return total;
	if (per != total || b->inv->masters > 1)
		warn(it, WARN_QUEUES_SCALED);
	return per;
}

/* Topics of the cloud take one kind of messages, from and for everybody. */
static bool gate_tdmq(struct build *b, struct plan_item *it)
{
	const struct holdings *h = b->have;
	struct topic *t = &it->topic;

	if (!h || !h->tdmq)
		return false;
	if (t->type == TOPIC_TRANSACTION && h->no_transactions)
		return settle(it, VERDICT_REFUSED, REASON_UNSUPPORTED_TYPE,
			"only exclusive clusters have topics for transactions");
	if (t->perm != PERM_RW)
		warn(it, WARN_PERM_NOT_CARRIED);
	if (t->type == TOPIC_MIXED)
		warn(it, WARN_MIXED_AS_NORMAL);
	t->perm = PERM_RW;
	t->type = t->type == TOPIC_MIXED ? TOPIC_NORMAL : t->type;
	if (t->write_queues < h->min_queues && (t->type != TOPIC_FIFO || t->write_queues > 1)) {
		warn(it, WARN_QUEUES_RAISED);
		t->read_queues = t->write_queues = h->min_queues;
	}
	return false;
}

static bool gate_topic_values(struct build *b, struct plan_item *it)
{
	int max = b->have ? b->have->max_queues : TOPIC_QUEUES_MAX;
	struct topic *t = &it->topic;
	int total = t->write_queues > 0 ? t->write_queues : t->read_queues;

	if (t->perm < 0 || t->perm >= 8 || !(t->perm & PERM_RW))
		return settle(it, VERDICT_SKIPPED, REASON_UNSUPPORTED_PERM,
			arena_fmt(&b->p->mem,
				"permission %d: neither readable nor writable, or unknown",
				t->perm));
	if (total < 1)
		return settle(it, VERDICT_REFUSED, REASON_INVALID_VALUE,
			arena_fmt(&b->p->mem, "%d queues", total));
	if (t->read_queues != t->write_queues)
		warn(it, WARN_QUEUES_DIFFER);
	if (t->perm & ~PERM_RW)
		warn(it, WARN_PERM_NOT_CARRIED);
	if (b->o->relaxed)
		t->type = TOPIC_MIXED;
	t->perm &= PERM_RW;
	t->sysflag = 0;
	t->read_queues = t->write_queues = queues_for(b, it, total);
	if (gate_tdmq(b, it))
		return true;
	if (t->write_queues > max)
		return settle(it, VERDICT_REFUSED, REASON_INVALID_VALUE,
			arena_fmt(&b->p->mem, "%d queues, the target allows %d; see --queues",
				t->write_queues, max));
	return false;
}

static bool gate_group_values(struct build *b, struct plan_item *it)
{
	if (it->group.retry_max < 0 || it->group.retry_max > GROUP_RETRIES_MAX)
		return settle(it, VERDICT_REFUSED, REASON_INVALID_VALUE,
			arena_fmt(&b->p->mem, "%d retries, 0 to %d are allowed",
				it->group.retry_max, GROUP_RETRIES_MAX));
	if (b->have && b->have->tdmq && strlen(it->name) < SHORT_GROUP)
		warn(it, WARN_SHORT_GROUP);
	it->group.retry_queues = MAX(it->group.retry_queues, 1);
	it->group.broker_id = it->group.slow_broker_id = 0;
	return false;
}

static bool gate_limit(struct build *b, struct plan_item *it)
{
	int max = it->kind == OBJ_TOPIC ? PLAN_MAX_TOPICS : PLAN_MAX_GROUPS;

	if (b->used[it->kind]++ < max)
		return false;
	return settle(it, VERDICT_REFUSED, REASON_TASK_LIMIT,
		arena_fmt(&b->p->mem,
			"a task takes %d %ss; select the others for a task of their own", max,
			object_kind_names[it->kind]));
}

/* ---- what the target has ---- */

struct diff {
	struct buf text;
	bool changeable; /* all differences may be changed by an update */
};

static void diff_text(struct diff *d, bool same, bool changeable, const char *what,
	const char *there, const char *here)
{
	if (same)
		return;
	buf_addf(&d->text, "%s%s %s there, %s here", d->text.n ? "; " : "", what, there, here);
	d->changeable &= changeable;
}

static void diff_int(struct diff *d, const char *what, int there, int here, bool changeable)
{
	char a[16], b[16];

	snprintf(a, sizeof(a), "%d", there);
	snprintf(b, sizeof(b), "%d", here);
	diff_text(d, there == here, changeable, what, a, b);
}

static void diff_bool(struct diff *d, const char *what, bool there, bool here)
{
	diff_text(d, there == here, true, what, there ? "on" : "off", here ? "on" : "off");
}

static void diff_topic(
	struct build *b, struct diff *d, const struct held_topic *h, const struct topic *t)
{
	char x[4], y[4];

	if (b->have->has_types)
		diff_text(d, h->t.type == t->type, false, "type", topic_type_names[h->t.type],
			topic_type_names[t->type]);
	diff_int(d, "queues", h->t.write_queues, t->write_queues,
		h->t.write_queues < t->write_queues);
	diff_text(d, (h->t.perm & PERM_RW) == t->perm, true, "permission",
		perm_text(h->t.perm & PERM_RW, x), perm_text(t->perm, y));
}

static void diff_group(struct diff *d, const struct group *h, const struct group *g)
{
	diff_bool(d, "consumption", h->consume, g->consume);
	diff_bool(d, "broadcast", h->broadcast, g->broadcast);
	diff_int(d, "retries", h->retry_max, g->retry_max, true);
}

static void judge_diff(struct build *b, struct plan_item *it, struct diff *d)
{
	const char *text = arena_strn(&b->p->mem, buf_str(&d->text).p, d->text.n);

	if (b->o->on_conflict == ON_CONFLICT_SKIP)
		settle(it, VERDICT_EXISTS, REASON_ALREADY_EXISTS,
			arena_fmt(&b->p->mem, "kept as it is: %s", text));
	else if (b->o->on_conflict == ON_CONFLICT_UPDATE && d->changeable)
		settle(it, VERDICT_ADJUST, REASON_NONE, text);
	else
		settle(it, VERDICT_CONFLICT, REASON_CONFLICT, text);
}

static bool gate_exists(struct build *b, struct plan_item *it)
{
	bool topic = it->kind == OBJ_TOPIC;
	struct entry *en = find(b, topic ? HAVE_TOPIC : HAVE_GROUP, wire_name(it));
	struct diff d = { .changeable = true };
	int brokers;

	it->same = false;
	if (!en)
		return false;
	buf_init(&d.text, 1024);
	if (topic) {
		brokers = b->have->topics[en->i].brokers;
		diff_topic(b, &d, &b->have->topics[en->i], &it->topic);
	} else {
		brokers = b->have->groups[en->i].brokers;
		diff_group(&d, &b->have->groups[en->i].g, &it->group);
	}
	if (d.text.n)
		judge_diff(b, it, &d);
	else if (brokers < b->have->brokers) /* an earlier run was cut short there */
		settle(it, VERDICT_ADJUST, REASON_NONE,
			arena_fmt(&b->p->mem, "on %d of %d brokers only", brokers,
				b->have->brokers));
	else
		it->same = settle(it, VERDICT_EXISTS, REASON_ALREADY_EXISTS, NULL);
	buf_release(&d.text);
	return true;
}

/* ---- quotas ---- */

static bool over(struct build *b, struct plan_item *it, int limit, const char *where)
{
	return settle(it, VERDICT_REFUSED, REASON_QUOTA_EXCEEDED,
		arena_fmt(&b->p->mem, "%s allows %d %ss and would have more", where, limit,
			object_kind_names[it->kind]));
}

/* Counts the item when there is room for it; only what would be made uses any. */
static bool gate_quota(struct build *b, struct plan_item *it)
{
	const struct holdings *h = b->have;
	enum object_kind k = it->kind;
	struct entry *ns = h && k != OBJ_NAMESPACE ? find(b, HAVE_NS, it->ns) : NULL;
	int most = 0;

	if (!h)
		return false;
	if (h->limit[k] && b->made[k] >= h->limit[k])
		return over(b, it, h->limit[k], "the target");
	if (ns)
		most = k == OBJ_TOPIC ? h->namespaces[ns->i].max_topics
				      : h->namespaces[ns->i].max_groups;
	if (most && b->made_in[k][ns->i] >= most)
		return over(b, it, most, arena_fmt(&b->p->mem, "namespace '%s'", it->ns));
	b->made[k]++;
	if (ns)
		b->made_in[k][ns->i]++;
	return false;
}

/* ---- namespaces ---- */

static void judge_namespace(struct build *b, struct plan_item *ns)
{
	if (b->have && find(b, HAVE_NS, ns->ns))
		ns->same = settle(ns, VERDICT_EXISTS, REASON_ALREADY_EXISTS, NULL);
	else if (!gate_quota(b, ns))
		settle(ns, VERDICT_CREATE, REASON_NONE, NULL);
}

/* Of an item's namespace: that it is there, or made on the way; else the item has no place. */
static bool gate_namespace(struct build *b, struct plan_item *it)
{
	struct entry *en = find(b, BY_NS, it->ns);
	struct plan_item *ns;

	if (b->have ? !b->have->has_namespaces : b->o->map.wire_names)
		return false;
	if (!b->have && !strcmp(it->ns, NAMES_DEFAULT_NS))
		return false; /* every brokerd has it, and no target was looked at */
	if (!en) {
		b->ns = mem_grow(b->ns, (b->n_ns + 1) * sizeof(*b->ns));
		ns = &b->ns[b->n_ns];
		*ns = (struct plan_item){ .kind = OBJ_NAMESPACE, .source = "", .ns = it->ns };
		ns->namespace.name = it->ns;
		ns->namespace.retention_ms = NAMESPACE_RETENTION_MS;
		judge_namespace(b, ns);
		put(b, BY_NS, it->ns, b->n_ns++, false);
		en = find(b, BY_NS, it->ns);
	}
	ns = &b->ns[en->i];
	return ns->verdict == VERDICT_REFUSED &&
	       settle(it, VERDICT_REFUSED, REASON_NO_NAMESPACE,
		       arena_fmt(&b->p->mem, "namespace '%s': %s", it->ns, ns->detail));
}

static void plan_one(struct build *b, size_t i)
{
	const struct found *f = &b->inv->items[i];
	struct plan_item *it = add_item(b, f);

	if (find(b, BY_SOURCE, kind_key(b, f->kind, f->name))->i != i) {
		settle(it, VERDICT_SKIPPED, REASON_DUPLICATE, NULL);
		return;
	}
	if (gate_system(b, it) || gate_select(b, it) || gate_name(b, it))
		return;
	if (f->bad) {
		settle(it, VERDICT_REFUSED, REASON_INVALID_VALUE, f->bad);
		return;
	}
	if (f->kind == OBJ_TOPIC ? gate_topic_values(b, it) : gate_group_values(b, it))
		return;
	if (gate_collision(b, it) || gate_limit(b, it) || gate_namespace(b, it))
		return;
	if (!gate_exists(b, it) && !gate_quota(b, it))
		settle(it, VERDICT_CREATE, REASON_NONE, NULL);
}

/* Namespaces in front, then topics, then groups, each in the order of the source. */
static void arrange(struct build *b)
{
	struct plan *p = b->p;
	struct plan_item *all = mem_array(b->n_ns + p->n + 1, sizeof(*all));
	size_t n = b->n_ns;

	if (n)
		memcpy(all, b->ns, n * sizeof(*all));
	for (int kind = OBJ_TOPIC; kind <= OBJ_GROUP; kind++)
		for (size_t i = 0; i < p->n; i++)
			if ((int)p->items[i].kind == kind)
				all[n++] = p->items[i];
	mem_free(p->items);
	p->items = all;
	p->n = n;
	p->cap = n + 1;
	plan_count(p);
}

void plan_count(struct plan *p)
{
	memset(p->counts, 0, sizeof(p->counts));
	for (size_t i = 0; i < p->n; i++)
		p->counts[p->items[i].kind][p->items[i].verdict]++;
}

static void build_release(struct build *b)
{
	for (int t = 0; t < TABLES; t++)
		HASH_CLEAR(hh, b->table[t]);
	for (int k = 0; k < OBJ_KINDS; k++)
		mem_free(b->made_in[k]);
	mem_free(b->ns);
}

int plan_build(struct plan *p, const struct inventory *inv, const struct plan_opts *o,
	const struct holdings *have, struct err *e)
{
	struct plan_opts with_spaces = *o;
	struct build b = { .p = p, .inv = inv, .o = &with_spaces, .have = have };
	int rc = 0;

	with_spaces.map.spaces = inv->spaces;
	with_spaces.map.n_spaces = inv->n_spaces;

	if (o->map.ns && !o->map.wire_names)
		rc = names_check_namespace(str_of(o->map.ns), e);
	if (rc)
		return rc;
	p->inv = inv;
	p->offline = !have;
	index_source(&b);
	index_select(&b);
	index_holdings(&b);
	for (size_t i = 0; i < inv->n; i++)
		if (inv->items[i].kind == OBJ_TOPIC)
			plan_one(&b, i);
	for (size_t i = 0; i < inv->n; i++)
		if (inv->items[i].kind == OBJ_GROUP)
			plan_one(&b, i);
	arrange(&b);
	build_release(&b);
	return 0;
}

/* Whether a verdict of before may be another one now. */
static bool is_open(const struct plan_item *it)
{
	if (it->verdict == VERDICT_REFUSED)
		return it->reason == REASON_QUOTA_EXCEEDED || it->reason == REASON_NO_NAMESPACE;
	return it->verdict != VERDICT_SKIPPED;
}

void plan_review(struct plan *p, enum on_conflict on_conflict, const struct holdings *have)
{
	struct plan_opts o = { .on_conflict = on_conflict };
	struct build b = { .p = p, .o = &o, .have = have };

	index_holdings(&b);
	p->offline = false;
	for (size_t i = 0; i < p->n; i++) {
		struct plan_item *it = &p->items[i];

		if (!is_open(it))
			continue;
		if (it->kind == OBJ_NAMESPACE)
			judge_namespace(&b, it);
		else if (!gate_exists(&b, it) && !gate_quota(&b, it))
			settle(it, VERDICT_CREATE, REASON_NONE, NULL);
	}
	plan_count(p);
	build_release(&b);
}
