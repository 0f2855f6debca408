/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tx: the half queue from the first open message on, and a bit for each that is ended. At start
 * the bits come from the notes in the op topic. A round walks over what is open, some messages a
 * turn of the loop, up to where the queue ended when the round began. There is a timer only while
 * something is open.
 *
 * A commit stores the message before its note, so that a crash between them repeats it, never
 * loses it. As Apache (broker/.../transaction/queue/TransactionalMessageServiceImpl.java, 4.9.8),
 * but: a second end is dropped; a message that is stored again for a check gets a note for its old
 * copy, so that a crash does not make two of it; TRAN_PREPARED_QUEUE_OFFSET names its first copy,
 * since a producer that takes long ends that one; immunity leaves a message where it is.
 */
#include "tx.h"

#include <event2/event.h>

#include "brokerd/parked.h"
#include "brokerd/schedule.h"
#include "brokerd/timed.h"
#include "brokerd/txmap.h"
#include "clock.h"
#include "log.h"
#include "map.h"
#include "names.h"
#include "props.h"

#define TURN_MAX 256 /* messages looked at in one turn */
#define OPS_TURN_MAX 10000 /* notes passed in one flush */
#define COPIES_MAX 65536 /* first copies that are remembered */
#define PROP_IMMUNITY "CHECK_IMMUNITY_TIME_IN_SECONDS"
#define PROP_FIRST "TRAN_PREPARED_QUEUE_OFFSET"
#define OP_TAG "d"
#define NONE (-1)

/* A half message that was stored again: its producer may still end the first copy. */
struct copy {
	int64_t first, newest;
	UT_hash_handle hh;
};

struct tx {
	struct tx_opts o;
	struct tx_limits l;
	struct event *timer;
	struct txmap *map;
	struct copy *copies;
	int64_t max, open; /* end of the half queue; messages before it that are not ended */
	int64_t at, round_end, last_round; /* at: next to look at, NONE between rounds */
	int64_t op; /* notes before it are of no more use */
	int64_t end_off; /* of the log, behind our last record */
	int64_t mark, mark_op, mark_end; /* first open, op and end_off at the last flush */
};

/* ---- records ---- */

static int64_t number(struct str text, int64_t absent)
{
	int64_t n = absent;

	if (text.n)
		(void)str_to_i64(text, 0, INT64_MAX, &n, "", NULL);
	return n;
}

static int append(struct tx *t, const struct message *m, int64_t tags_code, struct store_at *at,
	struct err *e)
{
	struct store_put put = { .m = m, .tags_code = tags_code, .keep_store_host = true };
	int rc = store_append(t->o.store, &put, at, e);

	if (!rc)
		t->end_off = at->end_off;
	return rc;
}

static int64_t tags_of(const struct message *m)
{
	return message_tags_code(props_get(m->properties, PROP_TAGS));
}

static void forget_copy(struct tx *t, int64_t first)
{
	struct copy *c;

	HASH_FIND(hh, t->copies, &first, sizeof(first), c);
	if (!c)
		return;
	HASH_DEL(t->copies, c);
	mem_free(c);
}

static void remember_copy(struct tx *t, int64_t first, int64_t newest)
{
	struct copy *c;

	HASH_FIND(hh, t->copies, &first, sizeof(first), c);
	if (!c) {
		if (HASH_COUNT(t->copies) >= COPIES_MAX)
			return;
		c = mem_alloc(sizeof(*c));
		c->first = first;
		HASH_ADD(hh, t->copies, first, sizeof(c->first), c);
	}
	c->newest = newest;
}

static void ended(struct tx *t, int64_t off)
{
	if (txmap_end(t->map, off) && off < t->max)
		t->open--;
}

/* Notes that the half message at off is ended. */
static int note(struct tx *t, int64_t off, struct err *e)
{
	char body[24];
	struct store_at at;
	struct message m = { .topic = STR(TX_OP_TOPIC),
		.properties = STR(PROP_TAGS "\x01" OP_TAG "\x02" PROP_WAIT "\x01"
					    "true"),
		.born_ms = clock_wall_ms(),
		.born = t->o.host,
		.store = t->o.host };
	int rc;

	snprintf(body, sizeof(body), "%lld", (long long)off);
	m.body = str_of(body);
	rc = append(t, &m, message_tags_code(STR(OP_TAG)), &at, e);
	if (!rc)
		ended(t, off);
	return rc;
}

/* A queue offset's record, decoded; the slice is the caller's on success. */
static int read_at(struct tx *t, const char *topic, int64_t off, struct store_slice *rec,
	struct message *m, struct err *e)
{
	int64_t phys, code;
	uint32_t size;
	int rc;

	if (!store_unit(t->o.store, str_of(topic), 0, off, &phys, &size, &code))
		return err_set(e, TQ_ENOTFOUND, "nothing at offset %lld", (long long)off);
	rc = store_get(t->o.store, phys, rec, e);
	if (rc)
		return rc;
	rc = parked_decode(rec->bytes, m, e);
	if (rc)
		store_slice_unref(rec->segment);
	return rc;
}

/* ---- the end of a half message ---- */

/* Points m, where it belongs, to where it waits if it is to. */
static int delay(
	struct tx *t, struct message *m, int64_t *tags, struct buf *props, struct err *e)
{
	struct str start = props_get(m->properties, PROP_START_DELIVER);
	int level = schedule_level(m->properties), rc;
	int64_t due = 0;

	if (level > 0) {
		*tags = schedule_redirect(m, level, clock_wall_ms(), props);
		return 0;
	}
	if (!start.n || !t->o.due)
		return 0;
	rc = t->o.due(t->o.arg, start, &due, e);
	if (rc || !due)
		return rc;
	*tags = due;
	return timed_redirect(m, props, e);
}

static int commit(struct tx *t, struct message *m, struct err *e)
{
	struct store_at at;
	struct buf props;
	int64_t tags = tags_of(m);
	int rc;

	if (!parked_unwrap(m))
		return err_set(e, TQ_EFAIL, "the half message has no topic of its own");
	if (t->o.wanted && !t->o.wanted(t->o.arg, m->topic))
		return err_set(e, TQ_ENOTOPIC, "topic[" STR_FMT "] not exist, it was deleted",
			STR_ARG(m->topic));
	m->sysflag = (m->sysflag & ~SYSFLAG_TX_MASK) | SYSFLAG_TX_COMMIT;
	m->prepared_off = m->phys_off;
	buf_init(&props, MESSAGE_MAX_PROPERTIES);
	rc = delay(t, m, &tags, &props, e);
	if (!rc && buf_err(&props))
		rc = err_set(e, TQ_EMSGILLEGAL, "no room for the properties of a delay");
	if (!rc)
		rc = append(t, m, tags, &at, e);
	buf_release(&props);
	return rc;
}

static bool is_group(const struct tx *t, const struct message *m, struct str group)
{
	struct buf own;
	bool same;

	buf_init(&own, WIRE_TOPIC_MAX * 2);
	same = str_eq(group,
		names_canonical(props_get(m->properties, PROP_PGROUP), t->o.cluster_id, &own));
	buf_release(&own);
	return same;
}

static int verify(
	const struct tx *t, const struct message *m, const struct tx_ending *x, struct err *e)
{
	if (!str_is(m->topic, TX_HALF_TOPIC))
		return err_set(e, TQ_EFAIL, "the message is not a half message");
	if (!is_group(t, m, x->group))
		return err_set(e, TQ_EFAIL, "The producer group wrong");
	if (m->queue_off != x->queue_off)
		return err_set(e, TQ_EFAIL, "The transaction state table offset wrong");
	return 0;
}

static int finish(struct tx *t, struct message *m, bool do_commit, struct err *e)
{
	int64_t off = m->queue_off;
	int64_t first = number(props_get(m->properties, PROP_FIRST), NONE);
	int rc = do_commit ? commit(t, m, e) : 0;

	if (!rc)
		rc = note(t, off, e);
	if (!rc && first != NONE)
		forget_copy(t, first);
	return rc;
}

/* The copy that stands for one that was ended because it was stored again. */
static int finish_newest(struct tx *t, const struct tx_ending *x, struct err *e)
{
	struct store_slice rec;
	struct message m;
	struct copy *c;
	int rc;

	HASH_FIND(hh, t->copies, &x->queue_off, sizeof(x->queue_off), c);
	if (!c || txmap_is_ended(t->map, c->newest))
		return 0;
	rc = read_at(t, TX_HALF_TOPIC, c->newest, &rec, &m, e);
	if (rc)
		return rc;
	rc = finish(t, &m, x->commit, e);
	store_slice_unref(rec.segment);
	return rc;
}

int tx_end(struct tx *t, const struct tx_ending *x, int64_t *end_off, struct err *e)
{
	struct store_slice rec;
	struct message m;
	int rc;

	if (store_get(t->o.store, x->phys_off, &rec, e))
		return err_set(e, TQ_EFAIL,
			"Find prepared transaction message failed, nothing at %lld",
			(long long)x->phys_off);
	rc = parked_decode(rec.bytes, &m, e);
	if (!rc)
		rc = verify(t, &m, x, e);
	if (!rc)
		rc = txmap_is_ended(t->map, x->queue_off) ? finish_newest(t, x, e)
							  : finish(t, &m, x->commit, e);
	store_slice_unref(rec.segment);
	*end_off = t->end_off;
	return rc;
}

/* ---- asking ---- */

static bool set_number(struct buf *props, const char *name, int64_t n)
{
	char text[24];
	struct buf from;

	snprintf(text, sizeof(text), "%lld", (long long)n);
	buf_init(&from, props->max);
	buf_add_str(&from, buf_str(props));
	buf_clear(props);
	props_set(props, buf_str(&from), name, str_of(text));
	buf_release(&from);
	return !buf_err(props);
}

/* Stores m at the end of the half topic; m has its new place then, its properties are in props. */
static int store_half(
	struct tx *t, struct message *m, int64_t checks, struct buf *props, struct err *e)
{
	struct store_at at;
	int rc;

	buf_add_str(props, m->properties);
	if (!set_number(props, TX_PROP_CHECKS, checks) ||
		(checks && !props_get(m->properties, PROP_FIRST).n &&
			!set_number(props, PROP_FIRST, m->queue_off)))
		return err_set(e, TQ_EMSGILLEGAL, "no room for the count of checks");
	m->topic = STR(TX_HALF_TOPIC);
	m->queue_id = 0;
	m->prepared_off = m->phys_off; /* it stands for that one: redo.h */
	m->properties = buf_str(props);
	rc = append(t, m, tags_of(m), &at, e);
	if (rc)
		return rc;
	m->queue_off = at.queue_off;
	m->phys_off = at.phys_off;
	m->store_ms = at.store_ms;
	return 0;
}

static void send_check(struct tx *t, struct message *m)
{
	char id[MESSAGE_ID_MAX], half[24], phys[24];
	struct str unique = props_get(m->properties, PROP_UNIQ_KEY), group;
	struct command rq;
	struct buf body, name;

	if (!parked_unwrap(m))
		return;
	message_offset_id(id, &m->store, m->phys_off);
	snprintf(half, sizeof(half), "%lld", (long long)m->queue_off);
	snprintf(phys, sizeof(phys), "%lld", (long long)m->phys_off);
	buf_init(&body, message_size(m));
	message_encode(&body, m);
	buf_init(&name, WIRE_TOPIC_MAX * 2);
	group = names_canonical(props_get(m->properties, PROP_PGROUP), t->o.cluster_id, &name);
	command_init(&rq, REQ_CHECK_TRANSACTION_STATE);
	command_add(&rq, "tranStateTableOffset", str_of(half));
	command_add(&rq, "commitLogOffset", str_of(phys));
	command_add(&rq, "msgId", unique);
	command_add(&rq, "transactionId", unique);
	command_add(&rq, "offsetMsgId", str_of(id));
	rq.body = buf_str(&body);
	t->o.ask(t->o.arg, group, &rq);
	buf_release(&body);
	buf_release(&name);
}

static int check(struct tx *t, struct message *m, int64_t checks, struct err *e)
{
	int64_t old = m->queue_off;
	struct buf props;
	int rc;

	buf_init(&props, MESSAGE_MAX_PROPERTIES);
	rc = store_half(t, m, checks, &props, e);
	if (!rc)
		rc = note(t, old, e);
	if (!rc) {
		remember_copy(
			t, number(props_get(m->properties, PROP_FIRST), old), m->queue_off);
		send_check(t, m);
	}
	buf_release(&props);
	return rc;
}

static int set_aside(struct tx *t, struct message *m, struct err *e)
{
	int64_t off = m->queue_off;
	int64_t first = number(props_get(m->properties, PROP_FIRST), NONE);
	struct store_at at;
	int rc;

	log_warn("tx",
		"no producer ended the transaction '" STR_FMT "' of topic '" STR_FMT
		"': set aside",
		STR_ARG(props_get(m->properties, PROP_UNIQ_KEY)),
		STR_ARG(props_get(m->properties, PROP_REAL_TOPIC)));
	m->topic = STR(TX_ASIDE_TOPIC);
	m->queue_id = 0;
	m->prepared_off = m->phys_off;
	rc = append(t, m, tags_of(m), &at, e);
	if (!rc)
		rc = note(t, off, e);
	if (!rc && first != NONE)
		forget_copy(t, first);
	return rc;
}

static int look_at(struct tx *t, struct message *m, struct err *e)
{
	int64_t age = clock_wall_ms() - m->born_ms, immune = t->l.timeout_ms;
	int64_t checks = number(props_get(m->properties, TX_PROP_CHECKS), 0);
	int64_t first = number(props_get(m->properties, PROP_FIRST), NONE);
	int64_t own = number(props_get(m->properties, PROP_IMMUNITY), NONE);

	if (first != NONE && first < m->queue_off)
		remember_copy(t, first, m->queue_off);
	if (checks >= t->l.max_checks || age > t->l.max_age_ms ||
		m->properties.n > TX_PROPERTIES_MAX + 100)
		return set_aside(t, m, e);
	if (own != NONE && own < INT32_MAX)
		immune = own * 1000;
	if (age >= 0 && age < immune) /* < 0: the clock was put back */
		return 0;
	return check(t, m, checks + 1, e);
}

static int look(struct tx *t, int64_t off, struct err *e)
{
	struct err unreadable = ERR_INIT;
	struct store_slice rec;
	struct message m;
	int rc;

	if (read_at(t, TX_HALF_TOPIC, off, &rec, &m, &unreadable)) {
		log_every(10, LOG_ERROR_, "tx", "half message %lld cannot be read: skipped: %s",
			(long long)off, unreadable.msg);
		ended(t, off);
		return 0;
	}
	rc = look_at(t, &m, e);
	store_slice_unref(rec.segment);
	return rc;
}

/* ---- rounds ---- */

static void arm(struct tx *t, int64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	evtimer_add(t->timer, &tv);
}

static void end_round(struct tx *t)
{
	t->at = NONE;
	t->last_round = clock_mono_ms();
	if (t->open > 0)
		arm(t, t->l.interval_ms);
}

void tx_run(struct tx *t)
{
	struct err e = ERR_INIT;
	int64_t off;

	if (t->at == NONE) {
		t->at = txmap_first(t->map);
		t->round_end = t->max;
	}
	for (int i = 0; i < TURN_MAX; i++) {
		off = txmap_next(t->map, t->at);
		if (off >= t->round_end) {
			end_round(t);
			return;
		}
		if (look(t, off, &e)) {
			log_every(10, LOG_WARN_, "tx", "half messages wait: %s", e.msg);
			end_round(t);
			return;
		}
		t->at = off + 1;
	}
	arm(t, 0);
}

static void fire(evutil_socket_t fd UNUSED, short what UNUSED, void *arg)
{
	tx_run(arg);
}

/* The first round comes as soon as something may be asked about, the others at their pace. */
static void wake(struct tx *t)
{
	int64_t since = clock_mono_ms() - t->last_round;

	if (t->open > 0 && t->at == NONE && !evtimer_pending(t->timer, NULL))
		arm(t, MAX(t->l.timeout_ms, t->l.interval_ms - MAX(since, 0)));
}

void tx_arrival(struct tx *t, int64_t queue_off)
{
	if (queue_off < t->max)
		return;
	t->open += queue_off + 1 - t->max;
	t->max = queue_off + 1;
	wake(t);
}

int64_t tx_pending(const struct tx *t)
{
	return t->open;
}

void tx_list(struct tx *t, int64_t from, tx_each fn, void *arg)
{
	struct store_slice rec;
	struct message m;
	bool more = true;

	for (int64_t off = txmap_next(t->map, MAX(from, txmap_first(t->map)));
		more && off < t->max; off = txmap_next(t->map, off + 1)) {
		if (read_at(t, TX_HALF_TOPIC, off, &rec, &m, NULL))
			continue;
		more = fn(arg, &m);
		store_slice_unref(rec.segment);
	}
}

int tx_resume(struct tx *t, int64_t phys_off, int64_t *end_off, struct err *e)
{
	struct store_slice rec;
	struct message m;
	struct buf props;
	int rc;

	rc = store_get(t->o.store, phys_off, &rec, e);
	if (rc)
		return err_set(e, TQ_EFAIL, "no message at %lld", (long long)phys_off);
	buf_init(&props, MESSAGE_MAX_PROPERTIES);
	rc = parked_decode(rec.bytes, &m, e);
	if (!rc && !str_is(m.topic, TX_ASIDE_TOPIC))
		rc = err_set(e, TQ_EFAIL, "the message is not in " TX_ASIDE_TOPIC);
	if (!rc)
		rc = store_half(t, &m, 0, &props, e);
	buf_release(&props);
	store_slice_unref(rec.segment);
	*end_off = t->end_off;
	return rc;
}

/* ---- progress ---- */

/* The largest half offset a note speaks of; Apache 5 writes several, with commas. */
static int64_t note_read(struct tx *t, int64_t off, bool apply)
{
	int64_t n, most = NONE;
	struct err e = ERR_INIT;
	struct store_slice rec;
	struct str one, rest;
	struct message m;

	if (read_at(t, TX_OP_TOPIC, off, &rec, &m, &e))
		return NONE;
	for (rest = m.body; str_cut(&rest, ',', &one);) {
		n = number(one, NONE);
		most = MAX(most, n);
		if (apply && n != NONE)
			ended(t, n);
	}
	store_slice_unref(rec.segment);
	return most;
}

static void take_mark(struct tx *t)
{
	int64_t min, max;

	t->mark = txmap_first(t->map);
	store_queue_bounds(t->o.store, STR(TX_OP_TOPIC), 0, &min, &max);
	t->op = MAX(t->op, min);
	if (!t->open)
		t->op = max;
	for (int i = 0; i < OPS_TURN_MAX && t->op < max; i++, t->op++)
		if (note_read(t, t->op, false) >= t->mark)
			break;
	t->mark_op = t->op;
	t->mark_end = t->end_off;
}

static void save(struct tx *t, const char *topic, int64_t off)
{
	struct err e = ERR_INIT;

	if (offsets_get(t->o.offsets, STR(TX_GROUP), str_of(topic), 0) == off)
		return;
	if (offsets_set(t->o.offsets, STR(TX_GROUP), str_of(topic), 0, off, &e))
		log_every(60, LOG_ERROR_, "tx", "progress not kept: %s", e.msg);
}

/* Record of the oldest half message that is still open. */
static int64_t needed(struct tx *t)
{
	int64_t phys, tags;
	uint32_t size;

	if (t->open && store_unit(t->o.store, STR(TX_HALF_TOPIC), 0, txmap_first(t->map), &phys,
			       &size, &tags))
		return phys;
	return INT64_MAX;
}

void tx_flush(struct tx *t)
{
	int64_t durable = store_durable(t->o.store);

	store_keep(t->o.store, STORE_KEEP_HALF, needed(t));
	for (int i = 0; i < 2 && t->mark_end <= durable; i++) {
		save(t, TX_HALF_TOPIC, t->mark);
		save(t, TX_OP_TOPIC, t->mark_op);
		take_mark(t);
	}
}

/* ---- life ---- */

static int64_t kept(struct tx *t, const char *topic, int64_t *max)
{
	int64_t min, off = offsets_get(t->o.offsets, STR(TX_GROUP), str_of(topic), 0);

	store_queue_bounds(t->o.store, str_of(topic), 0, &min, max);
	return MIN(MAX(off, min), *max);
}

/* What was committed or stored again, and has no note of it. */
static void end_ended(struct tx *t)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < t->o.n_ended; i++) {
		int64_t off = t->o.ended[i];

		if (off < t->max && !txmap_is_ended(t->map, off) && note(t, off, &e))
			log_warn("tx", "the end of half message %lld is not noted: %s",
				(long long)off, e.msg);
	}
}

struct tx *tx_open(const struct tx_opts *o, const struct tx_limits *l)
{
	struct tx *t = mem_alloc(sizeof(*t));
	int64_t op_max, first;

	t->o = *o;
	t->l = *l;
	t->at = NONE;
	t->last_round = INT64_MIN / 2;
	first = kept(t, TX_HALF_TOPIC, &t->max);
	t->map = txmap_new(first);
	t->open = t->max - first;
	t->op = kept(t, TX_OP_TOPIC, &op_max);
	for (int64_t i = t->op; i < op_max; i++)
		(void)note_read(t, i, true);
	end_ended(t);
	t->mark = first;
	t->mark_op = t->op;
	t->timer = evtimer_new(o->base, fire, t);
	BUG_ON(!t->timer);
	wake(t);
	return t;
}

void tx_set_limits(struct tx *t, const struct tx_limits *l)
{
	int64_t since = clock_mono_ms() - t->last_round;

	t->l = *l;
	if (t->at == NONE && evtimer_pending(t->timer, NULL))
		arm(t, MAX(t->l.interval_ms - MAX(since, 0), 0));
}

void tx_free(struct tx *t)
{
	struct copy *c, *next;

	if (!t)
		return;
	map_foreach (t->copies, c, next) {
		HASH_DEL(t->copies, c);
		mem_free(c);
	}
	event_free(t->timer);
	txmap_free(t->map);
	mem_free(t);
}
