/* SPDX-License-Identifier: Apache-2.0 */
/* task, journal: every item accounted for, whatever the target does, and told again after a kill. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "migrate.h"
#include "migrate/journal.h"
#include "migrate/task.h"

/* A target in memory: refuses what it is told to, answers late, remembers the order. */
struct fake {
	struct target base;
	const char *refuse; /* wire name or namespace */
	int refuse_code;
	int silent_after; /* requests; -1: never */
	int n;
	char order[64]; /* kinds as they came: n t g */
	struct waiting {
		size_t item;
		target_done done;
		void *arg;
		struct err err;
	} queue[64];
	int n_queue;
};

static int fake_submit(struct target *t, const struct plan_item *it, size_t item,
	target_done done, void *arg, struct err *e)
{
	struct fake *f = container_of(t, struct fake, base);
	struct waiting *w = &f->queue[f->n_queue++];
	const char *name = it->kind == OBJ_NAMESPACE ? it->ns : it->name;

	(void)e;
	cr_assert(le(int, f->n_queue, t->window));
	if (f->n < 63)
		f->order[f->n] = object_kind_names[it->kind][0];
	*w = (struct waiting){ item, done, arg, ERR_INIT };
	if (f->refuse && !strcmp(name, f->refuse))
		err_set(&w->err, f->refuse_code, "refused %s", name);
	if (f->silent_after >= 0 && f->n >= f->silent_after)
		err_set(&w->err, TQ_EUNREACHABLE, "gone");
	f->n++;
	return 0;
}

static void fake_run(struct target *t, int wait_ms)
{
	struct fake *f = container_of(t, struct fake, base);
	struct waiting w = f->queue[0];

	(void)wait_ms;
	memmove(f->queue, f->queue + 1, (size_t)--f->n_queue * sizeof(w));
	w.done(w.arg, w.item, &w.err);
}

static struct fake fake_new(void)
{
	return (struct fake){ .base = { "fake", "a fake", fake_submit, fake_run, 4 },
		.silent_after = -1 };
}

static const char tables[] =
	"{\"topicConfigTable\":{\"shop%orders\":{},\"audit\":{},\"TBW102\":{},\"x\":{}},"
	"\"subscriptionGroupTable\":{\"shop%pay-svc\":{},\"reader\":{}}}";

struct made {
	struct inventory inv;
	struct plan p;
	struct task t;
};

static void make(struct made *m, const char *text)
{
	struct plan_opts o = { 0 };

	cr_assert(zero(int, test_inventory(&m->inv, text, NULL)));
	plan_init(&m->p);
	cr_assert(zero(int, plan_build(&m->p, &m->inv, &o, NULL, NULL)));
	task_init(&m->t);
	m->t.name = "a task";
	m->t.mode = "cluster";
	m->t.source = "m.json";
	m->t.target = "a fake";
	task_from_plan(&m->t, &m->p);
}

static void release(struct made *m)
{
	task_release(&m->t);
	plan_release(&m->p);
	inventory_release(&m->inv);
}

static const struct task_item *item(const struct task *t, const char *source)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->items[i].source, source))
			return &t->items[i];
	cr_fatal("'%s' is not in the task", source);
}

Test(task, makes_namespaces_before_what_is_in_them)
{
	struct fake f = fake_new();
	struct made m;

	make(&m, tables);
	cr_assert(zero(int, task_run(&m.t, &m.p, &f.base, NULL, NULL, NULL)));
	cr_expect(zero(int, strcmp(f.order, "nttgg")));
	cr_expect(eq(int, m.t.counts[OBJ_TOPIC][ITEM_CREATED], 2));
	cr_expect(eq(int, m.t.counts[OBJ_GROUP][ITEM_CREATED], 2));
	cr_expect(eq(int, (int)item(&m.t, "TBW102")->state, ITEM_SKIPPED));
	cr_expect(eq(int, (int)item(&m.t, "x")->reason, REASON_INVALID_NAME));
	cr_expect(eq(int, (int)m.t.state, TASK_SOME_FAILED)); /* "x" */
	release(&m);
}

Test(task, ends_as_its_items_did)
{
	static const struct {
		const char *why, *text, *refuse;
		int code;
		enum task_state state;
		enum reason reason; /* of topic "orders" */
	} cases[] = {
		{ "all made", "{\"topicConfigTable\":{\"orders\":{},\"audit\":{}}}", NULL, 0,
			TASK_SUCCEEDED, REASON_NONE },
		{ "there already", "{\"topicConfigTable\":{\"orders\":{}}}", "orders",
			TQ_EEXIST, TASK_SUCCEEDED, REASON_ALREADY_EXISTS },
		{ "one of two", "{\"topicConfigTable\":{\"orders\":{},\"audit\":{}}}", "orders",
			TQ_ELIMIT, TASK_SOME_FAILED, REASON_QUOTA_EXCEEDED },
		{ "all of one", "{\"topicConfigTable\":{\"orders\":{}}}", "orders", TQ_EDENIED,
			TASK_ALL_FAILED, REASON_PERMISSION_DENIED },
		{ "server's own text", "{\"topicConfigTable\":{\"orders\":{}}}", "orders",
			TQ_EFAIL, TASK_ALL_FAILED, REASON_FAILED },
		{ "nothing to do", "{\"topicConfigTable\":{}}", NULL, 0, TASK_SUCCEEDED, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fake f = fake_new();
		struct made m;

		f.refuse = cases[i].refuse;
		f.refuse_code = cases[i].code;
		make(&m, cases[i].text);
		cr_assert(zero(int, task_run(&m.t, &m.p, &f.base, NULL, NULL, NULL)));
		cr_expect(eq(int, (int)m.t.state, (int)cases[i].state), "%s", cases[i].why);
		if (m.p.n)
			cr_expect(eq(int, (int)item(&m.t, "orders")->reason,
					  (int)cases[i].reason),
				"%s", cases[i].why);
		release(&m);
	}
}

Test(task, does_not_try_what_lacks_its_namespace)
{
	struct fake f = fake_new();
	struct made m;

	f.refuse = "shop";
	f.refuse_code = TQ_ELIMIT;
	make(&m, tables);
	cr_assert(zero(int, task_run(&m.t, &m.p, &f.base, NULL, NULL, NULL)));
	cr_expect(zero(int, strcmp(f.order, "ntg")));
	cr_expect(eq(int, (int)item(&m.t, "shop%orders")->reason, REASON_NO_NAMESPACE));
	cr_expect(eq(int, (int)item(&m.t, "audit")->state, ITEM_CREATED));
	release(&m);
}

/* A table of `n` topics t-000 ... */
static void many(struct buf *b, int n)
{
	buf_init(b, 1 << 20);
	buf_puts(b, "{\"topicConfigTable\":{");
	for (int i = 0; i < n; i++)
		buf_addf(b, "%s\"t-%03d\":{}", i ? "," : "", i);
	buf_puts(b, "}}");
}

Test(task, gives_up_on_a_target_that_stopped_answering)
{
	struct fake f = fake_new();
	struct made m;
	struct buf b;

	many(&b, 300);
	f.silent_after = 50;
	make(&m, b.p);
	cr_assert(zero(int, task_run(&m.t, &m.p, &f.base, NULL, NULL, NULL)));
	cr_expect(eq(int, m.t.counts[OBJ_TOPIC][ITEM_CREATED], 50));
	cr_expect(eq(int, m.t.counts[OBJ_TOPIC][ITEM_FAILED], 250));
	cr_expect(lt(int, f.n, 80));
	cr_expect(eq(int, (int)item(&m.t, "t-299")->reason, REASON_TARGET_UNAVAILABLE));
	release(&m);
	buf_release(&b);
}

static bool stop_at_20(void *arg)
{
	return ((struct fake *)arg)->n >= 20;
}

Test(task, stops_when_asked_and_says_where)
{
	struct fake f = fake_new();
	struct task_hooks hooks = { .stop = stop_at_20, .arg = &f };
	struct err e = ERR_INIT;
	struct made m;
	struct buf b;

	many(&b, 100);
	make(&m, b.p);
	cr_expect(eq(int, task_run(&m.t, &m.p, &f.base, NULL, &hooks, &e), TQ_EINTERRUPTED));
	cr_expect(strstr(e.msg, "20 of 100") != NULL, "%s", e.msg);
	cr_expect(eq(int, (int)m.t.state, TASK_CANCELLED));
	cr_expect(eq(int, m.t.counts[OBJ_TOPIC][ITEM_CREATED], 20));
	cr_expect(eq(int, m.t.counts[OBJ_TOPIC][ITEM_PENDING], 80));
	release(&m);
	buf_release(&b);
}

static void same(const struct task *a, const struct task *b)
{
	cr_assert(eq(sz, a->n, b->n));
	cr_expect(eq(int, (int)a->state, (int)b->state));
	cr_expect(zero(int, strcmp(a->name, b->name)));
	cr_expect(eq(i64, a->finished_ms, b->finished_ms));
	for (size_t i = 0; i < a->n; i++) {
		const struct task_item *x = &a->items[i], *y = &b->items[i];

		cr_expect(zero(int, strcmp(x->source, y->source)));
		cr_expect(eq(int, (int)x->state, (int)y->state), "%s", x->source);
		cr_expect(eq(int, (int)x->reason, (int)y->reason), "%s", x->source);
		cr_expect(eq(u64, x->warnings, y->warnings), "%s", x->source);
		cr_expect(zero(int, strcmp(x->detail, y->detail)));
		cr_expect(eq(int, x->ns != NULL, y->ns != NULL));
		cr_expect(eq(i64, x->at_ms, y->at_ms));
	}
	cr_expect(zero(int, memcmp(a->counts, b->counts, sizeof(a->counts))));
}

Test(journal, tells_a_task_as_it_was)
{
	char *dir = test_dir(), *tasks = mem_fmt("%s/state/tasks", dir);
	struct fake f = fake_new();
	struct task back, *list;
	struct journal j;
	struct err e = ERR_INIT;
	struct arena mem;
	struct made m;
	struct buf b;
	size_t n;

	arena_init(&mem);
	many(&b, 300);
	journal_dir(&j, tasks);
	cr_assert(zero(int, j.ops->list(&j, &mem, &list, &n, &e)), "%s", e.msg);
	cr_expect(eq(sz, n, 0)); /* no directory yet: no tasks */
	mem_free(list);
	for (int64_t id = 1; id <= 2; id++) {
		make(&m, id == 1 ? tables : b.p);
		journal_dir(&j, tasks);
		cr_assert(zero(int, task_run(&m.t, &m.p, &f.base, &j, NULL, &e)), "%s", e.msg);
		cr_expect(eq(i64, m.t.id, id));
		journal_release(&j);
		task_init(&back);
		cr_assert(zero(int, j.ops->load(&j, id, &back, &e)), "%s", e.msg);
		same(&m.t, &back);
		task_release(&back);
		release(&m);
	}
	cr_assert(zero(int, j.ops->list(&j, &mem, &list, &n, &e)));
	cr_assert(eq(sz, n, 2));
	cr_expect(eq(int, list[1].counts[OBJ_TOPIC][ITEM_CREATED], 300));
	cr_expect(eq(int, (int)list[0].state, TASK_SOME_FAILED));
	mem_free(list);
	task_init(&back);
	cr_expect(eq(int, j.ops->load(&j, 99, &back, &e), TQ_ENOTFOUND));
	task_release(&back);
	buf_release(&b);
	arena_release(&mem);
	mem_free(tasks);
	test_dir_remove(dir);
}

/* A file cut anywhere behind its first line tells an earlier moment of the same task. */
Test(journal, survives_a_cut_at_each_byte)
{
	char *dir = test_dir(), *path = mem_fmt("%s/1.ndjson", dir);
	struct fake f = fake_new();
	struct journal j;
	struct made m;
	struct buf b;
	size_t first;

	make(&m, tables);
	journal_dir(&j, dir);
	cr_assert(zero(int, task_run(&m.t, &m.p, &f.base, &j, NULL, NULL)));
	journal_release(&j);
	buf_init(&b, 1 << 20);
	cr_assert(zero(int, fsio_read_file(path, 1 << 20, &b, NULL)));
	first = (size_t)((char *)memchr(b.p, '\n', b.n) - b.p) + 1;
	for (size_t n = b.n; n-- > 0;) {
		struct task back;

		cr_assert(zero(int, truncate(path, (off_t)n)));
		task_init(&back);
		if (n < first) {
			cr_expect(eq(int, j.ops->load(&j, 1, &back, NULL), TQ_EFORMAT));
		} else {
			cr_expect(zero(int, j.ops->load(&j, 1, &back, NULL)));
			cr_expect(eq(sz, back.n, m.t.n));
			cr_expect(eq(int, (int)back.state, TASK_RUNNING));
		}
		task_release(&back);
	}
	buf_release(&b);
	release(&m);
	mem_free(path);
	test_dir_remove(dir);
}
