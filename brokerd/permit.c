/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permit: see permit.h. The names of a request are found by the types of its fields, so a handler
 * cannot forget one.
 *
 * What is nobody's own: groups that every client library brings along decide nothing, the topics
 * do. Of the system's topics those take messages that clients send beside their own (traces,
 * replies); nobody reads them but the administrator, since half, delayed and set aside messages of
 * all namespaces lie there.
 */
#include "brokerd/permit.h"

#include "brokerd/broker.h"
#include "brokerd/catalog.h"
#include "brokerd/store/store.h"
#include "names.h"
#include "props.h"

/* --- whose --- */

/* For acl's on_lost: whose connection it is. */
static void mark(struct conn *c, const struct acl_who *who)
{
	uint32_t id = who->role ? who->role->id : who->class == ACL_LISTED ? ACL_LISTED_ID : 0;

	if (!id)
		return;
	c->many_roles |= c->role && c->role != id;
	c->role = id;
	c->old_key = who->old_key || (c->many_roles && c->old_key);
}

int permit_identify(struct request *rq)
{
	bool too_many;
	int rc;

	if (!acl_required(rq->broker->acl)) {
		rq->who.class = ACL_EVERYBODY;
		return 0;
	}
	if (rq->handler->need == NEED_NOTHING)
		return 0;
	rc = acl_identify(
		rq->broker->acl, rq->cmd, &rq->conn->remote, &rq->who, &too_many, &rq->err);
	if (rc && too_many)
		conn_close(rq->conn);
	if (!rc)
		mark(rq->conn, &rq->who);
	return rc;
}

/* --- may he --- */

static int bits_of(enum need need)
{
	switch (need) {
	case NEED_PUB:
		return ACL_PRODUCE;
	case NEED_SUB:
		return ACL_CONSUME;
	default:
		return ACL_EITHER;
	}
}

static const char *verb_of(int bits)
{
	return bits == ACL_PRODUCE ? "produce" : bits == ACL_CONSUME ? "consume" : "look";
}

static int refuse(struct request *rq, int bits, enum acl_kind kind, struct str wire)
{
	struct str ns, name;

	names_split(names_group_of(wire), &ns, &name);
	err_set(&rq->err, TQ_EDENIED,
		"No default permission for %s:" STR_FMT ": role '%s' may not %s in namespace "
		"'" STR_FMT "'",
		acl_kind_names[kind], STR_ARG(wire), rq->who.role->name, verb_of(bits),
		STR_ARG(ns));
	return TQ_EDENIED;
}

static int permit(struct request *rq, int bits, enum acl_kind kind, struct str wire)
{
	if (acl_may(rq->who.role, bits, kind, wire, NULL))
		return 0;
	return refuse(rq, bits, kind, wire);
}

/* Topics of the system that clients write to beside their own. */
static bool is_for_all(struct str topic)
{
	return str_is(topic, "RMQ_SYS_TRACE_TOPIC") ||
	       str_starts(topic, STR("rmq_sys_TRACE_DATA_")) ||
	       str_ends(topic, STR(NAMES_REPLY));
}

int request_permit_topic(struct request *rq, enum need need, struct str topic)
{
	int bits = bits_of(need);

	if (rq->who.class != ACL_ROLE)
		return 0;
	if (catalog_is_system_topic(rq->broker->catalog, topic)) {
		if (need == NEED_PUB && is_for_all(topic))
			return 0;
		return err_set(&rq->err, TQ_EDENIED,
			"No default permission for topic:" STR_FMT
			": it is the system's, and role '%s' is no administrator",
			STR_ARG(topic), rq->who.role->name);
	}
	/* A consumer sends what it could not use to its own group's retry topic. */
	if (need == NEED_PUB && names_is_retry(topic))
		bits = ACL_CONSUME;
	return permit(rq, bits, ACL_TOPIC, topic);
}

int request_permit_group(struct request *rq, enum need need, struct str group)
{
	if (rq->who.class != ACL_ROLE || names_is_system_group(group))
		return 0;
	return permit(rq, bits_of(need), ACL_GROUP, group);
}

bool request_sees_topic(struct request *rq, struct str topic)
{
	bool sees = !request_permit_topic(rq, NEED_READ, topic);

	err_clear(&rq->err);
	return sees;
}

bool request_sees_group(struct request *rq, struct str group)
{
	bool sees = !request_permit_group(rq, NEED_READ, group);

	err_clear(&rq->err);
	return sees;
}

/* What waits to be delivered lies in a topic of the system and names its own. */
static int permit_message(struct request *rq, enum need need, struct str record)
{
	struct rd r = rd_init(record);
	struct message m;
	struct str topic;

	if (message_decode(&r, &m, &rq->err))
		return rq->err.code;
	topic = names_is_system_topic(m.topic) ? props_get(m.properties, PROP_REAL_TOPIC)
					       : STR_NONE;
	return request_permit_topic(rq, need, topic.n ? topic : m.topic);
}

int request_permit_record(struct request *rq, enum need need, int64_t phys_off)
{
	struct store_slice s;
	int rc;

	if (rq->who.class != ACL_ROLE || phys_off < 0 ||
		store_get(rq->broker->store, phys_off, &s, NULL))
		return 0;
	rc = permit_message(rq, need, s.bytes);
	store_slice_unref(s.segment);
	return rc;
}

/* --- by the column --- */

static int only_admin(struct request *rq)
{
	return err_set(&rq->err, TQ_EDENIED,
		"Need admin permission for request code=%d, but %s is not", rq->code,
		rq->who.role ? rq->who.role->name : "this address");
}

/* *n counts the names there were. */
static int permit_names(struct request *rq, const void *fields, int *n)
{
	const struct handler *h = rq->handler;
	const char *base = fields;
	int rc = 0;

	for (const struct field *f = h->fields; !rc && f && f->type != FIELD_TYPE_END; f++) {
		struct str name;

		if (f->type != FIELD_TYPE_TOPIC && f->type != FIELD_TYPE_GROUP)
			continue;
		memcpy(&name, base + f->off, sizeof(name));
		if (!name.n)
			continue;
		++*n;
		rc = f->type == FIELD_TYPE_TOPIC ? request_permit_topic(rq, h->need, name)
						 : request_permit_group(rq, h->need, name);
	}
	return rc;
}

int permit_fields(struct request *rq, const void *fields)
{
	enum acl_class class = rq->who.class;
	enum need need = rq->handler->need;
	int rc, n = 0;

	if (class == ACL_EVERYBODY || class == ACL_ADMIN || need == NEED_NOTHING)
		return 0;
	if (need == NEED_ADMIN)
		return only_admin(rq);
	if (need == NEED_ROLE)
		return 0;
	if (need == NEED_BROKER)
		return class == ACL_LISTED ? 0 : only_admin(rq);
	rc = permit_names(rq, fields, &n);
	return rc || n ? rc : only_admin(rq);
}
