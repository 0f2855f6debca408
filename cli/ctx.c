/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctx: settings in their order (flag, environment, context, built-in), and the few sentences all
 * commands say in the same words: what changed, what would change, may I, what went wrong.
 *
 * Data goes to stdout through out, everything here goes to stderr.
 */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "config.h"
#include "credentials.h"
#include "ctx.h"
#include "names.h"
#include "sign.h"
#include "table.h"

#define DEFAULT_NAMESERVER "127.0.0.1:9876"
#define TIMEOUT_MAX_MS 3600000 /* 1h, as the message says */

static const char *const color_names[] = { "auto", "always", "never", NULL };
static const char *const progress_names[] = { "auto", "json", "none", NULL };

const struct opt global_opts[] = {
	OPT_NAME('C', "context", "name", struct globals, context, NAMES_CONTEXT,
		"use this context of the configuration file"),
	{ OPT_HEAD_(LIST, 's', "nameserver", "list", struct globals, nameservers,
		  "name servers, host:port, comma or semicolon between"),
		.flags = OPT_SEMICOLON },
	OPT_LIST('b', "broker", "name", struct globals, brokers, NAMES_BROKER,
		"only this broker, by name or address"),
	OPT_NAME('N', "namespace", "name", struct globals, namespace, NAMES_NAMESPACE,
		"namespace of names; '' for names without one"),
	OPT_BOOL('A', "all-namespaces", struct globals, all_namespaces, "every namespace"),
	OPT_ENUM('o', "output", struct globals, out.format, out_format_names, OUT_TABLE,
		"form of the output"),
	OPT_LIST(0, "columns", "list", struct globals, out.columns, NAMES_NONE,
		"columns of tables, in this order"),
	OPT_STR(0, "sort-by", "column", struct globals, out.sort_by,
		"sort rows; column:desc turns the order"),
	OPT_STR(0, "filter", "expr", struct globals, out.filter,
		"only rows for which it holds, as 'lag>1000 && name~^order'"),
	OPT_BOOL(0, "no-headers", struct globals, out.no_headers,
		"tables without their first line"),
	OPT_BOOL(0, "raw", struct globals, out.raw,
		"plain integers instead of 1.2K and 3.4 MiB"),
	OPT_BOOL(0, "int64-strings", struct globals, out.int64_strings,
		"whole numbers above 2^53 in quotes"),
	OPT_BOOL(0, "raw-names", struct globals, raw_names, "names as they are on the wire"),
	OPT_INT('n', "limit", "count", struct globals, limit, 0, INT64_MAX, 0,
		"at most so many rows or messages; 0 is the command's default"),
	OPT_BOOL('y', "yes", struct globals, yes, "answer yes where a command asks"),
	OPT_STR(0, "confirm", "name", struct globals, confirm,
		"in a protected context, its name, to let --yes do"),
	OPT_BOOL(0, "no-input", struct globals, no_input, "never ask, fail instead"),
	OPT_BOOL(
		0, "dry-run", struct globals, dry_run, "say what would change, change nothing"),
	OPT_MS(0, "timeout", struct globals, timeout_ms, 1, TIMEOUT_MAX_MS, ADMIN_TIMEOUT_MS,
		"bound of each request"),
	OPT_ENUM(0, "color", struct globals, color, color_names, COLOR_AUTO,
		"colours in tables"),
	OPT_INT(0, "width", "columns", struct globals, out.width, 0, 10000, 0,
		"width to fit tables into; 0 is the terminal's"),
	OPT_SWITCH(0, "utc", struct globals, out.utc, OPT_UTC, "times in UTC, read and shown"),
	OPT_ENUM(0, "progress", struct globals, progress, progress_names, PROGRESS_AUTO,
		"how long tasks show where they are"),
	OPT_BOOL('q', "quiet", struct globals, quiet, "only data and errors"),
	OPT_COUNT('v', "verbose", struct globals, verbose,
		"each request and answer on stderr; -vv is --trace-wire"),
	OPT_BOOL(0, "trace-wire", struct globals, trace_wire,
		"the same with their fields, secrets masked"),
	OPT_NAME(0, "config", "file", struct globals, config, NAMES_FILE, "configuration file"),
	OPT_SWITCH('h', "help", struct globals, help, OPT_ALONE, "how to use it"),
	OPT_SWITCH(0, "version", struct globals, version, OPT_ALONE, "version of tdmqctl"),
	OPT_END,
};

void ctx_init(struct ctx *cx)
{
	memset(cx, 0, sizeof(*cx));
	arena_init(&cx->mem);
	cx->warnings = strv_in(&cx->mem);
	cx->namespace = NAMES_DEFAULT_NS;
	cx->tty_in = isatty(STDIN_FILENO);
	cx->tty_err = isatty(STDERR_FILENO);
}

void ctx_release(struct ctx *cx)
{
	out_free(cx->out);
	admin_free(cx->admin);
	arena_release(&cx->mem);
}

/* ---- settings ---- */

/* Set and not empty. */
static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static bool env_on(const char *name)
{
	const char *v = env(name);

	return v && strcmp(v, "0") && strcmp(v, "false") && strcmp(v, "no");
}

static int settle_output(
	struct ctx *cx, const struct opt_set *global, const struct config *file)
{
	const char *name = env("TDMQCTL_OUTPUT");

	if (!name)
		name = file->output;
	if (opt_given(global, "output") || !name)
		return 0;
	if (!opt_choose(out_format_names, str_of(name), &cx->set.out.format, &cx->err))
		return 0;
	err_wrap(&cx->err, "TDMQCTL_OUTPUT");
	return cx->err.code = TQ_EUSAGE;
}

static int settle_timeout(
	struct ctx *cx, const struct opt_set *global, const struct config *file)
{
	const char *text = env("TDMQCTL_TIMEOUT");
	int64_t ms;
	int rc;

	if (!text)
		text = file->timeout;
	if (opt_given(global, "timeout") || !text)
		return 0;
	rc = str_to_ms(str_of(text), &ms, &cx->err);
	if (!rc && (ms < 1 || ms > TIMEOUT_MAX_MS))
		rc = err_set(&cx->err, TQ_EUSAGE, "'%s' is not between 1ms and 1h", text);
	if (rc) {
		err_wrap(&cx->err, "TDMQCTL_TIMEOUT");
		return cx->err.code = TQ_EUSAGE;
	}
	cx->set.timeout_ms = ms;
	return 0;
}

static int settle_namespace(
	struct ctx *cx, const struct opt_set *global, const struct config *file)
{
	const char *ns = cx->set.namespace;

	if (!opt_given(global, "namespace"))
		ns = getenv("TDMQCTL_NAMESPACE") ? getenv("TDMQCTL_NAMESPACE")
						 : file->namespace;
	if (!ns || !*ns)
		return 0;
	cx->namespace = ns;
	if (names_check_namespace(str_of(ns), &cx->err))
		return cx->err.code = TQ_EUSAGE;
	return 0;
}

static const char *join(struct arena *mem, const struct strv *v)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	for (size_t i = 0; i < v->n; i++)
		buf_addf(&b, "%s%s", i ? "," : "", v->v[i]);
	return buf_move(&b, mem);
}

static void settle_nameservers(struct ctx *cx, const struct config *file)
{
	const char *list = cx->set.nameservers.n ? join(&cx->mem, &cx->set.nameservers) : NULL;

	if (!list)
		list = env("TDMQCTL_NAMESERVER");
	if (!list)
		list = file->nameservers;
	if (!list)
		list = env("NAMESRV_ADDR");
	cx->nameservers = list ? list : DEFAULT_NAMESERVER;
}

static bool wants_colour(const struct ctx *cx)
{
	const char *force = env("CLICOLOR_FORCE"), *term = env("TERM");

	if (cx->set.color != COLOR_AUTO)
		return cx->set.color == COLOR_ALWAYS;
	if (env("NO_COLOR"))
		return false;
	if (force && strcmp(force, "0"))
		return true;
	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
}

static int terminal_width(void)
{
	const char *columns = env("COLUMNS");
	struct winsize ws;
	int64_t n;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (columns && !str_to_i64(str_of(columns), 1, 10000, &n, "COLUMNS", NULL))
		return (int)n;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col)
		return ws.ws_col;
	return 80;
}

/* ---- the cluster ---- */

/* Fields that are secrets, or made from one. */
static bool is_secret(struct str key)
{
	return sign_is_field(key) || str_is(key, "accessKey") || str_is(key, "secretKey");
}

/* What servers and names say must not steer the terminal. */
static void print_text(struct str s)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	table_clean(&b, s);
	fwrite(b.p ? b.p : "", 1, b.n, stderr);
	buf_release(&b);
}

static void print_line(const char *before, const char *text)
{
	fputs(before, stderr);
	print_text(str_of(text));
	fputc('\n', stderr);
}

static void trace_fields(const struct command *c)
{
	for (int i = 0; i < c->n_ext; i++) {
		struct str v = c->ext[i].value;

		if (!v.p)
			continue;
		if (is_secret(c->ext[i].key))
			v = STR("****");
		fputc(' ', stderr);
		print_text(c->ext[i].key);
		fputc('=', stderr);
		print_text(v);
	}
	if (c->remark.p) {
		fputs(" remark=", stderr);
		print_text(c->remark);
	}
	fprintf(stderr, " body=%zu", c->body.n);
}

/* One line a frame. */
static void trace(void *arg, const char *addr, bool sent, const struct command *c)
{
	const char *name = sent ? request_name(c->code) : response_name(c->code);
	const struct globals *set = arg;

	fprintf(stderr, "%s %s #%d %d %s", sent ? "->" : "<-", addr, c->opaque, c->code,
		name ? name : "?");
	if (set->trace_wire || set->verbose > 1)
		trace_fields(c);
	fputc('\n', stderr);
}

/* How to talk to a cluster; environment: whose credentials hold for it. */
static int open_admin(struct ctx *cx, const struct config *file, const char *nameservers,
	bool environment, struct admin **out)
{
	struct credentials who;
	struct admin_opts o = { 0 };
	int rc = credentials_find(file, environment, &who, &cx->err);

	if (rc)
		return rc;
	o.nameservers = nameservers;
	o.brokers = cx->set.brokers.n ? join(&cx->mem, &cx->set.brokers) : NULL;
	o.timeout_ms = (int)cx->set.timeout_ms;
	o.client.connect_ms = (int)MIN(cx->set.timeout_ms, 3000);
	o.client.access_key = who.access_key;
	o.client.secret_key = who.secret_key;
	o.client.trace = cx->set.trace_wire || cx->set.verbose ? trace : NULL;
	o.client.trace_arg = &cx->set;
	*out = admin_new(&o);
	credentials_release(&who);
	return 0;
}

int ctx_other(struct ctx *cx, const char *context, const struct strv *nameservers,
	struct config *file, struct admin **out)
{
	const char *list;
	int rc = 0;

	*file = (struct config){ 0 };
	if (context)
		rc = config_load(file, cx->set.config, context, &cx->mem, &cx->err);
	list = nameservers->n ? join(&cx->mem, nameservers) : file->nameservers;
	if (!rc && !list) {
		err_set(&cx->err, TQ_EUSAGE, "context '%s' has no name servers", context);
		return err_hint(&cx->err, "add `nameservers` to it in the configuration file");
	}
	file->nameservers = list;
	return rc ? rc : open_admin(cx, file, list, !context, out);
}

static int check_class(struct ctx *cx)
{
	if (!(cx->cmd->flags & (CMD_WRITES | CMD_DESTROYS)) || !cx->read_only)
		return 0;
	err_set(&cx->err, TQ_EPRECOND,
		"'%s %s' changes something, and this context is read-only", cx->group->noun,
		cx->cmd->verb);
	return err_hint(&cx->err, "choose another context with -C, or unset TDMQCTL_READ_ONLY");
}

int ctx_open(struct ctx *cx, const struct opt_set *global)
{
	struct config file;
	const char *name = cx->set.context ? cx->set.context : env("TDMQCTL_CONTEXT");
	int rc = config_load(&file, cx->set.config, name, &cx->mem, &cx->err);

	if (rc)
		return rc;
	cx->context = file.context;
	cx->read_only = file.read_only || env_on("TDMQCTL_READ_ONLY");
	cx->protected = file.protected;
	cx->set.yes |= env_on("TDMQCTL_YES");
	cx->set.no_input |= env_on("TDMQCTL_NO_INPUT");
	settle_nameservers(cx, &file);
	if ((rc = settle_output(cx, global, &file)) ||
		(rc = settle_timeout(cx, global, &file)) ||
		(rc = settle_namespace(cx, global, &file)) || (rc = check_class(cx)))
		return rc;
	cx->set.out.colour = wants_colour(cx);
	if (!cx->set.out.width)
		cx->set.out.width = terminal_width();
	rc = out_new(stdout, &cx->set.out, &cx->out, &cx->err);
	if (rc || cx->cmd->flags & CMD_LOCAL)
		return rc;
	return open_admin(cx, &file, cx->nameservers, true, &cx->admin);
}

/* ---- names ---- */

const char *ctx_wire(struct ctx *cx, const char *name)
{
	struct buf b;

	if (strchr(name, '%'))
		return name;
	buf_init(&b, 4096);
	names_join(&b, str_of(cx->namespace), str_of(name));
	return buf_move(&b, &cx->mem);
}

/* %RETRY% or %DLQ%, or nothing. */
static struct str prefix_of(struct str wire)
{
	if (names_is_retry(wire))
		return STR(NAMES_RETRY);
	return names_is_dlq(wire) ? STR(NAMES_DLQ) : STR("");
}

const char *ctx_name(struct ctx *cx, const char *wire)
{
	struct str prefix = prefix_of(str_of(wire)), ns, name;

	if (cx->set.raw_names)
		return wire;
	names_split(str_skip(str_of(wire), prefix.n), &ns, &name);
	if (!prefix.n && name.p == wire)
		return wire;
	return arena_fmt(&cx->mem, STR_FMT STR_FMT, STR_ARG(prefix), STR_ARG(name));
}

const char *ctx_namespace_of(struct ctx *cx, const char *wire)
{
	struct str prefix = prefix_of(str_of(wire)), ns, name;

	names_split(str_skip(str_of(wire), prefix.n), &ns, &name);
	return arena_strn(&cx->mem, ns.p, ns.n);
}

bool ctx_shows(struct ctx *cx, const char *wire)
{
	struct str prefix = prefix_of(str_of(wire)), ns, name;

	if (cx->set.all_namespaces)
		return true;
	names_split(str_skip(str_of(wire), prefix.n), &ns, &name);
	return str_is(ns, cx->namespace);
}

/* ---- words ---- */

static PRINTF(2, 0) void say(const char *prefix, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	print_line(prefix, text);
}

bool ctx_dry_run(struct ctx *cx, const char *fmt, ...)
{
	va_list ap;

	if (!cx->set.dry_run)
		return false;
	va_start(ap, fmt);
	say("dry run: ", fmt, ap);
	va_end(ap);
	return true;
}

/* The first word of an answer line on stdin; empty at its end. */
static struct str read_answer(char *line, size_t size)
{
	if (!fgets(line, (int)size, stdin))
		line[0] = '\0';
	return str_trim(str_of(line));
}

static int nobody_to_ask(struct ctx *cx, const char *question)
{
	err_set(&cx->err, TQ_EUSAGE, "cannot ask without a terminal: %s", question);
	return err_hint(&cx->err, "add --yes%s%s", cx->protected ? " --confirm " : "",
		cx->protected ? cx->context : "");
}

static int confirm_protected(struct ctx *cx, const char *question)
{
	char line[256];

	if (cx->set.yes && cx->set.confirm && !strcmp(cx->set.confirm, cx->context))
		return 0;
	if (!cx->tty_in || !cx->tty_err || cx->set.no_input)
		return nobody_to_ask(cx, question);
	fprintf(stderr, "%s\ncontext '%s' is protected: type its name to go on: ", question,
		cx->context);
	if (str_is(read_answer(line, sizeof(line)), cx->context))
		return 0;
	return err_set(&cx->err, TQ_EDECLINED, "declined, nothing was changed");
}

int ctx_check_settings(struct ctx *cx, const char *what, const struct strv *words)
{
	if (cx->read_only)
		return err_set(&cx->err, TQ_EPRECOND,
			"'%s' changes something, and this context is read-only", what);
	if (!words->n)
		return err_set(&cx->err, TQ_EUSAGE, "nothing to set: say KEY=VALUE");
	for (size_t i = 0; i < words->n; i++)
		if (!strchr(words->v[i], '=') || strchr(words->v[i], '\n'))
			return err_set(
				&cx->err, TQ_EUSAGE, "'%s' is not KEY=VALUE", words->v[i]);
	return 0;
}

int ctx_confirm(struct ctx *cx, const char *fmt, ...)
{
	char question[512], line[64];
	struct str answer;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(question, sizeof(question), fmt, ap);
	va_end(ap);
	if (cx->protected)
		return confirm_protected(cx, question);
	if (cx->set.yes)
		return 0;
	if (!cx->tty_in || !cx->tty_err || cx->set.no_input)
		return nobody_to_ask(cx, question);
	fprintf(stderr, "%s [y/N] ", question);
	answer = read_answer(line, sizeof(line));
	if (str_is(answer, "y") || str_is(answer, "Y") || str_is(answer, "yes"))
		return 0;
	return err_set(&cx->err, TQ_EDECLINED, "declined, nothing was changed");
}

void ctx_note(struct ctx *cx, const char *fmt, ...)
{
	va_list ap;

	if (cx->set.quiet)
		return;
	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void ctx_warn(struct ctx *cx, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strv_add(&cx->warnings, str_of(text));
	print_line("warning: ", text);
}

/* "consumer not online" -> "ConsumerNotOnline" */
static void code_name(struct buf *b, int code)
{
	bool upper = true;

	for (const char *s = err_text(code); *s; s++) {
		if (*s >= 'a' && *s <= 'z')
			buf_putc(b, upper ? (char)(*s - 'a' + 'A') : *s);
		upper = !(*s >= 'a' && *s <= 'z');
	}
	buf_putc(b, '\0');
}

static void text_or_null(struct jw *w, const char *key, const char *text)
{
	jw_kv_text(w, key, *text ? text : NULL);
}

static void report_json(const struct err *e)
{
	struct buf b, name;
	struct jw w;

	buf_init(&b, 1 << 16);
	buf_init(&name, 256);
	code_name(&name, e->code);
	w = jw_init(&b);
	jw_object(&w);
	jw_key(&w, "error");
	jw_object(&w);
	jw_kv_text(&w, "code", name.p);
	jw_kv_int(&w, "exit", err_exit(e->code));
	jw_key(&w, "serverCode");
	if (e->response)
		jw_int(&w, e->response);
	else
		jw_text(&w, NULL);
	jw_kv_text(&w, "message", e->msg);
	text_or_null(&w, "reason", e->why);
	text_or_null(&w, "hint", e->hint);
	jw_end(&w);
	jw_end(&w);
	fprintf(stderr, STR_FMT "\n", STR_ARG(buf_str(&b)));
	buf_release(&name);
	buf_release(&b);
}

void ctx_report(struct ctx *cx, const struct err *e)
{
	int format = cx->set.out.format;

	if (format == OUT_JSON || format == OUT_NDJSON) {
		report_json(e);
		return;
	}
	print_line("error: ", *e->msg ? e->msg : err_text(e->code));
	if (*e->why)
		print_line("  why: ", e->why);
	if (*e->hint)
		print_line("  try: ", e->hint);
}

void ctx_failed(struct ctx *cx, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_wrap(&cx->err, "%s", what);
	ctx_report(cx, &cx->err);
	cx->last_failure = cx->err.code;
	err_clear(&cx->err);
}

int ctx_result(struct ctx *cx, size_t done, size_t failed)
{
	if (!failed)
		return 0;
	if (done)
		return err_set(&cx->err, TQ_EPARTIAL, "%zu done, %zu failed", done, failed);
	if (failed == 1) { /* it has been reported */
		cx->reported = true;
		return cx->err.code = cx->last_failure;
	}
	return err_set(&cx->err, cx->last_failure, "all %zu failed", failed);
}

/* ---- output ---- */

static cJSON *meta_of(struct ctx *cx, bool truncated)
{
	cJSON *meta = cJSON_CreateObject(), *list;

	if (cx->context)
		cJSON_AddStringToObject(meta, "context", cx->context);
	else
		cJSON_AddNullToObject(meta, "context");
	cJSON_AddNullToObject(meta, "nextPageToken");
	cJSON_AddBoolToObject(meta, "truncated", truncated);
	list = cJSON_AddArrayToObject(meta, "warnings");
	for (size_t i = 0; i < cx->warnings.n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(cx->warnings.v[i]));
	return meta;
}

void ctx_warn_skipped(struct ctx *cx)
{
	size_t n;
	const struct skipped *s;

	if (!cx->admin)
		return;
	s = admin_skipped(cx->admin, &n);
	for (; cx->skips_told < n; cx->skips_told++)
		ctx_warn(cx, "broker '%s' was skipped: %s", s[cx->skips_told].broker,
			s[cx->skips_told].err.msg);
}

/* --limit of a whole list; *cut: there was more. Rows are chosen as they come, so not with both. */
static int apply_limit(struct ctx *cx, cJSON *items, bool *cut)
{
	int64_t n = cJSON_GetArraySize(items);

	*cut = false;
	if (!cx->set.limit)
		return 0;
	if (cx->set.out.sort_by || cx->set.out.filter)
		return err_set(&cx->err, TQ_EUSAGE,
			"--limit cannot be used here with --sort-by or --filter");
	for (; n > cx->set.limit; n--) {
		cJSON_DeleteItemFromArray(items, (int)n - 1);
		*cut = true;
	}
	return 0;
}

void ctx_note_dropped(struct ctx *cx)
{
	const struct strv *v = out_dropped(cx->out);

	if (v->n)
		ctx_note(cx, "too narrow for: %s; see them with --columns or -o json",
			join(&cx->mem, v));
}

int ctx_list(struct ctx *cx, const struct view *v, cJSON *items)
{
	cJSON *meta;
	bool cut;
	int rc;

	ctx_warn_skipped(cx);
	rc = apply_limit(cx, items, &cut);
	if (!rc) {
		meta = meta_of(cx, cut);
		rc = out_list(cx->out, v, items, meta, &cx->err);
		cJSON_Delete(meta);
	}
	cJSON_Delete(items);
	if (!rc)
		ctx_note_dropped(cx);
	if (!rc && cut)
		ctx_note(cx, "only the first %lld are shown", (long long)cx->set.limit);
	return rc;
}

bool ctx_wants_object(const struct ctx *cx)
{
	int format = cx->set.out.format;

	return format != OUT_TABLE && format != OUT_WIDE && format != OUT_CSV;
}

/* ---- what is there ---- */

int ctx_find_namespace(struct ctx *cx, const char *name, struct namespace *out)
{
	struct strv names = strv_in(&cx->mem);
	struct namespaces all;
	const char *near;
	int rc = admin_namespaces(cx->admin, &cx->mem, &all, &cx->err);

	if (rc)
		return rc;
	for (size_t i = 0; i < all.n; i++) {
		strv_add(&names, str_of(all.v[i].name));
		if (!strcmp(all.v[i].name, name)) {
			*out = all.v[i];
			return 0;
		}
	}
	near = names.n ? opt_nearest(str_of(name), (const char *const *)names.v) : NULL;
	rc = err_set(&cx->err, TQ_ENOTFOUND, "no namespace '%s'", name);
	if (near)
		err_hint(&cx->err, "did you mean '%s'?", near);
	else
		err_hint(&cx->err, "see which exist: tdmqctl namespace list");
	return rc;
}

int ctx_need_namespace(struct ctx *cx, const char *name)
{
	struct namespace n;
	int rc;

	if (!strcmp(name, NAMES_DEFAULT_NS) || !admin_is_brokerd(cx->admin))
		return 0;
	rc = ctx_find_namespace(cx, name, &n);
	if (rc == TQ_ENOTFOUND && !strstr(cx->err.hint, "mean"))
		err_hint(&cx->err, "make it first: tdmqctl namespace create %s", name);
	if (rc != TQ_EDENIED) /* who may not look at them finds out later */
		return rc;
	err_clear(&cx->err);
	return 0;
}

int ctx_need_namespaces(struct ctx *cx, const struct strv *wire)
{
	const char *seen = NAMES_DEFAULT_NS, *ns;
	int rc = 0;

	for (size_t i = 0; !rc && i < wire->n; i++, seen = ns) {
		ns = ctx_namespace_of(cx, wire->v[i]);
		rc = strcmp(ns, seen) ? ctx_need_namespace(cx, ns) : 0;
	}
	return rc;
}

bool ctx_is_system_topic(const struct cluster *cl, const char *wire)
{
	struct str s = str_of(wire);

	if (names_is_system_topic(s))
		return true;
	for (size_t i = 0; i < cl->n; i++) {
		const struct broker *b = &cl->v[i];

		if (!strcmp(b->name, wire) || !strcmp(b->cluster, wire) ||
			(str_starts(s, str_of(b->cluster)) &&
				!strcmp(wire + strlen(b->cluster), NAMES_REPLY)))
			return true;
	}
	return false;
}
