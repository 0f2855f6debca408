/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

bool queue_is(const char *text, const char *broker, int queue)
{
	size_t n = strlen(broker);
	char number[12];

	snprintf(number, sizeof(number), "%d", queue);
	if (!strncmp(text, broker, n) && text[n] == '/')
		return !strcmp(text + n + 1, number);
	return !strcmp(text, number);
}
