/* SPDX-License-Identifier: Apache-2.0 */
#include "base.h"

int main(void)
{
	puts("tdmqctl " TDMQ_VERSION);
	return 0;
}
