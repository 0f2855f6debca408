/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The series of stats.def. What a request counts hangs at one holder, found by one look into a
 * hash: the topic for a send, topic@group for a pull. A holder has the counters of its own and,
 * for each queue that was used, those of the queue.
 *
 *	topic         TOPIC_PUT_NUMS, _SIZE		queue   QUEUE_PUT_NUMS, _SIZE
 *	topic@group   GROUP_GET_NUMS, _SIZE, SNDBCK	queue   QUEUE_GET_NUMS, _SIZE, LATENCY
 *
 * A counter is a sum, and what was added in each of the last 6 intervals of 10 seconds, 6 of 10
 * minutes, 24 hours. Nothing is done when an interval ends: a counter that is used or asked
 * moves on by itself to where the clock is. The intervals of a span take memory from the first
 * one on that something was added in, until all that is there is too old: ten thousand topics
 * with a message now and then are the usual case, not ten thousand busy ones.
 *
 * Memory has a bound (60 MB): with COUNTERS_MAX counters there are no new ones, queues get at most
 * half of them, and what they would count is not known.
 */
#include "brokerd/stats_impl.h"

#define COUNTERS_MAX 100000
#define QUEUES_MAX 4096 /* of one holder */
#define KEY_TEXT 520

enum of { CLUSTER, TOPIC, QUEUE, PAIR, PULLED, WAITED };

/* Place of each series among the counters of its holder or queue. */
enum { TOPIC_NUMS, TOPIC_SIZE, TOPIC_COUNTERS };
enum { PAIR_NUMS, PAIR_SIZE, PAIR_BACK, PAIR_COUNTERS };
enum { QUEUE_NUMS, QUEUE_SIZE, QUEUE_PUT_COUNTERS, QUEUE_TOOK = 2, QUEUE_GET_COUNTERS };
enum { BROKER_PUT, BROKER_GET, BROKER_COUNTERS };

/* Seconds of an interval, how many there are. */
static const struct span {
	int seconds, n;
} spans[STATS_SPANS] = {
	[STATS_MINUTE] = { 10, 6 },
	[STATS_HOUR] = { 600, 6 },
	[STATS_DAY] = { 3600, 24 },
};

struct interval {
	int64_t sum, times;
};

struct counter {
	int64_t sum, times;
	struct interval at[STATS_SPANS]; /* sum and times at the last interval's end */
	struct interval *ring[STATS_SPANS]; /* by number of interval; NULL: nothing in any */
	int64_t turn; /* 10 seconds it has moved on to */
	int64_t first; /* it was made in */
};

struct holder {
	UT_hash_handle hh;
	struct counter *own;
	struct counter **queues; /* by queue; NULL: not used yet */
	unsigned n, n_queues;
	size_t topic_n; /* of the key */
	char key[]; /* topic; topic@group */
};

static int64_t turn_now(const struct stats *s)
{
	return s->ticks / spans[STATS_MINUTE].seconds;
}

/* --- one counter --- */

static void roll_span(struct counter *c, enum stats_span span, int64_t from, int64_t to)
{
	struct interval last = { c->sum - c->at[span].sum, c->times - c->at[span].times };
	int64_t n = spans[span].n;

	if (from == to)
		return;
	c->at[span] = (struct interval){ c->sum, c->times };
	if (to - from > n) { /* all that is known is too old */
		mem_free(c->ring[span]);
		c->ring[span] = NULL;
		return;
	}
	if (!c->ring[span] && !last.times)
		return;
	if (!c->ring[span])
		c->ring[span] = mem_array((size_t)n, sizeof(last));
	c->ring[span][from % n] = last;
	for (int64_t i = from + 1; i < to; i++)
		c->ring[span][i % n] = (struct interval){ 0, 0 };
}

/* Ends the intervals that are over. */
static void roll(struct counter *c, int64_t now)
{
	if (LIKELY(c->turn == now))
		return;
	for (int i = 0; i < STATS_SPANS; i++) {
		int turns = spans[i].seconds / spans[STATS_MINUTE].seconds;

		roll_span(c, (enum stats_span)i, c->turn / turns, now / turns);
	}
	c->turn = now;
}

static void add(struct counter *c, int64_t now, int64_t n)
{
	roll(c, now);
	c->sum += n;
	c->times++;
}

static struct stats_sum sum_of(const struct counter *c, enum stats_span span)
{
	const struct span *sp = &spans[span];
	int turns = sp->seconds / spans[STATS_MINUTE].seconds;
	int64_t now = c->turn / turns, n = MIN(now - c->first / turns, sp->n);
	struct stats_sum out = { 0, 0, (int)n * sp->seconds };

	for (int64_t i = now - n; c->ring[span] && i < now; i++) {
		out.sum += c->ring[span][i % sp->n].sum;
		out.times += c->ring[span][i % sp->n].times;
	}
	return out;
}

/* --- holders --- */

static struct counter *counters_new(struct stats *s, size_t n)
{
	struct counter *c;

	if (s->counters + n > COUNTERS_MAX)
		return NULL;
	s->counters += n;
	c = mem_array(n, sizeof(*c));
	for (size_t i = 0; i < n; i++)
		c[i].turn = c[i].first = turn_now(s);
	return c;
}

static void counters_free(struct stats *s, struct counter *c, size_t n)
{
	if (!c)
		return;
	s->counters -= n;
	for (size_t i = 0; i < n; i++)
		for (int span = 0; span < STATS_SPANS; span++)
			mem_free(c[i].ring[span]);
	mem_free(c);
}

static unsigned key_make(char *key, struct str topic, struct str group)
{
	unsigned n = (unsigned)topic.n;

	memcpy(key, topic.p, topic.n);
	if (!group.p)
		return n;
	key[n++] = '@';
	memcpy(key + n, group.p, group.n);
	return n + (unsigned)group.n;
}

/* Of a topic; with a group, of a pair. */
static struct holder *find(const struct stats *s, struct str topic, struct str group)
{
	struct holder *h = NULL, *head = group.p ? s->pairs : s->topics;
	char key[KEY_TEXT];

	if (head && topic.p && topic.n + group.n + 1 <= KEY_TEXT)
		HASH_FIND(hh, head, key, key_make(key, topic, group), h);
	return h;
}

static struct str topic_of(const struct holder *h)
{
	return (struct str){ h->key, h->topic_n };
}

static struct str group_of(const struct holder *h)
{
	size_t at = h->topic_n + 1;

	return at <= h->n ? (struct str){ h->key + at, h->n - at } : STR_NONE;
}

static bool is_of(const struct holder *h, struct str topic, struct str group)
{
	struct str own = group_of(h);

	return str_eq(topic_of(h), topic) && !own.p == !group.p && str_eq(own, group);
}

static struct holder *get(struct stats *s, struct str topic, struct str group)
{
	struct holder *h, **head = group.p ? &s->pairs : &s->topics;
	struct counter *own;

	if (LIKELY(s->last && is_of(s->last, topic, group)))
		return s->last;
	h = s->last = find(s, topic, group);
	if (h)
		return h;
	if (!topic.p || topic.n + group.n + 1 > KEY_TEXT)
		return NULL;
	own = counters_new(s, group.p ? PAIR_COUNTERS : TOPIC_COUNTERS);
	if (!own)
		return NULL;
	h = mem_alloc(sizeof(*h) + topic.n + group.n + 1);
	h->own = own;
	h->topic_n = topic.n;
	h->n = key_make(h->key, topic, group);
	HASH_ADD_KEYPTR(hh, *head, h->key, h->n, h);
	return h;
}

static bool is_pair(const struct holder *h)
{
	return h->n > h->topic_n;
}

static size_t counters_of_queue(const struct holder *h)
{
	return is_pair(h) ? QUEUE_GET_COUNTERS : QUEUE_PUT_COUNTERS;
}

static struct counter *queue_find(const struct holder *h, int queue)
{
	return queue >= 0 && (unsigned)queue < h->n_queues ? h->queues[queue] : NULL;
}

static struct counter *queue_get(struct stats *s, struct holder *h, int queue)
{
	struct counter *c = queue_find(h, queue);
	unsigned n = h->n_queues;

	if (LIKELY(c))
		return c;
	if (queue < 0 || queue >= QUEUES_MAX)
		return NULL;
	c = s->counters < COUNTERS_MAX / 2 ? counters_new(s, counters_of_queue(h)) : NULL;
	if (!c)
		return NULL;
	if ((unsigned)queue >= n) {
		h->n_queues = (unsigned)queue + 1;
		h->queues = mem_grow(h->queues, h->n_queues * sizeof(*h->queues));
		memset(h->queues + n, 0, (h->n_queues - n) * sizeof(*h->queues));
	}
	return h->queues[queue] = c;
}

static void holder_free(struct stats *s, struct holder *h)
{
	for (unsigned i = 0; i < h->n_queues; i++)
		counters_free(s, h->queues[i], counters_of_queue(h));
	counters_free(s, h->own, is_pair(h) ? PAIR_COUNTERS : TOPIC_COUNTERS);
	if (s->last == h)
		s->last = NULL;
	mem_free(h->queues);
	mem_free(h);
}

/* All pairs of a topic, or of a group. */
static void forget_pairs(struct stats *s, struct str topic, struct str group)
{
	struct holder *h, *tmp;

	map_foreach (s->pairs, h, tmp) {
		if (topic.p ? !str_eq(topic, topic_of(h)) : !str_eq(group, group_of(h)))
			continue;
		HASH_DEL(s->pairs, h);
		holder_free(s, h);
	}
}

void stats_forget_topic(struct stats *s, struct str topic)
{
	struct holder *h = find(s, topic, STR_NONE);

	forget_pairs(s, topic, STR_NONE);
	if (!h)
		return;
	HASH_DEL(s->topics, h);
	holder_free(s, h);
}

void stats_forget_group(struct stats *s, struct str group)
{
	forget_pairs(s, STR_NONE, group);
}

void series_free(struct stats *s)
{
	struct holder *h, *tmp;

	map_foreach (s->topics, h, tmp) {
		HASH_DEL(s->topics, h);
		holder_free(s, h);
	}
	map_foreach (s->pairs, h, tmp) {
		HASH_DEL(s->pairs, h);
		holder_free(s, h);
	}
	counters_free(s, s->broker, BROKER_COUNTERS);
}

/* --- counting --- */

static void add_broker(struct stats *s, int which, int64_t now, int64_t n)
{
	if (UNLIKELY(!s->broker)) {
		s->broker = counters_new(s, BROKER_COUNTERS);
		if (!s->broker)
			return;
	}
	add(&s->broker[which], now, n);
}

void stats_put(struct stats *s, struct str topic, int queue, int64_t n, int64_t bytes)
{
	struct holder *h = get(s, topic, STR_NONE);
	struct counter *q = h ? queue_get(s, h, queue) : NULL;
	int64_t now = turn_now(s);

	stats_add(s, STAT_PUT, n);
	stats_add(s, STAT_PUT_BYTES, bytes);
	add_broker(s, BROKER_PUT, now, n);
	if (h) {
		add(&h->own[TOPIC_NUMS], now, n);
		add(&h->own[TOPIC_SIZE], now, bytes);
	}
	if (q) {
		add(&q[QUEUE_NUMS], now, n);
		add(&q[QUEUE_SIZE], now, bytes);
	}
}

void stats_get(struct stats *s, const struct stats_got *got)
{
	struct holder *h = get(s, got->topic, got->group);
	struct counter *q = h ? queue_get(s, h, got->queue) : NULL;
	int64_t now = turn_now(s);

	add_broker(s, BROKER_GET, now, got->n);
	if (h) {
		add(&h->own[PAIR_NUMS], now, got->n);
		add(&h->own[PAIR_SIZE], now, got->bytes);
	}
	if (q) {
		add(&q[QUEUE_NUMS], now, got->n);
		add(&q[QUEUE_SIZE], now, got->bytes);
		add(&q[QUEUE_TOOK], now, got->took_ms);
	}
}

void stats_send_back(struct stats *s, struct str topic, struct str group)
{
	struct holder *h = get(s, topic, group);

	if (h)
		add(&h->own[PAIR_BACK], turn_now(s), 1);
}

/* --- asking --- */

static const struct {
	const char *name;
	enum of of;
} series[] = {
#define SERIES(name, of) { #name, of },
#include "brokerd/stats.def"
};

/* The rank of a series among those of its kind: stats.def has them in this order. */
static bool series_find(struct str name, enum of *of, int *rank)
{
	for (size_t i = 0; i < ARRAY_LEN(series); i++) {
		*rank = i && series[i].of == series[i - 1].of ? *rank + 1 : 0;
		*of = series[i].of;
		if (str_is(name, series[i].name))
			return true;
	}
	return false;
}

static int queue_number(struct str text)
{
	int64_t n;

	return str_to_i64(text, 0, QUEUES_MAX, &n, "queue", NULL) ? -1 : (int)n;
}

static struct counter *own_counter(const struct holder *h, int rank)
{
	return h ? &h->own[rank] : NULL;
}

static struct counter *queue_counter(const struct holder *h, int queue, int rank)
{
	struct counter *q = h ? queue_find(h, queue) : NULL;

	return q ? &q[rank] : NULL;
}

/* The key's parts, in the order stats.def shows. */
static struct counter *look_up(const struct stats *s, enum of of, int rank, struct str key)
{
	struct str parts[3] = { STR_NONE, STR_NONE, STR_NONE };

	for (size_t i = 0; i < ARRAY_LEN(parts) && key.p; i++)
		str_cut(&key, '@', &parts[i]);
	switch (of) {
	case CLUSTER:
		return s->broker ? &s->broker[rank] : NULL;
	case TOPIC:
		return own_counter(find(s, parts[0], STR_NONE), rank);
	case QUEUE:
		return queue_counter(find(s, parts[0], STR_NONE), queue_number(parts[1]), rank);
	case PAIR:
		return parts[1].p ? own_counter(find(s, parts[0], parts[1]), rank) : NULL;
	case PULLED:
		return parts[2].p ? queue_counter(find(s, parts[0], parts[2]),
					    queue_number(parts[1]), rank)
				  : NULL;
	case WAITED:
		return parts[2].p ? queue_counter(find(s, parts[1], parts[2]),
					    queue_number(parts[0]), QUEUE_TOOK)
				  : NULL;
	}
	return NULL;
}

bool stats_view(
	struct stats *s, struct str name, struct str key, struct stats_sum out[STATS_SPANS])
{
	struct counter *c;
	enum of of;
	int rank;

	if (!series_find(name, &of, &rank))
		return false;
	c = look_up(s, of, rank, key);
	if (!c || !c->times)
		return false;
	roll(c, turn_now(s));
	for (int i = 0; i < STATS_SPANS; i++)
		out[i] = sum_of(c, (enum stats_span)i);
	return true;
}

bool stats_is_of_cluster(struct str name)
{
	enum of of;
	int rank;

	return series_find(name, &of, &rank) && of == CLUSTER;
}

double stats_get_tps(struct stats *s, struct str topic, struct str group)
{
	struct holder *h = find(s, topic, group);
	struct stats_sum sum;

	if (!h)
		return 0;
	roll(&h->own[PAIR_NUMS], turn_now(s));
	sum = sum_of(&h->own[PAIR_NUMS], STATS_MINUTE);
	return sum.seconds ? (double)sum.sum / sum.seconds : 0;
}
