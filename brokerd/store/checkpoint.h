/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint: the small files that say how far recovery need not look.
 *
 *	checkpoint	Apache's: three times, i8 each, of 4096 bytes. Records stored up to (queue
 *			time - 3 s) have durable queue entries
 *	abort		Apache's: there while a broker runs, still there after a crash
 *	synced		ours: struct synced, in two slots written in turn, each with its CRC
 *	queues		ours: see roster.h
 *	deleted		ours: one line "END TOPIC" per deleted topic: its records below END are dead
 *
 * Everything written here is a fact when it is written, so none of it needs a sync of its own and
 * an older state is merely cautious.
 */
#ifndef TDMQ_STORE_CHECKPOINT_H
#define TDMQ_STORE_CHECKPOINT_H

#include "err.h"
#include "map.h"
#include "brokerd/store/index.h"

struct synced {
	bool clean; /* stopped cleanly, the log ends at watermark */
	bool carried; /* then: not all units are in the files, see roster.h; `abort` is still there */
	bool has_digest;
	int64_t watermark; /* the commit log is durable below */
	int64_t queued; /* queue entries of records below are durable */
	uint64_t digest; /* of all queues then, see cq; of those of the roster when carried */
	int64_t queue_file_bytes;
	struct index_safe index;
};

struct times {
	int64_t log_ms, queue_ms, index_ms;
};

struct tomb {
	UT_hash_handle hh;
	int64_t end;
	size_t n;
	char topic[];
};

struct checkpoint {
	char *dir; /* owned */
	int fd, synced_fd;
	uint64_t seq;
	struct tomb *tombs;
};

/* Reads what is there; files are created by the first write. *s is zero when `synced` is absent or damaged. */
int checkpoint_open(struct checkpoint *c, const char *dir, bool *aborted, bool *have_synced,
	struct synced *s, struct times *t, struct err *e) MUST_USE;
void checkpoint_close(struct checkpoint *c);

int checkpoint_set_abort(struct checkpoint *c, struct err *e) MUST_USE;
int checkpoint_clear_abort(struct checkpoint *c, struct err *e) MUST_USE;
int checkpoint_write_times(struct checkpoint *c, const struct times *t, struct err *e);
int checkpoint_write_synced(struct checkpoint *c, const struct synced *s, struct err *e);
/* What was written last is on the disk. */
int checkpoint_sync(struct checkpoint *c, struct err *e);

/* End of the log when the topic was deleted; -1 if it was not. */
int64_t checkpoint_deleted(const struct checkpoint *c, struct str topic);
/* Durable when it returns. Tombs whose end lies below log_min are left out. */
int checkpoint_add_tomb(
	struct checkpoint *c, struct str topic, int64_t end, int64_t log_min, struct err *e);

#endif
