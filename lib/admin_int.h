/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin_int: what the files of admin share; nobody else includes it. fan_out() asks many brokers
 * at once, see admin.c.
 */
#ifndef TDMQ_ADMIN_INT_H
#define TDMQ_ADMIN_INT_H

#include "admin.h"
#include "json.h"
#include "strv.h"

#define MAX_SERVERS 64

struct admin {
	struct client *client; /* owned */
	int timeout_ms;
	struct arena mem; /* lives as long as the admin */
	struct strv nameservers, only; /* only: names or addresses of brokers; empty: all */
	size_t ns_at; /* the name server that answered last */
	struct cluster *cluster; /* in mem; NULL until asked */
	struct skipped skipped[MAX_SERVERS];
	size_t n_skipped;
};

/* One request to addr (NULL: the name servers) whose answer is a JSON object. */
int admin_call_json(
	struct admin *a, const char *addr, struct command *rq, cJSON **doc, struct err *e);

struct answer {
	const struct broker *broker;
	struct reply *reply; /* owned; NULL: failed or not asked */
	struct err err;
	bool pending;
};

struct fan {
	struct answer *v; /* owned */
	size_t n;
};

/* To every broker of the list, of the cluster, of the topic's route. Release f in any case. */
int fan_out(struct admin *a, const struct broker *v, size_t n, struct command *rq, int fine,
	struct fan *f, struct err *e);
int fan_cluster(struct admin *a, struct command *rq, int fine, struct fan *f, struct err *e);
int fan_route(struct admin *a, const char *topic, struct command *rq, int fine,
	struct arena *mem, struct fan *f, struct err *e);
void fan_release(struct fan *f);

/* Calls read(doc) for the JSON of each broker that answered; an answer that is none is an error. */
typedef void (*fan_reader)(void *arg, const struct broker *b, const cJSON *doc);
int fan_read(const struct fan *f, fan_reader read, void *arg, struct err *e);

/* A change: all masters must take it. What some refused is in the error. */
int admin_change_all(struct admin *a, struct command *rq, struct err *e);

void broker_read(struct broker *b, const cJSON *o, const char *name, struct arena *mem);
int broker_by_name(const void *x, const void *y); /* for qsort */
bool queue_read(struct queue_id *q, const char *key, struct arena *mem);
int queue_by_place(const void *x, const void *y); /* of structs that begin with a queue_id */
void *arena_more(struct arena *mem, void *v, size_t n, size_t cap, size_t size);
struct str text_of_number(struct arena *mem, int64_t v);
struct str text_of_bool(bool v);
void admin_suggest(struct err *e, const char *wanted, const void *names, size_t n, size_t step,
	const char *noun);

#endif
