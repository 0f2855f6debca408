/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settle: what several brokers say about one name becomes one item.
 *
 *	broker-a  orders  8 queues, rw ─┐
 *	broker-b  orders  8 queues, rw ─┼─▶ orders  24 queues, rw, BROKERS_DIFFER
 *	broker-c  orders  8 queues, r  ─┘
 *
 * Queues add up, as in Apache's own exports; of every other setting the most frequent value counts,
 * and among equals that of the broker named first. Entries of one broker that stand twice are left
 * as they are, for the plan to report; so are those that stand for a whole cluster.
 */
#include "base.h"

#include "map.h"
#include "source.h"

#define MAX_NOTES 10 /* of brokers that differ; the warning is at every item */

struct name_entry {
	const char *key; /* kind and name */
	size_t first, last, n; /* of those items that have a broker */
	UT_hash_handle hh;
};

/* How one setting of an item is read and written, as a number. */
struct setting {
	const char *text;
	int (*get)(const struct found *f);
	void (*set)(struct found *f, int v);
};

#define SETTING(of, kind, member) \
	static int get_##kind##_##member(const struct found *f) \
	{ \
		return (int)f->of.member; \
	} \
	static void set_##kind##_##member(struct found *f, int v) \
	{ \
		f->of.member = v; \
	}

SETTING(topic, topic, write_queues)
SETTING(topic, topic, read_queues)
SETTING(topic, topic, perm)
SETTING(topic, topic, type)
SETTING(topic, topic, sysflag)
SETTING(topic, topic, order)
SETTING(topic, topic, multi_tag)
SETTING(group, group, consume)
SETTING(group, group, consume_from_min)
SETTING(group, group, broadcast)
SETTING(group, group, notify_changed)
SETTING(group, group, retry_queues)
SETTING(group, group, retry_max)

#define OF(kind, member, text) \
	{ \
		text, get_##kind##_##member, set_##kind##_##member \
	}
static const struct setting topic_settings[] = {
	OF(topic, write_queues, "write queues"),
	OF(topic, read_queues, "read queues"),
	OF(topic, perm, "permission"),
	OF(topic, type, "type"),
	OF(topic, sysflag, "system flag"),
	OF(topic, order, "order"),
	OF(topic, multi_tag, "filter type"),
	{ NULL, NULL, NULL },
};
static const struct setting group_settings[] = {
	OF(group, consume, "consumption"),
	OF(group, consume_from_min, "consumption from the start"),
	OF(group, broadcast, "broadcast"),
	OF(group, notify_changed, "notification of members"),
	OF(group, retry_queues, "retry queues"),
	OF(group, retry_max, "retries"),
	{ NULL, NULL, NULL },
};
#undef OF

/* next[i]: the item of the same name at the next broker; SIZE_MAX: none. */
struct merge {
	struct inventory *inv;
	struct name_entry *names;
	size_t *next; /* owned */
	size_t differ;
};

static void put_value(struct buf *b, const struct setting *s, const struct found *f, int v)
{
	char perm[4];

	if (f->kind == OBJ_TOPIC && s->get == get_topic_perm)
		buf_puts(b, perm_text(v, perm));
	else if (f->kind == OBJ_TOPIC && s->get == get_topic_type)
		buf_puts(b, topic_type_names[v]);
	else
		buf_addf(b, "%d", v);
}

/* The most frequent value; *other is the first item that says otherwise, or NULL. */
static int majority(const struct merge *m, const struct name_entry *en, const struct setting *s,
	const struct found **other)
{
	const struct found *items = m->inv->items;
	int best = s->get(&items[en->first]), best_n = 0;

	*other = NULL;
	for (size_t i = en->first; i != SIZE_MAX; i = m->next[i]) {
		int v = s->get(&items[i]), n = 0;

		for (size_t k = i; k != SIZE_MAX; k = m->next[k])
			n += s->get(&items[k]) == v;
		if (n > best_n) {
			best = v;
			best_n = n;
		}
		if ((size_t)n == en->n)
			break; /* all of them */
	}
	for (size_t i = en->first; i != SIZE_MAX && !*other; i = m->next[i])
		if (s->get(&items[i]) != best)
			*other = &items[i];
	return best;
}

static const struct found *who_says(
	const struct merge *m, const struct name_entry *en, const struct setting *s, int v)
{
	const struct found *items = m->inv->items;
	size_t i = en->first;

	while (s->get(&items[i]) != v)
		i = m->next[i];
	return &items[i];
}

static void note_difference(struct merge *m, const struct name_entry *en,
	const struct setting *s, int best, const struct found *other)
{
	const struct found *one = who_says(m, en, s, best);
	struct buf b;

	if (m->differ > MAX_NOTES)
		return;
	buf_init(&b, 1024);
	put_value(&b, s, one, best);
	buf_addf(&b, " at %.100s, ", one->broker);
	put_value(&b, s, other, s->get(other));
	buf_addf(&b, " at %.100s", other->broker);
	inventory_note(m->inv, "%s '%.130s': brokers differ in %s: %s",
		object_kind_names[one->kind], one->name, s->text, b.p ? b.p : "");
	buf_release(&b);
}

static void merge_name(struct merge *m, const struct name_entry *en)
{
	struct found *items = m->inv->items, *first = &items[en->first], whole = *first;
	const struct setting *s = first->kind == OBJ_TOPIC ? topic_settings : group_settings;
	int64_t write = 0, read = 0;
	bool differs = false;

	for (; s->text; s++) {
		const struct found *other;
		int best = majority(m, en, s, &other);

		s->set(&whole, best);
		if (!other)
			continue;
		m->differ += !differs;
		differs = true;
		note_difference(m, en, s, best, other);
	}
	for (size_t i = en->first; i != SIZE_MAX; i = m->next[i]) {
		whole.warnings |= items[i].warnings;
		if (items[i].bad)
			whole.bad = items[i].bad;
		if (first->kind == OBJ_TOPIC) {
			write += items[i].topic.write_queues;
			read += items[i].topic.read_queues;
		}
		items[i].name = i == en->first ? items[i].name : NULL; /* goes below */
	}
	if (differs)
		whole.warnings |= WARN_BIT(WARN_BROKERS_DIFFER);
	if (first->kind == OBJ_TOPIC) {
		whole.topic.write_queues = (int)MIN(write, INT32_MAX);
		whole.topic.read_queues = (int)MIN(read, INT32_MAX);
	}
	whole.broker = NULL;
	*first = whole;
}

static struct name_entry *entry_of(struct merge *m, const struct found *f)
{
	char *key = arena_fmt(&m->inv->mem, "%c%s", object_kind_names[f->kind][0], f->name);
	struct name_entry *en;

	HASH_FIND_STR(m->names, key, en);
	if (en)
		return en;
	en = arena_alloc(&m->inv->mem, sizeof(*en));
	en->key = key;
	HASH_ADD_KEYPTR(hh, m->names, en->key, strlen(en->key), en);
	return en;
}

/* A broker that names it twice: neither is merged, both stand for themselves. */
static bool said_twice(const struct merge *m, const struct name_entry *en, const char *broker)
{
	const struct found *items = m->inv->items;

	return en->n && !strcmp(items[en->last].broker, broker);
}

static void link_items(struct merge *m)
{
	struct inventory *inv = m->inv;

	for (size_t i = 0; i < inv->n; i++) {
		struct name_entry *en;

		m->next[i] = SIZE_MAX;
		if (!inv->items[i].broker)
			continue;
		en = entry_of(m, &inv->items[i]);
		if (said_twice(m, en, inv->items[i].broker)) {
			inv->items[i].broker = NULL;
			continue;
		}
		if (en->n++)
			m->next[en->last] = i;
		else
			en->first = i;
		en->last = i;
	}
}

/* How many brokers' tables there are: queue numbers are sums over so many. */
static int count_brokers(const struct inventory *inv)
{
	int most = 0;

	for (int kind = OBJ_TOPIC; kind <= OBJ_GROUP; kind++) {
		const char *last = NULL;
		int n = 0;

		for (size_t i = 0; i < inv->n; i++) {
			const struct found *f = &inv->items[i];

			if ((int)f->kind != kind || !f->broker)
				continue;
			n += !last || strcmp(last, f->broker) != 0;
			last = f->broker;
		}
		most = MAX(most, n);
	}
	return most;
}

static void merge_all(struct merge *m)
{
	struct inventory *inv = m->inv;
	size_t kept = 0;
	struct name_entry *en, *tmp;

	map_foreach (m->names, en, tmp)
		if (en->n)
			merge_name(m, en);
	for (size_t i = 0; i < inv->n; i++)
		if (inv->items[i].name)
			inv->items[kept++] = inv->items[i];
	inv->n = kept;
	if (m->differ > MAX_NOTES)
		inventory_note(inv, "and %zu more topics and groups of which brokers differ",
			m->differ - MAX_NOTES);
}

/* Topics whose order the name server keeps: global with one queue, else by queue. */
static void apply_order(struct inventory *inv)
{
	struct name_entry *ordered = NULL, *en;

	for (size_t i = 0; i < inv->n_ordered; i++) {
		HASH_FIND_STR(ordered, inv->ordered[i], en);
		if (en)
			continue;
		en = arena_alloc(&inv->mem, sizeof(*en));
		en->key = inv->ordered[i];
		HASH_ADD_KEYPTR(hh, ordered, en->key, strlen(en->key), en);
	}
	for (size_t i = 0; i < inv->n; i++) {
		struct found *f = &inv->items[i];

		if (f->kind != OBJ_TOPIC || f->topic.type != TOPIC_MIXED)
			continue;
		HASH_FIND_STR(ordered, f->name, en);
		if (!en)
			continue;
		f->topic.type = TOPIC_FIFO;
		f->topic.order = true;
	}
	HASH_CLEAR(hh, ordered);
}

static int by_group(const void *x, const void *y)
{
	const struct reads *a = x, *b = y;
	int d = strcmp(a->group, b->group);

	return d ? d : strcmp(a->topic, b->topic);
}

/* Each pair once, in order: several brokers tell the same. */
static void sort_reads(struct inventory *inv)
{
	size_t kept = 0;

	if (inv->n_reads)
		qsort(inv->reads, inv->n_reads, sizeof(*inv->reads), by_group);
	for (size_t i = 0; i < inv->n_reads; i++)
		if (!kept || by_group(&inv->reads[kept - 1], &inv->reads[i]) != 0)
			inv->reads[kept++] = inv->reads[i];
	inv->n_reads = kept;
}

void inventory_settle(struct inventory *inv)
{
	struct merge m = { .inv = inv };

	inv->masters = MAX(inv->masters, count_brokers(inv));
	m.next = mem_array(inv->n + 1, sizeof(*m.next));
	sort_reads(inv);
	link_items(&m);
	merge_all(&m);
	HASH_CLEAR(hh, m.names);
	mem_free(m.next);
	if (inv->n_ordered)
		apply_order(inv);
}
