/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment: one file of the commit log, at full length from its creation, read through a shared
 * read-only map, written with pwritev only. References are counted: a reader that holds one keeps
 * the map alive when retention has removed the file.
 *
 * Disk blocks are reserved ahead of the writes (segment_reserve), so a full disk is an error of
 * the reservation and never a fault in the map or a torn record.
 */
#ifndef TDMQ_STORE_SEGMENT_H
#define TDMQ_STORE_SEGMENT_H

#include "err.h"

struct segment {
	int64_t base, size; /* offset of the first byte, length */
	const char *map;
	int fd; /* open for writing, or -1 */
	int64_t data; /* bytes from the start that may be other than zero; nothing beyond is
			   * read: on a full tmpfs, reading a hole of a map is a SIGBUS */
	int64_t reserved; /* bytes from the start known to have blocks; loop */
	bool fresh; /* its directory entry is not synced yet; flush thread after creation */
	_Atomic bool sealed; /* full: the flush thread closes fd after the next sync */
	_Atomic int refs;
	char path[];
};

/* An existing file, length as it is. TQ_EFORMAT for an empty one. */
int segment_open(const char *path, int64_t base, struct segment **out, struct err *e) MUST_USE;
/* A new file of `size` bytes that read as zero. It must not be there yet. */
int segment_create(const char *path, int64_t base, int64_t size, struct segment **out,
	struct err *e) MUST_USE;
/* Opens it for writing, if it is not. */
int segment_writable(struct segment *g, struct err *e) MUST_USE;
/* Blocks for the first `upto` bytes, and some more at a time. TQ_ENOSPACE leaves all as it was. */
int segment_reserve(struct segment *g, int64_t upto, struct err *e) MUST_USE;
/* Makes [from, size) read as zero and gives its blocks back. Nobody may read there meanwhile. */
int segment_zero_from(struct segment *g, int64_t from, struct err *e) MUST_USE;

/* Whether [off, off + n) of the log can be read, see guard.h. Waits for the disk. Any thread. */
bool segment_touch(const struct segment *g, int64_t off, int64_t n);
/* Whether all of it is in memory, so that nobody waits for the disk. Where nobody can tell, it is. */
bool segment_resident(const struct segment *g, int64_t off, int64_t n);
/* The kernel may begin to read it. */
void segment_will_need(const struct segment *g, int64_t off, int64_t n);

struct segment *segment_ref(struct segment *g);
void segment_unref(struct segment *g); /* NULL is fine */

#endif
