/* SPDX-License-Identifier: Apache-2.0 */
/*
 * brokerd: settings, signals, start and stop in order. The ready line on standard output is for
 * scripts, READY=1 for the supervisor; everything else goes to the log.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "brokerd/adopt.h"
#include "brokerd/adopt_acl.h"
#include "brokerd/broker.h"
#include "brokerd/handover.h"
#include "brokerd/overrides.h"
#include "brokerd/server.h"
#include "clock.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "opt.h"
#include "thread.h"

#define LOG_MAIN "main"

struct args {
	bool help, version, dump, handover, dry_run;
	const char *config, *describe, *adopt, *adopt_accounts;
};

static const struct opt main_opts[] = { OPT_STR(0, "config", "file", struct args, config,
						"settings in YAML, see brokerd.conf(5)"),
	OPT_STR(0, "adopt", "dir", struct args, adopt,
		"serve the store of an Apache broker: as --data, with its topics and offsets"),
	OPT_STR(0, "adopt-accounts", "file", struct args, adopt_accounts,
		"with --adopt: take also the accounts of this plain_acl.yml"),
	OPT_SWITCH(0, "handover", struct args, handover, 0,
		"make the data directory one for Apache's broker, report in JSON, and exit"),
	OPT_SWITCH(0, "dry-run", struct args, dry_run, 0,
		"with --handover: report only, write none of Apache's files"),
	OPT_SWITCH(0, "dump-config", struct args, dump, OPT_ALONE,
		"print the settings in force and exit"),
	OPT_SWITCH('h', "help", struct args, help, OPT_ALONE, "print this and exit"),
	OPT_SWITCH(
		'V', "version", struct args, version, OPT_ALONE, "print the version and exit"),
	{ OPT_HEAD_(STR, 0, "describe", "what", struct args, describe, "tables for the manual"),
		.flags = OPT_HIDDEN },
	OPT_END };

static const struct arg no_args[] = { ARG_END };

/* What the command line, the file and the environment say; read again by SIGHUP. */
struct settings {
	struct args args;
	struct config cfg;
	struct conf conf;
	struct arena arena;
	struct opt_set sets[2];
};

struct run {
	int argc;
	char **argv;
	struct settings set;
	struct broker broker;
	struct event *signals[3];
};

/* --- words --- */

static void print(struct buf *b)
{
	fwrite(b->p ? b->p : "", 1, b->n, stdout);
	buf_release(b);
}

static int complain(const struct err *e)
{
	fprintf(stderr, "brokerd: %s\n", e->msg);
	if (e->why[0])
		fprintf(stderr, "  because: %s\n", e->why);
	if (e->hint[0])
		fprintf(stderr, "  hint: %s\n", e->hint);
	return err_exit(e->code);
}

static int print_help(struct run *r)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	buf_puts(&b,
		"usage: brokerd [--dev] [--data DIR] [--config FILE] [--KEY=VALUE ...]\n\n"
		"RocketMQ-compatible name server and broker in one process.\n\nOptions:\n");
	opt_help(&b, main_opts);
	buf_puts(&b, "\nSettings, also in the file and as BROKERD_... in the environment:\n");
	opt_help(&b, conf_opts(&r->set.conf));
	print(&b);
	return EXIT_DONE;
}

static int print_dump(struct run *r)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	conf_dump(&r->set.conf, false, &b);
	print(&b);
	return EXIT_DONE;
}

static void describe_exits(struct buf *b)
{
	static const struct {
		int status;
		const char *text;
	} exits[] = {
		{ EXIT_DONE, "stopped as asked" },
		{ EXIT_FAILED, "a file, a port or the disk failed" },
		{ EXIT_USAGE,
			"wrong usage: a flag, or a value in the file or the environment" },
		{ EXIT_PARTIAL, "handed over, but not everything can go along" },
		{ EXIT_NOT_FOUND, "the configuration file is not there" },
		{ EXIT_PRECONDITION, "a setting forbids to start, or the directory is in use" },
		{ EXIT_BUG, "internal fault" },
	};

	buf_puts(b, ".Bl -tag -width Ds -compact\n");
	for (size_t i = 0; i < ARRAY_LEN(exits); i++)
		buf_addf(b, ".It %d\n%s\n", exits[i].status, exits[i].text);
	buf_puts(b, ".El\n");
}

static int print_description(struct run *r)
{
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, 1 << 20);
	if (!strcmp(r->set.args.describe, "config")) {
		conf_describe_mdoc(&r->set.conf, &b);
	} else if (!strcmp(r->set.args.describe, "overrides")) {
		overrides_describe_mdoc(&b);
	} else if (!strcmp(r->set.args.describe, "exit-status")) {
		describe_exits(&b);
	} else {
		err_set(&e, TQ_EUSAGE, "nothing to describe as '%s'", r->set.args.describe);
		return complain(&e);
	}
	print(&b);
	return EXIT_DONE;
}

/* --- readiness --- */

/* sd_notify(3) without libsystemd: one datagram. */
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd;

	if (!n || n >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(sa.sun_path, path, n);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&sa,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warn(LOG_MAIN, "NOTIFY_SOCKET: %s", strerror(errno));
	close(fd);
}

static void say_ready(struct run *r)
{
	const struct broker *b = &r->broker;
	const char *address = r->set.cfg.listen_address;
	const char *fmt = strchr(address, ':') ? "[%s]:%d" : "%s:%d";
	char at[3][HOST_TEXT];
	int ports[3] = { b->nameserver_port, b->broker_port, b->vip_port };

	for (int i = 0; i < 3; i++) {
		_Pragma("GCC diagnostic push")
			_Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
				snprintf(at[i], sizeof(at[i]), fmt, address, ports[i]);
		_Pragma("GCC diagnostic pop")
	}
	printf("brokerd ready: nameserver %s broker %s vip %s data %s\n", at[0], at[1], at[2],
		r->set.cfg.data);
	fflush(stdout);
	notify("READY=1");
}

/* --- settings --- */

/* A bad value is wrong usage, whether it stands in the file, the environment or a flag. */
static int is_usage(struct err *e)
{
	if (e->code == TQ_EINVAL || e->code == TQ_EFORMAT)
		e->code = TQ_EUSAGE;
	return e->code;
}

/* It is the data directory; another one beside it would be a mistake. */
static int settings_adopt(struct settings *s, struct err *e)
{
	if (s->cfg.data[0] && strcmp(s->cfg.data, s->args.adopt))
		return err_set(e, TQ_EUSAGE, "--adopt '%s' and the data directory '%s' differ",
			s->args.adopt, s->cfg.data);
	return conf_set(&s->conf, "data", s->args.adopt, e);
}

static int settings_load(struct settings *s, int argc, char **argv, struct err *e)
{
	int rc;

	conf_init(&s->conf, config_keys, &s->cfg, "BROKERD_");
	s->sets[0] = (struct opt_set){ main_opts, &s->args, NULL };
	s->sets[1] = (struct opt_set){ conf_opts(&s->conf), conf_opts_into(&s->conf), NULL };
	rc = opt_parse(s->sets, 2, no_args, argc - 1, argv + 1, &s->arena, e);
	if (rc || s->args.help || s->args.version || s->args.describe)
		return rc;
	rc = conf_load(&s->conf, s->args.config, &s->sets[1], e);
	if (!rc && s->args.adopt)
		rc = settings_adopt(s, e);
	if (!rc)
		rc = config_settle(&s->conf, &s->cfg, e);
	if (rc)
		return is_usage(e);
	if (s->args.dump || s->cfg.data[0])
		return 0;
	err_set(e, TQ_EUSAGE, "no data directory");
	return err_hint(e, "--data DIR says where messages and metadata are kept");
}

static void settings_release(struct settings *s)
{
	conf_release(&s->conf);
	arena_release(&s->arena);
}

/* --- signals --- */

static void stop(evutil_socket_t sig, short what UNUSED, void *arg)
{
	struct run *r = arg;

	log_info(LOG_MAIN, "stopping on signal %d", (int)sig);
	notify("STOPPING=1");
	broker_quit(&r->broker);
}

static void log_keys(const char *what, const struct strv *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		log_info(LOG_MAIN, "%s: %s", what, keys->v[i]);
}

/* Bad settings change nothing. */
static void reload(evutil_socket_t sig UNUSED, short what UNUSED, void *arg)
{
	struct settings *fresh = mem_alloc(sizeof(*fresh));
	struct strv changed = { 0 }, restart = { 0 };
	struct run *r = arg;
	struct err e = ERR_INIT;

	log_reopen();
	if (settings_load(fresh, r->argc, r->argv, &e)) {
		log_err(LOG_MAIN, &e);
	} else {
		overrides_lift(r->broker.overrides);
		conf_adopt(&r->set.conf, &fresh->conf, &changed, &restart);
		broker_reload(&r->broker);
		log_keys("setting changed", &changed);
		log_keys("setting changes at the next start", &restart);
		log_info(LOG_MAIN, "log opened anew, settings read");
	}
	strv_release(&changed);
	strv_release(&restart);
	settings_release(fresh);
	mem_free(fresh);
}

static void signals_add(struct run *r)
{
	struct event_base *base = server_base(r->broker.server);

	r->signals[0] = evsignal_new(base, SIGTERM, stop, r);
	r->signals[1] = evsignal_new(base, SIGINT, stop, r);
	r->signals[2] = evsignal_new(base, SIGHUP, reload, r);
	for (size_t i = 0; i < ARRAY_LEN(r->signals); i++) {
		BUG_ON(!r->signals[i]);
		event_add(r->signals[i], NULL);
	}
}

static void signals_remove(struct run *r)
{
	for (size_t i = 0; i < ARRAY_LEN(r->signals); i++)
		event_free(r->signals[i]);
}

static int adopt_accounts(const struct args *a, struct err *e)
{
	struct adopt_acl_report r;
	int rc = adopt_acl(a->adopt, a->adopt_accounts, &r, e);

	if (rc)
		return rc;
	log_info(LOG_MAIN, "'%s': %d accounts taken, %d are roles already%s", a->adopt_accounts,
		r.taken, r.own, r.fresh ? ": it is known" : "");
	if (r.refused)
		log_warn(LOG_MAIN, "'%s': %d entries cannot be taken, the first: %s",
			a->adopt_accounts, r.refused, r.why);
	return 0;
}

static int adopt_store(const struct run *r, struct err *e)
{
	struct adopt_report report;
	int rc;

	if (!r->set.args.adopt)
		return adopt_check(r->set.cfg.data, e);
	rc = adopt(r->set.args.adopt, &report, e);
	if (!rc)
		adopt_log(r->set.args.adopt, &report);
	if (!rc && r->set.args.adopt_accounts)
		rc = adopt_accounts(&r->set.args, e);
	return rc;
}

static int serve(struct run *r, struct err *e)
{
	int64_t begin = clock_mono_ms();
	int rc;

	rc = log_open(r->set.cfg.log_file[0] ? r->set.cfg.log_file : NULL,
		(enum log_format)r->set.cfg.log_format, (enum log_level)r->set.cfg.log_level,
		e);
	if (!rc)
		rc = adopt_store(r, e);
	if (!rc)
		rc = broker_start(&r->broker, &r->set.cfg, e);
	if (rc)
		return rc;
	signals_add(r);
	log_info(LOG_MAIN, "brokerd %s started in %lld ms", TDMQ_VERSION,
		(long long)(clock_mono_ms() - begin));
	say_ready(r);
	broker_run(&r->broker);
	signals_remove(r);
	begin = clock_mono_ms();
	rc = broker_stop(&r->broker, e);
	log_info(LOG_MAIN, "stopped in %lld ms", (long long)(clock_mono_ms() - begin));
	return rc;
}

/* One JSON object a line: `tdmqctl store handover` makes a table of them. */
static void print_line(void *arg UNUSED, const struct handover_line *l)
{
	struct buf b;
	struct jw w;

	buf_init(&b, 64 << 10);
	w = jw_init(&b);
	jw_object(&w);
	jw_kv_text(&w, "object", l->object);
	jw_kv_int(&w, "taken", l->taken);
	jw_kv_int(&w, "left", l->left);
	jw_kv_text(&w, "file", l->file);
	jw_kv_text(&w, "note", l->note);
	jw_end(&w);
	buf_putc(&b, '\n');
	print(&b);
}

static int hand_over(struct run *r)
{
	struct err e = ERR_INIT;
	int rc;

	log_set_level(LOG_WARN_);
	rc = handover(&r->set.cfg, r->set.args.dry_run, print_line, NULL, &e);
	if (fflush(stdout) && !rc)
		rc = err_sys(&e, TQ_EIO, "cannot write the report");
	return rc ? complain(&e) : EXIT_DONE;
}

int main(int argc, char **argv)
{
	static struct run r;
	struct err e = ERR_INIT;
	int status = EXIT_DONE;

	thread_become(&on_loop);
	signal(SIGPIPE, SIG_IGN);
	r.argc = argc;
	r.argv = argv;
	if (settings_load(&r.set, argc, argv, &e))
		status = complain(&e);
	else if (r.set.args.help)
		status = print_help(&r);
	else if (r.set.args.version)
		puts("brokerd " TDMQ_VERSION);
	else if (r.set.args.describe)
		status = print_description(&r);
	else if (r.set.args.dump)
		status = print_dump(&r);
	else if (r.set.args.handover)
		status = hand_over(&r);
	else if (serve(&r, &e))
		status = complain(&e);
	settings_release(&r.set);
	return status;
}
