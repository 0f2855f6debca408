/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of topics, each with the ids of its connections in a table of its own: the question of
 * each message is two look-ups, the end of a connection one in each topic.
 */
#include "brokerd/senders.h"

#include "map.h"
#include "mem.h"

struct sender {
	uint64_t conn;
	UT_hash_handle hh;
};

struct sent_topic {
	char *name; /* owned */
	struct sender *senders;
	UT_hash_handle hh;
};

struct senders {
	struct sent_topic *topics;
};

struct senders *senders_new(void)
{
	return mem_alloc(sizeof(struct senders));
}

static struct sent_topic *find(const struct senders *s, struct str topic)
{
	struct sent_topic *t;

	HASH_FIND(hh, s->topics, topic.p, topic.n, t);
	return t;
}

static void drop_sender(struct sent_topic *t, struct sender *one)
{
	HASH_DEL(t->senders, one);
	mem_free(one);
}

static void drop_topic(struct senders *s, struct sent_topic *t)
{
	struct sender *one, *tmp;

	map_foreach (t->senders, one, tmp)
		drop_sender(t, one);
	HASH_DEL(s->topics, t);
	mem_free(t->name);
	mem_free(t);
}

void senders_free(struct senders *s)
{
	struct sent_topic *t, *tmp;

	if (!s)
		return;
	map_foreach (s->topics, t, tmp)
		drop_topic(s, t);
	mem_free(s);
}

bool senders_admit(struct senders *s, struct str topic, uint64_t conn, int64_t max)
{
	struct sent_topic *t = find(s, topic);
	struct sender *one = NULL;

	if (t)
		HASH_FIND(hh, t->senders, &conn, sizeof(conn), one);
	if (one)
		return true;
	if (max < 1 || (t && HASH_COUNT(t->senders) >= max))
		return false;
	if (!t) {
		t = mem_alloc(sizeof(*t));
		t->name = mem_strn(topic.p, topic.n);
		HASH_ADD_KEYPTR(hh, s->topics, t->name, topic.n, t);
	}
	one = mem_alloc(sizeof(*one));
	one->conn = conn;
	HASH_ADD(hh, t->senders, conn, sizeof(one->conn), one);
	return true;
}

int64_t senders_count(const struct senders *s, struct str topic)
{
	const struct sent_topic *t = find(s, topic);

	return t ? HASH_COUNT(t->senders) : 0;
}

void senders_conn_closed(struct senders *s, uint64_t conn)
{
	struct sent_topic *t, *tmp;
	struct sender *one;

	map_foreach (s->topics, t, tmp) {
		HASH_FIND(hh, t->senders, &conn, sizeof(conn), one);
		if (one)
			drop_sender(t, one);
		if (!t->senders)
			drop_topic(s, t);
	}
}

void senders_forget_topic(struct senders *s, struct str topic)
{
	struct sent_topic *t = find(s, topic);

	if (t)
		drop_topic(s, t);
}
