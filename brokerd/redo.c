/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redo: the offset only moves forward, and is written when that saves reading some megabytes. It
 * may always be too low: what is found there is noted already, and noting it again changes
 * nothing. Records that clients sent have no prepared offset, so none of them is taken for a copy.
 * An offset of 0 is none, too, or that of the first record of the log: then the copy has its
 * properties.
 */
#include "brokerd/redo.h"

#include "brokerd/parked.h"
#include "brokerd/timed.h"
#include "brokerd/tx.h"
#include "log.h"
#include "mem.h"
#include "props.h"

#define KEY (SCHEDULE_LEVELS + 1) /* in `delays`: the levels are 1 to SCHEDULE_LEVELS */
#define WRITE_BYTES (4 << 20)
#define READ_MAX (256LL << 20) /* who has more to read was elsewhere meanwhile: with Apache */

struct fired {
	int64_t due, seq;
};

struct redo {
	struct store *store;
	struct metadb *db;
	int64_t from; /* in metadb, or on its way; -1: never */
	int64_t levels[SCHEDULE_LEVELS];
	struct fired *timers; /* owned, as the other array */
	int64_t *ended;
	size_t n_timers, n_ended, timers_cap, ended_cap;
};

static bool room(size_t n, size_t *cap)
{
	if (n < *cap)
		return false;
	*cap = *cap ? 2 * *cap : 64;
	return true;
}

static void add_timer(struct redo *r, int64_t due, int64_t seq)
{
	if (room(r->n_timers, &r->timers_cap))
		r->timers = mem_grow(r->timers, r->timers_cap * sizeof(*r->timers));
	r->timers[r->n_timers++] = (struct fired){ due, seq };
}

static void add_ended(struct redo *r, int64_t off)
{
	if (room(r->n_ended, &r->ended_cap))
		r->ended = mem_grow(r->ended, r->ended_cap * sizeof(*r->ended));
	r->ended[r->n_ended++] = off;
}

/* m was made of `of`. */
static void note(struct redo *r, const struct message *m, const struct message *of)
{
	int64_t seq;

	if (str_is(of->topic, TX_HALF_TOPIC)) {
		add_ended(r, of->queue_off);
	} else if (str_is(of->topic, TIMED_TOPIC)) {
		if (!str_is(m->topic, TIMED_TOPIC) && timed_seq(of, &seq))
			add_timer(r, timed_tags_code(of), seq);
	} else if (str_is(of->topic, SCHEDULE_TOPIC) && !str_is(m->topic, SCHEDULE_TOPIC) &&
		   of->queue_id >= 0 && of->queue_id < SCHEDULE_LEVELS) {
		r->levels[of->queue_id] = MAX(r->levels[of->queue_id], of->queue_off + 1);
	}
}

static bool look(void *arg, const struct message *m)
{
	struct redo *r = arg;
	struct store_slice slice;
	struct message of;

	if (m->prepared_off < 0 || m->prepared_off >= m->phys_off ||
		(!m->prepared_off && !props_get(m->properties, PROP_REAL_TOPIC).n) ||
		store_get(r->store, m->prepared_off, &slice, NULL))
		return true;
	if (!parked_decode(slice.bytes, &of, NULL) &&
		(m->prepared_off ||
			(str_eq(m->properties, of.properties) && m->born_ms == of.born_ms)))
		note(r, m, &of);
	store_slice_unref(slice.segment);
	return true;
}

/* ---- metadb ---- */

static int take_from(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct redo *r = arg;

	if (meta_col_int(m, 0) == KEY)
		r->from = meta_col_int(m, 1);
	return 0;
}

static int load(struct meta *m, void *arg, struct err *e)
{
	return meta_each(m, STMT_DELAYS, take_from, arg, e, "");
}

static int forget_timers(struct meta *m, void *arg, struct err *e)
{
	const struct redo *r = arg;
	int rc = 0;

	for (size_t i = 0; !rc && i < r->n_timers; i++)
		rc = meta_exec(
			m, STMT_TIMER_DELETE, e, "ii", r->timers[i].due, r->timers[i].seq);
	return rc;
}

struct save {
	struct redo *r;
	int64_t from;
};

static int write_from(struct meta *m, void *arg, struct err *e)
{
	const struct save *s = arg;

	return meta_exec(m, STMT_DELAY_PUT, e, "di", KEY, s->from);
}

static void from_written(void *arg, int rc, const struct err *e)
{
	struct save *s = arg;

	if (rc) {
		log_every(10, LOG_ERROR_, "redo", "progress not stored: %s", e->msg);
		s->r->from = -1; /* the next flush tries again */
	}
	mem_free(s);
}

void redo_flush(struct redo *r, int64_t safe)
{
	struct save *s;

	if (safe == INT64_MAX || (r->from >= 0 && safe - r->from < WRITE_BYTES))
		return;
	s = mem_alloc(sizeof(*s));
	*s = (struct save){ r, safe };
	r->from = safe;
	metadb_submit(r->db, write_from, from_written, s);
}

/* ---- life ---- */

const int64_t *redo_levels(const struct redo *r)
{
	return r->levels;
}

const int64_t *redo_ended(const struct redo *r, size_t *n)
{
	*n = r->n_ended;
	return r->ended;
}

int redo_open(struct store *s, struct metadb *db, struct redo **out, struct err *e)
{
	struct redo *r = mem_alloc(sizeof(*r));
	int rc;

	r->store = s;
	r->db = db;
	r->from = -1;
	rc = metadb_run(db, load, r, e);
	if (!rc) {
		store_walk(s, MAX(r->from, store_appended(s) - READ_MAX), look, r);
		if (r->n_timers)
			rc = metadb_run(db, forget_timers, r, e);
	}
	if (rc) {
		redo_free(r);
		return err_wrap(e, "looking for what a crash left half done");
	}
	*out = r;
	return 0;
}

void redo_free(struct redo *r)
{
	if (!r)
		return;
	mem_free(r->timers);
	mem_free(r->ended);
	mem_free(r);
}
