/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wait: kill -9 while delayed, half and retried messages wait, and account for each.
 *
 *	build/fault-wait build/brokerd DIR KILLS sync|async [SEED]
 *
 * Messages of every kind that waits are sent all the time: a delay level, a time of its own, a
 * transaction that is committed or rolled back, one that a consumer sends back. brokerd is killed
 * at random moments, so also between a delivery and the note of it. In the end all are due, and
 *
 *	G5  what was acknowledged is in its topic once: not never, not twice
 *	    what was not acknowledged is there once at most, what was rolled back is not
 *	    nothing was stored in its topic before its time
 *
 * Prints TAP. The seed is printed, so that a failing run can be repeated.
 */
#include <stdarg.h>

#include "client.h"
#include "mem.h"
#include "message.h"
#include "proc.h"

#define IN_FLIGHT 8
#define ROUND_MAX 400 /* messages between two kills */
#define CALL_MS 5000
#define LEVEL_MS 1000 /* of level 1 */
#define END_MS 20000 /* for the rest to come */

static const char topic[] = "wait-ledger", plain[] = "wait-plain", group[] = "wait-group",
		  retry_topic[] = "%RETRY%wait-group";

enum kind { LEVEL, TIMED, COMMIT, ROLLBACK, RETRY, KINDS };
static const char *const kind_names[] = { "delayed", "timed", "committed", "rolled back",
	"sent back" };

struct entry {
	struct ledger *l;
	enum kind kind;
	int64_t due_ms; /* not before */
	bool step_two, acked;
	int found;
};

struct ledger {
	struct proc proc;
	struct client *client;
	unsigned seed;
	bool dying;
	int flying;
	struct entry *entries; /* by the number in the body; owned */
	int n, most;
	int64_t next[2]; /* offsets of topic and retry topic that were looked at */
	int64_t found;
	char failure[300];
};

static void fail(struct ledger *l, const char *fmt, ...) PRINTF(2, 3);
static void fail(struct ledger *l, const char *fmt, ...)
{
	va_list ap;

	if (l->failure[0])
		return;
	va_start(ap, fmt);
	vsnprintf(l->failure, sizeof(l->failure), fmt, ap);
	va_end(ap);
}

/* ---- load ---- */

static void send_next(struct ledger *l);
static void on_answer(void *arg, int rc, struct reply *rp, const struct err *e);

static void submit(struct entry *en, struct command *rq)
{
	struct ledger *l = en->l;
	struct err e = ERR_INIT;

	l->flying++;
	if (client_submit(l->client, l->proc.broker, rq, CALL_MS, on_answer, en, &e))
		proc_give_up(&l->proc, "submit", e.msg);
}

/* The end of the transaction, or the message sent back. */
static void step_two(struct entry *en, const struct command *answer)
{
	char phys[24];
	struct err e = ERR_INIT;
	struct command rq;
	struct host host;
	int64_t off;

	if (message_offset_id_parse(command_ext(answer, "msgId"), &host, &off, &e))
		proc_give_up(&en->l->proc, "message id", e.msg);
	snprintf(phys, sizeof(phys), "%lld", (long long)off);
	en->step_two = true;
	if (en->kind == RETRY) {
		en->due_ms = clock_wall_ms() + LEVEL_MS;
		command_init(&rq, REQ_CONSUMER_SEND_MSG_BACK);
		command_add(&rq, "group", str_of(group));
		command_add(&rq, "offset", str_of(phys));
		command_add(&rq, "delayLevel", STR("1"));
	} else {
		command_init(&rq, REQ_END_TRANSACTION);
		command_add(&rq, "producerGroup", STR("P"));
		command_add(&rq, "tranStateTableOffset", command_ext(answer, "queueOffset"));
		command_add(&rq, "commitLogOffset", str_of(phys));
		command_add(&rq, "commitOrRollback", en->kind == COMMIT ? STR("8") : STR("12"));
	}
	submit(en, &rq);
}

static void on_answer(void *arg, int rc, struct reply *rp, const struct err *e UNUSED)
{
	struct entry *en = arg;
	struct ledger *l = en->l;

	l->flying--;
	if (!rc && rp->cmd.code != RESP_SUCCESS)
		fail(l, "a %s message: %d " STR_FMT, kind_names[en->kind], rp->cmd.code,
			STR_ARG(rp->cmd.remark));
	if (!rc && !l->failure[0]) {
		if (!en->step_two && en->kind >= COMMIT && !l->dying)
			step_two(en, &rp->cmd);
		else
			en->acked = en->step_two || en->kind < COMMIT;
	}
	reply_free(rp);
	if (!l->dying && !l->failure[0])
		send_next(l);
}

static void send_next(struct ledger *l)
{
	char props[128] = "", body[24], born[24];
	struct entry *en = &l->entries[l->n];
	int64_t now = clock_wall_ms();
	struct command rq;

	if (l->n == l->most || l->flying >= IN_FLIGHT)
		return;
	*en = (struct entry){ .l = l, .kind = (enum kind)(rand() % KINDS), .due_ms = now };
	snprintf(body, sizeof(body), "%d", l->n++);
	snprintf(born, sizeof(born), "%lld", (long long)now);
	if (en->kind == LEVEL) {
		en->due_ms = now + LEVEL_MS;
		snprintf(props, sizeof(props), "DELAY\x01%d", 1);
	} else if (en->kind == TIMED) {
		en->due_ms = now + 50 + rand() % 1500;
		snprintf(props, sizeof(props), "__STARTDELIVERTIME\x01%lld",
			(long long)en->due_ms);
	} else if (en->kind != RETRY) {
		snprintf(props, sizeof(props), "TRAN_MSG\x01%s\x02PGROUP\x01%s", "true", "P");
	}
	command_init(&rq, REQ_SEND_MESSAGE_V2);
	command_add(&rq, "b", str_of(en->kind == RETRY ? plain : topic));
	command_add(&rq, "c", STR("TBW102"));
	command_add(&rq, "d", STR("1"));
	command_add(&rq, "e", STR("0"));
	command_add(&rq, "f", en->kind == COMMIT || en->kind == ROLLBACK ? STR("4") : STR("0"));
	command_add(&rq, "g", str_of(born));
	command_add(&rq, "h", STR("0"));
	command_add(&rq, "i", str_of(props));
	rq.body = str_of(body);
	submit(en, &rq);
}

static void load_and_kill(struct ledger *l)
{
	int64_t end = clock_mono_ms() + 50 + rand() % 400;

	l->dying = false;
	l->most += ROUND_MAX;
	while (clock_mono_ms() < end && !l->failure[0]) {
		send_next(l);
		client_run(l->client, 2);
	}
	l->dying = true;
	proc_stop(&l->proc, SIGKILL);
	client_run(l->client, -1); /* what was still on its way, and the ends of the rest */
}

/* ---- what is there ---- */

static void check(struct ledger *l, const struct message *m, bool retried)
{
	struct entry *en;
	int64_t n;

	if (str_to_i64(m->body, 0, l->n - 1, &n, "body", NULL)) {
		fail(l, "a message nobody sent: '" STR_FMT "'", STR_ARG(m->body));
		return;
	}
	en = &l->entries[n];
	if (retried != (en->kind == RETRY) || en->kind == ROLLBACK || en->found++)
		fail(l, "message %lld, %s, is there %s", (long long)n, kind_names[en->kind],
			en->found > 1 ? "twice" : "and should not be");
	else if (m->store_ms < en->due_ms)
		fail(l, "message %lld, %s, came %lld ms early", (long long)n,
			kind_names[en->kind], (long long)(en->due_ms - m->store_ms));
	else
		l->found++;
}

/* True: there may be more. */
static bool look(struct ledger *l, int which)
{
	char off[24];
	struct reply *rp = NULL;
	struct err e = ERR_INIT;
	struct command rq;
	struct message m;
	struct rd r;
	bool more;

	snprintf(off, sizeof(off), "%lld", (long long)l->next[which]);
	command_init(&rq, REQ_PULL_MESSAGE);
	command_add(&rq, "consumerGroup", str_of(group));
	command_add(&rq, "topic", str_of(which ? retry_topic : topic));
	command_add(&rq, "queueId", STR("0"));
	command_add(&rq, "queueOffset", str_of(off));
	command_add(&rq, "maxMsgNums", STR("32"));
	command_add(&rq, "sysFlag", STR("4"));
	command_add(&rq, "subscription", STR("*"));
	if (client_call(l->client, l->proc.broker, &rq, CALL_MS, &rp, &e))
		proc_give_up(&l->proc, "pull", e.msg);
	more = rp->cmd.code == RESP_SUCCESS;
	r = rd_init(rp->cmd.body);
	while (more && rd_left(&r) && !l->failure[0]) {
		if (message_decode(&r, &m, &e))
			proc_give_up(&l->proc, "decode", e.msg);
		check(l, &m, which);
		l->next[which] = m.queue_off + 1;
	}
	reply_free(rp);
	return more && !l->failure[0];
}

static void look_at_all(struct ledger *l)
{
	for (int which = 0; which < 2; which++)
		while (look(l, which))
			;
}

static int missing(const struct ledger *l)
{
	int n = 0;

	for (int i = 0; i < l->n; i++)
		n += l->entries[i].acked && l->entries[i].kind != ROLLBACK &&
		     !l->entries[i].found;
	return n;
}

static void await_all(struct ledger *l)
{
	int64_t end = clock_mono_ms() + END_MS;

	while (missing(l) && clock_mono_ms() < end && !l->failure[0]) {
		client_run(l->client, 20);
		usleep(20000);
		look_at_all(l);
	}
	if (missing(l))
		fail(l, "%d messages did not come", missing(l));
}

int main(int argc, char **argv)
{
	static struct ledger l;
	struct client_opts opts = { 0 };
	int kills, k;

	if (argc < 5) {
		fprintf(stderr, "usage: fault-wait BROKERD DIR KILLS sync|async [SEED]\n");
		return EXIT_USAGE;
	}
	l.proc = (struct proc){ .program = argv[1], .dir = argv[2], .flush = argv[4] };
	kills = (int)strtol(argv[3], NULL, 10);
	l.seed = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : (unsigned)clock_wall_ms();
	l.entries = mem_array((size_t)kills * ROUND_MAX + 1, sizeof(*l.entries));
	srand(l.seed);
	signal(SIGPIPE, SIG_IGN);
	l.client = client_new(&opts);
	proc_start(&l.proc);
	for (k = 0; k < kills && !l.failure[0]; k++) {
		load_and_kill(&l);
		proc_start(&l.proc);
		look_at_all(&l);
	}
	if (!l.failure[0])
		await_all(&l);
	/* Once more from the start: nothing comes again. */
	proc_stop(&l.proc, SIGTERM);
	proc_start(&l.proc);
	if (!l.failure[0]) {
		usleep(300000);
		look_at_all(&l);
	}
	printf("%sok 1 - flush %s: what waits: %d of %d kills, %d messages sent, %lld found, none "
	       "early, lost or twice\n",
		l.failure[0] ? "not " : "", l.proc.flush, k, kills, l.n, (long long)l.found);
	if (l.failure[0])
		printf("# %s (seed %u)\n", l.failure, l.seed);
	proc_stop(&l.proc, SIGTERM);
	client_free(l.client);
	mem_free(l.entries);
	return l.failure[0] ? 1 : 0;
}
