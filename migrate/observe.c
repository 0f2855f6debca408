/* SPDX-License-Identifier: Apache-2.0 */
/*
 * observe: what cutover.h judges, asked of two live clusters: members of each group and producers
 * on either side, and what is left in the old one. Apache tells of delayed messages in the figures
 * of its brokers, and of transactional ones by how far its own group is in the half topic: a number
 * that falls only when it looks for them, each minute as a rule.
 */
#include "admin.h"
#include "cutover.h"
#include "names.h"

#define WAITING_MAX 1000 /* more is as good as so many */
#define LEVEL_KEY "scheduleMessageOffset_" /* "done,end" */

struct look {
	struct cutover *c;
	struct admin *from, *to;
	const struct cutover_scope *s;
	struct arena mem; /* answers; what stays is copied by cutover_add_... */
	struct err *e;
};

static bool wanted(const struct strv *only, const char *name)
{
	return !only || !only->n || strv_has(only, str_of(name));
}

/* ---- topics ---- */

static bool has_topic(const struct topics *list, const char *name)
{
	for (size_t lo = 0, hi = list->n; lo < hi;) { /* sorted */
		size_t mid = (lo + hi) / 2;
		int d = strcmp(name, list->v[mid].t.name);

		if (!d)
			return true;
		if (d < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return false;
}

static bool is_plain(const struct look *k, const char *topic)
{
	struct str s = str_of(topic);

	return !names_is_retry(s) && !names_is_dlq(s) && !names_is_system_topic(s) &&
	       !k->s->is_system(k->s->arg, topic);
}

static int look_topics(struct look *k)
{
	struct topics old, new;
	const char *name;
	int rc = admin_topics(k->from, &k->mem, &old, k->e);

	if (!rc)
		rc = admin_topics(k->to, &k->mem, &new, k->e);
	for (size_t i = 0; !rc && i < old.n; i++) {
		if (!is_plain(k, old.v[i].t.name))
			continue;
		name = k->s->to_name(k->s->arg, old.v[i].t.name);
		if (!name)
			continue;
		k->c->topics++;
		if (!has_topic(&new, name))
			strv_add(&k->c->missing, str_of(name));
	}
	return rc;
}

/* ---- groups ---- */

static int look_members(struct look *k, enum cutover_side side, const char *group,
	struct cutover_group *g, struct members *m)
{
	struct admin *a = side == SIDE_OLD ? k->from : k->to;
	int rc = admin_members(a, group, &k->mem, m, k->e);

	if (rc == TQ_EOFFLINE) {
		err_clear(k->e);
		*m = (struct members){ 0 };
		rc = 0;
	}
	for (size_t i = 0; !rc && i < m->n; i++)
		cutover_add_client(k->c, (struct cutover_client){ false, side, g->name,
						 m->v[i].id, m->v[i].addr });
	g->members[side] = (int)m->n;
	g->broadcast |= m->model && !strcmp(m->model, "BROADCASTING");
	return rc;
}

static bool subscribes(const struct members *m, const char *topic)
{
	for (size_t i = 0; i < m->n_subs; i++)
		if (!strcmp(m->subs[i].topic, topic))
			return true;
	return false;
}

/* Rows of topics that nobody of the group subscribes to any more are history. */
static int look_left(
	struct look *k, const char *group, struct cutover_group *g, const struct members *old)
{
	struct lag lag;
	int rc = admin_lag(k->from, group, NULL, &k->mem, &lag, k->e);

	if (rc)
		return rc;
	g->used = lag.n || g->members[SIDE_OLD];
	for (size_t i = 0; !g->broadcast && i < lag.n; i++) {
		const struct queue_lag *q = &lag.v[i];

		if (!old->n_subs || names_is_retry(str_of(q->q.topic)) ||
			subscribes(old, q->q.topic))
			g->left += MAX(q->broker_off - MAX(q->consumer_off, 0), 0);
	}
	return 0;
}

static int look_group(struct look *k, const char *group, const char *name, bool there)
{
	struct cutover_group *g = cutover_add_group(k->c, name);
	struct members old, new;
	struct lag lag;
	int rc;

	g->missing = !there;
	if ((rc = look_members(k, SIDE_OLD, group, g, &old)) ||
		(rc = look_members(k, SIDE_NEW, name, g, &new)) ||
		(rc = look_left(k, group, g, &old)) ||
		(rc = admin_lag(k->to, name, NULL, &k->mem, &lag, k->e)))
		return rc;
	g->placed = lag.n > 0;
	return 0;
}

static bool has_group(const struct groups *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->v[i].name, name))
			return true;
	return false;
}

static int look_groups(struct look *k)
{
	struct groups old, new;
	const char *name;
	int rc = admin_groups(k->from, &k->mem, &old, k->e);

	if (!rc)
		rc = admin_groups(k->to, &k->mem, &new, k->e);
	for (size_t i = 0; !rc && i < old.n; i++) {
		if (names_is_system_group(str_of(old.v[i].name)))
			continue;
		name = k->s->to_name(k->s->arg, old.v[i].name);
		if (name && wanted(k->s->groups, name))
			rc = look_group(k, old.v[i].name, name, has_group(&new, name));
	}
	return rc;
}

/* ---- producers ---- */

static int look_producers(struct look *k, enum cutover_side side)
{
	struct senders list;
	const char *name;
	int rc = admin_senders(side == SIDE_OLD ? k->from : k->to, &k->mem, &list, k->e);

	for (size_t i = 0; !rc && i < list.n; i++) {
		const struct sender *p = &list.v[i];

		if (names_is_system_group(str_of(p->group)))
			continue;
		name = side == SIDE_OLD ? k->s->to_name(k->s->arg, p->group) : p->group;
		if (name && wanted(k->s->producers, name))
			cutover_add_client(k->c,
				(struct cutover_client){ true, side, name, p->id, p->addr });
	}
	return rc;
}

/* ---- what waits ---- */

/*
 * How far each level is. A broker says nothing of a level it has not delivered from, so the ends
 * are those of the queues; queue n is level n + 1.
 */
static int64_t delivered(const struct kvs *table, int queue)
{
	char key[64];
	struct str text, done;
	int64_t n;

	snprintf(key, sizeof(key), LEVEL_KEY "%d", queue + 1);
	text = kvs_get(table, key);
	if (!text.p)
		return 0;
	str_cut(&text, ',', &done);
	return str_to_i64(done, 0, INT64_MAX, &n, "offset", NULL) ? 0 : n;
}

static int look_delayed_at(
	struct look *k, const struct broker *b, const struct queue_stats *ends)
{
	struct kvs table;
	int rc = b->addr ? admin_runtime(k->from, b->addr, &k->mem, &table, k->e) : 0;

	for (size_t i = 0; !rc && b->addr && i < ends->n; i++) {
		const struct queue_stat *q = &ends->v[i];

		if (!strcmp(q->q.broker, b->name))
			k->c->delayed +=
				MAX(q->max - MAX(delivered(&table, q->q.queue), q->min), 0);
	}
	return rc;
}

static int look_delayed_apache(struct look *k)
{
	const struct cluster *cl;
	struct queue_stats ends;
	int rc = admin_topic_stats(k->from, NAMES_SCHEDULE, &k->mem, &ends, k->e);

	if (rc == TQ_ENOTOPIC) {
		err_clear(k->e);
		return 0;
	}
	if (!rc)
		rc = admin_cluster(k->from, &cl, k->e);
	for (size_t i = 0; !rc && i < cl->n; i++)
		rc = look_delayed_at(k, &cl->v[i], &ends);
	return rc;
}

static int look_undecided_apache(struct look *k)
{
	struct lag lag;
	int rc = admin_lag(k->from, NAMES_HALF_GROUP, NAMES_HALF, &k->mem, &lag, k->e);

	if (rc == TQ_ENOTOPIC) {
		err_clear(k->e);
		return 0;
	}
	for (size_t i = 0; !rc && i < lag.n; i++)
		k->c->undecided += MAX(lag.v[i].broker_off - lag.v[i].consumer_off, 0);
	return rc;
}

static int look_waiting(struct look *k)
{
	struct waitings delayed, half;
	int rc;

	if (!admin_is_brokerd(k->from)) {
		rc = look_delayed_apache(k);
		return rc ? rc : look_undecided_apache(k);
	}
	rc = admin_waiting(k->from, NULL, 0, WAITING_MAX, &k->mem, &delayed, k->e);
	if (!rc)
		rc = admin_transactions(k->from, NULL, 0, WAITING_MAX, &k->mem, &half, k->e);
	if (rc)
		return rc;
	k->c->delayed = (int64_t)delayed.n;
	k->c->undecided = (int64_t)half.n;
	return 0;
}

int cutover_observe(struct cutover *c, struct admin *from, struct admin *to,
	const struct cutover_scope *s, struct err *e)
{
	struct look k = { .c = c, .from = from, .to = to, .s = s, .e = e };
	int rc;

	arena_init(&k.mem);
	rc = look_topics(&k);
	if (!rc)
		rc = look_groups(&k);
	for (int side = SIDE_OLD; !rc && side < SIDES; side++)
		rc = look_producers(&k, (enum cutover_side)side);
	if (!rc)
		rc = look_waiting(&k);
	arena_release(&k.mem);
	return rc;
}
