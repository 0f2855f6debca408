/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_verify: one pass over the log, record by record, and with each record its unit and its
 * index entries, which stand in the same order. What is left over on either side is a finding.
 *
 *	log:	magic, lengths, own offset, CRC; files adjacent, full ones with their end mark
 *	queues:	the unit of a record points at it; offsets without gaps; no unit without a record
 *	index:	each key of each record has its entry, the chains and slots agree
 *	tables:	config/ *.json can be read
 *
 * What a start of brokerd mends without loss is "mended"; what lost messages, or hides them, is
 * "damaged". Damage at the end of a store whose broker was killed is a torn tail: nothing of it was
 * ever acknowledged as durable; anywhere else it is rot.
 */
#include "store_offline.h"

#include "apache.h"
#include "names.h"
#include "progress.h"
#include "props.h"
#include "storeindex.h"
#include "storelog.h"
#include "storequeue.h"
#include "view.h"

#define TIMER "rmq_sys_timer"
#define PLACEHOLDER STR("DAMAGED")
#define EXTENSION_MAX -2147483649LL /* tags codes up to here are places in consumequeue_ext */
#define SHOW_EVERY 4096 /* records */
#define AT_START "start brokerd: it writes what the kill left out"

static const struct col finding_cols[] = {
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "what", "what" },
	{ "where", "where" },
	{ "offset", "offset", COL_NUMBER },
	{ "count", "count", COL_NUMBER },
	{ "bytes", "bytes", COL_NUMBER, COL_WIDE },
	{ "detail", "detail" },
	{ "plan", "plan" },
	COL_END,
};
static const struct col finding_cols_short[] = {
	{ "state", "state", COL_TEXT, COL_STATE },
	{ "what", "what" },
	{ "where", "where" },
	{ "offset", "offset", COL_NUMBER },
	{ "count", "count", COL_NUMBER },
	{ "bytes", "bytes", COL_NUMBER, COL_WIDE },
	{ "detail", "detail" },
	COL_END,
};
const struct view view_store_finding_plan = { "StoreRepair", "what", finding_cols };
const struct view view_store_finding = { "StoreFinding", "what", finding_cols_short };

enum state { OK, NOTE, MENDED, DAMAGED };
static const char *const state_names[] = { "ok", "note", "mended", "damaged" };

struct finding {
	enum state state;
	const char *what, *where;
	int64_t offset, count, bytes; /* -1: does not apply */
	const char *detail, *plan;
};

struct verify {
	struct ctx *cx;
	const char *dir;
	bool aborted, plan;
	struct storelog log;
	struct storequeues queues;
	struct storeindex index;
	int64_t records, placeholders, dead, half, oldest_ms, newest_ms;
	int64_t damaged, mended; /* findings */
	int64_t last_keyed; /* offset of the last record with keys */
};

static int put(struct verify *v, const struct finding *f)
{
	cJSON *o = cJSON_CreateObject();
	int rc;

	v->damaged += f->state == DAMAGED;
	v->mended += f->state == MENDED;
	view_add_text(o, "state", state_names[f->state]);
	view_add_text(o, "what", f->what);
	view_add_text(o, "where", f->where);
	view_add_int(o, "offset", f->offset, f->offset >= 0);
	view_add_int(o, "count", f->count, f->count >= 0);
	view_add_int(o, "bytes", f->bytes, f->bytes >= 0);
	view_add_text(o, "detail", f->detail);
	if (v->plan)
		view_add_text(o, "plan", f->plan);
	rc = out_row(v->cx->out, o, &v->cx->err);
	cJSON_Delete(o);
	return rc;
}

/* ---- the log ---- */

static const char *where_of(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : "commitlog";
}

static int put_log_finding(struct verify *v, const struct storelog_item *it)
{
	struct finding f = { DAMAGED, "rot", where_of(it->path), it->off, -1, it->bytes,
		it->why,
		"start brokerd: it sets the bytes aside in quarantine/ and serves the rest; "
		"Apache's broker would lose all that follows" };

	switch (it->kind) {
	case STORELOG_TORN:
		f.what = v->aborted ? "torn-tail" : "rot";
		f.state = v->aborted ? MENDED : DAMAGED;
		if (v->aborted) {
			f.detail = "written when the broker was killed, never finished";
			f.plan = "start a broker: it cuts the tail";
		} else {
			f.plan =
				"the log was closed cleanly and ended behind this: restore the "
				"file from a copy, or start brokerd without it";
		}
		break;
	case STORELOG_HOLE:
		f.what = "missing-file";
		f.plan = "put the files back; Apache's broker hangs at its start without them";
		break;
	case STORELOG_UNMARKED:
		f.what = it->bytes ? "rot" : "no-end-mark";
		break;
	case STORELOG_DAMAGE:
	case STORELOG_RECORD:
		break;
	}
	return put(v, &f);
}

static bool tags_agree(const struct message *m, int64_t tags)
{
	if (tags <= EXTENSION_MAX || str_is(m->topic, NAMES_SCHEDULE) ||
		str_is(m->topic, TIMER))
		return true; /* a place in the extension file, a time */
	return tags == message_tags_code(props_get(m->properties, PROP_TAGS));
}

static void compare_unit(struct verify *v, const struct message *m)
{
	struct storequeue *q;
	struct storequeue_unit u;

	if (m->phys_off < storequeues_deleted(&v->queues, m->topic)) {
		v->dead++;
		return;
	}
	q = storequeues_get(&v->queues, m->topic, m->queue_id);
	if (!storequeue_unit(&v->queues, q, m->queue_off, &u)) {
		if (!q->missing++)
			q->missing_at = m->queue_off;
	} else if (u.phys != m->phys_off || u.size != m->size || !tags_agree(m, u.tags)) {
		if (!q->wrong++)
			q->wrong_at = m->queue_off;
	} else {
		q->seen++;
	}
}

static void take_record(struct verify *v, const struct message *m)
{
	int tx = m->sysflag & SYSFLAG_TX_MASK;

	v->records++;
	if (!v->oldest_ms)
		v->oldest_ms = m->store_ms;
	v->newest_ms = m->store_ms;
	if (tx == SYSFLAG_TX_ROLLBACK && m->topic.n && str_starts(PLACEHOLDER, m->topic))
		v->placeholders++;
	else if (tx != SYSFLAG_TX_PREPARED && tx != SYSFLAG_TX_ROLLBACK && m->queue_id >= 0 &&
		 m->queue_off >= 0)
		compare_unit(v, m);
	if (props_get(m->properties, PROP_UNIQ_KEY).n || props_get(m->properties, PROP_KEYS).n)
		v->last_keyed = m->phys_off;
	storeindex_record(&v->index, m);
}

static int read_log(struct verify *v)
{
	struct progress p = progress_start(v->cx, "store-verify");
	int64_t min = storelog_min(&v->log), all = storelog_bytes(&v->log);
	struct err *e = &v->cx->err;
	struct storelog_item it;
	int rc = 0;

	while (!rc && storelog_next(&v->log, &it, e)) {
		if (it.kind == STORELOG_RECORD)
			take_record(v, &it.m);
		else
			rc = put_log_finding(v, &it);
		if (v->records % SHOW_EVERY)
			continue;
		progress_show(&p, (size_t)(v->log.at - min), (size_t)all, 0);
		if (stop_asked())
			rc = err_set(e, TQ_EINTERRUPTED, "stopped at offset %lld",
				(long long)v->log.at);
	}
	progress_end(&p);
	return rc ? rc : e->code;
}

/* ---- what is left ---- */

static int put_strangers(struct verify *v)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < v->log.n_strangers; i++) {
		struct finding f = { NOTE, "stranger", v->log.strangers[i], -1, -1, -1,
			"Apache's broker does not start with it", "move it away" };

		rc = put(v, &f);
	}
	return rc;
}

static int put_queue(struct verify *v, struct storequeue *q)
{
	int64_t min = storelog_min(&v->log);
	int64_t from = storequeue_from(&v->queues, q, MAX(min, (int64_t)1));
	int64_t known, rest;
	struct storequeue_unit u;
	struct finding f = {
		MENDED, "queue", q->id, -1, -1, -1, NULL,
		"stop cleanly, remove consumequeue/ and start brokerd: queues are made from the log"
	};
	const char *plan = f.plan;
	int rc = 0;

	/* The record at offset 0 is as good as filler to the search. */
	if (!min && from > q->first && storequeue_unit(&v->queues, q, from - 1, &u) &&
		!u.phys && u.size != INT32_MAX)
		from--;
	known = q->seen + q->wrong;
	rest = q->max - from - known;
	if (q->wrong) {
		f.offset = q->wrong_at;
		f.count = q->wrong;
		f.detail = "units that point elsewhere than their records say";
		f.state = DAMAGED;
		rc = put(v, &f);
	}
	if (!rc && q->missing) {
		bool behind = q->missing_at >= q->max;

		f.offset = q->missing_at;
		f.count = q->missing;
		f.state = behind && v->aborted ? MENDED : DAMAGED;
		f.detail = behind ? "records behind the end of their queue"
				  : "records whose units are missing";
		f.plan = f.state == MENDED ? AT_START : plan;
		rc = put(v, &f);
	}
	if (!rc && rest > 0) {
		f.offset = -1;
		f.count = rest;
		f.state = v->placeholders || v->damaged ? NOTE : MENDED;
		f.detail = "units without a sound record";
		f.plan = "reads pass over them";
		rc = put(v, &f);
	}
	if (!rc && q->odd) {
		f.state = NOTE;
		f.offset = f.count = -1;
		f.detail = "files that are not adjacent, of unequal length, or strangers";
		rc = put(v, &f);
	}
	return rc;
}

static int put_queues(struct verify *v)
{
	struct storequeue **all = storequeues_sorted(&v->queues);
	int rc = 0;

	for (size_t i = 0; !rc && i < v->queues.n; i++)
		rc = put_queue(v, all[i]);
	mem_free(all);
	return rc;
}

static int put_index(struct verify *v)
{
	struct storeindex *ix = &v->index;
	struct finding f = { MENDED, "index", STORE_INDEX_DIR, -1, -1, -1, NULL,
		v->aborted ? AT_START
			   : "stop cleanly, remove index/ and start brokerd: it is made from "
			     "the log" };
	int rc = 0;

	storeindex_finish(ix, storelog_min(&v->log));
	for (size_t i = 0; !rc && i < ix->n; i++) {
		f.where = ix->files[i].path;
		f.detail = ix->files[i].bad;
		if (f.detail)
			rc = put(v, &f);
		else if (!ix->files[i].slots) {
			f.state = NOTE;
			f.detail = "of unusual sizes: not compared";
			rc = put(v, &f);
			f.state = MENDED;
		}
	}
	f.where = STORE_INDEX_DIR;
	if (!rc && ix->missing) {
		f.offset = ix->missing_at;
		f.count = ix->missing;
		f.detail = "keys of records without an entry";
		rc = put(v, &f);
	}
	if (!rc && ix->chains) {
		f.offset = -1;
		f.count = ix->chains;
		f.detail = "chains that do not lead where they should";
		rc = put(v, &f);
	}
	if (!rc && ix->extra) {
		f.state = NOTE;
		f.count = ix->extra;
		f.detail = "entries without a sound record, or entered twice";
		rc = put(v, &f);
	}
	if (!rc && ix->n && v->last_keyed > storeindex_end(ix)) {
		f.state = NOTE;
		f.offset = storeindex_end(ix);
		f.count = -1;
		f.detail = "behind the log: records after this have no entry yet";
		f.plan = "start a broker: it goes on from there";
		rc = put(v, &f);
	}
	return rc;
}

static int put_tables(struct verify *v)
{
	struct apache_config c;
	struct err e = ERR_INIT;
	int rc = 0;

	apache_init(&c);
	if (apache_load(&c, v->dir, &e)) {
		struct finding f = {
			DAMAGED, "table", "config", -1, -1, -1, e.msg,
			"restore the file: Apache's broker does not start, and empties the offsets"
		};

		rc = put(v, &f);
	} else if (c.refused) {
		struct finding f = { NOTE, "table", "config", -1, (int64_t)c.refused, -1, c.why,
			"entries that are passed over" };

		rc = put(v, &f);
	}
	apache_release(&c);
	return rc;
}

static int put_summary(struct verify *v)
{
	struct finding f = { OK, "records", STORE_LOG_DIR, v->log.at, v->records,
		v->log.at - storelog_min(&v->log), "sound, up to this offset", NULL };
	int64_t units = 0;
	struct storequeue *q, *next;
	int rc = put(v, &f);

	map_foreach (v->queues.map, q, next)
		units += q->seen;
	f = (struct finding){ OK, "units", STORE_QUEUE_DIR, -1, units, -1,
		"point at their records", NULL };
	if (!rc)
		rc = put(v, &f);
	f = (struct finding){ OK, "entries", STORE_INDEX_DIR, -1, v->index.matched, -1,
		"lead from a key to its record", NULL };
	if (!rc && v->index.n)
		rc = put(v, &f);
	if (!rc && v->placeholders) {
		f = (struct finding){ NOTE, "placeholders", STORE_LOG_DIR, -1, v->placeholders,
			-1, "stand for damage that was set aside in quarantine/", NULL };
		rc = put(v, &f);
	}
	if (!rc && v->dead) {
		f = (struct finding){ NOTE, "deleted", STORE_LOG_DIR, -1, v->dead, -1,
			"records of topics that were deleted",
			"retention removes them in time" };
		rc = put(v, &f);
	}
	return rc;
}

static int verdict(struct verify *v)
{
	struct err *e = &v->cx->err;

	if (v->damaged) {
		err_set(e, TQ_EDIFFERS, "'%s' is damaged: %lld finding(s)", v->dir,
			(long long)v->damaged);
		return v->plan ? TQ_EDIFFERS
			       : err_hint(e, "--repair-plan says what to do about each");
	}
	ctx_done(v->cx, "store '%s' is sound: %lld records%s", v->dir, (long long)v->records,
		!v->mended   ? ""
		: v->aborted ? "; the next start mends what is listed"
			     : "; --repair-plan says how what is listed is mended");
	return 0;
}

int store_verify(struct ctx *cx, const char *dir, bool plan)
{
	struct verify v = { .cx = cx, .dir = dir, .plan = plan, .last_keyed = -1 };
	struct err *e = &cx->err;
	int rc;

	v.aborted = store_aborted(dir);
	stop_watch();
	(void)((rc = storelog_open(&v.log, dir, e)) ||
		(rc = storequeues_open(&v.queues, dir, e)) ||
		(rc = storeindex_open(&v.index, dir, e)));
	if (!rc)
		rc = store_is_there(dir, e);
	if (!rc && store_in_use(dir))
		ctx_warn(cx,
			"a broker runs on '%s': what it writes meanwhile may show as damage",
			dir);
	(void)(rc ||
		(rc = out_begin(
			 cx->out, plan ? &view_store_finding_plan : &view_store_finding, e)) ||
		(rc = read_log(&v)) || (rc = put_strangers(&v)) || (rc = put_queues(&v)) ||
		(rc = put_index(&v)) || (rc = put_tables(&v)) || (rc = put_summary(&v)) ||
		(rc = out_end(cx->out, NULL, e)) || (rc = verdict(&v)));
	storeindex_close(&v.index);
	storequeues_close(&v.queues);
	storelog_close(&v.log);
	return rc;
}
