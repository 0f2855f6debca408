/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "brokerd/msgtype.h"

Test(msgtype, a_transaction_goes_before_a_delay_and_a_delay_before_a_key)
{
	struct msgtype_marks m = { true, true, true };

	cr_expect_eq(msgtype_of(&m), TOPIC_TRANSACTION);
	m.transaction = false;
	cr_expect_eq(msgtype_of(&m), TOPIC_DELAY);
	m.delayed = false;
	cr_expect_eq(msgtype_of(&m), TOPIC_FIFO);
	m.keyed = false;
	cr_expect_eq(msgtype_of(&m), TOPIC_NORMAL);
}

Test(msgtype, a_topic_takes_its_own_type_and_mixed_takes_all)
{
	for (int topic = 0; topic < TOPIC_TYPES; topic++) {
		struct topic t = { .name = "t", .type = topic };

		for (int type = 0; type < TOPIC_MIXED; type++) {
			bool fits = topic == type || topic == TOPIC_MIXED ||
				    (topic == TOPIC_FIFO && type == TOPIC_NORMAL);
			struct err e = ERR_INIT;

			cr_expect_eq(msgtype_check(&t, type, true, &e),
				fits ? 0 : TQ_EMSGILLEGAL, "%s in %s", topic_type_names[type],
				topic_type_names[topic]);
			cr_expect_eq(!e.msg[0], fits);
		}
	}
}

Test(msgtype, a_fifo_topic_wants_a_key_or_a_queue)
{
	struct topic t = { .name = "t", .type = TOPIC_FIFO };

	cr_expect_eq(msgtype_check(&t, TOPIC_NORMAL, true, NULL), 0);
	cr_expect_eq(msgtype_check(&t, TOPIC_FIFO, false, NULL), 0);
	cr_expect_eq(msgtype_check(&t, TOPIC_NORMAL, false, NULL), TQ_EMSGILLEGAL);
}

static const struct {
	int topic, type;
	size_t bytes;
	int64_t calls;
} weights[] = {
	{ TOPIC_NORMAL, TOPIC_NORMAL, 0, 1 },
	{ TOPIC_NORMAL, TOPIC_NORMAL, 4096, 1 },
	{ TOPIC_NORMAL, TOPIC_NORMAL, 4097, 2 },
	{ TOPIC_MIXED, TOPIC_NORMAL, 10000, 3 },
	{ TOPIC_MIXED, TOPIC_DELAY, 1, 5 },
	{ TOPIC_FIFO, TOPIC_NORMAL, 8192, 10 },
	{ TOPIC_TRANSACTION, TOPIC_TRANSACTION, 4 << 20, 5120 },
};

Test(msgtype, calls_are_weighed_by_type_and_size)
{
	for (size_t i = 0; i < ARRAY_LEN(weights); i++)
		cr_expect_eq(msgtype_calls(weights[i].topic, weights[i].type, weights[i].bytes),
			weights[i].calls, "%zu", i);
}
