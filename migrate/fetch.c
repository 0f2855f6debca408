/* SPDX-License-Identifier: Apache-2.0 */
/* What is the same for all clouds: what may be missing, and how it is said. */
#include "fetch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void fetch_note(const struct fetch *f, const char *fmt, ...)
{
	char line[400];
	va_list ap;

	if (!f->o->note)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	f->o->note(f->o->arg, line);
}

/* Keys that are not accepted are not accepted for the next part either. */
static bool may_be_missing(const struct fetch *f, bool detail, int rc)
{
	if (rc == TQ_EINTERRUPTED || f->api.reason == REASON_AUTH_FAILED)
		return false;
	return detail || f->api.reason == REASON_PERMISSION_DENIED ||
	       f->api.reason == REASON_UNSUPPORTED;
}

int fetch_part(struct fetch *f, const char *what, bool detail, int rc, struct err *e)
{
	if (!rc)
		return 0;
	if (!may_be_missing(f, detail, rc))
		return e && e->code ? err_wrap(e, "%s", what) : rc;
	export_incomplete(f->x, what, reason_name(f->api.reason), e ? e->msg : "");
	err_clear(e);
	return 0;
}

int fetch_check_region(const char *region, struct err *e)
{
	if (strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(region))
		return 0;
	return err_set(e, TQ_EUSAGE, "'%s' is no name of a region", region);
}

void fetch_count(struct fetch *f, const char *what, int64_t got, int64_t total)
{
	char text[200];

	if (total <= got)
		return;
	snprintf(text, sizeof(text),
		"%lld of %lld: may the keys see all of them, or did somebody change the list?",
		(long long)got, (long long)total);
	export_incomplete(f->x, what, reason_name(WARN_LIST_SHORT), text);
}

int fetch_check(const struct fetch *f, struct err *e)
{
	const cJSON *part, *first = NULL;
	int missing = 0;

	cJSON_ArrayForEach (part, f->x->incomplete) {
		const char *what = json_text(part, "what", "");

		if (!strcmp(json_text(part, "reason", ""), reason_name(WARN_LIST_SHORT)) ||
			(strcmp(what, "topics") != 0 && strcmp(what, "groups") != 0))
			continue;
		first = first ? first : part;
		missing++;
	}
	if (missing < 2)
		return 0;
	return err_set(e, TQ_EDENIED, "neither topics nor groups may be read: %s",
		json_text(first, "message", ""));
}
