/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of json.h. One bit of state: whether a comma goes before the next thing. */
#include <math.h>

#include "json.h"

struct jw jw_init(struct buf *b)
{
	return (struct jw){ b, false };
}

static void begin(struct jw *w)
{
	if (w->comma)
		buf_putc(w->b, ',');
	w->comma = true;
}

static void open_with(struct jw *w, char c)
{
	begin(w);
	buf_putc(w->b, c);
	w->comma = false;
}

static void close_with(struct jw *w, char c)
{
	buf_putc(w->b, c);
	w->comma = true;
}

void jw_object(struct jw *w)
{
	open_with(w, '{');
}

void jw_end(struct jw *w)
{
	close_with(w, '}');
}

void jw_array(struct jw *w)
{
	open_with(w, '[');
}

void jw_array_end(struct jw *w)
{
	close_with(w, ']');
}

void jw_key_done(struct jw *w)
{
	buf_putc(w->b, ':');
	w->comma = false;
}

void jw_key_str(struct jw *w, struct str key)
{
	begin(w);
	json_quote(w->b, key);
	jw_key_done(w);
}

void jw_key(struct jw *w, const char *key)
{
	jw_key_str(w, str_of(key));
}

void jw_key_int(struct jw *w, int64_t key)
{
	begin(w);
	buf_i64(w->b, key);
	jw_key_done(w);
}

void jw_str(struct jw *w, struct str s)
{
	begin(w);
	json_quote(w->b, s);
}

void jw_text(struct jw *w, const char *s)
{
	if (s)
		jw_str(w, str_of(s));
	else
		jw_raw(w, STR("null"));
}

void jw_int(struct jw *w, int64_t v)
{
	begin(w);
	buf_i64(w->b, v);
}

void jw_bool(struct jw *w, bool v)
{
	jw_raw(w, v ? STR("true") : STR("false"));
}

/* The shortest digits that read back to v. */
void jw_double(struct jw *w, double v)
{
	char digits[32];

	if (!isfinite(v)) {
		jw_raw(w, STR("null"));
		return;
	}
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(digits, sizeof(digits), "%.*g", precision, v);
		if (strtod(digits, NULL) == v)
			break;
	}
	begin(w);
	buf_puts(w->b, digits);
	if (!strpbrk(digits, ".e"))
		buf_puts(w->b, ".0");
}

void jw_raw(struct jw *w, struct str json)
{
	begin(w);
	buf_add_str(w->b, json);
}

void jw_kv_text(struct jw *w, const char *key, const char *v)
{
	jw_key(w, key);
	jw_text(w, v);
}

void jw_kv_str(struct jw *w, const char *key, struct str v)
{
	jw_key(w, key);
	jw_str(w, v);
}

void jw_kv_int(struct jw *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_int(w, v);
}

void jw_kv_bool(struct jw *w, const char *key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}

void jw_kv_double(struct jw *w, const char *key, double v)
{
	jw_key(w, key);
	jw_double(w, v);
}
