/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_admin: the broker as a whole: system topics, cleaning, progress of delay levels.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/schedule.h"
#include "brokerd/store/store.h"
#include "log.h"
#include "names.h"

/* ---- 305, 306, 316, 329, 45 ---- */

static int system_topics(struct request *rq, const void *fields UNUSED)
{
	struct str list[32];
	size_t n = 0;

	for (const char *t; (t = names_system_topic_at(n)) && n < ARRAY_LEN(list) - 4;)
		list[n++] = str_of(t);
	list[n++] = STR("RMQ_SYS_TRACE_TOPIC");
	list[n++] = str_of(rq->broker->cfg->broker);
	list[n++] = str_of(rq->broker->cfg->cluster);
	list[n++] = str_of(arena_fmt(rq->arena, "%s_REPLY_TOPIC", rq->broker->cfg->cluster));
	body_topic_list(rq, NULL, list, n);
	return 0;
}

/* Retention and deleted topics are cleaned by the store as they come: nothing is left to do. */
static int clean(struct request *rq UNUSED, const void *fields UNUSED)
{
	return 0;
}

static int delay_offsets(struct request *rq, const void *fields UNUSED)
{
	struct buf b;
	struct jw w = body_begin(&b);
	int64_t off;

	jw_key(&w, "offsetTable");
	jw_object(&w);
	for (int level = 1; level <= SCHEDULE_LEVELS; level++) {
		off = schedule_progress(rq->broker->schedule, level);
		if (!off)
			continue;
		jw_key_int(&w, level);
		jw_int(&w, off);
	}
	jw_end(&w);
	body_send(rq, &w);
	return 0;
}

const struct handler h_admin[] = { { REQ_GET_SYSTEM_TOPIC_LIST_FROM_BROKER, NULL, 0,
					   system_topics, NEED_READ },
	{ REQ_CLEAN_EXPIRED_CONSUMEQUEUE, NULL, 0, clean, NEED_ADMIN },
	{ REQ_CLEAN_UNUSED_TOPIC, NULL, 0, clean, NEED_ADMIN },
	{ REQ_DELETE_EXPIRED_COMMITLOG, NULL, 0, clean, NEED_ADMIN },
	{ REQ_GET_ALL_DELAY_OFFSET, NULL, 0, delay_offsets, NEED_READ }, HANDLER_END };
