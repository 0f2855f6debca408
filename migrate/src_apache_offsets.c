/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src_apache_offsets: a broker's config/consumerOffset.json. It makes nothing; it tells which
 * group reads which topic, for people who plan:
 *
 *	{"offsetTable":{"shop%orders@shop%pay":{0:123,1:98}}}
 */
#include "base.h"
#include "shape.h"

static const char *fits(const cJSON *doc)
{
	return cJSON_IsObject(doc) && cJSON_IsObject(shape_get(doc, "offsetTable"))
		       ? "consumer positions of a broker"
		       : NULL;
}

static int scan(struct inventory *inv, cJSON *doc, struct err *e)
{
	const cJSON *table = shape_get(doc, "offsetTable"), *o;

	if (cJSON_GetArraySize(table) > SOURCE_MAX_ITEMS)
		return err_set(
			e, TQ_ETOOBIG, "'offsetTable': more than %d entries", SOURCE_MAX_ITEMS);
	cJSON_ArrayForEach (o, table) {
		struct str group = str_of(o->string), topic;
		char *t;

		str_cut(&group, '@', &topic);
		if (!topic.n || !group.n)
			return err_set(e, TQ_EFORMAT,
				"'offsetTable.%.100s': expected TOPIC@GROUP", o->string);
		t = mem_strn(topic.p, topic.n);
		inventory_add_read(inv, group.p, t);
		mem_free(t);
	}
	return 0;
}

static const char *const beside[] = { "consumerOffset.json", NULL };
static const char *const *const sets[] = { beside, NULL };

const struct source source_apache_offsets = {
	.name = "apache-offsets",
	.text = "consumerOffset.json",
	.sets = sets,
	.fits = fits,
	.scan = scan,
};
