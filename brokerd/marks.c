/* SPDX-License-Identifier: Apache-2.0 */
/* marks: a table, since every delayed message and every row of a list asks. */
#include "marks.h"

#include "log.h"
#include "map.h"
#include "mem.h"

struct key {
	int64_t kind, off; /* of one width: no bytes between them */
};

struct one {
	struct key key;
	bool coming;
	UT_hash_handle hh;
};

struct marks {
	struct metadb *db;
	struct one *map; /* owned */
};

static struct one *find(const struct marks *m, int kind, int64_t off)
{
	const struct key key = { kind, off };
	struct one *o;

	HASH_FIND(hh, m->map, &key, sizeof(key), o);
	return o;
}

static void put(struct marks *m, int kind, int64_t off, bool coming)
{
	struct one *o = mem_alloc(sizeof(*o));

	o->key = (struct key){ kind, off };
	o->coming = coming;
	HASH_ADD(hh, m->map, key, sizeof(o->key), o);
}

static void take_out(struct marks *m, struct one *o)
{
	HASH_DEL(m->map, o);
	mem_free(o);
}

enum mark marks_has(const struct marks *m, int kind, int64_t off)
{
	const struct one *o = m ? find(m, kind, off) : NULL;

	if (!o)
		return MARK_NONE;
	return o->coming ? MARK_COMING : MARK_SET;
}

struct job {
	struct marks *m;
	int kind;
	int64_t off;
	meta_done done;
	void *arg;
};

static int write_mark(struct meta *m, void *arg, struct err *e)
{
	const struct job *j = arg;

	return meta_exec(m, STMT_MARK_ADD, e, "di", j->kind, j->off);
}

static void written(void *arg, int rc, const struct err *e)
{
	struct job *j = arg;
	struct one *o = find(j->m, j->kind, j->off);

	if (o && rc)
		take_out(j->m, o);
	else if (o)
		o->coming = false;
	j->done(j->arg, rc, e);
	mem_free(j);
}

int marks_add(struct marks *m, int kind, int64_t off, meta_done done, void *arg, struct err *e)
{
	struct job *j;

	if (find(m, kind, off))
		return err_set(e, TQ_EEXIST, "that was done already");
	if (HASH_COUNT(m->map) >= MARKS_MAX)
		return err_set(e, TQ_ELIMIT, "no more than %d at the same time", MARKS_MAX);
	put(m, kind, off, true);
	j = mem_alloc(sizeof(*j));
	*j = (struct job){ m, kind, off, done, arg };
	metadb_submit(m->db, write_mark, written, j);
	return 0;
}

static int drop_marks(struct meta *m, void *arg, struct err *e)
{
	const struct job *j = arg;

	return meta_exec(m, STMT_MARKS_DROP, e, "di", j->kind, j->off);
}

static void dropped(void *arg, int rc, const struct err *e)
{
	if (rc)
		log_every(60, LOG_WARN_, "marks", "old ones stay: %s", e->msg);
	mem_free(arg);
}

void marks_drop(struct marks *m, int kind, int64_t off)
{
	struct one *o, *next;
	struct job *j;
	unsigned before;

	if (!m)
		return;
	before = HASH_COUNT(m->map);
	map_foreach (m->map, o, next)
		if (o->key.kind == kind && o->key.off < off && !o->coming)
			take_out(m, o);
	if (HASH_COUNT(m->map) == before)
		return;
	j = mem_alloc(sizeof(*j));
	*j = (struct job){ .m = m, .kind = kind, .off = off };
	metadb_submit(m->db, drop_marks, dropped, j);
}

static int take_mark(void *arg, struct meta *m, struct err *e UNUSED)
{
	put(arg, (int)meta_col_int(m, 0), meta_col_int(m, 1), false);
	return 0;
}

static int load(struct meta *m, void *arg, struct err *e)
{
	return meta_each(m, STMT_MARKS, take_mark, arg, e, "");
}

int marks_open(struct metadb *db, struct marks **out, struct err *e)
{
	struct marks *m = mem_alloc(sizeof(*m));
	int rc;

	m->db = db;
	rc = metadb_run(db, load, m, e);
	if (rc) {
		marks_free(m);
		return err_wrap(e, "loading marks");
	}
	*out = m;
	return 0;
}

void marks_free(struct marks *m)
{
	struct one *o, *next;

	if (!m)
		return;
	map_foreach (m->map, o, next)
		take_out(m, o);
	mem_free(m);
}
