/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Totals only grow. Each second a sample of all of them goes into a ring of ten minutes; a rate is
 * the difference of two samples. How long sends took is counted in bands that change over each
 * minute.
 */
#include "brokerd/stats_impl.h"

#include "clock.h"

/* Apache's bands, and upper ends in ms; of the last all that is above. */
static const struct {
	const char *text;
	int64_t below;
} bands[STATS_BANDS] = {
	{ "[<=0ms]", 1 },
	{ "[0~10ms]", 10 },
	{ "[10~50ms]", 50 },
	{ "[50~100ms]", 100 },
	{ "[100~200ms]", 200 },
	{ "[200~500ms]", 500 },
	{ "[500ms~1s]", 1000 },
	{ "[1~2s]", 2000 },
	{ "[2~3s]", 3000 },
	{ "[3~4s]", 4000 },
	{ "[4~5s]", 5000 },
	{ "[5~10s]", 10000 },
	{ "[10s~]", INT64_MAX },
};

struct stats *stats_new(void)
{
	struct stats *s = mem_alloc(sizeof(*s));

	s->day = -1;
	return s;
}

void stats_free(struct stats *s)
{
	if (!s)
		return;
	series_free(s);
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
	int64_t back = MIN(MIN(MAX(seconds, 1), STATS_SECONDS - 1), s->ticks);

	if (!back)
		return 0;
	return (double)(s->totals[what] - s->samples[(s->ticks - back) % STATS_SECONDS][what]) /
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
	turn_day(s);
	memcpy(s->samples[s->ticks % STATS_SECONDS], s->totals, sizeof(s->totals));
	s->ticks++;
	if (s->ticks % 60)
		return;
	memcpy(s->took[1], s->took[0], sizeof(s->took[1]));
	memset(s->took[0], 0, sizeof(s->took[0]));
}

/* --- how long --- */

void stats_put_took(struct stats *s, int64_t ms, int64_t n)
{
	size_t i = 0;

	while (ms >= bands[i].below)
		i++;
	s->took[0][i] += n;
	s->put_max_ms = MAX(s->put_max_ms, ms);
}

void stats_get_took(struct stats *s, int64_t us)
{
	s->get_max_us = MAX(s->get_max_us, us);
}

int64_t stats_put_took_max(const struct stats *s)
{
	return s->put_max_ms;
}

int64_t stats_get_took_max(const struct stats *s)
{
	return s->get_max_us / 1000;
}

/* As if the sends of a band were spread evenly over it; the open one is given as its begin. */
double stats_put_took_part(const struct stats *s, double part)
{
	int64_t all = 0, passed = 0, begin = 0, n;
	double wanted;

	for (size_t i = 0; i < STATS_BANDS; i++)
		all += s->took[1][i];
	wanted = (double)all * part;
	for (size_t i = 0; i < STATS_BANDS; i++) {
		n = s->took[1][i];
		if (wanted <= (double)(passed + n)) {
			if (!n || i == 0 || i == STATS_BANDS - 1)
				return (double)begin;
			return (double)begin + (double)(bands[i].below - begin) *
						       (wanted - (double)passed) / (double)n;
		}
		passed += n;
		begin = i ? bands[i].below : 0;
	}
	return 0;
}

const char *stats_put_took_band(const struct stats *s, size_t i, int64_t *n)
{
	if (i >= STATS_BANDS)
		return NULL;
	*n = s->took[1][i];
	return bands[i].text;
}
