/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view: how objects show: the JSON of each kind, which is an interface, and the columns of its
 * tables, which are not. Objects are {metadata, spec, status}, figures are flat rows. Names in
 * them are without `ns%`; times come twice, as text and as milliseconds; unknown is null.
 *
 *	cJSON_AddItemToArray(items, view_topic_json(cx, &topics.v[i]));
 *	...
 *	return ctx_list(cx, view_topics(cx), items);
 */
#ifndef TDMQCTL_VIEW_H
#define TDMQCTL_VIEW_H

#include "ctx.h"

/* key and keyMs; both null for 0. */
void view_add_time(struct ctx *cx, cJSON *o, const char *key, int64_t ms);
/* An integer, null if it is not known. */
void view_add_int(cJSON *o, const char *key, int64_t v, bool known);
/* A text, null if p is NULL. */
void view_add_text(cJSON *o, const char *key, const char *s);

/* Lists show the namespace only with --all-namespaces; the page of one object always does. */
const struct view *view_topics(const struct ctx *cx);
const struct view *view_groups(const struct ctx *cx);
const struct view *view_lags(const struct ctx *cx); /* a row a group, or a group and topic */
extern const struct view view_topic, view_group, view_namespace;
extern const struct view view_cluster, view_broker, view_stat, view_quota;
extern const struct view view_broker_lag, view_nameserver, view_setting, view_text;
extern const struct view view_queue_stat, view_route, view_lag, view_lag_group, view_member,
	view_offset;
extern const struct view view_role, view_acl_state, view_acl_can, view_address;

cJSON *view_namespace_json(struct ctx *cx, const struct namespace *n);
cJSON *view_role_json(struct ctx *cx, const struct role *r);
cJSON *view_setting_json(const char *server, struct kv kv);
cJSON *view_topic_json(struct ctx *cx, const struct topic_info *t);
cJSON *view_group_json(struct ctx *cx, const struct group *g);

/* Those of single commands. */
extern const struct view view_delay, view_transaction, view_context;
extern const struct view view_dlq, view_sent, view_message_id, view_version;

/* All views but those of migrate/report.h, for the test that walks tables. */
extern const struct view *const views[];

#endif
