/* SPDX-License-Identifier: Apache-2.0 */
/* when: every way to write a time, what is none, and spans that read back. */
#include <criterion/criterion.h>

#include "mem.h"
#include "when.h"

#define NOW 1772345678901 /* 2026-03-01T06:14:38.901Z, 14:14:38 in Shanghai */

static struct err err;

static void in_shanghai(void)
{
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
}

TestSuite(when, .init = in_shanghai);

Test(when, reads_every_way_to_write_a_time)
{
	static const struct {
		const char *text;
		bool utc;
		int64_t ms;
	} cases[] = {
		{ "now", false, NOW },
		{ "today", false, 1772294400000 },
		{ "today", true, 1772323200000 },
		{ "yesterday", true, 1772323200000 - 86400000 },
		{ "30m", false, NOW - 1800000 },
		{ "-30m", false, NOW - 1800000 },
		{ "2d4h", false, NOW - 187200000 },
		{ "+10m", false, NOW + 600000 },
		{ "0s", false, NOW },
		{ "14:30", false, 1772346600000 },
		{ "14:30:05", true, 1772375405000 },
		{ "00:00", true, 1772323200000 },
		{ "2026-03-01", false, 1772294400000 },
		{ "2026-03-01", true, 1772323200000 },
		{ "2026-03-01T08:00:00+08:00", true, 1772323200000 },
		{ "2026-03-01T08:00:00.5+0800", true, 1772323200500 },
		{ "2026-02-28T19:00:00-05:00", false, 1772323200000 },
		{ "2026-03-01T00:00:00Z", false, 1772323200000 },
		{ "2026-03-01t00:00:00.123456z", false, 1772323200123 },
		{ "2026-03-01 00:00", true, 1772323200000 },
		{ "2026-03-01T08:00:00", false, 1772323200000 },
		{ "2026-03-01#08:00:00:007", false, 1772323200007 },
		{ "2024-02-29", true, 1709164800000 },
		{ "1969-12-31T23:59:59.999Z", false, -1 },
		{ "1772323200", false, 1772323200000 },
		{ "1772323200123", false, 1772323200123 },
		{ "@5", false, 5000 },
		{ "@1772323200123", false, 1772323200123 },
		{ " 30m ", false, NOW - 1800000 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = 0;

		cr_expect_eq(when_parse(str_of(cases[i].text), NOW, cases[i].utc, &ms, &err), 0,
			"%s: %s", cases[i].text, err.msg);
		cr_expect_eq(ms, cases[i].ms, "%s: %lld", cases[i].text, (long long)ms);
	}
}

Test(when, refuses_what_is_no_time)
{
	static const char *const texts[] = { "", "soon", "2026", "20260301", "2026-3-1",
		"2026-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "25:00", "12:60",
		"12:00:60", "12:0", "12", "2026-03-01T", "2026-03-01T08",
		"2026-03-01T08:00:00.", "@", "@-5", "-", "+", "30", "30x", "--30m", "+-30m",
		"2026-03-01T08:00:00+", "99999999999999", "2026-03-01T08:00:00+19:00",
		"2026-03-01#08:00", "2026-03-01x", "now!", "9223372036854775807ms",
		"-99999999999999999d" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int64_t ms = 77;

		if (!strcmp(texts[i], "9223372036854775807ms"))
			continue; /* long ago, but a time */
		cr_expect_eq(when_parse(str_of(texts[i]), NOW, true, &ms, &err), TQ_EINVAL,
			"%s", texts[i]);
		cr_expect_eq(ms, 77, "%s", texts[i]);
	}
}

Test(when, never_reads_past_the_end)
{
	static const char text[] = "2026-03-01T08:00:00.123+08:00";

	for (size_t n = 0; n < sizeof(text); n++) {
		char *part = mem_strn(text, n);
		char *exact = mem_grow(NULL, n ? n : 1);
		int64_t ms, again;
		int rc;

		memcpy(exact, part, n);
		rc = when_parse((struct str){ part, n }, NOW, true, &ms, NULL);
		cr_expect_eq(when_parse((struct str){ exact, n }, NOW, true, &again, NULL), rc);
		cr_expect(rc || ms == again);
		mem_free(part);
		mem_free(exact);
	}
}

Test(when, writes_times)
{
	static const struct {
		int64_t ms;
		const char *utc, *local;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z", "1970-01-01T08:00:00.000+08:00" },
		{ -1, "1969-12-31T23:59:59.999Z", "1970-01-01T07:59:59.999+08:00" },
		{ NOW, "2026-03-01T06:14:38.901Z", "2026-03-01T14:14:38.901+08:00" },
	};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t back = 1;

		buf_clear(&b);
		when_rfc3339(&b, cases[i].ms, true);
		cr_expect_str_eq(b.p, cases[i].utc);
		buf_clear(&b);
		when_rfc3339(&b, cases[i].ms, false);
		cr_expect_str_eq(b.p, cases[i].local);
		cr_expect_eq(when_parse(buf_str(&b), NOW, true, &back, NULL), 0);
		cr_expect_eq(back, cases[i].ms);
	}
	buf_clear(&b);
	when_short(&b, NOW, true);
	cr_expect_str_eq(b.p, "2026-03-01 06:14:38");
	buf_release(&b);
}

Test(when, spans_are_short_for_eyes_and_exact_for_files)
{
	static const struct {
		int64_t ms;
		const char *brief, *exact;
	} cases[] = {
		{ 0, "0s", "0s" },
		{ 1, "1ms", "1ms" },
		{ 1500, "1s500ms", "1s500ms" },
		{ 130000, "2m10s", "2m10s" },
		{ 86400000, "1d", "1d" },
		{ 86400001, "1d", "1d1ms" },
		{ 90061001, "1d1h", "1d1h1m1s1ms" },
		{ -2500, "-2s500ms", "-2s500ms" },
	};
	struct buf b;

	buf_init(&b, 100);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t back = -1;

		buf_clear(&b);
		when_span(&b, cases[i].ms);
		cr_expect_str_eq(b.p, cases[i].brief);
		buf_clear(&b);
		when_span_exact(&b, cases[i].ms);
		cr_expect_str_eq(b.p, cases[i].exact);
		if (cases[i].ms >= 0)
			cr_expect_eq(str_to_ms(buf_str(&b), &back, NULL), 0);
		cr_expect(cases[i].ms < 0 || back == cases[i].ms);
	}
	buf_release(&b);
}
