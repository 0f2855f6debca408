/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: the other brokers that register with our name server, and their topics. (Apache 4.9.8,
 * namesrv/.../routeinfo/RouteInfoManager.java.) This broker itself is not among them: what it has
 * is asked of the catalog.
 *
 *	rc = routes_register(r, &who, &registration, clock_mono_ms(), e);	103
 *	...
 *	n = routes_brokers(r, a, &brokers);
 *	for (size_t i = 0; i < n; i++)
 *		q = routes_queues(r, brokers[i], topic);			NULL: not there
 *
 * A broker goes by unregistering, by the end of the connection it registered on, or 120 s after
 * it was heard of last; with its last address go its topics. Its topics are taken over from the
 * master only, and only when their version differs; one that a later registration does not name
 * stays, since a change is registered alone. Whoever deletes a topic says so (216).
 *
 * Knows connections as addresses only. On the loop; what is returned is valid until the next
 * change.
 */
#ifndef TDMQ_ROUTES_H
#define TDMQ_ROUTES_H

#include "registration.h"

struct conn;
struct routes;

#define ROUTES_EXPIRE_MS 120000
#define ROUTES_MASTER 0 /* id of the broker that takes writes */

struct routes *routes_new(void);
void routes_free(struct routes *r);

struct registrant {
	struct conn *conn;
	struct str cluster, name, addr;
	struct str ha_addr; /* where slaves copy from */
	int64_t id;
};

/* Copies. TQ_EINVAL for names and addresses that no answer could carry, TQ_ELIMIT. */
int routes_register(struct routes *r, const struct registrant *who,
	const struct registration *topics, int64_t now_ms, struct err *e);
void routes_unregister(struct routes *r, const struct registrant *who);
/*
 * Has this address registered just this version? If so it counts as heard of; *known, if it is
 * there at all, is the version it has registered.
 */
bool routes_current(struct routes *r, struct str addr, struct data_version v, int64_t now_ms,
	const struct data_version **known);
void routes_conn_closed(struct routes *r, struct conn *conn);
void routes_tick(struct routes *r, int64_t now_ms); /* each 10 s, say */

struct routes_addr {
	int64_t id;
	const char *addr, *ha_addr;
};

struct routes_broker {
	const char *name, *cluster;
	const struct routes_addr *addrs; /* by id */
	size_t n_addrs; /* not 0 */
};

struct routes_queues {
	int read_queues, write_queues, perm, sysflag;
};

/* All brokers by name. */
size_t routes_brokers(
	const struct routes *r, struct arena *a, const struct routes_broker ***out);
/* NULL: there is none of that name. */
const struct routes_broker *routes_broker(const struct routes *r, struct str name);
const struct routes_queues *routes_queues(
	const struct routes_broker *b, struct str topic); /* NULL: no such topic there */
/* Calls for each topic of a broker, in no order. */
void routes_each_topic(const struct routes_broker *b,
	void (*fn)(void *arg, struct str topic, const struct routes_queues *q), void *arg);

/* Takes W from all its topics, or makes them RW; returns how many there are. */
int routes_set_write(struct routes *r, struct str name, bool writable);
/* From the brokers of a cluster, or, with an empty name, from all. */
void routes_delete_topic(struct routes *r, struct str topic, struct str cluster);

#endif
