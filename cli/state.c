/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

const char *state_path(struct arena *a, const char *name)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (base && *base == '/')
		return arena_fmt(a, "%s/tdmqctl/%s", base, name);
	return home && *home ? arena_fmt(a, "%s/.local/state/tdmqctl/%s", home, name) : NULL;
}
