/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate: kill -9 a migration before each request it sends and before each answer it takes in, go
 * on from the journal, and compare: everything is there once, and the report says that this task
 * made it.
 *
 *	build/fault-migrate build/brokerd DIR KILLS [SEED]
 *
 * Small tasks are killed at every moment there is, with one request in flight and with many; large
 * ones, whose journal has several batches, KILLS / 3 times at random. Both kinds of journal.
 */
#include "admin.h"
#include "migrate/journal.h"
#include "migrate/target.h"
#include "proc.h"

#define SMALL 6 /* topics, and as many groups */
#define LARGE 80

struct moment {
	struct target base;
	struct target *inner;
	target_done done;
	void *arg;
	int left; /* moments until the kill */
	int submits;
};

static struct {
	struct proc proc;
	char tasks[300]; /* directory of the journal files */
	char failure[300];
	int rounds, killed;
	size_t found; /* made by dead runs, told by the journal or found */
} l;

static void fail(const char *what, int rc, const struct err *e)
{
	if (!l.failure[0])
		snprintf(l.failure, sizeof(l.failure), "%s: %d %s", what, rc, e ? e->msg : "");
}

/* ---- a target that dies ---- */

static void tick(struct moment *m)
{
	if (m->left >= 0 && m->left-- == 0)
		kill(getpid(), SIGKILL);
}

static void on_done(void *arg, size_t item, const struct err *e)
{
	struct moment *m = arg;

	tick(m);
	m->done(m->arg, item, e);
}

static int submit(struct target *t, const struct plan_item *it, size_t item, target_done done,
	void *arg, struct err *e)
{
	struct moment *m = container_of(t, struct moment, base);

	tick(m);
	m->done = done;
	m->arg = arg;
	m->submits++;
	return m->inner->submit(m->inner, it, item, on_done, m, e);
}

static void run(struct target *t, int wait_ms)
{
	struct moment *m = container_of(t, struct moment, base);

	m->inner->run(m->inner, wait_ms);
}

/* ---- one life of a task ---- */

struct life {
	struct admin *admin;
	struct moment m;
	struct holdings have;
	struct journal j;
	struct plan p;
	struct task t;
};

static int life_begin(struct life *f, bool dir, int window, int left, struct err *e)
{
	struct admin_opts o = { .nameservers = l.proc.broker };
	int rc;

	*f = (struct life){ .admin = admin_new(&o) };
	holdings_init(&f->have);
	plan_init(&f->p);
	task_init(&f->t);
	rc = target_remoting_new(f->admin, &f->m.inner, e);
	if (!rc)
		rc = target_holdings(f->m.inner, &f->have, e);
	f->m.base = (struct target){ .kind = "dying",
		.description = "a target that dies",
		.submit = submit,
		.run = run,
		.window = window };
	f->m.left = left;
	if (dir)
		journal_dir(&f->j, l.tasks);
	else
		journal_brokerd(&f->j, f->admin);
	return rc;
}

static void life_end(struct life *f)
{
	journal_release(&f->j);
	task_release(&f->t);
	plan_release(&f->p);
	holdings_release(&f->have);
	target_free(f->m.inner);
	admin_free(f->admin);
}

static int inventory_of(struct inventory *inv, const char *ns, int n, struct err *e)
{
	struct buf b;
	int rc;

	inventory_init(inv);
	buf_init(&b, 1 << 20);
	for (int kind = 0; kind < 2; kind++) {
		buf_puts(&b,
			kind ? "},\"subscriptionGroupTable\":{" : "{\"topicConfigTable\":{");
		for (int i = 0; i < n; i++)
			buf_addf(&b, "%s\"%s%%item-%03d\":{}", i ? "," : "", ns, i);
	}
	buf_puts(&b, "}}");
	rc = inventory_read_text(inv, "m.json", buf_str(&b), e);
	buf_release(&b);
	return rc;
}

/* In the child: dies on the way, or comes to the end. */
static NORETURN void first_life(const char *ns, int n, bool dir, int window, int left)
{
	struct plan_opts o = { 0 };
	struct inventory inv;
	struct err e = ERR_INIT;
	struct life f;

	if (inventory_of(&inv, ns, n, &e) || life_begin(&f, dir, window, left, &e) ||
		plan_build(&f.p, &inv, &o, &f.have, &e))
		_exit(2);
	task_from_plan(&f.t, &f.p);
	_exit(task_run(&f.t, &f.p, &f.m.base, &f.j, NULL, &e) ? 2 : 0);
}

static int64_t last_task(struct life *f)
{
	struct task *list = NULL;
	struct arena mem;
	int64_t id = 0;
	size_t n = 0;

	arena_init(&mem);
	if (!f->j.ops->list(&f->j, &mem, &list, &n, NULL) && n)
		id = list[n - 1].id;
	mem_free(list);
	arena_release(&mem);
	return id;
}

static int in_namespace(const struct holdings *h, const char *ns)
{
	int n = 0;

	for (size_t i = 0; i < h->n_namespaces; i++)
		if (!strcmp(h->namespaces[i].name, ns))
			n = h->namespaces[i].topics + h->namespaces[i].groups;
	return n;
}

static void check_end(struct life *f, const char *ns, int n, size_t pending)
{
	struct holdings now;
	struct err e = ERR_INIT;
	struct task back;
	int rc;

	holdings_init(&now);
	task_init(&back);
	rc = f->j.ops->load(&f->j, f->t.id, &back, &e);
	if (rc)
		fail("load after the end", rc, &e);
	else if (back.state != TASK_SUCCEEDED || back.counts[OBJ_TOPIC][ITEM_CREATED] != n ||
		 back.counts[OBJ_GROUP][ITEM_CREATED] != n ||
		 back.counts[OBJ_NAMESPACE][ITEM_CREATED] != 1)
		fail("the report is not that all was created", (int)back.state, NULL);
	if ((size_t)f->m.submits != pending)
		fail("requests other than what was left", f->m.submits, NULL);
	rc = target_holdings(f->m.inner, &now, &e);
	if (rc || in_namespace(&now, ns) != 2 * n)
		fail("not each item once", rc ? rc : in_namespace(&now, ns), &e);
	task_release(&back);
	holdings_release(&now);
}

/* The second process: reads the journal, looks at the target, does the rest. */
static void second_life(const char *ns, int n, bool dir)
{
	struct err e = ERR_INIT;
	struct life f;
	size_t pending;
	int rc = life_begin(&f, dir, 64, -1, &e);
	int64_t id = rc ? 0 : last_task(&f);

	if (!rc)
		rc = f.j.ops->load(&f.j, id, &f.t, &e);
	if (!rc && task_is_alive(&f.t))
		rc = err_set(&e, TQ_EFAIL, "a dead process counts as alive");
	if (!rc) {
		task_again(&f.t, &f.p, &f.have, AGAIN_PENDING);
		pending = task_pending(&f.t);
		l.found += f.t.n - pending;
		rc = task_run(&f.t, &f.p, &f.m.base, &f.j, NULL, &e);
		if (!rc)
			check_end(&f, ns, n, pending);
	}
	if (rc)
		fail("resume", rc, &e);
	life_end(&f);
}

static void one_round(int n, bool dir, int window, int left)
{
	int status = 0;
	char ns[32];
	pid_t pid;

	snprintf(ns, sizeof(ns), "kill-%d", l.rounds++);
	fflush(stdout);
	pid = fork();
	if (!pid)
		first_life(ns, n, dir, window, left);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		proc_give_up(&l.proc, "fork", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status)) {
		fail("the first run failed", WEXITSTATUS(status), NULL);
		return;
	}
	l.killed += WIFSIGNALED(status);
	second_life(ns, n, dir);
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = { "brokerd", "directory" };
	unsigned seed;
	int kills;

	if (argc < 4) {
		fprintf(stderr, "usage: fault-migrate BROKERD DIR KILLS [SEED]\n");
		return EXIT_USAGE;
	}
	l.proc = (struct proc){ .program = argv[1], .dir = argv[2], .flush = "async" };
	kills = (int)strtol(argv[3], NULL, 10);
	seed = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : (unsigned)clock_wall_ms();
	srand(seed);
	snprintf(l.tasks, sizeof(l.tasks), "%s.tasks", argv[2]);
	signal(SIGPIPE, SIG_IGN);
	proc_start(&l.proc);
	for (int dir = 0; dir < 2 && !l.failure[0]; dir++) {
		l.killed = 0;
		l.found = 0;
		for (int window = 1; window <= 64; window += 63)
			for (int k = 0; k < 2 * (2 * SMALL + 1) && !l.failure[0]; k++)
				one_round(SMALL, dir, window, k);
		for (int k = 0; k < kills / 3 && !l.failure[0]; k++)
			one_round(LARGE, dir, 64, rand() % (2 * (2 * LARGE + 1)));
		printf("%sok %d - migration, journal in %s: %d kills, %zu items were made before\n",
			l.failure[0] ? "not " : "", dir + 1, kinds[dir], l.killed, l.found);
	}
	if (l.failure[0])
		printf("# round %d: %s (seed %u)\n", l.rounds, l.failure, seed);
	proc_stop(&l.proc, SIGTERM);
	return l.failure[0] ? 1 : 0;
}
