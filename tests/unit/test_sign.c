/* SPDX-License-Identifier: Apache-2.0 */
/* sign: the vector of the protocol and the quirks of signers. */
#include <criterion/criterion.h>

#include "sign.h"

static const struct str secret = { "12345678", 8 };

/* AccessKey rocketmq2, topic T1, body hello: signed bytes rocketmq2T1hello. */
static struct command vector(void)
{
	struct command c;

	command_init(&c, REQ_SEND_MESSAGE_V2);
	command_add(&c, "topic", STR("T1"));
	command_add(&c, "AccessKey", STR("rocketmq2"));
	c.body = STR("hello");
	return c;
}

Test(sign, signs_the_vector)
{
	struct command c = vector();
	char text[SIGN_TEXT];

	sign_request(&c, secret, text);
	cr_assert_str_eq(text, "7WOJMSdrQoq+VO1sziwywRkpFfE=");
}

Test(sign, accepts_what_it_signed_and_nothing_else)
{
	struct command c = vector();
	char text[SIGN_TEXT];

	cr_assert(!sign_ok(&c, secret), "no signature");
	sign_request(&c, secret, text);
	command_add(&c, "Signature", str_of(text));
	cr_assert(sign_ok(&c, secret));
	cr_assert(!sign_ok(&c, STR("12345679")));
	cr_assert(!sign_ok(&c, STR("")));
	c.body = STR("hellO");
	cr_assert(!sign_ok(&c, secret));
	c.body = STR("hello");
	c.ext[0].value = STR("T2");
	cr_assert(!sign_ok(&c, secret));
	c.ext[0].value = STR("T1");
	text[0] ^= 1;
	cr_assert(!sign_ok(&c, secret));
	text[0] ^= 1;
	c.ext[2].value.n--;
	cr_assert(!sign_ok(&c, secret), "a signature cut short");
	c.ext[2].value = STR("");
	cr_assert(!sign_ok(&c, secret), "an empty signature");
}

Test(sign, fields_are_ordered_by_bytes_of_their_names)
{
	/* b before a in the command, upper case before lower: values 1 2 3 in the order B a b */
	struct command c, d;
	char one[SIGN_TEXT], other[SIGN_TEXT];

	command_init(&c, 1);
	command_add(&c, "b", STR("3"));
	command_add(&c, "a", STR("2"));
	command_add(&c, "B", STR("1"));
	command_init(&d, 1);
	d.body = STR("123");
	sign_request(&c, secret, one);
	sign_request(&d, secret, other);
	cr_assert_str_eq(one, other);
}

Test(sign, fields_some_signers_leave_out_may_be_in_or_out)
{
	static const char *const quirks[] = { "_UNIQUE_KEY_QUERY", "SecurityToken" };
	char with[SIGN_TEXT], without[SIGN_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(quirks); i++) {
		struct command c = vector(), renamed;

		sign_request(&c, secret, without);
		command_add(&c, quirks[i], STR("true"));
		renamed = c;
		renamed.ext[2].key = i ? STR("SecurityTokeN") : STR("_UNIQUE_KEY_QUERZ");
		sign_request(&renamed, secret, with);
		cr_assert_str_neq(with, without);
		command_add(&c, "Signature", str_of(with));
		cr_assert(sign_ok(&c, secret), "%s signed", quirks[i]);
		c.ext[3].value = str_of(without);
		cr_assert(sign_ok(&c, secret), "%s not signed", quirks[i]);
		without[3] ^= 1;
		cr_assert(!sign_ok(&c, secret));
	}
}

Test(sign, the_query_mark_is_not_signed)
{
	struct command c = vector();
	char text[SIGN_TEXT];

	command_add(&c, "_UNIQUE_KEY_QUERY", STR("true"));
	sign_request(&c, secret, text);
	cr_assert_str_eq(text, "7WOJMSdrQoq+VO1sziwywRkpFfE=");
}

Test(sign, a_full_set_of_fields_and_a_large_body)
{
	static char body[100000];
	char text[SIGN_TEXT];
	struct command c;

	command_init(&c, 1);
	for (int i = 0; i < COMMAND_MAX_EXT - 1; i++)
		command_add(&c, "same", STR("v"));
	c.body = (struct str){ body, sizeof(body) };
	sign_request(&c, secret, text);
	command_add(&c, "Signature", str_of(text));
	cr_assert(sign_ok(&c, secret));
}
