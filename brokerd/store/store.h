/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: the one door to the messages on disk, in the file formats of Apache RocketMQ 4.9:
 *
 *	DIR/commitlog/00000000000000000000     records, one sequence, 1 GiB files
 *	DIR/consumequeue/TOPIC/QUEUE/...       20-byte units: offset, size, tags code
 *	DIR/index/yyyyMMddHHmmssSSS            key -> offset
 *	DIR/checkpoint abort lock              as Apache writes them
 *	DIR/synced                             ours: the synced watermark, and its CRC
 *	DIR/queues                             ours: all queues, when they are many
 *
 * All calls are made on the loop thread. One turn of the loop:
 *
 *	store_append(s, &m, &at, e);	any number of times: record built in memory, offsets given
 *	store_commit(s, e);		one pwritev, queue units, appended watermark moves
 *
 * What was appended in this turn becomes readable at store_commit(). An acknowledgement is a
 * function of one number: store_appended() with flush async, store_durable() with flush sync.
 * A failed write or sync makes the store read-only for good (until restart): nothing after it is
 * acknowledged, `store_state` says why. A full disk refuses appends with TQ_ENOSPACE and resumes
 * by itself.
 */
#ifndef TDMQ_STORE_H
#define TDMQ_STORE_H

#include "err.h"
#include "message.h"

struct store;

enum store_flush { STORE_FLUSH_ASYNC, STORE_FLUSH_SYNC };

struct store_opts {
	const char *dir;
	int64_t commitlog_file_bytes; /* for a new store; an existing one keeps its own */
	int64_t queue_file_units; /* likewise */
	int index_slots, index_entries;
	enum store_flush flush;
	int flush_interval_ms; /* async */
	struct host host; /* store host of the records */
	/*
	 * Tags code of the unit of a record that recovery meets: what the caller of store_append()
	 * gave for it. NULL: the hash of its TAGS.
	 */
	int64_t (*tags_code)(const struct message *m);
	/*
	 * How long messages of a topic can be read, if that is less than the log is kept; negative:
	 * as long as they are there. Asked again now and then. NULL: the same.
	 */
	int64_t (*keep_ms)(void *arg, struct str topic);
	void *keep_arg;
	/*
	 * Read the whole log at the opening, whatever is known of it, and set aside what is damaged:
	 * before it goes to somebody who cannot pass over that, nor read our roster: the closing
	 * writes all entries of queues to their files.
	 */
	bool scan_all;
	/*
	 * A start that would lose more bytes than that, of those that were synced, is refused with
	 * TQ_EPRECOND and repairs nothing. 0: however much.
	 */
	int64_t max_loss;
	/* No helper threads: syncs and index run inside the calls (tests, offline tools). */
	bool inline_io;
	/* Called on the loop thread when the durable watermark moved or a flush failed. */
	void (*on_durable)(void *arg);
	void *on_durable_arg;
	/* How helper threads reach the loop: runs fn(arg) on it soon. */
	void (*post)(void *loop, void (*fn)(void *arg), void *arg);
	void *loop;
};

/* What recovery found, for the log and `store verify`. */
struct store_recovery {
	bool clean; /* stopped cleanly before */
	int64_t scanned_bytes, records, cut_bytes, cut_at;
	int64_t quarantined; /* damaged places below the synced watermark, skipped */
	int64_t lost_bytes; /* in them, in files that are missing, and from a log that ends early */
	bool rebuilt; /* queue entries were made again from the whole log */
	int64_t took_ms;
};

/* Locks the directory, recovers, starts the flush and index thread. */
int store_open(const struct store_opts *o, struct store **out, struct store_recovery *found,
	struct err *e) MUST_USE;
/*
 * The last act before store_close(): commits and syncs, so that store_durable() covers everything
 * and answers can still be given. Nothing may be appended afterwards.
 */
int store_sync(struct store *s, struct err *e) MUST_USE;
/*
 * Commits, syncs, writes the checkpoint, removes `abort`. With thousands of queue files to write it
 * puts the entries into the roster instead and leaves `abort`, by which Apache's broker knows to
 * make them again from the log. Frees s also on failure.
 */
int store_close(struct store *s, struct err *e) MUST_USE;

/* Where a record went. */
struct store_at {
	int64_t phys_off, queue_off, store_ms;
	uint32_t size;
	int64_t end_off; /* phys_off + size: compare with a watermark */
};

/*
 * Appends one record. m->queue_off, phys_off, store_ms, store host and crc are the store's business
 * (keep_store_host keeps m->store, for retried and committed messages); everything else is the
 * caller's, who has checked names and sizes. m's slices are copied. tags_code goes into the
 * queue unit. Half and rollback records (sysflag) get no unit. Errors: TQ_ENOSPACE,
 * TQ_EUNAVAILABLE (read-only).
 */
struct store_put {
	const struct message *m;
	int64_t tags_code;
	bool keep_store_host;
	int64_t not_before_ms; /* a time that has passed; the turn's may be some ms earlier */
	bool looked; /* these are the message's UNIQ_KEY and KEYS, or it has none */
	struct str unique, keys;
};
int store_append(
	struct store *s, const struct store_put *p, struct store_at *at, struct err *e);
/* n records into one queue, consecutive, all in one file; at[n]. */
int store_append_batch(struct store *s, const struct store_put *p, size_t n,
	struct store_at *at, struct err *e);
/* Writes what this turn appended. On failure none of it may be acknowledged. */
int store_commit(struct store *s, struct err *e);
bool store_dirty(const struct store *s); /* something waits for store_commit */

int64_t store_appended(const struct store *s); /* commit log end after the last store_commit */
int64_t store_durable(const struct store *s); /* synced up to here */
/* With flush async: what is written by now is synced at once instead of after flush-interval. */
void store_sync_soon(struct store *s);
int64_t store_min_phys(const struct store *s);

/* Called from store_commit() for each new unit, in order: wakes parked pulls. */
typedef void (*store_arrival)(
	void *arg, struct str topic, int queue, int64_t queue_off, int64_t tags_code);
void store_on_arrival(struct store *s, store_arrival fn, void *arg);

enum store_read_status {
	STORE_FOUND, /* pull answer 0 */
	STORE_NO_MATCH, /* 20: all filtered */
	STORE_REMOVED, /* 20: the log is gone for them */
	STORE_EMPTY_QUEUE, /* max is 0: 19 at offset 0, else 21 */
	STORE_TOO_SMALL, /* 21 */
	STORE_AT_END, /* 19 */
	STORE_BEYOND, /* 21 */
	STORE_HOLE, /* 19 */
	STORE_COLD, /* it must come from the disk first: see store_warm() */
};
const char *store_read_status_name(enum store_read_status st); /* "FOUND", Apache's names */

/* A referenced piece of the mapped log; give it back with store_slice_unref. */
struct store_slice {
	struct str bytes; /* one whole record */
	struct segment *segment;
};
void store_slice_unref(struct segment *seg);

#define STORE_BATCH_MAX 256
struct store_batch {
	enum store_read_status status;
	int64_t next_off, min_off, max_off;
	int n;
	size_t bytes;
	struct store_slice slices[STORE_BATCH_MAX];
};

struct store_query {
	struct str topic;
	int queue;
	int64_t offset;
	int max; /* messages */
	size_t max_bytes; /* at least one message always fits */
	/* May be NULL. On the unit alone (record STR_NONE), then on the whole record. */
	bool (*match)(void *arg, int64_t tags_code, struct str record);
	void *match_arg;
	bool no_wait; /* STORE_COLD rather than wait for the disk */
};
void store_read(struct store *s, const struct store_query *q, struct store_batch *out);
void store_batch_release(struct store_batch *b); /* unrefs the slices that are still there */

/*
 * Fetches what q needs from the disk, on a thread of its own, then calls done on the loop, where the
 * read is worth another try; rc is TQ_EIO when the disk cannot give it, TQ_EUNAVAILABLE at the end
 * of the store. TQ_EBUSY, and no call: too many wait. What q borrows is not needed afterwards.
 * With inline_io done is called inside.
 */
typedef void (*store_warmed)(void *arg, int rc, const struct err *e);
int store_warm(struct store *s, const struct store_query *q, store_warmed done, void *arg,
	struct err *e) MUST_USE;

/* The same for the records at phys[n], as far as there are any; n is at most STORE_WARM_MAX. */
#define STORE_WARM_MAX 64
int store_warm_records(struct store *s, const int64_t *phys, int n, store_warmed done,
	void *arg, struct err *e) MUST_USE;
/* Whether store_get() at phys_off would not wait for the disk. */
bool store_is_near(struct store *s, int64_t phys_off);
/* Somebody will want the records soon: the kernel reads ahead, nobody waits. */
void store_will_need(struct store *s, int64_t phys_off);

/* Bounds of a queue; 0, 0 for one that is not there. */
void store_queue_bounds(
	struct store *s, struct str topic, int queue, int64_t *min, int64_t *max);
/* Store time of the message at a queue offset; -1 if there is none. */
int64_t store_time_at(struct store *s, struct str topic, int queue, int64_t queue_off);
/*
 * First message stored at or after ms, as Apache's search by time rounds (nearest neighbour). With
 * `cold` it does not wait for the disk: -1 when something must be fetched first, a record with
 * store_warm_records() or else a unit with store_warm().
 */
struct store_cold {
	int64_t phys, unit; /* one of them; -1 */
};
int64_t store_offset_by_time(
	struct store *s, struct str topic, int queue, int64_t ms, struct store_cold *cold);
/* The whole record at a physical offset: magic and own offset are checked. TQ_ENOTFOUND. */
int store_get(struct store *s, int64_t phys_off, struct store_slice *out, struct err *e);
/* Queue unit at an offset; false if there is none. */
bool store_unit(struct store *s, struct str topic, int queue, int64_t queue_off, int64_t *phys,
	uint32_t *size, int64_t *tags_code);
/*
 * Every sound record from phys_off on (a record or not: from the next), in order, until fn says
 * false. Waits for the disk: for the start.
 */
typedef bool (*store_each)(void *arg, const struct message *m);
void store_walk(struct store *s, int64_t phys_off, store_each fn, void *arg);
/* By key or unique id; hits sorted by offset. Keys are not compared, as Apache. Returns the count. */
int store_query_key(struct store *s, struct str topic, struct str key, int max,
	int64_t begin_ms, int64_t end_ms, int64_t *phys, int64_t *index_last_ms,
	int64_t *index_last_phys);

/* Forgets the queues of a topic (files removed on a helper thread); records stay until retention. */
int store_delete_topic(struct store *s, struct str topic, struct err *e);

struct store_stats {
	int64_t min_phys, appended, durable, indexed;
	int64_t earliest_ms; /* store time of the oldest record, -1 */
	double disk_ratio;
	int64_t disk_total, disk_free;
	bool read_only, disk_full; /* full: or beyond its mark */
	char reason[200]; /* of read_only */
	int64_t damaged, unreadable; /* records that readers met, reads the disk failed */
	int cold; /* reads that wait for the disk now */
};
void store_stats(struct store *s, struct store_stats *out);
/*
 * Somebody still needs the record at phys_off: its commit log file and all behind it stay, however
 * old, however full the disk. INT64_MAX, as at first: nobody does. Each keeper has his own.
 */
enum store_keeper { STORE_KEEP_TIMED, STORE_KEEP_DELAYED, STORE_KEEP_HALF, STORE_KEEPERS };
void store_keep(struct store *s, enum store_keeper who, int64_t phys_off);
/*
 * The log below this would have gone but for store_keep(): whoever needs it should append what it
 * needs again and keep less. 0: nothing is held back.
 */
int64_t store_held_back(const struct store *s);
/*
 * Files from the one with phys_off on do not go for their age, but do where the disk is full.
 * INT64_MAX, as at first: none.
 */
void store_keep_young(struct store *s, int64_t phys_off);
/*
 * When the oldest files go before their time, and when nothing is taken in any more: so much of the
 * disk is used, in percent, or so little is free, in bytes. 0: never for that reason, as at first.
 */
struct store_disk_marks {
	int clean_above, refuse_above;
	int64_t clean_below, refuse_below;
};
void store_set_disk_marks(struct store *s, const struct store_disk_marks *m);
/*
 * Has the helper thread write entries of queues that are in memory only to their files. True: there
 * are more, so call again soon. store_tick() does it too.
 */
bool store_write_queues(struct store *s);
/* Housekeeping on a timer (each second): retention, checkpoint, disk state. retention_ms < 0: for ever. */
void store_tick(struct store *s, int64_t retention_ms);

#endif
