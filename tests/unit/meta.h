/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta: a metadb in a directory of its own, for tests. Without a thread: jobs run when
 * submitted, completions with meta_settle(), so that a test sees each step.
 */
#ifndef TEST_META_H
#define TEST_META_H

#include <criterion/criterion.h>
#include <unistd.h>

#include "brokerd/metadb.h"

struct meta_box {
	char dir[64], path[96];
	struct metadb *db;
};

static inline void meta_box_open(struct meta_box *b)
{
	struct metadb_opts o = { b->path, NULL };
	struct err e = ERR_INIT;

	cr_assert_eq(metadb_open(&o, &b->db, &e), 0, "%s", e.msg);
}

static inline void meta_box_init(struct meta_box *b)
{
	snprintf(b->dir, sizeof(b->dir), "/tmp/tdmq-unit-XXXXXX");
	cr_assert(mkdtemp(b->dir));
	snprintf(b->path, sizeof(b->path), "%s/meta.db", b->dir);
	meta_box_open(b);
}

static inline void meta_box_close(struct meta_box *b)
{
	metadb_close(b->db);
	b->db = NULL;
}

static inline void meta_box_release(struct meta_box *b)
{
	static const char *const names[] = { "", "-wal", "-shm" };
	char path[128];

	meta_box_close(b);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s%s", b->path, names[i]);
		unlink(path);
	}
	rmdir(b->dir);
}

/* Runs completions until there are none. */
static inline void meta_settle(struct meta_box *b)
{
	while (metadb_deliver(b->db))
		;
}

#endif
