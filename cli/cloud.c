/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud.h"

#include <stdlib.h>

#include "progress.h"
#include "table.h"

#define RATE 5 /* requests a second: what every service bears */

/* A line of the trace: what a service says must not steer the terminal. */
static void on_trace(void *arg UNUSED, const char *line)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	table_clean(&b, str_of(line));
	fprintf(stderr, "# %s\n", b.p ? b.p : "");
	buf_release(&b);
}

static bool on_stop(void *arg UNUSED)
{
	return stop_asked();
}

/* The vendors' own tools for migrating know this variable. */
static bool wants_trace(const struct ctx *cx)
{
	const char *level = getenv("CONF_LOG_LEVEL");

	return cx->set.verbose || (level && !strcmp(level, "debug"));
}

int cloud_key(struct ctx *cx, enum cloud cloud, const struct cloud_args *a, struct cloudkey *k)
{
	struct cloudkey_opts where = { a->access_key, a->secret_from, a->profile };
	int rc = cloudkey_find(k, cloud, &where, &cx->err);

	if (rc)
		return rc;
	ctx_note(cx, "keys %s from %s", cloudkey_masked(k, &cx->mem), k->from);
	if (k->warning)
		ctx_warn(cx, "%s", k->warning);
	return 0;
}

void cloud_warn_plain(struct ctx *cx, const char *endpoint)
{
	if (endpoint && str_starts(str_of(endpoint), STR("http://")))
		ctx_warn(cx, "%s: unencrypted, whoever listens can read along", endpoint);
}

struct webapi_opts cloud_web(struct ctx *cx, const struct cloud_args *a)
{
	struct webapi_opts web = { .ca_file = a->ca_file, .tries = a->tries, .arg = cx };

	web.min_gap_ms = (int)(1000 / (a->rate > 0 ? a->rate : RATE));
	web.trace = wants_trace(cx) ? on_trace : NULL;
	web.stop = on_stop;
	cloud_warn_plain(cx, a->endpoint);
	return web;
}
