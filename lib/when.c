/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each way to write a time is one small function that says whether the text is of its kind; the
 * first that takes it decides. Calendar arithmetic is libc's: timegm() for UTC, mktime() for TZ.
 */
#include "when.h"

#include <ctype.h>

#define DAY_MS 86400000LL

/* A point in text: digits are taken from its front, `bad` once something was missing. */
struct scan {
	struct str rest;
	bool bad;
};

static int take_digits(struct scan *s, size_t n)
{
	int v = 0;

	for (size_t i = 0; i < n; i++) {
		if (i >= s->rest.n || !isdigit((unsigned char)s->rest.p[i])) {
			s->bad = true;
			return 0;
		}
		v = v * 10 + (s->rest.p[i] - '0');
	}
	s->rest = str_skip(s->rest, n);
	return v;
}

static bool take_char(struct scan *s, char c)
{
	if (s->bad || !s->rest.n || s->rest.p[0] != c)
		return false;
	s->rest = str_skip(s->rest, 1);
	return true;
}

static void need_char(struct scan *s, char c)
{
	if (!take_char(s, c))
		s->bad = true;
}

/* ".5", ".123", ".123456": to milliseconds, the rest is cut. */
static int take_fraction(struct scan *s)
{
	int ms = 0, scale = 100;

	if (!s->rest.n || !isdigit((unsigned char)s->rest.p[0]))
		s->bad = true;
	for (; s->rest.n && isdigit((unsigned char)s->rest.p[0]);
		s->rest = str_skip(s->rest, 1)) {
		ms += (s->rest.p[0] - '0') * scale;
		scale /= 10;
	}
	return ms;
}

static void take_date(struct scan *s, struct tm *tm)
{
	tm->tm_year = take_digits(s, 4) - 1900;
	need_char(s, '-');
	tm->tm_mon = take_digits(s, 2) - 1;
	need_char(s, '-');
	tm->tm_mday = take_digits(s, 2);
}

static void take_hours(struct scan *s, struct tm *tm)
{
	tm->tm_hour = take_digits(s, 2);
	need_char(s, ':');
	tm->tm_min = take_digits(s, 2);
}

/* "Z", "+08:00", "+0800"; false when there is none. Minutes east of Greenwich. */
static bool take_zone(struct scan *s, int *minutes)
{
	int sign;

	if (take_char(s, 'Z') || take_char(s, 'z')) {
		*minutes = 0;
		return true;
	}
	if (take_char(s, '+'))
		sign = 1;
	else if (take_char(s, '-'))
		sign = -1;
	else
		return false;
	*minutes = take_digits(s, 2) * 60;
	take_char(s, ':');
	*minutes += take_digits(s, 2);
	s->bad |= *minutes > 18 * 60;
	*minutes *= sign;
	return true;
}

static bool is_calendar(const struct tm *tm)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = tm->tm_year + 1900, last;

	if (tm->tm_mon < 0 || tm->tm_mon > 11)
		return false;
	last = days[tm->tm_mon];
	if (tm->tm_mon == 1 && year % 4 == 0 && (year % 100 || year % 400 == 0))
		last++;
	return tm->tm_mday >= 1 && tm->tm_mday <= last && tm->tm_hour < 24 && tm->tm_min < 60 &&
	       tm->tm_sec < 60;
}

static int64_t to_ms(struct tm *tm, bool utc)
{
	tm->tm_isdst = -1;
	return (int64_t)(utc ? timegm(tm) : mktime(tm)) * 1000;
}

static struct tm broken_down(int64_t ms, bool utc)
{
	time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm = { 0 };

	if (utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	return tm;
}

/* 2026-03-01, with T14:30[:00[.000]][zone] or mqadmin's #14:30:00:000 behind it or nothing. */
static bool from_date(struct str text, bool utc, int64_t *out)
{
	struct scan s = { text, false };
	struct tm tm = { 0 };
	int ms = 0, zone = 0;
	bool zoned = false;

	take_date(&s, &tm);
	if (take_char(&s, '#')) {
		take_hours(&s, &tm);
		need_char(&s, ':');
		tm.tm_sec = take_digits(&s, 2);
		need_char(&s, ':');
		ms = take_digits(&s, 3);
	} else if (take_char(&s, 'T') || take_char(&s, 't') || take_char(&s, ' ')) {
		take_hours(&s, &tm);
		if (take_char(&s, ':'))
			tm.tm_sec = take_digits(&s, 2);
		if (take_char(&s, '.'))
			ms = take_fraction(&s);
		zoned = take_zone(&s, &zone);
	}
	if (s.bad || s.rest.n || !is_calendar(&tm))
		return false;
	*out = to_ms(&tm, utc || zoned) + ms - zone * 60000LL;
	return true;
}

/* 14:30 and 14:30:05: today. */
static bool from_hours(struct str text, int64_t now, bool utc, int64_t *out)
{
	struct scan s = { text, false };
	struct tm tm = broken_down(now, utc);

	tm.tm_sec = 0;
	take_hours(&s, &tm);
	if (take_char(&s, ':'))
		tm.tm_sec = take_digits(&s, 2);
	if (s.bad || s.rest.n || !is_calendar(&tm))
		return false;
	*out = to_ms(&tm, utc);
	return true;
}

static bool from_word(struct str text, int64_t now, bool utc, int64_t *out)
{
	struct tm tm = broken_down(now, utc);

	if (str_is(text, "now")) {
		*out = now;
		return true;
	}
	if (!str_is(text, "today") && !str_is(text, "yesterday"))
		return false;
	tm.tm_mday -= str_is(text, "yesterday");
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	*out = to_ms(&tm, utc);
	return true;
}

static bool from_epoch(struct str text, int64_t *out)
{
	bool forced = text.n && text.p[0] == '@';
	struct str digits = forced ? str_skip(text, 1) : text;
	int64_t v;

	if (str_to_i64(digits, 0, 9999999999999, &v, "time", NULL) || digits.p[0] == '+')
		return false;
	if (!forced && digits.n < 9) /* 20260301 is nobody's epoch */
		return false;
	*out = digits.n <= 11 ? v * 1000 : v;
	return true;
}

static bool from_span(struct str text, int64_t now, int64_t *out)
{
	bool future = text.n && text.p[0] == '+';
	bool past = text.n && text.p[0] == '-';
	int64_t span;

	if (str_to_ms(future || past ? str_skip(text, 1) : text, &span, NULL))
		return false;
	return future ? !__builtin_add_overflow(now, span, out)
		      : !__builtin_sub_overflow(now, span, out);
}

int when_parse(struct str s, int64_t now_ms, bool utc, int64_t *out_ms, struct err *e)
{
	int64_t ms;

	s = str_trim(s);
	if (!from_word(s, now_ms, utc, &ms) && !from_span(s, now_ms, &ms) &&
		!from_epoch(s, &ms) && !from_hours(s, now_ms, utc, &ms) &&
		!from_date(s, utc, &ms))
		return err_set(e, TQ_EINVAL,
			"'" STR_FMT "' is not a time such as 30m, 14:30, 2026-03-01 or "
			"2026-03-01T08:00:00Z",
			STR_ARG(s));
	*out_ms = ms;
	return 0;
}

void when_rfc3339(struct buf *b, int64_t ms, bool utc)
{
	struct tm tm = broken_down(ms, utc);
	int east = (int)(tm.tm_gmtoff / 60), part = (int)(ms % 1000);

	buf_addf(b, "%04d-%02d-%02dT%02d:%02d:%02d.%03d", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, part < 0 ? part + 1000 : part);
	if (utc)
		buf_putc(b, 'Z');
	else
		buf_addf(
			b, "%c%02d:%02d", east < 0 ? '-' : '+', abs(east) / 60, abs(east) % 60);
}

void when_short(struct buf *b, int64_t ms, bool utc)
{
	struct tm tm = broken_down(ms, utc);

	buf_addf(b, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void add_span(struct buf *b, int64_t ms, int most)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "d", DAY_MS }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 },
		{ "ms", 1 } };
	uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	int shown = 0;

	if (!left) {
		buf_puts(b, "0s");
		return;
	}
	if (ms < 0)
		buf_putc(b, '-');
	for (size_t i = 0; i < ARRAY_LEN(units) && shown < most; i++) {
		uint64_t unit = (uint64_t)units[i].ms;

		if (shown)
			shown++; /* units side by side: 1d3s is shown as 1d */
		if (left < unit)
			continue;
		buf_addf(b, "%llu%s", (unsigned long long)(left / unit), units[i].name);
		left %= unit;
		shown += !shown;
	}
}

void when_span(struct buf *b, int64_t ms)
{
	add_span(b, ms, 2);
}

void when_span_exact(struct buf *b, int64_t ms)
{
	add_span(b, ms, 9);
}
