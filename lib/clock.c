/* SPDX-License-Identifier: Apache-2.0 */
/* The test clock replaces both clocks at once; monotonic time then starts at the wall time set. */
#include "clock.h"

#include <stdatomic.h>

enum mode { REAL, FROZEN, SKIPPED };

static _Atomic int mode; /* enum mode */
static _Atomic int64_t frozen_wall_ms, frozen_mono_ms, skipped_ms;

static int64_t now_us(clockid_t which)
{
	struct timespec ts;

	BUG_ON(clock_gettime(which, &ts));
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t test_us(clockid_t which, int64_t frozen_ms)
{
	return mode == FROZEN ? frozen_ms * 1000 : now_us(which) + skipped_ms * 1000;
}

int64_t clock_wall_ms(void)
{
	return (UNLIKELY(mode) ? test_us(CLOCK_REALTIME, frozen_wall_ms)
			       : now_us(CLOCK_REALTIME)) /
	       1000;
}

int64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_mono_us(void)
{
	return UNLIKELY(mode) ? test_us(CLOCK_MONOTONIC, frozen_mono_ms)
			      : now_us(CLOCK_MONOTONIC);
}

int64_t clock_boot_ms(void)
{
	return (UNLIKELY(mode) ? test_us(CLOCK_BOOTTIME, frozen_mono_ms)
			       : now_us(CLOCK_BOOTTIME)) /
	       1000;
}

void clock_test_set(int64_t wall_ms)
{
	if (mode != FROZEN)
		frozen_mono_ms = wall_ms;
	frozen_wall_ms = wall_ms;
	mode = FROZEN;
}

void clock_test_advance(int64_t ms)
{
	BUG_ON(mode != FROZEN);
	frozen_wall_ms += ms;
	frozen_mono_ms += ms;
}

void clock_test_skip(int64_t ms)
{
	skipped_ms += ms;
	mode = SKIPPED;
}

void clock_test_off(void)
{
	skipped_ms = 0;
	mode = REAL;
}
