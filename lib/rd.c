/* SPDX-License-Identifier: Apache-2.0 */
#include "rd.h"

int rd_end(const struct rd *r, const char *what, struct err *e)
{
	if (!r->bad)
		return 0;
	return err_set(e, TQ_EFORMAT, "%s: cut short or malformed at byte %zu of %zu", what,
		r->off, r->n);
}
