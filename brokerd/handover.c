/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store is opened first: that takes the lock, reads the whole log, since Apache's broker loses
 * all that stands behind a damaged record, and recovers what a crash left, so that all queues are
 * written to the end of the log when it is closed again. Then the services are loaded
 * as at a start, without a loop, and asked what they know. Apache's files come last, and the mark
 * in our metadata last of all: a handover that is killed is simply done again.
 */
#include "brokerd/handover.h"

#include <dirent.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>

#include "apache.h"
#include "fsio.h"
#include "names.h"
#include "brokerd/acl.h"
#include "brokerd/adopt.h"
#include "brokerd/broker.h"
#include "brokerd/catalog.h"
#include "brokerd/handover_acl.h"
#include "brokerd/metadb.h"
#include "brokerd/offsets.h"
#include "brokerd/overrides.h"
#include "brokerd/schedule.h"
#include "brokerd/store/bridge.h"
#include "brokerd/store/store.h"
#include "brokerd/tx.h"

#define CONF "broker.conf"
#define ACL_FILE "plain_acl.yml"
#define ACL_MAX (64 << 20)
#define HOUR_MS 3600000LL

struct handing {
	struct config cfg; /* in force: with what requests changed */
	handover_say say;
	void *arg;
	bool dry_run, partial;
	struct store_opts so;
	struct store_recovery found;
	struct store *store;
	struct metadb *db;
	struct catalog *catalog;
	struct offsets *offsets;
	struct acl *acl;
	struct handover_acl roles;
	struct buf accounts; /* text of plain_acl.yml */
	struct event_base *base;
	struct apache_config out;
	struct arena mem;
	int64_t halves, timers, tasks, kvs;
	int64_t kept; /* topics and groups with what Apache has no member for */
	int64_t spaces; /* namespaces with settings */
};

/* ---- lengths of files ---- */

/* Length of the first file found, at most `depth` folders down; 0: none. */
static int64_t first_size(const char *path, int depth)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	int64_t size = 0;

	while (d && !size && (entry = readdir(d))) {
		char *sub = mem_fmt("%s/%s", path, entry->d_name);
		struct stat st;

		if (entry->d_name[0] != '.' && !stat(sub, &st)) {
			if (S_ISREG(st.st_mode))
				size = st.st_size;
			else if (S_ISDIR(st.st_mode) && depth > 0)
				size = first_size(sub, depth - 1);
		}
		mem_free(sub);
	}
	if (d)
		closedir(d);
	return size;
}

static int64_t size_of(const char *dir, const char *name, int depth, int64_t absent)
{
	char *path = mem_fmt("%s/%s", dir, name);
	int64_t size = first_size(path, depth);

	mem_free(path);
	return size ? size : absent;
}

/* --dev has smaller index files: which ones are there is told by their length. */
static void fit_index_sizes(struct handing *h)
{
	struct config other = h->cfg;
	struct store_opts o;
	int64_t bytes;

	other.dev = !other.dev;
	broker_store_opts(&other, &o);
	bytes = 40 + 4 * (int64_t)o.index_slots + 20 * (int64_t)o.index_entries;
	if (size_of(h->cfg.data, "index", 0, 0) != bytes)
		return;
	h->so.index_slots = o.index_slots;
	h->so.index_entries = o.index_entries;
}

/* ---- our side ---- */

static int check_there(const char *dir, struct err *e)
{
	char *path = mem_fmt("%s/meta.db", dir);
	struct stat st;
	int rc = stat(path, &st)
			 ? err_sys(e, TQ_ENOTFOUND, "'%s' is no data directory of brokerd", dir)
			 : 0;

	mem_free(path);
	return rc;
}

/* Settings that requests changed, as the next start would find them. */
static void lay_overrides(struct handing *h)
{
	struct overrides *o = overrides_new(&h->cfg);
	struct catalog_kv *rows;
	size_t n = catalog_kv_list(h->catalog, STR(OVERRIDES_SPACE), &h->mem, &rows);

	for (size_t i = 0; i < n; i++)
		overrides_load(o, rows[i].key, rows[i].value);
	overrides_free(o);
}

static int open_all(struct handing *h, struct err *e)
{
	const struct config *cfg = &h->cfg;
	char *path = mem_fmt("%s/meta.db", cfg->data);
	struct metadb_opts mo = { path, NULL };
	struct catalog_opts co = { .cluster = cfg->cluster,
		.broker = cfg->broker,
		.auto_create_topic = cfg->auto_create_topics,
		.auto_create_group = cfg->auto_create_groups,
		.template_queues = (int)cfg->topic_queues };
	struct acl_opts ao = { .required = cfg->authentication };
	int rc;

	broker_store_opts(cfg, &h->so);
	fit_index_sizes(h);
	h->so.inline_io = true;
	h->so.scan_all = true;
	(void)((rc = config_address("listen-address",
			cfg->advertised_address[0] ? cfg->advertised_address
						   : cfg->listen_address,
			&h->so.host, e)) ||
		(rc = store_open(&h->so, &h->store, &h->found, e)) ||
		(rc = metadb_open(&mo, &h->db, e)) ||
		(rc = catalog_open(h->db, &co, &h->catalog, e)) ||
		(rc = offsets_open(h->db, &h->offsets, e)) ||
		(rc = acl_open(h->db, &ao, &h->acl, e)));
	mem_free(path);
	if (!rc)
		lay_overrides(h);
	return rc;
}

static int close_all(struct handing *h, int rc, struct err *e)
{
	struct err later = ERR_INIT;

	metadb_close(h->db);
	if (store_close(h->store, &later) && !rc) {
		*e = later;
		rc = later.code;
	}
	acl_free(h->acl);
	mem_wipe_free(h->accounts.p, h->accounts.cap);
	offsets_free(h->offsets);
	catalog_free(h->catalog);
	apache_release(&h->out);
	arena_release(&h->mem);
	if (h->base)
		event_base_free(h->base);
	return rc;
}

static bool wanted(void *arg UNUSED, struct str topic UNUSED)
{
	return true;
}

static void ask_nobody(void *arg UNUSED, struct str group UNUSED, struct command *rq UNUSED)
{
}

static int never_due(
	void *arg UNUSED, struct str start UNUSED, int64_t *due_ms, struct err *e UNUSED)
{
	*due_ms = 0;
	return 0;
}

static void count_halves(struct handing *h)
{
	struct tx_limits limits = { INT64_MAX / 4, INT64_MAX / 4, INT64_MAX / 4, 1000 };
	struct tx_opts o = { .base = h->base,
		.store = h->store,
		.offsets = h->offsets,
		.host = h->so.host,
		.cluster_id = str_of(catalog_cluster_id(h->catalog)),
		.wanted = wanted,
		.ask = ask_nobody,
		.due = never_due };
	struct tx *t = tx_open(&o, &limits);

	h->halves = tx_pending(t);
	tx_free(t);
}

/* ---- what goes along ---- */

static void take_topics(struct handing *h)
{
	struct data_version v = catalog_topics_version(h->catalog);
	const struct topic **all;
	size_t n = catalog_topics(h->catalog, &h->mem, &all);

	for (size_t i = 0; i < n; i++) {
		const struct topic *t = all[i];

		/* Apache makes those with the inherit bit itself: named after it, and TBW102. */
		if (t->perm & PERM_INHERIT)
			continue;
		apache_add_topic(&h->out, t);
		h->kept += (t->type != TOPIC_MIXED && t->type != TOPIC_NORMAL) ||
			   (t->remark && t->remark[0]);
	}
	h->out.topics_version = (struct apache_version){ v.counter, v.timestamp_ms };
}

static void take_groups(struct handing *h)
{
	struct data_version v = catalog_groups_version(h->catalog);
	const struct group **all;
	size_t n = catalog_groups(h->catalog, &h->mem, &all);

	for (size_t i = 0; i < n; i++) {
		apache_add_group(&h->out, all[i]);
		h->kept += all[i]->remark && all[i]->remark[0];
	}
	h->out.groups_version = (struct apache_version){ v.counter, v.timestamp_ms };
}

static void count_namespaces(struct handing *h)
{
	const struct namespace **all;
	size_t n = catalog_namespaces(h->catalog, &h->mem, &all);

	for (size_t i = 0; i < n; i++)
		h->spaces += all[i]->retention_ms != NAMESPACE_RETENTION_MS ||
			     (all[i]->remark && all[i]->remark[0]);
}

static void take_offsets(struct handing *h)
{
	struct offset_pair *pairs;
	size_t n = offsets_list(h->offsets, STR_NONE, STR_NONE, &h->mem, &pairs);

	for (size_t i = 0; i < n; i++)
		for (size_t q = 0; q < pairs[i].n; q++)
			apache_add_offset(&h->out, pairs[i].topic, pairs[i].group,
				pairs[i].queues[q].queue, pairs[i].queues[q].off);
}

static int take_level(void *arg, struct meta *m, struct err *e UNUSED)
{
	struct handing *h = arg;
	int64_t level = meta_col_int(m, 0);

	if (level >= 1 && level <= SCHEDULE_LEVELS)
		h->out.delays[level - 1] = meta_col_int(m, 1);
	return 0;
}

static int take_count(void *arg, struct meta *m, struct err *e UNUSED)
{
	*(int64_t *)arg = meta_col_int(m, 0);
	return 0;
}

static int take_rest(struct meta *m, void *arg, struct err *e)
{
	struct handing *h = arg;
	int rc;

	(void)((rc = meta_each(m, STMT_DELAYS, take_level, h, e, "")) ||
		(rc = meta_each(m, STMT_TIMER_COUNT, take_count, &h->timers, e, "")) ||
		(rc = meta_each(m, STMT_TASK_COUNT, take_count, &h->tasks, e, "")) ||
		(rc = meta_each(m, STMT_KV_COUNT, take_count, &h->kvs, e, "")));
	return rc;
}

/* ---- broker.conf ---- */

static void add_path(struct buf *b, const char *key, const char *path, const char *below)
{
	buf_addf(b, "%s=", key);
	for (; *path; path++) {
		if (*path == '\\')
			buf_putc(b, '\\');
		buf_putc(b, *path);
	}
	buf_addf(b, "%s\n", below);
}

static void print_conf(const struct handing *h, const char *dir, struct buf *b)
{
	const struct config *cfg = &h->cfg;

	buf_puts(b, "# Made by 'tdmqctl store handover': mqbroker -c this file.\n");
	buf_addf(b, "brokerClusterName=%s\nbrokerName=%s\nbrokerId=0\n", cfg->cluster,
		cfg->broker);
	buf_addf(b, "brokerRole=ASYNC_MASTER\nflushDiskType=%s\n",
		cfg->flush == STORE_FLUSH_SYNC ? "SYNC_FLUSH" : "ASYNC_FLUSH");
	buf_addf(b, "brokerIP1=%s\n",
		cfg->advertised_address[0] ? cfg->advertised_address : cfg->listen_address);
	buf_addf(b, "listenPort=%lld\nnamesrvAddr=127.0.0.1:%lld\n",
		(long long)cfg->broker_port, (long long)cfg->nameserver_port);
	add_path(b, "storePathRootDir", dir, "");
	add_path(b, "storePathCommitLog", dir, "/commitlog");
	buf_puts(b,
		"# Lengths of the files that are there: another value, and it does not start.\n");
	buf_addf(b, "mappedFileSizeCommitLog=%lld\n",
		(long long)size_of(dir, "commitlog", 0, h->so.commitlog_file_bytes));
	buf_addf(b, "mappedFileSizeConsumeQueue=%lld\n",
		(long long)size_of(dir, "consumequeue", 2, h->so.queue_file_units * 20));
	buf_addf(b, "maxHashSlotNum=%d\nmaxIndexNum=%d\n", h->so.index_slots,
		h->so.index_entries);
	buf_puts(b, "# As brokerd was set up.\n");
	buf_addf(b, "maxMessageSize=%lld\nfileReservedTime=%lld\n",
		(long long)cfg->max_message_size,
		(long long)MAX(1, (cfg->retention + HOUR_MS - 1) / HOUR_MS));
	buf_addf(b, "autoCreateTopicEnable=%s\nautoCreateSubscriptionGroup=%s\n",
		cfg->auto_create_topics ? "true" : "false",
		cfg->auto_create_groups ? "true" : "false");
	buf_addf(b, "aclEnable=%s\n", cfg->authentication ? "true" : "false");
	buf_addf(b, "defaultTopicQueueNums=%lld\nenablePropertyFilter=true\n",
		(long long)cfg->topic_queues);
	buf_addf(b,
		"transactionTimeOut=%lld\ntransactionCheckMax=%lld\n"
		"transactionCheckInterval=%lld\n",
		(long long)cfg->transaction_timeout, (long long)cfg->transaction_check_max,
		(long long)cfg->transaction_check_interval);
}

static int write_conf(const struct handing *h, struct err *e)
{
	char *dir = realpath(h->cfg.data, NULL), *path;
	struct buf b;
	int rc;

	if (!dir)
		return err_sys(e, TQ_EIO, "cannot find '%s'", h->cfg.data);
	path = mem_fmt("%s/" CONF, dir);
	buf_init(&b, 64 << 10);
	print_conf(h, dir, &b);
	rc = fsio_replace(path, buf_str(&b), 0640, e);
	buf_release(&b);
	mem_free(path);
	free(dir);
	return rc;
}

/* Apache looks for it in conf/ of its installation, which we do not know. */
static int write_accounts(const struct handing *h, struct err *e)
{
	char *path;
	int rc;

	if (!h->roles.accounts)
		return 0;
	if (buf_err(&h->accounts))
		return err_set(e, TQ_ETOOBIG, ACL_FILE " would be too large");
	path = mem_fmt("%s/" ACL_FILE, h->cfg.data);
	rc = fsio_replace(path, buf_str(&h->accounts), 0600, e);
	mem_free(path);
	return rc;
}

/* ---- the report ---- */

static void say(struct handing *h, const char *object, int64_t taken, int64_t left,
	const char *file, const char *note)
{
	struct handover_line l = { object, taken, left, file, note };

	h->partial |= left > 0;
	h->say(h->arg, &l);
}

static void report(struct handing *h)
{
	size_t levels = 0;

	for (int i = 0; i < SCHEDULE_LEVELS; i++)
		levels += h->out.delays[i] >= 0;
	say(h, "log-bytes", store_appended(h->store) - store_min_phys(h->store), 0, "commitlog",
		"messages, retries, dead letters, delayed and half messages as they are");
	say(h, "damaged-places", 0, h->found.quarantined, "",
		h->found.quarantined
			? "set aside in quarantine/: Apache loses all behind damage"
			: "");
	say(h, "topics", (int64_t)h->out.n_topics, 0, apache_file_names[APACHE_TOPICS], "");
	say(h, "groups", (int64_t)h->out.n_groups, 0, apache_file_names[APACHE_GROUPS], "");
	say(h, "offsets", (int64_t)h->out.n_offsets, 0, apache_file_names[APACHE_OFFSETS], "");
	say(h, "delay-levels", (int64_t)levels, 0, apache_file_names[APACHE_DELAYS], "");
	say(h, "half-messages", h->halves, 0, "", "Apache asks their producers");
	say(h, "settings", 1, 0, CONF, "");
	say(h, "accounts", h->roles.accounts, h->roles.left + h->roles.narrowed,
		h->roles.accounts ? ACL_FILE : "",
		h->roles.left	    ? "Apache takes no key or secret of less than 7 letters"
		: h->roles.narrowed ? "Apache does not bind a role to addresses"
		: h->roles.accounts ? "move it to conf/ of Apache's installation"
				    : "");
	say(h, "timed-messages", 0, h->timers, "",
		h->timers
			? "Apache has no __STARTDELIVERTIME: they wait until brokerd serves again"
			: "");
	say(h, "types-and-remarks", 0, h->kept, "",
		h->kept ? "of topics and groups: kept in meta.db" : "");
	say(h, "namespace-settings", 0, h->spaces, "",
		h->spaces ? "retention and remarks: kept in meta.db" : "");
	say(h, "tasks", 0, h->tasks, "", h->tasks ? "of migrations: kept in meta.db" : "");
	say(h, "name-server-values", 0, h->kvs, "",
		h->kvs ? "of the name server: kept in meta.db" : "");
}

static int set_mark(struct meta *m, void *arg, struct err *e)
{
	const struct handing *h = arg;

	return adopt_mark(m, h->out.digest, true, e);
}

static int write_all(struct handing *h, struct err *e)
{
	int rc;

	(void)((rc = apache_save(&h->out, h->cfg.data, e)) || (rc = write_conf(h, e)) ||
		(rc = write_accounts(h, e)) || (rc = metadb_run(h->db, set_mark, h, e)));
	return rc;
}

int handover(const struct config *cfg, bool dry_run, handover_say fn, void *arg, struct err *e)
{
	struct handing h = { .cfg = *cfg, .say = fn, .arg = arg, .dry_run = dry_run };
	int64_t log_min, bridged;
	int rc;

	arena_init(&h.mem);
	buf_init(&h.accounts, ACL_MAX);
	apache_init(&h.out);
	h.base = event_base_new();
	BUG_ON(!h.base);
	(void)((rc = check_there(cfg->data, e)) || (rc = open_all(&h, e)));
	if (!rc) {
		take_topics(&h);
		take_groups(&h);
		take_offsets(&h);
		count_namespaces(&h);
		handover_acl_print(h.acl, &h.out, &h.accounts, &h.roles);
		count_halves(&h);
		rc = metadb_run(h.db, take_rest, &h, e);
	}
	if (!rc && !dry_run)
		rc = write_all(&h, e);
	if (!rc)
		report(&h);
	log_min = h.store ? store_min_phys(h.store) : 0;
	rc = close_all(&h, rc, e);
	if (!rc && !dry_run)
		rc = bridge_queues(cfg->data, log_min, &bridged, e);
	if (rc)
		return err_wrap(e, "handover of '%s'", cfg->data);
	if (!h.partial)
		return 0;
	return err_set(e, TQ_EPARTIAL, "'%s': not everything can go along", cfg->data);
}
