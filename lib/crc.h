/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc: CRC-32 as zlib computes it, several times as fast where the processor multiplies without
 * carries. It knows nothing of messages.
 */
#ifndef TDMQ_CRC_H
#define TDMQ_CRC_H

#include "base.h"

uint32_t crc_32(const void *p, size_t n);

#endif
