/* SPDX-License-Identifier: Apache-2.0 */
/*
 * impl: struct store, shared by store.c, recovery.c and retention.c and by nobody else. The loop
 * owns it; what helper threads touch are the parts that say so (index, flush, work, the list of
 * commit log files).
 */
#ifndef TDMQ_STORE_IMPL_H
#define TDMQ_STORE_IMPL_H

#include "brokerd/store/checkpoint.h"
#include "brokerd/store/commitlog.h"
#include "brokerd/store/consumequeue.h"
#include "brokerd/store/flush.h"
#include "brokerd/store/index.h"
#include "brokerd/store/store.h"
#include "brokerd/store/work.h"

#define WARM_SLOTS 64
#define FLOORS_MAX 32 /* different lengths of time that messages are kept */

struct pending {
	struct queue *q;
	int64_t off;
	struct cq_unit unit;
};

struct store {
	struct store_opts o;
	char *dir; /* owned */
	int lock_fd;
	struct commitlog log;
	struct cq cq;
	struct index index;
	struct flush flush;
	struct work work;
	struct checkpoint ckpt;
	struct notice *notice;
	_Atomic bool indexing; /* an index job is on its way */

	struct pending *pending; /* owned: units of this turn */
	size_t n_pending, cap_pending;
	bool dirty;
	int64_t turn_ms; /* store time of this turn's records, 0 outside */
	int64_t last_ms; /* store time of the newest record */
	store_arrival arrival;
	void *arrival_arg;

	bool read_only;
	char reason[200];
	bool disk_full, disk_refuses;
	int64_t disk_retry_ms;
	struct store_disk_marks marks;
	double disk_ratio;
	int64_t disk_total, disk_free;

	int64_t crc_below; /* records not written or verified by this process */
	int64_t damaged; /* of them, found bad by readers */

	struct worker *readers; /* owned; NULL before the first cold read */
	struct cold *colds; /* owned: under way */
	int n_cold;
	int64_t unreadable; /* of them, failed by the disk */
	struct warm { /* parts of the log found in memory lately, see cold.c */
		int64_t base, part, until_ms;
	} warm[WARM_SLOTS];

	struct synced synced; /* as last written */
	struct times times;
	struct checkpoint_job *job; /* owned while it runs */
	int64_t checkpoint_at_ms, retention_at_ms;
	int checkpoints;
	int64_t keep[STORE_KEEPERS]; /* files from the one with this offset on must stay */
	int64_t held_back; /* end of a file that stayed for that reason only, 0 */
	int64_t keep_young; /* from here on files are not too old */
	struct floor { /* messages kept so long begin here, as last looked */
		int64_t keep_ms, phys;
	} floors[FLOORS_MAX];
	int n_floors, n_searched;
	uint16_t floor_turn;
	struct floor_job *floor_job; /* owned while it runs */
	int64_t aged_ms, aged_boot_ms; /* see aging_now() */
	int64_t expired_min; /* queues and index were cleaned for this beginning of the log */
};

/* Why nothing can be appended, as an error; 0 if all is well. */
int store_check_writable(struct store *s, struct err *e);
void store_set_read_only(struct store *s, const char *reason);
/* What a directory below consumequeue/ may be called. */
bool store_topic_is_safe(struct str topic);
void store_index_soon(struct store *s);

/* A part of the log that one read knows to be in memory. */
struct near {
	int64_t from, to;
};
/*
 * cold.c: whether [off, off + n) of g can be read without waiting for the disk. What else is known
 * then goes to *known, and the caller need not ask for it.
 */
bool cold_is_near(
	struct store *s, const struct segment *g, int64_t off, int64_t n, struct near *known);
/* Ends the readers and answers for what they had. */
void cold_stop(struct store *s);

/*
 * aging.c: the time by which things grow old. The wall clock, but where that is put forward it
 * follows slowly: a day more does not make everything a day older at once.
 */
void aging_init(struct store *s);
int64_t aging_now(struct store *s);
/* What was looked for counts now; looks again when due, or when a length of time is new. */
void aging_tick(struct store *s, bool due);
void aging_release(struct store *s); /* after the helper thread has ended */
/* Records of q below cannot be read any more. */
int64_t aging_floor(struct store *s, struct queue *q);

/* recovery.c: finds the end of the log and makes the queues agree with it. */
int recovery_run(struct store *s, bool aborted, bool have_synced, struct store_recovery *found,
	struct err *e) MUST_USE;

/* retention.c */
void retention_tick(struct store *s, int64_t now_ms, int64_t retention_ms);
void retention_look_at_disk(struct store *s);
/* Starts or finishes a checkpoint; `now` waits for it. */
int retention_checkpoint(struct store *s, bool now, bool with_index, struct err *e);
/*
 * At the very end, instead of a checkpoint: what units were not synced goes into the roster.
 * *carried is false if there are too few or too many for that.
 */
int retention_carry(struct store *s, bool *carried, struct err *e);
char *retention_roster_path(const struct store *s); /* the caller's */
/* The roster on the disk, or about to be, is wrong now. */
void retention_forget_roster(struct store *s);
/* The digest on record, or about to be, counted queues that are gone now. */
void retention_forget_digest(struct store *s);
void retention_release(struct store *s); /* after the helper thread has ended */
/* Forgets the queues of a topic; their files go later. */
int retention_drop_topic(struct store *s, struct str topic, struct err *e);
/* Removes a file or a directory and all in it, on the helper thread. Takes path. */
void retention_remove_tree(struct store *s, char *path);

#endif
