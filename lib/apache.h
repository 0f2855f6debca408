/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apache: the tables an Apache 4.9 broker keeps in the folder config/ of its store: topics, groups,
 * consumer offsets, and how far each delay level was delivered.
 *
 *	apache_init(&c);
 *	rc = apache_load(&c, "/var/lib/rocketmq", e);
 *	...
 *	apache_release(&c);
 *
 * A file that is absent, empty or no JSON is read from its .bak, as Apache does. Entries with names
 * or numbers that no table can hold are counted and left out. apache_save() writes what
 * Apache would, and leaves the file before it as .bak.
 */
#ifndef TDMQ_APACHE_H
#define TDMQ_APACHE_H

#include "buf.h"
#include "mem.h"
#include "model.h"

#define APACHE_LEVELS 64 /* delay levels that are looked at; 18 is what everybody has */

enum apache_file { APACHE_TOPICS, APACHE_GROUPS, APACHE_OFFSETS, APACHE_DELAYS, APACHE_FILES };
extern const char *const apache_file_names[]; /* "config/topics.json" ... NULL */

struct apache_version {
	int64_t counter, timestamp_ms;
};

struct apache_offset {
	const char *topic, *group;
	int queue;
	int64_t off;
};

struct apache_config {
	struct arena mem; /* of all texts */
	struct topic *topics; /* owned, as the two below */
	struct group *groups;
	struct apache_offset *offsets;
	size_t n_topics, n_groups, n_offsets;
	size_t cap_topics, cap_groups, cap_offsets;
	int64_t delays[APACHE_LEVELS]; /* next offset of level i + 1; -1: not said */
	struct apache_version topics_version, groups_version;
	size_t refused; /* entries left out */
	char why[200]; /* of the first of them */
	bool there[APACHE_FILES]; /* which were found */
	uint32_t
		digest; /* of the texts read, or written: tells whether somebody changed them */
};

void apache_init(struct apache_config *c);
void apache_release(struct apache_config *c);

/* Names are copied. */
void apache_add_topic(struct apache_config *c, const struct topic *t);
void apache_add_group(struct apache_config *c, const struct group *g);
void apache_add_offset(
	struct apache_config *c, struct str topic, struct str group, int queue, int64_t off);

/* One file's text. TQ_EFORMAT; c may hold a part of it then. */
int apache_parse(
	struct apache_config *c, enum apache_file f, struct str text, struct err *e) MUST_USE;
void apache_print(const struct apache_config *c, enum apache_file f, struct buf *out);

/* All that are there; none is no error. TQ_EFORMAT when a file and its .bak are of no use. */
int apache_load(struct apache_config *c, const char *dir, struct err *e) MUST_USE;
int apache_save(struct apache_config *c, const char *dir, struct err *e) MUST_USE;

#endif
