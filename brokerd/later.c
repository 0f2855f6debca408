/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later: completions never run inside the call that starts them (metadb.h), so there is time to
 * park the request once it is known that there will be one.
 */
#include "later.h"

#include "brokerd/broker.h"
#include "brokerd/membership.h"

struct later {
	struct request *rq; /* until later_started() the handler's, then the parked one */
	later_then then;
	void *arg;
	struct arena mem;
};

struct later *later_new(struct request *rq, later_then then, void *arg)
{
	struct later *l = mem_alloc(sizeof(*l));

	l->rq = rq;
	l->then = then;
	l->arg = arg;
	arena_init(&l->mem);
	return l;
}

struct arena *later_arena(struct later *l)
{
	return &l->mem;
}

void later_set_arg(struct later *l, void *arg)
{
	l->arg = arg;
}

void later_drop(struct later *l)
{
	arena_release(&l->mem);
	mem_free(l);
}

int later_started(struct later *l, int rc)
{
	if (rc)
		later_drop(l);
	else
		l->rq = request_park(l->rq);
	return rc;
}

void later_done(void *arg, int rc, const struct err *e)
{
	struct later *l = arg;
	struct request *rq = l->rq;

	if (rc)
		rq->err = *e;
	else if (l->then)
		rc = l->then(rq, l->arg);
	later_drop(l);
	request_finish(rq, rc);
}

static void told(void *arg)
{
	later_done(arg, 0, NULL);
}

void later_done_told(void *arg, int rc, const struct err *e)
{
	struct later *l = arg;

	if (rc)
		later_done(l, rc, e);
	else
		membership_told(l->rq->broker->membership, told, l);
}
