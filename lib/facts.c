/* SPDX-License-Identifier: Apache-2.0 */
#include "facts.h"

#include <ctype.h>

#define HELP_LONGEST 90

void facts_bytes(struct buf *b, int64_t v)
{
	static const char units[][4] = { "", "Ki", "Mi", "Gi" };
	size_t i = 0;

	for (; v && v % 1024 == 0 && i + 1 < ARRAY_LEN(units); i++)
		v /= 1024;
	buf_addf(b, "%lld%s", (long long)v, units[i]);
}

void facts_words(struct buf *b, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		buf_addf(b, "%s%s", i ? ", " : "", words[i]);
}

void facts_sentence(struct buf *b, struct str s)
{
	if (s.n && (s.p[0] == '.' || s.p[0] == '\''))
		buf_puts(b, "\\&");
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			buf_puts(b, "\\e");
		else
			buf_putc(b, i ? s.p[i] : (char)toupper((unsigned char)s.p[i]));
	}
	buf_puts(b, ".\n");
}

void facts_check_help(const char *name, const char *help, struct buf *complaints)
{
	size_t n = help ? strlen(help) : 0;

	if (!n) {
		buf_addf(complaints, "%s: no help\n", name);
		return;
	}
	if (n > HELP_LONGEST)
		buf_addf(complaints, "%s: help is longer than %d characters\n", name,
			HELP_LONGEST);
	if (help[n - 1] == '.')
		buf_addf(complaints, "%s: help ends with a full stop\n", name);
	if (isupper((unsigned char)help[0]) && islower((unsigned char)help[1]))
		buf_addf(complaints, "%s: help begins with a capital\n", name);
}
