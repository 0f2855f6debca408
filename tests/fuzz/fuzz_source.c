/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata files: what can be read can be planned, for brokerd and for Apache, with nothing lost. */
#include "fuzz.h"
#include "migrate/plan.h"

static void check_item(const struct plan_item *it)
{
	bool made = it->verdict == VERDICT_CREATE || it->verdict == VERDICT_ADJUST;

	touch(str_of(it->source));
	touch(str_of(it->detail));
	BUG_ON(made && !it->ns);
	BUG_ON(it->verdict != VERDICT_CREATE && it->verdict != VERDICT_ADJUST &&
		!it->detail[0]);
	if (it->kind == OBJ_TOPIC && made)
		BUG_ON(names_check_wire_topic(str_of(it->topic.name), NULL) ||
			it->topic.write_queues < 1);
	if (it->kind == OBJ_GROUP && made)
		BUG_ON(names_check_wire_group(str_of(it->group.name), NULL));
}

static void plan(const struct inventory *inv, const char *ns, bool wire_names)
{
	struct plan_opts o = { .map = { .ns = ns, .wire_names = wire_names } };
	struct err e = ERR_INIT;
	struct plan p;
	size_t n = 0;

	plan_init(&p);
	BUG_ON(plan_build(&p, inv, &o, NULL, &e));
	for (size_t i = 0; i < p.n; i++) {
		check_item(&p.items[i]);
		n += p.items[i].kind != OBJ_NAMESPACE;
	}
	BUG_ON(n != inv->n);
	plan_release(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = own(data, size);
	struct inventory inv;
	struct err e = ERR_INIT;

	inventory_init(&inv);
	if (inventory_read_text(&inv, "f", (struct str){ bytes, size }, &e)) {
		BUG_ON(!e.msg[0]);
	} else {
		plan(&inv, NULL, false);
		plan(&inv, "shop", false);
		plan(&inv, NULL, true);
	}
	inventory_release(&inv);
	free(bytes);
	return 0;
}
