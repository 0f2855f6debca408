/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies, strict and as fastjson writes them, and the objects read from them. */
#include "fuzz.h"
#include "json.h"
#include "model.h"

static void read_models(const cJSON *doc)
{
	struct err e = ERR_INIT;
	struct namespace n;
	struct topic t;
	struct group g;
	struct buf b;
	struct jw w;

	buf_init(&b, 8 << 20);
	w = jw_init(&b);
	jw_array(&w);
	if (!topic_from_json(&t, doc, &e))
		topic_to_json(&w, &t);
	if (!group_from_json(&g, doc, &e))
		group_to_json(&w, &g);
	if (!namespace_from_json(&n, doc, &e))
		namespace_to_json(&w, &n);
	jw_array_end(&w);
	touch(buf_str(&b));
	buf_release(&b);
}

static bool parses(struct str s, enum json_mode mode)
{
	struct err e = ERR_INIT;
	cJSON *doc = NULL;
	int rc = json_parse(s, mode, &doc, &e);

	BUG_ON(!rc != !e.msg[0]);
	if (!rc)
		read_models(doc);
	cJSON_Delete(doc);
	return !rc;
}

/* Any text that is UTF-8 can be quoted and read back. */
static void quotes(struct str s)
{
	cJSON *doc = NULL;
	struct buf b;

	if (!str_is_utf8(s) || (s.n && memchr(s.p, 0, s.n)))
		return;
	buf_init(&b, s.n * 6 + 16);
	json_quote(&b, s);
	BUG_ON(json_parse(buf_str(&b), JSON_STRICT, &doc, NULL));
	BUG_ON(!str_is(s, doc->valuestring));
	cJSON_Delete(doc);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p;
	struct str s = { NULL, size };

	if (size > 1 << 16)
		return 0;
	p = own(data, size);
	s.p = p;
	if (parses(s, JSON_STRICT))
		BUG_ON(!parses(s, JSON_LOOSE));
	else
		parses(s, JSON_LOOSE);
	quotes(s);
	free(p);
	return 0;
}
