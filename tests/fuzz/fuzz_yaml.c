/* SPDX-License-Identifier: Apache-2.0 */
/* YAML documents; what was read is written, and reads back the same. */
#include "fuzz.h"
#include "yamldoc.h"

static void visit(const struct yamldoc *d, const cJSON *node)
{
	struct err e = ERR_INIT;
	const cJSON *child;

	touch(str_of(yamldoc_text(d, node)));
	yamldoc_wrap(d, node, &e);
	cJSON_ArrayForEach (child, node)
		visit(d, child);
}

/* cJSON's doubles print with 17 digits at most, so texts are compared, not trees. */
static void write_again(const cJSON *root)
{
	struct buf yaml, before, after;
	struct yamldoc *d = NULL;
	struct err e = ERR_INIT;

	buf_init(&yaml, 8 << 20);
	buf_init(&before, 8 << 20);
	buf_init(&after, 8 << 20);
	if (!yamldoc_write(&yaml, root, true, &e)) {
		BUG_ON(yamldoc_parse(buf_str(&yaml), "again", &d, &e));
		json_print(&before, root, 0, 0);
		json_print(&after, yamldoc_root(d, 0), 0, 0);
		BUG_ON(!str_eq(buf_str(&before), buf_str(&after)));
		yamldoc_free(d);
	}
	buf_release(&yaml);
	buf_release(&before);
	buf_release(&after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct yamldoc *d = NULL;
	struct err e = ERR_INIT;
	char *p;

	if (size > 1 << 14)
		return 0;
	p = own(data, size);
	if (yamldoc_parse((struct str){ p, size }, "input", &d, &e)) {
		BUG_ON(!e.msg[0]);
		free(p);
		return 0;
	}
	for (size_t i = 0; i < yamldoc_count(d); i++) {
		const cJSON *root = yamldoc_root(d, i);

		if (!root)
			continue;
		visit(d, root);
		write_again(root);
	}
	yamldoc_free(d);
	free(p);
	return 0;
}
