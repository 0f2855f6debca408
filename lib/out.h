/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out: what a command found, as table, JSON, YAML, CSV or names. The command builds cJSON items;
 * a view says how one kind of item shows.
 *
 *	static const struct col topic_cols[] = {
 *		{ "name", "name" },
 *		{ "queues", "readQueues", COL_COUNT },
 *		{ "size", "sizeBytes", COL_BYTES, COL_WIDE },
 *		COL_END
 *	};
 *	const struct view topic_view = { "Topic", "name", topic_cols };
 *
 *	rc = out_list(cx->out, &topic_view, items, meta, &cx->err);
 *
 * Nothing is lost silently: out_finish() reports a full disk or a closed pipe. A closed pipe is
 * TQ_EIO with err.sys EPIPE, which main() passes over in silence. Numbers stay exact when they
 * were added with json_add_i64().
 */
#ifndef TDMQ_OUT_H
#define TDMQ_OUT_H

#include "buf.h"
#include "err.h"
#include "json.h"
#include "strv.h"

#define OUT_API_VERSION "tdmqctl/v1" /* of JSON and YAML documents */

enum out_format {
	OUT_TABLE,
	OUT_WIDE,
	OUT_JSON,
	OUT_NDJSON,
	OUT_YAML,
	OUT_NAME,
	OUT_CSV,
};
extern const char *const out_format_names[]; /* NULL at the end: for OPT_ENUM */

/* How a value shows in a table; JSON, YAML and CSV have it as it is. */
enum col_format {
	COL_TEXT,
	COL_COUNT, /* 1.2K; right-aligned */
	COL_BYTES, /* 3.4 MiB; right-aligned */
	COL_MS, /* 2m10s; right-aligned */
	COL_TIME, /* of ms since 1970, or text as it is */
	COL_BOOL, /* yes, no */
	COL_PERCENT, /* of 0 to 100: 12.5%; right-aligned */
	COL_NUMBER, /* as it is, right-aligned: ids, ports, offsets */
};

enum col_flags {
	COL_WIDE = 1, /* only with -o wide, --columns, csv, or in the page of one object */
	COL_OPTIONAL = 2, /* first to go on a narrow terminal */
	COL_ONE = 4, /* only in the page of one object */
	COL_STATE = 8, /* coloured by its word: ok/warning/failed ... */
	COL_WHOLE = 16, /* an id, to be copied from the screen: never wrapped */
};

struct col {
	const char *
		name; /* lower case; shown in capitals; what --columns, --sort-by, --filter say */
	const char *
		path; /* members from the item down: "status.lag"; arrays of texts are joined */
	enum col_format format;
	unsigned flags; /* enum col_flags */
};
#define COL_END \
	{ \
		NULL, NULL, COL_TEXT, 0 \
	}

struct view {
	const char *kind; /* "Topic"; a list of it is a "TopicList" */
	const char *name; /* path of what -o name prints */
	const struct col *cols;
	bool mixed; /* items carry their own "kind"; -o name prints kind/name */
};

/* What the user asked for: filled by options. Borrowed by out for its life. */
struct out_opts {
	int format; /* enum out_format */
	struct strv columns; /* empty: those of the view */
	const char *sort_by; /* "col", "col:desc" or NULL */
	const char *filter; /* `lag>1000 && name~^order` or NULL */
	bool no_headers, raw, colour, utc, int64_strings;
	int width; /* of the terminal; 0: no fitting */
};

struct out;

/* f is borrowed. A bad filter is TQ_EUSAGE here; unknown columns when the view is known. */
int out_new(FILE *f, const struct out_opts *opts, struct out **out, struct err *e) MUST_USE;
void out_free(struct out *o);
const struct out_opts *out_options(const struct out *o);

/* items: an array, meta: an object or NULL (then {}); both borrowed. */
int out_list(struct out *o, const struct view *v, const cJSON *items, const cJSON *meta,
	struct err *e) MUST_USE;
/*
 * One object: a page of "name: value" lines from the columns of its view; JSON and YAML as it is,
 * with apiVersion and kind in front if it has none.
 */
int out_object(struct out *o, const struct view *v, const cJSON *item, struct err *e) MUST_USE;

/*
 * Row by row, for what does not fit in memory or never ends: out_begin, out_row..., out_end.
 * Rows leave in blocks; out_flush() sends what is there, for a reader who waits, and settles the
 * widths of a table. --sort-by and YAML hold everything back until out_end().
 */
int out_begin(struct out *o, const struct view *v, struct err *e) MUST_USE;
int out_row(struct out *o, const cJSON *item, struct err *e) MUST_USE; /* copies if it must */
int out_flush(struct out *o, struct err *e) MUST_USE;
int out_end(struct out *o, const cJSON *meta, struct err *e) MUST_USE;
/* Rows that passed the filter so far, and those it held back. */
size_t out_rows(const struct out *o);

/*
 * Whether --columns, --sort-by or --filter name a column with such flags: what a list fills only
 * then, because it costs a request for each row.
 */
bool out_wants(const struct out *o, const struct view *v, unsigned flags);

/* Columns of listings that did not fit on the terminal, for a note on stderr. */
const struct strv *out_dropped(const struct out *o);

/* Text as it is, for what is no table: reports, message bodies. */
int out_text(struct out *o, struct str text, struct err *e) MUST_USE;
/* Flushes; the last error of any call, if one was ignored. Once, before exit. */
int out_finish(struct out *o, struct err *e) MUST_USE;

/* 1.2K, 3.4 MiB: the figures of tables, for sentences. */
void out_count(struct buf *b, int64_t n);
void out_bytes(struct buf *b, int64_t n);
/* Columns text takes on a terminal: wide characters two, combining ones none. */
size_t out_width(struct str s);

/* What is wrong with a view, one complaint a line: for the test that walks all tables. */
void out_check(const struct view *v, struct buf *complaints);

#endif
