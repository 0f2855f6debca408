/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src_csv: sheets saved as text, with a line of headings. Which heading means what is given as
 * MEMBER=HEADING pairs (--csv-columns); the sheets of ONS consoles are known without:
 *
 *	ConsumerGroupId,ConsumerGroupType,Remark		ons 4.x
 *	ConsumerGroupId,DeliveryOrderType,...,MaxRetryTimes,Remark	ons 5.x
 *
 * A row with a topic is a topic, with a group a group, with both both. Fields are separated by
 * whichever of comma, semicolon and tab the line of headings has most of; quotes as in RFC 4180.
 */
#include "base.h"

#include <strings.h>

#include "names.h"
#include "shape.h"

#define MAX_COLUMNS 64
#define SHEET_QUEUES 8 /* of a topic whose sheet has no such column */

enum member { TOPIC, GROUP, NAMESPACE, TYPE, QUEUES, REMARK, RETRIES, PROTOCOL, MEMBERS };
static const char *const member_names[] = { "topic", "group", "namespace", "type", "queues",
	"remark", "retries", "protocol", NULL };

static const struct {
	enum member member;
	const char *heading;
} known[] = {
	{ GROUP, "ConsumerGroupId" },
	{ PROTOCOL, "ConsumerGroupType" },
	{ RETRIES, "MaxRetryTimes" },
	{ REMARK, "Remark" },
};

struct sheet {
	struct str rest; /* not yet read */
	char separator;
	size_t line, n; /* of the row in `fields` */
	struct str fields[MAX_COLUMNS];
	int column[MEMBERS]; /* -1: none */
	struct arena mem; /* of the row */
};

static char find_separator(struct str line)
{
	static const char separators[] = ",;\t";
	size_t best_n = 0;
	char best = ',';

	for (const char *c = separators; *c; c++) {
		size_t n = 0;

		for (size_t i = 0; i < line.n; i++)
			n += line.p[i] == *c;
		if (n > best_n) {
			best_n = n;
			best = *c;
		}
	}
	return best;
}

static int add_field(struct sheet *s, struct str field, struct err *e)
{
	if (s->n == MAX_COLUMNS)
		return err_set(
			e, TQ_EFORMAT, "line %zu: more than %d fields", s->line, MAX_COLUMNS);
	s->fields[s->n++] = str_trim(field);
	return 0;
}

/* A field in quotes, which may hold separators, line ends and doubled quotes. */
static int read_quoted(struct sheet *s, struct str *field, size_t *lines, struct err *e)
{
	const char *p = s->rest.p;
	size_t n = s->rest.n, i = 1, len = 0;
	char *text = arena_alloc(&s->mem, n < 4096 ? n + 1 : 4096);

	for (; i < n; i++) {
		if (p[i] == '"' && (i + 1 >= n || p[i + 1] != '"'))
			break;
		i += p[i] == '"';
		*lines += p[i] == '\n';
		if (len == 4095)
			return err_set(e, TQ_EFORMAT,
				"line %zu: a field of more than %zu bytes", s->line, len);
		text[len++] = p[i];
	}
	if (i >= n)
		return err_set(e, TQ_EFORMAT, "line %zu: a quote that does not end", s->line);
	*field = (struct str){ text, len };
	s->rest = str_skip(s->rest, i + 1);
	return 0;
}

/* The next row into fields; n 0 at the end. */
static int read_row(struct sheet *s, struct err *e)
{
	size_t lines = 0;
	int rc = 0;

	arena_clear(&s->mem);
	s->n = 0;
	while (!rc && s->rest.n) {
		struct str field = STR_NONE;
		size_t i = 0;

		if (s->rest.p[0] == '"')
			rc = read_quoted(s, &field, &lines, e);
		while (i < s->rest.n && s->rest.p[i] != s->separator && s->rest.p[i] != '\n')
			i++;
		if (!field.p)
			field = (struct str){ s->rest.p, i };
		rc = rc ? rc : add_field(s, field, e);
		if (i == s->rest.n || s->rest.p[i] == '\n') {
			s->rest = str_skip(s->rest, i + 1);
			break;
		}
		s->rest = str_skip(s->rest, i + 1);
	}
	s->line += 1 + lines;
	return rc;
}

static bool blank_row(const struct sheet *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->fields[i].n)
			return false;
	return true;
}

static int find_heading(const struct sheet *s, struct str heading)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->fields[i], heading))
			return (int)i;
	return -1;
}

static int map_columns(struct sheet *s, const char *columns, struct err *e)
{
	struct str rest = str_of(columns), pair, name;

	while (str_cut(&rest, ',', &pair)) {
		int m, at;

		str_cut(&pair, '=', &name);
		m = str_index(str_trim(name), member_names);
		if (m < 0 || !pair.p) {
			err_set(e, TQ_EUSAGE,
				"--csv-columns '" STR_FMT "': expected MEMBER=HEADING",
				STR_ARG(name));
			return err_hint(e, "members: topic, group, namespace, type, queues, "
					   "remark, retries, protocol");
		}
		at = find_heading(s, str_trim(pair));
		if (at < 0)
			return err_set(e, TQ_EFORMAT, "line 1: no heading '" STR_FMT "'",
				STR_ARG(pair));
		s->column[m] = at;
	}
	return 0;
}

static bool map_known(struct sheet *s)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		s->column[known[i].member] = find_heading(s, str_of(known[i].heading));
	return s->column[TOPIC] >= 0 || s->column[GROUP] >= 0;
}

static int open_sheet(struct sheet *s, struct str text, struct err *e)
{
	struct str line, rest = text;

	*s = (struct sheet){ .rest = text, .line = 0 };
	arena_init(&s->mem);
	for (int m = 0; m < MEMBERS; m++)
		s->column[m] = -1;
	str_cut(&rest, '\n', &line);
	s->separator = find_separator(line);
	return read_row(s, e);
}

static struct str cell(const struct sheet *s, enum member m)
{
	int at = s->column[m];

	return at >= 0 && (size_t)at < s->n ? s->fields[at] : STR_NONE;
}

static int cell_int(const struct sheet *s, enum member m, int absent, int *out, struct err *e)
{
	struct str c = cell(s, m);
	int64_t n = absent;

	if (c.n && str_to_i64(c, 0, INT32_MAX, &n, member_names[m], NULL))
		return err_set(e, TQ_EFORMAT,
			"line %zu: %s: expected a number, found '" STR_FMT "'", s->line,
			member_names[m], (int)MIN(c.n, 60), c.p);
	*out = (int)n;
	return 0;
}

static const char *full_name(struct inventory *inv, const struct sheet *s, struct str name)
{
	struct str ns = cell(s, NAMESPACE);

	return ns.n ? arena_fmt(&inv->mem, STR_FMT "%%" STR_FMT, STR_ARG(ns), STR_ARG(name))
		    : arena_strn(&inv->mem, name.p, name.n);
}

static const char *copy(struct inventory *inv, struct str s)
{
	return arena_strn(&inv->mem, s.p ? s.p : "", s.n);
}

static int scan_topic(
	struct inventory *inv, const struct sheet *s, struct str name, struct err *e)
{
	struct found *f = inventory_add(inv, OBJ_TOPIC, full_name(inv, s, name));
	const char *type = copy(inv, cell(s, TYPE));
	int rc;

	f->topic = topic_defaults();
	f->topic.name = f->name;
	f->topic.remark = copy(inv, cell(s, REMARK));
	rc = cell_int(s, QUEUES, SHEET_QUEUES, &f->topic.write_queues, e);
	if (!cell(s, QUEUES).n)
		f->warnings |= WARN_BIT(WARN_QUEUES_DEFAULTED);
	f->topic.read_queues = f->topic.write_queues;
	f->topic.type = shape_topic_type(type);
	f->topic.order = f->topic.type == TOPIC_FIFO;
	if (f->topic.type < 0) {
		f->topic.type = TOPIC_MIXED;
		f->warnings |= WARN_BIT(WARN_TYPE_GUESSED);
	}
	return rc;
}

static int scan_group(
	struct inventory *inv, const struct sheet *s, struct str name, struct err *e)
{
	struct found *f = inventory_add(inv, OBJ_GROUP, full_name(inv, s, name));
	struct str protocol = cell(s, PROTOCOL);

	f->group = group_defaults();
	f->group.name = f->name;
	f->group.remark = copy(inv, cell(s, REMARK));
	if (protocol.n == 4 && !strncasecmp(protocol.p, "http", 4))
		f->warnings |= WARN_BIT(WARN_ATTRIBUTE_NOT_CARRIED);
	return cell_int(s, RETRIES, GROUP_RETRIES, &f->group.retry_max, e);
}

static int scan_rows(struct inventory *inv, struct sheet *s, struct err *e)
{
	int rc = 0;

	while (!rc && s->rest.n) {
		struct str topic, group;

		rc = read_row(s, e);
		if (rc || blank_row(s))
			continue;
		topic = cell(s, TOPIC);
		group = cell(s, GROUP);
		if (!topic.n && !group.n)
			return err_set(e, TQ_EFORMAT,
				"line %zu: neither a topic nor a group in its columns",
				s->line);
		if (inv->n >= 2 * SOURCE_MAX_ITEMS)
			return err_set(e, TQ_ETOOBIG, "more than %d rows", SOURCE_MAX_ITEMS);
		if (topic.n)
			rc = scan_topic(inv, s, topic, e);
		if (!rc && group.n)
			rc = scan_group(inv, s, group, e);
	}
	return rc;
}

static const char *fits_text(const struct inventory *inv, struct str text)
{
	struct sheet s;
	bool is = !open_sheet(&s, text, NULL) && (inv->csv_columns || map_known(&s));

	arena_release(&s.mem);
	return is ? "sheet saved as CSV" : NULL;
}

static int scan_text(struct inventory *inv, struct str text, struct err *e)
{
	struct sheet s;
	int rc = open_sheet(&s, text, e);

	if (!rc && !str_is_utf8(text)) {
		rc = err_set(e, TQ_EFORMAT, "not UTF-8");
		err_hint(e, "save the sheet as 'CSV UTF-8'");
	}
	if (!rc && inv->csv_columns)
		rc = map_columns(&s, inv->csv_columns, e);
	else if (!rc)
		map_known(&s);
	if (!rc && s.column[TOPIC] < 0 && s.column[GROUP] < 0)
		rc = err_set(e, TQ_EUSAGE, "--csv-columns: which is the topic, or the group?");
	if (!rc)
		rc = scan_rows(inv, &s, e);
	arena_release(&s.mem);
	return rc;
}

const struct source source_csv = {
	.name = "csv",
	.text = "sheets saved as CSV (--csv-columns)",
	.fits_text = fits_text,
	.scan_text = scan_text,
};
