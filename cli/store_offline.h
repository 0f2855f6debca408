/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_offline: what `store inspect` and `store verify` do with a directory, brokerd's or Apache's.
 * Strictly reading, and in bounded memory: 100 GiB of log are read through a window.
 */
#ifndef TDMQCTL_STORE_OFFLINE_H
#define TDMQCTL_STORE_OFFLINE_H

#include "ctx.h"

/* What there is, from names, headers and ends: does not read the log. */
int store_inspect(struct ctx *cx, const char *dir) MUST_USE;
/*
 * Each record, each unit, each index entry, against each other. With plan each finding comes with
 * what to do. TQ_EDIFFERS when messages are lost or could not be served.
 */
int store_verify(struct ctx *cx, const char *dir, bool plan) MUST_USE;

/* TQ_ENOTFOUND: nothing in the directory looks like a part of a store. */
int store_is_there(const char *dir, struct err *e) MUST_USE;
/* "abort" is there: its broker runs, or was killed. */
bool store_aborted(const char *dir);
/* As some process of this machine has it locked; asks without taking anything. */
bool store_in_use(const char *dir);

extern const struct view view_store_part, view_store_finding, view_store_finding_plan,
	view_handover;

#endif
