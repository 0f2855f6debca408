/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

int main(void)
{
	puts("brokerd " TDMQ_VERSION);
	return 0;
}
