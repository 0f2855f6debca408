/* SPDX-License-Identifier: Apache-2.0 */
/* The test clock replaces both clocks at once; monotonic time then starts at the wall time set. */
#include "clock.h"

#include <stdatomic.h>

static _Atomic bool frozen;
static _Atomic int64_t frozen_wall_ms, frozen_mono_ms;

static int64_t now_us(clockid_t which)
{
	struct timespec ts;

	BUG_ON(clock_gettime(which, &ts));
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
	return UNLIKELY(frozen) ? frozen_wall_ms : now_us(CLOCK_REALTIME) / 1000;
}

int64_t clock_mono_ms(void)
{
	return UNLIKELY(frozen) ? frozen_mono_ms : now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_mono_us(void)
{
	return UNLIKELY(frozen) ? frozen_mono_ms * 1000 : now_us(CLOCK_MONOTONIC);
}

int64_t clock_boot_ms(void)
{
	return UNLIKELY(frozen) ? frozen_mono_ms : now_us(CLOCK_BOOTTIME) / 1000;
}

void clock_test_set(int64_t wall_ms)
{
	if (!frozen)
		frozen_mono_ms = wall_ms;
	frozen_wall_ms = wall_ms;
	frozen = true;
}

void clock_test_advance(int64_t ms)
{
	BUG_ON(!frozen);
	frozen_wall_ms += ms;
	frozen_mono_ms += ms;
}

void clock_test_off(void)
{
	frozen = false;
}
