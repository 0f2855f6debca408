/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source: where metadata comes from, and what was found there.
 *
 *	struct inventory inv;
 *
 *	inventory_init(&inv);
 *	rc = inventory_read(&inv, "rocketmq-metadata-export.json", e);
 *	for (i = 0; i < inv.n; i++)
 *		... inv.items[i] ...
 *	inventory_release(&inv);
 *
 * A source reads, never writes, and leaves nothing out: system topics, odd names and entries that
 * stand twice are all in the inventory; plan.h decides about them. A source is one file that ends
 * in a struct source, and one line in sources.def. What a file is shows in its keys, not its name.
 *
 * One file may hold several documents, one after the other or in a list, and several files may be
 * read into one inventory. Tables of single brokers are then brought together: a name becomes one
 * item whose queues are the sum, and for the rest what most brokers say.
 */
#ifndef TDMQ_SOURCE_H
#define TDMQ_SOURCE_H

#include "mem.h"
#include "model.h"

/* Of one file; what is larger is refused before it is read, or before it is parsed. */
#define SOURCE_MAX_BYTES (64u << 20)
#define SOURCE_MAX_VALUES 2000000
#define SOURCE_MAX_ITEMS 100000 /* topics and groups of one file */

enum object_kind { OBJ_NAMESPACE, OBJ_TOPIC, OBJ_GROUP, OBJ_KINDS };
extern const char *const object_kind_names[]; /* namespace topic group NULL */

enum reason {
	REASON_NONE,
#define REASON(id, text) REASON_##id,
#define WARNING(id, text) WARN_##id,
#include "reasons.def"
	REASON_COUNT
};

const char *reason_name(enum reason r); /* "TASK_LIMIT"; "" for REASON_NONE */
const char *reason_text(enum reason r);
enum reason reason_from(const char *name); /* REASON_NONE if unknown */

/* Sets of warnings are bits, WARN_BIT(WARN_CASE_TWIN). */
#define WARN_BIT(r) (1ull << (r))

/* One topic or group as the source has it. */
struct found {
	enum object_kind kind;
	const char *name; /* exactly as it stands there: any text */
	const char *bad; /* NULL, or why its entry cannot be used */
	const char *broker; /* in whose own table it stands; NULL: it stands for all of them */
	unsigned long long warnings;
	union {
		struct topic topic; /* name and queues as in the source */
		struct group group;
	};
};

/* A namespace of the source, and what it is called where its own name is not allowed. */
struct ns_pair {
	const char *from, *to;
};

/* Which group reads which topic, as far as the source tells. */
struct reads {
	const char *group, *topic;
};

struct names_seen; /* in source.c */

struct inventory {
	struct arena mem; /* everything below lives here */
	const char *csv_columns; /* set before reading: "topic=HEADING,..."; NULL: as known */
	const char *broker; /* while a file is read: what stands for its broker */
	const char *source; /* struct source.name; "apache-file" */
	const char *shape; /* "export.sh file", "topics.json of a broker" */
	const char *path; /* as the user gave it */
	int64_t exported_ms; /* 0: the source does not say */
	int masters; /* brokers the queue numbers are summed over; at least 1 */
	struct found *items; /* owned array */
	size_t n, cap;
	const char *
		*system; /* names of this deployment's own topics: cluster, brokers, trace */
	size_t n_system;
	struct names_seen *system_set; /* the same as a table */
	struct reads *reads; /* owned array */
	size_t n_reads;
	const char **ordered; /* topics with an order, whatever their entries say */
	size_t n_ordered;
	struct ns_pair *spaces; /* owned array: names the source itself offers for namespaces */
	size_t n_spaces;
	const char **notes; /* sentences for people: a broken file replaced by its .bak, ... */
	size_t n_notes;
};

void inventory_init(struct inventory *inv);
void inventory_release(struct inventory *inv);
/*
 * Reads a file, a directory that holds the known files, or "-" (standard input). On failure the
 * error names file and place, and inv holds nothing worth using.
 */
int inventory_read(struct inventory *inv, const char *path, struct err *e) MUST_USE;
/* Several, as one; inv->path names the first. */
int inventory_read_all(
	struct inventory *inv, const char *const *paths, size_t n, struct err *e) MUST_USE;

/* The same of text that is there already; name stands for the file in errors. */
int inventory_read_text(
	struct inventory *inv, const char *name, struct str text, struct err *e) MUST_USE;

/* For sources. All copy. */
struct found *inventory_add(struct inventory *inv, enum object_kind kind, const char *name);
void inventory_add_system(struct inventory *inv, const char *topic);
void inventory_add_read(struct inventory *inv, const char *group, const char *topic);
void inventory_add_ordered(struct inventory *inv, const char *topic);
void inventory_add_space(struct inventory *inv, const char *from, const char *to);
void inventory_note(struct inventory *inv, const char *fmt, ...) PRINTF(2, 3);
bool inventory_is_system(const struct inventory *inv, const char *topic);
/* What brokers make for themselves or for a group: nobody's own topic or group. */
bool inventory_is_own(const struct inventory *inv, const struct found *f);
/* Brings tables of single brokers together; the readers above do it at their end. */
void inventory_settle(struct inventory *inv);

/*
 * Our own export file: {"format":"tdmqctl-export/1", "source":{...}, KIND:{...}}, where KIND names
 * the source whose objects are below it, exactly as that source gave them.
 */
#define SOURCE_EXPORT_FORMAT "tdmqctl-export/"
#define SOURCE_EXPORT_MAJOR 1
bool source_is_export(const cJSON *doc);

struct source {
	const char *name; /* "apache-file" */
	const char *text; /* what it reads, for help and errors */
	/*
	 * Where to look in a directory: sets of file names, best first, NULL at the end. Of the
	 * first set of which a file is there, all files that are there are read.
	 */
	const char *const *const *sets;
	/* The shape this document has, NULL if it is none of this source's. */
	const char *(*fits)(const cJSON *doc);
	/* Adds what the document holds; copies, so that doc may go. It may complete doc. */
	int (*scan)(struct inventory *inv, cJSON *doc, struct err *e);
	/* The same for one object of a list that is no document; NULL: there are none such. */
	const char *(*fits_row)(const cJSON *row);
	int (*scan_row)(struct inventory *inv, cJSON *row, struct err *e);
	/* The same for text that is not JSON; NULL: this source is JSON only. */
	const char *(*fits_text)(const struct inventory *inv, struct str text);
	int (*scan_text)(struct inventory *inv, struct str text, struct err *e);
};

/* NULL at the end. */
extern const struct source *const sources[];

#endif
