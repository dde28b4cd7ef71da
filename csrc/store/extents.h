/* extents.h: which blocks of the page file are in use, and for whom.
 *
 *   held      pages of the checkpoint before the newest one, to fall back to
 *   live      pages of the newest checkpoint
 *   building  pages that the checkpoint being taken has named so far
 *   fresh     pages written since, by it or by an eviction, that no finished checkpoint names
 *   young     the fresh ones that were written while a checkpoint is being taken
 *   pinned    values lie there that are to be read again (spill.h): a count per block
 *
 * A block is free when none of them has it. Nothing is kept on disk: at open the maps are made of what the
 * checkpoints name, so no leak outlives a process. A page that is in memory no longer referred to goes free
 * when the checkpoints that name it are gone; a fresh one at once by cc_extents_release, or unasked when the
 * second checkpoint from then on has finished. Thread rule: the store's lock. */
#ifndef CC_STORE_EXTENTS_H
#define CC_STORE_EXTENTS_H

#include "base/bytes.h"

typedef struct {
    uint64_t *words;
    size_t count;
} cc_block_map;

typedef enum {
    CC_HELD,
    CC_LIVE,
    CC_BUILDING,
    CC_FRESH,
    CC_YOUNG,
    CC_PINNED,
    CC_TAKEN,
    CC_MAP_COUNT
} cc_map_name;

typedef struct {
    cc_block_map maps[CC_MAP_COUNT]; /* CC_TAKEN: in any of the others */
    uint64_t reserved;               /* blocks at the front that are no extents */
    uint64_t blocks;                 /* of the file, as far as it is used */
    uint64_t next;                   /* behind the run found last */
    uint64_t scarce;                 /* runs of this many blocks are at the end alone; 0: not known */
    uint64_t unsearched;             /* blocks unpinned since a search ended with `scarce` */
    bool counts_pins;                /* set before the first block is taken by whoever pins any */
    uint16_t *pins;                  /* per block */
    size_t pin_count;
} cc_extents;

void cc_extents_init(cc_extents *extents, uint64_t reserved_blocks);
void cc_extents_free(cc_extents *extents);
/* A free run of `count` blocks; it is fresh afterwards (and young, `young`). CC_ERR_NOMEM. */
CC_MUST_CHECK cc_status cc_extents_take(cc_extents *extents, uint64_t count, bool young, uint64_t *first_out);
/* Gives a run back that only memory refers to; nothing happens to one that is not fresh. */
void cc_extents_release(cc_extents *extents, uint64_t first, uint64_t count);
/* Marks a run in a map of checkpoints; *overlap_out: some block of it was in that map before. CC_ERR_NOMEM. */
CC_MUST_CHECK cc_status cc_extents_mark(cc_extents *extents, cc_map_name map, uint64_t first, uint64_t count,
                                        bool *overlap_out);
/* The blocks that hold `size` bytes at `offset`, taken or marked before, are not given out until each pin is off again;
 * a block has less than 65,536 of them. */
void cc_extents_pin(cc_extents *extents, uint64_t offset, uint64_t size);
void cc_extents_unpin(cc_extents *extents, uint64_t offset, uint64_t size);
void cc_extents_forget(cc_extents *extents, cc_map_name map);
/* A checkpoint begins; ended: it failed; it is the newest one. */
void cc_extents_begin(cc_extents *extents);
void cc_extents_abandon(cc_extents *extents);
void cc_extents_publish(cc_extents *extents);
uint64_t cc_extents_used(const cc_extents *extents); /* blocks in any map */

#endif
