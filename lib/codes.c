/* SPDX-License-Identifier: Apache-2.0 */
#include "codes.h"

struct code_name {
	int code;
	const char *name;
};

static const struct code_name requests[] = {
#define REQUEST(num, name) { num, #name },
#include "codes.def"
};

static const struct code_name responses[] = {
#define RESPONSE(num, name) { num, #name },
#include "codes.def"
};

static const struct code_name languages[] = {
#define LANGUAGE(num, name) { num, #name },
#include "codes.def"
};

static const char *look_up(const struct code_name *table, size_t n, int code)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].code == code)
			return table[i].name;
	return NULL;
}

const char *request_name(int code)
{
	return look_up(requests, ARRAY_LEN(requests), code);
}

const char *response_name(int code)
{
	return look_up(responses, ARRAY_LEN(responses), code);
}

const char *language_name(int code)
{
	const char *name = look_up(languages, ARRAY_LEN(languages), code);

	return name ? name : "OTHER";
}

int language_from_name(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(languages); i++)
		if (strlen(languages[i].name) == n && !memcmp(languages[i].name, name, n))
			return languages[i].code;
	return LANG_OTHER;
}

/* Releases from 4.0 on: 4.x.y is 213 + 20x + 2y, 5.x.y is 413 + 20x + 2y; a snapshot is one less. */
const char *version_name(int ordinal, char *buf)
{
	int major = ordinal >= 412 ? 5 : 4;
	int rest = ordinal - (major == 5 ? 413 : 213);
	bool snapshot = rest & 1;

	rest += snapshot;
	if (ordinal < 213 || ordinal > 612)
		snprintf(buf, 24, "%s", ordinal > 612 ? "HIGHER" : "V3");
	else
		snprintf(buf, 24, "V%d_%d_%d%s", major, rest / 20, rest % 20 / 2,
			snapshot ? "_SNAPSHOT" : "");
	return buf;
}
