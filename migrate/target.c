/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: one ticket per item, one request per ticket and master:
 *
 *	submit ─▶ ticket ─┬─▶ broker-a ─┐
 *			  └─▶ broker-b ─┴─▶ last answer ─▶ done
 *
 * The first refusal is the item's; its brokers are named when there are several. Namespaces are
 * objects of brokerd and go to the first master alone.
 */
#include "base.h"

#include "admin.h"
#include "target.h"

#define WINDOW 64
#define APACHE_MAX_QUEUES 1024

struct remoting {
	struct target base;
	struct admin *admin; /* borrowed */
	const struct cluster *cluster;
	struct arena mem;
	struct buf id;
};

struct ticket {
	struct remoting *tg;
	size_t item;
	target_done done;
	void *arg;
	int left;
	int made; /* brokers that did it */
	struct err err;
	struct ticket_part {
		struct ticket *tk;
		const char *addr;
	} part[]; /* one per master */
};

static void part_done(void *arg, int rc, struct reply *r, const struct err *e)
{
	struct ticket_part *part = arg;
	struct ticket *tk = part->tk;
	struct err mine = ERR_INIT;

	if (rc)
		mine = *e;
	else
		rc = admin_reply_err(
			&r->cmd, tk->tg->cluster->n > 1 ? part->addr : NULL, &mine);
	if (rc && !tk->err.code)
		tk->err = mine;
	tk->made += !rc;
	reply_free(r);
	if (--tk->left)
		return;
	if (tk->err.code && tk->made) {
		tk->err.code = TQ_EPARTIAL;
		err_wrap(&tk->err, "made on %d of %zu brokers", tk->made, tk->tg->cluster->n);
	}
	client_stop(admin_client(tk->tg->admin)); /* there is room for the next one */
	tk->done(tk->arg, tk->item, &tk->err);
	mem_free(tk);
}

static void request(struct command *rq, const struct plan_item *it, struct arena *mem)
{
	if (it->kind == OBJ_NAMESPACE)
		admin_namespace_request(rq, &it->namespace, mem);
	else if (it->kind == OBJ_TOPIC)
		admin_topic_request(rq, &it->topic, mem);
	else
		admin_group_request(rq, &it->group, mem);
}

static int submit(struct target *t, const struct plan_item *it, size_t item, target_done done,
	void *arg, struct err *e)
{
	struct remoting *tg = container_of(t, struct remoting, base);
	size_t n = it->kind == OBJ_NAMESPACE ? 1 : tg->cluster->n;
	struct ticket *tk = mem_alloc(sizeof(*tk) + n * sizeof(tk->part[0]));
	struct command rq;
	int rc = 0, sent = 0;

	*tk = (struct ticket){ .tg = tg, .item = item, .done = done, .arg = arg };
	request(&rq, it, &tg->mem);
	for (size_t i = 0; !rc && i < n; i++) {
		tk->part[i] = (struct ticket_part){ tk, tg->cluster->v[i].addr };
		rc = client_submit(admin_client(tg->admin), tk->part[i].addr, &rq,
			admin_timeout(tg->admin), part_done, &tk->part[i], e);
		if (!rc)
			sent = ++tk->left;
	}
	arena_clear(&tg->mem);
	if (!sent) {
		mem_free(tk);
		return rc;
	}
	if (rc && e)
		tk->err = *e; /* the requests that left bring the item to its end */
	return 0;
}

/* ---- taking back ---- */

static int topic_in_use(struct admin *a, const char *name, struct arena *mem, struct err *e)
{
	struct queue_stats stats;
	int64_t n = 0;
	int rc = admin_topic_stats(a, name, mem, &stats, e);

	if (rc)
		return rc == TQ_ENOTOPIC ? err_set(e, TQ_ENOTFOUND, "not there") : rc;
	for (size_t i = 0; i < stats.n; i++)
		n += stats.v[i].max;
	return n ? err_set(e, TQ_EPRECOND, "%lld messages have arrived", (long long)n) : 0;
}

static int group_in_use(struct admin *a, const char *name, struct arena *mem, struct err *e)
{
	struct members members;
	struct group g;
	struct lag lag;
	int rc = admin_group(a, name, mem, &g, e);

	if (rc)
		return rc == TQ_ENOGROUP ? err_set(e, TQ_ENOTFOUND, "not there") : rc;
	rc = admin_members(a, name, mem, &members, e);
	if (!rc && members.n)
		return err_set(e, TQ_EPRECOND, "%zu consumers are connected", members.n);
	if (rc && rc != TQ_EOFFLINE)
		return rc;
	rc = admin_lag(a, name, NULL, mem, &lag, e);
	if (rc == TQ_EOFFLINE || rc == TQ_ENOTOPIC) /* nobody ever consumed by it */
		lag.n = (size_t)(rc = 0);
	for (size_t i = 0; !rc && i < lag.n; i++)
		if (lag.v[i].consumer_off > 0)
			rc = err_set(e, TQ_EPRECOND, "positions have arrived, on topic '%s'",
				lag.v[i].q.topic);
	return rc;
}

static int namespace_in_use(struct admin *a, const char *name, struct arena *mem, struct err *e)
{
	struct namespaces list;
	int rc = admin_namespaces(a, mem, &list, e);

	for (size_t i = 0; !rc && i < list.n; i++) {
		if (strcmp(list.v[i].name, name))
			continue;
		if (list.v[i].topics || list.v[i].groups)
			return err_set(e, TQ_EPRECOND, "it still has %d topics and %d groups",
				list.v[i].topics, list.v[i].groups);
		return 0;
	}
	return rc ? rc : err_set(e, TQ_ENOTFOUND, "not there");
}

static int in_use(struct target *t, const struct plan_item *it, struct err *e)
{
	struct remoting *tg = container_of(t, struct remoting, base);
	int rc;

	if (it->kind == OBJ_NAMESPACE)
		rc = namespace_in_use(tg->admin, it->ns, &tg->mem, e);
	else if (it->kind == OBJ_TOPIC)
		rc = topic_in_use(tg->admin, it->topic.name, &tg->mem, e);
	else
		rc = group_in_use(tg->admin, it->group.name, &tg->mem, e);
	arena_clear(&tg->mem);
	return rc;
}

static int remove_item(struct target *t, const struct plan_item *it, struct err *e)
{
	struct remoting *tg = container_of(t, struct remoting, base);

	if (it->kind == OBJ_NAMESPACE)
		return admin_namespace_delete(tg->admin, it->ns, e);
	if (it->kind == OBJ_TOPIC)
		return admin_topic_delete(tg->admin, it->topic.name, e);
	return admin_group_delete(tg->admin, it->group.name, true, e);
}

static void run(struct target *t, int wait_ms)
{
	struct remoting *tg = container_of(t, struct remoting, base);

	client_run(admin_client(tg->admin), wait_ms);
}

static int check_masters(const struct cluster *c, struct err *e)
{
	if (!c->n)
		return err_set(e, TQ_EUNREACHABLE, "the cluster has no broker");
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].addr)
			continue;
		err_set(e, TQ_EUNREACHABLE, "broker '%s' has no master alive", c->v[i].name);
		err_why(e, "what is made now would be missing there");
		return err_hint(e, "start it, or leave it out: --broker");
	}
	return 0;
}

/* What a plan file remembers: addresses change, clusters do not. */
static const char *identity(struct buf *b, const struct cluster *c)
{
	buf_init(b, 4096);
	if (c->id)
		buf_puts(b, c->id);
	for (size_t i = 0; !c->id && i < c->n; i++)
		buf_addf(b, "%s%s/%s", i ? "," : "", c->v[i].cluster, c->v[i].name);
	buf_putc(b, '\0');
	return b->p;
}

static void release(struct target *t)
{
	struct remoting *tg = container_of(t, struct remoting, base);

	mem_free((char *)(uintptr_t)tg->base.description);
	arena_release(&tg->mem);
	buf_release(&tg->id);
	mem_free(tg);
}

/* ---- what is there ---- */

/* Queues per broker, not their sum: what the plan speaks of. */
static void hold_topics(struct holdings *h, const struct topics *list)
{
	h->topics = mem_array(list->n + 1, sizeof(*h->topics));
	h->n_topics = list->n;
	for (size_t i = 0; i < list->n; i++) {
		const struct topic_info *in = &list->v[i];
		struct held_topic *out = &h->topics[i];

		out->t = in->t;
		out->brokers = (int)in->n_at;
		out->t.read_queues = out->t.write_queues = 0;
		for (size_t k = 0; k < in->n_at; k++) {
			out->t.read_queues = MAX(out->t.read_queues, in->at[k].read_queues);
			out->t.write_queues = MAX(out->t.write_queues, in->at[k].write_queues);
		}
	}
}

static int hold_namespaces(struct admin *a, struct holdings *h, struct err *e)
{
	struct namespaces list;
	int rc = admin_namespaces(a, &h->mem, &list, e);

	if (rc)
		return rc;
	h->has_namespaces = true;
	h->n_namespaces = list.n;
	h->namespaces = mem_array(list.n + 1, sizeof(*h->namespaces));
	for (size_t i = 0; i < list.n; i++)
		h->namespaces[i] = list.v[i];
	return 0;
}

/* "12 150": used and allowed; 0 allows any number. */
static void hold_quota(struct holdings *h, enum object_kind k, struct str text)
{
	int64_t used = 0, limit = 0;
	struct str first;

	str_cut(&text, ' ', &first);
	if (str_to_i64(first, 0, INT32_MAX, &used, "", NULL) ||
		str_to_i64(text, 0, INT32_MAX, &limit, "", NULL))
		return;
	h->used[k] = (int)used;
	h->limit[k] = (int)limit;
}

static void hold_queues(struct holdings *h, struct str text)
{
	int64_t limit = 0;
	struct str used;

	str_cut(&text, ' ', &used);
	if (!str_to_i64(text, 1, INT32_MAX, &limit, "", NULL))
		h->max_queues = (int)MIN(limit, h->max_queues);
}

static int hold_quotas(
	struct admin *a, const struct cluster *c, struct holdings *h, struct err *e)
{
	struct kvs t;
	int rc = 0;

	for (size_t i = 0; !rc && i < c->n; i++) {
		rc = admin_runtime(a, c->v[i].addr, &h->mem, &t, e);
		if (rc || !kvs_get(&t, "clusterKind").p)
			continue;
		hold_quota(h, OBJ_NAMESPACE, kvs_get(&t, "quotaNamespaces"));
		hold_quota(h, OBJ_TOPIC, kvs_get(&t, "quotaTopics"));
		hold_quota(h, OBJ_GROUP, kvs_get(&t, "quotaGroups"));
		hold_queues(h, kvs_get(&t, "quotaQueuesOfTopic"));
		break;
	}
	return rc;
}

/* A plan over half of what is there would lie: a broker that does not answer is an error. */
static int check_whole(struct admin *a, struct err *e)
{
	const struct skipped *s;
	size_t n;

	s = admin_skipped(a, &n);
	if (!n)
		return 0;
	if (e)
		*e = s[0].err;
	return err_wrap(e, "broker '%s'", s[0].broker);
}

static int holdings(struct target *t, struct holdings *h, struct err *e)
{
	struct remoting *tg = container_of(t, struct remoting, base);
	bool brokerd = tg->cluster->brokerd;
	struct topics topics;
	struct groups groups;
	int rc;

	rc = admin_topics(tg->admin, &h->mem, &topics, e);
	if (!rc)
		rc = check_whole(tg->admin, e);
	if (!rc)
		rc = admin_groups(tg->admin, &h->mem, &groups, e);
	if (!rc)
		rc = check_whole(tg->admin, e);
	if (!rc && brokerd)
		rc = hold_namespaces(tg->admin, h, e);
	h->max_queues = brokerd ? TOPIC_QUEUES_MAX : APACHE_MAX_QUEUES;
	if (!rc && brokerd)
		rc = hold_quotas(tg->admin, tg->cluster, h, e);
	if (rc)
		return err_wrap(e, "look at the target");
	hold_topics(h, &topics);
	h->groups = mem_array(groups.n + 1, sizeof(*h->groups));
	h->n_groups = groups.n;
	for (size_t i = 0; i < groups.n; i++)
		h->groups[i] = (struct held_group){ groups.v[i], groups.brokers[i] };
	h->has_types = brokerd;
	h->brokers = (int)tg->cluster->n;
	return 0;
}

int target_remoting_new(struct admin *a, struct target **out, struct err *e)
{
	const struct cluster *c;
	struct remoting *tg;
	int rc;

	rc = admin_cluster(a, &c, e);
	if (!rc)
		rc = check_masters(c, e);
	if (rc)
		return rc;
	tg = mem_alloc(sizeof(*tg));
	tg->admin = a;
	tg->cluster = c;
	arena_init(&tg->mem);
	tg->base.kind = c->brokerd ? "brokerd" : "apache";
	tg->base.description = mem_fmt(
		"%s at %s%s", tg->base.kind, c->v[0].addr, c->n > 1 ? " and others" : "");
	tg->base.submit = submit;
	tg->base.run = run;
	tg->base.holdings = holdings;
	tg->base.release = release;
	tg->base.window = WINDOW;
	tg->base.id = identity(&tg->id, c);
	tg->base.in_use = in_use;
	tg->base.remove_item = remove_item;
	*out = &tg->base;
	return 0;
}

void target_free(struct target *t)
{
	if (t)
		t->release(t);
}

int target_holdings(struct target *t, struct holdings *h, struct err *e)
{
	return t->holdings(t, h, e);
}
