/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html: the page says on top what became of the task, then lists the items, failures first. The
 * policy in its head forbids scripts and requests, should a viewer let an escape through.
 */
#include "base.h"

#include "fsio.h"
#include "html.h"
#include "when.h"

#define PAGE_MAX (128u << 20)

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" "
	"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
	"body{font:14px/1.45 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;"
	"color:#1b1f24}\n"
	"table{border-collapse:collapse;width:100%}\n"
	"th,td{text-align:left;padding:.3em .7em;border-bottom:1px solid #d8dee4;"
	"vertical-align:top;overflow-wrap:anywhere}\n"
	"th{background:#f6f8fa}td.n{text-align:right}\n"
	".created,.updated,.exists,.succeeded{color:#116329}\n"
	".failed,.conflict{color:#a40e26;font-weight:600}\n"
	".skipped,.pending,.removed{color:#59636e}\n"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.2em 1em}dd{margin:0}\n"
	"</style>\n";

/* Bytes of the UTF-8 sequence at s if it is one that changes direction or is invisible; else 0. */
static int deceptive_bytes(const unsigned char *s)
{
	if (s[0] == 0xe2 && s[1] == 0x80 &&
		((s[2] >= 0x8b && s[2] <= 0x8f) || (s[2] >= 0xa8 && s[2] <= 0xae)))
		return 3;
	if (s[0] == 0xe2 && s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9)
		return 3;
	return s[0] == 0xef && s[1] == 0xbb && s[2] == 0xbf ? 3 : 0;
}

void html_text(struct buf *b, const char *s)
{
	for (const unsigned char *c = (const unsigned char *)(s ? s : ""); *c; c++) {
		if (*c == '&')
			buf_puts(b, "&amp;");
		else if (*c == '<')
			buf_puts(b, "&lt;");
		else if (*c == '>')
			buf_puts(b, "&gt;");
		else if (*c == '"')
			buf_puts(b, "&quot;");
		else if (*c == '\'')
			buf_puts(b, "&#39;");
		else if (*c < 0x20 || *c == 0x7f)
			buf_addf(b, "\\x%02x", *c);
		else if (deceptive_bytes(c)) {
			buf_addf(b, "\\x%02x\\x%02x\\x%02x", c[0], c[1], c[2]);
			c += 2;
		} else
			buf_putc(b, (char)*c);
	}
}

static void fact(struct buf *b, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	buf_addf(b, "<dt>%s</dt><dd>", name);
	html_text(b, value);
	buf_puts(b, "</dd>\n");
}

static void fact_time(struct buf *b, const char *name, int64_t ms)
{
	struct buf text;

	if (!ms)
		return;
	buf_init(&text, 64);
	when_rfc3339(&text, ms, true);
	buf_putc(&text, '\0');
	fact(b, name, text.p);
	buf_release(&text);
}

static void counts(struct buf *b, const struct task *t)
{
	buf_puts(b, "<table><tr><th></th>");
	for (int s = 0; s < ITEM_STATES; s++)
		buf_addf(b, "<th>%s</th>", item_state_names[s]);
	buf_puts(b, "</tr>\n");
	for (int k = 0; k < OBJ_KINDS; k++) {
		buf_addf(b, "<tr><th>%ss</th>", object_kind_names[k]);
		for (int s = 0; s < ITEM_STATES; s++)
			buf_addf(b, "<td class=\"n\">%d</td>", t->counts[k][s]);
		buf_puts(b, "</tr>\n");
	}
	buf_puts(b, "</table>\n");
}

static void cell(struct buf *b, const char *text)
{
	buf_puts(b, "<td>");
	html_text(b, text);
	buf_puts(b, "</td>");
}

static void put_item(struct buf *b, const struct task_item *it)
{
	buf_puts(b, "<tr>");
	cell(b, object_kind_names[it->kind]);
	cell(b, it->source);
	cell(b, it->ns);
	cell(b, it->kind == OBJ_NAMESPACE ? it->ns : it->name);
	buf_addf(b, "<td class=\"%s\">%s</td>", item_state_names[it->state],
		item_state_names[it->state]);
	cell(b, reason_name(it->reason));
	buf_puts(b, "<td>");
	html_text(b, it->detail);
	for (int w = 1; w < REASON_COUNT; w++)
		if (it->warnings & WARN_BIT(w)) {
			buf_puts(b, "<br>");
			html_text(b, reason_text((enum reason)w));
		}
	buf_puts(b, "</td></tr>\n");
}

static bool shows(const struct report_filter *f, const struct task_item *it)
{
	if (f->failed_only && !item_state_is_failure(it->state))
		return false;
	if (f->state && strcmp(f->state, item_state_names[it->state]))
		return false;
	return !f->reason || !strcmp(f->reason, reason_name(it->reason));
}

static void items(struct buf *b, const struct task *t, const struct report_filter *f)
{
	buf_puts(b, "<h2>Items</h2>\n<table><tr><th>kind</th><th>source</th><th>namespace</th>"
		    "<th>name</th><th>state</th><th>reason</th><th>detail</th></tr>\n");
	for (int failures = 1; failures >= 0; failures--)
		for (size_t i = 0; i < t->n; i++)
			if (item_state_is_failure(t->items[i].state) == (failures == 1) &&
				shows(f, &t->items[i]))
				put_item(b, &t->items[i]);
	buf_puts(b, "</table>\n");
}

void html_task(struct buf *b, const struct task *t, const struct report_filter *f)
{
	struct buf sum;

	buf_init(&sum, 1024);
	report_task_summary(&sum, t);
	buf_putc(&sum, '\0');
	buf_puts(b, head);
	buf_addf(b, "<title>Migration %lld</title></head><body>\n<h1>Migration %lld: %s</h1>\n",
		(long long)t->id, (long long)t->id, task_state_names[t->state]);
	buf_addf(b, "<p>%s</p>\n<dl>\n", sum.p);
	buf_release(&sum);
	fact(b, "name", t->name);
	fact(b, "source", t->source);
	fact(b, "target", t->target);
	fact(b, "mode", t->mode);
	fact_time(b, "created", t->created_ms);
	fact_time(b, "finished", t->finished_ms);
	buf_puts(b, "</dl>\n");
	counts(b, t);
	items(b, t, f);
	buf_puts(b, "</body></html>\n");
}

int html_task_file(
	const char *path, const struct task *t, const struct report_filter *f, struct err *e)
{
	struct buf b;
	int rc;

	buf_init(&b, PAGE_MAX);
	html_task(&b, t, f);
	if (buf_err(&b))
		rc = err_set(e, TQ_ETOOBIG, "a page of %zu items is too large", t->n);
	else
		rc = fsio_replace(path, buf_str(&b), 0600, e);
	buf_release(&b);
	return rc ? err_wrap(e, "report '%s'", path) : 0;
}
