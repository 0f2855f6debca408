/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target_tencent: a cluster of TDMQ for RocketMQ 4.x of Tencent Cloud as the place where a plan is
 * carried out, through its API. It is freed and asked for its holdings as any target (target.h).
 *
 *	struct target_tencent_opts o = { .cluster = id, .region = region, .key = key };
 *
 *	rc = target_tencent_new(&o, &tg, e);
 */
#ifndef TDMQ_TARGET_TENCENT_H
#define TDMQ_TARGET_TENCENT_H

#include "cloudapi.h"
#include "target.h"

#define TENCENT_ENDPOINT "tdmq.tencentcloudapi.com"

struct target_tencent_opts {
	const char *cluster, *region; /* copied */
	const char *endpoint; /* NULL: the usual one */
	struct cloudkey key; /* taken, also on failure */
	struct webapi_opts web;
};

int target_tencent_new(
	const struct target_tencent_opts *o, struct target **out, struct err *e) MUST_USE;

#endif
