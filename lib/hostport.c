/* SPDX-License-Identifier: Apache-2.0 */
#include "hostport.h"

static int bad_address(const char *addr, struct err *e)
{
	int rc = err_set(e, TQ_EUSAGE, "'%s' is not an address", addr);

	err_hint(e, "write it as HOST:PORT");
	return rc;
}

int hostport_split(const char *addr, char host[HOSTPORT_HOST], const char **port, struct err *e)
{
	const char *colon = strrchr(addr, ':');
	int64_t number;
	struct str h;

	if (!colon || colon == addr || !colon[1] ||
		strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
		str_to_i64(str_of(colon + 1), 0, UINT16_MAX, &number, "port", NULL))
		return bad_address(addr, e);
	h = (struct str){ addr, (size_t)(colon - addr) };
	if (h.p[0] == '[' && h.p[h.n - 1] == ']')
		h = (struct str){ h.p + 1, h.n - 2 };
	if (!h.n || h.n >= HOSTPORT_HOST)
		return bad_address(addr, e);
	snprintf(host, HOSTPORT_HOST, STR_FMT, STR_ARG(h));
	*port = colon + 1;
	return 0;
}

void hostport_list(struct strv *v, const char *list)
{
	struct str rest = str_of(list), item;

	while (str_cut(&rest, ';', &item))
		strv_split(v, item, ',');
}
