/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rebalance: a hash of locks. An expired lock is as good as none wherever it is looked at; the
 * tick only gives its memory back.
 */
#include "rebalance.h"

#include "brokerd/conn.h"
#include "map.h"

/* What strangers may make us keep. */
#define LOCKS_MAX 100000
#define ID_MAX 2048

struct lock {
	char *id; /* owned: group NUL topic NUL broker NUL queue */
	size_t id_n;
	char *owner; /* owned: client id */
	int64_t until_ms;
	UT_hash_handle hh;
};

struct rebalance {
	struct lock *locks;
	int64_t lock_ms;
};

void rebalance_notify(void *arg UNUSED, struct conn *c, struct str group)
{
	struct command rq;

	command_init(&rq, REQ_NOTIFY_CONSUMER_IDS_CHANGED);
	command_add(&rq, "consumerGroup", group);
	conn_notify(c, &rq);
}

struct rebalance *rebalance_new(void)
{
	struct rebalance *r = mem_alloc(sizeof(*r));

	r->lock_ms = REBALANCE_LOCK_MS;
	return r;
}

void rebalance_set_lock(struct rebalance *r, int64_t ms)
{
	r->lock_ms = ms;
}

static void drop(struct rebalance *r, struct lock *l)
{
	HASH_DEL(r->locks, l);
	mem_free(l->id);
	mem_free(l->owner);
	mem_free(l);
}

void rebalance_free(struct rebalance *r)
{
	struct lock *l, *next;

	if (!r)
		return;
	map_foreach (r->locks, l, next)
		drop(r, l);
	mem_free(r);
}

static void make_id(struct buf *b, struct str group, const struct queue_name *q)
{
	buf_init(b, ID_MAX);
	buf_add_str(b, group);
	buf_putc(b, '\0');
	buf_add_str(b, q->topic);
	buf_putc(b, '\0');
	buf_add_str(b, q->broker);
	buf_putc(b, '\0');
	buf_i64(b, q->queue);
}

static struct lock *find(const struct rebalance *r, const struct buf *id)
{
	struct lock *l;

	HASH_FIND(hh, r->locks, id->p, id->n, l);
	return l;
}

static struct lock *add(struct rebalance *r, struct buf *id)
{
	struct lock *l = mem_alloc(sizeof(*l));

	l->id = buf_take(id, &l->id_n);
	HASH_ADD_KEYPTR(hh, r->locks, l->id, l->id_n, l);
	return l;
}

bool rebalance_lock(struct rebalance *r, struct str group, const struct queue_name *q,
	struct str client_id, int64_t now_ms)
{
	struct lock *l = NULL;
	struct buf id;
	bool mine = false;

	make_id(&id, group, q);
	if (buf_err(&id) || client_id.n > ID_MAX)
		goto out;
	l = find(r, &id);
	if (!l && HASH_COUNT(r->locks) >= LOCKS_MAX)
		goto out;
	if (!l)
		l = add(r, &id);
	mine = !l->owner || l->until_ms < now_ms || str_is(client_id, l->owner);
	if (!mine)
		goto out;
	if (!l->owner || !str_is(client_id, l->owner)) {
		mem_free(l->owner);
		l->owner = mem_strn(client_id.p, client_id.n);
	}
	l->until_ms = now_ms + r->lock_ms;
out:
	buf_release(&id);
	return mine;
}

void rebalance_unlock(
	struct rebalance *r, struct str group, const struct queue_name *q, struct str client_id)
{
	struct lock *l;
	struct buf id;

	make_id(&id, group, q);
	l = buf_err(&id) ? NULL : find(r, &id);
	if (l && str_is(client_id, l->owner))
		drop(r, l);
	buf_release(&id);
}

void rebalance_leave(struct rebalance *r, struct str group, struct str client_id)
{
	struct lock *l, *next;

	map_foreach (r->locks, l, next) {
		if (l->id_n > group.n && !l->id[group.n] && !memcmp(l->id, group.p, group.n) &&
			str_is(client_id, l->owner))
			drop(r, l);
	}
}

void rebalance_tick(struct rebalance *r, int64_t now_ms)
{
	struct lock *l, *next;

	map_foreach (r->locks, l, next) {
		if (l->until_ms < now_ms)
			drop(r, l);
	}
}
