/* SPDX-License-Identifier: Apache-2.0 */
/* txmap: 64 offsets a word. Words in front go when they are half of all. */
#include "txmap.h"

#include "mem.h"

#define WORD 64
#define WORDS_MAX (8 << 20) /* 64 MiB: half a billion open transactions */

struct txmap {
	int64_t base, first; /* base is a multiple of WORD */
	size_t n;
	uint64_t *words; /* owned */
};

struct txmap *txmap_new(int64_t first)
{
	struct txmap *m = mem_alloc(sizeof(*m));

	m->first = first;
	m->base = first / WORD * WORD;
	return m;
}

void txmap_free(struct txmap *m)
{
	if (!m)
		return;
	mem_free(m->words);
	mem_free(m);
}

static bool grow(struct txmap *m, size_t i)
{
	size_t n = MAX(MAX(i + 1, m->n * 2), 16);

	if (i >= WORDS_MAX)
		return false;
	n = MIN(n, (size_t)WORDS_MAX);
	m->words = mem_grow(m->words, n * sizeof(*m->words));
	memset(m->words + m->n, 0, (n - m->n) * sizeof(*m->words));
	m->n = n;
	return true;
}

static void advance(struct txmap *m)
{
	size_t gone;

	m->first = txmap_next(m, m->first);
	gone = (size_t)(m->first - m->base) / WORD;
	if (gone < 16 || gone * 2 < m->n)
		return;
	gone = MIN(gone, m->n);
	memmove(m->words, m->words + gone, (m->n - gone) * sizeof(*m->words));
	memset(m->words + (m->n - gone), 0, gone * sizeof(*m->words));
	m->base += (int64_t)gone * WORD;
}

bool txmap_end(struct txmap *m, int64_t off)
{
	uint64_t bit = 1ULL << (off & (WORD - 1));
	size_t i;

	if (off < m->first)
		return false;
	i = (size_t)(off - m->base) / WORD;
	if ((i >= m->n && !grow(m, i)) || m->words[i] & bit)
		return false;
	m->words[i] |= bit;
	if (off == m->first)
		advance(m);
	return true;
}

bool txmap_is_ended(const struct txmap *m, int64_t off)
{
	size_t i;

	if (off < m->first)
		return true;
	i = (size_t)(off - m->base) / WORD;
	return i < m->n && m->words[i] >> (off & (WORD - 1)) & 1;
}

int64_t txmap_first(const struct txmap *m)
{
	return m->first;
}

int64_t txmap_next(const struct txmap *m, int64_t off)
{
	size_t i;

	off = MAX(off, m->first);
	while ((i = (size_t)(off - m->base) / WORD) < m->n) {
		uint64_t open = ~m->words[i] >> (off & (WORD - 1));

		if (open)
			return off + __builtin_ctzll(open);
		off = (off / WORD + 1) * WORD;
	}
	return off;
}
