/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets: a hash of (topic, group) pairs, each with a sorted array of its queues, as a pair
 * has few and their numbers come from strangers. Changed pairs form a list; a flush copies
 * their changed rows into one job. Rows that could not be stored are marked changed again and
 * go with the next flush.
 */
#include "offsets.h"

#include "log.h"
#include "map.h"
#include "names.h"

#define PAIRS_MAX 200000 /* any client may name new ones */
#define QUEUE_MAX 65535 /* no queue has a higher number */
#define QUEUES_MAX 1024 /* of one pair */

struct pair {
	char *id; /* owned: topic@group */
	struct str topic, group; /* slices of id */
	struct offset_queue *queues; /* owned, ascending */
	bool *dirty; /* owned, beside queues */
	size_t n, cap;
	bool listed; /* in the list of changed pairs */
	struct pair *next_dirty;
	UT_hash_handle hh;
};

struct offsets {
	struct metadb *db; /* borrowed */
	struct pair *pairs;
	struct pair *dirty;
};

/* Neither name holds '@' (names.h), so the id tells the two apart. */
static size_t make_id(char *id, size_t size, struct str topic, struct str group)
{
	return (size_t)snprintf(id, size, STR_FMT "@" STR_FMT, STR_ARG(topic), STR_ARG(group));
}

static struct pair *find(const struct offsets *o, struct str topic, struct str group)
{
	char id[WIRE_TOPIC_MAX + 1 + 255 + 1];
	struct pair *p;
	size_t n;

	if (topic.n > WIRE_TOPIC_MAX || group.n > 255)
		return NULL;
	n = make_id(id, sizeof(id), topic, group);
	HASH_FIND(hh, o->pairs, id, n, p);
	return p;
}

static struct pair *add(struct offsets *o, struct str topic, struct str group)
{
	struct pair *p = mem_alloc(sizeof(*p));

	p->id = mem_fmt(STR_FMT "@" STR_FMT, STR_ARG(topic), STR_ARG(group));
	p->topic = (struct str){ p->id, topic.n };
	p->group = (struct str){ p->id + topic.n + 1, group.n };
	HASH_ADD_KEYPTR(hh, o->pairs, p->id, topic.n + 1 + group.n, p);
	return p;
}

static void free_pair(struct pair *p)
{
	mem_free(p->id);
	mem_free(p->queues);
	mem_free(p->dirty);
	mem_free(p);
}

/* Where the queue is, or where it belongs. */
static size_t place_of(const struct pair *p, int queue)
{
	size_t lo = 0, hi = p->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (p->queues[mid].queue < queue)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool has_at(const struct pair *p, size_t i, int queue)
{
	return i < p->n && p->queues[i].queue == queue;
}

static void make_room(struct pair *p, size_t i)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 4;
		p->queues = mem_grow(p->queues, p->cap * sizeof(*p->queues));
		p->dirty = mem_grow(p->dirty, p->cap * sizeof(*p->dirty));
	}
	memmove(&p->queues[i + 1], &p->queues[i], (p->n - i) * sizeof(*p->queues));
	memmove(&p->dirty[i + 1], &p->dirty[i], (p->n - i) * sizeof(*p->dirty));
	p->n++;
}

static void mark(struct offsets *o, struct pair *p, size_t i)
{
	p->dirty[i] = true;
	if (p->listed)
		return;
	p->listed = true;
	p->next_dirty = o->dirty;
	o->dirty = p;
}

static int check(struct str group, struct str topic, int queue, struct err *e)
{
	if (!group.n || group.n > 255 || memchr(group.p, '@', group.n))
		return err_set(
			e, TQ_EINVAL, "no group can be named '" STR_FMT "'", STR_ARG(group));
	if (!topic.n || topic.n > WIRE_TOPIC_MAX || memchr(topic.p, '@', topic.n))
		return err_set(
			e, TQ_EINVAL, "no topic can be named '" STR_FMT "'", STR_ARG(topic));
	if (queue < 0 || queue > QUEUE_MAX)
		return err_set(e, TQ_EINVAL, "no queue has the number %d", queue);
	return 0;
}

int offsets_set(struct offsets *o, struct str group, struct str topic, int queue, int64_t off,
	struct err *e)
{
	struct pair *p = find(o, topic, group);
	size_t i;
	int rc;

	if (!p) {
		rc = check(group, topic, queue, e);
		if (rc)
			return rc;
		if (HASH_COUNT(o->pairs) >= PAIRS_MAX)
			return err_set(e, TQ_ELIMIT,
				"offsets of %d topics and groups are the limit", PAIRS_MAX);
		p = add(o, topic, group);
	}
	i = place_of(p, queue);
	if (!has_at(p, i, queue)) {
		if (queue < 0 || queue > QUEUE_MAX || p->n >= QUEUES_MAX)
			return err_set(e, TQ_EINVAL, "no queue has the number %d", queue);
		make_room(p, i);
	} else if (p->queues[i].off == off) {
		return 0;
	}
	p->queues[i] = (struct offset_queue){ queue, off };
	mark(o, p, i);
	return 0;
}

int64_t offsets_get(const struct offsets *o, struct str group, struct str topic, int queue)
{
	const struct pair *p = find(o, topic, group);
	size_t i = p ? place_of(p, queue) : 0;

	return p && has_at(p, i, queue) ? p->queues[i].off : -1;
}

/* ---- to the disk ---- */

struct row {
	struct str topic, group; /* the flush's arena */
	int queue;
	int64_t off;
};

struct flush {
	struct offsets *o;
	struct arena mem;
	struct row *rows;
	size_t n;
};

static int write_rows(struct meta *m, void *arg, struct err *e)
{
	const struct flush *f = arg;
	int rc = 0;

	for (size_t i = 0; !rc && i < f->n; i++)
		rc = meta_exec(m, STMT_OFFSET_PUT, e, "ssdi", f->rows[i].topic,
			f->rows[i].group, f->rows[i].queue, f->rows[i].off);
	return rc;
}

static void mark_again(struct offsets *o, const struct row *row)
{
	struct pair *p = find(o, row->topic, row->group);
	size_t i = p ? place_of(p, row->queue) : 0;

	if (p && has_at(p, i, row->queue))
		mark(o, p, i);
}

static void flush_done(void *arg, int rc, const struct err *e)
{
	struct flush *f = arg;

	for (size_t i = 0; rc && i < f->n; i++)
		mark_again(f->o, &f->rows[i]);
	if (rc)
		log_every(
			10, LOG_ERROR_, "offsets", "%zu offsets not stored: %s", f->n, e->msg);
	arena_release(&f->mem);
	mem_free(f);
}

static struct str copy(struct arena *a, struct str s)
{
	return (struct str){ arena_strn(a, s.p, s.n), s.n };
}

static void take_rows(struct flush *f, struct pair *p)
{
	struct str topic = copy(&f->mem, p->topic), group = copy(&f->mem, p->group);

	for (size_t i = 0; i < p->n; i++) {
		if (!p->dirty[i])
			continue;
		p->dirty[i] = false;
		f->rows[f->n++] =
			(struct row){ topic, group, p->queues[i].queue, p->queues[i].off };
	}
}

void offsets_flush(struct offsets *o)
{
	struct flush *f;
	size_t most = 0;

	if (!o->dirty)
		return;
	for (struct pair *p = o->dirty; p; p = p->next_dirty)
		most += p->n;
	f = mem_alloc(sizeof(*f));
	f->o = o;
	arena_init(&f->mem);
	f->rows = arena_alloc(&f->mem, most * sizeof(*f->rows));
	for (struct pair *p = o->dirty; p; p = p->next_dirty) {
		take_rows(f, p);
		p->listed = false;
	}
	o->dirty = NULL;
	metadb_submit(o->db, write_rows, flush_done, f);
}

/* ---- deletion ---- */

static int erase(struct meta *m, void *arg, struct err *e)
{
	struct str group = str_of(arg), topic;

	str_cut(&group, '@', &topic);
	return meta_exec(m, STMT_OFFSETS_DELETE_PAIR, e, "ss", topic, group);
}

static void erased(void *arg, int rc, const struct err *e)
{
	if (rc)
		log_every(
			10, LOG_ERROR_, "offsets", "'%s' not deleted: %s", (char *)arg, e->msg);
	mem_free(arg);
}

static void unlist(struct offsets *o, struct pair *gone)
{
	struct pair **p = &o->dirty;

	while (*p != gone)
		p = &(*p)->next_dirty;
	*p = gone->next_dirty;
}

/* STR_NONE: any. */
static bool is_of(const struct pair *p, struct str topic, struct str group)
{
	return (!topic.p || str_eq(p->topic, topic)) && (!group.p || str_eq(p->group, group));
}

static void delete_of(struct offsets *o, struct str topic, struct str group)
{
	struct pair *p, *next;

	map_foreach (o->pairs, p, next) {
		if (!is_of(p, topic, group))
			continue;
		if (p->listed)
			unlist(o, p);
		HASH_DEL(o->pairs, p);
		metadb_submit(o->db, erase, erased, mem_str(p->id));
		free_pair(p);
	}
}

void offsets_delete_group(struct offsets *o, struct str group)
{
	if (group.n)
		delete_of(o, STR_NONE, group);
}

void offsets_delete_topic(struct offsets *o, struct str topic)
{
	if (topic.n)
		delete_of(o, topic, STR_NONE);
}

/* ---- lists ---- */

static int by_names(const void *a, const void *b)
{
	const struct offset_pair *x = a, *y = b;
	int order = str_cmp(x->topic, y->topic);

	return order ? order : str_cmp(x->group, y->group);
}

size_t offsets_list(const struct offsets *o, struct str topic, struct str group,
	struct arena *a, struct offset_pair **out)
{
	struct pair *p, *next;
	size_t n = 0;

	if (topic.p && group.p) {
		p = find(o, topic, group);
		*out = arena_alloc(a, sizeof(**out));
		if (p)
			**out = (struct offset_pair){ p->topic, p->group, p->queues, p->n };
		return p ? 1 : 0;
	}
	map_foreach (o->pairs, p, next)
		n += is_of(p, topic, group);
	*out = arena_alloc(a, MAX(n, (size_t)1) * sizeof(**out));
	n = 0;
	map_foreach (o->pairs, p, next) {
		if (is_of(p, topic, group))
			(*out)[n++] =
				(struct offset_pair){ p->topic, p->group, p->queues, p->n };
	}
	qsort(*out, n, sizeof(**out), by_names);
	return n;
}

/* ---- start and end ---- */

static int load_row(void *arg, struct meta *m, struct err *e)
{
	return offsets_set(arg, meta_col_str(m, 1), meta_col_str(m, 0), (int)meta_col_int(m, 2),
		meta_col_int(m, 3), e);
}

static int load(struct meta *m, void *arg, struct err *e)
{
	return meta_each(m, STMT_OFFSETS, load_row, arg, e, "");
}

int offsets_open(struct metadb *db, struct offsets **out, struct err *e)
{
	struct offsets *o = mem_alloc(sizeof(*o));
	int rc;

	o->db = db;
	rc = metadb_run(db, load, o, e);
	if (rc) {
		offsets_free(o);
		return err_wrap(e, "loading the offsets");
	}
	/* What was just read is no change. */
	for (struct pair *p = o->dirty; p; p = p->next_dirty) {
		memset(p->dirty, 0, p->n * sizeof(*p->dirty));
		p->listed = false;
	}
	o->dirty = NULL;
	*out = o;
	return 0;
}

void offsets_free(struct offsets *o)
{
	struct pair *p, *next;

	if (!o)
		return;
	map_foreach (o->pairs, p, next) {
		HASH_DEL(o->pairs, p);
		free_pair(p);
	}
	mem_free(o);
}
