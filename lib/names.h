/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names: what a name may be, and how (namespace, name) stands on the wire. A wire name is
 * `ns%name`; the namespace `default` has no prefix. Retry and dead letter topics put %RETRY% and
 * %DLQ% in front of the whole group name.
 */
#ifndef TDMQ_NAMES_H
#define TDMQ_NAMES_H

#include "buf.h"
#include "err.h"

#define NAMES_RETRY "%RETRY%"
#define NAMES_DLQ "%DLQ%"
#define NAMES_DEFAULT_NS "default"
#define NAMES_TEMPLATE "TBW102" /* topic whose settings new ones are made with */
#define NAMES_ORDER_SPACE "ORDER_TOPIC_CONFIG" /* of texts: which queues topics in order have */
#define NAMES_SCHEDULE "SCHEDULE_TOPIC_XXXX" /* where delayed messages wait */
#define NAMES_HALF "RMQ_SYS_TRANS_HALF_TOPIC" /* and those of open transactions */
#define NAMES_HALF_GROUP "CID_RMQ_SYS_TRANS" /* whose offset there says what is decided */
#define NAMES_REPLY "_REPLY_TOPIC" /* behind a cluster's name */
#define NAMES_TOOLS_GROUP "TOOLS_CONSUMER" /* who reads without being a member of a group */

#define WIRE_TOPIC_MAX 127 /* bytes of a whole wire name; the store's length byte is signed */
#define WIRE_GROUP_MAX 120 /* so that %RETRY%group is still a topic */
#define TOPIC_QUEUES_MAX 32 /* default limit of product; Apache's tables may say more */
#define REMARK_MAX 128

/* Names people choose: 3-64 (namespace 3-32) of letters, digits, '-', '_'. */
int names_check_topic(struct str name, struct err *e);
int names_check_group(struct str name, struct err *e);
int names_check_namespace(struct str name, struct err *e);
/* Names as they arrive on the wire: letters, digits, % | _ -; topic <= 127, group <= 120 bytes. */
int names_check_wire_topic(struct str name, struct err *e);
int names_check_wire_group(struct str name, struct err *e);

bool names_is_retry(struct str topic);
bool names_is_dlq(struct str topic);
/* %RETRY%g and %DLQ%g give g; other topics give themselves. */
struct str names_group_of(struct str topic);
/* TBW102, SCHEDULE_TOPIC_XXXX, RMQ_SYS_..., rmq_sys_...; cluster and broker names are not known here. */
bool names_is_system_topic(struct str topic);
/* System topics that have a fixed name, i from 0; NULL behind the last. */
const char *names_system_topic_at(size_t i);
/* TOOLS_CONSUMER, CID_ONSAPI_..., CID_RMQ_SYS_..., CLIENT_INNER_PRODUCER ... */
bool names_is_system_group(struct str group);
/* System topics a client must not send to. */
bool names_is_not_sendable(struct str topic);

/* "shop%orders" -> "shop", "orders"; without '%' -> "default", all of it. Splits at the first '%'.
 * A retry or dead letter prefix must have been taken off before. */
void names_split(struct str wire, struct str *ns, struct str *name);
/* Appends "ns%name", or "name" alone for the default namespace (also when ns is empty). */
void names_join(struct buf *out, struct str ns, struct str name);
/*
 * Aliases on entry: `<cluster-id>|ns%x` and `MQ_INST_<cluster-id without the dash>_ns%x` become
 * `ns%x`, and `default%x` becomes `x`, also behind %RETRY% and %DLQ%. Returns a slice of wire
 * where that will do, else of text appended to out.
 */
struct str names_canonical(struct str wire, struct str cluster_id, struct buf *out);

#endif
