/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "hostport.h"

static const struct {
	const char *text, *host, *port; /* host NULL: refused */
} cases[] = {
	{ "broker-a:10911", "broker-a", "10911" },
	{ "[::1]:9876", "::1", "9876" },
	{ "::1:9876", "::1", "9876" },
	{ "a:65535", "a", "65535" },
	{ "a:65536", NULL, NULL },
	{ "a:99999999999999999999", NULL, NULL },
	{ "a:", NULL, NULL },
	{ ":9876", NULL, NULL },
	{ "[]:9876", NULL, NULL },
	{ "a:98x6", NULL, NULL },
	{ "a", NULL, NULL },
	{ "", NULL, NULL },
};

Test(hostport, takes_an_address_with_a_port_and_nothing_else)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char host[HOSTPORT_HOST];
		struct err e = ERR_INIT;
		const char *port;
		int rc = hostport_split(cases[i].text, host, &port, &e);

		cr_assert_eq(rc, cases[i].host ? 0 : TQ_EUSAGE, "'%s': %d", cases[i].text, rc);
		if (rc)
			continue;
		cr_assert_str_eq(host, cases[i].host);
		cr_assert_str_eq(port, cases[i].port);
	}
}
