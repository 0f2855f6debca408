/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock: all time goes through here. Wall time for stamps, monotonic time for waits; tests put
 * both under their hand.
 */
#ifndef TDMQ_CLOCK_H
#define TDMQ_CLOCK_H

#include "base.h"

int64_t clock_wall_ms(void); /* since 1970 */
int64_t clock_mono_ms(void);
int64_t clock_mono_us(void);
int64_t clock_boot_ms(void); /* monotonic, and goes on while the machine sleeps */

/* Tests: from now on both clocks stand still and move only by clock_test_advance(). */
void clock_test_set(int64_t wall_ms);
void clock_test_advance(int64_t ms);
void clock_test_off(void);
/* Tests: both go on, from ms later than now. */
void clock_test_skip(int64_t ms);

#endif
