/* internal.h: the parts of the log room: segment, state, and the log that joins them.
 *
 * A log directory:
 *   lock          held exclusively while the log is open
 *   state         two slots of 8 KiB, the newer valid one wins: synced watermark, clean flag, cursors
 *   <20 digits>.seg   segments, named by their first sequence
 *   spare         a dropped segment kept to be used again (already allocated and written: half the
 *                 sync latency of a growing file)
 *
 * All numbers are little-endian as the processor stores them; docs/internals/log.md has the tables.
 * A segment:
 *   OFFSET SIZE  DESCRIPTION
 *        0    8  "CCLOGSG1"
 *        8    8  epoch: greater than that of any earlier use of these blocks
 *       16    8  first sequence
 *       24    8  size of the file
 *       32    4  CRC-32C of bytes 0..31
 *       36   28  zero
 *       64    -  records, each at a multiple of 8
 * A record:
 *        0    4  CRC-32C of the header from byte 4 and the payload
 *        4    4  payload size
 *        8    8  epoch of the segment: stale bytes of an earlier use never match
 *       16    8  first sequence
 *       24    8  wall time, milliseconds
 *       32    4  count of sequence numbers
 *       36    4  type : 24 | flags : 8   (1 MORE: the batch goes on in the next record; 2 MARKED: it has topics)
 *       40    -  payload, zero-padded to a multiple of 8
 *
 * Invariants: records of one segment follow each other without a gap in sequence; a segment's first
 * sequence is the one after its predecessor's last; chunks of one batch are adjacent in sequence (they
 * repeat first and count; only the last chunk lacks MORE) and count as written when the last one is. */
#ifndef CC_LOG_INTERNAL_H
#define CC_LOG_INTERNAL_H

#include "base/thread.h"
#include "log/log.h"

enum {
    SEGMENT_HEADER = 64,
    RECORD_HEADER = 40,
    RECORD_MORE = 1,
    RECORD_MARKED = 2,
    STATE_SLOT = 8192,
    CURSOR_MAX = 64,
    CURSOR_NAME = 64,
    PATH_SIZE = 4096,
    PLACES = 256,
};

typedef struct {
    uint32_t crc;
    uint32_t size;
    uint64_t epoch;
    uint64_t first;
    uint64_t time_ms;
    uint32_t count;
    uint32_t type_flags;
} cc_record_header;
_Static_assert(sizeof(cc_record_header) == RECORD_HEADER, "the record header has no padding");

/* Where a batch begins: readers start from the nearest one in front of what they look for. */
typedef struct {
    uint64_t offset; /* 0: none */
    uint64_t first;
} cc_place_in_log;

typedef struct cc_segment cc_segment;
struct cc_segment {
    cc_segment *next; /* newer */
    cc_file *file;    /* NULL in MEMORY mode */
    uint8_t *data;    /* the mapping */
    uint64_t size;
    uint64_t epoch;
    uint64_t first;                 /* first sequence it may hold */
    uint64_t last;                  /* last complete sequence; first - 1 when empty */
    uint64_t end;                   /* offset behind the last complete batch */
    uint64_t newest_ms;             /* wall time of its last batch */
    uint64_t marked_ms;             /* ... of its last marked batch; 0: it has none */
    uint64_t marked_last;           /* sequence of its last marked batch */
    uint64_t topics;                /* of its marked batches; of those found at open they are unknown: all */
    uint32_t place_shift;           /* offset >> place_shift: one of the places */
    cc_place_in_log places[PLACES]; /* the first batch that begins in each part of the file */
    uint32_t pins;                  /* readers and syncs inside; freed only at 0 */
    bool dirty;                     /* holds bytes no sync has covered */
    bool dropped;                   /* off the list, freed at the last unpin */
};

typedef struct {
    char name[CURSOR_NAME + 1];
    uint64_t sequence;
} cc_cursor;

typedef struct {
    uint64_t generation;
    uint64_t synced; /* records up to here are certainly on the medium */
    uint64_t last_epoch;
    uint64_t last_dropped; /* last sequence of the newest dropped segment */
    bool clean;            /* closed in order: no tail to doubt */
    uint32_t cursor_count;
    cc_cursor cursors[CURSOR_MAX];
} cc_log_state;

struct cc_log {
    cc_log_options options;
    cc_fs *fs;
    char directory[PATH_SIZE - 64]; /* "" in MEMORY mode */
    volatile uint32_t *alive;       /* a page that fork() wipes: 1 in the owner, 0 in a child */
    cc_file *lock_file, *state_file;
    cc_mutex mutex; /* guards all below; never held across a sync */
    cc_cond synced_changed;
    cc_segment *oldest, *newest;
    cc_log_state state;
    uint64_t last;
    uint64_t disk_bytes;
    uint64_t torn_bytes;
    uint64_t marked_gone; /* of the dropped segments: their last marked_last */
    uint64_t syncs;
    uint64_t spare_size; /* 0: no spare file */
    uint32_t readers;
    bool spare_coming;  /* a rename to it is under way */
    bool names_changed; /* a segment was made or renamed since the directory was synced */
    bool syncing, poisoned, stopping;
    pthread_t syncer;
    bool has_syncer;
};

/* ---- segment.c ---- */
CC_MUST_CHECK cc_status cc_segment_create(cc_log *log, uint64_t size, uint64_t first,
                                          cc_segment **segment_out, cc_error *error);
/* Opens the file and validates every record; `end`, `last` tell how far it is good, *torn_out
 * whether something that is no clean end follows. */
CC_MUST_CHECK cc_status cc_segment_open(cc_log *log, const char *name, cc_segment **segment_out,
                                        bool *torn_out, cc_error *error);
void cc_segment_free(cc_log *log, cc_segment *segment);
void cc_segment_path(const cc_log *log, uint64_t first, char *path_out);
/* One store, through the vtable when the file system watches stores. */
void cc_segment_store(cc_log *log, cc_segment *segment, uint64_t offset, const void *data, size_t size);
/* Makes every record behind `end` unreadable, durably, so that none can ever follow a new one. */
CC_MUST_CHECK cc_status cc_segment_wipe_tail(cc_log *log, cc_segment *segment, cc_error *error);
/* Whether a file of `size` bytes named `name` begins with these as a segment does; only then are the others set. */
bool cc_segment_header_read(const uint8_t *head, uint64_t size, const char *name, uint64_t *epoch_out,
                            uint64_t *first_out);
/* True when a record stands at `offset` that checks and that could have been written: opening, check and repair take
 * no other one. */
bool cc_segment_record(const cc_segment *segment, uint64_t offset, cc_record_header *header_out);

/* A whole batch was put, or found, at `offset`. */
void cc_segment_took(cc_segment *segment, uint64_t offset, const cc_record_header *header, uint64_t topics);

static inline uint64_t cc_record_span(uint64_t payload) {
    return (RECORD_HEADER + payload + 7) & ~(uint64_t)7;
}

/* ---- state.c ---- */
bool cc_log_name_valid(const char *name, size_t size); /* 1-64 of [A-Za-z0-9_.-] */
typedef enum {
    CC_SLOT_UNUSED,
    CC_SLOT_GOOD,
    CC_SLOT_CUT /* by the end of the file */,
    CC_SLOT_DAMAGED
} cc_slot_state;
/* The newer good slot; *state_out is untouched when there is none yet. CC_ERR_CORRUPT: one is damaged, none good. */
CC_MUST_CHECK cc_status cc_log_state_read(cc_fs *fs, cc_file *file, cc_log_state *state_out,
                                          cc_slot_state states_out[2], cc_error *error);
CC_MUST_CHECK cc_status cc_log_state_load(cc_log *log, cc_error *error);
CC_MUST_CHECK cc_status cc_log_state_save(cc_log *log, cc_error *error);

/* ---- recover.c ---- */
enum { SEGMENT_NAME = 24 };
typedef struct {
    char (*names)[SEGMENT_NAME + 1]; /* from malloc; in order of sequence */
    size_t count, capacity;
    bool failed, has_spare;
} cc_segment_names;
/* The names of the segments in a directory; free(names_out->names) in any case. */
CC_MUST_CHECK cc_status cc_log_list_segments(cc_fs *fs, const char *directory, cc_segment_names *names_out,
                                             cc_error *error);
/* True when file `index` lies below what was dropped as a whole: the next one starts at or below it too. */
bool cc_log_dropped_before(const cc_segment_names *names, size_t index, uint64_t last_dropped);
/* Fills the segment list from the directory; see the file's head for the rules. */
CC_MUST_CHECK cc_status cc_log_recover(cc_log *log, cc_error *error);

/* ---- log.c ---- */
CC_MUST_CHECK cc_status cc_log_check_owner(const cc_log *log, cc_error *error);
/* Mutex held; the caller frees the result (may be NULL) when it holds the mutex no longer. */
CC_MUST_CHECK cc_segment *cc_log_unpin(cc_segment *segment);
void cc_log_push_newest(cc_log *log, cc_segment *segment);

/* ---- sync.c ---- */
/* Mutex held on entry and exit, released while the medium works. */
CC_MUST_CHECK cc_status cc_log_sync_locked(cc_log *log, uint64_t sequence, cc_error *error);
CC_MUST_CHECK cc_status cc_log_syncer_start(cc_log *log, cc_error *error);
void cc_log_syncer_stop(cc_log *log);

#endif
