/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

static double first_number(struct str s)
{
	char text[32];
	struct str head;

	s = str_trim(s);
	str_cut(&s, ' ', &head);
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(head));
	return strtod(text, NULL);
}

static int64_t integer(const struct kvs *t, const char *key)
{
	int64_t v;

	return str_to_i64(kvs_get(t, key), INT64_MIN, INT64_MAX, &v, key, NULL) ? 0 : v;
}

void health_ask(struct ctx *cx, const struct broker *b, struct health *h)
{
	struct err e = ERR_INIT;

	*h = (struct health){ .broker = b, .disk = -1 };
	if (!b->addr)
		err_set(&e, TQ_EUNREACHABLE, "no master is alive");
	else
		h->answers = !admin_runtime(cx->admin, b->addr, &cx->mem, &h->table, &e);
	if (!h->answers) {
		ctx_warn(cx, "broker '%s': %s", b->name, e.msg);
		cx->partial = true;
		return;
	}
	h->in_rate = first_number(kvs_get(&h->table, "putTps"));
	h->out_rate = first_number(kvs_get(&h->table, "getTransferedTps"));
	h->in_today = integer(&h->table, "msgPutTotalTodayNow") -
		      integer(&h->table, "msgPutTotalTodayMorning");
	h->out_today = integer(&h->table, "msgGetTotalTodayNow") -
		       integer(&h->table, "msgGetTotalTodayMorning");
	h->disk_full = kvs_get(&h->table, "diskFull").p != NULL;
	if (h->disk_full)
		ctx_warn(cx, "broker '%s' refuses messages: its disk is full", b->name);
	h->started_ms = integer(&h->table, "bootTimestamp");
	if (kvs_get(&h->table, "commitLogDiskRatio").p)
		h->disk = 100 * first_number(kvs_get(&h->table, "commitLogDiskRatio"));
}

void health_add_decimal(cJSON *o, const char *key, double v, bool known)
{
	if (known)
		cJSON_AddNumberToObject(o, key, (double)(int64_t)(v * 10 + 0.5) / 10);
	else
		cJSON_AddNullToObject(o, key);
}

const char *health_text(struct ctx *cx, struct str s)
{
	return s.p ? arena_strn(&cx->mem, s.p, s.n) : NULL;
}

const char *health_server(struct ctx *cx, const struct cluster *cl, const struct health *h)
{
	const char *version = health_text(cx, kvs_get(&h->table, "brokerVersionDesc"));

	if (cl->brokerd)
		return arena_fmt(&cx->mem, "brokerd %s", cl->brokerd);
	return version ? arena_fmt(&cx->mem, "Apache %s", version) : NULL;
}
