/* SPDX-License-Identifier: Apache-2.0 */
/* Types are told apart as 5.x does (common/.../attribute/TopicMessageType.java), in this order. */
#include "brokerd/msgtype.h"

int msgtype_of(const struct msgtype_marks *m)
{
	if (m->transaction)
		return TOPIC_TRANSACTION;
	if (m->delayed)
		return TOPIC_DELAY;
	return m->keyed ? TOPIC_FIFO : TOPIC_NORMAL;
}

int msgtype_check(const struct topic *t, int type, bool queue_chosen, struct err *e)
{
	if (t->type == type || t->type == TOPIC_MIXED)
		return 0;
	if (t->type != TOPIC_FIFO || type != TOPIC_NORMAL)
		return err_set(e, TQ_EMSGILLEGAL,
			"topic '%s' takes messages of type %s, this one is of type %s", t->name,
			topic_type_names[t->type], topic_type_names[type]);
	if (queue_chosen)
		return 0;
	return err_set(e, TQ_EMSGILLEGAL,
		"topic '%s' takes messages of type fifo: this one has neither a sharding key nor "
		"a queue",
		t->name);
}

int64_t msgtype_calls(int topic_type, int type, size_t bytes)
{
	int64_t parts =
		MAX((int64_t)((bytes + MSGTYPE_CALL_BYTES - 1) / MSGTYPE_CALL_BYTES), 1);

	if (type == TOPIC_NORMAL && topic_type != TOPIC_MIXED)
		type = topic_type;
	return type == TOPIC_NORMAL ? parts : parts * MSGTYPE_SPECIAL_CALLS;
}
