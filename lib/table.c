/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include <ctype.h>

#define GAP 2
#define WRAP_LEAST 12 /* a wrapped column is never narrower */

struct range {
	uint32_t first, last;
};

/* East Asian wide and full width, and the emoji terminals draw in two columns. */
static const struct range wide[] = { { 0x1100, 0x115f }, { 0x231a, 0x231b }, { 0x2329, 0x232a },
	{ 0x23e9, 0x23ec }, { 0x23f0, 0x23f0 }, { 0x23f3, 0x23f3 }, { 0x25fd, 0x25fe },
	{ 0x2614, 0x2615 }, { 0x2648, 0x2653 }, { 0x267f, 0x267f }, { 0x2693, 0x2693 },
	{ 0x26a1, 0x26a1 }, { 0x26aa, 0x26ab }, { 0x26bd, 0x26be }, { 0x26c4, 0x26c5 },
	{ 0x26ce, 0x26ce }, { 0x26d4, 0x26d4 }, { 0x26ea, 0x26ea }, { 0x26f2, 0x26f3 },
	{ 0x26f5, 0x26f5 }, { 0x26fa, 0x26fa }, { 0x26fd, 0x26fd }, { 0x2705, 0x2705 },
	{ 0x270a, 0x270b }, { 0x2728, 0x2728 }, { 0x274c, 0x274c }, { 0x274e, 0x274e },
	{ 0x2753, 0x2755 }, { 0x2757, 0x2757 }, { 0x2795, 0x2797 }, { 0x27b0, 0x27b0 },
	{ 0x27bf, 0x27bf }, { 0x2b1b, 0x2b1c }, { 0x2b50, 0x2b50 }, { 0x2b55, 0x2b55 },
	{ 0x2e80, 0x303e }, { 0x3041, 0xa4cf }, { 0xa960, 0xa97f }, { 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff }, { 0xfe10, 0xfe19 }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 }, { 0x16fe0, 0x1b2ff }, { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf },
	{ 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a }, { 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f335 },
	{ 0x1f337, 0x1f37c }, { 0x1f37e, 0x1f393 }, { 0x1f3a0, 0x1f3ca }, { 0x1f3cf, 0x1f3d3 },
	{ 0x1f3e0, 0x1f3f0 }, { 0x1f3f4, 0x1f3f4 }, { 0x1f3f8, 0x1f43e }, { 0x1f440, 0x1f440 },
	{ 0x1f442, 0x1f4fc }, { 0x1f4ff, 0x1f53d }, { 0x1f54b, 0x1f567 }, { 0x1f57a, 0x1f57a },
	{ 0x1f595, 0x1f596 }, { 0x1f5a4, 0x1f5a4 }, { 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 },
	{ 0x1f6cc, 0x1f6cc }, { 0x1f6d0, 0x1f6d7 }, { 0x1f6eb, 0x1f6ec }, { 0x1f6f4, 0x1f6fc },
	{ 0x1f7e0, 0x1f7eb }, { 0x1f90c, 0x1f9ff }, { 0x1fa70, 0x1faff },
	{ 0x20000, 0x3fffd } };

static const struct range without_width[] = { { 0x300, 0x36f }, { 0x483, 0x489 },
	{ 0x591, 0x5bd }, { 0x610, 0x61a }, { 0x64b, 0x65f }, { 0x6d6, 0x6dc },
	{ 0x93c, 0x93c }, { 0x941, 0x948 }, { 0x94d, 0x94d }, { 0xe31, 0xe31 },
	{ 0xe34, 0xe3a }, { 0xe47, 0xe4e }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
	{ 0x200b, 0x200f }, { 0x202a, 0x202e }, { 0x2060, 0x2064 }, { 0x20d0, 0x20ff },
	{ 0x302a, 0x302d }, { 0x3099, 0x309a }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
	{ 0xfeff, 0xfeff }, { 0xe0100, 0xe01ef } };

static bool among(uint32_t c, const struct range *ranges, size_t n)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (c > ranges[mid].last)
			low = mid + 1;
		else if (c < ranges[mid].first)
			high = mid;
		else
			return true;
	}
	return false;
}

/* The first character of s (which is not empty) and its bytes; a stray byte counts as one. */
static uint32_t first_rune(struct str s, size_t *bytes)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
	uint32_t r = n == 1 ? c : c & (0xffu >> (n + 1));

	*bytes = 1;
	if (n > s.n)
		return c;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return c;
		r = r << 6 | ((unsigned char)s.p[i] & 0x3f);
	}
	*bytes = n;
	return r;
}

static size_t rune_width(uint32_t r)
{
	if (r < 0x300)
		return 1;
	if (among(r, without_width, ARRAY_LEN(without_width)))
		return 0;
	return among(r, wide, ARRAY_LEN(wide)) ? 2 : 1;
}

size_t table_text_width(struct str s)
{
	size_t width = 0, n;

	for (; s.n; s = str_skip(s, n))
		width += rune_width(first_rune(s, &n));
	return width;
}

/* They turn the order in which what follows is shown. */
static bool is_bidi(uint32_t r)
{
	return r == 0x61c || r == 0x200e || r == 0x200f || (r >= 0x202a && r <= 0x202e) ||
	       (r >= 0x2066 && r <= 0x2069);
}

void table_clean(struct buf *b, struct str s)
{
	size_t n;

	for (; s.n; s = str_skip(s, n)) {
		uint32_t r = first_rune(s, &n);

		if (r == '\n' || r == '\t' || r == '\r')
			buf_puts(b, r == '\n' ? "\\n" : r == '\t' ? "\\t" : "\\r");
		else if (r < 0x20 || r == 0x7f)
			buf_addf(b, "\\x%02x", r);
		else if (n == 1 && r >= 0x80)
			buf_puts(b, "\xef\xbf\xbd");
		else if ((r >= 0x80 && r < 0xa0) || is_bidi(r)) /* C1: terminals obey them */
			buf_addf(b, "\\u%04x", r);
		else
			buf_add(b, s.p, n);
	}
}

void table_init(
	struct table *t, const struct table_col *cols, size_t n, size_t width, bool headers)
{
	memset(t, 0, sizeof(*t));
	arena_init(&t->mem);
	t->cols = mem_array(n, sizeof(*cols));
	memcpy(t->cols, cols, n * sizeof(*cols));
	t->n = n;
	t->width = width;
	t->headers = headers;
}

void table_release(struct table *t)
{
	mem_free(t->cols);
	mem_free(t->cells);
	arena_release(&t->mem);
	memset(t, 0, sizeof(*t));
}

void table_row(struct table *t, const struct table_cell *cells)
{
	struct table_cell *to;

	if (t->rows == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->cells = mem_grow(t->cells, t->cap * t->n * sizeof(*cells));
	}
	to = t->cells + t->rows++ * t->n;
	for (size_t i = 0; i < t->n; i++)
		to[i] = (struct table_cell){ arena_str(&t->mem, cells[i].text),
			cells[i].colour };
}

static size_t total_width(const struct table *t)
{
	size_t total = 0;

	for (size_t i = 0; i < t->n; i++)
		if (!t->cols[i].dropped)
			total += t->cols[i].width + (total ? GAP : 0);
	return total;
}

static struct table_col *widest_to_wrap(struct table *t)
{
	struct table_col *widest = NULL;

	for (size_t i = 0; i < t->n; i++) {
		struct table_col *c = &t->cols[i];

		if (!c->dropped && !c->right && !c->whole && c->width > WRAP_LEAST &&
			(!widest || c->width > widest->width))
			widest = c;
	}
	return widest;
}

static void fit(struct table *t)
{
	struct table_col *c;

	for (size_t i = t->n; i-- > 0 && total_width(t) > t->width;)
		if (t->cols[i].optional)
			t->cols[i].dropped = true;
	while (total_width(t) > t->width && (c = widest_to_wrap(t)))
		c->width -= MIN(total_width(t) - t->width, c->width - WRAP_LEAST);
}

void table_settle(struct table *t)
{
	if (t->settled)
		return;
	for (size_t i = 0; i < t->n; i++) {
		struct table_col *c = &t->cols[i];

		c->width = t->headers ? table_text_width(str_of(c->name)) : 0;
		for (size_t row = 0; row < t->rows; row++) {
			size_t width = table_text_width(str_of(t->cells[row * t->n + i].text));

			c->width = MAX(c->width, width);
		}
	}
	if (t->width)
		fit(t);
	t->settled = true;
}

/* Cuts from the front of s what fits into width columns. */
static struct str take_width(struct str *s, size_t width)
{
	struct str head = { s->p, 0 };
	size_t used = 0, n;

	while (s->n) {
		size_t w = rune_width(first_rune(*s, &n));

		if (head.n && used + w > width)
			break;
		used += w;
		head.n += n;
		*s = str_skip(*s, n);
	}
	return head;
}

static void pad(struct buf *out, size_t n)
{
	while (n--)
		buf_putc(out, ' ');
}

/* One line of a row; `rest` is what each cell still has to show. True if something is left. */
static bool print_line(const struct table *t, struct str *rest, const struct table_cell *cells,
	struct buf *out)
{
	size_t owed = 0; /* blanks, written only when something follows */
	bool more = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct table_col *c = &t->cols[i];
		struct str text;
		size_t width, blanks;

		if (c->dropped)
			continue;
		text = c->right || !t->width ? rest[i] : take_width(&rest[i], c->width);
		if (c->right || !t->width)
			rest[i] = STR("");
		more |= rest[i].n > 0;
		width = table_text_width(text);
		blanks = c->width > width ? c->width - width : 0;
		if (text.n) {
			pad(out, owed + (c->right ? blanks : 0));
			owed = 0;
			buf_puts(out, cells[i].colour ? cells[i].colour : "");
			buf_add_str(out, text);
			buf_puts(out, cells[i].colour ? "\x1b[0m" : "");
		} else if (c->right) {
			owed += blanks;
		}
		owed += GAP + (c->right ? 0 : blanks);
	}
	buf_putc(out, '\n');
	return more;
}

static void print_row(const struct table *t, const struct table_cell *cells, struct buf *out)
{
	struct str *rest = mem_array(t->n, sizeof(*rest));

	for (size_t i = 0; i < t->n; i++)
		rest[i] = str_of(cells[i].text);
	while (print_line(t, rest, cells, out))
		;
	mem_free(rest);
}

static void print_headers(struct table *t, struct buf *out)
{
	struct table_cell *cells = mem_array(t->n, sizeof(*cells));

	for (size_t i = 0; i < t->n; i++) {
		char *name = arena_str(&t->mem, t->cols[i].name);

		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		cells[i].text = name;
	}
	print_row(t, cells, out);
	mem_free(cells);
}

void table_print(struct table *t, struct buf *out)
{
	table_settle(t);
	if (t->headers)
		print_headers(t, out);
	t->headers = false;
	for (size_t row = 0; row < t->rows; row++)
		print_row(t, t->cells + row * t->n, out);
	t->rows = 0;
	arena_clear(&t->mem);
}
