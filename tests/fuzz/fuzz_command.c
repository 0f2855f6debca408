/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames and both headers. The first byte says what follows: 0 a whole frame, 1 a JSON header,
 * 2 a binary header; the frame around a header is made here, so that mutations reach its reader.
 */
#include "fuzz.h"
#include "remoting.h"

static int values(const struct command *c)
{
	int n = 0;

	for (int i = 0; i < c->n_ext; i++)
		n += c->ext[i].value.p != NULL;
	return n;
}

static void same(const struct command *a, const struct command *b)
{
	BUG_ON(a->code != b->code || a->opaque != b->opaque || a->flag != b->flag);
	BUG_ON(a->version != b->version || !str_eq(a->remark, b->remark));
	BUG_ON(!str_eq(a->body, b->body) || values(a) != values(b));
	for (int i = 0, j = 0; i < a->n_ext; i++) {
		if (!a->ext[i].value.p)
			continue;
		BUG_ON(!str_eq(a->ext[i].key, b->ext[j].key));
		BUG_ON(!str_eq(a->ext[i].value, b->ext[j].value));
		j++;
	}
}

static bool fits(const struct command *c, enum header_type type)
{
	if (type == HEADER_JSON)
		return true;
	for (int i = 0; i < c->n_ext; i++)
		if (c->ext[i].key.n > UINT16_MAX)
			return false;
	return c->code == (int16_t)c->code && c->version == (int16_t)c->version;
}

static void round_trip(struct command *c, enum header_type type)
{
	struct command again;
	struct err e = ERR_INIT;
	struct buf b;

	if (!fits(c, type))
		return;
	c->type = type;
	buf_init(&b, FRAME_MAX);
	command_encode(&b, c);
	if (!buf_err(&b)) {
		BUG_ON(command_decode(b.p, b.n, &again, &e));
		same(c, &again);
	}
	buf_release(&b);
}

/* What other headers looked like makes no difference to this one, which was read as `want`, or not. */
static void same_with_hints(char *p, size_t n, const struct command *want)
{
	static struct header_hints hints;
	struct err e = ERR_INIT;
	struct command c;
	int rc = command_decode_hinted(p, n, &c, &hints, &e);

	BUG_ON(!want != !!rc);
	if (rc)
		return;
	BUG_ON(c.n_ext != want->n_ext || c.code != want->code || c.opaque != want->opaque);
	for (int i = 0; i < c.n_ext; i++) {
		BUG_ON(!str_eq(c.ext[i].key, want->ext[i].key));
		BUG_ON(!str_eq(c.ext[i].value, want->ext[i].value));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t kind = size ? data[0] % 3 : 0;
	size_t head = kind ? 8 : 0, n, total;
	struct err e = ERR_INIT;
	struct command c;
	char *p, *again;
	int rc;

	if (!size || size > 1 << 20)
		return 0;
	n = size - 1 + head;
	p = malloc(n + !n);
	memcpy(p + head, data + 1, size - 1);
	if (kind) {
		put_be32(p, (uint32_t)n - 4);
		put_be32(p + 4, (uint32_t)(n - 8) | (kind - 1u) << 24);
	}
	frame_measure((struct str){ p, n }, &total, &e);
	again = malloc(n + !n);
	memcpy(again, p, n);
	rc = command_decode(p, n, &c, &e);
	same_with_hints(again, n, rc ? NULL : &c);
	free(again);
	if (!rc) {
		for (int i = 0; i < c.n_ext; i++) {
			touch(c.ext[i].key);
			touch(c.ext[i].value);
		}
		touch(c.remark);
		touch(c.body);
		round_trip(&c, HEADER_JSON);
		round_trip(&c, HEADER_BINARY);
	}
	free(p);
	return 0;
}
