/* SPDX-License-Identifier: Apache-2.0 */
/* sqlcache: a hash that is a list too: what is used goes to its end, what goes is its head. */
#include "sqlcache.h"

#include "map.h"

struct entry {
	char *text; /* owned */
	size_t n;
	struct sql *sql; /* owned */
	UT_hash_handle hh;
};

struct sqlcache {
	struct entry *entries;
};

struct sqlcache *sqlcache_new(void)
{
	return mem_alloc(sizeof(struct sqlcache));
}

static void drop(struct sqlcache *c, struct entry *en)
{
	HASH_DEL(c->entries, en);
	sql_free(en->sql);
	mem_free(en->text);
	mem_free(en);
}

void sqlcache_free(struct sqlcache *c)
{
	if (!c)
		return;
	while (c->entries)
		drop(c, c->entries);
	mem_free(c);
}

static void add(struct sqlcache *c, struct entry *en)
{
	HASH_ADD_KEYPTR(hh, c->entries, en->text, en->n, en);
}

int sqlcache_get(struct sqlcache *c, struct str text, const struct sql **out, struct err *e)
{
	struct entry *en;
	struct sql *q;
	int rc;

	HASH_FIND(hh, c->entries, text.p, text.n, en);
	if (en) {
		HASH_DEL(c->entries, en);
	} else {
		rc = sql_parse(text, &q, e);
		if (rc)
			return rc;
		if (HASH_COUNT(c->entries) >= SQLCACHE_MAX)
			drop(c, c->entries);
		en = mem_alloc(sizeof(*en));
		en->text = mem_strn(text.p, text.n);
		en->n = text.n;
		en->sql = q;
	}
	add(c, en);
	*out = en->sql;
	return 0;
}

int sqlcache_count(const struct sqlcache *c)
{
	return (int)HASH_COUNT(c->entries);
}
