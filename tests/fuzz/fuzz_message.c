/* SPDX-License-Identifier: Apache-2.0 */
/* Stored records, one after the other, as the body of a pull answer has them. */
#include "fuzz.h"
#include "message.h"
#include "props.h"

static void write_again(const struct message *m, const char *raw)
{
	char *p;

	if (m->magic != MESSAGE_MAGIC)
		return;
	BUG_ON(message_size(m) != m->size);
	p = malloc(m->size);
	message_write(p, m);
	put_be32(p + 8, m->crc); /* nobody promised it was right */
	BUG_ON(memcmp(p, raw, m->size));
	free(p);
}

static void use(const struct message *m)
{
	char text[HOST_TEXT], id[MESSAGE_ID_MAX];
	struct err e = ERR_INIT;
	struct buf b;

	touch(m->body);
	touch(m->topic);
	message_tags_code(props_get(m->properties, PROP_TAGS));
	message_crc_ok(m);
	host_text(&m->born, text);
	message_offset_id(id, &m->store, m->phys_off);
	buf_init(&b, 1 << 16);
	if (!message_inflate(m, &b, 1 << 15, &e))
		BUG_ON(b.n > 1 << 15);
	buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = own(data, size);
	struct rd r = rd_init((struct str){ p, size });
	struct err e = ERR_INIT;
	struct message m;

	while (rd_left(&r)) {
		const char *raw = p + r.off;

		if (message_decode(&r, &m, &e))
			break;
		use(&m);
		write_again(&m, raw);
	}
	free(p);
	return 0;
}
