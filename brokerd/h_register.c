/* SPDX-License-Identifier: Apache-2.0 */
/*
 * h_register: other brokers tell our name server what they have: 103, 104, and 322 that asks
 * whether telling is needed. (Apache 4.9.8, namesrv/.../processor/DefaultRequestProcessor.java.)
 *
 * A list of name servers may be the same for all brokers, so this one may register with itself:
 * that is answered and not kept. Nobody else may have its name.
 */
#include "brokerd/body.h"
#include "brokerd/broker.h"
#include "brokerd/routes.h"
#include "clock.h"
#include "names.h"

struct registering {
	struct str name, addr, cluster, ha_addr;
	int64_t id;
	int crc;
	bool compressed;
};

static const struct field register_fields[] = { FIELD_STR("brokerName", struct registering,
							name, REQUIRED),
	FIELD_STR("brokerAddr", struct registering, addr, REQUIRED),
	FIELD_STR("clusterName", struct registering, cluster, REQUIRED),
	FIELD_STR("haServerAddr", struct registering, ha_addr, 0),
	FIELD_I64("brokerId", struct registering, id, REQUIRED),
	FIELD_I32("bodyCrc32", struct registering, crc, 0),
	FIELD_BOOL("compressed", struct registering, compressed, 0), FIELD_END };

static bool is_self(const struct request *rq, const struct registering *f)
{
	return str_is(f->name, rq->broker->cfg->broker) &&
	       str_is(f->addr, broker_address(rq->broker));
}

static struct registrant who(const struct request *rq, const struct registering *f)
{
	return (struct registrant){ rq->conn, f->cluster, f->name, f->addr, f->ha_addr, f->id };
}

/* ---- 103 ---- */

/* A slave is told where its master is. */
static void reply_master(struct request *rq, const struct registering *f)
{
	const struct routes_broker *b = routes_broker(rq->broker->routes, f->name);

	if (f->id == ROUTES_MASTER || !b || b->addrs[0].id != ROUTES_MASTER)
		return;
	reply_str(rq, "haServerAddr", str_of(b->addrs[0].ha_addr));
	reply_str(rq, "masterAddr", str_of(b->addrs[0].addr));
}

static void reply_order_table(struct request *rq)
{
	struct catalog_kv *rows;
	size_t n =
		catalog_kv_list(rq->broker->catalog, STR(NAMES_ORDER_SPACE), rq->arena, &rows);
	struct buf b;
	struct jw w;

	if (!n)
		return;
	w = body_begin(&b);
	body_kv_table(&w, rows, n);
	body_send(rq, &w);
}

static int read_body(struct request *rq, const struct registering *f, struct registration *out)
{
	struct str body = rq->cmd->body;

	*out = (struct registration){ 0 };
	if (f->crc && f->crc != registration_crc(body))
		return err_set(&rq->err, TQ_EFORMAT, "crc32 not match");
	if (!body.n)
		return 0;
	return registration_decode(body, f->compressed, rq->arena, out, &rq->err);
}

static int register_broker(struct request *rq, const void *fields)
{
	const struct registering *f = fields;
	struct registrant from = who(rq, f);
	struct registration topics;
	int rc = read_body(rq, f, &topics);

	if (rc)
		return rc;
	if (!is_self(rq, f) && str_is(f->name, rq->broker->cfg->broker))
		return err_set(&rq->err, TQ_EINVAL,
			"broker name '" STR_FMT "' is this name server's own broker",
			STR_ARG(f->name));
	if (!is_self(rq, f))
		rc = routes_register(
			rq->broker->routes, &from, &topics, clock_mono_ms(), &rq->err);
	if (rc)
		return rc;
	reply_master(rq, f);
	reply_order_table(rq);
	return 0;
}

/* ---- 104 ---- */

static int unregister_broker(struct request *rq, const void *fields)
{
	struct registrant from = who(rq, fields);

	routes_unregister(rq->broker->routes, &from);
	return 0;
}

/* ---- 322 ---- */

static int query_version(struct request *rq, const void *fields)
{
	const struct registering *f = fields;
	const struct data_version *known;
	struct data_version asked;
	cJSON *doc;
	struct buf b;
	struct jw w;
	int rc = body_parse(rq, &doc);

	if (rc)
		return rc;
	asked = data_version_from_json(doc);
	cJSON_Delete(doc);
	reply_bool(rq, "changed",
		!routes_current(rq->broker->routes, f->addr, asked, clock_mono_ms(), &known) &&
			!is_self(rq, f));
	if (!known)
		return 0;
	buf_init(&b, 256);
	w = jw_init(&b);
	data_version_to_json(&w, *known);
	reply_body(rq, &b);
	buf_release(&b);
	return 0;
}

const struct handler h_register[] = { { REQ_REGISTER_BROKER, register_fields,
					      sizeof(struct registering), register_broker,
					      NEED_BROKER },
	{ REQ_UNREGISTER_BROKER, register_fields, sizeof(struct registering), unregister_broker,
		NEED_BROKER },
	{ REQ_QUERY_DATA_VERSION, register_fields, sizeof(struct registering), query_version,
		NEED_BROKER },
	HANDLER_END };
