/* snapshot.h: a space as it was at one moment, read once in order while writers go on.
 *
 *   live tree    a   b'  -   d   e   f'        what writers have made of it since
 *   kept             b   c           f         what was there before: the snapshot's own small tree
 *                        ^ position: behind it nothing is kept any more
 *
 * While a snapshot of a space is open, the first change of each key puts the old value, or that there was
 * none, into the snapshot; a read walks both trees merged, the kept entry before the live one. What the
 * reader has passed needs no old value and is dropped, so a snapshot costs memory only for keys that change
 * ahead of it. A space without snapshots pays one test per change.
 *
 * A writer never fails for a snapshot's sake: when memory for an old value is out, or `memory_max` is
 * reached, the snapshot is lost and its next read says so. A space that is dropped lives on, unseen, until
 * its last snapshot is closed.
 *
 * Thread rule: cc_snapshot_open under the store's lock; read, info and close take it themselves, and one
 * snapshot belongs to one thread at a time. Close snapshots before the store (CC_ERR_BUSY otherwise). */
#ifndef CC_STORE_SNAPSHOT_H
#define CC_STORE_SNAPSHOT_H

#include "store/store.h"

typedef struct cc_snapshot cc_snapshot;

typedef struct {
    uint64_t sequence; /* of the store's log, or of its feed in memory: what is up to it is in the view */
    uint64_t item_count, item_bytes;
    uint64_t read_count;  /* entries read so far */
    uint64_t kept_count;  /* old values held now */
    uint64_t kept_memory; /* bytes of the slabs that hold them */
    uint64_t memory_peak;
} cc_snapshot_info;

/* Of a space, not of an index. `memory_max`: most bytes of old values; 0: no bound. */
CC_MUST_CHECK cc_status cc_snapshot_open(cc_space *space, size_t memory_max, cc_snapshot **snapshot_out,
                                         cc_error *error);
/* Appends the next entries to `out` until it has grown by `size` bytes (the last entry may pass that), in
 * many short turns of the lock; *count_out 0: the end was reached. CC_ERR_FULL: the snapshot is lost. On a
 * failure `out` is as before and the next read goes on where this one began. */
CC_MUST_CHECK cc_status cc_snapshot_read(cc_snapshot *snapshot, size_t size, cc_buffer *out,
                                         size_t *count_out, cc_error *error);
void cc_snapshot_info_get(cc_snapshot *snapshot, cc_snapshot_info *info_out);
/* NULL is allowed. */
void cc_snapshot_close(cc_snapshot *snapshot);

/* Entries: u32 value size | u16 partition size | u16 sort size | partition | sort | value. Where changes are
 * kept in this form, a value size of CC_ENTRY_NO_VALUE is a delete; a read of a snapshot makes none.
 * cc_snapshot_entry takes the first one off; value_out->data is NULL for a delete. False at the end, and for
 * bytes that are no entry. */
#define CC_ENTRY_NO_VALUE UINT32_MAX
bool cc_snapshot_entry(cc_bytes *entries, cc_key *key_out, cc_bytes *value_out);
/* `value` NULL: a delete. */
CC_MUST_CHECK cc_status cc_entry_append(cc_buffer *out, cc_key key, const cc_bytes *value);

#endif
