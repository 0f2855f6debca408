/* SPDX-License-Identifier: Apache-2.0 */
/* Property texts: what was set is found, what was removed is not, and the rest stays. */
#include "fuzz.h"
#include "props.h"

static int pairs(struct str text)
{
	struct prop p;
	int n = 0;

	while (props_next(&text, &p)) {
		touch(p.name);
		touch(p.value);
		BUG_ON(!p.name.n || !p.value.n);
		n++;
	}
	return n;
}

/* Looking a name up is the same as walking to its last pair. */
static void look_up(struct str text)
{
	struct str rest = text, last = STR_NONE;
	struct prop p;

	while (props_next(&rest, &p))
		if (str_is(p.name, PROP_KEYS))
			last = p.value;
	BUG_ON(props_get(text, PROP_KEYS).p != last.p ||
		props_get(text, PROP_KEYS).n != last.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = own(data, size);
	struct str text = { p, size };
	struct buf b, c;
	int n = pairs(text);

	look_up(text);
	buf_init(&b, size + 64);
	buf_init(&c, size + 64);
	props_without(&b, text, "\x02"); /* a name nothing can have */
	BUG_ON(pairs(buf_str(&b)) != n);
	props_without(&c, buf_str(&b), "\x02");
	BUG_ON(!str_eq(buf_str(&b), buf_str(&c)));
	buf_clear(&b);
	props_set(&b, text, PROP_TAGS, STR("set"));
	BUG_ON(!str_is(props_get(buf_str(&b), PROP_TAGS), "set"));
	buf_clear(&c);
	props_set(&c, buf_str(&b), PROP_TAGS, STR_NONE);
	BUG_ON(props_get(buf_str(&c), PROP_TAGS).p);
	BUG_ON(pairs(buf_str(&c)) != pairs(buf_str(&b)) - 1);
	buf_release(&b);
	buf_release(&c);
	free(p);
	return 0;
}
