/* SPDX-License-Identifier: Apache-2.0 */
/* A pair is contiguous in its text, so copying keeps it as one piece, byte for byte. */
#include "props.h"

#include "mem.h"

#define NAME_END '\x01'
#define PAIR_END '\x02'

bool props_next(struct str *rest, struct prop *p)
{
	while (rest->n) {
		const char *at = rest->p, *end = memchr(at, PAIR_END, rest->n), *mid;
		size_t n = end ? (size_t)(end - at) : rest->n;

		*rest = end ? str_skip(*rest, n + 1) : STR_NONE;
		mid = memchr(at, NAME_END, n);
		if (!mid || mid == at || mid + 1 == at + n)
			continue;
		p->name = (struct str){ at, (size_t)(mid - at) };
		p->value = (struct str){ mid + 1, n - p->name.n - 1 };
		return true;
	}
	return false;
}

/* The broker asks for several names of each message, so one search a piece has to do. */
struct str props_get(struct str text, const char *name)
{
	struct str found = STR_NONE, key = str_of(name), piece;

	while (key.n && str_cut(&text, PAIR_END, &piece))
		if (piece.n > key.n + 1 && piece.p[key.n] == NAME_END && str_starts(piece, key))
			found = str_skip(piece, key.n + 1);
	return found;
}

/* Between two pairs, wherever the first one came from. */
static void separate(struct buf *out, size_t start)
{
	if (out->n > start && out->p[out->n - 1] != PAIR_END)
		buf_putc(out, PAIR_END);
}

void props_copy(struct buf *out, size_t start, const struct prop *p)
{
	separate(out, start);
	buf_add(out, p->name.p, p->name.n + 1 + p->value.n);
}

void props_without(struct buf *out, struct str text, const char *name)
{
	struct str key = str_of(name);
	size_t start = out->n;
	struct prop p;

	while (props_next(&text, &p)) {
		if (!str_eq(p.name, key))
			props_copy(out, start, &p);
	}
}

void props_add(struct buf *out, size_t start, const char *name, struct str value)
{
	if (!value.n)
		return;
	separate(out, start);
	buf_puts(out, name);
	buf_putc(out, NAME_END);
	buf_add_str(out, value);
}

void props_set(struct buf *out, struct str text, const char *name, struct str value)
{
	size_t start = out->n;

	props_without(out, text, name);
	props_add(out, start, name, value);
}

/* ---- index ---- */

#define INDEX_PAIRS 8192 /* as many as fit 32 KiB */
#define INDEX_SLOTS (2 * INDEX_PAIRS)

struct props_index {
	uint32_t turn; /* a slot of another turn is free */
	size_t n;
	uint32_t turns[INDEX_SLOTS];
	struct prop slots[INDEX_SLOTS];
};

struct props_index *props_index_new(void)
{
	return mem_alloc(sizeof(struct props_index));
}

void props_index_free(struct props_index *ix)
{
	mem_free(ix);
}

/* Its slot, or the free one it belongs into. */
static size_t slot_of(const struct props_index *ix, struct str name)
{
	size_t i = str_hash(name) % INDEX_SLOTS;

	while (ix->turns[i] == ix->turn && !str_eq(ix->slots[i].name, name))
		i = (i + 1) % INDEX_SLOTS;
	return i;
}

void props_index_build(struct props_index *ix, struct str text)
{
	struct prop p;

	if (!++ix->turn) { /* once in 2^32 */
		memset(ix->turns, 0, sizeof(ix->turns));
		ix->turn = 1;
	}
	for (ix->n = 0; ix->n < INDEX_PAIRS && props_next(&text, &p); ix->n++) {
		size_t i = slot_of(ix, p.name);

		ix->turns[i] = ix->turn;
		ix->slots[i] = p;
	}
}

struct str props_index_get(const struct props_index *ix, struct str name)
{
	size_t i = slot_of(ix, name);

	return ix->turns[i] == ix->turn ? ix->slots[i].value : STR_NONE;
}
