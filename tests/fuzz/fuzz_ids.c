/* SPDX-License-Identifier: Apache-2.0 */
/* Short texts people and clients give: ids, addresses, names, numbers with units. */
#include "addrs.h"
#include "fuzz.h"
#include "message.h"
#include "names.h"

static void ids(struct str s)
{
	char id[MESSAGE_ID_MAX], text[HOST_TEXT], other[HOST_TEXT];
	struct err e = ERR_INIT;
	struct unique_id u;
	struct host h, back;
	int64_t off;

	if (!message_offset_id_parse(s, &h, &off, &e)) {
		message_offset_id(id, &h, off);
		BUG_ON(strlen(id) != s.n || strncasecmp(id, s.p, s.n));
	}
	message_unique_id_parse(s, 1763894400000, &u, &e);
	if (!host_parse(s, &h, &e)) {
		host_text(&h, text);
		BUG_ON(host_parse(str_of(text), &back, &e));
		BUG_ON(strcmp(text, host_text(&back, other)));
	}
}

static void names(struct str s)
{
	struct str id = STR("rocketmq-abc"), ns, name, once, twice;
	struct err e = ERR_INIT;
	struct buf b, c;

	names_check_topic(s, &e);
	names_check_wire_group(s, &e);
	buf_init(&b, s.n + 64);
	buf_init(&c, s.n + 64);
	once = names_canonical(s, id, &b);
	touch(once);
	twice = names_canonical(once, id, &c);
	BUG_ON(twice.n > once.n || once.n > s.n);
	buf_clear(&c);
	names_split(once, &ns, &name);
	names_join(&c, ns, name);
	touch(buf_str(&c));
	buf_release(&b);
	buf_release(&c);
}

static void addrs(struct str s)
{
	struct host h = { .ip = { 10, 0, 0, 1 } };
	struct addrs a = { 0 };
	struct err e = ERR_INIT;

	if (!addrs_parse(s, &a, &e))
		addrs_match(&a, &h);
	BUG_ON(a.n > ADDRS_MAX);
	addrs_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = own(data, size);
	struct str s = { p, size };
	struct err e = ERR_INIT;
	int64_t v;

	ids(s);
	names(s);
	addrs(s);
	if (!str_to_i64(s, -1000, 1000, &v, "number", &e))
		BUG_ON(v < -1000 || v > 1000);
	if (!str_to_ms(s, &v, &e))
		BUG_ON(v < 0);
	if (!str_to_bytes(s, &v, &e))
		BUG_ON(v < 0);
	str_java_hash(s);
	str_is_utf8(s);
	free(p);
	return 0;
}
