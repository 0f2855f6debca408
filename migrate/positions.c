/* SPDX-License-Identifier: Apache-2.0 */
/*
 * positions: two passes over a group. The old cluster tells, row by row, how far it is and when
 * the next message was stored; the new one is asked, queue by queue, where that time is. Apache
 * answers with the nearest message, which may be one earlier, and with the last one for a time
 * behind all: that case is decided by the time of the newest message.
 */
#include "positions.h"

#include "names.h"

#define FORMAT "tdmqctl-positions/1"

void positions_init(struct positions *p, const char *group)
{
	*p = (struct positions){ .group = group };
}

void positions_release(struct positions *p)
{
	mem_free(p->v);
	strv_release(&p->missing);
	p->v = NULL;
	p->n = p->cap = 0;
}

static struct position *add(struct positions *p)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 32;
		p->v = mem_grow(p->v, p->cap * sizeof(*p->v));
	}
	p->v[p->n] = (struct position){ .now = -1 };
	return &p->v[p->n++];
}

int64_t position_replayed(const struct position *p)
{
	return p->now < 0 ? 0 : MAX(MIN(p->now, p->max) - p->to, 0);
}

int64_t position_skipped(const struct position *p)
{
	return MAX(p->to - MAX(p->now, p->min), 0);
}

/* ---- the old cluster ---- */

/* The oldest of what is left counts; where nothing is, the newest of what is consumed. */
void topic_time_add(struct topic_time *t, bool left, int64_t ms)
{
	if (left && (!t->left || ms < t->since_ms))
		t->since_ms = ms;
	else if (!left && !t->left && ms)
		t->since_ms = MAX(t->since_ms, ms + 1);
	t->left |= left;
}

struct source {
	struct admin *admin;
	const char *topic, *addr;
	struct route route;
};

static int time_of_queue(
	struct source *s, const struct queue_lag *q, struct topic_time *t, struct err *e)
{
	const char *addr = route_addr(&s->route, q->q.broker);
	int64_t ms;
	int rc;

	if (q->consumer_off >= q->broker_off) {
		topic_time_add(t, false, q->last_ms);
		return 0;
	}
	if (!addr)
		return err_set(
			e, TQ_EUNREACHABLE, "broker '%s' has no master alive", q->q.broker);
	rc = admin_stored_at(
		s->admin, addr, q->q.topic, q->q.queue, MAX(q->consumer_off, 0), &ms, e);
	if (!rc)
		topic_time_add(t, true, ms);
	if (rc == TQ_ENOTFOUND) { /* nothing is left to read, whatever the figures say */
		err_clear(e);
		topic_time_add(t, false, q->last_ms);
		rc = 0;
	}
	return rc;
}

/* Rows of one topic: how many, and when. */
static int time_of_topic(struct admin *from, const struct queue_lag *v, size_t n,
	struct topic_time *t, struct arena *mem, struct err *e)
{
	struct source s = { .admin = from, .topic = v[0].q.topic };
	int rc = admin_route(from, v[0].q.topic, mem, &s.route, e);

	*t = (struct topic_time){ 0 };
	for (size_t i = 0; !rc && i < n; i++)
		rc = time_of_queue(&s, &v[i], t, e);
	return rc;
}

/* ---- the new cluster ---- */

static int64_t position_now(const struct lag *have, const struct queue_id *q)
{
	for (size_t i = 0; i < have->n; i++)
		if (have->v[i].q.queue == q->queue && !strcmp(have->v[i].q.topic, q->topic) &&
			!strcmp(have->v[i].q.broker, q->broker))
			return have->v[i].consumer_off;
	return -1;
}

static int place(
	struct admin *to, struct position *x, const struct queue_stat *s, struct err *e)
{
	int64_t at;
	int rc;

	x->min = x->to = s->min;
	x->max = s->max;
	if (!x->since_ms || s->min == s->max)
		return 0;
	if (s->last_ms && s->last_ms < x->since_ms) {
		x->to = s->max;
		return 0;
	}
	rc = admin_offset_at(to, x->addr, x->q.topic, x->q.queue, x->since_ms, &at, e);
	if (!rc)
		x->to = MIN(MAX(at, s->min), s->max);
	return rc;
}

static int place_topic(struct positions *p, struct admin *to, const char *topic,
	int64_t since_ms, const struct lag *have, struct arena *mem, struct err *e)
{
	struct queue_stats stats;
	struct route route;
	int rc = admin_topic_stats(to, topic, mem, &stats, e);

	if (!rc)
		rc = admin_route(to, topic, mem, &route, e);
	for (size_t i = 0; !rc && i < stats.n; i++) {
		struct position *x = add(p);

		x->q = (struct queue_id){ topic, stats.v[i].q.broker, stats.v[i].q.queue };
		x->addr = route_addr(&route, x->q.broker);
		x->now = position_now(have, &x->q);
		x->since_ms = since_ms;
		if (!x->addr)
			rc = err_set(e, TQ_EUNREACHABLE, "broker '%s' has no master alive",
				x->q.broker);
		else
			rc = place(to, x, &stats.v[i], e);
	}
	return rc;
}

int positions_by_time(struct positions *p, struct admin *from, const char *group,
	const char *topic, struct admin *to, position_name name, void *arg, struct arena *mem,
	struct err *e)
{
	struct lag old, have;
	struct topic_time t;
	const char *there;
	int rc = admin_lag(from, group, topic, mem, &old, e);

	if (!rc)
		rc = admin_lag(to, p->group, NULL, mem, &have, e);
	for (size_t i = 0, j; !rc && i < old.n; i = j) {
		for (j = i + 1; j < old.n && !strcmp(old.v[i].q.topic, old.v[j].q.topic); j++)
			;
		if (names_is_retry(str_of(old.v[i].q.topic)) ||
			names_is_dlq(str_of(old.v[i].q.topic)))
			continue;
		there = name(arg, old.v[i].q.topic);
		if (!there)
			continue;
		rc = time_of_topic(from, &old.v[i], j - i, &t, mem, e);
		if (rc)
			break;
		rc = place_topic(p, to, there, t.since_ms, &have, mem, e);
		if (rc == TQ_ENOTOPIC) {
			err_clear(e);
			strv_add(&p->missing, str_of(there));
			rc = 0;
		}
	}
	return rc;
}

/* ---- set ---- */

static int read_back(struct admin *to, const struct positions *p, struct err *e)
{
	size_t wrong = 0;
	int64_t now;
	int rc = 0;

	for (size_t i = 0; !rc && i < p->n; i++) {
		const struct position *x = &p->v[i];

		rc = admin_offset_get(to, x->addr, p->group, x->q.topic, x->q.queue, &now, e);
		wrong += !rc && now != x->to;
	}
	if (rc || !wrong)
		return rc;
	err_set(e, TQ_EPARTIAL, "%zu of %zu positions of '%s' are other than they were set",
		wrong, p->n, p->group);
	return err_why(
		e, "a member that is connected keeps positions of its own and sets them");
}

int positions_set(struct admin *to, const struct positions *p, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < p->n; i++)
		rc = admin_offset_set(to, p->v[i].addr, p->group, p->v[i].q.topic,
			p->v[i].q.queue, p->v[i].to, e);
	return rc ? rc : read_back(to, p, e);
}

/* ---- snapshots ---- */

cJSON *positions_snapshot(const struct positions *p, const char *cluster, int64_t at_ms)
{
	cJSON *doc = cJSON_CreateObject(), *list, *o;

	cJSON_AddStringToObject(doc, "format", FORMAT);
	cJSON_AddStringToObject(doc, "cluster", cluster);
	json_add_i64(doc, "atMs", at_ms);
	cJSON_AddStringToObject(doc, "group", p->group);
	list = cJSON_AddArrayToObject(doc, "queues");
	for (size_t i = 0; i < p->n; i++) {
		const struct position *x = &p->v[i];

		o = cJSON_CreateObject();
		cJSON_AddStringToObject(o, "topic", x->q.topic);
		cJSON_AddStringToObject(o, "broker", x->q.broker);
		json_add_i64(o, "queue", x->q.queue);
		json_add_i64(o, "before", x->now);
		json_add_i64(o, "set", x->to);
		json_add_i64(o, "min", x->min);
		cJSON_AddItemToArray(list, o);
	}
	return doc;
}

const char *positions_snapshot_cluster(const cJSON *doc)
{
	return json_text(doc, "cluster", "");
}

int positions_from_snapshot(
	struct positions *p, const cJSON *doc, struct arena *mem, struct err *e)
{
	const cJSON *list, *o;
	int rc;

	if (strcmp(json_text(doc, "format", ""), FORMAT))
		return err_set(
			e, TQ_EFORMAT, "no snapshot of positions: format is not " FORMAT);
	rc = json_need_array(doc, "queues", &list, e);
	if (rc)
		return rc;
	p->group = arena_str(mem, json_text(doc, "group", ""));
	cJSON_ArrayForEach (o, list) {
		struct position *x = add(p);
		int64_t before = -1, min = 0, set = 0, queue = 0;

		if ((rc = json_need_int(o, "before", -1, INT64_MAX, &before, e)) ||
			(rc = json_need_int(o, "set", 0, INT64_MAX, &set, e)) ||
			(rc = json_need_int(o, "min", 0, INT64_MAX, &min, e)) ||
			(rc = json_need_int(o, "queue", 0, 65535, &queue, e)))
			return rc;
		x->q = (struct queue_id){ arena_str(mem, json_text(o, "topic", "")),
			arena_str(mem, json_text(o, "broker", "")), (int)queue };
		x->now = set;
		x->min = min;
		x->max = INT64_MAX;
		x->to = before < 0 ? min : before;
	}
	return 0;
}
