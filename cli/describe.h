/* SPDX-License-Identifier: Apache-2.0 */
/*
 * describe: what the tables say, for people: help on the terminal, and the parts of the manual
 * that are facts. All lines fit 80 columns.
 */
#ifndef TDMQCTL_DESCRIBE_H
#define TDMQCTL_DESCRIBE_H

#include "buf.h"
#include "cmd.h"

void describe_top(struct buf *b);
void describe_group(struct buf *b, const struct cmd_group *g);
void describe_cmd(struct buf *b, const struct cmd_group *g, const struct cmd *c);
/* A topic of `help TOPIC`; false if there is none. */
bool describe_topic(struct buf *b, const char *name);
/* Their names; NULL behind the last. */
const char *describe_topic_name(size_t i);

/*
 * `tdmqctl __describe global-options|commands|exit-status`: mdoc for the pages in man/.
 * `tdmqctl __describe examples`: every example, one a line, for the tests. Returns the exit status.
 */
int describe_main(int argc, char **argv);

#endif
