/* SPDX-License-Identifier: Apache-2.0 */
/* reasons: the names and sentences of reasons.def. */
#include "base.h"
#include "source.h"

static const struct {
	const char *name, *text;
} reasons[REASON_COUNT] = {
	[REASON_NONE] = { "", "" },
#define REASON(id, text) [REASON_##id] = { #id, text },
#define WARNING(id, text) [WARN_##id] = { #id, text },
#include "reasons.def"
};

const char *reason_name(enum reason r)
{
	return reasons[r].name;
}

const char *reason_text(enum reason r)
{
	return reasons[r].text;
}

enum reason reason_from(const char *name)
{
	for (int i = 0; i < REASON_COUNT; i++)
		if (!strcmp(reasons[i].name, name))
			return (enum reason)i;
	return REASON_NONE;
}
