/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yamldoc: YAML text to cJSON trees and back. Read: one document or many, aliases and anchors
 * refused, size and depth bounded, every node's place kept, so that whoever looks at the values
 * can still say "file:line:column". Plain scalars become null, booleans and numbers by the core
 * schema of YAML 1.2; quoted ones are text. (Not named yaml: libyaml has yaml.h and yaml_free().)
 */
#ifndef TDMQ_YAMLDOC_H
#define TDMQ_YAMLDOC_H

#include "buf.h"
#include "err.h"
#include "json.h"

#define YAMLDOC_MAX_DEPTH 32

struct yamldoc;

/* name stands in messages: a path, or "standard input". */
int yamldoc_parse(
	struct str text, const char *name, struct yamldoc **out, struct err *e) MUST_USE;
int yamldoc_load(const char *path, size_t max, struct yamldoc **out, struct err *e) MUST_USE;
void yamldoc_free(struct yamldoc *d);

size_t yamldoc_count(const struct yamldoc *d); /* documents in the stream */
const cJSON *yamldoc_root(
	const struct yamldoc *d, size_t i); /* borrowed; NULL for an empty one */
/* Puts "name:line:column: " in front of e's message: the place of a node of this document. */
int yamldoc_wrap(const struct yamldoc *d, const cJSON *node, struct err *e);
/* The scalar as it was written: "0x10" for 16, "1e3" for 1000; NULL for maps and lists. */
const char *yamldoc_text(const struct yamldoc *d, const cJSON *node);

/* A document ("---" in front if first is false). Texts that look like numbers or booleans are quoted. */
int yamldoc_write(struct buf *out, const cJSON *node, bool first, struct err *e) MUST_USE;

#endif
