/* SPDX-License-Identifier: Apache-2.0 */
/* marks: an array, since it is short; looked through from its end, where the newest are. */
#include "marks.h"

#include "log.h"
#include "mem.h"

struct one {
	int kind;
	int64_t off;
	bool coming;
};

struct marks {
	struct metadb *db;
	struct one *v; /* owned */
	size_t n, cap;
};

static struct one *find(const struct marks *m, int kind, int64_t off)
{
	for (size_t i = m->n; i-- > 0;)
		if (m->v[i].off == off && m->v[i].kind == kind)
			return &m->v[i];
	return NULL;
}

static void put(struct marks *m, int kind, int64_t off, bool coming)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 16;
		m->v = mem_grow(m->v, m->cap * sizeof(*m->v));
	}
	m->v[m->n++] = (struct one){ kind, off, coming };
}

static void take_out(struct marks *m, struct one *o)
{
	*o = m->v[--m->n];
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
	if (m->n >= MARKS_MAX)
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
	struct job *j;
	size_t before = m ? m->n : 0;

	for (size_t i = before; i-- > 0;)
		if (m->v[i].kind == kind && m->v[i].off < off && !m->v[i].coming)
			take_out(m, &m->v[i]);
	if (!m || m->n == before)
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
	if (!m)
		return;
	mem_free(m->v);
	mem_free(m);
}
