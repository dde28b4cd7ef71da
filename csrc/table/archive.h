/* archive.h: what happened to one table, as bytes that are kept and applied to another table later.
 *
 *   change   u64 log sequence | u64 wall time, ms | entry (store/snapshot.h; without a value: a delete)
 *
 * Point-in-time recovery is an image of a table at one sequence and the changes behind it. Changes are read
 * from the store's feed (store/feed.h), so the table's feed must be on; those of one log record, a
 * transaction's, are never split between two reads. Without the store's lock and the GIL. */
#ifndef CC_TABLE_ARCHIVE_H
#define CC_TABLE_ARCHIVE_H

#include "store/feed.h"
#include "table/table.h"

typedef struct cc_archive_reader cc_archive_reader;

/* Reads the changes of a table behind `after`. One thread at a time; close it before the tables. */
CC_MUST_CHECK cc_status cc_archive_open(cc_tables *tables, cc_bytes name, uint64_t after,
                                        cc_archive_reader **reader_out, cc_error *error);
void cc_archive_close(cc_archive_reader *reader);

typedef struct {
    size_t count;           /* 0: there is nothing more yet */
    uint64_t last, last_ms; /* sequence and time of the last change */
    uint64_t seen;          /* with count 0: every change up to this sequence was given out */
} cc_archive_page;
/* Appends changes to `out` until it has grown by `size` bytes. On failure `out` is as before, and what
 * was met is lost to this reader: open another one. */
CC_MUST_CHECK cc_status cc_archive_read(cc_archive_reader *reader, size_t size, cc_buffer *out,
                                        cc_archive_page *page_out, cc_error *error);

/* Takes the first change off; false at the end, and for bytes that are none. */
bool cc_archive_change(cc_bytes *changes, uint64_t *sequence_out, uint64_t *time_ms_out, cc_bytes *entry_out);

/* Which of the changes count: those behind sequence `after` and not earlier than `since_ms`, up to the first
 * one later than `until_ms`. `stamped`: values end with the time, a u64, and a delete's is the time alone, so that
 * a table of them tells of every key what became of it last, and when. */
typedef struct {
    uint64_t after, since_ms, until_ms;
    bool stamped;
    bool past;      /* out: a later one was met, and so nothing further counts */
    uint64_t count; /* out: added up */
} cc_archive_span;
/* Takes the time off the end of a stamped value; what is left of a delete is no item: size 0. False: there is none. */
bool cc_stamp_take(cc_bytes *value, uint64_t *time_ms_out);
/* The entries of the changes that count, appended, for cc_table_load. CC_ERR_CORRUPT: bytes that are no changes. */
CC_MUST_CHECK cc_status cc_archive_entries(cc_bytes changes, cc_archive_span *span, cc_buffer *out,
                                           cc_error *error);

#endif
