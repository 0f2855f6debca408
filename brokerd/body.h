/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body: what the JSON bodies of several requests have in common. Texts taken from a document
 * are copied into the request's arena.
 */
#ifndef TDMQ_BODY_H
#define TDMQ_BODY_H

#include "brokerd/dispatch.h"
#include "brokerd/metadb.h"
#include "brokerd/rebalance.h"
#include "brokerd/catalog.h"
#include "json.h"
#include "registration.h"

/*
 * The request's body as an object; TQ_EINVAL "no body" without one. Give it back with
 * cJSON_Delete.
 */
int body_parse(struct request *rq, cJSON **out);
/* A topic or group name from a body: canonical (names.h), the arena's; STR_NONE for NULL. */
struct str body_name(struct request *rq, const char *wire);
/* An enum that Java writes by name and C++ by number. */
int body_enum(const cJSON *o, const char *key, const char *const *names, int absent);

/* {"brokerName":..,"queueId":..,"topic":..}: a value, or what precedes jw_key_done(). */
void body_queue(struct jw *w, struct str topic, struct str broker, int queue);
/* Our own queue as object key. */
void body_queue_key(struct jw *w, struct request *rq, struct str topic, int queue);
/* {"brokerAddr":addr,"topicList":[...]}; addr NULL is left out. */
void body_topic_list(struct request *rq, const char *addr, const struct str *names, size_t n);
/* "table":{"key":"value",...} */
void body_kv_table(struct jw *w, const struct catalog_kv *rows, size_t n);
/* An answer: b is initialised here, its object opened; body_send() closes it and takes b. */
struct jw body_begin(struct buf *b);
void body_send(struct request *rq, struct jw *w);

#endif
