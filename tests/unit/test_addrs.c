/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "addrs.h"

static const struct {
	const char *why, *list, *in, *out; /* in, out: addresses with blanks between */
} lists[] = {
	{ "an address is itself", "10.0.0.1", "10.0.0.1", "10.0.0.2 10.0.0.0 ::1" },
	{ "a block", "10.1.0.0/16", "10.1.0.0 10.1.255.255", "10.0.255.255 10.2.0.0" },
	{ "a block within a byte", "10.0.0.128/25", "10.0.0.128 10.0.0.255", "10.0.0.127" },
	{ "bits behind the prefix do not count", "10.1.2.3/8", "10.9.9.9", "11.1.2.3" },
	{ "all of a family", "0.0.0.0/0", "1.2.3.4", "::1" },
	{ "everything", "*", "1.2.3.4 ::1 fe80::1", "" },
	{ "everything, as Apache writes it", "*.*.*.*", "1.2.3.4", "::1" },
	{ "a last byte", "10.0.0.*", "10.0.0.0 10.0.0.255", "10.0.1.0" },
	{ "last bytes that are left out", "10.0.*", "10.0.9.9", "10.1.0.0" },
	{ "a range", "10.0.0.5-7", "10.0.0.5 10.0.0.7", "10.0.0.4 10.0.0.8" },
	{ "a choice", "10.0.0.{1,7}", "10.0.0.1 10.0.0.7", "10.0.0.2" },
	{ "a list", "10.0.0.1, 10.0.0.{2,3},fd00::/8", "10.0.0.1 10.0.0.3 fd12::9",
		"10.0.0.4 fe80::1" },
	{ "the other family", "fd00::1", "fd00::1", "fd00::2 10.0.0.1" },
	{ "a block within a byte of the other family", "fd00::/9", "fd7f::1", "fd80::1" },
	{ "nothing", "", "", "10.0.0.1 ::1" },
	{ "blanks are nothing", " , ", "", "10.0.0.1" },
};

static void expect(const char *list, const char *hosts, bool want, const char *why)
{
	struct str rest = str_of(hosts), one;
	struct addrs a = { 0 };
	struct err e = ERR_INIT;
	char text[64];
	struct host h;

	cr_assert_eq(addrs_parse(str_of(list), &a, &e), 0, "%s: %s", why, e.msg);
	while (str_cut(&rest, ' ', &one)) {
		if (!one.n)
			continue;
		snprintf(text, sizeof(text), memchr(one.p, ':', one.n) ? "[%.*s]" : "%.*s",
			STR_ARG(one));
		cr_assert_eq(host_parse(str_of(text), &h, &e), 0, "%s", e.msg);
		cr_assert_eq(addrs_match(&a, &h), want, "%s: " STR_FMT, why, STR_ARG(one));
	}
	addrs_release(&a);
}

Test(addrs, lists_match_what_they_say)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		expect(lists[i].list, lists[i].in, true, lists[i].why);
		expect(lists[i].list, lists[i].out, false, lists[i].why);
	}
}

static const char *const lies[] = { "10.0.0", "10.0.0.256", "10.0.0.1.1", "10.0.0.1/33",
	"10.0.0.1/-1", "host", "10.0.0.9-5", "10.0.0.{1", "10.0.0.{a}", "10.0.{1,2}.3",
	"::1/129", ":::", "10.0.0.1/", "1", "%", "10.0.0.1;10.0.0.2", "10..0.1", "fd00::*",
	"0x0a.0.0.1" };

Test(addrs, what_is_none_is_refused_and_changes_nothing)
{
	struct addrs a = { 0 };
	struct err e = ERR_INIT;
	struct host h;

	cr_assert_eq(addrs_parse(STR("10.0.0.1"), &a, &e), 0);
	cr_assert_eq(host_parse(STR("10.0.0.1"), &h, &e), 0);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		cr_assert_eq(addrs_parse(str_of(lies[i]), &a, &e), TQ_EINVAL, "%s", lies[i]);
		cr_assert(e.hint[0]);
		cr_assert(addrs_match(&a, &h), "%s", lies[i]);
	}
	addrs_release(&a);
}

Test(addrs, a_list_has_an_end)
{
	struct addrs a = { 0 };
	struct err e = ERR_INIT;
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int i = 0; i < 300; i++)
		buf_addf(&b, "10.0.%d.%d,", i / 250, i % 250);
	cr_assert_eq(addrs_parse(buf_str(&b), &a, &e), TQ_ELIMIT);
	buf_release(&b);
}
