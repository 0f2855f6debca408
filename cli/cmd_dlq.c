/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dlq: dead letters: which groups have some, what they are, and sending them again. A group's
 * dead letters are the topic %DLQ%group; resending produces into %RETRY%group with the count of
 * retries at 0, so the consumers of the group get their full number of tries. The letter itself
 * stays until its retention ends, and the ledger (resent.h) remembers that it was sent again.
 */
#include <unistd.h>

#include "clock.h"
#include "cmd.h"
#include "msg.h"
#include "names.h"
#include "producer.h"
#include "props.h"
#include "resent.h"
#include "scan.h"
#include "view.h"

#define DEFAULT_LIMIT 100
#define ASK_ABOVE 1000 /* letters; resending more is confirmed */
#define HOUR_MS 3600000

static const char *dlq_of(struct ctx *cx, const char *group)
{
	return arena_fmt(&cx->mem, "%s%s", NAMES_DLQ, group);
}

/* ---- list ---- */

struct list_args {
	int64_t min;
};

static const struct opt list_opts[] = {
	OPT_INT(0, "min", "n", struct list_args, min, 0, INT64_MAX, 1,
		"only groups with at least so many"),
	OPT_END,
};

static const struct col dlq_cols[] = {
	{ "group", "group", COL_TEXT, 0 },
	{ "namespace", "namespace", COL_TEXT, COL_WIDE },
	{ "letters", "letters", COL_COUNT, 0 },
	{ "last-hour", "lastHour", COL_COUNT, 0 },
	{ "oldest", "oldestMs", COL_TIME, 0 },
	{ "newest", "newestMs", COL_TIME, 0 },
	COL_END,
};
const struct view view_dlq = { "DeadLetterQueue", "group", dlq_cols, false };

struct summary {
	int64_t letters, last_hour, oldest_ms, newest_ms;
};

static bool take_time(void *arg, const struct message *m, const char *broker UNUSED)
{
	struct summary *s = arg;

	s->oldest_ms = s->oldest_ms ? MIN(s->oldest_ms, m->store_ms) : m->store_ms;
	return false;
}

static int summarise(struct ctx *cx, const char *topic, struct summary *out)
{
	int64_t hour_ago = clock_wall_ms() - HOUR_MS, at;
	struct queue_stats stats;
	struct route route;
	struct scan first = { .topic = topic };
	int rc;

	*out = (struct summary){ 0 };
	rc = admin_topic_stats(cx->admin, topic, &cx->mem, &stats, &cx->err);
	if (!rc)
		rc = admin_route(cx->admin, topic, &cx->mem, &route, &cx->err);
	for (size_t i = 0; !rc && i < stats.n; i++) {
		const struct queue_stat *q = &stats.v[i];
		const char *addr = route_addr(&route, q->q.broker);

		out->letters += q->max - q->min;
		out->newest_ms = MAX(out->newest_ms, q->last_ms);
		if (!addr || q->last_ms < hour_ago)
			continue;
		rc = admin_offset_at(
			cx->admin, addr, topic, q->q.queue, hour_ago, &at, &cx->err);
		out->last_hour += q->max - MAX(at, q->min);
	}
	if (!rc && out->letters)
		rc = scan_topic(cx, &first, take_time, out);
	return rc;
}

static cJSON *summary_item(struct ctx *cx, const char *group, const struct summary *s)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "group", ctx_name(cx, group));
	cJSON_AddStringToObject(o, "namespace", ctx_namespace_of(cx, group));
	json_add_i64(o, "letters", s->letters);
	json_add_i64(o, "lastHour", s->last_hour);
	if (s->letters) {
		json_add_i64(o, "oldestMs", s->oldest_ms);
		json_add_i64(o, "newestMs", s->newest_ms);
	}
	return o;
}

static int dlq_list(struct ctx *cx, const void *args)
{
	const struct list_args *a = args;
	cJSON *items = cJSON_CreateArray();
	struct topics topics;
	size_t done = 0, failed = 0;
	int rc = admin_topics(cx->admin, &cx->mem, &topics, &cx->err);

	for (size_t i = 0; !rc && i < topics.n; i++) {
		const char *name = topics.v[i].t.name;
		const char *group = name + strlen(NAMES_DLQ);
		struct summary s;

		if (!names_is_dlq(str_of(name)) || !ctx_shows(cx, name))
			continue;
		if (summarise(cx, name, &s)) {
			ctx_failed(cx, "dead letters of group %s", ctx_name(cx, group));
			failed++;
			continue;
		}
		done++;
		if (s.letters >= a->min)
			cJSON_AddItemToArray(items, summary_item(cx, group, &s));
	}
	if (!rc)
		rc = out_list(cx->out, &view_dlq, items, NULL, &cx->err);
	cJSON_Delete(items);
	return rc ? rc : ctx_result(cx, done, failed);
}

/* ---- selection, shared by query and resend ---- */

struct select_args {
	const char *group;
	struct strv ids;
	struct match match;
	int64_t since_ms, until_ms;
	/* of resend */
	bool all, skip_resent, again;
	double rate;
};

#define SELECT_OPTS \
	OPT_LIST(0, "id", "id", struct select_args, ids, NAMES_ID, "this letter; repeat"), \
		OPT_TIME(0, "since", struct select_args, since_ms, 0, "stored at or after"), \
		OPT_TIME(0, "until", struct select_args, until_ms, 0, "stored before"), \
		OPT_STR('t', "tag", "tag", struct select_args, match.tag, "with this tag"), \
		OPT_STR(0, "grep", "regex", struct select_args, match.grep, \
			"whose body matches"), \
		OPT_NAME(0, "origin-topic", "topic", struct select_args, match.origin_topic, \
			NAMES_TOPIC, "first sent to this topic")

static const struct opt query_opts[] = {
	SELECT_OPTS,
	OPT_END,
};

struct selecting {
	struct ctx *cx;
	const struct select_args *a;
	struct newest *into;
};

static bool is_listed(const struct select_args *a, const struct message *m)
{
	char id[MESSAGE_ID_MAX];

	if (!a->ids.n)
		return true;
	msg_id(m, id);
	if (strv_has(&a->ids, str_of(id)))
		return true;
	message_offset_id(id, &m->store, m->phys_off);
	return strv_has(&a->ids, str_of(id));
}

static bool select_one(void *arg, const struct message *m, const char *broker)
{
	struct selecting *s = arg;

	if (is_listed(s->a, m) && match_message(s->cx, &s->a->match, m))
		newest_add(s->into, m, broker);
	return true;
}

/* A group without a dead letter topic never had one: nothing is found. */
static int select_letters(struct ctx *cx, const struct select_args *a, struct newest *into)
{
	struct selecting s = { cx, a, into };
	struct scan scan = {
		.topic = dlq_of(cx, a->group), .since_ms = a->since_ms, .until_ms = a->until_ms
	};
	int rc = scan_topic(cx, &scan, select_one, &s);

	if (rc == TQ_ENOTOPIC) {
		struct group g;

		err_clear(&cx->err);
		rc = admin_group(cx->admin, a->group, &cx->mem, &g, &cx->err);
	}
	newest_sort(into);
	return rc;
}

/* ---- query ---- */

static int dlq_query(struct ctx *cx, const void *args)
{
	struct select_args a = *(const struct select_args *)args;
	cJSON *items = cJSON_CreateArray(), *meta = cJSON_CreateObject(), *item;
	struct newest found;
	struct resent ledger = { .fd = -1 };
	int rc = match_init(&a.match, &cx->err);

	newest_init(&found, cx->set.limit > 0 ? (size_t)cx->set.limit : DEFAULT_LIMIT);
	if (!rc)
		rc = select_letters(cx, &a, &found);
	if (!rc && resent_open(&ledger, &cx->mem, a.group, false, &cx->err))
		err_clear(&cx->err); /* without a ledger nothing was resent from here */
	for (size_t i = 0; i < found.n; i++) {
		item = msg_item(cx, &found.v[i].m, found.v[i].broker, MSG_BODY_AUTO);
		cJSON_AddBoolToObject(item, "resent", resent_has(&ledger, &found.v[i].m));
		cJSON_AddItemToArray(items, item);
	}
	cJSON_AddBoolToObject(meta, "truncated", found.dropped > 0);
	if (!rc)
		rc = out_list(cx->out, &message_view, items, meta, &cx->err);
	if (!rc && found.dropped)
		ctx_note(cx, "only the newest %zu are shown; --limit shows more", found.n);
	cJSON_Delete(items);
	cJSON_Delete(meta);
	newest_release(&found);
	match_release(&a.match);
	return rc;
}

/* ---- resend ---- */

static const struct opt resend_opts[] = {
	SELECT_OPTS,
	OPT_BOOL(0, "all", struct select_args, all, "every letter of the group"),
	OPT_BOOL(0, "skip-resent", struct select_args, skip_resent,
		"leave out what was resent before: the default"),
	OPT_BOOL(0, "again", struct select_args, again, "also what was resent before"),
	OPT_RATE(0, "rate", struct select_args, rate, "at most so many a second"),
	OPT_END,
};

struct resending {
	struct ctx *cx;
	struct resent *ledger;
	size_t ok, failed;
};

struct letter {
	struct resending *r;
	const struct message *m;
};

static void on_resent(void *arg, int rc, const struct sent *s UNUSED, const struct err *e)
{
	struct letter *l = arg;
	struct resending *r = l->r;
	char id[MESSAGE_ID_MAX];

	if (!rc)
		rc = resent_add(r->ledger, l->m, &r->cx->err);
	else
		r->cx->err = *e;
	if (!rc) {
		r->ok++;
		return;
	}
	msg_id(l->m, id);
	ctx_failed(r->cx, "letter %s", id);
	r->failed++;
}

/* The letter as a first retry: what the broker put in for its own travels is taken out. */
static void retry_properties(const struct message *m, struct buf *out)
{
	static const char *const internal[] = { PROP_DELAY, PROP_REAL_TOPIC, PROP_REAL_QID,
		PROP_WAIT, PROP_CLUSTER, "RECONSUME_TIME", "MAX_RECONSUME_TIMES" };
	struct str rest = m->properties;
	struct prop p;

	while (props_next(&rest, &p)) {
		bool keep = true;

		for (size_t i = 0; i < ARRAY_LEN(internal); i++)
			keep = keep && !str_is(p.name, internal[i]);
		if (keep) {
			char *name = mem_strn(p.name.p, p.name.n);

			props_add(out, 0, name, p.value);
			mem_free(name);
		}
	}
}

static int resend_one(struct producer *p, const struct message *m, struct letter *l)
{
	struct outgoing out = { .body = m->body,
		.sysflag = m->sysflag & ~SYSFLAG_TX_MASK,
		.flag = m->flag,
		.born_ms = m->born_ms };
	struct buf props;
	int rc;

	buf_init(&props, MESSAGE_MAX_PROPERTIES * 2);
	retry_properties(m, &props);
	out.properties = buf_str(&props);
	rc = producer_send(p, &out, on_resent, l);
	buf_release(&props);
	return rc;
}

/* Holds back so that letter i leaves i/rate seconds after the start. */
static void keep_rate(const struct select_args *a, size_t i, int64_t start_ms)
{
	int64_t due = a->rate > 0 ? start_ms + (int64_t)((double)i * 1000 / a->rate) : 0;
	int64_t now = clock_mono_ms();

	if (due > now)
		usleep((useconds_t)(due - now) * 1000);
}

/* The retry topic is made by the first consumer; a group that never had one gets it now. */
static int resend_all(struct ctx *cx, const struct select_args *a, const struct newest *found,
	struct resending *r)
{
	struct letter *letters = arena_alloc(&cx->mem, (found->n + 1) * sizeof(*letters));
	const char *topic = arena_fmt(&cx->mem, "%s%s", NAMES_RETRY, a->group);
	int64_t start = clock_mono_ms();
	struct producer *p;
	int rc = producer_new(cx, topic, &p);

	if (rc == TQ_ENOTOPIC) {
		err_hint(&cx->err, "start a consumer of the group once, then resend");
		return rc;
	}
	for (size_t i = 0; !rc && i < found->n; i++) {
		letters[i] = (struct letter){ r, &found->v[i].m };
		keep_rate(a, i, start);
		rc = resend_one(p, &found->v[i].m, &letters[i]);
	}
	producer_wait(p);
	producer_free(p);
	return rc;
}

static void drop_resent(struct newest *found, const struct resent *ledger)
{
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++) {
		if (resent_has(ledger, &found->v[i].m))
			mem_free(found->v[i].bytes);
		else
			found->v[n++] = found->v[i];
	}
	found->n = n;
}

static int dlq_resend(struct ctx *cx, const void *args)
{
	struct select_args a = *(const struct select_args *)args;
	struct resent ledger = { .fd = -1 };
	struct resending r = { cx, &ledger, 0, 0 };
	struct newest found;
	size_t total;
	int rc;

	if (!a.all && !a.ids.n && !a.since_ms && !a.until_ms && !a.match.tag && !a.match.grep &&
		!a.match.origin_topic) {
		err_set(&cx->err, TQ_EUSAGE, "which letters? nothing was selected");
		return err_hint(
			&cx->err, "give --id, --since, --until, --tag, --grep or --all");
	}
	if (a.again && a.skip_resent)
		return err_set(
			&cx->err, TQ_EUSAGE, "--again and --skip-resent exclude each other");
	rc = match_init(&a.match, &cx->err);
	if (rc)
		return rc;
	newest_init(&found, SIZE_MAX / 4);
	rc = select_letters(cx, &a, &found);
	total = found.n;
	if (!rc)
		rc = resent_open(&ledger, &cx->mem, a.group, true, &cx->err);
	if (!rc && !a.again)
		drop_resent(&found, &ledger);
	if (rc || ctx_dry_run(cx, "%zu of %zu letter(s) of group/%s would be resent", found.n,
			  total, ctx_name(cx, a.group)))
		goto out;
	if (found.n > ASK_ABOVE)
		rc = ctx_confirm(cx, "resend %zu dead letters of group %s?", found.n,
			ctx_name(cx, a.group));
	if (!rc && found.n)
		rc = resend_all(cx, &a, &found, &r);
	if (!rc)
		ctx_done(cx, "group/%s: %zu letter(s) resent to its retry queue",
			ctx_name(cx, a.group), r.ok);
	if (!rc && total > found.n)
		ctx_note(cx,
			"%zu resent before left out: the group would get them twice; --again "
			"sends them",
			total - found.n);
out:
	resent_close(&ledger);
	newest_release(&found);
	match_release(&a.match);
	return rc ? rc : ctx_result(cx, r.ok, r.failed);
}

const struct cmd cmd_dlq[] = {
	{ "list", "groups that have dead letters", { ARG_END }, list_opts,
		sizeof(struct list_args), dlq_list, 0, "dlq list", NULL },
	{ "query", "dead letters of a group", { ARG_GROUP(struct select_args, group) },
		query_opts, sizeof(struct select_args), dlq_query, 0,
		"dlq query pay-svc --since 3d", NULL },
	{ "resend", "send dead letters to the group's retry queue",
		{ ARG_GROUP(struct select_args, group) }, resend_opts,
		sizeof(struct select_args), dlq_resend, CMD_WRITES,
		"dlq resend pay-svc --since 2h --rate 100",
		"The group's consumers get each letter again with their full number of tries. The letter "
		"stays where it is, and a ledger remembers that it was resent: the same command "
		"again sends only what is new." },
	CMD_END,
};
