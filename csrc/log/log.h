/* log.h: the one durable interface of cloudcore: an append-only log of batches.
 *
 * Table changes, delivery streams and asynchronous invocations all stand on it. The interface is
 * what matters (ARCHITECTURE.md): local segments implement it here, and a replicated stream can
 * implement the same calls, so the services never learn whether they run on one machine or many.
 *
 * A batch is a byte string that stands for `count` >= 1 consecutive sequence numbers (a table
 * change is one, a PutRecordBatch of 500 records is 500). It is written, checksummed, read and
 * lost or kept as a whole. A payload over CC_LOG_BATCH_MAX is chunked inside, under one ticket.
 *
 *   submit(batch, expected_last) -> ticket     the bytes are in the log
 *   wait(ticket)                               ... and durable as the mode promises
 *   reader: next()                             batches from a sequence on, in order, zero-copy
 *   cursors                                    durable named positions of consumers
 *   truncate                                   drops whole segments below min(cursors, retention)
 *
 * Some batches matter to followers and carry marks: a set of topics. The log remembers per segment when the
 * last marked batch came and which topics occurred, so a follower passes by the others without reading
 * them, and the owner knows what its followers still need (cc_log_marked_since).
 *
 * Modes: MEMORY (no file at all), PROCESS (default: stores into mapped segments, survives kill -9
 * of the process), INTERVAL (PROCESS + a sync every interval_ms), COMMIT (wait() returns after an
 * fdatasync; waiting writers share one: group commit). After any failed sync the log is poisoned:
 * read-only for good, CC_ERR_POISONED, never retried.
 *
 * Thread rule: every call may come from any thread; a reader belongs to one thread at a time.
 * After fork() the child gets CC_ERR_FORKED from every call, and mappings are not inherited. */
#ifndef CC_LOG_LOG_H
#define CC_LOG_LOG_H

#include "base/bytes.h"
#include "base/file.h"

#define CC_LOG_BATCH_MAX ((size_t)1 << 20)
#define CC_LOG_LOST 0xffffffu /* a type: stands for what a repair could not save; readers pass over it */
#define CC_LOG_ANY UINT64_MAX /* expected_last: append whatever the last sequence is */
/* Far beyond use; keeps sums of stored numbers from wrapping, whatever a file or a peer claims. */
#define CC_LOG_SEQUENCE_MAX ((uint64_t)INT64_MAX - 1)

typedef enum {
    CC_DURABILITY_DEFAULT = 0, /* per call: what the log was opened with */
    CC_DURABILITY_MEMORY,
    CC_DURABILITY_PROCESS,
    CC_DURABILITY_INTERVAL,
    CC_DURABILITY_COMMIT,
} cc_durability;

typedef struct {
    cc_durability durability; /* default PROCESS */
    uint32_t interval_ms;     /* INTERVAL: default 50 */
    uint64_t segment_min;     /* first segment's bytes, doubling up to segment_max; default 1 MiB */
    uint64_t segment_max;     /* default 64 MiB */
    uint64_t disk_bound;      /* bytes of segments on disk before submit says CC_ERR_FULL; 0 = none */
    uint64_t retention_ms;    /* truncate drops segments older than this even below... 0 = cursors only */
    uint64_t begin_after;     /* a log that is made begins with the sequence after this one */
    bool read_only;           /* open for check: no lock, no repair of the tail */
    cc_fs *fs;                /* NULL = the real file system */
} cc_log_options;

typedef struct cc_log cc_log;
typedef struct cc_log_reader cc_log_reader;

typedef struct {
    uint32_t type;         /* the owner's record type; 0 is reserved */
    uint32_t count;        /* sequence numbers this batch stands for, >= 1 */
    uint64_t time_ms;      /* wall time; 0 = now */
    const cc_bytes *parts; /* gathered into one payload */
    size_t part_count;
    uint64_t topics; /* marks, a union of cc_log_topic(); 0: none */
} cc_log_batch;

/* The mark of one of the owner's numbers; others may share it. */
static inline uint64_t cc_log_topic(uint32_t number) { return (uint64_t)1 << (number & 63); }

typedef struct {
    uint64_t first;    /* first sequence of the batch (sequences start at 1) */
    uint64_t last;     /* first + count - 1 */
    uint64_t position; /* internal: how far the sync must reach */
} cc_log_ticket;

typedef struct {
    uint64_t first;
    uint32_t count;
    uint32_t type;
    uint64_t time_ms;
    cc_bytes payload; /* valid until the reader's next call */
} cc_log_record;

typedef struct {
    uint64_t first_sequence; /* oldest still stored; last_sequence + 1 when empty */
    uint64_t last_sequence;  /* 0 when nothing was ever written */
    uint64_t disk_bytes;
    uint64_t synced_sequence;
    uint64_t marked_gone; /* no marked batch behind this sequence was dropped */
    uint64_t torn_bytes;  /* dropped behind the last good record when it was opened */
    uint32_t segments;
    uint64_t syncs; /* fdatasync/msync calls since open */
} cc_log_info;

/* Opens or creates `dir`. One process owns a log: a second gets CC_ERR_BUSY at once. dir NULL =
 * MEMORY mode. A bad record before the synced watermark is CC_ERR_CORRUPT (position = file offset,
 * the message names the segment); behind it the log simply ends there (info.torn_bytes). */
CC_MUST_CHECK cc_status cc_log_open(const char *dir, const cc_log_options *options, cc_log **log_out,
                                    cc_error *error);
/* Syncs what the mode wants synced, releases all. Readers must be closed before. */
CC_MUST_CHECK cc_status cc_log_close(cc_log *log, cc_error *error);

/* CC_ERR_STALE if expected_last is not CC_LOG_ANY and not the current last sequence. */
CC_MUST_CHECK cc_status cc_log_submit(cc_log *log, const cc_log_batch *batch, uint64_t expected_last,
                                      cc_log_ticket *ticket_out, cc_error *error);
/* Returns when the ticket is durable in `durability` (DEFAULT: the log's mode). */
CC_MUST_CHECK cc_status cc_log_wait(cc_log *log, const cc_log_ticket *ticket, cc_durability durability,
                                    cc_error *error);
/* Sync everything submitted so far, whatever the mode (a clean stop, a checkpoint). */
CC_MUST_CHECK cc_status cc_log_sync(cc_log *log, cc_error *error);

/* A reader that starts with the batch that holds `from` (or the first one after it). */
CC_MUST_CHECK cc_status cc_log_reader_open(cc_log *log, uint64_t from, cc_log_reader **reader_out,
                                           cc_error *error);
/* From now on the reader gives marked batches alone and leaves out segments without these topics; what it
 * gives may still be of other topics. */
void cc_log_reader_follow(cc_log_reader *reader, uint64_t topics);
/* CC_ERR_NOT_FOUND at the end: call again after more was submitted. */
CC_MUST_CHECK cc_status cc_log_reader_next(cc_log_reader *reader, cc_log_record *record_out, cc_error *error);
void cc_log_reader_close(cc_log_reader *reader);

/* Named durable cursors: "everything up to and including `sequence` is done". Survive kill -9.
 * Names: 1-64 bytes of [A-Za-z0-9_.-], at most 64 cursors. get: CC_ERR_NOT_FOUND if never set. */
CC_MUST_CHECK cc_status cc_log_cursor_set(cc_log *log, const char *name, uint64_t sequence, cc_error *error);
CC_MUST_CHECK cc_status cc_log_cursor_get(cc_log *log, const char *name, uint64_t *sequence_out,
                                          cc_error *error);
CC_MUST_CHECK cc_status cc_log_cursor_drop(cc_log *log, const char *name, cc_error *error);
/* Removes (or recycles) whole segments that every cursor has passed and retention allows.
 * A log without cursors is never truncated. */
CC_MUST_CHECK cc_status cc_log_truncate(cc_log *log, cc_error *error);

/* First sequence of the oldest segment that holds a marked batch of `since_ms` or later and lies within the
 * newest `bytes_max` bytes of segments; last_sequence + 1 when there is none. */
uint64_t cc_log_marked_since(cc_log *log, uint64_t since_ms, uint64_t bytes_max);

/* The last sequence that is complete in the log's mode: with COMMIT the last synced one. */
uint64_t cc_log_complete(cc_log *log);

void cc_log_info_get(cc_log *log, cc_log_info *info_out);

#endif
