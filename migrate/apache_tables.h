/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apache_tables: the two tables in which Apache RocketMQ keeps its metadata, in files and in
 * answers: "topicConfigTable":{name:{...}}, "subscriptionGroupTable":{name:{...}}.
 *
 *	rc = apache_scan_tables(inv, tables, "broker-a", e);
 */
#ifndef TDMQ_APACHE_TABLES_H
#define TDMQ_APACHE_TABLES_H

#include "shape.h"

#define APACHE_TOPICS "topicConfigTable"
#define APACHE_GROUPS "subscriptionGroupTable"

bool apache_has_tables(const cJSON *o);
/* Adds all entries. broker: whose tables they are; NULL: summed over a cluster. May complete them. */
int apache_scan_tables(
	struct inventory *inv, const cJSON *tables, const char *broker, struct err *e) MUST_USE;
/* One entry that stands alone, with its name in it. */
int apache_scan_entry(
	struct inventory *inv, enum object_kind kind, cJSON *entry, struct err *e) MUST_USE;
/*
 * What a broker made for itself, by the marks it has in the broker's own table: the inherit
 * permission bit, and one queue or a reply topic beside it.
 */
void apache_guess_system(struct inventory *inv, const cJSON *table);
/* "<cluster>_REPLY_TOPIC" */
void apache_add_reply(struct inventory *inv, const char *cluster);

#endif
