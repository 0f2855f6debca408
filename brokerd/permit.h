/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permit: may this request be made? Asked twice by dispatch, and by handlers for names that are
 * no fields (request_permit_topic and request_permit_group of dispatch.h):
 *
 *	permit_identify()	whose request is it		acl.h
 *	   fields decoded
 *	permit_fields()		may he, with these names	enum need, acl.h
 *
 * While authentication is off everything may be done. Nothing is remembered from one request to
 * the next, so that a change of a role holds for what comes next on any connection.
 */
#ifndef TDMQ_PERMIT_H
#define TDMQ_PERMIT_H

#include "brokerd/dispatch.h"

/* Fills rq->who. TQ_EDENIED: nobody we know, and the handler wants to know. */
int permit_identify(struct request *rq) MUST_USE;
/* fields: as decoded for rq->handler. TQ_EDENIED with a text for the client. */
int permit_fields(struct request *rq, const void *fields) MUST_USE;

#endif
