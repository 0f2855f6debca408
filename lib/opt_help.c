/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables for readers: help, mdoc, and the check of the tables themselves. */
#include "opt_int.h"

#include <ctype.h>
#include <limits.h>

#include "facts.h"
#include "when.h"

#define HELP_WIDTH 80
#define HELP_COLUMN 26 /* where the words begin */

static const char *arg_of(const struct opt *o)
{
	return o->arg ? o->arg : o->name;
}

static void add_upper(struct buf *b, const char *s)
{
	for (; *s; s++)
		buf_putc(b, (char)toupper((unsigned char)*s));
}

static void add_number(struct buf *b, const struct opt *o, int64_t v)
{
	if (o->type == OPT_T_MS)
		when_span_exact(b, v);
	else if (o->type == OPT_T_BYTES)
		facts_bytes(b, v);
	else if (o->type == OPT_T_ENUM)
		buf_puts(b, o->names[v]);
	else
		buf_i64(b, v);
}

static bool is_numeric(const struct opt *o)
{
	return o->type == OPT_T_INT || o->type == OPT_T_MS || o->type == OPT_T_BYTES;
}

static bool has_bounds(const struct opt *o)
{
	return is_numeric(o) && (o->min || o->max) && o->min > INT_MIN && o->max < INT_MAX;
}

/* The default as shown; empty if there is none to speak of. */
static void add_default(struct buf *b, const struct opt *o)
{
	if (o->absent_text)
		buf_puts(b, o->absent_text);
	else if (o->type == OPT_T_ENUM ? o->absent >= 0
				       : is_numeric(o) && o->absent > 0 && o->absent >= o->min)
		add_number(b, o, o->absent);
}

/* "1 to 256; default 3" */
static void add_facts(struct buf *b, const struct opt *o)
{
	struct buf def;

	if (o->type == OPT_T_ENUM)
		facts_words(b, o->names);
	if (has_bounds(o)) {
		add_number(b, o, o->min);
		buf_puts(b, " to ");
		add_number(b, o, o->max);
	}
	if (o->type == OPT_T_LIST || o->type == OPT_T_KV)
		buf_puts(b, "repeatable");
	buf_init(&def, 256);
	add_default(&def, o);
	if (def.n)
		buf_addf(b, "%sdefault %s", b->n ? "; " : "", def.p);
	buf_release(&def);
}

static void add_text(struct buf *b, const struct opt *o)
{
	struct buf facts;

	buf_init(&facts, 1024);
	buf_puts(b, o->help);
	add_facts(&facts, o);
	if (facts.n)
		buf_addf(b, " (%s)", facts.p);
	buf_release(&facts);
}

/* Words of s from HELP_COLUMN on; the line so far began at `start`. */
static void add_wrapped(struct buf *b, struct str s, size_t start)
{
	struct str word;
	bool first = true;

	if (b->n - start + 2 > HELP_COLUMN) {
		buf_putc(b, '\n');
		start = b->n;
	}
	while (b->n - start < HELP_COLUMN)
		buf_putc(b, ' ');
	while (str_cut(&s, ' ', &word)) {
		if (!first && b->n - start + 1 + word.n >= HELP_WIDTH) {
			buf_putc(b, '\n');
			start = b->n;
			buf_addf(b, "%*s", HELP_COLUMN, "");
			first = true;
		}
		if (!first)
			buf_putc(b, ' ');
		buf_add_str(b, word);
		first = false;
	}
	buf_putc(b, '\n');
}

void opt_help(struct buf *b, const struct opt *opts)
{
	for (const struct opt *o = opts; o && o->type; o++) {
		size_t start = b->n;
		struct buf text;

		if (o->flags & OPT_HIDDEN)
			continue;
		if (o->letter)
			buf_addf(b, "  -%c, --%s", o->letter, o->name);
		else
			buf_addf(b, "      --%s", o->name);
		if (!opt_is_switch(o)) {
			buf_putc(b, ' ');
			add_upper(b, arg_of(o));
		}
		buf_init(&text, 2048);
		add_text(&text, o);
		add_wrapped(b, buf_str(&text), start);
		buf_release(&text);
	}
}

void opt_usage(struct buf *b, const struct arg *args, const struct opt *opts)
{
	const char *gap = "";

	for (; args && args->name; args++) {
		bool optional = arg_is_optional(args);

		buf_addf(b, "%s%s%s%s%s", gap, optional ? "[" : "", args->name,
			arg_is_many(args) ? "..." : "", optional ? "]" : "");
		gap = " ";
	}
	if (opts && opts->type)
		buf_addf(b, "%s[flags]", gap);
}

void opt_describe_mdoc(struct buf *b, const struct opt *opts)
{
	for (const struct opt *o = opts; o && o->type; o++) {
		struct buf text;

		if (o->flags & OPT_HIDDEN)
			continue;
		buf_puts(b, ".It ");
		if (o->letter)
			buf_addf(b, "Fl %c , ", o->letter);
		buf_addf(b, "Fl -%s", o->name);
		if (!opt_is_switch(o))
			buf_addf(b, " Ar %s", arg_of(o));
		buf_putc(b, '\n');
		buf_init(&text, 2048);
		add_text(&text, o);
		facts_sentence(b, buf_str(&text));
		buf_release(&text);
	}
}

void arg_describe_mdoc(struct buf *b, const struct arg *args)
{
	for (; args && args->name; args++) {
		buf_puts(b, arg_is_optional(args) ? " Op Ar " : " Ar ");
		for (const char *c = args->name; *c; c++)
			buf_putc(b, (char)tolower((unsigned char)*c));
		if (arg_is_many(args))
			buf_puts(b, " ...");
	}
}

static size_t size_of(const struct opt *o)
{
	switch (o->type) {
	case OPT_T_BOOL:
		return sizeof(bool);
	case OPT_T_COUNT:
	case OPT_T_ENUM:
		return sizeof(int);
	case OPT_T_STR:
		return sizeof(char *);
	case OPT_T_INT:
		return o->size == sizeof(int) ? sizeof(int) : sizeof(int64_t);
	case OPT_T_RATE:
		return sizeof(double);
	case OPT_T_LIST:
	case OPT_T_KV:
		return sizeof(struct strv);
	default:
		return sizeof(int64_t);
	}
}

static void check_help(const struct opt *o, struct buf *c)
{
	char name[80];

	snprintf(name, sizeof(name), "--%s", o->name);
	facts_check_help(name, o->help, c);
}

static void check_name(const struct opt *o, struct buf *c)
{
	if (o->letter && !isalnum((unsigned char)o->letter))
		buf_addf(c, "--%s: '%c' is no letter\n", o->name, o->letter);
	if (strlen(o->name) < 2)
		buf_addf(c, "--%s: name of one letter\n", o->name);
	for (const char *s = o->name; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '-')
			buf_addf(c, "--%s: '%c' in the name\n", o->name, *s);
	for (const char *s = o->arg; s && *s; s++)
		if (isupper((unsigned char)*s))
			buf_addf(c, "--%s: capital in the name of its value\n", o->name);
}

static void check_value(const struct opt *o, struct buf *c)
{
	int64_t n = 0;

	if (o->size != size_of(o))
		buf_addf(c, "--%s: its member has %zu bytes, not %zu\n", o->name, o->size,
			size_of(o));
	if (!opt_is_switch(o) && o->type != OPT_T_ENUM && !o->arg)
		buf_addf(c, "--%s: its value has no name\n", o->name);
	if (o->type == OPT_T_ENUM) {
		while (o->names && o->names[n])
			n++;
		if (!n || o->absent < -1 || o->absent >= n)
			buf_addf(c, "--%s: default is none of its words\n", o->name);
	}
	if (!is_numeric(o) || (!o->min && !o->max))
		return;
	if (o->min > o->max)
		buf_addf(c, "--%s: bounds are crossed\n", o->name);
	/* 0 and -1 may stand for "not given" */
	if (o->absent != 0 && o->absent != -1 && (o->absent < o->min || o->absent > o->max))
		buf_addf(c, "--%s: default is out of bounds\n", o->name);
}

static void check_args(const struct arg *args, struct buf *c)
{
	for (; args && args->name; args++) {
		bool many = arg_is_many(args);

		if (args->need != ARG_ONE && args[1].name)
			buf_addf(c, "%s: only the last may be optional or repeated\n",
				args->name);
		if (args->size != (many ? sizeof(struct strv) : sizeof(char *)))
			buf_addf(c, "%s: its member has %zu bytes\n", args->name, args->size);
		if (args->kind == NAMES_ENUM && !(args->names && args->names[0]))
			buf_addf(c, "%s: no words to choose from\n", args->name);
	}
}

/* Complains about the option if an earlier one has its name or letter. */
static void check_unique(
	const struct opt *const *tables, size_t n, const struct opt *o, struct buf *c)
{
	for (size_t i = 0; i < n; i++)
		for (const struct opt *p = tables[i]; p && p->type; p++) {
			if (p == o)
				return;
			if (!strcmp(p->name, o->name))
				buf_addf(c, "--%s: twice\n", o->name);
			if (p->letter && p->letter == o->letter)
				buf_addf(c, "-%c: both --%s and --%s\n", o->letter, p->name,
					o->name);
		}
}

void opt_check(const struct opt *const *tables, size_t n, const struct arg *args,
	struct buf *complaints)
{
	for (size_t i = 0; i < n; i++)
		for (const struct opt *o = tables[i]; o && o->type; o++) {
			check_name(o, complaints);
			check_help(o, complaints);
			check_value(o, complaints);
			check_unique(tables, n, o, complaints);
		}
	check_args(args, complaints);
}
