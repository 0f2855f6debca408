/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/senders.h"

Test(senders, admits_so_many_connections_and_each_for_good)
{
	struct senders *s = senders_new();

	cr_expect(senders_admit(s, STR("t"), 1, 2));
	cr_expect(senders_admit(s, STR("t"), 2, 2));
	cr_expect_not(senders_admit(s, STR("t"), 3, 2));
	cr_expect(senders_admit(s, STR("t"), 1, 2));
	cr_expect(senders_admit(s, STR("u"), 3, 2), "topics are counted one by one");
	cr_expect_eq(senders_count(s, STR("t")), 2);
	cr_expect_eq(senders_count(s, STR("v")), 0);
	senders_free(s);
}

Test(senders, a_closed_connection_makes_room)
{
	struct senders *s = senders_new();

	cr_expect(senders_admit(s, STR("t"), 1, 1));
	cr_expect(senders_admit(s, STR("u"), 1, 1));
	senders_conn_closed(s, 7);
	cr_expect_not(senders_admit(s, STR("t"), 2, 1));
	senders_conn_closed(s, 1);
	cr_expect_eq(senders_count(s, STR("u")), 0);
	cr_expect(senders_admit(s, STR("t"), 2, 1));
	senders_forget_topic(s, STR("t"));
	cr_expect(senders_admit(s, STR("t"), 3, 1));
	senders_free(s);
}
