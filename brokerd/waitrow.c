/* SPDX-License-Identifier: Apache-2.0 */
/* waitrow: see waitrow.h. */
#include "waitrow.h"

#include "props.h"
#include "str.h"

struct str wait_topic(const struct message *m)
{
	return props_get(m->properties, PROP_REAL_TOPIC);
}

void wait_row(struct jw *w, const struct message *m)
{
	char id[MESSAGE_ID_MAX];
	struct str queue = props_get(m->properties, PROP_REAL_QID);
	int64_t n = 0;

	if (queue.n)
		(void)str_to_i64(queue, 0, INT32_MAX, &n, PROP_REAL_QID, NULL);
	message_offset_id(id, &m->store, m->phys_off);
	jw_kv_int(w, "born_ms", m->born_ms);
	jw_kv_text(w, "id", id);
	jw_kv_str(w, "key", props_get(m->properties, PROP_KEYS));
	jw_kv_int(w, "queue", n);
	jw_kv_int(w, "size", (int64_t)m->body.n);
	jw_kv_int(w, "stored_ms", m->store_ms);
	jw_kv_str(w, "tag", props_get(m->properties, PROP_TAGS));
	jw_kv_str(w, "topic", wait_topic(m));
	jw_kv_str(w, "unique_id", props_get(m->properties, PROP_UNIQ_KEY));
}
