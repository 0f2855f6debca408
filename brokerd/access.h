/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access: the start of access control: the administrator's secret, the roles, and what ends when
 * a role loses something. With authentication on the process cannot be dumped.
 */
#ifndef TDMQ_ACCESS_H
#define TDMQ_ACCESS_H

#include "brokerd/broker.h"

#define ADMIN_SECRET_FILE "admin.secret" /* in the data directory */

/* Opens b->acl. Before metadb_start(); the data directory is ours by now. */
int access_open(struct broker *b, struct err *e) MUST_USE;
void access_reload(struct broker *b);

#endif
