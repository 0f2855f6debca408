/* SPDX-License-Identifier: Apache-2.0 */
/* Trees as text. cJSON's own printer writes 1e+15 for whole numbers and indents with tabs. */
#include "json.h"

#define EXACT (1LL << 53) /* what a double counts to */

static bool is_big(int64_t v)
{
	return v > EXACT || v < -EXACT;
}

static void add_number(struct buf *b, double d, unsigned flags)
{
	bool whole = d >= -0x1p63 && d < 0x1p63 && d == (double)(int64_t)d;
	const char *quote = whole && flags & JSON_INT64_TEXT && is_big((int64_t)d) ? "\"" : "";
	struct jw w = jw_init(b);

	if (!whole) {
		jw_double(&w, d);
		return;
	}
	buf_puts(b, quote);
	buf_i64(b, (int64_t)d);
	buf_puts(b, quote);
}

static void add_raw(struct buf *b, const cJSON *node, unsigned flags)
{
	int64_t v;
	bool quoted = flags & JSON_INT64_TEXT && json_node_int(node, &v) && is_big(v);

	buf_addf(b, quoted ? "\"%s\"" : "%s", node->valuestring ? node->valuestring : "null");
}

static void line_break(struct buf *b, unsigned flags, int level)
{
	if (flags & JSON_PRETTY)
		buf_addf(b, "\n%*s", level * 2, "");
}

static void add_children(struct buf *b, const cJSON *node, unsigned flags, int level)
{
	bool object = cJSON_IsObject(node);
	const cJSON *child;

	if (!node->child) {
		buf_puts(b, object ? "{}" : "[]");
		return;
	}
	buf_putc(b, object ? '{' : '[');
	cJSON_ArrayForEach (child, node) {
		if (child != node->child)
			buf_putc(b, ',');
		line_break(b, flags, level + 1);
		if (object) {
			json_quote(b, str_of(child->string));
			buf_puts(b, flags & JSON_PRETTY ? ": " : ":");
		}
		json_print(b, child, flags, level + 1);
	}
	line_break(b, flags, level);
	buf_putc(b, object ? '}' : ']');
}

void json_print(struct buf *b, const cJSON *node, unsigned flags, int level)
{
	if (cJSON_IsObject(node) || cJSON_IsArray(node))
		add_children(b, node, flags, level);
	else if (cJSON_IsString(node))
		json_quote(b, str_of(node->valuestring));
	else if (cJSON_IsNumber(node))
		add_number(b, node->valuedouble, flags);
	else if (cJSON_IsRaw(node))
		add_raw(b, node, flags);
	else
		buf_puts(b, cJSON_IsTrue(node)	  ? "true"
			    : cJSON_IsFalse(node) ? "false"
						  : "null");
}
