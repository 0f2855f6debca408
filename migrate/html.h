/* SPDX-License-Identifier: Apache-2.0 */
/*
 * html: a task as one page that can be mailed: no script, nothing loaded from elsewhere, every
 * text of the source escaped.
 */
#ifndef TDMQ_HTML_H
#define TDMQ_HTML_H

#include "report.h"

/* Appends the whole document. f as in report.h. */
void html_task(struct buf *b, const struct task *t, const struct report_filter *f);
/* Writes it to a file, which it replaces. */
int html_task_file(const char *path, const struct task *t, const struct report_filter *f,
	struct err *e) MUST_USE;
/* Text with what HTML takes for markup written out; control and direction characters show. */
void html_text(struct buf *b, const char *s);

#endif
