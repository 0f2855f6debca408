/* SPDX-License-Identifier: Apache-2.0 */
#include "cell.h"

#include <strings.h>

#include "table.h"
#include "when.h"

#define CELL_MAX (64u << 20)

/* 1.2K: one decimal below 100, cut, so that 999999 is 999K and never 1000K. */
static void add_scaled(struct buf *b, int64_t n, int64_t step, const char *const *units)
{
	uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n, scale = 1;
	size_t i = 0;

	for (; u / scale >= (uint64_t)step && units[i + 1]; i++)
		scale *= (uint64_t)step;
	if (n < 0)
		buf_putc(b, '-');
	buf_addf(b, "%llu", (unsigned long long)(u / scale));
	if (i && u / scale < 100 && u % scale / (scale / 10))
		buf_addf(b, ".%llu", (unsigned long long)MIN(u % scale / (scale / 10), 9));
	buf_puts(b, units[i]);
}

void out_count(struct buf *b, int64_t n)
{
	static const char *const units[] = { "", "K", "M", "G", "T", "P", "E", NULL };

	add_scaled(b, n, 1000, units);
}

void out_bytes(struct buf *b, int64_t n)
{
	static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB",
		" EiB", NULL };

	add_scaled(b, n, 1024, units);
}

static void add_list(struct buf *b, const cJSON *node)
{
	const cJSON *child;

	cJSON_ArrayForEach (child, node) {
		if (child != node->child)
			buf_putc(b, ',');
		cell_plain(b, child);
	}
}

void cell_plain(struct buf *b, const cJSON *node)
{
	if (!node || cJSON_IsNull(node))
		return;
	if (cJSON_IsString(node))
		buf_puts(b, node->valuestring);
	else if (cJSON_IsArray(node))
		add_list(b, node);
	else
		json_print(b, node, 0, 0);
}

static void add_percent(struct buf *b, double v)
{
	if (v > -1e6 && v < 1e6 && v == (double)(int)v)
		buf_addf(b, "%.0f%%", v);
	else
		buf_addf(b, "%.1f%%", v);
}

/* True if the format had something better to say than the plain value. */
static bool add_figure(
	struct buf *b, enum col_format format, const cJSON *node, bool raw, bool utc)
{
	int64_t v;

	if (format == COL_BOOL && cJSON_IsBool(node)) {
		buf_puts(b, cJSON_IsTrue(node) ? "yes" : "no");
		return true;
	}
	if (format == COL_PERCENT && cJSON_IsNumber(node) && !raw) {
		add_percent(b, node->valuedouble);
		return true;
	}
	if (raw || cJSON_IsString(node))
		return false;
	if (cJSON_IsNumber(node) && !json_node_int(node, &v) &&
		(format == COL_COUNT || format == COL_NUMBER)) {
		buf_addf(b, node->valuedouble < 100 ? "%.1f" : "%.0f", node->valuedouble);
		return true;
	}
	if (!json_node_int(node, &v))
		return false;
	if (format == COL_COUNT)
		out_count(b, v);
	else if (format == COL_BYTES)
		out_bytes(b, v);
	else if (format == COL_MS)
		when_span(b, v);
	else if (format == COL_TIME)
		when_short(b, v, utc);
	else
		return false;
	return true;
}

const char *cell_text(
	struct arena *mem, const struct col *c, const cJSON *node, bool raw, bool utc)
{
	struct buf plain, clean;
	const char *text;

	buf_init(&plain, CELL_MAX);
	buf_init(&clean, CELL_MAX);
	if (!add_figure(&plain, c->format, node, raw, utc))
		cell_plain(&plain, node);
	table_clean(&clean, buf_str(&plain));
	text = clean.n ? arena_strn(mem, clean.p, clean.n) : "-";
	buf_release(&plain);
	buf_release(&clean);
	return text;
}

const char *cell_colour(const struct view *v, const struct col *c, const cJSON *node)
{
	static const struct {
		const char *words, *colour;
	} states[] = {
		{ " ok healthy online running succeeded created updated ready active yes done ",
			"\x1b[32m" },
		{ " warning warn degraded slow pending unchanged skipped partial paused ",
			"\x1b[33m" },
		{ " failed error offline unreachable conflict refused critical dead denied no ",
			"\x1b[31m" },
	};
	char word[32];

	if (v->name && !strcmp(c->path, v->name))
		return "\x1b[36m";
	if (!(c->flags & COL_STATE) || !cJSON_IsString(node))
		return NULL;
	snprintf(word, sizeof(word), " %s ", node->valuestring);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcasestr(states[i].words, word))
			return states[i].colour;
	return NULL;
}
