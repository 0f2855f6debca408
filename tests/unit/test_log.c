/* SPDX-License-Identifier: Apache-2.0 */
/* log: the shape of a line, levels, limits, rotation. */
#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"

static char path[] = "/tmp/test_log_XXXXXX";
static struct err err;

static void setup(void)
{
	close(mkstemp(path));
	unlink(path);
	clock_test_set(1772345678901);
}

static void teardown(void)
{
	unlink(path);
}

TestSuite(log, .init = setup, .fini = teardown);

static void expect_lines(const char *want)
{
	struct buf b;

	buf_init(&b, 100000);
	cr_assert_eq(fsio_read_file(path, 10000, &b, &err), 0, "%s", err.msg);
	cr_expect_str_eq(b.p, want);
	buf_release(&b);
}

Test(log, writes_one_line_an_event)
{
	struct stat st;

	cr_assert_eq(log_open(path, LOG_PLAIN, LOG_INFO_, &err), 0, "%s", err.msg);
	log_warn("store", "segment '%s':\nsync\x1b[2J failed", "a");
	log_debug("store", "not shown");
	log_error("net", "%s", "\xe8\xae\xa2");
	expect_lines(
		"2026-03-01T06:14:38.901Z warn  store: segment 'a':\\nsync\\x1b[2J failed\n"
		"2026-03-01T06:14:38.901Z error net: \xe8\xae\xa2\n");
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0137, 0, "mode %o", st.st_mode);
}

Test(log, logfmt_quotes)
{
	cr_assert_eq(log_open(path, LOG_LOGFMT, LOG_DEBUG_, &err), 0);
	log_debug("m", "a \"b\" c\\");
	expect_lines("time=2026-03-01T06:14:38.901Z level=debug module=m "
		     "msg=\"a \\\"b\\\" c\\\\\"\n");
}

static int evaluated;

static int touch(void)
{
	return ++evaluated;
}

Test(log, arguments_below_the_level_are_not_evaluated)
{
	cr_assert_eq(log_open(path, LOG_PLAIN, LOG_ERROR_, &err), 0);
	log_warn("m", "%d", touch());
	log_every(10, LOG_INFO_, "m", "%d", touch());
	cr_expect_eq(evaluated, 0);
	log_set_level(LOG_WARN_);
	log_warn("m", "%d", touch());
	cr_expect_eq(evaluated, 1);
}

Test(log, a_flood_is_one_line_and_a_count)
{
	cr_assert_eq(log_open(path, LOG_PLAIN, LOG_INFO_, &err), 0);
	for (int i = 0; i < 11; i++) {
		if (i == 10)
			clock_test_advance(5000);
		log_every(5, LOG_WARN_, "net", "bad frame %d", i);
	}
	expect_lines("2026-03-01T06:14:38.901Z warn  net: bad frame 0\n"
		     "2026-03-01T06:14:43.901Z info  log: 9 more of the following in between\n"
		     "2026-03-01T06:14:43.901Z warn  net: bad frame 10\n");
}

Test(log, goes_on_in_a_new_file_after_rotation)
{
	char old[64];

	snprintf(old, sizeof(old), "%s.1", path);
	cr_assert_eq(log_open(path, LOG_PLAIN, LOG_INFO_, &err), 0);
	log_info("m", "before");
	cr_assert_eq(rename(path, old), 0);
	log_reopen();
	log_info("m", "after");
	unlink(old);
	expect_lines("2026-03-01T06:14:38.901Z info  m: after\n");
}

Test(log, long_lines_are_cut)
{
	char text[5000];
	struct buf b;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	cr_assert_eq(log_open(path, LOG_PLAIN, LOG_INFO_, &err), 0);
	log_info("m", "%s", text);
	buf_init(&b, 100000);
	cr_assert_eq(fsio_read_file(path, 10000, &b, &err), 0);
	cr_expect_lt(b.n, 2200);
	cr_expect(str_ends(buf_str(&b), STR("xxx...\n")));
	buf_release(&b);
}

Test(log, errors_carry_why_and_hint)
{
	struct err e = ERR_INIT;

	cr_assert_eq(log_open(path, LOG_PLAIN, LOG_INFO_, &err), 0);
	err_set(&e, TQ_EFAIL, "it failed");
	err_why(&e, "the disk is gone");
	err_hint(&e, "plug it in");
	log_err("m", &e);
	expect_lines("2026-03-01T06:14:38.901Z error m: it failed; why: the disk is gone; "
		     "try: plug it in\n");
}

Test(log, says_when_its_file_cannot_be_opened)
{
	cr_expect_eq(log_open("/nowhere/at/all", LOG_PLAIN, LOG_INFO_, &err), TQ_EIO);
}
