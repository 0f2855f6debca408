/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml: YAML text to cJSON trees and back. Read: one document or many, aliases and anchors
 * refused, size and depth bounded, every node's place kept, so that whoever looks at the values
 * can still say "file:line:column". Plain scalars become null, booleans and numbers by the core
 * schema of YAML 1.2; quoted ones are text.
 */
#ifndef TDMQ_YAML_H
#define TDMQ_YAML_H

#include "buf.h"
#include "err.h"
#include "json.h"

#define YAML_MAX_DEPTH 32

struct yaml_doc;

/* name stands in messages: a path, or "standard input". */
int yaml_parse(
	struct str text, const char *name, struct yaml_doc **out, struct err *e) MUST_USE;
int yaml_load(const char *path, size_t max, struct yaml_doc **out, struct err *e) MUST_USE;
void yaml_free(struct yaml_doc *d);

size_t yaml_count(const struct yaml_doc *d); /* documents in the stream */
const cJSON *yaml_root(
	const struct yaml_doc *d, size_t i); /* borrowed; NULL for an empty one */
/* Puts "name:line:column: " in front of e's message: the place of a node of this document. */
int yaml_wrap(const struct yaml_doc *d, const cJSON *node, struct err *e);
/* The scalar as it was written: "0x10" for 16, "1e3" for 1000; NULL for maps and lists. */
const char *yaml_text(const struct yaml_doc *d, const cJSON *node);

/* A document ("---" in front if first is false). Texts that look like numbers or booleans are quoted. */
int yaml_write(struct buf *out, const cJSON *node, bool first, struct err *e) MUST_USE;

#endif
