/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of strangers: refused with a place, or evaluated the same way twice. */
#include "fuzz.h"
#include "sql92.h"

static struct str look_up(void *arg, struct str name)
{
	struct str *values = arg;

	return name.n % 3 ? values[name.n % 3 - 1] : STR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = own(data, size);
	struct str values[] = { STR("1.5"), { p, MIN(size, 8) } };
	struct err e = ERR_INIT;
	struct sql *q;

	if (sql_parse((struct str){ p, size }, &q, &e)) {
		BUG_ON(!strstr(e.msg, "column"));
	} else {
		BUG_ON(sql_tail(q) > size);
		BUG_ON(sql_eval(q, look_up, values) != sql_eval(q, look_up, values));
		sql_free(q);
	}
	free(p);
	return 0;
}
