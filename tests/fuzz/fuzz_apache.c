/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of an Apache broker: what can be read is printed so that it reads the same. */
#include "apache.h"
#include "fuzz.h"

static void check_names(const struct apache_config *c)
{
	for (size_t i = 0; i < c->n_topics; i++)
		touch(str_of(c->topics[i].name));
	for (size_t i = 0; i < c->n_groups; i++)
		touch(str_of(c->groups[i].name));
	for (size_t i = 0; i < c->n_offsets; i++) {
		touch(str_of(c->offsets[i].topic));
		touch(str_of(c->offsets[i].group));
		BUG_ON(c->offsets[i].off < 0 || c->offsets[i].queue < 0);
	}
}

static void again(const struct apache_config *c, enum apache_file f)
{
	struct apache_config twin;
	struct err e = ERR_INIT;
	struct buf first, second;

	buf_init(&first, 64 << 20);
	buf_init(&second, 64 << 20);
	apache_init(&twin);
	apache_print(c, f, &first);
	BUG_ON(apache_parse(&twin, f, buf_str(&first), &e));
	BUG_ON(twin.refused);
	apache_print(&twin, f, &second);
	BUG_ON(!str_eq(buf_str(&first), buf_str(&second)));
	apache_release(&twin);
	buf_release(&second);
	buf_release(&first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes;

	if (!size)
		return 0;
	bytes = own(data + 1, size - 1);
	for (int f = 0; f < APACHE_FILES; f++) {
		struct apache_config c;
		struct err e = ERR_INIT;

		if (data[0] % (APACHE_FILES + 1) != f &&
			data[0] % (APACHE_FILES + 1) != APACHE_FILES)
			continue;
		apache_init(&c);
		if (apache_parse(&c, (enum apache_file)f, (struct str){ bytes, size - 1 }, &e))
			BUG_ON(!e.msg[0]);
		else
			again(&c, (enum apache_file)f);
		check_names(&c);
		apache_release(&c);
	}
	free(bytes);
	return 0;
}
