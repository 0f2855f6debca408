/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry: one new record for each round, as Apache makes them (broker/.../processor/
 * AbstractSendMessageProcessor.java, consumerSendMsgBack, 4.9.8). Differing: the pause of the
 * first attempt is 1 s, not 10 s, and a record for the dead letter topic has no delay whatever
 * it had before.
 */
#include "retry.h"

#include "clock.h"
#include "names.h"
#include "props.h"
#include "schedule.h"

int retry_level(int reconsume_times)
{
	return 1 + MIN(MAX(reconsume_times, 0), SCHEDULE_LEVELS - 1);
}

bool retry_is_exhausted(const struct group *g, int reconsume_times, int max_reconsume)
{
	return reconsume_times >= (max_reconsume >= 0 ? max_reconsume : g->retry_max);
}

/* Where the record goes: topic, queue, and the delay level (0 for dead letters). */
struct way {
	const struct topic *topic;
	int queue, level;
	bool dead;
};

static int choose(struct catalog *c, const struct group *g, const struct retry_ask *ask,
	int reconsume_times, struct way *w, struct err *e)
{
	int rc;

	w->dead = ask->delay_level < 0 ||
		  retry_is_exhausted(g, reconsume_times, ask->max_reconsume);
	if (w->dead)
		rc = catalog_ensure_dlq_topic(c, ask->group, &w->topic, e);
	else
		rc = catalog_ensure_retry_topic(c, ask->group, &w->topic, e);
	if (rc)
		return rc;
	if (!(w->topic->perm & PERM_WRITE))
		return err_set(e, TQ_EDENIED, "the topic[%s] is not writable", w->topic->name);
	if (w->dead)
		return 0;
	w->queue = (int)arc4random_uniform((uint32_t)MAX(w->topic->write_queues, 1));
	w->level = ask->delay_level ? MIN(ask->delay_level, SCHEDULE_LEVELS)
				    : retry_level(reconsume_times);
	return 0;
}

struct setting {
	const char *name;
	struct str value;
};

/* Properties of the new record into out; what was set by an earlier round stays. */
static void make_props(const struct message *m, const struct way *w, struct buf *out)
{
	struct str topic = props_get(m->properties, PROP_RETRY_TOPIC);
	struct str origin = props_get(m->properties, PROP_ORIGIN_ID);
	char id[MESSAGE_ID_MAX], level[16];
	struct buf from;

	message_offset_id(id, &m->store, m->phys_off);
	snprintf(level, sizeof(level), "%d", w->level);
	const struct setting set[] = {
		{ PROP_RETRY_TOPIC, topic.n ? topic : m->topic },
		{ PROP_ORIGIN_ID, origin.n ? origin : str_of(id) },
		{ PROP_WAIT, STR("false") },
		{ PROP_DELAY, str_of(level) },
	};

	buf_init(&from, out->max);
	buf_add_str(out, m->properties);
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		buf_clear(&from);
		buf_add_str(&from, buf_str(out));
		buf_clear(out);
		props_set(out, buf_str(&from), set[i].name, set[i].value);
	}
	buf_release(&from);
}

static int append(struct store *s, struct message *m, const struct way *w,
	struct retry_result *out, struct err *e)
{
	struct store_put put = { .m = m, .keep_store_host = true };
	struct buf props, redirected;
	int rc;

	buf_init(&props, MESSAGE_MAX_PROPERTIES);
	buf_init(&redirected, MESSAGE_MAX_PROPERTIES);
	make_props(m, w, &props);
	put.tags_code = message_tags_code(props_get(m->properties, PROP_TAGS));
	m->topic = str_of(w->topic->name);
	m->queue_id = w->queue;
	m->properties = buf_str(&props);
	if (m->reconsume_times < INT32_MAX) /* the producer may say anything */
		m->reconsume_times++;
	m->prepared_off = 0; /* this is a message of its own */
	if (w->level > 0)
		put.tags_code = schedule_redirect(m, w->level, clock_wall_ms(), &redirected);
	if (buf_err(&props) || buf_err(&redirected))
		rc = err_set(e, TQ_EMSGILLEGAL, "no room for the retry properties");
	else
		rc = store_append(s, &put, &out->at, e);
	buf_release(&props);
	buf_release(&redirected);
	return rc;
}

static int send_back(struct catalog *c, struct store *s, const struct group *g,
	const struct retry_ask *ask, struct str record, struct retry_result *out, struct err *e)
{
	struct rd r = rd_init(record);
	struct way w = { 0 };
	struct message m;
	struct str topic;
	int rc;

	rc = message_decode(&r, &m, e);
	if (rc)
		return rc;
	topic = props_get(m.properties, PROP_RETRY_TOPIC);
	snprintf(out->origin_topic, sizeof(out->origin_topic), STR_FMT,
		STR_ARG(topic.n ? topic : m.topic));
	rc = choose(c, g, ask, m.reconsume_times, &w, e);
	out->dead = w.dead;
	return rc ? rc : append(s, &m, &w, out, e);
}

int retry_send_back(struct catalog *c, struct store *s, const struct retry_ask *ask,
	struct retry_result *out, struct err *e)
{
	const struct group *g;
	struct store_slice slice;
	int rc;

	*out = (struct retry_result){ 0 };
	rc = catalog_ensure_group(c, ask->group, &g, e);
	if (rc)
		return err_set(e, TQ_ENOGROUP, "subscription group not exist, " STR_FMT,
			STR_ARG(ask->group));
	out->dropped = g->retry_queues <= 0;
	if (out->dropped)
		return 0;
	rc = store_get(s, ask->phys_off, &slice, e);
	if (rc)
		return err_set(e, TQ_EFAIL, "look message by offset failed, %lld",
			(long long)ask->phys_off);
	rc = send_back(c, s, g, ask, slice.bytes, out, e);
	store_slice_unref(slice.segment);
	return rc;
}
