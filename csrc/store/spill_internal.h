/* spill_internal.h: what spill.c and evict.c share. */
#ifndef CC_STORE_SPILL_INTERNAL_H
#define CC_STORE_SPILL_INTERNAL_H

#include "store/internal.h"

struct cc_spill {
    cc_store *store;
    uint64_t budget;
    cc_heap values;   /* blocks of all spaces */
    cc_arena reads;   /* CC_SPILL_TURN */
    cc_buffer once;   /* CC_SPILL_ONCE */
    cc_buffer window; /* bytes of the file from window_at on, read ahead */
    uint64_t window_at, read_end;
    cc_buffer chunk; /* values on their way out */
    cc_file
        *scratch; /* of a store opened for reading: where they go instead of the page file; NULL: nowhere */
    uint64_t scratch_size;
    cc_error failed;  /* the first read that failed under this lock; its status is CC_OK when none did */
    cc_error blocked; /* why the last eviction failed; CC_OK: it did not */
    uint64_t away_count, away_bytes; /* values that are on the disk alone */
    uint64_t disk_reads, disk_read_bytes, written_bytes, write_failures, read_failures;
};

/* In cc_apart.where: it is a place in the scratch file, which only ever grows. */
#define CC_SPILL_SCRATCH ((uint64_t)1 << 63)

/* A value in memory. */
typedef struct {
    cc_cell *owner;
    cc_heap *heap; /* of the owner */
    uint8_t bytes[];
} cc_value_block;

static inline cc_value_block *cc_value_block_of(const cc_apart *apart) {
    return (cc_value_block *)(void *)(apart->value - sizeof(cc_value_block));
}
/* With its head, as far as it may be used. */
size_t cc_value_block_size(const cc_apart *apart);

/* Until the budget holds, or nothing more can go. */
void cc_spill_evict(cc_spill *spill);

#endif
