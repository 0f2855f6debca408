/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of it is one transaction of meta.db: a start that is killed takes everything or nothing. The
 * fact "apache" says what is known: the digest of the files, and who was the last to write.
 */
#include "brokerd/adopt.h"

#include <dirent.h>
#include <unistd.h>

#include "clock.h"
#include "fsio.h"
#include "log.h"
#include "names.h"
#include "strv.h"
#include "brokerd/metadb.h"

#define LOG_ADOPT "adopt"
#define FACT "apache"

struct adoption {
	const struct apache_config *c;
	struct adopt_report *r;
	char known[40]; /* the fact as it is */
	struct strv topics, groups; /* those of Apache, sorted */
};

/* ---- the mark ---- */

static void mark_text(char out[40], uint32_t digest, bool handed_over)
{
	snprintf(out, 40, "%08x %s", digest, handed_over ? "handed-over" : "adopted");
}

int adopt_mark(struct meta *m, uint32_t digest, bool handed_over, struct err *e)
{
	char text[40];

	mark_text(text, digest, handed_over);
	return meta_exec(m, STMT_FACT_PUT, e, "tt", FACT, text);
}

static int take_mark(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct adoption *a = arg;
	struct str value = meta_col_str(m, 1);

	if (str_is(meta_col_str(m, 0), FACT))
		snprintf(a->known, sizeof(a->known), STR_FMT, STR_ARG(value));
	return 0;
}

static bool is_known(const struct adoption *a)
{
	char text[40];

	snprintf(text, sizeof(text), "%08x ", a->c->digest);
	return !strncmp(a->known, text, strlen(text));
}

static bool was_handed_over(const struct adoption *a)
{
	return strstr(a->known, " handed-over") != NULL;
}

/* ---- what is taken ---- */

static const struct topic *find_topic(const struct apache_config *c, struct str name)
{
	for (size_t i = 0; i < c->n_topics; i++)
		if (str_is(name, c->topics[i].name))
			return &c->topics[i];
	return NULL;
}

/* Named like the broker, the cluster or its replies: ours makes its own. */
static bool topic_is_brokers_own(const struct apache_config *c, const struct topic *t)
{
	struct str name = str_of(t->name), suffix = STR(NAMES_REPLY);
	const struct topic *cluster;

	if (names_is_system_topic(name) || t->perm & PERM_INHERIT)
		return true;
	if (name.n <= suffix.n || memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n))
		return false;
	name.n -= suffix.n;
	cluster = find_topic(c, name);
	return cluster && cluster->perm & PERM_INHERIT;
}

static int put_namespace(struct meta *m, const char *wire, struct err *e)
{
	struct str ns, name;

	names_split(names_group_of(str_of(wire)), &ns, &name);
	if (str_is(ns, NAMES_DEFAULT_NS) || names_check_namespace(ns, NULL))
		return 0;
	return meta_exec(m, STMT_NAMESPACE_ADD, e, "stii", ns, "",
		(int64_t)NAMESPACE_RETENTION_MS, clock_wall_ms());
}

static int take_topic(struct adoption *a, struct meta *m, const struct topic *t, struct err *e)
{
	int rc;

	strv_add(&a->topics, str_of(t->name));
	if (topic_is_brokers_own(a->c, t)) {
		a->r->own++;
		return 0;
	}
	a->r->topics++;
	(void)((rc = put_namespace(m, t->name, e)) ||
		(rc = meta_exec(m, STMT_TOPIC_ADOPT, e, "tdddiiii", t->name, t->read_queues,
			 t->write_queues, t->perm, (int64_t)t->sysflag, (int64_t)t->order,
			 (int64_t)t->multi_tag, clock_wall_ms())));
	return rc;
}

static int take_group(struct adoption *a, struct meta *m, const struct group *g, struct err *e)
{
	int rc;

	strv_add(&a->groups, str_of(g->name));
	if (names_is_system_group(str_of(g->name))) {
		a->r->own++;
		return 0;
	}
	a->r->groups++;
	(void)((rc = put_namespace(m, g->name, e)) ||
		(rc = meta_exec(m, STMT_GROUP_ADOPT, e, "tiiiiddiii", g->name,
			 (int64_t)g->consume, (int64_t)g->consume_from_min,
			 (int64_t)g->broadcast, (int64_t)g->notify_changed, g->retry_queues,
			 g->retry_max, g->broker_id, g->slow_broker_id, clock_wall_ms())));
	return rc;
}

static int take_offsets(struct adoption *a, struct meta *m, struct err *e)
{
	const struct apache_config *c = a->c;
	int rc = 0;

	if (a->r->back && c->there[APACHE_OFFSETS])
		rc = meta_exec(m, STMT_OFFSETS_CLEAR, e, "");
	for (size_t i = 0; !rc && i < c->n_offsets; i++) {
		const struct apache_offset *o = &c->offsets[i];

		rc = meta_exec(
			m, STMT_OFFSET_PUT, e, "ttdi", o->topic, o->group, o->queue, o->off);
		a->r->offsets++;
	}
	for (int i = 0; !rc && i < APACHE_LEVELS; i++) {
		if (c->delays[i] < 0)
			continue;
		rc = meta_exec(m, STMT_DELAY_PUT, e, "di", i + 1, c->delays[i]);
		a->r->levels++;
	}
	return rc;
}

static int take_version(
	struct meta *m, const char *fact, const struct apache_version *v, struct err *e)
{
	char text[48];

	snprintf(text, sizeof(text), "%lld %lld", (long long)v->timestamp_ms,
		(long long)v->counter);
	return v->timestamp_ms ? meta_exec(m, STMT_FACT_PUT, e, "tt", fact, text) : 0;
}

/* ---- what Apache deleted meanwhile ---- */

static int add_name(void *arg, struct meta *m, struct err *e UNUSED)
{
	strv_add(arg, meta_col_str(m, 0));
	return 0;
}

static int drop_others(struct adoption *a, struct meta *m, enum meta_stmt list,
	enum meta_stmt drop, struct strv *kept, struct err *e)
{
	struct strv ours = STRV_INIT;
	int rc = meta_each(m, list, add_name, &ours, e, "");

	strv_sort(kept);
	for (size_t i = 0; !rc && i < ours.n; i++) {
		if (strv_has_sorted(kept, ours.v[i]))
			continue;
		rc = meta_exec(m, drop, e, "t", ours.v[i]);
		a->r->gone++;
	}
	strv_release(&ours);
	return rc;
}

static int take_all(struct meta *m, void *arg, struct err *e)
{
	struct adoption *a = arg;
	const struct apache_config *c = a->c;
	int rc = meta_each(m, STMT_FACTS, take_mark, a, e, "");

	if (rc)
		return rc;
	a->r->fresh = is_known(a);
	if (a->r->fresh)
		return 0;
	a->r->back = was_handed_over(a);
	for (size_t i = 0; !rc && i < c->n_topics; i++)
		rc = take_topic(a, m, &c->topics[i], e);
	for (size_t i = 0; !rc && i < c->n_groups; i++)
		rc = take_group(a, m, &c->groups[i], e);
	if (!rc && a->r->back && c->there[APACHE_TOPICS])
		rc = drop_others(a, m, STMT_TOPICS, STMT_TOPIC_DELETE, &a->topics, e);
	if (!rc && a->r->back && c->there[APACHE_GROUPS])
		rc = drop_others(a, m, STMT_GROUPS, STMT_GROUP_DELETE, &a->groups, e);
	(void)(rc || (rc = take_offsets(a, m, e)) ||
		(rc = take_version(m, "topics_version", &c->topics_version, e)) ||
		(rc = take_version(m, "groups_version", &c->groups_version, e)) ||
		(rc = adopt_mark(m, c->digest, a->r->back, e)));
	return rc;
}

/* ---- the directory ---- */

static bool has(const char *dir, const char *name)
{
	char *path = mem_fmt("%s/%s", dir, name);
	bool there = access(path, F_OK) == 0;

	mem_free(path);
	return there;
}

/* Stores that are of Apache's house but of another form. */
static int check_form(const char *dir, struct err *e)
{
	DIR *h = opendir(dir);
	struct dirent *d;
	int rc = 0;

	if (!h)
		return err_sys(e, TQ_ENOTFOUND, "cannot read '%s'", dir);
	while (!rc && (d = readdir(h)))
		if (str_starts(str_of(d->d_name), STR("dledger-")))
			rc = err_set(e, TQ_EUNSUPPORTED, "'%s' holds a DLedger store: '%s'",
				dir, d->d_name);
	closedir(h);
	if (!rc && (has(dir, "timerwheel") || has(dir, "tieredStore") ||
			   has(dir, "consumequeue_rocksdb") || has(dir, "config/kvconfig")))
		rc = err_set(e, TQ_EUNSUPPORTED, "'%s' was written by a broker of 5.x", dir);
	if (rc)
		return err_why(e, "only stores of brokers of 4.x without DLedger are taken");
	if (has(dir, "config") || has(dir, "commitlog"))
		return 0;
	err_set(e, TQ_ENOTFOUND, "'%s' is no store: there is neither 'commitlog' nor 'config'",
		dir);
	return err_hint(e, "say what storePathRootDir of its broker.conf says");
}

static int into_metadata(const char *dir, struct adoption *a, struct err *e)
{
	char *path = mem_fmt("%s/meta.db", dir);
	struct metadb_opts o = { path, NULL };
	struct metadb *db = NULL;
	int rc;

	rc = metadb_open(&o, &db, e);
	if (!rc) {
		rc = metadb_run(db, take_all, a, e);
		metadb_close(db);
	}
	mem_free(path);
	return rc;
}

static int take(const char *dir, struct adopt_report *r, struct err *e)
{
	struct apache_config c;
	struct adoption a = { .c = &c, .r = r };
	int rc;

	apache_init(&c);
	rc = apache_load(&c, dir, e);
	if (!rc)
		rc = into_metadata(dir, &a, e);
	r->refused = c.refused;
	snprintf(r->why, sizeof(r->why), "%s", c.why);
	strv_release(&a.topics);
	strv_release(&a.groups);
	apache_release(&c);
	return rc;
}

int adopt(const char *dir, struct adopt_report *r, struct err *e)
{
	char *lock = mem_fmt("%s/lock", dir);
	int fd = -1, rc = check_form(dir, e);

	memset(r, 0, sizeof(*r));
	if (!rc)
		rc = fsio_lock(lock, &fd, e);
	if (!rc)
		rc = take(dir, r, e);
	if (fd >= 0)
		vfs()->close(fd);
	mem_free(lock);
	return rc ? err_wrap(e, "adopt '%s'", dir) : 0;
}

void adopt_log(const char *dir, const struct adopt_report *r)
{
	if (r->fresh) {
		log_info(LOG_ADOPT, "'%s': its config is known: nothing to take", dir);
		return;
	}
	log_info(LOG_ADOPT,
		"'%s': %zu topics, %zu groups, %zu offsets, %zu delay levels taken; %zu topics "
		"and groups of a broker itself are made anew",
		dir, r->topics, r->groups, r->offsets, r->levels, r->own);
	if (r->gone)
		log_info(LOG_ADOPT, "'%s': %zu topics and groups had been deleted", dir,
			r->gone);
	if (r->refused)
		log_warn(LOG_ADOPT, "'%s': %zu entries cannot be taken, the first: %s", dir,
			r->refused, r->why);
}

/* ---- without --adopt ---- */

static int look(struct meta *m, void *arg, struct err *e)
{
	return meta_each(m, STMT_FACTS, take_mark, arg, e, "");
}

int adopt_check(const char *dir, struct err *e)
{
	char *path = mem_fmt("%s/meta.db", dir);
	struct metadb_opts o = { path, NULL };
	struct apache_config c;
	struct adoption a = { .c = &c };
	struct metadb *db = NULL;
	int rc = 0;

	apache_init(&c);
	if (has(dir, "config") && has(dir, "meta.db"))
		(void)((rc = metadb_open(&o, &db, e)) || (rc = metadb_run(db, look, &a, e)));
	metadb_close(db);
	if (!rc && was_handed_over(&a) && !apache_load(&c, dir, NULL) && !is_known(&a)) {
		err_set(e, TQ_EPRECOND,
			"Apache's broker has served '%s' since it was handed over", dir);
		rc = err_hint(e,
			"--adopt '%s' takes over the topics, groups and offsets it left", dir);
	}
	apache_release(&c);
	mem_free(path);
	return rc;
}
