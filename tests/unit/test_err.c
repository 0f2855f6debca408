/* SPDX-License-Identifier: Apache-2.0 */
/* err: one table, and messages that grow from the inside out. */
#include <criterion/criterion.h>
#include <errno.h>

#include "codes.h"
#include "err.h"

Test(err, the_first_to_know_sets_it_and_context_wraps_it)
{
	struct err e = ERR_INIT;

	cr_assert_eq(err_set(&e, TQ_ENOTOPIC, "no topic '%s'", "t"), TQ_ENOTOPIC);
	cr_assert_eq(err_wrap(&e, "import '%s'", "f"), TQ_ENOTOPIC);
	cr_assert_eq(err_why(&e, "it was deleted"), TQ_ENOTOPIC);
	cr_assert_eq(err_hint(&e, "create it"), TQ_ENOTOPIC);
	cr_assert_str_eq(e.msg, "import 'f': no topic 't'");
	cr_assert_str_eq(e.why, "it was deleted");
	cr_assert_str_eq(e.hint, "create it");
	err_set(&e, TQ_EIO, "%s, again", e.msg); /* from itself */
	cr_assert_str_eq(e.msg, "import 'f': no topic 't', again");
	cr_assert_str_eq(e.why, "", "what was behind the old one is gone");
	err_clear(&e);
	cr_assert_eq(e.code, 0);
	cr_assert_str_eq(e.msg, "");
}

Test(err, system_errors_keep_errno)
{
	struct err e = ERR_INIT;

	errno = ENOSPC;
	cr_assert_eq(err_sys(&e, TQ_EIO, "write '%s'", "f"), TQ_EIO);
	cr_assert_eq(e.sys, ENOSPC);
	cr_assert_not_null(strstr(e.msg, "write 'f': "));
	cr_assert_not_null(strstr(e.msg, strerror(ENOSPC)));
}

Test(err, nobody_need_listen)
{
	errno = EIO;
	cr_assert_eq(err_set(NULL, TQ_EIO, "x"), TQ_EIO);
	cr_assert_eq(err_sys(NULL, TQ_EIO, "x"), TQ_EIO);
	cr_assert_neq(err_wrap(NULL, "x"), 0);
	cr_assert_neq(err_why(NULL, "x"), 0);
	cr_assert_neq(err_hint(NULL, "x"), 0);
	err_clear(NULL);
}

Test(err, long_messages_are_cut)
{
	struct err e = ERR_INIT;
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, TQ_EIO, "%s", text);
	cr_assert_eq(strlen(e.msg), sizeof(e.msg) - 1);
	for (int i = 0; i < 10; i++)
		err_wrap(&e, "%s", text);
	cr_assert_eq(strlen(e.msg), sizeof(e.msg) - 1);
	errno = EIO;
	err_sys(&e, TQ_EIO, "%s", text);
	err_why(&e, "%s", text);
	err_hint(&e, "%s", text);
	cr_assert_eq(strlen(e.why), sizeof(e.why) - 1);
	cr_assert_eq(strlen(e.hint), sizeof(e.hint) - 1);
}

static const struct {
	int code;
	const char *name;
} all[] = {
#define ERR(code, response, exit, text) { code, #code },
#include "errors.def"
#undef ERR
};

Test(err, every_error_has_a_name_a_text_an_exit_and_a_response)
{
	cr_assert_eq(ARRAY_LEN(all), ERR_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		cr_expect_str_eq(err_name(all[i].code), all[i].name);
		cr_expect(err_text(all[i].code)[0]);
		cr_expect_neq(err_exit(all[i].code), EXIT_DONE, "%s", all[i].name);
		cr_expect_not_null(response_name(err_response(all[i].code)), "%s", all[i].name);
		cr_expect_neq(err_response(all[i].code), RESP_SUCCESS, "%s", all[i].name);
	}
	cr_assert_eq(err_exit(0), EXIT_DONE);
	cr_assert_eq(err_response(0), RESP_SUCCESS);
}

Test(err, codes_outside_of_the_table_are_bugs)
{
	static const int strange[] = { 1, -1, -EIO, -999, -1000 - ERR_COUNT, INT32_MIN,
		INT32_MAX };

	for (size_t i = 0; i < ARRAY_LEN(strange); i++)
		cr_expect_str_eq(err_name(strange[i]), "TQ_EBUG", "%d", strange[i]);
}

Test(err, responses_lead_back_to_errors)
{
	cr_assert_eq(err_from_response(RESP_SUCCESS), 0);
	cr_assert_eq(err_from_response(RESP_TOPIC_NOT_EXIST), TQ_ENOTOPIC);
	cr_assert_eq(err_from_response(RESP_NO_PERMISSION), TQ_EDENIED);
	cr_assert_eq(err_from_response(RESP_SYSTEM_ERROR), TQ_EFAIL);
	cr_assert_eq(err_from_response(4711), TQ_EFAIL);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		cr_expect_neq(err_from_response(err_response(all[i].code)), 0);
}
