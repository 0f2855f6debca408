/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Totals only grow. Each second a sample of all of them goes into a ring of ten minutes; a rate is
 * the difference of two samples. Keys (topics, groups) are sampled every ten seconds into a ring
 * of one minute.
 */
#include "brokerd/stats.h"

#include "clock.h"
#include "map.h"

#define SECONDS 601
#define KEY_SAMPLES 7
#define KEY_EVERY 10 /* seconds */
#define KEYS_MAX 100000
#define KEY_TEXT 520

struct key {
	int64_t total;
	int64_t samples[KEY_SAMPLES];
	UT_hash_handle hh;
	unsigned n;
	char text[]; /* kind, a, '@', b */
};

struct stats {
	int64_t totals[STAT_COUNT];
	int64_t samples[SECONDS][STAT_COUNT];
	int64_t ticks;
	int64_t mornings[2][STAT_COUNT]; /* today's, yesterday's */
	int day; /* of the year, local; -1: no tick yet */
	struct key *keys;
};

struct stats *stats_new(void)
{
	struct stats *s = mem_alloc(sizeof(*s));

	s->day = -1;
	return s;
}

void stats_free(struct stats *s)
{
	struct key *k, *tmp;

	if (!s)
		return;
	map_foreach (s->keys, k, tmp) {
		HASH_DEL(s->keys, k);
		mem_free(k);
	}
	mem_free(s);
}

void stats_add(struct stats *s, enum stat_what what, int64_t n)
{
	s->totals[what] += n;
}

int64_t stats_total(const struct stats *s, enum stat_what what)
{
	return s->totals[what];
}

double stats_rate(const struct stats *s, enum stat_what what, int seconds)
{
	int64_t back = MIN(MIN(MAX(seconds, 1), SECONDS - 1), s->ticks);

	if (!back)
		return 0;
	return (double)(s->totals[what] - s->samples[(s->ticks - back) % SECONDS][what]) /
	       (double)back;
}

static void turn_day(struct stats *s)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	localtime_r(&now, &tm);
	if (s->day >= 0 && s->day != tm.tm_yday) {
		memcpy(s->mornings[1], s->mornings[0], sizeof(s->mornings[1]));
		memcpy(s->mornings[0], s->totals, sizeof(s->mornings[0]));
	}
	s->day = tm.tm_yday;
}

int64_t stats_morning(const struct stats *s, enum stat_what what, int days_ago)
{
	return s->mornings[days_ago][what];
}

void stats_tick(struct stats *s)
{
	struct key *k, *tmp;

	turn_day(s);
	memcpy(s->samples[s->ticks % SECONDS], s->totals, sizeof(s->totals));
	s->ticks++;
	if (s->ticks % KEY_EVERY)
		return;
	map_foreach (s->keys, k, tmp)
		k->samples[s->ticks / KEY_EVERY % KEY_SAMPLES] = k->total;
}

static unsigned key_make(char *text, enum stat_kind kind, struct str a, struct str b)
{
	unsigned n = 0;

	text[n++] = (char)('0' + kind);
	memcpy(text + n, a.p ? a.p : "", a.n);
	n += (unsigned)a.n;
	text[n++] = '@';
	memcpy(text + n, b.p ? b.p : "", b.n);
	return n + (unsigned)b.n;
}

static struct key *key_find(
	struct stats *s, enum stat_kind kind, struct str a, struct str b, bool make)
{
	char text[KEY_TEXT];
	struct key *k = NULL, *head = s->keys;
	unsigned n;

	if (a.n + b.n + 2 > KEY_TEXT)
		return NULL;
	n = key_make(text, kind, a, b);
	HASH_FIND(hh, head, text, n, k);
	if (k || !make || HASH_COUNT(head) >= KEYS_MAX)
		return k;
	k = mem_alloc(sizeof(*k) + n);
	k->n = n;
	memcpy(k->text, text, n);
	HASH_ADD_KEYPTR(hh, s->keys, k->text, n, k);
	return k;
}

void stats_key_add(struct stats *s, enum stat_kind kind, struct str a, struct str b, int64_t n)
{
	struct key *k = key_find(s, kind, a, b, true);

	if (k)
		k->total += n;
}

int64_t stats_key_total(struct stats *s, enum stat_kind kind, struct str a, struct str b)
{
	const struct key *k = key_find(s, kind, a, b, false);

	return k ? k->total : 0;
}

double stats_key_rate(struct stats *s, enum stat_kind kind, struct str a, struct str b)
{
	const struct key *k = key_find(s, kind, a, b, false);
	int64_t now = s->ticks / KEY_EVERY, oldest = now + 1;

	if (!k)
		return 0;
	return (double)(k->total - k->samples[oldest % KEY_SAMPLES]) /
	       ((KEY_SAMPLES - 1) * KEY_EVERY);
}
