/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cutover: the judgement. A consumer group that begins without a position begins, as a rule, at the
 * end of its queues: what was sent before its first member came is not delivered. So consumers go
 * first. And what is left in the old cluster when the last consumer goes stays there: so they go
 * last, too.
 */
#include "cutover.h"

const char *const cutover_side_names[] = { "old", "new", NULL };
const char *const cutover_step_names[] = { "metadata", "some-consumers", "some-producers",
	"all-producers", "drained", "all-consumers", NULL };

void cutover_init(struct cutover *c)
{
	memset(c, 0, sizeof(*c));
	arena_init(&c->mem);
	c->missing = strv_in(&c->mem);
}

void cutover_release(struct cutover *c)
{
	mem_free(c->groups);
	mem_free(c->clients);
	arena_release(&c->mem);
	memset(c, 0, sizeof(*c));
}

static void *room(void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? 2 * *cap : 16;
	return mem_grow(v, *cap * size);
}

struct cutover_group *cutover_add_group(struct cutover *c, const char *name)
{
	c->groups = room(c->groups, c->n_groups, &c->cap_groups, sizeof(*c->groups));
	c->groups[c->n_groups] = (struct cutover_group){ .name = arena_str(&c->mem, name) };
	return &c->groups[c->n_groups++];
}

void cutover_add_client(struct cutover *c, struct cutover_client client)
{
	client.group = arena_str(&c->mem, client.group);
	client.id = arena_str(&c->mem, client.id);
	client.addr = arena_str(&c->mem, client.addr);
	c->clients = room(c->clients, c->n_clients, &c->cap_clients, sizeof(*c->clients));
	c->clients[c->n_clients++] = client;
	c->producers[client.side] += client.producer;
}

/* ---- judgement ---- */

struct sums {
	int active, moved; /* groups with a member; those of them with one in the new cluster */
	int staying; /* with one in the old cluster */
	int groups_missing, with_left;
	int64_t left;
	const struct cutover_group *first_missing, *first_behind, *first_left;
};

static struct sums sum_up(const struct cutover *c)
{
	struct sums s = { 0 };

	for (size_t i = 0; i < c->n_groups; i++) {
		const struct cutover_group *g = &c->groups[i];
		bool active = g->members[SIDE_OLD] || g->members[SIDE_NEW];

		s.active += active;
		s.moved += g->members[SIDE_NEW] > 0;
		s.staying += g->members[SIDE_OLD] > 0;
		s.left += g->left;
		s.with_left += g->left > 0;
		s.groups_missing += g->missing;
		if (g->missing && !s.first_missing)
			s.first_missing = g;
		if (active && !g->members[SIDE_NEW] && !s.first_behind)
			s.first_behind = g;
		if (g->left > 0 && !s.first_left)
			s.first_left = g;
	}
	return s;
}

static void metadata(struct cutover *c, const struct sums *s, struct cutover_state *st)
{
	st->done = !c->missing.n && !s->groups_missing;
	st->safe = true;
	st->detail = arena_fmt(&c->mem, "topics there: %zu of %d, groups: %zu of %zu",
		(size_t)c->topics - c->missing.n, c->topics,
		c->n_groups - (size_t)s->groups_missing, c->n_groups);
}

static void some_consumers(struct cutover *c, const struct sums *s, struct cutover_state *st,
	const struct cutover_state *before)
{
	st->done = s->active && s->moved == s->active;
	st->safe = before->done;
	st->detail = s->active ? arena_fmt(&c->mem, "groups with a member there: %d of %d",
					 s->moved, s->active)
			       : "no consumer is connected anywhere";
	if (!st->safe && c->missing.n)
		st->why = arena_fmt(
			&c->mem, "topic '%s' is not in the new cluster", c->missing.v[0]);
	else if (!st->safe)
		st->why = arena_fmt(&c->mem, "group '%s' is not in the new cluster",
			s->first_missing->name);
}

/* What becomes of what is sent where nobody of a group listens. */
static const char *unheard(struct cutover *c, const struct cutover_group *g)
{
	return arena_fmt(&c->mem, "nobody of group '%s' consumes in the new cluster: %s",
		g->name,
		g->placed ? "what is sent there waits"
			  : "what is sent there before its first member comes is lost to it");
}

static void producers(struct cutover *c, const struct sums *s,
	const struct cutover_state *consumers, struct cutover_state *some,
	struct cutover_state *all)
{
	int old = c->producers[SIDE_OLD], new = c->producers[SIDE_NEW];

	some->done = new > 0;
	all->done = new > 0 && !old;
	some->safe = all->safe = consumers->done;
	some->detail = all->detail = arena_fmt(
		&c->mem, "producers in the new cluster: %d, in the old one: %d", new, old);
	if (!consumers->done)
		some->why = all->why = s->first_behind ? unheard(c, s->first_behind)
						       : "no consumer is connected anywhere";
}

static const char *why_not_drained(struct cutover *c, const struct sums *s)
{
	if (s->left)
		return arena_fmt(&c->mem, "unread in the old cluster: %lld, of group '%s'%s",
			(long long)s->left, s->first_left->name,
			s->with_left > 1 ? " and others" : "");
	if (c->delayed)
		return arena_fmt(&c->mem, "waiting for their time in the old cluster: %lld",
			(long long)c->delayed);
	return arena_fmt(&c->mem, "undecided transactional messages in the old cluster: %lld",
		(long long)c->undecided);
}

/* Nothing is to be done for it but to wait; the consumers that are still there do the work. */
static void drained(struct cutover *c, const struct sums *s, const struct cutover_state *sent,
	struct cutover_state *st)
{
	bool empty = !s->left && !c->delayed && !c->undecided;

	st->safe = sent->done;
	st->done = sent->done && empty;
	st->detail = arena_fmt(&c->mem, "unread: %lld, delayed: %lld, undecided: %lld",
		(long long)s->left, (long long)c->delayed, (long long)c->undecided);
	if (!sent->done)
		st->why = c->producers[SIDE_OLD]
				  ? arena_fmt(&c->mem,
					    "producers that still send to the old cluster: %d",
					    c->producers[SIDE_OLD])
				  : "no producer sends to the new cluster";
}

static void all_consumers(struct cutover *c, const struct sums *s,
	const struct cutover_state *empty, struct cutover_state *st)
{
	st->safe = empty->done;
	st->done = empty->done && s->active && !s->staying;
	st->detail =
		arena_fmt(&c->mem, "groups with members in the old cluster: %d", s->staying);
	if (!st->safe)
		st->why = empty->why ? empty->why : why_not_drained(c, s);
}

static void add(struct strv *v, const char *text)
{
	strv_add(v, str_of(text));
}

/* Gone from the old cluster, though something is there or will come. */
static void look_behind(struct cutover *c, const struct cutover_group *g, struct strv *dangers)
{
	const char *what = NULL;

	if (!g->used || g->members[SIDE_OLD] || !g->members[SIDE_NEW])
		return;
	if (g->left)
		what = arena_fmt(
			&c->mem, "messages are unread there: %lld", (long long)g->left);
	else if (c->producers[SIDE_OLD])
		what = arena_fmt(
			&c->mem, "producers still send there: %d", c->producers[SIDE_OLD]);
	else if (c->delayed || c->undecided)
		what = arena_fmt(&c->mem,
			"messages wait there for their time or for a decision: %lld",
			(long long)(c->delayed + c->undecided));
	if (what)
		add(dangers, arena_fmt(&c->mem,
				     "group '%s' has left the old cluster, and %s; connect a "
				     "consumer there again",
				     g->name, what));
}

static void look_ahead(struct cutover *c, const struct cutover_group *g, struct strv *dangers)
{
	if (c->producers[SIDE_NEW] && g->members[SIDE_OLD] && !g->members[SIDE_NEW])
		add(dangers, arena_fmt(&c->mem, "producers send to the new cluster, but %s",
				     unheard(c, g)));
}

static void caution(struct cutover *c, struct cutover_verdict *v)
{
	if (v->next == STEP_ALL_PRODUCERS && c->undecided)
		add(&v->cautions,
			arena_fmt(&c->mem,
				"undecided transactional messages in the old cluster: %lld; it "
				"can ask only producers that are still connected to it",
				(long long)c->undecided));
	for (size_t i = 0; i < c->n_groups; i++) {
		const struct cutover_group *g = &c->groups[i];

		if (g->left && !g->members[SIDE_OLD] && !g->members[SIDE_NEW])
			add(&v->cautions,
				arena_fmt(&c->mem,
					"group '%s' is connected nowhere; unread in the old "
					"cluster: %lld",
					g->name, (long long)g->left));
		if (g->broadcast && g->members[SIDE_OLD])
			add(&v->cautions,
				arena_fmt(&c->mem,
					"group '%s' is broadcast to: its members know "
					"themselves what they have not read",
					g->name));
	}
}

void cutover_judge(struct cutover *c, struct cutover_verdict *v)
{
	struct sums s = sum_up(c);
	struct cutover_state *st = v->step;

	memset(v, 0, sizeof(*v));
	v->dangers = strv_in(&c->mem);
	v->cautions = strv_in(&c->mem);
	metadata(c, &s, &st[STEP_METADATA]);
	some_consumers(c, &s, &st[STEP_SOME_CONSUMERS], &st[STEP_METADATA]);
	producers(c, &s, &st[STEP_SOME_CONSUMERS], &st[STEP_SOME_PRODUCERS],
		&st[STEP_ALL_PRODUCERS]);
	drained(c, &s, &st[STEP_ALL_PRODUCERS], &st[STEP_DRAINED]);
	all_consumers(c, &s, &st[STEP_DRAINED], &st[STEP_ALL_CONSUMERS]);
	while (v->next < CUTOVER_STEPS && st[v->next].done)
		v->next++;
	for (size_t i = 0; i < c->n_groups; i++) {
		look_behind(c, &c->groups[i], &v->dangers);
		look_ahead(c, &c->groups[i], &v->dangers);
	}
	caution(c, v);
}

bool cutover_may(const struct cutover_verdict *v, enum cutover_step step)
{
	return !v->dangers.n &&
	       (step >= CUTOVER_STEPS || v->step[step].done || v->step[step].safe);
}
