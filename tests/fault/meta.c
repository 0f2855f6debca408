/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta: kill -9 while topics and groups are made, changed and deleted, and account for each.
 *
 *	build/fault-meta build/brokerd DIR KILLS [SEED]
 *
 * Each name has one request in flight at most, so the ledger knows two states of it: the one
 * acknowledged last, and the one asked for when the broker was killed. After the restart it has to
 * be in one of the two; without a request in flight, in the acknowledged one.
 */
#include "client.h"
#include "json.h"
#include "mem.h"
#include "model.h"
#include "proc.h"

#define NAMES 400 /* the even ones are topics, the odd ones groups */
#define IN_FLIGHT 64
#define CALL_MS 5000
#define ABSENT 0

struct ledger {
	struct proc proc;
	struct client *client;
	unsigned seed;
	bool dying; /* no new requests */
	int flying;
	int64_t acked;
	struct name {
		struct ledger *l;
		int state, asked; /* ABSENT or a number that the object carries */
		bool flying;
	} names[NAMES];
	char failure[300];
};

static void name_of(const struct ledger *l, const struct name *n, char *out, size_t size)
{
	snprintf(out, size, "kill%%n%d", (int)(n - l->names));
}

static bool is_topic(const struct ledger *l, const struct name *n)
{
	return (n - l->names) % 2 == 0;
}

/* The number a topic carries is its write queues, a group's is its retries. */
static void request_for(
	const struct ledger *l, const struct name *n, struct command *rq, struct arena *mem)
{
	bool topic = is_topic(l, n), gone = n->asked == ABSENT;
	char *name = arena_alloc(mem, 32);
	struct str number = str_of(arena_fmt(mem, "%d", n->asked));

	name_of(l, n, name, 32);
	command_init(
		rq, topic ? (gone ? REQ_DELETE_TOPIC_IN_BROKER : REQ_UPDATE_AND_CREATE_TOPIC)
			  : (gone ? REQ_DELETE_SUBSCRIPTIONGROUP
				  : REQ_UPDATE_AND_CREATE_SUBSCRIPTIONGROUP));
	if (topic) {
		command_add(rq, "topic", str_of(name));
		command_add(rq, "readQueueNums", number);
		command_add(rq, "writeQueueNums", number);
		command_add(rq, "perm", STR("6"));
	} else if (gone) {
		command_add(rq, "groupName", str_of(name));
	} else {
		rq->body = str_of(arena_fmt(
			mem, "{\"groupName\":\"%s\",\"retryMaxTimes\":%d}", name, n->asked));
	}
}

static void ask_next(struct ledger *l);

static void on_answer(void *arg, int rc, struct reply *rp, const struct err *e UNUSED)
{
	struct name *n = arg;
	struct ledger *l = n->l;

	l->flying--;
	if (!rc && rp->cmd.code == RESP_SUCCESS) {
		n->state = n->asked;
		n->flying = false;
		l->acked++;
	} else if (!rc) {
		snprintf(l->failure, sizeof(l->failure), "refused with %d: " STR_FMT,
			rp->cmd.code, STR_ARG(rp->cmd.remark));
	}
	reply_free(rp);
	if (!l->dying && !l->failure[0])
		ask_next(l);
}

static void ask_next(struct ledger *l)
{
	struct name *n = &l->names[rand() % NAMES];
	struct err e = ERR_INIT;
	struct command rq;
	struct arena mem;

	if (n->flying)
		return;
	arena_init(&mem);
	n->flying = true;
	n->asked = n->state && rand() % 2 ? ABSENT : 1 + rand() % 30;
	request_for(l, n, &rq, &mem);
	l->flying++;
	if (client_submit(l->client, l->proc.broker, &rq, CALL_MS, on_answer, n, &e))
		proc_give_up(&l->proc, "submit", e.msg);
	arena_release(&mem);
}

static void load_and_kill(struct ledger *l)
{
	int64_t end = clock_mono_ms() + 20 + rand() % 150;

	l->dying = false;
	while (clock_mono_ms() < end && !l->failure[0]) {
		for (int tries = 0; l->flying < IN_FLIGHT && tries < IN_FLIGHT; tries++)
			ask_next(l);
		client_run(l->client, 2);
	}
	l->dying = true;
	proc_stop(&l->proc, SIGKILL);
	client_run(l->client, -1); /* what was still on its way, and the ends of the rest */
}

/* ---- what is there ---- */

static cJSON *fetch(struct ledger *l, int code, const char *table, const cJSON **out)
{
	struct reply *rp = NULL;
	struct err e = ERR_INIT;
	struct command rq;
	cJSON *doc = NULL;
	int rc;

	command_init(&rq, code);
	(void)((rc = client_call(l->client, l->proc.broker, &rq, CALL_MS, &rp, &e)) ||
		(rc = json_parse(rp->cmd.body, JSON_LOOSE, &doc, &e)) ||
		(rc = json_need_object(doc, table, out, &e)));
	if (rc)
		proc_give_up(&l->proc, table, e.msg);
	reply_free(rp);
	return doc;
}

static void check(struct ledger *l, struct name *n, const cJSON *topics, const cJSON *groups)
{
	const cJSON *o;
	char name[32];
	int found;

	name_of(l, n, name, sizeof(name));
	if (is_topic(l, n))
		o = cJSON_GetObjectItemCaseSensitive(topics, name);
	else
		o = cJSON_GetObjectItemCaseSensitive(groups, name);
	found = (int)json_int(o, is_topic(l, n) ? "writeQueueNums" : "retryMaxTimes", ABSENT);
	if (found != n->state && !(n->flying && found == n->asked))
		snprintf(l->failure, sizeof(l->failure),
			"'%s' is %d; acknowledged was %d, asked for %d%s", name, found,
			n->state, n->asked, n->flying ? " and not answered" : "");
	n->state = found;
	n->flying = false;
}

static void verify(struct ledger *l)
{
	const cJSON *topics, *groups;
	cJSON *t = fetch(l, REQ_GET_ALL_TOPIC_CONFIG, "topicConfigTable", &topics);
	cJSON *g = fetch(
		l, REQ_GET_ALL_SUBSCRIPTIONGROUP_CONFIG, "subscriptionGroupTable", &groups);

	for (size_t i = 0; i < NAMES && !l->failure[0]; i++)
		check(l, &l->names[i], topics, groups);
	cJSON_Delete(t);
	cJSON_Delete(g);
}

int main(int argc, char **argv)
{
	static struct ledger l;
	struct client_opts opts = { 0 };
	int kills, k;

	if (argc < 4) {
		fprintf(stderr, "usage: fault-meta BROKERD DIR KILLS [SEED]\n");
		return EXIT_USAGE;
	}
	l.proc = (struct proc){ .program = argv[1], .dir = argv[2], .flush = "sync" };
	kills = (int)strtol(argv[3], NULL, 10);
	l.seed = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : (unsigned)clock_wall_ms();
	for (size_t i = 0; i < NAMES; i++)
		l.names[i].l = &l;
	srand(l.seed);
	signal(SIGPIPE, SIG_IGN);
	l.client = client_new(&opts);
	proc_start(&l.proc);
	for (k = 0; k < kills && !l.failure[0]; k++) {
		load_and_kill(&l);
		proc_start(&l.proc);
		verify(&l);
	}
	printf("%sok 1 - topics and groups: %d of %d kills, %lld changes acknowledged, each there\n",
		l.failure[0] ? "not " : "", k, kills, (long long)l.acked);
	if (l.failure[0])
		printf("# %s (seed %u)\n", l.failure, l.seed);
	proc_stop(&l.proc, SIGTERM);
	client_free(l.client);
	return l.failure[0] ? 1 : 0;
}
