/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_pull: messages to consumers (11). A pull that finds nothing new may wait in hold; what wakes
 * it is the unit of a message that its filter accepts, or the end of its time. It then runs once
 * more, and is answered with whatever that finds. Offsets are committed on the first run only:
 * by the second the client may have committed more.
 *
 * A filter is a set of tag hashes, or SQL92 on the properties. Hits of hashes that are none are
 * sorted out by the client, which compares the tags themselves. A pull with SQL is woken by any
 * message, and then told to look again behind it when the filter refuses it.
 *
 * What a consumer far behind asks for is on the disk alone. Its pull is parked until a thread of the
 * store has read it, so that nobody else waits for that; a disk that cannot give it is the error of
 * this pull.
 */
#include "brokerd/broker.h"
#include "brokerd/catalog.h"
#include "brokerd/dispatch.h"
#include "brokerd/hold.h"
#include "brokerd/msgtype.h"
#include "brokerd/offsets.h"
#include "brokerd/registry.h"
#include "brokerd/stats.h"
#include "brokerd/store/store.h"
#include "brokerd/throttle.h"
#include "clock.h"
#include "log.h"
#include "names.h"
#include "props.h"
#include "brokerd/sqlcache.h"

struct pull {
	struct str group, topic, subscription, type;
	int queue, max, sysflag;
	int64_t offset, commit_offset, hold_ms, version;
};

static const struct field pull_fields[] = { FIELD_GROUP("consumerGroup", struct pull, group,
						    REQUIRED),
	FIELD_TOPIC("topic", struct pull, topic, REQUIRED),
	FIELD_I32("queueId", struct pull, queue, REQUIRED),
	FIELD_I64("queueOffset", struct pull, offset, REQUIRED),
	FIELD_I32("maxMsgNums", struct pull, max, REQUIRED),
	FIELD_I32("sysFlag", struct pull, sysflag, REQUIRED),
	FIELD_I64("commitOffset", struct pull, commit_offset, 0),
	FIELD_I64("suspendTimeoutMillis", struct pull, hold_ms, 0),
	FIELD_STR("subscription", struct pull, subscription, 0),
	FIELD_I64("subVersion", struct pull, version, 0),
	FIELD_STR("expressionType", struct pull, type, 0), FIELD_END };

/* What a run needs; copied into the parked request when the pull waits. */
struct reading {
	int64_t took_us; /* the read */
	struct str group, topic;
	int queue, max;
	int64_t offset;
	bool all;
	const int32_t *codes;
	size_t n_codes;
	struct str text; /* of a SQL filter; STR_NONE: tags */
	const struct sql *sql; /* of this run; the cache's */
	struct props_index *index; /* the broker's, for it */
	struct request *parked; /* of a pull that waits, and how often it waited for the disk */
	int trips;
	bool paid; /* what it will hand out is taken from the rates already */
	int64_t until_ms; /* monotonic; how long it tries to get its share, 0: it did not yet */
};

#define INDEX_ABOVE 1024 /* bytes of properties */
#define TRIPS_MAX 4 /* then memory is too short to hold what was read: it waits where it is */

/* --- checks, in Apache's order --- */

static int check_enabled(struct request *rq, const struct group *g)
{
	if (g->consume)
		return 0;
	return err_set(&rq->err, TQ_EDENIED,
		"subscription group no permission, %s: its consumption is switched off",
		g->name);
}

static int check_group(struct request *rq, const struct pull *f, const struct group **out)
{
	if (catalog_ensure_group(rq->broker->catalog, f->group, out, NULL))
		return err_set(&rq->err, TQ_ENOGROUP,
			"subscription group [" STR_FMT "] does not exist", STR_ARG(f->group));
	return check_enabled(rq, *out);
}

/* A pull that waited: its group may be gone by now, or may be switched off. */
static int check_still(struct request *rq, const struct reading *rd)
{
	const struct group *g = catalog_group(rq->broker->catalog, rd->group);

	if (!g)
		return err_set(&rq->err, TQ_ENOGROUP,
			"subscription group [" STR_FMT "] does not exist", STR_ARG(rd->group));
	return check_enabled(rq, g);
}

static int check_topic(struct request *rq, const struct pull *f)
{
	const struct topic *t = catalog_topic(rq->broker->catalog, f->topic);

	if (!t)
		return err_set(&rq->err, TQ_ENOTOPIC,
			"topic[" STR_FMT "] not exist, apply first please!", STR_ARG(f->topic));
	if (!(t->perm & PERM_READ))
		return err_set(&rq->err, TQ_EDENIED,
			"the topic[" STR_FMT "] pulling message is forbidden",
			STR_ARG(f->topic));
	if (f->queue < 0 || f->queue >= t->read_queues)
		return err_set(&rq->err, TQ_EINVAL,
			"queueId[%d] is illegal, topic:[" STR_FMT
			"] topicConfig.readQueueNums:[%d]",
			f->queue, STR_ARG(f->topic), t->read_queues);
	return 0;
}

static int known_subscription(struct request *rq, const struct pull *f, const struct group *g,
	const struct subscription **out)
{
	struct registry *r = rq->broker->registry;
	struct consumers members;

	if (!registry_consumers(r, f->group, &members))
		return err_set(&rq->err, TQ_ENOSUB, "the consumer's group info not exist");
	if (!g->broadcast && members.model == MODEL_BROADCASTING)
		return err_set(&rq->err, TQ_EDENIED,
			"the consumer group[" STR_FMT "] can not consume by broadcast way",
			STR_ARG(f->group));
	*out = registry_subscription(r, f->group, f->topic, NULL);
	if (!*out)
		return err_set(&rq->err, TQ_ENOSUB, "the consumer's subscription not exist");
	if ((*out)->version < f->version)
		return err_set(&rq->err, TQ_ESTALE, "the consumer's subscription not latest");
	return 0;
}

static int find_subscription(struct request *rq, const struct pull *f, const struct group *g,
	const struct subscription **out)
{
	struct subscription *own;
	int rc;

	if (!(f->sysflag & PULL_SUBSCRIPTION))
		return known_subscription(rq, f, g, out);
	own = arena_alloc(rq->arena, sizeof(*own));
	rc = subscription_parse(
		own, rq->arena, f->topic, f->subscription, f->type, f->version, &rq->err);
	*out = own;
	return rc;
}

/*
 * A bad filter is refused at once where it is in the request, and named as such where a heartbeat
 * brought it, as Apache does.
 */
static int parse_filter(struct request *rq, const struct pull *f, struct reading *rd)
{
	if (!sqlcache_get(rq->broker->filters, rd->text, &rd->sql, &rq->err))
		return 0;
	if (!(f->sysflag & PULL_SUBSCRIPTION))
		rq->err.response = RESP_FILTER_DATA_NOT_EXIST;
	return err_wrap(&rq->err, "the filter of group [" STR_FMT "]", STR_ARG(f->group));
}

static int check(struct request *rq, const struct pull *f, struct reading *rd)
{
	const struct subscription *s = NULL;
	const struct group *g;
	int rc;

	(void)((rc = check_group(rq, f, &g)) || (rc = check_topic(rq, f)) ||
		(rc = find_subscription(rq, f, g, &s)));
	if (rc)
		return rc;
	if (s->kind == SUB_SQL) {
		rd->text = s->text;
		return parse_filter(rq, f, rd);
	}
	rd->all = s->all || f->sysflag & PULL_CLASS_FILTER;
	rd->codes = s->codes;
	rd->n_codes = s->n_tags;
	return 0;
}

/* --- reading --- */

static bool accepts(const struct reading *rd, int64_t tags_code)
{
	if (rd->all || rd->text.p)
		return true;
	for (size_t i = 0; i < rd->n_codes; i++) {
		if (rd->codes[i] == (int32_t)tags_code)
			return true;
	}
	return false;
}

static struct str property(void *arg, struct str name)
{
	struct str rest = *(const struct str *)arg, found = STR_NONE;
	struct prop p;

	while (props_next(&rest, &p))
		if (str_eq(p.name, name))
			found = p.value;
	return found;
}

static struct str indexed(void *arg, struct str name)
{
	return props_index_get(arg, name);
}

/* Looking through long properties for each of many names would take longer than is decent. */
static bool match_record(const struct reading *rd, struct str record)
{
	struct rd r = rd_init(record);
	struct message m;

	if (message_decode(&r, &m, NULL))
		return false;
	if (m.properties.n <= INDEX_ABOVE)
		return sql_matches(rd->sql, property, &m.properties);
	props_index_build(rd->index, m.properties);
	return sql_matches(rd->sql, indexed, rd->index);
}

static bool match_unit(void *arg, int64_t tags_code, struct str record)
{
	const struct reading *rd = arg;

	if (!record.p)
		return accepts(rd, tags_code);
	return !rd->sql || match_record(rd, record);
}

static const int codes[] = {
	[STORE_FOUND] = RESP_SUCCESS,
	[STORE_NO_MATCH] = RESP_PULL_RETRY_IMMEDIATELY,
	[STORE_REMOVED] = RESP_PULL_RETRY_IMMEDIATELY,
	[STORE_EMPTY_QUEUE] = RESP_PULL_OFFSET_MOVED,
	[STORE_TOO_SMALL] = RESP_PULL_OFFSET_MOVED,
	[STORE_AT_END] = RESP_PULL_NOT_FOUND,
	[STORE_BEYOND] = RESP_PULL_OFFSET_MOVED,
	[STORE_HOLE] = RESP_PULL_NOT_FOUND,
	[STORE_COLD] = RESP_PULL_RETRY_IMMEDIATELY,
};

static struct store_query query_of(const struct request *rq, struct reading *rd)
{
	const struct config *cfg = rq->broker->cfg;

	return (struct store_query){
		.topic = rd->topic,
		.queue = rd->queue,
		.offset = rd->offset,
		.max = (int)MIN(MAX(rd->max, 1), cfg->pull_max_messages),
		.max_bytes = (size_t)cfg->pull_max_bytes,
		.match = rd->all ? NULL : match_unit,
		.match_arg = rd,
		.no_wait = rd->trips < TRIPS_MAX,
	};
}

static struct store_batch *read_store(struct request *rq, struct reading *rd, int *code)
{
	struct store_batch *got = arena_alloc(rq->arena, sizeof(*got));
	struct store_query q = query_of(rq, rd);

	rd->took_us = clock_mono_us();
	store_read(rq->broker->store, &q, got);
	rd->took_us = clock_mono_us() - rd->took_us;
	stats_get_took(rq->broker->stats, rd->took_us);
	*code = codes[got->status];
	if (got->status == STORE_EMPTY_QUEUE && !rd->offset)
		*code = RESP_PULL_NOT_FOUND;
	return got;
}

static void count(struct request *rq, const struct reading *rd, const struct store_batch *got)
{
	struct stats *s = rq->broker->stats;

	if (got->status != STORE_FOUND) {
		stats_add(s, STAT_GET_MISS, 1);
		return;
	}
	stats_add(s, STAT_GET_FOUND, 1);
	stats_add(s, STAT_GET, got->n);
	stats_add(s, STAT_GET_BYTES, (int64_t)got->bytes);
	stats_get(s, &(struct stats_got){ rd->topic, rd->group, rd->queue, got->n,
			     (int64_t)got->bytes, rd->took_us / 1000 });
}

static int64_t calls_of(
	const struct request *rq, const struct reading *rd, const struct store_batch *got)
{
	const struct topic *t = catalog_topic(rq->broker->catalog, rd->topic);
	size_t head = MESSAGE_FIXED + rd->topic.n;
	int64_t calls = 0;

	for (int i = 0; i < got->n; i++)
		calls += msgtype_calls(t ? t->type : TOPIC_MIXED, TOPIC_NORMAL,
			got->slices[i].bytes.n - MIN(head, got->slices[i].bytes.n));
	return calls;
}

/* Takes what the batch counts as from the rates: as throttle_take(). */
static int64_t charge(struct request *rq, struct reading *rd, const struct store_batch *got)
{
	struct broker *b = rq->broker;
	int64_t ms, calls;

	if (got->status != STORE_FOUND || rd->paid)
		return 0;
	calls = calls_of(rq, rd, got);
	ms = throttle_on(b->throttle) && !names_is_system_group(rd->group)
		     ? throttle_take(b->throttle, THROTTLE_OUT, calls, (int64_t)got->bytes,
			       clock_mono_us() * 1000)
		     : 0;
	if (ms >= 0)
		stats_add(b->stats, STAT_CALLS, calls);
	return ms;
}

static void answer(
	struct request *rq, const struct reading *rd, struct store_batch *got, int code)
{
	reply_code(rq, code);
	rq->remark = str_of(store_read_status_name(got->status));
	reply_str(rq, "suggestWhichBrokerId", STR("0"));
	reply_i64(rq, "nextBeginOffset", got->next_off);
	reply_i64(rq, "minOffset", got->min_off);
	reply_i64(rq, "maxOffset", got->max_off);
	count(rq, rd, got);
	if (got->status == STORE_FOUND)
		reply_batch(rq, got);
	else
		store_batch_release(got);
}

/* --- waiting --- */

#define SHARE_MS 5000 /* longest time a pull tries to get its share of the rates */

static void warmed(void *arg, int rc, const struct err *e);
static void woken(struct request *rq, void *arg);

static void put_off_over(void *arg)
{
	struct reading *rd = arg;

	woken(rd->parked, rd);
}

/* The messages are read again when their time has come. Ends the request where it cannot wait. */
static void put_off(struct reading *rd, struct store_batch *got, int64_t ms)
{
	struct request *rq = rd->parked;
	struct throttle *t = rq->broker->throttle;
	int64_t now = clock_mono_ms();

	store_batch_release(got);
	if (!rd->until_ms) {
		rd->until_ms = now + SHARE_MS;
		stats_add(rq->broker->stats, STAT_GET_THROTTLED, 1);
	}
	rd->paid = ms > 0;
	if ((ms > 0 || now < rd->until_ms) &&
		throttle_later(t, ms > 0 ? ms : THROTTLE_REFUSED_MS, put_off_over, rd))
		return;
	err_set(&rq->err, TQ_EBUSY,
		"[THROTTLED]the cluster takes %lld calls and %lld Mbit a second, in and out",
		(long long)rq->broker->quota.calls,
		(long long)(rq->broker->quota.bits / 1000000));
	rq->err.response = RESP_FLOW_CONTROL;
	log_every(10, LOG_WARN_, "pull", "refused: %s", rq->err.msg);
	request_finish(rq, TQ_EBUSY);
}

/* The next run of a parked pull, which answers it unless it needs the disk. */
static void woken(struct request *rq, void *arg)
{
	struct reading *rd = arg;
	struct store_batch *got;
	struct store_query q;
	int64_t ms;
	int code, rc = check_still(rq, rd);

	if (rc) {
		request_finish(rq, rc);
		return;
	}
	if (rd->text.p && sqlcache_get(rq->broker->filters, rd->text, &rd->sql, &rq->err)) {
		request_finish(rq, rq->err.code);
		return;
	}
	got = read_store(rq, rd, &code);
	if (got->status == STORE_COLD) {
		rd->trips++;
		q = query_of(rq, rd);
		rc = store_warm(rq->broker->store, &q, warmed, rd, &rq->err);
		if (!rc)
			return;
	} else if ((ms = charge(rq, rd, got))) {
		put_off(rd, got, ms);
		return;
	} else {
		answer(rq, rd, got, code);
	}
	request_finish(rq, rc);
}

static void warmed(void *arg, int rc, const struct err *e)
{
	struct reading *rd = arg;

	if (!rc) {
		woken(rd->parked, rd);
		return;
	}
	rd->parked->err = *e;
	request_finish(rd->parked, rc);
}

static struct str keep(struct arena *a, struct str s)
{
	return (struct str){ arena_strn(a, s.p, s.n), s.n };
}

/* Parks the pull; what it needs for its next run. */
static struct reading *park(struct request *rq, const struct reading *rd)
{
	struct request *parked = request_park(rq);
	struct reading *own = arena_alloc(parked->arena, sizeof(*own));
	int32_t *own_codes = arena_alloc(parked->arena, rd->n_codes * sizeof(*own_codes));

	*own = *rd;
	own->parked = parked;
	own->group = keep(parked->arena, rd->group);
	own->topic = keep(parked->arena, rd->topic);
	own->text = rd->text.p ? keep(parked->arena, rd->text) : STR_NONE;
	own->codes = own_codes;
	for (size_t i = 0; i < rd->n_codes; i++)
		own_codes[i] = rd->codes[i];
	return own;
}

/*
 * What is kept of a pull while it waits: this, the codes of its tags, its group, its SQL text.
 * Topic, queue and offset are hold's.
 */
struct kept {
	int32_t max;
	uint32_t n_text;
	uint16_t n_codes;
	uint8_t n_group;
	bool all, sql;
	int32_t codes[];
};

_Static_assert(WIRE_GROUP_MAX <= UINT8_MAX, "a group's length is one byte of struct kept");

static bool kept_accepts(const void *arg, int64_t tags_code)
{
	const struct kept *k = arg;

	for (unsigned i = 0; i < k->n_codes; i++)
		if (k->codes[i] == (int32_t)tags_code)
			return true;
	return k->all || k->sql;
}

static void held_woken(struct request *rq, const struct held *h)
{
	const struct kept *k = h->arg;
	struct reading *own = arena_alloc(rq->arena, sizeof(*own));
	int32_t *own_codes = arena_alloc(rq->arena, (k->n_codes + 1) * sizeof(*own_codes));
	const char *texts = (const char *)(k->codes + k->n_codes);

	memcpy(own_codes, k->codes, k->n_codes * sizeof(*own_codes));
	*own = (struct reading){ .parked = rq,
		.index = rq->broker->index,
		.group = keep(rq->arena, (struct str){ texts, k->n_group }),
		.topic = keep(rq->arena, h->topic),
		.text = k->sql ? keep(rq->arena, (struct str){ texts + k->n_group, k->n_text })
			       : STR_NONE,
		.queue = h->queue,
		.offset = h->queue_off,
		.max = k->max,
		.all = k->all,
		.codes = own_codes,
		.n_codes = k->n_codes };
	woken(rq, own);
}

static int wait_for_message(struct request *rq, const struct reading *rd, int64_t ms)
{
	size_t n_codes = MIN(rd->n_codes, UINT16_MAX), bytes;
	struct kept *k;
	char *texts;

	bytes = sizeof(*k) + n_codes * sizeof(*k->codes) + rd->group.n + rd->text.n;
	k = arena_alloc(rq->arena, bytes);
	*k = (struct kept){ rd->max, (uint32_t)rd->text.n, (uint16_t)n_codes,
		(uint8_t)rd->group.n, rd->all, rd->text.p != NULL };
	for (size_t i = 0; i < n_codes; i++)
		k->codes[i] = rd->codes[i];
	texts = (char *)(k->codes + n_codes);
	memcpy(texts, rd->group.p, rd->group.n);
	if (rd->text.n)
		memcpy(texts + rd->group.n, rd->text.p, rd->text.n);
	hold_add(rq->broker->hold, rq,
		&(struct hold_wait){ .topic = rd->topic,
			.queue = rd->queue,
			.queue_off = rd->offset,
			.ms = MIN(ms, rq->broker->cfg->max_hold),
			.match = kept_accepts,
			.wake = held_woken,
			.arg = k,
			.arg_n = bytes });
	return 0;
}

static int wait_for_disk(struct request *rq, const struct reading *rd)
{
	struct reading *own = park(rq, rd);

	woken(own->parked, own);
	return 0;
}

static int pull_message(struct request *rq, const void *fields)
{
	const struct pull *f = fields;
	struct reading rd = { .group = f->group,
		.topic = f->topic,
		.queue = f->queue,
		.max = f->max,
		.offset = f->offset,
		.index = rq->broker->index };
	struct store_batch *got;
	int64_t ms;
	int rc, code;

	rc = check(rq, f, &rd);
	if (rc)
		return rc;
	if (f->sysflag & PULL_COMMIT && f->commit_offset >= 0) {
		rc = offsets_set(rq->broker->offsets, f->group, f->topic, f->queue,
			f->commit_offset, &rq->err);
		if (rc)
			return rc;
	}
	got = read_store(rq, &rd, &code);
	if (got->status == STORE_COLD)
		return wait_for_disk(rq, &rd);
	if (code == RESP_PULL_NOT_FOUND && f->sysflag & PULL_SUSPEND && f->hold_ms > 0 &&
		!rq->oneway) {
		store_batch_release(got);
		return wait_for_message(rq, &rd, f->hold_ms);
	}
	ms = charge(rq, &rd, got);
	if (ms)
		put_off(park(rq, &rd), got, ms);
	else
		answer(rq, &rd, got, code);
	return 0;
}

const struct handler h_pull[] = { { REQ_PULL_MESSAGE, pull_fields, sizeof(struct pull),
					  pull_message, NEED_SUB },
	HANDLER_END };
