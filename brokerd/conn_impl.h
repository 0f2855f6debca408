/* SPDX-License-Identifier: Apache-2.0 */
/* conn_impl: what server and dispatch know about conn and nobody else needs. */
#ifndef TDMQ_CONN_IMPL_H
#define TDMQ_CONN_IMPL_H

#include "brokerd/conn.h"
#include "brokerd/store/store.h"

struct sockaddr;

/* Takes the descriptor; one reference is the server's. */
struct conn *conn_new(struct server *s, int fd, uint64_t id, const struct sockaddr *peer);
/* Hands what is unsent to the kernel; closes if that was asked for. */
void conn_flush(struct conn *c);
/* Closes it when it is silent for too long, or its frame takes too long. */
void conn_check_time(struct conn *c, int64_t now_ms);
/* Bytes to be sent at the end of the turn; copied. Nothing on a closed connection. */
void conn_write(struct conn *c, const void *p, size_t n);
/* n slices, whose references it takes, also on a closed connection. */
void conn_write_slices(struct conn *c, struct store_slice *slices, int n);

#endif
