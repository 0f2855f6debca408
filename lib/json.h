/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json: cJSON with errors that name the place, a tolerant reader for what Java's fastjson writes,
 * and a small writer for bodies that must look exactly as Apache's do.
 *
 *	rc = json_parse(body, JSON_LOOSE, &doc, e);
 *	...
 *	n = json_int(doc, "readQueueNums", 16);
 *	cJSON_Delete(doc);
 */
#ifndef TDMQ_JSON_H
#define TDMQ_JSON_H

#include <cjson/cJSON.h>

#include "buf.h"
#include "err.h"

enum json_mode {
	JSON_STRICT,
	/*
	 * Also {0:1} (bare integer keys) and {{"a":1}:2} (object keys): such a key becomes a
	 * string that holds the text of the key without blanks.
	 */
	JSON_LOOSE,
};

#define JSON_MAX_DEPTH 64

/* TQ_EFORMAT "line 3, column 7: expected ..."; deeper than JSON_MAX_DEPTH is refused. */
int json_parse(struct str text, enum json_mode mode, cJSON **out, struct err *e) MUST_USE;

/* Member or default. A member of another type counts as absent; numbers in strings are read. */
const char *json_text(
	const cJSON *o, const char *key, const char *absent); /* borrowed from o */
int64_t json_int(const cJSON *o, const char *key, int64_t absent);
bool json_bool(const cJSON *o, const char *key, bool absent);
/* The value of a node that holds a whole number (number, raw or numeric string). */
bool json_node_int(const cJSON *node, int64_t *out);

/* Member that must be there and of the type: TQ_EFORMAT names key and what was found. */
int json_need_object(const cJSON *o, const char *key, const cJSON **out, struct err *e);
int json_need_array(const cJSON *o, const char *key, const cJSON **out, struct err *e);
int json_need_int(
	const cJSON *o, const char *key, int64_t min, int64_t max, int64_t *out, struct err *e);

/* Building trees: exact 64-bit integers (cJSON's own numbers are doubles). */
cJSON *json_add_i64(cJSON *o, const char *key, int64_t v); /* o may be an array: no key */
cJSON *json_add_str(
	cJSON *o, const char *key, struct str s); /* not UTF-8: bytes above 127 become U+FFFD */

enum json_print_flags {
	JSON_PRETTY = 1, /* indented by two blanks a level */
	JSON_INT64_TEXT = 2, /* whole numbers beyond 2^53 in quotes */
};

/* Appends the text of a tree; `level` is how deep its lines are indented already. */
void json_print(struct buf *b, const cJSON *node, unsigned flags, int level);

/*
 * The writer. Commas are its business; the caller opens and closes.
 *
 *	struct jw w = jw_init(&buf);
 *	jw_object(&w); jw_key(&w, "topic"); jw_text(&w, name); jw_end(&w);
 */
struct jw {
	struct buf *b; /* borrowed */
	bool comma;
};

struct jw jw_init(struct buf *b);
void jw_object(struct jw *w);
void jw_end(struct jw *w); /* of an object */
void jw_array(struct jw *w);
void jw_array_end(struct jw *w);
void jw_key(struct jw *w, const char *key);
void jw_key_str(struct jw *w, struct str key);
void jw_key_int(struct jw *w, int64_t key); /* bare, as fastjson writes numeric keys */
/* For object keys: write the key object with jw_object ... jw_end, then call this. */
void jw_key_done(struct jw *w);
void jw_text(struct jw *w, const char *s); /* NULL: null */
void jw_str(struct jw *w, struct str s);
void jw_int(struct jw *w, int64_t v);
void jw_bool(struct jw *w, bool v);
void jw_double(struct jw *w, double v); /* always with a fraction: 0.0 */
void jw_raw(struct jw *w, struct str json);
/* Key and value in one. */
void jw_kv_text(struct jw *w, const char *key, const char *v);
void jw_kv_str(struct jw *w, const char *key, struct str v);
void jw_kv_int(struct jw *w, const char *key, int64_t v);
void jw_kv_bool(struct jw *w, const char *key, bool v);
void jw_kv_double(struct jw *w, const char *key, double v);
/* The escaped string with its quotes, without comma handling. */
void json_quote(struct buf *b, struct str s);

#endif
