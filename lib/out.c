/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every listing is rows: out_list() is out_begin(), out_row() for each item, out_end(). A row
 * passes the filter, then goes to the writer of the format, unless it must wait for sorting.
 *
 * Text is collected in `text` and leaves in blocks. The first failure to write sticks: all later
 * calls return it, so no caller has to notice it at once.
 */
#include "out.h"

#include <errno.h>

#include "cell.h"
#include "fsio.h"
#include "mem.h"
#include "opt.h"
#include "rowfilter.h"
#include "table.h"
#include "yamldoc.h"

#define BLOCK 65536 /* text collected before it is written */
#define SETTLE_ROWS 1000 /* a table's widths are those of so many rows */
#define TEXT_MAX (256u << 20)

const char *const out_format_names[] = { "table", "wide", "json", "ndjson", "yaml", "name",
	"csv", NULL };

struct out {
	FILE *f; /* borrowed */
	struct out_opts opts; /* strings borrowed */
	struct buf text;
	struct err failed; /* the first failure to write */
	struct strv dropped;

	/* of the listing under way */
	const struct view *view; /* NULL: none */
	const struct col **cols; /* owned: those shown */
	size_t ncols;
	struct rowfilter *filter;
	const struct col *sort;
	bool descending;
	struct table table;
	cJSON *held; /* rows that wait for sorting, or for YAML */
	size_t rows, shown;
};

int out_new(FILE *f, const struct out_opts *opts, struct out **out, struct err *e)
{
	struct out *o;
	int rc = opts->filter ? rowfilter_check(opts->filter, e) : 0;

	if (rc)
		return rc;
	o = mem_alloc(sizeof(*o));
	o->f = f;
	o->opts = *opts;
	buf_init(&o->text, TEXT_MAX);
	*out = o;
	return 0;
}

static void forget_listing(struct out *o)
{
	mem_free(o->cols);
	o->cols = NULL;
	o->ncols = 0;
	rowfilter_free(o->filter);
	o->filter = NULL;
	o->sort = NULL;
	if (o->table.cols)
		table_release(&o->table);
	cJSON_Delete(o->held);
	o->held = NULL;
	o->view = NULL;
	o->shown = 0;
}

void out_free(struct out *o)
{
	if (!o)
		return;
	forget_listing(o);
	strv_release(&o->dropped);
	buf_release(&o->text);
	mem_free(o);
}

const struct out_opts *out_options(const struct out *o)
{
	return &o->opts;
}

size_t out_rows(const struct out *o)
{
	return o->rows;
}

/* A word of the expression; in a value it may be one by chance. */
static bool mentions(const char *text, const char *name)
{
	const char *letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t n = strlen(name), word;

	for (; text && *text; text += MAX(word, 1)) {
		word = strspn(text, letters);
		if (word == n && !memcmp(text, name, n))
			return true;
	}
	return false;
}

bool out_wants(const struct out *o, const struct view *v, unsigned flags)
{
	for (const struct col *c = v->cols; c->name; c++)
		if (c->flags & flags && (strv_has(&o->opts.columns, str_of(c->name)) ||
						mentions(o->opts.sort_by, c->name) ||
						mentions(o->opts.filter, c->name)))
			return true;
	return false;
}

const struct strv *out_dropped(const struct out *o)
{
	return &o->dropped;
}

static int failure(const struct out *o, struct err *e)
{
	if (e)
		*e = o->failed;
	return o->failed.code;
}

static int write_failed(struct out *o, struct err *e)
{
	int sys = errno;

	err_sys(&o->failed, sys == EPIPE ? TQ_EIO : fsio_err_code(sys),
		"cannot write the output");
	return failure(o, e);
}

/* Hands the collected text to stdio. */
static int drain(struct out *o, struct err *e)
{
	if (o->failed.code)
		return failure(o, e);
	if (buf_err(&o->text)) {
		err_set(&o->failed, TQ_ETOOBIG, "more output than fits in memory");
		return failure(o, e);
	}
	errno = 0;
	if (o->text.n && fwrite(o->text.p, 1, o->text.n, o->f) != o->text.n)
		return write_failed(o, e);
	buf_clear(&o->text);
	return 0;
}

static int drain_blocks(struct out *o, struct err *e)
{
	return o->text.n < BLOCK && !buf_err(&o->text) && !o->failed.code ? 0 : drain(o, e);
}

int out_text(struct out *o, struct str text, struct err *e)
{
	buf_add_str(&o->text, text);
	return drain_blocks(o, e);
}

int out_finish(struct out *o, struct err *e)
{
	int rc = drain(o, e);

	if (rc)
		return rc;
	errno = 0;
	return fflush(o->f) || ferror(o->f) ? write_failed(o, e) : 0;
}

static bool is_table(const struct out *o)
{
	return o->opts.format == OUT_TABLE || o->opts.format == OUT_WIDE;
}

static unsigned print_flags(const struct out *o)
{
	return o->opts.int64_strings ? JSON_INT64_TEXT : 0;
}

/* Which columns show, before the user chose any. */
static bool shows(const struct out *o, const struct col *c, bool page)
{
	if (c->flags & COL_ONE)
		return page;
	if (c->flags & COL_WIDE)
		return page || o->opts.format != OUT_TABLE;
	return true;
}

static int no_column(const struct view *v, struct str name, struct err *e)
{
	const char *names[64];
	size_t n = 0;
	struct buf b;

	for (const struct col *c = v->cols; c->name && n + 1 < ARRAY_LEN(names); c++)
		names[n++] = c->name;
	names[n] = NULL;
	err_set(e, TQ_EUSAGE, "no column '" STR_FMT "'", STR_ARG(name));
	buf_init(&b, 200);
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? " " : "", names[i]);
	if (opt_nearest(name, names))
		err_hint(e, "did you mean %s?", opt_nearest(name, names));
	else
		err_hint(e, "columns are: %s", buf_err(&b) ? "see -o wide" : b.p);
	buf_release(&b);
	return TQ_EUSAGE;
}

static const struct col *find_col(const struct view *v, struct str name)
{
	for (const struct col *c = v->cols; c->name; c++)
		if (str_is(name, c->name))
			return c;
	return NULL;
}

static int choose_cols(struct out *o, const struct view *v, bool page, struct err *e)
{
	const struct strv *wanted = &o->opts.columns;
	size_t n = 0;

	while (v->cols[n].name)
		n++;
	o->cols = mem_array(MAX(n, wanted->n) + 1, sizeof(*o->cols));
	for (size_t i = 0; i < wanted->n; i++) {
		const struct col *c = find_col(v, str_of(wanted->v[i]));

		if (!c)
			return no_column(v, str_of(wanted->v[i]), e);
		o->cols[o->ncols++] = c;
	}
	for (size_t i = 0; i < n && !wanted->n; i++)
		if (shows(o, &v->cols[i], page))
			o->cols[o->ncols++] = &v->cols[i];
	return 0;
}

static int choose_sort(struct out *o, const struct view *v, struct err *e)
{
	struct str rest = str_of(o->opts.sort_by), name;

	if (!o->opts.sort_by)
		return 0;
	str_cut(&rest, ':', &name);
	o->sort = find_col(v, name);
	if (!o->sort)
		return no_column(v, name, e);
	o->descending = str_is(rest, "desc");
	if (rest.p && !o->descending && !str_is(rest, "asc"))
		return err_set(
			e, TQ_EUSAGE, "--sort-by '%s': order is asc or desc", o->opts.sort_by);
	return 0;
}

static bool is_right(const struct col *c)
{
	return c->format == COL_COUNT || c->format == COL_BYTES || c->format == COL_MS ||
	       c->format == COL_PERCENT || c->format == COL_NUMBER;
}

static void begin_table(struct out *o)
{
	struct table_col *cols = mem_array(o->ncols, sizeof(*cols));

	for (size_t i = 0; i < o->ncols; i++)
		cols[i] = (struct table_col){ .name = o->cols[i]->name,
			.right = is_right(o->cols[i]),
			.whole = o->cols[i]->flags & COL_WHOLE,
			.optional = o->cols[i]->flags & COL_OPTIONAL && !o->opts.columns.n };
	table_init(&o->table, cols, o->ncols, (size_t)o->opts.width, !o->opts.no_headers);
	mem_free(cols);
}

static void csv_field(struct buf *b, struct str s, bool first)
{
	if (!first)
		buf_putc(b, ',');
	if (!memchr(s.p, '"', s.n) && !memchr(s.p, ',', s.n) && !memchr(s.p, '\n', s.n) &&
		!memchr(s.p, '\r', s.n)) {
		buf_add_str(b, s);
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++)
		buf_puts(b, s.p[i] == '"' ? "\"\"" : (char[]){ s.p[i], '\0' });
	buf_putc(b, '"');
}

static void csv_headers(struct out *o)
{
	if (o->opts.no_headers)
		return;
	for (size_t i = 0; i < o->ncols; i++)
		csv_field(&o->text, str_of(o->cols[i]->name), !i);
	buf_puts(&o->text, "\r\n");
}

static void csv_row(struct out *o, const cJSON *item)
{
	struct buf cell;

	buf_init(&cell, TEXT_MAX);
	for (size_t i = 0; i < o->ncols; i++) {
		buf_clear(&cell);
		cell_plain(&cell, row_at(item, o->cols[i]->path));
		csv_field(&o->text, buf_str(&cell), !i);
	}
	buf_puts(&o->text, "\r\n");
	buf_release(&cell);
}

static void name_row(struct out *o, const cJSON *item)
{
	if (o->view->mixed) {
		const char *kind = json_text(item, "kind", o->view->kind);
		size_t at = o->text.n;

		buf_addf(&o->text, "%s/", kind);
		for (; at < o->text.n; at++)
			if (o->text.p[at] >= 'A' && o->text.p[at] <= 'Z')
				o->text.p[at] |= 0x20;
	}
	cell_plain(&o->text, row_at(item, o->view->name));
	buf_putc(&o->text, '\n');
}

static void json_head(struct out *o)
{
	buf_puts(&o->text, "{\n  \"apiVersion\": \"" OUT_API_VERSION "\",\n  \"kind\": ");
	buf_addf(&o->text, "\"%sList\",\n  \"items\": [", o->view->kind);
}

static void json_row(struct out *o, const cJSON *item)
{
	buf_puts(&o->text, o->shown ? ",\n    " : "\n    ");
	json_print(&o->text, item, JSON_PRETTY | print_flags(o), 2);
}

static void json_tail(struct out *o, const cJSON *meta)
{
	buf_puts(&o->text, o->shown ? "\n  ],\n  \"meta\": " : "],\n  \"meta\": ");
	if (meta)
		json_print(&o->text, meta, JSON_PRETTY | print_flags(o), 1);
	else
		buf_puts(&o->text, "{}");
	buf_puts(&o->text, "\n}\n");
}

static void table_item(struct out *o, const cJSON *item)
{
	struct table_cell *cells = mem_array(o->ncols, sizeof(*cells));
	struct arena mem;

	arena_init(&mem);
	for (size_t i = 0; i < o->ncols; i++) {
		const cJSON *node = row_at(item, o->cols[i]->path);

		cells[i].text = cell_text(&mem, o->cols[i], node, o->opts.raw, o->opts.utc);
		if (o->opts.colour)
			cells[i].colour = cell_colour(o->view, o->cols[i], node);
	}
	table_row(&o->table, cells);
	arena_release(&mem);
	mem_free(cells);
}

/* A row for the format at hand; it has passed filter and order. */
static int show(struct out *o, const cJSON *item, struct err *e)
{
	switch (o->opts.format) {
	case OUT_JSON:
		json_row(o, item);
		break;
	case OUT_NDJSON:
		json_print(&o->text, item, print_flags(o), 0);
		buf_putc(&o->text, '\n');
		break;
	case OUT_NAME:
		name_row(o, item);
		break;
	case OUT_CSV:
		csv_row(o, item);
		break;
	default:
		table_item(o, item);
		if (o->table.settled || o->table.rows >= SETTLE_ROWS)
			table_print(&o->table, &o->text);
	}
	o->shown++;
	return drain_blocks(o, e);
}

int out_begin(struct out *o, const struct view *v, struct err *e)
{
	int rc;

	BUG_ON(o->view);
	forget_listing(o);
	rc = choose_cols(o, v, false, e);
	if (!rc)
		rc = choose_sort(o, v, e);
	if (!rc && o->opts.filter)
		rc = rowfilter_new(o->opts.filter, v->cols, o->opts.utc, &o->filter, e);
	if (rc) {
		forget_listing(o);
		return rc;
	}
	o->view = v;
	o->rows = 0;
	if (is_table(o))
		begin_table(o);
	if (o->sort || o->opts.format == OUT_YAML)
		o->held = cJSON_CreateArray();
	if (o->opts.format == OUT_CSV)
		csv_headers(o);
	if (o->opts.format == OUT_JSON)
		json_head(o);
	return 0;
}

int out_row(struct out *o, const cJSON *item, struct err *e)
{
	BUG_ON(!o->view);
	if (o->filter && !rowfilter_match(o->filter, item))
		return o->failed.code ? failure(o, e) : 0;
	o->rows++;
	if (o->held) {
		cJSON *copy = cJSON_Duplicate(item, true);

		BUG_ON(!copy || !cJSON_AddItemToArray(o->held, copy));
		return 0;
	}
	return show(o, item, e);
}

int out_flush(struct out *o, struct err *e)
{
	if (o->view && is_table(o) && !o->held)
		table_print(&o->table, &o->text);
	return out_finish(o, e);
}

struct sorted {
	const cJSON *item, *key;
	size_t at;
};

/* Unknown last; numbers as numbers; else bytewise. */
static int compare_keys(const cJSON *a, const cJSON *b)
{
	bool no_a = !a || cJSON_IsNull(a), no_b = !b || cJSON_IsNull(b);
	int64_t va, vb;
	int order;

	if (no_a || no_b)
		return 0;
	if (json_node_int(a, &va) && json_node_int(b, &vb))
		return (va > vb) - (va < vb);
	if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
		return (a->valuedouble > b->valuedouble) - (a->valuedouble < b->valuedouble);
	{
		struct buf ta, tb;

		buf_init(&ta, TEXT_MAX);
		buf_init(&tb, TEXT_MAX);
		cell_plain(&ta, a);
		cell_plain(&tb, b);
		order = str_cmp(buf_str(&ta), buf_str(&tb));
		buf_release(&ta);
		buf_release(&tb);
	}
	return order;
}

static bool is_unknown(const struct sorted *s)
{
	return !s->key || cJSON_IsNull(s->key);
}

static int by_key(const void *a, const void *b, void *descending)
{
	const struct sorted *x = a, *y = b;
	int order = is_unknown(x) - is_unknown(y);

	if (!order)
		order = compare_keys(x->key, y->key) * (*(bool *)descending ? -1 : 1);
	return order ? order : (x->at > y->at) - (x->at < y->at);
}

/* The held rows in order; the caller frees the array, the items stay the list's. */
static struct sorted *sort_held(struct out *o, size_t *n)
{
	struct sorted *s = mem_array(o->rows, sizeof(*s));
	const cJSON *item;

	*n = 0;
	cJSON_ArrayForEach (item, o->held) {
		s[*n] = (struct sorted){ item, o->sort ? row_at(item, o->sort->path) : NULL,
			*n };
		++*n;
	}
	qsort_r(s, *n, sizeof(*s), by_key, &o->descending);
	return s;
}

static void add_ref(cJSON *o, const char *key, const cJSON *node)
{
	if (key)
		BUG_ON(!cJSON_AddItemReferenceToObject(o, key, (cJSON *)(uintptr_t)node));
	else
		BUG_ON(!cJSON_AddItemReferenceToArray(o, (cJSON *)(uintptr_t)node));
}

static int yaml_list(
	struct out *o, const struct sorted *rows, size_t n, const cJSON *meta, struct err *e)
{
	cJSON *doc = cJSON_CreateObject(), *items;
	char *kind = mem_fmt("%sList", o->view->kind);
	int rc;

	json_add_str(doc, "apiVersion", STR(OUT_API_VERSION));
	json_add_str(doc, "kind", str_of(kind));
	items = cJSON_AddArrayToObject(doc, "items");
	for (size_t i = 0; i < n; i++)
		add_ref(items, NULL, rows[i].item);
	if (meta)
		add_ref(doc, "meta", meta);
	else
		cJSON_AddObjectToObject(doc, "meta");
	rc = yamldoc_write(&o->text, doc, true, e);
	cJSON_Delete(doc);
	mem_free(kind);
	return rc;
}

static int show_held(struct out *o, const cJSON *meta, struct err *e)
{
	struct sorted *rows;
	size_t n;
	int rc = 0;

	if (!o->held)
		return 0;
	rows = sort_held(o, &n);
	if (o->opts.format == OUT_YAML)
		rc = yaml_list(o, rows, n, meta, e);
	else
		for (size_t i = 0; i < n && !rc; i++)
			rc = show(o, rows[i].item, e);
	mem_free(rows);
	return rc;
}

static void note_dropped(struct out *o)
{
	for (size_t i = 0; i < o->ncols; i++)
		if (o->table.cols[i].dropped)
			strv_add(&o->dropped, str_of(o->cols[i]->name));
}

int out_end(struct out *o, const cJSON *meta, struct err *e)
{
	int rc;

	BUG_ON(!o->view);
	rc = show_held(o, meta, e);
	if (!rc && o->opts.format == OUT_JSON)
		json_tail(o, meta);
	if (!rc && is_table(o)) {
		table_print(&o->table, &o->text);
		note_dropped(o);
	}
	forget_listing(o);
	return rc ? rc : drain_blocks(o, e);
}

int out_list(struct out *o, const struct view *v, const cJSON *items, const cJSON *meta,
	struct err *e)
{
	const cJSON *item;
	int rc = out_begin(o, v, e);

	if (rc)
		return rc;
	cJSON_ArrayForEach (item, items) {
		rc = out_row(o, item, e);
		if (rc)
			break;
	}
	if (rc)
		forget_listing(o);
	return rc ? rc : out_end(o, meta, e);
}

/* The object with apiVersion and kind in front; the caller deletes it, its members are borrowed. */
static cJSON *with_head(const struct view *v, const cJSON *item)
{
	cJSON *doc = cJSON_CreateObject();
	const cJSON *child;

	if (!cJSON_GetObjectItemCaseSensitive(item, "apiVersion"))
		json_add_str(doc, "apiVersion", STR(OUT_API_VERSION));
	if (!cJSON_GetObjectItemCaseSensitive(item, "kind"))
		json_add_str(doc, "kind", str_of(v->kind));
	cJSON_ArrayForEach (child, item)
		add_ref(doc, child->string, child);
	return doc;
}

static void page(struct out *o, const cJSON *item)
{
	size_t longest = 0;
	struct arena mem;

	arena_init(&mem);
	for (size_t i = 0; i < o->ncols; i++)
		longest = MAX(longest, strlen(o->cols[i]->name));
	for (size_t i = 0; i < o->ncols; i++) {
		const struct col *c = o->cols[i];
		const cJSON *node = row_at(item, c->path);
		const char *colour = o->opts.colour ? cell_colour(o->view, c, node) : NULL;

		buf_addf(&o->text, "%s:%*s", c->name, (int)(longest - strlen(c->name) + 2), "");
		buf_addf(&o->text, "%s%s%s\n", colour ? colour : "",
			cell_text(&mem, c, node, o->opts.raw, o->opts.utc),
			colour ? "\x1b[0m" : "");
	}
	arena_release(&mem);
}

static int show_object(struct out *o, const cJSON *item, struct err *e)
{
	cJSON *doc = with_head(o->view, item);
	int rc = 0;

	switch (o->opts.format) {
	case OUT_JSON:
		json_print(&o->text, doc, JSON_PRETTY | print_flags(o), 0);
		buf_putc(&o->text, '\n');
		break;
	case OUT_NDJSON:
		json_print(&o->text, doc, print_flags(o), 0);
		buf_putc(&o->text, '\n');
		break;
	case OUT_YAML:
		rc = yamldoc_write(&o->text, doc, true, e);
		break;
	case OUT_NAME:
		name_row(o, item);
		break;
	case OUT_CSV:
		csv_headers(o);
		csv_row(o, item);
		break;
	default:
		page(o, item);
	}
	cJSON_Delete(doc);
	return rc ? rc : drain_blocks(o, e);
}

int out_object(struct out *o, const struct view *v, const cJSON *item, struct err *e)
{
	int rc;

	BUG_ON(o->view);
	forget_listing(o);
	rc = choose_cols(o, v, true, e);
	if (!rc) {
		o->view = v;
		rc = show_object(o, item, e);
	}
	forget_listing(o);
	return rc;
}

size_t out_width(struct str s)
{
	return table_text_width(s);
}

static void check_col(const struct view *v, const struct col *c, struct buf *complaints)
{
	if (!c->path)
		buf_addf(complaints, "%s.%s: no path\n", v->kind, c->name);
	for (const char *s = c->name; *s; s++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *s))
			buf_addf(complaints, "%s.%s: '%c' in the name\n", v->kind, c->name, *s);
	for (const struct col *other = v->cols; other < c; other++)
		if (!strcmp(other->name, c->name))
			buf_addf(complaints, "%s.%s: twice\n", v->kind, c->name);
}

void out_check(const struct view *v, struct buf *complaints)
{
	if (!v->kind || v->kind[0] < 'A' || v->kind[0] > 'Z')
		buf_addf(complaints, "%s: a kind begins with a capital\n",
			v->kind ? v->kind : "view");
	if (!v->name)
		buf_addf(complaints, "%s: nothing for -o name\n", v->kind);
	for (const struct col *c = v->cols; c->name; c++)
		check_col(v, c, complaints);
}
