/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resent: the ledger of dead letters that were sent again, one file a group. A dead letter is known
 * by its offset id and its store time, so that a new cluster at an old address starts afresh.
 *
 *	rc = resent_open(&l, &mem, "shop%billing", e);
 *	if (!resent_has(&l, &m))
 *		... send it, then
 *		rc = resent_add(&l, &m, e);
 *	resent_close(&l);
 */
#ifndef TDMQCTL_RESENT_H
#define TDMQCTL_RESENT_H

#include "message.h"
#include "strv.h"

struct resent {
	const char *path;
	struct strv known; /* sorted; as read from the file */
	int fd;
	off_t end;
};

/* A missing file is an empty ledger. writable: it is created and locked. */
int resent_open(struct resent *l, struct arena *mem, const char *group, bool writable,
	struct err *e) MUST_USE;
bool resent_has(const struct resent *l, const struct message *m);
/* Survives the death of this process when it returns. */
int resent_add(struct resent *l, const struct message *m, struct err *e) MUST_USE;
void resent_close(struct resent *l);

#endif
