/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storelog: the commit log of a store directory, read offline: brokerd's or Apache's, on whatever
 * disk, also one that cannot be written. Reads through a window of a few megabytes, however large
 * the log is, and writes nothing.
 *
 *	rc = storelog_open(&l, dir, e);
 *	while (!rc && storelog_next(&l, &rec, e))	records and what lies between them
 *		...
 *	storelog_close(&l);
 */
#ifndef TDMQCTL_STORELOG_H
#define TDMQCTL_STORELOG_H

#include "err.h"
#include "mem.h"
#include "message.h"

#define STORE_LOG_DIR "commitlog"

/* A file of the log, by its name. */
struct storelog_file {
	char *path; /* owned */
	int64_t base, size, mtime_ms;
};

struct storelog {
	char *dir; /* owned */
	struct storelog_file *files; /* owned, ascending */
	size_t n, cap;
	char **strangers; /* owned: entries that are no files of the log */
	size_t n_strangers;
	size_t i; /* file that is read */
	int fd;
	int64_t at; /* where the next record is looked for */
	bool marked; /* the last thing read was a file's end mark, or its lack was told */
	char *window; /* owned */
	int64_t window_at;
	size_t window_n;
};

enum storelog_kind {
	STORELOG_RECORD, /* a sound one: m is filled */
	STORELOG_DAMAGE, /* bytes that are none; sound ones follow */
	STORELOG_TORN, /* bytes that are none at the end: nothing sound follows */
	STORELOG_HOLE, /* a file of the sequence is missing */
	STORELOG_UNMARKED, /* a full file without the record that ends it */
};

struct storelog_item {
	enum storelog_kind kind;
	int64_t off, bytes; /* place, and length */
	const char *path; /* borrowed: file */
	const char *why; /* of damage */
	struct message m; /* borrowed until the next call */
};

/* TQ_ENOTFOUND when there is no such directory. */
int storelog_open(struct storelog *l, const char *dir, struct err *e) MUST_USE;
void storelog_close(struct storelog *l);
int64_t storelog_min(const struct storelog *l);
int64_t storelog_bytes(const struct storelog *l); /* of all files */
/* False at the end, and on an error, which is in *e. l->at is the end of the log then. */
bool storelog_next(struct storelog *l, struct storelog_item *it, struct err *e);
/* The one record at off; false if there is none that is sound. */
bool storelog_get(struct storelog *l, int64_t off, struct message *m);
/* Where the records end, without reading them all: hops from the beginning of the last file. */
int64_t storelog_end(struct storelog *l);

/* A file name of 20 digits; -1 for any other. */
int64_t storelog_name(const char *name);

#endif
