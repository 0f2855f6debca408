/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe: prose is here, facts come from the tables: commands from groups.def, flags from opt,
 * exit statuses from errors.def. Manual pages take the same facts through `__describe`.
 */
#include <ctype.h>

#include "ctx.h"
#include "describe.h"

#define WIDTH 80

/* Paragraph filled to WIDTH, each line behind `indent` blanks. */
static void add_paragraph(struct buf *b, const char *text, size_t indent)
{
	struct str rest = str_of(text), word;
	size_t column = 0;

	while (str_cut(&rest, ' ', &word)) {
		if (column && column + 1 + word.n >= WIDTH) {
			buf_putc(b, '\n');
			column = 0;
		}
		if (!column) {
			buf_addf(b, "%*s", (int)indent, "");
			column = indent;
		} else {
			buf_putc(b, ' ');
			column++;
		}
		buf_add_str(b, word);
		column += word.n;
	}
	buf_putc(b, '\n');
}

static void add_entry(struct buf *b, const char *name, const char *help)
{
	buf_addf(b, "  %-14s %s\n", name, help);
}

static const char *const starts[] = {
	"tdmqctl cluster list",
	"tdmqctl topic create orders --type fifo",
	"tdmqctl topic list -o wide",
	"tdmqctl group lag pay-svc --by queue",
	"tdmqctl help exit-codes",
};

void describe_top(struct buf *b)
{
	buf_puts(b,
		"tdmqctl administers brokerd and Apache RocketMQ 4.x, and migrates between them.\n\n"
		"Usage: tdmqctl [flags] NOUN VERB [NAME...] [flags]\n\n"
		"To start with:\n");
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		buf_addf(b, "  %s\n", starts[i]);
	buf_puts(b, "\nCommands:\n");
	for (const struct cmd_group *g = cmd_groups; g->noun; g++)
		add_entry(b, g->noun, g->help);
	buf_puts(b, "\nHelp topics (tdmqctl help TOPIC):\n ");
	for (size_t i = 0; describe_topic_name(i); i++)
		buf_addf(b, " %s", describe_topic_name(i));
	buf_puts(b,
		"\n\nAll about a command: tdmqctl NOUN VERB --help. Flags for all commands: "
		"tdmqctl\nhelp flags. Manual: man tdmqctl.\n");
}

void describe_group(struct buf *b, const struct cmd_group *g)
{
	if (cmd_is_alone(g)) {
		describe_cmd(b, g, &g->cmds[0]);
		return;
	}
	buf_addf(b, "tdmqctl %s: %s\n\nUsage: tdmqctl %s VERB [NAME...] [flags]\n\nVerbs:\n",
		g->noun, g->help, g->noun);
	for (const struct cmd *c = g->cmds; c->verb; c++)
		if (!(c->flags & CMD_HIDDEN))
			add_entry(b, c->verb, c->help);
	if (*g->aliases)
		buf_addf(b, "\nThe noun may also be written: %s\n", g->aliases);
	buf_addf(b, "\nAll about one: tdmqctl %s VERB --help\n", g->noun);
}

static void add_name(struct buf *b, const struct cmd_group *g, const struct cmd *c)
{
	buf_addf(b, "tdmqctl %s%s%s", g->noun, *c->verb ? " " : "", c->verb);
}

static void add_usage(struct buf *b, const struct cmd_group *g, const struct cmd *c)
{
	struct buf usage;

	add_name(b, g, c);
	buf_init(&usage, 4096);
	opt_usage(&usage, c->args, c->opts);
	if (usage.n)
		buf_addf(b, " %s", usage.p);
	buf_release(&usage);
	buf_putc(b, '\n');
}

static void add_examples(struct buf *b, const struct cmd *c)
{
	struct str rest = str_of(c->example), line;

	while (str_cut(&rest, '\n', &line))
		buf_addf(b, "  tdmqctl " STR_FMT "\n", STR_ARG(line));
}

void describe_cmd(struct buf *b, const struct cmd_group *g, const struct cmd *c)
{
	add_name(b, g, c);
	buf_addf(b, ": %s\n\nUsage: ", c->help);
	add_usage(b, g, c);
	if (c->more) {
		buf_putc(b, '\n');
		add_paragraph(b, c->more, 0);
	}
	buf_puts(b, "\nExamples:\n");
	add_examples(b, c);
	if (c->opts && c->opts->type != OPT_T_END) {
		buf_puts(b, "\nFlags:\n");
		opt_help(b, c->opts);
	}
	if (c->flags & CMD_DESTROYS)
		buf_puts(b,
			"\nIt asks before it acts: --yes answers. --dry-run shows what would be.\n");
	else if (c->flags & CMD_WRITES)
		buf_puts(b, "\n--dry-run shows what would be done.\n");
	buf_puts(b, "\nFlags for all commands: tdmqctl help flags\n");
}

/* ---- topics of help ---- */

static const struct {
	int status;
	const char *text;
} statuses[] = {
	{ EXIT_DONE, "done; also: nothing found" },
	{ EXIT_FAILED, "failed, none of those below" },
	{ EXIT_USAGE, "wrong usage; or a question without a terminal to ask on" },
	{ EXIT_PARTIAL, "done in part; each failure was named" },
	{ EXIT_NOT_FOUND, "what was named does not exist" },
	{ EXIT_CONFLICT, "it exists already, or changed since it was read" },
	{ EXIT_DENIED, "credentials or permission" },
	{ EXIT_UNREACHABLE, "no server there" },
	{ EXIT_TIMEOUT, "no answer in time; a change may have happened" },
	{ EXIT_PRECONDITION, "not empty, offline, read-only, limit reached" },
	{ EXIT_DECLINED, "declined at the prompt" },
	{ EXIT_UNSUPPORTED, "this server cannot do it" },
	{ EXIT_BUSY, "busy or full; try again later" },
	{ EXIT_DIFFERS, "there are differences, and that was the question" },
	{ EXIT_BUG, "a fault in tdmqctl" },
	{ EXIT_INTERRUPTED, "interrupted" },
	{ EXIT_TERMINATED, "terminated" },
};

static void topic_exit_codes(struct buf *b)
{
	buf_puts(b, "Exit codes of tdmqctl:\n\n");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		buf_addf(b, "  %3d  %s\n", statuses[i].status, statuses[i].text);
}

static void topic_flags(struct buf *b)
{
	buf_puts(b, "Flags for all commands:\n\n");
	opt_help(b, global_opts);
}

static void topic_concepts(struct buf *b)
{
	add_paragraph(b,
		"A cluster has brokers, which name servers know; tdmqctl asks a name server "
		"(-s) for the brokers and then talks to them.",
		0);
	buf_putc(b, '\n');
	add_paragraph(b,
		"Topics and groups live in namespaces. On the wire a namespace is a prefix, "
		"'shop%orders'; tdmqctl shows 'orders' and takes the namespace from -N, the "
		"environment or the context. The namespace 'default' has no prefix. A name "
		"with a '%' in it is taken as it stands.",
		0);
	buf_putc(b, '\n');
	add_paragraph(b,
		"A message a group fails to consume goes to its retry topic, %RETRY%group, "
		"and after the last try to its dead letter topic, %DLQ%group.",
		0);
}

static void topic_time(struct buf *b)
{
	buf_puts(b,
		"Times:\n"
		"  2026-03-01T08:00:00+08:00   RFC 3339; without zone TZ, or UTC with --utc\n"
		"  2026-03-01   14:30   now   today   yesterday\n"
		"  30m   -30m   2d4h           so long ago\n"
		"  +10m                        so far ahead\n"
		"  1772323200   @1772323200    seconds since 1970; 13 digits: milliseconds\n"
		"\n"
		"Durations: 37s 2m10s 1d 250ms, units ms s m h d w. Bare numbers are refused.\n"
		"Sizes: 512 4k 1M are powers of 1000; 64Ki 1Mi 1Gi of 1024.\n");
}

static void topic_output(struct buf *b)
{
	buf_puts(b,
		"Data goes to stdout, words to stderr.\n\n"
		"  -o table    columns; 1.2K and 3.4 MiB, exact with --raw\n"
		"  -o wide     more columns\n"
		"  -o json     one document; lists have items and meta\n"
		"  -o ndjson   one object a line\n"
		"  -o yaml     the same as YAML\n"
		"  -o name     names only\n"
		"  -o csv      RFC 4180\n"
		"\n"
		"--columns name,lag chooses columns, --sort-by lag:desc sorts,\n"
		"--filter 'lag>1000 && name~^order' keeps rows. Fields of JSON, YAML and CSV,\n"
		"names and exit codes are an interface; tables and sentences are not.\n");
}

static void topic_contexts(struct buf *b)
{
	buf_puts(b,
		"A context says where a cluster is. ~/.config/tdmqctl/config.yaml:\n\n"
		"  currentContext: dev\n"
		"  defaults: {output: table, timeout: 5s}\n"
		"  contexts:\n"
		"    dev: {nameservers: [127.0.0.1:9876], namespace: shop}\n"
		"    prod:\n"
		"      nameservers: [mq1.example:9876, mq2.example:9876]\n"
		"      credentials: {accessKey: ops, secretFrom: \"file:/etc/mq/ops.key\"}\n"
		"      protected: true\n"
		"\n"
		"Settings, highest first: flag; environment (TDMQCTL_CONTEXT, TDMQCTL_NAMESPACE,\n"
		"TDMQCTL_NAMESERVER, TDMQCTL_OUTPUT, TDMQCTL_TIMEOUT, TDMQCTL_ACCESS_KEY,\n"
		"TDMQCTL_SECRET_FILE, TDMQCTL_YES, TDMQCTL_READ_ONLY, TDMQCTL_NO_INPUT); context;\n"
		"built-in (name server: NAMESRV_ADDR, else 127.0.0.1:9876).\n");
}

static void topic_safety(struct buf *b)
{
	add_paragraph(b,
		"Reading is safe. What creates or changes runs and reports. What destroys "
		"shows its impact and asks; without a terminal it needs --yes, and in a "
		"protected context --confirm CONTEXT too. --dry-run rehearses any change. "
		"readOnly in a context, or TDMQCTL_READ_ONLY=1, blocks all changes.",
		0);
}

static const struct {
	const char *name;
	void (*describe)(struct buf *b);
} topics[] = {
	{ "concepts", topic_concepts },
	{ "contexts", topic_contexts },
	{ "exit-codes", topic_exit_codes },
	{ "flags", topic_flags },
	{ "output", topic_output },
	{ "safety", topic_safety },
	{ "time", topic_time },
};

const char *describe_topic_name(size_t i)
{
	return i < ARRAY_LEN(topics) ? topics[i].name : NULL;
}

bool describe_topic(struct buf *b, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(topics); i++)
		if (!strcmp(topics[i].name, name)) {
			topics[i].describe(b);
			return true;
		}
	return false;
}

/* ---- mdoc ---- */

/* Text for roff: each sentence on its line, nothing it would read, a full stop in the end. */
static void mdoc_text(struct buf *b, const char *text)
{
	bool start = true;

	for (const char *s = text; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			buf_puts(b, "\\&");
		start = s > text && *s == ' ' && s[-1] == '.';
		if (start)
			buf_putc(b, '\n');
		else if (*s == '\\')
			buf_puts(b, "\\e");
		else
			buf_putc(b, s == text ? (char)toupper((unsigned char)*s) : *s);
	}
	if (*text && text[strlen(text) - 1] != '.')
		buf_putc(b, '.');
	buf_putc(b, '\n');
}

/* ".It Cm topic create Ar topic ... Op Ar options" */
static void mdoc_item(struct buf *b, const struct cmd_group *g, const struct cmd *c)
{
	buf_addf(b, ".It Cm %s%s%s", g->noun, *c->verb ? " " : "", c->verb);
	arg_describe_mdoc(b, c->args);
	buf_putc(b, '\n');
}

static void mdoc_cmd(struct buf *b, const struct cmd_group *g, const struct cmd *c)
{
	struct str rest = str_of(c->example), line;

	mdoc_item(b, g, c);
	mdoc_text(b, c->help);
	if (c->more)
		mdoc_text(b, c->more);
	if (c->opts && c->opts->type != OPT_T_END) {
		buf_puts(b, ".Bl -tag -width Ds\n");
		opt_describe_mdoc(b, c->opts);
		buf_puts(b, ".El\n");
	}
	buf_puts(b, ".Bd -literal -offset indent\n");
	while (str_cut(&rest, '\n', &line))
		buf_addf(b, "tdmqctl " STR_FMT "\n", STR_ARG(line));
	buf_puts(b, ".Ed\n");
}

static void mdoc_commands(struct buf *b)
{
	for (const struct cmd_group *g = cmd_groups; g->noun; g++) {
		buf_addf(b, ".Ss %c%s\n", toupper((unsigned char)g->help[0]), g->help + 1);
		buf_puts(b, ".Bl -tag -width Ds\n");
		for (const struct cmd *c = g->cmds; c->verb; c++)
			if (!(c->flags & CMD_HIDDEN))
				mdoc_cmd(b, g, c);
		buf_puts(b, ".El\n");
	}
}

static void mdoc_options(struct buf *b)
{
	buf_puts(b, ".Bl -tag -width Ds\n");
	opt_describe_mdoc(b, global_opts);
	buf_puts(b, ".El\n");
}

static void mdoc_exit_status(struct buf *b)
{
	buf_puts(b, ".Bl -tag -width Ds -compact\n");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		buf_addf(b, ".It %d\n", statuses[i].status);
		mdoc_text(b, statuses[i].text);
	}
	buf_puts(b, ".El\n");
}

static void list_examples(struct buf *b)
{
	struct str rest, line;

	for (const struct cmd_group *g = cmd_groups; g->noun; g++)
		for (const struct cmd *c = g->cmds; c->verb; c++)
			for (rest = str_of(c->example); str_cut(&rest, '\n', &line);)
				buf_addf(b, "tdmqctl " STR_FMT "\n", STR_ARG(line));
}

static const struct {
	const char *name;
	void (*describe)(struct buf *b);
} parts[] = {
	{ "global-options", mdoc_options },
	{ "commands", mdoc_commands },
	{ "exit-status", mdoc_exit_status },
	{ "examples", list_examples },
};

int describe_main(int argc, char **argv)
{
	struct buf b;
	int status = EXIT_USAGE;

	buf_init(&b, 1 << 22);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (argc == 1 && !strcmp(argv[0], parts[i].name)) {
			parts[i].describe(&b);
			status = EXIT_DONE;
		}
	if (b.n && (fwrite(b.p, 1, b.n, stdout) != b.n || fflush(stdout)))
		status = EXIT_FAILED;
	buf_release(&b);
	return status;
}
