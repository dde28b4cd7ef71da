/* spill.h: a store under a memory budget: values that are not used leave memory for the page file.
 *
 *   cell  | head | key | cc_apart: value, where, crc |           the space's heap, always in memory
 *                                  |      |
 *            block | owner, heap | bytes |  page file | ... bytes ... |
 *
 *   in memory alone --evict: written beside others of its slab--> on the disk alone
 *        ^    \--checkpoint: its leaf's page has it--> both --evict: nothing to write--> on the disk alone
 *        |                                              ^--------- read by its key -----------/
 *        \--overwritten: the bytes on the disk are let go-- any
 *
 * Keys and both indexes stay in memory, with 24 bytes a value. Blocks of values are in a heap of their own, which is
 * emptied slab by slab from the oldest (CLOCK): what was read since the hand passed moves to a younger slab, the rest
 * leaves, and the slab is free for anything. That happens when the lock is released, so that what a caller was given
 * stays where it is until then.
 *
 * Bytes on the disk are only a cache of what log and checkpoints hold: nothing at open depends on them but that a
 * checkpoint's own pages are the home of its values, so that a store opens without writing them again. A block of the
 * file that such bytes lie in is pinned (extents.h): never written to until the last of them is let go. Each value
 * is read with its CRC. What was evicted between checkpoints moves into the pages of the next one.
 *
 * A value that cannot be read is no absent item: the read says so (cc_store_failure), and a write under the same lock
 * is refused. A value that cannot be written stays; when much more than the budget is in use, puts are refused.
 *
 * Thread rule: the store's lock. */
#ifndef CC_STORE_SPILL_H
#define CC_STORE_SPILL_H

#include "store/cell.h"
#include "store/store.h"

enum {
    CC_SPILL_MIN = 64,
    CC_SPILL_KEY_MAX = 8192
}; /* smaller values, and those of longer keys, stay in their cells */

/* ---- values of cells ---- */
/* Memory for a value of `size` bytes, behind cc_cell_value_data. */
CC_MUST_CHECK bool cc_spill_room(cc_heap *heap, cc_cell *cell, size_t size);
/* The value is in memory, and one of `size` bytes can take its place. */
bool cc_spill_fits(const cc_cell *cell, size_t size);
/* Neither memory nor disk need keep the value any more. */
void cc_spill_forget(cc_heap *heap, cc_cell *cell);
/* The value in memory is about to change: what is on the disk is not it. */
void cc_spill_changes(cc_heap *heap, cc_cell *cell);
/* The value lies at `where` in the page file too, with this CRC-32C. */
void cc_spill_place(cc_heap *heap, cc_cell *cell, uint64_t where, uint32_t crc);

/* A value on the disk is in memory too, if there is any. */
void cc_spill_fill(cc_heap *heap, cc_cell *cell, cc_bytes value);

/* How long a value that is read from the disk stays in memory. */
typedef enum {
    CC_SPILL_STAY, /* as long as others do, */
    CC_SPILL_KEEP, /* and, while values can leave, those that were asked for by their key */
    CC_SPILL_TURN, /* until the lock is released: a walk passes it */
    CC_SPILL_ONCE  /* until the next read of this kind */
} cc_spill_use;
/* The value of a cell with CC_CELL_APART; false: it cannot be read, see cc_spill_failure. */
CC_MUST_CHECK bool cc_spill_read(cc_heap *heap, cc_cell *cell, cc_spill_use use, cc_bytes *value_out);

/* ---- the store's ---- */
CC_MUST_CHECK cc_status cc_spill_open(cc_store *store, uint64_t budget, const char *scratch_dir,
                                      cc_error *error);
/* After the spaces, which are told first that there is none. */
void cc_spill_close(cc_store *store);
/* No space has anything left, and the maps of the page file begin anew. */
void cc_spill_reset(cc_store *store);
/* What `bytes` more would take is within the budget. */
bool cc_spill_has_room(const cc_store *store, size_t bytes);
/* Nobody needs what was read for a turn; what is over the budget leaves. */
void cc_spill_settle(cc_store *store);
/* The lock is about to be released: also forgets a failure. */
void cc_spill_unlock(cc_store *store);
/* Refuses a write after a failed read; with puts, when memory is out and the disk takes nothing. */
CC_MUST_CHECK cc_status cc_spill_admit(cc_store *store, const cc_change *changes, size_t count,
                                       cc_error *error);
/* The status of a read that failed since the lock was taken; CC_OK: none did. */
CC_MUST_CHECK cc_status cc_spill_failure(const cc_store *store, cc_error *error);
void cc_spill_info(const cc_store *store, cc_store_info *info);

#endif
