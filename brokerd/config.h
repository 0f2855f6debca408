/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: the settings of config.def as one struct, filled from defaults, --dev, a file, the
 * environment and flags, in this order; bounds are checked once all are there.
 */
#ifndef TDMQ_CONFIG_H
#define TDMQ_CONFIG_H

#include "base.h"
#include "err.h"

struct config {
#define TEXT(member, absent, doc) const char *member;
#define NUMBER(member, absent, min, max, doc) int64_t member;
#define BYTES(member, absent, min, max, doc) int64_t member;
#define TIME(member, absent, min, max, doc) int64_t member; /* ms */
#define BOOL(member, absent, doc) bool member;
#define CHOICE(member, names, absent, doc) int member;
#include "brokerd/config.def"
};

#endif
