/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of migrate/ share: files of their own, inventories from text. */
#ifndef TDMQ_TEST_MIGRATE_H
#define TDMQ_TEST_MIGRATE_H

#include <stdio.h>
#include <unistd.h>

#include "fsio.h"
#include "migrate/source.h"

/* A fresh directory; gone with test_dir_remove(). */
static inline char *test_dir(void)
{
	char *path = mem_str("/tmp/tdmq-migrate-XXXXXX");

	BUG_ON(!mkdtemp(path));
	return path;
}

static inline void test_dir_remove(char *dir)
{
	char *cmd = mem_fmt("rm -r '%s'", dir);

	BUG_ON(system(cmd));
	mem_free(cmd);
	mem_free(dir);
}

static inline void test_write(const char *dir, const char *name, const char *text)
{
	char *path = mem_fmt("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	BUG_ON(!f || fputs(text, f) < 0 || fclose(f));
	mem_free(path);
}

/* Reads text as if it stood in m.json. */
static inline int test_inventory(struct inventory *inv, const char *text, struct err *e)
{
	inventory_init(inv);
	return inventory_read_text(inv, "m.json", str_of(text), e);
}

static inline const struct found *test_found(const struct inventory *inv, const char *name)
{
	for (size_t i = 0; i < inv->n; i++)
		if (!strcmp(inv->items[i].name, name))
			return &inv->items[i];
	return NULL;
}

#endif
